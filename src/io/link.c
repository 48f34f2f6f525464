/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See link.h.  Everything comes together in link_pump(), a deferred call: it
 * runs once at the end of a turn of the loop, however many things happened in
 * it, takes events and finished tasks from the session, sends what came of all
 * of that, and sets the timer.  The owner is called from there only, and the
 * link may be freed in the last of its calls.
 */
#include "io/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/coalesce.h"
#include "io/random.h"
#include "io/socket.h"
#include "io/stream.h"

/* A shorter Data-In is not worth two system calls of its own. */
#define PIPE_PDU_LEAST 16384

struct link {
	struct loop *loop;
	struct link_config config;
	struct session *session;
	struct conn *conn; /* of the connector or the stream */
	struct connector *connector;
	struct stream stream;
	struct deferred pump;
	struct timer timer;
	struct coalesce coalesce;
	unsigned answers; /* that came in this turn */
};

static void
link_pump_soon(void *ctx)
{
	struct link *l = ctx;

	deferred_set(l->loop, &l->pump);
}

/* ---- the stream's side ---- */

static int
link_rx_iov(void *ctx, struct iovec *iov, int max)
{
	struct link *l = ctx;

	return conn_rx_iov(l->conn, iov, max);
}

static void
link_rx_done(void *ctx, size_t n, uint64_t now)
{
	struct link *l = ctx;

	conn_rx_done(l->conn, n, now);
}

static int
link_tx_iov(void *ctx, struct iovec *iov, int max, uint64_t now)
{
	struct link *l = ctx;

	return conn_tx_iov(l->conn, iov, max, now);
}

static void
link_tx_done(void *ctx, size_t n, uint64_t now)
{
	struct link *l = ctx;

	conn_tx_done(l->conn, n, now);
}

static void
link_stream_ended(void *ctx, int error)
{
	struct link *l = ctx;
	struct error why;

	if (error == EFAULT && l->config.borrowed)
		error_set(&why, ERROR_FAILED,
		    "the file that was being sent has become shorter, or can "
		    "be read no more");
	else
		error_set(&why, ERROR_UNREACHED, "%s",
		    error == 0 ? "the target closed the connection"
			       : strerror(error));
	session_disconnected(l->session, l->conn, &why, loop_now(l->loop));
	link_pump_soon(l);
}

static struct kpipe *
link_rx_pipe(void *ctx, size_t *ret_max)
{
	struct link *l = ctx;

	return conn_rx_pipe(l->conn, ret_max);
}

static void
link_rx_piped(void *ctx, size_t n, uint64_t now)
{
	struct link *l = ctx;

	conn_rx_piped(l->conn, n, now);
}

static void
link_rx_pipe_full(void *ctx, uint64_t now)
{
	struct link *l = ctx;

	conn_rx_pipe_full(l->conn, now);
}

static const struct stream_ops link_stream_ops = {
	.rx_iov = link_rx_iov,
	.rx_done = link_rx_done,
	.tx_iov = link_tx_iov,
	.tx_done = link_tx_done,
	.rx_pipe = link_rx_pipe,
	.rx_piped = link_rx_piped,
	.rx_pipe_full = link_rx_pipe_full,
	.active = link_pump_soon,
	.ended = link_stream_ended,
};

/* ---- the session's side ---- */

static void
link_connected(void *ctx, int fd, const struct error *why)
{
	struct link *l = ctx;
	uint64_t now = loop_now(l->loop);
	struct error failed;
	int error = 0;

	connector_free(l->connector);
	l->connector = NULL;
	if (fd != -1) {
		socket_open_window(fd);
		error = stream_open(&l->stream, fd);
	}
	if (error != 0) {
		error_set(
		    &failed, ERROR_FAILED, "connect: %s", strerror(-error));
		why = &failed;
	}
	if (why != NULL)
		session_connect_failed(l->session, l->conn, why, now);
	else
		session_connected(l->session, l->conn, now);
	link_pump_soon(l);
}

static void
link_connect(struct link *l, const struct session_event *ev)
{
	struct error why;
	int error;

	l->conn = ev->conn;
	error = connector_new(l->loop, ev->portal, l->config.connect_timeout,
	    link_connected, l, &l->connector);
	if (error == 0)
		return;
	error_set(&why, error == -EINVAL ? ERROR_USAGE : ERROR_FAILED,
	    "connect to %s: %s", ev->portal,
	    error == -EINVAL ? "not HOST[:PORT]" : strerror(-error));
	session_connect_failed(l->session, l->conn, &why, loop_now(l->loop));
}

static void
link_disconnect(struct link *l)
{
	connector_free(l->connector);
	l->connector = NULL;
	stream_close(&l->stream);
}

static void
link_reap(struct link *l)
{
	struct text_exchange *text;
	struct session_ping *ping;
	struct task *task;

	while ((task = session_reap(l->session)) != NULL) {
		l->answers++;
		task->done(task);
	}
	while ((text = session_reap_text(l->session)) != NULL)
		text->done(text);
	while ((ping = session_reap_ping(l->session)) != NULL)
		ping->done(ping);
}

/* A task keeps its memory until the target has ended it, and is done with its
 * data, or will never be.  Of one that ended early the memory may be changed
 * while the target throws the rest of the data away, which a digest over them
 * would not survive. */
static void
link_zerocopy(struct link *l)
{
	if (l->config.zerocopy &&
	    session_params(l->session)->data_digest.order[0] == DIGEST_NONE)
		stream_zerocopy(&l->stream, NULL);
}

/* Tasks that ended with a connection are told so before the owner hears of it
 * and frees what they belong to.
 *
 * False when the link has come to its end: the owner has been told, and may
 * have freed it. */
static bool
link_events(struct link *l)
{
	struct session_event ev;

	while (session_event(l->session, &ev)) {
		switch (ev.type) {
		case SESSION_CONNECT:
			link_connect(l, &ev);
			break;
		case SESSION_CLOSE:
			link_disconnect(l);
			break;
		case SESSION_LOGGED_IN:
			link_zerocopy(l);
			if (l->config.up != NULL)
				l->config.up(l->config.ctx);
			break;
		case SESSION_LOST:
			link_reap(l);
			if (l->config.lost == NULL)
				break;
			l->config.lost(l->config.ctx, &ev.error, ev.final);
			if (ev.final)
				return false;
			break;
		case SESSION_ENDED:
			link_reap(l);
			if (l->config.ended != NULL)
				l->config.ended(l->config.ctx);
			return false;
		}
	}
	return true;
}

/* Moves the timer only when it would ring too late: one that rings early looks
 * again, and that costs less than a move for every answer that came. */
static void
link_set_timer(struct link *l)
{
	uint64_t deadline = session_deadline(l->session);

	if (deadline < l->timer.deadline)
		timer_set(l->loop, &l->timer, deadline);
}

static void
link_linger(struct link *l)
{
	const struct coalesce_load load = {
		.answers = l->answers,
		.in_flight = session_in_flight(l->session),
		.fastest = session_fastest(l->session),
		.rx_bytes = l->stream.rx_bytes,
		.tx_bytes = l->stream.tx_bytes,
	};

	l->answers = 0;
	stream_linger(&l->stream,
	    coalesce(&l->coalesce, &load, loop_now(l->loop)), COALESCE_WAIT);
}

static void
link_pump(struct deferred *d)
{
	struct link *l = d->ctx;

	do {
		if (!link_events(l))
			return;
		link_reap(l);
	} while (stream_flush(&l->stream));
	link_linger(l);
	link_set_timer(l);
}

static void
link_tick(struct link *l, uint64_t now)
{
	int unacked = stream_unacked(&l->stream);

	if (unacked >= 0)
		conn_unacked(l->conn, (size_t)unacked);
	session_tick(l->session, now);
}

static void
link_timer(struct timer *t, uint64_t now)
{
	struct link *l = t->ctx;

	if (session_deadline(l->session) <= now)
		link_tick(l, now);
	link_pump_soon(l);
}

/* ---- the owner's side ---- */

void
link_config_default(struct link_config *config)
{
	memset(config, 0, sizeof(*config));
	session_config_default(&config->session);
	config->connect_timeout = 15 * CLOCK_S;
}

int
link_new(struct loop *loop, const struct link_config *config, struct link **ret)
{
	struct link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return -ENOMEM;
	l->loop = loop;
	l->config = *config;
	l->config.session.random = random_bytes;
	l->config.session.pipe_least = PIPE_PDU_LEAST;
	l->config.session.wake = link_pump_soon;
	l->config.session.wake_ctx = l;
	l->session = session_new(&l->config.session);
	if (l->session == NULL) {
		free(l);
		return -ENOMEM;
	}
	stream_init(&l->stream, loop, &link_stream_ops, l);
	l->pump = (struct deferred){ .run = link_pump, .ctx = l };
	timer_init(&l->timer, link_timer, l);
	*ret = l;
	return 0;
}

void
link_start(struct link *l)
{
	session_start(l->session, loop_now(l->loop));
	link_pump_soon(l);
}

void
link_end(struct link *l)
{
	session_end(l->session, loop_now(l->loop));
	link_pump_soon(l);
}

void
link_free(struct link *l)
{
	if (l == NULL)
		return;
	link_disconnect(l);
	deferred_clear(l->loop, &l->pump);
	timer_clear(l->loop, &l->timer);
	session_free(l->session);
	free(l);
}

struct session *
link_session(struct link *l)
{
	return l->session;
}

void
link_bytes(const struct link *l, uint64_t *ret_rx, uint64_t *ret_tx)
{
	*ret_rx = l->stream.rx_bytes;
	*ret_tx = l->stream.tx_bytes;
}
