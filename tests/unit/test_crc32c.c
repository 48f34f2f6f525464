/* SPDX-License-Identifier: BSD-2-Clause */
/* The vectors are those of RFC 3720, B.4, as they stand on the wire. */
#include "base/crc32c.h"
#include "unit.h"

static void
check(const uint8_t *data, size_t len, const uint8_t wire[4])
{
	uint32_t crc = crc32c(0, data, len);
	uint8_t put[4];

	crc32c_put(put, crc);
	assert_memory_equal(put, wire, 4);
	assert_int_equal(crc32c_get(wire), crc);
	for (size_t i = 0; i <= len; i++)
		assert_int_equal(
		    crc32c(crc32c(0, data, i), data + i, len - i), crc);
}

static void
rfc3720_vectors(void **state)
{
	static const uint8_t read10[48] = { 0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0, 0x14,
		0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02 };
	uint8_t data[32];

	(void)state;
	memset(data, 0, 32);
	check(data, 32, (const uint8_t[4]){ 0xaa, 0x36, 0x91, 0x8a });
	memset(data, 0xff, 32);
	check(data, 32, (const uint8_t[4]){ 0x43, 0xab, 0xa8, 0x62 });
	for (uint8_t i = 0; i < 32; i++)
		data[i] = i;
	check(data, 32, (const uint8_t[4]){ 0x4e, 0x79, 0xdd, 0x46 });
	for (uint8_t i = 0; i < 32; i++)
		data[i] = 31 - i;
	check(data, 32, (const uint8_t[4]){ 0x5c, 0xdb, 0x3f, 0x11 });
	check(read10, 48, (const uint8_t[4]){ 0x56, 0x3a, 0x96, 0xd9 });
}

static void
nothing_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(crc32c(0, NULL, 0), 0);
	assert_int_equal(crc32c(0x12345678, NULL, 0), 0x12345678);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3720_vectors),
		cmocka_unit_test(nothing_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
