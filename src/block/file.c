/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each request is a job of the helper pool, with blocking calls on a shared
 * descriptor, but for a READ of what is in memory: that is done in the loop,
 * since the way through another thread costs more than the copy.  It is one
 * READ for each pass of deferred calls, so that what follows from the one
 * before is under way first; and while others wait, a helper has a large one,
 * so that two processors copy.  Requests that change the content hold a lock on
 * their range (range.h) while their job runs, so that overlapping ones are
 * applied in the order of their submission.  Reads pass: the contract gives
 * them no order.  The kernel lets one thread at a time write to a regular file,
 * so those that go to the page cache have a lane (loop.h).
 *
 * The page cache is the volatile cache of this device: FLUSH is fdatasync(),
 * FUA is RWF_DSYNC.  Linux tells a failed write-back once, to one caller, and
 * then takes the lost pages for clean; so once a sync has failed, every later
 * one fails as well (sync_error), since it could no longer be trusted.  Out of
 * space is told before anything is taken in, so it does not count.
 */
#include "block/file.h"

#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block/file_impl.h"
#include "io/blockdev.h"

/* Of a shorter READ the copy is the least. */
#define HELPER_LEAST 65536

static struct file *
file_of(struct bdev *bdev)
{
	return (struct file *)bdev;
}

/* ---- requests ---- */

static bool
changes_content(const struct bdev_req *req)
{
	return req->op == BDEV_WRITE || req->op == BDEV_DISCARD ||
	       req->op == BDEV_ZERO;
}

static void
file_done(struct job *job)
{
	struct file_req *fr = job->ctx;
	struct file *f = fr->file;
	struct bdev_req *req = fr->req;
	struct range *next;

	f->reading -= req->op == BDEV_READ;
	if (changes_content(req)) {
		range_remove(&f->ranges, &fr->range);
		while ((next = range_granted(&f->ranges)) != NULL) {
			struct file_req *waited =
			    (struct file_req *)((char *)next -
						offsetof(
						    struct file_req, range));

			job_submit(f->loop, &waited->job);
		}
	}
	req->result = fr->result;
	TAILQ_INSERT_HEAD(&f->spare, fr, link);
	req->done(req);
}

static struct lane *
file_lane(struct file *f, const struct bdev_req *req)
{
	bool one_by_one =
	    f->regular && changes_content(req) && !(req->flags & BDEV_FUA);

	return one_by_one ? &f->writes : NULL;
}

static struct file_req *
file_req_get(struct file *f, struct bdev_req *req)
{
	struct file_req *fr = TAILQ_FIRST(&f->spare);

	if (fr != NULL) {
		TAILQ_REMOVE(&f->spare, fr, link);
	} else {
		fr = malloc(sizeof(*fr));
		if (fr == NULL)
			return NULL;
	}
	*fr = (struct file_req){ .job = { .work = file_work,
				     .done = file_done,
				     .ctx = fr,
				     .lane = file_lane(f, req) },
		.range = { .first = req->offset,
		    .end = req->offset + req->length },
		.file = f,
		.req = req };
	return fr;
}

/* Another descriptor of the same file, whatever has become of its name. */
static void
file_open_direct(struct file *f)
{
	char name[64];

	if (f->direct_tried)
		return;
	f->direct_tried = true;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", f->fd);
	f->direct_fd = open(name, O_RDONLY | O_DIRECT | O_CLOEXEC);
}

static void
file_refuse(struct file *f, struct bdev_req *req, int result)
{
	req->result = result;
	TAILQ_INSERT_TAIL(&f->refused, req, link);
	deferred_set(f->loop, &f->finish_refused);
}

/* By a helper. */
static void
file_start(struct file *f, struct bdev_req *req)
{
	struct file_req *fr = NULL;

	if (bdev_place(req) == 0)
		fr = file_req_get(f, req);
	if (fr == NULL) {
		file_refuse(f, req, -ENOMEM);
		return;
	}
	f->reading += req->op == BDEV_READ;
	if (!changes_content(req) || range_add(&f->ranges, &fr->range))
		job_submit(f->loop, &fr->job);
}

static bool
is_for_helper(const struct file *f, const struct bdev_req *req)
{
	return !TAILQ_EMPTY(&f->tried) && f->reading == 0 &&
	       req->length >= HELPER_LEAST;
}

static void
file_try_one(struct deferred *d)
{
	struct file *f = d->ctx;
	struct bdev_req *req = TAILQ_FIRST(&f->tried);

	TAILQ_REMOVE(&f->tried, req, link);
	if (!TAILQ_EMPTY(&f->tried))
		deferred_set(f->loop, d);
	if (is_for_helper(f, req)) {
		file_start(f, req);
	} else if (bdev_place(req) < 0) {
		file_refuse(f, req, -ENOMEM);
	} else if (file_read_now(f, req)) {
		req->result = 0;
		req->done(req);
	} else {
		file_start(f, req);
	}
}

static void
file_submit(struct bdev *bdev, struct bdev_req *req)
{
	struct file *f = file_of(bdev);
	int check = bdev_check(bdev, req);

	if (check <= 0) {
		file_refuse(f, req, check);
		return;
	}
	if (req->op == BDEV_READ && req->flags & BDEV_FUA) {
		file_open_direct(f);
	} else if (req->op == BDEV_READ && f->missed > 0) {
		f->missed--;
	} else if (req->op == BDEV_READ && f->tries) {
		TAILQ_INSERT_TAIL(&f->tried, req, link);
		deferred_set(f->loop, &f->try_one);
		return;
	}
	file_start(f, req);
}

static void
file_finish_refused(struct deferred *d)
{
	struct file *f = d->ctx;
	struct bdev_req_queue refused = TAILQ_HEAD_INITIALIZER(refused);
	struct bdev_req *req;

	TAILQ_CONCAT(&refused, &f->refused, link);
	while ((req = TAILQ_FIRST(&refused)) != NULL) {
		TAILQ_REMOVE(&refused, req, link);
		req->done(req);
	}
}

static void
file_close(struct bdev *bdev)
{
	struct file *f = file_of(bdev);
	struct file_req *fr;

	while ((fr = TAILQ_FIRST(&f->spare)) != NULL) {
		TAILQ_REMOVE(&f->spare, fr, link);
		free(fr);
	}
	deferred_clear(f->loop, &f->finish_refused);
	deferred_clear(f->loop, &f->try_one);
	if (f->direct_fd != -1)
		close(f->direct_fd);
	close(f->fd);
	free(f->path);
	free(f);
}

static const struct bdev_ops file_ops = {
	.submit = file_submit,
	.close = file_close,
	.borrow = file_borrow,
	.give_back = file_give_back,
};

/* ---- opening ---- */

static int
open_failed(struct error *err, const char *path, bool read_only)
{
	int error = errno;

	if (!read_only && error == EBUSY)
		return error_set(err, ERROR_FAILED,
		    "%s: in use: mounted, or part of another device", path);
	return error_set(err, ERROR_FAILED, "%s: %s%s", path, strerror(error),
	    !read_only && (error == EACCES || error == EROFS)
		? " (read-only access may be possible)"
		: "");
}

static int
lock_file(int fd, const char *path, bool read_only, struct error *err)
{
	if (flock(fd, (read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0)
		return 0;
	return error_set(err, ERROR_FAILED, "%s: %s", path,
	    errno == EWOULDBLOCK ? "in use by another process"
				 : strerror(errno));
}

/* A block device is opened exclusively, which a mounted one refuses. */
static int
file_open_fd(
    const char *path, bool read_only, struct stat *ret_st, struct error *err)
{
	int flags = O_CLOEXEC | (read_only ? O_RDONLY : O_RDWR);
	struct stat st;
	int fd;

	if (stat(path, &st) == -1)
		return error_set(
		    err, ERROR_FAILED, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return error_set(err, ERROR_FAILED,
		    "%s: neither a regular file nor a block device", path);
	if (S_ISBLK(st.st_mode) && !read_only)
		flags |= O_EXCL;
	fd = open(path, flags);
	if (fd == -1)
		return open_failed(err, path, read_only);
	if (fstat(fd, ret_st) == -1 ||
	    (ret_st->st_mode & S_IFMT) != (st.st_mode & S_IFMT)) {
		close(fd);
		return error_set(
		    err, ERROR_FAILED, "%s: changed while it was opened", path);
	}
	if (lock_file(fd, path, read_only, err) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A partition does what its disk does. */
static bool
zeroes_by_itself(dev_t dev)
{
	char most[BLOCKDEV_ATTRIBUTE];

	return (blockdev_attribute(dev, "queue/write_zeroes_max_bytes", most) ||
		   blockdev_attribute(
		       dev, "../queue/write_zeroes_max_bytes", most)) &&
	       most[0] != '0';
}

/* Size, blocks and abilities of a block device. */
static int
file_probe_block(struct file *f, dev_t dev, uint32_t *ret_block)
{
	unsigned physical = 0;
	uint64_t size;
	int block = 0;

	if (ioctl(f->fd, BLKGETSIZE64, &size) == -1 ||
	    ioctl(f->fd, BLKSSZGET, &block) == -1)
		return -errno;
	if (block < 512)
		return -EINVAL;
	if (ioctl(f->fd, BLKPBSZGET, &physical) == -1)
		physical = 0;
	f->bdev.size = size;
	f->bdev.physical_block_size = physical;
	/* Whether the medium can is seen when it is asked to. */
	f->bdev.can_discard = true;
	f->bdev.can_fast_zero = zeroes_by_itself(dev);
	*ret_block = (uint32_t)block;
	return 0;
}

/* Punching a hole behind the end changes nothing and tells whether the file
 * system can.  One that cannot tell holes shows everything as data. */
static void
file_probe_regular(struct file *f, const struct stat *st, bool read_only)
{
	off_t size = st->st_size;
	struct statfs fs;

	f->regular = f->tries = true;
	f->lends = read_only;
	/* A file system in RAM waits only for swap, and may not know the
	 * flag. */
	if (fstatfs(f->fd, &fs) == -1 || fs.f_type != TMPFS_MAGIC)
		f->try_flags = RWF_NOWAIT;
	f->bdev.size = (uint64_t)size;
	f->bdev.physical_block_size = 4096;
	f->holes = lseek(f->fd, size, SEEK_DATA) != -1 || errno == ENXIO;
	f->bdev.thin = f->holes;
	if (read_only)
		return;
	f->bdev.can_discard = f->bdev.can_fast_zero =
	    fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, size,
		4096) == 0;
}

static int
file_probe(struct file *f, const struct stat *st, uint32_t block_size,
    struct error *err)
{
	bool device = S_ISBLK(st->st_mode);
	uint32_t native = 512;
	int error;

	if (device) {
		error = file_probe_block(f, st->st_rdev, &native);
		if (error < 0)
			return error_set(err, ERROR_FAILED, "%s: %s", f->path,
			    strerror(-error));
	} else {
		file_probe_regular(f, st, f->bdev.read_only);
	}
	if (block_size == 0 || (block_size == 1 && device))
		block_size = native;
	f->bdev.block_size = block_size;
	if (f->bdev.physical_block_size < block_size)
		f->bdev.physical_block_size = block_size;
	f->bdev.size -= f->bdev.size % block_size;
	if (f->bdev.size == 0 && block_size > 1)
		return error_set(err, ERROR_FAILED,
		    "%s: smaller than one block of %u bytes", f->path,
		    block_size);
	return 0;
}

/* Takes fd. */
static int
file_new(struct loop *loop, int fd, const char *path, bool read_only,
    struct file **ret, struct error *err)
{
	struct file *f = calloc(1, sizeof(*f));
	char *name = strdup(path);

	if (f == NULL || name == NULL) {
		free(f);
		free(name);
		close(fd);
		return error_set(
		    err, ERROR_FAILED, "%s: %s", path, strerror(ENOMEM));
	}
	f->loop = loop;
	f->fd = fd;
	f->direct_fd = -1;
	f->path = name;
	range_set_init(&f->ranges);
	TAILQ_INIT(&f->spare);
	TAILQ_INIT(&f->refused);
	TAILQ_INIT(&f->tried);
	f->finish_refused =
	    (struct deferred){ .run = file_finish_refused, .ctx = f };
	f->try_one = (struct deferred){ .run = file_try_one, .ctx = f };
	f->bdev = (struct bdev){
		.ops = &file_ops, .read_only = read_only, .volatile_cache = true
	};
	*ret = f;
	return 0;
}

int
file_open(struct loop *loop, const char *path, bool read_only,
    uint32_t block_size, struct bdev **ret, struct error *err)
{
	struct file *f;
	struct stat st;
	int fd = file_open_fd(path, read_only, &st, err);

	if (fd == -1 || file_new(loop, fd, path, read_only, &f, err) == -1)
		return -1;
	if (file_probe(f, &st, block_size, err) == -1) {
		file_close(&f->bdev);
		return -1;
	}
	*ret = &f->bdev;
	return 0;
}

/* ---- a new file ---- */

/* A file system that cannot sync a folder has nothing to be synced. */
static int
sync_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder =
	    slash == NULL
		? strdup(".")
		: strndup(path, slash == path ? 1 : (size_t)(slash - path));
	int error = 0;
	int fd;

	if (folder == NULL)
		return -ENOMEM;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	/* A folder may be writable and not readable. */
	if (fd == -1)
		return errno == EACCES ? 0 : -errno;
	if (fsync(fd) == -1 && errno != EINVAL && errno != EROFS)
		error = -errno;
	close(fd);
	return error;
}

static int
file_make(struct loop *loop, int fd, const char *path, uint64_t size,
    struct file **ret, struct error *err)
{
	struct stat st = { .st_mode = S_IFREG };
	struct file *f;
	int error;

	if (file_new(loop, fd, path, false, &f, err) == -1)
		return -1;
	if (lock_file(fd, path, false, err) == -1 ||
	    file_probe(f, &st, 1, err) == -1) {
		file_close(&f->bdev);
		return -1;
	}
	error = sync_folder_of(path);
	if (error != 0)
		error_set(err, ERROR_FAILED, "%s: %s", path, strerror(-error));
	if (error != 0 || file_resize(&f->bdev, size, err) == -1) {
		file_close(&f->bdev);
		return -1;
	}
	*ret = f;
	return 0;
}

int
file_create(struct loop *loop, const char *path, uint64_t size,
    struct bdev **ret, struct error *err)
{
	struct file *f;
	int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

	if (fd == -1)
		return error_set(
		    err, ERROR_FAILED, "%s: %s", path, strerror(errno));
	if (file_make(loop, fd, path, size, &f, err) == -1) {
		unlink(path);
		return -1;
	}
	*ret = &f->bdev;
	return 0;
}

int
file_resize(struct bdev *bdev, uint64_t size, struct error *err)
{
	struct file *f = file_of(bdev);

	f->grows = size == UINT64_MAX;
	if (f->grows) {
		bdev->size = INT64_MAX;
		return 0;
	}
	if (size > INT64_MAX || ftruncate(f->fd, (off_t)size) == -1)
		return error_set(err, ERROR_FAILED,
		    "%s: cannot be made %" PRIu64 " bytes long: %s", f->path,
		    size, strerror(size > INT64_MAX ? EFBIG : errno));
	bdev->size = size;
	return 0;
}

/* ---- which file it is ---- */

/* The disk that a device is a partition of, or the device. */
static dev_t
disk_of(dev_t dev)
{
	unsigned long whole_major;
	char line[BLOCKDEV_ATTRIBUTE], *colon;

	/* The partition's folder stands in the disk's. */
	if (!blockdev_attribute(dev, "partition", line) ||
	    !blockdev_attribute(dev, "../dev", line))
		return dev;
	whole_major = strtoul(line, &colon, 10);
	if (*colon == ':')
		dev = makedev((unsigned)whole_major,
		    (unsigned)strtoul(colon + 1, NULL, 10));
	return dev;
}

bool
file_same(const struct bdev *bdev, const char *path)
{
	struct stat mine, other;

	if (bdev->ops != &file_ops || stat(path, &other) == -1 ||
	    fstat(((const struct file *)bdev)->fd, &mine) == -1)
		return false;
	if (S_ISBLK(mine.st_mode) && S_ISBLK(other.st_mode))
		return mine.st_rdev == other.st_rdev ||
		       mine.st_rdev == disk_of(other.st_rdev) ||
		       disk_of(mine.st_rdev) == other.st_rdev;
	return mine.st_dev == other.st_dev && mine.st_ino == other.st_ino;
}
