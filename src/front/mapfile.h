/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mapfile - the list of bad blocks of a copy that went on behind them, as GNU
 * ddrescue writes it ("Mapfile structure" of its manual), so that its tools
 * read it.
 *
 * What is before done is finished ('+') or bad ('-'); what is behind has not
 * been tried ('?').
 */
#ifndef FRONT_MAPFILE_H
#define FRONT_MAPFILE_H

#include <stdint.h>

#include "base/error.h"

struct mapfile;

/* A list without bad blocks of the range.  0 or -ENOMEM. */
int mapfile_new(uint64_t offset, uint64_t length, struct mapfile **ret);
/*
 * The same with the bad blocks of a file that is there, as far as they lie
 * before done bytes of the range: what is behind will be tried again.  0, or -1
 * with err: it is no mapfile, or not there.
 */
int mapfile_load(const char *path, uint64_t offset, uint64_t length,
    uint64_t done, struct mapfile **ret, struct error *err);
/* Takes the place of the file at once; done bytes of the range have been tried.
 * A file that is there and no mapfile is refused.  Blocks.  0, or -1. */
int mapfile_save(
    const struct mapfile *, const char *path, uint64_t done, struct error *err);
void mapfile_free(struct mapfile *); /* takes NULL */

/* Bytes of the device that cannot be read; neighbours become one.  Within the
 * range.  0 or -ENOMEM. */
int mapfile_add(struct mapfile *, uint64_t offset, uint64_t length);
/* In all. */
uint64_t mapfile_bytes(const struct mapfile *);

#endif
