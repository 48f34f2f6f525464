/* SPDX-License-Identifier: BSD-2-Clause */
/* The target's sessions: login, numbering, time. */
#include "target_steps.h"

#include <stdio.h>

#include "base/be.h"

static const char *
text_of(struct peer *peer, const char *request, size_t len, bool immediate)
{
	static char all[4096];
	struct pdu_text_request p = { .immediate = immediate,
		.final = true,
		.itt = ++peer->itt,
		.ttt = PDU_TAG_NONE,
		.cmdsn = peer->cmdsn };
	struct pdu_text_response r;
	uint8_t bhs[PDU_BHS_LEN];
	size_t got = 0;

	do {
		p.cmdsn = peer->cmdsn;
		peer->cmdsn += !immediate;
		pdu_put_text_request(bhs, &p);
		peer_send(peer, bhs, request, len);
		assert_true(peer_recv(peer));
		if (pdu_opcode(peer->bhs) != PDU_TEXT_RESPONSE)
			return NULL;
		pdu_get_text_response(peer->bhs, &r);
		assert_int_equal(r.itt, p.itt);
		assert_true(peer->len <= peer->offer.max_recv_data_segment);
		memcpy(all + got, peer->data, peer->len);
		got += peer->len;
		p.ttt = r.ttt;
		len = 0;
	} while (!r.final);
	assert_int_equal(r.ttt, PDU_TAG_NONE);
	all[got] = '\0';
	for (size_t i = 0; i + 1 < got; i++)
		if (all[i] == '\0')
			all[i] = '|';
	return all;
}

static void
discovery(void **state)
{
	static const char targets[] =
	    "TargetName=" RIG_NAME "|TargetAddress=192.0.2.9:3260,1";
	static const char all[] = "SendTargets=All";
	static const char named[] = "SendTargets=" RIG_NAME;
	static const char unknown[] = "SendTargets=iqn.1999-01.x:y";
	static const char other[] = "X-what=ever";
	struct fixture *f = *state;
	uint8_t cdb[CDB_MAX];

	assert_true(
	    peer_login(&f->peer, "iqn.2024-01.org.example:host", 1, true));
	for (unsigned i = 0; i < 2; i++) {
		assert_string_equal(
		    text_of(&f->peer, all, sizeof(all), i), targets);
		assert_string_equal(
		    text_of(&f->peer, named, sizeof(named), i), targets);
		assert_string_equal(
		    text_of(&f->peer, unknown, sizeof(unknown), i), "");
		assert_string_equal(text_of(&f->peer, other, sizeof(other), i),
		    "X-what=NotUnderstood");
	}
	/* Not text. */
	assert_null(text_of(&f->peer, "abc", 3, true));
	assert_int_equal(pdu_opcode(f->peer.bhs), PDU_REJECT);
	/* No commands here. */
	cdb_test_unit_ready(cdb);
	peer_command(&f->peer, lun_of(0), cdb, false, false, NULL, 0);
	assert_true(peer_recv(&f->peer));
	assert_int_equal(pdu_opcode(f->peer.bhs), PDU_REJECT);
	assert_string_equal(
	    text_of(&f->peer, all, sizeof(all), false), targets);
}

/* An answer longer than a segment goes in several. */
static void
text_continuation(void **state)
{
	struct fixture *f = *state;
	char request[1200];
	const char *answer;
	size_t len = 0;

	f->peer.offer.max_recv_data_segment = 512;
	assert_true(
	    peer_login(&f->peer, "iqn.2024-01.org.example:host", 1, true));
	for (unsigned i = 0; i < 60; i++)
		len += (size_t)snprintf(request + len, sizeof(request) - len,
			   "X-key-%03u=1", i) +
		       1;
	answer = text_of(&f->peer, request, len, false);
	assert_non_null(answer);
	assert_int_equal(strlen(answer), 60 * 24 - 1);
	assert_non_null(strstr(answer, "X-key-059=NotUnderstood"));
}

static void
names_and_acl(void **state)
{
	struct fixture *f = *state;

	assert_true(
	    peer_login(&f->peer, "iqn.2024-01.org.example:host", 1, false));
	peer_fini(&f->peer);
	rig_fini(&f->rig);
	f->rig.disks_n = 0;
	f->rig.config.acl[0] = "iqn.2024-01.org.Example:Friend";
	f->rig.config.acl_n = 1;
	rig_start(&f->rig);
	peer_init(&f->peer, &f->rig);
	assert_false(
	    peer_login(&f->peer, "iqn.2024-01.org.example:host", 1, false));
	assert_int_equal(f->peer.bhs[36], 2);
	assert_int_equal(f->peer.bhs[37], 2);
	assert_true(peer_closed(&f->peer));
	peer_fini(&f->peer);
	peer_init(&f->peer, &f->rig);
	assert_true(
	    peer_login(&f->peer, "iqn.2024-01.org.example:friend", 1, false));
}

static uint32_t
nop(struct peer *peer, bool immediate, uint32_t cmdsn, const void *data,
    size_t len)
{
	struct pdu_nop_out p = { .immediate = immediate,
		.itt = ++peer->itt,
		.ttt = PDU_TAG_NONE,
		.cmdsn = cmdsn };
	uint8_t bhs[PDU_BHS_LEN];

	pdu_put_nop_out(bhs, &p);
	peer_send(peer, bhs, data, len);
	return p.itt;
}

static void
pings(void **state)
{
	struct fixture *f = *state;
	struct peer *p = &f->peer;
	uint32_t itt, maxcmdsn;

	peer_ready(p);
	itt = nop(p, true, p->cmdsn, pattern, 1000);
	assert_true(peer_recv(p));
	assert_int_equal(pdu_opcode(p->bhs), PDU_NOP_IN);
	assert_int_equal(pdu_itt(p->bhs), itt);
	assert_int_equal(p->len, 1000);
	assert_memory_equal(p->data, pattern, 1000);
	maxcmdsn = p->maxcmdsn;
	nop(p, false, p->cmdsn++, NULL, 0);
	assert_true(peer_recv(p));
	assert_int_equal(p->expcmdsn, p->cmdsn);
	assert_int_equal(p->maxcmdsn, maxcmdsn + 1);
}

/* Outside of the window nothing is answered; in it order is kept. */
static void
command_numbers(void **state)
{
	struct fixture *f = *state;
	struct peer *p = &f->peer;
	uint32_t first, second, itt;
	uint8_t cdb[CDB_MAX];

	peer_ready(p);
	nop(p, false, p->cmdsn - 1, NULL, 0);
	nop(p, false, p->maxcmdsn + 1, NULL, 0);
	assert_false(peer_recv(p));
	/* The later ones first: held until the gap is filled, with data. */
	second = nop(p, false, p->cmdsn + 2, "second", 6);
	cdb_write10(cdb, 0, 8, false);
	p->cmdsn++;
	itt = peer_command(p, lun_of(1), cdb, false, true, pattern, 4096 * 8);
	assert_false(peer_recv(p));
	assert_int_equal(f->rig.disks[1]->mem[0], 0);
	first = nop(p, false, p->cmdsn - 2, "first", 5);
	assert_true(peer_recv(p));
	assert_int_equal(pdu_itt(p->bhs), first);
	assert_true(peer_recv(p));
	assert_int_equal(pdu_itt(p->bhs), itt);
	assert_int_equal(pdu_opcode(p->bhs), PDU_SCSI_RESPONSE);
	assert_memory_equal(f->rig.disks[1]->mem, pattern, 4096 * 8);
	assert_true(peer_recv(p));
	assert_int_equal(pdu_itt(p->bhs), second);
	assert_memory_equal(p->data, "second", 6);
	/* Also behind one that fails at once, data and all. */
	second = nop(p, false, p->cmdsn + 2, "second", 6);
	p->cmdsn++;
	cdb_write10(cdb, RIG_BLOCKS, 8, false);
	itt = peer_command(p, lun_of(1), cdb, false, true, pattern, 4096);
	assert_true(peer_recv(p));
	assert_int_equal(pdu_itt(p->bhs), itt);
	assert_true(peer_recv(p));
	assert_int_equal(pdu_itt(p->bhs), second);
	/* The same task tag twice. */
	f->rig.disks[0]->manual = true;
	p->cmdsn++;
	cdb_read10(cdb, 0, 8, false);
	itt = peer_command(p, lun_of(0), cdb, true, false, NULL, 4096);
	p->itt--;
	peer_command(p, lun_of(0), cdb, true, false, NULL, 4096);
	assert_true(peer_recv(p));
	assert_int_equal(pdu_opcode(p->bhs), PDU_REJECT);
	assert_int_equal(p->bhs[2], PDU_REJECT_IN_PROGRESS);
	f->rig.disks[0]->manual = false;
	assert_good(peer_await(p, itt, NULL));
}

static void
logout(void **state)
{
	struct fixture *f = *state;
	struct peer *p = &f->peer;
	struct pdu_logout_request r = { .immediate = true, .itt = 99 };
	uint8_t bhs[PDU_BHS_LEN], cdb[CDB_MAX];
	struct error why;

	peer_ready(p);
	r.cmdsn = p->cmdsn;
	r.reason = PDU_LOGOUT_RECOVERY;
	pdu_put_logout_request(bhs, &r);
	peer_send(p, bhs, NULL, 0);
	assert_true(peer_recv(p));
	assert_int_equal(p->bhs[2], PDU_LOGOUT_NO_RECOVERY);
	f->rig.disks[0]->manual = true;
	cdb_read10(cdb, 0, 8, false);
	peer_command(p, lun_of(0), cdb, true, false, NULL, 4096);
	r.reason = PDU_LOGOUT_SESSION;
	r.itt = 100;
	pdu_put_logout_request(bhs, &r);
	peer_send(p, bhs, NULL, 0);
	assert_false(peer_recv(p));
	f->rig.disks[0]->manual = false;
	assert_true(peer_recv(p));
	assert_int_equal(pdu_opcode(p->bhs), PDU_LOGOUT_RESPONSE);
	assert_int_equal(p->bhs[2], PDU_LOGOUT_OK);
	assert_true(tconn_closing(p->tc, &why));
	assert_int_equal(why.class, ERROR_NONE);
}

static void
silence(void **state)
{
	struct fixture *f = *state;
	struct peer *p = &f->peer;
	struct pdu_nop_out answer = { .immediate = true, .itt = PDU_TAG_NONE };
	struct pdu_nop_in ping;
	uint8_t bhs[PDU_BHS_LEN];

	peer_ready(p);
	for (unsigned i = 0; i < 3; i++) {
		f->rig.now = tconn_deadline(p->tc);
		tconn_tick(p->tc, f->rig.now);
		assert_true(peer_recv(p));
		assert_int_equal(pdu_opcode(p->bhs), PDU_NOP_IN);
		pdu_get_nop_in(p->bhs, &ping);
		assert_int_equal(ping.itt, PDU_TAG_NONE);
		assert_int_not_equal(ping.ttt, PDU_TAG_NONE);
		answer.ttt = ping.ttt;
		answer.cmdsn = p->cmdsn;
		pdu_put_nop_out(bhs, &answer);
		peer_send(p, bhs, NULL, 0);
		assert_false(peer_recv(p));
		assert_false(peer_closed(p));
	}
	f->rig.now = tconn_deadline(p->tc);
	tconn_tick(p->tc, f->rig.now);
	assert_true(peer_recv(p));
	f->rig.now = tconn_deadline(p->tc);
	tconn_tick(p->tc, f->rig.now);
	assert_true(peer_closed(p));
}

/* A peer that never logs in, or not to the end, is dropped. */
static void
slow_login(void **state)
{
	struct fixture *f = *state;

	assert_true(tconn_deadline(f->peer.tc) <= f->rig.now + 15 * CLOCK_S);
	f->rig.now += 15 * CLOCK_S;
	tconn_tick(f->peer.tc, f->rig.now);
	assert_true(peer_closed(&f->peer));
}

/* A peer that sends and never reads is made to wait, and loses nothing. */
static void
back_pressure(void **state)
{
	struct fixture *f = *state;
	struct peer *p = &f->peer;
	uint8_t bhs[PDU_BHS_LEN];
	struct pdu_nop_out ping = { .immediate = true, .ttt = PDU_TAG_NONE };
	struct iovec iov[2];
	unsigned sent = 0, got = 0;

	peer_ready(p);
	while (tconn_rx_iov(p->tc, iov, 2) > 0 && sent < 100000) {
		ping.itt = 0x5000 + sent++;
		ping.cmdsn = p->cmdsn;
		pdu_put_nop_out(bhs, &ping);
		peer_bytes(p, bhs, sizeof(bhs));
		(void)tconn_tx_iov(p->tc, iov, 2, f->rig.now);
	}
	assert_true(sent > 100 && sent < 20000);
	while (peer_recv(p)) {
		assert_int_equal(pdu_opcode(p->bhs), PDU_NOP_IN);
		assert_int_equal(pdu_itt(p->bhs), 0x5000 + got++);
	}
	assert_int_equal(got, sent);
	assert_true(tconn_rx_iov(p->tc, iov, 2) > 0);
}

/* The whole window in flight at once: it opens again with the answers. */
static void
full_window(void **state)
{
	struct fixture *f = *state;
	struct peer *p = &f->peer;
	uint8_t cdb[CDB_MAX];
	unsigned n = 0, got = 0;

	peer_ready(p);
	f->rig.disks[0]->manual = true;
	cdb_read10(cdb, 0, 8, false);
	while (p->cmdsn != p->maxcmdsn + 1) {
		peer_command(p, lun_of(0), cdb, true, false, NULL, 4096);
		n++;
	}
	assert_int_equal(n, 128);
	assert_int_equal(f->rig.disks[0]->queued, 128);
	f->rig.disks[0]->manual = false;
	while (peer_recv(p)) {
		assert_int_equal(pdu_opcode(p->bhs), PDU_DATA_IN);
		got++;
	}
	assert_int_equal(got, 128);
	assert_int_equal(p->maxcmdsn - p->expcmdsn + 1, 128);
}

/* Buffers are bounded: large reads wait for each other. */
static void
buffers(void **state)
{
	struct fixture *f = *state;
	struct peer *p = &f->peer;
	uint8_t cdb[CDB_MAX];

	peer_ready(p);
	f->rig.disks[0]->manual = true;
	cdb_read16(cdb, 0, 16384, false);
	for (unsigned i = 0; i < 20; i++)
		peer_command(p, lun_of(0), cdb, true, false, NULL, 8 << 20);
	assert_int_equal(f->rig.disks[0]->queued, 4);
	f->rig.disks[0]->manual = false;
	for (unsigned done = 0; done < 20;) {
		assert_true(peer_recv(p));
		done += pdu_opcode(p->bhs) == PDU_DATA_IN &&
			(p->bhs[1] & 0x01) != 0;
	}
}

/* What is no PDU of an initiator's is rejected with its header. */
static void
rejects(void **state)
{
	static const uint8_t opcodes[] = { PDU_LOGIN_REQUEST, PDU_SNACK, 0x07,
		0x1c, PDU_NOP_IN, PDU_REJECT };
	struct fixture *f = *state;
	struct peer *p = &f->peer;
	uint8_t bhs[PDU_BHS_LEN] = { 0 }, cdb[CDB_MAX];

	peer_ready(p);
	for (size_t i = 0; i < countof(opcodes); i++) {
		bhs[0] = 0x40 | opcodes[i];
		bhs[20] = (uint8_t)i;
		peer_send(p, bhs, pattern, 100);
		assert_true(peer_recv(p));
		assert_int_equal(pdu_opcode(p->bhs), PDU_REJECT);
		assert_int_equal(p->len, 48);
		assert_int_equal(p->data[0], bhs[0]);
		assert_int_equal(p->data[20], i);
	}
	cdb_test_unit_ready(cdb);
	assert_good(peer_none(p, lun_of(0), cdb));
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(discovery),
		test(text_continuation),
		test(names_and_acl),
		test(pings),
		test(command_numbers),
		test(logout),
		test(silence),
		test(slow_login),
		test(back_pressure),
		test(full_window),
		test(buffers),
		test(rejects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
