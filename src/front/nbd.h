/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nbd - a running NBD server, from the login to the logout: the disks of a
 * target, each an export, and the places where clients connect.
 *
 *     STARTING -> SERVING -> STOPPING -> ENDING -> ENDED
 *        |                                 ^
 *        +---------------------------------+
 *
 * A disk is the export lun-0, lun-1, ...; one that was asked for by its number
 * is the default export, "", as well.
 *
 * While it is STARTING and ENDING, the disks go their own way (disks.h); while
 * it is STOPPING, requests in flight are done and answered, and others refused.
 * Everything happens in the loop's stack; nothing blocks it.
 */
#ifndef FRONT_NBD_H
#define FRONT_NBD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "front/disks.h"
#include "io/link.h"
#include "io/loop.h"
#include "io/server.h"
#include "io/tls.h"
#include "nbd/nbd.h"

struct nbd_front;

struct nbd_front_config {
	struct link_config link; /* its callbacks are set by nbd_front_new() */
	bool has_lun;
	uint64_t lun; /* the eight bytes, by any method (lunaddr.h) */
	bool read_only;
	const char *name; /* of what is served, for the log */
	const struct listen_at *at;
	unsigned at_n;
	enum nbd_tls tls;
	const struct tls_server *credentials; /* unless NBD_TLS_OFF */
	const struct log *log;
	/* Required.  Something the user should know on the way up. */
	void (*note)(void *ctx, const char *text);
	/* Required.  Clients may come. */
	void (*ready)(void *ctx);
	/* Required, once.  All is over; why is NULL after a clean end.  Call
	 * nbd_front_free() from the loop's end, not from here. */
	void (*ended)(void *ctx, const struct error *why);
	void *ctx;
};

struct nbd_front_status {
	struct disks_status disks; /* its state is the server's */
	struct nbd_stats nbd;
};

/* Strings and arrays of the config must outlive it.  0, or -1 with err. */
int nbd_front_new(struct loop *, const struct nbd_front_config *,
    struct nbd_front **ret, struct error *err);
/*
 * Ends it cleanly; ended() follows.  Once more while that takes: leaves clients
 * that do not read, and a target that does not answer; then gives up what the
 * target does not take.
 */
void nbd_front_stop(struct nbd_front *);
void nbd_front_free(struct nbd_front *); /* takes NULL */
void nbd_front_status(const struct nbd_front *, struct nbd_front_status *ret);

/* From ready() on, until nbd_front_stop(): what attaching a device to the
 * kernel takes. */
struct server *nbd_front_server(struct nbd_front *);
struct nbd *nbd_front_exports(struct nbd_front *);
/* Of the exports, in their order; see disks_next(). */
struct disk *nbd_front_disk(const struct nbd_front *, const struct disk *);
/* Where clients connect, in the order of the config; NULL: no more. */
const char *nbd_front_address(const struct nbd_front *, unsigned i);

#endif
