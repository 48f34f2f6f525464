/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/logsink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_MAX 2048

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LOG_ERROR_LEVEL] = { "error: ", LOG_ERR },
	[LOG_WARN_LEVEL] = { "warning: ", LOG_WARNING },
	[LOG_INFO_LEVEL] = { "", LOG_INFO },
	[LOG_DEBUG_LEVEL] = { "debug: ", LOG_DEBUG },
};

/* One write() for the whole line; there is nobody to tell that it failed. */
static void
write_line(int fd, const char *prefix, enum log_level level, const char *line)
{
	char text[LOG_LINE_MAX];
	int len = snprintf(
	    text, sizeof(text) - 1, "%s%s%s", prefix, levels[level].name, line);

	if (len < 0)
		return;
	if ((size_t)len > sizeof(text) - 2)
		len = sizeof(text) - 2;
	text[len++] = '\n';
	if (write(fd, text, (size_t)len) == -1)
		return;
}

static void
to_stderr(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	write_line(STDERR_FILENO, "luntap: ", level, line);
}

static void
to_file(void *ctx, enum log_level level, const char *line)
{
	const struct logsink *sink = ctx;
	char prefix[96], stamp[32];
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(prefix, sizeof(prefix), "%s.%03ldZ luntap[%ld]: ", stamp,
	    now.tv_nsec / 1000000, (long)getpid());
	write_line(sink->fd, prefix, level, line);
}

static void
to_syslog(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	syslog(levels[level].priority, "%s%s", levels[level].name, line);
}

void
logsink_init(struct logsink *sink, enum log_level max)
{
	*sink = (struct logsink){
		.log = { .write = to_stderr, .ctx = sink, .max = max }, .fd = -1
	};
}

void
logsink_syslog(struct logsink *sink)
{
	openlog("luntap", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	sink->log.write = to_syslog;
}

int
logsink_file(struct logsink *sink, const char *path, struct error *err)
{
	int fd = open(
	    path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);

	if (fd == -1)
		return error_set(err, ERROR_FAILED, "log file %s: %s", path,
		    strerror(errno));
	logsink_fini(sink);
	sink->fd = fd;
	sink->log.write = to_file;
	return 0;
}

void
logsink_fini(struct logsink *sink)
{
	if (sink->log.write == to_syslog)
		closelog();
	if (sink->fd != -1)
		close(sink->fd);
	sink->fd = -1;
	sink->log.write = to_stderr;
}
