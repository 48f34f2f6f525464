/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * depth - how many chunks are to be in flight: few at first, and as long as both
 * ends are near, since few stay in a processor's cache; more, where more are
 * faster.
 *
 * It tries.  Over a round of chunks the rate is measured; if a chunk takes long
 * (by Little's law: those in flight, divided by the rate), the next round has
 * twice as many in flight, and unless that was clearly faster, it stays at what
 * was before, for good.
 */
#ifndef FRONT_DEPTH_H
#define FRONT_DEPTH_H

#include <stdbool.h>
#include <stdint.h>

struct depth {
	unsigned now; /* so many may be in flight */
	unsigned most;
	bool settled;
	double rate;	 /* bytes per ns with half as many; 0: not tried */
	unsigned chunks; /* of this round, which the first do not count for: */
	uint64_t bytes;	 /* they began before it */
	uint64_t since;	 /* ns */
};

/* A most that is less than first is first. */
void depth_init(struct depth *, unsigned first, unsigned most);
/* A chunk of so many bytes is done.  full: as many as may be were in flight;
 * else it is not their number that makes it slow. */
void depth_done(struct depth *, uint64_t bytes, bool full, uint64_t now);

#endif
