/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load - keeps a bdev busy with reads and writes of one size, and measures how
 * long each takes.  Where they go is the same for the same seed.
 */
#ifndef CMD_LOAD_H
#define CMD_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bdev.h"
#include "base/error.h"
#include "cmd/latency.h"
#include "io/loop.h"

struct load;

struct load_config {
	struct bdev *bdev;     /* of at least one size */
	uint32_t size;	       /* bytes of each request */
	unsigned depth;	       /* requests in flight, >= 1 */
	bool random;	       /* else one after the other, from the start */
	unsigned read_percent; /* 0 to 100, drawn by lot for each */
	uint64_t seed;
	uint64_t count;	  /* so many requests; 0: no bound */
	uint64_t seconds; /* so long; 0: no bound */
	/* Required.  Nothing is in flight: why is NULL, or the first request
	 * that failed. */
	void (*done)(void *ctx, const struct error *why);
	void *ctx;
};

enum { LOAD_READ, LOAD_WRITE, LOAD_KINDS };

struct load_result {
	uint64_t ns;	 /* from the first request to the last answer */
	uint64_t cpu_ns; /* of this process meanwhile, the kernel's included */
	struct latency latency[LOAD_KINDS];
};

/* Begins.  0 or -ENOMEM. */
int load_new(struct loop *, const struct load_config *, struct load **ret);
/* Sends no more; done() follows. */
void load_stop(struct load *);
/* After done(). */
const struct load_result *load_result(const struct load *);
/* After done(), or when nothing is in flight.  Takes NULL. */
void load_free(struct load *);

#endif
