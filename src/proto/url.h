/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * url - where a target is, who logs in there and which LUN is meant.
 *
 *     iscsi://[user[%password]@]host[:port][/target[/lun]][?key=value[&...]]
 *     iscsi:host:[protocol]:[port]:[lun]:target          (RFC 4173, 5)
 *
 * The first form is the one that libiscsi and qemu read, taken apart in the
 * same order: the query begins at the first '?', the user information ends at
 * the first '@' before it and splits at its first '%', else at its first ':'.
 * User information and values are literal; the target name is percent-decoded.
 * IPv6 addresses stand in brackets.  The LUN is a number, or eight bytes as
 * lunaddr.h writes them; in the second form it is RFC 4173's.
 *
 * A URL holds secrets: neither errors nor anything else here repeats them, and
 * a struct url must be wiped.
 */
#ifndef PROTO_URL_H
#define PROTO_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "proto/auth.h"
#include "proto/digest.h"
#include "proto/login.h"

#define URL_PORT 3260

struct url {
	char portal[ISCSI_ADDR_MAX + 1]; /* "host:port", port always there */
	char target[ISCSI_NAME_MAX + 1]; /* empty: a portal only */
	bool has_lun;
	uint64_t lun;	  /* the eight bytes, by the usual method (lunaddr.h) */
	struct auth auth; /* what the URL gives: any field may be empty */
	struct digest_list header_digest; /* n = 0: not given */
	struct digest_list data_digest;
};

/* 0, or -1 with err of class ERROR_USAGE. */
int url_parse(const char *text, struct url *ret, struct error *err);
/* The same, and HOST[:PORT] without a scheme. */
int url_parse_portal(const char *text, struct url *ret, struct error *err);
void url_wipe(struct url *);

/* "none", "crc32c", or both with a comma, best first: the value of
 * header_digest and of --header-digest.  0 or -EINVAL. */
int digest_list_parse(const char *text, struct digest_list *ret);

#endif
