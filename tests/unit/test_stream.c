/* SPDX-License-Identifier: BSD-2-Clause */
/* stream.h: a small engine on one end of a socket pair, the test on the other.
 */
#include "unit.h"

#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include "io/stream.h"

#define OUT_SIZE (8u << 20)

static struct loop *loop;
static struct stream stream;
static int far; /* the other end */

static struct {
	uint8_t in[4096];
	size_t in_len;
	size_t in_max; /* room is offered up to here */
	uint8_t *out;
	size_t out_len, out_sent;
	unsigned active, ended;
	unsigned rx_last, rx_over; /* calls of rx_end() */
	int error;
	unsigned tx_asked; /* with something to send */
} engine;

static int
rx_iov(void *ctx, struct iovec *iov, int max)
{
	size_t half = (engine.in_max - engine.in_len) / 2;

	assert_ptr_equal(ctx, &engine);
	assert_true(max >= 2);
	if (engine.in_len == engine.in_max)
		return 0;
	iov[0] = (struct iovec){ engine.in + engine.in_len, half };
	iov[1] = (struct iovec){ engine.in + engine.in_len + half,
		engine.in_max - engine.in_len - half };
	return 2;
}

static void
rx_done(void *ctx, size_t n, uint64_t now)
{
	assert_ptr_equal(ctx, &engine);
	assert_true(now != 0);
	assert_true(n > 0);
	engine.in_len += n;
	assert_true(engine.in_len <= engine.in_max);
}

static int
tx_iov(void *ctx, struct iovec *iov, int max, uint64_t now)
{
	assert_ptr_equal(ctx, &engine);
	(void)now;
	assert_true(max >= 1);
	if (engine.out_sent == engine.out_len)
		return 0;
	engine.tx_asked++;
	iov[0] = (struct iovec){ engine.out + engine.out_sent,
		engine.out_len - engine.out_sent };
	return 1;
}

static void
tx_done(void *ctx, size_t n, uint64_t now)
{
	assert_ptr_equal(ctx, &engine);
	(void)now;
	engine.out_sent += n;
	assert_true(engine.out_sent <= engine.out_len);
}

static void
active(void *ctx)
{
	assert_ptr_equal(ctx, &engine);
	engine.active++;
	loop_stop(loop, 0);
}

static void
ended(void *ctx, int error)
{
	assert_ptr_equal(ctx, &engine);
	engine.ended++;
	engine.error = error;
	loop_stop(loop, 0);
}

static const struct stream_ops ops = { .rx_iov = rx_iov,
	.rx_done = rx_done,
	.tx_iov = tx_iov,
	.tx_done = tx_done,
	.active = active,
	.ended = ended };

static void
rx_end(void *ctx, bool all, uint64_t now)
{
	assert_ptr_equal(ctx, &engine);
	assert_true(now != 0);
	assert_int_equal(engine.rx_over, 0);
	if (all)
		engine.rx_over++;
	else
		engine.rx_last++;
	loop_stop(loop, 0);
}

/* Of an engine that goes on sending to who has closed his side. */
static const struct stream_ops patient_ops = { .rx_iov = rx_iov,
	.rx_done = rx_done,
	.tx_iov = tx_iov,
	.tx_done = tx_done,
	.active = active,
	.ended = ended,
	.rx_end = rx_end };

static int
setup(void **state)
{
	int pair[2];

	(void)state;
	memset(&engine, 0, sizeof(engine));
	engine.in_max = sizeof(engine.in);
	engine.out = malloc(OUT_SIZE);
	if (engine.out == NULL || loop_new(&loop) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
		return -1;
	for (size_t i = 0; i < OUT_SIZE; i++)
		engine.out[i] = (uint8_t)(i * 2654435761u >> 24);
	far = pair[1];
	stream_init(&stream, loop, &ops, &engine);
	return stream_open(&stream, pair[0]);
}

static int
teardown(void **state)
{
	(void)state;
	stream_close(&stream);
	stream_close(&stream);
	loop_free(loop);
	free(engine.out);
	close(far);
	return 0;
}

static void
stop_timer(struct timer *t, uint64_t now)
{
	(void)now;
	*(bool *)t->ctx = true;
	loop_stop(loop, 0);
}

/* Lets the loop run; false when nothing happened for a while. */
static bool
turn(void)
{
	bool quiet = false;
	struct timer timer;

	timer_init(&timer, stop_timer, &quiet);
	timer_set(loop, &timer, loop_now(loop) + 250 * CLOCK_MS);
	loop_run(loop);
	timer_clear(loop, &timer);
	return !quiet;
}

static void
bytes_go_where_the_engine_says(void **state)
{
	(void)state;
	assert_int_equal(send(far, "hello", 5, 0), 5);
	assert_true(turn());
	assert_memory_equal(engine.in, "hello", 5);
	assert_int_equal(engine.active, 1);
	assert_int_equal(stream.rx_bytes, 5);
	assert_false(turn());
}

/* No room: the bytes stay in the socket, and the loop does not spin. */
static void
engine_without_room_is_left_alone(void **state)
{
	(void)state;
	engine.in_max = 3;
	assert_int_equal(send(far, "hello", 5, 0), 5);
	assert_true(turn());
	assert_int_equal(engine.in_len, 3);
	assert_false(stream_flush(&stream));
	assert_false(turn());
	engine.in_max = 10;
	assert_false(stream_flush(&stream));
	assert_true(turn());
	assert_memory_equal(engine.in, "hello", 5);
}

/* And yet its end is noticed. */
static void
end_is_noticed_without_room(void **state)
{
	(void)state;
	engine.in_max = 3;
	assert_int_equal(send(far, "hello", 5, 0), 5);
	assert_true(turn());
	close(far);
	far = -1;
	assert_true(turn());
	assert_int_equal(engine.ended, 1);
}

static void
output_waits_for_a_full_socket(void **state)
{
	static uint8_t back[OUT_SIZE];
	size_t got = 0;

	(void)state;
	assert_false(stream_flush(&stream)); /* nothing to send */
	engine.out_len = OUT_SIZE;
	assert_true(stream_flush(&stream));
	assert_true(engine.out_sent < OUT_SIZE);
	assert_int_equal(engine.tx_asked, 1); /* short: not tried again */
	assert_false(stream_flush(&stream));
	assert_int_equal(engine.tx_asked, 1);
	assert_false(turn());
	while (got < OUT_SIZE) {
		ssize_t n = recv(far, back + got, OUT_SIZE - got, 0);

		if (n > 0) {
			got += (size_t)n;
			continue;
		}
		assert_int_equal(errno, EAGAIN);
		assert_true(turn());
		stream_flush(&stream);
	}
	assert_memory_equal(back, engine.out, OUT_SIZE);
	assert_int_equal(stream.tx_bytes, OUT_SIZE);
	/* Not woken for a socket that could take more. */
	while (turn())
		assert_false(stream_flush(&stream));
	engine.active = 0;
	assert_false(turn());
}

static void
unacknowledged_until_the_peer_has_it(void **state)
{
	uint8_t back[100];

	(void)state;
	assert_int_equal(stream_unacked(&stream), 0);
	engine.out_len = sizeof(back);
	assert_true(stream_flush(&stream));
	assert_true(stream_unacked(&stream) > 0);
	assert_int_equal(recv(far, back, sizeof(back), 0), sizeof(back));
	assert_int_equal(stream_unacked(&stream), 0);
	stream_close(&stream);
	assert_int_equal(stream_unacked(&stream), -EBADF);
}

static void
peer_that_closes_ends_the_stream(void **state)
{
	(void)state;
	assert_int_equal(send(far, "bye", 3, 0), 3);
	shutdown(far, SHUT_WR);
	while (engine.ended == 0)
		assert_true(turn());
	assert_memory_equal(engine.in, "bye", 3); /* what came before counts */
	assert_int_equal(engine.error, 0);
	assert_true(stream_is_open(&stream));
	stream_close(&stream);
	assert_false(stream_is_open(&stream));
	assert_false(stream_flush(&stream));
	assert_int_equal(engine.ended, 1);
}

static void
broken_socket_ends_the_stream_once(void **state)
{
	(void)state;
	close(far);
	far = -1;
	engine.out_len = 10;
	assert_false(stream_flush(&stream));
	assert_int_equal(engine.ended, 1);
	assert_int_equal(engine.error, EPIPE);
	stream_flush(&stream);
	stream_close(&stream);
	assert_int_equal(engine.ended, 1);
}

/* SO_RCVLOWAT is TCP's. */
static void
tcp_pair(int pair[2])
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *sa = (struct sockaddr *)&addr;
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, sa, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, sa, &len), 0);
	pair[1] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(pair[1], sa, len), 0);
	pair[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	assert_true(pair[0] >= 0);
	close(listener);
}

static void
lingers_until_enough_has_come(void **state)
{
	int pair[2];

	(void)state;
	stream_close(&stream);
	tcp_pair(pair);
	assert_int_equal(stream_open(&stream, pair[0]), 0);

	/* Too little: not told but late. */
	stream_linger(&stream, 10, 5 * CLOCK_MS);
	assert_int_equal(send(pair[1], "12345", 5, 0), 5);
	assert_true(turn());
	assert_int_equal(engine.in_len, 0);
	assert_false(turn());

	/* Taken back. */
	stream_linger(&stream, 0, 0);
	assert_true(turn());
	assert_int_equal(engine.in_len, 5);

	/* Enough. */
	stream_linger(&stream, 10, 600 * CLOCK_S);
	assert_int_equal(send(pair[1], "1234567890", 10, 0), 10);
	assert_true(turn());
	assert_int_equal(engine.in_len, 15);
	close(pair[1]);
}

/* The loop can linger on one socket: another's few bytes are not held back. */
static void
one_stream_of_a_loop_lingers(void **state)
{
	struct stream other = { .watch.fd = -1 };
	int a[2], b[2];

	(void)state;
	stream_close(&stream);
	tcp_pair(a);
	tcp_pair(b);
	assert_int_equal(stream_open(&stream, a[0]), 0);
	stream_init(&other, loop, &ops, &engine);
	assert_int_equal(stream_open(&other, b[0]), 0);
	stream_linger(&stream, 10, 5 * CLOCK_MS);
	stream_linger(&other, 10, 600 * CLOCK_S);
	assert_int_equal(send(b[1], "12345", 5, 0), 5);
	while (engine.in_len == 0)
		turn();
	assert_int_equal(engine.in_len, 5);
	stream_close(&other);
	close(a[1]);
	close(b[1]);
}

static void
half_closed_peer_is_sent_to(void **state)
{
	uint8_t back[10];

	(void)state;
	stream_set_ops(&stream, &patient_ops, &engine);
	engine.in_max = 3;
	assert_int_equal(send(far, "last", 4, 0), 4);
	shutdown(far, SHUT_WR);
	while (turn())
		stream_flush(&stream);
	/* Told at once, and only once although it lasts. */
	assert_int_equal(engine.in_len, 3);
	assert_int_equal(engine.rx_last, 1);
	assert_int_equal(engine.rx_over, 0);
	engine.in_max = 10;
	stream_flush(&stream);
	while (turn())
		stream_flush(&stream);
	assert_memory_equal(engine.in, "last", 4);
	assert_int_equal(engine.rx_last, 1);
	assert_int_equal(engine.rx_over, 1);
	assert_int_equal(engine.ended, 0);
	engine.out_len = sizeof(back);
	assert_true(stream_flush(&stream));
	assert_int_equal(recv(far, back, sizeof(back), 0), sizeof(back));
	assert_false(turn());
	close(far);
	far = -1;
	while (engine.ended == 0)
		assert_true(turn());
	assert_int_equal(engine.error, 0);
}

/* As the kernel's nbd driver does with a connection that has timed out. */
static void
hang_up_with_data_under_way(void)
{
	assert_int_equal(write(far, "write", 5), 5);
	assert_int_equal(shutdown(far, SHUT_RDWR), 0);
	while (engine.ended == 0)
		assert_int_equal(loop_run(loop), 0);
}

static void
data_before_the_end_is_read(void **state)
{
	(void)state;
	hang_up_with_data_under_way();
	assert_int_equal(engine.in_len, 5);
}

static void
stale_data_is_not_read(void **state)
{
	(void)state;
	stream.stale_after_hangup = true;
	hang_up_with_data_under_way();
	assert_int_equal(engine.in_len, 0);
	assert_int_equal(engine.error, 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(bytes_go_where_the_engine_says),
		T(engine_without_room_is_left_alone),
		T(end_is_noticed_without_room),
		T(output_waits_for_a_full_socket),
		T(half_closed_peer_is_sent_to),
		T(unacknowledged_until_the_peer_has_it),
		T(peer_that_closes_ends_the_stream),
		T(broken_socket_ends_the_stream_once),
		T(data_before_the_end_is_read),
		T(stale_data_is_not_read),
		T(lingers_until_enough_has_come),
		T(one_stream_of_a_loop_lingers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
