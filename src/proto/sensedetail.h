/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sensedetail - all that sense data say besides what struct sense keeps of them
 * (SPC-4, 4.5): for those who want to read them, not to act on them.
 */
#ifndef PROTO_SENSEDETAIL_H
#define PROTO_SENSEDETAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SENSE_SPECIFIC_LEN 3

struct sensedetail {
	bool descriptor_format;
	bool filemark; /* fixed format */
	bool eom;      /* fixed format */
	bool ili;      /* fixed format: incorrect length indicator */
	bool sdat_ovfl;
	uint8_t fru;		 /* fixed format; 0: not said */
	const uint8_t *specific; /* fixed format: SENSE_SPECIFIC_LEN bytes, or
				    NULL */
	const uint8_t
	    *rest; /* the descriptors, or what follows byte 17 of fixed
				format */
	size_t rest_len;
	bool cut; /* ADDITIONAL SENSE LENGTH promises more than there is */
};
/* Sense data that sense_get() takes.  0 or -EBADMSG. */
int sensedetail_get(const uint8_t *buf, size_t len, struct sensedetail *ret);

enum sense_descriptor_type {
	SENSE_DESC_INFORMATION = 0x00,
	SENSE_DESC_COMMAND_SPECIFIC = 0x01,
	SENSE_DESC_KEY_SPECIFIC = 0x02,
	SENSE_DESC_FRU = 0x03,
	SENSE_DESC_STREAM = 0x04,
	SENSE_DESC_BLOCK = 0x05,
	SENSE_DESC_ATA_STATUS = 0x09,
	SENSE_DESC_PROGRESS = 0x0a,
	SENSE_DESC_REFERRAL = 0x0b,
	SENSE_DESC_FORWARDED = 0x0c,
	SENSE_DESC_DIRECT_ACCESS = 0x0d,
	SENSE_DESC_DESIGNATION = 0x0e,
	SENSE_DESC_MICROCODE = 0x0f,
	SENSE_DESC_VENDOR = 0x80 /* and all above */
};

struct sense_descriptor {
	uint8_t type;
	uint8_t len; /* of the body, ADDITIONAL LENGTH */
	const uint8_t *body;
};
/* Descriptors are read one after another: start with *pos = 0.  1: one was
 * read; 0: no more; -EBADMSG: the rest is cut short. */
int sense_descriptor_get(
    const uint8_t *list, size_t len, size_t *pos, struct sense_descriptor *ret);
/* "Information" ...; "vendor specific", "reserved". */
const char *sense_descriptor_name(uint8_t type);

/* The SENSE KEY SPECIFIC field, whose meaning is the key's (4.5.2.4). */
enum sense_specific_kind {
	SPECIFIC_FIELD,	   /* ILLEGAL REQUEST: value is a byte */
	SPECIFIC_RETRIES,  /* RECOVERED, MEDIUM, HARDWARE ERROR: how many */
	SPECIFIC_PROGRESS, /* NO SENSE, NOT READY: of 65536 */
	SPECIFIC_SEGMENT,  /* COPY ABORTED: value is a byte */
	SPECIFIC_OVERFLOW, /* UNIT ATTENTION: of their queue */
	SPECIFIC_OTHER	   /* the key has none */
};
struct sense_specific {
	enum sense_specific_kind kind;
	bool in_cdb;	 /* FIELD: else in the parameter list */
	bool in_segment; /* SEGMENT: value counts from the segment descriptor */
	bool bit_valid;	 /* FIELD, SEGMENT */
	uint8_t bit;
	bool overflow; /* OVERFLOW */
	uint16_t value;
};
/* False when the field is not valid (SKSV). */
bool sense_specific_get(uint8_t key, const uint8_t p[SENSE_SPECIFIC_LEN],
    struct sense_specific *ret);

#endif
