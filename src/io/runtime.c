/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/runtime.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)
#define FOLDER_MAX	((int)(SOCKET_PATH_MAX - 1 - RUNTIME_FILE_MAX))

static int
candidate(int i, char ret[PATH_MAX])
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	unsigned uid = geteuid();
	int len;

	switch (i) {
	case 0:
		if (xdg == NULL || xdg[0] != '/')
			return -ENOENT;
		len = snprintf(ret, PATH_MAX, "%s/luntap", xdg);
		break;
	case 1:
		len = snprintf(ret, PATH_MAX, "/run/user/%u/luntap", uid);
		break;
	default:
		len = snprintf(ret, PATH_MAX, "/tmp/luntap-%u", uid);
		break;
	}
	return len <= FOLDER_MAX ? 0 : -ENAMETOOLONG;
}

/* -EPERM: there, but not to be trusted. */
static int
check(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == -1)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return -EPERM;
	return 0;
}

int
runtime_existing(int i, char ret[PATH_MAX])
{
	int error = candidate(i, ret);

	return error != 0 ? error : check(ret);
}

int
runtime_folder(char ret[PATH_MAX], struct error *err)
{
	int error = -ENOENT;

	for (int i = 0; i < RUNTIME_FOLDERS; i++) {
		if (candidate(i, ret) != 0)
			continue;
		if (mkdir(ret, 0700) == -1 && errno != EEXIST) {
			error = -errno;
			continue;
		}
		error = check(ret);
		if (error == 0)
			return 0;
	}
	return error_set(err, ERROR_FAILED, "no runtime folder: %s: %s", ret,
	    error == -EPERM ? "owned by or open to others" : strerror(-error));
}
