/* SPDX-License-Identifier: BSD-2-Clause */
/* coalesce - see the header. */
#include "io/coalesce.h"

#include <stdbool.h>

#define WINDOW	 64 /* answers */
#define DEEP	 16 /* commands in flight */
#define SHARE	 4  /* of them is waited for: one in so many */
#define QUEUEING 4  /* times the quickest command */
#define LEAST	 2
#define SMALL	 (16384)	  /* bytes sent for an answer */
#define PATIENCE (1 * CLOCK_MS)	  /* for the answers that are waited for */
#define PERIOD	 (100 * CLOCK_MS) /* for which a decision stands */

static void
window_begin(struct coalesce *c, const struct coalesce_load *load, uint64_t now)
{
	*c = (struct coalesce){ .since = now,
		.rx_bytes = load->rx_bytes,
		.tx_bytes = load->tx_bytes };
}

static bool
worthwhile(const struct coalesce *c, const struct coalesce_load *load,
    unsigned want, uint64_t gap)
{
	return c->deepest >= DEEP &&
	       /* They do not come in groups by themselves. */
	       c->answers < c->turns * want / 2 && want >= LEAST &&
	       gap * c->deepest / QUEUEING >= load->fastest &&
	       load->tx_bytes - c->tx_bytes <= c->answers * SMALL;
}

size_t
coalesce(struct coalesce *c, const struct coalesce_load *load, uint64_t now)
{
	unsigned want = c->want;
	uint64_t gap;
	size_t bytes;

	if (want > 0) {
		if (load->answers > 0)
			c->last = now;
		if (now < c->until && now < c->last + COALESCE_WAIT)
			return load->in_flight > want ? c->bytes : 0;
		window_begin(c, load, now);
		return 0;
	}
	if (c->since == 0) {
		window_begin(c, load, now);
		return 0;
	}
	c->answers += load->answers;
	c->turns += load->answers > 0;
	if (load->in_flight > c->deepest)
		c->deepest = load->in_flight;
	if (c->answers < WINDOW)
		return 0;
	want = c->deepest / SHARE;
	gap = (now - c->since) / c->answers;
	if (gap * want > PATIENCE)
		want = (unsigned)(PATIENCE / gap);
	bytes = want * (load->rx_bytes - c->rx_bytes) / c->answers;
	if (!worthwhile(c, load, want, gap)) {
		window_begin(c, load, now);
		return 0;
	}
	window_begin(c, load, now);
	c->want = want;
	c->bytes = bytes;
	c->last = now;
	c->until = now + PERIOD;
	return bytes;
}
