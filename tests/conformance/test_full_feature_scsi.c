/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Full Feature Phase as conformance suites test it, as in
 * test_full_feature.c: the rows about SCSI commands, their data and status.
 */
#include "rig.h"

static struct rig *
begin(void)
{
	struct rig *r = rig_new();

	rig_login(r);
	return r;
}

/* A session that was negotiated like this. */
static struct rig *
begin_with(bool immediate, bool initial_r2t, uint32_t first, uint32_t burst,
    uint32_t segment)
{
	struct rig *r = rig_new();

	r->config.offer.immediate_data = immediate;
	r->offer.immediate_data = immediate;
	r->config.offer.initial_r2t = initial_r2t;
	r->offer.initial_r2t = initial_r2t;
	r->config.offer.first_burst = r->offer.first_burst = first;
	r->config.offer.max_burst = r->offer.max_burst = burst;
	r->offer.max_recv_data_segment = segment;
	r->config.offer.max_outstanding_r2t = 4;
	r->offer.max_outstanding_r2t = 4;
	rig_login(r);
	assert_int_equal(session_params(r->s)->immediate_data, immediate);
	assert_int_equal(session_params(r->s)->initial_r2t, initial_r2t);
	return r;
}

static void
assert_pattern(const uint8_t *data, size_t len, size_t offset)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != rig_pattern(offset + i))
			fail_msg("byte %zu is wrong", offset + i);
}

static void
ffp_06_1_datasn(void **state)
{
	struct rig *r = begin_with(false, false, 4096, 8192, 1024);
	struct pdu_data_out h;
	uint32_t itt;
	(void)state;

	rig_write(r, 8192);
	itt = pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs);
	for (uint32_t i = 0; i < 4; i++) {
		pdu_get_data_out(rig_expect(r, PDU_DATA_OUT)->bhs, &h);
		assert_int_equal(h.datasn, i);
	}
	rig_r2t(r, itt, 5, 0, 4096, 2048);
	rig_r2t(r, itt, 6, 1, 6144, 2048);
	for (uint32_t i = 0; i < 4; i++) {
		pdu_get_data_out(rig_expect(r, PDU_DATA_OUT)->bhs, &h);
		assert_int_equal(h.datasn, i % 2);
	}
	rig_expect_none(r);
	rig_free(r);
}

static void
ffp_08_1_first_burst(void **state)
{
	struct rig *r = begin_with(true, false, 2048, 8192, 1024);
	struct pdu_data_out h;
	struct rig_pdu *p;
	(void)state;

	rig_write(r, 8192);
	p = rig_expect(r, PDU_SCSI_COMMAND);
	assert_int_equal(p->len, 1024);
	assert_false(pdu_final(p->bhs));
	p = rig_expect(r, PDU_DATA_OUT);
	pdu_get_data_out(p->bhs, &h);
	assert_int_equal(p->len, 1024);
	assert_int_equal(h.offset, 1024);
	assert_true(h.final);
	assert_int_equal(h.ttt, PDU_TAG_NONE);
	rig_expect_none(r);
	rig_free(r);
}

static void
ffp_08_2_no_unsolicited_data(void **state)
{
	struct rig *r = begin_with(false, true, 2048, 8192, 1024);
	struct rig_pdu *p;
	(void)state;

	rig_write(r, 8192);
	p = rig_expect(r, PDU_SCSI_COMMAND);
	assert_int_equal(p->len, 0);
	assert_true(pdu_final(p->bhs));
	rig_expect_none(r);
	rig_free(r);
}

static void
ffp_08_3_r2t_for_the_rest(void **state)
{
	struct rig *r = begin_with(true, true, 2048, 4096, 8192);
	struct rig_task *t;
	struct rig_pdu *p;
	uint32_t itt;
	(void)state;

	t = rig_write(r, 5000);
	p = rig_expect(r, PDU_SCSI_COMMAND);
	assert_int_equal(p->len, 2048);
	assert_pattern(p->data, p->len, 0);
	itt = pdu_itt(p->bhs);
	rig_r2t(r, itt, 1, 0, 2048, 2952);
	p = rig_expect(r, PDU_DATA_OUT);
	assert_int_equal(p->len, 2952);
	assert_pattern(p->data, p->len, 2048);
	rig_respond(r, itt, 0);
	assert_done(t, TASK_DONE, 0);
	assert_int_equal(t->task.transferred, 5000);
	rig_free(r);
}

static void
ffp_09_1_target_transfer_tag(void **state)
{
	struct rig *r = begin_with(false, true, 2048, 8192, 1024);
	struct pdu_data_out h;
	uint32_t itt;
	(void)state;

	rig_write(r, 2048);
	itt = pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs);
	rig_r2t(r, itt, 0xdeadbeef, 0, 0, 2048);
	for (int i = 0; i < 2; i++) {
		pdu_get_data_out(rig_expect(r, PDU_DATA_OUT)->bhs, &h);
		assert_int_equal(h.ttt, 0xdeadbeef);
		assert_int_equal(h.itt, itt);
	}
	rig_free(r);
}

static void
ffp_10_1_status_in_the_last_data_in(void **state)
{
	struct rig *r = begin();
	struct rig_task *t;
	uint32_t itt;
	(void)state;

	t = rig_read(r, 3000);
	itt = pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs);
	rig_data_in(r, itt, 0, 0, 1001, false);
	rig_data_in(r, itt, 1, 1001, 999, false);
	assert_int_equal(t->done, 0);
	rig_data_in(r, itt, 2, 2000, 1000, true);
	assert_done(t, TASK_DONE, 0);
	assert_int_equal(t->task.transferred, 3000);
	assert_pattern(t->data, 3000, 0);
	rig_free(r);
}

static void
ffp_11_1_1_target_segment(void **state)
{
	struct rig *r = begin_with(true, false, 4096, 8192, 512);
	struct rig_pdu *p;
	(void)state;

	rig_write(r, 4096);
	p = rig_expect(r, PDU_SCSI_COMMAND);
	assert_int_equal(p->len, 512);
	for (int i = 0; i < 7; i++) {
		p = rig_expect(r, PDU_DATA_OUT);
		assert_int_equal(p->len, 512);
		assert_int_equal(pdu_final(p->bhs), i == 6);
	}
	rig_expect_none(r);
	rig_free(r);
}

static void
ffp_11_1_2_empty_data_in(void **state)
{
	struct rig *r = begin();
	struct rig_task *t;
	uint32_t itt;
	(void)state;

	t = rig_read(r, 512);
	itt = pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs);
	rig_data_in(r, itt, 0, 0, 0, false);
	rig_data_in(r, itt, 1, 0, 512, false);
	rig_data_in(r, itt, 2, 512, 0, true);
	assert_done(t, TASK_DONE, 0);
	assert_int_equal(t->task.transferred, 512);
	assert_pattern(t->data, 512, 0);
	rig_free(r);
}

static void
ffp_11_2_final_bit(void **state)
{
	struct rig *r = begin_with(false, false, 2048, 4096, 1024);
	struct rig_pdu *p;
	uint32_t itt;
	(void)state;

	rig_write(r, 4096);
	itt = pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs);
	p = rig_expect(r, PDU_DATA_OUT);
	assert_false(pdu_final(p->bhs));
	p = rig_expect(r, PDU_DATA_OUT);
	assert_true(pdu_final(p->bhs));
	rig_r2t(r, itt, 1, 0, 2048, 2048);
	p = rig_expect(r, PDU_DATA_OUT);
	assert_false(pdu_final(p->bhs));
	p = rig_expect(r, PDU_DATA_OUT);
	assert_true(pdu_final(p->bhs));
	rig_expect_none(r);
	rig_free(r);
}

static void
ffp_11_4_offsets_without_gaps(void **state)
{
	struct rig *r = begin_with(true, false, 3000, 100000, 1000);
	struct pdu_data_out h;
	struct rig_pdu *p;
	uint32_t itt, at;
	(void)state;

	rig_write(r, 20000);
	p = rig_expect(r, PDU_SCSI_COMMAND);
	itt = pdu_itt(p->bhs);
	at = (uint32_t)p->len;
	rig_r2t(r, itt, 1, 0, 3000, 17000);
	while (at < 20000) {
		p = rig_expect(r, PDU_DATA_OUT);
		pdu_get_data_out(p->bhs, &h);
		assert_int_equal(h.offset, at);
		assert_pattern(p->data, p->len, at);
		at += (uint32_t)p->len;
	}
	rig_expect_none(r);
	rig_free(r);
}

static void
ffp_12_1_r2t_to_the_letter(void **state)
{
	struct rig *r = begin_with(false, true, 512, 8192, 8192);
	struct rig_task *t;
	struct pdu_data_out h;
	struct rig_pdu *p;
	uint32_t itt;
	static const uint32_t lens[] = { 1, 511, 4000, 3680 };
	uint32_t at = 0;
	(void)state;

	t = rig_write(r, 8192);
	itt = pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs);
	for (uint32_t i = 0; i < 4; i++) {
		rig_r2t(r, itt, 10 + i, i, at, lens[i]);
		p = rig_expect(r, PDU_DATA_OUT);
		pdu_get_data_out(p->bhs, &h);
		assert_int_equal(h.ttt, 10 + i);
		assert_int_equal(h.offset, at);
		assert_int_equal(p->len, lens[i]);
		assert_true(h.final);
		assert_pattern(p->data, p->len, at);
		at += lens[i];
		rig_expect_none(r);
	}
	rig_respond(r, itt, 0);
	assert_int_equal(t->task.transferred, 8192);
	rig_free(r);
}

static void
ffp_12_4_several_commands_interleaved(void **state)
{
	struct rig *r = begin_with(false, true, 512, 1 << 20, 8192);
	struct pdu_data_out h;
	uint32_t itt[2];
	(void)state;

	/* The target takes little at a time, so that both R2Ts are there. */
	r->chunk = 48;
	rig_write(r, 65536);
	rig_write(r, 65536);
	itt[0] = pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs);
	itt[1] = pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs);
	r->chunk = 0;
	struct pdu_r2t r2t = { .ttt = 1, .length = 65536 };
	uint8_t bhs[2 * PDU_BHS_LEN];
	struct iovec iov;
	int n;

	for (int i = 0; i < 2; i++) {
		r2t.itt = itt[i];
		r2t.ttt = (uint32_t)i;
		r2t.statsn = r->statsn;
		r2t.expcmdsn = r->expcmdsn;
		r2t.maxcmdsn = r->expcmdsn + 10;
		pdu_put_r2t(bhs + i * PDU_BHS_LEN, &r2t);
	}
	n = conn_rx_iov(r->c, &iov, 1);
	assert_int_equal(n, 1);
	memcpy(iov.iov_base, bhs, sizeof(bhs));
	conn_rx_done(r->c, sizeof(bhs), r->now);
	rig_pump(r);
	for (int i = 0; i < 16; i++) {
		pdu_get_data_out(rig_expect(r, PDU_DATA_OUT)->bhs, &h);
		assert_int_equal(h.itt, itt[i % 2]);
		assert_int_equal(h.datasn, i / 2);
	}
	rig_free(r);
}

/* F, W, EDTL and DataSegmentLength for all four combinations, and lengths
 * below, at and above FirstBurstLength. */
static void
ffp_16_1_scsi_command(void **state)
{
	static const uint32_t lens[] = { 0, 512, 2048, 4096, 8192 };
	struct pdu_scsi_command h;
	struct rig_pdu *p;
	(void)state;

	for (int combination = 0; combination < 4; combination++) {
		bool immediate = combination & 1, r2t = combination & 2;
		struct rig *r = begin_with(immediate, r2t, 4096, 8192, 2048);

		for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
			uint32_t len = lens[i], now, first, sent;

			rig_write(r, len);
			p = rig_expect(r, PDU_SCSI_COMMAND);
			pdu_get_scsi_command(p->bhs, &h);
			first = len < 4096 ? len : 4096;
			now = !immediate ? 0 : len < 2048 ? len : 2048;
			assert_true(h.write);
			assert_false(h.read);
			assert_int_equal(h.edtl, len);
			assert_int_equal(p->len, now);
			assert_int_equal(h.attr, PDU_ATTR_SIMPLE);
			assert_int_equal(h.final, r2t || now == first);
			for (sent = now; !r2t && sent < first;) {
				p = rig_expect(r, PDU_DATA_OUT);
				sent += (uint32_t)p->len;
				assert_int_equal(
				    pdu_final(p->bhs), sent == first);
			}
			rig_expect_none(r);
		}
		rig_free(r);
	}
}

static void
ffp_16_1_read_command(void **state)
{
	struct rig *r = begin();
	struct pdu_scsi_command h;
	(void)state;

	rig_read(r, 4096);
	pdu_get_scsi_command(rig_expect(r, PDU_SCSI_COMMAND)->bhs, &h);
	assert_true(h.final);
	assert_true(h.read);
	assert_false(h.write);
	assert_int_equal(h.edtl, 4096);
	rig_test_unit_ready(r);
	pdu_get_scsi_command(rig_expect(r, PDU_SCSI_COMMAND)->bhs, &h);
	assert_true(h.final);
	assert_false(h.read);
	assert_false(h.write);
	assert_int_equal(h.edtl, 0);
	rig_free(r);
}

static void
ffp_16_4_1_check_condition(void **state)
{
	struct rig *r = begin();
	struct pdu_scsi_response h = { .status = 2 };
	uint8_t bhs[PDU_BHS_LEN], data[20] = { 0, 18, 0x70, 0, 0x0b };
	struct rig_task *t;
	(void)state;

	t = rig_write(r, 512);
	h.itt = pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs);
	data[14] = 0x47; /* SCSI parity error: what a CRC error becomes */
	data[15] = 0x05;
	pdu_put_scsi_response(bhs, &h);
	rig_send(r, bhs, data, sizeof(data));
	assert_done(t, TASK_DONE, 2);
	assert_int_equal(t->task.sense_len, 18);
	assert_int_equal(t->task.sense[2], 0x0b);
	assert_int_equal(t->task.sense[12], 0x47);
	rig_free(r);
}

static void
ffp_16_4_5_busy(void **state)
{
	struct rig *r = begin();
	struct rig_task *t;
	struct rig_pdu *p;
	uint32_t itt, last = PDU_TAG_NONE;
	(void)state;

	t = rig_write(r, 4096);
	for (int i = 0; i < 5; i++) {
		p = rig_expect(r, PDU_SCSI_COMMAND);
		itt = pdu_itt(p->bhs);
		assert_int_not_equal(itt, last);
		assert_int_equal(p->len, 4096);
		assert_pattern(p->data, 4096, 0);
		last = itt;
		rig_respond(r, itt, i % 2 == 0 ? 0x08 : 0x28);
		assert_int_equal(t->done, 0);
		rig_expect_none(r);
		rig_pass(r, 2 * CLOCK_S);
	}
	rig_respond(r, pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs), 0);
	assert_done(t, TASK_DONE, 0);
	rig_free(r);
}

static void
ffp_16_4_5_busy_for_ever(void **state)
{
	struct rig *r = rig_new();
	struct rig_task *t;
	(void)state;

	r->config.task_timeout = 10 * CLOCK_S;
	rig_login(r);
	t = rig_write(r, 512);
	for (int i = 0; i < 100 && t->done == 0; i++) {
		if (r->count > 0)
			rig_respond(r,
			    pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs),
			    0x08);
		rig_pass(r, 100 * CLOCK_MS);
	}
	assert_done(t, TASK_DONE, 0x08);
	assert_true(t->task.retries > 4);
	assert_true(t->task.retries < 20);
	rig_free(r);
}

static void
ffp_16_4_6_reservation_conflict(void **state)
{
	struct rig *r = begin();
	struct rig_task *t;
	(void)state;

	t = rig_write(r, 512);
	rig_respond(r, pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs), 0x18);
	assert_done(t, TASK_DONE, 0x18);
	rig_free(r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ffp_06_1_datasn),
		cmocka_unit_test(ffp_08_1_first_burst),
		cmocka_unit_test(ffp_08_2_no_unsolicited_data),
		cmocka_unit_test(ffp_08_3_r2t_for_the_rest),
		cmocka_unit_test(ffp_09_1_target_transfer_tag),
		cmocka_unit_test(ffp_10_1_status_in_the_last_data_in),
		cmocka_unit_test(ffp_11_1_1_target_segment),
		cmocka_unit_test(ffp_11_1_2_empty_data_in),
		cmocka_unit_test(ffp_11_2_final_bit),
		cmocka_unit_test(ffp_11_4_offsets_without_gaps),
		cmocka_unit_test(ffp_12_1_r2t_to_the_letter),
		cmocka_unit_test(ffp_12_4_several_commands_interleaved),
		cmocka_unit_test(ffp_16_1_scsi_command),
		cmocka_unit_test(ffp_16_1_read_command),
		cmocka_unit_test(ffp_16_4_1_check_condition),
		cmocka_unit_test(ffp_16_4_5_busy),
		cmocka_unit_test(ffp_16_4_5_busy_for_ever),
		cmocka_unit_test(ffp_16_4_6_reservation_conflict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
