/* SPDX-License-Identifier: BSD-2-Clause */
/* inquiry.h: standard data and VPD pages, whole, short, and there and back. */
#include "unit.h"

#include <errno.h>

#include "proto/inquiry.h"
#include "proto/scsi.h"

/* What Debian's tgtd 1.0.85 answers for a disk (the first 66 bytes). */
static const uint8_t tgt[66] = { 0x00, 0x00, 0x05, 0x02, 61, 0, 0, 0x02, 'I',
	'E', 'T', ' ', ' ', ' ', ' ', ' ', 'V', 'I', 'R', 'T', 'U', 'A', 'L',
	'-', 'D', 'I', 'S', 'K', ' ', ' ', ' ', ' ', '0', '0', '0',
	'1', [58] = 0x03, 0x20, 0x09, 0x60, 0x03, 0x00, 0x00, 0x00 };

static void
test_standard(void **state)
{
	struct inquiry q, again;
	uint8_t buf[96];
	size_t len;
	int n;

	(void)state;
	assert_int_equal(inquiry_get(tgt, sizeof(tgt), &q), 0);
	assert_int_equal(q.type, SCSI_TYPE_DISK);
	assert_int_equal(q.version, 5);
	assert_true(q.cmdque);
	assert_string_equal(q.vendor, "IET");
	assert_string_equal(q.product, "VIRTUAL-DISK");
	assert_string_equal(q.revision, "0001");
	assert_int_equal(q.versions[0], 0x0320);
	assert_int_equal(q.versions[1], 0x0960);
	for (len = 0; len < sizeof(tgt); len++) {
		assert_int_equal(
		    inquiry_get(tgt, len, &q), len < 5 ? -EBADMSG : 0);
		if (len >= 5 && len <= 8)
			assert_string_equal(q.vendor, "");
		if (len == 10)
			assert_string_equal(q.vendor, "IE");
	}
	/* ADDITIONAL LENGTH ends the data, whatever was sent behind it. */
	memcpy(buf, tgt, sizeof(tgt));
	buf[4] = 11;
	assert_int_equal(inquiry_get(buf, sizeof(tgt), &q), 0);
	assert_string_equal(q.vendor, "IET");
	assert_string_equal(q.product, "");

	memset(&q, 0, sizeof(q));
	q = (struct inquiry){ .qualifier = 3,
		.type = 0x1f,
		.version = 6,
		.response_format = 2,
		.hisup = true,
		.tpgs = 1,
		.third_party_copy = true,
		.multiport = true,
		.cmdque = true,
		.vendor = "LUNTAP",
		.product = "sixteen letters.",
		.revision = "1",
		.versions = { 0x0960, 0x0460 } };
	n = inquiry_put(buf, sizeof(buf), &q);
	assert_int_equal(n, 96);
	assert_int_equal(buf[4], 91);
	assert_int_equal(inquiry_get(buf, sizeof(buf), &again), 0);
	assert_memory_equal(&q, &again, sizeof(q));
	q.versions[0] = 0;
	assert_int_equal(inquiry_put(buf, sizeof(buf), &q), 36);
	assert_int_equal(inquiry_put(buf, 35, &q), -EMSGSIZE);
}

static void
test_pages(void **state)
{
	struct vpd_supported s = { 3, { 0x00, 0x80, 0xb0 } }, got;
	char serial[VPD_SERIAL_MAX + 1];
	uint8_t buf[300];
	struct vpd v;
	int n;

	(void)state;
	n = vpd_supported_put(buf, sizeof(buf), 0, &s);
	assert_int_equal(n, 7);
	assert_int_equal(vpd_supported_get(buf, 7, &got), 0);
	assert_int_equal(got.n, 3);
	assert_true(vpd_supported_has(&got, 0xb0));
	assert_false(vpd_supported_has(&got, 0xb2));
	assert_int_equal(vpd_supported_get(buf, 6, &got), 0);
	assert_int_equal(got.n, 2);
	assert_int_equal(vpd_serial_get(buf, 7, serial), -EBADMSG);
	n = vpd_serial_put(buf, sizeof(buf), 0, "beaf11  ");
	assert_int_equal(vpd_serial_get(buf, (size_t)n, serial), 0);
	assert_string_equal(serial, "beaf11");
	assert_int_equal(vpd_get(buf, (size_t)n - 2, &v), 0);
	assert_int_equal(v.page, 0x80);
	assert_int_equal(v.page_len, 8);
	assert_int_equal(v.body_len, 6);
	assert_int_equal(vpd_get(buf, 3, &v), -EBADMSG);
	/* Bytes behind the page are not the page's. */
	buf[3] = 2;
	assert_int_equal(vpd_serial_get(buf, (size_t)n, serial), 0);
	assert_string_equal(serial, "be");
}

static void
test_designators(void **state)
{
	static const uint8_t naa[8] = { 0x60, 1, 2, 3, 4, 5, 6, 7 };
	static const struct designator put[] = {
		{ .code_set = DESIGNATOR_ASCII,
		    .type = DESIGNATOR_T10,
		    .len = 6,
		    .value = (const uint8_t *)"LUNTAP" },
		{ .code_set = DESIGNATOR_BINARY,
		    .type = DESIGNATOR_NAA,
		    .association = DESIGNATOR_PORT,
		    .piv = true,
		    .protocol = 5,
		    .len = 8,
		    .value = naa },
	};
	struct designator d;
	uint8_t buf[64];
	size_t pos = 0;
	int n;

	(void)state;
	n = vpd_designators_put(buf, sizeof(buf), 0, put, 2);
	assert_int_equal(n, 4 + 10 + 12);
	assert_int_equal(vpd_designator_get(buf, (size_t)n, &pos, &d), 1);
	assert_int_equal(d.type, DESIGNATOR_T10);
	assert_int_equal(d.len, 6);
	assert_memory_equal(d.value, "LUNTAP", 6);
	assert_false(d.piv);
	assert_int_equal(vpd_designator_get(buf, (size_t)n, &pos, &d), 1);
	assert_int_equal(d.type, DESIGNATOR_NAA);
	assert_int_equal(d.association, DESIGNATOR_PORT);
	assert_int_equal(d.protocol, 5);
	assert_memory_equal(d.value, naa, 8);
	assert_int_equal(vpd_designator_get(buf, (size_t)n, &pos, &d), 0);
	/* The second is cut. */
	pos = 10;
	assert_int_equal(
	    vpd_designator_get(buf, (size_t)n - 1, &pos, &d), -EBADMSG);
	assert_int_equal(pos, 10);
	pos = 1000;
	assert_int_equal(
	    vpd_designator_get(buf, (size_t)n, &pos, &d), -EBADMSG);
	assert_int_equal(
	    vpd_designators_put(buf, (size_t)n - 1, 0, put, 2), -EMSGSIZE);
}

static void
test_block_limits(void **state)
{
	static const struct vpd_block_limits l = { .wsnz = true,
		.max_compare_and_write = 1,
		.optimal_granularity = 2,
		.max_transfer = 3,
		.optimal_transfer = 4,
		.max_prefetch = 5,
		.max_unmap_lbas = 6,
		.max_unmap_descriptors = 7,
		.unmap_granularity = 8,
		.ugavalid = true,
		.unmap_alignment = 9,
		.max_write_same = UINT64_C(10) << 32 };
	struct vpd_block_limits got;
	uint8_t buf[64];

	(void)state;
	assert_int_equal(vpd_block_limits_put(buf, sizeof(buf), 0, &l), 64);
	assert_int_equal(vpd_block_limits_get(buf, 64, &got), 0);
	assert_memory_equal(&l, &got, sizeof(l));
	/* SBC-2's page of 16 bytes. */
	buf[3] = 12;
	assert_int_equal(vpd_block_limits_get(buf, 64, &got), 0);
	assert_int_equal(got.optimal_transfer, 4);
	assert_int_equal(got.max_prefetch, 0);
	assert_int_equal(got.max_unmap_lbas, 0);
	assert_false(got.ugavalid);
	assert_int_equal(vpd_block_limits_get(buf, 15, &got), -EBADMSG);
	/* Cut in the middle of a field: the field is absent. */
	buf[3] = 60;
	assert_int_equal(vpd_block_limits_get(buf, 23, &got), 0);
	assert_int_equal(got.max_prefetch, 5);
	assert_int_equal(got.max_unmap_lbas, 0);
}

static void
test_other_pages(void **state)
{
	static const struct vpd_provisioning p = { .threshold_exponent = 1,
		.lbpu = true,
		.lbpws = true,
		.lbpws10 = true,
		.lbprz = 5,
		.anc_sup = true,
		.dp = true,
		.provisioning_type = PROVISIONING_THIN };
	static const struct vpd_block_characteristics b = { .rotation_rate =
								7200,
		.product_type = 1,
		.wabereq = 2,
		.wacereq = 1,
		.form_factor = 3,
		.fuab = true,
		.vbuls = true };
	static const struct vpd_extended e = { .spt = 5,
		.grd_chk = true,
		.ref_chk = true,
		.simpsup = true,
		.headsup = true,
		.v_sup = true,
		.luiclr = true,
		.max_sense_len = 252 };
	static const struct mode_page_policy m = { 0x3f, 0xff, true, 3 };
	struct vpd_block_characteristics b2;
	struct vpd_provisioning p2;
	struct mode_page_policy m2;
	struct vpd_extended e2;
	uint8_t buf[64];
	size_t pos = 0;

	(void)state;
	assert_int_equal(vpd_provisioning_put(buf, 64, 0, &p), 8);
	assert_int_equal(vpd_provisioning_get(buf, 8, &p2), 0);
	assert_memory_equal(&p, &p2, sizeof(p));
	assert_int_equal(vpd_provisioning_get(buf, 5, &p2), -EBADMSG);
	assert_int_equal(vpd_block_characteristics_put(buf, 64, 0, &b), 64);
	assert_int_equal(vpd_block_characteristics_get(buf, 64, &b2), 0);
	assert_memory_equal(&b, &b2, sizeof(b));
	assert_int_equal(vpd_extended_put(buf, 64, 0, &e), 64);
	assert_int_equal(vpd_extended_get(buf, 64, &e2), 0);
	assert_memory_equal(&e, &e2, sizeof(e));
	assert_int_equal(vpd_mode_page_policies_put(buf, 64, 0, &m, 1), 8);
	assert_int_equal(vpd_mode_page_policy_get(buf, 8, &pos, &m2), 1);
	assert_memory_equal(&m, &m2, sizeof(m));
	assert_int_equal(vpd_mode_page_policy_get(buf, 8, &pos, &m2), 0);
	assert_int_equal(vpd_block_limits_get(buf, 8, NULL), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_standard),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_designators),
		cmocka_unit_test(test_block_limits),
		cmocka_unit_test(test_other_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
