/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A short count says that the socket is empty, or full: it saves the call that
 * would only bring EAGAIN.  What is missed that way epoll tells (it is
 * level-triggered).
 */
#include "io/stream.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <unistd.h>

#include "base/iov.h"
#include "io/kpipes.h"

#define IOV_RX 16
#define IOV_TX 256
/* What one connection may move in one turn before others have theirs. */
#define RX_TURN (512u << 10)
#define TX_TURN (4u << 20)

static void
stream_wait(struct stream *s)
{
	uint32_t events = 0;

	if (!s->starved && !s->rx_over)
		events |= EPOLLIN;
	if (s->ops->rx_end != NULL && !s->rx_last)
		events |= EPOLLRDHUP;
	if (s->full)
		events |= EPOLLOUT;
	/* Cannot fail: fd is registered, and memory was taken then. */
	(void)watch_set(s->loop, &s->watch, events);
}

static void
stream_end(struct stream *s, int error)
{
	if (s->over)
		return;
	s->over = true;
	s->ops->ended(s->ctx, error);
}

static ssize_t
receive(int fd, struct iovec *iov, int n)
{
	ssize_t got;

	do {
		got = readv(fd, iov, n);
	} while (got == -1 && errno == EINTR);
	return got == -1 ? -errno : got;
}

/* Receives once: into a pipe, if that is where the next bytes belong, or into
 * vectors.  Returns as receive() does; -ENOBUFS: there was no room. */
static ssize_t
stream_receive(struct stream *s, uint64_t now, size_t *ret_room)
{
	struct iovec iov[IOV_RX];
	struct kpipe *pipe = NULL;
	ssize_t got;
	int n;

	if (s->ops->rx_pipe != NULL)
		pipe = s->ops->rx_pipe(s->ctx, ret_room);
	if (pipe != NULL) {
		got = kpipe_fill(pipe, s->watch.fd, *ret_room);
		if (got > 0)
			s->ops->rx_piped(s->ctx, (size_t)got, now);
		if (got != -ENOBUFS)
			return got;
		s->ops->rx_pipe_full(s->ctx, now);
	}
	n = s->ops->rx_iov(s->ctx, iov, IOV_RX);
	if (n == 0)
		return -ENOBUFS;
	*ret_room = iov_total(iov, n);
	got = receive(s->watch.fd, iov, n);
	if (got > 0)
		s->ops->rx_done(s->ctx, (size_t)got, now);
	return got;
}

/* Reads what is there.  False when the stream has ended. */
static bool
stream_read(struct stream *s)
{
	uint64_t now = loop_now(s->loop);
	size_t turn = 0, room;

	do {
		ssize_t got = stream_receive(s, now, &room);

		if (got == -ENOBUFS) {
			s->starved = true;
			return true;
		}
		if (got == -EAGAIN)
			return true;
		if (got == 0 && s->ops->rx_end != NULL) {
			s->rx_last = s->rx_over = true;
			s->ops->rx_end(s->ctx, true, now);
			return true;
		}
		if (got <= 0) {
			stream_end(s, (int)-got);
			return false;
		}
		s->rx_bytes += (size_t)got;
		turn += (size_t)got;
		if ((size_t)got < room)
			return true;
		/* The last of it is no more than the socket holds, and comes
		 * before what the peer may send by another one. */
	} while (turn < RX_TURN || s->rx_last);
	return true;
}

static void
stream_ready(struct watch *w, uint32_t events)
{
	struct stream *s = w->ctx;
	bool stale = s->stale_after_hangup && (events & EPOLLHUP) != 0;

	if (s->over)
		return;
	if (events & EPOLLRDHUP && !s->rx_last && !stale) {
		s->rx_last = true;
		s->ops->rx_end(s->ctx, false, loop_now(s->loop));
	}
	if (events & EPOLLIN && !s->starved && !stale) {
		if (!stream_read(s))
			return;
	} else if (events & (EPOLLERR | EPOLLHUP)) {
		socklen_t len = sizeof(int);
		int error = 0;

		getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		stream_end(s, error);
		return;
	}
	if (events & EPOLLOUT)
		s->full = false;
	stream_wait(s);
	s->ops->active(s->ctx);
}

void
stream_init(struct stream *s, struct loop *loop, const struct stream_ops *ops,
    void *ctx)
{
	*s = (struct stream){
		.watch = { .fd = -1, .ready = stream_ready, .ctx = s },
		.loop = loop,
		.ops = ops,
		.ctx = ctx
	};
	zerocopy_init(&s->zerocopy);
}

int
stream_open(struct stream *s, int fd)
{
	int error;

	s->watch.fd = fd;
	s->starved = s->full = s->over = s->rx_last = s->rx_over = false;
	s->low = 1;
	error = watch_add(s->loop, &s->watch, EPOLLIN);
	if (error != 0) {
		close(fd);
		s->watch.fd = -1;
	}
	return error;
}

void
stream_zerocopy(struct stream *s, bool (*lends)(void *ctx, const void *memory))
{
	zerocopy_open(&s->zerocopy);
	zerocopy_limit(&s->zerocopy, lends, s->ctx);
}

bool
stream_is_open(const struct stream *s)
{
	return s->watch.fd != -1;
}

void
stream_set_ops(struct stream *s, const struct stream_ops *ops, void *ctx)
{
	s->ops = ops;
	s->ctx = ctx;
	s->starved = false;
	stream_wait(s);
}

void
stream_close(struct stream *s)
{
	static const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	if (s->watch.fd == -1)
		return;
	/* Its owner is about to change what the socket still refers to. */
	if (s->zerocopy.used && stream_unacked(s) != 0)
		setsockopt(
		    s->watch.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	zerocopy_close(&s->zerocopy);
	watch_remove(s->loop, &s->watch);
	close(s->watch.fd);
	s->watch.fd = -1;
}

/* Sends vectors, behind which a pipe may follow (more), or what that holds.
 * Bytes, or -errno. */
static ssize_t
stream_send(struct stream *s, struct iovec *iov, int n, struct kpipe *pipe)
{
	ssize_t put;

	if (n > 0) {
		put = zerocopy_send(
		    &s->zerocopy, s->watch.fd, iov, n, pipe != NULL, &s->full);
		return put == -1 ? -errno : put;
	}
	put = kpipe_drain(pipe, s->watch.fd);
	s->full = put == -EAGAIN || pipe->held > 0;
	return put;
}

static bool
stream_write(struct stream *s)
{
	struct iovec iov[IOV_TX];
	uint64_t now = loop_now(s->loop);
	size_t turn = 0;

	while (!s->full && !s->over) {
		int n = s->ops->tx_iov(s->ctx, iov, IOV_TX, now);
		struct kpipe *pipe =
		    s->ops->tx_pipe == NULL ? NULL : s->ops->tx_pipe(s->ctx);
		ssize_t put;

		if (n <= 0 && pipe == NULL)
			break;
		if (turn >= TX_TURN) {
			s->ops->active(s->ctx);
			break;
		}
		put = stream_send(s, iov, n, pipe);
		if (put < 0 && put != -EAGAIN) {
			stream_end(s, (int)-put);
			break;
		}
		if (put > 0) {
			s->tx_bytes += (size_t)put;
			s->ops->tx_done(s->ctx, (size_t)put, now);
			turn += (size_t)put;
		}
	}
	return turn > 0;
}

bool
stream_flush(struct stream *s)
{
	struct iovec iov[IOV_RX];
	bool sent;

	if (s->watch.fd == -1 || s->over)
		return false;
	sent = stream_write(s);
	if (s->starved && !s->over && s->ops->rx_iov(s->ctx, iov, IOV_RX) > 0)
		s->starved = false;
	stream_wait(s);
	return sent;
}

int
stream_unacked(const struct stream *s)
{
	int bytes;

	return ioctl(s->watch.fd, SIOCOUTQ, &bytes) == -1 ? -errno : bytes;
}

void
stream_linger(struct stream *s, size_t bytes, uint64_t ns)
{
	int low = 1;

	if (s->watch.fd == -1 || s->over)
		return;
	if (bytes > 0 && bytes <= INT_MAX && !s->starved &&
	    watch_may_linger(s->loop, &s->watch))
		low = (int)bytes;
	if (low != s->low && setsockopt(s->watch.fd, SOL_SOCKET, SO_RCVLOWAT,
				 &low, sizeof(low)) == 0)
		s->low = low;
	if (s->low > 1)
		watch_linger(s->loop, &s->watch, ns);
}
