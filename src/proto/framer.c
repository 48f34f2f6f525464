/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * framer - the ring and where it stands in the present PDU.
 *
 *      ring:   0      head            tail          window        size
 *              |       |xxxxxxxxxxxxxx|             |              |
 *              | used  | not yet read | offered     | untouched    |
 *
 * What is left unread when more is to be received moves to the beginning, and
 * since the owner reads until FRAMER_MORE, that is a part of one PDU at most:
 * a payload that is to be contiguous moves once.  A header is copied out of
 * the ring, so that its payload, and the next header, may overwrite it.
 *
 * Invariant: while a placed or piped payload is incomplete the ring is empty,
 * for framer_place() takes out all that belongs to it, and framer_pipe() is
 * only for one of which nothing has come; so the bytes that follow the payload
 * are received at the ring's beginning.
 *
 * Only the window is ever touched, and that decides how the cache fares.  Small
 * PDUs want a wide one (many in one recv).  After a large payload a narrow one
 * is better: there the next large payload would arrive in the ring and have to
 * be copied, where a few headers would have done.
 */
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "proto/framer.h"
#include "proto/pdu.h"

#define WINDOW_WIDE   ((size_t)192 * 1024)
#define WINDOW_NARROW ((size_t)4096) /* >= the longest header */
#define PAYLOAD_LARGE ((uint32_t)32 * 1024)
#define TRAILER_MAX   (3 + PDU_DIGEST_LEN)
#define HEADER_LEN    (PDU_BHS_LEN + PDU_DIGEST_LEN) /* without AHS */

enum where {
	PAYLOAD_IN_RING, /* collected there until it is whole */
	PAYLOAD_PLACED,
	PAYLOAD_PIPED, /* goes elsewhere without coming here */
	PAYLOAD_DROPPED
};

struct framer {
	uint8_t *ring;
	size_t head;
	size_t tail;

	bool in_pdu; /* FRAMER_HEADER has been told, FRAMER_PDU not */
	bool large;  /* the last payload was */
	bool header_digest;
	bool data_digest;
	uint32_t max_data;
	uint32_t room; /* the longest payload that fits the ring */

	/* Of the present PDU, when in_pdu. */
	enum where where;
	bool digest; /* a DataDigest follows the payload */
	uint32_t data_len;
	uint32_t left; /* payload bytes to come; in the ring: all of them */
	uint32_t pad;
	uint32_t crc;		 /* of the payload that has left the ring */
	const struct iovec *iov; /* PAYLOAD_PLACED: where the next byte goes */
	int iovcnt;
	size_t iov_off;

	uint8_t header[PDU_BHS_LEN + PDU_AHS_LEN_MAX];
};

struct framer *
framer_new(uint32_t max_data)
{
	struct framer *f = calloc(1, sizeof(*f));
	size_t size = (size_t)max_data + TRAILER_MAX + HEADER_LEN;

	if (f == NULL)
		return NULL;
	f->ring = malloc(size < WINDOW_WIDE ? WINDOW_WIDE : size);
	if (f->ring == NULL) {
		free(f);
		return NULL;
	}
	f->max_data = f->room = max_data;
	return f;
}

void
framer_free(struct framer *f)
{
	if (f == NULL)
		return;
	free(f->ring);
	free(f);
}

void
framer_set_digests(struct framer *f, bool header, bool data)
{
	f->header_digest = header;
	f->data_digest = data;
}

void
framer_set_max_data(struct framer *f, uint32_t max_data)
{
	if (max_data > f->room)
		__builtin_trap(); /* a bug of the owner's */
	f->max_data = max_data;
}

static size_t
trailer_len(const struct framer *f)
{
	return f->pad + (f->digest ? PDU_DIGEST_LEN : 0);
}

/* Offers the rest of a placed payload.  Returns the number of vectors, or -1
 * when that does not cover it. */
static int
placed_iov(const struct framer *f, struct iovec *iov, int max)
{
	const struct iovec *v = f->iov;
	size_t off = f->iov_off, left = f->left, len;
	int n = 0;

	for (int i = 0; left > 0; i++, off = 0) {
		if (i == f->iovcnt)
			__builtin_trap(); /* too short: see framer_place() */
		len = v[i].iov_len - off;
		if (len == 0)
			continue;
		if (n == max)
			return -1;
		if (len > left)
			len = left;
		iov[n].iov_base = (uint8_t *)v[i].iov_base + off;
		iov[n++].iov_len = len;
		left -= len;
	}
	return n;
}

/* The ring's vector ends at `window` of its unread bytes. */
static int
rx_iov(struct framer *f, struct iovec *iov, int max, size_t window)
{
	int n = 0;

	if (f->in_pdu && f->where == PAYLOAD_PIPED && f->left > 0)
		return 0;
	if (f->in_pdu && f->where == PAYLOAD_PLACED && f->left > 0) {
		n = placed_iov(f, iov, max);
		if (n < 0)
			return max;
		if (n == max)
			return n;
	}
	if (f->head > 0) {
		f->tail -= f->head;
		if (f->tail > 0)
			memmove(f->ring, f->ring + f->head, f->tail);
		f->head = 0;
	}
	if (f->tail < window) {
		iov[n].iov_base = f->ring + f->tail;
		iov[n++].iov_len = window - f->tail;
	}
	return n;
}

int
framer_rx_iov(struct framer *f, struct iovec *iov, int max)
{
	size_t window = f->large ? WINDOW_NARROW : WINDOW_WIDE;
	size_t need;

	if (f->in_pdu && f->where == PAYLOAD_IN_RING) {
		need = f->left + trailer_len(f);
		if (window < need)
			window = need;
	}
	return rx_iov(f, iov, max, window);
}

/* As far as the end of a header: of the present one or, when that is here, the
 * next. */
static size_t
unit(const struct framer *f)
{
	size_t need = PDU_BHS_LEN + (f->header_digest ? PDU_DIGEST_LEN : 0);

	if (!f->in_pdu && f->tail - f->head >= PDU_BHS_LEN)
		return need + pdu_ahs_len(f->ring + f->head);
	if (f->in_pdu)
		need += trailer_len(f);
	if (f->in_pdu && f->where != PAYLOAD_PLACED)
		need += f->left;
	return need;
}

int
framer_rx_unit(struct framer *f, struct iovec *iov, int max)
{
	return rx_iov(f, iov, max, unit(f));
}

/* The next n bytes of a placed payload are at src, or, when src is NULL, in
 * place already. */
static void
place_bytes(struct framer *f, const uint8_t *src, size_t n)
{
	uint8_t *dst;
	size_t len;

	f->left -= (uint32_t)n;
	while (n > 0) {
		if (f->iovcnt == 0)
			__builtin_trap(); /* too short: see framer_place() */
		dst = (uint8_t *)f->iov->iov_base + f->iov_off;
		len = f->iov->iov_len - f->iov_off;
		if (len > n) {
			len = n;
			f->iov_off += n;
		} else {
			f->iov++;
			f->iovcnt--;
			f->iov_off = 0;
		}
		if (len == 0)
			continue;
		if (src != NULL) {
			memcpy(dst, src, len);
			src += len;
		}
		if (f->digest)
			f->crc = crc32c(f->crc, dst, len);
		n -= len;
	}
}

void
framer_rx_done(struct framer *f, size_t n)
{
	size_t placed;

	if (f->in_pdu && f->where == PAYLOAD_PLACED && f->left > 0) {
		placed = n < f->left ? n : f->left;
		place_bytes(f, NULL, placed);
		n -= placed;
	}
	f->tail += n;
}

/* A header and its digest, if they are here. */
static enum framer_event
next_header(struct framer *f, struct framer_pdu *ret, struct error *err)
{
	const uint8_t *p = f->ring + f->head;
	size_t have = f->tail - f->head;
	size_t digest_len = f->header_digest ? PDU_DIGEST_LEN : 0;
	size_t len;
	uint32_t data_len;

	if (have < PDU_BHS_LEN)
		return FRAMER_MORE;
	len = PDU_BHS_LEN + pdu_ahs_len(p);
	if (have < len + digest_len)
		return FRAMER_MORE;
	if (f->header_digest && crc32c(0, p, len) != crc32c_get(p + len)) {
		error_set(
		    err, ERROR_FAILED, "a header arrived with a wrong digest");
		return FRAMER_BROKEN;
	}
	data_len = pdu_data_len(p);
	if (data_len > f->max_data) {
		error_set(err, ERROR_FAILED,
		    "a PDU (%s, opcode 0x%02x) announced %u bytes of data, but "
		    "no more than %u may be sent to us",
		    pdu_opcode_name(pdu_opcode(p)), pdu_opcode(p),
		    (unsigned)data_len, (unsigned)f->max_data);
		return FRAMER_BROKEN;
	}
	memcpy(f->header, p, PDU_BHS_LEN);
	if (len > PDU_BHS_LEN)
		memcpy(f->header + PDU_BHS_LEN, p + PDU_BHS_LEN,
		    len - PDU_BHS_LEN);
	f->head += len + digest_len;
	f->in_pdu = true;
	f->where = PAYLOAD_IN_RING;
	f->digest = f->data_digest && data_len > 0;
	f->data_len = f->left = data_len;
	f->pad = -data_len & 3;
	f->crc = 0;
	if (data_len > 0)
		f->large = data_len >= PAYLOAD_LARGE;

	ret->bhs = f->header;
	ret->ahs = f->header + PDU_BHS_LEN;
	ret->ahs_len = len - PDU_BHS_LEN;
	ret->data = NULL;
	ret->data_len = data_len;
	ret->digest_ok = true;
	return FRAMER_HEADER;
}

/* The end of the PDU, if it is here. */
static enum framer_event
next_payload(struct framer *f, struct framer_pdu *ret)
{
	const uint8_t *p = f->ring + f->head;
	size_t have = f->tail - f->head;
	size_t data, drop;
	bool ok = true;

	if (f->where == PAYLOAD_DROPPED && f->left > 0) {
		drop = have < f->left ? have : f->left;
		if (f->digest)
			f->crc = crc32c(f->crc, p, drop);
		f->head += drop;
		f->left -= (uint32_t)drop;
		p += drop;
		have -= drop;
	}
	data = f->left;
	if (f->where != PAYLOAD_IN_RING && data > 0)
		return FRAMER_MORE;
	if (have < data + trailer_len(f))
		return FRAMER_MORE;
	if (f->digest)
		ok = crc32c(f->crc, p, data + f->pad) ==
		     crc32c_get(p + data + f->pad);
	f->head += data + trailer_len(f);
	f->left = 0;
	f->in_pdu = false;

	ret->bhs = f->header;
	ret->ahs = f->header + PDU_BHS_LEN;
	ret->ahs_len = pdu_ahs_len(f->header);
	ret->data = data > 0 ? p : NULL;
	ret->data_len = f->data_len;
	ret->digest_ok = ok;
	return FRAMER_PDU;
}

enum framer_event
framer_next(struct framer *f, struct framer_pdu *ret_pdu, struct error *err)
{
	if (f->in_pdu)
		return next_payload(f, ret_pdu);
	return next_header(f, ret_pdu, err);
}

void
framer_place(struct framer *f, const struct iovec *iov, int iovcnt, size_t skip)
{
	size_t have = f->tail - f->head;

	if (f->left == 0)
		return;
	skip += f->data_len - f->left;
	for (; iovcnt > 0 && skip >= iov->iov_len; iov++, iovcnt--)
		skip -= iov->iov_len;
	f->where = PAYLOAD_PLACED;
	f->iov = iov;
	f->iovcnt = iovcnt;
	f->iov_off = skip;
	if (have > f->left)
		have = f->left;
	place_bytes(f, f->ring + f->head, have);
	f->head += have;
}

bool
framer_pipe(struct framer *f)
{
	if (f->left == 0 || f->digest || f->tail > f->head)
		return false;
	f->where = PAYLOAD_PIPED;
	return true;
}

size_t
framer_pipe_left(const struct framer *f)
{
	return f->in_pdu && f->where == PAYLOAD_PIPED ? f->left : 0;
}

void
framer_piped(struct framer *f, size_t n)
{
	if (n > framer_pipe_left(f))
		__builtin_trap(); /* a bug of the owner's */
	f->left -= (uint32_t)n;
}

void
framer_unplace(struct framer *f)
{
	if (f->in_pdu)
		f->where = PAYLOAD_DROPPED;
}
