/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nreader - the ring, which is linear memory: what is left in it moves to its
 * beginning when more is to be received, and that is a part of one header or
 * option at most, since its owner takes all that it can.
 *
 * Only the window is offered.  Small requests want a wide one (many in one
 * receive); behind a large payload a narrow one is better: there the next large
 * payload would arrive in the ring and have to be copied, where one header
 * would have done.
 */
#include "nbd/nreader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_WIDE   ((size_t)160 << 10) /* 32 writes of 4 KiB */
#define WINDOW_NARROW ((size_t)4 << 10)
#define PAYLOAD_LARGE ((size_t)32 << 10)

int
nreader_init(struct nreader *r)
{
	*r = (struct nreader){ .ring = malloc(WINDOW_WIDE) };
	return r->ring == NULL ? -ENOMEM : 0;
}

void
nreader_fini(struct nreader *r)
{
	free(r->ring);
	r->ring = NULL;
}

int
nreader_iov(struct nreader *r, struct iovec *iov, int max)
{
	size_t window = r->large ? WINDOW_NARROW : WINDOW_WIDE;
	int n = 0;

	if (r->left > 0 && r->place != NULL) {
		iov[n].iov_base = r->place;
		iov[n++].iov_len = r->left;
		if (n == max)
			return n;
	}
	if (r->head > 0) {
		r->tail -= r->head;
		if (r->tail > 0)
			memmove(r->ring, r->ring + r->head, r->tail);
		r->head = 0;
	}
	iov[n].iov_base = r->ring + r->tail;
	iov[n++].iov_len = window - r->tail;
	return n;
}

void
nreader_done(struct nreader *r, size_t n)
{
	size_t placed;

	if (r->left > 0 && r->place != NULL) {
		placed = n < r->left ? n : r->left;
		r->place += placed;
		r->left -= placed;
		n -= placed;
	}
	r->tail += n;
}

const uint8_t *
nreader_peek(const struct nreader *r, size_t n)
{
	return r->tail - r->head < n ? NULL : r->ring + r->head;
}

void
nreader_skip(struct nreader *r, size_t n)
{
	r->head += n;
}

bool
nreader_empty(const struct nreader *r)
{
	return r->head == r->tail;
}

/* Moves what has come of the payload out of the ring. */
static void
take_payload(struct nreader *r)
{
	size_t have = r->tail - r->head;

	if (have > r->left)
		have = r->left;
	if (r->place != NULL) {
		memcpy(r->place, r->ring + r->head, have);
		r->place += have;
	}
	r->head += have;
	r->left -= have;
}

void
nreader_place(struct nreader *r, uint8_t *memory, size_t len)
{
	r->place = memory;
	r->left = len;
	r->large = len >= PAYLOAD_LARGE;
	take_payload(r);
}

bool
nreader_placed(struct nreader *r)
{
	if (r->left > 0 && r->place == NULL)
		take_payload(r);
	return r->left == 0;
}
