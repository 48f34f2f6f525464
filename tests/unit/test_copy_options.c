/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may be asked of a copy besides: verification, bad blocks, the work of
 * the target, a digest, changed chunks, a rate, a journal.
 */
#include "copy_rig.h"

#include <errno.h>

#include "front/copy_impl.h"
#include "unit.h"

#define CHUNK 4096u
#define MIB   (UINT64_C(1) << 20)

/* ---- verification ---- */

static void
test_verify(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 32 * CHUNK);
	r.config.verify = true;
	r.source.bdev.thin = true;
	fake_clear(&r.source, 4 * CHUNK, 8 * CHUNK, false);
	rig_copy(&r);
	assert_int_equal(r.destination.reads, 32);
	rig_fini(&r);
}

static void
test_rot(void **state)
{
	struct rig r;

	(void)state;
	/* In data, in a hole that is made, in zeros that were there. */
	for (unsigned i = 0; i < 3; i++) {
		rig_plain(&r, 32 * CHUNK);
		r.config.verify = true;
		r.config.depth = 1;
		r.config.save = NULL;
		r.source.bdev.thin = true;
		fake_clear(&r.source, 4 * CHUNK, 8 * CHUNK, false);
		if (i == 2) {
			r.config.zeroed = true;
			fake_clear(&r.destination, 0, 32 * CHUNK, false);
			r.destination.content[6 * CHUNK + 9] = 1;
			r.destination.byte[6 * CHUNK + 9] |= BYTE_DIRTY;
		} else {
			r.destination.byte[(i == 0 ? 9 : 6) * CHUNK + 9] |=
			    BYTE_ROT;
		}
		rig_start(&r);
		rig_fail(&r,
		    i == 0 ? "verifying at byte 36864: the destination does "
			     "not hold what was written there"
			   : "verifying at byte 24576: the destination does "
			     "not hold what was written there");
		assert_int_equal(r.error.class, ERROR_IO);
		assert_int_equal(
		    rig_status(&r).done, i == 0 ? 9 * CHUNK : 6 * CHUNK);
		rig_fini(&r);
	}
}

static void
test_verify_read_fails(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 32 * CHUNK);
	r.config.verify = true;
	r.config.depth = 1;
	r.destination.fault =
	    (struct fake_fault){ .op = BDEV_READ, .n = 3, .result = -EIO };
	rig_start(&r);
	rig_fail(&r, "reading back at byte 8192: Input/output error");
	assert_int_equal(rig_status(&r).done, 2 * CHUNK);
	rig_fini(&r);
}

/* Many small chunks and holes do not take more memory. */
static void
test_memory(void **state)
{
	struct rig r;

	(void)state;
	for (unsigned verify = 0; verify < 2; verify++) {
		rig_plain(&r, 512 * CHUNK);
		r.config.chunk = 64 * CHUNK;
		r.config.depth = 2;
		r.config.verify = verify != 0;
		r.source.bdev.thin = true;
		r.source.window = 100;
		r.loop.eager = 8;
		for (uint64_t i = 0; i < 512; i += 2)
			fake_clear(
			    &r.source, i * CHUNK, (i + 1) * CHUNK, false);
		rig_copy(&r);
		assert_in_range(r.loop.memory_n, 1, verify != 0 ? 4 : 2);
		assert_int_equal(r.source.peak, 2);
		rig_fini(&r);
	}
}

/* ---- bad blocks ---- */

static void
make_bad(struct rig *r, uint64_t from, uint64_t to)
{
	for (; from < to; from++)
		r->source.byte[from] |= BYTE_BAD;
}

static void
test_bad_blocks(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 64 * CHUNK);
	r.config.chunk = 16 * CHUNK;
	r.config.skip_errors = true;
	make_bad(&r, 0, 512);
	make_bad(&r, 9 * CHUNK + 512, 9 * CHUNK + 1024);
	make_bad(&r, 64 * CHUNK - 512, 64 * CHUNK);
	rig_copy(&r);
	assert_int_equal(r.bad, 3 * 512);
	assert_int_equal(rig_status(&r).bad, 3 * 512);
	assert_int_equal(rig_status(&r).done, 64 * CHUNK);
	/* Log2 of the blocks in a chunk, two reads each, at the most. */
	assert_in_range(r.source.count[BDEV_READ], 4, 4 + 3 * 2 * 8);
	rig_fini(&r);
}

/* A whole chunk, and nobody who wants to know. */
static void
test_all_bad(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 4 * CHUNK);
	r.config.skip_errors = true;
	r.config.depth = 1;
	make_bad(&r, CHUNK, 2 * CHUNK);
	rig_copy(&r);
	assert_int_equal(r.bad, CHUNK);
	rig_fini(&r);
	rig_plain(&r, 4 * CHUNK);
	make_bad(&r, CHUNK, 2 * CHUNK);
	rig_start(&r);
	copy_free(r.copy);
	r.config.skip_errors = true;
	r.config.bad = NULL;
	assert_int_equal(copy_new(&r.loop, &r.config, &r.copy), 0);
	while (r.done == 0)
		assert_true(fake_loop_step(&r.loop));
	assert_int_equal(r.error.class, ERROR_NONE);
	assert_int_equal(rig_status(&r).bad, CHUNK);
	assert_memory_equal(
	    r.destination.content, r.expected, r.destination.room);
	rig_fini(&r);
}

/* A range that begins within a block: halves meet between blocks, so that none
 * takes its neighbours with it. */
static void
test_bad_unaligned(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 16 * CHUNK);
	r.source.bdev.block_size = 4096;
	r.config.chunk = 16 * CHUNK;
	r.config.skip_errors = true;
	r.config.offset = 1000;
	r.config.length = 14 * CHUNK + 500;
	make_bad(&r, 3 * CHUNK, 4 * CHUNK);
	rig_copy(&r);
	assert_int_equal(r.bad, CHUNK);
	rig_fini(&r);
}

static void
test_bad_stops(void **state)
{
	struct rig r;

	(void)state;
	/* Not asked to go on. */
	rig_plain(&r, 4 * CHUNK);
	r.config.depth = 1;
	make_bad(&r, CHUNK, CHUNK + 512);
	rig_start(&r);
	rig_fail(&r, "reading at byte 4096: the fault of READ");
	assert_int_equal(r.error.class, ERROR_IO);
	rig_fini(&r);
	/* The device is lost while bad blocks are looked for. */
	rig_plain(&r, 4 * CHUNK);
	r.config.depth = 1;
	r.config.skip_errors = true;
	make_bad(&r, CHUNK + 1024, CHUNK + 1536);
	r.source.fault = (struct fake_fault){ .op = BDEV_READ,
		.n = 4,
		.result = -EIO,
		.class = ERROR_UNREACHED };
	rig_start(&r);
	rig_fail(&r, "reading at byte ");
	assert_int_equal(r.error.class, ERROR_UNREACHED);
	assert_int_equal(r.bad, 0);
	rig_fini(&r);
	/* What a stream has lost has no place. */
	rig_plain(&r, 4 * CHUNK);
	fake_make_stream(&r.source);
	r.config.depth = 1;
	r.config.skip_errors = true;
	r.source.fault = (struct fake_fault){
		.op = BDEV_READ, .n = 2, .result = -EIO, .class = ERROR_IO
	};
	rig_start(&r);
	rig_fail(&r, "reading at byte 4096: the fault of READ");
	rig_fini(&r);
}

/* ---- by the target ---- */

static void
offload(struct rig *r, enum copy_offload offload)
{
	rig_plain(r, 32 * CHUNK);
	r->config.offload = offload;
	r->destination.bdev.can_copy = true;
	r->source.bdev.thin = true;
	fake_clear(&r->source, 4 * CHUNK, 8 * CHUNK, false);
}

static void
test_offload(void **state)
{
	struct rig r;

	(void)state;
	offload(&r, COPY_OFFLOAD_AUTO);
	rig_copy(&r);
	assert_int_equal(r.destination.count[BDEV_COPY], 28);
	assert_int_equal(r.destination.count[BDEV_ZERO], 1);
	assert_int_equal(r.source.count[BDEV_READ], 0);
	assert_true(rig_status(&r).offloaded);
	rig_fini(&r);
	offload(&r, COPY_OFFLOAD_REQUIRE);
	r.config.verify = true;
	rig_copy(&r);
	assert_int_equal(r.destination.count[BDEV_COPY], 28);
	assert_int_equal(r.source.count[BDEV_READ], 28);
	assert_int_equal(r.destination.reads, 32);
	assert_int_equal(r.destination.count[BDEV_WRITE], 0);
	rig_fini(&r);
}

static void
test_offload_not(void **state)
{
	struct rig r;

	(void)state;
	offload(&r, COPY_OFFLOAD_NEVER);
	rig_copy(&r);
	assert_int_equal(r.destination.count[BDEV_COPY], 0);
	rig_fini(&r);
	/* It cannot. */
	offload(&r, COPY_OFFLOAD_AUTO);
	r.destination.bdev.can_copy = false;
	rig_copy(&r);
	assert_int_equal(r.destination.count[BDEV_COPY], 0);
	assert_false(rig_status(&r).offloaded);
	rig_fini(&r);
	offload(&r, COPY_OFFLOAD_REQUIRE);
	r.config.depth = 1;
	r.destination.bdev.can_copy = false;
	rig_start(&r);
	rig_fail(
	    &r, "copying within the target at byte 0: Operation not supported");
	rig_fini(&r);
	/* It thinks it can, but in the middle it cannot. */
	offload(&r, COPY_OFFLOAD_AUTO);
	r.config.depth = 1;
	r.destination.fault = (struct fake_fault){ .op = BDEV_COPY,
		.n = 9,
		.result = -EOPNOTSUPP,
		.class = ERROR_FAILED };
	rig_copy(&r);
	assert_int_equal(r.destination.count[BDEV_COPY], 9);
	assert_int_equal(r.destination.count[BDEV_WRITE], 20);
	assert_false(rig_status(&r).offloaded);
	rig_fini(&r);
	offload(&r, COPY_OFFLOAD_REQUIRE);
	r.config.depth = 1;
	r.destination.fault = (struct fake_fault){ .op = BDEV_COPY,
		.n = 9,
		.result = -EOPNOTSUPP,
		.class = ERROR_FAILED };
	rig_start(&r);
	rig_fail(&r,
	    "copying within the target at byte 49152: the fault of another");
	rig_fini(&r);
}

/* Blocks that the target cannot read: a READ tells which, and the rest is still
 * the target's. */
static void
test_offload_bad_blocks(void **state)
{
	static const struct fake_fault bad = { .op = BDEV_COPY,
		.n = 9,
		.once = true,
		.result = -EIO,
		.class = ERROR_IO };
	struct rig r;

	(void)state;
	offload(&r, COPY_OFFLOAD_AUTO);
	r.config.depth = 1;
	r.destination.fault = bad;
	rig_copy(&r);
	assert_int_equal(r.destination.count[BDEV_COPY], 28);
	assert_int_equal(r.destination.count[BDEV_WRITE], 1);
	assert_true(rig_status(&r).offloaded);
	rig_fini(&r);
	/* Not so when it is the LUN that is bad, or reading is ruled out. */
	offload(&r, COPY_OFFLOAD_AUTO);
	r.config.depth = 1;
	r.destination.fault = bad;
	r.destination.fault.class = ERROR_FAILED;
	rig_start(&r);
	rig_fail(&r, "copying within the target at byte 49152");
	rig_fini(&r);
	offload(&r, COPY_OFFLOAD_REQUIRE);
	r.config.depth = 1;
	r.destination.fault = bad;
	rig_start(&r);
	rig_fail(&r, "copying within the target at byte 49152");
	rig_fini(&r);
}

/* Who wants to see the data has it read. */
static void
test_offload_or_see(void **state)
{
	struct rig r, seen;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		rig_init(&seen, 1, CHUNK, 512);
		offload(&r, COPY_OFFLOAD_AUTO);
		if (i == 0)
			r.config.digest = seen.config.digest;
		else
			r.config.changed = seen.config.changed;
		rig_copy(&r);
		assert_int_equal(r.destination.count[BDEV_COPY], 0);
		r.config.offload = COPY_OFFLOAD_REQUIRE;
		assert_int_equal(
		    copy_new(&r.loop, &r.config, &seen.copy), -EINVAL);
		rig_fini(&r);
		rig_fini(&seen);
	}
}

/* ---- changed chunks, resuming ---- */

static void
test_changed(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 5, 32 * CHUNK, 512);
	r.config.chunk = 2 * CHUNK;
	r.config.offset = 3 * CHUNK;
	r.config.length = 26 * CHUNK;
	r.wanted = calloc(32, sizeof(*r.wanted));
	r.wanted[0] = r.wanted[5] = true;
	rig_copy(&r);
	assert_int_equal(r.destination.count[BDEV_WRITE], 2);
	assert_int_equal(rig_status(&r).skipped, 23 * CHUNK);
	rig_fini(&r);
}

/* A hole is one when it is a whole chunk, however the source tells it. */
static void
test_changed_holes(void **state)
{
	struct rig r;

	(void)state;
	for (uint64_t seed = 1; seed < 40; seed++) {
		rig_init(&r, seed, 64 * CHUNK, 512);
		r.config.chunk = 4 * CHUNK;
		r.source.window = 3;
		r.source.window_align = 512;
		r.source.window_least = 4 * CHUNK;
		fake_clear(&r.source, 3 * CHUNK, 9 * CHUNK, false);
		fake_clear(&r.source, 20 * CHUNK, 40 * CHUNK, false);
		rig_copy(&r);
		assert_false(
		    fake_any(&r.source, 4 * CHUNK, 8 * CHUNK, BYTE_READ));
		assert_false(
		    fake_any(&r.source, 20 * CHUNK, 40 * CHUNK, BYTE_READ));
		assert_true(
		    fake_any(&r.source, 3 * CHUNK, 4 * CHUNK, BYTE_READ));
		assert_true(
		    fake_any(&r.source, 8 * CHUNK, 9 * CHUNK, BYTE_READ));
		rig_fini(&r);
	}
	/* It need not ask twice when it is told all. */
	rig_init(&r, 1, 64 * CHUNK, 512);
	r.config.chunk = 4 * CHUNK;
	r.source.window = 1;
	r.source.window_align = 64 * CHUNK;
	fake_clear(&r.source, 0, 64 * CHUNK, false);
	rig_copy(&r);
	assert_int_equal(r.source.count[BDEV_READ], 0);
	rig_fini(&r);
}

static void
resumed(struct rig *r)
{
	rig_init(r, 9, 32 * CHUNK, 512);
	r->config.resume = 10 * CHUNK + 7;
	memcpy(r->destination.content, r->source.content, 10 * CHUNK + 7);
	memcpy(r->destination.medium, r->source.content, 10 * CHUNK + 7);
}

static void
test_resume(void **state)
{
	struct rig r;

	(void)state;
	resumed(&r);
	r.config.digest = NULL;
	r.config.changed = NULL;
	rig_start(&r);
	assert_int_equal(rig_status(&r).done, 10 * CHUNK + 7);
	assert_int_equal(rig_status(&r).prefix, 10 * CHUNK + 7);
	rig_succeed(&r);
	assert_false(fake_any(&r.source, 0, 10 * CHUNK, BYTE_READ));
	rig_fini(&r);
	/* Zeros are written where an earlier run may have been. */
	resumed(&r);
	r.config.digest = NULL;
	r.config.changed = NULL;
	r.config.zeroed = true;
	r.source.bdev.thin = true;
	fake_clear(&r.source, 20 * CHUNK, 24 * CHUNK, false);
	rig_copy(&r);
	rig_fini(&r);
	/* Who has to see all of it sees it; only the rest is written. */
	for (unsigned i = 0; i < 2; i++) {
		resumed(&r);
		if (i == 0)
			r.config.digest = NULL;
		else
			r.config.changed = NULL;
		rig_copy(&r);
		assert_true(fake_any(&r.source, 0, 1, BYTE_READ));
		assert_false(
		    fake_any(&r.destination, 0, 10 * CHUNK, BYTE_CHANGED));
		assert_int_equal(r.destination.count[BDEV_WRITE], 22);
		assert_int_equal(rig_status(&r).skipped, 10 * CHUNK);
		rig_fini(&r);
	}
}

/* Then it is compared with what the destination has. */
static void
test_resume_of_another_content(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct rig r;

		resumed(&r);
		if (i != 0)
			r.config.digest = NULL;
		if (i != 1)
			r.config.changed = NULL;
		r.config.verify = i == 2;
		fake_fill(&r.source, 4 * CHUNK, 4 * CHUNK + 1);
		r.destination.content[4 * CHUNK] =
		    r.destination.medium[4 * CHUNK] =
			(uint8_t)~r.source.content[4 * CHUNK];
		rig_start(&r);
		r.expected[4 * CHUNK] = r.destination.content[4 * CHUNK];
		rig_fail(&r, "verifying at byte 16384: the destination does "
			     "not hold what the source has there by now");
		assert_int_equal(r.error.class, ERROR_IO);
		rig_fini(&r);
	}
}

/* Of an incremental copy all is verified, not only what was written. */
static void
test_verify_unchanged(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct rig r;

		(void)state;
		rig_init(&r, 9, 32 * CHUNK, 512);
		r.config.verify = true;
		r.config.depth = 1;
		r.wanted = calloc(34, sizeof(*r.wanted));
		for (unsigned n = 0; n < 32; n += 2)
			r.wanted[n] = true;
		memcpy(r.destination.content, r.source.content, 32 * CHUNK);
		memcpy(r.destination.medium, r.source.content, 32 * CHUNK);
		if (i == 1)
			r.destination.content[5 * CHUNK] =
			    r.destination.medium[5 * CHUNK] =
				(uint8_t)~r.source.content[5 * CHUNK];
		rig_start(&r);
		if (i == 0) {
			rig_succeed(&r);
			assert_int_equal(r.destination.reads, 32);
			assert_int_equal(r.destination.count[BDEV_WRITE], 16);
		} else {
			rig_fail(&r, "verifying at byte 20480: the destination "
				     "does not hold what the base says of it");
		}
		rig_fini(&r);
	}
}

/* ---- a rate ---- */

static void
test_rate(void **state)
{
	struct rig r;
	uint64_t began, took;

	(void)state;
	rig_plain(&r, 64 * CHUNK);
	r.config.rate = CHUNK; /* a chunk each second */
	rig_start(&r);
	began = r.loop.now;
	rig_succeed(&r);
	took = r.loop.now - began;
	assert_in_range(took, 63 * CLOCK_S - 10 * CLOCK_MS, 66 * CLOCK_S);
	rig_fini(&r);
	/* What a late loop has missed is made up for, and no more than that. */
	rig_plain(&r, 64 * CHUNK);
	r.config.rate = CHUNK * 1000;
	rig_start(&r);
	began = r.loop.now;
	rig_succeed(&r);
	took = r.loop.now - began;
	assert_in_range(took, 53 * CLOCK_MS, 10 * CLOCK_S);
	rig_fini(&r);
	/* Holes cost nothing. */
	rig_plain(&r, 64 * CHUNK);
	r.config.rate = 1;
	r.source.bdev.thin = true;
	fake_clear(&r.source, 0, 64 * CHUNK, false);
	rig_start(&r);
	began = r.loop.now;
	rig_succeed(&r);
	assert_in_range(r.loop.now - began, 0, 100 * CLOCK_S);
	rig_fini(&r);
}

/* ---- a journal ---- */

static void
journalled(struct rig *r, uint64_t length)
{
	rig_init(r, length, length, 512);
	r->config.digest = NULL;
	r->config.changed = NULL;
	r->source.bdev.thin = false;
}

/* Every five seconds, also when there was nothing to tell at first. */
static void
test_save_time(void **state)
{
	struct rig r;

	(void)state;
	journalled(&r, 64 * CHUNK);
	r.config.rate = CHUNK;
	rig_copy(&r);
	assert_in_range(r.saves, 8, 14);
	rig_fini(&r);
	journalled(&r, 4 * CHUNK);
	r.config.rate = CHUNK / 12;
	r.config.depth = 1;
	rig_copy(&r);
	/* One for each chunk; that of the last is the end. */
	assert_int_equal(r.saves, 4);
	assert_int_equal(r.destination.count[BDEV_FLUSH], 4);
	rig_fini(&r);
}

/* What a failed FLUSH has lost is not brought by a later one. */
static void
test_flush_loses(void **state)
{
	struct rig r;

	(void)state;
	journalled(&r, 64 * CHUNK);
	r.config.rate = CHUNK;
	r.destination.fault = (struct fake_fault){
		.op = BDEV_FLUSH, .n = 3, .once = true, .result = -EIO
	};
	rig_start(&r);
	rig_fail(&r, "writing the destination's cache to its medium");
	assert_int_equal(r.saves, 2);
	assert_int_equal(rig_status(&r).prefix, r.saved);
	assert_in_range(r.saved, 1, 12 * CHUNK);
	rig_fini(&r);
}

static void
test_journal_fails(void **state)
{
	struct rig r;

	(void)state;
	journalled(&r, 64 * CHUNK);
	r.config.rate = CHUNK;
	r.save_fails_at = 2;
	rig_start(&r);
	rig_fail(&r, "the journal: No space left on device");
	assert_int_equal(r.error.class, ERROR_FAILED);
	rig_fini(&r);
}

/* A stop flushes what is there and tells it. */
static void
test_stop_saves(void **state)
{
	struct rig r;

	(void)state;
	journalled(&r, 64 * CHUNK);
	r.config.depth = 1;
	r.stop_at = 60;
	rig_start(&r);
	rig_fail(&r, "stopped by hand");
	assert_int_equal(r.saves, 1);
	assert_int_not_equal(r.saved, 0);
	assert_int_equal(r.saved, rig_status(&r).prefix);
	rig_fini(&r);
}

/* And when nothing is new, the journal is left alone. */
static void
test_nothing_new(void **state)
{
	struct rig r;

	(void)state;
	journalled(&r, 64 * CHUNK);
	r.source.fault =
	    (struct fake_fault){ .op = BDEV_READ, .n = 1, .result = -EIO };
	rig_start(&r);
	rig_fail(&r, "reading at byte ");
	assert_int_equal(r.saves, 0);
	rig_fini(&r);
}

/* A gap is not jumped over. */
static void
test_gap(void **state)
{
	struct rig r;

	(void)state;
	for (uint64_t seed = 1; seed < 50; seed++) {
		journalled(&r, 64 * CHUNK);
		r.dice.state = seed;
		r.config.depth = 16;
		r.destination.fault = (struct fake_fault){
			.op = BDEV_WRITE, .n = 10, .once = true, .result = -EIO
		};
		rig_start(&r);
		rig_fail(&r, "writing at byte ");
		assert_in_range(r.saved, 0, 10 * 16 * CHUNK);
		rig_fini(&r);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_verify),
	cmocka_unit_test(test_rot),
	cmocka_unit_test(test_verify_read_fails),
	cmocka_unit_test(test_memory),
	cmocka_unit_test(test_bad_blocks),
	cmocka_unit_test(test_all_bad),
	cmocka_unit_test(test_bad_unaligned),
	cmocka_unit_test(test_bad_stops),
	cmocka_unit_test(test_offload),
	cmocka_unit_test(test_offload_not),
	cmocka_unit_test(test_offload_bad_blocks),
	cmocka_unit_test(test_offload_or_see),
	cmocka_unit_test(test_changed),
	cmocka_unit_test(test_changed_holes),
	cmocka_unit_test(test_resume),
	cmocka_unit_test(test_resume_of_another_content),
	cmocka_unit_test(test_verify_unchanged),
	cmocka_unit_test(test_rate),
	cmocka_unit_test(test_save_time),
	cmocka_unit_test(test_flush_loses),
	cmocka_unit_test(test_journal_fails),
	cmocka_unit_test(test_stop_saves),
	cmocka_unit_test(test_nothing_new),
	cmocka_unit_test(test_gap),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
