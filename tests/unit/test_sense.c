/* SPDX-License-Identifier: BSD-2-Clause */
/* sense.h: both formats there and back, short ones, words, and errno. */
#include "unit.h"

#include <errno.h>

#include "proto/sense.h"

/* As a disk sends it: medium error at LBA 0x1234. */
static const uint8_t fixed[] = { 0xf0, 0, 0x03, 0, 0, 0x12, 0x34, 10, 0, 0, 0,
	0, 0x11, 0x04, 0, 0, 0, 0 };
static const uint8_t descriptor[] = { 0x72, 0x05, 0x24, 0x00, 0, 0, 0, 20,
	/* information */ 0x00, 10, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 2,
	/* sense key specific */ 0x02, 6, 0, 0, 0xcb, 0x00, 0x02, 0 };

static void
test_fixed(void **state)
{
	struct sense s;

	(void)state;
	assert_int_equal(sense_get(fixed, sizeof(fixed), &s), 0);
	assert_int_equal(s.key, SENSE_MEDIUM_ERROR);
	assert_int_equal(sense_code(&s), 0x1104);
	assert_true(s.information_valid && !s.deferred && !s.field_valid);
	assert_int_equal(s.information, 0x1234);
	assert_false(s.command_specific_valid);
}

static void
test_descriptor(void **state)
{
	struct sense s;

	(void)state;
	assert_int_equal(sense_get(descriptor, sizeof(descriptor), &s), 0);
	assert_int_equal(s.key, SENSE_ILLEGAL_REQUEST);
	assert_int_equal(sense_code(&s), SENSE_INVALID_FIELD_IN_CDB);
	assert_true(s.information_valid);
	assert_true(s.information == UINT64_C(0x100000002));
	assert_true(s.field_valid && s.field_in_cdb && s.field_bit_valid);
	assert_int_equal(s.field, 2);
	assert_int_equal(s.field_bit, 3);
}

/* A disk of SBC-3 may say all in one descriptor. */
static void
test_direct_access(void **state)
{
	static const uint8_t buf[40] = { 0x72, 0x05, 0x24, 0x00, 0, 0, 0, 32,
		0x0d, 30, 0x80, 0, 0xc0, 0x00, 0x07, 0x42, 1, 0, 0, 0, 0, 0, 0,
		5, 0, 0, 0, 0, 0, 0, 0, 9 };
	struct sense s;

	(void)state;
	assert_int_equal(sense_get(buf, sizeof(buf), &s), 0);
	assert_true(s.information_valid);
	assert_true(s.information == UINT64_C(0x0100000000000005));
	assert_true(s.command_specific_valid);
	assert_int_equal(s.command_specific, 9);
	assert_true(s.field_valid && s.field_in_cdb);
	assert_int_equal(s.field, 7);
	assert_int_equal(sense_get(buf, 39, &s), 0);
	assert_false(s.information_valid);
}

/* Every length: no garbage, and what is there is right. */
static void
test_short(void **state)
{
	struct sense s;
	size_t len;

	(void)state;
	for (len = 0; len < sizeof(fixed); len++) {
		memset(&s, 0x5a, sizeof(s));
		assert_int_equal(
		    sense_get(fixed, len, &s), len < 3 ? -EBADMSG : 0);
		if (len < 3)
			continue;
		assert_int_equal(s.key, SENSE_MEDIUM_ERROR);
		assert_int_equal(s.information_valid, len >= 7);
		assert_int_equal(s.asc, len > 12 ? 0x11 : 0);
		assert_int_equal(s.ascq, len > 13 ? 0x04 : 0);
	}
	for (len = 0; len < sizeof(descriptor); len++) {
		assert_int_equal(
		    sense_get(descriptor, len, &s), len < 4 ? -EBADMSG : 0);
		if (len < 4)
			continue;
		assert_int_equal(s.asc, 0x24);
		assert_int_equal(s.information_valid, len >= 20);
		assert_false(s.field_valid);
	}
	assert_int_equal(
	    sense_get((const uint8_t *)"\x7f\0\0\0\0\0\0", 7, &s), -EBADMSG);
}

static void
test_round(void **state)
{
	struct sense s, got;
	uint8_t buf[SENSE_DESCRIPTOR_MAX + 8];
	int format, n;

	(void)state;
	for (format = 0; format < 2; format++) {
		sense_set(
		    &s, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
		s.information_valid = true;
		s.information = 0xdeadbeef;
		s.command_specific_valid = true;
		s.command_specific = 7;
		s.field_valid = s.field_in_cdb = s.field_bit_valid = true;
		s.field = 1;
		s.field_bit = 5;
		n = sense_put(buf, sizeof(buf), format == 1, &s);
		assert_in_range(n, 18, sizeof(buf));
		assert_int_equal(sense_get(buf, (size_t)n, &got), 0);
		assert_memory_equal(&s, &got, sizeof(s));
		assert_int_equal(
		    sense_put(buf, (size_t)n - 1, format == 1, &s), -EMSGSIZE);
	}
	/* 64 bits of information fit in descriptors only. */
	sense_set(&s, SENSE_MEDIUM_ERROR, SENSE_READ_ERROR);
	s.information_valid = true;
	s.information = UINT64_C(1) << 40;
	n = sense_put(buf, sizeof(buf), false, &s);
	assert_int_equal(sense_get(buf, (size_t)n, &got), 0);
	assert_false(got.information_valid);
	n = sense_put(buf, sizeof(buf), true, &s);
	assert_int_equal(sense_get(buf, (size_t)n, &got), 0);
	assert_true(got.information == s.information);
}

static void
test_text(void **state)
{
	char text[SENSE_TEXT];
	struct sense s;

	(void)state;
	assert_int_equal(sense_get(fixed, sizeof(fixed), &s), 0);
	assert_string_equal(sense_text(text, sizeof(text), &s),
	    "MEDIUM ERROR, UNRECOVERED READ ERROR - AUTO REALLOCATE FAILED "
	    "(3/11/04), LBA 4660");
	sense_set(&s, SENSE_UNIT_ATTENTION, 0xfffe);
	assert_string_equal(sense_text(text, sizeof(text), &s),
	    "UNIT ATTENTION, vendor specific additional sense code (6/ff/fe)");
	/* As long as it gets. */
	s = (struct sense){ .deferred = true,
		.key = 12,
		.asc = 0x23,
		.ascq = 0x03,
		.information_valid = true,
		.information = UINT64_MAX,
		.field_valid = true,
		.field = UINT16_MAX };
	assert_non_null(strstr(sense_text(text, sizeof(text), &s),
	    ", byte 65535 of the parameter list"));
}

static int
errno_of(enum sense_key key, unsigned code)
{
	struct sense s;

	sense_set(&s, key, code);
	return sense_errno(&s);
}

static void
test_errno(void **state)
{
	struct sense s;

	(void)state;
	assert_int_equal(errno_of(SENSE_NO_SENSE, 0), 0);
	assert_int_equal(errno_of(SENSE_RECOVERED_ERROR, 0x1700), 0);
	assert_int_equal(errno_of(SENSE_DATA_PROTECT, 0x2707), -ENOSPC);
	assert_int_equal(errno_of(SENSE_DATA_PROTECT, 0x2700), -EROFS);
	assert_int_equal(errno_of(SENSE_MEDIUM_ERROR, 0x1100), -EIO);
	assert_int_equal(errno_of(SENSE_ABORTED_COMMAND, 0x4705), -EIO);
	/* A deferred error is of an earlier command: this one was not done. */
	sense_set(&s, SENSE_RECOVERED_ERROR, 0x1700);
	s.deferred = true;
	assert_int_equal(sense_errno(&s), -EIO);
}

static void
test_attention(void **state)
{
	struct sense s;

	(void)state;
	sense_set(&s, SENSE_UNIT_ATTENTION, SENSE_NEXUS_LOSS);
	assert_true(sense_unit_attention(&s) && sense_reset(&s));
	sense_set(&s, SENSE_UNIT_ATTENTION, SENSE_CAPACITY_CHANGED);
	assert_true(sense_capacity_changed(&s) && !sense_reset(&s));
	sense_set(&s, SENSE_UNIT_ATTENTION, SENSE_INQUIRY_CHANGED);
	assert_true(sense_inquiry_changed(&s) && !sense_luns_changed(&s));
	sense_set(&s, SENSE_UNIT_ATTENTION, SENSE_REPORTED_LUNS_CHANGED);
	assert_true(sense_luns_changed(&s));
	sense_set(&s, SENSE_NOT_READY, SENSE_CAPACITY_CHANGED);
	assert_false(sense_capacity_changed(&s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_direct_access),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_errno),
		cmocka_unit_test(test_attention),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
