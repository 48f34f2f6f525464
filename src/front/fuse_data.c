/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuse_data - what moves or frees data: READ, WRITE, FSYNC, FALLOCATE, LSEEK.
 *
 * The file behaves like a disk: its size is fixed.  A write at the end is
 * ENOSPC, one across it is short; a read across the end is short too.  Any
 * offset and length is allowed.  fsync is a FLUSH, and its error is the
 * user's.  A write through a handle opened with O_SYNC or O_DSYNC carries
 * BDEV_FUA, for no FSYNC follows it when the handle bypasses the page cache.
 *
 * EOPNOTSUPP is answered where something cannot be done, never ENOSYS: the
 * kernel takes that as true for every file and for ever.
 */
#include <sys/types.h>
#include <linux/falloc.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "front/fuse_impl.h"

/* Extents asked for at one time; they lie in the op's payload. */
#define SEEK_EXTENTS 512

_Static_assert(SEEK_EXTENTS * sizeof(struct bdev_extent) <= OP_PAYLOAD_MAX,
    "extents fit into an op");

/* How much of [offset, offset + length) is inside the device. */
static uint64_t
clip(const struct node *node, uint64_t offset, uint64_t length)
{
	if (offset >= node->bdev->size)
		return 0;
	if (length > node->bdev->size - offset)
		return node->bdev->size - offset;
	return length;
}

static void
op_transfer(struct op *op, enum bdev_op what, uint64_t offset, size_t size)
{
	op->iov.iov_len = size;
	op->bdev.op = what;
	op->bdev.offset = offset;
	op->bdev.length = size;
	op->bdev.iov = &op->iov;
	op->bdev.iovcnt = 1;
	op_submit(op);
}

static void
read_done(struct op *op)
{
	struct fuse_front *front = op->front;

	if (op->bdev.result < 0) {
		op_fail(op, -op->bdev.result);
		return;
	}
	front->stats.reads++;
	front->stats.read_bytes += op->bdev.length;
	if (op->req != NULL)
		fuse_reply_buf(op->req, op->iov.iov_base, op->iov.iov_len);
	op_end(op);
}

void
data_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
    struct fuse_file_info *fi)
{
	struct node *node = name_node(req, ino);

	(void)fi;
	if (node == NULL) {
		fuse_reply_err(req, EISDIR);
		return;
	}
	if (size > OP_PAYLOAD_MAX)
		size = OP_PAYLOAD_MAX;
	size = clip(node, (uint64_t)offset, size);
	if (size == 0) {
		fuse_reply_buf(req, NULL, 0);
		return;
	}
	op_transfer(
	    op_take(req, node, read_done), BDEV_READ, (uint64_t)offset, size);
}

/*
 * Coherence, see fuse_name.c: a write that bypasses the page cache while
 * others use it is followed by an invalidation of its range, and preceded by one
 * when others may write.
 */
static void
write_invalidate(struct op *op, void (*done)(struct inval *),
    void (*overdue)(struct inval *))
{
	op->inval.ino = op->node->ino;
	op->inval.offset = op->bdev.offset;
	op->inval.length = op->bdev.length;
	op->inval.done = done;
	op->inval.overdue = overdue;
	inval_submit(op->front, &op->inval);
}

static struct op *
inval_op(struct inval *inval)
{
	return (struct op *)((char *)inval - offsetof(struct op, inval));
}

static void
write_answer(struct op *op)
{
	if (op->req == NULL)
		return;
	if (op->bdev.result < 0)
		fuse_reply_err(op->req, -op->bdev.result);
	else
		fuse_reply_write(op->req, op->bdev.length);
	op_answered(op);
}

static void
write_invalidated(struct inval *inval)
{
	struct op *op = inval_op(inval);

	write_answer(op);
	op_end(op);
}

/* A page is waited for whose READ may wait for this answer: the kernel has so
 * many asynchronous requests at a time. */
static void
write_overdue(struct inval *inval)
{
	write_answer(inval_op(inval));
}

static void
write_done(struct op *op)
{
	struct fuse_front *front = op->front;

	if (op->bdev.result == 0) {
		front->stats.writes++;
		front->stats.written_bytes += op->bdev.length;
		name_written(op->node);
	}
	/* A failed write too may have changed the medium. */
	if (op->direct && op->node->cached_opens > 0) {
		write_invalidate(op, write_invalidated, write_overdue);
		return;
	}
	write_answer(op);
	op_end(op);
}

static void
write_begin(struct inval *inval)
{
	struct op *op = inval_op(inval);

	op_submit(op);
}

void
data_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
    off_t offset, struct fuse_file_info *fi)
{
	struct node *node = name_node(req, ino);
	struct op *op;

	if (node == NULL) {
		fuse_reply_err(req, EISDIR);
		return;
	}
	size = clip(node, (uint64_t)offset, size);
	if (size == 0) {
		fuse_reply_err(req, ENOSPC);
		return;
	}
	op = op_take(req, node, write_done);
	op_touch(op, size);
	/* The page cache writes through any handle, also a direct one. */
	op->direct = (fi->fh & FH_DIRECT) != 0 && !fi->writepage;
	if ((fi->fh & FH_CACHE_WRITER) != 0 && (fi->flags & O_DIRECT) == 0)
		node->cache_written = true;
	op->iov.iov_base = (void *)(uintptr_t)buf; /* in the op, see op_rx() */
	op->iov.iov_len = size;
	op->bdev.op = BDEV_WRITE;
	op->bdev.flags = (fi->flags & O_DSYNC) != 0 ? BDEV_FUA : 0;
	op->bdev.offset = (uint64_t)offset;
	op->bdev.length = size;
	op->bdev.iov = &op->iov;
	op->bdev.iovcnt = 1;
	if (op->direct && node->cache_writers > 0)
		write_invalidate(op, write_begin, NULL);
	else
		op_submit(op);
}

static void
zero_done(struct op *op)
{
	if (op->bdev.result == 0)
		name_written(op->node);
	op_fail(op, -op->bdev.result);
}

static void
fsync_done(struct op *op)
{
	op_fail(op, -op->bdev.result);
}

void
data_fsync(
    fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct node *node = name_node(req, ino);
	struct op *op;

	(void)datasync;
	(void)fi;
	if (node == NULL) {
		fuse_reply_err(req, 0);
		return;
	}
	op = op_take(req, node, fsync_done);
	op->bdev.op = BDEV_FLUSH;
	op_submit(op);
}

/*
 * Allocating is nothing to do when every block has its place, and cannot be
 * promised when not.  What would make the file longer finds no space.
 */
static int
allocate(const struct node *node, uint64_t offset, uint64_t length)
{
	if (clip(node, offset, length) != length)
		return ENOSPC;
	return node->bdev->thin ? EOPNOTSUPP : 0;
}

void
data_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset,
    off_t length, struct fuse_file_info *fi)
{
	struct node *node = name_node(req, ino);
	int what = mode & ~FALLOC_FL_KEEP_SIZE;
	struct op *op;
	uint64_t inside;

	(void)fi;
	if (node == NULL) {
		fuse_reply_err(req, EISDIR);
		return;
	}
	if (what == 0) {
		fuse_reply_err(
		    req, allocate(node, (uint64_t)offset, (uint64_t)length));
		return;
	}
	if (what != FALLOC_FL_PUNCH_HOLE && what != FALLOC_FL_ZERO_RANGE) {
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	inside = clip(node, (uint64_t)offset, (uint64_t)length);
	if (inside < (uint64_t)length && (mode & FALLOC_FL_KEEP_SIZE) == 0) {
		fuse_reply_err(req, ENOSPC);
		return;
	}
	if (inside == 0) {
		fuse_reply_err(req, 0);
		return;
	}
	op = op_take(req, node, zero_done);
	op->bdev.op = BDEV_ZERO;
	op->bdev.flags = what == FALLOC_FL_ZERO_RANGE ? BDEV_NO_HOLE : 0;
	op->bdev.offset = (uint64_t)offset;
	op->bdev.length = inside;
	op_submit(op);
}

static void
seek_answer(struct op *op, uint64_t offset)
{
	if (op->req != NULL)
		fuse_reply_lseek(op->req, (off_t)offset);
	op_end(op);
}

static void
seek_ask(struct op *op, uint64_t offset)
{
	op->bdev.op = BDEV_EXTENTS;
	op->bdev.offset = offset;
	op->bdev.length = op->node->bdev->size - offset;
	op->bdev.extents = op_payload(op);
	op->bdev.extents_max = SEEK_EXTENTS;
	op_submit(op);
}

static void
seek_done(struct op *op)
{
	enum bdev_alloc wanted =
	    op->whence == SEEK_HOLE ? BDEV_HOLE : BDEV_DATA;
	uint64_t offset = op->bdev.offset, size = op->node->bdev->size;
	unsigned i;

	if (op->bdev.result < 0) {
		op_fail(op, -op->bdev.result);
		return;
	}
	for (i = 0; i < op->bdev.extents_n; i++) {
		if (op->bdev.extents[i].alloc == wanted) {
			seek_answer(op, offset);
			return;
		}
		offset += op->bdev.extents[i].length;
	}
	if (offset < size && op->req != NULL)
		seek_ask(op, offset);
	else if (op->whence == SEEK_HOLE)
		seek_answer(op, size); /* the end counts as a hole */
	else
		op_fail(op, ENXIO);
}

void
data_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence,
    struct fuse_file_info *fi)
{
	struct node *node = name_node(req, ino);
	struct op *op;

	(void)fi;
	if (node == NULL || (whence != SEEK_HOLE && whence != SEEK_DATA)) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	if (offset < 0 || (uint64_t)offset >= node->bdev->size) {
		fuse_reply_err(req, ENXIO);
		return;
	}
	if (!node->bdev->thin) {
		fuse_reply_lseek(req,
		    whence == SEEK_DATA ? offset : (off_t)node->bdev->size);
		return;
	}
	op = op_take(req, node, seek_done);
	op->whence = whence;
	seek_ask(op, (uint64_t)offset);
}
