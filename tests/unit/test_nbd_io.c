/* SPDX-License-Identifier: BSD-2-Clause */
/* READ and WRITE at the NBD server, in each of the three modes. */
#include "nbd_steps.h"

/* ---- READ ---- */

static void
test_read(void **state)
{
	static const struct {
		uint64_t offset;
		size_t length;
	} rows[] = { { 0, 512 }, { 4096, 4096 }, { 1, 1 }, { 511, 3 },
		{ 12345, 100000 }, { 0, MAX_PAYLOAD } };
	struct reply r;

	(void)state;
	for (size_t m = 0; m < countof(modes); m++) {
		begin(modes[m]);
		prng_fill(&rig.chance, disk->mem, 1 << 20);
		for (size_t i = 0; i < countof(rows); i++) {
			assert_int_equal(
			    client_do(&c, NBD_CMD_READ, 0, rows[i].offset,
				rows[i].length, NULL, &r),
			    0);
			if (r.head.chunk)
				assert_int_equal(
				    r.head.type, NBD_REPLY_TYPE_OFFSET_DATA);
			if (r.head.chunk)
				assert_true(
				    be64_get(r.data - 8) == rows[i].offset);
			assert_int_equal(r.len, rows[i].length);
			assert_memory_equal(
			    r.data, disk->mem + rows[i].offset, r.len);
			assert_seen(
			    BDEV_READ, 0, rows[i].offset, rows[i].length);
		}
		finish();
	}
}

static void
test_read_nothing(void **state)
{
	struct reply r;

	(void)state;
	for (size_t m = 0; m < countof(modes); m++) {
		begin(modes[m]);
		assert_int_equal(
		    client_do(&c, NBD_CMD_READ, 0, 512, 0, NULL, &r), 0);
		assert_int_equal(r.len, 0);
		if (modes[m] != NWIRE_SIMPLE)
			assert_int_equal(r.head.type, NBD_REPLY_TYPE_NONE);
		assert_int_equal(run(NBD_CMD_READ, 0, RIG_SIZE, 0), 0);
		finish();
	}
}

static void
test_read_flags(void **state)
{
	(void)state;
	begin(NWIRE_SIMPLE);
	assert_int_equal(flags & NBD_FLAG_SEND_DF, 0);
	assert_int_equal(run(NBD_CMD_READ, NBD_CMD_FLAG_FUA, 0, 8), NBD_OK);
	assert_seen(BDEV_READ, 0, 0, 8);
	assert_int_equal(run(NBD_CMD_READ, NBD_CMD_FLAG_DF, 0, 8), NBD_EINVAL);
	assert_int_equal(run(NBD_CMD_READ, 0, 0, MAX_PAYLOAD + 1), NBD_EINVAL);
	finish();

	begin(NWIRE_STRUCTURED);
	assert_int_not_equal(flags & NBD_FLAG_SEND_DF, 0);
	assert_int_equal(run(NBD_CMD_READ, NBD_CMD_FLAG_DF, 0, 8), NBD_OK);
	assert_int_equal(
	    run(NBD_CMD_READ, NBD_CMD_FLAG_DF, 0, MAX_PAYLOAD), NBD_OK);
	assert_int_equal(run(NBD_CMD_READ, 0, 0, MAX_PAYLOAD + 1), NBD_EINVAL);
	assert_int_equal(run(NBD_CMD_READ, NBD_CMD_FLAG_DF, 0, MAX_PAYLOAD + 1),
	    NBD_EOVERFLOW);
	finish();
}

/* ---- WRITE ---- */

static void
test_write(void **state)
{
	static const struct {
		uint64_t offset;
		size_t length;
	} rows[] = { { 0, 512 }, { 4096, 4096 }, { 1, 1 }, { 511, 3 },
		{ 12345, 100000 }, { 0, MAX_PAYLOAD }, { 77, 0 } };
	uint8_t *data = calloc(1, MAX_PAYLOAD);
	struct reply r;

	(void)state;
	assert_non_null(data);
	for (size_t m = 0; m < countof(modes); m++) {
		begin(modes[m]);
		c.chunk = 50000;
		for (size_t i = 0; i < countof(rows); i++) {
			for (size_t j = 0; j < rows[i].length; j += 4096)
				data[j] = (uint8_t)(i + m + j / 4096);
			if (rows[i].length == MAX_PAYLOAD)
				c.chunk = 0;
			assert_int_equal(
			    client_do(&c, NBD_CMD_WRITE, 0, rows[i].offset,
				rows[i].length, data, &r),
			    0);
			assert_int_equal(r.len, 0);
			assert_memory_equal(
			    disk->mem + rows[i].offset, data, rows[i].length);
			assert_seen(
			    BDEV_WRITE, 0, rows[i].offset, rows[i].length);
		}
		assert_int_equal(client_do(&c, NBD_CMD_WRITE, NBD_CMD_FLAG_FUA,
				     512, 10, data, NULL),
		    0);
		assert_seen(BDEV_WRITE, BDEV_FUA, 512, 10);
		finish();
	}
	free(data);
}

/* The next request is understood, whatever became of the one before. */
static void
assert_in_step(void)
{
	disk->seen_n = 0;
	assert_int_equal(run(NBD_CMD_READ, 0, 4096, 16), NBD_OK);
	assert_seen(BDEV_READ, 0, 4096, 16);
}

static void
test_write_wrong(void **state)
{
	static uint8_t data[200000];

	(void)state;
	for (size_t m = 0; m < countof(modes); m++) {
		begin(modes[m]);
		c.chunk = 5000;
		assert_int_equal(
		    client_do(&c, NBD_CMD_WRITE, NBD_CMD_FLAG_NO_HOLE, 0,
			200000, data, NULL),
		    NBD_EINVAL);
		assert_in_step();
		assert_int_equal(client_do(&c, NBD_CMD_WRITE, 0,
				     RIG_SIZE - 199999, 200000, data, NULL),
		    NBD_ENOSPC);
		assert_in_step();
		assert_int_equal(client_do(&c, NBD_CMD_WRITE, 0, UINT64_MAX,
				     200000, data, NULL),
		    NBD_ENOSPC);
		assert_in_step();
		disk->bdev.read_only = true;
		disk->seen_n = 0;
		assert_int_equal(
		    client_do(&c, NBD_CMD_WRITE, 0, 0, 200000, data, NULL),
		    NBD_EPERM);
		assert_int_equal(disk->seen_n, 0);
		assert_in_step();
		finish();
	}
}

/* The answer to a wrong WRITE comes when its payload has come. */
static void
test_write_wrong_late(void **state)
{
	static uint8_t data[1000];
	struct reply r;

	(void)state;
	begin(NWIRE_STRUCTURED);
	client_request(&c, NBD_CMD_WRITE, 0, RIG_SIZE, 1000, data);
	c.out_len--;
	assert_false(client_reply(&c, 0, &r));
	client_bytes(&c, "", 1);
	assert_true(client_reply(&c, 0, &r));
	assert_int_equal(r.error, NBD_ENOSPC);
	finish();
}

static void
test_payload_too_long(void **state)
{
	static const uint64_t lengths[] = { MAX_PAYLOAD + 1, UINT32_MAX,
		UINT64_MAX };
	struct error err;

	(void)state;
	for (size_t m = 0; m < countof(modes); m++) {
		for (size_t i = 0; i < countof(lengths); i++) {
			bool extended = modes[m] == NWIRE_EXTENDED;

			if (lengths[i] > UINT32_MAX && !extended)
				continue;
			begin(modes[m]);
			client_request(&c, NBD_CMD_WRITE,
			    extended ? NBD_CMD_FLAG_PAYLOAD_LEN : 0, 0,
			    lengths[i], NULL);
			assert_true(client_closed(&c, &err));
			assert_int_equal(err.class, ERROR_FAILED);
			assert_non_null(strstr(err.text, "of payload"));
			assert_non_null(strstr(rig.line, "of payload"));
			finish();
		}
	}
}

/* With extended headers a flag says whether a payload follows. */
static void
test_payload_flag(void **state)
{
	static uint8_t data[5000];

	(void)state;
	begin(NWIRE_EXTENDED);
	assert_int_equal(run(NBD_CMD_WRITE, 0, 0, 4096), NBD_EINVAL);
	assert_in_step();
	for (uint16_t type = 0; type < 9; type++) {
		if (type == NBD_CMD_WRITE || type == NBD_CMD_DISC)
			continue;
		assert_int_equal(
		    client_do(&c, type, 0, 0, 5000, data, NULL), NBD_EINVAL);
		assert_in_step();
	}
	finish();
	begin(NWIRE_STRUCTURED);
	assert_int_equal(
	    client_do(&c, NBD_CMD_WRITE, 0x20, 0, 5000, data, NULL),
	    NBD_EINVAL);
	assert_int_equal(
	    run(NBD_CMD_READ, NBD_CMD_FLAG_PAYLOAD_LEN, 0, 512), NBD_EINVAL);
	assert_in_step();
	finish();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_nothing),
		cmocka_unit_test(test_read_flags),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_wrong),
		cmocka_unit_test(test_write_wrong_late),
		cmocka_unit_test(test_payload_too_long),
		cmocka_unit_test(test_payload_flag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
