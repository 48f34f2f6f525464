/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_lun_pair - a lun over a real session and the embedded target, in virtual
 * time: random requests (bdev_load.h) against an exact model, while the wire
 * cuts the bytes anywhere and, in the lossy half, the connection.
 *
 *     load -> lun -> session <-> wire <-> target -> ram
 *
 * Reads may go through pipes (model_pipe.h), in one PDU or in many.
 *
 * What a dropped connection left at the target goes on there for a while; a
 * write that is acknowledged after it must still win.
 */
#include "../unit/unit.h"

#include <stdio.h>

#include "../unit/bdev_load.h"
#include "block/lun.h"
#include "session/session.h"
#include "target/target.h"

#define BLOCKS	 64
#define REQUESTS 300
#define SEEDS	 60 /* or as many as LUN_PAIR_SEEDS says */
#define PIPE	 65536
#define IOVS	 32

/* ---- the medium behind the target ---- */

struct ram {
	struct bdev bdev;
	uint8_t *data;
	bool mapped[BLOCKS];
	struct bdev_req_queue pending;
};

static struct world {
	struct prng prng;
	uint64_t now;
	bool lossy;
	struct target *target;
	struct ram ram;
	struct session *session;
	struct conn *conn;
	struct tconn *tconn;
	struct tconn *ghost; /* of a connection that was lost */
	uint8_t out[PIPE], in[PIPE];
	size_t out_n, in_n;
	struct lun *lun;
	uint64_t wake_at;
	unsigned ready, drops;
	struct load load;
	struct model_pipes pipes;
} w;

static unsigned piped, spilt, wasted; /* over all runs */

static size_t
below(size_t n)
{
	return prng_below(&w.prng, n);
}

static void
ram_submit(struct bdev *bdev, struct bdev_req *req)
{
	(void)bdev;
	TAILQ_INSERT_TAIL(&w.ram.pending, req, link);
}

static void
ram_map(uint64_t offset, uint64_t length, bool mapped)
{
	uint32_t size = w.ram.bdev.block_size;
	uint64_t i;

	for (i = offset / size; i < (offset + length + size - 1) / size; i++)
		w.ram.mapped[i] = mapped;
}

static void
ram_extents(struct bdev_req *req)
{
	uint32_t size = w.ram.bdev.block_size;
	uint64_t at, next;
	bool mapped;

	req->extents_n = 0;
	for (at = req->offset; at < req->offset + req->length; at = next) {
		if (req->extents_n == req->extents_max)
			return;
		mapped = w.ram.mapped[at / size];
		next = (at / size + 1) * size;
		while (next < req->offset + req->length &&
		       w.ram.mapped[next / size] == mapped)
			next += size;
		if (next > req->offset + req->length)
			next = req->offset + req->length;
		req->extents[req->extents_n].length = next - at;
		req->extents[req->extents_n++].alloc =
		    mapped ? BDEV_DATA : BDEV_HOLE;
	}
}

static void
ram_carry_out(struct bdev_req *req)
{
	uint8_t *at = w.ram.data + req->offset;
	int i;

	req->result = 0;
	switch (req->op) {
	case BDEV_READ:
		for (i = 0; i < req->iovcnt; i++) {
			memcpy(req->iov[i].iov_base, at, req->iov[i].iov_len);
			at += req->iov[i].iov_len;
		}
		break;
	case BDEV_WRITE:
		for (i = 0; i < req->iovcnt; i++) {
			memcpy(at, req->iov[i].iov_base, req->iov[i].iov_len);
			at += req->iov[i].iov_len;
		}
		ram_map(req->offset, req->length, true);
		break;
	case BDEV_ZERO:
	case BDEV_DISCARD:
		memset(at, 0, req->length);
		ram_map(
		    req->offset, req->length, (req->flags & BDEV_NO_HOLE) != 0);
		break;
	case BDEV_EXTENTS:
		ram_extents(req);
		break;
	case BDEV_FLUSH:
	case BDEV_COPY:
		break;
	}
}

static bool
ram_run(bool all)
{
	struct bdev_req *req;
	bool any = false;

	while ((req = TAILQ_FIRST(&w.ram.pending)) != NULL &&
	       (all || below(3) > 0)) {
		TAILQ_REMOVE(&w.ram.pending, req, link);
		ram_carry_out(req);
		req->done(req);
		any = true;
	}
	return any;
}

static void
ram_close(struct bdev *bdev)
{
	(void)bdev;
	assert_true(TAILQ_EMPTY(&w.ram.pending));
	free(w.ram.data);
}

static const struct bdev_ops ram_ops = {
	.submit = ram_submit,
	.close = ram_close,
};

/* ---- the wire ---- */

static void
nothing(void *ctx)
{
	(void)ctx;
}

static void
drop(void)
{
	struct error why;

	w.drops++;
	tconn_free(w.ghost);
	w.ghost = w.tconn;
	w.tconn = NULL;
	w.out_n = w.in_n = 0;
	error_set(&why, ERROR_UNREACHED, "connection reset");
	session_disconnected(w.session, w.conn, &why, w.now);
}

/* Takes n bytes out of the front of a pipe into vectors. */
static size_t
scatter(uint8_t *pipe, size_t *pipe_n, const struct iovec *iov, int n)
{
	size_t want = *pipe_n == 0 ? 0 : 1 + below(*pipe_n), got = 0, some;
	int i;

	for (i = 0; i < n && got < want; i++) {
		some =
		    iov[i].iov_len < want - got ? iov[i].iov_len : want - got;
		memcpy(iov[i].iov_base, pipe + got, some);
		got += some;
	}
	memmove(pipe, pipe + got, *pipe_n - got);
	*pipe_n -= got;
	return got;
}

static size_t
gather(uint8_t *pipe, size_t *pipe_n, const struct iovec *iov, int n)
{
	size_t room = PIPE - *pipe_n, got = 0, some;
	int i;

	room = room == 0 ? 0 : 1 + below(room);
	for (i = 0; i < n && got < room; i++) {
		some =
		    iov[i].iov_len < room - got ? iov[i].iov_len : room - got;
		memcpy(pipe + *pipe_n, iov[i].iov_base, some);
		*pipe_n += some;
		got += some;
	}
	return got;
}

/* As scatter(), into a pipe of the session's. */
static size_t
scatter_piped(struct kpipe *pipe, size_t max)
{
	size_t n = 1 + below(w.in_n < max ? w.in_n : max);
	size_t got = model_pipe_fill(pipe, w.in, n);

	memmove(w.in, w.in + got, w.in_n - got);
	w.in_n -= got;
	if (got > 0)
		conn_rx_piped(w.conn, got, w.now);
	else
		conn_rx_pipe_full(w.conn, w.now);
	return 1;
}

static size_t
receive(void)
{
	struct iovec iov[IOVS];
	struct kpipe *pipe;
	size_t n;

	if (w.in_n == 0)
		return 0;
	pipe = conn_rx_pipe(w.conn, &n);
	if (pipe != NULL)
		return scatter_piped(pipe, n);
	n = scatter(w.in, &w.in_n, iov, conn_rx_iov(w.conn, iov, IOVS));
	if (n > 0)
		conn_rx_done(w.conn, n, w.now);
	return n;
}

static bool
wire_run(void)
{
	struct iovec iov[IOVS];
	size_t moved = 0, n;

	if (w.conn == NULL || w.tconn == NULL)
		return false;
	n = gather(w.out, &w.out_n, iov, conn_tx_iov(w.conn, iov, IOVS, w.now));
	if (n > 0)
		conn_tx_done(w.conn, n, w.now);
	moved += n;
	n = w.out_n == 0 ? 0
			 : scatter(w.out, &w.out_n, iov,
			       tconn_rx_iov(w.tconn, iov, IOVS));
	if (n > 0)
		tconn_rx_done(w.tconn, n, w.now);
	moved += n;
	n = gather(w.in, &w.in_n, iov, tconn_tx_iov(w.tconn, iov, IOVS, w.now));
	if (n > 0)
		tconn_tx_done(w.tconn, n, w.now);
	moved += n;
	moved += receive();
	if (tconn_deadline(w.tconn) <= w.now)
		tconn_tick(w.tconn, w.now);
	return moved > 0;
}

/* ---- the session and the lun ---- */

static bool
session_run(void)
{
	struct session_event ev;
	struct task *task;
	bool any = false;

	if (session_deadline(w.session) <= w.now)
		session_tick(w.session, w.now);
	while (session_event(w.session, &ev)) {
		any = true;
		if (ev.type == SESSION_CONNECT) {
			w.conn = ev.conn;
			w.out_n = w.in_n = 0;
			w.tconn = tconn_new(w.target, "192.0.2.9:4711",
			    "192.0.2.1:3260", nothing, NULL, w.now);
			assert_non_null(w.tconn);
			session_connected(w.session, w.conn, w.now);
		} else if (ev.type == SESSION_CLOSE) {
			assert_ptr_equal(ev.conn, w.conn);
			w.conn = NULL;
			tconn_free(w.tconn);
			w.tconn = NULL;
		} else if (ev.type == SESSION_LOST) {
			assert_true(w.lossy);
		}
	}
	while ((task = session_reap(w.session)) != NULL) {
		task->done(task);
		any = true;
	}
	if (w.wake_at <= w.now) {
		w.wake_at = CLOCK_NEVER;
		lun_run(w.lun);
		any = true;
	}
	return any;
}

static void
pass_time(void)
{
	uint64_t at = session_deadline(w.session), other;

	other = w.tconn != NULL ? tconn_deadline(w.tconn) : CLOCK_NEVER;
	at = other < at ? other : at;
	at = w.wake_at < at ? w.wake_at : at;
	assert_true(at != CLOCK_NEVER);
	if (at > w.now)
		w.now = at;
}

static void
step(void)
{
	bool any;

	any = session_run();
	any = wire_run() || any;
	any = ram_run(false) || any;
	if (w.lossy && w.conn != NULL && w.tconn != NULL && w.ready > 0 &&
	    below(400) == 0)
		drop();
	w.now += below(1000);
	if (!any && TAILQ_EMPTY(&w.ram.pending))
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
	(void)ctx;
	w.wake_at = at;
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

/* With a digest over data nothing may go through a pipe. */
static void
digests(struct params *offer)
{
	static const struct digest_list crc = { 1, { DIGEST_CRC32C } };

	if (below(4) == 0)
		offer->header_digest = crc;
	if (below(8) == 0)
		offer->data_digest = crc;
}

static void
build(uint64_t seed, bool lossy)
{
	static const struct digest_list any = { 2,
		{ DIGEST_NONE, DIGEST_CRC32C } };
	static struct auth auth;
	struct target_config tc = { .name = "iqn.2001-04.com.example:lun" };
	struct lu_config lc = { 0 };
	struct session_config sc;
	struct lun_config config = {
		.now = lun_now,
		.ready = lun_ready,
		.wake = lun_wake,
	};

	memset(&w, 0, sizeof(w));
	w.prng.state = seed;
	w.now = CLOCK_S;
	w.lossy = lossy;
	w.wake_at = CLOCK_NEVER;
	lc.block_size = seed % 2 == 0 ? 512 : 4096;
	lc.thin = below(2);
	w.ram.bdev.ops = &ram_ops;
	w.ram.bdev.size = (uint64_t)BLOCKS * lc.block_size;
	w.ram.bdev.block_size = w.ram.bdev.physical_block_size = lc.block_size;
	w.ram.bdev.thin = w.ram.bdev.can_discard = lc.thin;
	w.ram.bdev.can_fast_zero = w.ram.bdev.volatile_cache = true;
	w.ram.data = calloc(1, w.ram.bdev.size);
	assert_non_null(w.ram.data);
	TAILQ_INIT(&w.ram.pending);

	params_default(&tc.offer);
	tc.offer.header_digest = tc.offer.data_digest = any;
	tc.random = random_bytes;
	w.target = target_new(&tc);
	assert_non_null(w.target);
	assert_int_equal(target_add_lun(w.target, &w.ram.bdev, &lc), 0);

	session_config_default(&sc);
	strcpy(sc.initiator_name, "iqn.2001-04.com.example:initiator");
	strcpy(sc.target_name, tc.name);
	strcpy(sc.portal, "192.0.2.1:3260");
	sc.auth = &auth;
	sc.reconnect = true;
	sc.random = random_bytes;
	sc.pipe_least = 1 + (uint32_t)(below(4) == 0 ? below(4096) : 0);
	if (below(2) == 0)
		sc.offer.max_recv_data_segment = 512 + (uint32_t)below(4096);
	digests(&sc.offer);
	w.session = session_new(&sc);
	assert_non_null(w.session);
	config.session = w.session;
	config.log = getenv("LUN_PAIR_LOG") != NULL ? &sink : NULL;
	w.lun = lun_new(&config);
	assert_non_null(w.lun);
	session_start(w.session, w.now);
}

static void
finish(void)
{
	load_compare(&w.load, w.ram.data);
	load_fini(&w.load);
	lun_stop(w.lun);
	session_end(w.session, w.now);
	while (session_state(w.session) != SESSION_FREE ||
	       lun_in_flight(w.lun) > 0)
		step();
	session_run();
	tconn_free(w.tconn);
	tconn_free(w.ghost);
	ram_run(true);
	assert_true(model_pipes_idle(&w.pipes));
	assert_true(
	    w.load.piped == 0 ||
	    session_params(w.session)->data_digest.order[0] == DIGEST_NONE);
	if (getenv("LUN_PAIR_LOG") != NULL)
		fprintf(stderr, "%u piped, %u spilt, %u wasted, %u drops\n",
		    w.load.piped, w.pipes.spilt, w.pipes.wasted, w.drops);
	piped += w.load.piped;
	spilt += w.pipes.spilt;
	wasted += w.pipes.wasted;
	lun_free(w.lun);
	session_free(w.session);
	target_free(w.target);
}

static void
run(uint64_t seed, bool lossy)
{
	unsigned n = 0, steps = 0;

	build(seed, lossy);
	while (w.ready == 0)
		step();
	load_init(
	    &w.load, lun_bdev(w.lun), 0, (size_t)lun_bdev(w.lun)->size, seed);
	w.load.lossy = lossy;
	model_pipes_init(&w.pipes, seed);
	w.load.pipes = &w.pipes;
	while (n < REQUESTS || w.load.in_air > 0) {
		if (n < REQUESTS && w.load.in_air < LOAD_IN_AIR &&
		    below(3) == 0) {
			load_launch(&w.load);
			n++;
		}
		step();
		assert_true(++steps < 1000000);
	}
	w.lossy = false;
	while (!lun_healthy(w.lun) || !TAILQ_EMPTY(&w.ram.pending)) {
		w.lossy = session_state(w.session) != SESSION_UP;
		step();
		w.lossy = false;
	}
	finish();
}

static uint64_t
seeds(void)
{
	const char *text = getenv("LUN_PAIR_SEEDS");

	return text == NULL ? SEEDS : strtoull(text, NULL, 0);
}

static void
pair_exact(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= seeds(); seed++) {
		run(seed, false);
		assert_int_equal(w.drops, 0);
	}
	assert_true(piped > 4 * seeds());
	assert_true(spilt > seeds());
}

static void
pair_lossy(void **state)
{
	unsigned drops = 0;
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= seeds(); seed++) {
		run(seed, true);
		drops += w.drops;
	}
	assert_true(drops > SEEDS);
	assert_true(wasted > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pair_exact),
		cmocka_unit_test(pair_lossy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
