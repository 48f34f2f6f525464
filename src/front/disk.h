/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * disk - one logical unit of a mount: a lun with the timer that it wants, and
 * the name of its file.
 */
#ifndef FRONT_DISK_H
#define FRONT_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bdev.h"
#include "base/error.h"
#include "base/log.h"
#include "block/lun.h"
#include "io/loop.h"
#include "proto/lunaddr.h"
#include "session/session.h"

struct disk {
	struct loop *loop;
	struct lun *lun;
	struct timer timer;	     /* for lun_run() */
	char name[LUNADDR_TEXT + 4]; /* "lun-3" */
	const char *text;	     /* "3", within name */
	bool usable;		     /* it is a disk, and answers */
	/* The probe has ended.  why: NULL, or why it cannot be used. */
	void (*probed)(struct disk *, const struct error *why);
	/* The target has other LUNs than before; from within done() of a task.
	 */
	void (*luns_changed)(struct disk *);
	void *ctx;
	struct bdev_req flush; /* the owner's */
};

struct disk_config {
	struct loop *loop;
	struct session *session; /* outlives the disk */
	uint64_t address;	 /* the eight bytes of REPORT LUNS */
	bool read_only;
	const struct log *log;
	void (*probed)(struct disk *, const struct error *why);
	void (*luns_changed)(struct disk *);
	void *ctx;
};

/* The disk stays in place while it lives.  0 or -ENOMEM. */
int disk_init(struct disk *, const struct disk_config *);
void disk_fini(struct disk *); /* nothing is in flight */
/* For fuse_front_file.healthy. */
bool disk_healthy(void *disk);

#endif
