/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool - the helper threads behind loop.h's jobs.  Threads start when there is
 * work that no idle one can take; all signals are blocked in them.
 *
 * The mutex guards the two queues and the counters and nothing else: a job
 * belongs to the helper between the queues.  The descriptor becomes readable
 * when a finished job is there to be collected.
 */
#ifndef IO_POOL_H
#define IO_POOL_H

#include "io/loop.h"

struct pool;

int pool_new(struct pool **ret); /* 0 or -errno */
void pool_free(struct pool *);	 /* no job is under way; takes NULL */
int pool_fd(const struct pool *);
void pool_submit(struct pool *, struct job *);
/* Calls done() of every finished job. */
void pool_collect(struct pool *);
/* A job was submitted whose done() has not been called. */
bool pool_busy(const struct pool *);
/* Waits for every job and collects it, and those that come of it. */
void pool_drain(struct pool *);

#endif
