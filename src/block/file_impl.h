/* SPDX-License-Identifier: BSD-2-Clause */
/* file_impl - what file.c (the loop's side), file_io.c (the helpers') and
 * file_lend.c know of a file. */
#ifndef BLOCK_FILE_IMPL_H
#define BLOCK_FILE_IMPL_H

#include <stdatomic.h>

#include "base/bdev.h"
#include "block/range.h"
#include "io/loop.h"

/* READs after one that was not in the page cache: they are not tried, since a
 * try may begin to read ahead, which may wait. */
#define FILE_MISSED   64
#define FILE_NOW_MOST (1024 * 1024) /* bytes that the loop may stop for */

struct file {
	struct bdev bdev; /* first: a bdev is cast to what it is part of */
	struct loop *loop;
	char *path;
	int fd;
	int direct_fd; /* with O_DIRECT, -1 where there is none */
	bool direct_tried;
	bool regular;
	bool tries;	 /* to read in the loop what is in the page cache */
	unsigned missed; /* READs that are not tried, since one was not there */
	int try_flags;	 /* of preadv2() */
	unsigned reading; /* READs with helpers */
	bool lends;	  /* what is in the page cache */
	bool holes;	  /* the file system tells holes */
	bool grows; /* it has no end yet: zeros stand behind the last write */
	atomic_int sync_error; /* of the first sync that failed */
	struct range_set ranges;
	struct lane writes; /* of a regular file */
	TAILQ_HEAD(, file_req) spare;
	struct bdev_req_queue refused; /* completed by finish_refused */
	struct deferred finish_refused;
	struct bdev_req_queue tried; /* READs that may be done at once ... */
	struct deferred try_one;     /* ... one after the other */
};

struct file_req {
	struct job job;	    /* ctx is the file_req */
	struct range range; /* when it changes the content */
	struct file *file;
	struct bdev_req *req;
	int result;
	TAILQ_ENTRY(file_req) link;
};

/* In the loop: a READ of what is in memory.  False: it is to be a job. */
bool file_read_now(struct file *, struct bdev_req *);
/* bdev_ops */
const void *file_borrow(struct bdev *, uint64_t offset, size_t length);
int file_give_back(struct bdev *, const void *memory, uint64_t offset,
    size_t length, struct error *why);
/* The job's work: carries out req, sets result and what is the provider's to
 * set in req. */
void file_work(struct job *);

#endif
