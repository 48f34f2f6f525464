/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/control_name.h"

#include <sys/file.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
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
