/* SPDX-License-Identifier: BSD-2-Clause */
/* target - serves files and memory as the LUNs of an iSCSI target, in the
 * foreground, until a signal ends it. */
#include <sys/stat.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block/file.h"
#include "block/mem.h"
#include "cmd/cmd.h"
#include "cmd/fault.h"
#include "cmd/options.h"
#include "io/random.h"
#include "io/server.h"
#include "target/target.h"

#define DEFAULT_LISTEN "127.0.0.1:3260"
#define DEFAULT_NAME   "iqn.2026-01.localhost.luntap:target"
#define BLOCK_MIN      512u
#define BLOCK_MAX      4096u

static const char help[] =
    "usage: luntap target [OPTION]... LUN[,LUNOPTION]...\n\n"
    "Serves LUNs by iSCSI until SIGTERM or SIGINT.  LUN is a file, a block\n"
    "device, or ram:SIZE (K, M, G: binary); they are numbered from 0.  Prints\n"
    "one URL for each LUN when it is ready.\n\n"
    "options:\n"
    "      --listen ADDR:PORT       127.0.0.1:3260; port 0 takes a free one\n"
    "      --name IQN               of the target\n"
    "      --block-size BYTES       512 (default) to 4096\n"
    "      --thin                   unmapped blocks, holes\n"
    "      --read-only              refuse writes\n"
    "      --inject FAULT           read-error=LBA[+COUNT], not-ready,\n"
    "                               write-error=LBA[+COUNT]; repeatable\n"
    "      --initiator NAME         let only this one in; repeatable\n"
    "      --chap-secret-file FILE  demand CHAP; one line: user password\n"
    "                               [target_user target_password]\n"
    "      --header-digest LIST     none, crc32c, best first\n"
    "      --data-digest LIST       the same\n"
    "      --log-file FILE          instead of stderr\n"
    "  -v, --verbose                say more; twice: much more\n"
    "  -h, --help                   this\n\n"
    "LUN options: block-size=BYTES, thin, read-only, inject=FAULT\n\n"
    "examples:\n"
    "  luntap target --thin ram:256M\n"
    "  luntap target --listen 127.0.0.1:0 disk.img,block-size=4096,read-only\n";

struct command_options {
	const char *listen_at;
	const char *name;
	struct lu_config lun; /* for those that say nothing else; block_size 0:
				 not given */
	const char *acl[TARGET_ACL_MAX];
	unsigned acl_n;
};

/* All that lives while it serves. */
struct serving {
	const struct log *log;
	struct loop *loop;
	struct target *target;
	unsigned luns;
	struct server *server;
};

/* ---- options ---- */

static int
take_block_size(const char *text, uint32_t *ret, struct error *err)
{
	uint64_t size;

	if (options_size(text, &size) != 0 || size < BLOCK_MIN ||
	    size > BLOCK_MAX || (size & (size - 1)) != 0)
		return error_set(err, ERROR_USAGE,
		    "block size \"%s\": not 512, 1024, 2048 or 4096", text);
	*ret = (uint32_t)size;
	return 0;
}

enum {
	OPTION_LISTEN = OPTIONS_OWN,
	OPTION_NAME,
	OPTION_BLOCK_SIZE,
	OPTION_THIN,
	OPTION_READ_ONLY,
	OPTION_INJECT,
	OPTION_INITIATOR
};

static const struct option longs[] = {
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ "name", required_argument, NULL, OPTION_NAME },
	{ "block-size", required_argument, NULL, OPTION_BLOCK_SIZE },
	{ "thin", no_argument, NULL, OPTION_THIN },
	{ "read-only", no_argument, NULL, OPTION_READ_ONLY },
	{ "inject", required_argument, NULL, OPTION_INJECT },
	{ "initiator", required_argument, NULL, OPTION_INITIATOR },
	{ 0 },
};

static int
take(void *ctx, int option, const char *arg, struct error *err)
{
	struct command_options *mine = ctx;

	switch (option) {
	case OPTION_LISTEN:
		mine->listen_at = arg;
		return 0;
	case OPTION_NAME:
		mine->name = arg;
		return name_check(arg, "target", err) == 0 ? 0 : -1;
	case OPTION_BLOCK_SIZE:
		return take_block_size(arg, &mine->lun.block_size, err);
	case OPTION_THIN:
		mine->lun.thin = true;
		return 0;
	case OPTION_READ_ONLY:
		mine->lun.read_only = true;
		return 0;
	case OPTION_INJECT:
		return fault_add(&mine->lun, arg, err);
	default: /* OPTION_INITIATOR */
		if (name_check(arg, "initiator", err) != 0)
			return -1;
		if (mine->acl_n == TARGET_ACL_MAX)
			return error_set(err, ERROR_USAGE,
			    "--initiator: more than %d names", TARGET_ACL_MAX);
		mine->acl[mine->acl_n++] = arg;
		return 0;
	}
}

/* What stands behind the first comma of a LUN. */
static int
take_lun_options(char *text, struct lu_config *ret, struct error *err)
{
	static const char size_key[] = "block-size=", fault_key[] = "inject=";
	char *save = NULL;
	int result = 0;

	for (char *word = strtok_r(text, ",", &save);
	     word != NULL && result == 0; word = strtok_r(NULL, ",", &save)) {
		if (strcmp(word, "thin") == 0)
			ret->thin = true;
		else if (strcmp(word, "read-only") == 0)
			ret->read_only = true;
		else if (strncmp(word, size_key, sizeof(size_key) - 1) == 0)
			result = take_block_size(
			    word + sizeof(size_key) - 1, &ret->block_size, err);
		else if (strncmp(word, fault_key, sizeof(fault_key) - 1) == 0)
			result =
			    fault_add(ret, word + sizeof(fault_key) - 1, err);
		else
			result = error_set(err, ERROR_USAGE,
			    "LUN option \"%s\": not one of block-size=BYTES, "
			    "thin, read-only, inject=FAULT",
			    word);
	}
	return result;
}

/* ---- LUNs ---- */

static int
open_ram(struct loop *loop, const char *size_text, uint32_t block_size,
    struct bdev **ret, struct error *err)
{
	uint64_t size = 0;
	int error = options_size(size_text, &size);

	if (block_size == 0)
		block_size = BLOCK_MIN;
	if (error != 0) {
		error_set(err, ERROR_USAGE, "ram:%s: not a size (256M, 1G)",
		    size_text);
		return -1;
	}
	error = mem_open(loop, size, block_size, ret);
	if (error == 0)
		return 0;
	if (error == -EINVAL)
		error_set(err, ERROR_USAGE,
		    "ram:%s: a multiple of the block size, %u, is wanted",
		    size_text, block_size);
	else
		error_set(err, ERROR_FAILED, "ram:%s: %s", size_text,
		    strerror(-error));
	return -1;
}

static void
warn_of_rest(const struct serving *s, const char *file, uint64_t served)
{
	struct stat st;

	if (stat(file, &st) == 0 && S_ISREG(st.st_mode) &&
	    (uint64_t)st.st_size > served)
		log_warn(s->log,
		    "%s: its last %" PRIu64
		    " bytes are less than a block and left out",
		    file, (uint64_t)st.st_size - served);
}

static int
add_lun(struct serving *s, const char *what, struct lu_config config,
    struct error *err)
{
	struct bdev *bdev = NULL;
	int error;

	if (strncmp(what, "ram:", 4) == 0)
		error =
		    open_ram(s->loop, what + 4, config.block_size, &bdev, err);
	else
		error = file_open(s->loop, what, config.read_only,
		    config.block_size, &bdev, err);
	if (error != 0)
		return -1;
	if (strncmp(what, "ram:", 4) != 0)
		warn_of_rest(s, what, bdev->size);
	config.block_size = bdev->block_size;
	error = target_add_lun(s->target, bdev, &config);
	if (error != 0) {
		bdev->ops->close(bdev);
		return error_set(err, ERROR_FAILED, "LUN %u, %s: %s", s->luns,
		    what, error == -ENOSPC ? "one too many" : strerror(-error));
	}
	s->luns++;
	return 0;
}

static int
add_luns(struct serving *s, const struct command_options *mine, char **operand,
    struct error *err)
{
	for (; *operand != NULL; operand++) {
		struct lu_config config = mine->lun;
		char *what = strdup(*operand);
		char *comma;
		int error = 0;

		if (what == NULL) {
			error_set(err, ERROR_FAILED, "%s", strerror(ENOMEM));
			return -1;
		}
		comma = strchr(what, ',');
		if (comma != NULL) {
			*comma = '\0';
			error = take_lun_options(comma + 1, &config, err);
		}
		if (error == 0)
			error = add_lun(s, what, config, err);
		free(what);
		if (error != 0)
			return -1;
	}
	return 0;
}

/* ---- serving ---- */

static void
got_signal(void *ctx, int signo)
{
	struct serving *s = ctx;

	log_info(s->log, "%s: ending", strsignal(signo));
	loop_stop(s->loop, 0);
}

static int
serving_listen(struct serving *s, const char *text, struct error *err)
{
	const struct server_config config = {
		.engine = &target_engine,
		.engine_ctx = s->target,
		.log = s->log,
	};
	const struct listen_at at = {
		.kind = LISTEN_TCP,
		.text = text,
		.port = ISCSI_PORT,
	};

	s->server = server_new(s->loop, &config);
	if (s->server == NULL)
		return error_set(
		    err, ERROR_FAILED, "cannot start: %s", strerror(ENOMEM));
	return server_listen(s->server, &at, err);
}

static int
serving_begin(struct serving *s, const struct options *o,
    const struct command_options *mine, char **operands, struct error *err)
{
	struct target_config config = { .auth = o->auth,
		.acl_n = mine->acl_n,
		.random = random_bytes,
		.log = &o->sink.log };
	int error;

	s->log = &o->sink.log;
	snprintf(config.name, sizeof(config.name), "%s", mine->name);
	memcpy(config.acl, mine->acl, sizeof(config.acl));
	params_default(&config.offer);
	if (o->header_digest.n != 0)
		config.offer.header_digest = o->header_digest;
	if (o->data_digest.n != 0)
		config.offer.data_digest = o->data_digest;

	/* A peer that goes away, or a reader of our output. */
	signal(SIGPIPE, SIG_IGN);
	error = loop_new(&s->loop);
	if (error == 0)
		error = loop_signal(s->loop, SIGTERM, got_signal, s);
	if (error == 0)
		error = loop_signal(s->loop, SIGINT, got_signal, s);
	if (error == 0) {
		s->target = target_new(&config);
		error = s->target == NULL ? -ENOMEM : 0;
	}
	if (error != 0)
		return error_set(
		    err, ERROR_FAILED, "cannot start: %s", strerror(-error));
	if (add_luns(s, mine, operands, err) == -1)
		return -1;
	return serving_listen(s, mine->listen_at, err);
}

static void
serving_end(struct serving *s)
{
	server_free(s->server);
	if (s->loop != NULL)
		loop_drain(s->loop); /* what the LUNs are still busy with */
	target_free(s->target);
	loop_free(s->loop);
}

/* No character that a name may have means anything in a URL. */
static void
print_urls(const struct serving *s, const char *name)
{
	for (unsigned lun = 0; lun < s->luns; lun++)
		printf("iscsi://%s/%s/%u\n", server_address(s->server, 0), name,
		    lun);
}

static int
run(int argc, char **argv)
{
	struct command_options mine = { .listen_at = DEFAULT_LISTEN,
		.name = DEFAULT_NAME };
	const struct command_line line = { .help = help,
		.groups = OPTIONS_CHAP | OPTIONS_DIGEST | OPTIONS_LOG,
		.longs = longs,
		.take = take,
		.ctx = &mine,
		.operands_min = 1,
		.operands_max = TARGET_LUNS_MAX };
	struct serving serving = { 0 };
	struct options o;
	struct error err;
	int code;

	if (!options_parse(&o, &line, argc, argv, &code))
		return code;
	if (serving_begin(&serving, &o, &mine, argv + optind, &err) == -1) {
		code = command_fail(&err);
	} else {
		print_urls(&serving, mine.name);
		code = command_done();
		if (code == 0 && loop_run(serving.loop) != 0)
			code = ERROR_FAILED;
	}
	serving_end(&serving);
	options_fini(&o);
	return code;
}

const struct command command_target = {
	.name = "target",
	.summary = "serve files and memory as an iSCSI target",
	.run = run,
};
