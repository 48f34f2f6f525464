/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/control_name.h"

#include <sys/file.h>
#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* FNV-1a.  Names that collide cannot be served at once, which costs an error
 * message once in 2^64 pairs. */
static uint64_t
hash(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *name != '\0'; name++)
		h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	return h;
}

void
control_file(const char *kind, const char *name, char ret[CONTROL_FILE_MAX + 1])
{
	snprintf(ret, CONTROL_FILE_MAX + 1, "%.15s-%016" PRIx64 ".sock", kind,
	    hash(name));
}

int
control_sockaddr(const char *path, struct sockaddr_un *ret)
{
	size_t len = strlen(path);

	if (len >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	memcpy(ret->sun_path, path, len);
	return 0;
}

int
control_connect(const char *path)
{
	struct sockaddr_un addr;
	int error = control_sockaddr(path, &addr);
	int fd;

	if (error != 0)
		return error;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
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
control_lock(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error;

	if (fd == -1)
		return -errno;
	while (flock(fd, LOCK_EX) == -1) {
		if (errno == EINTR)
			continue;
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}
