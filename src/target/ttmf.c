/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ttmf - task management and logout (RFC 7143, 4.2.3.3, 11.5, 11.14): what ends
 * other tasks.  The answer waits until the tasks that were ended have let go of
 * the medium.
 *
 * Commands of other initiators that are ended here report TASK ABORTED (TAS is
 * 1 in the control mode page), so none of them waits in vain.
 */
#include "target/target_impl.h"

static void
respond(struct ttask *task, uint8_t result)
{
	task->result = result;
	ttask_reply(task);
}

static void
respond_drained(struct ttask *task, struct lu *lu, struct tconn *conn)
{
	task->result = PDU_TMF_COMPLETE;
	target_drain(task, lu, conn);
}

static void
abort_task(struct ttask *task, const struct pdu_tmf_request *p, struct lu *lu)
{
	struct ttask *victim = tconn_find(task->conn, p->ref_itt);

	if (victim == NULL || victim->kind != TTASK_SCSI ||
	    !lunaddr_same(victim->lun, task->lun)) {
		respond(task, PDU_TMF_NO_TASK);
		return;
	}
	ttask_abort(victim, false);
	respond_drained(task, lu, task->conn);
}

static void
reset_lu(struct ttask *task, struct lu *lu)
{
	struct tconn *conn = task->conn;

	target_abort(conn->target, lu, NULL, conn, task);
	lu_reset(lu);
}

static void
warm_reset(struct ttask *task)
{
	struct target *target = task->conn->target;

	for (unsigned i = 0; i < target->lus.n; i++)
		reset_lu(task, target->lus.lu[i]);
	respond_drained(task, NULL, NULL);
}

static void
tmf_run(struct ttask *task)
{
	struct tconn *conn = task->conn;
	struct target *target = conn->target;
	struct pdu_tmf_request p;
	struct lu *lu;

	pdu_get_tmf_request(task->bhs, &p);
	lu = target_lu(target, p.lun);
	switch (p.function) {
	case PDU_TMF_TARGET_WARM_RESET:
		warm_reset(task);
		return;
	case PDU_TMF_TASK_REASSIGN:
		respond(task, PDU_TMF_NO_REASSIGN);
		return;
	case PDU_TMF_ABORT_TASK:
	case PDU_TMF_ABORT_TASK_SET:
	case PDU_TMF_CLEAR_TASK_SET:
	case PDU_TMF_LOGICAL_UNIT_RESET:
		break;
	default:
		respond(task, PDU_TMF_NOT_SUPPORTED);
		return;
	}
	if (lu == NULL) {
		respond(task, PDU_TMF_NO_LUN);
		return;
	}
	switch (p.function) {
	case PDU_TMF_ABORT_TASK:
		abort_task(task, &p, lu);
		return;
	case PDU_TMF_ABORT_TASK_SET:
		target_abort(target, lu, conn, conn, task);
		respond_drained(task, lu, conn);
		return;
	case PDU_TMF_CLEAR_TASK_SET:
		target_abort(target, lu, NULL, conn, task);
		respond_drained(task, lu, NULL);
		return;
	default: /* PDU_TMF_LOGICAL_UNIT_RESET */
		reset_lu(task, lu);
		respond_drained(task, lu, NULL);
		return;
	}
}

static void
logout_run(struct ttask *task)
{
	struct tconn *conn = task->conn;
	struct pdu_logout_request p;

	pdu_get_logout_request(task->bhs, &p);
	switch (p.reason) {
	case PDU_LOGOUT_SESSION:
		break;
	case PDU_LOGOUT_CONNECTION:
		if (p.cid != conn->cid) {
			respond(task, PDU_LOGOUT_NO_CID);
			return;
		}
		break;
	default:
		respond(task, PDU_LOGOUT_NO_RECOVERY);
		return;
	}
	task->result = PDU_LOGOUT_OK;
	target_abort(conn->target, NULL, conn, conn, task);
	target_drain(task, NULL, conn);
}

void
ttmf_run(struct ttask *task)
{
	if (task->kind == TTASK_LOGOUT)
		logout_run(task);
	else
		tmf_run(task);
}
