/* SPDX-License-Identifier: BSD-2-Clause */
/* lunaddr.h: numbers and the eight bytes, both ways, and the forms refused. */
#include "unit.h"

#include <errno.h>

#include "proto/lunaddr.h"

static void
test_encode(void **state)
{
	uint64_t a;

	(void)state;
	assert_int_equal(lunaddr_encode(0, &a), 0);
	assert_true(a == 0);
	assert_int_equal(lunaddr_encode(255, &a), 0);
	assert_true(a == 0x00ff000000000000);
	assert_int_equal(lunaddr_encode(256, &a), 0);
	assert_true(a == 0x4100000000000000);
	assert_int_equal(lunaddr_encode(16383, &a), 0);
	assert_true(a == 0x7fff000000000000);
	assert_int_equal(lunaddr_encode(16384, &a), 0);
	assert_true(a == 0xd200400000000000);
	assert_int_equal(lunaddr_encode(0xffffff, &a), 0);
	assert_true(a == 0xd2ffffff00000000);
	assert_int_equal(lunaddr_encode(0x1000000, &a), 0);
	assert_true(a == 0xe200010000000000);
	assert_int_equal(lunaddr_encode(UINT64_C(1) << 40, &a), -ERANGE);
}

static void
test_number(void **state)
{
	static const struct {
		uint64_t addr;
		int64_t number; /* -1: none */
	} rows[] = {
		{ 0x0003000000000000, 3 },
		{ 0x4003000000000000,
		    3 }, /* flat, though peripheral would do */
		{ 0x4100000000000000, 256 }, { 0xd200000300000000, 3 },
		{ 0xe200000000030000, 3 },
		{ 0x0103000000000000, -1 }, /* bus 1 */
		{ 0x0003000100000000, -1 }, /* a second level */
		{ 0x8003000000000000, -1 }, /* logical unit addressing */
		{ 0xc101000000000000, -1 }, /* REPORT LUNS well known LUN */
	};
	uint64_t n;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		n = 99;
		assert_int_equal(
		    lunaddr_number(rows[i].addr, &n), rows[i].number >= 0);
		if (rows[i].number >= 0)
			assert_int_equal(n, rows[i].number);
	}
	assert_true(lunaddr_same(0x0003000000000000, 0x4003000000000000));
	assert_false(lunaddr_same(0x0003000000000000, 0x8003000000000000));
	assert_true(lunaddr_same(0x8003000000000000, 0x8003000000000000));
}

static int
parse(const char *text, uint64_t *ret)
{
	return lunaddr_parse(text, strlen(text), ret);
}

static void
test_text(void **state)
{
	char text[LUNADDR_TEXT];
	uint64_t a, b;

	(void)state;
	for (a = 0; a <= LUNADDR_NUMBER_MAX; a = a * 3 + 1) {
		assert_int_equal(lunaddr_encode(a, &b), 0);
		assert_int_equal(parse(lunaddr_text(text, b), &b), 0);
		assert_int_equal(lunaddr_number(b, &b), true);
		assert_int_equal(a, b);
	}
	assert_string_equal(
	    lunaddr_text(text, 0x8101000000000000), "0x8101000000000000");
	assert_int_equal(parse(text, &b), 0);
	assert_true(b == 0x8101000000000000);
	assert_int_equal(parse("", &b), -EINVAL);
	assert_int_equal(parse("-1", &b), -EINVAL);
	assert_int_equal(parse("1x", &b), -EINVAL);
	assert_int_equal(parse("0x1", &b), -EINVAL);
	assert_int_equal(parse("99999999999999999999999999", &b), -ERANGE);
}

static int
parse4173(const char *text, uint64_t *ret)
{
	return lunaddr_parse_rfc4173(text, strlen(text), ret);
}

static void
test_rfc4173(void **state)
{
	uint64_t a;

	(void)state;
	assert_int_equal(parse4173("", &a), 0);
	assert_true(a == 0);
	assert_int_equal(parse4173("1", &a), 0);
	assert_true(a == 0x0001000000000000);
	assert_int_equal(parse4173("4752-3A4F-6b7e-2F99", &a), 0);
	assert_true(a == 0x47523a4f6b7e2f99);
	assert_int_equal(parse4173("6734-9-156f-127", &a), 0);
	assert_true(a == 0x67340009156f0127);
	assert_int_equal(parse4173("4186-9", &a), 0);
	assert_true(a == 0x4186000900000000);
	assert_int_equal(parse4173("12345", &a), -EINVAL);
	assert_int_equal(parse4173("1--2", &a), -EINVAL);
	assert_int_equal(parse4173("1-", &a), -EINVAL);
	assert_int_equal(parse4173("1-2-3-4-5", &a), -EINVAL);
	assert_int_equal(parse4173("g", &a), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_rfc4173),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
