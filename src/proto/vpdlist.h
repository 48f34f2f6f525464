/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vpdlist - the vital product data pages that are lists of descriptors (SPC-4,
 * 7.8): who the logical unit is, how it is reached, what it can copy.
 *
 * The entries are read one after another: start with *pos = 0.  X_get() gives 1
 * when one was read, 0 when there are no more, -EBADMSG when the rest is cut
 * short, or it is another page; *pos then tells how far it was good.  What an
 * entry points to lies within buf.  X_put() is as in vpd.h.
 */
#ifndef PROTO_VPDLIST_H
#define PROTO_VPDLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
/* 83h. */
int vpd_designator_get(
    const uint8_t *buf, size_t len, size_t *pos, struct designator *ret);
int vpd_designators_put(uint8_t *buf, size_t size, uint8_t type,
    const struct designator *, unsigned n);
/* The same from a list that stands elsewhere: in page 88h, behind page B2h. */
int designator_get(
    const uint8_t *list, size_t len, size_t *pos, struct designator *ret);
/* "NAA", "T10 vendor ID" ...; "reserved" else. */
const char *designator_type_name(uint8_t type);

/* 84h. */
#define SOFTWARE_INTERFACE_LEN 6
int vpd_software_interface_get(
    const uint8_t *buf, size_t len, size_t *pos, const uint8_t **ret);

/* 85h. */
struct management_address {
	uint8_t association; /* DESIGNATOR_LU ... */
	uint8_t service;
	uint16_t len; /* of the URL, without the NULs that fill it */
	const uint8_t *url;
};
int vpd_management_address_get(const uint8_t *buf, size_t len, size_t *pos,
    struct management_address *ret);

/* 87h. */
struct mode_page_policy {
	uint8_t page;
	uint8_t subpage;
	bool mlus;
	uint8_t policy; /* 0 shared, 1 per port, 3 per I_T nexus */
};
int vpd_mode_page_policy_get(
    const uint8_t *buf, size_t len, size_t *pos, struct mode_page_policy *ret);
int vpd_mode_page_policies_put(uint8_t *buf, size_t size, uint8_t type,
    const struct mode_page_policy *, unsigned n);

/* 88h. */
struct scsi_port {
	uint16_t relative;
	uint16_t transport_id_len; /* of an initiator port */
	const uint8_t *transport_id;
	uint16_t designators_len; /* of a target port: see designator_get() */
	const uint8_t *designators;
};
int vpd_scsi_port_get(
    const uint8_t *buf, size_t len, size_t *pos, struct scsi_port *ret);
/* A page of one target port. */
int vpd_scsi_port_put(uint8_t *buf, size_t size, uint8_t type,
    uint16_t relative, const struct designator *, unsigned n);

/* 8Fh. */
enum {
	THIRD_PARTY_ROD_LIMITS = 0x0000,
	THIRD_PARTY_COMMANDS = 0x0001,
	THIRD_PARTY_PARAMETERS = 0x0004,
	THIRD_PARTY_DESCRIPTORS = 0x0008,
	THIRD_PARTY_CSCD_IDS = 0x000c,
	THIRD_PARTY_ROD_FEATURES = 0x0106,
	THIRD_PARTY_ROD_TYPES = 0x0108,
	THIRD_PARTY_GENERAL = 0x8001,
	THIRD_PARTY_STREAM = 0x9101,
	THIRD_PARTY_HELD_DATA = 0xc001
};
struct third_party_copy {
	uint16_t type;
	uint16_t len;
	const uint8_t *body;
};
int vpd_third_party_copy_get(
    const uint8_t *buf, size_t len, size_t *pos, struct third_party_copy *ret);

#endif
