/* SPDX-License-Identifier: BSD-2-Clause */
/* progress - see the header. */
#include "cmd/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BAR_EVERY  (200 * CLOCK_MS)
#define JSON_EVERY CLOCK_S
#define RATE_KEEPS 0.8 /* of the rate before, at each look */

int
progress_take(enum progress_mode *mode, const char *arg, struct error *err)
{
	if (strcmp(arg, "auto") == 0)
		*mode = PROGRESS_AUTO;
	else if (strcmp(arg, "json") == 0)
		*mode = PROGRESS_JSON;
	else
		return error_set(err, ERROR_USAGE,
		    "--progress %s: auto or json is wanted", arg);
	return 0;
}

/* "1.5 GiB" */
static const char *
human(char dst[16], double bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB",
		"PiB", "EiB" };
	unsigned unit = 0;

	while (bytes >= 1024 && unit < sizeof(units) / sizeof(units[0]) - 1) {
		bytes /= 1024;
		unit++;
	}
	snprintf(dst, 16, unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s",
	    bytes, units[unit]);
	return dst;
}

/* "1:02:03" */
static const char *
clock_text(char dst[32], double seconds)
{
	uint64_t s = seconds < 1e9 ? (uint64_t)(seconds + 0.5) : 1000000000;

	if (s >= 3600)
		snprintf(dst, 32, "%" PRIu64 ":%02u:%02u", s / 3600,
		    (unsigned)(s / 60 % 60), (unsigned)(s % 60));
	else
		snprintf(
		    dst, 32, "%u:%02u", (unsigned)(s / 60), (unsigned)(s % 60));
	return dst;
}

static void
show_bar(const struct progress *p, const struct progress_state *s, double took)
{
	char done[16], length[16], rate[16], skipped[16], left[32];
	char line[160];
	int n;

	n = snprintf(line, sizeof(line), "%s", human(done, (double)s->done));
	if (s->length != UINT64_MAX && s->length > 0)
		n += snprintf(line + n, sizeof(line) - (size_t)n,
		    " of %s, %3.0f %%", human(length, (double)s->length),
		    100.0 * (double)s->done / (double)s->length);
	n += snprintf(
	    line + n, sizeof(line) - (size_t)n, ", %s/s", human(rate, p->rate));
	if (s->length == UINT64_MAX || s->done >= s->length)
		n += snprintf(line + n, sizeof(line) - (size_t)n, ", %s",
		    clock_text(left, took));
	else if (p->rate > 0)
		n += snprintf(line + n, sizeof(line) - (size_t)n, ", %s left",
		    clock_text(left, (double)(s->length - s->done) / p->rate));
	if (s->skipped > 0)
		n += snprintf(line + n, sizeof(line) - (size_t)n,
		    ", %s skipped", human(skipped, (double)s->skipped));
	if (s->bad > 0)
		snprintf(line + n, sizeof(line) - (size_t)n, ", %s bad",
		    human(skipped, (double)s->bad));
	fprintf(stderr, "\r\033[K%.79s", line);
}

static void
show_json(const struct progress *p, const struct progress_state *s, double took,
    bool end)
{
	fprintf(stderr, "{\"done\":%" PRIu64 ",\"length\":", s->done);
	if (s->length == UINT64_MAX)
		fputs("null", stderr);
	else
		fprintf(stderr, "%" PRIu64, s->length);
	fprintf(stderr,
	    ",\"skipped\":%" PRIu64 ",\"bad\":%" PRIu64
	    ",\"bytes_per_second\":%.0f,\"seconds\":%.3f,\"ended\":%s}\n",
	    s->skipped, s->bad, p->rate, took, end ? "true" : "false");
}

static void
show(struct progress *p, bool end)
{
	uint64_t now = loop_now(p->loop);
	double took = (double)(now - p->began) / (double)CLOCK_S;
	double since = (double)(now - p->last_time) / (double)CLOCK_S;
	struct progress_state s;

	p->look(p->ctx, &s);
	if (end)
		p->rate = took > 0 ? (double)(s.done - p->at_done) / took : 0;
	else if (since > 0 && p->last_time == p->began)
		p->rate = (double)(s.done - p->last_done) / since;
	else if (since > 0)
		p->rate =
		    p->rate * RATE_KEEPS +
		    (double)(s.done - p->last_done) / since * (1 - RATE_KEEPS);
	p->last_time = now;
	p->last_done = s.done;
	if (p->bar)
		show_bar(p, &s, took);
	else
		show_json(p, &s, took, end);
}

static void
progress_time(struct timer *timer, uint64_t now)
{
	struct progress *p = timer->ctx;

	show(p, false);
	timer_set(p->loop, timer, now + (p->bar ? BAR_EVERY : JSON_EVERY));
}

void
progress_begin(struct progress *p, struct loop *loop, enum progress_mode mode,
    void (*look)(void *ctx, struct progress_state *ret), void *ctx)
{
	struct progress_state s;

	p->bar = mode == PROGRESS_AUTO && isatty(STDERR_FILENO) == 1;
	if (!p->bar && mode != PROGRESS_JSON)
		return;
	p->loop = loop;

	p->look = look;
	p->ctx = ctx;
	look(ctx, &s);
	p->began = p->last_time = loop_now(loop);
	p->at_done = p->last_done = s.done;
	timer_init(&p->timer, progress_time, p);
	timer_set(
	    loop, &p->timer, p->began + (p->bar ? BAR_EVERY : JSON_EVERY));
}

void
progress_end(struct progress *p, bool ok)
{
	if (p->began == 0)
		return;
	timer_clear(p->loop, &p->timer);
	if (ok || !p->bar)
		show(p, true);
	if (p->bar)
		fputs(ok ? "\n" : "\r\033[K", stderr);
	p->began = 0;
}
