/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kpipes - a few pipes of the kernel's, into and out of which splice(2) moves
 * references to the pages that a socket has received; see base/kpipe.h.
 *
 * Nobody writes to such pages again, neither the kernel, which gives them back
 * when the last reference is gone, nor we, who never had them in our memory.
 * So who gets them may keep them and hand them on.  That is not so with pages
 * of ours (zerocopy.h), which must not go this way.
 *
 * Each is given out empty: what is left in one that comes back is thrown away
 * with it.
 */
#ifndef IO_KPIPES_H
#define IO_KPIPES_H

#include <sys/types.h>

#include "base/kpipe.h"

struct kpipes;

/* NULL: no memory.  Descriptors are taken when they are needed. */
struct kpipes *kpipes_new(void);
/* Every pipe was put back.  Takes NULL. */
void kpipes_free(struct kpipes *);
/* For an engine; valid as long as the pipes. */
const struct kpipe_source *kpipes_source(const struct kpipes *);

/*
 * Moves up to max bytes that a socket has received into a pipe of ours: their
 * number; 0: the peer has closed; -EAGAIN: there are none yet; -ENOBUFS: they
 * do not go there, since it takes no more, splice() is forbidden, or the socket
 * has failed.
 */
ssize_t kpipe_fill(struct kpipe *, int fd, size_t max);
/* Moves what the pipe holds into a socket: the number of bytes, -EAGAIN or
 * -errno.  The socket is full when it is not all. */
ssize_t kpipe_drain(struct kpipe *, int fd);

#endif
