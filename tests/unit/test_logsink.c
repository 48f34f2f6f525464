/* SPDX-License-Identifier: BSD-2-Clause */
/* logsink.h: where lines go, and that each is one line. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/logsink.h"

static char folder[64], path[96];
static struct logsink sink;
static struct error err;

static int
setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test_logsink.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/log", folder);
	logsink_init(&sink, LOG_INFO_LEVEL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	logsink_fini(&sink);
	unlink(path);
	return rmdir(folder);
}

static const char *
contents(void)
{
	static char text[8192];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	assert_true(n >= 0);
	close(fd);
	text[n] = '\0';
	return text;
}

static void
file_gets_stamped_lines(void **state)
{
	struct stat st;
	char tail[96];

	(void)state;
	assert_int_equal(logsink_file(&sink, path, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
	log_warn(&sink.log, "disk %d is slow", 3);
	log_debug(&sink.log, "not at this level");
	snprintf(tail, sizeof(tail), "Z luntap[%ld]: warning: disk 3 is slow\n",
	    (long)getpid());
	assert_string_equal(
	    contents() + strlen("2026-11-21T09:00:00.000"), tail);
}

static void
file_is_appended_to(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(logsink_file(&sink, path, &err), 0);
		log_error(&sink.log, "line %d", i);
		logsink_fini(&sink);
	}
	assert_non_null(strstr(contents(), "error: line 0\n"));
	assert_non_null(strstr(contents(), "error: line 1\n"));
}

static void
endless_line_is_cut(void **state)
{
	char line[6000];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(logsink_file(&sink, path, &err), 0);
	sink.log.write(sink.log.ctx, LOG_INFO_LEVEL, line);
	assert_in_range(strlen(contents()), 1000, 2048);
	assert_string_equal(strchr(contents(), '\n'), "\n");
}

static void
file_that_cannot_be_had_is_told(void **state)
{
	(void)state;
	assert_int_equal(logsink_file(&sink, folder, &err), -1);
	assert_non_null(strstr(err.text, folder));
	assert_int_equal(sink.fd, -1);
}

static void
stderr_gets_short_lines(void **state)
{
	int saved = dup(2);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	(void)state;
	dup2(fd, 2);
	log_info(&sink.log, "hello");
	dup2(saved, 2);
	close(saved);
	close(fd);
	assert_string_equal(contents(), "luntap: hello\n");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(file_gets_stamped_lines),
		T(file_is_appended_to),
		T(endless_line_is_cut),
		T(file_that_cannot_be_had_is_told),
		T(stderr_gets_short_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
