/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls_rig - what the tests of TLS share: the files of make-certificates, a
 * small engine over tls over a stream on one end of a socket pair, and on the
 * other a client of GnuTLS, all in one thread.
 */
#ifndef TESTS_TLS_RIG_H
#define TESTS_TLS_RIG_H

#include "unit.h"

#include <gnutls/gnutls.h>

#include "io/tls.h"
#include "prng.h"

/* Group set-up and tear-down: makes the files, removes them. */
int rig_files(void **state);
int rig_files_remove(void **state);
/* The path of one of them, valid until the next call. */
const char *rig_path(const char *name);

extern struct rig {
	struct prng prng;
	struct loop *loop;
	struct stream stream;
	struct tls_server *server;
	struct tls *tls;
	char log[4096]; /* every line */

	/* the engine */
	bool ready;
	bool starved;  /* offers no room */
	bool finished; /* the client sends no more, and all has come */
	unsigned ended;
	int error; /* of ended() */
	uint8_t *in, *out;
	size_t in_len, in_max;
	size_t out_sent, out_len;

	/* the client */
	int fd;
	gnutls_session_t client;
	gnutls_certificate_credentials_t x509;
	gnutls_psk_client_credentials_t psk;
	bool shaken; /* the handshake is over on its side */
	int failed;  /* why it ended, GnuTLS's; 0: it lives */
	uint8_t *got;
	size_t got_len;
	size_t put_len, put_max;
	/* Bytes that its output may still have; then it breaks off. */
	size_t budget;
	size_t flip; /* of its output, this byte is spoilt; SIZE_MAX: none */
	size_t pushed;
} rig;

#define RIG_SIZE ((size_t)6 << 20) /* of each buffer */

/* Each test: a server, a socket pair with small buffers. */
void rig_open(const struct tls_config *);
void rig_close(void);

/* A client with certificates of a folder, or with a user of keys.psk. */
void rig_client_x509(const char *folder, const char *priority);
void rig_client_psk(const char *user, const char *hexkey, const char *priority);
/* The user's key in keys.psk. */
const char *rig_key(const char *user);

/* One turn of both sides. */
void rig_turn(void);
/* Until the condition holds; fails the test when it does not. */
#define rig_until(condition)                                                   \
	do {                                                                   \
		unsigned turns_ = 0;                                           \
		while (!(condition)) {                                         \
			rig_turn();                                            \
			if (++turns_ > 200000)                                 \
				fail_msg("never: %s; %d; log: %s", #condition, \
				    rig.failed, rig.log);                      \
		}                                                              \
	} while (0)

#endif
