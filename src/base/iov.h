/* SPDX-License-Identifier: BSD-2-Clause */
/* iov - vectors of memory. */
#ifndef BASE_IOV_H
#define BASE_IOV_H

#include <sys/uio.h>
#include <stddef.h>
#include <string.h>

/* Bytes of n vectors. */
static inline size_t
iov_total(const struct iovec *iov, int n)
{
	size_t total = 0;

	for (int i = 0; i < n; i++)
		total += iov[i].iov_len;
	return total;
}

/* The bytes [skip, skip + length) of n vectors as at most max vectors (fewer
 * bytes then) in ret; how many. */
static inline int
iov_part(const struct iovec *iov, int n, size_t skip, size_t length,
    struct iovec *ret, int max)
{
	int used = 0;

	for (int i = 0; i < n && length > 0 && used < max; i++) {
		size_t len = iov[i].iov_len;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		len = len - skip < length ? len - skip : length;
		ret[used++] =
		    (struct iovec){ .iov_base = (char *)iov[i].iov_base + skip,
			    .iov_len = len };
		length -= len;
		skip = 0;
	}
	return used;
}

/* Copies length bytes to the vectors, from their byte skip on. */
static inline void
iov_scatter(const struct iovec *iov, int n, size_t skip, const void *from,
    size_t length)
{
	const char *at = (const char *)from;
	struct iovec part;

	while (length > 0 && iov_part(iov, n, skip, length, &part, 1) == 1) {
		memcpy(part.iov_base, at, part.iov_len);
		at += part.iov_len;
		skip += part.iov_len;
		length -= part.iov_len;
	}
}

/* Copies length bytes from the vectors, from their byte skip on. */
static inline void
iov_gather(const struct iovec *iov, int n, size_t skip, void *to, size_t length)
{
	char *at = (char *)to;
	struct iovec part;

	while (length > 0 && iov_part(iov, n, skip, length, &part, 1) == 1) {
		memcpy(at, part.iov_base, part.iov_len);
		at += part.iov_len;
		skip += part.iov_len;
		length -= part.iov_len;
	}
}

#endif
