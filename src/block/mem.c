/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device is one private anonymous mapping, which takes memory page by page
 * as it is written.  A bitmap says which chunks have been written since the
 * start or the last discard: it is what EXTENTS shows.
 *
 *     memory:  | data | data | hole |  ...          chunk = page, or block if
 *     bitmap:     1      1      0                   that is larger
 *
 * Invariant: a chunk whose bit is 0 reads as zeros and has no memory.
 *
 * The work of a request is done when it is submitted, in memory, which gives
 * overlapping writes their order; done() follows from a deferred call.
 */
#include "block/mem.h"

#include <sys/mman.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct mem {
	struct bdev bdev; /* first: a bdev is cast to what it is part of */
	struct loop *loop;
	uint8_t *base;
	size_t mapped;
	uint32_t chunk;
	uint64_t *bitmap;
	struct bdev_req_queue completed;
	struct deferred complete;
};

static struct mem *
mem_of(struct bdev *bdev)
{
	return (struct mem *)bdev;
}

/* ---- the bitmap ---- */

static bool
chunk_used(const struct mem *m, uint64_t i)
{
	return (m->bitmap[i / 64] >> i % 64 & 1) != 0;
}

/* The bits of word i / 64 that lie in [i, end). */
static uint64_t
chunk_bits(uint64_t i, uint64_t end)
{
	uint64_t n = end - i;

	return (n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1) << i % 64;
}

static uint64_t
chunk_next_word(uint64_t i, uint64_t end)
{
	uint64_t next = (i | 63) + 1;

	return next < end ? next : end;
}

static void
chunks_set(struct mem *m, uint64_t i, uint64_t end)
{
	for (; i < end; i = chunk_next_word(i, end))
		m->bitmap[i / 64] |= chunk_bits(i, end);
}

static void
chunks_clear(struct mem *m, uint64_t i, uint64_t end)
{
	for (; i < end; i = chunk_next_word(i, end))
		m->bitmap[i / 64] &= ~chunk_bits(i, end);
}

/* The first chunk in [i, end) whose state differs from that of i, or end. */
static uint64_t
chunks_run(const struct mem *m, uint64_t i, uint64_t end)
{
	uint64_t same = chunk_used(m, i) ? UINT64_MAX : 0;

	for (; i < end; i = chunk_next_word(i, end)) {
		uint64_t differ =
		    (m->bitmap[i / 64] ^ same) & chunk_bits(i, end);

		if (differ != 0)
			return (i & ~UINT64_C(63)) +
			       (unsigned)__builtin_ctzll(differ);
	}
	return end;
}

static void
mark_used(struct mem *m, uint64_t offset, uint64_t length)
{
	chunks_set(
	    m, offset / m->chunk, (offset + length + m->chunk - 1) / m->chunk);
}

/* ---- the operations ---- */

static void
mem_copy(struct mem *m, const struct bdev_req *req)
{
	uint8_t *at = m->base + req->offset;
	uint64_t left = req->length;

	for (int i = 0; i < req->iovcnt && left > 0; i++) {
		size_t n = req->iov[i].iov_len;

		if (n > left)
			n = left;
		if (req->op == BDEV_READ)
			memcpy(req->iov[i].iov_base, at, n);
		else
			memcpy(at, req->iov[i].iov_base, n);
		at += n;
		left -= n;
	}
}

/* Bytes that may be in no chunk as a whole: zeros without touching holes. */
static void
mem_clear(struct mem *m, uint64_t offset, uint64_t end)
{
	while (offset < end) {
		uint64_t chunk = offset / m->chunk;
		uint64_t stop = (chunk + 1) * m->chunk;

		if (stop > end)
			stop = end;
		if (chunk_used(m, chunk))
			memset(m->base + offset, 0, stop - offset);
		offset = stop;
	}
}

/* The whole chunks of the range become holes.  The last chunk of the device is
 * whole even where the device ends in its middle. */
static void
mem_release(struct mem *m, uint64_t offset, uint64_t end, bool zero_edges)
{
	uint64_t first = (offset + m->chunk - 1) / m->chunk;
	uint64_t last =
	    end == m->bdev.size ? m->mapped / m->chunk : end / m->chunk;

	if (first >= last) {
		if (zero_edges)
			mem_clear(m, offset, end);
		return;
	}
	if (zero_edges) {
		mem_clear(m, offset, first * m->chunk);
		if (last * m->chunk < end)
			mem_clear(m, last * m->chunk, end);
	}
	if (madvise(m->base + first * m->chunk, (last - first) * m->chunk,
		MADV_DONTNEED) == -1) {
		/* Locked memory can do this. */
		mem_clear(m, first * m->chunk,
		    last * m->chunk < end ? last * m->chunk : end);
		return;
	}
	chunks_clear(m, first, last);
}

static void
mem_zero(struct mem *m, const struct bdev_req *req)
{
	if ((req->flags & BDEV_NO_HOLE) == 0) {
		mem_release(m, req->offset, req->offset + req->length, true);
		return;
	}
	memset(m->base + req->offset, 0, req->length);
	mark_used(m, req->offset, req->length);
}

static void
mem_extents(struct mem *m, struct bdev_req *req)
{
	uint64_t at = req->offset;
	uint64_t end = req->offset + req->length;
	uint64_t chunks = (end + m->chunk - 1) / m->chunk;
	unsigned n = 0;

	while (at < end && n < req->extents_max) {
		uint64_t chunk = at / m->chunk;
		uint64_t stop = chunks_run(m, chunk, chunks) * m->chunk;

		if (stop > end)
			stop = end;
		req->extents[n++] = (struct bdev_extent){ .length = stop - at,
			.alloc = chunk_used(m, chunk) ? BDEV_DATA : BDEV_HOLE };
		at = stop;
	}
	req->extents_n = n;
}

static void
mem_submit(struct bdev *bdev, struct bdev_req *req)
{
	struct mem *m = mem_of(bdev);
	int check = bdev_check(bdev, req);

	req->result = check < 0 ? check : 0;
	if (check > 0) {
		switch (req->op) {
		case BDEV_WRITE:
			mark_used(m, req->offset, req->length);
			mem_copy(m, req);
			break;
		case BDEV_READ:
			req->result = bdev_place(req);
			if (req->result == 0)
				mem_copy(m, req);
			break;
		case BDEV_FLUSH:
			break;
		case BDEV_DISCARD:
			mem_release(
			    m, req->offset, req->offset + req->length, false);
			break;
		case BDEV_ZERO:
			mem_zero(m, req);
			break;
		case BDEV_EXTENTS:
			mem_extents(m, req);
			break;
		case BDEV_COPY: /* bdev_check() refuses it */
			break;
		}
	}
	TAILQ_INSERT_TAIL(&m->completed, req, link);
	deferred_set(m->loop, &m->complete);
}

static void
mem_complete(struct deferred *d)
{
	struct mem *m = d->ctx;
	struct bdev_req_queue completed = TAILQ_HEAD_INITIALIZER(completed);
	struct bdev_req *req;

	TAILQ_CONCAT(&completed, &m->completed, link);
	while ((req = TAILQ_FIRST(&completed)) != NULL) {
		TAILQ_REMOVE(&completed, req, link);
		req->done(req);
	}
}

static void *
mem_map(struct bdev *bdev, uint64_t offset, size_t length, bool write)
{
	struct mem *m = mem_of(bdev);

	if (write)
		mark_used(m, offset, length);
	return m->base + offset;
}

static void
mem_close(struct bdev *bdev)
{
	struct mem *m = mem_of(bdev);

	deferred_clear(m->loop, &m->complete);
	munmap(m->base, m->mapped);
	free(m->bitmap);
	free(m);
}

static const struct bdev_ops mem_ops = {
	.submit = mem_submit,
	.close = mem_close,
	.map = mem_map,
};

int
mem_open(
    struct loop *loop, uint64_t size, uint32_t block_size, struct bdev **ret)
{
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	struct mem *m;
	uint64_t chunks;
	int error;

	if (block_size == 0 || size == 0 || size % block_size != 0 ||
	    size > SIZE_MAX / 2)
		return -EINVAL;
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return -ENOMEM;
	m->chunk = block_size > page ? block_size : page;
	chunks = (size + m->chunk - 1) / m->chunk;
	m->mapped = chunks * m->chunk;
	m->bitmap = calloc(chunks / 64 + 1, sizeof(*m->bitmap));
	if (m->bitmap == NULL) {
		free(m);
		return -ENOMEM;
	}
	m->base = mmap(NULL, m->mapped, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m->base == MAP_FAILED) {
		error = -errno;
		free(m->bitmap);
		free(m);
		return error;
	}
	/* Other people's disks do not belong into a core dump. */
	madvise(m->base, m->mapped, MADV_DONTDUMP);
	m->loop = loop;
	TAILQ_INIT(&m->completed);
	m->complete = (struct deferred){ .run = mem_complete, .ctx = m };
	m->bdev = (struct bdev){
		.ops = &mem_ops,
		.size = size,
		.block_size = block_size,
		.physical_block_size = m->chunk,
		.thin = true,
		.can_discard = true,
		.can_fast_zero = true,
	};
	*ret = &m->bdev;
	return 0;
}
