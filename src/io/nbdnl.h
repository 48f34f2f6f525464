/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nbdnl - block devices /dev/nbdN of the kernel's nbd driver, by netlink.
 *
 * Each call is one question with its answer, on a socket of its own; the kernel
 * wants CAP_SYS_ADMIN in the first user namespace for all but nbdnl_connected().
 * The errors say what to try.
 */
#ifndef IO_NBDNL_H
#define IO_NBDNL_H

#include <stdint.h>

#include "base/error.h"
#include "io/nbdmsg.h"

#define NBDNL_PATH_MAX 31

/* "/dev/nbd3". */
void nbdnl_path(uint32_t index, char ret[NBDNL_PATH_MAX + 1]);
/* "/dev/nbd3", "nbd3" or "auto", which is NBDMSG_AUTO.  0 or -EINVAL. */
int nbdnl_parse(const char *text, uint32_t *ret);

/* Connects a device that is not connected.  The kernel has its own references
 * to the sockets then.  0, or -1 with err. */
int nbdnl_connect(
    const struct nbdmsg_device *, uint32_t *ret_index, struct error *err);
int nbdnl_resize(
    uint32_t index, uint64_t size, const char *backend, struct error *err);
/*
 * Requests under way fail, new ones too; who has the device open keeps it from
 * being connected again.  One that is not connected is left alone.  May block
 * until a server that does not read its sockets has ended.
 */
int nbdnl_disconnect(uint32_t index, struct error *err);
/* 1: connected, or not all have closed it yet; 0: it can be connected; -1 with
 * err. */
int nbdnl_connected(uint32_t index, struct error *err);
/* Of one that nbdnl_connected() finds connected: 1: nobody has told the kernel
 * to disconnect it; 0: it is only still open; -1 with err. */
int nbdnl_bound(uint32_t index, const char *backend, struct error *err);

#endif
