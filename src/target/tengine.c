/* SPDX-License-Identifier: BSD-2-Clause */
/* tengine - the connections of a target as io/server.c knows them. */
#include "target/target_impl.h"

static void *
tengine_new(void *ctx, const char *peer, const char *local,
    void (*wake)(void *ctx), void *wake_ctx, uint64_t now)
{
	return tconn_new(ctx, peer, local, wake, wake_ctx, now);
}

static void
tengine_free(void *conn)
{
	tconn_free(conn);
}

static int
tengine_rx_iov(void *conn, struct iovec *iov, int max)
{
	return tconn_rx_iov(conn, iov, max);
}

static void
tengine_rx_done(void *conn, size_t n, uint64_t now)
{
	tconn_rx_done(conn, n, now);
}

static int
tengine_tx_iov(void *conn, struct iovec *iov, int max, uint64_t now)
{
	return tconn_tx_iov(conn, iov, max, now);
}

static void
tengine_tx_done(void *conn, size_t n, uint64_t now)
{
	tconn_tx_done(conn, n, now);
}

/* Blocks in RAM.  Who writes them while a READ is under way has no claim to
 * either content, and a data digest keeps a READ out of them (lu.h, direct). */
static bool
tengine_tx_lends(const void *conn, const void *memory)
{
	const struct tconn *tconn = conn;

	for (unsigned i = 0; i < tconn->target->lus.n; i++) {
		if (lu_maps(tconn->target->lus.lu[i], memory))
			return true;
	}
	return false;
}

static uint64_t
tengine_deadline(const void *conn)
{
	return tconn_deadline(conn);
}

static void
tengine_tick(void *conn, uint64_t now)
{
	tconn_tick(conn, now);
}

static bool
tengine_closing(const void *conn, struct error *ret_why)
{
	return tconn_closing(conn, ret_why);
}

static bool
tengine_established(const void *conn)
{
	const struct tconn *tconn = conn;

	return tconn->established;
}

const struct engine_ops target_engine = {
	.conn_new = tengine_new,
	.conn_free = tengine_free,
	.rx_iov = tengine_rx_iov,
	.rx_done = tengine_rx_done,
	.tx_iov = tengine_tx_iov,
	.tx_done = tengine_tx_done,
	.tx_lends = tengine_tx_lends,
	.deadline = tengine_deadline,
	.tick = tengine_tick,
	.closing = tengine_closing,
	.established = tengine_established,
};
