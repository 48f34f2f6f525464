/* SPDX-License-Identifier: BSD-2-Clause */
/* sensedetail.h: what only readers want, of sense data cut at every byte. */
#include "unit.h"

#include <errno.h>

#include "proto/sense.h"
#include "proto/sensedetail.h"

static void
test_fixed(void **state)
{
	static const uint8_t buf[] = { 0xf0, 0, 0xf3, 0, 0, 0, 1, 12, 0, 0, 0,
		0, 0x11, 0x00, 0x42, 0x80, 0x01, 0x02, 0xaa, 0xbb, 0xcc };
	struct sensedetail d;

	(void)state;
	for (size_t len = 0; len <= sizeof(buf); len++) {
		if (len < 3) {
			assert_int_equal(
			    sensedetail_get(buf, len, &d), -EBADMSG);
			continue;
		}
		assert_int_equal(sensedetail_get(buf, len, &d), 0);
		assert_false(d.descriptor_format);
		assert_true(d.filemark && d.eom && d.ili && d.sdat_ovfl);
		assert_int_equal(d.cut, len < 20);
		assert_int_equal(d.fru, len > 14 ? 0x42 : 0);
		if (len < 18) {
			assert_null(d.specific);
			assert_int_equal(d.rest_len, 0);
		} else {
			assert_ptr_equal(d.specific, buf + 15);
			assert_ptr_equal(d.rest, buf + 18);
			/* The last byte is not the device's. */
			assert_int_equal(d.rest_len, len > 20 ? 2 : len - 18);
		}
	}
}

static void
test_descriptors(void **state)
{
	static const uint8_t buf[] = { 0x73, 0x03, 0x11, 0, 0x80, 0, 0, 14,
		/* FRU */ 0x03, 2, 0, 7, /* vendor's, empty */ 0x80, 0,
		/* ATA */ 0x09, 6, 1, 2, 3, 4, 5, 6 };
	static const size_t ends[] = { 0, 4, 6, 14 };
	struct sense_descriptor x;
	struct sensedetail d;
	size_t pos, n;

	(void)state;
	assert_int_equal(sensedetail_get(buf, sizeof(buf), &d), 0);
	assert_true(d.descriptor_format && d.sdat_ovfl);
	assert_false(d.cut || d.filemark || d.eom || d.ili);
	assert_ptr_equal(d.rest, buf + 8);
	assert_int_equal(d.rest_len, 14);
	pos = 0;
	assert_int_equal(sense_descriptor_get(d.rest, 14, &pos, &x), 1);
	assert_int_equal(x.type, SENSE_DESC_FRU);
	assert_int_equal(x.len, 2);
	assert_ptr_equal(x.body, d.rest + 2);
	assert_int_equal(sense_descriptor_get(d.rest, 14, &pos, &x), 1);
	assert_int_equal(x.type, SENSE_DESC_VENDOR);
	assert_int_equal(x.len, 0);
	for (size_t len = 0; len <= 14; len++) {
		int more;

		pos = n = 0;
		while (
		    (more = sense_descriptor_get(d.rest, len, &pos, &x)) == 1)
			n++;
		assert_int_equal(pos, ends[n]);
		assert_int_equal(more, len == ends[n] ? 0 : -EBADMSG);
	}
	for (size_t len = 4; len < sizeof(buf); len++) {
		assert_int_equal(sensedetail_get(buf, len, &d), 0);
		assert_true(d.cut);
		assert_int_equal(d.rest_len, len > 8 ? len - 8 : 0);
	}
}

static void
test_specific(void **state)
{
	static const struct {
		uint8_t key;
		enum sense_specific_kind kind;
	} rows[] = {
		{ SENSE_NO_SENSE, SPECIFIC_PROGRESS },
		{ SENSE_RECOVERED_ERROR, SPECIFIC_RETRIES },
		{ SENSE_NOT_READY, SPECIFIC_PROGRESS },
		{ SENSE_MEDIUM_ERROR, SPECIFIC_RETRIES },
		{ SENSE_HARDWARE_ERROR, SPECIFIC_RETRIES },
		{ SENSE_ILLEGAL_REQUEST, SPECIFIC_FIELD },
		{ SENSE_UNIT_ATTENTION, SPECIFIC_OVERFLOW },
		{ SENSE_COPY_ABORTED, SPECIFIC_SEGMENT },
		{ SENSE_ABORTED_COMMAND, SPECIFIC_OTHER },
	};
	static const uint8_t bits[][3] = { { 0xcb, 0x12, 0x34 },
		{ 0xa5, 0x12, 0x34 }, { 0x7f, 0x12, 0x34 } };
	struct sense_specific s;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		assert_true(sense_specific_get(rows[i].key, bits[0], &s));
		assert_int_equal(s.kind, rows[i].kind);
		assert_int_equal(s.value, 0x1234);
		assert_true(s.in_cdb && s.bit_valid && s.overflow);
		assert_false(s.in_segment);
		assert_int_equal(s.bit, 3);
		assert_true(sense_specific_get(rows[i].key, bits[1], &s));
		assert_false(s.in_cdb || s.bit_valid);
		assert_true(s.in_segment && s.overflow);
		assert_int_equal(s.bit, 5);
		assert_false(sense_specific_get(rows[i].key, bits[2], &s));
	}
}

static void
test_descriptor_names(void **state)
{
	(void)state;
	assert_string_equal(sense_descriptor_name(0), "information");
	assert_string_equal(
	    sense_descriptor_name(0x0f), "microcode activation");
	assert_string_equal(sense_descriptor_name(0x10), "reserved");
	assert_string_equal(sense_descriptor_name(0x80), "vendor specific");
	assert_string_equal(sense_descriptor_name(0xff), "vendor specific");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_specific),
		cmocka_unit_test(test_descriptor_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
