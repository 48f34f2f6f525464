/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tconn - a connection from accept to close: its memory, the driver's calls,
 * and time.
 */
#include "target/tconn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/target_impl.h"

/*
 * ---- life ----
 */

static void
conn_init(struct tconn *conn, struct target *target, const char *peer,
    const char *local, uint64_t now)
{
	conn->target = target;
	snprintf(conn->peer, sizeof(conn->peer), "%s", peer);
	snprintf(conn->local, sizeof(conn->local), "%s", local);
	conn->text_ttt = PDU_TAG_NONE;
	conn->end_deadline = now + TCONN_LOGIN_TIMEOUT;
	conn->seen = now;
	TAILQ_INIT(&conn->free);
	TAILQ_INIT(&conn->held);
	TAILQ_INIT(&conn->waiting);
	TAILQ_INIT(&conn->r2ts);
	TAILQ_INIT(&conn->tx);
	TAILQ_INIT(&conn->sent);
	for (unsigned i = 0; i < TCONN_HASH; i++)
		LIST_INIT(&conn->hash[i]);
}

/* Everything but the structure and its slots. */
static void
conn_fini(struct tconn *conn)
{
	login_target_free(conn->login);
	conn->login = NULL;
	framer_free(conn->framer);
	conn->framer = NULL;
	sender_free(conn->sender);
	conn->sender = NULL;
	free(conn->text);
	conn->text = NULL;
}

struct tconn *
tconn_new(struct target *target, const char *peer, const char *local,
    void (*wake)(void *ctx), void *wake_ctx, uint64_t now)
{
	uint32_t max_data = target->config.offer.max_recv_data_segment;
	struct tconn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL) {
		log_warn(
		    target->config.log, "%s: refused: out of memory", peer);
		return NULL;
	}
	conn_init(conn, target, peer, local, now);
	conn->wake = wake;
	conn->wake_ctx = wake_ctx;
	conn->slots = calloc(TCONN_SLOTS, sizeof(*conn->slots));
	conn->framer =
	    framer_new(max_data > LOGIN_DATA_MAX ? max_data : LOGIN_DATA_MAX);
	conn->sender = sender_new();
	conn->text = malloc(TCONN_TEXT_MAX);
	if (conn->slots == NULL || conn->framer == NULL ||
	    conn->sender == NULL || conn->text == NULL ||
	    tlogin_new(conn) < 0) {
		log_warn(
		    target->config.log, "%s: refused: out of memory", peer);
		conn_fini(conn);
		free(conn->slots);
		free(conn);
		return NULL;
	}
	framer_set_max_data(conn->framer, LOGIN_DATA_MAX);
	for (unsigned i = TCONN_SLOTS; i-- > 0;) {
		conn->slots[i].conn = conn;
		TAILQ_INSERT_HEAD(&conn->free, &conn->slots[i], link);
	}
	conn->free_n = TCONN_SLOTS;
	TAILQ_INSERT_TAIL(&target->conns, conn, link);
	return conn;
}

void
tconn_kill(struct tconn *conn, const struct error *why)
{
	if (conn->state == TCONN_CLOSED)
		return;
	conn->state = TCONN_CLOSED;
	conn->why = *why;
	log_info(conn->target->config.log, "%s: %s", conn->peer, why->text);
	for (unsigned i = 0; i < TCONN_SLOTS; i++)
		ttask_abort(&conn->slots[i], false);
	if (conn->listed) {
		TAILQ_REMOVE(&conn->target->lus.nexuses, &conn->nexus, link);
		conn->listed = false;
	}
	tconn_wake(conn);
}

/* A SENT task stays until the sender is gone. */
void
tconn_free(struct tconn *conn)
{
	static const struct error why = { .class = ERROR_FAILED,
		.text = "the connection was closed" };
	struct ttask *task;

	if (conn == NULL)
		return;
	conn->driving = true; /* the driver knows: no wake */
	tconn_kill(conn, &why);
	conn->gone = true;
	conn->rx = NULL;
	conn_fini(conn);
	while ((task = TAILQ_FIRST(&conn->sent)) != NULL) {
		TAILQ_REMOVE(&conn->sent, task, link);
		ttask_free(task);
	}
	tconn_reap(conn);
}

void
tconn_reap(struct tconn *conn)
{
	struct target *target = conn->target;

	if (!conn->gone || conn->running > 0)
		return;
	TAILQ_REMOVE(&target->conns, conn, link);
	free(conn->slots);
	free(conn);
}

void
tconn_wake(struct tconn *conn)
{
	if (!conn->driving && !conn->gone && conn->wake != NULL)
		conn->wake(conn->wake_ctx);
}

bool
tconn_closing(const struct tconn *conn, struct error *ret_why)
{
	bool closing =
	    conn->state == TCONN_CLOSED ||
	    (conn->state == TCONN_FLUSH && sender_bytes(conn->sender) == 0);

	if (closing)
		*ret_why = conn->why;
	return closing;
}

/*
 * ---- the driver's calls ----
 */

int
tconn_rx_iov(struct tconn *conn, struct iovec *iov, int max)
{
	if (conn->dropped) {
		conn->driving = true;
		tdispatch(conn);
		conn->driving = false;
	}
	if (conn->state == TCONN_CLOSED || conn->paused)
		return 0;
	return framer_rx_iov(conn->framer, iov, max);
}

void
tconn_rx_done(struct tconn *conn, size_t n, uint64_t now)
{
	if (conn->state == TCONN_CLOSED)
		return;
	conn->driving = true;
	conn->seen = now;
	conn->ping = false;
	framer_rx_done(conn->framer, n);
	tdispatch(conn);
	conn->driving = false;
}

int
tconn_tx_iov(struct tconn *conn, struct iovec *iov, int max, uint64_t now)
{
	if (conn->state == TCONN_CLOSED)
		return 0;
	conn->driving = true;
	if (conn->state == TCONN_LOGIN)
		tlogin_form(conn);
	if (conn->state != TCONN_LOGIN)
		tform(conn, now);
	conn->driving = false;
	return sender_iov(conn->sender, iov, max);
}

void
tconn_tx_done(struct tconn *conn, size_t n, uint64_t now)
{
	struct ttask *task;

	if (n > 0)
		conn->seen = now;
	sender_done(conn->sender, n);
	conn->driving = true;
	while ((task = TAILQ_FIRST(&conn->sent)) != NULL && task->refs == 0) {
		TAILQ_REMOVE(&conn->sent, task, link);
		ttask_free(task);
	}
	if (conn->login != NULL && conn->state != TCONN_LOGIN &&
	    conn->login_refs == 0) {
		login_target_free(conn->login);
		conn->login = NULL;
	}
	if (conn->paused)
		tdispatch(conn);
	conn->driving = false;
}

uint64_t
tconn_deadline(const struct tconn *conn)
{
	switch (conn->state) {
	case TCONN_LOGIN:
	case TCONN_FLUSH:
		return conn->end_deadline;
	case TCONN_FULL:
		if (!conn->ping)
			return conn->seen + TCONN_PING_INTERVAL;
		return (conn->pinged > conn->seen ? conn->pinged : conn->seen) +
		       TCONN_PING_TIMEOUT;
	default:
		return CLOCK_NEVER;
	}
}

void
tconn_tick(struct tconn *conn, uint64_t now)
{
	struct error why;

	if (now < tconn_deadline(conn))
		return;
	if (conn->state == TCONN_FULL && conn->paused &&
	    sender_bytes(conn->sender) == 0) {
		/* It is we who do not read. */
		conn->seen = now;
		return;
	}
	if (conn->state == TCONN_FULL && !conn->ping) {
		conn->ping = true;
		conn->ping_formed = false;
		conn->pinged = now;
		tconn_wake(conn);
		return;
	}
	if (conn->state == TCONN_FULL)
		error_set(&why, ERROR_UNREACHED,
		    "the initiator has been silent for %u s",
		    (unsigned)((now - conn->seen) / CLOCK_S));
	else if (conn->state == TCONN_LOGIN)
		error_set(&why, ERROR_UNREACHED,
		    "the login took longer than %u s",
		    (unsigned)(TCONN_LOGIN_TIMEOUT / CLOCK_S));
	else
		why = conn->why;
	tconn_kill(conn, &why);
}
