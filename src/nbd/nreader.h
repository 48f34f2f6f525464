/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nreader - the receive side of an NBD connection: a ring for headers and small
 * things, and payload straight into its owner's memory.
 *
 * The owner looks at the first bytes (nreader_peek), takes them (nreader_skip),
 * and says of a payload that follows where it belongs (nreader_place): what has
 * come already is copied, the rest is received in place, together with the next
 * headers.  While a payload is incomplete nothing is to be peeked at.
 */
#ifndef NBD_NREADER_H
#define NBD_NREADER_H

#include <sys/uio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NREADER_PEEK_MAX ((size_t)64 << 10) /* bytes to be peeked at */

struct nreader {
	uint8_t *ring;
	size_t head;	/* the first byte not taken */
	size_t tail;	/* behind the last one received */
	uint8_t *place; /* where the next byte of payload goes; NULL: nowhere */
	size_t left;	/* bytes of payload to come */
	bool large;	/* the last payload was */
};

int nreader_init(struct nreader *); /* 0 or -ENOMEM */
void nreader_fini(struct nreader *);

/* Where the next bytes go: 1 .. max vectors, max >= 1. */
int nreader_iov(struct nreader *, struct iovec *iov, int max);
/* n bytes have arrived in the vectors of the last nreader_iov(). */
void nreader_done(struct nreader *, size_t n);

/* The next n bytes, n <= NREADER_PEEK_MAX, or NULL when they are not here. */
const uint8_t *nreader_peek(const struct nreader *, size_t n);
void nreader_skip(struct nreader *, size_t n); /* that were peeked at */
/* Whether anything is here that was not taken. */
bool nreader_empty(const struct nreader *);

/* The next len bytes go to memory that stays valid until the payload is whole.
 * NULL: they are thrown away. */
void nreader_place(struct nreader *, uint8_t *memory, size_t len);
/* Whether the payload is whole. */
bool nreader_placed(struct nreader *);

#endif
