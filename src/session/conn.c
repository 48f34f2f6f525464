/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conn - one connection of a session: its framer and its sender, the dispatch
 * of what arrives, the numbering that every PDU shares (RFC 7143, 4.2.2).
 *
 * Sending is late: conn_tx_iov() forms PDUs only as far as TX_BUDGET and the
 * sender's slots reach, so that control PDUs, new commands and solicited data
 * are weighed against each other with what is known then, and carry the newest
 * ExpStatSN.
 *
 * Receiving trusts nothing.  Whatever the target may not send ends the
 * connection with an error that names it: at error recovery level 0 there is no
 * smaller remedy (RFC 7143, 7.1.1).
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/serial.h"
#include "session/internal.h"

void
conn_init(struct conn *c, struct session *s)
{
	c->session = s;
	c->ping_at = CLOCK_NEVER;
	STAILQ_INIT(&c->pongs);
	STAILQ_INIT(&c->pongs_sent);
}

int
conn_open(struct conn *c, uint64_t now, struct error *err)
{
	struct session *s = c->session;
	uint32_t max_data = s->config.offer.max_recv_data_segment;

	c->open = true;
	c->logout_sent = false;
	c->control = 0;
	c->placing = NULL;
	c->pipes = false;
	c->filling = NULL;
	c->unsolicited = NULL;
	c->commands_in_turn = 0;
	c->exp_statsn = 0;
	c->late_aborts = 0;
	c->late_responses = 0;
	c->last_rx = now;
	c->sent = c->acked = 0;
	c->ping_at = CLOCK_NEVER;
	c->ping_out = false;
	s->cmdsn = 1;
	s->max_cmdsn = 0;

	c->framer =
	    framer_new(max_data > LOGIN_DATA_MAX ? max_data : LOGIN_DATA_MAX);
	c->sender = sender_new();
	if (c->framer == NULL || c->sender == NULL)
		return error_set(err, ERROR_FAILED,
		    "login to %s failed: out of memory", s->next_portal);
	framer_set_max_data(c->framer, LOGIN_DATA_MAX);
	return control_login_open(c, err);
}

void
conn_close(struct conn *c)
{
	if (c->transport) {
		c->transport = false;
		c->session->pending |= PENDING_CLOSE;
	}
	c->open = false;
	c->control = 0;
	sender_free(c->sender);
	c->sender = NULL;
	framer_free(c->framer);
	c->framer = NULL;
	c->placing = NULL;
	c->filling = NULL;
	c->unsolicited = NULL;
	control_close(c);
}

int
conn_violation(struct conn *c, struct error *err, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return error_set(err, ERROR_FAILED,
	    "%s broke the iSCSI protocol: %s; the connection was given up",
	    c->session->next_portal, what);
}

uint32_t
conn_itt(struct conn *c)
{
	return ITT_CONTROL | (c->session->generation++ & ~ITT_KIND);
}

/*
 * RFC 7143, 4.2.2.1: a pair that contradicts itself is ignored, and so is what
 * is older than what we know.
 */
void
conn_window(struct conn *c, const uint8_t *bhs)
{
	struct session *s = c->session;
	uint32_t exp = be32_get(bhs + 28), max = be32_get(bhs + 32);

	if (sn_lt(max, exp - 1))
		return;
	if (sn_gt(max, s->max_cmdsn))
		s->max_cmdsn = max;
}

/* A PDU that carries a status: it has to be the next one. */
int
conn_status(struct conn *c, const uint8_t *bhs, struct error *err)
{
	uint32_t statsn = be32_get(bhs + 24);

	if (statsn != c->exp_statsn)
		return conn_violation(c, err,
		    "%s with StatSN %u where %u was due (%s)",
		    pdu_opcode_name(pdu_opcode(bhs)), statsn, c->exp_statsn,
		    sn_gt(statsn, c->exp_statsn) ? "a response is missing"
						 : "repeated");
	c->exp_statsn++;
	return 0;
}

static int
conn_login_again(struct conn *c, const struct framer_pdu *pdu, uint64_t now,
    struct error *err)
{
	(void)pdu;
	(void)now;
	return conn_violation(c, err, "Login Response after the login");
}

#define OPCODE(x) ((x)-PDU_NOP_IN)

static const struct receiver {
	int (*take)(struct conn *, const struct framer_pdu *, uint64_t now,
	    struct error *);
	bool status; /* always numbered by StatSN */
} receivers[32] = {
	[OPCODE(PDU_NOP_IN)] = { control_nop_in, false },
	[OPCODE(PDU_SCSI_RESPONSE)] = { transfer_response, true },
	[OPCODE(PDU_TMF_RESPONSE)] = { control_tmf_response, true },
	[OPCODE(PDU_LOGIN_RESPONSE)] = { conn_login_again, false },
	[OPCODE(PDU_TEXT_RESPONSE)] = { text_response, true },
	[OPCODE(PDU_DATA_IN)] = { transfer_data_in, false },
	[OPCODE(PDU_LOGOUT_RESPONSE)] = { control_logout_response, true },
	[OPCODE(PDU_R2T)] = { transfer_r2t, false },
	[OPCODE(PDU_ASYNC)] = { control_async, true },
	[OPCODE(PDU_REJECT)] = { control_reject, true },
};

static int
conn_header(struct conn *c, const struct framer_pdu *pdu, struct error *err)
{
	if (pdu_opcode(pdu->bhs) == PDU_DATA_IN && c->login == NULL)
		return transfer_data_in_header(c, pdu, err);
	return 0;
}

static int
conn_dispatch(struct conn *c, const struct framer_pdu *pdu, uint64_t now,
    struct error *err)
{
	unsigned opcode = pdu_opcode(pdu->bhs);
	const struct receiver *r;

	if (!pdu->digest_ok)
		return error_set(err, ERROR_UNREACHED,
		    "a %s from %s arrived damaged (data digest); the "
		    "connection was given up",
		    pdu_opcode_name(opcode), c->session->next_portal);
	if (c->login != NULL)
		return control_login_response(c, pdu, now, err);
	r = &receivers[opcode & 0x1f];
	if (opcode < PDU_NOP_IN || r->take == NULL)
		return conn_violation(c, err, "PDU with opcode 0x%02x", opcode);
	conn_window(c, pdu->bhs);
	if (r->status && conn_status(c, pdu->bhs, err) < 0)
		return -1;
	return r->take(c, pdu, now, err);
}

int
conn_rx_iov(struct conn *c, struct iovec *iov, int max)
{
	if (!c->open)
		return 0;
	if (c->pipes && c->session->piping > 0)
		return framer_rx_unit(c->framer, iov, max);
	return framer_rx_iov(c->framer, iov, max);
}

/* Takes all that can be taken of what has come. */
static void
conn_receive(struct conn *c, uint64_t now)
{
	struct framer_pdu pdu;
	struct error err;
	int rc = 0;

	c->last_rx = now;
	while (c->open && rc == 0) {
		switch (framer_next(c->framer, &pdu, &err)) {
		case FRAMER_MORE:
			return;
		case FRAMER_HEADER:
			rc = conn_header(c, &pdu, &err);
			break;
		case FRAMER_PDU:
			rc = conn_dispatch(c, &pdu, now, &err);
			break;
		case FRAMER_BROKEN:
			rc = conn_violation(c, &err, "%s", err.text);
			break;
		}
	}
	if (rc < 0)
		session_lose(c->session, &err, now);
}

void
conn_rx_done(struct conn *c, size_t n, uint64_t now)
{
	if (!c->open)
		return;
	framer_rx_done(c->framer, n);
	conn_receive(c, now);
}

struct kpipe *
conn_rx_pipe(struct conn *c, size_t *ret_max)
{
	if (c->filling == NULL)
		return NULL;
	*ret_max = framer_pipe_left(c->framer);
	return *ret_max > 0 ? c->filling : NULL;
}

void
conn_rx_piped(struct conn *c, size_t n, uint64_t now)
{
	if (!c->open)
		return;
	framer_piped(c->framer, n);
	conn_receive(c, now);
}

void
conn_rx_pipe_full(struct conn *c, uint64_t now)
{
	struct error err;

	if (c->filling != NULL && transfer_spill(c, &err) < 0)
		session_lose(c->session, &err, now);
}

int
conn_tx_iov(struct conn *c, struct iovec *iov, int max, uint64_t now)
{
	struct session *s = c->session;

	if (!c->open)
		return 0;
	if (s->state == SESSION_LOGOUT_REQUESTED && s->free_n == TASK_SLOTS)
		session_move(s, CAUSE_DRAINED, NULL, now);
	while (!c->logout_sent && sender_room(c->sender) > 0 &&
	       sender_bytes(c->sender) < TX_BUDGET) {
		if (c->control != 0)
			control_form(c);
		else if (!transfer_form(c))
			break;
	}
	return sender_iov(c->sender, iov, max);
}

void
conn_tx_done(struct conn *c, size_t n, uint64_t now)
{
	if (!c->open)
		return;
	sender_done(c->sender, n);
	c->sent += n;
	if (!TAILQ_EMPTY(&c->session->ending))
		task_settle(c->session, now);
	if (!STAILQ_EMPTY(&c->pongs_sent))
		control_sent(c);
}

void
conn_unacked(struct conn *c, size_t bytes)
{
	if (bytes <= c->sent)
		c->acked = c->sent - bytes;
}
