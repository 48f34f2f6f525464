/* SPDX-License-Identifier: BSD-2-Clause */
/* transfer - see the header. */
#include "cmd/transfer.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/options.h"

#define CHUNK_MIN   4096u
#define CHUNK_MOST  (64u << 20)
#define DEPTH	    8
#define DEPTH_MOST  1024
#define FLIGHT	    (16u << 20) /* bytes, for the far end of a long line */
#define FLIGHT_MOST 128u	/* as many as a LUN takes at a time */
#define MEMORY_MOST (UINT64_C(4) << 30)

int
transfer_size(const char *option, const char *arg, uint64_t min, uint64_t max,
    uint64_t *ret, struct error *err)
{
	uint64_t v = 0;

	if (options_size(arg, &v) < 0)
		return error_set(err, ERROR_USAGE,
		    "%s %s: a number of bytes is wanted, as 4096, 64K or 1M",
		    option, arg);
	if (v < min || v > max)
		return error_set(err, ERROR_USAGE,
		    "%s %s: from %llu to %llu is possible", option, arg,
		    (unsigned long long)min, (unsigned long long)max);
	*ret = v;
	return 0;
}

int
transfer_range(const char *arg, uint64_t *ret_offset, uint64_t *ret_length,
    struct error *err)
{
	const char *colon = strchr(arg, ':');
	char *first =
	    colon != NULL ? strndup(arg, (size_t)(colon - arg)) : NULL;
	uint64_t offset, length;
	bool ok = first != NULL && options_size(first, &offset) == 0 &&
		  options_size(colon + 1, &length) == 0 && length > 0 &&
		  offset < UINT64_MAX - length;

	free(first);
	if (!ok)
		return error_set(err, ERROR_USAGE,
		    "--range %s: OFFSET:LENGTH is wanted, in bytes, as 0:64M",
		    arg);
	*ret_offset = offset;
	*ret_length = length;
	return 0;
}

int
transfer_depth(const char *arg, unsigned *ret, struct error *err)
{
	uint64_t v = 0;

	if (transfer_size("--queue-depth", arg, 1, DEPTH_MOST, &v, err) < 0)
		return -1;
	*ret = (unsigned)v;
	return 0;
}

void
transfer_flight(
    unsigned depth, uint32_t chunk, unsigned *ret_first, unsigned *ret_most)
{
	*ret_first = depth == 0 ? DEPTH : depth;
	*ret_most = depth;
	if (depth == 0)
		*ret_most =
		    chunk > FLIGHT / FLIGHT_MOST ? FLIGHT / chunk : FLIGHT_MOST;
}

int
transfer_chunk(const char *arg, uint32_t *ret, struct error *err)
{
	uint64_t v = 0;

	if (transfer_size("--block-size", arg, CHUNK_MIN, CHUNK_MOST, &v, err) <
	    0)
		return -1;
	if ((v & (v - 1)) != 0)
		return error_set(err, ERROR_USAGE,
		    "--block-size %s: a power of two is wanted", arg);
	*ret = (uint32_t)v;
	return 0;
}

int
transfer_memory(uint64_t each, unsigned depth, struct error *err)
{
	if (each > MEMORY_MOST / (depth == 0 ? DEPTH : depth))
		return error_set(err, ERROR_USAGE,
		    "--block-size times --queue-depth is more than 4G of "
		    "memory");
	return 0;
}

int
transfer_signals(
    struct loop *loop, void (*got)(void *ctx, int signo), void *ctx)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	int result = 0;

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0;
	     i < sizeof(signals) / sizeof(signals[0]) && result == 0; i++)
		result = loop_signal(loop, signals[i], got, ctx);
	return result;
}
