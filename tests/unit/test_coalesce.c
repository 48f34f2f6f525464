/* SPDX-License-Identifier: BSD-2-Clause */
/* coalesce.h: a target in virtual time, which answers after so long. */
#include "unit.h"

#include "io/coalesce.h"

static struct coalesce c;
static uint64_t now;
static struct coalesce_load load;

/* What a user sees: so many in flight, their answers come `group` at a time
 * every gap ns for each, with so many bytes. */
struct user {
	unsigned depth;
	unsigned group;
	uint64_t gap;
	uint64_t fastest;
	uint64_t rx, tx;
};

static const struct user slow_target = { 32, 1, 24 * CLOCK_US, 60 * CLOCK_US,
	4144, 48 };

static int
setup(void **state)
{
	(void)state;
	memset(&c, 0, sizeof(c));
	memset(&load, 0, sizeof(load));
	now = 1000 * CLOCK_S;
	return 0;
}

static size_t
turn(const struct user *u, unsigned group)
{
	now += group * u->gap;
	load.answers = group;
	load.in_flight = u->depth - group;
	load.fastest = u->fastest;
	load.rx_bytes += group * u->rx;
	load.tx_bytes += group * u->tx;
	return coalesce(&c, &load, now);
}

/* The bytes that are waited for after a while. */
static size_t
steady(const struct user *u)
{
	for (unsigned i = 0; i < 1000; i++) {
		size_t bytes;

		bytes = turn(u, u->group);
		if (bytes > 0)
			return bytes;
		load.answers = 0; /* its next requests */
		load.in_flight = u->depth;
		bytes = coalesce(&c, &load, now);
		if (bytes > 0)
			return bytes;
	}
	return 0;
}

static void
waits_for_a_quarter_of_what_queues_at_the_target(void **state)
{
	(void)state;
	assert_int_equal(steady(&slow_target), 8 * 4144);
}

/* Or for fewer, if they are large and come slowly. */
static void
waits_for_some_large_answers(void **state)
{
	struct user u = slow_target;

	(void)state;
	u.rx = 262144 + 48;
	u.gap = 300 * CLOCK_US;
	assert_int_equal(steady(&u), 3 * (262144 + 48));
}

static void
holds_nothing_back_that_the_target_could_begin(void **state)
{
	struct user u = slow_target;

	(void)state;
	/* 32 at a time, each 768 us: the line is long, no queue. */
	u.fastest = 700 * CLOCK_US;
	assert_int_equal(steady(&u), 0);
	u.fastest = CLOCK_NEVER;
	assert_int_equal(steady(&u), 0);
}

static void
leaves_alone_who_gains_nothing(void **state)
{
	struct user u;

	setup(state);
	u = slow_target;
	u.depth = 15;
	assert_int_equal(steady(&u), 0);
	setup(state);
	u = slow_target;
	u.group = 4; /* by themselves */
	assert_int_equal(steady(&u), 0);
	setup(state);
	u = slow_target;
	u.gap = 501 * CLOCK_US;
	assert_int_equal(steady(&u), 0);
	setup(state);
	u = slow_target;
	u.tx = 65536 + 48;
	assert_int_equal(steady(&u), 0);
}

static void
window_that_saw_a_pause_does_not_count(void **state)
{
	(void)state;
	for (int i = 0; i < 60; i++)
		assert_int_equal(turn(&slow_target, 1), 0);
	now += CLOCK_S;
	for (int i = 0; i < 60; i++)
		assert_int_equal(turn(&slow_target, 1), 0);
	assert_int_equal(steady(&slow_target), 8 * 4144);
}

static void
ends_when_the_answers_stay_away(void **state)
{
	size_t bytes = steady(&slow_target);

	(void)state;
	assert_int_equal(turn(&slow_target, 8), bytes);
	load.answers = 0;
	now += COALESCE_WAIT / 2;
	assert_int_equal(coalesce(&c, &load, now), bytes);
	now += COALESCE_WAIT / 2;
	assert_int_equal(coalesce(&c, &load, now), 0);
	assert_int_equal(turn(&slow_target, 8), 0);
}

static void
never_waits_for_more_than_is_in_flight(void **state)
{
	size_t bytes = steady(&slow_target);

	(void)state;
	load.answers = 16;
	load.in_flight = 8;
	assert_int_equal(coalesce(&c, &load, now), 0);
	load.answers = 0;
	load.in_flight = 9;
	assert_int_equal(coalesce(&c, &load, now), bytes);
}

static void
looks_again_after_a_while(void **state)
{
	size_t bytes = steady(&slow_target);
	uint64_t began = now;
	unsigned turns = 0;

	(void)state;
	while (turn(&slow_target, 8) == bytes)
		assert_true(++turns < 10000);
	assert_in_range(now - began, 50 * CLOCK_MS, 500 * CLOCK_MS);
	assert_int_equal(steady(&slow_target), bytes);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(waits_for_a_quarter_of_what_queues_at_the_target),
		T(waits_for_some_large_answers),
		T(holds_nothing_back_that_the_target_could_begin),
		T(leaves_alone_who_gains_nothing),
		T(window_that_saw_a_pause_does_not_count),
		T(ends_when_the_answers_stay_away),
		T(never_waits_for_more_than_is_in_flight),
		T(looks_again_after_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
