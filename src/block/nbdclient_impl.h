/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nbdclient_impl - the two halves of an nbdclient: nbdclient.c has the
 * connection, nbdclient_io.c its requests.
 */
#ifndef BLOCK_NBDCLIENT_IMPL_H
#define BLOCK_NBDCLIENT_IMPL_H

#include <libnbd.h>

#include "block/nbdclient.h"
#include "block/range.h"

enum nbdc_state {
	NBDC_RESOLVING, /* a helper has the handle */
	NBDC_SHAKING,
	NBDC_READY,
	NBDC_LOST /* lost tells why */
};

struct nbdc_io;
TAILQ_HEAD(nbdc_ios, nbdc_io);

struct nbdc {
	struct bdev bdev; /* first: a bdev is cast to what it is part of */
	struct loop *loop;
	struct nbd_handle *h; /* NULL: given up */
	enum nbdc_state state;
	char *uri;
	char *name;
	struct error lost;
	int lost_result; /* of the requests */

	struct job connect;
	bool connected; /* its result */
	bool closed;	/* by its owner, while the helper has the handle */
	struct watch watch;
	bool watched;
	struct timer patience; /* with the handshake */
	bool untold;	       /* opened() has not been called */
	void (*opened)(void *ctx, const struct error *why);
	void *ctx;

	uint64_t max; /* bytes of a command with data, whole blocks */
	bool can_flush, can_fua, can_zero, can_fast_zero;
	struct range_set ranges;
	struct nbdc_ios under_way;
	struct nbdc_ios todo; /* of those: something has happened */
	struct nbdc_ios spare;
	struct bdev_req_queue refused; /* result is set */
	struct deferred work;
};

/* ---- nbdclient_io.c ---- */

void nbdc_submit(struct bdev *, struct bdev_req *);
/* Goes on with everything that can; completes what has ended, as the last thing
 * that it does: the device may be closed from there. */
void nbdc_work(struct nbdc *);
/* The handle is gone: whatever is under way has failed. */
void nbdc_abandon(struct nbdc *);
void nbdc_free_spare(struct nbdc *);

/* ---- nbdclient.c ---- */

/* libnbd has been called: it may want something else from the descriptor, or
 * have lost the server. */
void nbdc_look(struct nbdc *);

#endif
