/* SPDX-License-Identifier: BSD-2-Clause */
/* block/pipe: order, the end, peers that go away or stay silent. */
#include "unit.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "block/pipe.h"

#define REQUESTS 40
#define PIECE	 300007 /* of the peer: meets no block */

static struct loop *loop;
static struct bdev *bdev;
static struct error err;
static unsigned in_flight;
static int ends[2];

struct one {
	struct bdev_req req;
	struct iovec iov[2];
	struct error why;
	uint8_t *memory;
	bool placed;
};

/* What stands at a place of the stream. */
static uint8_t
content(uint64_t at)
{
	return (uint8_t)(at ^ at >> 8 ^ at >> 16);
}

static int
setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	ends[0] = ends[1] = -1;
	return loop_new(&loop);
}

static int
teardown(void **state)
{
	(void)state;
	if (bdev != NULL)
		bdev->ops->close(bdev);
	bdev = NULL;
	loop_free(loop);
	if (ends[0] != -1)
		close(ends[0]);
	if (ends[1] != -1)
		close(ends[1]);
	return 0;
}

static void
open_end(int fd, bool output)
{
	if (pipe_open(loop, fd, "the line", output, &bdev, &err) != 0)
		fail_msg("%s", err.text);
}

static void
done(struct bdev_req *req)
{
	assert_ptr_equal(req->ctx, &in_flight);
	if (--in_flight == 0)
		loop_stop(loop, 0);
}

static int
place(struct bdev_req *req)
{
	struct one *o = (struct one *)(void *)req;

	assert_false(o->placed);
	o->placed = true;
	o->iov[0].iov_base = o->memory;
	o->iov[1].iov_base = o->memory + o->iov[0].iov_len;
	return 0;
}

static void
submit(struct one *o, enum bdev_op op, uint64_t length)
{
	o->why.class = ERROR_NONE;
	o->req.op = op;
	o->req.length = length;
	o->req.why = &o->why;
	o->req.done = done;
	o->req.ctx = &in_flight;
	o->req.result = 12345;
	if (op == BDEV_READ || op == BDEV_WRITE) {
		o->memory = calloc(1, length);
		assert_non_null(o->memory);
		o->iov[0] = (struct iovec){ o->memory, length / 3 };
		o->iov[1] = (struct iovec){ o->memory + length / 3,
			length - length / 3 };
		o->req.iov = o->iov;
		o->req.iovcnt = 2;
	}
	if (op == BDEV_READ) {
		o->iov[0].iov_base = o->iov[1].iov_base = NULL;
		o->req.place = place;
	}
	in_flight++;
	bdev_submit(bdev, &o->req);
}

static int
run(enum bdev_op op, uint64_t length, struct one *o)
{
	memset(o, 0, sizeof(*o));
	submit(o, op, length);
	loop_run(loop);
	free(o->memory);
	return o->req.result;
}

/* ---- the other end ---- */

struct peer {
	int fd;
	uint64_t total; /* to write, or that was read */
	bool same;
};

static void *
peer_writes(void *arg)
{
	static uint8_t piece[PIECE];
	struct peer *peer = arg;

	for (uint64_t at = 0; at < peer->total;) {
		size_t n = peer->total - at < PIECE ? peer->total - at : PIECE;

		for (size_t i = 0; i < n; i++)
			piece[i] = content(at + i);
		for (size_t i = 0; i < n;) {
			ssize_t put = write(peer->fd, piece + i, n - i);

			if (put <= 0)
				return NULL;
			i += (size_t)put;
		}
		at += n;
	}
	close(peer->fd);
	return NULL;
}

/* The first half is content, the second zeros. */
static void *
peer_reads(void *arg)
{
	static uint8_t piece[PIECE];
	struct peer *peer = arg;
	uint64_t half = peer->total / 2, at = 0;
	ssize_t n;

	peer->same = true;
	while ((n = read(peer->fd, piece, sizeof(piece))) > 0) {
		for (ssize_t i = 0; i < n; i++, at++)
			peer->same = peer->same &&
				     piece[i] == (at < half ? content(at) : 0);
	}
	peer->total = at;
	return NULL;
}

static void
reads_come_in_order_up_to_the_end(void **state)
{
	static struct one all[REQUESTS];
	struct peer peer = { .total = 5000003 };
	uint64_t at = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	open_end(ends[0], false);
	assert_true(bdev->stream);
	assert_true(bdev->read_only);
	assert_true(bdev->size == UINT64_MAX);
	assert_int_equal(bdev->block_size, 1);
	peer.fd = ends[1];
	ends[1] = -1;
	memset(all, 0, sizeof(all));
	for (int i = 0; i < REQUESTS; i++)
		submit(&all[i], BDEV_READ, i % 2 == 0 ? 262144 : 70001);
	assert_int_equal(pthread_create(&thread, NULL, peer_writes, &peer), 0);
	loop_run(loop);
	pthread_join(thread, NULL);
	for (int i = 0; i < REQUESTS; i++) {
		uint64_t asked = i % 2 == 0 ? 262144 : 70001;
		uint64_t left = peer.total - at;

		assert_int_equal(all[i].req.result, 0);
		assert_int_equal(
		    all[i].req.length, left < asked ? left : asked);
		for (uint64_t j = 0; j < all[i].req.length; j++, at++)
			assert_int_equal(all[i].memory[j], content(at));
		assert_int_equal(all[i].placed, left > 0);
		free(all[i].memory);
	}
	assert_int_equal(at, peer.total);
}

static void
writes_go_in_order_and_zero_is_zeros(void **state)
{
	static struct one all[REQUESTS];
	struct peer peer = { .total = UINT64_C(2) * REQUESTS / 2 * 200001 };
	uint64_t at = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	open_end(ends[1], true);
	assert_false(bdev->read_only);
	peer.fd = ends[0];
	memset(all, 0, sizeof(all));
	for (int i = 0; i < REQUESTS; i++) {
		bool zero = i >= REQUESTS / 2;

		/* Nothing is sent before the loop runs. */
		submit(&all[i], zero ? BDEV_ZERO : BDEV_WRITE, 200001);
		for (int j = 0; !zero && j < 200001; j++, at++)
			all[i].memory[j] = content(at);
	}
	assert_int_equal(pthread_create(&thread, NULL, peer_reads, &peer), 0);
	loop_run(loop);
	close(ends[1]);
	ends[1] = -1;
	pthread_join(thread, NULL);
	for (int i = 0; i < REQUESTS; i++) {
		assert_int_equal(all[i].req.result, 0);
		free(all[i].memory);
	}
	assert_true(peer.same);
	assert_int_equal(peer.total, UINT64_C(200001) * REQUESTS);
}

static void
reader_that_goes_is_told(void **state)
{
	struct one o;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	open_end(ends[1], true);
	assert_int_equal(run(BDEV_WRITE, 1000, &o), 0);
	close(ends[0]);
	ends[0] = -1;
	assert_int_equal(run(BDEV_WRITE, 1000, &o), -EIO);
	assert_int_equal(o.why.class, ERROR_FAILED);
	assert_string_equal(
	    o.why.text, "the line: its reader has gone before the end");
	/* What follows would be out of place. */
	memset(o.why.text, 0, sizeof(o.why.text));
	assert_int_equal(run(BDEV_ZERO, 1000, &o), -EIO);
	assert_non_null(strstr(o.why.text, "reader has gone"));
	assert_int_equal(run(BDEV_FLUSH, 0, &o), -EIO);
}

/* With everything in flight at once. */
static void
reader_that_goes_ends_all(void **state)
{
	static struct one all[REQUESTS];
	unsigned failed = 0;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	open_end(ends[1], true);
	memset(all, 0, sizeof(all));
	for (int i = 0; i < REQUESTS; i++)
		submit(&all[i], BDEV_ZERO, 100000);
	close(ends[0]);
	ends[0] = -1;
	loop_run(loop);
	for (int i = 0; i < REQUESTS; i++)
		failed += all[i].req.result == -EIO;
	assert_int_equal(failed, REQUESTS);
}

static void
full_disk_is_told(void **state)
{
	struct one o;

	(void)state;
	ends[1] = open("/dev/full", O_WRONLY | O_CLOEXEC);
	if (ends[1] == -1)
		skip();
	open_end(ends[1], true);
	assert_int_equal(run(BDEV_WRITE, 1000, &o), -ENOSPC);
	assert_non_null(strstr(o.why.text, "disk is full"));
}

/* ---- silent peers ---- */

static void
interrupt(struct timer *t, uint64_t now)
{
	(void)t;
	(void)now;
	bdev_interrupt(bdev);
}

/* The loop sleeps, and the helper most likely in its call, when it comes. */
static void
run_interrupted(enum bdev_op op)
{
	static struct one all[3];
	struct timer timer;

	timer_init(&timer, interrupt, NULL);
	timer_set(loop, &timer, loop_now(loop) + 30 * CLOCK_MS);
	memset(all, 0, sizeof(all));
	for (int i = 0; i < 3; i++)
		submit(&all[i], op, UINT64_C(32) << 20);
	loop_run(loop);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(all[i].req.result, -ECANCELED);
		assert_string_equal(all[i].why.text, "the line: interrupted");
		free(all[i].memory);
	}
	assert_int_equal(run(op, 1, &all[0]), -ECANCELED);
}

static void
silent_writer_can_be_left(void **state)
{
	(void)state;
	assert_int_equal(pipe(ends), 0);
	open_end(ends[0], false);
	run_interrupted(BDEV_READ);
}

static void
silent_reader_can_be_left(void **state)
{
	(void)state;
	assert_int_equal(pipe(ends), 0);
	open_end(ends[1], true);
	run_interrupted(BDEV_WRITE);
}

static void
silent_socket_can_be_left(void **state)
{
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	open_end(ends[0], false);
	run_interrupted(BDEV_READ);
	bdev->ops->close(bdev);
	open_end(ends[1], true);
	run_interrupted(BDEV_ZERO);
}

static void
silent_terminal_can_be_left(void **state)
{
	(void)state;
	ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (ends[0] == -1 || grantpt(ends[0]) == -1 || unlockpt(ends[0]) == -1)
		skip();
	ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_int_not_equal(ends[1], -1);
	open_end(ends[1], false);
	run_interrupted(BDEV_READ);
}

/* Without a call that blocks. */
static void
endless_sink_can_be_left(void **state)
{
	(void)state;
	ends[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_not_equal(ends[1], -1);
	open_end(ends[1], true);
	{
		static struct one o;
		struct timer timer;

		memset(&o, 0, sizeof(o));
		timer_init(&timer, interrupt, NULL);
		timer_set(loop, &timer, loop_now(loop) + 10 * CLOCK_MS);
		submit(&o, BDEV_ZERO, UINT64_MAX);
		loop_run(loop);
		assert_int_equal(o.req.result, -ECANCELED);
	}
}

static void
interrupt_before_anything(void **state)
{
	struct one o;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	open_end(ends[0], false);
	bdev_interrupt(bdev);
	assert_int_equal(run(BDEV_READ, 10, &o), -ECANCELED);
}

/* ---- the descriptor ---- */

/* The shell must find its terminal as it was. */
static void
mode_is_left_alone(void **state)
{
	struct one o;
	int flags;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	flags = fcntl(ends[0], F_GETFL);
	open_end(ends[0], false);
	assert_int_equal(write(ends[1], "abc", 3), 3);
	close(ends[1]);
	ends[1] = -1;
	assert_int_equal(run(BDEV_READ, 10, &o), 0);
	assert_int_equal(o.req.length, 3);
	assert_int_equal(fcntl(ends[0], F_GETFL), flags);
}

/* Whoever made it so: it is waited for. */
static void
non_blocking_descriptor_serves(void **state)
{
	static struct one o;
	struct peer peer = { .total = 3000000 };
	pthread_t thread;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	open_end(ends[0], false);
	peer.fd = ends[1];
	ends[1] = -1;
	assert_int_equal(pthread_create(&thread, NULL, peer_writes, &peer), 0);
	memset(&o, 0, sizeof(o));
	submit(&o, BDEV_READ, 4000000);
	loop_run(loop);
	pthread_join(thread, NULL);
	assert_int_equal(o.req.result, 0);
	assert_int_equal(o.req.length, 3000000);
	for (uint64_t i = 0; i < o.req.length; i++)
		assert_int_equal(o.memory[i], content(i));
	free(o.memory);
}

static void
silent_non_blocking_descriptor_can_be_left(void **state)
{
	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	open_end(ends[0], false);
	run_interrupted(BDEV_READ);
}

static int
temporary(void)
{
	char path[] = "/tmp/test_pipe.XXXXXX";
	int fd = mkstemp(path);

	assert_int_not_equal(fd, -1);
	unlink(path);
	return fd;
}

static void
file_goes_on_where_it_stands(void **state)
{
	struct one o;
	char text[16] = "";

	(void)state;
	ends[0] = temporary();
	assert_int_equal(write(ends[0], "0123456789", 10), 10);
	assert_int_equal(lseek(ends[0], 4, SEEK_SET), 4);
	open_end(ends[0], false);
	assert_int_equal(bdev->size, 6);
	assert_int_equal(run(BDEV_READ, 4, &o), 0);
	assert_int_equal(o.req.length, 4);
	assert_int_equal(run(BDEV_READ, 4, &o), 0);
	assert_int_equal(o.req.length, 2);
	assert_int_equal(run(BDEV_READ, 4, &o), 0);
	assert_int_equal(o.req.length, 0);
	assert_int_equal(run(BDEV_WRITE, 1, &o), -EROFS);
	bdev->ops->close(bdev);

	assert_int_equal(lseek(ends[0], 8, SEEK_SET), 8);
	open_end(ends[0], true);
	assert_true(bdev->volatile_cache);
	assert_int_equal(run(BDEV_ZERO, 3, &o), 0);
	assert_int_equal(run(BDEV_FLUSH, 0, &o), 0);
	assert_int_equal(run(BDEV_READ, 1, &o), -EINVAL);
	assert_int_equal(run(BDEV_DISCARD, 1, &o), -EOPNOTSUPP);
	assert_int_equal(pread(ends[0], text, sizeof(text), 0), 11);
	assert_memory_equal(text, "01234567\0\0\0", 11);
}

static void
unusable_descriptors_are_refused(void **state)
{
	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(
	    pipe_open(loop, ends[0], "the line", true, &bdev, &err), -1);
	assert_string_equal(err.text, "the line: Bad file descriptor");
	assert_int_equal(
	    pipe_open(loop, ends[1], "the line", false, &bdev, &err), -1);
	close(ends[0]);
	assert_int_equal(
	    pipe_open(loop, ends[0], "the line", false, &bdev, &err), -1);
	ends[0] = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(
	    pipe_open(loop, ends[0], "the line", false, &bdev, &err), -1);
	assert_string_equal(err.text, "the line: Is a directory");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(reads_come_in_order_up_to_the_end),
		T(writes_go_in_order_and_zero_is_zeros),
		T(reader_that_goes_is_told),
		T(reader_that_goes_ends_all),
		T(full_disk_is_told),
		T(silent_writer_can_be_left),
		T(silent_reader_can_be_left),
		T(silent_socket_can_be_left),
		T(silent_terminal_can_be_left),
		T(endless_sink_can_be_left),
		T(interrupt_before_anything),
		T(mode_is_left_alone),
		T(non_blocking_descriptor_serves),
		T(silent_non_blocking_descriptor_can_be_left),
		T(file_goes_on_where_it_stands),
		T(unusable_descriptors_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
