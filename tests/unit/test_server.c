/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server.h and listener.h: an engine that sends back what it gets, reached in
 * every way there is.
 */
#include "unit.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/server.h"
#include "io/unixsock.h"

#define PEERS_MAX 64 /* of server.c */

static struct loop *loop;
static struct server *server;
static struct error err;
static char folder[] = "/tmp/luntap-test-server.XXXXXX";
static char path[64];

/* ---- the engine ---- */

struct echo {
	char buf[256];
	size_t n, sent;
	char peer[128], local[128];
	bool close;
};

static struct echo *last; /* connection */
static unsigned conns;
static size_t received; /* by all of them */
static bool refuse;
static const char *last_ctx;

static void *
echo_new(void *ctx, const char *peer, const char *local,
    void (*wake)(void *ctx), void *wake_ctx, uint64_t now)
{
	struct echo *e = calloc(1, sizeof(*e));

	(void)wake;
	(void)wake_ctx;
	assert_true(now > 0);
	if (refuse) {
		free(e);
		return NULL;
	}
	assert_non_null(e);
	snprintf(e->peer, sizeof(e->peer), "%s", peer);
	snprintf(e->local, sizeof(e->local), "%s", local);
	last_ctx = ctx;
	last = e;
	conns++;
	return e;
}

static void
echo_free(void *conn)
{
	if (last == conn)
		last = NULL;
	conns--;
	free(conn);
}

static int
echo_rx_iov(void *conn, struct iovec *iov, int max)
{
	struct echo *e = conn;

	assert_true(max > 0);
	if (e->n == sizeof(e->buf))
		return 0;
	iov[0] = (struct iovec){ e->buf + e->n, sizeof(e->buf) - e->n };
	return 1;
}

static void
echo_rx_done(void *conn, size_t n, uint64_t now)
{
	struct echo *e = conn;

	(void)now;
	received += n;
	e->n += n;
	e->close = e->buf[e->n - 1] == 'q';
}

static int
echo_tx_iov(void *conn, struct iovec *iov, int max, uint64_t now)
{
	struct echo *e = conn;

	(void)now;
	assert_true(max > 0);
	if (e->sent == e->n)
		return 0;
	iov[0] = (struct iovec){ e->buf + e->sent, e->n - e->sent };
	return 1;
}

static void
echo_tx_done(void *conn, size_t n, uint64_t now)
{
	struct echo *e = conn;

	(void)now;
	e->sent += n;
}

static uint64_t
echo_deadline(const void *conn)
{
	(void)conn;
	return CLOCK_NEVER;
}

static void
echo_tick(void *conn, uint64_t now)
{
	(void)conn;
	(void)now;
}

static bool
echo_closing(const void *conn, struct error *ret_why)
{
	const struct echo *e = conn;

	*ret_why = (struct error){ .class = ERROR_NONE };
	return e->close && e->sent == e->n;
}

static const struct engine_ops echo_engine = {
	.conn_new = echo_new,
	.conn_free = echo_free,
	.rx_iov = echo_rx_iov,
	.rx_done = echo_rx_done,
	.tx_iov = echo_tx_iov,
	.tx_done = echo_tx_done,
	.deadline = echo_deadline,
	.tick = echo_tick,
	.closing = echo_closing,
};

/* ---- the loop ---- */

static void
stop_timer(struct timer *t, uint64_t now)
{
	(void)t;
	(void)now;
	loop_stop(loop, 0);
}

static void
turn(void)
{
	struct timer stop;

	timer_init(&stop, stop_timer, NULL);
	timer_set(loop, &stop, loop_now(loop) + CLOCK_MS);
	assert_int_equal(loop_run(loop), 0);
}

/* What comes within a generous time, 0 at the end of the stream. */
static ssize_t
get(int fd, char *buf, size_t size)
{
	for (int i = 0; i < 5000; i++) {
		ssize_t n = recv(fd, buf, size, MSG_DONTWAIT);

		if (n >= 0 || errno != EAGAIN)
			return n;
		turn();
	}
	return -1;
}

static void
assert_echoes(int fd)
{
	char back[8];

	assert_int_equal(send(fd, "hello", 5, MSG_NOSIGNAL), 5);
	assert_int_equal(get(fd, back, sizeof(back)), 5);
	assert_memory_equal(back, "hello", 5);
}

static int
setup(void **state)
{
	static const struct server_config config = { .engine = &echo_engine,
		.engine_ctx = (void *)(uintptr_t) "own" };

	(void)state;
	refuse = false;
	assert_int_equal(loop_new(&loop), 0);
	server = server_new(loop, &config);
	assert_non_null(server);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	server_free(server);
	assert_int_equal(conns, 0);
	loop_free(loop);
	return 0;
}

static int
make_folder(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/sock", folder);
	return 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static int
listen_tcp(void)
{
	static const struct listen_at at = {
		.kind = LISTEN_TCP, .text = "127.0.0.1", .port = "0"
	};

	return server_listen(server, &at, &err);
}

static int
connect_tcp(const char *address)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_port =
	    htons((uint16_t)strtoul(strrchr(address, ':') + 1, NULL, 10));
	assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	return fd;
}

static int
listen_unix(void)
{
	struct listen_at at = { .kind = LISTEN_UNIX, .text = path };

	return server_listen(server, &at, &err);
}

/* ---- tests ---- */

static void
several_places_are_served(void **state)
{
	int tcp, other, local;

	(void)state;
	assert_null(server_address(server, 0));
	assert_int_equal(listen_tcp(), 0);
	assert_int_equal(listen_unix(), 0);
	assert_int_equal(listen_tcp(), 0);
	assert_string_equal(server_address(server, 1), path);
	assert_null(server_address(server, 3));
	tcp = connect_tcp(server_address(server, 0));
	assert_echoes(tcp);
	assert_string_equal(last->local, server_address(server, 0));
	assert_string_equal(last_ctx, "own");
	local = unixsock_connect(path);
	assert_true(local >= 0);
	assert_echoes(local);
	assert_string_equal(last->local, path);
	other = connect_tcp(server_address(server, 2));
	assert_echoes(other);
	assert_echoes(tcp);
	assert_int_equal(server_connections(server), 3);
	close(tcp);
	close(local);
	close(other);
}

static void
connections_outlive_the_listeners(void **state)
{
	char byte;
	int fd;

	(void)state;
	assert_int_equal(listen_unix(), 0);
	fd = unixsock_connect(path);
	assert_echoes(fd);
	server_stop(server);
	assert_int_equal(access(path, F_OK), -1);
	assert_echoes(fd);
	/* The engine wants it closed, but what it has sent arrives. */
	assert_int_equal(send(fd, "q", 1, 0), 1);
	assert_int_equal(get(fd, &byte, 1), 1);
	assert_int_equal(get(fd, &byte, 1), 0);
	assert_int_equal(server_connections(server), 0);
	close(fd);
}

static void
a_path_is_private_and_goes(void **state)
{
	mode_t mask = umask(0);
	struct stat st;

	(void)state;
	assert_int_equal(listen_unix(), 0);
	umask(mask);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	server_stop(server);
	assert_int_equal(lstat(path, &st), -1);
	/* One that somebody else has made there meanwhile stays. */
	assert_int_equal(listen_unix(), 0);
	assert_int_equal(unlink(path), 0);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	server_stop(server);
	assert_int_equal(unlink(path), 0);
}

static void
only_a_stale_socket_is_replaced(void **state)
{
	struct stat st;
	char longer[200];
	struct listen_at at = { .kind = LISTEN_UNIX, .text = longer };
	int fd;

	(void)state;
	fd = unixsock_listen(path, 1, &st);
	assert_true(fd >= 0);
	assert_int_equal(listen_unix(), -1);
	assert_int_equal(err.class, ERROR_FAILED);
	assert_int_equal(access(path, F_OK), 0);
	close(fd);
	assert_int_equal(listen_unix(), 0);
	server_stop(server);

	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(listen_unix(), -1);
	assert_int_equal(unlink(path), 0);

	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(server_listen(server, &at, &err), -1);
	assert_int_equal(err.class, ERROR_USAGE);
	assert_non_null(strstr(err.text, "107 bytes"));
}

static void
inherited_sockets_are_served_and_left(void **state)
{
	struct listen_at at = { .kind = LISTEN_INHERITED };
	struct stat st;
	int client;

	(void)state;
	at.fd = unixsock_listen(path, 1, &st);
	assert_int_equal(server_listen(server, &at, &err), 0);
	assert_string_equal(server_address(server, 0), path);
	client = unixsock_connect(path);
	assert_echoes(client);
	close(client);
	server_stop(server);
	assert_int_equal(unlink(path), 0);

	at.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(server_listen(server, &at, &err), -1);
	assert_int_equal(err.class, ERROR_USAGE);
	close(at.fd);
	at.fd = 1000;
	assert_int_equal(server_listen(server, &at, &err), -1);
}

static void
adopted_connections_have_an_engine_of_their_own(void **state)
{
	struct engine_ops other = echo_engine;
	char mine[] = "mine", byte;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(
	    server_adopt(server, pair[1], "/dev/x", &other, mine), 0);
	assert_echoes(pair[0]);
	assert_string_equal(last->peer, "/dev/x");
	assert_string_equal(last_ctx, "mine");
	close(pair[0]);
	for (int i = 0; i < 5000 && server_connections(server) > 0; i++)
		turn();
	assert_int_equal(server_connections(server), 0);

	refuse = true;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(
	    server_adopt(server, pair[1], "x", &other, mine), -ECONNREFUSED);
	assert_int_equal(recv(pair[0], &byte, 1, 0), 0);
	close(pair[0]);
}

static void
connections_end(unsigned n)
{
	for (int i = 0; i < 5000 && server_connections(server) > n; i++)
		turn();
	assert_int_equal(server_connections(server), n);
}

/* Who has gone may have sent the same by another connection. */
static void
what_a_dead_peer_left_is_dropped(void **state)
{
	static const struct linger reset = { .l_onoff = 1 };
	int tcp, local;

	(void)state;
	assert_int_equal(listen_tcp(), 0);
	assert_int_equal(listen_unix(), 0);
	tcp = connect_tcp(server_address(server, 0));
	local = unixsock_connect(path);
	assert_echoes(tcp);
	assert_echoes(local);
	received = 0;
	assert_int_equal(send(tcp, "stale", 5, 0), 5);
	setsockopt(tcp, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(tcp);
	connections_end(1);
	assert_int_equal(received, 0);
	assert_int_equal(send(local, "stale", 5, 0), 5);
	close(local);
	connections_end(0);
	assert_int_equal(received, 0);
}

static bool finished;

static void
echo_rx_end(void *conn, bool all, uint64_t now)
{
	struct echo *e = conn;

	assert_true(now > 0);
	finished = true;
	e->close = all;
}

/* It cannot be told from a peer that has only finished, before it is sent
 * something. */
static void
half_closed_peers_are_answered(void **state)
{
	static struct engine_ops polite;
	const struct server_config config = { .engine = &polite };
	char back[8];
	int fd;

	(void)state;
	polite = echo_engine;
	polite.rx_end = echo_rx_end;
	server_free(server);
	server = server_new(loop, &config);
	assert_int_equal(listen_tcp(), 0);
	fd = connect_tcp(server_address(server, 0));
	assert_echoes(fd);
	finished = false;
	assert_int_equal(send(fd, "last", 4, 0), 4);
	shutdown(fd, SHUT_WR);
	assert_int_equal(get(fd, back, sizeof(back)), 4);
	assert_true(finished);
	assert_int_equal(get(fd, back, sizeof(back)), 0);
	assert_int_equal(server_connections(server), 0);
	close(fd);
}

static void
connections_are_bounded_over_all_places(void **state)
{
	int fds[PEERS_MAX], late, pair[2];
	char byte;

	(void)state;
	assert_int_equal(listen_tcp(), 0);
	assert_int_equal(listen_unix(), 0);
	for (int i = 0; i < PEERS_MAX; i++) {
		fds[i] = i % 2 == 0 ? connect_tcp(server_address(server, 0))
				    : unixsock_connect(path);
		assert_echoes(fds[i]);
	}
	late = unixsock_connect(path);
	assert_int_equal(send(late, "x", 1, 0), 1);
	for (int i = 0; i < 20; i++)
		turn();
	assert_int_equal(recv(late, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(
	    server_adopt(server, pair[1], "x", &echo_engine, NULL), -EAGAIN);
	close(pair[0]);
	close(fds[0]);
	assert_int_equal(get(late, &byte, 1), 1);
	close(late);
	for (int i = 1; i < PEERS_MAX; i++)
		close(fds[i]);
}

static bool
echo_established(const void *conn)
{
	const struct echo *e = conn;

	return e->sent > 0;
}

static bool
is_open(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN;
}

/* Who has been let in keeps his place; of the others the oldest loses it. */
static void
silent_peers_give_way(void **state)
{
	static struct engine_ops polite;
	const struct server_config config = { .engine = &polite };
	int silent[PEERS_MAX - 2], heard, late, later;
	char byte;

	(void)state;
	polite = echo_engine;
	polite.established = echo_established;
	server_free(server);
	server = server_new(loop, &config);
	assert_int_equal(listen_unix(), 0);
	heard = unixsock_connect(path);
	assert_echoes(heard);
	for (unsigned i = 0; i < countof(silent); i++) {
		silent[i] = unixsock_connect(path);
		while (server_connections(server) < i + 2)
			turn();
	}
	assert_true(is_open(silent[0]));
	late = unixsock_connect(path);
	assert_echoes(late);
	assert_int_equal(get(silent[0], &byte, 1), 0);
	later = unixsock_connect(path);
	assert_echoes(later);
	assert_int_equal(get(silent[1], &byte, 1), 0);
	for (unsigned i = 2; i < countof(silent); i++)
		assert_true(is_open(silent[i]));
	assert_echoes(heard);
	close(heard);
	close(late);
	close(later);
	for (unsigned i = 0; i < countof(silent); i++)
		close(silent[i]);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(several_places_are_served),
		T(connections_outlive_the_listeners),
		T(a_path_is_private_and_goes),
		T(only_a_stale_socket_is_replaced),
		T(inherited_sockets_are_served_and_left),
		T(adopted_connections_have_an_engine_of_their_own),
		T(what_a_dead_peer_left_is_dropped),
		T(half_closed_peers_are_answered),
		T(connections_are_bounded_over_all_places),
		T(silent_peers_give_way),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
