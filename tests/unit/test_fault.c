/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd/fault.h: faults as users write them. */
#include "unit.h"

#include "cmd/fault.h"

static void
every_form_is_taken(void **state)
{
	static const struct {
		const char *text;
		struct lu_fault fault;
	} rows[] = {
		{ "read-error=0", { LU_FAULT_READ, 0, 1 } },
		{ "read-error=16+010", { LU_FAULT_READ, 16, 10 } },
		{ "write-error=18446744073709551614",
		    { LU_FAULT_WRITE, UINT64_MAX - 1, 1 } },
		{ "not-ready", { LU_FAULT_NOT_READY, 0, 0 } },
	};
	struct lu_config config = { 0 };
	struct error err;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		assert_int_equal(fault_add(&config, rows[i].text, &err), 0);
		assert_int_equal(config.fault_n, i + 1);
		assert_int_equal(config.faults[i].kind, rows[i].fault.kind);
		assert_int_equal(config.faults[i].lba, rows[i].fault.lba);
		assert_int_equal(config.faults[i].count, rows[i].fault.count);
	}
}

static void
the_rest_is_refused(void **state)
{
	static const char *const rows[] = { "", "read", "read-error",
		"read-error=", "read-error=-1", "read-error= 1",
		"read-error=1+", "read-error=1+0", "read-error=1+-1",
		"read-error=1 ", "read-error=0x1", "read-error=1+2+3",
		"read-errors=1", "read-error=18446744073709551615",
		"read-error=18446744073709551616",
		"read-error=1+18446744073709551615",
		"not-ready=", "not-ready=1", "=" };
	struct lu_config config = { 0 };
	struct error err;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		assert_int_equal(fault_add(&config, rows[i], &err), -1);
		assert_int_equal(err.class, ERROR_USAGE);
		assert_non_null(strstr(err.text, rows[i]));
		assert_int_equal(config.fault_n, 0);
	}
}

static void
there_are_not_too_many(void **state)
{
	struct lu_config config = { 0 };
	struct error err;

	(void)state;
	for (size_t i = 0; i < LU_FAULTS_MAX; i++)
		assert_int_equal(fault_add(&config, "read-error=1", &err), 0);
	assert_int_equal(fault_add(&config, "read-error=1", &err), -1);
	assert_int_equal(config.fault_n, LU_FAULTS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_is_taken),
		cmocka_unit_test(the_rest_is_refused),
		cmocka_unit_test(there_are_not_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
