/* SPDX-License-Identifier: BSD-2-Clause */
/* random - the kernel's random bytes, as the layers below want them handed in
 * (proto/chap.h: random_fn). */
#ifndef IO_RANDOM_H
#define IO_RANDOM_H

#include <stddef.h>

/* Fills buf; ctx is not used. */
void random_bytes(void *ctx, void *buf, size_t len);

#endif
