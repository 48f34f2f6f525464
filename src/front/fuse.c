/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuse - the FUSE session: mounting, receiving requests, the end.
 *
 * libfuse's low-level API does the mounting, the codec and the replies; the
 * loop is ours.  /dev/fuse does not block, and up to BATCH requests are taken
 * from it in one iteration before the sockets are flushed, so that many
 * requests leave in one packet.
 *
 * Nothing is spliced: a pipe costs more system calls than the copy of even a
 * large request costs time.
 *
 * The end.  Whoever unmounts (we, umount, fusermount3), the kernel first writes
 * every dirty page, with us still serving, and then the device answers ENODEV.
 * So it does when the connection was aborted, which leaves a dead mount behind:
 * that is looked for, and detached.
 */
#include <sys/epoll.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "front/fuse_impl.h"

#define BATCH			     128
#define BACKGROUND		     256 /* asynchronous requests the kernel may have out */
#define PARALLEL_DIRECT_WRITES_MINOR 38 /* protocol 7.38, Linux 6.2 */

/* libfuse logs without a context. */
static struct {
	const struct log *log;
	char last[200];
} fuse_messages;

static void __attribute__((format(printf, 2, 0)))
message(enum fuse_log_level level, const char *fmt, va_list ap)
{
	char *last = fuse_messages.last;
	size_t n;

	vsnprintf(last, sizeof(fuse_messages.last), fmt, ap);
	n = strlen(last);
	while (n > 0 && last[n - 1] == '\n')
		last[--n] = '\0';
	if (level <= FUSE_LOG_ERR)
		log_debug(fuse_messages.log, "%s", last);
}

static void
front_init(void *userdata, struct fuse_conn_info *conn)
{
	struct fuse_front *front = userdata;

	conn->want = conn->capable &
		     (FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO |
			 FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ATOMIC_O_TRUNC |
			 FUSE_CAP_HANDLE_KILLPRIV);
	conn->max_write = OP_PAYLOAD_MAX;
	conn->max_background = BACKGROUND;
	conn->congestion_threshold = BACKGROUND * 3 / 4;
	front->parallel_direct_writes =
	    conn->proto_major > 7 ||
	    conn->proto_minor >= PARALLEL_DIRECT_WRITES_MINOR;
}

static void
clear_work(struct job *job)
{
	struct fuse_front *front = job->ctx;
	struct error err;

	if (fuse_front_repair(front->mountpoint, &err) < 0)
		log_error(front->config.log, "%s", err.text);
}

static void
clear_done(struct job *job)
{
	struct fuse_front *front = job->ctx;

	front->umount_busy = false;
	front->config.ended(front->config.ctx);
}

/* The connection is gone. */
static void
front_end(struct fuse_front *front)
{
	fuse_front_stop(front);
	if (front->umount_busy)
		return; /* unmount_done() comes back here */
	front->umount_busy = true;
	front->umount_job = (struct job){
		.work = clear_work,
		.done = clear_done,
		.ctx = front,
	};
	job_submit(front->loop, &front->umount_job);
}

/* Takes one request.  False when there is none, or no room. */
static bool
front_receive(struct fuse_front *front)
{
	struct fuse_buf buf = { 0 };
	int n;

	if (front->rx == NULL)
		front->rx = op_get(front);
	if (front->rx == NULL) {
		front->throttled = true;
		watch_set(front->loop, &front->watch, 0);
		return false;
	}
	buf.mem = op_rx(front->rx);
	n = fuse_session_receive_buf(front->session, &buf);
	if (n == -EINTR)
		return true;
	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		front_end(front);
		return false;
	}
	fuse_session_process_buf(front->session, &buf);
	return true;
}

static void
front_ready(struct watch *watch, uint32_t events)
{
	struct fuse_front *front = watch->ctx;
	int i;

	(void)events;
	for (i = 0; i < BATCH && front->watching; i++)
		if (!front_receive(front))
			return;
}

void
front_resume(struct fuse_front *front)
{
	if (!front->throttled || !front->watching)
		return;
	front->throttled = false;
	watch_set(front->loop, &front->watch, EPOLLIN);
}

/* Looks at every file through the mount, which proves that it works, and makes
 * the kernel know the sizes before the first user comes. */
static void
probe_work(struct job *job)
{
	struct fuse_front *front = job->ctx;
	char path[4096];
	struct stat st;
	size_t i;

	if (stat(front->mountpoint, &st) < 0) {
		error_set(&front->probe_error, ERROR_FAILED, "%s: %s",
		    front->mountpoint, strerror(errno));
		return;
	}
	front->dev = st.st_dev;
	for (i = 0; !front->config.single && i < front->nnodes; i++) {
		snprintf(path, sizeof(path), "%s/%s", front->mountpoint,
		    front->nodes[i].name);
		if (stat(path, &st) < 0) {
			error_set(&front->probe_error, ERROR_FAILED, "%s: %s",
			    path, strerror(errno));
			return;
		}
	}
}

static void
probe_done(struct job *job)
{
	struct fuse_front *front = job->ctx;
	const struct error *err = NULL;

	if (front->probe_error.class != ERROR_NONE)
		err = &front->probe_error;
	front->probing = false;
	front->config.ready(front->config.ctx, err);
}

static void
unmount_done(struct job *job)
{
	struct fuse_front *front = job->ctx;

	front->umount_busy = false;
	if (front->sync_result < 0) {
		front->stats.pages_lost = true;
		log_error(front->config.log, "%s: writing dirty pages: %s",
		    front->mountpoint, strerror(-front->sync_result));
	}
	if (front->ended) {
		front_end(front);
	} else if (front->umount_result < 0) {
		front->config.unmount_failed(front->config.ctx,
		    -front->umount_result, front->umount_text);
	} else if (front->umount_lazy) {
		front_end(front);
	}
	/* else the device tells */
}

void
fuse_front_unmount(struct fuse_front *front, bool lazy)
{
	if (front->umount_busy)
		return;
	front->umount_busy = true;
	front->umount_lazy = lazy;
	front->umount_job = (struct job){
		.work = umount_work,
		.done = unmount_done,
		.ctx = front,
	};
	job_submit(front->loop, &front->umount_job);
}

void
fuse_front_stop(struct fuse_front *front)
{
	if (front->watching)
		watch_remove(front->loop, &front->watch);
	front->watching = false;
	front->ended = true;
}

unsigned
fuse_front_busy(const struct fuse_front *front)
{
	return front->stats.in_flight + front->inval.busy + front->umount_busy +
	       front->probing;
}

void
fuse_front_stats(const struct fuse_front *front, struct fuse_front_stats *ret)
{
	*ret = front->stats;
}

/* "fsname=...,subtype=luntap[,options]" */
static char *
mount_options(const struct fuse_front_config *config)
{
	size_t len = strlen(config->fsname), n = 0;
	const char *s, *more = config->options == NULL ? "" : config->options;
	char *options = malloc(2 * len + strlen(more) + 64);

	if (options == NULL)
		return NULL;
	n += (size_t)sprintf(options, "fsname=");
	for (s = config->fsname; *s != '\0'; s++) {
		if (*s == ',' || *s == '\\')
			options[n++] = '\\';
		options[n++] = *s;
	}
	sprintf(
	    options + n, ",subtype=luntap%s%s", *more == '\0' ? "" : ",", more);
	return options;
}

static int
session_new(struct fuse_front *front, struct error *err)
{
	struct fuse_lowlevel_ops ops = { .init = front_init };
	char *options = mount_options(&front->config);
	char *argv[] = { (char[]){ "luntap" }, (char[]){ "-o" }, options,
		NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);

	if (options == NULL)
		return error_set(err, ERROR_FAILED, "out of memory");
	name_ops(&ops);
	fuse_messages.log = front->config.log;
	fuse_messages.last[0] = '\0';
	fuse_set_log_func(message);
	front->session = fuse_session_new(&args, &ops, sizeof(ops), front);
	fuse_opt_free_args(&args);
	free(options);
	if (front->session == NULL)
		return error_set(
		    err, ERROR_USAGE, "option -o: %s", fuse_messages.last);
	return 0;
}

static int
session_mount(struct fuse_front *front, struct error *err)
{
	int fd;

	if (fuse_session_mount(front->session, front->mountpoint) < 0)
		return error_set(err, ERROR_FAILED, "cannot mount on %s%s%s",
		    front->mountpoint,
		    fuse_messages.last[0] == '\0' ? "" : ": ",
		    fuse_messages.last);
	fd = fuse_session_fd(front->session);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	front->watch =
	    (struct watch){ .fd = fd, .ready = front_ready, .ctx = front };
	if (watch_add(front->loop, &front->watch, EPOLLIN) < 0)
		return error_set(err, ERROR_FAILED, "cannot watch /dev/fuse");
	front->watching = true;
	front->probing = true;
	front->probe_job = (struct job){
		.work = probe_work,
		.done = probe_done,
		.ctx = front,
	};
	job_submit(front->loop, &front->probe_job);
	return 0;
}

int
fuse_front_new(struct loop *loop, const struct fuse_front_config *config,
    struct fuse_front **ret, struct error *err)
{
	struct fuse_front *front = calloc(1, sizeof(*front));
	int result = -1;

	if (front == NULL)
		return error_set(err, ERROR_FAILED, "out of memory");
	front->loop = loop;
	front->config = *config;
	front->uid = getuid();
	front->gid = getgid();
	front->mountpoint = strdup(config->mountpoint);
	inval_init(front);
	if (front->mountpoint == NULL || name_init(front) < 0 ||
	    op_pool_init(front) < 0)
		error_set(err, ERROR_FAILED, "out of memory");
	else if (session_new(front, err) == 0)
		result = session_mount(front, err);
	if (result < 0) {
		fuse_front_free(front);
		return -1;
	}
	*ret = front;
	return 0;
}

/* libfuse's unmount is lazy and drops what is dirty: it only may clean up when
 * the kernel has ended the connection. */
static void
session_free(struct fuse_front *front)
{
	struct pollfd pfd = { .fd = fuse_session_fd(front->session) };

	if (pfd.fd >= 0 && poll(&pfd, 1, 0) == 1 &&
	    (pfd.revents & POLLERR) != 0)
		fuse_session_unmount(front->session);
	fuse_session_destroy(front->session);
}

void
fuse_front_free(struct fuse_front *front)
{
	if (front == NULL)
		return;
	fuse_front_stop(front);
	if (front->session != NULL)
		session_free(front);
	op_pool_fini(front);
	name_fini(front);
	free(front->mountpoint);
	free(front);
}
