/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuse_name - names, attributes, and who has what open.
 *
 * Inode 1 is what is mounted: the folder, or the single file.  In a folder the
 * files are 2, 3, ...; they never change, so the kernel may keep names and
 * attributes for long.  It drops attributes itself when it writes, and when a
 * device changes we tell it to (node_changed).
 *
 * Coherence.  A handle opened without O_DIRECT uses the page cache.  The kernel
 * drops its pages at each open without FOPEN_KEEP_CACHE, so that users find what
 * is at the device, and we set that flag for them in one case alone: write(2)
 * fills a page before its WRITE is sent, and a page that is dropped in between
 * and read again stays older than the device.  So an open drops nothing while a
 * handle is open through which the cache is written.  A handle opened with O_DIRECT
 * bypasses the cache, in one of two ways:
 *
 *  - Without FOPEN_DIRECT_IO the kernel's generic code writes dirty pages back
 *    before, and invalidates after, each direct write, and serialises direct
 *    writes.  It is coherent (but for asynchronous writes, io_submit(2) and
 *    io_uring(7), after which it does not invalidate) and slow.
 *  - With FOPEN_DIRECT_IO and FOPEN_PARALLEL_DIRECT_WRITES (Linux 6.2) requests
 *    come straight and in parallel.  The kernel does not look after the page
 *    cache then: before 6.6 not at all, before 6.18 not after a write.
 *
 * So: an O_DIRECT open gets the fast way only while no handle is open that may
 * write through the cache.  While no handle uses the cache there are no cached
 * pages that anybody could see: the next cached open drops them all, and a dirty
 * page cannot be left, for close and munmap write it back before RELEASE.  While
 * there are such handles beside fast ones, every write through one of those is
 * answered only after an invalidation of its range, which drops pages read
 * meanwhile.  When one of them may write, the write is preceded by another one,
 * which writes dirty pages of the range back, so that they do not land on top of
 * the new data later.  Reads through fast handles need nothing:
 * without FUSE_CAP_WRITEBACK_CACHE each write(2) is answered after the device
 * has it.  Stores through shared mappings are written by msync or munmap;
 * against direct writes to the same page at the same time there is no order,
 * as on other file systems.
 *
 * FUSE_CAP_WRITEBACK_CACHE is never asked for: a write would be answered before
 * the target has it.
 */
#include <sys/stat.h>
#include <linux/fuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "front/fuse_impl.h"

#define KEEP_S 3600.0 /* seconds that names and attributes are valid */

static struct fuse_front *
req_front(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

struct node *
name_node(fuse_req_t req, fuse_ino_t ino)
{
	struct fuse_front *front = req_front(req);
	fuse_ino_t first = front->config.single ? 1 : 2;

	if (ino < first || ino - first >= front->nnodes)
		return NULL;
	return &front->nodes[ino - first];
}

/* With -o allow_other the kernel lets everybody ask. */
static bool
permitted(fuse_req_t req)
{
	uid_t uid = fuse_req_ctx(req)->uid;

	return uid == 0 || uid == req_front(req)->uid;
}

static struct timespec
wall_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return now;
}

void
name_written(struct node *node)
{
	node->mtime = node->ctime = wall_clock();
}

static void
node_stat(const struct node *node, struct stat *st)
{
	const struct bdev *bdev = node->bdev;

	*st = (struct stat){
		.st_ino = node->ino,
		.st_mode = S_IFREG | (bdev->read_only ? 0400 : 0600),
		.st_nlink = 1,
		.st_uid = node->front->uid,
		.st_gid = node->front->gid,
		.st_size = (off_t)bdev->size,
		.st_blocks = (blkcnt_t)(bdev->size / 512),
		.st_blksize = 4096,
		.st_atim = node->atime,
		.st_mtim = node->mtime,
		.st_ctim = node->ctime,
	};
	if (bdev->physical_block_size > 4096)
		st->st_blksize = (blksize_t)bdev->physical_block_size;
}

static void
folder_stat(const struct fuse_front *front, struct stat *st)
{
	*st = (struct stat){
		.st_ino = 1,
		.st_mode = S_IFDIR | 0500,
		.st_nlink = 2,
		.st_uid = front->uid,
		.st_gid = front->gid,
		.st_blksize = 4096,
		.st_atim = front->born,
		.st_mtim = front->born,
		.st_ctim = front->born,
	};
}

static void
name_stat(fuse_req_t req, fuse_ino_t ino, struct stat *st)
{
	const struct node *node = name_node(req, ino);

	if (node != NULL)
		node_stat(node, st);
	else
		folder_stat(req_front(req), st);
}

static void
name_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_front *front = req_front(req);
	struct fuse_entry_param entry = {
		.attr_timeout = KEEP_S,
		.entry_timeout = KEEP_S,
	};
	size_t i;

	if (name_node(req, parent) != NULL) {
		fuse_reply_err(req, ENOTDIR);
		return;
	}
	for (i = 0; i < front->nnodes; i++)
		if (strcmp(front->nodes[i].name, name) == 0)
			break;
	if (i == front->nnodes) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	entry.ino = front->nodes[i].ino;
	node_stat(&front->nodes[i], &entry.attr);
	fuse_reply_entry(req, &entry);
}

static void
name_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	name_stat(req, ino, &st);
	fuse_reply_attr(req, &st, KEEP_S);
}

/* Mode and owner follow from what the disk is; asking for what they are is
 * fine, as cp and install do. */
static int
attr_check(const struct stat *now, const struct stat *attr, int set)
{
	if ((set & FUSE_SET_ATTR_MODE) != 0 &&
	    ((attr->st_mode ^ now->st_mode) & 07777) != 0)
		return EPERM;
	if ((set & FUSE_SET_ATTR_UID) != 0 && attr->st_uid != now->st_uid)
		return EPERM;
	if ((set & FUSE_SET_ATTR_GID) != 0 && attr->st_gid != now->st_gid)
		return EPERM;
	if ((set & FUSE_SET_ATTR_SIZE) != 0 && attr->st_size != now->st_size)
		return EINVAL;
	return 0;
}

static void
name_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int set,
    struct fuse_file_info *fi)
{
	struct node *node = name_node(req, ino);
	struct stat st;
	int error;

	(void)fi;
	name_stat(req, ino, &st);
	error = permitted(req) ? attr_check(&st, attr, set) : EACCES;
	if (error == 0 && (set & FUSE_SET_ATTR_SIZE) != 0 &&
	    node->bdev->read_only)
		error = EROFS;
	if (error != 0) {
		fuse_reply_err(req, error);
		return;
	}
	if (node != NULL) {
		node->ctime = wall_clock();
		if ((set & FUSE_SET_ATTR_ATIME) != 0)
			node->atime = attr->st_atim;
		if ((set & FUSE_SET_ATTR_MTIME) != 0)
			node->mtime = attr->st_mtim;
		if ((set & FUSE_SET_ATTR_ATIME_NOW) != 0)
			node->atime = node->ctime;
		if ((set & FUSE_SET_ATTR_MTIME_NOW) != 0)
			node->mtime = node->ctime;
	}
	name_getattr(req, ino, NULL);
}

static void
name_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	const struct node *node = name_node(req, ino);
	int error = 0;

	if (!permitted(req))
		error = EACCES;
	else if (node == NULL)
		error = (mask & W_OK) != 0 ? EACCES : 0;
	else if ((mask & X_OK) != 0)
		error = EACCES;
	else if ((mask & W_OK) != 0 && node->bdev->read_only)
		error = EROFS;
	fuse_reply_err(req, error);
}

static int
open_check(fuse_req_t req, const struct node *node, int flags)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;

	if (node == NULL)
		return EISDIR;
	if (!permitted(req))
		return EACCES;
	return writes && node->bdev->read_only ? EROFS : 0;
}

static void
open_count(struct node *node, uint64_t fh, int n)
{
	if ((fh & FH_DIRECT) == 0)
		node->cached_opens += (unsigned)n;
	if ((fh & FH_CACHE_WRITER) != 0)
		node->cache_writers += (unsigned)n;
	if (node->cache_writers == 0)
		node->cache_written = false;
	node->front->stats.open += (unsigned)n;
}

/*
 * O_TRUNC comes with the open, not as a SETATTR (FUSE_CAP_ATOMIC_O_TRUNC), and
 * changes nothing: a disk has the size that it has.
 */
static void
name_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = name_node(req, ino);
	struct fuse_open_out out = { 0 };
	int error = open_check(req, node, fi->flags);

	if (error != 0) {
		fuse_reply_err(req, error);
		return;
	}
	if ((fi->flags & O_DIRECT) != 0 && node->cache_writers == 0 &&
	    node->front->parallel_direct_writes) {
		out.fh = FH_DIRECT;
		out.open_flags = FOPEN_DIRECT_IO | FOPEN_KEEP_CACHE |
				 FOPEN_PARALLEL_DIRECT_WRITES;
	} else {
		if ((fi->flags & O_ACCMODE) != O_RDONLY)
			out.fh = FH_CACHE_WRITER;
		if (node->cache_written)
			out.open_flags = FOPEN_KEEP_CACHE;
	}
	open_count(node, out.fh, 1);
	/* libfuse 3.14 has no field for the second flag, so we fill the answer
	 * ourselves.  When it fails, the opener is gone and no RELEASE comes.
	 */
	if (fuse_reply_buf(req, (char *)&out, sizeof(out)) < 0)
		open_count(node, out.fh, -1);
}

static void
name_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = name_node(req, ino);

	if (node != NULL)
		open_count(node, fi->fh, -1);
	fuse_reply_err(req, 0);
}

static void
name_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (name_node(req, ino) != NULL)
		fuse_reply_err(req, ENOTDIR);
	else if (!permitted(req))
		fuse_reply_err(req, EACCES);
	else
		fuse_reply_open(req, fi);
}

static void
name_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
    struct fuse_file_info *fi)
{
	struct fuse_front *front = req_front(req);
	/* Nothing else uses the payload of the op that this request is in. */
	char *buf = op_payload(front->rx);
	size_t used = 0, entry, i;
	const char *name;
	struct stat st;

	(void)ino;
	(void)fi;
	if (size > OP_PAYLOAD_MAX)
		size = OP_PAYLOAD_MAX;
	for (i = (size_t)offset; i < front->nnodes + 2; i++) {
		folder_stat(front, &st);
		name = i == 0 ? "." : "..";
		if (i >= 2) {
			node_stat(&front->nodes[i - 2], &st);
			name = front->nodes[i - 2].name;
		}
		entry = fuse_add_direntry(
		    req, buf + used, size - used, name, &st, (off_t)i + 1);
		if (entry > size - used)
			break;
		used += entry;
	}
	fuse_reply_buf(req, buf, used);
}

static void
name_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct fuse_front *front = req_front(req);
	struct statvfs st = {
		.f_bsize = 4096,
		.f_frsize = 512,
		.f_files = front->nnodes,
		.f_namemax = 255,
	};
	size_t i;

	(void)ino;
	for (i = 0; i < front->nnodes; i++)
		st.f_blocks += front->nodes[i].bdev->size / 512;
	fuse_reply_statfs(req, &st);
}

static void
name_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg,
    struct fuse_file_info *fi, unsigned flags, const void *in, size_t in_size,
    size_t out_size)
{
	(void)ino, (void)cmd, (void)arg, (void)fi;
	(void)flags, (void)in, (void)in_size, (void)out_size;
	fuse_reply_err(req, ENOTTY);
}

/* The folder has the disks that the target has. */
static void
name_mknod(
    fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t dev)
{
	(void)parent, (void)name, (void)mode, (void)dev;
	fuse_reply_err(req, EPERM);
}

static void
name_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	(void)parent, (void)name, (void)mode;
	fuse_reply_err(req, EPERM);
}

static void
name_remove(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent, (void)name;
	fuse_reply_err(req, EPERM);
}

static void
name_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
    fuse_ino_t new_parent, const char *new_name, unsigned flags)
{
	(void)parent, (void)name, (void)new_parent, (void)new_name, (void)flags;
	fuse_reply_err(req, EPERM);
}

/*
 * What is missing here is answered with ENOSYS by libfuse, once: FLUSH (close
 * has nothing to do), FSYNCDIR, the extended attributes, POLL, COPY_FILE_RANGE
 * (the kernel then copies through read and write), locks (kept locally).
 */
void
name_ops(struct fuse_lowlevel_ops *ops)
{
	ops->lookup = name_lookup;
	ops->getattr = name_getattr;
	ops->setattr = name_setattr;
	ops->access = name_access;
	ops->open = name_open;
	ops->release = name_release;
	ops->opendir = name_opendir;
	ops->readdir = name_readdir;
	ops->statfs = name_statfs;
	ops->ioctl = name_ioctl;
	ops->mknod = name_mknod;
	ops->mkdir = name_mkdir;
	ops->unlink = name_remove;
	ops->rmdir = name_remove;
	ops->rename = name_rename;
	ops->read = data_read;
	ops->write = data_write;
	ops->fsync = data_fsync;
	ops->fallocate = data_fallocate;
	ops->lseek = data_lseek;
}

static void
node_changed_done(struct inval *inval)
{
	struct node *node =
	    (struct node *)((char *)inval - offsetof(struct node, changed));

	node->changed_running = false;
	if (node->changed_again)
		node->bdev->changed(node->bdev, node);
}

/* Size or write protection of the device is another one now. */
static void
node_changed(struct bdev *bdev, void *ctx)
{
	struct node *node = ctx;

	(void)bdev;
	node->changed_again = node->changed_running;
	if (node->changed_running)
		return;
	node->changed_running = true;
	node->changed.ino = node->ino;
	node->changed.length = 0;
	node->changed.done = node_changed_done;
	inval_submit(node->front, &node->changed);
}

int
name_init(struct fuse_front *front)
{
	const struct fuse_front_file *file = front->config.files;
	size_t i;

	front->born = wall_clock();
	front->nodes = calloc(front->config.nfiles, sizeof(*front->nodes));
	if (front->nodes == NULL)
		return -ENOMEM;
	for (i = 0; i < front->config.nfiles; i++, file++) {
		struct node *node = &front->nodes[i];

		front->nnodes++;
		TAILQ_INIT(&node->waiting);
		node->front = front;
		node->ino = i + (front->config.single ? 1 : 2);
		node->bdev = file->bdev;
		node->healthy = file->healthy;
		node->ctx = file->ctx;
		node->atime = node->mtime = node->ctime = front->born;
		node->name = strdup(file->name == NULL ? "" : file->name);
		if (node->name == NULL)
			return -ENOMEM;
		node->bdev->changed = node_changed;
		node->bdev->changed_ctx = node;
	}
	return 0;
}

void
name_fini(struct fuse_front *front)
{
	size_t i;

	for (i = 0; i < front->nnodes; i++) {
		front->nodes[i].bdev->changed = NULL;
		free(front->nodes[i].name);
	}
	free(front->nodes);
	front->nodes = NULL;
	front->nnodes = 0;
}
