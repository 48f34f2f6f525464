/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inquiry - standard INQUIRY data (SPC-4, 6.6.2) and the vital product data
 * pages that tell who a logical unit is and what it can do (SPC-4, 7.8; SBC-3,
 * 6.6).
 *
 * X_get() reads len bytes from a peer: 0, or -EBADMSG when a page is another
 * page or too short for the fields every version has.  Fields that a short page
 * does not reach are 0.  X_put() writes the whole format: its length, or
 * -EMSGSIZE when size is too small; the caller cuts at the ALLOCATION LENGTH.
 * Strings are as the device gives them, without trailing blanks and NULs: pass
 * them through escape() before printing.
 */
#ifndef PROTO_INQUIRY_H
#define PROTO_INQUIRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Peripheral qualifiers. */
enum { INQUIRY_CONNECTED = 0, INQUIRY_NOT_CONNECTED = 1, INQUIRY_NO_LU = 3 };

#define INQUIRY_VERSIONS 8

struct inquiry {
	uint8_t qualifier;
	uint8_t type; /* SCSI_TYPE_... */
	bool removable;
	uint8_t version; /* 5 SPC-3, 6 SPC-4, ... */
	bool naca;	 /* NORMACA */
	bool hisup;
	uint8_t response_format;
	bool sccs;
	uint8_t tpgs;
	bool third_party_copy; /* 3PC */
	bool protect;
	bool enclosure; /* ENCSERV */
	bool multiport;
	bool cmdque;
	char vendor[8 + 1];
	char product[16 + 1];
	char revision[4 + 1];
	uint16_t versions[INQUIRY_VERSIONS]; /* version descriptors, 0 ends */
};
int inquiry_get(const uint8_t *buf, size_t len, struct inquiry *ret);
/* 96 bytes; 36 when there is no version descriptor. */
int inquiry_put(uint8_t *buf, size_t size, const struct inquiry *);

enum vpd_page {
	VPD_SUPPORTED_PAGES = 0x00,
	VPD_UNIT_SERIAL_NUMBER = 0x80,
	VPD_DEVICE_IDENTIFICATION = 0x83,
	VPD_EXTENDED_INQUIRY = 0x86,
	VPD_MODE_PAGE_POLICY = 0x87,
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

/* 83h. */
enum { DESIGNATOR_BINARY = 1, DESIGNATOR_ASCII = 2, DESIGNATOR_UTF8 = 3 };
enum { DESIGNATOR_LU = 0, DESIGNATOR_PORT = 1, DESIGNATOR_DEVICE = 2 };
enum {
	DESIGNATOR_VENDOR = 0,
	DESIGNATOR_T10 = 1,
	DESIGNATOR_EUI64 = 2,
	DESIGNATOR_NAA = 3,
	DESIGNATOR_RELATIVE_PORT = 4,
	DESIGNATOR_PORT_GROUP = 5,
	DESIGNATOR_LU_GROUP = 6,
	DESIGNATOR_MD5 = 7,
	DESIGNATOR_NAME = 8 /* SCSI name string */
};

struct designator {
	uint8_t code_set;
	uint8_t association;
	uint8_t type;
	bool piv;
	uint8_t protocol; /* when piv; 5 is iSCSI */
	uint8_t len;
	const uint8_t *value; /* get: points into the page */
};
/* Designators are read one after another: start with *pos = 0.  1: one was
 * read; 0: no more; -EBADMSG: the rest of the page is cut short or no page
 * 83h. */
int vpd_designator_get(
    const uint8_t *buf, size_t len, size_t *pos, struct designator *ret);
int vpd_designators_put(uint8_t *buf, size_t size, uint8_t type,
    const struct designator *, unsigned n);
/* "NAA", "T10 vendor ID" ...; "reserved" else. */
const char *designator_type_name(uint8_t type);

/* 86h, the fields that matter here. */
struct vpd_extended {
	uint8_t spt; /* protection types supported */
	bool grd_chk;
	bool app_chk;
	bool ref_chk;
	bool simpsup;
	bool ordsup;
	bool headsup;
	bool wu_sup;
	bool v_sup; /* volatile cache */
	bool nv_sup;
	bool luiclr;
	uint8_t max_sense_len; /* 0: 252 or less, not stated */
};
int vpd_extended_get(const uint8_t *buf, size_t len, struct vpd_extended *ret);
int vpd_extended_put(
    uint8_t *buf, size_t size, uint8_t type, const struct vpd_extended *);

/* 87h. */
struct mode_page_policy {
	uint8_t page;
	uint8_t subpage;
	bool mlus;
	uint8_t policy; /* 0 shared, 1 per port, 3 per I_T nexus */
};
/* As vpd_designator_get(). */
int vpd_mode_page_policy_get(
    const uint8_t *buf, size_t len, size_t *pos, struct mode_page_policy *ret);
int vpd_mode_page_policies_put(uint8_t *buf, size_t size, uint8_t type,
    const struct mode_page_policy *, unsigned n);

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
	bool fuab;
	bool vbuls;
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
	uint8_t provisioning_type;
};
int vpd_provisioning_get(
    const uint8_t *buf, size_t len, struct vpd_provisioning *ret);
int vpd_provisioning_put(
    uint8_t *buf, size_t size, uint8_t type, const struct vpd_provisioning *);

#endif
