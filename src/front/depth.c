/* SPDX-License-Identifier: BSD-2-Clause */
/* depth - see the header. */
#include "front/depth.h"

#include "base/clock.h"

#define ROUND	   4		   /* chunks, for each in flight */
#define ROUND_TIME (50 * CLOCK_MS) /* at the least: machines are noisy */
#define NEAR	   CLOCK_MS	   /* a chunk that takes less comes from near */
#define FASTER	   1.2

void
depth_init(struct depth *d, unsigned first, unsigned most)
{
	*d =
	    (struct depth){ .now = first, .most = most > first ? most : first };
}

static void
judge(struct depth *d, uint64_t ns)
{
	double rate = (double)d->bytes / (double)ns;
	uint64_t each = ns * d->now / (d->chunks - d->now);

	if (d->rate > 0 && rate < FASTER * d->rate) {
		d->now /= 2;
		d->settled = true;
	} else if (each >= NEAR) {
		d->settled = d->now > d->most / 2;
		d->rate = rate;
		d->now = d->settled ? d->now : 2 * d->now;
	} else {
		d->rate = 0;
	}
}

void
depth_done(struct depth *d, uint64_t bytes, bool full, uint64_t now)
{
	if (d->settled)
		return;
	if (!full) {
		d->chunks = 0;
		return;
	}
	if (++d->chunks <= d->now) {
		d->bytes = 0;
		d->since = now;
		return;
	}
	d->bytes += bytes;
	if (d->chunks < (1 + ROUND) * d->now || now - d->since < ROUND_TIME)
		return;
	judge(d, now - d->since);
	d->chunks = 0;
}
