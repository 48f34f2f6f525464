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
	pthread_cond_t work; /* waiting is not empty, or stopping */
	struct job_queue waiting;
	struct job_queue finished;
	unsigned queued; /* length of waiting */
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

static void *
helper_run(void *arg)
{
	struct helpers *h = arg;

	pthread_mutex_lock(&h->lock);
	for (;;) {
		struct job *job = TAILQ_FIRST(&h->waiting);

		if (job == NULL) {
			if (h->stopping)
				break;
			h->idle++;
			pthread_cond_wait(&h->work, &h->lock);
			h->idle--;
			continue;
		}
		TAILQ_REMOVE(&h->waiting, job, link);
		h->queued--;
		pthread_mutex_unlock(&h->lock);
		job->work(job);
		pthread_mutex_lock(&h->lock);
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
	bool here;

	h->under_way++;
	pthread_mutex_lock(&h->lock);
	/* A helper that was signalled counts as idle until it runs, so idle is
	 * compared with all that waits. */
	if (h->idle <= h->queued && h->threads < LOOP_HELPERS)
		helpers_grow(h);
	/* No thread to be had at all: slow is better than never. */
	here = h->threads == 0;
	if (!here) {
		TAILQ_INSERT_TAIL(&h->waiting, job, link);
		h->queued++;
		if (h->idle != 0)
			pthread_cond_signal(&h->work);
	}
	pthread_mutex_unlock(&h->lock);
	if (here) {
		job->work(job);
		pthread_mutex_lock(&h->lock);
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
