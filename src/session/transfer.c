/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transfer - SCSI commands and their data, in both directions (RFC 7143, 4.2.5,
 * 11.3, 11.4, 11.7, 11.8).
 *
 * Out:  command + immediate data, then at once its unsolicited Data-Out; what
 *       R2Ts ask for goes round robin, one Data-Out of one task after the
 *       other.  New commands go before solicited data, but only so many at a
 *       stretch, so that neither starves.
 *
 * In:   Data-In is received into the task's own memory, after everything that
 *       decides where was checked: the tag and its generation, the direction,
 *       DataSN, an offset that continues where the last one ended
 *       (DataPDUInOrder and DataSequenceInOrder are Yes), the length.  What was
 *       counted here, and not what the target says, is what a task is told to
 *       have received.  A task that has a pipe to offer gets its payload there
 *       (kpipe.h), without it passing through memory: for that the header must
 *       have come alone, which conn_rx_iov() sees to while such a task is in
 *       flight.
 *
 * A status may come before everything was sent.  Then nothing more is formed,
 * and the task ends once the PDUs that were formed have gone (task.c).
 */
#include <string.h>

#include "proto/scsi.h"
#include "session/internal.h"

/* New commands between two solicited Data-Out PDUs. */
#define COMMANDS_IN_TURN 16

static uint32_t
lesser(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/*
 * ---- sending ----
 */

/* How much goes without being asked for (RFC 7143, 13.10, 13.11, 13.14): if
 * any unsolicited Data-Out is sent, then all that FirstBurstLength allows. */
static uint32_t
unsolicited_len(
    const struct params *p, const struct task *t, uint32_t immediate)
{
	return p->initial_r2t ? immediate : lesser(t->length, p->first_burst);
}

/* The longest data segment that we send. */
static uint32_t
segment(const struct conn *c)
{
	return lesser(c->session->params.max_send_data_segment, DATA_OUT_MAX);
}

static void
form_command(struct conn *c, struct task *t)
{
	struct session *s = c->session;
	const struct params *p = &s->params;
	struct pdu_scsi_command h = { .attr = PDU_ATTR_SIMPLE };
	uint8_t bhs[PDU_BHS_LEN];
	uint32_t immediate = 0;

	task_start(s, t);
	if (t->dir == TASK_OUT) {
		if (p->immediate_data)
			immediate = lesser(
			    t->length, lesser(p->first_burst, segment(c)));
		t->unsolicited = unsolicited_len(p, t, immediate);
		t->solicited = t->unsolicited;
		t->moved = immediate;
		if (t->unsolicited > immediate)
			c->unsolicited = t;
	}
	h.final = t->unsolicited == immediate;
	h.read = t->dir == TASK_IN;
	h.write = t->dir == TASK_OUT;
	h.lun = t->lun;
	h.itt = t->itt;
	h.edtl = t->dir == TASK_NO_DATA ? 0 : t->length;
	h.cmdsn = t->cmdsn;
	h.expstatsn = c->exp_statsn;
	memcpy(h.cdb, t->cdb, sizeof(h.cdb));
	pdu_put_scsi_command(bhs, &h);
	if (immediate > 0)
		sender_push(c->sender, bhs, NULL, 0, t->iov, t->iovcnt, 0,
		    immediate, &t->tx_refs);
	else
		sender_push(c->sender, bhs, NULL, 0, NULL, 0, 0, 0, NULL);
}

static void
form_data(struct conn *c, struct task *t, uint32_t ttt, uint32_t datasn,
    uint32_t offset, uint32_t len, bool final)
{
	struct pdu_data_out h = { .final = final,
		.lun = t->lun,
		.itt = t->itt,
		.ttt = ttt,
		.datasn = datasn,
		.offset = offset };
	uint8_t bhs[PDU_BHS_LEN];

	h.expstatsn = c->exp_statsn;
	pdu_put_data_out(bhs, &h);
	sender_push(c->sender, bhs, NULL, 0, t->iov, t->iovcnt, offset, len,
	    &t->tx_refs);
	t->moved += len;
}

static void
form_unsolicited(struct conn *c)
{
	struct task *t = c->unsolicited;
	uint32_t len = lesser(t->unsolicited - t->moved, segment(c));
	bool final = t->moved + len == t->unsolicited;

	form_data(c, t, PDU_TAG_NONE, t->data_sn++, t->moved, len, final);
	if (final)
		c->unsolicited = NULL;
}

/* One PDU of the first task's oldest R2T; then the next task has its turn. */
static void
form_solicited(struct conn *c)
{
	struct session *s = c->session;
	struct task *t = TAILQ_FIRST(&s->sending);
	struct r2t *r = &t->r2t[t->r2t_head];
	uint32_t len = lesser(r->left, segment(c));

	form_data(c, t, r->ttt, r->data_sn++, r->offset, len, len == r->left);
	r->offset += len;
	r->left -= len;
	if (r->left == 0) {
		t->r2t_head = (t->r2t_head + 1) % TASK_R2T_MAX;
		t->r2t_count--;
	}
	TAILQ_REMOVE(&s->sending, t, link);
	if (t->r2t_count > 0)
		TAILQ_INSERT_TAIL(&s->sending, t, link);
	else
		t->sending = false;
}

bool
transfer_form(struct conn *c)
{
	struct session *s = c->session;
	struct task *t = NULL;

	if (c->unsolicited != NULL) {
		form_unsolicited(c);
		return true;
	}
	if (s->state == SESSION_UP && s->free_n > 0 && task_window_open(s))
		t = TAILQ_FIRST(&s->queue);
	if (t != NULL && (c->commands_in_turn < COMMANDS_IN_TURN ||
			     TAILQ_EMPTY(&s->sending))) {
		c->commands_in_turn++;
		form_command(c, t);
		return true;
	}
	if (TAILQ_EMPTY(&s->sending))
		return false;
	c->commands_in_turn = 0;
	form_solicited(c);
	return true;
}

void
transfer_stop(struct session *s, struct task *t)
{
	if (s->conn.unsolicited == t)
		s->conn.unsolicited = NULL;
	if (t->sending) {
		t->sending = false;
		TAILQ_REMOVE(&s->sending, t, link);
	}
}

/*
 * ---- receiving ----
 */

/* The task that a PDU is about, in flight and of this direction; or NULL. */
static struct task *
subject(
    struct conn *c, const uint8_t *bhs, enum task_dir dir, struct error *err)
{
	uint32_t itt = pdu_itt(bhs);
	struct task *t = task_find(c->session, itt);

	if (t != NULL && t->dir == dir)
		return t;
	conn_violation(c, err, "%s with initiator task tag 0x%08x, %s",
	    pdu_opcode_name(pdu_opcode(bhs)), itt,
	    t == NULL ? "which no command has"
		      : "whose command moves no data that way");
	return NULL;
}

/* An R2T is answered to the letter: in order, no gap, no more than there is. */
int
transfer_r2t(struct conn *c, const struct framer_pdu *pdu, uint64_t now,
    struct error *err)
{
	struct session *s = c->session;
	struct task *t = subject(c, pdu->bhs, TASK_OUT, err);
	struct pdu_r2t h;
	struct r2t *r;
	(void)now;

	if (t == NULL)
		return -1;
	pdu_get_r2t(pdu->bhs, &h);
	if (h.r2tsn != t->r2t_sn)
		return conn_violation(c, err,
		    "R2T with R2TSN %u where %u was due", h.r2tsn, t->r2t_sn);
	if (h.ttt == PDU_TAG_NONE)
		return conn_violation(
		    c, err, "R2T without a target transfer tag");
	if (t->r2t_count >= s->params.max_outstanding_r2t ||
	    t->r2t_count == TASK_R2T_MAX)
		return conn_violation(c, err,
		    "R2T beyond MaxOutstandingR2T (%u)",
		    s->params.max_outstanding_r2t);
	if (h.length == 0 || h.length > s->params.max_burst)
		return conn_violation(c, err,
		    "R2T for %u bytes where MaxBurstLength is %u", h.length,
		    s->params.max_burst);
	if (h.offset != t->solicited || h.length > t->length - t->solicited)
		return conn_violation(c, err,
		    "R2T for %u bytes at %u of a command with %u bytes, "
		    "%u of them asked for already",
		    h.length, h.offset, t->length, t->solicited);

	r = &t->r2t[(t->r2t_head + t->r2t_count) % TASK_R2T_MAX];
	r->ttt = h.ttt;
	r->offset = h.offset;
	r->left = h.length;
	r->data_sn = 0;
	t->r2t_count++;
	t->r2t_sn++;
	t->solicited += h.length;
	if (!t->sending) {
		t->sending = true;
		TAILQ_INSERT_TAIL(&s->sending, t, link);
	}
	return 0;
}

/*
 * The first data of a task comes: into a pipe if that is worth it.  A target
 * that sends small PDUs is not worth it for any task, and its headers had
 * better come together with payloads.
 */
static void
offer_pipe(struct conn *c, struct task *t, size_t len)
{
	if (t->pipe == NULL || !c->pipes)
		return;
	if (len < c->session->config.pipe_least && len < t->length)
		c->pipes = false;
	else
		t->piped = t->pipe(t);
}

/* The payload that comes, and what a pipe holds of the task, go into its
 * memory. */
int
transfer_spill(struct conn *c, struct error *err)
{
	struct task *t = c->placing;

	c->filling = t->piped = NULL;
	if (t->place != NULL && t->place(t) < 0)
		return error_set(err, ERROR_FAILED,
		    "no memory for the %u bytes of a command", t->length);
	framer_place(c->framer, t->iov, t->iovcnt, t->moved);
	return 0;
}

int
transfer_data_in_header(
    struct conn *c, const struct framer_pdu *pdu, struct error *err)
{
	struct task *t = subject(c, pdu->bhs, TASK_IN, err);
	struct pdu_data_in *h = &c->data_in;

	if (t == NULL)
		return -1;
	pdu_get_data_in(pdu->bhs, h);
	if (h->datasn != t->data_sn)
		return conn_violation(c, err,
		    "Data-In with DataSN %u where %u was due", h->datasn,
		    t->data_sn);
	if (pdu->data_len > 0 &&
	    (h->offset != t->moved || pdu->data_len > t->length - t->moved))
		return conn_violation(c, err,
		    "Data-In of %zu bytes at %u of a command with %u bytes, "
		    "%u of them received",
		    pdu->data_len, h->offset, t->length, t->moved);
	c->placing = t;
	if (pdu->data_len == 0)
		return 0;
	if (t->moved == 0)
		offer_pipe(c, t, pdu->data_len);
	if (t->piped != NULL && framer_pipe(c->framer)) {
		c->filling = t->piped;
		return 0;
	}
	if (t->moved == 0 || t->piped != NULL)
		return transfer_spill(c, err);
	framer_place(c->framer, t->iov, t->iovcnt, t->moved);
	return 0;
}

/*
 * What really moved, and no more than the target admits.  The residual counts
 * from the expected length (RFC 7143, 11.4.5.2).  A PDU that has not gone yet
 * the target cannot have read, whatever it says: how much of the data has gone
 * is not counted, so none of it has.
 */
static void
account(struct task *t, bool underflow, bool overflow, uint32_t residual)
{
	uint32_t claimed = t->dir == TASK_NO_DATA ? 0 : t->length;

	if (t->tx_refs > 0)
		claimed = 0;
	if (underflow)
		claimed -= lesser(residual, claimed);
	t->transferred = lesser(claimed, t->moved);
	t->overflow = overflow;
}

int
transfer_data_in(struct conn *c, const struct framer_pdu *pdu, uint64_t now,
    struct error *err)
{
	struct task *t = c->placing;
	const struct pdu_data_in *h = &c->data_in;

	c->placing = NULL;
	c->filling = NULL;
	t->moved += (uint32_t)pdu->data_len;
	t->data_sn++;
	if (!h->has_status)
		return 0;
	if (conn_status(c, pdu->bhs, err) < 0)
		return -1;
	t->outcome = TASK_DONE;
	t->status = h->status;
	account(t, h->underflow, h->overflow, h->residual);
	task_finish(c->session, t, now);
	return 0;
}

/* The data segment of a SCSI Response: length of sense, sense, response data
 * (RFC 7143, 11.4.7). */
static int
take_sense(struct conn *c, struct task *t, const struct framer_pdu *pdu,
    struct error *err)
{
	size_t len;

	if (pdu->data_len < 2)
		return 0;
	len = be16_get(pdu->data);
	if (len > pdu->data_len - 2)
		return conn_violation(c, err,
		    "SCSI Response with %zu bytes of sense in %zu", len,
		    pdu->data_len - 2);
	if (len > TASK_SENSE_MAX)
		len = TASK_SENSE_MAX;
	memcpy(t->sense, pdu->data + 2, len);
	t->sense_len = (uint16_t)len;
	return 0;
}

int
transfer_response(struct conn *c, const struct framer_pdu *pdu, uint64_t now,
    struct error *err)
{
	struct session *s = c->session;
	struct task *t = task_find(s, pdu_itt(pdu->bhs));
	struct pdu_scsi_response h;

	if (t == NULL && c->late_responses > 0) {
		c->late_responses--;
		return 0;
	}
	if (t == NULL)
		return conn_violation(c, err,
		    "SCSI Response with initiator task tag 0x%08x, which no "
		    "command has",
		    pdu_itt(pdu->bhs));
	pdu_get_scsi_response(pdu->bhs, &h);
	if (take_sense(c, t, pdu, err) < 0)
		return -1;
	if (h.response == PDU_RESPONSE_COMPLETED) {
		t->outcome = TASK_DONE;
		t->status = h.status;
		account(t, h.underflow, h.overflow, h.residual);
	} else {
		log_warn(s->config.log,
		    "%s did not carry out a command (response 0x%02x)",
		    s->next_portal, h.response);
		t->outcome = TASK_BAD_REPLY;
	}
	task_finish(s, t, now);
	return 0;
}
