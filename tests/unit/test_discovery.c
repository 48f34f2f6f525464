/* SPDX-License-Identifier: BSD-2-Clause */
#include "session/discovery.h"
#include "unit.h"

#define parse(text, d, err) discovery_parse(text, sizeof(text) - 1, d, err)

static void
test_targets_and_portals(void **state)
{
	static const char text[] = "TargetName=iqn.2001-04.com.example:a\0"
				   "TargetAddress=192.0.2.1:3260,1\0"
				   "TargetAddress=[2001:db8::1]:3260,2\0"
				   "TargetName=iqn.2001-04.com.example:b\0"
				   "TargetName=iqn.2001-04.com.example:c\0"
				   "X-com.example.odd=1,2,3\0"
				   "TargetAddress=host.example,65535\0";
	struct discovery d;
	struct error err;
	(void)state;

	assert_int_equal(parse(text, &d, &err), 0);
	assert_int_equal(d.targets_n, 3);
	assert_string_equal(d.targets[0].name, "iqn.2001-04.com.example:a");
	assert_int_equal(d.targets[0].portals_n, 2);
	assert_string_equal(d.targets[0].portals[0].address, "192.0.2.1:3260");
	assert_int_equal(d.targets[0].portals[0].tpgt, 1);
	assert_string_equal(
	    d.targets[0].portals[1].address, "[2001:db8::1]:3260");
	assert_int_equal(d.targets[0].portals[1].tpgt, 2);
	assert_int_equal(d.targets[1].portals_n, 0);
	assert_int_equal(d.targets[2].portals_n, 1);
	assert_string_equal(d.targets[2].portals[0].address, "host.example");
	assert_int_equal(d.targets[2].portals[0].tpgt, 65535);
	discovery_free(&d);
}

static void
test_name_repeated(void **state)
{
	static const char text[] = "TargetName=a\0TargetAddress=h:1,1\0"
				   "TargetName=a\0TargetAddress=h:2,1\0";
	struct discovery d;
	(void)state;

	assert_int_equal(parse(text, &d, NULL), 0);
	assert_int_equal(d.targets_n, 1);
	assert_int_equal(d.targets[0].portals_n, 2);
	discovery_free(&d);
}

static void
test_nothing(void **state)
{
	struct discovery d;
	(void)state;

	assert_int_equal(discovery_parse(NULL, 0, &d, NULL), 0);
	assert_int_equal(d.targets_n, 0);
	discovery_free(&d);
	assert_int_equal(parse("\0\0\0", &d, NULL), 0);
	assert_int_equal(d.targets_n, 0);
	discovery_free(&d);
	/* The last NUL is missing. */
	assert_int_equal(parse("TargetName=a", &d, NULL), 0);
	assert_string_equal(d.targets[0].name, "a");
	discovery_free(&d);
}

static void
test_not_valid(void **state)
{
	static const char *const texts[] = {
		"TargetAddress=h:1,1",
		"TargetName=",
		"TargetName=a\nTargetAddress=h:1",
		"TargetName=a\nTargetAddress=,1",
		"TargetName=a\nTargetAddress=h:1,",
		"TargetName=a\nTargetAddress=h:1,x",
		"TargetName=a\nTargetAddress=h:1,-1",
		"TargetName=a\nTargetAddress=h:1,1x",
		"TargetName=a\nTargetAddress=h:1,65536",
		"TargetName=a\nTargetAddress=h:1,99999999999999999999",
	};
	struct discovery d;
	struct error err;
	char text[1024];
	(void)state;

	for (size_t i = 0; i < countof(texts); i++) {
		strcpy(text, texts[i]);
		for (char *p = text; *p != '\0'; p++)
			if (*p == '\n') {
				*p = '\0';
				break;
			}
		assert_true(
		    discovery_parse(text, strlen(texts[i]), &d, &err) < 0);
		assert_non_null(strstr(err.text, "SendTargets"));
	}
	memset(text, 'a', sizeof(text));
	memcpy(text, "TargetName=", 11);
	assert_true(discovery_parse(text, 11 + 224, &d, &err) < 0);
	assert_int_equal(discovery_parse(text, 11 + 223, &d, &err), 0);
	discovery_free(&d);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets_and_portals),
		cmocka_unit_test(test_name_repeated),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_not_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
