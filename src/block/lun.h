/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lun - a logical unit of a target as a bdev: finds out what it is (probe),
 * cuts requests to its limits, keeps partial-block writes atomic, turns status
 * and sense into errno, and proves after every new login that the LUN is still
 * the same before a command goes out.
 *
 * It speaks to the session alone and needs no clock of its own, so tests/pair
 * runs it in virtual time.
 */
#ifndef BLOCK_LUN_H
#define BLOCK_LUN_H

#include "base/bdev.h"
#include "base/error.h"
#include "base/log.h"
#include "session/session.h"

struct lun;

struct lun_config {
	struct session *session; /* outlives the lun */
	uint64_t address; /* the eight bytes of REPORT LUNS */
	uint64_t number; /* for messages: "LUN 3" */
	bool read_only; /* refuse writes whatever the medium says */
	uint64_t (*now)(void *ctx); /* for session_submit() */
	void *now_ctx;
	const struct log *log;
	/* Required.  The probe has ended: err is NULL, or says why not. */
	void (*ready)(struct lun *, const struct error *err, void *ctx);
	void *ctx;
};

/* Begins to probe when the session is up (now or later).  NULL: no memory. */
struct lun *lun_new(const struct lun_config *);
/* The device; valid after ready() without error.  bdev_submit() works from then
 * on, also while the session is lost: requests wait. */
struct bdev *lun_bdev(struct lun *);
/* True when the LUN answers (session up, identity proven, nothing stuck). */
bool lun_healthy(const struct lun *);
/* SCSI peripheral device type (SPC-4, 6.4.2), after ready(). */
uint8_t lun_type(const struct lun *);
/* Requests accepted and not done. */
unsigned lun_in_flight(const struct lun *);
/* Ends: requests that wait fail with -EIO, those in flight are waited for by the
 * caller (lun_in_flight() == 0) before bdev close. */
void lun_stop(struct lun *);

#endif
