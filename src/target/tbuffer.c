/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tbuffer - the buffers of a task, and how much all of them may be: bytes that
 * we ask for or send are held back until others have gone; bytes that come
 * unasked have a bound of their own (target_impl.h).
 */
#include <string.h>

#include "target/target_impl.h"

bool
ttask_take_unasked(struct ttask *task, size_t bytes)
{
	struct target *target = task->conn->target;

	if (bytes > TARGET_UNASKED_MAX - target->unasked_bytes)
		return false;
	target->unasked_bytes += bytes;
	task->unasked += bytes;
	return true;
}

static void
give_unasked(struct ttask *task)
{
	task->conn->target->unasked_bytes -= task->unasked;
	task->unasked = 0;
}

void
ttask_free_buffer(struct ttask *task)
{
	struct tconn *conn = task->conn;

	pool_put(&conn->target->lus.pool, task->buf, task->buf_size);
	task->buf = NULL;
	conn->held_bytes -= task->charge;
	conn->target->held_bytes -= task->charge;
	task->charge = 0;
	give_unasked(task);
}

bool
ttask_copy(struct ttask *task, const void *data, size_t len)
{
	if (len == 0)
		return true;
	if (!ttask_take_unasked(task, len))
		return false;
	task->buf = pool_get(&task->conn->target->lus.pool, len);
	if (task->buf == NULL) {
		give_unasked(task);
		return false;
	}
	task->buf_size = len;
	memcpy(task->buf, data, len);
	task->iov.iov_base = task->buf;
	task->iov.iov_len = len;
	return true;
}

uint8_t *
ttask_take_copy(struct ttask *task, size_t *ret_len)
{
	uint8_t *buf = task->buf;

	*ret_len = task->buf_size;
	task->buf = NULL;
	give_unasked(task);
	return buf;
}

bool
ttask_take_buffer(struct ttask *task)
{
	task->buf = pool_get(&task->conn->target->lus.pool, task->cmd.need);
	if (task->buf == NULL)
		return false;
	task->buf_size = task->cmd.need;
	task->cmd.data = task->buf;
	return true;
}

/* One task always fits, so whoever waits waits for its own connection. */
bool
ttask_charge(struct ttask *task)
{
	struct tconn *conn = task->conn;
	struct target *target = conn->target;
	size_t need = task->cmd.need;

	if (conn->held_bytes > 0 &&
	    (conn->held_bytes + need > TCONN_HELD_MAX ||
		target->held_bytes + need > TARGET_HELD_MAX))
		return false;
	task->charge = need;
	conn->held_bytes += need;
	target->held_bytes += need;
	return true;
}
