/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copy_chunk - the life of one chunk of a copy:
 *
 *	       +-> COPY by the medium ----------------------+
 *	       |        | refused                           v
 *	start -+-> READ +-> salvage -> filled -> changed? -> WRITE, ZERO
 *	       |                         ^                    |
 *	       +-> a hole ---------------+                    v
 *	                                           done <- READ back, compare
 *
 * What the source lends is put without a READ.  A chunk is written as soon as
 * it is known, whatever becomes of the digest, which sees the chunks in their
 * order.  Memory of a write that has failed is not used again: the socket may
 * still refer to it (io/zerocopy.h).
 */
#include <isa-l/mem_routines.h>

#include <errno.h>
#include <string.h>

#include "front/copy_impl.h"

static void read_chunk(struct chunk *);
static void read_back(struct chunk *);

/* What the source has lent: false when that was not the content. */
static bool
give_back(struct chunk *k)
{
	struct copy *c = k->copy;
	struct error why = { .class = ERROR_NONE };
	int result;

	if (!k->lent)
		return true;
	result =
	    bdev_give_back(c->config.source, k->buf, k->at, k->length, &why);
	k->buf = NULL;
	k->lent = false;
	if (result < 0)
		copy_fail_at(c, "reading", k->at, result, &why);
	return result == 0;
}

/* ok: the destination has it, and it is as it should be. */
static void
chunk_done(struct chunk *k, bool ok)
{
	struct copy *c = k->copy;

	if (!give_back(k))
		ok = false;
	k->state = CHUNK_DONE;
	k->ok = ok;
	if (ok) {
		c->status.done += k->length;
		c->status.skipped += k->skipped;
	}
	if (k->loads && !k->hole)
		depth_done(&c->depth, k->length, c->loaded >= c->depth.now,
		    loop_now(c->loop));
	copy_moved_on(c);
}

static void
chunk_failed(struct chunk *k, const char *what, const struct piece *p)
{
	copy_fail_at(k->copy, what, p->req.offset, p->req.result, &p->why);
	chunk_done(k, false);
}

/* Memory for its content. */
static bool
chunk_has_buf(struct chunk *k)
{
	if (k->buf == NULL)
		k->buf = copy_buf_get(k->copy);
	return k->buf != NULL;
}

/* A request at the source or the destination for [at, at + length) of the
 * chunk, in buf, if it has data. */
static void
piece_fill(struct piece *p, enum bdev_op op, uint64_t at, uint64_t length,
    uint8_t *buf, void (*done)(struct bdev_req *))
{
	p->iov = (struct iovec){ .iov_base = buf, .iov_len = length };
	p->why.class = ERROR_NONE;
	p->req = (struct bdev_req){
		.op = op,
		.offset = p->chunk->at + at,
		.length = length,
		.iov = &p->iov,
		.iovcnt = 1,
		.why = &p->why,
		.done = done,
		.ctx = p,
	};
}

/* ---- to the destination ---- */

static bool
is_zero(const uint8_t *buf, uint64_t length)
{
	return isal_zero_detect((void *)(uintptr_t)buf, length) == 0;
}

/* How far the run of zeros, or of data, goes that begins at `at`: *ret_zero
 * says which of both. */
static uint64_t
run_at(const struct chunk *k, uint64_t at, bool *ret_zero)
{
	const struct copy *c = k->copy;
	uint64_t end = at;

	*ret_zero = k->hole;
	if (k->hole || k->lent || c->grain == 0)
		return k->length;
	while (end < k->length) {
		/* Grains lie at multiples of their size on the device. */
		uint64_t stop = end + c->grain - (k->at + end) % c->grain;
		bool zero;

		if (stop > k->length)
			stop = k->length;
		zero = is_zero(k->buf + end, stop - end);
		if (end == at)
			*ret_zero = zero;
		else if (zero != *ret_zero)
			break;
		end = stop;
	}
	return end;
}

static void
piece_done(struct bdev_req *req)
{
	struct piece *p = req->ctx;
	struct chunk *k = p->chunk;

	k->pieces--;
	p->req.done = NULL;
	if (req->result < 0) {
		k->buf_lost = true;
		/* If the source is to blame, that is what is told. */
		if (k->pieces > 0 || give_back(k))
			copy_fail_at(k->copy, "writing", req->offset,
			    req->result, &p->why);
	}
	chunk_put(k);
}

static struct piece *
free_piece(struct chunk *k)
{
	struct piece *p = k->piece;

	while (p->req.done != NULL)
		p++;
	return p;
}

/* The zeros of [from, to) are there already, or get there. */
static void
put_zeros(struct chunk *k, uint64_t from, uint64_t to)
{
	struct copy *c = k->copy;
	struct piece *p;

	k->skipped += to - from;
	if (c->config.zeroed && c->config.sparse != COPY_SPARSE_NEVER)
		return;
	p = free_piece(k);
	piece_fill(p, BDEV_ZERO, from, to - from, NULL, piece_done);
	if (c->config.sparse == COPY_SPARSE_NEVER)
		p->req.flags = BDEV_NO_HOLE;
	k->pieces++;
	bdev_submit(c->config.destination, &p->req);
}

static void
put_data(struct chunk *k, uint64_t from, uint64_t to)
{
	struct piece *p = free_piece(k);

	piece_fill(p, BDEV_WRITE, from, to - from, k->buf + from, piece_done);
	k->pieces++;
	bdev_submit(k->copy->config.destination, &p->req);
}

/* Puts what is left of the chunk, as far as there are pieces free. */
void
chunk_put(struct chunk *k)
{
	struct copy *c = k->copy;

	k->state = CHUNK_BUSY;
	while (
	    k->written < k->length && k->pieces < COPY_PIECES && !c->stopping) {
		uint64_t from = k->written;
		bool zero;

		k->written = run_at(k, from, &zero);
		if (zero)
			put_zeros(k, from, k->written);
		else
			put_data(k, from, k->written);
	}
	if (k->pieces > 0)
		return;
	if (c->config.verify && !c->stopping)
		read_back(k);
	else
		chunk_done(k, k->written == k->length && !k->buf_lost &&
				  !c->config.verify);
}

/* What is known of the content decides whether it goes on. */
static void
chunk_known(struct chunk *k)
{
	struct copy *c = k->copy;
	struct error why;

	if (c->stopping) {
		chunk_done(k, false);
	} else if (!k->changed) {
		k->skipped = k->length;
		/* With skip_errors zeros may stand for what is read now. */
		if (k->resumed ? !c->config.skip_errors : c->config.verify)
			read_back(k);
		else
			chunk_done(k, true);
	} else if (k->at + k->length > c->config.destination->size) {
		error_set(&why, ERROR_FAILED,
		    "the source is longer than the destination, which has %llu "
		    "bytes",
		    (unsigned long long)c->config.destination->size);
		copy_fail(c, &why);
		chunk_done(k, false);
	} else if (k->moved) {
		read_back(k);
	} else if (c->config.destination->stream) {
		k->state = CHUNK_READY;
		copy_moved_on(c);
	} else {
		chunk_put(k);
	}
}

/* ---- compared with what was there ---- */

static void
changed_work(struct job *job)
{
	struct chunk *k = job->ctx;
	const struct copy *c = k->copy;
	uint64_t n =
	    k->at / c->config.chunk - c->config.offset / c->config.chunk;

	k->changed = c->config.changed(
	    c->config.ctx, n, k->hole ? NULL : k->buf, (uint32_t)k->length);
}

static void
changed_done(struct job *job)
{
	struct chunk *k = job->ctx;

	/* What the destination has of an earlier run is not written again. */
	k->changed = k->changed && !k->resumed;
	chunk_known(k);
}

static void
chunk_filled(struct chunk *k)
{
	struct copy *c = k->copy;

	k->filled = true;
	copy_moved_on(c);
	if (k->length == 0) {
		chunk_done(k, true);
		return;
	}
	/* With skip_errors it is not known what the destination has. */
	if (c->config.changed != NULL && !c->stopping &&
	    !(k->resumed && c->config.skip_errors)) {
		k->job = (struct job){
			.work = changed_work, .done = changed_done, .ctx = k
		};
		job_submit(c->loop, &k->job);
		return;
	}
	k->changed = !k->resumed;
	chunk_known(k);
}

/* ---- from the source ---- */

static void salvage_next(struct chunk *);

static void
salvage_push(struct chunk *k, uint32_t at, uint32_t length)
{
	k->salvage[k->salvages++] =
	    (struct salvage){ .at = at, .length = length };
}

static void
salvage_done(struct bdev_req *req)
{
	struct piece *p = req->ctx;
	struct chunk *k = p->chunk;
	struct copy *c = k->copy;
	uint32_t at = (uint32_t)(req->offset - k->at);
	uint32_t length = (uint32_t)p->iov.iov_len;
	uint32_t block = c->config.source->block_size;
	uint64_t middle = (req->offset + length / 2) / block * block;
	uint32_t half;

	if (middle <= req->offset)
		middle = req->offset / block * block + block;
	half = (uint32_t)(middle - req->offset);
	if (req->result < 0 && p->why.class != ERROR_IO) {
		chunk_failed(k, "reading", p);
		return;
	}
	if (req->result < 0 && half < length) {
		salvage_push(k, at + half, length - half);
		salvage_push(k, at, half);
	} else if (req->result < 0) {
		memset(k->buf + at, 0, length);
		c->status.bad += length;
		if (c->config.bad != NULL)
			c->config.bad(
			    c->config.ctx, req->offset, length, &p->why);
	}
	salvage_next(k);
}

/* Reads the parts of a chunk that could not be read as a whole, halving those
 * that fail, between blocks, until single blocks are left. */
static void
salvage_next(struct chunk *k)
{
	struct piece *p = &k->piece[0];
	struct salvage part;

	if (k->salvages == 0 || k->copy->stopping) {
		p->req.done = NULL;
		chunk_filled(k);
		return;
	}
	part = k->salvage[--k->salvages];
	piece_fill(
	    p, BDEV_READ, part.at, part.length, k->buf + part.at, salvage_done);
	bdev_submit(k->copy->config.source, &p->req);
}

/* A stream has ended: what is behind it does not exist. */
static void
chunk_cut(struct chunk *k, uint64_t length)
{
	struct copy *c = k->copy;
	struct error why;

	k->length = length;
	if (c->config.length != UINT64_MAX) {
		error_set(&why, ERROR_FAILED,
		    "the source has ended after %llu bytes",
		    (unsigned long long)(k->at + length));
		copy_fail(c, &why);
	}
	if (c->end > k->at + length)
		c->end = k->at + length;
}

static void
read_done(struct bdev_req *req)
{
	struct piece *p = req->ctx;
	struct chunk *k = p->chunk;
	struct copy *c = k->copy;

	p->req.done = NULL;
	if (req->result < 0 && c->config.skip_errors && !c->stopping &&
	    p->why.class == ERROR_IO && !c->config.source->stream &&
	    chunk_has_buf(k)) {
		salvage_push(k, 0, (uint32_t)k->length);
		salvage_next(k);
		return;
	}
	if (req->result < 0) {
		chunk_failed(k, "reading", p);
		return;
	}
	if (req->length < k->length)
		chunk_cut(k, req->length);
	chunk_filled(k);
}

/* Called when the data comes, so that many reads share few buffers. */
static int
place(struct bdev_req *req)
{
	struct piece *p = req->ctx;
	struct chunk *k = p->chunk;

	if (!chunk_has_buf(k))
		return -ENOMEM;
	p->iov.iov_base = k->buf;
	return 0;
}

static void
read_chunk(struct chunk *k)
{
	struct piece *p = &k->piece[0];

	piece_fill(p, BDEV_READ, 0, k->length, NULL, read_done);
	p->req.place = place;
	bdev_submit(k->copy->config.source, &p->req);
}

/* Every other chunk, if it may be: when the target is on this host its
 * processor has to fetch what was lent from memory, where what we have read is
 * in the cache, so this shares the work of a copy among both. */
static bool
borrow_chunk(struct chunk *k)
{
	const struct copy *c = k->copy;
	const void *memory;

	if (!c->borrows || k->at / c->config.chunk % 2 == 0 ||
	    !c->config.destination->takes_lent)
		return false;
	memory = bdev_borrow(c->config.source, k->at, k->length);
	k->buf = (uint8_t *)(uintptr_t)memory;
	k->lent = memory != NULL;
	return k->lent;
}

/* ---- by the medium ---- */

static void
copy_done(struct bdev_req *req)
{
	struct piece *p = req->ctx;
	struct chunk *k = p->chunk;
	struct copy *c = k->copy;

	p->req.done = NULL;
	if (req->result == -EOPNOTSUPP &&
	    c->config.offload != COPY_OFFLOAD_REQUIRE) {
		if (c->offload && c->config.refused != NULL)
			c->config.refused(c->config.ctx, &p->why);
		c->offload = c->status.offloaded = false;
		if (c->stopping)
			chunk_done(k, false);
		else
			read_chunk(k);
		return;
	}
	if (req->result < 0 && p->why.class == ERROR_IO && !c->stopping &&
	    c->config.offload != COPY_OFFLOAD_REQUIRE) {
		/* Only a READ tells which block is bad. */
		read_chunk(k);
		return;
	}
	if (req->result < 0) {
		chunk_failed(k, "copying within the target", p);
		return;
	}
	c->status.offloaded = c->offload;
	k->moved = true;
	if (c->config.verify && !c->stopping)
		read_chunk(k);
	else
		chunk_done(k, !c->config.verify);
}

static void
move_chunk(struct chunk *k)
{
	struct copy *c = k->copy;
	struct piece *p = &k->piece[0];

	piece_fill(p, BDEV_COPY, 0, k->length, NULL, copy_done);
	p->req.source = c->config.source;
	p->req.source_offset = k->at;
	bdev_submit(c->config.destination, &p->req);
}

void
chunk_start(struct chunk *k)
{
	const struct copy *c = k->copy;
	unsigned i;

	for (i = 0; i < COPY_PIECES; i++) {
		k->piece[i].chunk = k;
		k->piece[i].req.done = NULL;
	}
	k->state = CHUNK_BUSY;
	if (k->hole)
		chunk_filled(k);
	else if (c->offload && !k->resumed)
		move_chunk(k);
	else if (borrow_chunk(k))
		chunk_filled(k);
	else
		read_chunk(k);
}

/* ---- read back ---- */

static bool
same(const struct chunk *k)
{
	if (k->hole)
		return is_zero(k->back, k->length);
	return memcmp(k->buf, k->back, k->length) == 0;
}

static void
read_back_done(struct bdev_req *req)
{
	struct piece *p = req->ctx;
	struct chunk *k = p->chunk;
	struct error why;
	bool ok;

	p->req.done = NULL;
	if (req->result < 0) {
		chunk_failed(k, "reading back", p);
		return;
	}
	ok = same(k);
	if (!ok) {
		error_set(&why, ERROR_IO,
		    "verifying at byte %llu: the destination does not hold %s",
		    (unsigned long long)k->at,
		    k->changed	 ? "what was written there"
		    : k->resumed ? "what the source has there by now"
				 : "what the base says of it");
		if (!k->changed)
			k->copy->status.rest_differs = true;
		copy_fail(k->copy, &why);
	}
	chunk_done(k, ok);
}

static void
read_back(struct chunk *k)
{
	struct piece *p = &k->piece[0];

	k->back = copy_buf_get(k->copy);
	if (k->back == NULL) {
		copy_no_memory(k->copy);
		chunk_done(k, false);
		return;
	}
	piece_fill(p, BDEV_READ, 0, k->length, k->back, read_back_done);
	p->req.flags = BDEV_FUA;
	bdev_submit(k->copy->config.destination, &p->req);
}
