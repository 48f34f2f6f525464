/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Full Feature Phase as conformance suites test it, for error recovery
 * level 0: each test is a row of theirs, and looks at the bytes on the wire.
 * SCSI commands with their data and status are in test_full_feature_scsi.c.
 */
#include "rig.h"

static uint32_t
cmdsn_of(const struct rig_pdu *p)
{
	return be32_get(p->bhs + 24);
}

static struct rig *
begin(void)
{
	struct rig *r = rig_new();

	rig_login(r);
	return r;
}

static void
ffp_01_1_cmdsn_rises_by_one(void **state)
{
	struct rig *r = begin();
	uint32_t first;
	(void)state;

	for (int i = 0; i < 5; i++)
		rig_test_unit_ready(r);
	first = cmdsn_of(rig_expect(r, PDU_SCSI_COMMAND));
	for (uint32_t i = 1; i < 5; i++)
		assert_int_equal(
		    cmdsn_of(rig_expect(r, PDU_SCSI_COMMAND)), first + i);
	rig_free(r);
}

static void
ffp_02_1_immediate_nop_out(void **state)
{
	struct rig *r = begin();
	struct pdu_nop_in h = { .itt = PDU_TAG_NONE, .ttt = 7, .lun = 0 };
	uint8_t bhs[PDU_BHS_LEN];
	struct rig_pdu *p;
	uint32_t cmdsn;
	(void)state;

	rig_test_unit_ready(r);
	cmdsn = cmdsn_of(rig_expect(r, PDU_SCSI_COMMAND));
	pdu_put_nop_in(bhs, &h);
	rig_send(r, bhs, NULL, 0);
	p = rig_expect(r, PDU_NOP_OUT);
	assert_true(pdu_immediate(p->bhs));
	assert_int_equal(cmdsn_of(p), cmdsn + 1);
	rig_test_unit_ready(r);
	assert_int_equal(cmdsn_of(rig_expect(r, PDU_SCSI_COMMAND)), cmdsn + 1);
	rig_free(r);
}

static void
ffp_02_2_immediate_task_management(void **state)
{
	struct rig *r = rig_new();
	struct pdu_tmf_request h;
	struct rig_pdu *p;
	uint32_t itt, cmdsn;
	(void)state;

	r->config.ping_interval = 0;
	rig_login(r);
	rig_test_unit_ready(r);
	p = rig_expect(r, PDU_SCSI_COMMAND);
	itt = pdu_itt(p->bhs);
	cmdsn = cmdsn_of(p);
	rig_pass(r, 31 * CLOCK_S);
	p = rig_expect(r, PDU_TMF_REQUEST);
	pdu_get_tmf_request(p->bhs, &h);
	assert_true(h.immediate);
	assert_int_equal(h.function, PDU_TMF_ABORT_TASK);
	assert_int_equal(h.ref_itt, itt);
	assert_int_equal(h.refcmdsn, cmdsn);
	assert_int_equal(h.cmdsn, cmdsn + 1);
	rig_free(r);
}

static void
ffp_03_1_closed_window(void **state)
{
	struct rig *r = rig_new();
	struct pdu_nop_in h = { .itt = PDU_TAG_NONE, .ttt = PDU_TAG_NONE };
	uint8_t bhs[PDU_BHS_LEN];
	struct rig_task *t;
	uint32_t itt;
	(void)state;

	r->window = 1;
	rig_login(r);
	rig_test_unit_ready(r);
	t = rig_test_unit_ready(r);
	itt = pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs);
	rig_expect_none(r);
	r->window = 0;
	rig_respond(r, itt, 0);
	rig_expect_none(r);
	/* An immediate one passes all the same. */
	h.ttt = 9;
	pdu_put_nop_in(bhs, &h);
	rig_send(r, bhs, NULL, 0);
	rig_expect(r, PDU_NOP_OUT);
	rig_expect_none(r);
	r->window = 1;
	h.ttt = PDU_TAG_NONE;
	pdu_put_nop_in(bhs, &h);
	rig_send(r, bhs, NULL, 0);
	itt = pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs);
	rig_respond(r, itt, 0);
	assert_done(t, TASK_DONE, 0);
	rig_free(r);
}

static void
ffp_03_2_large_window(void **state)
{
	struct rig *r = rig_new();
	(void)state;

	r->window = 500;
	rig_login(r);
	for (int i = 0; i < 510; i++)
		rig_test_unit_ready(r);
	for (int i = 0; i < 500; i++)
		rig_expect(r, PDU_SCSI_COMMAND);
	rig_expect_none(r);
	rig_free(r);
}

static void
ffp_03_3_window_of_one(void **state)
{
	struct rig *r = rig_new();
	uint32_t itt;
	(void)state;

	r->window = 1;
	rig_login(r);
	for (int i = 0; i < 5; i++)
		rig_test_unit_ready(r);
	for (int i = 0; i < 5; i++) {
		itt = pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs);
		rig_expect_none(r);
		rig_respond(r, itt, 0);
		assert_done(&r->tasks[i], TASK_DONE, 0);
	}
	rig_free(r);
}

/* MaxCmdSN < ExpCmdSN - 1, and what is older than what we know. */
static void
ffp_03_window_to_be_ignored(void **state)
{
	struct rig *r = rig_new();
	struct pdu_nop_in h = { .itt = PDU_TAG_NONE, .ttt = PDU_TAG_NONE };
	uint8_t bhs[PDU_BHS_LEN];
	(void)state;

	r->window = 2;
	rig_login(r);
	rig_test_unit_ready(r);
	rig_expect(r, PDU_SCSI_COMMAND);
	pdu_put_nop_in(bhs, &h);
	pdu_set_statsn(bhs, r->statsn);
	pdu_set_window(bhs, r->expcmdsn - 5, r->expcmdsn - 5);
	rig_send_raw(r, bhs, NULL, 0);
	rig_test_unit_ready(r);
	rig_expect(r, PDU_SCSI_COMMAND);
	rig_test_unit_ready(r);
	rig_expect_none(r);
	pdu_set_window(bhs, r->expcmdsn + 10, r->expcmdsn + 8);
	rig_send_raw(r, bhs, NULL, 0);
	rig_expect_none(r);
	assert_non_null(r->c);
	rig_free(r);
}

static void
ffp_05_1_gap_in_statsn(void **state)
{
	struct rig *r = rig_new();
	struct rig_task *read, *write;
	uint32_t itt;
	(void)state;

	r->config.reconnect = true;
	rig_login(r);
	read = rig_read(r, 512);
	write = rig_write(r, 512);
	itt = pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs);
	rig_expect(r, PDU_SCSI_COMMAND);
	r->statsn++;
	rig_respond(r, itt, 0);
	assert_lost(r, "StatSN");
	assert_done(read, TASK_LOST, 0);
	assert_int_equal(write->done, 0);
	/* Session recovery: the same ISID. */
	rig_pass(r, 10 * CLOCK_S);
	assert_int_equal(r->logins, 2);
	assert_int_equal(session_state(r->s), SESSION_UP);
	assert_done(write, TASK_LOST, 0);
	rig_free(r);
}

static void
ffp_14_1_logout_when_asked(void **state)
{
	struct rig *r = rig_new();
	struct pdu_async h = { .event = PDU_ASYNC_LOGOUT, .param3 = 4 };
	struct pdu_logout_request req;
	struct pdu_logout_response rsp = { .response = PDU_LOGOUT_OK };
	uint8_t bhs[PDU_BHS_LEN];
	struct rig_task *flight, *held;
	uint32_t itt;
	(void)state;

	r->config.reconnect = true;
	rig_login(r);
	flight = rig_write(r, 512);
	itt = pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs);
	pdu_put_async(bhs, &h);
	rig_send(r, bhs, NULL, 0);
	held = rig_test_unit_ready(r);
	/* What is in flight may end, nothing new begins. */
	rig_expect_none(r);
	rig_respond(r, itt, 0);
	assert_done(flight, TASK_DONE, 0);
	pdu_get_logout_request(rig_expect(r, PDU_LOGOUT_REQUEST)->bhs, &req);
	assert_true(req.immediate);
	rsp.itt = req.itt;
	pdu_put_logout_response(bhs, &rsp);
	rig_send(r, bhs, NULL, 0);
	assert_lost(r, "logged out");
	assert_done(held, TASK_UNSENT, 0);
	rig_pass(r, 5 * CLOCK_S);
	assert_int_equal(session_state(r->s), SESSION_UP);
	rig_free(r);
}

static void
ffp_14_1_logout_in_time(void **state)
{
	struct rig *r = begin();
	struct pdu_async h = { .event = PDU_ASYNC_LOGOUT, .param3 = 4 };
	uint8_t bhs[PDU_BHS_LEN];
	(void)state;

	rig_write(r, 512);
	rig_expect(r, PDU_SCSI_COMMAND);
	pdu_put_async(bhs, &h);
	rig_send(r, bhs, NULL, 0);
	rig_expect_none(r);
	rig_pass(r, 3 * CLOCK_S);
	rig_expect(r, PDU_LOGOUT_REQUEST);
	rig_free(r);
}

static void
ffp_15_1_ping_of_the_target(void **state)
{
	struct rig *r = begin();
	struct pdu_nop_in h = { .itt = PDU_TAG_NONE,
		.ttt = 0x1234,
		.lun = UINT64_C(0x0001000000000000) };
	uint8_t bhs[PDU_BHS_LEN];
	struct pdu_nop_out out;
	struct rig_pdu *p;
	(void)state;

	pdu_put_nop_in(bhs, &h);
	rig_send(r, bhs, "are you there?", 14);
	p = rig_expect(r, PDU_NOP_OUT);
	pdu_get_nop_out(p->bhs, &out);
	assert_true(out.immediate);
	assert_int_equal(out.itt, PDU_TAG_NONE);
	assert_int_equal(out.ttt, 0x1234);
	assert_int_equal(out.lun, h.lun);
	assert_int_equal(p->len, 14);
	assert_memory_equal(p->data, "are you there?", 14);
	rig_expect_none(r);
	rig_free(r);
}

static void
ffp_15_2_ping_of_our_own(void **state)
{
	struct rig *r = begin();
	struct pdu_nop_out out;
	struct pdu_nop_in in = { .ttt = PDU_TAG_NONE };
	uint8_t bhs[PDU_BHS_LEN];
	(void)state;

	for (int i = 0; i < 5; i++) {
		rig_pass(r, 5 * CLOCK_S);
		pdu_get_nop_out(rig_expect(r, PDU_NOP_OUT)->bhs, &out);
		assert_true(out.immediate);
		assert_int_not_equal(out.itt, PDU_TAG_NONE);
		assert_int_equal(out.ttt, PDU_TAG_NONE);
		rig_expect_none(r);
		in.itt = out.itt;
		pdu_put_nop_in(bhs, &in);
		rig_send(r, bhs, NULL, 0);
	}
	assert_int_equal(session_state(r->s), SESSION_UP);
	rig_free(r);
}

static void
ffp_15_ping_unanswered(void **state)
{
	struct rig *r = begin();
	(void)state;

	rig_pass(r, 11 * CLOCK_S);
	rig_expect(r, PDU_NOP_OUT);
	assert_lost(r, "does not answer");
	assert_int_equal(r->error.class, ERROR_UNREACHED);
	assert_true(r->final);
	rig_free(r);
}

static void
ffp_17_1_logout(void **state)
{
	struct rig *r = begin();
	struct pdu_logout_request req;
	struct pdu_logout_response rsp = { .response = PDU_LOGOUT_OK };
	uint8_t bhs[PDU_BHS_LEN];
	(void)state;

	session_end(r->s, r->now);
	rig_pump(r);
	pdu_get_logout_request(rig_expect(r, PDU_LOGOUT_REQUEST)->bhs, &req);
	assert_int_equal(req.reason, PDU_LOGOUT_SESSION);
	assert_int_equal(r->events[SESSION_ENDED], 0);
	rsp.itt = req.itt;
	pdu_put_logout_response(bhs, &rsp);
	rig_send(r, bhs, NULL, 0);
	assert_int_equal(r->events[SESSION_ENDED], 1);
	assert_int_equal(r->events[SESSION_LOST], 0);
	assert_null(r->c);
	rig_free(r);
}

static unsigned texts;

static void
text_done(struct text_exchange *x)
{
	(void)x;
	texts++;
}

static void
reap_text(struct rig *r)
{
	struct text_exchange *x;

	while ((x = session_reap_text(r->s)) != NULL)
		x->done(x);
}

static void
ffp_18_text_requests(void **state)
{
	struct rig *r = begin();
	static const char request[] = "SendTargets=All";
	struct text_exchange x = { .request = request,
		.request_len = sizeof(request),
		.done = text_done };
	struct pdu_text_request req;
	struct pdu_text_response rsp = { .ttt = 77, .more = true };
	uint8_t bhs[PDU_BHS_LEN];
	struct rig_pdu *p;
	uint32_t itt;
	(void)state;

	texts = 0;
	session_text(r->s, &x, r->now);
	rig_pump(r);
	p = rig_expect(r, PDU_TEXT_REQUEST);
	pdu_get_text_request(p->bhs, &req);
	assert_int_equal(p->len, sizeof(request));
	assert_memory_equal(p->data, request, sizeof(request));
	assert_true(req.final);
	assert_false(req.more);
	assert_int_equal(req.ttt, PDU_TAG_NONE);
	itt = req.itt;
	rsp.itt = itt;
	pdu_put_text_response(bhs, &rsp);
	rig_send(r, bhs, "TargetName=iqn.2001-0", 21);
	/* Asked to go on: the same tags, no text. */
	p = rig_expect(r, PDU_TEXT_REQUEST);
	pdu_get_text_request(p->bhs, &req);
	assert_int_equal(p->len, 0);
	assert_int_equal(req.itt, itt);
	assert_int_equal(req.ttt, 77);
	rsp.final = true;
	rsp.more = false;
	rsp.ttt = PDU_TAG_NONE;
	pdu_put_text_response(bhs, &rsp);
	rig_send(r, bhs, "4.com.example:a", 16);
	reap_text(r);
	assert_int_equal(texts, 1);
	assert_int_equal(x.result, 0);
	assert_int_equal(x.response_len, 37);
	assert_memory_equal(
	    x.response, "TargetName=iqn.2001-04.com.example:a", 37);
	session_text_release(&x);
	rig_free(r);
}

static void
ffp_19_1_abort_task(void **state)
{
	struct rig *r = rig_new();
	struct pdu_tmf_request req;
	struct pdu_tmf_response rsp = { .response = PDU_TMF_COMPLETE };
	uint8_t bhs[PDU_BHS_LEN];
	struct rig_task *t;
	(void)state;

	r->config.ping_interval = 0;
	rig_login(r);
	t = rig_write(r, 512);
	t->task.lun = 0;
	rig_expect(r, PDU_SCSI_COMMAND);
	rig_pass(r, 30 * CLOCK_S);
	assert_int_equal(t->done, 0);
	pdu_get_tmf_request(rig_expect(r, PDU_TMF_REQUEST)->bhs, &req);
	assert_int_equal(req.lun, t->task.lun);
	rig_expect_none(r);
	rsp.itt = req.itt;
	pdu_put_tmf_response(bhs, &rsp);
	rig_send(r, bhs, NULL, 0);
	assert_done(t, TASK_TIMEDOUT, 0);
	rig_free(r);
}

static void
ffp_20_1_async_scsi_event(void **state)
{
	struct rig *r = begin();
	struct pdu_async h = { .event = PDU_ASYNC_SCSI,
		.lun = UINT64_C(0x0005000000000000) };
	uint8_t bhs[PDU_BHS_LEN], data[20] = { 0, 18, 0x70 };
	(void)state;

	pdu_put_async(bhs, &h);
	rig_send(r, bhs, data, sizeof(data));
	assert_int_equal(r->async_lun, h.lun);
	assert_int_equal(r->async_len, 18);
	rig_free(r);
}

static void
ffp_20_2_async_connection_drop(void **state)
{
	struct rig *r = rig_new();
	struct pdu_async h = { .event = PDU_ASYNC_DROP_CONNECTION,
		.param2 = 3 };
	uint8_t bhs[PDU_BHS_LEN];
	(void)state;

	r->config.reconnect = true;
	rig_login(r);
	pdu_put_async(bhs, &h);
	rig_send(r, bhs, NULL, 0);
	assert_lost(r, "announced");
	/* Not before the time that it asked for. */
	rig_pass(r, 2900 * CLOCK_MS);
	assert_int_equal(r->logins, 1);
	rig_pass(r, 200 * CLOCK_MS);
	assert_int_equal(r->logins, 2);
	rig_free(r);
}

static void
ffp_20_3_async_session_drop(void **state)
{
	struct rig *r = begin();
	struct pdu_async h = { .event = PDU_ASYNC_DROP_SESSION };
	uint8_t bhs[PDU_BHS_LEN];
	(void)state;

	pdu_put_async(bhs, &h);
	rig_send(r, bhs, NULL, 0);
	assert_lost(r, "announced");
	rig_free(r);
}

static void
ffp_20_4_async_renegotiation(void **state)
{
	struct rig *r = begin();
	struct pdu_async h = { .event = PDU_ASYNC_NEGOTIATE, .param3 = 5 };
	uint8_t bhs[PDU_BHS_LEN];
	(void)state;

	pdu_put_async(bhs, &h);
	rig_send(r, bhs, NULL, 0);
	rig_expect(r, PDU_LOGOUT_REQUEST);
	rig_free(r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ffp_01_1_cmdsn_rises_by_one),
		cmocka_unit_test(ffp_02_1_immediate_nop_out),
		cmocka_unit_test(ffp_02_2_immediate_task_management),
		cmocka_unit_test(ffp_03_1_closed_window),
		cmocka_unit_test(ffp_03_2_large_window),
		cmocka_unit_test(ffp_03_3_window_of_one),
		cmocka_unit_test(ffp_03_window_to_be_ignored),
		cmocka_unit_test(ffp_05_1_gap_in_statsn),
		cmocka_unit_test(ffp_14_1_logout_when_asked),
		cmocka_unit_test(ffp_14_1_logout_in_time),
		cmocka_unit_test(ffp_15_1_ping_of_the_target),
		cmocka_unit_test(ffp_15_2_ping_of_our_own),
		cmocka_unit_test(ffp_15_ping_unanswered),
		cmocka_unit_test(ffp_17_1_logout),
		cmocka_unit_test(ffp_18_text_requests),
		cmocka_unit_test(ffp_19_1_abort_task),
		cmocka_unit_test(ffp_20_1_async_scsi_event),
		cmocka_unit_test(ffp_20_2_async_connection_drop),
		cmocka_unit_test(ffp_20_3_async_session_drop),
		cmocka_unit_test(ffp_20_4_async_renegotiation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
