/* SPDX-License-Identifier: BSD-2-Clause */
/* nbd_steps - one client of the NBD server, in any of the three modes, and what
 * it asks of its disk. */
#ifndef TESTS_NBD_STEPS_H
#define TESTS_NBD_STEPS_H

#include "nbd_rig.h"

#define MAX_PAYLOAD ((size_t)32 << 20)

static struct rig rig;
static struct client c;
static struct disk *disk;
static uint16_t flags;

static const enum nwire_mode modes[] = { NWIRE_SIMPLE, NWIRE_STRUCTURED,
	NWIRE_EXTENDED };

static inline void
begin_on(enum nwire_mode mode, unsigned index)
{
	rig_init(&rig);
	rig_start(&rig);
	disk = &rig.disks[index];
	client_init(&c, &rig);
	flags = client_go(&c, mode, index == 0 ? "first" : "second");
}

static inline void
begin(enum nwire_mode mode)
{
	begin_on(mode, 0);
}

static inline void
finish(void)
{
	client_fini(&c);
	rig_fini(&rig);
}

static inline uint32_t
run(uint16_t type, uint16_t f, uint64_t offset, uint64_t length)
{
	return client_do(&c, type, f, offset, length, NULL, NULL);
}

/* Exactly one request has reached the disk since the last time. */
static inline void
assert_seen(enum bdev_op op, uint32_t f, uint64_t offset, uint64_t length)
{
	const struct seen *seen = &disk->seen[0];

	assert_int_equal(disk->seen_n, 1);
	assert_int_equal(seen->op, op);
	assert_int_equal(seen->flags, f);
	if (op != BDEV_FLUSH) {
		assert_true(seen->offset == offset);
		assert_true(seen->length == length);
	}
	disk->seen_n = 0;
}

#endif
