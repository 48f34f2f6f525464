/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tconn - a connection of the target, as its own parts see it (target.h is the
 * driver's view).  With MaxConnections=1 it is its session too: the nexus, the
 * command window and the tasks live and die with it.
 *
 *                  tconn_rx_done                        tconn_tx_iov
 *     framer --->  tdispatch.c: login or table of PDUs   tform.c ---> sender
 *                     |                                    ^
 *                     v          r2ts, tx queues           |
 *                  ttask.c  SCSI commands  ----------------+
 *                  ttmf.c   task management
 *                  ttext.c  text, SendTargets
 *
 * Every request, and every answer that needs memory until it has been sent, is
 * a ttask in one of the connection's slots.  A ttask is in one queue at most:
 *
 *     HELD --> COLLECT <-> WAIT --> RUN --> [DRAIN] --> REPLY --> SENT --> free
 *                 \__________________________/^
 *
 * Invariants:
 *  - Commands are delivered in the order of CmdSN; MaxCmdSN never falls.
 *  - Slots bound how many requests a peer can make us keep.  When they run out
 *    nothing is read until answers have gone; what waits for the peer's data
 *    (the window, TCONN_IMMEDIATE_MAX) never fills them all.  Their buffers are
 *    bounded in bytes (TCONN_HELD_MAX, target_impl.h).
 *  - A ttask with the device server (RUN) outlives the end of its connection;
 *    the tconn stays in memory, without framer and sender, until the last one
 *    is done.
 */
#ifndef TARGET_TCONN_H
#define TARGET_TCONN_H

#include <sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/framer.h"
#include "proto/pdu.h"
#include "proto/sender.h"
#include "target/lu.h"
#include "target/nexus.h"
#include "target/target.h"

#define TCONN_WINDOW	    128 /* commands the initiator may have out */
#define TCONN_SPARE	    64	/* immediate requests, rejects */
#define TCONN_SLOTS	    (TCONN_WINDOW + TCONN_SPARE + SENDER_SLOTS)
#define TCONN_IMMEDIATE_MAX 16 /* immediate SCSI commands at once */
#define TCONN_HASH	    64 /* lists of tasks by ITT */
#define TCONN_HELD_MAX	    ((size_t)32 << 20)	  /* bytes of buffers */
#define TCONN_TX_MAX	    ((size_t)1 << 20)	  /* bytes formed at once */
#define TCONN_TURN	    ((uint32_t)512 << 10) /* Data-In bytes in a row */
#define TCONN_TEXT_MAX	    8192 /* bytes of one text negotiation */
#define TTASK_R2TS	    8	 /* MaxOutstandingR2T at the most */
#define TTASK_SENSE_ROOM    (2 + SENSE_DESCRIPTOR_MAX)

#define TCONN_LOGIN_TIMEOUT (15 * CLOCK_S)
#define TCONN_PING_INTERVAL (15 * CLOCK_S) /* of silence before a NOP-In */
#define TCONN_PING_TIMEOUT  (15 * CLOCK_S) /* for its answer */

enum ttask_kind {
	TTASK_SCSI,
	TTASK_NOP,
	TTASK_TEXT,
	TTASK_TMF,
	TTASK_LOGOUT,
	TTASK_REJECT
};

enum ttask_state {
	TTASK_FREE,
	TTASK_HELD,    /* waits for the commands before it */
	TTASK_TAKEN,   /* not SCSI: its data segment is coming in */
	TTASK_COLLECT, /* SCSI: Data-Out is coming in */
	TTASK_DISCARD, /* SCSI: ended, unsolicited data still coming in */
	TTASK_WAIT,    /* SCSI: for buffers */
	TTASK_RUN,     /* SCSI: with the device server */
	TTASK_DRAIN,   /* for aborted commands to end */
	TTASK_REPLY,   /* in the tx queue */
	TTASK_SENT     /* the sender may still refer to it */
};

/* An R2T that was sent and is not answered in full. */
struct ttask_r2t {
	uint32_t ttt;
	uint32_t end;	 /* offset behind its last byte */
	uint32_t datasn; /* expected next */
};

struct ttask {
	struct lu_cmd cmd; /* first: a lu_cmd is cast to its ttask */
	struct tconn *conn;
	TAILQ_ENTRY(ttask) link; /* the queue of its state */
	LIST_ENTRY(ttask) hash;
	enum ttask_kind kind;
	enum ttask_state state;
	bool counted; /* in conn->active (the window) or conn->immediates */
	bool hashed;
	bool immediate;
	bool aborted;	  /* RUN, HELD: forget it when its turn or end comes */
	bool report;	  /* aborted: answer with TASK ABORTED */
	bool halted;	  /* RUN: what it writes to another logical unit than
			     its own was ended there */
	bool unsolicited; /* unsolicited Data-Out is still to come */
	bool asking;	  /* in conn->r2ts */
	uint8_t bhs[PDU_BHS_LEN]; /* of the request */
	uint32_t itt;
	uint32_t cmdsn;
	uint64_t lun;
	unsigned refs;	  /* PDUs in the sender that refer to our memory */
	struct iovec iov; /* what is sent, or where Data-Out goes */
	uint8_t *buf;	  /* from the pool */
	size_t buf_size;
	size_t charge;	/* counted in held_bytes, ours and the target's */
	size_t unasked; /* counted in the target's unasked_bytes */

	/* SCSI: data. */
	uint32_t edtl;
	uint32_t want;		  /* Data-Out bytes wanted */
	uint32_t got;		  /* Data-Out bytes received, all kinds */
	uint32_t unsolicited_end; /* how far unsolicited data may go */
	uint32_t unsolicited_sn;
	uint32_t asked; /* offset of the next R2T */
	uint32_t r2tsn;
	struct ttask_r2t r2t[TTASK_R2TS];
	unsigned r2t_head, r2t_n;
	uint32_t in_len; /* Data-In bytes to send */
	uint32_t sent;
	uint32_t burst; /* bytes of the present sequence */
	uint32_t turn;	/* bytes since it came to the head of the queue */
	uint32_t datasn;
	uint8_t sense[TTASK_SENSE_ROOM];

	/* Others. */
	uint8_t result;		  /* TMF, logout response, reject reason */
	uint32_t ttt;		  /* text: of the answer */
	bool final, more;	  /* text: of the answer */
	struct lu *drain_lu;	  /* DRAIN: NULL is any */
	struct tconn *drain_conn; /* DRAIN: NULL is any */
};
TAILQ_HEAD(ttask_queue, ttask);

enum tconn_state {
	TCONN_LOGIN,
	TCONN_FULL,  /* full feature phase */
	TCONN_FLUSH, /* sends what is formed, then closes */
	TCONN_CLOSED
};

struct tconn {
	struct target *target;
	TAILQ_ENTRY(tconn) link;
	enum tconn_state state;
	struct error why; /* FLUSH, CLOSED */
	bool gone;	  /* tconn_free() was called */
	char peer[ISCSI_ADDR_MAX + 1];
	char local[ISCSI_ADDR_MAX + 1];
	void (*wake)(void *ctx);
	void *wake_ctx;
	bool driving; /* inside a call of the driver: no wake needed */

	struct framer *framer;
	struct sender *sender;
	bool paused;	   /* framer_next() was not asked to its end */
	bool dropped;	   /* framer_unplace() since then: ask it again */
	struct ttask *rx;  /* whose data segment is coming in */
	bool rx_solicited; /* Data-Out: answers an R2T */
	bool rx_final;
	bool rx_bad; /* the PDU is to be rejected: rx_reason */
	uint8_t rx_reason;

	/* Login. */
	struct login_target_config login_config;
	struct login_target *login; /* NULL when it is over */
	unsigned login_refs;
	struct iovec login_iov;
	bool login_begun;
	bool login_held; /* the old session's tasks have not ended */

	/* The session. */
	bool established;
	bool listed; /* the nexus is in the target's list */
	bool discovery;
	uint16_t tsih;
	uint16_t cid;
	struct nexus nexus;
	struct params params;
	uint32_t statsn; /* next */
	uint32_t exp_cmdsn;
	unsigned active; /* non-immediate commands delivered, not answered */
	unsigned immediates; /* immediate SCSI commands */
	unsigned running;    /* tasks in RUN */
	uint32_t next_ttt;

	struct ttask *slots; /* TCONN_SLOTS */
	struct ttask_queue free;
	unsigned free_n;
	LIST_HEAD(, ttask) hash[TCONN_HASH];
	struct ttask_queue held;    /* by CmdSN */
	struct ttask_queue waiting; /* for buffers */
	struct ttask_queue r2ts;    /* have an R2T to send */
	struct ttask_queue tx;	    /* have an answer to send */
	struct ttask_queue sent;
	size_t held_bytes; /* buffers charged */

	/* Text: one negotiation at a time. */
	char *text; /* request, then answer; TCONN_TEXT_MAX */
	size_t text_len;
	size_t text_pos;   /* answered so far */
	uint32_t text_ttt; /* PDU_TAG_NONE: none under way */
	bool text_answer;  /* text is the answer */

	uint64_t end_deadline; /* LOGIN, FLUSH: when it is given up */
	uint64_t seen;	       /* when the peer last moved a byte */
	uint64_t pinged;
	bool ping;	  /* since then it is being asked for a sign of life */
	bool ping_formed; /* the NOP-In is with the sender */
};

/* tconn.c */
/* Ends the connection now; its tasks are aborted. */
void tconn_kill(struct tconn *, const struct error *why);
void tconn_wake(struct tconn *);
/* After the last task in RUN: frees what tconn_free() had to leave. */
void tconn_reap(struct tconn *);

/* tdispatch.c */
/* Takes the PDUs that have been received, as far as there is room. */
void tdispatch(struct tconn *);
struct ttask *tconn_find(struct tconn *, uint32_t itt);
void tconn_hash_remove(struct ttask *);
/* Queues a Reject with this header. */
void tconn_reject(struct tconn *, const uint8_t *bhs, uint8_t reason);
uint32_t tconn_max_cmdsn(const struct tconn *);

/* tlogin.c */
int tlogin_new(struct tconn *);
void tlogin_pdu(struct tconn *, const struct framer_pdu *);
void tlogin_form(struct tconn *);

/* ttask.c */
struct ttask *ttask_new(struct tconn *, enum ttask_kind, const uint8_t *bhs);
void ttask_free(struct ttask *);
/* No more in the window: its last PDU is being formed, or it is given up. */
void ttask_uncount(struct ttask *);
void ttask_reply(struct ttask *); /* into the tx queue */
/* A SCSI command whose turn has come; data_len bytes of immediate data belong
 * to it and are given with ttask_data(). */
void ttask_start(struct ttask *, uint32_t data_len);
/* The header of a Data-Out, and that the payload is there. */
void ttask_data_out(struct tconn *, const struct framer_pdu *);
void ttask_data_out_done(struct tconn *, const struct framer_pdu *);
/* Immediate data; NULL when it was placed or dropped. */
void ttask_data(struct ttask *, const uint8_t *data, uint32_t len);
/* Ends a command that was collecting with this sense. */
void ttask_fail(struct ttask *, enum sense_key, unsigned code);
/* Ends a task; report: with TASK ABORTED, else without an answer. */
void ttask_abort(struct ttask *, bool report);
/* What it does to this logical unit, if it was sent to another, fails. */
void ttask_halt(struct ttask *, struct lu *);
/* Lets waiting commands have buffers. */
void ttask_admit(struct tconn *);

/* tbuffer.c */
/* A buffer of its own, its content copied; false: no memory. */
bool ttask_copy(struct ttask *, const void *data, size_t len);
/* Hands that buffer out, or NULL; the caller puts it into the pool. */
uint8_t *ttask_take_copy(struct ttask *, size_t *ret_len);
/* Counts bytes that are going to come unasked; false: too many. */
bool ttask_take_unasked(struct ttask *, size_t bytes);
/* Counts the buffer of its command in what the connection may have; false: not
 * yet. */
bool ttask_charge(struct ttask *);
/* The buffer of its command; false: no memory. */
bool ttask_take_buffer(struct ttask *);
/* Whatever it has, counted no more. */
void ttask_free_buffer(struct ttask *);

/* ttmf.c */
void ttmf_run(struct ttask *);

/* ttext.c */
void ttext_run(struct ttask *, const uint8_t *data, size_t len);

/* tform.c */
void tform(struct tconn *, uint64_t now);

#endif
