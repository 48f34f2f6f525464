/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See server.h.  As in link.c, all that comes of one turn of the loop is sent
 * at its end, from peer_pump(); that is also the only place where a connection
 * is freed, but for server_free().
 */
#include "io/server.h"

#include <sys/epoll.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/socket.h"
#include "io/stream.h"

/* Connections taken in one turn. */
#define ACCEPT_TURN 16
/* Connections served at once; more wait in the queue of the kernel. */
#define PEERS_MAX 64
/* Pause after the process ran out of descriptors or memory. */
#define ACCEPT_PAUSE (100 * CLOCK_MS)

struct peer {
	struct server *server;
	struct tconn *tconn;
	struct stream stream;
	struct deferred pump;
	struct timer timer;
	bool gone; /* the transport has ended */
	char name[SOCKET_NAME_MAX + 1];
	TAILQ_ENTRY(peer) link;
};

struct server {
	struct loop *loop;
	struct target *target;
	const struct log *log;
	struct watch watch;
	struct timer pause;
	bool paused;
	unsigned peers_n;
	char address[SOCKET_NAME_MAX + 1];
	TAILQ_HEAD(, peer) peers;
};

/* Looks for connections, or not. */
static void
server_look(struct server *server)
{
	bool look = !server->paused && server->peers_n < PEERS_MAX;

	(void)watch_set(
	    server->loop, &server->watch, look ? (uint32_t)EPOLLIN : 0);
}

/* ---- one connection ---- */

static int
peer_rx_iov(void *ctx, struct iovec *iov, int max)
{
	struct peer *p = ctx;

	return tconn_rx_iov(p->tconn, iov, max);
}

static void
peer_rx_done(void *ctx, size_t n, uint64_t now)
{
	struct peer *p = ctx;

	tconn_rx_done(p->tconn, n, now);
}

static int
peer_tx_iov(void *ctx, struct iovec *iov, int max, uint64_t now)
{
	struct peer *p = ctx;

	return tconn_tx_iov(p->tconn, iov, max, now);
}

static void
peer_tx_done(void *ctx, size_t n, uint64_t now)
{
	struct peer *p = ctx;

	tconn_tx_done(p->tconn, n, now);
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
		log_info(p->server->log, "%s: %s", p->name, strerror(error));
	p->gone = true;
	peer_pump_soon(p);
}

static const struct stream_ops peer_stream_ops = {
	.rx_iov = peer_rx_iov,
	.rx_done = peer_rx_done,
	.tx_iov = peer_tx_iov,
	.tx_done = peer_tx_done,
	.active = peer_pump_soon,
	.ended = peer_ended,
};

static void
peer_free(struct peer *p)
{
	struct server *server = p->server;

	TAILQ_REMOVE(&server->peers, p, link);
	server->peers_n--;
	stream_close(&p->stream);
	if (p->tconn != NULL)
		tconn_free(p->tconn);
	deferred_clear(server->loop, &p->pump);
	timer_clear(server->loop, &p->timer);
	free(p);
	server_look(server);
}

static void
peer_pump(struct deferred *d)
{
	struct peer *p = d->ctx;
	struct error why;
	uint64_t deadline;

	while (stream_flush(&p->stream)) {
	}
	/* Why it ends, the tconn has logged. */
	if (p->gone || tconn_closing(p->tconn, &why)) {
		peer_free(p);
		return;
	}
	/* As in link.c: a timer that rings early looks again. */
	deadline = tconn_deadline(p->tconn);
	if (deadline < p->timer.deadline)
		timer_set(p->server->loop, &p->timer, deadline);
}

static void
peer_timer(struct timer *t, uint64_t now)
{
	struct peer *p = t->ctx;

	if (tconn_deadline(p->tconn) <= now)
		tconn_tick(p->tconn, now);
	peer_pump_soon(p);
}

/* Takes over fd. */
static int
peer_new(struct server *server, int fd, const char *name)
{
	struct sockaddr_storage ss;
	struct sockaddr *addr = (struct sockaddr *)&ss;
	socklen_t len = sizeof(ss);
	char local[SOCKET_NAME_MAX + 1];
	struct peer *p;
	int error;

	p = calloc(1, sizeof(*p));
	if (p == NULL || getsockname(fd, addr, &len) == -1) {
		error = p == NULL ? -ENOMEM : -errno;
		free(p);
		close(fd);
		return error;
	}
	socket_name(addr, len, local);
	socket_tune(fd);
	p->server = server;
	memcpy(p->name, name, sizeof(p->name));
	p->pump = (struct deferred){ .run = peer_pump, .ctx = p };
	timer_init(&p->timer, peer_timer, p);
	stream_init(&p->stream, server->loop, &peer_stream_ops, p);
	p->tconn = tconn_new(server->target, name, local, peer_pump_soon, p,
	    loop_now(server->loop));
	TAILQ_INSERT_TAIL(&server->peers, p, link);
	server->peers_n++;
	if (p->tconn == NULL) {
		close(fd);
		error = -ENOMEM;
	} else {
		error = stream_open(&p->stream, fd);
	}
	if (error != 0)
		peer_free(p);
	else
		peer_pump_soon(p);
	return error;
}

/* ---- the listener ---- */

/* The connection that cannot be taken stays in the queue, so the socket stays
 * ready: look away for a while. */
static void
server_pause(struct server *server, int error)
{
	log_warn(server->log, "%s: cannot take a connection: %s",
	    server->address, strerror(error));
	server->paused = true;
	server_look(server);
	timer_set(server->loop, &server->pause,
	    loop_now(server->loop) + ACCEPT_PAUSE);
}

static void
server_resume(struct timer *t, uint64_t now)
{
	struct server *server = t->ctx;

	(void)now;
	server->paused = false;
	server_look(server);
}

static void
server_ready(struct watch *w, uint32_t events)
{
	struct server *server = w->ctx;

	(void)events;
	for (int i = 0; i < ACCEPT_TURN && server->peers_n < PEERS_MAX; i++) {
		struct sockaddr_storage ss;
		struct sockaddr *addr = (struct sockaddr *)&ss;
		socklen_t len = sizeof(ss);
		char name[SOCKET_NAME_MAX + 1];
		int error, fd;

		fd = accept4(w->fd, addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1 && errno == EAGAIN)
			return;
		if (fd == -1 && (errno == EMFILE || errno == ENFILE ||
				    errno == ENOBUFS || errno == ENOMEM)) {
			server_pause(server, errno);
			return;
		}
		if (fd == -1)
			continue; /* that connection failed already */
		socket_name(addr, len, name);
		log_info(server->log, "%s: connected", name);
		error = peer_new(server, fd, name);
		if (error != 0)
			log_warn(server->log, "%s: closed: %s", name,
			    strerror(-error));
	}
	server_look(server);
}

static int
listen_on(const char *text, struct error *err)
{
	static const int on = 1;
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
	struct socket_portal portal;
	struct addrinfo *ai;
	int fd, error;

	if (socket_parse(text, &portal) != 0 ||
	    getaddrinfo(portal.host, portal.port, &hints, &ai) != 0)
		return error_set(err, ERROR_USAGE,
		    "listen on \"%s\": a numeric ADDR[:PORT] is wanted", text);
	fd = socket(
	    ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(fd, ai->ai_addr, ai->ai_addrlen) == -1 ||
	    listen(fd, SOMAXCONN) == -1) {
		error = errno;
		freeaddrinfo(ai);
		if (fd != -1)
			close(fd);
		return error_set(err, ERROR_FAILED, "listen on %s: %s", text,
		    strerror(error));
	}
	freeaddrinfo(ai);
	return fd;
}

int
server_new(struct loop *loop, struct target *target, const char *listen_at,
    const struct log *log, struct server **ret, struct error *err)
{
	struct sockaddr_storage ss;
	struct sockaddr *addr = (struct sockaddr *)&ss;
	socklen_t len = sizeof(ss);
	struct server *server;
	int fd = listen_on(listen_at, err);
	int error;

	if (fd == -1)
		return -1;
	server = calloc(1, sizeof(*server));
	if (server == NULL) {
		close(fd);
		return error_set(err, ERROR_FAILED, "listen on %s: %s",
		    listen_at, strerror(ENOMEM));
	}
	server->loop = loop;
	server->target = target;
	server->log = log;
	server->watch =
	    (struct watch){ .fd = fd, .ready = server_ready, .ctx = server };
	timer_init(&server->pause, server_resume, server);
	TAILQ_INIT(&server->peers);
	error = getsockname(fd, addr, &len) == -1
		    ? -errno
		    : watch_add(loop, &server->watch, EPOLLIN);
	if (error != 0) {
		close(fd);
		free(server);
		return error_set(err, ERROR_FAILED, "listen on %s: %s",
		    listen_at, strerror(-error));
	}
	socket_name(addr, len, server->address);
	*ret = server;
	return 0;
}

const char *
server_address(const struct server *server)
{
	return server->address;
}

void
server_free(struct server *server)
{
	struct peer *p, *next;

	if (server == NULL)
		return;
	for (p = TAILQ_FIRST(&server->peers); p != NULL; p = next) {
		next = TAILQ_NEXT(p, link);
		peer_free(p);
	}
	timer_clear(server->loop, &server->pause);
	watch_remove(server->loop, &server->watch);
	close(server->watch.fd);
	free(server);
}
