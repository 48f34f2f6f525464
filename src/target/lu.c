/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lu - the frame of the device server: the table of commands, what every
 * command goes through before its handler, the queue of those that write, and
 * the way to the bdev.
 */
#include "target/lu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/lu_impl.h"

/*
 * ---- the table of commands ----
 *
 * Indexed by operation code; commands that share one have a table of service
 * actions behind it.
 */

#define LU_ACTIONS 0x20

/* clang-format off */
static const struct lu_op *const service_action_in[LU_ACTIONS] = {
	[SCSI_SA_READ_CAPACITY_16] = &lu_op_read_capacity16,
	[SCSI_SA_GET_LBA_STATUS] = &lu_op_get_lba_status,
};

static const struct lu_op *const third_party_copy_out[LU_ACTIONS] = {
	[SCSI_SA_EXTENDED_COPY_LID1] = &lu_op_extended_copy,
};

static const struct lu_op *const third_party_copy_in[LU_ACTIONS] = {
	[SCSI_SA_RECEIVE_COPY_STATUS_LID1] = &lu_op_copy_status,
	[SCSI_SA_RECEIVE_COPY_LIMITS] = &lu_op_copy_limits,
};

static const struct lu_op *const maintenance_in[LU_ACTIONS] = {
	[SCSI_SA_REPORT_SUPPORTED_OPCODES] = &lu_op_report_opcodes,
	[SCSI_SA_REPORT_SUPPORTED_TMF] = &lu_op_report_tmf,
};

static const struct lu_op *const persistent_reserve_in[LU_ACTIONS] = {
	[SCSI_PRIN_READ_KEYS] = &lu_op_pr_read_keys,
	[SCSI_PRIN_READ_RESERVATION] = &lu_op_pr_read_reservation,
	[SCSI_PRIN_REPORT_CAPABILITIES] = &lu_op_pr_capabilities,
	[SCSI_PRIN_READ_FULL_STATUS] = &lu_op_pr_full_status,
};

static const struct lu_op *const persistent_reserve_out[LU_ACTIONS] = {
	[SCSI_PROUT_REGISTER] = &lu_op_pr_out,
	[SCSI_PROUT_RESERVE] = &lu_op_pr_out,
	[SCSI_PROUT_RELEASE] = &lu_op_pr_out,
	[SCSI_PROUT_CLEAR] = &lu_op_pr_out,
	[SCSI_PROUT_PREEMPT] = &lu_op_pr_out,
	[SCSI_PROUT_PREEMPT_AND_ABORT] = &lu_op_pr_out,
	[SCSI_PROUT_REGISTER_AND_IGNORE] = &lu_op_pr_out,
};

static const struct {
	const struct lu_op *op;
	const struct lu_op *const *actions; /* LU_ACTIONS of them */
} commands[0x100] = {
	[SCSI_OP_TEST_UNIT_READY] = { &lu_op_test_unit_ready, NULL },
	[SCSI_OP_REQUEST_SENSE] = { &lu_op_request_sense, NULL },
	[SCSI_OP_READ_6] = { &lu_op_read, NULL },
	[SCSI_OP_WRITE_6] = { &lu_op_write, NULL },
	[SCSI_OP_INQUIRY] = { &lu_op_inquiry, NULL },
	[SCSI_OP_MODE_SENSE_6] = { &lu_op_mode_sense, NULL },
	[SCSI_OP_START_STOP_UNIT] = { &lu_op_start_stop, NULL },
	[SCSI_OP_READ_CAPACITY_10] = { &lu_op_read_capacity10, NULL },
	[SCSI_OP_READ_10] = { &lu_op_read, NULL },
	[SCSI_OP_WRITE_10] = { &lu_op_write, NULL },
	[SCSI_OP_VERIFY_10] = { &lu_op_verify, NULL },
	[SCSI_OP_PRE_FETCH_10] = { &lu_op_pre_fetch, NULL },
	[SCSI_OP_SYNCHRONIZE_CACHE_10] = { &lu_op_sync_cache, NULL },
	[SCSI_OP_WRITE_SAME_10] = { &lu_op_write_same, NULL },
	[SCSI_OP_UNMAP] = { &lu_op_unmap, NULL },
	[SCSI_OP_MODE_SENSE_10] = { &lu_op_mode_sense, NULL },
	[SCSI_OP_PERSISTENT_RESERVE_IN] = { NULL, persistent_reserve_in },
	[SCSI_OP_PERSISTENT_RESERVE_OUT] = { NULL, persistent_reserve_out },
	[SCSI_OP_EXTENDED_COPY] = { NULL, third_party_copy_out },
	[SCSI_OP_RECEIVE_COPY_RESULTS] = { NULL, third_party_copy_in },
	[SCSI_OP_READ_16] = { &lu_op_read, NULL },
	[SCSI_OP_COMPARE_AND_WRITE] = { &lu_op_compare_and_write, NULL },
	[SCSI_OP_WRITE_16] = { &lu_op_write, NULL },
	[SCSI_OP_VERIFY_16] = { &lu_op_verify, NULL },
	[SCSI_OP_PRE_FETCH_16] = { &lu_op_pre_fetch, NULL },
	[SCSI_OP_SYNCHRONIZE_CACHE_16] = { &lu_op_sync_cache, NULL },
	[SCSI_OP_WRITE_SAME_16] = { &lu_op_write_same, NULL },
	[SCSI_OP_SERVICE_ACTION_IN_16] = { NULL, service_action_in },
	[SCSI_OP_REPORT_LUNS] = { &lu_op_report_luns, NULL },
	[SCSI_OP_MAINTENANCE_IN] = { NULL, maintenance_in },
	[SCSI_OP_READ_12] = { &lu_op_read, NULL },
	[SCSI_OP_WRITE_12] = { &lu_op_write, NULL },
	[SCSI_OP_VERIFY_12] = { &lu_op_verify, NULL },
};
/* clang-format on */

const struct lu_op *
lu_op_find(const struct lu *lu, uint8_t opcode, uint16_t service_action)
{
	const struct lu_op *op = commands[opcode].op;

	if (commands[opcode].actions != NULL && service_action < LU_ACTIONS)
		op = commands[opcode].actions[service_action];
	if (op != NULL && (op->flags & LU_OP_THIN) && !lu->config.thin)
		return NULL;
	return op;
}

bool
lu_op_plain(uint8_t opcode)
{
	return commands[opcode].op != NULL;
}

bool
lu_op_has_actions(uint8_t opcode)
{
	return commands[opcode].actions != NULL;
}

/*
 * ---- a logical unit ----
 */

static void
lu_take_size(struct lu *lu)
{
	lu->blocks = lu->bdev->size >> lu->shift;
}

/* The bdev tells that its size has changed. */
static void
lu_changed(struct bdev *bdev, void *ctx)
{
	struct lu *lu = ctx;
	struct nexus *nexus;
	uint64_t before = lu->blocks;

	(void)bdev;
	lu_take_size(lu);
	if (lu->blocks == before)
		return;
	TAILQ_FOREACH (nexus, &lu->set->nexuses, link)
		nexus_raise(nexus, lu->number, UA_CAPACITY);
}

int
lu_new(struct lu_set *set, unsigned number, struct bdev *bdev,
    const struct lu_config *config, struct lu **ret)
{
	struct lu *lu;
	uint32_t size = config->block_size;

	if (size < 512 || size > 4096 || (size & (size - 1)) != 0 ||
	    bdev->size < size)
		return -EINVAL;
	lu = calloc(1, sizeof(*lu));
	if (lu == NULL)
		return -ENOMEM;
	lu->set = set;
	lu->number = number;
	lu->bdev = bdev;
	lu->config = *config;
	if (bdev->read_only)
		lu->config.read_only = true;
	lu->shift = (unsigned)__builtin_ctz(size);
	TAILQ_INIT(&lu->writers);
	TAILQ_INIT(&lu->copies);
	reserve_init(&lu->reserve);
	lu_take_size(lu);
	lu_identify(lu);
	bdev->changed = lu_changed;
	bdev->changed_ctx = lu;
	*ret = lu;
	return 0;
}

void
lu_free(struct lu *lu)
{
	if (lu == NULL)
		return;
	reserve_fini(&lu->reserve);
	lu->bdev->ops->close(lu->bdev);
	free(lu);
}

unsigned
lu_number(const struct lu *lu)
{
	return lu->number;
}

bool
lu_maps(const struct lu *lu, const void *memory)
{
	const struct bdev *bdev = lu->bdev;
	uintptr_t at = (uintptr_t)memory, base;

	if (bdev->ops->map == NULL)
		return false;
	base = (uintptr_t)bdev->ops->map(lu->bdev, 0, 0, false);
	return at >= base && at - base < bdev->size;
}

void
lu_reset(struct lu *lu)
{
	struct nexus *nexus;

	TAILQ_FOREACH (nexus, &lu->set->nexuses, link)
		nexus_raise(nexus, lu->number, UA_LUN_RESET);
}

/*
 * ---- ends ----
 */

bool
lu_fail(struct lu_cmd *c, enum sense_key key, unsigned code)
{
	c->status = SCSI_CHECK_CONDITION;
	sense_set(&c->sense, key, code);
	return false;
}

bool
lu_fail_cdb(struct lu_cmd *c, unsigned byte)
{
	lu_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
	c->sense.field_valid = true;
	c->sense.field_in_cdb = true;
	c->sense.field = (uint16_t)byte;
	return false;
}

bool
lu_good(struct lu_cmd *c)
{
	c->status = SCSI_GOOD;
	return false;
}

void
lu_finish(struct lu_cmd *c)
{
	lu_copy_end(c);
	if (c->scratch != NULL)
		c->set->scratch_bytes -= c->scratch_len;
	pool_put(&c->set->pool, c->scratch, c->scratch_len);
	c->scratch = NULL;
	if (c->writer)
		lu_leave(c);
	c->done(c);
}

void
lu_finish_fail(struct lu_cmd *c, enum sense_key key, unsigned code)
{
	lu_fail(c, key, code);
	lu_finish(c);
}

/*
 * ---- a command ----
 */

/* SPC-4, 5.9: what an address without a logical unit answers. */
static bool
absent_start(struct lu_cmd *c)
{
	switch (c->cdb[0]) {
	case SCSI_OP_INQUIRY:
		c->op = &lu_op_inquiry;
		return lu_op_inquiry.start(c);
	case SCSI_OP_REPORT_LUNS:
		c->op = &lu_op_report_luns;
		return lu_op_report_luns.start(c);
	case SCSI_OP_REQUEST_SENSE:
		c->op = &lu_op_request_sense;
		return lu_op_request_sense.start(c);
	default:
		return lu_fail(
		    c, SENSE_ILLEGAL_REQUEST, SENSE_LUN_NOT_SUPPORTED);
	}
}

#define CONTROL_NACA 0x04

bool
lu_start(struct lu_set *set, struct lu *lu, struct lu_cmd *c)
{
	const struct lu_op *op = NULL;
	int error;

	c->set = set;
	c->lu = c->medium = lu;
	c->dir = LU_NONE;
	c->length = c->need = 0;
	c->data = c->scratch = NULL;
	c->status = SCSI_GOOD;
	c->drain = c->mapped = c->writer = false;
	c->exclusive = c->begun = c->aborted = c->halted = false;
	c->copy.counted = false;

	error = cdb_parse(c->cdb, &c->f);
	if (lu == NULL)
		return absent_start(c);
	if (error == 0)
		op = lu_op_find(lu, c->f.opcode, c->f.service_action);
	if ((op == NULL || !(op->flags & LU_OP_NO_UA)) &&
	    nexus_take(c->nexus, lu->number, &c->sense)) {
		c->status = SCSI_CHECK_CONDITION;
		return false;
	}
	if (op == NULL && lu_op_has_actions(c->cdb[0]))
		return lu_fail_cdb(c, 1);
	if (op == NULL)
		return lu_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_OPCODE);
	if (c->f.control & CONTROL_NACA)
		return lu_fail_cdb(c, c->f.length - 1u);
	if (!reserve_allows(lu, c->nexus, op->access)) {
		c->status = SCSI_RESERVATION_CONFLICT;
		return false;
	}
	if ((op->flags & LU_OP_READY) && !lu_check_ready(c))
		return false;
	c->op = op;
	return op->start(c);
}

void
lu_run(struct lu_cmd *c)
{
	c->op->run(c);
}

void
lu_cancel(struct lu_cmd *c)
{
	if (c->writer)
		lu_leave(c);
}

void
lu_abort(struct lu_cmd *c)
{
	c->aborted = true;
	if (c->writer && !c->begun)
		lu_finish(c);
}

bool
lu_writes_to(const struct lu_cmd *c, const struct lu *lu)
{
	return c->writer && c->medium == lu && c->lu != lu;
}

void
lu_halt(struct lu_cmd *c)
{
	c->halted = true;
	if (!c->begun)
		c->begin(c);
}

bool
lu_want_in(struct lu_cmd *c, uint32_t size)
{
	c->dir = LU_IN;
	c->need = size;
	return true;
}

void
lu_give(struct lu_cmd *c, int len)
{
	uint32_t given = len > 0 ? (uint32_t)len : 0;

	c->length = given < c->f.alloc_len ? given : c->f.alloc_len;
	c->status = SCSI_GOOD;
	lu_finish(c);
}

bool
lu_scratch(struct lu_cmd *c, size_t size)
{
	if (size <= LU_SCRATCH_MAX - c->set->scratch_bytes)
		c->scratch = pool_get(&c->set->pool, size);
	if (c->scratch == NULL) {
		c->status = SCSI_BUSY;
		lu_finish(c);
		return false;
	}
	c->scratch_len = size;
	c->set->scratch_bytes += size;
	return true;
}

/*
 * ---- the bdev ----
 */

static void
req_done(struct bdev_req *req)
{
	struct lu_cmd *c = req->ctx;

	c->begin(c);
}

void
lu_submit(struct lu_cmd *c, enum bdev_op op, unsigned flags, uint64_t offset,
    uint64_t length, void *buf, void (*next)(struct lu_cmd *))
{
	lu_submit_to(c, c->lu, op, flags, offset, length, buf, next);
}

void
lu_submit_to(struct lu_cmd *c, struct lu *lu, enum bdev_op op, unsigned flags,
    uint64_t offset, uint64_t length, void *buf, void (*next)(struct lu_cmd *))
{
	c->iov = (struct iovec){ .iov_base = buf, .iov_len = length };
	c->begin = next;
	c->req.op = op;
	c->req.flags = flags;
	c->req.offset = offset;
	c->req.length = length;
	c->req.iov = &c->iov;
	c->req.iovcnt = buf == NULL ? 0 : 1;
	c->req.done = req_done;
	c->req.ctx = c;
	bdev_submit(lu->bdev, &c->req);
}

void
lu_finish_bdev(struct lu_cmd *c, uint64_t lba)
{
	bool read = c->req.op == BDEV_READ || c->req.op == BDEV_EXTENTS;

	switch (c->req.result) {
	case -ENOSPC:
		lu_fail(c, SENSE_DATA_PROTECT, SENSE_SPACE_ALLOCATION_FAILED);
		break;
	case -EROFS:
		lu_fail(c, SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED);
		break;
	case -EINVAL: /* it has become smaller in the meantime */
		lu_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_LBA_OUT_OF_RANGE);
		break;
	case -EBUSY:
		c->status = SCSI_RESERVATION_CONFLICT;
		break;
	default:
		lu_fail(c, SENSE_MEDIUM_ERROR,
		    read ? SENSE_READ_ERROR : SENSE_WRITE_ERROR);
		c->sense.information_valid = true;
		c->sense.information = lba;
		break;
	}
	lu_finish(c);
}

/*
 * ---- commands that write ----
 */

static bool
overlap(const struct lu_cmd *a, const struct lu_cmd *b)
{
	return a->first <= b->last && b->first <= a->last;
}

/* Whether a command that stands before c in the queue keeps it waiting. */
static bool
kept_waiting(const struct lu *lu, const struct lu_cmd *c)
{
	const struct lu_cmd *other;

	if (lu->exclusives == 0)
		return false;
	TAILQ_FOREACH (other, &lu->writers, link) {
		if (other == c)
			break;
		if ((other->exclusive || c->exclusive) && overlap(other, c))
			return true;
	}
	return false;
}

bool
lu_writable_now(const struct lu *lu, const struct lu_cmd *c)
{
	return !kept_waiting(lu, c);
}

void
lu_enter(struct lu_cmd *c, bool exclusive, void (*begin)(struct lu_cmd *))
{
	struct lu *lu = c->medium;

	c->begun = false;
	c->writer = true;
	c->exclusive = exclusive;
	c->begin = begin;
	lu->exclusives += exclusive;
	TAILQ_INSERT_TAIL(&lu->writers, c, link);
	if (kept_waiting(lu, c))
		return;
	c->begun = true;
	if (begin != NULL)
		begin(c);
}

void
lu_leave(struct lu_cmd *c)
{
	struct lu *lu = c->medium;
	struct lu_cmd *next;

	TAILQ_REMOVE(&lu->writers, c, link);
	c->writer = false;
	lu->exclusives -= c->exclusive;
	if (lu->exclusives == 0 && !c->exclusive)
		return;
	/* begin() may end its command and come here again: start over. */
restart:
	TAILQ_FOREACH (next, &lu->writers, link) {
		if (next->begun || kept_waiting(lu, next))
			continue;
		next->begun = true;
		next->begin(next);
		goto restart;
	}
}
