/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ttask - a task's life at the target; for a SCSI command, from its PDU to its
 * answer: immediate and unsolicited data, R2Ts, buffers, the device server
 * (RFC 7143, 4.2.5, 11.3, 11.7, 11.8).
 *
 * Data-Out comes in order (DataPDUInOrder and DataSequenceInOrder are Yes):
 * first what is unsolicited, then each R2T in turn.  So one count, `got`, says
 * where the next byte belongs, and a Data-Out with any other offset is wrong.
 * What the device server does not want of it (`want`) is dropped.
 *
 * Where the data goes is known when the command starts, and the payload is
 * received straight into it: the medium's memory or a buffer of the pool.
 */
#include <string.h>

#include "target/target_impl.h"

/*
 * ---- slots ----
 */

struct ttask *
ttask_new(struct tconn *conn, enum ttask_kind kind, const uint8_t *bhs)
{
	struct ttask *task = TAILQ_FIRST(&conn->free);

	if (task == NULL)
		return NULL;
	TAILQ_REMOVE(&conn->free, task, link);
	conn->free_n--;
	task->kind = kind;
	task->state = TTASK_TAKEN;
	task->counted = task->hashed = task->immediate = false;
	task->aborted = task->report = task->unsolicited = false;
	task->halted = false;
	task->asking = false;
	memcpy(task->bhs, bhs, PDU_BHS_LEN);
	task->itt = PDU_TAG_NONE;
	task->refs = 0;
	task->iov.iov_len = 0;
	task->buf = NULL;
	task->buf_size = task->charge = task->unasked = 0;
	task->edtl = task->want = task->got = 0;
	task->in_len = task->sent = 0;
	return task;
}

/* Its payload is still coming in: the rest is dropped. */
static void
stop_receiving(struct ttask *task)
{
	struct tconn *conn = task->conn;

	if (conn->rx != task)
		return;
	conn->rx = NULL;
	conn->dropped = true;
	framer_unplace(conn->framer);
}

void
ttask_uncount(struct ttask *task)
{
	struct tconn *conn = task->conn;

	tconn_hash_remove(task);
	if (task->counted && task->immediate)
		conn->immediates--;
	else if (task->counted)
		conn->active--;
	task->counted = false;
}

void
ttask_free(struct ttask *task)
{
	struct tconn *conn = task->conn;

	stop_receiving(task);
	ttask_uncount(task);
	ttask_free_buffer(task);
	task->state = TTASK_FREE;
	TAILQ_INSERT_HEAD(&conn->free, task, link);
	conn->free_n++;
	if (!TAILQ_EMPTY(&conn->waiting) && conn->state != TCONN_CLOSED)
		ttask_admit(conn);
}

void
ttask_reply(struct ttask *task)
{
	task->state = TTASK_REPLY;
	TAILQ_INSERT_TAIL(&task->conn->tx, task, link);
	tconn_wake(task->conn);
}

/*
 * ---- the device server ----
 */

/* The command has its status. */
static void
answer(struct ttask *task)
{
	const struct lu_cmd *cmd = &task->cmd;

	if (cmd->dir == LU_IN && cmd->status == SCSI_GOOD)
		task->in_len =
		    cmd->length < cmd->room_in ? cmd->length : cmd->room_in;
	task->iov.iov_base = cmd->data;
	task->iov.iov_len = task->in_len;
	if (task->unsolicited)
		task->state = TTASK_DISCARD;
	else
		ttask_reply(task);
}

static void
busy(struct ttask *task)
{
	task->cmd.status = SCSI_BUSY;
	answer(task);
}

/* An aborted command that was with the device server has ended. */
static void
aborted_done(struct ttask *task)
{
	struct tconn *conn = task->conn;
	struct target *target = conn->target;

	target->aborted--;
	task->aborted = false;
	if (task->report && !conn->gone && conn->state != TCONN_CLOSED) {
		task->cmd.status = SCSI_TASK_ABORTED;
		answer(task);
	} else {
		ttask_free(task);
	}
	target_drained(target);
	tconn_reap(conn);
}

static void
cmd_done(struct lu_cmd *cmd)
{
	struct ttask *task = (struct ttask *)cmd;
	struct tconn *conn = task->conn;
	struct target *target = conn->target;
	bool halted = task->halted;

	conn->running--;
	task->halted = false;
	target->aborted -= halted;
	if (task->aborted)
		aborted_done(task);
	else if (cmd->drain)
		target_drain(task, cmd->lu, NULL);
	else
		answer(task);
	if (halted)
		target_drained(target);
}

static void
run(struct ttask *task)
{
	task->state = TTASK_RUN;
	task->conn->running++;
	lu_run(&task->cmd);
}

static void
wait_for_buffer(struct ttask *task)
{
	task->state = TTASK_WAIT;
	TAILQ_INSERT_TAIL(&task->conn->waiting, task, link);
}

static void
ask(struct ttask *task)
{
	if (task->asking || task->asked >= task->want ||
	    task->r2t_n >= task->conn->params.max_outstanding_r2t)
		return;
	task->asking = true;
	TAILQ_INSERT_TAIL(&task->conn->r2ts, task, link);
}

/* The task's turn for buffers has come. */
static void
admitted(struct ttask *task)
{
	if (task->cmd.dir == LU_OUT) {
		task->state = TTASK_COLLECT;
		ask(task);
	} else if (ttask_take_buffer(task)) {
		run(task);
	} else {
		busy(task);
	}
}

void
ttask_admit(struct tconn *conn)
{
	struct ttask *task;

	while ((task = TAILQ_FIRST(&conn->waiting)) != NULL &&
	       ttask_charge(task)) {
		TAILQ_REMOVE(&conn->waiting, task, link);
		admitted(task);
	}
}

static void
want_buffer(struct ttask *task)
{
	if (TAILQ_EMPTY(&task->conn->waiting) && ttask_charge(task))
		admitted(task);
	else
		wait_for_buffer(task);
}

/*
 * ---- data out ----
 */

/* What came in last is in place: go on. */
static void
advance(struct ttask *task)
{
	if (task->unsolicited)
		return;
	if (task->state == TTASK_DISCARD) {
		ttask_reply(task);
		return;
	}
	if (task->got >= task->want) {
		run(task);
		return;
	}
	if (task->asked < task->got)
		task->asked = task->got;
	if (task->charge > 0 || task->cmd.mapped)
		ask(task);
	else
		want_buffer(task);
}

void
ttask_data(struct ttask *task, const uint8_t *data, uint32_t len)
{
	uint32_t room;

	if (task->state != TTASK_COLLECT && task->state != TTASK_DISCARD)
		return;
	if (data != NULL && task->state == TTASK_COLLECT &&
	    task->got < task->want) {
		room = task->want - task->got;
		memcpy(
		    task->cmd.data + task->got, data, len < room ? len : room);
	}
	task->got += len;
	advance(task);
}

/* The payload that follows this header belongs at `got`. */
static void
place(struct ttask *task, uint32_t len)
{
	struct framer *framer = task->conn->framer;

	if (task->state != TTASK_COLLECT || task->got >= task->want)
		framer_unplace(framer);
	else if (len > 0 && len <= task->want - task->got)
		framer_place(framer, &task->iov, 1, task->got);
}

static void
stop_asking(struct ttask *task)
{
	if (task->asking)
		TAILQ_REMOVE(&task->conn->r2ts, task, link);
	task->asking = false;
}

void
ttask_fail(struct ttask *task, enum sense_key key, unsigned code)
{
	if (task->state != TTASK_COLLECT && task->state != TTASK_DISCARD)
		return;
	stop_receiving(task);
	stop_asking(task);
	if (task->state == TTASK_COLLECT) {
		lu_cancel(&task->cmd);
		task->cmd.status = SCSI_CHECK_CONDITION;
		sense_set(&task->cmd.sense, key, code);
	}
	task->unsolicited = false;
	answer(task);
}

/* The next R2T to be answered, when this is its tag. */
static struct ttask_r2t *
current_r2t(struct ttask *task, uint32_t ttt)
{
	struct ttask_r2t *r2t = &task->r2t[task->r2t_head];

	return task->r2t_n > 0 && r2t->ttt == ttt ? r2t : NULL;
}

void
ttask_data_out(struct tconn *conn, const struct framer_pdu *pdu)
{
	uint32_t len = (uint32_t)pdu->data_len;
	struct ttask_r2t *r2t = NULL;
	struct pdu_data_out p;
	struct ttask *task;
	uint32_t end, *sn;

	pdu_get_data_out(pdu->bhs, &p);
	conn->rx_solicited = p.ttt != PDU_TAG_NONE;
	conn->rx_final = p.final;
	task = tconn_find(conn, p.itt);
	/* Data for a task that has ended is on its way when it ends. */
	if (task == NULL ||
	    (task->state != TTASK_COLLECT && task->state != TTASK_DISCARD) ||
	    (conn->rx_solicited && task->state == TTASK_DISCARD)) {
		framer_unplace(conn->framer);
		return;
	}
	conn->rx = task;
	if (conn->rx_solicited) {
		r2t = current_r2t(task, p.ttt);
		end = r2t == NULL ? 0 : r2t->end;
		sn = r2t == NULL ? NULL : &r2t->datasn;
	} else {
		end = task->unsolicited ? task->unsolicited_end : 0;
		sn = &task->unsolicited_sn;
	}
	if (end == 0) {
		ttask_fail(task, SENSE_ABORTED_COMMAND,
		    SENSE_UNEXPECTED_UNSOLICITED_DATA);
		return;
	}
	if (p.offset != task->got || len > end - task->got || p.datasn != *sn) {
		/* A gap or a repetition: at this recovery level the command is
		 * lost (7.8). */
		ttask_fail(task, SENSE_ABORTED_COMMAND,
		    SENSE_PROTOCOL_SERVICE_CRC_ERROR);
		return;
	}
	++*sn;
	place(task, len);
}

/* After the payload: an R2T that was answered in full makes room for the next
 * one; false when it was not. */
static bool
sequence_done(struct ttask *task, uint32_t got)
{
	struct tconn *conn = task->conn;
	uint32_t end;

	if (!conn->rx_solicited) {
		if (conn->rx_final || got == task->unsolicited_end)
			task->unsolicited = false;
		return true;
	}
	end = task->r2t[task->r2t_head].end;
	if (got < end)
		return !conn->rx_final;
	task->r2t_head = (task->r2t_head + 1) % TTASK_R2TS;
	task->r2t_n--;
	return true;
}

void
ttask_data_out_done(struct tconn *conn, const struct framer_pdu *pdu)
{
	struct ttask *task = conn->rx;
	uint32_t len = (uint32_t)pdu->data_len;

	conn->rx = NULL;
	if (task == NULL)
		return;
	if (!pdu->digest_ok)
		ttask_fail(task, SENSE_ABORTED_COMMAND,
		    SENSE_PROTOCOL_SERVICE_CRC_ERROR);
	else if (!sequence_done(task, task->got + len))
		ttask_fail(task, SENSE_ABORTED_COMMAND,
		    SENSE_NOT_ENOUGH_UNSOLICITED_DATA);
	else
		ttask_data(task, pdu->data, len);
}

/*
 * ---- a command begins ----
 */

/* What is wrong with the data that comes along with a command, or 0. */
static unsigned
check_unsolicited(const struct ttask *task, const struct pdu_scsi_command *p,
    uint32_t data_len)
{
	const struct params *params = &task->conn->params;
	uint32_t limit =
	    p->edtl < params->first_burst ? p->edtl : params->first_burst;

	if (p->read && p->write)
		return SENSE_INVALID_FIELD_IN_UNIT; /* bidirectional */
	if (data_len == 0)
		return 0;
	if (!p->write || !params->immediate_data || data_len > limit)
		return SENSE_UNEXPECTED_UNSOLICITED_DATA;
	return 0;
}

/* A buffer for what is written; the part of it that comes unasked counts now,
 * all of it when an R2T asks for the rest. */
static bool
take_write_buffer(struct ttask *task, uint32_t data_len)
{
	uint32_t unasked = task->unsolicited ? task->unsolicited_end : data_len;

	if (task->cmd.mapped || task->want == 0)
		return true;
	return ttask_take_unasked(
		   task, unasked < task->want ? unasked : task->want) &&
	       ttask_take_buffer(task);
}

static void
collect(struct ttask *task, uint32_t data_len)
{
	task->want = task->cmd.need;
	if (!take_write_buffer(task, data_len)) {
		lu_cancel(&task->cmd);
		busy(task);
		return;
	}
	task->state = TTASK_COLLECT;
	task->iov.iov_base = task->cmd.data;
	task->iov.iov_len = task->want;
	if (data_len > 0) {
		if (task->conn->rx == task)
			place(task, data_len);
	} else {
		advance(task);
	}
}

void
ttask_start(struct ttask *task, uint32_t data_len)
{
	struct tconn *conn = task->conn;
	struct pdu_scsi_command p;
	struct lu_cmd *cmd = &task->cmd;
	unsigned wrong;
	bool goes_on;

	pdu_get_scsi_command(task->bhs, &p);
	task->edtl = p.edtl;
	task->unsolicited_end = p.edtl < conn->params.first_burst
				    ? p.edtl
				    : conn->params.first_burst;
	task->unsolicited = p.write && !p.final && !conn->params.initial_r2t &&
			    data_len < task->unsolicited_end;
	task->unsolicited_sn = task->asked = task->r2tsn = task->datasn = 0;
	task->r2t_head = task->r2t_n = task->burst = task->turn = 0;
	cmd->nexus = &conn->nexus;
	memcpy(cmd->cdb, p.cdb, sizeof(cmd->cdb));
	cmd->room_in = p.read ? p.edtl : 0;
	cmd->room_out = p.write ? p.edtl : 0;
	cmd->direct = conn->params.data_digest.order[0] == DIGEST_NONE;
	cmd->done = cmd_done;

	wrong = check_unsolicited(task, &p, data_len);
	if (wrong != 0) {
		cmd->dir = LU_NONE;
		cmd->length = 0;
		cmd->status = SCSI_CHECK_CONDITION;
		sense_set(&cmd->sense,
		    wrong == SENSE_INVALID_FIELD_IN_UNIT
			? SENSE_ILLEGAL_REQUEST
			: SENSE_ABORTED_COMMAND,
		    wrong);
		answer(task);
		return;
	}
	goes_on = lu_start(
	    &conn->target->lus, target_lu(conn->target, task->lun), cmd);
	if (!goes_on)
		answer(task);
	else if (cmd->dir == LU_OUT)
		collect(task, data_len);
	else if (cmd->need > 0 && !cmd->mapped)
		want_buffer(task);
	else
		run(task);
}

/*
 * ---- abort ----
 */

void
ttask_halt(struct ttask *task, struct lu *lu)
{
	if (task->state != TTASK_RUN || task->aborted || task->halted ||
	    !lu_writes_to(&task->cmd, lu))
		return;
	task->halted = true;
	task->conn->target->aborted++;
	lu_halt(&task->cmd);
}

/* Out of its queue; false when there is nothing to end. */
static bool
withdraw(struct ttask *task)
{
	struct tconn *conn = task->conn;

	switch (task->state) {
	case TTASK_FREE:
	case TTASK_SENT:
	case TTASK_RUN:
		return false;
	case TTASK_HELD:
		TAILQ_REMOVE(&conn->held, task, link);
		break;
	case TTASK_TAKEN:
	case TTASK_DISCARD:
		break;
	case TTASK_COLLECT:
		stop_asking(task);
		lu_cancel(&task->cmd);
		break;
	case TTASK_WAIT:
		TAILQ_REMOVE(&conn->waiting, task, link);
		lu_cancel(&task->cmd);
		break;
	case TTASK_DRAIN:
		TAILQ_REMOVE(&conn->target->draining, task, link);
		break;
	case TTASK_REPLY:
		TAILQ_REMOVE(&conn->tx, task, link);
		break;
	}
	stop_receiving(task);
	return true;
}

void
ttask_abort(struct ttask *task, bool report)
{
	struct tconn *conn = task->conn;

	if (task->state == TTASK_RUN && !task->aborted) {
		task->aborted = true;
		task->report = report;
		conn->target->aborted++;
		lu_abort(&task->cmd);
		return;
	}
	/* A command whose turn has not come leaves no hole in CmdSN. */
	if (task->state == TTASK_HELD && conn->state != TCONN_CLOSED) {
		task->aborted = true;
		return;
	}
	if (report &&
	    (task->state == TTASK_REPLY || task->state == TTASK_DRAIN ||
		task->state == TTASK_DISCARD))
		return;
	if (!withdraw(task))
		return;
	if (report) {
		task->cmd.status = SCSI_TASK_ABORTED;
		answer(task);
	} else if (task->refs > 0) {
		ttask_uncount(task);
		task->state = TTASK_SENT;
		TAILQ_INSERT_TAIL(&conn->sent, task, link);
	} else {
		ttask_free(task);
	}
}
