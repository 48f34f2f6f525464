/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * target - its logical units and its sessions; the fate of commands that one
 * session ends for another.
 *
 * A command that is with the bdev cannot be called back.  When it is aborted it
 * is only marked; whatever says that it has ended (a TMF response, the login of
 * a session that takes over) waits in `draining` or in login until it has.  That
 * holds for what an EXTENDED COPY does to other logical units than its own, too.
 */
#include "target/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/target_impl.h"

static void lus_abort(
    struct lu_set *, struct lu *, struct nexus *victim, struct lu_cmd *by);

struct target *
target_new(const struct target_config *config)
{
	struct target *target = calloc(1, sizeof(*target));

	if (target == NULL)
		return NULL;
	target->config = *config;
	if (target->config.offer.max_outstanding_r2t > TTASK_R2TS)
		target->config.offer.max_outstanding_r2t = TTASK_R2TS;
	target->config.offer.max_connections = 1;
	target->config.offer.error_recovery_level = 0;
	target->lus.name = target->config.name;
	target->lus.abort = lus_abort;
	TAILQ_INIT(&target->lus.nexuses);
	pool_init(&target->lus.pool);
	TAILQ_INIT(&target->conns);
	TAILQ_INIT(&target->draining);
	return target;
}

void
target_free(struct target *target)
{
	if (target == NULL)
		return;
	for (unsigned i = 0; i < target->lus.n; i++)
		lu_free(target->lus.lu[i]);
	pool_fini(&target->lus.pool);
	free(target);
}

int
target_add_lun(
    struct target *target, struct bdev *bdev, const struct lu_config *config)
{
	struct lu_set *lus = &target->lus;
	int error;

	if (lus->n == TARGET_LUNS_MAX)
		return -ENOSPC;
	error = lu_new(lus, lus->n, bdev, config, &lus->lu[lus->n]);
	if (error == 0)
		lus->n++;
	return error;
}

unsigned
target_in_flight(const struct target *target)
{
	const struct tconn *conn;
	unsigned n = 0;

	TAILQ_FOREACH (conn, &target->conns, link)
		n += conn->running;
	return n;
}

struct lu *
target_lu(const struct target *target, uint64_t lun)
{
	uint64_t number;

	if (!lunaddr_number(lun, &number) || number >= target->lus.n)
		return NULL;
	return target->lus.lu[number];
}

/*
 * ---- aborted commands ----
 */

void
target_abort(struct target *target, struct lu *lu, struct tconn *conn,
    const struct tconn *by, const struct ttask *except)
{
	struct tconn *other;

	TAILQ_FOREACH (other, &target->conns, link) {
		if ((conn != NULL && other != conn) || other->gone)
			continue;
		for (unsigned i = 0; i < TCONN_SLOTS; i++) {
			struct ttask *task = &other->slots[i];

			if (task->state == TTASK_FREE ||
			    task->kind != TTASK_SCSI || task == except)
				continue;
			if (lu == NULL || target_lu(target, task->lun) == lu)
				ttask_abort(task, other != by);
			else
				ttask_halt(task, lu);
		}
		if (other != by)
			tconn_wake(other);
	}
}

static void
lus_abort(
    struct lu_set *lus, struct lu *lu, struct nexus *victim, struct lu_cmd *by)
{
	struct ttask *task = (struct ttask *)by;
	struct target *target = task->conn->target;
	struct tconn *conn;

	(void)lus;
	TAILQ_FOREACH (conn, &target->conns, link)
		if (&conn->nexus == victim)
			target_abort(target, lu, conn, task->conn, task);
}

static bool
unfinished(
    const struct target *target, const struct lu *lu, const struct tconn *conn)
{
	const struct tconn *other;

	if (target->aborted == 0)
		return false;
	TAILQ_FOREACH (other, &target->conns, link) {
		if (conn != NULL && other != conn)
			continue;
		for (unsigned i = 0; i < TCONN_SLOTS; i++) {
			const struct ttask *task = &other->slots[i];

			if (task->state != TTASK_RUN)
				continue;
			if (task->aborted && (lu == NULL || task->cmd.lu == lu))
				return true;
			if ((task->aborted || task->halted) && lu != NULL &&
			    lu_writes_to(&task->cmd, lu))
				return true;
		}
	}
	return false;
}

void
target_drain(struct ttask *task, struct lu *lu, struct tconn *conn)
{
	struct target *target = task->conn->target;

	if (!unfinished(target, lu, conn)) {
		ttask_reply(task);
		return;
	}
	task->drain_lu = lu;
	task->drain_conn = conn;
	task->state = TTASK_DRAIN;
	TAILQ_INSERT_TAIL(&target->draining, task, link);
}

void
target_drained(struct target *target)
{
	struct ttask *task, *next;
	struct tconn *conn;

	for (task = TAILQ_FIRST(&target->draining); task != NULL; task = next) {
		next = TAILQ_NEXT(task, link);
		if (unfinished(target, task->drain_lu, task->drain_conn))
			continue;
		TAILQ_REMOVE(&target->draining, task, link);
		ttask_reply(task);
	}
	TAILQ_FOREACH (conn, &target->conns, link) {
		if (!conn->login_held || target_unfinished(target, conn))
			continue;
		conn->login_held = false;
		tconn_wake(conn);
	}
}

/*
 * ---- sessions ----
 */

static bool
same_session(const struct tconn *a, const struct tconn *b)
{
	return a != b && a->established && b->established &&
	       a->discovery == b->discovery &&
	       nexus_same(&a->nexus, b->nexus.initiator, b->nexus.isid);
}

void
target_reinstate(struct target *target, struct tconn *by)
{
	struct tconn *conn;
	struct error why = { .class = ERROR_FAILED,
		.text = "the initiator logged in again: session reinstated" };

	TAILQ_FOREACH (conn, &target->conns, link)
		if (same_session(conn, by) && !conn->gone &&
		    conn->state != TCONN_CLOSED)
			tconn_kill(conn, &why);
}

bool
target_unfinished(const struct target *target, const struct tconn *by)
{
	const struct tconn *conn;

	TAILQ_FOREACH (conn, &target->conns, link)
		if (same_session(conn, by) && conn->running > 0)
			return true;
	return false;
}

bool
target_has_session(const struct target *target, const char *initiator,
    const uint8_t isid[6], uint16_t tsih)
{
	const struct tconn *conn;

	TAILQ_FOREACH (conn, &target->conns, link)
		if (conn->state == TCONN_FULL && !conn->gone &&
		    conn->tsih == tsih &&
		    nexus_same(&conn->nexus, initiator, isid))
			return true;
	return false;
}

uint16_t
target_next_tsih(struct target *target)
{
	const struct tconn *conn;
	bool taken;

	do {
		if (++target->last_tsih == 0)
			target->last_tsih = 1;
		taken = false;
		TAILQ_FOREACH (conn, &target->conns, link)
			taken |= conn->tsih == target->last_tsih;
	} while (taken);
	return target->last_tsih;
}
