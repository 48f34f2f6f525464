/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scsi - the words of SCSI (SAM-5, SPC-4, SBC-3): status codes, operation
 * codes, service actions, device types.  CDBs are cdb.h, INQUIRY data
 * inquiry.h, VPD pages vpd.h and vpdlist.h, third-party copies xcopy.h, the
 * other data formats scsidata.h, LUN addresses lunaddr.h, sense data sense.h;
 * including this header brings them all but the last.
 */
#ifndef PROTO_SCSI_H
#define PROTO_SCSI_H

#include <stdint.h>

#include "proto/cdb.h"
#include "proto/inquiry.h"
#include "proto/lunaddr.h"
#include "proto/scsidata.h"
#include "proto/vpd.h"
#include "proto/vpdlist.h"
#include "proto/xcopy.h"

/* SAM-5, 5.3.1. */
enum scsi_status {
	SCSI_GOOD = 0x00,
	SCSI_CHECK_CONDITION = 0x02,
	SCSI_CONDITION_MET = 0x04,
	SCSI_BUSY = 0x08,
	SCSI_RESERVATION_CONFLICT = 0x18,
	SCSI_TASK_SET_FULL = 0x28,
	SCSI_ACA_ACTIVE = 0x30,
	SCSI_TASK_ABORTED = 0x40
};

enum scsi_op {
	SCSI_OP_TEST_UNIT_READY = 0x00,
	SCSI_OP_REQUEST_SENSE = 0x03,
	SCSI_OP_READ_6 = 0x08,
	SCSI_OP_WRITE_6 = 0x0a,
	SCSI_OP_INQUIRY = 0x12,
	SCSI_OP_MODE_SELECT_6 = 0x15,
	SCSI_OP_RESERVE_6 = 0x16,
	SCSI_OP_RELEASE_6 = 0x17,
	SCSI_OP_MODE_SENSE_6 = 0x1a,
	SCSI_OP_START_STOP_UNIT = 0x1b,
	SCSI_OP_PREVENT_ALLOW_MEDIUM_REMOVAL = 0x1e,
	SCSI_OP_READ_CAPACITY_10 = 0x25,
	SCSI_OP_READ_10 = 0x28,
	SCSI_OP_WRITE_10 = 0x2a,
	SCSI_OP_WRITE_AND_VERIFY_10 = 0x2e,
	SCSI_OP_VERIFY_10 = 0x2f,
	SCSI_OP_PRE_FETCH_10 = 0x34,
	SCSI_OP_SYNCHRONIZE_CACHE_10 = 0x35,
	SCSI_OP_WRITE_SAME_10 = 0x41,
	SCSI_OP_UNMAP = 0x42,
	SCSI_OP_MODE_SELECT_10 = 0x55,
	SCSI_OP_MODE_SENSE_10 = 0x5a,
	SCSI_OP_PERSISTENT_RESERVE_IN = 0x5e,
	SCSI_OP_PERSISTENT_RESERVE_OUT = 0x5f,
	SCSI_OP_EXTENDED_COPY = 0x83,
	SCSI_OP_RECEIVE_COPY_RESULTS = 0x84,
	SCSI_OP_READ_16 = 0x88,
	SCSI_OP_COMPARE_AND_WRITE = 0x89,
	SCSI_OP_WRITE_16 = 0x8a,
	SCSI_OP_ORWRITE_16 = 0x8b,
	SCSI_OP_WRITE_AND_VERIFY_16 = 0x8e,
	SCSI_OP_VERIFY_16 = 0x8f,
	SCSI_OP_PRE_FETCH_16 = 0x90,
	SCSI_OP_SYNCHRONIZE_CACHE_16 = 0x91,
	SCSI_OP_WRITE_SAME_16 = 0x93,
	SCSI_OP_SERVICE_ACTION_IN_16 = 0x9e,
	SCSI_OP_REPORT_LUNS = 0xa0,
	SCSI_OP_MAINTENANCE_IN = 0xa3,
	SCSI_OP_READ_12 = 0xa8,
	SCSI_OP_WRITE_12 = 0xaa,
	SCSI_OP_WRITE_AND_VERIFY_12 = 0xae,
	SCSI_OP_VERIFY_12 = 0xaf
};

/* Service actions of SERVICE ACTION IN(16). */
enum { SCSI_SA_READ_CAPACITY_16 = 0x10, SCSI_SA_GET_LBA_STATUS = 0x12 };

/* Service actions of EXTENDED COPY, which SPC-4 calls THIRD-PARTY COPY OUT, and
 * of RECEIVE COPY RESULTS, THIRD-PARTY COPY IN. */
enum { SCSI_SA_EXTENDED_COPY_LID1 = 0x00 };
enum {
	SCSI_SA_RECEIVE_COPY_STATUS_LID1 = 0x00,
	SCSI_SA_RECEIVE_COPY_LIMITS = 0x03 /* operating parameters */
};

/* Service actions of MAINTENANCE IN. */
enum {
	SCSI_SA_REPORT_TARGET_PORT_GROUPS = 0x0a,
	SCSI_SA_REPORT_SUPPORTED_OPCODES = 0x0c,
	SCSI_SA_REPORT_SUPPORTED_TMF = 0x0d
};

/* Service actions of PERSISTENT RESERVE IN. */
enum {
	SCSI_PRIN_READ_KEYS = 0,
	SCSI_PRIN_READ_RESERVATION = 1,
	SCSI_PRIN_REPORT_CAPABILITIES = 2,
	SCSI_PRIN_READ_FULL_STATUS = 3
};

/* Service actions of PERSISTENT RESERVE OUT. */
enum {
	SCSI_PROUT_REGISTER = 0,
	SCSI_PROUT_RESERVE = 1,
	SCSI_PROUT_RELEASE = 2,
	SCSI_PROUT_CLEAR = 3,
	SCSI_PROUT_PREEMPT = 4,
	SCSI_PROUT_PREEMPT_AND_ABORT = 5,
	SCSI_PROUT_REGISTER_AND_IGNORE = 6,
	SCSI_PROUT_REGISTER_AND_MOVE = 7
};

/* Persistent reservation types. */
enum {
	SCSI_PR_WRITE_EXCLUSIVE = 1,
	SCSI_PR_EXCLUSIVE_ACCESS = 3,
	SCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS = 5,
	SCSI_PR_EXCLUSIVE_ACCESS_REGISTRANTS = 6,
	SCSI_PR_WRITE_EXCLUSIVE_ALL = 7,
	SCSI_PR_EXCLUSIVE_ACCESS_ALL = 8
};

/* PERIPHERAL DEVICE TYPE, SPC-4, 6.6.2. */
enum {
	SCSI_TYPE_DISK = 0x00,
	SCSI_TYPE_TAPE = 0x01,
	SCSI_TYPE_CDROM = 0x05,
	SCSI_TYPE_CHANGER = 0x08,
	SCSI_TYPE_CONTROLLER = 0x0c,
	SCSI_TYPE_ENCLOSURE = 0x0d,
	SCSI_TYPE_RBC = 0x0e,
	SCSI_TYPE_WELL_KNOWN = 0x1e,
	SCSI_TYPE_NONE = 0x1f
};

/* One word: "disk", "tape", "changer", "controller", ...; "unknown" else. */
const char *scsi_type_name(uint8_t type);
/* "CHECK CONDITION" ..., "unknown status" else. */
const char *scsi_status_name(uint8_t status);

#endif
