/* SPDX-License-Identifier: BSD-2-Clause */
/* control_name - how control sockets are called; between the two sides of
 * control.h. */
#ifndef IO_CONTROL_NAME_H
#define IO_CONTROL_NAME_H

#include "io/runtime.h"

/* The name of the file for kind and name: "KIND-0123456789abcdef.sock". */
#define CONTROL_FILE_MAX RUNTIME_FILE_MAX
void control_file(
    const char *kind, const char *name, char ret[CONTROL_FILE_MAX + 1]);

/* Holds everybody else from making and removing sockets in the folder until
 * the descriptor is closed.  -errno. */
int control_lock(const char *folder);

#endif
