/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See kpipes.h.  A pipe has so many slots, and each takes a piece of what a
 * packet has brought, which may be a page or two, or a few bytes: over loopback
 * a pipe holds as much as its size says, elsewhere perhaps a third of it.  When
 * one was full too early, the next requests are not given any, since theirs
 * would be, too; after a while it is tried again.  The same goes for
 * descriptors and pages that are not to be had (RLIMIT_NOFILE,
 * fs.pipe-user-pages-soft).
 */
#include "io/kpipes.h"

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define PIPES 64
/* One for so many descriptors of the process, which connections need. */
#define DESCRIPTORS_EACH 16
/* Of a shorter request the copies cost less than the system calls that save
 * them. */
#define REQUEST_LEAST ((size_t)64 << 10)
#define PIPE_SIZE     ((size_t)512 << 10)
/* As far as every user may go (fs.pipe-max-size). */
#define PIPE_SIZE_MAX ((size_t)1 << 20)
/* All of ours: half of what a user has (fs.pipe-user-pages-soft). */
#define TOTAL_MAX ((size_t)32 << 20)
/* Requests that are not given any after one was full or could not be had. */
#define PAUSE 256

struct slot {
	struct kpipe pipe; /* first: a pipe is cast to its slot */
	int fd[2];	   /* -1: closed */
	size_t size;
};

struct kpipes {
	struct kpipe_source source;
	struct slot pipe[PIPES];
	struct slot *idle[PIPES]; /* the last one given back goes first */
	unsigned idle_n;
	size_t least;	/* size of one */
	size_t total;	/* size of all */
	unsigned pause; /* requests that are still to go without */
};

static void
slot_close(struct kpipes *p, struct slot *k)
{
	if (k->fd[0] != -1) {
		close(k->fd[0]);
		close(k->fd[1]);
	}
	k->fd[0] = k->fd[1] = -1;
	p->total -= k->size;
	k->size = 0;
	k->pipe.held = 0;
}

/* Makes it as large as that. */
static bool
slot_open(struct kpipes *p, struct slot *k, size_t size)
{
	if (k->size >= size)
		return true;
	if (p->total - k->size + size > TOTAL_MAX)
		return false;
	if (k->fd[0] == -1 && pipe2(k->fd, O_CLOEXEC | O_NONBLOCK) == -1) {
		k->fd[0] = k->fd[1] = -1;
		return false;
	}
	if (fcntl(k->fd[1], F_SETPIPE_SZ, (int)size) == -1) {
		slot_close(p, k);
		return false;
	}
	p->total += size - k->size;
	k->size = size;
	return true;
}

/* Bytes that can be read from a descriptor. */
static int
readable(int fd)
{
	int n;

	return ioctl(fd, FIONREAD, &n) == -1 ? -errno : n;
}

static struct kpipe *
kpipes_get(void *ctx, size_t size)
{
	struct kpipes *p = ctx;
	struct slot *k;

	if (p->idle_n == 0 || size > PIPE_SIZE_MAX)
		return NULL;
	if (p->pause > 0) {
		p->pause--;
		return NULL;
	}
	k = p->idle[p->idle_n - 1];
	if (size <= p->least)
		size = p->least;
	else
		size = PIPE_SIZE_MAX;
	if (!slot_open(p, k, size)) {
		p->pause = PAUSE;
		return NULL;
	}
	p->idle_n--;
	return &k->pipe;
}

/* It is asked as well, since another request's bytes must never come out. */
static void
kpipes_put(void *ctx, struct kpipe *pipe)
{
	struct slot *k = (struct slot *)pipe;
	struct kpipes *p = ctx;

	if (pipe->held > 0 || readable(k->fd[0]) != 0)
		slot_close(p, k);
	p->idle[p->idle_n++] = k;
}

static int
kpipes_spill(void *ctx, struct kpipe *pipe, void *buf, size_t n)
{
	struct slot *k = (struct slot *)pipe;
	struct kpipes *p = ctx;
	uint8_t *to = buf;
	ssize_t got;

	if (p->least < PIPE_SIZE_MAX)
		p->least = PIPE_SIZE_MAX;
	else
		p->pause = PAUSE;
	if (n != pipe->held)
		return -EINVAL;
	for (; n > 0; n -= (size_t)got) {
		do {
			got = read(k->fd[0], to, n);
		} while (got == -1 && errno == EINTR);
		if (got <= 0)
			return got == 0 ? -EIO : -errno;
		to += got;
		pipe->held -= (size_t)got;
	}
	return 0;
}

static const struct kpipe_ops ops = {
	.get = kpipes_get,
	.put = kpipes_put,
	.spill = kpipes_spill,
};

/* How many there may be. */
static unsigned
pipes_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return 0;
	limit.rlim_cur /= DESCRIPTORS_EACH;
	return limit.rlim_cur < PIPES ? (unsigned)limit.rlim_cur : PIPES;
}

struct kpipes *
kpipes_new(void)
{
	struct kpipes *p = calloc(1, sizeof(*p));
	unsigned max = pipes_max();

	if (p == NULL)
		return NULL;
	p->least = PIPE_SIZE;
	p->source = (struct kpipe_source){
		.ops = &ops, .ctx = p, .least = REQUEST_LEAST
	};
	for (unsigned i = 0; i < PIPES; i++)
		p->pipe[i].fd[0] = p->pipe[i].fd[1] = -1;
	for (; p->idle_n < max; p->idle_n++)
		p->idle[p->idle_n] = &p->pipe[p->idle_n];
	return p;
}

void
kpipes_free(struct kpipes *p)
{
	if (p == NULL)
		return;
	for (unsigned i = 0; i < PIPES; i++)
		slot_close(p, &p->pipe[i]);
	free(p);
}

const struct kpipe_source *
kpipes_source(const struct kpipes *p)
{
	return &p->source;
}

static ssize_t
move(int from, int to, size_t n)
{
	ssize_t moved;

	do {
		moved = splice(
		    from, NULL, to, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	} while (moved == -1 && errno == EINTR);
	return moved == -1 ? -errno : moved;
}

ssize_t
kpipe_fill(struct kpipe *pipe, int fd, size_t max)
{
	struct slot *k = (struct slot *)pipe;
	ssize_t got = move(fd, k->fd[1], max);

	/* Either side may be meant; once there are bytes, it is the pipe. */
	if (got == -EAGAIN && (pipe->held == 0 || readable(fd) <= 0))
		return got;
	if (got == -EAGAIN)
		got = move(fd, k->fd[1], max);
	if (got > 0)
		pipe->held += (size_t)got;
	return got < 0 ? -ENOBUFS : got;
}

ssize_t
kpipe_drain(struct kpipe *pipe, int fd)
{
	struct slot *k = (struct slot *)pipe;
	ssize_t put = move(k->fd[0], fd, pipe->held);

	if (put > 0)
		pipe->held -= (size_t)put;
	if (put == -EAGAIN && readable(k->fd[0]) <= 0)
		put = 0;
	/* It held less than we were told: there is no way on. */
	return put == 0 ? -EIO : put;
}
