/* SPDX-License-Identifier: BSD-2-Clause */
/* nbduri - the URI of an export (doc/uri.md of NetworkBlockDevice/nbd). */
#ifndef CMD_NBDURI_H
#define CMD_NBDURI_H

#include <stdbool.h>

/*
 * address: an absolute path, or "addr:port".  name: NULL for the default
 * export.  tls: the server wants it.  To be freed; NULL: no memory.
 */
char *nbduri_new(const char *address, const char *name, bool tls);

#endif
