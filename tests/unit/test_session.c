/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session: its life cycle, what becomes of tasks when things go wrong, and that
 * a target which breaks the protocol ends its connection and nothing else.
 * What a well-behaved session sends is in tests/conformance.
 */
#include "../conformance/rig.h"

static struct rig *
begin_reconnecting(void)
{
	struct rig *r = rig_new();

	r->config.reconnect = true;
	r->config.ping_interval = 0;
	rig_login(r);
	return r;
}

static void
drop(struct rig *r)
{
	struct error why;

	error_set(&why, ERROR_UNREACHED, "dropped");
	session_disconnected(r->s, r->c, &why, r->now);
	rig_pump(r);
}

static uint32_t
next_itt(struct rig *r)
{
	return pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs);
}

/*
 * ---- life cycle ----
 */

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

/*
 * ---- what becomes of tasks ----
 */

static void
test_loss_by_policy(void **state)
{
	struct rig *r = rig_new();
	struct rig_task *query, *replay, *once, *unsent, *late;
	(void)state;

	r->config.reconnect = true;
	r->config.ping_interval = 0;
	r->window = 3;
	rig_login(r);
	query = rig_read(r, 512);
	replay = rig_write(r, 512);
	once = rig_write(r, 512);
	once->task.policy = TASK_ONCE;
	unsent = rig_write(r, 512);
	drop(r);
	assert_done(query, TASK_LOST, 0);
	assert_done(unsent, TASK_UNSENT, 0);
	late = rig_read(r, 512);
	assert_done(late, TASK_UNSENT, 0);
	assert_int_equal(replay->done, 0);
	assert_int_equal(once->done, 0);
	rig_pass(r, 5 * CLOCK_S);
	assert_done(replay, TASK_LOST, 0);
	assert_done(once, TASK_LOST, 0);
	rig_free(r);
}

/* While the target stays away, a write that may have reached it stays open,
 * also beyond its time-out. */
static void
test_orphans_wait(void **state)
{
	struct rig *r = begin_reconnecting();
	struct rig_task *t;
	(void)state;

	t = rig_write(r, 512);
	r->refuse = true;
	drop(r);
	rig_pass(r, 300 * CLOCK_S);
	assert_int_equal(t->done, 0);
	r->refuse = false;
	rig_pass(r, 3 * CLOCK_S);
	assert_done(t, TASK_LOST, 0);
	rig_free(r);
}

/* Another portal group: that login reinstated nothing. */
static void
test_orphans_and_portal_group(void **state)
{
	struct rig *r = rig_new();
	struct rig_task *t;
	uint64_t keep;
	(void)state;

	r->config.reconnect = true;
	r->config.ping_interval = 0;
	rig_login(r);
	keep = (uint64_t)session_params(r->s)->time2wait +
	       session_params(r->s)->time2retain;
	if (keep < 4)
		skip();
	t = rig_write(r, 512);
	r->tpgt = 2;
	drop(r);
	rig_pass(r, 3 * CLOCK_S);
	assert_int_equal(session_state(r->s), SESSION_UP);
	assert_int_equal(t->done, 0);
	rig_pass(r, keep * CLOCK_S);
	assert_done(t, TASK_LOST, 0);
	rig_free(r);
}

static void
test_time_out_of_a_queued_task(void **state)
{
	struct rig *r = rig_new();
	struct rig_task *t;
	(void)state;

	r->window = 0;
	r->config.ping_interval = 0;
	rig_login(r);
	t = rig_write(r, 512);
	rig_pass(r, 31 * CLOCK_S);
	assert_done(t, TASK_TIMEDOUT, 0);
	rig_expect_none(r);
	assert_int_equal(session_state(r->s), SESSION_UP);
	rig_free(r);
}

static uint32_t
abort_itt(struct rig *r)
{
	return pdu_itt(rig_expect(r, PDU_TMF_REQUEST)->bhs);
}

static void
answer_abort(struct rig *r, uint32_t itt, uint8_t response)
{
	struct pdu_tmf_response h = { .itt = itt, .response = response };
	uint8_t bhs[PDU_BHS_LEN];

	pdu_put_tmf_response(bhs, &h);
	rig_send(r, bhs, NULL, 0);
}

static void
test_abort_unanswered(void **state)
{
	struct rig *r = begin_reconnecting();
	struct rig_task *t;
	(void)state;

	t = rig_write(r, 512);
	next_itt(r);
	rig_pass(r, 31 * CLOCK_S);
	abort_itt(r);
	rig_pass(r, 13 * CLOCK_S);
	assert_int_equal(session_state(r->s), SESSION_UP);
	assert_int_equal(t->done, 0);
	rig_pass(r, 5 * CLOCK_S);
	assert_int_equal(r->logins, 2);
	assert_done(t, TASK_TIMEDOUT, 0);
	rig_free(r);
}

static void
test_abort_refused(void **state)
{
	struct rig *r = begin_reconnecting();
	struct rig_task *t;
	(void)state;

	t = rig_write(r, 512);
	next_itt(r);
	rig_pass(r, 31 * CLOCK_S);
	answer_abort(r, abort_itt(r), PDU_TMF_NOT_SUPPORTED);
	assert_lost(r, "did not abort");
	assert_int_equal(t->done, 0);
	rig_pass(r, 3 * CLOCK_S);
	assert_done(t, TASK_TIMEDOUT, 0);
	rig_free(r);
}

/* The status wins over the abort that crosses it. */
static void
test_abort_too_late(void **state)
{
	struct rig *r = begin_reconnecting();
	struct rig_task *t;
	uint32_t itt, tmf;
	(void)state;

	t = rig_write(r, 512);
	itt = next_itt(r);
	rig_pass(r, 31 * CLOCK_S);
	tmf = abort_itt(r);
	rig_respond(r, itt, 0);
	assert_done(t, TASK_DONE, 0);
	answer_abort(r, tmf, PDU_TMF_NO_TASK);
	assert_int_equal(session_state(r->s), SESSION_UP);
	/* One answer was due, not two. */
	answer_abort(r, tmf, PDU_TMF_NO_TASK);
	assert_lost(r, "Task Management");
	rig_free(r);
}

/* R2Ts are answered until the target has confirmed the abort. */
static void
test_abort_with_data(void **state)
{
	struct rig *r = rig_new();
	struct rig_task *t;
	uint32_t itt, tmf;
	(void)state;

	r->config.ping_interval = 0;
	r->offer.initial_r2t = true;
	r->offer.immediate_data = false;
	rig_login(r);
	t = rig_write(r, 8192);
	itt = next_itt(r);
	rig_pass(r, 31 * CLOCK_S);
	tmf = abort_itt(r);
	rig_r2t(r, itt, 1, 0, 0, 4096);
	rig_expect(r, PDU_DATA_OUT);
	answer_abort(r, tmf, PDU_TMF_COMPLETE);
	assert_done(t, TASK_TIMEDOUT, 0);
	/* And not after that. */
	rig_r2t(r, itt, 2, 1, 4096, 4096);
	assert_lost(r, "no command has");
	rig_free(r);
}

/* A write whose status has come while its first Data-Out was being sent. */
static struct rig_task *
early_status(struct rig *r, uint8_t status)
{
	struct pdu_scsi_response h = { .status = status };
	uint8_t bhs[PDU_BHS_LEN];
	struct iovec iov[64];
	struct rig_task *t;
	uint32_t itt;

	r->config.ping_interval = 0;
	r->offer.initial_r2t = true;
	r->offer.immediate_data = false;
	r->config.offer.max_burst = r->offer.max_burst = 1 << 20;
	r->offer.max_recv_data_segment = 65536;
	rig_login(r);
	t = rig_write(r, 1 << 20);
	itt = next_itt(r);
	struct pdu_r2t r2t = { .itt = itt,
		.ttt = 1,
		.length = 1 << 20,
		.statsn = r->statsn,
		.expcmdsn = r->expcmdsn,
		.maxcmdsn = r->expcmdsn + 10 };

	pdu_put_r2t(bhs, &r2t);
	conn_rx_iov(r->c, iov, 1);
	memcpy(iov[0].iov_base, bhs, sizeof(bhs));
	conn_rx_done(r->c, sizeof(bhs), r->now);
	/* The first of its Data-Out PDUs has begun. */
	assert_true(conn_tx_iov(r->c, iov, 64, r->now) > 1);
	conn_tx_done(r->c, 1000, r->now);
	h.itt = itt;
	h.statsn = r->statsn;
	h.expcmdsn = r->expcmdsn;
	h.maxcmdsn = r->expcmdsn + 10;
	pdu_put_scsi_response(bhs, &h);
	conn_rx_iov(r->c, iov, 1);
	memcpy(iov[0].iov_base, bhs, sizeof(bhs));
	conn_rx_done(r->c, sizeof(bhs), r->now);
	assert_null(session_reap(r->s));
	return t;
}

/* The task ends when the PDU that has begun has gone, and nothing more of it is
 * sent.  GOOD is no success. */
static void
end_early(uint8_t status)
{
	struct rig *r = rig_new();
	struct rig_task *t = early_status(r, status);
	struct iovec iov[64];
	size_t len;
	int n;

	while ((n = conn_tx_iov(r->c, iov, 64, r->now)) > 0) {
		assert_null(session_reap(r->s));
		for (len = 0; n > 0; n--)
			len += iov[n - 1].iov_len;
		conn_tx_done(r->c, len, r->now);
	}
	assert_ptr_equal(session_reap(r->s), &t->task);
	t->done++;
	assert_done(t, TASK_DONE, status);
	/* What had not gone then, the target did not have. */
	assert_true(t->task.transferred < t->task.length);
	rig_free(r);
}

static void
test_early_status(void **state)
{
	(void)state;
	end_early(2);
	end_early(0);
}

/* The target answers, but takes no more data: that ends, too. */
static void
test_early_status_then_stuck(void **state)
{
	struct rig *r = rig_new();
	struct rig_task *t = early_status(r, 2);
	(void)state;

	assert_true(session_deadline(r->s) <= r->now + 31 * CLOCK_S);
	r->now += 31 * CLOCK_S;
	session_tick(r->s, r->now);
	assert_ptr_equal(session_reap(r->s), &t->task);
	t->done++;
	assert_done(t, TASK_DONE, 2);
	assert_int_equal(session_state(r->s), SESSION_FREE);
	rig_pump(r);
	rig_free(r);
}

/* Many commands with immediate data and one that was asked for its data: both
 * go on. */
static void
test_turns(void **state)
{
	struct rig *r = rig_new();
	unsigned commands = 0, longest = 0, stretch = 0, data = 0;
	struct pdu_r2t r2t = { .ttt = 1, .offset = 512, .length = 8 * 512 };
	uint8_t bhs[PDU_BHS_LEN];
	struct iovec iov;
	(void)state;

	r->window = 500;
	r->config.offer.first_burst = r->offer.first_burst = 512;
	r->offer.max_recv_data_segment = 512;
	r->offer.initial_r2t = true;
	rig_login(r);
	rig_write(r, 9 * 512);
	r2t.itt = next_itt(r);
	r2t.statsn = r->statsn;
	r2t.expcmdsn = r->expcmdsn;
	r2t.maxcmdsn = r->expcmdsn + 499;
	pdu_put_r2t(bhs, &r2t);
	conn_rx_iov(r->c, &iov, 1);
	memcpy(iov.iov_base, bhs, sizeof(bhs));
	conn_rx_done(r->c, sizeof(bhs), r->now);
	r->hold = true;
	for (int i = 0; i < 200; i++)
		rig_test_unit_ready(r);
	r->hold = false;
	rig_pump(r);
	while (r->count > 0 && data < 8) {
		if (pdu_opcode(r->pdus[r->first].bhs) == PDU_DATA_OUT) {
			rig_expect(r, PDU_DATA_OUT);
			data++;
			stretch = 0;
			continue;
		}
		rig_expect(r, PDU_SCSI_COMMAND);
		commands++;
		if (++stretch > longest)
			longest = stretch;
	}
	assert_int_equal(data, 8);
	assert_true(commands >= 7 * 8);
	assert_true(longest <= 32);
	rig_free(r);
}

static void
test_residuals(void **state)
{
	static const struct {
		uint32_t sent;
		bool underflow, overflow;
		uint32_t residual, transferred;
	} cases[] = {
		{ 512, false, false, 0, 512 },
		{ 100, true, false, 412, 100 },
		{ 100, false, false, 0, 100 },	/* says nothing of it */
		{ 512, true, false, 412, 100 }, /* takes it back */
		{ 100, true, false, 12, 100 },	/* claims more */
		{ 512, true, false, 5000, 0 },
		{ 512, false, true, 5000, 512 },
	};
	struct rig *r = begin_reconnecting();
	uint8_t bhs[PDU_BHS_LEN];
	struct rig_task *t;
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pdu_scsi_response h = { .underflow = cases[i].underflow,
			.overflow = cases[i].overflow,
			.residual = cases[i].residual };

		t = rig_read(r, 512);
		h.itt = next_itt(r);
		rig_data_in(r, h.itt, 0, 0, cases[i].sent, false);
		pdu_put_scsi_response(bhs, &h);
		rig_send(r, bhs, NULL, 0);
		assert_done(t, TASK_DONE, 0);
		assert_int_equal(t->task.transferred, cases[i].transferred);
		assert_int_equal(t->task.overflow, cases[i].overflow);
	}
	rig_free(r);
}

/* GOOD for a write whose data was never asked for is no success. */
static void
test_write_never_asked_for(void **state)
{
	struct rig *r = rig_new();
	struct rig_task *t;
	uint32_t itt;
	(void)state;

	r->config.ping_interval = 0;
	r->offer.initial_r2t = true;
	r->offer.immediate_data = false;
	rig_login(r);
	t = rig_write(r, 8192);
	itt = next_itt(r);
	rig_r2t(r, itt, 1, 0, 0, 4096);
	rig_respond(r, itt, 0);
	assert_done(t, TASK_DONE, 0);
	assert_int_equal(t->task.transferred, 4096);
	rig_free(r);
}

static void
test_target_failure(void **state)
{
	struct rig *r = begin_reconnecting();
	struct pdu_scsi_response h = { .response = PDU_RESPONSE_FAILURE };
	uint8_t bhs[PDU_BHS_LEN];
	struct rig_task *t;
	(void)state;

	t = rig_write(r, 512);
	h.itt = next_itt(r);
	pdu_put_scsi_response(bhs, &h);
	rig_send(r, bhs, NULL, 0);
	assert_done(t, TASK_BAD_REPLY, 0);
	assert_int_equal(session_state(r->s), SESSION_UP);
	rig_free(r);
}

static void
reject(struct rig *r, const uint8_t *what)
{
	struct pdu_reject h = { .reason = PDU_REJECT_NOT_SUPPORTED };
	uint8_t bhs[PDU_BHS_LEN];

	pdu_put_reject(bhs, &h);
	rig_send(r, bhs, what, PDU_BHS_LEN);
}

static void
test_rejects(void **state)
{
	struct rig *r = begin_reconnecting();
	struct text_exchange x = { .request = "a=b", .request_len = 4 };
	uint8_t bhs[PDU_BHS_LEN];
	struct rig_task *t;
	(void)state;

	t = rig_write(r, 512);
	memcpy(bhs, rig_expect(r, PDU_SCSI_COMMAND)->bhs, sizeof(bhs));
	reject(r, bhs);
	assert_done(t, TASK_BAD_REPLY, 0);
	/* Its status may follow, once. */
	rig_respond(r, pdu_itt(bhs), 2);
	assert_int_equal(session_state(r->s), SESSION_UP);

	session_text(r->s, &x, r->now);
	rig_pump(r);
	memcpy(bhs, rig_expect(r, PDU_TEXT_REQUEST)->bhs, sizeof(bhs));
	reject(r, bhs);
	assert_ptr_equal(session_reap_text(r->s), &x);
	assert_true(x.result < 0);
	assert_int_equal(session_state(r->s), SESSION_UP);

	/* Of nothing that we sent. */
	reject(r, bhs);
	assert_lost(r, "rejected");
	rig_free(r);
}

/* The target did not take the command's number: everything would wait for it.
 */
static void
test_reject_that_leaves_a_hole(void **state)
{
	struct rig *r = begin_reconnecting();
	uint8_t bhs[PDU_BHS_LEN];
	struct rig_task *t;
	(void)state;

	t = rig_write(r, 512);
	memcpy(bhs, rig_expect(r, PDU_SCSI_COMMAND)->bhs, sizeof(bhs));
	r->expcmdsn--;
	reject(r, bhs);
	assert_lost(r, "rejected a SCSI Command");
	assert_int_equal(t->done, 0);
	rig_pass(r, 5 * CLOCK_S);
	assert_done(t, TASK_LOST, 0);
	rig_free(r);
}

static void
test_busy_then_lost(void **state)
{
	struct rig *r = begin_reconnecting();
	struct rig_task *t;
	(void)state;

	t = rig_write(r, 512);
	rig_respond(r, next_itt(r), 0x08);
	assert_int_equal(t->done, 0);
	drop(r);
	assert_done(t, TASK_UNSENT, 0);
	rig_free(r);
}

static void
test_submitted_again(void **state)
{
	struct rig *r = begin_reconnecting();
	struct rig_task *t;
	uint32_t itt;
	(void)state;

	t = rig_read(r, 512);
	itt = next_itt(r);
	rig_data_in(r, itt, 0, 0, 100, false);
	drop(r);
	assert_done(t, TASK_LOST, 0);
	rig_pass(r, 5 * CLOCK_S);
	t->done = 0;
	session_submit(r->s, &t->task, r->now);
	rig_pump(r);
	itt = next_itt(r);
	rig_data_in(r, itt, 0, 0, 512, true);
	assert_done(t, TASK_DONE, 0);
	assert_int_equal(t->task.transferred, 512);
	rig_free(r);
}

static void
test_digests(void **state)
{
	struct rig *r = rig_new();
	struct digest_list crc = { 1, { DIGEST_CRC32C } };
	struct iovec iov[4];
	struct rig_task *t;
	uint8_t bhs[PDU_BHS_LEN + 4 + 512 + 4];
	uint32_t itt;
	(void)state;

	r->config.reconnect = true;
	r->config.offer.header_digest = crc;
	r->config.offer.data_digest = crc;
	r->offer.header_digest = crc;
	r->offer.data_digest = crc;
	rig_login(r);
	t = rig_write(r, 513);
	rig_respond(r, next_itt(r), 0);
	assert_done(t, TASK_DONE, 0);
	t = rig_read(r, 513);
	itt = next_itt(r);
	rig_data_in(r, itt, 0, 0, 513, true);
	assert_done(t, TASK_DONE, 0);
	/* Damaged on the way. */
	t = rig_read(r, 512);
	rig_expect(r, PDU_SCSI_COMMAND);
	memset(bhs, 0x55, sizeof(bhs));
	conn_rx_iov(r->c, iov, 4);
	memcpy(iov[0].iov_base, bhs, sizeof(bhs));
	conn_rx_done(r->c, sizeof(bhs), r->now);
	rig_pump(r);
	assert_lost(r, "digest");
	assert_done(t, TASK_LOST, 0);
	rig_free(r);
}

/*
 * ---- the protocol broken ----
 */

enum offence {
	DATA_UNKNOWN_TAG,
	DATA_FOR_A_WRITE,
	DATA_WRONG_DATASN,
	DATA_GAP,
	DATA_BACKWARDS,
	DATA_TOO_MUCH,
	R2T_UNKNOWN_TAG,
	R2T_FOR_A_READ,
	R2T_WRONG_R2TSN,
	R2T_NO_TAG,
	R2T_BEYOND_THE_END,
	R2T_BEYOND_MAX_BURST,
	R2T_OF_NOTHING,
	R2T_GAP,
	R2T_TOO_MANY,
	RESPONSE_UNKNOWN_TAG,
	RESPONSE_TWICE,
	RESPONSE_BAD_SENSE,
	STATSN_OLD,
	TMF_UNASKED,
	TEXT_UNASKED,
	LOGOUT_UNASKED,
	NOP_UNASKED,
	LOGIN_AGAIN,
	OPCODE_OF_AN_INITIATOR,
	OPCODE_UNKNOWN,
	REJECT_SHORT,
	OFFENCES
};

static const char *const complaints[OFFENCES] = {
	[DATA_UNKNOWN_TAG] = "which no command has",
	[DATA_FOR_A_WRITE] = "moves no data that way",
	[DATA_WRONG_DATASN] = "DataSN 1 where 0",
	[DATA_GAP] = "at 512 of a command with 8192 bytes, 0 of them",
	[DATA_BACKWARDS] = "at 0 of a command with 8192 bytes, 512 of them",
	[DATA_TOO_MUCH] = "8704 bytes at 0",
	[R2T_UNKNOWN_TAG] = "which no command has",
	[R2T_FOR_A_READ] = "moves no data that way",
	[R2T_WRONG_R2TSN] = "R2TSN 1 where 0",
	[R2T_NO_TAG] = "without a target transfer tag",
	[R2T_BEYOND_THE_END] = "R2T for 8193 bytes",
	[R2T_BEYOND_MAX_BURST] = "MaxBurstLength",
	[R2T_OF_NOTHING] = "R2T for 0 bytes",
	[R2T_GAP] = "R2T for 512 bytes at 512",
	[R2T_TOO_MANY] = "MaxOutstandingR2T",
	[RESPONSE_UNKNOWN_TAG] = "which no command has",
	[RESPONSE_TWICE] = "which no command has",
	[RESPONSE_BAD_SENSE] = "bytes of sense",
	[STATSN_OLD] = "repeated",
	[TMF_UNASKED] = "Task Management",
	[TEXT_UNASKED] = "Text Response",
	[LOGOUT_UNASKED] = "not asked for",
	[NOP_UNASKED] = "NOP-In",
	[LOGIN_AGAIN] = "Login Response after",
	[OPCODE_OF_AN_INITIATOR] = "opcode 0x01",
	[OPCODE_UNKNOWN] = "opcode 0x3e",
	[REJECT_SHORT] = "Reject",
};

static void
offend(struct rig *r, enum offence offence, uint32_t in, uint32_t out)
{
	struct pdu_scsi_response response = { .itt = in };
	struct pdu_r2t r2t = { .itt = out, .length = 512 };
	struct iovec iov;
	uint8_t bhs[2 * PDU_BHS_LEN] = { 0 };

	switch (offence) {
	case DATA_UNKNOWN_TAG:
		rig_data_in(r, in + (1 << 10), 0, 0, 512, false);
		return;
	case DATA_FOR_A_WRITE:
		rig_data_in(r, out, 0, 0, 512, false);
		return;
	case DATA_WRONG_DATASN:
		rig_data_in(r, in, 1, 0, 512, false);
		return;
	case DATA_GAP:
		rig_data_in(r, in, 0, 512, 512, false);
		return;
	case DATA_BACKWARDS:
		rig_data_in(r, in, 0, 0, 512, false);
		rig_data_in(r, in, 1, 0, 512, false);
		return;
	case DATA_TOO_MUCH:
		rig_data_in(r, in, 0, 0, 8704, false);
		return;
	case R2T_UNKNOWN_TAG:
		rig_r2t(r, out ^ 0x10000, 1, 0, 0, 512);
		return;
	case R2T_FOR_A_READ:
		rig_r2t(r, in, 1, 0, 0, 512);
		return;
	case R2T_WRONG_R2TSN:
		rig_r2t(r, out, 1, 1, 0, 512);
		return;
	case R2T_NO_TAG:
		rig_r2t(r, out, PDU_TAG_NONE, 0, 0, 512);
		return;
	case R2T_BEYOND_THE_END:
		rig_r2t(r, out, 1, 0, 0, 8193);
		return;
	case R2T_BEYOND_MAX_BURST:
		rig_r2t(r, out, 1, 0, 0, 16385);
		return;
	case R2T_OF_NOTHING:
		rig_r2t(r, out, 1, 0, 0, 0);
		return;
	case R2T_GAP:
		rig_r2t(r, out, 1, 0, 512, 512);
		return;
	case R2T_TOO_MANY:
		r2t.statsn = r->statsn;
		r2t.expcmdsn = r2t.maxcmdsn = r->expcmdsn;
		pdu_put_r2t(bhs, &r2t);
		r2t.r2tsn = 1;
		r2t.offset = 512;
		pdu_put_r2t(bhs + PDU_BHS_LEN, &r2t);
		conn_rx_iov(r->c, &iov, 1);
		memcpy(iov.iov_base, bhs, sizeof(bhs));
		conn_rx_done(r->c, sizeof(bhs), r->now);
		rig_pump(r);
		return;
	case RESPONSE_UNKNOWN_TAG:
		rig_respond(r, 0x3fffffff, 0);
		return;
	case RESPONSE_TWICE:
		rig_respond(r, in, 0);
		rig_respond(r, in, 0);
		return;
	case RESPONSE_BAD_SENSE:
		pdu_put_scsi_response(bhs, &response);
		rig_send(r, bhs, "\0\xff sense", 8);
		return;
	case STATSN_OLD:
		rig_respond(r, in, 0);
		r->statsn--;
		rig_respond(r, out, 0);
		return;
	case TMF_UNASKED:
		answer_abort(r, in | 0x40000000, PDU_TMF_COMPLETE);
		return;
	case TEXT_UNASKED:
		bhs[0] = PDU_TEXT_RESPONSE;
		break;
	case LOGOUT_UNASKED:
		bhs[0] = PDU_LOGOUT_RESPONSE;
		break;
	case NOP_UNASKED:
		bhs[0] = PDU_NOP_IN;
		break;
	case LOGIN_AGAIN:
		bhs[0] = PDU_LOGIN_RESPONSE;
		break;
	case OPCODE_OF_AN_INITIATOR:
		bhs[0] = PDU_SCSI_COMMAND;
		break;
	case OPCODE_UNKNOWN:
		bhs[0] = 0x3e;
		break;
	case REJECT_SHORT:
		bhs[0] = PDU_REJECT;
		rig_send(r, bhs, "short", 5);
		return;
	case OFFENCES:
		return;
	}
	rig_send(r, bhs, NULL, 0);
}

/* Each ends the connection with an error that names it; the tasks end as after
 * any loss, and not a byte lies outside of their buffers (ASan looks). */
static void
test_offences(void **state)
{
	(void)state;
	for (unsigned i = 0; i < OFFENCES; i++) {
		struct rig *r = rig_new();
		uint32_t in, out;

		r->config.reconnect = true;
		r->offer.initial_r2t = true;
		r->offer.immediate_data = false;
		r->config.offer.max_outstanding_r2t = 1;
		r->config.offer.max_burst = 16384;
		r->config.offer.first_burst = 8192;
		rig_login(r);
		rig_read(r, 8192);
		rig_write(r, 8192);
		in = next_itt(r);
		out = next_itt(r);
		offend(r, i, in, out);
		assert_lost(r, complaints[i]);
		rig_pass(r, 5 * CLOCK_S);
		assert_int_equal(session_state(r->s), SESSION_UP);
		rig_free(r);
	}
}

/* On a slow line the ping stands behind data that still goes; the target has
 * nothing to say until it has all of it. */
static void
test_ping_behind_much_data(void **state)
{
	struct rig *r = rig_new();
	(void)state;

	rig_login(r);
	rig_write(r, 8192);
	rig_expect(r, PDU_SCSI_COMMAND);
	for (size_t unacked = 8000; unacked >= 5000; unacked -= 1000) {
		conn_unacked(r->c, unacked);
		rig_pass(r, 5 * CLOCK_S);
		assert_int_equal(session_state(r->s), SESSION_UP);
	}
	/* No further. */
	rig_pass(r, 5 * CLOCK_S - 1);
	assert_int_equal(session_state(r->s), SESSION_UP);
	rig_pass(r, 1);
	assert_lost(r, "does not answer");
	rig_free(r);
}

/* A target that pings and never takes the answers. */
static void
test_flood_of_pings(void **state)
{
	struct rig *r = begin_reconnecting();
	struct pdu_nop_in h = { .itt = PDU_TAG_NONE, .ttt = 1 };
	uint8_t bhs[PDU_BHS_LEN];
	struct iovec iov;
	(void)state;

	pdu_put_nop_in(bhs, &h);
	for (int i = 0; i < 100 && r->c != NULL; i++) {
		if (conn_rx_iov(r->c, &iov, 1) == 0)
			break;
		memcpy(iov.iov_base, bhs, sizeof(bhs));
		conn_rx_done(r->c, sizeof(bhs), r->now);
	}
	rig_pump(r);
	assert_lost(r, "NOP-In");
	rig_free(r);
}

static void
test_text_without_end(void **state)
{
	struct rig *r = begin_reconnecting();
	struct text_exchange x = { .request = "a=b", .request_len = 4 };
	struct pdu_text_response h = { .ttt = 1 };
	uint8_t bhs[PDU_BHS_LEN];
	static const char page[8000];
	unsigned rounds;
	(void)state;

	session_text(r->s, &x, r->now);
	rig_pump(r);
	for (rounds = 0; rounds < 10000 && r->c != NULL; rounds++) {
		h.itt = pdu_itt(rig_expect(r, PDU_TEXT_REQUEST)->bhs);
		pdu_put_text_response(bhs, &h);
		rig_send(r, bhs, page, sizeof(page));
	}
	assert_lost(r, "too long");
	assert_int_equal(rounds, (1 << 20) / sizeof(page) + 1);
	assert_ptr_equal(session_reap_text(r->s), &x);
	assert_true(x.result < 0);
	assert_null(x.response);
	rig_free(r);
}

static void
test_text_unanswered(void **state)
{
	struct rig *r = begin_reconnecting();
	struct text_exchange x = { .request = "a=b", .request_len = 4 },
			     y = { .request = "c=d", .request_len = 4 };
	(void)state;

	session_text(r->s, &x, r->now);
	session_text(r->s, &y, r->now);
	rig_pass(r, 31 * CLOCK_S);
	assert_int_equal(r->events[SESSION_LOST], 1);
	assert_ptr_equal(session_reap_text(r->s), &x);
	assert_ptr_equal(session_reap_text(r->s), &y);
	assert_null(session_reap_text(r->s));
	assert_true(x.result < 0 && y.result < 0);
	rig_free(r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_connect_failure_is_final),
		cmocka_unit_test(test_first_login_refusal_is_final),
		cmocka_unit_test(test_login_unanswered),
		cmocka_unit_test(test_reconnects),
		cmocka_unit_test(test_isids_differ),
		cmocka_unit_test(test_redirect_for_ever),
		cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_end_before_start),
		cmocka_unit_test(test_end_while_connecting),
		cmocka_unit_test(test_end_while_waiting),
		cmocka_unit_test(test_end_with_tasks),
		cmocka_unit_test(test_end_and_drop),
		cmocka_unit_test(test_loss_by_policy),
		cmocka_unit_test(test_orphans_wait),
		cmocka_unit_test(test_orphans_and_portal_group),
		cmocka_unit_test(test_time_out_of_a_queued_task),
		cmocka_unit_test(test_abort_unanswered),
		cmocka_unit_test(test_abort_refused),
		cmocka_unit_test(test_abort_too_late),
		cmocka_unit_test(test_abort_with_data),
		cmocka_unit_test(test_early_status),
		cmocka_unit_test(test_early_status_then_stuck),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_residuals),
		cmocka_unit_test(test_write_never_asked_for),
		cmocka_unit_test(test_target_failure),
		cmocka_unit_test(test_rejects),
		cmocka_unit_test(test_reject_that_leaves_a_hole),
		cmocka_unit_test(test_busy_then_lost),
		cmocka_unit_test(test_submitted_again),
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_offences),
		cmocka_unit_test(test_ping_behind_much_data),
		cmocka_unit_test(test_flood_of_pings),
		cmocka_unit_test(test_text_without_end),
		cmocka_unit_test(test_text_unanswered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
