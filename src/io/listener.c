/* SPDX-License-Identifier: BSD-2-Clause */
/* listener - see the header. */
#include "io/listener.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/unixsock.h"

/* Connections taken in one turn. */
#define ACCEPT_TURN 16
/* Pause after the process ran out of descriptors or memory. */
#define ACCEPT_PAUSE (100 * CLOCK_MS)

/* ---- accepting ---- */

static void
listener_watch(struct listener *l)
{
	bool look = l->looking && !l->paused;

	(void)watch_set(l->loop, &l->watch, look ? (uint32_t)EPOLLIN : 0);
}

/* The connection that cannot be taken stays in the queue, so the socket stays
 * ready: look away for a while. */
static void
listener_pause(struct listener *l, int error)
{
	log_warn(l->log, "%s: cannot take a connection: %s", l->address,
	    strerror(error));
	l->paused = true;
	timer_set(l->loop, &l->pause, loop_now(l->loop) + ACCEPT_PAUSE);
}

static void
listener_resume(struct timer *t, uint64_t now)
{
	struct listener *l = t->ctx;

	(void)now;
	l->paused = false;
	listener_watch(l);
}

/* Who connects to a path has no address, but a process. */
static void
peer_name(int fd, const struct sockaddr *addr, socklen_t len,
    char ret[SOCKET_NAME_MAX + 1])
{
	struct ucred peer = { 0 };
	socklen_t peer_len = sizeof(peer);

	if (addr->sa_family != AF_UNIX) {
		socket_name(addr, len, ret);
		return;
	}
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len);
	snprintf(ret, SOCKET_NAME_MAX + 1, "process %d", (int)peer.pid);
}

static void
listener_ready(struct watch *w, uint32_t events)
{
	struct listener *l = w->ctx;

	(void)events;
	for (int i = 0; i < ACCEPT_TURN && l->looking && !l->paused; i++) {
		struct sockaddr_storage ss = { 0 };
		struct sockaddr *addr = (struct sockaddr *)&ss;
		socklen_t len = sizeof(ss);
		char name[SOCKET_NAME_MAX + 1];
		int fd;

		fd = accept4(w->fd, addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1 && errno == EAGAIN)
			break;
		if (fd == -1 && (errno == EMFILE || errno == ENFILE ||
				    errno == ENOBUFS || errno == ENOMEM))
			listener_pause(l, errno);
		if (fd == -1)
			continue; /* or that connection failed already */
		peer_name(fd, addr, len, name);
		log_info(l->log, "%s: connected", name);
		l->taken(l->ctx, fd, name);
	}
	listener_watch(l);
}

/* ---- the three kinds ---- */

static int
tcp_address(
    const struct listen_at *at, struct addrinfo **ret, struct error *err)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
	struct socket_portal portal;

	if (socket_parse(at->text, at->port, &portal) != 0 ||
	    getaddrinfo(portal.host, portal.port, &hints, ret) != 0)
		return error_set(err, ERROR_USAGE,
		    "listen on \"%s\": a numeric ADDR[:PORT] is wanted",
		    at->text);
	return 0;
}

static int
open_tcp(const struct listen_at *at, struct error *err)
{
	static const int on = 1;
	struct addrinfo *ai;
	int fd, error;

	if (tcp_address(at, &ai, err) == -1)
		return -1;
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
		return error_set(err, ERROR_FAILED, "listen on %s: %s",
		    at->text, strerror(error));
	}
	freeaddrinfo(ai);
	return fd;
}

static int
unix_check(const struct listen_at *at, struct error *err)
{
	struct sockaddr_un un;

	if (unixsock_addr(at->text, &un) == 0)
		return 0;
	return error_set(err, ERROR_USAGE,
	    "listen on %s: the path of a socket may have %zu bytes", at->text,
	    sizeof(un.sun_path) - 1);
}

static int
open_unix(struct listener *l, const struct listen_at *at, struct error *err)
{
	int fd;

	if (unix_check(at, err) == -1)
		return -1;
	l->path = strdup(at->text);
	fd = l->path == NULL ? -ENOMEM
			     : unixsock_listen(l->path, SOMAXCONN, &l->st);
	if (fd >= 0)
		return fd;
	free(l->path);
	l->path = NULL;
	return error_set(err, ERROR_FAILED, "listen on %s: %s", at->text,
	    fd == -EADDRINUSE ? "somebody else serves there, or it is no socket"
			      : strerror(-fd));
}

static bool
socket_listens(int fd)
{
	int type = 0, accepts = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1)
		return false;
	len = sizeof(accepts);
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len) == 0 &&
	       type == SOCK_STREAM && accepts != 0;
}

static int
open_inherited(const struct listen_at *at, struct error *err)
{
	int flags = fcntl(at->fd, F_GETFL);

	if (flags == -1 || !socket_listens(at->fd))
		return error_set(err, ERROR_USAGE,
		    "descriptor %d, of socket activation, is not a stream "
		    "socket that listens",
		    at->fd);
	if (fcntl(at->fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    fcntl(at->fd, F_SETFD, FD_CLOEXEC) == -1)
		return error_set(err, ERROR_FAILED, "descriptor %d: %s", at->fd,
		    strerror(errno));
	return at->fd;
}

/* ---- the owner's side ---- */

int
listener_check(const struct listen_at *at, struct error *err)
{
	struct addrinfo *ai;

	if (at->kind == LISTEN_UNIX)
		return unix_check(at, err);
	if (at->kind == LISTEN_TCP) {
		if (tcp_address(at, &ai, err) == -1)
			return -1;
		freeaddrinfo(ai);
	}
	return 0;
}

int
listener_open(struct listener *l, struct loop *loop, const struct listen_at *at,
    const struct log *log, void (*taken)(void *ctx, int fd, const char *peer),
    void *ctx, struct error *err)
{
	struct sockaddr_storage ss = { 0 };
	struct sockaddr *addr = (struct sockaddr *)&ss;
	socklen_t len = sizeof(ss);
	int fd, error;

	*l = (struct listener){
		.loop = loop,
		.log = log,
		.looking = true,
		.taken = taken,
		.ctx = ctx,
	};
	fd = at->kind == LISTEN_TCP    ? open_tcp(at, err)
	     : at->kind == LISTEN_UNIX ? open_unix(l, at, err)
				       : open_inherited(at, err);
	if (fd < 0)
		return -1;
	l->watch =
	    (struct watch){ .fd = fd, .ready = listener_ready, .ctx = l };
	timer_init(&l->pause, listener_resume, l);
	(void)getsockname(fd, addr, &len);
	socket_name(addr, len, l->address);
	error = watch_add(loop, &l->watch, EPOLLIN);
	if (error == 0)
		return 0;
	if (l->path != NULL)
		unixsock_remove(l->path, &l->st);
	free(l->path);
	close(fd);
	return error_set(err, ERROR_FAILED, "listen on %s: %s", l->address,
	    strerror(-error));
}

void
listener_look(struct listener *l, bool look)
{
	l->looking = look;
	listener_watch(l);
}

void
listener_close(struct listener *l)
{
	if (l->path != NULL)
		unixsock_remove(l->path, &l->st);
	free(l->path);
	timer_clear(l->loop, &l->pause);
	watch_remove(l->loop, &l->watch);
	close(l->watch.fd);
}
