/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_login - the initiator's login phase against a scripted target, row by
 * row of the consortium's test suite for initiators (Login Phase); the names of
 * the functions carry the rows' numbers.  What needs a whole connection
 * (StatSN, rows 4 and 5) is tested with the session.
 */
#include <stdio.h>

#include "login_script.h"

/* One test: a script that has got as far as the operational request. */
#define OPERATIONAL(name)                         \
	static void name##_run(struct script *s); \
	static void name(void **state)            \
	{                                         \
		struct script s;                  \
		(void)state;                      \
		script_init(&s);                  \
		script_operational(&s);           \
		name##_run(&s);                   \
		script_fini(&s);                  \
	}                                         \
	static void name##_run(struct script *s)

/* Answers the operational request with this text and T. */
static enum login_state
operational(const char *text, size_t len, struct script *s)
{
	script_init(s);
	script_operational(s);
	script_answer(s, true, text, len);
	return s->state;
}

/* A single "key=value": fails the login with this in the message, or (NULL)
 * does not. */
static void
check_answer(const char *pair, const char *part)
{
	struct script s;

	operational(pair, strlen(pair) + 1, &s);
	if (part == NULL)
		assert_done(&s);
	else
		assert_failed(&s, ERROR_FAILED, part);
	script_fini(&s);
}

static const struct params *
result(const struct script *s)
{
	assert_done(s);
	return &login_initiator_result(s->login)->params;
}

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
	operational(answer, sizeof(answer), &s);
	p = result(&s);
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
	assert_int_equal(result(s)->max_burst, 65536);
	assert_int_equal(result(s)->first_burst, 4096);
	assert_int_equal(result(s)->max_outstanding_r2t, 1);
	assert_false(result(s)->immediate_data);
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
login_07_1_list_answer(void **state)
{
	(void)state;
	check_answer("HeaderDigest=None", NULL);
	check_answer("HeaderDigest=Reject", NULL);
	check_answer("HeaderDigest=CRC32C", "which was not offered");
	check_answer("HeaderDigest=None,CRC32C", "which was not offered");
	check_answer("HeaderDigest=none", "which was not offered");
	check_answer("HeaderDigest=", "which was not offered");
}

static void
login_07_2_list_of_the_target(void **state)
{
	struct script s;

	(void)state;
	script_init(&s); /* a list that the target offers */
	script_operational(&s);
	ANSWER(&s, false, "TaskReporting=FastAbort,ResponseFence,RFC3720");
	assert_string_equal(script_value(&s, "TaskReporting"), "RFC3720");
	ANSWER(&s, true, "");
	assert_done(&s);
	script_fini(&s);

	script_init(&s);
	script_operational(&s);
	ANSWER(&s, false, "TaskReporting=FastAbort");
	assert_string_equal(script_value(&s, "TaskReporting"), "Reject");
	script_fini(&s);
}

static void
login_07_3_invalid_auth_method(void **state)
{
	static const struct {
		const char *value;
		enum error_class class;
		const char *part;
	} rows[] = {
		{ "AuthMethod=KRB5", ERROR_FAILED, "which was not offered" },
		{ "AuthMethod=none", ERROR_FAILED, "which was not offered" },
		{ "AuthMethod=", ERROR_FAILED, "which was not offered" },
		{ "AuthMethod=CHAP", ERROR_REFUSED,
		    "the target asked for CHAP and no user name was given" },
		{ "AuthMethod=Reject", ERROR_REFUSED,
		    "demands authentication and no user name was given" },
	};
	struct script s;
	size_t i;

	(void)state;
	for (i = 0; i < countof(rows); i++) {
		script_init(&s);
		script_start(&s);
		assert_string_equal(script_value(&s, "AuthMethod"), "None");
		script_answer(
		    &s, false, rows[i].value, strlen(rows[i].value) + 1);
		assert_failed(&s, rows[i].class, rows[i].part);
		script_fini(&s);
	}
}

OPERATIONAL(login_07_4_first_burst_above_max_burst)
{
	ANSWER(s, true, "MaxBurstLength=8192\0FirstBurstLength=65536");
	assert_failed(s, ERROR_FAILED,
	    "the target sent FirstBurstLength=65536, more than "
	    "MaxBurstLength=8192");
}

/* Without unsolicited data the first burst means nothing (13.14), and one that
 * the target did not name follows MaxBurstLength. */
static void
login_07_4_first_burst_without_meaning(void **state)
{
	static const char irrelevant[] =
	    "MaxBurstLength=8192\0FirstBurstLength=65536\0InitialR2T=Yes\0"
	    "ImmediateData=No";
	static const char unnamed[] = "MaxBurstLength=8192\0InitialR2T=No";
	struct script s;

	(void)state;
	operational(irrelevant, sizeof(irrelevant), &s);
	assert_int_equal(result(&s)->first_burst, 8192);
	script_fini(&s);
	operational(unnamed, sizeof(unnamed), &s);
	assert_int_equal(result(&s)->first_burst, 8192);
	script_fini(&s);
}

static void
login_07_5_invalid_immediate_data(void **state)
{
	(void)state;
	check_answer("ImmediateData=Maybe", "which is not a legal value");
	check_answer("ImmediateData=", "which is not a legal value");
}

OPERATIONAL(login_07_6_unknown_key)
{
	ANSWER(s, false, "X-com.example.speed=11\0Y#gibberish=NotUnderstood");
	assert_string_equal(
	    script_value(s, "X-com.example.speed"), "NotUnderstood");
	assert_null(script_value(s, "Y#gibberish"));
	ANSWER(s, true, "");
	assert_done(s);
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
	check_answer("MaxBurstLength", "which is not key=value");
	check_answer("=65536", "a text value without a key");
	check_answer("Max Burst=1", "characters that are not allowed");
	memset(text, 'a', sizeof(text));
	operational("MaxBurstLength=4096", 19, &s); /* without its NUL */
	assert_failed(&s, ERROR_FAILED, "which no NUL ends");
	script_fini(&s);
	operational(text, sizeof(text), &s);
	assert_failed(&s, ERROR_FAILED, "which no NUL ends");
	script_fini(&s);
}

static void
login_09_digests(void **state)
{
	static const struct {
		struct digest_list offer;
		const char *sent;
		const char *answer;
		int digest; /* -1: fails */
	} rows[] = {
		{ { 1, { DIGEST_NONE } }, "None", "None", DIGEST_NONE },
		{ { 1, { DIGEST_CRC32C } }, "CRC32C", "CRC32C", DIGEST_CRC32C },
		{ { 1, { DIGEST_CRC32C } }, "CRC32C", "None", -1 },
		{ { 1, { DIGEST_CRC32C } }, "CRC32C", "Reject", -1 },
		{ { 2, { DIGEST_CRC32C, DIGEST_NONE } }, "CRC32C,None",
		    "CRC32C", DIGEST_CRC32C },
		{ { 2, { DIGEST_CRC32C, DIGEST_NONE } }, "CRC32C,None", "None",
		    DIGEST_NONE },
		{ { 2, { DIGEST_NONE, DIGEST_CRC32C } }, "None,CRC32C",
		    "CRC32C", DIGEST_CRC32C },
		{ { 2, { DIGEST_NONE, DIGEST_CRC32C } }, "None,CRC32C",
		    "Reject", DIGEST_NONE },
	};
	struct script s;
	char text[128];
	size_t i;
	int n;

	(void)state;
	for (i = 0; i < countof(rows); i++) {
		script_init(&s);
		s.config.offer.header_digest = rows[i].offer;
		s.config.offer.data_digest = rows[i].offer;
		script_operational(&s);
		assert_string_equal(
		    script_value(&s, "HeaderDigest"), rows[i].sent);
		assert_string_equal(
		    script_value(&s, "DataDigest"), rows[i].sent);
		n = snprintf(text, sizeof(text),
		    "HeaderDigest=%s%cDataDigest=%s", rows[i].answer, 0,
		    rows[i].answer);
		script_answer(&s, true, text, (size_t)n + 1);
		if (rows[i].digest < 0) {
			assert_failed(&s, ERROR_FAILED, "HeaderDigest=");
		} else {
			assert_int_equal(
			    result(&s)->header_digest.order[0], rows[i].digest);
			assert_int_equal(
			    result(&s)->data_digest.order[0], rows[i].digest);
		}
		script_fini(&s);
	}
}

static void
login_10_1_max_connections(void **state)
{
	struct script s;

	(void)state;
	check_answer("MaxConnections=1", NULL);
	check_answer("MaxConnections=2", "which our offer does not allow");
	check_answer("MaxConnections=0", "which is not a legal value");
	script_init(&s);
	s.config.offer.max_connections = 8;
	script_operational(&s);
	assert_string_equal(script_value(&s, "MaxConnections"), "8");
	ANSWER(&s, true, "MaxConnections=4");
	assert_int_equal(result(&s)->max_connections, 4);
	script_fini(&s);
}

static void
login_11_1_names(void **state)
{
	struct script s;

	(void)state;
	script_init(&s);
	script_start(&s);
	assert_string_equal(
	    script_value(&s, "InitiatorName"), SCRIPT_INITIATOR);
	assert_string_equal(script_value(&s, "TargetName"), SCRIPT_TARGET);
	assert_string_equal(script_value(&s, "SessionType"), "Normal");
	script_fini(&s);
}

OPERATIONAL(login_12_1_markers)
{
	ANSWER(s, false,
	    "OFMarker=Yes\0IFMarker=No\0OFMarkInt=1~65535\0IFMarkInt=2048");
	assert_string_equal(script_value(s, "OFMarker"), "Reject");
	assert_string_equal(script_value(s, "IFMarker"), "No");
	assert_string_equal(script_value(s, "OFMarkInt"), "Reject");
	assert_string_equal(script_value(s, "IFMarkInt"), "Reject");
	ANSWER(s, true, "");
	assert_done(s);
}

static void
login_13_1_and(void **state)
{
	struct script s;

	(void)state;
	operational("ImmediateData=No", 17, &s);
	assert_false(result(&s)->immediate_data);
	script_fini(&s);
	script_init(&s);
	s.config.offer.immediate_data = false;
	script_operational(&s);
	ANSWER(&s, true, "ImmediateData=Yes");
	assert_failed(&s, ERROR_FAILED, "which our offer does not allow");
	script_fini(&s);
	script_init(&s); /* no answer is due to a No (6.2.2) */
	s.config.offer.immediate_data = false;
	script_operational(&s);
	ANSWER(&s, true, "");
	assert_false(result(&s)->immediate_data);
	script_fini(&s);
}

static void
login_13_2_or(void **state)
{
	struct script s;

	(void)state;
	operational("InitialR2T=Yes", 15, &s);
	assert_true(result(&s)->initial_r2t);
	script_fini(&s);
	operational("InitialR2T=No", 14, &s);
	assert_false(result(&s)->initial_r2t);
	script_fini(&s);
	operational("", 1, &s); /* not answered: the default is Yes */
	assert_true(result(&s)->initial_r2t);
	script_fini(&s);
	check_answer("DataPDUInOrder=No", "which our offer does not allow");
	check_answer(
	    "DataSequenceInOrder=No", "which our offer does not allow");
}

static void
login_13_3_illegal_booleans(void **state)
{
	(void)state;
	check_answer("InitialR2T=yes", "which is not a legal value");
	check_answer("InitialR2T=1", "which is not a legal value");
	check_answer("InitialR2T=Yes,No", "which is not a legal value");
	check_answer("DataPDUInOrder=", "which is not a legal value");
	check_answer("DataSequenceInOrder=TRUE", "which is not a legal value");
}

static void
login_14_1_max_recv_data_segment_length(void **state)
{
	static const struct {
		const char *pair;
		uint32_t length; /* 0: fails */
	} rows[] = {
		{ "MaxRecvDataSegmentLength=512", 512 },
		{ "MaxRecvDataSegmentLength=16777215", 16777215 },
		{ "MaxRecvDataSegmentLength=0x2000", 8192 },
		{ "TargetAlias=says nothing of it", 8192 },
		{ "MaxRecvDataSegmentLength=511", 0 },
		{ "MaxRecvDataSegmentLength=0", 0 },
		{ "MaxRecvDataSegmentLength=16777216", 0 },
		{ "MaxRecvDataSegmentLength=-1", 0 },
		{ "MaxRecvDataSegmentLength=8k", 0 },
		{ "MaxRecvDataSegmentLength=99999999999999999999999", 0 },
	};
	struct script s;
	size_t i;

	(void)state;
	for (i = 0; i < countof(rows); i++) {
		operational(rows[i].pair, strlen(rows[i].pair) + 1, &s);
		if (rows[i].length == 0)
			assert_failed(&s, ERROR_FAILED,
			    "which is not a length from 512 to 16777215");
		else
			assert_int_equal(
			    result(&s)->max_send_data_segment, rows[i].length);
		script_fini(&s);
	}
}

static void
login_15_max_burst_length(void **state)
{
	(void)state;
	check_answer("MaxBurstLength=512", NULL);
	check_answer("MaxBurstLength=16776192", NULL);
	check_answer(
	    "MaxBurstLength=16776193", "which our offer does not allow");
	check_answer("MaxBurstLength=511", "which is not a legal value");
	check_answer("MaxBurstLength=Irrelevant", NULL);
	check_answer("MaxBurstLength=NotUnderstood", NULL);
}

static void
login_16_first_burst_length(void **state)
{
	(void)state;
	check_answer("FirstBurstLength=512", NULL);
	check_answer(
	    "FirstBurstLength=1048577", "which our offer does not allow");
	check_answer("FirstBurstLength=", "which is not a legal value");
}

static void
login_17_18_times(void **state)
{
	(void)state;
	check_answer("DefaultTime2Retain=0", NULL);
	check_answer("DefaultTime2Retain=21", "which our offer does not allow");
	check_answer("DefaultTime2Retain=3601", "which is not a legal value");
	check_answer("DefaultTime2Wait=3600", NULL);
	check_answer("DefaultTime2Wait=1", "which our offer does not allow");
	check_answer("DefaultTime2Wait=3601", "which is not a legal value");
}

static void
login_19_20_r2t_and_recovery(void **state)
{
	(void)state;
	check_answer("MaxOutstandingR2T=1", NULL);
	check_answer("MaxOutstandingR2T=0", "which is not a legal value");
	check_answer("MaxOutstandingR2T=5", "which our offer does not allow");
	check_answer("ErrorRecoveryLevel=0", NULL);
	check_answer("ErrorRecoveryLevel=1", "which our offer does not allow");
	check_answer("ErrorRecoveryLevel=3", "which is not a legal value");
}

static void
login_21_1_session_type(void **state)
{
	struct script s;

	(void)state;
	script_init(&s);
	s.config.target_name = NULL;
	script_start(&s);
	assert_string_equal(script_value(&s, "SessionType"), "Discovery");
	assert_null(script_value(&s, "TargetName"));
	ANSWER(&s, true, "AuthMethod=None");
	/* Keys that mean nothing in a discovery session stay unsent. */
	assert_null(script_value(&s, "MaxBurstLength"));
	assert_null(script_value(&s, "InitialR2T"));
	assert_non_null(script_value(&s, "MaxRecvDataSegmentLength"));
	ANSWER(&s, false, "MaxBurstLength=65536");
	assert_string_equal(script_value(&s, "MaxBurstLength"), "Irrelevant");
	ANSWER(&s, true, "");
	assert_done(&s);
	script_fini(&s);
	check_answer("SessionType=Discovery", "a SessionType that is not ours");
	check_answer("SessionType=Normal", NULL);
}

OPERATIONAL(login_22_1_auth_method_late)
{
	ANSWER(s, true, "AuthMethod=None");
	assert_failed(s, ERROR_FAILED, "AuthMethod a second time");
}

static void
login_23_declarations(void **state)
{
	static const char answer[] = "AuthMethod=None\0"
				     "TargetPortalGroupTag=0xffff\0"
				     "TargetAlias=The disk of the house\0"
				     "TargetAddress=10.0.0.1:3260,1";
	struct script s;
	char text[300];

	(void)state;
	script_init(&s);
	script_start(&s);
	script_answer(&s, true, answer, sizeof(answer));
	ANSWER(&s, true, "");
	assert_done(&s);
	assert_int_equal(login_initiator_result(s.login)->tpgt, 65535);
	assert_string_equal(login_initiator_result(s.login)->target_alias,
	    "The disk of the house");
	script_fini(&s);
	check_answer("TargetName=" SCRIPT_TARGET, NULL);
	check_answer("TargetName=iqn.2001-04.com.example:other",
	    "a TargetName that is not ours");
	check_answer("InitiatorName=iqn.2001-04.com.example:other",
	    "InitiatorName that is not ours");
	check_answer("TargetPortalGroupTag=65536", "TargetPortalGroupTag");
	snprintf(text, sizeof(text), "TargetAlias=%0255d", 0);
	check_answer(text, NULL);
	snprintf(text, sizeof(text), "TargetAlias=%0256d", 0);
	check_answer(text, "TargetAlias of more than 255 bytes");
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
		assert_int_equal(result(&s)->max_burst, 65536);
		assert_int_equal(result(&s)->max_send_data_segment, 131072);
		assert_false(result(&s)->immediate_data);
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
	operational(text, sizeof(text), &s);
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
		    status == 0x0203   ? ERROR_ABSENT
		    : status >> 8 == 2 ? ERROR_REFUSED
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
	operational("InitialR2T=\033[2J\n\xff", 18, &s);
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
		cmocka_unit_test(login_07_1_list_answer),
		cmocka_unit_test(login_07_2_list_of_the_target),
		cmocka_unit_test(login_07_3_invalid_auth_method),
		cmocka_unit_test(login_07_4_first_burst_above_max_burst),
		cmocka_unit_test(login_07_4_first_burst_without_meaning),
		cmocka_unit_test(login_07_5_invalid_immediate_data),
		cmocka_unit_test(login_07_6_unknown_key),
		cmocka_unit_test(login_08_1_invalid_pdu),
		cmocka_unit_test(login_08_1_invalid_header),
		cmocka_unit_test(login_08_1_invalid_text),
		cmocka_unit_test(login_09_digests),
		cmocka_unit_test(login_10_1_max_connections),
		cmocka_unit_test(login_11_1_names),
		cmocka_unit_test(login_12_1_markers),
		cmocka_unit_test(login_13_1_and),
		cmocka_unit_test(login_13_2_or),
		cmocka_unit_test(login_13_3_illegal_booleans),
		cmocka_unit_test(login_14_1_max_recv_data_segment_length),
		cmocka_unit_test(login_15_max_burst_length),
		cmocka_unit_test(login_16_first_burst_length),
		cmocka_unit_test(login_17_18_times),
		cmocka_unit_test(login_19_20_r2t_and_recovery),
		cmocka_unit_test(login_21_1_session_type),
		cmocka_unit_test(login_22_1_auth_method_late),
		cmocka_unit_test(login_23_declarations),
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
