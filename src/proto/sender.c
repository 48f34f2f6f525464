/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sender - a queue of PDUs, each in three parts:
 *
 *      bytes:   | header | trailer | header | header | trailer | ...
 *                   PDU 0          | PDU 1  |     PDU 2
 *                        \_ payload of PDU 0: the owner's memory
 *
 * A header is BHS, AHS and HeaderDigest; a trailer padding and DataDigest. They
 * stand one behind the other in one ring of bytes, so that PDUs without payload
 * go out as one vector and those with payload as two (trailer and next header
 * are one), and each time the queue runs empty the ring starts over at its
 * beginning, in the same few lines of cache.
 *
 * A slot says what of its PDU is left to be sent, so that sending may stop and
 * go on at any byte.
 */
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "proto/pdu.h"
#include "proto/sender.h"

#define AHS_MAX	    16
#define HEADER_MAX  (PDU_BHS_LEN + AHS_MAX + PDU_DIGEST_LEN)
#define TRAILER_MAX (3 + PDU_DIGEST_LEN)
#define SLOT_BYTES  (HEADER_MAX + TRAILER_MAX)
/* One slot more than there are, since less than one slot's bytes may be left
 * unused at the end of the ring. */
#define RING_SIZE ((SENDER_SLOTS + 1) * SLOT_BYTES)

struct slot {
	uint8_t *header; /* the next byte in the ring; the trailer follows */
	const struct iovec *iov; /* where the next byte of payload is */
	size_t iov_off;
	unsigned *refs;
	int iovcnt;
	uint32_t data_len;
	uint16_t header_len;
	uint16_t trailer_len;
};

struct sender {
	unsigned first; /* slot that is being sent */
	unsigned count;
	size_t bytes; /* left in all slots */
	size_t end;   /* of the last slot in the ring */
	bool header_digest;
	bool data_digest;
	struct slot slots[SENDER_SLOTS];
	uint8_t ring[RING_SIZE];
};

struct sender *
sender_new(void)
{
	return calloc(1, sizeof(struct sender));
}

void
sender_free(struct sender *s)
{
	struct slot *slot;

	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->count; i++) {
		slot = &s->slots[(s->first + i) % SENDER_SLOTS];
		if (slot->refs != NULL)
			--*slot->refs;
	}
	free(s);
}

void
sender_set_digests(struct sender *s, bool header, bool data)
{
	s->header_digest = header;
	s->data_digest = data;
}

unsigned
sender_room(const struct sender *s)
{
	return SENDER_SLOTS - s->count;
}

size_t
sender_bytes(const struct sender *s)
{
	return s->bytes;
}

/* Moves the payload n bytes forward.  Past the last vector is a bug of the
 * owner's; what lies there must not be sent. */
static void
slot_skip(struct slot *slot, size_t n)
{
	n += slot->iov_off;
	for (; slot->iovcnt > 0 && n >= slot->iov->iov_len; slot->iovcnt--) {
		n -= slot->iov->iov_len;
		slot->iov++;
	}
	if (slot->iovcnt <= 0)
		__builtin_trap();
	slot->iov_off = n;
}

static uint32_t
payload_crc(const struct slot *slot)
{
	const struct iovec *v = slot->iov;
	size_t off = slot->iov_off, left = slot->data_len, len;
	uint32_t crc = 0;

	for (int i = 0; left > 0; i++, off = 0) {
		if (i == slot->iovcnt)
			__builtin_trap();
		len = v[i].iov_len - off;
		if (len > left)
			len = left;
		crc = crc32c(crc, (const uint8_t *)v[i].iov_base + off, len);
		left -= len;
	}
	return crc;
}

/* Fills the slot's part of the ring; its payload is known. */
static void
slot_form(const struct sender *s, struct slot *slot, const uint8_t *bhs,
    const uint8_t *ahs, size_t ahs_len)
{
	uint8_t *p = slot->header;
	size_t pad = -slot->data_len & 3;
	uint32_t crc;

	memcpy(p, bhs, PDU_BHS_LEN);
	pdu_set_lengths(p, (uint32_t)ahs_len, slot->data_len);
	p += PDU_BHS_LEN;
	if (ahs_len > 0)
		memcpy(p, ahs, ahs_len);
	p += ahs_len;
	if (s->header_digest) {
		crc32c_put(p, crc32c(0, slot->header, PDU_BHS_LEN + ahs_len));
		p += PDU_DIGEST_LEN;
	}
	slot->header_len = (uint16_t)(p - slot->header);
	slot->trailer_len = (uint16_t)pad;
	if (slot->data_len == 0)
		return;
	memset(p, 0, pad);
	if (s->data_digest) {
		crc = crc32c(payload_crc(slot), p, pad);
		crc32c_put(p + pad, crc);
		slot->trailer_len += PDU_DIGEST_LEN;
	}
}

void
sender_push(struct sender *s, const uint8_t *bhs, const uint8_t *ahs,
    size_t ahs_len, const struct iovec *iov, int iovcnt, size_t skip,
    size_t len, unsigned *refs)
{
	struct slot *slot = &s->slots[(s->first + s->count) % SENDER_SLOTS];

	/* The owner's bugs; there is no honest way to go on. */
	if (s->count == SENDER_SLOTS || ahs_len > AHS_MAX || ahs_len % 4 != 0 ||
	    len > PDU_DATA_LEN_MAX)
		__builtin_trap();
	if (s->end + SLOT_BYTES > RING_SIZE)
		s->end = 0;
	slot->header = s->ring + s->end;
	slot->iov = iov;
	slot->iov_off = 0;
	slot->iovcnt = iovcnt;
	slot->data_len = (uint32_t)len;
	slot->refs = refs;
	if (len > 0)
		slot_skip(slot, skip);
	slot_form(s, slot, bhs, ahs, ahs_len);
	if (refs != NULL)
		++*refs;
	s->end += (size_t)slot->header_len + slot->trailer_len;
	s->bytes += slot->header_len + len + slot->trailer_len;
	s->count++;
}

/* A vector under construction. */
struct gather {
	struct iovec *iov;
	int n;
	int max;
};

/* Adds bytes; false when there is no vector left for them. */
static inline bool
gather_add(struct gather *g, uint8_t *p, size_t len)
{
	struct iovec *last;

	if (len == 0)
		return true;
	if (g->n > 0) {
		last = &g->iov[g->n - 1];
		if ((uint8_t *)last->iov_base + last->iov_len == p) {
			last->iov_len += len;
			return true;
		}
	}
	if (g->n == g->max)
		return false;
	g->iov[g->n].iov_base = p;
	g->iov[g->n++].iov_len = len;
	return true;
}

static bool
gather_payload(struct gather *g, const struct slot *slot)
{
	const struct iovec *v = slot->iov;
	size_t off = slot->iov_off, left = slot->data_len, len;

	for (int i = 0; left > 0; i++, off = 0) {
		if (i == slot->iovcnt)
			__builtin_trap();
		len = v[i].iov_len - off;
		if (len > left)
			len = left;
		if (!gather_add(g, (uint8_t *)v[i].iov_base + off, len))
			return false;
		left -= len;
	}
	return true;
}

int
sender_iov(struct sender *s, struct iovec *iov, int max)
{
	struct gather g = { .iov = iov, .n = 0, .max = max };
	const struct slot *slot;

	for (unsigned i = 0; i < s->count; i++) {
		slot = &s->slots[(s->first + i) % SENDER_SLOTS];
		if (!gather_add(&g, slot->header, slot->header_len) ||
		    !gather_payload(&g, slot) ||
		    !gather_add(
			&g, slot->header + slot->header_len, slot->trailer_len))
			break;
	}
	return g.n;
}

/* The first n bytes of what is left have gone, but not all. */
static void
slot_sent(struct slot *slot, size_t n)
{
	size_t part;

	part = n < slot->header_len ? n : slot->header_len;
	slot->header += part;
	slot->header_len -= (uint16_t)part;
	n -= part;

	part = n < slot->data_len ? n : slot->data_len;
	slot->data_len -= (uint32_t)part;
	if (part > 0 && slot->data_len > 0)
		slot_skip(slot, part);
	n -= part;

	slot->header += n;
	slot->trailer_len -= (uint16_t)n;
}

void
sender_done(struct sender *s, size_t n)
{
	struct slot *slot;
	size_t left;

	if (n > s->bytes)
		__builtin_trap();
	s->bytes -= n;
	while (n > 0) {
		slot = &s->slots[s->first];
		left = slot->header_len + (size_t)slot->data_len +
		       slot->trailer_len;
		if (n < left) {
			slot_sent(slot, n);
			return;
		}
		n -= left;
		if (slot->refs != NULL)
			--*slot->refs;
		s->first = (s->first + 1) % SENDER_SLOTS;
		s->count--;
	}
	if (s->count == 0)
		s->end = 0;
}
