/* SPDX-License-Identifier: BSD-2-Clause */
/* sensecode.h: names from both ends of the table and its gaps. */
#include "unit.h"

#include "proto/sensecode.h"

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(
	    sensecode_name(0x00, 0x00), "NO ADDITIONAL SENSE INFORMATION");
	assert_string_equal(
	    sensecode_name(0x3f, 0x0e), "REPORTED LUNS DATA HAS CHANGED");
	assert_string_equal(
	    sensecode_name(0x11, 0x00), "UNRECOVERED READ ERROR");
	assert_string_equal(sensecode_name(0x74, 0x79),
	    "SECURITY CONFLICT IN TRANSLATED DEVICE");
	assert_string_equal(
	    sensecode_name(0x40, 0x80), "DIAGNOSTIC FAILURE ON COMPONENT");
	assert_string_equal(sensecode_name(0x40, 0x00), "RAM FAILURE");
	assert_string_equal(
	    sensecode_name(0x4d, 0xff), "TAGGED OVERLAPPED COMMANDS");
	assert_null(sensecode_name(0x40, 0x01));
	assert_null(sensecode_name(0x74, 0x7f));
	assert_null(sensecode_name(0x80, 0x00));
	assert_null(sensecode_name(0xff, 0xff));
}

/* The search finds every row only when they are in order. */
static void
test_order(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned code = 0; code <= 0xffff; code++)
		n +=
		    sensecode_name((uint8_t)(code >> 8), (uint8_t)code) != NULL;
	/* 532 rows, 128 components, 256 tags, 256 algorithms. */
	assert_int_equal(n, 532 + 128 + 256 + 256);
}

static void
test_vendor(void **state)
{
	(void)state;
	assert_true(sensecode_vendor_specific(0x80, 0x00));
	assert_true(sensecode_vendor_specific(0x11, 0x80));
	assert_false(sensecode_vendor_specific(0x11, 0x7f));
	assert_false(sensecode_vendor_specific(0x40, 0x80));
	assert_false(sensecode_vendor_specific(0x5d, 0xff));
	assert_string_equal(sensecode_words(0xff, 0xfe),
	    "vendor specific additional sense code");
	assert_string_equal(
	    sensecode_words(0x7f, 0x7f), "additional sense code not known");
	assert_string_equal(sensecode_words(0x27, 0x00), "WRITE PROTECTED");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_vendor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
