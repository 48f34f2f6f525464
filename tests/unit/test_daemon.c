/* SPDX-License-Identifier: BSD-2-Clause */
/* daemon.h: what the foreground learns, and the pid file. */
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/daemon.h"

static char folder[64];
static char path[96];
static struct error err;

static int
setup(void **state)
{
	(void)state;
	memset(&err, 0, sizeof(err));
	snprintf(folder, sizeof(folder), "/tmp/test_daemon.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/pid", folder);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

/* The child does what `child` says and ends without cmocka's exit handlers. */
static int
fork_and(void (*child)(struct daemon *), struct daemon *d)
{
	int result = daemon_fork(d, &err);

	if (result == 0) {
		child(d);
		_exit(77);
	}
	return result;
}

static int
exit_code(const struct daemon *d)
{
	int status;

	assert_int_equal(waitpid(d->child, &status, 0), d->child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
become_ready(struct daemon *d)
{
	char cwd[8];
	struct stat out, null;

	if (daemon_pidfile(d, path, &err) != 0 || daemon_ready(d, &err) != 0)
		_exit(1);
	if (getsid(0) != getpid() || getcwd(cwd, sizeof(cwd)) == NULL ||
	    strcmp(cwd, "/") != 0)
		_exit(2);
	if (fstat(1, &out) != 0 || stat("/dev/null", &null) != 0 ||
	    out.st_rdev != null.st_rdev)
		_exit(3);
	if (daemon_failed(d, &err)) /* too late for that */
		_exit(4);
	/* Stays until the parent has looked at the pid file. */
	while (access(path, F_OK) == 0)
		usleep(1000);
	daemon_fini(d);
	_exit(42);
}

static void
ready_child_lets_the_parent_go(void **state)
{
	struct daemon d, other;
	char text[32] = "", expected[32];
	int fd;

	(void)state;
	assert_int_equal(fork_and(become_ready, &d), 1);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	snprintf(expected, sizeof(expected), "%ld\n", (long)d.child);
	assert_string_equal(text, expected);
	daemon_init(&other);
	assert_int_equal(daemon_pidfile(&other, path, &err), -1);
	assert_non_null(strstr(err.text, "still running"));
	unlink(path);
	assert_int_equal(exit_code(&d), 42);
}

static void
report_failure(struct daemon *d)
{
	error_set(&err, ERROR_REFUSED, "login to %s refused", "here");
	_exit(daemon_failed(d, &err) ? 4 : 5);
}

static void
failure_reaches_the_parent(void **state)
{
	struct daemon d;

	(void)state;
	assert_int_equal(fork_and(report_failure, &d), -1);
	assert_int_equal(err.class, ERROR_REFUSED);
	assert_string_equal(err.text, "login to here refused");
	/* It was waited for. */
	assert_int_equal(waitpid(d.child, NULL, 0), -1);
	assert_int_equal(errno, ECHILD);
}

static void
die(struct daemon *d)
{
	(void)d;
	raise(SIGKILL);
}

static void
end_early(struct daemon *d)
{
	(void)d;
	_exit(9);
}

static void
death_reaches_the_parent(void **state)
{
	struct daemon d;

	(void)state;
	assert_int_equal(fork_and(die, &d), -1);
	assert_int_equal(err.class, ERROR_FAILED);
	assert_non_null(strstr(err.text, "Killed"));
	assert_int_equal(fork_and(end_early, &d), -1);
	assert_non_null(strstr(err.text, "exit code 9"));
}

static void
pidfile_of_a_dead_process_is_taken_over(void **state)
{
	struct daemon d;
	FILE *file = fopen(path, "w");

	(void)state;
	assert_non_null(file);
	fprintf(file, "123456789 and more\n");
	fclose(file);
	daemon_init(&d);
	assert_int_equal(daemon_pidfile(&d, path, &err), 0);
	file = fopen(path, "r");
	assert_non_null(file);
	{
		long pid;

		assert_int_equal(fscanf(file, "%ld", &pid), 1);
		assert_int_equal(pid, getpid());
	}
	fclose(file);
	assert_int_equal(daemon_ready(&d, &err), 0); /* in the foreground */
	daemon_fini(&d);
	assert_int_equal(access(path, F_OK), -1);
}

static void
pidfile_is_not_written_through_a_link(void **state)
{
	struct daemon d;

	(void)state;
	assert_int_equal(symlink("/dev/null", path), 0);
	daemon_init(&d);
	assert_int_equal(daemon_pidfile(&d, path, &err), -1);
	daemon_fini(&d);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(ready_child_lets_the_parent_go),
		T(failure_reaches_the_parent),
		T(death_reaches_the_parent),
		T(pidfile_of_a_dead_process_is_taken_over),
		T(pidfile_is_not_written_through_a_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
