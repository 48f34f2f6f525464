/* SPDX-License-Identifier: BSD-2-Clause */
/* block/lun_identity: the line that names a logical unit. */
#include "block/lun_identity.h"

#include "unit.h"

static struct lun_identity id;
static char text[400];

static void
add(uint8_t code_set, uint8_t type, const void *value, uint8_t len)
{
	uint8_t *to = id.designators + id.designators_len;

	to[0] = code_set;
	to[1] = type;
	to[2] = len;
	memcpy(to + 3, value, len);
	id.designators_len = (uint16_t)(id.designators_len + 3 + len);
	id.has_designators = true;
}

static void
serial(const char *value)
{
	id.has_serial = true;
	strcpy(id.serial, value);
}

static const char *
line(void)
{
	memset(text, 'x', sizeof(text));
	lun_identity_text(&id, text, sizeof(text));
	return text;
}

static int
setup(void **state)
{
	(void)state;
	memset(&id, 0, sizeof(id));
	return 0;
}

static void
the_best_designator(void **state)
{
	(void)state;
	assert_string_equal(line(), "");
	add(DESIGNATOR_ASCII, DESIGNATOR_T10, "IET     00010001  ", 18);
	assert_string_equal(line(), "t10.IET     00010001");
	add(DESIGNATOR_UTF8, DESIGNATOR_NAME, "iqn.x,L,0\0\0\0", 12);
	assert_string_equal(line(), "name.iqn.x,L,0");
	add(DESIGNATOR_BINARY, DESIGNATOR_EUI64,
	    "\x01\x02\x03\x04\x05\x06\x07\xff", 8);
	assert_string_equal(line(), "eui.01020304050607ff");
	add(DESIGNATOR_BINARY, DESIGNATOR_NAA, "\x60\x01\x40\x05", 4);
	assert_string_equal(line(), "naa.60014005");
	serial("S 17");
	assert_string_equal(line(), "naa.60014005 serial S 17");
}

static void
a_serial_number_alone(void **state)
{
	(void)state;
	serial("17");
	assert_string_equal(line(), "serial 17");
}

/* Others may not forge a line of their own. */
static void
what_the_target_says_is_escaped(void **state)
{
	(void)state;
	add(DESIGNATOR_ASCII, DESIGNATOR_T10, "a\nb", 3);
	serial("\x1b[2J");
	assert_string_equal(line(), "t10.a\\x0ab serial \\x1b[2J");
}

static void
what_is_too_long_is_cut(void **state)
{
	uint8_t value[255];
	char small[40];

	(void)state;
	memset(value, 0xab, sizeof(value));
	add(DESIGNATOR_BINARY, DESIGNATOR_NAA, value, sizeof(value));
	serial("17");
	for (size_t size = 1; size <= sizeof(small); size++) {
		memset(small, 'x', sizeof(small));
		lun_identity_text(&id, small, size);
		assert_true(strlen(small) < size);
	}
	assert_int_equal(strlen(line()), sizeof(text) - 2);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_best_designator, setup),
		cmocka_unit_test_setup(a_serial_number_alone, setup),
		cmocka_unit_test_setup(what_the_target_says_is_escaped, setup),
		cmocka_unit_test_setup(what_is_too_long_is_cut, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
