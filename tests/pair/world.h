/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world - the parts of test_pair, and what they share:
 *
 *     jobs.c -> session <-> wire.c <-> target -> disk.c
 *
 * model.c knows which contents each block may have, world.c puts all of it
 * together and lets time pass.
 */
#ifndef TESTS_PAIR_WORLD_H
#define TESTS_PAIR_WORLD_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/prng.h"
#include "base/bdev.h"
#include "session/session.h"
#include "target/target.h"

#define DISK_BLOCKS 256
#define WIRES	    64
#define WIRE_SIZE   (256u << 10)
#define JOBS	    32
#define JOB_BYTES   (256u << 10)
#define STAMPS	    8

extern uint64_t seed; /* of the present run */
extern bool verbose;

#define check(condition, ...)                                              \
	do {                                                               \
		if (!(condition)) {                                        \
			fprintf(stderr, "seed %" PRIu64 ": %s:%d: ", seed, \
			    __FILE__, __LINE__);                           \
			fprintf(stderr, __VA_ARGS__);                      \
			fprintf(stderr, "\n");                             \
			abort();                                           \
		}                                                          \
	} while (0)

struct disk {
	struct bdev bdev; /* first */
	struct world *w;
	uint8_t *mem;
	struct bdev_req_queue pending;
};

/* One direction of a connection. */
struct pipe {
	uint8_t buf[WIRE_SIZE];
	size_t head, len;
};

enum wire_state { WIRE_GOOD, WIRE_CUT, WIRE_SILENT };

struct wire {
	struct conn *c;	 /* NULL: the session has let go */
	struct tconn *t; /* NULL: the target has */
	enum wire_state state;
	uint64_t tell_c_at, tell_t_at; /* that it is over */
	uint64_t hold_until;	       /* bytes to the target are late */
	uint64_t drop_in;	       /* bytes; 0: never */
	struct pipe out, in;	       /* from the session, to the session */
};

enum job_kind { JOB_READ, JOB_WRITE, JOB_FLUSH, JOB_READY, JOB_INQUIRY };

struct job {
	struct task task; /* first */
	struct world *w;
	enum job_kind kind;
	bool busy;
	bool parked; /* to be submitted when the session is up */
	bool with_session;
	uint32_t lba, blocks, stamp;
	struct iovec iov[4];
	uint8_t *buf;
};

struct world {
	struct prng prng;
	uint64_t now;
	struct target *target;
	struct disk *disk;
	struct session *s;
	struct session_user user;
	struct wire *wires[WIRES];
	unsigned wires_n;
	struct job jobs[JOBS];
	unsigned depth;
	unsigned left; /* jobs to begin */
	bool ending;   /* session_end() was called */
	bool ended;
	bool up;
	unsigned idle; /* steps in which nothing moved */

	/* What goes wrong, in runs where something does. */
	bool faults;
	bool corrupt;
	bool slow_disk;
	size_t lag; /* ns that bytes may be late */
	bool whole; /* no splits */
	uint32_t block_size;
	uint32_t next_stamp;

	/* The model. */
	struct {
		uint32_t stamps[STAMPS];
		uint8_t n;
		uint8_t readers, writers;
	} block[DISK_BLOCKS];

	/* What happened. */
	unsigned good, failed, lost, timedout, unsent, logins, drops;
};

static inline size_t
below(struct world *w, size_t n)
{
	return prng_below(&w->prng, n);
}

static inline bool
chance(struct world *w, size_t one_in)
{
	return below(w, one_in) == 0;
}

/* disk.c */
struct disk *disk_new(struct world *);
uint64_t disk_deadline(const struct disk *);
bool disk_run(struct disk *, uint64_t now);

/* model.c */
void block_fill(struct world *, uint8_t *p, uint32_t lba, uint32_t stamp);
/* From here on the block has this content and no other. */
void block_settle(struct world *, uint32_t lba, uint32_t stamp);
/* The block was read: one of its contents, and from here on that one. */
void block_seen(struct world *, const uint8_t *p, uint32_t lba);

/* jobs.c */
void job_begin(
    struct world *w, struct job *j, enum job_kind kind, uint32_t max_blocks);
void jobs_run(struct world *w);
bool jobs_busy(const struct world *w);

/* wire.c */
void wire_connect(struct world *, struct conn *);
struct wire *wire_of(struct world *, const struct conn *);
bool wires_run(struct world *);

/* world.c */
void world_make(struct world *, bool whole);
/* Everything moves once; time passes when nothing does. */
void world_step(struct world *);
bool session_run(struct world *);
void world_free(struct world *);

#endif
