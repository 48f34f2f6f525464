/* SPDX-License-Identifier: BSD-2-Clause */
/* loop.h: what each kind of callback promises, and that none arrives late. */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/loop.h"

static struct loop *loop;
static char trace[256];

static void
note(const char *what)
{
	size_t len = strlen(trace);

	snprintf(trace + len, sizeof(trace) - len, "%s ", what);
}

static int
setup(void **state)
{
	(void)state;
	trace[0] = '\0';
	return loop_new(&loop);
}

static int
teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void
stop_timer(struct timer *t, uint64_t now)
{
	(void)t;
	(void)now;
	loop_stop(loop, 0);
}

static void
note_timer(struct timer *t, uint64_t now)
{
	assert_true(now >= t->deadline || t->deadline == CLOCK_NEVER);
	note(t->ctx);
}

static void
timers_fire_in_order(void **state)
{
	struct timer a, b, c, d, end;
	uint64_t now = loop_now(loop);

	(void)state;
	timer_init(&a, note_timer, "a");
	timer_init(&b, note_timer, "b");
	timer_init(&c, note_timer, "c");
	timer_init(&d, note_timer, "d");
	timer_init(&end, stop_timer, NULL);
	timer_set(loop, &end, now + 9 * CLOCK_MS);
	timer_set(loop, &b, now + 4 * CLOCK_MS);
	timer_set(loop, &a, now + 8 * CLOCK_MS);
	timer_set(loop, &c, now + 4 * CLOCK_MS);
	timer_set(loop, &d, now + 5 * CLOCK_MS);
	timer_set(loop, &a, now + 2 * CLOCK_MS); /* moved */
	timer_clear(loop, &d);
	timer_clear(loop, &d);
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(trace, "a b c ");
	assert_true(loop_now(loop) >= now + 9 * CLOCK_MS);
	assert_int_equal(a.deadline, CLOCK_NEVER);
}

static int rounds;

static void
again_timer(struct timer *t, uint64_t now)
{
	/* Due at once: must not keep the loop from anything else. */
	if (++rounds < 1000)
		timer_set(loop, t, now);
}

static void
timer_that_is_always_due_starves_nobody(void **state)
{
	struct timer again, end;

	(void)state;
	rounds = 0;
	timer_init(&again, again_timer, NULL);
	timer_init(&end, stop_timer, NULL);
	timer_set(loop, &again, 0);
	timer_set(loop, &end, loop_now(loop));
	loop_run(loop);
	assert_in_range(rounds, 1, 3);
	timer_clear(loop, &again);
}

/* ---- descriptors ---- */

static struct watch pair[2];

static void
remove_other(struct watch *w, uint32_t events)
{
	struct watch *other = w == &pair[0] ? &pair[1] : &pair[0];

	assert_int_equal(events, EPOLLIN);
	note("ready");
	watch_remove(loop, other);
	/* What stood there is gone; its event must not be delivered. */
	memset(other, 0xa5, sizeof(*other));
	watch_remove(loop, w);
	loop_stop(loop, 7);
}

static void
removed_watch_gets_no_stale_event(void **state)
{
	int fd[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		fd[i] = eventfd(1, EFD_CLOEXEC);
		pair[i] = (struct watch){ .fd = fd[i], .ready = remove_other };
		assert_int_equal(watch_add(loop, &pair[i], EPOLLIN), 0);
	}
	assert_int_equal(loop_run(loop), 7);
	assert_string_equal(trace, "ready ");
	close(fd[0]);
	close(fd[1]);
}

static void
note_ready(struct watch *w, uint32_t events)
{
	(void)events;
	note(w->ctx);
}

static void
note_hangup(struct watch *w, uint32_t events)
{
	(void)events;
	note(w->ctx);
	watch_remove(loop, w);
	loop_stop(loop, 0);
}

/* What somebody sent before he hung up is older than what he sends by another
 * connection. */
static void
hung_up_comes_first(void **state)
{
	struct watch a = { .ready = note_hangup, .ctx = "live" };
	struct watch b = { .ready = note_hangup, .ctx = "dead" };
	int live[2], dead[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, live), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, dead), 0);
	a.fd = live[0];
	b.fd = dead[0];
	assert_int_equal(watch_add(loop, &a, EPOLLIN | EPOLLRDHUP), 0);
	assert_int_equal(watch_add(loop, &b, EPOLLIN | EPOLLRDHUP), 0);
	assert_int_equal(write(live[1], "x", 1), 1);
	assert_int_equal(write(dead[1], "x", 1), 1);
	assert_int_equal(shutdown(dead[1], SHUT_WR), 0);
	loop_run(loop);
	assert_string_equal(trace, "dead live ");
	for (int i = 0; i < 2; i++) {
		close(live[i]);
		close(dead[i]);
	}
}

static void
watch_set_changes_what_is_told(void **state)
{
	struct watch w = {
		.fd = eventfd(1, EFD_CLOEXEC), .ready = note_ready, .ctx = "w"
	};
	struct timer end;

	(void)state;
	timer_init(&end, stop_timer, NULL);
	assert_int_equal(watch_add(loop, &w, EPOLLIN), 0);
	assert_int_equal(watch_add(loop, &w, EPOLLIN), -EEXIST);
	assert_int_equal(watch_set(loop, &w, 0), 0);
	timer_set(loop, &end, loop_now(loop) + 3 * CLOCK_MS);
	loop_run(loop);
	assert_string_equal(trace, "");
	assert_int_equal(watch_set(loop, &w, EPOLLIN), 0);
	timer_set(loop, &end, 0);
	loop_run(loop);
	assert_string_equal(trace, "w ");
	watch_remove(loop, &w);
	close(w.fd);
}

static void
note_events(struct watch *w, uint32_t events)
{
	uint64_t value;

	if (events != 0)
		assert_int_equal(read(w->fd, &value, sizeof(value)), 8);
	note(w->ctx);
	note(events == 0 ? "late" : "ready");
	if (strcmp(w->ctx, "b") == 0)
		loop_stop(loop, 0);
}

static void
post(struct timer *t, uint64_t now)
{
	(void)now;
	eventfd_write(*(int *)t->ctx, 1);
}

/* b is ready from the beginning; what is waited for comes before it. */
static void
linger_on(struct watch *a, uint64_t ns)
{
	struct watch b = {
		.fd = eventfd(1, EFD_CLOEXEC), .ready = note_events, .ctx = "b"
	};

	assert_int_equal(watch_add(loop, &b, EPOLLIN), 0);
	watch_linger(loop, a, ns);
	assert_int_equal(loop_run(loop), 0);
	watch_remove(loop, &b);
	close(b.fd);
}

static void
watch_that_is_lingered_on_comes_first_or_is_told(void **state)
{
	struct watch a = {
		.fd = eventfd(0, EFD_CLOEXEC), .ready = note_events, .ctx = "a"
	};
	struct timer soon;

	(void)state;
	assert_int_equal(watch_add(loop, &a, EPOLLIN), 0);
	linger_on(&a, 2 * CLOCK_MS);
	assert_string_equal(trace, "a late b ready ");

	/* Only once. */
	trace[0] = '\0';
	eventfd_write(a.fd, 1);
	linger_on(&a, 600 * CLOCK_S);
	assert_non_null(strstr(trace, "a ready "));

	/* A timer is not kept waiting. */
	trace[0] = '\0';
	timer_init(&soon, post, &a.fd);
	timer_set(loop, &soon, loop_now(loop) + 2 * CLOCK_MS);
	linger_on(&a, 600 * CLOCK_S);
	assert_string_equal(trace, "a late b ready ");

	/* Nor does one that is removed. */
	trace[0] = '\0';
	watch_linger(loop, &a, 600 * CLOCK_S);
	watch_remove(loop, &a);
	close(a.fd);
	timer_init(&soon, stop_timer, NULL);
	timer_set(loop, &soon, 0);
	loop_run(loop);
	assert_string_equal(trace, "");
}

static void
nothing(int signo)
{
	(void)signo;
}

static void
do_nothing(struct deferred *d)
{
	(void)d;
}

/* Else it would be forgotten while epoll keeps quiet about it. */
static void
watch_that_was_not_lingered_on_to_the_end_is_told(void **state)
{
	static const struct itimerval often = { { 0, 5000 }, { 0, 5000 } };
	static const struct itimerval never;
	const struct sigaction interrupt = { .sa_handler = nothing };
	struct watch a = {
		.fd = eventfd(0, EFD_CLOEXEC), .ready = note_events, .ctx = "a"
	};
	struct deferred left = { .run = do_nothing };

	(void)state;
	assert_int_equal(watch_add(loop, &a, EPOLLIN), 0);
	deferred_set(loop, &left);
	linger_on(&a, 600 * CLOCK_S);
	assert_string_equal(trace, "a late b ready ");

	trace[0] = '\0';
	sigaction(SIGALRM, &interrupt, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	linger_on(&a, 600 * CLOCK_S);
	setitimer(ITIMER_REAL, &never, NULL);
	assert_string_equal(trace, "a late b ready ");
	watch_remove(loop, &a);
	close(a.fd);
}

/* ---- deferred calls ---- */

static struct deferred chain[3];

static void
run_chain(struct deferred *d)
{
	note(d->ctx);
	if (d == &chain[0]) {
		deferred_set(loop, &chain[1]);
		deferred_set(loop, &chain[1]);
		deferred_clear(loop, &chain[2]);
	}
}

static void
deferred_calls_chain_within_an_iteration(void **state)
{
	struct timer end;

	(void)state;
	timer_init(&end, stop_timer, NULL);
	timer_set(loop, &end, 0);
	for (int i = 0; i < 3; i++)
		chain[i] = (struct deferred){ .run = run_chain,
			.ctx = &"0\0001\0002"[2 * i] };
	deferred_set(loop, &chain[0]);
	deferred_set(loop, &chain[2]); /* cleared by 0 */
	loop_run(loop);
	assert_string_equal(trace, "0 1 ");
	assert_false(chain[2].pending);
}

static void
run_for_ever(struct deferred *d)
{
	rounds++;
	deferred_set(loop, d);
}

static void
deferred_call_that_repeats_starves_nobody(void **state)
{
	struct deferred d = { .run = run_for_ever };
	struct watch w = {
		.fd = eventfd(1, EFD_CLOEXEC), .ready = note_ready, .ctx = "w"
	};
	struct timer end;

	(void)state;
	rounds = 0;
	timer_init(&end, stop_timer, NULL);
	timer_set(loop, &end, loop_now(loop) + 2 * CLOCK_MS);
	assert_int_equal(watch_add(loop, &w, EPOLLIN | EPOLLET), 0);
	deferred_set(loop, &d);
	loop_run(loop);
	assert_string_equal(trace, "w ");
	assert_true(rounds > 1);
	deferred_clear(loop, &d);
	watch_remove(loop, &w);
	close(w.fd);
}

/* ---- signals ---- */

static void
got_signal(void *ctx, int signo)
{
	note(ctx);
	if (signo == SIGUSR2)
		loop_stop(loop, signo);
}

static void
signals_come_from_the_loop(void **state)
{
	sigset_t mask, old;

	(void)state;
	pthread_sigmask(SIG_SETMASK, NULL, &old);
	assert_int_equal(loop_signal(loop, SIGUSR1, got_signal, "one"), 0);
	assert_int_equal(loop_signal(loop, SIGUSR2, got_signal, "two"), 0);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_true(sigismember(&mask, SIGUSR1));
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR2);
	assert_string_equal(trace, "");
	assert_int_equal(loop_run(loop), SIGUSR2);
	assert_string_equal(trace, "one two ");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* ---- jobs ---- */

#define JOBS 100

static struct {
	pthread_mutex_t lock;
	pthread_cond_t all_in;
	unsigned in;
	unsigned done;
	pthread_t loop_thread;
	bool signals_blocked;
} work = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, true };

/* Returns only once LOOP_HELPERS jobs are in here at the same time. */
static void
work_together(struct job *job)
{
	sigset_t mask;

	(void)job;
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	pthread_mutex_lock(&work.lock);
	if (!sigismember(&mask, SIGTERM) || !sigismember(&mask, SIGINT))
		work.signals_blocked = false;
	work.in++;
	pthread_cond_broadcast(&work.all_in);
	while (work.in < LOOP_HELPERS)
		pthread_cond_wait(&work.all_in, &work.lock);
	pthread_mutex_unlock(&work.lock);
}

static void
work_done(struct job *job)
{
	assert_true(pthread_equal(pthread_self(), work.loop_thread));
	(void)job;
	if (++work.done == JOBS)
		loop_stop(loop, 0);
}

static void
jobs_run_side_by_side_and_end_in_the_loop(void **state)
{
	static struct job job[JOBS];

	(void)state;
	work.in = work.done = 0;
	work.loop_thread = pthread_self();
	for (int i = 0; i < JOBS; i++) {
		job[i] =
		    (struct job){ .work = work_together, .done = work_done };
		job_submit(loop, &job[i]);
	}
	assert_int_equal(work.done, 0);
	loop_run(loop);
	assert_int_equal(work.done, JOBS);
	assert_true(work.signals_blocked);
}

#define LANES	  3
#define LANE_JOBS 600

static struct {
	struct lane lane[LANES];
	struct job job[LANE_JOBS];
	unsigned begun[LANES]; /* of each lane, by its helper */
	int inside[LANES];
	atomic_bool spoilt;
	unsigned done;
} lanes;

/* No lock but the lane's guards what it counts. */
static void
work_in_lane(struct job *job)
{
	unsigned n = (unsigned)(job - lanes.job);
	unsigned lane = n % (LANES + 1);

	if (lane == LANES)
		return; /* has none */
	if (lanes.inside[lane]++ != 0 || lanes.begun[lane] != n / (LANES + 1))
		lanes.spoilt = true;
	if (n % 7 == 0)
		sched_yield();
	lanes.begun[lane]++;
	lanes.inside[lane]--;
}

/* The second half is submitted while the first is under way. */
static void
lane_job_done(struct job *job)
{
	struct job *next = job + LANE_JOBS / 2;

	if (job < lanes.job + LANE_JOBS / 2)
		job_submit(loop, next);
	if (++lanes.done == LANE_JOBS)
		loop_stop(loop, 0);
}

static void
jobs_of_a_lane_run_one_by_one_in_order(void **state)
{
	(void)state;
	memset(&lanes, 0, sizeof(lanes));
	for (unsigned i = 0; i < LANE_JOBS; i++) {
		unsigned lane = i % (LANES + 1);

		lanes.job[i] = (struct job){ .work = work_in_lane,
			.done = lane_job_done,
			.lane = lane < LANES ? &lanes.lane[lane] : NULL };
	}
	for (unsigned i = 0; i < LANE_JOBS / 2; i++)
		job_submit(loop, &lanes.job[i]);
	loop_run(loop);
	assert_false(lanes.spoilt);
	for (unsigned i = 0; i < LANES; i++) {
		assert_int_equal(lanes.begun[i], LANE_JOBS / (LANES + 1));
		assert_false(lanes.lane[i].busy);
		assert_int_equal(lanes.lane[i].waiting, 0);
	}
}

static void
work_slowly(struct job *job)
{
	nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	(void)job;
}

static void
again_done(struct job *job)
{
	note("done");
	if (job->ctx != NULL) {
		job->ctx = NULL;
		job_submit(loop, job);
	}
}

static void
loop_free_waits_for_jobs(void **state)
{
	struct job job = {
		.work = work_slowly, .done = again_done, .ctx = trace
	};

	(void)state;
	job_submit(loop, &job);
	loop_free(loop);
	loop = NULL;
	assert_string_equal(trace, "done done ");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(timers_fire_in_order),
		T(timer_that_is_always_due_starves_nobody),
		T(removed_watch_gets_no_stale_event),
		T(hung_up_comes_first),
		T(watch_set_changes_what_is_told),
		T(watch_that_is_lingered_on_comes_first_or_is_told),
		T(watch_that_was_not_lingered_on_to_the_end_is_told),
		T(deferred_calls_chain_within_an_iteration),
		T(deferred_call_that_repeats_starves_nobody),
		T(signals_come_from_the_loop),
		T(jobs_run_side_by_side_and_end_in_the_loop),
		T(jobs_of_a_lane_run_one_by_one_in_order),
		T(loop_free_waits_for_jobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
