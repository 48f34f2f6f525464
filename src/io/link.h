/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link - binds a session to sockets: resolves and connects (every address of a
 * name in turn, in the helper pool and without blocking), moves the bytes, runs
 * the timer, delivers events and completed tasks.
 */
#ifndef IO_LINK_H
#define IO_LINK_H

#include "base/error.h"
#include "io/loop.h"
#include "session/session.h"

struct link;

struct link_config {
	struct session_config
	    session;		  /* wake and random are set by link_new() */
	uint64_t connect_timeout; /* ns, for one address; 15 s by default */
	/* Large payloads are sent without a copy (zerocopy.h): the memory of a
	 * write that has failed is never written to again, for nobody may know
	 * then what the target is still to read of it. */
	bool zerocopy;
	/* What is written may be lent by another device (bdev_borrow()): when
	 * it is there no more the link is lost, and for good. */
	bool borrowed;
	/* Optional.  What the owner wants to know; from the loop's stack. */
	void (*up)(void *ctx);
	void (*lost)(void *ctx, const struct error *why, bool final);
	void (*ended)(void *ctx);
	void *ctx;
};

void link_config_default(struct link_config *);
int link_new(struct loop *, const struct link_config *, struct link **ret);
/* Begins to connect and log in. */
void link_start(struct link *);
/* Ends the session (session_end()); `ended` follows. */
void link_end(struct link *);
/* After `ended`, or a final `lost`.  Takes NULL. */
void link_free(struct link *);
struct session *link_session(struct link *);
/* Bytes received and sent so far. */
void link_bytes(const struct link *, uint64_t *ret_rx, uint64_t *ret_tx);

#endif
