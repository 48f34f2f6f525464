/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff - the arguments of `luntap diff`, and its exit code; diff_run.c does it.
 *
 * Scripts rely on exit code 1 for "they differ": a failure of class 1 ends with
 * 2, as it does in diff(1) and cmp(1).
 */
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/diff_impl.h"
#include "cmd/endpoint.h"
#include "cmd/transfer.h"

#define DIFFERENT 1 /* as diff_run() has it */
#define TROUBLE	  2

static const char help[] =
    "usage: luntap diff [OPTION]... A B\n\n"
    "Lists where the blocks of two sources differ, in lines OFFSET LENGTH.  "
    "Each is\n"
    "the URL of a LUN, a file, a block device, an NBD URI; one may be - for a "
    "pipe.\n\n"
    "options:\n"
    "      --range OFFSET:LENGTH    this part alone\n"
    "      --queue-depth N          requests in flight at each, 8 or more\n"
    "      --block-size SIZE        bytes of a request, 256K\n"
    "      --json                   an object\n"
    "      --progress auto|json     a bar on a terminal, or lines of JSON\n"
    "  -q, --quiet                  no bar\n" OPTIONS_SESSION_HELP
    "\nexit code: 0 they are the same, 1 they differ, 2 and above: trouble\n"
    "\nexamples:\n"
    "  luntap diff iscsi://nas.example/iqn.2026-01.org.example:disk/0 "
    "disk.img\n"
    "  zstd -dc disk.img.zst | luntap diff - \\\n"
    "      iscsi://nas.example/iqn.2026-01.org.example:disk/0\n";

enum { OPT_RANGE = OPTIONS_OWN, OPT_QUEUE_DEPTH, OPT_BLOCK_SIZE, OPT_PROGRESS };

static const struct option longs[] = {
	{ "range", required_argument, NULL, OPT_RANGE },
	{ "queue-depth", required_argument, NULL, OPT_QUEUE_DEPTH },
	{ "block-size", required_argument, NULL, OPT_BLOCK_SIZE },
	{ "progress", required_argument, NULL, OPT_PROGRESS },
	{ "quiet", no_argument, NULL, 'q' },
	{ 0 },
};

static int
take(void *ctx, int option, const char *arg, struct error *err)
{
	struct diff_arguments *a = ctx;

	switch (option) {
	case OPT_RANGE:
		a->has_range = true;
		return transfer_range(arg, &a->offset, &a->length, err);
	case OPT_QUEUE_DEPTH:
		return transfer_depth(arg, &a->depth, err);
	case OPT_BLOCK_SIZE:
		return transfer_chunk(arg, &a->chunk, err);
	case OPT_PROGRESS:
		return progress_take(&a->progress, arg, err);
	default: /* -q */
		a->progress = PROGRESS_QUIET;
		return 0;
	}
}

static int
check(const struct diff_arguments *a, struct error *err)
{
	if (endpoint_kind_of(a->text[0]) == ENDPOINT_STREAM &&
	    endpoint_kind_of(a->text[1]) == ENDPOINT_STREAM)
		return error_set(
		    err, ERROR_USAGE, "one of the two may be -, not both");
	return transfer_memory(2 * (uint64_t)a->chunk, a->depth, err);
}

static int
exit_code(int code)
{
	return code == DIFFERENT ? TROUBLE : code;
}

static int
compare(struct options *o, struct diff_arguments *args)
{
	struct error err;
	int signo, result;

	/* The bar and the list would be in each other's way. */
	if (args->progress == PROGRESS_AUTO && isatty(STDOUT_FILENO))
		args->progress = PROGRESS_QUIET;
	result = diff_run(o, args, &signo, &err);
	if (signo != 0) {
		error_set(&err, ERROR_FAILED, "stopped by a signal");
		command_fail(&err);
		return 128 + signo;
	}
	if (result < 0)
		return exit_code(command_fail(&err));
	return command_done() == 0 ? result : TROUBLE;
}

static int
run(int argc, char **argv)
{
	struct diff_arguments args = { .chunk = TRANSFER_CHUNK };
	const struct command_line line = {
		.help = help,
		.groups = OPTIONS_SESSION | OPTIONS_JSON,
		.shorts = "q",
		.longs = longs,
		.take = take,
		.ctx = &args,
		.operands_min = 2,
		.operands_max = 2,
	};
	struct options o;
	struct error err;
	int code;

	if (!options_parse(&o, &line, argc, argv, &code))
		return exit_code(code);
	args.text[0] = argv[optind];
	args.text[1] = argv[optind + 1];
	if (check(&args, &err) < 0)
		code = exit_code(command_fail(&err));
	else
		code = compare(&o, &args);
	options_fini(&o);
	return code;
}

const struct command command_diff = {
	.name = "diff",
	.summary = "where two LUNs, files or pipes differ",
	.run = run,
};
