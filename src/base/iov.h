/* SPDX-License-Identifier: BSD-2-Clause */
/* iov - vectors of memory. */
#ifndef BASE_IOV_H
#define BASE_IOV_H

#include <sys/uio.h>
#include <stddef.h>

/* Bytes of n vectors. */
static inline size_t
iov_total(const struct iovec *iov, int n)
{
	size_t total = 0;

	for (int i = 0; i < n; i++)
		total += iov[i].iov_len;
	return total;
}

#endif
