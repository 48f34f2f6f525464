/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a login_initiator: its rounds and its keys share it. */
#ifndef PROTO_LOGIN_INITIATOR_IMPL_H
#define PROTO_LOGIN_INITIATOR_IMPL_H

#include "proto/login.h"

/* How far authentication has come. */
enum step {
	STEP_METHOD,	/* AuthMethod is offered */
	STEP_ALGORITHM, /* CHAP_A is offered */
	STEP_PROOF,	/* CHAP_N and CHAP_R are sent */
	STEP_PASSED
};

struct login_initiator {
	const struct login_initiator_config *config;
	enum login_state state;
	enum step step;
	uint8_t stage; /* PDU_STAGE_* */
	bool chap;     /* an account is configured */
	bool mutual;
	bool transit; /* T was set in our last request */
	bool partial; /* the target's text goes on in its next response */
	unsigned rounds;
	uint16_t status;
	struct text_buffer in;
	struct text_buffer out;
	struct negotiation negotiation;
	struct chap_challenge theirs;
	struct chap_challenge ours;
	char redirect[ISCSI_ADDR_MAX + 1];
	struct login_result result;
};

/* Takes the whole text of a response, and puts what is to be answered into
 * out.  0, or a negative number with err. */
int login_initiator_take(struct login_initiator *, struct error *err);

#endif
