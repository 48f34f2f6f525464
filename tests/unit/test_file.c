/* SPDX-License-Identifier: BSD-2-Clause */
/* block/file: the bdev contract on a real file, and what opening refuses. */
#include "bdev_suite.h"

#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "block/file.h"
#include "block/file_impl.h"

static char folder[64];
static char path[96];
static char other_path[96];
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
	snprintf(other_path, sizeof(other_path), "%s/other", folder);
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
	unlink(other_path);
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

/* ---- exact sizes, new files ---- */

static void
every_byte_counts(void **state)
{
	uint8_t last[3] = { 1, 2, 3 };
	struct iovec iov = { last, 3 };
	struct bdev_req req = { .op = BDEV_WRITE,
		.offset = SUITE_SIZE + 97,
		.length = 3,
		.iov = &iov,
		.iovcnt = 1 };

	(void)state;
	close_it();
	assert_int_equal(
	    file_open(suite_loop, path, false, 1, &suite_bdev, &err), 0);
	assert_int_equal(suite_bdev->size, SUITE_SIZE + 100);
	assert_int_equal(suite_bdev->block_size, 1);
	assert_int_equal(suite_run(req), 0);
	memset(last, 0, sizeof(last));
	req.op = BDEV_READ;
	req.flags = BDEV_FUA;
	assert_int_equal(suite_run(req), 0);
	assert_memory_equal(last, "\1\2\3", 3);
	req.length = 4;
	assert_int_equal(suite_run(req), -EINVAL);
	close_it();
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(
	    file_open(suite_loop, path, false, 1, &suite_bdev, &err), 0);
	assert_int_equal(suite_bdev->size, 0);
}

static void
new_file_is_private_and_a_hole(void **state)
{
	struct stat st;

	(void)state;
	close_it();
	umask(0);
	assert_int_equal(
	    file_create(suite_loop, other_path, 1000001, &suite_bdev, &err), 0);
	umask(022);
	assert_int_equal(suite_bdev->size, 1000001);
	assert_int_equal(suite_bdev->block_size, 1);
	assert_false(suite_bdev->read_only);
	assert_int_equal(stat(other_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 1000001);
	assert_int_equal(st.st_blocks, 0);
	assert_int_equal(suite_simple(BDEV_WRITE, 1000000, 1, 0), 0);
	assert_int_equal(suite_simple(BDEV_FLUSH, 0, 0, 0), 0);
}

static void
new_file_takes_no_name_that_is_there(void **state)
{
	struct bdev *other;
	struct stat st;

	(void)state;
	assert_int_equal(file_create(suite_loop, path, 512, &other, &err), -1);
	assert_non_null(strstr(err.text, "File exists"));
	assert_int_equal(symlink("/nonexistent/x", other_path), 0);
	assert_int_equal(
	    file_create(suite_loop, other_path, 512, &other, &err), -1);
	assert_non_null(strstr(err.text, "File exists"));
	assert_int_equal(unlink(other_path), 0);
	/* Nothing of it stays when it cannot be had. */
	assert_int_equal(file_create(suite_loop, other_path,
			     (uint64_t)INT64_MAX + 1, &other, &err),
	    -1);
	assert_non_null(strstr(err.text, "9223372036854775808 bytes long"));
	assert_int_equal(stat(other_path, &st), -1);
	assert_int_equal(
	    file_create(suite_loop, "/nonexistent/x", 1, &other, &err), -1);
}

/* What comes from a pipe has no size before its end. */
static void
file_of_unknown_size_grows(void **state)
{
	uint8_t got[10];
	struct iovec iov = { got, sizeof(got) };
	struct bdev_req req = { .op = BDEV_READ,
		.offset = 2999,
		.length = sizeof(got),
		.iov = &iov,
		.iovcnt = 1 };
	struct stat st;

	(void)state;
	close_it();
	assert_int_equal(
	    file_create(suite_loop, other_path, UINT64_MAX, &suite_bdev, &err),
	    0);
	assert_int_equal(suite_simple(BDEV_WRITE, 1000, 2000, 0), 0);
	assert_int_equal(suite_simple(BDEV_ZERO, 3000, 2000, 0), 0);
	for (int i = 0; i < 2; i++) {
		memset(got, 0xff, sizeof(got));
		req.flags = i == 0 ? 0 : BDEV_FUA;
		assert_int_equal(suite_run(req), 0);
		for (size_t j = 1; j < sizeof(got); j++)
			assert_int_equal(got[j], 0);
	}
	assert_int_equal(file_resize(suite_bdev, 5000, &err), 0);
	assert_int_equal(suite_bdev->size, 5000);
	assert_int_equal(stat(other_path, &st), 0);
	assert_int_equal(st.st_size, 5000);
	assert_int_equal(suite_simple(BDEV_READ, 4999, 1, 0), 0);
	assert_int_equal(suite_simple(BDEV_READ, 4999, 2, 0), -EINVAL);
}

/* ---- the medium ---- */

static unsigned
pages_in_cache(void)
{
	unsigned char vec[SUITE_SIZE / 4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	/* Unreadable, or valgrind looks inside for a program. */
	void *map = mmap(NULL, SUITE_SIZE, PROT_NONE, MAP_SHARED, fd, 0);
	unsigned n = 0;

	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(mincore(map, SUITE_SIZE, vec), 0);
	for (size_t i = 0; i < sizeof(vec); i++)
		n += vec[i] & 1;
	munmap(map, SUITE_SIZE);
	close(fd);
	return n;
}

/* Whether the file system lets go of the pages: one in RAM does not, and any
 * other may hold on to some for a moment. */
static bool
evicted(const struct file *f)
{
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(
		    posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED), 0);
		if (pages_in_cache() == 0)
			return true;
		usleep(10000);
	}
	return false;
}

static void
fill(uint8_t *data)
{
	suite_seed = 7;
	for (size_t i = 0; i < SUITE_SIZE; i++)
		data[i] = (uint8_t)suite_random(256);
}

/* Each with pieces of all alignments; the data was just written. */
static void
read_medium_everywhere(const uint8_t *data)
{
	static uint8_t got[SUITE_SIZE] __attribute__((aligned(4096)));
	static const struct {
		uint64_t offset, length;
	} reads[] = { { 0, SUITE_SIZE }, { 1, SUITE_SIZE - 1 }, { 4096, 8192 },
		{ 4095, 2 }, { 8191, 4097 }, { SUITE_SIZE - 1, 1 },
		{ SUITE_SIZE - 4097, 4097 } };

	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
		uint64_t half = reads[i].length / 2;
		struct iovec iov[2] = { { got, half },
			{ got + half, reads[i].length - half } };
		struct bdev_req req = { .op = BDEV_READ,
			.flags = BDEV_FUA,
			.offset = reads[i].offset,
			.length = reads[i].length,
			.iov = iov,
			.iovcnt = 2 };

		memset(got, 0, sizeof(got));
		assert_int_equal(suite_run(req), 0);
		assert_memory_equal(
		    got, data + reads[i].offset, reads[i].length);
	}
}

/* For all of the device. */
static struct bdev_req
whole(enum bdev_op op, const struct iovec *iov)
{
	return (struct bdev_req){
		.op = op, .length = SUITE_SIZE, .iov = iov, .iovcnt = 1
	};
}

static void
reads_of_the_medium_pass_the_cache(void **state)
{
	static uint8_t data[SUITE_SIZE];
	struct iovec iov = { data, sizeof(data) };
	struct bdev_req req = whole(BDEV_WRITE, &iov);
	struct file *f = (struct file *)suite_bdev;

	(void)state;
	fill(data);
	assert_int_equal(suite_run(req), 0);
	read_medium_everywhere(data);
	assert_int_equal(suite_simple(BDEV_FLUSH, 0, 0, 0), 0);
	if (f->direct_fd == -1 || !evicted(f))
		skip();
	read_medium_everywhere(data);
	assert_int_equal(pages_in_cache(), 0);
}

/* Those that the page cache has are done in the loop, the others by a helper. */
static void
read_in_memory_or_not(void **state)
{
	static uint8_t data[SUITE_SIZE], back[SUITE_SIZE];
	struct iovec iov = { data, sizeof(data) };
	struct bdev_req req = whole(BDEV_WRITE, &iov);
	struct file *f = (struct file *)suite_bdev;
	bool now;

	(void)state;
	fill(data);
	assert_int_equal(suite_run(req), 0);
	assert_int_equal(suite_simple(BDEV_FLUSH, 0, 0, 0), 0);
	iov.iov_base = back;
	req = whole(BDEV_READ, &iov);
	/* The suite's device lies on any file system; most have the flag. */
	assert_true(f->tries);
	now = file_read_now(f, &req);
	assert_true(now || !f->tries);
	if (!evicted(f))
		skip();
	if (f->tries)
		assert_false(file_read_now(f, &req));
	memset(back, 0, sizeof(back));
	assert_int_equal(suite_run(req), 0);
	assert_memory_equal(back, data, sizeof(data));
}

/* ---- lending ---- */

#define LENT (4 * (size_t)BDEV_LENT_GRAIN)

/* The suite's file with so many bytes, none of them zero, open for reading; on
 * a file system that has a page cache in which one can look. */
static void
lending_file(size_t length)
{
	uint8_t bytes[4096];
	int fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC);

	memset(bytes, 'x', sizeof(bytes));
	for (size_t at = 0; at < length; at += sizeof(bytes))
		assert_int_equal(write(fd, bytes, sizeof(bytes)), 4096);
	close(fd);
	close_it();
	assert_int_equal(
	    file_open(suite_loop, path, true, 1, &suite_bdev, &err), 0);
	assert_int_equal(suite_simple(BDEV_READ, 0, 512, 0), 0);
	if (!((struct file *)suite_bdev)->tries)
		skip();
}

static void
cached_data_is_lent(void **state)
{
	struct error why = { .class = ERROR_NONE };
	const uint8_t *lent;

	(void)state;
	lending_file(LENT);
	lent = bdev_borrow(suite_bdev, 4096, LENT - 4096);
	assert_non_null(lent);
	for (size_t i = 0; i < LENT - 4096; i++)
		assert_int_equal(lent[i], 'x');
	assert_int_equal(
	    bdev_give_back(suite_bdev, lent, 4096, LENT - 4096, &why), 0);
	assert_int_equal(why.class, ERROR_NONE);
}

static void
other_data_is_not_lent(void **state)
{
	static const uint8_t zeros[4096];
	const void *lent;
	int fd;

	(void)state;
	lending_file(LENT);
	/* What no page begins with, what the socket would copy, what lies
	 * outside. */
	assert_null(bdev_borrow(suite_bdev, 512, LENT - 512));
	assert_null(bdev_borrow(suite_bdev, 0, BDEV_LENT_GRAIN - 4096));
	assert_null(bdev_borrow(suite_bdev, 4096, LENT));
	assert_null(bdev_borrow(suite_bdev, LENT + 4096, 1));
	/* What may be zeros: the third part. */
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(
	    pwrite(fd, zeros, sizeof(zeros), 2 * BDEV_LENT_GRAIN), 4096);
	close(fd);
	assert_null(bdev_borrow(suite_bdev, 0, LENT));
	lent = bdev_borrow(suite_bdev, 0, LENT / 2);
	assert_non_null(lent);
	bdev_give_back(suite_bdev, lent, 0, LENT / 2, &err);
	/* What the loop would have to wait for too long. */
	lending_file(FILE_NOW_MOST + 4096);
	assert_null(bdev_borrow(suite_bdev, 0, FILE_NOW_MOST + 4096));
	lent = bdev_borrow(suite_bdev, 0, FILE_NOW_MOST);
	assert_non_null(lent);
	bdev_give_back(suite_bdev, lent, 0, FILE_NOW_MOST, &err);
	/* What may be written through the same bdev. */
	close_it();
	assert_int_equal(
	    file_open(suite_loop, path, false, 1, &suite_bdev, &err), 0);
	assert_null(bdev_borrow(suite_bdev, 0, LENT / 2));
}

/* What follows a READ that had to wait will have to wait, too. */
static void
what_is_not_in_memory_is_not_lent(void **state)
{
	(void)state;
	lending_file(LENT);
	((struct file *)suite_bdev)->missed = 1;
	assert_null(bdev_borrow(suite_bdev, 0, LENT));
}

static void
lender_says_that_it_has_become_shorter(void **state)
{
	struct error why = { .class = ERROR_NONE };
	const void *lent;
	int fds[2];

	(void)state;
	lending_file(LENT);
	lent = bdev_borrow(suite_bdev, 0, LENT);
	assert_non_null(lent);
	assert_int_equal(truncate(path, LENT - 1), 0);
	assert_int_equal(bdev_give_back(suite_bdev, lent, 0, LENT, &why), -EIO);
	assert_non_null(strstr(why.text, "disk: it has become shorter"));
	assert_int_equal(why.class, ERROR_FAILED);
	/* Then the kernel refuses the memory, and nobody dies of it. */
	lent = bdev_borrow(suite_bdev, 0, LENT / 2);
	assert_non_null(lent);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], lent, 4096), -1);
	assert_int_equal(errno, EFAULT);
	close(fds[0]);
	close(fds[1]);
	why.class = ERROR_NONE;
	assert_int_equal(
	    bdev_give_back(suite_bdev, lent, 0, LENT / 2, &why), -EIO);
}

static void
medium_is_read_where_there_is_no_direct_way(void **state)
{
	static uint8_t data[SUITE_SIZE];
	struct iovec iov = { data, sizeof(data) };
	struct bdev_req req = whole(BDEV_WRITE, &iov);
	struct file *f = (struct file *)suite_bdev;

	(void)state;
	f->direct_tried = true;
	fill(data);
	assert_int_equal(suite_run(req), 0);
	read_medium_everywhere(data);
	assert_int_equal(f->direct_fd, -1);
}

/* ---- failures in words ---- */

static void
failure_names_file_offset_and_cause(void **state)
{
	uint8_t byte;
	struct iovec iov = { &byte, 1 };
	struct error why = { 0 };
	struct bdev_req req = { .op = BDEV_READ,
		.offset = 12345,
		.length = 1,
		.iov = &iov,
		.iovcnt = 1,
		.why = &why };
	char words[200];

	(void)state;
	assert_int_equal(truncate(path, 8192), 0);
	snprintf(words, sizeof(words),
	    "%s: reading at offset 12345: it has become shorter", path);
	for (int i = 0; i < 2; i++) {
		req.flags = i == 0 ? 0 : BDEV_FUA;
		memset(&why, 0, sizeof(why));
		assert_int_equal(suite_run(req), -EIO);
		assert_int_equal(why.class, ERROR_FAILED);
		assert_string_equal(why.text, words);
	}
}

static bool
put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CLOEXEC);
	bool all =
	    fd != -1 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd != -1)
		close(fd);
	return all;
}

/* A small disk in RAM on folder, in a namespace of our own. */
static bool
mount_small_disk(void)
{
	char uid[32], gid[32];

	snprintf(uid, sizeof(uid), "0 %u 1", (unsigned)geteuid());
	snprintf(gid, sizeof(gid), "0 %u 1", (unsigned)getegid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	       put("/proc/self/setgroups", "deny") &&
	       put("/proc/self/uid_map", uid) &&
	       put("/proc/self/gid_map", gid) &&
	       mount("tmpfs", folder, "tmpfs", 0, "size=65536") == 0;
}

/* 0: passed, 77: it may not mount. */
static int
fill_a_disk(void)
{
	struct error why = { 0 };
	struct iovec iov = { suite_model, SUITE_SIZE };
	struct bdev_req req = { .op = BDEV_WRITE,
		.length = SUITE_SIZE,
		.iov = &iov,
		.iovcnt = 1,
		.why = &why };

	int result;

	if (!mount_small_disk())
		return 77;
	if (loop_new(&suite_loop) != 0 ||
	    file_create(
		suite_loop, other_path, SUITE_SIZE, &suite_bdev, &err) == -1)
		return 1;
	result = suite_run(req);
	close_it();
	loop_free(suite_loop);
	return result == -ENOSPC && why.class == ERROR_FAILED &&
		       strstr(why.text, "the disk is full") != NULL &&
		       strstr(why.text, "at offset 65536") != NULL
		   ? 0
		   : 2;
}

static void
full_disk_is_told(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	close_it();
	loop_free(suite_loop);
	suite_loop = NULL;
	pid = fork();
	if (pid == 0)
		_exit(fill_a_disk());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
same_file_by_any_name(void **state)
{
	static const struct bdev stranger = { 0 };
	int fd;

	(void)state;
	assert_true(file_same(suite_bdev, path));
	assert_int_equal(link(path, other_path), 0);
	assert_true(file_same(suite_bdev, other_path));
	unlink(other_path);
	assert_int_equal(symlink(path, other_path), 0);
	assert_true(file_same(suite_bdev, other_path));
	unlink(other_path);
	assert_false(file_same(suite_bdev, other_path));
	fd = open(other_path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	close(fd);
	assert_false(file_same(suite_bdev, other_path));
	assert_false(file_same(&stranger, path));
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
		T(every_byte_counts),
		T(new_file_is_private_and_a_hole),
		T(new_file_takes_no_name_that_is_there),
		T(file_of_unknown_size_grows),
		T(reads_of_the_medium_pass_the_cache),
		T(read_in_memory_or_not),
		T(cached_data_is_lent),
		T(other_data_is_not_lent),
		T(what_is_not_in_memory_is_not_lent),
		T(lender_says_that_it_has_become_shorter),
		T(medium_is_read_where_there_is_no_direct_way),
		T(failure_names_file_offset_and_cause),
		T(full_disk_is_told),
		T(same_file_by_any_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
