/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine - the edge of a protocol engine that serves: all that a server knows
 * of the connections whose bytes it moves.  The iSCSI target and the NBD server
 * each fill one table in; neither makes a system call.
 *
 * Times are nanoseconds of one clock, handed in as `now`.
 */
#ifndef BASE_ENGINE_H
#define BASE_ENGINE_H

#include <sys/uio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/kpipe.h"

struct engine_ops {
	/*
	 * Required.  A connection was accepted.  ctx is the engine's own; peer
	 * is for the log and local is where it was accepted; both are copied.
	 * wake(wake_ctx) is called when there is something to send, or the
	 * connection is to be closed, for a reason outside of the calls here.
	 * NULL: it is refused; why has been logged.
	 */
	void *(*conn_new)(void *ctx, const char *peer, const char *local,
	    void (*wake)(void *ctx), void *wake_ctx, uint64_t now);
	/* Required.  The transport is gone; wake() is not called any more. */
	void (*conn_free)(void *conn);

	/* Required.  Where the next bytes go; 0 vectors: stop reading until
	 * something has been sent, or wake(). */
	int (*rx_iov)(void *conn, struct iovec *, int max);
	/* Required.  n bytes have come there. */
	void (*rx_done)(void *conn, size_t n, uint64_t now);
	/* Required.  What is to be sent; 0 vectors: nothing. */
	int (*tx_iov)(void *conn, struct iovec *, int max, uint64_t now);
	/* Required.  n bytes of it have gone. */
	void (*tx_done)(void *conn, size_t n, uint64_t now);
	/* Optional.  What is to be sent right after the vectors that tx_iov()
	 * has just offered: all that this pipe holds; NULL: not known yet, or
	 * nothing.  tx_done() tells of these bytes, too. */
	struct kpipe *(*tx_pipe)(void *conn);

	/* Optional.  Whether memory that tx_iov() has offered stays what it is,
	 * so that the transport may send from it at any later time: what it
	 * shows then is as good as what it shows now.  Asked of the beginning
	 * of a vector, for all of it.  Without: never. */
	bool (*tx_lends)(const void *conn, const void *memory);

	/* Required.  When tick() is wanted, or CLOCK_NEVER. */
	uint64_t (*deadline)(const void *conn);
	/* Required.  The time has come. */
	void (*tick)(void *conn, uint64_t now);
	/* Required.  True once the connection is to be closed; why has been
	 * logged. */
	bool (*closing)(const void *conn, struct error *ret_why);

	/* Optional.  True once the peer has been let in (logged in, past the
	 * handshake); until then it gives way when too many want to connect.
	 * Without: always. */
	bool (*established)(const void *conn);

	/*
	 * Optional.  The peer sends no more, though it may still want to be
	 * answered; all: and what it has sent was received.  First that is not
	 * so.  Without: the connection ends when all was received.
	 */
	void (*rx_end)(void *conn, bool all, uint64_t now);

	/* Optional, both or none.  True when the transport is to turn to TLS
	 * now; nothing is received or sent until it has, and tls_ready() says
	 * so. */
	bool (*wants_tls)(const void *conn);
	void (*tls_ready)(void *conn);
};

#endif
