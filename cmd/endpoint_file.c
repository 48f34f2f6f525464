/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * endpoint_file - files and block devices of this machine as endpoints.
 *
 * What names one for good.  A file that was removed and made again may well
 * have the old inode number, but not the time of birth.  The numbers of devices
 * are given anew at every start of the machine, so they tell two media apart
 * only while both are open; a block device is named by what its driver knows of
 * the medium.
 */
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "block/file.h"
#include "cmd/endpoint_impl.h"
#include "io/blockdev.h"

#define VALUE (4 * BLOCKDEV_ATTRIBUTE) /* escaped */

/* What the kernel says of it, escaped. */
static bool
device_attribute(dev_t dev, const char *leaf, char ret[VALUE])
{
	char line[BLOCKDEV_ATTRIBUTE];

	if (!blockdev_attribute(dev, leaf, line))
		return false;
	escape(ret, VALUE, line, strlen(line));
	return true;
}

/* A partition is named by its disk and where it begins. */
static bool
device_identity(dev_t dev, char *ret, size_t size)
{
	static const char *const leaves[] = {
		"wwid",
		"device/wwid",
		"dm/uuid",
		"md/uuid",
		"serial",
		"device/serial",
		"loop/backing_file",
		"../wwid",
		"../device/wwid",
		"../serial",
		"../device/serial",
		"../loop/backing_file",
	};
	char value[VALUE], start[VALUE];
	bool part = device_attribute(dev, "partition", value);
	size_t i;

	if (!part || !device_attribute(dev, "start", start))
		start[0] = '\0';
	for (i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		if (device_attribute(dev, leaves[i], value)) {
			snprintf(ret, size, "block %s%s%s", value,
			    part ? " from sector " : "", start);
			return true;
		}
	return false;
}

/* Where the medium is, and its name for good. */
static int
file_identify(struct endpoint *e)
{
	char *path = realpath(e->text, NULL);
	char shown[ENDPOINT_IDENTITY - 128];
	struct statx sx;

	if (path == NULL || statx(AT_FDCWD, path, 0,
				STATX_BASIC_STATS | STATX_BTIME, &sx) == -1) {
		free(path);
		return -errno;
	}
	escape(shown, sizeof(shown), path, strlen(path));
	free(path);
	if (S_ISBLK(sx.stx_mode)) {
		e->kind = ENDPOINT_BLOCK;
		e->device = makedev(sx.stx_rdev_major, sx.stx_rdev_minor);
		if (!device_identity(
			e->device, e->identity, sizeof(e->identity)))
			snprintf(e->identity, sizeof(e->identity), "block %s",
			    shown);
		return 0;
	}
	e->device = makedev(sx.stx_dev_major, sx.stx_dev_minor);
	e->inode = sx.stx_ino;
	snprintf(e->identity, sizeof(e->identity),
	    "file %s inode %" PRIu64 " born %" PRId64 ".%09u", shown,
	    (uint64_t)sx.stx_ino,
	    sx.stx_mask & STATX_BTIME ? (int64_t)sx.stx_btime.tv_sec : 0,
	    sx.stx_mask & STATX_BTIME ? sx.stx_btime.tv_nsec : 0);
	return 0;
}

static int
file_open_bdev(struct endpoint *e, struct error *err)
{
	struct stat st;
	int error;

	escape(e->name, sizeof(e->name), e->text, strlen(e->text));
	if (e->config.create && e->config.writable &&
	    lstat(e->text, &st) == -1 && errno == ENOENT) {
		if (file_create(
			e->loop, e->text, e->config.size, &e->bdev, err) == -1)
			return -1;
		e->created = true;
	} else if (file_open(e->loop, e->text, !e->config.writable, 1, &e->bdev,
		       err) == -1) {
		return -1;
	}
	error = file_identify(e);
	if (error < 0)
		return error_set(
		    err, ERROR_FAILED, "%s: %s", e->name, strerror(-error));
	endpoint_usable(e);
	return 0;
}

int
endpoint_resize(struct endpoint *e, uint64_t size, struct error *err)
{
	return file_resize(e->bdev, size, err);
}

void
endpoint_unmake(struct endpoint *e)
{
	if (e->created && file_same(e->bdev, e->text))
		unlink(e->text);
}

static void
file_free(struct endpoint *e)
{
	if (e->bdev != NULL)
		e->bdev->ops->close(e->bdev);
}

const struct endpoint_ops endpoint_file = {
	.kind = ENDPOINT_FILE,
	.open = file_open_bdev,
	.close = endpoint_flush,
	.free = file_free,
};
