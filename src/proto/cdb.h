/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cdb - command descriptor blocks (SPC-4, 4.2; SBC-3, 5): builders for the
 * initiator, a parser for the target, and the table of commands that both read.
 *
 * Every builder fills all CDB_MAX bytes, zeros behind the CDB's own length, as
 * the CDB field of a SCSI Command PDU wants them.
 */
#ifndef PROTO_CDB_H
#define PROTO_CDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CDB_MAX 16

void cdb_test_unit_ready(uint8_t *cdb);
void cdb_request_sense(uint8_t *cdb, bool descriptor, uint8_t alloc_len);
/* Standard data, or the VPD page. */
void cdb_inquiry(uint8_t *cdb, uint16_t alloc_len);
void cdb_inquiry_vpd(uint8_t *cdb, uint8_t page, uint16_t alloc_len);
/* page 0x3f and subpage 0xff: all.  dbd: without block descriptors. */
void cdb_mode_sense6(
    uint8_t *cdb, uint8_t page, uint8_t subpage, bool dbd, uint8_t alloc_len);
void cdb_mode_sense10(
    uint8_t *cdb, uint8_t page, uint8_t subpage, bool dbd, uint16_t alloc_len);
void cdb_read_capacity10(uint8_t *cdb);
void cdb_read_capacity16(uint8_t *cdb, uint32_t alloc_len);
void cdb_report_luns(uint8_t *cdb, uint32_t alloc_len);
/* One command's support (opcode, and its service action when has_sa). */
void cdb_report_supported_opcode(uint8_t *cdb, uint8_t opcode, bool has_sa,
    uint16_t service_action, uint32_t alloc_len);
void cdb_get_lba_status(uint8_t *cdb, uint64_t lba, uint32_t alloc_len);

void cdb_read10(uint8_t *cdb, uint32_t lba, uint16_t blocks, bool fua);
void cdb_write10(uint8_t *cdb, uint32_t lba, uint16_t blocks, bool fua);
void cdb_read16(uint8_t *cdb, uint64_t lba, uint32_t blocks, bool fua);
void cdb_write16(uint8_t *cdb, uint64_t lba, uint32_t blocks, bool fua);
/* lba 0, blocks 0: the whole LUN.  IMMED is never set. */
void cdb_sync_cache10(uint8_t *cdb, uint32_t lba, uint16_t blocks);
void cdb_sync_cache16(uint8_t *cdb, uint64_t lba, uint32_t blocks);
/* blocks is not 0, which would mean "to the end of the LUN". */
void cdb_write_same10(uint8_t *cdb, uint32_t lba, uint16_t blocks, bool unmap);
void cdb_write_same16(
    uint8_t *cdb, uint64_t lba, uint32_t blocks, bool unmap, bool ndob);
void cdb_unmap(uint8_t *cdb, uint16_t list_len);
void cdb_compare_and_write(
    uint8_t *cdb, uint64_t lba, uint8_t blocks, bool fua);
void cdb_extended_copy(uint8_t *cdb, uint32_t list_len);
void cdb_receive_copy_limits(uint8_t *cdb, uint32_t alloc_len);
void cdb_receive_copy_status(uint8_t *cdb, uint8_t list_id, uint32_t alloc_len);

/*
 * A CDB taken apart.  Fields that the command does not have are 0.
 */
struct cdb {
	uint8_t opcode;
	uint8_t length; /* 6, 10, 12, 16 */
	uint8_t control;
	uint16_t service_action;

	/* Commands that address blocks. */
	uint64_t lba;
	uint32_t blocks; /* as meant: READ(6)'s 0 is 256 here */
	uint8_t protect; /* RDPROTECT, WRPROTECT, VRPROTECT */
	bool dpo;
	bool fua;
	bool immed; /* also START STOP UNIT */
	bool anchor;
	bool unmap;
	bool ndob;
	uint8_t bytchk; /* VERIFY, WRITE AND VERIFY: 0 .. 3 */

	/* Commands with parameters. */
	uint32_t alloc_len; /* ALLOCATION LENGTH or PARAMETER LIST LENGTH */
	bool evpd;
	uint8_t page; /* INQUIRY, MODE SENSE */
	uint8_t subpage;
	uint8_t page_control; /* MODE SENSE: 0 current .. 3 saved */
	bool dbd;
	bool page_format;      /* MODE SELECT: PF */
	bool save_pages;       /* MODE SELECT: SP */
	bool descriptor;       /* REQUEST SENSE: DESC */
	uint8_t select_report; /* REPORT LUNS */
	uint8_t reporting;     /* REPORT SUPPORTED OPERATION CODES: 0 .. 3 */
	bool rctd;
	uint8_t asked_opcode;
	uint16_t asked_service_action;
	uint8_t pr_scope; /* PERSISTENT RESERVE OUT */
	uint8_t pr_type;
	uint8_t power_condition; /* START STOP UNIT */
	bool start;
	bool load_eject;
	uint8_t list_id; /* RECEIVE COPY RESULTS */
	bool prevent;	 /* PREVENT ALLOW MEDIUM REMOVAL */
};

/*
 * cdb has CDB_MAX bytes.  0; -EOPNOTSUPP: an operation code that is not in the
 * table (INVALID COMMAND OPERATION CODE); -EINVAL: a service action that is not
 * (INVALID FIELD IN CDB).
 */
int cdb_parse(const uint8_t *cdb, struct cdb *ret);

/* What the table says of a command. */
struct cdb_info {
	uint8_t opcode;
	bool has_service_action;
	uint16_t service_action;
	uint8_t length;
	const char *name;			      /* "READ(16)" */
	void (*parse)(const uint8_t *, struct cdb *); /* cdb_parse()'s own */
	uint8_t usage[CDB_MAX]; /* CDB usage data (SPC-4, 6.35.3): the bits that
				   cdb_parse() knows; a set bit outside is a
				   reserved one */
};

/* By operation code and (if it has them) service action, or NULL. */
const struct cdb_info *cdb_info(uint8_t opcode, uint16_t service_action);
/* All of them, in order of opcode and service action. */
const struct cdb_info *cdb_table(size_t *ret_n);
/* Any CDB's name for messages; "operation code 0x.." is not among them: NULL
 * when not known. */
const char *cdb_name(const uint8_t *cdb);
/* The first byte of cdb with a bit set that is not in its usage data (for the
 * field pointer of INVALID FIELD IN CDB), or -1. */
int cdb_reserved_bit(const uint8_t *cdb);

#endif
