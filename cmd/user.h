/* SPDX-License-Identifier: BSD-2-Clause */
/* user - somebody else, whom a process may become for good. */
#ifndef CMD_USER_H
#define CMD_USER_H

#include <sys/types.h>

#include "base/error.h"

struct user {
	const char *name;
	uid_t uid;
	gid_t gid;
};

/* name must stay.  0, or -1 with err (ERROR_USAGE). */
int user_find(const char *name, struct user *ret, struct error *err);
/* With the groups of that user and nobody else's, no capabilities, and no way
 * to get any by running a program.  0, or -1 with err. */
int user_become(const struct user *, struct error *err);

#endif
