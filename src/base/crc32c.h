/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crc32c - the CRC of iSCSI's header and data digests (Castagnoli polynomial,
 * RFC 7143, 13.1), and the byte order in which it stands on the wire.
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * The CRC of what crc was computed of, followed by these bytes; crc is 0 at the
 * start.  Every value on the way is a finished CRC (initial and final inversion
 * are done inside).
 */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/* A digest on the wire: the least significant byte first (RFC 3720, B.4). */
static inline uint32_t
crc32c_get(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[1] << 8 | p[0];
}

static inline void
crc32c_put(uint8_t *p, uint32_t crc)
{
	p[0] = (uint8_t)crc;
	p[1] = (uint8_t)(crc >> 8);
	p[2] = (uint8_t)(crc >> 16);
	p[3] = (uint8_t)(crc >> 24);
}

#endif
