/* SPDX-License-Identifier: BSD-2-Clause */
/* digest - what HeaderDigest and DataDigest may be (RFC 7143, 13.1). */
#ifndef PROTO_DIGEST_H
#define PROTO_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

enum digest { DIGEST_NONE, DIGEST_CRC32C };

/* A preference list, best first. */
struct digest_list {
	uint8_t n;	  /* 1 or 2 */
	uint8_t order[2]; /* enum digest */
};

static inline bool
digest_list_has(const struct digest_list *list, enum digest digest)
{
	for (unsigned i = 0; i < list->n; i++) {
		if (list->order[i] == digest)
			return true;
	}
	return false;
}

#endif
