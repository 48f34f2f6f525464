/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link.h and server.h: a real session and the embedded target over loopback
 * TCP, both in one loop.
 */
#include "unit.h"

#include <sys/socket.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "block/mem.h"
#include "io/link.h"
#include "io/random.h"
#include "io/server.h"
#include "proto/cdb.h"
#include "proto/scsi.h"
#include "target/target.h"

#define LUN_SIZE (8u << 20)
#define NAME	 "iqn.2026-01.org.example:unit"

static struct loop *loop;
static struct target *target;
static struct server *server;
static struct link *client;
static struct error err;
static char address[64];

static struct {
	unsigned up, lost, lost_final, ended;
	struct error why;
} seen;

/* ---- both sides ---- */

static void
start_target(const char *listen_at)
{
	struct target_config config = { .name = NAME, .random = random_bytes };
	struct lu_config lu = { .block_size = 512, .thin = true };
	struct server_config server_config = { .engine = &target_engine };
	struct listen_at at = {
		.kind = LISTEN_TCP, .text = listen_at, .port = ISCSI_PORT
	};
	struct bdev *bdev;

	params_default(&config.offer);
	target = target_new(&config);
	assert_non_null(target);
	assert_int_equal(mem_open(loop, LUN_SIZE, 512, &bdev), 0);
	assert_int_equal(target_add_lun(target, bdev, &lu), 0);
	server_config.engine_ctx = target;
	server = server_new(loop, &server_config);
	assert_non_null(server);
	assert_int_equal(server_listen(server, &at, &err), 0);
	snprintf(address, sizeof(address), "%s", server_address(server, 0));
}

static void
stop_target(void)
{
	server_free(server);
	loop_drain(loop);
	target_free(target);
	server = NULL;
	target = NULL;
}

static void
link_up(void *ctx)
{
	(void)ctx;
	seen.up++;
	loop_stop(loop, 0);
}

static void
link_lost(void *ctx, const struct error *why, bool final)
{
	(void)ctx;
	seen.lost++;
	seen.why = *why;
	if (final) {
		seen.lost_final++;
		link_free(client); /* allowed here */
		client = NULL;
	}
	loop_stop(loop, 0);
}

static void
link_ended(void *ctx)
{
	(void)ctx;
	seen.ended++;
	link_free(client);
	client = NULL;
	loop_stop(loop, 0);
}

static void
start_link(const char *name)
{
	struct link_config config;

	link_config_default(&config);
	snprintf(config.session.initiator_name,
	    sizeof(config.session.initiator_name), "%s", NAME "-initiator");
	snprintf(config.session.target_name, sizeof(config.session.target_name),
	    "%s", name);
	snprintf(config.session.portal, sizeof(config.session.portal), "%s",
	    address);
	config.session.reconnect = true;
	config.up = link_up;
	config.lost = link_lost;
	config.ended = link_ended;
	assert_int_equal(link_new(loop, &config, &client), 0);
	link_start(client);
}

static void
end_link(void)
{
	link_end(client);
	loop_run(loop);
	assert_int_equal(seen.ended, 1);
	assert_null(client);
}

static int
setup(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	client = NULL;
	return loop_new(&loop);
}

static int
teardown(void **state)
{
	(void)state;
	if (server != NULL)
		stop_target();
	loop_free(loop);
	return 0;
}

/* ---- tasks ---- */

static unsigned in_flight;

static void
task_done(struct task *task)
{
	(void)task;
	if (--in_flight == 0)
		loop_stop(loop, 0);
}

static void
submit(struct task *task)
{
	task->done = task_done;
	in_flight++;
	session_submit(link_session(client), task, loop_now(loop));
}

/* Takes off the unit attentions that follow a login. */
static void
make_ready(void)
{
	struct task task;
	unsigned tries = 0;

	do {
		task = (struct task){ .policy = TASK_QUERY };
		cdb_test_unit_ready(task.cdb);
		submit(&task);
		loop_run(loop);
		assert_int_equal(task.outcome, TASK_DONE);
		assert_in_range(++tries, 1, 8);
	} while (task.status != SCSI_GOOD);
}

static void
prepare(struct task *task, struct iovec *iov, bool write, uint64_t lba)
{
	*task = (struct task){ .iov = iov,
		.iovcnt = 1,
		.length = (uint32_t)iov->iov_len,
		.dir = write ? TASK_OUT : TASK_IN,
		.policy = write ? TASK_REPLAY : TASK_QUERY };
	if (write)
		cdb_write16(task->cdb, lba, task->length / 512, false);
	else
		cdb_read16(task->cdb, lba, task->length / 512, false);
}

static void
assert_good(const struct task *task)
{
	assert_int_equal(task->outcome, TASK_DONE);
	assert_int_equal(task->status, SCSI_GOOD);
	assert_int_equal(task->transferred, task->length);
}

/* The whole LUN, n commands at once. */
static void
move_lun(uint8_t *data, bool write, unsigned n)
{
	struct task *task = calloc(n, sizeof(*task));
	struct iovec *iov = calloc(n, sizeof(*iov));
	size_t len = LUN_SIZE / n;

	assert_true(task != NULL && iov != NULL);
	for (unsigned i = 0; i < n; i++) {
		iov[i] = (struct iovec){ data + i * len, len };
		prepare(&task[i], &iov[i], write, i * len / 512);
		submit(&task[i]);
	}
	loop_run(loop);
	for (unsigned i = 0; i < n; i++)
		assert_good(&task[i]);
	free(task);
	free(iov);
}

static void
data_survives_the_wire(void **state)
{
	uint8_t *data = malloc(LUN_SIZE), *back = malloc(LUN_SIZE);
	uint64_t rx, tx;

	(void)state;
	assert_true(data != NULL && back != NULL);
	random_bytes(NULL, data, LUN_SIZE);
	start_target("127.0.0.1:0");
	start_link(NAME);
	loop_run(loop);
	assert_int_equal(seen.up, 1);
	make_ready();
	move_lun(data, true, 1); /* R2Ts */
	move_lun(back, false, 2048);
	assert_memory_equal(data, back, LUN_SIZE);
	random_bytes(NULL, data, LUN_SIZE);
	move_lun(data, true, 2048);
	move_lun(back, false, 1);
	assert_memory_equal(data, back, LUN_SIZE);
	link_bytes(client, &rx, &tx);
	assert_true(rx > 2 * LUN_SIZE);
	assert_true(tx > 2 * LUN_SIZE);
	end_link();
	free(data);
	free(back);
}

static void
refused_connection_is_final_at_first(void **state)
{
	(void)state;
	start_target("127.0.0.1:0");
	stop_target();
	start_link(NAME);
	loop_run(loop);
	assert_int_equal(seen.lost_final, 1);
	assert_int_equal(seen.why.class, ERROR_UNREACHED);
	assert_non_null(strstr(seen.why.text, "Connection refused"));
	assert_non_null(strstr(seen.why.text, address));
}

static void
unknown_target_is_final(void **state)
{
	(void)state;
	start_target("127.0.0.1:0");
	start_link(NAME "-other");
	loop_run(loop);
	assert_int_equal(seen.lost_final, 1);
	assert_int_equal(seen.why.class, ERROR_ABSENT);
}

static void
lost_connection_comes_back(void **state)
{
	uint8_t block[512] = { 0 };
	struct iovec iov = { block, sizeof(block) };
	struct task read, write;

	(void)state;
	start_target("127.0.0.1:0");
	start_link(NAME);
	loop_run(loop);
	make_ready();

	/* Submitted, and the target is gone before it is answered. */
	prepare(&read, &iov, false, 0);
	prepare(&write, &iov, true, 0);
	submit(&read);
	submit(&write);
	stop_target();
	while (seen.lost == 0)
		loop_run(loop);
	assert_int_equal(seen.lost_final, 0);
	assert_int_not_equal(read.outcome, TASK_DONE);

	start_target(address);
	while (seen.up < 2 || in_flight > 0)
		loop_run(loop);
	assert_int_not_equal(write.outcome, TASK_DONE);
	make_ready();
	prepare(&read, &iov, false, 0);
	submit(&read);
	loop_run(loop);
	assert_good(&read);
	end_link();
}

/* Ends while it still tries to connect, with a task that waits. */
static void
link_can_be_ended_at_any_time(void **state)
{
	(void)state;
	start_target("127.0.0.1:0");
	start_link(NAME);
	end_link();
	seen.ended = 0;
	start_link(NAME);
	loop_run(loop);
	assert_int_equal(seen.up, 1);
	stop_target();
	while (seen.lost == 0)
		loop_run(loop);
	end_link();
}

/* ---- the server alone ---- */

static void
stop_timer(struct timer *t, uint64_t now)
{
	(void)t;
	(void)now;
	loop_stop(loop, 0);
}

static int
raw_connect(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void
server_outlives_rude_peers(void **state)
{
	static const struct linger abort_it = { .l_onoff = 1 };
	uint8_t noise[4096];
	struct timer stop;

	(void)state;
	timer_init(&stop, stop_timer, NULL);
	start_target("127.0.0.1:0");
	for (int i = 0; i < 30; i++) {
		int fd = raw_connect();

		random_bytes(NULL, noise, sizeof(noise));
		if (i % 3 != 0)
			(void)!send(fd, noise, sizeof(noise), MSG_NOSIGNAL);
		if (i % 2 != 0)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_it,
			    sizeof(abort_it));
		timer_set(loop, &stop, loop_now(loop) + CLOCK_MS);
		loop_run(loop);
		close(fd);
	}
	start_link(NAME);
	loop_run(loop);
	assert_int_equal(seen.up, 1);
	end_link();
}

static void
server_closes_what_makes_no_sense(void **state)
{
	uint8_t nonsense[4096];
	struct timer stop;
	ssize_t n = -1;
	int fd;

	(void)state;
	timer_init(&stop, stop_timer, NULL);
	memset(nonsense, 0xff, sizeof(nonsense));
	start_target("127.0.0.1:0");
	fd = raw_connect();
	assert_int_equal(
	    send(fd, nonsense, sizeof(nonsense), 0), sizeof(nonsense));
	/* Reject and the like may come before the end. */
	for (int i = 0; i < 5000 && n != 0; i++) {
		timer_set(loop, &stop, loop_now(loop) + CLOCK_MS);
		loop_run(loop);
		n = recv(fd, nonsense, sizeof(nonsense), MSG_DONTWAIT);
	}
	assert_int_equal(n, 0);
	close(fd);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(data_survives_the_wire),
		T(refused_connection_is_final_at_first),
		T(unknown_target_is_final),
		T(lost_connection_comes_back),
		T(link_can_be_ended_at_any_time),
		T(server_outlives_rude_peers),
		T(server_closes_what_makes_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
