/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_login_target - the target's login against scripted initiators: what it
 * admits, what it answers, and the status that each wrong request earns.
 */
#include <stdio.h>

#include "proto/login.h"
#include "proto/pdu.h"
#include "unit.h"

#define NAMES                                          \
	"InitiatorName=iqn.2001-04.com.example:host\0" \
	"TargetName=iqn.2001-04.com.example:disk\0"

struct script {
	struct login_target_config config;
	struct auth auth;
	struct login_target *login;
	struct pdu_login_request req; /* for the next request() */
	uint8_t opcode;		      /* instead of a Login Request */
	enum login_state state;
	struct error err;
	struct pdu_login_response rsp; /* the last response */
	char text[LOGIN_DATA_MAX];
	size_t text_len;
	unsigned admitted;
	unsigned established;
};

static void
zeros(void *ctx, void *buf, size_t len)
{
	(void)ctx;
	memset(buf, 0x11, len);
}

static uint16_t
admit(void *ctx, const char *initiator, const char *target, bool discovery,
    const struct auth **ret_auth, uint16_t *ret_tpgt, const char **ret_alias,
    char *ret_redirect)
{
	struct script *s = ctx;

	(void)initiator;
	(void)target;
	(void)discovery;
	(void)ret_redirect;
	s->admitted++;
	*ret_auth = &s->auth;
	*ret_tpgt = 1;
	*ret_alias = "";
	return LOGIN_SUCCESS;
}

static uint16_t
establish(void *ctx, const char *initiator, const uint8_t isid[6],
    uint16_t tsih, bool discovery, const struct params *params,
    uint16_t *ret_tsih)
{
	struct script *s = ctx;

	(void)initiator;
	(void)isid;
	(void)tsih;
	(void)discovery;
	(void)params;
	s->established++;
	*ret_tsih = 5;
	return LOGIN_SUCCESS;
}

static const struct login_target_ops ops = { admit, establish };

static void
setup(struct script *s)
{
	memset(s, 0, sizeof(*s));
	s->config = (struct login_target_config){
		.ops = &ops,
		.ctx = s,
		.random = zeros,
	};
	params_default(&s->config.offer);
	s->login = login_target_new(&s->config);
	assert_non_null(s->login);
	s->req.isid[0] = 0x80;
	s->req.itt = 99;
}

static void
teardown(struct script *s)
{
	login_target_free(s->login);
}

/* Sends s->req with this text and takes the response. */
static void
request(struct script *s, const char *text, size_t len)
{
	uint8_t bhs[PDU_BHS_LEN], *copy = malloc(len == 0 ? 1 : len);
	const uint8_t *data;

	assert_non_null(copy);
	memcpy(copy, text, len);
	pdu_put_login_request(bhs, &s->req);
	if (s->opcode != 0)
		bhs[0] = s->opcode;
	assert_int_equal(
	    login_target_recv(s->login, bhs, copy, len, &s->err), LOGIN_SEND);
	free(copy);
	login_target_send(s->login, bhs, &data, &s->text_len);
	memcpy(s->text, data, s->text_len);
	pdu_get_login_response(bhs, &s->rsp);
	assert_int_equal(s->rsp.itt, 99);
	if (s->opcode == 0)
		assert_memory_equal(s->rsp.isid, s->req.isid, 6);
	s->state = login_target_state(s->login);
	assert_int_equal(s->state == LOGIN_FAILED, s->rsp.status != 0);
}
#define REQUEST(s, literal) request(s, literal, sizeof(literal))

/* A request of stage csg that wants to go to nsg; 0: stays. */
static void
stage(struct script *s, uint8_t csg, uint8_t nsg)
{
	s->req.csg = csg;
	s->req.nsg = nsg;
	s->req.transit = nsg != 0;
}

static const char *
value(struct script *s, const char *key)
{
	struct text_reader r;
	struct text_pair pair;
	struct error err;

	text_reader_init(&r, s->text, s->text_len);
	while (text_next(&r, &pair, &err) > 0)
		if (strcmp(pair.key, key) == 0)
			return pair.value;
	return "(none)";
}

/* A first request: this status. */
static void
check_first(uint8_t csg, uint8_t nsg, const char *text, size_t len, bool chap,
    uint16_t status)
{
	struct script s;

	setup(&s);
	if (chap) {
		strcpy(s.auth.user, "alice");
		strcpy(s.auth.secret, "the secret of alice");
	}
	stage(&s, csg, nsg);
	request(&s, text, len);
	if (s.rsp.status != status)
		fail_msg(
		    "0x%04x, not 0x%04x: %s", s.rsp.status, status, s.err.text);
	if (status != 0) {
		assert_false(s.rsp.transit);
		assert_int_equal(s.text_len, 0);
		assert_int_equal(s.established, 0);
		assert_int_not_equal(s.err.class, ERROR_NONE);
	}
	teardown(&s);
}
#define FIRST(csg, nsg, text, status) \
	check_first(csg, nsg, text, sizeof(text), false, status)
#define FIRST_CHAP(csg, nsg, text, status) \
	check_first(csg, nsg, text, sizeof(text), true, status)

static void
test_one_request(void **state)
{
	struct script s;

	(void)state;
	setup(&s);
	stage(&s, 1, 3);
	REQUEST(&s, NAMES "MaxBurstLength=65536\0X-unknown=1");
	assert_int_equal(s.state, LOGIN_DONE);
	assert_true(s.rsp.transit);
	assert_int_equal(s.rsp.csg, 1);
	assert_int_equal(s.rsp.nsg, 3);
	assert_int_equal(s.rsp.tsih, 5);
	assert_string_equal(value(&s, "TargetPortalGroupTag"), "1");
	assert_string_equal(value(&s, "TargetAlias"), "(none)");
	assert_string_equal(value(&s, "MaxBurstLength"), "65536");
	assert_string_equal(value(&s, "X-unknown"), "NotUnderstood");
	assert_string_equal(value(&s, "MaxRecvDataSegmentLength"), "262144");
	assert_int_equal(login_target_result(s.login)->params.max_burst, 65536);
	teardown(&s);
}

static void
test_straight_from_security(void **state)
{
	struct script s;

	(void)state;
	setup(&s);
	stage(&s, 0, 3);
	REQUEST(&s, NAMES "AuthMethod=CHAP,None");
	assert_int_equal(s.state, LOGIN_DONE);
	assert_string_equal(value(&s, "AuthMethod"), "None");
	assert_int_equal(s.rsp.tsih, 5);
	teardown(&s);
}

static void
test_names(void **state)
{
	(void)state;
	FIRST(1, 3, NAMES, 0);
	FIRST(1, 3, "TargetName=iqn.2001-04.com.example:disk", 0x0207);
	FIRST(1, 3, "InitiatorName=iqn.2001-04.com.example:host", 0x0207);
	FIRST(1, 3, "", 0x0207);
	FIRST(1, 3,
	    "InitiatorName=iqn.2001-04.com.example:host\0"
	    "SessionType=Discovery",
	    0);
	FIRST(1, 3, NAMES "SessionType=Normal", 0);
	FIRST(1, 3, NAMES "SessionType=Odd", 0x0209);
	FIRST(1, 3, NAMES "SessionType=", 0x0209);
	FIRST(1, 3, NAMES "InitiatorName=iqn.2001-04.com.example:host", 0x0200);
	FIRST(1, 3, "InitiatorName=me\0TargetName=you", 0x0200);
	FIRST(1, 3, NAMES "broken", 0x0200);
}

static void
test_header(void **state)
{
	struct script s;

	(void)state;
	FIRST(0, 1, NAMES, 0);
	FIRST(0, 2, NAMES, 0x0200);
	FIRST(1, 1, NAMES, 0x0200);
	FIRST(2, 3, NAMES, 0x0200);
	FIRST(3, 3, NAMES, 0x0200);

	setup(&s);
	s.req.version_min = 1;
	s.req.version_max = 1;
	REQUEST(&s, NAMES);
	assert_int_equal(s.rsp.status, 0x0205);
	teardown(&s);

	setup(&s);
	stage(&s, 1, 3);
	s.req.more = true;
	REQUEST(&s, NAMES);
	assert_int_equal(s.rsp.status, 0x0200);
	teardown(&s);

	setup(&s);
	s.opcode = PDU_SCSI_COMMAND;
	REQUEST(&s, "");
	assert_int_equal(s.rsp.status, 0x020b);
	teardown(&s);
}

/* What may not change from one request to the next. */
static void
test_second_header(void **state)
{
	struct script s;
	int i;

	(void)state;
	for (i = 0; i < 5; i++) {
		setup(&s);
		REQUEST(&s, NAMES "AuthMethod=None");
		assert_int_equal(s.rsp.status, 0);
		if (i == 0)
			s.req.csg = 1;
		else if (i == 1)
			s.req.isid[5]++;
		else if (i == 2)
			s.req.cid++;
		else if (i == 3)
			s.req.tsih++;
		else
			s.opcode = PDU_TEXT_REQUEST;
		REQUEST(&s, "");
		assert_int_equal(s.rsp.status, 0x020b);
		teardown(&s);
	}
}

static void
test_security(void **state)
{
	(void)state;
	FIRST(0, 1, NAMES "AuthMethod=None", 0);
	FIRST(0, 1, NAMES "AuthMethod=KRB5,None", 0);
	FIRST(0, 1, NAMES "AuthMethod=CHAP", 0x0201);
	FIRST(0, 1, NAMES "AuthMethod=None\0AuthMethod=None", 0x0200);
	FIRST(0, 1, NAMES "MaxBurstLength=1024", 0x0200);
	FIRST(1, 3, NAMES "AuthMethod=None", 0x0200);
	FIRST(0, 0, NAMES "CHAP_A=5", 0x0200);
	FIRST_CHAP(0, 1, NAMES "AuthMethod=None", 0x0201);
	FIRST_CHAP(0, 1, NAMES, 0x0201);
	FIRST_CHAP(0, 3, NAMES, 0x0201);
	FIRST_CHAP(1, 3, NAMES, 0x0201);
	FIRST_CHAP(0, 0, NAMES, 0);
	FIRST_CHAP(0, 1, NAMES "AuthMethod=None,CHAP", 0);
	FIRST_CHAP(0, 0, NAMES "AuthMethod=CHAP\0CHAP_A=5", 0x0200);
}

/* T does not help an initiator past CHAP. */
static void
test_chap_stays(void **state)
{
	struct script s;

	(void)state;
	setup(&s);
	strcpy(s.auth.user, "alice");
	strcpy(s.auth.secret, "the secret of alice");
	stage(&s, 0, 3);
	REQUEST(&s, NAMES "AuthMethod=CHAP");
	assert_false(s.rsp.transit);
	request(&s, "", 0);
	assert_false(s.rsp.transit);
	REQUEST(&s, "CHAP_A=5");
	assert_false(s.rsp.transit);
	assert_string_equal(value(&s, "CHAP_A"), "5");
	request(&s, "", 0);
	assert_false(s.rsp.transit);
	assert_int_equal(s.established, 0);
	s.req.csg = 1;
	request(&s, "", 0);
	assert_int_equal(s.rsp.status, 0x020b);
	teardown(&s);
}

static void
test_chap_wrong(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		uint16_t status;
	} rows[] = {
#define ROW(text, status) { text, sizeof(text), status }
		ROW("CHAP_N=alice", 0x0200),
		ROW("CHAP_R=0x00\0CHAP_N=alice", 0x0200),
		ROW("CHAP_A=5", 0x0200),
		ROW("CHAP_N=alice\0CHAP_R=0x00", 0x0200),
		ROW("CHAP_N=alice\0CHAP_R=xyz", 0x0200),
		ROW("CHAP_N=alice\0CHAP_R=0x000102030405060708090a0b0c0d0e0f",
		    0x0201),
		ROW("CHAP_N=\0CHAP_R=0x000102030405060708090a0b0c0d0e0f",
		    0x0200),
		ROW("CHAP_N=bob\0CHAP_R=0x000102030405060708090a0b0c0d0e0f",
		    0x0201),
	};
	struct script s;
	size_t i;

	(void)state;
	for (i = 0; i < countof(rows); i++) {
		setup(&s);
		strcpy(s.auth.user, "alice");
		strcpy(s.auth.secret, "the secret of alice");
		REQUEST(&s, NAMES "AuthMethod=CHAP");
		REQUEST(&s, "CHAP_A=5,9");
		assert_int_equal(s.rsp.status, 0);
		request(&s, rows[i].text, rows[i].len);
		assert_int_equal(s.rsp.status, rows[i].status);
		teardown(&s);
	}
	setup(&s);
	strcpy(s.auth.user, "alice");
	REQUEST(&s, NAMES "AuthMethod=CHAP");
	REQUEST(&s, "CHAP_A=9,10");
	assert_int_equal(s.rsp.status, 0x0201);
	teardown(&s);
}

/* An initiator that sends our challenge back in mutual CHAP (9.2.1). */
static void
test_chap_reflection(void **state)
{
	uint8_t response[CHAP_RESPONSE_MAX], challenge[CHAP_CHALLENGE_LEN];
	struct text_buffer out = { 0 };
	struct script s;
	size_t len;

	(void)state;
	setup(&s);
	strcpy(s.auth.user, "alice");
	strcpy(s.auth.secret, "the secret of alice");
	strcpy(s.auth.target_user, "bob");
	strcpy(s.auth.target_secret, "the secret of bob");
	REQUEST(&s, NAMES "AuthMethod=CHAP");
	REQUEST(&s, "CHAP_A=5");
	memset(challenge, 0x11, sizeof(challenge));
	len = chap_response(CHAP_MD5, 0x11, s.auth.secret, challenge,
	    sizeof(challenge), response);
	text_put(&out, "CHAP_N", "alice");
	text_put_binary(&out, "CHAP_R", response, len);
	text_put_number(&out, "CHAP_I", 3);
	text_put_binary(&out, "CHAP_C", challenge, sizeof(challenge));
	request(&s, out.data, out.len);
	assert_int_equal(s.rsp.status, 0x0201);
	text_buffer_fini(&out);
	teardown(&s);
}

static void
test_operational_wrong(void **state)
{
	(void)state;
	FIRST(1, 3, NAMES "MaxBurstLength=1024\0MaxBurstLength=1024", 0x0200);
	FIRST(1, 3, NAMES "ImmediateData=maybe", 0x0200);
	FIRST(1, 3, NAMES "MaxRecvDataSegmentLength=12", 0x0200);
	FIRST(1, 3, NAMES "MaxBurstLength=1024\0FirstBurstLength=2048", 0x0200);
	FIRST(1, 3, NAMES "MaxConnections=0", 0);
	FIRST(1, 3, NAMES "SendTargets=All", 0);
}

/* A name may be UTF-8; a message shows it escaped. */
static void
test_message_escaped(void **state)
{
	struct script s;

	(void)state;
	setup(&s);
	stage(&s, 1, 3);
	REQUEST(&s,
	    "InitiatorName=iqn.2001-04.com.example:d\xc3\xa4mon\0"
	    "TargetName=iqn.2001-04.com.example:disk\0ImmediateData=maybe");
	assert_string_equal(s.err.text,
	    "login of iqn.2001-04.com.example:d\\xc3\\xa4mon refused: the "
	    "initiator sent ImmediateData=maybe, which is not a legal value");
	teardown(&s);
}

/* Some initiators repeat their name in the operational stage. */
static void
test_names_repeated(void **state)
{
	struct script s;

	(void)state;
	setup(&s);
	stage(&s, 0, 1);
	REQUEST(&s, NAMES "AuthMethod=None");
	stage(&s, 1, 3);
	REQUEST(&s, NAMES "SessionType=Normal\0InitiatorAlias=me");
	assert_int_equal(s.state, LOGIN_DONE);
	assert_string_equal(value(&s, "InitiatorName"), "(none)");
	assert_int_equal(s.admitted, 1);
	teardown(&s);

	setup(&s);
	stage(&s, 0, 1);
	REQUEST(&s, NAMES "AuthMethod=None");
	stage(&s, 1, 3);
	REQUEST(&s, "InitiatorName=iqn.2001-04.com.example:other");
	assert_int_equal(s.rsp.status, 0x0200);
	teardown(&s);
}

static void
test_continued(void **state)
{
	static const char text[] = NAMES "AuthMethod=None";
	struct script s;
	size_t cut;

	(void)state;
	for (cut = 0; cut <= sizeof(text); cut++) {
		setup(&s);
		stage(&s, 0, 0);
		s.req.more = true;
		request(&s, text, cut);
		assert_int_equal(s.rsp.status, 0);
		assert_int_equal(s.text_len, 0);
		assert_int_equal(s.admitted, 0);
		s.req.more = false;
		stage(&s, 0, 3);
		request(&s, text + cut, sizeof(text) - cut);
		assert_int_equal(s.state, LOGIN_DONE);
		teardown(&s);
	}
}

static void
test_endless(void **state)
{
	char text[LOGIN_DATA_MAX];
	struct script s;
	int i;

	(void)state;
	memset(text, 'v', sizeof(text));
	setup(&s);
	s.req.more = true;
	for (i = 0; i < 100 && s.state != LOGIN_FAILED; i++)
		request(&s, text, sizeof(text));
	assert_int_equal(s.rsp.status, 0x0200);
	assert_int_equal(i, 9);
	teardown(&s);

	setup(&s);
	REQUEST(&s, NAMES "AuthMethod=None");
	for (i = 0; i < 1000 && s.state != LOGIN_FAILED; i++)
		request(&s, "", 0);
	assert_int_equal(s.rsp.status, 0x0200);
	assert_true(i < 100);
	teardown(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_request),
		cmocka_unit_test(test_straight_from_security),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_second_header),
		cmocka_unit_test(test_security),
		cmocka_unit_test(test_chap_stays),
		cmocka_unit_test(test_chap_wrong),
		cmocka_unit_test(test_chap_reflection),
		cmocka_unit_test(test_operational_wrong),
		cmocka_unit_test(test_message_escaped),
		cmocka_unit_test(test_names_repeated),
		cmocka_unit_test(test_continued),
		cmocka_unit_test(test_endless),
	};

	return cmocka_run_group_tests_name("login_target", tests, NULL, NULL);
}
