/* SPDX-License-Identifier: BSD-2-Clause */
/* mem - a bdev in RAM; memory is taken as blocks are written. */
#ifndef BLOCK_MEM_H
#define BLOCK_MEM_H

#include "base/bdev.h"
#include "io/loop.h"

/* size: bytes, a multiple of block_size.  0 or -errno. */
int mem_open(
    struct loop *, uint64_t size, uint32_t block_size, struct bdev **ret);

#endif
