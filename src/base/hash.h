/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hash - the one-way functions that CHAP may use (RFC 7143, 12.1.3), and those
 * for digests of what was copied, over nettle.  What a hash has seen may be
 * secret: hash_final() wipes it.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nettle/md5.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <nettle/sha3.h>

enum hash_alg { HASH_MD5, HASH_SHA1, HASH_SHA256, HASH_SHA512, HASH_SHA3_256 };

#define HASH_SIZE_MAX 64

struct nettle_hash;

struct hash {
	const struct nettle_hash *function;
	union {
		struct md5_ctx md5;
		struct sha1_ctx sha1;
		struct sha256_ctx sha256;
		struct sha512_ctx sha512;
		struct sha3_256_ctx sha3_256;
	} ctx;
};

/* The length of the result: 16, 20, 32 or 64. */
size_t hash_size(enum hash_alg);
/* "sha256", "sha512", "sha3-256" ... */
const char *hash_name(enum hash_alg);
bool hash_find(const char *name, enum hash_alg *ret);

void hash_init(struct hash *, enum hash_alg);
void hash_update(struct hash *, const void *data, size_t len);
/* Writes hash_size() bytes and wipes the hash, which may be initialised again.
 * Also the way to give one up half-way. */
void hash_final(struct hash *, uint8_t *ret_digest);

/* Whether two secrets or digests are the same, in a time that depends on len
 * only. */
bool hash_equal(const void *a, const void *b, size_t len);

#endif
