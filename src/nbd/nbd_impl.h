/* SPDX-License-Identifier: BSD-2-Clause */
/* nbd_impl - the server itself, as its parts see it. */
#ifndef NBD_NBD_IMPL_H
#define NBD_NBD_IMPL_H

#include <sys/queue.h>

#include "base/pool.h"
#include "nbd/nbd.h"

/*
 * Bytes of payload over all connections, above which none may hold more than
 * its share (nconn.h): so one that does not take its replies holds up no other.
 */
#define NBD_HELD_MAX ((size_t)256 << 20)

struct nexport {
	TAILQ_ENTRY(nexport) link;
	struct bdev *bdev;
	bool is_default;
	size_t name_len;
	size_t description_len;
	char *name; /* not terminated, nor the other */
	char *description;
};

struct nbd {
	struct nbd_config config;
	TAILQ_HEAD(, nexport) exports;
	TAILQ_HEAD(, nconn) conns; /* also those gone with requests in RUN */
	struct pool pool;
	size_t held_bytes; /* as in the connections */
	bool ending;	   /* nbd_shutdown() was called */
	uint64_t requests, errors, read_bytes, piped_bytes, written_bytes;
};

/* The export of that name, or NULL; "" is the default one. */
struct nexport *nbd_export(const struct nbd *, const void *name, size_t len);

#endif
