/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mount - the LUNs of a target as raw image files: takes the arguments apart,
 * goes into the background, and wires what front/mount.h runs to signals, the
 * control socket, the log and the exit code.
 */
#include <sys/stat.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/mountpoint.h"
#include "cmd/options.h"
#include "cmd/secret.h"
#include "front/fuse.h"
#include "front/mount.h"
#include "io/control.h"
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

/* What runs in the server. */
struct server {
	struct options *options;
	struct arguments *args;
	struct loop *loop;
	struct daemon daemon;
	struct control *control;
	struct mount *mount;
	char *mountpoint;
	struct control_request *stop; /* waits for the end, or NULL */
	bool ready;
	bool ended;
	struct error why; /* class 0: a clean end */
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

/* ---- what the mount tells ---- */

static void
server_note(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "luntap: note: %s: left out\n", text);
}

static void
server_ready(void *ctx)
{
	struct server *s = ctx;
	struct error err;

	s->ready = true;
	log_info(&s->options->sink.log, "serving %s", s->mountpoint);
	if (daemon_ready(&s->daemon, &err) < 0) {
		mount_stop(s->mount);
		return;
	}
	if (!s->args->foreground && s->options->log_file == NULL)
		logsink_syslog(&s->options->sink);
}

static void
server_busy(void *ctx, const char *text)
{
	struct server *s = ctx;

	if (s->stop != NULL)
		control_refuse(s->stop, ERROR_FAILED, text);
	s->stop = NULL;
}

static void
server_ended(void *ctx, const struct error *why)
{
	struct server *s = ctx;

	if (why != NULL)
		s->why = *why;
	else if (!s->ready)
		error_set(&s->why, ERROR_FAILED, "ended before it was ready");
	s->ended = true;
	loop_stop(s->loop, 0);
}

/* ---- who asks ---- */

static void
server_signal(void *ctx, int signo)
{
	struct server *s = ctx;

	log_info(&s->options->sink.log, "%s: ending", strsignal(signo));
	mount_stop(s->mount);
}

static struct json_object *
server_status(const struct server *s)
{
	struct json_object *o = json_object_new_object();
	struct mount_status st;

	mount_status(s->mount, &st);
	json_object_object_add(
	    o, "mountpoint", json_object_new_string(s->mountpoint));
	json_object_object_add(o, "state", json_object_new_string(st.state));
	json_object_object_add(o, "portal", json_object_new_string(st.portal));
	json_object_object_add(o, "target", json_object_new_string(st.target));
	json_object_object_add(o, "luns", json_object_new_int64(st.luns));
	json_object_object_add(
	    o, "in_flight", json_object_new_int64(st.in_flight));
	json_object_object_add(
	    o, "read_bytes", json_object_new_uint64(st.read_bytes));
	json_object_object_add(
	    o, "written_bytes", json_object_new_uint64(st.written_bytes));
	return o;
}

static void
server_request(void *ctx, struct control_request *req, const char *what,
    struct json_object *json)
{
	struct server *s = ctx;

	(void)json;
	if (s->mount == NULL) {
		control_refuse(req, ERROR_FAILED, "the mount is starting");
	} else if (strcmp(what, "status") == 0) {
		control_reply(req, server_status(s));
	} else if (strcmp(what, "stop") == 0) {
		/* Asking again presses: the first one is let go. */
		if (s->stop != NULL)
			control_refuse(
			    s->stop, ERROR_FAILED, "somebody else asked too");
		s->stop = req;
		mount_stop(s->mount);
	} else {
		control_refuse(req, ERROR_FAILED, "unknown request");
	}
}

/* ---- the server ---- */

static int
server_init(struct server *s, struct error *err)
{
	const struct control_config control = {
		.kind = "mount",
		.name = s->mountpoint,
		.request = server_request,
		.ctx = s,
	};
	int result;

	secret_lock();
	result = loop_new(&s->loop);
	if (result == 0)
		result = loop_signal(s->loop, SIGTERM, server_signal, s);
	if (result == 0)
		result = loop_signal(s->loop, SIGINT, server_signal, s);
	if (result < 0)
		return error_set(err, ERROR_FAILED, "%s", strerror(-result));
	if (s->args->pidfile != NULL &&
	    daemon_pidfile(&s->daemon, s->args->pidfile, err) < 0)
		return -1;
	return control_new(s->loop, &control, &s->control, err);
}

/* Frees everything; the answer to `unmount` goes last, when the pid file is
 * gone and the secrets are wiped. */
static void
server_fini(struct server *s)
{
	struct json_object *answer;

	mount_free(s->mount);
	daemon_fini(&s->daemon);
	if (s->stop != NULL && s->why.class != ERROR_NONE) {
		control_refuse(s->stop, s->why.class, s->why.text);
	} else if (s->stop != NULL) {
		answer = json_object_new_object();
		json_object_object_add(
		    answer, "result", json_object_new_int(0));
		control_reply(s->stop, answer);
	}
	control_free(s->control);
	loop_free(s->loop);
}

static int
server_run(struct server *s, const struct mount_config *config)
{
	int result = -1;

	if (server_init(s, &s->why) == 0 &&
	    mount_new(s->loop, config, &s->mount, &s->why) == 0)
		result = loop_run(s->loop);
	if (result < 0 && s->why.class == ERROR_NONE)
		error_set(
		    &s->why, ERROR_FAILED, "event loop: %s", strerror(-result));
	/* What went wrong later is in the log. */
	if (s->why.class != ERROR_NONE && !s->ready &&
	    !daemon_failed(&s->daemon, &s->why))
		command_fail(&s->why);
	server_fini(s);
	return (int)s->why.class;
}

/* ---- the foreground ---- */

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
	struct server s = { .options = o, .args = args };
	struct mount_config config = {
		.has_lun = url->has_lun,
		.lun = url->lun,
		.read_only = args->read_only,
		.options = args->fuse_options,
		.log = &o->sink.log,
		.note = server_note,
		.ready = server_ready,
		.busy = server_busy,
		.ended = server_ended,
		.ctx = &s,
	};
	struct error err;
	int code = 1;

	if (options_link(o, url, &config.link, &err) < 0 ||
	    prepare(url, path, &s.mountpoint, &config.single, &err) < 0)
		return command_fail(&err);
	config.mountpoint = s.mountpoint;
	daemon_init(&s.daemon);
	if (!args->foreground)
		code = daemon_fork(&s.daemon, &err);
	if (code < 0)
		code = command_fail(&err);
	else if (!args->foreground && code == 1)
		code = ERROR_NONE; /* it is ready */
	else
		code = server_run(&s, &config);
	free(s.mountpoint);
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
	char *pidfile = NULL;
	struct options o;
	struct error err;
	struct url *url;
	int code;

	daemon_close_inherited();
	if (!options_parse(&o, &line, argc, argv, &code))
		return code;
	if (args.pidfile != NULL)
		args.pidfile = pidfile = mountpoint_resolve(args.pidfile);
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
	free(pidfile);
	options_fini(&o);
	return code;
}

const struct command command_mount = {
	.name = "mount",
	.summary = "the LUNs of a target as raw image files",
	.run = mount_run,
};
