/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attach - the server's side of a block device that a supervisor (supervisor.h)
 * keeps attached to the kernel: says what the disk is like, and hears when to
 * end.  The bytes go through sockets that are served like any others.
 *
 * It is for a process that has no privilege any more.
 */
#ifndef FRONT_ATTACH_H
#define FRONT_ATTACH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bdev.h"
#include "base/error.h"
#include "base/log.h"
#include "io/loop.h"

struct attach;

struct attach_config {
	int channel; /* to the supervisor (attachmsg.h); closed in here */
	const struct log *log;
	/* Required.  The device can be used. */
	void (*attached)(void *ctx, const char *path);
	/* Required.  The device is away, end.  Again: without the target. */
	void (*end)(void *ctx);
	/* Required.  What the supervisor is to tell of this server. */
	void (*status)(void *ctx, char *buf, size_t size);
	/* Required.  The supervisor has died.  The device is served on, until
	 * `luntap nbd --detach` ends its connections. */
	void (*orphaned)(void *ctx);
	void *ctx;
};

/* 0, or -1 with err. */
int attach_new(struct loop *, const struct attach_config *, struct attach **ret,
    struct error *err);
/* The disk can be used: attached() or end() follows.  From now on the device
 * follows its size.  flags: of transmission. */
void attach_ready(struct attach *, struct bdev *, uint16_t flags);
/* A signal asks for the end.  False when there is no supervisor. */
bool attach_stop(struct attach *);
/* The last: why is NULL after a clean end. */
void attach_ended(struct attach *, const struct error *why);
void attach_free(struct attach *); /* takes NULL */

#endif
