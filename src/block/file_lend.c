/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file_lend - a file's pages in the page cache as memory (bdev_borrow()): for
 * a socket, which then needs no copy of them.
 *
 * A few bytes of each part are read, without waiting.  That shows whether the
 * part is in the cache (its other pages mostly are, too; what is not is waited
 * for), and whether zeros are to be looked for in it.
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

static bool
begins_with_data(const struct file *f, uint64_t offset)
{
	uint8_t bytes[LOOK];
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	ssize_t got = preadv2(f->fd, &iov, 1, (off_t)offset, f->try_flags);

	return got > 0 && isal_zero_detect(bytes, (size_t)got) != 0;
}

const void *
file_borrow(struct bdev *bdev, uint64_t offset, size_t length)
{
	struct file *f = (struct file *)bdev;
	uint64_t end = offset + length;
	uint64_t at = offset;
	void *memory;

	if (!f->lends || !f->tries || f->missed > 0 || length < LEND_LEAST)
		return NULL;
	for (; at < end; at += BDEV_LENT_GRAIN - at % BDEV_LENT_GRAIN) {
		if (!begins_with_data(f, at))
			return NULL;
	}
	/* Refused where no page begins. */
	memory =
	    mmap(NULL, length, PROT_READ, MAP_SHARED, f->fd, (off_t)offset);
	if (memory == MAP_FAILED)
		return NULL;
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
