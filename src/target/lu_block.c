/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lu_block - the commands that move blocks (SBC-3, 5): READ, WRITE, VERIFY,
 * COMPARE AND WRITE, the cache, and READ CAPACITY.
 *
 * Where the bdev is memory, READ and WRITE move data straight from and to it:
 * the checks are all in start(), so nothing is touched that may not be.  Such
 * a WRITE is a writer from start() on; when an exclusive command has the range
 * it falls back to a buffer and queues like any other.
 */
#include <string.h>

#include "target/lu_impl.h"

/* ---- checks ---- */

bool
lu_check_range(struct lu_cmd *c, uint64_t lba, uint64_t blocks)
{
	const struct lu *lu = c->lu;

	if (lba <= lu->blocks && blocks <= lu->blocks - lba &&
	    (blocks > 0 || lba < lu->blocks))
		return true;
	return lu_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_LBA_OUT_OF_RANGE);
}

bool
lu_check_medium(struct lu_cmd *c)
{
	if (c->lu->config.read_only || c->lu->bdev->read_only)
		return lu_fail(c, SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED);
	return true;
}

/* What every command of this file checks.  No protection information is
 * kept, so asking for its check is an error. */
static bool
check_blocks(struct lu_cmd *c)
{
	if (c->f.protect != 0)
		return lu_fail_cdb(c, 1);
	return lu_check_range(c, c->f.lba, c->f.blocks);
}

static bool
check_transfer(struct lu_cmd *c)
{
	if (c->f.blocks > LU_TRANSFER_MAX >> c->lu->shift)
		return lu_fail_cdb(c, c->f.length == 16 ? 10 : 6);
	return true;
}

/*
 * start() of a command that takes whole blocks from the initiator: what it is
 * short of is not written, but a part of a block is no use.
 */
static bool
want_out(struct lu_cmd *c, uint32_t length)
{
	c->dir = LU_OUT;
	c->length = length;
	c->need = length < c->room_out ? length : c->room_out;
	if (c->need % c->lu->config.block_size != 0)
		return lu_fail(
		    c, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_UNIT);
	return true;
}

static uint64_t
offset_of(const struct lu_cmd *c)
{
	return c->f.lba << c->lu->shift;
}

static bool
mappable(const struct lu_cmd *c)
{
	return c->direct && c->lu->bdev->ops->map != NULL;
}

/* The end of a command whose one request was all of it. */
static void
request_done(struct lu_cmd *c)
{
	if (c->req.result < 0)
		lu_finish_bdev(c, c->f.lba);
	else
		lu_finish(c);
}

/* ---- READ ---- */

static bool
read_start(struct lu_cmd *c)
{
	struct bdev *bdev = c->lu->bdev;

	if (!check_blocks(c) || !check_transfer(c) ||
	    !lu_check_faults(c, LU_FAULT_READ, c->f.lba, c->f.blocks))
		return false;
	c->dir = LU_IN;
	c->length = c->f.blocks << c->lu->shift;
	c->need = c->length < c->room_in ? c->length : c->room_in;
	if (c->need == 0)
		return lu_good(c);
	if (mappable(c))
		c->data = bdev->ops->map(bdev, offset_of(c), c->need, false);
	c->mapped = c->data != NULL;
	return true;
}

static void
read_run(struct lu_cmd *c)
{
	if (c->mapped)
		lu_finish(c);
	else
		lu_submit(c, BDEV_READ, 0, offset_of(c), c->need, c->data,
		    request_done);
}

const struct lu_op lu_op_read = { LU_READS, LU_OP_READY, read_start, read_run };

/* ---- WRITE ---- */

static bool
write_start(struct lu_cmd *c)
{
	struct bdev *bdev = c->lu->bdev;

	if (!lu_check_medium(c) || !check_blocks(c) || !check_transfer(c) ||
	    !want_out(c, c->f.blocks << c->lu->shift) ||
	    !lu_check_faults(
		c, LU_FAULT_WRITE, c->f.lba, c->need >> c->lu->shift))
		return false;
	if (c->need == 0)
		return lu_good(c);
	c->first = c->f.lba;
	c->last = c->f.lba + (c->need >> c->lu->shift) - 1;
	if (mappable(c) && !bdev->volatile_cache && lu_writable_now(c->lu, c)) {
		c->data = bdev->ops->map(bdev, offset_of(c), c->need, true);
		c->mapped = c->data != NULL;
	}
	if (c->mapped)
		lu_enter(c, false, NULL);
	return true;
}

static void
write_begin(struct lu_cmd *c)
{
	lu_submit(c, BDEV_WRITE, c->f.fua ? BDEV_FUA : 0, offset_of(c), c->need,
	    c->data, request_done);
}

static void
write_run(struct lu_cmd *c)
{
	if (c->mapped)
		lu_finish(c);
	else
		lu_enter(c, false, write_begin);
}

const struct lu_op lu_op_write = { LU_WRITES, LU_OP_READY, write_start,
	write_run };

/* ---- VERIFY ---- */

enum { BYTCHK_MEDIUM = 0, BYTCHK_COMPARE = 1 };

/* How many bytes the command looks at. */
static uint64_t
verify_length(const struct lu_cmd *c)
{
	if (c->f.bytchk == BYTCHK_COMPARE)
		return c->need;
	return (uint64_t)c->f.blocks << c->lu->shift;
}

static bool
verify_start(struct lu_cmd *c)
{
	if (!check_blocks(c))
		return false;
	if (c->f.bytchk > BYTCHK_COMPARE)
		return lu_fail_cdb(c, 1);
	if (c->f.bytchk == BYTCHK_COMPARE &&
	    (!check_transfer(c) || !want_out(c, c->f.blocks << c->lu->shift)))
		return false;
	if (c->f.blocks == 0 || (c->f.bytchk == BYTCHK_COMPARE && c->need == 0))
		return lu_good(c);
	return lu_check_faults(
	    c, LU_FAULT_READ, c->f.lba, verify_length(c) >> c->lu->shift);
}

/* Where two blocks of bytes first differ; len when they are the same. */
static size_t
differs_at(const uint8_t *a, const uint8_t *b, size_t len)
{
	size_t i = 0;

	if (memcmp(a, b, len) == 0)
		return len;
	while (a[i] == b[i])
		i++;
	return i;
}

/* at: the byte from the beginning of the command's data. */
static void
finish_miscompare(struct lu_cmd *c, uint64_t at)
{
	lu_fail(c, SENSE_MISCOMPARE, SENSE_MISCOMPARE_DURING_VERIFY);
	c->sense.information_valid = true;
	c->sense.information = at;
	lu_finish(c);
}

static void verify_next(struct lu_cmd *);

static void
verify_piece(struct lu_cmd *c)
{
	size_t len = c->req.length, at;

	if (c->req.result < 0) {
		lu_finish_bdev(c, c->f.lba + (c->at >> c->lu->shift));
		return;
	}
	if (c->f.bytchk == BYTCHK_COMPARE) {
		at = differs_at(c->data + c->at, c->scratch, len);
		if (at < len) {
			finish_miscompare(c, c->at + at);
			return;
		}
	}
	c->at += len;
	verify_next(c);
}

static void
verify_next(struct lu_cmd *c)
{
	uint64_t left = verify_length(c) - c->at;

	if (left == 0 || c->aborted) {
		lu_finish(c);
		return;
	}
	lu_submit(c, BDEV_READ, 0, offset_of(c) + c->at,
	    left < LU_PIECE ? left : LU_PIECE, c->scratch, verify_piece);
}

static void
verify_run(struct lu_cmd *c)
{
	uint64_t length = verify_length(c);

	c->at = 0;
	if (lu_scratch(c, length < LU_PIECE ? length : LU_PIECE))
		verify_next(c);
}

const struct lu_op lu_op_verify = { LU_READS, LU_OP_READY, verify_start,
	verify_run };

/* ---- COMPARE AND WRITE ---- */

static bool
caw_start(struct lu_cmd *c)
{
	uint32_t length = c->f.blocks << c->lu->shift;

	if (!lu_check_medium(c) || !check_blocks(c))
		return false;
	/* Both halves and no more, the compared one first: of any other length
	 * it is not known what is to be compared. */
	c->dir = LU_OUT;
	c->length = 2 * length;
	if (c->room_out != c->length)
		return lu_fail_cdb(c, 13);
	if (c->length == 0)
		return lu_good(c);
	if (!lu_check_faults(c, LU_FAULT_READ, c->f.lba, c->f.blocks) ||
	    !lu_check_faults(c, LU_FAULT_WRITE, c->f.lba, c->f.blocks))
		return false;
	c->need = c->length;
	c->first = c->f.lba;
	c->last = c->f.lba + c->f.blocks - 1;
	return true;
}

static void
caw_compare(struct lu_cmd *c)
{
	uint32_t length = c->length / 2;
	size_t at;

	if (c->req.result < 0) {
		lu_finish_bdev(c, c->f.lba);
		return;
	}
	at = differs_at(c->data, c->scratch, length);
	if (at < length) {
		finish_miscompare(c, at);
		return;
	}
	if (c->aborted) {
		lu_finish(c);
		return;
	}
	lu_submit(c, BDEV_WRITE, c->f.fua ? BDEV_FUA : 0, offset_of(c), length,
	    c->data + length, request_done);
}

static void
caw_begin(struct lu_cmd *c)
{
	lu_submit(c, BDEV_READ, 0, offset_of(c), c->length / 2, c->scratch,
	    caw_compare);
}

static void
caw_run(struct lu_cmd *c)
{
	if (lu_scratch(c, c->length / 2))
		lu_enter(c, true, caw_begin);
}

const struct lu_op lu_op_compare_and_write = { LU_WRITES, LU_OP_READY,
	caw_start, caw_run };

/* ---- the cache ---- */

/* IMMED may be answered early; it is answered when the work is done. */
static bool
sync_cache_start(struct lu_cmd *c)
{
	return lu_check_range(c, c->f.lba, c->f.blocks);
}

static void
sync_cache_run(struct lu_cmd *c)
{
	lu_submit(c, BDEV_FLUSH, 0, 0, 0, NULL, request_done);
}

const struct lu_op lu_op_sync_cache = { LU_WRITES, LU_OP_READY,
	sync_cache_start, sync_cache_run };

/* GOOD says that the blocks did not all fit into the cache (SBC-3, 5.11): there
 * is none here that a read could be served from. */
static bool
pre_fetch_start(struct lu_cmd *c)
{
	if (!lu_check_range(c, c->f.lba, c->f.blocks))
		return false;
	return lu_good(c);
}

const struct lu_op lu_op_pre_fetch = { LU_READS, LU_OP_READY, pre_fetch_start,
	NULL };

/* ---- READ CAPACITY ---- */

static void
capacity_of(const struct lu *lu, struct capacity *ret)
{
	uint32_t size = lu->config.block_size;
	uint32_t physical = lu->bdev->physical_block_size;

	memset(ret, 0, sizeof(*ret));
	ret->last_lba = lu->blocks - 1;
	ret->block_size = size;
	while (size << (ret->physical_exponent + 1) <= physical)
		ret->physical_exponent++;
	ret->lowest_aligned_lba =
	    (uint16_t)(lu->bdev->lowest_aligned >> lu->shift & 0x3fff);
	ret->lbpme = ret->lbprz = lu->config.thin;
}

static bool
read_capacity10_start(struct lu_cmd *c)
{
	c->f.alloc_len = CAPACITY10_LEN;
	return lu_want_in(c, CAPACITY10_LEN);
}

static void
read_capacity10_run(struct lu_cmd *c)
{
	struct capacity cap;

	capacity_of(c->lu, &cap);
	lu_give(c, capacity10_put(c->data, c->need, &cap));
}

const struct lu_op lu_op_read_capacity10 = { LU_ANY, LU_OP_READY,
	read_capacity10_start, read_capacity10_run };

static bool
read_capacity16_start(struct lu_cmd *c)
{
	return lu_want_in(c, CAPACITY16_LEN);
}

static void
read_capacity16_run(struct lu_cmd *c)
{
	struct capacity cap;

	capacity_of(c->lu, &cap);
	lu_give(c, capacity16_put(c->data, c->need, &cap));
}

const struct lu_op lu_op_read_capacity16 = { LU_ANY, LU_OP_READY,
	read_capacity16_start, read_capacity16_run };
