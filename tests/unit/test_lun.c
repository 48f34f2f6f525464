/* SPDX-License-Identifier: BSD-2-Clause */
/* Which commands a request becomes, and what becomes of it when they do not end
 * well.  The probe is test_lun_probe.c, the data test_lun_random.c. */
#include "unit.h"

#include <errno.h>

#include "lun_rig.h"

static struct rig rig;
static uint8_t buf[1 << 20];

static void
start(uint32_t block_size, uint64_t blocks)
{
	rig_init(&rig, block_size, blocks, 0);
}

/* How many commands went out since the last time. */
static unsigned
sent(void)
{
	unsigned n = rig.session.sent_n;

	rig.session.sent_n = 0;
	return n;
}

static void
started(void)
{
	rig_start(&rig);
	assert_non_null(rig.bdev);
	sent();
}

static int
rd(uint64_t offset, uint64_t length)
{
	return rig_do(&rig, BDEV_READ, offset, buf, length, 0);
}

static int
wr(uint64_t offset, uint64_t length, uint32_t flags)
{
	return rig_do(&rig, BDEV_WRITE, offset, buf, length, flags);
}

static int
zero(uint64_t offset, uint64_t length, uint32_t flags)
{
	return rig_do(&rig, BDEV_ZERO, offset, NULL, length, flags);
}

static int
flush(void)
{
	return rig_do(&rig, BDEV_FLUSH, 0, NULL, 0, 0);
}

/* ---- READ and WRITE ---- */

/* The common case: one command, on the request's own vectors. */
static void
rw_whole(void **state)
{
	struct bdev_req *req;
	int result;

	(void)state;
	start(4096, 64);
	started();
	req = rig_submit(&rig, BDEV_WRITE, 8192, buf, 4096, 0, &result);
	assert_ptr_equal(rig.session.last_iov, req->iov);
	assert_int_equal(lun_in_flight(rig.lun), 1);
	rig_settle(&rig);
	assert_int_equal(result, 0);
	assert_int_equal(rig.session.last.opcode, SCSI_OP_WRITE_16);
	assert_int_equal(rig.session.last.lba, 2);
	assert_int_equal(rig.session.last.blocks, 1);
	assert_false(rig.session.last.fua);
	assert_int_equal(rd(0, 65536), 0);
	assert_int_equal(rig.session.last.opcode, SCSI_OP_READ_16);
	assert_int_equal(rig.session.last.blocks, 16);
	assert_int_equal(sent(), 2);
	rig_fini(&rig);
}

/* Partial blocks: a read is one command, a write reads its edges before. */
static void
rw_partial(void **state)
{
	(void)state;
	start(4096, 64);
	started();
	assert_int_equal(rd(100, 20000), 0);
	assert_int_equal(sent(), 1);
	assert_int_equal(wr(100, 200, 0), 0);
	assert_int_equal(sent(), 2);
	assert_int_equal(wr(4096, 200, 0), 0);
	assert_int_equal(sent(), 2);
	assert_int_equal(wr(4000, 200, 0), 0); /* neighbours: one read */
	assert_int_equal(sent(), 2);
	assert_int_equal(wr(4000, 20000, 0), 0);
	assert_int_equal(sent(), 3);
	assert_int_equal(rig.session.last.blocks, 6);
	rig_fini(&rig);
}

static void
rw_cut(void **state)
{
	(void)state;
	start(512, 100);
	rig.session.disk.limits.max_transfer = 20;
	rig.session.disk.limits.optimal_granularity = 8;
	started();
	/* 3 .. 16 .. 32 .. 48 .. 53 */
	assert_int_equal(rd(3 * 512, 50 * 512), 0);
	assert_int_equal(sent(), 4);
	assert_int_equal(rig.session.last.lba, 48);
	assert_int_equal(rig.session.last.blocks, 5);
	rig_fini(&rig);
}

/* READ(16) is not known: asked once. */
static void
rw_ten(void **state)
{
	(void)state;
	start(512, 100);
	rig.session.disk.refuse_opcode[SCSI_OP_READ_16] = true;
	rig.session.disk.refuse_opcode[SCSI_OP_WRITE_16] = true;
	started();
	assert_int_equal(rd(0, 1024), 0);
	assert_int_equal(wr(0, 1024, 0), 0);
	assert_int_equal(rig.session.sent[SCSI_OP_READ_16], 1);
	assert_int_equal(rig.session.sent[SCSI_OP_READ_10], 1);
	assert_int_equal(rig.session.sent[SCSI_OP_WRITE_16], 0);
	assert_int_equal(rig.session.sent[SCSI_OP_WRITE_10], 1);
	rig_fini(&rig);

	rig_init(&rig, 512, 100, UINT64_C(0x100000000) - 50);
	rig.session.disk.refuse_opcode[SCSI_OP_READ_16] = true;
	started();
	assert_int_equal(rd((UINT64_C(0x100000000) - 1) * 512, 1024), -EIO);
	assert_int_equal(rd((UINT64_C(0x100000000) - 1) * 512, 512), 0);
	assert_int_equal(rig.session.sent[SCSI_OP_READ_10], 1);
	rig_fini(&rig);
}

static void
rw_huge_lba(void **state)
{
	uint64_t base = UINT64_C(0x3ffffffffff00);

	(void)state;
	rig_init(&rig, 4096, 64, base);
	started();
	assert_int_equal(rig.bdev->size, (base + 64) * 4096);
	memset(buf, 0x5a, 4096);
	assert_int_equal(wr(base * 4096 + 5000, 3000, 0), 0);
	assert_int_equal(rig.session.last.lba, base + 1);
	assert_int_equal(rig.session.disk.data[5000], 0x5a);
	assert_int_equal(rig.session.disk.data[4999], 0);
	assert_int_equal(rig.session.disk.data[7999], 0x5a);
	assert_int_equal(rig.session.disk.data[8000], 0);
	rig_fini(&rig);
}

static void
rw_many_vectors(void **state)
{
	static struct iovec iov[700];
	struct bdev_req *req;
	int before, result;
	unsigned i;

	(void)state;
	start(512, 64);
	started();
	for (i = 0; i < countof(iov); i++) {
		buf[i] = (uint8_t)(i * 7);
		iov[i].iov_base = buf + i;
		iov[i].iov_len = 1;
	}
	/* Held back by another write, so that the vectors can be swapped. */
	rig_submit(&rig, BDEV_WRITE, 0, buf + 4096, 512, 0, &before);
	req = rig_submit(&rig, BDEV_WRITE, 3, buf, 700, 0, &result);
	req->iov = iov;
	req->iovcnt = countof(iov);
	rig_settle(&rig);
	assert_int_equal(result, 0);
	assert_memory_equal(rig.session.disk.data + 3, buf, 700);
	rig_fini(&rig);
}

/* ---- FUA and FLUSH ---- */

static void
fua_bit(void **state)
{
	(void)state;
	start(512, 64);
	rig.session.disk.mode.dpofua = true;
	started();
	assert_int_equal(wr(0, 512, BDEV_FUA), 0);
	assert_true(rig.session.last.fua);
	assert_int_equal(sent(), 1);
	assert_int_equal(wr(100, 50, BDEV_FUA), 0);
	assert_true(rig.session.last.fua);
	assert_int_equal(sent(), 2);
	rig_fini(&rig);
}

static int
rd_fua(uint64_t offset, uint64_t length)
{
	return rig_do(&rig, BDEV_READ, offset, buf, length, BDEV_FUA);
}

/* From the medium, where the target can; else a READ like any other. */
static void
fua_read(void **state)
{
	(void)state;
	start(512, 64);
	rig.session.disk.mode.dpofua = true;
	started();
	assert_int_equal(rd_fua(100, 2000), 0);
	assert_true(rig.session.last.fua);
	assert_int_equal(rd(0, 512), 0);
	assert_false(rig.session.last.fua);
	assert_int_equal(sent(), 2);
	rig_fini(&rig);

	start(512, 64);
	rig.session.disk.mode.dpofua = true;
	rig.session.disk.refuse_opcode[SCSI_OP_READ_16] = true;
	started();
	assert_int_equal(rd_fua(0, 512), 0);
	assert_int_equal(rig.session.last.opcode, SCSI_OP_READ_10);
	assert_true(rig.session.last.fua);
	rig_fini(&rig);

	start(512, 64);
	started();
	assert_int_equal(rd_fua(0, 512), 0);
	assert_false(rig.session.last.fua);
	assert_int_equal(sent(), 1);
	rig_fini(&rig);
}

static void
fua_by_flush(void **state)
{
	(void)state;
	start(512, 64);
	started();
	assert_int_equal(wr(0, 512, BDEV_FUA), 0);
	assert_int_equal(rig.session.last.opcode, SCSI_OP_SYNCHRONIZE_CACHE_16);
	assert_int_equal(sent(), 2);
	assert_int_equal(zero(0, 512, BDEV_FUA), 0);
	assert_int_equal(rig.session.last.opcode, SCSI_OP_SYNCHRONIZE_CACHE_16);
	rig_fini(&rig);
}

static bool
hook_no_fua(struct session *s, struct task *task, void *ctx)
{
	(void)ctx;
	if (s->disk.refuse_opcode[task->cdb[0]])
		return false;
	if ((task->cdb[0] != SCSI_OP_WRITE_16 &&
		task->cdb[0] != SCSI_OP_READ_16 &&
		task->cdb[0] != SCSI_OP_READ_10) ||
	    (task->cdb[1] & 8) == 0)
		return false;
	fake_check(task, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
	return true;
}

static void
fua_refused(void **state)
{
	(void)state;
	start(512, 64);
	rig.session.disk.mode.dpofua = true;
	rig.session.hook = hook_no_fua;
	started();
	assert_int_equal(wr(0, 512, BDEV_FUA), 0);
	assert_int_equal(sent(), 3);
	assert_int_equal(wr(0, 512, BDEV_FUA), 0);
	assert_int_equal(sent(), 2);
	rig_fini(&rig);

	start(512, 64);
	rig.session.disk.mode.dpofua = true;
	rig.session.hook = hook_no_fua;
	started();
	assert_int_equal(rd_fua(0, 512), 0);
	assert_int_equal(sent(), 2);
	assert_int_equal(rd_fua(0, 512), 0);
	assert_false(rig.session.last.fua);
	assert_int_equal(sent(), 1);
	rig_fini(&rig);

	start(512, 64);
	rig.session.disk.mode.dpofua = true;
	rig.session.disk.refuse_opcode[SCSI_OP_READ_16] = true;
	rig.session.hook = hook_no_fua;
	started();
	assert_int_equal(rd_fua(0, 512), 0);
	assert_int_equal(rig.session.last.opcode, SCSI_OP_READ_10);
	assert_false(rig.session.last.fua);
	rig_fini(&rig);
}

static void
flush_fallbacks(void **state)
{
	(void)state;
	start(512, 64);
	rig.session.disk.refuse_opcode[SCSI_OP_SYNCHRONIZE_CACHE_16] = true;
	started();
	assert_int_equal(flush(), 0);
	assert_int_equal(sent(), 2);
	assert_int_equal(flush(), 0);
	assert_int_equal(sent(), 1);
	/* Neither is known, and there is a cache. */
	rig.session.disk.refuse_opcode[SCSI_OP_SYNCHRONIZE_CACHE_10] = true;
	assert_int_equal(flush(), -EIO);
	assert_int_equal(flush(), -EIO);
	assert_int_equal(wr(0, 512, BDEV_FUA), -EIO);
	rig_fini(&rig);

	/* There is none. */
	start(512, 64);
	rig.session.disk.refuse_opcode[SCSI_OP_SYNCHRONIZE_CACHE_16] = true;
	rig.session.disk.refuse_opcode[SCSI_OP_SYNCHRONIZE_CACHE_10] = true;
	rig.session.disk.mode.caching.wce = false;
	started();
	assert_int_equal(flush(), 0);
	assert_int_equal(sent(), 2);
	assert_int_equal(flush(), 0);
	assert_int_equal(sent(), 0);
	rig_fini(&rig);

	/* Nobody knows. */
	start(512, 64);
	rig.session.disk.refuse_opcode[SCSI_OP_SYNCHRONIZE_CACHE_16] = true;
	rig.session.disk.refuse_opcode[SCSI_OP_SYNCHRONIZE_CACHE_10] = true;
	rig.session.disk.refuse_opcode[SCSI_OP_MODE_SENSE_6] = true;
	started();
	assert_int_equal(flush(), -EIO);
	rig_fini(&rig);
}

/* ---- ZERO ---- */

static void
thin(void)
{
	struct fake_disk *d = &rig.session.disk;

	d->capacity.lbpme = d->capacity.lbprz = true;
	d->provisioning.lbprz = 1;
	d->provisioning.lbpws = d->provisioning.lbpu = true;
	d->limits.max_unmap_lbas = 16;
	d->limits.max_unmap_descriptors = 1;
	d->limits.max_write_same = 32;
}

static void
zero_by_unmapping(void **state)
{
	(void)state;
	start(512, 200);
	thin();
	memset(rig.session.disk.mapped, true, 200);
	started();
	assert_int_equal(zero(512, 512 * 100, 0), 0);
	assert_int_equal(sent(), 4); /* of 32 blocks at the most */
	assert_true(rig.session.last.unmap);
	assert_false(rig.session.disk.mapped[1]);
	assert_true(rig.session.disk.mapped[0]);
	assert_false(rig.session.disk.mapped[100]);
	assert_true(rig.session.disk.mapped[101]);
	/* They stay allocated when that is asked for. */
	assert_int_equal(zero(512, 512, BDEV_NO_HOLE), 0);
	assert_int_equal(rig.session.last.opcode, SCSI_OP_WRITE_SAME_16);
	assert_false(rig.session.last.unmap);
	/* Edges are written. */
	sent();
	assert_int_equal(zero(512 * 3 + 10, 512 * 4, BDEV_FAST), 0);
	assert_int_equal(sent(), 5);
	rig_fini(&rig);
}

static void
zero_without_lbprz(void **state)
{
	(void)state;
	start(512, 64);
	thin();
	rig.session.disk.capacity.lbprz = false;
	rig.session.disk.provisioning.lbprz = 0;
	started();
	assert_int_equal(zero(0, 1024, 0), 0);
	assert_int_equal(rig.session.last.opcode, SCSI_OP_WRITE_SAME_16);
	assert_false(rig.session.last.unmap);
	rig_fini(&rig);
}

static void
zero_by_writing(void **state)
{
	(void)state;
	start(4096, 600);
	thin();
	rig.session.disk.refuse_opcode[SCSI_OP_WRITE_SAME_16] = true;
	started();
	assert_true(rig.bdev->can_fast_zero);
	memset(rig.session.disk.data, 0xaa, 4096 * 600);
	assert_int_equal(zero(0, 4096, BDEV_FAST), -EOPNOTSUPP);
	assert_false(rig.bdev->can_fast_zero);
	assert_int_equal(sent(), 1);
	assert_int_equal(zero(100, 4096 * 500, 0), 0);
	assert_int_equal(rig.session.sent[SCSI_OP_WRITE_SAME_16], 1);
	assert_int_equal(rig.session.disk.data[99], 0xaa);
	assert_int_equal(rig.session.disk.data[100], 0);
	assert_int_equal(rig.session.disk.data[4096 * 500 + 99], 0);
	assert_int_equal(rig.session.disk.data[4096 * 500 + 100], 0xaa);
	rig_fini(&rig);
}

static bool
hook_no_same_unmap(struct session *s, struct task *task, void *ctx)
{
	(void)s;
	(void)ctx;
	if (task->cdb[0] != SCSI_OP_WRITE_SAME_16 || (task->cdb[1] & 8) == 0)
		return false;
	fake_check(task, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
	return true;
}

static void
zero_unmap_refused(void **state)
{
	(void)state;
	start(512, 64);
	thin();
	rig.session.hook = hook_no_same_unmap;
	started();
	assert_int_equal(zero(0, 1024, 0), 0);
	assert_int_equal(sent(), 2);
	assert_int_equal(zero(0, 1024, 0), 0);
	assert_int_equal(sent(), 1);
	rig_fini(&rig);
}

/* ---- DISCARD ---- */

static void
discard_unmap(void **state)
{
	(void)state;
	start(512, 200);
	thin();
	rig.session.disk.limits.unmap_granularity = 8;
	rig.session.disk.limits.ugavalid = true;
	rig.session.disk.limits.unmap_alignment = 3;
	memset(rig.session.disk.mapped, true, 200);
	started();
	/* Blocks 1 .. 40: up to 11, 27, 40. */
	assert_int_equal(rig_do(&rig, BDEV_DISCARD, 100, NULL, 512 * 40, 0), 0);
	assert_int_equal(sent(), 3);
	assert_true(rig.session.disk.mapped[0]);
	assert_false(rig.session.disk.mapped[1]);
	assert_false(rig.session.disk.mapped[39]);
	assert_true(rig.session.disk.mapped[40]);
	/* No whole block: nothing to do. */
	assert_int_equal(rig_do(&rig, BDEV_DISCARD, 100, NULL, 800, 0), 0);
	assert_int_equal(sent(), 0);
	rig_fini(&rig);
}

static void
discard_fallbacks(void **state)
{
	(void)state;
	start(512, 64);
	thin();
	rig.session.disk.refuse_opcode[SCSI_OP_UNMAP] = true;
	started();
	assert_int_equal(rig_do(&rig, BDEV_DISCARD, 0, NULL, 1024, 0), 0);
	assert_int_equal(rig.session.last.opcode, SCSI_OP_WRITE_SAME_16);
	assert_true(rig.session.last.unmap);
	assert_int_equal(sent(), 2);
	rig.session.disk.refuse_opcode[SCSI_OP_WRITE_SAME_16] = true;
	assert_int_equal(
	    rig_do(&rig, BDEV_DISCARD, 0, NULL, 1024, 0), -EOPNOTSUPP);
	assert_false(rig.bdev->can_discard);
	assert_int_equal(sent(), 1);
	assert_int_equal(
	    rig_do(&rig, BDEV_DISCARD, 0, NULL, 1024, 0), -EOPNOTSUPP);
	assert_int_equal(sent(), 0);
	rig_fini(&rig);
}

/* ---- EXTENTS ---- */

static int
ask_extents(uint64_t offset, uint64_t length, unsigned max)
{
	rig.extents_max = max;
	return rig_do(&rig, BDEV_EXTENTS, offset, NULL, length, 0);
}

static void
extents_shown(void **state)
{
	(void)state;
	start(512, 64);
	thin();
	started();
	rig.session.disk.mapped[2] = rig.session.disk.mapped[3] = true;
	assert_int_equal(ask_extents(100, 64 * 512 - 200, 8), 0);
	assert_int_equal(rig.extents_n, 3);
	assert_int_equal(rig.extents[0].length, 924);
	assert_int_equal(rig.extents[0].alloc, BDEV_HOLE);
	assert_int_equal(rig.extents[1].length, 1024);
	assert_int_equal(rig.extents[1].alloc, BDEV_DATA);
	assert_int_equal(rig.extents[2].length, 60 * 512 - 100);
	assert_int_equal(rig.extents[2].alloc, BDEV_HOLE);
	assert_int_equal(ask_extents(0, 64 * 512, 1), 0);
	assert_int_equal(rig.extents_n, 1);
	assert_int_equal(rig.extents[0].length, 1024);
	rig_fini(&rig);
}

static unsigned bad_kind;

static bool
hook_bad_lba_status(struct session *s, struct task *task, void *ctx)
{
	struct lba_status status[2] = { { 0, 8, LBA_DEALLOCATED },
		{ 8, 56, LBA_DEALLOCATED } };
	int len;

	(void)s;
	(void)ctx;
	if (task->cdb[0] != SCSI_OP_SERVICE_ACTION_IN_16 ||
	    task->cdb[1] != SCSI_SA_GET_LBA_STATUS)
		return false;
	switch (bad_kind) {
	case 0:
		fake_check(task, SENSE_HARDWARE_ERROR, 0x4400);
		return true;
	case 1: /* not the block that was asked for */
		status[0].lba = 1;
		break;
	case 2: /* a gap */
		status[1].lba = 9;
		break;
	case 3: /* an unknown state */
		status[1].provisioning = 3;
		break;
	case 4: /* nothing */
		status[0].blocks = 0;
		break;
	default: /* none at all */
		memset(task->iov->iov_base, 0, 8);
		task->transferred = 8;
		return true;
	}
	len =
	    lba_status_put(task->iov->iov_base, task->iov->iov_len, status, 2);
	assert_int_equal(len, 40);
	task->transferred = (uint32_t)len;
	return true;
}

/* Asked in vain once, never asked again: all is data. */
static void
extents_not_trusted(void **state)
{
	(void)state;
	for (bad_kind = 0; bad_kind < 6; bad_kind++) {
		start(512, 64);
		thin();
		rig.session.hook = hook_bad_lba_status;
		started();
		assert_true(rig.bdev->thin);
		assert_int_equal(ask_extents(0, 64 * 512, 8), 0);
		assert_int_equal(rig.extents_n, 1);
		assert_int_equal(rig.extents[0].length, 64 * 512);
		assert_int_equal(rig.extents[0].alloc, BDEV_DATA);
		assert_false(rig.bdev->thin);
		assert_int_equal(sent(), 1);
		assert_int_equal(ask_extents(0, 64 * 512, 8), 0);
		assert_int_equal(sent(), 0);
		rig_fini(&rig);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rw_whole),
		cmocka_unit_test(rw_partial),
		cmocka_unit_test(rw_cut),
		cmocka_unit_test(rw_ten),
		cmocka_unit_test(rw_huge_lba),
		cmocka_unit_test(rw_many_vectors),
		cmocka_unit_test(fua_bit),
		cmocka_unit_test(fua_read),
		cmocka_unit_test(fua_by_flush),
		cmocka_unit_test(fua_refused),
		cmocka_unit_test(flush_fallbacks),
		cmocka_unit_test(zero_by_unmapping),
		cmocka_unit_test(zero_without_lbprz),
		cmocka_unit_test(zero_by_writing),
		cmocka_unit_test(zero_unmap_refused),
		cmocka_unit_test(discard_unmap),
		cmocka_unit_test(discard_fallbacks),
		cmocka_unit_test(extents_shown),
		cmocka_unit_test(extents_not_trusted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
