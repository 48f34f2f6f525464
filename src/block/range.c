/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A list in order of arrival; each range counts the earlier ones that it
 * overlaps, and holds its lock when the count is 0.
 *
 *     A [0,8)  held      B [4,6)  1 blocker (A)     C [5,9)  2 blockers (A, B)
 *
 * Adding scans the list once.  Removing scans what came later, and only when
 * somebody waits at all.  The list is as long as there are writes in flight on
 * one device (a pool's worth), which a linear scan passes in less time than a
 * tree takes to rebalance.
 */
#include <stddef.h>

#include "block/range.h"

static bool
range_overlaps(const struct range *a, const struct range *b)
{
	return a->first < b->end && b->first < a->end;
}

void
range_set_init(struct range_set *set)
{
	TAILQ_INIT(&set->ranges);
	TAILQ_INIT(&set->granted);
	set->waiting = 0;
}

bool
range_add(struct range_set *set, struct range *range)
{
	const struct range *other;

	range->blockers = 0;
	TAILQ_FOREACH (other, &set->ranges, link) {
		if (range_overlaps(other, range))
			range->blockers++;
	}
	TAILQ_INSERT_TAIL(&set->ranges, range, link);
	if (range->blockers == 0)
		return true;
	set->waiting++;
	return false;
}

void
range_remove(struct range_set *set, struct range *range)
{
	struct range *later;

	later = TAILQ_NEXT(range, link);
	TAILQ_REMOVE(&set->ranges, range, link);
	if (set->waiting == 0)
		return;
	for (; later != NULL; later = TAILQ_NEXT(later, link)) {
		if (!range_overlaps(range, later) || --later->blockers != 0)
			continue;
		set->waiting--;
		TAILQ_INSERT_TAIL(&set->granted, later, granted_link);
	}
}

struct range *
range_granted(struct range_set *set)
{
	struct range *range;

	range = TAILQ_FIRST(&set->granted);
	if (range != NULL)
		TAILQ_REMOVE(&set->granted, range, granted_link);
	return range;
}
