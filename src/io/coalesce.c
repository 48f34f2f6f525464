/* SPDX-License-Identifier: BSD-2-Clause */
/* coalesce - see the header. */
#include "io/coalesce.h"

#include <stdbool.h>

#define WINDOW	 64		  /* answers */
#define DEEP	 16		  /* commands in flight */
#define SHARE	 4		  /* of them is waited for: one in so many */
#define QUEUEING 4		  /* times the quickest command */
#define SMALL	 (16384)	  /* bytes of a transfer */
#define PATIENCE (500 * CLOCK_US) /* for the answers that are waited for */
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
	       c->answers < c->turns * want / 2 && gap * want <= PATIENCE &&
	       gap * c->deepest / QUEUEING >= load->fastest &&
	       load->rx_bytes - c->rx_bytes <= c->answers * SMALL &&
	       load->tx_bytes - c->tx_bytes <= c->answers * SMALL;
}

size_t
coalesce(struct coalesce *c, const struct coalesce_load *load, uint64_t now)
{
	unsigned want = c->want;
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
	bytes = want * (load->rx_bytes - c->rx_bytes) / c->answers;
	if (!worthwhile(c, load, want, (now - c->since) / c->answers)) {
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
