/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zerocopy - sends large pieces of memory through a socket without copying
 * them: their pages go through a pipe into the socket's queue (vmsplice(2),
 * splice(2)).  Small pieces are copied as ever.
 *
 * The pages are in the queue until the peer has acknowledged them, and when it
 * is on the same host until its program has read them, whatever becomes of our
 * socket.  Whoever changes them earlier changes what the peer receives, so this
 * is only for a sender who leaves its memory alone until the peer's program has
 * answered, and for good when that will not come; or who says of which memory
 * it may be so (zerocopy_limit()).
 *
 * Where the calls are forbidden or fail, everything is copied.  SIGPIPE is to
 * be ignored.
 */
#ifndef IO_ZEROCOPY_H
#define IO_ZEROCOPY_H

#include <sys/types.h>
#include <sys/uio.h>
#include <stdbool.h>

struct zerocopy {
	bool open;
	int pipe[2];	/* -1: not needed so far */
	size_t pending; /* bytes in it: the next that the socket gets */
	bool used; /* the socket may refer to pages that are not to change */
	bool (*lends)(void *ctx, const void *memory); /* NULL: all */
	void *ctx;
};

/* Closed. */
void zerocopy_init(struct zerocopy *);
void zerocopy_open(struct zerocopy *);
/* From now on this is only for memory that may change in the queue, since what
 * the peer then receives is as good: lends() says so of the piece that begins
 * there. */
void zerocopy_limit(
    struct zerocopy *, bool (*lends)(void *ctx, const void *memory), void *ctx);
/* Forgets what is pending. */
void zerocopy_close(struct zerocopy *);
/*
 * Like sendmsg(): bytes that the socket has taken, or -1 with errno.  The next
 * call must begin with the byte after them.  more: others follow at once.
 * *ret_full: the socket takes no more for now.
 */
ssize_t zerocopy_send(struct zerocopy *, int fd, struct iovec *, int n,
    bool more, bool *ret_full);

#endif
