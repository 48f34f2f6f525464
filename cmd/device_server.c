/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that serves a block device: front/nbd.h with the sockets of the
 * kernel for clients, and front/attach.h for the way to the supervisor.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "block/lun.h"
#include "cmd/device_impl.h"
#include "cmd/secret.h"
#include "front/attach.h"
#include "io/daemon.h"
#include "io/lowmem.h"

/* How often a server without a supervisor looks whether it is still wanted. */
#define ORPHAN_POLL CLOCK_S

struct device_server {
	const struct device_server_config *config;
	struct nbd_front_config front_config;
	struct loop *loop;
	struct attach *attach;
	struct nbd_front *front;
	struct nbd_attached attached;
	struct timer orphan;
	unsigned signals; /* since there is no supervisor */
	bool ready;
	struct error why;
};

static const struct log *
server_log(const struct device_server *d)
{
	return &d->config->options->sink.log;
}

/* ---- what the front end tells ---- */

static void
front_note(void *ctx, const char *text)
{
	struct device_server *d = ctx;

	log_warn(server_log(d), "%s", text);
}

/* Takes over the sockets. */
static int
adopt_sockets(struct device_server *d, const char *name)
{
	int error = 0;

	d->attached = (struct nbd_attached){ .nbd = nbd_front_exports(d->front),
		.name = name };
	for (unsigned i = 0; i < d->config->nsockets; i++) {
		int e = server_adopt(nbd_front_server(d->front),
		    d->config->sockets[i], "kernel", &nbd_attached_engine,
		    &d->attached);

		if (error == 0)
			error = e;
	}
	return error;
}

static void
front_ready(void *ctx)
{
	struct device_server *d = ctx;
	const struct disk *disk = nbd_front_disk(d->front, NULL);
	struct bdev *bdev = lun_bdev(disk->lun);
	int error = adopt_sockets(d, disk->name);

	d->ready = true;
	if (error == 0) {
		attach_ready(d->attach, bdev, nbd_export_flags(bdev));
		return;
	}
	error_set(&d->why, ERROR_FAILED, "sockets of the device: %s",
	    strerror(-error));
	nbd_front_stop(d->front);
}

static void
front_ended(void *ctx, const struct error *why)
{
	struct device_server *d = ctx;

	if (why != NULL && d->why.class == ERROR_NONE)
		d->why = *why;
	loop_stop(d->loop, 0);
}

/* ---- what the supervisor tells ---- */

static void
device_attached(void *ctx, const char *path)
{
	struct device_server *d = ctx;
	struct options *o = d->config->options;

	log_info(&o->sink.log, "serving %s", path);
	if (d->config->foreground)
		return;
	(void)daemon_leave_terminal();
	if (o->log_file == NULL)
		logsink_syslog(&o->sink);
}

static void
device_end(void *ctx)
{
	struct device_server *d = ctx;

	nbd_front_stop(d->front);
}

static void
device_status(void *ctx, char *buf, size_t size)
{
	struct device_server *d = ctx;
	struct json_object *o = json_object_new_object();
	struct nbd_front_status st;

	nbd_front_status(d->front, &st);
	serve_status(o, &st.disks, st.nbd.in_flight, st.nbd.read_bytes,
	    st.nbd.written_bytes);
	json_object_object_add(
	    o, "connections", json_object_new_int64(st.nbd.connections));
	strncpy(buf, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN),
	    size - 1);
	json_object_put(o);
}

static void
orphan_look(struct timer *timer, uint64_t now)
{
	struct device_server *d = timer->ctx;
	struct server *server = nbd_front_server(d->front);

	if (server == NULL || server_connections(server) == 0)
		nbd_front_stop(d->front);
	else
		timer_set(d->loop, timer, now + ORPHAN_POLL);
}

static void
device_orphaned(void *ctx)
{
	struct device_server *d = ctx;

	if (!d->ready) {
		nbd_front_stop(d->front);
		return;
	}
	log_error(server_log(d),
	    "the supervisor has died; the device is served until `luntap nbd "
	    "--detach` takes it away");
	timer_set(d->loop, &d->orphan, loop_now(d->loop));
}

static void
got_signal(void *ctx, int signo)
{
	struct device_server *d = ctx;

	(void)signo;
	if (attach_stop(d->attach))
		return;
	if (d->signals++ == 0)
		log_error(server_log(d),
		    "only `luntap nbd --detach` can tell whether the device is "
		    "in use; a second signal ends it all the same");
	else
		nbd_front_stop(d->front);
}

/* ---- from start to end ---- */

static int
server_init(struct device_server *d, struct error *err)
{
	const struct attach_config attach = {
		.channel = d->config->channel,
		.log = server_log(d),
		.attached = device_attached,
		.end = device_end,
		.status = device_status,
		.orphaned = device_orphaned,
		.ctx = d,
	};
	int result;

	result = loop_new(&d->loop);
	if (result < 0)
		return error_set(err, ERROR_FAILED, "%s", strerror(-result));
	if (attach_new(d->loop, &attach, &d->attach, err) < 0)
		return -1;
	lowmem_prepare(server_log(d));
	secret_lock();
	if (d->config->user != NULL && user_become(d->config->user, err) < 0)
		return -1;
	result = loop_signal(d->loop, SIGTERM, got_signal, d);
	if (result == 0)
		result = loop_signal(d->loop, SIGINT, got_signal, d);
	if (result < 0)
		return error_set(err, ERROR_FAILED, "%s", strerror(-result));
	d->front_config = *d->config->front;
	d->front_config.note = front_note;
	d->front_config.ready = front_ready;
	d->front_config.ended = front_ended;
	d->front_config.ctx = d;
	return nbd_front_new(d->loop, &d->front_config, &d->front, err);
}

int
device_server(const struct device_server_config *config)
{
	struct device_server d = { .config = config };
	int result = -1;

	timer_init(&d.orphan, orphan_look, &d);
	if (server_init(&d, &d.why) == 0)
		result = loop_run(d.loop);
	if (result < 0 && d.why.class == ERROR_NONE)
		error_set(
		    &d.why, ERROR_FAILED, "event loop: %s", strerror(-result));
	if (d.attach != NULL)
		attach_ended(d.attach, &d.why);
	attach_free(d.attach); /* does not follow the disk any more */
	nbd_front_free(d.front);
	timer_clear(d.loop, &d.orphan);
	loop_free(d.loop);
	return (int)d.why.class;
}
