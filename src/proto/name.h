/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * name - the form of iSCSI names (RFC 7143, 4.2.7; RFC 3722; RFC 3980).
 *
 *     iqn.2001-04.com.example[:anything]   date and reversed domain
 *     eui.02004567A425678D                 16 hex digits
 *     naa.52004567BA64678D                 16 or 32 hex digits
 *
 * The form is checked strictly, the characters as targets use them: the
 * stringprep profile would also forbid the underscore and ask for lower case,
 * but NAS vendors ship names with both, so they pass unchanged and names
 * compare without regard to the case of ASCII letters.  Beyond ASCII a name
 * must be well-formed UTF-8; the tables of RFC 3722 are not applied to it.
 */
#ifndef PROTO_NAME_H
#define PROTO_NAME_H

#include <stdbool.h>

#include "base/error.h"

#define ISCSI_NAME_MAX 223 /* bytes, RFC 7143, 4.2.7.1 */

/* NULL when the name is right, else what is wrong with it: a phrase that goes
 * on after the name, without full stop. */
const char *name_fault(const char *name);

/* 0, or -EINVAL and an error of class ERROR_USAGE that shows the name (escaped)
 * and its fault.  role: "initiator" or "target", for the message. */
int name_check(const char *name, const char *role, struct error *err);

bool name_equal(const char *a, const char *b);

#endif
