/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kpipe - where a payload may wait instead of in memory: it comes out of one
 * socket and goes into another, and is never copied on the way.
 *
 *     socket of the target --> pipe --> socket of the client
 *
 * To an engine a pipe is a number of bytes that somebody holds; the driver,
 * whose pipes are the kernel's (io/kpipes.h), moves them and counts them.  The
 * bytes can be taken out into memory, but not looked at in the pipe.
 *
 * How much goes in is not known in advance: a pipe counts pieces, and a payload
 * may come in many small ones.  So whoever fills it is always ready to go on in
 * memory.
 */
#ifndef BASE_KPIPE_H
#define BASE_KPIPE_H

#include <stddef.h>

struct kpipe {
	size_t held; /* bytes in it; the driver counts */
};

struct kpipe_ops {
	/* Required.  An empty pipe that may have room for size bytes; NULL:
	 * there is none. */
	struct kpipe *(*get)(void *ctx, size_t size);
	/* Required.  Gives it back; what it holds is thrown away. */
	void (*put)(void *ctx, struct kpipe *);
	/* Required.  It takes no more, though not all is there: the first n
	 * bytes, all that it holds, go to buf.  0 or -errno. */
	int (*spill)(void *ctx, struct kpipe *, void *buf, size_t n);
};

struct kpipe_source {
	const struct kpipe_ops *ops;
	void *ctx;
	size_t least; /* bytes of a request that are worth one; > 0 */
};

#endif
