/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a supervisor does to its device.  Each of it may wait for the target,
 * through the device and the server, so it runs in a helper; the loop goes on
 * and can force things.  A job knows only its own structure, and what does not
 * change while it runs.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "front/supervisor_impl.h"
#include "io/blockdev.h"

static void
start(struct supervisor_job *j)
{
	struct supervisor *s = j->supervisor;

	j->again = j->busy;
	if (j->busy)
		return;
	j->busy = true;
	j->forced = s->forced;
	j->index = s->index;
	j->size = s->size;
	j->fd = s->claim;
	j->result = 0;
	job_submit(s->loop, &j->job);
}

/* ---- attaching ---- */

/* The first to open it makes the kernel look for partitions: let it be us. */
static void
look_for_partitions(uint32_t index)
{
	char path[NBDNL_PATH_MAX + 1];
	int fd;

	nbdnl_path(index, path);
	fd = blockdev_open(path);
	if (fd >= 0)
		close(fd);
}

static void
connect_work(struct job *job)
{
	struct supervisor_job *j = job->ctx;
	const struct supervisor *s = j->supervisor;
	int sockets[NBDMSG_SOCKETS_MAX];
	const struct nbdmsg_device device = {
		.index = j->index,
		.size = j->size,
		.block_size = s->block_size,
		.flags = s->flags,
		.timeout = s->config.timeout,
		.backend = s->config.backend,
		.sockets = sockets,
		.nsockets = s->config.nsockets,
	};

	for (unsigned i = 0; i < device.nsockets; i++)
		sockets[i] = s->sockets[i].fd;
	j->result = nbdnl_connect(&device, &j->index, &j->err);
	if (j->result == 0)
		look_for_partitions(j->index);
}

static void
connect_done(struct job *job)
{
	struct supervisor_job *j = job->ctx;
	struct supervisor *s = j->supervisor;

	j->busy = false;
	if (j->result < 0) {
		supervisor_why(s, &j->err);
		supervisor_event(s, EV_FAILED);
	} else {
		s->connected = true;
		s->index = j->index;
		s->told_size = j->size;
		nbdnl_path(s->index, s->path);
		supervisor_event(s, EV_CONNECTED);
	}
	if (s->state == CLEANING)
		supervisor_disconnect(s);
}

void
supervisor_connect(struct supervisor *s)
{
	start(&s->connecting);
}

/* ---- a new size ---- */

static void
resize_work(struct job *job)
{
	struct supervisor_job *j = job->ctx;

	j->result = nbdnl_resize(
	    j->index, j->size, j->supervisor->config.backend, &j->err);
}

static void
resize_done(struct job *job)
{
	struct supervisor_job *j = job->ctx;
	struct supervisor *s = j->supervisor;

	j->busy = false;
	if (j->result < 0)
		log_warn(s->config.log, "%s", j->err.text);
	else
		log_info(s->config.log, "%s has %llu bytes now", s->path,
		    (unsigned long long)j->size);
	s->told_size = j->size;
	if (j->again)
		start(j);
}

void
supervisor_resize(struct supervisor *s)
{
	start(&s->resizing);
}

/* ---- claiming and flushing ---- */

static void
quiesce_work(struct job *job)
{
	struct supervisor_job *j = job->ctx;
	const char *path = j->supervisor->path;
	char holders[300];

	j->fd = blockdev_claim(path);
	if (j->fd == -EBUSY && !j->forced)
		error_set(&j->err, ERROR_FAILED, "%s is in use: %s", path,
		    blockdev_holders(path, holders, sizeof(holders)));
	else if (j->fd < 0 && !j->forced)
		error_set(&j->err, ERROR_FAILED,
		    "%s: whether it is in use cannot be told: %s", path,
		    strerror(-j->fd));
	if (j->fd < 0 && j->forced)
		j->fd = blockdev_open(path);
	if (j->fd < 0)
		return;
	j->result = blockdev_flush(j->fd);
	if (j->result < 0)
		error_set(&j->err, ERROR_FAILED,
		    "%s: what was written last is lost: %s", path,
		    strerror(-j->result));
}

static void
quiesce_done(struct job *job)
{
	struct supervisor_job *j = job->ctx;
	struct supervisor *s = j->supervisor;

	j->busy = false;
	if (s->state != QUIESCING) { /* it was not waited for */
		if (j->fd >= 0)
			close(j->fd);
		return;
	}
	if (j->fd < 0 && !j->forced) {
		s->busy = j->err;
		supervisor_event(s, EV_BUSY);
		return;
	}
	if (j->result < 0) {
		log_error(s->config.log, "%s", j->err.text);
		supervisor_why(s, &j->err);
	}
	s->claim = j->fd;
	supervisor_event(s, EV_QUIET);
}

void
supervisor_quiesce(struct supervisor *s)
{
	start(&s->quiescing);
}

/* ---- detaching ---- */

/* The claim goes last, so that nobody can mount it in between. */
static void
disconnect_work(struct job *job)
{
	struct supervisor_job *j = job->ctx;

	j->result = nbdnl_disconnect(j->index, &j->err);
	if (j->fd >= 0)
		close(j->fd);
}

static void
disconnect_done(struct job *job)
{
	struct supervisor_job *j = job->ctx;
	struct supervisor *s = j->supervisor;

	j->busy = false;
	if (j->result < 0) {
		log_error(s->config.log, "%s", j->err.text);
		supervisor_why(s, &j->err);
	}
	s->connected = false;
	supervisor_event(s, EV_DETACHED);
}

void
supervisor_disconnect(struct supervisor *s)
{
	if (s->connecting.busy)
		return; /* connect_done() calls again */
	if (!s->connected) {
		supervisor_soon(s, EV_DETACHED);
		return;
	}
	start(&s->detaching);
}

static void
init_job(struct supervisor *s, struct supervisor_job *j,
    void (*work)(struct job *), void (*done)(struct job *))
{
	j->supervisor = s;
	j->job = (struct job){ .work = work, .done = done, .ctx = j };
}

void
supervisor_init_jobs(struct supervisor *s)
{
	init_job(s, &s->connecting, connect_work, connect_done);
	init_job(s, &s->resizing, resize_work, resize_done);
	init_job(s, &s->quiescing, quiesce_work, quiesce_done);
	init_job(s, &s->detaching, disconnect_work, disconnect_done);
}
