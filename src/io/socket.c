/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connector walks through
 *
 *     resolve -> try address 1 -> try address 2 -> ... -> done(-1, all reasons)
 *                     \_______________\______________-> done(fd)
 *
 * Numeric addresses are resolved in place, which does not block; names in the
 * helper pool.  A look-up cannot be interrupted, so it lives in memory of its
 * own that the connector may leave behind.
 */
#include "io/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct lookup {
	struct job job;
	struct connector *owner; /* NULL: left behind */
	struct socket_portal portal;
	int error; /* EAI_... */
	int system_error;
	struct addrinfo *found;
};

struct connector {
	struct loop *loop;
	uint64_t timeout;
	void (*done)(void *ctx, int fd, const struct error *why);
	void *ctx;

	struct lookup *lookup; /* while it runs */
	struct addrinfo *found;
	struct addrinfo *next; /* to be tried */
	struct watch watch;    /* fd -1: no attempt under way */
	struct timer timer;
	struct deferred begin;
	bool several; /* addresses: each reason names its own */
	struct error why;
};

/* ---- addresses ---- */

static int
take_port(const char *text, char ret[6])
{
	char *end;
	unsigned long port;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	port = strtoul(text, &end, 10);
	if (*end != '\0' || port > 65535)
		return -EINVAL;
	snprintf(ret, 6, "%lu", port);
	return 0;
}

int
socket_parse(
    const char *text, const char *default_port, struct socket_portal *ret)
{
	struct socket_portal portal = { 0 };
	const char *host = text;
	const char *port = strrchr(text, ':');
	size_t len;

	if (*text == '[') {
		const char *close = strchr(text, ']');

		if (close == NULL || (close[1] != '\0' && close[1] != ':'))
			return -EINVAL;
		host = text + 1;
		len = (size_t)(close - host);
		port = close[1] == ':' ? close + 1 : NULL;
	} else if (port != NULL && strchr(text, ':') != port) {
		port = NULL; /* a bare IPv6 address */
		len = strlen(host);
	} else {
		len = port != NULL ? (size_t)(port - host) : strlen(host);
	}
	if (len == 0 || len > SOCKET_HOST_MAX)
		return -EINVAL;
	if (port != NULL && take_port(port + 1, portal.port) != 0)
		return -EINVAL;
	if (port == NULL && take_port(default_port, portal.port) != 0)
		return -EINVAL;
	memcpy(portal.host, host, len);
	*ret = portal;
	return 0;
}

/* An abstract name begins with a zero and has none at its end; a client has no
 * name at all. */
static void
unix_name(
    const struct sockaddr *addr, socklen_t len, char ret[SOCKET_NAME_MAX + 1])
{
	struct sockaddr_un un = { 0 };
	bool abstract;

	memcpy(&un, addr, len < sizeof(un) ? len : sizeof(un));
	abstract = un.sun_path[0] == '\0' && un.sun_path[1] != '\0';
	snprintf(ret, SOCKET_NAME_MAX + 1, "%s%.*s", abstract ? "@" : "",
	    (int)sizeof(un.sun_path) - abstract, un.sun_path + abstract);
}

void
socket_name(
    const struct sockaddr *addr, socklen_t len, char ret[SOCKET_NAME_MAX + 1])
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6;
	char host[96], port[8];

	if (addr->sa_family == AF_UNIX) {
		unix_name(addr, len, ret);
		return;
	}
	/* An IPv4 peer of an IPv6 socket knows itself by its IPv4 address. */
	if (addr->sa_family == AF_INET6 && len >= sizeof(v6)) {
		memcpy(&v6, addr, sizeof(v6));
		if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
			memcpy(&v4.sin_addr, &v6.sin6_addr.s6_addr[12], 4);
			v4.sin_port = v6.sin6_port;
			addr = (const struct sockaddr *)&v4;
			len = sizeof(v4);
		}
	}
	if (getnameinfo(addr, len, host, sizeof(host), port, sizeof(port),
		NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(ret, SOCKET_NAME_MAX + 1, "(unknown address)");
	else
		snprintf(ret, SOCKET_NAME_MAX + 1,
		    addr->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
		    port);
}

/* Both ends have the same address: the other process is on this host. */
static bool
socket_is_local(int fd)
{
	struct sockaddr_storage ours = { 0 }, theirs = { 0 };
	socklen_t ours_len = sizeof(ours), theirs_len = sizeof(theirs);
	const struct sockaddr_in *v4[2] = { (void *)&ours, (void *)&theirs };
	const struct sockaddr_in6 *v6[2] = { (void *)&ours, (void *)&theirs };

	if (getsockname(fd, (struct sockaddr *)&ours, &ours_len) == -1 ||
	    getpeername(fd, (struct sockaddr *)&theirs, &theirs_len) == -1 ||
	    ours.ss_family != theirs.ss_family)
		return false;
	if (ours.ss_family == AF_INET)
		return v4[0]->sin_addr.s_addr == v4[1]->sin_addr.s_addr;
	return ours.ss_family == AF_INET6 &&
	       IN6_ARE_ADDR_EQUAL(&v6[0]->sin6_addr, &v6[1]->sin6_addr);
}

/* The queue of a Unix socket is short by default: one large answer would wait
 * for its reader five times.  In a long one it goes cold before it is read.
 * The kernel gives less where net.core.wmem_max says so. */
static void
socket_widen(int fd)
{
	static const int size = 512 << 10;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/*
 * A congestion control that paces, as BBR does, sets a timer for each segment,
 * which is a third of the work of a 1 MiB write; and on one host there is no
 * congestion to control.  Reno is in every kernel and allowed to everyone.
 */
void
socket_tune(int fd)
{
	static const int on = 1;
	int domain = AF_UNSPEC;
	socklen_t len = sizeof(domain);

	(void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	if (domain == AF_UNIX) {
		socket_widen(fd);
		return;
	}
	/* Each fails on a socket that is already gone, which will be noticed,
	 * or leaves things as they were, which will do. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (socket_is_local(fd))
		(void)setsockopt(
		    fd, IPPROTO_TCP, TCP_CONGESTION, "reno", strlen("reno"));
}

/*
 * What is waited for has to fit, so the kernel makes room.  Its tuning would get
 * there later, or never: over loopback, a peer whose data do not fit has them
 * sent by our acknowledgements, on our time.
 */
void
socket_open_window(int fd)
{
	static const int wide = 3 << 20, any = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &wide, sizeof(wide));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &any, sizeof(any));
}

void
socket_keepalive(int fd)
{
	static const int on = 1, idle = 60, interval = 15, count = 4; /* s */

	/* Means nothing to a Unix socket, whose peer cannot vanish. */
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(
	    fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

/* ---- looking up ---- */

static void
lookup_run(struct lookup *l, int flags)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | flags };

	l->error =
	    getaddrinfo(l->portal.host, l->portal.port, &hints, &l->found);
	l->system_error = errno;
}

static void
lookup_work(struct job *job)
{
	lookup_run(job->ctx, AI_ADDRCONFIG);
}

static void connector_resolved(struct connector *, struct lookup *);

static void
lookup_done(struct job *job)
{
	struct lookup *l = job->ctx;
	struct connector *c = l->owner;

	if (c != NULL) {
		c->lookup = NULL;
		connector_resolved(c, l);
	} else if (l->error == 0) {
		freeaddrinfo(l->found);
	}
	free(l);
}

/* ---- connecting ---- */

/* Last thing that is done with c: the owner may free it. */
static void
connector_end(struct connector *c, int fd)
{
	struct error why = c->why;

	if (fd == -1)
		error_set(&why, ERROR_UNREACHED, "%s; check %s", c->why.text,
		    c->found == NULL
			? "the name of the host"
			: "address and port, and that a target listens there");
	c->done(c->ctx, fd, fd == -1 ? &why : NULL);
}

static void
connector_add_reason(
    struct connector *c, const struct addrinfo *ai, const char *reason)
{
	char name[SOCKET_NAME_MAX + 1];
	size_t len = strlen(c->why.text);
	const char *sep = len > 0 && c->why.text[len - 1] != ' ' ? "; " : "";

	socket_name(ai->ai_addr, ai->ai_addrlen, name);
	error_set(&c->why, ERROR_UNREACHED, "%s%s%s%s%s", c->why.text, sep,
	    c->several ? name : "", c->several ? ": " : "", reason);
}

static void
connector_drop(struct connector *c)
{
	if (c->watch.fd == -1)
		return;
	watch_remove(c->loop, &c->watch);
	close(c->watch.fd);
	c->watch.fd = -1;
	timer_clear(c->loop, &c->timer);
}

/* Begins one attempt.  0: it is under way. */
static int
connector_try(struct connector *c, const struct addrinfo *ai)
{
	int error, fd;

	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    ai->ai_protocol);
	if (fd == -1)
		return -errno;
	error = connect(fd, ai->ai_addr, ai->ai_addrlen) == -1 ? -errno : 0;
	if (error != 0 && error != -EINPROGRESS) {
		close(fd);
		return error;
	}
	/* A connection made at once is told by EPOLLOUT like all others. */
	c->watch.fd = fd;
	error = watch_add(c->loop, &c->watch, EPOLLOUT);
	if (error != 0) {
		close(fd);
		c->watch.fd = -1;
		return error;
	}
	timer_set(c->loop, &c->timer, loop_now(c->loop) + c->timeout);
	return 0;
}

static void
connector_try_next(struct connector *c)
{
	while (c->next != NULL) {
		const struct addrinfo *ai = c->next;
		int error = connector_try(c, ai);

		if (error == 0)
			return;
		connector_add_reason(c, ai, strerror(-error));
		c->next = ai->ai_next;
	}
	connector_end(c, -1);
}

static void
connector_failed(struct connector *c, const char *reason)
{
	connector_drop(c);
	connector_add_reason(c, c->next, reason);
	c->next = c->next->ai_next;
	connector_try_next(c);
}

static void
connector_ready(struct watch *w, uint32_t events)
{
	struct connector *c = w->ctx;
	socklen_t len = sizeof(int);
	int error = 0, fd = w->fd;

	(void)events;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	if (error != 0) {
		connector_failed(c, strerror(error));
		return;
	}
	socket_tune(fd);
	watch_remove(c->loop, w);
	w->fd = -1;
	timer_clear(c->loop, &c->timer);
	connector_end(c, fd);
}

static void
connector_timeout(struct timer *t, uint64_t now)
{
	struct connector *c = t->ctx;
	char reason[64];

	(void)now;
	snprintf(reason, sizeof(reason), "no answer within %g s",
	    (double)c->timeout / CLOCK_S);
	connector_failed(c, reason);
}

static void
connector_resolved(struct connector *c, struct lookup *l)
{
	if (l->error != 0) {
		error_set(&c->why, ERROR_UNREACHED, "resolve %s: %s",
		    l->portal.host,
		    l->error == EAI_SYSTEM ? strerror(l->system_error)
					   : gai_strerror(l->error));
		connector_end(c, -1);
		return;
	}
	c->found = c->next = l->found;
	c->several = c->found->ai_next != NULL;
	connector_try_next(c);
}

static void
connector_begin(struct deferred *d)
{
	struct connector *c = d->ctx;
	struct lookup *l = c->lookup;

	lookup_run(l, AI_NUMERICHOST);
	if (l->error == EAI_NONAME) {
		job_submit(c->loop, &l->job);
		return;
	}
	c->lookup = NULL;
	connector_resolved(c, l);
	free(l);
}

int
connector_new(struct loop *loop, const char *portal, uint64_t timeout,
    void (*done)(void *ctx, int fd, const struct error *why), void *ctx,
    struct connector **ret)
{
	struct connector *c = calloc(1, sizeof(*c));
	struct lookup *l = calloc(1, sizeof(*l));
	int error = c == NULL || l == NULL
			? -ENOMEM
			: socket_parse(portal, ISCSI_PORT, &l->portal);

	if (error != 0) {
		free(c);
		free(l);
		return error;
	}
	l->job =
	    (struct job){ .work = lookup_work, .done = lookup_done, .ctx = l };
	l->owner = c;
	c->loop = loop;
	c->timeout = timeout;
	c->done = done;
	c->ctx = ctx;
	c->lookup = l;
	c->watch =
	    (struct watch){ .fd = -1, .ready = connector_ready, .ctx = c };
	timer_init(&c->timer, connector_timeout, c);
	c->begin = (struct deferred){ .run = connector_begin, .ctx = c };
	error_set(&c->why, ERROR_UNREACHED, "connect to %s: ", portal);
	deferred_set(loop, &c->begin);
	*ret = c;
	return 0;
}

void
connector_free(struct connector *c)
{
	if (c == NULL)
		return;
	connector_drop(c);
	if (c->lookup != NULL) {
		if (c->begin.pending)
			free(c->lookup);
		else
			c->lookup->owner = NULL;
	}
	deferred_clear(c->loop, &c->begin);
	if (c->found != NULL)
		freeaddrinfo(c->found);
	free(c);
}
