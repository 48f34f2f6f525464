/* SPDX-License-Identifier: BSD-2-Clause */
/* socket.h: portals as text, and every way in which connecting can end. */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/socket.h"

static void
portals_are_taken_apart(void **state)
{
	static const struct {
		const char *text, *host, *port; /* host NULL: refused */
	} rows[] = {
		{ "nas", "nas", "3260" },
		{ "nas:860", "nas", "860" },
		{ "10.0.0.1:0", "10.0.0.1", "0" },
		{ "10.0.0.1:003260", "10.0.0.1", "3260" },
		{ "[::1]", "::1", "3260" },
		{ "[fe80::1%eth0]:65535", "fe80::1%eth0", "65535" },
		{ "fe80::1", "fe80::1", "3260" },
		{ "", NULL, NULL },
		{ ":3260", NULL, NULL },
		{ "[]:3260", NULL, NULL },
		{ "[::1", NULL, NULL },
		{ "[::1]x", NULL, NULL },
		{ "[::1]:", NULL, NULL },
		{ "nas:", NULL, NULL },
		{ "nas:65536", NULL, NULL },
		{ "nas:99999999999999999999", NULL, NULL },
		{ "nas:-1", NULL, NULL },
		{ "nas:+1", NULL, NULL },
		{ "nas:32x", NULL, NULL },
	};
	char big[SOCKET_HOST_MAX + 2];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct socket_portal p = { .host = "untouched" };
		int error = socket_parse(rows[i].text, ISCSI_PORT, &p);

		if (rows[i].host == NULL) {
			assert_int_equal(error, -EINVAL);
			assert_string_equal(p.host, "untouched");
			continue;
		}
		assert_int_equal(error, 0);
		assert_string_equal(p.host, rows[i].host);
		assert_string_equal(p.port, rows[i].port);
	}
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	{
		struct socket_portal p;

		assert_int_equal(socket_parse(big, "1", &p), -EINVAL);
		assert_int_equal(socket_parse(big + 1, "1", &p), 0);
	}
}

static void
addresses_become_text(void **state)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_port = htons(3260) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(860) };
	char text[SOCKET_NAME_MAX + 1];

	(void)state;
	inet_pton(AF_INET, "192.0.2.1", &v4.sin_addr);
	socket_name((struct sockaddr *)&v4, sizeof(v4), text);
	assert_string_equal(text, "192.0.2.1:3260");
	inet_pton(AF_INET6, "2001:db8::7", &v6.sin6_addr);
	socket_name((struct sockaddr *)&v6, sizeof(v6), text);
	assert_string_equal(text, "[2001:db8::7]:860");
	inet_pton(AF_INET6, "::ffff:192.0.2.1", &v6.sin6_addr);
	socket_name((struct sockaddr *)&v6, sizeof(v6), text);
	assert_string_equal(text, "192.0.2.1:860");
}

/* ---- connecting ---- */

static struct loop *loop;
static struct connector *connector;
static int got_fd;
static struct error got_why;

static int
setup(void **state)
{
	(void)state;
	got_fd = -2;
	memset(&got_why, 0, sizeof(got_why));
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
connected(void *ctx, int fd, const struct error *why)
{
	assert_ptr_equal(ctx, &got_fd);
	assert_int_equal(got_fd, -2);
	got_fd = fd;
	if (fd == -1)
		got_why = *why;
	else
		assert_null(why);
	connector_free(connector);
	loop_stop(loop, 0);
}

static void
try_to_connect(const char *portal, uint64_t timeout)
{
	assert_int_equal(connector_new(loop, portal, timeout, connected,
			     &got_fd, &connector),
	    0);
	assert_int_equal(got_fd, -2);
	loop_run(loop);
}

/* A socket on a free port of 127.0.0.1; a backlog of -1: bound only. */
static int
listener(int backlog, char portal[32])
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	snprintf(portal, 32, "127.0.0.1:%u", ntohs(addr.sin_port));
	return fd;
}

static void
connection_is_made(void **state)
{
	char portal[32];
	int fd = listener(1, portal);

	(void)state;
	try_to_connect(portal, CLOCK_S);
	assert_true(got_fd >= 0);
	close(got_fd);
	close(fd);
}

/* localhost may be two addresses, of which one is refused. */
static void
name_is_resolved(void **state)
{
	char portal[32], named[32];
	int fd = listener(1, portal);

	(void)state;
	snprintf(named, sizeof(named), "localhost%s", strchr(portal, ':'));
	try_to_connect(named, CLOCK_S);
	assert_true(got_fd >= 0);
	close(got_fd);
	close(fd);
}

static void
refusal_is_told(void **state)
{
	char portal[32], text[160];
	int fd = listener(-1, portal);

	(void)state;
	try_to_connect(portal, CLOCK_S);
	assert_int_equal(got_fd, -1);
	assert_int_equal(got_why.class, ERROR_UNREACHED);
	snprintf(text, sizeof(text),
	    "connect to %s: Connection refused; check "
	    "address and port, and that a target listens there",
	    portal);
	assert_string_equal(got_why.text, text);
	close(fd);
}

static void
unknown_name_is_told(void **state)
{
	(void)state;
	try_to_connect("no.such.host.invalid:3260", CLOCK_S);
	assert_int_equal(got_fd, -1);
	assert_int_equal(got_why.class, ERROR_UNREACHED);
	assert_non_null(strstr(got_why.text, "resolve no.such.host.invalid: "));
}

/* A full backlog makes the kernel drop what comes, as a dead host would. */
static void
silence_times_out(void **state)
{
	char portal[32];
	int fd = listener(0, portal);
	int filler[2];
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);

	(void)state;
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	for (size_t i = 0; i < countof(filler); i++) {
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(filler[i], (struct sockaddr *)&addr, len);
	}
	try_to_connect(portal, 50 * CLOCK_MS);
	assert_int_equal(got_fd, -1);
	assert_int_equal(got_why.class, ERROR_UNREACHED);
	assert_non_null(strstr(got_why.text, "no answer within 0.05 s"));
	for (size_t i = 0; i < countof(filler); i++)
		close(filler[i]);
	close(fd);
}

static struct deferred stop_soon;

static void
stop_now(struct deferred *d)
{
	(void)d;
	loop_stop(loop, 0);
}

static void
attempt_can_be_given_up(void **state)
{
	static const char *const portals[] = { "127.0.0.1:1", "localhost:1" };

	(void)state;
	for (size_t i = 0; i < countof(portals); i++) {
		/* Before it begins, */
		assert_int_equal(connector_new(loop, portals[i], CLOCK_S,
				     connected, &got_fd, &connector),
		    0);
		connector_free(connector);
		/* and while it looks up or connects. */
		assert_int_equal(connector_new(loop, portals[i], CLOCK_S,
				     connected, &got_fd, &connector),
		    0);
		stop_soon.run = stop_now;
		deferred_set(loop, &stop_soon);
		loop_run(loop);
		if (got_fd == -2)
			connector_free(connector);
		got_fd = -2;
	}
	connector_free(NULL);
	assert_int_equal(connector_new(loop, "bad:port", CLOCK_S, connected,
			     &got_fd, &connector),
	    -EINVAL);
}

static void
peer_that_vanishes_is_noticed(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), value = 0;
	socklen_t len = sizeof(value);

	(void)state;
	socket_keepalive(fd);
	getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &len);
	assert_int_equal(value, 1);
	getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, &len);
	assert_in_range(value, 1, 60);
	getsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &value, &len);
	assert_in_range(value, 1, 15);
	getsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &value, &len);
	assert_in_range(value, 1, 4);
	close(fd);
}

static void
window_is_opened(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), before, after, low;
	socklen_t len = sizeof(int);
	long most = 0;
	FILE *in = fopen("/proc/sys/net/ipv4/tcp_rmem", "re");

	(void)state;
	assert_non_null(in);
	assert_int_equal(fscanf(in, "%*d %*d %ld", &most), 1);
	fclose(in);
	assert_int_equal(
	    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &before, &len), 0);
	socket_open_window(fd);
	assert_int_equal(
	    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &after, &len), 0);
	assert_int_equal(
	    getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &low, &len), 0);
	assert_int_equal(low, 1);
	if (most > 3 << 20)
		most = 3 << 20;
	assert_true(after >= before);
	assert_true(after >= most);
	close(fd);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(portals_are_taken_apart),
		cmocka_unit_test(addresses_become_text),
		cmocka_unit_test(peer_that_vanishes_is_noticed),
		cmocka_unit_test(window_is_opened),
		T(connection_is_made),
		T(name_is_resolved),
		T(refusal_is_told),
		T(unknown_name_is_told),
		T(silence_times_out),
		T(attempt_can_be_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
