/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of a copy, one by one.  What holds of all copies is checked by
 * copy_rig.c; test_copy_random.c mixes them all.
 */
#include "copy_rig.h"

#include <errno.h>

#include "unit.h"

#define CHUNK 4096u
#define GRAIN 65536u /* of zeros, by default */
#define MIB   (UINT64_C(1) << 20)

/* ---- chunks ---- */

static void
test_depth(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 64 * CHUNK);
	r.config.depth = 7;
	r.loop.eager = 8;
	rig_copy(&r);
	assert_int_equal(r.source.count[BDEV_READ], 64);
	assert_int_equal(r.source.peak, 7);
	assert_int_equal(r.destination.count[BDEV_WRITE], 64);
	assert_int_equal(r.destination.count[BDEV_FLUSH], 1);
	assert_int_equal(r.source.count[BDEV_EXTENTS], 0);
	assert_int_equal(rig_status(&r).done, 64 * CHUNK);
	assert_int_equal(rig_status(&r).skipped, 0);
	rig_fini(&r);
}

/* More than that are tried where a chunk takes long, up to the bound. */
static void
test_depth_most(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 1024 * CHUNK);
	r.config.depth = 2;
	r.config.depth_most = 8;
	r.loop.eager = 8;
	rig_copy(&r);
	assert_in_range(r.source.peak, 3, 8);
	assert_in_range(r.loop.memory_n, 3, 8);
	rig_fini(&r);
}

/* The owner is not called for nothing. */
static void
test_turns(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 256 * CHUNK);
	r.config.depth = 1;
	rig_copy(&r);
	/* It is read, it is written. */
	assert_in_range(r.loop.turns, 1, 2 * 256 + 4);
	rig_fini(&r);
}

static void
test_nothing(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 4 * CHUNK);
	r.config.offset = 100;
	r.config.length = 0;
	rig_copy(&r);
	assert_int_equal(r.source.count[BDEV_READ], 0);
	assert_int_equal(r.destination.count[BDEV_FLUSH], 1);
	rig_fini(&r);
}

/* Chunks end at multiples of their size. */
static void
test_range(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 8 * CHUNK);
	r.config.offset = CHUNK - 1;
	r.config.length = 2 * CHUNK + 2;
	rig_copy(&r);
	assert_int_equal(r.source.count[BDEV_READ], 4);
	rig_fini(&r);
}

/* Without a length it is the source's. */
static void
test_whole_source(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 5 * CHUNK);
	rig_start(&r);
	copy_free(r.copy);
	r.config.length = UINT64_MAX;
	assert_int_equal(copy_new(&r.loop, &r.config, &r.copy), 0);
	assert_int_equal(rig_status(&r).length, 5 * CHUNK);
	rig_succeed(&r);
	rig_fini(&r);
}

/* ---- what the source lends ---- */

static void
rig_lends(struct rig *r, uint64_t length)
{
	rig_plain(r, length);
	fake_lend(&r->source);
	r->destination.bdev.takes_lent = true;
}

static void
test_lent(void **state)
{
	struct rig r;

	(void)state;
	rig_lends(&r, 64 * CHUNK);
	rig_copy(&r);
	/* Every other chunk; now and then the source does not want to. */
	assert_in_range(r.source.lent_all, 16, 32);
	assert_int_equal(r.source.count[BDEV_READ], 64 - r.source.lent_all);
	assert_int_equal(r.destination.count[BDEV_WRITE], 64);
	rig_fini(&r);
}

/* Whoever has to see the content reads it. */
static void
test_not_borrowed(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		struct rig r;

		rig_lends(&r, 64 * CHUNK);
		if (i == 0)
			r.config.verify = true;
		if (i == 1)
			r.config.sparse = COPY_SPARSE_ALWAYS;
		if (i == 2)
			r.destination.bdev.takes_lent = false;
		if (i >= 3) {
			struct rig full;

			rig_init(&full, 1, CHUNK, 512);
			if (i == 3)
				r.config.digest = full.config.digest;
			else
				r.config.changed = full.config.changed;
			rig_fini(&full);
		}
		rig_copy(&r);
		assert_int_equal(r.source.lent_all, 0);
		rig_fini(&r);
	}
}

/* A chunk is zeros, the next is not. */
static void
test_lent_beside_zeros(void **state)
{
	struct rig r;

	(void)state;
	rig_lends(&r, 8 * MIB);
	r.config.chunk = 2 * GRAIN;
	for (uint64_t at = 0; at < 8 * MIB; at += 16 * GRAIN)
		fake_clear(&r.source, at, at + 3 * GRAIN, true);
	rig_copy(&r);
	assert_in_range(r.source.lent_all, 8, 32);
	assert_int_equal(rig_status(&r).skipped, 8 * 3 * GRAIN);
	rig_fini(&r);
}

/* ---- failures ---- */

static void
fail_at(struct fake *f, enum bdev_op op, unsigned n, int result,
    enum error_class class)
{
	f->fault = (struct fake_fault){ .op = op,
		.n = n,
		.once = true,
		.result = result,
		.class = class };
}

static void
test_read_fails(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 8 * CHUNK);
	r.config.depth = 1;
	fail_at(&r.source, BDEV_READ, 3, -EIO, ERROR_UNREACHED);
	rig_start(&r);
	rig_fail(&r, "reading at byte 8192: the fault of READ");
	assert_int_equal(r.error.class, ERROR_UNREACHED);
	assert_int_equal(r.destination.count[BDEV_WRITE], 2);
	assert_int_equal(rig_status(&r).done, 2 * CHUNK);
	assert_int_equal(rig_status(&r).prefix, 2 * CHUNK);
	rig_fini(&r);
}

/* Who does not say why has his errno told. */
static void
test_write_fails(void **state)
{
	static const struct {
		int result;
		enum error_class class;
		const char *text;
	} cases[] = {
		{ -EIO, ERROR_IO, "writing at byte 4096: Input/output error" },
		{ -ENOSPC, ERROR_FAILED,
		    "writing at byte 4096: No space left on device" },
	};
	struct rig r;

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		rig_plain(&r, 8 * CHUNK);
		r.config.depth = 1;
		fail_at(
		    &r.destination, BDEV_WRITE, 2, cases[i].result, ERROR_NONE);
		rig_start(&r);
		rig_fail(&r, cases[i].text);
		assert_int_equal(r.error.class, cases[i].class);
		assert_int_equal(rig_status(&r).done, CHUNK);
		rig_fini(&r);
	}
}

/* The source is to blame, whatever the destination says. */
static void
test_lent_was_cut(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct rig r;

		rig_lends(&r, 64 * CHUNK);
		r.config.depth = 1;
		r.source.cut_at = 2;
		if (i == 1)
			r.destination.fault =
			    (struct fake_fault){ .op = BDEV_WRITE,
				    .n = 4,
				    .once = true,
				    .result = -EIO,
				    .class = ERROR_UNREACHED };
		rig_start(&r);
		rig_fail(&r, "reading at byte 12288: the fault of lending");
		assert_int_equal(rig_status(&r).prefix, 3 * CHUNK);
		rig_fini(&r);
	}
}

static void
test_flush_fails(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, CHUNK);
	fail_at(&r.destination, BDEV_FLUSH, 1, -EIO, ERROR_NONE);
	rig_start(&r);
	rig_fail(&r, "writing the destination's cache to its medium: "
		     "Input/output error");
	assert_int_equal(r.error.class, ERROR_IO);
	rig_fini(&r);
	rig_plain(&r, CHUNK);
	fail_at(&r.destination, BDEV_FLUSH, 1, -EIO, ERROR_UNREACHED);
	rig_start(&r);
	rig_fail(&r, "to its medium: the fault of another");
	assert_int_equal(r.error.class, ERROR_UNREACHED);
	rig_fini(&r);
}

/* The one that came first is told, and the rest is left alone. */
static void
test_first_failure(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 64 * CHUNK);
	r.config.depth = 8;
	r.source.fault = (struct fake_fault){
		.op = BDEV_READ, .n = 9, .result = -EIO, .class = ERROR_FAILED
	};
	r.destination.fault = (struct fake_fault){
		.op = BDEV_WRITE, .n = 3, .result = -EIO, .class = ERROR_FAILED
	};
	rig_start(&r);
	rig_run(&r);
	assert_int_not_equal(r.error.class, ERROR_NONE);
	assert_in_range(r.source.count[BDEV_READ], 3, 24);
	rig_fini(&r);
}

/* ---- stopping ---- */

static void
test_stop_at_once(void **state)
{
	static const struct error why = { .class = ERROR_ABSENT,
		.text = "that is enough" };
	struct rig r;

	(void)state;
	rig_plain(&r, 8 * CHUNK);
	rig_start(&r);
	copy_stop(r.copy, &why);
	rig_fail(&r, "that is enough");
	assert_int_equal(r.error.class, ERROR_ABSENT);
	assert_int_equal(r.source.count[BDEV_READ], 0);
	assert_true(r.source.interrupted);
	assert_false(r.destination.interrupted);
	rig_fini(&r);
}

/* Pipes whose other end says nothing. */
static void
test_stop_silent(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 64 * CHUNK);
	fake_make_stream(&r.source);
	r.source.silent = true;
	r.stop_at = 100;
	rig_start(&r);
	rig_fail(&r, "stopped by hand");
	rig_fini(&r);
	rig_plain(&r, 64 * CHUNK);
	fake_make_stream(&r.destination);
	r.destination.silent = true;
	r.stop_at = 100;
	rig_start(&r);
	rig_fail(&r, "stopped by hand");
	rig_fini(&r);
}

/* ---- holes and zeros ---- */

static void
test_holes_not_read(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 64 * CHUNK);
	r.source.bdev.thin = true;
	fake_clear(&r.source, 5 * CHUNK + 1, 20 * CHUNK - 1, false);
	fake_clear(&r.source, 50 * CHUNK, 64 * CHUNK, false);
	rig_copy(&r);
	assert_false(fake_any(&r.source, 6 * CHUNK, 19 * CHUNK, BYTE_READ));
	assert_false(fake_any(&r.source, 50 * CHUNK, 64 * CHUNK, BYTE_READ));
	/* Holes stay holes, as far as there are pages of them. */
	assert_false(
	    fake_any(&r.destination, 6 * CHUNK, 19 * CHUNK, BYTE_ALLOC));
	assert_false(
	    fake_any(&r.destination, 50 * CHUNK, 64 * CHUNK, BYTE_ALLOC));
	assert_int_equal(rig_status(&r).skipped, 27 * CHUNK);
	rig_fini(&r);
}

/* A hole that ends with the range, in a page. */
static void
test_hole_at_end(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 4 * CHUNK);
	r.source.bdev.thin = true;
	r.source.window = 1;
	fake_clear(&r.source, CHUNK, 4 * CHUNK, false);
	r.config.length = 3 * CHUNK + 100;
	rig_copy(&r);
	assert_false(fake_any(&r.source, CHUNK, 4 * CHUNK, BYTE_READ));
	assert_int_equal(rig_status(&r).skipped, 2 * CHUNK + 100);
	rig_fini(&r);
}

/* A source that does not tell after all. */
static void
test_extents_refused(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 64 * CHUNK);
	r.source.bdev.thin = true;
	fake_clear(&r.source, 0, 64 * CHUNK, false);
	fail_at(&r.source, BDEV_EXTENTS, 1, -EOPNOTSUPP, ERROR_NONE);
	rig_copy(&r);
	assert_int_equal(r.source.count[BDEV_EXTENTS], 1);
	assert_int_equal(r.source.count[BDEV_READ], 64);
	rig_fini(&r);
}

/* Zeros in the data: what becomes of 4096, 65536 unaligned and 65536 aligned
 * bytes of them. */
static void
check_zeros(enum copy_sparse sparse, bool fast, bool zeroed, unsigned allocated)
{
	struct rig r;

	rig_plain(&r, 8 * GRAIN);
	r.config.chunk = 4 * GRAIN;
	r.config.sparse = sparse;
	r.config.zeroed = zeroed;
	r.destination.bdev.can_fast_zero = fast;
	if (zeroed)
		fake_clear(&r.destination, 0, 8 * GRAIN, false);
	fake_clear(&r.source, CHUNK, 2 * CHUNK, true);
	fake_clear(&r.source, GRAIN + 512, 2 * GRAIN + 512, true);
	fake_clear(&r.source, 5 * GRAIN, 6 * GRAIN, true);
	rig_copy(&r);
	assert_int_equal(fake_any(&r.destination, CHUNK, 2 * CHUNK, BYTE_ALLOC),
	    allocated & 1);
	assert_int_equal(
	    fake_any(&r.destination, GRAIN + CHUNK, 2 * GRAIN, BYTE_ALLOC),
	    allocated >> 1 & 1);
	assert_int_equal(
	    fake_any(&r.destination, 5 * GRAIN, 6 * GRAIN, BYTE_ALLOC),
	    allocated >> 2 & 1);
	/* Only what is zeros. */
	assert_true(fake_any(
	    &r.destination, 2 * GRAIN + 512, 2 * GRAIN + 513, BYTE_ALLOC));
	if (zeroed && sparse != COPY_SPARSE_NEVER)
		assert_int_equal(r.destination.count[BDEV_ZERO], 0);
	else if (allocated != 7)
		assert_int_not_equal(rig_status(&r).skipped, 0);
	rig_fini(&r);
}

static void
test_zeros(void **state)
{
	(void)state;
	check_zeros(COPY_SPARSE_AUTO, true, false, 3);
	check_zeros(COPY_SPARSE_ALWAYS, true, false, 0);
	check_zeros(COPY_SPARSE_NEVER, true, false, 7);
	/* Where nothing is won zeros are data. */
	check_zeros(COPY_SPARSE_AUTO, false, false, 7);
	check_zeros(COPY_SPARSE_ALWAYS, false, false, 7);
	check_zeros(COPY_SPARSE_AUTO, false, true, 0);
	check_zeros(COPY_SPARSE_ALWAYS, true, true, 0);
	check_zeros(COPY_SPARSE_NEVER, true, true, 7);
}

/* Holes of a source become blocks of zeros where holes are not wanted. */
static void
test_holes_filled(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 16 * CHUNK);
	r.source.bdev.thin = true;
	r.config.sparse = COPY_SPARSE_NEVER;
	r.config.zeroed = true;
	fake_clear(&r.source, 0, 16 * CHUNK, false);
	fake_clear(&r.destination, 0, 16 * CHUNK, false);
	rig_copy(&r);
	for (uint64_t i = 0; i < 16 * CHUNK; i++)
		assert_true(r.destination.byte[i] & BYTE_ALLOC);
	rig_fini(&r);
}

/* A large block is one unit of zeros. */
static void
test_large_blocks(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 64 * CHUNK);
	r.config.chunk = 8 * CHUNK;
	r.config.sparse = COPY_SPARSE_ALWAYS;
	r.destination.bdev.block_size = 2 * CHUNK;
	fake_clear(&r.source, CHUNK, 2 * CHUNK, true);
	fake_clear(&r.source, 4 * CHUNK, 6 * CHUNK, true);
	rig_copy(&r);
	assert_int_equal(r.destination.count[BDEV_ZERO], 1);
	assert_false(
	    fake_any(&r.destination, 4 * CHUNK, 6 * CHUNK, BYTE_ALLOC));
	rig_fini(&r);
}

/* More runs in a chunk than it may have in flight. */
static void
test_many_runs(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 64 * CHUNK);
	r.config.chunk = 64 * CHUNK;
	r.config.sparse = COPY_SPARSE_ALWAYS;
	for (uint64_t i = 0; i < 64; i += 2)
		fake_clear(&r.source, i * CHUNK, (i + 1) * CHUNK, true);
	rig_copy(&r);
	assert_int_equal(r.destination.count[BDEV_WRITE], 32);
	assert_int_equal(r.destination.count[BDEV_ZERO], 32);
	assert_in_range(r.destination.peak, 2, 16);
	rig_fini(&r);
}

/* ---- how much of a hole is one request ---- */

static unsigned
hole_requests(uint64_t length, void (*change)(struct rig *))
{
	unsigned n;
	struct rig r;

	rig_plain(&r, length);
	fake_clear(&r.source, 0, length, false);
	r.source.bdev.thin = true;
	r.source.window = 1000;
	r.source.window_align = length;
	change(&r);
	rig_copy(&r);
	n = r.destination.count[BDEV_ZERO];
	assert_int_equal(r.source.count[BDEV_READ], 0);
	rig_fini(&r);
	return n;
}

static void
as_it_is(struct rig *r)
{
	(void)r;
}

static void
with_never(struct rig *r)
{
	r->config.sparse = COPY_SPARSE_NEVER;
}

static void
without_fast_zero(struct rig *r)
{
	r->destination.bdev.can_fast_zero = false;
}

static void
with_verify(struct rig *r)
{
	r->config.chunk = MIB;
	r->config.verify = true;
}

static void
test_hole_requests(void **state)
{
	(void)state;
	assert_int_equal(hole_requests(6 * MIB, as_it_is), 1);
	assert_int_equal(hole_requests(6 * MIB, with_never), 2);
	assert_int_equal(hole_requests(6 * MIB, without_fast_zero), 2);
	assert_int_equal(hole_requests(2 * MIB, with_verify), 2);
}

/* ---- streams ---- */

static void
test_stream_out(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 40 * CHUNK);
	r.source.bdev.thin = true;
	fake_clear(&r.source, 3 * CHUNK, 9 * CHUNK, false);
	fake_clear(&r.source, 12 * CHUNK, 13 * CHUNK, true);
	fake_make_stream(&r.destination);
	r.config.zeroed = true; /* means nothing */
	r.config.offset = 2 * CHUNK;
	r.config.length = 30 * CHUNK;
	rig_copy(&r);
	/* Zeros in the data are data. */
	assert_int_equal(r.destination.count[BDEV_ZERO], 1);
	rig_fini(&r);
}

/* So many bytes come, of length UINT64_MAX or known. */
static void
check_stream_in(uint64_t room, uint64_t length, uint64_t size, const char *why)
{
	struct rig r;

	rig_plain(&r, 16 * CHUNK);
	fake_make_stream(&r.source);
	r.source.room = room;
	r.config.length = length;
	r.destination.room = r.destination.bdev.size = size;
	rig_start(&r);
	if (why == NULL) {
		rig_succeed(&r);
		assert_int_equal(rig_status(&r).length, room);
	} else {
		rig_fail(&r, why);
	}
	rig_fini(&r);
}

static void
test_stream_in(void **state)
{
	static const uint64_t rooms[] = { 0, 1, CHUNK - 1, CHUNK, CHUNK + 1,
		7 * CHUNK, 7 * CHUNK + 5, 16 * CHUNK };

	(void)state;
	for (size_t i = 0; i < countof(rooms); i++) {
		check_stream_in(rooms[i], UINT64_MAX, 16 * CHUNK, NULL);
		check_stream_in(rooms[i], UINT64_MAX, rooms[i], NULL);
		check_stream_in(rooms[i], rooms[i], 16 * CHUNK, NULL);
	}
	check_stream_in(7 * CHUNK + 5, 7 * CHUNK + 6, 16 * CHUNK,
	    "the source has ended after 28677 bytes");
	check_stream_in(0, 1, 16 * CHUNK, "the source has ended after 0 bytes");
	check_stream_in(7 * CHUNK + 5, UINT64_MAX, 7 * CHUNK,
	    "the source is longer than the destination, which has 28672 bytes");
}

/* What is known to come of a stream is not asked for twice. */
static void
test_stream_sized(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 5 * CHUNK + 7);
	fake_make_stream(&r.source);
	r.source.bdev.size = 5 * CHUNK + 7;
	r.config.length = UINT64_MAX;
	r.config.depth = 8;
	rig_start(&r);
	assert_int_equal(rig_status(&r).length, 5 * CHUNK + 7);
	rig_succeed(&r);
	assert_int_equal(r.source.count[BDEV_READ], 6);
	rig_fini(&r);
	/* And if less comes, that is the end. */
	rig_plain(&r, 5 * CHUNK + 7);
	fake_make_stream(&r.source);
	r.source.bdev.size = 5 * CHUNK + 7;
	r.source.room = 3 * CHUNK + 1;
	r.config.length = UINT64_MAX;
	rig_copy(&r);
	assert_int_equal(rig_status(&r).length, 3 * CHUNK + 1);
	rig_fini(&r);
}

/* What the journal hears does not lie behind the end. */
static void
test_stream_prefix(void **state)
{
	struct rig r;

	(void)state;
	rig_plain(&r, 16 * CHUNK);
	rig_fini(&r);
	rig_init(&r, 1, 16 * CHUNK, 512);
	fake_make_stream(&r.source);
	r.source.room = 100;
	r.config.length = UINT64_MAX;
	rig_start(&r);
	rig_succeed(&r);
	assert_int_equal(r.saved, 100);
	rig_fini(&r);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_depth),
	cmocka_unit_test(test_depth_most),
	cmocka_unit_test(test_turns),
	cmocka_unit_test(test_nothing),
	cmocka_unit_test(test_range),
	cmocka_unit_test(test_whole_source),
	cmocka_unit_test(test_lent),
	cmocka_unit_test(test_not_borrowed),
	cmocka_unit_test(test_lent_beside_zeros),
	cmocka_unit_test(test_lent_was_cut),
	cmocka_unit_test(test_read_fails),
	cmocka_unit_test(test_write_fails),
	cmocka_unit_test(test_flush_fails),
	cmocka_unit_test(test_first_failure),
	cmocka_unit_test(test_stop_at_once),
	cmocka_unit_test(test_stop_silent),
	cmocka_unit_test(test_holes_not_read),
	cmocka_unit_test(test_hole_at_end),
	cmocka_unit_test(test_extents_refused),
	cmocka_unit_test(test_zeros),
	cmocka_unit_test(test_holes_filled),
	cmocka_unit_test(test_large_blocks),
	cmocka_unit_test(test_many_runs),
	cmocka_unit_test(test_hole_requests),
	cmocka_unit_test(test_stream_out),
	cmocka_unit_test(test_stream_in),
	cmocka_unit_test(test_stream_sized),
	cmocka_unit_test(test_stream_prefix),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
