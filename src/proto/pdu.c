/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pdu - one pair of functions per PDU, each a transcript of its drawing in RFC
 * 7143, 11.  Nothing is judged here.
 */
#include <string.h>

#include "proto/pdu.h"

/* Byte 0 */
#define IMMEDIATE 0x40
/* Byte 1 */
#define FINAL	       0x80 /* all */
#define MORE	       0x40 /* Text, Login */
#define READ	       0x40 /* SCSI Command */
#define WRITE	       0x20
#define ATTR	       0x07
#define ACK	       0x40 /* Data-In */
#define BIDI_OVERFLOW  0x10 /* SCSI Response */
#define BIDI_UNDERFLOW 0x08
#define OVERFLOW       0x04 /* SCSI Response, Data-In */
#define UNDERFLOW      0x02
#define STATUS	       0x01 /* Data-In */

static uint8_t
bit(bool set, uint8_t mask)
{
	return set ? mask : 0;
}

static void
start(uint8_t *bhs, enum pdu_opcode opcode, bool immediate, uint8_t flags)
{
	memset(bhs, 0, PDU_BHS_LEN);
	bhs[0] = (uint8_t)(opcode | bit(immediate, IMMEDIATE));
	bhs[1] = flags;
}

/* StatSN, ExpCmdSN and MaxCmdSN stand in the same place of all the target's
 * PDUs. */
static void
put_numbers(uint8_t *bhs, uint32_t statsn, uint32_t expcmdsn, uint32_t maxcmdsn)
{
	be32_put(bhs + 24, statsn);
	be32_put(bhs + 28, expcmdsn);
	be32_put(bhs + 32, maxcmdsn);
}

#define get_numbers(bhs, ret)                           \
	do {                                            \
		(ret)->statsn = be32_get((bhs) + 24);   \
		(ret)->expcmdsn = be32_get((bhs) + 28); \
		(ret)->maxcmdsn = be32_get((bhs) + 32); \
	} while (0)

const char *
pdu_opcode_name(unsigned opcode)
{
	switch (opcode) {
	case PDU_NOP_OUT:
		return "NOP-Out";
	case PDU_SCSI_COMMAND:
		return "SCSI Command";
	case PDU_TMF_REQUEST:
		return "Task Management Function Request";
	case PDU_LOGIN_REQUEST:
		return "Login Request";
	case PDU_TEXT_REQUEST:
		return "Text Request";
	case PDU_DATA_OUT:
		return "SCSI Data-Out";
	case PDU_LOGOUT_REQUEST:
		return "Logout Request";
	case PDU_SNACK:
		return "SNACK Request";
	case PDU_NOP_IN:
		return "NOP-In";
	case PDU_SCSI_RESPONSE:
		return "SCSI Response";
	case PDU_TMF_RESPONSE:
		return "Task Management Function Response";
	case PDU_LOGIN_RESPONSE:
		return "Login Response";
	case PDU_TEXT_RESPONSE:
		return "Text Response";
	case PDU_DATA_IN:
		return "SCSI Data-In";
	case PDU_LOGOUT_RESPONSE:
		return "Logout Response";
	case PDU_R2T:
		return "Ready To Transfer";
	case PDU_ASYNC:
		return "Asynchronous Message";
	case PDU_REJECT:
		return "Reject";
	}
	return "unknown";
}

const char *
pdu_reject_reason_name(unsigned reason)
{
	switch (reason) {
	case PDU_REJECT_DATA_DIGEST:
		return "data digest error";
	case PDU_REJECT_SNACK:
		return "SNACK reject";
	case PDU_REJECT_PROTOCOL:
		return "protocol error";
	case PDU_REJECT_NOT_SUPPORTED:
		return "command not supported";
	case PDU_REJECT_IMMEDIATE:
		return "too many immediate commands";
	case PDU_REJECT_IN_PROGRESS:
		return "task in progress";
	case PDU_REJECT_INVALID_DATA_ACK:
		return "invalid data ACK";
	case PDU_REJECT_INVALID_FIELD:
		return "invalid PDU field";
	case PDU_REJECT_LONG_OPERATION:
		return "out of target transfer tags";
	case PDU_REJECT_DEPRECATED:
		return "negotiation reset";
	case PDU_REJECT_WAITING_LOGOUT:
		return "waiting for logout";
	}
	return "unknown";
}

void
pdu_put_scsi_command(uint8_t *bhs, const struct pdu_scsi_command *p)
{
	start(bhs, PDU_SCSI_COMMAND, p->immediate,
	    (uint8_t)(bit(p->final, FINAL) | bit(p->read, READ) |
		      bit(p->write, WRITE) | (p->attr & ATTR)));
	be64_put(bhs + 8, p->lun);
	be32_put(bhs + 16, p->itt);
	be32_put(bhs + 20, p->edtl);
	be32_put(bhs + 24, p->cmdsn);
	be32_put(bhs + 28, p->expstatsn);
	memcpy(bhs + 32, p->cdb, 16);
}

void
pdu_get_scsi_command(const uint8_t *bhs, struct pdu_scsi_command *ret)
{
	ret->immediate = pdu_immediate(bhs);
	ret->final = pdu_final(bhs);
	ret->read = (bhs[1] & READ) != 0;
	ret->write = (bhs[1] & WRITE) != 0;
	ret->attr = bhs[1] & ATTR;
	ret->lun = be64_get(bhs + 8);
	ret->itt = be32_get(bhs + 16);
	ret->edtl = be32_get(bhs + 20);
	ret->cmdsn = be32_get(bhs + 24);
	ret->expstatsn = be32_get(bhs + 28);
	memcpy(ret->cdb, bhs + 32, 16);
}

void
pdu_put_scsi_response(uint8_t *bhs, const struct pdu_scsi_response *p)
{
	start(bhs, PDU_SCSI_RESPONSE, false,
	    (uint8_t)(FINAL | bit(p->bidi_overflow, BIDI_OVERFLOW) |
		      bit(p->bidi_underflow, BIDI_UNDERFLOW) |
		      bit(p->overflow, OVERFLOW) |
		      bit(p->underflow, UNDERFLOW)));
	bhs[2] = p->response;
	bhs[3] = p->status;
	be32_put(bhs + 16, p->itt);
	be32_put(bhs + 20, p->snack_tag);
	put_numbers(bhs, p->statsn, p->expcmdsn, p->maxcmdsn);
	be32_put(bhs + 36, p->expdatasn);
	be32_put(bhs + 40, p->bidi_residual);
	be32_put(bhs + 44, p->residual);
}

void
pdu_get_scsi_response(const uint8_t *bhs, struct pdu_scsi_response *ret)
{
	ret->bidi_overflow = (bhs[1] & BIDI_OVERFLOW) != 0;
	ret->bidi_underflow = (bhs[1] & BIDI_UNDERFLOW) != 0;
	ret->overflow = (bhs[1] & OVERFLOW) != 0;
	ret->underflow = (bhs[1] & UNDERFLOW) != 0;
	ret->response = bhs[2];
	ret->status = bhs[3];
	ret->itt = be32_get(bhs + 16);
	ret->snack_tag = be32_get(bhs + 20);
	get_numbers(bhs, ret);
	ret->expdatasn = be32_get(bhs + 36);
	ret->bidi_residual = be32_get(bhs + 40);
	ret->residual = be32_get(bhs + 44);
}

void
pdu_put_tmf_request(uint8_t *bhs, const struct pdu_tmf_request *p)
{
	start(bhs, PDU_TMF_REQUEST, p->immediate,
	    (uint8_t)(FINAL | (p->function & 0x7f)));
	be64_put(bhs + 8, p->lun);
	be32_put(bhs + 16, p->itt);
	be32_put(bhs + 20, p->ref_itt);
	be32_put(bhs + 24, p->cmdsn);
	be32_put(bhs + 28, p->expstatsn);
	be32_put(bhs + 32, p->refcmdsn);
	be32_put(bhs + 36, p->expdatasn);
}

void
pdu_get_tmf_request(const uint8_t *bhs, struct pdu_tmf_request *ret)
{
	ret->immediate = pdu_immediate(bhs);
	ret->function = bhs[1] & 0x7f;
	ret->lun = be64_get(bhs + 8);
	ret->itt = be32_get(bhs + 16);
	ret->ref_itt = be32_get(bhs + 20);
	ret->cmdsn = be32_get(bhs + 24);
	ret->expstatsn = be32_get(bhs + 28);
	ret->refcmdsn = be32_get(bhs + 32);
	ret->expdatasn = be32_get(bhs + 36);
}

void
pdu_put_tmf_response(uint8_t *bhs, const struct pdu_tmf_response *p)
{
	start(bhs, PDU_TMF_RESPONSE, false, FINAL);
	bhs[2] = p->response;
	be32_put(bhs + 16, p->itt);
	put_numbers(bhs, p->statsn, p->expcmdsn, p->maxcmdsn);
}

void
pdu_get_tmf_response(const uint8_t *bhs, struct pdu_tmf_response *ret)
{
	ret->response = bhs[2];
	ret->itt = be32_get(bhs + 16);
	get_numbers(bhs, ret);
}

void
pdu_put_data_out(uint8_t *bhs, const struct pdu_data_out *p)
{
	start(bhs, PDU_DATA_OUT, false, bit(p->final, FINAL));
	be64_put(bhs + 8, p->lun);
	be32_put(bhs + 16, p->itt);
	be32_put(bhs + 20, p->ttt);
	be32_put(bhs + 28, p->expstatsn);
	be32_put(bhs + 36, p->datasn);
	be32_put(bhs + 40, p->offset);
}

void
pdu_get_data_out(const uint8_t *bhs, struct pdu_data_out *ret)
{
	ret->final = pdu_final(bhs);
	ret->lun = be64_get(bhs + 8);
	ret->itt = be32_get(bhs + 16);
	ret->ttt = be32_get(bhs + 20);
	ret->expstatsn = be32_get(bhs + 28);
	ret->datasn = be32_get(bhs + 36);
	ret->offset = be32_get(bhs + 40);
}

void
pdu_put_data_in(uint8_t *bhs, const struct pdu_data_in *p)
{
	start(bhs, PDU_DATA_IN, false,
	    (uint8_t)(bit(p->final, FINAL) | bit(p->ack, ACK) |
		      bit(p->overflow, OVERFLOW) |
		      bit(p->underflow, UNDERFLOW) |
		      bit(p->has_status, STATUS)));
	bhs[3] = p->status;
	be64_put(bhs + 8, p->lun);
	be32_put(bhs + 16, p->itt);
	be32_put(bhs + 20, p->ttt);
	put_numbers(bhs, p->statsn, p->expcmdsn, p->maxcmdsn);
	be32_put(bhs + 36, p->datasn);
	be32_put(bhs + 40, p->offset);
	be32_put(bhs + 44, p->residual);
}

void
pdu_get_data_in(const uint8_t *bhs, struct pdu_data_in *ret)
{
	ret->final = pdu_final(bhs);
	ret->ack = (bhs[1] & ACK) != 0;
	ret->overflow = (bhs[1] & OVERFLOW) != 0;
	ret->underflow = (bhs[1] & UNDERFLOW) != 0;
	ret->has_status = (bhs[1] & STATUS) != 0;
	ret->status = bhs[3];
	ret->lun = be64_get(bhs + 8);
	ret->itt = be32_get(bhs + 16);
	ret->ttt = be32_get(bhs + 20);
	get_numbers(bhs, ret);
	ret->datasn = be32_get(bhs + 36);
	ret->offset = be32_get(bhs + 40);
	ret->residual = be32_get(bhs + 44);
}

void
pdu_put_r2t(uint8_t *bhs, const struct pdu_r2t *p)
{
	start(bhs, PDU_R2T, false, FINAL);
	be64_put(bhs + 8, p->lun);
	be32_put(bhs + 16, p->itt);
	be32_put(bhs + 20, p->ttt);
	put_numbers(bhs, p->statsn, p->expcmdsn, p->maxcmdsn);
	be32_put(bhs + 36, p->r2tsn);
	be32_put(bhs + 40, p->offset);
	be32_put(bhs + 44, p->length);
}

void
pdu_get_r2t(const uint8_t *bhs, struct pdu_r2t *ret)
{
	ret->lun = be64_get(bhs + 8);
	ret->itt = be32_get(bhs + 16);
	ret->ttt = be32_get(bhs + 20);
	get_numbers(bhs, ret);
	ret->r2tsn = be32_get(bhs + 36);
	ret->offset = be32_get(bhs + 40);
	ret->length = be32_get(bhs + 44);
}

void
pdu_put_async(uint8_t *bhs, const struct pdu_async *p)
{
	start(bhs, PDU_ASYNC, false, FINAL);
	be64_put(bhs + 8, p->lun);
	be32_put(bhs + 16, PDU_TAG_NONE);
	put_numbers(bhs, p->statsn, p->expcmdsn, p->maxcmdsn);
	bhs[36] = p->event;
	bhs[37] = p->vcode;
	be16_put(bhs + 38, p->param1);
	be16_put(bhs + 40, p->param2);
	be16_put(bhs + 42, p->param3);
}

void
pdu_get_async(const uint8_t *bhs, struct pdu_async *ret)
{
	ret->lun = be64_get(bhs + 8);
	get_numbers(bhs, ret);
	ret->event = bhs[36];
	ret->vcode = bhs[37];
	ret->param1 = be16_get(bhs + 38);
	ret->param2 = be16_get(bhs + 40);
	ret->param3 = be16_get(bhs + 42);
}

void
pdu_put_text_request(uint8_t *bhs, const struct pdu_text_request *p)
{
	start(bhs, PDU_TEXT_REQUEST, p->immediate,
	    (uint8_t)(bit(p->final, FINAL) | bit(p->more, MORE)));
	be64_put(bhs + 8, p->lun);
	be32_put(bhs + 16, p->itt);
	be32_put(bhs + 20, p->ttt);
	be32_put(bhs + 24, p->cmdsn);
	be32_put(bhs + 28, p->expstatsn);
}

void
pdu_get_text_request(const uint8_t *bhs, struct pdu_text_request *ret)
{
	ret->immediate = pdu_immediate(bhs);
	ret->final = pdu_final(bhs);
	ret->more = (bhs[1] & MORE) != 0;
	ret->lun = be64_get(bhs + 8);
	ret->itt = be32_get(bhs + 16);
	ret->ttt = be32_get(bhs + 20);
	ret->cmdsn = be32_get(bhs + 24);
	ret->expstatsn = be32_get(bhs + 28);
}

void
pdu_put_text_response(uint8_t *bhs, const struct pdu_text_response *p)
{
	start(bhs, PDU_TEXT_RESPONSE, false,
	    (uint8_t)(bit(p->final, FINAL) | bit(p->more, MORE)));
	be64_put(bhs + 8, p->lun);
	be32_put(bhs + 16, p->itt);
	be32_put(bhs + 20, p->ttt);
	put_numbers(bhs, p->statsn, p->expcmdsn, p->maxcmdsn);
}

void
pdu_get_text_response(const uint8_t *bhs, struct pdu_text_response *ret)
{
	ret->final = pdu_final(bhs);
	ret->more = (bhs[1] & MORE) != 0;
	ret->lun = be64_get(bhs + 8);
	ret->itt = be32_get(bhs + 16);
	ret->ttt = be32_get(bhs + 20);
	get_numbers(bhs, ret);
}

/* T, C, CSG and NSG of both Login PDUs. */
static uint8_t
login_flags(bool transit, bool more, uint8_t csg, uint8_t nsg)
{
	return (uint8_t)(bit(transit, FINAL) | bit(more, MORE) |
			 (csg & 3) << 2 | (nsg & 3));
}

void
pdu_put_login_request(uint8_t *bhs, const struct pdu_login_request *p)
{
	start(bhs, PDU_LOGIN_REQUEST, true,
	    login_flags(p->transit, p->more, p->csg, p->nsg));
	bhs[2] = p->version_max;
	bhs[3] = p->version_min;
	memcpy(bhs + 8, p->isid, 6);
	be16_put(bhs + 14, p->tsih);
	be32_put(bhs + 16, p->itt);
	be16_put(bhs + 20, p->cid);
	be32_put(bhs + 24, p->cmdsn);
	be32_put(bhs + 28, p->expstatsn);
}

void
pdu_get_login_request(const uint8_t *bhs, struct pdu_login_request *ret)
{
	ret->transit = pdu_final(bhs);
	ret->more = (bhs[1] & MORE) != 0;
	ret->csg = bhs[1] >> 2 & 3;
	ret->nsg = bhs[1] & 3;
	ret->version_max = bhs[2];
	ret->version_min = bhs[3];
	memcpy(ret->isid, bhs + 8, 6);
	ret->tsih = be16_get(bhs + 14);
	ret->itt = be32_get(bhs + 16);
	ret->cid = be16_get(bhs + 20);
	ret->cmdsn = be32_get(bhs + 24);
	ret->expstatsn = be32_get(bhs + 28);
}

void
pdu_put_login_response(uint8_t *bhs, const struct pdu_login_response *p)
{
	start(bhs, PDU_LOGIN_RESPONSE, false,
	    login_flags(p->transit, p->more, p->csg, p->nsg));
	bhs[2] = p->version_max;
	bhs[3] = p->version_active;
	memcpy(bhs + 8, p->isid, 6);
	be16_put(bhs + 14, p->tsih);
	be32_put(bhs + 16, p->itt);
	put_numbers(bhs, p->statsn, p->expcmdsn, p->maxcmdsn);
	be16_put(bhs + 36, p->status);
}

void
pdu_get_login_response(const uint8_t *bhs, struct pdu_login_response *ret)
{
	ret->transit = pdu_final(bhs);
	ret->more = (bhs[1] & MORE) != 0;
	ret->csg = bhs[1] >> 2 & 3;
	ret->nsg = bhs[1] & 3;
	ret->version_max = bhs[2];
	ret->version_active = bhs[3];
	memcpy(ret->isid, bhs + 8, 6);
	ret->tsih = be16_get(bhs + 14);
	ret->itt = be32_get(bhs + 16);
	get_numbers(bhs, ret);
	ret->status = be16_get(bhs + 36);
}

void
pdu_put_logout_request(uint8_t *bhs, const struct pdu_logout_request *p)
{
	start(bhs, PDU_LOGOUT_REQUEST, p->immediate,
	    (uint8_t)(FINAL | (p->reason & 0x7f)));
	be32_put(bhs + 16, p->itt);
	be16_put(bhs + 20, p->cid);
	be32_put(bhs + 24, p->cmdsn);
	be32_put(bhs + 28, p->expstatsn);
}

void
pdu_get_logout_request(const uint8_t *bhs, struct pdu_logout_request *ret)
{
	ret->immediate = pdu_immediate(bhs);
	ret->reason = bhs[1] & 0x7f;
	ret->itt = be32_get(bhs + 16);
	ret->cid = be16_get(bhs + 20);
	ret->cmdsn = be32_get(bhs + 24);
	ret->expstatsn = be32_get(bhs + 28);
}

void
pdu_put_logout_response(uint8_t *bhs, const struct pdu_logout_response *p)
{
	start(bhs, PDU_LOGOUT_RESPONSE, false, FINAL);
	bhs[2] = p->response;
	be32_put(bhs + 16, p->itt);
	put_numbers(bhs, p->statsn, p->expcmdsn, p->maxcmdsn);
	be16_put(bhs + 40, p->time2wait);
	be16_put(bhs + 42, p->time2retain);
}

void
pdu_get_logout_response(const uint8_t *bhs, struct pdu_logout_response *ret)
{
	ret->response = bhs[2];
	ret->itt = be32_get(bhs + 16);
	get_numbers(bhs, ret);
	ret->time2wait = be16_get(bhs + 40);
	ret->time2retain = be16_get(bhs + 42);
}

void
pdu_put_snack(uint8_t *bhs, const struct pdu_snack *p)
{
	start(bhs, PDU_SNACK, false, (uint8_t)(FINAL | (p->type & 0x0f)));
	be64_put(bhs + 8, p->lun);
	be32_put(bhs + 16, p->itt);
	be32_put(bhs + 20, p->ttt);
	be32_put(bhs + 28, p->expstatsn);
	be32_put(bhs + 40, p->begrun);
	be32_put(bhs + 44, p->runlength);
}

void
pdu_get_snack(const uint8_t *bhs, struct pdu_snack *ret)
{
	ret->type = bhs[1] & 0x0f;
	ret->lun = be64_get(bhs + 8);
	ret->itt = be32_get(bhs + 16);
	ret->ttt = be32_get(bhs + 20);
	ret->expstatsn = be32_get(bhs + 28);
	ret->begrun = be32_get(bhs + 40);
	ret->runlength = be32_get(bhs + 44);
}

void
pdu_put_reject(uint8_t *bhs, const struct pdu_reject *p)
{
	start(bhs, PDU_REJECT, false, FINAL);
	bhs[2] = p->reason;
	be32_put(bhs + 16, PDU_TAG_NONE);
	put_numbers(bhs, p->statsn, p->expcmdsn, p->maxcmdsn);
	be32_put(bhs + 36, p->datasn);
}

void
pdu_get_reject(const uint8_t *bhs, struct pdu_reject *ret)
{
	ret->reason = bhs[2];
	get_numbers(bhs, ret);
	ret->datasn = be32_get(bhs + 36);
}

void
pdu_put_nop_out(uint8_t *bhs, const struct pdu_nop_out *p)
{
	start(bhs, PDU_NOP_OUT, p->immediate, FINAL);
	be64_put(bhs + 8, p->lun);
	be32_put(bhs + 16, p->itt);
	be32_put(bhs + 20, p->ttt);
	be32_put(bhs + 24, p->cmdsn);
	be32_put(bhs + 28, p->expstatsn);
}

void
pdu_get_nop_out(const uint8_t *bhs, struct pdu_nop_out *ret)
{
	ret->immediate = pdu_immediate(bhs);
	ret->lun = be64_get(bhs + 8);
	ret->itt = be32_get(bhs + 16);
	ret->ttt = be32_get(bhs + 20);
	ret->cmdsn = be32_get(bhs + 24);
	ret->expstatsn = be32_get(bhs + 28);
}

void
pdu_put_nop_in(uint8_t *bhs, const struct pdu_nop_in *p)
{
	start(bhs, PDU_NOP_IN, false, FINAL);
	be64_put(bhs + 8, p->lun);
	be32_put(bhs + 16, p->itt);
	be32_put(bhs + 20, p->ttt);
	put_numbers(bhs, p->statsn, p->expcmdsn, p->maxcmdsn);
}

void
pdu_get_nop_in(const uint8_t *bhs, struct pdu_nop_in *ret)
{
	ret->lun = be64_get(bhs + 8);
	ret->itt = be32_get(bhs + 16);
	ret->ttt = be32_get(bhs + 20);
	get_numbers(bhs, ret);
}
