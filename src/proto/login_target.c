/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * login_target - the target's side of the login phase (RFC 7143, 6.3).
 *
 * The first complete text must name the initiator and, in a normal session,
 * the target; then the owner admits the initiator and says what it must prove.
 * An initiator may begin in the operational stage only when nothing is
 * demanded.  Nothing is offered from here: keys that the initiator leaves out
 * keep the RFC's defaults; our own declarations go out as soon as they may.
 * A login that fails has a last response, with the status that says why.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "proto/login.h"
#include "proto/pdu.h"

#define ROUNDS_MAX 64 /* requests in one login */

/* How far authentication has come. */
enum step {
	STEP_METHOD,	/* AuthMethod is to come */
	STEP_ALGORITHM, /* CHAP_A is to come */
	STEP_PROOF,	/* CHAP_N and CHAP_R are to come */
	STEP_PASSED
};

struct login_target {
	const struct login_target_config *config;
	enum login_state state;
	enum step step;
	uint8_t stage; /* PDU_STAGE_* */
	uint8_t nsg;   /* with transit */
	bool transit;  /* T in the next response */
	bool named;    /* the first text is complete */
	bool demand;   /* CHAP is demanded */
	unsigned rounds;
	uint16_t status;
	struct pdu_login_request req; /* the last one */
	char target_name[ISCSI_NAME_MAX + 1];
	const struct auth *auth;
	struct text_buffer in;
	struct text_buffer out;
	struct negotiation negotiation;
	struct chap_challenge theirs;
	struct chap_challenge ours;
	struct login_target_result result;
};

/* A step that fails has filled these. */
struct failure {
	uint16_t status;
	struct error error; /* reads on after "the initiator " */
};

static int failure_set(struct failure *, uint16_t status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int
failure_set(struct failure *f, uint16_t status, const char *fmt, ...)
{
	va_list ap;

	f->status = status;
	f->error.class = status >> 8 == 3 ? ERROR_FAILED : ERROR_REFUSED;
	va_start(ap, fmt);
	vsnprintf(f->error.text, sizeof(f->error.text), fmt, ap);
	va_end(ap);
	return -EPROTO;
}

struct login_target *
login_target_new(const struct login_target_config *config)
{
	struct login_target *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->config = config;
	l->state = LOGIN_WAIT;
	return l;
}

void
login_target_free(struct login_target *l)
{
	if (l == NULL)
		return;
	text_buffer_fini(&l->in);
	text_buffer_fini(&l->out);
	explicit_bzero(l, sizeof(*l));
	free(l);
}

enum login_state
login_target_state(const struct login_target *l)
{
	return l->state;
}

const struct login_target_result *
login_target_result(const struct login_target *l)
{
	return &l->result;
}

void
login_target_send(struct login_target *l, uint8_t *bhs,
    const uint8_t **ret_data, size_t *ret_len)
{
	struct pdu_login_response rsp = {
		.csg = l->stage,
		.itt = l->req.itt,
		.tsih = l->req.tsih,
		.status = l->status,
	};
	bool final = l->transit && l->nsg == PDU_STAGE_FULL;

	memcpy(rsp.isid, l->req.isid, sizeof(rsp.isid));
	*ret_data = text_segment(&l->out, LOGIN_DATA_MAX, ret_len, &rsp.more);
	rsp.transit = l->transit;
	if (rsp.transit)
		rsp.nsg = l->nsg;
	if (final)
		rsp.tsih = l->result.tsih;
	pdu_put_login_response(bhs, &rsp);
	l->state = LOGIN_WAIT;
	if (l->status != LOGIN_SUCCESS)
		l->state = LOGIN_FAILED;
	else if (final)
		l->state = LOGIN_DONE;
	else if (rsp.transit)
		l->stage = l->nsg;
	l->transit = false;
}

/* Whether two requests of one login are of the same session and connection. */
static bool
same_login(const struct pdu_login_request *a, const struct pdu_login_request *b)
{
	return memcmp(a->isid, b->isid, sizeof(a->isid)) == 0 &&
	       a->tsih == b->tsih && a->cid == b->cid;
}

static int
check_header(struct login_target *l, const struct pdu_login_request *req,
    struct failure *f)
{
	if (req->version_min > 0)
		return failure_set(f, LOGIN_UNSUPPORTED_VERSION,
		    "speaks iSCSI version %u at least", req->version_min);
	if (req->csg > PDU_STAGE_OPERATIONAL)
		return failure_set(f, LOGIN_INITIATOR_ERROR,
		    "sent a request of stage %u", req->csg);
	if (l->rounds > 1 && req->csg != l->stage)
		return failure_set(f, LOGIN_INVALID_DURING_LOGIN,
		    "sent a request of stage %u in stage %u", req->csg,
		    l->stage);
	if (l->rounds > 1 && !same_login(req, &l->req))
		return failure_set(f, LOGIN_INVALID_DURING_LOGIN,
		    "changed its ISID, TSIH or CID during login");
	if (req->transit && req->more)
		return failure_set(
		    f, LOGIN_INITIATOR_ERROR, "set the T and C bits together");
	if (req->transit && (req->nsg <= req->csg || req->nsg == 2))
		return failure_set(f, LOGIN_INITIATOR_ERROR,
		    "wants to move from stage %u to %u", req->csg, req->nsg);
	if (l->rounds > ROUNDS_MAX)
		return failure_set(f, LOGIN_INITIATOR_ERROR,
		    "sent more than %d requests", ROUNDS_MAX);
	return 0;
}

/*
 * ---- the first text ----
 */

/* The names in a text: pointers into it, NULL when missing. */
struct names {
	const char *initiator;
	const char *target;
	const char *type;
};

static const char **
names_slot(struct names *names, const char *key)
{
	if (strcmp(key, "InitiatorName") == 0)
		return &names->initiator;
	if (strcmp(key, "TargetName") == 0)
		return &names->target;
	if (strcmp(key, "SessionType") == 0)
		return &names->type;
	return NULL;
}

static int
find_names(const struct text_buffer *in, struct names *names, struct failure *f)
{
	struct text_reader r;
	struct text_pair pair;
	const char **slot;
	int n;

	f->status = LOGIN_INITIATOR_ERROR;
	text_reader_init(&r, in->data, in->len);
	while ((n = text_next(&r, &pair, &f->error)) > 0) {
		slot = names_slot(names, pair.key);
		if (slot == NULL)
			continue;
		if (*slot != NULL)
			return failure_set(f, LOGIN_INITIATOR_ERROR,
			    "sent %s twice", pair.key);
		*slot = pair.value;
	}
	return n;
}

static int
check_names(
    struct login_target *l, const struct names *names, struct failure *f)
{
	struct login_target_result *result = &l->result;
	char text[80];
	const char *fault;

	if (names->type != NULL && strcmp(names->type, "Discovery") == 0)
		result->discovery = true;
	else if (names->type != NULL && strcmp(names->type, "Normal") != 0)
		return failure_set(f, LOGIN_SESSION_TYPE,
		    "sent SessionType=%s, which is neither Normal nor "
		    "Discovery",
		    escape(
			text, sizeof(text), names->type, strlen(names->type)));
	if (names->initiator == NULL)
		return failure_set(
		    f, LOGIN_MISSING_PARAMETER, "sent no InitiatorName");
	fault = name_fault(names->initiator);
	if (fault != NULL)
		return failure_set(f, LOGIN_INITIATOR_ERROR,
		    "has the name '%s', which %s",
		    escape(text, sizeof(text), names->initiator,
			strlen(names->initiator)),
		    fault);
	strcpy(result->initiator_name, names->initiator);
	if (result->discovery)
		return 0;
	if (names->target == NULL)
		return failure_set(
		    f, LOGIN_MISSING_PARAMETER, "sent no TargetName");
	if (strlen(names->target) > ISCSI_NAME_MAX)
		return failure_set(f, LOGIN_NOT_FOUND,
		    "asks for a target by a name longer than any");
	strcpy(l->target_name, names->target);
	return 0;
}

/* Asks the owner, who may also send the initiator elsewhere. */
static int
admit(struct login_target *l, struct failure *f)
{
	const struct login_target_config *c = l->config;
	bool discovery = l->result.discovery;
	char redirect[ISCSI_ADDR_MAX + 1] = "";
	const char *alias = NULL;
	uint16_t tpgt = 1, status;

	status = c->ops->admit(c->ctx, l->result.initiator_name,
	    discovery ? NULL : l->target_name, discovery, &l->auth, &tpgt,
	    &alias, redirect);
	if (status >> 8 == 1) {
		failure_set(f, status, "is sent to %s", redirect);
		text_put(&l->out, "TargetAddress", redirect);
		return -EPROTO;
	}
	if (status != LOGIN_SUCCESS)
		return failure_set(
		    f, status, "is not let in: %s", login_status_name(status));
	l->demand = l->auth != NULL && l->auth->user[0] != '\0';
	if (l->demand && l->stage != PDU_STAGE_SECURITY)
		return failure_set(f, LOGIN_AUTHENTICATION_FAILURE,
		    "skips the CHAP authentication that is demanded here");
	if (!discovery) {
		text_put_number(&l->out, "TargetPortalGroupTag", tpgt);
		if (alias != NULL && alias[0] != '\0')
			text_put(&l->out, "TargetAlias", alias);
	}
	return 0;
}

static int
take_names(struct login_target *l, struct failure *f)
{
	struct names names = { 0 };

	if (find_names(&l->in, &names, f) < 0 || check_names(l, &names, f) < 0)
		return -EPROTO;
	negotiation_init(
	    &l->negotiation, &l->config->offer, false, l->result.discovery);
	l->named = true;
	return admit(l, f);
}

/* A name that comes again must say the same: some initiators repeat theirs in
 * the operational stage. */
static int
check_repeated(const struct login_target *l, const struct text_pair *pair,
    struct failure *f)
{
	const char *known;

	if (strcmp(pair->key, "InitiatorName") == 0)
		known = l->result.initiator_name;
	else if (strcmp(pair->key, "TargetName") == 0)
		known = l->result.discovery ? pair->value : l->target_name;
	else
		known = l->result.discovery ? "Discovery" : "Normal";
	if (strcmp(pair->value, known) != 0)
		return failure_set(f, LOGIN_INITIATOR_ERROR,
		    "changed its %s during login", pair->key);
	return 0;
}

/*
 * ---- security ----
 */

static int
take_method(struct login_target *l, const char *methods, struct failure *f)
{
	char text[80];

	if (methods == NULL) {
		if (l->demand && l->req.transit)
			return failure_set(f, LOGIN_AUTHENTICATION_FAILURE,
			    "skips the CHAP authentication that is demanded "
			    "here");
		return 0;
	}
	if (!text_list_has(methods, l->demand ? "CHAP" : "None"))
		return failure_set(f, LOGIN_AUTHENTICATION_FAILURE,
		    "offers AuthMethod=%s, but here it is %s",
		    escape(text, sizeof(text), methods, strlen(methods)),
		    l->demand ? "CHAP" : "None");
	text_put(&l->out, "AuthMethod", l->demand ? "CHAP" : "None");
	l->step = l->demand ? STEP_ALGORITHM : STEP_PASSED;
	return 0;
}

static int
ask(struct login_target *l, const struct chap_keys *keys, struct failure *f)
{
	const struct login_target_config *c = l->config;
	int alg = chap_choose_alg(l->auth, keys->a, &f->error);

	if (alg < 0) {
		f->status = LOGIN_AUTHENTICATION_FAILURE;
		return alg;
	}
	text_put_number(&l->out, "CHAP_A", (uint64_t)alg);
	chap_ask(&l->ours, (enum chap_alg)alg, -1, c->random, c->random_ctx,
	    &l->out);
	l->step = STEP_PROOF;
	return 0;
}

/* The initiator's proof, and ours when it asks. */
static int
verify(struct login_target *l, const struct chap_keys *keys, struct failure *f)
{
	const struct auth *auth = l->auth;
	int error;

	error =
	    chap_verify(&l->ours, auth->user, auth->secret, keys, &f->error);
	if (error < 0) {
		f->status = error == -EACCES ? LOGIN_AUTHENTICATION_FAILURE
					     : LOGIN_INITIATOR_ERROR;
		return error;
	}
	l->step = STEP_PASSED;
	if (keys->c == NULL)
		return 0;
	if (auth->target_user[0] == '\0')
		return failure_set(f, LOGIN_AUTHENTICATION_FAILURE,
		    "asks for mutual CHAP, for which no secret is configured "
		    "here");
	if (chap_secrets_equal(auth))
		return failure_set(f, LOGIN_AUTHENTICATION_FAILURE,
		    "asks for mutual CHAP, but the secrets configured for the "
		    "two directions are the same");
	error = chap_take(&l->theirs, l->ours.alg, keys, &l->ours, &f->error);
	if (error < 0) {
		f->status = error == -EACCES ? LOGIN_AUTHENTICATION_FAILURE
					     : LOGIN_INITIATOR_ERROR;
		return error;
	}
	chap_answer(
	    &l->theirs, auth->target_user, auth->target_secret, &l->out);
	return 0;
}

static int
take_security(struct login_target *l, const char *methods,
    const struct chap_keys *keys, struct failure *f)
{
	const char *order = keys->order;
	bool none = order[0] == '\0';

	if (methods != NULL &&
	    (l->stage != PDU_STAGE_SECURITY || l->step != STEP_METHOD))
		return failure_set(
		    f, LOGIN_INITIATOR_ERROR, "sent AuthMethod out of place");
	if (l->stage == PDU_STAGE_SECURITY && l->step == STEP_METHOD && none)
		return take_method(l, methods, f);
	if (none)
		return 0;
	if (l->step == STEP_ALGORITHM && strcmp(order, "a") == 0)
		return ask(l, keys, f);
	if (l->step == STEP_PROOF &&
	    (strcmp(order, "nr") == 0 || strcmp(order, "nric") == 0))
		return verify(l, keys, f);
	return failure_set(
	    f, LOGIN_INITIATOR_ERROR, "sent CHAP keys out of order");
}

/*
 * ---- every text ----
 */

static int
take_other(
    struct login_target *l, const struct text_pair *pair, struct failure *f)
{
	struct names names = { 0 };
	int error;

	if (names_slot(&names, pair->key) != NULL)
		return check_repeated(l, pair, f);
	if (strcmp(pair->key, "InitiatorAlias") == 0)
		return 0;
	f->status = LOGIN_INITIATOR_ERROR;
	error = param_take(&l->negotiation, pair->key, pair->value,
	    l->stage == PDU_STAGE_OPERATIONAL, &l->out, &f->error);
	if (error != -ENOENT)
		return error;
	/* Known, but only in the full feature phase. */
	if (strcmp(pair->key, "SendTargets") == 0)
		text_put(&l->out, pair->key, "Reject");
	else if (strcmp(pair->value, "NotUnderstood") != 0)
		text_put(&l->out, pair->key, "NotUnderstood");
	return 0;
}

static int
take_text(struct login_target *l, struct failure *f)
{
	struct chap_keys keys = { 0 };
	const char *methods = NULL;
	struct text_reader r;
	struct text_pair pair;
	int n;

	if (!l->named && take_names(l, f) < 0)
		return -EPROTO;
	f->status = LOGIN_INITIATOR_ERROR;
	text_reader_init(&r, l->in.data, l->in.len);
	while ((n = text_next(&r, &pair, &f->error)) > 0) {
		n = chap_keys_take(&keys, &pair, &f->error);
		if (n < 0)
			return n;
		if (n == 1)
			continue;
		if (strcmp(pair.key, "AuthMethod") == 0) {
			if (methods != NULL)
				return failure_set(f, LOGIN_INITIATOR_ERROR,
				    "sent AuthMethod twice");
			methods = pair.value;
		} else if (take_other(l, &pair, f) < 0) {
			return -EPROTO;
		}
	}
	if (n < 0)
		return n;
	return take_security(l, methods, &keys, f);
}

/* The request asked to move on, and its text has been dealt with. */
static int
transit(struct login_target *l, struct failure *f)
{
	const struct login_target_config *c = l->config;
	struct login_target_result *result = &l->result;
	uint16_t status;

	if (l->stage == PDU_STAGE_SECURITY && l->demand &&
	    l->step != STEP_PASSED)
		return 0; /* not yet */
	if (l->req.nsg == PDU_STAGE_FULL) {
		f->status = LOGIN_INITIATOR_ERROR;
		if (param_settle(&l->negotiation, &f->error) < 0)
			return -EPROTO;
		result->params = l->negotiation.result;
		status = c->ops->establish(c->ctx, result->initiator_name,
		    result->isid, l->req.tsih, result->discovery,
		    &result->params, &result->tsih);
		if (status != LOGIN_SUCCESS)
			return failure_set(f, status, "gets no session: %s",
			    login_status_name(status));
	}
	l->transit = true;
	l->nsg = l->req.nsg;
	return 0;
}

static int
proceed(struct login_target *l, struct failure *f)
{
	bool operational = l->stage == PDU_STAGE_OPERATIONAL;

	if (text_pending(&l->out)) { /* it answers our C bit */
		if (l->in.len != 0)
			return failure_set(f, LOGIN_INITIATOR_ERROR,
			    "answered before our text was complete");
	} else {
		text_buffer_clear(&l->out);
		if (take_text(l, f) < 0)
			return -EPROTO;
		text_buffer_clear(&l->in);
		if (operational)
			param_declare(&l->negotiation, &l->out);
		if (l->out.failed)
			return failure_set(f, LOGIN_OUT_OF_RESOURCES,
			    "needs an answer that is too long");
	}
	if (l->req.transit && l->out.len - l->out.sent <= LOGIN_DATA_MAX)
		return transit(l, f);
	return 0;
}

static enum login_state
reject(struct login_target *l, const struct failure *f, struct error *err)
{
	const char *name = l->result.initiator_name;
	char text[80];

	if (f->status >> 8 != 1)
		text_buffer_clear(&l->out);
	l->status = f->status;
	l->transit = false;
	error_set(err, f->error.class, "login %s%s%s: the initiator %s",
	    name[0] != '\0' ? "of " : "",
	    escape(text, sizeof(text), name, strlen(name)),
	    f->status >> 8 == 1 ? " redirected" : " refused", f->error.text);
	l->state = LOGIN_SEND;
	return l->state;
}

enum login_state
login_target_recv(struct login_target *l, const uint8_t *bhs,
    const uint8_t *data, size_t len, struct error *err)
{
	struct pdu_login_request req;
	struct failure f = { 0 };

	l->rounds++;
	if (pdu_opcode(bhs) != PDU_LOGIN_REQUEST) {
		l->req.itt = pdu_itt(bhs);
		failure_set(&f, LOGIN_INVALID_DURING_LOGIN,
		    "sent a PDU that does not belong into a login: %s "
		    "(opcode 0x%02x)",
		    pdu_opcode_name(pdu_opcode(bhs)), pdu_opcode(bhs));
		return reject(l, &f, err);
	}
	pdu_get_login_request(bhs, &req);
	if (l->rounds == 1) {
		l->stage = req.csg;
		memcpy(l->result.isid, req.isid, sizeof(req.isid));
		l->result.cid = req.cid;
	}
	if (check_header(l, &req, &f) < 0) {
		l->req = req;
		return reject(l, &f, err);
	}
	l->req = req;
	if (len > LOGIN_DATA_MAX || text_append(&l->in, data, len) < 0) {
		failure_set(&f, LOGIN_INITIATOR_ERROR,
		    "sent more text than a login may have");
		return reject(l, &f, err);
	}
	l->state = LOGIN_SEND;
	if (req.more) /* collected; answered with an empty response */
		return l->state;
	if (proceed(l, &f) < 0)
		return reject(l, &f, err);
	return l->state;
}
