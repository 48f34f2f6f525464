/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file_io - what a helper (or the loop) does for a file's request
 * (file_impl.h): blocking calls on a descriptor that all helpers share.
 *
 * A READ with BDEV_FUA is to see the medium.  O_DIRECT does that: the kernel
 * first writes out what is dirty in that range.  A file system without it has
 * the range written out and its pages dropped, and is then read as always.
 *
 * Every failure is told where it happens (file_fail), with what was tried and
 * at which offset.
 */
#include "block/file_impl.h"

#include <sys/uio.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/iov.h"

#define IOV_MOST      64
#define ZEROS	      65536
#define DIRECT_ALIGN  4096
#define DIRECT_BUFFER (1024 * 1024)

static const uint8_t zeros[ZEROS];

/* ---- failures ---- */

/* The medium's own words for a block that it cannot give or take. */
static bool
is_medium_error(int error)
{
	return error == EIO || error == ENODATA || error == EILSEQ ||
	       error == EBADMSG || error == EREMOTEIO;
}

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

/* Returns what file_errno() says; words: instead of the errno's own. */
static int
file_fail(
    const struct file_req *fr, uint64_t offset, int error, const char *words)
{
	static const char *const verbs[] = {
		[BDEV_READ] = "reading",
		[BDEV_WRITE] = "writing",
		[BDEV_DISCARD] = "discarding",
		[BDEV_ZERO] = "zeroing",
	};
	const struct bdev_req *req = fr->req;
	bool moves = req->op == BDEV_READ || req->op == BDEV_WRITE;

	if (words == NULL)
		words = strerror(error);
	error_set(req->why,
	    moves && is_medium_error(error) ? ERROR_IO : ERROR_FAILED,
	    "%s: %s at offset %" PRIu64 ": %s%s", fr->file->path,
	    verbs[req->op], offset, error == ENOSPC ? "the disk is full: " : "",
	    words);
	return file_errno(error);
}

/* ---- syncing ---- */

static int
sync_fail(const struct file_req *fr, int error)
{
	error_set(fr->req->why, ERROR_FAILED,
	    "%s: what was written did not reach the medium: %s", fr->file->path,
	    strerror(error));
	return file_errno(error);
}

/* The first one that fails; it stays so. */
static int
sync_failed(const struct file_req *fr, int error)
{
	int none = 0;

	atomic_compare_exchange_strong(&fr->file->sync_error, &none, error);
	return sync_fail(fr, error);
}

static int
file_sync(const struct file_req *fr)
{
	int error = atomic_load(&fr->file->sync_error);

	if (error != 0)
		return sync_fail(fr, error);
	if (fdatasync(fr->file->fd) == -1)
		return sync_failed(fr, errno);
	return 0;
}

/* ---- reading ---- */

/* A file that grows has zeros where nothing was written so far. */
static int
read_short(const struct file_req *fr, uint64_t done)
{
	const struct bdev_req *req = fr->req;
	struct iovec iov[IOV_MOST];

	if (!fr->file->grows)
		return file_fail(
		    fr, req->offset + done, ENXIO, "it has become shorter");
	while (done < req->length) {
		int n = iov_part(req->iov, req->iovcnt, done,
		    req->length - done, iov, IOV_MOST);

		for (int i = 0; i < n; i++) {
			memset(iov[i].iov_base, 0, iov[i].iov_len);
			done += iov[i].iov_len;
		}
	}
	return 0;
}

/* With fd of the page cache or of O_DIRECT.  -EINVAL: iov does not suit it. */
static int
file_read(const struct file_req *fr, int fd)
{
	const struct bdev_req *req = fr->req;
	struct iovec iov[IOV_MOST];
	uint64_t done = 0;

	while (done < req->length) {
		uint64_t at = req->offset + done;
		int n = iov_part(req->iov, req->iovcnt, done,
		    req->length - done, iov, IOV_MOST);
		ssize_t got = preadv(fd, iov, n, (off_t)at);

		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1 && errno == EINVAL && fd == fr->file->direct_fd)
			return -EINVAL;
		if (got == -1)
			return file_fail(fr, at, errno, NULL);
		if (got == 0)
			return read_short(fr, done);
		done += (uint64_t)got;
	}
	return 0;
}

bool
file_read_now(struct file *f, struct bdev_req *req)
{
	struct iovec iov[IOV_MOST];
	ssize_t got;
	int n;

	if (req->length > FILE_NOW_MOST)
		return false;
	n = iov_part(req->iov, req->iovcnt, 0, req->length, iov, IOV_MOST);
	got = preadv2(f->fd, iov, n, (off_t)req->offset, f->try_flags);
	if (got == -1 && errno == EOPNOTSUPP)
		f->tries = false;
	if (got >= 0 && (uint64_t)got == req->length)
		return true;
	f->missed = FILE_MISSED;
	return false;
}

/* O_DIRECT by way of an aligned buffer. */
static int
read_direct_part(const struct file_req *fr, uint8_t *buffer)
{
	const struct bdev_req *req = fr->req;
	uint64_t done = 0;

	while (done < req->length) {
		uint64_t at = req->offset + done;
		size_t skip = at % DIRECT_ALIGN;
		size_t want = DIRECT_BUFFER - skip;
		ssize_t got = pread(fr->file->direct_fd, buffer, DIRECT_BUFFER,
		    (off_t)(at - skip));

		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1 && errno == EINVAL)
			return -EINVAL;
		if (got == -1)
			return file_fail(fr, at, errno, NULL);
		if ((size_t)got <= skip)
			return read_short(fr, done);
		if (want > (size_t)got - skip)
			want = (size_t)got - skip;
		if (want > req->length - done)
			want = req->length - done;
		iov_scatter(req->iov, req->iovcnt, done, buffer + skip, want);
		done += want;
	}
	return 0;
}

static bool
is_aligned(const struct bdev_req *req)
{
	uint64_t all = req->offset | req->length;

	for (int i = 0; i < req->iovcnt; i++)
		all |= (uintptr_t)req->iov[i].iov_base | req->iov[i].iov_len;
	return all % DIRECT_ALIGN == 0;
}

static int
read_direct(const struct file_req *fr)
{
	void *buffer;
	int error;

	if (fr->file->direct_fd == -1)
		return -EINVAL;
	if (is_aligned(fr->req))
		return file_read(fr, fr->file->direct_fd);
	if (posix_memalign(&buffer, DIRECT_ALIGN, DIRECT_BUFFER) != 0)
		return -ENOMEM;
	error = read_direct_part(fr, buffer);
	free(buffer);
	return error;
}

static int
read_medium(const struct file_req *fr)
{
	const struct bdev_req *req = fr->req;
	off_t at = (off_t)(req->offset - req->offset % DIRECT_ALIGN);
	off_t length = (off_t)(req->offset + req->length) - at;
	int error = read_direct(fr);

	if (error != -EINVAL)
		return error;
	if (sync_file_range(fr->file->fd, at, length,
		SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
		    SYNC_FILE_RANGE_WAIT_AFTER) == -1)
		return sync_failed(fr, errno);
	(void)posix_fadvise(fr->file->fd, at, length, POSIX_FADV_DONTNEED);
	return file_read(fr, fr->file->fd);
}

/* ---- writing ---- */

static int
file_write(const struct file_req *fr)
{
	const struct bdev_req *req = fr->req;
	int flags = req->flags & BDEV_FUA ? RWF_DSYNC : 0;
	struct iovec iov[IOV_MOST];
	uint64_t done = 0;

	while (done < req->length) {
		uint64_t at = req->offset + done;
		int n = iov_part(req->iov, req->iovcnt, done,
		    req->length - done, iov, IOV_MOST);
		ssize_t put = pwritev2(fr->file->fd, iov, n, (off_t)at, flags);

		if (put == -1 && errno == EINTR)
			continue;
		if (put == -1 && flags != 0 && errno != ENOSPC &&
		    errno != EDQUOT)
			return sync_failed(fr, errno);
		if (put <= 0)
			return file_fail(fr, at, put == 0 ? EIO : errno, NULL);
		done += (uint64_t)put;
	}
	return 0;
}

static int
write_zeros(const struct file_req *fr)
{
	uint64_t offset = fr->req->offset;
	uint64_t length = fr->req->length;

	while (length > 0) {
		size_t n = length < ZEROS ? length : ZEROS;
		ssize_t put = pwrite(fr->file->fd, zeros, n, (off_t)offset);

		if (put == -1 && errno == EINTR)
			continue;
		if (put <= 0)
			return file_fail(
			    fr, offset, put == 0 ? EIO : errno, NULL);
		offset += (uint64_t)put;
		length -= (uint64_t)put;
	}
	return 0;
}

static int
file_fallocate(const struct file_req *fr, int mode)
{
	const struct bdev_req *req = fr->req;
	int error;

	do {
		error = fallocate(fr->file->fd, mode | FALLOC_FL_KEEP_SIZE,
		    (off_t)req->offset, (off_t)req->length);
	} while (error == -1 && errno == EINTR);
	return error == -1 ? -errno : 0;
}

/* On a block device the kernel turns both modes into zeroing, aligned ranges
 * only; what it refuses is written. */
static int
file_zero(const struct file_req *fr)
{
	const struct bdev_req *req = fr->req;
	int mode = req->flags & BDEV_NO_HOLE ? FALLOC_FL_ZERO_RANGE
					     : FALLOC_FL_PUNCH_HOLE;
	int result = file_fallocate(fr, mode);

	if (result == -EOPNOTSUPP || result == -EINVAL) {
		if (req->flags & BDEV_FAST)
			return -EOPNOTSUPP;
		result = write_zeros(fr);
	} else if (result < 0) {
		result = file_fail(fr, req->offset, -result, NULL);
	}
	if (result == 0 && req->flags & BDEV_FUA)
		result = file_sync(fr);
	return result;
}

static int
file_discard(const struct file_req *fr)
{
	int result = file_fallocate(fr, FALLOC_FL_PUNCH_HOLE);

	if (result == -EINVAL || result == -EOPNOTSUPP)
		return -EOPNOTSUPP;
	return result < 0 ? file_fail(fr, fr->req->offset, -result, NULL) : 0;
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

void
file_work(struct job *job)
{
	struct file_req *fr = job->ctx;
	struct bdev_req *req = fr->req;

	switch (req->op) {
	case BDEV_READ:
		fr->result = req->flags & BDEV_FUA
				 ? read_medium(fr)
				 : file_read(fr, fr->file->fd);
		break;
	case BDEV_WRITE:
		fr->result = file_write(fr);
		break;
	case BDEV_FLUSH:
		fr->result = file_sync(fr);
		break;
	case BDEV_DISCARD:
		fr->result = file_discard(fr);
		break;
	case BDEV_ZERO:
		fr->result = file_zero(fr);
		break;
	case BDEV_EXTENTS:
		fr->result = file_extents(fr->file, req);
		break;
	case BDEV_COPY: /* bdev_check() refuses it */
		break;
	}
}
