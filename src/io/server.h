/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server - accepts connections at any number of places, and binds each to a
 * connection of a protocol engine (base/engine.h): of the iSCSI target or of
 * the NBD server.
 */
#ifndef IO_SERVER_H
#define IO_SERVER_H

#include "base/engine.h"
#include "base/error.h"
#include "io/listener.h"
#include "io/loop.h"
#include "io/tls.h"

struct server;

struct server_config {
	const struct engine_ops *engine;
	void *engine_ctx; /* for its conn_new(); outlives the server */
	/* Of connections that want TLS; outlives the server.  NULL: the engine
	 * asks for none. */
	const struct tls_server *tls;
	const struct log *log;
};

/* A server that listens nowhere yet.  NULL: no memory. */
struct server *server_new(struct loop *, const struct server_config *);
/* 0, or -1 with err. */
int server_listen(struct server *, const struct listen_at *, struct error *err);
/* Where listener i, in the order of server_listen(), really listens:
 * "addr:port" or a path.  NULL: there are no more. */
const char *server_address(const struct server *, unsigned i);

/*
 * Takes over a connected stream socket, which is closed in case of failure too.
 * name is that of the peer.  engine may be another one than the server's; ctx
 * is for its conn_new().  0 or -errno; -EAGAIN: too many are connected;
 * -ECONNREFUSED: conn_new() does not take it.
 */
int server_adopt(struct server *, int fd, const char *name,
    const struct engine_ops *, void *ctx);

/* Listens nowhere any more; connections go on. */
void server_stop(struct server *);
unsigned server_connections(const struct server *);
void server_free(struct server *); /* closes every connection; takes NULL */

#endif
