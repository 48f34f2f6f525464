/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_impl - what the files of `luntap diff` share: diff.c takes the arguments
 * apart, diff_run.c opens both ends, compares and closes them, diff_report.c
 * prints what was found.
 */
#ifndef CMD_DIFF_IMPL_H
#define CMD_DIFF_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/options.h"
#include "cmd/progress.h"

struct diff_arguments {
	const char *text[2];
	bool has_range;
	uint64_t offset; /* --range */
	uint64_t length;
	unsigned depth;
	uint32_t chunk;
	enum progress_mode progress;
};

struct diff_report {
	bool json;
	bool open; /* an object has begun */
	uint64_t extents;
	const char *name[2]; /* without secrets */
};

struct diff_result {
	uint64_t compared;   /* bytes */
	uint64_t differs;    /* of those */
	const char *longer;  /* the name of the side that is; NULL: none */
	uint64_t end;	     /* where the other one ends */
	uint64_t rest;	     /* bytes behind that; UINT64_MAX: not known */
	const char *failure; /* NULL, or why this is not all */
};

/* size: of both sides, UINT64_MAX: not known.  A failure to print is seen by
 * ferror(stdout). */
void diff_report_begin(struct diff_report *, const uint64_t size[2]);
void diff_report_extent(struct diff_report *, uint64_t offset, uint64_t length);
/* After diff_report_begin() only. */
void diff_report_end(struct diff_report *, const struct diff_result *);

/* The whole of it: 0 when they are the same, 1 when they differ.  -1 with err:
 * what went wrong, or class ERROR_NONE for *ret_signal. */
int diff_run(struct options *, const struct diff_arguments *, int *ret_signal,
    struct error *err);

#endif
