/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lu_copy_report - what the copy manager tells of itself and of its copies: the
 * operating parameters and the status of RECEIVE COPY RESULTS (SPC-4, 6.17 and
 * 6.20), the third-party copy VPD page (7.8.17), and the account of copies under
 * way that both need.
 *
 * A list identifier belongs to the initiator port that chose it.  How a copy
 * ended is kept until it was asked for, another copy takes its identifier, or
 * LU_COPY_RESULTS later ones have ended.
 */
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "target/lu_impl.h"

/*
 * ---- the account ----
 */

static struct lu_cmd *
running(const struct lu_cmd *c, uint8_t list_id)
{
	struct lu_cmd *other;

	TAILQ_FOREACH (other, &c->lu->copies, copy.link)
		if (other->copy.listed && other->copy.list_id == list_id &&
		    nexus_same(
			c->nexus, other->nexus->initiator, other->nexus->isid))
			return other;
	return NULL;
}

static struct copy_result *
ended(const struct lu_cmd *c, uint8_t list_id)
{
	struct lu *lu = c->lu;

	for (unsigned i = 0; i < LU_COPY_RESULTS; i++) {
		struct copy_result *r = &lu->copy_results[i];

		if (r->used && r->list_id == list_id &&
		    nexus_same(c->nexus, r->initiator, r->isid))
			return r;
	}
	return NULL;
}

bool
lu_copy_begin(struct lu_cmd *c, const struct xcopy_header *h)
{
	struct copy_result *earlier;

	if (c->set->copies == LU_COPY_CONCURRENT) {
		c->status = SCSI_BUSY;
		lu_finish(c);
		return false;
	}
	c->copy.list_id = h->list_id;
	c->copy.listed = h->list_id_usage != XCOPY_LIST_NONE;
	if (c->copy.listed && running(c, h->list_id) != NULL) {
		lu_finish_fail(
		    c, SENSE_ILLEGAL_REQUEST, SENSE_OPERATION_IN_PROGRESS);
		return false;
	}
	earlier = c->copy.listed ? ended(c, h->list_id) : NULL;
	if (earlier != NULL)
		earlier->used = false;
	c->copy.counted = true;
	c->set->copies++;
	TAILQ_INSERT_TAIL(&c->lu->copies, c, copy.link);
	return true;
}

/* KiB are units enough for what the lists allow. */
static void
status_of(const struct lu_cmd *c, uint8_t status, struct xcopy_status *ret)
{
	*ret = (struct xcopy_status){ .status = status,
		.segments = (uint16_t)c->copy.segment,
		.units = XCOPY_UNITS_KIB,
		.count = (uint32_t)(c->copy.done >> 10) };
}

void
lu_copy_end(struct lu_cmd *c)
{
	struct lu *lu = c->lu;
	struct copy_result *r;

	if (!c->copy.counted)
		return;
	c->copy.counted = false;
	c->set->copies--;
	TAILQ_REMOVE(&lu->copies, c, copy.link);
	if (!c->copy.listed || c->aborted)
		return;
	r = &lu->copy_results[lu->copy_result_next++ % LU_COPY_RESULTS];
	r->used = true;
	r->list_id = c->copy.list_id;
	snprintf(r->initiator, sizeof(r->initiator), "%s", c->nexus->initiator);
	memcpy(r->isid, c->nexus->isid, sizeof(r->isid));
	status_of(
	    c, c->status == SCSI_GOOD ? XCOPY_GOOD : XCOPY_FAILED, &r->status);
}

/*
 * ---- RECEIVE COPY RESULTS ----
 */

static bool
copy_status_start(struct lu_cmd *c)
{
	if (running(c, c->f.list_id) == NULL && ended(c, c->f.list_id) == NULL)
		return lu_fail_cdb(c, 2);
	return lu_want_in(c, XCOPY_STATUS_LEN);
}

static void
copy_status_run(struct lu_cmd *c)
{
	const struct lu_cmd *copy = running(c, c->f.list_id);
	struct copy_result *r = ended(c, c->f.list_id);
	struct xcopy_status status;

	if (copy != NULL) {
		status_of(copy, XCOPY_RUNNING, &status);
	} else if (r != NULL) {
		status = r->status;
		r->used = false;
	} else {
		lu_finish_fail(
		    c, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
		return;
	}
	lu_give(c, xcopy_status_put(c->data, c->need, &status));
}

const struct lu_op lu_op_copy_status = { LU_WRITES, 0, copy_status_start,
	copy_status_run };

uint32_t
lu_copy_max(const struct lu *lu)
{
	return lu->config.copy_max != 0 ? lu->config.copy_max : LU_COPY_BYTES;
}

static bool
copy_limits_start(struct lu_cmd *c)
{
	return lu_want_in(c, XCOPY_LIMITS_LEN + XCOPY_LIMITS_TYPES);
}

static void
copy_limits_run(struct lu_cmd *c)
{
	struct xcopy_limits limits = { .snlid = true,
		.max_cscds = LU_COPY_CSCDS,
		.max_segments = LU_COPY_SEGMENTS,
		.max_list = LU_COPY_LIST,
		.max_segment = lu_copy_max(c->lu),
		.total_concurrent = LU_COPY_CONCURRENT,
		.max_concurrent = LU_COPY_CONCURRENT,
		.segment_granularity = (uint8_t)c->lu->shift,
		.types_n = 2,
		.types = { XCOPY_SEGMENT_BLOCK, XCOPY_CSCD_IDENTIFICATION } };

	lu_give(c, xcopy_limits_put(c->data, c->need, &limits));
}

const struct lu_op lu_op_copy_limits = { LU_WRITES, 0, copy_limits_start,
	copy_limits_run };

/*
 * ---- VPD page 8Fh ----
 *
 * A list of third-party copy descriptors: type, length of what follows (a
 * multiple of four), and that.
 */

static void
commands_put(struct writer *w)
{
	static const uint8_t commands[] = { SCSI_OP_EXTENDED_COPY, 1,
		SCSI_SA_EXTENDED_COPY_LID1, SCSI_OP_RECEIVE_COPY_RESULTS, 2,
		SCSI_SA_RECEIVE_COPY_STATUS_LID1, SCSI_SA_RECEIVE_COPY_LIMITS };

	writer_u16(w, THIRD_PARTY_COMMANDS);
	writer_u16(w, 8);
	writer_u8(w, sizeof(commands));
	writer_bytes(w, commands, sizeof(commands));
}

static void
parameters_put(struct writer *w)
{
	writer_u16(w, THIRD_PARTY_PARAMETERS);
	writer_u16(w, 28);
	writer_zero(w, 4);
	writer_u16(w, LU_COPY_CSCDS);
	writer_u16(w, LU_COPY_SEGMENTS);
	writer_u32(w, LU_COPY_LIST);
	writer_u32(w, 0); /* inline data */
	writer_zero(w, 12);
}

static void
descriptors_put(struct writer *w)
{
	writer_u16(w, THIRD_PARTY_DESCRIPTORS);
	writer_u16(w, 4);
	writer_u8(w, 2);
	writer_u8(w, XCOPY_SEGMENT_BLOCK);
	writer_u8(w, XCOPY_CSCD_IDENTIFICATION);
	writer_u8(w, 0);
}

static void
general_put(struct writer *w, const struct lu *lu)
{
	writer_u16(w, THIRD_PARTY_GENERAL);
	writer_u16(w, 32);
	writer_u32(w, LU_COPY_CONCURRENT);
	writer_u32(w, LU_COPY_CONCURRENT); /* with list identifiers */
	writer_u32(w, lu_copy_max(lu));
	writer_u8(w, (uint8_t)lu->shift);
	writer_zero(w, 19);
}

int
lu_third_party_put(const struct lu *lu, uint8_t *buf, size_t size)
{
	struct writer w;

	writer_init(&w, buf, size);
	writer_u8(&w, SCSI_TYPE_DISK);
	writer_u8(&w, VPD_THIRD_PARTY_COPY);
	writer_u16(&w, 0);
	commands_put(&w);
	parameters_put(&w);
	descriptors_put(&w);
	general_put(&w, lu);
	if (!w.bad)
		be16_put(buf + 2, (uint16_t)(writer_len(&w) - VPD_HEADER_LEN));
	return writer_result(&w);
}
