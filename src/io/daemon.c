/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The child reports over a socket pair that keeps messages apart: one struct
 * error, or nothing when it died.  Both ends are of one program, so the
 * structure needs no encoding.
 */
#include "io/daemon.h"

#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
daemon_init(struct daemon *d)
{
	*d = (struct daemon){ .pipe = -1, .pid_fd = -1 };
}

void
daemon_close_inherited(unsigned n)
{
	/* Kernels before 5.9 do not know it; then it stays as it was. */
	(void)close_range(STDERR_FILENO + 1 + n, UINT_MAX, 0);
}

/* ---- the parent ---- */

static int
how_it_died(pid_t child, struct error *err)
{
	int status;

	while (waitpid(child, &status, 0) == -1) {
		if (errno != EINTR)
			return error_set(err, ERROR_FAILED,
			    "the background process is lost: %s",
			    strerror(errno));
	}
	if (WIFSIGNALED(status))
		return error_set(err, ERROR_FAILED,
		    "the background process was killed: %s",
		    strsignal(WTERMSIG(status)));
	return error_set(err, ERROR_FAILED,
	    "the background process ended early (exit code %d)",
	    WEXITSTATUS(status));
}

static int
wait_for_report(struct daemon *d, int fd, struct error *err)
{
	struct error report;
	ssize_t n;

	do {
		n = recv(fd, &report, sizeof(report), 0);
	} while (n == -1 && errno == EINTR);
	close(fd);
	if (n != sizeof(report))
		return how_it_died(d->child, err);
	if (report.class == ERROR_NONE)
		return 1;
	/* It ends now; its end must not be overtaken by ours, or what it
	 * leaves behind is still there when the next command runs. */
	while (waitpid(d->child, NULL, 0) == -1 && errno == EINTR)
		;
	return error_set(err, report.class, "%s", report.text);
}

int
daemon_fork(struct daemon *d, struct error *err)
{
	int pair[2];

	daemon_init(d);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return error_set(err, ERROR_FAILED,
		    "cannot go into the background: %s", strerror(errno));
	/* What is buffered would be printed twice. */
	fflush(NULL);
	d->child = fork();
	if (d->child == -1) {
		close(pair[0]);
		close(pair[1]);
		return error_set(err, ERROR_FAILED,
		    "cannot go into the background: %s", strerror(errno));
	}
	if (d->child == 0) {
		close(pair[0]);
		d->pipe = pair[1];
		return 0;
	}
	close(pair[1]);
	return wait_for_report(d, pair[0], err);
}

/* ---- the child ---- */

static int
tell_parent(struct daemon *d, const struct error *report)
{
	ssize_t n = send(d->pipe, report, sizeof(*report), MSG_NOSIGNAL);
	int error = errno;

	close(d->pipe);
	d->pipe = -1;
	return n == sizeof(*report) ? 0 : -error;
}

/* The file that has the lock may have been removed by its last owner between
 * open() and flock(); then the lock is worth nothing. */
static bool
still_there(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int
open_pidfile(const char *path, struct error *err)
{
	for (;;) {
		int fd =
		    open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

		if (fd == -1)
			return error_set(err, ERROR_FAILED, "pid file %s: %s",
			    path, strerror(errno));
		if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
			error_set(err, ERROR_FAILED, "pid file %s: %s", path,
			    errno == EWOULDBLOCK
				? "its process is still running"
				: strerror(errno));
			close(fd);
			return -1;
		}
		if (still_there(fd, path))
			return fd;
		close(fd);
	}
}

int
daemon_pidfile(struct daemon *d, const char *path, struct error *err)
{
	char *copy = strdup(path);
	int fd = copy == NULL ? -1 : open_pidfile(path, err);

	if (fd == -1) {
		if (copy == NULL)
			error_set(err, ERROR_FAILED, "pid file %s: %s", path,
			    strerror(ENOMEM));
		free(copy);
		return -1;
	}
	if (ftruncate(fd, 0) == -1 ||
	    dprintf(fd, "%ld\n", (long)getpid()) < 0) {
		error_set(err, ERROR_FAILED, "pid file %s: %s", path,
		    strerror(errno));
		unlink(path);
		close(fd);
		free(copy);
		return -1;
	}
	d->pid_fd = fd;
	d->pidfile = copy;
	return 0;
}

int
daemon_leave_terminal(void)
{
	int fd;

	umask(077);
	if (setsid() == -1 || chdir("/") == -1)
		return -errno;
	fd = open("/dev/null", O_RDWR);
	if (fd == -1)
		return -errno;
	for (int std = 0; std <= 2; std++) {
		if (dup2(fd, std) == -1) {
			int error = -errno;

			close(fd);
			return error;
		}
	}
	if (fd > 2)
		close(fd);
	return 0;
}

int
daemon_ready(struct daemon *d, struct error *err)
{
	static const struct error none = { .class = ERROR_NONE };
	int error;

	if (d->pipe == -1)
		return 0;
	fflush(NULL);
	error = daemon_leave_terminal();
	if (error != 0)
		return error_set(err, ERROR_FAILED,
		    "cannot leave the terminal: %s", strerror(-error));
	error = tell_parent(d, &none);
	if (error != 0)
		return error_set(err, ERROR_FAILED, "interrupted");
	return 0;
}

void
daemon_forget(struct daemon *d)
{
	if (d->pipe != -1)
		close(d->pipe);
	d->pipe = -1;
}

bool
daemon_failed(struct daemon *d, const struct error *why)
{
	if (d->pipe == -1)
		return false;
	/* A parent that is gone does not want to know. */
	(void)tell_parent(d, why);
	return true;
}

void
daemon_fini(struct daemon *d)
{
	if (d->pidfile != NULL) {
		unlink(d->pidfile);
		close(d->pid_fd);
		free(d->pidfile);
	}
	if (d->pipe != -1)
		close(d->pipe);
	daemon_init(d);
}
