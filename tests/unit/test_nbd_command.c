/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of the NBD server in each of the three modes: what they ask of
 * the bdev, what they answer, and each way to get one wrong. */
#include "nbd_steps.h"

#include <errno.h>

/* The next request is understood, whatever became of the one before. */
static void
assert_in_step(void)
{
	disk->seen_n = 0;
	assert_int_equal(run(NBD_CMD_READ, 0, 4096, 16), NBD_OK);
	assert_seen(BDEV_READ, 0, 4096, 16);
}

/* ---- FLUSH, TRIM, CACHE, WRITE_ZEROES ---- */

static void
test_flush(void **state)
{
	(void)state;
	for (size_t m = 0; m < countof(modes); m++) {
		begin(modes[m]);
		assert_int_equal(run(NBD_CMD_FLUSH, 0, 0, 0), NBD_OK);
		assert_seen(BDEV_FLUSH, 0, 0, 0);
		assert_int_equal(
		    run(NBD_CMD_FLUSH, NBD_CMD_FLAG_FUA, 0, 0), NBD_OK);
		assert_seen(BDEV_FLUSH, 0, 0, 0);
		assert_int_equal(run(NBD_CMD_FLUSH, 0, 1, 0), NBD_EINVAL);
		assert_int_equal(run(NBD_CMD_FLUSH, 0, 0, 1), NBD_EINVAL);
		assert_int_equal(
		    run(NBD_CMD_FLUSH, NBD_CMD_FLAG_NO_HOLE, 0, 0), NBD_EINVAL);
		disk->bdev.read_only = true;
		assert_int_equal(run(NBD_CMD_FLUSH, 0, 0, 0), NBD_OK);
		disk->error = -EIO;
		assert_int_equal(run(NBD_CMD_FLUSH, 0, 0, 0), NBD_EIO);
		finish();
	}
}

static void
test_trim(void **state)
{
	(void)state;
	for (size_t m = 0; m < countof(modes); m++) {
		begin(modes[m]);
		assert_int_equal(run(NBD_CMD_TRIM, 0, 513, UINT32_MAX), NBD_OK);
		assert_seen(BDEV_DISCARD, 0, 513, UINT32_MAX);
		assert_int_equal(
		    run(NBD_CMD_TRIM, 0, RIG_SIZE - 1, 2), NBD_EINVAL);
		assert_int_equal(
		    run(NBD_CMD_TRIM, NBD_CMD_FLAG_NO_HOLE, 0, 1), NBD_EINVAL);
		assert_int_equal(disk->seen_n, 0);
		disk->bdev.read_only = true;
		assert_int_equal(run(NBD_CMD_TRIM, 0, 0, 1), NBD_EPERM);
		finish();
	}
}

/* The device may leave the hint; FUA covers what it did all the same. */
static void
test_trim_fua(void **state)
{
	(void)state;
	begin(NWIRE_SIMPLE);
	assert_int_equal(
	    run(NBD_CMD_TRIM, NBD_CMD_FLAG_FUA, 4096, 8192), NBD_OK);
	assert_int_equal(disk->seen_n, 2);
	assert_int_equal(disk->seen[0].op, BDEV_DISCARD);
	assert_int_equal(disk->seen[0].flags, 0);
	assert_int_equal(disk->seen[1].op, BDEV_FLUSH);
	disk->seen_n = 0;
	disk->error = -EOPNOTSUPP;
	assert_int_equal(run(NBD_CMD_TRIM, 0, 4096, 8192), NBD_OK);
	assert_seen(BDEV_DISCARD, 0, 4096, 8192);
	assert_int_equal(
	    run(NBD_CMD_TRIM, NBD_CMD_FLAG_FUA, 4096, 8192), NBD_EIO);
	assert_int_equal(disk->seen_n, 2);
	disk->seen_n = 0;
	disk->error = -EIO;
	assert_int_equal(
	    run(NBD_CMD_TRIM, NBD_CMD_FLAG_FUA, 4096, 8192), NBD_EIO);
	assert_seen(BDEV_DISCARD, 0, 4096, 8192);
	finish();
}

static void
test_trim_not_offered(void **state)
{
	(void)state;
	begin_on(NWIRE_STRUCTURED, 1);
	assert_int_equal(run(NBD_CMD_TRIM, 0, 0, 512), NBD_EINVAL);
	/* What was told at the handshake counts. */
	disk->bdev.can_discard = true;
	assert_int_equal(run(NBD_CMD_TRIM, 0, 0, 512), NBD_EINVAL);
	assert_int_equal(disk->seen_n, 0);
	finish();
}

static void
test_cache(void **state)
{
	(void)state;
	for (size_t m = 0; m < countof(modes); m++) {
		begin(modes[m]);
		assert_int_equal(run(NBD_CMD_CACHE, 0, 0, UINT32_MAX), NBD_OK);
		assert_int_equal(
		    run(NBD_CMD_CACHE, NBD_CMD_FLAG_FUA, 5, 6), NBD_OK);
		assert_int_equal(
		    run(NBD_CMD_CACHE, 0, RIG_SIZE - 5, 6), NBD_EINVAL);
		assert_int_equal(
		    run(NBD_CMD_CACHE, NBD_CMD_FLAG_DF, 0, 6), NBD_EINVAL);
		assert_int_equal(disk->seen_n, 0);
		finish();
	}
}

static void
test_write_zeroes(void **state)
{
	static const struct {
		uint16_t nbd;
		uint32_t bdev;
	} rows[] = { { 0, 0 }, { NBD_CMD_FLAG_FUA, BDEV_FUA },
		{ NBD_CMD_FLAG_NO_HOLE, BDEV_NO_HOLE },
		{ NBD_CMD_FLAG_FAST_ZERO, BDEV_FAST },
		{ NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_NO_HOLE |
			NBD_CMD_FLAG_FAST_ZERO,
		    BDEV_FUA | BDEV_NO_HOLE | BDEV_FAST } };

	(void)state;
	for (size_t m = 0; m < countof(modes); m++) {
		begin(modes[m]);
		for (size_t i = 0; i < countof(rows); i++) {
			assert_int_equal(run(NBD_CMD_WRITE_ZEROES, rows[i].nbd,
					     511, UINT32_MAX),
			    NBD_OK);
			assert_seen(BDEV_ZERO, rows[i].bdev, 511, UINT32_MAX);
		}
		assert_int_equal(
		    run(NBD_CMD_WRITE_ZEROES, NBD_CMD_FLAG_DF, 0, 1),
		    NBD_EINVAL);
		assert_int_equal(
		    run(NBD_CMD_WRITE_ZEROES, 0, RIG_SIZE, 1), NBD_ENOSPC);
		assert_int_equal(disk->seen_n, 0);
		disk->error = -EOPNOTSUPP;
		assert_int_equal(
		    run(NBD_CMD_WRITE_ZEROES, NBD_CMD_FLAG_FAST_ZERO, 0, 1),
		    NBD_ENOTSUP);
		assert_int_equal(run(NBD_CMD_WRITE_ZEROES, 0, 0, 1), NBD_EIO);
		disk->bdev.read_only = true;
		assert_int_equal(run(NBD_CMD_WRITE_ZEROES, 0, 0, 1), NBD_EPERM);
		finish();
	}
	/* Not fast: the flag was not offered. */
	begin_on(NWIRE_EXTENDED, 1);
	assert_int_equal(run(NBD_CMD_WRITE_ZEROES, 0, 0, 1), NBD_OK);
	assert_int_equal(
	    run(NBD_CMD_WRITE_ZEROES, NBD_CMD_FLAG_FAST_ZERO, 0, 1),
	    NBD_EINVAL);
	finish();
}

static void
test_64_bit(void **state)
{
	static const uint64_t length = UINT64_C(5) << 30;
	struct reply r;

	(void)state;
	begin(NWIRE_EXTENDED);
	assert_int_equal(
	    run(NBD_CMD_WRITE_ZEROES, NBD_CMD_FLAG_NO_HOLE, 4097, length),
	    NBD_OK);
	assert_seen(BDEV_ZERO, BDEV_NO_HOLE, 4097, length);
	assert_int_equal(run(NBD_CMD_TRIM, 0, 0, RIG_SIZE), NBD_OK);
	assert_seen(BDEV_DISCARD, 0, 0, RIG_SIZE);
	assert_int_equal(run(NBD_CMD_CACHE, 0, 0, RIG_SIZE), NBD_OK);
	assert_int_equal(run(NBD_CMD_WRITE_ZEROES, 0, 1, RIG_SIZE), NBD_ENOSPC);
	assert_int_equal(
	    run(NBD_CMD_WRITE_ZEROES, 0, 2, UINT64_MAX), NBD_ENOSPC);
	assert_int_equal(run(NBD_CMD_READ, 0, 2, UINT64_MAX), NBD_EINVAL);
	assert_int_equal(run(NBD_CMD_READ, 0, 0, RIG_SIZE), NBD_EINVAL);
	disk->seen_n = 0;
	disk->extents[0].length = length;
	assert_int_equal(
	    client_do(&c, NBD_CMD_BLOCK_STATUS, 0, 0, RIG_SIZE, NULL, &r),
	    NBD_OK);
	assert_seen(BDEV_EXTENTS, 0, 0, RIG_SIZE);
	assert_true(be64_get(r.data) == length);
	finish();
}

/* ---- BLOCK_STATUS ---- */

static void
check_extents(const struct reply *r, bool wide, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const uint8_t *p = r->data + i * (wide ? 16 : 8);
		uint64_t length = wide ? be64_get(p) : be32_get(p);
		uint64_t status = wide ? be64_get(p + 8) : be32_get(p + 4);

		assert_true(length == (i % 2 == 0 ? 4096 : 8192));
		assert_true(status == (i % 2 == 0 ? 3 : 0));
	}
}

static void
test_block_status(void **state)
{
	struct reply r;

	(void)state;
	for (size_t m = 1; m < countof(modes); m++) {
		bool wide = modes[m] == NWIRE_EXTENDED;
		size_t size = wide ? 16 : 8;

		begin(modes[m]);
		assert_int_equal(client_do(&c, NBD_CMD_BLOCK_STATUS, 0, 4096,
				     24576, NULL, &r),
		    NBD_OK);
		assert_seen(BDEV_EXTENTS, 0, 4096, 24576);
		assert_int_equal(r.len, 4 * size);
		check_extents(&r, wide, 4);
		/* No more than fit in an answer. */
		assert_int_equal(client_do(&c, NBD_CMD_BLOCK_STATUS,
				     NBD_CMD_FLAG_FUA, 0, 1 << 30, NULL, &r),
		    NBD_OK);
		assert_int_equal(r.len, 256 * size);
		check_extents(&r, wide, 256);
		disk->seen_n = 0;
		assert_int_equal(
		    client_do(&c, NBD_CMD_BLOCK_STATUS, NBD_CMD_FLAG_REQ_ONE, 0,
			1 << 30, NULL, &r),
		    NBD_OK);
		assert_int_equal(r.len, size);
		assert_int_equal(disk->seen[0].extents_max, 1);
		check_extents(&r, wide, 1);

		assert_int_equal(
		    run(NBD_CMD_BLOCK_STATUS, 0, RIG_SIZE - 1, 2), NBD_EINVAL);
		assert_int_equal(
		    run(NBD_CMD_BLOCK_STATUS, 0, 0, 0), NBD_EINVAL);
		assert_int_equal(
		    run(NBD_CMD_BLOCK_STATUS, NBD_CMD_FLAG_DF, 0, 1),
		    NBD_EINVAL);
		disk->error = -EIO;
		assert_int_equal(run(NBD_CMD_BLOCK_STATUS, 0, 0, 512), NBD_EIO);
		finish();
	}
	begin(NWIRE_SIMPLE);
	assert_int_equal(run(NBD_CMD_BLOCK_STATUS, 0, 0, 512), NBD_EINVAL);
	finish();
}

/* A device without holes is all data, and is not even asked. */
static void
test_block_status_plain(void **state)
{
	struct reply r;

	(void)state;
	for (size_t m = 1; m < countof(modes); m++) {
		begin_on(modes[m], 1);
		assert_int_equal(client_do(&c, NBD_CMD_BLOCK_STATUS, 0, 5,
				     UINT32_MAX, NULL, &r),
		    NBD_OK);
		assert_int_equal(disk->seen_n, 0);
		if (modes[m] == NWIRE_EXTENDED) {
			assert_int_equal(r.len, 16);
			assert_true(be64_get(r.data) == UINT32_MAX);
			assert_true(be64_get(r.data + 8) == 0);
		} else {
			assert_int_equal(r.len, 8);
			assert_true(be32_get(r.data) == UINT32_MAX);
			assert_true(be32_get(r.data + 4) == 0);
		}
		assert_int_equal(
		    run(NBD_CMD_BLOCK_STATUS, 0, 0, 0), NBD_EINVAL);
		finish();
	}
}

/* ---- errors ---- */

static void
test_results(void **state)
{
	static const struct {
		int result;
		uint32_t error;
	} rows[] = { { -EIO, NBD_EIO }, { -ENOSPC, NBD_ENOSPC },
		{ -EROFS, NBD_EPERM }, { -EBUSY, NBD_EIO },
		{ -EINVAL, NBD_EINVAL }, { -ENOMEM, NBD_ENOMEM },
		{ -EOPNOTSUPP, NBD_EIO }, { -ETIMEDOUT, NBD_EIO } };
	static uint8_t data[512];
	struct nbd_stats stats;

	(void)state;
	for (size_t m = 0; m < countof(modes); m++) {
		begin(modes[m]);
		for (size_t i = 0; i < countof(rows); i++) {
			disk->error = rows[i].result;
			assert_int_equal(
			    run(NBD_CMD_READ, 0, 0, 512), rows[i].error);
			assert_int_equal(
			    client_do(&c, NBD_CMD_WRITE, 0, 0, 512, data, NULL),
			    rows[i].error);
		}
		nbd_stats(rig.nbd, &stats);
		assert_int_equal(stats.requests, 2 * countof(rows));
		assert_int_equal(stats.errors, 2 * countof(rows));
		assert_int_equal(stats.read_bytes, 0);
		assert_int_equal(stats.written_bytes, 0);
		finish();
	}
}

static void
test_unknown(void **state)
{
	static const uint16_t types[] = { 8, 9, 255, 256, 0x8000, UINT16_MAX };

	(void)state;
	for (size_t m = 0; m < countof(modes); m++) {
		begin(modes[m]);
		for (size_t i = 0; i < countof(types); i++) {
			assert_int_equal(run(types[i], 0, 0, 512), NBD_EINVAL);
			assert_in_step();
		}
		finish();
	}
}

/* Every flag that a command does not know is an error; FUA never is. */
static void
test_flags(void **state)
{
	static const uint16_t known[] = { 1 | 4, 1 | 32, 0, 1, 1, 1, 1 | 2 | 16,
		1 | 8 };
	static uint8_t data[512];

	(void)state;
	for (uint16_t type = 0; type < countof(known); type++) {
		if (type == NBD_CMD_DISC)
			continue;
		begin(NWIRE_EXTENDED);
		for (unsigned bit = 0; bit < 16; bit++) {
			uint16_t f = (uint16_t)(1u << bit);
			size_t length = type == NBD_CMD_FLUSH ? 0 : 512;
			const void *payload =
			    type == NBD_CMD_WRITE ||
				    f == NBD_CMD_FLAG_PAYLOAD_LEN
				? data
				: NULL;

			assert_int_equal(
			    client_do(&c, type, f, 0, length, payload, NULL),
			    known[type] & f ? NBD_OK : NBD_EINVAL);
		}
		finish();
	}
}

static void
test_garbage(void **state)
{
	struct error err;

	(void)state;
	for (size_t m = 0; m < countof(modes); m++) {
		begin(modes[m]);
		client_bytes(
		    &c, "GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n", 36);
		assert_true(client_closed(&c, &err));
		assert_int_equal(err.class, ERROR_FAILED);
		assert_non_null(strstr(err.text, "magic 47455420"));
		assert_non_null(strstr(rig.line, "magic 47455420"));
		finish();
	}
}

/* A read-only export offers nothing that writes. */
static void
test_read_only(void **state)
{
	(void)state;
	rig_init(&rig);
	rig.disks[0].bdev.read_only = true;
	assert_int_equal(nbd_export_flags(&rig.disks[0].bdev),
	    0x1 | 0x2 | 0x4 | 0x8 | 0x100 | 0x400);
	rig.disks[0].bdev.read_only = false;
	rig.disks[0].bdev.can_fast_zero = false;
	assert_int_equal(nbd_export_flags(&rig.disks[0].bdev),
	    0x1 | 0x4 | 0x8 | 0x20 | 0x40 | 0x100 | 0x400);
	rig_start(&rig);
	rig_fini(&rig);
}

/* The kernel's driver: no handshake. */
static void
test_attached(void **state)
{
	static uint8_t data[4096];
	struct iovec iov[4];
	struct reply r;

	(void)state;
	rig_init(&rig);
	rig_start(&rig);
	disk = &rig.disks[1];
	assert_null(nconn_new_attached(rig.nbd, "third", "x", NULL, NULL, 0));
	client_attach(&c, &rig, "second");
	assert_int_equal(nconn_tx_iov(c.nc, iov, 4, rig.now), 0);
	assert_true(nconn_deadline(c.nc) == CLOCK_NEVER);
	memset(data, 0x5a, sizeof(data));
	assert_int_equal(
	    client_do(&c, NBD_CMD_WRITE, 0, 8192, 4096, data, NULL), NBD_OK);
	assert_seen(BDEV_WRITE, 0, 8192, 4096);
	assert_int_equal(
	    client_do(&c, NBD_CMD_READ, 0, 8192, 4096, NULL, &r), NBD_OK);
	assert_memory_equal(r.data, data, sizeof(data));
	assert_int_equal(run(NBD_CMD_TRIM, 0, 0, 512), NBD_EINVAL);
	finish();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_trim_fua),
		cmocka_unit_test(test_trim_not_offered),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_write_zeroes),
		cmocka_unit_test(test_64_bit),
		cmocka_unit_test(test_block_status),
		cmocka_unit_test(test_block_status_plain),
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_attached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
