/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control - the control socket of a running mount or export, which unmount,
 * detach and status talk to.
 *
 * It is a stream socket in the runtime folder (runtime.h), called KIND-HASH
 * after what it serves (a mount point), so that it is found without asking
 * every one, and so that one thing is served once.
 *
 * A client sends one JSON object in one line and gets one in return:
 *
 *     {"request":"status"}  ->  {"pid":42, ...}
 *     {"request":"stop"}    ->  {"result":0}      when everything has ended
 *     {"request":"force"}   ->  the same, even when it is in use
 *     {"request":"dance"}   ->  {"error":"unknown request","class":2}
 *
 * Then the server closes; after "stop" and "force" its connection stays open
 * until the process ends.  Only the same user and root are answered.
 */
#ifndef IO_CONTROL_H
#define IO_CONTROL_H

#include <stdbool.h>

#include <json-c/json.h>

#include "base/error.h"
#include "io/loop.h"

/* ---- the serving side ---- */

struct control;
struct control_request; /* one that waits for its answer */

struct control_config {
	const char *kind; /* "mount", "nbd", ...: letters and digits only */
	const char *name; /* what is served: the absolute mount point */
	/*
	 * Required.  A request came.  It is answered exactly once with
	 * control_reply(), from here or at any time later, at the latest
	 * before control_free() (which answers with an error).  json is valid
	 * during the call only.
	 */
	void (*request)(void *ctx, struct control_request *, const char *what,
	    struct json_object *json);
	void *ctx;
};

/* 0, or -1 with err set; a running process that serves the same kind and name
 * is an error, a stale socket is replaced. */
int control_new(struct loop *, const struct control_config *,
    struct control **ret, struct error *err);
/* Removes the socket.  Answers that are ready are sent first.  Takes NULL. */
void control_free(struct control *);
/* Path of the socket. */
const char *control_path(const struct control *);

/* Takes over json (whose pid is filled in here). */
void control_reply(struct control_request *, struct json_object *json);
/* An error is the answer: {"error":TEXT,"class":N}. */
void control_refuse(
    struct control_request *, enum error_class class, const char *text);

/* ---- the asking side; blocking ---- */

/* A socket found in a runtime folder. */
#define CONTROL_KIND_MAX 15
struct control_entry {
	char *path;
	char kind[CONTROL_KIND_MAX + 1];
};

/* Every live socket of every runtime folder (runtime.h), sorted by path; stale
 * ones are removed on the way.  Returns their number, or -1. */
int control_list(struct control_entry **ret, struct error *err);
void control_list_free(struct control_entry *, int n);

/* The socket that serves kind and name: 1 and its path (to be freed), 0 when
 * nobody does, -1 on errors. */
int control_find(
    const char *kind, const char *name, char **ret_path, struct error *err);

/*
 * Asks {"request":what} and waits for the answer up to timeout_ms (-1: for
 * ever).  0 with the answer in *ret (json_object_put() it), or -1: also when
 * the answer is an error, whose class and text are then err's.
 */
int control_ask(const char *path, const char *what, int timeout_ms,
    struct json_object **ret, struct error *err);
/* Asks to stop, and after the answer waits until the process is gone. */
int control_stop(const char *path, int timeout_ms, struct json_object **ret,
    struct error *err);
/* The same with "force". */
int control_force(const char *path, int timeout_ms, struct json_object **ret,
    struct error *err);

#endif
