/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copy_plan - where the next chunk of a copy lies, and whether it is a hole.
 *
 * The source is asked for its extents in windows.  A hole is cut down to
 * aligned ends, so that the data around it makes whole pages and blocks; then
 * data chunks end at multiples of the chunk size, and at holes.  Where chunks
 * are compared by number, a chunk is a hole only as a whole.
 */
#include <errno.h>

#include "front/copy_impl.h"

#define HOLE_MOST (UINT64_C(1) << 30)
#define HOLE_WORK (UINT64_C(1) << 22) /* when its zeros are hashed or sent */

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
round_up(uint64_t n)
{
	return (n + COPY_ALIGN - 1) / COPY_ALIGN * COPY_ALIGN;
}

static void
add_extent(struct copy *c, uint64_t length, enum bdev_alloc alloc)
{
	struct bdev_extent *next = &c->extents[c->extents_n];

	if (length == 0)
		return;
	if (c->extents_n > 0 && next[-1].alloc == alloc) {
		next[-1].length += length;
		return;
	}
	c->extents_n++;
	*next = (struct bdev_extent){ .length = length, .alloc = alloc };
}

/* Where what was told ends: not within a page, if it need not. */
static uint64_t
told_to(const struct copy *c, unsigned n)
{
	uint64_t end = c->next;
	unsigned i;

	for (i = 0; i < n; i++)
		end += least(c->told[i].length, c->end - end);
	if (end == c->end || end - end % COPY_ALIGN <= c->next)
		return end;
	return end - end % COPY_ALIGN;
}

/* Neighbours of a kind become one, and holes give what is not aligned of them
 * to the data around them. */
static void
tidy_extents(struct copy *c, unsigned n)
{
	uint64_t stop = told_to(c, n);
	uint64_t at = c->next;
	unsigned i, j;

	c->extents_n = 0;
	for (i = 0; i < n; i = j) {
		enum bdev_alloc alloc = c->told[i].alloc;
		uint64_t end = at, first, last;

		for (j = i; j < n && c->told[j].alloc == alloc; j++)
			end += least(c->told[j].length, stop - end);
		first = round_up(at);
		last = end == c->end ? end : end - end % COPY_ALIGN;
		if (alloc == BDEV_HOLE && first < last) {
			add_extent(c, first - at, BDEV_DATA);
			add_extent(c, last - first, BDEV_HOLE);
			add_extent(c, end - last, BDEV_DATA);
		} else {
			add_extent(c, end - at, BDEV_DATA);
		}
		at = end;
	}
}

static void
extents_done(struct bdev_req *req)
{
	struct copy *c = req->ctx;

	c->extents_pending = false;
	c->extents_i = 0;
	c->extents_from = c->extents_at = c->next;
	tidy_extents(c, req->result < 0 ? 0 : req->extents_n);
	/* A source that cannot tell is all data. */
	c->extents_used = c->extents_n > 0;
	copy_moved_on(c);
}

static void
ask_extents(struct copy *c)
{
	c->extents_pending = true;
	c->extents_req = (struct bdev_req){
		.op = BDEV_EXTENTS,
		.offset = c->next,
		.length = c->end - c->next,
		.extents = c->told,
		.extents_max = COPY_EXTENTS,
		.done = extents_done,
		.ctx = c,
	};
	bdev_submit(c->config.source, &c->extents_req);
}

/* Where the extents that are known end. */
static uint64_t
known_to(const struct copy *c)
{
	uint64_t at = c->extents_at;
	unsigned i;

	for (i = c->extents_i; i < c->extents_n; i++)
		at += c->extents[i].length;
	return at;
}

/* The extent in which next lies, or NULL: behind those that are known. */
static const struct bdev_extent *
extent_here(struct copy *c)
{
	const struct bdev_extent *e = &c->extents[c->extents_i];

	while (c->extents_i < c->extents_n &&
	       c->extents_at + e->length <= c->next) {
		c->extents_at += e->length;
		c->extents_i++;
		e++;
	}
	return c->extents_i < c->extents_n ? e : NULL;
}

/* The bytes of one chunk that is a hole. */
static uint64_t
hole_most(const struct copy *c)
{
	const struct bdev *to = c->config.destination;

	/* It will be compared. */
	if (c->config.verify || c->next < c->safe)
		return c->config.chunk;
	if (c->config.digest != NULL || c->config.sparse == COPY_SPARSE_NEVER ||
	    !(to->can_fast_zero || c->config.zeroed))
		return HOLE_WORK;
	return HOLE_MOST;
}

/* 0 when the source has to be asked first. */
static int
plan_extent(struct copy *c, struct chunk *k, uint64_t grid_end)
{
	const struct bdev_extent *e = extent_here(c);
	uint64_t extent_end;

	if (e == NULL) {
		ask_extents(c);
		return 0;
	}
	extent_end = c->extents_at + e->length;
	k->hole = e->alloc == BDEV_HOLE;
	if (c->config.changed != NULL) {
		/* The window ends within the chunk: one that begins with it
		 * may show that it is a hole as a whole. */
		if (k->hole && extent_end < grid_end &&
		    extent_end == known_to(c) && c->extents_from < c->next) {
			c->extents_n = 0;
			ask_extents(c);
			return 0;
		}
		k->hole = k->hole && extent_end >= grid_end;
		k->length = grid_end - k->at;
	} else if (k->hole) {
		k->length = least(extent_end - k->at, hole_most(c));
	} else {
		k->length = least(extent_end, grid_end) - k->at;
	}
	return 1;
}

void
copy_plan_init(struct copy *c)
{
	c->extents_used = !c->config.source->stream && c->config.source->thin;
}

int
copy_plan_next(struct copy *c, struct chunk *k)
{
	uint64_t grid_end;

	if (c->next >= c->end || c->extents_pending)
		return 0;
	grid_end = c->next - c->next % c->config.chunk + c->config.chunk;
	grid_end = least(grid_end, c->end);
	k->at = c->next;
	k->hole = false;
	k->length = grid_end - c->next;
	if (c->extents_used && plan_extent(c, k, grid_end) == 0)
		return 0;
	c->next += k->length;
	return 1;
}
