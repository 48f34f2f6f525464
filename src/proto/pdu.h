/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pdu - the basic header segment of every iSCSI PDU, as a plain struct and as
 * 48 bytes (RFC 7143, 11).  Both roles read and write all of them.
 *
 *   byte  0        1        2        3
 *     0  .I opcode| flags  |    opcode-specific
 *     4  AHS len/4|      DataSegmentLength
 *     8  LUN, ISID and TSIH, or opcode-specific
 *    16  InitiatorTaskTag
 *    20  opcode-specific (TTT, expected length, CID ...)
 *    24  CmdSN or StatSN
 *    28  ExpStatSN or ExpCmdSN
 *    32  MaxCmdSN, or opcode-specific up to byte 47
 *
 * pdu_put_X() fills all 48 bytes (reserved ones with 0) except the two lengths
 * at byte 4, which the sender sets from what goes with the header.
 * pdu_get_X() takes any 48 bytes: it decodes, and judges nothing; reserved
 * fields are ignored.  A LUN is its eight bytes read big-endian.
 */
#ifndef PROTO_PDU_H
#define PROTO_PDU_H

#include <stdbool.h>
#include <stdint.h>

#include "base/be.h"

#define PDU_BHS_LEN	 48
#define PDU_AHS_LEN_MAX	 (255 * 4)
#define PDU_DIGEST_LEN	 4
#define PDU_DATA_LEN_MAX 0xffffffu   /* DataSegmentLength has 24 bits */
#define PDU_TAG_NONE	 0xffffffffu /* reserved ITT, TTT */

enum pdu_opcode {
	PDU_NOP_OUT = 0x00,
	PDU_SCSI_COMMAND = 0x01,
	PDU_TMF_REQUEST = 0x02,
	PDU_LOGIN_REQUEST = 0x03,
	PDU_TEXT_REQUEST = 0x04,
	PDU_DATA_OUT = 0x05,
	PDU_LOGOUT_REQUEST = 0x06,
	PDU_SNACK = 0x10,
	PDU_NOP_IN = 0x20,
	PDU_SCSI_RESPONSE = 0x21,
	PDU_TMF_RESPONSE = 0x22,
	PDU_LOGIN_RESPONSE = 0x23,
	PDU_TEXT_RESPONSE = 0x24,
	PDU_DATA_IN = 0x25,
	PDU_LOGOUT_RESPONSE = 0x26,
	PDU_R2T = 0x31,
	PDU_ASYNC = 0x32,
	PDU_REJECT = 0x3f
};

/* The RFC's name, or "unknown". */
const char *pdu_opcode_name(unsigned opcode);

/* What every header has. */

static inline unsigned
pdu_opcode(const uint8_t *bhs)
{
	return bhs[0] & 0x3f;
}

static inline bool
pdu_immediate(const uint8_t *bhs)
{
	return (bhs[0] & 0x40) != 0;
}

/* Byte 1, bit 7: Final, or Transit in Login PDUs. */
static inline bool
pdu_final(const uint8_t *bhs)
{
	return (bhs[1] & 0x80) != 0;
}

/* Bytes, not words. */
static inline uint32_t
pdu_ahs_len(const uint8_t *bhs)
{
	return bhs[4] * 4u;
}

static inline uint32_t
pdu_data_len(const uint8_t *bhs)
{
	return be24_get(bhs + 5);
}

/* ahs_len: a multiple of 4, at most PDU_AHS_LEN_MAX; data_len: at most
 * PDU_DATA_LEN_MAX. */
static inline void
pdu_set_lengths(uint8_t *bhs, uint32_t ahs_len, uint32_t data_len)
{
	be32_put(bhs + 4, ahs_len / 4 << 24 | data_len);
}

static inline uint64_t
pdu_lun(const uint8_t *bhs)
{
	return be64_get(bhs + 8);
}

static inline uint32_t
pdu_itt(const uint8_t *bhs)
{
	return be32_get(bhs + 16);
}

static inline void
pdu_set_itt(uint8_t *bhs, uint32_t itt)
{
	be32_put(bhs + 16, itt);
}

/* The numbers that a connection fills in late. */

/* Initiator's PDUs (not in Data-Out and SNACK). */
static inline void
pdu_set_cmdsn(uint8_t *bhs, uint32_t cmdsn)
{
	be32_put(bhs + 24, cmdsn);
}

/* Initiator's PDUs. */
static inline void
pdu_set_expstatsn(uint8_t *bhs, uint32_t expstatsn)
{
	be32_put(bhs + 28, expstatsn);
}

/* Target's PDUs (in a Data-In without status it is reserved). */
static inline void
pdu_set_statsn(uint8_t *bhs, uint32_t statsn)
{
	be32_put(bhs + 24, statsn);
}

/* Target's PDUs. */
static inline void
pdu_set_window(uint8_t *bhs, uint32_t expcmdsn, uint32_t maxcmdsn)
{
	be32_put(bhs + 28, expcmdsn);
	be32_put(bhs + 32, maxcmdsn);
}

/*
 * The additional header segment (11.2.2): a SCSI Command may carry an extended
 * CDB (type 1) or the read length of a bidirectional command (type 2).  This
 * program sends none.
 */

/* 11.3 */
enum pdu_attr {
	PDU_ATTR_UNTAGGED = 0,
	PDU_ATTR_SIMPLE = 1,
	PDU_ATTR_ORDERED = 2,
	PDU_ATTR_HEAD_OF_QUEUE = 3,
	PDU_ATTR_ACA = 4
};

struct pdu_scsi_command {
	bool immediate;
	bool final; /* no unsolicited Data-Out follows */
	bool read;
	bool write;
	uint8_t attr; /* enum pdu_attr */
	uint64_t lun;
	uint32_t itt;
	uint32_t edtl; /* ExpectedDataTransferLength, bytes */
	uint32_t cmdsn;
	uint32_t expstatsn;
	uint8_t cdb[16];
};
void pdu_put_scsi_command(uint8_t *bhs, const struct pdu_scsi_command *);
void pdu_get_scsi_command(const uint8_t *bhs, struct pdu_scsi_command *ret);

/* 11.4 */
#define PDU_RESPONSE_COMPLETED 0x00 /* command completed at target */
#define PDU_RESPONSE_FAILURE   0x01 /* target failure */

struct pdu_scsi_response {
	bool bidi_overflow;
	bool bidi_underflow;
	bool overflow;
	bool underflow;
	uint8_t response;
	uint8_t status; /* SAM status, when response is "completed" */
	uint32_t itt;
	uint32_t snack_tag;
	uint32_t statsn;
	uint32_t expcmdsn;
	uint32_t maxcmdsn;
	uint32_t expdatasn;
	uint32_t bidi_residual;
	uint32_t residual;
};
void pdu_put_scsi_response(uint8_t *bhs, const struct pdu_scsi_response *);
void pdu_get_scsi_response(const uint8_t *bhs, struct pdu_scsi_response *ret);

/* 11.5 */
enum pdu_tmf_function {
	PDU_TMF_ABORT_TASK = 1,
	PDU_TMF_ABORT_TASK_SET = 2,
	PDU_TMF_CLEAR_ACA = 3,
	PDU_TMF_CLEAR_TASK_SET = 4,
	PDU_TMF_LOGICAL_UNIT_RESET = 5,
	PDU_TMF_TARGET_WARM_RESET = 6,
	PDU_TMF_TARGET_COLD_RESET = 7,
	PDU_TMF_TASK_REASSIGN = 8
};

struct pdu_tmf_request {
	bool immediate;
	uint8_t function; /* enum pdu_tmf_function */
	uint64_t lun;
	uint32_t itt;
	uint32_t ref_itt; /* PDU_TAG_NONE when no task is meant */
	uint32_t cmdsn;
	uint32_t expstatsn;
	uint32_t refcmdsn;
	uint32_t expdatasn;
};
void pdu_put_tmf_request(uint8_t *bhs, const struct pdu_tmf_request *);
void pdu_get_tmf_request(const uint8_t *bhs, struct pdu_tmf_request *ret);

/* 11.6 */
enum pdu_tmf_result {
	PDU_TMF_COMPLETE = 0,
	PDU_TMF_NO_TASK = 1,
	PDU_TMF_NO_LUN = 2,
	PDU_TMF_STILL_ALLEGIANT = 3,
	PDU_TMF_NO_REASSIGN = 4,
	PDU_TMF_NOT_SUPPORTED = 5,
	PDU_TMF_NOT_AUTHORIZED = 6,
	PDU_TMF_REJECTED = 255
};

struct pdu_tmf_response {
	uint8_t response; /* enum pdu_tmf_result */
	uint32_t itt;
	uint32_t statsn;
	uint32_t expcmdsn;
	uint32_t maxcmdsn;
};
void pdu_put_tmf_response(uint8_t *bhs, const struct pdu_tmf_response *);
void pdu_get_tmf_response(const uint8_t *bhs, struct pdu_tmf_response *ret);

/* 11.7 */
struct pdu_data_out {
	bool final;
	uint64_t lun;
	uint32_t itt;
	uint32_t ttt; /* PDU_TAG_NONE: unsolicited */
	uint32_t expstatsn;
	uint32_t datasn;
	uint32_t offset;
};
void pdu_put_data_out(uint8_t *bhs, const struct pdu_data_out *);
void pdu_get_data_out(const uint8_t *bhs, struct pdu_data_out *ret);

struct pdu_data_in {
	bool final;
	bool ack;	 /* A bit: a DataACK SNACK is asked for */
	bool has_status; /* S bit: status, statsn, residual are valid */
	bool overflow;
	bool underflow;
	uint8_t status;
	uint64_t lun; /* with ack */
	uint32_t itt;
	uint32_t ttt;
	uint32_t statsn;
	uint32_t expcmdsn;
	uint32_t maxcmdsn;
	uint32_t datasn;
	uint32_t offset;
	uint32_t residual;
};
void pdu_put_data_in(uint8_t *bhs, const struct pdu_data_in *);
void pdu_get_data_in(const uint8_t *bhs, struct pdu_data_in *ret);

/* 11.8 */
struct pdu_r2t {
	uint64_t lun;
	uint32_t itt;
	uint32_t ttt;
	uint32_t statsn; /* the next one; not consumed */
	uint32_t expcmdsn;
	uint32_t maxcmdsn;
	uint32_t r2tsn;
	uint32_t offset;
	uint32_t length; /* Desired Data Transfer Length, not 0 */
};
void pdu_put_r2t(uint8_t *bhs, const struct pdu_r2t *);
void pdu_get_r2t(const uint8_t *bhs, struct pdu_r2t *ret);

/* 11.9 */
enum pdu_async_event {
	PDU_ASYNC_SCSI = 0,	       /* sense data in the data segment */
	PDU_ASYNC_LOGOUT = 1,	       /* log out within param3 seconds */
	PDU_ASYNC_DROP_CONNECTION = 2, /* param1: CID */
	PDU_ASYNC_DROP_SESSION = 3,
	PDU_ASYNC_NEGOTIATE = 4,   /* parameters, within param3 seconds */
	PDU_ASYNC_TASKS_ENDED = 5, /* all active tasks of the LUN */
	PDU_ASYNC_VENDOR = 255
};

struct pdu_async {
	uint64_t lun;
	uint32_t statsn;
	uint32_t expcmdsn;
	uint32_t maxcmdsn;
	uint8_t event; /* enum pdu_async_event */
	uint8_t vcode;
	uint16_t param1;
	uint16_t param2;
	uint16_t param3;
};
void pdu_put_async(uint8_t *bhs, const struct pdu_async *);
void pdu_get_async(const uint8_t *bhs, struct pdu_async *ret);

/* 11.10 */
struct pdu_text_request {
	bool immediate;
	bool final;
	bool more; /* C bit: the text goes on in the next PDU */
	uint64_t lun;
	uint32_t itt;
	uint32_t ttt;
	uint32_t cmdsn;
	uint32_t expstatsn;
};
void pdu_put_text_request(uint8_t *bhs, const struct pdu_text_request *);
void pdu_get_text_request(const uint8_t *bhs, struct pdu_text_request *ret);

/* 11.11 */
struct pdu_text_response {
	bool final;
	bool more; /* C bit */
	uint64_t lun;
	uint32_t itt;
	uint32_t ttt;
	uint32_t statsn;
	uint32_t expcmdsn;
	uint32_t maxcmdsn;
};
void pdu_put_text_response(uint8_t *bhs, const struct pdu_text_response *);
void pdu_get_text_response(const uint8_t *bhs, struct pdu_text_response *ret);

/* 11.12; stages of CSG and NSG */
#define PDU_STAGE_SECURITY    0
#define PDU_STAGE_OPERATIONAL 1
#define PDU_STAGE_FULL	      3

struct pdu_login_request { /* the I bit is always set on the wire */
	bool transit;
	bool more;   /* C bit */
	uint8_t csg; /* 0 .. 3 */
	uint8_t nsg; /* 0 .. 3; 0 unless transit */
	uint8_t version_max;
	uint8_t version_min;
	uint8_t isid[6];
	uint16_t tsih;
	uint32_t itt;
	uint16_t cid;
	uint32_t cmdsn;
	uint32_t expstatsn;
};
void pdu_put_login_request(uint8_t *bhs, const struct pdu_login_request *);
void pdu_get_login_request(const uint8_t *bhs, struct pdu_login_request *ret);

/* 11.13 */
struct pdu_login_response {
	bool transit;
	bool more; /* C bit */
	uint8_t csg;
	uint8_t nsg;
	uint8_t version_max;
	uint8_t version_active;
	uint8_t isid[6];
	uint16_t tsih;
	uint32_t itt;
	uint32_t statsn;
	uint32_t expcmdsn;
	uint32_t maxcmdsn;
	uint16_t status; /* class << 8 | detail */
};
void pdu_put_login_response(uint8_t *bhs, const struct pdu_login_response *);
void pdu_get_login_response(const uint8_t *bhs, struct pdu_login_response *ret);

/* 11.14 */
#define PDU_LOGOUT_SESSION    0
#define PDU_LOGOUT_CONNECTION 1
#define PDU_LOGOUT_RECOVERY   2

struct pdu_logout_request {
	bool immediate;
	uint8_t reason;
	uint32_t itt;
	uint16_t cid; /* reserved when the session is closed */
	uint32_t cmdsn;
	uint32_t expstatsn;
};
void pdu_put_logout_request(uint8_t *bhs, const struct pdu_logout_request *);
void pdu_get_logout_request(const uint8_t *bhs, struct pdu_logout_request *ret);

/* 11.15 */
#define PDU_LOGOUT_OK		0
#define PDU_LOGOUT_NO_CID	1
#define PDU_LOGOUT_NO_RECOVERY	2
#define PDU_LOGOUT_CLEANUP_FAIL 3

struct pdu_logout_response {
	uint8_t response;
	uint32_t itt;
	uint32_t statsn;
	uint32_t expcmdsn;
	uint32_t maxcmdsn;
	uint16_t time2wait;   /* seconds */
	uint16_t time2retain; /* seconds */
};
void pdu_put_logout_response(uint8_t *bhs, const struct pdu_logout_response *);
void pdu_get_logout_response(
    const uint8_t *bhs, struct pdu_logout_response *ret);

/* 11.16 */
#define PDU_SNACK_DATA	   0 /* Data or R2T */
#define PDU_SNACK_STATUS   1
#define PDU_SNACK_DATA_ACK 2
#define PDU_SNACK_RDATA	   3

struct pdu_snack {
	uint8_t type;
	uint64_t lun;
	uint32_t itt;
	uint32_t ttt; /* or SNACK Tag */
	uint32_t expstatsn;
	uint32_t begrun;
	uint32_t runlength;
};
void pdu_put_snack(uint8_t *bhs, const struct pdu_snack *);
void pdu_get_snack(const uint8_t *bhs, struct pdu_snack *ret);

/* 11.17; the data segment is the header of the rejected PDU */
enum pdu_reject_reason {
	PDU_REJECT_DATA_DIGEST = 0x02,
	PDU_REJECT_SNACK = 0x03,
	PDU_REJECT_PROTOCOL = 0x04,
	PDU_REJECT_NOT_SUPPORTED = 0x05,
	PDU_REJECT_IMMEDIATE = 0x06, /* too many immediate commands */
	PDU_REJECT_IN_PROGRESS = 0x07,
	PDU_REJECT_INVALID_DATA_ACK = 0x08,
	PDU_REJECT_INVALID_FIELD = 0x09,
	PDU_REJECT_LONG_OPERATION = 0x0a,
	PDU_REJECT_DEPRECATED = 0x0b,
	PDU_REJECT_WAITING_LOGOUT = 0x0c
};

/* The RFC's words for a reason, or "unknown". */
const char *pdu_reject_reason_name(unsigned reason);

struct pdu_reject {
	uint8_t reason; /* enum pdu_reject_reason */
	uint32_t statsn;
	uint32_t expcmdsn;
	uint32_t maxcmdsn;
	uint32_t datasn; /* or R2TSN */
};
void pdu_put_reject(uint8_t *bhs, const struct pdu_reject *);
void pdu_get_reject(const uint8_t *bhs, struct pdu_reject *ret);

/* 11.18 */
struct pdu_nop_out {
	bool immediate;
	uint64_t lun;
	uint32_t itt; /* PDU_TAG_NONE: no answer is wanted */
	uint32_t ttt; /* PDU_TAG_NONE: not an answer itself */
	uint32_t cmdsn;
	uint32_t expstatsn;
};
void pdu_put_nop_out(uint8_t *bhs, const struct pdu_nop_out *);
void pdu_get_nop_out(const uint8_t *bhs, struct pdu_nop_out *ret);

/* 11.19 */
struct pdu_nop_in {
	uint64_t lun;
	uint32_t itt;
	uint32_t ttt;
	uint32_t statsn;
	uint32_t expcmdsn;
	uint32_t maxcmdsn;
};
void pdu_put_nop_in(uint8_t *bhs, const struct pdu_nop_in *);
void pdu_get_nop_in(const uint8_t *bhs, struct pdu_nop_in *ret);

#endif
