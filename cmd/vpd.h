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

/* Adds what the standard data say; buf is what they were read from. */
void inquiry_describe(struct json_object *, const struct inquiry *,
    const uint8_t *buf, size_t len);
/* Adds what the page says; pages that are not known, or are not what they claim
 * to be, as bytes. */
void vpd_describe(
    struct json_object *, uint8_t page, const uint8_t *buf, size_t len);

/*
 * The pages that are lists, for vpd.c: 0, or -1 when nothing was added since
 * the page is not what it claims to be.
 */
int vpd_describe_designators(struct json_object *, const uint8_t *, size_t);
int vpd_describe_software(struct json_object *, const uint8_t *, size_t);
int vpd_describe_management(struct json_object *, const uint8_t *, size_t);
int vpd_describe_policies(struct json_object *, const uint8_t *, size_t);
int vpd_describe_ports(struct json_object *, const uint8_t *, size_t);
int vpd_describe_copy(struct json_object *, const uint8_t *, size_t);

/* Adds designators that stand outside of page 83h. */
void vpd_describe_designator_list(
    struct json_object *, const uint8_t *list, size_t len);
/*
 * Adds the entries of a page's list that were read up to pos, and as bytes what
 * follows them when end < 0: nothing there, and -1, when there is not even one.
 */
int vpd_add_list(struct json_object *, const char *key,
    struct json_object *array, int end, size_t pos, const uint8_t *buf,
    size_t len);

#endif
