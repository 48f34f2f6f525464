/* SPDX-License-Identifier: BSD-2-Clause */
/* block/mem: the bdev contract, and memory that comes and goes. */
#include "bdev_suite.h"

#include <sys/mman.h>
#include <unistd.h>

#include "block/mem.h"

static int
setup(void **state)
{
	(void)state;
	return loop_new(&suite_loop) != 0 ||
	       mem_open(suite_loop, SUITE_SIZE, 512, &suite_bdev) != 0;
}

static int
teardown(void **state)
{
	(void)state;
	suite_bdev->ops->close(suite_bdev);
	loop_free(suite_loop);
	return 0;
}

/* "DATA HOLE ..." in units of 4096 bytes, as "d3 h1 ..." */
static const char *
layout(uint64_t offset, uint64_t length)
{
	static char text[128];
	struct bdev_extent extents[8];
	struct bdev_req req = { .op = BDEV_EXTENTS,
		.offset = offset,
		.length = length,
		.extents = extents,
		.extents_max = 8 };
	size_t len = 0;

	suite_submit(&req);
	loop_run(suite_loop);
	assert_int_equal(req.result, 0);
	text[0] = '\0';
	for (unsigned i = 0; i < req.extents_n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "%s%c%llu", i == 0 ? "" : " ",
		    extents[i].alloc == BDEV_HOLE ? 'h' : 'd',
		    (unsigned long long)extents[i].length / 512);
	return text;
}

static void
extents_follow_writes_and_discards(void **state)
{
	(void)state;
	assert_string_equal(layout(0, SUITE_SIZE), "h2048");
	assert_int_equal(suite_simple(BDEV_WRITE, 4096 * 3, 512, 0), 0);
	assert_string_equal(layout(0, SUITE_SIZE), "h24 d8 h2016");
	assert_string_equal(layout(4096 * 3 + 512, 512), "d1");
	assert_int_equal(suite_simple(BDEV_WRITE, 0, SUITE_SIZE, 0), 0);
	assert_string_equal(layout(0, SUITE_SIZE), "d2048");
	/* Whole chunks only. */
	assert_int_equal(
	    suite_simple(BDEV_DISCARD, 4096 * 60 + 512, 4096 * 100, 0), 0);
	assert_string_equal(layout(0, SUITE_SIZE), "d488 h792 d768");
	assert_int_equal(
	    suite_simple(BDEV_ZERO, 4096 * 61, 8192, BDEV_NO_HOLE), 0);
	assert_string_equal(layout(0, SUITE_SIZE), "d504 h776 d768");
	assert_int_equal(suite_simple(BDEV_ZERO, 0, SUITE_SIZE, 0), 0);
	assert_string_equal(layout(0, SUITE_SIZE), "h2048");
}

static void
map_marks_what_will_be_written(void **state)
{
	uint8_t *at = suite_bdev->ops->map(suite_bdev, 8192, 512, false);

	(void)state;
	assert_int_equal(at[0], 0);
	assert_string_equal(layout(0, 16384), "h32");
	assert_ptr_equal(suite_bdev->ops->map(suite_bdev, 8192, 512, true), at);
	at[511] = 7;
	assert_string_equal(layout(0, 16384), "h16 d8 h8");
}

static void
discard_gives_memory_back(void **state)
{
	uint8_t *base = suite_bdev->ops->map(suite_bdev, 0, SUITE_SIZE, true);
	unsigned char resident[SUITE_SIZE / 4096];
	unsigned pages = 0;

	(void)state;
	memset(base, 1, SUITE_SIZE);
	assert_int_equal(suite_simple(BDEV_DISCARD, 0, SUITE_SIZE, 0), 0);
	assert_int_equal(mincore(base, SUITE_SIZE, resident), 0);
	for (unsigned i = 0; i < SUITE_SIZE / 4096; i++)
		pages += resident[i] & 1;
	assert_int_equal(pages, 0);
	assert_int_equal(base[4096], 0);
}

/* The last chunk ends behind the device. */
static void
odd_sizes_work(void **state)
{
	struct bdev *bdev;

	(void)state;
	assert_int_equal(mem_open(suite_loop, 1000, 512, &bdev), -EINVAL);
	assert_int_equal(mem_open(suite_loop, 0, 512, &bdev), -EINVAL);
	suite_bdev->ops->close(suite_bdev);
	assert_int_equal(mem_open(suite_loop, 4096 + 512, 512, &suite_bdev), 0);
	assert_int_equal(suite_simple(BDEV_WRITE, 0, 4608, 0), 0);
	assert_string_equal(layout(0, 4608), "d9");
	assert_int_equal(suite_simple(BDEV_ZERO, 4096, 512, 0), 0);
	assert_string_equal(layout(0, 4608), "d8 h1");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(random_requests_match_the_model),
		T(read_without_memory_fails),
		T(requests_outside_are_refused),
		T(read_only_device_refuses_changes),
		T(extents_follow_writes_and_discards),
		T(map_marks_what_will_be_written),
		T(discard_gives_memory_back),
		T(odd_sizes_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
