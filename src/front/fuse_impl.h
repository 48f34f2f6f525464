/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuse_impl - what the fuse*.c files share, and nobody else includes.
 *
 *     fuse.c         the session: mounting, receiving, the end
 *     fuse_op.c      requests under way: their memory, their turn, interrupts
 *     fuse_data.c    READ WRITE FSYNC FALLOCATE LSEEK
 *     fuse_name.c    names, attributes, OPEN and RELEASE
 *     fuse_inval.c   telling the kernel to forget cached pages
 *     fuse_umount.c  unmounting, stale mounts
 *
 * A request lives in an op.  An op is a piece of mapped memory that begins with
 * the structure and goes on with room for the largest request: the kernel's
 * request is received into it, and there the payload of a WRITE stays until
 * the device has it, and the data of a READ until the kernel has it.
 *
 *     0                        4096                          4096 + 1 MiB
 *     | struct op |      | 80 |  payload                     |   | end
 *                        ^ here a request is received: the headers of a WRITE
 *                          are 80 bytes, so its payload begins on a page
 */
#ifndef FRONT_FUSE_IMPL_H
#define FRONT_FUSE_IMPL_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <sys/queue.h>
#include <time.h>

#include "front/fuse.h"

#define OP_PAYLOAD_MAX (1u << 20) /* of one READ or WRITE */

struct node;

/* The kernel shall forget pages [offset, offset + length) of an inode (all of
 * them when length is 0) and its attributes. */
struct inval {
	fuse_ino_t ino;
	uint64_t offset;
	uint64_t length;
	void (*done)(struct inval *); /* from the loop */
	/* It takes long, and has not been done; once, from the loop.  NULL:
	 * it is waited for. */
	void (*overdue)(struct inval *);
	TAILQ_ENTRY(inval) link;
};
TAILQ_HEAD(inval_list, inval);

struct invalidator {
	struct inval_list waiting;
	struct inval_list running; /* the job's while it runs */
	bool busy;
	bool overdue; /* it runs for too long */
	struct job job;
	struct timer timer;
};

struct op {
	struct fuse_front *front;
	struct node *node;
	fuse_req_t req; /* NULL: answered */
	struct bdev_req bdev;
	struct iovec iov;
	void (*finish)(struct op *); /* answers, when the device is done */
	struct inval inval;
	int whence;  /* LSEEK */
	bool direct; /* WRITE through a handle that bypasses the page cache */
	bool waiting;
	bool interrupted;
	size_t touched;	      /* bytes of payload memory that are resident */
	TAILQ_ENTRY(op) link; /* free, or waiting for its turn */
	TAILQ_ENTRY(op) interrupted_link;
};
TAILQ_HEAD(op_queue, op);

struct op_pool {
	struct op_queue free; /* last in, first out: warm memory */
	size_t ops;	      /* mapped */
	size_t used;	      /* not in the free list */
	size_t touched;	      /* sum over all ops */
};

/* A file. */
struct node {
	struct fuse_front *front;
	char *name;
	struct bdev *bdev;
	bool (*healthy)(void *ctx);
	void *ctx;
	fuse_ino_t ino;
	struct timespec atime;
	struct timespec mtime;
	struct timespec ctime;
	unsigned cached_opens;	/* handles that may use the page cache */
	unsigned cache_writers; /* of those, that may write */
	bool cache_written;	/* one of them has */
	size_t at_device;	/* payload bytes of its requests there */
	struct op_queue waiting;
	struct inval changed;
	bool changed_running;
	bool changed_again;
};

struct fuse_front {
	struct loop *loop;
	struct fuse_front_config config;
	char *mountpoint;
	struct fuse_session *session;
	struct watch watch;
	bool watching;
	bool throttled; /* not reading the device: the pool is used up */
	bool parallel_direct_writes; /* the kernel has the flag */
	struct node *nodes;
	size_t nnodes;
	size_t share; /* payload bytes that one file may have at its device */
	dev_t dev;    /* of the mounted file system */
	uid_t uid;
	gid_t gid;
	struct timespec born;

	struct op_pool pool;
	struct op *rx; /* what the next request is received into */
	TAILQ_HEAD(, op) interrupted;
	struct timer interrupt_timer;
	unsigned at_device; /* requests there */
	struct fuse_front_stats stats;

	struct invalidator inval;
	struct job probe_job;
	struct error probe_error;
	struct job umount_job;
	bool probing;
	bool umount_busy;
	bool umount_lazy;
	bool ended;
	int umount_result;
	int sync_result; /* of the dirty pages */
	char umount_text[256];
};

/* ---- fuse_op.c ---- */

int op_pool_init(struct fuse_front *);
void op_pool_fini(struct fuse_front *);
/* An op to receive into, or NULL when the pool is used up. */
struct op *op_get(struct fuse_front *);
void op_put(struct op *);
/* Where its next request is received, and the room there. */
void *op_rx(struct op *);
void *op_payload(struct op *);
/* Takes the op that the present request came in. */
struct op *op_take(fuse_req_t, struct node *, void (*finish)(struct op *));
/* So many bytes of its payload are in memory now. */
void op_touch(struct op *, size_t);
/* Hands op->bdev to the device when the file's turn comes. */
void op_submit(struct op *);
/* The request has been answered, and the op goes on without it. */
void op_answered(struct op *);
/* Answers and gives the op back. */
void op_fail(struct op *, int error);
void op_end(struct op *);
void op_interrupt_fire(struct timer *, uint64_t now);

/* ---- fuse_data.c, fuse_name.c ---- */

void data_read(fuse_req_t, fuse_ino_t, size_t, off_t, struct fuse_file_info *);
void data_write(fuse_req_t, fuse_ino_t, const char *, size_t, off_t,
    struct fuse_file_info *);
void data_fsync(fuse_req_t, fuse_ino_t, int, struct fuse_file_info *);
void data_fallocate(
    fuse_req_t, fuse_ino_t, int, off_t, off_t, struct fuse_file_info *);
void data_lseek(fuse_req_t, fuse_ino_t, off_t, int, struct fuse_file_info *);

/* Handles (fuse_file_info.fh) are these bits. */
#define FH_DIRECT	1u /* bypasses the page cache */
#define FH_CACHE_WRITER 2u /* may write through it */

int name_init(struct fuse_front *);
void name_fini(struct fuse_front *);
/* The file behind an inode number, or NULL: the folder. */
struct node *name_node(fuse_req_t, fuse_ino_t);
void name_ops(struct fuse_lowlevel_ops *);
void name_written(struct node *); /* its time of modification is now */

/* ---- fuse_inval.c ---- */

void inval_init(struct fuse_front *);
/* Runs in the helper pool; done() follows from the loop. */
void inval_submit(struct fuse_front *, struct inval *);

/* ---- fuse_umount.c ---- */

/* In the helper pool. */
void umount_work(struct job *);

/* ---- fuse.c ---- */

/* The pool has room again. */
void front_resume(struct fuse_front *);

#endif
