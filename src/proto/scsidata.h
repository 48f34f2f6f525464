/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scsidata - the parameter data of the commands that a disk initiator uses:
 * READ CAPACITY, MODE SENSE, REPORT LUNS, GET LBA STATUS, UNMAP, REPORT
 * SUPPORTED OPERATION CODES.
 *
 * As in inquiry.h: X_get() gives 0 or -EBADMSG and leaves what a short answer
 * does not reach at 0; X_put() gives the length or -EMSGSIZE.  Where a peer
 * announces more than it sent (its buffer was cut at the allocation length),
 * the announced length is in the result too.
 */
#ifndef PROTO_SCSIDATA_H
#define PROTO_SCSIDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- READ CAPACITY (SBC-3, 5.15 and 5.16) ---- */

#define CAPACITY10_LEN 8
#define CAPACITY16_LEN 32

struct capacity {
	uint64_t last_lba; /* READ CAPACITY(10): 0xffffffff means ask (16) */
	uint32_t block_size;
	/* READ CAPACITY(16) only. */
	bool prot_en;
	uint8_t p_type; /* 0 .. 2: protection type 1 .. 3 when prot_en */
	uint8_t physical_exponent; /* 2^n logical blocks per physical block */
	uint16_t lowest_aligned_lba;
	bool lbpme; /* thin */
	bool lbprz; /* unmapped blocks read as zeros */
};
/* Also -EBADMSG: a block size of 0, or a size of 2^64 bytes and more. */
int capacity10_get(const uint8_t *buf, size_t len, struct capacity *ret);
int capacity16_get(const uint8_t *buf, size_t len, struct capacity *ret);
int capacity10_put(uint8_t *buf, size_t size, const struct capacity *);
int capacity16_put(uint8_t *buf, size_t size, const struct capacity *);

/* ---- MODE SENSE (SPC-4, 6.13, 7.5; SBC-3, 6.5) ---- */

enum {
	MODE_PAGE_RW_RECOVERY = 0x01,
	MODE_PAGE_CACHING = 0x08,
	MODE_PAGE_CONTROL = 0x0a,
	MODE_PAGE_EXCEPTIONS = 0x1c,
	MODE_PAGE_ALL = 0x3f
};
#define MODE_SUBPAGE_ALL 0xff

/* The caching page: 20 bytes on the wire. */
struct mode_caching {
	bool wce;
	bool rcd;
};

/* The control page: 12 bytes on the wire. */
struct mode_control {
	uint8_t tst;
	bool d_sense; /* sense in descriptor format */
	uint8_t queue_algorithm;
	uint8_t ua_intlck;
	bool swp; /* software write protect */
	bool tas;
};

struct mode {
	uint16_t data_len; /* MODE DATA LENGTH as sent */
	uint8_t medium_type;
	bool wp;
	bool dpofua;
	bool has_block;	      /* a block descriptor */
	uint64_t block_count; /* of the block descriptor; 0: not known */
	uint32_t block_size;
	bool has_caching;
	struct mode_caching caching;
	bool has_control;
	struct mode_control control;
};
/* ten: the answer to MODE SENSE(10) rather than (6).  Pages that are not known
 * are passed over, pages cut short are absent. */
int mode_get(const uint8_t *buf, size_t len, bool ten, struct mode *ret);
/* Header, block descriptor (long form when ten and it needs one) and the
 * pages present.  changeable: the page bodies are masks of what MODE SELECT may
 * change (page control 1): all zeros. */
int mode_put(
    uint8_t *buf, size_t size, bool ten, bool changeable, const struct mode *);

/* ---- REPORT LUNS (SPC-4, 6.33) ---- */

#define LUNLIST_HEADER_LEN 8

/* How many bytes the whole answer takes; for a second try with more room. */
int lunlist_len(const uint8_t *buf, size_t len, uint32_t *ret);
/* The addresses that are there, at most max; *ret_n of them. */
int lunlist_get(const uint8_t *buf, size_t len, uint64_t *ret_luns,
    unsigned max, unsigned *ret_n);
int lunlist_put(uint8_t *buf, size_t size, const uint64_t *luns, unsigned n);

/* ---- GET LBA STATUS (SBC-3, 5.4) ---- */

enum { LBA_MAPPED = 0, LBA_DEALLOCATED = 1, LBA_ANCHORED = 2 };

#define LBA_STATUS_HEADER_LEN	  8
#define LBA_STATUS_DESCRIPTOR_LEN 16

struct lba_status {
	uint64_t lba;
	uint32_t blocks;
	uint8_t provisioning; /* LBA_MAPPED ... */
};
/* The descriptors that are there whole, at most max. */
int lba_status_get(const uint8_t *buf, size_t len, struct lba_status *ret,
    unsigned max, unsigned *ret_n);
int lba_status_put(
    uint8_t *buf, size_t size, const struct lba_status *, unsigned n);

/* ---- PERSISTENT RESERVE IN, READ RESERVATION (SPC-4, 6.15.3) ---- */

#define RESERVATION_LEN 24

struct reservation {
	bool held;
	uint64_t key;
	uint8_t type; /* SCSI_PR_... */
};
int reservation_get(const uint8_t *buf, size_t len, struct reservation *ret);

/* ---- UNMAP parameter list (SBC-3, 5.28.2) ---- */

#define UNMAP_HEADER_LEN     8
#define UNMAP_DESCRIPTOR_LEN 16

struct unmap_range {
	uint64_t lba;
	uint32_t blocks;
};
/* -EBADMSG: lengths that do not agree with len; -E2BIG: more than max ranges.
 */
int unmap_get(const uint8_t *buf, size_t len, struct unmap_range *ret,
    unsigned max, unsigned *ret_n);
int unmap_put(
    uint8_t *buf, size_t size, const struct unmap_range *, unsigned n);

/* ---- REPORT SUPPORTED OPERATION CODES (SPC-4, 6.35), one command ---- */

#define OPCODE_SUPPORT_LEN 20 /* header and a CDB of 16 bytes */

enum {
	OPCODE_NOT_KNOWN = 0,
	OPCODE_UNSUPPORTED = 1,
	OPCODE_SUPPORTED = 3, /* as the standard says */
	OPCODE_SUPPORTED_VENDOR = 5
};

struct opcode_support {
	uint8_t support;
	uint16_t cdb_len;
	uint8_t usage[16]; /* CDB usage data, cdb_len bytes of it */
};
int opcode_support_get(
    const uint8_t *buf, size_t len, struct opcode_support *ret);
int opcode_support_put(
    uint8_t *buf, size_t size, const struct opcode_support *);

#endif
