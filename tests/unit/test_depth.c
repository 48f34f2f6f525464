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
	unsigned stalls;   /* every so many chunks for 60 ms */
};

struct transfer {
	struct depth depth;
	struct prng dice;
	uint64_t now, free_at;
	uint64_t ends[64]; /* of those in flight */
	unsigned head, tail;
};

static void
begin_chunk(struct transfer *t, const struct line *line)
{
	uint64_t delay = line->delay;

	if (line->jitter > 0)
		delay += delay * prng_below(&t->dice, line->jitter) / 100;
	if (line->stalls > 0 && t->tail % line->stalls == 0)
		t->free_at += 60 * CLOCK_MS;
	if (t->free_at < t->now)
		t->free_at = t->now;
	t->free_at += (uint64_t)((double)CHUNK / line->rate);
	t->ends[t->tail++ % 64] = t->free_at + delay;
}

/* So many chunks; the depth that it has come to. */
static unsigned
go_on(struct transfer *t, const struct line *line, unsigned n)
{
	struct depth *d = &t->depth;

	while (n-- > 0) {
		while (t->tail - t->head < d->now)
			begin_chunk(t, line);
		if (t->now < t->ends[t->head % 64])
			t->now = t->ends[t->head % 64];
		t->head++;
		depth_done(d, CHUNK,
		    line->hesitant == 0 || t->head % line->hesitant != 0,
		    t->now);
		assert_in_range(d->now, d->first, d->most);
	}
	return d->before > 0 ? d->before : d->now;
}

static unsigned
run_from(const struct line *line, unsigned first, unsigned most, unsigned n)
{
	struct transfer t = { .dice = { 7 }, .now = 1 };

	depth_init(&t.depth, first, most);
	return go_on(&t, line, n);
}

static unsigned
run(const struct line *line)
{
	return run_from(line, 8, 64, 20000);
}

static void
all_stay(const struct line *lines, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(run(&lines[i]), 8);
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
	all_stay(lines, countof(lines));
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
	all_stay(lines, countof(lines));
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

/* A bound of the rate is no distance. */
static void
what_is_not_full_stays(void **state)
{
	static const struct line line = {
		.delay = 20 * CLOCK_MS, .rate = 0.125, .hesitant = 30
	};

	(void)state;
	assert_int_equal(run(&line), 8);
}

/* What was found is not for ever. */
static void
lines_change(void **state)
{
	static const struct line near = { .delay = 50 * CLOCK_US, .rate = 4 },
				 stalls = { .delay = 50 * CLOCK_US,
					 .rate = 4,
					 .stalls = 30000 },
				 slow = { .delay = CLOCK_MS, .rate = 0.1 },
				 far = { .delay = 8 * CLOCK_MS, .rate = 1.25 };
	struct transfer t = { .dice = { 7 }, .now = 1 };

	(void)state;
	depth_init(&t.depth, 8, 64);
	assert_int_equal(go_on(&t, &slow, 10000), 8);
	assert_int_equal(go_on(&t, &far, 20000), 64);
	assert_int_equal(go_on(&t, &near, 200000), 8);
	assert_int_equal(go_on(&t, &stalls, 140000), 8);
	assert_int_equal(go_on(&t, &far, 100000), 64);
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
		cmocka_unit_test(lines_change),
		cmocka_unit_test(most_below_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
