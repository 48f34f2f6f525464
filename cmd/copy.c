/* SPDX-License-Identifier: BSD-2-Clause */
/* copy - the arguments of `luntap copy`; copy_run.c does it. */
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/copy_impl.h"

static const char help[] =
    "usage: luntap copy [OPTION]... SOURCE DESTINATION\n\n"
    "Copies blocks.  Each end is the URL of a LUN, a file, a block device, an "
    "NBD\n"
    "URI, or - for a pipe.\n\n"
    "options:\n"
    "      --sparse auto|always|never  what becomes of blocks of zeros\n"
    "      --assume-zero            the destination holds zeros already\n"
    "      --offload auto|never|require  have the target move the data\n"
    "      --range OFFSET:LENGTH    this part alone\n"
    "      --resume JOURNAL         go on where an earlier copy stopped\n"
    "      --verify                 read back and compare\n"
    "      --digest sha256|sha512|sha3-256  print that of the content\n"
    "      --manifest FILE          write a hash of each chunk\n"
    "      --base FILE              the manifest of what is there already\n"
    "      --on-error stop|skip     skip: zeros for what cannot be read\n"
    "      --mapfile FILE           the bad blocks, as ddrescue lists them\n"
    "      --rate-limit SIZE        bytes per second at the most\n"
    "      --queue-depth N          requests in flight, 8 or more\n"
    "      --block-size SIZE        bytes of a request, 256K or more\n"
    "      --progress auto|json     a bar on a terminal, or lines of JSON\n"
    "  -q, --quiet                  no bar\n"
    "      --force                  overwrite a file whatever it "
    "is\n" OPTIONS_SESSION_HELP "\nexamples:\n"
    "  luntap copy iscsi://nas.example/iqn.2026-01.org.example:disk/0 "
    "disk.img\n"
    "  luntap copy --resume disk.journal --verify disk.img \\\n"
    "      iscsi://nas.example/iqn.2026-01.org.example:disk/0\n"
    "  luntap copy iscsi://nas.example/iqn.2026-01.org.example:disk/0 - |\n"
    "      zstd > disk.img.zst\n";

enum {
	OPT_SPARSE = OPTIONS_OWN,
	OPT_ASSUME_ZERO,
	OPT_OFFLOAD,
	OPT_RANGE,
	OPT_RESUME,
	OPT_VERIFY,
	OPT_DIGEST,
	OPT_MANIFEST,
	OPT_BASE,
	OPT_ON_ERROR,
	OPT_MAPFILE,
	OPT_RATE_LIMIT,
	OPT_QUEUE_DEPTH,
	OPT_BLOCK_SIZE,
	OPT_PROGRESS,
	OPT_FORCE
};

static const struct option longs[] = {
	{ "sparse", required_argument, NULL, OPT_SPARSE },
	{ "assume-zero", no_argument, NULL, OPT_ASSUME_ZERO },
	{ "offload", required_argument, NULL, OPT_OFFLOAD },
	{ "range", required_argument, NULL, OPT_RANGE },
	{ "resume", required_argument, NULL, OPT_RESUME },
	{ "verify", no_argument, NULL, OPT_VERIFY },
	{ "digest", required_argument, NULL, OPT_DIGEST },
	{ "manifest", required_argument, NULL, OPT_MANIFEST },
	{ "base", required_argument, NULL, OPT_BASE },
	{ "on-error", required_argument, NULL, OPT_ON_ERROR },
	{ "mapfile", required_argument, NULL, OPT_MAPFILE },
	{ "rate-limit", required_argument, NULL, OPT_RATE_LIMIT },
	{ "queue-depth", required_argument, NULL, OPT_QUEUE_DEPTH },
	{ "block-size", required_argument, NULL, OPT_BLOCK_SIZE },
	{ "progress", required_argument, NULL, OPT_PROGRESS },
	{ "quiet", no_argument, NULL, 'q' },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ 0 },
};

/* ---- values ---- */

/* The place of arg among names, or -1 with err. */
static int
take_word(const char *option, const char *arg, const char *const *names,
    const char *list, struct error *err)
{
	int i;

	for (i = 0; names[i] != NULL; i++)
		if (strcmp(arg, names[i]) == 0)
			return i;
	return error_set(
	    err, ERROR_USAGE, "%s %s: %s is wanted", option, arg, list);
}

static int
take_sparse(struct copy_arguments *a, const char *arg, struct error *err)
{
	static const char *const names[] = {
		[COPY_SPARSE_AUTO] = "auto",
		[COPY_SPARSE_ALWAYS] = "always",
		[COPY_SPARSE_NEVER] = "never",
		NULL,
	};
	int i = take_word("--sparse", arg, names, "auto, always or never", err);

	if (i >= 0)
		a->sparse = (enum copy_sparse)i;
	return i < 0 ? -1 : 0;
}

static int
take_offload(struct copy_arguments *a, const char *arg, struct error *err)
{
	static const char *const names[] = {
		[COPY_OFFLOAD_NEVER] = "never",
		[COPY_OFFLOAD_AUTO] = "auto",
		[COPY_OFFLOAD_REQUIRE] = "require",
		NULL,
	};
	int i =
	    take_word("--offload", arg, names, "auto, never or require", err);

	if (i >= 0)
		a->offload = (enum copy_offload)i;
	return i < 0 ? -1 : 0;
}

static int
take_digest(struct copy_arguments *a, const char *arg, struct error *err)
{
	static const char *const names[] = { "sha256", "sha512", "sha3-256",
		NULL };
	static const enum hash_alg algs[] = { HASH_SHA256, HASH_SHA512,
		HASH_SHA3_256 };
	int i = take_word(
	    "--digest", arg, names, "sha256, sha512 or sha3-256", err);

	if (i < 0)
		return -1;
	a->has_digest = true;
	a->digest = algs[i];
	return 0;
}

static int
take_on_error(struct copy_arguments *a, const char *arg, struct error *err)
{
	static const char *const names[] = { "stop", "skip", NULL };
	int i = take_word("--on-error", arg, names, "stop or skip", err);

	a->skip_errors = i == 1;
	return i < 0 ? -1 : 0;
}

static int
take(void *ctx, int option, const char *arg, struct error *err)
{
	struct copy_arguments *a = ctx;

	switch (option) {
	case OPT_SPARSE:
		return take_sparse(a, arg, err);
	case OPT_ASSUME_ZERO:
		a->assume_zero = true;
		return 0;
	case OPT_OFFLOAD:
		return take_offload(a, arg, err);
	case OPT_RANGE:
		a->has_range = true;
		return transfer_range(arg, &a->offset, &a->length, err);
	case OPT_RESUME:
		a->journal = arg;
		return 0;
	case OPT_VERIFY:
		a->verify = true;
		return 0;
	case OPT_DIGEST:
		return take_digest(a, arg, err);
	case OPT_MANIFEST:
		a->manifest = arg;
		return 0;
	case OPT_BASE:
		a->base = arg;
		return 0;
	case OPT_ON_ERROR:
		return take_on_error(a, arg, err);
	case OPT_MAPFILE:
		a->mapfile = arg;
		return 0;
	case OPT_RATE_LIMIT:
		return transfer_size(
		    "--rate-limit", arg, 1, UINT64_MAX, &a->rate, err);
	case OPT_QUEUE_DEPTH:
		return transfer_depth(arg, &a->depth, err);
	case OPT_BLOCK_SIZE:
		return transfer_chunk(arg, &a->chunk, err);
	case OPT_PROGRESS:
		return progress_take(&a->progress, arg, err);
	case OPT_FORCE:
		a->force = true;
		return 0;
	default: /* -q */
		a->progress = PROGRESS_QUIET;
		return 0;
	}
}

/* What does not go together. */
static int
check(const struct copy_arguments *a, struct error *err)
{
	bool from = endpoint_kind_of(a->source) == ENDPOINT_STREAM;
	bool to = endpoint_kind_of(a->destination) == ENDPOINT_STREAM;
	bool reads = a->has_digest || a->manifest != NULL || a->base != NULL;

	if (a->journal != NULL && (from || to))
		return error_set(err, ERROR_USAGE,
		    "--resume: a pipe cannot go on where it stopped");
	if (to && a->verify)
		return error_set(err, ERROR_USAGE,
		    "--verify: what went into a pipe cannot be read back");
	if (to && a->base != NULL)
		return error_set(err, ERROR_USAGE,
		    "--base: a pipe holds nothing that could stay");
	if (from && (a->manifest != NULL || a->base != NULL))
		return error_set(err, ERROR_USAGE,
		    "--manifest and --base want a source whose size is known");
	if (a->offload == COPY_OFFLOAD_REQUIRE && reads)
		return error_set(err, ERROR_USAGE,
		    "--offload require: --digest, --manifest and --base need "
		    "the data here");
	if (a->offload == COPY_OFFLOAD_REQUIRE &&
	    (endpoint_kind_of(a->source) != ENDPOINT_LUN ||
		endpoint_kind_of(a->destination) != ENDPOINT_LUN))
		return error_set(err, ERROR_USAGE,
		    "--offload require: both ends have to be LUNs");
	if (a->journal != NULL && a->skip_errors && a->mapfile == NULL)
		return error_set(err, ERROR_USAGE,
		    "--resume with --on-error skip wants --mapfile, or blocks "
		    "that an earlier run could not read are forgotten");
	if (a->mapfile != NULL && !a->skip_errors)
		return error_set(
		    err, ERROR_USAGE, "--mapfile wants --on-error skip");
	if (a->assume_zero && a->base != NULL)
		return error_set(err, ERROR_USAGE,
		    "--base and --assume-zero: the destination holds either an "
		    "older copy or zeros");
	return transfer_memory(a->chunk, a->depth, err);
}

static int
run(int argc, char **argv)
{
	struct copy_arguments args = { .offload = COPY_OFFLOAD_AUTO };
	const struct command_line line = {
		.help = help,
		.groups = OPTIONS_SESSION,
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
		return code;
	args.source = argv[optind];
	args.destination = argv[optind + 1];
	if (check(&args, &err) < 0)
		code = command_fail(&err);
	else
		code = copy_run(&o, &args);
	options_fini(&o);
	return code;
}

const struct command command_copy = {
	.name = "copy",
	.summary = "blocks between LUNs, files, pipes and NBD",
	.run = run,
};
