/* SPDX-License-Identifier: BSD-2-Clause */
/* See user.h. */
#include "cmd/user.h"

#include <sys/prctl.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

int
user_find(const char *name, struct user *ret, struct error *err)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(name);
	if (pw == NULL)
		return error_set(err, ERROR_USAGE, "--user %s: %s", name,
		    errno == 0 ? "there is no such user" : strerror(errno));
	*ret = (struct user){ name, pw->pw_uid, pw->pw_gid };
	return 0;
}

int
user_become(const struct user *user, struct error *err)
{
	if (initgroups(user->name, user->gid) == -1 ||
	    setresgid(user->gid, user->gid, user->gid) == -1 ||
	    setresuid(user->uid, user->uid, user->uid) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return error_set(err, ERROR_FAILED, "cannot become user %s: %s",
		    user->name, strerror(errno));
	if (user->uid != 0 && setuid(0) == 0)
		return error_set(err, ERROR_FAILED,
		    "cannot become user %s: root does not go away", user->name);
	return 0;
}
