/* SPDX-License-Identifier: BSD-2-Clause */
/* nbdclient.h, in a build without libnbd. */
#include "block/nbdclient.h"

int
nbdclient_open(struct loop *loop, const char *uri, const char *name,
    bool read_only, void (*opened)(void *ctx, const struct error *why),
    void *ctx, struct bdev **ret, struct error *err)
{
	(void)loop;
	(void)uri;
	(void)read_only;
	(void)opened;
	(void)ctx;
	(void)ret;
	return error_set(
	    err, ERROR_USAGE, "%s: this luntap was built without libnbd", name);
}
