/* SPDX-License-Identifier: BSD-2-Clause */
/* mountpoint - see the header. */
#include "cmd/mountpoint.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define USERS_MAX 5 /* named; that there are more is said */

/* Only the folder that holds the last part is looked into. */
static char *
resolve_last(const char *path)
{
	char *copy = strdup(path), *slash, *folder, *full = NULL;
	const char *last = copy;

	if (copy == NULL)
		return NULL;
	while ((slash = strrchr(copy, '/')) != NULL && slash[1] == '\0' &&
	       slash != copy)
		*slash = '\0';
	if (slash != NULL) {
		last = slash + 1;
		folder = slash == copy ? strdup("/") : NULL;
		*slash = '\0';
	} else {
		folder = strdup(".");
	}
	if (folder == NULL)
		folder = strdup(copy);
	slash = folder == NULL ? NULL : realpath(folder, NULL);
	if (slash != NULL &&
	    asprintf(
		&full, "%s/%s", strcmp(slash, "/") == 0 ? "" : slash, last) < 0)
		full = NULL;
	free(slash);
	free(folder);
	free(copy);
	return full;
}

char *
mountpoint_resolve(const char *path)
{
	char *full = realpath(path, NULL);

	if (full != NULL || (errno != ENOTCONN && errno != ENOENT))
		return full;
	return resolve_last(path);
}

static bool
link_is_under(const char *link, const char *mountpoint)
{
	size_t len = strlen(mountpoint);
	char target[4096];
	ssize_t n = readlink(link, target, sizeof(target) - 1);

	if (n < 0)
		return false;
	target[n] = '\0';
	return strncmp(target, mountpoint, len) == 0 &&
	       (target[len] == '\0' || target[len] == '/');
}

static bool
links_are_under(const char *folder, const char *mountpoint)
{
	DIR *dir = opendir(folder);
	char path[600];
	struct dirent *d;
	bool found = false;

	while (!found && dir != NULL && (d = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, d->d_name);
		found = link_is_under(path, mountpoint);
	}
	if (dir != NULL)
		closedir(dir);
	return found;
}

static bool
process_uses(const char *pid, const char *mountpoint)
{
	static const char *const links[] = { "cwd", "root", "exe" };
	static const char *const folders[] = { "fd", "map_files" };
	char path[300];
	size_t i;

	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%s/%s", pid, links[i]);
		if (link_is_under(path, mountpoint))
			return true;
	}
	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%s/%s", pid, folders[i]);
		if (links_are_under(path, mountpoint))
			return true;
	}
	return false;
}

static void
process_name(char *dst, size_t size, const char *pid)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	f = fopen(path, "re");
	if (f == NULL || fgets(dst, (int)size, f) == NULL)
		snprintf(dst, size, "?");
	dst[strcspn(dst, "\n")] = '\0';
	if (f != NULL)
		fclose(f);
}

const char *
mountpoint_users(char *dst, size_t size, const char *mountpoint)
{
	DIR *dir = opendir("/proc");
	char name[32];
	struct dirent *d;
	size_t used = 0;
	unsigned n = 0;

	*dst = '\0';
	while (dir != NULL && (d = readdir(dir)) != NULL) {
		if (!isdigit((unsigned char)d->d_name[0]) ||
		    !process_uses(d->d_name, mountpoint))
			continue;
		process_name(name, sizeof(name), d->d_name);
		if (++n <= USERS_MAX && used < size)
			used += (size_t)snprintf(dst + used, size - used,
			    "%s%s (%s)", n > 1 ? ", " : "", d->d_name, name);
	}
	if (n > USERS_MAX && used < size)
		snprintf(dst + used, size - used, ", and others");
	if (dir != NULL)
		closedir(dir);
	return dst;
}
