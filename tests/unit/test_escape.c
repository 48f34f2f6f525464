/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/escape.h"
#include "unit.h"

static void
forms(void **state)
{
	char buf[64];

	(void)state;
	assert_string_equal(escape(buf, sizeof(buf), "iqn.2026-01.a:b ~", 17),
	    "iqn.2026-01.a:b ~");
	assert_string_equal(escape(buf, sizeof(buf), "a\\b", 3), "a\\\\b");
	assert_string_equal(escape(buf, sizeof(buf), "\0\n\x1b[2J\x7f\xc3", 8),
	    "\\x00\\x0a\\x1b[2J\\x7f\\xc3");
	assert_string_equal(escape(buf, sizeof(buf), NULL, 0), "");
	assert_ptr_equal(escape(buf, sizeof(buf), "x", 1), buf);
}

static void
cuts_between_characters(void **state)
{
	char buf[64];

	(void)state;
	assert_string_equal(escape(buf, 9, "12345678", 8), "12345678");
	assert_string_equal(escape(buf, 8, "12345678", 8), "1234...");
	assert_string_equal(escape(buf, 8, "\n\n", 2), "\\x0a...");
	assert_string_equal(escape(buf, 9, "12\n\n", 4), "12...");
	assert_string_equal(escape(buf, 4, "12345678", 8), "...");
	assert_string_equal(escape(buf, 3, "12345678", 8), "12");
	assert_string_equal(escape(buf, 2, "\n", 1), "");
	assert_string_equal(escape(buf, 1, "12345678", 8), "");
}

static void
never_past_the_end(void **state)
{
	uint8_t all[256];
	char buf[1100];

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)i;
	for (size_t size = 1; size < sizeof(buf); size++) {
		memset(buf, '#', sizeof(buf));
		escape(buf, size, all, sizeof(all));
		assert_true(strnlen(buf, size) < size);
		assert_int_equal(buf[size], '#');
		for (const char *p = buf; *p != '\0'; p++)
			assert_in_range(*p, 0x20, 0x7e);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(cuts_between_characters),
		cmocka_unit_test(never_past_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
