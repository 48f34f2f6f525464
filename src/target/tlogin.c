/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlogin - the login phase of a connection: moves PDUs between the framer, the
 * machine of proto/login and the sender, and answers its two questions, who is
 * let in and which session this becomes.
 *
 * When the login takes over from an earlier session of the same initiator port
 * (RFC 7143, 6.3.5), its last response is held back until the tasks of that
 * session have ended: the initiator may then send again what it had sent.
 */
#include <errno.h>
#include <string.h>

#include "base/escape.h"
#include "proto/name.h"
#include "target/target_impl.h"

enum {
	STATUS_OK = 0x0000,
	STATUS_FORBIDDEN = 0x0202,
	STATUS_NOT_FOUND = 0x0203,
	STATUS_TOO_MANY_CONNECTIONS = 0x0206,
	STATUS_NO_SESSION = 0x020a
};

static bool
acl_allows(const struct target_config *config, const char *initiator)
{
	if (config->acl_n == 0)
		return true;
	for (unsigned i = 0; i < config->acl_n; i++)
		if (name_equal(config->acl[i], initiator))
			return true;
	return false;
}

static uint16_t
admit(void *ctx, const char *initiator, const char *target, bool discovery,
    const struct auth **ret_auth, uint16_t *ret_tpgt, const char **ret_alias,
    char *ret_redirect)
{
	static const struct auth no_auth;
	struct tconn *conn = ctx;
	const struct target_config *config = &conn->target->config;

	(void)ret_redirect;
	if (!discovery && !name_equal(target, config->name))
		return STATUS_NOT_FOUND;
	if (!acl_allows(config, initiator))
		return STATUS_FORBIDDEN;
	*ret_auth = config->auth != NULL ? config->auth : &no_auth;
	*ret_tpgt = TARGET_TPGT;
	*ret_alias = config->alias[0] != '\0' ? config->alias : NULL;
	return STATUS_OK;
}

static uint16_t
establish(void *ctx, const char *initiator, const uint8_t isid[6],
    uint16_t tsih, bool discovery, const struct params *params,
    uint16_t *ret_tsih)
{
	struct tconn *conn = ctx;
	struct target *target = conn->target;

	(void)params;
	/* A session has one connection, and at this recovery level a lost one
	 * is not reinstated. */
	if (tsih != 0)
		return target_has_session(target, initiator, isid, tsih)
			   ? STATUS_TOO_MANY_CONNECTIONS
			   : STATUS_NO_SESSION;
	nexus_init(&conn->nexus, initiator, isid);
	conn->discovery = discovery;
	conn->established = true;
	conn->tsih = target_next_tsih(target);
	*ret_tsih = conn->tsih;
	target_reinstate(target, conn);
	conn->login_held = target_unfinished(target, conn);
	return STATUS_OK;
}

int
tlogin_new(struct tconn *conn)
{
	static const struct login_target_ops ops = { .admit = admit,
		.establish = establish };
	const struct target_config *config = &conn->target->config;

	conn->login_config = (struct login_target_config){ .ops = &ops,
		.ctx = conn,
		.offer = config->offer,
		.random = config->random,
		.random_ctx = config->random_ctx,
		.log = config->log };
	conn->login = login_target_new(&conn->login_config);
	return conn->login == NULL ? -ENOMEM : 0;
}

void
tlogin_pdu(struct tconn *conn, const struct framer_pdu *pdu)
{
	if (!conn->login_begun) {
		/* CmdSN of the leading login is the first of the session. */
		conn->exp_cmdsn = be32_get(pdu->bhs + 24);
		conn->login_begun = true;
	}
	login_target_recv(conn->login, pdu->bhs, pdu->data,
	    pdu->data == NULL ? 0 : pdu->data_len, &conn->why);
}

static void
enter_full(struct tconn *conn)
{
	const struct login_target_result *result =
	    login_target_result(conn->login);
	char name[80];
	bool header, data;

	conn->params = result->params;
	conn->cid = result->cid;
	conn->state = TCONN_FULL;
	header = conn->params.header_digest.order[0] == DIGEST_CRC32C;
	data = conn->params.data_digest.order[0] == DIGEST_CRC32C;
	framer_set_digests(conn->framer, header, data);
	framer_set_max_data(
	    conn->framer, conn->target->config.offer.max_recv_data_segment);
	sender_set_digests(conn->sender, header, data);
	if (!conn->discovery) {
		TAILQ_INSERT_TAIL(
		    &conn->target->lus.nexuses, &conn->nexus, link);
		conn->listed = true;
	}
	log_info(conn->target->config.log, "%s: %s logged in%s", conn->peer,
	    escape(name, sizeof(name), conn->nexus.initiator,
		strlen(conn->nexus.initiator)),
	    conn->discovery ? " for discovery" : "");
}

void
tlogin_form(struct tconn *conn)
{
	uint8_t bhs[PDU_BHS_LEN];
	const uint8_t *data;
	size_t len;

	if (login_target_state(conn->login) != LOGIN_SEND || conn->login_held)
		return;
	login_target_send(conn->login, bhs, &data, &len);
	pdu_set_statsn(bhs, conn->statsn++);
	pdu_set_window(bhs, conn->exp_cmdsn, tconn_max_cmdsn(conn));
	conn->login_iov.iov_base = (void *)(uintptr_t)data;
	conn->login_iov.iov_len = len;
	sender_push(conn->sender, bhs, NULL, 0, &conn->login_iov, 1, 0, len,
	    &conn->login_refs);
	switch (login_target_state(conn->login)) {
	case LOGIN_DONE:
		enter_full(conn);
		break;
	case LOGIN_FAILED:
		conn->state = TCONN_FLUSH;
		break;
	default:
		break;
	}
}
