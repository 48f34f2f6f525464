/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The designators are kept one after another as
 *
 *     | code set | type | length | value ... |
 *
 * in the order of the page, and compared as bytes.  What exceeds the room is
 * left out on both sides alike.
 */
#include <errno.h>
#include <string.h>

#include "block/lun_identity.h"

#define DESIGNATOR_HEADER 3

int
lun_identity_designators(
    struct lun_identity *id, const uint8_t *page, size_t len)
{
	struct designator d;
	uint8_t *to;
	size_t pos, used;
	int error;

	used = 0;
	pos = 0;
	while ((error = vpd_designator_get(page, len, &pos, &d)) > 0) {
		if (d.association != DESIGNATOR_LU)
			continue;
		if (used + DESIGNATOR_HEADER + d.len > LUN_DESIGNATORS_MAX)
			break;
		to = id->designators + used;
		to[0] = d.code_set;
		to[1] = d.type;
		to[2] = d.len;
		memcpy(to + DESIGNATOR_HEADER, d.value, d.len);
		used += DESIGNATOR_HEADER + d.len;
	}
	if (error < 0)
		return error;
	id->designators_len = (uint16_t)used;
	id->has_designators = used > 0;
	return 0;
}

const char *
lun_identity_differs(
    const struct lun_identity *was, const struct lun_identity *is, bool resized)
{
	if (was->has_designators &&
	    (!is->has_designators ||
		was->designators_len != is->designators_len ||
		memcmp(was->designators, is->designators,
		    was->designators_len) != 0))
		return "device identification (VPD page 83h)";
	if (was->has_serial &&
	    (!is->has_serial || strcmp(was->serial, is->serial) != 0))
		return "unit serial number (VPD page 80h)";
	if (was->block_size != is->block_size)
		return "block size";
	if (!resized && was->blocks != is->blocks)
		return "capacity";
	return NULL;
}
