/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cdb - see the header.  One row of the table per command: its length, the bits
 * it may carry, and which function takes it apart.  Commands that address
 * blocks come in four shapes:
 *
 *     byte     0   1      2..     length       flags in byte 1
 *     6        op  lba    lba     4            none
 *     10       op  flags  lba(4)  7..8 (2)     DPO 10h FUA 08h
 *     12       op  flags  lba(4)  6..9 (4)     BYTCHK 06h (verify)
 *     16       op  flags  lba(8)  10..13 (4)   IMMED 02h (cache)
 */
#include "proto/cdb.h"

#include <errno.h>
#include <string.h>

#include "base/be.h"
#include "proto/scsi.h"

#define FLAG_DPO    0x10
#define FLAG_FUA    0x08
#define FLAG_BYTCHK 0x06
#define FLAG_IMMED  0x02
#define FLAG_ANCHOR 0x10
#define FLAG_UNMAP  0x08
#define FLAG_NDOB   0x01
#define FLAG_DBD    0x08
#define FLAG_PF	    0x10
#define SA_MASK	    0x1f

/*
 * ---- builders ----
 */

static void
cdb_clear(uint8_t *cdb, uint8_t opcode)
{
	memset(cdb, 0, CDB_MAX);
	cdb[0] = opcode;
}

static void
cdb_blocks10(
    uint8_t *cdb, uint8_t opcode, uint8_t flags, uint32_t lba, uint16_t blocks)
{
	cdb_clear(cdb, opcode);
	cdb[1] = flags;
	be32_put(cdb + 2, lba);
	be16_put(cdb + 7, blocks);
}

static void
cdb_blocks16(
    uint8_t *cdb, uint8_t opcode, uint8_t flags, uint64_t lba, uint32_t blocks)
{
	cdb_clear(cdb, opcode);
	cdb[1] = flags;
	be64_put(cdb + 2, lba);
	be32_put(cdb + 10, blocks);
}

void
cdb_test_unit_ready(uint8_t *cdb)
{
	cdb_clear(cdb, SCSI_OP_TEST_UNIT_READY);
}

void
cdb_request_sense(uint8_t *cdb, bool descriptor, uint8_t alloc_len)
{
	cdb_clear(cdb, SCSI_OP_REQUEST_SENSE);
	cdb[1] = descriptor;
	cdb[4] = alloc_len;
}

void
cdb_inquiry(uint8_t *cdb, uint16_t alloc_len)
{
	cdb_clear(cdb, SCSI_OP_INQUIRY);
	be16_put(cdb + 3, alloc_len);
}

void
cdb_inquiry_vpd(uint8_t *cdb, uint8_t page, uint16_t alloc_len)
{
	cdb_inquiry(cdb, alloc_len);
	cdb[1] = 0x01;
	cdb[2] = page;
}

void
cdb_mode_sense6(
    uint8_t *cdb, uint8_t page, uint8_t subpage, bool dbd, uint8_t alloc_len)
{
	cdb_clear(cdb, SCSI_OP_MODE_SENSE_6);
	cdb[1] = dbd ? FLAG_DBD : 0;
	cdb[2] = page & 0x3f;
	cdb[3] = subpage;
	cdb[4] = alloc_len;
}

void
cdb_mode_sense10(
    uint8_t *cdb, uint8_t page, uint8_t subpage, bool dbd, uint16_t alloc_len)
{
	cdb_clear(cdb, SCSI_OP_MODE_SENSE_10);
	cdb[1] = dbd ? FLAG_DBD : 0;
	cdb[2] = page & 0x3f;
	cdb[3] = subpage;
	be16_put(cdb + 7, alloc_len);
}

void
cdb_read_capacity10(uint8_t *cdb)
{
	cdb_clear(cdb, SCSI_OP_READ_CAPACITY_10);
}

void
cdb_read_capacity16(uint8_t *cdb, uint32_t alloc_len)
{
	cdb_clear(cdb, SCSI_OP_SERVICE_ACTION_IN_16);
	cdb[1] = SCSI_SA_READ_CAPACITY_16;
	be32_put(cdb + 10, alloc_len);
}

void
cdb_report_luns(uint8_t *cdb, uint32_t alloc_len)
{
	cdb_clear(cdb, SCSI_OP_REPORT_LUNS);
	be32_put(cdb + 6, alloc_len);
}

void
cdb_report_supported_opcode(uint8_t *cdb, uint8_t opcode, bool has_sa,
    uint16_t service_action, uint32_t alloc_len)
{
	cdb_clear(cdb, SCSI_OP_MAINTENANCE_IN);
	cdb[1] = SCSI_SA_REPORT_SUPPORTED_OPCODES;
	cdb[2] = has_sa ? 2 : 1;
	cdb[3] = opcode;
	be16_put(cdb + 4, service_action);
	be32_put(cdb + 6, alloc_len);
}

void
cdb_get_lba_status(uint8_t *cdb, uint64_t lba, uint32_t alloc_len)
{
	cdb_blocks16(cdb, SCSI_OP_SERVICE_ACTION_IN_16, SCSI_SA_GET_LBA_STATUS,
	    lba, alloc_len);
}

void
cdb_read10(uint8_t *cdb, uint32_t lba, uint16_t blocks, bool fua)
{
	cdb_blocks10(cdb, SCSI_OP_READ_10, fua ? FLAG_FUA : 0, lba, blocks);
}

void
cdb_write10(uint8_t *cdb, uint32_t lba, uint16_t blocks, bool fua)
{
	cdb_blocks10(cdb, SCSI_OP_WRITE_10, fua ? FLAG_FUA : 0, lba, blocks);
}

void
cdb_read16(uint8_t *cdb, uint64_t lba, uint32_t blocks, bool fua)
{
	cdb_blocks16(cdb, SCSI_OP_READ_16, fua ? FLAG_FUA : 0, lba, blocks);
}

void
cdb_write16(uint8_t *cdb, uint64_t lba, uint32_t blocks, bool fua)
{
	cdb_blocks16(cdb, SCSI_OP_WRITE_16, fua ? FLAG_FUA : 0, lba, blocks);
}

void
cdb_sync_cache10(uint8_t *cdb, uint32_t lba, uint16_t blocks)
{
	cdb_blocks10(cdb, SCSI_OP_SYNCHRONIZE_CACHE_10, 0, lba, blocks);
}

void
cdb_sync_cache16(uint8_t *cdb, uint64_t lba, uint32_t blocks)
{
	cdb_blocks16(cdb, SCSI_OP_SYNCHRONIZE_CACHE_16, 0, lba, blocks);
}

void
cdb_write_same10(uint8_t *cdb, uint32_t lba, uint16_t blocks, bool unmap)
{
	cdb_blocks10(
	    cdb, SCSI_OP_WRITE_SAME_10, unmap ? FLAG_UNMAP : 0, lba, blocks);
}

void
cdb_write_same16(
    uint8_t *cdb, uint64_t lba, uint32_t blocks, bool unmap, bool ndob)
{
	cdb_blocks16(cdb, SCSI_OP_WRITE_SAME_16,
	    (unmap ? FLAG_UNMAP : 0) | (ndob ? FLAG_NDOB : 0), lba, blocks);
}

void
cdb_unmap(uint8_t *cdb, uint16_t list_len)
{
	cdb_clear(cdb, SCSI_OP_UNMAP);
	be16_put(cdb + 7, list_len);
}

void
cdb_compare_and_write(uint8_t *cdb, uint64_t lba, uint8_t blocks, bool fua)
{
	cdb_blocks16(
	    cdb, SCSI_OP_COMPARE_AND_WRITE, fua ? FLAG_FUA : 0, lba, 0);
	cdb[13] = blocks;
}

void
cdb_extended_copy(uint8_t *cdb, uint32_t list_len)
{
	cdb_clear(cdb, SCSI_OP_EXTENDED_COPY);
	cdb[1] = SCSI_SA_EXTENDED_COPY_LID1;
	be32_put(cdb + 10, list_len);
}

void
cdb_receive_copy_limits(uint8_t *cdb, uint32_t alloc_len)
{
	cdb_clear(cdb, SCSI_OP_RECEIVE_COPY_RESULTS);
	cdb[1] = SCSI_SA_RECEIVE_COPY_LIMITS;
	be32_put(cdb + 10, alloc_len);
}

void
cdb_receive_copy_status(uint8_t *cdb, uint8_t list_id, uint32_t alloc_len)
{
	cdb_clear(cdb, SCSI_OP_RECEIVE_COPY_RESULTS);
	cdb[1] = SCSI_SA_RECEIVE_COPY_STATUS_LID1;
	cdb[2] = list_id;
	be32_put(cdb + 10, alloc_len);
}

/*
 * ---- the parser, one function per shape ----
 */

static void
parse_none(const uint8_t *cdb, struct cdb *c)
{
	(void)cdb;
	(void)c;
}

static void
parse_rw6(const uint8_t *cdb, struct cdb *c)
{
	c->lba = be24_get(cdb + 1) & 0x1fffff;
	c->blocks = cdb[4] == 0 ? 256 : cdb[4];
}

static void
parse_blocks(const uint8_t *cdb, struct cdb *c)
{
	c->protect = cdb[1] >> 5;
	switch (c->length) {
	case 10:
		c->lba = be32_get(cdb + 2);
		c->blocks = be16_get(cdb + 7);
		break;
	case 12:
		c->lba = be32_get(cdb + 2);
		c->blocks = be32_get(cdb + 6);
		break;
	default:
		c->lba = be64_get(cdb + 2);
		c->blocks = be32_get(cdb + 10);
		break;
	}
}

static void
parse_rw(const uint8_t *cdb, struct cdb *c)
{
	parse_blocks(cdb, c);
	c->dpo = cdb[1] & FLAG_DPO;
	c->fua = cdb[1] & FLAG_FUA;
}

static void
parse_verify(const uint8_t *cdb, struct cdb *c)
{
	parse_blocks(cdb, c);
	c->dpo = cdb[1] & FLAG_DPO;
	c->bytchk = (cdb[1] & FLAG_BYTCHK) >> 1;
}

/* SYNCHRONIZE CACHE and PRE-FETCH. */
static void
parse_cache(const uint8_t *cdb, struct cdb *c)
{
	parse_blocks(cdb, c);
	c->protect = 0;
	c->immed = cdb[1] & FLAG_IMMED;
}

static void
parse_write_same(const uint8_t *cdb, struct cdb *c)
{
	parse_blocks(cdb, c);
	c->anchor = cdb[1] & FLAG_ANCHOR;
	c->unmap = cdb[1] & FLAG_UNMAP;
	c->ndob = c->length == 16 && (cdb[1] & FLAG_NDOB);
}

static void
parse_compare_and_write(const uint8_t *cdb, struct cdb *c)
{
	parse_rw(cdb, c);
	c->blocks = cdb[13];
}

static void
parse_unmap(const uint8_t *cdb, struct cdb *c)
{
	c->anchor = cdb[1] & 0x01;
	c->alloc_len = be16_get(cdb + 7);
}

static void
parse_request_sense(const uint8_t *cdb, struct cdb *c)
{
	c->descriptor = cdb[1] & 0x01;
	c->alloc_len = cdb[4];
}

static void
parse_inquiry(const uint8_t *cdb, struct cdb *c)
{
	c->evpd = cdb[1] & 0x01;
	c->page = cdb[2];
	c->alloc_len = be16_get(cdb + 3);
}

static void
parse_mode_sense(const uint8_t *cdb, struct cdb *c)
{
	c->dbd = cdb[1] & FLAG_DBD;
	c->page_control = cdb[2] >> 6;
	c->page = cdb[2] & 0x3f;
	c->subpage = cdb[3];
	c->alloc_len = c->length == 6 ? cdb[4] : be16_get(cdb + 7);
}

static void
parse_mode_select(const uint8_t *cdb, struct cdb *c)
{
	c->page_format = cdb[1] & FLAG_PF;
	c->save_pages = cdb[1] & 0x01;
	c->alloc_len = c->length == 6 ? cdb[4] : be16_get(cdb + 7);
}

static void
parse_start_stop(const uint8_t *cdb, struct cdb *c)
{
	c->immed = cdb[1] & 0x01;
	c->power_condition = cdb[4] >> 4;
	c->load_eject = cdb[4] & 0x02;
	c->start = cdb[4] & 0x01;
}

static void
parse_prevent(const uint8_t *cdb, struct cdb *c)
{
	c->prevent = cdb[4] & 0x01;
}

static void
parse_pr_in(const uint8_t *cdb, struct cdb *c)
{
	c->alloc_len = be16_get(cdb + 7);
}

static void
parse_pr_out(const uint8_t *cdb, struct cdb *c)
{
	c->pr_scope = cdb[2] >> 4;
	c->pr_type = cdb[2] & 0x0f;
	c->alloc_len = be32_get(cdb + 5);
}

/* READ CAPACITY(16), EXTENDED COPY. */
static void
parse_length16(const uint8_t *cdb, struct cdb *c)
{
	c->alloc_len = be32_get(cdb + 10);
}

static void
parse_receive_copy(const uint8_t *cdb, struct cdb *c)
{
	c->list_id = cdb[2];
	c->alloc_len = be32_get(cdb + 10);
}

static void
parse_get_lba_status(const uint8_t *cdb, struct cdb *c)
{
	c->lba = be64_get(cdb + 2);
	c->alloc_len = be32_get(cdb + 10);
}

static void
parse_report_luns(const uint8_t *cdb, struct cdb *c)
{
	c->select_report = cdb[2];
	c->alloc_len = be32_get(cdb + 6);
}

static void
parse_report_supported(const uint8_t *cdb, struct cdb *c)
{
	c->rctd = cdb[2] & 0x80;
	c->reporting = cdb[2] & 0x07;
	c->asked_opcode = cdb[3];
	c->asked_service_action = be16_get(cdb + 4);
	c->alloc_len = be32_get(cdb + 6);
}

/*
 * ---- the table ----
 */

#define F2 0xff, 0xff
#define F3 F2, 0xff
#define F4 F2, F2
#define F8 F4, F4

/* clang-format off */
#define PLAIN(op, len, name, parse, ...) \
	{ op, false, 0, len, name, parse, { op, __VA_ARGS__ } }
#define ACTION(op, sa, len, name, parse, ...) \
	{ op, true, sa, len, name, parse, { op, sa, __VA_ARGS__ } }

#define RW10(op, name, parse, flags) \
	PLAIN(op, 10, name, parse, flags, F4, 0, F2)
#define RW12(op, name, parse, flags) \
	PLAIN(op, 12, name, parse, flags, F4, F4)
#define RW16(op, name, parse, flags) \
	PLAIN(op, 16, name, parse, flags, F8, F4)
#define PR_IN(sa, name) \
	ACTION(SCSI_OP_PERSISTENT_RESERVE_IN, sa, 10, \
	    "PERSISTENT RESERVE IN " name, parse_pr_in, 0, 0, 0, 0, 0, F2)
#define PR_OUT(sa, name) \
	ACTION(SCSI_OP_PERSISTENT_RESERVE_OUT, sa, 10, \
	    "PERSISTENT RESERVE OUT " name, parse_pr_out, 0xff, 0, 0, F4)

#define DPO_FUA	   (FLAG_DPO | FLAG_FUA)
#define DPO_BYTCHK (FLAG_DPO | FLAG_BYTCHK)
#define SYNC_IMMED (FLAG_IMMED | 0x04) /* SYNC_NV, obsolete: a full one */

/* In order of operation code: it is searched by halves. */
static const struct cdb_info table[] = {
	PLAIN(SCSI_OP_TEST_UNIT_READY, 6, "TEST UNIT READY", parse_none, 0),
	PLAIN(SCSI_OP_REQUEST_SENSE, 6, "REQUEST SENSE", parse_request_sense,
	    0x01, 0, 0, 0xff),
	PLAIN(SCSI_OP_READ_6, 6, "READ(6)", parse_rw6, 0x1f, F3),
	PLAIN(SCSI_OP_WRITE_6, 6, "WRITE(6)", parse_rw6, 0x1f, F3),
	PLAIN(SCSI_OP_INQUIRY, 6, "INQUIRY", parse_inquiry, 0x01, F3),
	PLAIN(SCSI_OP_MODE_SELECT_6, 6, "MODE SELECT(6)", parse_mode_select,
	    FLAG_PF | 0x01, 0, 0, 0xff),
	PLAIN(SCSI_OP_MODE_SENSE_6, 6, "MODE SENSE(6)", parse_mode_sense,
	    FLAG_DBD, F3),
	PLAIN(SCSI_OP_START_STOP_UNIT, 6, "START STOP UNIT", parse_start_stop,
	    0x01, 0, 0x0f, 0xf7),
	PLAIN(SCSI_OP_PREVENT_ALLOW_MEDIUM_REMOVAL, 6,
	    "PREVENT ALLOW MEDIUM REMOVAL", parse_prevent, 0, 0, 0, 0x03),
	PLAIN(SCSI_OP_READ_CAPACITY_10, 10, "READ CAPACITY(10)", parse_none, 0),
	RW10(SCSI_OP_READ_10, "READ(10)", parse_rw, DPO_FUA),
	RW10(SCSI_OP_WRITE_10, "WRITE(10)", parse_rw, DPO_FUA),
	RW10(SCSI_OP_WRITE_AND_VERIFY_10, "WRITE AND VERIFY(10)", parse_verify,
	    DPO_BYTCHK),
	RW10(SCSI_OP_VERIFY_10, "VERIFY(10)", parse_verify, DPO_BYTCHK),
	RW10(SCSI_OP_PRE_FETCH_10, "PRE-FETCH(10)", parse_cache, FLAG_IMMED),
	RW10(SCSI_OP_SYNCHRONIZE_CACHE_10, "SYNCHRONIZE CACHE(10)",
	    parse_cache, SYNC_IMMED),
	RW10(SCSI_OP_WRITE_SAME_10, "WRITE SAME(10)", parse_write_same,
	    FLAG_ANCHOR | FLAG_UNMAP),
	PLAIN(SCSI_OP_UNMAP, 10, "UNMAP", parse_unmap, 0x01, 0, 0, 0, 0, 0,
	    F2),
	PLAIN(SCSI_OP_MODE_SELECT_10, 10, "MODE SELECT(10)", parse_mode_select,
	    FLAG_PF | 0x01, 0, 0, 0, 0, 0, F2),
	PLAIN(SCSI_OP_MODE_SENSE_10, 10, "MODE SENSE(10)", parse_mode_sense,
	    FLAG_DBD | 0x10, F2, 0, 0, 0, F2),
	PR_IN(SCSI_PRIN_READ_KEYS, "READ KEYS"),
	PR_IN(SCSI_PRIN_READ_RESERVATION, "READ RESERVATION"),
	PR_IN(SCSI_PRIN_REPORT_CAPABILITIES, "REPORT CAPABILITIES"),
	PR_IN(SCSI_PRIN_READ_FULL_STATUS, "READ FULL STATUS"),
	PR_OUT(SCSI_PROUT_REGISTER, "REGISTER"),
	PR_OUT(SCSI_PROUT_RESERVE, "RESERVE"),
	PR_OUT(SCSI_PROUT_RELEASE, "RELEASE"),
	PR_OUT(SCSI_PROUT_CLEAR, "CLEAR"),
	PR_OUT(SCSI_PROUT_PREEMPT, "PREEMPT"),
	PR_OUT(SCSI_PROUT_PREEMPT_AND_ABORT, "PREEMPT AND ABORT"),
	PR_OUT(SCSI_PROUT_REGISTER_AND_IGNORE,
	    "REGISTER AND IGNORE EXISTING KEY"),
	PR_OUT(SCSI_PROUT_REGISTER_AND_MOVE, "REGISTER AND MOVE"),
	ACTION(SCSI_OP_EXTENDED_COPY, SCSI_SA_EXTENDED_COPY_LID1, 16,
	    "EXTENDED COPY(LID1)", parse_length16, 0, 0, 0, 0, 0, 0, 0, 0, F4),
	ACTION(SCSI_OP_RECEIVE_COPY_RESULTS, SCSI_SA_RECEIVE_COPY_STATUS_LID1,
	    16, "RECEIVE COPY STATUS(LID1)", parse_receive_copy,
	    0xff, 0, 0, 0, 0, 0, 0, 0, F4),
	ACTION(SCSI_OP_RECEIVE_COPY_RESULTS, SCSI_SA_RECEIVE_COPY_LIMITS, 16,
	    "RECEIVE COPY OPERATING PARAMETERS", parse_receive_copy,
	    0, 0, 0, 0, 0, 0, 0, 0, F4),
	RW16(SCSI_OP_READ_16, "READ(16)", parse_rw, DPO_FUA),
	PLAIN(SCSI_OP_COMPARE_AND_WRITE, 16, "COMPARE AND WRITE",
	    parse_compare_and_write, DPO_FUA, F8, 0, 0, 0, 0xff),
	RW16(SCSI_OP_WRITE_16, "WRITE(16)", parse_rw, DPO_FUA),
	RW16(SCSI_OP_ORWRITE_16, "ORWRITE(16)", parse_rw, DPO_FUA),
	RW16(SCSI_OP_WRITE_AND_VERIFY_16, "WRITE AND VERIFY(16)", parse_verify,
	    DPO_BYTCHK),
	RW16(SCSI_OP_VERIFY_16, "VERIFY(16)", parse_verify, DPO_BYTCHK),
	RW16(SCSI_OP_PRE_FETCH_16, "PRE-FETCH(16)", parse_cache, FLAG_IMMED),
	RW16(SCSI_OP_SYNCHRONIZE_CACHE_16, "SYNCHRONIZE CACHE(16)",
	    parse_cache, SYNC_IMMED),
	RW16(SCSI_OP_WRITE_SAME_16, "WRITE SAME(16)", parse_write_same,
	    FLAG_ANCHOR | FLAG_UNMAP | FLAG_NDOB),
	ACTION(SCSI_OP_SERVICE_ACTION_IN_16, SCSI_SA_READ_CAPACITY_16, 16,
	    "READ CAPACITY(16)", parse_length16,
	    0, 0, 0, 0, 0, 0, 0, 0, F4),
	ACTION(SCSI_OP_SERVICE_ACTION_IN_16, SCSI_SA_GET_LBA_STATUS, 16,
	    "GET LBA STATUS", parse_get_lba_status, F8, F4),
	PLAIN(SCSI_OP_REPORT_LUNS, 12, "REPORT LUNS", parse_report_luns,
	    0, 0xff, 0, 0, 0, F4),
	ACTION(SCSI_OP_MAINTENANCE_IN, SCSI_SA_REPORT_SUPPORTED_OPCODES, 12,
	    "REPORT SUPPORTED OPERATION CODES", parse_report_supported,
	    0x87, F3, F4),
	ACTION(SCSI_OP_MAINTENANCE_IN, SCSI_SA_REPORT_SUPPORTED_TMF, 12,
	    "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
	    parse_report_supported, 0x80, 0, 0, 0, F4),
	RW12(SCSI_OP_READ_12, "READ(12)", parse_rw, DPO_FUA),
	RW12(SCSI_OP_WRITE_12, "WRITE(12)", parse_rw, DPO_FUA),
	RW12(SCSI_OP_WRITE_AND_VERIFY_12, "WRITE AND VERIFY(12)", parse_verify,
	    DPO_BYTCHK),
	RW12(SCSI_OP_VERIFY_12, "VERIFY(12)", parse_verify, DPO_BYTCHK),
};
/* clang-format on */

#define TABLE_LEN (sizeof(table) / sizeof(table[0]))

const struct cdb_info *
cdb_table(size_t *ret_n)
{
	*ret_n = TABLE_LEN;
	return table;
}

/* The first row of this operation code or a later one. */
static size_t
table_find(uint8_t opcode)
{
	size_t lo = 0, hi = TABLE_LEN, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (table[mid].opcode < opcode)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct cdb_info *
cdb_info(uint8_t opcode, uint16_t service_action)
{
	size_t i;

	for (i = table_find(opcode); i < TABLE_LEN && table[i].opcode == opcode;
	     i++)
		if (!table[i].has_service_action ||
		    table[i].service_action == service_action)
			return &table[i];
	return NULL;
}

static bool
opcode_known(uint8_t opcode)
{
	size_t i = table_find(opcode);

	return i < TABLE_LEN && table[i].opcode == opcode;
}

int
cdb_parse(const uint8_t *cdb, struct cdb *ret)
{
	const struct cdb_info *info = cdb_info(cdb[0], cdb[1] & SA_MASK);
	struct cdb c = { 0 };

	if (info == NULL)
		return opcode_known(cdb[0]) ? -EINVAL : -EOPNOTSUPP;
	c.opcode = info->opcode;
	c.length = info->length;
	c.control = cdb[info->length - 1];
	c.service_action = info->service_action;
	info->parse(cdb, &c);
	*ret = c;
	return 0;
}

const char *
cdb_name(const uint8_t *cdb)
{
	const struct cdb_info *info = cdb_info(cdb[0], cdb[1] & SA_MASK);

	return info == NULL ? NULL : info->name;
}

int
cdb_reserved_bit(const uint8_t *cdb)
{
	const struct cdb_info *info = cdb_info(cdb[0], cdb[1] & SA_MASK);
	uint8_t allowed;
	int i;

	if (info == NULL)
		return -1;
	for (i = 1; i < info->length; i++) {
		allowed = info->usage[i];
		if (i == 1 && info->has_service_action)
			allowed |= SA_MASK;
		if (cdb[i] & ~allowed)
			return i;
	}
	return -1;
}
