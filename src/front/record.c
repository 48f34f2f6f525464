/* SPDX-License-Identifier: BSD-2-Clause */
/* record - see the header. */
#include "front/record.h"

#include <string.h>

void
record_init(struct record *r, const char *text, size_t len)
{
	*r = (struct record){ .at = text, .end = text + len };
}

struct record_text
record_text(struct record *r, const char *key)
{
	struct record_text value = { .at = "", .len = 0 };
	size_t left = (size_t)(r->end - r->at), n = strlen(key);
	const char *newline = memchr(r->at, '\n', left);

	if (r->bad || newline == NULL || (size_t)(newline - r->at) <= n ||
	    memcmp(r->at, key, n) != 0 || r->at[n] != ' ') {
		r->bad = true;
		return value;
	}
	value.at = r->at + n + 1;
	value.len = (size_t)(newline - value.at);
	r->at = newline + 1;
	return value;
}

bool
record_decimal(const char *text, size_t len, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i;

	if (len == 0 || (len > 1 && text[0] == '0'))
		return false;
	for (i = 0; i < len; i++) {
		unsigned digit = (unsigned)text[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, digit, &v))
			return false;
	}
	*ret = v;
	return true;
}

uint64_t
record_number(struct record *r, const char *key)
{
	struct record_text value = record_text(r, key);
	uint64_t v = 0;

	if (!record_decimal(value.at, value.len, &v))
		r->bad = true;
	return v;
}

bool
record_ok(const struct record *r)
{
	return !r->bad;
}

bool
record_fits(const char *text, size_t max)
{
	size_t len = strlen(text), i;

	for (i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return len > 0 && len <= max;
}

bool
record_same(struct record_text value, const char *text)
{
	return value.len == strlen(text) &&
	       memcmp(value.at, text, value.len) == 0;
}
