/* SPDX-License-Identifier: BSD-2-Clause */
/* front/manifest: what was set is read back; anything else is refused. */
#include "front/manifest.h"

#include <inttypes.h>
#include <pthread.h>

#include "prng.h"
#include "scratch.h"

#define CHUNK 4096

static const struct manifest_id id = {
	.source = "naa.6001405 serial 17",
	.size = 10 * CHUNK + 512,
	.offset = CHUNK + 1024,
	.length = 5 * CHUNK,
	.chunk = CHUNK,
};

static struct manifest *manifest;
static struct error err;

static int
teardown(void **state)
{
	manifest_free(manifest);
	manifest = NULL;
	return scratch_teardown(state);
}

static void
make(const struct manifest_id *of)
{
	if (manifest_new(of, &manifest, &err) < 0)
		fail_msg("%s", err.text);
}

static void
hash_of(uint64_t n, uint8_t ret[MANIFEST_HASH])
{
	struct prng random = { n };

	prng_fill(&random, ret, MANIFEST_HASH);
}

static void
set(uint64_t n)
{
	uint8_t hash[MANIFEST_HASH];

	hash_of(n, hash);
	manifest_set(manifest, n, hash);
}

static void
is_set(uint64_t n)
{
	uint8_t hash[MANIFEST_HASH];

	hash_of(n, hash);
	assert_non_null(manifest_get(manifest, n));
	assert_memory_equal(manifest_get(manifest, n), hash, MANIFEST_HASH);
}

static void
save(void)
{
	if (manifest_save(manifest, scratch_path, &err) < 0)
		fail_msg("%s", err.text);
}

static int
load(void)
{
	manifest_free(manifest);
	manifest = NULL;
	return manifest_load(scratch_path, &manifest, &err);
}

static void
chunks_end_at_multiples(void **state)
{
	struct manifest_id of = id;

	(void)state;
	make(&of);
	assert_int_equal(manifest_chunks(manifest), 6);
	manifest_free(manifest);
	of.offset = CHUNK;
	make(&of);
	assert_int_equal(manifest_chunks(manifest), 5);
	manifest_free(manifest);
	of.length = 1;
	make(&of);
	assert_int_equal(manifest_chunks(manifest), 1);
	manifest_free(manifest);
	of.length = 0;
	make(&of);
	assert_int_equal(manifest_chunks(manifest), 0);
	save();
	assert_int_equal(load(), 0);
	assert_int_equal(manifest_chunks(manifest), 0);
}

static void
reads_back_what_was_set(void **state)
{
	const struct manifest_id *is;

	(void)state;
	make(&id);
	for (uint64_t n = 0; n < 6; n++) {
		assert_null(manifest_get(manifest, n));
		if (n != 3)
			set(n);
	}
	save();
	assert_int_equal(load(), 0);
	is = manifest_id(manifest);
	assert_string_equal(is->source, id.source);
	assert_true(is->size == id.size && is->offset == id.offset &&
		    is->length == id.length && is->chunk == id.chunk);
	for (uint64_t n = 0; n < 6; n++)
		if (n != 3)
			is_set(n);
	assert_null(manifest_get(manifest, 3));
}

static void
is_text(void **state)
{
	static const char head[] = "luntap-manifest 1\n"
				   "source naa.6001405 serial 17\n"
				   "size 41472\n"
				   "offset 5120\n"
				   "length 20480\n"
				   "chunk 4096\n"
				   "5120 -\n"
				   "8192 ";
	char text[2048];
	char command[300];

	(void)state;
	make(&id);
	set(1);
	save();
	scratch_read(text, sizeof(text));
	assert_memory_equal(text, head, sizeof(head) - 1);
	assert_non_null(strstr(text, "\n24576 -\nsha256 "));
	/* As a user would check it. */
	snprintf(command, sizeof(command),
	    "test \"$(sed '$d' %s | sha256sum)\" = "
	    "\"$(sed -n '$s/sha256 //p' %s)  -\"",
	    scratch_path, scratch_path);
	assert_int_equal(system(command), 0);
}

static void
replaces_a_manifest_only(void **state)
{
	char text[16];

	(void)state;
	make(&id);
	save();
	set(2);
	save();
	assert_int_equal(load(), 0);
	is_set(2);
	assert_int_equal(scratch_clear(), 1);
	scratch_write("", 0);
	save();
	scratch_write("a letter", 8);
	assert_int_equal(manifest_save(manifest, scratch_path, &err), -1);
	assert_non_null(strstr(err.text, "not a manifest"));
	assert_int_equal(err.class, ERROR_USAGE);
	scratch_read(text, sizeof(text));
	assert_string_equal(text, "a letter");
	assert_int_equal(manifest_save(manifest, "/dev/null", &err), -1);
	assert_int_equal(manifest_save(manifest, "/nonexistent/m", &err), -1);
	assert_non_null(strstr(err.text, "/nonexistent/m: No such file"));
}

static size_t
make_file(char *text, size_t size)
{
	make(&id);
	for (uint64_t n = 0; n < 6; n++)
		if (n != 3)
			set(n);
	save();
	return scratch_read(text, size);
}

static void
cut_off_anywhere_is_refused(void **state)
{
	char text[2048];
	size_t len = make_file(text, sizeof(text));

	(void)state;
	for (size_t n = 0; n < len; n++) {
		scratch_write(text, n);
		assert_int_equal(load(), -1);
		assert_non_null(strstr(err.text, scratch_path));
	}
	scratch_write(text, len);
	assert_int_equal(load(), 0);
}

static void
remembers_that_a_copy_has_begun(void **state)
{
	char text[2048], link[120];
	size_t len = make_file(text, sizeof(text));

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(load(), 0);
		assert_int_equal(manifest_begun(manifest), i > 0);
		assert_int_equal(manifest_begin(scratch_path, &err), 0);
	}
	assert_int_equal(load(), 0);
	is_set(0);
	save();
	assert_int_equal(load(), 0);
	assert_false(manifest_begun(manifest));
	/* What a crash has left of the line. */
	text[len] = 'b';
	scratch_write(text, len + 1);
	assert_int_equal(load(), 0);
	assert_true(manifest_begun(manifest));
	snprintf(link, sizeof(link), "%s/link", scratch_folder);
	scratch_write(text, len);
	assert_int_equal(symlink(scratch_path, link), 0);
	assert_int_equal(manifest_begin(link, &err), 0);
	assert_int_equal(load(), 0);
	assert_true(manifest_begun(manifest));
}

static void
begins_with_a_manifest_only(void **state)
{
	char text[2048], fifo[120];

	(void)state;
	snprintf(fifo, sizeof(fifo), "%s/none", scratch_folder);
	assert_int_equal(manifest_begin(fifo, &err), 0);
	assert_int_equal(access(fifo, F_OK), -1);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(manifest_begin(fifo, &err), -1);
	assert_non_null(strstr(err.text, "not a regular file"));
	assert_int_equal(manifest_begin(scratch_folder, &err), -1);
	scratch_write("", 0);
	assert_int_equal(manifest_begin(scratch_path, &err), 0);
	assert_int_equal(scratch_read(text, sizeof(text)), 0);
	scratch_write("important\n", 10);
	assert_int_equal(manifest_begin(scratch_path, &err), -1);
	assert_int_equal(scratch_read(text, sizeof(text)), 10);
}

static void
every_bit_counts(void **state)
{
	char text[2048];
	size_t len = make_file(text, sizeof(text));

	(void)state;
	for (size_t bit = 0; bit < len * 8; bit++) {
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
		scratch_write(text, len);
		assert_int_equal(load(), -1);
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
	}
}

/* A head that claims more than there is costs no memory. */
static void
claims_are_not_believed(void **state)
{
	static const char text[] = "luntap-manifest 1\n"
				   "source x\n"
				   "size 18446744073709551615\n"
				   "offset 0\n"
				   "length 18446744073709551614\n"
				   "chunk 512\n"
				   "0 -\n";

	(void)state;
	scratch_write(text, sizeof(text) - 1);
	assert_int_equal(load(), -1);
	assert_non_null(strstr(err.text, "ends early"));
}

static void
what_makes_no_sense_is_refused(void **state)
{
	struct manifest_id odd[] = { id, id, id, id, id };

	(void)state;
	odd[0].chunk = 5000;
	odd[1].chunk = 0;
	odd[2].offset = odd[2].size + 1;
	odd[3].length = odd[3].size;
	odd[4].source = "a\nb";
	for (size_t i = 0; i < countof(odd); i++)
		assert_int_equal(manifest_new(&odd[i], &manifest, &err), -1);
	odd[0] = id;
	odd[0].size = odd[0].length = UINT64_MAX;
	assert_int_equal(manifest_new(&odd[0], &manifest, &err), -1);
	assert_non_null(strstr(err.text, "size is known"));
}

static void
matches_what_can_be_compared(void **state)
{
	static const char *const words[] = { "size of the source: 41472",
		"offset of the range: 5120", "length of the range: 20480",
		"size of chunks: 4096, and this copy has 8192" };
	struct manifest_id others[] = { id, id, id, id };
	struct manifest_id snapshot = id;

	(void)state;
	make(&id);
	snapshot.source = "naa.6001499";
	assert_int_equal(manifest_match(manifest, "m", &id, &err), 0);
	assert_int_equal(manifest_match(manifest, "m", &snapshot, &err), 0);
	others[0].size++;
	others[1].offset = 0;
	others[2].length--;
	others[3].chunk = 8192;
	for (size_t i = 0; i < countof(others); i++) {
		assert_int_equal(
		    manifest_match(manifest, "m", &others[i], &err), -1);
		assert_non_null(strstr(err.text, words[i]));
	}
}

/* ---- from several threads ---- */

#define THREADS 4
#define MANY	20000

static void *
set_some(void *arg)
{
	uint64_t first = *(uint64_t *)arg, n;

	for (n = first; n < MANY; n += THREADS)
		set(n);
	return NULL;
}

static void
threads_do_not_meet(void **state)
{
	struct manifest_id big = id;
	pthread_t threads[THREADS];
	uint64_t first[THREADS];

	(void)state;
	big.offset = 0;
	big.size = big.length = (uint64_t)MANY * CHUNK;
	make(&big);
	for (uint64_t i = 0; i < THREADS; i++) {
		first[i] = i;
		assert_int_equal(
		    pthread_create(&threads[i], NULL, set_some, &first[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	save();
	assert_int_equal(load(), 0);
	for (uint64_t n = 0; n < MANY; n++)
		is_set(n);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, scratch_setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(chunks_end_at_multiples),
		TEST(reads_back_what_was_set),
		TEST(is_text),
		TEST(replaces_a_manifest_only),
		TEST(cut_off_anywhere_is_refused),
		TEST(remembers_that_a_copy_has_begun),
		TEST(begins_with_a_manifest_only),
		TEST(every_bit_counts),
		TEST(claims_are_not_believed),
		TEST(what_makes_no_sense_is_refused),
		TEST(matches_what_can_be_compared),
		TEST(threads_do_not_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
