/* SPDX-License-Identifier: BSD-2-Clause */
/* test_name - names that pass, and the fault of each that does not. */
#include <errno.h>

#include "proto/name.h"
#include "unit.h"

static void
test_good(void **state)
{
	static const char *const names[] = {
		/* RFC 7143, 4.2.7.3 ff. */
		"iqn.2001-04.com.example:storage:diskarrays-sn-a8675309",
		"iqn.2001-04.com.example",
		"iqn.2001-04.com.example:storage.tape1.sys1.xyz",
		"eui.02004567A425678D",
		"naa.52004567BA64678D",
		"naa.62004567BA64678D0123456789ABCDEF",
		/* as programs and vendors make them */
		"iqn.1993-08.org.debian:01:8d2f51e2a5c3",
		"iqn.1991-05.com.microsoft:win-1.example.com",
		"iqn.2000-01.com.synology:NAS.Target-1.0a1b2c3d4e",
		"iqn.2003-01.org.linux-iscsi.my_host.x8664:sn.42",
		"IQN.2001-04.com.example:disk",
		"iqn.2001-12.local:d",
		"iqn.2001-04.com.example:d\xc3\xa4mon",
		"iqn.2001-04.com.example:\xe7\xa3\x81\xf0\x9f\x92\xbe",
	};
	size_t i;

	(void)state;
	for (i = 0; i < countof(names); i++)
		if (name_fault(names[i]) != NULL)
			fail_msg("%s: %s", names[i], name_fault(names[i]));
}

static void
test_bad(void **state)
{
	static const struct {
		const char *name;
		const char *fault;
	} rows[] = {
		{ "", "is empty" },
		{ "disk", "does not begin with 'iqn.', 'eui.' or 'naa.'" },
		{ "iqn", "does not begin with 'iqn.', 'eui.' or 'naa.'" },
		{ "iqn:2001-04.com.example",
		    "does not begin with 'iqn.', 'eui.' or 'naa.'" },
		{ "iqn.", "lacks a date like 2001-04 and a dot after 'iqn.'" },
		{ "iqn.com.example:disk",
		    "lacks a date like 2001-04 and a dot after 'iqn.'" },
		{ "iqn.2001-4.com.example:disk",
		    "lacks a date like 2001-04 and a dot after 'iqn.'" },
		{ "iqn.2001-04",
		    "lacks a date like 2001-04 and a dot after 'iqn.'" },
		{ "iqn.2001-13.com.example:disk",
		    "has a month that is not 01 to 12" },
		{ "iqn.2001-00.com.example:disk",
		    "has a month that is not 01 to 12" },
		{ "iqn.2001-04.",
		    "lacks the reversed domain name after its date" },
		{ "iqn.2001-04.:disk",
		    "lacks the reversed domain name after its date" },
		{ "iqn.2001-04.com.",
		    "lacks the reversed domain name after its date" },
		{ "iqn.2001-04..com:disk",
		    "has an empty label in its domain name" },
		{ "iqn.2001-04.com..example:disk",
		    "has an empty label in its domain name" },
		{ "iqn.2001-04.com.example:", "has nothing after its colon" },
		{ "iqn.2001-04.com.example:a disk", "contains white space" },
		{ "iqn.2001-04.com.example:disk\n", "contains white space" },
		{ "iqn.2001-04.com.example:\x01",
		    "contains a control character" },
		{ "iqn.2001-04.com.example:\x7f",
		    "contains a control character" },
		{ "iqn.2001-04.com.example:disk/1",
		    "contains a character other than letters, digits, '-', "
		    "'.', ':' and '_'" },
		{ "iqn.2001-04.com.example:a,b",
		    "contains a character other than letters, digits, '-', "
		    "'.', ':' and '_'" },
		{ "iqn.2001-04.com.example:\xff", "is not valid UTF-8" },
		{ "iqn.2001-04.com.example:\xc3", "is not valid UTF-8" },
		{ "iqn.2001-04.com.example:\xc0\xaf", "is not valid UTF-8" },
		{ "iqn.2001-04.com.example:\xe0\x80\xaf",
		    "is not valid UTF-8" },
		{ "iqn.2001-04.com.example:\xed\xa0\x80",
		    "is not valid UTF-8" },
		{ "iqn.2001-04.com.example:\xf4\x90\x80\x80",
		    "is not valid UTF-8" },
		{ "iqn.2001-04.com.example:\xc2\x85", "is not valid UTF-8" },
		{ "eui.02004567A425678",
		    "does not have 16 hex digits after 'eui.'" },
		{ "eui.02004567A425678DF",
		    "does not have 16 hex digits after 'eui.'" },
		{ "eui.02004567A425678G",
		    "does not have 16 hex digits after 'eui.'" },
		{ "naa.52004567BA64678",
		    "does not have 16 or 32 hex digits after 'naa.'" },
		{ "naa.62004567BA64678D0123456789ABCDE",
		    "does not have 16 or 32 hex digits after 'naa.'" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < countof(rows); i++) {
		if (name_fault(rows[i].name) == NULL)
			fail_msg("'%s' passes", rows[i].name);
		assert_string_equal(name_fault(rows[i].name), rows[i].fault);
	}
}

static void
test_length(void **state)
{
	char name[ISCSI_NAME_MAX + 2] = "iqn.2001-04.com.example:";
	size_t n = strlen(name);

	(void)state;
	memset(name + n, 'x', ISCSI_NAME_MAX - n);
	assert_null(name_fault(name));
	name[ISCSI_NAME_MAX] = 'x';
	assert_string_equal(name_fault(name), "is longer than 223 bytes");
}

static void
test_check(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(name_check("eui.02004567A425678D", "target", &err), 0);
	assert_int_equal(err.class, ERROR_NONE);
	assert_int_equal(name_check("a\033b", "target", &err), -EINVAL);
	assert_int_equal(err.class, ERROR_USAGE);
	assert_string_equal(err.text,
	    "the target name 'a\\x1bb' does not begin with 'iqn.', 'eui.' or "
	    "'naa.'; names look like iqn.2001-04.com.example:disk");
}

static void
test_equal(void **state)
{
	(void)state;
	assert_true(name_equal(
	    "iqn.2001-04.com.example:NAS", "IQN.2001-04.com.example:nas"));
	assert_false(name_equal(
	    "iqn.2001-04.com.example:nas", "iqn.2001-04.com.example:nas2"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_equal),
	};

	return cmocka_run_group_tests_name("name", tests, NULL, NULL);
}
