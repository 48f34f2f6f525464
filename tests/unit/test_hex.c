/* SPDX-License-Identifier: BSD-2-Clause */
/* hex.h */
#include "unit.h"

#include "base/hex.h"

static void
every_character(void **state)
{
	static const char lower[] = "0123456789abcdef";
	static const char upper[] = "0123456789ABCDEF";

	(void)state;
	for (int c = -128; c < 256; c++) {
		const char *l = c > 0 ? strchr(lower, c) : NULL;
		const char *u = c > 0 ? strchr(upper, c) : NULL;
		int want = -1;

		if (l != NULL)
			want = (int)(l - lower);
		else if (u != NULL)
			want = (int)(u - upper);
		assert_int_equal(hex_digit((char)c), want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_character) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
