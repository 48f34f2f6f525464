/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bdev - a block device: the one interface between what provides blocks (a
 * LUN, a file, memory) and what consumes them (FUSE, NBD, copy, the embedded
 * target).
 *
 * Rules of the contract:
 *  - Offsets and lengths are bytes, and any are allowed within the size: a
 *    provider whose medium has blocks reads, modifies and writes partial ones
 *    as one step against every other write through the same bdev.
 *  - A request belongs to the provider from bdev_submit() to its done()
 *    callback, which comes exactly once, from the event loop's stack, never
 *    from inside bdev_submit().
 *  - There is no order between requests in flight, except that overlapping
 *    writes are applied in the order of their submission.  A FLUSH covers
 *    every write whose done() came before the FLUSH was submitted.
 *  - done() of a WRITE means that the provider has the data; on the medium it
 *    is after a FLUSH, or when the request carried BDEV_FUA.
 *  - A stream (a pipe) has no offsets: READs get, and WRITEs and ZEROs put, the
 *    next bytes in the order of their submission.  A READ that meets the end
 *    has its length cut to what was left, 0 behind it; result is 0.  When a
 *    request has failed, so do all behind it: they would be out of place.
 *  - result is 0 or -errno.  A request that fails part-way fails as a whole.
 *    Errors: -EIO, -ENOSPC (thin pool exhausted), -EROFS (write protected),
 *    -EBUSY (reservation conflict), -EOPNOTSUPP (ZERO with BDEV_FAST, DISCARD,
 *    EXTENTS: nothing was changed; COPY: a part may be copied), -EINVAL (outside
 *    the device).
 */
#ifndef BASE_BDEV_H
#define BASE_BDEV_H

#include <sys/queue.h>
#include <sys/uio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/kpipe.h"

enum bdev_op {
	BDEV_READ,
	BDEV_WRITE,
	BDEV_FLUSH,   /* offset and length are ignored: the whole device */
	BDEV_DISCARD, /* the content is no longer needed; it may stay */
	BDEV_ZERO,    /* reads as zeros afterwards */
	BDEV_EXTENTS, /* how [offset, offset + length) is allocated */
	BDEV_COPY     /* as WRITE, of what the medium of source has there */
};

#define BDEV_FUA     0x01u /* on the medium before done(); READ: from it */
#define BDEV_NO_HOLE 0x02u /* ZERO: the blocks stay allocated */
#define BDEV_FAST    0x04u /* ZERO: -EOPNOTSUPP rather than sending zeros */

enum bdev_alloc {
	BDEV_DATA, /* allocated, or not known */
	BDEV_HOLE  /* not allocated and reads as zeros */
};

struct bdev_extent {
	uint64_t length; /* bytes, not 0 */
	enum bdev_alloc alloc;
};

struct bdev_req {
	/* Filled by the consumer. */
	enum bdev_op op;
	uint32_t flags;
	uint64_t offset;
	uint64_t length;
	const struct iovec *iov; /* READ, WRITE: length bytes in all */
	int iovcnt;
	struct bdev_extent *extents; /* EXTENTS: room for extents_max >= 1 */
	unsigned extents_max;
	struct bdev *source; /* COPY: a device of any provider, not a stream */
	uint64_t source_offset; /* COPY */
	/* Optional: takes what the provider knows of a failure (the sense data,
	 * in words) with its class, ERROR_IO when these blocks alone are bad.
	 * The consumer sets class to ERROR_NONE before. */
	struct error *why;
	void (*done)(struct bdev_req *);
	void *ctx;
	/* Optional, READ: iov has lengths, but no memory yet.  Called at most
	 * once before data is moved: gives iov its memory, 0 or -ENOMEM.  It
	 * must not call into the provider.  So many requests in flight share
	 * the few buffers that are being filled, which stay in the cache. */
	int (*place)(struct bdev_req *);
	/* Optional, besides place: a pipe for all of the data, or NULL.  A
	 * provider that can fill one asks before any data is moved, and again
	 * when it begins anew; what an earlier one holds is void then.  It may
	 * still turn to memory: place() takes over what the pipe holds.
	 * Without that, done() with result 0 says that the data is there. */
	struct kpipe *(*pipe)(struct bdev_req *);

	/* Filled by the provider before done(). */
	int result;
	unsigned extents_n; /* EXTENTS: >= 1; from offset on, no gaps, the last
			       one may end before offset + length */

	/* The provider's own while the request is in flight. */
	TAILQ_ENTRY(bdev_req) link;
	void *priv;
};
TAILQ_HEAD(bdev_req_queue, bdev_req);

struct bdev;

struct bdev_ops {
	/* Required.  Asks bdev_check() first. */
	void (*submit)(struct bdev *, struct bdev_req *);
	/* Required.  Frees the device; no request is in flight. */
	void (*close)(struct bdev *);
	/* Optional.  The bytes at offset as memory that stays valid until
	 * close; length bytes are inside the device.  For providers in RAM.
	 * write: the caller is about to change them, so they count as
	 * allocated from now on; without it they may only be read. */
	void *(*map)(struct bdev *, uint64_t offset, size_t length, bool write);
	/* Optional, see bdev_interrupt(). */
	void (*interrupt)(struct bdev *);
	/* Optional, both or none; see bdev_borrow(). */
	const void *(*borrow)(struct bdev *, uint64_t offset, size_t length);
	int (*give_back)(struct bdev *, const void *memory, uint64_t offset,
	    size_t length, struct error *why);
};

struct bdev {
	const struct bdev_ops *ops;
	uint64_t size; /* bytes, a multiple of block_size; a stream's: what is
			  known to come, else UINT64_MAX */
	uint32_t block_size; /* smallest write without read-modify-write */
	uint32_t physical_block_size; /* >= block_size */
	uint32_t lowest_aligned; /* bytes: first physically aligned block */
	uint64_t optimal_io;	 /* bytes; 0 when not known */
	bool read_only;
	bool stream;	    /* has an order instead of offsets */
	bool thin;	    /* has unallocated blocks: EXTENTS can show holes */
	bool can_discard;   /* DISCARD does something */
	bool can_fast_zero; /* ZERO need not send zeros */
	bool can_copy; /* COPY may work, from a device of the same provider */
	bool volatile_cache; /* a write may be lost before FLUSH */
	bool takes_lent;     /* WRITE: nobody but the kernel looks into iov, so
				it may be what another device lends */
	/* Optional, set by the consumer: size or read_only has changed. */
	void (*changed)(struct bdev *, void *ctx);
	void *changed_ctx;
};

/*
 * Hands a request to the device.  All errors are reported through done():
 * reading or writing outside the device is -EINVAL, writing to a read-only
 * device -EROFS.  length 0 is a success (FLUSH excepted, which has no length).
 * done() is not called from here.
 */
void bdev_submit(struct bdev *, struct bdev_req *);

/*
 * The consumer gives up: what is in flight need not wait for a silent peer any
 * more, but fails soon with -ECANCELED (or ends as it would have), and all that
 * is submitted from now on fails so.  A provider that does not know this (one
 * whose requests end anyway) goes on as before.
 */
void bdev_interrupt(struct bdev *);

/*
 * Instead of a READ: length bytes at offset as memory of the device's own, for
 * WRITEs to a device that takes_lent.  Only for what EXTENTS calls data: to map
 * a hole may fill it.  NULL: not these, or not now; READ them.
 * What is lent is in memory already, and no part of BDEV_LENT_GRAIN bytes (they
 * begin at multiples of that, the first one at offset) is all zeros.
 *
 * The memory is not to be looked into.  Others may shorten a file at any time;
 * then a system call that is given it fails with EFAULT, where a look would end
 * the program by SIGBUS.  What others write meanwhile may be in it, or not.
 *
 * bdev_give_back() when no request has it any more: 0, or -errno with why set
 * (its class was ERROR_NONE): it may not have been the content to the end.
 */
#define BDEV_LENT_GRAIN 65536u
const void *bdev_borrow(struct bdev *, uint64_t offset, size_t length);
int bdev_give_back(struct bdev *, const void *memory, uint64_t offset,
    size_t length, struct error *why);

/*
 * For providers, at the beginning of their submit: 1 when there is something to
 * do, else the result with which the request is to be completed, 0 or -errno,
 * in the way and at the time in which the provider completes everything.
 */
int bdev_check(const struct bdev *, const struct bdev_req *);
/* For providers, before data is moved into iov, or iov is looked at: 0 or
 * -ENOMEM.  From the loop's thread; again does nothing. */
int bdev_place(struct bdev_req *);
/* For providers that can fill a pipe: one for the data, or NULL, which is what
 * follows bdev_place(), too. */
struct kpipe *bdev_pipe(struct bdev_req *);

#endif
