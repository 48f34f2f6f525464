/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server - listens for iSCSI connections and binds each to a tconn of the
 * embedded target.
 */
#ifndef IO_SERVER_H
#define IO_SERVER_H

#include "base/error.h"
#include "io/loop.h"
#include "target/target.h"

struct server;

/* listen_at: "addr:port", IPv6 in brackets, numeric; port 0 takes a free one.
 * The target must outlive the server. */
int server_new(struct loop *, struct target *, const char *listen_at,
    const struct log *log, struct server **ret, struct error *err);
/* "addr:port" really bound. */
const char *server_address(const struct server *);
void server_free(struct server *); /* closes every connection; takes NULL */

#endif
