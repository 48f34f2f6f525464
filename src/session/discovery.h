/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * discovery - the answer to SendTargets (RFC 7143, appendix C) as a list:
 *
 *     TargetName=iqn.2001-04.com.example:disk
 *     TargetAddress=192.0.2.1:3260,1
 *     TargetAddress=[2001:db8::1]:3260,2
 *     TargetName=...
 *
 * Names and addresses are the peer's bytes: escape them before they are
 * printed.  Their lengths are checked, their form is not.
 */
#ifndef SESSION_DISCOVERY_H
#define SESSION_DISCOVERY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define DISCOVERY_REQUEST "SendTargets=All" /* its NUL is sent as well */

struct discovery_portal {
	const char *address; /* "host[:port]", IPv6 in brackets */
	uint16_t tpgt;
};

struct discovery_target {
	const char *name;
	/* None: the portal that was asked, as far as the target tells. */
	const struct discovery_portal *portals;
	size_t portals_n;
};

struct discovery {
	struct discovery_target *targets;
	size_t targets_n;
	struct discovery_portal *portals; /* of all targets, in order */
	size_t portals_n;
	char *text; /* what the strings point into */
};

/* 0 or -errno with err: -EPROTO, -ENOMEM.  Keys that are not known are passed
 * over; names that stand more than once in a row are one target. */
int discovery_parse(
    const void *text, size_t len, struct discovery *ret, struct error *err);
void discovery_free(struct discovery *);

#endif
