/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rig - a session of the initiator against a scripted target: the test looks at
 * every PDU that the session sends and says what the target answers, byte by
 * byte, in virtual time.  The login is a real one (proto/login's target role).
 */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/pdu.h"
#include "session/session.h"

#define RIG_PDUS  512
#define RIG_TASKS 600

/* A PDU that the session sent. */
struct rig_pdu {
	uint8_t bhs[PDU_BHS_LEN];
	uint8_t *data;
	size_t len;
};

/* A task with its memory. */
struct rig_task {
	struct task task;
	struct iovec iov[2];
	uint8_t *data;
	unsigned done; /* how often done() was called */
};

struct rig {
	struct session *s;
	struct conn *c; /* NULL: no transport */
	struct session_config config;
	struct params offer; /* the target's */
	uint64_t now;
	uint64_t chance;

	/* The target. */
	struct framer *framer;
	struct sender *sender;
	struct login_target *login;
	struct params params; /* negotiated */
	uint32_t statsn;      /* of the next response */
	uint32_t expcmdsn;
	uint32_t window; /* MaxCmdSN = ExpCmdSN + window - 1 */
	unsigned logins;
	uint8_t isid[6]; /* of the last login */
	uint16_t tpgt;
	bool mute;	       /* takes connections, and never answers */
	uint16_t login_status; /* what logins are answered with, when not 0 */
	const char *redirect;  /* to here, with a status of class 1 */
	bool redirect_once;
	struct rig_pdu pdus[RIG_PDUS]; /* received, not yet looked at */
	unsigned first, count;

	/* What the driver saw. */
	unsigned events[5]; /* by session_event_type */
	struct error error; /* of the last SESSION_LOST */
	bool final;
	char portal[ISCSI_ADDR_MAX + 1]; /* of the last SESSION_CONNECT */
	bool refuse;			 /* connects fail */
	bool hold;			 /* nothing moves */
	size_t chunk;			 /* bytes that one send takes; 0: all */
	/* Fills a pipe of the session's, and says how far; NULL: none is
	 * looked for. */
	size_t (*fill)(struct kpipe *, const uint8_t *, size_t);

	struct rig_task tasks[RIG_TASKS];
	unsigned tasks_n;
	unsigned ups, losts; /* calls of the user */
	uint64_t async_lun;
	size_t async_len;
	struct session_user user;
};

/* The defaults of both sides; change r->config and r->offer, then rig_login().
 */
struct rig *rig_new(void);
/* Starts and logs in; fails the test unless that works. */
void rig_login(struct rig *);
/* Ends the session and frees everything; every task has completed once. */
void rig_free(struct rig *);

/* Moves bytes and events until nothing moves any more. */
void rig_pump(struct rig *);
/* Lets this much time pass, tick by tick. */
void rig_pass(struct rig *, uint64_t ns);

/* The next PDU that the session sent, which must have this opcode. */
struct rig_pdu *rig_expect(struct rig *, unsigned opcode);
void rig_expect_none(struct rig *);

/* Sends a PDU of the target: bhs gets the window, and StatSN when it has a
 * status (see rig_send_raw for PDUs that are wrong). */
void rig_send(struct rig *, uint8_t *bhs, const void *data, size_t len);
void rig_send_raw(
    struct rig *, const uint8_t *bhs, const void *data, size_t len);
/* The usual ones. */
void rig_respond(struct rig *, uint32_t itt, uint8_t status);
void rig_data_in(struct rig *, uint32_t itt, uint32_t datasn, uint32_t offset,
    uint32_t len, bool status);
void rig_r2t(struct rig *, uint32_t itt, uint32_t ttt, uint32_t r2tsn,
    uint32_t offset, uint32_t len);

/* Submit; data is filled with a pattern that depends on the offset. */
struct rig_task *rig_read(struct rig *, uint32_t len);
struct rig_task *rig_write(struct rig *, uint32_t len);
struct rig_task *rig_test_unit_ready(struct rig *);
uint8_t rig_pattern(size_t offset);

#define assert_done(t, outcome_, status_)                            \
	do {                                                         \
		assert_int_equal((t)->done, 1);                      \
		assert_int_equal((t)->task.outcome, outcome_);       \
		if ((outcome_) == TASK_DONE)                         \
			assert_int_equal((t)->task.status, status_); \
	} while (0)
/* The connection was given up with an error that names this. */
#define assert_lost(r, what)                                    \
	do {                                                    \
		assert_null((r)->c);                            \
		assert_int_equal((r)->events[SESSION_LOST], 1); \
		if (strstr((r)->error.text, what) == NULL)      \
			fail_msg("\"%s\" does not say \"%s\"",  \
			    (r)->error.text, what);             \
	} while (0)

#endif
