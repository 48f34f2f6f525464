/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * COPY: EXTENDED COPY(LID1) (SPC-4, 6.4) of one segment per command, sent to the
 * destination, so that its own write protection, reservations and cache are in
 * force.
 *
 * The target finds the source by its designator alone, and takes whichever LUN
 * has it first.  A wrong one would be copied without a word, so before the first
 * copy from a source it is proven that the name means that LUN:
 *
 *     both are reached by one target name and portal;
 *     RECEIVE COPY OPERATING PARAMETERS: what the target can do;
 *     REPORT LUNS, and page 83h of each: neither designator is at any other
 *         address than its own
 *
 * again after each probe.  One COPY does it while the others wait; they wait,
 * too, when more are under way than the target takes at a time.
 *
 *     next() -> [proof] -> [a place] -> EXTENDED COPY -> next() ...
 *
 * A command is never sent twice unless it was not begun.  What the target
 * refuses, or cannot do, is -EOPNOTSUPP: the caller copies by READ and WRITE,
 * and again what a refused request has already copied.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "block/lun_priv.h"
#include "proto/lunaddr.h"

#define COPY_BLOCKS_MAX UINT16_MAX
#define COPY_BYTES_MAX	(UINT64_C(64) << 20) /* of a command, for its time */
#define LIMITS_ROOM	512		     /* Linux refuses much less */
#define SCAN_ROOM	16384
#define SCAN_LUNS	((SCAN_ROOM - LUNLIST_HEADER_LEN) / 8)
#define PAGE_ROOM	4096

/* What the proof waits for. */
enum { STEP_LIMITS, STEP_LUNS, STEP_PAGE };

/* ---- designators ---- */

/* How fit a designator is to name a LUN in a copy; 0: not at all.  Linux knows
 * NAA of 16 bytes only. */
static unsigned
fitness(const struct designator *d)
{
	if (d->code_set != DESIGNATOR_BINARY || d->len > XCOPY_DESIGNATOR_MAX)
		return 0;
	if (d->type == DESIGNATOR_NAA)
		return d->len == 16 ? 3 : 2;
	return d->type == DESIGNATOR_EUI64;
}

/* False: the LUN has none that a copy can use. */
static bool
copy_name(const struct lun *lun, struct designator *ret)
{
	const struct lun_identity *id = &lun->facts.identity;
	struct designator d;
	unsigned best = 0;
	size_t pos = 0;

	while (lun_identity_next(id, &pos, &d))
		if (fitness(&d) > best) {
			best = fitness(&d);
			*ret = d;
		}
	return best > 0;
}

static bool
same_name(const struct designator *a, const struct designator *b)
{
	return a->code_set == b->code_set && a->type == b->type &&
	       a->len == b->len && memcmp(a->value, b->value, a->len) == 0;
}

static void
cscd_fill(struct xcopy_cscd *ret, const struct lun *lun)
{
	struct designator d = { 0 };

	copy_name(lun, &d);
	*ret = (struct xcopy_cscd){ .code = XCOPY_CSCD_IDENTIFICATION,
		.type = SCSI_TYPE_DISK,
		.code_set = d.code_set,
		.association = DESIGNATOR_LU,
		.designator_type = d.type,
		.designator_len = d.len,
		.block_size = (uint32_t)lun_block_size(lun) };
	if (d.len > 0)
		memcpy(ret->designator, d.value, d.len);
}

bool
lun_can_copy(const struct lun *lun)
{
	struct designator d;

	return lun->facts.third_party_copy && !lun->copy.refused &&
	       copy_name(lun, &d);
}

/* ---- waiting for the proof, or for a place ---- */

void
lun_copy_init(struct lun *lun)
{
	TAILQ_INIT(&lun->copy.waiting);
}

static void
proof_end(struct lun *lun)
{
	lun->copy.prover->task.lun = lun->config.address;
	lun->copy.prover = NULL;
	free(lun->copy.luns);
	free(lun->copy.buf);
	lun->copy.luns = NULL;
	lun->copy.buf = NULL;
}

void
lun_copy_release(struct lun_io *io)
{
	struct lun *lun = io->lun;

	if (io == lun->copy.prover)
		proof_end(lun);
	lun->copy.running -= io->placed;
	io->placed = false;
}

struct lun_io *
lun_copy_granted(struct lun *lun)
{
	struct lun_copy *copy = &lun->copy;
	struct lun_io *io = TAILQ_FIRST(&copy->waiting);

	if (io == NULL ||
	    (!lun_closed(lun) &&
		(copy->prover != NULL ||
		    (copy->limits_known && copy->running >= copy->concurrent))))
		return NULL;
	TAILQ_REMOVE(&copy->waiting, io, link);
	return io;
}

void
lun_copy_forget(struct lun *lun)
{
	lun->copy.proven = false;
	lun->copy.again = lun->copy.prover != NULL;
}

/* Who waits has no place: those who have one get on. */
static void
copy_wait(struct lun_io *io)
{
	io->lun->copy.running -= io->placed;
	io->placed = false;
	TAILQ_INSERT_TAIL(&io->lun->copy.waiting, io, link);
}

/* ---- ends ---- */

static void
copy_unsupported(struct lun_io *io, const char *why)
{
	struct lun *lun = io->lun;

	log_info(lun->config.log, "LUN %" PRIu64 ": no copy by the target: %s",
	    lun->config.number, why);
	error_set(io->req->why, ERROR_FAILED,
	    "LUN %" PRIu64 ": no copy by the target: %s", lun->config.number,
	    why);
	lun_io_finish(io, -EOPNOTSUPP);
}

/* The target cannot copy at all. */
static void
copy_never(struct lun_io *io, const char *why)
{
	io->lun->copy.refused = true;
	lun_describe(io->lun);
	copy_unsupported(io, why);
}

bool
lun_copy_refused(struct lun_io *io, const struct sense *sense, const char *why)
{
	unsigned code = sense_code(sense);

	if (sense->key != SENSE_ILLEGAL_REQUEST && sense->asc != 0x26 &&
	    code != SENSE_UNIT_COMMUNICATION_FAILURE &&
	    code != SENSE_COPY_NOT_REACHABLE && code != SENSE_COPY_WRONG_TYPE)
		return false;
	if (io == io->lun->copy.prover && io->lun->copy.step == STEP_PAGE) {
		/* A LUN without the page has no designators. */
		io->task.transferred = 0;
		lun_copy_next(io);
	} else if (code == SENSE_INVALID_OPCODE) {
		copy_never(io, why);
	} else {
		copy_unsupported(io, why);
	}
	return true;
}

/* ---- what can be known here ---- */

/* Why the request cannot be a copy by the target, or NULL. */
static const char *
copy_obstacle(const struct lun_io *io, const struct lun *source)
{
	const struct bdev_req *req = io->req;
	const struct lun *lun = io->lun;
	const struct session_config *to =
	    session_get_config(lun->config.session);
	const struct session_config *from =
	    session_get_config(source->config.session);
	uint64_t mask = lun_block_size(lun) - 1;
	struct designator a, b;

	if (strcmp(to->target_name, from->target_name) != 0 ||
	    strcmp(to->portal, from->portal) != 0)
		return "the LUNs are not at one portal of one target";
	if (source->state != LUN_OPEN)
		return "the source does not answer now";
	if (source->shift != lun->shift)
		return "the LUNs have blocks of different sizes";
	if (((req->offset | req->source_offset | req->length) & mask) != 0)
		return "it would begin or end within a block";
	if (!copy_name(lun, &a) || !copy_name(source, &b))
		return "a LUN has no designator to be named by";
	if (source == lun) {
		if (req->offset < req->source_offset + req->length &&
		    req->source_offset < req->offset + req->length)
			return "source and destination overlap";
	} else if (same_name(&a, &b)) {
		return "both LUNs have one designator";
	}
	return NULL;
}

/* ---- the proof ---- */

static void
prove_send(struct lun_io *io, void *buf, uint32_t length)
{
	io->cmd_end = io->at;
	io->cmd_edges = 0;
	io->may_be_short = true;
	io->iovs[0].iov_base = buf;
	io->iovs[0].iov_len = length;
	lun_io_send(io, TASK_IN, TASK_QUERY, io->iovs, 1, length);
}

static void
prove_limits(struct lun_io *io)
{
	io->lun->copy.step = STEP_LIMITS;
	cdb_receive_copy_limits(io->task.cdb, LIMITS_ROOM);
	prove_send(io, io->bounce, LIMITS_ROOM);
}

static void
prove_luns(struct lun_io *io)
{
	struct lun_copy *copy = &io->lun->copy;

	free(copy->luns);
	free(copy->buf);
	copy->luns = calloc(SCAN_LUNS, sizeof(*copy->luns));
	copy->buf = malloc(SCAN_ROOM);
	if (copy->luns == NULL || copy->buf == NULL) {
		lun_io_fail(io, ERROR_FAILED, "out of memory");
		return;
	}
	copy->step = STEP_LUNS;
	io->task.lun = io->lun->config.address;
	cdb_report_luns(io->task.cdb, SCAN_ROOM);
	prove_send(io, copy->buf, SCAN_ROOM);
}

static void
prove_page(struct lun_io *io)
{
	struct lun_copy *copy = &io->lun->copy;

	copy->step = STEP_PAGE;
	io->task.lun = copy->luns[copy->lun_at];
	cdb_inquiry_vpd(io->task.cdb, VPD_DEVICE_IDENTIFICATION, PAGE_ROOM);
	prove_send(io, copy->buf, PAGE_ROOM);
}

/* Why the target's limits leave no room for a copy, or NULL. */
static const char *
take_limits(struct lun *lun, const struct xcopy_limits *l)
{
	uint64_t most = COPY_BYTES_MAX >> lun->shift;

	if (l->max_cscds < 2 || l->max_segments < 1 ||
	    (l->max_list != 0 &&
		l->max_list < XCOPY_LIST_LEN - XCOPY_HEADER_LEN))
		return "its lists have no room for two LUNs and a segment";
	if (l->types_n > 0 &&
	    (!xcopy_limits_has(l, XCOPY_SEGMENT_BLOCK) ||
		!xcopy_limits_has(l, XCOPY_CSCD_IDENTIFICATION)))
		return "it does not copy between disks that are named by "
		       "designators";
	if (most > COPY_BLOCKS_MAX)
		most = COPY_BLOCKS_MAX;
	if (l->max_segment != 0 && l->max_segment >> lun->shift < most)
		most = l->max_segment >> lun->shift;
	lun->copy.granule = 1;
	if (l->segment_granularity > lun->shift)
		lun->copy.granule =
		    l->segment_granularity - lun->shift < 32
			? UINT64_C(1) << (l->segment_granularity - lun->shift)
			: UINT32_MAX;
	if (most < lun->copy.granule)
		return "its segments are too small";
	lun->copy.most = most;
	lun->copy.no_list_id = l->snlid;
	lun->copy.concurrent = l->max_concurrent > 0 ? l->max_concurrent : 1;
	lun->copy.limits_known = true;
	return NULL;
}

/* Whether the page of a LUN has this designator. */
static bool
page_has(const struct lun_io *io, const struct designator *name)
{
	struct designator d;
	size_t pos = 0;

	while (vpd_designator_get(
		   io->lun->copy.buf, io->task.transferred, &pos, &d) > 0)
		if (d.association == DESIGNATOR_LU && same_name(&d, name))
			return true;
	return false;
}

/* The page of one LUN is there.  Why it stands in the way, or NULL. */
static const char *
take_page(struct lun_io *io, const struct lun *source)
{
	struct lun *lun = io->lun;
	uint64_t address = lun->copy.luns[lun->copy.lun_at];
	struct designator to, from;
	bool is_source = lunaddr_same(address, source->config.address);
	bool is_lun = lunaddr_same(address, lun->config.address);

	copy_name(lun, &to);
	copy_name(source, &from);
	if (page_has(io, &from) != is_source)
		return is_source ? "the source has lost its designator"
				 : "another LUN has the source's designator";
	if (page_has(io, &to) != is_lun)
		return is_lun ? "it has lost its designator"
			      : "another LUN has its designator";
	lun->copy.seen += is_source;
	return NULL;
}

/* Takes the answer to the last step: 0 the proof goes on, 1 it is complete, < 0
 * the request has ended. */
static int
prove_take(struct lun_io *io, const struct lun *source)
{
	struct lun_copy *copy = &io->lun->copy;
	struct xcopy_limits limits;
	const char *why = NULL;

	switch (copy->step) {
	case STEP_LIMITS:
		if (xcopy_limits_get(
			io->bounce, io->task.transferred, &limits) < 0)
			why = "its operating parameters are malformed";
		else
			why = take_limits(io->lun, &limits);
		if (why != NULL) {
			copy_never(io, why);
			return -1;
		}
		return source == io->lun;
	case STEP_LUNS:
		copy->lun_at = copy->seen = 0;
		if (lunlist_get(copy->buf, io->task.transferred, copy->luns,
			SCAN_LUNS, &copy->luns_n) < 0 ||
		    copy->luns_n > SCAN_LUNS)
			why = "its list of LUNs is too long, or malformed";
		break;
	default:
		why = take_page(io, source);
		copy->lun_at++;
		break;
	}
	if (why == NULL && copy->lun_at == copy->luns_n && copy->seen != 1)
		why = "the source is not among the LUNs that it shows here";
	if (why != NULL) {
		copy_unsupported(io, why);
		return -1;
	}
	return copy->lun_at == copy->luns_n;
}

/* The next step of the proof, which io is to give. */
static void
prove_next(struct lun_io *io)
{
	struct lun_copy *copy = &io->lun->copy;

	copy->again = false;
	if (!copy->limits_known)
		prove_limits(io);
	else if (copy->luns == NULL || copy->step == STEP_LIMITS)
		prove_luns(io);
	else
		prove_page(io);
}

static bool
is_proven(const struct lun *lun, const struct lun *source)
{
	const struct lun_copy *copy = &lun->copy;
	struct xcopy_cscd name;

	if (source == lun)
		return copy->limits_known;
	cscd_fill(&name, source);
	return copy->proven && copy->proven_address == source->config.address &&
	       copy->proven_name.designator_type == name.designator_type &&
	       copy->proven_name.designator_len == name.designator_len &&
	       memcmp(copy->proven_name.designator, name.designator,
		   sizeof(name.designator)) == 0;
}

/* True: the copy may go on. */
static bool
prove(struct lun_io *io, const struct lun *source)
{
	struct lun_copy *copy = &io->lun->copy;
	int done;

	if (copy->prover == io && !copy->again) {
		done = prove_take(io, source);
		if (done == 0)
			prove_next(io);
		if (done != 1)
			return false;
		proof_end(io->lun);
		copy->proven = true;
		copy->proven_address = source->config.address;
		cscd_fill(&copy->proven_name, source);
		return true;
	}
	if (copy->prover == NULL && is_proven(io->lun, source))
		return true;
	if (copy->prover != NULL && copy->prover != io) {
		copy_wait(io);
		return false;
	}
	if (copy->prover == io)
		proof_end(io->lun); /* it was overtaken by a probe */
	copy->prover = io;
	copy->step = STEP_LIMITS;
	prove_next(io);
	return false;
}

/* ---- the copy ---- */

static void
copy_send(struct lun_io *io, const struct lun *source)
{
	struct lun *lun = io->lun;
	struct bdev_req *req = io->req;
	uint64_t first = lun_floor(lun, io->at);
	uint64_t last = lun_cut(first, lun_floor(lun, io->end), lun->copy.most,
	    lun->copy.granule, first);
	struct xcopy_header header = {
		.list_id_usage = lun->copy.no_list_id ? XCOPY_LIST_NONE
						      : XCOPY_LIST_NOT_HELD,
		.list_id =
		    lun->copy.no_list_id ? 0 : (uint8_t)(1 + (io - lun->ios)),
		.cscds_len = 2 * XCOPY_CSCD_LEN,
		.segments_len = XCOPY_SEGMENT_LEN
	};
	struct xcopy_segment segment = { .code = XCOPY_SEGMENT_BLOCK,
		.descriptor_len = XCOPY_SEGMENT_LEN - 4,
		.destination = 1,
		.blocks = (uint16_t)(last - first),
		.source_lba =
		    lun_floor(lun, req->source_offset + (io->at - req->offset)),
		.destination_lba = first };
	struct xcopy_cscd cscd;
	uint8_t *p = io->bounce;

	p += xcopy_header_put(p, XCOPY_HEADER_LEN, &header);
	cscd_fill(&cscd, source);
	p += xcopy_cscd_put(p, XCOPY_CSCD_LEN, &cscd);
	cscd_fill(&cscd, lun);
	p += xcopy_cscd_put(p, XCOPY_CSCD_LEN, &cscd);
	xcopy_segment_put(p, XCOPY_SEGMENT_LEN, &segment);
	cdb_extended_copy(io->task.cdb, XCOPY_LIST_LEN);
	io->cmd_end = last << lun->shift;
	io->cmd_edges = 0;
	io->may_be_short = false;
	io->iovs[0].iov_base = io->bounce;
	io->iovs[0].iov_len = XCOPY_LIST_LEN;
	lun_io_send(io, TASK_OUT, TASK_ONCE, io->iovs, 1, XCOPY_LIST_LEN);
}

static bool
copy_place(struct lun_io *io)
{
	struct lun_copy *copy = &io->lun->copy;

	if (io->placed)
		return true;
	if (copy->running >= copy->concurrent) {
		copy_wait(io);
		return false;
	}
	copy->running++;
	io->placed = true;
	return true;
}

void
lun_copy_next(struct lun_io *io)
{
	struct lun *source, *lun = io->lun;
	struct bdev_req *req = io->req;
	const char *why;
	int error = 0;

	if (io->at == io->end) {
		if ((req->flags & BDEV_FUA) == 0 || !io->cached ||
		    !lun_sync_next(io, &error))
			lun_io_finish(io, error);
		return;
	}
	source = lun_from(req->source);
	if (source == NULL) {
		copy_unsupported(io, "the source is no LUN");
		return;
	}
	if (req->source_offset > source->bdev.size ||
	    req->length > source->bdev.size - req->source_offset) {
		lun_io_finish(io, -EINVAL);
		return;
	}
	why = copy_obstacle(io, source);
	if (why == NULL && lun->copy.refused)
		why = "it was refused before";
	if (why != NULL) {
		copy_unsupported(io, why);
		return;
	}
	if (!prove(io, source))
		return;
	if ((req->length >> lun->shift) % lun->copy.granule != 0)
		copy_unsupported(io, "it copies larger units only");
	else if (copy_place(io))
		copy_send(io, source);
}

void
lun_copy_unpark(struct lun_io *io)
{
	/* What it has asked was not answered. */
	if (io == io->lun->copy.prover)
		io->lun->copy.again = true;
	lun_copy_next(io);
}
