/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FLUSH: SYNCHRONIZE CACHE of the whole LUN with IMMED=0, its status waited
 * for.  It covers every write whose status came before, by SBC-3, 4.15.
 *
 * A target that does not know the command is believed to have no cache only
 * when it says so (WCE=0 in the caching mode page): else a flush is an error,
 * because what was asked for was not done.
 */
#include <errno.h>
#include <inttypes.h>

#include "block/lun_priv.h"

bool
lun_sync_next(struct lun_io *io, int *ret)
{
	struct lun *lun = io->lun;

	if (io->synced) {
		*ret = 0;
		return false;
	}
	if (lun->no_sync) {
		*ret = lun->bdev.volatile_cache ? -EIO : 0;
		return false;
	}
	if (lun->no_sync16)
		cdb_sync_cache10(io->task.cdb, 0, 0);
	else
		cdb_sync_cache16(io->task.cdb, 0, 0);
	io->cmd_end = io->at;
	io->cmd_edges = 0;
	io->cmd_sync = true;
	lun_io_send(io, TASK_NO_DATA, TASK_REPLAY, NULL, 0, 0);
	return true;
}

bool
lun_sync_refused(struct lun_io *io, const struct sense *sense)
{
	struct lun *lun = io->lun;

	if (sense_code(sense) != SENSE_INVALID_OPCODE)
		return false;
	if (io->task.cdb[0] == SCSI_OP_SYNCHRONIZE_CACHE_16) {
		lun->no_sync16 = true;
		return true;
	}
	if (!lun->no_sync)
		log_warn(lun->config.log,
		    "LUN %" PRIu64 ": the target does not know SYNCHRONIZE "
		    "CACHE, and %s",
		    lun->config.number,
		    lun->bdev.volatile_cache
			? "does not say that it has no write cache: "
			  "every flush fails"
			: "has no write cache");
	lun->no_sync = true;
	return true;
}

void
lun_flush_next(struct lun_io *io)
{
	struct lun *lun = io->lun;
	int error;

	if (lun_sync_next(io, &error))
		return;
	if (error == 0 && lun->write_lost) {
		lun->write_lost = false;
		error = -EIO;
	}
	lun_io_finish(io, error);
}
