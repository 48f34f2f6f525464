/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ZERO and DISCARD.
 *
 * Zeros come from, in this order,
 *     WRITE SAME(16) of a zero block with UNMAP=1, when unmapped blocks read as
 *         zeros (LBPRZ) and the target unmaps that way (LBPWS): where it does
 *         not unmap, it writes the block (SBC-3, 5.46);
 *     WRITE SAME(16) with UNMAP=0;
 *     WRITE.
 * What the target refuses is not tried again.  The partial blocks at the ends
 * are read, modified and written.  Bare UNMAP never makes zeros: a target may
 * pass over any of it.  The block count is never 0, which would mean "to the
 * end of the LUN".
 *
 *        offset                                              end
 *     ...|xxxx|----------|----------|----------|----------|xxx.......|
 *         WRITE          WRITE SAME, cut at the limits     WRITE
 *
 * A discarded block may keep its content, so DISCARD is UNMAP, or the first of
 * the above whatever unmapped blocks read as, and leaves partial blocks alone.
 */
#include <errno.h>

#include "block/lun_priv.h"

/* Bounds of one command, so that it ends well within its time. */
#define SAME_BYTES_MAX	(UINT64_C(32) << 20)
#define UNMAP_BYTES_MAX (UINT64_C(1) << 30)

#define CDB_UNMAP_BIT 0x08 /* byte 1 of WRITE SAME */

static const uint8_t zeros[LUN_ZEROS_LEN];

void *
lun_zeros(void)
{
	/* An iovec knows no const; nobody writes to the data of TASK_OUT. */
	return (void *)(uintptr_t)zeros;
}

bool
lun_unmapped_is_zero(const struct lun *lun)
{
	const struct lun_facts *facts = &lun->facts;

	/* LBPRZ of VPD page b2h has three bits, of which 010b means another
	 * pattern (SBC-4, 6.6.6). */
	return facts->capacity.lbpme && facts->capacity.lbprz &&
	       (!facts->has_provisioning ||
		   (facts->provisioning.lbprz & 1) != 0);
}

static bool
can_same_unmap(const struct lun *lun)
{
	return lun->facts.provisioning.lbpws && !lun->no_same_unmap;
}

static bool
can_zero_unmap(const struct lun *lun)
{
	return can_same_unmap(lun) && lun_unmapped_is_zero(lun);
}

static bool
can_unmap(const struct lun *lun)
{
	const struct lun_facts *facts = &lun->facts;

	return facts->provisioning.lbpu && !lun->no_unmap &&
	       facts->limits.max_unmap_lbas > 0 &&
	       facts->limits.max_unmap_descriptors > 0;
}

bool
lun_can_discard(const struct lun *lun)
{
	return can_unmap(lun) || can_same_unmap(lun);
}

bool
lun_can_fast_zero(const struct lun *lun)
{
	return can_zero_unmap(lun) ||
	       (!lun->no_same && lun->facts.limits.max_write_same > 0);
}

bool
lun_same_refused(struct lun_io *io, const struct sense *sense)
{
	bool unmap = (io->task.cdb[1] & CDB_UNMAP_BIT) != 0;
	struct lun *lun = io->lun;

	switch (sense_code(sense)) {
	case SENSE_INVALID_OPCODE:
		lun->no_same = lun->no_same_unmap = true;
		return true;
	case SENSE_INVALID_FIELD_IN_CDB:
		if (unmap)
			lun->no_same_unmap = true;
		else
			lun->no_same = true;
		return true;
	default:
		return false;
	}
}

bool
lun_unmap_refused(struct lun_io *io, const struct sense *sense)
{
	switch (sense_code(sense)) {
	case SENSE_INVALID_OPCODE:
	case SENSE_INVALID_FIELD_IN_CDB:
	case SENSE_INVALID_FIELD_IN_LIST:
		io->lun->no_unmap = true;
		return true;
	default:
		return false;
	}
}

/* Where an unmapping command that starts at block first ends: cut so that no
 * unit of unmapping is cut in two. */
static uint64_t
unmap_cut(const struct lun *lun, uint64_t first, uint64_t end, uint64_t max)
{
	const struct vpd_block_limits *limits = &lun->facts.limits;

	return lun_cut(first, end, max, limits->unmap_granularity,
	    limits->ugavalid ? limits->unmap_alignment : 0);
}

/* Sends WRITE SAME for whole blocks from io->at on, end being further. */
static void
send_same(struct lun_io *io, uint64_t end, bool unmap)
{
	struct lun *lun = io->lun;
	uint64_t first, last, max;

	max = (unmap ? UNMAP_BYTES_MAX : SAME_BYTES_MAX) >> lun->shift;
	if (lun->facts.limits.max_write_same > 0 &&
	    lun->facts.limits.max_write_same < max)
		max = lun->facts.limits.max_write_same;
	first = lun_floor(lun, io->at);
	last = unmap_cut(lun, first, end, max);
	cdb_write_same16(
	    io->task.cdb, first, (uint32_t)(last - first), unmap, false);
	io->cmd_end = last << lun->shift;
	io->cmd_edges = 0;
	io->may_be_short = false;
	io->iovs[0].iov_base = lun_zeros();
	io->iovs[0].iov_len = lun_block_size(lun);
	lun_io_send(io, TASK_OUT, TASK_REPLAY, io->iovs, 1,
	    (uint32_t)lun_block_size(lun));
}

static void
send_unmap(struct lun_io *io, uint64_t end)
{
	struct lun *lun = io->lun;
	struct unmap_range range;
	uint64_t last, max;
	int len;

	max = UNMAP_BYTES_MAX >> lun->shift;
	if (lun->facts.limits.max_unmap_lbas < max)
		max = lun->facts.limits.max_unmap_lbas;
	range.lba = lun_floor(lun, io->at);
	last = unmap_cut(lun, range.lba, end, max);
	range.blocks = (uint32_t)(last - range.lba);
	len = unmap_put(io->bounce, lun_block_size(lun), &range, 1);
	cdb_unmap(io->task.cdb, (uint16_t)len);
	io->cmd_end = last << lun->shift;
	/* tgtd unmaps and says that it has taken nothing of the list.  What was
	 * not unmapped may keep its content anyway. */
	io->may_be_short = true;
	io->iovs[0].iov_base = io->bounce;
	io->iovs[0].iov_len = (size_t)len;
	lun_io_send(io, TASK_OUT, TASK_REPLAY, io->iovs, 1, (uint32_t)len);
}

/* The next piece of [io->at, io->end), of which some is left. */
static void
zero_piece(struct lun_io *io)
{
	struct lun *lun = io->lun;
	uint64_t first = lun_ceil(lun, io->at);
	uint64_t last = lun_floor(lun, io->end);
	uint64_t next = (lun_floor(lun, io->at) + 1) << lun->shift;
	bool whole = first < last;
	bool unmap;

	unmap = (io->req->flags & BDEV_NO_HOLE) == 0 && can_zero_unmap(lun);
	if (!unmap && lun->no_same && whole &&
	    (io->req->flags & BDEV_FAST) != 0) {
		lun_io_finish(io, -EOPNOTSUPP);
		return;
	}
	if (!unmap && lun->no_same) {
		lun_span_begin(io, io->end, true);
	} else if (whole && first == lun_floor(lun, io->at)) {
		send_same(io, last, unmap);
		return;
	} else {
		lun_span_begin(io, next < io->end ? next : io->end, true);
	}
	lun_span_next(io);
}

void
lun_zero_next(struct lun_io *io)
{
	int error = 0;

	if (lun_span_next(io))
		return;
	if (io->at < io->end)
		zero_piece(io);
	else if ((io->req->flags & BDEV_FUA) == 0 || !io->cached ||
		 !lun_sync_next(io, &error))
		lun_io_finish(io, error);
}

void
lun_discard_next(struct lun_io *io)
{
	struct lun *lun = io->lun;
	uint64_t first = lun_ceil(lun, io->at);
	uint64_t last = lun_floor(lun, io->end);

	if (!lun_can_discard(lun)) {
		lun_io_finish(io, -EOPNOTSUPP);
	} else if (first >= last) {
		lun_io_finish(io, 0);
	} else {
		io->at = first << lun->shift;
		if (can_unmap(lun))
			send_unmap(io, last);
		else
			send_same(io, last, true);
	}
}
