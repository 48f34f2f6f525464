/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * login - the login phase (RFC 7143, 6 and 11.12, 11.13), both roles, as two
 * state machines that take the peer's PDU and give back ours.  Security
 * negotiation is chap.h, the operational keys are param.h; here are stages,
 * transit bits, continuation (C bit), status and redirection.
 *
 * Neither side of the machine owns a transport: the connection moves the PDUs
 * (data segment of at most 8192 bytes either way) and numbers StatSN and CmdSN.
 */
#ifndef PROTO_LOGIN_H
#define PROTO_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "proto/auth.h"
#include "proto/chap.h"
#include "proto/name.h"
#include "proto/param.h"

#define LOGIN_DATA_MAX 8192 /* MaxRecvDataSegmentLength while logging in */

#define ISCSI_ADDR_MAX 255

/* Status class << 8 | detail, 11.13.5. */
enum login_status {
	LOGIN_SUCCESS = 0x0000,
	LOGIN_MOVED_TEMPORARILY = 0x0101,
	LOGIN_MOVED_PERMANENTLY = 0x0102,
	LOGIN_INITIATOR_ERROR = 0x0200,
	LOGIN_AUTHENTICATION_FAILURE = 0x0201,
	LOGIN_AUTHORIZATION_FAILURE = 0x0202,
	LOGIN_NOT_FOUND = 0x0203,
	LOGIN_TARGET_REMOVED = 0x0204,
	LOGIN_UNSUPPORTED_VERSION = 0x0205,
	LOGIN_TOO_MANY_CONNECTIONS = 0x0206,
	LOGIN_MISSING_PARAMETER = 0x0207,
	LOGIN_CANNOT_INCLUDE = 0x0208,
	LOGIN_SESSION_TYPE = 0x0209,
	LOGIN_NO_SESSION = 0x020a,
	LOGIN_INVALID_DURING_LOGIN = 0x020b,
	LOGIN_TARGET_ERROR = 0x0300,
	LOGIN_SERVICE_UNAVAILABLE = 0x0301,
	LOGIN_OUT_OF_RESOURCES = 0x0302
};

/* The RFC's words for a status, in lower case. */
const char *login_status_name(uint16_t status);
/* What the user may do about a failure.  chap: a user name was given. */
const char *login_status_advice(uint16_t status, bool chap);

/* TargetAddress, 13.8: domainname[:port][,portal-group-tag].  The length of
 * what stands before the tag, at most ISCSI_ADDR_MAX; 0: not of that form. */
size_t login_address_len(const char *address);

/*
 * ---- the initiator ----
 */
struct login_initiator_config {
	const char *initiator_name;
	const char *target_name; /* NULL: discovery session */
	const char *portal;	 /* "host:port", for messages */
	uint8_t isid[6];
	uint16_t tsih; /* 0: a new session (or reinstatement by ISID) */
	uint16_t cid;
	struct auth *auth; /* NULL or an empty user: no CHAP.  Used during
			      login only, which writes its `asked` */
	struct params offer;
	random_fn random;
	void *random_ctx;
	const struct log *log;
};

enum login_state {
	LOGIN_SEND,	/* login_*_send() has the next PDU */
	LOGIN_WAIT,	/* waiting for the peer's next PDU */
	LOGIN_DONE,	/* full feature phase */
	LOGIN_REDIRECT, /* initiator: log in elsewhere, or here again */
	LOGIN_FAILED	/* the error says why; close the connection */
};

struct login_initiator;

/* The config and what it points to must outlive the login.  NULL: no memory. */
struct login_initiator *login_initiator_new(
    const struct login_initiator_config *);
/* Takes NULL; wipes what it knew. */
void login_initiator_free(struct login_initiator *);
enum login_state login_initiator_state(const struct login_initiator *);

/*
 * LOGIN_SEND: writes the next Login Request.  bhs: 48 bytes, complete but for
 * CmdSN, ExpStatSN and ITT, which the connection fills; *ret_data stays valid
 * until the next call.
 */
void login_initiator_send(struct login_initiator *, uint8_t *bhs,
    const uint8_t **ret_data, size_t *ret_len);
/* LOGIN_WAIT: takes a Login Response; any PDU is allowed and any other opcode
 * fails the login.  Returns the new state; err is set when LOGIN_FAILED. */
enum login_state login_initiator_recv(struct login_initiator *,
    const uint8_t *bhs, const uint8_t *data, size_t len, struct error *err);

struct login_result {
	struct params params;
	uint16_t tsih;
	uint16_t tpgt; /* TargetPortalGroupTag; 0 when the target gave none */
	char target_alias[256];
};
/* LOGIN_DONE. */
const struct login_result *login_initiator_result(
    const struct login_initiator *);
/* LOGIN_REDIRECT: the portal to log in at, "host[:port]": from TargetAddress
 * (IPv6 in brackets), checked for form, or the one of the config again.
 * permanent: status 0x0102. */
const char *login_initiator_redirect(
    const struct login_initiator *, bool *ret_permanent);
/* The last status class and detail that the target sent (0x0201 ...). */
uint16_t login_initiator_status(const struct login_initiator *);

/*
 * ---- the target ----
 */
struct login_target;

/*
 * Asked once, when the names are known and before authentication.
 * Returns a login status: 0 to go on, 0x0203 no such target, 0x0202 not
 * allowed, 0x0101 / 0x0102 with ret_redirect (ISCSI_ADDR_MAX + 1 bytes) filled.
 * *ret_auth: what is demanded of this initiator; an empty user is nothing.
 * *ret_tpgt and *ret_alias (may stay NULL) are sent to the initiator.
 */
struct login_target_ops {
	uint16_t (*admit)(void *ctx, const char *initiator, const char *target,
	    bool discovery, const struct auth **ret_auth, uint16_t *ret_tpgt,
	    const char **ret_alias, char *ret_redirect);
	/* Asked before the last response: gives the session's TSIH.  Here
	 * session reinstatement happens (same initiator name, ISID, target).
	 * Returns a login status: 0, or 0x020a (no such session), 0x0302 ... */
	uint16_t (*establish)(void *ctx, const char *initiator,
	    const uint8_t isid[6], uint16_t tsih, bool discovery,
	    const struct params *params, uint16_t *ret_tsih);
};

struct login_target_config {
	const struct login_target_ops *ops;
	void *ctx;
	struct params offer; /* our limits and preferences */
	random_fn random;
	void *random_ctx;
	const struct log *log;
};

struct login_target *login_target_new(const struct login_target_config *);
void login_target_free(struct login_target *);
enum login_state login_target_state(const struct login_target *);
/* LOGIN_WAIT: takes any PDU of the peer.  Always leads to LOGIN_SEND; a failed
 * login has a last response with its status to send, then LOGIN_FAILED. */
enum login_state login_target_recv(struct login_target *, const uint8_t *bhs,
    const uint8_t *data, size_t len, struct error *err);
/* LOGIN_SEND: as above; StatSN, ExpCmdSN and MaxCmdSN are the connection's. */
void login_target_send(struct login_target *, uint8_t *bhs,
    const uint8_t **ret_data, size_t *ret_len);

struct login_target_result {
	struct params params;
	char initiator_name[ISCSI_NAME_MAX + 1];
	uint8_t isid[6];
	uint16_t tsih;
	uint16_t cid;
	bool discovery;
};
const struct login_target_result *login_target_result(
    const struct login_target *);

#endif
