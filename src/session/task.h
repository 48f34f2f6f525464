/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task - one SCSI command on its way to a logical unit and back (SAM-5's task,
 * RFC 7143's ITT).
 *
 * The submitter embeds a task in its own request, fills the first part, hands
 * it to session_submit() and gets it back, exactly once, through done().  In
 * between it and its vectors and buffers belong to the session.  done() is
 * called from session_reap()'s caller, on a shallow stack; the task may be
 * submitted again from there.
 */
#ifndef SESSION_TASK_H
#define SESSION_TASK_H

#include <sys/queue.h>
#include <sys/uio.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/kpipe.h"

#define TASK_CDB_MAX   16
#define TASK_SENSE_MAX 252 /* SPC-4, 4.5.1 */
#define TASK_R2T_MAX   4   /* MaxOutstandingR2T that is offered at most */

enum task_dir { TASK_NO_DATA, TASK_IN, TASK_OUT };

/* What may happen to a task whose connection is lost (rules 2 and 4). */
enum task_policy {
	TASK_QUERY,  /* changes nothing: may fail at once, may be sent again */
	TASK_REPLAY, /* changes the medium, the same when done twice: fails or
			is sent again only after the target has ended it */
	TASK_ONCE    /* never sent again blindly; fails as TASK_REPLAY does */
};

/* How it ended. */
enum task_outcome {
	TASK_DONE,   /* the target gave a status: look at status and sense */
	TASK_UNSENT, /* never reached the target, or it was only ever BUSY;
			may be submitted again, once the session is up */
	TASK_LOST,   /* the connection was lost while it was in flight, and the
			target has ended it (or it is a TASK_QUERY) */
	TASK_TIMEDOUT, /* its time-out came: never sent, or ended by the target
			  after ABORT TASK or reinstatement */
	TASK_BAD_REPLY /* rejected, or answered against the protocol */
};

struct task {
	/* Filled by the submitter. */
	uint64_t lun; /* the eight bytes of REPORT LUNS, read big-endian */
	uint8_t cdb[TASK_CDB_MAX];
	enum task_dir dir;
	enum task_policy policy;
	const struct iovec *iov; /* length bytes in all */
	int iovcnt;
	uint32_t length;  /* expected data transfer length, bytes */
	uint64_t timeout; /* ns, from submission to the end; 0: the session's
			     default */
	/* Optional, TASK_IN: gives iov its memory before data is placed there;
	 * 0 or -errno.  It must not call into the session. */
	int (*place)(struct task *);
	/* Optional, besides place: a pipe for all of the data, as bdev.h has
	 * it.  It must not call into the session either. */
	struct kpipe *(*pipe)(struct task *);
	void (*done)(struct task *);
	void *ctx;

	/* Filled by the session before done(). */
	enum task_outcome outcome;
	uint8_t status;	      /* SAM-5 status, when TASK_DONE */
	uint32_t transferred; /* bytes of length really moved: what came or
				 went, and not more than the residual says;
				 GOOD with less than length is for the submitter
				 to judge */
	bool overflow;	      /* the target had more than length */
	uint16_t sense_len;
	uint8_t sense[TASK_SENSE_MAX];

	/* The session's own while the task is with it. */
	TAILQ_ENTRY(task) link;
	uint8_t state;	 /* enum task_state, internal.h */
	uint8_t abort;	 /* enum task_abort, internal.h */
	uint8_t retries; /* BUSY and TASK SET FULL seen */
	bool sending;	 /* on the session's list of tasks with data to send */
	uint32_t itt;
	uint32_t cmdsn;
	uint32_t data_sn; /* DataSN (Data-In, unsolicited Data-Out) that is next
			   */
	uint32_t moved;	  /* bytes placed (Data-In) or formed (Data-Out) */
	uint32_t unsolicited; /* bytes that are sent before any R2T */
	uint32_t solicited;   /* end of what was sent or asked for so far */
	uint32_t r2t_sn;      /* R2TSN that is next */
	unsigned tx_refs;     /* PDUs in the sender that refer to our buffers */
	struct kpipe *piped;  /* where Data-In goes; NULL: into its memory */
	uint64_t submitted;   /* when */
	uint64_t deadline;    /* of the task, then of its ABORT TASK */
	uint64_t retry_at;    /* BUSY: when to send again */
	struct r2t {
		uint32_t ttt;
		uint32_t offset; /* next byte to send */
		uint32_t left;	 /* bytes of this sequence still to send */
		uint32_t data_sn;
	} r2t[TASK_R2T_MAX];
	uint8_t r2t_head;
	uint8_t r2t_count;
};
TAILQ_HEAD(task_queue, task);

#endif
