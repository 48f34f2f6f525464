/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See device.h.  Sockets and channel are made before the fork, while there is
 * the privilege to give them large buffers, so no descriptor has to be passed.
 * After the fork the supervisor wipes its copy of the secrets.
 */
#include "cmd/device.h"

#include <sys/socket.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/device_impl.h"
#include "cmd/secret.h"
#include "front/attachmsg.h"
#include "front/supervisor.h"
#include "io/lowmem.h"

/* Of a socket: some requests of the usual size, or one large one. */
#define BUFFER	    (4 << 20)
#define BACKEND_MAX 600

struct device {
	struct options *options;
	const struct nbd_front_config *front;
	const struct user *user;
	unsigned nsockets;
	bool foreground;
	struct serve *serve;
	struct supervisor *supervisor;
	struct supervisor_config config;
	int sockets[NBDMSG_SOCKETS_MAX]; /* the kernel's ends */
	char backend[BACKEND_MAX];
	char path[NBDNL_PATH_MAX + 1];
};

/* ---- the two processes ---- */

static int
make_sockets(int kernel[], int server[], unsigned n)
{
	const int size = BUFFER;

	for (unsigned i = 0; i < n; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) ==
		    -1) {
			int error = -errno;

			while (i-- > 0) {
				close(kernel[i]);
				close(server[i]);
			}
			return error;
		}
		/* Smaller ones only mean more turns. */
		for (int side = 0; side < 2; side++)
			(void)setsockopt(pair[side], SOL_SOCKET, SO_SNDBUFFORCE,
			    &size, sizeof(size));
		kernel[i] = pair[0];
		server[i] = pair[1];
	}
	return 0;
}

static void
close_all(const int fds[], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
}

/* Does not come back. */
static void
become_server(
    struct device *d, struct serve *serve, int channel, const int *sockets)
{
	const struct device_server_config config = {
		.options = d->options,
		.front = d->front,
		.user = d->user,
		.foreground = d->foreground,
		.channel = channel,
		.sockets = sockets,
		.nsockets = d->nsockets,
	};
	int code;

	serve_forked(serve);
	close(d->config.channel);
	close_all(d->sockets, d->nsockets);
	code = device_server(&config);
	secret_fini();
	exit(code);
}

static int
device_fork(void *ctx, struct serve *serve, struct error *err)
{
	struct device *d = ctx;
	int sockets[NBDMSG_SOCKETS_MAX] = { 0 }, channel[2], error;

	lowmem_prepare(&d->options->sink.log);
	error = attachmsg_pair(channel);
	if (error != 0)
		return error_set(err, ERROR_FAILED, "%s", strerror(-error));
	error = make_sockets(d->sockets, sockets, d->nsockets);
	if (error != 0) {
		close_all(channel, 2);
		return error_set(err, ERROR_FAILED, "%s", strerror(-error));
	}
	d->config.channel = channel[0];
	fflush(NULL);
	d->config.server = fork();
	if (d->config.server == 0)
		become_server(d, serve, channel[1], sockets);
	error = errno;
	close(channel[1]);
	close_all(sockets, d->nsockets);
	secret_wipe();
	if (d->config.server == -1) {
		close_all(d->sockets, d->nsockets);
		return error_set(err, ERROR_FAILED, "%s", strerror(error));
	}
	return 0;
}

/* ---- what the supervisor tells ---- */

static void
device_attached(void *ctx, const char *path)
{
	struct device *d = ctx;
	struct error err;

	if (d->path[0] == '\0') {
		snprintf(d->path, sizeof(d->path), "%s", path);
		if (serve_named(d->serve, d->path, &err) < 0) {
			log_error(&d->options->sink.log, "%s", err.text);
			supervisor_stop(d->supervisor, SUPERVISOR_ASKED);
			return;
		}
	}
	puts(path);
	fflush(stdout);
	serve_ready(d->serve);
}

static void
device_busy(void *ctx, const char *text)
{
	struct device *d = ctx;

	serve_busy(d->serve, text);
}

static void
device_ended(void *ctx, const struct error *why)
{
	struct device *d = ctx;

	serve_ended(d->serve, why);
}

/* ---- what is served ---- */

static int
device_start(void *ctx, struct serve *serve, struct error *err)
{
	struct device *d = ctx;

	d->serve = serve;
	device_backend(
	    d->backend, sizeof(d->backend), d->config.server, d->front);
	d->config.backend = d->backend;
	d->config.sockets = d->sockets;
	d->config.nsockets = d->nsockets;
	d->config.log = &d->options->sink.log;
	d->config.attached = device_attached;
	d->config.busy = device_busy;
	d->config.ended = device_ended;
	d->config.ctx = d;
	return supervisor_new(
	    serve_loop(serve), &d->config, &d->supervisor, err);
}

static void
device_stop(void *ctx)
{
	struct device *d = ctx;

	supervisor_stop(d->supervisor, SUPERVISOR_ASKED);
}

static void
device_signalled(void *ctx)
{
	struct device *d = ctx;

	supervisor_stop(d->supervisor, SUPERVISOR_SIGNALLED);
}

static void
device_force(void *ctx)
{
	struct device *d = ctx;

	supervisor_stop(d->supervisor, SUPERVISOR_FORCED);
}

/* The server's own words, and the device. */
static void
device_status(void *ctx, struct json_object *into)
{
	struct device *d = ctx;
	struct json_object *of_server =
	    json_tokener_parse(supervisor_status(d->supervisor));

	struct json_object *addresses = json_object_new_array();

	/* By which `luntap unmount` finds it. */
	json_object_array_add(addresses, json_object_new_string(d->path));
	json_object_object_add(into, "addresses", addresses);
	json_object_object_add(into, "device", json_object_new_string(d->path));
	json_object_object_add(
	    into, "server_pid", json_object_new_int64(d->config.server));
	if (!json_object_is_type(of_server, json_type_object)) {
		json_object_put(of_server);
		json_object_object_add(into, "state",
		    json_object_new_string("the server does not answer"));
		return;
	}
	/* Who serves may be less than who tells. */
	json_object_object_foreach(of_server, key, value)
	{
		if (!json_object_object_get_ex(into, key, NULL))
			json_object_object_add(
			    into, key, json_object_get(value));
	}
	json_object_put(of_server);
}

static void
device_free(void *ctx)
{
	struct device *d = ctx;

	supervisor_free(d->supervisor);
	if (d->config.channel != -1)
		close(d->config.channel);
}

static const struct serve_ops device_ops = {
	.fork = device_fork,
	.start = device_start,
	.stop = device_stop,
	.signalled = device_signalled,
	.force = device_force,
	.status = device_status,
	.free = device_free,
};

/* ---- the command ---- */

static int
take_number(const char *option, const char *arg, unsigned long min,
    unsigned long max, unsigned long *ret, struct error *err)
{
	char *end;

	errno = 0;
	*ret = strtoul(arg, &end, 10);
	if (arg[0] < '0' || arg[0] > '9' || *end != '\0' || errno != 0 ||
	    *ret < min || *ret > max)
		return error_set(err, ERROR_USAGE,
		    "%s %s: a number from %lu to %lu is wanted", option, arg,
		    min, max);
	return 0;
}

int
device_take_connections(
    struct device_options *o, const char *arg, struct error *err)
{
	unsigned long n;

	if (take_number("--connections", arg, 1, NBDMSG_SOCKETS_MAX, &n, err) <
	    0)
		return -1;
	o->connections = (unsigned)n;
	return 0;
}

int
device_take_timeout(
    struct device_options *o, const char *arg, struct error *err)
{
	unsigned long n;

	/* The kernel multiplies it by its clock's rate. */
	if (take_number("--device-timeout", arg, 0, 1000000, &n, err) < 0)
		return -1;
	o->timeout = (uint32_t)n;
	return 0;
}

int
device_check(const struct device_options *o, struct error *err)
{
	if (o->path == NULL && (o->connections > 0 || o->user != NULL ||
				   o->timeout != DEVICE_TIMEOUT))
		return error_set(err, ERROR_USAGE,
		    "--connections, --user and --device-timeout want --device");
	if (o->force)
		return error_set(err, ERROR_USAGE, "--force wants --detach");
	return 0;
}

/* What can be known before anything is begun. */
static int
prepare(struct device *d, const struct device_options *o, struct user *user,
    struct error *err)
{
	uint32_t index;

	if (nbdnl_parse(o->path, &index) < 0)
		return error_set(err, ERROR_USAGE,
		    "--device %s: /dev/nbdN or auto is wanted", o->path);
	if (!d->front->has_lun)
		return error_set(err, ERROR_USAGE,
		    "the URL names no LUN, and a device is one "
		    "(.../TARGET/LUN); `luntap list` shows what there is");
	if (o->user != NULL && user_find(o->user, user, err) < 0)
		return -1;
	d->user = o->user != NULL ? user : NULL;
	d->config.index = index;
	if (index == NBDMSG_AUTO)
		return nbdnl_connected(0, err) < 0 ? -1 : 0;
	nbdnl_path(index, d->path);
	return device_reclaim(index, err);
}

int
device_serve(struct options *o, const struct device_options *device,
    const struct nbd_front_config *front, bool foreground, const char *pidfile)
{
	struct device d = {
		.options = o,
		.front = front,
		.nsockets = device->connections > 0 ? device->connections : 1,
		.foreground = foreground,
		.config = { .channel = -1, .timeout = device->timeout },
	};
	struct serve_config serve = {
		.ops = &device_ops,
		.ctx = &d,
		.options = o,
		.kind = "nbd",
		.foreground = foreground,
		.pidfile = pidfile,
	};
	struct user user;
	struct error err;

	if (prepare(&d, device, &user, &err) < 0)
		return command_fail(&err);
	serve.name = d.path[0] == '\0' ? NULL : d.path;
	return serve_run(&serve);
}
