/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nbdclient - a bdev on the export of an NBD server, by way of libnbd.
 *
 * Without libnbd (configure --without-libnbd) opening one fails, in words.
 */
#ifndef BLOCK_NBDCLIENT_H
#define BLOCK_NBDCLIENT_H

#include <stdbool.h>

#include "base/bdev.h"
#include "base/error.h"
#include "io/loop.h"

/*
 * Begins to connect.  opened() comes once, from the loop's own stack: why is
 * NULL and the device can be used, or it can only be closed.  It may be closed
 * at any time when no request is in flight; opened() does not come then.
 *
 * uri: as libnbd takes it, nbd://HOST:PORT/EXPORT, nbd+unix:///EXPORT?socket=
 * PATH, nbds://...; name: what errors call it.  Both are copied.
 *
 * An NBD client has no way to ask for what is on the medium: a READ with
 * BDEV_FUA sees what the server sees.  When the server is lost, everything
 * fails from then on.  0, or -1 with err set: then there is no device.
 */
int nbdclient_open(struct loop *, const char *uri, const char *name,
    bool read_only, void (*opened)(void *ctx, const struct error *why),
    void *ctx, struct bdev **ret, struct error *err);

#endif
