/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_impl - what the files of the comparison share: diff.c reads pairs of
 * chunks, has them compared and tells what differs, diff_plan.c says where the
 * next pair lies.
 *
 * Pairs are numbered in the order of the content and stand in a ring; what
 * differs is told when one leaves it, as the oldest.
 */
#ifndef FRONT_DIFF_IMPL_H
#define FRONT_DIFF_IMPL_H

#include "front/depth.h"
#include "front/diff.h"

#define DIFF_EXTENTS 256

/* One half of a pair. */
struct half {
	struct bdev_req req;
	struct iovec iov;
	struct error why;
	struct pair *pair;
	uint8_t *buf; /* of config.chunk bytes; NULL until it is needed */
	bool zeros;   /* a hole: not read */
};

struct pair {
	struct diff *diff;
	SLIST_ENTRY(pair) link; /* of those that are spare */
	uint64_t at;
	uint64_t length; /* less than was planned, when a stream has ended */
	bool skip;	 /* holes on both sides: of any length, not read */
	bool done;
	unsigned reading; /* halves */
	struct half half[2];
	bool same;
	uint8_t *units; /* a bit for each that differs; unless they are same */
	struct job job;
};

/* What is known of the holes of a side. */
struct side {
	struct diff *diff;
	struct bdev *bdev;
	bool tells; /* it can be asked */
	bool asking;
	struct bdev_req req;
	struct bdev_extent extents[DIFF_EXTENTS];
	unsigned n;
	uint64_t from; /* where the first one begins ... */
	uint64_t to;   /* ... and the last one ends */
};

struct diff {
	struct loop *loop;
	struct diff_config config;
	struct side side[2];
	struct diff_status status;
	struct depth depth;
	struct pair **ring;
	SLIST_HEAD(, pair) spare; /* the last used first */
	uint64_t head;		  /* number of the oldest pair in the ring */
	uint64_t tail;		  /* number of the next one */
	uint64_t next;		  /* where it begins */
	uint64_t end; /* where the last one ends, as far as is known */
	bool probe;   /* then a stream is to be read on, whether it has more */
	uint64_t run; /* where the extent begins that is being gathered ... */
	uint64_t run_end; /* ... and where it ends so far */
	struct deferred pump;
	bool stopping;
	bool ended;	  /* done() was called */
	struct error why; /* class ERROR_NONE: nothing went wrong */
};

/* diff.c */
void diff_moved_on(struct diff *);

/* diff_plan.c */
void diff_plan_init(struct diff *);
/* Where the next pair lies: 1 with at, length, skip, and zeros of its halves,
 * or 0: none now (the end, or extents are being asked for). */
int diff_plan_next(struct diff *, struct pair *);

#endif
