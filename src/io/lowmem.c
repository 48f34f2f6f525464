/* SPDX-License-Identifier: BSD-2-Clause */
/* See lowmem.h. */
#include "io/lowmem.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int
spare_from_oom(void)
{
	static const char score[] = "-1000";
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	int error = 0;

	if (fd == -1)
		return -errno;
	if (write(fd, score, sizeof(score) - 1) == -1)
		error = -errno;
	close(fd);
	return error;
}

static int
become_flusher(void)
{
	return prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) == -1 ? -errno : 0;
}

/* A page is locked from its first use on: to have all of them now would take
 * the whole of every stack and arena.  The limit is raised for what is mapped
 * when the privilege is gone. */
static int
lock_memory(void)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	(void)setrlimit(RLIMIT_MEMLOCK, &all);
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == -1 ? -errno
								      : 0;
}

void
lowmem_prepare(const struct log *log)
{
	static const struct {
		int (*function)(void);
		const char *what;
	} steps[] = {
		{ spare_from_oom, "it may be killed when memory is short" },
		{ become_flusher, "its system calls may wait for memory" },
		{ lock_memory, "its memory may be swapped out" },
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int error = steps[i].function();

		if (error != 0)
			log_info(
			    log, "%s: %s", steps[i].what, strerror(-error));
	}
}
