/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a connection to the NBD server: exports, order, bounds, time, and
 * all the ways to end. */
#include "nbd_rig.h"

#include <errno.h>

#define SLOTS	  128
#define HELD_MAX  ((size_t)64 << 20)
#define HANDSHAKE (30 * CLOCK_S)
#define LINGER	  (15 * CLOCK_S)

static struct rig rig;
static struct client c;
static struct disk *disk;

static void
begin(enum nwire_mode mode)
{
	rig_init(&rig);
	rig_start(&rig);
	disk = &rig.disks[0];
	client_init(&c, &rig);
	client_go(&c, mode, "first");
}

static void
finish(void)
{
	client_fini(&c);
	rig_fini(&rig);
}

static struct nbd_stats
stats(void)
{
	struct nbd_stats s;

	nbd_stats(rig.nbd, &s);
	return s;
}

static bool
reads(const struct client *client)
{
	struct iovec iov[4];

	return nconn_rx_iov(client->nc, iov, 4) > 0;
}

/* ---- exports ---- */

static void
test_exports(void **state)
{
	static char name[NBD_NAME_MAX + 2];
	struct bdev *bdev;

	(void)state;
	rig_init(&rig);
	rig_start(&rig);
	bdev = &rig.disks[0].bdev;
	memset(name, 'x', NBD_NAME_MAX + 1);
	assert_int_equal(
	    nbd_add_export(rig.nbd, "", NULL, bdev, false), -EINVAL);
	assert_int_equal(
	    nbd_add_export(rig.nbd, name, NULL, bdev, false), -EINVAL);
	assert_int_equal(
	    nbd_add_export(rig.nbd, "a", name, bdev, false), -EINVAL);
	assert_int_equal(
	    nbd_add_export(rig.nbd, "second", NULL, bdev, false), -EEXIST);
	assert_int_equal(
	    nbd_add_export(rig.nbd, "third", NULL, bdev, true), -EEXIST);
	name[NBD_NAME_MAX] = '\0';
	assert_int_equal(nbd_add_export(rig.nbd, name, name, bdev, false), 0);
	rig_fini(&rig);
	nbd_free(NULL);
	nconn_free(NULL);
}

/* Without a default export "" is unknown. */
static void
test_no_default(void **state)
{
	uint8_t data[16];

	(void)state;
	rig_init(&rig);
	rig.nbd = nbd_new(&rig.config);
	assert_int_equal(
	    nbd_add_export(rig.nbd, "first", NULL, &rig.disks[0].bdev, false),
	    0);
	client_init(&c, &rig);
	client_greet(&c, NBD_FLAG_FIXED_NEWSTYLE);
	client_ask(&c, NBD_OPT_GO, data, info_data(data, "", NULL, 0),
	    NBD_REP_ERR_UNKNOWN);
	finish();
}

/* ---- order ---- */

/* Replies come in the order in which the disk is done, each with its cookie. */
static void
test_out_of_order(void **state)
{
	static const unsigned order[] = { 3, 0, 2, 0, 0 };
	static const unsigned expect[] = { 3, 0, 4, 1, 2 };
	uint64_t cookies[5];
	struct reply r;

	(void)state;
	begin(NWIRE_SIMPLE);
	disk->manual = true;
	for (unsigned i = 0; i < 5; i++) {
		memset(disk->mem + i * 512, (int)i, 512);
		cookies[i] =
		    client_request(&c, NBD_CMD_READ, 0, i * 512, 512, NULL);
	}
	client_pump(&c);
	assert_int_equal(disk_waiting(disk), 5);
	assert_int_equal(stats().in_flight, 5);
	for (unsigned i = 0; i < 5; i++) {
		c.wakes = 0;
		disk_complete_nth(disk, order[i]);
		assert_int_equal(c.wakes, 1);
	}
	for (unsigned i = 0; i < 5; i++) {
		assert_true(client_reply(&c, 512, &r));
		assert_true(r.head.cookie == cookies[expect[i]]);
		assert_int_equal(r.data[511], expect[i]);
	}
	assert_int_equal(stats().in_flight, 0);
	assert_int_equal(stats().read_bytes, 5 * 512);
	assert_int_equal(stats().requests, 5);
	finish();
}

/* Many replies leave in one vector. */
static void
test_gathered(void **state)
{
	struct iovec iov[256];

	(void)state;
	begin(NWIRE_SIMPLE);
	disk->manual = true;
	for (unsigned i = 0; i < 32; i++)
		client_request(&c, NBD_CMD_READ, 0, i * 4096, 4096, NULL);
	client_pump(&c);
	disk_complete(disk);
	assert_int_equal(nconn_tx_iov(c.nc, iov, 256, rig.now), 64);
	assert_int_equal(iov[62].iov_len, 16);
	assert_int_equal(iov[63].iov_len, 4096);
	assert_int_equal(nconn_tx_iov(c.nc, iov, 7, rig.now), 6);
	/* Wherever sending stops, it goes on. */
	nconn_tx_done(c.nc, 16 + 4096 + 16 + 100, rig.now);
	assert_int_equal(nconn_tx_iov(c.nc, iov, 256, rig.now), 61);
	assert_int_equal(iov[0].iov_len, 3996);
	nconn_tx_done(c.nc, 3996 + 5, rig.now);
	assert_int_equal(nconn_tx_iov(c.nc, iov, 256, rig.now), 60);
	assert_int_equal(iov[0].iov_len, 11);
	finish();
}

/* ---- bounds ---- */

static void
test_slots(void **state)
{
	struct reply r;

	(void)state;
	begin(NWIRE_STRUCTURED);
	c.deaf = true;
	for (unsigned i = 0; i < SLOTS + 10; i++)
		client_request(&c, NBD_CMD_CACHE, 0, 0, 512, NULL);
	client_pump(&c);
	assert_int_equal(stats().requests, SLOTS);
	assert_false(reads(&c));
	c.deaf = false;
	for (unsigned i = 0; i < SLOTS + 10; i++) {
		assert_true(client_reply(&c, 0, &r));
		assert_int_equal(r.error, 0);
	}
	assert_int_equal(stats().requests, SLOTS + 10);
	assert_true(reads(&c));
	finish();
}

/* A client that takes no replies holds no more than its share, and what it has
 * sent after that waits; another one is served. */
static void
test_held(void **state)
{
	static const size_t size = (size_t)8 << 20;
	struct client other;
	struct reply r;

	(void)state;
	begin(NWIRE_SIMPLE);
	client_init(&other, &rig);
	client_go(&other, NWIRE_STRUCTURED, "first");
	c.deaf = true;
	for (unsigned i = 0; i < 12; i++)
		client_request(&c, NBD_CMD_READ, 0, 0, size, NULL);
	client_pump(&c);
	assert_int_equal(stats().requests, HELD_MAX / size);
	assert_false(reads(&c));
	assert_int_equal(
	    client_do(&other, NBD_CMD_READ, 0, 0, 4096, NULL, NULL), 0);
	c.deaf = false;
	for (unsigned i = 0; i < 12; i++) {
		assert_true(client_reply(&c, size, &r));
		assert_int_equal(r.error, 0);
	}
	assert_true(reads(&c));
	client_fini(&other);
	finish();
}

/* Small requests, which hold nothing, pass where the bytes are at an end... but
 * in their order: the one before them waits. */
static void
test_held_order(void **state)
{
	static const size_t size = (size_t)32 << 20;
	struct reply r;

	(void)state;
	begin(NWIRE_SIMPLE);
	disk->manual = true;
	client_request(&c, NBD_CMD_READ, 0, 0, size, NULL);
	client_request(&c, NBD_CMD_READ, 0, 0, size, NULL);
	client_request(&c, NBD_CMD_FLUSH, 0, 0, 0, NULL);
	client_request(&c, NBD_CMD_READ, 0, 0, 1, NULL);
	client_request(&c, NBD_CMD_FLUSH, 0, 0, 0, NULL);
	client_pump(&c);
	assert_int_equal(disk_waiting(disk), 3);
	assert_false(reads(&c));
	disk_complete_nth(disk, 1);
	assert_true(client_reply(&c, size, &r));
	client_pump(&c);
	assert_int_equal(disk_waiting(disk), 4);
	disk_complete(disk);
	finish();
}

/* A WRITE holds its payload until it is done, not until its reply is taken. */
static void
test_held_writes(void **state)
{
	static const size_t size = (size_t)8 << 20;
	uint8_t *data = calloc(1, size);

	(void)state;
	assert_non_null(data);
	begin(NWIRE_STRUCTURED);
	c.deaf = true;
	for (unsigned i = 0; i < 12; i++)
		client_request(&c, NBD_CMD_WRITE, 0, 0, size, data);
	client_pump(&c);
	assert_int_equal(stats().requests, 12);
	assert_int_equal(stats().written_bytes, 12 * size);
	assert_int_equal(stats().read_bytes, 0);
	assert_true(reads(&c));
	free(data);
	finish();
}

/* Over all connections there is a bound too, but the share of each always fits,
 * and what holds nothing. */
static void
test_held_by_all(void **state)
{
	static const size_t size = (size_t)32 << 20;
	struct client many[10], small;
	unsigned n = 1;
	struct reply r;

	(void)state;
	begin(NWIRE_SIMPLE);
	disk->manual = true;
	client_request(&c, NBD_CMD_READ, 0, 0, 1, NULL);
	client_pump(&c);
	for (unsigned i = 0; i < countof(many); i++) {
		client_init(&many[i], &rig);
		client_go(&many[i], NWIRE_SIMPLE, "first");
		client_request(&many[i], NBD_CMD_READ, 0, 0, size, NULL);
		client_request(&many[i], NBD_CMD_FLUSH, 0, 0, 0, NULL);
		client_request(&many[i], NBD_CMD_READ, 0, 0, size, NULL);
		client_pump(&many[i]);
		/* 256 MiB are eight of these, but for one byte. */
		n += i < 3 ? 3 : 2;
		assert_int_equal(disk_waiting(disk), n);
	}
	client_request(&many[0], NBD_CMD_FLUSH, 0, 0, 0, NULL);
	client_pump(&many[0]);
	assert_int_equal(disk_waiting(disk), ++n);
	client_init(&small, &rig);
	client_go(&small, NWIRE_SIMPLE, "first");
	for (unsigned i = 0; i < 10; i++)
		client_request(&small, NBD_CMD_READ, 0, 0, 4096, NULL);
	client_pump(&small);
	assert_int_equal(disk_waiting(disk), n + 10);
	disk->seen_n = 0;
	disk->manual = false;
	disk_complete(disk);
	client_fini(&small);
	for (unsigned i = 0; i < countof(many); i++) {
		assert_true(client_reply(&many[i], size, &r));
		assert_true(client_reply(&many[i], 0, &r));
		assert_true(client_reply(&many[i], size, &r));
		assert_int_equal(client_reply(&many[i], 0, &r), i == 0);
		client_fini(&many[i]);
	}
	finish();
}

/* Nor does a client get more by coming again and again while the device does
 * not answer: what is left of it counts until it is done. */
static void
test_held_by_gone(void **state)
{
	static const size_t size = (size_t)32 << 20;
	uint8_t *data = calloc(1, size);
	struct client next;
	unsigned n;

	(void)state;
	assert_non_null(data);
	begin(NWIRE_SIMPLE);
	disk->manual = true;
	for (n = 0; n < 12; n++) {
		next.nc =
		    nconn_new(rig.nbd, "192.0.2.1:4712", NULL, NULL, rig.now);
		if (next.nc == NULL)
			break;
		nconn_free(next.nc);
		client_init(&next, &rig);
		client_go(&next, NWIRE_SIMPLE, "first");
		client_request(&next, NBD_CMD_WRITE, 0, 0, size, data);
		client_pump(&next);
		client_fini(&next);
	}
	/* 256 MiB are eight of these. */
	assert_int_equal(n, 8);
	assert_non_null(strstr(rig.line, "192.0.2.1:4712: refused"));
	disk_complete_nth(disk, 0);
	/* Who is here is served on. */
	client_request(&c, NBD_CMD_WRITE, 0, 0, size, data);
	client_pump(&c);
	assert_int_equal(disk_waiting(disk), 8);
	client_init(&next, &rig);
	client_fini(&next);
	disk_complete(disk);
	free(data);
	finish();
}

/* ---- ends ---- */

/* NBD_CMD_DISC: what is in flight is done and answered first. */
static void
test_disc(void **state)
{
	static uint8_t data[512];
	struct error err;
	struct reply r;

	(void)state;
	for (enum nwire_mode m = NWIRE_SIMPLE; m <= NWIRE_EXTENDED; m++) {
		begin(m);
		disk->manual = true;
		client_request(&c, NBD_CMD_WRITE, 0, 0, 512, data);
		client_request(&c, NBD_CMD_READ, 0, 0, 512, NULL);
		client_request(&c, NBD_CMD_DISC, 0, 0, 0, NULL);
		/* Nothing behind it is looked at. */
		client_request(&c, NBD_CMD_READ, 0, 0, 512, NULL);
		assert_false(client_closed(&c, NULL));
		assert_false(reads(&c));
		assert_int_equal(disk_waiting(disk), 2);
		disk_complete(disk);
		assert_false(nconn_closing(c.nc, &err));
		assert_true(client_reply(&c, 0, &r));
		assert_int_equal(r.error, 0);
		assert_true(client_reply(&c, 512, &r));
		assert_true(client_closed(&c, &err));
		assert_int_equal(err.class, ERROR_NONE);
		assert_int_equal(disk->seen_n, 2);
		finish();
	}
}

/* The connection is lost: what the bdev has stays with it until it is done. */
static void
test_lost(void **state)
{
	static uint8_t data[4096];

	(void)state;
	begin(NWIRE_STRUCTURED);
	disk->manual = true;
	memset(data, 0x77, sizeof(data));
	client_request(&c, NBD_CMD_WRITE, 0, 0, 4096, data);
	client_request(&c, NBD_CMD_READ, 0, 8192, 4096, NULL);
	client_request(&c, NBD_CMD_TRIM, NBD_CMD_FLAG_FUA, 16384, 4096, NULL);
	client_request(&c, NBD_CMD_WRITE, 0, 4096, 4096, data);
	c.out_len -= 100;
	client_pump(&c);
	assert_int_equal(disk_waiting(disk), 3);
	c.wakes = 0;
	client_fini(&c);
	assert_int_equal(stats().connections, 0);
	assert_int_equal(stats().in_flight, 3);
	disk_complete_nth(disk, 0);
	assert_memory_equal(disk->mem, data, sizeof(data));
	assert_int_equal(stats().in_flight, 2);
	disk_complete(disk);
	assert_int_equal(stats().in_flight, 0);
	/* The second write never came as a whole. */
	assert_int_equal(disk->mem[4096], 0);
	assert_int_equal(c.wakes, 0);
	rig_fini(&rig);
}

/* A client that sends no more is served to the end, as after DISC. */
static void
test_half_closed(void **state)
{
	static uint8_t data[512];
	struct error err;
	struct reply r;

	(void)state;
	begin(NWIRE_SIMPLE);
	disk->manual = true;
	assert_true(nbd_engine.established(c.nc));
	client_request(&c, NBD_CMD_WRITE, 0, 0, 512, data);
	client_request(&c, NBD_CMD_READ, 0, 0, 512, NULL);
	client_pump(&c);
	nconn_rx_end(c.nc, false, rig.now);
	/* It gives way to others. */
	assert_false(nbd_engine.established(c.nc));
	client_request(&c, NBD_CMD_READ, 0, 0, 512, NULL);
	client_request(&c, NBD_CMD_WRITE, 0, 0, 512, data);
	c.out_len -= 100;
	client_pump(&c);
	assert_int_equal(disk_waiting(disk), 3);
	nconn_rx_end(c.nc, true, rig.now);
	assert_false(nconn_closing(c.nc, &err));
	assert_false(reads(&c));
	disk_complete(disk);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(client_reply(&c, i == 0 ? 0 : 512, &r));
		assert_int_equal(r.error, 0);
	}
	assert_true(client_closed(&c, &err));
	assert_int_equal(err.class, ERROR_NONE);
	assert_int_equal(disk->seen_n, 3);
	finish();
	/* In the handshake there is nothing to wait for. */
	rig_init(&rig);
	rig_start(&rig);
	client_init(&c, &rig);
	client_pump(&c);
	nconn_rx_end(c.nc, true, rig.now);
	assert_true(client_closed(&c, &err));
	finish();
}

/* What there was no room for is taken only from a client that is still there
 * a while after a reply was sent. */
static void
test_half_closed_and_more(void **state)
{
	static const size_t size = (size_t)8 << 20;
	static const unsigned fit = HELD_MAX / size;
	struct reply r;

	(void)state;
	begin(NWIRE_SIMPLE);
	disk->manual = true;
	for (unsigned i = 0; i < fit + 2; i++)
		client_request(&c, NBD_CMD_READ, 0, 0, size, NULL);
	client_pump(&c);
	assert_int_equal(disk_waiting(disk), fit);
	nconn_rx_end(c.nc, false, rig.now);
	assert_true(nconn_deadline(c.nc) == CLOCK_NEVER);
	disk_complete(disk);
	for (unsigned i = 0; i < fit; i++)
		assert_true(client_reply(&c, size, &r));
	assert_int_equal(stats().requests, fit);
	assert_false(reads(&c));
	assert_true(nconn_deadline(c.nc) > rig.now);
	rig.now = nconn_deadline(c.nc);
	nconn_tick(c.nc, rig.now - 1);
	assert_int_equal(stats().requests, fit);
	nconn_tick(c.nc, rig.now);
	assert_int_equal(stats().requests, fit + 2);
	assert_true(nconn_deadline(c.nc) == CLOCK_NEVER);
	assert_true(reads(&c));
	nconn_rx_end(c.nc, true, rig.now);
	disk_complete(disk);
	assert_true(client_reply(&c, size, &r));
	assert_true(client_reply(&c, size, &r));
	assert_true(client_closed(&c, NULL));
	finish();
}

/* Lost with replies that were not taken. */
static void
test_lost_unread(void **state)
{
	(void)state;
	begin(NWIRE_SIMPLE);
	c.deaf = true;
	client_request(&c, NBD_CMD_READ, 0, 0, 100000, NULL);
	client_request(&c, NBD_CMD_READ, 0, 0, 100000, NULL);
	client_pump(&c);
	finish();
}

/* Killed for garbage while requests run: nothing more is sent. */
static void
test_killed_running(void **state)
{
	static uint8_t junk[32];
	struct iovec iov[4];
	struct error err;

	(void)state;
	begin(NWIRE_SIMPLE);
	disk->manual = true;
	client_request(&c, NBD_CMD_READ, 0, 0, 4096, NULL);
	client_bytes(&c, junk, sizeof(junk));
	assert_true(client_closed(&c, &err));
	assert_int_equal(stats().in_flight, 1);
	disk_complete(disk);
	assert_int_equal(nconn_tx_iov(c.nc, iov, 4, rig.now), 0);
	assert_false(reads(&c));
	assert_true(nconn_deadline(c.nc) == CLOCK_NEVER);
	finish();
}

/* ---- shutdown ---- */

static void
test_shutdown(void **state)
{
	struct client idle;
	struct error err;
	struct reply r;

	(void)state;
	for (enum nwire_mode m = NWIRE_SIMPLE; m <= NWIRE_EXTENDED; m++) {
		begin(m);
		client_init(&idle, &rig);
		client_go(&idle, m, "second");
		disk->manual = true;
		client_request(&c, NBD_CMD_READ, 0, 0, 512, NULL);
		client_pump(&c);
		c.wakes = idle.wakes = 0;
		nbd_shutdown(rig.nbd);
		assert_int_equal(c.wakes, 1);
		assert_int_equal(idle.wakes, 1);
		assert_true(nconn_closing(idle.nc, &err));
		assert_int_equal(err.class, ERROR_NONE);
		assert_false(nconn_closing(c.nc, &err));
		client_request(&c, NBD_CMD_READ, 0, 0, 512, NULL);
		assert_true(client_reply(&c, 512, &r));
		assert_int_equal(r.error, NBD_ESHUTDOWN);
		disk_complete(disk);
		assert_false(nconn_closing(c.nc, &err));
		assert_true(client_reply(&c, 512, &r));
		assert_int_equal(r.error, 0);
		assert_true(nconn_closing(c.nc, &err));
		assert_int_equal(err.class, ERROR_NONE);
		client_fini(&idle);
		finish();
	}
}

/* ---- time ---- */

static void
test_handshake_deadline(void **state)
{
	uint64_t deadline;
	struct error err;

	(void)state;
	for (unsigned stage = 0; stage < 3; stage++) {
		rig_init(&rig);
		rig.config.tls = NBD_TLS_ON;
		rig_start(&rig);
		client_init(&c, &rig);
		deadline = nconn_deadline(c.nc);
		assert_true(deadline == rig.now + HANDSHAKE);
		rig.now += CLOCK_S;
		if (stage > 0)
			client_greet(&c, NBD_FLAG_FIXED_NEWSTYLE);
		if (stage > 1)
			client_ask(&c, NBD_OPT_STARTTLS, NULL, 0, NBD_REP_ACK);
		client_pump(&c);
		/* It goes on whatever the client does. */
		assert_true(nconn_deadline(c.nc) == deadline);
		nconn_tick(c.nc, deadline - 1);
		assert_false(nconn_closing(c.nc, &err));
		c.wakes = 0;
		nconn_tick(c.nc, deadline);
		assert_int_equal(c.wakes, 1);
		assert_true(nconn_closing(c.nc, &err));
		assert_int_equal(err.class, ERROR_UNREACHED);
		assert_non_null(strstr(err.text, "took too long"));
		assert_non_null(strstr(rig.line, "took too long"));
		assert_true(nconn_deadline(c.nc) == CLOCK_NEVER);
		/* TLS that comes too late changes nothing. */
		nconn_tls_ready(c.nc);
		assert_true(nconn_closing(c.nc, &err));
		assert_false(reads(&c));
		finish();
	}
	begin(NWIRE_SIMPLE);
	assert_true(nconn_deadline(c.nc) == CLOCK_NEVER);
	nconn_tick(c.nc, rig.now + 1000 * CLOCK_S);
	assert_false(nconn_closing(c.nc, &err));
	finish();
}

/* After DISC the device may take its time, the client may not. */
static void
test_linger(void **state)
{
	struct iovec iov[4];
	struct error err;

	(void)state;
	begin(NWIRE_SIMPLE);
	disk->manual = true;
	client_request(&c, NBD_CMD_READ, 0, 0, 4096, NULL);
	client_request(&c, NBD_CMD_DISC, 0, 0, 0, NULL);
	client_pump(&c);
	assert_true(nconn_deadline(c.nc) == rig.now + LINGER);
	rig.now += LINGER;
	nconn_tick(c.nc, rig.now);
	assert_false(nconn_closing(c.nc, &err));
	assert_true(nconn_deadline(c.nc) == rig.now + LINGER);
	disk_complete(disk);
	rig.now += LINGER - 1;
	assert_true(nconn_tx_iov(c.nc, iov, 4, rig.now) > 0);
	nconn_tx_done(c.nc, 1000, rig.now);
	rig.now += LINGER - 1;
	nconn_tick(c.nc, rig.now);
	assert_false(nconn_closing(c.nc, &err));
	rig.now++;
	nconn_tick(c.nc, rig.now);
	assert_true(nconn_closing(c.nc, &err));
	assert_int_equal(err.class, ERROR_UNREACHED);
	finish();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exports),
		cmocka_unit_test(test_no_default),
		cmocka_unit_test(test_out_of_order),
		cmocka_unit_test(test_gathered),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_held_order),
		cmocka_unit_test(test_held_writes),
		cmocka_unit_test(test_held_by_all),
		cmocka_unit_test(test_held_by_gone),
		cmocka_unit_test(test_disc),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_half_closed_and_more),
		cmocka_unit_test(test_lost_unread),
		cmocka_unit_test(test_killed_running),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_handshake_deadline),
		cmocka_unit_test(test_linger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
