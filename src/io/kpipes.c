/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See kpipes.h.  A pipe has so many slots, and each takes a piece of what a
 * packet has brought, which may be some pages, or one, or a few bytes: what the
 * kernel copies over loopback fills a pipe as far as its size says, what comes
 * from elsewhere perhaps a third of it.  So ours are several of the kernel's,
 * one after the other, of which the later ones are opened when they are needed.
 * When all were full too early, the next requests are not given any, since
 * theirs would be, too; after a while it is tried again.  The same goes for
 * descriptors and pages that are not to be had (RLIMIT_NOFILE,
 * fs.pipe-user-pages-soft).  What idle pipes have is taken from them when there
 * is no other; that all are in use for the moment is no reason to wait.
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
#define PARTS 4
/* One part for so many descriptors of the process, which connections need. */
#define DESCRIPTORS_EACH 16
/* Of a shorter request the copies cost less than the system calls that save
 * them. */
#define REQUEST_LEAST ((size_t)64 << 10)
#define REQUEST_MOST  ((size_t)2 << 20)
#define PART_SIZE     ((size_t)512 << 10)
/* As far as every user may go (fs.pipe-max-size). */
#define PART_SIZE_MAX ((size_t)1 << 20)
/* All of ours: half of what a user has (fs.pipe-user-pages-soft). */
#define TOTAL_MAX ((size_t)32 << 20)
/* Requests that are not given any after one was full or could not be had. */
#define PAUSE 256

/* One pipe of the kernel's. */
struct part {
	int fd[2]; /* -1: closed */
	size_t size;
	size_t held; /* bytes in it */
};

struct slot {
	struct kpipe pipe; /* first: a pipe is cast to its slot */
	struct kpipes *pipes;
	struct part part[PARTS];
	unsigned in;  /* the part that is being filled ... */
	unsigned out; /* ... and emptied */
};

struct kpipes {
	struct kpipe_source source;
	struct slot pipe[PIPES];
	struct slot *idle[PIPES]; /* the last one given back goes first */
	unsigned idle_n;
	unsigned parts;	    /* open */
	unsigned parts_max; /* open at once */
	size_t least;	    /* size of the first part */
	size_t total;	    /* size of all parts */
	unsigned pause;	    /* requests that are still to go without */
};

static void
part_close(struct kpipes *p, struct part *part)
{
	if (part->fd[0] != -1) {
		close(part->fd[0]);
		close(part->fd[1]);
		p->parts--;
	}
	p->total -= part->size;
	*part = (struct part){ .fd = { -1, -1 } };
}

static void
slot_close(struct slot *k)
{
	for (unsigned i = 0; i < PARTS; i++)
		part_close(k->pipes, &k->part[i]);
	k->pipe.held = 0;
}

static bool
fits(const struct kpipes *p, const struct part *part, size_t size)
{
	return p->total - part->size + size <= TOTAL_MAX &&
	       (part->fd[0] != -1 || p->parts < p->parts_max);
}

/* Makes it as large as that; it is not of an idle slot. */
static bool
part_open(struct kpipes *p, struct part *part, size_t size)
{
	if (part->size >= size)
		return true;
	for (unsigned i = 0; i < p->idle_n && !fits(p, part, size); i++)
		slot_close(p->idle[i]);
	if (!fits(p, part, size))
		return false;
	if (part->fd[0] == -1) {
		if (pipe2(part->fd, O_CLOEXEC | O_NONBLOCK) == -1) {
			part->fd[0] = part->fd[1] = -1;
			p->pause = PAUSE;
			return false;
		}
		p->parts++;
	}
	if (fcntl(part->fd[1], F_SETPIPE_SZ, (int)size) == -1) {
		part_close(p, part);
		p->pause = PAUSE;
		return false;
	}
	p->total += size - part->size;
	part->size = size;
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

	if (p->idle_n == 0 || size > REQUEST_MOST)
		return NULL;
	if (p->pause > 0) {
		p->pause--;
		return NULL;
	}
	k = p->idle[--p->idle_n];
	/* Two, when it has been seen that one would not do. */
	if (!part_open(
		p, &k->part[0], size <= p->least ? p->least : PART_SIZE_MAX) ||
	    (p->least == PART_SIZE_MAX && size > PART_SIZE &&
		!part_open(p, &k->part[1], PART_SIZE_MAX))) {
		p->idle_n++;
		return NULL;
	}
	k->in = k->out = 0;
	return &k->pipe;
}

/* It is asked as well, since another request's bytes must never come out. */
static bool
slot_is_empty(const struct slot *k)
{
	for (unsigned i = 0; i <= k->in; i++) {
		if (k->part[i].held > 0 || readable(k->part[i].fd[0]) != 0)
			return false;
	}
	return true;
}

static void
kpipes_put(void *ctx, struct kpipe *pipe)
{
	struct slot *k = (struct slot *)pipe;
	struct kpipes *p = ctx;

	if (!slot_is_empty(k))
		slot_close(k);
	p->idle[p->idle_n++] = k;
}

/* All that the part holds. */
static int
part_read(struct part *part, uint8_t *to)
{
	while (part->held > 0) {
		ssize_t got = read(part->fd[0], to, part->held);

		if (got == -1 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0 ? -EIO : -errno;
		to += got;
		part->held -= (size_t)got;
	}
	return 0;
}

static int
kpipes_spill(void *ctx, struct kpipe *pipe, void *buf, size_t n)
{
	struct slot *k = (struct slot *)pipe;
	uint8_t *to = buf;

	(void)ctx;
	if (n != pipe->held)
		return -EINVAL;
	for (unsigned i = 0; i <= k->in; i++) {
		size_t held = k->part[i].held;
		int error = part_read(&k->part[i], to);

		pipe->held -= held - k->part[i].held;
		if (error != 0)
			return error;
		to += held;
	}
	return pipe->held == 0 ? 0 : -EIO;
}

static const struct kpipe_ops ops = {
	.get = kpipes_get,
	.put = kpipes_put,
	.spill = kpipes_spill,
};

/* How many parts may be open. */
static unsigned
parts_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return 0;
	limit.rlim_cur /= DESCRIPTORS_EACH;
	return limit.rlim_cur < PIPES * PARTS ? (unsigned)limit.rlim_cur
					      : PIPES * PARTS;
}

struct kpipes *
kpipes_new(void)
{
	struct kpipes *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->least = PART_SIZE;
	p->source = (struct kpipe_source){
		.ops = &ops, .ctx = p, .least = REQUEST_LEAST
	};
	p->parts_max = parts_max();
	for (unsigned i = 0; i < PIPES; i++) {
		struct slot *k = &p->pipe[i];

		k->pipes = p;
		for (unsigned j = 0; j < PARTS; j++)
			k->part[j].fd[0] = k->part[j].fd[1] = -1;
		p->idle[p->idle_n++] = k;
	}
	return p;
}

void
kpipes_free(struct kpipes *p)
{
	if (p == NULL)
		return;
	for (unsigned i = 0; i < PIPES; i++)
		slot_close(&p->pipe[i]);
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

/* Once it is full the first part of the next pipe is as large as can be. */
static bool
next_part(struct slot *k)
{
	struct kpipes *p = k->pipes;

	p->least = PART_SIZE_MAX;
	if (k->in + 1 == PARTS) {
		p->pause = PAUSE;
		return false;
	}
	if (!part_open(p, &k->part[k->in + 1], PART_SIZE_MAX))
		return false;
	k->in++;
	return true;
}

ssize_t
kpipe_fill(struct kpipe *pipe, int fd, size_t max)
{
	struct slot *k = (struct slot *)pipe;
	struct part *part;
	ssize_t got;

	do {
		part = &k->part[k->in];
		got = move(fd, part->fd[1], max);
		/* Either side may be meant; once there are bytes, it is the
		 * pipe. */
		if (got == -EAGAIN && (part->held == 0 || readable(fd) <= 0))
			return got;
		if (got == -EAGAIN)
			got = move(fd, part->fd[1], max);
	} while (got == -EAGAIN && next_part(k));
	if (got > 0) {
		part->held += (size_t)got;
		pipe->held += (size_t)got;
	}
	return got < 0 ? -ENOBUFS : got;
}

ssize_t
kpipe_drain(struct kpipe *pipe, int fd)
{
	struct slot *k = (struct slot *)pipe;
	struct part *part;
	ssize_t put, all = 0;

	do {
		while (k->part[k->out].held == 0 && k->out < k->in)
			k->out++;
		part = &k->part[k->out];
		put = move(part->fd[0], fd, part->held);
		if (put > 0) {
			part->held -= (size_t)put;
			pipe->held -= (size_t)put;
			all += put;
		}
	} while (put > 0 && part->held == 0 && pipe->held > 0);
	if (all > 0)
		return all;
	/* It held less than we were told: there is no way on. */
	if (put == 0 || (put == -EAGAIN && readable(part->fd[0]) <= 0))
		return -EIO;
	return put;
}
