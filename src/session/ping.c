/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ping - NOP-Out on request (RFC 7143, 11.18).  The session's own, which look
 * after a silent connection, are in control.c; there is one tag for both, so
 * only one is out at a time, and either is given the same time for its answer.
 */
#include <errno.h>

#include "session/internal.h"

int
session_ping(struct session *s, struct session_ping *x, uint64_t now)
{
	if (!s->accepting)
		return -ENOTCONN;
	if (s->conn.ping_out)
		return -EBUSY;
	x->answered = false;
	s->ping = x;
	control_ping(&s->conn, now);
	if (s->config.wake != NULL)
		s->config.wake(s->config.wake_ctx);
	return 0;
}

void
ping_end(struct session *s, bool answered)
{
	struct session_ping *x = s->ping;

	if (x == NULL)
		return;
	s->ping = NULL;
	x->answered = answered;
	x->next = s->ping_ended;
	s->ping_ended = x;
}

struct session_ping *
session_reap_ping(struct session *s)
{
	struct session_ping *x = s->ping_ended;

	if (x != NULL)
		s->ping_ended = x->next;
	return x;
}
