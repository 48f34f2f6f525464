/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * framer - the receive side of an iSCSI connection: bytes in, PDUs out
 * (RFC 7143, 11.2).  Both roles use it.
 *
 *   ring:  | BHS 48 | AHS | HeaderDigest | data | pad | DataDigest | BHS ...
 *
 * Bytes are received into one buffer (the ring: linear memory that starts
 * again at its beginning when it runs empty), so that one recv brings dozens of
 * small PDUs.  When the payload of a PDU belongs into memory of the caller's
 * (Data-In at the initiator, Data-Out at the target), the owner says where
 * after FRAMER_HEADER; what has arrived already is copied there and the rest is
 * received straight into place: framer_rx_iov() then offers {rest of that
 * memory, ring}.
 *
 * Padding is skipped whatever its value.  Digests are checked here: a wrong
 * header digest ends the connection (FRAMER_BROKEN), a wrong data digest is
 * told with the PDU, since what follows differs by role and recovery level.
 */
#ifndef PROTO_FRAMER_H
#define PROTO_FRAMER_H

#include <sys/uio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct framer;

enum framer_event {
	FRAMER_MORE,   /* nothing until more bytes come */
	FRAMER_HEADER, /* BHS and AHS are here; the payload (if any) is not yet:
			  call framer_place() now or take it from the ring */
	FRAMER_PDU,    /* the PDU is complete */
	FRAMER_BROKEN  /* not to be read on; the error says why */
};

struct framer_pdu {
	const uint8_t *bhs; /* 48 bytes, valid until the next FRAMER_HEADER */
	const uint8_t *ahs; /* TotalAHSLength * 4 bytes, valid as long */
	size_t ahs_len;
	const uint8_t *data; /* FRAMER_PDU: the payload in the ring, valid until
				the next call into the framer; NULL when it was
				placed or dropped, and when there is none */
	size_t data_len;     /* DataSegmentLength */
	bool digest_ok;	     /* FRAMER_PDU: DataDigest right or not in use */
};

/*
 * max_data: the MaxRecvDataSegmentLength that we declare, an upper bound for
 * every payload (a larger one is FRAMER_BROKEN).  Payloads that are not placed
 * need room in the ring, which is made large enough.  Returns NULL when memory
 * is short.
 */
struct framer *framer_new(uint32_t max_data);
void framer_free(struct framer *);

/* Digests in use from the next PDU on (after login). */
void framer_set_digests(struct framer *, bool header, bool data);
/* The bound for the next PDUs, not above framer_new()'s: 8192 during login. */
void framer_set_max_data(struct framer *, uint32_t max_data);

/* Where the next bytes go: 1 .. max vectors, max >= 1.  Valid until the next
 * call into the framer.  0 only when framer_next() was not asked until
 * FRAMER_MORE and the ring is full of what it would have told. */
int framer_rx_iov(struct framer *, struct iovec *iov, int max);
/* The same, but no byte of a payload is received together with what stands
 * before its header's end, so that all of it can still go elsewhere. */
int framer_rx_unit(struct framer *, struct iovec *iov, int max);
/* n bytes have arrived in the vectors of the last framer_rx_iov(). */
void framer_rx_done(struct framer *, size_t n);

/* The next event; call until FRAMER_MORE or FRAMER_BROKEN.  A PDU without
 * payload gives FRAMER_HEADER and then FRAMER_PDU all the same. */
enum framer_event framer_next(
    struct framer *, struct framer_pdu *ret_pdu, struct error *err);

/*
 * After FRAMER_HEADER or framer_pipe(): the payload goes to [skip, skip +
 * data_len) of the caller's vectors, as far as it has not gone elsewhere; which
 * stay valid until FRAMER_PDU or framer_free() or framer_unplace().  The caller
 * has checked that they are long enough.  The vectors are copied by reference:
 * the array must live as long.
 */
void framer_place(
    struct framer *, const struct iovec *iov, int iovcnt, size_t skip);
/*
 * After FRAMER_HEADER: the payload does not come here, but goes elsewhere, as
 * the caller tells with framer_piped().  False: that cannot be, since some of
 * it is here already, or has a digest to be checked.  framer_rx_iov() and
 * framer_rx_unit() offer nothing until it is complete.
 */
bool framer_pipe(struct framer *);
/* Bytes that are still to go elsewhere. */
size_t framer_pipe_left(const struct framer *);
/* n of them have. */
void framer_piped(struct framer *, size_t n);
/* After FRAMER_HEADER: the caller's memory goes away, or the payload is not
 * wanted at all: what is still to come of it is thrown away.  Its digest is
 * checked all the same. */
void framer_unplace(struct framer *);

#endif
