/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_plan - where the next pair of chunks lies, and what need not be read of
 * it.
 *
 * Pairs end at multiples of the chunk size.  Where both sides have a hole they
 * end as well, if it is worth it, and the next pair is all of that hole, cut
 * down to aligned ends.  A hole of one side spares its read when it covers the
 * pair.
 */
#include "front/diff_impl.h"

#define ALIGN	   4096u
#define SKIP_LEAST 65536u

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Only knowledge is missing then: everything is read. */
static void
extents_done(struct bdev_req *req)
{
	struct side *side = req->ctx;
	unsigned i;

	side->asking = false;
	side->from = side->to = req->offset;
	side->n = req->result < 0 ? 0 : req->extents_n;
	for (i = 0; i < side->n; i++)
		side->to += side->extents[i].length;
	if (side->n == 0)
		side->tells = false;
	diff_moved_on(side->diff);
}

static void
ask(struct side *side, uint64_t at, uint64_t end)
{
	side->asking = true;
	side->req = (struct bdev_req){
		.op = BDEV_EXTENTS,
		.offset = at,
		.length = end - at,
		.extents = side->extents,
		.extents_max = DIFF_EXTENTS,
		.done = extents_done,
		.ctx = side,
	};
	bdev_submit(side->bdev, &side->req);
}

/* How far the hole goes that begins at `at`, or the data; what is not known
 * counts as data. */
static uint64_t
run_at(const struct side *side, uint64_t at, bool *ret_hole)
{
	uint64_t end = side->from;
	unsigned i;

	*ret_hole = false;
	if (!side->tells || at < side->from || at >= side->to)
		return UINT64_MAX;
	for (i = 0; i < side->n; i++) {
		end += side->extents[i].length;
		if (at < end)
			break;
	}
	*ret_hole = side->extents[i].alloc == BDEV_HOLE;
	return end;
}

static bool
hole_until(const struct side *side, uint64_t at, uint64_t end)
{
	bool hole = true;

	while (hole && at < end)
		at = run_at(side, at, &hole);
	return hole;
}

/* The same of both: a hole is one of both. */
static uint64_t
common_run(const struct diff *d, uint64_t at, bool *ret_hole)
{
	bool hole[2];
	uint64_t a = run_at(&d->side[0], at, &hole[0]);
	uint64_t b = run_at(&d->side[1], at, &hole[1]);

	*ret_hole = hole[0] && hole[1];
	return least(a, b);
}

/* Where the common hole ends that begins at `at`, aligned; at: none that is
 * worth it. */
static uint64_t
skip_from(const struct diff *d, uint64_t at)
{
	uint64_t end = at;
	bool hole;

	while (end < d->end) {
		uint64_t stop = common_run(d, end, &hole);

		if (!hole)
			break;
		end = least(stop, d->end);
	}
	if (end < d->end)
		end -= end % ALIGN;
	return end >= at + SKIP_LEAST || (end == d->end && end > at) ? end : at;
}

/* Where a common hole that is worth it begins behind `at`, or the limit. */
static uint64_t
data_until(const struct diff *d, uint64_t at, uint64_t limit)
{
	bool hole;

	while (at < limit) {
		at = common_run(d, at, &hole);
		if (at >= limit)
			break;
		at = (at + ALIGN - 1) / ALIGN * ALIGN;
		if (at < limit && skip_from(d, at) > at)
			return at;
	}
	return limit;
}

void
diff_plan_init(struct diff *d)
{
	const struct diff_config *config = &d->config;
	bool stream = false;
	uint64_t most = UINT64_MAX;
	int i;

	for (i = 0; i < 2; i++) {
		struct bdev *bdev = config->bdev[i];

		d->side[i].diff = d;
		d->side[i].bdev = bdev;
		d->side[i].tells = bdev->thin && !bdev->stream;
		stream = stream || bdev->stream;
		if (!bdev->stream && bdev->size < most)
			most = bdev->size;
	}
	d->next = config->offset;
	d->end = config->length == UINT64_MAX ? most
					      : config->offset + config->length;
	/* Whether a stream has more is seen by reading on. */
	d->probe = stream && config->length == UINT64_MAX;
}

static bool
knows(struct diff *d, struct side *side)
{
	if (!side->tells || d->next < side->to)
		return true;
	if (!side->asking)
		ask(side, d->next, d->end);
	return false;
}

/* What a stream has behind the end of the other side. */
static int
plan_probe(struct diff *d, struct pair *k)
{
	int i;

	d->probe = false;
	k->at = d->next;
	k->length = d->config.chunk;
	k->skip = false;
	for (i = 0; i < 2; i++)
		k->half[i].zeros = !d->side[i].bdev->stream;
	return 1;
}

int
diff_plan_next(struct diff *d, struct pair *k)
{
	uint64_t limit, stop;
	int i;

	if (d->next >= d->end)
		return d->probe ? plan_probe(d, k) : 0;
	/* Both are asked before one is waited for. */
	if (!(knows(d, &d->side[0]) & knows(d, &d->side[1])))
		return 0;
	k->at = d->next;
	stop = skip_from(d, k->at);
	if (stop == k->at) {
		limit = k->at - k->at % d->config.chunk + d->config.chunk;
		stop = data_until(d, k->at, least(limit, d->end));
	}
	for (i = 0; i < 2; i++) {
		k->half[i].zeros = hole_until(&d->side[i], k->at, stop);
	}
	/* A common hole too short to be looked for, but all of this pair. */
	k->skip = k->half[0].zeros && k->half[1].zeros;
	k->length = stop - k->at;
	d->next = stop;
	return 1;
}
