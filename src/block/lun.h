/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lun - a logical unit of a target as a bdev: finds out what it is (probe),
 * cuts requests to its limits, keeps partial-block writes atomic, turns status
 * and sense into errno, and proves after every new login that the LUN is still
 * the same before a command goes out.
 *
 * It speaks to the session alone and needs no clock of its own, so tests/pair
 * runs it in virtual time.  What drives it besides the session:
 *
 *     wake(lun, at)   ->  remember at (a timer; it replaces the last one)
 *     at has come     ->  lun_run(lun)
 *
 * That is the way for results that are known within bdev_submit() already (its
 * contract forbids done() there) and for delays of the probe.  All other
 * requests are done from the done() of their tasks, or from lun_run().
 */
#ifndef BLOCK_LUN_H
#define BLOCK_LUN_H

#include "base/bdev.h"
#include "base/error.h"
#include "base/log.h"
#include "block/lun_identity.h"
#include "session/session.h"

struct lun;

struct lun_config {
	struct session *session;    /* outlives the lun */
	uint64_t address;	    /* the eight bytes of REPORT LUNS */
	uint64_t number;	    /* for messages: "LUN 3" */
	bool read_only;		    /* refuse writes whatever the medium says */
	uint64_t (*now)(void *ctx); /* for session_submit() */
	void *now_ctx;
	const struct log *log; /* outlives the lun; may be NULL */
	/* Required.  The first probe has ended: err is NULL, or says why not.
	 * Once, and never from inside lun_new().  A logical unit that is no
	 * disk ends without error too: ask lun_type(); its bdev has size 0.
	 * The lun must not be freed from inside, and does not call after
	 * lun_stop(). */
	void (*ready)(struct lun *, const struct error *err, void *ctx);
	/* Required.  Call lun_run() when this time (of now()) has come; the
	 * past means soon, CLOCK_NEVER not at all.  Replaces the time given
	 * before. lun_run() must not be called from inside. */
	void (*wake)(struct lun *, uint64_t at, void *ctx);
	/* Optional.  The target tells that it has other LUNs than before; every
	 * LUN of it does so.  Comes from within done() of a task. */
	void (*luns_changed)(struct lun *, void *ctx);
	void *ctx; /* of the three */
};

/* Begins to probe when the session is up (now or later).  NULL: no memory. */
struct lun *lun_new(const struct lun_config *);
/* Only when lun_in_flight() is 0; removes itself from the session.  Takes NULL.
 * The bdev's close() does the same: call one of the two. */
void lun_free(struct lun *);
/* Does what is due; see wake(). */
void lun_run(struct lun *);

/* The device; its fields are valid after ready() without error.  bdev_submit()
 * works from then on, also while the session is lost: requests wait. */
struct bdev *lun_bdev(struct lun *);
/* True when the LUN answers: session up, identity proven. */
bool lun_healthy(const struct lun *);
/* SCSI peripheral device type (SPC-4, 6.4.2), after ready(). */
uint8_t lun_type(const struct lun *);
/* What makes it the same one next time, after ready(). */
const struct lun_identity *lun_identity(const struct lun *);
/* True when a write has ended well, or was lost later, that no FLUSH has
 * covered, or told. */
bool lun_dirty(const struct lun *);
/* Requests accepted and not done, and commands of the probe. */
unsigned lun_in_flight(const struct lun *);
/* Ends: requests that wait fail with -EIO, as do all later ones; those in
 * flight are waited for by the caller (lun_in_flight() == 0) before it frees.
 */
void lun_stop(struct lun *);

#endif
