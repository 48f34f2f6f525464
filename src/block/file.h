/* SPDX-License-Identifier: BSD-2-Clause */
/* file - a bdev on a regular file or a block device, through the helper pool.
 */
#ifndef BLOCK_FILE_H
#define BLOCK_FILE_H

#include "base/bdev.h"
#include "base/error.h"
#include "io/loop.h"

/*
 * Opens an existing file; its size is taken down to a multiple of block_size.
 * block_size 0: the block device's own, 512 for a file.  While it is open
 * nobody else opens it for writing through here (flock), and a block device
 * must not be mounted.  0, or -1 with err set (path named).
 */
int file_open(struct loop *, const char *path, bool read_only,
    uint32_t block_size, struct bdev **ret, struct error *err);

#endif
