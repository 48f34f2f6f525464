/* SPDX-License-Identifier: BSD-2-Clause */
/* The target's errors on purpose: who meets them, and what stays whole. */
#include "target_rig.h"

#include "base/be.h"

static uint8_t pattern[65536];

struct fixture {
	struct rig rig;
	struct peer peer;
};

static struct fixture *
begin(struct fixture *f, const struct lu_fault *faults, unsigned n)
{
	memset(pattern, 0x5a, sizeof(pattern));
	rig_init(&f->rig);
	memcpy(f->rig.faults, faults, n * sizeof(*faults));
	f->rig.fault_n = n;
	rig_start(&f->rig);
	peer_init(&f->peer, &f->rig);
	return f;
}

static void
end(struct fixture *f)
{
	peer_fini(&f->peer);
	rig_fini(&f->rig);
	free(f);
}

static void
assert_bad(const struct answer *a, unsigned code, uint64_t lba)
{
	assert_sense(a, SENSE_MEDIUM_ERROR, code);
	assert_true(a->sense.information_valid);
	assert_int_equal(a->sense.information, lba);
	assert_int_equal(a->len, 0);
}

/* Both LUNs: with memory of their own and without. */
static void
reads_that_touch_a_bad_block_fail(void **state)
{
	static const struct lu_fault faults[] = {
		{ LU_FAULT_READ, 200, 2 },
		{ LU_FAULT_READ, 100, 3 },
		{ LU_FAULT_WRITE, 90, 1 },
	};
	static const struct {
		uint64_t lba;
		uint32_t blocks;
		uint64_t bad; /* 0: none */
	} rows[] = {
		{ 99, 1, 0 },
		{ 99, 2, 100 },
		{ 100, 1, 100 },
		{ 101, 8, 101 },
		{ 102, 1, 102 },
		{ 103, 1, 0 },
		{ 103, 97, 0 },
		{ 103, 98, 200 },
		{ 96, 106, 100 }, /* the first of both faults */
		{ 90, 1, 0 },
	};
	struct fixture *f = begin(malloc(sizeof(*f)), faults, countof(faults));
	uint8_t cdb[CDB_MAX];

	(void)state;
	peer_ready(&f->peer);
	for (unsigned lun = 0; lun < 2; lun++)
		for (size_t i = 0; i < countof(rows); i++) {
			uint32_t len = rows[i].blocks * (lun == 0 ? 512 : 4096);
			struct answer *a;

			cdb_read16(cdb, rows[i].lba, rows[i].blocks, false);
			a = peer_in(&f->peer, lun_of(lun), cdb, len);
			if (rows[i].bad == 0)
				assert_good(a);
			else
				assert_bad(a, SENSE_READ_ERROR, rows[i].bad);
		}
	end(f);
}

static void
writes_to_a_bad_block_change_nothing(void **state)
{
	static const struct lu_fault fault = { LU_FAULT_WRITE, 100, 1 };
	struct fixture *f = begin(malloc(sizeof(*f)), &fault, 1);
	uint8_t cdb[CDB_MAX];

	(void)state;
	peer_ready(&f->peer);
	for (unsigned lun = 0; lun < 2; lun++) {
		uint32_t bs = lun == 0 ? 512 : 4096;
		const uint8_t *mem = f->rig.disks[lun]->mem + 98 * bs;
		uint8_t before[4 * 4096];

		memcpy(before, mem, 4 * bs);
		cdb_write16(cdb, 98, 4, false);
		assert_bad(
		    peer_out(&f->peer, lun_of(lun), cdb, pattern, 4 * bs),
		    SENSE_WRITE_ERROR, 100);
		cdb_write_same16(cdb, 98, 4, false, false);
		assert_bad(peer_out(&f->peer, lun_of(lun), cdb, pattern, bs),
		    SENSE_WRITE_ERROR, 100);
		cdb_compare_and_write(cdb, 100, 1, false);
		assert_bad(
		    peer_out(&f->peer, lun_of(lun), cdb, pattern, 2 * bs),
		    SENSE_WRITE_ERROR, 100);
		assert_memory_equal(before, mem, 4 * bs);
		cdb_write16(cdb, 98, 2, false);
		assert_good(
		    peer_out(&f->peer, lun_of(lun), cdb, pattern, 2 * bs));
		cdb_read16(cdb, 98, 4, false);
		assert_good(peer_in(&f->peer, lun_of(lun), cdb, 4 * bs));
	}
	end(f);
}

static void
verify_and_compare_read_too(void **state)
{
	static const struct lu_fault fault = { LU_FAULT_READ, 100, 1 };
	struct fixture *f = begin(malloc(sizeof(*f)), &fault, 1);
	uint8_t cdb[CDB_MAX] = { SCSI_OP_VERIFY_16 };

	(void)state;
	peer_ready(&f->peer);
	be64_put(cdb + 2, 96);
	be32_put(cdb + 10, 8);
	assert_bad(peer_none(&f->peer, lun_of(0), cdb), SENSE_READ_ERROR, 100);
	cdb[1] = 1 << 1; /* BYTCHK */
	assert_bad(peer_out(&f->peer, lun_of(0), cdb, pattern, 8 * 512),
	    SENSE_READ_ERROR, 100);
	cdb_compare_and_write(cdb, 99, 2, false);
	assert_bad(peer_out(&f->peer, lun_of(0), cdb, pattern, 4 * 512),
	    SENSE_READ_ERROR, 100);
	/* Writing works, and mends nothing. */
	cdb_write16(cdb, 100, 1, false);
	assert_good(peer_out(&f->peer, lun_of(0), cdb, pattern, 512));
	cdb_read16(cdb, 100, 1, false);
	assert_bad(
	    peer_in(&f->peer, lun_of(0), cdb, 512), SENSE_READ_ERROR, 100);
	end(f);
}

static void
not_ready_leaves_only_the_questions(void **state)
{
	static const struct lu_fault fault = { .kind = LU_FAULT_NOT_READY };
	struct fixture *f = begin(malloc(sizeof(*f)), &fault, 1);
	uint8_t cdb[CDB_MAX];

	(void)state;
	assert_true(
	    peer_login(&f->peer, "iqn.2024-01.org.example:host", 1, false));
	cdb_test_unit_ready(cdb);
	assert_sense(peer_none(&f->peer, lun_of(0), cdb), SENSE_UNIT_ATTENTION,
	    SENSE_POWER_ON_RESET);
	assert_sense(peer_none(&f->peer, lun_of(0), cdb), SENSE_NOT_READY,
	    SENSE_MANUAL_INTERVENTION);
	cdb_read_capacity10(cdb);
	assert_sense(peer_in(&f->peer, lun_of(0), cdb, CAPACITY10_LEN),
	    SENSE_NOT_READY, SENSE_MANUAL_INTERVENTION);
	cdb_read16(cdb, 0, 1, false);
	assert_sense(peer_in(&f->peer, lun_of(0), cdb, 512), SENSE_NOT_READY,
	    SENSE_MANUAL_INTERVENTION);
	cdb_write16(cdb, 0, 1, false);
	assert_sense(peer_out(&f->peer, lun_of(0), cdb, pattern, 512),
	    SENSE_NOT_READY, SENSE_MANUAL_INTERVENTION);
	cdb_inquiry(cdb, 255);
	assert_good(peer_in(&f->peer, lun_of(0), cdb, 255));
	cdb_report_luns(cdb, 1024);
	assert_good(peer_in(&f->peer, lun_of(0), cdb, 1024));
	end(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_that_touch_a_bad_block_fail),
		cmocka_unit_test(writes_to_a_bad_block_change_nothing),
		cmocka_unit_test(verify_and_compare_read_too),
		cmocka_unit_test(not_ready_leaves_only_the_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
