/* SPDX-License-Identifier: BSD-2-Clause */
/* session: what becomes of tasks when things go wrong. */
#include "session_steps.h"

#include <errno.h>

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

static struct iovec memory[2];
static unsigned placed;

static int
give_memory(struct task *task)
{
	struct rig_task *t = task->ctx;

	placed++;
	memcpy(t->iov, memory, sizeof(memory));
	return 0;
}

static int
give_none(struct task *task)
{
	(void)task;
	return -ENOMEM;
}

/* Takes its memory away; place() gives it back. */
static uint32_t
read_without_memory(struct rig *r, int (*place)(struct task *))
{
	struct rig_task *t = rig_read(r, 1000);

	memcpy(memory, t->iov, sizeof(memory));
	t->iov[0].iov_base = t->iov[1].iov_base = NULL;
	t->task.place = place;
	placed = 0;
	return pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs);
}

static void
test_memory_comes_with_the_data(void **state)
{
	struct rig *r = rig_new();
	uint32_t itt;
	(void)state;

	rig_login(r);
	itt = read_without_memory(r, give_memory);
	rig_data_in(r, itt, 0, 0, 0, false);
	assert_int_equal(placed, 0);
	rig_data_in(r, itt, 1, 0, 600, false);
	rig_data_in(r, itt, 2, 600, 400, true);
	assert_int_equal(placed, 1);
	assert_done(&r->tasks[0], TASK_DONE, 0);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(r->tasks[0].data[i], rig_pattern(i));
	rig_free(r);
}

static void
test_no_memory_ends_the_connection(void **state)
{
	struct rig *r = rig_new();
	uint32_t itt;
	(void)state;

	rig_login(r);
	itt = read_without_memory(r, give_none);
	rig_data_in(r, itt, 0, 0, 1000, true);
	assert_lost(r, "no memory");
	rig_free(r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
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
		cmocka_unit_test(test_memory_comes_with_the_data),
		cmocka_unit_test(test_no_memory_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
