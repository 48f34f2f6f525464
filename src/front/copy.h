/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copy - copies one bdev to another: many chunks in flight, out of order where
 * both ends can, in order where one is a stream; memory is bounded by their
 * number.
 *
 * What is known to be a hole at the source is not read, and blocks of zeros
 * are made holes at the destination where that is wanted.  A chunk is done when
 * the destination has it (and has shown it, with verify); done() tells how
 * far everything is, and is on the medium.
 *
 * Everything happens in the loop's thread but hashing, which is the helpers'.
 */
#ifndef FRONT_COPY_H
#define FRONT_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bdev.h"
#include "base/error.h"
#include "io/loop.h"

struct copy;

enum copy_sparse {
	COPY_SPARSE_AUTO, /* holes stay holes; long runs of zeros become one */
	COPY_SPARSE_ALWAYS, /* every 4096 bytes (or block) of zeros, too */
	COPY_SPARSE_NEVER   /* every block is allocated at the destination */
};

enum copy_offload {
	COPY_OFFLOAD_NEVER,
	COPY_OFFLOAD_AUTO,
	COPY_OFFLOAD_REQUIRE
};

struct copy_config {
	struct bdev *source;	  /* outlives the copy, as all that follows */
	struct bdev *destination; /* the same */
	uint64_t offset; /* where it begins, in both; 0 with a stream */
	uint64_t length; /* UINT64_MAX: to the end of the source */
	/* So many bytes of it are at the destination.  They are read again only
	 * where somebody has to see them (verify, digest, changed), and then
	 * have to be what the destination holds.  With skip_errors another
	 * block may be bad: then they are not compared, and changed is not
	 * asked about them. */
	uint64_t resume;
	uint32_t chunk;	     /* bytes of a request, a power of two >= 4096 */
	unsigned depth;	     /* chunks in flight, >= 1; */
	unsigned depth_most; /* up to so many, where that is faster */
	enum copy_sparse sparse;
	enum copy_offload offload;
	bool zeroed;	  /* the destination reads as zeros everywhere: no
			     earlier run has written to it */
	bool verify;	  /* read back what was written, from the medium */
	bool skip_errors; /* zeros stand for blocks that cannot be read */
	uint64_t rate;	  /* bytes per second at the most; 0: no bound */

	/* Optional: takes the content in its order.  In a helper thread, one
	 * call at a time.  data is NULL for so many zeros. */
	void (*digest)(void *ctx, const void *data, uint64_t length);
	/* Optional: whether chunk number n of the range is to be written; chunks
	 * end at multiples of their size, so the first and the last may be
	 * short.  data is NULL for zeros.  In helper threads, several at a
	 * time, in any order. */
	bool (*changed)(
	    void *ctx, uint64_t n, const void *data, uint32_t length);
	/* Optional: a journal.  What it is told is on the destination's medium;
	 * saved() of the copy is called when it has been noted. */
	void (*save)(void *ctx, uint64_t done, struct copy *);
	/* Optional: so many bytes at offset could not be read (skip_errors). */
	void (*bad)(void *ctx, uint64_t offset, uint64_t length,
	    const struct error *why);
	/* Optional: COPY_OFFLOAD_AUTO does not work, this is why; the data goes
	 * through this machine.  Once. */
	void (*refused)(void *ctx, const struct error *why);
	/* Required.  It has ended, everything is on the medium, nothing is in
	 * flight: why is NULL, or what stopped it. */
	void (*done)(void *ctx, const struct error *why);
	void *ctx;
};

struct copy_status {
	uint64_t length;   /* as configured, or known by now, or UINT64_MAX */
	uint64_t done;	   /* bytes that are at the destination */
	uint64_t prefix;   /* so many from the beginning are, without a gap */
	uint64_t skipped;  /* of those: holes, zeros that are made holes, and
			     what had not changed */
	uint64_t bad;	   /* of those: could not be read */
	bool offloaded;	   /* the target moves the data */
	bool rest_differs; /* what was not to be written is not there */
};

/* Begins.  0, -ENOMEM, or -EINVAL: an offload is required, but digest() or
 * changed() has to see the data. */
int copy_new(struct loop *, const struct copy_config *, struct copy **ret);
/* Ends early; done() follows with why (copied) when nothing is in flight. */
void copy_stop(struct copy *, const struct error *why);
/* The journal has noted what save() said: 0 or -errno. */
void copy_saved(struct copy *, int result);
void copy_status(const struct copy *, struct copy_status *ret);
/* After done().  Takes NULL. */
void copy_free(struct copy *);

#endif
