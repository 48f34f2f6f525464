/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xcopy - the parameter data of third-party copies by EXTENDED COPY(LID1)
 * (SPC-4, 6.4) and its companions of RECEIVE COPY RESULTS (6.17, 6.20): which
 * logical units take part (CSCD descriptors: copy source, copy destination) and
 * what is copied (segment descriptors).
 *
 * Known are identification descriptors (E4h) and segments from block device to
 * block device (02h); other types are told by their code.
 *
 *     | header (16) | CSCD descriptors (32 each) | segments (28) | inline data |
 *
 * As in scsidata.h: X_get() gives 0 or -EBADMSG, X_put() the length or
 * -EMSGSIZE.
 */
#ifndef PROTO_XCOPY_H
#define PROTO_XCOPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XCOPY_HEADER_LEN     16
#define XCOPY_CSCD_LEN	     32
#define XCOPY_SEGMENT_LEN    28
#define XCOPY_DESIGNATOR_MAX 20
#define XCOPY_LIST_LEN	     /* of a copy by one segment */ \
	(XCOPY_HEADER_LEN + 2 * XCOPY_CSCD_LEN + XCOPY_SEGMENT_LEN)

enum { XCOPY_CSCD_IDENTIFICATION = 0xe4, XCOPY_SEGMENT_BLOCK = 0x02 };

/* LIST ID USAGE. */
enum {
	XCOPY_LIST_HELD = 0, /* held data may be asked for */
	XCOPY_LIST_RESERVED = 1,
	XCOPY_LIST_NOT_HELD = 2, /* only the status may */
	XCOPY_LIST_NONE = 3	 /* nothing may; the identifier is 0 */
};

struct xcopy_header {
	uint8_t list_id;
	bool str; /* sequential striped */
	uint8_t list_id_usage;
	uint8_t priority;   /* 0 is the highest of 7 */
	uint16_t cscds_len; /* bytes */
	uint32_t segments_len;
	uint32_t inline_len;
};
int xcopy_header_get(const uint8_t *buf, size_t len, struct xcopy_header *ret);
int xcopy_header_put(uint8_t *buf, size_t size, const struct xcopy_header *);

struct xcopy_cscd {
	uint8_t code; /* the rest is only known for E4h */
	uint8_t lu_id_type;
	bool nul;     /* it does not name a logical unit */
	uint8_t type; /* SCSI_TYPE_... */
	uint8_t code_set;
	uint8_t association;
	uint8_t designator_type;
	uint8_t designator_len; /* <= XCOPY_DESIGNATOR_MAX */
	uint8_t designator[XCOPY_DESIGNATOR_MAX];
	bool pad;
	uint32_t block_size; /* DISK BLOCK LENGTH, 24 bits */
};
/* Also -EBADMSG: a designator that is longer than its room. */
int xcopy_cscd_get(const uint8_t *buf, size_t len, struct xcopy_cscd *ret);
int xcopy_cscd_put(uint8_t *buf, size_t size, const struct xcopy_cscd *);

struct xcopy_segment {
	uint8_t code;		 /* the rest is only known for 02h */
	uint16_t descriptor_len; /* bytes behind the fourth */
	bool dc;	 /* blocks are the destination's, else the source's */
	bool cat;	 /* what is left of a block goes to the next segment */
	uint16_t source; /* index of the CSCD descriptor */
	uint16_t destination;
	uint16_t blocks;
	uint64_t source_lba;
	uint64_t destination_lba;
};
int xcopy_segment_get(
    const uint8_t *buf, size_t len, struct xcopy_segment *ret);
int xcopy_segment_put(uint8_t *buf, size_t size, const struct xcopy_segment *);

/* ---- RECEIVE COPY OPERATING PARAMETERS ---- */

#define XCOPY_LIMITS_LEN   44 /* without the list of descriptor types */
#define XCOPY_LIMITS_TYPES 32

struct xcopy_limits {
	bool snlid; /* XCOPY_LIST_NONE may be used */
	uint16_t max_cscds;
	uint16_t max_segments;
	uint32_t max_list;    /* bytes of descriptors in one list */
	uint32_t max_segment; /* bytes copied by one segment; 0: no limit */
	uint32_t max_inline;
	uint32_t held_limit;
	uint32_t max_stream_transfer;
	uint16_t total_concurrent;
	uint8_t max_concurrent;
	uint8_t segment_granularity; /* log2 of bytes */
	uint8_t inline_granularity;
	uint8_t held_granularity;
	uint8_t types_n;
	uint8_t types[XCOPY_LIMITS_TYPES]; /* implemented descriptors */
};
int xcopy_limits_get(const uint8_t *buf, size_t len, struct xcopy_limits *ret);
int xcopy_limits_put(uint8_t *buf, size_t size, const struct xcopy_limits *);
bool xcopy_limits_has(const struct xcopy_limits *, uint8_t type);

/* ---- RECEIVE COPY STATUS(LID1) ---- */

#define XCOPY_STATUS_LEN 12

enum { XCOPY_RUNNING = 0, XCOPY_GOOD = 1, XCOPY_FAILED = 2 };
enum { XCOPY_UNITS_BYTES = 0, XCOPY_UNITS_KIB = 1 };

struct xcopy_status {
	bool held_discarded; /* HDD */
	uint8_t status;
	uint16_t segments; /* processed */
	uint8_t units;	   /* of count */
	uint32_t count;	   /* transferred */
};
int xcopy_status_get(const uint8_t *buf, size_t len, struct xcopy_status *ret);
int xcopy_status_put(uint8_t *buf, size_t size, const struct xcopy_status *);

#endif
