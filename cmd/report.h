/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report - one description of a result, two ways to print it: as JSON, or as
 * lines "key: value" for people, nested objects indented below their key.
 */
#ifndef CMD_REPORT_H
#define CMD_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

/* Prints to stdout. */
void report_print(struct json_object *, bool json);

/* Adds a member.  Memory running out ends up as null members: json-c. */
void report_bool(struct json_object *, const char *key, bool);
void report_int(struct json_object *, const char *key, uint64_t);
void report_text(struct json_object *, const char *key, const char *);
/* A string of the peer's: escaped. */
void report_peer(
    struct json_object *, const char *key, const void *text, size_t len);
/* Bytes in hexadecimal. */
void report_hex(
    struct json_object *, const char *key, const uint8_t *, size_t len);
/* n of their digits, from the digit `first` on. */
void report_digits(struct json_object *, const char *key, const uint8_t *,
    unsigned first, unsigned n);
/* Bytes whose meaning is not known: in text as a dump with offsets. */
void report_dump(
    struct json_object *, const char *key, const uint8_t *, size_t len);
/* A LUN: its number, or a string when it has none (lunaddr.h). */
void report_lun(struct json_object *, const char *key, uint64_t addr);

#endif
