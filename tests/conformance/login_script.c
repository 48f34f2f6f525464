/* SPDX-License-Identifier: BSD-2-Clause */
/* login_script - see login_script.h. */
#include <stdio.h>

#include "login_script.h"

static void
pseudo_random(void *ctx, void *buf, size_t len)
{
	uint32_t *seed = ctx;
	uint8_t *p = buf;

	while (len-- > 0) {
		*seed = *seed * 1664525 + 1013904223;
		*p++ = (uint8_t)(*seed >> 24);
	}
}

void
script_init(struct script *s)
{
	memset(s, 0, sizeof(*s));
	s->seed = 7;
	s->config = (struct login_initiator_config){
		.initiator_name = SCRIPT_INITIATOR,
		.target_name = SCRIPT_TARGET,
		.portal = SCRIPT_PORTAL,
		.isid = { 0x80, 0x12, 0x34, 0x56, 0x78, 0x9a },
		.auth = &s->auth,
		.random = pseudo_random,
		.random_ctx = &s->seed,
	};
	params_default(&s->config.offer);
}

void
script_account(struct script *s, bool mutual)
{
	strcpy(s->auth.user, "alice");
	strcpy(s->auth.secret, "the secret of alice");
	if (!mutual)
		return;
	strcpy(s->auth.target_user, "bob");
	strcpy(s->auth.target_secret, "the secret of bob");
}

static void
take_request(struct script *s)
{
	uint8_t bhs[PDU_BHS_LEN];
	const uint8_t *data;

	assert_int_equal(login_initiator_state(s->login), LOGIN_SEND);
	login_initiator_send(s->login, bhs, &data, &s->text_len);
	assert_int_equal(pdu_opcode(bhs), PDU_LOGIN_REQUEST);
	assert_true(pdu_immediate(bhs));
	assert_true(s->text_len <= LOGIN_DATA_MAX);
	memcpy(s->text, data, s->text_len);
	pdu_get_login_request(bhs, &s->req);
	if (s->text_len > 0 && !s->req.more)
		assert_int_equal(s->text[s->text_len - 1], '\0');
	assert_memory_equal(s->req.isid, s->config.isid, 6);
	assert_int_equal(s->req.version_min, 0);
	assert_false(s->req.transit && s->req.more);
	s->requests++;
	assert_int_equal(login_initiator_state(s->login), LOGIN_WAIT);
}

void
script_start(struct script *s)
{
	s->login = login_initiator_new(&s->config);
	assert_non_null(s->login);
	take_request(s);
}

void
script_fini(struct script *s)
{
	login_initiator_free(s->login);
}

const char *
script_value(struct script *s, const char *key)
{
	const char *value = NULL;
	struct text_reader r;
	struct text_pair pair;
	struct error err;
	int n;

	text_reader_init(&r, s->text, s->text_len);
	while ((n = text_next(&r, &pair, &err)) > 0) {
		if (strcmp(pair.key, key) != 0)
			continue;
		assert_null(value);
		value = pair.value;
	}
	assert_int_equal(n, 0);
	return value;
}

void
script_prepare(struct script *s, bool transit)
{
	s->rsp = (struct pdu_login_response){
		.transit = transit,
		.csg = s->req.csg,
		.nsg = transit ? s->req.nsg : 0,
		.tsih = s->req.tsih,
	};
	memcpy(s->rsp.isid, s->req.isid, 6);
	if (transit && s->req.nsg == PDU_STAGE_FULL && s->req.tsih == 0)
		s->rsp.tsih = SCRIPT_TSIH;
}

void
script_send(struct script *s, const char *text, size_t len)
{
	uint8_t bhs[PDU_BHS_LEN], *copy;

	assert_int_equal(login_initiator_state(s->login), LOGIN_WAIT);
	pdu_put_login_response(bhs, &s->rsp);
	copy = malloc(len == 0 ? 1 : len); /* a read past its end shows */
	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, text, len);
	s->state = login_initiator_recv(s->login, bhs, copy, len, &s->err);
	free(copy);
	assert_int_equal(s->state, login_initiator_state(s->login));
	if (s->state == LOGIN_SEND)
		take_request(s);
}

void
script_answer(struct script *s, bool transit, const char *text, size_t len)
{
	script_prepare(s, transit);
	script_send(s, text, len);
}

void
script_operational(struct script *s)
{
	script_start(s);
	ANSWER(s, true, "AuthMethod=None\0TargetPortalGroupTag=1");
	assert_int_equal(s->state, LOGIN_SEND);
	assert_int_equal(s->req.csg, PDU_STAGE_OPERATIONAL);
}

void
assert_done(const struct script *s)
{
	if (s->state != LOGIN_DONE)
		fail_msg("state %d: %s", s->state, s->err.text);
}

void
assert_failed(const struct script *s, enum error_class class, const char *part)
{
	assert_int_equal(s->state, LOGIN_FAILED);
	if (strstr(s->err.text, part) == NULL ||
	    strstr(s->err.text, "login to " SCRIPT_PORTAL) != s->err.text)
		fail_msg("'%s' does not say '%s'", s->err.text, part);
	assert_int_equal(s->err.class, class);
}

enum login_state
script_finish(const char *text, size_t len, struct script *s)
{
	script_init(s);
	script_operational(s);
	script_answer(s, true, text, len);
	return s->state;
}

void
script_check(const char *pair, const char *part)
{
	struct script s;

	script_finish(pair, strlen(pair) + 1, &s);
	if (part == NULL)
		assert_done(&s);
	else
		assert_failed(&s, ERROR_FAILED, part);
	script_fini(&s);
}

const struct params *
script_params(const struct script *s)
{
	assert_done(s);
	return &login_initiator_result(s->login)->params;
}
