/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool - data buffers of a server's commands.  Sizes are rounded up to powers
 * of two and a bounded amount of what was freed is kept, so that the data path
 * does not allocate.  How much may be out is for the connections to decide.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

#define POOL_CLASSES 9 /* 4 KiB .. 1 MiB; larger ones are not kept */

struct pool {
	struct pool_buffer *free[POOL_CLASSES];
	size_t kept; /* bytes on those lists */
};

void pool_init(struct pool *);
void pool_fini(struct pool *); /* every buffer was put back */
/* At least size bytes, or NULL. */
uint8_t *pool_get(struct pool *, size_t size);
/* size: as given to pool_get().  Takes NULL. */
void pool_put(struct pool *, uint8_t *buf, size_t size);

#endif
