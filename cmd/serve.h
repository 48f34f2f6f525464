/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve - what the commands share that go on serving: the way into the
 * background, the loop, signals, the control socket with `status` and `stop`,
 * the pid file, the log, the exit code.
 *
 * A command fills in a serve_config and calls serve_run().  What it serves says
 * through the serve_ functions how it goes; they fit the callbacks of
 * front/mount.h and front/nbd.h, with the struct serve as their ctx.
 */
#ifndef CMD_SERVE_H
#define CMD_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "base/error.h"
#include "cmd/options.h"
#include "front/disks.h"
#include "io/loop.h"

struct serve;

struct serve_ops {
	/* Optional.  Before all others, when the process has no descriptors and
	 * threads yet: forks another one, which calls serve_forked() and does
	 * not come back.  0, or -1 with err. */
	int (*fork)(void *ctx, struct serve *, struct error *err);
	/* Required.  Begins, in the process that serves; serve_ready() or
	 * serve_ended() follows.  0, or -1 with err. */
	int (*start)(void *ctx, struct serve *, struct error *err);
	/* Required.  It is to end: serve_ended() or serve_busy() follows.
	 * Again when somebody insists.  Only after a start. */
	void (*stop)(void *ctx);
	/* Optional: the same, for a signal, and for who wants the end even when
	 * it is in use. */
	void (*signalled)(void *ctx);
	void (*force)(void *ctx);
	/* Required.  What `luntap status` is to show: serve_status(), and what
	 * else there is.  Only after a start. */
	void (*status)(void *ctx, struct json_object *into);
	/* Required.  The loop has ended, perhaps without a start. */
	void (*free)(void *ctx);
};

struct serve_config {
	const struct serve_ops *ops;
	void *ctx;
	struct options *options;
	const char *kind; /* of the control socket: "mount", "nbd" */
	const char *name; /* what is served, absolute; NULL: serve_named() */
	bool foreground;
	const char *pidfile; /* or NULL */
};

/* Serves to the end.  Returns the exit code: in the foreground, and in the
 * background's parent when the server is ready. */
int serve_run(const struct serve_config *);

struct loop *serve_loop(struct serve *);
void serve_forked(struct serve *);
/* What is served is known now, before serve_ready().  0, or -1 with err. */
int serve_named(struct serve *, const char *name, struct error *err);

void serve_status(struct json_object *into, const struct disks_status *,
    unsigned in_flight, uint64_t read_bytes, uint64_t written_bytes);

/* A disk is left out; text says why. */
void serve_note(void *serve, const char *text);
/* It can be used. */
void serve_ready(void *serve);
/* It is in use and serves on. */
void serve_busy(void *serve, const char *text);
/* All is over; why is NULL after a clean end. */
void serve_ended(void *serve, const struct error *why);

#endif
