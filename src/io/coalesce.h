/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * coalesce - how many answers of a target are worth waiting for, as network
 * adapters moderate their interrupts.
 *
 * A target that is slower than we are sends its answers one by one, and each
 * would wake us: to receive it, to hand it on, to sleep, and to be woken again
 * by the request that its requester makes next.  When many are in flight it is
 * cheaper to sleep until several have come, and to send all that was asked
 * meanwhile in one go; the target gets its commands in larger groups, too.
 *
 * Nobody may lose by it.  What is held back for a while must be work that the
 * target could not have begun anyway: that is so when it takes much longer over
 * a command now than it took over its quickest one, for then its queue is long.
 * And a target that answers so slowly that waking up costs nothing in
 * comparison is left alone, as are large WRITEs.
 *
 * Decided from what is measured over WINDOW answers without coalescing; the
 * decision stands for a while, and ends at once when the answers stay away or
 * less is in flight.
 */
#ifndef IO_COALESCE_H
#define IO_COALESCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

#define COALESCE_WAIT (2 * CLOCK_MS) /* at most, for the answers wanted */

struct coalesce {
	unsigned want; /* answers that are waited for; 0: not coalescing */
	size_t bytes;  /* that they have */
	uint64_t until;
	uint64_t last; /* when some came */
	/* The window. */
	uint64_t since;
	uint64_t rx_bytes;
	uint64_t tx_bytes;
	unsigned answers;
	unsigned turns;
	unsigned deepest; /* in flight */
};

/* Of zeros at first. */
struct coalesce_load {
	unsigned answers;   /* that came in this turn of the loop */
	unsigned in_flight; /* commands, at its end */
	uint64_t fastest;   /* ns that the quickest command took */
	uint64_t rx_bytes;  /* moved so far, in all */
	uint64_t tx_bytes;
};

/* At the end of each turn.  So many bytes are to be there before the next turn
 * begins, for a short while; 0: any. */
size_t coalesce(struct coalesce *, const struct coalesce_load *, uint64_t now);

#endif
