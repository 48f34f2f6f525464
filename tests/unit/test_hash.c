/* SPDX-License-Identifier: BSD-2-Clause */
/* The digests of "abc": RFC 1321, A.5; FIPS 180-2; FIPS 202 examples. */
#include "base/hash.h"
#include "unit.h"

static const struct {
	enum hash_alg alg;
	size_t size;
	uint8_t abc[HASH_SIZE_MAX];
} vectors[] = {
	{ HASH_MD5, 16,
	    { 0x90, 0x01, 0x50, 0x98, 0x3c, 0xd2, 0x4f, 0xb0, 0xd6, 0x96, 0x3f,
		0x7d, 0x28, 0xe1, 0x7f, 0x72 } },
	{ HASH_SHA1, 20,
	    { 0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e, 0x25,
		0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d } },
	{ HASH_SHA256, 32,
	    { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
		0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96,
		0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15,
		0xad } },
	{ HASH_SHA512, 64,
	    { 0xdd, 0xaf, 0x35, 0xa1, 0x93, 0x61, 0x7a, 0xba, 0xcc, 0x41, 0x73,
		0x49, 0xae, 0x20, 0x41, 0x31, 0x12, 0xe6, 0xfa, 0x4e, 0x89,
		0xa9, 0x7e, 0xa2, 0x0a, 0x9e, 0xee, 0xe6, 0x4b, 0x55, 0xd3,
		0x9a, 0x21, 0x92, 0x99, 0x2a, 0x27, 0x4f, 0xc1, 0xa8, 0x36,
		0xba, 0x3c, 0x23, 0xa3, 0xfe, 0xeb, 0xbd, 0x45, 0x4d, 0x44,
		0x23, 0x64, 0x3c, 0xe8, 0x0e, 0x2a, 0x9a, 0xc9, 0x4f, 0xa5,
		0x4c, 0xa4, 0x9f } },
	{ HASH_SHA3_256, 32,
	    { 0x3a, 0x98, 0x5d, 0xa7, 0x4f, 0xe2, 0x25, 0xb2, 0x04, 0x5c, 0x17,
		0x2d, 0x6b, 0xd3, 0x90, 0xbd, 0x85, 0x5f, 0x08, 0x6e, 0x3e,
		0x9d, 0x52, 0x5b, 0x46, 0xbf, 0xe2, 0x45, 0x11, 0x43, 0x15,
		0x32 } },
};

static void
abc_in_any_pieces(void **state)
{
	uint8_t digest[HASH_SIZE_MAX + 1];
	struct hash h;

	(void)state;
	for (size_t i = 0; i < countof(vectors); i++) {
		assert_int_equal(hash_size(vectors[i].alg), vectors[i].size);
		for (size_t cut = 0; cut <= 3; cut++) {
			memset(digest, 0xee, sizeof(digest));
			hash_init(&h, vectors[i].alg);
			hash_update(&h, "abc", cut);
			hash_update(&h, NULL, 0);
			hash_update(&h, &"abc"[cut], 3 - cut);
			hash_final(&h, digest);
			assert_memory_equal(
			    digest, vectors[i].abc, vectors[i].size);
			assert_int_equal(digest[vectors[i].size], 0xee);
		}
	}
}

static void
final_wipes(void **state)
{
	uint8_t digest[HASH_SIZE_MAX];
	struct hash h;
	const uint8_t *p = (const uint8_t *)&h.ctx;

	(void)state;
	memset(&h, 0, sizeof(h));
	for (size_t i = 0; i < countof(vectors); i++) {
		hash_init(&h, vectors[i].alg);
		hash_update(&h, "a secret of some length", 23);
		hash_final(&h, digest);
		for (size_t j = 0; j < sizeof(h.ctx); j++)
			assert_int_equal(p[j], 0);
	}
}

static void
names(void **state)
{
	enum hash_alg alg;

	(void)state;
	for (size_t i = 0; i < countof(vectors); i++) {
		assert_true(hash_find(hash_name(vectors[i].alg), &alg));
		assert_int_equal(alg, vectors[i].alg);
	}
	assert_true(hash_find("sha3-256", &alg));
	assert_int_equal(alg, HASH_SHA3_256);
	assert_false(hash_find("sha25", &alg));
	assert_false(hash_find("", &alg));
}

static void
equal(void **state)
{
	(void)state;
	assert_true(hash_equal("abcd", "abcd", 4));
	assert_false(hash_equal("abcd", "abce", 4));
	assert_false(hash_equal("abcd", "bbcd", 4));
	assert_true(hash_equal("abcd", "abce", 3));
	assert_true(hash_equal("a", "b", 0));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(abc_in_any_pieces),
		cmocka_unit_test(final_wipes),
		cmocka_unit_test(names),
		cmocka_unit_test(equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
