/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control - the PDUs of a connection that belong to no command's data: login
 * and logout, pings in both directions, ABORT TASK, asynchronous messages,
 * Reject (RFC 7143, 11.5 - 11.6, 11.9, 11.12 - 11.14, 11.17 - 11.19).
 *
 * All of ours are immediate: none waits for the command window, and none
 * consumes a CmdSN.
 *
 * A request of ours may be answered only once it was wholly sent: an answer
 * that comes earlier is not one, and the payload that still waits to be sent
 * must not be given up for it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/serial.h"
#include "session/internal.h"

/* Pings of the target that wait to be answered. */
#define PONGS_MAX 16

/*
 * ---- login and logout ----
 */

int
control_login_open(struct conn *c, struct error *err)
{
	struct session *s = c->session;
	struct login_initiator_config *config = &c->login_config;

	config->initiator_name = s->config.initiator_name;
	config->target_name =
	    s->config.target_name[0] != '\0' ? s->config.target_name : NULL;
	config->portal = s->next_portal;
	memcpy(config->isid, s->isid, sizeof(config->isid));
	config->tsih = 0;
	config->cid = 0;
	config->auth = s->config.auth;
	config->offer = s->config.offer;
	config->random = s->config.random;
	config->random_ctx = s->config.random_ctx;
	config->log = s->config.log;
	c->login = login_initiator_new(config);
	if (c->login == NULL)
		return error_set(err, ERROR_FAILED,
		    "login to %s failed: out of memory", s->next_portal);
	c->login_itt = conn_itt(c);
	c->control = CONTROL_LOGIN;
	return 0;
}

static void
form_login(struct conn *c)
{
	uint8_t bhs[PDU_BHS_LEN];
	const uint8_t *data;
	size_t len;

	login_initiator_send(c->login, bhs, &data, &len);
	pdu_set_itt(bhs, c->login_itt);
	pdu_set_cmdsn(bhs, c->session->cmdsn);
	pdu_set_expstatsn(bhs, c->exp_statsn);
	/* The sender only reads it. */
	memcpy(&c->login_iov.iov_base, &data, sizeof(data));
	c->login_iov.iov_len = len;
	sender_push(
	    c->sender, bhs, NULL, 0, &c->login_iov, 1, 0, len, &c->login_refs);
}

/* The login is complete: what was negotiated holds from the next PDU on. */
static void
login_done(struct conn *c, uint64_t now)
{
	struct session *s = c->session;
	const struct login_result *result = login_initiator_result(c->login);
	bool header, data;
	uint16_t tpgt = result->tpgt;

	s->params = result->params;
	header = s->params.header_digest.order[0] == DIGEST_CRC32C;
	data = s->params.data_digest.order[0] == DIGEST_CRC32C;
	login_initiator_free(c->login);
	c->login = NULL;

	framer_set_digests(c->framer, header, data);
	framer_set_max_data(c->framer, s->params.max_recv_data_segment);
	sender_set_digests(c->sender, header, data);
	c->pipes = s->config.pipe_least > 0 && !data;
	if (s->config.ping_interval != 0)
		c->ping_at = now + s->config.ping_interval;
	recovery_reinstated(s, tpgt, now);
	session_move(s, CAUSE_ACCEPTED, NULL, now);
}

int
control_login_response(struct conn *c, const struct framer_pdu *pdu,
    uint64_t now, struct error *err)
{
	struct session *s = c->session;
	bool response = pdu_opcode(pdu->bhs) == PDU_LOGIN_RESPONSE;

	if (c->login_refs != 0 || c->control != 0)
		return conn_violation(c, err,
		    "%s before the Login Request was sent",
		    pdu_opcode_name(pdu_opcode(pdu->bhs)));
	if (response && pdu_itt(pdu->bhs) != c->login_itt)
		return conn_violation(c, err,
		    "Login Response with initiator task tag 0x%08x",
		    pdu_itt(pdu->bhs));
	if (response) {
		c->exp_statsn = be32_get(pdu->bhs + 24) + 1;
		conn_window(c, pdu->bhs);
	}
	switch (login_initiator_recv(
	    c->login, pdu->bhs, pdu->data, pdu->data_len, err)) {
	case LOGIN_SEND:
		c->control = CONTROL_LOGIN;
		return 0;
	case LOGIN_WAIT:
		return 0;
	case LOGIN_DONE:
		login_done(c, now);
		return 0;
	case LOGIN_REDIRECT:
		session_move(s, CAUSE_REDIRECTED, NULL, now);
		return 0;
	case LOGIN_FAILED:
		break;
	}
	return -1;
}

static void
form_logout(struct conn *c)
{
	struct pdu_logout_request h = { .immediate = true };
	uint8_t bhs[PDU_BHS_LEN];

	c->logout_itt = conn_itt(c);
	h.reason = PDU_LOGOUT_SESSION;
	h.itt = c->logout_itt;
	h.cmdsn = c->session->cmdsn;
	h.expstatsn = c->exp_statsn;
	pdu_put_logout_request(bhs, &h);
	sender_push(c->sender, bhs, NULL, 0, NULL, 0, 0, 0, NULL);
	c->logout_sent = true;
}

int
control_logout_response(struct conn *c, const struct framer_pdu *pdu,
    uint64_t now, struct error *err)
{
	struct session *s = c->session;
	struct pdu_logout_response h;
	(void)now;

	pdu_get_logout_response(pdu->bhs, &h);
	if (!c->logout_sent || h.itt != c->logout_itt)
		return conn_violation(
		    c, err, "Logout Response that was not asked for");
	if (h.response != PDU_LOGOUT_OK)
		log_warn(s->config.log, "logout from %s: response %u",
		    s->next_portal, h.response);
	s->time2wait = h.time2wait;
	s->time2retain = h.time2retain;
	/* Whichever side asked, the connection is over. */
	return error_set(
	    err, ERROR_UNREACHED, "logged out from %s", s->next_portal);
}

/*
 * ---- pings ----
 */

static void
form_ping(struct conn *c)
{
	struct pdu_nop_out h = { .immediate = true, .ttt = PDU_TAG_NONE };
	uint8_t bhs[PDU_BHS_LEN];

	h.itt = c->ping_itt;
	h.cmdsn = c->session->cmdsn;
	h.expstatsn = c->exp_statsn;
	pdu_put_nop_out(bhs, &h);
	sender_push(c->sender, bhs, NULL, 0, NULL, 0, 0, 0, NULL);
}

static bool
form_pong(struct conn *c)
{
	struct pdu_nop_out h = { .immediate = true, .itt = PDU_TAG_NONE };
	struct pong *p = STAILQ_FIRST(&c->pongs);
	uint8_t bhs[PDU_BHS_LEN];

	STAILQ_REMOVE_HEAD(&c->pongs, link);
	h.lun = p->lun;
	h.ttt = p->ttt;
	h.cmdsn = c->session->cmdsn;
	h.expstatsn = c->exp_statsn;
	pdu_put_nop_out(bhs, &h);
	sender_push(
	    c->sender, bhs, NULL, 0, &p->iov, 1, 0, p->iov.iov_len, &p->refs);
	STAILQ_INSERT_TAIL(&c->pongs_sent, p, link);
	return STAILQ_EMPTY(&c->pongs);
}

void
control_sent(struct conn *c)
{
	struct pong *p;

	while ((p = STAILQ_FIRST(&c->pongs_sent)) != NULL && p->refs == 0) {
		STAILQ_REMOVE_HEAD(&c->pongs_sent, link);
		c->pong_count--;
		free(p);
	}
}

/* A ping of the target is answered with its own data, as much of it as the
 * target takes (RFC 7143, 11.18). */
static int
take_ping(struct conn *c, const struct pdu_nop_in *h,
    const struct framer_pdu *pdu, struct error *err)
{
	uint32_t max = c->session->params.max_send_data_segment;
	size_t len = pdu->data_len < max ? pdu->data_len : max;
	struct pong *p;

	if (c->pong_count == PONGS_MAX)
		return conn_violation(c, err,
		    "more than %d NOP-In whose answers are not taken",
		    PONGS_MAX);
	p = malloc(sizeof(*p) + len);
	if (p == NULL)
		return error_set(err, ERROR_FAILED,
		    "connection to %s given up: out of memory",
		    c->session->next_portal);
	p->refs = 0;
	p->lun = h->lun;
	p->ttt = h->ttt;
	if (len > 0)
		memcpy(p->data, pdu->data, len);
	p->iov.iov_base = p->data;
	p->iov.iov_len = len;
	STAILQ_INSERT_TAIL(&c->pongs, p, link);
	c->pong_count++;
	c->control |= CONTROL_PONG;
	return 0;
}

int
control_nop_in(struct conn *c, const struct framer_pdu *pdu, uint64_t now,
    struct error *err)
{
	struct pdu_nop_in h;
	(void)now;

	pdu_get_nop_in(pdu->bhs, &h);
	if (h.itt != PDU_TAG_NONE) {
		if (!c->ping_out || h.itt != c->ping_itt)
			return conn_violation(c, err,
			    "NOP-In with initiator task tag 0x%08x", h.itt);
		c->ping_out = false;
		ping_end(c->session, true);
		return conn_status(c, pdu->bhs, err);
	}
	if (h.ttt != PDU_TAG_NONE && !c->logout_sent)
		return take_ping(c, &h, pdu, err);
	return 0;
}

void
control_ping(struct conn *c, uint64_t now)
{
	c->ping_out = true;
	c->ping_acked = c->acked;
	c->ping_itt = conn_itt(c);
	c->ping_at = now + c->session->config.ping_timeout;
	c->control |= CONTROL_PING;
}

int
control_tick(struct conn *c, uint64_t now, struct error *err)
{
	const struct session_config *config = &c->session->config;

	if (now < c->ping_at)
		return 0;
	if (c->ping_out) {
		/* Its answer may stand behind much data: any byte is life. */
		c->ping_at =
		    c->last_rx + config->ping_interval + config->ping_timeout;
		if (c->ping_at > now)
			return 0;
		/* It may itself stand behind much data that still goes: then
		 * the target takes it, or its transport would not any more. */
		if (c->acked > c->ping_acked) {
			c->ping_acked = c->acked;
			c->ping_at = now + config->ping_timeout;
			return 0;
		}
		return error_set(err, ERROR_UNREACHED,
		    "%s does not answer: nothing received for %u ms",
		    c->session->next_portal,
		    (unsigned)((now - c->last_rx) / CLOCK_MS));
	}
	c->ping_at = config->ping_interval == 0
			 ? CLOCK_NEVER
			 : c->last_rx + config->ping_interval;
	if (c->ping_at <= now)
		control_ping(c, now);
	return 0;
}

/*
 * ---- ABORT TASK ----
 */

/* RFC 7143, 11.5: immediate, and so RefCmdSN is lower than CmdSN. */
static bool
form_abort(struct conn *c)
{
	struct pdu_tmf_request h = { .immediate = true };
	struct task *t = task_to_abort(c->session);
	uint8_t bhs[PDU_BHS_LEN];

	if (t == NULL)
		return true;
	t->abort = ABORT_SENT;
	h.function = PDU_TMF_ABORT_TASK;
	h.lun = t->lun;
	h.itt = t->itt | ITT_ABORT;
	h.ref_itt = t->itt;
	h.refcmdsn = t->cmdsn;
	h.cmdsn = c->session->cmdsn;
	h.expstatsn = c->exp_statsn;
	pdu_put_tmf_request(bhs, &h);
	sender_push(c->sender, bhs, NULL, 0, NULL, 0, 0, 0, NULL);
	return false;
}

int
control_tmf_response(struct conn *c, const struct framer_pdu *pdu, uint64_t now,
    struct error *err)
{
	struct session *s = c->session;
	struct pdu_tmf_response h;
	struct task *t;

	pdu_get_tmf_response(pdu->bhs, &h);
	t = (h.itt & ITT_KIND) == ITT_ABORT ? task_find(s, h.itt & ~ITT_KIND)
					    : NULL;
	if (t == NULL || t->abort != ABORT_SENT) {
		/* The task's own status overtook the abort. */
		if (c->late_aborts > 0) {
			c->late_aborts--;
			return 0;
		}
		return conn_violation(c, err,
		    "Task Management Response with initiator task tag 0x%08x",
		    h.itt);
	}
	if (h.response != PDU_TMF_COMPLETE && h.response != PDU_TMF_NO_TASK)
		return error_set(err, ERROR_FAILED,
		    "%s did not abort a command that timed out (response %u); "
		    "the connection was given up",
		    s->next_portal, h.response);
	t->abort = ABORT_NONE;
	t->outcome = TASK_TIMEDOUT;
	task_finish(s, t, now);
	return 0;
}

/*
 * ---- what the target tells of its own accord ----
 */

static int
take_sense(struct conn *c, const struct pdu_async *h,
    const struct framer_pdu *pdu, struct error *err)
{
	size_t len;

	if (pdu->data_len < 2)
		return 0;
	len = be16_get(pdu->data);
	if (len > pdu->data_len - 2)
		return conn_violation(c, err,
		    "Asynchronous Message with %zu bytes of sense in %zu", len,
		    pdu->data_len - 2);
	session_async(c->session, h->lun, pdu->data + 2, len);
	return 0;
}

int
control_async(struct conn *c, const struct framer_pdu *pdu, uint64_t now,
    struct error *err)
{
	struct session *s = c->session;
	struct pdu_async h;

	pdu_get_async(pdu->bhs, &h);
	switch (h.event) {
	case PDU_ASYNC_SCSI:
		return take_sense(c, &h, pdu, err);
	case PDU_ASYNC_NEGOTIATE:
		/* Logging out (and in again) is the other lawful answer. */
	case PDU_ASYNC_LOGOUT:
		log_info(s->config.log,
		    "%s asks for a logout within %u seconds", s->next_portal,
		    h.param3);
		session_move(s, CAUSE_REQUESTED, NULL, now);
		/* Half of the time for what is in flight. */
		if (s->state == SESSION_LOGOUT_REQUESTED)
			s->phase_at = now + h.param3 * CLOCK_S / 2;
		return 0;
	case PDU_ASYNC_DROP_CONNECTION:
		if (h.param1 != c->login_config.cid)
			return 0;
		/* FALLTHROUGH */
	case PDU_ASYNC_DROP_SESSION:
		s->time2wait = h.param2;
		s->time2retain = h.param3;
		return error_set(err, ERROR_UNREACHED,
		    "%s announced that it drops the connection",
		    s->next_portal);
	default:
		log_warn(s->config.log,
		    "%s sent an asynchronous message of type %u",
		    s->next_portal, h.event);
		return 0;
	}
}

/*
 * A command is rejected: the task has ended, though a status may still follow
 * (RFC 7143, 11.17.1).  But when its CmdSN was not taken there is a hole, at
 * which everything behind it waits, and only recovery fills it.
 */
static int
reject_command(struct conn *c, const struct pdu_reject *h, uint32_t itt,
    const struct error *why, uint64_t now)
{
	struct task *t = task_find(c->session, itt);

	if (t == NULL || sn_le(h->expcmdsn, t->cmdsn))
		return -1;
	log_warn(c->session->config.log, "%s", why->text);
	c->late_responses++;
	t->outcome = TASK_BAD_REPLY;
	task_finish(c->session, t, now);
	return 0;
}

int
control_reject(struct conn *c, const struct framer_pdu *pdu, uint64_t now,
    struct error *err)
{
	struct session *s = c->session;
	struct pdu_reject h;
	const uint8_t *bhs = pdu->data;

	pdu_get_reject(pdu->bhs, &h);
	if (pdu->data_len < PDU_BHS_LEN)
		return conn_violation(c, err,
		    "Reject (%s) without the header that it rejects",
		    pdu_reject_reason_name(h.reason));
	error_set(err, ERROR_FAILED, "%s rejected a %s: %s", s->next_portal,
	    pdu_opcode_name(pdu_opcode(bhs)), pdu_reject_reason_name(h.reason));

	switch (pdu_opcode(bhs)) {
	case PDU_SCSI_COMMAND:
		return reject_command(c, &h, pdu_itt(bhs), err, now);
	case PDU_TEXT_REQUEST:
		if (s->text == NULL || s->text_refs > 0 ||
		    pdu_itt(bhs) != s->text_itt)
			return -1;
		text_rejected(s, err, now);
		return 0;
	case PDU_NOP_OUT:
		c->ping_out = false;
		ping_end(s, false);
		break;
	case PDU_DATA_OUT:    /* the task's status follows (RFC 7143, 7.8) */
	case PDU_TMF_REQUEST: /* the abort's own time-out decides */
		break;
	default:
		return -1;
	}
	log_warn(s->config.log, "%s", err->text);
	return 0;
}

/*
 * ---- forming ----
 */

void
control_form(struct conn *c)
{
	unsigned first = c->control & -c->control;
	bool done = true;

	switch ((enum control)first) {
	case CONTROL_LOGIN:
		form_login(c);
		break;
	case CONTROL_PONG:
		done = form_pong(c);
		break;
	case CONTROL_PING:
		form_ping(c);
		break;
	case CONTROL_ABORT:
		done = form_abort(c);
		break;
	case CONTROL_TEXT:
		text_form(c);
		break;
	case CONTROL_LOGOUT:
		form_logout(c);
		break;
	}
	if (done)
		c->control &= ~first;
}

void
control_close(struct conn *c)
{
	struct pong *p;

	STAILQ_CONCAT(&c->pongs_sent, &c->pongs);
	while ((p = STAILQ_FIRST(&c->pongs_sent)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->pongs_sent, link);
		free(p);
	}
	c->pong_count = 0;
	login_initiator_free(c->login);
	c->login = NULL;
	c->login_refs = 0;
}
