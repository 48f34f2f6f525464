/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * escape - see escape.h.  Bytes above 0x7e are escaped too: whether they are
 * UTF-8, and what a terminal makes of it, is not ours to judge.
 */
#include <stdint.h>
#include <string.h>

#include "base/escape.h"

static size_t
escape_byte(char *out, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";

	out[0] = '\\';
	out[1] = 'x';
	out[2] = hex[c >> 4];
	out[3] = hex[c & 15];
	return 4;
}

/* Writes one character's form, at most 4 bytes, and returns its length. */
static size_t
escape_char(char *out, uint8_t c)
{
	if (c == '\\') {
		memcpy(out, "\\\\", 2);
		return 2;
	}
	if (c >= 0x20 && c <= 0x7e) {
		out[0] = (char)c;
		return 1;
	}
	return escape_byte(out, c);
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

/* Bytes of the UTF-8 character at p; 0: there is none.  Neither overlong forms
 * nor surrogates nor anything beyond U+10FFFF are characters. */
static size_t
utf8_len(const uint8_t *p, size_t left)
{
	static const struct {
		uint8_t first_min, first_max;
		uint8_t second_min, second_max;
		size_t len;
	} forms[] = {
		{ 0x00, 0x7f, 0x00, 0x00, 1 },
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	size_t form = 0, i;

	while (p[0] < forms[form].first_min || p[0] > forms[form].first_max)
		if (++form == sizeof(forms) / sizeof(forms[0]))
			return 0;
	if (forms[form].len > left)
		return 0;
	for (i = 1; i < forms[form].len; i++)
		if (p[i] < (i == 1 ? forms[form].second_min : 0x80) ||
		    p[i] > (i == 1 ? forms[form].second_max : 0xbf))
			return 0;
	return forms[form].len;
}

const char *
escape_utf8(char *dst, const void *src, size_t len)
{
	const uint8_t *p = src;
	char *out = dst;
	size_t n;

	for (; len > 0; p += n, len -= n) {
		n = utf8_len(p, len);
		if (n > 0) {
			memcpy(out, p, n);
			out += n;
		} else {
			out += escape_byte(out, *p);
			n = 1;
		}
	}
	*out = '\0';
	return dst;
}
