/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * endpoint_stream - "-" as an endpoint: standard input or output, whatever the
 * shell has put there.
 */
#include <stdio.h>
#include <unistd.h>

#include "block/pipe.h"
#include "cmd/endpoint_impl.h"

static int
stream_open(struct endpoint *e, struct error *err)
{
	snprintf(e->name, sizeof(e->name), "standard %s",
	    e->config.writable ? "output" : "input");
	snprintf(e->identity, sizeof(e->identity), "%s", e->name);
	if (pipe_open(e->loop,
		e->config.writable ? STDOUT_FILENO : STDIN_FILENO, e->name,
		e->config.writable, &e->bdev, err) < 0)
		return -1;
	endpoint_usable(e);
	return 0;
}

static void
stream_free(struct endpoint *e)
{
	if (e->bdev != NULL)
		e->bdev->ops->close(e->bdev);
}

const struct endpoint_ops endpoint_stream = {
	.kind = ENDPOINT_STREAM,
	.open = stream_open,
	.close = endpoint_flush,
	.free = stream_free,
};
