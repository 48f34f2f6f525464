/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bdev_load - random requests to a bdev, many in flight and overlapping, at any
 * byte, against a model in memory.
 *
 * The model is exact, because overlapping writes are applied in the order of
 * their submission.  A byte is unknown from a discard, or from a write that
 * failed, until the next write to it.  Its neighbours never are.
 */
#ifndef TESTS_BDEV_LOAD_H
#define TESTS_BDEV_LOAD_H

#include "base/bdev.h"
#include "model_pipe.h"
#include "prng.h"

#define LOAD_IN_AIR 160
#define LOAD_IOVS   4

struct load_req {
	struct bdev_req req;
	struct iovec iov[LOAD_IOVS];
	struct bdev_extent extents[5];
	struct load *load;
	uint8_t *buffer;
	uint64_t stamp;
	uint64_t *covered; /* FLUSH: stamps of the bytes that it covers */
	bool raced; /* a writer of the same bytes was in flight meanwhile */
	bool busy;
	bool placed;	    /* its READ has asked for memory */
	struct kpipe *pipe; /* that it was given */
};

struct load {
	struct bdev *bdev;
	struct prng prng;
	uint64_t first; /* the first byte of the part that is used */
	size_t size;	/* of it */
	bool lossy;	/* requests may fail with -EIO */
	/* Optional.  What a loss of power would leave. */
	const uint8_t *stable;
	/* Optional.  READs offer these. */
	struct model_pipes *pipes;
	unsigned piped; /* READs that were answered by one */

	struct load_req reqs[LOAD_IN_AIR];
	unsigned in_air;
	bool inside_submit;
	uint64_t stamp;
	uint8_t *model;
	uint64_t *stamps; /* who wrote the byte last; 0: nobody */
	bool *unknown;
	bool *gone; /* went with the power, and no FLUSH has failed for it */
};

/* The part that is used holds zeros. */
void load_init(
    struct load *, struct bdev *, uint64_t first, size_t size, uint64_t seed);
/* One more request; fewer than LOAD_IN_AIR are in the air. */
void load_launch(struct load *);
/* That the device holds what the model does. */
void load_compare(const struct load *, const uint8_t *data);
/* The power of what holds `data` goes: what is not stable is lost. */
void load_power_lost(struct load *, uint8_t *data);
void load_fini(struct load *);

#endif
