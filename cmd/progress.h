/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * progress - shows on stderr how far a long command has come: a line that is
 * written over and over when that is a terminal, or a line of JSON each second.
 */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "io/loop.h"

enum progress_mode {
	PROGRESS_AUTO, /* a bar if stderr is a terminal, else nothing */
	PROGRESS_JSON,
	PROGRESS_QUIET
};

struct progress_state {
	uint64_t length; /* bytes; UINT64_MAX: not known */
	uint64_t done;
	uint64_t skipped; /* of those */
	uint64_t bad;	  /* of those */
};

struct progress {
	struct loop *loop;
	bool bar;
	void (*look)(void *ctx, struct progress_state *ret);
	void *ctx;
	struct timer timer;
	uint64_t began;	  /* when; 0: not yet */
	uint64_t at_done; /* bytes that were done then */
	/* The rate of late: at the last look. */
	uint64_t last_time, last_done;
	double rate; /* bytes per second */
};

/* The argument of --progress.  0, or -1 with err. */
int progress_take(enum progress_mode *, const char *arg, struct error *err);
/* look() is called from the loop until progress_end(). */
void progress_begin(struct progress *, struct loop *, enum progress_mode,
    void (*look)(void *ctx, struct progress_state *ret), void *ctx);
/* Shows the end, or with ok == false takes the bar away.  Without a begin:
 * nothing. */
void progress_end(struct progress *, bool ok);

#endif
