/* SPDX-License-Identifier: BSD-2-Clause */
/* fsm.h */
#include "unit.h"

#include "base/fsm.h"

enum state { ONE, TWO, THREE };
enum event { GO, STAY };

static const struct {
	unsigned from;
	enum event event;
	enum state to;
} rows[] = {
	{ BIT(ONE) | BIT(TWO), GO, THREE },
	{ BIT(TWO), GO, ONE },
	{ BIT(THREE), STAY, THREE },
};

static void
the_first_row_that_fits(void **state)
{
	(void)state;
	assert_ptr_equal(FSM_FIND(rows, ONE, GO), &rows[0]);
	assert_ptr_equal(FSM_FIND(rows, TWO, GO), &rows[0]);
	assert_ptr_equal(FSM_FIND(rows, THREE, STAY), &rows[2]);
}

static void
none(void **state)
{
	(void)state;
	assert_null(FSM_FIND(rows, THREE, GO));
	assert_null(FSM_FIND(rows, ONE, STAY));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_row_that_fits),
		cmocka_unit_test(none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
