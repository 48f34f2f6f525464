/* SPDX-License-Identifier: BSD-2-Clause */
/* block/file: the bdev contract on a real file, and what opening refuses. */
#include "bdev_suite.h"

#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#include "block/file.h"

static char folder[64];
static char path[96];
static struct error err;

static int
setup(void **state)
{
	int fd;

	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test_file.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/disk", folder);
	fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0600);
	if (fd == -1 || ftruncate(fd, SUITE_SIZE + 100) == -1)
		return -1;
	close(fd);
	if (loop_new(&suite_loop) != 0)
		return -1;
	return file_open(suite_loop, path, false, 0, &suite_bdev, &err);
}

static int
teardown(void **state)
{
	(void)state;
	if (suite_bdev != NULL)
		suite_bdev->ops->close(suite_bdev);
	suite_bdev = NULL;
	loop_free(suite_loop);
	unlink(path);
	rmdir(folder);
	return 0;
}

static void
close_it(void)
{
	suite_bdev->ops->close(suite_bdev);
	suite_bdev = NULL;
}

static void
size_is_whole_blocks(void **state)
{
	(void)state;
	assert_int_equal(suite_bdev->size, SUITE_SIZE);
	assert_int_equal(suite_bdev->block_size, 512);
	assert_true(suite_bdev->volatile_cache);
	close_it();
	assert_int_equal(truncate(path, 4095), 0);
	assert_int_equal(
	    file_open(suite_loop, path, false, 4096, &suite_bdev, &err), -1);
	assert_non_null(strstr(err.text, "smaller than one block"));
}

static void
one_writer_at_a_time(void **state)
{
	struct bdev *other;

	(void)state;
	assert_int_equal(
	    file_open(suite_loop, path, false, 0, &other, &err), -1);
	assert_non_null(strstr(err.text, path));
	assert_non_null(strstr(err.text, "in use"));
	assert_int_equal(
	    file_open(suite_loop, path, true, 0, &other, &err), -1);
	close_it();
	assert_int_equal(
	    file_open(suite_loop, path, true, 0, &suite_bdev, &err), 0);
	assert_true(suite_bdev->read_only);
	assert_int_equal(file_open(suite_loop, path, true, 0, &other, &err), 0);
	other->ops->close(other);
	assert_int_equal(suite_simple(BDEV_WRITE, 0, 1, 0), -EROFS);
}

static void
other_things_are_refused(void **state)
{
	struct bdev *other;

	(void)state;
	assert_int_equal(
	    file_open(suite_loop, folder, true, 0, &other, &err), -1);
	assert_non_null(strstr(err.text, "neither a regular file"));
	assert_int_equal(
	    file_open(suite_loop, "/nonexistent/x", true, 0, &other, &err), -1);
	assert_string_equal(
	    err.text, "/nonexistent/x: No such file or directory");
}

static void
truncated_file_is_an_error_not_zeros(void **state)
{
	(void)state;
	assert_int_equal(truncate(path, 8192), 0);
	assert_int_equal(suite_simple(BDEV_READ, 4096, 4096, 0), 0);
	assert_int_equal(suite_simple(BDEV_READ, 4096, 4097, 0), -EIO);
}

/* A zeroed part of written data is a hole where the file system has holes. */
static void
zero_punches_holes(void **state)
{
	struct bdev_extent extents[3];
	struct bdev_req req = { .op = BDEV_EXTENTS,
		.length = SUITE_SIZE,
		.extents = extents,
		.extents_max = 3 };

	(void)state;
	if (!suite_bdev->thin || !suite_bdev->can_fast_zero)
		skip();
	assert_int_equal(suite_simple(BDEV_WRITE, 0, SUITE_SIZE, 0), 0);
	assert_int_equal(suite_simple(BDEV_ZERO, 65536, 65536, BDEV_FAST), 0);
	suite_submit(&req);
	loop_run(suite_loop);
	assert_int_equal(req.result, 0);
	assert_int_equal(req.extents_n, 3);
	assert_int_equal(extents[0].length, 65536);
	assert_int_equal(extents[1].length, 65536);
	assert_int_equal(extents[1].alloc, BDEV_HOLE);
	assert_int_equal(extents[2].alloc, BDEV_DATA);
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
		T(size_is_whole_blocks),
		T(one_writer_at_a_time),
		T(other_things_are_refused),
		T(truncated_file_is_an_error_not_zeros),
		T(zero_punches_holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
