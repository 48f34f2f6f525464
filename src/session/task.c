/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task - the tasks of a session: submission, the table that finds one by its
 * tag, time-outs, ABORT TASK, the patience with a busy target.
 *
 *     queued -> in flight -> [ending] -> ended -> reaped
 *        ^          |
 *        +- waiting +   BUSY, TASK SET FULL
 *
 * A task is in one list or in one slot at a time, and task_complete() is the
 * only way to `ended`: so it completes exactly once.  `ending` holds it while
 * a PDU that has begun still refers to its buffers.
 *
 * A time-out runs from submission to the end.  A task that was never sent then
 * simply ends; one that waits for a busy target ends with the status it got;
 * one in flight is aborted, and ends when the target says so or was made to by
 * reinstatement.
 *
 * Deadlines are not sorted.  The session knows a bound that none of them
 * precedes, and looks at all of them when it has come: once in a time-out's
 * length rather than with each command.
 */
#include <string.h>

#include "base/serial.h"
#include "proto/scsi.h"
#include "session/internal.h"

#define BUSY_FIRST (50 * CLOCK_MS)
#define BUSY_MAX   (2 * CLOCK_S)

void
task_table_init(struct session *s)
{
	unsigned i;

	TAILQ_INIT(&s->queue);
	TAILQ_INIT(&s->sending);
	TAILQ_INIT(&s->ended);
	TAILQ_INIT(&s->waiting);
	TAILQ_INIT(&s->ending);
	TAILQ_INIT(&s->orphans);
	for (i = 0; i < TASK_SLOTS; i++)
		s->free_slot[i] = (uint16_t)(TASK_SLOTS - 1 - i);
	s->free_n = TASK_SLOTS;
	s->task_at = CLOCK_NEVER;
	s->retry_at = CLOCK_NEVER;
}

/* As if it had never been sent. */
static void
task_reset(struct task *t)
{
	t->abort = ABORT_NONE;
	t->piped = NULL;
	t->sending = false;
	t->data_sn = 0;
	t->moved = 0;
	t->unsolicited = 0;
	t->solicited = 0;
	t->r2t_sn = 0;
	t->tx_refs = 0;
	t->r2t_head = 0;
	t->r2t_count = 0;
	t->status = 0;
	t->transferred = 0;
	t->overflow = false;
	t->sense_len = 0;
}

void
session_submit(struct session *s, struct task *t, uint64_t now)
{
	uint64_t timeout =
	    t->timeout != 0 ? t->timeout : s->config.task_timeout;

	task_reset(t);
	t->submitted = now;
	t->retries = 0;
	s->tasks++;
	if (!s->accepting) {
		task_complete(s, t, TASK_UNSENT);
	} else {
		t->deadline =
		    timeout < CLOCK_NEVER - now ? now + timeout : CLOCK_NEVER;
		if (t->deadline < s->task_at)
			s->task_at = t->deadline;
		t->state = TASK_QUEUED;
		TAILQ_INSERT_TAIL(&s->queue, t, link);
	}
	if (s->config.wake != NULL)
		s->config.wake(s->config.wake_ctx);
}

struct task *
session_reap(struct session *s)
{
	struct task *t = TAILQ_FIRST(&s->ended);

	if (t == NULL)
		return NULL;
	TAILQ_REMOVE(&s->ended, t, link);
	t->state = TASK_IDLE;
	s->tasks--;
	return t;
}

void
task_start(struct session *s, struct task *t)
{
	unsigned slot = s->free_slot[--s->free_n];

	TAILQ_REMOVE(&s->queue, t, link);
	t->state = TASK_IN_FLIGHT;
	t->itt = (s->generation++ << 10 | slot) & ~ITT_KIND;
	t->cmdsn = s->cmdsn++;
	s->slot[slot] = t;
	if (t->pipe != NULL)
		s->piping++;
}

void
task_vacate(struct session *s, struct task *t)
{
	unsigned slot = t->itt & ITT_SLOT;

	transfer_stop(s, t);
	s->slot[slot] = NULL;
	if (t->pipe != NULL)
		s->piping--;
	s->free_slot[s->free_n++] = (uint16_t)slot;
}

void
task_complete(struct session *s, struct task *t, enum task_outcome outcome)
{
	t->state = TASK_ENDED;
	t->outcome = outcome;
	TAILQ_INSERT_TAIL(&s->ended, t, link);
}

/*
 * Nothing refers to its buffers any more.  A busy target has not begun the
 * task, so that it may be sent again; its time-out ends the waiting.
 */
static void
settle(struct session *s, struct task *t, uint64_t now)
{
	bool busy = t->outcome == TASK_DONE &&
		    (t->status == SCSI_BUSY || t->status == SCSI_TASK_SET_FULL);

	if (!busy || t->abort != ABORT_NONE || !s->accepting) {
		task_complete(s, t, t->outcome);
		return;
	}
	t->state = TASK_WAITING;
	t->retry_at =
	    now + session_backoff(s, BUSY_FIRST, BUSY_MAX, t->retries);
	if (t->retries < UINT8_MAX)
		t->retries++;
	if (t->retry_at < s->retry_at)
		s->retry_at = t->retry_at;
	if (t->deadline < s->task_at)
		s->task_at = t->deadline;
	TAILQ_INSERT_TAIL(&s->waiting, t, link);
}

void
task_finish(struct session *s, struct task *t, uint64_t now)
{
	if (t->abort == ABORT_SENT)
		s->conn.late_aborts++;
	if (t->outcome == TASK_DONE && t->status == SCSI_GOOD &&
	    now - t->submitted < s->fastest)
		s->fastest = now - t->submitted;
	task_vacate(s, t);
	if (t->tx_refs == 0) {
		settle(s, t, now);
		return;
	}
	t->state = TASK_ENDING;
	TAILQ_INSERT_TAIL(&s->ending, t, link);
}

void
task_settle(struct session *s, uint64_t now)
{
	struct task *t, *next;

	for (t = TAILQ_FIRST(&s->ending); t != NULL; t = next) {
		next = TAILQ_NEXT(t, link);
		if (t->tx_refs > 0)
			continue;
		TAILQ_REMOVE(&s->ending, t, link);
		settle(s, t, now);
	}
}

void
task_flush(struct session *s)
{
	struct task *t;

	TAILQ_CONCAT(&s->queue, &s->waiting, link);
	s->retry_at = CLOCK_NEVER;
	while ((t = TAILQ_FIRST(&s->queue)) != NULL) {
		TAILQ_REMOVE(&s->queue, t, link);
		task_complete(s, t, TASK_UNSENT);
	}
}

struct task *
task_to_abort(struct session *s)
{
	unsigned i;

	for (i = 0; i < TASK_SLOTS; i++)
		if (s->slot[i] != NULL && s->slot[i]->abort == ABORT_WANTED)
			return s->slot[i];
	return NULL;
}

/* Ends those of a list whose time has come; the earliest of the others. */
static uint64_t
expire(struct session *s, struct task_queue *list, enum task_outcome outcome,
    uint64_t now)
{
	uint64_t at = CLOCK_NEVER;
	struct task *t, *next;

	for (t = TAILQ_FIRST(list); t != NULL; t = next) {
		next = TAILQ_NEXT(t, link);
		if (t->deadline <= now) {
			TAILQ_REMOVE(list, t, link);
			task_complete(s, t, outcome);
		} else if (t->deadline < at)
			at = t->deadline;
	}
	return at;
}

static int
expire_in_flight(
    struct session *s, uint64_t now, uint64_t *ret_at, struct error *err)
{
	uint64_t at = CLOCK_NEVER;
	struct task *t;
	unsigned i;

	for (i = 0; i < TASK_SLOTS; i++) {
		t = s->slot[i];
		if (t == NULL)
			continue;
		if (t->deadline <= now) {
			if (t->abort != ABORT_NONE)
				return error_set(err, ERROR_UNREACHED,
				    "%s neither answered a command nor "
				    "aborted it; the connection was given up",
				    s->next_portal);
			t->abort = ABORT_WANTED;
			t->deadline = now + s->config.abort_timeout;
			s->conn.control |= CONTROL_ABORT;
		}
		if (t->deadline < at)
			at = t->deadline;
	}
	*ret_at = at;
	return 0;
}

/* Their status has come, but the target does not read what goes before it. */
static int
expire_ending(
    struct session *s, uint64_t now, uint64_t *ret_at, struct error *err)
{
	uint64_t at = CLOCK_NEVER;
	struct task *t;

	TAILQ_FOREACH (t, &s->ending, link) {
		if (t->deadline <= now)
			return error_set(err, ERROR_UNREACHED,
			    "%s does not take what is sent to it; the "
			    "connection was given up",
			    s->next_portal);
		if (t->deadline < at)
			at = t->deadline;
	}
	*ret_at = at;
	return 0;
}

static void
retry(struct session *s, uint64_t now)
{
	struct task *t, *next;

	if (now < s->retry_at)
		return;
	s->retry_at = CLOCK_NEVER;
	for (t = TAILQ_FIRST(&s->waiting); t != NULL; t = next) {
		next = TAILQ_NEXT(t, link);
		if (t->retry_at <= now) {
			TAILQ_REMOVE(&s->waiting, t, link);
			task_reset(t);
			t->state = TASK_QUEUED;
			TAILQ_INSERT_TAIL(&s->queue, t, link);
		} else if (t->retry_at < s->retry_at)
			s->retry_at = t->retry_at;
	}
}

int
task_tick(struct session *s, uint64_t now, struct error *err)
{
	uint64_t at, other;

	retry(s, now);
	if (now < s->task_at)
		return 0;
	s->task_at = CLOCK_NEVER;
	at = expire(s, &s->queue, TASK_TIMEDOUT, now);
	other = expire(s, &s->waiting, TASK_DONE, now);
	if (other < at)
		at = other;
	if (s->state != SESSION_LOGOUT) {
		if (expire_in_flight(s, now, &other, err) < 0)
			return -1;
		if (other < at)
			at = other;
		if (expire_ending(s, now, &other, err) < 0)
			return -1;
		if (other < at)
			at = other;
	}
	s->task_at = at;
	return 0;
}
