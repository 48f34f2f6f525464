/* SPDX-License-Identifier: BSD-2-Clause */
/* inquiry.h: standard data, whole, short, and there and back. */
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
		.lu_cong = true,
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
test_versions(void **state)
{
	(void)state;
	assert_string_equal(inquiry_version_name(0x0960), "iSCSI");
	assert_string_equal(inquiry_version_name(0x0463), "SPC-4");
	assert_string_equal(inquiry_version_name(0x04c5), "SBC-3");
	assert_string_equal(inquiry_version_name(0x0020), "SAM");
	assert_string_equal(inquiry_version_name(0x1f00), "SAT-4");
	assert_null(inquiry_version_name(0));
	assert_null(inquiry_version_name(0x001f));
	assert_null(inquiry_version_name(0xffff));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_standard),
		cmocka_unit_test(test_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
