/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock - units of time.  Every `now` and every deadline is a count of
 * nanoseconds on one monotonic clock (CLOCK_MONOTONIC in io/, virtual in
 * tests/pair).  Layers below io/ never read a clock; they are told.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_US    UINT64_C(1000)
#define CLOCK_MS    UINT64_C(1000000)
#define CLOCK_S	    UINT64_C(1000000000)
#define CLOCK_NEVER UINT64_MAX /* a deadline that does not come */

#endif
