/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * READ and WRITE of any bytes on a medium of blocks, without copying them.
 *
 *          offset                                     end
 *     |....xxxxxx|xxxxxxxxxx|xxxxxxxxxx|xxxxxxxxxx|xxx.......|
 *      head                                            tail
 *
 * A read has the bytes of head and tail put aside: the command's vectors are
 * {bounce, the request's own, bounce}.  A write reads the first and the last
 * block before, when they are partial, and sends their missing bytes from
 * there, again as {bounce, the request's own, bounce}: one WRITE, no copy.  The
 * lock on all its blocks is held meanwhile, so nobody else writes the bytes
 * that are read here.
 *
 * With BDEV_FUA both carry the FUA bit where the target knows it (DPOFUA): a
 * READ then brings what is on the medium (SBC-3, 5.10).  Without it a READ is a
 * plain one, which a cache of the target may answer.
 *
 * Requests larger than the LUN takes in one command are cut where its optimal
 * transfer length granularity wants it, and sent one after another.
 */
#include <errno.h>

#include "block/lun_priv.h"

#define EDGE_HEAD 0x01
#define EDGE_TAIL 0x02

/* One command's bytes: what the target allows, and no more than these. */
#define RW_BYTES_MAX	    (UINT64_C(16) << 20)
#define RW_BYTES_UNREPORTED (UINT64_C(4) << 20)
#define RW10_BLOCKS_MAX	    UINT16_MAX
#define RW10_LBA_END	    (UINT64_C(1) << 32)

#define CDB_FUA_BIT 0x08 /* byte 1 of READ and WRITE */

uint64_t
lun_max_blocks(const struct lun *lun)
{
	uint64_t max = RW_BYTES_UNREPORTED >> lun->shift;

	if (lun->facts.limits.max_transfer > 0) {
		max = RW_BYTES_MAX >> lun->shift;
		if (lun->facts.limits.max_transfer < max)
			max = lun->facts.limits.max_transfer;
	}
	if (lun->no_rw16 && max > RW10_BLOCKS_MAX)
		max = RW10_BLOCKS_MAX;
	return max;
}

static bool
rw_can_fua(const struct lun *lun)
{
	return lun->facts.has_mode && lun->facts.mode.dpofua && !lun->no_fua;
}

bool
lun_write_has_fua(const struct lun_io *io)
{
	const uint8_t *cdb = io->task.cdb;

	return (cdb[0] == SCSI_OP_WRITE_16 || cdb[0] == SCSI_OP_WRITE_10) &&
	       (cdb[1] & CDB_FUA_BIT) != 0;
}

bool
lun_rw_refused(struct lun_io *io, const struct sense *sense)
{
	uint8_t opcode = io->task.cdb[0];
	struct lun *lun = io->lun;
	struct cdb cdb;

	if (cdb_parse(io->task.cdb, &cdb) < 0)
		return false;
	if (sense_code(sense) == SENSE_INVALID_FIELD_IN_CDB &&
	    (io->task.cdb[1] & CDB_FUA_BIT) != 0) {
		lun->no_fua = true;
		return true;
	}
	if (sense_code(sense) == SENSE_INVALID_OPCODE &&
	    (opcode == SCSI_OP_READ_16 || opcode == SCSI_OP_WRITE_16) &&
	    cdb.lba + cdb.blocks <= RW10_LBA_END) {
		lun->no_rw16 = true;
		lun->max_blocks = lun_max_blocks(lun);
		return true;
	}
	return false;
}

static void
rw_cdb(struct lun_io *io, enum task_dir dir, uint64_t first, uint32_t blocks,
    bool fua)
{
	uint8_t *cdb = io->task.cdb;

	if (!io->lun->no_rw16 || first + blocks > RW10_LBA_END) {
		if (dir == TASK_IN)
			cdb_read16(cdb, first, blocks, fua);
		else
			cdb_write16(cdb, first, blocks, fua);
	} else if (dir == TASK_IN) {
		cdb_read10(cdb, (uint32_t)first, (uint16_t)blocks, fua);
	} else {
		cdb_write10(cdb, (uint32_t)first, (uint16_t)blocks, fua);
	}
}

/* ---- vectors ---- */

static int
iov_put(struct iovec *iov, int n, void *base, size_t len)
{
	if (len == 0)
		return n;
	iov[n].iov_base = base;
	iov[n].iov_len = len;
	return n + 1;
}

/* The bytes [from, to) of the device out of the request's vectors. */
static int
iov_put_request(struct iovec *iov, int n, const struct bdev_req *req,
    uint64_t from, uint64_t to)
{
	uint64_t skip = from - req->offset;
	uint64_t left = to - from;
	size_t len;
	int i;

	for (i = 0; left > 0; i++) {
		len = req->iov[i].iov_len;
		if (skip >= len) {
			skip -= len;
			continue;
		}
		len -= skip;
		if (len > left)
			len = left;
		n = iov_put(iov, n, (char *)req->iov[i].iov_base + skip, len);
		left -= len;
		skip = 0;
	}
	return n;
}

static int
iov_put_zeros(struct iovec *iov, int n, uint64_t len)
{
	size_t some;

	for (; len > 0; len -= some) {
		some = len < LUN_ZEROS_LEN ? len : LUN_ZEROS_LEN;
		n = iov_put(iov, n, lun_zeros(), some);
	}
	return n;
}

/*
 * Sends READ or WRITE of blocks [first, last), whose bytes from io->at to
 * io->cmd_end are the request's (or zeros) and whose others are in, or go to,
 * the bounce buffer: the first block's in its first half, the last one's in its
 * second half.
 */
static void
rw_send(struct lun_io *io, enum task_dir dir, uint64_t first, uint64_t last)
{
	struct bdev_req *req = io->req;
	enum task_policy policy = dir == TASK_IN ? TASK_QUERY : TASK_REPLAY;
	struct lun *lun = io->lun;
	uint64_t size = lun_block_size(lun);
	uint64_t head = io->at - (first << lun->shift);
	uint64_t tail = (last << lun->shift) - io->cmd_end;
	uint32_t length = (uint32_t)((last - first) << lun->shift);
	uint8_t *last_block;
	struct iovec *iov;
	int n;

	rw_cdb(io, dir, first, (uint32_t)(last - first),
	    (req->flags & BDEV_FUA) != 0 && rw_can_fua(lun));
	io->cmd_edges = 0;
	if (length == req->length && head == 0 && tail == 0 &&
	    !io->span_zeros) {
		lun_io_send(io, dir, policy, req->iov, req->iovcnt, length);
		return;
	}
	iov = lun_io_iovs(io, io->span_zeros ? LUN_IOVS : req->iovcnt + 2);
	if (iov == NULL || bdev_place(req) < 0) {
		lun_io_fail(io, ERROR_FAILED, "out of memory");
		return;
	}
	last_block = io->bounce + (head > 0 && last - first == 1 ? 0 : size);
	n = iov_put(iov, 0, io->bounce, head);
	n = io->span_zeros ? iov_put_zeros(iov, n, io->cmd_end - io->at)
			   : iov_put_request(iov, n, req, io->at, io->cmd_end);
	n = iov_put(iov, n, last_block + (size - tail), tail);
	lun_io_send(io, dir, policy, iov, n, length);
}

/* ---- READ ---- */

/* Where the command that starts at io->at ends, going for end; sets cmd_end. */
static uint64_t
rw_cut(struct lun_io *io, uint64_t end, uint64_t max)
{
	struct lun *lun = io->lun;
	uint64_t last;

	last = lun_cut(lun_floor(lun, io->at), lun_ceil(lun, end), max,
	    lun->facts.limits.optimal_granularity, 0);
	io->cmd_end = last << lun->shift;
	if (io->cmd_end > end)
		io->cmd_end = end;
	return last;
}

void
lun_read_next(struct lun_io *io)
{
	uint64_t last;

	if (io->at == io->end) {
		lun_io_finish(io, 0);
		return;
	}
	last = rw_cut(io, io->end, io->lun->max_blocks);
	rw_send(io, TASK_IN, lun_floor(io->lun, io->at), last);
}

/* ---- WRITE ---- */

void
lun_span_begin(struct lun_io *io, uint64_t end, bool zeros)
{
	struct lun *lun = io->lun;
	uint64_t mask = lun_block_size(lun) - 1;

	io->span_end = end;
	io->span_zeros = zeros;
	io->edges = 0;
	if ((io->at & mask) != 0)
		io->edges |= EDGE_HEAD;
	/* When both are in one block, the head brings it. */
	if ((end & mask) != 0 &&
	    (io->edges == 0 || lun_floor(lun, io->at) != lun_floor(lun, end)))
		io->edges |= EDGE_TAIL;
}

/* Reads the partial blocks at the ends, neighbours by one command. */
static void
span_read_edges(struct lun_io *io)
{
	struct lun *lun = io->lun;
	uint64_t size = lun_block_size(lun);
	uint64_t head = lun_floor(lun, io->at);
	uint64_t tail = lun_floor(lun, io->span_end);
	uint64_t first = head;
	uint32_t blocks = 1;

	io->cmd_edges = io->edges & EDGE_HEAD;
	io->iovs[0].iov_base = io->bounce;
	if (io->edges == EDGE_TAIL) {
		io->cmd_edges = EDGE_TAIL;
		io->iovs[0].iov_base = io->bounce + size;
		first = tail;
	} else if (io->edges == (EDGE_HEAD | EDGE_TAIL) && tail == head + 1 &&
		   lun->max_blocks >= 2) {
		io->cmd_edges = EDGE_HEAD | EDGE_TAIL;
		blocks = 2;
	}
	io->cmd_end = io->at;
	io->iovs[0].iov_len = blocks * size;
	rw_cdb(io, TASK_IN, first, blocks, false);
	lun_io_send(
	    io, TASK_IN, TASK_QUERY, io->iovs, 1, (uint32_t)(blocks * size));
}

bool
lun_span_next(struct lun_io *io)
{
	struct lun *lun = io->lun;
	uint64_t last, max;

	if (io->edges != 0) {
		span_read_edges(io);
		return true;
	}
	if (io->at >= io->span_end)
		return false;
	max = lun->max_blocks;
	if (io->span_zeros &&
	    max > ((LUN_IOVS - 2) * (uint64_t)LUN_ZEROS_LEN) >> lun->shift)
		max = ((LUN_IOVS - 2) * (uint64_t)LUN_ZEROS_LEN) >> lun->shift;
	last = rw_cut(io, io->span_end, max);
	rw_send(io, TASK_OUT, lun_floor(lun, io->at), last);
	return true;
}

void
lun_write_next(struct lun_io *io)
{
	int error = 0;

	if (io->span_end == 0)
		lun_span_begin(io, io->end, false);
	if (lun_span_next(io))
		return;
	/* FUA in each WRITE, or one SYNCHRONIZE CACHE behind them. */
	if ((io->req->flags & BDEV_FUA) != 0 && io->cached &&
	    lun_sync_next(io, &error))
		return;
	lun_io_finish(io, error);
}
