/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keys that a target sends during the login: the steps of authentication
 * (RFC 7143, 12.1), what it declares of itself, and the rest, which param.h
 * negotiates.
 */
#include <errno.h>
#include <string.h>

#include "base/escape.h"
#include "proto/login_initiator_impl.h"
#include "proto/pdu.h"

/* Declarations that are the initiator's to make; an echo does no harm. */
static int
take_echo(const struct login_initiator *l, const struct text_pair *pair,
    struct error *err)
{
	const struct login_initiator_config *c = l->config;
	const char *ours;

	if (strcmp(pair->key, "InitiatorName") == 0)
		ours = c->initiator_name;
	else if (strcmp(pair->key, "TargetName") == 0)
		ours = c->target_name;
	else if (strcmp(pair->key, "SessionType") == 0)
		ours = c->target_name != NULL ? "Normal" : "Discovery";
	else
		return 0;
	if (ours != NULL && strcmp(ours, pair->value) == 0)
		return 1;
	error_set(err, ERROR_FAILED, "sent a %s that is not ours", pair->key);
	return -EPROTO;
}

/* What the target declares of itself: 1, 0 when the key is another, -EPROTO. */
static int
take_declared(
    struct login_initiator *l, const struct text_pair *pair, struct error *err)
{
	uint64_t tag;

	if (strcmp(pair->key, "TargetAlias") == 0) {
		if (pair->value_len >= sizeof(l->result.target_alias)) {
			error_set(err, ERROR_FAILED,
			    "sent a TargetAlias of more than 255 bytes");
			return -EPROTO;
		}
		strcpy(l->result.target_alias, pair->value);
		return 1;
	}
	if (strcmp(pair->key, "TargetPortalGroupTag") == 0) {
		if (text_number(pair->value, UINT16_MAX, &tag) < 0) {
			error_set(err, ERROR_FAILED,
			    "sent a TargetPortalGroupTag that is not a number "
			    "from 0 to 65535");
			return -EPROTO;
		}
		l->result.tpgt = (uint16_t)tag;
		return 1;
	}
	if (strcmp(pair->key, "TargetAddress") == 0)
		return 1; /* only a redirection asks to use it */
	return take_echo(l, pair, err);
}

static int
take_other(
    struct login_initiator *l, const struct text_pair *pair, struct error *err)
{
	int error = take_declared(l, pair, err);

	if (error != 0)
		return error < 0 ? error : 0;
	error = param_take(&l->negotiation, pair->key, pair->value,
	    l->stage == PDU_STAGE_OPERATIONAL, &l->out, err);
	if (error != -ENOENT)
		return error;
	if (strcmp(pair->value, "NotUnderstood") != 0 &&
	    strcmp(pair->value, "Reject") != 0 &&
	    strcmp(pair->value, "Irrelevant") != 0)
		text_put(&l->out, pair->key, "NotUnderstood");
	return 0;
}

/* The answer to AuthMethod; NULL: none came. */
static int
take_method(struct login_initiator *l, const char *method, struct error *err)
{
	char text[80];

	if (method == NULL)
		return 0;
	if (l->chap && strcmp(method, "CHAP") == 0) {
		l->step = STEP_ALGORITHM;
		chap_put_algs(&l->out, l->config->auth);
		return 0;
	}
	if (strcmp(method, "None") == 0 &&
	    (!l->chap || l->config->target_name == NULL)) {
		l->step = STEP_PASSED;
		return 0;
	}
	if (strcmp(method, "None") == 0)
		error_set(err, ERROR_REFUSED,
		    "skips the CHAP authentication that is configured here");
	else if (!l->chap && strcmp(method, "CHAP") == 0)
		error_set(err, ERROR_REFUSED,
		    "asked for CHAP and no user name was given");
	else if (strcmp(method, "Reject") == 0)
		error_set(err, ERROR_REFUSED,
		    l->chap
			? "does not do CHAP, which is configured here"
			: "demands authentication and no user name was given");
	else
		error_set(err, ERROR_FAILED,
		    "sent AuthMethod=%s, which was not offered",
		    escape(text, sizeof(text), method, strlen(method)));
	return -EPROTO;
}

/* CHAP_A, CHAP_I, CHAP_C have come: prove, and ask back when it is mutual. */
static int
prove(
    struct login_initiator *l, const struct chap_keys *keys, struct error *err)
{
	const struct login_initiator_config *c = l->config;
	struct auth *auth = c->auth;
	int alg;

	if (l->mutual && chap_secrets_equal(auth)) { /* 9.2.1 */
		error_set(err, ERROR_USAGE,
		    "asked for CHAP, but the secrets configured for the two "
		    "directions are the same");
		return -EPROTO;
	}
	alg = chap_take_alg(auth, keys->a, err);
	if (alg < 0)
		return alg;
	if (chap_take(&l->theirs, (enum chap_alg)alg, keys,
		l->mutual ? &l->ours : NULL, err) < 0)
		return -EPROTO;
	chap_answer(&l->theirs, auth->user, auth->secret, &l->out);
	l->step = STEP_PROOF;
	if (!l->mutual)
		return 0;
	chap_ask(&l->ours, (enum chap_alg)alg, l->theirs.id, c->random,
	    c->random_ctx, &l->out);
	memcpy(auth->asked, l->ours.bytes, sizeof(auth->asked));
	if (l->ours.len == l->theirs.len &&
	    memcmp(l->ours.bytes, l->theirs.bytes, l->ours.len) == 0) {
		error_set(err, ERROR_REFUSED,
		    "sent our own CHAP challenge back to us");
		return -EPROTO;
	}
	return 0;
}

/* One complete text of the security stage: the keys that this step expects,
 * in their order, or none yet. */
static int
take_security(struct login_initiator *l, const char *method,
    const struct chap_keys *keys, struct error *err)
{
	const struct auth *auth = l->config->auth;
	enum step step = l->step;
	bool none = keys->order[0] == '\0';

	if (method != NULL && step != STEP_METHOD) {
		error_set(err, ERROR_FAILED, "sent AuthMethod a second time");
		return -EPROTO;
	}
	if (step == STEP_METHOD && none)
		return take_method(l, method, err);
	if (step == STEP_ALGORITHM && (none || strcmp(keys->order, "aic") == 0))
		return none ? 0 : prove(l, keys, err);
	if (step == STEP_PROOF && l->mutual &&
	    (none || strcmp(keys->order, "nr") == 0)) {
		if (none)
			return 0;
		if (chap_verify(&l->ours, auth->target_user,
			auth->target_secret, keys, err) < 0)
			return -EPROTO;
		l->step = STEP_PASSED;
		return 0;
	}
	if (none)
		return 0;
	error_set(err, ERROR_FAILED, "sent CHAP keys out of order");
	return -EPROTO;
}

int
login_initiator_take(struct login_initiator *l, struct error *err)
{
	struct chap_keys keys = { 0 };
	const char *method = NULL;
	struct text_reader r;
	struct text_pair pair;
	int n, error = 0;

	text_reader_init(&r, l->in.data, l->in.len);
	while (error == 0 && (n = text_next(&r, &pair, err)) != 0) {
		if (n < 0)
			return n;
		n = chap_keys_take(&keys, &pair, err);
		if (n < 0)
			return n;
		if (n == 1)
			continue;
		if (strcmp(pair.key, "AuthMethod") != 0) {
			error = take_other(l, &pair, err);
		} else if (method != NULL) {
			error_set(err, ERROR_FAILED, "sent AuthMethod twice");
			error = -EPROTO;
		} else {
			method = pair.value;
		}
	}
	if (error < 0)
		return error;
	return take_security(l, method, &keys, err);
}
