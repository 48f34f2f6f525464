/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * endpoint_nbd - the export of an NBD server as an endpoint.  NBD has no name
 * for what an export holds, so its URI, wherever that leads, is its identity.
 */
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "block/nbdclient.h"
#include "cmd/endpoint_impl.h"

/* The URI, without user information: some put a password there. */
static void
nbd_name(struct endpoint *e)
{
	const char *slashes = strstr(e->text, "://");
	const char *host = slashes == NULL ? e->text : slashes + 3;
	const char *at = memrchr(host, '@', strcspn(host, "/?#"));
	char scheme[16], rest[ENDPOINT_NAME - 16];

	escape(scheme, sizeof(scheme), e->text, (size_t)(host - e->text));
	if (at != NULL)
		host = at + 1;
	escape(rest, sizeof(rest), host, strlen(host));
	snprintf(e->name, sizeof(e->name), "%s%s", scheme, rest);
	snprintf(e->identity, sizeof(e->identity), "%s", e->name);
}

static void
nbd_opened(void *ctx, const struct error *why)
{
	struct endpoint *e = ctx;

	if (why == NULL)
		endpoint_usable(e);
	else
		endpoint_failed(e, why);
}

static int
nbd_open(struct endpoint *e, struct error *err)
{
	nbd_name(e);
	return nbdclient_open(e->loop, e->text, e->name, !e->config.writable,
	    nbd_opened, e, &e->bdev, err);
}

static void
nbd_close(struct endpoint *e)
{
	if (e->usable)
		endpoint_flush(e);
	else
		endpoint_gone(e);
}

static void
nbd_force(struct endpoint *e)
{
	bdev_interrupt(e->bdev);
}

static void
nbd_free(struct endpoint *e)
{
	if (e->bdev != NULL)
		e->bdev->ops->close(e->bdev);
}

const struct endpoint_ops endpoint_nbd = {
	.kind = ENDPOINT_NBD,
	.open = nbd_open,
	.close = nbd_close,
	.force = nbd_force,
	.free = nbd_free,
};
