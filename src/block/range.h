/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * range - locks on ranges of blocks, so that each block of a device has one
 * writer at a time.
 *
 * They are fair: a range waits for every range added before it that it
 * overlaps, whether that one holds its lock or waits itself.  So overlapping
 * writes pass in the order of their submission, and none starves.
 *
 *     if (range_add(set, &mine.range))        held at once
 *             go(mine);
 *     ...
 *     range_remove(set, &mine.range);
 *     while ((range = range_granted(set)) != NULL)
 *             go(owner of range);             waited until now
 */
#ifndef BLOCK_RANGE_H
#define BLOCK_RANGE_H

#include <sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

/* Embedded in the owner's request; stays in place while it is in a set. */
struct range {
	uint64_t first;
	uint64_t end; /* the block behind the last; > first */

	/* The set's own. */
	unsigned blockers; /* earlier overlapping ranges still in the set */
	TAILQ_ENTRY(range) link;
	TAILQ_ENTRY(range) granted_link;
};
TAILQ_HEAD(range_list, range);

struct range_set {
	struct range_list ranges;  /* in order of arrival */
	struct range_list granted; /* not yet fetched */
	unsigned waiting;	   /* ranges with blockers */
};

void range_set_init(struct range_set *);
/* True: the lock is held.  False: range_granted() will return it. */
bool range_add(struct range_set *, struct range *);
/* Unlocks a range that is held (and was fetched, if it waited). */
void range_remove(struct range_set *, struct range *);
/* The next range that waited and holds its lock now, or NULL. */
struct range *range_granted(struct range_set *);

#endif
