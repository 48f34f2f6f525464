/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lun_identity - what makes a logical unit the same one after a new login: the
 * designators of VPD page 83h that are associated with the logical unit (those
 * of its ports differ from path to path), the serial number of page 80h, block
 * size and capacity.
 *
 * A target that was rebuilt, renumbered or restored may answer with another
 * disk at the same address; a write that was meant for the old one must not
 * reach it.
 */
#ifndef BLOCK_LUN_IDENTITY_H
#define BLOCK_LUN_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/vpd.h"
#include "proto/vpdlist.h"

#define LUN_DESIGNATORS_MAX 1024

struct lun_identity {
	bool has_designators;
	uint16_t designators_len;
	uint8_t designators[LUN_DESIGNATORS_MAX];
	bool has_serial;
	char serial[VPD_SERIAL_MAX + 1];
	uint32_t block_size;
	uint64_t blocks;
};

/* Takes the designators of the logical unit from page 83h: 0 or -EBADMSG. */
int lun_identity_designators(
    struct lun_identity *, const uint8_t *page, size_t len);
/* One after another: start with *pos = 0; false: no more. */
bool lun_identity_next(
    const struct lun_identity *, size_t *pos, struct designator *ret);
/*
 * What differs, in words, or NULL.  resized: a capacity that differs is not
 * held against it (the target has told of the change in an unbroken session).
 */
const char *lun_identity_differs(const struct lun_identity *was,
    const struct lun_identity *is, bool resized);

/*
 * A line that names the logical unit: the designator that says most (NAA, then
 * EUI-64, SCSI name, T10 vendor ID), and the serial number.  Escaped; cut to
 * size.  Empty when the target tells neither.
 */
void lun_identity_text(const struct lun_identity *, char *ret, size_t size);

#endif
