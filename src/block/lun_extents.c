/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EXTENTS: GET LBA STATUS (SBC-3, 5.4).  A block is called a hole only when the
 * target says that it is deallocated and that such blocks read as zeros; an
 * anchored one has its room and is data.
 *
 * Many targets announce the command's data and then fail it, or answer
 * nonsense.  One such answer, and the LUN is all data from then on.
 */
#include <inttypes.h>

#include "block/lun_priv.h"

#define DESCRIPTORS_MAX 63 /* what two blocks of 512 bytes hold */

bool
lun_shows_holes(const struct lun *lun)
{
	return !lun->no_lba_status && lun_unmapped_is_zero(lun);
}

static void
extents_all_data(struct bdev_req *req)
{
	req->extents[0].length = req->length;
	req->extents[0].alloc = BDEV_DATA;
	req->extents_n = 1;
}

/* Adds length bytes; false when there is no room for them. */
static bool
extents_add(struct bdev_req *req, uint64_t length, enum bdev_alloc alloc)
{
	struct bdev_extent *last = &req->extents[req->extents_n];

	if (req->extents_n > 0 && last[-1].alloc == alloc) {
		last[-1].length += length;
		return true;
	}
	if (req->extents_n == req->extents_max)
		return false;
	last->length = length;
	last->alloc = alloc;
	req->extents_n++;
	return true;
}

/* The first descriptor holds the first block, each further one follows the one
 * before, all have blocks and a state that the standard knows. */
static bool
extents_valid(const struct lba_status *status, unsigned n, uint64_t first)
{
	unsigned i;

	if (n == 0 || status[0].lba > first ||
	    first - status[0].lba >= status[0].blocks)
		return false;
	for (i = 0; i < n; i++) {
		if (status[i].blocks == 0 ||
		    status[i].provisioning > LBA_ANCHORED)
			return false;
		if (i > 0 &&
		    status[i].lba != status[i - 1].lba + status[i - 1].blocks)
			return false;
	}
	return true;
}

/* False: the answer is not to be trusted. */
static bool
extents_take(struct lun_io *io)
{
	struct lba_status status[DESCRIPTORS_MAX];
	struct bdev_req *req = io->req;
	struct lun *lun = io->lun;
	uint64_t at, to, last;
	unsigned i, n;

	if (lba_status_get(io->bounce, io->task.transferred, status,
		DESCRIPTORS_MAX, &n) < 0 ||
	    !extents_valid(status, n, lun_floor(lun, req->offset)))
		return false;
	req->extents_n = 0;
	at = req->offset;
	last = lun_ceil(lun, io->end);
	for (i = 0; i < n && at < io->end; i++) {
		to = status[i].lba + status[i].blocks;
		to = to >= last ? io->end : to << lun->shift;
		if (!extents_add(req, to - at,
			status[i].provisioning == LBA_DEALLOCATED ? BDEV_HOLE
								  : BDEV_DATA))
			break;
		at = to;
	}
	return true;
}

void
lun_extents_next(struct lun_io *io)
{
	struct lun *lun = io->lun;
	uint32_t length;

	if (!lun_shows_holes(lun)) {
		extents_all_data(io->req);
		lun_io_finish(io, 0);
	} else if (io->at < io->end) {
		length = LBA_STATUS_HEADER_LEN +
			 DESCRIPTORS_MAX * LBA_STATUS_DESCRIPTOR_LEN;
		cdb_get_lba_status(
		    io->task.cdb, lun_floor(lun, io->at), length);
		io->cmd_end = io->end;
		io->may_be_short = true;
		io->iovs[0].iov_base = io->bounce;
		io->iovs[0].iov_len = length;
		lun_io_send(io, TASK_IN, TASK_QUERY, io->iovs, 1, length);
	} else {
		if (!extents_take(io)) {
			log_warn(lun->config.log,
			    "LUN %" PRIu64 ": the answer to GET LBA STATUS is "
			    "not valid; all blocks count as data",
			    lun->config.number);
			lun->no_lba_status = true;
			lun_describe(lun);
			extents_all_data(io->req);
		}
		lun_io_finish(io, 0);
	}
}
