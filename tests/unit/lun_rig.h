/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lun_rig - a lun on a fake session, and the hands to move it: for the tests of
 * lun*.c.
 */
#ifndef TESTS_LUN_RIG_H
#define TESTS_LUN_RIG_H

#include "block/lun.h"
#include "fake_session.h"

struct rig {
	struct session session;
	struct lun *lun;
	struct bdev *bdev;
	uint64_t wake_at;
	bool read_only;
	unsigned ready;	    /* how often it was called */
	struct error error; /* of it */
	unsigned changed;
	unsigned luns_changed;
	struct bdev_extent extents[8]; /* of the EXTENTS request */
	unsigned extents_max;	       /* before it */
	unsigned extents_n;	       /* after it */
	struct error *why;	       /* of requests to come, or NULL */
	char log[8192];		       /* the lines, one after another */
	struct log sink;
};

/* Before rig_start() the test may change the session's disk. */
void rig_init(
    struct rig *, uint32_t block_size, uint64_t blocks, uint64_t base);
void rig_start(struct rig *); /* probes until ready() */
void rig_fini(struct rig *);
/* Until nothing moves any more. */
void rig_settle(struct rig *);
/* One step of anything that can go on, at random; false when nothing can. */
bool rig_step(struct rig *);
/* Done() of everything that has ended; lun_run() when it is due. */
void rig_deliver(struct rig *);
/* Lets the time pass to the next lun_run(), if one is asked for. */
bool rig_wait(struct rig *);
void rig_up(struct rig *);

/* A request carried out alone; the result. */
int rig_do(struct rig *, enum bdev_op, uint64_t offset, void *buffer,
    uint64_t length, uint32_t flags);
/* The same left in flight, until done: *result is 1 before. */
struct bdev_req *rig_submit(struct rig *, enum bdev_op, uint64_t offset,
    void *buffer, uint64_t length, uint32_t flags, int *result);

#endif
