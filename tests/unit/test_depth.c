/* SPDX-License-Identifier: BSD-2-Clause */
/* front/depth: lines of all lengths, in virtual time. */
#include "unit.h"

#include "base/clock.h"
#include "front/depth.h"
#include "prng.h"

#define CHUNK (UINT64_C(256) << 10)

/* A line that delays each chunk so long and takes one after the other. */
struct line {
	uint64_t delay;	   /* ns */
	double rate;	   /* bytes per ns */
	unsigned jitter;   /* of a delay, in percent */
	unsigned hesitant; /* every so many chunks the copy does not fill it */
};

/* Chunks of a copy; the depth at the end. */
static unsigned
run_from(const struct line *line, unsigned first, unsigned most, unsigned n)
{
	struct prng dice = { 7 };
	uint64_t ends[64] = { 0 }; /* of those in flight */
	uint64_t now = 1, free_at = 0;
	struct depth d;
	unsigned head = 0, tail = 0, i;

	depth_init(&d, first, most);
	for (i = 1; i <= n; i++) {
		for (; tail - head < d.now; tail++) {
			uint64_t delay = line->delay;

			if (line->jitter > 0)
				delay += delay *
					 prng_below(&dice, line->jitter) / 100;
			if (free_at < now)
				free_at = now;
			free_at += (uint64_t)((double)CHUNK / line->rate);
			ends[tail % 64] = free_at + delay;
		}
		if (now < ends[head % 64])
			now = ends[head % 64];
		head++;
		depth_done(&d, CHUNK,
		    line->hesitant == 0 || i % line->hesitant != 0, now);
		assert_in_range(d.now, first, most);
	}
	return d.now;
}

static unsigned
run(const struct line *line)
{
	return run_from(line, 8, 64, 20000);
}

/* 4 GB/s from the same host, with more or with less delay of its own. */
static void
near_stays(void **state)
{
	static const struct line lines[] = {
		{ .delay = 50 * CLOCK_US, .rate = 4 },
		{ .delay = 400 * CLOCK_US, .rate = 4 },
		{ .delay = 800 * CLOCK_US, .rate = 4 },
		{ .delay = 100 * CLOCK_US, .rate = 4, .jitter = 300 },
	};

	(void)state;
	for (size_t i = 0; i < countof(lines); i++)
		assert_int_equal(run(&lines[i]), 8);
}

/* A line that eight chunks fill is not made faster by more of them. */
static void
slow_stays(void **state)
{
	static const struct line lines[] = {
		{ .delay = CLOCK_MS, .rate = 0.1 },
		{ .delay = 10 * CLOCK_MS, .rate = 0.1 },
		{ .delay = 100 * CLOCK_MS, .rate = 0.01, .jitter = 50 },
	};

	(void)state;
	for (size_t i = 0; i < countof(lines); i++)
		assert_int_equal(run(&lines[i]), 8);
}

/* What is in flight comes to fill the line, and does not go far beyond. */
static void
far_gets_what_it_needs(void **state)
{
	static const struct {
		struct line line;
		unsigned depth;
	} cases[] = {
		{ { .delay = 20 * CLOCK_MS, .rate = 0.125 }, 16 },
		{ { .delay = 2 * CLOCK_MS, .rate = 1.25 }, 16 },
		{ { .delay = 8 * CLOCK_MS, .rate = 1.25 }, 64 },
		{ { .delay = 50 * CLOCK_MS, .rate = 0.125, .jitter = 50 }, 32 },
		{ { .delay = 100 * CLOCK_MS, .rate = 1.25 }, 64 },
	};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++)
		assert_int_equal(run(&cases[i].line), cases[i].depth);
}

static void
never_beyond_the_most(void **state)
{
	static const struct line far = { .delay = 100 * CLOCK_MS, .rate = 2 };

	(void)state;
	assert_int_equal(run_from(&far, 8, 8, 5000), 8);
	assert_int_equal(run_from(&far, 8, 15, 5000), 8);
	assert_int_equal(run_from(&far, 8, 16, 5000), 16);
	assert_int_equal(run_from(&far, 3, 25, 5000), 24);
	assert_int_equal(run_from(&far, 1, 64, 5000), 64);
}

/* A bound of the rate, or a source that has nothing, is no distance. */
static void
what_is_not_full_stays(void **state)
{
	static const struct line line = {
		.delay = 20 * CLOCK_MS, .rate = 0.125, .hesitant = 30
	};

	(void)state;
	assert_int_equal(run(&line), 8);
}

static void
most_below_first(void **state)
{
	struct depth d;

	(void)state;
	depth_init(&d, 8, 0);
	assert_int_equal(d.now, 8);
	assert_int_equal(d.most, 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(near_stays),
		cmocka_unit_test(slow_stays),
		cmocka_unit_test(far_gets_what_it_needs),
		cmocka_unit_test(never_beyond_the_most),
		cmocka_unit_test(what_is_not_full_stays),
		cmocka_unit_test(most_below_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
