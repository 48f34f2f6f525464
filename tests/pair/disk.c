/* SPDX-License-Identifier: BSD-2-Clause */
/* The disk of test_pair: answers late, overlapping requests in order. */
#include "world.h"

#include <errno.h>
#include <string.h>

static bool
overlap(const struct bdev_req *a, const struct bdev_req *b)
{
	return a->offset < b->offset + b->length &&
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
	struct world *w = d->w;
	struct bdev_req *other;
	uint64_t at = w->now;

	if (!w->whole)
		at += below(w, 200) * 1000;
	if (w->slow_disk && chance(w, 40))
		at += below(w, 80) * CLOCK_S;
	TAILQ_FOREACH (other, &d->pending, link)
		if (overlap(req, other) && *due(other) > at)
			at = *due(other);
	*due(req) = at;
	TAILQ_INSERT_TAIL(&d->pending, req, link);
}

static void
disk_do(struct disk *d, struct bdev_req *req)
{
	uint64_t at = req->offset, left = req->length, len;

	req->result = 0;
	if (req->op != BDEV_READ && req->op != BDEV_WRITE) {
		req->result = req->op == BDEV_FLUSH ? 0 : -EOPNOTSUPP;
		return;
	}
	for (int i = 0; i < req->iovcnt && left > 0; i++) {
		len = req->iov[i].iov_len < left ? req->iov[i].iov_len : left;
		if (req->op == BDEV_READ)
			memcpy(req->iov[i].iov_base, d->mem + at, len);
		else
			memcpy(d->mem + at, req->iov[i].iov_base, len);
		at += len;
		left -= len;
	}
	check(left == 0, "a request's vectors are too short");
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
disk_run(struct disk *d, uint64_t now)
{
	struct bdev_req *req;
	bool any = false;

again:
	TAILQ_FOREACH (req, &d->pending, link) {
		if (*due(req) > now)
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
	struct disk *d = (struct disk *)bdev;

	check(TAILQ_EMPTY(&d->pending), "closed with requests pending");
	free(d->mem);
	free(d);
}

static const struct bdev_ops disk_ops = { .submit = disk_submit,
	.close = disk_close };

struct disk *
disk_new(struct world *w)
{
	struct disk *d = calloc(1, sizeof(*d));

	check(d != NULL, "out of memory");
	d->w = w;
	d->bdev.ops = &disk_ops;
	d->bdev.size = (uint64_t)DISK_BLOCKS * w->block_size;
	d->bdev.block_size = chance(w, 2) ? w->block_size : 1;
	d->bdev.physical_block_size = w->block_size;
	d->mem = malloc(d->bdev.size);
	check(d->mem != NULL, "out of memory");
	TAILQ_INIT(&d->pending);
	for (uint32_t i = 0; i < DISK_BLOCKS; i++) {
		block_fill(w, d->mem + i * w->block_size, i, 0);
		w->block[i].n = 1;
	}
	return d;
}
