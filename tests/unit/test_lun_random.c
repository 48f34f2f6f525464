/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random requests (bdev_load.h) to disks of many kinds, whose commands end in
 * any order, with unit attentions, aborts, and (the lossy half) bad blocks and
 * lost connections in between.
 */
#include "unit.h"

#include "bdev_load.h"
#include "lun_rig.h"

#define BLOCKS	 48
#define REQUESTS 400
#define SEEDS	 40

static struct rig rig;
static struct load load;
static bool lossy;

static uint64_t
below(uint64_t n)
{
	return fake_random(&rig.session, n);
}

/* ---- the disk ---- */

/* What no good target does so often. */
static bool
hook_trouble(struct session *s, struct task *task, void *ctx)
{
	bool data =
	    task->cdb[0] == SCSI_OP_READ_16 || task->cdb[0] == SCSI_OP_WRITE_16;

	(void)ctx;
	if (task->cdb[0] == SCSI_OP_INQUIRY)
		return false;
	switch (fake_random(s, 200)) {
	case 0:
	case 1:
		fake_check(task, SENSE_UNIT_ATTENTION, SENSE_NEXUS_LOSS);
		return true;
	case 2:
		fake_check(task, SENSE_UNIT_ATTENTION, SENSE_CAPACITY_CHANGED);
		return true;
	case 3:
		fake_check(task, SENSE_ABORTED_COMMAND, 0x4705);
		return true;
	case 4:
		task->status = SCSI_TASK_ABORTED;
		return true;
	case 5:
		if (lossy && data)
			fake_check(task, SENSE_MEDIUM_ERROR, SENSE_READ_ERROR);
		return lossy && data;
	default:
		return false;
	}
}

static void
build_disk(uint64_t seed)
{
	uint32_t block = seed % 2 == 0 ? 512 : 4096;
	uint64_t base = seed % 3 == 0 ? UINT64_C(0x123456789a) : 0;
	struct fake_disk *d = &rig.session.disk;

	rig_init(&rig, block, BLOCKS, base);
	rig.session.seed = seed;
	rig.sink.max = LOG_ERROR_LEVEL;
	d->capacity.lbpme = below(2);
	d->capacity.lbprz = below(2);
	d->provisioning.lbprz = d->capacity.lbprz;
	d->provisioning.lbpws = below(2);
	d->provisioning.lbpu = below(2);
	d->unmap_leaves_junk = !d->capacity.lbprz;
	d->limits.max_unmap_lbas = below(2) ? 1 + (uint32_t)below(20) : 0;
	d->limits.max_unmap_descriptors = 1;
	d->limits.unmap_granularity = (uint32_t)below(6);
	d->limits.ugavalid = below(2);
	d->limits.unmap_alignment = (uint32_t)below(3);
	d->limits.max_write_same = below(2) ? 1 + below(20) : 0;
	d->limits.max_transfer = below(2) ? 1 + (uint32_t)below(20) : 0;
	d->limits.optimal_granularity = (uint16_t)below(9);
	d->mode.dpofua = below(2);
	d->refuse_opcode[SCSI_OP_WRITE_SAME_16] = below(3) == 0;
	d->refuse_opcode[SCSI_OP_UNMAP] = below(3) == 0;
	d->refuse_opcode[SCSI_OP_SYNCHRONIZE_CACHE_16] = below(3) == 0;
	if (base == 0) {
		d->refuse_opcode[SCSI_OP_READ_16] = below(4) == 0;
		d->refuse_opcode[SCSI_OP_WRITE_16] = below(4) == 0;
	}
	rig.session.hook = hook_trouble;
}

static void
accident(void)
{
	if (rig.session.state == SESSION_UP) {
		if (below(150) == 0) {
			fake_lose(&rig.session, below(2), false);
			if (below(2) == 0)
				load_power_lost(&load, rig.session.disk.data);
		}
	} else if (below(10) == 0) {
		rig_up(&rig);
	}
}

static void
drain(void)
{
	if (rig.session.state != SESSION_UP)
		rig_up(&rig);
	while (load.in_air > 0) {
		rig_step(&rig);
		rig_wait(&rig);
	}
	rig_settle(&rig);
}

static void
run(uint64_t seed)
{
	unsigned n = 0;
	struct fake_disk *d = &rig.session.disk;

	build_disk(seed);
	rig_start(&rig);
	assert_non_null(rig.bdev);
	load_init(&load, rig.bdev, d->base * d->block_size,
	    d->block_size * BLOCKS, seed);
	load.lossy = lossy;
	load.stable = d->stable;
	while (n < REQUESTS) {
		if (load.in_air < LOAD_IN_AIR && below(3) > 0) {
			load_launch(&load);
			n++;
		} else {
			rig_step(&rig);
		}
		if (lossy)
			accident();
		if (below(100) == 0)
			drain();
	}
	drain();
	assert_true(lun_healthy(rig.lun));
	load_compare(&load, d->data);
	load_fini(&load);
	rig_fini(&rig);
}

static void
random_exact(void **state)
{
	uint64_t seed;

	(void)state;
	lossy = false;
	for (seed = 1; seed <= SEEDS; seed++)
		run(seed);
}

static void
random_lossy(void **state)
{
	uint64_t seed;

	(void)state;
	lossy = true;
	for (seed = 1; seed <= SEEDS; seed++)
		run(seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_exact),
		cmocka_unit_test(random_lossy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
