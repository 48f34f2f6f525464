/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake_session - the functions of session.h that a lun calls, over a disk in
 * memory: for what a good target never does.  Tasks stay in flight until the
 * test lets one end, in any order; a hook may end them in any way.
 *
 * The disk checks what must hold for every command it sees: writes that overlap
 * are never in flight together, vectors have the task's length, WRITE SAME has
 * a block count, limits are kept, nothing is sent before the LUN's
 * identity was asked for.
 */
#ifndef TESTS_FAKE_SESSION_H
#define TESTS_FAKE_SESSION_H

#include "proto/scsi.h"
#include "proto/sense.h"
#include "session/session.h"

#define FAKE_ADDRESS UINT64_C(0x0003000000000000)
#define FAKE_OTHER   UINT64_C(0x0004000000000000)

struct fake_disk {
	uint32_t block_size;
	uint64_t base;	 /* blocks before this one cannot be reached */
	uint64_t blocks; /* that can, from base on; the capacity is the sum */
	uint8_t *data;
	uint8_t *stable; /* what a loss of power would leave */
	bool *mapped;	 /* by block */

	uint8_t type;
	uint8_t qualifier;
	const char *serial;	  /* NULL: no page 80h */
	const char *designator;	  /* NULL: no page 83h */
	bool third_party_copy;	  /* INQUIRY says 3PC */
	const char *other;	  /* the designator at FAKE_OTHER, which is the
				     same disk else; NULL: no such LUN */
	struct capacity capacity; /* the flags; sizes are filled in */
	struct vpd_block_limits limits;
	struct vpd_provisioning provisioning;
	struct mode mode;
	/* Refused with INVALID COMMAND OPERATION CODE, or (pages and modes)
	 * INVALID FIELD IN CDB. */
	bool refuse_opcode[256];
	bool refuse_page[256];
	bool refuse_mode[64];
	bool unmap_leaves_junk; /* unmapped blocks read as 0xee */
};

struct session {
	struct session_config config;
	enum session_state state;
	uint64_t now;
	uint64_t seed;
	struct fake_disk disk;
	TAILQ_HEAD(, session_user) users;
	struct task_queue in_flight;
	struct task_queue ready;
	unsigned in_flight_n;
	/* What was answered since the session came up. */
	bool told_designator;
	bool told_serial;
	bool told_capacity;
	unsigned attentions[16]; /* sense codes, to be reported first */
	unsigned attentions_n;

	/* Optional.  Called when a task is to be carried out: true when the
	 * hook has filled the outcome itself. */
	bool (*hook)(struct session *, struct task *, void *ctx);
	void *hook_ctx;

	/* What was seen. */
	unsigned sent[256]; /* by opcode */
	unsigned sent_page[256];
	unsigned sent_n;
	struct cdb last;
	const struct iovec *last_iov;
};

void fake_init(
    struct session *, uint32_t block_size, uint64_t blocks, uint64_t base);
void fake_fini(struct session *);
uint64_t fake_random(struct session *, uint64_t below);
/* Carries out one task in flight (the first, or any); false when none is. */
bool fake_step(struct session *, bool any);
/* The next task whose done() is to be called, or NULL. */
struct task *fake_reap(struct session *);
void fake_check(struct task *, enum sense_key, unsigned code);
void fake_attention(struct session *, unsigned code);
/* The connection is lost; unsent: tasks in flight had not been sent. */
void fake_lose(struct session *, bool unsent, bool final);
/* It is up again: what was in flight has ended, done or not. */
void fake_up(struct session *);

#endif
