/* SPDX-License-Identifier: BSD-2-Clause */
/* sensewords - sense data in words: the members that a report of them has. */
#ifndef CMD_SENSEWORDS_H
#define CMD_SENSEWORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "cmd/report.h"

/* 0, or -1 with err: these are no sense data. */
int sense_describe(
    struct json_object *, const uint8_t *buf, size_t len, struct error *err);

#endif
