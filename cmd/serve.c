/* SPDX-License-Identifier: BSD-2-Clause */
/* serve - see the header. */
#include "cmd/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mountpoint.h"
#include "cmd/secret.h"
#include "io/control.h"
#include "io/daemon.h"

struct serve {
	const struct serve_config *config;
	struct loop *loop;
	struct daemon daemon;
	char *pidfile; /* absolute, or NULL */
	struct control *control;
	struct control_request *stop; /* waits for the end, or NULL */
	const char *name; /* of what is served; NULL: not known yet */
	bool started;
	bool ready;
	struct error why; /* class 0: a clean end */
};

struct loop *
serve_loop(struct serve *s)
{
	return s->loop;
}

void
serve_status(struct json_object *into, const struct disks_status *disks,
    unsigned in_flight, uint64_t read_bytes, uint64_t written_bytes)
{
	json_object_object_add(
	    into, "state", json_object_new_string(disks->state));
	json_object_object_add(
	    into, "portal", json_object_new_string(disks->portal));
	json_object_object_add(
	    into, "target", json_object_new_string(disks->target));
	json_object_object_add(
	    into, "luns", json_object_new_int64(disks->luns));
	json_object_object_add(
	    into, "in_flight", json_object_new_int64(in_flight));
	json_object_object_add(
	    into, "read_bytes", json_object_new_uint64(read_bytes));
	json_object_object_add(
	    into, "written_bytes", json_object_new_uint64(written_bytes));
}

/* ---- what is served tells ---- */

void
serve_note(void *serve, const char *text)
{
	(void)serve;
	fprintf(stderr, "luntap: note: %s: left out\n", text);
}

void
serve_ready(void *serve)
{
	struct serve *s = serve;
	struct options *o = s->config->options;
	struct error err;

	secret_scrub_stack();
	s->ready = true;
	log_info(&o->sink.log, "serving %s", s->name);
	if (daemon_ready(&s->daemon, &err) < 0) {
		s->config->ops->stop(s->config->ctx);
		return;
	}
	if (!s->config->foreground && o->log_file == NULL)
		logsink_syslog(&o->sink);
}

void
serve_busy(void *serve, const char *text)
{
	struct serve *s = serve;

	if (s->stop != NULL)
		control_refuse(s->stop, ERROR_FAILED, text);
	s->stop = NULL;
}

void
serve_ended(void *serve, const struct error *why)
{
	struct serve *s = serve;

	if (why != NULL)
		s->why = *why;
	else if (!s->ready)
		error_set(&s->why, ERROR_FAILED, "ended before it was ready");
	loop_stop(s->loop, 0);
}

/* ---- who asks ---- */

static void
serve_signal(void *ctx, int signo)
{
	struct serve *s = ctx;

	const struct serve_ops *ops = s->config->ops;

	log_info(&s->config->options->sink.log, "%s: ending", strsignal(signo));
	(ops->signalled != NULL ? ops->signalled : ops->stop)(s->config->ctx);
}

static void
answer_status(struct serve *s, struct control_request *req)
{
	struct json_object *answer = json_object_new_object();

	s->config->ops->status(s->config->ctx, answer);
	control_reply(req, answer);
}

static void
serve_request(void *ctx, struct control_request *req, const char *what,
    struct json_object *json)
{
	struct serve *s = ctx;
	const struct serve_ops *ops = s->config->ops;

	(void)json;
	if (!s->started) {
		control_refuse(req, ERROR_FAILED, "it is starting");
	} else if (strcmp(what, "status") == 0) {
		answer_status(s, req);
	} else if (strcmp(what, "stop") == 0 || strcmp(what, "force") == 0) {
		/* Asking again presses: the first one is let go. */
		if (s->stop != NULL)
			control_refuse(
			    s->stop, ERROR_FAILED, "somebody else asked too");
		s->stop = req;
		if (*what == 'f' && ops->force != NULL)
			ops->force(s->config->ctx);
		else
			ops->stop(s->config->ctx);
	} else {
		control_refuse(req, ERROR_FAILED, "unknown request");
	}
}

/* ---- from start to end ---- */

int
serve_named(struct serve *s, const char *name, struct error *err)
{
	const struct control_config control = {
		.kind = s->config->kind,
		.name = name,
		.request = serve_request,
		.ctx = s,
	};

	s->name = name;
	return control_new(s->loop, &control, &s->control, err);
}

void
serve_forked(struct serve *s)
{
	daemon_forget(&s->daemon);
}

static int
serve_init(struct serve *s, struct error *err)
{
	int result;

	secret_lock();
	result = loop_new(&s->loop);
	if (result == 0)
		result = loop_signal(s->loop, SIGTERM, serve_signal, s);
	if (result == 0)
		result = loop_signal(s->loop, SIGINT, serve_signal, s);
	if (result < 0)
		return error_set(err, ERROR_FAILED, "%s", strerror(-result));
	if (s->pidfile != NULL &&
	    daemon_pidfile(&s->daemon, s->pidfile, err) < 0)
		return -1;
	return s->config->name == NULL ? 0
				       : serve_named(s, s->config->name, err);
}

/* Frees everything; the answer to `stop` goes last, when the pid file is gone
 * and the secrets are wiped. */
static void
serve_fini(struct serve *s)
{
	struct json_object *answer;

	s->config->ops->free(s->config->ctx);
	daemon_fini(&s->daemon);
	if (s->stop != NULL && s->why.class != ERROR_NONE) {
		control_refuse(s->stop, s->why.class, s->why.text);
	} else if (s->stop != NULL) {
		answer = json_object_new_object();
		json_object_object_add(
		    answer, "result", json_object_new_int(0));
		control_reply(s->stop, answer);
	}
	control_free(s->control);
	loop_free(s->loop);
}

static int
serve_here(struct serve *s)
{
	const struct serve_ops *ops = s->config->ops;
	int result = -1;

	/* splice(2) has no MSG_NOSIGNAL; also for who is forked. */
	signal(SIGPIPE, SIG_IGN);
	if ((ops->fork == NULL || ops->fork(s->config->ctx, s, &s->why) == 0) &&
	    serve_init(s, &s->why) == 0 &&
	    ops->start(s->config->ctx, s, &s->why) == 0) {
		s->started = true;
		result = loop_run(s->loop);
	}
	if (result < 0 && s->why.class == ERROR_NONE)
		error_set(
		    &s->why, ERROR_FAILED, "event loop: %s", strerror(-result));
	/* What went wrong later is in the log. */
	if (s->why.class != ERROR_NONE && !s->ready &&
	    !daemon_failed(&s->daemon, &s->why))
		command_fail(&s->why);
	serve_fini(s);
	return (int)s->why.class;
}

static int
serve_there(struct serve *s)
{
	struct error err;

	switch (daemon_fork(&s->daemon, &err)) {
	case 0:
		return serve_here(s);
	case 1:
		return ERROR_NONE; /* it is ready */
	default:
		return command_fail(&err);
	}
}

int
serve_run(const struct serve_config *config)
{
	struct serve s = { .config = config };
	struct error err;
	int code;

	daemon_init(&s.daemon);
	if (config->pidfile != NULL) {
		s.pidfile = mountpoint_resolve(config->pidfile);
		if (s.pidfile == NULL) {
			error_set(&err, ERROR_FAILED, "pid file %s: %s",
			    config->pidfile, strerror(errno));
			return command_fail(&err);
		}
	}
	code = config->foreground ? serve_here(&s) : serve_there(&s);
	free(s.pidfile);
	return code;
}
