/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model of test_pair: after a write that was acknowledged a block has one
 * content, after one that failed the old or the new, and once it was read after
 * that, only what was read.
 */
#include "world.h"

#include <string.h>

static uint64_t
word(uint32_t lba, uint32_t stamp, size_t i)
{
	return ((uint64_t)lba << 32 | stamp) * UINT64_C(0x9e3779b97f4a7c15) + i;
}

void
block_fill(struct world *w, uint8_t *p, uint32_t lba, uint32_t stamp)
{
	uint64_t v;

	for (size_t i = 0; i < w->block_size / 8; i++) {
		v = word(lba, stamp, i);
		memcpy(p + i * 8, &v, 8);
	}
}

static bool
block_is(struct world *w, const uint8_t *p, uint32_t lba, uint32_t stamp)
{
	uint64_t v;

	for (size_t i = 0; i < w->block_size / 8; i++) {
		v = word(lba, stamp, i);
		if (memcmp(p + i * 8, &v, 8) != 0)
			return false;
	}
	return true;
}

void
block_settle(struct world *w, uint32_t lba, uint32_t stamp)
{
	w->block[lba].stamps[0] = stamp;
	w->block[lba].n = 1;
}

void
block_seen(struct world *w, const uint8_t *p, uint32_t lba)
{
	for (unsigned i = 0; i < w->block[lba].n; i++)
		if (block_is(w, p, lba, w->block[lba].stamps[i])) {
			block_settle(w, lba, w->block[lba].stamps[i]);
			return;
		}
	check(false, "block %u has none of its %u lawful contents", lba,
	    w->block[lba].n);
}
