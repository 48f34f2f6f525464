/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_param - the table as the acceptor walks it: what each offer is answered.
 * The offering side is tested against a scripted target in tests/conformance/.
 */
#include <errno.h>
#include <stdio.h>

#include "proto/param.h"
#include "unit.h"

struct side {
	struct params offer;
	struct negotiation n;
	struct text_buffer out;
	struct error err;
};

static void
setup(struct side *s, bool discovery)
{
	memset(s, 0, sizeof(*s));
	params_default(&s->offer);
	s->offer.max_burst = 262144;
	s->offer.first_burst = 65536;
	s->offer.header_digest =
	    (struct digest_list){ 2, { DIGEST_NONE, DIGEST_CRC32C } };
	negotiation_init(&s->n, &s->offer, false, discovery);
}

/* The answer to one key in a negotiation of its own: the value; "" when there
 * is none; NULL when it ends the login. */
static const char *
answer(const char *key, const char *value, bool discovery)
{
	static char text[256];
	struct side s;

	setup(&s, discovery);
	text[0] = '\0';
	if (param_take(&s.n, key, value, true, &s.out, &s.err) < 0) {
		text_buffer_fini(&s.out);
		return NULL;
	}
	if (s.out.len > 0) {
		assert_memory_equal(s.out.data, key, strlen(key));
		snprintf(
		    text, sizeof(text), "%s", s.out.data + strlen(key) + 1);
	}
	text_buffer_fini(&s.out);
	return text;
}

static void
test_answers(void **state)
{
	static const struct {
		const char *key, *value, *answer;
	} rows[] = {
		{ "HeaderDigest", "CRC32C,None", "CRC32C" },
		{ "HeaderDigest", "None,CRC32C", "None" },
		{ "HeaderDigest", "MD5,CRC32C", "CRC32C" },
		{ "HeaderDigest", "MD5", "Reject" },
		{ "DataDigest", "CRC32C,None", "None" },
		{ "DataDigest", "CRC32C", "Reject" },
		{ "MaxConnections", "8", "1" },
		{ "MaxConnections", "0", "Reject" },
		{ "MaxConnections", "65536", "Reject" },
		{ "MaxConnections", "many", NULL },
		{ "InitialR2T", "Yes", "Yes" },
		{ "InitialR2T", "No", "No" },
		{ "InitialR2T", "Maybe", NULL },
		{ "ImmediateData", "Yes", "Yes" },
		{ "ImmediateData", "No", "No" },
		{ "MaxRecvDataSegmentLength", "65536", "" },
		{ "MaxRecvDataSegmentLength", "0", NULL },
		{ "MaxBurstLength", "16776192", "262144" },
		{ "MaxBurstLength", "0x200", "512" },
		{ "MaxBurstLength", "16777216", "Reject" },
		{ "FirstBurstLength", "262144", "65536" },
		{ "FirstBurstLength", "1024", "1024" },
		{ "DefaultTime2Wait", "0", "2" },
		{ "DefaultTime2Wait", "5", "5" },
		{ "DefaultTime2Retain", "0", "0" },
		{ "DefaultTime2Retain", "100", "20" },
		{ "MaxOutstandingR2T", "1", "1" },
		{ "MaxOutstandingR2T", "16", "4" },
		{ "DataPDUInOrder", "No", "Yes" },
		{ "DataSequenceInOrder", "No", "Yes" },
		{ "ErrorRecoveryLevel", "2", "0" },
		{ "ErrorRecoveryLevel", "3", "Reject" },
		{ "TaskReporting", "RFC3720", "RFC3720" },
		{ "TaskReporting", "FastAbort", "Reject" },
		{ "OFMarker", "No", "No" },
		{ "IFMarker", "Yes", "Reject" },
		{ "OFMarkInt", "2048", "Reject" },
		{ "IFMarkInt", "1~65535", "Reject" },
		{ "iSCSIProtocolLevel", "2", "1" },
		{ "iSCSIProtocolLevel", "1", "1" },
		{ "iSCSIProtocolLevel", "0", "0" },
		{ "iSCSIProtocolLevel", "32", "Reject" },
		{ "MaxBurstLength", "Irrelevant", "" },
		{ "MaxBurstLength", "Reject", "" },
		{ "MaxBurstLength", "NotUnderstood", "" },
	};
	const char *got;
	size_t i;

	(void)state;
	for (i = 0; i < countof(rows); i++) {
		got = answer(rows[i].key, rows[i].value, false);
		if (rows[i].answer == NULL
			? got != NULL
			: got == NULL || strcmp(got, rows[i].answer) != 0)
			fail_msg("%s=%s: %s", rows[i].key, rows[i].value,
			    got == NULL ? "(end)" : got);
	}
}

static void
test_discovery(void **state)
{
	static const char *const irrelevant[] = { "MaxConnections",
		"InitialR2T", "ImmediateData", "MaxBurstLength",
		"FirstBurstLength", "MaxOutstandingR2T", "DataPDUInOrder",
		"DataSequenceInOrder", "TaskReporting", "iSCSIProtocolLevel" };
	size_t i;

	(void)state;
	for (i = 0; i < countof(irrelevant); i++)
		assert_string_equal(
		    answer(irrelevant[i], "1", true), "Irrelevant");
	assert_string_equal(answer("ErrorRecoveryLevel", "1", true), "0");
	assert_string_equal(answer("DefaultTime2Wait", "3", true), "3");
	assert_string_equal(answer("HeaderDigest", "None", true), "None");
}

static void
test_unknown(void **state)
{
	struct side s;

	(void)state;
	setup(&s, false);
	assert_int_equal(
	    param_take(&s.n, "X-key", "1", true, &s.out, &s.err), -ENOENT);
	assert_int_equal(
	    param_take(&s.n, "maxburstlength", "1", true, &s.out, &s.err),
	    -ENOENT);
	assert_int_equal(
	    param_take(&s.n, "", "1", true, &s.out, &s.err), -ENOENT);
	assert_int_equal(s.out.len, 0);
	text_buffer_fini(&s.out);
}

static void
test_twice(void **state)
{
	static const char *const keys[][2] = {
		{ "MaxBurstLength", "1024" },
		{ "MaxRecvDataSegmentLength", "1024" },
		{ "IFMarker", "No" },
		{ "MaxOutstandingR2T", "Reject" },
	};
	struct side s;
	size_t i;

	(void)state;
	for (i = 0; i < countof(keys); i++) {
		setup(&s, false);
		assert_int_equal(param_take(&s.n, keys[i][0], keys[i][1], true,
				     &s.out, &s.err),
		    0);
		assert_int_equal(param_take(&s.n, keys[i][0], keys[i][1], true,
				     &s.out, &s.err),
		    -EPROTO);
		assert_non_null(strstr(s.err.text, "sent before"));
		text_buffer_fini(&s.out);
	}
}

static void
test_stage(void **state)
{
	struct side s;

	(void)state;
	setup(&s, false);
	assert_int_equal(
	    param_take(&s.n, "MaxBurstLength", "1024", false, &s.out, &s.err),
	    -EPROTO);
	assert_int_equal(param_take(&s.n, "MaxRecvDataSegmentLength", "1024",
			     false, &s.out, &s.err),
	    0);
	text_buffer_fini(&s.out);
}

/* Nothing was said: the defaults of RFC 7143, 13. */
static void
test_defaults(void **state)
{
	struct side s;
	const struct params *p = &s.n.result;

	(void)state;
	setup(&s, false);
	assert_int_equal(param_settle(&s.n, &s.err), 0);
	assert_int_equal(p->header_digest.n, 1);
	assert_int_equal(p->header_digest.order[0], DIGEST_NONE);
	assert_int_equal(p->data_digest.order[0], DIGEST_NONE);
	assert_int_equal(p->max_recv_data_segment, 262144);
	assert_int_equal(p->max_send_data_segment, 8192);
	assert_int_equal(p->max_burst, 262144);
	assert_int_equal(p->first_burst, 65536);
	assert_int_equal(p->max_connections, 1);
	assert_int_equal(p->time2wait, 2);
	assert_int_equal(p->time2retain, 20);
	assert_int_equal(p->max_outstanding_r2t, 1);
	assert_int_equal(p->error_recovery_level, 0);
	assert_true(p->initial_r2t);
	assert_true(p->immediate_data);
	assert_true(p->data_pdu_in_order);
	assert_true(p->data_sequence_in_order);
}

static void
test_settle_digest(void **state)
{
	struct side s;

	(void)state;
	setup(&s, false);
	s.offer.data_digest = (struct digest_list){ 1, { DIGEST_CRC32C } };
	assert_int_equal(param_settle(&s.n, &s.err), -EPROTO);
	assert_string_equal(s.err.text,
	    "does not agree to DataDigest=CRC32C, which is demanded here");
}

/* In a discovery session no target may demand one, but a user may. */
static void
test_settle_digest_in_discovery(void **state)
{
	struct side s;

	(void)state;
	for (int initiator = 0; initiator < 2; initiator++) {
		setup(&s, initiator);
		s.offer.header_digest =
		    (struct digest_list){ 1, { DIGEST_CRC32C } };
		s.offer.data_digest = s.offer.header_digest;
		negotiation_init(&s.n, &s.offer, initiator, true);
		if (!initiator) {
			assert_int_equal(param_take(&s.n, "HeaderDigest",
					     "None", true, &s.out, &s.err),
			    0);
			assert_string_equal(s.out.data, "HeaderDigest=None");
		}
		assert_int_equal(
		    param_settle(&s.n, &s.err), initiator ? -EPROTO : 0);
		text_buffer_fini(&s.out);
	}
}

static void
test_settle_first_burst(void **state)
{
	struct side s;

	(void)state;
	setup(&s, false);
	param_take(&s.n, "MaxBurstLength", "1024", true, &s.out, &s.err);
	assert_int_equal(param_settle(&s.n, &s.err), 0);
	assert_int_equal(s.n.result.first_burst, 1024);
	param_take(&s.n, "FirstBurstLength", "2048", true, &s.out, &s.err);
	assert_int_equal(param_settle(&s.n, &s.err), -EPROTO);
	text_buffer_fini(&s.out);
}

static void
test_declare(void **state)
{
	static const char want[] = "MaxRecvDataSegmentLength=262144";
	struct side s;

	(void)state;
	setup(&s, false);
	param_declare(&s.n, &s.out);
	param_declare(&s.n, &s.out); /* once only */
	assert_int_equal(s.out.len, sizeof(want));
	assert_memory_equal(s.out.data, want, sizeof(want));
	text_buffer_fini(&s.out);
}

/* What we offer by default must itself be legal. */
static void
test_own_offers(void **state)
{
	struct text_buffer offers = { 0 };
	struct negotiation n;
	struct text_reader r;
	struct text_pair pair;
	struct params own;
	struct error err;
	struct side s;

	(void)state;
	setup(&s, false);
	params_default(&own);
	assert_true(own.first_burst <= own.max_burst);
	negotiation_init(&n, &own, true, false);
	param_offer(&n, &offers);
	text_reader_init(&r, offers.data, offers.len);
	while (text_next(&r, &pair, &err) > 0)
		assert_int_equal(
		    param_take(&s.n, pair.key, pair.value, true, &s.out, &err),
		    0);
	text_reader_init(&r, s.out.data, s.out.len);
	while (text_next(&r, &pair, &err) > 0)
		assert_string_not_equal(pair.value, "Reject");
	text_buffer_fini(&offers);
	text_buffer_fini(&s.out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_discovery),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_stage),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_settle_digest),
		cmocka_unit_test(test_settle_digest_in_discovery),
		cmocka_unit_test(test_settle_first_burst),
		cmocka_unit_test(test_declare),
		cmocka_unit_test(test_own_offers),
	};

	return cmocka_run_group_tests_name("param", tests, NULL, NULL);
}
