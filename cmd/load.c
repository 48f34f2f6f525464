/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See load.h.  Every slot has a request and its memory, and is submitted again
 * from the done() of the request before.  Written is what a generator gave in
 * the beginning: data that no target can compress or share.
 */
#include "cmd/load.h"

#include <sys/resource.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define ALIGNMENT 4096

struct slot {
	struct load *load;
	struct bdev_req req;
	struct iovec iov;
	uint64_t began;
	uint8_t kind; /* LOAD_READ, LOAD_WRITE */
};

struct load {
	struct loop *loop;
	struct load_config config;
	struct load_result result;
	struct slot *slots;
	uint8_t *memory;
	uint64_t places; /* where a request may go, in units of its size */
	uint64_t next;	 /* of them, in sequence */
	uint64_t random;
	uint64_t begun; /* requests */
	unsigned in_flight;
	bool stopping;
	uint64_t began;
	uint64_t cpu;
	struct timer timer;
	struct deferred start;
	struct error why;
};

/* splitmix64 */
static uint64_t
chance(struct load *l)
{
	uint64_t z = l->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * CLOCK_S + (uint64_t)t.tv_nsec;
}

static uint64_t
timeval_ns(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * CLOCK_S + (uint64_t)t->tv_usec * CLOCK_US;
}

static uint64_t
cpu_ns(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return timeval_ns(&r.ru_utime) + timeval_ns(&r.ru_stime);
}

static void
submit(struct slot *s)
{
	struct load *l = s->load;
	const struct load_config *c = &l->config;
	uint64_t place;

	place = c->random ? chance(l) % l->places : l->next++ % l->places;
	s->kind =
	    c->read_percent == 100 ||
		    (c->read_percent > 0 && chance(l) % 100 < c->read_percent)
		? LOAD_READ
		: LOAD_WRITE;
	s->req.op = s->kind == LOAD_READ ? BDEV_READ : BDEV_WRITE;
	s->req.offset = place * c->size;
	l->begun++;
	l->in_flight++;
	s->began = clock_ns();
	bdev_submit(c->bdev, &s->req);
}

static void
end(struct load *l)
{
	timer_clear(l->loop, &l->timer);
	l->result.ns = clock_ns() - l->began;
	l->result.cpu_ns = cpu_ns() - l->cpu;
	l->config.done(
	    l->config.ctx, l->why.class == ERROR_NONE ? NULL : &l->why);
}

static void
answered(struct bdev_req *req)
{
	struct slot *s = req->ctx;
	struct load *l = s->load;
	const struct load_config *c = &l->config;

	l->in_flight--;
	if (req->result == 0) {
		latency_add(&l->result.latency[s->kind], clock_ns() - s->began);
	} else if (l->why.class == ERROR_NONE) {
		error_set(&l->why, ERROR_IO,
		    "%s %" PRIu32 " bytes at %" PRIu64 ": %s",
		    s->kind == LOAD_READ ? "reading" : "writing", c->size,
		    req->offset, strerror(-req->result));
		l->stopping = true;
	}
	if (l->stopping || (c->count > 0 && l->begun == c->count)) {
		if (l->in_flight == 0)
			end(l);
		return;
	}
	submit(s);
}

static void
time_is_over(struct timer *t, uint64_t now)
{
	struct load *l = t->ctx;

	(void)now;
	l->stopping = true;
}

static void
begin(struct deferred *d)
{
	struct load *l = d->ctx;
	const struct load_config *c = &l->config;
	unsigned i;

	l->cpu = cpu_ns();
	l->began = clock_ns();
	if (c->seconds > 0)
		timer_set(l->loop, &l->timer,
		    loop_now(l->loop) + c->seconds * CLOCK_S);
	for (i = 0; i < c->depth && !l->stopping &&
		    (c->count == 0 || l->begun < c->count);
	     i++)
		submit(&l->slots[i]);
	if (l->in_flight == 0)
		end(l);
}

static int
load_prepare(struct load *l)
{
	const struct load_config *c = &l->config;
	size_t bytes = (size_t)c->depth * c->size, i;
	unsigned n;

	l->slots = calloc(c->depth, sizeof(*l->slots));
	l->memory = aligned_alloc(
	    ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
	if (l->slots == NULL || l->memory == NULL)
		return -ENOMEM;
	for (i = 0; i + sizeof(uint64_t) <= bytes; i += sizeof(uint64_t)) {
		uint64_t word = chance(l);

		memcpy(l->memory + i, &word, sizeof(word));
	}
	for (n = 0; n < c->depth; n++) {
		struct slot *s = &l->slots[n];

		s->load = l;
		s->iov.iov_base = l->memory + (size_t)n * c->size;
		s->iov.iov_len = c->size;
		s->req.length = c->size;
		s->req.iov = &s->iov;
		s->req.iovcnt = 1;
		s->req.done = answered;
		s->req.ctx = s;
	}
	return 0;
}

int
load_new(struct loop *loop, const struct load_config *config, struct load **ret)
{
	struct load *l = calloc(1, sizeof(*l));
	int kind;

	if (l == NULL)
		return -ENOMEM;
	l->loop = loop;
	l->config = *config;
	l->random = config->seed;
	l->places = config->bdev->size / config->size;
	for (kind = 0; kind < LOAD_KINDS; kind++)
		latency_init(&l->result.latency[kind]);
	timer_init(&l->timer, time_is_over, l);
	l->start = (struct deferred){ .run = begin, .ctx = l };
	if (load_prepare(l) < 0) {
		load_free(l);
		return -ENOMEM;
	}
	deferred_set(loop, &l->start);
	*ret = l;
	return 0;
}

void
load_stop(struct load *l)
{
	l->stopping = true;
}

const struct load_result *
load_result(const struct load *l)
{
	return &l->result;
}

void
load_free(struct load *l)
{
	if (l == NULL)
		return;
	timer_clear(l->loop, &l->timer);
	deferred_clear(l->loop, &l->start);
	free(l->slots);
	free(l->memory);
	free(l);
}
