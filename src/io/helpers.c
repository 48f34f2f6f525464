/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/helpers.h"

#include <sys/eventfd.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

TAILQ_HEAD(job_queue, job);

struct helpers {
	int fd;		    /* eventfd: the finished queue is not empty */
	unsigned under_way; /* submitted, done() not yet called; the loop's */

	pthread_mutex_t lock;
	pthread_cond_t work; /* a job can start, or stopping */
	struct job_queue waiting;
	struct job_queue finished;
	unsigned queued; /* of waiting: that can start */
	unsigned idle;	 /* helpers in pthread_cond_wait() */
	unsigned threads;
	bool stopping;
	pthread_t thread[LOOP_HELPERS];
};

int
helpers_new(struct helpers **ret)
{
	struct helpers *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return -ENOMEM;
	h->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->fd == -1) {
		int error = -errno;

		free(h);
		return error;
	}
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->work, NULL);
	TAILQ_INIT(&h->waiting);
	TAILQ_INIT(&h->finished);
	*ret = h;
	return 0;
}

void
helpers_free(struct helpers *h)
{
	if (h == NULL)
		return;
	pthread_mutex_lock(&h->lock);
	h->stopping = true;
	pthread_cond_broadcast(&h->work);
	pthread_mutex_unlock(&h->lock);
	for (unsigned i = 0; i < h->threads; i++)
		pthread_join(h->thread[i], NULL);
	pthread_cond_destroy(&h->work);
	pthread_mutex_destroy(&h->lock);
	close(h->fd);
	free(h);
}

int
helpers_fd(const struct helpers *h)
{
	return h->fd;
}

/* The lock is held. */
static void
helpers_finish(struct helpers *h, struct job *job)
{
	static const uint64_t one = 1;

	if (TAILQ_EMPTY(&h->finished) &&
	    write(h->fd, &one, sizeof(one)) != sizeof(one)) {
		/* Only a full counter can do this: it is readable then. */
	}
	TAILQ_INSERT_TAIL(&h->finished, job, link);
}

/* ---- lanes; the lock is held ---- */

/* The job is the first of its lane, or has none: it counts as queued. */
static bool
lane_add(const struct job *job)
{
	struct lane *lane = job->lane;

	return lane == NULL || (lane->waiting++ == 0 && !lane->busy);
}

static void
lane_enter(struct helpers *h, const struct job *job)
{
	h->queued--;
	if (job->lane != NULL) {
		job->lane->waiting--;
		job->lane->busy = true;
	}
}

static void
lane_leave(struct helpers *h, const struct job *job)
{
	if (job->lane == NULL)
		return;
	job->lane->busy = false;
	if (job->lane->waiting > 0)
		h->queued++;
}

/* ---- a helper ---- */

/* The next job that can start; the lock is held. */
static struct job *
helper_take(struct helpers *h)
{
	struct job *job;

	if (h->queued == 0)
		return NULL;
	TAILQ_FOREACH (job, &h->waiting, link) {
		if (job->lane == NULL || !job->lane->busy)
			break;
	}
	TAILQ_REMOVE(&h->waiting, job, link);
	lane_enter(h, job);
	return job;
}

static void *
helper_run(void *arg)
{
	struct helpers *h = arg;

	pthread_mutex_lock(&h->lock);
	for (;;) {
		struct job *job = helper_take(h);

		if (job == NULL) {
			if (h->stopping)
				break;
			h->idle++;
			pthread_cond_wait(&h->work, &h->lock);
			h->idle--;
			continue;
		}
		pthread_mutex_unlock(&h->lock);
		job->work(job);
		pthread_mutex_lock(&h->lock);
		lane_leave(h, job);
		/* Nobody was woken for what the lane has held up: one job is
		 * this helper's next, maybe another's. */
		if (h->queued > 1 && h->idle > 0 && job->lane != NULL)
			pthread_cond_signal(&h->work);
		helpers_finish(h, job);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

/* One more helper; the lock is held.  Threads inherit the signal mask. */
static void
helpers_grow(struct helpers *h)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&h->thread[h->threads], NULL, helper_run, h) == 0)
		h->threads++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
helpers_submit(struct helpers *h, struct job *job)
{
	bool here, starts;

	h->under_way++;
	pthread_mutex_lock(&h->lock);
	starts = lane_add(job);
	/* A helper that was signalled counts as idle until it runs, so idle is
	 * compared with all that can start. */
	if (starts && h->idle <= h->queued && h->threads < LOOP_HELPERS)
		helpers_grow(h);
	h->queued += starts;
	/* No thread to be had at all: slow is better than never. */
	here = h->threads == 0;
	if (here) {
		lane_enter(h, job);
	} else {
		TAILQ_INSERT_TAIL(&h->waiting, job, link);
		if (starts && h->idle != 0)
			pthread_cond_signal(&h->work);
	}
	pthread_mutex_unlock(&h->lock);
	if (here) {
		job->work(job);
		pthread_mutex_lock(&h->lock);
		lane_leave(h, job);
		helpers_finish(h, job);
		pthread_mutex_unlock(&h->lock);
	}
}

void
helpers_collect(struct helpers *h)
{
	struct job_queue finished = TAILQ_HEAD_INITIALIZER(finished);
	struct job *job;
	uint64_t count;

	pthread_mutex_lock(&h->lock);
	TAILQ_CONCAT(&finished, &h->finished, link);
	if (read(h->fd, &count, sizeof(count)) != sizeof(count)) {
		/* Collected before the descriptor was looked at. */
	}
	pthread_mutex_unlock(&h->lock);
	while ((job = TAILQ_FIRST(&finished)) != NULL) {
		TAILQ_REMOVE(&finished, job, link);
		h->under_way--;
		job->done(job);
	}
}

bool
helpers_busy(const struct helpers *h)
{
	return h->under_way != 0;
}

void
helpers_drain(struct helpers *h)
{
	struct pollfd pfd = { .fd = h->fd, .events = POLLIN };

	while (h->under_way != 0) {
		if (poll(&pfd, 1, -1) == 1)
			helpers_collect(h);
	}
}
