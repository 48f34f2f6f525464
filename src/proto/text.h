/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text - key=value pairs, each ended by a NUL, and the values in them
 * (RFC 7143, 6.1): what the data segments of Login and Text PDUs carry.
 *
 * Where a sequence spans PDUs (C bit), the segments are joined before they are
 * read: a text_buffer does that, and cuts long text for sending.  What the keys
 * mean is known to param.h, chap.h and the session, not here.
 */
#ifndef PROTO_TEXT_H
#define PROTO_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define TEXT_KEY_MAX	63    /* bytes, 6.1 */
#define TEXT_VALUE_MAX	255   /* of a simple value, not encoded, 6.1 */
#define TEXT_LIST_MAX	8192  /* of a list: one segment full */
#define TEXT_BINARY_MAX 1024  /* CHAP_C, CHAP_R, decoded, 12.1.3 */
#define TEXT_MAX	65536 /* of a sequence, 6.2 */

/*
 * ---- reading ----
 */
struct text_reader {
	const char *p;
	const char *end;
};

struct text_pair {
	char key[TEXT_KEY_MAX + 1];
	const char *value; /* in place, ended by its NUL */
	size_t value_len;
};

/* data stays the caller's and must outlive the pairs. */
void text_reader_init(struct text_reader *, const void *data, size_t len);

/* 1 and a pair; 0 at the end; -EBADMSG and an error that reads on after "the
 * target " or "the initiator ".  Empty strings between pairs are skipped: some
 * targets pad with NULs inside the segment. */
int text_next(
    struct text_reader *, struct text_pair *ret_pair, struct error *err);

/* A decimal or hex number, the whole string: 0, -EINVAL, or -ERANGE when above
 * max. */
int text_number(const char *value, uint64_t max, uint64_t *ret_number);
/* "Yes" or "No": 0 or -EINVAL. */
int text_bool(const char *value, bool *ret_bool);
/* A binary value in hex (0x) or base64 (0b): 0, -EINVAL, or -EMSGSIZE when it
 * has more than size bytes. */
int text_binary(const char *value, uint8_t *buf, size_t size, size_t *ret_len);

/* Walks a list of values joined by commas: the next one as {start, length}, or
 * NULL at the end.  *list starts as the value and is moved on. */
const char *text_list_next(const char **list, size_t *ret_len);
/* Whether the list has this value. */
bool text_list_has(const char *list, const char *value);

/*
 * ---- joining, building, cutting ----
 */
struct text_buffer {
	char *data;
	size_t len;
	size_t size;
	size_t sent; /* bytes that text_segment() has given out */
	bool failed; /* no memory, or more than TEXT_MAX */
};

/* All zeros is an empty buffer.  Wipes what it held: there were responses. */
void text_buffer_fini(struct text_buffer *);
void text_buffer_clear(struct text_buffer *);

/* Joins a received segment: 0, -EMSGSIZE beyond TEXT_MAX or -ENOMEM. */
int text_append(struct text_buffer *, const void *data, size_t len);

/* Adds key=value and its NUL.  A pair that does not fit sets failed. */
void text_put(struct text_buffer *, const char *key, const char *value);
void text_put_number(struct text_buffer *, const char *key, uint64_t number);
void text_put_bool(struct text_buffer *, const char *key, bool);
/* At most TEXT_BINARY_MAX bytes, as hex. */
void text_put_binary(
    struct text_buffer *, const char *key, const uint8_t *data, size_t len);

/* The next segment, at most max bytes.  *ret_more: another one follows (the C
 * bit).  Valid until the buffer changes. */
const uint8_t *text_segment(
    struct text_buffer *, size_t max, size_t *ret_len, bool *ret_more);
/* Whether text_segment() has more to give. */
bool text_pending(const struct text_buffer *);

#endif
