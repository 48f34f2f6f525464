/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * internal - what the parts of the session share, and nobody else sees.
 *
 *     session.c   life cycle, state machine, events, users, deadlines
 *     conn.c      one connection: framer and sender, dispatch of PDUs
 *     control.c   login, logout, NOP, asynchronous messages, Reject
 *     task.c      task table, queue, window, time-outs, abort, BUSY
 *     transfer.c  commands and their data, both ways
 *     recovery.c  which tasks end how when a connection is lost
 *     text.c      text exchanges
 *
 * Handlers of received PDUs return 0, or -1 with the error that ends the
 * connection; only conn_rx_done() acts on it, when no PDU is in use any more.
 */
#ifndef SESSION_INTERNAL_H
#define SESSION_INTERNAL_H

#include <sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/framer.h"
#include "proto/pdu.h"
#include "proto/sender.h"
#include "session/session.h"

/* Commands in flight at once, whatever window the target gives. */
#define TASK_SLOTS 1024
/* Bytes formed ahead of the socket; what comes later is decided later. */
#define TX_BUDGET (1024u << 10)
/* A Data-Out PDU is not larger, so that others get their turn. */
#define DATA_OUT_MAX (256u << 10)

/*
 * An initiator task tag is
 *
 *      31 30 29                    10 9          0
 *     +-----+------------------------+------------+
 *     |kind |       generation       |    slot    |
 *     +-----+------------------------+------------+
 *
 * so that an answer finds its task without a search, and a stale one finds
 * nothing.  The ABORT TASK of a task has the task's generation and slot.  No
 * tag is PDU_TAG_NONE, since kind 3 is not used.
 */
#define ITT_KIND    0xc0000000u
#define ITT_COMMAND 0x00000000u
#define ITT_ABORT   0x40000000u
#define ITT_CONTROL 0x80000000u
#define ITT_SLOT    (TASK_SLOTS - 1u)

enum task_state {
	TASK_IDLE,	/* with its submitter */
	TASK_QUEUED,	/* on queue */
	TASK_WAITING,	/* on waiting, until retry_at: the target was busy */
	TASK_IN_FLIGHT, /* in its slot */
	TASK_ENDING, /* on ending: ended, but PDUs still refer to its buffers */
	TASK_ORPHAN, /* on orphans: its connection is lost */
	TASK_ENDED   /* on ended */
};

enum task_abort { ABORT_NONE, ABORT_WANTED, ABORT_SENT };

/* Control PDUs to be formed; the lowest bit goes first. */
enum control {
	CONTROL_LOGIN = 0x01,
	CONTROL_PONG = 0x02,
	CONTROL_PING = 0x04,
	CONTROL_ABORT = 0x08,
	CONTROL_TEXT = 0x10,
	CONTROL_LOGOUT = 0x20
};

/* The answer to a ping of the target. */
struct pong {
	STAILQ_ENTRY(pong) link;
	unsigned refs;
	uint64_t lun;
	uint32_t ttt;
	struct iovec iov;
	uint8_t data[];
};
STAILQ_HEAD(pong_queue, pong);

struct conn {
	struct session *session;
	bool transport;	  /* the driver has one for us, or is connecting it */
	bool open;	  /* bytes may flow */
	bool logout_sent; /* nothing may be sent any more */
	bool pipes;	  /* Data-In is large enough, and has no digest */
	unsigned control; /* enum control */
	struct framer *framer;
	struct sender *sender;
	struct task *placing;	    /* whose Data-In is being received */
	struct pdu_data_in data_in; /* and its header */
	struct kpipe *filling;	    /* it goes there; NULL: into memory */
	struct task *unsolicited;   /* whose unsolicited data is being sent */
	unsigned commands_in_turn;  /* formed since the last solicited data */
	uint32_t exp_statsn;
	uint32_t late_responses; /* that may come for rejected commands */
	uint32_t late_aborts;	 /* responses due for tasks that ended first */

	uint64_t last_rx;
	uint64_t sent;	     /* bytes */
	uint64_t acked;	     /* of them, by the peer's transport */
	uint64_t ping_at;    /* next look at the silence */
	uint64_t ping_acked; /* acked at the look before */
	bool ping_out;
	uint32_t ping_itt;
	struct pong_queue pongs;      /* to be formed */
	struct pong_queue pongs_sent; /* formed, until refs is 0 */
	unsigned pong_count;

	struct login_initiator *login;
	struct login_initiator_config login_config;
	struct iovec login_iov;
	unsigned login_refs;
	uint32_t login_itt;
	uint32_t logout_itt;
};

/* Events that wait to be fetched, in the order in which they may follow each
 * other. */
enum pending {
	PENDING_CLOSE = 0x01,
	PENDING_LOST = 0x02,
	PENDING_ENDED = 0x04,
	PENDING_CONNECT = 0x08,
	PENDING_LOGGED_IN = 0x10
};

#define ASYNC_MAX 8
struct async_event {
	uint64_t lun;
	size_t sense_len;
	uint8_t sense[TASK_SENSE_MAX];
};

struct session {
	/* Touched for each command. */
	enum session_state state;
	bool accepting; /* up, and the users know */
	uint32_t cmdsn; /* of the next non-immediate command */
	uint32_t max_cmdsn;
	uint32_t generation;
	unsigned tasks; /* from submission until reaped */
	unsigned free_n;
	unsigned piping;	 /* tasks in flight that have a pipe to offer */
	struct task_queue queue; /* to be sent */
	struct task_queue sending; /* in flight, with solicited data to send */
	struct task_queue ended;   /* to be reaped */
	uint64_t task_at;	   /* no task's deadline is earlier */
	uint64_t fastest;	   /* ns: the quickest task since the login */
	struct params params;	   /* negotiated */
	struct conn conn;

	struct task_queue waiting;
	struct task_queue ending;
	struct task_queue orphans;
	uint64_t retry_at;	/* no waiting task is due earlier */
	uint64_t orphans_at;	/* logged in: when they end */
	uint64_t orphans_until; /* not before, since a login was none into
				   their session */

	struct session_ping *ping; /* the one that is out */
	struct session_ping *ping_ended;

	struct text_exchange *text; /* the one under way */
	struct text_exchange *text_queue;
	struct text_exchange *text_ended;
	uint32_t text_itt;
	uint32_t text_ttt;
	uint64_t text_lun;
	unsigned text_refs;
	unsigned text_rounds;
	struct iovec text_iov;
	uint64_t text_at;

	struct session_config config;
	uint8_t isid[6];
	uint16_t tpgt;
	bool was_up;	  /* logged in at least once */
	bool closing;	  /* session_end() was called */
	unsigned pending; /* events to be fetched */
	struct error why; /* of SESSION_LOST */
	bool final;
	uint64_t up_since;
	uint64_t lost_at;
	uint64_t phase_at;  /* when the present state has lasted long enough */
	uint16_t time2wait; /* s, that the target asked for last */
	uint16_t time2retain;
	unsigned attempts;  /* to connect, since the loss */
	unsigned redirects; /* since the last login that succeeded */
	char portal[ISCSI_ADDR_MAX + 1]; /* the target's, moves permanently */
	char next_portal[ISCSI_ADDR_MAX + 1]; /* of the connection */

	TAILQ_HEAD(, session_user) users;
	struct session_user *next_user; /* of the round that is under way */
	struct async_event async[ASYNC_MAX];
	unsigned async_n;

	uint16_t free_slot[TASK_SLOTS];
	struct task *slot[TASK_SLOTS];
};

/* session.c */
enum session_cause {
	CAUSE_START,	  /* session_start() */
	CAUSE_RETRY,	  /* the backoff is over */
	CAUSE_CONNECTED,  /* the transport is there */
	CAUSE_REDIRECTED, /* the target sends us elsewhere */
	CAUSE_ACCEPTED,	  /* the login is complete */
	CAUSE_REQUESTED,  /* the target asked for a logout */
	CAUSE_DRAINED,	  /* nothing is in flight, or there is no more time */
	CAUSE_LOST,	  /* the connection ended (also after a logout that was
			     not ours to ask for), and is tried again */
	CAUSE_LOST_FINAL, /* the connection ended for good */
	CAUSE_END	  /* session_end(), or what it waited for */
};
void session_move(struct session *, enum session_cause, const struct error *why,
    uint64_t now);
/* The connection is of no use any more: tried again or not, as configured. */
void session_lose(struct session *, const struct error *why, uint64_t now);
void session_async(
    struct session *, uint64_t lun, const uint8_t *sense, size_t len);
/* base doubled n times, at most max, of which half is left to chance. */
uint64_t session_backoff(
    struct session *, uint64_t base, uint64_t max, unsigned n);

/* conn.c */
void conn_init(struct conn *, struct session *);
/* 0, or -1 with err: no memory. */
int conn_open(struct conn *, uint64_t now, struct error *err);
/* Lets go of every buffer and, if there is one, of the transport. */
void conn_close(struct conn *);
/* Fills err with a protocol error of the target; returns -1. */
int conn_violation(struct conn *, struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes ExpCmdSN and MaxCmdSN of a received header. */
void conn_window(struct conn *, const uint8_t *bhs);
int conn_status(struct conn *, const uint8_t *bhs, struct error *err);
uint32_t conn_itt(struct conn *); /* a tag for a control PDU */

/* control.c */
int control_login_open(struct conn *, struct error *err);
int control_login_response(
    struct conn *, const struct framer_pdu *, uint64_t now, struct error *err);
int control_logout_response(
    struct conn *, const struct framer_pdu *, uint64_t now, struct error *err);
int control_tmf_response(
    struct conn *, const struct framer_pdu *, uint64_t now, struct error *err);
int control_nop_in(
    struct conn *, const struct framer_pdu *, uint64_t now, struct error *err);
int control_async(
    struct conn *, const struct framer_pdu *, uint64_t now, struct error *err);
int control_reject(
    struct conn *, const struct framer_pdu *, uint64_t now, struct error *err);
/* Forms one control PDU; conn->control is not 0. */
void control_form(struct conn *);
void control_sent(struct conn *); /* frees the pongs that have gone */
void control_close(struct conn *);
void control_ping(struct conn *, uint64_t now); /* sends a NOP-Out */
/* Looks at the silence; -1: the target is dead. */
int control_tick(struct conn *, uint64_t now, struct error *err);

/* task.c */
void task_table_init(struct session *);
static inline struct task *
task_find(struct session *s, uint32_t itt)
{
	struct task *t = s->slot[itt & ITT_SLOT];

	return t != NULL && t->itt == itt ? t : NULL;
}
static inline bool
task_window_open(const struct session *s)
{
	return (int32_t)(s->max_cmdsn - s->cmdsn) >= 0;
}
/* From the queue into a slot, numbered. */
void task_start(struct session *, struct task *);
/* Out of its slot: the target has ended it, outcome and status are set. */
void task_finish(struct session *, struct task *, uint64_t now);
/* To be reaped. */
void task_complete(struct session *, struct task *, enum task_outcome);
/* Completes the tasks in `ending` that nothing refers to any more. */
void task_settle(struct session *, uint64_t now);
/* Those never sent, or only to a busy target, end as TASK_UNSENT. */
void task_flush(struct session *);
void task_vacate(struct session *, struct task *); /* frees its slot */
struct task *task_to_abort(struct session *);	   /* the next ABORT_WANTED */
/* 0, or -1 with err: an ABORT TASK was not answered. */
int task_tick(struct session *, uint64_t now, struct error *err);

/* transfer.c */
/* Forms one PDU of a command or of data; false: nothing to form. */
bool transfer_form(struct conn *);
/* FRAMER_HEADER and FRAMER_PDU of a Data-In. */
int transfer_data_in_header(
    struct conn *, const struct framer_pdu *, struct error *err);
int transfer_data_in(
    struct conn *, const struct framer_pdu *, uint64_t now, struct error *err);
/* The pipe takes no more. */
int transfer_spill(struct conn *, struct error *err);
int transfer_r2t(
    struct conn *, const struct framer_pdu *, uint64_t now, struct error *err);
int transfer_response(
    struct conn *, const struct framer_pdu *, uint64_t now, struct error *err);
/* Sends no more data of this task. */
void transfer_stop(struct session *, struct task *);

/* recovery.c */
/* The connection has been closed.  final: and no other follows. */
void recovery_lost(struct session *, bool final);
/* Logged in again. */
void recovery_reinstated(struct session *, uint16_t tpgt, uint64_t now);
void recovery_tick(struct session *, uint64_t now);

/* ping.c */
/* The NOP-Out that is out was answered, or never will be. */
void ping_end(struct session *, bool answered);

/* text.c */
void text_form(struct conn *);
int text_response(
    struct conn *, const struct framer_pdu *, uint64_t now, struct error *err);
void text_fail(struct session *, int result, const struct error *why);
int text_tick(struct session *, uint64_t now, struct error *err);
/* The request under way was rejected. */
void text_rejected(struct session *, const struct error *why, uint64_t now);

#endif
