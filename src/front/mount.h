/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mount - a running mount, from the login to the logout: the disks of a target,
 * and the FUSE front end that shows them.
 *
 *     STARTING -> MOUNTING -> SERVING <-> UNMOUNTING -> ENDING -> ENDED
 *        |                                                ^
 *        +------------------------------------------------+
 *
 * While it is STARTING and ENDING, the disks go their own way (disks.h).
 * Everything happens in the loop's stack; nothing blocks it.
 */
#ifndef FRONT_MOUNT_H
#define FRONT_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "front/disks.h"
#include "front/fuse.h"
#include "io/link.h"
#include "io/loop.h"

struct mount;

struct mount_config {
	struct link_config link; /* its callbacks are set by mount_new() */
	bool has_lun;
	uint64_t lun; /* the eight bytes, by any method (lunaddr.h) */
	bool read_only;
	bool single;		/* the LUN appears on the mount point itself */
	const char *mountpoint; /* absolute */
	const char *options;	/* of -o, or NULL */
	const struct log *log;
	/* Required.  Something the user should know on the way up. */
	void (*note)(void *ctx, const char *text);
	/* Required.  The files can be used. */
	void (*ready)(void *ctx);
	/* Required.  mount_stop() has failed: it is in use, and serves on. */
	void (*busy)(void *ctx, const char *text);
	/* Required, once.  All is over; why is NULL after a clean end.  Call
	 * mount_free() from the loop's end, not from here. */
	void (*ended)(void *ctx, const struct error *why);
	void *ctx;
};

struct mount_status {
	struct disks_status disks; /* its state is the mount's */
	unsigned in_flight;
	uint64_t read_bytes;
	uint64_t written_bytes;
};

/* Strings of the config must outlive the mount.  0, or -1 with err. */
int mount_new(struct loop *, const struct mount_config *, struct mount **ret,
    struct error *err);
/* Ends it cleanly; busy() or ended() tells.  Once more while that takes: gives
 * up what the target does not take any more. */
void mount_stop(struct mount *);
void mount_free(struct mount *); /* takes NULL */
void mount_status(const struct mount *, struct mount_status *ret);

#endif
