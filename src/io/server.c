/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See server.h.  As in link.c, all that comes of one turn of the loop is sent
 * at its end, from peer_pump(); that is also the only place where a connection
 * is freed, but for server_free().
 */
#include "io/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/socket.h"
#include "io/stream.h"
#include "io/tls.h"

/* Connections served at once; more wait in the queue of the kernel.  The last
 * place is kept free as long as there is somebody who has not been let in. */
#define PEERS_MAX 64
/* A peer may take the last records of TLS for so long. */
#define BYE_TIME (15 * CLOCK_S)

struct peer {
	struct server *server;
	const struct engine_ops *engine;
	void *conn;
	struct stream stream;
	struct tls *tls;    /* NULL: in the clear */
	uint64_t bye_until; /* its end is being told; 0: not yet */
	struct deferred pump;
	struct timer timer;
	bool gone; /* the transport has ended */
	char name[SOCKET_NAME_MAX + 1];
	TAILQ_ENTRY(peer) link;
};

struct server {
	struct loop *loop;
	struct server_config config;
	unsigned peers_n;
	TAILQ_HEAD(, peer) peers;
	TAILQ_HEAD(, listener) listeners;
};

/* Looks for connections, or not. */
static void
server_look(struct server *server)
{
	struct listener *l;

	TAILQ_FOREACH (l, &server->listeners, link)
		listener_look(l, server->peers_n < PEERS_MAX);
}

/* ---- one connection ---- */

static int
peer_rx_iov(void *ctx, struct iovec *iov, int max)
{
	struct peer *p = ctx;

	return p->engine->rx_iov(p->conn, iov, max);
}

static void
peer_rx_done(void *ctx, size_t n, uint64_t now)
{
	struct peer *p = ctx;

	p->engine->rx_done(p->conn, n, now);
}

static int
peer_tx_iov(void *ctx, struct iovec *iov, int max, uint64_t now)
{
	struct peer *p = ctx;

	return p->engine->tx_iov(p->conn, iov, max, now);
}

static void
peer_tx_done(void *ctx, size_t n, uint64_t now)
{
	struct peer *p = ctx;

	p->engine->tx_done(p->conn, n, now);
}

static struct kpipe *
peer_tx_pipe(void *ctx)
{
	struct peer *p = ctx;

	return p->engine->tx_pipe == NULL ? NULL : p->engine->tx_pipe(p->conn);
}

static bool
peer_tx_lends(void *ctx, const void *memory)
{
	const struct peer *p = ctx;

	return p->engine->tx_lends(p->conn, memory);
}

static void
peer_pump_soon(void *ctx)
{
	struct peer *p = ctx;

	deferred_set(p->server->loop, &p->pump);
}

static void
peer_ended(void *ctx, int error)
{
	struct peer *p = ctx;

	if (error != 0)
		log_info(
		    p->server->config.log, "%s: %s", p->name, strerror(error));
	p->gone = true;
	peer_pump_soon(p);
}

static void
peer_rx_end(void *ctx, bool all, uint64_t now)
{
	struct peer *p = ctx;

	if (p->engine->rx_end != NULL)
		p->engine->rx_end(p->conn, all, now);
	else if (all)
		peer_ended(p, 0);
}

static const struct stream_ops peer_stream_ops = {
	.rx_iov = peer_rx_iov,
	.rx_done = peer_rx_done,
	.tx_iov = peer_tx_iov,
	.tx_done = peer_tx_done,
	.tx_pipe = peer_tx_pipe,
	.active = peer_pump_soon,
	.ended = peer_ended,
	.rx_end = peer_rx_end,
};

static void
peer_free(struct peer *p)
{
	struct server *server = p->server;

	TAILQ_REMOVE(&server->peers, p, link);
	server->peers_n--;
	stream_close(&p->stream);
	tls_free(p->tls);
	if (p->conn != NULL)
		p->engine->conn_free(p->conn);
	deferred_clear(server->loop, &p->pump);
	timer_clear(server->loop, &p->timer);
	free(p);
	server_look(server);
}

static void
peer_tls_ready(void *ctx)
{
	struct peer *p = ctx;

	p->engine->tls_ready(p->conn);
}

/* Turns to TLS where the engine wants it. */
static void
peer_look_for_tls(struct peer *p)
{
	const struct server_config *config = &p->server->config;

	if (p->tls != NULL || p->engine->wants_tls == NULL ||
	    !p->engine->wants_tls(p->conn))
		return;
	p->tls = tls_start(
	    config->tls, &p->stream, p->name, config->log, peer_tls_ready);
	if (p->tls == NULL) {
		log_warn(config->log, "%s: closed: cannot turn to TLS: %s",
		    p->name, strerror(ENOMEM));
		p->gone = true;
	}
}

/* Why it ends, the engine has logged. */
static bool
peer_is_over(struct peer *p)
{
	uint64_t now = loop_now(p->server->loop);
	struct error why;

	if (p->gone)
		return true;
	if (!p->engine->closing(p->conn, &why))
		return false;
	if (p->tls == NULL || tls_bye(p->tls))
		return true;
	if (p->bye_until == 0)
		p->bye_until = now + BYE_TIME;
	return now >= p->bye_until;
}

static void
peer_pump(struct deferred *d)
{
	struct peer *p = d->ctx;
	uint64_t deadline;

	while (stream_flush(&p->stream)) {
	}
	if (!p->gone)
		peer_look_for_tls(p);
	if (peer_is_over(p)) {
		peer_free(p);
		return;
	}
	/* As in link.c: a timer that rings early looks again. */
	deadline =
	    p->bye_until != 0 ? p->bye_until : p->engine->deadline(p->conn);
	if (deadline < p->timer.deadline)
		timer_set(p->server->loop, &p->timer, deadline);
}

static void
peer_timer(struct timer *t, uint64_t now)
{
	struct peer *p = t->ctx;

	if (p->engine->deadline(p->conn) <= now)
		p->engine->tick(p->conn, now);
	peer_pump_soon(p);
}

/* So that nobody keeps others out who only connects and says nothing. */
static void
server_make_room(struct server *server, const struct peer *newest)
{
	struct peer *p;

	TAILQ_FOREACH (p, &server->peers, link) {
		if (p->gone)
			return;
		if (p == newest || p->engine->established == NULL ||
		    p->engine->established(p->conn))
			continue;
		log_info(server->config.log,
		    "%s: closed: others want to connect", p->name);
		p->gone = true;
		peer_pump_soon(p);
		return;
	}
}

/* Takes over fd. */
static int
peer_new(struct server *server, int fd, const char *name, const char *local,
    const struct engine_ops *engine, void *ctx)
{
	struct peer *p = calloc(1, sizeof(*p));
	int error;

	if (p == NULL) {
		close(fd);
		return -ENOMEM;
	}
	p->server = server;
	p->engine = engine;
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->pump = (struct deferred){ .run = peer_pump, .ctx = p };
	timer_init(&p->timer, peer_timer, p);
	stream_init(&p->stream, server->loop, &peer_stream_ops, p);
	/* A peer that has gone knows of nothing that it is done, and may have
	 * sent it again by another connection. */
	p->stream.stale_after_hangup = true;
	p->conn = engine->conn_new(
	    ctx, name, local, peer_pump_soon, p, loop_now(server->loop));
	TAILQ_INSERT_TAIL(&server->peers, p, link);
	server->peers_n++;
	if (p->conn == NULL) {
		close(fd);
		error = -ECONNREFUSED;
	} else {
		error = stream_open(&p->stream, fd);
		if (error == 0 && engine->tx_lends != NULL)
			stream_zerocopy(&p->stream, peer_tx_lends);
	}
	if (error != 0) {
		peer_free(p);
		return error;
	}
	peer_pump_soon(p);
	if (server->peers_n == PEERS_MAX)
		server_make_room(server, p);
	server_look(server);
	return 0;
}

/* ---- the server ---- */

struct server *
server_new(struct loop *loop, const struct server_config *config)
{
	struct server *server = calloc(1, sizeof(*server));

	if (server == NULL)
		return NULL;
	server->loop = loop;
	server->config = *config;
	TAILQ_INIT(&server->peers);
	TAILQ_INIT(&server->listeners);
	return server;
}

static void
server_taken(void *ctx, int fd, const char *name)
{
	struct server *server = ctx;
	struct sockaddr_storage ss = { 0 };
	struct sockaddr *addr = (struct sockaddr *)&ss;
	socklen_t len = sizeof(ss);
	char local[SOCKET_NAME_MAX + 1];
	int error;

	/* The address that the peer has reached, which a listener on any
	 * address does not tell. */
	(void)getsockname(fd, addr, &len);
	socket_name(addr, len, local);
	socket_tune(fd);
	socket_keepalive(fd);
	error = peer_new(server, fd, name, local, server->config.engine,
	    server->config.engine_ctx);
	if (error != 0 && error != -ECONNREFUSED)
		log_warn(server->config.log, "%s: closed: %s", name,
		    strerror(-error));
}

int
server_listen(
    struct server *server, const struct listen_at *at, struct error *err)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return error_set(
		    err, ERROR_FAILED, "listen: %s", strerror(ENOMEM));
	if (listener_open(l, server->loop, at, server->config.log, server_taken,
		server, err) == -1) {
		free(l);
		return -1;
	}
	TAILQ_INSERT_TAIL(&server->listeners, l, link);
	return 0;
}

const char *
server_address(const struct server *server, unsigned i)
{
	const struct listener *l = TAILQ_FIRST(&server->listeners);

	for (; l != NULL && i > 0; i--)
		l = TAILQ_NEXT(l, link);
	return l == NULL ? NULL : l->address;
}

int
server_adopt(struct server *server, int fd, const char *name,
    const struct engine_ops *engine, void *ctx)
{
	int flags = fcntl(fd, F_GETFL);
	int error = 0;

	if (server->peers_n >= PEERS_MAX)
		error = -EAGAIN;
	else if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		error = -errno;
	if (error != 0) {
		close(fd);
		return error;
	}
	socket_tune(fd);
	return peer_new(server, fd, name, name, engine, ctx);
}

void
server_stop(struct server *server)
{
	struct listener *l;

	while ((l = TAILQ_FIRST(&server->listeners)) != NULL) {
		TAILQ_REMOVE(&server->listeners, l, link);
		listener_close(l);
		free(l);
	}
}

unsigned
server_connections(const struct server *server)
{
	return server->peers_n;
}

void
server_free(struct server *server)
{
	struct peer *p, *next;

	if (server == NULL)
		return;
	server_stop(server);
	for (p = TAILQ_FIRST(&server->peers); p != NULL; p = next) {
		next = TAILQ_NEXT(p, link);
		peer_free(p);
	}
	free(server);
}
