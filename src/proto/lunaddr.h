/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lunaddr - logical unit numbers (SAM-5, 4.7): the eight bytes that REPORT LUNS
 * returns and commands carry (as uint64_t, read big-endian), and the number
 * that people write.
 *
 * Peripheral addressing on bus 0, flat addressing and extended flat addressing,
 * each of a single level, stand for a plain number.  Everything else (other
 * buses, several levels, well known LUNs) has no number and is written as its
 * eight bytes in hexadecimal: 0x8101000000000000.
 */
#ifndef PROTO_LUNADDR_H
#define PROTO_LUNADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LUNADDR_NUMBER_MAX UINT64_C(0xffffffffff) /* five bytes */
#define LUNADDR_TEXT	   24 /* room for any text, NUL included */

/* The usual address of a number: peripheral below 256, flat below 16384,
 * extended flat of three or five bytes above.  0 or -ERANGE. */
int lunaddr_encode(uint64_t number, uint64_t *ret);
/* True when the address stands for a plain number. */
bool lunaddr_number(uint64_t addr, uint64_t *ret);
/* The same bytes, or the same number by two methods. */
bool lunaddr_same(uint64_t a, uint64_t b);
/* "3" or "0x8101000000000000"; returns dst (LUNADDR_TEXT bytes). */
const char *lunaddr_text(char *dst, uint64_t addr);
/* Either form, len bytes.  0; -EINVAL: no such form; -ERANGE. */
int lunaddr_parse(const char *text, size_t len, uint64_t *ret);
/* The form of RFC 4173, 5: up to four groups of up to four hexadecimal digits
 * ("4752-3A4F-6b7e-2F99"), groups of zeros left out at the end, nothing at all
 * for LUN 0.  0 or -EINVAL. */
int lunaddr_parse_rfc4173(const char *text, size_t len, uint64_t *ret);

#endif
