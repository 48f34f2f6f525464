/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blockdev - a block device of the kernel, seen from outside: whether it is in
 * use, and whether all that was written to it has left the page cache.
 *
 * Everything here may block as long as the device does: for helper threads.
 */
#ifndef IO_BLOCKDEV_H
#define IO_BLOCKDEV_H

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Opens it for nobody else to hold: a mount in any namespace, a partition's
 * too, swap, LVM, md and everything else that claims its devices does so, and
 * cannot while the descriptor is open.  Plain readers and writers do not count.
 * A descriptor; -EBUSY: it is held; -errno.
 */
int blockdev_claim(const char *path);
/* Opens it without that. */
int blockdev_open(const char *path);
/* A file system on it, then its own page cache, is written, and it is told to
 * flush.  0 or -errno. */
int blockdev_flush(int fd);

/* What the kernel says of a device: the first line of
 * /sys/dev/block/MAJOR:MINOR/LEAF, without spaces at its end.  False: nothing. */
#define BLOCKDEV_ATTRIBUTE 64
bool blockdev_attribute(dev_t, const char *leaf, char ret[BLOCKDEV_ATTRIBUTE]);

/* Who holds it, as far as this namespace shows: "mounted on /mnt, held by
 * dm-0", or "held by another mount namespace or a program". */
const char *blockdev_holders(const char *path, char *buf, size_t size);

#endif
