/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices that somebody has attached before: by a luntap that can be asked, by
 * one that cannot (its supervisor was killed), or by another program, whose
 * devices are left alone.
 */
#include <sys/stat.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "cmd/device_impl.h"
#include "io/blockdev.h"
#include "io/control.h"
#include "proto/lunaddr.h"

#define OURS "luntap["

struct backend {
	pid_t server;	 /* 0: it is not a luntap's */
	uintmax_t space; /* its PID namespace; 0: not known */
};

static uintmax_t
own_space(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 ? (uintmax_t)st.st_ino : 0;
}

int
device_backend(
    char *dst, size_t size, pid_t server, const struct nbd_front_config *front)
{
	const struct session_config *session = &front->link.session;
	char portal[4 * ISCSI_ADDR_MAX + 1], lun[LUNADDR_TEXT];

	escape(
	    portal, sizeof(portal), session->portal, strlen(session->portal));
	return snprintf(dst, size, OURS "%ld:%" PRIuMAX "]: iscsi://%s/%s/%s",
	    (long)server, own_space(), portal, session->target_name,
	    lunaddr_text(lun, front->lun));
}

static struct backend
backend_of(uint32_t index)
{
	char path[64], line[sizeof(OURS) + 50], *end;
	struct backend backend = { 0 };
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/nbd%lu/backend",
	    (unsigned long)index);
	f = fopen(path, "re");
	if (f == NULL)
		return backend;
	if (fgets(line, sizeof(line), f) != NULL &&
	    strncmp(line, OURS, strlen(OURS)) == 0) {
		backend.server = (pid_t)strtol(line + strlen(OURS), &end, 10);
		if (*end == ':')
			backend.space = strtoumax(end + 1, NULL, 10);
	}
	fclose(f);
	return backend;
}

/* In another PID namespace nobody is to be seen, dead or not. */
static bool
is_dead(const struct backend *backend)
{
	return backend->server > 0 && backend->space != 0 &&
	       backend->space == own_space() &&
	       kill(backend->server, 0) == -1 && errno == ESRCH;
}

/* Without anybody's help; in use is -EBUSY. */
static int
disconnect(uint32_t index, const char *path, bool force, struct error *err)
{
	char holders[300];
	int fd = blockdev_claim(path);
	int error, result;

	if (fd == -EBUSY && !force)
		return error_set(err, ERROR_FAILED, "%s is in use: %s", path,
		    blockdev_holders(path, holders, sizeof(holders)));
	if (fd < 0 && !force)
		return error_set(err, ERROR_FAILED,
		    "%s: whether it is in use cannot be told: %s", path,
		    strerror(-fd));
	if (fd < 0)
		fd = blockdev_open(path);
	error = fd < 0 ? fd : blockdev_flush(fd);
	if (error < 0)
		fprintf(stderr,
		    "luntap: warning: %s: what was written last may be lost: "
		    "%s\n",
		    path, strerror(-error));
	result = nbdnl_disconnect(index, err);
	if (fd >= 0)
		close(fd);
	return result;
}

int
device_reclaim(uint32_t index, struct error *err)
{
	char path[NBDNL_PATH_MAX + 1], *socket = NULL;
	int connected = nbdnl_connected(index, err), result;
	struct backend backend;

	if (connected <= 0)
		return connected;
	nbdnl_path(index, path);
	result = control_find("nbd", path, &socket, err);
	free(socket);
	if (result < 0)
		return -1;
	backend = backend_of(index);
	if (result == 0 && is_dead(&backend))
		return disconnect(index, path, false, err);
	return error_set(err, ERROR_FAILED,
	    "%s is attached already%s; --device auto takes a free one", path,
	    backend.server > 0 ? " (`luntap nbd --detach` ends that)"
			       : ", or held open, by another program");
}

static int
ask_supervisor(const char *socket, bool force, struct error *err)
{
	struct json_object *answer = NULL;
	int result = force ? control_force(socket, -1, &answer, err)
			   : control_stop(socket, -1, &answer, err);

	if (result == 0)
		json_object_put(answer);
	return result;
}

static int
detach(uint32_t index, bool force, struct error *err)
{
	char path[NBDNL_PATH_MAX + 1], *socket = NULL;
	int result;

	nbdnl_path(index, path);
	result = control_find("nbd", path, &socket, err);
	if (result > 0) {
		result = ask_supervisor(socket, force, err);
		free(socket);
		return result;
	}
	if (result == 0)
		result = nbdnl_connected(index, err);
	if (result < 0)
		return -1;
	if (result == 0)
		return error_set(
		    err, ERROR_FAILED, "%s: nothing is attached there", path);
	if (backend_of(index).server == 0 && !force)
		return error_set(err, ERROR_FAILED,
		    "%s was attached by another program; --force detaches it "
		    "all the same",
		    path);
	return disconnect(index, path, force, err);
}

int
device_detach(const struct device_options *o, bool has_url)
{
	struct error err;
	uint32_t index;

	if (has_url || o->path != NULL) {
		error_set(&err, ERROR_USAGE,
		    "--detach stands alone, without a URL and --device");
		return command_fail(&err);
	}
	if (nbdnl_parse(o->detach, &index) < 0 || index == NBDMSG_AUTO) {
		error_set(&err, ERROR_USAGE, "--detach %s: /dev/nbdN is wanted",
		    o->detach);
		return command_fail(&err);
	}
	if (detach(index, o->force, &err) < 0)
		return command_fail(&err);
	return command_done();
}
