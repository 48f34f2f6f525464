/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copy - see copy.h for what it does, copy_impl.h for how it is laid out.
 *
 * copy_pump() is what drives it: a deferred call after whatever has moved a
 * chunk on.  It lets streams have their turn and the digest its chunks, takes
 * what is done out of the ring, and begins as many chunks as there may be.
 */
#include "front/copy.h"

#include <sys/mman.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "front/copy_impl.h"

#define SLOTS	      4 /* chunks in the ring for each that may be loaded */
#define SAVE_BYTES    (UINT64_C(256) << 20)
#define SAVE_TIME     (5 * CLOCK_S)
#define RATE_CREDIT   (10 * CLOCK_MS)
#define GRAIN_AUTO    65536u
#define DIGEST_CHUNKS 4

/* ---- memory ---- */

/* Pages of their own, since what the kernel may still refer to is not given
 * back (copy_chunk.c). */
uint8_t *
copy_buf_get(struct copy *c)
{
	struct free_buf *buf = c->bufs;

	if (buf != NULL) {
		c->bufs = buf->next;
		return (uint8_t *)buf;
	}
	buf = mmap(NULL, c->config.chunk, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return buf == MAP_FAILED ? NULL : (uint8_t *)buf;
}

void
copy_buf_put(struct copy *c, uint8_t *memory)
{
	struct free_buf *buf = (struct free_buf *)(void *)memory;

	if (buf == NULL)
		return;
	buf->next = c->bufs;
	c->bufs = buf;
}

/* ---- failures ---- */

void
copy_fail(struct copy *c, const struct error *why)
{
	if (c->stopping)
		return;
	c->stopping = true;
	c->why = *why;
	/* A peer may never answer.  What a device is to keep is not given up:
	 * the journal shall know of it. */
	bdev_interrupt(c->config.source);
	if (c->config.destination->stream)
		bdev_interrupt(c->config.destination);
	copy_moved_on(c);
}

void
copy_fail_at(struct copy *c, const char *what, uint64_t at, int result,
    const struct error *why)
{
	enum error_class class = why->class;
	struct error err;

	if (class == ERROR_NONE)
		class = result == -EIO ? ERROR_IO : ERROR_FAILED;
	error_set(&err, class, "%s at byte %llu: %s", what,
	    (unsigned long long)at,
	    why->class != ERROR_NONE ? why->text : strerror(-result));
	copy_fail(c, &err);
}

void
copy_no_memory(struct copy *c)
{
	struct error why;

	error_set(&why, ERROR_FAILED, "out of memory");
	copy_fail(c, &why);
}

/* ---- the ring ---- */

static struct chunk *
chunk_of(struct copy *c, uint64_t number)
{
	return c->ring[number % c->slots];
}

/* NULL: no memory. */
static struct chunk *
chunk_get(struct copy *c)
{
	struct chunk *k = SLIST_FIRST(&c->spare);

	if (k == NULL)
		return malloc(sizeof(*k));
	SLIST_REMOVE_HEAD(&c->spare, link);
	return k;
}

void
copy_moved_on(struct copy *c)
{
	deferred_set(c->loop, &c->pump);
}

/* What is ready is submitted in the order of the content. */
static void
put_in_turn(struct copy *c)
{
	for (; c->put < c->tail; c->put++) {
		struct chunk *k = chunk_of(c, c->put);

		if (k->state == CHUNK_BUSY)
			return;
		if (k->state == CHUNK_READY)
			chunk_put(k);
	}
}

static bool
digest_is_busy(const struct copy *c)
{
	return c->digest[0].from < c->digest[0].to ||
	       c->digest[1].from < c->digest[1].to;
}

static bool
is_digested(const struct copy *c, const struct chunk *k)
{
	return c->config.digest == NULL || k->digested ||
	       (c->stopping && !digest_is_busy(c));
}

/* Gives memory back as soon as may be, and takes the oldest out of the ring. */
static void
retire(struct copy *c)
{
	uint64_t n;

	for (n = c->head; n < c->tail; n++) {
		struct chunk *k = chunk_of(c, n);

		if (k->state != CHUNK_DONE || !is_digested(c, k))
			continue;
		if (!k->buf_lost)
			copy_buf_put(c, k->buf);
		copy_buf_put(c, k->back);
		k->buf = k->back = NULL;
		c->loaded -= k->loads;
		k->loads = false;
		if (n != c->head)
			continue;
		c->head++;
		c->gap = c->gap || !k->ok;
		/* What a stream did not have has no place. */
		if (!c->gap && k->length > 0 && c->safe < k->at + k->length)
			c->safe = k->at + k->length;
		SLIST_INSERT_HEAD(&c->spare, k, link);
	}
}

/* ---- the digest ---- */

static void
digest_work(struct job *job)
{
	const struct digest *d = job->ctx;
	struct copy *c = d->copy;
	uint64_t n;

	for (n = d->from; n < d->to; n++) {
		const struct chunk *k = chunk_of(c, n);

		c->config.digest(
		    c->config.ctx, k->hole ? NULL : k->buf, k->length);
	}
}

static void
digest_done(struct job *job)
{
	struct digest *d = job->ctx;

	for (; d->from < d->to; d->from++)
		chunk_of(d->copy, d->from)->digested = true;
	copy_moved_on(d->copy);
}

/* What can follow what has been digested, a few chunks at a time: they stay in
 * the ring until all of these are done. */
static void
digest_begin(struct copy *c, struct digest *d)
{
	uint64_t end = c->digest_next + DIGEST_CHUNKS;

	if (d->from < d->to)
		return;
	d->from = c->digest_next;
	while (c->digest_next < end && c->digest_next < c->tail &&
	       chunk_of(c, c->digest_next)->filled)
		c->digest_next++;
	d->to = c->digest_next;
	if (d->from == d->to)
		return;
	d->copy = c;
	d->job = (struct job){ .work = digest_work,
		.done = digest_done,
		.ctx = d,
		.lane = &c->digest_lane };
	job_submit(c->loop, &d->job);
}

static void
digest_more(struct copy *c)
{
	if (c->config.digest == NULL || c->stopping)
		return;
	digest_begin(c, &c->digest[0]);
	digest_begin(c, &c->digest[1]);
}

/* ---- onto the medium, into the journal ---- */

void
copy_saved(struct copy *c, int result)
{
	struct error why;

	c->saving = false;
	if (result < 0) {
		error_set(
		    &why, ERROR_FAILED, "the journal: %s", strerror(-result));
		copy_fail(c, &why);
	} else {
		c->saved = c->flushed;
	}
	timer_set(c->loop, &c->save_timer, loop_now(c->loop) + SAVE_TIME);
	copy_moved_on(c);
}

static void
flush_done(struct bdev_req *req)
{
	struct copy *c = req->ctx;
	struct error why;

	if (req->result < 0) {
		error_set(&why,
		    c->flush_why.class != ERROR_NONE ? c->flush_why.class
						     : ERROR_IO,
		    "writing the destination's cache to its medium: %s",
		    c->flush_why.class != ERROR_NONE ? c->flush_why.text
						     : strerror(-req->result));
		copy_fail(c, &why);
		/* What it should have brought may be lost, and a FLUSH that
		 * succeeds later says nothing of it. */
		c->flushed = c->safe = c->saved;
		c->gap = true;
	}
	if (c->config.save != NULL && c->flushed > c->saved)
		c->config.save(c->config.ctx, c->flushed - c->config.offset, c);
	else
		copy_saved(c, 0);
}

static void
save(struct copy *c)
{
	c->saving = true;
	c->flushed = c->safe;
	timer_clear(c->loop, &c->save_timer);
	c->flush_why.class = ERROR_NONE;
	c->flush_req = (struct bdev_req){ .op = BDEV_FLUSH,
		.why = &c->flush_why,
		.done = flush_done,
		.ctx = c };
	bdev_submit(c->config.destination, &c->flush_req);
}

static void
save_time(struct timer *timer, uint64_t now)
{
	struct copy *c = timer->ctx;

	if (c->saving)
		return; /* copy_saved() sets it again */
	if (c->safe > c->saved)
		save(c);
	else
		timer_set(c->loop, timer, now + SAVE_TIME);
}

/* ---- driving ---- */

static void
rate_time(struct timer *timer, uint64_t now)
{
	(void)now;
	copy_moved_on(timer->ctx);
}

/* Whether the bound of the rate lets another chunk begin. */
static bool
rate_allows(struct copy *c)
{
	if (c->config.rate == 0 || c->rate_at <= loop_now(c->loop))
		return true;
	timer_set(c->loop, &c->rate_timer, c->rate_at);
	return false;
}

static void
rate_count(struct copy *c, uint64_t length)
{
	uint64_t now = loop_now(c->loop);

	if (c->config.rate == 0)
		return;
	/* What a late call has missed is made up for. */
	if (c->rate_at + RATE_CREDIT < now)
		c->rate_at = now - RATE_CREDIT;
	c->rate_at += (uint64_t)((double)length * (double)CLOCK_S /
				 (double)c->config.rate);
}

static void
begin(struct copy *c)
{
	/* Holes do not load, but they are work, too. */
	uint64_t ring = (uint64_t)c->depth.now * SLOTS;

	while (!c->stopping && c->tail - c->head < ring &&
	       c->loaded < c->depth.now && rate_allows(c)) {
		struct chunk *k = chunk_get(c);

		if (k == NULL) {
			copy_no_memory(c);
			return;
		}
		memset(k, 0, offsetof(struct chunk, piece));
		k->copy = c;
		if (copy_plan_next(c, k) == 0) {
			SLIST_INSERT_HEAD(&c->spare, k, link);
			return;
		}
		c->ring[c->tail++ % c->slots] = k;
		k->resumed =
		    k->at + k->length <= c->config.offset + c->config.resume;
		k->loads = !k->hole || k->resumed || c->config.verify;
		c->loaded += k->loads;
		if (!k->hole)
			rate_count(c, k->length);
		chunk_start(k);
	}
}

static void
copy_end(struct copy *c)
{
	if (!c->flushed_last) {
		c->flushed_last = true;
		save(c);
		return;
	}
	timer_clear(c->loop, &c->save_timer);
	timer_clear(c->loop, &c->rate_timer);
	c->ended = true;
	c->config.done(c->config.ctx, c->stopping ? &c->why : NULL);
}

static void
copy_pump(struct deferred *d)
{
	struct copy *c = d->ctx;

	put_in_turn(c);
	digest_more(c);
	retire(c);
	begin(c);
	if (c->config.save != NULL && !c->saving && !c->stopping &&
	    c->safe - c->saved >= SAVE_BYTES)
		save(c);
	if (c->head == c->tail && (c->stopping || c->next >= c->end) &&
	    !c->extents_pending && !digest_is_busy(c) && !c->saving &&
	    !c->ended)
		copy_end(c);
}

/* ---- the owner's side ---- */

/* Where there is something to be won, zeros in the data are looked for. */
static uint32_t
grain(const struct copy_config *config)
{
	const struct bdev *to = config->destination;
	uint32_t size = config->zeroed || config->sparse == COPY_SPARSE_ALWAYS
			    ? COPY_ALIGN
			    : GRAIN_AUTO;

	if (config->sparse == COPY_SPARSE_NEVER || to->stream ||
	    !(config->zeroed || to->can_fast_zero))
		return 0;
	return size > to->block_size ? size : to->block_size;
}

int
copy_new(struct loop *loop, const struct copy_config *config, struct copy **ret)
{
	struct copy *c = calloc(1, sizeof(*c));
	bool reads = config->digest != NULL || config->changed != NULL;

	if (reads && config->offload == COPY_OFFLOAD_REQUIRE) {
		free(c);
		return -EINVAL;
	}
	if (c == NULL)
		return -ENOMEM;
	depth_init(&c->depth, config->depth, config->depth_most);
	c->slots = c->depth.most * SLOTS;
	c->ring = calloc(c->slots, sizeof(struct chunk *));
	if (c->ring == NULL) {
		free(c);
		return -ENOMEM;
	}
	c->loop = loop;
	c->config = *config;
	/* An earlier run may have written anywhere behind what is resumed. */
	c->config.zeroed = config->zeroed && config->resume == 0 &&
			   !config->destination->stream;
	c->offload = config->offload == COPY_OFFLOAD_REQUIRE ||
		     (config->offload == COPY_OFFLOAD_AUTO && !reads &&
			 config->destination->can_copy);
	c->grain = grain(&c->config);
	/* A block that cannot be read is to be told by a READ. */
	c->borrows = !reads && !config->verify && !config->skip_errors &&
		     (c->grain == 0 || c->grain >= BDEV_LENT_GRAIN);
	c->end = config->length == UINT64_MAX ? config->source->size
					      : config->offset + config->length;
	c->safe = c->saved = config->offset + config->resume;
	c->next = reads || (config->verify && !config->skip_errors)
		      ? config->offset
		      : c->safe;
	c->status.done = c->next - config->offset;
	c->pump = (struct deferred){ .run = copy_pump, .ctx = c };
	timer_init(&c->save_timer, save_time, c);
	timer_init(&c->rate_timer, rate_time, c);
	if (config->save != NULL)
		timer_set(loop, &c->save_timer, loop_now(loop) + SAVE_TIME);
	copy_plan_init(c);
	copy_moved_on(c);
	*ret = c;
	return 0;
}

void
copy_stop(struct copy *c, const struct error *why)
{
	copy_fail(c, why);
}

void
copy_status(const struct copy *c, struct copy_status *ret)
{
	*ret = c->status;
	ret->prefix = c->safe - c->config.offset;
	ret->length =
	    c->end == UINT64_MAX ? UINT64_MAX : c->end - c->config.offset;
}

void
copy_free(struct copy *c)
{
	struct free_buf *buf;
	struct chunk *k;

	if (c == NULL)
		return;
	deferred_clear(c->loop, &c->pump);
	timer_clear(c->loop, &c->save_timer);
	timer_clear(c->loop, &c->rate_timer);
	while ((buf = c->bufs) != NULL) {
		c->bufs = buf->next;
		munmap(buf, c->config.chunk);
	}
	while ((k = SLIST_FIRST(&c->spare)) != NULL) {
		SLIST_REMOVE_HEAD(&c->spare, link);
		free(k);
	}
	free(c->ring);
	free(c);
}
