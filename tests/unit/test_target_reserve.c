/* SPDX-License-Identifier: BSD-2-Clause */
/* The target's persistent reservations. */
#include "target_steps.h"

#include "base/be.h"

static struct answer *
pr_out(struct peer *peer, uint8_t action, uint8_t type, uint64_t key,
    uint64_t action_key)
{
	uint8_t cdb[CDB_MAX] = { SCSI_OP_PERSISTENT_RESERVE_OUT, action, type };
	uint8_t list[24] = { 0 };

	be32_put(cdb + 5, sizeof(list));
	be64_put(list, key);
	be64_put(list + 8, action_key);
	return peer_out(peer, lun_of(0), cdb, list, sizeof(list));
}

static struct answer *
pr_in(struct peer *peer, uint8_t action)
{
	uint8_t cdb[CDB_MAX] = { SCSI_OP_PERSISTENT_RESERVE_IN, action };

	be16_put(cdb + 7, 4096);
	return peer_in(peer, lun_of(0), cdb, 4096);
}

static bool
can_read(struct peer *peer)
{
	uint8_t cdb[CDB_MAX];
	struct answer *a;

	cdb_read10(cdb, 0, 1, false);
	a = peer_in(peer, lun_of(0), cdb, 512);
	assert_true(a->got);
	assert_true(
	    a->status == SCSI_GOOD || a->status == SCSI_RESERVATION_CONFLICT);
	return a->status == SCSI_GOOD;
}

static bool
can_write(struct peer *peer)
{
	uint8_t cdb[CDB_MAX];
	struct answer *a;

	cdb_write10(cdb, 0, 1, false);
	a = peer_out(peer, lun_of(0), cdb, pattern, 512);
	assert_true(a->got);
	assert_true(
	    a->status == SCSI_GOOD || a->status == SCSI_RESERVATION_CONFLICT);
	return a->status == SCSI_GOOD;
}

static void
expect_ua(struct peer *peer, unsigned code)
{
	uint8_t cdb[CDB_MAX];

	cdb_test_unit_ready(cdb);
	assert_sense(
	    peer_none(peer, lun_of(0), cdb), SENSE_UNIT_ATTENTION, code);
}

static void
reservations(void **state)
{
	static const struct {
		uint8_t type;
		bool reg_read, reg_write, read, write;
	} table[] = {
		{ SCSI_PR_WRITE_EXCLUSIVE, true, false, true, false },
		{ SCSI_PR_EXCLUSIVE_ACCESS, false, false, false, false },
		{ SCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS, true, true, true,
		    false },
		{ SCSI_PR_EXCLUSIVE_ACCESS_REGISTRANTS, true, true, false,
		    false },
		{ SCSI_PR_WRITE_EXCLUSIVE_ALL, true, true, true, false },
		{ SCSI_PR_EXCLUSIVE_ACCESS_ALL, true, true, false, false },
	};
	struct fixture *f = *state;
	struct peer *one = &f->peer, two;
	struct answer *a;

	peer_init(&two, &f->rig);
	assert_true(peer_login(&two, "iqn.2024-01.org.example:two", 2, false));
	expect_ua(&two, SENSE_POWER_ON_RESET);
	for (size_t i = 0; i < countof(table); i++) {
		bool all = table[i].type >= SCSI_PR_WRITE_EXCLUSIVE_ALL;

		assert_good(pr_out(one, SCSI_PROUT_REGISTER, 0, 0, 0x11));
		assert_good(
		    pr_out(one, SCSI_PROUT_RESERVE, table[i].type, 0x11, 0));
		a = pr_in(one, SCSI_PRIN_READ_RESERVATION);
		assert_int_equal(be32_get(a->data + 4), 16);
		assert_int_equal(be64_get(a->data + 8), all ? 0 : 0x11);
		assert_int_equal(a->data[21], table[i].type);
		assert_int_equal(can_read(&two), table[i].read);
		assert_int_equal(can_write(&two), table[i].write);
		assert_good(
		    pr_out(&two, SCSI_PROUT_REGISTER_AND_IGNORE, 0, 0, 0x22));
		assert_int_equal(can_read(&two), table[i].reg_read);
		assert_int_equal(can_write(&two), table[i].reg_write);
		assert_true(can_read(one) && can_write(one));
		if (!all)
			assert_int_equal(pr_out(&two, SCSI_PROUT_RESERVE,
					     table[i].type, 0x22, 0)
					     ->status,
			    SCSI_RESERVATION_CONFLICT);
		assert_sense(pr_out(one, SCSI_PROUT_RELEASE,
				 table[i].type == 1 ? 3 : 1, 0x11, 0),
		    SENSE_ILLEGAL_REQUEST, SENSE_INVALID_RELEASE);
		assert_good(
		    pr_out(one, SCSI_PROUT_RELEASE, table[i].type, 0x11, 0));
		if (table[i].type >= SCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS)
			expect_ua(&two, SENSE_RESERVATIONS_RELEASED);
		assert_true(can_write(&two));
		assert_good(pr_out(one, SCSI_PROUT_CLEAR, 0, 0x11, 0));
		expect_ua(&two, SENSE_RESERVATIONS_PREEMPTED);
		a = pr_in(one, SCSI_PRIN_READ_KEYS);
		assert_int_equal(be32_get(a->data + 4), 0);
	}
	peer_fini(&two);
}

static void
preempt(void **state)
{
	struct fixture *f = *state;
	struct peer *one = &f->peer, two;
	uint8_t cdb[CDB_MAX];
	struct answer *a;
	uint32_t itt, pr;

	peer_init(&two, &f->rig);
	assert_true(peer_login(&two, "iqn.2024-01.org.example:two", 2, false));
	expect_ua(&two, SENSE_POWER_ON_RESET);
	assert_int_equal(pr_out(one, SCSI_PROUT_RESERVE, 1, 0x11, 0)->status,
	    SCSI_RESERVATION_CONFLICT);
	assert_good(pr_out(one, SCSI_PROUT_REGISTER, 0, 0, 0x11));
	assert_int_equal(
	    pr_out(one, SCSI_PROUT_REGISTER, 0, 0x99, 0x12)->status,
	    SCSI_RESERVATION_CONFLICT);
	assert_good(pr_out(&two, SCSI_PROUT_REGISTER, 0, 0, 0x22));
	assert_good(pr_out(&two, SCSI_PROUT_RESERVE, 3, 0x22, 0));
	a = pr_in(one, SCSI_PRIN_READ_FULL_STATUS);
	assert_good(a);
	assert_int_equal(be32_get(a->data + 4), a->len - 8);
	assert_int_equal(a->data[8 + 12] & 1, 0);
	assert_non_null(strstr((char *)a->data + 8 + 28, ",i,0x800000000001"));

	/* PREEMPT AND ABORT: the victim's command with the medium ends with
	 * TASK ABORTED, and only then the answer comes. */
	f->rig.disks[0]->manual = true;
	cdb_write10(cdb, 0, 8, false);
	itt = peer_command(&two, lun_of(0), cdb, false, true, pattern, 4096);
	assert_int_equal(f->rig.disks[0]->queued, 1);
	{
		uint8_t c[CDB_MAX] = { SCSI_OP_PERSISTENT_RESERVE_OUT,
			SCSI_PROUT_PREEMPT_AND_ABORT, 1 };
		uint8_t list[24] = { 0 };

		be32_put(c + 5, sizeof(list));
		be64_put(list, 0x11);
		be64_put(list + 8, 0x22);
		pr = peer_command(
		    one, lun_of(0), c, false, true, list, sizeof(list));
	}
	assert_false(peer_recv(one));
	f->rig.disks[0]->manual = false;
	assert_good(peer_await(one, pr, NULL));
	assert_int_equal(
	    peer_await(&two, itt, NULL)->status, SCSI_TASK_ABORTED);
	expect_ua(&two, SENSE_REGISTRATIONS_PREEMPTED);
	assert_true(can_read(&two));
	assert_false(can_write(&two));
	assert_true(can_write(one));

	/* A registration outlives its session. */
	peer_fini(one);
	peer_init(one, &f->rig);
	peer_ready(one);
	assert_true(can_write(one));
	assert_false(can_write(&two));
	assert_good(pr_out(one, SCSI_PROUT_REGISTER, 0, 0x11, 0));
	assert_true(can_write(&two));
	peer_fini(&two);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup_ready, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(reservations),
		test(preempt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
