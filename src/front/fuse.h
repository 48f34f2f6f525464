/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuse - serves block devices as raw image files through FUSE: a folder with
 * one file per device, or one device on the mount point itself.
 *
 * Only fuse*.c in this folder know libfuse.  The front end knows bdevs and the
 * loop, nothing of SCSI.
 */
#ifndef FRONT_FUSE_H
#define FRONT_FUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bdev.h"
#include "base/error.h"
#include "base/log.h"
#include "io/loop.h"

struct fuse_front;

struct fuse_front_file {
	const char *name;  /* in the folder; not used for a single file */
	struct bdev *bdev; /* outlives the front end; its `changed` is taken */
	/* Optional.  False while requests cannot end soon: then whoever waits
	 * for one may be killed. */
	bool (*healthy)(void *ctx);
	void *ctx;
};

struct fuse_front_config {
	const char *mountpoint; /* absolute */
	const char *fsname;	/* what mount(8) and df(1) show as the device */
	const char *options;	/* as after -o, or NULL */
	bool single;		/* files[0] appears on the mount point itself */
	const struct fuse_front_file *files;
	size_t nfiles; /* >= 1 */
	const struct log *log;
	/* Required.  Every file has been looked at through the mount: users
	 * may come.  err is NULL, or says why not. */
	void (*ready)(void *ctx, const struct error *err);
	/* Required.  Nothing is mounted any more, whoever unmounted it. */
	void (*ended)(void *ctx);
	/* Required.  An unmount that was asked for has failed; it serves on. */
	void (*unmount_failed)(void *ctx, int error, const char *text);
	void *ctx;
};

struct fuse_front_stats {
	unsigned in_flight;  /* requests not answered yet */
	unsigned open;	     /* files held open */
	uint64_t read_bytes; /* since the mount */
	uint64_t written_bytes;
	uint64_t reads;
	uint64_t writes;
	bool pages_lost; /* the last unmount could not write all dirty pages */
};

/* Mounts and begins to serve.  0, or -1 with err set. */
int fuse_front_new(struct loop *, const struct fuse_front_config *,
    struct fuse_front **ret, struct error *err);

/* Writes every dirty page and unmounts, without blocking the loop; ended() or
 * unmount_failed() tells.  lazy: even when files are in use. */
void fuse_front_unmount(struct fuse_front *, bool lazy);

/* Answers nothing more: whoever has a file of it open gets errors from now on.
 * Requests at the devices stay there until they are done. */
void fuse_front_stop(struct fuse_front *);

/* Requests that are still at a device: 0 before fuse_front_free(). */
unsigned fuse_front_busy(const struct fuse_front *);
void fuse_front_free(struct fuse_front *); /* takes NULL */

void fuse_front_stats(const struct fuse_front *, struct fuse_front_stats *ret);

/*
 * A mount whose process has died without unmounting: its root answers
 * ENOTCONN.  1 when there was one of ours at this path and it was removed, 0
 * when there is none, -1 with err set when it cannot be removed.  May block.
 */
int fuse_front_repair(const char *mountpoint, struct error *err);

/* Whether something is mounted at this path by luntap.  May block. */
bool fuse_front_mounted(const char *mountpoint);

#endif
