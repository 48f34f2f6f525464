/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd/load.h: what a device is asked for, how often, and when it ends. */
#include "unit.h"

#include <errno.h>

#include "cmd/load.h"

#define PLACES 16
#define SIZE   4096

/* A device that remembers what it was asked for. */
struct device {
	struct bdev bdev; /* first */
	struct loop *loop;
	struct bdev_req_queue queue;
	struct deferred answer;
	uint64_t offsets[4096];
	bool writes[4096];
	unsigned n, in_flight, most;
	unsigned fail_at; /* this request, from 1 on */
};

static void
device_submit(struct bdev *bdev, struct bdev_req *req)
{
	struct device *d = (struct device *)bdev;

	assert_int_equal(bdev_check(bdev, req), 1);
	assert_int_equal(req->length, SIZE);
	assert_int_equal(req->iov->iov_len, SIZE);
	d->offsets[d->n] = req->offset;
	d->writes[d->n++] = req->op == BDEV_WRITE;
	req->result = d->n == d->fail_at ? -EIO : 0;
	if (++d->in_flight > d->most)
		d->most = d->in_flight;
	TAILQ_INSERT_TAIL(&d->queue, req, link);
	deferred_set(d->loop, &d->answer);
}

/* One in each turn of the loop. */
static void
device_answer(struct deferred *deferred)
{
	struct device *d = deferred->ctx;
	struct bdev_req *req = TAILQ_FIRST(&d->queue);

	TAILQ_REMOVE(&d->queue, req, link);
	if (!TAILQ_EMPTY(&d->queue))
		deferred_set(d->loop, &d->answer);
	d->in_flight--;
	req->done(req);
}

static const struct bdev_ops device_ops = { .submit = device_submit };

struct ended {
	struct device *d;
	unsigned n;
	struct error why;
};

static void
load_ended(void *ctx, const struct error *why)
{
	struct ended *e = ctx;

	assert_int_equal(e->d->in_flight, 0);
	if (why != NULL)
		e->why = *why;
	e->n++;
	loop_stop(e->d->loop, 0);
}

static struct error
load_run(struct device *d, struct load_config c, struct load_result *ret)
{
	struct ended e = { .d = d };
	struct load *load;

	memset(d, 0, sizeof(*d));
	d->bdev = (struct bdev){ .ops = &device_ops,
		.size = PLACES * SIZE + 512,
		.block_size = 512 };
	TAILQ_INIT(&d->queue);
	d->answer = (struct deferred){ .run = device_answer, .ctx = d };
	d->fail_at = c.size; /* handed over here */
	assert_int_equal(loop_new(&d->loop), 0);
	c.bdev = &d->bdev;
	c.size = SIZE;
	c.done = load_ended;
	c.ctx = &e;
	assert_int_equal(load_new(d->loop, &c, &load), 0);
	assert_int_equal(loop_run(d->loop), 0);
	assert_int_equal(e.n, 1);
	*ret = *load_result(load);
	load_free(load);
	loop_free(d->loop);
	return e.why;
}

static void
test_sequence(void **state)
{
	const struct load_config c = {
		.depth = 5, .read_percent = 100, .count = 40
	};
	struct load_result r;
	struct device d;

	(void)state;
	assert_int_equal(load_run(&d, c, &r).class, ERROR_NONE);
	assert_int_equal(d.n, 40);
	assert_int_equal(d.most, 5);
	assert_int_equal(r.latency[LOAD_READ].n, 40);
	assert_int_equal(r.latency[LOAD_WRITE].n, 0);
	for (unsigned i = 0; i < d.n; i++) {
		assert_int_equal(d.offsets[i], i % PLACES * SIZE);
		assert_false(d.writes[i]);
	}
	/* Fewer than fit. */
	load_run(&d, (struct load_config){ .depth = 5, .count = 2 }, &r);
	assert_int_equal(d.n, 2);
	assert_int_equal(d.most, 2);
	assert_true(d.writes[0] && d.writes[1]);
}

static void
test_random(void **state)
{
	struct load_config c = { .depth = 3,
		.random = true,
		.read_percent = 70,
		.seed = 1,
		.count = 2000 };
	struct device a, b;
	struct load_result r;
	unsigned hits[PLACES] = { 0 }, same = 0;

	(void)state;
	load_run(&a, c, &r);
	assert_in_range(r.latency[LOAD_READ].n, 1300, 1500);
	assert_int_equal(
	    r.latency[LOAD_READ].n + r.latency[LOAD_WRITE].n, 2000);
	for (unsigned i = 0; i < a.n; i++) {
		assert_int_equal(a.offsets[i] % SIZE, 0);
		hits[a.offsets[i] / SIZE]++;
	}
	for (unsigned i = 0; i < PLACES; i++)
		assert_in_range(hits[i], 80, 180);
	load_run(&b, c, &r);
	assert_memory_equal(a.offsets, b.offsets, sizeof(a.offsets));
	assert_memory_equal(a.writes, b.writes, sizeof(a.writes));
	c.seed = 2;
	load_run(&b, c, &r);
	for (unsigned i = 0; i < a.n; i++)
		same += a.offsets[i] == b.offsets[i];
	assert_in_range(same, 0, 300);
}

static void
test_failure(void **state)
{
	const struct load_config c = {
		.depth = 4, .read_percent = 100, .size = 10, .count = 1000
	};
	struct load_result r;
	struct device d;
	struct error why;

	(void)state;
	why = load_run(&d, c, &r);
	assert_int_equal(why.class, ERROR_IO);
	assert_non_null(strstr(why.text, "reading 4096 bytes at 36864: "));
	/* Those that were in flight end, and no other begins. */
	assert_int_equal(d.n, 13);
	assert_int_equal(r.latency[LOAD_READ].n, 12);
}

static void
test_time(void **state)
{
	const struct load_config c = {
		.depth = 1, .read_percent = 0, .count = 4000, .seconds = 3600
	};
	struct load_result r;
	struct device d;

	(void)state;
	load_run(&d, c, &r);
	assert_int_equal(r.latency[LOAD_WRITE].n, 4000);
	assert_true(r.ns > 0);
	assert_true(r.latency[LOAD_WRITE].max <= r.ns);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sequence),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
