/* SPDX-License-Identifier: BSD-2-Clause */
/* See copy_rig.h. */
#include "copy_rig.h"

#include <errno.h>
#include <stdio.h>

#include "front/copy_impl.h"
#include "unit.h"

#define STEPS_MOST 400000

/* What the copy is to tell, if nothing has come before it. */
static void
first_why(struct rig *r, const char *text)
{
	if (r->why[0] == '\0')
		snprintf(r->why, sizeof(r->why), "%s", text);
}

/* ---- what is called back ---- */

static void
digest(void *ctx, const void *data, uint64_t length)
{
	struct rig *r = ctx;
	const uint8_t *expected = r->source_seen + r->digested;

	assert_int_equal(r->digesting++, 0);
	assert_in_range(r->digested + length, 0, r->range);
	if (data != NULL)
		assert_memory_equal(data, expected, length);
	for (uint64_t i = 0; data == NULL && i < length; i++)
		assert_int_equal(expected[i], 0);
	r->digested += length;
	r->digesting--;
}

/* Where chunk n lies in the range. */
static uint64_t
chunk_at(const struct rig *r, uint64_t n, uint64_t *ret_length)
{
	uint64_t chunk = r->config.chunk;
	uint64_t first = r->config.offset / chunk;
	uint64_t from = n == 0 ? r->config.offset : (first + n) * chunk;
	uint64_t to = (first + n + 1) * chunk;

	if (to > r->config.offset + r->range)
		to = r->config.offset + r->range;
	*ret_length = to - from;
	return from - r->config.offset;
}

static bool
changed(void *ctx, uint64_t n, const void *data, uint32_t length)
{
	struct rig *r = ctx;
	uint64_t expected_length;
	uint64_t at;

	assert_in_range(n, 0, r->range / r->config.chunk + 1);
	at = chunk_at(r, n, &expected_length);
	assert_int_equal(length, expected_length);
	if (data != NULL)
		assert_memory_equal(data, r->source_seen + at, length);
	for (uint64_t i = 0; data == NULL && i < length; i++)
		assert_int_equal(r->source_seen[at + i], 0);
	assert_int_equal(r->asked[n]++, 0);
	return r->wanted == NULL || r->wanted[n];
}

/* The journal is told nothing that is not on the medium. */
static void
save(void *ctx, uint64_t done, struct copy *copy)
{
	struct rig *r = ctx;

	assert_ptr_equal(copy, r->copy);
	assert_false(r->save_waits);
	assert_int_equal(r->done, 0);
	assert_in_range(done, r->saved, r->range);
	if (!r->destination.bdev.stream)
		assert_memory_equal(r->destination.medium + r->config.offset,
		    r->expected, done);
	r->saves++;
	r->saving = done;
	r->save_waits = true;
	deferred_set(&r->loop, &r->save_later);
}

static void
save_later(struct deferred *d)
{
	struct rig *r = d->ctx;
	int result = r->saves == r->save_fails_at ? -ENOSPC : 0;

	r->save_waits = false;
	if (result < 0)
		first_why(r, "the journal: ");
	else
		r->saved = r->saving;
	copy_saved(r->copy, result);
}

static void
bad(void *ctx, uint64_t offset, uint64_t length, const struct error *why)
{
	struct rig *r = ctx;

	assert_int_equal(why->class, ERROR_IO);
	assert_in_range(length, 1, r->source.bdev.block_size);
	for (uint64_t i = offset; i < offset + length; i++) {
		assert_true(r->source.byte[i] & BYTE_BAD);
		assert_false(r->told[i]);
		r->told[i] = true;
	}
	r->bad += length;
}

static void
done(void *ctx, const struct error *why)
{
	struct rig *r = ctx;

	assert_int_equal(r->done++, 0);
	assert_int_equal(r->source.in_flight, 0);
	assert_int_equal(r->destination.in_flight, 0);
	assert_int_equal(r->source.lent, 0);
	assert_int_equal(r->loop.jobs, 0);
	assert_false(r->save_waits);
	assert_true(TAILQ_EMPTY(&r->loop.timers));
	if (why != NULL)
		r->error = *why;
}

/* ---- what goes wrong ---- */

/* A failure that is delivered is the copy's, unless it knows what to do. */
static void
failed(struct fake *f, const struct bdev_req *req)
{
	struct rig *r = (struct rig *)(void *)((char *)f->loop -
					       offsetof(struct rig, loop));
	enum error_class class = req->why ? req->why->class : ERROR_NONE;
	char text[200];

	if (req->op == BDEV_EXTENTS ||
	    (req->op == BDEV_COPY &&
		(req->result == -EOPNOTSUPP || class == ERROR_IO) &&
		r->config.offload != COPY_OFFLOAD_REQUIRE))
		return;
	if (f == &r->source && r->config.skip_errors && class == ERROR_IO &&
	    !f->bdev.stream)
		return;
	if (req->op == BDEV_FLUSH)
		snprintf(text, sizeof(text), "writing the destination's cache");
	else
		snprintf(text, sizeof(text), "%s at byte %llu: ",
		    req->result == 0	   ? "verifying"
		    : req->op == BDEV_COPY ? "copying within the target"
		    : req->op != BDEV_READ ? "writing"
		    : f == &r->source	   ? "reading"
					   : "reading back",
		    (unsigned long long)req->offset);
	first_why(r, text);
}

/* ---- before ---- */

void
rig_init(struct rig *r, uint64_t seed, uint64_t length, uint32_t block)
{
	*r = (struct rig){ .dice = { seed } };
	fake_loop_init(&r->loop, &r->dice);
	r->loop.failed = failed;
	fake_init(&r->source, &r->loop, length, block);
	fake_init(&r->destination, &r->loop, length, block);
	fake_fill(&r->source, 0, length);
	fake_fill(&r->destination, 0, length);
	r->save_later = (struct deferred){ .run = save_later, .ctx = r };
	r->config = (struct copy_config){
		.source = &r->source.bdev,
		.destination = &r->destination.bdev,
		.length = length,
		.chunk = 4096,
		.depth = 4,
		.done = done,
		.save = save,
		.digest = digest,
		.changed = changed,
		.bad = bad,
		.ctx = r,
	};
}

void
rig_fini(struct rig *r)
{
	copy_free(r->copy);
	fake_fini(&r->source);
	fake_fini(&r->destination);
	free(r->told);
	free(r->wanted);
	free(r->asked);
	free(r->old);
	free(r->expected);
	free(r->source_seen);
}

/* The content as it can be read: bad blocks are zeros. */
static void
expect(struct rig *r)
{
	const struct copy_config *config = &r->config;
	const struct fake *from = &r->source;
	uint64_t offset = config->source->stream ? 0 : config->offset;
	const uint8_t *old = r->destination.content;
	uint64_t n, length, at;

	r->range = config->source->stream && from->room < config->length
		       ? from->room
		       : config->length;
	r->source_seen = malloc(r->range + 1);
	r->expected = malloc(r->range + 1);
	r->old = malloc(r->destination.room + 1);
	r->asked = calloc(r->range / config->chunk + 2, sizeof(*r->asked));
	r->told = calloc(from->room + r->range + 1, sizeof(*r->told));
	memcpy(r->old, r->destination.content, r->destination.room);
	memcpy(r->source_seen, from->content + offset, r->range);
	for (uint64_t i = 0; !config->source->stream && i < r->range; i++) {
		if (from->byte[offset + i] & BYTE_BAD)
			r->source_seen[i] = 0;
	}
	memcpy(r->expected, r->source_seen, r->range);
	if (config->changed == NULL || r->wanted == NULL)
		return;
	for (n = 0; n <= r->range / config->chunk + 1; n++) {
		at = chunk_at(r, n, &length);
		if (at >= r->range)
			break;
		if (!r->wanted[n])
			memcpy(r->expected + at, old + offset + at, length);
	}
}

void
rig_start(struct rig *r)
{
	expect(r);
	r->saved = r->config.resume;
	assert_int_equal(copy_new(&r->loop, &r->config, &r->copy), 0);
}

/* ---- after ---- */

/* Whatever has become of it. */
static void
check_always(const struct rig *r)
{
	const struct copy_config *config = &r->config;
	const struct fake *to = &r->destination;
	unsigned verifies = config->verify || config->resume > 0 ? 2 : 1;
	struct copy_status status;

	assert_int_equal(r->done, 1);
	if (!to->bdev.stream) {
		uint64_t end = config->offset + r->range;

		assert_memory_equal(to->content, r->old,
		    config->offset < to->room ? config->offset : to->room);
		if (end < to->room)
			assert_memory_equal(
			    to->content + end, r->old + end, to->room - end);
	}
	if (r->why[0] == '\0' && r->error.class != ERROR_NONE)
		fail_msg("it failed: %s", r->error.text);
	if (r->error.class == ERROR_NONE && r->why[0] != '\0')
		fail_msg("it did not fail: %s", r->why);
	if (strstr(r->error.text, r->why) == NULL)
		fail_msg("\"%s\" instead of \"%s\"", r->error.text, r->why);
	assert_in_range(
	    r->loop.memory_n, 0, (size_t)r->copy->depth.most * verifies);
	assert_int_equal(r->copy->loaded, 0);
	copy_status(r->copy, &status);
	assert_in_range(status.done, 0, r->range);
	assert_in_range(status.skipped, 0, status.done);
	assert_in_range(status.prefix, r->saved, r->range);
	if (!to->bdev.stream)
		assert_memory_equal(
		    to->content + config->offset, r->expected, status.prefix);
	assert_int_equal(status.bad, r->bad);
}

/* Pages that are known to be holes are not read. */
static void
check_holes(const struct rig *r)
{
	const struct copy_config *config = &r->config;
	const struct fake *from = &r->source;
	uint64_t at = config->offset + (config->digest ? 0 : config->resume);

	if (!from->bdev.thin || from->window_align != 4096 ||
	    config->changed != NULL ||
	    (from->fault.n != 0 && from->fault.op == BDEV_EXTENTS))
		return;
	at = (at + 4095) / 4096 * 4096;
	for (; at + 4096 <= config->offset + r->range; at += 4096)
		assert_true(fake_any(from, at, at + 4096, BYTE_ALLOC) ||
			    !fake_any(from, at, at + 4096, BYTE_READ));
}

static void
check_copied(const struct rig *r)
{
	const struct copy_config *config = &r->config;
	const struct fake *to = &r->destination;
	uint64_t offset = to->bdev.stream ? 0 : config->offset;
	struct copy_status status;

	for (uint64_t i = 0; i < r->range; i++) {
		if (to->content[offset + i] != r->expected[i])
			fail_msg("byte %llu is wrong",
			    (unsigned long long)(offset + i));
		if (to->medium[offset + i] != r->expected[i])
			fail_msg("byte %llu is not on the medium",
			    (unsigned long long)(offset + i));
	}
	if (to->bdev.stream)
		assert_int_equal(to->at, r->range);
	if (config->digest != NULL)
		assert_int_equal(r->digested, r->range);
	if (config->changed != NULL) {
		for (uint64_t n = 0; n <= r->range / config->chunk + 1; n++) {
			uint64_t length, at = chunk_at(r, n, &length);
			bool unknown = config->skip_errors &&
				       at + length <= config->resume;

			if (at >= r->range)
				break;
			assert_int_equal(r->asked[n], unknown ? 0 : 1);
		}
	}
	if (config->save != NULL)
		assert_int_equal(r->saved, r->range);
	check_holes(r);
	copy_status(r->copy, &status);
	assert_int_equal(status.done, r->range);
	assert_int_equal(status.prefix, r->range);
	assert_int_equal(status.length, r->range);
	for (uint64_t i = config->resume; i < r->range; i++)
		assert_int_equal(
		    (r->source.byte[config->offset + i] & BYTE_BAD) != 0 &&
			!config->source->stream,
		    r->told[config->offset + i]);
}

void
rig_run(struct rig *r)
{
	static const struct error stop = { .class = ERROR_FAILED,
		.text = "stopped by hand" };

	while (r->done == 0) {
		if (++r->steps > STEPS_MOST || !fake_loop_step(&r->loop))
			fail_msg("nothing goes on any more");
		if (r->steps == r->stop_at && r->done == 0) {
			first_why(r, stop.text);
			copy_stop(r->copy, &stop);
		}
	}
	fake_loop_settle(&r->loop);
	check_always(r);
	if (r->error.class == ERROR_NONE)
		check_copied(r);
}

void
rig_succeed(struct rig *r)
{
	rig_run(r);
	if (r->error.class != ERROR_NONE)
		fail_msg("%s", r->error.text);
}

void
rig_fail(struct rig *r, const char *text)
{
	first_why(r, text);
	rig_run(r);
	assert_non_null(strstr(r->error.text, text));
}

void
rig_plain(struct rig *r, uint64_t length)
{
	rig_init(r, length, length, 512);
	r->config.digest = NULL;
	r->config.changed = NULL;
	r->config.save = NULL;
	r->source.bdev.thin = false;
}

void
rig_copy(struct rig *r)
{
	rig_start(r);
	rig_succeed(r);
}

struct copy_status
rig_status(const struct rig *r)
{
	struct copy_status status;

	copy_status(r->copy, &status);
	return status;
}
