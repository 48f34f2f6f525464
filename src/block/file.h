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
 * block_size 0: the block device's own, 512 for a file; 1: the same, but of a
 * file every byte counts, and it may be empty.  While it is open nobody else
 * opens it for writing through here (flock), and a block device that is to be
 * written must not be mounted.  0, or -1 with err set (path named).
 */
int file_open(struct loop *, const char *path, bool read_only,
    uint32_t block_size, struct bdev **ret, struct error *err);

/*
 * Makes a regular file of size bytes, all of it a hole, and opens it as
 * file_open() does with block_size 1.  UINT64_MAX: it grows with what is written
 * until file_resize().  Nothing may have that name, not even a symbolic link
 * that leads nowhere.  Only its owner may read it: a disk holds more than its
 * files' modes show.  The name is on the medium when this returns.
 */
int file_create(struct loop *, const char *path, uint64_t size,
    struct bdev **ret, struct error *err);

/* Gives a regular file its size, from file_open() with block_size 1 or
 * file_create(); UINT64_MAX: from now on it grows.  No request is in flight.  0,
 * or -1 with err set. */
int file_resize(struct bdev *, uint64_t size, struct error *err);

/* Whether path leads to what bdev has open, to the disk that it is a partition
 * of, or to a partition of it.  False for a bdev that is not a file. */
bool file_same(const struct bdev *, const char *path);

#endif
