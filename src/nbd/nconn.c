/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nconn - a connection from accept to close: its memory, its states, the
 * driver's calls, and time.
 */
#include "nbd/nconn.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Each state: what it does with the bytes that come (NULL: nothing is read),
 * and whether the connection may take only so long.
 */
static const struct {
	bool (*take)(struct nconn *);
	bool timed;
	const char *doing;
} states[] = {
	[NCONN_GREETING] = { nhandshake_take_flags, true,
	    "waiting for the client's flags" },
	[NCONN_OPTIONS] = { nhandshake_take_option, true,
	    "negotiating options" },
	[NCONN_TLS] = { NULL, true, "turning to TLS" },
	[NCONN_TRANSMISSION] = { ntransmit_take, false, NULL },
	[NCONN_DRAIN] = { NULL, true, "sending what was left" },
	[NCONN_CLOSED] = { NULL, false, NULL },
};

/*
 * ---- life ----
 */

/*
 * Whether connections that are gone keep as much as all may: a client that
 * comes again and again, while the device does not answer, leaves requests
 * behind each time.
 */
static bool
too_much_is_left(const struct nbd *nbd)
{
	const struct nconn *conn;
	size_t left = 0;

	TAILQ_FOREACH (conn, &nbd->conns, link)
		if (conn->gone)
			left += NCONN_GONE_SIZE + conn->held_bytes;
	return left >= NBD_HELD_MAX;
}

/* What there is of it goes. */
static struct nconn *
refuse(const struct nbd *nbd, const char *peer, const char *why,
    struct nconn *conn)
{
	log_warn(nbd->config.log, "%s: refused: %s", peer, why);
	if (conn != NULL)
		free(conn->slots);
	free(conn);
	return NULL;
}

static struct nconn *
conn_new(struct nbd *nbd, const char *peer, void (*wake)(void *ctx),
    void *wake_ctx, uint64_t now)
{
	struct nconn *conn = NULL;

	if (too_much_is_left(nbd))
		return refuse(nbd, peer,
		    "connections that have ended left too many requests with "
		    "the device",
		    conn);
	conn = calloc(1, sizeof(*conn));
	if (conn != NULL)
		conn->slots = calloc(NCONN_SLOTS, sizeof(*conn->slots));
	if (conn == NULL || conn->slots == NULL ||
	    nreader_init(&conn->reader) != 0)
		return refuse(nbd, peer, "out of memory", conn);
	conn->nbd = nbd;
	conn->pipes = nbd->config.pipes;
	conn->window = NCONN_WINDOW_LEAST;
	snprintf(conn->peer, sizeof(conn->peer), "%s", peer);
	conn->wake = wake;
	conn->wake_ctx = wake_ctx;
	conn->now = now;
	conn->end_deadline = now + NCONN_HANDSHAKE;
	conn->proof_at = CLOCK_NEVER;
	TAILQ_INIT(&conn->free);
	TAILQ_INIT(&conn->tx);
	for (unsigned i = NCONN_SLOTS; i-- > 0;) {
		conn->slots[i].conn = conn;
		TAILQ_INSERT_HEAD(&conn->free, &conn->slots[i], link);
	}
	TAILQ_INSERT_TAIL(&nbd->conns, conn, link);
	return conn;
}

struct nconn *
nconn_new(struct nbd *nbd, const char *peer, void (*wake)(void *ctx),
    void *wake_ctx, uint64_t now)
{
	struct nconn *conn = conn_new(nbd, peer, wake, wake_ctx, now);

	if (conn == NULL)
		return NULL;
	conn->driving = true;
	nhandshake_greet(conn);
	conn->driving = false;
	return conn;
}

struct nconn *
nconn_new_attached(struct nbd *nbd, const char *name, const char *peer,
    void (*wake)(void *ctx), void *wake_ctx, uint64_t now)
{
	struct nexport *export = nbd_export(nbd, name, strlen(name));
	struct nconn *conn;

	if (export == NULL)
		return NULL;
	conn = conn_new(nbd, peer, wake, wake_ctx, now);
	if (conn == NULL)
		return NULL;
	/* What the kernel waits for when memory is short takes as little of it
	 * as can be. */
	conn->pipes = NULL;
	conn->export = export;
	conn->flags = nbd_export_flags(export->bdev);
	conn->state = NCONN_TRANSMISSION;
	return conn;
}

void
nconn_kill(struct nconn *conn, enum error_class class, const char *fmt, ...)
{
	va_list ap;

	if (conn->state == NCONN_CLOSED)
		return;
	conn->why.class = class;
	va_start(ap, fmt);
	vsnprintf(conn->why.text, sizeof(conn->why.text), fmt, ap);
	va_end(ap);
	conn->state = NCONN_CLOSED;
	log_warn(conn->nbd->config.log, "%s: %s", conn->peer, conn->why.text);
	nconn_wake(conn);
}

void
nconn_drain(struct nconn *conn, const char *why)
{
	if (conn->state == NCONN_CLOSED)
		return;
	error_set(&conn->why, ERROR_NONE, "%s", why);
	conn->state = NCONN_DRAIN;
	conn->end_deadline = conn->now + NCONN_LINGER;
	log_info(conn->nbd->config.log, "%s: %s", conn->peer, why);
}

void
nconn_free(struct nconn *conn)
{
	struct nrequest *req;

	if (conn == NULL)
		return;
	conn->gone = true;
	conn->state = NCONN_CLOSED;
	nreader_fini(&conn->reader);
	free(conn->out);
	conn->out = NULL;
	if (conn->rx != NULL)
		nrequest_free(conn->rx);
	while ((req = TAILQ_FIRST(&conn->tx)) != NULL) {
		TAILQ_REMOVE(&conn->tx, req, link);
		nrequest_free(req);
	}
	nconn_reap(conn);
}

void
nconn_reap(struct nconn *conn)
{
	if (!conn->gone || conn->running > 0)
		return;
	TAILQ_REMOVE(&conn->nbd->conns, conn, link);
	free(conn->slots);
	free(conn);
}

void
nconn_wake(struct nconn *conn)
{
	if (!conn->driving && !conn->gone && conn->wake != NULL)
		conn->wake(conn->wake_ctx);
}

/* Nothing is in flight and nothing is to be sent. */
static bool
idle(const struct nconn *conn)
{
	return conn->running == 0 && TAILQ_EMPTY(&conn->tx) &&
	       conn->out_sent == conn->out_len;
}

bool
nconn_closing(const struct nconn *conn, struct error *ret_why)
{
	if (conn->state == NCONN_CLOSED ||
	    (conn->state == NCONN_DRAIN && idle(conn))) {
		*ret_why = conn->why;
		return true;
	}
	if (conn->nbd->ending && idle(conn)) {
		*ret_why = (struct error){ .class = ERROR_NONE,
			.text = "the server is shutting down" };
		return true;
	}
	return false;
}

/*
 * ---- the driver's calls ----
 */

/* Takes all that can be taken of what has come. */
static void
dispatch(struct nconn *conn)
{
	conn->paused = false;
	while (!conn->paused && states[conn->state].take != NULL &&
	       states[conn->state].take(conn)) {
	}
}

int
nconn_rx_iov(struct nconn *conn, struct iovec *iov, int max)
{
	if (conn->paused || states[conn->state].take == NULL)
		return 0;
	return nreader_iov(&conn->reader, iov, max);
}

void
nconn_rx_done(struct nconn *conn, size_t n, uint64_t now)
{
	if (states[conn->state].take == NULL)
		return;
	conn->now = now;
	conn->driving = true;
	nreader_done(&conn->reader, n);
	dispatch(conn);
	conn->driving = false;
}

void
nconn_rx_end(struct nconn *conn, bool all, uint64_t now)
{
	if (states[conn->state].take == NULL)
		return;
	conn->now = now;
	conn->finished = true;
	if (all)
		nconn_drain(conn, "the client has closed its side");
}

/* There is room again.  But a client that has finished may have gone, and have
 * sent its requests again by another connection. */
static void
resume(struct nconn *conn)
{
	if (!conn->finished || conn->state != NCONN_TRANSMISSION)
		dispatch(conn);
	else if (conn->proof_at == CLOCK_NEVER)
		conn->proof_at = conn->now + NCONN_PROOF;
}

int
nconn_tx_iov(struct nconn *conn, struct iovec *iov, int max, uint64_t now)
{
	size_t skip = conn->tx_sent;
	struct nrequest *req;
	int n = 0;

	conn->now = now;
	conn->tx_pipe = NULL;
	if (conn->state == NCONN_CLOSED)
		return 0;
	if (conn->out_sent < conn->out_len) {
		iov[n].iov_base = conn->out + conn->out_sent;
		iov[n++].iov_len = conn->out_len - conn->out_sent;
	}
	TAILQ_FOREACH (req, &conn->tx, link) {
		if (n + 2 > max)
			break;
		if (skip < req->head_len) {
			iov[n].iov_base = req->head + skip;
			iov[n++].iov_len = req->head_len - skip;
			skip = 0;
		} else {
			skip -= req->head_len;
		}
		if (req->pipe != NULL) {
			conn->tx_pipe = req->pipe;
			break;
		}
		if (skip < req->payload.iov_len) {
			iov[n].iov_base =
			    (uint8_t *)req->payload.iov_base + skip;
			iov[n++].iov_len = req->payload.iov_len - skip;
		}
		skip = 0;
	}
	return n;
}

struct kpipe *
nconn_tx_pipe(struct nconn *conn)
{
	return conn->tx_pipe;
}

/* n bytes of replies have gone: the slots of those that are whole are free. */
static void
replies_sent(struct nconn *conn, size_t n)
{
	struct nrequest *req;
	size_t len;

	conn->tx_sent += n;
	while ((req = TAILQ_FIRST(&conn->tx)) != NULL) {
		len = req->head_len + req->payload.iov_len;
		if (conn->tx_sent < len)
			break;
		conn->tx_sent -= len;
		TAILQ_REMOVE(&conn->tx, req, link);
		conn->queued_bytes -= req->payload.iov_len;
		nrequest_free(req);
	}
}

void
nconn_tx_done(struct nconn *conn, size_t n, uint64_t now)
{
	size_t part = conn->out_len - conn->out_sent;

	conn->now = now;
	conn->driving = true;
	if (part > n)
		part = n;
	conn->out_sent += part;
	if (conn->state == NCONN_DRAIN)
		conn->end_deadline = now + NCONN_LINGER;
	replies_sent(conn, n - part);
	if (conn->out_sent == conn->out_len) {
		free(conn->out);
		conn->out = NULL;
		conn->out_len = conn->out_sent = conn->out_room = 0;
	}
	if (conn->paused)
		resume(conn);
	conn->driving = false;
}

bool
nconn_wants_tls(const struct nconn *conn)
{
	return conn->state == NCONN_TLS && idle(conn);
}

void
nconn_tls_ready(struct nconn *conn)
{
	if (conn->state != NCONN_TLS)
		return;
	conn->tls = true;
	conn->pipes = NULL;
	conn->state = NCONN_OPTIONS;
}

/*
 * ---- time ----
 */

uint64_t
nconn_deadline(const struct nconn *conn)
{
	if (conn->state == NCONN_TRANSMISSION)
		return conn->proof_at;
	return states[conn->state].timed ? conn->end_deadline : CLOCK_NEVER;
}

void
nconn_tick(struct nconn *conn, uint64_t now)
{
	if (now < nconn_deadline(conn))
		return;
	conn->now = now;
	if (conn->state == NCONN_TRANSMISSION) {
		conn->proof_at = CLOCK_NEVER;
		conn->driving = true;
		dispatch(conn);
		conn->driving = false;
		return;
	}
	if (conn->running > 0) {
		/* It is the device that takes its time. */
		conn->end_deadline = now + NCONN_LINGER;
		return;
	}
	nconn_kill(conn, ERROR_UNREACHED, "the client took too long: %s",
	    states[conn->state].doing);
}
