/* SPDX-License-Identifier: BSD-2-Clause */
/* inquiry - what a LUN says of itself: standard data, VPD pages. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/client.h"
#include "cmd/cmd.h"
#include "cmd/report.h"
#include "cmd/vpd.h"

/* The first try at a page fits the ALLOCATION LENGTH of SCSI-2, which had one
 * byte; a longer page is asked for again. */
#define ROOM_FIRST 255
#define ROOM_MAX   (UINT16_MAX)

static const char help[] =
    "usage: luntap inquiry [OPTION]... URL\n"
    "       luntap inquiry --from FILE [--vpd PAGE] [--json]\n\n"
    "Prints the INQUIRY data of a LUN, or its vital product data pages.\n\n"
    "URL is iscsi://[USER[%PASSWORD]@]HOST[:PORT]/TARGET/LUN"
    "[?KEY=VALUE...].\n\n"
    "options:\n"
    "      --vpd PAGE               this page, in hexadecimal; decoded are\n"
    "                               00 80 83-88 8f b0 b1 b2\n"
    "      --all                    standard data and every page\n"
    "      --from FILE              what --raw has written; - is standard "
    "input\n"
    "      --json                   an object\n"
    "      --raw                    the bytes as the target sent "
    "them\n" OPTIONS_SESSION_HELP "\nexamples:\n"
    "  luntap inquiry iscsi://nas.example/iqn.2026-01.org.example:disk/0\n"
    "  luntap inquiry --vpd b0 "
    "iscsi://nas.example/iqn.2026-01.org.example:disk/0\n";

enum { OPT_VPD = OPTIONS_OWN, OPT_ALL, OPT_RAW, OPT_FROM };

static const struct option longs[] = {
	{ "vpd", required_argument, NULL, OPT_VPD },
	{ "all", no_argument, NULL, OPT_ALL },
	{ "raw", no_argument, NULL, OPT_RAW },
	{ "from", required_argument, NULL, OPT_FROM },
	{ 0 },
};

struct asked {
	bool vpd;
	uint8_t page;
	bool all;
	bool raw;
	bool json;
	const char *from; /* a file instead of a LUN */
};

/* One LUN being asked. */
struct subject {
	struct client *client;
	uint64_t lun;
	uint8_t *buf; /* ROOM_MAX bytes */
	int code;     /* of the first page that failed, for --all */
};

static int
take(void *ctx, int option, const char *arg, struct error *err)
{
	struct asked *a = ctx;
	unsigned long page;
	char *end;

	switch (option) {
	case OPT_VPD:
		page = strtoul(arg, &end, 16);
		if (end == arg || *end != '\0' || page > 0xff ||
		    strpbrk(arg, "+-") != NULL)
			return error_set(err, ERROR_USAGE,
			    "--vpd %s: a page is two hexadecimal digits", arg);
		a->vpd = true;
		a->page = (uint8_t)page;
		break;
	case OPT_ALL:
		a->all = true;
		break;
	case OPT_FROM:
		a->from = arg;
		break;
	default:
		a->raw = true;
		break;
	}
	return 0;
}

/*
 * ---- reading ----
 */

static int
read_standard(struct subject *s, struct inquiry *ret, struct error *err)
{
	uint8_t cdb[CDB_MAX];
	int n;

	cdb_inquiry(cdb, ROOM_FIRST);
	n = client_read(s->client, s->lun, cdb, s->buf, ROOM_FIRST, NULL, err);
	if (n >= 0 && inquiry_get(s->buf, (size_t)n, ret) < 0)
		return error_set(
		    err, ERROR_IO, "the answer to INQUIRY makes no sense");
	return n;
}

static int
read_page(struct subject *s, uint8_t page, struct error *err)
{
	uint32_t room = ROOM_FIRST, want;
	uint8_t cdb[CDB_MAX];
	struct sense sense;
	struct error why;
	struct vpd v;
	int n;

	for (;;) {
		cdb_inquiry_vpd(cdb, page, (uint16_t)room);
		n = client_read(
		    s->client, s->lun, cdb, s->buf, room, &sense, &why);
		if (n < 0)
			return error_set(err, why.class, "VPD page %02x: %s%s",
			    page, why.text,
			    sense.key == SENSE_ILLEGAL_REQUEST
				? "; --vpd 00 shows which there are"
				: "");
		if (vpd_get(s->buf, (size_t)n, &v) < 0 || v.page != page)
			return error_set(err, ERROR_IO,
			    "VPD page %02x: the answer is not that page", page);
		want = (uint32_t)v.page_len + VPD_HEADER_LEN;
		if (want <= room || room == ROOM_MAX)
			return n;
		room = want < ROOM_MAX ? want : ROOM_MAX;
	}
}

/*
 * ---- reporting ----
 */

static int
add_page(struct subject *s, uint8_t page, struct json_object *pages,
    struct error *err)
{
	struct json_object *o;
	char key[4];
	int n;

	n = read_page(s, page, err);
	if (n < 0)
		return -1;
	o = json_object_new_object();
	vpd_describe(o, page, s->buf, (size_t)n);
	snprintf(key, sizeof(key), "%02x", page);
	json_object_object_add(pages, key, o);
	return 0;
}

/* A page that fails although page 00 names it does not hide the others. */
static int
add_all_pages(struct subject *s, struct json_object *pages, struct error *err)
{
	struct vpd_supported supported;
	int i, n;

	n = read_page(s, VPD_SUPPORTED_PAGES, err);
	if (n < 0)
		return -1;
	(void)vpd_supported_get(s->buf, (size_t)n, &supported);
	for (i = 0; i < supported.n; i++)
		if (add_page(s, supported.pages[i], pages, err) < 0) {
			n = command_fail(err);
			s->code = s->code == 0 ? n : s->code;
		}
	return 0;
}

static int
report(struct subject *s, const struct asked *a, struct error *err)
{
	struct json_object *o = json_object_new_object();
	struct json_object *pages = json_object_new_object();
	bool standard = a->json || !a->vpd;
	struct inquiry q;
	int result = 0;

	if (standard) {
		result = read_standard(s, &q, err);
		if (result >= 0) {
			report_lun(o, "lun", s->lun);
			inquiry_describe(o, &q, s->buf, (size_t)result);
		}
	}
	if (result >= 0 && a->all)
		result = add_all_pages(s, pages, err);
	else if (result >= 0 && a->vpd)
		result = add_page(s, a->page, pages, err);
	if (a->json || json_object_object_length(pages) > 0)
		json_object_object_add(o, "vpd", pages);
	else
		json_object_put(pages);
	if (result >= 0)
		report_print(o, a->json);
	json_object_put(o);
	return result < 0 ? -1 : 0;
}

static int
raw(struct subject *s, const struct asked *a, struct error *err)
{
	struct inquiry q;
	int n;

	n = a->vpd ? read_page(s, a->page, err) : read_standard(s, &q, err);
	if (n < 0)
		return -1;
	fwrite(s->buf, 1, (size_t)n, stdout);
	return 0;
}

/* The bytes of a file: how many. */
static int
read_file(struct subject *s, const char *name, struct error *err)
{
	FILE *f = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	size_t n = 0;
	int error = f == NULL ? errno : 0;

	if (f != NULL) {
		n = fread(s->buf, 1, ROOM_MAX, f);
		error = ferror(f) ? errno : 0;
		if (f != stdin)
			fclose(f);
	}
	if (error != 0)
		return error_set(
		    err, ERROR_FAILED, "%s: %s", name, strerror(error));
	return (int)n;
}

static int
report_file(struct subject *s, const struct asked *a, struct error *err)
{
	struct json_object *o = json_object_new_object();
	struct inquiry q;
	struct vpd v;
	int n = read_file(s, a->from, err), result = n;

	if (n >= 0 && a->vpd) {
		if (vpd_get(s->buf, (size_t)n, &v) < 0 || v.page != a->page)
			result = error_set(err, ERROR_FAILED,
			    "%s: not VPD page %02x", a->from, a->page);
		else
			vpd_describe(o, a->page, s->buf, (size_t)n);
	} else if (n >= 0) {
		if (inquiry_get(s->buf, (size_t)n, &q) < 0)
			result = error_set(err, ERROR_FAILED,
			    "%s: too short for INQUIRY data", a->from);
		else
			inquiry_describe(o, &q, s->buf, (size_t)n);
	}
	if (result >= 0)
		report_print(o, a->json);
	json_object_put(o);
	return result < 0 ? -1 : 0;
}

static int
ask(struct subject *s, struct options *o, const char *url,
    const struct asked *a, struct error *err)
{
	if (client_open_lun(o, url, &s->client, &s->lun, err) < 0)
		return -1;
	return a->raw ? raw(s, a, err) : report(s, a, err);
}

static int
inquiry(struct options *o, const char *url, const struct asked *a)
{
	struct subject s = { .buf = malloc(ROOM_MAX) };
	struct error err;
	int result;

	if (s.buf == NULL)
		result = error_set(&err, ERROR_FAILED, "out of memory");
	else if (a->from != NULL)
		result = report_file(&s, a, &err);
	else
		result = ask(&s, o, url, a, &err);
	client_close(s.client);
	free(s.buf);
	if (result < 0)
		return command_fail(&err);
	result = command_done();
	return s.code != 0 ? s.code : result;
}

static int
check(const struct asked *a, bool url, struct error *err)
{
	if ((a->vpd && a->all) || (a->raw && (a->json || a->all)))
		return error_set(err, ERROR_USAGE, "%s exclude each other",
		    a->vpd && a->all ? "--vpd and --all"
		    : a->json	     ? "--raw and --json"
				     : "--raw and --all");
	if (a->from != NULL && (url || a->all || a->raw))
		return error_set(err, ERROR_USAGE, "--from FILE excludes %s",
		    url	     ? "a URL"
		    : a->all ? "--all"
			     : "--raw");
	if (a->from == NULL && !url)
		return error_set(err, ERROR_USAGE,
		    "the URL of a LUN is missing (luntap inquiry --help tells "
		    "more)");
	return 0;
}

static int
run(int argc, char **argv)
{
	struct asked a = { 0 };
	const struct command_line line = {
		.help = help,
		.groups = OPTIONS_SESSION | OPTIONS_JSON,
		.longs = longs,
		.take = take,
		.ctx = &a,
		.operands_min = 0,
		.operands_max = 1,
	};
	struct options o;
	struct error err;
	int code;

	if (!options_parse(&o, &line, argc, argv, &code))
		return code;
	a.json = o.json;
	if (check(&a, optind < argc, &err) < 0)
		code = command_fail(&err);
	else
		code = inquiry(&o, argv[optind], &a);
	options_fini(&o);
	return code;
}

const struct command command_inquiry = {
	.name = "inquiry",
	.summary = "what a LUN says of itself",
	.run = run,
};
