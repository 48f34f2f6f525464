/* SPDX-License-Identifier: BSD-2-Clause */
/* The receive side of an NBD connection, alone. */
#include "unit.h"

#include "nbd/nreader.h"

/* Puts bytes where the reader wants them; all must fit. */
static void
feed(struct nreader *r, const uint8_t *data, size_t len)
{
	struct iovec iov[2];
	size_t done = 0, part;
	int n = nreader_iov(r, iov, 2);

	for (int i = 0; i < n && done < len; i++) {
		part =
		    len - done < iov[i].iov_len ? len - done : iov[i].iov_len;
		memcpy(iov[i].iov_base, data + done, part);
		done += part;
	}
	assert_int_equal(done, len);
	nreader_done(r, len);
}

static void
test_peek(void **state)
{
	struct nreader r;

	(void)state;
	assert_int_equal(nreader_init(&r), 0);
	assert_true(nreader_empty(&r));
	assert_null(nreader_peek(&r, 1));
	feed(&r, (const uint8_t *)"abcdef", 6);
	assert_false(nreader_empty(&r));
	assert_null(nreader_peek(&r, 7));
	assert_memory_equal(nreader_peek(&r, 6), "abcdef", 6);
	nreader_skip(&r, 4);
	assert_null(nreader_peek(&r, 3));
	/* What is left moves to the front of the ring. */
	feed(&r, (const uint8_t *)"ghi", 3);
	assert_memory_equal(nreader_peek(&r, 5), "efghi", 5);
	nreader_skip(&r, 5);
	assert_true(nreader_empty(&r));
	nreader_fini(&r);
}

static void
test_longest(void **state)
{
	struct nreader r;
	struct iovec iov;
	size_t left = NREADER_PEEK_MAX;

	(void)state;
	assert_int_equal(nreader_init(&r), 0);
	while (left > 0) {
		assert_int_equal(nreader_iov(&r, &iov, 1), 1);
		if (iov.iov_len > left)
			iov.iov_len = left;
		memset(iov.iov_base, 'x', iov.iov_len);
		nreader_done(&r, iov.iov_len);
		left -= iov.iov_len;
	}
	assert_non_null(nreader_peek(&r, NREADER_PEEK_MAX));
	nreader_fini(&r);
}

/* Payload begins in the ring, goes on in place, and the next header follows in
 * the ring. */
static void
test_place(void **state)
{
	uint8_t memory[11] = "..........";
	struct iovec iov[2];
	struct nreader r;

	(void)state;
	assert_int_equal(nreader_init(&r), 0);
	feed(&r, (const uint8_t *)"HEAD012", 7);
	nreader_skip(&r, 4);
	nreader_place(&r, memory, 10);
	assert_false(nreader_placed(&r));
	assert_memory_equal(memory, "012.......", 10);
	assert_int_equal(nreader_iov(&r, iov, 2), 2);
	assert_ptr_equal(iov[0].iov_base, memory + 3);
	assert_int_equal(iov[0].iov_len, 7);
	assert_int_equal(nreader_iov(&r, iov, 1), 1);
	assert_int_equal(iov[0].iov_len, 7);
	feed(&r, (const uint8_t *)"34", 2);
	assert_false(nreader_placed(&r));
	feed(&r, (const uint8_t *)"56789NEXT", 9);
	assert_true(nreader_placed(&r));
	assert_memory_equal(memory, "0123456789", 10);
	assert_memory_equal(nreader_peek(&r, 4), "NEXT", 4);
	nreader_fini(&r);
}

static void
test_whole_in_ring(void **state)
{
	uint8_t memory[4] = "...";
	struct nreader r;

	(void)state;
	assert_int_equal(nreader_init(&r), 0);
	feed(&r, (const uint8_t *)"012NEXT", 7);
	nreader_place(&r, memory, 3);
	assert_true(nreader_placed(&r));
	assert_memory_equal(memory, "012", 3);
	assert_memory_equal(nreader_peek(&r, 4), "NEXT", 4);
	nreader_fini(&r);
}

static void
test_throw_away(void **state)
{
	static uint8_t junk[4096];
	struct nreader r;
	size_t left = 40960;

	(void)state;
	assert_int_equal(nreader_init(&r), 0);
	feed(&r, junk, 100);
	nreader_place(&r, NULL, left + 100);
	while (left > 0) {
		assert_false(nreader_placed(&r));
		assert_true(nreader_empty(&r));
		feed(&r, junk, sizeof(junk) < left ? sizeof(junk) : left);
		left -= sizeof(junk) < left ? sizeof(junk) : left;
	}
	assert_true(nreader_placed(&r));
	feed(&r, (const uint8_t *)"NEXT", 4);
	assert_memory_equal(nreader_peek(&r, 4), "NEXT", 4);
	nreader_fini(&r);
}

/* Behind a large payload only a few headers are wanted in the ring. */
static void
test_window(void **state)
{
	static uint8_t memory[32768];
	struct iovec iov[2];
	struct nreader r;
	size_t wide;

	(void)state;
	assert_int_equal(nreader_init(&r), 0);
	assert_int_equal(nreader_iov(&r, iov, 2), 1);
	wide = iov[0].iov_len;
	assert_true(wide >= 32 * (28 + 4096));
	nreader_place(&r, memory, sizeof(memory));
	assert_int_equal(nreader_iov(&r, iov, 2), 2);
	assert_int_equal(iov[1].iov_len, 4096);
	nreader_done(&r, sizeof(memory));
	assert_true(nreader_placed(&r));
	nreader_place(&r, memory, sizeof(memory) - 1);
	assert_int_equal(nreader_iov(&r, iov, 2), 2);
	assert_int_equal(iov[1].iov_len, wide);
	nreader_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peek),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_whole_in_ring),
		cmocka_unit_test(test_throw_away),
		cmocka_unit_test(test_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
