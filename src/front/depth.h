/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * depth - how many chunks are to be in flight: few at first, since few stay in
 * a processor's cache; more, where more are faster.
 *
 * It tries.  Over each round of chunks the rate is measured.  A trial is a round
 * with twice as many in flight, if chunks take long (by Little's law: those in
 * flight, divided by the rate), or with half as many again; it stays at that if
 * it was clearly faster, or hardly slower.  Lines change and machines stall, so
 * what has failed is tried again, after longer and longer pauses.
 */
#ifndef FRONT_DEPTH_H
#define FRONT_DEPTH_H

#include <stdbool.h>
#include <stdint.h>

struct depth {
	unsigned now; /* so many may be in flight */
	unsigned first;
	unsigned most;

	unsigned before; /* this trial; 0: there is none */
	double rate;	 /* bytes per ns with so many */
	bool down;	 /* what to try next, if it can be */
	unsigned pause;	 /* rounds after the next trial that fails */
	unsigned wait;	 /* rounds until the next trial */

	unsigned chunks; /* of this round; the first began before it, so that */
	uint64_t bytes;	 /* they do not count here, nor their time */
	uint64_t since;	 /* ns */
};

/* A most that is less than first is first. */
void depth_init(struct depth *, unsigned first, unsigned most);
/* A chunk of so many bytes was moved.  full: as many as may be were in flight;
 * else it is not their number that makes it slow. */
void depth_done(struct depth *, uint64_t bytes, bool full, uint64_t now);

#endif
