/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lowmem - for a process without which a block device stands still: memory that
 * the kernel wants to free by writing to that device must not wait for memory
 * of the process itself.
 */
#ifndef IO_LOWMEM_H
#define IO_LOWMEM_H

#include "base/log.h"

/*
 * As far as privileges allow, and with a log line where they do not: all memory
 * is locked, now and later; what the kernel allocates for this process writes
 * nothing out; and others are killed first.  Processes that are forked inherit
 * all but the lock.  Before threads are started and privileges dropped.
 */
void lowmem_prepare(const struct log *);

#endif
