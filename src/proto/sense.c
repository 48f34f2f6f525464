/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sense - see the header.
 *
 * Fixed format (SPC-4, 4.5.3)              Descriptor format (4.5.2)
 *     0      VALID, response code          0    response code
 *     2      key                           1    key
 *     3..6   INFORMATION                   2, 3 ASC, ASCQ
 *     7      ADDITIONAL SENSE LENGTH       7    ADDITIONAL SENSE LENGTH
 *     8..11  COMMAND-SPECIFIC INFORMATION  8..  descriptors: type, length, ...
 *     12, 13 ASC, ASCQ
 *     15..17 SENSE KEY SPECIFIC
 */
#include "proto/sense.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"

#define FIXED_CURRENT	    0x70
#define FIXED_DEFERRED	    0x71
#define DESCRIPTOR_CURRENT  0x72
#define DESCRIPTOR_DEFERRED 0x73
#define INFORMATION_VALID   0x80

/* Sense data descriptor types. */
#define DESC_INFORMATION      0x00
#define DESC_COMMAND_SPECIFIC 0x01
#define DESC_KEY_SPECIFIC     0x02
#define DESC_BLOCK_COMMANDS   0x05

/* SENSE KEY SPECIFIC of ILLEGAL REQUEST. */
#define SKSV 0x80
#define CD   0x40
#define BPV  0x08

void
sense_set(struct sense *s, enum sense_key key, unsigned code)
{
	memset(s, 0, sizeof(*s));
	s->key = (uint8_t)key;
	s->asc = (uint8_t)(code >> 8);
	s->ascq = (uint8_t)code;
}

static void
field_get(const uint8_t *p, struct sense *s)
{
	if (s->key != SENSE_ILLEGAL_REQUEST || !(p[0] & SKSV))
		return;
	s->field_valid = true;
	s->field_in_cdb = p[0] & CD;
	s->field_bit_valid = p[0] & BPV;
	s->field_bit = p[0] & 7;
	s->field = be16_get(p + 1);
}

static int
fixed_get(const uint8_t *buf, size_t len, struct sense *s)
{
	struct cursor c;

	/* ASC may be left out by old devices; then it is 00h. */
	if (len < 3)
		return -EBADMSG;
	if (len > 8 && len > (size_t)buf[7] + 8)
		len = (size_t)buf[7] + 8;
	s->deferred = (buf[0] & 0x7f) == FIXED_DEFERRED;
	s->key = buf[2] & 0x0f;
	cursor_init(&c, buf, len);
	cursor_skip(&c, 3);
	s->information = cursor_u32(&c);
	s->information_valid = !c.bad && (buf[0] & INFORMATION_VALID);
	cursor_skip(&c, 1);
	s->command_specific = cursor_u32(&c);
	s->command_specific_valid = !c.bad && s->command_specific != 0;
	s->asc = cursor_u8(&c);
	s->ascq = cursor_u8(&c);
	cursor_skip(&c, 1);
	if (cursor_left(&c) >= 3)
		field_get(cursor_bytes(&c, 3), s);
	if (!s->information_valid)
		s->information = 0;
	return 0;
}

/* One descriptor of len bytes behind its header of two. */
static void
descriptor_get(uint8_t type, const uint8_t *p, size_t len, struct sense *s)
{
	switch (type) {
	case DESC_INFORMATION:
		if (len >= 10 && (p[0] & INFORMATION_VALID)) {
			s->information_valid = true;
			s->information = be64_get(p + 2);
		}
		break;
	case DESC_COMMAND_SPECIFIC:
		if (len >= 10) {
			s->command_specific_valid = true;
			s->command_specific = be64_get(p + 2);
		}
		break;
	case DESC_KEY_SPECIFIC:
		if (len >= 5)
			field_get(p + 2, s);
		break;
	default:
		break;
	}
}

static int
descriptors_get(const uint8_t *buf, size_t len, struct sense *s)
{
	const uint8_t *head, *body;
	struct cursor c;

	if (len < 4)
		return -EBADMSG;
	s->deferred = (buf[0] & 0x7f) == DESCRIPTOR_DEFERRED;
	s->key = buf[1] & 0x0f;
	s->asc = buf[2];
	s->ascq = buf[3];
	if (len < 8)
		return 0;
	if (len > (size_t)buf[7] + 8)
		len = (size_t)buf[7] + 8;
	cursor_init(&c, buf + 8, len - 8);
	while ((head = cursor_bytes(&c, 2)) != NULL) {
		body = cursor_bytes(&c, head[1]);
		if (body == NULL)
			break;
		descriptor_get(head[0], body, head[1], s);
	}
	return 0;
}

int
sense_get(const uint8_t *buf, size_t len, struct sense *ret)
{
	struct sense s;
	int error;

	memset(&s, 0, sizeof(s));
	if (len == 0)
		return -EBADMSG;
	switch (buf[0] & 0x7f) {
	case FIXED_CURRENT:
	case FIXED_DEFERRED:
		error = fixed_get(buf, len, &s);
		break;
	case DESCRIPTOR_CURRENT:
	case DESCRIPTOR_DEFERRED:
		error = descriptors_get(buf, len, &s);
		break;
	default:
		error = -EBADMSG;
		break;
	}
	if (error == 0)
		*ret = s;
	return error;
}

static void
field_put(struct writer *w, const struct sense *s)
{
	if (!s->field_valid) {
		writer_zero(w, 3);
		return;
	}
	writer_u8(
	    w, (uint8_t)(SKSV | (s->field_in_cdb ? CD : 0) |
			 (s->field_bit_valid ? BPV | (s->field_bit & 7) : 0)));
	writer_u16(w, s->field);
}

static void
fixed_put(struct writer *w, const struct sense *s)
{
	bool information = s->information_valid && s->information <= UINT32_MAX;
	bool specific =
	    s->command_specific_valid && s->command_specific <= UINT32_MAX;

	writer_u8(w, (uint8_t)((s->deferred ? FIXED_DEFERRED : FIXED_CURRENT) |
			       (information ? INFORMATION_VALID : 0)));
	writer_u8(w, 0);
	writer_u8(w, s->key & 0x0f);
	writer_u32(w, information ? (uint32_t)s->information : 0);
	writer_u8(w, SENSE_FIXED_LEN - 8);
	writer_u32(w, specific ? (uint32_t)s->command_specific : 0);
	writer_u8(w, s->asc);
	writer_u8(w, s->ascq);
	writer_u8(w, 0);
	field_put(w, s);
}

static void
descriptors_put(struct writer *w, const struct sense *s)
{
	writer_u8(w, s->deferred ? DESCRIPTOR_DEFERRED : DESCRIPTOR_CURRENT);
	writer_u8(w, s->key & 0x0f);
	writer_u8(w, s->asc);
	writer_u8(w, s->ascq);
	writer_zero(w, 4);
	if (s->information_valid) {
		writer_u8(w, DESC_INFORMATION);
		writer_u8(w, 10);
		writer_u8(w, INFORMATION_VALID);
		writer_u8(w, 0);
		writer_u64(w, s->information);
	}
	if (s->command_specific_valid) {
		writer_u8(w, DESC_COMMAND_SPECIFIC);
		writer_u8(w, 10);
		writer_u16(w, 0);
		writer_u64(w, s->command_specific);
	}
	if (s->field_valid) {
		writer_u8(w, DESC_KEY_SPECIFIC);
		writer_u8(w, 6);
		writer_u16(w, 0);
		field_put(w, s);
		writer_u8(w, 0);
	}
	if (!w->bad)
		w->start[7] = (uint8_t)(writer_len(w) - 8);
}

int
sense_put(uint8_t *buf, size_t size, bool descriptor, const struct sense *s)
{
	struct writer w;

	writer_init(&w, buf, size);
	if (descriptor)
		descriptors_put(&w, s);
	else
		fixed_put(&w, s);
	return writer_result(&w);
}

/*
 * ---- names ----
 */

const char *
sense_key_name(uint8_t key)
{
	static const char *const names[16] = { "NO SENSE", "RECOVERED ERROR",
		"NOT READY", "MEDIUM ERROR", "HARDWARE ERROR",
		"ILLEGAL REQUEST", "UNIT ATTENTION", "DATA PROTECT",
		"BLANK CHECK", "VENDOR SPECIFIC", "COPY ABORTED",
		"ABORTED COMMAND", "reserved sense key", "VOLUME OVERFLOW",
		"MISCOMPARE", "COMPLETED" };

	return names[key & 0x0f];
}

/* The codes of SPC-4, annex F, that a disk behind a network may send, in order:
 * they are searched by halves. */
static const struct sense_code_row {
	uint16_t code; /* ASC, ASCQ */
	const char *name;
} code_rows[] = {
	{ 0x0000, "NO ADDITIONAL SENSE INFORMATION" },
	{ 0x0006, "I/O PROCESS TERMINATED" },
	{ 0x0016, "OPERATION IN PROGRESS" },
	{ 0x0200, "NO SEEK COMPLETE" },
	{ 0x0300, "PERIPHERAL DEVICE WRITE FAULT" },
	{ 0x0400, "LOGICAL UNIT NOT READY, CAUSE NOT REPORTABLE" },
	{ 0x0401, "LOGICAL UNIT IS IN PROCESS OF BECOMING READY" },
	{ 0x0402, "LOGICAL UNIT NOT READY, INITIALIZING COMMAND REQUIRED" },
	{ 0x0403, "LOGICAL UNIT NOT READY, MANUAL INTERVENTION REQUIRED" },
	{ 0x0404, "LOGICAL UNIT NOT READY, FORMAT IN PROGRESS" },
	{ 0x0405, "LOGICAL UNIT NOT READY, REBUILD IN PROGRESS" },
	{ 0x0407, "LOGICAL UNIT NOT READY, OPERATION IN PROGRESS" },
	{ 0x0409, "LOGICAL UNIT NOT READY, SELF-TEST IN PROGRESS" },
	{ 0x040a,
	    "LOGICAL UNIT NOT ACCESSIBLE, ASYMMETRIC ACCESS STATE TRANSITION" },
	{ 0x040b, "LOGICAL UNIT NOT ACCESSIBLE, TARGET PORT IN STANDBY STATE" },
	{ 0x040c,
	    "LOGICAL UNIT NOT ACCESSIBLE, TARGET PORT IN UNAVAILABLE STATE" },
	{ 0x0411, "LOGICAL UNIT NOT READY, NOTIFY (ENABLE SPINUP) REQUIRED" },
	{ 0x0412, "LOGICAL UNIT NOT READY, OFFLINE" },
	{ 0x0414, "LOGICAL UNIT NOT READY, SPACE ALLOCATION IN PROGRESS" },
	{ 0x041b, "LOGICAL UNIT NOT READY, SANITIZE IN PROGRESS" },
	{ 0x041c,
	    "LOGICAL UNIT NOT READY, ADDITIONAL POWER USE NOT YET GRANTED" },
	{ 0x0500, "LOGICAL UNIT DOES NOT RESPOND TO SELECTION" },
	{ 0x0600, "NO REFERENCE POSITION FOUND" },
	{ 0x0700, "MULTIPLE PERIPHERAL DEVICES SELECTED" },
	{ 0x0800, "LOGICAL UNIT COMMUNICATION FAILURE" },
	{ 0x0801, "LOGICAL UNIT COMMUNICATION TIME-OUT" },
	{ 0x0900, "TRACK FOLLOWING ERROR" },
	{ 0x0b00, "WARNING" },
	{ 0x0b01, "WARNING - SPECIFIED TEMPERATURE EXCEEDED" },
	{ 0x0c00, "WRITE ERROR" },
	{ 0x0c02, "WRITE ERROR - AUTO REALLOCATION FAILED" },
	{ 0x0c03, "WRITE ERROR - RECOMMEND REASSIGNMENT" },
	{ 0x0c0c, "WRITE ERROR - UNEXPECTED UNSOLICITED DATA" },
	{ 0x0c0d, "WRITE ERROR - NOT ENOUGH UNSOLICITED DATA" },
	{ 0x0d00, "ERROR DETECTED BY THIRD PARTY TEMPORARY INITIATOR" },
	{ 0x0d01, "THIRD PARTY DEVICE FAILURE" },
	{ 0x0d02, "COPY TARGET DEVICE NOT REACHABLE" },
	{ 0x0d03, "INCORRECT COPY TARGET DEVICE TYPE" },
	{ 0x0d04, "COPY TARGET DEVICE DATA UNDERRUN" },
	{ 0x0d05, "COPY TARGET DEVICE DATA OVERRUN" },
	{ 0x0e00, "INVALID INFORMATION UNIT" },
	{ 0x1000, "ID CRC OR ECC ERROR" },
	{ 0x1001, "LOGICAL BLOCK GUARD CHECK FAILED" },
	{ 0x1002, "LOGICAL BLOCK APPLICATION TAG CHECK FAILED" },
	{ 0x1003, "LOGICAL BLOCK REFERENCE TAG CHECK FAILED" },
	{ 0x1100, "UNRECOVERED READ ERROR" },
	{ 0x1101, "READ RETRIES EXHAUSTED" },
	{ 0x1103, "MULTIPLE READ ERRORS" },
	{ 0x1104, "UNRECOVERED READ ERROR - AUTO REALLOCATE FAILED" },
	{ 0x110b, "UNRECOVERED READ ERROR - RECOMMEND REASSIGNMENT" },
	{ 0x1114, "READ ERROR - LBA MARKED BAD BY APPLICATION CLIENT" },
	{ 0x1400, "RECORDED ENTITY NOT FOUND" },
	{ 0x1401, "RECORD NOT FOUND" },
	{ 0x1500, "RANDOM POSITIONING ERROR" },
	{ 0x1600, "DATA SYNCHRONIZATION MARK ERROR" },
	{ 0x1700, "RECOVERED DATA WITH NO ERROR CORRECTION APPLIED" },
	{ 0x1701, "RECOVERED DATA WITH RETRIES" },
	{ 0x1800, "RECOVERED DATA WITH ERROR CORRECTION APPLIED" },
	{ 0x1900, "DEFECT LIST ERROR" },
	{ 0x1a00, "PARAMETER LIST LENGTH ERROR" },
	{ 0x1c00, "DEFECT LIST NOT FOUND" },
	{ 0x1d00, "MISCOMPARE DURING VERIFY OPERATION" },
	{ 0x1d01, "MISCOMPARE VERIFY OF UNMAPPED LBA" },
	{ 0x2000, "INVALID COMMAND OPERATION CODE" },
	{ 0x2001, "ACCESS DENIED - INITIATOR PENDING-ENROLLED" },
	{ 0x2002, "ACCESS DENIED - NO ACCESS RIGHTS" },
	{ 0x2009, "ACCESS DENIED - INVALID LU IDENTIFIER" },
	{ 0x2100, "LOGICAL BLOCK ADDRESS OUT OF RANGE" },
	{ 0x2101, "INVALID ELEMENT ADDRESS" },
	{ 0x2200, "ILLEGAL FUNCTION" },
	{ 0x2300, "INVALID TOKEN OPERATION, CAUSE NOT REPORTABLE" },
	{ 0x2400, "INVALID FIELD IN CDB" },
	{ 0x2500, "LOGICAL UNIT NOT SUPPORTED" },
	{ 0x2600, "INVALID FIELD IN PARAMETER LIST" },
	{ 0x2601, "PARAMETER NOT SUPPORTED" },
	{ 0x2602, "PARAMETER VALUE INVALID" },
	{ 0x2603, "THRESHOLD PARAMETERS NOT SUPPORTED" },
	{ 0x2604, "INVALID RELEASE OF PERSISTENT RESERVATION" },
	{ 0x2606, "TOO MANY TARGET DESCRIPTORS" },
	{ 0x2607, "UNSUPPORTED TARGET DESCRIPTOR TYPE CODE" },
	{ 0x2608, "TOO MANY SEGMENT DESCRIPTORS" },
	{ 0x2609, "UNSUPPORTED SEGMENT DESCRIPTOR TYPE CODE" },
	{ 0x260a, "UNEXPECTED INEXACT SEGMENT" },
	{ 0x260b, "INLINE DATA LENGTH EXCEEDED" },
	{ 0x260c, "INVALID OPERATION FOR COPY SOURCE OR DESTINATION" },
	{ 0x260d, "COPY SEGMENT GRANULARITY VIOLATION" },
	{ 0x2700, "WRITE PROTECTED" },
	{ 0x2701, "HARDWARE WRITE PROTECTED" },
	{ 0x2702, "LOGICAL UNIT SOFTWARE WRITE PROTECTED" },
	{ 0x2703, "ASSOCIATED WRITE PROTECT" },
	{ 0x2704, "PERSISTENT WRITE PROTECT" },
	{ 0x2705, "PERMANENT WRITE PROTECT" },
	{ 0x2706, "CONDITIONAL WRITE PROTECT" },
	{ 0x2707, "SPACE ALLOCATION FAILED WRITE PROTECT" },
	{ 0x2708, "ZONE IS READ ONLY" },
	{ 0x2800, "NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED" },
	{ 0x2900, "POWER ON, RESET, OR BUS DEVICE RESET OCCURRED" },
	{ 0x2901, "POWER ON OCCURRED" },
	{ 0x2902, "SCSI BUS RESET OCCURRED" },
	{ 0x2903, "BUS DEVICE RESET FUNCTION OCCURRED" },
	{ 0x2904, "DEVICE INTERNAL RESET" },
	{ 0x2907, "I_T NEXUS LOSS OCCURRED" },
	{ 0x2a00, "PARAMETERS CHANGED" },
	{ 0x2a01, "MODE PARAMETERS CHANGED" },
	{ 0x2a02, "LOG PARAMETERS CHANGED" },
	{ 0x2a03, "RESERVATIONS PREEMPTED" },
	{ 0x2a04, "RESERVATIONS RELEASED" },
	{ 0x2a05, "REGISTRATIONS PREEMPTED" },
	{ 0x2a06, "ASYMMETRIC ACCESS STATE CHANGED" },
	{ 0x2a07, "IMPLICIT ASYMMETRIC ACCESS STATE TRANSITION FAILED" },
	{ 0x2a08, "PRIORITY CHANGED" },
	{ 0x2a09, "CAPACITY DATA HAS CHANGED" },
	{ 0x2c00, "COMMAND SEQUENCE ERROR" },
	{ 0x2c09, "PREVIOUS RESERVATION CONFLICT STATUS" },
	{ 0x2e00, "INSUFFICIENT TIME FOR OPERATION" },
	{ 0x2f00, "COMMANDS CLEARED BY ANOTHER INITIATOR" },
	{ 0x2f01, "COMMANDS CLEARED BY POWER LOSS NOTIFICATION" },
	{ 0x2f02, "COMMANDS CLEARED BY DEVICE SERVER" },
	{ 0x3000, "INCOMPATIBLE MEDIUM INSTALLED" },
	{ 0x3100, "MEDIUM FORMAT CORRUPTED" },
	{ 0x3101, "FORMAT COMMAND FAILED" },
	{ 0x3200, "NO DEFECT SPARE LOCATION AVAILABLE" },
	{ 0x3500, "ENCLOSURE SERVICES FAILURE" },
	{ 0x3700, "ROUNDED PARAMETER" },
	{ 0x3807, "THIN PROVISIONING SOFT THRESHOLD REACHED" },
	{ 0x3900, "SAVING PARAMETERS NOT SUPPORTED" },
	{ 0x3a00, "MEDIUM NOT PRESENT" },
	{ 0x3a01, "MEDIUM NOT PRESENT - TRAY CLOSED" },
	{ 0x3a02, "MEDIUM NOT PRESENT - TRAY OPEN" },
	{ 0x3b00, "SEQUENTIAL POSITIONING ERROR" },
	{ 0x3d00, "INVALID BITS IN IDENTIFY MESSAGE" },
	{ 0x3e00, "LOGICAL UNIT HAS NOT SELF-CONFIGURED YET" },
	{ 0x3e01, "LOGICAL UNIT FAILURE" },
	{ 0x3e02, "TIMEOUT ON LOGICAL UNIT" },
	{ 0x3f00, "TARGET OPERATING CONDITIONS HAVE CHANGED" },
	{ 0x3f01, "MICROCODE HAS BEEN CHANGED" },
	{ 0x3f02, "CHANGED OPERATING DEFINITION" },
	{ 0x3f03, "INQUIRY DATA HAS CHANGED" },
	{ 0x3f04, "COMPONENT DEVICE ATTACHED" },
	{ 0x3f05, "DEVICE IDENTIFIER CHANGED" },
	{ 0x3f0e, "REPORTED LUNS DATA HAS CHANGED" },
	{ 0x4000, "RAM FAILURE" },
	{ 0x4100, "DATA PATH FAILURE" },
	{ 0x4200, "POWER-ON OR SELF-TEST FAILURE" },
	{ 0x4400, "INTERNAL TARGET FAILURE" },
	{ 0x4700, "SCSI PARITY ERROR" },
	{ 0x4701, "DATA PHASE CRC ERROR DETECTED" },
	{ 0x4703, "INFORMATION UNIT iuCRC ERROR DETECTED" },
	{ 0x4705, "PROTOCOL SERVICE CRC ERROR" },
	{ 0x477f, "SOME COMMANDS CLEARED BY ISCSI PROTOCOL EVENT" },
	{ 0x4a00, "COMMAND PHASE ERROR" },
	{ 0x4b00, "DATA PHASE ERROR" },
	{ 0x4b01, "INVALID TARGET PORT TRANSFER TAG RECEIVED" },
	{ 0x4b02, "TOO MUCH WRITE DATA" },
	{ 0x4b03, "ACK/NAK TIMEOUT" },
	{ 0x4b05, "DATA OFFSET ERROR" },
	{ 0x4b06, "INITIATOR RESPONSE TIMEOUT" },
	{ 0x4b07, "CONNECTION LOST" },
	{ 0x4c00, "LOGICAL UNIT FAILED SELF-CONFIGURATION" },
	{ 0x4e00, "OVERLAPPED COMMANDS ATTEMPTED" },
	{ 0x5300, "MEDIA LOAD OR EJECT FAILED" },
	{ 0x5302, "MEDIUM REMOVAL PREVENTED" },
	{ 0x5500, "SYSTEM RESOURCE FAILURE" },
	{ 0x5501, "SYSTEM BUFFER FULL" },
	{ 0x5502, "INSUFFICIENT RESERVATION RESOURCES" },
	{ 0x5503, "INSUFFICIENT RESOURCES" },
	{ 0x5504, "INSUFFICIENT REGISTRATION RESOURCES" },
	{ 0x5d00, "FAILURE PREDICTION THRESHOLD EXCEEDED" },
	{ 0x5dff, "FAILURE PREDICTION THRESHOLD EXCEEDED (FALSE)" },
	{ 0x5e00, "LOW POWER CONDITION ON" },
	{ 0x6500, "VOLTAGE FAULT" },
	{ 0x7400, "SECURITY ERROR" },
};

static int
code_compare(const void *key, const void *element)
{
	const struct sense_code_row *row = element;
	unsigned code = *(const unsigned *)key;

	return code < row->code ? -1 : code > row->code;
}

const char *
sense_code_name(uint8_t asc, uint8_t ascq)
{
	unsigned code = (unsigned)asc << 8 | ascq;
	const struct sense_code_row *row;

	row = bsearch(&code, code_rows, sizeof(code_rows) / sizeof(*code_rows),
	    sizeof(*code_rows), code_compare);
	return row == NULL ? NULL : row->name;
}

const char *
sense_text(char *dst, size_t size, const struct sense *s)
{
	const char *name = sense_code_name(s->asc, s->ascq);
	char lba[40] = "", field[48] = "";

	if (s->information_valid && s->key == SENSE_COPY_ABORTED)
		snprintf(lba, sizeof(lba), ", %" PRIu64 " blocks not copied",
		    s->information);
	else if (s->information_valid)
		snprintf(lba, sizeof(lba), ", LBA %" PRIu64, s->information);
	if (s->field_valid)
		snprintf(field, sizeof(field), ", byte %u of the %s", s->field,
		    s->field_in_cdb ? "CDB" : "parameter list");
	snprintf(dst, size, "%s%s, %s (%x/%02x/%02x)%s%s",
	    s->deferred ? "deferred " : "", sense_key_name(s->key),
	    name == NULL ? "additional sense code not known" : name, s->key,
	    s->asc, s->ascq, lba, field);
	return dst;
}

/*
 * ---- what it means ----
 */

int
sense_errno(const struct sense *s)
{
	switch (s->key) {
	case SENSE_NO_SENSE:
	case SENSE_RECOVERED_ERROR:
	case SENSE_COMPLETED:
		/* Deferred: an earlier command's; this one was not done. */
		return s->deferred ? -EIO : 0;
	case SENSE_DATA_PROTECT:
		break;
	default:
		return -EIO;
	}
	return sense_code(s) == SENSE_SPACE_ALLOCATION_FAILED ? -ENOSPC
							      : -EROFS;
}

bool
sense_unit_attention(const struct sense *s)
{
	return s->key == SENSE_UNIT_ATTENTION;
}

bool
sense_reset(const struct sense *s)
{
	return sense_unit_attention(s) && s->asc == 0x29;
}

bool
sense_capacity_changed(const struct sense *s)
{
	return sense_unit_attention(s) &&
	       sense_code(s) == SENSE_CAPACITY_CHANGED;
}

bool
sense_inquiry_changed(const struct sense *s)
{
	return sense_unit_attention(s) &&
	       sense_code(s) == SENSE_INQUIRY_CHANGED;
}

bool
sense_luns_changed(const struct sense *s)
{
	return sense_unit_attention(s) &&
	       sense_code(s) == SENSE_REPORTED_LUNS_CHANGED;
}
