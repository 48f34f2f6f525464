/* SPDX-License-Identifier: BSD-2-Clause */
/* secret.h: what is left in argv and the environment, what was taken, and which
 * files are refused. */
#include "unit.h"

#include <sys/stat.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/secret.h"

static struct error err;

static void
check_argument(const char *given, const char *left)
{
	char name[] = "luntap", arg[512];
	char *argv[] = { name, arg, NULL };
	size_t i, len = strlen(given);

	snprintf(arg, sizeof(arg), "%s", given);
	assert_int_equal(secret_init(2, argv, &err), 0);
	assert_string_equal(arg, left);
	assert_string_equal(argv[1], given);
	for (i = strlen(left); i < len; i++)
		assert_int_equal(arg[i], 0);
	secret_fini();
}

static void
test_arguments(void **state)
{
	(void)state;
	check_argument("--json", "--json");
	check_argument("iscsi://nas/iqn.x/0", "iscsi://nas/iqn.x/0");
	check_argument("iscsi://me@nas/iqn.x/0", "iscsi://me@nas/iqn.x/0");
	check_argument(
	    "iscsi://me%hush@nas/iqn.x/0", "iscsi://me%*@nas/iqn.x/0");
	check_argument("iscsi://me:hu%sh@nas/0", "iscsi://me:hu%*@nas/0");
	check_argument("iscsi://me:hush@nas/0", "iscsi://me:*@nas/0");
	check_argument("iscsi://me%@nas/0", "iscsi://me%@nas/0");
	/* Not as the grammar has it, but a password all the same. */
	check_argument("iscsi://me%hu@s?h@nas/0", "iscsi://me%*@nas/0");
	check_argument("iscsi://nas/0?target_password=hush&auth=md5",
	    "iscsi://nas/0?target_password=*&auth=md5");
	check_argument("iscsi://me%hush@nas/0?target_password=hu@sh",
	    "iscsi://me%*@nas/0?target_password=*");
	check_argument(
	    "iscsi://me%target_password=hu&sh@nas/0", "iscsi://me%*@nas/0");
	check_argument("disk.img,user:x@y", "disk.img,user:x@y");
}

static void
test_environment(void **state)
{
	char name[] = "luntap", *argv[] = { name, NULL }, *value;
	char longer[300];

	(void)state;
	setenv("LIBISCSI_CHAP_USERNAME", "me", 1);
	setenv("LIBISCSI_CHAP_PASSWORD", "hush", 1);
	setenv("LIBISCSI_CHAP_TARGET_PASSWORD", "hush2", 1);
	value = getenv("LIBISCSI_CHAP_PASSWORD");
	assert_int_equal(secret_init(1, argv, &err), 0);
	assert_memory_equal(value, "\0\0\0\0", 5);
	assert_null(getenv("LIBISCSI_CHAP_USERNAME"));
	assert_null(getenv("LIBISCSI_CHAP_PASSWORD"));
	assert_null(getenv("LIBISCSI_CHAP_TARGET_PASSWORD"));
	assert_string_equal(secret_environment()->user, "me");
	assert_string_equal(secret_environment()->secret, "hush");
	assert_string_equal(secret_environment()->target_user, "");
	assert_string_equal(secret_environment()->target_secret, "hush2");
	secret_fini();

	/* Too long is an error, not a shorter password; it is wiped anyway. */
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	setenv("LIBISCSI_CHAP_PASSWORD", longer, 1);
	assert_int_equal(secret_init(1, argv, &err), -1);
	assert_int_equal(err.class, ERROR_USAGE);
	assert_non_null(strstr(err.text, "LIBISCSI_CHAP_PASSWORD"));
	assert_null(strstr(err.text, "xxx"));
	assert_null(getenv("LIBISCSI_CHAP_PASSWORD"));
	secret_fini();
}

static char path[] = "/tmp/test_secret.XXXXXX";

static int
read_file(const char *text, mode_t mode, struct auth *ret)
{
	char name[] = "luntap", *argv[] = { name, NULL };
	int fd, result;

	fd = open(path, O_WRONLY | O_TRUNC);
	assert_true(fd != -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_int_equal(chmod(path, mode), 0);
	memset(ret, 0, sizeof(*ret));
	assert_int_equal(secret_init(1, argv, &err), 0);
	result = secret_file(path, ret, &err);
	secret_fini();
	return result;
}

static void
test_file(void **state)
{
	char text[700];
	struct auth a;

	(void)state;
	assert_int_equal(read_file("me hush\n", 0600, &a), 0);
	assert_string_equal(a.user, "me");
	assert_string_equal(a.secret, "hush");
	assert_string_equal(a.target_user, "");
	assert_int_equal(read_file(" me\thush  you hush2 \n\n", 0600, &a), 0);
	assert_string_equal(a.target_user, "you");
	assert_string_equal(a.target_secret, "hush2");
	assert_int_equal(read_file("me hush", 0400, &a), 0);
	/* Others may read or write it. */
	assert_int_equal(read_file("me hush\n", 0640, &a), -1);
	assert_int_equal(err.class, ERROR_USAGE);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(read_file("me hush\n", 0602, &a), -1);
	/* Other forms. */
	assert_int_equal(read_file("", 0600, &a), -1);
	assert_int_equal(read_file("me\n", 0600, &a), -1);
	assert_int_equal(read_file("me\nhush\n", 0600, &a), -1);
	assert_int_equal(read_file("me hush you\n", 0600, &a), -1);
	assert_int_equal(read_file("me hush you hush2 more\n", 0600, &a), -1);
	assert_int_equal(read_file("me hush\nyou hush2\n", 0600, &a), -1);
	assert_null(strstr(err.text, "hush"));
	snprintf(text, sizeof(text), "me %0255d\n", 7);
	assert_int_equal(read_file(text, 0600, &a), 0);
	assert_int_equal(strlen(a.secret), 255);
	snprintf(text, sizeof(text), "me %0256d\n", 7);
	assert_int_equal(read_file(text, 0600, &a), -1);
}

static int
make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	if (fd == -1)
		return -1;
	return close(fd);
}

static int
remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

/* AddressSanitizer keeps locals in places of its own. */
#ifndef __SANITIZE_ADDRESS__
static __attribute__((noinline)) uintptr_t
leave_on_the_stack(void)
{
	volatile char deep[32768];

	for (size_t i = 0; i < sizeof(deep); i++)
		deep[i] = 's';
	return (uintptr_t)deep;
}

static void
test_scrub_stack(void **state)
{
	uintptr_t at = leave_on_the_stack();
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	static char memory[16384];

	(void)state;
	secret_scrub_stack();
	assert_int_equal(
	    pread(fd, memory, sizeof(memory), (off_t)at), sizeof(memory));
	assert_null(memchr(memory, 's', sizeof(memory)));
	close(fd);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_file),
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(test_scrub_stack),
#endif
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
