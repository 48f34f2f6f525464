/* SPDX-License-Identifier: BSD-2-Clause */
/* test_text - pairs, values and buffers, at and beyond their bounds. */
#include <errno.h>
#include <stdio.h>

#include "proto/text.h"
#include "unit.h"

/* Reads text of exactly this length: the pairs as "key=value;", and the last
 * result of text_next(). */
static int
read_all(const char *text, size_t len, char *ret, size_t size)
{
	struct text_reader r;
	struct text_pair pair;
	struct error err;
	char *copy = malloc(len == 0 ? 1 : len);
	int n;

	assert_non_null(copy);
	memcpy(copy, text, len);
	ret[0] = '\0';
	text_reader_init(&r, copy, len);
	while ((n = text_next(&r, &pair, &err)) > 0) {
		assert_int_equal(strlen(pair.value), pair.value_len);
		snprintf(ret + strlen(ret), size - strlen(ret), "%s=%s;",
		    pair.key, pair.value);
	}
	free(copy);
	return n;
}

static void
test_pairs(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *pairs;
		int result;
	} rows[] = {
		{ "", 0, "", 0 },
		{ "a=1", 4, "a=1;", 0 },
		{ "a=1\0b=2", 8, "a=1;b=2;", 0 },
		{ "a=", 3, "a=;", 0 },
		{ "a==b", 5, "a==b;", 0 },
		{ "\0\0a=1\0\0\0b=2\0", 12, "a=1;b=2;", 0 },
		{ "X#y.z-1+@_/[]=v", 16, "X#y.z-1+@_/[]=v;", 0 },
		{ "a=1", 3, "", -EBADMSG },
		{ "a=1\0b", 6, "a=1;", -EBADMSG },
		{ "=1", 3, "", -EBADMSG },
		{ "a b=1", 6, "", -EBADMSG },
		{ "\xff=1", 4, "", -EBADMSG },
	};
	char got[256];
	size_t i;

	(void)state;
	for (i = 0; i < countof(rows); i++) {
		assert_int_equal(
		    read_all(rows[i].text, rows[i].len, got, sizeof(got)),
		    rows[i].result);
		assert_string_equal(got, rows[i].pairs);
	}
}

static void
test_pair_bounds(void **state)
{
	static char text[TEXT_LIST_MAX + 100];
	static char got[TEXT_LIST_MAX + 200];

	(void)state;
	memset(text, 'k', sizeof(text));
	text[63] = '=';
	text[65] = '\0';
	assert_int_equal(read_all(text, 66, got, sizeof(got)), 0);
	text[63] = 'k';
	text[64] = '=';
	assert_int_equal(read_all(text, 66, got, sizeof(got)), -EBADMSG);

	memset(text, 'v', sizeof(text));
	text[1] = '=';
	text[2 + TEXT_LIST_MAX] = '\0';
	assert_int_equal(
	    read_all(text, 3 + TEXT_LIST_MAX, got, sizeof(got)), 0);
	text[2 + TEXT_LIST_MAX] = 'v';
	text[3 + TEXT_LIST_MAX] = '\0';
	assert_int_equal(
	    read_all(text, 4 + TEXT_LIST_MAX, got, sizeof(got)), -EBADMSG);
}

static void
test_numbers(void **state)
{
	static const struct {
		const char *value;
		uint64_t max;
		int result;
		uint64_t number;
	} rows[] = {
		{ "0", 10, 0, 0 },
		{ "10", 10, 0, 10 },
		{ "11", 10, -ERANGE, 0 },
		{ "0x1F", 255, 0, 31 },
		{ "0Xff", 255, 0, 255 },
		{ "0x0000000000000000000001", 255, 0, 1 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -ERANGE, 0 },
		{ "0xffffffffffffffff", UINT64_MAX, 0, UINT64_MAX },
		{ "0x10000000000000000", UINT64_MAX, -ERANGE, 0 },
		{ "99999999999999999999999x", UINT64_MAX, -EINVAL, 0 },
		{ "", 10, -EINVAL, 0 },
		{ "0x", 10, -EINVAL, 0 },
		{ "-1", 10, -EINVAL, 0 },
		{ "+1", 10, -EINVAL, 0 },
		{ " 1", 10, -EINVAL, 0 },
		{ "1 ", 10, -EINVAL, 0 },
		{ "01", 10, -EINVAL, 0 },
		{ "1a", 100, -EINVAL, 0 },
		{ "1,2", 100, -EINVAL, 0 },
		{ "1~2", 100, -EINVAL, 0 },
	};
	uint64_t number;
	size_t i;

	(void)state;
	for (i = 0; i < countof(rows); i++) {
		number = 4711;
		assert_int_equal(
		    text_number(rows[i].value, rows[i].max, &number),
		    rows[i].result);
		assert_int_equal(
		    number, rows[i].result == 0 ? rows[i].number : 4711);
	}
}

static void
test_bools(void **state)
{
	bool b = false;

	(void)state;
	assert_int_equal(text_bool("Yes", &b), 0);
	assert_true(b);
	assert_int_equal(text_bool("No", &b), 0);
	assert_false(b);
	assert_int_equal(text_bool("yes", &b), -EINVAL);
	assert_int_equal(text_bool("", &b), -EINVAL);
	assert_int_equal(text_bool("Yes ", &b), -EINVAL);
}

static void
test_binaries(void **state)
{
	static const struct {
		const char *value;
		size_t size;
		int result;
		const char *bytes;
		size_t len;
	} rows[] = {
		{ "0x61", 4, 0, "a", 1 },
		{ "0X6162", 4, 0, "ab", 2 },
		{ "0x161", 4, 0, "\001a", 2 }, /* (n + 1) / 2 bytes, 6.1 */
		{ "0x1", 4, 0, "\001", 1 },
		{ "0x61626364", 4, 0, "abcd", 4 },
		{ "0x6162636465", 4, -EMSGSIZE, NULL, 0 },
		{ "0x", 4, -EINVAL, NULL, 0 },
		{ "0x6g", 4, -EINVAL, NULL, 0 },
		{ "61", 4, -EINVAL, NULL, 0 },
		{ "", 4, -EINVAL, NULL, 0 },
		{ "0", 4, -EINVAL, NULL, 0 },
		{ "0y61", 4, -EINVAL, NULL, 0 },
		{ "0bYQ==", 4, 0, "a", 1 },
		{ "0bYQ", 4, 0, "a", 1 },
		{ "0BYWI=", 4, 0, "ab", 2 },
		{ "0bYWJj", 4, 0, "abc", 3 },
		{ "0bYWJjZA==", 4, 0, "abcd", 4 },
		{ "0b+/+/", 4, 0, "\xfb\xff\xbf", 3 },
		{ "0bYWJjZGU=", 4, -EMSGSIZE, NULL, 0 },
		{ "0bY", 4, -EINVAL, NULL, 0 },
		{ "0bYQ=", 4, -EINVAL, NULL, 0 },
		{ "0bYQ===", 4, -EINVAL, NULL, 0 },
		{ "0bYWJj====", 4, -EINVAL, NULL, 0 },
		{ "0bYQ=Q", 4, -EINVAL, NULL, 0 },
		{ "0bY-==", 4, -EINVAL, NULL, 0 },
		{ "0b=", 4, -EINVAL, NULL, 0 },
	};
	uint8_t *buf;
	size_t i, len;

	(void)state;
	for (i = 0; i < countof(rows); i++) {
		buf = malloc(rows[i].size);
		assert_non_null(buf);
		assert_int_equal(
		    text_binary(rows[i].value, buf, rows[i].size, &len),
		    rows[i].result);
		if (rows[i].result == 0) {
			assert_int_equal(len, rows[i].len);
			assert_memory_equal(buf, rows[i].bytes, len);
		}
		free(buf);
	}
}

static void
test_lists(void **state)
{
	const char *list = "CRC32C,,None";
	size_t len;

	(void)state;
	assert_memory_equal(text_list_next(&list, &len), "CRC32C", 6);
	assert_int_equal(len, 6);
	assert_non_null(text_list_next(&list, &len));
	assert_int_equal(len, 0);
	assert_memory_equal(text_list_next(&list, &len), "None", 4);
	assert_int_equal(len, 4);
	assert_null(text_list_next(&list, &len));
	assert_true(text_list_has("CHAP,None", "None"));
	assert_true(text_list_has("CHAP,None", "CHAP"));
	assert_false(text_list_has("CHAP,None", "CHA"));
	assert_false(text_list_has("CHAP,Nonesuch", "None"));
	assert_false(text_list_has("", "None"));
}

static void
test_building(void **state)
{
	static const char want[] = "a=1\0n=4294967296\0y=Yes\0x=No\0"
				   "b=0x00ff";
	struct text_buffer b = { 0 };
	size_t len;
	bool more;

	(void)state;
	text_put(&b, "a", "1");
	text_put_number(&b, "n", UINT64_C(4294967296));
	text_put_bool(&b, "y", true);
	text_put_bool(&b, "x", false);
	text_put_binary(&b, "b", (const uint8_t *)"\0\xff", 2);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.data, want, sizeof(want));
	assert_memory_equal(text_segment(&b, 5, &len, &more), "a=1\0n", 5);
	assert_int_equal(len, 5);
	assert_true(more);
	assert_true(text_pending(&b));
	assert_memory_equal(
	    text_segment(&b, 8192, &len, &more), want + 5, sizeof(want) - 5);
	assert_int_equal(len, sizeof(want) - 5);
	assert_false(more);
	assert_false(text_pending(&b));
	assert_non_null(text_segment(&b, 8192, &len, &more));
	assert_int_equal(len, 0);
	text_buffer_fini(&b);
}

static void
test_buffer_bounds(void **state)
{
	static char value[TEXT_MAX];
	struct text_buffer b = { 0 };
	int i;

	(void)state;
	memset(value, 'v', sizeof(value));
	for (i = 0; i < 8; i++)
		assert_int_equal(text_append(&b, value, 8192), 0);
	assert_int_equal(text_append(&b, NULL, 0), 0);
	assert_int_equal(text_append(&b, value, 1), -EMSGSIZE);
	assert_true(b.failed);
	text_buffer_clear(&b);
	assert_false(b.failed);
	value[TEXT_MAX - 4] = '\0';
	text_put(&b, "kk", value); /* fills it */
	assert_false(b.failed);
	assert_int_equal(b.len, TEXT_MAX);
	text_buffer_clear(&b);
	value[TEXT_MAX - 4] = 'v';
	value[TEXT_MAX - 3] = '\0';
	text_put(&b, "kk", value);
	assert_true(b.failed);
	assert_int_equal(b.len, 0);
	text_put(&b, "a", "1");
	assert_int_equal(b.len, 0);
	text_buffer_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_pair_bounds),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_bools),
		cmocka_unit_test(test_binaries),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_building),
		cmocka_unit_test(test_buffer_bounds),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
