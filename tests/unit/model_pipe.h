/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model_pipe - pipes (base/kpipe.h) in memory, that are as awkward as the
 * kernel's may be: none is to be had at times, and one takes less than it was
 * asked for, at any byte.
 */
#ifndef TESTS_MODEL_PIPE_H
#define TESTS_MODEL_PIPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/kpipe.h"
#include "prng.h"

#define MODEL_PIPES 8

struct model_pipe {
	struct kpipe pipe; /* first */
	bool out;
	size_t size; /* that was asked for */
	size_t room; /* that there really is */
	uint8_t *bytes;
};

struct model_pipes {
	struct kpipe_source source;
	struct prng prng;
	bool kind;   /* there is always one, and it takes so much: */
	size_t room; /* or all */
	unsigned refused, full, spilt, given, wasted;
	struct model_pipe pipe[MODEL_PIPES];
};

void model_pipes_init(struct model_pipes *, uint64_t seed);
/* That every one is back. */
bool model_pipes_idle(const struct model_pipes *);
/* What the driver does: as many of n bytes as it takes; 0: no more. */
size_t model_pipe_fill(struct kpipe *, const uint8_t *, size_t n);
/* The first n that it holds. */
void model_pipe_drain(struct kpipe *, uint8_t *, size_t n);

#endif
