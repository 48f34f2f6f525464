/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * escape - makes bytes that a peer sent fit to be printed: on a terminal, in a
 * log line, in an error text; and any bytes, in JSON.
 */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stddef.h>

/*
 * Writes len bytes of src to dst (size >= 1 bytes, NUL included) and returns
 * dst.  Printable ASCII stays, a backslash is doubled, every other byte becomes
 * \xNN.  What does not fit is cut between two characters, and the cut shows as
 * "..." when there is room for it.  src may be NULL when len is 0.
 */
const char *escape(char *dst, size_t size, const void *src, size_t len);

/*
 * Makes bytes valid UTF-8 (RFC 3629), as JSON must be: what is none becomes
 * \xNN, everything else stays as it is.  dst has ESCAPE_UTF8_SIZE(len) bytes;
 * returned.
 */
#define ESCAPE_UTF8_SIZE(len) (4 * (len) + 1)
const char *escape_utf8(char *dst, const void *src, size_t len);

#endif
