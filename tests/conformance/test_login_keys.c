/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_login_keys - the rows of the Login Phase table that are about single
 * keys: lists, numbers, booleans, declarations (rows 7 and 9 to 23).
 */
#include <stdio.h>

#include "login_script.h"

static void
login_07_1_list_answer(void **state)
{
	(void)state;
	script_check("HeaderDigest=None", NULL);
	script_check("HeaderDigest=Reject", NULL);
	script_check("HeaderDigest=CRC32C", "which was not offered");
	script_check("HeaderDigest=None,CRC32C", "which was not offered");
	script_check("HeaderDigest=none", "which was not offered");
	script_check("HeaderDigest=", "which was not offered");
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
	script_finish(irrelevant, sizeof(irrelevant), &s);
	assert_int_equal(script_params(&s)->first_burst, 8192);
	script_fini(&s);
	script_finish(unnamed, sizeof(unnamed), &s);
	assert_int_equal(script_params(&s)->first_burst, 8192);
	script_fini(&s);
}

static void
login_07_5_invalid_immediate_data(void **state)
{
	(void)state;
	script_check("ImmediateData=Maybe", "which is not a legal value");
	script_check("ImmediateData=", "which is not a legal value");
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
			    script_params(&s)->header_digest.order[0],
			    rows[i].digest);
			assert_int_equal(
			    script_params(&s)->data_digest.order[0],
			    rows[i].digest);
		}
		script_fini(&s);
	}
}

static void
login_10_1_max_connections(void **state)
{
	struct script s;

	(void)state;
	script_check("MaxConnections=1", NULL);
	script_check("MaxConnections=2", "which our offer does not allow");
	script_check("MaxConnections=0", "which is not a legal value");
	script_init(&s);
	s.config.offer.max_connections = 8;
	script_operational(&s);
	assert_string_equal(script_value(&s, "MaxConnections"), "8");
	ANSWER(&s, true, "MaxConnections=4");
	assert_int_equal(script_params(&s)->max_connections, 4);
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
	script_finish("ImmediateData=No", 17, &s);
	assert_false(script_params(&s)->immediate_data);
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
	assert_false(script_params(&s)->immediate_data);
	script_fini(&s);
}

static void
login_13_2_or(void **state)
{
	struct script s;

	(void)state;
	script_finish("InitialR2T=Yes", 15, &s);
	assert_true(script_params(&s)->initial_r2t);
	script_fini(&s);
	script_finish("InitialR2T=No", 14, &s);
	assert_false(script_params(&s)->initial_r2t);
	script_fini(&s);
	script_finish("", 1, &s); /* not answered: the default is Yes */
	assert_true(script_params(&s)->initial_r2t);
	script_fini(&s);
	script_check("DataPDUInOrder=No", "which our offer does not allow");
	script_check(
	    "DataSequenceInOrder=No", "which our offer does not allow");
}

static void
login_13_3_illegal_booleans(void **state)
{
	(void)state;
	script_check("InitialR2T=yes", "which is not a legal value");
	script_check("InitialR2T=1", "which is not a legal value");
	script_check("InitialR2T=Yes,No", "which is not a legal value");
	script_check("DataPDUInOrder=", "which is not a legal value");
	script_check("DataSequenceInOrder=TRUE", "which is not a legal value");
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
		script_finish(rows[i].pair, strlen(rows[i].pair) + 1, &s);
		if (rows[i].length == 0)
			assert_failed(&s, ERROR_FAILED,
			    "which is not a length from 512 to 16777215");
		else
			assert_int_equal(
			    script_params(&s)->max_send_data_segment,
			    rows[i].length);
		script_fini(&s);
	}
}

static void
login_15_max_burst_length(void **state)
{
	(void)state;
	script_check("MaxBurstLength=512", NULL);
	script_check("MaxBurstLength=16776192", NULL);
	script_check(
	    "MaxBurstLength=16776193", "which our offer does not allow");
	script_check("MaxBurstLength=511", "which is not a legal value");
	script_check("MaxBurstLength=Irrelevant", NULL);
	script_check("MaxBurstLength=NotUnderstood", NULL);
}

static void
login_16_first_burst_length(void **state)
{
	(void)state;
	script_check("FirstBurstLength=512", NULL);
	script_check(
	    "FirstBurstLength=1048577", "which our offer does not allow");
	script_check("FirstBurstLength=", "which is not a legal value");
}

static void
login_17_18_times(void **state)
{
	(void)state;
	script_check("DefaultTime2Retain=0", NULL);
	script_check("DefaultTime2Retain=21", "which our offer does not allow");
	script_check("DefaultTime2Retain=3601", "which is not a legal value");
	script_check("DefaultTime2Wait=3600", NULL);
	script_check("DefaultTime2Wait=1", "which our offer does not allow");
	script_check("DefaultTime2Wait=3601", "which is not a legal value");
}

static void
login_19_20_r2t_and_recovery(void **state)
{
	(void)state;
	script_check("MaxOutstandingR2T=1", NULL);
	script_check("MaxOutstandingR2T=0", "which is not a legal value");
	script_check("MaxOutstandingR2T=5", "which our offer does not allow");
	script_check("ErrorRecoveryLevel=0", NULL);
	script_check("ErrorRecoveryLevel=1", "which our offer does not allow");
	script_check("ErrorRecoveryLevel=3", "which is not a legal value");
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
	script_check("SessionType=Discovery", "a SessionType that is not ours");
	script_check("SessionType=Normal", NULL);
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
	script_check("TargetName=" SCRIPT_TARGET, NULL);
	script_check("TargetName=iqn.2001-04.com.example:other",
	    "a TargetName that is not ours");
	script_check("InitiatorName=iqn.2001-04.com.example:other",
	    "InitiatorName that is not ours");
	script_check("TargetPortalGroupTag=65536", "TargetPortalGroupTag");
	snprintf(text, sizeof(text), "TargetAlias=%0255d", 0);
	script_check(text, NULL);
	snprintf(text, sizeof(text), "TargetAlias=%0256d", 0);
	script_check(text, "TargetAlias of more than 255 bytes");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(login_07_1_list_answer),
		cmocka_unit_test(login_07_2_list_of_the_target),
		cmocka_unit_test(login_07_3_invalid_auth_method),
		cmocka_unit_test(login_07_4_first_burst_above_max_burst),
		cmocka_unit_test(login_07_4_first_burst_without_meaning),
		cmocka_unit_test(login_07_5_invalid_immediate_data),
		cmocka_unit_test(login_07_6_unknown_key),
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
	};

	return cmocka_run_group_tests_name("login keys", tests, NULL, NULL);
}
