/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unmount - asks the server of a mount to end, and waits until it has; or takes
 * away what a killed server left behind.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/mountpoint.h"
#include "cmd/options.h"
#include "front/fuse.h"
#include "io/control.h"

static const char help[] =
    "usage: luntap unmount MOUNTPOINT\n\n"
    "Ends a mount: writes what is dirty, makes the target write its cache, "
    "logs out,\n"
    "and returns when all of that is done.  A mount that is in use stays, and "
    "the\n"
    "exit code is 1.  A mount whose server was killed is taken away.\n\n"
    "options:\n"
    "  -h, --help                   this\n\n"
    "example:\n"
    "  luntap unmount ~/disks\n";

static int
stop_server(const char *socket, const char *mountpoint, struct error *err)
{
	struct json_object *answer = NULL;
	char users[256];
	int result = control_stop(socket, -1, &answer, err);

	if (result == 0)
		json_object_put(answer);
	else if (fuse_front_mounted(mountpoint) &&
		 *mountpoint_users(users, sizeof(users), mountpoint) != '\0')
		error_set(err, err->class, "%s; used by %s", err->text, users);
	return result;
}

static int
unmount_path(const char *path, struct error *err)
{
	char *mountpoint = mountpoint_resolve(path), *socket = NULL;
	int result;

	if (mountpoint == NULL)
		return error_set(
		    err, ERROR_FAILED, "%s: %s", path, strerror(errno));
	result = control_find("mount", mountpoint, &socket, err);
	if (result > 0) {
		result = stop_server(socket, mountpoint, err);
	} else if (result == 0) {
		result = fuse_front_repair(mountpoint, err);
		if (result > 0)
			result = 0;
		else if (result == 0 && fuse_front_mounted(mountpoint))
			result = error_set(err, ERROR_FAILED,
			    "%s is served by somebody who cannot be asked "
			    "(another user, or another XDG_RUNTIME_DIR)",
			    path);
		else if (result == 0)
			result = error_set(err, ERROR_FAILED,
			    "%s: luntap has mounted nothing there", path);
	}
	free(socket);
	free(mountpoint);
	return result;
}

static int
unmount_run(int argc, char **argv)
{
	static const struct command_line line = {
		.help = help,
		.operands_min = 1,
		.operands_max = 1,
	};
	struct options o;
	struct error err;
	int code;

	if (!options_parse(&o, &line, argc, argv, &code))
		return code;
	if (unmount_path(argv[optind], &err) < 0)
		code = command_fail(&err);
	else
		code = command_done();
	options_fini(&o);
	return code;
}

const struct command command_unmount = {
	.name = "unmount",
	.summary = "end a mount",
	.run = unmount_run,
};
