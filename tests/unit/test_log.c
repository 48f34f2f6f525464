/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"
#include "unit.h"

struct seen {
	unsigned n;
	enum log_level level;
	char line[2048];
};

static void
see(void *ctx, enum log_level level, const char *line)
{
	struct seen *seen = ctx;

	seen->n++;
	seen->level = level;
	assert_true(strlen(line) < sizeof(seen->line));
	strcpy(seen->line, line);
}

static void
levels(void **state)
{
	struct seen seen = { 0 };
	struct log log = { .write = see, .ctx = &seen, .max = LOG_WARN_LEVEL };

	(void)state;
	log_info(&log, "no %d", 1);
	log_debug(&log, "no %d", 2);
	assert_int_equal(seen.n, 0);
	log_warn(&log, "yes %d", 3);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.level, LOG_WARN_LEVEL);
	assert_string_equal(seen.line, "yes 3");
	log_error(&log, "yes %s", "4");
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.level, LOG_ERROR_LEVEL);
	log_error(NULL, "nobody");
}

static void
long_lines_are_cut(void **state)
{
	struct seen seen = { 0 };
	struct log log = { .write = see, .ctx = &seen, .max = LOG_DEBUG_LEVEL };

	(void)state;
	log_debug(&log, "%5000d", 1);
	assert_int_equal(seen.n, 1);
	assert_in_range(strlen(seen.line), 500, sizeof(seen.line) - 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels),
		cmocka_unit_test(long_lines_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
