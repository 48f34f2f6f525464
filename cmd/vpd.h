/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vpd - INQUIRY data in words: the members that a report (report.h) of it has.
 */
#ifndef CMD_VPD_H
#define CMD_VPD_H

#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "proto/inquiry.h"

/* Adds what the standard data say. */
void inquiry_describe(struct json_object *, const struct inquiry *);
/* Adds what the page says; pages that are not known, or are not what they claim
 * to be, as bytes. */
void vpd_describe(
    struct json_object *, uint8_t page, const uint8_t *buf, size_t len);

#endif
