/* SPDX-License-Identifier: BSD-2-Clause */
/* How a lun's requests end when the target, the connection or the caller does
 * not do as it should: errno, the log, retries, waiting, locks. */
#include "unit.h"

#include <errno.h>

#include "lun_rig.h"

static struct rig rig;
static uint8_t buf[1 << 16];

static void
start(void)
{
	rig_init(&rig, 512, 256, 0);
	rig_start(&rig);
	assert_non_null(rig.bdev);
	rig.session.sent_n = 0;
	rig.log[0] = '\0';
}

static int
rd(uint64_t offset, uint64_t length)
{
	return rig_do(&rig, BDEV_READ, offset, buf, length, 0);
}

static int
wr(uint64_t offset, uint64_t length)
{
	return rig_do(&rig, BDEV_WRITE, offset, buf, length, 0);
}

static int
flush(void)
{
	return rig_do(&rig, BDEV_FLUSH, 0, NULL, 0, 0);
}

static void
logged(const char *part)
{
	if (strstr(rig.log, part) == NULL)
		fail_msg("\"%s\" not in \"%s\"", part, rig.log);
}

/* ---- before the target sees it ---- */

static void
checked_first(void **state)
{
	int result;

	(void)state;
	start();
	assert_int_equal(rd(256 * 512, 1), -EINVAL);
	assert_int_equal(rd(UINT64_MAX, 2), -EINVAL);
	assert_int_equal(wr(255 * 512, 513), -EINVAL);
	assert_int_equal(rd(512, 0), 0);
	assert_int_equal(rig.session.sent_n, 0);
	/* Not from inside bdev_submit(), but soon. */
	rig_submit(&rig, BDEV_READ, UINT64_MAX, buf, 1, 0, &result);
	assert_int_equal(result, 1);
	assert_int_equal(lun_in_flight(rig.lun), 1);
	assert_int_equal(rig.wake_at, rig.session.now);
	lun_run(rig.lun);
	assert_int_equal(result, -EINVAL);
	rig_fini(&rig);
}

/* More requests than the pool has: they wait their turn. */
static void
more_than_the_pool(void **state)
{
	int results[300];
	unsigned i;

	(void)state;
	start();
	for (i = 0; i < countof(results); i++)
		rig_submit(&rig, i % 2 ? BDEV_WRITE : BDEV_READ,
		    (i % 250) * 512, buf, 512, 0, &results[i]);
	assert_int_equal(rig.session.in_flight_n, 128);
	assert_int_equal(lun_in_flight(rig.lun), 300);
	rig_settle(&rig);
	for (i = 0; i < countof(results); i++)
		assert_int_equal(results[i], 0);
	rig_fini(&rig);
}

/* ---- status and sense ---- */

static struct {
	uint8_t opcode;
	unsigned times; /* how often it happens */
	uint8_t status;
	enum sense_key key;
	unsigned code;
	bool deferred;
	uint64_t lba;	  /* INFORMATION */
	uint32_t missing; /* bytes not transferred */
	bool overflow;
	bool no_sense;
	enum task_outcome outcome;
} plan;

static bool
hook_plan(struct session *s, struct task *task, void *ctx)
{
	struct sense sense;

	(void)s;
	(void)ctx;
	if (task->cdb[0] != plan.opcode || plan.times == 0)
		return false;
	plan.times--;
	task->outcome = plan.outcome;
	task->status = plan.status;
	task->transferred = task->length - plan.missing;
	task->overflow = plan.overflow;
	if (plan.status != SCSI_CHECK_CONDITION || plan.no_sense)
		return true;
	sense_set(&sense, plan.key, plan.code);
	sense.deferred = plan.deferred;
	sense.information_valid = plan.lba != 0;
	sense.information = plan.lba;
	task->sense_len =
	    (uint16_t)sense_put(task->sense, TASK_SENSE_MAX, true, &sense);
	return true;
}

static void
happens(uint8_t opcode, unsigned times, uint8_t status, enum sense_key key,
    unsigned code)
{
	memset(&plan, 0, sizeof(plan));
	plan.opcode = opcode;
	plan.times = times;
	plan.status = status;
	plan.key = key;
	plan.code = code;
	rig.session.hook = hook_plan;
}

static void
sense_to_errno(void **state)
{
	(void)state;
	start();
	happens(SCSI_OP_READ_16, 1, SCSI_CHECK_CONDITION, SENSE_MEDIUM_ERROR,
	    SENSE_READ_ERROR);
	plan.lba = 12;
	assert_int_equal(rd(10 * 512, 2048), -EIO);
	logged("LUN 3: READ(16) of LBA 10, 4 blocks: MEDIUM ERROR");
	logged("LBA 12");
	happens(SCSI_OP_WRITE_16, 1, SCSI_CHECK_CONDITION, SENSE_DATA_PROTECT,
	    SENSE_SPACE_ALLOCATION_FAILED);
	assert_int_equal(wr(0, 512), -ENOSPC);
	happens(SCSI_OP_WRITE_16, 1, SCSI_CHECK_CONDITION, SENSE_DATA_PROTECT,
	    SENSE_WRITE_PROTECTED);
	assert_int_equal(wr(0, 512), -EROFS);
	happens(SCSI_OP_WRITE_16, 1, SCSI_CHECK_CONDITION, SENSE_HARDWARE_ERROR,
	    SENSE_INTERNAL_FAILURE);
	assert_int_equal(wr(0, 512), -EIO);
	happens(SCSI_OP_WRITE_16, 1, SCSI_RESERVATION_CONFLICT, 0, 0);
	assert_int_equal(wr(0, 512), -EBUSY);
	happens(SCSI_OP_WRITE_16, 1, SCSI_BUSY, 0, 0);
	assert_int_equal(wr(0, 512), -EIO);
	happens(SCSI_OP_READ_16, 1, SCSI_CHECK_CONDITION, 0, 0);
	plan.no_sense = true;
	assert_int_equal(rd(0, 512), -EIO);
	logged("CHECK CONDITION without sense data");
	assert_int_equal(rd(0, 512), 0);
	rig_fini(&rig);
}

static struct error why;

static void
why_is(enum error_class class, const char *part)
{
	assert_int_equal(why.class, class);
	if (strstr(why.text, part) == NULL)
		fail_msg("\"%s\" not in \"%s\"", part, why.text);
	why.class = ERROR_NONE;
	why.text[0] = '\0';
}

/* Who asks is told which block it was, in words, and whether it is the block or
 * the LUN that is bad. */
static void
sense_to_words(void **state)
{
	(void)state;
	start();
	rig.why = &why;
	happens(SCSI_OP_READ_16, 1, SCSI_CHECK_CONDITION, SENSE_MEDIUM_ERROR,
	    SENSE_READ_ERROR);
	plan.lba = 13;
	assert_int_equal(rd(10 * 512, 2048), -EIO);
	why_is(ERROR_IO, "LUN 3: READ(16) of LBA 10, 4 blocks: MEDIUM ERROR, "
			 "UNRECOVERED READ ERROR (3/11/00), LBA 13");
	/* Not one of its blocks. */
	happens(SCSI_OP_READ_16, 1, SCSI_CHECK_CONDITION, SENSE_MEDIUM_ERROR,
	    SENSE_READ_ERROR);
	plan.lba = 14;
	assert_int_equal(rd(10 * 512, 2048), -EIO);
	assert_null(strstr(why.text, "LBA 14"));
	why_is(ERROR_IO, "(3/11/00)");
	happens(SCSI_OP_WRITE_16, 1, SCSI_CHECK_CONDITION, SENSE_HARDWARE_ERROR,
	    SENSE_WRITE_ERROR);
	assert_int_equal(wr(0, 512), -EIO);
	why_is(ERROR_IO, "WRITE(16) of LBA 0, 1 blocks: HARDWARE ERROR");
	happens(SCSI_OP_READ_16, 1000, SCSI_CHECK_CONDITION,
	    SENSE_ABORTED_COMMAND, 0);
	assert_int_equal(rd(0, 512), -EIO);
	why_is(ERROR_IO, "ABORTED COMMAND");
	happens(SCSI_OP_READ_16, 1, SCSI_CHECK_CONDITION, SENSE_NOT_READY,
	    SENSE_MANUAL_INTERVENTION);
	assert_int_equal(rd(0, 512), -EIO);
	why_is(ERROR_FAILED, "NOT READY");
	happens(SCSI_OP_WRITE_16, 1, SCSI_CHECK_CONDITION, SENSE_DATA_PROTECT,
	    SENSE_SPACE_ALLOCATION_FAILED);
	assert_int_equal(wr(0, 512), -ENOSPC);
	why_is(ERROR_FAILED, "SPACE ALLOCATION FAILED");
	happens(SCSI_OP_WRITE_16, 1, SCSI_RESERVATION_CONFLICT, 0, 0);
	assert_int_equal(wr(0, 512), -EBUSY);
	why_is(ERROR_FAILED, "RESERVATION CONFLICT");
	happens(SCSI_OP_SYNCHRONIZE_CACHE_16, 1, SCSI_CHECK_CONDITION,
	    SENSE_MEDIUM_ERROR, SENSE_WRITE_ERROR);
	plan.lba = 77;
	assert_int_equal(flush(), -EIO);
	why_is(ERROR_IO, "LBA 77");
	happens(SCSI_OP_READ_16, 1, SCSI_GOOD, 0, 0);
	plan.outcome = TASK_TIMEDOUT;
	assert_int_equal(rd(0, 512), -EIO);
	why_is(ERROR_UNREACHED, "no answer in time");
	/* What went well says nothing. */
	assert_int_equal(rd(0, 512), 0);
	assert_int_equal(why.class, ERROR_NONE);
	rig_fini(&rig);
}

/* The LUN itself, not its blocks. */
static void
closed_in_words(void **state)
{
	int waits;

	(void)state;
	start();
	rig.why = &why;
	fake_lose(&rig.session, false, false);
	rig_submit(&rig, BDEV_READ, 0, buf, 512, 0, &waits);
	rig_deliver(&rig);
	fake_lose(&rig.session, false, true);
	rig_deliver(&rig);
	assert_int_equal(waits, -EIO);
	why_is(ERROR_FAILED, "LUN 3: the session was lost");
	assert_int_equal(rd(0, 512), -EIO);
	why_is(ERROR_FAILED, "LUN 3: the session was lost");
	lun_stop(rig.lun);
	assert_int_equal(rd(0, 512), -EIO);
	why_is(ERROR_FAILED, "LUN 3: it is being closed");
	rig_fini(&rig);

	/* Another disk answers at its address. */
	start();
	rig.why = &why;
	fake_lose(&rig.session, false, false);
	rig.session.disk.serial = "ANOTHER";
	rig_up(&rig);
	rig_settle(&rig);
	assert_int_equal(rd(0, 512), -EIO);
	why_is(ERROR_FAILED, "not the same any more");
	rig_fini(&rig);
}

/* GOOD is not enough: every byte must have moved, and no more. */
static void
residual(void **state)
{
	(void)state;
	start();
	happens(SCSI_OP_READ_16, 1, SCSI_GOOD, 0, 0);
	plan.missing = 1;
	assert_int_equal(rd(0, 512), -EIO);
	logged("not all data was transferred");
	happens(SCSI_OP_WRITE_16, 1, SCSI_GOOD, 0, 0);
	plan.missing = 512;
	assert_int_equal(wr(0, 512), -EIO);
	happens(SCSI_OP_READ_16, 1, SCSI_GOOD, 0, 0);
	plan.overflow = true;
	assert_int_equal(rd(0, 512), -EIO);
	/* The same with the words of success in sense data. */
	happens(SCSI_OP_READ_16, 1, SCSI_CHECK_CONDITION, SENSE_RECOVERED_ERROR,
	    0x1701);
	assert_int_equal(rd(0, 512), 0);
	happens(SCSI_OP_READ_16, 1, SCSI_CHECK_CONDITION, SENSE_RECOVERED_ERROR,
	    0x1701);
	plan.missing = 1;
	assert_int_equal(rd(0, 512), -EIO);
	rig_fini(&rig);
}

/* Discarded blocks may keep their content: tgtd takes the list of UNMAP and
 * counts all of it as missing. */
static void
residual_of_unmap(void **state)
{
	struct fake_disk *d = &rig.session.disk;

	(void)state;
	rig_init(&rig, 512, 256, 0);
	d->capacity.lbpme = d->capacity.lbprz = true;
	d->provisioning.lbprz = 1;
	d->provisioning.lbpws = d->provisioning.lbpu = true;
	d->limits.max_unmap_lbas = 256;
	d->limits.max_unmap_descriptors = 1;
	rig_start(&rig);
	assert_non_null(rig.bdev);
	happens(SCSI_OP_UNMAP, 1, SCSI_GOOD, 0, 0);
	plan.missing = 24;
	assert_int_equal(rig_do(&rig, BDEV_DISCARD, 0, NULL, 512 * 100, 0), 0);
	assert_int_equal(plan.times, 0);
	/* Of zeros none may be missing. */
	happens(SCSI_OP_WRITE_SAME_16, 1, SCSI_GOOD, 0, 0);
	plan.missing = 1;
	assert_int_equal(rig_do(&rig, BDEV_ZERO, 0, NULL, 512, 0), -EIO);
	rig_fini(&rig);
}

static void
bad_outcomes(void **state)
{
	(void)state;
	start();
	happens(SCSI_OP_WRITE_16, 1, SCSI_GOOD, 0, 0);
	plan.outcome = TASK_TIMEDOUT;
	assert_int_equal(wr(0, 512), -EIO);
	logged("no answer in time");
	happens(SCSI_OP_WRITE_16, 1, SCSI_GOOD, 0, 0);
	plan.outcome = TASK_BAD_REPLY;
	assert_int_equal(wr(0, 512), -EIO);
	logged("breaks the protocol");
	rig_fini(&rig);
}

static void
sent_again(void **state)
{
	(void)state;
	start();
	happens(SCSI_OP_WRITE_16, 8, SCSI_CHECK_CONDITION, SENSE_UNIT_ATTENTION,
	    SENSE_POWER_ON_RESET);
	assert_int_equal(wr(0, 512), 0);
	assert_int_equal(rig.session.sent[SCSI_OP_WRITE_16], 9);
	happens(SCSI_OP_WRITE_16, 1000, SCSI_CHECK_CONDITION,
	    SENSE_UNIT_ATTENTION, SENSE_POWER_ON_RESET);
	assert_int_equal(wr(0, 512), -EIO);
	assert_int_equal(rig.session.sent[SCSI_OP_WRITE_16], 18);
	happens(SCSI_OP_READ_16, 3, SCSI_TASK_ABORTED, 0, 0);
	assert_int_equal(rd(0, 512), 0);
	happens(SCSI_OP_READ_16, 3, SCSI_CHECK_CONDITION, SENSE_ABORTED_COMMAND,
	    0x4705);
	assert_int_equal(rd(0, 512), 0);
	rig_fini(&rig);
}

/* An acknowledged write that fails later is told to the next flush, once. */
static void
deferred_error(void **state)
{
	(void)state;
	start();
	happens(SCSI_OP_READ_16, 1, SCSI_CHECK_CONDITION, SENSE_MEDIUM_ERROR,
	    SENSE_WRITE_ERROR);
	plan.deferred = true;
	assert_int_equal(rd(0, 512), 0);
	logged("a write that was acknowledged before has failed");
	assert_int_equal(flush(), -EIO);
	assert_int_equal(flush(), 0);
	happens(SCSI_OP_SYNCHRONIZE_CACHE_16, 1, SCSI_CHECK_CONDITION,
	    SENSE_MEDIUM_ERROR, SENSE_WRITE_ERROR);
	plan.deferred = true;
	assert_int_equal(flush(), -EIO);
	assert_int_equal(flush(), 0);
	rig_fini(&rig);
}

static bool
hook_becoming_ready(struct session *s, struct task *task, void *ctx)
{
	(void)ctx;
	if (s->now >= 5 * CLOCK_S || task->cdb[0] == SCSI_OP_INQUIRY)
		return false;
	fake_check(task, SENSE_NOT_READY, 0x040a);
	return true;
}

/* A failover on the target's side: requests wait until it is through. */
static void
becoming_ready(void **state)
{
	int result;

	(void)state;
	start();
	rig.session.hook = hook_becoming_ready;
	rig_submit(&rig, BDEV_WRITE, 0, buf, 512, 0, &result);
	rig_settle(&rig);
	while (result == 1) {
		assert_true(rig_wait(&rig));
		rig_settle(&rig);
	}
	assert_int_equal(result, 0);
	assert_true(rig.session.now >= 5 * CLOCK_S);
	assert_int_equal(rig.session.sent[SCSI_OP_WRITE_16], 2);
	rig_fini(&rig);
}

/* ---- the connection ---- */

/* Never sent: sent when the session is back.  Sent: fails, but only when the
 * session has made an end of it, and an overlapping write waits until then. */
static void
lost(void **state)
{
	int first, second, read, late;

	(void)state;
	start();
	memset(buf, 1, 512);
	memset(buf + 512, 2, 512);
	rig_submit(&rig, BDEV_WRITE, 0, buf, 512, 0, &first);
	rig_submit(&rig, BDEV_WRITE, 0, buf + 512, 512, 0, &second);
	rig_submit(&rig, BDEV_READ, 8192, buf + 1024, 512, 0, &read);
	assert_int_equal(rig.session.in_flight_n, 2);
	fake_lose(&rig.session, false, false);
	rig_deliver(&rig);
	assert_int_equal(read, -EIO);
	assert_int_equal(first, 1);
	assert_int_equal(second, 1);
	assert_false(lun_healthy(rig.lun));
	rig_submit(&rig, BDEV_READ, 0, buf + 1024, 512, 0, &late);
	rig_settle(&rig);
	assert_int_equal(late, 1);
	rig_up(&rig);
	rig_settle(&rig);
	assert_int_equal(first, -EIO);
	assert_int_equal(second, 0);
	assert_int_equal(late, 0);
	assert_true(lun_healthy(rig.lun));
	assert_memory_equal(rig.session.disk.data, buf + 512, 512);
	logged("the connection was lost");
	rig_fini(&rig);
}

static void
unsent(void **state)
{
	int result;
	unsigned i;

	(void)state;
	start();
	memset(buf, 7, 1024);
	rig_submit(&rig, BDEV_WRITE, 100, buf, 700, 0, &result);
	/* However often: it was never sent. */
	for (i = 0; i < 30; i++) {
		if (i % 2 == 0)
			rig_deliver(&rig);
		fake_lose(&rig.session, true, false);
		if (i % 3 == 0)
			rig_deliver(&rig);
		rig_up(&rig);
	}
	assert_int_equal(result, 1);
	rig_settle(&rig);
	assert_int_equal(result, 0);
	assert_memory_equal(rig.session.disk.data + 100, buf, 700);
	assert_int_equal(rig.session.disk.data[99], 0);
	assert_int_equal(rig.session.disk.data[800], 0);
	rig_fini(&rig);
}

/* The session knows of the loss before its users do. */
static void
unsent_before_lost(void **state)
{
	int result;

	(void)state;
	start();
	rig.session.state = SESSION_WAIT;
	rig_submit(&rig, BDEV_READ, 0, buf, 512, 0, &result);
	rig_deliver(&rig);
	assert_int_equal(result, 1);
	assert_false(lun_healthy(rig.lun));
	rig_up(&rig);
	rig_settle(&rig);
	assert_int_equal(result, 0);
	rig_fini(&rig);
}

static void
gone(void **state)
{
	int waits;

	(void)state;
	start();
	fake_lose(&rig.session, false, false);
	rig_submit(&rig, BDEV_READ, 0, buf, 512, 0, &waits);
	rig_deliver(&rig);
	assert_int_equal(waits, 1);
	fake_lose(&rig.session, false, true);
	assert_int_equal(waits, 1);
	rig_deliver(&rig);
	assert_int_equal(waits, -EIO);
	assert_int_equal(rd(0, 512), -EIO);
	rig_fini(&rig);
}

static void
stopped(void **state)
{
	int flying, locked, waits, parked;

	(void)state;
	start();
	rig_submit(&rig, BDEV_WRITE, 10, buf, 512, 0, &flying);
	rig_submit(&rig, BDEV_WRITE, 0, buf, 512, 0, &locked);
	lun_stop(rig.lun);
	rig_settle(&rig);
	/* Its blocks were read only: nothing was written. */
	assert_int_equal(flying, -EIO);
	assert_int_equal(locked, -EIO);
	assert_int_equal(rig.session.sent[SCSI_OP_WRITE_16], 0);
	assert_int_equal(rd(0, 512), -EIO);
	assert_int_equal(lun_in_flight(rig.lun), 0);
	rig_fini(&rig);

	start();
	rig_submit(&rig, BDEV_WRITE, 0, buf, 512, 0, &parked);
	fake_lose(&rig.session, true, false);
	rig_deliver(&rig);
	rig_submit(&rig, BDEV_READ, 0, buf, 512, 0, &waits);
	lun_stop(rig.lun);
	assert_int_equal(waits, 1);
	assert_int_equal(parked, 1);
	rig_deliver(&rig);
	assert_int_equal(waits, -EIO);
	assert_int_equal(parked, -EIO);
	rig_fini(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checked_first),
		cmocka_unit_test(more_than_the_pool),
		cmocka_unit_test(sense_to_errno),
		cmocka_unit_test(sense_to_words),
		cmocka_unit_test(closed_in_words),
		cmocka_unit_test(residual),
		cmocka_unit_test(residual_of_unmap),
		cmocka_unit_test(bad_outcomes),
		cmocka_unit_test(sent_again),
		cmocka_unit_test(deferred_error),
		cmocka_unit_test(becoming_ready),
		cmocka_unit_test(lost),
		cmocka_unit_test(unsent),
		cmocka_unit_test(unsent_before_lost),
		cmocka_unit_test(gone),
		cmocka_unit_test(stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
