/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See zerocopy.h.  A piece goes in two steps, and the second may stop half-way:
 * then the rest is in the pipe, and goes before anything else.
 */
#include "io/zerocopy.h"

#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/iov.h"

/* What is shorter costs more to hand over than to copy. */
#define LARGE ((size_t)64 << 10)
/* As far as every user may go (fs.pipe-max-size). */
#define PIPE_SIZE (1 << 20)

void
zerocopy_init(struct zerocopy *z)
{
	*z = (struct zerocopy){ .pipe = { -1, -1 } };
}

void
zerocopy_open(struct zerocopy *z)
{
	zerocopy_close(z);
	z->open = true;
	z->used = false;
}

void
zerocopy_close(struct zerocopy *z)
{
	if (z->pipe[0] != -1) {
		close(z->pipe[0]);
		close(z->pipe[1]);
	}
	z->pipe[0] = z->pipe[1] = -1;
	z->pending = 0;
	z->open = false;
}

/* The first time that there is something for it: an idle connection takes none
 * of the pages that its user may have in pipes. */
static bool
has_pipe(struct zerocopy *z)
{
	if (z->pipe[0] != -1)
		return true;
	if (pipe2(z->pipe, O_CLOEXEC | O_NONBLOCK) == -1) {
		z->pipe[0] = z->pipe[1] = -1;
		return false;
	}
	return fcntl(z->pipe[1], F_SETPIPE_SZ, PIPE_SIZE) != -1;
}

void
zerocopy_limit(
    struct zerocopy *z, bool (*lends)(void *ctx, const void *memory), void *ctx)
{
	z->lends = lends;
	z->ctx = ctx;
}

/* Whether a piece goes without a copy. */
static bool
lends(const struct zerocopy *z, const struct iovec *piece)
{
	return z->open && piece->iov_len >= LARGE &&
	       (z->lends == NULL || z->lends(z->ctx, piece->iov_base));
}

static ssize_t
copy(int fd, struct iovec *iov, int n, int flags)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = (size_t)n };
	ssize_t put;

	do {
		put = sendmsg(fd, &msg, MSG_NOSIGNAL | flags);
	} while (put == -1 && errno == EINTR);
	return put;
}

/* What is in the pipe.  -1 only when nothing of it could be sent. */
static ssize_t
drain(struct zerocopy *z, int fd)
{
	size_t sent = 0;

	while (z->pending > 0) {
		ssize_t put = splice(
		    z->pipe[0], NULL, fd, NULL, z->pending, SPLICE_F_NONBLOCK);

		if (put == -1 && errno == EINTR)
			continue;
		if (put <= 0)
			return sent > 0 ? (ssize_t)sent : -1;
		sent += (size_t)put;
		z->pending -= (size_t)put;
	}
	return (ssize_t)sent;
}

/* The pages of one piece into the pipe, which is empty. */
static bool
fill(struct zerocopy *z, const struct iovec *iov)
{
	ssize_t put = -1;

	if (has_pipe(z))
		put = vmsplice(z->pipe[1], iov, 1, SPLICE_F_NONBLOCK);
	z->used = z->used || (put > 0 && z->lends == NULL);
	if (put > 0)
		z->pending = (size_t)put;
	else
		zerocopy_close(z); /* forbidden: from now on all is copied */
	return put > 0;
}

ssize_t
zerocopy_send(struct zerocopy *z, int fd, struct iovec *iov, int n, bool more,
    bool *ret_full)
{
	ssize_t sent = 0, put;
	int small = 0;

	if (z->pending == 0) {
		while (small < n && !lends(z, &iov[small]))
			small++;
		if (small > 0) {
			sent = copy(
			    fd, iov, small, more || small < n ? MSG_MORE : 0);
			*ret_full =
			    sent == -1 || (size_t)sent < iov_total(iov, small);
			if (*ret_full || small == n)
				return sent;
		}
		if (!fill(z, &iov[small])) {
			*ret_full = false;
			return sent;
		}
	}
	put = drain(z, fd);
	*ret_full = z->pending > 0;
	if (put == -1)
		return sent > 0 ? sent : -1;
	return sent + put;
}
