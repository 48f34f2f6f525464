/* SPDX-License-Identifier: BSD-2-Clause */
/* activation - see the header. */
#include "cmd/activation.h"

#include <stdlib.h>
#include <unistd.h>

/* Digits alone, or -1. */
static long
number(const char *text)
{
	char *end;
	long n;

	if (text == NULL || *text < '0' || *text > '9')
		return -1;
	n = strtol(text, &end, 10);
	return *end == '\0' ? n : -1;
}

int
activation_take(struct error *err)
{
	const char *fds = getenv("LISTEN_FDS");
	long pid = number(getenv("LISTEN_PID"));
	long n = number(fds);
	int result = 0;

	if (fds != NULL && pid == getpid()) {
		if (n < 0 || n > ACTIVATION_MAX)
			result = error_set(err, ERROR_USAGE,
			    "LISTEN_FDS=%s: a number up to %d is wanted", fds,
			    ACTIVATION_MAX);
		else
			result = (int)n;
	}
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
	return result;
}
