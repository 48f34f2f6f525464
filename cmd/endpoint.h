/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * endpoint - what a user names as a source or destination of blocks, as a bdev:
 * the LUN of an iscsi:// URL, a file, a block device, an NBD URI, or "-" for
 * standard input or output.
 *
 * A LUN has its own session, so an endpoint is opened and closed in the loop:
 *
 *     endpoint_open() ... opened() ... endpoint_close() ... closed()
 *
 * closed() comes when everything that was written is on the medium and the
 * session is over.
 */
#ifndef CMD_ENDPOINT_H
#define CMD_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bdev.h"
#include "base/error.h"
#include "cmd/options.h"
#include "io/loop.h"

struct endpoint;

enum endpoint_kind {
	ENDPOINT_LUN,
	ENDPOINT_FILE,	/* a regular file */
	ENDPOINT_BLOCK, /* a block device of this machine */
	ENDPOINT_NBD,
	ENDPOINT_STREAM
};

struct endpoint_config {
	struct options *options; /* outlives the endpoint */
	bool writable;		 /* a destination; else it is only read */
	bool stream;		 /* "-" is allowed */
	/* What is written is not copied on its way (io/zerocopy.h): memory of a
	 * WRITE that has failed is not used again. */
	bool zerocopy;
	/* A file that is not there is made, of so many bytes. */
	bool create;
	uint64_t size;
	/* Required, once, not from inside endpoint_open().  why is NULL and the
	 * bdev can be used, or it cannot: only endpoint_close() may follow. */
	void (*opened)(void *ctx, const struct error *why);
	/* Optional.  It is lost for good: requests fail from now on, and this
	 * is why. */
	void (*lost)(void *ctx, const struct error *why);
	/* Required, once, after endpoint_close() and not from inside it.  why:
	 * NULL, or why not all may be on the medium.  endpoint_free() may be
	 * called from here. */
	void (*closed)(void *ctx, const struct error *why);
	void *ctx;
};

/* What the text means, as far as it tells by itself: ENDPOINT_FILE stands for
 * a block device, too. */
enum endpoint_kind endpoint_kind_of(const char *text);

/* Begins.  text outlives the endpoint.  0, or -1 with err: then there is none.
 */
int endpoint_open(struct loop *, const char *text,
    const struct endpoint_config *, struct endpoint **ret, struct error *err);
/* Flushes what was written, and logs out.  No request of the owner's is in
 * flight.  At any time; again: does not wait for a target that is silent. */
void endpoint_close(struct endpoint *);
/* After closed().  Takes NULL. */
void endpoint_free(struct endpoint *);

/* After opened(). */
struct bdev *endpoint_bdev(struct endpoint *);
enum endpoint_kind endpoint_kind(const struct endpoint *);
/* For messages: without secrets, one line. */
const char *endpoint_name(const struct endpoint *);
/* The name of a LUN's target; NULL: it is no LUN. */
const char *endpoint_target(const struct endpoint *);
/*
 * Names the very device, wherever it is found tomorrow: of a LUN its designator
 * and serial number, of a file its path, inode number and time of birth, of a
 * block device what the kernel knows it by.  One line, escaped.
 */
const char *endpoint_identity(const struct endpoint *);
/* The file was not there, and was made (config.create): reads as zeros. */
bool endpoint_created(const struct endpoint *);
/* Removes a file that was made for nothing, before anything was written. */
void endpoint_unmake(struct endpoint *);
/* Gives a regular file its size; UINT64_MAX: it grows with what is written, until
 * it is given one.  No request is in flight.  0, or -1 with err. */
int endpoint_resize(struct endpoint *, uint64_t size, struct error *err);
/* Whether both are one medium, as far as can be told. */
bool endpoint_same(const struct endpoint *, const struct endpoint *);

#endif
