/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log - forms a line, when its level is wanted, and hands it to the sink.
 * What is longer than the line buffer is cut.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "base/log.h"

void
log_line(const struct log *log, enum log_level level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	if (log == NULL || level > log->max)
		return;
	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n >= 0)
		log->write(log->ctx, level, line);
}
