/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon - goes into the background, and tells the foreground how it went.
 *
 * The process forks before it has sockets or threads.  The child sets
 * everything up while it still shares the terminal, the session and the stderr
 * of its parent, so that what it has to say is read and an interrupt reaches
 * it; only daemon_ready() cuts it loose.  The parent waits for one message:
 * ready, or the error that the child ended with.
 *
 *     switch (daemon_fork(&d, &err)) {
 *     case -1: print err, exit with its class
 *     case 1:  the parent: the child is ready; exit 0
 *     }
 *     ... set up; on failure: daemon_failed(&d, &err), exit ...
 *     daemon_ready(&d, &err);
 *     ... serve ...
 *     daemon_fini(&d);
 */
#ifndef IO_DAEMON_H
#define IO_DAEMON_H

#include <sys/types.h>
#include <stdbool.h>

#include "base/error.h"

struct daemon {
	int pipe;      /* to the parent; -1: in the foreground, or cut loose */
	pid_t child;   /* in the parent, after daemon_fork() returned 1 */
	char *pidfile; /* to be removed at the end, or NULL */
	int pid_fd;    /* holds the lock on it, or -1 */
};

/* For a process that stays in the foreground: the other functions then do what
 * is left for them. */
void daemon_init(struct daemon *);

/* First of all, in a command that may go into the background: what its caller
 * left open, a shell's lock perhaps, is not ours to keep for so long.  But for
 * n descriptors behind stderr, which are meant for us. */
void daemon_close_inherited(unsigned n);

/* 0 in the child.  1 in the parent when the child is ready; -1 in the parent
 * with err set when it failed or died, or when fork() failed. */
int daemon_fork(struct daemon *, struct error *err);

/* Takes the lock on a pid file and writes our pid into it; a running process
 * that holds it is an error.  path must be absolute when the process goes into
 * the background.  After daemon_fork(), before daemon_ready().  0 or -1. */
int daemon_pidfile(struct daemon *, const char *path, struct error *err);

/*
 * The child can be used.  It becomes leader of a session of its own, stdio goes
 * to /dev/null, the working directory is /, and the parent is told.  -1 when
 * the parent is gone: the user has interrupted it, so end.  In the foreground
 * nothing is done.
 */
int daemon_ready(struct daemon *, struct error *err);

/* A further process of the child's: that one reports for both. */
void daemon_forget(struct daemon *);
/* What daemon_ready() does, for such a process: it becomes leader of a session
 * of its own, and so on.  0 or -errno. */
int daemon_leave_terminal(void);

/* The child has failed and ends: the parent's daemon_fork() returns -1 with
 * this error once it has.  False in the foreground (or when ready before):
 * print it yourself. */
bool daemon_failed(struct daemon *, const struct error *why);

/* Removes the pid file.  Last thing before exit. */
void daemon_fini(struct daemon *);

#endif
