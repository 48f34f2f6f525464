/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log - lines for whoever watches: stderr, syslog or a file.  The sink is
 * handed in, so layers that make no system call can still log.
 *
 * Never pass a secret; pass strings from a peer through escape() (escape.h).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level {
	LOG_ERROR_LEVEL,
	LOG_WARN_LEVEL,
	LOG_INFO_LEVEL,
	LOG_DEBUG_LEVEL
};

struct log {
	/* Required.  One line without newline, valid during the call only. */
	void (*write)(void *ctx, enum log_level level, const char *line);
	void *ctx;
	enum log_level max; /* lines above this level are not formatted */
};

/* log may be NULL: nothing is written. */
void log_line(const struct log *log, enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(log, ...) log_line(log, LOG_ERROR_LEVEL, __VA_ARGS__)
#define log_warn(log, ...)  log_line(log, LOG_WARN_LEVEL, __VA_ARGS__)
#define log_info(log, ...)  log_line(log, LOG_INFO_LEVEL, __VA_ARGS__)
#define log_debug(log, ...) log_line(log, LOG_DEBUG_LEVEL, __VA_ARGS__)

#endif
