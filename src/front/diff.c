/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff - see diff.h for what it does, diff_impl.h for how it is laid out.
 *
 * diff_pump() is what drives it: a deferred call after whatever has moved a
 * pair on.  It tells what is known by now of the oldest pairs, and begins as
 * many as there may be.  Comparing takes about as long as receiving, so the
 * helpers do it.
 */
#include "front/diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/mem_routines.h>

#include "front/diff_impl.h"

#define PAGE 4096

/* ---- failures ---- */

static void
diff_fail(struct diff *d, const struct error *why)
{
	int i;

	if (d->stopping)
		return;
	d->stopping = true;
	d->why = *why;
	for (i = 0; i < 2; i++)
		bdev_interrupt(d->config.bdev[i]);
	diff_moved_on(d);
}

static void
diff_no_memory(struct diff *d)
{
	struct error why;

	error_set(&why, ERROR_FAILED, "out of memory");
	diff_fail(d, &why);
}

/* ---- comparing, in a helper ---- */

static uint64_t
unit_of(const struct pair *k, uint64_t at)
{
	return at / k->diff->config.grain - k->at / k->diff->config.grain;
}

/* Where the unit after this one begins, within the pair. */
static uint64_t
unit_end(const struct pair *k, uint64_t at)
{
	uint64_t grain = k->diff->config.grain;
	uint64_t end = at - at % grain + grain;

	return end < k->at + k->length ? end : k->at + k->length;
}

static bool
same_bytes(const struct pair *k, uint64_t at, uint64_t length)
{
	const struct half *a = &k->half[0], *b = &k->half[1];
	size_t skip = (size_t)(at - k->at);

	if (!a->zeros && !b->zeros)
		return memcmp(a->buf + skip, b->buf + skip, length) == 0;
	return isal_zero_detect((a->zeros ? b : a)->buf + skip, length) == 0;
}

static void
compare_work(struct job *job)
{
	struct pair *k = job->ctx;
	uint64_t at, end;

	k->same = same_bytes(k, k->at, k->length);
	if (k->same)
		return;
	for (at = k->at; at < k->at + k->length; at = end) {
		uint64_t unit = unit_of(k, at);
		uint8_t bit = (uint8_t)(1u << unit % 8);

		end = unit_end(k, at);
		if (same_bytes(k, at, end - at))
			k->units[unit / 8] &= (uint8_t)~bit;
		else
			k->units[unit / 8] |= bit;
	}
}

static void
compare_done(struct job *job)
{
	struct pair *k = job->ctx;
	struct diff *d = k->diff;

	k->done = true;
	depth_done(&d->depth, k->length, d->tail - d->head >= d->depth.now,
	    loop_now(d->loop));
	diff_moved_on(d);
}

/* ---- reading ---- */

/* A stream has ended within this pair, or before it. */
static void
cut_to(struct diff *d, struct pair *k, uint64_t length, int side)
{
	uint64_t end = k->at + length;

	k->length = length;
	if (end < d->end) {
		d->end = end;
		d->status.longer[!side] = true;
	}
	d->probe = false;
}

static void
pair_read(struct pair *k)
{
	struct diff *d = k->diff;
	uint64_t planned = k->length;
	int i;

	for (i = 0; i < 2; i++) {
		const struct half *h = &k->half[i];

		if (d->stopping || !d->side[i].bdev->stream || h->zeros ||
		    h->req.length == planned)
			continue;
		cut_to(d, k, h->req.length, i);
	}
	/* It had more than the other side has. */
	if (!d->stopping && k->at >= d->end && k->length > 0) {
		for (i = 0; i < 2; i++)
			d->status.longer[i] = d->side[i].bdev->stream;
		k->length = 0;
	}
	if (d->stopping || k->length == 0) {
		k->same = k->done = true;
		diff_moved_on(d);
		return;
	}
	k->job = (struct job){
		.work = compare_work, .done = compare_done, .ctx = k
	};
	job_submit(d->loop, &k->job);
}

static void
half_read(struct bdev_req *req)
{
	struct half *h = req->ctx;
	struct pair *k = h->pair;
	struct diff *d = k->diff;
	enum error_class class = h->why.class;
	struct error why;

	if (req->result < 0) {
		if (class == ERROR_NONE)
			class = req->result == -EIO ? ERROR_IO : ERROR_FAILED;
		error_set(&why, class, "reading %s at byte %llu: %s",
		    d->config.name[h == &k->half[1]], (unsigned long long)k->at,
		    h->why.class != ERROR_NONE ? h->why.text
					       : strerror(-req->result));
		diff_fail(d, &why);
	}
	if (--k->reading == 0)
		pair_read(k);
}

/* The memory of a pair stays with it. */
static int
half_prepare(struct diff *d, struct half *h)
{
	if (h->buf == NULL)
		h->buf = aligned_alloc(PAGE, d->config.chunk);
	return h->buf == NULL ? -ENOMEM : 0;
}

static int
pair_prepare(struct diff *d, struct pair *k)
{
	int i;

	if (k->units == NULL)
		k->units = malloc(d->config.chunk / d->config.grain / 8 + 2);
	if (k->units == NULL)
		return -ENOMEM;
	for (i = 0; i < 2; i++)
		if (!k->half[i].zeros && half_prepare(d, &k->half[i]) < 0)
			return -ENOMEM;
	return 0;
}

static void
pair_start(struct diff *d, struct pair *k)
{
	int i;

	k->diff = d;
	k->same = k->done = k->skip;
	if (k->skip)
		return;
	if (pair_prepare(d, k) < 0) {
		k->same = k->done = true;
		diff_no_memory(d);
		return;
	}
	k->reading = (unsigned)!k->half[0].zeros + !k->half[1].zeros;
	for (i = 0; i < 2; i++) {
		struct half *h = &k->half[i];

		if (h->zeros)
			continue;
		h->pair = k;
		h->why.class = ERROR_NONE;
		h->iov = (struct iovec){ .iov_base = h->buf,
			.iov_len = (size_t)k->length };
		h->req = (struct bdev_req){
			.op = BDEV_READ,
			.offset = k->at,
			.length = k->length,
			.iov = &h->iov,
			.iovcnt = 1,
			.why = &h->why,
			.done = half_read,
			.ctx = h,
		};
		bdev_submit(d->side[i].bdev, &h->req);
	}
}

/* ---- what is known ---- */

static struct pair *
pair_of(struct diff *d, uint64_t number)
{
	return d->ring[number % d->depth.most];
}

/* NULL: no memory. */
static struct pair *
pair_get(struct diff *d)
{
	struct pair *k = SLIST_FIRST(&d->spare);

	if (k == NULL)
		return calloc(1, sizeof(*k));
	SLIST_REMOVE_HEAD(&d->spare, link);
	return k;
}

static void
tell(struct diff *d)
{
	if (d->run_end > d->run)
		d->config.differs(d->config.ctx, d->run, d->run_end - d->run);
	d->run = d->run_end = 0;
}

static void
gather(struct diff *d, const struct pair *k)
{
	uint64_t at, end;

	for (at = k->at; at < k->at + k->length; at = end) {
		uint64_t unit = unit_of(k, at);

		end = unit_end(k, at);
		if ((k->units[unit / 8] >> unit % 8 & 1) == 0)
			continue;
		if (at != d->run_end || d->run_end == d->run) {
			tell(d);
			d->run = at;
		}
		d->run_end = end;
		d->status.differs += end - at;
	}
}

static void
retire(struct diff *d)
{
	for (; d->head < d->tail; d->head++) {
		struct pair *k = pair_of(d, d->head);

		if (!k->done)
			return;
		SLIST_INSERT_HEAD(&d->spare, k, link);
		if (d->stopping || k->length == 0)
			continue;
		if (!k->same)
			gather(d, k);
		d->status.done += k->length;
		d->status.skipped += k->skip ? k->length : 0;
	}
}

static void
begin(struct diff *d)
{
	while (!d->stopping && d->tail - d->head < d->depth.now) {
		struct pair *k = pair_get(d);

		if (k == NULL) {
			diff_no_memory(d);
			return;
		}
		if (!diff_plan_next(d, k)) {
			SLIST_INSERT_HEAD(&d->spare, k, link);
			return;
		}
		d->ring[d->tail++ % d->depth.most] = k;
		pair_start(d, k);
		retire(d);
	}
}

static void
diff_pump(struct deferred *call)
{
	struct diff *d = call->ctx;

	retire(d);
	begin(d);
	if (d->ended || d->head < d->tail || d->side[0].asking ||
	    d->side[1].asking || (!d->stopping && d->next < d->end))
		return;
	tell(d);
	d->ended = true;
	d->config.done(
	    d->config.ctx, d->why.class == ERROR_NONE ? NULL : &d->why);
}

void
diff_moved_on(struct diff *d)
{
	deferred_set(d->loop, &d->pump);
}

/* ---- the owner's side ---- */

int
diff_new(struct loop *loop, const struct diff_config *config, struct diff **ret)
{
	struct diff *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return -ENOMEM;
	d->loop = loop;
	d->config = *config;
	depth_init(&d->depth, config->depth, config->depth_most);
	d->ring = calloc(d->depth.most, sizeof(struct pair *));
	if (d->ring == NULL) {
		free(d);
		return -ENOMEM;
	}
	d->pump = (struct deferred){ .run = diff_pump, .ctx = d };
	diff_plan_init(d);
	diff_moved_on(d);
	*ret = d;
	return 0;
}

void
diff_stop(struct diff *d, const struct error *why)
{
	diff_fail(d, why);
}

void
diff_status(const struct diff *d, struct diff_status *ret)
{
	*ret = d->status;
	ret->length = d->probe || d->end == UINT64_MAX
			  ? UINT64_MAX
			  : d->end - d->config.offset;
}

void
diff_free(struct diff *d)
{
	struct pair *k;

	if (d == NULL)
		return;
	deferred_clear(d->loop, &d->pump);
	while ((k = SLIST_FIRST(&d->spare)) != NULL) {
		SLIST_REMOVE_HEAD(&d->spare, link);
		free(k->half[0].buf);
		free(k->half[1].buf);
		free(k->units);
		free(k);
	}
	free(d->ring);
	free(d);
}
