/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lunscan - which logical units a target has: REPORT LUNS (SPC-4, 6.33) on a
 * session that is up, sent to LUN 0 as every target takes it.
 */
#ifndef FRONT_LUNSCAN_H
#define FRONT_LUNSCAN_H

#include "base/error.h"
#include "session/session.h"

#define LUNSCAN_MAX 65536 /* more are not looked at */

struct lunscan {
	/* Filled by the caller. */
	struct session *session;
	uint64_t (*now)(void *ctx);
	/* From the done() of a task, or from lunscan_start() when memory is
	 * short.  err: NULL, or why there is no list.  The scan itself must
	 * outlive the call. */
	void (*done)(struct lunscan *, const struct error *err);
	void *ctx;

	/* Valid in done(), and freed after it unless done() takes luns away
	 * by setting it to NULL. */
	uint64_t *luns;
	unsigned n;

	/* The scan's own. */
	struct task task;
	struct iovec iov;
	uint8_t *buf;
	uint32_t room; /* for so many LUNs */
	unsigned tries;
};

void lunscan_start(struct lunscan *);

#endif
