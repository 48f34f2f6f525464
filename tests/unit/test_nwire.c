/* SPDX-License-Identifier: BSD-2-Clause */
/* The headers of the NBD protocol, against bytes written out by hand. */
#include "unit.h"

#include <errno.h>

#include "nbd/nwire.h"

static void
test_option(void **state)
{
	static const uint8_t bytes[] = "IHAVEOPT\0\0\0\7\0\1\2\3";
	struct nwire_option in = { .option = 7, .length = 0x10203 }, out;
	uint8_t buf[NBD_OPTION_LEN];

	(void)state;
	nwire_put_option(buf, &in);
	assert_memory_equal(buf, bytes, sizeof(buf));
	assert_true(nwire_get_option(buf, &out));
	assert_int_equal(out.option, 7);
	assert_int_equal(out.length, 0x10203);
	for (size_t i = 0; i < 8; i++) {
		buf[i] ^= 1;
		assert_false(nwire_get_option(buf, &out));
		buf[i] ^= 1;
	}
}

static void
test_answer(void **state)
{
	static const uint8_t bytes[] = { 0, 3, 0xe8, 0x89, 4, 0x55, 0x65, 0xa9,
		0, 0, 0, 6, 0x80, 0, 0, 1, 0, 0, 0, 9 };
	struct nwire_answer in = { .option = 6,
		.type = NBD_REP_ERR_UNSUP,
		.length = 9 },
			    out;
	uint8_t buf[NBD_ANSWER_LEN];

	(void)state;
	nwire_put_answer(buf, &in);
	assert_memory_equal(buf, bytes, sizeof(buf));
	assert_true(nwire_get_answer(buf, &out));
	assert_int_equal(out.option, 6);
	assert_int_equal(out.type, 0x80000001u);
	assert_int_equal(out.length, 9);
	buf[0] = 1;
	assert_false(nwire_get_answer(buf, &out));
}

static void
test_request(void **state)
{
	static const uint8_t compact[] = { 0x25, 0x60, 0x95, 0x13, 0, 1, 0, 6,
		1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16,
		0x17, 0x18, 0xfe, 0xdc, 0xba, 0x98 };
	static const uint8_t extended[] = { 0x21, 0xe4, 0x1c, 0x71, 0, 1, 0, 6,
		1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16,
		0x17, 0x18, 0, 0, 0, 1, 0xfe, 0xdc, 0xba, 0x98 };
	struct nwire_request in = { .flags = 1,
		.type = NBD_CMD_WRITE_ZEROES,
		.cookie = UINT64_C(0x0102030405060708),
		.offset = UINT64_C(0x1112131415161718),
		.length = UINT64_C(0x1fedcba98) },
			     out;
	uint8_t buf[NBD_REQUEST_LEN_MAX];

	(void)state;
	assert_int_equal(nwire_request_len(NWIRE_SIMPLE), 28);
	assert_int_equal(nwire_request_len(NWIRE_STRUCTURED), 28);
	assert_int_equal(nwire_request_len(NWIRE_EXTENDED), 32);

	nwire_put_request(buf, NWIRE_EXTENDED, &in);
	assert_memory_equal(buf, extended, sizeof(extended));
	assert_true(nwire_get_request(buf, NWIRE_EXTENDED, &out));
	assert_int_equal(out.flags, 1);
	assert_int_equal(out.type, 6);
	assert_true(out.cookie == in.cookie);
	assert_true(out.offset == in.offset);
	assert_true(out.length == in.length);
	assert_false(nwire_get_request(buf, NWIRE_STRUCTURED, &out));

	in.length = 0xfedcba98;
	nwire_put_request(buf, NWIRE_STRUCTURED, &in);
	assert_memory_equal(buf, compact, sizeof(compact));
	assert_true(nwire_get_request(buf, NWIRE_SIMPLE, &out));
	assert_true(out.length == in.length);
	assert_false(nwire_get_request(buf, NWIRE_EXTENDED, &out));
}

static void
test_simple(void **state)
{
	static const uint8_t bytes[] = { 0x67, 0x44, 0x66, 0x98, 0, 0, 0, 5, 1,
		2, 3, 4, 5, 6, 7, 8 };
	uint8_t buf[NBD_SIMPLE_LEN];
	struct nwire_reply r;

	(void)state;
	nwire_put_simple(buf, UINT64_C(0x0102030405060708), NBD_EIO);
	assert_memory_equal(buf, bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(nwire_get_reply(buf, i, NWIRE_SIMPLE, &r), 0);
	assert_int_equal(
	    nwire_get_reply(buf, sizeof(buf), NWIRE_STRUCTURED, &r), 16);
	assert_false(r.chunk);
	assert_int_equal(r.error, NBD_EIO);
	assert_true(r.cookie == UINT64_C(0x0102030405060708));
	assert_int_equal(r.length, 0);
	assert_int_equal(
	    nwire_get_reply(buf, sizeof(buf), NWIRE_EXTENDED, &r), -EPROTO);
	buf[0]++;
	assert_int_equal(
	    nwire_get_reply(buf, sizeof(buf), NWIRE_SIMPLE, &r), -EPROTO);
}

static void
test_chunk(void **state)
{
	static const uint8_t compact[] = { 0x66, 0x8e, 0x33, 0xef, 0, 1, 0x80,
		1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 6 };
	static const uint8_t extended[] = { 0x6e, 0x8a, 0x27, 0x8c, 0, 1, 0x80,
		1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 6 };
	struct nwire_reply in = { .chunk = true,
		.flags = NBD_REPLY_FLAG_DONE,
		.type = NBD_REPLY_TYPE_ERROR,
		.cookie = UINT64_C(0x0102030405060708),
		.offset = UINT64_C(0x900000000),
		.length = 6 },
			   r;
	uint8_t buf[NBD_REPLY_LEN_MAX];

	(void)state;
	assert_int_equal(nwire_chunk_len(NWIRE_STRUCTURED), 20);
	assert_int_equal(nwire_chunk_len(NWIRE_EXTENDED), 32);
	nwire_put_chunk(buf, NWIRE_STRUCTURED, &in);
	assert_memory_equal(buf, compact, sizeof(compact));
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(
		    nwire_get_reply(buf, i, NWIRE_STRUCTURED, &r), 0);
	assert_int_equal(nwire_get_reply(buf, 20, NWIRE_STRUCTURED, &r), 20);
	assert_true(r.chunk);
	assert_int_equal(r.flags, 1);
	assert_int_equal(r.type, NBD_REPLY_TYPE_ERROR);
	assert_true(r.cookie == in.cookie);
	assert_int_equal(r.length, 6);
	assert_int_equal(nwire_get_reply(buf, 20, NWIRE_SIMPLE, &r), -EPROTO);
	assert_int_equal(nwire_get_reply(buf, 20, NWIRE_EXTENDED, &r), -EPROTO);

	nwire_put_chunk(buf, NWIRE_EXTENDED, &in);
	assert_memory_equal(buf, extended, sizeof(extended));
	assert_int_equal(nwire_get_reply(buf, 31, NWIRE_EXTENDED, &r), 0);
	assert_int_equal(nwire_get_reply(buf, 32, NWIRE_EXTENDED, &r), 32);
	assert_true(r.chunk);
	assert_true(r.offset == in.offset);
	assert_int_equal(r.length, 6);
	assert_int_equal(
	    nwire_get_reply(buf, 32, NWIRE_STRUCTURED, &r), -EPROTO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_option),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_simple),
		cmocka_unit_test(test_chunk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
