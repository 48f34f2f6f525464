/* SPDX-License-Identifier: BSD-2-Clause */
/* targets - a discovery session from login to logout. */
#ifndef CMD_TARGETS_H
#define CMD_TARGETS_H

#include "base/error.h"
#include "cmd/options.h"
#include "proto/url.h"
#include "session/discovery.h"

/* Asks url->portal for all targets.  0, or -1 with err. */
int targets_discover(struct options *, const struct url *,
    struct discovery *ret, struct error *err);

#endif
