/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * endpoint_impl - the inside of an endpoint: endpoint.c has its life, each kind
 * a file with its operations, endpoint_medium.c tells files and block devices
 * apart.
 */
#ifndef CMD_ENDPOINT_IMPL_H
#define CMD_ENDPOINT_IMPL_H

#include <sys/types.h>

#include "cmd/endpoint.h"
#include "front/disks.h"
#include "proto/name.h"

#define ENDPOINT_NAME	  1024
#define ENDPOINT_IDENTITY 1400

struct endpoint_ops {
	enum endpoint_kind kind;
	/* Begins; endpoint_usable() or endpoint_failed() follows, perhaps from
	 * inside.  0, or -1 with err. */
	int (*open)(struct endpoint *, struct error *err);
	/* Flushes and ends; endpoint_gone() follows, perhaps from inside. */
	void (*close)(struct endpoint *);
	/* Optional.  close() was called and takes too long. */
	void (*force)(struct endpoint *);
	/* Frees what open() has made, however far it got. */
	void (*free)(struct endpoint *);
};

struct endpoint {
	struct loop *loop;
	const struct endpoint_ops *ops;
	struct endpoint_config config;
	const char *text;
	enum endpoint_kind kind;
	char name[ENDPOINT_NAME];
	char identity[ENDPOINT_IDENTITY];
	struct bdev *bdev;
	bool created;

	/* What has happened, and what was told of it; endpoint_tell() tells. */
	bool usable;
	bool closing;
	bool gone;
	bool told_opened;
	bool told_lost;
	struct error why; /* class ERROR_NONE: nothing went wrong */
	struct deferred tell;

	struct disks *disks; /* of a LUN */
	char target[ISCSI_NAME_MAX + 1];
	struct bdev_req flush;
	/* Of a file: where it lies; of a block device: its number. */
	dev_t device;
	ino_t inode;
};

extern const struct endpoint_ops endpoint_lun;
extern const struct endpoint_ops endpoint_file;
extern const struct endpoint_ops endpoint_nbd;
extern const struct endpoint_ops endpoint_stream;

void endpoint_usable(struct endpoint *);
/* What went wrong first is what is told. */
void endpoint_failed(struct endpoint *, const struct error *why);
void endpoint_gone(struct endpoint *);

/* Flushes ->bdev when it can be written, then endpoint_gone(). */
void endpoint_flush(struct endpoint *);

#endif
