/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * login_initiator - the initiator's side of the login phase (RFC 7143, 6.3).
 *
 *     -> security stage: names, AuthMethod, T unless CHAP follows
 *     <- AuthMethod
 *        ... CHAP, see chap.h; T comes with our response
 *     -> operational stage: all keys, T
 *     <- their answers, T: full feature phase
 *
 * A target that answers without T wants to go on talking: it gets an empty
 * request with T again, a bounded number of times.  A target that skips the
 * CHAP that is configured here is refused.  The one exception is a discovery
 * session: most targets keep no accounts for those, and every session that
 * follows from what they say is authenticated in its own right.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "proto/login_initiator_impl.h"
#include "proto/pdu.h"

#define ROUNDS_MAX 64 /* requests in one login */
#define SECRET_MIN 12 /* bytes: 96 bits, RFC 7143, 9.2.1 */

static enum login_state fail(struct login_initiator *, struct error *,
    enum error_class, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static enum login_state
fail(struct login_initiator *l, struct error *err, enum error_class class,
    const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	error_set(err, class, "login to %s %s: %s", l->config->portal,
	    class == ERROR_REFUSED || class == ERROR_ABSENT ? "refused"
							    : "failed",
	    text);
	l->state = LOGIN_FAILED;
	return l->state;
}

/* For the phrases of text.h, param.h and chap.h. */
static enum login_state
fail_target(
    struct login_initiator *l, struct error *err, const struct error *why)
{
	return fail(l, err, why->class, "the target %s", why->text);
}

static void
put_names(struct login_initiator *l)
{
	const struct login_initiator_config *c = l->config;

	text_put(&l->out, "InitiatorName", c->initiator_name);
	if (c->target_name != NULL)
		text_put(&l->out, "TargetName", c->target_name);
	text_put(&l->out, "SessionType",
	    c->target_name != NULL ? "Normal" : "Discovery");
	if (!l->chap)
		text_put(&l->out, "AuthMethod", "None");
	else
		text_put(&l->out, "AuthMethod",
		    c->target_name != NULL ? "CHAP" : "CHAP,None");
}

struct login_initiator *
login_initiator_new(const struct login_initiator_config *config)
{
	struct login_initiator *l = calloc(1, sizeof(*l));
	const struct auth *auth = config->auth;

	if (l == NULL)
		return NULL;
	l->config = config;
	l->stage = PDU_STAGE_SECURITY;
	l->chap = auth != NULL && auth->user[0] != '\0';
	l->mutual = l->chap && auth->target_user[0] != '\0';
	if (l->mutual)
		chap_recall(&l->ours, auth->asked, sizeof(auth->asked));
	if (l->chap && strlen(auth->secret) < SECRET_MIN)
		log_warn(config->log,
		    "the CHAP secret is shorter than the 12 bytes that "
		    "RFC 7143 asks for");
	negotiation_init(
	    &l->negotiation, &config->offer, true, config->target_name == NULL);
	put_names(l);
	l->state = LOGIN_SEND;
	if (l->out.failed) {
		login_initiator_free(l);
		return NULL;
	}
	return l;
}

void
login_initiator_free(struct login_initiator *l)
{
	if (l == NULL)
		return;
	text_buffer_fini(&l->in);
	text_buffer_fini(&l->out);
	explicit_bzero(l, sizeof(*l));
	free(l);
}

enum login_state
login_initiator_state(const struct login_initiator *l)
{
	return l->state;
}

const struct login_result *
login_initiator_result(const struct login_initiator *l)
{
	return &l->result;
}

const char *
login_initiator_redirect(const struct login_initiator *l, bool *ret_permanent)
{
	*ret_permanent = l->status == LOGIN_MOVED_PERMANENTLY;
	return l->redirect;
}

uint16_t
login_initiator_status(const struct login_initiator *l)
{
	return l->status;
}

/* Whether we have nothing more to settle in this stage. */
static bool
ready(const struct login_initiator *l)
{
	return l->stage == PDU_STAGE_OPERATIONAL || !l->chap ||
	       l->step >= STEP_PROOF;
}

void
login_initiator_send(struct login_initiator *l, uint8_t *bhs,
    const uint8_t **ret_data, size_t *ret_len)
{
	const struct login_initiator_config *c = l->config;
	struct pdu_login_request req = {
		.csg = l->stage,
		.tsih = c->tsih,
		.cid = c->cid,
	};

	memcpy(req.isid, c->isid, sizeof(req.isid));
	*ret_data = text_segment(&l->out, LOGIN_DATA_MAX, ret_len, &req.more);
	/* With text of the target half received there is nothing to say. */
	req.transit = ready(l) && !req.more && !l->partial;
	if (req.transit)
		req.nsg = l->stage == PDU_STAGE_SECURITY ? PDU_STAGE_OPERATIONAL
							 : PDU_STAGE_FULL;
	pdu_put_login_request(bhs, &req);
	l->transit = req.transit;
	l->rounds++;
	l->state = LOGIN_WAIT;
}

/*
 * iscsitarget and tgt took CHAP_A=7 for SHA-1 before the number was given to
 * SHA-256, and still do: they choose it, and find the response too long.  Then
 * the login begins again without it.  (Who could forge that refusal could have
 * forged the choice.)
 */
static bool
begin_again(struct login_initiator *l)
{
	const struct login_initiator_config *c = l->config;

	if (l->status != LOGIN_INITIATOR_ERROR || l->step != STEP_PROOF ||
	    l->theirs.alg != CHAP_SHA256 ||
	    !chap_leave_out(c->auth, CHAP_SHA256))
		return false;
	log_info(c->log,
	    "%s takes CHAP algorithm 7 for something other than "
	    "SHA-256; leaving it out",
	    c->portal);
	snprintf(l->redirect, sizeof(l->redirect), "%s", c->portal);
	l->state = LOGIN_REDIRECT;
	return true;
}

static enum login_state
refused(struct login_initiator *l, struct error *err)
{
	const char *advice = login_status_advice(l->status, l->chap);
	enum error_class class = ERROR_FAILED;

	if (begin_again(l))
		return l->state;
	if (l->status == LOGIN_AUTHENTICATION_FAILURE && l->chap &&
	    l->step == STEP_METHOD)
		advice = "the target does not use CHAP here, or knows no "
			 "account for it";
	if (l->status >> 8 == 2 && l->step == STEP_ALGORITHM)
		advice = "the target knows none of the CHAP algorithms offered";
	/* LIO knows no other answer to a name that it does not have. */
	if (l->status == LOGIN_NOT_FOUND ||
	    l->status == LOGIN_SERVICE_UNAVAILABLE)
		class = ERROR_ABSENT;
	else if (l->status >> 8 == 2)
		class = ERROR_REFUSED;
	return fail(l, err, class, "%s (status 0x%04x); %s",
	    login_status_name(l->status), l->status, advice);
}

/* Status class 1. */
static enum login_state
redirected(struct login_initiator *l, struct error *err)
{
	struct text_reader r;
	struct text_pair pair;
	struct error why;
	char text[80];
	size_t len;
	int n;

	text_reader_init(&r, l->in.data, l->in.len);
	while ((n = text_next(&r, &pair, &why)) > 0) {
		if (strcmp(pair.key, "TargetAddress") != 0)
			continue;
		len = login_address_len(pair.value);
		if (len == 0)
			return fail(l, err, ERROR_FAILED,
			    "the target moved to '%s', which is not an address",
			    escape(text, sizeof(text), pair.value,
				pair.value_len));
		memcpy(l->redirect, pair.value, len);
		l->redirect[len] = '\0';
		l->state = LOGIN_REDIRECT;
		return l->state;
	}
	if (n < 0)
		return fail_target(l, err, &why);
	return fail(l, err, ERROR_FAILED,
	    "%s (status 0x%04x), but the target did not say where to",
	    login_status_name(l->status), l->status);
}

/* The header of a response whose status is success.  NULL, or what is wrong
 * with it. */
static const char *
header_fault(
    const struct login_initiator *l, const struct pdu_login_response *rsp)
{
	const struct login_initiator_config *c = l->config;
	bool final = rsp->transit && rsp->nsg == PDU_STAGE_FULL;

	if (rsp->version_active != 0)
		return "chose an iSCSI version other than 0";
	if (memcmp(rsp->isid, c->isid, sizeof(c->isid)) != 0)
		return "answered with another ISID";
	if (rsp->csg != l->stage)
		return "answered in another stage";
	if (rsp->transit && rsp->more)
		return "set the T and C bits together";
	if (rsp->transit && !l->transit)
		return "moved on to the next stage unasked";
	if (rsp->transit &&
	    rsp->nsg != (l->stage == PDU_STAGE_SECURITY ? PDU_STAGE_OPERATIONAL
							: PDU_STAGE_FULL))
		return "moved on to another stage than was asked for";
	if (c->tsih != 0 && rsp->tsih != c->tsih)
		return "answered with another TSIH";
	if (c->tsih == 0 && final && rsp->tsih == 0)
		return "gave the new session no TSIH";
	if (c->tsih == 0 && !final && rsp->tsih != 0)
		return "gave a TSIH before the end of the login";
	return NULL;
}

static enum login_state
leave_security(struct login_initiator *l, struct error *err)
{
	/* One-way: that the target moves on is its word that we passed. */
	if (l->step == STEP_PROOF && !l->mutual)
		l->step = STEP_PASSED;
	if (l->chap && l->step != STEP_PASSED)
		return fail(l, err, ERROR_REFUSED,
		    "the target did not prove that it is '%s', as mutual CHAP "
		    "asks for",
		    l->config->auth->target_user);
	l->step = STEP_PASSED;
	l->stage = PDU_STAGE_OPERATIONAL;
	param_offer(&l->negotiation, &l->out);
	l->state = LOGIN_SEND;
	return l->state;
}

static enum login_state
finish(struct login_initiator *l, uint16_t tsih, struct error *err)
{
	struct error why;

	if (param_settle(&l->negotiation, &why) < 0)
		return fail_target(l, err, &why);
	l->result.params = l->negotiation.result;
	l->result.tsih = tsih;
	l->state = LOGIN_DONE;
	return l->state;
}

/* A response with status success, its text joined. */
static enum login_state
proceed(struct login_initiator *l, const struct pdu_login_response *rsp,
    struct error *err)
{
	struct error why = { 0 };

	if (text_pending(&l->out)) { /* it answered our C bit */
		if (l->in.len != 0)
			return fail(l, err, ERROR_FAILED,
			    "the target answered before our text was complete");
		l->state = LOGIN_SEND;
		return l->state;
	}
	text_buffer_clear(&l->out);
	if (login_initiator_take(l, &why) < 0)
		return fail_target(l, err, &why);
	text_buffer_clear(&l->in);
	l->state = LOGIN_SEND;
	if (rsp->transit && l->stage == PDU_STAGE_OPERATIONAL)
		return finish(l, rsp->tsih, err);
	if (rsp->transit)
		leave_security(l, err);
	if (l->state == LOGIN_SEND && l->out.failed)
		return fail(
		    l, err, ERROR_FAILED, "not enough memory for the answer");
	if (l->state == LOGIN_SEND && l->rounds >= ROUNDS_MAX)
		return fail(l, err, ERROR_FAILED, "no end after %d requests",
		    ROUNDS_MAX);
	return l->state;
}

enum login_state
login_initiator_recv(struct login_initiator *l, const uint8_t *bhs,
    const uint8_t *data, size_t len, struct error *err)
{
	struct pdu_login_response rsp;
	const char *fault;

	if (pdu_opcode(bhs) != PDU_LOGIN_RESPONSE)
		return fail(l, err, ERROR_FAILED,
		    "the target sent a PDU that does not belong into a login: "
		    "%s (opcode 0x%02x)",
		    pdu_opcode_name(pdu_opcode(bhs)), pdu_opcode(bhs));
	pdu_get_login_response(bhs, &rsp);
	l->status = rsp.status;
	if (len > LOGIN_DATA_MAX || text_append(&l->in, data, len) < 0)
		return fail(l, err, ERROR_FAILED,
		    "the target sent more text than a login may have");
	if (rsp.status >> 8 == 1)
		return redirected(l, err);
	if (rsp.status != LOGIN_SUCCESS)
		return refused(l, err);
	if (rsp.transit && !l->transit && !ready(l))
		return fail(l, err, ERROR_REFUSED,
		    "the target skips the CHAP authentication that is "
		    "configured here");
	fault = header_fault(l, &rsp);
	if (fault != NULL)
		return fail(l, err, ERROR_FAILED, "the target %s", fault);
	l->partial = rsp.more;
	if (!l->partial)
		return proceed(l, &rsp, err);
	if (text_pending(&l->out) || l->rounds >= ROUNDS_MAX)
		return fail(l, err, ERROR_FAILED,
		    "the target does not come to an end of its text");
	text_buffer_clear(&l->out);
	l->state = LOGIN_SEND;
	return l->state;
}
