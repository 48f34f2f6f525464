/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each request is a job of the helper pool, with blocking calls on a shared
 * descriptor.  Requests that change the content hold a lock on their range
 * (range.h) while their job runs, so that overlapping ones are applied in the
 * order of their submission.  Reads pass: the contract gives them no order.
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
#include <sys/uio.h>
#include <linux/fs.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/iov.h"
#include "block/range.h"

#define IOV_MOST 64
#define ZEROS	 65536

struct file {
	struct bdev bdev; /* first: a bdev is cast to what it is part of */
	struct loop *loop;
	int fd;
	bool holes;	       /* the file system tells holes */
	atomic_int sync_error; /* of the first sync that failed */
	struct range_set ranges;
	TAILQ_HEAD(, file_req) spare;
	struct bdev_req_queue refused; /* completed by finish_refused */
	struct deferred finish_refused;
};

struct file_req {
	struct job job;
	struct range range; /* when it changes the content */
	struct file *file;
	struct bdev_req *req;
	int result;
	TAILQ_ENTRY(file_req) link;
};

static const uint8_t zeros[ZEROS];

static struct file *
file_of(struct bdev *bdev)
{
	return (struct file *)bdev;
}

/* ---- in a helper ---- */

/* What consumers are told for an errno of the medium. */
static int
file_errno(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return -ENOSPC;
	case EROFS:
	case EPERM:
		return -EROFS;
	case EOPNOTSUPP:
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

static int
sync_failed(struct file *f, int error)
{
	int none = 0;

	atomic_compare_exchange_strong(&f->sync_error, &none, error);
	return file_errno(error);
}

static int
file_sync(struct file *f)
{
	int error = atomic_load(&f->sync_error);

	if (error != 0)
		return file_errno(error);
	if (fdatasync(f->fd) == -1)
		return sync_failed(f, errno);
	return 0;
}

static int
file_read(struct file *f, const struct bdev_req *req)
{
	struct iovec iov[IOV_MOST];
	uint64_t done = 0;

	while (done < req->length) {
		int n = iov_part(req->iov, req->iovcnt, done,
		    req->length - done, iov, IOV_MOST);
		ssize_t got =
		    preadv(f->fd, iov, n, (off_t)(req->offset + done));

		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			return file_errno(errno);
		if (got == 0)
			return -EIO; /* the file was truncated under us */
		done += (uint64_t)got;
	}
	return 0;
}

static int
file_write(struct file *f, const struct bdev_req *req)
{
	int flags = req->flags & BDEV_FUA ? RWF_DSYNC : 0;
	struct iovec iov[IOV_MOST];
	uint64_t done = 0;

	while (done < req->length) {
		int n = iov_part(req->iov, req->iovcnt, done,
		    req->length - done, iov, IOV_MOST);
		ssize_t put =
		    pwritev2(f->fd, iov, n, (off_t)(req->offset + done), flags);

		if (put == -1 && errno == EINTR)
			continue;
		if (put == -1 && flags != 0 && errno != ENOSPC &&
		    errno != EDQUOT)
			return sync_failed(f, errno);
		if (put == -1)
			return file_errno(errno);
		if (put == 0)
			return -EIO;
		done += (uint64_t)put;
	}
	return 0;
}

static int
write_zeros(struct file *f, uint64_t offset, uint64_t length)
{
	while (length > 0) {
		size_t n = length < ZEROS ? length : ZEROS;
		ssize_t put = pwrite(f->fd, zeros, n, (off_t)offset);

		if (put == -1 && errno == EINTR)
			continue;
		if (put == -1)
			return file_errno(errno);
		if (put == 0)
			return -EIO;
		offset += (uint64_t)put;
		length -= (uint64_t)put;
	}
	return 0;
}

static int
file_fallocate(struct file *f, int mode, const struct bdev_req *req)
{
	int error;

	do {
		error = fallocate(f->fd, mode | FALLOC_FL_KEEP_SIZE,
		    (off_t)req->offset, (off_t)req->length);
	} while (error == -1 && errno == EINTR);
	return error == -1 ? -errno : 0;
}

/* On a block device the kernel turns both modes into zeroing, aligned ranges
 * only; what it refuses is written. */
static int
file_zero(struct file *f, const struct bdev_req *req)
{
	int mode = req->flags & BDEV_NO_HOLE ? FALLOC_FL_ZERO_RANGE
					     : FALLOC_FL_PUNCH_HOLE;
	int result = file_fallocate(f, mode, req);

	if (result == -EOPNOTSUPP || result == -EINVAL) {
		if (req->flags & BDEV_FAST)
			return -EOPNOTSUPP;
		result = write_zeros(f, req->offset, req->length);
	} else if (result < 0) {
		result = file_errno(-result);
	}
	if (result == 0 && req->flags & BDEV_FUA)
		result = file_sync(f);
	return result;
}

static int
file_discard(struct file *f, const struct bdev_req *req)
{
	int result = file_fallocate(f, FALLOC_FL_PUNCH_HOLE, req);

	if (result == -EINVAL)
		return -EOPNOTSUPP;
	return result < 0 ? file_errno(-result) : 0;
}

/* The end of the run that begins at `at`, and what it is. */
static uint64_t
file_run(const struct file *f, uint64_t at, uint64_t end, enum bdev_alloc *ret)
{
	off_t next = lseek(f->fd, (off_t)at, SEEK_DATA);

	if (next == -1) {
		/* ENXIO: no data from here to the end of the file. */
		*ret = errno == ENXIO ? BDEV_HOLE : BDEV_DATA;
		return end;
	}
	if ((uint64_t)next > at) {
		*ret = BDEV_HOLE;
		return (uint64_t)next < end ? (uint64_t)next : end;
	}
	*ret = BDEV_DATA;
	next = lseek(f->fd, (off_t)at, SEEK_HOLE);
	return next > (off_t)at && (uint64_t)next < end ? (uint64_t)next : end;
}

static int
file_extents(struct file *f, struct bdev_req *req)
{
	uint64_t at = req->offset;
	uint64_t end = req->offset + req->length;
	unsigned n = 0;

	while (at < end && n < req->extents_max) {
		enum bdev_alloc alloc = BDEV_DATA;
		uint64_t stop = f->holes ? file_run(f, at, end, &alloc) : end;

		req->extents[n++] =
		    (struct bdev_extent){ .length = stop - at, .alloc = alloc };
		at = stop;
	}
	req->extents_n = n;
	return 0;
}

static void
file_work(struct job *job)
{
	struct file_req *fr = job->ctx;
	struct bdev_req *req = fr->req;
	struct file *f = fr->file;

	switch (req->op) {
	case BDEV_READ:
		fr->result = file_read(f, req);
		break;
	case BDEV_WRITE:
		fr->result = file_write(f, req);
		break;
	case BDEV_FLUSH:
		fr->result = file_sync(f);
		break;
	case BDEV_DISCARD:
		fr->result = file_discard(f, req);
		break;
	case BDEV_ZERO:
		fr->result = file_zero(f, req);
		break;
	case BDEV_EXTENTS:
		fr->result = file_extents(f, req);
		break;
	case BDEV_COPY: /* bdev_check() refuses it */
		break;
	}
}

/* ---- in the loop ---- */

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
	*fr = (struct file_req){
		.job = { .work = file_work, .done = file_done, .ctx = fr },
		.range = { .first = req->offset,
		    .end = req->offset + req->length },
		.file = f,
		.req = req
	};
	return fr;
}

static void
file_submit(struct bdev *bdev, struct bdev_req *req)
{
	struct file *f = file_of(bdev);
	int check = bdev_check(bdev, req);
	struct file_req *fr = NULL;

	if (check > 0) {
		check = -ENOMEM;
		if (bdev_place(req) == 0)
			fr = file_req_get(f, req);
	}
	if (fr == NULL) {
		req->result = check;
		TAILQ_INSERT_TAIL(&f->refused, req, link);
		deferred_set(f->loop, &f->finish_refused);
		return;
	}
	if (!changes_content(req) || range_add(&f->ranges, &fr->range))
		job_submit(f->loop, &fr->job);
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
	close(f->fd);
	free(f);
}

static const struct bdev_ops file_ops = {
	.submit = file_submit,
	.close = file_close,
};

/* ---- opening ---- */

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
		return error_set(err, ERROR_FAILED, "%s: %s%s", path,
		    strerror(errno),
		    !read_only && (errno == EACCES || errno == EROFS)
			? " (read-only access may be possible)"
			: "");
	if (fstat(fd, ret_st) == -1 ||
	    (ret_st->st_mode & S_IFMT) != (st.st_mode & S_IFMT)) {
		close(fd);
		return error_set(
		    err, ERROR_FAILED, "%s: changed while it was opened", path);
	}
	if (flock(fd, (read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) == -1) {
		error_set(err, ERROR_FAILED, "%s: %s", path,
		    errno == EWOULDBLOCK ? "in use by another process"
					 : strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

/* Size, blocks and abilities of a block device. */
static int
file_probe_block(struct file *f, uint32_t *ret_block)
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
	*ret_block = (uint32_t)block;
	return 0;
}

/* Punching a hole behind the end changes nothing and tells whether the file
 * system can.  One that cannot tell holes shows everything as data. */
static void
file_probe_regular(struct file *f, const struct stat *st, bool read_only)
{
	off_t size = st->st_size;

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
file_probe(struct file *f, const char *path, const struct stat *st,
    uint32_t block_size, struct error *err)
{
	uint32_t native = 512;
	int error;

	if (S_ISBLK(st->st_mode)) {
		error = file_probe_block(f, &native);
		if (error < 0)
			return error_set(err, ERROR_FAILED, "%s: %s", path,
			    strerror(-error));
	} else {
		file_probe_regular(f, st, f->bdev.read_only);
	}
	if (block_size == 0)
		block_size = native;
	f->bdev.block_size = block_size;
	if (f->bdev.physical_block_size < block_size)
		f->bdev.physical_block_size = block_size;
	f->bdev.size -= f->bdev.size % block_size;
	if (f->bdev.size == 0)
		return error_set(err, ERROR_FAILED,
		    "%s: smaller than one block of %u bytes", path, block_size);
	return 0;
}

int
file_open(struct loop *loop, const char *path, bool read_only,
    uint32_t block_size, struct bdev **ret, struct error *err)
{
	struct file *f;
	struct stat st;
	int fd = file_open_fd(path, read_only, &st, err);

	if (fd == -1)
		return -1;
	f = calloc(1, sizeof(*f));
	if (f == NULL) {
		close(fd);
		return error_set(
		    err, ERROR_FAILED, "%s: %s", path, strerror(ENOMEM));
	}
	f->loop = loop;
	f->fd = fd;
	range_set_init(&f->ranges);
	TAILQ_INIT(&f->spare);
	TAILQ_INIT(&f->refused);
	f->finish_refused =
	    (struct deferred){ .run = file_finish_refused, .ctx = f };
	f->bdev = (struct bdev){
		.ops = &file_ops, .read_only = read_only, .volatile_cache = true
	};
	if (file_probe(f, path, &st, block_size, err) == -1) {
		file_close(&f->bdev);
		return -1;
	}
	*ret = &f->bdev;
	return 0;
}
