/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/error.h"
#include "unit.h"

static void
fills_and_fails(void **state)
{
	struct error e = { 0 };

	(void)state;
	assert_int_equal(
	    error_set(&e, ERROR_REFUSED, "login to %s: %d", "x", 7), -1);
	assert_int_equal(e.class, ERROR_REFUSED);
	assert_string_equal(e.text, "login to x: 7");
	assert_int_equal(error_set(NULL, ERROR_IO, "nobody asks"), -1);
}

static void
prefixes_itself(void **state)
{
	struct error e;

	(void)state;
	error_set(&e, ERROR_IO, "refused");
	error_set(&e, e.class, "portal %s: %s", "p", e.text);
	assert_string_equal(e.text, "portal p: refused");
}

static void
cuts(void **state)
{
	struct error e;
	char big[2000];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	error_set(&e, ERROR_FAILED, "%s", big);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	error_set(&e, ERROR_FAILED, "y%s", e.text);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_int_equal(e.text[0], 'y');
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_and_fails),
		cmocka_unit_test(prefixes_itself),
		cmocka_unit_test(cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
