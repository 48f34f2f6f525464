/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sender - the send side of an iSCSI connection: PDUs in, vectors out.  Both
 * roles use it.
 *
 * A fixed number of slots holds the PDUs that have been formed but not wholly
 * sent.  A slot carries the header, the digests and the padding; the payload
 * stays in the memory of its owner and is sent from there.  Everything queued
 * is offered as one vector, so that one sendmsg takes it all.  The owner forms
 * PDUs only while there is room (sender_room) and so decides late what goes
 * next, with the newest CmdSN and ExpStatSN.
 *
 * The payload is referenced until the whole PDU has gone: *refs is raised by
 * sender_push() and lowered by sender_done() or sender_free(); the memory may
 * be reused when it is 0.
 */
#ifndef PROTO_SENDER_H
#define PROTO_SENDER_H

#include <sys/uio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sender;

#define SENDER_SLOTS 128

struct sender *sender_new(void); /* NULL when memory is short */
void sender_free(struct sender *);

/* Digests in use for PDUs pushed from now on. */
void sender_set_digests(struct sender *, bool header, bool data);

/* How many PDUs may be pushed now. */
unsigned sender_room(const struct sender *);
/* Bytes formed and not yet sent. */
size_t sender_bytes(const struct sender *);

/*
 * Queues one PDU.  bhs: 48 bytes, whose DataSegmentLength and TotalAHSLength
 * are set here from len and ahs_len.  ahs may be NULL; at most 16 bytes, its
 * own padding included.  The payload is [skip, skip + len) of the vectors; the
 * array of vectors and the memory must stay valid until *refs falls (refs may
 * be NULL for payload of static lifetime).  Pushing without room is a bug, and
 * traps.
 */
void sender_push(struct sender *, const uint8_t *bhs, const uint8_t *ahs,
    size_t ahs_len, const struct iovec *iov, int iovcnt, size_t skip,
    size_t len, unsigned *refs);

/* What wants to be sent: 0 .. max vectors, valid until the next call. */
int sender_iov(struct sender *, struct iovec *iov, int max);
/* The first n of those bytes have gone. */
void sender_done(struct sender *, size_t n);

#endif
