/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copy_rig - a copy between two fake devices, all that it calls back, and what
 * holds of every copy whatever becomes of it.
 */
#ifndef TESTS_COPY_RIG_H
#define TESTS_COPY_RIG_H

#include "fake_bdev.h"
#include "front/copy.h"

struct rig {
	struct prng dice;
	struct loop loop;
	struct fake source;
	struct fake destination;
	struct copy_config config; /* changed by the test before rig_start() */
	struct copy *copy;

	/* Before rig_start(): which chunks are wanted by changed(). */
	bool *wanted;		/* NULL: all */
	unsigned stop_at;	/* stopped after so many steps; 0: not */
	unsigned save_fails_at; /* the n-th save(); 0: none */

	/* What is expected, from rig_start() on. */
	uint8_t *old;	      /* the destination, as it was */
	uint8_t *expected;    /* the destination, as it is to be */
	uint8_t *source_seen; /* the range: as it can be read */
	uint64_t range;	      /* bytes that there are to be copied */
	char why[200];	      /* "": nothing has gone wrong so far */

	/* What has come. */
	unsigned done;
	struct error error; /* class ERROR_NONE: done(NULL) */
	uint64_t digested;
	unsigned digesting;
	unsigned *asked; /* of each chunk */
	uint64_t bad;	 /* bytes */
	bool *told;	 /* which ones */
	unsigned saves;
	uint64_t saved;	 /* what the journal says */
	uint64_t saving; /* what it was told last */
	bool save_waits;
	struct deferred save_later;
	unsigned steps;
};

/* Devices of these sizes; length: of both.  The source is random data, the
 * destination too; the whole is to be copied. */
void rig_init(struct rig *, uint64_t seed, uint64_t length, uint32_t block);
void rig_fini(struct rig *);
void rig_start(struct rig *);
/* Until done(), and checks it: everything that holds of every copy. */
void rig_run(struct rig *);
/* The same; it has to succeed. */
void rig_succeed(struct rig *);
/* The same; it has to fail and to say this. */
void rig_fail(struct rig *, const char *text);

/* rig_init() for a copy of nothing but the data, which tells nobody. */
void rig_plain(struct rig *, uint64_t length);
/* rig_start() and rig_succeed(). */
void rig_copy(struct rig *);
struct copy_status rig_status(const struct rig *);

#endif
