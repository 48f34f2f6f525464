/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_pair - initiator and embedded target in one process and in virtual
 * time: what every other test can only sample, seeded and repeatable.
 *
 *     jobs -> session <-> wire <-> target -> disk
 *
 * The wire splits the bytes at random, delivers them late, drops the connection
 * at any byte (telling either side, both or none), and flips bits when digests
 * are in use.  The disk answers late, sometimes later than a command's
 * time-out. Everything that can be negotiated is drawn at random.
 *
 * A model knows which contents each block may have: one after a write that was
 * acknowledged, the old or the new one after a write that failed; and once a
 * block was read after that, only what was read.  So it sees lost writes, torn
 * ones, and ones that come alive after they were said to have ended.
 *
 *     test_pair [--runs N] [--seed N] [--reads N] [--writes N] [--verbose]
 *
 * --reads and --writes move 4 KiB each, 32 at a time, with nothing going
 * wrong: for counting instructions.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

uint64_t seed;
bool verbose;

static void
run(uint64_t run_seed)
{
	static struct world world;
	struct world *w = &world;
	unsigned steps = 0;

	seed = run_seed;
	memset(w, 0, sizeof(*w));
	world_make(w, false);
	w->left = 20 + (unsigned)below(w, 80);
	session_start(w->s, w->now);
	while (w->left > 0 || jobs_busy(w)) {
		jobs_run(w);
		world_step(w);
		check(++steps < 2000000, "it does not end: %u jobs left, %s",
		    w->left, session_state_name(session_state(w->s)));
	}
	if (chance(w, 4)) {
		/* Also from amidst of it. */
		w->left = 8;
		jobs_run(w);
		w->left = 0;
	}
	w->ending = true;
	session_end(w->s, w->now);
	while (!w->ended) {
		world_step(w);
		check(++steps < 2000000, "the session does not end");
	}
	session_run(w);
	check(!jobs_busy(w), "a task did not complete");
	check(session_in_flight(w->s) == 0, "the session keeps a task");
	if (verbose)
		printf("seed %" PRIu64 ": %u good, %u failed, %u lost, %u "
		       "timed out, %u unsent, %u logins, %u drops, %u steps\n",
		    seed, w->good, w->failed, w->lost, w->timedout, w->unsent,
		    w->logins, w->drops, steps);
	world_free(w);
}

/* Nothing goes wrong, and everything is 4 KiB. */
static void
count(enum job_kind kind, unsigned n)
{
	static struct world world;
	struct world *w = &world;

	seed = 1;
	memset(w, 0, sizeof(*w));
	world_make(w, true);
	w->left = n;
	session_start(w->s, w->now);
	while (w->left > 0 || jobs_busy(w)) {
		for (unsigned i = 0; w->up && i < JOBS; i++)
			if (!w->jobs[i].busy && w->left > 0)
				job_begin(w, &w->jobs[i], kind, 1);
		world_step(w);
	}
	w->ending = true;
	session_end(w->s, w->now);
	while (!w->ended)
		world_step(w);
	printf("%u good\n", w->good);
	world_free(w);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = { { "runs", required_argument,
						     NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ "reads", required_argument, NULL, 'r' },
		{ "writes", required_argument, NULL, 'w' },
		{ "verbose", no_argument, NULL, 'v' }, { NULL, 0, NULL, 0 } };
	uint64_t first = 1, runs = 1000;
	int c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'n':
			runs = strtoull(optarg, NULL, 0);
			break;
		case 's':
			first = strtoull(optarg, NULL, 0);
			break;
		case 'v':
			verbose = true;
			break;
		case 'r':
		case 'w':
			count(c == 'r' ? JOB_READ : JOB_WRITE,
			    (unsigned)strtoul(optarg, NULL, 0));
			return 0;
		default:
			return 2;
		}
	}
	puts("1..1");
	for (uint64_t i = 0; i < runs; i++)
		run(first + i);
	printf("ok 1 - %" PRIu64 " runs from seed %" PRIu64 "\n", runs, first);
	return 0;
}
