/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * block/nbdclient: the bdev contract on servers of somebody else (nbdkit) with
 * all kinds of abilities, and servers that lie, stay silent or go away.
 */
#include "bdev_suite.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "block/nbdclient.h"

#define TRIES 1000 /* of 10 ms each, for a server to come up */

static char folder[64];
static char path[96]; /* of its socket */
static char uri[160];
static pid_t server;
static bool told;
static struct error told_why;

static int
setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	server = 0;
	snprintf(folder, sizeof(folder), "/tmp/test_nbdclient.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/s", folder);
	snprintf(uri, sizeof(uri), "nbd+unix:///?socket=%s", path);
	return loop_new(&suite_loop);
}

static void
end_server(void)
{
	if (server <= 0)
		return;
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	server = 0;
}

static int
teardown(void **state)
{
	(void)state;
	if (suite_bdev != NULL)
		suite_bdev->ops->close(suite_bdev);
	suite_bdev = NULL;
	loop_free(suite_loop);
	end_server();
	unlink(path);
	rmdir(folder);
	return 0;
}

/* ---- the server ---- */

static bool
can_connect(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool can;

	memcpy(sun.sun_path, path, strlen(path));
	can = connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0;
	close(fd);
	return can;
}

/* nbdkit with args (the first is its own name); false: it is not there. */
static bool
nbdkit(const char *const *args)
{
	const char *argv[24] = { "nbdkit", "-f", "-U", path,
		"--exit-with-parent" };
	int status, n = 5;

	while (*args != NULL)
		argv[n++] = *args++;
	server = fork();
	if (server == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 2);
		execvp("nbdkit", (char *const *)(uintptr_t)argv);
		_exit(77);
	}
	for (int i = 0; i < TRIES; i++) {
		if (can_connect())
			return true;
		if (waitpid(server, &status, WNOHANG) == server) {
			server = 0;
			if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
				return false;
			fail_msg("nbdkit ended: %d", status);
		}
		poll(NULL, 0, 10);
	}
	fail_msg("nbdkit does not come up");
	return false;
}

static void
opened(void *ctx, const struct error *why)
{
	assert_ptr_equal(ctx, &told);
	assert_false(told);
	told = true;
	memset(&told_why, 0, sizeof(told_why));
	if (why != NULL)
		told_why = *why;
	loop_stop(suite_loop, 0);
}

static void
begin(const char *at, bool read_only)
{
	struct error err;

	told = false;
	if (nbdclient_open(suite_loop, at, "the export", read_only, opened,
		&told, &suite_bdev, &err) == -1)
		fail_msg("%s", err.text);
}

/* The class of why it cannot be used. */
static enum error_class
open_at(const char *at)
{
	begin(at, false);
	loop_run(suite_loop);
	assert_true(told);
	return told_why.class;
}

static void
close_it(void)
{
	suite_bdev->ops->close(suite_bdev);
	suite_bdev = NULL;
}

#define SERVE(...)                                                       \
	do {                                                             \
		static const char *const args[] = { __VA_ARGS__, NULL }; \
		if (!nbdkit(args))                                       \
			skip();                                          \
		if (open_at(uri) != ERROR_NONE)                          \
			fail_msg("%s", told_why.text);                   \
	} while (0)

/* ---- what every bdev promises ---- */

static void
plain_server(void **state)
{
	SERVE("memory", "1048576");
	assert_int_equal(suite_bdev->size, SUITE_SIZE);
	assert_int_equal(suite_bdev->block_size, 1);
	assert_false(suite_bdev->read_only);
	assert_true(suite_bdev->thin);
	assert_true(suite_bdev->can_discard);
	assert_true(suite_bdev->can_fast_zero);
	random_requests_match_the_model(state);
	requests_outside_are_refused(state);
	read_only_device_refuses_changes(state);
	read_without_memory_fails(state);
}

/* It refuses whatever is not whole blocks, or too many of them. */
static void
server_with_blocks(void **state)
{
	SERVE("--filter=blocksize-policy", "memory", "1048576",
	    "blocksize-minimum=4096", "blocksize-preferred=8192",
	    "blocksize-maximum=65536", "blocksize-error-policy=error");
	assert_int_equal(suite_bdev->block_size, 4096);
	assert_int_equal(suite_bdev->physical_block_size, 8192);
	random_requests_match_the_model(state);
}

static void
server_that_can_do_little(void **state)
{
	SERVE("--no-sr", "--filter=nozero", "--filter=fua",
	    "--filter=blocksize-policy", "memory", "1048576",
	    "blocksize-minimum=512", "blocksize-preferred=4096",
	    "blocksize-error-policy=error");
	assert_false(suite_bdev->can_fast_zero);
	assert_false(suite_bdev->thin);
	assert_int_equal(
	    suite_simple(BDEV_ZERO, 0, 512, BDEV_FAST), -EOPNOTSUPP);
	random_requests_match_the_model(state);
}

static void
read_only_server(void **state)
{
	(void)state;
	SERVE("-r", "memory", "1000001");
	assert_int_equal(suite_bdev->size, 1000001);
	assert_true(suite_bdev->read_only);
	assert_int_equal(suite_simple(BDEV_WRITE, 0, 512, 0), -EROFS);
	assert_int_equal(suite_simple(BDEV_READ, 1000000, 1, 0), 0);
	assert_int_equal(suite_simple(BDEV_READ, 1000000, 2, 0), -EINVAL);
	assert_int_equal(suite_simple(BDEV_DISCARD, 0, 512, 0), -EROFS);
}

static void
holes_are_seen(void **state)
{
	struct bdev_extent extents[4];
	struct bdev_req req = { .op = BDEV_EXTENTS,
		.offset = 100,
		.length = SUITE_SIZE - 200,
		.extents = extents,
		.extents_max = 4 };

	(void)state;
	SERVE("memory", "1048576");
	assert_int_equal(suite_simple(BDEV_WRITE, 262144, 65536, 0), 0);
	suite_submit(&req);
	loop_run(suite_loop);
	assert_int_equal(req.result, 0);
	assert_int_equal(req.extents_n, 3);
	assert_int_equal(extents[0].length, 262144 - 100);
	assert_int_equal(extents[0].alloc, BDEV_HOLE);
	assert_int_equal(extents[1].length, 65536);
	assert_int_equal(extents[1].alloc, BDEV_DATA);
	assert_int_equal(extents[2].length, SUITE_SIZE - 327680 - 100);
	req.extents_max = 1;
	suite_submit(&req);
	loop_run(suite_loop);
	assert_int_equal(req.result, 0);
	assert_int_equal(req.extents_n, 1);
	assert_int_equal(extents[0].length, 262144 - 100);
}

/* ---- failures ---- */

static void
server_errors_are_told(void **state)
{
	struct error why = { 0 };
	uint8_t byte[2];
	struct iovec iov = { byte, 2 };
	struct bdev_req req = { .op = BDEV_READ,
		.offset = 8191,
		.length = 2,
		.iov = &iov,
		.iovcnt = 1,
		.why = &why };

	(void)state;
	SERVE("--filter=error", "full", "1048576", "error-pread=EIO",
	    "error-pread-rate=100%");
	assert_int_equal(suite_run(req), -EIO);
	assert_int_equal(why.class, ERROR_IO);
	assert_string_equal(why.text,
	    "the export: reading 2 bytes at offset 8191: Input/output error");
	req.op = BDEV_WRITE;
	assert_int_equal(suite_run(req), -ENOSPC);
	assert_int_equal(why.class, ERROR_FAILED);
	assert_non_null(strstr(why.text, "writing 2 bytes at offset 8191: "));
}

static void
export_that_is_not_there(void **state)
{
	static const char *const args[] = { "--filter=exportname", "memory",
		"1M", "exportname-strict=true", "exportname=some", NULL };
	char other[192];

	(void)state;
	if (!nbdkit(args))
		skip();
	snprintf(other, sizeof(other), "nbd+unix:///other?socket=%s", path);
	assert_int_equal(open_at(other), ERROR_ABSENT);
	assert_non_null(strstr(told_why.text, "the export: "));
	close_it();
	snprintf(other, sizeof(other), "nbd+unix:///some?socket=%s", path);
	assert_int_equal(open_at(other), ERROR_NONE);
}

static void
server_that_is_not_there(void **state)
{
	(void)state;
	assert_int_equal(open_at(uri), ERROR_UNREACHED);
	assert_non_null(strstr(told_why.text, "the export: "));
	assert_int_equal(suite_simple(BDEV_WRITE, 0, 0, 0), 0);
	assert_int_equal(suite_simple(BDEV_FLUSH, 0, 0, 0), -EIO);
	close_it();
	assert_int_equal(open_at("nbd://[::1"), ERROR_UNREACHED);
}

/* Without waiting for anybody. */
static void
closed_before_it_is_open(void **state)
{
	static const char *const args[] = { "memory", "1M", NULL };

	(void)state;
	if (!nbdkit(args))
		skip();
	begin(uri, false);
	close_it();
	loop_drain(suite_loop);
	assert_false(told);
}

struct batch {
	struct suite_req all[SUITE_BATCH];
	struct error why[SUITE_BATCH];
	uint8_t memory[SUITE_BATCH][4096];
};

static void
submit_batch(struct batch *b)
{
	memset(b, 0, sizeof(*b));
	for (int i = 0; i < SUITE_BATCH; i++) {
		struct bdev_req *req = &b->all[i].req;

		req->op = i % 2 == 0 ? BDEV_READ : BDEV_WRITE;
		req->offset = (uint64_t)(i / 6) * 4096 + (i % 6 == 5);
		req->length = 4000;
		b->all[i].iov[0] = (struct iovec){ b->memory[i], 4000 };
		req->iov = b->all[i].iov;
		req->iovcnt = 1;
		req->why = &b->why[i];
		suite_submit(req);
	}
}

/* In the middle of everything; also what waits for the range of another. */
static void
act(struct timer *t, uint64_t now)
{
	(void)now;
	if (t->ctx != NULL)
		bdev_interrupt(suite_bdev);
	else
		end_server();
}

static void
end_in_the_middle(bool interrupt, int result, const char *words)
{
	static struct batch b;
	struct timer timer;

	timer_init(&timer, act, interrupt ? &timer : NULL);
	timer_set(suite_loop, &timer, loop_now(suite_loop) + 30 * CLOCK_MS);
	submit_batch(&b);
	loop_run(suite_loop);
	assert_int_equal(suite_in_flight, 0);
	for (int i = 0; i < SUITE_BATCH; i++) {
		assert_int_equal(b.all[i].req.result, result);
		assert_int_equal(b.why[i].class, ERROR_FAILED);
		if (strstr(b.why[i].text, words) == NULL)
			fail_msg("%s", b.why[i].text);
	}
	submit_batch(&b);
	loop_run(suite_loop);
	assert_int_equal(b.all[0].req.result, result);
	assert_non_null(strstr(b.why[0].text, words));
}

static void
server_that_dies(void **state)
{
	(void)state;
	SERVE("--filter=delay", "memory", "1M", "rdelay=60", "wdelay=60");
	end_in_the_middle(false, -EIO, "the export: the NBD server was lost: ");
}

static void
silent_server_can_be_left(void **state)
{
	(void)state;
	SERVE("--filter=blocksize-policy", "--filter=delay", "memory", "1M",
	    "rdelay=60", "wdelay=60", "blocksize-minimum=4096");
	end_in_the_middle(true, -ECANCELED, "the export: interrupted");
}

/* ---- servers that are none ---- */

struct liar {
	int fd;
	const void *says;
	size_t length;
	bool stays;
};

static void *
lie(void *arg)
{
	struct liar *l = arg;
	char rest[4096];
	int fd = accept(l->fd, NULL, NULL);

	if (fd == -1)
		return NULL;
	if (write(fd, l->says, l->length) == (ssize_t)l->length && l->stays) {
		while (read(fd, rest, sizeof(rest)) > 0)
			continue;
	}
	close(fd);
	return NULL;
}

static int
listening(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(sun.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static void
liars_are_told_off(void **state)
{
	static const char garbage[64] = "HTTP/1.1 400 Bad Request\r\n";
	/* Old style: a size beyond what there can be. */
	static const char huge[152] = "NBDMAGIC\0\0\x42\x02\x81\x86\x12\x53"
				      "\xff\xff\xff\xff\xff\xff\xff\xff";
	static const struct {
		const char *says;
		size_t length;
	} lies[] = { { "", 0 }, { "NBDM", 4 }, { garbage, sizeof(garbage) },
		{ "NBDMAGICIHAVEOPT\0\3", 18 }, { huge, sizeof(huge) } };
	int fd = listening();

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct liar liar = {
			.fd = fd, .says = lies[i].says, .length = lies[i].length
		};
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, lie, &liar), 0);
		assert_int_not_equal(open_at(uri), ERROR_NONE);
		assert_non_null(strstr(told_why.text, "the export: "));
		close_it();
		pthread_join(thread, NULL);
	}
	close(fd);
}

static void
stop(struct timer *t, uint64_t now)
{
	(void)t;
	(void)now;
	loop_stop(suite_loop, 0);
}

/* The handshake does not hold up its end. */
static void
silent_handshake_can_be_left(void **state)
{
	struct liar liar = { .says = "NBDMAGIC", .length = 8, .stays = true };
	struct timer timer;
	pthread_t thread;

	(void)state;
	liar.fd = listening();
	assert_int_equal(pthread_create(&thread, NULL, lie, &liar), 0);
	begin(uri, false);
	timer_init(&timer, stop, NULL);
	timer_set(suite_loop, &timer, loop_now(suite_loop) + 50 * CLOCK_MS);
	loop_run(suite_loop);
	assert_false(told);
	close_it();
	pthread_join(thread, NULL);
	close(liar.fd);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(plain_server),
		T(server_with_blocks),
		T(server_that_can_do_little),
		T(read_only_server),
		T(holes_are_seen),
		T(server_errors_are_told),
		T(export_that_is_not_there),
		T(server_that_is_not_there),
		T(closed_before_it_is_open),
		T(server_that_dies),
		T(silent_server_can_be_left),
		T(liars_are_told_off),
		T(silent_handshake_can_be_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
