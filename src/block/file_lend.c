/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file_lend - a file's pages in the page cache as memory (bdev_borrow()): for
 * a socket, which then needs no copy of them.
 *
 * A few bytes of each part, and the last one, are read without waiting.  That
 * shows whether the part is in the cache (its other pages mostly are, too; what
 * is not is waited for), and whether zeros are to be looked for in it.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <errno.h>
#include <isa-l/mem_routines.h>
#include <unistd.h>

#include "block/file_impl.h"

/* Shorter ones are copied by the socket anyway (io/zerocopy.c). */
#define LEND_LEAST 65536
#define LOOK	   512

/* Up to LOOK bytes that are in the cache; -1: they are not, or none are. */
static ssize_t
look(struct file *f, uint64_t offset, uint8_t bytes[LOOK])
{
	struct iovec iov = { .iov_base = bytes, .iov_len = LOOK };
	ssize_t got = preadv2(f->fd, &iov, 1, (off_t)offset, f->try_flags);

	if (got > 0)
		return got;
	if (got == -1 && errno == EOPNOTSUPP)
		f->tries = false;
	f->missed = FILE_MISSED;
	return -1;
}

static bool
may_lend(struct file *f, uint64_t offset, uint64_t end)
{
	uint8_t bytes[LOOK];

	for (; offset < end;
	     offset += BDEV_LENT_GRAIN - offset % BDEV_LENT_GRAIN) {
		ssize_t got = look(f, offset, bytes);

		if (got <= 0 || isal_zero_detect(bytes, (size_t)got) == 0)
			return false;
	}
	return look(f, end - 1, bytes) > 0;
}

const void *
file_borrow(struct bdev *bdev, uint64_t offset, size_t length)
{
	struct file *f = (struct file *)bdev;
	void *memory;

	if (!f->lends || !f->tries || f->missed > 0 || length < LEND_LEAST ||
	    length > FILE_NOW_MOST || !may_lend(f, offset, offset + length))
		return NULL;
	memory =
	    mmap(NULL, length, PROT_READ, MAP_SHARED, f->fd, (off_t)offset);
	if (memory == MAP_FAILED) {
		/* EINVAL: no page begins there. */
		f->lends = errno == EINVAL;
		return NULL;
	}
	/* A block that cannot be read is met here, not by the socket. */
	if (madvise(memory, length, MADV_POPULATE_READ) == -1) {
		f->lends = false;
		munmap(memory, length);
		return NULL;
	}
	return memory;
}

int
file_give_back(struct bdev *bdev, const void *memory, uint64_t offset,
    size_t length, struct error *why)
{
	const struct file *f = (const struct file *)bdev;
	struct stat st;

	munmap((void *)(uintptr_t)memory, length);
	if (fstat(f->fd, &st) == 0 && (uint64_t)st.st_size >= offset + length)
		return 0;
	error_set(why, ERROR_FAILED, "%s: it has become shorter", f->path);
	return -EIO;
}
