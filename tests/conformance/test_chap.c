/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_chap - the initiator's CHAP against a scripted target, row by row of the
 * consortium's test suite for initiators (CHAP).
 */
#include <stdio.h>

#include "login_script.h"
#include "proto/chap.h"

/* To the request that carries CHAP_A. */
static void
begin(struct script *s, bool mutual)
{
	script_init(s);
	script_account(s, mutual);
	script_start(s);
	assert_string_equal(script_value(s, "AuthMethod"), "CHAP");
	ANSWER(s, false, "AuthMethod=CHAP");
	assert_int_equal(s->state, LOGIN_SEND);
}

/* Answers CHAP_A with this text: fails with this in the message, or (NULL) is
 * answered with a right CHAP_R. */
static void
check_challenge(bool mutual, const char *text, size_t len, const char *part)
{
	struct script s;

	begin(&s, mutual);
	script_answer(&s, false, text, len);
	if (part != NULL) {
		assert_failed(&s, ERROR_FAILED, part);
	} else {
		assert_int_equal(s.state, LOGIN_SEND);
		assert_string_equal(script_value(&s, "CHAP_N"), "alice");
		assert_non_null(script_value(&s, "CHAP_R"));
	}
	script_fini(&s);
}
#define CHALLENGE(literal, part) \
	check_challenge(false, literal, sizeof(literal), part)

/* The CHAP_R that alice owes for a challenge. */
static void
assert_response(struct script *s, enum chap_alg alg, uint8_t id,
    const uint8_t *challenge, size_t len)
{
	uint8_t want[CHAP_RESPONSE_MAX], got[64];
	size_t want_len, got_len;

	want_len =
	    chap_response(alg, id, "the secret of alice", challenge, len, want);
	assert_int_equal(
	    text_binary(script_value(s, "CHAP_R"), got, sizeof(got), &got_len),
	    0);
	assert_int_equal(got_len, want_len);
	assert_memory_equal(got, want, want_len);
}

static void
chap_01_1_algorithms(void **state)
{
	static const uint8_t challenge[] = { 1, 2, 3, 4 };
	struct script s;
	char text[64];
	int alg, n;

	(void)state;
	for (alg = CHAP_MD5; alg <= CHAP_SHA3_256; alg++) {
		begin(&s, false);
		assert_string_equal(script_value(&s, "CHAP_A"), "8,7,6,5");
		n = snprintf(text, sizeof(text),
		    "CHAP_A=%d%cCHAP_I=9%cCHAP_C=0x01020304", alg, 0, 0);
		script_answer(&s, false, text, (size_t)n + 1);
		assert_response(
		    &s, (enum chap_alg)alg, 9, challenge, sizeof(challenge));
		assert_true(s.req.transit);
		ANSWER(&s, true, "");
		ANSWER(&s, true, "");
		assert_done(&s);
		script_fini(&s);
	}
}

static void
chap_01_1_preference(void **state)
{
	struct script s;

	(void)state;
	script_init(&s);
	script_account(&s, false);
	s.auth.algs[0] = CHAP_SHA1;
	s.auth.algs[1] = CHAP_MD5;
	script_start(&s);
	ANSWER(&s, false, "AuthMethod=CHAP");
	assert_string_equal(script_value(&s, "CHAP_A"), "6,5");
	ANSWER(&s, false, "CHAP_A=7\0CHAP_I=1\0CHAP_C=0x00");
	assert_failed(&s, ERROR_FAILED, "an algorithm that was not offered");
	script_fini(&s);

	begin(&s, false);
	script_prepare(&s, false);
	s.rsp.status = LOGIN_AUTHENTICATION_FAILURE;
	script_send(&s, NULL, 0);
	assert_failed(&s, ERROR_REFUSED,
	    "(status 0x0201); the target knows none of the CHAP algorithms "
	    "offered");
	script_fini(&s);
}

static void
chap_01_2_unknown_algorithm(void **state)
{
	(void)state;
	CHALLENGE("CHAP_A=9\0CHAP_I=1\0CHAP_C=0x01", "was not offered");
	CHALLENGE("CHAP_A=0\0CHAP_I=1\0CHAP_C=0x01", "was not offered");
	CHALLENGE("CHAP_A=4\0CHAP_I=1\0CHAP_C=0x01", "was not offered");
	CHALLENGE("CHAP_A=261\0CHAP_I=1\0CHAP_C=0x01", "offered");
	CHALLENGE("CHAP_A=MD5\0CHAP_I=1\0CHAP_C=0x01", "offered");
	CHALLENGE("CHAP_A=7,5\0CHAP_I=1\0CHAP_C=0x01", "offered");
	CHALLENGE("CHAP_A=\0CHAP_I=1\0CHAP_C=0x01", "offered");
	CHALLENGE("CHAP_A=Reject", "CHAP keys out of order");
}

static void
chap_01_3_out_of_order(void **state)
{
	static const char *const part = "CHAP keys out of order";
	struct script s;

	(void)state;
	CHALLENGE("CHAP_I=1\0CHAP_A=7\0CHAP_C=0x01", part);
	CHALLENGE("CHAP_C=0x01\0CHAP_A=7\0CHAP_I=1", part);
	CHALLENGE("CHAP_A=7", part);
	CHALLENGE("CHAP_A=7\0CHAP_I=1", part);
	CHALLENGE("CHAP_I=1\0CHAP_C=0x01", part);
	CHALLENGE("CHAP_A=7\0CHAP_C=0x01", part);
	CHALLENGE("CHAP_N=bob\0CHAP_R=0x01", part);
	CHALLENGE("CHAP_A=7\0CHAP_I=1\0CHAP_C=0x01\0CHAP_N=bob", part);
	CHALLENGE(
	    "CHAP_A=7\0CHAP_A=7\0CHAP_I=1\0CHAP_C=0x01", "sent CHAP_A twice");

	script_init(&s); /* with AuthMethod already */
	script_account(&s, false);
	script_start(&s);
	ANSWER(&s, false, "AuthMethod=CHAP\0CHAP_A=7\0CHAP_I=1\0CHAP_C=0x01");
	assert_failed(&s, ERROR_FAILED, part);
	script_fini(&s);

	begin(&s, false); /* a second challenge */
	ANSWER(&s, false, "CHAP_A=7\0CHAP_I=1\0CHAP_C=0x01");
	ANSWER(&s, false, "CHAP_A=7\0CHAP_I=2\0CHAP_C=0x02");
	assert_failed(&s, ERROR_FAILED, part);
	script_fini(&s);

	begin(&s, false); /* in the operational stage */
	ANSWER(&s, false, "CHAP_A=7\0CHAP_I=1\0CHAP_C=0x01");
	ANSWER(&s, true, "");
	ANSWER(&s, true, "CHAP_I=2\0CHAP_C=0x02");
	assert_failed(&s, ERROR_FAILED, part);
	script_fini(&s);
}

static void
chap_02_1_identifiers(void **state)
{
	static const uint8_t challenge[] = { 0xff };
	struct script s;
	char text[64];
	int id, n;

	(void)state;
	for (id = 0; id <= 255; id++) {
		begin(&s, true);
		n = snprintf(text, sizeof(text),
		    id & 1 ? "CHAP_A=5%cCHAP_I=%d%cCHAP_C=0xff"
			   : "CHAP_A=5%cCHAP_I=0x%x%cCHAP_C=0xff",
		    0, id, 0);
		script_answer(&s, false, text, (size_t)n + 1);
		assert_response(&s, CHAP_MD5, (uint8_t)id, challenge, 1);
		/* Never the peer's own (row 2.6). */
		assert_true(atoi(script_value(&s, "CHAP_I")) != id);
		script_fini(&s);
	}
}

static void
chap_02_2_invalid_identifier(void **state)
{
	static const char *const part = "not a number from 0 to 255";

	(void)state;
	CHALLENGE("CHAP_A=7\0CHAP_I=256\0CHAP_C=0x01", part);
	CHALLENGE("CHAP_A=7\0CHAP_I=-1\0CHAP_C=0x01", part);
	CHALLENGE("CHAP_A=7\0CHAP_I=\0CHAP_C=0x01", part);
	CHALLENGE("CHAP_A=7\0CHAP_I=one\0CHAP_C=0x01", part);
	CHALLENGE("CHAP_A=7\0CHAP_I=0x100\0CHAP_C=0x01", part);
	CHALLENGE("CHAP_A=7\0CHAP_I=1 \0CHAP_C=0x01", part);
}

static void
chap_03_1_challenge_forms(void **state)
{
	static const uint8_t abcd[] = { 'a', 'b', 'c', 'd' };
	static const struct {
		const char *text;
		size_t len;
	} rows[] = {
		{ "0x61626364", 4 },
		{ "0X61626364", 4 },
		{ "0bYWJjZA==", 4 },
		{ "0BYWJjZA==", 4 },
		{ "0bYWJjZA", 4 },
		{ "0bYWJj", 3 },
		{ "0bYWI=", 2 },
		{ "0bYQ==", 1 },
	};
	struct script s;
	char text[64];
	size_t i;
	int n;

	(void)state;
	for (i = 0; i < countof(rows); i++) {
		begin(&s, false);
		n = snprintf(text, sizeof(text),
		    "CHAP_A=7%cCHAP_I=1%cCHAP_C=%s", 0, 0, rows[i].text);
		script_answer(&s, false, text, (size_t)n + 1);
		assert_response(&s, CHAP_SHA256, 1, abcd, rows[i].len);
		script_fini(&s);
	}
}

static void
chap_03_2_challenge_lengths(void **state)
{
	char text[4096] = "CHAP_A=7\0CHAP_I=1\0CHAP_C=0x";
	const size_t head = sizeof("CHAP_A=7\0CHAP_I=1\0CHAP_C=0x") - 1;
	uint8_t challenge[1024];
	struct script s;
	size_t len;

	(void)state;
	memset(challenge, 0x5a, sizeof(challenge));
	for (len = 1; len <= 1024; len++) {
		memcpy(text + head + 2 * (len - 1), "5a", 3);
		begin(&s, false);
		script_answer(&s, false, text, head + 2 * len + 1);
		assert_response(&s, CHAP_SHA256, 1, challenge, len);
		script_fini(&s);
	}
	memcpy(text + head + 2048, "5a", 3);
	check_challenge(false, text, head + 2050 + 1,
	    "not a binary value of 1 to 1024 bytes");
}

static void
chap_03_3_invalid_challenge(void **state)
{
	static const char *const part = "not a binary value of 1 to 1024 bytes";

	(void)state;
	CHALLENGE("CHAP_A=7\0CHAP_I=1\0CHAP_C=", part);
	CHALLENGE("CHAP_A=7\0CHAP_I=1\0CHAP_C=0x", part);
	CHALLENGE("CHAP_A=7\0CHAP_I=1\0CHAP_C=0b", part);
	CHALLENGE("CHAP_A=7\0CHAP_I=1\0CHAP_C=0b====", part);
	CHALLENGE("CHAP_A=7\0CHAP_I=1\0CHAP_C=0xgg", part);
	CHALLENGE("CHAP_A=7\0CHAP_I=1\0CHAP_C=61626364", part);
	CHALLENGE("CHAP_A=7\0CHAP_I=1\0CHAP_C=0bY", part);
	CHALLENGE("CHAP_A=7\0CHAP_I=1\0CHAP_C=0bYWJj*A==", part);
}

/* The same challenge in two logins is unwise, not wrong. */
static void
chap_03_7_same_challenge_twice(void **state)
{
	(void)state;
	CHALLENGE("CHAP_A=7\0CHAP_I=1\0CHAP_C=0x0102030405", NULL);
	CHALLENGE("CHAP_A=7\0CHAP_I=1\0CHAP_C=0x0102030405", NULL);
}

/* The challenge that we sent in one login comes back in the next. */
static void
chap_03_8_reflection(void **state)
{
	struct script s;
	struct auth auth;
	char text[200];
	int n;

	(void)state;
	begin(&s, true);
	ANSWER(&s, false, "CHAP_A=7\0CHAP_I=1\0CHAP_C=0x01");
	n = snprintf(text, sizeof(text), "CHAP_A=7%cCHAP_I=1%cCHAP_C=%s", 0, 0,
	    script_value(&s, "CHAP_C"));
	auth = s.auth;
	script_fini(&s);

	script_init(&s);
	s.seed = 12345;
	s.auth = auth;
	script_start(&s);
	ANSWER(&s, false, "AuthMethod=CHAP");
	script_answer(&s, false, text, (size_t)n + 1);
	assert_failed(
	    &s, ERROR_REFUSED, "sent our own CHAP challenge back to us");
	script_fini(&s);
}

/* As mutual CHAP goes on: the right answer of bob, changed by the test. */
struct proof {
	const char *n; /* CHAP_N */
	const char *secret;
	int longer;   /* bytes more or less than right */
	bool swapped; /* CHAP_R first */
	bool only_n;
};

static void
prove(struct script *s, const struct proof *p)
{
	uint8_t challenge[1024], response[CHAP_RESPONSE_MAX + 8] = { 0 };
	char text[1024], r[128] = "CHAP_R=0x";
	size_t len, n;

	begin(s, true);
	ANSWER(s, false, "CHAP_A=7\0CHAP_I=1\0CHAP_C=0x01");
	assert_true(s->req.transit);
	assert_int_equal(text_binary(script_value(s, "CHAP_C"), challenge,
			     sizeof(challenge), &len),
	    0);
	assert_int_equal(len, CHAP_CHALLENGE_LEN);
	len =
	    chap_response(CHAP_SHA256, (uint8_t)atoi(script_value(s, "CHAP_I")),
		p->secret, challenge, len, response);
	len += (size_t)p->longer;
	for (n = 0; n < len; n++)
		sprintf(r + strlen(r), "%02x", response[n]);
	if (p->only_n)
		n = (size_t)snprintf(text, sizeof(text), "CHAP_N=%s", p->n);
	else if (p->swapped)
		n = (size_t)snprintf(
		    text, sizeof(text), "%s%cCHAP_N=%s", r, 0, p->n);
	else
		n = (size_t)snprintf(
		    text, sizeof(text), "CHAP_N=%s%c%s", p->n, 0, r);
	script_answer(s, true, text, n + 1);
}

static void
check_proof(const struct proof *p, enum error_class class, const char *part)
{
	struct script s;

	prove(&s, p);
	assert_failed(&s, class, part);
	script_fini(&s);
}

#define BOB "the secret of bob"

static void
chap_04_names(void **state)
{
	char longest[257];
	struct script s;

	(void)state;
	prove(&s, &(struct proof){ .n = "bob", .secret = BOB });
	ANSWER(&s, true, "");
	assert_done(&s);
	script_fini(&s);

	memset(longest, 'n', sizeof(longest) - 1);
	longest[256] = '\0';
	check_proof(&(struct proof){ .n = longest, .secret = BOB },
	    ERROR_FAILED, "a name that is not 1 to 255 bytes long");
	longest[255] = '\0';
	check_proof(&(struct proof){ .n = longest, .secret = BOB },
	    ERROR_REFUSED, "which is not the name expected");
	check_proof(&(struct proof){ .n = "", .secret = BOB }, ERROR_FAILED,
	    "a name that is not 1 to 255 bytes long");
	check_proof(&(struct proof){ .n = "alice", .secret = BOB },
	    ERROR_REFUSED, "calls itself 'alice' in CHAP");
	check_proof(&(struct proof){ .n = "Bob", .secret = BOB }, ERROR_REFUSED,
	    "calls itself 'Bob' in CHAP");
	check_proof(
	    &(struct proof){ .n = "bob", .secret = BOB, .swapped = true },
	    ERROR_FAILED, "CHAP keys out of order");
	check_proof(
	    &(struct proof){ .n = "bob", .secret = BOB, .only_n = true },
	    ERROR_FAILED, "CHAP keys out of order");
}

/* A name and a secret of 255 bytes, ours and the target's. */
static void
chap_04_1_longest(void **state)
{
	struct auth auth = { 0 };
	struct script s;

	(void)state;
	memset(auth.user, 'u', AUTH_NAME_MAX);
	memset(auth.secret, 's', AUTH_SECRET_MAX);
	script_init(&s);
	s.auth = auth;
	script_start(&s);
	ANSWER(&s, false, "AuthMethod=CHAP");
	ANSWER(&s, false, "CHAP_A=7\0CHAP_I=1\0CHAP_C=0x01");
	assert_string_equal(script_value(&s, "CHAP_N"), auth.user);
	script_fini(&s);
}

static void
chap_05_responses(void **state)
{
	struct script s;
	char *r;

	(void)state;
	check_proof(&(struct proof){ .n = "bob", .secret = "guessed" },
	    ERROR_REFUSED, "does not know the CHAP secret of 'bob'");
	check_proof(&(struct proof){ .n = "bob", .secret = BOB, .longer = 1 },
	    ERROR_FAILED, "a CHAP_R that is not the 32 bytes of SHA-256");
	check_proof(&(struct proof){ .n = "bob", .secret = BOB, .longer = -1 },
	    ERROR_FAILED, "a CHAP_R that is not the 32 bytes of SHA-256");

	begin(&s, true); /* our own response, reflected */
	ANSWER(&s, false, "CHAP_A=7\0CHAP_I=1\0CHAP_C=0x01");
	r = strdup(script_value(&s, "CHAP_R"));
	snprintf(s.text, sizeof(s.text), "CHAP_N=bob%cCHAP_R=%s", 0, r);
	script_answer(&s, true, s.text,
	    sizeof("CHAP_N=bob") + sizeof("CHAP_R=") + strlen(r));
	assert_failed(&s, ERROR_REFUSED, "does not know the CHAP secret");
	free(r);
	script_fini(&s);

	begin(&s, false); /* a proof that was not asked for */
	ANSWER(&s, false, "CHAP_A=7\0CHAP_I=1\0CHAP_C=0x01");
	ANSWER(&s, true, "CHAP_N=bob\0CHAP_R=0x01");
	assert_failed(&s, ERROR_FAILED, "CHAP keys out of order");
	script_fini(&s);
}

static void
chap_05_no_proof(void **state)
{
	struct script s;

	(void)state;
	begin(&s, true);
	ANSWER(&s, false, "CHAP_A=7\0CHAP_I=1\0CHAP_C=0x01");
	script_answer(&s, true, NULL, 0);
	assert_failed(
	    &s, ERROR_REFUSED, "the target did not prove that it is 'bob'");
	script_fini(&s);
}

static void
chap_skipped(void **state)
{
	static const char *const answers[] = { "AuthMethod=None", "" };
	struct script s;
	size_t i;
	int mutual, transit;

	(void)state;
	for (i = 0; i < countof(answers); i++) {
		for (mutual = 0; mutual < 2; mutual++) {
			for (transit = 0; transit < 2; transit++) {
				if (i == 1 && !transit)
					continue; /* it only delays */
				script_init(&s);
				script_account(&s, mutual);
				script_start(&s);
				script_prepare(&s, transit);
				s.rsp.nsg = transit ? PDU_STAGE_OPERATIONAL : 0;
				script_send(
				    &s, answers[i], strlen(answers[i]) + 1);
				assert_failed(&s, ERROR_REFUSED,
				    "the target skips the CHAP authentication "
				    "that is configured here");
				script_fini(&s);
			}
		}
	}
	script_init(&s);
	script_account(&s, false);
	script_start(&s);
	ANSWER(&s, false, "AuthMethod=Reject");
	assert_failed(&s, ERROR_REFUSED, "does not do CHAP");
	script_fini(&s);
}

static void
chap_equal_secrets(void **state)
{
	struct script s;

	(void)state;
	script_init(&s);
	script_account(&s, true);
	strcpy(s.auth.target_secret, s.auth.secret);
	script_start(&s);
	ANSWER(&s, false, "AuthMethod=CHAP");
	ANSWER(&s, false, "CHAP_A=7\0CHAP_I=1\0CHAP_C=0x01");
	assert_failed(&s, ERROR_USAGE, "the two directions are the same");
	assert_null(strstr(s.err.text, s.auth.secret));
	script_fini(&s);
}

/* tgt and iscsitarget mean SHA-1 by 7, and refuse the longer response. */
static void
chap_seven_means_sha1(void **state)
{
	struct script s;
	bool permanent;

	(void)state;
	begin(&s, false);
	assert_string_equal(script_value(&s, "CHAP_A"), "8,7,6,5");
	ANSWER(&s, false, "CHAP_A=7\0CHAP_I=1\0CHAP_C=0x0102");
	script_prepare(&s, false);
	s.rsp.status = LOGIN_INITIATOR_ERROR;
	script_send(&s, NULL, 0);
	assert_int_equal(s.state, LOGIN_REDIRECT);
	assert_string_equal(
	    login_initiator_redirect(s.login, &permanent), SCRIPT_PORTAL);
	assert_false(permanent);
	/* The next login offers the rest, with the same account. */
	login_initiator_free(s.login);
	script_start(&s);
	ANSWER(&s, false, "AuthMethod=CHAP");
	assert_string_equal(script_value(&s, "CHAP_A"), "8,6,5");
	ANSWER(&s, false, "CHAP_A=5\0CHAP_I=1\0CHAP_C=0x0102");
	script_prepare(&s, false);
	s.rsp.status = LOGIN_INITIATOR_ERROR;
	script_send(&s, NULL, 0);
	assert_failed(&s, ERROR_REFUSED, "0x0200");
	script_fini(&s);

	/* The only one that the user allows: the refusal stands. */
	script_init(&s);
	script_account(&s, false);
	s.auth.algs[0] = CHAP_SHA256;
	script_start(&s);
	ANSWER(&s, false, "AuthMethod=CHAP");
	ANSWER(&s, false, "CHAP_A=7\0CHAP_I=1\0CHAP_C=0x0102");
	script_prepare(&s, false);
	s.rsp.status = LOGIN_INITIATOR_ERROR;
	script_send(&s, NULL, 0);
	assert_failed(&s, ERROR_REFUSED, "0x0200");
	script_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chap_01_1_algorithms),
		cmocka_unit_test(chap_01_1_preference),
		cmocka_unit_test(chap_01_2_unknown_algorithm),
		cmocka_unit_test(chap_01_3_out_of_order),
		cmocka_unit_test(chap_02_1_identifiers),
		cmocka_unit_test(chap_02_2_invalid_identifier),
		cmocka_unit_test(chap_03_1_challenge_forms),
		cmocka_unit_test(chap_03_2_challenge_lengths),
		cmocka_unit_test(chap_03_3_invalid_challenge),
		cmocka_unit_test(chap_03_7_same_challenge_twice),
		cmocka_unit_test(chap_03_8_reflection),
		cmocka_unit_test(chap_04_names),
		cmocka_unit_test(chap_04_1_longest),
		cmocka_unit_test(chap_05_responses),
		cmocka_unit_test(chap_05_no_proof),
		cmocka_unit_test(chap_skipped),
		cmocka_unit_test(chap_equal_secrets),
		cmocka_unit_test(chap_seven_means_sha1),
	};

	return cmocka_run_group_tests_name(
	    "CHAP conformance", tests, NULL, NULL);
}
