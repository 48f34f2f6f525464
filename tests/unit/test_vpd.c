/* SPDX-License-Identifier: BSD-2-Clause */
/* vpd.h: pages whole, short, and there and back. */
#include "unit.h"

#include <errno.h>

#include "proto/vpd.h"

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
		.max_write_same = UINT64_C(10) << 32,
		.max_atomic_transfer = 11,
		.atomic_alignment = 12,
		.atomic_granularity = 13,
		.max_atomic_transfer_with_boundary = 14,
		.max_atomic_boundary = 15 };
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
		.minimum_percentage = 30,
		.threshold_percentage = 90,
		.provisioning_type = PROVISIONING_THIN };
	static const struct vpd_block_characteristics b = { .rotation_rate =
								7200,
		.product_type = 1,
		.wabereq = 2,
		.wacereq = 1,
		.form_factor = 3,
		.zoned = 2,
		.bocs = true,
		.fuab = true,
		.depopulation_time = 0x01020304,
		.vbuls = true };
	/* Every other field, in both ways. */
	static const struct vpd_extended es[] = { { .activate_microcode = 2,
						      .spt = 5,
						      .grd_chk = true,
						      .ref_chk = true,
						      .group_sup = true,
						      .simpsup = true,
						      .headsup = true,
						      .crd_sup = true,
						      .v_sup = true,
						      .p_i_i_sup = true,
						      .lu_coll_type = 5,
						      .rtd_sup = true,
						      .dms_valid = true,
						      .ias = true,
						      .nrd1 = true,
						      .max_inquiry_logs = 0x102,
						      .cbcs = true,
						      .self_test_minutes = 770,
						      .hra_sup = true,
						      .max_sense_len = 252 },
		{ .app_chk = true,
		    .uask_sup = true,
		    .prior_sup = true,
		    .ordsup = true,
		    .wu_sup = true,
		    .nv_sup = true,
		    .luiclr = true,
		    .no_pi_chk = true,
		    .hssrelef = true,
		    .ibs = true,
		    .sac = true,
		    .nrd0 = true,
		    .max_mode_page_logs = 0x304,
		    .r_sup = true,
		    .multi_nexus_microcode = 15,
		    .poa_sup = true,
		    .vsa_sup = true } };
	struct vpd_block_characteristics b2;
	struct vpd_provisioning p2;
	struct vpd_extended e2;
	uint8_t buf[64];

	(void)state;
	assert_int_equal(vpd_provisioning_put(buf, 64, 0, &p), 8);
	assert_int_equal(vpd_provisioning_get(buf, 8, &p2), 0);
	assert_memory_equal(&p, &p2, sizeof(p));
	assert_int_equal(vpd_provisioning_get(buf, 5, &p2), -EBADMSG);
	assert_int_equal(vpd_block_characteristics_put(buf, 64, 0, &b), 64);
	assert_int_equal(vpd_block_characteristics_get(buf, 64, &b2), 0);
	assert_memory_equal(&b, &b2, sizeof(b));
	for (size_t i = 0; i < countof(es); i++) {
		assert_int_equal(vpd_extended_put(buf, 64, 0, &es[i]), 64);
		assert_int_equal(vpd_extended_get(buf, 64, &e2), 0);
		assert_memory_equal(&es[i], &e2, sizeof(e2));
	}
	assert_int_equal(vpd_block_limits_get(buf, 8, NULL), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_block_limits),
		cmocka_unit_test(test_other_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
