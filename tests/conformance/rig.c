/* SPDX-License-Identifier: BSD-2-Clause */
/* rig - see rig.h. */
#include <stdio.h>

#include "proto/framer.h"
#include "proto/login.h"
#include "proto/sender.h"
#include "rig.h"

static void
rig_random(void *ctx, void *buf, size_t len)
{
	struct rig *r = ctx;
	uint8_t *p = buf;

	for (size_t i = 0; i < len; i++) {
		r->chance = r->chance * UINT64_C(6364136223846793005) +
			    UINT64_C(1442695040888963407);
		p[i] = (uint8_t)(r->chance >> 56);
	}
}

static uint16_t
rig_admit(void *ctx, const char *initiator, const char *target, bool discovery,
    const struct auth **ret_auth, uint16_t *ret_tpgt, const char **ret_alias,
    char *ret_redirect)
{
	static const struct auth nobody;
	struct rig *r = ctx;

	(void)initiator;
	(void)target;
	(void)discovery;
	*ret_auth = &nobody;
	*ret_tpgt = r->tpgt;
	*ret_alias = "rig";
	if (r->redirect != NULL && (!r->redirect_once || r->logins == 1))
		strcpy(ret_redirect, r->redirect);
	else if (r->redirect != NULL)
		return 0;
	return r->login_status;
}

static uint16_t
rig_establish(void *ctx, const char *initiator, const uint8_t isid[6],
    uint16_t tsih, bool discovery, const struct params *params,
    uint16_t *ret_tsih)
{
	struct rig *r = ctx;

	(void)initiator;
	(void)discovery;
	assert_int_equal(tsih, 0);
	memcpy(r->isid, isid, sizeof(r->isid));
	r->params = *params;
	*ret_tsih = (uint16_t)(1 + r->logins);
	return 0;
}

static const struct login_target_ops rig_ops = { rig_admit, rig_establish };

static void
user_up(struct session_user *u, uint64_t now)
{
	struct rig *r = (struct rig *)((char *)u - offsetof(struct rig, user));

	(void)now;
	r->ups++;
}

static void
user_lost(struct session_user *u, const struct error *why, bool final)
{
	struct rig *r = (struct rig *)((char *)u - offsetof(struct rig, user));

	(void)why;
	(void) final;
	r->losts++;
}

static void
user_async(
    struct session_user *u, uint64_t lun, const uint8_t *sense, size_t len)
{
	struct rig *r = (struct rig *)((char *)u - offsetof(struct rig, user));

	(void)sense;
	r->async_lun = lun;
	r->async_len = len;
}

struct rig *
rig_new(void)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->now = 1000 * CLOCK_S;
	r->chance = 1;
	r->window = 64;
	r->tpgt = 1;
	params_default(&r->offer);
	session_config_default(&r->config);
	strcpy(r->config.initiator_name, "iqn.2001-04.com.example:initiator");
	strcpy(r->config.target_name, "iqn.2001-04.com.example:target");
	strcpy(r->config.portal, "192.0.2.1:3260");
	r->config.random = rig_random;
	r->config.random_ctx = r;
	r->user.up = user_up;
	r->user.lost = user_lost;
	r->user.async = user_async;
	return r;
}

static void
target_close(struct rig *r)
{
	framer_free(r->framer);
	sender_free(r->sender);
	login_target_free(r->login);
	r->framer = NULL;
	r->sender = NULL;
	r->login = NULL;
	r->c = NULL;
}

static void
target_open(struct rig *r, struct conn *c)
{
	static struct login_target_config config;

	config.ops = &rig_ops;
	config.ctx = r;
	config.offer = r->offer;
	config.random = rig_random;
	config.random_ctx = r;
	r->c = c;
	r->framer = framer_new(1 << 20);
	framer_set_max_data(r->framer, LOGIN_DATA_MAX);
	r->sender = sender_new();
	r->login = login_target_new(&config);
	assert_non_null(r->framer);
	assert_non_null(r->sender);
	assert_non_null(r->login);
	r->logins++;
	r->statsn = 1000 * r->logins;
}

/* The login phase of the target. */
static void
target_login(struct rig *r, const struct framer_pdu *pdu)
{
	struct error err;
	uint8_t bhs[PDU_BHS_LEN];
	const uint8_t *data;
	size_t len;
	static uint8_t copy[LOGIN_DATA_MAX];
	static struct iovec iov;

	if (r->mute)
		return;
	assert_int_equal(pdu_opcode(pdu->bhs), PDU_LOGIN_REQUEST);
	r->expcmdsn = be32_get(pdu->bhs + 24);
	if (login_target_recv(r->login, pdu->bhs, pdu->data, pdu->data_len,
		&err) == LOGIN_FAILED)
		return;
	while (login_target_state(r->login) == LOGIN_SEND) {
		login_target_send(r->login, bhs, &data, &len);
		memcpy(copy, data, len);
		iov.iov_base = copy;
		iov.iov_len = len;
		pdu_set_itt(bhs, pdu_itt(pdu->bhs));
		pdu_set_statsn(bhs, r->statsn++);
		pdu_set_window(bhs, r->expcmdsn, r->expcmdsn + r->window - 1);
		sender_push(r->sender, bhs, NULL, 0, &iov, 1, 0, len, NULL);
	}
	if (login_target_state(r->login) != LOGIN_DONE)
		return;
	login_target_free(r->login);
	r->login = NULL;
	framer_set_max_data(r->framer, r->params.max_recv_data_segment);
	framer_set_digests(r->framer,
	    r->params.header_digest.order[0] == DIGEST_CRC32C,
	    r->params.data_digest.order[0] == DIGEST_CRC32C);
	sender_set_digests(r->sender,
	    r->params.header_digest.order[0] == DIGEST_CRC32C,
	    r->params.data_digest.order[0] == DIGEST_CRC32C);
}

static void
target_take(struct rig *r, const struct framer_pdu *pdu)
{
	struct rig_pdu *p;

	if (r->login != NULL) {
		target_login(r, pdu);
		return;
	}
	assert_true(pdu->digest_ok);
	assert_true(r->count < RIG_PDUS);
	p = &r->pdus[(r->first + r->count++) % RIG_PDUS];
	memcpy(p->bhs, pdu->bhs, PDU_BHS_LEN);
	p->len = pdu->data_len;
	p->data = malloc(p->len + 1);
	assert_non_null(p->data);
	if (p->len > 0)
		memcpy(p->data, pdu->data, p->len);
	/* Every PDU of ours consumes its CmdSN unless it is immediate. */
	if (!pdu_immediate(pdu->bhs) && pdu_opcode(pdu->bhs) != PDU_DATA_OUT) {
		assert_int_equal(be32_get(pdu->bhs + 24), r->expcmdsn);
		r->expcmdsn++;
	}
}

/* Bytes from vectors into one buffer. */
static size_t
flatten(const struct iovec *iov, int n, uint8_t *buf, size_t max)
{
	size_t len = 0, part;

	for (int i = 0; i < n && len < max; i++) {
		part = iov[i].iov_len < max - len ? iov[i].iov_len : max - len;
		memcpy(buf + len, iov[i].iov_base, part);
		len += part;
	}
	return len;
}

static size_t
scatter(const struct iovec *iov, int n, const uint8_t *buf, size_t len)
{
	size_t done = 0, part;

	for (int i = 0; i < n && done < len; i++) {
		part =
		    iov[i].iov_len < len - done ? iov[i].iov_len : len - done;
		memcpy(iov[i].iov_base, buf + done, part);
		done += part;
	}
	return done;
}

static bool
move_to_target(struct rig *r)
{
	static uint8_t buf[1 << 16];
	struct iovec iov[64];
	struct framer_pdu pdu;
	struct error err;
	size_t len, done, max = sizeof(buf);
	int n;

	if (r->chunk != 0 && r->chunk < max)
		max = r->chunk;
	if (r->c == NULL)
		return false;
	len = flatten(iov, conn_tx_iov(r->c, iov, 64, r->now), buf, max);
	if (len == 0)
		return false;
	conn_tx_done(r->c, len, r->now);
	for (done = 0; done < len;) {
		n = framer_rx_iov(r->framer, iov, 64);
		size_t part = scatter(iov, n, buf + done, len - done);

		framer_rx_done(r->framer, part);
		done += part;
		for (;;) {
			enum framer_event ev =
			    framer_next(r->framer, &pdu, &err);

			assert_int_not_equal(ev, FRAMER_BROKEN);
			if (ev == FRAMER_MORE)
				break;
			if (ev == FRAMER_PDU)
				target_take(r, &pdu);
		}
	}
	return true;
}

static size_t
move_to_pipe(struct rig *r, const uint8_t *buf, size_t len)
{
	struct kpipe *pipe;
	size_t max;

	if (r->fill == NULL || (pipe = conn_rx_pipe(r->c, &max)) == NULL)
		return 0;
	len = r->fill(pipe, buf, len < max ? len : max);
	if (len > 0)
		conn_rx_piped(r->c, len, r->now);
	else
		conn_rx_pipe_full(r->c, r->now);
	return len;
}

static bool
move_to_session(struct rig *r)
{
	static uint8_t buf[1 << 16];
	struct iovec iov[64];
	size_t len, done, part;
	int n;

	if (r->c == NULL)
		return false;
	len = flatten(iov, sender_iov(r->sender, iov, 64), buf, sizeof(buf));
	if (len == 0)
		return false;
	sender_done(r->sender, len);
	for (done = 0; done < len; done += part) {
		part = move_to_pipe(r, buf + done, len - done);
		if (part > 0)
			continue;
		n = conn_rx_iov(r->c, iov, 64);
		if (n == 0)
			break;
		part = scatter(iov, n, buf + done, len - done);
		conn_rx_done(r->c, part, r->now);
	}
	return true;
}

static void
on_done(struct task *t)
{
	((struct rig_task *)t->ctx)->done++;
}

static bool
take_events(struct rig *r)
{
	struct session_event ev;
	struct task *t;
	bool any = false;

	while (session_event(r->s, &ev)) {
		any = true;
		r->events[ev.type]++;
		switch (ev.type) {
		case SESSION_CONNECT:
			strcpy(r->portal, ev.portal);
			if (r->refuse) {
				error_set(
				    &ev.error, ERROR_UNREACHED, "refused");
				session_connect_failed(
				    r->s, ev.conn, &ev.error, r->now);
				break;
			}
			target_open(r, ev.conn);
			session_connected(r->s, ev.conn, r->now);
			break;
		case SESSION_CLOSE:
			target_close(r);
			break;
		case SESSION_LOST:
			r->error = ev.error;
			r->final = ev.final;
			break;
		default:
			break;
		}
	}
	while ((t = session_reap(r->s)) != NULL) {
		any = true;
		t->done(t);
	}
	return any;
}

void
rig_pump(struct rig *r)
{
	bool any;

	if (r->hold)
		return;
	do {
		any = take_events(r);
		any = move_to_target(r) || any;
		any = move_to_session(r) || any;
	} while (any);
}

void
rig_pass(struct rig *r, uint64_t ns)
{
	uint64_t end = r->now + ns, at;
	unsigned ticks = 0;

	rig_pump(r);
	while ((at = session_deadline(r->s)) <= end) {
		assert_true(++ticks < 10000);
		if (at > r->now)
			r->now = at;
		session_tick(r->s, r->now);
		rig_pump(r);
	}
	r->now = end;
	rig_pump(r);
}

void
rig_login(struct rig *r)
{
	r->s = session_new(&r->config);
	assert_non_null(r->s);
	session_add_user(r->s, &r->user);
	session_start(r->s, r->now);
	rig_pump(r);
	if (session_state(r->s) != SESSION_UP)
		fail_msg("not logged in: %s", r->error.text);
}

void
rig_free(struct rig *r)
{
	while (r->count > 0)
		rig_expect(r, pdu_opcode(r->pdus[r->first].bhs));
	if (r->s != NULL) {
		session_end(r->s, r->now);
		session_end(r->s, r->now);
		rig_pump(r);
		assert_int_equal(session_state(r->s), SESSION_FREE);
		assert_int_equal(session_in_flight(r->s), 0);
		session_remove_user(r->s, &r->user);
		session_free(r->s);
	}
	target_close(r);
	for (unsigned i = 0; i < r->tasks_n; i++) {
		assert_int_equal(r->tasks[i].done, 1);
		free(r->tasks[i].data);
	}
	while (r->count > 0)
		rig_expect(r, pdu_opcode(r->pdus[r->first].bhs));
	for (unsigned i = 0; i < RIG_PDUS; i++)
		free(r->pdus[i].data);
	free(r);
}

/* Its data stays until the slot is used again. */
struct rig_pdu *
rig_expect(struct rig *r, unsigned opcode)
{
	static struct rig_pdu got;

	if (r->count == 0)
		fail_msg("%s expected, nothing came", pdu_opcode_name(opcode));
	free(got.data);
	got = r->pdus[r->first];
	r->pdus[r->first].data = NULL;
	r->first = (r->first + 1) % RIG_PDUS;
	r->count--;
	if (pdu_opcode(got.bhs) != opcode)
		fail_msg("%s expected, %s came", pdu_opcode_name(opcode),
		    pdu_opcode_name(pdu_opcode(got.bhs)));
	return &got;
}

void
rig_expect_none(struct rig *r)
{
	if (r->count > 0)
		fail_msg("nothing expected, %s came",
		    pdu_opcode_name(pdu_opcode(r->pdus[r->first].bhs)));
}

void
rig_send_raw(struct rig *r, const uint8_t *bhs, const void *data, size_t len)
{
	struct iovec iov;
	unsigned refs = 0;

	assert_non_null(r->sender);
	iov.iov_len = len;
	memcpy(&iov.iov_base, &data, sizeof(data));
	sender_push(r->sender, bhs, NULL, 0, &iov, 1, 0, len, &refs);
	while (r->c != NULL && refs > 0)
		move_to_session(r);
	rig_pump(r);
}

void
rig_send(struct rig *r, uint8_t *bhs, const void *data, size_t len)
{
	bool status = true;

	switch (pdu_opcode(bhs)) {
	case PDU_DATA_IN:
		status = (bhs[1] & 0x01) != 0;
		break;
	case PDU_R2T:
		status = false;
		pdu_set_statsn(bhs, r->statsn);
		break;
	case PDU_NOP_IN:
		status = pdu_itt(bhs) != PDU_TAG_NONE;
		pdu_set_statsn(bhs, r->statsn);
		break;
	}
	if (status)
		pdu_set_statsn(bhs, r->statsn++);
	pdu_set_window(bhs, r->expcmdsn, r->expcmdsn + r->window - 1);
	rig_send_raw(r, bhs, data, len);
}

void
rig_respond(struct rig *r, uint32_t itt, uint8_t status)
{
	struct pdu_scsi_response h = { .itt = itt, .status = status };
	uint8_t bhs[PDU_BHS_LEN];

	pdu_put_scsi_response(bhs, &h);
	rig_send(r, bhs, NULL, 0);
}

uint8_t
rig_pattern(size_t offset)
{
	return (uint8_t)(offset * 7 + (offset >> 8) + 3);
}

void
rig_data_in(struct rig *r, uint32_t itt, uint32_t datasn, uint32_t offset,
    uint32_t len, bool status)
{
	struct pdu_data_in h = { .itt = itt,
		.ttt = PDU_TAG_NONE,
		.datasn = datasn,
		.offset = offset,
		.final = status,
		.has_status = status };
	uint8_t bhs[PDU_BHS_LEN];
	uint8_t *data = malloc(len + 1);

	assert_non_null(data);
	for (uint32_t i = 0; i < len; i++)
		data[i] = rig_pattern(offset + i);
	pdu_put_data_in(bhs, &h);
	rig_send(r, bhs, data, len);
	free(data);
}

void
rig_r2t(struct rig *r, uint32_t itt, uint32_t ttt, uint32_t r2tsn,
    uint32_t offset, uint32_t len)
{
	struct pdu_r2t h = { .itt = itt,
		.ttt = ttt,
		.r2tsn = r2tsn,
		.offset = offset,
		.length = len };
	uint8_t bhs[PDU_BHS_LEN];

	pdu_put_r2t(bhs, &h);
	rig_send(r, bhs, NULL, 0);
}

static struct rig_task *
submit(struct rig *r, enum task_dir dir, enum task_policy policy, uint8_t op,
    uint32_t len)
{
	struct rig_task *t;

	assert_true(r->tasks_n < RIG_TASKS);
	t = &r->tasks[r->tasks_n++];
	t->data = calloc(1, len + 1);
	assert_non_null(t->data);
	/* Cut where nothing else is. */
	t->iov[0].iov_base = t->data;
	t->iov[0].iov_len = len / 3;
	t->iov[1].iov_base = t->data + len / 3;
	t->iov[1].iov_len = len - len / 3;
	t->task.cdb[0] = op;
	t->task.cdb[1] = (uint8_t)r->tasks_n;
	t->task.dir = dir;
	t->task.policy = policy;
	t->task.iov = t->iov;
	t->task.iovcnt = 2;
	t->task.length = len;
	t->task.done = on_done;
	t->task.ctx = t;
	for (uint32_t i = 0; dir == TASK_OUT && i < len; i++)
		t->data[i] = rig_pattern(i);
	session_submit(r->s, &t->task, r->now);
	rig_pump(r);
	return t;
}

struct rig_task *
rig_read(struct rig *r, uint32_t len)
{
	return submit(r, TASK_IN, TASK_QUERY, 0x88, len);
}

struct rig_task *
rig_write(struct rig *r, uint32_t len)
{
	return submit(r, TASK_OUT, TASK_REPLAY, 0x8a, len);
}

struct rig_task *
rig_test_unit_ready(struct rig *r)
{
	return submit(r, TASK_NO_DATA, TASK_QUERY, 0x00, 0);
}
