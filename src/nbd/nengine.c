/* SPDX-License-Identifier: BSD-2-Clause */
/* nengine - the connections of an NBD server as io/server.c knows them. */
#include "nbd/nconn.h"

static void *
nengine_new(void *ctx, const char *peer, const char *local,
    void (*wake)(void *ctx), void *wake_ctx, uint64_t now)
{
	(void)local;
	return nconn_new(ctx, peer, wake, wake_ctx, now);
}

static void *
nengine_new_attached(void *ctx, const char *peer, const char *local,
    void (*wake)(void *ctx), void *wake_ctx, uint64_t now)
{
	const struct nbd_attached *attached = ctx;

	(void)local;
	return nconn_new_attached(
	    attached->nbd, attached->name, peer, wake, wake_ctx, now);
}

static void
nengine_free(void *conn)
{
	nconn_free(conn);
}

static int
nengine_rx_iov(void *conn, struct iovec *iov, int max)
{
	return nconn_rx_iov(conn, iov, max);
}

static void
nengine_rx_done(void *conn, size_t n, uint64_t now)
{
	nconn_rx_done(conn, n, now);
}

static int
nengine_tx_iov(void *conn, struct iovec *iov, int max, uint64_t now)
{
	return nconn_tx_iov(conn, iov, max, now);
}

static void
nengine_tx_done(void *conn, size_t n, uint64_t now)
{
	nconn_tx_done(conn, n, now);
}

static struct kpipe *
nengine_tx_pipe(void *conn)
{
	return nconn_tx_pipe(conn);
}

static uint64_t
nengine_deadline(const void *conn)
{
	return nconn_deadline(conn);
}

static void
nengine_tick(void *conn, uint64_t now)
{
	nconn_tick(conn, now);
}

static bool
nengine_closing(const void *conn, struct error *ret_why)
{
	return nconn_closing(conn, ret_why);
}

static bool
nengine_established(const void *conn)
{
	const struct nconn *nconn = conn;

	return nconn->state >= NCONN_TRANSMISSION && !nconn->finished;
}

static void
nengine_rx_end(void *conn, bool all, uint64_t now)
{
	nconn_rx_end(conn, all, now);
}

static bool
nengine_wants_tls(const void *conn)
{
	return nconn_wants_tls(conn);
}

static void
nengine_tls_ready(void *conn)
{
	nconn_tls_ready(conn);
}

const struct engine_ops nbd_engine = {
	.conn_new = nengine_new,
	.conn_free = nengine_free,
	.rx_iov = nengine_rx_iov,
	.rx_done = nengine_rx_done,
	.tx_iov = nengine_tx_iov,
	.tx_done = nengine_tx_done,
	.tx_pipe = nengine_tx_pipe,
	.deadline = nengine_deadline,
	.tick = nengine_tick,
	.closing = nengine_closing,
	.established = nengine_established,
	.rx_end = nengine_rx_end,
	.wants_tls = nengine_wants_tls,
	.tls_ready = nengine_tls_ready,
};

const struct engine_ops nbd_attached_engine = {
	.conn_new = nengine_new_attached,
	.conn_free = nengine_free,
	.rx_iov = nengine_rx_iov,
	.rx_done = nengine_rx_done,
	.tx_iov = nengine_tx_iov,
	.tx_done = nengine_tx_done,
	.deadline = nengine_deadline,
	.tick = nengine_tick,
	.closing = nengine_closing,
	.established = nengine_established,
	.rx_end = nengine_rx_end,
};
