/* SPDX-License-Identifier: BSD-2-Clause */
/* depth - see the header. */
#include "front/depth.h"

#include "base/clock.h"

#define ROUND	    4		    /* chunks, for each in flight */
#define ROUND_TIME  (50 * CLOCK_MS) /* at the least: machines are noisy */
#define LONG	    CLOCK_MS	    /* that a chunk takes */
#define FASTER	    1.2		    /* with twice as many */
#define SLOWER	    0.9		    /* with half as many */
#define PAUSE_FIRST 4		    /* rounds */
#define PAUSE_MOST  256

void
depth_init(struct depth *d, unsigned first, unsigned most)
{
	*d = (struct depth){ .now = first,
		.first = first,
		.most = most > first ? most : first,
		.pause = PAUSE_FIRST };
}

static void
end_trial(struct depth *d, double rate)
{
	bool down = d->now < d->before;

	if (rate < (down ? SLOWER : FASTER) * d->rate) {
		d->now = d->before;
		d->wait = d->pause;
		if (d->pause < PAUSE_MOST)
			d->pause *= 2;
		d->down = !down;
	} else {
		d->pause = PAUSE_FIRST;
		d->down = down;
	}
	d->before = 0;
}

static void
begin_trial(struct depth *d, double rate, uint64_t each)
{
	bool up = each >= LONG && d->now <= d->most / 2;
	bool down = d->now > d->first;

	if (!up && !down)
		return;
	d->before = d->now;
	d->rate = rate;
	if (down && (d->down || !up))
		d->now /= 2;
	else
		d->now *= 2;
}

static void
end_round(struct depth *d, uint64_t ns)
{
	double rate = (double)d->bytes / (double)ns;
	uint64_t each = ns * d->now / (d->chunks - d->now);

	if (d->before > 0)
		end_trial(d, rate);
	else if (d->wait > 0)
		d->wait--;
	else
		begin_trial(d, rate, each);
}

void
depth_done(struct depth *d, uint64_t bytes, bool full, uint64_t now)
{
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
	end_round(d, now - d->since);
	d->chunks = 0;
}
