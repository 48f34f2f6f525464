/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/cursor.h"
#include "unit.h"

static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18 };

static void
reads_in_order(void **state)
{
	struct cursor c;

	(void)state;
	cursor_init(&c, bytes, sizeof(bytes));
	assert_int_equal(cursor_u8(&c), 0x01);
	assert_int_equal(cursor_u16(&c), 0x0203);
	assert_int_equal(cursor_u24(&c), 0x040506);
	assert_int_equal(cursor_u32(&c), 0x0708090a);
	assert_true(cursor_u64(&c) == UINT64_C(0x0b0c0d0e0f101112));
	assert_int_equal(cursor_left(&c), 0);
	assert_false(c.bad);
}

static void
past_the_end_is_zero_and_stays_bad(void **state)
{
	struct cursor c;

	(void)state;
	for (size_t len = 0; len < 8; len++) {
		cursor_init(&c, bytes, len);
		assert_true(cursor_u64(&c) == 0);
		assert_true(c.bad);
		assert_int_equal(cursor_left(&c), 0);
		assert_int_equal(cursor_u8(&c), 0);
	}
	cursor_init(&c, bytes, 3);
	assert_int_equal(cursor_u32(&c), 0);
	assert_null(cursor_bytes(&c, 1));
	assert_true(c.bad);
	cursor_init(&c, bytes, 2);
	cursor_skip(&c, SIZE_MAX);
	assert_true(c.bad);
	cursor_init(&c, NULL, 0);
	assert_int_equal(cursor_left(&c), 0);
	assert_false(c.bad);
	assert_int_equal(cursor_u16(&c), 0);
	assert_true(c.bad);
}

static void
bytes_in_place(void **state)
{
	struct cursor c;

	(void)state;
	cursor_init(&c, bytes, sizeof(bytes));
	cursor_skip(&c, 2);
	assert_ptr_equal(cursor_bytes(&c, 4), bytes + 2);
	assert_ptr_equal(cursor_bytes(&c, 12), bytes + 6);
	assert_false(c.bad);
	assert_null(cursor_bytes(&c, 1));
}

static void
writes_what_it_reads(void **state)
{
	uint8_t buf[20];
	struct writer w;

	(void)state;
	memset(buf, 0xee, sizeof(buf));
	writer_init(&w, buf, 19);
	writer_u8(&w, 0x01);
	writer_u16(&w, 0x0203);
	writer_u24(&w, 0x040506);
	writer_u32(&w, 0x0708090a);
	writer_u64(&w, UINT64_C(0x0b0c0d0e0f101112));
	writer_zero(&w, 1);
	assert_int_equal(writer_len(&w), 19);
	assert_int_equal(writer_left(&w), 0);
	assert_false(w.bad);
	assert_memory_equal(buf, bytes, sizeof(bytes));
	assert_int_equal(buf[18], 0);
	assert_int_equal(buf[19], 0xee);
}

static void
what_does_not_fit_is_not_written(void **state)
{
	uint8_t buf[8];
	struct writer w;

	(void)state;
	memset(buf, 0xee, sizeof(buf));
	writer_init(&w, buf, 3);
	writer_u32(&w, 0);
	assert_true(w.bad);
	writer_u8(&w, 0); /* would fit, but there is a hole before it */
	writer_bytes(&w, bytes, 1);
	writer_zero(&w, 1);
	assert_null(writer_room(&w, 0));
	assert_int_equal(writer_len(&w), 0);
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], 0xee);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_in_order),
		cmocka_unit_test(past_the_end_is_zero_and_stays_bad),
		cmocka_unit_test(bytes_in_place),
		cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(what_does_not_fit_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
