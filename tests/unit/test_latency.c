/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd/latency.h: numbers whose answers are known. */
#include "unit.h"

#include "cmd/latency.h"

static void
test_few(void **state)
{
	struct latency l;
	char text[LATENCY_TEXT];

	(void)state;
	latency_init(&l);
	assert_int_equal(latency_mean(&l), 0);
	assert_int_equal(latency_deviation(&l), 0);
	assert_int_equal(latency_percentile(&l, 500), 0);
	latency_add(&l, 1234567);
	assert_int_equal(latency_percentile(&l, 1), 1234567);
	assert_int_equal(latency_percentile(&l, 999), 1234567);
	assert_int_equal(latency_deviation(&l), 0);
	assert_string_equal(latency_text(text, l.max), "1.234");
	assert_string_equal(latency_text(text, 999), "0.000");
	latency_init(&l);
	for (uint64_t ns = 2; ns <= 9; ns += 7)
		latency_add(&l, ns * 1000);
	latency_add(&l, 4000);
	assert_int_equal(l.min, 2000);
	assert_int_equal(l.max, 9000);
	assert_int_equal(latency_mean(&l), 5000);
	/* The root of (9 + 16 + 1) / 3 is 2.944 */
	assert_in_range(latency_deviation(&l), 2943, 2944);
}

static void
test_percentiles(void **state)
{
	struct latency l;

	(void)state;
	latency_init(&l);
	for (uint64_t ns = 1; ns <= 100000; ns++)
		latency_add(&l, ns * 100);
	for (unsigned p = 1; p <= 1000; p++) {
		uint64_t exact = p * UINT64_C(10000);
		uint64_t got = latency_percentile(&l, p);

		assert_in_range(got, exact, exact + exact / 64 + 1);
	}
	assert_int_equal(latency_percentile(&l, 1000), 10000000);
}

/* Any value has a class, and no class is passed by its end. */
static void
test_every_size(void **state)
{
	struct latency l;

	(void)state;
	for (unsigned bit = 0; bit < 64; bit++)
		for (int off = -1; off <= 1; off++) {
			uint64_t ns = (UINT64_C(1) << bit) + (uint64_t)off;
			uint64_t got;

			latency_init(&l);
			latency_add(&l, ns);
			latency_add(&l, UINT64_MAX);
			got = latency_percentile(&l, 500);
			assert_true(got >= ns && got - ns <= ns / 64);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_every_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
