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

static void
utf8(const char *src, const char *want)
{
	char *exact = malloc(ESCAPE_UTF8_SIZE(strlen(src)));

	assert_non_null(exact);
	assert_string_equal(escape_utf8(exact, src, strlen(src)), want);
	free(exact);
}

static void
utf8_stays(void **state)
{
	static const char *const texts[] = {
		"",
		"/mnt/a \\x \"b\"\n\x7f",
		"\xc2\x80\xdf\xbf",
		"\xe0\xa0\x80\xe2\x82\xac\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf",
		"\xf0\x90\x80\x80\xf0\x9f\x92\xbe\xf4\x8f\xbf\xbf",
	};

	(void)state;
	for (size_t i = 0; i < countof(texts); i++)
		utf8(texts[i], texts[i]);
}

static void
other_bytes_do_not(void **state)
{
	(void)state;
	utf8("/\xff/\xfe", "/\\xff/\\xfe");
	utf8("\x80z", "\\x80z");
	/* Cut short. */
	utf8("\xc3", "\\xc3");
	utf8("\xe2\x82", "\\xe2\\x82");
	utf8("\xf0\x9f\x92z", "\\xf0\\x9f\\x92z");
	/* Overlong, a surrogate, beyond the last plane. */
	utf8("\xc0\xaf", "\\xc0\\xaf");
	utf8("\xe0\x9f\xbf", "\\xe0\\x9f\\xbf");
	utf8("\xed\xa0\x80", "\\xed\\xa0\\x80");
	utf8("\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf");
	utf8("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
	/* What follows is looked at again. */
	utf8("\xe2\xc3\xa9", "\\xe2\xc3\xa9");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(cuts_between_characters),
		cmocka_unit_test(never_past_the_end),
		cmocka_unit_test(utf8_stays),
		cmocka_unit_test(other_bytes_do_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
