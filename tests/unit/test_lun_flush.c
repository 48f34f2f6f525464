/* SPDX-License-Identifier: BSD-2-Clause */
/* What a FLUSH and a FUA request promise when the target's cache may have lost
 * what it had acknowledged. */
#include "unit.h"

#include <errno.h>

#include "lun_rig.h"

static struct rig rig;
static uint8_t buf[1 << 16];

static void
prepare(void)
{
	rig_init(&rig, 512, 256, 0);
}

static void
start(void)
{
	rig_start(&rig);
	assert_non_null(rig.bdev);
	rig.log[0] = '\0';
}

static int
wr(uint32_t flags)
{
	return rig_do(&rig, BDEV_WRITE, 0, buf, 512, flags);
}

static int
flush(void)
{
	return rig_do(&rig, BDEV_FLUSH, 0, NULL, 0, 0);
}

static void
lose(void)
{
	fake_lose(&rig.session, true, false);
	rig_deliver(&rig);
}

static void
come_back(void)
{
	rig_up(&rig);
	rig_settle(&rig);
}

static void
lose_and_come_back(void)
{
	lose();
	come_back();
}

static void
told_once(void)
{
	assert_int_equal(flush(), -EIO);
	assert_non_null(strstr(rig.log, "may not have survived"));
	assert_int_equal(flush(), 0);
	rig_fini(&rig);
}

static void
not_told(void)
{
	assert_int_equal(flush(), 0);
	assert_null(strstr(rig.log, "may not have survived"));
	rig_fini(&rig);
}

/* What has to be flushed before the end. */
static void
dirty_until_flushed_or_told(void **state)
{
	(void)state;
	prepare();
	start();
	assert_false(lun_dirty(rig.lun));
	assert_int_equal(rig_do(&rig, BDEV_READ, 0, buf, 512, 0), 0);
	assert_false(lun_dirty(rig.lun));
	assert_int_equal(wr(0), 0);
	assert_true(lun_dirty(rig.lun));
	assert_int_equal(flush(), 0);
	assert_false(lun_dirty(rig.lun));
	assert_int_equal(rig_do(&rig, BDEV_ZERO, 0, NULL, 4096, 0), 0);
	lose_and_come_back();
	assert_true(lun_dirty(rig.lun));
	assert_int_equal(flush(), -EIO);
	assert_false(lun_dirty(rig.lun));
	rig_fini(&rig);
}

/* ---- a session that was lost ---- */

static void
never_flushed(void **state)
{
	(void)state;
	prepare();
	start();
	assert_int_equal(wr(0), 0);
	lose_and_come_back();
	assert_non_null(strstr(rig.log, "the connection was lost: writes "
					"acknowledged before may not have "
					"survived"));
	told_once();
}

/* Nor is it told again after another loss. */
static void
lost_twice(void **state)
{
	(void)state;
	prepare();
	start();
	assert_int_equal(wr(0), 0);
	lose_and_come_back();
	lose_and_come_back();
	assert_int_equal(flush(), -EIO);
	lose_and_come_back();
	assert_int_equal(flush(), 0);
	rig_fini(&rig);
}

static void
zeros_count(void **state)
{
	(void)state;
	prepare();
	start();
	assert_int_equal(rig_do(&rig, BDEV_ZERO, 0, NULL, 4096, 0), 0);
	assert_int_equal(rig.session.sent[SCSI_OP_WRITE_SAME_16], 1);
	lose_and_come_back();
	told_once();
}

static void
all_flushed(void **state)
{
	(void)state;
	prepare();
	start();
	assert_int_equal(wr(0), 0);
	assert_int_equal(flush(), 0);
	lose_and_come_back();
	not_told();
}

static void
nothing_written(void **state)
{
	(void)state;
	prepare();
	rig.session.disk.limits.max_unmap_lbas = 256;
	rig.session.disk.limits.max_unmap_descriptors = 1;
	rig.session.disk.provisioning.lbpu = true;
	start();
	assert_int_equal(rig_do(&rig, BDEV_READ, 0, buf, 512, 0), 0);
	assert_int_equal(rig_do(&rig, BDEV_DISCARD, 0, NULL, 512, 0), 0);
	assert_int_equal(rig.session.sent[SCSI_OP_UNMAP], 1);
	lose_and_come_back();
	not_told();
}

static void
no_volatile_cache(void **state)
{
	(void)state;
	prepare();
	rig.session.disk.mode.caching.wce = false;
	start();
	assert_int_equal(wr(0), 0);
	lose_and_come_back();
	not_told();
}

static void
fua_bit(void **state)
{
	(void)state;
	prepare();
	rig.session.disk.mode.dpofua = true;
	start();
	assert_int_equal(wr(BDEV_FUA), 0);
	assert_true(rig.session.last.fua);
	lose_and_come_back();
	not_told();
}

/* The write ends while the SYNCHRONIZE CACHE is under way: not covered. */
static void
judged_at_submission(void **state)
{
	int flushed, written;
	struct task *sync;

	(void)state;
	prepare();
	start();
	rig_submit(&rig, BDEV_FLUSH, 0, NULL, 0, 0, &flushed);
	rig_submit(&rig, BDEV_WRITE, 0, buf, 512, 0, &written);
	sync = TAILQ_FIRST(&rig.session.in_flight);
	TAILQ_REMOVE(&rig.session.in_flight, sync, link);
	TAILQ_INSERT_TAIL(&rig.session.in_flight, sync, link);
	assert_true(fake_step(&rig.session, false));
	rig_deliver(&rig);
	assert_int_equal(written, 0);
	assert_int_equal(flushed, 1);
	rig_settle(&rig);
	assert_int_equal(flushed, 0);
	lose_and_come_back();
	told_once();
}

/* GOOD had come before the loss, but is told after it. */
static void
ended_before_told_after(void **state)
{
	int written;

	(void)state;
	prepare();
	start();
	rig_submit(&rig, BDEV_WRITE, 0, buf, 512, 0, &written);
	assert_true(fake_step(&rig.session, false));
	lose();
	assert_int_equal(written, 0);
	come_back();
	told_once();
}

/* A flush that had to wait for the session stands for the same writes. */
static void
flush_waits(void **state)
{
	int parked, waits;

	(void)state;
	prepare();
	start();
	assert_int_equal(wr(0), 0);
	rig_submit(&rig, BDEV_FLUSH, 0, NULL, 0, 0, &parked);
	lose();
	rig_submit(&rig, BDEV_FLUSH, 0, NULL, 0, 0, &waits);
	come_back();
	assert_int_equal(parked, -EIO);
	assert_int_equal(waits, -EIO);
	assert_int_equal(flush(), 0);
	rig_fini(&rig);
}

/* A flush that was under way is done by the next connection: it fails only when
 * the cache may have lost something, and even then it covers what is there. */
static void
flush_goes_on(void **state)
{
	unsigned *sent = &rig.session.sent[SCSI_OP_SYNCHRONIZE_CACHE_16];
	unsigned before;
	int result;

	(void)state;
	for (int wce = 0; wce < 2; wce++) {
		prepare();
		rig.session.disk.mode.caching.wce = wce;
		start();
		assert_int_equal(wr(0), 0);
		rig_submit(&rig, BDEV_FLUSH, 0, NULL, 0, 0, &result);
		fake_lose(&rig.session, false, false);
		rig_deliver(&rig);
		assert_int_equal(result, 1);
		rig_up(&rig);
		before = *sent;
		rig_settle(&rig);
		assert_int_equal(*sent, before + 1);
		assert_int_equal(result, wce ? -EIO : 0);
		assert_false(lun_dirty(rig.lun));
		assert_int_equal(flush(), 0);
		rig_fini(&rig);
	}
}

/* Nor is it waited for a connection that does not come. */
static void
flush_ends_with_the_session(void **state)
{
	int result;

	(void)state;
	prepare();
	start();
	assert_int_equal(wr(0), 0);
	rig_submit(&rig, BDEV_FLUSH, 0, NULL, 0, 0, &result);
	fake_lose(&rig.session, false, true);
	come_back();
	assert_int_equal(result, -EIO);
	rig_fini(&rig);
}

/* WRITE, loss, SYNCHRONIZE CACHE: the sync proves nothing. */
static void
fua_by_flush(void **state)
{
	int result;

	(void)state;
	prepare();
	start();
	rig_submit(&rig, BDEV_WRITE, 0, buf, 512, BDEV_FUA, &result);
	assert_true(fake_step(&rig.session, false));
	rig_deliver(&rig);
	assert_int_equal(rig.session.sent[SCSI_OP_SYNCHRONIZE_CACHE_16], 1);
	lose_and_come_back();
	assert_int_equal(result, -EIO);
	told_once();
}

/* The whole of it after the loss. */
static void
fua_by_flush_later(void **state)
{
	int result;

	(void)state;
	prepare();
	start();
	assert_int_equal(wr(0), 0);
	rig_submit(&rig, BDEV_WRITE, 0, buf, 512, BDEV_FUA, &result);
	lose_and_come_back();
	assert_int_equal(result, 0);
	told_once();
}

/* ---- what the target tells ---- */

static void
power_on(void **state)
{
	static const struct {
		unsigned code;
		int result;
	} cases[] = { { 0x2900, -EIO }, { 0x2901, -EIO }, { 0x2904, -EIO },
		{ 0x2902, 0 }, { 0x2903, 0 }, { 0x2907, 0 } };
	size_t i;

	(void)state;
	for (i = 0; i < countof(cases); i++) {
		prepare();
		start();
		assert_int_equal(wr(0), 0);
		fake_attention(&rig.session, cases[i].code);
		assert_int_equal(rig_do(&rig, BDEV_READ, 0, buf, 512, 0), 0);
		assert_int_equal(flush(), cases[i].result);
		assert_int_equal(flush(), 0);
		rig_fini(&rig);
	}
}

/* It meets a command of the probe instead. */
static void
power_on_while_probing(void **state)
{
	(void)state;
	prepare();
	start();
	assert_int_equal(wr(0), 0);
	fake_attention(&rig.session, SENSE_MODE_CHANGED);
	fake_attention(&rig.session, SENSE_POWER_ON_RESET);
	assert_int_equal(rig_do(&rig, BDEV_READ, 0, buf, 512, 0), 0);
	told_once();
}

static bool
hook_deferred(struct session *s, struct task *task, void *ctx)
{
	struct sense sense;

	(void)ctx;
	if (task->cdb[0] != SCSI_OP_SYNCHRONIZE_CACHE_16)
		return false;
	s->hook = NULL;
	sense_set(&sense, SENSE_MEDIUM_ERROR, SENSE_WRITE_ERROR);
	sense.deferred = true;
	task->outcome = TASK_DONE;
	task->status = SCSI_CHECK_CONDITION;
	task->sense_len =
	    (uint16_t)sense_put(task->sense, TASK_SENSE_MAX, true, &sense);
	return true;
}

/* The write that failed after all may be the very one. */
static void
deferred_error_of_fua(void **state)
{
	(void)state;
	prepare();
	start();
	rig.session.hook = hook_deferred;
	assert_int_equal(wr(BDEV_FUA), -EIO);
	told_once();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dirty_until_flushed_or_told),
		cmocka_unit_test(never_flushed),
		cmocka_unit_test(lost_twice),
		cmocka_unit_test(zeros_count),
		cmocka_unit_test(all_flushed),
		cmocka_unit_test(nothing_written),
		cmocka_unit_test(no_volatile_cache),
		cmocka_unit_test(fua_bit),
		cmocka_unit_test(judged_at_submission),
		cmocka_unit_test(ended_before_told_after),
		cmocka_unit_test(flush_waits),
		cmocka_unit_test(flush_goes_on),
		cmocka_unit_test(flush_ends_with_the_session),
		cmocka_unit_test(fua_by_flush),
		cmocka_unit_test(fua_by_flush_later),
		cmocka_unit_test(power_on),
		cmocka_unit_test(power_on_while_probing),
		cmocka_unit_test(deferred_error_of_fua),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
