/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * escape - see escape.h.  Bytes above 0x7e are escaped too: whether they are
 * UTF-8, and what a terminal makes of it, is not ours to judge.
 */
#include <stdint.h>
#include <string.h>

#include "base/escape.h"

/* Writes one character's form, at most 4 bytes, and returns its length. */
static size_t
escape_char(char *out, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";

	if (c == '\\') {
		memcpy(out, "\\\\", 2);
		return 2;
	}
	if (c >= 0x20 && c <= 0x7e) {
		out[0] = (char)c;
		return 1;
	}
	out[0] = '\\';
	out[1] = 'x';
	out[2] = hex[c >> 4];
	out[3] = hex[c & 15];
	return 4;
}

const char *
escape(char *dst, size_t size, const void *src, size_t len)
{
	const uint8_t *p = src;
	char form[4];
	size_t cut = 0; /* the last place where "..." and NUL still fit */
	size_t n, o = 0;

	for (size_t i = 0; i < len; i++) {
		n = escape_char(form, p[i]);
		if (o + n + 1 > size) {
			if (cut + 4 <= size) {
				memset(dst + cut, '.', 3);
				o = cut + 3;
			}
			break;
		}
		memcpy(dst + o, form, n);
		o += n;
		if (o + 4 <= size)
			cut = o;
	}
	dst[o] = '\0';
	return dst;
}
