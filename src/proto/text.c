/* SPDX-License-Identifier: BSD-2-Clause */
/* text - see text.h.  Every length here comes from a peer. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/hex.h"
#include "proto/text.h"

void
text_reader_init(struct text_reader *r, const void *data, size_t len)
{
	r->p = data;
	r->end = len == 0 ? r->p : r->p + len;
}

/* standard-label, 6.1: letters, digits and a few more. */
static bool
key_char(unsigned char c)
{
	return isalnum(c) || (c != '\0' && strchr(".-+@_#/[]", c) != NULL);
}

static int
key_check(const char *key, size_t len, struct error *err)
{
	char text[TEXT_KEY_MAX + 32];
	size_t i;

	if (len == 0)
		return error_set(
		    err, ERROR_FAILED, "sent a text value without a key");
	for (i = 0; i < len && key_char((unsigned char)key[i]); i++)
		;
	if (i < len)
		return error_set(err, ERROR_FAILED,
		    "sent the text key '%s', which has characters that are not "
		    "allowed",
		    escape(text, sizeof(text), key, len));
	if (len > TEXT_KEY_MAX)
		return error_set(err, ERROR_FAILED,
		    "sent the text key '%s' of %zu bytes, more than %d",
		    escape(text, sizeof(text), key, len), len, TEXT_KEY_MAX);
	return 0;
}

int
text_next(struct text_reader *r, struct text_pair *ret_pair, struct error *err)
{
	char text[TEXT_KEY_MAX + 32];
	const char *nul, *eq;
	size_t left;

	while (r->p < r->end && *r->p == '\0')
		r->p++;
	left = (size_t)(r->end - r->p);
	if (left == 0)
		return 0;
	nul = memchr(r->p, '\0', left);
	if (nul == NULL) {
		error_set(err, ERROR_FAILED,
		    "sent the text '%s', which no NUL ends",
		    escape(text, sizeof(text), r->p, left));
		return -EBADMSG;
	}
	eq = memchr(r->p, '=', (size_t)(nul - r->p));
	if (eq == NULL) {
		error_set(err, ERROR_FAILED,
		    "sent the text '%s', which is not key=value",
		    escape(text, sizeof(text), r->p, (size_t)(nul - r->p)));
		return -EBADMSG;
	}
	if (key_check(r->p, (size_t)(eq - r->p), err) < 0)
		return -EBADMSG;
	memcpy(ret_pair->key, r->p, (size_t)(eq - r->p));
	ret_pair->key[eq - r->p] = '\0';
	if (nul - eq - 1 > TEXT_LIST_MAX) {
		error_set(err, ERROR_FAILED,
		    "sent %s with a value of more than %d bytes", ret_pair->key,
		    TEXT_LIST_MAX);
		return -EBADMSG;
	}
	ret_pair->value = eq + 1;
	ret_pair->value_len = (size_t)(nul - eq - 1);
	r->p = nul + 1;
	return 1;
}

int
text_number(const char *value, uint64_t max, uint64_t *ret_number)
{
	unsigned base = 10;
	uint64_t n = 0;
	bool over = false;
	unsigned d;

	if (value[0] == '0' && (value[1] == 'x' || value[1] == 'X')) {
		base = 16;
		value += 2;
	} else if (value[0] == '0' && value[1] != '\0') {
		return -EINVAL; /* 6.1: a decimal does not begin with 0 */
	}
	if (value[0] == '\0')
		return -EINVAL;
	for (; *value != '\0'; value++) {
		d = (unsigned)hex_digit(*value);
		if (d >= base)
			return -EINVAL;
		if (n > (UINT64_MAX - d) / base)
			over = true;
		else
			n = n * base + d;
	}
	if (over || n > max)
		return -ERANGE;
	*ret_number = n;
	return 0;
}

int
text_bool(const char *value, bool *ret_bool)
{
	bool yes = strcmp(value, "Yes") == 0;

	if (!yes && strcmp(value, "No") != 0)
		return -EINVAL;
	*ret_bool = yes;
	return 0;
}

/* n hex digits are (n + 1) / 2 bytes: an odd count has a leading 0. */
static int
hex_binary(const char *s, uint8_t *buf, size_t size, size_t *ret_len)
{
	size_t n = strlen(s), i, at;
	int d;

	if (n == 0)
		return -EINVAL;
	if ((n + 1) / 2 > size)
		return -EMSGSIZE;
	memset(buf, 0, (n + 1) / 2);
	for (i = 0; i < n; i++) {
		d = hex_digit(s[i]);
		if (d < 0)
			return -EINVAL;
		at = (i + n % 2) / 2;
		buf[at] = (uint8_t)(buf[at] << 4 | d);
	}
	*ret_len = (n + 1) / 2;
	return 0;
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The padding may be missing, but when there is one it must be right. */
static int
base64_binary(const char *s, uint8_t *buf, size_t size, size_t *ret_len)
{
	size_t n = strcspn(s, "="), pad = strlen(s) - n, len, i, out = 0;
	uint32_t bits = 0;
	int v;

	if (n == 0 || n % 4 == 1 || strspn(s + n, "=") != pad ||
	    (pad != 0 && (pad > 2 || (n + pad) % 4 != 0)))
		return -EINVAL;
	len = n / 4 * 3 + (n % 4 == 0 ? 0 : n % 4 - 1);
	if (len > size)
		return -EMSGSIZE;
	for (i = 0; i < n; i++) {
		v = base64_value(s[i]);
		if (v < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)v;
		if (i % 4 != 0)
			buf[out++] = (uint8_t)(bits >> (6 - i % 4 * 2));
	}
	*ret_len = len;
	return 0;
}

int
text_binary(const char *value, uint8_t *buf, size_t size, size_t *ret_len)
{
	if (value[0] != '0' || value[1] == '\0')
		return -EINVAL;
	if (value[1] == 'x' || value[1] == 'X')
		return hex_binary(value + 2, buf, size, ret_len);
	if (value[1] == 'b' || value[1] == 'B')
		return base64_binary(value + 2, buf, size, ret_len);
	return -EINVAL;
}

const char *
text_list_next(const char **list, size_t *ret_len)
{
	const char *item = *list;

	if (item == NULL)
		return NULL;
	*ret_len = strcspn(item, ",");
	*list = item[*ret_len] == ',' ? item + *ret_len + 1 : NULL;
	return item;
}

bool
text_list_has(const char *list, const char *value)
{
	const char *item;
	size_t len;

	while ((item = text_list_next(&list, &len)) != NULL)
		if (len == strlen(value) && memcmp(item, value, len) == 0)
			return true;
	return false;
}

void
text_buffer_fini(struct text_buffer *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->size);
	free(b->data);
	memset(b, 0, sizeof(*b));
}

void
text_buffer_clear(struct text_buffer *b)
{
	b->len = b->sent = 0;
	b->failed = false;
}

/* Grows by copying, not by realloc(), which would leave the old bytes behind
 * unwiped. */
static int
buffer_reserve(struct text_buffer *b, size_t more)
{
	size_t size = b->size == 0 ? 1024 : b->size;
	char *data;

	if (more > TEXT_MAX - b->len)
		return -EMSGSIZE;
	while (size < b->len + more)
		size *= 2;
	if (size == b->size)
		return 0;
	data = malloc(size);
	if (data == NULL)
		return -ENOMEM;
	if (b->data != NULL) {
		memcpy(data, b->data, b->len);
		explicit_bzero(b->data, b->size);
		free(b->data);
	}
	b->data = data;
	b->size = size;
	return 0;
}

int
text_append(struct text_buffer *b, const void *data, size_t len)
{
	int error;

	if (len == 0)
		return 0;
	error = buffer_reserve(b, len);
	if (error < 0) {
		b->failed = true;
		return error;
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
	return 0;
}

void
text_put(struct text_buffer *b, const char *key, const char *value)
{
	size_t key_len = strlen(key), value_len = strlen(value);

	if (b->failed || buffer_reserve(b, key_len + value_len + 2) < 0) {
		b->failed = true;
		return;
	}
	memcpy(b->data + b->len, key, key_len);
	b->len += key_len;
	b->data[b->len++] = '=';
	memcpy(b->data + b->len, value, value_len + 1);
	b->len += value_len + 1;
}

void
text_put_number(struct text_buffer *b, const char *key, uint64_t number)
{
	char value[24];

	snprintf(value, sizeof(value), "%llu", (unsigned long long)number);
	text_put(b, key, value);
}

void
text_put_bool(struct text_buffer *b, const char *key, bool yes)
{
	text_put(b, key, yes ? "Yes" : "No");
}

void
text_put_binary(
    struct text_buffer *b, const char *key, const uint8_t *data, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	char value[2 + 2 * TEXT_BINARY_MAX + 1] = "0x";
	size_t i;

	if (len > TEXT_BINARY_MAX) {
		b->failed = true;
		return;
	}
	for (i = 0; i < len; i++) {
		value[2 + 2 * i] = hex[data[i] >> 4];
		value[3 + 2 * i] = hex[data[i] & 15];
	}
	value[2 + 2 * len] = '\0';
	text_put(b, key, value);
	explicit_bzero(value, sizeof(value));
}

const uint8_t *
text_segment(struct text_buffer *b, size_t max, size_t *ret_len, bool *ret_more)
{
	size_t left = b->len - b->sent;
	size_t len = left < max ? left : max;
	const char *start = len == 0 ? "" : b->data + b->sent;

	b->sent += len;
	*ret_len = len;
	*ret_more = b->sent < b->len;
	return (const uint8_t *)start;
}

bool
text_pending(const struct text_buffer *b)
{
	return b->sent < b->len;
}
