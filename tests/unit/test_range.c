/* SPDX-License-Identifier: BSD-2-Clause */
/* Range locks: who waits for whom, and a long random run against a model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "block/range.h"

static bool
add(struct range_set *set, struct range *range, uint64_t first, uint64_t end)
{
	range->first = first;
	range->end = end;
	return range_add(set, range);
}

static void
range_apart(void **state)
{
	struct range_set set;
	struct range a, b, c;

	(void)state;
	range_set_init(&set);
	assert_true(add(&set, &a, 10, 20));
	assert_true(add(&set, &b, 0, 10));
	assert_true(add(&set, &c, 20, UINT64_MAX));
	range_remove(&set, &b);
	range_remove(&set, &a);
	range_remove(&set, &c);
	assert_null(range_granted(&set));
}

static void
range_in_order(void **state)
{
	struct range_set set;
	struct range a, b, c, d;

	(void)state;
	range_set_init(&set);
	assert_true(add(&set, &a, 0, 8));
	assert_false(add(&set, &b, 4, 6));
	assert_false(add(&set, &c, 5, 9));
	assert_true(add(&set, &d, 9, 10));
	assert_null(range_granted(&set));
	range_remove(&set, &a);
	assert_ptr_equal(range_granted(&set), &b);
	assert_null(range_granted(&set));
	range_remove(&set, &b);
	assert_ptr_equal(range_granted(&set), &c);
	assert_null(range_granted(&set));
	range_remove(&set, &d);
	range_remove(&set, &c);
	assert_null(range_granted(&set));
}

/* One that waits holds up a later one that only it overlaps. */
static void
range_fair(void **state)
{
	struct range_set set;
	struct range a, wide, later;

	(void)state;
	range_set_init(&set);
	assert_true(add(&set, &a, 0, 1));
	assert_false(add(&set, &wide, 0, 100));
	assert_false(add(&set, &later, 50, 51));
	range_remove(&set, &a);
	assert_ptr_equal(range_granted(&set), &wide);
	assert_null(range_granted(&set));
	range_remove(&set, &wide);
	assert_ptr_equal(range_granted(&set), &later);
	range_remove(&set, &later);
}

static void
range_several_at_once(void **state)
{
	struct range_set set;
	struct range a, b, c, newcomer;

	(void)state;
	range_set_init(&set);
	assert_true(add(&set, &a, 0, 10));
	assert_false(add(&set, &b, 0, 5));
	assert_false(add(&set, &c, 5, 10));
	range_remove(&set, &a);
	assert_ptr_equal(range_granted(&set), &b);
	/* Added between two grants. */
	assert_false(add(&set, &newcomer, 4, 6));
	assert_ptr_equal(range_granted(&set), &c);
	assert_null(range_granted(&set));
	range_remove(&set, &b);
	assert_null(range_granted(&set));
	range_remove(&set, &c);
	assert_ptr_equal(range_granted(&set), &newcomer);
	range_remove(&set, &newcomer);
}

#define N     200
#define SPACE 64

static void
range_random(void **state)
{
	static struct range ranges[N];
	static unsigned order[N];
	enum { FREE, WAITS, HOLDS } what[N];
	struct range_set set;
	struct range *got;
	unsigned round, i, k, stamp = 0;

	(void)state;
	srand(1);
	range_set_init(&set);
	memset(what, 0, sizeof(what));
	for (round = 0; round < 200000; round++) {
		i = (unsigned)rand() % N;
		if (what[i] == FREE && round < 190000) {
			order[i] = ++stamp;
			k = (unsigned)rand() % SPACE;
			what[i] = add(&set, &ranges[i], k,
				      k + 1 + (unsigned)rand() % 4)
				      ? HOLDS
				      : WAITS;
		} else if (what[i] == HOLDS) {
			what[i] = FREE;
			range_remove(&set, &ranges[i]);
			while ((got = range_granted(&set)) != NULL) {
				assert_int_equal(what[got - ranges], WAITS);
				what[got - ranges] = HOLDS;
			}
		}
		/* It holds exactly when no earlier one overlaps. */
		i = (unsigned)rand() % N;
		if (what[i] == FREE)
			continue;
		for (k = 0; k < N; k++) {
			if (k != i && what[k] != FREE && order[k] < order[i] &&
			    ranges[k].first < ranges[i].end &&
			    ranges[i].first < ranges[k].end)
				break;
		}
		assert_int_equal(what[i] == HOLDS, k == N);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(range_apart),
		cmocka_unit_test(range_in_order),
		cmocka_unit_test(range_fair),
		cmocka_unit_test(range_several_at_once),
		cmocka_unit_test(range_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
