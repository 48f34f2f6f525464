/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lunaddr - see the header.  The first two bytes of an address (SAM-5, 4.7.7):
 *
 *     00bbbbbb llllllll   peripheral: bus b (0 is this level), LUN l
 *     01llllll llllllll   flat space
 *     10tttttt bbblllll   logical unit: target t, bus b, LUN l
 *     11eeaaaa ...        extended: length e, method a
 *
 * Extended flat: a = 2; with e = 1 three bytes follow, with e = 2 five (long
 * extended flat).
 */
#include "proto/lunaddr.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/hex.h"

#define BELOW(addr, shift) ((addr) & ((UINT64_C(1) << (shift)) - 1))

int
lunaddr_encode(uint64_t number, uint64_t *ret)
{
	if (number < 256)
		*ret = number << 48;
	else if (number < 16384)
		*ret = UINT64_C(0x4000) << 48 | number << 48;
	else if (number <= 0xffffff)
		*ret = UINT64_C(0xd2) << 56 | number << 32;
	else if (number <= LUNADDR_NUMBER_MAX)
		*ret = UINT64_C(0xe2) << 56 | number << 16;
	else
		return -ERANGE;
	return 0;
}

bool
lunaddr_number(uint64_t addr, uint64_t *ret)
{
	uint8_t first = (uint8_t)(addr >> 56);

	if (first == 0 && BELOW(addr, 48) == 0)
		*ret = addr >> 48;
	else if (first >> 6 == 1 && BELOW(addr, 48) == 0)
		*ret = BELOW(addr >> 48, 14);
	else if (first == 0xd2 && BELOW(addr, 32) == 0)
		*ret = BELOW(addr >> 32, 24);
	else if (first == 0xe2 && BELOW(addr, 16) == 0)
		*ret = BELOW(addr >> 16, 40);
	else
		return false;
	return true;
}

bool
lunaddr_same(uint64_t a, uint64_t b)
{
	uint64_t na, nb;

	if (a == b)
		return true;
	return lunaddr_number(a, &na) && lunaddr_number(b, &nb) && na == nb;
}

const char *
lunaddr_text(char *dst, uint64_t addr)
{
	uint64_t number;

	if (lunaddr_number(addr, &number))
		snprintf(dst, LUNADDR_TEXT, "%" PRIu64, number);
	else
		snprintf(dst, LUNADDR_TEXT, "0x%016" PRIx64, addr);
	return dst;
}

int
lunaddr_parse(const char *text, size_t len, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i;
	int d;

	if (len == 18 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		for (i = 2; i < len; i++) {
			if ((d = hex_digit(text[i])) < 0)
				return -EINVAL;
			v = v << 4 | (uint64_t)d;
		}
		*ret = v;
		return 0;
	}
	if (len == 0)
		return -EINVAL;
	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		if (v <= LUNADDR_NUMBER_MAX)
			v = v * 10 + (uint64_t)(text[i] - '0');
	}
	return lunaddr_encode(v, ret);
}

int
lunaddr_parse_rfc4173(const char *text, size_t len, uint64_t *ret)
{
	unsigned group = 0, digits = 0;
	uint64_t v = 0, part = 0;
	size_t i;
	int d;

	for (i = 0; i < len; i++) {
		if (text[i] == '-') {
			if (digits == 0 || group == 3)
				return -EINVAL;
			v |= part << (48 - 16 * group);
			group++;
			part = 0;
			digits = 0;
			continue;
		}
		if ((d = hex_digit(text[i])) < 0 || ++digits > 4)
			return -EINVAL;
		part = part << 4 | (uint64_t)d;
	}
	if (len > 0 && digits == 0)
		return -EINVAL;
	*ret = v | part << (48 - 16 * group);
	return 0;
}
