/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The serving side.  A client that does not read or write costs a descriptor
 * until it goes; CLIENTS_MAX bounds that.
 */
#include "io/control.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/control_name.h"
#include "io/runtime.h"
#include "io/unixsock.h"

#define CLIENTS_MAX 16
#define REQUEST_MAX 4096 /* bytes of a request, newline included */

struct control_request {
	struct control *control;
	struct watch watch;
	bool asked; /* the request is whole; the owner has it */
	bool stop;  /* it is the one to stop */
	bool gone;  /* and the client did not wait for the answer */
	char *answer;
	size_t answer_len, answer_sent;
	size_t len;
	char line[REQUEST_MAX];
	TAILQ_ENTRY(control_request) link;
};

struct control {
	struct loop *loop;
	struct control_config config;
	char *path;
	struct stat st; /* of the socket */
	struct watch watch;
	bool ending; /* no answer waits to be sent any more */
	unsigned clients_n;
	TAILQ_HEAD(, control_request) clients;
};

/* ---- one client ---- */

/*
 * Who has asked to stop waits for our end, and is told of it by the kernel,
 * which closes what is open as one of the last things: his connection is left
 * to it.
 */
static void
client_forget(struct control_request *r, bool leave_open)
{
	struct control *c = r->control;

	TAILQ_REMOVE(&c->clients, r, link);
	c->clients_n--;
	if (!r->gone)
		watch_remove(c->loop, &r->watch);
	if (!leave_open)
		close(r->watch.fd);
	free(r->answer);
	free(r);
	(void)watch_set(c->loop, &c->watch, EPOLLIN);
}

static void
client_free(struct control_request *r)
{
	client_forget(r, false);
}

/* True when all is sent, or nothing more can be. */
static bool
client_send(struct control_request *r)
{
	while (r->answer_sent < r->answer_len) {
		ssize_t n = send(r->watch.fd, r->answer + r->answer_sent,
		    r->answer_len - r->answer_sent, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno != EAGAIN;
		r->answer_sent += (size_t)n;
	}
	return true;
}

/* Sends and frees, now or when the socket takes it. */
static void
client_answer(struct control_request *r, struct json_object *json)
{
	const char *text = json_object_to_json_string_ext(
	    json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	size_t len = text != NULL ? strlen(text) : 0;

	r->asked = true;
	r->answer = malloc(len + 1);
	if (r->answer != NULL && len > 0) {
		memcpy(r->answer, text, len);
		r->answer[len] = '\n';
		r->answer_len = len + 1;
	}
	json_object_put(json);
	if (r->gone || client_send(r) || r->control->ending)
		client_forget(r, r->stop);
	else
		(void)watch_set(r->control->loop, &r->watch, EPOLLOUT);
}

void
control_reply(struct control_request *r, struct json_object *json)
{
	json_object_object_add(json, "pid", json_object_new_int(getpid()));
	client_answer(r, json);
}

void
control_refuse(
    struct control_request *r, enum error_class class, const char *text)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "error", json_object_new_string(text));
	json_object_object_add(json, "class", json_object_new_int((int)class));
	client_answer(r, json);
}

static void
client_take(struct control_request *r)
{
	struct control *c = r->control;
	struct json_object *json = json_tokener_parse(r->line);
	struct json_object *what = NULL;

	r->asked = true;
	/* Nothing more is read, but a client that goes is still noticed. */
	(void)watch_set(c->loop, &r->watch, 0);
	if (!json_object_is_type(json, json_type_object) ||
	    !json_object_object_get_ex(json, "request", &what) ||
	    !json_object_is_type(what, json_type_string)) {
		control_refuse(r, ERROR_USAGE, "not a request");
	} else {
		r->stop = strcmp(json_object_get_string(what), "stop") == 0;
		c->config.request(
		    c->config.ctx, r, json_object_get_string(what), json);
	}
	json_object_put(json);
}

static void
client_read(struct control_request *r)
{
	ssize_t n = recv(
	    r->watch.fd, r->line + r->len, sizeof(r->line) - 1 - r->len, 0);
	char *newline;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_free(r);
		return;
	}
	r->len += (size_t)n;
	r->line[r->len] = '\0';
	newline = strchr(r->line, '\n');
	if (newline != NULL) {
		*newline = '\0';
		client_take(r);
	} else if (r->len == sizeof(r->line) - 1) {
		control_refuse(r, ERROR_USAGE, "request too long");
	}
}

static void
client_ready(struct watch *w, uint32_t events)
{
	struct control_request *r = w->ctx;

	(void)events;
	if (!r->asked) {
		client_read(r);
	} else if (r->answer != NULL) {
		if (client_send(r))
			client_forget(r, r->stop);
	} else {
		/* It hung up, but the owner still holds the request. */
		watch_remove(r->control->loop, w);
		r->gone = true;
	}
}

/* ---- the socket ---- */

static bool
peer_may_ask(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

static void
control_ready(struct watch *w, uint32_t events)
{
	struct control *c = w->ctx;
	struct control_request *r;
	int fd;

	(void)events;
	fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1)
		return;
	r = peer_may_ask(fd) ? calloc(1, sizeof(*r)) : NULL;
	if (r == NULL) {
		close(fd);
		return;
	}
	r->control = c;
	r->watch = (struct watch){ .fd = fd, .ready = client_ready, .ctx = r };
	if (watch_add(c->loop, &r->watch, EPOLLIN) != 0) {
		close(fd);
		free(r);
		return;
	}
	TAILQ_INSERT_TAIL(&c->clients, r, link);
	if (++c->clients_n == CLIENTS_MAX)
		(void)watch_set(c->loop, w, 0);
}

/* The folder is locked while a socket may be stale: control_client.c removes
 * those that are. */
static int
listen_at(const char *folder, const char *path, struct stat *ret_st)
{
	int lock = control_lock(folder);
	int fd;

	if (lock < 0)
		return lock;
	fd = unixsock_listen(path, CLIENTS_MAX, ret_st);
	close(lock);
	return fd;
}

static struct control *
control_alloc(
    struct loop *loop, const struct control_config *config, const char *folder)
{
	struct control *c = calloc(1, sizeof(*c));
	char file[CONTROL_FILE_MAX + 1];

	if (c == NULL)
		return NULL;
	control_file(config->kind, config->name, file);
	c->loop = loop;
	c->config = *config;
	if (asprintf(&c->path, "%s/%s", folder, file) == -1)
		c->path = NULL;
	c->watch = (struct watch){ .fd = -1, .ready = control_ready, .ctx = c };
	TAILQ_INIT(&c->clients);
	if (c->path == NULL) {
		control_free(c);
		return NULL;
	}
	return c;
}

int
control_new(struct loop *loop, const struct control_config *config,
    struct control **ret, struct error *err)
{
	char folder[PATH_MAX];
	struct control *c;
	int error;

	if (runtime_folder(folder, err) == -1)
		return -1;
	c = control_alloc(loop, config, folder);
	if (c == NULL)
		return error_set(
		    err, ERROR_FAILED, "control socket: %s", strerror(ENOMEM));
	error = listen_at(folder, c->path, &c->st);
	if (error >= 0) {
		c->watch.fd = error;
		error = watch_add(loop, &c->watch, EPOLLIN);
	}
	if (error == -EADDRINUSE)
		error_set(err, ERROR_FAILED, "%s is in use by another luntap",
		    config->name);
	else if (error < 0)
		error_set(err, ERROR_FAILED, "control socket %s: %s", c->path,
		    strerror(-error));
	if (error < 0) {
		control_free(c);
		return -1;
	}
	*ret = c;
	return 0;
}

const char *
control_path(const struct control *c)
{
	return c->path;
}

void
control_free(struct control *c)
{
	struct control_request *r, *next;

	if (c == NULL)
		return;
	c->ending = true;
	for (r = TAILQ_FIRST(&c->clients); r != NULL; r = next) {
		next = TAILQ_NEXT(r, link);
		if (r->answer == NULL)
			control_refuse(r, ERROR_FAILED, "ended");
		else
			client_free(r);
	}
	if (c->watch.fd != -1) {
		unixsock_remove(c->path, &c->st);
		watch_remove(c->loop, &c->watch);
		close(c->watch.fd);
	}
	free(c->path);
	free(c);
}
