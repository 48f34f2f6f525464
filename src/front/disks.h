/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * disks - the disks of a target, from the login to the logout: what every front
 * end needs below itself, whether it shows them as files or as exports.
 *
 *     LOGIN -> LISTING -> PROBING -> UP -> FLUSHING -> DRAINING -> ENDED
 *       |         |          |                            ^
 *       +---------+----------+----------------------------+
 *
 * Up it goes by itself; down when the owner says so, which it does as well when
 * something has failed on the way up.  Everything happens in the loop's stack;
 * nothing blocks it.
 */
#ifndef FRONT_DISKS_H
#define FRONT_DISKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "front/disk.h"
#include "io/link.h"
#include "io/loop.h"

struct disks;

struct disks_config {
	struct link_config link; /* its callbacks are set by disks_new() */
	bool has_lun;
	uint64_t lun; /* the eight bytes, by any method (lunaddr.h) */
	bool read_only;
	const char *name; /* of what is served, for the log */
	const struct log *log;
	/* Required.  A disk is left out; text says why. */
	void (*note)(void *ctx, const char *text);
	/* Required.  The disks can be used: there is one at least. */
	void (*up)(void *ctx);
	/* Required.  Something went wrong for good: on the way up nothing
	 * follows before disks_down().  Not the place to call anything. */
	void (*failed)(void *ctx, const struct error *why);
	/* Required, once.  All is flushed: nothing may be submitted any more,
	 * for the logout follows. */
	void (*stop)(void *ctx);
	/* Required.  Whether requests of the owner's are still at a disk. */
	bool (*busy)(void *ctx);
	/* Required, once.  The session is over and nothing is in flight.  Not
	 * the place to free anything. */
	void (*ended)(void *ctx);
	void *ctx;
};

struct disks_status {
	const char *state; /* of the session while it is up */
	const char *portal;
	const char *target;
	unsigned luns; /* that can be used */
};

/* Begins to log in.  Strings of the config outlive it.  0, or -1 with err. */
int disks_new(struct loop *, const struct disks_config *, struct disks **ret,
    struct error *err);
/* Flushes every dirty disk, logs out, waits for what is in flight; ended()
 * follows.  From any state; again: nothing. */
void disks_down(struct disks *);
/* A target that does not answer must not keep us for ever: ends the session,
 * which fails every request.  disks_down() does it by itself when flushing
 * takes too long. */
void disks_force(struct disks *);
/* After ended(), or when the loop does not run any more.  Takes NULL. */
void disks_free(struct disks *);

/* The usable disks in their order: the first after NULL. */
struct disk *disks_next(const struct disks *, const struct disk *);
/* The session is up. */
bool disks_answer(const struct disks *);
void disks_status(const struct disks *, struct disks_status *ret);

#endif
