/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tdispatch - what a connection receives in its full feature phase: the table
 * of PDUs, CmdSN order and the window (RFC 7143, 4.2.2), Reject (11.17).
 *
 * A request becomes a ttask at its header.  SCSI commands begin at once, so
 * that immediate data can be received where it belongs; the others when their
 * data segment is there.
 */
#include "base/serial.h"
#include "target/target_impl.h"

/*
 * ---- requests ----
 */

struct ttask *
tconn_find(struct tconn *conn, uint32_t itt)
{
	struct ttask *task;

	LIST_FOREACH (task, &conn->hash[itt % TCONN_HASH], hash)
		if (task->itt == itt)
			return task;
	return NULL;
}

static void
hash_insert(struct ttask *task)
{
	LIST_INSERT_HEAD(&task->conn->hash[task->itt % TCONN_HASH], task, hash);
	task->hashed = true;
}

void
tconn_hash_remove(struct ttask *task)
{
	if (task->hashed)
		LIST_REMOVE(task, hash);
	task->hashed = false;
}

uint32_t
tconn_max_cmdsn(const struct tconn *conn)
{
	return conn->exp_cmdsn + (TCONN_WINDOW - conn->active) - 1;
}

void
tconn_reject(struct tconn *conn, const uint8_t *bhs, uint8_t reason)
{
	struct ttask *task = ttask_new(conn, TTASK_REJECT, bhs);

	log_debug(conn->target->config.log, "%s: %s rejected: %s", conn->peer,
	    pdu_opcode_name(pdu_opcode(bhs)), pdu_reject_reason_name(reason));
	if (task == NULL)
		return;
	task->result = reason;
	task->iov.iov_base = task->bhs;
	task->iov.iov_len = PDU_BHS_LEN;
	ttask_reply(task);
}

/* The data segment of a request that is no SCSI command is complete. */
static void
deliver(struct ttask *task, const uint8_t *data, size_t len)
{
	switch (pdu_opcode(task->bhs)) {
	case PDU_NOP_OUT:
		if (len > task->conn->params.max_send_data_segment)
			len = task->conn->params.max_send_data_segment;
		if (!ttask_copy(task, data, len)) {
			ttask_free(task);
			return;
		}
		ttask_reply(task);
		break;
	case PDU_TMF_REQUEST:
		ttmf_run(task);
		break;
	case PDU_TEXT_REQUEST:
		ttext_run(task, data, len);
		break;
	default: /* PDU_LOGOUT_REQUEST */
		ttmf_run(task);
		break;
	}
}

static void
take_turn(struct ttask *task)
{
	struct tconn *conn = task->conn;

	if (!task->immediate) {
		conn->exp_cmdsn++;
		conn->active++;
		task->counted = true;
	} else if (task->kind == TTASK_SCSI) {
		conn->immediates++;
		task->counted = true;
	}
}

/* Commands that waited for the ones before them. */
static void
deliver_held(struct tconn *conn)
{
	struct ttask *task;
	uint8_t *data;
	size_t len;

	while ((task = TAILQ_FIRST(&conn->held)) != NULL &&
	       task->cmdsn == conn->exp_cmdsn) {
		TAILQ_REMOVE(&conn->held, task, link);
		take_turn(task);
		if (task->aborted) {
			ttask_free(task);
			continue;
		}
		data = ttask_take_copy(task, &len);
		task->state = TTASK_TAKEN;
		if (task->kind == TTASK_SCSI) {
			ttask_start(task, (uint32_t)len);
			if (len > 0)
				ttask_data(task, data, (uint32_t)len);
		} else {
			deliver(task, data, len);
		}
		pool_put(&conn->target->lus.pool, data, len);
	}
}

static void
hold(struct ttask *task)
{
	struct tconn *conn = task->conn;
	struct ttask *other;

	task->state = TTASK_HELD;
	TAILQ_FOREACH (other, &conn->held, link) {
		if (sn_gt(other->cmdsn, task->cmdsn)) {
			TAILQ_INSERT_BEFORE(other, task, link);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&conn->held, task, link);
}

static bool
held_already(const struct tconn *conn, uint32_t cmdsn)
{
	const struct ttask *task;

	TAILQ_FOREACH (task, &conn->held, link)
		if (task->cmdsn == cmdsn)
			return true;
	return false;
}

static enum ttask_kind
kind_of(const uint8_t *bhs)
{
	switch (pdu_opcode(bhs)) {
	case PDU_SCSI_COMMAND:
		return TTASK_SCSI;
	case PDU_TEXT_REQUEST:
		return TTASK_TEXT;
	case PDU_TMF_REQUEST:
		return TTASK_TMF;
	case PDU_LOGOUT_REQUEST:
		return TTASK_LOGOUT;
	default:
		return TTASK_NOP;
	}
}

/* The PDU whose header this is will be rejected when it is complete. */
static void
refuse(struct tconn *conn, uint8_t reason)
{
	conn->rx_bad = true;
	conn->rx_reason = reason;
	framer_unplace(conn->framer);
}

/* Why a request cannot be taken, or 0. */
static uint8_t
refusal(struct tconn *conn, const struct ttask *task)
{
	if (task->itt == PDU_TAG_NONE)
		return PDU_REJECT_PROTOCOL;
	if (tconn_find(conn, task->itt) != NULL)
		return PDU_REJECT_IN_PROGRESS;
	if (conn->discovery &&
	    (task->kind == TTASK_SCSI || task->kind == TTASK_TMF))
		return PDU_REJECT_PROTOCOL;
	if (task->kind == TTASK_SCSI && task->immediate &&
	    conn->immediates >= TCONN_IMMEDIATE_MAX)
		return PDU_REJECT_IMMEDIATE;
	return 0;
}

/* The header of a request with a CmdSN. */
static void
request(struct tconn *conn, const struct framer_pdu *pdu)
{
	bool immediate = pdu_immediate(pdu->bhs);
	uint32_t cmdsn = be32_get(pdu->bhs + 24);
	struct ttask *task;
	uint8_t reason;

	/* 4.2.2.1: outside of the window it is not there. */
	if (!immediate && (sn_lt(cmdsn, conn->exp_cmdsn) ||
			      sn_gt(cmdsn, tconn_max_cmdsn(conn)) ||
			      held_already(conn, cmdsn))) {
		framer_unplace(conn->framer);
		return;
	}
	task = ttask_new(conn, kind_of(pdu->bhs), pdu->bhs);
	if (task == NULL) /* tconn_ready() saw to it that there is one */
		return;
	task->immediate = immediate;
	task->cmdsn = cmdsn;
	task->itt = pdu_itt(pdu->bhs);
	task->lun = pdu_lun(pdu->bhs);
	reason = refusal(conn, task);
	if (reason != 0)
		refuse(conn, reason);
	else
		hash_insert(task);
	if (!immediate && cmdsn != conn->exp_cmdsn) {
		task->aborted = reason != 0;
		conn->rx = reason != 0 ? NULL : task;
		hold(task);
		return;
	}
	take_turn(task);
	if (reason != 0) {
		ttask_free(task);
		return;
	}
	task->state = TTASK_TAKEN;
	conn->rx = task;
	if (task->kind != TTASK_SCSI)
		return;
	ttask_start(task, (uint32_t)pdu->data_len);
	if (task->state == TTASK_COLLECT || pdu->data_len == 0)
		return;
	/* It has ended without its data. */
	framer_unplace(conn->framer);
	if (task->state != TTASK_DISCARD)
		conn->rx = NULL;
}

static void
take_segment(struct ttask *task, const struct framer_pdu *pdu)
{
	switch (task->state) {
	case TTASK_HELD:
		if (!pdu->digest_ok ||
		    !ttask_copy(
			task, pdu->data, pdu->data == NULL ? 0 : pdu->data_len))
			task->aborted = true;
		break;
	case TTASK_TAKEN:
		if (pdu->digest_ok)
			deliver(task, pdu->data,
			    pdu->data == NULL ? 0 : pdu->data_len);
		else
			ttask_free(task);
		break;
	default:
		if (!pdu->digest_ok)
			ttask_fail(task, SENSE_ABORTED_COMMAND,
			    SENSE_PROTOCOL_SERVICE_CRC_ERROR);
		else
			ttask_data(task, pdu->data, (uint32_t)pdu->data_len);
		break;
	}
}

static void
request_done(struct tconn *conn, const struct framer_pdu *pdu)
{
	struct ttask *task = conn->rx;

	conn->rx = NULL;
	if (task != NULL)
		take_segment(task, pdu);
	if (conn->state == TCONN_FULL)
		deliver_held(conn);
}

/* NOP-Out: a ping, or the answer to ours, which needs no task. */
static void
nop_out(struct tconn *conn, const struct framer_pdu *pdu)
{
	if (pdu_itt(pdu->bhs) != PDU_TAG_NONE)
		request(conn, pdu);
	else
		framer_unplace(conn->framer);
}

static void
refuse_header(struct tconn *conn, const struct framer_pdu *pdu)
{
	(void)pdu;
	refuse(conn, PDU_REJECT_PROTOCOL);
}

static void
snack(struct tconn *conn, const struct framer_pdu *pdu)
{
	(void)pdu;
	refuse(conn, PDU_REJECT_SNACK);
}

/*
 * ---- dispatch ----
 */

static const struct {
	void (*header)(struct tconn *, const struct framer_pdu *);
	void (*done)(struct tconn *, const struct framer_pdu *);
} dispatch[0x40] = {
	[PDU_NOP_OUT] = { nop_out, request_done },
	[PDU_SCSI_COMMAND] = { request, request_done },
	[PDU_TMF_REQUEST] = { request, request_done },
	[PDU_LOGIN_REQUEST] = { refuse_header, NULL },
	[PDU_TEXT_REQUEST] = { request, request_done },
	[PDU_DATA_OUT] = { ttask_data_out, ttask_data_out_done },
	[PDU_LOGOUT_REQUEST] = { request, request_done },
	[PDU_SNACK] = { snack, NULL },
};

static void
header(struct tconn *conn, const struct framer_pdu *pdu)
{
	unsigned opcode = pdu_opcode(pdu->bhs);

	conn->rx = NULL;
	conn->rx_bad = false;
	if (conn->state == TCONN_LOGIN)
		return;
	if (conn->state != TCONN_FULL) {
		framer_unplace(conn->framer);
		return;
	}
	if (dispatch[opcode].header == NULL)
		refuse(conn, PDU_REJECT_NOT_SUPPORTED);
	else
		dispatch[opcode].header(conn, pdu);
}

static void
complete(struct tconn *conn, const struct framer_pdu *pdu)
{
	unsigned opcode = pdu_opcode(pdu->bhs);

	if (conn->state == TCONN_LOGIN) {
		tlogin_pdu(conn, pdu);
		return;
	}
	if (conn->state != TCONN_FULL)
		return;
	if (conn->rx_bad)
		tconn_reject(conn, pdu->bhs, conn->rx_reason);
	else if (!pdu->digest_ok)
		tconn_reject(conn, pdu->bhs, PDU_REJECT_DATA_DIGEST);
	if (dispatch[opcode].done != NULL)
		dispatch[opcode].done(conn, pdu);
}

/* Room for what one PDU may need: its task and a Reject; in login, the last
 * answer has gone. */
static bool
ready(const struct tconn *conn)
{
	if (conn->state == TCONN_LOGIN)
		return login_target_state(conn->login) == LOGIN_WAIT &&
		       conn->login_refs == 0;
	return conn->free_n >= 2;
}

void
tdispatch(struct tconn *conn)
{
	struct framer_pdu pdu;
	struct error err;

	conn->dropped = false;
	while (conn->state != TCONN_CLOSED) {
		conn->paused = !ready(conn);
		if (conn->paused)
			return;
		switch (framer_next(conn->framer, &pdu, &err)) {
		case FRAMER_MORE:
			return;
		case FRAMER_HEADER:
			header(conn, &pdu);
			break;
		case FRAMER_PDU:
			complete(conn, &pdu);
			break;
		case FRAMER_BROKEN:
			tconn_kill(conn, &err);
			return;
		}
	}
}
