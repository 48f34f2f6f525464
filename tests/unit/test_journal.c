/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * front/journal: what it was told last, or the state before it, whatever happens
 * to the process or the file; and no other copy's.
 */
#include "front/journal.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "prng.h"
#include "scratch.h"

#define SIZE 12288
#define SLOT 4096

static const struct journal_id id = {
	.source = "naa.6001405 serial 17",
	.destination = "file /srv/disk.img inode 5",
	.source_size = 1 << 20,
	.destination_size = 2 << 20,
	.offset = 4096,
	.length = 100000,
};

static struct loop *loop;
static struct journal *journal;
static struct error err;
static struct journal_state was;
static int results[8];
static unsigned told;

static int
setup(void **state)
{
	journal = NULL;
	told = 0;
	return scratch_setup(state) == 0 ? loop_new(&loop) : -1;
}

static int
teardown(void **state)
{
	journal_free(journal);
	loop_free(loop);
	return scratch_teardown(state);
}

static int
try_open(const struct journal_id *of)
{
	was = (struct journal_state){ .done = 12345 };
	return journal_open(loop, scratch_path, of, &was, &journal, &err);
}

static void
shut(void)
{
	journal_free(journal);
	journal = NULL;
}

static void
saved(void *ctx, int result)
{
	(void)ctx;
	results[told++] = result;
}

static void
save(uint64_t n)
{
	const struct journal_state now = { .done = n };

	journal_save(journal, &now, saved, NULL);
}

static void
save_and_wait(uint64_t n)
{
	unsigned before = told;

	save(n);
	assert_int_equal(told, before);
	loop_drain(loop);
	assert_int_equal(told, before + 1);
	assert_int_equal(results[before], 0);
	told = 0;
}

/* Opens and closes it; what was noted. */
static uint64_t
noted(void)
{
	if (try_open(&id) < 0)
		fail_msg("%s", err.text);
	shut();
	return was.done;
}

static void
keeps_what_it_is_told(void **state)
{
	(void)state;
	assert_int_equal(noted(), 0);
	assert_int_equal(noted(), 0);
	assert_int_equal(try_open(&id), 1);
	save_and_wait(10);
	save_and_wait(20);
	shut();
	assert_int_equal(noted(), 20);
	assert_int_equal(try_open(&id), 1);
	save_and_wait(30);
	shut();
	assert_int_equal(noted(), 30);
	assert_int_equal(scratch_clear(), 1);
}

static void
remembers_that_a_part_is_bad(void **state)
{
	const struct journal_state now = { .done = 10, .bad = true };

	(void)state;
	assert_int_equal(try_open(&id), 0);
	assert_false(was.bad);
	journal_save(journal, &now, saved, NULL);
	loop_drain(loop);
	shut();
	assert_int_equal(noted(), 10);
	assert_true(was.bad);
}

static void
the_newest_wins(void **state)
{
	(void)state;
	assert_int_equal(try_open(&id), 0);
	for (uint64_t n = 1; n <= 5; n++)
		save(n);
	loop_drain(loop);
	assert_int_equal(told, 2); /* the first and the last */
	shut();
	assert_int_equal(noted(), 5);
}

static void
refuses_other_copies(void **state)
{
	static const char *const words[] = { "another source:",
		"another destination:", "size of the source: 1048576, ",
		"size of the destination: 2097152, ", "offset of the range",
		"length of the range: 100000, and this one has 100001" };
	struct journal_id others[] = { id, id, id, id, id, id };
	char before[SIZE + 1], after[SIZE + 1];

	(void)state;
	others[0].source = "naa.6001405 serial 1";
	others[1].destination = "file /srv/disk.img inode 55";
	others[2].source_size--;
	others[3].destination_size++;
	others[4].offset = 0;
	others[5].length++;
	assert_int_equal(try_open(&id), 0);
	save_and_wait(99);
	shut();
	scratch_read(before, sizeof(before));
	for (size_t i = 0; i < countof(others); i++) {
		assert_int_equal(try_open(&others[i]), -1);
		assert_int_equal(err.class, ERROR_USAGE);
		assert_non_null(strstr(err.text, words[i]));
		assert_non_null(strstr(err.text, scratch_path));
		assert_int_equal(was.done, 12345);
	}
	scratch_read(after, sizeof(after));
	assert_memory_equal(before, after, SIZE);
	assert_int_equal(noted(), 99);
}

static void
refuses_what_is_no_journal(void **state)
{
	static const char *const texts[] = { "x", "luntap-manifest 1\nsource",
		"luntap-journa", "important\n" };
	char now[64];

	(void)state;
	for (size_t i = 0; i < countof(texts); i++) {
		scratch_write(texts[i], strlen(texts[i]));
		assert_int_equal(try_open(&id), -1);
		assert_int_equal(err.class, ERROR_USAGE);
		assert_non_null(strstr(err.text, "not a journal"));
		scratch_read(now, sizeof(now));
		assert_string_equal(now, texts[i]);
	}
	assert_int_equal(
	    journal_open(loop, "/dev/null", &id, &was, &journal, &err), -1);
	assert_non_null(strstr(err.text, "not a regular file"));
	assert_int_equal(
	    journal_open(loop, "/nonexistent/j", &id, &was, &journal, &err),
	    -1);
	assert_non_null(strstr(err.text, "No such file"));
}

/* As mktemp(1) makes them. */
static void
an_empty_file_is_none(void **state)
{
	(void)state;
	scratch_write("", 0);
	assert_int_equal(noted(), 0);
	assert_int_equal(scratch_clear(), 1);
}

static void
one_copy_at_a_time(void **state)
{
	struct journal *other;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_true(try_open(&id) >= 0);
		assert_int_equal(
		    journal_open(loop, scratch_path, &id, &was, &other, &err),
		    -1);
		assert_non_null(strstr(err.text, "another copy"));
		shut();
	}
}

static void
a_finished_one_is_gone(void **state)
{
	char elsewhere[120];

	(void)state;
	assert_int_equal(try_open(&id), 0);
	save_and_wait(id.length);
	assert_int_equal(journal_finish(journal, &err), 0);
	shut();
	assert_int_equal(scratch_clear(), 0);
	/* What another has put there meanwhile is not ours to remove. */
	assert_int_equal(try_open(&id), 0);
	snprintf(elsewhere, sizeof(elsewhere), "%s.old", scratch_path);
	assert_int_equal(rename(scratch_path, elsewhere), 0);
	scratch_write("mine", 4);
	assert_int_equal(journal_finish(journal, &err), 0);
	assert_int_equal(scratch_clear(), 2);
}

static void
links_are_followed(void **state)
{
	char link[120];

	(void)state;
	assert_int_equal(noted(), 0);
	snprintf(link, sizeof(link), "%s/link", scratch_folder);
	assert_int_equal(symlink(scratch_path, link), 0);
	assert_int_equal(
	    journal_open(loop, link, &id, &was, &journal, &err), 1);
	assert_int_equal(journal_finish(journal, &err), 0);
	assert_int_equal(access(scratch_path, F_OK), -1);
}

/* Two states are in the file: 20, the last, and 10 before it. */
static void
make_two_states(char file[SIZE + 1])
{
	assert_int_equal(try_open(&id), 0);
	save_and_wait(10);
	save_and_wait(20);
	shut();
	assert_int_equal(scratch_read(file, SIZE + 1), SIZE);
}

static void
cut_off_anywhere_is_refused(void **state)
{
	char file[SIZE + 1], now[SIZE + 1];

	(void)state;
	make_two_states(file);
	for (size_t n = 1; n < SIZE; n += file[n] != '\0' ? 1 : 509) {
		scratch_write(file, n);
		assert_int_equal(try_open(&id), -1);
		assert_int_equal(scratch_read(now, sizeof(now)), n);
		assert_memory_equal(now, file, n);
	}
	scratch_write(file, SIZE + 1);
	assert_int_equal(try_open(&id), -1);
	assert_non_null(strstr(err.text, "damaged"));
}

/* Which of the two slots says 20. */
static size_t
newest_slot(const char *file)
{
	return memcmp(file + SLOT, "done 20\n", 8) == 0 ? SLOT : 2 * SLOT;
}

/* Of the text every one, of the zeros behind it some. */
static size_t
next_bit(const char *file, size_t bit)
{
	return file[bit / 8] != '\0' ? 1 : 1009;
}

/* A bit that flips is noticed: the head is refused, of the slots the other one
 * counts.  Never is anything believed that was not said. */
static void
every_bit_counts(void **state)
{
	char file[SIZE + 1], changed[SIZE];
	size_t newest;

	(void)state;
	make_two_states(file);
	newest = newest_slot(file);
	for (size_t bit = 0; bit < SIZE * 8; bit += next_bit(file, bit)) {
		size_t at = bit / 8;

		memcpy(changed, file, SIZE);
		changed[at] = (char)(changed[at] ^ 1 << bit % 8);
		scratch_write(changed, SIZE);
		if (at < SLOT) {
			assert_int_equal(try_open(&id), -1);
			continue;
		}
		assert_int_equal(noted(), at / SLOT * SLOT == newest ? 10 : 20);
	}
}

/* A slot that was torn while it was written. */
static void
a_torn_slot_leaves_the_other(void **state)
{
	char file[SIZE + 1], torn[SIZE];
	size_t newest, other, end;

	(void)state;
	make_two_states(file);
	newest = newest_slot(file);
	other = newest == SLOT ? 2 * SLOT : SLOT;
	for (end = SLOT; file[newest + end - 1] == file[other + end - 1];)
		end--;
	/* What was to come is 20, what stood there before was 10's slot. */
	for (size_t n = 0; n < SLOT; n += n < 64 ? 1 : 512) {
		memcpy(torn, file, SIZE);
		memcpy(torn + newest, file + other, SLOT);
		memcpy(torn + newest, file + newest, n);
		scratch_write(torn, SIZE);
		assert_int_equal(noted(), n < end ? 10 : 20);
	}
	memset(torn + SLOT, 'x', 2 * SLOT);
	scratch_write(torn, SIZE);
	assert_int_equal(try_open(&id), -1);
	assert_non_null(strstr(err.text, "damaged"));
}

static void
another_version_is_refused(void **state)
{
	char file[SIZE + 1];

	(void)state;
	make_two_states(file);
	memcpy(file, "luntap-journal 3", 16);
	scratch_write(file, SIZE);
	assert_int_equal(try_open(&id), -1);
	assert_non_null(strstr(err.text, "another version"));
}

static void
odd_names_are_refused(void **state)
{
	struct journal_id odd = id;
	char name[JOURNAL_IDENTITY_MAX + 2];

	(void)state;
	odd.source = "a\nlength 5";
	assert_int_equal(try_open(&odd), -1);
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	odd.source = odd.destination = name;
	assert_int_equal(try_open(&odd), -1);
	name[JOURNAL_IDENTITY_MAX] = '\0';
	assert_int_equal(try_open(&odd), 0);
	save_and_wait(7);
	shut();
	assert_int_equal(try_open(&odd), 1);
	assert_int_equal(was.done, 7);
}

/* A save that cannot be written does not harm what stands, and is told. */
static void
a_failed_save_is_told(void **state)
{
	char file[SIZE + 1];
	int keep, none;

	(void)state;
	assert_int_equal(try_open(&id), 0);
	save_and_wait(10);
	/* The journal's own descriptor is the lowest that was free. */
	none = open("/dev/full", O_WRONLY | O_CLOEXEC);
	keep = open(scratch_path, O_RDWR | O_CLOEXEC);
	assert_true(none > 2 && keep > 2);
	for (int fd = 3; fd < none; fd++) {
		struct stat a, b;

		if (fstat(fd, &a) == 0 && fstat(keep, &b) == 0 &&
		    a.st_ino == b.st_ino && a.st_dev == b.st_dev) {
			int own = dup(fd);

			assert_int_equal(dup2(none, fd), fd);
			save(20);
			loop_drain(loop);
			assert_int_equal(results[0], -ENOSPC);
			assert_int_equal(dup2(own, fd), fd);
			close(own);
		}
	}
	assert_int_equal(told, 1);
	told = 0;
	close(none);
	close(keep);
	save_and_wait(30);
	shut();
	assert_int_equal(noted(), 30);
	/* It has taken the place of the one that failed, not of the last that
	 * stood. */
	assert_int_equal(scratch_read(file, sizeof(file)), SIZE);
	file[memcmp(file + SLOT, "done 30\n", 8) == 0 ? SLOT : 2 * SLOT] = 'x';
	scratch_write(file, SIZE);
	assert_int_equal(noted(), 10);
}

/* ---- killed at random moments ---- */

struct shared {
	uint64_t asked;	   /* the newest that was handed in */
	uint64_t told;	   /* the newest that was told as saved */
	atomic_uint saves; /* of this child */
};

static struct shared *shared;

static void child_saved(void *ctx, int result);

static void
child_save(uint64_t *n)
{
	const struct journal_state now = { .done = *n };

	shared->asked = *n;
	journal_save(journal, &now, child_saved, n);
}

static void
child_saved(void *ctx, int result)
{
	uint64_t *n = ctx;

	if (result != 0)
		_exit(9);
	shared->told = *n;
	atomic_fetch_add(&shared->saves, 1);
	*n += 1;
	child_save(n);
}

static void
child(void)
{
	uint64_t n;

	if (loop_new(&loop) != 0 || try_open(&id) < 0 ||
	    was.done < shared->told || was.done > shared->asked)
		_exit(8);
	n = was.done;
	shared->told = n;
	child_save(&n);
	loop_run(loop);
	_exit(7);
}

static void
pause_for(long ns)
{
	struct timespec ts = { .tv_nsec = ns };

	nanosleep(&ts, NULL);
}

static void
killed_at_any_moment(void **state)
{
	struct prng random = { 4711 };
	int status;

	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(shared != MAP_FAILED);
	for (int i = 0; i < 40; i++) {
		unsigned enough = (unsigned)prng_below(&random, 4);
		pid_t pid;

		atomic_store(&shared->saves, 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			child();
		while (atomic_load(&shared->saves) < enough) {
			assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
			pause_for(50000);
		}
		pause_for((long)prng_below(&random, 1000000));
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
	}
	assert_in_range(noted(), shared->told, shared->asked);
	assert_true(shared->told > 0);
	munmap(shared, sizeof(*shared));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(keeps_what_it_is_told),
		TEST(remembers_that_a_part_is_bad),
		TEST(the_newest_wins),
		TEST(refuses_other_copies),
		TEST(refuses_what_is_no_journal),
		TEST(an_empty_file_is_none),
		TEST(one_copy_at_a_time),
		TEST(a_finished_one_is_gone),
		TEST(links_are_followed),
		TEST(cut_off_anywhere_is_refused),
		TEST(every_bit_counts),
		TEST(a_torn_slot_leaves_the_other),
		TEST(another_version_is_refused),
		TEST(odd_names_are_refused),
		TEST(a_failed_save_is_told),
		TEST(killed_at_any_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
