/* SPDX-License-Identifier: BSD-2-Clause */
/* unixsock - see the header. */
#include "io/unixsock.h"

#include <sys/socket.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

int
unixsock_addr(const char *path, struct sockaddr_un *ret)
{
	size_t len = strlen(path);

	if (len >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	memcpy(ret->sun_path, path, len);
	return 0;
}

static int
connect_to(const char *path, int flags)
{
	struct sockaddr_un addr;
	int error = unixsock_addr(path, &addr);
	int fd;

	if (error != 0)
		return error;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd == -1)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == -1) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

int
unixsock_connect(const char *path)
{
	return connect_to(path, 0);
}

/* connect() refuses a regular file in the same words as a socket without a
 * listener, and a file is not ours to remove.  It would wait for a listener
 * whose queue is full. */
static int
remove_stale(const char *path)
{
	struct stat st;
	int other;

	if (lstat(path, &st) == -1)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EADDRINUSE;
	other = connect_to(path, SOCK_NONBLOCK);
	if (other >= 0)
		close(other);
	if (other >= 0 || other == -EAGAIN)
		return -EADDRINUSE;
	if (other != -ECONNREFUSED)
		return other;
	return unlink(path) == -1 ? -errno : 0;
}

static int
bind_or_replace(int fd, const char *path)
{
	struct sockaddr_un addr;
	int error = unixsock_addr(path, &addr);

	if (error != 0)
		return error;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	error = remove_stale(path);
	if (error != 0)
		return error;
	return bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 ? 0
								     : -errno;
}

int
unixsock_listen(const char *path, int backlog, struct stat *ret_st)
{
	struct stat st;
	bool bound = false;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = 0;

	if (fd == -1)
		return -errno;
	/* The file that bind() makes gets the mode of the socket. */
	if (fchmod(fd, 0600) == -1)
		error = -errno;
	if (error == 0) {
		error = bind_or_replace(fd, path);
		bound = error == 0;
	}
	if (error == 0 && (lstat(path, &st) == -1 || listen(fd, backlog) == -1))
		error = -errno;
	if (error != 0) {
		if (bound)
			unlink(path);
		close(fd);
		return error;
	}
	*ret_st = st;
	return fd;
}

void
unixsock_remove(const char *path, const struct stat *was)
{
	struct stat st;

	if (lstat(path, &st) == 0 && st.st_dev == was->st_dev &&
	    st.st_ino == was->st_ino)
		unlink(path);
}
