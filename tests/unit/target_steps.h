/* SPDX-License-Identifier: BSD-2-Clause */
/* target_steps - a test of the target that has one initiator. */
#ifndef TESTS_TARGET_STEPS_H
#define TESTS_TARGET_STEPS_H

#include "target_rig.h"

static uint8_t pattern[1 << 20]; /* without a 0 */

struct fixture {
	struct rig rig;
	struct peer peer;
};

static inline int
setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));

	assert_non_null(f);
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(1 + i % 255);
	rig_init(&f->rig);
	rig_start(&f->rig);
	peer_init(&f->peer, &f->rig);
	*state = f;
	return 0;
}

/* It has logged in. */
static inline int
setup_ready(void **state)
{
	struct fixture *f;

	setup(state);
	f = *state;
	peer_ready(&f->peer);
	return 0;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;

	peer_fini(&f->peer);
	rig_fini(&f->rig);
	free(f);
	return 0;
}

#endif
