/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lu_copy - EXTENDED COPY(LID1) (SPC-4, 6.4): the copy manager of the target,
 * which copies between its own logical units, or within one.
 *
 *     list -> checks of all segments -> a segment: enter `writers` of the
 *                                          ^       destination
 *                                          |         |
 *                                          +------ READ, WRITE, READ, ...
 *
 * Nothing is copied unless every segment passes the checks, and each is checked
 * again when its turn comes.  A segment is one exclusive writer of its range of
 * the destination, whichever logical unit the command came to; one piece is in
 * memory at a time.  Segments that overlap within one logical unit are copied
 * from the end that keeps what is still to be read.
 *
 * What is wrong with the list is an ILLEGAL REQUEST; what fails at a logical
 * unit is COPY ABORTED with the segment's number, and with the count of blocks
 * that were not copied once some were (6.4.3).  A write-protected destination
 * is a DATA PROTECT of its own, as the one thing that a user can mend.
 */
#include <errno.h>
#include <string.h>

#include "target/lu_impl.h"

#define HEADER_LIST_ID 0 /* bytes of the list, for field pointers */
#define HEADER_USAGE   1
#define HEADER_CSCDS   2

static bool
fail_list(struct lu_cmd *c, unsigned code, size_t byte)
{
	lu_fail(c, SENSE_ILLEGAL_REQUEST, code);
	c->sense.field_valid = true;
	c->sense.field = (uint16_t)byte;
	return false;
}

/* The end of a segment that a logical unit does not let pass. */
static bool
fail_segment(struct lu_cmd *c, unsigned n, enum sense_key key, unsigned code)
{
	lu_fail(c, key, code);
	c->sense.command_specific_valid = true;
	c->sense.command_specific = n;
	return false;
}

/*
 * ---- the list ----
 */

static size_t
cscd_at(unsigned n)
{
	return XCOPY_HEADER_LEN + (size_t)n * XCOPY_CSCD_LEN;
}

/* Only segments of one length are known, so each has its place. */
static size_t
segment_at(const struct lu_cmd *c, unsigned n)
{
	return cscd_at(c->copy.cscds) + (size_t)n * XCOPY_SEGMENT_LEN;
}

static bool
check_header(struct lu_cmd *c, const struct xcopy_header *h)
{
	size_t lists = (size_t)h->cscds_len + h->segments_len;

	if (h->list_id_usage == XCOPY_LIST_RESERVED)
		return fail_list(c, SENSE_INVALID_FIELD_IN_LIST, HEADER_USAGE);
	if (h->list_id_usage == XCOPY_LIST_NONE && h->list_id != 0)
		return fail_list(
		    c, SENSE_INVALID_FIELD_IN_LIST, HEADER_LIST_ID);
	if (h->inline_len != 0)
		return lu_fail(
		    c, SENSE_ILLEGAL_REQUEST, SENSE_INLINE_DATA_EXCEEDED);
	if (h->cscds_len % XCOPY_CSCD_LEN != 0)
		return fail_list(c, SENSE_INVALID_FIELD_IN_LIST, HEADER_CSCDS);
	if (h->cscds_len / XCOPY_CSCD_LEN > LU_COPY_CSCDS)
		return lu_fail(
		    c, SENSE_ILLEGAL_REQUEST, SENSE_TOO_MANY_TARGETS);
	if (lists > LU_COPY_LIST || lists > c->need - XCOPY_HEADER_LEN)
		return lu_fail(
		    c, SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH);
	c->copy.cscds = h->cscds_len / XCOPY_CSCD_LEN;
	return true;
}

static bool
check_cscds(struct lu_cmd *c)
{
	struct xcopy_cscd d;

	for (unsigned i = 0; i < c->copy.cscds; i++) {
		if (xcopy_cscd_get(c->data + cscd_at(i), XCOPY_CSCD_LEN, &d) <
		    0)
			return fail_list(
			    c, SENSE_INVALID_FIELD_IN_LIST, cscd_at(i) + 7);
		if (d.code != XCOPY_CSCD_IDENTIFICATION)
			return fail_list(
			    c, SENSE_UNSUPPORTED_TARGET, cscd_at(i));
		if (d.lu_id_type != 0)
			return fail_list(
			    c, SENSE_INVALID_FIELD_IN_LIST, cscd_at(i) + 1);
	}
	return true;
}

/* The form of the segments; what they mean is copy_prepare()'s. */
static bool
check_segments(struct lu_cmd *c, size_t len)
{
	size_t at = segment_at(c, 0), end = at + len;
	struct xcopy_segment s;

	for (; at < end; at += XCOPY_SEGMENT_LEN) {
		if (c->copy.segments == LU_COPY_SEGMENTS)
			return lu_fail(
			    c, SENSE_ILLEGAL_REQUEST, SENSE_TOO_MANY_SEGMENTS);
		if (c->data[at] != XCOPY_SEGMENT_BLOCK)
			return fail_list(c, SENSE_UNSUPPORTED_SEGMENT, at);
		if (xcopy_segment_get(c->data + at, end - at, &s) < 0)
			return lu_fail(c, SENSE_ILLEGAL_REQUEST,
			    SENSE_PARAMETER_LIST_LENGTH);
		if (s.descriptor_len != XCOPY_SEGMENT_LEN - 4)
			return fail_list(
			    c, SENSE_INVALID_FIELD_IN_LIST, at + 2);
		if (s.source >= c->copy.cscds)
			return fail_list(
			    c, SENSE_INVALID_FIELD_IN_LIST, at + 4);
		if (s.destination >= c->copy.cscds)
			return fail_list(
			    c, SENSE_INVALID_FIELD_IN_LIST, at + 6);
		c->copy.segments++;
	}
	return true;
}

/*
 * ---- a segment ----
 */

static struct lu *
find_lu(const struct lu_cmd *c, const struct xcopy_cscd *d)
{
	const struct lu_set *set = c->set;

	if (d->nul || d->code_set != DESIGNATOR_BINARY ||
	    d->association != DESIGNATOR_LU ||
	    d->designator_type != DESIGNATOR_NAA ||
	    d->designator_len != sizeof(set->lu[0]->naa))
		return NULL;
	for (unsigned i = 0; i < set->n; i++)
		if (memcmp(set->lu[i]->naa, d->designator, d->designator_len) ==
		    0)
			return set->lu[i];
	return NULL;
}

/* The logical unit of a descriptor, for this use of it; NULL: none. */
static struct lu *
copy_lu(struct lu_cmd *c, unsigned cscd, enum lu_access access)
{
	unsigned n = c->copy.segment;
	struct xcopy_cscd d;
	struct lu *lu;

	xcopy_cscd_get(c->data + cscd_at(cscd), XCOPY_CSCD_LEN, &d);
	lu = find_lu(c, &d);
	if (lu == NULL)
		fail_segment(
		    c, n, SENSE_COPY_ABORTED, SENSE_COPY_NOT_REACHABLE);
	else if (d.type != SCSI_TYPE_DISK)
		fail_segment(c, n, SENSE_COPY_ABORTED, SENSE_COPY_WRONG_TYPE);
	else if (d.block_size != lu->config.block_size)
		fail_list(c, SENSE_INVALID_FIELD_IN_LIST, cscd_at(cscd) + 29);
	else if (!lu_ready(lu) || !reserve_allows(lu, c->nexus, access))
		fail_segment(
		    c, n, SENSE_COPY_ABORTED, SENSE_THIRD_PARTY_FAILURE);
	else
		return lu;
	return NULL;
}

static bool
inside(const struct lu *lu, uint64_t lba, uint64_t bytes)
{
	uint64_t blocks = bytes >> lu->shift;

	return lba <= lu->blocks && blocks <= lu->blocks - lba;
}

/* Sets up the segment whose turn it is: false when it cannot be copied. */
static bool
copy_prepare(struct lu_cmd *c)
{
	size_t at = segment_at(c, c->copy.segment);
	unsigned n = c->copy.segment;
	struct lu *from, *to;
	struct xcopy_segment s;

	xcopy_segment_get(c->data + at, XCOPY_SEGMENT_LEN, &s);
	from = copy_lu(c, s.source, LU_READS);
	to = from == NULL ? NULL : copy_lu(c, s.destination, LU_WRITES);
	if (to == NULL)
		return false;
	c->copy.from = from;
	c->medium = to;
	c->copy.length = (uint64_t)s.blocks << (s.dc ? to : from)->shift;
	c->copy.from_at = s.source_lba << from->shift;
	c->copy.to_at = s.destination_lba << to->shift;
	c->at = 0;
	if (c->copy.length > lu_copy_max(c->lu))
		return fail_list(c, SENSE_INVALID_FIELD_IN_LIST, at + 10);
	/* The rest of a block has nowhere to stay (6.4.6.2, CAT and PAD). */
	if (c->copy.length % to->config.block_size != 0 ||
	    c->copy.length % from->config.block_size != 0)
		return fail_segment(
		    c, n, SENSE_COPY_ABORTED, SENSE_INEXACT_SEGMENT);
	if (!inside(from, s.source_lba, c->copy.length) ||
	    !inside(to, s.destination_lba, c->copy.length))
		return fail_segment(
		    c, n, SENSE_ILLEGAL_REQUEST, SENSE_LBA_OUT_OF_RANGE);
	if (to->config.read_only || to->bdev->read_only)
		return fail_segment(
		    c, n, SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED);
	c->first = s.destination_lba;
	c->last =
	    s.destination_lba + (c->copy.length >> to->shift) - 1; /* if any */
	if (lu_first_fault(from, LU_FAULT_READ, s.source_lba,
		c->copy.length >> from->shift) != LU_NO_FAULT ||
	    lu_first_fault(to, LU_FAULT_WRITE, c->first,
		c->copy.length >> to->shift) != LU_NO_FAULT)
		return fail_segment(
		    c, n, SENSE_COPY_ABORTED, SENSE_THIRD_PARTY_FAILURE);
	return true;
}

static void copy_read(struct lu_cmd *);

/* A bdev has failed half-way, or the destination was taken away. */
static void
copy_failed(struct lu_cmd *c)
{
	unsigned n = c->copy.segment;

	if (!c->halted && c->req.result == -ENOSPC)
		fail_segment(
		    c, n, SENSE_DATA_PROTECT, SENSE_SPACE_ALLOCATION_FAILED);
	else if (!c->halted && c->req.result == -EROFS)
		fail_segment(c, n, SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED);
	else
		fail_segment(
		    c, n, SENSE_COPY_ABORTED, SENSE_THIRD_PARTY_FAILURE);
	if (c->at > 0) {
		c->sense.information_valid = true;
		c->sense.information =
		    (c->copy.length - c->at) >> c->medium->shift;
	}
	lu_finish(c);
}

/* Where the piece is that comes next, from the beginning of the segment. */
static uint64_t
piece_at(const struct lu_cmd *c, uint64_t piece)
{
	bool backward = c->copy.from == c->medium &&
			c->copy.from_at < c->copy.to_at &&
			c->copy.to_at - c->copy.from_at < c->copy.length;

	return backward ? c->copy.length - c->at - piece : c->at;
}

static void copy_segments(struct lu_cmd *);

static void
copy_written(struct lu_cmd *c)
{
	if (c->req.result < 0) {
		copy_failed(c);
		return;
	}
	c->at += c->req.length;
	if (c->at < c->copy.length) {
		copy_read(c);
		return;
	}
	lu_leave(c);
	c->copy.done += c->copy.length;
	c->copy.segment++;
	copy_segments(c);
}

static void
copy_write(struct lu_cmd *c)
{
	uint64_t piece = c->req.length;

	if (c->aborted)
		lu_finish(c);
	else if (c->halted || c->req.result < 0)
		copy_failed(c);
	else
		lu_submit_to(c, c->medium, BDEV_WRITE, 0,
		    c->copy.to_at + piece_at(c, piece), piece, c->scratch,
		    copy_written);
}

static void
copy_read(struct lu_cmd *c)
{
	uint64_t left = c->copy.length - c->at;
	uint64_t piece = left < c->scratch_len ? left : c->scratch_len;

	if (c->aborted)
		lu_finish(c);
	else if (c->halted)
		copy_failed(c);
	else
		lu_submit_to(c, c->copy.from, BDEV_READ, 0,
		    c->copy.from_at + piece_at(c, piece), piece, c->scratch,
		    copy_write);
}

/* The next segment that has something to copy. */
static void
copy_segments(struct lu_cmd *c)
{
	for (; c->copy.segment < c->copy.segments; c->copy.segment++) {
		if (c->aborted || !copy_prepare(c))
			break;
		if (c->copy.length > 0) {
			lu_enter(c, true, copy_read);
			return;
		}
	}
	lu_finish(c);
}

/*
 * ---- the command ----
 */

static bool
copy_start(struct lu_cmd *c)
{
	if (c->f.alloc_len == 0)
		return lu_good(c);
	c->dir = LU_OUT;
	c->length = c->f.alloc_len;
	if (c->length < XCOPY_HEADER_LEN || c->length > LU_COPY_ROOM ||
	    c->room_out < c->length)
		return lu_fail(
		    c, SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH);
	c->need = c->length;
	return true;
}

/* Everything that can be known before the first byte is moved; sets the size of
 * the largest segment. */
static bool
copy_check(struct lu_cmd *c, const struct xcopy_header *h, uint64_t *ret_most)
{
	uint64_t most = 0;

	if (!check_header(c, h) || !check_cscds(c) ||
	    !check_segments(c, h->segments_len))
		return false;
	for (; c->copy.segment < c->copy.segments; c->copy.segment++) {
		if (!copy_prepare(c))
			return false;
		if (c->copy.length > most)
			most = c->copy.length;
	}
	c->copy.segment = 0;
	*ret_most = most;
	return true;
}

static void
copy_run(struct lu_cmd *c)
{
	struct xcopy_header h;
	uint64_t most = 0;

	c->copy = (struct lu_copy){ 0 };
	xcopy_header_get(c->data, c->need, &h);
	if (!copy_check(c, &h, &most)) {
		lu_finish(c);
		return;
	}
	if (most > 0 && !lu_scratch(c, most < LU_PIECE ? most : LU_PIECE))
		return;
	if (lu_copy_begin(c, &h))
		copy_segments(c);
}

const struct lu_op lu_op_extended_copy = { LU_WRITES, LU_OP_READY, copy_start,
	copy_run };
