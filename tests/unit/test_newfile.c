/* SPDX-License-Identifier: BSD-2-Clause */
/* io/newfile: all of the new, or what was there. */
#include "io/newfile.h"

#include <errno.h>
#include <fcntl.h>

#include "scratch.h"

static struct newfile file;

static void
put(const char *text)
{
	assert_int_equal(newfile_open(&file, scratch_path), 0);
	assert_int_equal(newfile_write(&file, text, strlen(text)), 0);
}

static void
is(const char *text)
{
	char buf[32];

	scratch_read(buf, sizeof(buf));
	assert_string_equal(buf, text);
}

static void
appears_when_complete(void **state)
{
	(void)state;
	put("new");
	assert_int_equal(access(scratch_path, F_OK), -1);
	assert_int_equal(newfile_commit(&file, false, NULL), 0);
	is("new");
	assert_int_equal(scratch_clear(), 1);
}

static void
replaces_at_once(void **state)
{
	struct stat st;

	(void)state;
	scratch_write("old", 3);
	assert_int_equal(chmod(scratch_path, 0640), 0);
	put("new");
	is("old");
	assert_int_equal(newfile_commit(&file, true, NULL), 0);
	is("new");
	assert_int_equal(stat(scratch_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(scratch_clear(), 1);
}

static void
does_not_replace_what_it_must_not(void **state)
{
	(void)state;
	put("new");
	scratch_write("old", 3);
	assert_int_equal(newfile_commit(&file, false, NULL), -EEXIST);
	newfile_abandon(&file);
	is("old");
	assert_int_equal(scratch_clear(), 1);
}

static void
leaves_nothing_when_abandoned(void **state)
{
	(void)state;
	put("new");
	newfile_abandon(&file);
	assert_int_equal(scratch_clear(), 0);
}

static void
follows_links(void **state)
{
	char link[120];
	struct stat st;

	(void)state;
	scratch_write("old", 3);
	snprintf(link, sizeof(link), "%s/link", scratch_folder);
	assert_int_equal(symlink(scratch_path, link), 0);
	assert_int_equal(newfile_open(&file, link), 0);
	assert_int_equal(newfile_write(&file, "new", 3), 0);
	assert_int_equal(newfile_commit(&file, true, NULL), 0);
	is("new");
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void
keeps_the_descriptor(void **state)
{
	char buf[4] = "";
	int fd;

	(void)state;
	put("new");
	assert_int_equal(newfile_commit(&file, true, &fd), 0);
	assert_int_equal(pread(fd, buf, 3, 0), 3);
	assert_string_equal(buf, "new");
	close(fd);
}

static void
refuses_devices_and_folders(void **state)
{
	(void)state;
	assert_int_equal(newfile_open(&file, "/dev/null"), -ENOTSUP);
	assert_int_equal(newfile_open(&file, scratch_folder), -ENOTSUP);
	assert_int_equal(newfile_open(&file, "/nonexistent/x"), -ENOENT);
}

/* What another left behind with our name does not stand in the way. */
static void
passes_over_remains(void **state)
{
	char path[160];
	FILE *f;

	(void)state;
	snprintf(
	    path, sizeof(path), "%s.%ld-0.tmp", scratch_path, (long)getpid());
	f = fopen(path, "we");
	assert_non_null(f);
	fclose(f);
	put("new");
	assert_int_equal(newfile_commit(&file, true, NULL), 0);
	is("new");
	assert_int_equal(scratch_clear(), 2);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(appears_when_complete),
		TEST(replaces_at_once),
		TEST(does_not_replace_what_it_must_not),
		TEST(leaves_nothing_when_abandoned),
		TEST(follows_links),
		TEST(keeps_the_descriptor),
		TEST(refuses_devices_and_folders),
		TEST(passes_over_remains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
