/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * front/diff: comparisons at random, of devices and a stream, with holes,
 * failures and stops at any moment, against what a plain loop over the bytes
 * finds.
 */
#include "front/diff.h"

#include <errno.h>
#include <stdio.h>

#include "fake_bdev.h"
#include "unit.h"

#define SEEDS 1000
#define ROOM  150000
#define MOST  2000 /* extents */

struct extent {
	uint64_t offset;
	uint64_t length;
};

struct rig {
	struct prng dice;
	struct loop loop;
	struct fake fake[2];
	struct diff_config config;
	struct diff *diff;
	uint64_t end; /* of what there is to be compared */
	struct extent expected[MOST], told[MOST];
	unsigned expected_n, told_n;
	unsigned done;
	struct error why; /* class ERROR_NONE: done(NULL) */
};

static struct rig *rig;

static size_t
below(size_t n)
{
	return prng_below(&rig->dice, n);
}

static bool
once(size_t n)
{
	return below(n) == 0;
}

static void
differs(void *ctx, uint64_t offset, uint64_t length)
{
	assert_ptr_equal(ctx, rig);
	assert_true(rig->told_n < MOST && rig->done == 0);
	rig->told[rig->told_n++] =
	    (struct extent){ .offset = offset, .length = length };
}

static void
done(void *ctx, const struct error *why)
{
	assert_ptr_equal(ctx, rig);
	rig->done++;
	if (why != NULL)
		rig->why = *why;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- what is compared ---- */

static void
change(struct fake *f, uint64_t at, uint64_t to)
{
	switch (below(4)) {
	case 0:
		fake_fill(f, at, to);
		break;
	case 1:
		fake_clear(f, at, to, true);
		break;
	case 2:
		fake_clear(f, at, to, false);
		break;
	default:
		break;
	}
}

static void
random_content(void)
{
	static const unsigned grains[] = { 1, 512, 4096, 65536 };
	uint64_t grain = grains[below(countof(grains))];
	struct fake *a = &rig->fake[0], *b = &rig->fake[1];
	uint64_t at, to;

	for (at = 0; at < a->room; at = to) {
		to = least(at + grain * (1 + below(12)), a->room);
		change(a, at, to);
	}
	at = least(a->room, b->room);
	memcpy(b->content, a->content, at);
	memcpy(b->medium, a->medium, at);
	memcpy(b->byte, a->byte, at);
	for (size_t i = below(40); i > 0; i--) {
		at = below(b->room + 1) / grain * grain;
		to = least(at + grain * (1 + below(3)), b->room);
		if (once(3))
			to = least(at + 1, b->room);
		if (at < to)
			change(b, at, to);
	}
}

static void
random_range(uint64_t size)
{
	static const unsigned units[] = { 1, 512, 4096 };
	uint64_t unit = units[below(countof(units))];

	rig->config.offset = once(3) ? 0 : below(size + 1) / unit * unit;
	rig->config.length = size - rig->config.offset;
	if (!once(3))
		rig->config.length =
		    below(rig->config.length + 1) / unit * unit;
}

static void
random_ends(void)
{
	static const unsigned blocks[] = { 1, 512, 512, 4096 };
	uint64_t size[2];

	for (int i = 0; i < 2; i++) {
		uint32_t block = blocks[below(countof(blocks))];

		size[i] = (1 + below(ROOM)) / block * block;
		if (i == 1 && once(2) && size[0] % block == 0)
			size[1] = size[0];
		if (size[i] == 0)
			size[i] = block;
		fake_init(&rig->fake[i], &rig->loop, size[i], block);
		rig->fake[i].in_order = once(3);
		rig->fake[i].window = 1 + (unsigned)below(20);
		rig->fake[i].window_align = once(2) ? 1 : 4096;
		rig->fake[i].bdev.thin = !once(4);
		rig->config.bdev[i] = &rig->fake[i].bdev;
	}
	random_content();
}

static void
random_stream(void)
{
	struct fake *stream = &rig->fake[below(2)];

	fake_make_stream(stream);
	rig->config.offset = 0;
	if (once(2))
		rig->config.length = UINT64_MAX;
}

/* ---- what is to be found ---- */

static void
expect(uint64_t from, uint64_t to)
{
	if (rig->expected_n > 0) {
		struct extent *last = &rig->expected[rig->expected_n - 1];

		if (last->offset + last->length == from) {
			last->length += to - from;
			return;
		}
	}
	assert_true(rig->expected_n < MOST);
	rig->expected[rig->expected_n++] =
	    (struct extent){ .offset = from, .length = to - from };
}

static void
expect_all(void)
{
	const struct diff_config *c = &rig->config;
	uint64_t at, to;

	rig->end = c->length == UINT64_MAX ? UINT64_MAX : c->offset + c->length;
	for (int i = 0; i < 2; i++)
		rig->end = least(rig->end, rig->fake[i].room);
	for (at = c->offset; at < rig->end; at = to) {
		to = least(at - at % c->grain + c->grain, rig->end);
		if (memcmp(rig->fake[0].content + at, rig->fake[1].content + at,
			to - at) != 0)
			expect(at, to);
	}
}

static void
check_found(void)
{
	struct diff_status status;
	const struct fake *f = rig->fake;
	uint64_t total = 0;

	diff_status(rig->diff, &status);
	assert_int_equal(rig->told_n, rig->expected_n);
	for (unsigned i = 0; i < rig->told_n; i++) {
		assert_true(rig->told[i].offset == rig->expected[i].offset);
		assert_true(rig->told[i].length == rig->expected[i].length);
		total += rig->told[i].length;
	}
	assert_true(status.differs == total);
	assert_true(status.done == rig->end - rig->config.offset);
	assert_true(status.length == status.done);
	assert_true(status.skipped <= status.done);
	for (int i = 0; i < 2; i++)
		if (rig->config.length == UINT64_MAX)
			assert_int_equal(
			    status.longer[i], f[i].room > f[!i].room);
}

/* ---- a run ---- */

static void
run(unsigned stop_at)
{
	const struct error why = { ERROR_FAILED, "stopped" };
	unsigned steps = 0;

	rig->config.differs = differs;
	rig->config.done = done;
	rig->config.ctx = rig;
	rig->config.name[0] = "left";
	rig->config.name[1] = "right";
	expect_all();
	assert_int_equal(diff_new(&rig->loop, &rig->config, &rig->diff), 0);
	while (fake_loop_step(&rig->loop))
		if (++steps == stop_at)
			diff_stop(rig->diff, &why);
	assert_int_equal(rig->done, 1);
	for (int i = 0; i < 2; i++)
		assert_int_equal(rig->fake[i].in_flight, 0);
	if (rig->why.class == ERROR_NONE)
		check_found();
}

static void
rig_init(uint64_t seed)
{
	rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	rig->dice.state = seed;
	fake_loop_init(&rig->loop, &rig->dice);
	rig->config.chunk = 4096u << below(6);
	rig->config.grain = 512u << below(4);
	rig->config.depth = 1 + (unsigned)below(9);
	rig->config.depth_most = (unsigned)below(20);
}

static void
rig_fini(void)
{
	diff_free(rig->diff);
	fake_fini(&rig->fake[0]);
	fake_fini(&rig->fake[1]);
	free(rig);
	rig = NULL;
}

static void
finds_what_differs(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		rig_init(seed);
		random_ends();
		random_range(least(rig->fake[0].room, rig->fake[1].room));
		if (once(4))
			random_stream();
		run(0);
		if (rig->why.class != ERROR_NONE)
			fail_msg("seed %d: %s", (int)seed, rig->why.text);
		rig_fini();
	}
}

/* Nothing is said to be the same that was not compared. */
static void
failures_are_told(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct fake *f;

		rig_init(seed);
		random_ends();
		random_range(least(rig->fake[0].room, rig->fake[1].room));
		f = &rig->fake[below(2)];
		f->fault.op = BDEV_READ;
		f->fault.n = 1 + (unsigned)below(6);
		f->fault.once = once(2);
		f->fault.result = once(3) ? -ENOMEM : -EIO;
		f->fault.class = once(2) ? ERROR_NONE : ERROR_UNREACHED;
		if (once(4))
			random_stream();
		run(0);
		if (f->count[BDEV_READ] < f->fault.n) {
			assert_int_equal(rig->why.class, ERROR_NONE);
		} else {
			assert_int_equal(rig->why.class,
			    f->fault.class != ERROR_NONE ? f->fault.class
			    : f->fault.result == -EIO	 ? ERROR_IO
							 : ERROR_FAILED);
			assert_non_null(strstr(rig->why.text,
			    f == &rig->fake[0] ? "reading left at byte "
					       : "reading right at byte "));
			failed++;
		}
		rig_fini();
	}
	assert_true(failed > SEEDS / 4);
}

/* Without its extents a device is read all the same. */
static void
extents_may_fail(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS / 8; seed++) {
		rig_init(seed);
		random_ends();
		random_range(least(rig->fake[0].room, rig->fake[1].room));
		for (int i = 0; i < 2; i++)
			rig->fake[i].fault =
			    (struct fake_fault){ .op = BDEV_EXTENTS,
				    .n = 1 + (unsigned)below(3),
				    .result = -EIO };
		run(0);
		assert_int_equal(rig->why.class, ERROR_NONE);
		rig_fini();
	}
}

static void
stops_at_any_moment(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		rig_init(seed);
		random_ends();
		random_range(least(rig->fake[0].room, rig->fake[1].room));
		if (once(4))
			random_stream();
		for (int i = 0; i < 2; i++)
			rig->fake[i].silent =
			    rig->fake[i].bdev.stream && once(2);
		run(1 + (unsigned)below(60));
		if (rig->why.class != ERROR_NONE)
			assert_string_equal(rig->why.text, "stopped");
		rig_fini();
	}
}

/* Holes and data in large parts, told in large parts. */
static void
common_holes_are_not_read(void **state)
{
	const uint64_t part = 65536, parts = 12;

	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		uint64_t skipped = 0;
		struct diff_status status;

		rig_init(seed);
		rig->config.chunk = 4096u << below(5);
		rig->config.length = part * parts;
		for (int i = 0; i < 2; i++) {
			fake_init(&rig->fake[i], &rig->loop, part * parts, 512);
			rig->fake[i].window = 1 + (unsigned)below(20);
			rig->fake[i].window_align = part;
			rig->config.bdev[i] = &rig->fake[i].bdev;
			for (uint64_t n = below(5); n > 0; n--) {
				uint64_t at = part * below(parts);

				fake_fill(&rig->fake[i], at, at + part);
			}
		}
		run(0);
		assert_int_equal(rig->why.class, ERROR_NONE);
		for (uint64_t n = 0; n < parts; n++) {
			bool used[2], was_read[2];

			for (int i = 0; i < 2; i++) {
				const struct fake *f = &rig->fake[i];

				used[i] = fake_any(
				    f, part * n, part * (n + 1), BYTE_ALLOC);
				was_read[i] = fake_any(
				    f, part * n, part * (n + 1), BYTE_READ);
				assert_int_equal(used[i], was_read[i]);
			}
			skipped += used[0] || used[1] ? 0 : part;
		}
		diff_status(rig->diff, &status);
		assert_true(status.skipped == skipped);
		rig_fini();
	}
}

static void
nothing_differs_in_nothing(void **state)
{
	(void)state;
	rig_init(1);
	random_ends();
	rig->config.offset = rig->fake[0].room;
	rig->config.length = 0;
	run(0);
	assert_int_equal(rig->told_n, 0);
	rig_fini();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_differs),
		cmocka_unit_test(failures_are_told),
		cmocka_unit_test(extents_may_fail),
		cmocka_unit_test(stops_at_any_moment),
		cmocka_unit_test(common_holes_are_not_read),
		cmocka_unit_test(nothing_differs_in_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
