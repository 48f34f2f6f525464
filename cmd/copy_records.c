/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copy_records - the digest, the manifest, the journal and the list of bad
 * blocks of a copy: the callbacks that front/copy.h asks for.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/copy_impl.h"

#define ZEROS 65536u

static const uint8_t zeros[ZEROS];

static void
hash_zeros(struct hash *hash, uint64_t length)
{
	while (length > 0) {
		size_t n = length < ZEROS ? (size_t)length : ZEROS;

		hash_update(hash, zeros, n);
		length -= n;
	}
}

/* ---- what the engine calls ---- */

static void
records_digest(void *ctx, const void *data, uint64_t length)
{
	struct copy_records *r = ctx;

	if (data == NULL)
		hash_zeros(&r->hash, length);
	else
		hash_update(&r->hash, data, length);
}

static bool
records_changed(void *ctx, uint64_t n, const void *data, uint32_t length)
{
	struct copy_records *r = ctx;
	uint8_t digest[MANIFEST_HASH];
	const uint8_t *before =
	    r->base != NULL ? manifest_get(r->base, n) : NULL;
	struct hash hash;

	if (data == NULL && length == r->chunk) {
		memcpy(digest, r->zero_hash, sizeof(digest));
	} else {
		hash_init(&hash, HASH_SHA256);
		if (data == NULL)
			hash_zeros(&hash, length);
		else
			hash_update(&hash, data, length);
		hash_final(&hash, digest);
	}
	if (r->manifest != NULL)
		manifest_set(r->manifest, n, digest);
	return before == NULL || memcmp(before, digest, sizeof(digest)) != 0;
}

static void
records_saved(void *ctx, int result)
{
	copy_saved(ctx, result);
}

/* The bad blocks first: a journal that is ahead of them would forget some. */
static void
records_save(void *ctx, uint64_t done, struct copy *copy)
{
	struct copy_records *r = ctx;
	const struct journal_state state = { .done = done, .bad = r->bad };
	struct error err;

	if (r->mapfile != NULL && r->bad_news) {
		if (mapfile_save(r->mapfile, r->args->mapfile, done, &err) <
		    0) {
			copy_stop(copy, &err);
			copy_saved(copy, -EIO);
			return;
		}
		r->bad_news = false;
	}
	journal_save(r->journal, &state, records_saved, copy);
}

static void
records_bad(
    void *ctx, uint64_t offset, uint64_t length, const struct error *why)
{
	struct copy_records *r = ctx;

	r->bad = r->bad_news = true;
	log_warn(r->log, "reading %" PRIu64 " bytes at byte %" PRIu64 ": %s",
	    length, offset, why->text);
	if (r->mapfile != NULL && mapfile_add(r->mapfile, offset, length) < 0)
		log_error(r->log, "out of memory for the list of bad blocks");
}

/* ---- opening ---- */

/*
 * A base says what the destination holds only until a copy begins: one that was
 * interrupted has written some of what had changed, and when that changes back,
 * the base does not tell.  A journal tells of what is before it alone.
 */
static void
judge_base(struct copy_records *r, const struct endpoint *destination,
    bool journal_there)
{
	if (!journal_there && !manifest_begun(r->base))
		return;
	log_warn(r->log,
	    "%s: a copy has begun since it was written, and it does not say "
	    "any more what %s holds: nothing is left out",
	    r->args->base, endpoint_name(destination));
	manifest_free(r->base);
	r->base = NULL;
}

/* 1: the copy has begun before. */
static int
open_journal(struct copy_records *r, struct loop *loop, struct endpoint *source,
    struct endpoint *destination, const struct copy_room *room,
    struct copy_config *config, struct error *err)
{
	const struct journal_id id = {
		.source = endpoint_identity(source),
		.destination = endpoint_identity(destination),
		.source_size = endpoint_bdev(source)->size,
		.destination_size = room->size,
		.offset = config->offset,
		.length = config->length,
	};
	struct journal_state state;
	int there;

	if (r->args->journal == NULL)
		return 0;
	config->save = records_save;
	there =
	    journal_open(loop, r->args->journal, &id, &state, &r->journal, err);
	if (there < 0)
		return -1;
	config->resume = state.done;
	r->bad = state.done > 0 && state.bad;
	if (r->bad && !r->args->skip_errors)
		return error_set(err, ERROR_USAGE,
		    "%s: the journal of a copy in which zeros stand for what "
		    "could not be read; it goes on with --on-error skip and "
		    "its "
		    "--mapfile",
		    r->args->journal);
	if (config->resume > 0 && (room->empty || room->resize))
		return error_set(err, ERROR_FAILED,
		    "%s: since it was noted %s is new, or has another size; "
		    "without the journal it is copied from the beginning",
		    r->args->journal, endpoint_name(destination));
	/* What was begun may have written anywhere. */
	if (there > 0)
		config->zeroed = false;
	if (config->resume > 0)
		log_info(r->log, "going on at byte %" PRIu64 " of %" PRIu64,
		    config->offset + config->resume,
		    config->offset + config->length);
	return there;
}

/* The chunks of an older manifest decide how large ours are. */
static int
open_manifests(struct copy_records *r, struct endpoint *source,
    struct copy_config *config, struct error *err)
{
	const struct copy_arguments *a = r->args;
	struct manifest_id id = {
		.source = endpoint_identity(source),
		.size = endpoint_bdev(source)->size,
		.offset = config->offset,
		.length = config->length,
	};
	struct hash hash;

	if (a->base != NULL && manifest_load(a->base, &r->base, err) < 0)
		return -1;
	if (a->chunk == 0 && r->base != NULL)
		config->chunk = manifest_id(r->base)->chunk;
	id.chunk = config->chunk;
	if (r->base != NULL && manifest_match(r->base, a->base, &id, err) < 0)
		return -1;
	if (a->manifest != NULL && manifest_new(&id, &r->manifest, err) < 0)
		return -1;
	if (r->base == NULL && r->manifest == NULL)
		return 0;
	config->changed = records_changed;
	hash_init(&hash, HASH_SHA256);
	hash_zeros(&hash, id.chunk);
	hash_final(&hash, r->zero_hash);
	return 0;
}

static int
open_mapfile(
    struct copy_records *r, struct copy_config *config, struct error *err)
{
	config->bad = records_bad;
	if (r->args->mapfile == NULL)
		return 0;
	if (config->resume > 0)
		return mapfile_load(r->args->mapfile, config->offset,
		    config->length, config->resume, &r->mapfile, err);
	/* A journal is not noted without it. */
	r->bad_news = true;
	if (mapfile_new(config->offset, config->length, &r->mapfile) < 0)
		return error_set(err, ERROR_FAILED, "out of memory");
	return 0;
}

int
copy_records_open(struct copy_records *r, struct loop *loop,
    struct endpoint *source, struct endpoint *destination,
    const struct copy_room *room, struct copy_config *config, struct error *err)
{
	int there;

	config->ctx = r;
	if (open_manifests(r, source, config, err) < 0)
		return -1;
	there = open_journal(r, loop, source, destination, room, config, err);
	if (there < 0 || open_mapfile(r, config, err) < 0)
		return -1;
	if (r->base != NULL)
		judge_base(r, destination, there > 0);
	r->chunk = config->chunk;
	if (r->args->has_digest) {
		hash_init(&r->hash, r->args->digest);
		config->digest = records_digest;
	}
	return 0;
}

int
copy_records_begin(const struct copy_records *r, struct error *err)
{
	const struct copy_arguments *a = r->args;

	if (a->base != NULL && manifest_begin(a->base, err) < 0)
		return -1;
	return a->manifest != NULL ? manifest_begin(a->manifest, err) : 0;
}

/* ---- closing ---- */

/* As sha256sum prints it; where the data goes to stdout, to stderr. */
static void
print_digest(struct copy_records *r)
{
	bool taken = endpoint_kind_of(r->args->destination) == ENDPOINT_STREAM;
	FILE *to = taken ? stderr : stdout;
	uint8_t digest[HASH_SIZE_MAX];
	size_t i;

	hash_final(&r->hash, digest);
	for (i = 0; i < hash_size(r->args->digest); i++)
		fprintf(to, "%02x", digest[i]);
	fprintf(to, "  %s\n", r->source_name);
}

int
copy_records_close(
    struct copy_records *r, bool ok, uint64_t done, struct error *err)
{
	const struct copy_arguments *a = r->args;

	if (r->mapfile != NULL &&
	    mapfile_save(r->mapfile, a->mapfile, done, err) < 0)
		return -1;
	if (!ok)
		return 0;
	if (r->manifest != NULL &&
	    manifest_save(r->manifest, a->manifest, err) < 0)
		return -1;
	if (r->journal != NULL) {
		struct journal *journal = r->journal;

		r->journal = NULL;
		if (journal_finish(journal, err) < 0)
			return -1;
	}
	if (a->has_digest)
		print_digest(r);
	return 0;
}

uint64_t
copy_records_bad(const struct copy_records *r, uint64_t now)
{
	uint64_t all = r->mapfile != NULL ? mapfile_bytes(r->mapfile) : 0;

	return all > now ? all : now;
}

void
copy_records_free(struct copy_records *r)
{
	journal_free(r->journal);
	manifest_free(r->manifest);
	manifest_free(r->base);
	mapfile_free(r->mapfile);
}
