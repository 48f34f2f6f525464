/* SPDX-License-Identifier: BSD-2-Clause */
/* front/record: lines that are as they should be, and those that are not. */
#include "front/record.h"
#include "unit.h"

static void
in_order(void **state)
{
	static const char text[] =
	    "name a b\nnumber 18446744073709551615\nzero 0\nrest";
	struct record r;

	(void)state;
	record_init(&r, text, sizeof(text) - 1);
	assert_true(record_same(record_text(&r, "name"), "a b"));
	assert_true(record_number(&r, "number") == UINT64_MAX);
	assert_int_equal(record_number(&r, "zero"), 0);
	assert_true(record_ok(&r));
	assert_string_equal(r.at, "rest");
	record_text(&r, "rest");
	assert_false(record_ok(&r));
}

static void
wrong_ones(void **state)
{
	static const char *const texts[] = {
		"n 1",
		"m 1\n",
		"n1\n",
		"n \n",
		"n\n",
		"",
		"n 01\n",
		"n -1\n",
		"n 18446744073709551616\n",
		"n 184467440737095516150\n",
		"n 1 \n",
		" n 1\n",
		"n  1\n",
		"n x\n",
		"nn 1\n",
	};
	struct record r;

	(void)state;
	for (size_t i = 0; i < countof(texts); i++) {
		record_init(&r, texts[i], strlen(texts[i]));
		assert_int_equal(record_number(&r, "n"), 0);
		assert_false(record_ok(&r));
	}
}

static void
an_error_sticks(void **state)
{
	struct record r;

	(void)state;
	record_init(&r, "a 1\nb 2\n", 8);
	assert_int_equal(record_number(&r, "b"), 0);
	assert_int_equal(record_number(&r, "a"), 0);
	assert_int_equal(record_text(&r, "a").len, 0);
	assert_false(record_ok(&r));
}

static void
what_fits(void **state)
{
	(void)state;
	assert_true(record_fits("a b", 3));
	assert_false(record_fits("a b", 2));
	assert_false(record_fits("", 3));
	assert_false(record_fits("a\nb", 3));
	assert_false(record_fits("a\x7f", 3));
	assert_true(record_fits("\xc3\xa4", 3));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(wrong_ones),
		cmocka_unit_test(an_error_sticks),
		cmocka_unit_test(what_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
