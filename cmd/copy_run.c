/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copy_run - a copy from the opening of its ends to their closing.
 *
 *     SOURCE -> DESTINATION -> COPYING -> CLOSING
 *        |           |                       ^
 *        +-----------+-----------------------+
 *
 * What goes wrong first is what is told, and decides the exit code.  A signal
 * ends it in order: what is in flight is finished, flushed, and noted in the
 * journal.  A second one does not wait for that.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/copy_impl.h"

enum phase { SOURCE, DESTINATION, COPYING, CLOSING };

struct copying {
	struct options *options;
	struct copy_arguments *args;
	struct loop *loop;
	enum phase phase;
	struct endpoint *source;
	struct endpoint *destination;
	unsigned open; /* endpoints that are not closed yet */
	struct copy_config config;
	struct copy_room room; /* at the destination */
	struct copy_records records;
	struct copy *copy;
	struct copy_status status;
	struct progress progress;
	int signal;	  /* that ended it */
	struct error why; /* class ERROR_NONE: nothing went wrong */
};

static void
failed(struct copying *c, const struct error *why)
{
	if (c->why.class == ERROR_NONE && c->signal == 0)
		c->why = *why;
}

/* ---- the end ---- */

static void
endpoint_is_closed(void *ctx, const struct error *why)
{
	struct copying *c = ctx;

	if (why != NULL)
		failed(c, why);
	if (--c->open == 0)
		loop_stop(c->loop, 0);
}

static void
close_ends(struct copying *c)
{
	c->phase = CLOSING;
	if (c->open == 0)
		loop_stop(c->loop, 0);
	if (c->destination != NULL && c->copy == NULL)
		endpoint_unmake(c->destination);
	if (c->destination != NULL)
		endpoint_close(c->destination);
	if (c->source != NULL)
		endpoint_close(c->source);
}

static void
give_up(struct copying *c, const struct error *why)
{
	failed(c, why);
	close_ends(c);
}

/* ---- copying ---- */

static void
look(void *ctx, struct progress_state *ret)
{
	struct copying *c = ctx;

	if (c->copy != NULL)
		copy_status(c->copy, &c->status);
	ret->length = c->status.length;
	ret->done = c->status.done;
	ret->skipped = c->status.skipped;
	ret->bad = c->status.bad;
}

static void
refused(void *ctx, const struct error *why)
{
	struct copy_records *r = ctx;

	log_warn(r->log, "the data goes through this machine: %s", why->text);
}

static void
copied(void *ctx, const struct error *why)
{
	struct copy_records *r = ctx;
	struct copying *c = r->owner;
	struct error err;

	if (why != NULL)
		failed(c, why);
	progress_end(&c->progress, why == NULL);
	copy_status(c->copy, &c->status);
	/* A file that grew ends where the stream has ended. */
	if (why == NULL && c->config.length == UINT64_MAX &&
	    endpoint_kind(c->destination) == ENDPOINT_FILE &&
	    endpoint_resize(
		c->destination, c->config.offset + c->status.length, &err) < 0)
		failed(c, &err);
	if (copy_records_close(r, why == NULL, c->status.prefix, &err) < 0)
		failed(c, &err);
	close_ends(c);
}

/* How large a file is to be made. */
static uint64_t
file_size(const struct copying *c)
{
	const struct bdev *from = endpoint_bdev(c->source);

	if (c->config.length == UINT64_MAX)
		return UINT64_MAX;
	return c->args->has_range ? c->config.offset + c->config.length
				  : from->size;
}

/* Nothing is told of a copy that nobody expects to be offloaded; a LUN that knows
 * no EXTENDED COPY is not asked. */
static enum copy_offload
choose_offload(struct copying *c)
{
	const struct copy_arguments *a = c->args;
	const char *from = endpoint_target(c->source);
	const char *to = endpoint_target(c->destination);
	struct error why;

	if (a->offload != COPY_OFFLOAD_AUTO)
		return a->offload;
	if (a->has_digest || a->manifest != NULL || a->base != NULL ||
	    from == NULL || to == NULL || strcmp(from, to) != 0)
		return COPY_OFFLOAD_NEVER;
	if (endpoint_bdev(c->destination)->can_copy)
		return COPY_OFFLOAD_AUTO;
	error_set(&why, ERROR_NONE, "%s knows no EXTENDED COPY",
	    endpoint_name(c->destination));
	refused(&c->records, &why);
	return COPY_OFFLOAD_NEVER;
}

/* The source is not given another size by mistake. */
static int
check_ends(struct copying *c, struct error *err)
{
	const struct copy_arguments *a = c->args;

	if (copy_check_same(c->source, c->destination, err) < 0 ||
	    copy_check_file(a, c->destination, file_size(c), &c->room, err) <
		0 ||
	    copy_check_base(a, c->destination, &c->room, err) < 0)
		return -1;
	c->config.zeroed = a->assume_zero || c->room.empty;
	return copy_check_ends(
	    c->destination, &c->room, c->config.offset, c->config.length, err);
}

/* What the records need to know is set before they are opened. */
static int
open_records(struct copying *c, struct error *err)
{
	const struct copy_arguments *a = c->args;

	c->config.offload = choose_offload(c);
	if (a->chunk != 0)
		c->config.chunk = a->chunk;
	else if (c->config.offload != COPY_OFFLOAD_NEVER || a->manifest != NULL)
		c->config.chunk = TRANSFER_CHUNK_LARGE;
	else
		c->config.chunk = TRANSFER_CHUNK;
	return copy_records_open(&c->records, c->loop, c->source,
	    c->destination, &c->room, &c->config, err);
}

static void
begin(struct copying *c)
{
	const struct copy_arguments *a = c->args;
	struct error err;
	int result;

	if (check_ends(c, &err) < 0 || open_records(c, &err) < 0 ||
	    copy_make_room(c->destination, &c->room, &err) < 0 ||
	    copy_records_begin(&c->records, &err) < 0) {
		give_up(c, &err);
		return;
	}
	c->config.source = endpoint_bdev(c->source);
	c->config.destination = endpoint_bdev(c->destination);
	transfer_flight(
	    a->depth, c->config.chunk, &c->config.depth, &c->config.depth_most);
	c->config.sparse = a->sparse;
	c->config.verify = a->verify;
	c->config.skip_errors = a->skip_errors;
	c->config.rate = a->rate;
	c->config.refused = refused;
	c->config.done = copied;
	result = copy_new(c->loop, &c->config, &c->copy);
	if (result < 0) {
		error_set(&err, ERROR_FAILED, "%s", strerror(-result));
		give_up(c, &err);
		return;
	}
	c->phase = COPYING;
	progress_begin(&c->progress, c->loop, a->progress, look, c);
}

/* ---- opening ---- */

/* An end is lost while it is in use. */
static void
lost(void *ctx, const struct error *why)
{
	struct copying *c = ctx;

	failed(c, why);
	if (c->phase == COPYING)
		copy_stop(c->copy, why);
}

static void
destination_opened(void *ctx, const struct error *why)
{
	struct copying *c = ctx;

	if (c->phase == CLOSING)
		return;
	if (why != NULL)
		give_up(c, why);
	else
		begin(c);
}

static int
open_end(struct copying *c, const char *text,
    const struct endpoint_config *config, struct endpoint **ret,
    struct error *err)
{
	if (endpoint_open(c->loop, text, config, ret, err) < 0)
		return -1;
	c->open++;
	return 0;
}

static void
source_opened(void *ctx, const struct error *why)
{
	struct copying *c = ctx;
	struct endpoint_config config = {
		.options = c->options,
		.writable = true,
		.stream = true,
		.zerocopy = true, /* see copy_chunk.c */
		.create = true,
		.opened = destination_opened,
		.lost = lost,
		.closed = endpoint_is_closed,
		.ctx = c,
	};
	struct error err;

	if (c->phase == CLOSING)
		return;
	if (why != NULL) {
		give_up(c, why);
		return;
	}
	c->phase = DESTINATION;
	if (copy_check_range(c->args, c->source, &c->config.offset,
		&c->config.length, &err) < 0) {
		give_up(c, &err);
		return;
	}
	config.size = file_size(c);
	if (copy_check_path(c->args, c->source, &err) < 0 ||
	    open_end(c, c->args->destination, &config, &c->destination, &err) <
		0)
		give_up(c, &err);
}

static int
open_source(struct copying *c, struct error *err)
{
	const struct endpoint_config config = {
		.options = c->options,
		.stream = true,
		.opened = source_opened,
		.lost = lost,
		.closed = endpoint_is_closed,
		.ctx = c,
	};

	return open_end(c, c->args->source, &config, &c->source, err);
}

/* ---- the command ---- */

static void
signalled(void *ctx, int signo)
{
	struct copying *c = ctx;
	struct error err;

	if (c->signal != 0)
		_exit(128 + signo);
	c->signal = signo;
	error_set(&err, ERROR_FAILED, "stopped by a signal");
	if (c->phase == COPYING)
		copy_stop(c->copy, &err);
	else if (c->phase != CLOSING)
		close_ends(c);
}

/* What is to be said at the end, and the exit code. */
static int
tell(const struct copying *c)
{
	uint64_t bad = copy_records_bad(&c->records, c->status.bad);
	struct error err;

	if (c->why.class != ERROR_NONE || c->signal != 0) {
		error_set(&err, c->why.class, "%s%s",
		    c->signal != 0 ? "stopped" : c->why.text,
		    c->args->journal != NULL && c->copy != NULL &&
			    !c->status.rest_differs
			? "; the same command goes on from there"
			: "");
		command_fail(&err);
		return c->signal != 0 ? 128 + c->signal : (int)c->why.class;
	}
	if (bad > 0) {
		error_set(&err, ERROR_IO,
		    "%" PRIu64 " bytes could not be read; zeros stand for them",
		    bad);
		return command_fail(&err);
	}
	return command_done();
}

int
copy_run(struct options *o, struct copy_arguments *args)
{
	struct copying c = { .options = o, .args = args };
	struct error err;
	int code;

	c.records = (struct copy_records){
		.args = args,
		.log = &o->sink.log,
		.source_name = args->source,
		.owner = &c,
	};
	code = loop_new(&c.loop);
	if (code == 0)
		code = transfer_signals(c.loop, signalled, &c);
	if (code < 0) {
		error_set(&err, ERROR_FAILED, "%s", strerror(-code));
		code = command_fail(&err);
	} else if (open_source(&c, &err) < 0) {
		code = command_fail(&err);
	} else {
		loop_run(c.loop);
		loop_drain(c.loop);
		code = tell(&c);
	}
	copy_free(c.copy);
	copy_records_free(&c.records);
	endpoint_free(c.destination);
	endpoint_free(c.source);
	loop_free(c.loop);
	return code;
}
