/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_login - the login of both roles with a peer that sends what the input
 * says.  What must hold: the login comes to an end; nobody gets in without the
 * proof that is demanded; what was agreed is within bounds; no error or PDU
 * shows a secret.
 *
 *   input:  settings (1) | PDU ...
 *   a PDU:  kind (1) | status (2) | length (2) | text
 *
 * The bits of kind: 7 T, 6 C, 5 and 4 NSG, 3 another CSG than the right one, 2
 * a right proof of CHAP is added, 1 a whole header of 48 bytes comes first, 0 a
 * TSIH of 1.
 */
#include <string.h>

#include "base/cursor.h"
#include "fuzz.h"
#include "proto/login.h"
#include "proto/pdu.h"

#define SET_TARGET    0x01 /* our role */
#define SET_CHAP      0x02
#define SET_MUTUAL    0x04
#define SET_DISCOVERY 0x08

#define INITIATOR     "iqn.2001-04.com.example:host"
#define TARGET	      "iqn.2001-04.com.example:disk"
#define SECRET	      "PrincipalSecret"
#define TARGET_SECRET "ReversedSecret"

struct run {
	struct cursor in;
	uint8_t settings;
	struct auth auth;
	struct login_initiator *i;
	struct login_target *t;
	uint8_t bhs[PDU_BHS_LEN]; /* our last PDU */
	const uint8_t *data;
	size_t len;
	bool proved; /* the peer was given a proof */
	bool knows;  /* the peer has a secret in its own text */
	unsigned established;
};

static void
counting(void *ctx, void *buf, size_t len)
{
	(void)ctx;
	memset(buf, 0xa5, len);
}

static uint16_t
admit(void *ctx, const char *initiator, const char *target, bool discovery,
    const struct auth **ret_auth, uint16_t *ret_tpgt, const char **ret_alias,
    char *ret_redirect)
{
	struct run *run = ctx;

	require(name_fault(initiator) == NULL);
	require(discovery == (target == NULL));
	*ret_auth = &run->auth;
	*ret_tpgt = 1;
	*ret_alias = "alias";
	if (target != NULL && strcmp(target, "elsewhere") == 0) {
		strcpy(ret_redirect, "10.0.0.1:3260");
		return LOGIN_MOVED_TEMPORARILY;
	}
	return LOGIN_SUCCESS;
}

static uint16_t
establish(void *ctx, const char *initiator, const uint8_t isid[6],
    uint16_t tsih, bool discovery, const struct params *params,
    uint16_t *ret_tsih)
{
	struct run *run = ctx;

	(void)initiator;
	(void)isid;
	(void)discovery;
	require(params->first_burst <= params->max_burst);
	run->established++;
	*ret_tsih = 1;
	return tsih > 1 ? LOGIN_NO_SESSION : LOGIN_SUCCESS;
}

static bool
contains(const uint8_t *data, size_t size, const char *word)
{
	size_t len = strlen(word), i;

	for (i = 0; i + len <= size; i++)
		if (memcmp(data + i, word, len) == 0)
			return true;
	return false;
}

static void
check_error(const struct run *run, const struct error *err)
{
	const char *p;

	require(err->class != ERROR_NONE);
	for (p = err->text; *p != '\0'; p++)
		require(*p >= ' ' && *p <= '~');
	require(run->knows || (strstr(err->text, SECRET) == NULL &&
				  strstr(err->text, TARGET_SECRET) == NULL));
}

/* What the peer owes to the challenge in our last PDU. */
static void
add_proof(struct run *run, struct text_buffer *text)
{
	bool target = run->settings & SET_TARGET;
	uint8_t challenge[CHAP_CHALLENGE_MAX], response[CHAP_RESPONSE_MAX];
	struct text_reader r;
	struct text_pair pair;
	uint64_t id = 0;
	size_t len = 0;

	text_reader_init(&r, run->data, run->len);
	while (text_next(&r, &pair, NULL) > 0) {
		if (strcmp(pair.key, "CHAP_I") == 0)
			(void)text_number(pair.value, 255, &id);
		else if (strcmp(pair.key, "CHAP_C") == 0)
			(void)text_binary(
			    pair.value, challenge, sizeof(challenge), &len);
	}
	if (len == 0)
		return;
	len = chap_response(CHAP_MD5, (uint8_t)id,
	    target ? SECRET : TARGET_SECRET, challenge, len, response);
	text_put(text, "CHAP_N", target ? "alice" : "bob");
	text_put_binary(text, "CHAP_R", response, len);
	run->proved = true;
}

/* The next PDU of the peer; false at the end of the input. */
static bool
next_pdu(struct run *run, uint8_t *bhs, struct text_buffer *text)
{
	uint8_t kind = cursor_u8(&run->in), csg = run->bhs[1] >> 2 & 3;
	uint16_t status = cursor_u16(&run->in);
	uint16_t len = cursor_u16(&run->in);
	const uint8_t *raw = NULL, *data;

	if (run->in.bad)
		return false;
	if (kind & 2)
		raw = cursor_bytes(&run->in, PDU_BHS_LEN);
	if (len > cursor_left(&run->in))
		len = (uint16_t)cursor_left(&run->in);
	data = cursor_bytes(&run->in, len);
	text_buffer_clear(text);
	if (kind & 4)
		add_proof(run, text);
	(void)text_append(text, data, len);
	memset(bhs, 0, PDU_BHS_LEN);
	if (raw != NULL) {
		memcpy(bhs, raw, PDU_BHS_LEN);
		return true;
	}
	bhs[0] = run->settings & SET_TARGET ? 0x40 | PDU_LOGIN_REQUEST
					    : PDU_LOGIN_RESPONSE;
	if (run->settings & SET_TARGET) /* a request chooses its stage */
		csg = csg == 0 && run->bhs[1] & 0x80 ? 1 : csg;
	csg ^= kind >> 3 & 1;
	bhs[1] = (uint8_t)((kind & 0xc0) | csg << 2 | (kind >> 4 & 3));
	bhs[15] = kind & 1;
	if (!(run->settings & SET_TARGET))
		be16_put(bhs + 36, status);
	return true;
}

static void
check_initiator(const struct run *run)
{
	const struct login_result *r = login_initiator_result(run->i);

	require(r->tsih != 0);
	require(r->params.first_burst <= r->params.max_burst);
	require(r->params.header_digest.n == 1);
	require(strlen(r->target_alias) < sizeof(r->target_alias));
	if (run->settings & SET_CHAP && run->settings & SET_MUTUAL &&
	    !(run->settings & SET_DISCOVERY))
		require(run->proved);
}

static void
run_initiator(struct run *run)
{
	struct login_initiator_config config = {
		.initiator_name = INITIATOR,
		.target_name = run->settings & SET_DISCOVERY ? NULL : TARGET,
		.portal = "127.0.0.1:3260",
		.auth = &run->auth,
		.random = counting,
	};
	enum login_state state = LOGIN_SEND;
	struct text_buffer text = { 0 };
	uint8_t bhs[PDU_BHS_LEN];
	struct error err = { 0 };
	bool permanent;

	params_default(&config.offer);
	run->i = login_initiator_new(&config);
	require(run->i != NULL);
	while (state == LOGIN_SEND) {
		login_initiator_send(run->i, run->bhs, &run->data, &run->len);
		require(run->len <= LOGIN_DATA_MAX);
		if (!next_pdu(run, bhs, &text))
			break;
		state = login_initiator_recv(
		    run->i, bhs, (const uint8_t *)text.data, text.len, &err);
	}
	if (state == LOGIN_DONE)
		check_initiator(run);
	else if (state == LOGIN_REDIRECT)
		require(login_address_len(
			    login_initiator_redirect(run->i, &permanent)) > 0);
	else if (state == LOGIN_FAILED)
		check_error(run, &err);
	text_buffer_fini(&text);
	login_initiator_free(run->i);
}

static void
run_target(struct run *run)
{
	static const struct login_target_ops ops = { admit, establish };
	struct login_target_config config = {
		.ops = &ops,
		.ctx = run,
		.random = counting,
	};
	enum login_state state = LOGIN_WAIT;
	struct text_buffer text = { 0 };
	uint8_t bhs[PDU_BHS_LEN];
	struct error err = { 0 };

	params_default(&config.offer);
	run->t = login_target_new(&config);
	require(run->t != NULL);
	while (state == LOGIN_WAIT && next_pdu(run, bhs, &text)) {
		state = login_target_recv(
		    run->t, bhs, (const uint8_t *)text.data, text.len, &err);
		require(state == LOGIN_SEND);
		login_target_send(run->t, run->bhs, &run->data, &run->len);
		require(run->len <= LOGIN_DATA_MAX);
		state = login_target_state(run->t);
		require(state != LOGIN_SEND);
	}
	if (state == LOGIN_DONE) {
		require(run->established == 1);
		require(login_target_result(run->t)->tsih == 1);
		require(!(run->settings & SET_CHAP) || run->proved);
	} else if (state == LOGIN_FAILED) {
		check_error(run, &err);
	}
	text_buffer_fini(&text);
	login_target_free(run->t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = { 0 };

	run.knows =
	    contains(data, size, SECRET) || contains(data, size, TARGET_SECRET);
	cursor_init(&run.in, data, size);
	run.settings = cursor_u8(&run.in);
	if (run.settings & SET_CHAP) {
		strcpy(run.auth.user, "alice");
		strcpy(run.auth.secret, SECRET);
		run.auth.algs[0] = CHAP_MD5;
	}
	if (run.settings & SET_MUTUAL) {
		strcpy(run.auth.target_user, "bob");
		strcpy(run.auth.target_secret, TARGET_SECRET);
	}
	if (run.settings & SET_TARGET)
		run_target(&run);
	else
		run_initiator(&run);
	return 0;
}
