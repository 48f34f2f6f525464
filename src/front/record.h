/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record - reads lines "key value" in a fixed order, as our own files begin with
 * them.  An error sticks: ask record_ok() once at the end.
 */
#ifndef FRONT_RECORD_H
#define FRONT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record {
	const char *at;
	const char *end;
	bool bad;
};

struct record_text {
	const char *at; /* not terminated */
	size_t len;
};

void record_init(struct record *, const char *text, size_t len);
/* The value of the next line, which must have this key; else an empty one. */
struct record_text record_text(struct record *, const char *key);
/* Decimal, as printed by PRIu64; else 0. */
uint64_t record_number(struct record *, const char *key);
bool record_ok(const struct record *);

/* A whole text as a decimal number, as PRIu64 prints it. */
bool record_decimal(const char *text, size_t len, uint64_t *ret);
/* Whether a text may be a value: not empty, no control characters, at most max
 * bytes. */
bool record_fits(const char *text, size_t max);
bool record_same(struct record_text, const char *);

#endif
