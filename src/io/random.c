/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/random.h"

#include <sys/random.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

void
random_bytes(void *ctx, void *buf, size_t len)
{
	uint8_t *at = buf;

	(void)ctx;
	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		/* A challenge that can be guessed is worse than no program. */
		if (n == -1 && errno != EINTR)
			abort();
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
}
