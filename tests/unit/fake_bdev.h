/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake_bdev - a loop without descriptors, threads and a clock, and devices in
 * it whose requests end when, and in the order in which, the dice say: for the
 * tests of what moves data between bdevs.
 *
 * A device knows what it was given from what is on its medium: FLUSH, and FUA
 * reads, move the one to the other.  It fails as it is told to, and checks the
 * consumer: memory of a write does not change while it is in flight, requests
 * do not overlap a change in flight, nothing is submitted that does not fit.
 * What it lends is out of reach: only other devices know what is there.
 */
#ifndef TESTS_FAKE_BDEV_H
#define TESTS_FAKE_BDEV_H

#include "base/bdev.h"
#include "io/loop.h"
#include "prng.h"

/* What is known of each byte. */
#define BYTE_ALLOC    0x01u
#define BYTE_DIRTY    0x02u /* not on the medium */
#define BYTE_FLUSHING 0x04u
#define BYTE_READ     0x08u /* was asked for by a READ */
#define BYTE_ROT      0x10u /* is another one when it gets to the medium */
#define BYTE_BAD      0x20u /* its block cannot be read */
#define BYTE_CHANGED  0x40u /* by a WRITE, ZERO or COPY */
#define BYTE_CHANGING 0x80u /* one is in flight */

#define FAKE_LOST   16
#define FAKE_MEMORY 64
#define FAKE_OPS    (BDEV_COPY + 1)

struct flight {
	struct bdev_req *req;
	struct fake *fake;
	uint64_t at;   /* in the device, or the stream */
	uint64_t most; /* what is left of a stream there */
	uint64_t sum;  /* of the bytes of a WRITE */
	bool fails;    /* as the fault of the device says */
	bool broken;   /* a request before it in the stream has failed */
	TAILQ_ENTRY(flight) link;
};

struct fake {
	struct bdev bdev; /* first: a bdev is cast to what it is part of */
	struct loop *loop;
	uint8_t *content; /* what a READ gets */
	uint8_t *medium;
	uint8_t *byte;
	uint64_t room; /* bytes of each: the size, or where a stream ends */
	uint64_t at;   /* of a stream: where the next request is */
	bool in_order; /* requests end in their order */
	bool silent;   /* requests end when it is interrupted */
	bool flushing; /* FLUSH is in flight */
	bool interrupted;
	unsigned in_flight;
	unsigned peak;		  /* the most that there have been */
	unsigned count[FAKE_OPS]; /* submitted */
	unsigned reads;		  /* READs with FUA */
	uint8_t *lends;		  /* NULL: nothing; see fake_lend() */
	unsigned lent;		  /* and not given back */
	unsigned lent_all;
	unsigned cut_at; /* the n-th that is given back was cut; 0: none */

	/* From the n-th of this operation on (or it alone) they fail. */
	struct fake_fault {
		enum bdev_op op;
		unsigned n; /* from 1; 0: none */
		bool once;
		int result;
		enum error_class class; /* ERROR_NONE: it does not say why */
	} fault;
	/* An answer to EXTENTS: at most so many, up to a multiple of align, if
	 * that is so many bytes at the least. */
	unsigned window;
	uint64_t window_align;
	uint64_t window_least;
};

struct loop {
	struct prng *dice;
	uint64_t now;
	TAILQ_HEAD(, timer) timers;
	TAILQ_HEAD(, deferred) deferred;
	TAILQ_HEAD(, job) waiting, worked;
	TAILQ_HEAD(, flight) flights;
	const struct fake *lender;
	unsigned jobs; /* waiting or worked */
	unsigned flights_n;
	unsigned eager; /* how likely a deferred call comes next, of 8 */
	unsigned turns; /* deferred calls so far */
	/* Optional: hears of each failure that is delivered, and of what is not
	 * as it was written. */
	void (*failed)(struct fake *, const struct bdev_req *);
	/* Memory of WRITEs that have failed: nobody may use it again. */
	const void *lost[FAKE_LOST];
	size_t lost_n;
	/* The buffers of all READs, those for parts of one excepted. */
	const void *memory[FAKE_MEMORY];
	size_t memory_n;
};

void fake_loop_init(struct loop *, struct prng *);
/* One step of anything that can go on; false when nothing can.  Timers that are
 * not due come last. */
bool fake_loop_step(struct loop *);
/* Until nothing is left but timers. */
void fake_loop_settle(struct loop *);

/* All zeros, unallocated, nothing dirty. */
void fake_init(struct fake *, struct loop *, uint64_t size, uint32_t block);
void fake_fini(struct fake *);
/* A stream: of so many bytes, or with so much room. */
void fake_make_stream(struct fake *);
/* It lends its content; one device of a loop may. */
void fake_lend(struct fake *);
/* Random bytes, on the medium. */
void fake_fill(struct fake *, uint64_t from, uint64_t to);
/* Zeros, and whether they are allocated. */
void fake_clear(struct fake *, uint64_t from, uint64_t to, bool allocated);
bool fake_any(const struct fake *, uint64_t from, uint64_t to, unsigned flags);

#endif
