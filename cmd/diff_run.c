/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_run - a comparison from the opening of its ends to their closing.
 *
 *     OPENING -> COMPARING -> CLOSING
 *        |                       ^
 *        +-----------------------+
 *
 * What goes wrong first is what is told.  A signal ends it in order, a second
 * one at once.
 */
#include <sys/types.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/diff_impl.h"
#include "cmd/endpoint.h"
#include "cmd/transfer.h"
#include "front/diff.h"

#define GRAIN_MIN 512u
#define GRAIN_MAX 4096u

enum phase { OPENING, COMPARING, CLOSING };

struct comparing {
	struct options *options;
	const struct diff_arguments *args;
	struct loop *loop;
	enum phase phase;
	struct endpoint *end[2];
	unsigned opened;
	unsigned open; /* endpoints that are not closed yet */
	uint64_t size[2];
	struct diff *diff;
	struct diff_status status;
	struct diff_report report;
	struct progress progress;
	int signal;	  /* that ended it */
	struct error why; /* class ERROR_NONE: nothing went wrong */
};

static void
failed(struct comparing *c, const struct error *why)
{
	if (c->why.class == ERROR_NONE && c->signal == 0)
		c->why = *why;
}

/* ---- the end ---- */

static void
end_closed(void *ctx, const struct error *why)
{
	struct comparing *c = ctx;

	(void)why; /* nothing was written: what could be lost? */
	if (--c->open == 0)
		loop_stop(c->loop, 0);
}

static void
close_ends(struct comparing *c)
{
	int i;

	c->phase = CLOSING;
	for (i = 0; i < 2; i++)
		if (c->end[i] != NULL)
			endpoint_close(c->end[i]);
}

/* Sizes count when all was to be compared. */
static struct diff_result
result_of(const struct comparing *c)
{
	struct diff_result r = {
		.compared = c->status.done,
		.differs = c->status.differs,
		.rest = UINT64_MAX,
		.failure = c->signal != 0		? "stopped by a signal"
			   : c->why.class != ERROR_NONE ? c->why.text
							: NULL,
	};
	int i;

	r.end = c->args->offset + c->status.done;
	for (i = 0; i < 2; i++) {
		if (c->status.longer[i])
			r.longer = c->report.name[i];
		if (c->args->has_range || c->size[i] == UINT64_MAX)
			continue;
		if (c->size[i] > c->size[!i] || c->status.longer[i]) {
			r.longer = c->report.name[i];
			r.rest = c->size[i] - r.end;
		}
	}
	return r;
}

static void
compared(void *ctx, const struct error *why)
{
	struct comparing *c = ctx;
	struct diff_result result;

	if (why != NULL)
		failed(c, why);
	progress_end(&c->progress, why == NULL);
	diff_status(c->diff, &c->status);
	result = result_of(c);
	diff_report_end(&c->report, &result);
	close_ends(c);
}

/* ---- comparing ---- */

static void
look(void *ctx, struct progress_state *ret)
{
	struct comparing *c = ctx;

	diff_status(c->diff, &c->status);
	*ret = (struct progress_state){
		.length = c->status.length,
		.done = c->status.done,
		.skipped = c->status.skipped,
	};
}

static void
differs(void *ctx, uint64_t offset, uint64_t length)
{
	struct comparing *c = ctx;
	struct error why;

	diff_report_extent(&c->report, offset, length);
	if (!ferror(stdout))
		return;
	error_set(&why, ERROR_FAILED, "writing the output failed");
	diff_stop(c->diff, &why);
}

static bool
is_stream(const struct comparing *c, int i)
{
	return endpoint_bdev(c->end[i])->stream;
}

/* What there is to be compared. */
static int
range(const struct comparing *c, uint64_t *ret_length, struct error *err)
{
	const struct diff_arguments *a = c->args;
	int i;

	*ret_length = UINT64_MAX;
	for (i = 0; i < 2; i++) {
		if (a->has_range && a->offset > 0 && is_stream(c, i))
			return error_set(err, ERROR_USAGE,
			    "--range of a pipe has to begin at 0");
		if (is_stream(c, i))
			continue;
		if (a->has_range && a->offset + a->length > c->size[i])
			return error_set(err, ERROR_USAGE,
			    "--range: %s has %" PRIu64 " bytes",
			    c->report.name[i], c->size[i]);
		if (c->size[i] < *ret_length)
			*ret_length = c->size[i];
	}
	if (a->has_range)
		*ret_length = a->length;
	else if (is_stream(c, 0) || is_stream(c, 1))
		*ret_length = UINT64_MAX;
	return 0;
}

static uint32_t
grain(const struct comparing *c)
{
	uint32_t size = GRAIN_MIN;
	int i;

	for (i = 0; i < 2; i++)
		while (size < endpoint_bdev(c->end[i])->block_size &&
		       size < GRAIN_MAX)
			size *= 2;
	return size;
}

static void
begin(struct comparing *c)
{
	struct diff_config config = {
		.offset = c->args->offset,
		.chunk = c->args->chunk,
		.differs = differs,
		.done = compared,
		.ctx = c,
	};
	struct error err;
	int i;

	for (i = 0; i < 2; i++) {
		c->report.name[i] = config.name[i] = endpoint_name(c->end[i]);
		config.bdev[i] = endpoint_bdev(c->end[i]);
		c->size[i] =
		    is_stream(c, i) ? UINT64_MAX : config.bdev[i]->size;
	}
	config.grain = grain(c);
	transfer_flight(
	    c->args->depth, config.chunk, &config.depth, &config.depth_most);
	if (range(c, &config.length, &err) < 0) {
		failed(c, &err);
		close_ends(c);
		return;
	}
	diff_report_begin(&c->report, c->size);
	if (diff_new(c->loop, &config, &c->diff) < 0) {
		error_set(&err, ERROR_FAILED, "out of memory");
		failed(c, &err);
		close_ends(c);
		return;
	}
	c->phase = COMPARING;
	progress_begin(&c->progress, c->loop, c->args->progress, look, c);
}

/* ---- opening ---- */

static void
end_opened(void *ctx, const struct error *why)
{
	struct comparing *c = ctx;

	if (c->phase != OPENING)
		return;
	if (why != NULL) {
		failed(c, why);
		close_ends(c);
	} else if (++c->opened == 2) {
		begin(c);
	}
}

static void
end_lost(void *ctx, const struct error *why)
{
	struct comparing *c = ctx;

	failed(c, why);
	if (c->phase == COMPARING)
		diff_stop(c->diff, why);
	else if (c->phase == OPENING)
		close_ends(c);
}

static int
open_ends(struct comparing *c, struct error *err)
{
	const struct endpoint_config config = {
		.options = c->options,
		.stream = true,
		.opened = end_opened,
		.lost = end_lost,
		.closed = end_closed,
		.ctx = c,
	};
	int i;

	for (i = 0; i < 2; i++) {
		if (endpoint_open(c->loop, c->args->text[i], &config,
			&c->end[i], err) < 0)
			return -1;
		c->open++;
	}
	return 0;
}

/* ---- the command ---- */

static void
signalled(void *ctx, int signo)
{
	static const struct error why = { ERROR_FAILED, "stopped" };
	struct comparing *c = ctx;

	if (c->signal != 0)
		_exit(128 + signo);
	c->signal = signo;
	if (c->phase == COMPARING)
		diff_stop(c->diff, &why);
	else if (c->phase == OPENING)
		close_ends(c);
}

static bool
same(const struct comparing *c)
{
	const struct diff_result result = result_of(c);

	return result.differs == 0 && result.longer == NULL;
}

int
diff_run(struct options *o, const struct diff_arguments *args, int *ret_signal,
    struct error *err)
{
	struct comparing c = { .options = o, .args = args };
	int result = loop_new(&c.loop);

	c.report.json = o->json;
	if (result == 0)
		result = transfer_signals(c.loop, signalled, &c);
	if (result < 0)
		error_set(&c.why, ERROR_FAILED, "%s", strerror(-result));
	else if (open_ends(&c, &c.why) < 0)
		close_ends(&c);
	if (c.open > 0) {
		loop_run(c.loop);
		loop_drain(c.loop);
	}
	if (c.why.class == ERROR_NONE && c.signal == 0)
		result = !same(&c);
	else
		result = -1;
	*ret_signal = c.signal;
	*err = c.why;
	diff_free(c.diff);
	endpoint_free(c.end[0]);
	endpoint_free(c.end[1]);
	loop_free(c.loop);
	return result;
}
