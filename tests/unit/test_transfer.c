/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd/transfer: which values are taken, and what is said of the others. */
#include "cmd/transfer.h"
#include "unit.h"

static struct error err;

static void
ranges(void **state)
{
	static const char *const wrong[] = { "", ":", "1", "1:", ":1", "0:0",
		"a:1", "1:b", "-1:1", "0:1:2", "1.5:1",
		"18446744073709551615:1", "1:18446744073709551615" };
	uint64_t offset = 7, length = 8;

	(void)state;
	for (size_t i = 0; i < countof(wrong); i++) {
		assert_int_equal(
		    transfer_range(wrong[i], &offset, &length, &err), -1);
		assert_int_equal(err.class, ERROR_USAGE);
		assert_non_null(strstr(err.text, "OFFSET:LENGTH"));
		assert_true(offset == 7 && length == 8);
	}
	assert_int_equal(transfer_range("1K:2M", &offset, &length, &err), 0);
	assert_true(offset == 1024 && length == 2 << 20);
}

static void
chunks(void **state)
{
	static const char *const wrong[] = { "4095", "4097", "96K", "128M", "0",
		"x" };
	uint32_t chunk = 5;

	(void)state;
	for (size_t i = 0; i < countof(wrong); i++)
		assert_int_equal(transfer_chunk(wrong[i], &chunk, &err), -1);
	assert_int_equal(chunk, 5);
	assert_int_equal(transfer_chunk("4K", &chunk, &err), 0);
	assert_int_equal(chunk, 4096);
	assert_int_equal(transfer_chunk("64M", &chunk, &err), 0);
	assert_int_equal(chunk, 64 << 20);
}

static void
depths_and_memory(void **state)
{
	unsigned depth = 5;

	(void)state;
	assert_int_equal(transfer_depth("0", &depth, &err), -1);
	assert_int_equal(transfer_depth("1025", &depth, &err), -1);
	assert_non_null(strstr(err.text, "from 1 to 1024"));
	assert_int_equal(transfer_depth("1024", &depth, &err), 0);
	assert_int_equal(depth, 1024);
	assert_int_equal(transfer_memory(4 << 20, 1024, &err), 0);
	assert_int_equal(transfer_memory((4 << 20) + 1, 1024, &err), -1);
}

/* Never more than 16 MiB or 128 chunks, but for the first eight. */
static void
flight(void **state)
{
	static const struct {
		unsigned depth;
		uint32_t chunk;
		unsigned first, most;
	} cases[] = {
		{ 0, 4096, 8, 128 },
		{ 0, 128 << 10, 8, 128 },
		{ 0, 256 << 10, 8, 64 },
		{ 0, 1 << 20, 8, 16 },
		{ 3, 256 << 10, 3, 3 },
		{ 1024, 4096, 1024, 1024 },
	};
	unsigned first, most;

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		transfer_flight(cases[i].depth, cases[i].chunk, &first, &most);
		assert_int_equal(first, cases[i].first);
		assert_int_equal(most, cases[i].most);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges),
		cmocka_unit_test(chunks),
		cmocka_unit_test(depths_and_memory),
		cmocka_unit_test(flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
