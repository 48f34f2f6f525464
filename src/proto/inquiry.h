/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inquiry - standard INQUIRY data (SPC-4, 6.6.2); the vital product data pages
 * are in vpd.h and vpdlist.h.
 *
 * inquiry_get() reads len bytes from a peer: 0, or -EBADMSG when they end before
 * the ADDITIONAL LENGTH.  Fields that short data do not reach are 0.
 * inquiry_put() writes the whole format: its length, or -EMSGSIZE when size is
 * too small; the caller cuts at the ALLOCATION LENGTH.  Strings are as the
 * device gives them, without trailing blanks and NULs: pass them through
 * escape() before printing.
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
	bool lu_cong;	 /* part of a conglomerate */
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
/* "SPC-4" ...: the standard that a version descriptor claims, whatever its
 * revision; NULL when not known. */
const char *inquiry_version_name(uint16_t descriptor);
/* 96 bytes; 36 when there is no version descriptor. */
int inquiry_put(uint8_t *buf, size_t size, const struct inquiry *);

#endif
