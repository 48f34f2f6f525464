/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chap - the Challenge Handshake Authentication Protocol inside login
 * (RFC 7143, 12.1.3; RFC 1994), prover and verifier side by side: the
 * initiator proves and, when it is mutual, verifies; the target the reverse.
 *
 *     initiator                              target
 *     CHAP_A=8,7,6,5              -->
 *                                 <--        CHAP_A=8 CHAP_I=3 CHAP_C=0x...
 *     CHAP_N=user CHAP_R=0x...    -->
 *     [CHAP_I=9 CHAP_C=0x...]
 *                                 <--        [CHAP_N=target CHAP_R=0x...]
 *
 * Keys are taken in this order only and once.  Which step a login is in, and
 * what a failure leads to, is login.h's business.
 */
#ifndef PROTO_CHAP_H
#define PROTO_CHAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "proto/auth.h"
#include "proto/text.h"

#define CHAP_CHALLENGE_MAX 1024 /* bytes we take, 12.1.3 */
#define CHAP_CHALLENGE_LEN 32	/* bytes we send: as long as the best hash */
#define CHAP_RESPONSE_MAX  32

/* Random bytes, handed in from above. */
typedef void (*random_fn)(void *ctx, void *buf, size_t len);

/* The keys of one PDU; absent ones NULL. */
struct chap_keys {
	const char *a, *i, *c, *n, *r;
	char order[6]; /* as they came: "aic", "nr", "nric" */
};

/* Puts a CHAP_* pair where it belongs: 1, or 0 when the key is not CHAP's, or
 * -EPROTO (errors read on after "the target " or "the initiator ", here and
 * below). */
int chap_keys_take(
    struct chap_keys *, const struct text_pair *, struct error *err);

/* Fills ret_algs with the algorithms to use, best first; returns how many. */
unsigned chap_algs(const struct auth *, uint8_t ret_algs[CHAP_ALGS]);
const char *chap_alg_name(enum chap_alg);
/* Takes alg out of the list.  False, and nothing is done, when it is not there
 * or the only one. */
bool chap_leave_out(struct auth *, enum chap_alg);

/* CHAP_R: the hash of identifier, secret and challenge.  Returns its length. */
size_t chap_response(enum chap_alg, uint8_t id, const char *secret,
    const uint8_t *challenge, size_t len, uint8_t ret[CHAP_RESPONSE_MAX]);

/* Whether both directions have one secret, which RFC 7143, 9.2.1 forbids. */
bool chap_secrets_equal(const struct auth *);

/* What one side has asked. */
struct chap_challenge {
	enum chap_alg alg;
	uint8_t id;
	uint16_t len; /* 0: nothing asked yet */
	uint8_t bytes[CHAP_CHALLENGE_MAX];
};

/* ---- CHAP_A ---- */

/* The initiator's list. */
void chap_put_algs(struct text_buffer *, const struct auth *);
/* The target's choice from that list: the algorithm or -EPROTO. */
int chap_take_alg(const struct auth *, const char *a, struct error *err);
/* The target's part: the first of the initiator's list that auth allows, or
 * -EPROTO. */
int chap_choose_alg(const struct auth *, const char *a, struct error *err);

/* ---- the verifier ---- */

/* Makes a challenge with an identifier other than not_id and writes CHAP_I and
 * CHAP_C. */
void chap_ask(struct chap_challenge *, enum chap_alg, int not_id,
    random_fn random, void *random_ctx, struct text_buffer *out);
/* Checks CHAP_N and CHAP_R against what is expected: 0, -EPROTO (not in the
 * form of an answer) or -EACCES (wrong name or response). */
int chap_verify(const struct chap_challenge *, const char *user,
    const char *secret, const struct chap_keys *, struct error *err);

/* Restores a challenge of an earlier login; all zeros is none. */
void chap_recall(struct chap_challenge *, const uint8_t *bytes, size_t len);

/* ---- the prover ---- */

/* Takes CHAP_I and CHAP_C: 0, -EPROTO, or -EACCES when they are a reflection of
 * ours (may be NULL), what we ask the same peer. */
int chap_take(struct chap_challenge *, enum chap_alg, const struct chap_keys *,
    const struct chap_challenge *ours, struct error *err);
/* Writes CHAP_N and CHAP_R. */
void chap_answer(const struct chap_challenge *, const char *user,
    const char *secret, struct text_buffer *out);

#endif
