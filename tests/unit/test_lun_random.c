/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random requests, many in flight and overlapping, at any byte, to disks of
 * many kinds, whose commands end in any order; against a model in memory.
 *
 * The model is exact, because overlapping writes are applied in the order of
 * their submission.  A byte is unknown from a discard, or from a write that
 * failed, until the next write to it.  Its neighbours never are.
 */
#include "unit.h"

#include <errno.h>

#include "lun_rig.h"

#define BLOCKS	 48
#define IN_AIR	 160 /* more than a lun's pool */
#define IOVS	 4
#define REQUESTS 400
#define SEEDS	 40

struct random_req {
	struct bdev_req req;
	struct iovec iov[IOVS];
	struct bdev_extent extents[5];
	uint8_t *buffer;
	uint64_t stamp;
	uint64_t *covered; /* FLUSH: stamps of the bytes that it covers */
	bool raced; /* a writer of the same bytes was in flight meanwhile */
	bool busy;
};

static struct rig rig;
static struct random_req reqs[IN_AIR];
static unsigned in_air;
static size_t size;    /* of the part that is used */
static uint64_t first; /* its first byte on the device */
static uint8_t *model;
static uint64_t *stamps; /* who wrote the byte last; 0: nobody */
static bool *unknown;
static uint64_t stamp;
static bool lossy; /* connections are lost, blocks are bad */
static bool inside_submit;

static uint64_t
below(uint64_t n)
{
	return fake_random(&rig.session, n);
}

static bool
is_writer(const struct random_req *r)
{
	return r->req.op == BDEV_WRITE || r->req.op == BDEV_ZERO ||
	       r->req.op == BDEV_DISCARD;
}

static bool
overlap(const struct random_req *a, const struct random_req *b)
{
	return a->req.offset < b->req.offset + b->req.length &&
	       b->req.offset < a->req.offset + a->req.length;
}

/* ---- ends ---- */

static void
check_read(const struct random_req *r)
{
	size_t at = r->req.offset - first, i;

	for (i = 0; i < r->req.length; i++) {
		if (!unknown[at + i])
			assert_int_equal(r->buffer[i], model[at + i]);
	}
}

static void
check_extents(const struct random_req *r)
{
	size_t at = r->req.offset - first, i, k;

	assert_in_range(r->req.extents_n, 1, 5);
	for (i = 0; i < r->req.extents_n; i++) {
		assert_true(r->extents[i].length > 0);
		assert_true(at + r->extents[i].length <=
			    r->req.offset - first + r->req.length);
		if (r->extents[i].alloc == BDEV_HOLE && !r->raced)
			for (k = at; k < at + r->extents[i].length; k++)
				assert_true(unknown[k] || model[k] == 0);
		at += r->extents[i].length;
	}
}

/* Bytes that were on their way before the flush are on the medium now. */
static void
check_flush(const struct random_req *r)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (r->covered[i] != 0 && r->covered[i] == stamps[i] &&
		    !unknown[i])
			assert_int_equal(rig.session.disk.stable[i], model[i]);
	}
}

static void
check_written(const struct random_req *r)
{
	size_t at = r->req.offset - first, i;

	for (i = at; i < at + r->req.length; i++) {
		if (stamps[i] != r->stamp)
			continue;
		if (r->req.result != 0)
			unknown[i] = true;
		else if (!unknown[i] && (r->req.flags & BDEV_FUA) != 0 &&
			 r->req.op != BDEV_DISCARD)
			assert_int_equal(rig.session.disk.stable[i], model[i]);
	}
}

static void
random_done(struct bdev_req *req)
{
	struct random_req *r = req->ctx;
	bool unsupported;

	assert_false(inside_submit);
	assert_true(r->busy);
	unsupported = req->op == BDEV_DISCARD ||
		      (req->op == BDEV_ZERO && (req->flags & BDEV_FAST) != 0);
	if (req->result == -EOPNOTSUPP)
		assert_true(unsupported);
	else if (req->result != 0)
		assert_true(lossy && req->result == -EIO);
	if (is_writer(r))
		check_written(r);
	else if (req->result == 0 && req->op == BDEV_READ && !r->raced)
		check_read(r);
	else if (req->result == 0 && req->op == BDEV_EXTENTS)
		check_extents(r);
	else if (req->result == 0 && req->op == BDEV_FLUSH)
		check_flush(r);
	free(r->buffer);
	free(r->covered);
	r->busy = false;
	in_air--;
}

/* ---- begins ---- */

static void
cover(struct random_req *r)
{
	struct random_req *o;
	size_t i;

	r->covered = malloc(size * sizeof(*r->covered));
	assert_non_null(r->covered);
	memcpy(r->covered, stamps, size * sizeof(*r->covered));
	for (o = reqs; o < reqs + IN_AIR; o++) {
		if (!o->busy || o == r || !is_writer(o))
			continue;
		for (i = 0; i < o->req.length; i++)
			r->covered[o->req.offset - first + i] = 0;
	}
}

/* What the request will have done, on the model. */
static void
apply(struct random_req *r)
{
	uint64_t mask = rig.session.disk.block_size - 1;
	size_t at = r->req.offset - first, end = at + r->req.length, i;

	if (r->req.op == BDEV_DISCARD) {
		at = (at + mask) & ~mask;
		end &= ~mask;
	}
	for (i = at; i < end; i++) {
		stamps[i] = r->stamp;
		unknown[i] = r->req.op == BDEV_DISCARD;
		model[i] = r->req.op == BDEV_WRITE
			       ? r->buffer[i - (r->req.offset - first)]
			       : 0;
	}
}

static void
cut_buffer(struct random_req *r)
{
	size_t left = r->req.length, some, at = 0;
	int i;

	for (i = 0; i < IOVS; i++) {
		some = i == IOVS - 1 ? left : below(left + 1);
		r->iov[i].iov_base = r->buffer + at;
		r->iov[i].iov_len = some;
		at += some;
		left -= some;
	}
	r->req.iov = r->iov;
	r->req.iovcnt = IOVS;
}

static void
choose(struct random_req *r)
{
	static const enum bdev_op ops[] = { BDEV_READ, BDEV_READ, BDEV_READ,
		BDEV_WRITE, BDEV_WRITE, BDEV_WRITE, BDEV_WRITE, BDEV_ZERO,
		BDEV_ZERO, BDEV_DISCARD, BDEV_FLUSH, BDEV_EXTENTS };
	uint32_t block = rig.session.disk.block_size;
	uint64_t offset, length;

	r->req.op = ops[below(countof(ops))];
	offset = below(size);
	length = below(below(4) == 0 ? size : 3 * block);
	if (below(3) == 0) {
		offset -= offset % block;
		length -= length % block;
	}
	if (length > size - offset)
		length = size - offset;
	if (length == 0 && r->req.op == BDEV_EXTENTS)
		length = 1;
	r->req.offset = first + offset;
	r->req.length = length;
	r->req.flags = 0;
	if (is_writer(r))
		r->req.flags = (uint32_t)below(8) & (uint32_t)below(8);
}

static void
launch(void)
{
	struct random_req *r = reqs, *o;
	size_t i;

	while (r->busy)
		r++;
	memset(r, 0, sizeof(*r));
	choose(r);
	r->buffer = malloc(r->req.length + 1);
	assert_non_null(r->buffer);
	for (i = 0; i < r->req.length; i++)
		r->buffer[i] = (uint8_t)below(256);
	cut_buffer(r);
	r->req.extents = r->extents;
	r->req.extents_max = 1 + (unsigned)below(5);
	r->req.done = random_done;
	r->req.ctx = r;
	r->req.result = 12345;
	r->stamp = ++stamp;
	if (r->req.op == BDEV_FLUSH)
		cover(r);
	for (o = reqs; o < reqs + IN_AIR; o++) {
		if (!o->busy || !overlap(o, r))
			continue;
		o->raced = o->raced || is_writer(r);
		r->raced = r->raced || is_writer(o);
	}
	if (is_writer(r))
		apply(r);
	r->busy = true;
	in_air++;
	inside_submit = true;
	bdev_submit(rig.bdev, &r->req);
	inside_submit = false;
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
		fake_check(task, SENSE_UNIT_ATTENTION, SENSE_POWER_ON_RESET);
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

	memset(reqs, 0, sizeof(reqs));
	in_air = 0;
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

	size = block * BLOCKS;
	first = base * block;
	model = calloc(1, size);
	stamps = calloc(size, sizeof(*stamps));
	unknown = calloc(size, sizeof(*unknown));
	assert_true(model != NULL && stamps != NULL && unknown != NULL);
}

static void
accident(void)
{
	if (rig.session.state == SESSION_UP) {
		if (below(150) == 0)
			fake_lose(&rig.session, below(2), false);
	} else if (below(10) == 0) {
		rig_up(&rig);
	}
}

static void
drain(void)
{
	if (rig.session.state != SESSION_UP)
		rig_up(&rig);
	while (in_air > 0) {
		rig_step(&rig);
		rig_wait(&rig);
	}
	rig_settle(&rig);
}

static void
run(uint64_t seed)
{
	unsigned n = 0;
	size_t i;

	build_disk(seed);
	rig_start(&rig);
	assert_non_null(rig.bdev);
	while (n < REQUESTS) {
		if (in_air < IN_AIR && below(3) > 0) {
			launch();
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
	for (i = 0; i < size; i++) {
		if (!unknown[i])
			assert_int_equal(rig.session.disk.data[i], model[i]);
	}
	free(model);
	free(stamps);
	free(unknown);
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
