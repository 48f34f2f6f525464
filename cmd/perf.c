/* SPDX-License-Identifier: BSD-2-Clause */
/* perf - how fast a LUN is for this initiator: reads or writes of one size. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/cmd.h"
#include "cmd/endpoint.h"
#include "cmd/load.h"
#include "cmd/report.h"

#define SIZE_DEFAULT	4096
#define SIZE_MAX_BYTES	(UINT64_C(32) << 20)
#define DEPTH_DEFAULT	32
#define DEPTH_MAX	1024
#define MEMORY_MAX	(UINT64_C(1) << 30)
#define SECONDS_DEFAULT 5
#define SECONDS_MAX	86400

static const char help[] =
    "usage: luntap perf [OPTION]... URL\n\n"
    "Keeps a LUN busy with reads or writes and measures them.\n\n"
    "URL is iscsi://[USER[%PASSWORD]@]HOST[:PORT]/TARGET/LUN"
    "[?KEY=VALUE...].\n\n"
    "options:\n"
    "      --depth N                requests in flight (32)\n"
    "      --size BYTES             of each (4096; K, M: binary)\n"
    "      --pattern seq|rand       one after the other, or anywhere (rand)\n"
    "      --seed N                 another order (1)\n"
    "      --write                  instead of reading\n"
    "      --read-percent N         read so many, write the others\n"
    "      --destroy-data           allow what writing does to the LUN\n"
    "      --seconds N              how long (5)\n"
    "      --count N                so many requests instead\n"
    "      --json                   an object\n" OPTIONS_SESSION_HELP
    "\nexamples:\n"
    "  luntap perf iscsi://nas.example/iqn.2026-01.org.example:disk/0\n"
    "  luntap perf --write --destroy-data --size 1M --depth 8 --pattern seq "
    "URL\n";

enum {
	OPT_DEPTH = OPTIONS_OWN,
	OPT_SIZE,
	OPT_PATTERN,
	OPT_SEED,
	OPT_WRITE,
	OPT_READ_PERCENT,
	OPT_DESTROY_DATA,
	OPT_SECONDS,
	OPT_COUNT
};

static const struct option longs[] = {
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "pattern", required_argument, NULL, OPT_PATTERN },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "write", no_argument, NULL, OPT_WRITE },
	{ "read-percent", required_argument, NULL, OPT_READ_PERCENT },
	{ "destroy-data", no_argument, NULL, OPT_DESTROY_DATA },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "count", required_argument, NULL, OPT_COUNT },
	{ 0 },
};

struct asked {
	struct load_config load;
	bool destroy_data;
	bool json;
};

struct measuring {
	const struct asked *asked;
	struct loop *loop;
	struct endpoint *lun;
	struct load *load;
	bool closing;
	struct error why; /* class ERROR_NONE: nothing went wrong */
};

/* ---- options ---- */

static int
take_number(const char *name, const char *arg, uint64_t min, uint64_t max,
    uint64_t *ret, struct error *err)
{
	if (options_number(arg, max, ret) == 0 && *ret >= min)
		return 0;
	return error_set(err, ERROR_USAGE,
	    "%s %s: a number from %" PRIu64 " to %" PRIu64 " is wanted", name,
	    arg, min, max);
}

static int
take(void *ctx, int option, const char *arg, struct error *err)
{
	struct asked *a = ctx;
	struct load_config *c = &a->load;
	uint64_t n = 0;
	int result = 0;

	switch (option) {
	case OPT_DEPTH:
		result = take_number("--depth", arg, 1, DEPTH_MAX, &n, err);
		c->depth = (unsigned)n;
		break;
	case OPT_SIZE:
		if (options_size(arg, &n) != 0 || n == 0 || n > SIZE_MAX_BYTES)
			return error_set(err, ERROR_USAGE,
			    "--size %s: not a size up to 32M", arg);
		c->size = (uint32_t)n;
		break;
	case OPT_PATTERN:
		c->random = strcmp(arg, "rand") == 0;
		if (!c->random && strcmp(arg, "seq") != 0)
			return error_set(err, ERROR_USAGE,
			    "--pattern %s: neither seq nor rand", arg);
		break;
	case OPT_SEED:
		return take_number("--seed", arg, 0, UINT64_MAX, &c->seed, err);
	case OPT_WRITE:
		c->read_percent = 0;
		break;
	case OPT_READ_PERCENT:
		result = take_number("--read-percent", arg, 0, 100, &n, err);
		c->read_percent = (unsigned)n;
		break;
	case OPT_DESTROY_DATA:
		a->destroy_data = true;
		break;
	case OPT_SECONDS:
		return take_number(
		    "--seconds", arg, 1, SECONDS_MAX, &c->seconds, err);
	default: /* OPT_COUNT */
		return take_number(
		    "--count", arg, 1, UINT64_MAX, &c->count, err);
	}
	return result;
}

static int
check(const struct asked *a, const char *url, struct error *err)
{
	const struct load_config *c = &a->load;

	if (c->read_percent < 100 && !a->destroy_data)
		return error_set(err, ERROR_USAGE,
		    "writing destroys what is on the LUN: --destroy-data "
		    "says that it may");
	if ((uint64_t)c->depth * c->size > MEMORY_MAX)
		return error_set(err, ERROR_USAGE,
		    "--depth %u of --size %" PRIu32
		    ": more than 1 GiB in flight",
		    c->depth, c->size);
	if (endpoint_kind_of(url) != ENDPOINT_LUN)
		return error_set(
		    err, ERROR_USAGE, "%s: not an iscsi:// URL", url);
	return 0;
}

/* ---- the result ---- */

static const char *const kind_names[LOAD_KINDS] = { "read", "write" };

static uint64_t
per_second(uint64_t n, uint64_t ns)
{
	return ns == 0 ? 0
		       : (uint64_t)((double)n * (double)CLOCK_S / (double)ns);
}

static const struct {
	const char *name; /* of the JSON member */
	const char *word;
	unsigned per_mille;
} percentiles[] = {
	{ "p50", "50%", 500 },
	{ "p90", "90%", 900 },
	{ "p99", "99%", 990 },
	{ "p99_9", "99.9%", 999 },
};

#define PERCENTILES (sizeof(percentiles) / sizeof(percentiles[0]))

static void
print_kind(const struct load_config *c, const struct load_result *r, int kind)
{
	const struct latency *l = &r->latency[kind];
	char text[LATENCY_TEXT];
	double mib = (double)per_second(l->n * c->size, r->ns) / (1 << 20);
	size_t i;

	if (l->n == 0)
		return;
	printf("%s: %" PRIu64 " requests, %" PRIu64 " per second, %.1f MiB/s\n",
	    kind_names[kind], l->n, per_second(l->n, r->ns), mib);
	printf("  latency in ms: min %s", latency_text(text, l->min));
	printf(", mean %s", latency_text(text, latency_mean(l)));
	for (i = 0; i < PERCENTILES; i++)
		printf(", %s %s", percentiles[i].word,
		    latency_text(
			text, latency_percentile(l, percentiles[i].per_mille)));
	printf(", max %s\n", latency_text(text, l->max));
}

static uint64_t
requests(const struct load_result *r)
{
	return r->latency[LOAD_READ].n + r->latency[LOAD_WRITE].n;
}

static void
print_words(const struct load_config *c, const struct load_result *r)
{
	uint64_t n = requests(r), cpu = n == 0 ? 0 : r->cpu_ns / n;
	char text[LATENCY_TEXT];

	printf("%s requests of %" PRIu32 " bytes, %u in flight, %s s\n",
	    c->random ? "random" : "sequential", c->size, c->depth,
	    latency_text(text, r->ns / 1000));
	print_kind(c, r, LOAD_READ);
	print_kind(c, r, LOAD_WRITE);
	printf("our CPU: %s us per request\n", latency_text(text, cpu * 1000));
}

static void
describe_kind(struct json_object *parent, const struct load_config *c,
    const struct load_result *r, int kind)
{
	const struct latency *l = &r->latency[kind];
	struct json_object *o, *ns;
	size_t i;

	if (l->n == 0)
		return;
	o = json_object_new_object();
	report_int(o, "requests", l->n);
	report_int(o, "per_second", per_second(l->n, r->ns));
	report_int(o, "bytes_per_second", per_second(l->n * c->size, r->ns));
	ns = json_object_new_object();
	report_int(ns, "min", l->min);
	report_int(ns, "mean", latency_mean(l));
	for (i = 0; i < PERCENTILES; i++)
		report_int(ns, percentiles[i].name,
		    latency_percentile(l, percentiles[i].per_mille));
	report_int(ns, "max", l->max);
	json_object_object_add(o, "latency_ns", ns);
	json_object_object_add(parent, kind_names[kind], o);
}

static void
print_json(const struct load_config *c, const struct load_result *r)
{
	struct json_object *o = json_object_new_object();
	uint64_t n = requests(r);

	report_text(o, "pattern", c->random ? "rand" : "seq");
	report_int(o, "size", c->size);
	report_int(o, "depth", c->depth);
	report_int(o, "read_percent", c->read_percent);
	report_int(o, "seed", c->seed);
	report_int(o, "elapsed_ns", r->ns);
	report_int(o, "cpu_ns_per_request", n == 0 ? 0 : r->cpu_ns / n);
	describe_kind(o, c, r, LOAD_READ);
	describe_kind(o, c, r, LOAD_WRITE);
	report_print(o, true);
	json_object_put(o);
}

/* ---- measuring ---- */

static void
finish(struct measuring *m, const struct error *why)
{
	if (why != NULL && m->why.class == ERROR_NONE)
		m->why = *why;
	m->closing = true;
	endpoint_close(m->lun);
}

static void
load_done(void *ctx, const struct error *why)
{
	finish(ctx, why);
}

static void
opened(void *ctx, const struct error *why)
{
	struct measuring *m = ctx;
	struct load_config c = m->asked->load;
	struct error err;
	int result;

	if (m->closing)
		return;
	if (why != NULL) {
		finish(m, why);
		return;
	}
	c.bdev = endpoint_bdev(m->lun);
	c.done = load_done;
	c.ctx = m;
	if (c.size > c.bdev->size || c.size % c.bdev->block_size != 0) {
		error_set(&err, ERROR_USAGE,
		    "--size %" PRIu32 ": not a multiple of the LUN's %" PRIu32
		    " bytes, or more than its %" PRIu64,
		    c.size, c.bdev->block_size, c.bdev->size);
		finish(m, &err);
	} else if (c.read_percent < 100 && c.bdev->read_only) {
		error_set(&err, ERROR_IO, "%s: write-protected",
		    endpoint_name(m->lun));
		finish(m, &err);
	} else if ((result = load_new(m->loop, &c, &m->load)) < 0) {
		error_set(&err, ERROR_FAILED, "%s", strerror(-result));
		finish(m, &err);
	}
}

static void
closed(void *ctx, const struct error *why)
{
	struct measuring *m = ctx;

	if (why != NULL && m->why.class == ERROR_NONE)
		m->why = *why;
	loop_stop(m->loop, 0);
}

static void
lost(void *ctx, const struct error *why)
{
	struct measuring *m = ctx;

	if (m->why.class == ERROR_NONE)
		m->why = *why;
	if (m->load != NULL)
		load_stop(m->load);
}

/* The second one does not wait for a target that is silent. */
static void
got_signal(void *ctx, int signo)
{
	struct measuring *m = ctx;

	(void)signo;
	if (m->load != NULL && !m->closing)
		load_stop(m->load);
	else
		finish(m, NULL);
}

static int
measure(struct measuring *m, struct options *o, const char *url)
{
	const struct endpoint_config config = {
		.options = o,
		.writable = m->asked->load.read_percent < 100,
		.zerocopy = true,
		.opened = opened,
		.lost = lost,
		.closed = closed,
		.ctx = m,
	};
	int result = loop_new(&m->loop);

	signal(SIGPIPE, SIG_IGN);
	if (result == 0)
		result = loop_signal(m->loop, SIGINT, got_signal, m);
	if (result == 0)
		result = loop_signal(m->loop, SIGTERM, got_signal, m);
	if (result < 0)
		return error_set(
		    &m->why, ERROR_FAILED, "%s", strerror(-result));
	if (endpoint_open(m->loop, url, &config, &m->lun, &m->why) < 0)
		return -1;
	result = loop_run(m->loop);
	if (result < 0)
		error_set(&m->why, ERROR_FAILED, "%s", strerror(-result));
	return m->why.class == ERROR_NONE ? 0 : -1;
}

static int
perf(struct options *o, const char *url, const struct asked *a)
{
	struct measuring m = { .asked = a };
	int code;

	if (check(a, url, &m.why) < 0 || measure(&m, o, url) < 0) {
		code = command_fail(&m.why);
	} else {
		if (m.load == NULL)
			; /* a signal came first */
		else if (a->json)
			print_json(&a->load, load_result(m.load));
		else
			print_words(&a->load, load_result(m.load));
		code = command_done();
	}
	load_free(m.load);
	endpoint_free(m.lun);
	loop_free(m.loop);
	return code;
}

static int
run(int argc, char **argv)
{
	struct asked a = { .load = { .size = SIZE_DEFAULT,
			       .depth = DEPTH_DEFAULT,
			       .random = true,
			       .read_percent = 100,
			       .seed = 1 } };
	const struct command_line line = { .help = help,
		.groups = OPTIONS_SESSION | OPTIONS_JSON,
		.longs = longs,
		.take = take,
		.ctx = &a,
		.operands_min = 1,
		.operands_max = 1 };
	struct options o;
	int code;

	if (!options_parse(&o, &line, argc, argv, &code))
		return code;
	a.json = o.json;
	if (a.load.seconds == 0 && a.load.count == 0)
		a.load.seconds = SECONDS_DEFAULT;
	code = perf(&o, argv[optind], &a);
	options_fini(&o);
	return code;
}

const struct command command_perf = {
	.name = "perf",
	.summary = "how fast a LUN is",
	.run = run,
};
