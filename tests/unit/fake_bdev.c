/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_bdev.h.  The functions of io/loop.h are here too, in virtual time. */
#include "fake_bdev.h"

#include <sys/mman.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "unit.h"

/* ---- the loop ---- */

void
fake_loop_init(struct loop *loop, struct prng *dice)
{
	*loop = (struct loop){ .dice = dice, .now = CLOCK_S, .eager = 4 };
	TAILQ_INIT(&loop->timers);
	TAILQ_INIT(&loop->deferred);
	TAILQ_INIT(&loop->waiting);
	TAILQ_INIT(&loop->worked);
	TAILQ_INIT(&loop->flights);
}

uint64_t
loop_now(const struct loop *loop)
{
	return loop->now;
}

void
timer_init(struct timer *t, void (*fire)(struct timer *, uint64_t), void *ctx)
{
	*t =
	    (struct timer){ .deadline = CLOCK_NEVER, .fire = fire, .ctx = ctx };
}

void
timer_clear(struct loop *loop, struct timer *t)
{
	if (t->deadline != CLOCK_NEVER)
		TAILQ_REMOVE(&loop->timers, t, link);
	t->deadline = CLOCK_NEVER;
}

void
timer_set(struct loop *loop, struct timer *t, uint64_t deadline)
{
	timer_clear(loop, t);
	t->deadline = deadline;
	if (deadline != CLOCK_NEVER)
		TAILQ_INSERT_TAIL(&loop->timers, t, link);
}

void
deferred_set(struct loop *loop, struct deferred *d)
{
	if (!d->pending)
		TAILQ_INSERT_TAIL(&loop->deferred, d, link);
	d->pending = true;
}

void
deferred_clear(struct loop *loop, struct deferred *d)
{
	if (d->pending)
		TAILQ_REMOVE(&loop->deferred, d, link);
	d->pending = false;
}

void
job_submit(struct loop *loop, struct job *job)
{
	TAILQ_INSERT_TAIL(&loop->waiting, job, link);
	loop->jobs++;
}

/* Those of one lane start in order. */
static struct job *
first_of_lane(struct loop *loop, struct job *job)
{
	struct job *first;

	if (job->lane == NULL)
		return job;
	TAILQ_FOREACH (first, &loop->waiting, link) {
		if (first->lane == job->lane)
			break;
	}
	return first;
}

/* One of the first few works, or one that has worked is told. */
static void
step_job(struct loop *loop)
{
	bool tell = TAILQ_EMPTY(&loop->waiting) ||
		    (!TAILQ_EMPTY(&loop->worked) && prng_below(loop->dice, 2));
	struct job *job = TAILQ_FIRST(&loop->waiting);
	size_t n = prng_below(loop->dice, LOOP_HELPERS);

	if (tell) {
		job = TAILQ_FIRST(&loop->worked);
		TAILQ_REMOVE(&loop->worked, job, link);
		loop->jobs--;
		job->done(job);
		return;
	}
	while (n-- > 0 && TAILQ_NEXT(job, link) != NULL)
		job = TAILQ_NEXT(job, link);
	job = first_of_lane(loop, job);
	TAILQ_REMOVE(&loop->waiting, job, link);
	job->work(job);
	TAILQ_INSERT_TAIL(&loop->worked, job, link);
}

static struct timer *
next_timer(const struct loop *loop)
{
	struct timer *best = TAILQ_FIRST(&loop->timers);
	struct timer *t;

	TAILQ_FOREACH (t, &loop->timers, link) {
		if (t->deadline < best->deadline)
			best = t;
	}
	return best;
}

static void
step_deferred(struct loop *loop)
{
	struct deferred *d = TAILQ_FIRST(&loop->deferred);

	deferred_clear(loop, d);
	loop->turns++;
	d->run(d);
}

static void step_flight(struct loop *);

bool
fake_loop_step(struct loop *loop)
{
	struct timer *t = next_timer(loop);
	bool deferred = !TAILQ_EMPTY(&loop->deferred);

	/* Hurry takes its time: a second, now and then. */
	loop->now += prng_below(loop->dice, 200) == 0
			 ? prng_below(loop->dice, CLOCK_S)
			 : prng_below(loop->dice, 100 * CLOCK_US);
	if (t != NULL && t->deadline <= loop->now) {
		timer_clear(loop, t);
		t->fire(t, loop->now);
		return true;
	}
	if (deferred && prng_below(loop->dice, 8) < loop->eager) {
		step_deferred(loop);
		return true;
	}
	if (loop->jobs + loop->flights_n > 0) {
		if (prng_below(loop->dice, loop->jobs + loop->flights_n) <
		    loop->jobs)
			step_job(loop);
		else
			step_flight(loop);
		return true;
	}
	if (deferred) {
		step_deferred(loop);
		return true;
	}
	if (t == NULL)
		return false;
	loop->now = t->deadline;
	timer_clear(loop, t);
	t->fire(t, loop->now);
	return true;
}

void
fake_loop_settle(struct loop *loop)
{
	while (!TAILQ_EMPTY(&loop->deferred) || loop->jobs > 0 ||
	       loop->flights_n > 0)
		fake_loop_step(loop);
}

/* ---- bytes ---- */

static struct fake *
fake_of(struct bdev *bdev)
{
	return (struct fake *)bdev;
}

static void
mark(struct fake *f, uint64_t from, uint64_t to, unsigned set, unsigned clear)
{
	for (; from < to; from++)
		f->byte[from] = (uint8_t)((f->byte[from] & ~clear) | set);
}

bool
fake_any(const struct fake *f, uint64_t from, uint64_t to, unsigned flags)
{
	for (; from < to; from++) {
		if (f->byte[from] & flags)
			return true;
	}
	return false;
}

/* What is dirty (and flushed, if only that is wanted) gets to the medium. */
static void
settle(struct fake *f, uint64_t from, uint64_t to, unsigned which)
{
	for (; from < to; from++) {
		if (!(f->byte[from] & which))
			continue;
		f->medium[from] = f->content[from];
		if (f->byte[from] & BYTE_ROT)
			f->medium[from] ^= 1;
		f->byte[from] &= (uint8_t) ~(BYTE_DIRTY | BYTE_FLUSHING);
	}
}

/* Memory that a device has lent is known by its place. */
static bool
is_lent(const struct fake *f, const uint8_t *memory)
{
	return f != NULL && memory >= f->lends && memory < f->lends + f->room;
}

static const uint8_t *
behind(const struct fake *lender, const uint8_t *memory)
{
	return is_lent(lender, memory)
		   ? lender->content + (memory - lender->lends)
		   : memory;
}

static uint64_t
sum_of(const struct fake *lender, const struct bdev_req *req)
{
	uint64_t sum = 0;
	uint64_t left = req->length;

	for (int i = 0; i < req->iovcnt; i++) {
		const uint8_t *p = behind(lender, req->iov[i].iov_base);
		size_t n = req->iov[i].iov_len < left ? req->iov[i].iov_len
						      : (size_t)left;

		left -= n;
		while (n-- > 0)
			sum = (sum ^ *p++) * UINT64_C(0x100000001b3);
	}
	assert_int_equal(left, 0);
	return sum;
}

static void
bytes_out(const struct bdev_req *req, const uint8_t *from, uint64_t length)
{
	for (int i = 0; i < req->iovcnt && length > 0; i++) {
		size_t n = req->iov[i].iov_len < length ? req->iov[i].iov_len
							: (size_t)length;

		memcpy(req->iov[i].iov_base, from, n);
		from += n;
		length -= n;
	}
}

static void
bytes_in(const struct fake *lender, const struct bdev_req *req, uint8_t *to)
{
	for (int i = 0; i < req->iovcnt; i++) {
		memcpy(to, behind(lender, req->iov[i].iov_base),
		    req->iov[i].iov_len);
		to += req->iov[i].iov_len;
	}
}

/* ---- requests ---- */

static bool
changes(const struct bdev_req *req)
{
	return req->op == BDEV_WRITE || req->op == BDEV_ZERO ||
	       req->op == BDEV_COPY;
}

static void
fake_extents(struct fake *f, struct bdev_req *req)
{
	struct prng *dice = f->loop->dice;
	uint64_t at = req->offset, end = req->offset + req->length;
	unsigned most = 1 + (unsigned)prng_below(dice, f->window);
	unsigned n = 0;

	if (prng_below(dice, 2)) {
		uint64_t cut = at + 1 + prng_below(dice, end - at);

		cut = (cut + f->window_align - 1) / f->window_align *
		      f->window_align;
		if (cut < at + f->window_least)
			cut = at + f->window_least;
		if (cut < end)
			end = cut;
	}
	while (at < end && n < req->extents_max &&
	       (n < most || at < req->offset + f->window_least)) {
		unsigned alloc = f->byte[at] & BYTE_ALLOC;
		uint64_t to = at;

		while (to < end && (f->byte[to] & BYTE_ALLOC) == alloc)
			to++;
		/* Neighbours of a kind may come as two. */
		if (prng_below(dice, 4) == 0 && to - at > f->window_align)
			to = (at / f->window_align + 1) * f->window_align;
		req->extents[n++] = (struct bdev_extent){ .length = to - at,
			.alloc = alloc ? BDEV_DATA : BDEV_HOLE };
		at = to;
	}
	req->extents_n = n;
}

/* A stream of which a request has failed has lost its place. */
static int
flight_fail(struct flight *fl, int result, enum error_class class)
{
	struct bdev_req *req = fl->req;
	struct fake *f = fl->fake;
	struct flight *other;

	if (class != ERROR_NONE && req->why != NULL)
		error_set(req->why, class, "the fault of %s",
		    req->op == BDEV_READ ? "READ" : "another");
	if (f->bdev.stream) {
		TAILQ_FOREACH (other, &f->loop->flights, link) {
			if (other->fake == f)
				other->broken = true;
		}
	}
	if (req->op == BDEV_WRITE)
		f->loop->lost[f->loop->lost_n++ % FAKE_LOST] =
		    req->iov[0].iov_base;
	/* What a failed change leaves behind is anything. */
	if (changes(req) && prng_below(f->loop->dice, 2)) {
		for (uint64_t i = 0; i < req->length; i++)
			f->content[fl->at + i] =
			    (uint8_t)prng_next(f->loop->dice);
		mark(f, fl->at, fl->at + req->length, BYTE_DIRTY, 0);
	}
	return result;
}

static int
flight_read(struct flight *fl)
{
	struct bdev_req *req = fl->req;
	struct fake *f = fl->fake;
	uint32_t block = f->bdev.block_size;
	uint64_t from = fl->at / block * block;
	uint64_t to = (fl->at + req->length + block - 1) / block * block;

	if (req->length > fl->most)
		req->length = fl->most;
	if (!f->bdev.stream && fake_any(f, from, to, BYTE_BAD))
		return flight_fail(fl, -EIO, ERROR_IO);
	if (req->flags & BDEV_FUA)
		settle(f, fl->at, fl->at + req->length, BYTE_DIRTY);
	bytes_out(req,
	    (req->flags & BDEV_FUA ? f->medium : f->content) + fl->at,
	    req->length);
	mark(f, fl->at, fl->at + req->length, BYTE_READ, 0);
	return 0;
}

static int
flight_change(struct flight *fl)
{
	struct bdev_req *req = fl->req;
	struct fake *f = fl->fake;
	unsigned alloc = BYTE_ALLOC;

	if (req->op == BDEV_WRITE) {
		if (sum_of(f->loop->lender, req) != fl->sum)
			fail_msg("memory of a WRITE was changed in flight");
		bytes_in(f->loop->lender, req, f->content + fl->at);
	} else if (req->op == BDEV_ZERO) {
		memset(f->content + fl->at, 0, req->length);
		if (!(req->flags & BDEV_NO_HOLE))
			alloc = 0;
	} else {
		memcpy(f->content + fl->at,
		    fake_of(req->source)->content + req->source_offset,
		    req->length);
	}
	mark(f, fl->at, fl->at + req->length, alloc | BYTE_DIRTY | BYTE_CHANGED,
	    BYTE_ALLOC | BYTE_FLUSHING);
	return 0;
}

static int
flight_end(struct flight *fl)
{
	struct bdev_req *req = fl->req;
	struct fake *f = fl->fake;

	if (f->interrupted && (f->silent || prng_below(f->loop->dice, 2)))
		return flight_fail(fl, -ECANCELED, ERROR_FAILED);
	if (fl->broken)
		return flight_fail(fl, -EIO, ERROR_FAILED);
	if (fl->fails) {
		/* What was not on the medium is lost, and forgotten. */
		if (req->op == BDEV_FLUSH)
			mark(f, 0, f->room, 0, BYTE_DIRTY | BYTE_FLUSHING);
		return flight_fail(fl, f->fault.result, f->fault.class);
	}
	switch (req->op) {
	case BDEV_READ:
		return flight_read(fl);
	case BDEV_FLUSH:
		settle(f, 0, f->room, BYTE_FLUSHING);
		return 0;
	case BDEV_EXTENTS:
		fake_extents(f, req);
		return 0;
	default:
		return flight_change(fl);
	}
}

/* How many buffers the consumer has, by their addresses. */
static void
note_memory(struct loop *loop, const void *memory)
{
	size_t i;

	for (i = 0; i < loop->memory_n; i++) {
		if (loop->memory[i] == memory)
			return;
	}
	assert_in_range(i, 0, FAKE_MEMORY - 1);
	loop->memory[loop->memory_n++] = memory;
}

/* Memory may come long before the data, and the data not at all. */
static void
flight_place(struct flight *fl)
{
	struct bdev_req *req = fl->req;
	bool whole = req->place != NULL || req->flags & BDEV_FUA;

	assert_int_equal(bdev_place(req), 0);
	if (whole)
		note_memory(fl->fake->loop, req->iov[0].iov_base);
	for (size_t i = 0; i < FAKE_LOST; i++)
		assert_ptr_not_equal(
		    req->iov[0].iov_base, fl->fake->loop->lost[i]);
	for (int i = 0; i < req->iovcnt; i++)
		memset(req->iov[i].iov_base, 0xa5, req->iov[i].iov_len);
}

/* A read from the medium that gives what was not written. */
static bool
rotten(const struct flight *fl)
{
	const struct bdev_req *req = fl->req;
	const struct fake *f = fl->fake;

	return req->op == BDEV_READ && req->flags & BDEV_FUA &&
	       memcmp(f->medium + fl->at, f->content + fl->at, req->length) !=
		   0;
}

static void
flight_finish(struct flight *fl)
{
	struct bdev_req *req = fl->req;
	struct fake *f = fl->fake;
	bool fails = fl->fails || fl->broken;
	int result = bdev_check(&f->bdev, req);

	if (req->op == BDEV_READ &&
	    (fails ? prng_below(f->loop->dice, 2) != 0 : result > 0))
		flight_place(fl);
	if (result > 0)
		result = flight_end(fl);
	if (changes(req))
		mark(f, fl->at, fl->at + req->length, 0, BYTE_CHANGING);
	if (req->op == BDEV_FLUSH)
		f->flushing = false;
	TAILQ_REMOVE(&f->loop->flights, fl, link);
	f->loop->flights_n--;
	f->in_flight--;
	req->result = result;
	if (f->loop->failed != NULL && (result < 0 || rotten(fl)))
		f->loop->failed(f, req);
	free(fl);
	req->done(req);
}

static void
step_flight(struct loop *loop)
{
	size_t n = prng_below(loop->dice, loop->flights_n);
	struct flight *fl = TAILQ_FIRST(&loop->flights);
	struct flight *first;

	while (n-- > 0)
		fl = TAILQ_NEXT(fl, link);
	if (fl->fake->silent && !fl->fake->interrupted)
		return;
	if (fl->req->place != NULL && prng_below(loop->dice, 4) == 0) {
		flight_place(fl);
		return;
	}
	if (fl->fake->in_order) {
		TAILQ_FOREACH (first, &loop->flights, link) {
			if (first->fake == fl->fake)
				break;
		}
		fl = first;
	}
	flight_finish(fl);
}

/* What no consumer may do. */
static void
check_request(struct fake *f, const struct bdev_req *req, uint64_t at)
{
	assert_non_null(req->done);
	if (req->op == BDEV_FLUSH) {
		assert_false(f->flushing);
		return;
	}
	if (req->why != NULL)
		assert_int_equal(req->why->class, ERROR_NONE);
	if (req->op == BDEV_EXTENTS || bdev_check(&f->bdev, req) <= 0)
		return;
	if (req->op == BDEV_READ && f->bdev.stream)
		return;
	if (at + req->length > f->room)
		fail_msg("request of %llu bytes at %llu of %llu",
		    (unsigned long long)req->length, (unsigned long long)at,
		    (unsigned long long)f->room);
	if (fake_any(f, at, at + req->length, BYTE_CHANGING))
		fail_msg("a request overlaps a change in flight");
}

static bool
faulty(struct fake *f, const struct bdev_req *req)
{
	unsigned n = ++f->count[req->op];

	return f->fault.n != 0 && f->fault.op == req->op &&
	       (f->fault.once ? n == f->fault.n : n >= f->fault.n);
}

static void
fake_submit(struct bdev *bdev, struct bdev_req *req)
{
	struct fake *f = fake_of(bdev);
	uint64_t at = bdev->stream ? f->at : req->offset;
	struct flight *fl = calloc(1, sizeof(*fl));

	assert_non_null(fl);
	check_request(f, req, at);
	*fl = (struct flight){
		.req = req, .fake = f, .at = at, .most = UINT64_MAX
	};
	fl->fails = faulty(f, req);
	if (req->op == BDEV_READ && req->flags & BDEV_FUA)
		f->reads++;
	if (req->op == BDEV_READ && bdev->stream)
		fl->most = f->room - at;
	if (req->op == BDEV_WRITE) {
		if (is_lent(f->loop->lender, req->iov[0].iov_base))
			assert_true(bdev->takes_lent);
		fl->sum = sum_of(f->loop->lender, req);
	}
	if (changes(req) && bdev_check(bdev, req) > 0)
		mark(f, at, at + req->length, BYTE_CHANGING, 0);
	if (req->op == BDEV_FLUSH) {
		f->flushing = true;
		for (uint64_t i = 0; i < f->room; i++) {
			if (f->byte[i] & BYTE_DIRTY)
				f->byte[i] |= BYTE_FLUSHING;
		}
	} else if (bdev->stream) {
		f->at += req->length < fl->most ? req->length : fl->most;
	}
	req->result = 12345;
	TAILQ_INSERT_TAIL(&f->loop->flights, fl, link);
	f->loop->flights_n++;
	f->in_flight++;
	if (f->peak < f->in_flight)
		f->peak = f->in_flight;
}

static void
fake_close(struct bdev *bdev)
{
	(void)bdev;
}

static void
fake_interrupt(struct bdev *bdev)
{
	fake_of(bdev)->interrupted = true;
}

/* ---- lending ---- */

static bool
has_zero_part(const struct fake *f, uint64_t at, uint64_t end)
{
	while (at < end) {
		uint64_t to = (at / BDEV_LENT_GRAIN + 1) * BDEV_LENT_GRAIN;
		bool zero = true;

		for (; at < to && at < end; at++)
			zero = zero && f->content[at] == 0;
		if (zero)
			return true;
	}
	return false;
}

static const void *
fake_borrow(struct bdev *bdev, uint64_t offset, size_t length)
{
	struct fake *f = fake_of(bdev);

	if (f->lends == NULL || prng_below(f->loop->dice, 16) == 0 ||
	    fake_any(f, offset, offset + length, BYTE_BAD) ||
	    has_zero_part(f, offset, offset + length))
		return NULL;
	mark(f, offset, offset + length, BYTE_READ, 0);
	f->lent++;
	f->lent_all++;
	return f->lends + offset;
}

static int
fake_give_back(struct bdev *bdev, const void *memory, uint64_t offset,
    size_t length, struct error *why)
{
	struct fake *f = fake_of(bdev);
	struct bdev_req cut = {
		.op = BDEV_READ, .offset = offset, .result = -EIO, .why = why
	};
	const struct flight *fl;

	assert_ptr_equal(memory, f->lends + offset);
	assert_int_equal(why->class, ERROR_NONE);
	assert_in_range(f->lent--, 1, f->lent_all);
	TAILQ_FOREACH (fl, &f->loop->flights, link) {
		const uint8_t *used;

		if (fl->req->op != BDEV_WRITE)
			continue;
		used = fl->req->iov[0].iov_base;
		if (is_lent(f, used))
			assert_false(used >= f->lends + offset &&
				     used < f->lends + offset + length);
	}
	if (f->cut_at == 0 || --f->cut_at > 0)
		return 0;
	error_set(why, ERROR_FAILED, "the fault of lending");
	if (f->loop->failed != NULL)
		f->loop->failed(f, &cut);
	return -EIO;
}

static const struct bdev_ops fake_ops = {
	.submit = fake_submit,
	.close = fake_close,
	.interrupt = fake_interrupt,
	.borrow = fake_borrow,
	.give_back = fake_give_back,
};

/* ---- devices ---- */

void
fake_init(struct fake *f, struct loop *loop, uint64_t size, uint32_t block)
{
	*f = (struct fake){
		.bdev = { .ops = &fake_ops,
		    .size = size,
		    .block_size = block,
		    .physical_block_size = block,
		    .thin = true,
		    .can_discard = true,
		    .can_fast_zero = true,
		    .volatile_cache = true },
		.loop = loop,
		.room = size,
		.window = 8,
		.window_align = 4096,
	};
	f->content = calloc(1, size + 1);
	f->medium = calloc(1, size + 1);
	f->byte = calloc(1, size + 1);
	assert_true(f->content && f->medium && f->byte);
}

void
fake_make_stream(struct fake *f)
{
	f->bdev.stream = true;
	f->bdev.thin = false;
	f->bdev.can_fast_zero = false;
	f->bdev.block_size = f->bdev.physical_block_size = 1;
	f->bdev.size = UINT64_MAX;
}

void
fake_lend(struct fake *f)
{
	f->lends = mmap(
	    NULL, f->room + 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(f->lends, MAP_FAILED);
	f->loop->lender = f;
}

void
fake_fini(struct fake *f)
{
	if (f->lends != NULL)
		munmap(f->lends, f->room + 1);
	free(f->content);
	free(f->medium);
	free(f->byte);
}

void
fake_fill(struct fake *f, uint64_t from, uint64_t to)
{
	uint64_t x = prng_next(f->loop->dice);

	mark(f, from, to, BYTE_ALLOC, 0);
	for (; from < to; from++) {
		x = x * UINT64_C(6364136223846793005) + 1;
		f->content[from] = f->medium[from] =
		    (uint8_t)(1 + (x >> 56) % 255);
	}
}

void
fake_clear(struct fake *f, uint64_t from, uint64_t to, bool allocated)
{
	memset(f->content + from, 0, to - from);
	memset(f->medium + from, 0, to - from);
	mark(f, from, to, allocated ? BYTE_ALLOC : 0, BYTE_ALLOC);
}
