/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One command of a request: sent, and judged when it comes back.
 *
 *     good, all bytes moved     the request's next command
 *     unit attention            the same again (SAM-5, 5.14: it was not
 *                               executed), after a new probe if need be
 *     becoming ready            the same again, after a new probe
 *     refused as unknown        the request goes on by other means, if there
 *                               are any
 *     never sent                parked until the gate is open
 *     the rest                  the request fails, with a line in the log
 *
 * A command whose connection was lost fails; its lock is kept until then, which
 * is when the session has made sure that the target has ended it.  To replay it
 * instead, park it at that place.  SYNCHRONIZE CACHE is: it only does what a
 * target may do at any time, and whether it came too late lun_flush.c knows.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "block/lun_priv.h"

#define IO_RETRIES 8 /* of one command */

static const struct lun_op lun_ops_table[] = {
	[BDEV_READ] = { lun_read_next, false },
	[BDEV_WRITE] = { lun_write_next, true },
	[BDEV_FLUSH] = { lun_flush_next, false },
	[BDEV_DISCARD] = { lun_discard_next, true },
	[BDEV_ZERO] = { lun_zero_next, true },
	[BDEV_EXTENTS] = { lun_extents_next, false },
	[BDEV_COPY] = { lun_copy_next, true },
};

/* Commands that have a substitute: whether next() finds it. */
static const struct lun_substitute {
	uint8_t opcode;
	bool (*refused)(struct lun_io *, const struct sense *);
} lun_substitutes[] = {
	{ SCSI_OP_READ_16, lun_rw_refused },
	{ SCSI_OP_READ_10, lun_rw_refused },
	{ SCSI_OP_WRITE_16, lun_rw_refused },
	{ SCSI_OP_WRITE_10, lun_rw_refused },
	{ SCSI_OP_SYNCHRONIZE_CACHE_16, lun_sync_refused },
	{ SCSI_OP_SYNCHRONIZE_CACHE_10, lun_sync_refused },
	{ SCSI_OP_WRITE_SAME_16, lun_same_refused },
	{ SCSI_OP_UNMAP, lun_unmap_refused },
};

bool
lun_attention_changed(const struct sense *sense)
{
	return sense_capacity_changed(sense) || sense_inquiry_changed(sense) ||
	       sense_luns_changed(sense) ||
	       (sense_unit_attention(sense) &&
		   sense_code(sense) == SENSE_MODE_CHANGED);
}

void
lun_attention_luns(struct lun *lun, const struct sense *sense)
{
	if (sense_luns_changed(sense) && lun->config.luns_changed != NULL)
		lun->config.luns_changed(lun, lun->config.ctx);
}

/* A target that has made the LUN smaller need not have told: whatever is sent
 * is within the size that is known. */
static bool
lun_out_of_range(const struct lun_io *io, const struct sense *sense)
{
	return (io->req->op == BDEV_READ || io->req->op == BDEV_WRITE) &&
	       sense->key == SENSE_ILLEGAL_REQUEST &&
	       sense_code(sense) == SENSE_LBA_OUT_OF_RANGE;
}

bool
lun_becoming_ready(const struct sense *sense)
{
	/* In process of becoming ready; asymmetric access state transition;
	 * space allocation in progress. */
	return sense->key == SENSE_NOT_READY && sense->asc == 0x04 &&
	       (sense->ascq == 0x01 || sense->ascq == 0x0a ||
		   sense->ascq == 0x14);
}

bool
lun_attention_power(const struct sense *sense)
{
	/* POWER ON, RESET, OR BUS DEVICE RESET OCCURRED (which of them, it does
	 * not say); POWER ON OCCURRED; DEVICE INTERNAL RESET. */
	return sense_reset(sense) &&
	       (sense->ascq == 0x00 || sense->ascq == 0x01 ||
		   sense->ascq == 0x04);
}

uint64_t
lun_cut(uint64_t first, uint64_t end, uint64_t max, uint64_t granule,
    uint64_t align)
{
	uint64_t cut, rest;

	if (end - first <= max)
		return end;
	cut = first + max;
	if (granule > 1 && cut >= align) {
		rest = (cut - align) % granule;
		if (cut - first > rest)
			cut -= rest;
	}
	return cut;
}

/* ---- sending ---- */

static void lun_io_done(struct task *);

void
lun_io_init(struct lun *lun, struct lun_io *io)
{
	io->lun = lun;
	io->task.lun = lun->config.address;
	io->task.done = lun_io_done;
	io->task.ctx = io;
	TAILQ_INSERT_TAIL(&lun->free, io, link);
}

void
lun_io_start(struct lun *lun, struct bdev_req *req)
{
	struct lun_io *io = TAILQ_FIRST(&lun->free);

	TAILQ_REMOVE(&lun->free, io, link);
	io->req = req;
	io->op = &lun_ops_table[req->op];
	io->at = req->offset;
	io->end = req->offset + req->length;
	io->span_end = 0;
	io->edges = 0;
	io->span_zeros = false;
	io->synced = false;
	io->cached = false;
	io->losses = lun->losses_told;
	io->cmd_edges = 0;
	io->cmd_sync = false;
	io->may_be_short = false;
	io->placed = false;
	if (io->op->writes) {
		io->range.first = lun_floor(lun, io->at);
		io->range.end = lun_ceil(lun, io->end);
		if (!range_add(&lun->writes, &io->range))
			return;
	}
	io->op->next(io);
}

static struct bdev_req *lun_io_release(struct lun_io *);

void
lun_io_resend(struct lun_io *io)
{
	struct lun *lun = io->lun;

	if (lun->state == LUN_OPEN) {
		session_submit(lun->config.session, &io->task,
		    lun->config.now(lun->config.now_ctx));
	} else if (lun_closed(lun)) {
		lun_refuse(lun, lun_io_release(io));
	} else {
		TAILQ_INSERT_TAIL(&lun->parked, io, link);
	}
}

void
lun_io_unpark(struct lun_io *io)
{
	/* A COPY proves first that its source is still what it was. */
	if (io->req->op == BDEV_COPY)
		lun_copy_unpark(io);
	else
		lun_io_resend(io);
}

/* What may take long on the target's side gets more than the default. */
static uint64_t
lun_io_timeout(const struct lun_io *io)
{
	uint64_t usual =
	    session_get_config(io->lun->config.session)->task_timeout;

	switch (io->task.cdb[0]) {
	case SCSI_OP_SYNCHRONIZE_CACHE_10:
	case SCSI_OP_SYNCHRONIZE_CACHE_16:
		return 2 * usual;
	case SCSI_OP_WRITE_SAME_16:
	case SCSI_OP_UNMAP:
		return 4 * usual;
	case SCSI_OP_EXTENDED_COPY:
		return 8 * usual;
	default:
		return usual;
	}
}

static int
lun_io_place(struct task *task)
{
	struct lun_io *io = task->ctx;

	return bdev_place(io->req);
}

static struct kpipe *
lun_io_pipe(struct task *task)
{
	struct lun_io *io = task->ctx;

	return bdev_pipe(io->req);
}

void
lun_io_send(struct lun_io *io, enum task_dir dir, enum task_policy policy,
    const struct iovec *iov, int iovcnt, uint32_t length)
{
	io->task.dir = dir;
	io->task.policy = policy;
	io->task.iov = iov;
	io->task.iovcnt = iovcnt;
	io->task.length = length;
	io->task.timeout = lun_io_timeout(io);
	io->task.place = NULL;
	io->task.pipe = NULL;
	if (dir == TASK_IN && iov == io->req->iov) {
		io->task.place = lun_io_place;
		if (io->req->pipe != NULL)
			io->task.pipe = lun_io_pipe;
	}
	io->retries = 0;
	lun_io_resend(io);
}

struct iovec *
lun_io_iovs(struct lun_io *io, int n)
{
	if (n <= LUN_IOVS)
		return io->iovs;
	/* More than any request of the usual front ends; the last command's
	 * vectors are not in use any more. */
	free(io->iov_heap);
	io->iov_heap = calloc((size_t)n, sizeof(struct iovec));
	return io->iov_heap;
}

/* The request without its lun_io. */
static struct bdev_req *
lun_io_release(struct lun_io *io)
{
	struct lun *lun = io->lun;
	struct bdev_req *req = io->req;

	lun_copy_release(io);
	if (io->op->writes)
		range_remove(&lun->writes, &io->range);
	if (io->iov_heap != NULL) {
		free(io->iov_heap);
		io->iov_heap = NULL;
	}
	io->req = NULL;
	TAILQ_INSERT_HEAD(&lun->free, io, link);
	return req;
}

void
lun_io_finish(struct lun_io *io, int result)
{
	struct lun *lun = io->lun;
	struct bdev_req *req = lun_io_release(io);

	req->result = result;
	TAILQ_INSERT_TAIL(&lun->finished, req, link);
}

void
lun_io_fail(struct lun_io *io, enum error_class class, const char *why)
{
	error_set(io->req->why, class, "LUN %" PRIu64 ": %s",
	    io->lun->config.number, why);
	lun_io_finish(io, -EIO);
}

/* ---- judging ---- */

/* How a command failed. */
struct verdict {
	int result;
	enum error_class class;
	const char *why;
};

/* Whether it is these blocks that are bad, not the LUN or the way to it. */
static enum error_class
lun_io_class(const struct sense *sense)
{
	switch (sense->deferred ? SENSE_NO_SENSE : sense->key) {
	case SENSE_MEDIUM_ERROR:
	case SENSE_HARDWARE_ERROR:
	case SENSE_BLANK_CHECK:
	case SENSE_COPY_ABORTED:
	case SENSE_ABORTED_COMMAND:
	case SENSE_VOLUME_OVERFLOW:
	case SENSE_MISCOMPARE:
		return ERROR_IO;
	default:
		return ERROR_FAILED;
	}
}

static void
lun_io_failed(struct lun_io *io, const struct verdict *verdict)
{
	const char *name = cdb_name(io->task.cdb);
	struct lun *lun = io->lun;
	struct error error;
	struct cdb cdb;

	if (cdb_parse(io->task.cdb, &cdb) < 0)
		cdb.lba = cdb.blocks = 0;
	if (io->task.cdb[0] == SCSI_OP_EXTENDED_COPY) {
		cdb.lba = lun_floor(lun, io->at);
		cdb.blocks = (uint32_t)((io->cmd_end - io->at) >> lun->shift);
	}
	error_set(&error, verdict->class,
	    "LUN %" PRIu64 ": %s of LBA %" PRIu64 ", %" PRIu32 " blocks: %s",
	    lun->config.number, name != NULL ? name : "command", cdb.lba,
	    cdb.blocks, verdict->why);
	/* Who takes the reason tells the user. */
	if (io->req->why == NULL)
		log_error(lun->config.log, "%s", error.text);
	else
		log_info(lun->config.log, "%s", error.text);
	if (io->req->op == BDEV_EXTENTS && io->task.outcome != TASK_LOST) {
		/* Asked in vain, so it is not asked again: all is data. */
		lun->no_lba_status = true;
		lun_describe(lun);
		io->op->next(io);
		return;
	}
	if (io->req->why != NULL)
		*io->req->why = error;
	lun_io_finish(io, verdict->result);
}

/* It failed without a status. */
static void
lun_io_unanswered(struct lun_io *io, enum error_class class, const char *why)
{
	lun_io_failed(io, &(struct verdict){ -EIO, class, why });
}

static void
lun_io_good(struct lun_io *io)
{
	const struct task *task = &io->task;

	if ((task->transferred != task->length || task->overflow) &&
	    !io->may_be_short) {
		lun_io_unanswered(io, ERROR_FAILED,
		    task->overflow
			? "good status, but for more data than was asked for"
			: "good status, but not all data was transferred");
		return;
	}
	io->at = io->cmd_end;
	io->edges &= (uint8_t)~io->cmd_edges;
	io->synced = io->cmd_sync;
	lun_cache_wrote(io);
	io->op->next(io);
}

/* The same command again, if it was not tried too often. */
static void
lun_io_again(struct lun_io *io, const struct verdict *verdict)
{
	if (io->retries++ < IO_RETRIES)
		lun_io_resend(io);
	else
		lun_io_failed(io, verdict);
}

/* The same when it may have been begun. */
static void
lun_io_again_begun(struct lun_io *io, const struct verdict *verdict)
{
	if (io->task.policy == TASK_ONCE)
		lun_io_failed(io, verdict);
	else
		lun_io_again(io, verdict);
}

static void
lun_io_lost(struct lun_io *io)
{
	const struct verdict verdict = { -EIO, ERROR_UNREACHED,
		"the connection was lost" };

	if (io->cmd_sync)
		lun_io_again(io, &verdict);
	else
		lun_io_failed(io, &verdict);
}

/* True: the request has gone on by other means. */
static bool
lun_io_substitute(struct lun_io *io, const struct sense *sense)
{
	const struct lun_substitute *s;
	size_t i;

	if (sense->key != SENSE_ILLEGAL_REQUEST)
		return false;
	for (i = 0; i < sizeof(lun_substitutes) / sizeof(*s); i++) {
		s = &lun_substitutes[i];
		if (s->opcode != io->task.cdb[0] || !s->refused(io, sense))
			continue;
		lun_describe(io->lun);
		io->op->next(io);
		return true;
	}
	return false;
}

/* Whether the INFORMATION field can be meant as a block of the request. */
static bool
lun_io_has(const struct lun_io *io, uint64_t lba)
{
	const struct bdev_req *req = io->req;

	return req->op == BDEV_FLUSH ||
	       (lba >= lun_floor(io->lun, req->offset) &&
		   lba < lun_ceil(io->lun, io->end));
}

static void
lun_io_check_condition(struct lun_io *io)
{
	struct task *task = &io->task;
	struct lun *lun = io->lun;
	char why[SENSE_TEXT];
	struct verdict verdict = { .result = -EIO, .why = why };
	struct sense sense;

	if (sense_get(task->sense, task->sense_len, &sense) < 0) {
		lun_io_unanswered(
		    io, ERROR_FAILED, "CHECK CONDITION without sense data");
		return;
	}
	if (sense.key != SENSE_COPY_ABORTED &&
	    !lun_io_has(io, sense.information))
		sense.information_valid = false;
	sense_text(why, sizeof(why), &sense);
	verdict.class = lun_io_class(&sense);
	lun_attention_luns(lun, &sense);
	if (sense.deferred) {
		/* This command was not executed (SPC-4, 4.5.7). */
		lun_deferred_error(lun, &sense);
		lun_io_again(io, &verdict);
	} else if (lun_attention_changed(&sense) ||
		   lun_becoming_ready(&sense)) {
		log_info(lun->config.log, "LUN %" PRIu64 ": %s",
		    lun->config.number, why);
		lun_event(lun, LUN_RECHECK);
		lun_io_again(io, &verdict);
	} else if (lun_attention_power(&sense)) {
		lun_cache_lost(lun, why);
		lun_io_again(io, &verdict);
	} else if (sense_unit_attention(&sense)) {
		lun_io_again(io, &verdict);
	} else if (sense.key == SENSE_ABORTED_COMMAND ||
		   sense.key == SENSE_NO_SENSE) {
		lun_io_again_begun(io, &verdict);
	} else if (sense.key == SENSE_RECOVERED_ERROR ||
		   sense.key == SENSE_COMPLETED) {
		log_warn(lun->config.log, "LUN %" PRIu64 ": %s",
		    lun->config.number, why);
		lun_io_good(io);
	} else if (io->req->op == BDEV_COPY &&
		   lun_copy_refused(io, &sense, why)) {
		return;
	} else if (!lun_io_substitute(io, &sense)) {
		if (lun_out_of_range(io, &sense))
			lun_event(lun, LUN_RECHECK);
		verdict.result = sense_errno(&sense);
		lun_io_failed(io, &verdict);
	}
}

static void
lun_io_status(struct lun_io *io)
{
	uint8_t status = io->task.status;
	struct verdict verdict = { -EIO, ERROR_FAILED,
		scsi_status_name(status) };

	switch (status) {
	case SCSI_CHECK_CONDITION:
		lun_io_check_condition(io);
		break;
	case SCSI_TASK_ABORTED:
		lun_io_again_begun(io, &verdict);
		break;
	case SCSI_RESERVATION_CONFLICT:
		verdict.result = -EBUSY;
		lun_io_failed(io, &verdict);
		break;
	default:
		lun_io_failed(io, &verdict);
		break;
	}
}

/* The session did not send it: it is not up. */
static void
lun_io_unsent(struct lun_io *io)
{
	struct lun *lun = io->lun;

	if (lun->state == LUN_OPEN &&
	    session_state(lun->config.session) != SESSION_UP)
		lun_event(lun, LUN_LOST);
	if (lun->state == LUN_OPEN)
		lun_io_again(io, &(struct verdict){ -EIO, ERROR_UNREACHED,
				     "it could not be sent" });
	else
		lun_io_resend(io);
}

static void
lun_io_done(struct task *task)
{
	struct lun_io *io = task->ctx;
	struct lun *lun = io->lun;

	switch (task->outcome) {
	case TASK_DONE:
		if (task->status == SCSI_GOOD)
			lun_io_good(io);
		else
			lun_io_status(io);
		break;
	case TASK_UNSENT:
		lun_io_unsent(io);
		break;
	case TASK_LOST:
		lun_io_lost(io);
		break;
	case TASK_TIMEDOUT:
		lun_io_unanswered(io, ERROR_UNREACHED, "no answer in time");
		break;
	case TASK_BAD_REPLY:
		lun_io_unanswered(
		    io, ERROR_FAILED, "the answer breaks the protocol");
		break;
	}
	lun_work(lun);
}
