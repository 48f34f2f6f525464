/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lu_report - the commands every device has (SPC-4, 6): REPORT LUNS, REPORT
 * SUPPORTED OPERATION CODES and TASK MANAGEMENT FUNCTIONS, TEST UNIT READY,
 * REQUEST SENSE, and a disk's START STOP UNIT.
 */
#include <string.h>

#include "base/be.h"
#include "base/cursor.h"
#include "target/lu_impl.h"

/* ---- REPORT LUNS ---- */

enum { SELECT_LUNS = 0, SELECT_WELL_KNOWN = 1, SELECT_ALL = 2 };

static bool
report_luns_start(struct lu_cmd *c)
{
	if (c->f.select_report > SELECT_ALL)
		return lu_fail_cdb(c, 2);
	return lu_want_in(c, LUNLIST_HEADER_LEN + 8 * TARGET_LUNS_MAX);
}

static void
report_luns_run(struct lu_cmd *c)
{
	uint64_t luns[TARGET_LUNS_MAX];
	unsigned n = c->f.select_report == SELECT_WELL_KNOWN ? 0 : c->set->n;

	for (unsigned i = 0; i < n; i++)
		if (lunaddr_encode(i, &luns[i]) < 0)
			n = i;
	lu_give(c, lunlist_put(c->data, c->need, luns, n));
}

const struct lu_op lu_op_report_luns = { LU_ANY, LU_OP_NO_UA, report_luns_start,
	report_luns_run };

/* ---- REPORT SUPPORTED OPERATION CODES ---- */

enum { REPORT_ALL = 0, REPORT_OP = 1, REPORT_OP_SA = 2, REPORT_EITHER = 3 };

#define OPCODES_ROOM  2048 /* more than all of them with timeouts */
#define TIMEOUTS_LEN  12
#define DESCRIPTOR_SA 0x01
#define DESCRIPTOR_TO 0x02

static bool
report_opcodes_start(struct lu_cmd *c)
{
	if (c->f.reporting > REPORT_EITHER)
		return lu_fail_cdb(c, 2);
	if ((c->f.reporting == REPORT_OP &&
		lu_op_has_actions(c->f.asked_opcode)) ||
	    (c->f.reporting == REPORT_OP_SA && lu_op_plain(c->f.asked_opcode)))
		return lu_fail_cdb(c, 2);
	return lu_want_in(c, OPCODES_ROOM);
}

/* The timeouts descriptor: no nominal time, none recommended. */
static void
timeouts_put(struct writer *w)
{
	writer_u16(w, TIMEOUTS_LEN - 2);
	writer_zero(w, TIMEOUTS_LEN - 2);
}

static int
opcodes_put(const struct lu_cmd *c, uint8_t *buf, size_t size)
{
	const struct cdb_info *info;
	struct writer w;
	size_t n;

	writer_init(&w, buf, size);
	writer_u32(&w, 0);
	info = cdb_table(&n);
	for (size_t i = 0; i < n; i++, info++) {
		if (lu_op_find(c->lu, info->opcode, info->service_action) ==
		    NULL)
			continue;
		writer_u8(&w, info->opcode);
		writer_u8(&w, 0);
		writer_u16(&w, info->service_action);
		writer_u8(&w, 0);
		writer_u8(&w,
		    (uint8_t)((c->f.rctd ? DESCRIPTOR_TO : 0) |
			      (info->has_service_action ? DESCRIPTOR_SA : 0)));
		writer_u16(&w, info->length);
		if (c->f.rctd)
			timeouts_put(&w);
	}
	be32_put(buf, (uint32_t)writer_len(&w) - 4);
	return w.bad ? 0 : (int)writer_len(&w);
}

static int
opcode_put(const struct lu_cmd *c, uint8_t *buf, size_t size)
{
	const struct cdb_info *info =
	    cdb_info(c->f.asked_opcode, c->f.asked_service_action);
	struct opcode_support support = { .support = OPCODE_UNSUPPORTED };
	struct writer w;
	int len;

	if (info != NULL &&
	    lu_op_find(c->lu, info->opcode, info->service_action) != NULL) {
		support.support = OPCODE_SUPPORTED;
		support.cdb_len = info->length;
		memcpy(support.usage, info->usage, sizeof(support.usage));
	}
	len = opcode_support_put(buf, size, &support);
	if (len < 0 || !c->f.rctd || support.support != OPCODE_SUPPORTED)
		return len;
	buf[1] |= 0x80; /* CTDP */
	writer_init(&w, buf + len, size - (size_t)len);
	timeouts_put(&w);
	return w.bad ? len : len + TIMEOUTS_LEN;
}

static void
report_opcodes_run(struct lu_cmd *c)
{
	if (c->f.reporting == REPORT_ALL)
		lu_give(c, opcodes_put(c, c->data, c->need));
	else
		lu_give(c, opcode_put(c, c->data, c->need));
}

const struct lu_op lu_op_report_opcodes = { LU_ANY, 0, report_opcodes_start,
	report_opcodes_run };

/* ---- REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS ---- */

#define TMF_LEN 4

static bool
report_tmf_start(struct lu_cmd *c)
{
	return lu_want_in(c, TMF_LEN);
}

static void
report_tmf_run(struct lu_cmd *c)
{
	/* ABORT TASK, ABORT TASK SET, CLEAR TASK SET, LOGICAL UNIT RESET,
	 * TARGET RESET. */
	static const uint8_t tmf[TMF_LEN] = { 0x80 | 0x40 | 0x10 | 0x08 |
					      0x02 };

	memcpy(c->data, tmf, sizeof(tmf));
	lu_give(c, TMF_LEN);
}

const struct lu_op lu_op_report_tmf = { LU_ANY, 0, report_tmf_start,
	report_tmf_run };

/* ---- TEST UNIT READY, REQUEST SENSE, START STOP UNIT ---- */

const struct lu_op lu_op_test_unit_ready = { LU_ANY, LU_OP_READY, lu_good,
	NULL };

static bool
request_sense_start(struct lu_cmd *c)
{
	return lu_want_in(c, SENSE_DESCRIPTOR_MAX);
}

/* The pending unit attention, else that there is nothing to tell. */
static void
request_sense_run(struct lu_cmd *c)
{
	struct sense sense;

	if (c->lu == NULL)
		sense_set(
		    &sense, SENSE_ILLEGAL_REQUEST, SENSE_LUN_NOT_SUPPORTED);
	else if (!nexus_take(c->nexus, c->lu->number, &sense))
		sense_set(&sense, SENSE_NO_SENSE, 0);
	lu_give(c, sense_put(c->data, c->need, c->f.descriptor, &sense));
}

const struct lu_op lu_op_request_sense = { LU_ANY, LU_OP_NO_UA,
	request_sense_start, request_sense_run };

/* A disk in memory or in a file has no motor: every state is "ready". */
static bool
start_stop_start(struct lu_cmd *c)
{
	if (c->f.load_eject)
		return lu_fail_cdb(c, 4);
	return lu_good(c);
}

const struct lu_op lu_op_start_stop = { LU_ANY, 0, start_stop_start, NULL };
