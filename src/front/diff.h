/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff - compares two bdevs: many reads in flight on both sides, out of order
 * where both can, in order where one is a stream; memory is bounded by the
 * number of pairs of chunks in flight.  What is known to be a hole on both sides
 * is not read.
 *
 * Extents that differ are told in their order, neighbours as one, in units of
 * grain: its multiples are where they begin and end.
 */
#ifndef FRONT_DIFF_H
#define FRONT_DIFF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bdev.h"
#include "base/error.h"
#include "io/loop.h"

struct diff;

struct diff_config {
	/* What is compared: one of the two may be a stream.  They outlive the
	 * diff, as do their names, which are for messages. */
	struct bdev *bdev[2];
	const char *name[2];
	uint64_t offset;     /* where it begins, in both; 0 with a stream */
	uint64_t length;     /* UINT64_MAX: to the end of the stream */
	uint32_t chunk;	     /* bytes of a request, a power of two >= 4096 */
	uint32_t grain;	     /* bytes, a power of two <= 4096 */
	unsigned depth;	     /* chunks in flight, >= 1; */
	unsigned depth_most; /* up to so many, where that is faster */

	/* Required.  The next extent in which they differ. */
	void (*differs)(void *ctx, uint64_t offset, uint64_t length);
	/* Required.  It has ended and nothing is in flight: why is NULL, or
	 * what stopped it. */
	void (*done)(void *ctx, const struct error *why);
	void *ctx;
};

struct diff_status {
	uint64_t length;  /* as configured, or known by now, or UINT64_MAX */
	uint64_t done;	  /* bytes, all before has been compared */
	uint64_t skipped; /* of those: holes on both sides */
	uint64_t differs; /* of those: in extents that differ */
	/* Of a stream: the side that had more than the other. */
	bool longer[2];
};

/* Begins.  0 or -ENOMEM. */
int diff_new(struct loop *, const struct diff_config *, struct diff **ret);
/* Ends early; done() follows with why (copied) when nothing is in flight. */
void diff_stop(struct diff *, const struct error *why);
void diff_status(const struct diff *, struct diff_status *ret);
/* After done().  Takes NULL. */
void diff_free(struct diff *);

#endif
