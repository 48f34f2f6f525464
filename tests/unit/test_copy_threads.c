/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A copy in the real loop, with its helper threads: files, a digest and hashes
 * of chunks, all at once.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/hash.h"
#include "block/file.h"
#include "front/copy.h"
#include "prng.h"
#include "unit.h"

#define SIZE   (8u << 20)
#define CHUNK  65536u
#define CHUNKS (SIZE / CHUNK)

static struct loop *loop;
static char folder[64];
static char source_path[96];
static char destination_path[96];
static uint8_t content[SIZE];
static struct bdev *source, *destination;
static struct copy *copy;
static struct hash hash;
static atomic_uint asked[CHUNKS];
static atomic_uint digesting;
static uint8_t hashes[CHUNKS][32];
static struct error error;
static struct timer stop_timer;

/* Data, zeros and a hole. */
static int
make_source(void)
{
	struct prng dice = { 4 };
	int fd = open(source_path, O_CREAT | O_EXCL | O_RDWR, 0600);

	if (fd == -1 || ftruncate(fd, SIZE) == -1)
		return -1;
	prng_fill(&dice, content, SIZE);
	memset(content + 10 * CHUNK, 0, 5 * CHUNK);
	memset(content + SIZE / 2, 0, SIZE / 4);
	if (pwrite(fd, content, SIZE / 2, 0) != SIZE / 2 ||
	    pwrite(fd, content + SIZE / 4 * 3, SIZE / 4, SIZE / 4 * 3) !=
		SIZE / 4)
		return -1;
	close(fd);
	fd = open(destination_path, O_CREAT | O_EXCL | O_RDWR, 0600);
	if (fd == -1 || ftruncate(fd, SIZE) == -1)
		return -1;
	close(fd);
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test_copy.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(source_path, sizeof(source_path), "%s/source", folder);
	snprintf(destination_path, sizeof(destination_path), "%s/to", folder);
	memset(asked, 0, sizeof(asked));
	if (loop_new(&loop) != 0 || make_source() != 0 ||
	    file_open(loop, source_path, true, 1, &source, &error) != 0 ||
	    file_open(loop, destination_path, false, 1, &destination, &error) !=
		0)
		return -1;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	copy_free(copy);
	copy = NULL;
	source->ops->close(source);
	destination->ops->close(destination);
	loop_free(loop);
	unlink(source_path);
	unlink(destination_path);
	rmdir(folder);
	return 0;
}

static void
digest(void *ctx, const void *data, uint64_t length)
{
	static const uint8_t zeros[4096];

	assert_ptr_equal(ctx, &hash);
	assert_int_equal(atomic_fetch_add(&digesting, 1), 0);
	if (data != NULL)
		hash_update(&hash, data, length);
	for (; data == NULL && length > 0; length -= sizeof(zeros))
		hash_update(&hash, zeros, sizeof(zeros));
	atomic_fetch_sub(&digesting, 1);
}

static bool
changed(void *ctx, uint64_t n, const void *data, uint32_t length)
{
	struct hash h;

	(void)ctx;
	atomic_fetch_add(&asked[n], 1);
	hash_init(&h, HASH_SHA256);
	if (data != NULL)
		hash_update(&h, data, length);
	hash_final(&h, hashes[n]);
	return true;
}

static void
done(void *ctx, const struct error *why)
{
	(void)ctx;
	error.class = ERROR_NONE;
	if (why != NULL)
		error = *why;
	loop_stop(loop, 0);
}

static void
begin(struct copy_config config)
{
	config.source = source;
	config.destination = destination;
	config.length = SIZE;
	config.chunk = CHUNK;
	config.depth = 8;
	config.done = done;
	config.ctx = &hash;
	hash_init(&hash, HASH_SHA256);
	assert_int_equal(copy_new(loop, &config, &copy), 0);
}

static void
check_content(void)
{
	static uint8_t got[SIZE];
	int fd = open(destination_path, O_RDONLY);

	assert_int_not_equal(fd, -1);
	assert_int_equal(pread(fd, got, SIZE, 0), SIZE);
	close(fd);
	assert_memory_equal(got, content, SIZE);
}

static void
check_digest(void)
{
	uint8_t got[32], expected[32];
	struct hash h;

	hash_init(&h, HASH_SHA256);
	hash_update(&h, content, SIZE);
	hash_final(&h, expected);
	hash_final(&hash, got);
	assert_memory_equal(got, expected, sizeof(got));
}

static void
test_everything(void **state)
{
	(void)state;
	begin((struct copy_config){
	    .digest = digest, .changed = changed, .verify = true });
	loop_run(loop);
	assert_int_equal(error.class, ERROR_NONE);
	check_content();
	check_digest();
	for (size_t n = 0; n < CHUNKS; n++)
		assert_int_equal(asked[n], 1);
}

static void
test_digest(void **state)
{
	(void)state;
	begin((struct copy_config){ .digest = digest });
	loop_run(loop);
	assert_int_equal(error.class, ERROR_NONE);
	check_content();
	check_digest();
}

static void
stop_now(struct timer *t, uint64_t now)
{
	static const struct error why = { .class = ERROR_FAILED,
		.text = "enough" };

	(void)t;
	(void)now;
	copy_stop(copy, &why);
}

/* Whatever the helpers are doing. */
static void
test_stop(void **state)
{
	(void)state;
	timer_init(&stop_timer, stop_now, NULL);
	for (unsigned i = 0; i < 20; i++) {
		begin((struct copy_config){
		    .digest = digest, .changed = i % 2 ? changed : NULL });
		timer_set(loop, &stop_timer, loop_now(loop) + i * CLOCK_MS / 2);
		loop_run(loop);
		timer_clear(loop, &stop_timer);
		if (error.class != ERROR_NONE)
			assert_string_equal(error.text, "enough");
		copy_free(copy);
		copy = NULL;
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(test_everything, setup, teardown),
	cmocka_unit_test_setup_teardown(test_digest, setup, teardown),
	cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
