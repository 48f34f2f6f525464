/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prng - repeatable randomness for tests (splitmix64): a failure is found again
 * by its seed.
 */
#ifndef TESTS_PRNG_H
#define TESTS_PRNG_H

#include <stddef.h>
#include <stdint.h>

struct prng {
	uint64_t state; /* the seed */
};

static inline uint64_t
prng_next(struct prng *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* 0 .. n - 1 */
static inline size_t
prng_below(struct prng *r, size_t n)
{
	return (size_t)(prng_next(r) % n);
}

static inline void
prng_fill(struct prng *r, void *buf, size_t len)
{
	uint8_t *p = buf;

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)prng_next(r);
}

#endif
