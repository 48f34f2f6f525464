/* SPDX-License-Identifier: BSD-2-Clause */
/* The disk of test_nbd_pair: late, out of order, failing. */
#include "nbd_world.h"

#include <errno.h>
#include <string.h>

static bool
overlap(const struct bdev_req *a, const struct bdev_req *b)
{
	return a->op != BDEV_FLUSH && b->op != BDEV_FLUSH &&
	       a->offset < b->offset + b->length &&
	       b->offset < a->offset + a->length;
}

static uint64_t *
due(struct bdev_req *req)
{
	return (uint64_t *)(void *)&req->priv;
}

static void
disk_submit(struct bdev *bdev, struct bdev_req *req)
{
	struct disk *d = (struct disk *)bdev;
	struct bdev_req *other;
	uint64_t at = d->w->now;

	if (!d->w->whole)
		at += below(d->w, 400) * 1000;
	TAILQ_FOREACH (other, &d->pending, link)
		if (overlap(req, other) && *due(other) > at)
			at = *due(other);
	*due(req) = at;
	TAILQ_INSERT_TAIL(&d->pending, req, link);
}

/* As much as the pipe takes, by pieces; false: not all. */
static bool
disk_pipe(struct disk *d, struct bdev_req *req, struct kpipe *pipe)
{
	size_t at = 0, n, got;

	while (at < req->length) {
		n = 1 + below(d->w, req->length - at);
		got = model_pipe_fill(pipe, d->mem + req->offset + at, n);
		if (got < n)
			return false;
		at += got;
	}
	return true;
}

/* An earlier try may have left some of it. */
static bool
disk_offer(struct disk *d, struct bdev_req *req)
{
	struct kpipe *pipe;

	if (req->op != BDEV_READ || d->w->whole || chance(d->w, 4))
		return false;
	pipe = bdev_pipe(req);
	if (pipe != NULL && chance(d->w, 4)) {
		model_pipe_fill(pipe, (const uint8_t *)"stale",
		    req->length < 5 ? req->length : 5);
		pipe = bdev_pipe(req);
	}
	return pipe != NULL && disk_pipe(d, req, pipe);
}

static void
disk_move(struct disk *d, struct bdev_req *req)
{
	if (disk_offer(d, req))
		return;
	check(bdev_place(req) == 0, "no memory for a READ");
	check(req->iovcnt == 1 && req->iov->iov_len == req->length,
	    "the vectors do not fit the request");
	if (req->op == BDEV_READ)
		memcpy(req->iov->iov_base, d->mem + req->offset, req->length);
	else
		memcpy(d->mem + req->offset, req->iov->iov_base, req->length);
}

/* Pieces that are touched are allocated; whole ones that are cleared are not.
 */
static void
disk_allocate(struct disk *d, const struct bdev_req *req)
{
	size_t end = req->offset + req->length;

	for (size_t i = req->offset / PIECE; i * PIECE < end; i++)
		d->hole[i] = req->op != BDEV_WRITE &&
			     !(req->flags & BDEV_NO_HOLE) &&
			     i * PIECE >= req->offset && (i + 1) * PIECE <= end;
}

static void
disk_extents(struct disk *d, struct bdev_req *req)
{
	size_t at = req->offset, end = req->offset + req->length, next;
	unsigned n = 0;

	for (; at < end && n < req->extents_max; at = next) {
		next = (at / PIECE + 1) * PIECE;
		while (
		    next < end && d->hole[next / PIECE] == d->hole[at / PIECE])
			next += PIECE;
		if (next > end)
			next = end;
		req->extents[n++] = (struct bdev_extent){ next - at,
			d->hole[at / PIECE] ? BDEV_HOLE : BDEV_DATA };
	}
	req->extents_n = n;
}

static void
disk_do(struct disk *d, struct bdev_req *req)
{
	struct world *w = d->w;
	int result = bdev_check(&d->bdev, req);
	bool fails = result > 0 && w->errors && chance(w, 20);

	req->result = result < 0 ? result : 0;
	if (result > 0 && req->flags & BDEV_FAST && chance(w, 3)) {
		req->result = -EOPNOTSUPP;
		return;
	}
	if (fails)
		req->result = -EIO;
	if (result <= 0 || (fails && chance(w, 2)))
		return;
	switch (req->op) {
	case BDEV_READ:
		disk_move(d, req);
		break;
	case BDEV_WRITE:
		disk_move(d, req);
		disk_allocate(d, req);
		break;
	case BDEV_DISCARD:
		if (chance(w, 2))
			break;
		/* fallthrough */
	case BDEV_ZERO:
		memset(d->mem + req->offset, 0, req->length);
		disk_allocate(d, req);
		break;
	case BDEV_EXTENTS:
		disk_extents(d, req);
		break;
	case BDEV_FLUSH:
	case BDEV_COPY:
		break;
	}
}

uint64_t
disk_deadline(const struct disk *d)
{
	struct bdev_req *req;
	uint64_t at = CLOCK_NEVER;

	TAILQ_FOREACH (req, &d->pending, link)
		if (*due(req) < at)
			at = *due(req);
	return at;
}

/* In the order of their submission, so that overlapping ones keep it. */
bool
disk_run(struct disk *d)
{
	struct bdev_req *req;
	bool any = false;

again:
	TAILQ_FOREACH (req, &d->pending, link) {
		if (*due(req) > d->w->now)
			continue;
		TAILQ_REMOVE(&d->pending, req, link);
		disk_do(d, req);
		req->done(req);
		any = true;
		goto again;
	}
	return any;
}

static void
disk_close(struct bdev *bdev)
{
	(void)bdev;
}

static const struct bdev_ops disk_ops = { .submit = disk_submit,
	.close = disk_close };

void
disk_init(struct disk *d, struct world *w)
{
	d->w = w;
	d->bdev = (struct bdev){ .ops = &disk_ops,
		.size = DISK_SIZE,
		.block_size = 512,
		.physical_block_size = 4096,
		.thin = w->whole || !chance(w, 4),
		.can_discard = w->whole || !chance(w, 4),
		.can_fast_zero = w->whole || !chance(w, 4) };
	TAILQ_INIT(&d->pending);
	memset(d->hole, true, sizeof(d->hole));
}
