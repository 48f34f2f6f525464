/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unmount - asks the server of a mount, or an NBD server, to end, and waits until
 * it has; or takes away what the killed server of a mount left behind.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/mountpoint.h"
#include "cmd/options.h"
#include "front/fuse.h"
#include "io/control.h"

static const char help[] =
    "usage: luntap unmount MOUNTPOINT | SOCKET | ADDR:PORT\n\n"
    "Ends a mount or an NBD server: writes what is dirty, makes the target "
    "write its\n"
    "cache, logs out, and returns when all of that is done.  A mount that is "
    "in use\n"
    "stays, and the exit code is 1.  A mount whose server was killed is taken "
    "away.\n\n"
    "options:\n"
    "  -h, --help                   this\n\n"
    "example:\n"
    "  luntap unmount ~/disks\n";

#define ANSWER_MS 2000

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

static bool
answer_names(struct json_object *answer, const char *address)
{
	struct json_object *addresses;
	size_t i, n = 0;

	if (json_object_object_get_ex(answer, "addresses", &addresses))
		n = json_object_array_length(addresses);
	for (i = 0; i < n; i++)
		if (strcmp(json_object_get_string(
			       json_object_array_get_idx(addresses, i)),
			address) == 0)
			return true;
	return false;
}

/* The control socket of the NBD server that listens there: 1 and its path (to
 * be freed), 0 when none does, -1 on errors. */
static int
find_nbd(const char *address, char **ret, struct error *err)
{
	struct json_object *answer;
	struct control_entry *entries;
	struct error ignored;
	int i, found = 0, n = control_list(&entries, err);

	if (n < 0)
		return -1;
	for (i = 0; i < n && !found; i++) {
		if (strcmp(entries[i].kind, "nbd") != 0 ||
		    control_ask(entries[i].path, "status", ANSWER_MS, &answer,
			&ignored) < 0)
			continue;
		found = answer_names(answer, address);
		json_object_put(answer);
		if (found) {
			*ret = entries[i].path;
			entries[i].path = NULL;
		}
	}
	control_list_free(entries, n);
	return found;
}

/* Nobody who can be asked serves it. */
static int
take_away(const char *mountpoint, const char *path, struct error *err)
{
	int result = fuse_front_repair(mountpoint, err);

	if (result != 0)
		return result < 0 ? -1 : 0;
	if (fuse_front_mounted(mountpoint))
		return error_set(err, ERROR_FAILED,
		    "%s is served by somebody who cannot be asked "
		    "(another user, or another XDG_RUNTIME_DIR)",
		    path);
	return error_set(err, ERROR_FAILED,
	    "%s: luntap has mounted nothing there, nor does it serve NBD",
	    path);
}

static int
unmount_path(const char *path, struct error *err)
{
	char *full = mountpoint_resolve(path), *socket = NULL;
	int error = errno, result = 0;

	if (full != NULL)
		result = control_find("mount", full, &socket, err);
	if (result == 0 && full != NULL)
		result = find_nbd(full, &socket, err);
	if (result == 0)
		result = find_nbd(path, &socket, err);
	if (result > 0)
		result = stop_server(socket, full == NULL ? path : full, err);
	else if (result == 0 && full == NULL)
		result = error_set(
		    err, ERROR_FAILED, "%s: %s", path, strerror(error));
	else if (result == 0)
		result = take_away(full, path, err);
	free(socket);
	free(full);
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
	.summary = "end a mount or an NBD server",
	.run = unmount_run,
};
