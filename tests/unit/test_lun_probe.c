/* SPDX-License-Identifier: BSD-2-Clause */
/* What a lun finds out about itself, from good targets and from odd ones; and
 * that it is proven the same after each loss. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lun_rig.h"

static struct rig rig;

static void
start(uint32_t block_size, uint64_t blocks)
{
	rig_init(&rig, block_size, blocks, 0);
}

static void
expect_error(enum error_class class, const char *part)
{
	assert_int_equal(rig.ready, 1);
	assert_null(rig.bdev);
	assert_int_equal(rig.error.class, class);
	if (strstr(rig.error.text, part) == NULL)
		fail_msg("\"%s\" not in \"%s\"", part, rig.error.text);
	rig_fini(&rig);
}

static void
probe_plain(void **state)
{
	(void)state;
	start(4096, 100);
	rig.session.disk.capacity.physical_exponent = 2;
	rig.session.disk.capacity.lowest_aligned_lba = 3;
	rig.session.disk.limits.optimal_transfer = 16;
	rig_start(&rig);
	assert_int_equal(rig.ready, 1);
	assert_int_equal(rig.bdev->size, 409600);
	assert_int_equal(rig.bdev->block_size, 4096);
	assert_int_equal(rig.bdev->physical_block_size, 16384);
	assert_int_equal(rig.bdev->lowest_aligned, 12288);
	assert_int_equal(rig.bdev->optimal_io, 65536);
	assert_false(rig.bdev->read_only);
	assert_false(rig.bdev->thin);
	assert_false(rig.bdev->can_discard);
	assert_false(rig.bdev->can_fast_zero);
	assert_true(rig.bdev->volatile_cache);
	assert_true(rig.bdev->takes_lent);
	assert_true(lun_healthy(rig.lun));
	assert_int_equal(lun_type(rig.lun), SCSI_TYPE_DISK);
	rig_fini(&rig);
}

/* To compute a digest is to look into the data. */
static void
probe_with_digest(void **state)
{
	static const struct digest_list lists[] = {
		{ 1, { DIGEST_CRC32C } },
		{ 2, { DIGEST_NONE, DIGEST_CRC32C } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		start(512, 100);
		rig.session.config.offer.data_digest = lists[i];
		rig_start(&rig);
		assert_false(rig.bdev->takes_lent);
		rig_fini(&rig);
	}
}

/* Blocks of 128 MiB: programs take st_blksize for the size of their buffers. */
static void
probe_physical_nonsense(void **state)
{
	(void)state;
	start(4096, 100);
	rig.session.disk.capacity.physical_exponent = 15;
	rig_start(&rig);
	assert_int_equal(rig.bdev->physical_block_size, 4096);
	rig_fini(&rig);
}

static void
probe_thin(void **state)
{
	(void)state;
	start(512, 100);
	rig.session.disk.capacity.lbpme = true;
	rig.session.disk.capacity.lbprz = true;
	rig.session.disk.provisioning.lbpws = true;
	rig.session.disk.provisioning.lbprz = 1;
	rig.session.disk.mode.caching.wce = false;
	rig.session.disk.mode.wp = true;
	rig_start(&rig);
	assert_true(rig.bdev->thin);
	assert_true(rig.bdev->can_discard);
	assert_true(rig.bdev->can_fast_zero);
	assert_true(rig.bdev->read_only);
	assert_false(rig.bdev->volatile_cache);
	rig_fini(&rig);
}

/* LBPRZ 010b: unmapped blocks read as a pattern. */
static void
probe_thin_pattern(void **state)
{
	(void)state;
	start(512, 100);
	rig.session.disk.capacity.lbpme = true;
	rig.session.disk.capacity.lbprz = true;
	rig.session.disk.provisioning.lbpws = true;
	rig.session.disk.provisioning.lbprz = 2;
	rig_start(&rig);
	assert_false(rig.bdev->thin);
	assert_true(rig.bdev->can_discard);
	assert_false(rig.bdev->can_fast_zero);
	rig_fini(&rig);
}

static void
probe_read_only_by_option(void **state)
{
	(void)state;
	start(512, 8);
	rig.read_only = true;
	rig_start(&rig);
	assert_true(rig.bdev->read_only);
	rig_fini(&rig);
}

static void
probe_unit_attentions(void **state)
{
	(void)state;
	start(512, 8);
	fake_attention(&rig.session, SENSE_POWER_ON_RESET);
	fake_attention(&rig.session, SENSE_NEXUS_LOSS);
	fake_attention(&rig.session, SENSE_MODE_CHANGED);
	fake_attention(&rig.session, SENSE_REPORTED_LUNS_CHANGED);
	rig_start(&rig);
	assert_non_null(rig.bdev);
	assert_int_equal(rig.session.sent[SCSI_OP_TEST_UNIT_READY], 5);
	rig_fini(&rig);
}

/* Unit attentions without end are an error, not a loop. */
static bool
hook_attention(struct session *s, struct task *task, void *ctx)
{
	(void)s;
	(void)ctx;
	if (task->cdb[0] == SCSI_OP_INQUIRY)
		return false;
	fake_check(task, SENSE_UNIT_ATTENTION, SENSE_CAPACITY_CHANGED);
	return true;
}

static void
probe_unit_attention_for_ever(void **state)
{
	(void)state;
	start(512, 8);
	rig.session.hook = hook_attention;
	rig_start(&rig);
	expect_error(ERROR_IO, "TEST UNIT READY failed: UNIT ATTENTION");
}

/* Refused once, never asked again: VPD page 00h and MODE SENSE. */
static void
probe_refusals(void **state)
{
	(void)state;
	start(512, 8);
	rig.session.disk.refuse_page[0x00] = true;
	rig.session.disk.refuse_page[0xb0] = true;
	rig.session.disk.refuse_opcode[SCSI_OP_MODE_SENSE_6] = true;
	rig_start(&rig);
	assert_non_null(rig.bdev);
	assert_true(rig.bdev->volatile_cache);
	assert_int_equal(rig.session.sent_page[0x00], 1);
	assert_int_equal(rig.session.sent_page[0x83], 1);
	assert_int_equal(rig.session.sent_page[0xb0], 1);
	assert_int_equal(rig.session.sent[SCSI_OP_MODE_SENSE_6], 2);
	fake_lose(&rig.session, false, false);
	rig_up(&rig);
	rig_settle(&rig);
	assert_true(lun_healthy(rig.lun));
	assert_int_equal(rig.session.sent_page[0x00], 1);
	assert_int_equal(rig.session.sent_page[0x83], 2);
	assert_int_equal(rig.session.sent_page[0xb0], 1);
	assert_int_equal(rig.session.sent[SCSI_OP_MODE_SENSE_6], 2);
	rig_fini(&rig);
}

static void
probe_mode_without_caching_page(void **state)
{
	(void)state;
	start(512, 8);
	rig.session.disk.refuse_mode[MODE_PAGE_CACHING] = true;
	rig.session.disk.mode.has_caching = false;
	rig.session.disk.mode.wp = true;
	rig_start(&rig);
	assert_true(rig.bdev->read_only);
	assert_true(rig.bdev->volatile_cache);
	rig_fini(&rig);
}

static void
probe_capacity10(void **state)
{
	(void)state;
	start(512, 8);
	rig.session.disk.refuse_opcode[SCSI_OP_SERVICE_ACTION_IN_16] = true;
	rig_start(&rig);
	assert_int_equal(rig.bdev->size, 4096);
	rig_fini(&rig);

	rig_init(&rig, 512, 8, UINT64_C(1) << 32);
	rig.session.disk.refuse_opcode[SCSI_OP_SERVICE_ACTION_IN_16] = true;
	rig_start(&rig);
	expect_error(ERROR_IO, "READ CAPACITY(16) is not supported");
}

static void
probe_unusable(void **state)
{
	(void)state;
	rig_init(&rig, 520, 8, 0);
	rig_start(&rig);
	expect_error(ERROR_FAILED, "blocks of 520 bytes");

	rig_init(&rig, 4096, 8, INT64_MAX / 4096 + 1);
	rig_start(&rig);
	expect_error(ERROR_FAILED, "beyond what a file can hold");

	start(512, 8);
	rig.session.disk.capacity.prot_en = true;
	rig.session.disk.capacity.p_type = 1;
	rig_start(&rig);
	expect_error(ERROR_FAILED, "type 2 protection");

	start(512, 8);
	rig.session.disk.qualifier = INQUIRY_NO_LU;
	rig_start(&rig);
	expect_error(ERROR_ABSENT,
	    "LUN 3 at 198.51.100.1:3260: INQUIRY failed: there is no such");
}

static void
probe_no_disk(void **state)
{
	(void)state;
	start(512, 8);
	rig.session.disk.type = SCSI_TYPE_CONTROLLER;
	rig_start(&rig);
	assert_non_null(rig.bdev);
	assert_int_equal(lun_type(rig.lun), SCSI_TYPE_CONTROLLER);
	assert_int_equal(rig.bdev->size, 0);
	assert_int_equal(rig.session.sent_n, 1);
	rig_fini(&rig);
}

static unsigned not_ready_left;

static bool
hook_not_ready(struct session *s, struct task *task, void *ctx)
{
	(void)s;
	(void)ctx;
	if (task->cdb[0] != SCSI_OP_TEST_UNIT_READY || not_ready_left == 0)
		return false;
	not_ready_left--;
	fake_check(task, SENSE_NOT_READY, 0x0401);
	return true;
}

static void
probe_becoming_ready(void **state)
{
	unsigned rounds = 0;

	(void)state;
	start(512, 8);
	rig.session.hook = hook_not_ready;
	not_ready_left = 5;
	rig_start(&rig);
	while (rig.ready == 0) {
		assert_true(rig_wait(&rig));
		rig_settle(&rig);
		rounds++;
	}
	assert_int_equal(rounds, 5);
	assert_true(rig.session.now > 3 * CLOCK_S);
	assert_non_null(rig.bdev);
	rig_fini(&rig);

	start(512, 8);
	rig.session.hook = hook_not_ready;
	not_ready_left = UINT32_MAX;
	rig_start(&rig);
	while (rig.ready == 0) {
		assert_true(rig_wait(&rig));
		rig_settle(&rig);
	}
	assert_true(rig.session.now > 30 * CLOCK_S);
	assert_true(rig.session.now < 40 * CLOCK_S);
	expect_error(ERROR_IO, "not ready: NOT READY");
}

/* The session comes up later, is lost in the middle of the probe, and comes up
 * again. */
static void
probe_waits_for_session(void **state)
{
	unsigned i;

	(void)state;
	start(512, 8);
	rig.session.state = SESSION_LOGIN;
	rig_start(&rig);
	assert_int_equal(rig.session.sent_n, 0);
	for (i = 0; i < 20; i++) {
		rig_up(&rig);
		fake_step(&rig.session, false);
		if (i % 3 > 0)
			rig_deliver(&rig);
		fake_lose(&rig.session, i % 2, false);
		if (i % 5 > 0)
			rig_deliver(&rig);
		assert_int_equal(rig.ready, 0);
	}
	rig_up(&rig);
	rig_settle(&rig);
	assert_int_equal(rig.ready, 1);
	assert_non_null(rig.bdev);
	rig_fini(&rig);
}

static void
probe_session_gone(void **state)
{
	(void)state;
	start(512, 8);
	rig.session.state = SESSION_LOGIN;
	rig_start(&rig);
	fake_lose(&rig.session, false, true);
	rig_settle(&rig);
	expect_error(ERROR_UNREACHED, "connection reset");
}

/* ---- the same LUN? ---- */

static void
lose_and_return(void)
{
	fake_lose(&rig.session, false, false);
	rig_up(&rig);
	rig_settle(&rig);
}

static void
expect_dead(const char *what)
{
	uint8_t buf[512];

	assert_false(lun_healthy(rig.lun));
	if (strstr(rig.log, what) == NULL)
		fail_msg("\"%s\" not in the log", what);
	rig.session.sent_n = 0;
	assert_int_equal(rig_do(&rig, BDEV_READ, 0, buf, 512, 0), -EIO);
	/* Nor ever again. */
	lose_and_return();
	assert_int_equal(rig_do(&rig, BDEV_WRITE, 0, buf, 512, 0), -EIO);
	assert_int_equal(rig.session.sent_n, 0);
	rig_fini(&rig);
}

static void
identity_same(void **state)
{
	uint8_t buf[512];

	(void)state;
	start(512, 8);
	rig_start(&rig);
	lose_and_return();
	assert_true(lun_healthy(rig.lun));
	assert_int_equal(rig_do(&rig, BDEV_READ, 0, buf, 512, 0), 0);
	rig_fini(&rig);
}

static void
identity_differs(void **state)
{
	(void)state;
	start(512, 8);
	rig_start(&rig);
	rig.session.disk.designator = "\x60\x01\x02\x03\x04\x05\x06\x08";
	lose_and_return();
	expect_dead("device identification (VPD page 83h) differs");

	start(512, 8);
	rig_start(&rig);
	rig.session.disk.serial = "SERIAL 2";
	lose_and_return();
	expect_dead("unit serial number (VPD page 80h) differs");

	start(4096, 8);
	rig_start(&rig);
	rig.session.disk.block_size = 512;
	lose_and_return();
	expect_dead("block size differs");

	start(512, 8);
	rig_start(&rig);
	rig.session.disk.blocks = 7;
	lose_and_return();
	expect_dead("capacity differs");

	/* In an unbroken session, too, when the target says so. */
	start(512, 8);
	rig_start(&rig);
	rig.session.disk.designator = "\x60\x01\x02\x03\x04\x05\x06\x08";
	fake_attention(&rig.session, SENSE_INQUIRY_CHANGED);
	assert_int_equal(rig_do(&rig, BDEV_FLUSH, 0, NULL, 0, 0), -EIO);
	expect_dead("device identification (VPD page 83h) differs");
}

/* A page that proved the identity before fails now: nothing goes out, and the
 * next request asks again. */
static void
identity_not_provable(void **state)
{
	uint8_t buf[512];

	(void)state;
	start(512, 8);
	rig_start(&rig);
	rig.session.disk.refuse_page[0x83] = true;
	lose_and_return();
	assert_false(lun_healthy(rig.lun));
	assert_int_equal(rig_do(&rig, BDEV_READ, 0, buf, 512, 0), -EIO);
	assert_int_equal(rig.session.sent[SCSI_OP_READ_16], 0);
	rig.session.disk.refuse_page[0x83] = false;
	assert_int_equal(rig_do(&rig, BDEV_READ, 0, buf, 512, 0), 0);
	rig_fini(&rig);
}

/* ---- changes ---- */

static void
changed_capacity(void **state)
{
	uint8_t buf[512];
	int result;

	(void)state;
	start(512, 8);
	rig_start(&rig);
	rig.session.disk.blocks = 4;
	fake_attention(&rig.session, SENSE_CAPACITY_CHANGED);
	/* Sent, refused by the attention, sent again after the probe. */
	assert_int_equal(rig_do(&rig, BDEV_READ, 0, buf, 512, 0), 0);
	assert_int_equal(rig.changed, 1);
	assert_int_equal(rig.bdev->size, 2048);
	assert_int_equal(rig_do(&rig, BDEV_READ, 2048, buf, 512, 0), -EINVAL);

	/* One that waits meanwhile fails when it is beyond the new end. */
	rig.session.disk.blocks = 2;
	fake_attention(&rig.session, SENSE_CAPACITY_CHANGED);
	rig_submit(&rig, BDEV_READ, 0, buf, 512, 0, &result);
	fake_step(&rig.session, false);
	rig_deliver(&rig);
	assert_false(lun_healthy(rig.lun));
	assert_int_equal(rig_do(&rig, BDEV_READ, 1536, buf, 512, 0), -EINVAL);
	assert_int_equal(result, 0);
	assert_int_equal(rig.changed, 2);
	rig.session.disk.blocks = 8;
	rig_fini(&rig);
}

/* Nobody has told that it is smaller; a command that is refused tells. */
static bool
hook_out_of_range(struct session *s, struct task *task, void *ctx)
{
	(void)ctx;
	if (task->cdb[0] != SCSI_OP_READ_16 && task->cdb[0] != SCSI_OP_WRITE_16)
		return false;
	s->disk.blocks = 4;
	fake_check(task, SENSE_ILLEGAL_REQUEST, SENSE_LBA_OUT_OF_RANGE);
	return true;
}

static void
changed_capacity_untold(void **state)
{
	enum bdev_op ops[] = { BDEV_READ, BDEV_WRITE };
	uint8_t buf[512] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		start(512, 8);
		rig_start(&rig);
		rig.session.hook = hook_out_of_range;
		assert_int_equal(rig_do(&rig, ops[i], 2048, buf, 512, 0), -EIO);
		rig.session.hook = NULL;
		rig_settle(&rig);
		assert_true(lun_healthy(rig.lun));
		assert_int_equal(rig.changed, 1);
		assert_int_equal(rig.bdev->size, 2048);
		assert_int_equal(rig_do(&rig, ops[i], 0, buf, 512, 0), 0);
		rig.session.disk.blocks = 8;
		rig_fini(&rig);
	}
}

static void
changed_luns(void **state)
{
	uint8_t buf[512];

	(void)state;
	start(512, 8);
	rig_start(&rig);
	assert_int_equal(rig.luns_changed, 0);
	fake_attention(&rig.session, SENSE_REPORTED_LUNS_CHANGED);
	assert_int_equal(rig_do(&rig, BDEV_READ, 0, buf, 512, 0), 0);
	assert_int_equal(rig.luns_changed, 1);
	/* While it is looked at again, too. */
	fake_attention(&rig.session, SENSE_CAPACITY_CHANGED);
	fake_attention(&rig.session, SENSE_REPORTED_LUNS_CHANGED);
	assert_int_equal(rig_do(&rig, BDEV_READ, 0, buf, 512, 0), 0);
	assert_int_equal(rig.luns_changed, 2);
	rig_fini(&rig);
}

static void
changed_protection(void **state)
{
	uint8_t buf[512] = { 0 };

	(void)state;
	start(512, 8);
	rig_start(&rig);
	rig.session.disk.mode.wp = true;
	fake_attention(&rig.session, SENSE_MODE_CHANGED);
	assert_int_equal(rig_do(&rig, BDEV_READ, 0, buf, 512, 0), 0);
	assert_int_equal(rig.changed, 1);
	assert_int_equal(rig_do(&rig, BDEV_WRITE, 0, buf, 512, 0), -EROFS);
	rig_fini(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probe_plain),
		cmocka_unit_test(probe_with_digest),
		cmocka_unit_test(probe_physical_nonsense),
		cmocka_unit_test(probe_thin),
		cmocka_unit_test(probe_thin_pattern),
		cmocka_unit_test(probe_read_only_by_option),
		cmocka_unit_test(probe_unit_attentions),
		cmocka_unit_test(probe_unit_attention_for_ever),
		cmocka_unit_test(probe_refusals),
		cmocka_unit_test(probe_mode_without_caching_page),
		cmocka_unit_test(probe_capacity10),
		cmocka_unit_test(probe_unusable),
		cmocka_unit_test(probe_no_disk),
		cmocka_unit_test(probe_becoming_ready),
		cmocka_unit_test(probe_waits_for_session),
		cmocka_unit_test(probe_session_gone),
		cmocka_unit_test(identity_same),
		cmocka_unit_test(identity_differs),
		cmocka_unit_test(identity_not_provable),
		cmocka_unit_test(changed_capacity),
		cmocka_unit_test(changed_capacity_untold),
		cmocka_unit_test(changed_luns),
		cmocka_unit_test(changed_protection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
