/* SPDX-License-Identifier: BSD-2-Clause */
/* nbd_world - what the parts of test_nbd_pair share (see test_nbd_pair.c). */
#ifndef TESTS_PAIR_NBD_WORLD_H
#define TESTS_PAIR_NBD_WORLD_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "../unit/model_pipe.h"
#include "../unit/prng.h"
#include "base/be.h"
#include "nbd/nbd.h"
#include "nbd/nwire.h"

#define DISK_SIZE ((size_t)192 << 10)
#define PIECE	  4096 /* what the disk allocates at once */
#define CLIENTS	  4
#define JOBS	  192 /* more than the server takes at once */
#define DEPTH	  32  /* when instructions are counted */
#define JOB_BYTES ((size_t)48 << 10)
#define IN_ROOM	  ((size_t)256 << 10)

struct world;

/* ---- the disk ---- */

struct disk {
	struct bdev bdev; /* first */
	struct world *w;
	struct bdev_req_queue pending;
	uint8_t mem[DISK_SIZE];
	bool hole[DISK_SIZE / PIECE];
};

void disk_init(struct disk *, struct world *);
/* Completes what is due, in any order that overlapping requests allow. */
bool disk_run(struct disk *);
uint64_t disk_deadline(const struct disk *);

/* ---- clients ---- */

enum job_kind {
	JOB_READ,
	JOB_WRITE,
	JOB_TRIM,
	JOB_ZERO,
	JOB_STATUS,
	JOB_CACHE,
	JOB_FLUSH,
	JOB_KINDS
};

struct job {
	bool busy;
	enum job_kind kind;
	uint16_t flags;
	uint64_t cookie;
	size_t offset, length;
	uint8_t seed; /* of what is written */
};

enum client_state { DOWN, GREETING, OPTIONS, EXPORT, UP, LEAVING };

struct client {
	struct world *w;
	struct nconn *nc;
	enum client_state state;
	enum nwire_mode mode;
	bool fixed, no_zeroes;
	bool ready;	     /* GO was acknowledged */
	uint32_t option;     /* asked last */
	unsigned step;	     /* of the negotiation */
	uint64_t deaf_until; /* takes nothing before */
	size_t drop_in;	     /* bytes until the connection breaks; 0: never */
	bool woken;
	struct job jobs[JOBS];
	uint8_t *out;
	size_t out_len, out_room, out_sent;
	uint8_t in[IN_ROOM];
	size_t in_len;
};

/* One turn; whether anything happened. */
bool client_run(struct client *);
void client_drop(struct client *);
bool client_busy(const struct client *);
void job_begin(struct client *, struct job *, enum job_kind);

/* ---- the model: what each byte may be ---- */

struct byte {
	uint8_t value;
	uint8_t other; /* when in doubt */
	bool doubt;
	uint8_t readers, writers;
};

struct world {
	struct prng prng;
	uint64_t now;
	struct nbd *nbd;
	struct model_pipes pipes;
	struct disk disk;
	struct client clients[CLIENTS];
	unsigned clients_n;
	struct byte bytes[DISK_SIZE];
	bool whole;  /* no faults, no splits */
	bool faults; /* connections break */
	bool errors; /* the disk fails at times */
	bool ending;
	unsigned left; /* jobs to begin */
	unsigned good, failed, lost, drops, handshakes, stalls;
};

size_t below(struct world *, size_t n);
bool chance(struct world *, unsigned n); /* one in n */
void check(bool holds, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

uint8_t job_byte(const struct job *, size_t at);
bool model_free(const struct world *, const struct job *);
void model_lock(struct world *, const struct job *, int n);
/* It was done; it was failed or lost; what a READ gave; what a STATUS said. */
void model_done(struct world *, const struct job *);
void model_doubt(struct world *, const struct job *);
void model_seen(struct world *, const struct job *, const uint8_t *data);
void model_hole(struct world *, size_t offset, size_t length);
void model_compare(struct world *);

#endif
