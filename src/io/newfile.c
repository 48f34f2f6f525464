/* SPDX-License-Identifier: BSD-2-Clause */
/* newfile - see the header. */
#include "io/newfile.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES 100 /* that may be taken by what was left behind */

static void
newfile_fini(struct newfile *f)
{
	free(f->path);
	free(f->temp);
}

static int
newfile_create(struct newfile *f, mode_t mode)
{
	int i;

	for (i = 0; i < NAMES; i++) {
		f->temp = NULL;
		if (asprintf(&f->temp, "%s.%ld-%d.tmp", f->path, (long)getpid(),
			i) == -1) {
			f->temp = NULL;
			return -ENOMEM;
		}
		f->fd =
		    open(f->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
		if (f->fd != -1)
			return 0;
		if (errno != EEXIST)
			break;
		free(f->temp);
		f->temp = NULL;
	}
	return -errno;
}

int
newfile_open(struct newfile *f, const char *path)
{
	struct stat st;
	bool exists;
	int error;

	f->temp = NULL;
	f->path = realpath(path, NULL);
	exists = f->path != NULL;
	if (!exists && errno == ENOENT)
		f->path = strdup(path);
	if (f->path == NULL)
		return -errno;
	if (exists && (stat(f->path, &st) == -1 || !S_ISREG(st.st_mode)))
		error = -ENOTSUP; /* a device is not for replacing */
	else
		error = newfile_create(f, 0666);
	if (error < 0) {
		newfile_fini(f);
		return error;
	}
	/* Where modes are not kept, this one cannot be either. */
	if (exists)
		(void)fchmod(f->fd, st.st_mode & 07777);
	return 0;
}

int
newfile_write(struct newfile *f, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(f->fd, p, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* NFS knows link(2), FAT and CIFS RENAME_NOREPLACE. */
static int
name_new(const struct newfile *f)
{
	if (renameat2(AT_FDCWD, f->temp, AT_FDCWD, f->path, RENAME_NOREPLACE) ==
	    0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (link(f->temp, f->path) == -1)
		return -errno;
	(void)unlink(f->temp);
	return 0;
}

int
newfile_commit(struct newfile *f, bool replace, int *ret_fd)
{
	int error;

	if (fsync(f->fd) == -1)
		return -errno;
	if (replace)
		error = rename(f->temp, f->path) == -1 ? -errno : 0;
	else
		error = name_new(f);
	if (error == 0)
		error = newfile_sync_folder(f->path);
	if (error < 0)
		return error;
	if (ret_fd != NULL)
		*ret_fd = f->fd;
	else
		close(f->fd);
	newfile_fini(f);
	return 0;
}

void
newfile_abandon(struct newfile *f)
{
	close(f->fd);
	(void)unlink(f->temp);
	newfile_fini(f);
}

int
newfile_sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder;
	int fd, error = 0;

	if (slash == NULL)
		folder = strdup(".");
	else
		folder =
		    strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (folder == NULL)
		return -ENOMEM;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	if (fd == -1)
		return -errno;
	/* EINVAL: a file system that has nothing to sync for a folder. */
	if (fsync(fd) == -1 && errno != EINVAL)
		error = -errno;
	close(fd);
	return error;
}
