/* SPDX-License-Identifier: BSD-2-Clause */
/* sensecode - the names of the additional sense codes, ASC and ASCQ. */
#ifndef PROTO_SENSECODE_H
#define PROTO_SENSECODE_H

#include <stdbool.h>
#include <stdint.h>

/* "UNRECOVERED READ ERROR" ..., NULL when not in the table. */
const char *sensecode_name(uint8_t asc, uint8_t ascq);
/* The vendor has chosen what it means. */
bool sensecode_vendor_specific(uint8_t asc, uint8_t ascq);
/* The name, or that it is the vendor's, or not known. */
const char *sensecode_words(uint8_t asc, uint8_t ascq);

#endif
