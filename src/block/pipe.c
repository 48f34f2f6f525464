/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One request at a time, in the order of their submission, is a job of the
 * helper pool that makes blocking calls.  O_NONBLOCK would do without a helper,
 * but it belongs to the open file, which the shell and the other end of a
 * terminal share with us; and to open /dev/stdin again needs rights that
 * another user's pipe does not give.
 *
 * A blocked call is interrupted by a signal, SIGURG, whose handler does nothing
 * and does not restart calls.  It may come just before the call, so it is sent
 * again until the job has ended.  Helpers have it blocked but for these jobs.
 *
 * When a request has failed, what comes after it would be out of place: all
 * that follows fails in the same words (broken).
 */
#include "block/pipe.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <linux/fs.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/iov.h"

#define PIPE_IOVS  64
#define PIPE_ZEROS 65536
#define PIPE_SIZE  (1024 * 1024)
#define SIGNAL_NS  (10 * CLOCK_MS)

struct pipe {
	struct bdev bdev; /* first: a bdev is cast to what it is part of */
	struct loop *loop;
	int fd;
	const char *name;
	bool output;
	bool syncs; /* fdatasync() means something */
	bool ended; /* the end was met */
	int broken; /* 0, or the result of all that follows, and why */
	struct error broken_why;

	struct bdev_req_queue queue; /* not begun */
	struct deferred begin;

	/* The request with the helper, or NULL. */
	struct bdev_req *req;
	struct job job;
	int result; /* 0 or -errno */
	uint64_t moved;

	struct timer signal; /* sends it again */
	atomic_bool interrupted;
	atomic_bool inside; /* helper is valid */
	pthread_t helper;
};

static const char zeros[PIPE_ZEROS];

static struct pipe *
pipe_of(struct bdev *bdev)
{
	return (struct pipe *)bdev;
}

/* ---- in a helper ---- */

/* After a call that failed with errno: 0 to try again, or -errno. */
static int
pipe_retry(const struct pipe *p)
{
	int error = errno;
	struct pollfd pfd = { .fd = p->fd,
		.events = p->output ? POLLOUT : POLLIN };

	if (error != EINTR && error != EAGAIN)
		return -error;
	/* Somebody has made it non-blocking. */
	if (error == EAGAIN && poll(&pfd, 1, -1) == -1 && errno != EINTR)
		return -errno;
	return 0;
}

static ssize_t
pipe_write_some(const struct pipe *p, struct iovec *iov)
{
	const struct bdev_req *req = p->req;
	uint64_t left = req->length - p->moved;
	int n = 0;

	if (req->op == BDEV_WRITE)
		return writev(p->fd, iov,
		    iov_part(
			req->iov, req->iovcnt, p->moved, left, iov, PIPE_IOVS));
	while (left > 0 && n < PIPE_IOVS) {
		iov[n].iov_base = (void *)(uintptr_t)zeros;
		iov[n].iov_len = left < PIPE_ZEROS ? left : PIPE_ZEROS;
		left -= iov[n++].iov_len;
	}
	return writev(p->fd, iov, n);
}

/* Moves req->length bytes, or up to the end of the source. */
static int
pipe_move(struct pipe *p)
{
	const struct bdev_req *req = p->req;
	struct iovec iov[PIPE_IOVS];

	while (p->moved < req->length) {
		ssize_t n;
		int error;

		if (atomic_load(&p->interrupted))
			return -ECANCELED;
		if (p->output)
			n = pipe_write_some(p, iov);
		else
			n = readv(p->fd, iov,
			    iov_part(req->iov, req->iovcnt, p->moved,
				req->length - p->moved, iov, PIPE_IOVS));
		if (n == -1) {
			error = pipe_retry(p);
			if (error != 0)
				return error;
			continue;
		}
		if (n == 0)
			return p->output ? -EIO : 0;
		p->moved += (uint64_t)n;
	}
	return 0;
}

static int
pipe_do(struct pipe *p)
{
	int error = 0;

	if (p->req->op != BDEV_FLUSH)
		error = pipe_move(p);
	if (error == 0 && p->syncs &&
	    (p->req->op == BDEV_FLUSH ||
		(p->output && p->req->flags & BDEV_FUA)) &&
	    fdatasync(p->fd) == -1)
		error = -errno;
	return error;
}

static void
pipe_work(struct job *job)
{
	struct pipe *p = job->ctx;
	sigset_t urgent, old;

	sigemptyset(&urgent);
	sigaddset(&urgent, SIGURG);
	pthread_sigmask(SIG_UNBLOCK, &urgent, &old);
	p->helper = pthread_self();
	atomic_store(&p->inside, true);
	p->result = pipe_do(p);
	atomic_store(&p->inside, false);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* ---- in the loop ---- */

/* The first failure: it is that of all that follows. */
static int
pipe_break(struct pipe *p, int error)
{
	struct error *why = &p->broken_why;

	switch (error) {
	case -ECANCELED:
		error_set(why, ERROR_FAILED, "%s: interrupted", p->name);
		return p->broken = -ECANCELED;
	case -EPIPE:
		error_set(why, ERROR_FAILED,
		    "%s: its reader has gone before the end", p->name);
		return p->broken = -EIO;
	case -ENOSPC:
	case -EDQUOT:
		error_set(why, ERROR_FAILED, "%s: the disk is full: %s",
		    p->name, strerror(-error));
		return p->broken = -ENOSPC;
	default:
		error_set(
		    why, ERROR_FAILED, "%s: %s", p->name, strerror(-error));
		return p->broken = -EIO;
	}
}

static int
pipe_fail(struct pipe *p, struct bdev_req *req)
{
	if (req->why != NULL)
		*req->why = p->broken_why;
	return p->broken;
}

/* 1: the helper has something to do; else the result. */
static int
pipe_check(struct pipe *p, struct bdev_req *req)
{
	int check = bdev_check(&p->bdev, req);

	if (check <= 0)
		return check;
	if (p->broken != 0)
		return pipe_fail(p, req);
	if (req->op == BDEV_FLUSH)
		return p->syncs;
	if (p->output == (req->op == BDEV_READ))
		return -EINVAL;
	if (p->ended) {
		req->length = 0;
		return 0;
	}
	return bdev_place(req) == 0 ? 1 : -ENOMEM;
}

/* Hands the next request to the helper; those on the way that need none go to
 * finished. */
static void
pipe_next(struct pipe *p, struct bdev_req_queue *finished)
{
	struct bdev_req *req;

	while (p->req == NULL && (req = TAILQ_FIRST(&p->queue)) != NULL) {
		int check = pipe_check(p, req);

		TAILQ_REMOVE(&p->queue, req, link);
		if (check > 0) {
			p->req = req;
			p->moved = 0;
			job_submit(p->loop, &p->job);
			return;
		}
		if (check == -ENOMEM && p->broken == 0)
			pipe_break(p, check);
		req->result = check;
		TAILQ_INSERT_TAIL(finished, req, link);
	}
}

/* The device may be closed by the last of them. */
static void
pipe_finish(struct bdev_req_queue *finished)
{
	struct bdev_req *req;

	while ((req = TAILQ_FIRST(finished)) != NULL) {
		TAILQ_REMOVE(finished, req, link);
		req->done(req);
	}
}

static void
pipe_begin(struct deferred *d)
{
	struct bdev_req_queue finished = TAILQ_HEAD_INITIALIZER(finished);

	pipe_next(d->ctx, &finished);
	pipe_finish(&finished);
}

static void
pipe_done(struct job *job)
{
	struct pipe *p = job->ctx;
	struct bdev_req_queue finished = TAILQ_HEAD_INITIALIZER(finished);
	struct bdev_req *req = p->req;

	p->req = NULL;
	timer_clear(p->loop, &p->signal);
	if (p->result != 0) {
		if (p->broken == 0)
			pipe_break(p, p->result);
		req->result = pipe_fail(p, req);
	} else {
		req->result = 0;
		if (req->op == BDEV_READ && p->moved < req->length) {
			p->ended = true;
			req->length = p->moved;
		}
	}
	TAILQ_INSERT_TAIL(&finished, req, link);
	pipe_next(p, &finished);
	pipe_finish(&finished);
}

static void
pipe_submit(struct bdev *bdev, struct bdev_req *req)
{
	struct pipe *p = pipe_of(bdev);

	TAILQ_INSERT_TAIL(&p->queue, req, link);
	deferred_set(p->loop, &p->begin);
}

static void
pipe_signal(struct timer *t, uint64_t now)
{
	struct pipe *p = t->ctx;

	if (p->req == NULL)
		return;
	/* A helper lives as long as the loop: at worst the signal meets it
	 * while it has it blocked. */
	if (atomic_load(&p->inside))
		pthread_kill(p->helper, SIGURG);
	timer_set(p->loop, t, now + SIGNAL_NS);
}

static void
pipe_interrupt(struct bdev *bdev)
{
	struct pipe *p = pipe_of(bdev);

	atomic_store(&p->interrupted, true);
	if (p->broken == 0)
		pipe_break(p, -ECANCELED);
	pipe_signal(&p->signal, loop_now(p->loop));
}

static void
pipe_close(struct bdev *bdev)
{
	struct pipe *p = pipe_of(bdev);

	deferred_clear(p->loop, &p->begin);
	timer_clear(p->loop, &p->signal);
	free(p);
}

static const struct bdev_ops pipe_ops = {
	.submit = pipe_submit,
	.close = pipe_close,
	.interrupt = pipe_interrupt,
};

/* ---- opening ---- */

static void
urgent(int signo)
{
	(void)signo;
}

/* What is still to come from a file or a block device. */
static uint64_t
pipe_rest(int fd, const struct stat *st)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	uint64_t size = 0;

	if (S_ISREG(st->st_mode))
		size = (uint64_t)st->st_size;
	else if (ioctl(fd, BLKGETSIZE64, &size) == -1)
		return UINT64_MAX;
	if (at == -1)
		return UINT64_MAX;
	return (uint64_t)at < size ? size - (uint64_t)at : 0;
}

static int
pipe_probe(struct pipe *p)
{
	int mode = fcntl(p->fd, F_GETFL);
	struct stat st;

	if (mode == -1 || fstat(p->fd, &st) == -1)
		return -errno;
	mode &= O_ACCMODE;
	if (mode != O_RDWR && mode != (p->output ? O_WRONLY : O_RDONLY))
		return -EBADF;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	p->syncs = S_ISREG(st.st_mode) || S_ISBLK(st.st_mode);
	p->bdev.size = UINT64_MAX;
	if (p->syncs && !p->output)
		p->bdev.size = pipe_rest(p->fd, &st);
	/* Fewer turns of the two ends.  More than the user may have is
	 * refused, which is as good. */
	if (S_ISFIFO(st.st_mode) && fcntl(p->fd, F_GETPIPE_SZ) < PIPE_SIZE)
		(void)fcntl(p->fd, F_SETPIPE_SZ, PIPE_SIZE);
	return 0;
}

int
pipe_open(struct loop *loop, int fd, const char *name, bool output,
    struct bdev **ret, struct error *err)
{
	struct sigaction sa = { .sa_handler = urgent };
	struct pipe *p = calloc(1, sizeof(*p));
	int error = -ENOMEM;

	if (p != NULL) {
		p->fd = fd;
		p->output = output;
		error = pipe_probe(p);
	}
	if (error == 0 && sigaction(SIGURG, &sa, NULL) == -1)
		error = -errno;
	if (error != 0) {
		free(p);
		return error_set(
		    err, ERROR_FAILED, "%s: %s", name, strerror(-error));
	}
	p->loop = loop;
	p->name = name;
	TAILQ_INIT(&p->queue);
	p->begin = (struct deferred){ .run = pipe_begin, .ctx = p };
	p->job = (struct job){ .work = pipe_work, .done = pipe_done, .ctx = p };
	timer_init(&p->signal, pipe_signal, p);
	p->bdev.ops = &pipe_ops;
	p->bdev.block_size = p->bdev.physical_block_size = 1;
	p->bdev.stream = true;
	p->bdev.read_only = !output;
	p->bdev.volatile_cache = p->syncs;
	*ret = &p->bdev;
	return 0;
}
