/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session - an iSCSI session of the initiator (RFC 7143, 4.3): it logs in,
 * carries tasks, keeps the connection alive, and logs in again when it was
 * lost.  Sans-IO: whoever drives it (io/link.c, tests/pair) moves the bytes,
 * tells the time and fetches events and completed tasks.
 *
 *     session_submit() ->  queued -> [window] -> in flight -> completed ->
 * session_reap()
 *
 * Driving it, after every call that may change something:
 *     while (session_event(s, &ev)) ...       connect, close, up, lost, ...
 *     while ((t = session_reap(s)) != NULL)
 *             t->done(t);
 * and as long as a connection is open: conn_rx_iov/conn_rx_done when the
 * socket has bytes, conn_tx_iov/conn_tx_done while there is something to send;
 * session_tick() when session_deadline() has come.
 *
 * After a lost connection: tasks never sent end as TASK_UNSENT, TASK_QUERY
 * tasks in flight as TASK_LOST, both at once; the others wait until the session
 * has been reinstated with the same ISID, and then end as TASK_LOST.  The users
 * of the session (session_user) hear of both; new tasks are TASK_UNSENT while
 * it is not up.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <sys/queue.h>
#include <sys/uio.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "proto/auth.h"
#include "proto/login.h"
#include "proto/param.h"
#include "session/task.h"

struct session;
struct conn; /* one connection of a session */

struct session_config {
	char initiator_name[ISCSI_NAME_MAX + 1];
	char target_name[ISCSI_NAME_MAX + 1]; /* empty: a discovery session */
	char portal[ISCSI_ADDR_MAX + 1];      /* "host:port" as given */
	struct auth *auth; /* NULL: none; must outlive the session */
	struct params offer;
	uint64_t login_timeout; /* ns, connect excluded (that is io/'s) */
	uint64_t task_timeout;	/* ns, default of tasks */
	uint64_t abort_timeout; /* ns, for an ABORT TASK to be answered */
	uint64_t ping_interval; /* ns without a byte received before a NOP-Out;
				   0: never */
	uint64_t ping_timeout;	/* ns for its answer, or for progress of what
				   is sent before it (conn_unacked), before the
				   connection is taken for dead */
	bool reconnect; /* after a loss (never before the first login) */
	uint64_t reconnect_max; /* ns, upper bound of the backoff */
	random_fn random;	/* ISID, CHAP, backoff */
	void *random_ctx;
	const struct log *log;
	uint32_t pipe_least; /* The driver asks conn_rx_pipe(), too, and Data-In
				of so many bytes is worth it; 0: it does not */
	/* Optional.  Called when something was submitted or a user wants to be
	 * driven outside of the driver's own calls: pump me soon. */
	void (*wake)(void *ctx);
	void *wake_ctx;
};

/* The defaults of every number above: open-iscsi's (login 15 s, abort 15 s,
 * ping 5 s and 5 s), task 30 s, reconnect_max 2 s. */
void session_config_default(struct session_config *);

/* NULL when memory is short.  The config is copied. */
struct session *session_new(const struct session_config *);
/* Only when no task is with it (see session_end).  Takes NULL. */
void session_free(struct session *);

/* Begins: the first event will be SESSION_CONNECT. */
void session_start(struct session *, uint64_t now);
/* Ends: waits for no task, completes them all, logs out when logged in (at most
 * the login time-out), closes; then SESSION_ENDED.  A second call while it is
 * logging out closes at once. */
void session_end(struct session *, uint64_t now);

enum session_state {
	SESSION_FREE,	    /* not started, or ended */
	SESSION_CONNECTING, /* waiting for the transport */
	SESSION_LOGIN,
	SESSION_UP, /* full feature phase, and the users were told */
	SESSION_LOGOUT_REQUESTED, /* the target wants a logout; tasks in flight
				     end first, new ones queue */
	SESSION_WAIT,		  /* lost; waiting to connect again */
	SESSION_LOGOUT
};
enum session_state session_state(const struct session *);
const char *session_state_name(enum session_state);
/* The negotiated parameters, when SESSION_UP. */
const struct params *session_params(const struct session *);
const struct session_config *session_get_config(const struct session *);

/* Submits; see task.h.  Never calls done() itself. */
void session_submit(struct session *, struct task *, uint64_t now);
/* The next task whose done() is to be called, or NULL. */
struct task *session_reap(struct session *);
/* Tasks queued or in flight. */
unsigned session_in_flight(const struct session *);
/* ns that the quickest task took which ended with GOOD since the login;
 * CLOCK_NEVER: none. */
uint64_t session_fastest(const struct session *);

enum session_event_type {
	SESSION_CONNECT, /* open a transport to .portal, then
			    session_connected() or session_connect_failed() */
	SESSION_CLOSE, /* close the transport of .conn now; nothing to report */
	SESSION_LOGGED_IN, /* up, for the first time or again */
	SESSION_LOST, /* .error says why; when .final there is no next try */
	SESSION_ENDED /* after session_end() */
};

struct session_event {
	enum session_event_type type;
	struct conn *conn;
	char portal[ISCSI_ADDR_MAX + 1]; /* SESSION_CONNECT: "host[:port]" */
	struct error error;
	bool final;
};

/* The next event, or false. */
bool session_event(struct session *, struct session_event *ret);

/* The driver's reports.  A connect that failed leaves no transport behind;
 * after session_disconnected() a SESSION_CLOSE follows, like after every other
 * end of a connection.  Reports that come too late are ignored. */
void session_connected(struct session *, struct conn *, uint64_t now);
void session_connect_failed(
    struct session *, struct conn *, const struct error *why, uint64_t now);
/* The peer closed (why->text says how) or the socket failed.  Class
 * ERROR_FAILED: it would fail again, so there is no next try. */
void session_disconnected(
    struct session *, struct conn *, const struct error *why, uint64_t now);

/* The next moment at which session_tick() must be called. */
uint64_t session_deadline(const struct session *);
void session_tick(struct session *, uint64_t now);

/* Where the next bytes go (0: stop reading for now), and that they came.
 * Vectors are valid until the next call into this session. */
int conn_rx_iov(struct conn *, struct iovec *iov, int max);
void conn_rx_done(struct conn *, size_t n, uint64_t now);
/*
 * The next bytes, *ret_max at the most, belong into this pipe, or NULL; that n
 * have gone there; or that it takes no more, though there are some, which puts
 * what it holds into memory.
 */
struct kpipe *conn_rx_pipe(struct conn *, size_t *ret_max);
void conn_rx_piped(struct conn *, size_t n, uint64_t now);
void conn_rx_pipe_full(struct conn *, uint64_t now);
/* What wants to be sent (0: nothing), and that it has gone. */
int conn_tx_iov(struct conn *, struct iovec *iov, int max, uint64_t now);
void conn_tx_done(struct conn *, size_t n, uint64_t now);
/* So many of those bytes the peer's transport has not acknowledged yet: to be
 * told before each session_tick(), so that a ping that waits behind much data
 * is not taken for one that nobody answers.  Optional. */
void conn_unacked(struct conn *, size_t bytes);

/*
 * A user of the session: told when it comes up (also after a loss, before any
 * task of another user can be submitted) and when it is lost.  Both are called
 * from session_event(), after the tasks that ended were made ready.
 */
struct session_user {
	void (*up)(struct session_user *, uint64_t now);
	void (*lost)(
	    struct session_user *, const struct error *why, bool final);
	/* Optional.  An asynchronous SCSI event came for this LUN (RFC 7143,
	 * 11.9.1, AsyncEvent 0). */
	void (*async)(struct session_user *, uint64_t lun, const uint8_t *sense,
	    size_t sense_len);
	TAILQ_ENTRY(session_user) link;
};
void session_add_user(struct session *, struct session_user *);
void session_remove_user(struct session *, struct session_user *);

/*
 * A NOP-Out that asks for an answer, and the answer (RFC 7143, 11.18, 11.19),
 * for those who want to know how long it takes.  One at a time.
 */
struct session_ping {
	void (*done)(struct session_ping *);
	void *ctx;
	bool answered;		   /* else the connection was lost before */
	struct session_ping *next; /* the session's */
};
/* 0, and done() comes; -ENOTCONN: the session is not up; -EBUSY: another
 * NOP-Out is out, perhaps one of the session's own (ping_interval). */
int session_ping(struct session *, struct session_ping *, uint64_t now);
/* Ended ones come like tasks. */
struct session_ping *session_reap_ping(struct session *);

/*
 * A text request and its whole response, continuation included (RFC 7143,
 * 11.10): the way to SendTargets.  One at a time.
 */
struct text_exchange {
	const char *request; /* "key=value", NUL-separated */
	size_t request_len;
	void (*done)(struct text_exchange *);
	void *ctx;
	int result; /* 0 or -errno */
	struct error error;
	uint8_t *response;   /* the session's until session_text_release() */
	size_t response_len; /* at most 1 MiB, else -EMSGSIZE */
	struct text_exchange *next; /* the session's */
};
void session_text(struct session *, struct text_exchange *, uint64_t now);
/* Completed exchanges come like tasks. */
struct text_exchange *session_reap_text(struct session *);
void session_text_release(struct text_exchange *);

#endif
