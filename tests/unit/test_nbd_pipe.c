/* SPDX-License-Identifier: BSD-2-Clause */
/* READs that are answered out of a pipe (base/kpipe.h), in each of the three
 * modes. */
#include <errno.h>

#include "model_pipe.h"
#include "nbd_rig.h"

#define LEAST  ((size_t)4096)
#define LENGTH ((size_t)100000)

static struct rig rig;
static struct client c;
static struct disk *disk;
static struct model_pipes pipes;

static const enum nwire_mode modes[] = { NWIRE_SIMPLE, NWIRE_STRUCTURED,
	NWIRE_EXTENDED };

static void
begin_rig(void)
{
	model_pipes_init(&pipes, 1);
	pipes.kind = true;
	pipes.source.least = LEAST;
	rig_init(&rig);
	rig.config.pipes = &pipes.source;
	rig.config.tls = NBD_TLS_ON;
	rig.drain = model_pipe_drain;
	rig_start(&rig);
	disk = &rig.disks[0];
	disk->fill = model_pipe_fill;
	prng_fill(&rig.chance, disk->mem, 4 << 20);
}

static void
begin(enum nwire_mode mode)
{
	begin_rig();
	client_init(&c, &rig);
	client_go(&c, mode, "first");
}

static void
finish(void)
{
	client_fini(&c);
	assert_true(model_pipes_idle(&pipes));
	rig_fini(&rig);
}

static struct nbd_stats
stats(void)
{
	struct nbd_stats ret;

	nbd_stats(rig.nbd, &ret);
	return ret;
}

static void
assert_read(size_t offset, size_t length)
{
	struct reply r;

	assert_int_equal(
	    client_do(&c, NBD_CMD_READ, 0, offset, length, NULL, &r), NBD_OK);
	assert_int_equal(r.len, length);
	assert_memory_equal(r.data, disk->mem + offset, length);
	assert_true(model_pipes_idle(&pipes));
}

static void
test_read(void **state)
{
	static const size_t chunks[] = { 0, 1, 50, 5000 };
	(void)state;

	for (size_t i = 0; i < countof(modes) * countof(chunks); i++) {
		begin(modes[i % countof(modes)]);
		c.chunk = chunks[i / countof(modes)];
		assert_read(0, LEAST);
		assert_read(4711, 3 * LEAST + 1);
		assert_int_equal(pipes.given, 2);
		assert_int_equal(pipes.wasted, 0);
		assert_int_equal(stats().piped_bytes, 4 * LEAST + 1);
		assert_read(17, LEAST - 1);
		assert_int_equal(pipes.given, 2);
		assert_int_equal(stats().piped_bytes, 4 * LEAST + 1);
		assert_int_equal(stats().read_bytes, 5 * LEAST);
		finish();
	}
}

/* Replies from pipes and from memory, in the order in which they end. */
static void
test_mixed(void **state)
{
	struct reply r;
	(void)state;

	for (size_t m = 0; m < countof(modes); m++) {
		begin(modes[m]);
		c.chunk = 3000;
		disk->manual = true;
		for (size_t i = 0; i < 30; i++)
			client_request(&c, NBD_CMD_READ, 0, i * 1000,
			    i % 3 == 0 ? LEAST : 1000, NULL);
		client_pump(&c);
		c.deaf = true;
		disk_complete(disk);
		c.deaf = false;
		for (size_t i = 0; i < 30; i++) {
			assert_true(
			    client_reply(&c, i % 3 == 0 ? LEAST : 1000, &r));
			assert_memory_equal(
			    r.data, disk->mem + i * 1000, r.len);
		}
		/* There are not more. */
		assert_int_equal(pipes.given, MODEL_PIPES);
		assert_int_equal(pipes.refused, 10 - MODEL_PIPES);
		finish();
	}
}

static void
test_full(void **state)
{
	static const size_t rooms[] = { 0, 1, 4095, LENGTH - 1 };
	(void)state;

	for (size_t i = 0; i < countof(rooms); i++) {
		begin(modes[i % countof(modes)]);
		pipes.room = rooms[i];
		assert_read(12345, LENGTH);
		assert_int_equal(pipes.spilt, 1);
		assert_int_equal(stats().piped_bytes, 0);
		pipes.room = SIZE_MAX;
		assert_read(54321, LENGTH);
		assert_int_equal(stats().piped_bytes, LENGTH);
		finish();
	}
}

/* No data goes with an error, whatever the pipe holds. */
static void
test_error(void **state)
{
	(void)state;
	for (size_t m = 0; m < countof(modes); m++) {
		begin(modes[m]);
		disk->error = -EIO;
		assert_int_equal(
		    client_do(&c, NBD_CMD_READ, 0, 0, LENGTH, NULL, NULL),
		    NBD_EIO);
		assert_int_equal(pipes.wasted, 1);
		assert_true(model_pipes_idle(&pipes));
		disk->error = 0;
		assert_read(1000, LENGTH);
		finish();
	}
}

/* A pipe that holds less than it should is not sent. */
static void
test_short(void **state)
{
	(void)state;
	for (size_t m = 0; m < countof(modes); m++) {
		begin(modes[m]);
		disk->short_by = 1;
		assert_int_equal(
		    client_do(&c, NBD_CMD_READ, 0, 0, LENGTH, NULL, NULL),
		    NBD_EIO);
		disk->short_by = 0;
		assert_read(1000, LENGTH);
		finish();
	}
}

static void
test_client_goes(void **state)
{
	(void)state;
	/* In the middle of a reply, with another one behind it. */
	begin(NWIRE_STRUCTURED);
	c.deaf = true;
	client_request(&c, NBD_CMD_READ, 0, 0, LENGTH, NULL);
	client_request(&c, NBD_CMD_READ, 0, 0, LENGTH, NULL);
	client_pump(&c);
	assert_int_equal(pipes.given, 2);
	assert_false(model_pipes_idle(&pipes));
	finish();
	assert_int_equal(pipes.wasted, 2);
	/* While the device has it. */
	begin(NWIRE_STRUCTURED);
	disk->manual = true;
	client_request(&c, NBD_CMD_READ, 0, 0, LENGTH, NULL);
	client_pump(&c);
	client_fini(&c);
	assert_int_equal(disk_complete(disk), 1);
	assert_int_equal(pipes.wasted, 1);
	finish();
}

#define WINDOW ((size_t)2 << 20) /* at first, and at least */
#define BLOCK  ((size_t)1 << 20)
#define MOST   ((size_t)64 << 20)

/* Many READs, and the replies of those that the server has taken at a time, or
 * of all of these.  Returns how many it took last before the end came near. */
static unsigned
take_replies(unsigned n, bool slow)
{
	unsigned taken = 0, waiting;
	struct reply r;

	for (unsigned i = 0; i < n; i++)
		client_request(&c, NBD_CMD_READ, 0, 0, BLOCK, NULL);
	client_pump(&c);
	for (unsigned i = 0; i < n; i += waiting) {
		waiting = disk_waiting(disk);
		disk->seen_n = 0;
		assert_true(waiting > 0);
		if (i + waiting < n)
			taken = waiting;
		c.deaf = slow;
		for (unsigned k = 0; k < waiting; k++) {
			disk_complete_nth(disk, 0);
			client_pump(&c);
		}
		c.deaf = false;
		client_pump(&c);
		for (unsigned k = 0; k < waiting; k++)
			assert_true(client_reply(&c, BLOCK, &r));
	}
	return taken;
}

/* A client that is waited for has few READs under way; one that waits for the
 * device has more and more. */
static void
test_window(void **state)
{
	unsigned taken;
	(void)state;

	for (size_t m = 0; m < countof(modes); m++) {
		begin(modes[m]);
		disk->manual = true;
		assert_int_equal(take_replies(50, true), WINDOW / BLOCK);
		taken = take_replies(200, false);
		assert_in_range(taken, 20, MOST / BLOCK);
		assert_in_range(
		    take_replies(200, true), WINDOW / BLOCK, WINDOW / BLOCK);
		/* One that is larger is not kept out for ever. */
		disk->manual = false;
		assert_read(0, 2 * WINDOW);
		finish();
	}
}

/* What is no READ by pipe is not kept out by the window, nor counts there. */
static void
test_window_is_for_reads(void **state)
{
	uint8_t *data = calloc(1, BLOCK);

	(void)state;
	assert_non_null(data);
	begin(NWIRE_STRUCTURED);
	disk->manual = true;
	for (unsigned i = 0; i < 4; i++)
		client_request(&c, NBD_CMD_WRITE, 0, 0, BLOCK, data);
	for (unsigned i = 0; i < WINDOW / BLOCK; i++)
		client_request(&c, NBD_CMD_READ, 0, 0, BLOCK, NULL);
	client_request(&c, NBD_CMD_READ, 0, 0, LEAST - 1, NULL);
	client_request(&c, NBD_CMD_WRITE, 0, 0, BLOCK, data);
	client_pump(&c);
	assert_int_equal(disk_waiting(disk), 4 + WINDOW / BLOCK + 2);
	client_request(&c, NBD_CMD_READ, 0, 0, BLOCK, NULL);
	client_pump(&c);
	assert_int_equal(disk_waiting(disk), 4 + WINDOW / BLOCK + 2);
	disk->manual = false;
	disk_complete(disk);
	client_pump(&c);
	free(data);
	finish();
}

/* A client that sends no more is asked once whether it is still there. */
static void
test_window_at_the_end(void **state)
{
	struct reply r;

	(void)state;
	begin(NWIRE_STRUCTURED);
	disk->manual = true;
	for (unsigned i = 0; i < 20; i++)
		client_request(&c, NBD_CMD_READ, 0, 0, BLOCK, NULL);
	client_pump(&c);
	nconn_rx_end(c.nc, false, rig.now);
	disk_complete(disk);
	client_pump(&c);
	for (unsigned i = 0; i < WINDOW / BLOCK; i++)
		assert_true(client_reply(&c, BLOCK, &r));
	rig.now = nconn_deadline(c.nc);
	nconn_tick(c.nc, rig.now);
	assert_int_equal(disk_waiting(disk), 20 - WINDOW / BLOCK);
	disk->manual = false;
	disk_complete(disk);
	finish();
}

/* The kernel's connections, and those with TLS, use memory. */
static void
test_without(void **state)
{
	(void)state;
	begin_rig();
	client_attach(&c, &rig, "first");
	assert_read(0, LENGTH);
	assert_int_equal(pipes.given, 0);
	finish();

	begin_rig();
	client_init(&c, &rig);
	client_greet(&c, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
	client_ask(&c, NBD_OPT_STARTTLS, NULL, 0, NBD_REP_ACK);
	assert_true(nconn_wants_tls(c.nc));
	nconn_tls_ready(c.nc);
	client_ask(&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0, NBD_REP_ACK);
	client_option(&c, NBD_OPT_EXPORT_NAME, "first", 5);
	assert_non_null(client_take(&c, 10));
	c.mode = NWIRE_STRUCTURED;
	assert_read(0, LENGTH);
	assert_int_equal(pipes.given, 0);
	finish();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_client_goes),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_window_is_for_reads),
		cmocka_unit_test(test_window_at_the_end),
		cmocka_unit_test(test_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
