/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nbd - the NBD server: bdevs as exports, in the fixed newstyle protocol of the
 * NBD specification (doc/proto.md of NetworkBlockDevice/nbd).  Sans-IO like the
 * target: io/server.c moves the bytes.
 *
 *     nbd --- exports (a name over a bdev)
 *      |
 *      +--- nconn (one connection: handshake, then transmission)
 *
 * Any number of connections may use one export.  They share its bdev, whose
 * flush covers the writes of all of them (NBD_FLAG_CAN_MULTI_CONN).
 */
#ifndef NBD_NBD_H
#define NBD_NBD_H

#include <sys/uio.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bdev.h"
#include "base/clock.h"
#include "base/engine.h"
#include "base/error.h"
#include "base/log.h"
#include "base/kpipe.h"

#define NBD_NAME_MAX	4096 /* bytes of a string, the specification's bound */
#define NBD_PAYLOAD_MAX ((uint32_t)32 << 20) /* bytes of one READ or WRITE */

struct nbd;
struct nconn;

enum nbd_tls {
	NBD_TLS_OFF,	/* STARTTLS is refused */
	NBD_TLS_ON,	/* offered */
	NBD_TLS_REQUIRE /* nothing is told or served without */
};

struct nbd_config {
	enum nbd_tls tls;
	/* Large READs of clients without TLS may go through these; the driver
	 * asks nconn_tx_pipe() then.  NULL: none.  Outlives the server. */
	const struct kpipe_source *pipes;
	const struct log *log;
};

struct nbd_stats {
	unsigned connections; /* not yet freed */
	unsigned in_flight;   /* requests with the bdevs, those of freed
				 connections too */
	uint64_t requests;    /* that were taken, ever */
	uint64_t errors;      /* of these, answered with an error */
	uint64_t read_bytes;  /* payload, ever */
	uint64_t piped_bytes; /* of them, those that went through a pipe */
	uint64_t written_bytes;
};

/* NULL when memory is short.  The config is copied, the log is not. */
struct nbd *nbd_new(const struct nbd_config *);
/* Every nconn is freed before and nothing is in flight.  The bdevs stay their
 * owner's.  Takes NULL. */
void nbd_free(struct nbd *);
/*
 * Adds an export.  name, not empty, is what NBD_OPT_LIST tells; is_default: the
 * export is known as "" too.  description may be NULL.  Both are copied.
 * -EEXIST: there is one of that name, or a default one; -EINVAL: a string is
 * empty or longer than NBD_NAME_MAX; -ENOMEM.
 */
int nbd_add_export(struct nbd *, const char *name, const char *description,
    struct bdev *, bool is_default);
void nbd_stats(const struct nbd *, struct nbd_stats *ret);
/*
 * The server is going down: what is in flight is done and answered, what still
 * comes is answered with NBD_ESHUTDOWN or NBD_REP_ERR_SHUTDOWN, and each
 * connection is closed (nconn_closing()) as soon as it has nothing in flight
 * and nothing to send.
 */
void nbd_shutdown(struct nbd *);

/* Transmission flags (NBD_FLAG_...) of an export of this bdev, as the handshake
 * tells them and as the kernel is told when a device is attached. */
uint16_t nbd_export_flags(const struct bdev *);

/*
 * A connection was accepted: the handshake begins.  peer is for the log.
 * wake(wake_ctx) is called when there is something to send, or the connection
 * is to be closed, for a reason outside of the driver's calls.  NULL: no
 * memory, or connections that are gone still keep too much of it.
 */
struct nconn *nconn_new(struct nbd *, const char *peer, void (*wake)(void *ctx),
    void *wake_ctx, uint64_t now);
/*
 * The same, past the handshake: the peer is the kernel's nbd driver, which
 * speaks transmission with simple replies from the first byte.  name: an
 * export's; NULL when there is none, too.
 */
struct nconn *nconn_new_attached(struct nbd *, const char *name,
    const char *peer, void (*wake)(void *ctx), void *wake_ctx, uint64_t now);
/* The transport is gone.  Requests that are still with a bdev keep their
 * buffers until they are done; the nconn itself may be forgotten by the caller.
 * Takes NULL. */
void nconn_free(struct nconn *);

/* 0 vectors: stop reading until something has been sent, or wake(). */
int nconn_rx_iov(struct nconn *, struct iovec *iov, int max);
void nconn_rx_done(struct nconn *, size_t n, uint64_t now);
/*
 * The client sends no more; all: and what it has sent was handed in.  What is
 * in flight is done and answered, then the connection is to be closed.  Once
 * told without all, requests for which there was no room so far are not taken
 * before the client has had time to say that it has gone (nconn_tick()).
 */
void nconn_rx_end(struct nconn *, bool all, uint64_t now);
int nconn_tx_iov(struct nconn *, struct iovec *iov, int max, uint64_t now);
void nconn_tx_done(struct nconn *, size_t n, uint64_t now);
/* The pipe whose bytes follow the vectors of the last nconn_tx_iov(), or NULL.
 */
struct kpipe *nconn_tx_pipe(struct nconn *);
uint64_t nconn_deadline(const struct nconn *);
void nconn_tick(struct nconn *, uint64_t now);

/*
 * True when the answer to NBD_OPT_STARTTLS has been sent: the transport turns
 * to TLS now.  From then to nconn_tls_ready() the nconn receives nothing and
 * sends nothing; the deadline of the handshake goes on.  Bytes that came in the
 * clear behind the request have ended the connection.
 */
bool nconn_wants_tls(const struct nconn *);
void nconn_tls_ready(struct nconn *);

/* True once the connection is to be closed: everything queued has been sent, or
 * nothing more may be.  The error says why, ERROR_NONE after NBD_CMD_DISC,
 * NBD_OPT_ABORT and nbd_shutdown().  The nconn has logged it. */
bool nconn_closing(const struct nconn *, struct error *ret_why);

/* The same calls as a table, whose ctx is a struct nbd. */
extern const struct engine_ops nbd_engine;
/* And for nconn_new_attached(). */
struct nbd_attached {
	struct nbd *nbd;
	const char *name;
};
extern const struct engine_ops nbd_attached_engine; /* its ctx is that */

#endif
