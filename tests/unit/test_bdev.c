/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "base/bdev.h"
#include "unit.h"

static const struct {
	enum bdev_op op;
	uint64_t offset, length;
	int rw, ro; /* bdev_check() of a writable and a read-only device */
} cases[] = {
	{ BDEV_READ, 0, 1024, 1, 1 },
	{ BDEV_READ, 1023, 1, 1, 1 },
	{ BDEV_READ, 1024, 1, -EINVAL, -EINVAL },
	{ BDEV_READ, 1024, 0, 0, 0 },
	{ BDEV_READ, 1025, 0, -EINVAL, -EINVAL },
	{ BDEV_READ, 1, 1024, -EINVAL, -EINVAL },
	{ BDEV_READ, 1, UINT64_MAX, -EINVAL, -EINVAL },
	{ BDEV_READ, UINT64_MAX, 2, -EINVAL, -EINVAL },
	{ BDEV_WRITE, 0, 1024, 1, -EROFS },
	{ BDEV_WRITE, 512, 513, -EINVAL, -EROFS },
	{ BDEV_WRITE, 7, 0, 0, -EROFS },
	{ BDEV_DISCARD, 0, 1, 1, -EROFS },
	{ BDEV_DISCARD, 1000, 25, -EINVAL, -EROFS },
	{ BDEV_ZERO, 0, 1, 1, -EROFS },
	{ BDEV_ZERO, 0, 1025, -EINVAL, -EROFS },
	{ BDEV_FLUSH, 9999, 9999, 1, 1 },
	{ BDEV_EXTENTS, 0, 1024, 1, 1 },
	{ BDEV_EXTENTS, 0, 0, -EINVAL, -EINVAL },
	{ BDEV_EXTENTS, 0, 1025, -EINVAL, -EINVAL },
	{ (enum bdev_op)99, 0, 1, -EINVAL, -EINVAL },
};

static void
checks(void **state)
{
	struct bdev rw = { .size = 1024 };
	struct bdev ro = { .size = 1024, .read_only = true };
	struct bdev_req req = { .extents_max = 1 };

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		req.op = cases[i].op;
		req.offset = cases[i].offset;
		req.length = cases[i].length;
		assert_int_equal(bdev_check(&rw, &req), cases[i].rw);
		assert_int_equal(bdev_check(&ro, &req), cases[i].ro);
	}
	req = (struct bdev_req){ .op = BDEV_EXTENTS, .length = 1 };
	assert_int_equal(bdev_check(&rw, &req), -EINVAL);
}

/* A stream has no offsets to be outside of, and no map of what is allocated. */
static void
stream_checks(void **state)
{
	struct bdev stream = { .size = 10, .block_size = 1, .stream = true };
	struct bdev_req req = {
		.op = BDEV_READ, .offset = 11, .length = 20, .extents_max = 1
	};

	(void)state;
	assert_int_equal(bdev_check(&stream, &req), 1);
	req.op = BDEV_WRITE;
	assert_int_equal(bdev_check(&stream, &req), 1);
	req.op = BDEV_DISCARD;
	assert_int_equal(bdev_check(&stream, &req), -EOPNOTSUPP);
	req.op = BDEV_EXTENTS;
	assert_int_equal(bdev_check(&stream, &req), -EOPNOTSUPP);
	stream.read_only = true;
	req.op = BDEV_ZERO;
	assert_int_equal(bdev_check(&stream, &req), -EROFS);
}

static void
submit(struct bdev *bdev, struct bdev_req *req)
{
	req->priv = bdev;
}

static void
submit_reaches_the_provider(void **state)
{
	const struct bdev_ops ops = { .submit = submit };
	struct bdev bdev = { .ops = &ops };
	struct bdev_req req = { .op = BDEV_FLUSH };

	(void)state;
	bdev_submit(&bdev, &req);
	assert_ptr_equal(req.priv, &bdev);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(checks),
		cmocka_unit_test(stream_checks),
		cmocka_unit_test(submit_reaches_the_provider),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
