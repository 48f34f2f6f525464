/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run - a command that runs while we serve it, on a socket in a folder of its
 * own that nobody else can reach.
 */
#ifndef CMD_RUN_H
#define CMD_RUN_H

#include <sys/types.h>
#include <stdbool.h>

#include "base/error.h"
#include "io/loop.h"

struct run {
	const char *command; /* for /bin/sh -c */
	char *folder;	     /* NULL: not made */
	char *socket;	     /* the path in it */
	pid_t pid;	     /* 0: does not run */
	bool started;
	bool stopped; /* asked to end */
	int code;     /* how it ended, as a shell tells it */
	void (*ended)(void *ctx);
	void *ctx;
};

/* Makes the folder.  0, or -1 with err. */
int run_init(struct run *, const char *command, struct error *err);
/* Starts the command, with $uri and $unixsocket; ended() comes from the loop.
 * 0, or -1 with err. */
int run_start(struct run *, struct loop *, const char *uri,
    void (*ended)(void *ctx), void *ctx, struct error *err);
/* Asks it to end (SIGTERM). */
void run_stop(struct run *);
/* Removes the folder, in which nothing is left.  Takes zeros. */
void run_fini(struct run *);

#endif
