/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * manifest - the SHA-256 of each chunk of a range, in a file: what a later copy
 * compares with, to move only what has changed since.
 *
 * The file is text, a line per chunk, so that diff(1) of two manifests shows
 * what has changed, and ends with a SHA-256 of itself:
 *
 *     luntap-manifest 1
 *     source naa.6001405c0ffee000 serial 1234
 *     size 1073741824
 *     offset 0
 *     length 1073741824
 *     chunk 1048576
 *     0 30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58
 *     1048576 -
 *     ...
 *     sha256 5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9
 *     begun
 *
 * A "-" stands for a chunk whose content is not known.  Chunks end at multiples
 * of their size, so the first and the last may be short.
 *
 * The last line is added when a copy begins that will change what is at the
 * destination: from then on this does not tell any more what is there, whether
 * that copy comes to its end or not.
 */
#ifndef FRONT_MANIFEST_H
#define FRONT_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct manifest;

#define MANIFEST_HASH	      32
#define MANIFEST_IDENTITY_MAX 4000

struct manifest_id {
	const char *source; /* one line, of any characters but controls */
	uint64_t size;	    /* of the source */
	uint64_t offset;
	uint64_t length;
	uint32_t chunk; /* bytes, a power of two */
};

/* No chunk is known.  0, or -1 with err. */
int manifest_new(
    const struct manifest_id *, struct manifest **ret, struct error *err);
/* 0, or -1 with err: what is wrong with the file, which is not changed. */
int manifest_load(const char *path, struct manifest **ret, struct error *err);
/* Takes the place of the file at once.  One that is there and no manifest is
 * refused.  Blocks.  0, or -1 with err. */
int manifest_save(const struct manifest *, const char *path, struct error *err);
void manifest_free(struct manifest *); /* takes NULL */

/* As long as the manifest lives. */
const struct manifest_id *manifest_id(const struct manifest *);
/* Whether chunks of the two can be compared one by one: 0, or -1 with err,
 * which names path and says what differs: size, range or chunk.  The sources
 * may differ: a snapshot is another device than the one of last week. */
int manifest_match(const struct manifest *, const char *path,
    const struct manifest_id *, struct error *err);

/* Whether a copy has begun since it was saved. */
bool manifest_begun(const struct manifest *);
/* Notes that one begins; on the file's medium when this returns.  Of a file that
 * is not there or empty nothing needs to be said; one that is no manifest is
 * refused.  Blocks.  0, or -1 with err. */
int manifest_begin(const char *path, struct error *err);

/* Chunks are numbered from that of the offset on. */
uint64_t manifest_chunks(const struct manifest *);
/* From any thread, each chunk from one at a time. */
void manifest_set(
    struct manifest *, uint64_t n, const uint8_t hash[MANIFEST_HASH]);
/* NULL: not known. */
const uint8_t *manifest_get(const struct manifest *, uint64_t n);

#endif
