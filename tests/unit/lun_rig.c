/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lun_rig.h"

static uint64_t
rig_now(void *ctx)
{
	return ((struct rig *)ctx)->session.now;
}

static void
rig_ready(struct lun *lun, const struct error *err, void *ctx)
{
	struct rig *rig = ctx;

	rig->ready++;
	if (err != NULL)
		rig->error = *err;
	else
		rig->bdev = lun_bdev(lun);
}

static void
rig_wake(struct lun *lun, uint64_t at, void *ctx)
{
	(void)lun;
	((struct rig *)ctx)->wake_at = at;
}

static void
rig_log(void *ctx, enum log_level level, const char *line)
{
	struct rig *rig = ctx;

	(void)level;
	if (strlen(rig->log) + strlen(line) + 2 > sizeof(rig->log))
		rig->log[0] = '\0';
	strcat(strcat(rig->log, line), "\n");
}

void
rig_init(struct rig *rig, uint32_t block_size, uint64_t blocks, uint64_t base)
{
	memset(rig, 0, sizeof(*rig));
	fake_init(&rig->session, block_size, blocks, base);
	rig->wake_at = CLOCK_NEVER;
	rig->sink.write = rig_log;
	rig->sink.ctx = rig;
	rig->sink.max = LOG_DEBUG_LEVEL;
}

static void
rig_luns_changed(struct lun *lun, void *ctx)
{
	struct rig *rig = ctx;

	(void)lun;
	rig->luns_changed++;
}

static void
rig_changed(struct bdev *bdev, void *ctx)
{
	struct rig *rig = ctx;

	assert_ptr_equal(bdev, rig->bdev);
	rig->changed++;
}

void
rig_start(struct rig *rig)
{
	struct lun_config config = {
		.session = &rig->session,
		.address = FAKE_ADDRESS,
		.number = 3,
		.read_only = rig->read_only,
		.now = rig_now,
		.now_ctx = rig,
		.log = &rig->sink,
		.ready = rig_ready,
		.luns_changed = rig_luns_changed,
		.wake = rig_wake,
		.ctx = rig,
	};

	rig->lun = lun_new(&config);
	assert_non_null(rig->lun);
	assert_int_equal(rig->ready, 0);
	rig_settle(rig);
	if (rig->bdev != NULL) {
		rig->bdev->changed = rig_changed;
		rig->bdev->changed_ctx = rig;
	}
}

void
rig_fini(struct rig *rig)
{
	lun_stop(rig->lun);
	rig_settle(rig);
	assert_int_equal(lun_in_flight(rig->lun), 0);
	if (rig->bdev != NULL)
		rig->bdev->ops->close(rig->bdev);
	else
		lun_free(rig->lun);
	fake_fini(&rig->session);
}

void
rig_deliver(struct rig *rig)
{
	struct task *task;

	do {
		while ((task = fake_reap(&rig->session)) != NULL)
			task->done(task);
		if (rig->wake_at <= rig->session.now) {
			rig->wake_at = CLOCK_NEVER;
			lun_run(rig->lun);
		}
	} while (!TAILQ_EMPTY(&rig->session.ready) ||
		 rig->wake_at <= rig->session.now);
}

void
rig_settle(struct rig *rig)
{
	do
		rig_deliver(rig);
	while (rig->session.state == SESSION_UP &&
	       fake_step(&rig->session, false));
}

bool
rig_step(struct rig *rig)
{
	struct session *s = &rig->session;

	if (s->state == SESSION_UP && fake_random(s, 3) > 0 &&
	    fake_step(s, true))
		return true;
	rig_deliver(rig);
	return s->in_flight_n > 0 && s->state == SESSION_UP;
}

bool
rig_wait(struct rig *rig)
{
	if (rig->wake_at == CLOCK_NEVER)
		return false;
	if (rig->wake_at > rig->session.now)
		rig->session.now = rig->wake_at;
	return true;
}

void
rig_up(struct rig *rig)
{
	fake_up(&rig->session);
}

struct rig_req {
	struct bdev_req req;
	struct iovec iov;
	int *result;
	struct rig *rig;
	bool inside_submit;
};

static void
rig_done(struct bdev_req *req)
{
	struct rig_req *r = req->ctx;

	assert_false(r->inside_submit);
	assert_int_equal(*r->result, 1);
	*r->result = req->result;
	r->rig->extents_n = req->extents_n;
	free(r);
}

struct bdev_req *
rig_submit(struct rig *rig, enum bdev_op op, uint64_t offset, void *buffer,
    uint64_t length, uint32_t flags, int *result)
{
	struct rig_req *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->req.op = op;
	r->req.flags = flags;
	r->req.offset = offset;
	r->req.length = length;
	r->iov.iov_base = buffer;
	r->iov.iov_len = length;
	r->req.iov = &r->iov;
	r->req.iovcnt = 1;
	r->req.extents = rig->extents;
	r->req.extents_max = rig->extents_max;
	r->req.why = rig->why;
	r->req.done = rig_done;
	r->req.ctx = r;
	r->result = result;
	r->rig = rig;
	*result = 1;
	r->inside_submit = true;
	bdev_submit(rig->bdev, &r->req);
	r->inside_submit = false;
	return &r->req;
}

int
rig_do(struct rig *rig, enum bdev_op op, uint64_t offset, void *buffer,
    uint64_t length, uint32_t flags)
{
	int result;

	rig_submit(rig, op, offset, buffer, length, flags, &result);
	rig_settle(rig);
	return result;
}
