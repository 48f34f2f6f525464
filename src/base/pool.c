/* SPDX-License-Identifier: BSD-2-Clause */
/* pool - see pool.h. */
#include "base/pool.h"

#include <stdlib.h>

#define POOL_SHIFT 12 /* of the smallest class */
#define POOL_KEEP  ((size_t)16 << 20)

struct pool_buffer {
	struct pool_buffer *next;
};

/* POOL_CLASSES for what is too large for any. */
static unsigned
pool_class(size_t size)
{
	unsigned class = 0;

	while (class < POOL_CLASSES && size > (size_t)1 << (POOL_SHIFT + class))
		class ++;
	return class;
}

void
pool_init(struct pool *pool)
{
	for (unsigned i = 0; i < POOL_CLASSES; i++)
		pool->free[i] = NULL;
	pool->kept = 0;
}

void
pool_fini(struct pool *pool)
{
	struct pool_buffer *buf;

	for (unsigned i = 0; i < POOL_CLASSES; i++) {
		while ((buf = pool->free[i]) != NULL) {
			pool->free[i] = buf->next;
			free(buf);
		}
	}
}

uint8_t *
pool_get(struct pool *pool, size_t size)
{
	unsigned class = pool_class(size);
	struct pool_buffer *buf;

	if (class == POOL_CLASSES)
		return malloc(size);
	buf = pool->free[class];
	if (buf == NULL)
		return malloc((size_t)1 << (POOL_SHIFT + class));
	pool->free[class] = buf->next;
	pool->kept -= (size_t)1 << (POOL_SHIFT + class);
	return (uint8_t *)buf;
}

void
pool_put(struct pool *pool, uint8_t *buf, size_t size)
{
	unsigned class = pool_class(size);
	size_t room = (size_t)1 << (POOL_SHIFT + class);
	struct pool_buffer *kept;

	if (buf == NULL)
		return;
	if (class == POOL_CLASSES || pool->kept + room > POOL_KEEP) {
		free(buf);
		return;
	}
	kept = (struct pool_buffer *)(void *)buf;
	kept->next = pool->free[class];
	pool->free[class] = kept;
	pool->kept += room;
}
