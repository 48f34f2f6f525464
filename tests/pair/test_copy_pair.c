/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_copy_pair - COPY from lun to lun over real sessions and the embedded
 * target, in virtual time: random ranges, some of them cut small by the target's
 * limits, against a model of both disks.
 *
 *     copies -> lun, lun -> one session, or two <-> wires <-> target -> 3 disks
 *
 * In the lossy half connections are cut at any byte.  A copy that has failed may
 * have written any part of its range, and nothing elsewhere; one that has
 * succeeded has written all of it, and a dropped one never lands on what came
 * after it.
 */
#include "../unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "../unit/prng.h"
#include "block/lun.h"
#include "session/session.h"
#include "target/target.h"

#define BLOCK  512u
#define BLOCKS 256u
#define SIZE   (BLOCK * BLOCKS)
#define DISKS  3
#define COPIES 120
#define IN_AIR 12
#define SEEDS  40
#define PIPE   16384
#define IOVS   32

struct ram {
	struct bdev bdev; /* first */
	uint8_t data[SIZE];
	struct bdev_req_queue pending;
};

struct side {
	struct session *session;
	struct conn *conn;
	struct tconn *tconn;
	struct tconn *ghost; /* of a connection that was lost */
	uint8_t out[PIPE], in[PIPE];
	size_t out_n, in_n;
};

struct job {
	struct bdev_req req;
	struct iovec iov;
	struct error why;
	uint8_t block[BLOCK];
	bool busy;
};

static struct world {
	struct prng prng;
	uint64_t now;
	bool lossy;
	struct target *target;
	struct ram ram[DISKS];
	struct side side[2];
	unsigned sides;
	struct lun *lun[2];
	uint64_t wake_at[2];
	unsigned ready, drops, failed, good;
	struct job jobs[IN_AIR];
	unsigned in_air;
	uint8_t model[2][SIZE];
	bool unknown[2][SIZE]; /* a failed request was to write there */
} w;

static size_t
below(size_t n)
{
	return prng_below(&w.prng, n);
}

/* ---- the disks ---- */

static void
ram_submit(struct bdev *bdev, struct bdev_req *req)
{
	TAILQ_INSERT_TAIL(&((struct ram *)bdev)->pending, req, link);
}

static bool
ram_run(struct ram *ram, bool all)
{
	struct bdev_req *req;
	bool any = false;

	while ((req = TAILQ_FIRST(&ram->pending)) != NULL &&
	       (all || below(3) > 0)) {
		TAILQ_REMOVE(&ram->pending, req, link);
		if (req->op == BDEV_READ)
			memcpy(req->iov->iov_base, ram->data + req->offset,
			    req->length);
		else if (req->op == BDEV_WRITE)
			memcpy(ram->data + req->offset, req->iov->iov_base,
			    req->length);
		req->result = 0;
		req->done(req);
		any = true;
	}
	return any;
}

static void
ram_close(struct bdev *bdev)
{
	assert_true(TAILQ_EMPTY(&((struct ram *)bdev)->pending));
}

static const struct bdev_ops ram_ops = { .submit = ram_submit,
	.close = ram_close };

/* ---- the wires ---- */

static void
nothing(void *ctx)
{
	(void)ctx;
}

static void
drop(struct side *s)
{
	struct error why;

	w.drops++;
	tconn_free(s->ghost);
	s->ghost = s->tconn;
	s->tconn = NULL;
	s->out_n = s->in_n = 0;
	error_set(&why, ERROR_UNREACHED, "connection reset");
	session_disconnected(s->session, s->conn, &why, w.now);
}

/* Moves some bytes of a pipe into vectors (in), or of vectors into it. */
static size_t
move(uint8_t *pipe, size_t *pipe_n, const struct iovec *iov, int n, bool in)
{
	size_t most = in ? *pipe_n : PIPE - *pipe_n, got = 0, some;

	most = most == 0 ? 0 : 1 + below(most);
	for (int i = 0; i < n && got < most; i++, got += some) {
		some =
		    iov[i].iov_len < most - got ? iov[i].iov_len : most - got;
		if (in)
			memcpy(iov[i].iov_base, pipe + got, some);
		else
			memcpy(pipe + *pipe_n + got, iov[i].iov_base, some);
	}
	if (in)
		memmove(pipe, pipe + got, *pipe_n - got);
	*pipe_n = in ? *pipe_n - got : *pipe_n + got;
	return got;
}

static bool
wire_run(struct side *s)
{
	struct iovec iov[IOVS];
	size_t moved = 0, n;

	if (s->conn == NULL || s->tconn == NULL)
		return false;
	n = move(s->out, &s->out_n, iov, conn_tx_iov(s->conn, iov, IOVS, w.now),
	    false);
	if (n > 0)
		conn_tx_done(s->conn, n, w.now);
	moved += n;
	n = s->out_n == 0 ? 0
			  : move(s->out, &s->out_n, iov,
				tconn_rx_iov(s->tconn, iov, IOVS), true);
	if (n > 0)
		tconn_rx_done(s->tconn, n, w.now);
	moved += n;
	n = move(s->in, &s->in_n, iov, tconn_tx_iov(s->tconn, iov, IOVS, w.now),
	    false);
	if (n > 0)
		tconn_tx_done(s->tconn, n, w.now);
	moved += n;
	n = s->in_n == 0 ? 0
			 : move(s->in, &s->in_n, iov,
			       conn_rx_iov(s->conn, iov, IOVS), true);
	if (n > 0)
		conn_rx_done(s->conn, n, w.now);
	moved += n;
	if (tconn_deadline(s->tconn) <= w.now)
		tconn_tick(s->tconn, w.now);
	return moved > 0;
}

/* ---- the sessions and the luns ---- */

static bool
session_run(struct side *s)
{
	struct session_event ev;
	struct task *task;
	bool any = false;

	if (session_deadline(s->session) <= w.now)
		session_tick(s->session, w.now);
	while (session_event(s->session, &ev)) {
		any = true;
		if (ev.type == SESSION_CONNECT) {
			s->conn = ev.conn;
			s->out_n = s->in_n = 0;
			s->tconn = tconn_new(w.target, "192.0.2.9:4711",
			    "192.0.2.1:3260", nothing, NULL, w.now);
			assert_non_null(s->tconn);
			session_connected(s->session, s->conn, w.now);
		} else if (ev.type == SESSION_CLOSE) {
			s->conn = NULL;
			tconn_free(s->tconn);
			s->tconn = NULL;
		}
	}
	while ((task = session_reap(s->session)) != NULL) {
		task->done(task);
		any = true;
	}
	return any;
}

static void
pass_time(void)
{
	uint64_t at = CLOCK_NEVER, other;

	for (unsigned i = 0; i < w.sides; i++) {
		other = session_deadline(w.side[i].session);
		at = other < at ? other : at;
		other = w.side[i].tconn != NULL
			    ? tconn_deadline(w.side[i].tconn)
			    : CLOCK_NEVER;
		at = other < at ? other : at;
	}
	for (unsigned i = 0; i < 2; i++)
		at = w.wake_at[i] < at ? w.wake_at[i] : at;
	assert_true(at != CLOCK_NEVER);
	if (at > w.now)
		w.now = at;
}

static void
step(void)
{
	bool any = false, pending = false;

	for (unsigned i = 0; i < w.sides; i++) {
		struct side *s = &w.side[i];

		any |= session_run(s);
		any |= wire_run(s);
		if (w.lossy && s->conn != NULL && s->tconn != NULL &&
		    w.ready == 2 && below(300) == 0)
			drop(s);
	}
	for (unsigned i = 0; i < 2; i++) {
		if (w.wake_at[i] > w.now)
			continue;
		w.wake_at[i] = CLOCK_NEVER;
		lun_run(w.lun[i]);
		any = true;
	}
	for (unsigned i = 0; i < DISKS; i++) {
		any |= ram_run(&w.ram[i], false);
		pending |= !TAILQ_EMPTY(&w.ram[i].pending);
	}
	w.now += below(1000);
	if (!any && !pending)
		pass_time();
}

static uint64_t
lun_now(void *ctx)
{
	(void)ctx;
	return w.now;
}

static void
lun_wake(struct lun *lun, uint64_t at, void *ctx)
{
	(void)lun;
	*(uint64_t *)ctx = at;
}

static void
lun_ready(struct lun *lun, const struct error *err, void *ctx)
{
	(void)lun;
	(void)ctx;
	assert_null(err);
	w.ready++;
}

static void
random_bytes(void *ctx, void *buf, size_t len)
{
	(void)ctx;
	prng_fill(&w.prng, buf, len);
}

static void
say(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	fprintf(stderr, "%s\n", line);
}

static const struct log sink = { .write = say, .max = LOG_DEBUG_LEVEL };

static void
build_target(void)
{
	struct target_config tc = { .name = "iqn.2001-04.com.example:copy" };
	struct lu_config lc = { .block_size = BLOCK };

	params_default(&tc.offer);
	tc.random = random_bytes;
	w.target = target_new(&tc);
	assert_non_null(w.target);
	lc.copy_max = below(2) ? 0 : (uint32_t)(1 + below(20)) * BLOCK;
	for (unsigned i = 0; i < DISKS; i++) {
		w.ram[i].bdev = (struct bdev){ .ops = &ram_ops,
			.size = SIZE,
			.block_size = BLOCK,
			.physical_block_size = BLOCK };
		TAILQ_INIT(&w.ram[i].pending);
		prng_fill(&w.prng, w.ram[i].data, SIZE);
		assert_int_equal(
		    target_add_lun(w.target, &w.ram[i].bdev, &lc), 0);
	}
	memcpy(w.model[0], w.ram[0].data, SIZE);
	memcpy(w.model[1], w.ram[1].data, SIZE);
}

static void
build(uint64_t seed, bool lossy)
{
	static struct auth auth;
	struct session_config sc;
	struct lun_config config = {
		.now = lun_now, .ready = lun_ready, .wake = lun_wake
	};

	memset(&w, 0, sizeof(w));
	w.prng.state = seed;
	w.now = CLOCK_S;
	w.lossy = lossy;
	w.sides = 1 + seed % 2;
	build_target();
	session_config_default(&sc);
	strcpy(sc.initiator_name, "iqn.2001-04.com.example:initiator");
	strcpy(sc.target_name, "iqn.2001-04.com.example:copy");
	strcpy(sc.portal, "192.0.2.1:3260");
	sc.auth = &auth;
	sc.reconnect = true;
	sc.random = random_bytes;
	config.log = getenv("COPY_PAIR_LOG") != NULL ? &sink : NULL;
	for (unsigned i = 0; i < w.sides; i++) {
		w.side[i].session = session_new(&sc);
		assert_non_null(w.side[i].session);
	}
	for (unsigned i = 0; i < 2; i++) {
		w.wake_at[i] = CLOCK_NEVER;
		config.session = w.side[i % w.sides].session;
		config.address = (uint64_t)i << 48;
		config.number = i;
		config.ctx = &w.wake_at[i];
		w.lun[i] = lun_new(&config);
		assert_non_null(w.lun[i]);
	}
	for (unsigned i = 0; i < w.sides; i++)
		session_start(w.side[i].session, w.now);
	while (w.ready < 2)
		step();
}

static void
finish(void)
{
	for (unsigned i = 0; i < 2; i++)
		lun_stop(w.lun[i]);
	for (unsigned i = 0; i < w.sides; i++) {
		session_end(w.side[i].session, w.now);
		while (session_state(w.side[i].session) != SESSION_FREE)
			step();
	}
	while (lun_in_flight(w.lun[0]) + lun_in_flight(w.lun[1]) > 0)
		step();
	for (unsigned i = 0; i < w.sides; i++) {
		session_run(&w.side[i]);
		tconn_free(w.side[i].tconn);
		tconn_free(w.side[i].ghost);
	}
	while (target_in_flight(w.target) > 0)
		for (unsigned i = 0; i < DISKS; i++)
			ram_run(&w.ram[i], true);
	lun_free(w.lun[0]);
	lun_free(w.lun[1]);
	for (unsigned i = 0; i < w.sides; i++)
		session_free(w.side[i].session);
	target_free(w.target);
}

/* ---- the requests ---- */

static void
job_done(struct bdev_req *req)
{
	struct job *j = req->ctx;

	assert_true(j->busy);
	j->busy = false;
	w.in_air--;
}

/*
 * Requests in the air do not overlap one another: each half of a disk in eight
 * parts, each used by one of them.  So the model is exact.
 */
#define PARTS	   8
#define PART_BYTES (SIZE / 2 / PARTS)

static void
model_end(struct job *j, unsigned to, unsigned from)
{
	struct bdev_req *req = &j->req;
	uint8_t *model = w.model[to] + req->offset;
	bool *unknown = w.unknown[to] + req->offset;

	if (req->result == 0) {
		w.good++;
		for (uint64_t i = 0; i < req->length; i++) {
			model[i] = req->op == BDEV_WRITE
				       ? j->block[i]
				       : w.model[from][req->source_offset + i];
			unknown[i] = req->op == BDEV_COPY &&
				     w.unknown[from][req->source_offset + i];
		}
		return;
	}
	w.failed++;
	assert_true(w.lossy);
	if (req->result == -EOPNOTSUPP)
		assert_non_null(strstr(j->why.text, "does not answer now"));
	else
		assert_int_equal(req->result, -EIO);
	assert_true(j->why.class != ERROR_NONE && j->why.text[0] != '\0');
	memset(unknown, 1, req->length);
}

/* One round: a request in some of the parts, all waited for. */
static void
round_of(unsigned to, unsigned from)
{
	unsigned n = 1 + (unsigned)below(PARTS), guard = 0;
	uint64_t at, len, source;

	for (unsigned i = 0; i < n; i++) {
		struct job *j = &w.jobs[i];

		memset(j, 0, sizeof(*j));
		at = below(PART_BYTES / BLOCK);
		len = 1 + below(PART_BYTES / BLOCK - at);
		source = below(SIZE / 2 / BLOCK - len + 1);
		j->req.op = BDEV_COPY;
		j->req.flags = below(4) == 0 ? BDEV_FUA : 0;
		/* The upper half is written, the lower one read. */
		j->req.offset = SIZE / 2 + i * PART_BYTES + at * BLOCK;
		j->req.source_offset = source * BLOCK;
		j->req.length = len * BLOCK;
		j->req.source = lun_bdev(w.lun[from]);
		j->req.why = &j->why;
		j->req.done = job_done;
		j->req.ctx = j;
		j->busy = true;
		w.in_air++;
		bdev_submit(lun_bdev(w.lun[to]), &j->req);
		while (below(3) == 0)
			step();
	}
	while (w.in_air > 0) {
		step();
		assert_true(++guard < 1000000);
	}
	for (unsigned i = 0; i < n; i++)
		model_end(&w.jobs[i], to, from);
}

/* A block of the lower half gets something else. */
static void
write_block(unsigned lun)
{
	struct job *j = &w.jobs[0];

	memset(j, 0, sizeof(*j));
	prng_fill(&w.prng, j->block, BLOCK);
	j->iov = (struct iovec){ j->block, BLOCK };
	j->req.op = BDEV_WRITE;
	j->req.offset = below(SIZE / 2 / BLOCK) * BLOCK;
	j->req.length = BLOCK;
	j->req.iov = &j->iov;
	j->req.iovcnt = 1;
	j->req.why = &j->why;
	j->req.done = job_done;
	j->req.ctx = j;
	j->busy = true;
	w.in_air++;
	bdev_submit(lun_bdev(w.lun[lun]), &j->req);
	while (w.in_air > 0)
		step();
	model_end(j, lun, lun);
}

static void
compare(void)
{
	for (unsigned d = 0; d < 2; d++)
		for (size_t i = 0; i < SIZE; i++)
			if (!w.unknown[d][i] &&
			    w.model[d][i] != w.ram[d].data[i])
				fail_msg("disk %u, byte %zu", d, i);
}

static void
run(uint64_t seed, bool lossy)
{
	uint8_t *third;

	build(seed, lossy);
	third = malloc(SIZE);
	assert_non_null(third);
	memcpy(third, w.ram[2].data, SIZE);
	assert_true(lun_bdev(w.lun[0])->can_copy);
	for (unsigned i = 0; i < COPIES / 10; i++) {
		unsigned to = (unsigned)below(2);

		round_of(to, below(4) == 0 ? to : 1 - to);
		write_block((unsigned)below(2));
	}
	/* What a dropped connection has left comes to its end. */
	w.lossy = false;
	while (!lun_healthy(w.lun[0]) || !lun_healthy(w.lun[1]))
		step();
	for (unsigned i = 0; i < 200; i++)
		for (unsigned d = 0; d < DISKS; d++)
			ram_run(&w.ram[d], true);
	compare();
	assert_memory_equal(third, w.ram[2].data, SIZE);
	free(third);
	finish();
}

static void
copy_exact(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		run(seed, false);
		assert_int_equal(w.failed, 0);
		assert_int_equal(w.drops, 0);
	}
}

static void
copy_lossy(void **state)
{
	unsigned drops = 0, failed = 0, good = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		run(seed, true);
		drops += w.drops;
		failed += w.failed;
		good += w.good;
	}
	assert_true(drops > SEEDS && failed > SEEDS && good > SEEDS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copy_exact),
		cmocka_unit_test(copy_lossy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
