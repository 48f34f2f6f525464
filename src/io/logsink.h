/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * logsink - where log lines go: stderr, syslog or a file.
 *
 * A file is opened once for appending and each line is one write(), so that
 * several processes may share it.  A sink may be changed while it is in use:
 * a mount logs to stderr until it is ready, then elsewhere.
 */
#ifndef IO_LOGSINK_H
#define IO_LOGSINK_H

#include "base/error.h"
#include "base/log.h"

struct logsink {
	struct log log; /* hand out &sink.log */
	int fd;		/* the file, or -1 */
};

/* To stderr: "luntap: warning: text". */
void logsink_init(struct logsink *, enum log_level max);
/* From now on to syslog (facility daemon, identifier luntap[pid]). */
void logsink_syslog(struct logsink *);
/* Opens the file now.  0, or -1 with err set and the sink as before. */
int logsink_file(struct logsink *, const char *path, struct error *err);
/* Closes the file or syslog; later lines go to stderr. */
void logsink_fini(struct logsink *);

#endif
