/* SPDX-License-Identifier: BSD-2-Clause */
/* tls.h, in a build without GnuTLS: there are no credentials, hence no
 * connections. */
#include "io/tls.h"

#include <stddef.h>

int
tls_server_new(
    const struct tls_config *config, struct tls_server **ret, struct error *err)
{
	(void)config;
	(void)ret;
	return error_set(
	    err, ERROR_USAGE, "TLS: this luntap was built without GnuTLS");
}

void
tls_server_free(struct tls_server *server)
{
	(void)server;
}

struct tls *
tls_start(const struct tls_server *server, struct stream *stream,
    const char *peer, const struct log *log, void (*ready)(void *ctx))
{
	(void)server;
	(void)stream;
	(void)peer;
	(void)log;
	(void)ready;
	return NULL;
}

bool
tls_bye(struct tls *t)
{
	(void)t;
	return true;
}

void
tls_free(struct tls *t)
{
	(void)t;
}
