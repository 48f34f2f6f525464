/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuse_umount - takes mounts away: ours, cleanly, and dead ones.
 *
 * All of this blocks, and the clean way needs our own loop to serve meanwhile,
 * so it runs in the helper pool or in a process that serves nothing.
 *
 * umount2() works for root and inside a user namespace that owns the mount;
 * anybody else needs the set-user-ID fusermount3.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "front/fuse_impl.h"

/* Runs fusermount3 -u; its words go to text.  Its exit code, or -errno. */
static int
fusermount(const char *mountpoint, bool lazy, char *text, size_t size)
{
	char program[] = "fusermount3", flag[] = "-u", flag_lazy[] = "-uz";
	char end[] = "--", *path = strdup(mountpoint);
	char *argv[] = { program, lazy ? flag_lazy : flag, end, path, NULL };
	posix_spawn_file_actions_t actions;
	int fds[2], result, status;
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	if (path == NULL || pipe2(fds, O_CLOEXEC) < 0) {
		free(path);
		return -ENOMEM;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDERR_FILENO);
	result = -posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	free(path);
	close(fds[1]);
	while (result == 0 && used < size - 1 &&
	       (n = read(fds[0], text + used, size - 1 - used)) > 0)
		used += (size_t)n;
	close(fds[0]);
	text[used] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (result < 0)
		return result;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

/* 0, or -errno with text set. */
static int
unmount(const char *mountpoint, bool lazy, char *text, size_t size)
{
	int flags = UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0);
	int result;

	if (umount2(mountpoint, flags) == 0)
		return 0;
	result = -errno;
	snprintf(text, size, "%s", strerror(errno));
	if (result != -EPERM)
		return result;
	result = fusermount(mountpoint, lazy, text, size);
	if (result == 0)
		return 0;
	if (result == -ENOENT)
		snprintf(
		    text, size, "not permitted, and there is no fusermount3");
	else if (result < 0)
		snprintf(text, size, "fusermount3: %s", strerror(-result));
	/* It prints what errno would say, and exits with 1. */
	return strstr(text, strerror(EBUSY)) != NULL ? -EBUSY : -EPERM;
}

/* Writes the dirty pages.  1, 0 when something else is mounted here, or
 * -errno. */
static int
sync_mounted(const struct fuse_front *front)
{
	struct stat st;
	int fd, result = 1;

	fd = open(front->mountpoint, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		result = -errno;
	else if (st.st_dev != front->dev)
		result = 0;
	else if (syncfs(fd) < 0)
		result = -errno;
	close(fd);
	return result;
}

void
umount_work(struct job *job)
{
	struct fuse_front *front = job->ctx;
	int result;

	front->umount_text[0] = '\0';
	result = sync_mounted(front);
	if (result == 0) {
		/* Moved away or covered: taking away what is here would be
		 * somebody else's. */
		snprintf(front->umount_text, sizeof(front->umount_text),
		    "something else is mounted there");
		front->umount_result = -EBUSY;
		return;
	}
	front->sync_result = result;
	front->umount_result = unmount(front->mountpoint, front->umount_lazy,
	    front->umount_text, sizeof(front->umount_text));
}

/* mountinfo writes blanks and backslashes as \ooo. */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++)
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' &&
		    s[2] != '\0' && s[3] != '\0') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 |
				       (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	*to = '\0';
}

/* The type of the topmost mount exactly here. */
static bool
mount_is_ours(const char *mountpoint)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, path[4096], type[64];
	const char *dash;
	size_t size = 0;
	bool ours = false;

	if (f == NULL)
		return false;
	while (getline(&line, &size, f) >= 0) {
		dash = strstr(line, " - ");
		if (dash == NULL ||
		    sscanf(line, "%*s %*s %*s %*s %4095s", path) != 1 ||
		    sscanf(dash, " - %63s", type) != 1)
			continue;
		unescape(path);
		if (strcmp(path, mountpoint) == 0)
			ours = strcmp(type, "fuse.luntap") == 0;
	}
	free(line);
	fclose(f);
	return ours;
}

bool
fuse_front_mounted(const char *mountpoint)
{
	return mount_is_ours(mountpoint);
}

int
fuse_front_repair(const char *mountpoint, struct error *err)
{
	char text[256];
	struct statfs fs;

	/* Unlike stat(), this is never answered from what the kernel has
	 * cached. */
	if (statfs(mountpoint, &fs) == 0 || errno != ENOTCONN ||
	    !mount_is_ours(mountpoint))
		return 0;
	if (unmount(mountpoint, true, text, sizeof(text)) < 0)
		return error_set(err, ERROR_FAILED,
		    "cannot remove the dead mount at %s: %s", mountpoint, text);
	return 1;
}
