/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mount - the LUNs of a target as raw image files: takes the arguments apart and
 * has front/mount.h served.
 */
#include <sys/stat.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/mountpoint.h"
#include "cmd/options.h"
#include "cmd/serve.h"
#include "front/fuse.h"
#include "front/mount.h"
#include "io/daemon.h"

static const char help[] =
    "usage: luntap mount [OPTION]... URL MOUNTPOINT\n\n"
    "Shows the disks of a target as files in the folder MOUNTPOINT: lun-0, "
    "lun-1, ...\n"
    "URL is iscsi://[USER[%PASSWORD]@]HOST[:PORT]/TARGET[/LUN]; with a LUN, "
    "that one\n"
    "alone, and MOUNTPOINT may be a regular file.\n\n"
    "options:\n"
    "  -f                           stay in the foreground\n"
    "      --read-only              the files cannot be written\n"
    "  -o OPTION[,OPTION]...        of FUSE: allow_other, ro, ...\n"
    "      --pidfile FILE           the server's process "
    "number\n" OPTIONS_SESSION_HELP "\nexamples:\n"
    "  luntap mount iscsi://nas.example/iqn.2026-01.org.example:disk ~/disks\n"
    "  luntap mount iscsi://nas.example/iqn.2026-01.org.example:disk/3 "
    "disk.img\n"
    "  luntap unmount ~/disks\n";

enum { OPTION_READ_ONLY = OPTIONS_OWN, OPTION_PIDFILE };

static const struct option longs[] = {
	{ "read-only", no_argument, NULL, OPTION_READ_ONLY },
	{ "pidfile", required_argument, NULL, OPTION_PIDFILE },
	{ 0 },
};

struct arguments {
	bool foreground;
	bool read_only;
	char *fuse_options; /* of all -o, with commas; NULL: none */
	const char *pidfile;
};

/* What is served. */
struct mounting {
	struct mount_config config;
	struct mount *mount;
};

static int
take(void *ctx, int option, const char *arg, struct error *err)
{
	struct arguments *args = ctx;
	char *joined;

	switch (option) {
	case 'f':
		args->foreground = true;
		return 0;
	case OPTION_READ_ONLY:
		args->read_only = true;
		return 0;
	case OPTION_PIDFILE:
		args->pidfile = arg;
		return 0;
	default: /* -o, once or more */
		if (asprintf(&joined, "%s%s%s",
			args->fuse_options == NULL ? "" : args->fuse_options,
			args->fuse_options == NULL ? "" : ",", arg) < 0)
			return error_set(err, ERROR_FAILED, "out of memory");
		free(args->fuse_options);
		args->fuse_options = joined;
		return 0;
	}
}

/* ---- what is served ---- */

static int
mounting_start(void *ctx, struct serve *serve, struct error *err)
{
	struct mounting *m = ctx;

	m->config.note = serve_note;
	m->config.ready = serve_ready;
	m->config.busy = serve_busy;
	m->config.ended = serve_ended;
	m->config.ctx = serve;
	return mount_new(serve_loop(serve), &m->config, &m->mount, err);
}

static void
mounting_stop(void *ctx)
{
	struct mounting *m = ctx;

	mount_stop(m->mount);
}

static void
mounting_status(void *ctx, struct json_object *into)
{
	struct mounting *m = ctx;
	struct mount_status st;

	mount_status(m->mount, &st);
	json_object_object_add(
	    into, "mountpoint", json_object_new_string(m->config.mountpoint));
	serve_status(
	    into, &st.disks, st.in_flight, st.read_bytes, st.written_bytes);
}

static void
mounting_free(void *ctx)
{
	struct mounting *m = ctx;

	mount_free(m->mount);
}

static const struct serve_ops mounting_ops = {
	.start = mounting_start,
	.stop = mounting_stop,
	.status = mounting_status,
	.free = mounting_free,
};

/* ---- the command ---- */

/* Where to mount, with what a killed server left there taken away. */
static int
prepare(const struct url *url, const char *path, char **ret, bool *ret_single,
    struct error *err)
{
	char *mountpoint = mountpoint_resolve(path);
	struct stat st;
	int result = 0;

	if (mountpoint == NULL)
		return error_set(
		    err, ERROR_FAILED, "%s: %s", path, strerror(errno));
	if (fuse_front_repair(mountpoint, err) < 0)
		result = -1;
	else if (stat(mountpoint, &st) < 0)
		result = error_set(
		    err, ERROR_FAILED, "%s: %s", path, strerror(errno));
	else if (fuse_front_mounted(mountpoint))
		result = error_set(err, ERROR_FAILED,
		    "%s: luntap has mounted something there already", path);
	else if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		result = error_set(err, ERROR_USAGE,
		    "%s is neither a folder nor a regular file", path);
	else if (S_ISREG(st.st_mode) && !url->has_lun)
		result = error_set(err, ERROR_USAGE,
		    "%s is a regular file: the URL must name the LUN that is "
		    "to appear on it (.../TARGET/LUN)",
		    path);
	if (result < 0) {
		free(mountpoint);
		return -1;
	}
	*ret_single = S_ISREG(st.st_mode);
	*ret = mountpoint;
	return 0;
}

static int
mount_url(struct options *o, struct arguments *args, struct url *url,
    const char *path)
{
	struct mounting m = { 0 };
	struct serve_config serve = {
		.ops = &mounting_ops,
		.ctx = &m,
		.options = o,
		.kind = "mount",
		.foreground = args->foreground,
		.pidfile = args->pidfile,
	};
	char *mountpoint = NULL;
	struct error err;
	int code;

	m.config.has_lun = url->has_lun;
	m.config.lun = url->lun;
	m.config.read_only = args->read_only;
	m.config.options = args->fuse_options;
	m.config.log = &o->sink.log;
	if (options_link(o, url, &m.config.link, &err) < 0 ||
	    prepare(url, path, &mountpoint, &m.config.single, &err) < 0)
		return command_fail(&err);
	serve.name = m.config.mountpoint = mountpoint;
	code = serve_run(&serve);
	free(mountpoint);
	return code;
}

static int
mount_run(int argc, char **argv)
{
	struct arguments args = { 0 };
	struct command_line line = {
		.help = help,
		.groups = OPTIONS_SESSION,
		.shorts = "fo:",
		.longs = longs,
		.take = take,
		.ctx = &args,
		.operands_min = 2,
		.operands_max = 2,
	};
	struct options o;
	struct error err;
	struct url *url;
	int code;

	daemon_close_inherited(0);
	if (!options_parse(&o, &line, argc, argv, &code))
		return code;
	url = options_url(argv[optind], false, &err);
	if (url == NULL) {
		code = command_fail(&err);
	} else if (url->target[0] == '\0') {
		error_set(&err, ERROR_USAGE,
		    "the URL names no target: /TARGET is wanted behind the "
		    "host; `luntap discover` shows what there is");
		code = command_fail(&err);
	} else {
		code = mount_url(&o, &args, url, argv[optind + 1]);
	}
	free(args.fuse_options);
	options_fini(&o);
	return code;
}

const struct command command_mount = {
	.name = "mount",
	.summary = "the LUNs of a target as raw image files",
	.run = mount_run,
};
