/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * activation - the sockets that systemd, or a client of the same protocol, has
 * opened for us: LISTEN_FDS of them, from descriptor 3 on, when LISTEN_PID is
 * this process (sd_listen_fds(3)).
 */
#ifndef CMD_ACTIVATION_H
#define CMD_ACTIVATION_H

#include "base/error.h"

#define ACTIVATION_FIRST 3
#define ACTIVATION_MAX	 16

/* Before anything is opened.  Takes the variables out of the environment, so
 * that no child believes them.  The number of sockets, or -1 with err. */
int activation_take(struct error *err);

#endif
