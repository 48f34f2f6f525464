/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd/activation.h: which sockets are meant for us. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/activation.h"

static int
activate(const char *pid, const char *fds)
{
	char mine[16];
	struct error err;
	int n;

	snprintf(mine, sizeof(mine), "%d", (int)getpid());
	if (pid != NULL)
		setenv("LISTEN_PID", *pid == '\0' ? mine : pid, 1);
	if (fds != NULL)
		setenv("LISTEN_FDS", fds, 1);
	setenv("LISTEN_FDNAMES", "a:b", 1);
	n = activation_take(&err);
	if (n < 0)
		assert_int_equal(err.class, ERROR_USAGE);
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_FDNAMES"));
	return n;
}

static void
sockets_for_us_are_counted(void **state)
{
	(void)state;
	assert_int_equal(activate(NULL, NULL), 0);
	assert_int_equal(activate("", "2"), 2);
	assert_int_equal(activate("", "0"), 0);
	assert_int_equal(activate("", "16"), 16);
	/* Meant for another process, or for nobody. */
	assert_int_equal(activate("1", "2"), 0);
	assert_int_equal(activate("x", "2"), 0);
	assert_int_equal(activate(NULL, "2"), 0);
	assert_int_equal(activate("", NULL), 0);
	/* For us, and wrong. */
	assert_int_equal(activate("", ""), -1);
	assert_int_equal(activate("", "-1"), -1);
	assert_int_equal(activate("", "2x"), -1);
	assert_int_equal(activate("", "17"), -1);
	assert_int_equal(activate("", "99999999999999999999"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets_for_us_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
