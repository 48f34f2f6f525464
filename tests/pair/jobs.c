/* SPDX-License-Identifier: BSD-2-Clause */
/* The jobs of test_pair: what it asks of the session, and what may come of it.
 */
#include "world.h"

#include <string.h>

#include "proto/cdb.h"
#include "proto/scsi.h"

static void
job_lock(struct job *j, int n)
{
	struct world *w = j->w;

	for (uint32_t i = j->lba; i < j->lba + j->blocks; i++)
		if (j->kind == JOB_WRITE)
			w->block[i].writers =
			    (uint8_t)(w->block[i].writers + n);
		else
			w->block[i].readers =
			    (uint8_t)(w->block[i].readers + n);
}

static void
job_submit(struct job *j)
{
	check(!j->with_session, "a task was submitted twice");
	j->with_session = true;
	j->parked = false;
	session_submit(j->w->s, &j->task, j->w->now);
}

static void
job_good(struct job *j)
{
	struct world *w = j->w;

	w->good++;
	if (j->kind == JOB_READ || j->kind == JOB_WRITE)
		check(j->task.transferred == j->task.length,
		    "GOOD with %u of %u bytes", j->task.transferred,
		    j->task.length);
	for (uint32_t i = 0; i < j->blocks; i++)
		if (j->kind == JOB_READ)
			block_seen(w, j->buf + i * w->block_size, j->lba + i);
		else
			block_settle(w, j->lba + i, j->stamp);
	if (j->kind == JOB_INQUIRY)
		check(j->task.transferred >= 36 &&
			  j->task.transferred <= j->task.length,
		    "INQUIRY gave %u bytes", j->task.transferred);
}

static void
job_done(struct task *t)
{
	struct job *j = (struct job *)t;
	struct world *w = j->w;
	uint8_t key = t->sense_len > 2 ? t->sense[2] & 0x0f : 0;

	check(j->with_session, "a task completed twice");
	j->with_session = false;
	switch (t->outcome) {
	case TASK_UNSENT:
		w->unsent++;
		check(w->faults || w->ending, "unsent without a fault");
		if (!w->ending) {
			j->parked = true;
			return;
		}
		break;
	case TASK_LOST:
		w->lost++;
		check(w->faults || w->ending, "lost without a fault");
		break;
	case TASK_TIMEDOUT:
		w->timedout++;
		check(w->faults, "timed out without a fault");
		break;
	case TASK_BAD_REPLY:
		check(w->corrupt, "rejected without a fault");
		break;
	case TASK_DONE:
		if (t->status == SCSI_GOOD) {
			job_good(j);
		} else if (t->status == SCSI_CHECK_CONDITION && key == 6) {
			/* A unit attention: nothing was done. */
			j->parked = !w->ending;
			if (w->ending)
				break;
			if (w->up)
				job_submit(j);
			return;
		} else {
			w->failed++;
			check(w->faults, "status 0x%02x, sense key %u",
			    t->status, key);
		}
		break;
	}
	job_lock(j, -1);
	j->busy = false;
}

static bool
job_may_lock(struct world *w, enum job_kind kind, uint32_t lba, uint32_t blocks)
{
	for (uint32_t i = lba; i < lba + blocks; i++)
		if (w->block[i].writers > 0 ||
		    (kind == JOB_WRITE &&
			(w->block[i].readers > 0 || w->block[i].n == STAMPS)))
			return false;
	return true;
}

static void
job_cut(struct job *j, uint32_t len)
{
	struct world *w = j->w;
	uint32_t at = 0, part;
	int n = 0;

	while (n < 3 && !w->whole) {
		part = (uint32_t)below(w, len - at + 1);
		j->iov[n].iov_base = j->buf + at;
		j->iov[n++].iov_len = part;
		at += part;
	}
	j->iov[n].iov_base = j->buf + at;
	j->iov[n++].iov_len = len - at;
	j->task.iov = j->iov;
	j->task.iovcnt = n;
	j->task.length = len;
}

static void
job_fill(struct job *j, uint32_t max_blocks)
{
	struct world *w = j->w;
	struct task *t = &j->task;

	j->lba = (uint32_t)below(w, DISK_BLOCKS);
	j->blocks = 1 + (uint32_t)below(w, max_blocks);
	if (j->lba + j->blocks > DISK_BLOCKS)
		j->blocks = DISK_BLOCKS - j->lba;
	memset(t->cdb, 0, sizeof(t->cdb));
	t->dir = TASK_NO_DATA;
	t->policy = TASK_QUERY;
	switch (j->kind) {
	case JOB_READ:
		t->dir = TASK_IN;
		cdb_read16(t->cdb, j->lba, j->blocks, false);
		job_cut(j, j->blocks * w->block_size);
		memset(j->buf, 0xee, t->length);
		return;
	case JOB_WRITE:
		t->dir = TASK_OUT;
		t->policy = TASK_REPLAY;
		cdb_write16(t->cdb, j->lba, j->blocks, chance(w, 2));
		job_cut(j, j->blocks * w->block_size);
		j->stamp = w->next_stamp++;
		for (uint32_t i = 0; i < j->blocks; i++)
			block_fill(w, j->buf + i * w->block_size, j->lba + i,
			    j->stamp);
		return;
	case JOB_INQUIRY:
		t->dir = TASK_IN;
		t->cdb[0] = 0x12;
		t->cdb[4] = (uint8_t)(36 + below(w, 220));
		job_cut(j, t->cdb[4]);
		break;
	case JOB_FLUSH:
		t->cdb[0] = 0x35;
		t->policy = TASK_REPLAY;
		break;
	case JOB_READY:
		break;
	}
	if (t->dir == TASK_NO_DATA)
		t->length = 0;
	j->blocks = 0;
}

void
job_begin(
    struct world *w, struct job *j, enum job_kind kind, uint32_t max_blocks)
{
	j->kind = kind;
	job_fill(j, max_blocks);
	if (!job_may_lock(w, kind, j->lba, j->blocks))
		return;
	job_lock(j, 1);
	if (kind == JOB_WRITE)
		for (uint32_t i = j->lba; i < j->lba + j->blocks; i++)
			w->block[i].stamps[w->block[i].n++] = j->stamp;
	w->left--;
	j->busy = true;
	j->task.lun = 0;
	j->task.done = job_done;
	job_submit(j);
}

static enum job_kind
job_draw(struct world *w)
{
	static const enum job_kind rare[] = { JOB_FLUSH, JOB_READY,
		JOB_INQUIRY };

	if (chance(w, 12))
		return rare[below(w, 3)];
	return chance(w, 2) ? JOB_READ : JOB_WRITE;
}

void
jobs_run(struct world *w)
{
	uint32_t max = JOB_BYTES / w->block_size;

	if (!w->up)
		return;
	for (unsigned i = 0; i < w->depth; i++) {
		struct job *j = &w->jobs[i];

		if (j->parked)
			job_submit(j);
		else if (!j->busy && w->left > 0 && !chance(w, 4))
			job_begin(
			    w, j, job_draw(w), chance(w, 8) ? max / 2 : 16);
	}
}

bool
jobs_busy(const struct world *w)
{
	for (unsigned i = 0; i < JOBS; i++)
		if (w->jobs[i].busy)
			return true;
	return false;
}
