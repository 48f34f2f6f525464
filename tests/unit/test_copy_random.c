/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies of every kind, at random: devices and streams, holes and zeros, all
 * options, failures and stops at any moment.  What holds of each is checked by
 * copy_rig.c.
 */
#include "copy_rig.h"

#include <errno.h>
#include <stdio.h>

#include "unit.h"

#define SEEDS 1500

static bool verbose;

static size_t
below(struct rig *r, size_t n)
{
	return prng_below(&r->dice, n);
}

/* Once in n times. */
static bool
once(struct rig *r, size_t n)
{
	return below(r, n) == 0;
}

/* Data, zeros and holes in turn, of a grain. */
static void
random_content(struct rig *r, struct fake *f)
{
	static const unsigned grains[] = { 1, 512, 4096, 4096, 65536 };
	uint64_t grain = grains[below(r, countof(grains))];
	uint64_t at = 0;

	if (once(r, 8))
		return;
	while (at < f->room) {
		uint64_t to = at + grain * (1 + below(r, 12));

		if (to > f->room)
			to = f->room;
		switch (below(r, 3)) {
		case 0:
			fake_fill(f, at, to);
			break;
		case 1:
			fake_clear(f, at, to, true);
			break;
		default:
			fake_clear(f, at, to, false);
		}
		at = to;
	}
}

static void
random_range(struct rig *r, uint64_t size)
{
	static const unsigned units[] = { 1, 512, 4096, 65536 };
	uint64_t unit = units[below(r, countof(units))];
	uint64_t from = below(r, size + 1) / unit * unit;
	uint64_t to = from + below(r, size - from + 1) / unit * unit;

	if (once(r, 3))
		from = 0;
	if (once(r, 3))
		to = size;
	r->config.offset = from;
	r->config.length = to - from;
}

/* Which chunks are wanted; the others stay as they were. */
static void
random_wanted(struct rig *r)
{
	size_t chunks = r->source.room / r->config.chunk + 2;

	if (r->config.destination->stream || once(r, 3))
		return;
	r->wanted = calloc(chunks, sizeof(*r->wanted));
	for (size_t i = 0; i < chunks; i++)
		r->wanted[i] = once(r, 2);
	if (!r->config.verify)
		return;
	/* What is not wanted will be compared. */
	memcpy(r->destination.content, r->source.content, r->source.room);
	memcpy(r->destination.medium, r->source.content, r->source.room);
}

/* An earlier run has brought some of it. */
static void
random_resume(struct rig *r)
{
	struct copy_config *config = &r->config;
	struct fake *to = &r->destination;

	config->resume = below(r, config->length + 1);
	if (once(r, 2))
		config->resume &= ~UINT64_C(4095);
	config->zeroed = false;
	memcpy(to->content + config->offset, r->source.content + config->offset,
	    config->resume);
	memcpy(to->medium, to->content, to->room);
	free(r->wanted);
	r->wanted = NULL;
}

static void
random_streams(struct rig *r)
{
	struct copy_config *config = &r->config;

	if (once(r, 5)) {
		fake_make_stream(&r->source);
		r->source.in_order = once(r, 2);
		config->offset = 0;
		if (once(r, 2))
			config->length = UINT64_MAX;
		else if (once(r, 2))
			config->length = r->source.room + below(r, 10000);
	}
	if (once(r, 5)) {
		fake_make_stream(&r->destination);
		r->destination.in_order = once(r, 2);
		if (config->source->stream)
			config->offset = 0;
	}
}

static void
random_options(struct rig *r)
{
	struct copy_config *config = &r->config;
	bool streams = config->source->stream || config->destination->stream;

	config->chunk = 4096u << below(r, 4);
	config->depth = 1 + (unsigned)below(r, 6);
	config->depth_most = (unsigned)below(r, 20);
	config->sparse = (enum copy_sparse)below(r, 3);
	config->verify = !config->destination->stream && once(r, 3);
	config->skip_errors = once(r, 3);
	if (once(r, 4))
		config->rate = 1 + below(r, 1000000);
	if (!once(r, 2))
		config->digest = NULL;
	if (!once(r, 3))
		config->changed = NULL;
	if (streams || once(r, 3))
		config->save = NULL;
	r->source.bdev.thin &= !once(r, 4);
	r->destination.bdev.can_fast_zero &= !once(r, 3);
	if (config->changed != NULL)
		random_wanted(r);
	if (r->wanted == NULL && once(r, 3)) {
		fake_clear(&r->destination, 0, r->destination.room, false);
		config->zeroed = true;
	}
	if (!streams && once(r, 4))
		random_resume(r);
	if (!streams && once(r, 4)) {
		r->destination.bdev.can_copy = !once(r, 4);
		config->offload = COPY_OFFLOAD_AUTO;
	}
	if (!config->source->stream && once(r, 2))
		fake_lend(&r->source);
	r->destination.bdev.takes_lent = !once(r, 4);
	r->source.window = 1 + (unsigned)below(r, 20);
	r->source.window_align = once(r, 2) ? 1 : 4096;
	r->loop.eager = 1 + (unsigned)below(r, 8);
}

static void
random_bad_blocks(struct rig *r)
{
	uint64_t block = r->source.bdev.block_size;

	for (size_t i = below(r, 10); i > 0 && r->source.room > 0; i--) {
		uint64_t at = below(r, r->source.room) / block * block;

		for (uint64_t n = 0; n < block; n++)
			r->source.byte[at + n] |= BYTE_BAD | BYTE_ALLOC;
	}
}

/* What goes wrong, if anything does. */
static void
random_trouble(struct rig *r)
{
	static const enum error_class classes[] = { ERROR_NONE, ERROR_IO,
		ERROR_UNREACHED, ERROR_FAILED };
	struct fake *f = once(r, 3) ? &r->source : &r->destination;

	if (once(r, 8)) {
		r->source.cut_at = 1 + (unsigned)below(r, 4);
		return;
	}
	f->fault.result = once(r, 2) ? -EIO : -ENOSPC;
	f->fault.class = classes[below(r, countof(classes))];
	f->fault.once = once(r, 2);
	f->fault.n = 1 + (unsigned)below(r, 20);
	if (f == &r->source) {
		f->fault.op = once(r, 3) ? BDEV_EXTENTS : BDEV_READ;
		/* Then it has bad blocks, which nobody knows. */
		if (f->fault.class == ERROR_IO)
			f->fault.class = ERROR_UNREACHED;
	} else {
		static const enum bdev_op ops[] = { BDEV_WRITE, BDEV_ZERO,
			BDEV_READ, BDEV_FLUSH, BDEV_COPY };

		f->fault.op = ops[below(r, countof(ops))];
		if (f->fault.op == BDEV_FLUSH)
			f->fault.n = 1 + (unsigned)below(r, 2);
		if (f->fault.op == BDEV_COPY && once(r, 2))
			f->fault.result = -EOPNOTSUPP;
	}
	if (once(r, 4))
		r->stop_at = 1 + (unsigned)below(r, 300);
	if (once(r, 4))
		r->save_fails_at = 1 + (unsigned)below(r, 2);
	if (r->config.verify && r->destination.room > 0 && once(r, 2))
		r->destination.byte[below(r, r->destination.room)] |= BYTE_ROT;
}

static void
random_copy(uint64_t n)
{
	static const unsigned blocks[] = { 512, 512, 4096, 1 };
	struct rig r;
	bool cut;
	struct prng dice = { n * 977 };
	uint64_t size = (1 + prng_below(&dice, 40)) * 4096;

	if (prng_below(&dice, 2))
		size = 1 + prng_below(&dice, 100) * 512;
	if (prng_below(&dice, 16) == 0)
		size *= 5;
	size = (size + 4095) & ~UINT64_C(4095);
	rig_init(&r, n, size, blocks[prng_below(&dice, 4)]);
	r.destination.bdev.block_size = blocks[prng_below(&dice, 4)];
	random_content(&r, &r.source);
	random_content(&r, &r.destination);
	random_range(&r, size);
	random_streams(&r);
	random_options(&r);
	if (r.config.skip_errors && r.config.resume == 0 &&
	    !(r.config.verify && r.wanted != NULL) &&
	    r.config.offload == COPY_OFFLOAD_NEVER)
		random_bad_blocks(&r);
	cut = r.config.source->stream && r.source.room < r.config.length &&
	      r.config.length != UINT64_MAX;
	if (!cut && once(&r, 2))
		random_trouble(&r);
	if (verbose)
		print_message("offset %llu length %llu resume %llu chunk %u "
			      "depth %u sparse %d zeroed %d verify %d skip %d "
			      "digest %d changed %d wanted %d save %d offload "
			      "%d source %s of %llu, block %u destination %s "
			      "block %u, fault %d at %u of %s\n",
		    (unsigned long long)r.config.offset,
		    (unsigned long long)r.config.length,
		    (unsigned long long)r.config.resume, r.config.chunk,
		    r.config.depth, (int)r.config.sparse, r.config.zeroed,
		    r.config.verify, r.config.skip_errors,
		    r.config.digest != NULL, r.config.changed != NULL,
		    r.wanted != NULL, r.config.save != NULL,
		    (int)r.config.offload,
		    r.source.bdev.stream ? "stream" : "device",
		    (unsigned long long)r.source.room, r.source.bdev.block_size,
		    r.destination.bdev.stream ? "stream" : "device",
		    r.destination.bdev.block_size,
		    r.source.fault.n ? (int)r.source.fault.op
				     : (int)r.destination.fault.op,
		    r.source.fault.n + r.destination.fault.n,
		    r.source.fault.n ? "source" : "destination");
	rig_start(&r);
	if (cut)
		rig_fail(&r, "the source has ended after ");
	else
		rig_run(&r);
	rig_fini(&r);
}

static uint64_t first = 1, last = SEEDS;
static uint64_t seed;

static void
test_random(void **state)
{
	(void)state;
	for (seed = first; seed <= last; seed++)
		random_copy(seed);
}

static int
tell_seed(void **state)
{
	(void)state;
	if (seed <= last)
		print_error("seed %llu\n", (unsigned long long)seed);
	return 0;
}

/* With an argument: this seed alone. */
int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_random, tell_seed),
	};

	verbose = argc > 1;
	if (verbose)
		first = last = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
