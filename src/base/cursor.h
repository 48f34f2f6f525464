/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cursor - reading and writing structured bytes within bounds.
 *
 * A cursor moves through bytes whose length a peer has chosen.  A read that
 * would pass the end gives 0 (NULL), leaves the position at the end and sets
 * `bad`, which stays set: a parser reads a whole structure and asks once at the
 * end whether it was there.  A writer is the same for building: what does not
 * fit is not written, and `bad` stays set.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/be.h"

struct cursor {
	const uint8_t *p; /* the next byte */
	const uint8_t *end;
	bool bad; /* something was asked for that is not there */
};

static inline void
cursor_init(struct cursor *c, const void *data, size_t len)
{
	c->p = data;
	c->end = len == 0 ? c->p : c->p + len;
	c->bad = false;
}

static inline size_t
cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

/* The next n bytes in place, or NULL. */
static inline const uint8_t *
cursor_bytes(struct cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (n > cursor_left(c)) {
		c->p = c->end;
		c->bad = true;
		return NULL;
	}
	if (n > 0)
		c->p += n;
	return p;
}

static inline void
cursor_skip(struct cursor *c, size_t n)
{
	(void)cursor_bytes(c, n);
}

static inline uint8_t
cursor_u8(struct cursor *c)
{
	const uint8_t *p = cursor_bytes(c, 1);

	return p == NULL ? 0 : *p;
}

static inline uint16_t
cursor_u16(struct cursor *c)
{
	const uint8_t *p = cursor_bytes(c, 2);

	return p == NULL ? 0 : be16_get(p);
}

static inline uint32_t
cursor_u24(struct cursor *c)
{
	const uint8_t *p = cursor_bytes(c, 3);

	return p == NULL ? 0 : be24_get(p);
}

static inline uint32_t
cursor_u32(struct cursor *c)
{
	const uint8_t *p = cursor_bytes(c, 4);

	return p == NULL ? 0 : be32_get(p);
}

static inline uint64_t
cursor_u64(struct cursor *c)
{
	const uint8_t *p = cursor_bytes(c, 8);

	return p == NULL ? 0 : be64_get(p);
}

struct writer {
	uint8_t *start;
	uint8_t *p; /* where the next byte goes */
	uint8_t *end;
	bool bad; /* something did not fit */
};

static inline void
writer_init(struct writer *w, void *buf, size_t size)
{
	w->start = w->p = buf;
	w->end = size == 0 ? w->p : w->p + size;
	w->bad = false;
}

static inline size_t
writer_left(const struct writer *w)
{
	return (size_t)(w->end - w->p);
}

/* Bytes written so far. */
static inline size_t
writer_len(const struct writer *w)
{
	return (size_t)(w->p - w->start);
}

/* What a function that fills a buffer returns: the length, or -EMSGSIZE when
 * not everything fitted. */
static inline int
writer_result(const struct writer *w)
{
	return w->bad ? -EMSGSIZE : (int)writer_len(w);
}

/* Room for n bytes, to be filled by the caller, or NULL.  After the first
 * failure nothing fits any more. */
static inline uint8_t *
writer_room(struct writer *w, size_t n)
{
	uint8_t *p = w->p;

	if (w->bad || n > writer_left(w)) {
		w->bad = true;
		return NULL;
	}
	if (n > 0)
		w->p += n;
	return p;
}

static inline void
writer_bytes(struct writer *w, const void *src, size_t n)
{
	uint8_t *p = writer_room(w, n);

	if (p != NULL && n > 0)
		memcpy(p, src, n);
}

static inline void
writer_zero(struct writer *w, size_t n)
{
	uint8_t *p = writer_room(w, n);

	if (p != NULL && n > 0)
		memset(p, 0, n);
}

static inline void
writer_u8(struct writer *w, uint8_t v)
{
	writer_bytes(w, &v, 1);
}

static inline void
writer_u16(struct writer *w, uint16_t v)
{
	uint8_t *p = writer_room(w, 2);

	if (p != NULL)
		be16_put(p, v);
}

static inline void
writer_u24(struct writer *w, uint32_t v)
{
	uint8_t *p = writer_room(w, 3);

	if (p != NULL)
		be24_put(p, v);
}

static inline void
writer_u32(struct writer *w, uint32_t v)
{
	uint8_t *p = writer_room(w, 4);

	if (p != NULL)
		be32_put(p, v);
}

static inline void
writer_u64(struct writer *w, uint64_t v)
{
	uint8_t *p = writer_room(w, 8);

	if (p != NULL)
		be64_put(p, v);
}

#endif
