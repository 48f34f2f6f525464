/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device - `luntap nbd --device`: a LUN as a block device of the kernel, in two
 * processes.  The one that was started is the supervisor (front/supervisor.h):
 * it has the privileges, the control socket and the pid file.  It forks the
 * server, which has the session, and may be another user (--user).
 */
#ifndef CMD_DEVICE_H
#define CMD_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "cmd/options.h"
#include "front/nbd.h"

#define DEVICE_TIMEOUT 300 /* s */

struct device_options {
	const char *path;     /* --device; NULL: none */
	unsigned connections; /* --connections; 0: one */
	const char *user;     /* --user, or NULL */
	uint32_t timeout;     /* --device-timeout, s; 0: never */
	const char *detach;   /* --detach; NULL: none */
	bool force;	      /* --force */
};

/* Arguments of the options.  0, or -1 with err (ERROR_USAGE). */
int device_take_connections(
    struct device_options *, const char *arg, struct error *err);
int device_take_timeout(
    struct device_options *, const char *arg, struct error *err);

/* What goes together.  0, or -1 with err. */
int device_check(const struct device_options *, struct error *err);

/* front: all but where to listen and the callbacks.  Returns the exit code. */
int device_serve(struct options *, const struct device_options *,
    const struct nbd_front_config *front, bool foreground, const char *pidfile);
/* --detach, with a URL or without.  Returns the exit code. */
int device_detach(const struct device_options *, bool has_url);

#endif
