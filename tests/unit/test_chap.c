/* SPDX-License-Identifier: BSD-2-Clause */
/* test_chap - responses against values computed elsewhere, and both parts. */
#include <errno.h>

#include "base/hash.h"
#include "proto/chap.h"
#include "unit.h"

static void
count_up(void *ctx, void *buf, size_t len)
{
	uint8_t *next = ctx, *p = buf;

	while (len-- > 0)
		*p++ = (*next)++;
}

/* Identifier 42, "secret of alice", the bytes 0 to 15; Python's hashlib. */
static void
test_response(void **state)
{
	static const struct {
		enum chap_alg alg;
		const char *name;
		const char *hex;
	} rows[] = {
		{ CHAP_MD5, "MD5", "0xfc6b3112916f6171aca3af943c81afef" },
		{ CHAP_SHA1, "SHA-1",
		    "0x8ea248a08a9ff65f8e5bcf5ecccc0ab5aa0ac8b2" },
		{ CHAP_SHA256, "SHA-256",
		    "0xbfac419da99b218bf5518b86abd0d199"
		    "3535a4c47472118c2a59661bc94d596b" },
		{ CHAP_SHA3_256, "SHA3-256",
		    "0x7fea5e8f136c921d0029dc9867258315"
		    "d1538970830944408ba2c520ed804e1c" },
	};
	uint8_t challenge[16], got[CHAP_RESPONSE_MAX], want[CHAP_RESPONSE_MAX];
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(challenge); i++)
		challenge[i] = (uint8_t)i;
	for (i = 0; i < countof(rows); i++) {
		assert_string_equal(chap_alg_name(rows[i].alg), rows[i].name);
		assert_int_equal(
		    text_binary(rows[i].hex, want, sizeof(want), &len), 0);
		assert_int_equal(
		    chap_response(rows[i].alg, 42, "secret of alice", challenge,
			sizeof(challenge), got),
		    len);
		assert_memory_equal(got, want, len);
	}
}

static void
test_algs(void **state)
{
	struct auth auth = { 0 };
	uint8_t algs[CHAP_ALGS];

	(void)state;
	assert_int_equal(chap_algs(&auth, algs), 4);
	assert_memory_equal(algs, "\x08\x07\x06\x05", 4);
	auth.algs[0] = CHAP_MD5;
	auth.algs[1] = CHAP_SHA3_256;
	assert_int_equal(chap_algs(&auth, algs), 2);
	assert_memory_equal(algs, "\x05\x08", 2);
}

static void
test_choose(void **state)
{
	struct auth auth = { .algs = { CHAP_SHA1, CHAP_MD5 } };
	struct auth all = { 0 };
	struct error err;

	(void)state;
	assert_int_equal(chap_choose_alg(&all, "5,8", &err), CHAP_MD5);
	assert_int_equal(
	    chap_choose_alg(&all, "9,xyz,,8", &err), CHAP_SHA3_256);
	assert_int_equal(chap_choose_alg(&auth, "8,7,5,6", &err), CHAP_MD5);
	assert_int_equal(chap_choose_alg(&auth, "8,7", &err), -EPROTO);
	assert_int_equal(chap_choose_alg(&auth, "", &err), -EPROTO);
	assert_int_equal(
	    chap_choose_alg(&auth, "00000000000005", &err), -EPROTO);
	assert_int_equal(chap_take_alg(&auth, "6", &err), CHAP_SHA1);
	assert_int_equal(chap_take_alg(&auth, "8", &err), -EPROTO);
	assert_int_equal(chap_take_alg(&auth, "MD5", &err), -EPROTO);
}

/* Collects the keys of a buffer, which stay in it. */
static void
collect(struct text_buffer *b, struct chap_keys *keys)
{
	struct text_reader r;
	struct text_pair pair;
	struct error err;

	memset(keys, 0, sizeof(*keys));
	text_reader_init(&r, b->data, b->len);
	while (text_next(&r, &pair, &err) > 0)
		assert_int_equal(chap_keys_take(keys, &pair, &err), 1);
}

static void
test_exchange(void **state)
{
	struct chap_challenge asked = { 0 }, taken = { 0 };
	struct text_buffer out = { 0 }, back = { 0 };
	struct chap_keys keys;
	struct error err;
	uint8_t next = 9;

	(void)state;
	chap_ask(&asked, CHAP_SHA256, 9, count_up, &next, &out);
	assert_int_equal(asked.id, 8); /* not 9 */
	assert_int_equal(asked.len, CHAP_CHALLENGE_LEN);
	collect(&out, &keys);
	assert_string_equal(keys.order, "ic");
	assert_int_equal(chap_take(&taken, CHAP_SHA256, &keys, NULL, &err), 0);
	assert_int_equal(taken.id, 8);
	assert_memory_equal(taken.bytes, asked.bytes, asked.len);
	assert_int_equal(
	    chap_take(&taken, CHAP_SHA256, &keys, &asked, &err), -EACCES);

	chap_answer(&taken, "alice", "secret", &back);
	collect(&back, &keys);
	assert_string_equal(keys.order, "nr");
	assert_int_equal(
	    chap_verify(&asked, "alice", "secret", &keys, &err), 0);
	assert_int_equal(
	    chap_verify(&asked, "alice", "secre", &keys, &err), -EACCES);
	assert_int_equal(
	    chap_verify(&asked, "bob", "secret", &keys, &err), -EACCES);
	assert_null(strstr(err.text, "secret"));
	asked.id ^= 1;
	assert_int_equal(
	    chap_verify(&asked, "alice", "secret", &keys, &err), -EACCES);
	asked.alg = CHAP_MD5;
	assert_int_equal(
	    chap_verify(&asked, "alice", "secret", &keys, &err), -EPROTO);
	text_buffer_fini(&out);
	text_buffer_fini(&back);
}

static void
test_secrets_equal(void **state)
{
	struct auth auth = { .secret = "one", .target_secret = "one" };

	(void)state;
	/* What follows the NUL does not count. */
	memset(auth.secret + 4, 'x', 10);
	assert_true(chap_secrets_equal(&auth));
	auth.target_secret[3] = 's';
	assert_false(chap_secrets_equal(&auth));
	auth.secret[3] = 's';
	auth.secret[4] = '\0';
	assert_true(chap_secrets_equal(&auth));
	auth.secret[0] = 'O';
	assert_false(chap_secrets_equal(&auth));
}

static void
test_recall(void **state)
{
	struct chap_challenge ch = { 0 };
	uint8_t bytes[32] = { 0 };

	(void)state;
	chap_recall(&ch, bytes, sizeof(bytes));
	assert_int_equal(ch.len, 0);
	bytes[31] = 1;
	chap_recall(&ch, bytes, sizeof(bytes));
	assert_int_equal(ch.len, 32);
	assert_memory_equal(ch.bytes, bytes, 32);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_response),
		cmocka_unit_test(test_algs),
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_secrets_equal),
		cmocka_unit_test(test_recall),
	};

	return cmocka_run_group_tests_name("chap", tests, NULL, NULL);
}
