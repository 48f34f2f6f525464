/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text - text exchanges in full feature phase (RFC 7143, 11.10, 11.11).
 *
 * One at a time; the others queue.  The request is one PDU.  While the target
 * has more to say (F bit clear) it is asked for with empty requests that echo
 * its transfer tag.  Both the length and the number of rounds are bounded.
 *
 * A target that answers no text request in time has lost the thread of its
 * negotiation, and there is no way to abort one from our side: the connection
 * is given up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session/internal.h"

#define RESPONSE_MAX (1024u << 10)
#define ROUNDS_MAX   4096

static void
append(struct text_exchange **list, struct text_exchange *x)
{
	while (*list != NULL)
		list = &(*list)->next;
	x->next = NULL;
	*list = x;
}

/* Ends one that is on no list. */
static void
end(struct session *s, struct text_exchange *x, int result,
    const struct error *why)
{
	x->result = result;
	if (why != NULL)
		x->error = *why;
	if (result < 0)
		session_text_release(x);
	append(&s->text_ended, x);
}

static void
begin(struct session *s, uint64_t now)
{
	struct text_exchange *x = s->text_queue;

	s->text_at = CLOCK_NEVER;
	s->text = x;
	if (x == NULL)
		return;
	s->text_queue = x->next;
	s->text_ttt = PDU_TAG_NONE;
	s->text_itt = conn_itt(&s->conn);
	s->text_rounds = 0;
	s->text_at = now + s->config.task_timeout;
	s->conn.control |= CONTROL_TEXT;
}

void
session_text(struct session *s, struct text_exchange *x, uint64_t now)
{
	struct error why;

	x->response = NULL;
	x->response_len = 0;
	x->result = 0;
	error_set(&x->error, ERROR_NONE, "%s", "");
	if (!s->accepting) {
		error_set(&why, ERROR_UNREACHED,
		    "text request to %s failed: not logged in",
		    s->config.portal);
		end(s, x, -ENOTCONN, &why);
	} else if (x->request_len > s->params.max_send_data_segment) {
		error_set(&why, ERROR_FAILED,
		    "text request to %s failed: longer than the %u bytes that "
		    "it takes",
		    s->config.portal, s->params.max_send_data_segment);
		end(s, x, -EMSGSIZE, &why);
	} else {
		append(&s->text_queue, x);
		if (s->text == NULL)
			begin(s, now);
	}
	if (s->config.wake != NULL)
		s->config.wake(s->config.wake_ctx);
}

struct text_exchange *
session_reap_text(struct session *s)
{
	struct text_exchange *x = s->text_ended;

	if (x != NULL) {
		s->text_ended = x->next;
		x->next = NULL;
	}
	return x;
}

void
session_text_release(struct text_exchange *x)
{
	free(x->response);
	x->response = NULL;
	x->response_len = 0;
}

void
text_form(struct conn *c)
{
	struct session *s = c->session;
	struct pdu_text_request h = { .immediate = true, .final = true };
	uint8_t bhs[PDU_BHS_LEN];
	bool first = s->text_ttt == PDU_TAG_NONE;

	if (s->text == NULL)
		return;
	h.itt = s->text_itt;
	h.ttt = s->text_ttt;
	h.lun = s->text_lun;
	h.cmdsn = s->cmdsn;
	h.expstatsn = c->exp_statsn;
	pdu_put_text_request(bhs, &h);
	/* The sender only reads it. */
	memcpy(
	    &s->text_iov.iov_base, &s->text->request, sizeof(s->text->request));
	s->text_iov.iov_len = first ? s->text->request_len : 0;
	sender_push(c->sender, bhs, NULL, 0, &s->text_iov, 1, 0,
	    s->text_iov.iov_len, &s->text_refs);
}

static void
finish(struct session *s, int result, const struct error *why, uint64_t now)
{
	end(s, s->text, result, why);
	begin(s, now);
}

static int
gather(struct text_exchange *x, const struct framer_pdu *pdu)
{
	uint8_t *p;

	if (pdu->data_len == 0)
		return 0;
	if (pdu->data_len > RESPONSE_MAX - x->response_len)
		return -EMSGSIZE;
	p = realloc(x->response, x->response_len + pdu->data_len);
	if (p == NULL)
		return -ENOMEM;
	memcpy(p + x->response_len, pdu->data, pdu->data_len);
	x->response = p;
	x->response_len += pdu->data_len;
	return 0;
}

int
text_response(struct conn *c, const struct framer_pdu *pdu, uint64_t now,
    struct error *err)
{
	struct session *s = c->session;
	struct pdu_text_response h;
	struct error why;
	int rc;

	pdu_get_text_response(pdu->bhs, &h);
	if (s->text == NULL || h.itt != s->text_itt || s->text_refs > 0 ||
	    (c->control & CONTROL_TEXT) != 0)
		return conn_violation(c, err,
		    "Text Response with initiator task tag 0x%08x, which no "
		    "request has",
		    h.itt);
	if (h.final && (h.ttt != PDU_TAG_NONE || h.more))
		return conn_violation(c, err,
		    "final Text Response with "
		    "a target transfer tag or more to come");
	if (!h.final && h.ttt == PDU_TAG_NONE)
		return conn_violation(c, err,
		    "Text Response that is not "
		    "final and has no target transfer tag");
	rc = gather(s->text, pdu);
	if (rc == 0 && !h.final && ++s->text_rounds == ROUNDS_MAX)
		rc = -EMSGSIZE;
	if (rc < 0 && !h.final)
		/* The target would wait for its next round for ever. */
		return error_set(err, ERROR_FAILED,
		    "the answer of %s to a text request is too long",
		    s->next_portal);
	if (rc < 0) {
		error_set(&why, ERROR_FAILED,
		    "the answer of %s to a text request is too long",
		    s->next_portal);
		finish(s, rc, &why, now);
	} else if (h.final) {
		finish(s, 0, NULL, now);
	} else {
		s->text_ttt = h.ttt;
		s->text_lun = h.lun;
		c->control |= CONTROL_TEXT;
	}
	return 0;
}

void
text_rejected(struct session *s, const struct error *why, uint64_t now)
{
	finish(s, -EPROTO, why, now);
}

void
text_fail(struct session *s, int result, const struct error *why)
{
	struct text_exchange *x;

	s->text_at = CLOCK_NEVER;
	if (s->text != NULL)
		end(s, s->text, result, why);
	s->text = NULL;
	while ((x = s->text_queue) != NULL) {
		s->text_queue = x->next;
		end(s, x, result, why);
	}
}

int
text_tick(struct session *s, uint64_t now, struct error *err)
{
	if (now < s->text_at)
		return 0;
	s->text_at = CLOCK_NEVER;
	return error_set(err, ERROR_UNREACHED,
	    "%s did not answer a text request; the connection was given up",
	    s->next_portal);
}
