/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * login_script - a target that a test plays by hand: it looks at each Login
 * Request of the initiator and answers what it likes.
 *
 *     struct script s;
 *
 *     script_init(&s);            fill s.config, s.auth
 *     script_start(&s);           s.req, s.text: the first request
 *     ANSWER(&s, true, "AuthMethod=None\0TargetPortalGroupTag=1");
 *     ...                         s.req, s.text: the next one, or s.state
 *     script_fini(&s);
 */
#ifndef TESTS_LOGIN_SCRIPT_H
#define TESTS_LOGIN_SCRIPT_H

#include "proto/login.h"
#include "proto/pdu.h"
#include "unit.h"

#define SCRIPT_INITIATOR "iqn.2001-04.com.example:host"
#define SCRIPT_TARGET	 "iqn.2001-04.com.example:disk"
#define SCRIPT_PORTAL	 "127.0.0.1:3260"
#define SCRIPT_TSIH	 42

struct script {
	struct login_initiator_config config;
	struct auth auth;
	uint32_t seed; /* of the initiator's randomness */
	struct login_initiator *login;
	enum login_state state;
	struct error err;
	struct pdu_login_request req; /* the last request */
	char text[TEXT_MAX];
	size_t text_len;
	unsigned requests;
	struct pdu_login_response rsp; /* for script_send() */
};

void script_init(struct script *);
/* With CHAP: alice, and bob when it is mutual. */
void script_account(struct script *, bool mutual);
void script_start(struct script *);
void script_fini(struct script *);

/* The value of a key in the last request, or NULL; a key that is there twice
 * fails the test. */
const char *script_value(struct script *, const char *key);

/* Fills s->rsp with a right answer: T as given (to where the request asked to
 * go), C clear, status success. */
void script_prepare(struct script *, bool transit);
/* Sends s->rsp with this text; then takes the next request, if any. */
void script_send(struct script *, const char *text, size_t len);
/* Both. */
void script_answer(struct script *, bool transit, const char *text, size_t len);
#define ANSWER(s, transit, literal) \
	script_answer(s, transit, literal, sizeof(literal))

/* To the operational request, without authentication. */
void script_operational(struct script *);

/* The same, and answers it with this text and T. */
enum login_state script_finish(const char *text, size_t len, struct script *);
/* Such a login with a single "key=value": it fails with this in the message, or
 * (NULL) does not. */
void script_check(const char *pair, const char *part);

/* A test that begins with a script that has got as far as the operational
 * request. */
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

/* What was agreed, after a login that must have succeeded. */
const struct params *script_params(const struct script *);
/* How it ended. */
void assert_done(const struct script *);
void assert_failed(const struct script *, enum error_class, const char *part);

#endif
