/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pipe - a bdev on a descriptor that is read or written from where it stands to
 * its end: a pipe, a socket, a terminal, or a file that the shell has opened.
 *
 * It is a stream (base/bdev.h).  The descriptor stays the caller's, and in the
 * mode it is in: other processes share it.
 */
#ifndef BLOCK_PIPE_H
#define BLOCK_PIPE_H

#include <stdbool.h>

#include "base/bdev.h"
#include "base/error.h"
#include "io/loop.h"

/*
 * name: what errors call it, as "standard input"; outlives the device.  output:
 * for writing, else for reading.  The process ignores SIGPIPE and leaves SIGURG
 * to this.  0, or -1 with err set.
 */
int pipe_open(struct loop *, int fd, const char *name, bool output,
    struct bdev **ret, struct error *err);

#endif
