/* SPDX-License-Identifier: BSD-2-Clause */
/* COPY on targets that are not as they should be: LUNs that share a name, limits,
 * refusals, losses.  What a good target copies is tests/pair's. */
#include "unit.h"

#include <errno.h>

#include "base/be.h"
#include "lun_rig.h"

#define BLOCKS 256
#define NAME_A "\x60\x01\x02\x03\x04\x05\x06\x07" /* of the destination */
#define NAME_B "\x60\x0a\x0b\x0c\x0d\x0e\x0f\x10" /* of the source */

static struct rig rig;
static struct lun *source;
static struct error why;
static uint8_t other[BLOCKS * 512]; /* what the source holds */

/* ---- the target as a copy manager ---- */

static struct copier {
	struct xcopy_limits limits;
	uint64_t luns[8];
	unsigned luns_n;
	const char *third; /* the designator at any other address */
	/* How EXTENDED COPY fails, `times` times. */
	unsigned times;
	uint8_t status;
	enum sense_key key;
	unsigned code;
	/* What was seen. */
	unsigned copies;
	unsigned most; /* in flight */
	struct xcopy_header header;
} t;

static void
reply(struct task *task, const void *data, int len)
{
	assert_true(len > 0 && (size_t)len <= task->iov->iov_len);
	memcpy(task->iov->iov_base, data, (size_t)len);
	task->transferred = (uint32_t)len;
}

static void
carry_out(struct session *s, struct task *task)
{
	const uint8_t *p = task->iov->iov_base;
	struct xcopy_cscd from, to;
	struct xcopy_segment seg;

	t.copies++;
	if (t.times > 0) {
		t.times--;
		if (t.status == SCSI_CHECK_CONDITION)
			fake_check(task, t.key, t.code);
		else
			task->status = t.status;
		return;
	}
	xcopy_header_get(p, XCOPY_LIST_LEN, &t.header);
	p += XCOPY_HEADER_LEN;
	assert_int_equal(xcopy_cscd_get(p, XCOPY_CSCD_LEN, &from), 0);
	p += XCOPY_CSCD_LEN;
	assert_int_equal(xcopy_cscd_get(p, XCOPY_CSCD_LEN, &to), 0);
	p += XCOPY_CSCD_LEN;
	assert_int_equal(xcopy_segment_get(p, XCOPY_SEGMENT_LEN, &seg), 0);
	assert_int_equal(from.block_size, 512);
	assert_memory_equal(from.designator, NAME_B, 8);
	assert_memory_equal(to.designator, NAME_A, 8);
	assert_int_equal(seg.source, 0);
	assert_int_equal(seg.destination, 1);
	if (t.limits.max_segment != 0)
		assert_true(seg.blocks * 512u <= t.limits.max_segment);
	memcpy(s->disk.data + seg.destination_lba * 512,
	    other + seg.source_lba * 512, seg.blocks * 512u);
	task->transferred = task->length;
}

static bool
hook(struct session *s, struct task *task, void *ctx)
{
	struct designator d = {
		.code_set = DESIGNATOR_BINARY, .type = DESIGNATOR_NAA, .len = 8
	};
	uint8_t buf[512];
	struct task *in;
	unsigned n = 1;

	(void)ctx;
	switch (task->cdb[0]) {
	case SCSI_OP_RECEIVE_COPY_RESULTS:
		if (s->disk.refuse_opcode[SCSI_OP_RECEIVE_COPY_RESULTS])
			return false;
		reply(task, buf, xcopy_limits_put(buf, sizeof(buf), &t.limits));
		return true;
	case SCSI_OP_REPORT_LUNS:
		reply(
		    task, buf, lunlist_put(buf, sizeof(buf), t.luns, t.luns_n));
		return true;
	case SCSI_OP_EXTENDED_COPY:
		TAILQ_FOREACH (in, &s->in_flight, link)
			n += in->cdb[0] == SCSI_OP_EXTENDED_COPY;
		t.most = n > t.most ? n : t.most;
		carry_out(s, task);
		return true;
	case SCSI_OP_INQUIRY:
		if (task->lun == FAKE_ADDRESS || task->lun == FAKE_OTHER)
			return false;
		d.value = (const uint8_t *)t.third;
		if (t.third == NULL)
			fake_check(task, SENSE_ILLEGAL_REQUEST,
			    SENSE_INVALID_FIELD_IN_CDB);
		else
			reply(task, buf,
			    vpd_designators_put(
				buf, sizeof(buf), SCSI_TYPE_DISK, &d, 1));
		return true;
	default:
		return false;
	}
}

/* ---- the rig ---- */

static uint64_t
source_now(void *ctx)
{
	(void)ctx;
	return rig.session.now;
}

static void
source_ready(struct lun *lun, const struct error *err, void *ctx)
{
	(void)lun;
	(void)ctx;
	assert_null(err);
}

static void
source_wake(struct lun *lun, uint64_t at, void *ctx)
{
	(void)lun;
	(void)at;
	(void)ctx;
}

static void
prepare(void)
{
	rig_init(&rig, 512, BLOCKS, 0);
	rig.why = &why;
	rig.session.disk.designator = NAME_A;
	rig.session.disk.other = NAME_B;
	rig.session.disk.third_party_copy = true;
	rig.session.hook = hook;
	memset(&t, 0, sizeof(t));
	t.limits = (struct xcopy_limits){ .snlid = true,
		.max_cscds = 2,
		.max_segments = 1,
		.max_list = 1024,
		.total_concurrent = 1,
		.max_concurrent = 1 };
	t.luns[0] = FAKE_ADDRESS;
	t.luns[1] = FAKE_OTHER;
	t.luns[2] = UINT64_C(0x0005000000000000);
	t.luns_n = 3;
	t.third = "\x30\x00\x00\x00\x00\x00\x00\x01";
	for (size_t i = 0; i < sizeof(other); i++)
		other[i] = (uint8_t)(i * 7 + i / 512);
}

static void
start(void)
{
	struct lun_config config = { .session = &rig.session,
		.address = FAKE_OTHER,
		.number = 4,
		.now = source_now,
		.ready = source_ready,
		.wake = source_wake };

	rig_start(&rig);
	assert_non_null(rig.bdev);
	source = lun_new(&config);
	assert_non_null(source);
	rig_settle(&rig);
	assert_true(lun_healthy(source));
}

static void
end(void)
{
	lun_stop(source);
	lun_free(source);
	rig_fini(&rig);
}

struct copying {
	struct bdev_req req;
	int result; /* 1: in flight */
};

static void
copied(struct bdev_req *req)
{
	((struct copying *)req->ctx)->result = req->result;
}

static void
submit(struct copying *c, uint64_t to, uint64_t from, uint64_t length)
{
	*c = (struct copying){ .req = { .op = BDEV_COPY,
				   .offset = to,
				   .length = length,
				   .source = lun_bdev(source),
				   .source_offset = from,
				   .why = &why,
				   .done = copied,
				   .ctx = c },
		.result = 1 };
	why.class = ERROR_NONE;
	bdev_submit(rig.bdev, &c->req);
}

static int
copy(uint64_t to, uint64_t from, uint64_t length)
{
	struct copying c;

	submit(&c, to, from, length);
	rig_settle(&rig);
	return c.result;
}

static void
unsupported(const char *part)
{
	unsigned before = t.copies;

	assert_int_equal(copy(0, 0, 512), -EOPNOTSUPP);
	assert_int_equal(t.copies, before);
	assert_int_equal(why.class, ERROR_FAILED);
	if (strstr(why.text, part) == NULL)
		fail_msg("\"%s\" not in \"%s\"", part, why.text);
}

static void
holds(uint64_t to, uint64_t from, size_t length)
{
	assert_memory_equal(rig.session.disk.data + to, other + from, length);
}

/* ---- the tests ---- */

static void
proven_once(void **state)
{
	(void)state;
	prepare();
	start();
	assert_true(rig.bdev->can_copy);
	assert_int_equal(copy(512, 5 * 512, 20 * 512), 0);
	holds(512, 5 * 512, 20 * 512);
	assert_int_equal(t.header.list_id_usage, XCOPY_LIST_NONE);
	assert_int_equal(t.header.list_id, 0);
	assert_int_equal(rig.session.sent[SCSI_OP_RECEIVE_COPY_RESULTS], 1);
	assert_int_equal(rig.session.sent[SCSI_OP_REPORT_LUNS], 1);
	assert_int_equal(copy(0, 0, 512), 0);
	assert_int_equal(rig.session.sent[SCSI_OP_REPORT_LUNS], 1);
	/* After a loss the LUNs may be others. */
	fake_lose(&rig.session, false, false);
	rig_deliver(&rig);
	rig_up(&rig);
	rig_settle(&rig);
	assert_int_equal(copy(0, 512, 512), 0);
	assert_int_equal(rig.session.sent[SCSI_OP_REPORT_LUNS], 2);
	end();
}

/* A name that two LUNs have: the target would take either. */
static void
twins(void **state)
{
	(void)state;
	prepare();
	t.third = NAME_B;
	start();
	unsupported("another LUN has the source's designator");
	t.third = NAME_A;
	unsupported("another LUN has its designator");
	t.third = NULL; /* no page, no name */
	assert_int_equal(copy(0, 0, 512), 0);
	end();

	prepare();
	rig.session.disk.other = NAME_A;
	start();
	unsupported("both LUNs have one designator");
	end();

	prepare();
	t.luns[1] = t.luns[2];
	t.luns_n = 2;
	start();
	unsupported("not among the LUNs");
	end();
}

static void
limits(void **state)
{
	(void)state;
	prepare();
	t.limits.max_segment = 3 * 512 + 100;
	t.limits.snlid = false;
	start();
	assert_int_equal(copy(0, 512, 10 * 512), 0);
	assert_int_equal(t.copies, 4);
	assert_int_equal(t.header.list_id_usage, XCOPY_LIST_NOT_HELD);
	assert_int_not_equal(t.header.list_id, 0);
	holds(0, 512, 10 * 512);
	end();

	prepare();
	t.limits.segment_granularity = 11; /* 4 blocks */
	t.limits.max_segment = 7 * 512;
	start();
	assert_int_equal(copy(0, 0, 8 * 512), 0);
	assert_int_equal(t.copies, 2);
	unsupported("larger units");
	end();

	prepare();
	t.limits.max_cscds = 1;
	start();
	unsupported("no room");
	assert_false(rig.bdev->can_copy);
	end();

	prepare();
	t.limits.types_n = 1;
	t.limits.types[0] = 0xe4;
	start();
	unsupported("designators");
	end();

	prepare();
	t.limits.max_segment = 100;
	start();
	unsupported("too small");
	end();
}

/* No more at a time than the target says; those behind wait, and all get there.
 */
static void
concurrent(void **state)
{
	struct copying c[20];

	(void)state;
	for (unsigned most = 1; most <= 3; most++) {
		prepare();
		t.limits.max_concurrent = (uint8_t)most;
		t.limits.max_segment = 1024;
		start();
		for (unsigned i = 0; i < countof(c); i++)
			submit(&c[i], i * 4096, i * 2048, 2048);
		while (rig_step(&rig))
			;
		rig_settle(&rig);
		for (unsigned i = 0; i < countof(c); i++) {
			assert_int_equal(c[i].result, 0);
			holds(i * 4096, i * 2048, 2048);
		}
		assert_int_equal(t.most, most);
		assert_int_equal(rig.session.sent[SCSI_OP_REPORT_LUNS], 1);
		/* With nothing left to prove. */
		for (unsigned i = 0; i < countof(c); i++)
			submit(&c[i], i * 4096, i * 2048 + 512, 1024);
		rig_settle(&rig);
		for (unsigned i = 0; i < countof(c); i++)
			holds(i * 4096, i * 2048 + 512, 1024);
		assert_int_equal(t.most, most);
		end();
	}
}

static void
refusals(void **state)
{
	(void)state;
	/* It does not say that it can. */
	prepare();
	rig.session.disk.third_party_copy = false;
	start();
	assert_false(rig.bdev->can_copy);
	unsupported("does not offer");
	end();
	/* It says so, and cannot. */
	prepare();
	rig.session.disk.refuse_opcode[SCSI_OP_RECEIVE_COPY_RESULTS] = true;
	start();
	unsupported("INVALID COMMAND OPERATION CODE");
	assert_false(rig.bdev->can_copy);
	end();

	static const struct {
		enum sense_key key;
		unsigned code;
		int result;
	} rows[] = {
		{ SENSE_ILLEGAL_REQUEST, SENSE_TOO_MANY_SEGMENTS, -EOPNOTSUPP },
		{ SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH,
		    -EOPNOTSUPP },
		{ SENSE_NOT_READY, SENSE_UNIT_COMMUNICATION_FAILURE,
		    -EOPNOTSUPP },
		{ SENSE_COPY_ABORTED, SENSE_COPY_NOT_REACHABLE, -EOPNOTSUPP },
		{ SENSE_COPY_ABORTED, SENSE_THIRD_PARTY_FAILURE, -EIO },
		{ SENSE_ABORTED_COMMAND, 0, -EIO },
		{ SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED, -EROFS },
		{ SENSE_DATA_PROTECT, SENSE_SPACE_ALLOCATION_FAILED, -ENOSPC },
	};
	prepare();
	start();
	t.status = SCSI_CHECK_CONDITION;
	for (unsigned i = 0; i < countof(rows); i++) {
		unsigned before = t.copies;

		t.times = 1;
		t.key = rows[i].key;
		t.code = rows[i].code;
		assert_int_equal(copy(0, 0, 512), rows[i].result);
		/* Never twice. */
		assert_int_equal(t.copies, before + 1);
		assert_true(why.class != ERROR_NONE && why.text[0] != '\0');
	}
	/* What was not begun is sent again. */
	t.times = 2;
	t.key = SENSE_UNIT_ATTENTION;
	t.code = SENSE_NEXUS_LOSS;
	assert_int_equal(copy(0, 0, 512), 0);
	t.times = 1;
	t.status = SCSI_TASK_ABORTED;
	assert_int_equal(copy(0, 0, 512), -EIO);
	end();
}

/* What can be known without asking. */
static void
obstacles(void **state)
{
	struct copying c;

	(void)state;
	prepare();
	start();
	assert_int_equal(copy(100, 0, 512), -EOPNOTSUPP);
	assert_int_equal(copy(0, 100, 512), -EOPNOTSUPP);
	assert_int_equal(copy(0, 0, 100), -EOPNOTSUPP);
	assert_int_equal(copy(0, (BLOCKS - 1) * 512, 1024), -EINVAL);
	assert_int_equal(copy((BLOCKS - 1) * 512, 0, 1024), -EINVAL);
	/* Within itself, onto itself. */
	submit(&c, 0, 0, 512);
	rig_settle(&rig);
	c = (struct copying){ .req = { .op = BDEV_COPY,
				  .length = 2048,
				  .source = rig.bdev,
				  .source_offset = 1024,
				  .done = copied,
				  .ctx = &c },
		.result = 1 };
	bdev_submit(rig.bdev, &c.req);
	rig_settle(&rig);
	assert_int_equal(c.result, -EOPNOTSUPP);
	/* A source that is on its way out. */
	lun_stop(source);
	unsupported("does not answer");
	end();
}

/* The connection goes at every point of the way: no success without all data,
 * and what waits gets there. */
static void
losses(void **state)
{
	struct copying c[6];

	(void)state;
	for (unsigned point = 0; point < 60; point++) {
		prepare();
		rig.session.seed = point;
		t.limits.max_segment = 1024;
		start();
		for (unsigned i = 0; i < countof(c); i++)
			submit(&c[i], i * 4096, i * 2048, 2048);
		for (unsigned i = 0; i < point; i++)
			rig_step(&rig);
		fake_lose(&rig.session, point % 3 == 0, false);
		if (point % 2 == 0)
			rig_deliver(&rig);
		rig_up(&rig);
		rig_settle(&rig);
		for (unsigned i = 0; i < countof(c); i++) {
			assert_int_not_equal(c[i].result, 1);
			if (c[i].result == 0)
				holds(i * 4096, i * 2048, 2048);
		}
		assert_int_equal(copy(0, 512, 512), 0);
		holds(0, 512, 512);
		end();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proven_once),
		cmocka_unit_test(twins),
		cmocka_unit_test(limits),
		cmocka_unit_test(concurrent),
		cmocka_unit_test(refusals),
		cmocka_unit_test(obstacles),
		cmocka_unit_test(losses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
