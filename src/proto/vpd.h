/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vpd - the vital product data pages that tell what a logical unit can do
 * (SPC-4, 7.8; SBC-3, 6.6), and what all pages share.  Those that are lists are
 * in vpdlist.h.
 *
 * X_get() reads len bytes from a peer: 0, or -EBADMSG when a page is another
 * page or too short for the fields every version has.  Fields that a short page
 * does not reach are 0.  X_put() writes the whole format: its length, or
 * -EMSGSIZE when size is too small; the caller cuts at the ALLOCATION LENGTH.
 * Strings are as the device gives them, without trailing blanks and NULs: pass
 * them through escape() before printing.
 */
#ifndef PROTO_VPD_H
#define PROTO_VPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vpd_page {
	VPD_SUPPORTED_PAGES = 0x00,
	VPD_UNIT_SERIAL_NUMBER = 0x80,
	VPD_DEVICE_IDENTIFICATION = 0x83,
	VPD_SOFTWARE_INTERFACES = 0x84,
	VPD_MANAGEMENT_ADDRESSES = 0x85,
	VPD_EXTENDED_INQUIRY = 0x86,
	VPD_MODE_PAGE_POLICY = 0x87,
	VPD_SCSI_PORTS = 0x88,
	VPD_THIRD_PARTY_COPY = 0x8f,
	VPD_BLOCK_LIMITS = 0xb0,
	VPD_BLOCK_CHARACTERISTICS = 0xb1,
	VPD_LOGICAL_BLOCK_PROVISIONING = 0xb2
};

#define VPD_HEADER_LEN 4

/* The header of any page; body points into buf.  A body that is cut short is
 * returned as far as it goes. */
struct vpd {
	uint8_t qualifier;
	uint8_t type;
	uint8_t page;
	uint16_t page_len; /* PAGE LENGTH as sent */
	const uint8_t *body;
	size_t body_len; /* what is there of it */
};
int vpd_get(const uint8_t *buf, size_t len, struct vpd *ret);
/* "Block limits" ..., NULL when not known. */
const char *vpd_page_name(uint8_t page);

/* 00h. */
struct vpd_supported {
	uint8_t n;
	uint8_t pages[255];
};
int vpd_supported_get(
    const uint8_t *buf, size_t len, struct vpd_supported *ret);
int vpd_supported_put(
    uint8_t *buf, size_t size, uint8_t type, const struct vpd_supported *);
bool vpd_supported_has(const struct vpd_supported *, uint8_t page);

/* 80h. */
#define VPD_SERIAL_MAX 252
int vpd_serial_get(
    const uint8_t *buf, size_t len, char ret[VPD_SERIAL_MAX + 1]);
int vpd_serial_put(uint8_t *buf, size_t size, uint8_t type, const char *serial);

/* 86h. */
struct vpd_extended {
	uint8_t activate_microcode;
	uint8_t spt; /* protection types supported */
	bool grd_chk;
	bool app_chk;
	bool ref_chk;
	bool uask_sup; /* sense key specific data of unit attentions */
	bool group_sup;
	bool prior_sup;
	bool headsup;
	bool ordsup;
	bool simpsup;
	bool wu_sup;
	bool crd_sup;
	bool nv_sup;
	bool v_sup;	/* volatile cache */
	bool no_pi_chk; /* SPC-5 */
	bool p_i_i_sup;
	bool luiclr;
	uint8_t lu_coll_type; /* SPC-5 */
	bool r_sup;
	bool rtd_sup;  /* SPC-5 */
	bool hssrelef; /* SPC-5 */
	bool cbcs;
	uint8_t multi_nexus_microcode;
	uint16_t self_test_minutes; /* extended self-test */
	bool poa_sup;
	bool hra_sup;
	bool vsa_sup;
	bool dms_valid;	       /* SPC-5 */
	uint8_t max_sense_len; /* 0: 252 or less, not stated */
	bool ibs;	       /* SPC-5, like the rest */
	bool ias;
	bool sac;
	bool nrd1;
	bool nrd0;
	uint16_t max_inquiry_logs;
	uint16_t max_mode_page_logs;
};
int vpd_extended_get(const uint8_t *buf, size_t len, struct vpd_extended *ret);
int vpd_extended_put(
    uint8_t *buf, size_t size, uint8_t type, const struct vpd_extended *);

/* B0h; counts are of blocks, 0 is "not reported". */
struct vpd_block_limits {
	bool wsnz; /* WRITE SAME with 0 blocks is refused */
	uint8_t max_compare_and_write;
	uint16_t optimal_granularity;
	uint32_t max_transfer;
	uint32_t optimal_transfer;
	uint32_t max_prefetch;
	uint32_t max_unmap_lbas; /* 0: no UNMAP; 0xffffffff: no limit */
	uint32_t max_unmap_descriptors;
	uint32_t unmap_granularity;
	bool ugavalid;
	uint32_t unmap_alignment; /* when ugavalid */
	uint64_t max_write_same;  /* 0: no limit is reported */
	/* SBC-4. */
	uint32_t max_atomic_transfer;
	uint32_t atomic_alignment;
	uint32_t atomic_granularity;
	uint32_t max_atomic_transfer_with_boundary;
	uint32_t max_atomic_boundary;
};
int vpd_block_limits_get(
    const uint8_t *buf, size_t len, struct vpd_block_limits *ret);
int vpd_block_limits_put(
    uint8_t *buf, size_t size, uint8_t type, const struct vpd_block_limits *);

/* B1h. */
struct vpd_block_characteristics {
	uint16_t rotation_rate; /* 0 not reported, 1 does not rotate, rpm */
	uint8_t product_type;
	uint8_t wabereq;
	uint8_t wacereq;
	uint8_t form_factor;
	uint8_t zoned; /* 1 host aware, 2 device managed; SBC-4 */
	bool rbwz;     /* SBC-4 */
	bool bocs;     /* SBC-4 */
	bool fuab;
	bool vbuls;
	uint32_t depopulation_time; /* seconds; SBC-4 */
};
int vpd_block_characteristics_get(
    const uint8_t *buf, size_t len, struct vpd_block_characteristics *ret);
int vpd_block_characteristics_put(uint8_t *buf, size_t size, uint8_t type,
    const struct vpd_block_characteristics *);

/* B2h. */
enum {
	PROVISIONING_NONE = 0,
	PROVISIONING_RESOURCE = 1,
	PROVISIONING_THIN = 2
};
struct vpd_provisioning {
	uint8_t threshold_exponent;
	bool lbpu;     /* UNMAP */
	bool lbpws;    /* WRITE SAME(16) with UNMAP */
	bool lbpws10;  /* WRITE SAME(10) with UNMAP */
	uint8_t lbprz; /* 3 bits; 1: unmapped blocks read as zeros */
	bool anc_sup;
	bool dp;
	uint8_t minimum_percentage;
	uint8_t provisioning_type;
	uint8_t threshold_percentage;
};
/* A designator (vpdlist.h) of the provisioning group follows when dp. */
#define PROVISIONING_LEN 8
int vpd_provisioning_get(
    const uint8_t *buf, size_t len, struct vpd_provisioning *ret);
int vpd_provisioning_put(
    uint8_t *buf, size_t size, uint8_t type, const struct vpd_provisioning *);

/* For vpdlist: the body of the page that is wanted, or -EBADMSG when it is
 * another or has less than min bytes. */
struct cursor;
struct writer;
int vpd_body_get(const uint8_t *buf, size_t len, uint8_t page, size_t min,
    struct cursor *ret);
/* Begins a page, and ends it: its length, or -EMSGSIZE. */
void vpd_begin(
    struct writer *, uint8_t *buf, size_t size, uint8_t type, uint8_t page);
int vpd_end(struct writer *);

#endif
