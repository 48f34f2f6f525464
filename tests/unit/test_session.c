/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session: its life cycle.  What a well-behaved session sends is in
 * tests/conformance.
 */
#include "session_steps.h"

static void
test_first_connect_failure_is_final(void **state)
{
	struct rig *r = rig_new();
	(void)state;

	r->config.reconnect = true;
	r->refuse = true;
	r->s = session_new(&r->config);
	session_add_user(r->s, &r->user);
	session_start(r->s, r->now);
	rig_pass(r, 100 * CLOCK_S);
	assert_int_equal(r->events[SESSION_CONNECT], 1);
	assert_int_equal(r->events[SESSION_LOST], 1);
	assert_int_equal(r->losts, 1);
	assert_true(r->final);
	assert_string_equal(r->error.text, "refused");
	assert_int_equal(session_state(r->s), SESSION_FREE);
	rig_free(r);
}

static void
test_first_login_refusal_is_final(void **state)
{
	struct rig *r = rig_new();
	(void)state;

	r->config.reconnect = true;
	r->login_status = 0x0202;
	r->s = session_new(&r->config);
	session_add_user(r->s, &r->user);
	session_start(r->s, r->now);
	rig_pass(r, 100 * CLOCK_S);
	assert_int_equal(r->logins, 1);
	assert_int_equal(r->events[SESSION_CLOSE], 1);
	assert_true(r->final);
	assert_int_equal(r->error.class, ERROR_REFUSED);
	rig_free(r);
}

static void
test_login_unanswered(void **state)
{
	struct rig *r = rig_new();
	(void)state;

	r->mute = true;
	r->s = session_new(&r->config);
	session_add_user(r->s, &r->user);
	session_start(r->s, r->now);
	rig_pass(r, 14 * CLOCK_S);
	assert_int_equal(session_state(r->s), SESSION_LOGIN);
	rig_pass(r, 2 * CLOCK_S);
	assert_lost(r, "no answer within 15 seconds");
	assert_int_equal(r->error.class, ERROR_UNREACHED);
	rig_free(r);
}

static void
test_dropped_while_logging_in(void **state)
{
	struct rig *r = rig_new();
	(void)state;

	r->mute = true;
	r->s = session_new(&r->config);
	session_add_user(r->s, &r->user);
	session_start(r->s, r->now);
	rig_pump(r);
	drop(r);
	assert_lost(r, "dropped; it may demand CHAP");
	assert_int_equal(r->error.class, ERROR_UNREACHED);
	rig_free(r);
}

/* Later failures are not final, whatever they are, and the ISID stays. */
static void
test_reconnects(void **state)
{
	struct rig *r = begin_reconnecting();
	unsigned tried;
	uint8_t isid[6];
	(void)state;

	memcpy(isid, r->isid, sizeof(isid));
	assert_int_equal(isid[0] & 0xc0, 0x80);
	r->refuse = true;
	drop(r);
	assert_int_equal(r->losts, 1);
	assert_false(r->final);
	assert_int_equal(session_state(r->s), SESSION_WAIT);
	rig_pass(r, 60 * CLOCK_S);
	tried = r->events[SESSION_CONNECT];
	assert_in_range(tried, 25, 80);
	r->refuse = false;
	r->login_status = 0x0203;
	rig_pass(r, 10 * CLOCK_S);
	assert_true(r->events[SESSION_CONNECT] > tried);
	r->login_status = 0;
	rig_pass(r, 3 * CLOCK_S);
	assert_int_equal(session_state(r->s), SESSION_UP);
	assert_memory_equal(r->isid, isid, sizeof(isid));
	assert_int_equal(r->losts, 1);
	assert_int_equal(r->ups, 2);
	assert_int_equal(r->events[SESSION_LOST], 1);
	rig_free(r);
}

/* But where the next connection would end like this one, there is none. */
static void
test_failure_of_our_own_is_final(void **state)
{
	struct rig *r = begin_reconnecting();
	unsigned tried = r->events[SESSION_CONNECT];
	struct error why;
	(void)state;

	error_set(&why, ERROR_FAILED, "nothing to be sent");
	session_disconnected(r->s, r->c, &why, r->now);
	rig_pass(r, 60 * CLOCK_S);
	assert_lost(r, "nothing to be sent");
	assert_true(r->final);
	assert_int_equal(r->events[SESSION_CONNECT], tried);
	assert_int_equal(session_state(r->s), SESSION_FREE);
	rig_free(r);
}

static void
test_isids_differ(void **state)
{
	struct rig *a = rig_new(), *b = rig_new();
	(void)state;

	b->chance = 4711;
	rig_login(a);
	rig_login(b);
	assert_memory_not_equal(a->isid, b->isid, 6);
	rig_free(a);
	rig_free(b);
}

static void
test_redirect_for_ever(void **state)
{
	struct rig *r = rig_new();
	(void)state;

	r->config.reconnect = true;
	r->login_status = 0x0101;
	r->redirect = "192.0.2.77:3261";
	r->s = session_new(&r->config);
	session_add_user(r->s, &r->user);
	session_start(r->s, r->now);
	/* Redirected for ever: given up after a few. */
	rig_pass(r, CLOCK_S);
	assert_string_equal(r->portal, "192.0.2.77:3261");
	assert_lost(r, "redirected");
	assert_true(r->final);
	assert_int_equal(r->logins, 9);
	rig_free(r);
}

/* To another portal and back: which one a later login begins with. */
static void
redirect(uint16_t status, const char *expected)
{
	struct rig *r = rig_new();

	r->config.reconnect = true;
	r->config.ping_interval = 0;
	r->login_status = status;
	r->redirect = "192.0.2.77:3261";
	r->redirect_once = true;
	rig_login(r);
	assert_int_equal(r->logins, 2);
	assert_string_equal(r->portal, "192.0.2.77:3261");
	drop(r);
	rig_pass(r, 5 * CLOCK_S);
	assert_int_equal(r->logins, 3);
	assert_string_equal(r->portal, expected);
	rig_free(r);
}

static void
test_redirects(void **state)
{
	(void)state;
	redirect(0x0101, "192.0.2.1:3260");
	redirect(0x0102, "192.0.2.77:3261");
}

static void
test_end_before_start(void **state)
{
	struct rig *r = rig_new();
	(void)state;

	r->s = session_new(&r->config);
	session_add_user(r->s, &r->user);
	session_end(r->s, r->now);
	rig_pump(r);
	assert_int_equal(r->events[SESSION_ENDED], 1);
	rig_free(r);
}

static void
test_end_while_connecting(void **state)
{
	struct rig *r = rig_new();
	struct session_event ev;
	(void)state;

	r->s = session_new(&r->config);
	session_add_user(r->s, &r->user);
	session_start(r->s, r->now);
	assert_true(session_event(r->s, &ev));
	assert_int_equal(ev.type, SESSION_CONNECT);
	session_end(r->s, r->now);
	assert_true(session_event(r->s, &ev));
	assert_int_equal(ev.type, SESSION_CLOSE);
	assert_true(session_event(r->s, &ev));
	assert_int_equal(ev.type, SESSION_ENDED);
	/* Reports that come too late change nothing. */
	session_connected(r->s, ev.conn, r->now);
	session_connect_failed(r->s, ev.conn, &ev.error, r->now);
	session_disconnected(r->s, ev.conn, &ev.error, r->now);
	assert_false(session_event(r->s, &ev));
	assert_int_equal(session_state(r->s), SESSION_FREE);
	rig_free(r);
}

static void
test_end_while_waiting(void **state)
{
	struct rig *r = begin_reconnecting();
	struct rig_task *t;
	(void)state;

	t = rig_write(r, 512);
	rig_expect(r, PDU_SCSI_COMMAND);
	drop(r);
	assert_int_equal(t->done, 0);
	session_end(r->s, r->now);
	rig_pump(r);
	assert_int_equal(r->events[SESSION_ENDED], 1);
	/* Nobody is left to wait for. */
	assert_done(t, TASK_LOST, 0);
	rig_free(r);
}

static void
test_end_with_tasks(void **state)
{
	struct rig *r = rig_new();
	struct rig_task *flight, *queued, *late;
	(void)state;

	r->window = 1;
	r->config.ping_interval = 0;
	rig_login(r);
	flight = rig_write(r, 512);
	queued = rig_write(r, 512);
	rig_expect(r, PDU_SCSI_COMMAND);
	session_end(r->s, r->now);
	rig_pump(r);
	assert_done(queued, TASK_UNSENT, 0);
	rig_expect(r, PDU_LOGOUT_REQUEST);
	late = rig_write(r, 512);
	assert_done(late, TASK_UNSENT, 0);
	rig_expect_none(r);
	/* The logout is not answered. */
	rig_pass(r, 16 * CLOCK_S);
	assert_int_equal(r->events[SESSION_ENDED], 1);
	assert_done(flight, TASK_LOST, 0);
	rig_free(r);
}

/* A logout that is cut off still ends the session. */
static void
test_end_and_drop(void **state)
{
	struct rig *r = begin_reconnecting();
	(void)state;

	session_end(r->s, r->now);
	rig_pump(r);
	rig_expect(r, PDU_LOGOUT_REQUEST);
	drop(r);
	assert_int_equal(r->events[SESSION_ENDED], 1);
	rig_pass(r, 60 * CLOCK_S);
	assert_int_equal(r->logins, 1);
	rig_free(r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_connect_failure_is_final),
		cmocka_unit_test(test_first_login_refusal_is_final),
		cmocka_unit_test(test_login_unanswered),
		cmocka_unit_test(test_dropped_while_logging_in),
		cmocka_unit_test(test_reconnects),
		cmocka_unit_test(test_failure_of_our_own_is_final),
		cmocka_unit_test(test_isids_differ),
		cmocka_unit_test(test_redirect_for_ever),
		cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_end_before_start),
		cmocka_unit_test(test_end_while_connecting),
		cmocka_unit_test(test_end_while_waiting),
		cmocka_unit_test(test_end_with_tasks),
		cmocka_unit_test(test_end_and_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
