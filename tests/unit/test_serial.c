/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/serial.h"
#include "unit.h"

static void
order_survives_the_wrap(void **state)
{
	static const uint32_t from[] = { 0, 1, 0x7fffffff, 0x80000000,
		0xfffffffe, 0xffffffff };
	static const uint32_t ahead[] = { 1, 2, 1000, 0x7fffffff };

	(void)state;
	for (size_t i = 0; i < countof(from); i++) {
		uint32_t a = from[i];

		assert_true(sn_le(a, a) && sn_ge(a, a));
		assert_false(sn_lt(a, a) || sn_gt(a, a));
		assert_int_equal(sn_diff(a, a), 0);
		for (size_t j = 0; j < countof(ahead); j++) {
			uint32_t b = a + ahead[j];

			assert_true(sn_lt(a, b) && sn_le(a, b));
			assert_true(sn_gt(b, a) && sn_ge(b, a));
			assert_false(sn_gt(a, b) || sn_ge(a, b));
			assert_false(sn_lt(b, a) || sn_le(b, a));
			assert_int_equal(sn_diff(b, a), ahead[j]);
			assert_int_equal(sn_diff(a, b), -(int32_t)ahead[j]);
		}
	}
}

static void
half_way_round_nothing_is_newer(void **state)
{
	(void)state;
	assert_false(sn_gt(0x80000000, 0));
	assert_false(sn_gt(0, 0x80000000));
	assert_false(sn_ge(0x80000005, 5));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_survives_the_wrap),
		cmocka_unit_test(half_way_round_nothing_is_newer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
