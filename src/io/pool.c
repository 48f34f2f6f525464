/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/pool.h"

#include <sys/eventfd.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

TAILQ_HEAD(job_queue, job);

struct pool {
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
pool_new(struct pool **ret)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->fd == -1) {
		int error = -errno;

		free(p);
		return error;
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	TAILQ_INIT(&p->waiting);
	TAILQ_INIT(&p->finished);
	*ret = p;
	return 0;
}

void
pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->threads; i++)
		pthread_join(p->thread[i], NULL);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	close(p->fd);
	free(p);
}

int
pool_fd(const struct pool *p)
{
	return p->fd;
}

/* The lock is held. */
static void
pool_finish(struct pool *p, struct job *job)
{
	static const uint64_t one = 1;

	if (TAILQ_EMPTY(&p->finished) &&
	    write(p->fd, &one, sizeof(one)) != sizeof(one)) {
		/* Only a full counter can do this: it is readable then. */
	}
	TAILQ_INSERT_TAIL(&p->finished, job, link);
}

static void *
pool_helper(void *arg)
{
	struct pool *p = arg;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct job *job = TAILQ_FIRST(&p->waiting);

		if (job == NULL) {
			if (p->stopping)
				break;
			p->idle++;
			pthread_cond_wait(&p->work, &p->lock);
			p->idle--;
			continue;
		}
		TAILQ_REMOVE(&p->waiting, job, link);
		p->queued--;
		pthread_mutex_unlock(&p->lock);
		job->work(job);
		pthread_mutex_lock(&p->lock);
		pool_finish(p, job);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* One more helper; the lock is held.  Threads inherit the signal mask. */
static void
pool_grow(struct pool *p)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&p->thread[p->threads], NULL, pool_helper, p) == 0)
		p->threads++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
pool_submit(struct pool *p, struct job *job)
{
	bool here;

	p->under_way++;
	pthread_mutex_lock(&p->lock);
	/* A helper that was signalled counts as idle until it runs, so idle is
	 * compared with all that waits. */
	if (p->idle <= p->queued && p->threads < LOOP_HELPERS)
		pool_grow(p);
	/* No thread to be had at all: slow is better than never. */
	here = p->threads == 0;
	if (!here) {
		TAILQ_INSERT_TAIL(&p->waiting, job, link);
		p->queued++;
		if (p->idle != 0)
			pthread_cond_signal(&p->work);
	}
	pthread_mutex_unlock(&p->lock);
	if (here) {
		job->work(job);
		pthread_mutex_lock(&p->lock);
		pool_finish(p, job);
		pthread_mutex_unlock(&p->lock);
	}
}

void
pool_collect(struct pool *p)
{
	struct job_queue finished = TAILQ_HEAD_INITIALIZER(finished);
	struct job *job;
	uint64_t count;

	pthread_mutex_lock(&p->lock);
	TAILQ_CONCAT(&finished, &p->finished, link);
	if (read(p->fd, &count, sizeof(count)) != sizeof(count)) {
		/* Collected before the descriptor was looked at. */
	}
	pthread_mutex_unlock(&p->lock);
	while ((job = TAILQ_FIRST(&finished)) != NULL) {
		TAILQ_REMOVE(&finished, job, link);
		p->under_way--;
		job->done(job);
	}
}

bool
pool_busy(const struct pool *p)
{
	return p->under_way != 0;
}

void
pool_drain(struct pool *p)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

	while (p->under_way != 0) {
		if (poll(&pfd, 1, -1) == 1)
			pool_collect(p);
	}
}
