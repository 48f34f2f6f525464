/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that the target ends before their time: task management, a session
 * that is reinstated, a connection that is given up. */
#include "target_steps.h"

#include "base/be.h"

static void
abort_task(void **state)
{
	struct fixture *f = *state;
	struct peer *p = &f->peer;
	struct disk *d = f->rig.disks[0];
	uint8_t cdb[CDB_MAX];
	uint32_t itt, tmf;

	p->offer.immediate_data = false;
	p->offer.initial_r2t = true;
	peer_ready(p);
	assert_int_equal(peer_tmf(p, PDU_TMF_ABORT_TASK, lun_of(0), 0x1234), 1);
	assert_int_equal(peer_tmf(p, PDU_TMF_ABORT_TASK, lun_of(9), 0x1234), 2);
	assert_int_equal(
	    peer_tmf(p, PDU_TMF_TASK_REASSIGN, lun_of(0), 0x1234), 4);
	assert_int_equal(
	    peer_tmf(p, PDU_TMF_TARGET_COLD_RESET, lun_of(0), 0), 5);
	/* Waiting for data. */
	cdb_write10(cdb, 0, 8, false);
	itt = peer_command(p, lun_of(0), cdb, false, true, pattern, 4096);
	assert_int_equal(peer_tmf(p, PDU_TMF_ABORT_TASK, lun_of(0), itt), 0);
	assert_false(peer_await(p, itt, pattern)->got);
	/* With the medium: the response waits for it. */
	d->manual = true;
	cdb_read10(cdb, 0, 8, false);
	itt = peer_command(p, lun_of(0), cdb, true, false, NULL, 4096);
	tmf = peer_send_tmf(p, PDU_TMF_ABORT_TASK, lun_of(0), itt);
	assert_false(peer_recv(p));
	p->wakes = 0;
	disk_complete(d);
	assert_true(p->wakes > 0);
	assert_true(peer_recv(p));
	assert_int_equal(pdu_itt(p->bhs), tmf);
	assert_int_equal(pdu_opcode(p->bhs), PDU_TMF_RESPONSE);
	assert_int_equal(p->bhs[2], 0);
	assert_false(peer_recv(p));
	/* Its number is free again, and the window is as wide as before. */
	d->manual = false;
	p->itt = itt - 1;
	assert_good(peer_in(p, lun_of(0), cdb, 4096));
	assert_int_equal(p->maxcmdsn - p->expcmdsn + 1, 128);
}

/* LOGICAL UNIT RESET hits everybody's commands, and everybody hears of it. */
static void
lun_reset(void **state)
{
	struct fixture *f = *state;
	struct peer *p = &f->peer, other;
	struct disk *d = f->rig.disks[0];
	uint8_t cdb[CDB_MAX];
	uint32_t mine, theirs, waiting, lun1;

	peer_ready(p);
	peer_init(&other, &f->rig);
	other.offer.immediate_data = false;
	other.offer.initial_r2t = true;
	assert_true(
	    peer_login(&other, "iqn.2024-01.org.example:other", 2, false));
	cdb_test_unit_ready(cdb);
	peer_none(&other, lun_of(0), cdb);
	d->manual = true;
	cdb_read10(cdb, 0, 8, false);
	mine = peer_command(p, lun_of(0), cdb, true, false, NULL, 4096);
	theirs = peer_command(&other, lun_of(0), cdb, true, false, NULL, 4096);
	cdb_write10(cdb, 0, 8, false);
	waiting =
	    peer_command(&other, lun_of(0), cdb, false, true, pattern, 4096);
	cdb_write10(cdb, 0, 1, false);
	lun1 = peer_command(p, lun_of(1), cdb, false, true, pattern, 4096);
	assert_good(peer_await(p, lun1, NULL));
	peer_send_tmf(p, PDU_TMF_LOGICAL_UNIT_RESET, lun_of(0), PDU_TAG_NONE);
	assert_false(peer_recv(p));
	d->manual = false;
	assert_true(peer_recv(p));
	assert_int_equal(pdu_opcode(p->bhs), PDU_TMF_RESPONSE);
	assert_false(peer_await(p, mine, NULL)->got);
	assert_int_equal(
	    peer_await(&other, waiting, NULL)->status, SCSI_TASK_ABORTED);
	assert_int_equal(
	    peer_await(&other, theirs, NULL)->status, SCSI_TASK_ABORTED);
	cdb_test_unit_ready(cdb);
	assert_sense(
	    peer_none(p, lun_of(0), cdb), SENSE_UNIT_ATTENTION, 0x2903);
	assert_sense(
	    peer_none(&other, lun_of(0), cdb), SENSE_UNIT_ATTENTION, 0x2903);
	assert_good(peer_none(p, lun_of(1), cdb));
	peer_fini(&other);
}

/* The same initiator port logs in again: the old session's write has ended
 * before the new one is let in. */
static void
reinstatement(void **state)
{
	struct fixture *f = *state;
	struct peer *old = &f->peer, new;
	struct disk *d = f->rig.disks[0];
	uint8_t cdb[CDB_MAX];
	struct error why;

	peer_ready(old);
	d->manual = true;
	cdb_write10(cdb, 0, 8, false);
	peer_command(old, lun_of(0), cdb, false, true, pattern, 4096);
	assert_int_equal(d->queued, 1);
	peer_init(&new, &f->rig);
	assert_false(
	    peer_login(&new, "iqn.2024-01.org.example:host", 1, false));
	assert_true(tconn_closing(old->tc, &why));
	assert_false(peer_closed(&new));
	new.wakes = 0;
	disk_complete(d);
	assert_true(new.wakes > 0);
	assert_true(peer_recv(&new));
	assert_int_equal(pdu_opcode(new.bhs), PDU_LOGIN_RESPONSE);
	assert_int_equal(be16_get(new.bhs + 36), 0);
	peer_fini(&new);

	/* The same when the old connection is gone altogether. */
	peer_fini(old);
	peer_init(old, &f->rig);
	d->manual = false;
	peer_ready(old);
	d->manual = true;
	peer_command(old, lun_of(0), cdb, false, true, pattern, 4096);
	peer_fini(old);
	peer_init(old, &f->rig);
	assert_false(peer_login(old, "iqn.2024-01.org.example:host", 1, false));
	assert_int_equal(target_in_flight(f->rig.target), 1);
	disk_complete(d);
	assert_int_equal(target_in_flight(f->rig.target), 0);
	assert_true(peer_recv(old));
	assert_int_equal(pdu_opcode(old->bhs), PDU_LOGIN_RESPONSE);

	/* Another port does not disturb it. */
	peer_init(&new, &f->rig);
	assert_true(peer_login(&new, "iqn.2024-01.org.example:host", 9, false));
	assert_false(peer_closed(old));
	peer_fini(&new);
}

/* ---- a connection that is given up ---- */

/* Commands in every state in which one can wait.  Two blocks are written by the
 * first two of them: with 'p', then, if they are 'p', with 'z'. */
static void
start_all(struct peer *p)
{
	static uint8_t both[1024];
	uint8_t cdb[CDB_MAX];

	p->offer.initial_r2t = true;
	p->offer.first_burst = 8192;
	peer_ready(p);
	p->rig->disks[0]->manual = true;
	/* With the medium. */
	cdb_write10(cdb, 0, 2, false);
	peer_command(p, lun_of(0), cdb, false, true, pattern, 1024);
	/* For its neighbour to end. */
	memset(both, 'p', 512);
	memset(both + 512, 'z', 512);
	cdb_compare_and_write(cdb, 0, 1, false);
	peer_command(p, lun_of(0), cdb, false, true, both, 1024);
	/* For data. */
	cdb_write10(cdb, 100, 128, false);
	peer_command(p, lun_of(0), cdb, false, true, pattern, 65536);
	/* For an earlier command. */
	p->cmdsn++;
	cdb_write10(cdb, 300, 1, false);
	peer_command(p, lun_of(0), cdb, false, true, pattern, 512);
	assert_int_equal(p->rig->disks[0]->queued, 1);
}

/* Of all that, what the medium has is carried out, and nothing else; the blocks
 * are free for others. */
static void
assert_ended(struct rig *rig)
{
	struct disk *d = rig->disks[0];
	struct peer other;
	uint8_t cdb[CDB_MAX];

	assert_int_equal(target_in_flight(rig->target), 1);
	while (disk_complete(d) > 0)
		;
	assert_int_equal(target_in_flight(rig->target), 0);
	assert_int_equal(d->writes, 1);
	assert_memory_equal(d->mem, pattern, 1024);
	for (size_t i = 1024; i < 512 * 512; i++)
		assert_int_equal(d->mem[i], 0);
	d->manual = false;
	peer_init(&other, rig);
	assert_true(
	    peer_login(&other, "iqn.2024-01.org.example:other", 2, false));
	cdb_test_unit_ready(cdb);
	peer_none(&other, lun_of(0), cdb);
	cdb_write10(cdb, 0, 512, false);
	assert_good(peer_out(&other, lun_of(0), cdb, pattern, 512 * 512));
	peer_fini(&other);
}

static void
killed_by_reinstatement(void **state)
{
	struct fixture *f = *state;
	struct peer new;

	start_all(&f->peer);
	peer_init(&new, &f->rig);
	assert_false(
	    peer_login(&new, "iqn.2024-01.org.example:host", 1, false));
	assert_true(peer_closed(&f->peer));
	assert_ended(&f->rig);
	peer_fini(&new);
}

static void
killed_by_nonsense(void **state)
{
	struct fixture *f = *state;
	uint8_t bhs[PDU_BHS_LEN] = { PDU_NOP_OUT };

	start_all(&f->peer);
	pdu_set_lengths(bhs, 0, PDU_DATA_LEN_MAX);
	peer_bytes(&f->peer, bhs, sizeof(bhs));
	assert_true(peer_closed(&f->peer));
	assert_ended(&f->rig);
}

static void
killed_by_silence(void **state)
{
	struct fixture *f = *state;

	start_all(&f->peer);
	for (int i = 0; i < 3 && !peer_closed(&f->peer); i++) {
		f->rig.now = tconn_deadline(f->peer.tc);
		tconn_tick(f->peer.tc, f->rig.now);
	}
	assert_true(peer_closed(&f->peer));
	assert_ended(&f->rig);
}

/* The driver has lost it. */
static void
killed_by_its_end(void **state)
{
	struct fixture *f = *state;

	start_all(&f->peer);
	peer_fini(&f->peer);
	assert_ended(&f->rig);
	peer_init(&f->peer, &f->rig);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(abort_task),
		test(lun_reset),
		test(reinstatement),
		test(killed_by_reinstatement),
		test(killed_by_nonsense),
		test(killed_by_silence),
		test(killed_by_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
