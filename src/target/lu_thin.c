/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lu_thin - WRITE SAME, UNMAP and GET LBA STATUS (SBC-3, 4.7 and 5): the
 * commands that fill ranges, give them back, and tell which are there.
 *
 * Unmapped blocks read as zeros (LBPRZ), so unmapping is BDEV_ZERO; where the
 * bdev cannot do that cheaply an UNMAP leaves the blocks as they are, as it
 * may, and a WRITE SAME writes.  All of them keep out of the way of writers.
 */
#include <errno.h>
#include <string.h>

#include "base/be.h"
#include "target/lu_impl.h"

/* ---- WRITE SAME ---- */

#define WRITE_SAME_LBDATA 0x06 /* PBDATA and LBDATA, obsolete */

static bool
write_same_start(struct lu_cmd *c)
{
	uint32_t size = c->lu->config.block_size;

	if (!lu_check_medium(c))
		return false;
	if (c->f.protect != 0 || c->f.anchor ||
	    (c->cdb[1] & WRITE_SAME_LBDATA) != 0 ||
	    (c->f.unmap && !c->lu->config.thin))
		return lu_fail_cdb(c, 1);
	/* WSNZ: 0 does not mean the rest of the disk. */
	if (c->f.blocks == 0 || c->f.blocks > LU_WRITE_SAME_MAX)
		return lu_fail_cdb(c, c->f.length == 16 ? 10 : 7);
	if (!lu_check_range(c, c->f.lba, c->f.blocks) ||
	    !lu_check_faults(c, LU_FAULT_WRITE, c->f.lba, c->f.blocks))
		return false;
	c->first = c->f.lba;
	c->last = c->f.lba + c->f.blocks - 1;
	c->at = 0;
	if (c->f.ndob)
		return true;
	c->dir = LU_OUT;
	c->length = size;
	if (c->room_out != size)
		return lu_fail(
		    c, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_UNIT);
	c->need = size;
	return true;
}

static void write_same_next(struct lu_cmd *);

static void
write_same_piece(struct lu_cmd *c)
{
	if (c->req.result < 0) {
		lu_finish_bdev(c, c->f.lba + (c->at >> c->lu->shift));
		return;
	}
	c->at += c->req.length;
	write_same_next(c);
}

static void
write_same_next(struct lu_cmd *c)
{
	uint64_t left = ((uint64_t)c->f.blocks << c->lu->shift) - c->at;

	if (left == 0 || c->aborted) {
		lu_finish(c);
		return;
	}
	lu_submit(c, BDEV_WRITE, 0, (c->f.lba << c->lu->shift) + c->at,
	    left < c->scratch_len ? left : c->scratch_len, c->scratch,
	    write_same_piece);
}

static void
write_same_zeroed(struct lu_cmd *c)
{
	if (c->req.result < 0)
		lu_finish_bdev(c, c->f.lba);
	else
		lu_finish(c);
}

static bool
all_zero(const uint8_t *data, size_t len)
{
	return data[0] == 0 && memcmp(data, data + 1, len - 1) == 0;
}

static void
write_same_begin(struct lu_cmd *c)
{
	uint64_t length = (uint64_t)c->f.blocks << c->lu->shift;
	uint32_t size = c->lu->config.block_size;
	size_t piece = length < LU_PIECE ? length : LU_PIECE;

	if (c->f.ndob || all_zero(c->data, size)) {
		lu_submit(c, BDEV_ZERO, c->f.unmap ? 0 : BDEV_NO_HOLE,
		    c->f.lba << c->lu->shift, length, NULL, write_same_zeroed);
		return;
	}
	if (!lu_scratch(c, piece))
		return;
	for (size_t i = 0; i < piece; i += size)
		memcpy(c->scratch + i, c->data, size);
	write_same_next(c);
}

static void
write_same_run(struct lu_cmd *c)
{
	lu_enter(c, true, write_same_begin);
}

const struct lu_op lu_op_write_same = { LU_WRITES, LU_OP_READY,
	write_same_start, write_same_run };

/* ---- UNMAP ---- */

/* The ranges that the command has in its scratch. */
static struct unmap_range *
ranges_of(const struct lu_cmd *c)
{
	return (struct unmap_range *)(void *)c->scratch;
}

static bool
unmap_start(struct lu_cmd *c)
{
	if (!lu_check_medium(c))
		return false;
	if (c->f.anchor)
		return lu_fail_cdb(c, 1);
	if (c->f.alloc_len == 0)
		return lu_good(c);
	c->dir = LU_OUT;
	c->length = c->f.alloc_len;
	if (c->length < UNMAP_HEADER_LEN || c->room_out < c->length)
		return lu_fail(
		    c, SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH);
	c->need = c->length;
	return true;
}

/* Checks the ranges and sets first and last around them. */
static bool
unmap_check(struct lu_cmd *c, unsigned n)
{
	const struct unmap_range *r = ranges_of(c);
	uint64_t total = 0;

	c->first = UINT64_MAX;
	c->last = 0;
	for (unsigned i = 0; i < n; i++) {
		if (r[i].blocks == 0)
			continue;
		if (!lu_check_range(c, r[i].lba, r[i].blocks))
			return false;
		total += r[i].blocks;
		if (r[i].lba < c->first)
			c->first = r[i].lba;
		if (r[i].lba + r[i].blocks - 1 > c->last)
			c->last = r[i].lba + r[i].blocks - 1;
	}
	if (total > LU_UNMAP_BLOCKS)
		return lu_fail(
		    c, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_LIST);
	return true;
}

static void unmap_next(struct lu_cmd *);

static void
unmap_piece(struct lu_cmd *c)
{
	if (c->req.result < 0 && c->req.result != -EOPNOTSUPP) {
		lu_finish_bdev(c, ranges_of(c)[c->at - 1].lba);
		return;
	}
	unmap_next(c);
}

static void
unmap_next(struct lu_cmd *c)
{
	const struct unmap_range *r = ranges_of(c);

	while (c->at < c->ranges && r[c->at].blocks == 0)
		c->at++;
	if (c->at == c->ranges || c->aborted) {
		lu_finish(c);
		return;
	}
	r += c->at++;
	lu_submit(c, BDEV_ZERO, BDEV_FAST, r->lba << c->lu->shift,
	    (uint64_t)r->blocks << c->lu->shift, NULL, unmap_piece);
}

static void
unmap_run(struct lu_cmd *c)
{
	int error;

	if (!lu_scratch(c, LU_UNMAP_RANGES * sizeof(struct unmap_range)))
		return;
	error = unmap_get(
	    c->data, c->need, ranges_of(c), LU_UNMAP_RANGES, &c->ranges);
	if (error < 0) {
		lu_finish_fail(c, SENSE_ILLEGAL_REQUEST,
		    error == -E2BIG ? SENSE_INVALID_FIELD_IN_LIST
				    : SENSE_PARAMETER_LIST_LENGTH);
		return;
	}
	if (!unmap_check(c, c->ranges) || c->first > c->last) {
		lu_finish(c);
		return;
	}
	c->at = 0;
	lu_enter(c, true, unmap_next);
}

const struct lu_op lu_op_unmap = { LU_WRITES, LU_OP_THIN | LU_OP_READY,
	unmap_start, unmap_run };

/* ---- GET LBA STATUS ---- */

#define LBA_STATUS_MAX 256 /* descriptors in one answer */

static struct bdev_extent *
extents_of(const struct lu_cmd *c)
{
	return (struct bdev_extent *)(void *)c->scratch;
}

static bool
get_lba_status_start(struct lu_cmd *c)
{
	if (!lu_check_range(c, c->f.lba, 0))
		return false;
	return lu_want_in(c,
	    LBA_STATUS_HEADER_LEN + LBA_STATUS_MAX * LBA_STATUS_DESCRIPTOR_LEN);
}

struct lba_map {
	uint64_t lba; /* the next block */
	unsigned n;
	struct lba_status status[LBA_STATUS_MAX];
};

static void
lba_map_add(struct lba_map *map, uint64_t end, uint8_t provisioning)
{
	uint32_t blocks = (uint32_t)(end - map->lba);

	if (end <= map->lba || map->n == LBA_STATUS_MAX)
		return;
	if (map->n > 0 && map->status[map->n - 1].provisioning == provisioning)
		map->status[map->n - 1].blocks += blocks;
	else
		map->status[map->n++] = (struct lba_status){ .lba = map->lba,
			.blocks = blocks,
			.provisioning = provisioning };
	map->lba = end;
}

/* A block is deallocated when the whole of it lies in a hole. */
static void
get_lba_status_done(struct lu_cmd *c)
{
	struct lba_map map = { .lba = c->f.lba };
	uint64_t size = c->lu->config.block_size;
	uint64_t from, to = c->f.lba << c->lu->shift;

	if (c->req.result < 0) {
		lu_finish_bdev(c, c->f.lba);
		return;
	}
	for (unsigned i = 0; i < c->req.extents_n; i++) {
		const struct bdev_extent *e = &extents_of(c)[i];

		from = to;
		to += e->length;
		if (e->alloc != BDEV_HOLE ||
		    to / size <= (from + size - 1) / size)
			continue;
		lba_map_add(&map, (from + size - 1) / size, LBA_MAPPED);
		lba_map_add(&map, to / size, LBA_DEALLOCATED);
	}
	lba_map_add(&map, (to + size - 1) / size, LBA_MAPPED);
	lu_give(c, lba_status_put(c->data, c->need, map.status, map.n));
}

static void
get_lba_status_run(struct lu_cmd *c)
{
	uint64_t blocks = c->lu->blocks - c->f.lba;

	if (blocks > UINT32_MAX)
		blocks = UINT32_MAX;
	if (!lu_scratch(c, LBA_STATUS_MAX * sizeof(struct bdev_extent)))
		return;
	c->req.extents = extents_of(c);
	c->req.extents_max = LBA_STATUS_MAX;
	lu_submit(c, BDEV_EXTENTS, 0, c->f.lba << c->lu->shift,
	    blocks << c->lu->shift, NULL, get_lba_status_done);
}

const struct lu_op lu_op_get_lba_status = { LU_READS, LU_OP_THIN | LU_OP_READY,
	get_lba_status_start, get_lba_status_run };
