/* SPDX-License-Identifier: BSD-2-Clause */
/* session_ping(): the answer, the silence, and the ends that come before. */
#include "session_steps.h"

#include <errno.h>

static uint32_t
next_nop(struct rig *r)
{
	struct pdu_nop_out out;

	pdu_get_nop_out(rig_expect(r, PDU_NOP_OUT)->bhs, &out);
	assert_true(out.immediate);
	assert_int_not_equal(out.itt, PDU_TAG_NONE);
	return out.itt;
}

static void
answer(struct rig *r, uint32_t itt)
{
	struct pdu_nop_in in = { .itt = itt, .ttt = PDU_TAG_NONE };
	uint8_t bhs[PDU_BHS_LEN];

	pdu_put_nop_in(bhs, &in);
	rig_send(r, bhs, NULL, 0);
}

/* Without pings of the session's own, and beside them. */
static void
test_answered(void **state)
{
	struct session_ping x = { 0 }, y = { 0 };
	(void)state;

	for (unsigned own = 0; own < 2; own++) {
		struct rig *r = rig_new();

		r->config.ping_interval = own * 5 * CLOCK_S;
		rig_login(r);
		for (unsigned i = 0; i < 3; i++) {
			uint32_t itt;

			assert_int_equal(session_ping(r->s, &x, r->now), 0);
			assert_int_equal(
			    session_ping(r->s, &y, r->now), -EBUSY);
			rig_pump(r);
			itt = next_nop(r);
			rig_pass(r, 1 * CLOCK_S);
			assert_null(session_reap_ping(r->s));
			answer(r, itt);
			assert_ptr_equal(session_reap_ping(r->s), &x);
			assert_true(x.answered);
			assert_null(session_reap_ping(r->s));
		}
		/* It leaves the rhythm of the session's own as it was. */
		rig_pass(r, 4 * CLOCK_S);
		rig_expect_none(r);
		rig_pass(r, 2 * CLOCK_S);
		if (own)
			answer(r, next_nop(r));
		rig_expect_none(r);
		assert_null(session_reap_ping(r->s));
		assert_int_equal(session_state(r->s), SESSION_UP);
		rig_free(r);
	}
}

static void
test_silence(void **state)
{
	struct session_ping x = { 0 };
	struct rig *r = rig_new();
	(void)state;

	r->config.ping_interval = 0;
	rig_login(r);
	rig_pass(r, 20 * CLOCK_S);
	assert_int_equal(session_ping(r->s, &x, r->now), 0);
	rig_pump(r);
	next_nop(r);
	rig_pass(r, 4 * CLOCK_S);
	assert_null(session_reap_ping(r->s));
	rig_pass(r, 2 * CLOCK_S);
	assert_ptr_equal(session_reap_ping(r->s), &x);
	assert_false(x.answered);
	assert_true(strstr(r->error.text, "does not answer") != NULL);
	rig_free(r);
}

static void
test_lost(void **state)
{
	struct session_ping x = { 0 };
	struct rig *r = begin_reconnecting();
	(void)state;

	assert_int_equal(session_ping(r->s, &x, r->now), 0);
	rig_pump(r);
	next_nop(r);
	drop(r);
	assert_ptr_equal(session_reap_ping(r->s), &x);
	assert_false(x.answered);
	assert_int_equal(session_ping(r->s, &x, r->now), -ENOTCONN);
	/* The next connection has one of its own. */
	rig_pass(r, 5 * CLOCK_S);
	assert_int_equal(session_state(r->s), SESSION_UP);
	assert_int_equal(session_ping(r->s, &x, r->now), 0);
	rig_pump(r);
	answer(r, next_nop(r));
	assert_ptr_equal(session_reap_ping(r->s), &x);
	assert_true(x.answered);
	rig_free(r);
}

static void
test_rejected(void **state)
{
	struct session_ping x = { 0 };
	struct rig *r = begin_reconnecting();
	struct pdu_reject h = { .reason = PDU_REJECT_NOT_SUPPORTED };
	uint8_t bhs[PDU_BHS_LEN], what[PDU_BHS_LEN];
	(void)state;

	assert_int_equal(session_ping(r->s, &x, r->now), 0);
	rig_pump(r);
	memcpy(what, rig_expect(r, PDU_NOP_OUT)->bhs, sizeof(what));
	pdu_put_reject(bhs, &h);
	rig_send(r, bhs, what, sizeof(what));
	assert_ptr_equal(session_reap_ping(r->s), &x);
	assert_false(x.answered);
	assert_int_equal(session_state(r->s), SESSION_UP);
	rig_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answered),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
