/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A partition that is mounted makes its whole device busy to O_EXCL, so only
 * that one is asked; for the words, mounts and holders of partitions are looked
 * for by their names, which begin with that of the device and go on with "p".
 */
#include "io/blockdev.h"

#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/fs.h>

/* Read-only is enough to flush, and all that a read-only device lets. */
int
blockdev_claim(const char *path)
{
	int fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);

	return fd == -1 ? -errno : fd;
}

int
blockdev_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd == -1 ? -errno : fd;
}

/* BLKFLSBUF reaches the mounted file system, but says nothing of errors;
 * fsync() does. */
int
blockdev_flush(int fd)
{
	if (ioctl(fd, BLKFLSBUF, 0) == -1 || fsync(fd) == -1)
		return -errno;
	return 0;
}

bool
blockdev_attribute(dev_t dev, const char *leaf, char ret[BLOCKDEV_ATTRIBUTE])
{
	char path[128];
	size_t len = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(dev),
	    minor(dev), leaf);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	if (fgets(ret, BLOCKDEV_ATTRIBUTE, f) != NULL)
		len = strcspn(ret, "\n");
	fclose(f);
	while (len > 0 && ret[len - 1] == ' ')
		len--;
	ret[len] = '\0';
	return len > 0;
}

/* ---- who holds it ---- */

static void
add(char *buf, size_t size, const char *what, const char *name)
{
	size_t len = strlen(buf);

	snprintf(
	    buf + len, size - len, "%s%s%s", len == 0 ? "" : ", ", what, name);
}

/* "nbd1" or "nbd1p2", not "nbd10". */
static bool
is_part_of(const char *name, const char *device)
{
	size_t len = strlen(device);

	return strncmp(name, device, len) == 0 &&
	       (name[len] == '\0' ||
		   (name[len] == 'p' && isdigit((unsigned char)name[len + 1])));
}

static void
add_mounts(char *buf, size_t size, const char *path)
{
	FILE *f = setmntent("/proc/self/mounts", "r");
	struct mntent *m;

	if (f == NULL)
		return;
	while ((m = getmntent(f)) != NULL)
		if (is_part_of(m->mnt_fsname, path))
			add(buf, size, "mounted on ", m->mnt_dir);
	endmntent(f);
}

static void
add_holders(char *buf, size_t size, const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *de;

	if (dir == NULL)
		return;
	while ((de = readdir(dir)) != NULL)
		if (de->d_name[0] != '.')
			add(buf, size, "held by ", de->d_name);
	closedir(dir);
}

static void
add_all_holders(char *buf, size_t size, const char *name)
{
	char folder[128], holders[400];
	struct dirent *de;
	DIR *dir;

	snprintf(folder, sizeof(folder), "/sys/block/%s", name);
	snprintf(holders, sizeof(holders), "%s/holders", folder);
	add_holders(buf, size, holders);
	dir = opendir(folder);
	if (dir == NULL)
		return;
	while ((de = readdir(dir)) != NULL) {
		if (!is_part_of(de->d_name, name))
			continue;
		snprintf(holders, sizeof(holders), "%s/%s/holders", folder,
		    de->d_name);
		add_holders(buf, size, holders);
	}
	closedir(dir);
}

const char *
blockdev_holders(const char *path, char *buf, size_t size)
{
	const char *slash = strrchr(path, '/');

	buf[0] = '\0';
	add_mounts(buf, size, path);
	add_all_holders(buf, size, slash == NULL ? path : slash + 1);
	if (buf[0] == '\0')
		snprintf(buf, size,
		    "held by another mount namespace, or by a program");
	return buf;
}
