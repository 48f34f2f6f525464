/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls - the server's side of TLS, by GnuTLS, for connections that begin in the
 * clear and turn to TLS later (NBD_OPT_STARTTLS).
 *
 *     stream --- tls --- engine
 *
 * A tls has the same edge as the engine, and sits between it and the stream:
 * the stream moves records, the engine sees the text in them.  It makes no
 * system call of its own, and a stream without TLS does not know of it.
 *
 * TLS 1.2 or later, by what the system's policy for GnuTLS allows of it; no
 * renegotiation, no resumption.  The time that a handshake may take is for the
 * engine to bound, whose deadline goes on.
 *
 * Where luntap is built without GnuTLS, tls_server_new() always fails.
 */
#ifndef IO_TLS_H
#define IO_TLS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/log.h"
#include "io/stream.h"

/* Either certificates or psk_file. */
struct tls_config {
	/* A folder with server-cert.pem and server-key.pem, with verify_peer
	 * also ca-cert.pem and, when there are revocations, ca-crl.pem: the
	 * names that qemu and nbdkit use. */
	const char *certificates;
	/* Lines user:hexkey, as psktool makes them. */
	const char *psk_file;
	/* Clients must have a certificate that ca-cert.pem has signed. */
	bool verify_peer;
};

struct tls_server; /* the credentials */
struct tls;	   /* one connection */

/* Reads and checks the files, once.  Keys that others may read are refused.
 * 0, or -1 with err. */
int tls_server_new(
    const struct tls_config *, struct tls_server **ret, struct error *err);
/* After every tls that was started with it.  Takes NULL. */
void tls_server_free(struct tls_server *);

/*
 * Puts itself between an open stream and its engine.  The engine has sent what
 * goes in the clear and received what comes in the clear; it is asked nothing
 * until ready(ctx of the stream's ops), which says that the handshake is
 * complete.  peer is for the log, which is told who the client is or what went
 * wrong; ended() of the engine follows the latter with error 0.
 *
 * NULL: memory is short, and the stream is as it was.
 */
struct tls *tls_start(const struct tls_server *, struct stream *,
    const char *peer, const struct log *, void (*ready)(void *ctx));
/*
 * When the engine has ended the connection, before the stream is closed: tells
 * the peer so.  False while records wait for a full socket: the engine's
 * active() comes when to ask again.  May call ended().
 */
bool tls_bye(struct tls *);
/* After stream_close().  Takes NULL. */
void tls_free(struct tls *);

#endif
