/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_login - the initiator's login phase against a scripted target, row by
 * row of the consortium's test suite for initiators (Login Phase); the names of
 * the functions carry the rows' numbers.  What needs a whole connection
 * (StatSN, rows 4 and 5) is tested with the session.
 */
#include <stdio.h>

#include "login_script.h"

static void
login_01_1_standard(void **state)
{
	static const char answer[] =
	    "HeaderDigest=None\0DataDigest=None\0MaxConnections=1\0"
	    "InitialR2T=No\0ImmediateData=Yes\0"
	    "MaxRecvDataSegmentLength=65536\0MaxBurstLength=262144\0"
	    "FirstBurstLength=65536\0DefaultTime2Wait=2\0"
	    "DefaultTime2Retain=0\0MaxOutstandingR2T=1\0"
	    "DataPDUInOrder=Yes\0DataSequenceInOrder=Yes\0"
	    "ErrorRecoveryLevel=0";
	const struct params *p;
	struct script s;

	(void)state;
	script_finish(answer, sizeof(answer), &s);
	p = script_params(&s);
	assert_int_equal(s.requests, 2);
	assert_int_equal(p->max_send_data_segment, 65536);
	assert_int_equal(p->max_recv_data_segment, 262144);
	assert_int_equal(p->max_burst, 262144);
	assert_int_equal(p->first_burst, 65536);
	assert_int_equal(p->time2retain, 0);
	assert_false(p->initial_r2t);
	assert_int_equal(login_initiator_result(s.login)->tsih, SCRIPT_TSIH);
	script_fini(&s);
}

static void
login_02_1_tsih_zero_first(void **state)
{
	struct script s;

	(void)state;
	script_init(&s);
	script_start(&s);
	assert_int_equal(s.req.tsih, 0);
	ANSWER(&s, true, "AuthMethod=None");
	assert_int_equal(s.req.tsih, 0);
	script_fini(&s);
}

static void
login_02_2_wrong_tsih(void **state)
{
	struct script s;

	(void)state;
	script_init(&s);
	script_start(&s);
	script_prepare(&s, true);
	s.rsp.tsih = 5;
	script_send(&s, NULL, 0);
	assert_failed(&s, ERROR_FAILED, "a TSIH before the end of the login");
	script_fini(&s);

	script_init(&s);
	script_operational(&s);
	script_prepare(&s, true);
	s.rsp.tsih = 0;
	script_send(&s, NULL, 0);
	assert_failed(&s, ERROR_FAILED, "gave the new session no TSIH");
	script_fini(&s);
}

static void
login_02_3_tsih_of_the_session(void **state)
{
	struct script s;

	(void)state;
	script_init(&s);
	s.config.tsih = 1000;
	s.config.cid = 3;
	script_operational(&s);
	assert_int_equal(s.req.tsih, 1000);
	assert_int_equal(s.req.cid, 3);
	ANSWER(&s, true, "");
	assert_done(&s);
	assert_int_equal(login_initiator_result(s.login)->tsih, 1000);
	script_fini(&s);

	script_init(&s);
	s.config.tsih = 1000;
	script_start(&s);
	script_prepare(&s, true);
	s.rsp.tsih = 1001;
	script_send(&s, NULL, 0);
	assert_failed(&s, ERROR_FAILED, "answered with another TSIH");
	script_fini(&s);
}

static void
login_03_1_transit_when_ready(void **state)
{
	struct script s;

	(void)state;
	script_init(&s);
	script_account(&s, false);
	script_start(&s);
	assert_false(s.req.transit);
	ANSWER(&s, false, "AuthMethod=CHAP");
	assert_false(s.req.transit);
	ANSWER(&s, false, "CHAP_A=7\0CHAP_I=1\0CHAP_C=0x0102");
	assert_true(s.req.transit);
	assert_int_equal(s.req.nsg, PDU_STAGE_OPERATIONAL);
	ANSWER(&s, true, "");
	assert_true(s.req.transit);
	assert_int_equal(s.req.csg, PDU_STAGE_OPERATIONAL);
	assert_int_equal(s.req.nsg, PDU_STAGE_FULL);
	ANSWER(&s, true, "");
	assert_done(&s);
	script_fini(&s);
}

static void
login_03_2_target_delays(void **state)
{
	struct script s;
	int i;

	(void)state;
	script_init(&s);
	script_start(&s);
	for (i = 0; i < 5; i++) {
		script_answer(&s, false, NULL, 0);
		assert_int_equal(s.req.csg, PDU_STAGE_SECURITY);
		assert_true(s.req.transit);
		assert_int_equal(s.text_len, 0);
	}
	ANSWER(&s, true, "AuthMethod=None");
	assert_int_equal(s.req.csg, PDU_STAGE_OPERATIONAL);
	assert_true(s.text_len > 0);
	for (i = 0; i < 5; i++) {
		script_answer(&s, false, NULL, 0);
		assert_true(s.req.transit);
		assert_int_equal(s.text_len, 0);
	}
	script_answer(&s, true, NULL, 0);
	assert_done(&s);
	script_fini(&s);
}

static void
login_03_2_target_never_ends(void **state)
{
	struct script s;
	int i;

	(void)state;
	script_init(&s);
	script_operational(&s);
	s.state = LOGIN_SEND;
	for (i = 0; i < 1000 && s.state == LOGIN_SEND; i++)
		script_answer(&s, false, NULL, 0);
	assert_failed(&s, ERROR_FAILED, "no end after");
	script_fini(&s);
}

static void
login_03_2_unasked_transit(void **state)
{
	struct script s;

	(void)state;
	script_init(&s);
	script_start(&s);
	script_prepare(&s, true);
	s.rsp.nsg = PDU_STAGE_FULL;
	s.rsp.tsih = 1;
	script_send(&s, NULL, 0);
	assert_failed(&s, ERROR_FAILED, "another stage than was asked for");
	script_fini(&s);
}

static void
login_06_1_each_key_once(void **state)
{
	static const char *const keys[] = { "InitiatorName", "TargetName",
		"SessionType", "AuthMethod", "HeaderDigest", "DataDigest",
		"MaxConnections", "InitialR2T", "ImmediateData",
		"MaxRecvDataSegmentLength", "MaxBurstLength",
		"FirstBurstLength", "DefaultTime2Wait", "DefaultTime2Retain",
		"MaxOutstandingR2T", "DataPDUInOrder", "DataSequenceInOrder",
		"ErrorRecoveryLevel" };
	unsigned seen[countof(keys)] = { 0 };
	struct script s;
	size_t i;
	int round;

	(void)state;
	script_init(&s);
	script_start(&s);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < countof(keys); i++)
			seen[i] += script_value(&s, keys[i]) != NULL;
		script_answer(&s, round == 0, NULL, 0);
	}
	for (i = 0; i < countof(keys); i++)
		assert_int_equal(seen[i], 1);
	script_fini(&s);
}

OPERATIONAL(login_06_2_answers_over_several)
{
	ANSWER(s, false, "MaxBurstLength=65536\0ImmediateData=No");
	assert_int_equal(s->text_len, 0);
	ANSWER(s, false, "FirstBurstLength=4096");
	ANSWER(s, true, "MaxOutstandingR2T=1");
	assert_int_equal(script_params(s)->max_burst, 65536);
	assert_int_equal(script_params(s)->first_burst, 4096);
	assert_int_equal(script_params(s)->max_outstanding_r2t, 1);
	assert_false(script_params(s)->immediate_data);
}

OPERATIONAL(login_06_3_key_again_in_next)
{
	ANSWER(s, false, "MaxBurstLength=65536");
	ANSWER(s, true, "MaxBurstLength=65536");
	assert_failed(s, ERROR_FAILED,
	    "the target sent MaxBurstLength=65536, a key that it had sent "
	    "before");
}

OPERATIONAL(login_06_3_key_twice)
{
	ANSWER(s, true, "ImmediateData=Yes\0ImmediateData=Yes");
	assert_failed(s, ERROR_FAILED, "a key that it had sent before");
}

static void
login_08_1_invalid_pdu(void **state)
{
	uint8_t bhs[PDU_BHS_LEN];
	struct script s;
	unsigned opcode;

	(void)state;
	for (opcode = 0; opcode < 64; opcode++) {
		if (opcode == PDU_LOGIN_RESPONSE)
			continue;
		script_init(&s);
		script_operational(&s);
		memset(bhs, 0, sizeof(bhs));
		bhs[0] = (uint8_t)opcode;
		s.state = login_initiator_recv(s.login, bhs, NULL, 0, &s.err);
		assert_failed(&s, ERROR_FAILED,
		    "a PDU that does not belong into a login");
		script_fini(&s);
	}
}

static void
login_08_1_invalid_header(void **state)
{
	static const char *const parts[] = { "an iSCSI version other than 0",
		"another ISID", "in another stage", "T and C bits together" };
	struct script s;
	size_t i;

	(void)state;
	for (i = 0; i < countof(parts); i++) {
		script_init(&s);
		script_operational(&s);
		script_prepare(&s, true);
		if (i == 0)
			s.rsp.version_active = 1;
		else if (i == 1)
			s.rsp.isid[5] ^= 1;
		else if (i == 2)
			s.rsp.csg = PDU_STAGE_SECURITY;
		else
			s.rsp.more = true;
		script_send(&s, NULL, 0);
		assert_failed(&s, ERROR_FAILED, parts[i]);
		script_fini(&s);
	}
}

static void
login_08_1_invalid_text(void **state)
{
	char text[8192];
	struct script s;

	(void)state;
	script_check("MaxBurstLength", "which is not key=value");
	script_check("=65536", "a text value without a key");
	script_check("Max Burst=1", "characters that are not allowed");
	memset(text, 'a', sizeof(text));
	script_finish("MaxBurstLength=4096", 19, &s); /* without its NUL */
	assert_failed(&s, ERROR_FAILED, "which no NUL ends");
	script_fini(&s);
	script_finish(text, sizeof(text), &s);
	assert_failed(&s, ERROR_FAILED, "which no NUL ends");
	script_fini(&s);
}

static void
login_operational_key_in_security(void **state)
{
	struct script s;

	(void)state;
	script_init(&s);
	script_start(&s);
	ANSWER(&s, true, "AuthMethod=None\0HeaderDigest=None");
	assert_failed(&s, ERROR_FAILED, "no place in the security stage");
	script_fini(&s);
}

/* The text split at each of its bytes: keys and values span PDUs. */
static void
login_continued_text(void **state)
{
	static const char text[] = "MaxBurstLength=65536\0ImmediateData=No\0"
				   "MaxRecvDataSegmentLength=131072";
	struct script s;
	size_t cut;

	(void)state;
	for (cut = 0; cut <= sizeof(text); cut++) {
		script_init(&s);
		script_operational(&s);
		script_prepare(&s, false);
		s.rsp.more = true;
		script_send(&s, text, cut);
		assert_int_equal(s.state, LOGIN_SEND);
		assert_int_equal(s.text_len, 0);
		assert_false(s.req.transit);
		assert_false(s.req.more);
		script_answer(&s, false, text + cut, sizeof(text) - cut);
		assert_true(s.req.transit);
		script_answer(&s, true, NULL, 0);
		assert_int_equal(script_params(&s)->max_burst, 65536);
		assert_int_equal(
		    script_params(&s)->max_send_data_segment, 131072);
		assert_false(script_params(&s)->immediate_data);
		script_fini(&s);
	}
}

/* A segment of 8192 bytes, a key of 63 and a value that fills the rest. */
static void
login_longest_text(void **state)
{
	char text[LOGIN_DATA_MAX], key[64];
	struct script s;

	(void)state;
	memset(text, 'k', 63);
	memcpy(key, text, 63);
	key[63] = '\0';
	text[63] = '=';
	memset(text + 64, 'v', sizeof(text) - 65);
	text[sizeof(text) - 1] = '\0';
	script_init(&s);
	script_operational(&s);
	script_answer(&s, false, text, sizeof(text));
	assert_string_equal(script_value(&s, key), "NotUnderstood");
	ANSWER(&s, true, "");
	assert_done(&s);
	script_fini(&s);

	memset(text, 'k', 64); /* a key of 64 bytes */
	text[64] = '=';
	script_finish(text, sizeof(text), &s);
	assert_failed(&s, ERROR_FAILED, "of 64 bytes, more than 63");
	script_fini(&s);
}

static void
login_endless_text(void **state)
{
	char text[LOGIN_DATA_MAX];
	struct script s;
	int i;

	(void)state;
	memset(text, 'v', sizeof(text));
	script_init(&s);
	script_operational(&s);
	s.state = LOGIN_SEND;
	for (i = 0; i < 100 && s.state == LOGIN_SEND; i++) {
		script_prepare(&s, false);
		s.rsp.more = true;
		script_send(&s, text, sizeof(text));
	}
	assert_failed(&s, ERROR_FAILED, "more text than a login may have");
	assert_true(i <= 9);
	script_fini(&s);

	script_init(&s); /* continued for ever with nothing */
	script_operational(&s);
	s.state = LOGIN_SEND;
	for (i = 0; i < 1000 && s.state == LOGIN_SEND; i++) {
		script_prepare(&s, false);
		s.rsp.more = true;
		script_send(&s, NULL, 0);
	}
	assert_failed(&s, ERROR_FAILED, "does not come to an end");
	script_fini(&s);
}

/* So many unknown keys that the answers need a C bit of ours. */
static void
login_long_answer(void **state)
{
	char text[LOGIN_DATA_MAX];
	struct script s;
	size_t len, got = 0;
	int i, segments = 0;

	(void)state;
	script_init(&s);
	script_operational(&s);
	for (i = 0, len = 0; len + 9 < sizeof(text); i++)
		len += (size_t)snprintf(
			   text + len, sizeof(text) - len, "X-%04d=", i) +
		       1;
	script_answer(&s, false, text, len);
	while (s.req.more) {
		assert_false(s.req.transit);
		got += s.text_len;
		segments++;
		script_answer(&s, false, NULL, 0);
	}
	got += s.text_len;
	assert_true(s.req.transit);
	assert_int_equal(segments, 2);
	assert_int_equal(got, (size_t)i * sizeof("X-0000=NotUnderstood"));
	ANSWER(&s, true, "");
	assert_done(&s);
	script_fini(&s);
}

static void
login_status_classes(void **state)
{
	struct script s;
	unsigned status;
	char part[32];

	(void)state;
	for (status = 0x0001; status < 0x0420; status++) {
		if (status >> 8 == 1)
			continue;
		script_init(&s);
		script_start(&s);
		script_prepare(&s, false);
		s.rsp.status = (uint16_t)status;
		script_send(&s, NULL, 0);
		snprintf(part, sizeof(part), "(status 0x%04x); ", status);
		assert_failed(&s,
		    status == 0x0203 || status == 0x0301 ? ERROR_ABSENT
		    : status >> 8 == 2			 ? ERROR_REFUSED
							 : ERROR_FAILED,
		    part);
		assert_int_equal(login_initiator_status(s.login), status);
		script_fini(&s);
	}
}

static void
login_redirected(void **state)
{
	struct script s;
	bool permanent;

	(void)state;
	script_init(&s);
	script_start(&s);
	script_prepare(&s, false);
	s.rsp.status = 0x0102;
	script_send(&s, "TargetAddress=[2001:db8::1]:3261,2", 35);
	assert_int_equal(s.state, LOGIN_REDIRECT);
	assert_string_equal(login_initiator_redirect(s.login, &permanent),
	    "[2001:db8::1]:3261");
	assert_true(permanent);
	script_fini(&s);

	script_init(&s);
	script_start(&s);
	script_prepare(&s, false);
	s.rsp.status = 0x0101;
	script_send(&s, NULL, 0);
	assert_failed(&s, ERROR_FAILED, "did not say where to");
	script_fini(&s);
}

/* Every name of the peer's choice is escaped before it is shown. */
static void
login_hostile_text(void **state)
{
	struct script s;
	const char *p;

	(void)state;
	script_finish("InitialR2T=\033[2J\n\xff", 18, &s);
	assert_failed(&s, ERROR_FAILED, "InitialR2T=\\x1b[2J\\x0a\\xff");
	for (p = s.err.text; *p != '\0'; p++)
		assert_in_range(*p, ' ', '~');
	script_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(login_01_1_standard),
		cmocka_unit_test(login_02_1_tsih_zero_first),
		cmocka_unit_test(login_02_2_wrong_tsih),
		cmocka_unit_test(login_02_3_tsih_of_the_session),
		cmocka_unit_test(login_03_1_transit_when_ready),
		cmocka_unit_test(login_03_2_target_delays),
		cmocka_unit_test(login_03_2_target_never_ends),
		cmocka_unit_test(login_03_2_unasked_transit),
		cmocka_unit_test(login_06_1_each_key_once),
		cmocka_unit_test(login_06_2_answers_over_several),
		cmocka_unit_test(login_06_3_key_again_in_next),
		cmocka_unit_test(login_06_3_key_twice),
		cmocka_unit_test(login_08_1_invalid_pdu),
		cmocka_unit_test(login_08_1_invalid_header),
		cmocka_unit_test(login_08_1_invalid_text),
		cmocka_unit_test(login_operational_key_in_security),
		cmocka_unit_test(login_continued_text),
		cmocka_unit_test(login_longest_text),
		cmocka_unit_test(login_endless_text),
		cmocka_unit_test(login_long_answer),
		cmocka_unit_test(login_status_classes),
		cmocka_unit_test(login_redirected),
		cmocka_unit_test(login_hostile_text),
	};

	return cmocka_run_group_tests_name(
	    "login conformance", tests, NULL, NULL);
}
