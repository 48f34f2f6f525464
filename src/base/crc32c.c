/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crc32c - over libisal, whose crc32_iscsi() takes and gives the bare register
 * (no inversion before or after) and counts in int.
 */
#include <isa-l/crc.h>

#include "base/crc32c.h"

#define CHUNK_MAX ((size_t)1 << 30)

uint32_t
crc32c(uint32_t crc, const void *data, size_t len)
{
	/* The library only reads, though it does not say so. */
	unsigned char *p = (unsigned char *)(uintptr_t)data;

	crc = ~crc;
	for (; len > CHUNK_MAX; p += CHUNK_MAX, len -= CHUNK_MAX)
		crc = crc32_iscsi(p, (int)CHUNK_MAX, crc);
	return ~crc32_iscsi(p, (int)len, crc);
}
