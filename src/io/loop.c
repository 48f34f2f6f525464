/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See loop.h.  Invariants:
 *  - loop->events[next .. n) are the events of this iteration that are not yet
 *    delivered; watch_remove() clears its own among them, so a watch may be
 *    removed, freed and reused from any callback.
 *  - timers is sorted by deadline; there are a handful (one for each
 *    connection), so a list is the right heap.
 *  - a timer set while timers fire and a deferred call set while the last pass
 *    runs wait for the next iteration: neither can starve the descriptors.
 */
#include "io/loop.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "io/helpers.h"

#define EVENTS_MAX 64
/* A read completes requests, whose answers are formed, which are then flushed:
 * chains of deferred calls end within few passes. */
#define DEFERRED_PASSES 8

struct signal_handler {
	int signo;
	void (*got)(void *ctx, int signo);
	void *ctx;
};

struct loop {
	int epoll;
	bool running; /* in loop_run(): now is fresh */
	bool stopped;
	int result;
	uint64_t now;
	bool firing;
	TAILQ_HEAD(, timer) timers;
	TAILQ_HEAD(, deferred) deferred;

	struct watch *linger; /* NULL: wait for all */
	uint64_t linger_ns;
	struct epoll_event events[EVENTS_MAX];
	int next;
	int n;

	struct watch signals; /* fd -1: no signal taken so far */
	sigset_t mask;
	struct signal_handler handler[LOOP_SIGNALS];
	unsigned handlers;

	struct watch finished;
	struct helpers *helpers;
};

static uint64_t
clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * CLOCK_S + (uint64_t)ts.tv_nsec;
}

static void
jobs_finished(struct watch *w, uint32_t events)
{
	struct loop *loop = w->ctx;

	(void)events;
	helpers_collect(loop->helpers);
}

int
loop_new(struct loop **ret)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int error;

	if (loop == NULL)
		return -ENOMEM;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll == -1) {
		error = -errno;
		free(loop);
		return error;
	}
	loop->signals.fd = -1;
	error = helpers_new(&loop->helpers);
	if (error == 0) {
		loop->finished =
		    (struct watch){ .fd = helpers_fd(loop->helpers),
			    .ready = jobs_finished,
			    .ctx = loop };
		error = watch_add(loop, &loop->finished, EPOLLIN);
	}
	if (error != 0) {
		loop_free(loop);
		return error;
	}
	TAILQ_INIT(&loop->timers);
	TAILQ_INIT(&loop->deferred);
	sigemptyset(&loop->mask);
	*ret = loop;
	return 0;
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	if (loop->helpers != NULL) {
		helpers_drain(loop->helpers);
		helpers_free(loop->helpers);
	}
	if (loop->signals.fd != -1)
		close(loop->signals.fd);
	close(loop->epoll);
	free(loop);
}

uint64_t
loop_now(const struct loop *loop)
{
	return loop->running ? loop->now : clock_now();
}

void
loop_stop(struct loop *loop, int result)
{
	loop->stopped = true;
	loop->result = result;
}

/* ---- descriptors ---- */

static int
watch_ctl(struct loop *loop, int op, struct watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (epoll_ctl(loop->epoll, op, w->fd, &ev) == -1)
		return -errno;
	w->events = events;
	return 0;
}

int
watch_add(struct loop *loop, struct watch *w, uint32_t events)
{
	return watch_ctl(loop, EPOLL_CTL_ADD, w, events);
}

int
watch_set(struct loop *loop, struct watch *w, uint32_t events)
{
	if (events == w->events)
		return 0;
	return watch_ctl(loop, EPOLL_CTL_MOD, w, events);
}

void
watch_remove(struct loop *loop, struct watch *w)
{
	if (loop->linger == w)
		loop->linger = NULL;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	for (int i = loop->next; i < loop->n; i++) {
		if (loop->events[i].data.ptr == w)
			loop->events[i].data.ptr = NULL;
	}
}

void
watch_linger(struct loop *loop, struct watch *w, uint64_t ns)
{
	if (!watch_may_linger(loop, w))
		return;
	loop->linger = w;
	loop->linger_ns = ns;
}

bool
watch_may_linger(const struct loop *loop, const struct watch *w)
{
	return loop->linger == NULL || loop->linger == w;
}

/* Who has hung up comes first: what he had sent is older than what he may send
 * by another connection. */
static void
deliver_ends(struct loop *loop)
{
	for (int i = 0; i < loop->n; i++) {
		struct epoll_event *ev = &loop->events[i];
		struct watch *w = ev->data.ptr;

		if (w == NULL || !(ev->events & (EPOLLRDHUP | EPOLLHUP)))
			continue;
		ev->data.ptr = NULL;
		w->ready(w, ev->events);
	}
}

static void
deliver_events(struct loop *loop)
{
	deliver_ends(loop);
	while (loop->next < loop->n) {
		struct epoll_event *ev = &loop->events[loop->next++];
		struct watch *w = ev->data.ptr;

		if (w != NULL)
			w->ready(w, ev->events);
	}
}

/* ---- timers ---- */

void
timer_init(struct timer *t, void (*fire)(struct timer *, uint64_t), void *ctx)
{
	t->deadline = CLOCK_NEVER;
	t->fire = fire;
	t->ctx = ctx;
}

void
timer_set(struct loop *loop, struct timer *t, uint64_t deadline)
{
	struct timer *before;

	if (loop->firing && deadline <= loop->now)
		deadline = loop->now + 1;
	if (deadline == t->deadline)
		return;
	timer_clear(loop, t);
	if (deadline == CLOCK_NEVER)
		return;
	t->deadline = deadline;
	TAILQ_FOREACH (before, &loop->timers, link) {
		if (before->deadline > deadline) {
			TAILQ_INSERT_BEFORE(before, t, link);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&loop->timers, t, link);
}

void
timer_clear(struct loop *loop, struct timer *t)
{
	if (t->deadline == CLOCK_NEVER)
		return;
	TAILQ_REMOVE(&loop->timers, t, link);
	t->deadline = CLOCK_NEVER;
}

static void
fire_timers(struct loop *loop)
{
	struct timer *t;

	loop->firing = true;
	while ((t = TAILQ_FIRST(&loop->timers)) != NULL &&
	       t->deadline <= loop->now) {
		timer_clear(loop, t);
		t->fire(t, loop->now);
	}
	loop->firing = false;
}

/* Milliseconds for epoll_wait(), rounded up so that it is not early. */
static int
time_to_sleep(const struct loop *loop)
{
	const struct timer *t = TAILQ_FIRST(&loop->timers);
	uint64_t ms;

	if (!TAILQ_EMPTY(&loop->deferred))
		return 0;
	if (t == NULL)
		return -1;
	if (t->deadline <= loop->now)
		return 0;
	ms = (t->deadline - loop->now + CLOCK_MS - 1) / CLOCK_MS;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

/* ---- deferred calls ---- */

void
deferred_set(struct loop *loop, struct deferred *d)
{
	if (d->pending)
		return;
	d->pending = true;
	TAILQ_INSERT_TAIL(&loop->deferred, d, link);
}

void
deferred_clear(struct loop *loop, struct deferred *d)
{
	if (!d->pending)
		return;
	d->pending = false;
	TAILQ_REMOVE(&loop->deferred, d, link);
}

static void
run_deferred(struct loop *loop)
{
	for (int i = 0; i < DEFERRED_PASSES; i++) {
		struct deferred end = { 0 };
		struct deferred *d;

		if (TAILQ_EMPTY(&loop->deferred))
			return;
		TAILQ_INSERT_TAIL(&loop->deferred, &end, link);
		while ((d = TAILQ_FIRST(&loop->deferred)) != &end) {
			deferred_clear(loop, d);
			d->run(d);
		}
		TAILQ_REMOVE(&loop->deferred, &end, link);
	}
}

/* ---- signals ---- */

static void
signals_ready(struct watch *w, uint32_t events)
{
	struct loop *loop = w->ctx;
	struct signalfd_siginfo info;

	(void)events;
	while (read(w->fd, &info, sizeof(info)) == sizeof(info)) {
		for (unsigned i = 0; i < loop->handlers; i++) {
			struct signal_handler *h = &loop->handler[i];

			if (h->signo == (int)info.ssi_signo)
				h->got(h->ctx, h->signo);
		}
	}
}

int
loop_signal(struct loop *loop, int signo, void (*got)(void *, int), void *ctx)
{
	sigset_t mask = loop->mask;
	int fd, error;

	if (loop->handlers == LOOP_SIGNALS)
		return -ENOSPC;
	sigaddset(&mask, signo);
	error = pthread_sigmask(SIG_BLOCK, &mask, NULL);
	if (error != 0)
		return -error;
	fd = signalfd(loop->signals.fd, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd == -1)
		return -errno;
	if (loop->signals.fd == -1) {
		loop->signals = (struct watch){
			.fd = fd, .ready = signals_ready, .ctx = loop
		};
		error = watch_add(loop, &loop->signals, EPOLLIN);
		if (error != 0) {
			close(fd);
			loop->signals.fd = -1;
			return error;
		}
	}
	loop->mask = mask;
	loop->handler[loop->handlers++] =
	    (struct signal_handler){ .signo = signo, .got = got, .ctx = ctx };
	return 0;
}

/* ---- jobs ---- */

void
job_submit(struct loop *loop, struct job *job)
{
	helpers_submit(loop->helpers, job);
}

/* ---- the loop ---- */

/* False when it stayed unreadable, or that is not known (EINTR): its owner is
 * to decide anew, for until then epoll may not tell what little has come. */
static bool
linger(struct loop *loop, const struct watch *w)
{
	const struct timer *t = TAILQ_FIRST(&loop->timers);
	struct pollfd pfd = { .fd = w->fd, .events = POLLIN };
	uint64_t ns = loop->linger_ns;
	struct timespec ts = { 0 };

	if (!TAILQ_EMPTY(&loop->deferred))
		ns = 0;
	else if (t != NULL && t->deadline < loop->now + ns)
		ns = t->deadline > loop->now ? t->deadline - loop->now : 0;
	ts.tv_sec = (time_t)(ns / CLOCK_S);
	ts.tv_nsec = (long)(ns % CLOCK_S);
	return ppoll(&pfd, 1, &ts, NULL) == 1;
}

int
loop_run(struct loop *loop)
{
	loop->running = true;
	loop->now = clock_now();
	while (!loop->stopped) {
		struct watch *late = loop->linger;
		int n;

		loop->linger = NULL;
		if (late != NULL && linger(loop, late))
			late = NULL;
		n = epoll_wait(loop->epoll, loop->events, EVENTS_MAX,
		    late != NULL ? 0 : time_to_sleep(loop));
		if (n == -1 && errno != EINTR) {
			loop_stop(loop, -errno);
			break;
		}
		loop->now = clock_now();
		loop->next = 0;
		loop->n = n > 0 ? n : 0;
		if (late != NULL)
			late->ready(late, 0);
		deliver_events(loop);
		fire_timers(loop);
		run_deferred(loop);
	}
	loop->running = false;
	loop->stopped = false;
	return loop->result;
}

void
loop_drain(struct loop *loop)
{
	do {
		helpers_drain(loop->helpers);
		run_deferred(loop);
	} while (!TAILQ_EMPTY(&loop->deferred) || helpers_busy(loop->helpers));
}
