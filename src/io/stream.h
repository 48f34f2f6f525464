/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream - moves bytes between a connected socket and the sans-IO engine of one
 * connection; both roles use it (link.c, server.c).
 *
 * Input is received straight into the vectors that the engine offers, or into a
 * pipe (kpipes.h), until it offers none or the socket is empty, with a bound
 * for each turn of the loop.  Output goes when the owner calls stream_flush(),
 * once at the end of a turn, so that all that came of the input leaves in one
 * system call; the socket is waited for only when it was full.
 *
 * The engine's functions get ctx and `now`, and never call back into the
 * stream.
 */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include <sys/uio.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/kpipe.h"
#include "io/loop.h"
#include "io/zerocopy.h"

struct stream_ops {
	/* Required: the engine's edge. */
	int (*rx_iov)(void *ctx, struct iovec *, int max);
	void (*rx_done)(void *ctx, size_t n, uint64_t now);
	int (*tx_iov)(void *ctx, struct iovec *, int max, uint64_t now);
	void (*tx_done)(void *ctx, size_t n, uint64_t now);
	/*
	 * Optional, all three or none: asked before rx_iov().  The next bytes,
	 * *ret_max at the most, belong into this pipe (NULL: into vectors);
	 * n have gone there; it takes no more, so they belong into vectors.
	 */
	struct kpipe *(*rx_pipe)(void *ctx, size_t *ret_max);
	void (*rx_piped)(void *ctx, size_t n, uint64_t now);
	void (*rx_pipe_full)(void *ctx, uint64_t now);
	/* Optional: engine.h. */
	struct kpipe *(*tx_pipe)(void *ctx);
	/* Required.  Bytes came, or the socket takes bytes again: look what
	 * has become of it and call stream_flush(), before the loop sleeps.
	 * Not the place to close the stream. */
	void (*active)(void *ctx);
	/* Required.  The peer has closed (error 0) or the socket has failed
	 * (errno); nothing follows but stream_close(), also from here. */
	void (*ended)(void *ctx, int error);
	/*
	 * Optional.  The peer sends no more: it has closed, or only its side.
	 * all: what it has sent was received; before that comes once without.
	 * What we send still goes, until ended() says that nobody wants it.
	 * Without: ended() when all was received.
	 */
	void (*rx_end)(void *ctx, bool all, uint64_t now);
};

struct stream {
	struct watch watch; /* fd -1: closed */
	struct loop *loop;
	const struct stream_ops *ops;
	void *ctx;
	bool starved; /* the engine offered no room at the last turn */
	bool full;    /* the socket took no more at the last turn */
	bool over;    /* ended() was called */
	bool rx_last; /* what is in the socket is the last of it */
	bool rx_over; /* and it was received */
	int low;      /* SO_RCVLOWAT */
	struct zerocopy zerocopy;
	/* The owner's: what has come from a peer that has hung up, in both
	 * directions, is dropped unread. */
	bool stale_after_hangup;
	uint64_t rx_bytes;
	uint64_t tx_bytes;
};

/* Before all others; a stream of zeros is closed, too. */
void stream_init(
    struct stream *, struct loop *, const struct stream_ops *, void *ctx);
/* Takes over a connected non-blocking socket.  0 or -errno (then fd is
 * closed). */
int stream_open(struct stream *, int fd);
bool stream_is_open(const struct stream *);
/* From now on large pieces are not copied; see zerocopy.h for what the engine
 * must promise, of all of its memory without lends(), which gets the stream's
 * ctx. */
void stream_zerocopy(
    struct stream *, bool (*lends)(void *ctx, const void *memory));
/* Has the stream talk to another engine from the next byte on, as to a new one
 * (tls.c puts itself in between). */
void stream_set_ops(struct stream *, const struct stream_ops *, void *ctx);
/* Closes the socket; the engine's vectors are not used any more.  Idempotent.
 * The counts stay. */
void stream_close(struct stream *);
/*
 * Sends what the engine has to send, up to a bound; more of it is left to the
 * next call, which active() will ask for.  Also begins to read again when the
 * engine has room again.  True when something was sent: the engine may have
 * moved on.  May call ended().
 */
bool stream_flush(struct stream *);
/* How many bytes the socket holds that the peer has not acknowledged, or
 * -errno. */
int stream_unacked(const struct stream *);
/*
 * In active(): the loop is to sleep until so many bytes have come (0: any), for
 * up to ns; active() follows when they do not.  To be said again each
 * time, and taken back with 0.
 */
void stream_linger(struct stream *, size_t bytes, uint64_t ns);

#endif
