/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transfer - options of the commands that move many blocks: which, in how large
 * requests, how many at a time.
 */
#ifndef CMD_TRANSFER_H
#define CMD_TRANSFER_H

#include <stdint.h>

#include "base/error.h"
#include "io/loop.h"

/* When nothing is said.  The few that are in flight then stay in a processor's
 * cache and in a socket's buffer; larger ones are for where each costs something
 * by itself. */
#define TRANSFER_CHUNK	     (256u << 10)
#define TRANSFER_CHUNK_LARGE (1u << 20)

/* A number of bytes from min to max, as the argument of an option.  All these:
 * 0, or -1 with err. */
int transfer_size(const char *option, const char *arg, uint64_t min,
    uint64_t max, uint64_t *ret, struct error *err);
/* --range OFFSET:LENGTH */
int transfer_range(const char *arg, uint64_t *ret_offset, uint64_t *ret_length,
    struct error *err);
/* --queue-depth N; 0 stands for its not being given. */
int transfer_depth(const char *arg, unsigned *ret, struct error *err);
/* How many chunks are in flight at first, and at the most where more are
 * faster. */
void transfer_flight(
    unsigned depth, uint32_t chunk, unsigned *ret_first, unsigned *ret_most);
/* --block-size SIZE */
int transfer_chunk(const char *arg, uint32_t *ret, struct error *err);
/* The signals that end a transfer go to got(), and a pipe that is closed is an
 * error of its own.  0 or -errno. */
int transfer_signals(
    struct loop *, void (*got)(void *ctx, int signo), void *ctx);
/* Whether depth requests of so many bytes are not too much memory. */
int transfer_memory(uint64_t each, unsigned depth, struct error *err);

#endif
