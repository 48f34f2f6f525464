/* SPDX-License-Identifier: BSD-2-Clause */
/* session: a target that breaks the protocol, or only wastes our time, ends its
 * connection and nothing else. */
#include "session_steps.h"

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
		cmocka_unit_test(test_offences),
		cmocka_unit_test(test_ping_behind_much_data),
		cmocka_unit_test(test_flood_of_pings),
		cmocka_unit_test(test_text_without_end),
		cmocka_unit_test(test_text_unanswered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
