/* SPDX-License-Identifier: BSD-2-Clause */
/* front/mapfile: ranges that merge, and the file as ddrescuelog(1) reads it. */
#include "front/mapfile.h"

#include "prng.h"
#include "scratch.h"

#define OFFSET 0x1000
#define LENGTH 0x10000

static struct mapfile *mapfile;
static struct error err;
static char text[8192];

static int
setup(void **state)
{
	if (mapfile_new(OFFSET, LENGTH, &mapfile) < 0)
		return -1;
	return scratch_setup(state);
}

static int
teardown(void **state)
{
	mapfile_free(mapfile);
	mapfile = NULL;
	return scratch_teardown(state);
}

static void
add(uint64_t offset, uint64_t length)
{
	assert_int_equal(mapfile_add(mapfile, offset, length), 0);
}

static const char *
save(uint64_t done)
{
	if (mapfile_save(mapfile, scratch_path, done, &err) < 0)
		fail_msg("%s", err.text);
	scratch_read(text, sizeof(text));
	return text;
}

static int
load(uint64_t done)
{
	mapfile_free(mapfile);
	mapfile = NULL;
	return mapfile_load(scratch_path, OFFSET, LENGTH, done, &mapfile, &err);
}

/* What stands behind the comments. */
static const char *
blocks(void)
{
	static const char before[] = "#      pos        size  status\n";
	const char *at = strstr(text, before);

	assert_non_null(at);
	return at + sizeof(before) - 1;
}

static void
blocks_without_gaps(void **state)
{
	(void)state;
	add(0x2000, 0x200);
	add(0x9000, 0x1000);
	save(0x4000);
	assert_non_null(strstr(text, "\n0x00005000     ?               1\n"));
	assert_string_equal(blocks(), "0x00001000  0x00001000  +\n"
				      "0x00002000  0x00000200  -\n"
				      "0x00002200  0x00002E00  +\n"
				      "0x00005000  0x00004000  ?\n"
				      "0x00009000  0x00001000  -\n"
				      "0x0000A000  0x00007000  ?\n");
	save(LENGTH);
	assert_non_null(strstr(text, "\n0x00011000     +               1\n"));
	assert_null(strchr(blocks(), '?'));
}

static void
at_the_edges(void **state)
{
	(void)state;
	save(0);
	assert_string_equal(blocks(), "0x00001000  0x00010000  ?\n");
	add(OFFSET, LENGTH);
	save(LENGTH);
	assert_string_equal(blocks(), "0x00001000  0x00010000  -\n");
}

static void
neighbours_become_one(void **state)
{
	(void)state;
	add(0x3000, 0x100);
	add(0x5000, 0x100);
	add(0x3100, 0x100);
	add(0x2F00, 0x100);
	add(0x5000, 0x80);
	add(0, 0);
	assert_int_equal(mapfile_bytes(mapfile), 0x400);
	add(0x3180, 0x1F00);
	assert_int_equal(mapfile_bytes(mapfile), 0x2200);
	save(LENGTH);
	assert_string_equal(blocks(), "0x00001000  0x00001F00  +\n"
				      "0x00002F00  0x00002200  -\n"
				      "0x00005100  0x0000BF00  +\n");
}

/* Against a plain array of bytes. */
static void
any_order(void **state)
{
	static bool bad[LENGTH];
	struct prng random = { 99 };
	uint64_t total = 0;

	(void)state;
	for (int i = 0; i < 500; i++) {
		size_t at = prng_below(&random, LENGTH);
		size_t n = prng_below(&random, 100);

		if (n > LENGTH - at)
			n = LENGTH - at;
		memset(bad + at, 1, n);
		add(OFFSET + at, n);
	}
	for (size_t i = 0; i < LENGTH; i++)
		total += bad[i];
	assert_int_equal(mapfile_bytes(mapfile), total);
	assert_int_equal(mapfile_save(mapfile, scratch_path, LENGTH, &err), 0);
	assert_int_equal(load(LENGTH), 0);
	assert_int_equal(mapfile_bytes(mapfile), total);
}

static void
what_is_tried_again_is_forgotten(void **state)
{
	(void)state;
	add(0x2000, 0x200);
	add(0x9000, 0x1000);
	save(LENGTH);
	assert_int_equal(load(LENGTH), 0);
	assert_int_equal(mapfile_bytes(mapfile), 0x1200);
	assert_int_equal(load(0x8100), 0);
	assert_int_equal(mapfile_bytes(mapfile), 0x300);
	assert_int_equal(load(0), 0);
	assert_int_equal(mapfile_bytes(mapfile), 0);
}

static void
one_of_ddrescue(void **state)
{
	static const char of_another[] =
	    "# Mapfile. Created by GNU ddrescue version 1.27\n"
	    "# Command line: ddrescue /dev/sdb image map\n"
	    "# current_pos  current_status  current_pass\n"
	    "0x00002000     /\n"
	    "\n"
	    "0 0x1800 -\n"
	    "0x1800 2048 +\n"
	    "0x2000 0x10 *\n"
	    "0x2010 0x10 /\n"
	    "0x2020 0x10 ?\n";

	(void)state;
	scratch_write(of_another, sizeof(of_another) - 1);
	assert_int_equal(load(LENGTH), 0);
	assert_int_equal(mapfile_bytes(mapfile), 0x820);
	save(LENGTH);
}

static void
others_are_refused(void **state)
{
	static const char *const texts[] = {
		"a letter\n",
		"0x0 + 1",
		"0x0\n",
		"0x0 + 1 1\n",
		"0x0 x 1\n",
		"# only a comment\n",
		"0x0 + 1\n0 10 +\n11 10 +\n",
		"0x0 + 1\n0 10 +\n9 10 +\n",
		"0x0 + 1\n0 10\n",
		"0x0 + 1\n0 10 + 4\n",
		"0x0 + 1\n-1 10 +\n",
		"0x0 + 1\n1 0xffffffffffffffff +\n",
		"0x0 + 1\n1 0x1ffffffffffffffff +\n",
		"0x0 + 1\n0 10 F\n",
		"0x0 + 1\n0 10 ++\n",
	};

	(void)state;
	for (size_t i = 0; i < countof(texts); i++) {
		scratch_write(texts[i], strlen(texts[i]));
		assert_int_equal(load(LENGTH), -1);
		assert_int_equal(err.class, ERROR_USAGE);
		assert_non_null(strstr(err.text, "not as in a mapfile"));
		scratch_read(text, sizeof(text));
		assert_string_equal(text, texts[i]);
	}
	assert_int_equal(mapfile_new(OFFSET, LENGTH, &mapfile), 0);
	scratch_write("a letter\n", 9);
	assert_int_equal(mapfile_save(mapfile, scratch_path, 0, &err), -1);
	scratch_read(text, sizeof(text));
	assert_string_equal(text, "a letter\n");
}

static void
none_is_not_taken_for_an_empty_one(void **state)
{
	(void)state;
	assert_int_equal(load(LENGTH), -1);
	assert_non_null(strstr(err.text, "No such file"));
	scratch_write("", 0);
	assert_int_equal(load(LENGTH), -1);
	assert_non_null(strstr(err.text, "it is empty"));
	/* But it may be written. */
	assert_int_equal(mapfile_new(OFFSET, LENGTH, &mapfile), 0);
	save(0);
	assert_int_equal(load(LENGTH), 0);
	assert_int_equal(scratch_clear(), 1);
}

/* The tool itself, where it is installed. */
static void
ddrescuelog_reads_it(void **state)
{
	char command[600];

	(void)state;
	if (system("command -v ddrescuelog >/dev/null") != 0)
		skip();
	add(0x2000, 0x200);
	add(0x9000, 0x1000);
	save(0x4000);
	snprintf(command, sizeof(command),
	    "ddrescuelog -t %s >%s.out && "
	    "grep -q 'bad-sector: *4608 B' %s.out && "
	    "test \"$(ddrescuelog -l- -b512 %s | head -1)\" = 16",
	    scratch_path, scratch_path, scratch_path, scratch_path);
	assert_int_equal(system(command), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(blocks_without_gaps),
		TEST(at_the_edges),
		TEST(neighbours_become_one),
		TEST(any_order),
		TEST(what_is_tried_again_is_forgotten),
		TEST(one_of_ddrescue),
		TEST(others_are_refused),
		TEST(none_is_not_taken_for_an_empty_one),
		TEST(ddrescuelog_reads_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
