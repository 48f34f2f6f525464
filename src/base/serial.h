/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serial - comparison of sequence numbers that wrap at 2^32 (RFC 1982, as RFC
 * 7143, 4.2.2 asks for CmdSN, StatSN and DataSN).  Two numbers 2^31 apart have
 * no order in the RFC; here each is then less than the other, and neither is
 * greater, so that no check passes for a peer that jumps so far by asking
 * whether its number is newer.
 */
#ifndef BASE_SERIAL_H
#define BASE_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

/* How far a is ahead of b; negative when it is behind. */
static inline int32_t
sn_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static inline bool
sn_lt(uint32_t a, uint32_t b)
{
	return sn_diff(a, b) < 0;
}

static inline bool
sn_le(uint32_t a, uint32_t b)
{
	return sn_diff(a, b) <= 0;
}

static inline bool
sn_gt(uint32_t a, uint32_t b)
{
	return sn_diff(a, b) > 0;
}

static inline bool
sn_ge(uint32_t a, uint32_t b)
{
	return sn_diff(a, b) >= 0;
}

#endif
