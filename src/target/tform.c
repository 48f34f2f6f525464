/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tform - forms the PDUs of the full feature phase when there is room for them
 * in the sender, as late as can be, with the newest numbers.
 *
 * First R2Ts, which keep the peer busy, then the answers in their order.  A
 * task with much Data-In goes to the end of the queue after each turn, so that
 * a small answer does not wait for a large transfer.
 */
#include <string.h>

#include "target/target_impl.h"

/* GOOD goes with the last Data-In (RFC 7143, 11.7.3: no sense data). */
static bool
status_with_data(const struct ttask *task)
{
	return task->in_len > 0 && task->cmd.status == SCSI_GOOD;
}

/* What the command asked to move against what the initiator expected. */
static uint32_t
residual(const struct ttask *task, bool *ret_overflow, bool *ret_underflow)
{
	const struct lu_cmd *cmd = &task->cmd;
	uint32_t moves = cmd->length;
	uint32_t expected = task->edtl;

	if (cmd->dir == LU_NONE ||
	    (cmd->dir == LU_IN && cmd->status != SCSI_GOOD))
		moves = 0;
	if ((cmd->dir == LU_IN && cmd->room_in == 0) ||
	    (cmd->dir == LU_OUT && cmd->room_out == 0))
		expected = 0;
	*ret_overflow = moves > expected;
	*ret_underflow = moves < expected;
	return moves > expected ? moves - expected : expected - moves;
}

/* Sends a PDU with the numbers of this moment, and with [skip, skip + len) of
 * the task's data.  The StatSN is the caller's. */
static void
form_push(struct tconn *conn, uint8_t *bhs, struct ttask *task, size_t skip,
    size_t len)
{
	pdu_set_window(bhs, conn->exp_cmdsn, tconn_max_cmdsn(conn));
	if (len > 0)
		sender_push(conn->sender, bhs, NULL, 0, &task->iov, 1, skip,
		    len, &task->refs);
	else
		sender_push(conn->sender, bhs, NULL, 0, NULL, 0, 0, 0, NULL);
}

/* The only, or the last, PDU of a task; its place in the window is free again,
 * and the PDU says so. */
static void
form_answer(struct ttask *task, uint8_t *bhs)
{
	struct tconn *conn = task->conn;

	ttask_uncount(task);
	pdu_set_statsn(bhs, conn->statsn++);
	form_push(conn, bhs, task, 0, task->iov.iov_len);
}

static void
form_data_in(struct ttask *task)
{
	struct tconn *conn = task->conn;
	uint8_t bhs[PDU_BHS_LEN];
	uint32_t len = task->in_len - task->sent;
	uint32_t burst = conn->params.max_burst - task->burst;
	struct pdu_data_in p = { .itt = task->itt, .ttt = PDU_TAG_NONE };
	bool last;

	if (len > conn->params.max_send_data_segment)
		len = conn->params.max_send_data_segment;
	if (len > burst)
		len = burst;
	last = len == task->in_len - task->sent;
	p.final = last || len == burst;
	p.offset = task->sent;
	p.datasn = task->datasn++;
	p.has_status = last && status_with_data(task);
	if (p.has_status) {
		ttask_uncount(task);
		p.status = task->cmd.status;
		p.statsn = conn->statsn++;
		p.residual = residual(task, &p.overflow, &p.underflow);
	}
	pdu_put_data_in(bhs, &p);
	form_push(conn, bhs, task, task->sent, len);
	task->sent += len;
	task->turn += len;
	task->burst = p.final ? 0 : task->burst + len;
}

static void
form_response(struct ttask *task)
{
	struct pdu_scsi_response p = { .response = PDU_RESPONSE_COMPLETED,
		.status = task->cmd.status,
		.itt = task->itt,
		.expdatasn = task->datasn + task->r2tsn };
	uint8_t bhs[PDU_BHS_LEN];
	int len = 0;

	p.residual = residual(task, &p.overflow, &p.underflow);
	pdu_put_scsi_response(bhs, &p);
	if (p.status == SCSI_CHECK_CONDITION)
		len = sense_put(task->sense + 2, sizeof(task->sense) - 2, false,
		    &task->cmd.sense);
	if (len > 0) {
		be16_put(task->sense, (uint16_t)len);
		len += 2;
	} else {
		len = 0;
	}
	task->iov.iov_base = task->sense;
	task->iov.iov_len = (size_t)len;
	form_answer(task, bhs);
}

static void
form_nop_in(struct ttask *task)
{
	struct pdu_nop_in p = { .itt = task->itt, .ttt = PDU_TAG_NONE };
	uint8_t bhs[PDU_BHS_LEN];

	pdu_put_nop_in(bhs, &p);
	form_answer(task, bhs);
}

static void
form_text(struct ttask *task)
{
	struct pdu_text_response p = { .final = task->final,
		.more = task->more,
		.itt = task->itt,
		.ttt = task->ttt };
	uint8_t bhs[PDU_BHS_LEN];

	pdu_put_text_response(bhs, &p);
	form_answer(task, bhs);
}

static void
form_tmf(struct ttask *task)
{
	struct pdu_tmf_response p = { .response = task->result,
		.itt = task->itt };
	uint8_t bhs[PDU_BHS_LEN];

	pdu_put_tmf_response(bhs, &p);
	form_answer(task, bhs);
}

static void
form_logout(struct ttask *task, uint64_t now)
{
	struct tconn *conn = task->conn;
	struct pdu_logout_response p = { .response = task->result,
		.itt = task->itt,
		.time2wait = conn->params.time2wait };
	uint8_t bhs[PDU_BHS_LEN];

	pdu_put_logout_response(bhs, &p);
	form_answer(task, bhs);
	if (task->result != PDU_LOGOUT_OK)
		return;
	conn->state = TCONN_FLUSH;
	conn->why = (struct error){ .class = ERROR_NONE, .text = "logged out" };
	conn->end_deadline = now + TCONN_LOGIN_TIMEOUT;
}

static void
form_reject(struct ttask *task)
{
	struct pdu_reject p = { .reason = task->result };
	uint8_t bhs[PDU_BHS_LEN];

	pdu_put_reject(bhs, &p);
	form_answer(task, bhs);
}

/* One PDU of a task; true when it was the last. */
static bool
form_task(struct ttask *task, uint64_t now)
{
	switch (task->kind) {
	case TTASK_SCSI:
		if (task->sent < task->in_len) {
			form_data_in(task);
			return task->sent == task->in_len &&
			       status_with_data(task);
		}
		form_response(task);
		return true;
	case TTASK_NOP:
		form_nop_in(task);
		return true;
	case TTASK_TEXT:
		form_text(task);
		return true;
	case TTASK_TMF:
		form_tmf(task);
		return true;
	case TTASK_LOGOUT:
		form_logout(task, now);
		return true;
	case TTASK_REJECT:
		form_reject(task);
		return true;
	}
	return true;
}

static void
form_r2t(struct ttask *task)
{
	struct tconn *conn = task->conn;
	struct ttask_r2t *r2t =
	    &task->r2t[(task->r2t_head + task->r2t_n) % TTASK_R2TS];
	uint32_t len = task->want - task->asked;
	uint8_t bhs[PDU_BHS_LEN];
	struct pdu_r2t p;

	if (len > conn->params.max_burst)
		len = conn->params.max_burst;
	if (conn->next_ttt == PDU_TAG_NONE)
		conn->next_ttt++;
	p = (struct pdu_r2t){ .lun = task->lun,
		.itt = task->itt,
		.ttt = conn->next_ttt++,
		.statsn = conn->statsn,
		.r2tsn = task->r2tsn++,
		.offset = task->asked,
		.length = len };
	pdu_put_r2t(bhs, &p);
	form_push(conn, bhs, NULL, 0, 0);
	task->asked += len;
	*r2t = (struct ttask_r2t){ .ttt = p.ttt, .end = task->asked };
	task->r2t_n++;
	if (task->asked < task->want &&
	    task->r2t_n < conn->params.max_outstanding_r2t)
		return;
	TAILQ_REMOVE(&conn->r2ts, task, link);
	task->asking = false;
}

/* A ping of ours. */
static void
form_ping(struct tconn *conn)
{
	uint8_t bhs[PDU_BHS_LEN];
	struct pdu_nop_in p = { .itt = PDU_TAG_NONE,
		.ttt = conn->next_ttt++,
		.statsn = conn->statsn };

	if (p.ttt == PDU_TAG_NONE)
		p.ttt = conn->next_ttt++;
	pdu_put_nop_in(bhs, &p);
	form_push(conn, bhs, NULL, 0, 0);
	conn->ping_formed = true;
}

/* One PDU of the first task in the tx queue. */
static void
form_next(struct tconn *conn, struct ttask *task, uint64_t now)
{
	if (form_task(task, now)) {
		TAILQ_REMOVE(&conn->tx, task, link);
		task->state = TTASK_SENT;
		TAILQ_INSERT_TAIL(&conn->sent, task, link);
	} else if (task->turn >= TCONN_TURN) {
		task->turn = 0;
		TAILQ_REMOVE(&conn->tx, task, link);
		TAILQ_INSERT_TAIL(&conn->tx, task, link);
	}
}

void
tform(struct tconn *conn, uint64_t now)
{
	struct ttask *task;

	while (sender_room(conn->sender) > 0 &&
	       sender_bytes(conn->sender) < TCONN_TX_MAX) {
		if (conn->state == TCONN_FLUSH)
			return;
		if ((task = TAILQ_FIRST(&conn->r2ts)) != NULL)
			form_r2t(task);
		else if ((task = TAILQ_FIRST(&conn->tx)) != NULL)
			form_next(conn, task, now);
		else if (conn->ping && !conn->ping_formed)
			form_ping(conn);
		else
			return;
	}
}
