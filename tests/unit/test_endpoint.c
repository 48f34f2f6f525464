/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd/endpoint: files as ends; what names them, and when what is told. */
#include "cmd/endpoint.h"

#include "cmd/secret.h"

#include "scratch.h"

static struct options options;
static struct loop *loop;
static struct endpoint *endpoint;
static struct error err;
static unsigned opened, closed;

static int
setup(void **state)
{
	opened = closed = 0;
	endpoint = NULL;
	return scratch_setup(state) == 0 ? loop_new(&loop) : -1;
}

static int
teardown(void **state)
{
	endpoint_free(endpoint);
	loop_free(loop);
	return scratch_teardown(state);
}

static void
is_opened(void *ctx, const struct error *why)
{
	(void)ctx;
	assert_null(why);
	opened++;
}

static void
is_closed(void *ctx, const struct error *why)
{
	(void)ctx;
	assert_null(why);
	closed++;
}

static int
open_it(const char *path, bool writable, uint64_t create)
{
	const struct endpoint_config config = {
		.options = &options,
		.writable = writable,
		.create = create > 0,
		.size = create,
		.opened = is_opened,
		.closed = is_closed,
	};

	return endpoint_open(loop, path, &config, &endpoint, &err);
}

static void
use(const char *path, bool writable, uint64_t create)
{
	opened = closed = 0;
	if (open_it(path, writable, create) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(opened, 0);
	loop_drain(loop);
	assert_int_equal(opened, 1);
}

static void
leave(void)
{
	endpoint_close(endpoint);
	assert_int_equal(closed, 0);
	loop_drain(loop);
	assert_int_equal(opened, 1);
	assert_int_equal(closed, 1);
	endpoint_free(endpoint);
	endpoint = NULL;
}

static void
identity(char ret[2000])
{
	use(scratch_path, false, 0);
	snprintf(ret, 2000, "%s", endpoint_identity(endpoint));
	leave();
}

static void
kinds(void **state)
{
	(void)state;
	assert_int_equal(endpoint_kind_of("-"), ENDPOINT_STREAM);
	assert_int_equal(endpoint_kind_of("./-"), ENDPOINT_FILE);
	assert_int_equal(endpoint_kind_of("/dev/sda"), ENDPOINT_FILE);
	assert_int_equal(endpoint_kind_of("iscsi://h/t/0"), ENDPOINT_LUN);
	assert_int_equal(endpoint_kind_of("iscsi:h::::t"), ENDPOINT_LUN);
	assert_int_equal(endpoint_kind_of("nbd://h"), ENDPOINT_NBD);
	assert_int_equal(
	    endpoint_kind_of("nbds+unix:///?socket=s"), ENDPOINT_NBD);
}

static void
a_file_to_read(void **state)
{
	(void)state;
	scratch_write("hello", 5);
	use(scratch_path, false, 0);
	assert_int_equal(endpoint_kind(endpoint), ENDPOINT_FILE);
	assert_string_equal(endpoint_name(endpoint), scratch_path);
	assert_int_equal(endpoint_bdev(endpoint)->size, 5);
	assert_true(endpoint_bdev(endpoint)->read_only);
	assert_false(endpoint_created(endpoint));
	leave();
}

static void
a_file_that_is_made(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(open_it(scratch_path, true, 0), -1);
	assert_non_null(strstr(err.text, scratch_path));
	use(scratch_path, true, 70000);
	assert_true(endpoint_created(endpoint));
	assert_int_equal(endpoint_bdev(endpoint)->size, 70000);
	leave();
	assert_int_equal(stat(scratch_path, &st), 0);
	assert_int_equal(st.st_size, 70000);
	/* One that is there is not made again. */
	use(scratch_path, true, 80000);
	assert_false(endpoint_created(endpoint));
	leave();
}

static void
closed_before_it_was_opened(void **state)
{
	(void)state;
	scratch_write("hello", 5);
	assert_int_equal(open_it(scratch_path, false, 0), 0);
	endpoint_close(endpoint);
	endpoint_close(endpoint);
	loop_drain(loop);
	assert_int_equal(opened, 0);
	assert_int_equal(closed, 1);
}

static void
one_line_names_the_file(void **state)
{
	char first[2000], again[2000], other[2000], link[120];

	(void)state;
	scratch_write("hello", 5);
	identity(first);
	scratch_write("other", 5);
	identity(again);
	assert_string_equal(first, again);
	snprintf(link, sizeof(link), "%s/a\nlink", scratch_folder);
	assert_int_equal(symlink(scratch_path, link), 0);
	use(link, false, 0);
	assert_string_equal(endpoint_identity(endpoint), first);
	assert_null(strchr(endpoint_name(endpoint), '\n'));
	leave();
	/* Made again, under the old name, perhaps with the old inode. */
	assert_int_equal(unlink(scratch_path), 0);
	scratch_write("hello", 5);
	identity(other);
	assert_string_not_equal(first, other);
}

static void
the_same_medium(void **state)
{
	struct endpoint *other;
	char name[120];

	(void)state;
	scratch_write("hello", 5);
	snprintf(name, sizeof(name), "%s/name", scratch_folder);
	assert_int_equal(link(scratch_path, name), 0);
	use(scratch_path, false, 0);
	other = endpoint;
	use(name, false, 0);
	assert_true(endpoint_same(endpoint, other));
	leave();
	assert_int_equal(unlink(name), 0);
	use(name, true, 5);
	assert_false(endpoint_same(endpoint, other));
	leave();
	endpoint = other;
}

static void
pipes_are_for_those_who_want_them(void **state)
{
	(void)state;
	assert_int_equal(open_it("-", false, 0), -1);
	assert_int_equal(err.class, ERROR_USAGE);
	assert_int_equal(
	    open_it("iscsi://127.0.0.1/iqn.2026-01.org.example:x", false, 0),
	    -1);
	assert_non_null(strstr(err.text, "names no LUN"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(kinds),
		TEST(a_file_to_read),
		TEST(a_file_that_is_made),
		TEST(closed_before_it_was_opened),
		TEST(one_line_names_the_file),
		TEST(the_same_medium),
		TEST(pipes_are_for_those_who_want_them),
	};
	int failed;

	if (secret_init(0, NULL, &err) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	secret_fini();
	return failed;
}
