/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>

#include "bdev_load.h"

static uint64_t
below(struct load *l, uint64_t n)
{
	return prng_below(&l->prng, n);
}

static bool
is_writer(const struct load_req *r)
{
	return r->req.op == BDEV_WRITE || r->req.op == BDEV_ZERO ||
	       r->req.op == BDEV_DISCARD;
}

static bool
overlap(const struct load_req *a, const struct load_req *b)
{
	return a->req.offset < b->req.offset + b->req.length &&
	       b->req.offset < a->req.offset + a->req.length;
}

/* ---- ends ---- */

static void
check_read(const struct load *l, const struct load_req *r)
{
	size_t at = r->req.offset - l->first, i;

	for (i = 0; i < r->req.length; i++) {
		if (!l->unknown[at + i] && !l->gone[at + i])
			assert_int_equal(r->buffer[i], l->model[at + i]);
	}
}

static void
check_extents(const struct load *l, const struct load_req *r)
{
	size_t at = r->req.offset - l->first, i, k;

	assert_in_range(r->req.extents_n, 1, 5);
	for (i = 0; i < r->req.extents_n; i++) {
		assert_true(r->extents[i].length > 0);
		assert_true(at + r->extents[i].length <=
			    r->req.offset - l->first + r->req.length);
		if (r->extents[i].alloc == BDEV_HOLE && !r->raced)
			for (k = at; k < at + r->extents[i].length; k++)
				assert_true(l->unknown[k] || l->model[k] == 0);
		at += r->extents[i].length;
	}
}

/* Bytes that were on their way before the flush are on the medium now. */
static void
check_flush(const struct load *l, const struct load_req *r)
{
	size_t i;

	for (i = 0; l->stable != NULL && i < l->size; i++) {
		if (r->covered[i] != 0 && r->covered[i] == l->stamps[i] &&
		    !l->unknown[i])
			assert_int_equal(l->stable[i], l->model[i]);
	}
}

/* Its user knows now that something was lost. */
static void
flush_failed(struct load *l)
{
	size_t i;

	for (i = 0; i < l->size; i++) {
		l->unknown[i] = l->unknown[i] || l->gone[i];
		l->gone[i] = false;
	}
}

void
load_power_lost(struct load *l, uint8_t *data)
{
	size_t i;

	for (i = 0; i < l->size; i++)
		l->gone[i] = l->gone[i] || data[i] != l->stable[i];
	memcpy(data, l->stable, l->size);
}

static void
check_written(struct load *l, const struct load_req *r)
{
	size_t at = r->req.offset - l->first, i;

	for (i = at; i < at + r->req.length; i++) {
		if (l->stamps[i] != r->stamp)
			continue;
		if (r->req.result != 0)
			l->unknown[i] = true;
		else if (l->stable != NULL && !l->unknown[i] &&
			 (r->req.flags & BDEV_FUA) != 0 &&
			 r->req.op != BDEV_DISCARD)
			assert_int_equal(l->stable[i], l->model[i]);
	}
}

static void
put_pipe(struct load_req *r)
{
	const struct kpipe_source *source;

	if (r->pipe == NULL)
		return;
	source = &r->load->pipes->source;
	source->ops->put(source->ctx, r->pipe);
	r->pipe = NULL;
}

/* A READ that has ended well has its data in memory or in the pipe. */
static void
take_piped(struct load_req *r)
{
	if (r->pipe != NULL && r->req.result == 0) {
		assert_int_equal(r->pipe->held, r->req.length);
		model_pipe_drain(r->pipe, r->buffer, r->req.length);
		r->load->piped++;
	}
	put_pipe(r);
}

static void
load_done(struct bdev_req *req)
{
	struct load_req *r = req->ctx;
	struct load *l = r->load;
	bool unsupported;

	assert_false(l->inside_submit);
	assert_true(r->busy);
	take_piped(r);
	unsupported = req->op == BDEV_DISCARD ||
		      (req->op == BDEV_ZERO && (req->flags & BDEV_FAST) != 0);
	if (req->result == -EOPNOTSUPP)
		assert_true(unsupported);
	else if (req->result != 0)
		assert_true(l->lossy && req->result == -EIO);
	if (is_writer(r))
		check_written(l, r);
	else if (req->result == 0 && req->op == BDEV_READ && !r->raced)
		check_read(l, r);
	else if (req->result == 0 && req->op == BDEV_EXTENTS)
		check_extents(l, r);
	else if (req->result == 0 && req->op == BDEV_FLUSH)
		check_flush(l, r);
	else if (req->op == BDEV_FLUSH)
		flush_failed(l);
	free(r->buffer);
	free(r->covered);
	r->busy = false;
	l->in_air--;
}

/* ---- begins ---- */

static void
cover(struct load *l, struct load_req *r)
{
	struct load_req *o;
	size_t i;

	r->covered = malloc(l->size * sizeof(*r->covered));
	assert_non_null(r->covered);
	memcpy(r->covered, l->stamps, l->size * sizeof(*r->covered));
	for (o = l->reqs; o < l->reqs + LOAD_IN_AIR; o++) {
		if (!o->busy || o == r || !is_writer(o))
			continue;
		for (i = 0; i < o->req.length; i++)
			r->covered[o->req.offset - l->first + i] = 0;
	}
}

/* What the request will have done, on the model. */
static void
apply(struct load *l, struct load_req *r)
{
	uint64_t mask = l->bdev->block_size - 1;
	size_t at = r->req.offset - l->first, end = at + r->req.length, i;

	if (r->req.op == BDEV_DISCARD) {
		at = (at + mask) & ~mask;
		end &= ~mask;
	}
	for (i = at; i < end; i++) {
		l->stamps[i] = r->stamp;
		l->unknown[i] = r->req.op == BDEV_DISCARD;
		l->gone[i] = false;
		l->model[i] = r->req.op == BDEV_WRITE
				  ? r->buffer[i - (r->req.offset - l->first)]
				  : 0;
	}
}

static void
cut_buffer(struct load *l, struct load_req *r)
{
	size_t left = r->req.length, some, at = 0;
	int i;

	for (i = 0; i < LOAD_IOVS; i++) {
		some = i == LOAD_IOVS - 1 ? left : below(l, left + 1);
		r->iov[i].iov_base = r->buffer + at;
		r->iov[i].iov_len = some;
		at += some;
		left -= some;
	}
	r->req.iov = r->iov;
	r->req.iovcnt = LOAD_IOVS;
}

static int
place(struct bdev_req *req)
{
	struct load_req *r = req->ctx;
	size_t at = 0;

	assert_true(r->busy);
	assert_false(r->placed);
	r->placed = true;
	for (int i = 0; i < LOAD_IOVS; i++) {
		r->iov[i].iov_base = r->buffer + at;
		at += r->iov[i].iov_len;
	}
	if (r->pipe != NULL)
		assert_int_equal(
		    r->load->pipes->source.ops->spill(
			r->load->pipes, r->pipe, r->buffer, r->pipe->held),
		    0);
	put_pipe(r);
	return 0;
}

static struct kpipe *
offer_pipe(struct bdev_req *req)
{
	struct load_req *r = req->ctx;
	const struct kpipe_source *source = &r->load->pipes->source;

	assert_true(r->busy);
	assert_false(r->placed);
	put_pipe(r);
	r->pipe = source->ops->get(source->ctx, req->length);
	return r->pipe;
}

/* Half of the reads bring no memory before it is needed, and a pipe if there
 * are any. */
static void
withhold_buffer(struct load *l, struct load_req *r)
{
	r->placed = false;
	r->req.place = NULL;
	if (r->req.op != BDEV_READ || below(l, 2) == 0)
		return;
	r->req.place = place;
	if (l->pipes != NULL)
		r->req.pipe = offer_pipe;
	for (int i = 0; i < LOAD_IOVS; i++)
		r->iov[i].iov_base = NULL;
}

static void
choose(struct load *l, struct load_req *r)
{
	static const enum bdev_op ops[] = { BDEV_READ, BDEV_READ, BDEV_READ,
		BDEV_WRITE, BDEV_WRITE, BDEV_WRITE, BDEV_WRITE, BDEV_ZERO,
		BDEV_ZERO, BDEV_DISCARD, BDEV_FLUSH, BDEV_EXTENTS };
	uint32_t block = l->bdev->block_size;
	uint64_t offset, length;

	r->req.op = ops[below(l, countof(ops))];
	offset = below(l, l->size);
	length = below(l, below(l, 4) == 0 ? l->size : 3 * block);
	/* What goes through a pipe is aligned. */
	if (below(l, l->pipes != NULL ? 2 : 3) == 0) {
		offset -= offset % block;
		length -= length % block;
	}
	if (length > l->size - offset)
		length = l->size - offset;
	if (length == 0 && r->req.op == BDEV_EXTENTS)
		length = 1;
	r->req.offset = l->first + offset;
	r->req.length = length;
	r->req.flags = 0;
	if (is_writer(r))
		r->req.flags = (uint32_t)below(l, 8) & (uint32_t)below(l, 8);
}

void
load_launch(struct load *l)
{
	struct load_req *r = l->reqs, *o;
	size_t i;

	while (r->busy)
		r++;
	memset(r, 0, sizeof(*r));
	choose(l, r);
	r->buffer = malloc(r->req.length + 1);
	assert_non_null(r->buffer);
	for (i = 0; i < r->req.length; i++)
		r->buffer[i] = (uint8_t)below(l, 256);
	cut_buffer(l, r);
	withhold_buffer(l, r);
	r->req.extents = r->extents;
	r->req.extents_max = 1 + (unsigned)below(l, 5);
	r->req.done = load_done;
	r->req.ctx = r;
	r->load = l;
	r->req.result = 12345;
	r->stamp = ++l->stamp;
	if (r->req.op == BDEV_FLUSH)
		cover(l, r);
	for (o = l->reqs; o < l->reqs + LOAD_IN_AIR; o++) {
		if (!o->busy || !overlap(o, r))
			continue;
		o->raced = o->raced || is_writer(r);
		r->raced = r->raced || is_writer(o);
	}
	if (is_writer(r))
		apply(l, r);
	r->busy = true;
	l->in_air++;
	l->inside_submit = true;
	bdev_submit(l->bdev, &r->req);
	l->inside_submit = false;
}

void
load_init(struct load *l, struct bdev *bdev, uint64_t first, size_t size,
    uint64_t seed)
{
	memset(l, 0, sizeof(*l));
	l->bdev = bdev;
	l->prng.state = seed;
	l->first = first;
	l->size = size;
	l->model = calloc(1, size);
	l->stamps = calloc(size, sizeof(*l->stamps));
	l->unknown = calloc(size, sizeof(*l->unknown));
	l->gone = calloc(size, sizeof(*l->gone));
	assert_true(l->model != NULL && l->stamps != NULL &&
		    l->unknown != NULL && l->gone != NULL);
}

void
load_compare(const struct load *l, const uint8_t *data)
{
	size_t i;

	for (i = 0; i < l->size; i++) {
		if (!l->unknown[i] && !l->gone[i])
			assert_int_equal(data[i], l->model[i]);
	}
}

void
load_fini(struct load *l)
{
	assert_int_equal(l->in_air, 0);
	free(l->model);
	free(l->stamps);
	free(l->unknown);
	free(l->gone);
}
