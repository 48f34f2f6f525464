/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lunscan - which logical units a target has: REPORT LUNS (SPC-4, 6.33) on a
 * session that is up, sent to LUN 0 as every target takes it.
 */
#ifndef FRONT_LUNSCAN_H
#define FRONT_LUNSCAN_H

#include "base/error.h"
#include "session/session.h"

#define LUNSCAN_MAX 1024 /* more are not looked at */

struct lunscan {
	/* Filled by the caller. */
	struct session *session;
	uint64_t (*now)(void *ctx);
	/* From the done() of a task.  err: NULL, or why there is no list. */
	void (*done)(struct lunscan *, const struct error *err);
	void *ctx;

	/* Valid in done(). */
	uint64_t luns[LUNSCAN_MAX];
	unsigned n;

	struct task task;
	struct iovec iov;
	uint8_t buf[8 + 8 * LUNSCAN_MAX];
	unsigned tries;
};

void lunscan_start(struct lunscan *);

#endif
