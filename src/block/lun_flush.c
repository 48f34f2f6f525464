/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FLUSH: SYNCHRONIZE CACHE of the whole LUN with IMMED=0, its status waited
 * for.  It covers every write whose status came before, by SBC-3, 4.15.
 *
 * A target that does not know the command is believed to have no cache only
 * when it says so (WCE=0 in the caching mode page): else a flush is an error,
 * because what was asked for was not done.
 *
 * What a target has acknowledged and holds in a volatile cache goes with its
 * power.  After a new login that cannot be told from a mere loss of the
 * connection (a reset is reported after both), so writes that no SYNCHRONIZE
 * CACHE has covered count as lost then:
 *
 *     cached    1  2  3  4  5  6      writes, counted when they end well
 *                        |            SYNCHRONIZE CACHE sent: covers 4
 *     flushed            4            it ended well
 *                              | loss: 5 and 6
 *
 * A SYNCHRONIZE CACHE whose connection is lost is sent again by the next one:
 * where nothing was lost it succeeds, and elsewhere what the target still has
 * is on the medium although the flush fails.
 *
 * Each loss is told once, by the next FLUSH.  Those that were under way
 * together tell it together, for each stands for the same writes; and so does a
 * FUA request whose own data was in the cache.
 */
#include <errno.h>
#include <inttypes.h>

#include "block/lun_priv.h"

/* ---- what the cache may have lost ---- */

static bool
cache_may_hold(const struct lun_io *io)
{
	const struct task *task = &io->task;

	/* What is discarded may stay as well as go. */
	return task->dir == TASK_OUT && io->req->op != BDEV_DISCARD &&
	       !lun_write_has_fua(io);
}

void
lun_cache_wrote(struct lun_io *io)
{
	struct lun *lun = io->lun;

	if (!cache_may_hold(io))
		return;
	lun->cached++;
	if (!io->cached) {
		io->cached = true;
		io->losses = lun->losses;
	}
}

int
lun_cache_verdict(struct lun_io *io)
{
	struct lun *lun = io->lun;
	const char *why = "a flush fails, since writes acknowledged before may "
			  "not have survived";

	if (io->losses == lun->losses)
		return 0;
	log_error(
	    lun->config.log, "LUN %" PRIu64 ": %s", lun->config.number, why);
	error_set(io->req->why, ERROR_FAILED, "LUN %" PRIu64 ": %s",
	    lun->config.number, why);
	if (io->req->op == BDEV_FLUSH)
		lun->losses_told = lun->losses;
	return -EIO;
}

void
lun_cache_lost(struct lun *lun, const char *why)
{
	bool lost = lun->cached != lun->flushed && lun->bdev.volatile_cache;

	lun->flushed = lun->cached;
	if (!lost)
		return;
	lun->losses++;
	log_error(lun->config.log,
	    "LUN %" PRIu64 ": %s: writes acknowledged before may not have "
	    "survived, since no flush had covered them; the next flush will "
	    "fail",
	    lun->config.number, why);
}

void
lun_deferred_error(struct lun *lun, const struct sense *sense)
{
	char text[SENSE_TEXT];

	lun->losses++;
	log_error(lun->config.log,
	    "LUN %" PRIu64 ": a write that was acknowledged before has failed: "
	    "%s; the next flush will fail",
	    lun->config.number, sense_text(text, sizeof(text), sense));
}

bool
lun_dirty(const struct lun *lun)
{
	return lun->cached != lun->flushed || lun->losses != lun->losses_told;
}

/* ---- SYNCHRONIZE CACHE ---- */

bool
lun_sync_next(struct lun_io *io, int *ret)
{
	struct lun *lun = io->lun;

	if (io->synced) {
		if (io->covers > lun->flushed)
			lun->flushed = io->covers;
		*ret = lun_cache_verdict(io);
		return false;
	}
	if (lun->no_sync && lun->bdev.volatile_cache) {
		error_set(io->req->why, ERROR_FAILED,
		    "LUN %" PRIu64 ": the target has a write cache, and does "
		    "not know SYNCHRONIZE CACHE",
		    lun->config.number);
		*ret = -EIO;
		return false;
	}
	if (lun->no_sync) {
		*ret = lun_cache_verdict(io);
		return false;
	}
	io->covers = lun->cached;
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
	int error;

	if (!lun_sync_next(io, &error))
		lun_io_finish(io, error);
}
