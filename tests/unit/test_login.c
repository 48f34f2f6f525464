/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_login - the initiator's login against the target's, PDU by PDU, in every
 * combination of session type, authentication, digests and limits; and what the
 * user reads when it fails.  Peers that break the rules are in
 * tests/conformance/.
 */
#include "proto/login.h"
#include "proto/pdu.h"
#include "unit.h"

#define INITIATOR "iqn.2001-04.com.example:host"
#define TARGET	  "iqn.2001-04.com.example:disk"
#define TSIH	  77

/* Both sides and what the owner of the target answers. */
struct world {
	struct login_initiator_config ic;
	struct login_target_config tc;
	struct auth iauth;
	struct auth tauth;
	bool demand;
	uint16_t admit;
	const char *redirect;
	const char *alias;
	uint16_t establish;
	unsigned admitted;
	unsigned established;
	uint32_t seed;
	struct login_initiator *i;
	struct login_target *t;
	unsigned rounds;
	struct error ierr;
	struct error terr;
};

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

static uint16_t
admit(void *ctx, const char *initiator, const char *target, bool discovery,
    const struct auth **ret_auth, uint16_t *ret_tpgt, const char **ret_alias,
    char *ret_redirect)
{
	struct world *w = ctx;

	assert_string_equal(initiator, INITIATOR);
	if (discovery)
		assert_null(target);
	else
		assert_string_equal(target, TARGET);
	w->admitted++;
	if (w->demand)
		*ret_auth = &w->tauth;
	*ret_tpgt = 3;
	*ret_alias = w->alias;
	if (w->redirect != NULL)
		strcpy(ret_redirect, w->redirect);
	return w->admit;
}

static uint16_t
establish(void *ctx, const char *initiator, const uint8_t isid[6],
    uint16_t tsih, bool discovery, const struct params *params,
    uint16_t *ret_tsih)
{
	struct world *w = ctx;

	assert_string_equal(initiator, INITIATOR);
	assert_memory_equal(isid, w->ic.isid, 6);
	assert_int_equal(tsih, w->ic.tsih);
	assert_int_equal(discovery, w->ic.target_name == NULL);
	assert_non_null(params);
	w->established++;
	*ret_tsih = tsih != 0 ? tsih : TSIH;
	return w->establish;
}

static const struct login_target_ops ops = { admit, establish };

static void
setup(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->seed = 1;
	w->ic = (struct login_initiator_config){
		.initiator_name = INITIATOR,
		.target_name = TARGET,
		.portal = "127.0.0.1:3260",
		.isid = { 0x80, 1, 2, 3, 4, 5 },
		.cid = 9,
		.auth = &w->iauth,
		.random = pseudo_random,
		.random_ctx = &w->seed,
	};
	params_default(&w->ic.offer);
	w->tc = (struct login_target_config){
		.ops = &ops,
		.ctx = w,
		.random = pseudo_random,
		.random_ctx = &w->seed,
	};
	params_default(&w->tc.offer);
}

static void
teardown(struct world *w)
{
	login_initiator_free(w->i);
	login_target_free(w->t);
}

static void
account(struct auth *auth, const char *secret, const char *target_secret)
{
	strcpy(auth->user, "alice");
	strcpy(auth->secret, secret);
	if (target_secret != NULL) {
		strcpy(auth->target_user, "bob");
		strcpy(auth->target_secret, target_secret);
	}
}

/* Carries the PDUs until the initiator is done.  Each payload is copied to
 * memory of its exact size, so that reading beyond it shows. */
static enum login_state
pump(struct world *w)
{
	enum login_state state = LOGIN_SEND;
	const uint8_t *data;
	uint8_t bhs[PDU_BHS_LEN], *copy;
	size_t len;

	w->i = login_initiator_new(&w->ic);
	w->t = login_target_new(&w->tc);
	assert_non_null(w->i);
	assert_non_null(w->t);
	while (state == LOGIN_SEND) {
		login_initiator_send(w->i, bhs, &data, &len);
		assert_int_equal(login_initiator_state(w->i), LOGIN_WAIT);
		assert_true(len <= LOGIN_DATA_MAX);
		copy = malloc(len == 0 ? 1 : len);
		memcpy(copy, data, len);
		state = login_target_recv(w->t, bhs, copy, len, &w->terr);
		assert_int_equal(state, LOGIN_SEND);
		free(copy);
		login_target_send(w->t, bhs, &data, &len);
		assert_true(len <= LOGIN_DATA_MAX);
		copy = malloc(len == 0 ? 1 : len);
		memcpy(copy, data, len);
		state = login_initiator_recv(w->i, bhs, copy, len, &w->ierr);
		assert_int_equal(state, login_initiator_state(w->i));
		free(copy);
		w->rounds++;
		assert_true(w->rounds < 100);
	}
	return state;
}

static void
assert_login(struct world *w)
{
	if (pump(w) != LOGIN_DONE)
		fail_msg("%s / %s", w->ierr.text, w->terr.text);
	assert_int_equal(login_target_state(w->t), LOGIN_DONE);
	assert_int_equal(w->admitted, 1);
	assert_int_equal(w->established, 1);
}

static void
assert_refused(struct world *w, enum error_class class, const char *text)
{
	assert_int_equal(pump(w), LOGIN_FAILED);
	assert_string_equal(w->ierr.text, text);
	assert_int_equal(w->ierr.class, class);
	assert_int_equal(w->established, 0);
}

static void
test_plain(void **state)
{
	const struct login_result *r;
	const struct login_target_result *t;
	struct world w;

	(void)state;
	setup(&w);
	w.alias = "the disk";
	w.ic.offer.max_recv_data_segment = 65536;
	w.tc.offer.max_recv_data_segment = 131072;
	w.tc.offer.max_outstanding_r2t = 2;
	w.tc.offer.max_burst = 524288;
	w.tc.offer.first_burst = 131072;
	w.tc.offer.time2wait = 5;
	w.tc.offer.time2retain = 7;
	assert_login(&w);
	assert_int_equal(w.rounds, 2);
	r = login_initiator_result(w.i);
	assert_int_equal(r->tsih, TSIH);
	assert_int_equal(r->tpgt, 3);
	assert_string_equal(r->target_alias, "the disk");
	assert_int_equal(r->params.max_recv_data_segment, 65536);
	assert_int_equal(r->params.max_send_data_segment, 131072);
	assert_int_equal(r->params.max_burst, 524288);
	assert_int_equal(r->params.first_burst, 131072);
	assert_int_equal(r->params.max_outstanding_r2t, 2);
	assert_int_equal(r->params.max_connections, 1);
	assert_int_equal(r->params.time2wait, 5);
	assert_int_equal(r->params.time2retain, 7);
	assert_int_equal(r->params.error_recovery_level, 0);
	assert_false(r->params.initial_r2t);
	assert_true(r->params.immediate_data);
	assert_true(r->params.data_pdu_in_order);
	assert_true(r->params.data_sequence_in_order);
	assert_int_equal(r->params.header_digest.n, 1);
	assert_int_equal(r->params.header_digest.order[0], DIGEST_NONE);
	t = login_target_result(w.t);
	assert_string_equal(t->initiator_name, INITIATOR);
	assert_memory_equal(t->isid, w.ic.isid, 6);
	assert_int_equal(t->tsih, TSIH);
	assert_int_equal(t->cid, 9);
	assert_false(t->discovery);
	assert_int_equal(t->params.max_recv_data_segment, 131072);
	assert_int_equal(t->params.max_send_data_segment, 65536);
	assert_int_equal(t->params.max_burst, 524288);
	assert_int_equal(t->params.first_burst, 131072);
	assert_false(t->params.initial_r2t);
	teardown(&w);
}

/* Both sides must come to the same parameters whatever each begins with. */
static void
test_combinations(void **state)
{
	static const struct digest_list digests[] = {
		{ 1, { DIGEST_NONE } },
		{ 1, { DIGEST_CRC32C } },
		{ 2, { DIGEST_NONE, DIGEST_CRC32C } },
		{ 2, { DIGEST_CRC32C, DIGEST_NONE } },
	};
	const struct params *i, *t;
	struct world w;
	unsigned n;

	(void)state;
	for (n = 0; n < 1024; n++) {
		setup(&w);
		w.ic.offer.header_digest = digests[n & 3];
		w.tc.offer.header_digest = digests[n >> 2 & 3];
		w.tc.offer.data_digest = digests[2 + (n >> 3 & 1)];
		w.ic.offer.initial_r2t = n >> 4 & 1;
		w.tc.offer.initial_r2t = n >> 5 & 1;
		w.ic.offer.immediate_data = n >> 6 & 1;
		w.tc.offer.immediate_data = n >> 7 & 1;
		w.ic.offer.max_burst = n >> 8 & 1 ? 262144 : 65536;
		w.ic.offer.first_burst = n >> 8 & 1 ? 131072 : 512;
		if (n >> 9 & 1)
			w.ic.target_name = NULL;
		/* In discovery the target lets it go. */
		if ((n & 3) < 2 && (n >> 2 & 3) < 2 &&
		    (n & 3) != (n >> 2 & 3) &&
		    ((n & 3) != 0 || w.ic.target_name != NULL)) {
			assert_int_equal(pump(&w), LOGIN_FAILED);
			teardown(&w);
			continue;
		}
		assert_login(&w);
		i = &login_initiator_result(w.i)->params;
		t = &login_target_result(w.t)->params;
		assert_int_equal(i->header_digest.n, 1);
		assert_int_equal(
		    i->header_digest.order[0], t->header_digest.order[0]);
		assert_int_equal(
		    i->data_digest.order[0], t->data_digest.order[0]);
		assert_int_equal(
		    i->max_send_data_segment, t->max_recv_data_segment);
		assert_int_equal(
		    t->max_send_data_segment, i->max_recv_data_segment);
		assert_int_equal(i->max_burst, t->max_burst);
		assert_int_equal(i->first_burst, t->first_burst);
		assert_int_equal(i->initial_r2t, t->initial_r2t);
		assert_int_equal(i->immediate_data, t->immediate_data);
		if (w.ic.target_name != NULL) {
			assert_int_equal(
			    i->initial_r2t, (n >> 4 & 1) | (n >> 5 & 1));
			assert_int_equal(
			    i->immediate_data, (n >> 6 & 1) & (n >> 7 & 1));
			assert_int_equal(i->max_burst, w.ic.offer.max_burst);
		}
		if ((n & 3) >= 2 && (n >> 2 & 3) >= 2)
			assert_int_equal(i->header_digest.order[0],
			    w.ic.offer.header_digest.order[0]);
		teardown(&w);
	}
}

static void
test_discovery(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	w.ic.target_name = NULL;
	assert_login(&w);
	assert_true(login_target_result(w.t)->discovery);
	assert_int_equal(login_initiator_result(w.i)->tpgt, 0);
	teardown(&w);
}

/* A discovery session with an account at a target that has none for it. */
static void
test_discovery_unauthenticated(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	w.ic.target_name = NULL;
	account(&w.iauth, "secret of alice", "secret of bob");
	assert_login(&w);
	teardown(&w);

	setup(&w);
	w.ic.target_name = NULL;
	account(&w.iauth, "secret of alice", NULL);
	account(&w.tauth, "secret of alice", NULL);
	w.demand = true;
	assert_login(&w);
	assert_int_equal(w.rounds, 4);
	teardown(&w);
}

static void
test_chap(void **state)
{
	static const uint8_t lists[][CHAP_ALGS] = {
		{ 0 },
		{ CHAP_MD5 },
		{ CHAP_SHA1 },
		{ CHAP_SHA256 },
		{ CHAP_SHA3_256 },
		{ CHAP_MD5, CHAP_SHA3_256 },
	};
	struct world w;
	unsigned a, b, mutual;

	(void)state;
	for (mutual = 0; mutual < 2; mutual++) {
		for (a = 0; a < 6; a++) {
			for (b = 0; b < 6; b++) {
				setup(&w);
				account(&w.iauth, "secret of alice",
				    mutual ? "secret of bob" : NULL);
				account(&w.tauth, "secret of alice",
				    "secret of bob");
				w.demand = true;
				memcpy(w.iauth.algs, lists[a], CHAP_ALGS);
				memcpy(w.tauth.algs, lists[b], CHAP_ALGS);
				if (a == b || a == 0 || b == 0 ||
				    (a == 5 && (b == 1 || b == 4)) ||
				    (b == 5 && (a == 1 || a == 4))) {
					assert_login(&w);
					assert_int_equal(w.rounds, 4);
				} else {
					pump(&w);
					assert_int_equal(
					    login_initiator_status(w.i),
					    LOGIN_AUTHENTICATION_FAILURE);
				}
				teardown(&w);
			}
		}
	}
}

#define REFUSED "login to 127.0.0.1:3260 refused: "
#define FAILED	"login to 127.0.0.1:3260 failed: "

static void
test_chap_refused(void **state)
{
	struct world w;

	(void)state;
	setup(&w); /* demanded, none given */
	w.demand = true;
	account(&w.tauth, "secret of alice", NULL);
	assert_refused(&w, ERROR_REFUSED,
	    REFUSED "authentication failure (status 0x0201); the target asked "
		    "for CHAP and no user name was given");
	teardown(&w);

	setup(&w); /* given, none demanded: another one than we think */
	account(&w.iauth, "secret of alice", NULL);
	assert_refused(&w, ERROR_REFUSED,
	    REFUSED "authentication failure (status 0x0201); the target does "
		    "not use CHAP here, or knows no account for it");
	teardown(&w);

	setup(&w); /* wrong secret */
	w.demand = true;
	account(&w.iauth, "secret of mallory", NULL);
	account(&w.tauth, "secret of alice", NULL);
	assert_refused(&w, ERROR_REFUSED,
	    REFUSED "authentication failure (status 0x0201); check the CHAP "
		    "user name and secret");
	assert_string_equal(w.terr.text,
	    "login of " INITIATOR " refused: the initiator does not know the "
	    "CHAP secret of 'alice'");
	teardown(&w);

	setup(&w); /* wrong user */
	w.demand = true;
	account(&w.iauth, "secret of alice", NULL);
	account(&w.tauth, "secret of alice", NULL);
	strcpy(w.iauth.user, "eve");
	assert_int_equal(pump(&w), LOGIN_FAILED);
	assert_int_equal(
	    login_initiator_status(w.i), LOGIN_AUTHENTICATION_FAILURE);
	teardown(&w);
}

static void
test_mutual_refused(void **state)
{
	struct world w;

	(void)state;
	setup(&w); /* the target has another secret for itself */
	w.demand = true;
	account(&w.iauth, "secret of alice", "secret of bob");
	account(&w.tauth, "secret of alice", "secret of mallory");
	assert_refused(&w, ERROR_REFUSED,
	    REFUSED "the target does not know the CHAP secret of 'bob'");
	teardown(&w);

	setup(&w); /* the target has another name */
	w.demand = true;
	account(&w.iauth, "secret of alice", "secret of bob");
	account(&w.tauth, "secret of alice", "secret of bob");
	strcpy(w.tauth.target_user, "mallory");
	assert_refused(&w, ERROR_REFUSED,
	    REFUSED "the target calls itself 'mallory' in CHAP, which is not "
		    "the name expected");
	teardown(&w);

	setup(&w); /* the target has no secret for itself */
	w.demand = true;
	account(&w.iauth, "secret of alice", "secret of bob");
	account(&w.tauth, "secret of alice", NULL);
	assert_int_equal(pump(&w), LOGIN_FAILED);
	assert_int_equal(
	    login_initiator_status(w.i), LOGIN_AUTHENTICATION_FAILURE);
	teardown(&w);

	setup(&w); /* one secret for both directions */
	w.demand = true;
	account(&w.iauth, "one secret for all", "one secret for all");
	account(&w.tauth, "one secret for all", "one secret for all");
	assert_refused(&w, ERROR_USAGE,
	    FAILED "the target asked for CHAP, but the secrets configured for "
		   "the two directions are the same");
	teardown(&w);
}

static void
test_status(void **state)
{
	static const struct {
		uint16_t status;
		enum error_class class;
		const char *text;
	} rows[] = {
		{ 0x0200, ERROR_REFUSED,
		    REFUSED "initiator error (status 0x0200); the target's log "
			    "may say what it dislikes" },
		{ 0x0202, ERROR_REFUSED,
		    REFUSED "authorization failure (status 0x0202); check that "
			    "the target's access list has this initiator's "
			    "name" },
		{ 0x0203, ERROR_ABSENT,
		    REFUSED "target not found (status 0x0203); check the "
			    "target name; discovery shows the names that this "
			    "portal has" },
		{ 0x0204, ERROR_REFUSED,
		    REFUSED "target removed (status 0x0204); the target is no "
			    "longer served here" },
		{ 0x0301, ERROR_ABSENT,
		    REFUSED "service unavailable (status 0x0301); the target "
			    "is out of operation, or there is none of this "
			    "name; discovery shows the names that this portal "
			    "has" },
		{ 0x0302, ERROR_FAILED,
		    FAILED "out of resources (status 0x0302); try again "
			   "later" },
		{ 0x02ff, ERROR_REFUSED,
		    REFUSED "unknown initiator error (status 0x02ff); look at "
			    "the target's log" },
		{ 0x0400, ERROR_FAILED,
		    FAILED "unknown status (status 0x0400); look at the "
			   "target's log" },
	};
	struct world w;
	size_t n;

	(void)state;
	for (n = 0; n < countof(rows); n++) {
		setup(&w);
		w.admit = rows[n].status;
		assert_refused(&w, rows[n].class, rows[n].text);
		assert_int_equal(login_initiator_status(w.i), rows[n].status);
		assert_int_equal(login_target_state(w.t), LOGIN_FAILED);
		teardown(&w);
	}
}

static void
test_establish_refused(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	w.ic.tsih = 5;
	w.establish = LOGIN_NO_SESSION;
	assert_int_equal(pump(&w), LOGIN_FAILED);
	assert_int_equal(login_initiator_status(w.i), LOGIN_NO_SESSION);
	assert_int_equal(w.established, 1);
	teardown(&w);
}

static void
test_redirect(void **state)
{
	static const struct {
		const char *address;
		const char *result; /* NULL: refused */
	} rows[] = {
		{ "10.0.0.1:3261", "10.0.0.1:3261" },
		{ "10.0.0.1", "10.0.0.1" },
		{ "10.0.0.1:3260,1", "10.0.0.1:3260" },
		{ "[fe80::1]:3260", "[fe80::1]:3260" },
		{ "[::1]", "[::1]" },
		{ "nas.example.com:3260", "nas.example.com:3260" },
		{ "", NULL },
		{ ":3260", NULL },
		{ "nas:0", NULL },
		{ "nas:65536", NULL },
		{ "nas:", NULL },
		{ "nas:1x", NULL },
		{ "[::1", NULL },
		{ "[]", NULL },
		{ "a b", NULL },
		{ "::1", NULL },
		{ "[::1]x", NULL },
	};
	struct world w;
	bool permanent;
	size_t n;

	(void)state;
	for (n = 0; n < countof(rows); n++) {
		setup(&w);
		w.admit = n & 1 ? 0x0101 : 0x0102;
		w.redirect = rows[n].address;
		if (rows[n].result == NULL) {
			assert_int_equal(pump(&w), LOGIN_FAILED);
			assert_int_equal(w.ierr.class, ERROR_FAILED);
		} else {
			assert_int_equal(pump(&w), LOGIN_REDIRECT);
			assert_string_equal(
			    login_initiator_redirect(w.i, &permanent),
			    rows[n].result);
			assert_int_equal(permanent, !(n & 1));
		}
		assert_int_equal(login_target_state(w.t), LOGIN_FAILED);
		teardown(&w);
	}
}

/* A further connection, and reinstatement by TSIH. */
static void
test_tsih(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	w.ic.tsih = 1234;
	assert_login(&w);
	assert_int_equal(login_initiator_result(w.i)->tsih, 1234);
	teardown(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_combinations),
		cmocka_unit_test(test_discovery),
		cmocka_unit_test(test_discovery_unauthenticated),
		cmocka_unit_test(test_chap),
		cmocka_unit_test(test_chap_refused),
		cmocka_unit_test(test_mutual_refused),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_establish_refused),
		cmocka_unit_test(test_redirect),
		cmocka_unit_test(test_tsih),
	};

	return cmocka_run_group_tests_name("login", tests, NULL, NULL);
}
