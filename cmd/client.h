/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client - a session for commands that ask a few questions and end: logs in,
 * runs one SCSI command or text exchange after the other, each to its end, logs
 * out.  It has an event loop of its own, so nothing here is for the daemons.
 *
 * Failures are put into words here: stage, portal, LUN, what the target said.
 */
#ifndef CMD_CLIENT_H
#define CMD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "cmd/options.h"
#include "proto/scsi.h"
#include "proto/sense.h"
#include "proto/url.h"

struct client;
struct params;

/* Logs in to url->target, or to a discovery session when that is empty.  0,
 * or -1 with err. */
int client_open(struct options *, const struct url *, struct client **ret,
    struct error *err);
/* The same with the text of a URL that must name a LUN, which is looked up in
 * the target's REPORT LUNS. */
int client_open_lun(struct options *, const char *url, struct client **ret,
    uint64_t *ret_lun, struct error *err);
/* Logs out, waits for that, frees.  Takes NULL. */
void client_close(struct client *);

/* What was negotiated. */
const struct params *client_params(const struct client *);

/* From here on SIGINT and SIGTERM end the session instead of the process: what
 * is waited for fails then, with an error that is not worth printing. */
int client_catch_signals(struct client *); /* 0 or -errno */
bool client_interrupted(const struct client *);
/* Waits; the session is served meanwhile.  Less when it was lost or
 * interrupted. */
void client_pause(struct client *, uint64_t ns);
/* Sends a NOP-Out and waits for the answer.  0, or -1 with err. */
int client_ping(struct client *, struct error *err);

/*
 * Runs a command that reads at most len bytes.  Unit attentions are taken off
 * first (the command is sent again).  Returns the number of bytes, or -1 with
 * err: ERROR_ABSENT when the target knows no such LUN, ERROR_IO for other
 * answers; then *ret_sense (may be NULL) is what it said (key 0 when nothing).
 */
int client_read(struct client *, uint64_t lun, const uint8_t *cdb, void *buf,
    uint32_t len, struct sense *ret_sense, struct error *err);
/* Sends text, NUL-separated pairs; *ret is malloc()ed.  0, or -1 with err. */
int client_text(struct client *, const char *request, size_t request_len,
    uint8_t **ret, size_t *ret_len, struct error *err);

/* All addresses of the target's REPORT LUNS, malloc()ed.  0, or -1. */
int client_luns(
    struct client *, uint64_t **ret, unsigned *ret_n, struct error *err);
/* The address that REPORT LUNS gives for lun, which is by the usual method.  0,
 * or -1 with err (ERROR_ABSENT). */
int client_find_lun(
    struct client *, uint64_t lun, uint64_t *ret, struct error *err);

/* The capacity, of READ CAPACITY(16) or, where the target knows only that,
 * (10). 0, or -1 with err. */
int client_capacity(
    struct client *, uint64_t lun, struct capacity *ret, struct error *err);

#endif
