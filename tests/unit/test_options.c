/* SPDX-License-Identifier: BSD-2-Clause */
/* options.h: shared and own options together, sizes, and which secret wins. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/options.h"
#include "cmd/secret.h"

#define NAME "iqn.2001-04.com.example:host"
#define IQN  "iqn.2001-04.com.example:disk"

static struct options o;
static const char *pidfile;
static int quiet;

static int
take(void *ctx, int option, const char *arg, struct error *err)
{
	assert_ptr_equal(ctx, &o);
	if (option == 'q') {
		quiet++;
		return 0;
	}
	assert_int_equal(option, OPTIONS_OWN);
	if (arg[0] != '/')
		return error_set(err, ERROR_USAGE, "not absolute");
	pidfile = arg;
	return 0;
}

/* Parses words; true when it went on. */
static bool
parse(unsigned groups, int *ret_exit, const char *words, ...)
{
	static const struct option longs[] = {
		{ "pidfile", required_argument, NULL, OPTIONS_OWN },
		{ "quiet", no_argument, NULL, 'q' },
		{ 0 },
	};
	struct command_line line = { .help = "",
		.groups = groups,
		.shorts = "q",
		.longs = longs,
		.take = take,
		.ctx = &o,
		.operands_min = 1,
		.operands_max = 1 };
	static char *argv[16], copies[16][96];
	const char *word;
	int argc = 0;
	va_list ap;

	va_start(ap, words);
	for (word = words; word != NULL; word = va_arg(ap, const char *)) {
		snprintf(copies[argc], sizeof(copies[argc]), "%s", word);
		argv[argc] = copies[argc];
		argc++;
	}
	va_end(ap);
	argv[argc] = NULL;
	pidfile = NULL;
	quiet = 0;
	return options_parse(&o, &line, argc, argv, ret_exit);
}

static void
test_parse(void **state)
{
	int code = -1;

	(void)state;
	assert_true(parse(OPTIONS_SESSION | OPTIONS_JSON, &code, "x", "--json",
	    "operand", "-vq", "--timeout", "2.5", "--pidfile=/p",
	    "--header-digest", "crc32c,none", "--initiator-name", NAME, NULL));
	assert_true(o.json);
	assert_int_equal(o.timeout, 2500 * CLOCK_MS);
	assert_int_equal(o.sink.log.max, LOG_INFO_LEVEL);
	assert_int_equal(o.header_digest.n, 2);
	assert_int_equal(o.data_digest.n, 0);
	assert_string_equal(o.initiator_name, NAME);
	assert_string_equal(pidfile, "/p");
	assert_int_equal(quiet, 1);
	assert_int_equal(optind, 10);
	options_fini(&o);
}

static void
test_refused(void **state)
{
	int code;

	(void)state;
#define REFUSED(...)                                                        \
	do {                                                                \
		code = -1;                                                  \
		assert_false(                                               \
		    parse(OPTIONS_SESSION, &code, "x", __VA_ARGS__, NULL)); \
		assert_int_equal(code, ERROR_USAGE);                        \
	} while (0)
	REFUSED("--json", "operand");
	REFUSED("--pidfile", "relative", "operand");
	REFUSED("--pidfile");
	REFUSED("-z", "operand");
	REFUSED("--quiet=1", "operand");
	REFUSED("--quiet");
	REFUSED("one", "two");
	REFUSED("--timeout", "0", "operand");
	REFUSED("--timeout", "nan", "operand");
	REFUSED("--timeout", "1e9", "operand");
	REFUSED("--timeout", "5s", "operand");
	REFUSED("--data-digest", "md5", "operand");
	REFUSED("--initiator-name", "nobody", "operand");
	REFUSED("--initiator-name", "", "operand");
	code = -1;
	assert_false(parse(0, &code, "x", "--help", NULL));
	assert_int_equal(code, 0);
	assert_false(parse(0, &code, "x", "-v", "operand", NULL));
	assert_int_equal(code, ERROR_USAGE);
}

static void
test_size(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t size;
	} rows[] = {
		{ "0", 0, 0 },
		{ "4096", 0, 4096 },
		{ "1k", 0, 1024 },
		{ "256M", 0, 256 << 20 },
		{ "3G", 0, UINT64_C(3) << 30 },
		{ "16777215T", 0, UINT64_C(16777215) << 40 },
		{ "16777216T", -ERANGE, 0 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1.5G", -EINVAL, 0 },
		{ "1KB", -EINVAL, 0 },
		{ "M", -EINVAL, 0 },
	};
	uint64_t size;
	size_t i;

	(void)state;
	for (i = 0; i < countof(rows); i++) {
		size = 99;
		assert_int_equal(
		    options_size(rows[i].text, &size), rows[i].result);
		assert_true(size == (rows[i].result == 0 ? rows[i].size : 99));
	}
}

/* With LIBISCSI_CHAP_USERNAME=env and _PASSWORD=envsecret. */
static int
merge(const char *url_text, struct auth *file, struct link_config *ret,
    struct error *err)
{
	char name[] = "luntap", *argv[] = { name, NULL };
	struct url url;
	int result, code;

	setenv("LIBISCSI_CHAP_USERNAME", "env", 1);
	setenv("LIBISCSI_CHAP_PASSWORD", "envsecret", 1);
	secret_fini();
	assert_int_equal(secret_init(1, argv, err), 0);
	assert_true(
	    parse(OPTIONS_SESSION, &code, "x", "operand", "--initiator-name",
		NAME, "--data-digest", "crc32c", "--timeout", "7", NULL));
	o.auth = file;
	assert_int_equal(url_parse(url_text, &url, err), 0);
	result = options_link(&o, &url, ret, err);
	o.auth = NULL;
	options_fini(&o);
	return result;
}

static void
test_link(void **state)
{
	struct auth file = { .user = "file", .secret = "filesecret" };
	struct link_config c;
	struct error err;

	(void)state;
	assert_int_equal(
	    merge("iscsi://nas/" IQN "?header_digest=none", NULL, &c, &err), 0);
	assert_string_equal(c.session.auth->user, "env");
	assert_string_equal(c.session.auth->secret, "envsecret");
	assert_string_equal(c.session.portal, "nas:3260");
	assert_string_equal(c.session.target_name, IQN);
	assert_string_equal(c.session.initiator_name, NAME);
	assert_int_equal(c.session.offer.header_digest.n, 1);
	assert_int_equal(c.session.offer.data_digest.order[0], DIGEST_CRC32C);
	assert_int_equal(c.connect_timeout, 7 * CLOCK_S);
	assert_int_equal(c.session.task_timeout, 7 * CLOCK_S);
	assert_int_equal(merge("iscsi://nas/" IQN, &file, &c, &err), 0);
	assert_string_equal(c.session.auth->user, "file");
	assert_string_equal(c.session.auth->secret, "filesecret");
	assert_int_equal(
	    merge("iscsi://url@nas/" IQN "?data_digest=none", &file, &c, &err),
	    0);
	assert_string_equal(c.session.auth->user, "url");
	assert_string_equal(c.session.auth->secret, "filesecret");
	assert_int_equal(c.session.offer.data_digest.order[0], DIGEST_NONE);
	assert_int_equal(
	    merge("iscsi://url%urlsecret@nas/" IQN, &file, &c, &err), 0);
	assert_string_equal(c.session.auth->secret, "urlsecret");
	/* Half of a pair is a mistake. */
	assert_int_equal(
	    merge("iscsi://nas/" IQN "?target_user=t", &file, &c, &err), -1);
	assert_int_equal(err.class, ERROR_USAGE);
	file.secret[0] = '\0';
	assert_int_equal(merge("iscsi://nas/" IQN, &file, &c, &err), -1);
	assert_int_equal(err.class, ERROR_USAGE);
	secret_fini();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
