/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ping - how long a target takes to answer: NOP-Out, which its iSCSI layer
 * answers, and TEST UNIT READY, which the logical unit does.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "cmd/latency.h"
#include "cmd/report.h"

#define INTERVAL_DEFAULT CLOCK_S
#define INTERVAL_MAX	 86400 /* s */

static const char help[] =
    "usage: luntap ping [OPTION]... URL\n\n"
    "Measures round trips: NOP-Out to the target and, when the URL names a "
    "LUN,\n"
    "TEST UNIT READY to that.  SIGINT ends it with the summary.\n\n"
    "URL is iscsi://[USER[%PASSWORD]@]HOST[:PORT]/TARGET[/LUN]"
    "[?KEY=VALUE...].\n\n"
    "options:\n"
    "  -c, --count COUNT            so many, instead of endlessly\n"
    "  -i, --interval SECONDS       between them: 1, 0.2; 0 is at once\n"
    "  -q, --quiet                  the summary only\n"
    "      --json                   an object, at the "
    "end\n" OPTIONS_SESSION_HELP "\nexamples:\n"
    "  luntap ping iscsi://nas.example/iqn.2026-01.org.example:disk/0\n"
    "  luntap ping -c 1000 -i 0 -q "
    "iscsi://nas.example/iqn.2026-01.org.example:disk\n";

static const struct option longs[] = {
	{ "count", required_argument, NULL, 'c' },
	{ "interval", required_argument, NULL, 'i' },
	{ "quiet", no_argument, NULL, 'q' },
	{ 0 },
};

struct asked {
	uint64_t count; /* 0: endlessly */
	uint64_t interval;
	bool quiet;
	bool json;
};

/* One kind of question. */
struct tries {
	const char *name;
	uint64_t sent;
	uint64_t answered;
	struct latency latency;
};

struct pinging {
	const struct asked *asked;
	struct client *client;
	bool has_lun;
	uint64_t lun;
	struct tries nop;
	struct tries ready;
	struct error err; /* the first: class is the exit code */
};

static int
take(void *ctx, int option, const char *arg, struct error *err)
{
	struct asked *a = ctx;
	double seconds;
	char *end;

	switch (option) {
	case 'c':
		if (options_number(arg, UINT64_MAX, &a->count) != 0 ||
		    a->count == 0)
			return error_set(err, ERROR_USAGE,
			    "--count %s: not a number from 1 on", arg);
		return 0;
	case 'i':
		errno = 0;
		seconds = strtod(arg, &end);
		if (end == arg || *end != '\0' || errno != 0 ||
		    !(seconds >= 0 && seconds <= INTERVAL_MAX))
			return error_set(err, ERROR_USAGE,
			    "--interval %s: not seconds from 0 to %d", arg,
			    INTERVAL_MAX);
		a->interval = (uint64_t)(seconds * (double)CLOCK_S);
		return 0;
	default:
		a->quiet = true;
		return 0;
	}
}

static uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * CLOCK_S + (uint64_t)t.tv_nsec;
}

static void
failed(struct pinging *p, const struct error *err)
{
	if (p->err.class == ERROR_NONE)
		p->err = *err;
}

/* ": 0.123 ms", or what is wrong with the answer. */
static void
print_try(const struct pinging *p, const struct tries *t, uint64_t ns,
    const struct error *err)
{
	char text[LATENCY_TEXT];

	if (p->asked->quiet || p->asked->json)
		return;
	printf("%s %" PRIu64 ": %s ms%s%s\n", t->name, t->sent,
	    latency_text(text, ns), err == NULL ? "" : ": ",
	    err == NULL ? "" : err->text);
	fflush(stdout);
}

/* False: it cannot go on. */
static bool
try_nop(struct pinging *p)
{
	struct error err;
	uint64_t begin;

	p->nop.sent++;
	begin = clock_ns();
	if (client_ping(p->client, &err) < 0) {
		if (client_interrupted(p->client))
			p->nop.sent--;
		else
			failed(p, &err);
		return false;
	}
	begin = clock_ns() - begin;
	p->nop.answered++;
	latency_add(&p->nop.latency, begin);
	print_try(p, &p->nop, begin, NULL);
	return true;
}

/* An answer that is not GOOD is one all the same. */
static bool
try_ready(struct pinging *p)
{
	uint8_t cdb[CDB_MAX];
	struct error err;
	uint64_t begin;
	int result;

	cdb_test_unit_ready(cdb);
	p->ready.sent++;
	begin = clock_ns();
	result = client_read(p->client, p->lun, cdb, NULL, 0, NULL, &err);
	begin = clock_ns() - begin;
	if (client_interrupted(p->client)) {
		p->ready.sent--;
		return false;
	}
	if (result < 0)
		failed(p, &err);
	if (result < 0 && err.class != ERROR_IO)
		return false;
	p->ready.answered++;
	latency_add(&p->ready.latency, begin);
	print_try(p, &p->ready, begin, result < 0 ? &err : NULL);
	return true;
}

static void
ping_all(struct pinging *p)
{
	uint8_t cdb[CDB_MAX];
	uint64_t n, begin, took;

	/* What a new session is told first is not measured. */
	cdb_test_unit_ready(cdb);
	if (p->has_lun)
		(void)client_read(p->client, p->lun, cdb, NULL, 0, NULL, NULL);
	for (n = 1; !client_interrupted(p->client); n++) {
		begin = clock_ns();
		if (!try_nop(p) || (p->has_lun && !try_ready(p)) ||
		    n == p->asked->count)
			break;
		took = clock_ns() - begin;
		if (took < p->asked->interval)
			client_pause(p->client, p->asked->interval - took);
	}
}

/*
 * ---- the summary ----
 */

static void
print_tries(const struct tries *t)
{
	char min[LATENCY_TEXT], avg[LATENCY_TEXT], max[LATENCY_TEXT];
	char mdev[LATENCY_TEXT];

	printf("%s: %" PRIu64 " sent, %" PRIu64 " answered", t->name, t->sent,
	    t->answered);
	if (t->answered > 0)
		printf(", min/avg/max/mdev %s/%s/%s/%s ms",
		    latency_text(min, t->latency.min),
		    latency_text(avg, latency_mean(&t->latency)),
		    latency_text(max, t->latency.max),
		    latency_text(mdev, latency_deviation(&t->latency)));
	putchar('\n');
}

static void
describe_tries(
    struct json_object *parent, const char *key, const struct tries *t)
{
	struct json_object *o = json_object_new_object();

	report_int(o, "sent", t->sent);
	report_int(o, "answered", t->answered);
	if (t->answered > 0) {
		report_int(o, "min_ns", t->latency.min);
		report_int(o, "avg_ns", latency_mean(&t->latency));
		report_int(o, "max_ns", t->latency.max);
		report_int(o, "mdev_ns", latency_deviation(&t->latency));
	}
	json_object_object_add(parent, key, o);
}

static void
print_summary(const struct pinging *p)
{
	struct json_object *o;

	if (!p->asked->json) {
		print_tries(&p->nop);
		if (p->has_lun)
			print_tries(&p->ready);
		return;
	}
	o = json_object_new_object();
	if (p->has_lun)
		report_lun(o, "lun", p->lun);
	describe_tries(o, "nop_out", &p->nop);
	if (p->has_lun)
		describe_tries(o, "test_unit_ready", &p->ready);
	if (p->err.class != ERROR_NONE)
		report_text(o, "error", p->err.text);
	report_print(o, true);
	json_object_put(o);
}

static int
ping_open(
    struct pinging *p, struct options *o, const char *text, struct error *err)
{
	struct url *url = options_url(text, false, err);
	int result;

	if (url == NULL)
		return -1;
	p->has_lun = url->has_lun;
	result = client_open(o, url, &p->client, err);
	if (result == 0 && p->has_lun)
		result = client_find_lun(p->client, url->lun, &p->lun, err);
	url_wipe(url);
	if (result == 0)
		result = client_catch_signals(p->client);
	return result < 0 ? -1 : 0;
}

static int
ping(struct options *o, const char *url, const struct asked *a)
{
	struct pinging *p = calloc(1, sizeof(*p));
	struct error err;
	int code;

	error_set(&err, ERROR_FAILED, "out of memory");
	if (p == NULL)
		return command_fail(&err);
	p->asked = a;
	p->nop.name = "NOP-Out";
	p->ready.name = "TEST UNIT READY";
	latency_init(&p->nop.latency);
	latency_init(&p->ready.latency);
	if (ping_open(p, o, url, &err) < 0) {
		code = command_fail(&err);
	} else {
		ping_all(p);
		print_summary(p);
		code = command_done();
		if (p->err.class != ERROR_NONE)
			code = command_fail(&p->err);
	}
	client_close(p->client);
	free(p);
	return code;
}

static int
run(int argc, char **argv)
{
	struct asked a = { .interval = INTERVAL_DEFAULT };
	const struct command_line line = { .help = help,
		.groups = OPTIONS_SESSION | OPTIONS_JSON,
		.shorts = "c:i:q",
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
	code = ping(&o, argv[optind], &a);
	options_fini(&o);
	return code;
}

const struct command command_ping = {
	.name = "ping",
	.summary = "how long a target takes to answer",
	.run = run,
};
