/* SPDX-License-Identifier: BSD-2-Clause */
/* zerocopy.h over loopback TCP: every byte comes once and in order, whatever
 * the reader does. */
#include "unit.h"

#include <sys/socket.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <unistd.h>

#include "io/zerocopy.h"

#define PAYLOAD ((size_t)3 << 20)

static struct zerocopy z;
static int near, far;
static uint8_t *payload;
static uint8_t header[48];

static void
tcp_pair(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *sa = (struct sockaddr *)&addr;
	socklen_t len = sizeof(addr);
	static const int size = 256 << 10;
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, sa, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, sa, &len), 0);
	far = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(far, sa, len), 0);
	near = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	assert_true(near >= 0);
	close(listener);
	/* Small, so that it is full often. */
	assert_int_equal(
	    setsockopt(near, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
}

static int
setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	zerocopy_init(&z);
	zerocopy_open(&z);
	assert_int_equal(z.pipe[0], -1);
	payload = aligned_alloc(4096, PAYLOAD);
	for (size_t i = 0; i < PAYLOAD; i++)
		payload[i] = (uint8_t)(i * 2654435761u >> 24);
	memset(header, 'h', sizeof(header));
	tcp_pair();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	zerocopy_close(&z);
	close(near);
	if (far != -1)
		close(far);
	free(payload);
	return 0;
}

/* What is to be sent: headers, each followed by a part of the payload, large
 * ones and small ones. */
#define PARTS 32

static size_t
part_length(int i)
{
	static const size_t lengths[] = { 65536, 1000, 300000, 65535, 16 };

	return lengths[(unsigned)i % countof(lengths)];
}

static int
vectors_from(size_t at, struct iovec iov[2 * PARTS])
{
	uint8_t *part = payload;
	int n = 0;

	for (int i = 0; i < 2 * PARTS; i++) {
		struct iovec all = { header, sizeof(header) };
		size_t skip;

		if (i % 2 == 1) {
			all = (struct iovec){ part, part_length(i / 2) };
			part += all.iov_len;
		}
		skip = at < all.iov_len ? at : all.iov_len;
		at -= skip;
		if (skip == all.iov_len)
			continue;
		iov[n].iov_base = (uint8_t *)all.iov_base + skip;
		iov[n++].iov_len = all.iov_len - skip;
	}
	return n;
}

static size_t
receive(const uint8_t *all, size_t at, size_t max)
{
	uint8_t buf[65536];
	ssize_t got =
	    recv(far, buf, max < sizeof(buf) ? max : sizeof(buf), MSG_DONTWAIT);

	if (got == -1) {
		assert_int_equal(errno, EAGAIN);
		return 0;
	}
	assert_memory_equal(buf, all + at, got);
	return (size_t)got;
}

/* The reader takes a little whenever the sender can do no more. */
static void
pump(void)
{
	size_t sent = 0, received = 0, filled = 0, want = 0;
	struct iovec iov[2 * PARTS];
	uint8_t *all = malloc(2 * PAYLOAD);
	bool open = z.open;
	int n = vectors_from(0, iov);

	for (int i = 0; i < n; i++) {
		memcpy(all + want, iov[i].iov_base, iov[i].iov_len);
		want += iov[i].iov_len;
	}
	while (received < want) {
		bool full = false;

		while (sent < want && !full) {
			ssize_t put;

			n = vectors_from(sent, iov);
			put = zerocopy_send(&z, near, iov, n, false, &full);

			if (put == -1) {
				assert_int_equal(errno, EAGAIN);
				assert_true(full);
			} else {
				sent += (size_t)put;
			}
		}
		filled += full;
		received += receive(all, received, 30000);
		assert_true(received <= sent);
	}
	assert_true(filled > 10);
	assert_int_equal(z.pending, 0);
	assert_int_equal(z.open, open); /* it was not given up */
	assert_int_equal(z.pipe[0] != -1, open);
	free(all);
}

static void
every_byte_comes_once(void **state)
{
	(void)state;
	pump();
}

static void
without_a_pipe_too(void **state)
{
	(void)state;
	zerocopy_close(&z);
	pump();
}

static void
unaligned_too(void **state)
{
	uint8_t *aligned = payload;

	(void)state;
	payload = malloc(PAYLOAD + 1);
	memcpy(payload + 1, aligned, PAYLOAD);
	payload++;
	pump();
	free(payload - 1);
	payload = aligned;
}

/* The peer reads what is in memory now: proof that nothing was copied, and the
 * reason for the header's warning. */
static void
large_piece_is_not_copied_and_small_one_is(void **state)
{
	struct iovec iov[2] = { { header, sizeof(header) },
		{ payload, 128 << 10 } };
	size_t want = sizeof(header) + (128 << 10), got = 0;
	uint8_t *buf = malloc(want);
	bool full;

	(void)state;
	assert_int_equal(zerocopy_send(&z, near, iov, 2, false, &full), want);
	assert_false(full);
	memset(header, 'x', sizeof(header));
	memset(payload + (100 << 10), 'x', 28 << 10);
	while (got < want) {
		ssize_t n = recv(far, buf + got, want - got, 0);

		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_int_equal(buf[0], 'h');
	assert_int_equal(buf[sizeof(header) - 1], 'h');
	assert_int_equal(buf[want - 1], 'x');
	free(buf);
}

static bool
second_half(void *ctx, const void *memory)
{
	assert_ptr_equal(ctx, &z);
	return (const uint8_t *)memory >= payload + PAYLOAD / 2;
}

/* What is not lent is copied, however large; and what is lent is no reason to
 * tear the connection down. */
static void
some_memory_is_lent(void **state)
{
	static const size_t size = 128 << 10;
	struct iovec iov[2] = { { payload, size },
		{ payload + PAYLOAD / 2, size } };
	uint8_t *buf = malloc(2 * size), *before = malloc(size);
	size_t got = 0;
	bool full;

	(void)state;
	memcpy(before, payload, size);
	zerocopy_limit(&z, second_half, &z);
	assert_int_equal(
	    zerocopy_send(&z, near, iov, 2, false, &full), 2 * size);
	assert_false(z.used);
	memset(payload, 'x', size);
	memset(payload + PAYLOAD / 2 + size - 1000, 'x', 1000);
	while (got < 2 * size) {
		ssize_t n = recv(far, buf + got, 2 * size - got, 0);

		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_memory_equal(buf, before, size);
	assert_int_equal(buf[2 * size - 1], 'x');
	free(before);
	free(buf);
}

static void
peer_that_went_is_an_error(void **state)
{
	struct iovec iov = { payload, PAYLOAD };
	ssize_t put = 0;
	bool full;

	(void)state;
	close(far);
	far = -1;
	for (int i = 0; i < 1000 && put != -1; i++) {
		put = zerocopy_send(&z, near, &iov, 1, false, &full);
		if (put == -1 && errno == EAGAIN)
			put = 0;
		usleep(1000);
	}
	assert_int_equal(put, -1);
	assert_true(errno == EPIPE || errno == ECONNRESET);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(every_byte_comes_once),
		T(without_a_pipe_too),
		T(unaligned_too),
		T(large_piece_is_not_copied_and_small_one_is),
		T(some_memory_is_lent),
		T(peer_that_went_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
