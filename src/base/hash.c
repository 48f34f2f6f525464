/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hash - one row of nettle's functions per algorithm.
 */
#include <string.h>

#include <nettle/memops.h>
#include <nettle/nettle-meta.h>

#include "base/hash.h"

static const struct {
	const struct nettle_hash *function;
	const char *name;
} algs[] = {
	[HASH_MD5] = { &nettle_md5, "md5" },
	[HASH_SHA1] = { &nettle_sha1, "sha1" },
	[HASH_SHA256] = { &nettle_sha256, "sha256" },
	[HASH_SHA512] = { &nettle_sha512, "sha512" },
	[HASH_SHA3_256] = { &nettle_sha3_256, "sha3-256" },
};

size_t
hash_size(enum hash_alg alg)
{
	return algs[alg].function->digest_size;
}

const char *
hash_name(enum hash_alg alg)
{
	return algs[alg].name;
}

bool
hash_find(const char *name, enum hash_alg *ret)
{
	size_t i;

	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (strcmp(algs[i].name, name) == 0) {
			*ret = (enum hash_alg)i;
			return true;
		}
	return false;
}

void
hash_init(struct hash *h, enum hash_alg alg)
{
	h->function = algs[alg].function;
	h->function->init(&h->ctx);
}

void
hash_update(struct hash *h, const void *data, size_t len)
{
	if (len > 0)
		h->function->update(&h->ctx, len, data);
}

void
hash_final(struct hash *h, uint8_t *ret_digest)
{
	h->function->digest(&h->ctx, h->function->digest_size, ret_digest);
	explicit_bzero(&h->ctx, sizeof(h->ctx));
}

bool
hash_equal(const void *a, const void *b, size_t len)
{
	return memeql_sec(a, b, len) != 0;
}
