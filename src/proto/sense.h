/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sense - sense data (SPC-4, 4.5): why a command ended with CHECK CONDITION, in
 * fixed (70h, 71h) and in descriptor format (72h, 73h), and what that means for
 * a user of the disk.
 */
#ifndef PROTO_SENSE_H
#define PROTO_SENSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sense_key {
	SENSE_NO_SENSE = 0x0,
	SENSE_RECOVERED_ERROR = 0x1,
	SENSE_NOT_READY = 0x2,
	SENSE_MEDIUM_ERROR = 0x3,
	SENSE_HARDWARE_ERROR = 0x4,
	SENSE_ILLEGAL_REQUEST = 0x5,
	SENSE_UNIT_ATTENTION = 0x6,
	SENSE_DATA_PROTECT = 0x7,
	SENSE_BLANK_CHECK = 0x8,
	SENSE_COPY_ABORTED = 0xa,
	SENSE_ABORTED_COMMAND = 0xb,
	SENSE_VOLUME_OVERFLOW = 0xd,
	SENSE_MISCOMPARE = 0xe,
	SENSE_COMPLETED = 0xf
};

/* Additional sense codes used by name: ASC << 8 | ASCQ. */
enum {
	SENSE_OPERATION_IN_PROGRESS = 0x0016,
	SENSE_LOGICAL_UNIT_NOT_READY = 0x0400,
	SENSE_MANUAL_INTERVENTION = 0x0403, /* ... REQUIRED: not ready */
	SENSE_UNIT_COMMUNICATION_FAILURE = 0x0800,
	SENSE_WRITE_ERROR = 0x0c00,
	SENSE_READ_ERROR = 0x1100,	    /* UNRECOVERED READ ERROR */
	SENSE_THIRD_PARTY_FAILURE = 0x0d01, /* THIRD PARTY DEVICE FAILURE */
	SENSE_COPY_NOT_REACHABLE = 0x0d02,  /* COPY TARGET DEVICE ... */
	SENSE_COPY_WRONG_TYPE = 0x0d03, /* INCORRECT COPY TARGET DEVICE TYPE */
	SENSE_PARAMETER_LIST_LENGTH = 0x1a00,
	SENSE_MISCOMPARE_DURING_VERIFY = 0x1d00,
	SENSE_INVALID_OPCODE = 0x2000,
	SENSE_LBA_OUT_OF_RANGE = 0x2100,
	SENSE_INVALID_FIELD_IN_CDB = 0x2400,
	SENSE_LUN_NOT_SUPPORTED = 0x2500,
	SENSE_INVALID_FIELD_IN_LIST = 0x2600,
	SENSE_INVALID_RELEASE = 0x2604,
	SENSE_TOO_MANY_TARGETS = 0x2606, /* ... DESCRIPTORS; so the next ones */
	SENSE_UNSUPPORTED_TARGET = 0x2607, /* ... DESCRIPTOR TYPE CODE */
	SENSE_TOO_MANY_SEGMENTS = 0x2608,
	SENSE_UNSUPPORTED_SEGMENT = 0x2609,
	SENSE_INEXACT_SEGMENT = 0x260a,	     /* UNEXPECTED ... */
	SENSE_INLINE_DATA_EXCEEDED = 0x260b, /* INLINE DATA LENGTH ... */
	SENSE_WRITE_PROTECTED = 0x2700,
	SENSE_SPACE_ALLOCATION_FAILED = 0x2707,
	SENSE_POWER_ON_RESET = 0x2900, /* POWER ON, RESET, OR BUS DEVICE RESET
					  OCCURRED; 29/01 .. 29/07 alike */
	SENSE_NEXUS_LOSS = 0x2907,
	SENSE_MODE_CHANGED = 0x2a01,
	SENSE_RESERVATIONS_PREEMPTED = 0x2a03,
	SENSE_RESERVATIONS_RELEASED = 0x2a04,
	SENSE_REGISTRATIONS_PREEMPTED = 0x2a05,
	SENSE_CAPACITY_CHANGED = 0x2a09,
	SENSE_COMMANDS_CLEARED = 0x2f00,
	SENSE_SAVING_NOT_SUPPORTED = 0x3900,
	SENSE_INQUIRY_CHANGED = 0x3f03,
	SENSE_REPORTED_LUNS_CHANGED = 0x3f0e,
	SENSE_INTERNAL_FAILURE = 0x4400,
	SENSE_PROTOCOL_SERVICE_CRC_ERROR = 0x4705,
	SENSE_UNEXPECTED_UNSOLICITED_DATA = 0x0c0c,
	SENSE_NOT_ENOUGH_UNSOLICITED_DATA = 0x0c0d,
	SENSE_INSUFFICIENT_REGISTRATION_RESOURCES = 0x5504
};

#define SENSE_FIXED_LEN	     18
#define SENSE_DESCRIPTOR_MAX 32 /* header and the descriptors put here */
#define SENSE_LEN_MAX	     252

struct sense {
	bool deferred; /* of an earlier command */
	uint8_t key;   /* enum sense_key */
	uint8_t asc;
	uint8_t ascq;
	bool information_valid;
	uint64_t information; /* the LBA, for medium errors and miscompares */
	bool command_specific_valid;
	uint64_t command_specific;
	/* ILLEGAL REQUEST: which byte (and bit) was wrong. */
	bool field_valid;
	bool field_in_cdb; /* else in the parameter list */
	bool field_bit_valid;
	uint8_t field_bit;
	uint16_t field;
};

#define sense_code(s) ((unsigned)(s)->asc << 8 | (s)->ascq)

/* len bytes of sense data (without the length field of the SCSI Response).
 * 0, or -EBADMSG: empty, cut before ASC, or of no known format. */
int sense_get(const uint8_t *buf, size_t len, struct sense *ret);
/* Fills key, asc and ascq from an enum above and clears the rest. */
void sense_set(struct sense *, enum sense_key key, unsigned code);
/* The length, or -EMSGSIZE.  An information field above 32 bits makes fixed
 * format leave it out (SPC-4, 4.5.3: VALID 0). */
int sense_put(uint8_t *buf, size_t size, bool descriptor, const struct sense *);

/* "MEDIUM ERROR" ... */
const char *sense_key_name(uint8_t key);
/* One line: "MEDIUM ERROR, UNRECOVERED READ ERROR (3/11/00), LBA 1234".  What a
 * copy that was aborted has in its INFORMATION field is what it has not copied.
 * Returns dst. */
const char *sense_text(char *dst, size_t size, const struct sense *);
#define SENSE_TEXT 176 /* room enough for any */

/*
 * What a user of the disk is told: 0 (the command was done: NO SENSE, RECOVERED
 * ERROR, COMPLETED, and not deferred), -ENOSPC (data protect, space allocation
 * failed), -EROFS (data protect else), -EIO (the rest).
 */
int sense_errno(const struct sense *);

bool sense_unit_attention(const struct sense *);
/* Unit attentions by kind. */
bool sense_reset(const struct sense *);		   /* 29h */
bool sense_capacity_changed(const struct sense *); /* 2A/09 */
bool sense_inquiry_changed(const struct sense *);  /* 3F/03 */
bool sense_luns_changed(const struct sense *);	   /* 3F/0E */

#endif
