/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_session - a target that does as the input says, against a session that
 * has logged in and has commands in flight.  The input is a list of steps: PDUs
 * (with those numbers right that the step wants right, so that more than the
 * first check is reached), bytes of any kind, time that passes, bytes that go.
 *
 *     input:  settings (1) | step (1) arguments ... | step ...
 *
 * What must hold: each task completes exactly once, with no more bytes said to
 * have moved than it has, and nothing outside of its memory is written.
 */
#include <string.h>

#include "base/cursor.h"
#include "fuzz.h"
#include "proto/framer.h"
#include "session/internal.h"

#define TASKS	 6
#define TASK_LEN 1536
#define GUARD	 32

enum step {
	STEP_PDU,
	STEP_BYTES,
	STEP_TIME,
	STEP_SENT,
	STEP_SUBMIT,
	STEP_TEXT,
	STEP_DROP,
	STEP_END,
	STEPS
};

/* What of a PDU is put right. */
#define RIGHT_STATSN 0x01u
#define RIGHT_ITT    0x02u
#define RIGHT_WINDOW 0x04u
#define RIGHT_PLACE  0x08u
#define RIGHT_OPCODE 0x10u

struct slot {
	struct task task; /* first */
	bool with_session;
	struct iovec iov[2];
	uint8_t memory[TASK_LEN + GUARD];
};

static struct session *session;
static struct conn *conn;
static uint64_t now;
static uint32_t chance;
static struct slot slots[TASKS];
static struct text_exchange text;
static bool text_busy;

static void
no_chance(void *ctx, void *buf, size_t len)
{
	uint8_t *p = buf;

	(void)ctx;
	for (size_t i = 0; i < len; i++) {
		chance = chance * 1103515245 + 12345;
		p[i] = (uint8_t)(chance >> 16);
	}
}

static void
task_done(struct task *t)
{
	struct slot *slot = (struct slot *)t;

	require(slot->with_session);
	slot->with_session = false;
	require(t->transferred <= t->length);
	require(t->sense_len <= TASK_SENSE_MAX);
	for (size_t i = 0; i < GUARD; i++)
		require(slot->memory[TASK_LEN + i] == 0xee);
}

static void
submit(unsigned n, uint8_t how)
{
	static const enum task_dir dirs[] = { TASK_IN, TASK_OUT, TASK_NO_DATA };
	struct slot *slot = &slots[n % TASKS];
	struct task *t = &slot->task;

	if (slot->with_session)
		return;
	slot->with_session = true;
	memset(slot->memory, 0xee, sizeof(slot->memory));
	slot->iov[0].iov_base = slot->memory;
	slot->iov[0].iov_len = 500;
	slot->iov[1].iov_base = slot->memory + 500;
	slot->iov[1].iov_len = TASK_LEN - 500;
	t->dir = dirs[how % 3];
	t->policy = how & 0x10 ? TASK_QUERY : TASK_REPLAY;
	t->iov = slot->iov;
	t->iovcnt = 2;
	t->length = t->dir == TASK_NO_DATA ? 0 : TASK_LEN;
	t->done = task_done;
	session_submit(session, t, now);
}

/*
 * ---- the login, which is not the subject ----
 */

static uint16_t
admit(void *ctx, const char *initiator, const char *target, bool discovery,
    const struct auth **ret_auth, uint16_t *ret_tpgt, const char **ret_alias,
    char *ret_redirect)
{
	static const struct auth nobody;

	(void)ctx;
	(void)initiator;
	(void)target;
	(void)discovery;
	(void)ret_alias;
	(void)ret_redirect;
	*ret_auth = &nobody;
	*ret_tpgt = 1;
	return 0;
}

static uint16_t
establish(void *ctx, const char *initiator, const uint8_t isid[6],
    uint16_t tsih, bool discovery, const struct params *params,
    uint16_t *ret_tsih)
{
	(void)ctx;
	(void)initiator;
	(void)isid;
	(void)tsih;
	(void)discovery;
	(void)params;
	*ret_tsih = 1;
	return 0;
}

static void
receive(const uint8_t *p, size_t len)
{
	struct iovec iov[4];
	size_t part;

	while (len > 0) {
		int n = conn_rx_iov(conn, iov, 4);

		for (int i = 0; i < n && len > 0; i++) {
			part = iov[i].iov_len < len ? iov[i].iov_len : len;
			memcpy(iov[i].iov_base, p, part);
			p += part;
			len -= part;
			if (part < iov[i].iov_len || len == 0 || i == n - 1) {
				size_t got = part;

				for (int j = 0; j < i; j++)
					got += iov[j].iov_len;
				conn_rx_done(conn, got, now);
				break;
			}
		}
		if (n == 0)
			return;
	}
}

static void
receive_pdu(uint8_t *bhs, const uint8_t *data, size_t len)
{
	static const uint8_t zeros[4];

	pdu_set_lengths(bhs, 0, (uint32_t)len);
	receive(bhs, PDU_BHS_LEN);
	receive(data, len);
	receive(zeros, -len & 3);
}

/* Everything that the session wants to send goes; up to two segments of it are
 * kept. */
static size_t
send_all(uint8_t *buf, size_t size)
{
	struct iovec iov[64];
	size_t len = 0, part, sent;
	int n;

	while ((n = conn_tx_iov(conn, iov, 64, now)) > 0) {
		sent = 0;
		for (int i = 0; i < n; i++) {
			part = iov[i].iov_len < size - len ? iov[i].iov_len
							   : size - len;
			memcpy(buf + len, iov[i].iov_base, part);
			len += part;
			sent += iov[i].iov_len;
		}
		conn_tx_done(conn, sent, now);
	}
	return len;
}

static void
log_in(const struct params *offer)
{
	static const struct login_target_ops ops = { admit, establish };
	struct login_target_config config = {
		.ops = &ops, .offer = *offer, .random = no_chance
	};
	struct login_target *l = login_target_new(&config);
	static uint8_t buf[2 * LOGIN_DATA_MAX];
	uint8_t bhs[PDU_BHS_LEN];
	const uint8_t *data;
	uint32_t statsn = 1;
	struct error err;
	size_t len;

	require(l != NULL);
	while (session->conn.login != NULL) {
		len = send_all(buf, sizeof(buf));
		require(len >= PDU_BHS_LEN);
		login_target_recv(
		    l, buf, buf + PDU_BHS_LEN, pdu_data_len(buf), &err);
		require(login_target_state(l) == LOGIN_SEND);
		login_target_send(l, bhs, &data, &len);
		pdu_set_itt(bhs, pdu_itt(buf));
		pdu_set_statsn(bhs, statsn++);
		pdu_set_window(bhs, be32_get(buf + 24), be32_get(buf + 24) + 8);
		receive_pdu(bhs, data, len);
	}
	login_target_free(l);
}

static void
drive(const struct params *offer)
{
	struct session_event ev;
	struct text_exchange *x;
	struct task *t;

	while (session_event(session, &ev)) {
		if (ev.type != SESSION_CONNECT)
			continue;
		session_connected(session, ev.conn, now);
		if (offer != NULL)
			log_in(offer);
	}
	while ((t = session_reap(session)) != NULL)
		t->done(t);
	while ((x = session_reap_text(session)) != NULL) {
		require(x == &text && text_busy);
		require(x->result == 0 || x->response == NULL);
		session_text_release(x);
		text_busy = false;
	}
}

/*
 * ---- the steps ----
 */

static void
step_pdu(struct cursor *in)
{
	static const uint8_t opcodes[] = { PDU_DATA_IN, PDU_SCSI_RESPONSE,
		PDU_R2T, PDU_NOP_IN, PDU_TMF_RESPONSE, PDU_TEXT_RESPONSE,
		PDU_REJECT, PDU_ASYNC, PDU_LOGOUT_RESPONSE };
	static uint8_t data[2048];
	uint8_t bhs[PDU_BHS_LEN] = { 0 };
	uint8_t right = cursor_u8(in), which = cursor_u8(in);
	size_t len = cursor_u8(in) * 8u, have;
	struct task *t = &slots[which % TASKS].task;
	struct session *s = session;

	for (int i = 0; i < PDU_BHS_LEN && cursor_left(in) > 0; i++)
		bhs[i] = cursor_u8(in);
	if ((right & RIGHT_OPCODE) != 0)
		bhs[0] = opcodes[bhs[0] % sizeof(opcodes)];
	if ((right & RIGHT_STATSN) != 0)
		pdu_set_statsn(bhs, conn->exp_statsn);
	if ((right & RIGHT_WINDOW) != 0)
		pdu_set_window(bhs, s->cmdsn, s->cmdsn + which);
	if ((right & RIGHT_ITT) != 0) {
		if (pdu_opcode(bhs) == PDU_TEXT_RESPONSE)
			pdu_set_itt(bhs, s->text_itt);
		else if (pdu_opcode(bhs) == PDU_TMF_RESPONSE)
			pdu_set_itt(bhs, t->itt | ITT_ABORT);
		else if (pdu_opcode(bhs) == PDU_NOP_IN)
			pdu_set_itt(
			    bhs, which & 1 ? conn->ping_itt : PDU_TAG_NONE);
		else if (pdu_opcode(bhs) == PDU_LOGOUT_RESPONSE)
			pdu_set_itt(bhs, conn->logout_itt);
		else
			pdu_set_itt(bhs, t->itt);
	}
	if ((right & RIGHT_PLACE) != 0) {
		if (pdu_opcode(bhs) == PDU_DATA_IN) {
			be32_put(bhs + 36, t->data_sn);
			be32_put(bhs + 40, t->moved);
		} else if (pdu_opcode(bhs) == PDU_R2T) {
			be32_put(bhs + 36, t->r2t_sn);
			be32_put(bhs + 40, t->solicited);
			be32_put(bhs + 44, 1 + which % 64 * 8);
		}
	}
	have = cursor_left(in) < len ? cursor_left(in) : len;
	memset(data, 0, sizeof(data));
	if (have > 0)
		memcpy(data, cursor_bytes(in, have), have);
	if (pdu_opcode(bhs) == PDU_REJECT && (right & RIGHT_ITT) != 0)
		pdu_set_itt(data, t->itt);
	receive_pdu(bhs, data, len);
}

static void
step_bytes(struct cursor *in)
{
	size_t len = cursor_u8(in);

	if (len > cursor_left(in))
		len = cursor_left(in);
	if (len > 0)
		receive(cursor_bytes(in, len), len);
}

static void
step(struct cursor *in)
{
	struct error why = { .class = ERROR_UNREACHED, .text = "dropped" };
	struct iovec iov[8];
	size_t len = 0, some;
	int n;

	switch ((enum step)(cursor_u8(in) % STEPS)) {
	case STEP_PDU:
		step_pdu(in);
		break;
	case STEP_BYTES:
		step_bytes(in);
		break;
	case STEP_TIME:
		now += cursor_u8(in) * CLOCK_S / 4;
		session_tick(session, now);
		break;
	case STEP_SENT:
		n = conn_tx_iov(conn, iov, 8, now);
		for (int i = 0; i < n; i++)
			len += iov[i].iov_len;
		some = cursor_u8(in) * 16u;
		if (n > 0)
			conn_tx_done(conn, some < len ? some : len, now);
		break;
	case STEP_SUBMIT:
		submit(cursor_u8(in), cursor_u8(in));
		break;
	case STEP_TEXT:
		if (text_busy)
			break;
		text_busy = true;
		text.request = "SendTargets=All";
		text.request_len = 16;
		session_text(session, &text, now);
		break;
	case STEP_DROP:
		session_disconnected(session, conn, &why, now);
		break;
	case STEP_END:
		session_end(session, now);
		break;
	case STEPS:
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session_config config;
	struct params offer;
	struct cursor in;
	uint8_t settings;

	cursor_init(&in, data, size);
	settings = cursor_u8(&in);
	now = 1000 * CLOCK_S;
	chance = 1;
	session_config_default(&config);
	strcpy(config.initiator_name, "iqn.2001-04.com.example:i");
	strcpy(config.target_name, "iqn.2001-04.com.example:t");
	strcpy(config.portal, "192.0.2.1:3260");
	config.random = no_chance;
	config.reconnect = (settings & 0x01) != 0;
	config.offer.max_recv_data_segment = 8192;
	params_default(&offer);
	offer.initial_r2t = (settings & 0x02) != 0;
	offer.immediate_data = (settings & 0x04) != 0;
	offer.first_burst = 512;
	offer.max_burst = 1024;
	offer.max_recv_data_segment = 512;
	offer.max_outstanding_r2t = (uint16_t)(1 + (settings >> 3 & 3));
	session = session_new(&config);
	require(session != NULL);
	conn = &session->conn;
	session_start(session, now);
	drive(&offer);
	require(session_state(session) == SESSION_UP);
	for (unsigned i = 0; i < 4; i++)
		submit(i, (uint8_t)(i + (settings >> 5)));

	while (cursor_left(&in) > 0) {
		step(&in);
		/* A later login is the input's own affair. */
		drive(NULL);
	}
	session_end(session, now);
	session_end(session, now);
	drive(NULL);
	require(session_in_flight(session) == 0);
	require(!text_busy);
	for (unsigned i = 0; i < TASKS; i++)
		require(!slots[i].with_session);
	session_free(session);
	return 0;
}
