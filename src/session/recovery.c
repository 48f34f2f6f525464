/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recovery - what becomes of the tasks when a connection is lost (RFC 7143,
 * 7.1.1: at error recovery level 0 the session is what recovers).
 *
 *     never sent, or only ever BUSY   TASK_UNSENT, at once
 *     ended, but not yet told         as it ended, at once
 *     in flight, TASK_QUERY           TASK_LOST, at once
 *     in flight, anything else        orphan: TASK_LOST after reinstatement
 *
 * An orphan may still change the medium: the target may know nothing of the
 * loss, and the command may be in its queue.  Only the login with the same ISID
 * to the same target portal group ends it for certain (RFC 7143, 6.3.5).  When
 * the target let us in at another portal group, that login was no
 * reinstatement, and an orphan waits until the target must have dropped the old
 * session by itself (DefaultTime2Wait + DefaultTime2Retain, 13.15 and 13.16).
 *
 * When the session is given up for good there is nobody left to wait for:
 * orphans end at once, as TASK_LOST.
 */
#include "session/internal.h"

static enum task_outcome
outcome(const struct task *t)
{
	return t->abort != ABORT_NONE ? TASK_TIMEDOUT : TASK_LOST;
}

static void
end_orphans(struct session *s)
{
	struct task *t;

	s->orphans_at = CLOCK_NEVER;
	s->orphans_until = 0;
	while ((t = TAILQ_FIRST(&s->orphans)) != NULL) {
		TAILQ_REMOVE(&s->orphans, t, link);
		task_complete(s, t, outcome(t));
	}
}

/* Their status had come; the sender refers to nothing any more. */
static void
end_ending(struct session *s)
{
	struct task *t;

	while ((t = TAILQ_FIRST(&s->ending)) != NULL) {
		TAILQ_REMOVE(&s->ending, t, link);
		task_complete(s, t, t->outcome);
	}
}

void
recovery_lost(struct session *s, bool final)
{
	struct task *t;
	unsigned i;

	end_ending(s);
	task_flush(s);
	for (i = 0; i < TASK_SLOTS; i++) {
		t = s->slot[i];
		if (t == NULL)
			continue;
		task_vacate(s, t);
		if (t->policy == TASK_QUERY)
			task_complete(s, t, outcome(t));
		else {
			t->state = TASK_ORPHAN;
			TAILQ_INSERT_TAIL(&s->orphans, t, link);
		}
	}
	s->task_at = CLOCK_NEVER;
	s->orphans_at = CLOCK_NEVER;
	if (final)
		end_orphans(s);
}

void
recovery_reinstated(struct session *s, uint16_t tpgt, uint64_t now)
{
	uint64_t expired =
	    s->lost_at + ((uint64_t)s->time2wait + s->time2retain) * CLOCK_S;

	if (tpgt != s->tpgt && !TAILQ_EMPTY(&s->orphans)) {
		log_warn(s->config.log,
		    "%s let us in at portal group %u instead of %u: commands "
		    "lost with the old session end when it has expired",
		    s->next_portal, tpgt, s->tpgt);
		if (s->orphans_until < expired)
			s->orphans_until = expired;
	}
	s->tpgt = tpgt;
	s->orphans_at = s->orphans_until;
	recovery_tick(s, now);
}

void
recovery_tick(struct session *s, uint64_t now)
{
	if (now >= s->orphans_at)
		end_orphans(s);
}
