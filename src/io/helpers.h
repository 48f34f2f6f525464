/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * helpers - the helper threads behind loop.h's jobs.  Threads start when there
 * is work that no idle one can take; all signals are blocked in them.
 *
 * The mutex guards the two queues, the lanes and the counters and nothing else:
 * a job belongs to the helper between the queues.  The descriptor becomes
 * readable when a finished job is there to be collected.
 */
#ifndef IO_HELPERS_H
#define IO_HELPERS_H

#include "io/loop.h"

struct helpers;

int helpers_new(struct helpers **ret); /* 0 or -errno */
void helpers_free(struct helpers *);   /* no job is under way; takes NULL */
int helpers_fd(const struct helpers *);
void helpers_submit(struct helpers *, struct job *);
/* Calls done() of every finished job. */
void helpers_collect(struct helpers *);
/* A job was submitted whose done() has not been called. */
bool helpers_busy(const struct helpers *);
/* Waits for every job and collects it, and those that come of it. */
void helpers_drain(struct helpers *);

#endif
