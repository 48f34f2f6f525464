/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session - the life of a session of the initiator: the state machine, what
 * the driver is told and reports, the users, the deadlines.
 *
 * The machine is RFC 7143's connection (8.1.3) and session (8.3) state
 * diagrams in one, since a session has one connection:
 *
 *     SESSION_FREE              S1 Q1      SESSION_LOGOUT_REQUESTED  S7 Q3
 *     SESSION_CONNECTING        S2         SESSION_LOGOUT            S6 Q3
 *     SESSION_LOGIN             S4         SESSION_WAIT              S1 Q4
 *     SESSION_UP                S5 Q3
 *
 * (CLEANUP_WAIT, S8, is passed through: nothing survives a connection here.)
 * session_move() is the only writer of ->state.
 *
 * Events are kept as bits, since none can come twice before it was fetched:
 * a later loss takes back a CONNECT and a LOGGED_IN that nobody saw.  Their
 * order in enum pending is the order in which they may follow each other.
 *
 * The first login has to succeed; from then on, when so configured, every loss
 * is followed by new attempts until session_end(), whatever the target answers:
 * one that starts up again may well refuse for a while.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/internal.h"

#define BACKOFF_FIRST (100 * CLOCK_MS)
/* A target that asks for a longer wait than this is not obeyed. */
#define TIME2WAIT_MAX 60
#define REDIRECTS_MAX 8

void
session_config_default(struct session_config *config)
{
	memset(config, 0, sizeof(*config));
	params_default(&config->offer);
	config->login_timeout = 15 * CLOCK_S;
	config->task_timeout = 30 * CLOCK_S;
	config->abort_timeout = 15 * CLOCK_S;
	config->ping_interval = 5 * CLOCK_S;
	config->ping_timeout = 5 * CLOCK_S;
	config->reconnect_max = 2 * CLOCK_S;
}

struct session *
session_new(const struct session_config *config)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->config = *config;
	/* What this engine can do, whatever was asked for. */
	s->config.offer.max_connections = 1;
	s->config.offer.error_recovery_level = 0;
	s->config.offer.data_pdu_in_order = true;
	s->config.offer.data_sequence_in_order = true;
	if (s->config.offer.max_outstanding_r2t > TASK_R2T_MAX)
		s->config.offer.max_outstanding_r2t = TASK_R2T_MAX;

	/* RFC 7143, 11.12.5: type 10b, random; constant from here on, so that
	 * a later login reinstates this session and no other. */
	s->config.random(s->config.random_ctx, s->isid, sizeof(s->isid));
	s->isid[0] = 0x80;

	memcpy(s->portal, config->portal, sizeof(s->portal));
	TAILQ_INIT(&s->users);
	task_table_init(s);
	conn_init(&s->conn, s);
	s->state = SESSION_FREE;
	s->phase_at = CLOCK_NEVER;
	s->text_at = CLOCK_NEVER;
	s->orphans_at = CLOCK_NEVER;
	return s;
}

void
session_free(struct session *s)
{
	if (s == NULL)
		return;
	conn_close(&s->conn);
	free(s);
}

enum session_state
session_state(const struct session *s)
{
	/* Up is what the users know of. */
	if (s->state == SESSION_UP && !s->accepting)
		return SESSION_LOGIN;
	return s->state;
}

const char *
session_state_name(enum session_state state)
{
	switch (state) {
	case SESSION_FREE:
		return "free";
	case SESSION_CONNECTING:
		return "connecting";
	case SESSION_LOGIN:
		return "login";
	case SESSION_UP:
		return "up";
	case SESSION_LOGOUT_REQUESTED:
		return "logout requested";
	case SESSION_WAIT:
		return "waiting";
	case SESSION_LOGOUT:
		return "logout";
	}
	return "unknown";
}

const struct params *
session_params(const struct session *s)
{
	return &s->params;
}

const struct session_config *
session_get_config(const struct session *s)
{
	return &s->config;
}

unsigned
session_in_flight(const struct session *s)
{
	return s->tasks;
}

uint64_t
session_fastest(const struct session *s)
{
	return s->fastest;
}

uint64_t
session_backoff(struct session *s, uint64_t base, uint64_t max, unsigned n)
{
	uint64_t delay = base, chance;

	while (n-- > 0 && delay < max)
		delay *= 2;
	if (delay > max)
		delay = max;
	s->config.random(s->config.random_ctx, &chance, sizeof(chance));
	return delay / 2 + chance % (delay / 2 + 1);
}

/*
 * ---- what the machine does ----
 */

static void
act_connect(struct session *s, const struct error *why, uint64_t now)
{
	(void)why;
	(void)now;
	memcpy(s->next_portal, s->portal, sizeof(s->next_portal));
	s->attempts++;
	s->pending |= PENDING_CONNECT;
}

static void
act_login(struct session *s, const struct error *why, uint64_t now)
{
	struct error err;

	(void)why;
	s->phase_at = now + s->config.login_timeout;
	if (conn_open(&s->conn, now, &err) < 0)
		session_lose(s, &err, now);
}

static void
act_redirect(struct session *s, const struct error *why, uint64_t now)
{
	struct error err;
	bool permanent;

	(void)why;
	snprintf(s->next_portal, sizeof(s->next_portal), "%s",
	    login_initiator_redirect(s->conn.login, &permanent));
	if (permanent)
		memcpy(s->portal, s->next_portal, sizeof(s->portal));
	log_info(s->config.log, "the target moved %s to %s",
	    permanent ? "permanently" : "temporarily", s->next_portal);
	conn_close(&s->conn);
	if (++s->redirects > REDIRECTS_MAX) {
		error_set(&err, ERROR_FAILED,
		    "login to %s failed: redirected more than %d times",
		    s->config.portal, REDIRECTS_MAX);
		session_lose(s, &err, now);
		return;
	}
	s->pending |= PENDING_CONNECT;
}

static void
act_up(struct session *s, const struct error *why, uint64_t now)
{
	(void)why;
	s->attempts = 0;
	s->redirects = 0;
	s->was_up = true;
	s->up_since = now;
	s->fastest = CLOCK_NEVER;
	s->time2wait = s->params.time2wait;
	s->time2retain = s->params.time2retain;
	s->pending |= PENDING_LOGGED_IN;
}

/* phase_at was set by who read the target's request. */
static void
act_drain(struct session *s, const struct error *why, uint64_t now)
{
	(void)s;
	(void)why;
	(void)now;
}

static void
act_logout(struct session *s, const struct error *why, uint64_t now)
{
	(void)why;
	s->phase_at = now + s->config.login_timeout;
	s->conn.control = CONTROL_LOGOUT;
}

/* The connection ended; the session waits to be reinstated. */
static void
act_wait(struct session *s, const struct error *why, uint64_t now)
{
	uint64_t delay, wait;

	conn_close(&s->conn);
	recovery_lost(s, false);
	text_fail(s, -ECONNRESET, why);
	ping_end(s, false);

	delay = session_backoff(
	    s, BACKOFF_FIRST, s->config.reconnect_max, s->attempts);
	if (s->accepting || (s->pending & PENDING_LOGGED_IN) != 0) {
		/* RFC 7143, 13.15: not before DefaultTime2Wait. */
		wait =
		    s->time2wait < TIME2WAIT_MAX ? s->time2wait : TIME2WAIT_MAX;
		if (delay < wait * CLOCK_S)
			delay = wait * CLOCK_S;
		s->lost_at = now;
		s->why = *why;
		s->final = false;
		s->pending |= PENDING_LOST;
	} else
		log_info(s->config.log, "%s", why->text);
	s->pending &= ~(unsigned)(PENDING_CONNECT | PENDING_LOGGED_IN);
	s->accepting = false;
	s->phase_at = now + delay;
}

static void
forget(struct session *s, const struct error *why)
{
	conn_close(&s->conn);
	recovery_lost(s, true);
	text_fail(s, -ECONNRESET, why);
	ping_end(s, false);
	s->pending &=
	    ~(unsigned)(PENDING_CONNECT | PENDING_LOGGED_IN | PENDING_LOST);
	s->accepting = false;
	s->why = *why;
	s->final = true;
}

static void
act_give_up(struct session *s, const struct error *why, uint64_t now)
{
	(void)now;
	forget(s, why);
	s->pending |= PENDING_LOST;
}

static void
act_end(struct session *s, const struct error *why, uint64_t now)
{
	(void)now;
	forget(s, why);
	s->pending |= PENDING_ENDED;
}

#define IN(x) (1u << SESSION_##x)

static const struct transition {
	unsigned from; /* mask of states */
	enum session_cause cause;
	void (*act)(struct session *, const struct error *, uint64_t now);
	enum session_state to;
	const char *rfc; /* RFC 7143, 8.1.2 (T) and 8.3.2 (N) */
} transitions[] = {
	{ IN(FREE), CAUSE_START, act_connect, SESSION_CONNECTING, "T1" },
	{ IN(WAIT), CAUSE_RETRY, act_connect, SESSION_CONNECTING, "T1" },
	{ IN(CONNECTING), CAUSE_CONNECTED, act_login, SESSION_LOGIN, "T4" },
	{ IN(LOGIN), CAUSE_REDIRECTED, act_redirect, SESSION_CONNECTING,
	    "T7 T1" },
	{ IN(LOGIN), CAUSE_ACCEPTED, act_up, SESSION_UP, "T5 N1 N10" },
	{ IN(UP), CAUSE_REQUESTED, act_drain, SESSION_LOGOUT_REQUESTED, "T11" },
	{ IN(LOGOUT_REQUESTED), CAUSE_REQUESTED, act_drain,
	    SESSION_LOGOUT_REQUESTED, "T12" },
	{ IN(LOGOUT), CAUSE_REQUESTED, act_drain, SESSION_LOGOUT, "T14" },
	{ IN(LOGOUT_REQUESTED), CAUSE_DRAINED, act_logout, SESSION_LOGOUT,
	    "T10" },
	{ IN(CONNECTING) | IN(LOGIN) | IN(UP) | IN(LOGOUT_REQUESTED) |
		IN(LOGOUT),
	    CAUSE_LOST, act_wait, SESSION_WAIT, "T2 T7 T13 T15 T16 T17 N5" },
	{ IN(CONNECTING) | IN(LOGIN) | IN(UP) | IN(LOGOUT_REQUESTED) |
		IN(LOGOUT),
	    CAUSE_LOST_FINAL, act_give_up, SESSION_FREE,
	    "T2 T7 T13 T15 T16 T17 N5 N6" },
	{ IN(UP) | IN(LOGOUT_REQUESTED), CAUSE_END, act_logout, SESSION_LOGOUT,
	    "T9 T10" },
	{ IN(FREE) | IN(CONNECTING) | IN(LOGIN) | IN(WAIT) | IN(LOGOUT),
	    CAUSE_END, act_end, SESSION_FREE, "T2 T7 T13 T17 N3 N6" },
};

void
session_move(struct session *s, enum session_cause cause,
    const struct error *why, uint64_t now)
{
	const struct transition *tr;
	size_t i;

	for (i = 0; i < sizeof(transitions) / sizeof(transitions[0]); i++) {
		tr = &transitions[i];
		if (tr->cause != cause || (tr->from & 1u << s->state) == 0)
			continue;
		log_debug(s->config.log, "session %s -> %s (%s)",
		    session_state_name(s->state), session_state_name(tr->to),
		    tr->rfc);
		if (tr->act != act_drain)
			s->phase_at = CLOCK_NEVER;
		s->state = tr->to;
		tr->act(s, why, now);
		return;
	}
}

void
session_lose(struct session *s, const struct error *why, uint64_t now)
{
	if (s->closing)
		session_move(s, CAUSE_END, why, now);
	else if (s->was_up && s->config.reconnect)
		session_move(s, CAUSE_LOST, why, now);
	else
		session_move(s, CAUSE_LOST_FINAL, why, now);
}

/*
 * ---- the owner ----
 */

void
session_start(struct session *s, uint64_t now)
{
	s->closing = false;
	session_move(s, CAUSE_START, NULL, now);
}

void
session_end(struct session *s, uint64_t now)
{
	struct error why;

	if (s->closing && s->state == SESSION_FREE)
		return;
	error_set(&why, ERROR_FAILED, "the session with %s was ended",
	    s->config.portal);
	/* The first call waits for a logout that is under way anyway. */
	if (s->state != SESSION_LOGOUT || s->closing) {
		s->closing = true;
		session_move(s, CAUSE_END, &why, now);
	}
	s->closing = true;
	s->accepting = false;
	task_flush(s);
	if (s->config.wake != NULL)
		s->config.wake(s->config.wake_ctx);
}

/*
 * ---- the driver ----
 */

void
session_connected(struct session *s, struct conn *c, uint64_t now)
{
	if (c->transport && !c->open)
		session_move(s, CAUSE_CONNECTED, NULL, now);
}

void
session_connect_failed(
    struct session *s, struct conn *c, const struct error *why, uint64_t now)
{
	if (s->state != SESSION_CONNECTING || !c->transport)
		return;
	c->transport = false;
	session_lose(s, why, now);
}

void
session_disconnected(
    struct session *s, struct conn *c, const struct error *why, uint64_t now)
{
	const struct auth *auth = s->config.auth;
	struct error err;

	if (!c->open)
		return;
	if (s->state == SESSION_LOGIN) {
		/* LIO ends the connection without a word when it demands CHAP
		 * and is offered none. */
		error_set(&err, why->class, "login to %s: %s%s", s->next_portal,
		    why->text,
		    auth == NULL || auth->user[0] == '\0'
			? "; it may demand CHAP"
			: "");
		why = &err;
	}
	if (why->class == ERROR_FAILED && !s->closing)
		session_move(s, CAUSE_LOST_FINAL, why, now);
	else
		session_lose(s, why, now);
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t
session_deadline(const struct session *s)
{
	uint64_t at = earlier(s->task_at, s->phase_at);

	at = earlier(at, earlier(s->retry_at, s->text_at));
	at = earlier(at, s->orphans_at);
	return s->conn.open ? earlier(at, s->conn.ping_at) : at;
}

static void
phase_tick(struct session *s, uint64_t now)
{
	struct error err;

	if (now < s->phase_at)
		return;
	switch (s->state) {
	case SESSION_WAIT:
		session_move(s, CAUSE_RETRY, NULL, now);
		break;
	case SESSION_LOGOUT_REQUESTED:
		session_move(s, CAUSE_DRAINED, NULL, now);
		break;
	case SESSION_LOGIN:
	case SESSION_LOGOUT:
		error_set(&err, ERROR_UNREACHED,
		    "%s %s: no answer within %u seconds",
		    s->state == SESSION_LOGIN ? "login to" : "logout from",
		    s->next_portal,
		    (unsigned)(s->config.login_timeout / CLOCK_S));
		session_lose(s, &err, now);
		break;
	default:
		s->phase_at = CLOCK_NEVER;
		break;
	}
}

void
session_tick(struct session *s, uint64_t now)
{
	struct error err;

	phase_tick(s, now);
	recovery_tick(s, now);
	if (task_tick(s, now, &err) < 0 || text_tick(s, now, &err) < 0 ||
	    (s->conn.open && control_tick(&s->conn, now, &err) < 0))
		session_lose(s, &err, now);
}

/*
 * ---- the users ----
 */

void
session_add_user(struct session *s, struct session_user *u)
{
	TAILQ_INSERT_TAIL(&s->users, u, link);
}

void
session_remove_user(struct session *s, struct session_user *u)
{
	if (s->next_user == u)
		s->next_user = TAILQ_NEXT(u, link);
	TAILQ_REMOVE(&s->users, u, link);
}

/* The users one after the other, any of which may go meanwhile. */
static void
first_user(struct session *s)
{
	s->next_user = TAILQ_FIRST(&s->users);
}

static struct session_user *
step_user(struct session *s)
{
	struct session_user *u = s->next_user;

	if (u != NULL)
		s->next_user = TAILQ_NEXT(u, link);
	return u;
}

static void
tell_up(struct session *s)
{
	struct session_user *u;

	first_user(s);
	while ((u = step_user(s)) != NULL)
		u->up(u, s->up_since);
}

static void
tell_lost(struct session *s, const struct error *why, bool final)
{
	struct session_user *u;

	first_user(s);
	while ((u = step_user(s)) != NULL)
		u->lost(u, why, final);
}

void
session_async(struct session *s, uint64_t lun, const uint8_t *sense, size_t len)
{
	struct async_event *ev;

	if (s->async_n == ASYNC_MAX) {
		log_warn(
		    s->config.log, "an asynchronous SCSI event was dropped");
		return;
	}
	ev = &s->async[s->async_n++];
	ev->lun = lun;
	ev->sense_len = len < sizeof(ev->sense) ? len : sizeof(ev->sense);
	memcpy(ev->sense, sense, ev->sense_len);
}

static void
tell_async(struct session *s)
{
	struct session_user *u;
	struct async_event ev;
	unsigned i;

	for (i = 0; i < s->async_n; i++) {
		ev = s->async[i];
		first_user(s);
		while ((u = step_user(s)) != NULL)
			if (u->async != NULL)
				u->async(u, ev.lun, ev.sense, ev.sense_len);
	}
	s->async_n = 0;
}

bool
session_event(struct session *s, struct session_event *ret)
{
	if (s->async_n > 0)
		tell_async(s);
	if (s->pending == 0)
		return false;

	memset(ret, 0, sizeof(*ret));
	ret->conn = &s->conn;
	if ((s->pending & PENDING_CLOSE) != 0) {
		s->pending &= ~(unsigned)PENDING_CLOSE;
		ret->type = SESSION_CLOSE;
	} else if ((s->pending & PENDING_LOST) != 0) {
		s->pending &= ~(unsigned)PENDING_LOST;
		ret->type = SESSION_LOST;
		ret->error = s->why;
		ret->final = s->final;
		tell_lost(s, &ret->error, ret->final);
	} else if ((s->pending & PENDING_ENDED) != 0) {
		s->pending &= ~(unsigned)PENDING_ENDED;
		ret->type = SESSION_ENDED;
		ret->final = true;
		tell_lost(s, &s->why, true);
	} else if ((s->pending & PENDING_CONNECT) != 0) {
		s->pending &= ~(unsigned)PENDING_CONNECT;
		ret->type = SESSION_CONNECT;
		memcpy(ret->portal, s->next_portal, sizeof(ret->portal));
		s->conn.transport = true;
	} else {
		s->pending &= ~(unsigned)PENDING_LOGGED_IN;
		ret->type = SESSION_LOGGED_IN;
		s->accepting = !s->closing;
		tell_up(s);
	}
	return true;
}
