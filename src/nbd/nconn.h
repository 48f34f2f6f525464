/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nconn - a connection of the NBD server, as its own parts see it (nbd.h is the
 * driver's view).
 *
 *                   nconn_rx_done                      nconn_tx_iov
 *     nreader --->  nhandshake.c: options -----------> out
 *                   ntransmit.c: requests                |
 *                      |                                 v
 *                   nrequest.c ---> nreply.c ---------> tx
 *
 *     GREETING --> OPTIONS <--> TLS        every state --> CLOSED
 *                     |
 *                     v
 *                  TRANSMISSION --> DRAIN
 *
 * A request is an nrequest in one of the connection's slots from its header to
 * the last byte of its reply:
 *
 *     FREE --> PAYLOAD --> RUN --> REPLY --> FREE
 *
 * Invariants:
 *  - Slots and NCONN_HELD_MAX bound what a client can make us keep.  The header
 *    of a request that does not fit stays in the ring, and nothing is read
 *    (`paused`), until replies have gone.  What holds up a connection is its
 *    own: its share has room for a request of the largest size.
 *  - Pipes are few, and what is in one that waits for its client has left the
 *    processor's cache.  So READs that may use them have a window of bytes,
 *    which opens while the client has taken every reply when the next one is
 *    there (the target is far away) and closes while replies wait for it.
 *  - An option is begun only when the answers to the one before have gone.
 *  - A request in RUN outlives the end of its connection; the nconn stays in
 *    memory, without its ring, until the last one is done.  While these keep
 *    NBD_HELD_MAX, nobody else may connect.
 */
#ifndef NBD_NCONN_H
#define NBD_NCONN_H

#include <sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "nbd/nbd_impl.h"
#include "nbd/nreader.h"
#include "nbd/nwire.h"

#define NCONN_SLOTS	   128
#define NCONN_HELD_MAX	   ((size_t)64 << 20)	     /* bytes of payload */
#define NCONN_HELD_SHARE   ((size_t)NBD_PAYLOAD_MAX) /* that it always may */
#define NCONN_WINDOW_LEAST ((size_t)2 << 20)
#define NCONN_GONE_SIZE	   ((size_t)64 << 10) /* counted besides, when gone */
#define NCONN_EXTENTS	   256 /* descriptors in one answer, at the most */
#define NCONN_PEER_MAX	   128
#define NCONN_HANDSHAKE	   (30 * CLOCK_S)   /* all of it may take */
#define NCONN_LINGER	   (15 * CLOCK_S)   /* for the last replies to go */
#define NCONN_PROOF	   (500 * CLOCK_MS) /* a client that is gone says so */
#define NCONN_META_CONTEXT 1		    /* the ID of base:allocation */

enum nrequest_state {
	NREQUEST_FREE,
	NREQUEST_PAYLOAD, /* coming in: conn->rx */
	NREQUEST_RUN,	  /* with the bdev */
	NREQUEST_REPLY	  /* in the tx queue */
};

struct nrequest {
	struct bdev_req req; /* first: a bdev_req is cast to its nrequest */
	struct nconn *conn;
	TAILQ_ENTRY(nrequest) link; /* of free or tx */
	enum nrequest_state state;
	struct nwire_request wire;
	enum nbd_error error;
	const char *text; /* of the error, for a human */
	struct iovec iov; /* the buffer, as far as the request uses it */
	uint8_t *buf;	  /* from the pool */
	size_t buf_size;
	size_t charge;	    /* counted in held_bytes, ours and the server's */
	bool windowed;	    /* and in windowed_bytes */
	struct kpipe *pipe; /* instead of buf: what a READ has brought */

	/* The reply: header and what stands before the payload; then the
	 * payload, which is in buf, in pipe (then iov_base is NULL) or static.
	 */
	uint8_t head[NBD_REPLY_LEN_MAX + 8];
	size_t head_len;
	struct iovec payload;
};
TAILQ_HEAD(nrequest_queue, nrequest);

enum nconn_state {
	NCONN_GREETING, /* the client's flags are awaited */
	NCONN_OPTIONS,
	NCONN_TLS,	    /* STARTTLS was granted */
	NCONN_TRANSMISSION, /* requests are served */
	NCONN_DRAIN,	    /* nothing is read; what is left is sent */
	NCONN_CLOSED
};

struct nconn {
	struct nbd *nbd;
	TAILQ_ENTRY(nconn) link;
	enum nconn_state state;
	struct error why; /* DRAIN, CLOSED */
	bool gone;	  /* nconn_free() was called */
	char peer[NCONN_PEER_MAX + 1];
	void (*wake)(void *ctx);
	void *wake_ctx;
	bool driving;	       /* inside a call of the driver: no wake needed */
	uint64_t now;	       /* at the driver's last call */
	uint64_t end_deadline; /* of the handshake, of DRAIN */

	struct nreader reader;
	bool paused;	   /* not read until something has been sent */
	bool finished;	   /* the client sends no more */
	uint64_t proof_at; /* it is paused, but would have gone by then */

	/* Handshake. */
	bool fixed; /* the client knows fixed newstyle */
	bool no_zeroes;
	bool tls;	/* is up */
	bool in_option; /* its header was taken */
	bool oversized; /* its data are being thrown away */
	struct nwire_option option;
	uint8_t *out; /* answers */
	size_t out_len, out_sent, out_room;

	/* What was negotiated. */
	enum nwire_mode mode;
	struct nexport *meta;	/* NULL: no metadata context is selected */
	struct nexport *export; /* TRANSMISSION */
	uint16_t flags;		/* transmission flags as told */

	/* Transmission. */
	struct nrequest *slots;
	struct nrequest_queue free;
	struct nrequest_queue tx;
	size_t tx_sent;			  /* bytes of the first reply in tx */
	struct nrequest *rx;		  /* whose payload is coming in */
	const struct kpipe_source *pipes; /* for READs; NULL: none */
	struct kpipe *tx_pipe; /* behind the vectors that were offered last */
	unsigned running;
	size_t held_bytes;
	size_t window; /* for the bytes of READs that may use a pipe */
	size_t windowed_bytes;
	size_t queued_bytes; /* payload of the replies in tx */
};

/* ---- nconn.c ---- */

/* Ends the connection at once, or when all that is queued has been sent. */
void nconn_kill(struct nconn *, enum error_class, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void nconn_drain(struct nconn *, const char *why);
void nconn_wake(struct nconn *);
/* Frees a connection that is gone when its last request is done. */
void nconn_reap(struct nconn *);

/* ---- nhandshake.c ---- */

void nhandshake_greet(struct nconn *);
/* Each takes what is next in the ring; false when more has to come first. */
bool nhandshake_take_flags(struct nconn *);
bool nhandshake_take_option(struct nconn *);

/* Adds the answer to NBD_OPT_EXPORT_NAME. */
void nhandshake_export(struct nconn *);
/* Adds an answer to the present option. */
void nhandshake_answer(
    struct nconn *, uint32_t type, const void *data, size_t len);
/* The same, in two pieces. */
void nhandshake_answer2(struct nconn *, uint32_t type, const void *head,
    size_t head_len, const void *data, size_t len);
void nhandshake_error(struct nconn *, uint32_t type, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- noption.c ---- */

/* Carries out an option whose data is here (data is NULL: there was too much of
 * it, and it was thrown away). */
void noption_run(struct nconn *, const uint8_t *data);

/* ---- nmeta.c ---- */

void nmeta_list(struct nconn *, const uint8_t *data, size_t len);
void nmeta_set(struct nconn *, const uint8_t *data, size_t len);

/* ---- ntransmit.c ---- */

bool ntransmit_take(struct nconn *);

/* ---- nrequest.c ---- */

/* Room for a request that holds that many bytes; false: not now. */
bool nrequest_fits(const struct nconn *, size_t bytes);
/* What may use a pipe has to be in the window, too. */
bool nrequest_in_window(
    const struct nconn *, const struct nwire_request *, size_t bytes);
/* Takes a slot, which there is.  The bytes are charged. */
struct nrequest *nrequest_new(
    struct nconn *, const struct nwire_request *, size_t bytes);
/* Gives it a buffer of its charged size; false: no memory.  A READ gets it when
 * its data comes. */
bool nrequest_take_buffer(struct nrequest *);
void nrequest_free(struct nrequest *);
/* Hands it to the bdev. */
void nrequest_run(struct nrequest *, enum bdev_op, uint32_t flags);
/* Ends it: the reply is queued. */
void nrequest_end(struct nrequest *, enum nbd_error, const char *text);

/* ---- nreply.c ---- */

void nreply_form(struct nrequest *);

#endif
