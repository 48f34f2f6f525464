/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuse_inval - tells the kernel to forget cached pages and attributes.
 *
 * The kernel locks the pages for it, waits for reads of them that are under
 * way and writes dirty ones first; all of that needs answers from our loop, so
 * it is done in the helper pool.  One job at a time does whatever has gathered,
 * and so never takes more than one helper away from others, among them devices
 * that need helpers to answer those very reads.  When it takes long, as with a
 * page whose read waits for a device that does not answer, those who can do
 * without are told.
 */
#include "front/fuse_impl.h"

#define PATIENCE (2 * CLOCK_S)

static void
inval_work(struct job *job)
{
	struct fuse_front *front = job->ctx;
	struct inval *inval;

	/* Not known to the kernel, or not mounted any more: then nothing is
	 * cached. */
	TAILQ_FOREACH (inval, &front->inval.running, link)
		fuse_lowlevel_notify_inval_inode(front->session, inval->ino,
		    (off_t)inval->offset, (off_t)inval->length);
}

static void
inval_start(struct fuse_front *front)
{
	struct invalidator *inv = &front->inval;

	inv->busy = true;
	inv->overdue = false;
	timer_set(front->loop, &inv->timer, loop_now(front->loop) + PATIENCE);
	TAILQ_CONCAT(&inv->running, &inv->waiting, link);
	job_submit(front->loop, &inv->job);
	front_resume(front);
}

static void
inval_done(struct job *job)
{
	struct fuse_front *front = job->ctx;
	struct invalidator *inv = &front->inval;
	struct inval_list done = TAILQ_HEAD_INITIALIZER(done);
	struct inval *inval;

	TAILQ_CONCAT(&done, &inv->running, link);
	inv->busy = false;
	timer_clear(front->loop, &inv->timer);
	if (!TAILQ_EMPTY(&inv->waiting))
		inval_start(front);
	while ((inval = TAILQ_FIRST(&done)) != NULL) {
		TAILQ_REMOVE(&done, inval, link);
		inval->done(inval);
	}
}

static void
overdue(const struct inval_list *list)
{
	struct inval *inval;

	TAILQ_FOREACH (inval, list, link)
		if (inval->overdue != NULL)
			inval->overdue(inval);
}

static void
inval_time(struct timer *timer, uint64_t now)
{
	struct fuse_front *front = timer->ctx;
	struct invalidator *inv = &front->inval;

	(void)now;
	inv->overdue = true;
	overdue(&inv->running);
	overdue(&inv->waiting);
}

void
inval_init(struct fuse_front *front)
{
	timer_init(&front->inval.timer, inval_time, front);
	TAILQ_INIT(&front->inval.waiting);
	TAILQ_INIT(&front->inval.running);
	front->inval.job = (struct job){
		.work = inval_work,
		.done = inval_done,
		.ctx = front,
	};
}

void
inval_submit(struct fuse_front *front, struct inval *inval)
{
	TAILQ_INSERT_TAIL(&front->inval.waiting, inval, link);
	if (!front->inval.busy)
		inval_start(front);
	else if (front->inval.overdue && inval->overdue != NULL)
		inval->overdue(inval);
}
