/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_nbd_pair - the NBD server against several clients of our own, in one
 * process and in virtual time, seeded and repeatable.
 *
 *     jobs -> client <-> server -> disk
 *
 * Bytes move in random portions, connections break at any byte, clients stop
 * listening for a while, negotiate each in its own way, leave and come back,
 * and strangers send garbage.  The disk answers late, out of order and with
 * errors.  A model knows what each byte may be (nbd_model.c).
 *
 *     test_nbd_pair [--runs N] [--seed N] [--reads N] [--writes N] [--verbose]
 *
 * --reads and --writes move 4 KiB each, 32 at a time, with nothing going
 * wrong: for counting instructions.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "nbd/nbd_impl.h"
#include "nbd_world.h"

static uint64_t seed;
static bool verbose;
static uint64_t piped; /* bytes, over all runs */

size_t
below(struct world *w, size_t n)
{
	return prng_below(&w->prng, n);
}

bool
chance(struct world *w, unsigned n)
{
	return below(w, n) == 0;
}

void
check(bool holds, const char *fmt, ...)
{
	va_list ap;

	if (holds)
		return;
	fprintf(stderr, "seed %" PRIu64 ": ", seed);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

static void
world_make(struct world *w, bool whole)
{
	struct nbd_config config = { .tls = NBD_TLS_ON };

	memset(w, 0, sizeof(*w));
	w->prng.state = seed;
	w->now = CLOCK_S;
	w->whole = whole;
	w->faults = !whole && chance(w, 2);
	w->errors = !whole && chance(w, 2);
	w->clients_n = whole ? 1 : 1 + (unsigned)below(w, CLIENTS);
	disk_init(&w->disk, w);
	model_pipes_init(&w->pipes, seed);
	w->pipes.source.least = 1 + (chance(w, 2) ? 0 : below(w, JOB_BYTES));
	if (!whole)
		config.pipes = &w->pipes.source;
	w->nbd = nbd_new(&config);
	check(w->nbd != NULL, "no memory");
	check(nbd_add_export(w->nbd, "disk", "text", &w->disk.bdev, true) == 0,
	    "no export");
	for (unsigned i = 0; i < w->clients_n; i++)
		w->clients[i].w = w;
}

/* Somebody who does not speak the protocol, or not for long. */
static void
stranger(struct world *w)
{
	struct nconn *nc = nconn_new(w->nbd, "stranger", NULL, NULL, w->now);
	uint8_t junk[512];
	struct iovec iov;
	size_t n = below(w, sizeof(junk)), at = 0, part;

	check(nc != NULL, "no memory");
	prng_fill(&w->prng, junk, sizeof(junk));
	if (chance(w, 2))
		memcpy(junk, "\0\0\0\1IHAVEOPT\0\0\0", 15);
	while (at < n && nconn_rx_iov(nc, &iov, 1) > 0) {
		part = iov.iov_len < n - at ? iov.iov_len : n - at;
		memcpy(iov.iov_base, junk + at, part);
		nconn_rx_done(nc, part, w->now);
		at += part;
	}
	nconn_free(nc);
}

/* When something happens again if nothing moves: the disk completes, or a
 * client listens again. */
static uint64_t
world_next(const struct world *w)
{
	uint64_t at = disk_deadline(&w->disk);

	for (unsigned i = 0; i < w->clients_n; i++) {
		const struct client *c = &w->clients[i];

		if (c->woken)
			at = w->now;
		else if (c->nc != NULL && c->deaf_until > w->now &&
			 c->deaf_until < at)
			at = c->deaf_until;
	}
	return at;
}

static bool
world_step(struct world *w)
{
	uint64_t at;
	bool any = false;

	for (unsigned i = 0; i < w->clients_n; i++)
		any = client_run(&w->clients[i]) || any;
	any = disk_run(&w->disk) || any;
	at = world_next(w);
	if (!w->whole) {
		if (chance(w, 200))
			stranger(w);
		w->now += below(w, 100) * 1000;
	}
	if (any || at == CLOCK_NEVER)
		return any;
	if (at > w->now)
		w->now = at;
	return true;
}

static bool
world_busy(const struct world *w)
{
	for (unsigned i = 0; i < w->clients_n; i++)
		if (client_busy(&w->clients[i]))
			return true;
	return w->left > 0;
}

static void
world_check(const struct world *w)
{
	const struct bdev_req *req;
	struct nbd_stats stats;
	unsigned n = 0;

	nbd_stats(w->nbd, &stats);
	TAILQ_FOREACH (req, &w->disk.pending, link)
		n++;
	check(stats.in_flight == n, "%u in flight, but the disk has %u",
	    stats.in_flight, n);
}

static void
world_end(struct world *w)
{
	unsigned steps = 0;

	w->ending = true;
	if (chance(w, 2))
		nbd_shutdown(w->nbd);
	else
		for (unsigned i = 0; i < w->clients_n; i++)
			if (w->clients[i].nc != NULL)
				client_drop(&w->clients[i]);
	while (world_step(w))
		check(++steps < 1000000, "it does not end");
	for (unsigned i = 0; i < w->clients_n; i++) {
		check(w->clients[i].nc == NULL, "client %u goes on", i);
		free(w->clients[i].out);
	}
	world_check(w);
	check(TAILQ_EMPTY(&w->nbd->conns), "a connection is left");
	check(w->nbd->held_bytes == 0, "bytes are held");
	check(model_pipes_idle(&w->pipes), "a pipe is held");
	piped += w->nbd->piped_bytes;
	check(w->nbd->errors <= w->nbd->requests, "more errors than requests");
	model_compare(w);
	nbd_free(w->nbd);
}

static void
run(uint64_t run_seed)
{
	static struct world world;
	struct world *w = &world;
	unsigned steps = 0;

	seed = run_seed;
	world_make(w, false);
	w->left = 20 + (unsigned)below(w, 2000);
	while (world_busy(w)) {
		check(world_step(w) || w->left > 0, "nothing moves");
		world_check(w);
		check(++steps < 1000000, "it does not end: %u left", w->left);
	}
	if (chance(w, 2)) {
		/* Also from amidst of it. */
		w->left = 40;
		for (unsigned i = 0; i < 30; i++)
			world_step(w);
		w->left = 0;
	}
	world_end(w);
	if (verbose)
		printf("seed %" PRIu64 ": %u good, %u failed, %u lost, %u "
		       "drops, %u handshakes, %u stalls, %u steps\n",
		    seed, w->good, w->failed, w->lost, w->drops, w->handshakes,
		    w->stalls, steps);
}

/* Nothing goes wrong, and everything is 4 KiB. */
static void
count(enum job_kind kind, unsigned n)
{
	static struct world world;
	struct world *w = &world;
	struct client *c = &w->clients[0];

	seed = 1;
	world_make(w, true);
	w->left = n;
	while (world_busy(w)) {
		for (unsigned i = 0; c->state == UP && i < DEPTH; i++)
			if (!c->jobs[i].busy && w->left > 0)
				job_begin(c, &c->jobs[i], kind);
		world_step(w);
	}
	printf("%u good\n", w->good);
	world_end(w);
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
	uint64_t first = 1, runs = 300;
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
	check(runs < 100 || piped > runs * 100000, "little has been piped");
	printf("ok 1 - %" PRIu64 " runs from seed %" PRIu64 ", %" PRIu64
	       " bytes piped\n",
	    runs, first, piped);
	return 0;
}
