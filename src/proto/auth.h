/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth - who logs in and with what secret; input of the login of both roles.
 * The memory that holds one of these is the owner's to protect and to wipe.
 */
#ifndef PROTO_AUTH_H
#define PROTO_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#define AUTH_NAME_MAX	255
#define AUTH_SECRET_MAX 255

/* CHAP_A values, RFC 7143, 12.1.3 and the IANA registry "PPP Authentication
 * Algorithms". */
enum chap_alg {
	CHAP_MD5 = 5,
	CHAP_SHA1 = 6,
	CHAP_SHA256 = 7,
	CHAP_SHA3_256 = 8
};
#define CHAP_ALGS 4

struct auth {
	/* Empty user: no CHAP (initiator), or none demanded (target). */
	char user[AUTH_NAME_MAX + 1]; /* names the initiator */
	char secret[AUTH_SECRET_MAX + 1];
	/* Empty target_user: one-way. */
	char target_user[AUTH_NAME_MAX + 1]; /* names the target */
	char target_secret[AUTH_SECRET_MAX + 1];
	/* The challenge that the initiator sent last, written by its login: a
	 * peer that reflects it on a later connection is known by it. */
	uint8_t asked[32];
	uint8_t algs[CHAP_ALGS]; /* accepted, best first; 0 ends the list early;
				    all 0: the default, strongest first */
};

#endif
