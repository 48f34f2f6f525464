/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop - the event loop: descriptors (epoll), timers, deferred calls, signals
 * (signalfd), and the helper pool for work that may block.  One thread calls
 * everything here; only a job's work() runs elsewhere.
 *
 * One iteration: sleep, descriptors (those that have hung up first), timers,
 * finished jobs (they wake the loop through a descriptor), deferred calls.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct loop;

int loop_new(struct loop **ret); /* 0 or -errno */
/* Nothing is registered any more; jobs under way are waited for and their
 * done() is called.  Takes NULL. */
void loop_free(struct loop *);

/* Runs until loop_stop(); returns its argument, or -errno. */
int loop_run(struct loop *);
void loop_stop(struct loop *, int result);

/* Before the end: waits until no job and no deferred call is left, without
 * looking at descriptors and timers. */
void loop_drain(struct loop *);

/* CLOCK_MONOTONIC in ns, read once per iteration. */
uint64_t loop_now(const struct loop *);

/* A descriptor.  The structure belongs to the caller and stays in place while
 * it is registered. */
struct watch {
	int fd;
	void (*ready)(struct watch *, uint32_t events); /* EPOLLIN ... */
	void *ctx;
	uint32_t events; /* the loop's: what is waited for */
};
int watch_add(struct loop *, struct watch *, uint32_t events);
/* The same events as before cost nothing. */
int watch_set(struct loop *, struct watch *, uint32_t events);
/* Before fd is closed; also from ready(), also of another watch: after it no
 * event of this iteration is delivered any more. */
void watch_remove(struct loop *, struct watch *);
/* Before the loop sleeps next it waits for this descriptor to become readable,
 * up to ns and not beyond the next timer, and only then looks at the others.
 * When that does not happen, ready() is called with no events.  There is one
 * place for that: when another has it nothing is done, and watch_may_linger()
 * is false. */
void watch_linger(struct loop *, struct watch *, uint64_t ns);
bool watch_may_linger(const struct loop *, const struct watch *);

/* A timer; one-shot, to the next millisecond. */
struct timer {
	uint64_t deadline; /* CLOCK_NEVER: not set */
	void (*fire)(struct timer *, uint64_t now);
	void *ctx;
	TAILQ_ENTRY(timer) link;
};
void timer_init(
    struct timer *, void (*fire)(struct timer *, uint64_t now), void *ctx);
void timer_set(struct loop *, struct timer *, uint64_t deadline); /* moves it */
void timer_clear(struct loop *, struct timer *);

/* A deferred call: run once, after the descriptors of this iteration and
 * before the loop sleeps.  Setting it twice runs it once.  This is where output
 * is flushed, so that everything of one iteration goes in one system call. */
struct deferred {
	void (*run)(struct deferred *);
	void *ctx;
	bool pending;
	TAILQ_ENTRY(deferred) link;
};
void deferred_set(struct loop *, struct deferred *);
void deferred_clear(struct loop *, struct deferred *);

/* A signal, taken by signalfd: blocked in this thread from here on.  -ENOSPC:
 * LOOP_SIGNALS are taken already. */
#define LOOP_SIGNALS 8
int loop_signal(
    struct loop *, int signo, void (*got)(void *ctx, int signo), void *ctx);

/* Work that may block: work() runs in a helper thread, then done() in the loop.
 * Jobs start in order; up to LOOP_HELPERS at once, of those in one lane one at a
 * time.  done() may free the job. */
#define LOOP_HELPERS 4
/* For work that the kernel would do one by one anyway: helpers that wait for its
 * lock spin.  Zeros at first; outlives its jobs. */
struct lane {
	bool busy;	  /* the helpers' */
	unsigned waiting; /* the helpers' */
};
struct job {
	void (*work)(struct job *);
	void (*done)(struct job *);
	void *ctx;
	struct lane *lane; /* NULL: none */
	TAILQ_ENTRY(job) link;
};
void job_submit(struct loop *, struct job *);

#endif
