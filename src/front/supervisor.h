/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * supervisor - keeps a block device of the kernel attached to a server that
 * lives in another process (attach.h), and has nothing to do with the network.
 * What netlink wants stays here; the server may be anybody.
 *
 *     STARTING -> CONNECTING -> ATTACHED <-> QUIESCING
 *        |            |          |   |           |
 *        |            |          |   v           v
 *        |            |          | KILLING   DETACHING
 *        v            v          v   |           |
 *     ENDED <-------- ENDING <---|---|-----------+
 *        ^                       v   v
 *        +---------------------- CLEANING
 *
 * Three rules.
 *  - A device that is in use anywhere stays, unless that is forced; what was
 *    written to one that goes has left the page cache before.
 *  - When the server ends in any way, the device is detached: nothing waits for
 *    a server that does not come back.
 *  - When the kernel gives up waiting for an answer, it has told somebody that
 *    a write has failed.  A server that was only stopped, and wakes up later,
 *    must not write it after all: it is killed.
 */
#ifndef FRONT_SUPERVISOR_H
#define FRONT_SUPERVISOR_H

#include <sys/types.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "io/loop.h"

struct supervisor;

enum supervisor_stop {
	SUPERVISOR_ASKED,     /* unless it is in use */
	SUPERVISOR_SIGNALLED, /* the same; the second time that is forced */
	SUPERVISOR_FORCED     /* even then; the second time without waiting */
};

struct supervisor_config {
	pid_t server;	    /* a child of this process */
	int channel;	    /* to it (attachmsg.h); the caller closes it */
	const int *sockets; /* the kernel's ends; closed in here */
	unsigned nsockets;
	uint32_t index;	     /* of the device, or NBDMSG_AUTO */
	uint32_t timeout;    /* s until the kernel gives up; 0: never */
	const char *backend; /* what sysfs shows; outlives the supervisor */
	const struct log *log;
	/* Required.  The device can be used. */
	void (*attached)(void *ctx, const char *path);
	/* Required.  It was to be detached, but is in use and stays. */
	void (*busy)(void *ctx, const char *text);
	/* Required, once.  The device is away and the server has ended; why is
	 * NULL after a clean end.  Not the place to free anything. */
	void (*ended)(void *ctx, const struct error *why);
	void *ctx;
};

/* 0, or -1 with err; then the sockets are closed, too. */
int supervisor_new(struct loop *, const struct supervisor_config *,
    struct supervisor **ret, struct error *err);
/* busy() or ended() follows. */
void supervisor_stop(struct supervisor *, enum supervisor_stop);
/* What the server says of itself, or "" when it does not answer in a second,
 * for which this waits. */
const char *supervisor_status(struct supervisor *);
/* After ended(), or when the loop does not run any more.  Takes NULL. */
void supervisor_free(struct supervisor *);

#endif
