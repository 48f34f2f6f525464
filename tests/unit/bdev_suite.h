/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bdev_suite - what every bdev promises (base/bdev.h), tried on a device that
 * the including test opens: batches of random requests, in flight together,
 * against a model in memory.
 */
#ifndef TESTS_BDEV_SUITE_H
#define TESTS_BDEV_SUITE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bdev.h"
#include "io/loop.h"

#define SUITE_SIZE  (1u << 20)
#define SUITE_BATCH 24
#define SUITE_IOV   5

static struct loop *suite_loop;
static struct bdev *suite_bdev;
static uint8_t suite_model[SUITE_SIZE];
/* Discarded since it was written: either the model's byte or 0. */
static bool suite_loose[SUITE_SIZE];
static unsigned suite_in_flight;
static bool suite_inside_submit;
static uint64_t suite_seed;

struct suite_req {
	struct bdev_req req;
	struct iovec iov[SUITE_IOV];
	struct bdev_extent extents[6];
	uint8_t *buffer;
	bool raced; /* a read, and a change of the same bytes is in flight */
	bool placed;
};

static uint64_t
suite_random(uint64_t below)
{
	/* xorshift64* */
	suite_seed ^= suite_seed >> 12;
	suite_seed ^= suite_seed << 25;
	suite_seed ^= suite_seed >> 27;
	return (suite_seed * UINT64_C(2685821657736338717) >> 11) % below;
}

static void
suite_done(struct bdev_req *req)
{
	assert_false(suite_inside_submit);
	assert_ptr_equal(req->ctx, &suite_in_flight);
	if (--suite_in_flight == 0)
		loop_stop(suite_loop, 0);
}

static void
suite_submit(struct bdev_req *req)
{
	req->done = suite_done;
	req->ctx = &suite_in_flight;
	req->result = 12345;
	suite_in_flight++;
	suite_inside_submit = true;
	bdev_submit(suite_bdev, req);
	suite_inside_submit = false;
}

static int
suite_run(struct bdev_req req)
{
	suite_submit(&req);
	loop_run(suite_loop);
	return req.result;
}

static int
suite_simple(enum bdev_op op, uint64_t offset, uint64_t length, uint32_t flags)
{
	static uint8_t buffer[SUITE_SIZE];
	struct iovec iov = { buffer, sizeof(buffer) };
	struct bdev_extent extent;

	return suite_run((struct bdev_req){ .op = op,
	    .flags = flags,
	    .offset = offset,
	    .length = length,
	    .iov = &iov,
	    .iovcnt = 1,
	    .extents = &extent,
	    .extents_max = 1 });
}

static bool
suite_changes(const struct bdev_req *req)
{
	return req->op == BDEV_WRITE || req->op == BDEV_ZERO ||
	       req->op == BDEV_DISCARD;
}

static bool
suite_overlap(const struct bdev_req *a, const struct bdev_req *b)
{
	return a->offset < b->offset + b->length &&
	       b->offset < a->offset + a->length;
}

static int
suite_place(struct bdev_req *req)
{
	struct suite_req *sr = (struct suite_req *)(void *)req;
	uint8_t *at = sr->buffer;

	assert_false(sr->placed);
	sr->placed = true;
	for (int i = 0; i < req->iovcnt; i++) {
		sr->iov[i].iov_base = at;
		at += sr->iov[i].iov_len;
	}
	return 0;
}

static void
suite_fill(struct suite_req *sr)
{
	static const enum bdev_op ops[] = { BDEV_READ, BDEV_READ, BDEV_READ,
		BDEV_WRITE, BDEV_WRITE, BDEV_WRITE, BDEV_ZERO, BDEV_DISCARD,
		BDEV_EXTENTS, BDEV_FLUSH };
	struct bdev_req *req = &sr->req;
	uint64_t left, n;
	int i;

	memset(sr, 0, sizeof(*sr));
	req->op = ops[suite_random(sizeof(ops) / sizeof(ops[0]))];
	/* Mostly in a small part, so that requests meet. */
	req->offset =
	    suite_random(suite_random(3) != 0 ? 65536 : SUITE_SIZE - 1);
	n = suite_random(4) == 0 ? 200000 : 9000;
	req->length = 1 + suite_random(n);
	if (suite_random(3) == 0) {
		req->offset &= ~UINT64_C(4095);
		req->length = (req->length + 4095) & ~UINT64_C(4095);
	}
	if (req->length > SUITE_SIZE - req->offset)
		req->length = SUITE_SIZE - req->offset;
	if (req->op == BDEV_ZERO && suite_random(2) == 0)
		req->flags |= BDEV_NO_HOLE;
	if (suite_random(16) == 0)
		req->flags |= BDEV_FUA;
	req->extents = sr->extents;
	req->extents_max = 1 + (unsigned)suite_random(6);
	if (req->op != BDEV_READ && req->op != BDEV_WRITE)
		return;
	sr->buffer = malloc(req->length);
	assert_non_null(sr->buffer);
	for (uint64_t j = 0; j < req->length; j++)
		sr->buffer[j] = (uint8_t)(1 + suite_random(255));
	left = req->length;
	for (i = 0; left > 0; i++) {
		n = i == SUITE_IOV - 1 ? left : suite_random(left + 1);
		sr->iov[i].iov_base = sr->buffer + (req->length - left);
		sr->iov[i].iov_len = n;
		left -= n;
	}
	req->iov = sr->iov;
	req->iovcnt = i;
	if (req->op == BDEV_READ && suite_random(2) == 0) {
		req->place = suite_place;
		while (--i >= 0)
			sr->iov[i].iov_base = NULL;
	}
}

static void
suite_apply(const struct suite_req *sr)
{
	const struct bdev_req *req = &sr->req;
	uint64_t at = req->offset;

	switch (req->op) {
	case BDEV_WRITE:
		memcpy(suite_model + at, sr->buffer, req->length);
		memset(suite_loose + at, false, req->length);
		break;
	case BDEV_ZERO:
		memset(suite_model + at, 0, req->length);
		memset(suite_loose + at, false, req->length);
		break;
	case BDEV_DISCARD:
		memset(suite_loose + at, true, req->length);
		break;
	default:
		break;
	}
}

static void
suite_check_read(const struct suite_req *sr)
{
	for (uint64_t i = 0; i < sr->req.length; i++) {
		uint64_t at = sr->req.offset + i;

		if (sr->buffer[i] == suite_model[at] ||
		    (suite_loose[at] && sr->buffer[i] == 0))
			continue;
		fail_msg("byte %llu is %02x, not %02x", (unsigned long long)at,
		    sr->buffer[i], suite_model[at]);
	}
}

static void
suite_check_extents(const struct suite_req *sr)
{
	const struct bdev_req *req = &sr->req;
	uint64_t at = req->offset;

	assert_in_range(req->extents_n, 1, req->extents_max);
	for (unsigned i = 0; i < req->extents_n; i++) {
		uint64_t end = at + req->extents[i].length;

		assert_true(end > at);
		assert_true(end <= req->offset + req->length);
		for (; at < end; at++) {
			if (req->extents[i].alloc == BDEV_HOLE)
				assert_true(
				    suite_model[at] == 0 || suite_loose[at]);
		}
	}
	if (req->extents_n < req->extents_max)
		assert_true(at == req->offset + req->length);
}

static void
suite_batch(void)
{
	static struct suite_req batch[SUITE_BATCH];
	unsigned n = 1 + (unsigned)suite_random(SUITE_BATCH);

	for (unsigned i = 0; i < n; i++)
		suite_fill(&batch[i]);
	for (unsigned i = 0; i < n; i++) {
		for (unsigned j = 0; j < n; j++) {
			if (suite_changes(&batch[j].req) &&
			    suite_overlap(&batch[i].req, &batch[j].req))
				batch[i].raced = true;
		}
	}
	for (unsigned i = 0; i < n; i++)
		suite_submit(&batch[i].req);
	loop_run(suite_loop);
	assert_int_equal(suite_in_flight, 0);
	for (unsigned i = 0; i < n; i++) {
		if (batch[i].req.op == BDEV_DISCARD &&
		    batch[i].req.result == -EOPNOTSUPP)
			continue;
		assert_int_equal(batch[i].req.result, 0);
		suite_apply(&batch[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		if (batch[i].req.op == BDEV_READ && !batch[i].raced)
			suite_check_read(&batch[i]);
		if (batch[i].req.op == BDEV_EXTENTS && !batch[i].raced)
			suite_check_extents(&batch[i]);
		free(batch[i].buffer);
	}
}

static int
suite_no_memory(struct bdev_req *req)
{
	(void)req;
	return -ENOMEM;
}

static void
read_without_memory_fails(void **state)
{
	struct iovec iov = { NULL, 4096 };
	struct bdev_req req = { .op = BDEV_READ,
		.length = 4096,
		.iov = &iov,
		.iovcnt = 1,
		.place = suite_no_memory };

	(void)state;
	assert_int_equal(suite_run(req), -ENOMEM);
}

/* Expects a device of SUITE_SIZE bytes that reads as zeros. */
static void
random_requests_match_the_model(void **state)
{
	const char *seed = getenv("SEED");

	(void)state;
	suite_seed = seed != NULL ? strtoull(seed, NULL, 0) | 1 : 20260501;
	memset(suite_model, 0, sizeof(suite_model));
	memset(suite_loose, false, sizeof(suite_loose));
	for (int i = 0; i < 300; i++)
		suite_batch();
}

static void
requests_outside_are_refused(void **state)
{
	(void)state;
	assert_int_equal(suite_simple(BDEV_READ, SUITE_SIZE, 1, 0), -EINVAL);
	assert_int_equal(
	    suite_simple(BDEV_WRITE, SUITE_SIZE - 1, 2, 0), -EINVAL);
	assert_int_equal(suite_simple(BDEV_ZERO, UINT64_MAX, 2, 0), -EINVAL);
	assert_int_equal(suite_simple(BDEV_DISCARD, 2, UINT64_MAX, 0), -EINVAL);
	assert_int_equal(suite_simple(BDEV_READ, SUITE_SIZE, 0, 0), 0);
	assert_int_equal(suite_simple(BDEV_FLUSH, 0, 0, 0), 0);
}

static void
read_only_device_refuses_changes(void **state)
{
	bool was = suite_bdev->read_only;

	(void)state;
	suite_bdev->read_only = true;
	assert_int_equal(suite_simple(BDEV_READ, 0, 512, 0), 0);
	assert_int_equal(suite_simple(BDEV_WRITE, 0, 512, 0), -EROFS);
	assert_int_equal(suite_simple(BDEV_ZERO, 0, 512, 0), -EROFS);
	assert_int_equal(suite_simple(BDEV_DISCARD, 0, 512, 0), -EROFS);
	suite_bdev->read_only = was;
}

#endif
