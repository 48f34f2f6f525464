/* SPDX-License-Identifier: BSD-2-Clause */
/* kpipes.h with the kernel's pipes, from loopback TCP to a Unix socket. */
#include "unit.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "io/kpipes.h"

#define PAYLOAD ((size_t)256 << 10)
/* Of kpipes.c. */
#define MOST  ((size_t)2 << 20) /* that one takes */
#define PARTS 4
#define SLOTS 256 /* of the kernel's largest pipe */
#define PAUSE 256

static struct kpipes *pipes;
static const struct kpipe_source *source;
static int near, far;  /* TCP: far sends, near is spliced from */
static int to, client; /* Unix: to is spliced into, client reads */
static uint8_t *payload, *back;

static unsigned
descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void
tcp_pair(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *sa = (struct sockaddr *)&addr;
	socklen_t len = sizeof(addr);
	static const int on = 1;
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, sa, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, sa, &len), 0);
	far = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(far, sa, len), 0);
	near = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	assert_true(near >= 0);
	assert_int_equal(
	    setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	close(listener);
}

static int
setup(void **state)
{
	static const int size = 16 << 10;
	int pair[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	pipes = kpipes_new();
	assert_non_null(pipes);
	source = kpipes_source(pipes);
	payload = malloc(PAYLOAD);
	back = malloc(MOST);
	for (size_t i = 0; i < PAYLOAD; i++)
		payload[i] = (uint8_t)(i * 2654435761u >> 24);
	tcp_pair();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	to = pair[0];
	client = pair[1];
	assert_int_equal(fcntl(to, F_SETFL, O_NONBLOCK), 0);
	/* Small, so that it is full often. */
	assert_int_equal(
	    setsockopt(to, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	kpipes_free(pipes);
	close(near);
	if (far != -1)
		close(far);
	close(to);
	if (client != -1)
		close(client);
	free(payload);
	free(back);
	return 0;
}

static struct kpipe *
get(size_t size)
{
	return source->ops->get(source->ctx, size);
}

static void
put(struct kpipe *pipe)
{
	source->ops->put(source->ctx, pipe);
}

static void
await(void)
{
	struct pollfd pfd = { .fd = near, .events = POLLIN };

	assert_int_equal(poll(&pfd, 1, 10000), 1);
}

/* All of them from far into the pipe, behind what it holds. */
static void
fill_more(struct kpipe *pipe, const uint8_t *bytes, size_t n)
{
	size_t sent = 0, got = 0;
	ssize_t part;

	while (got < n) {
		part = send(far, bytes + sent, n - sent, MSG_DONTWAIT);
		if (part > 0)
			sent += (size_t)part;
		await();
		part = kpipe_fill(pipe, near, n - got);
		assert_true(part > 0);
		got += (size_t)part;
	}
}

static void
fill(struct kpipe *pipe, const uint8_t *bytes, size_t n)
{
	fill_more(pipe, bytes, n);
	assert_int_equal(pipe->held, n);
}

/* All that the pipe holds, to the client; in how many turns. */
static unsigned
drain(struct kpipe *pipe)
{
	size_t want = pipe->held, got = 0;
	unsigned turns = 0;
	ssize_t n;

	while (got < want) {
		n = pipe->held == 0 ? -EAGAIN : kpipe_drain(pipe, to);
		assert_true(n > 0 || n == -EAGAIN);
		turns++;
		n = recv(client, back + got, MOST - got, MSG_DONTWAIT);
		if (n > 0)
			got += (size_t)n;
	}
	assert_int_equal(pipe->held, 0);
	assert_int_equal(recv(client, back, 1, MSG_DONTWAIT), -1);
	return turns;
}

static void
through(void **state)
{
	struct kpipe *pipe = get(PAYLOAD);

	(void)state;
	assert_non_null(pipe);
	for (int i = 0; i < 3; i++) {
		fill(pipe, payload, PAYLOAD);
		/* More than the socket takes at once. */
		assert_true(drain(pipe) > 1);
		assert_memory_equal(back, payload, PAYLOAD);
	}
	put(pipe);
	assert_ptr_equal(get(PAYLOAD), pipe);
	put(pipe);
}

static void
nothing_there(void **state)
{
	struct kpipe *pipe = get(PAYLOAD);

	(void)state;
	assert_int_equal(kpipe_fill(pipe, near, 100), -EAGAIN);
	fill(pipe, payload, 1000);
	/* Neither now is it full. */
	assert_int_equal(kpipe_fill(pipe, near, 100), -EAGAIN);
	/* No more than asked for. */
	assert_int_equal(send(far, payload, 1000, 0), 1000);
	await();
	assert_int_equal(kpipe_fill(pipe, near, 100), 100);
	assert_int_equal(pipe->held, 1100);
	assert_int_equal(recv(near, back, MOST, 0), 900);
	assert_memory_equal(back, payload + 100, 900);
	close(far);
	far = -1;
	await();
	assert_int_equal(kpipe_fill(pipe, near, 100), 0);
	put(pipe);
}

/* Bytes that come one by one fill the slots long before the pipe is full: up to
 * most of them, or as many as there is room for. */
static size_t
fill_by_bytes(struct kpipe *pipe, size_t most)
{
	ssize_t n;

	for (size_t i = 0; i < most; i++) {
		assert_int_equal(send(far, payload + i, 1, 0), 1);
		await();
		n = kpipe_fill(pipe, near, PAYLOAD - i);
		if (n == -ENOBUFS)
			return i;
		assert_int_equal(n, 1);
	}
	return most;
}

static void
several_parts(void **state)
{
	struct kpipe *pipe;

	(void)state;
	for (int i = 0; i < 3; i++) {
		unsigned before = descriptors();

		pipe = get(PAYLOAD);
		assert_int_equal(fill_by_bytes(pipe, SLOTS + 2), SLOTS + 2);
		fill_more(pipe, payload + SLOTS + 2, 50000);
		assert_int_equal(pipe->held, SLOTS + 2 + 50000);
		/* Those of the first time are there again. */
		if (i > 0)
			assert_int_equal(descriptors(), before);
		drain(pipe);
		assert_memory_equal(back, payload, SLOTS + 2 + 50000);
		put(pipe);
	}
	pipe = get(PAYLOAD);
	fill_by_bytes(pipe, SLOTS + 2);
	assert_int_equal(
	    source->ops->spill(source->ctx, pipe, back, SLOTS + 2), 0);
	assert_memory_equal(back, payload, SLOTS + 2);
	put(pipe);
}

/* The next request does not see what lies in a later part, either. */
static void
nothing_is_left_in_parts(void **state)
{
	struct kpipe *pipe = get(PAYLOAD);

	(void)state;
	fill_by_bytes(pipe, SLOTS + 2);
	put(pipe);
	pipe = get(PAYLOAD);
	fill(pipe, payload, 1000);
	drain(pipe);
	assert_memory_equal(back, payload, 1000);
	put(pipe);
}

static void
full_of_pieces(void **state)
{
	struct kpipe *pipe = get(PAYLOAD);
	size_t n = fill_by_bytes(pipe, (PARTS + 1) * SLOTS);

	(void)state;
	assert_in_range(n, (PARTS - 1) * SLOTS, PARTS * SLOTS);
	assert_int_equal(pipe->held, n);
	assert_int_equal(source->ops->spill(source->ctx, pipe, back, n), 0);
	assert_int_equal(pipe->held, 0);
	assert_memory_equal(back, payload, n);
	/* What did not go in is still to come. */
	assert_int_equal(recv(near, back, MOST, 0), 1);
	assert_int_equal(back[0], payload[n]);
	put(pipe);

	/* None for a while, and then the first part is larger. */
	for (int i = 0; i < PAUSE; i++)
		assert_null(get(PAYLOAD));
	pipe = get(PAYLOAD);
	assert_non_null(pipe);
	assert_true(fill_by_bytes(pipe, (PARTS + 1) * SLOTS) > n);
	put(pipe);
}

/* Of what was in a pipe that came back, the next request sees nothing. */
static void
nothing_is_left(void **state)
{
	struct kpipe *pipe = get(PAYLOAD);

	(void)state;
	fill(pipe, (const uint8_t *)"secret", 6);
	put(pipe);
	pipe = get(PAYLOAD);
	assert_int_equal(pipe->held, 0);
	fill(pipe, payload, 1000);
	drain(pipe);
	assert_memory_equal(back, payload, 1000);
	/* Also when somebody has counted wrongly. */
	fill(pipe, (const uint8_t *)"secret", 6);
	pipe->held = 0;
	put(pipe);
	pipe = get(PAYLOAD);
	fill(pipe, payload, 1000);
	drain(pipe);
	assert_memory_equal(back, payload, 1000);
	put(pipe);
}

/* The other way round it is an error, and not waited for. */
static void
less_than_counted(void **state)
{
	struct kpipe *pipe = get(PAYLOAD);

	(void)state;
	fill(pipe, payload, 10);
	pipe->held = 11;
	assert_int_equal(kpipe_drain(pipe, to), 10);
	assert_int_equal(pipe->held, 1);
	assert_int_equal(kpipe_drain(pipe, to), -EIO);
	assert_int_equal(source->ops->spill(source->ctx, pipe, back, 1), -EIO);
	put(pipe);
}

static void
client_is_gone(void **state)
{
	struct kpipe *pipe = get(PAYLOAD);

	(void)state;
	fill(pipe, payload, 1000);
	close(client);
	client = -1;
	assert_int_equal(kpipe_drain(pipe, to), -EPIPE);
	put(pipe);
}

/* What cannot be spliced is left for a read. */
static void
not_a_socket(void **state)
{
	struct kpipe *pipe = get(PAYLOAD);
	int fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(kpipe_fill(pipe, fd, 100), -ENOBUFS);
	close(fd);
	put(pipe);
}

static void
pipes_again(void)
{
	kpipes_free(pipes);
	pipes = kpipes_new();
	assert_non_null(pipes);
	source = kpipes_source(pipes);
}

static void
bounds(void **state)
{
	struct kpipe *large[64];
	unsigned n = 0, before = descriptors();

	(void)state;
	assert_null(get(MOST + 1));
	while ((large[n] = get(MOST)) != NULL) {
		n++;
		assert_true(n < 64);
	}
	assert_in_range(n, 8, 32);
	assert_int_equal(descriptors(), before + 2 * n);
	while (n > 0)
		put(large[--n]);
	pipes_again();
	assert_true(descriptors() <= before);
}

/* What many small requests have taken, a large one gets when they are done. */
static void
idle_ones_give_way(void **state)
{
	struct kpipe *small[64], *large;
	unsigned n;

	(void)state;
	for (n = 0; n < 64; n++) {
		small[n] = get(PAYLOAD);
		assert_non_null(small[n]);
	}
	assert_null(get(MOST));
	while (n > 0)
		put(small[--n]);
	for (int i = 0; i < 2; i++) {
		large = get(MOST);
		assert_non_null(large);
		assert_int_equal(fill_by_bytes(large, SLOTS + 2), SLOTS + 2);
		put(large);
	}
}

/* They leave the most of the descriptors to others. */
static void
few_descriptors(void **state)
{
	struct rlimit saved, few;
	struct kpipe *a, *b;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &saved), 0);
	few = saved;
	few.rlim_cur = 47;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	pipes_again();
	a = get(PAYLOAD);
	b = get(PAYLOAD);
	assert_non_null(a);
	assert_non_null(b);
	assert_null(get(PAYLOAD));
	put(a);
	put(b);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &saved), 0);
}

static void
no_descriptors(void **state)
{
	struct rlimit saved, none;
	struct kpipe *pipe;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &saved), 0);
	none = saved;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	pipe = get(PAYLOAD);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &saved), 0);
	assert_null(pipe);
	for (int i = 0; i < PAUSE; i++)
		assert_null(get(PAYLOAD));
	pipe = get(PAYLOAD);
	assert_non_null(pipe);
	put(pipe);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(through),
		TEST(nothing_there),
		TEST(several_parts),
		TEST(nothing_is_left_in_parts),
		TEST(full_of_pieces),
		TEST(nothing_is_left),
		TEST(less_than_counted),
		TEST(client_is_gone),
		TEST(not_a_socket),
		TEST(bounds),
		TEST(idle_ones_give_way),
		TEST(few_descriptors),
		TEST(no_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
