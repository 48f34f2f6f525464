/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socket - TCP connections without blocking: resolves a portal in the helper
 * pool and tries each of its addresses in turn; and the text form of addresses.
 */
#ifndef IO_SOCKET_H
#define IO_SOCKET_H

#include <sys/socket.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "io/loop.h"

#define ISCSI_PORT "3260" /* RFC 7143, 4.1.1 */

#define SOCKET_HOST_MAX 255
/* "[addr%scope]:port" */
#define SOCKET_NAME_MAX 127

struct socket_portal {
	char host[SOCKET_HOST_MAX + 1]; /* without brackets */
	char port[6];			/* digits */
};

/* "host", "host:port", "[v6]", "[v6]:port" or a bare v6 address.  0 or -EINVAL.
 */
int socket_parse(
    const char *text, const char *default_port, struct socket_portal *ret);

/* "addr:port", IPv6 in brackets; the path of a Unix socket. */
void socket_name(
    const struct sockaddr *, socklen_t, char ret[SOCKET_NAME_MAX + 1]);

/* For a connection that stands: what is written is sent at once (no Nagle),
 * and cheaply within one host. */
void socket_tune(int fd);
/* To a peer who may send much: the kernel opens the window for it as far as its
 * own tuning could (net.ipv4.tcp_rmem), now. */
void socket_open_window(int fd);
/* A peer that has vanished without a word ends the connection within two
 * minutes: for engines whose protocol does not ask for signs of life. */
void socket_keepalive(int fd);

/* An attempt to connect. */
struct connector;

/*
 * Begins to connect to portal; every address has timeout ns.  done() comes
 * once, never from in here: with a connected non-blocking socket, which is then
 * the caller's, or with fd -1 and why (class ERROR_UNREACHED).  0 or -errno.
 */
int connector_new(struct loop *, const char *portal, uint64_t timeout,
    void (*done)(void *ctx, int fd, const struct error *why), void *ctx,
    struct connector **ret);
/* Also from done(); ends an attempt that is under way.  Takes NULL. */
void connector_free(struct connector *);

#endif
