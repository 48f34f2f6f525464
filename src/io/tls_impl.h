/* SPDX-License-Identifier: BSD-2-Clause */
/* tls_impl - what tls.c and tls_credentials.c share. */
#ifndef IO_TLS_IMPL_H
#define IO_TLS_IMPL_H

#include <gnutls/gnutls.h>

#include "io/tls.h"

struct psk; /* the users and keys of a file */

struct tls_server {
	gnutls_priority_t priority;
	gnutls_certificate_credentials_t x509; /* or NULL */
	gnutls_psk_server_credentials_t psk;   /* or NULL */
	struct psk *keys;
	bool verify_peer;
};

/* The key of a user, as the file has it; false when there is no such user. */
bool psk_find(
    const struct psk *, const gnutls_datum_t *user, gnutls_datum_t *ret_key);

/* GnuTLS asks for the key of a user; the session's pointer is its struct tls.
 */
int tls_psk_key(
    gnutls_session_t, const gnutls_datum_t *user, gnutls_datum_t *ret_key);

#endif
