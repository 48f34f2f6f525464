/* SPDX-License-Identifier: BSD-2-Clause */
/* readcapacity - the size of a LUN, and how it is divided. */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/client.h"
#include "cmd/cmd.h"
#include "cmd/report.h"

static const char help[] =
    "usage: luntap readcapacity [OPTION]... URL\n\n"
    "Prints the size of a LUN and of its blocks.\n\n"
    "URL is iscsi://[USER[%PASSWORD]@]HOST[:PORT]/TARGET/LUN"
    "[?KEY=VALUE...].\n\n"
    "options:\n"
    "      --bytes                  the size in bytes and nothing else\n"
    "      --json                   an object\n" OPTIONS_SESSION_HELP
    "\nexamples:\n"
    "  luntap readcapacity "
    "iscsi://nas.example/iqn.2026-01.org.example:disk/0\n"
    "  truncate -s \"$(luntap readcapacity --bytes \"$URL\")\" backup.img\n";

enum { OPT_BYTES = OPTIONS_OWN };

static const struct option longs[] = {
	{ "bytes", no_argument, NULL, OPT_BYTES },
	{ 0 },
};

static int
take(void *ctx, int option, const char *arg, struct error *err)
{
	bool *bytes = ctx;

	(void)option;
	(void)arg;
	(void)err;
	*bytes = true;
	return 0;
}

static struct json_object *
describe(uint64_t lun, const struct capacity *cap)
{
	struct json_object *o = json_object_new_object();

	report_lun(o, "lun", lun);
	report_int(o, "bytes", (cap->last_lba + 1) * cap->block_size);
	report_int(o, "block_size", cap->block_size);
	report_int(o, "blocks", cap->last_lba + 1);
	report_int(o, "physical_block_size",
	    (uint64_t)cap->block_size << cap->physical_exponent);
	report_int(o, "lowest_aligned_lba", cap->lowest_aligned_lba);
	report_bool(o, "thin", cap->lbpme);
	report_bool(o, "unmapped_reads_zero", cap->lbpme && cap->lbprz);
	report_int(
	    o, "protection_type", cap->prot_en ? (uint64_t)cap->p_type + 1 : 0);
	return o;
}

static int
readcapacity(struct options *o, const char *text, bool bytes, struct error *err)
{
	struct json_object *report;
	struct capacity cap;
	struct client *client;
	uint64_t lun;
	int result;

	if (client_open_lun(o, text, &client, &lun, err) < 0)
		return -1;
	result = client_capacity(client, lun, &cap, err);
	client_close(client);
	if (result < 0)
		return -1;
	if (bytes) {
		printf("%" PRIu64 "\n", (cap.last_lba + 1) * cap.block_size);
		return 0;
	}
	report = describe(lun, &cap);
	report_print(report, o->json);
	json_object_put(report);
	return 0;
}

static int
run(int argc, char **argv)
{
	bool bytes = false;
	const struct command_line line = {
		.help = help,
		.groups = OPTIONS_SESSION | OPTIONS_JSON,
		.longs = longs,
		.take = take,
		.ctx = &bytes,
		.operands_min = 1,
		.operands_max = 1,
	};
	struct options o;
	struct error err;
	int code;

	if (!options_parse(&o, &line, argc, argv, &code))
		return code;
	if (o.json && bytes) {
		error_set(
		    &err, ERROR_USAGE, "--json and --bytes exclude each other");
		code = command_fail(&err);
	} else if (readcapacity(&o, argv[optind], bytes, &err) < 0) {
		code = command_fail(&err);
	} else {
		code = command_done();
	}
	options_fini(&o);
	return code;
}

const struct command command_readcapacity = {
	.name = "readcapacity",
	.summary = "the size of a LUN",
	.run = run,
};
