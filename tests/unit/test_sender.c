/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a sender offers is compared with a stream written by hand, for every
 * place at which sending may stop.
 */
#include "base/crc32c.h"
#include "proto/pdu.h"
#include "proto/sender.h"
#include "prng.h"
#include "unit.h"

#define STREAM_MAX (1024 * 1024)

struct stream {
	uint8_t bytes[STREAM_MAX];
	size_t len;
};

/* Appends one PDU as it has to look on the wire. */
static void
expect(struct stream *st, const uint8_t *bhs, const uint8_t *ahs,
    size_t ahs_len, const uint8_t *data, size_t len, bool header_digest,
    bool data_digest)
{
	uint8_t *start = st->bytes + st->len, *p = start;

	assert_true(st->len + len + 128 < STREAM_MAX);
	memcpy(p, bhs, PDU_BHS_LEN);
	p[4] = (uint8_t)(ahs_len / 4);
	p[5] = (uint8_t)(len >> 16);
	p[6] = (uint8_t)(len >> 8);
	p[7] = (uint8_t)len;
	p += PDU_BHS_LEN;
	if (ahs_len > 0)
		memcpy(p, ahs, ahs_len);
	p += ahs_len;
	if (header_digest) {
		crc32c_put(p, crc32c(0, start, (size_t)(p - start)));
		p += 4;
	}
	start = p;
	if (len > 0)
		memcpy(p, data, len);
	for (p += len; (p - start) % 4 != 0;)
		*p++ = 0;
	if (data_digest && len > 0) {
		crc32c_put(p, crc32c(0, start, (size_t)(p - start)));
		p += 4;
	}
	st->len = (size_t)(p - st->bytes);
}

/* What is offered is the stream from byte `at` on; returns how many bytes. */
static size_t
check_offer(struct sender *s, const struct stream *st, size_t at, int max)
{
	struct iovec iov[512];
	int n = sender_iov(s, iov, max);
	size_t sum = 0;

	assert_in_range(n, 0, max);
	for (int i = 0; i < n; i++) {
		assert_true(iov[i].iov_len > 0);
		assert_true(at + sum + iov[i].iov_len <= st->len);
		assert_memory_equal(
		    iov[i].iov_base, st->bytes + at + sum, iov[i].iov_len);
		sum += iov[i].iov_len;
	}
	return sum;
}

static uint8_t payload[3][100000];

/* The payload in three vectors that do not touch. */
static void
split(const uint8_t *data, size_t len, struct iovec iov[4])
{
	size_t a = len / 3, b = len / 2;

	memset(payload, 0xee, sizeof(payload));
	memcpy(payload[0] + 17, data, a);
	memcpy(payload[1], data + a, b);
	memcpy(payload[2], data + a + b, len - a - b);
	iov[0] = (struct iovec){ payload[0], 17 + a };
	iov[1] = (struct iovec){ payload[1], b };
	iov[2] = (struct iovec){ NULL, 0 };
	iov[3] = (struct iovec){ payload[2], len - a - b };
}

static void
partial_at_every_byte(void **state)
{
	static struct stream st;
	static const uint8_t ahs[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	uint8_t bhs[PDU_BHS_LEN], data[203];
	struct iovec iov[4];
	struct sender *s;
	unsigned refs;

	(void)state;
	memset(bhs, 0x42, sizeof(bhs));
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + 1);
	for (int d = 0; d < 4; d++) {
		bool hd = (d & 1) != 0, dd = (d & 2) != 0;

		split(data, sizeof(data), iov);
		st.len = 0;
		expect(&st, bhs, ahs, 8, data, 203, hd, dd);
		expect(&st, bhs, NULL, 0, NULL, 0, hd, dd);
		expect(&st, bhs, NULL, 0, data + 50, 4, hd, dd);
		expect(&st, bhs, NULL, 0, data + 100, 101, hd, dd);
		for (size_t cut = 0; cut <= st.len; cut++)
			for (size_t step = 1; step < 130; step += 64) {
				refs = 0;
				s = sender_new();
				sender_set_digests(s, hd, dd);
				sender_push(
				    s, bhs, ahs, 8, iov, 4, 17, 203, &refs);
				sender_push(
				    s, bhs, NULL, 0, NULL, 0, 0, 0, NULL);
				sender_push(
				    s, bhs, NULL, 0, iov, 4, 67, 4, &refs);
				sender_push(
				    s, bhs, NULL, 0, iov, 4, 117, 101, &refs);
				assert_int_equal(refs, 3);
				assert_int_equal(sender_bytes(s), st.len);
				assert_int_equal(
				    check_offer(s, &st, 0, 64), st.len);
				sender_done(s, cut);
				for (size_t at = cut; at < st.len;) {
					size_t n = st.len - at;

					assert_int_equal(sender_bytes(s), n);
					assert_int_equal(
					    check_offer(s, &st, at, 64), n);
					if (n > step)
						n = step;
					sender_done(s, n);
					at += n;
				}
				assert_int_equal(refs, 0);
				assert_int_equal(sender_bytes(s), 0);
				assert_int_equal(sender_room(s), SENDER_SLOTS);
				assert_int_equal(
				    check_offer(s, &st, st.len, 64), 0);
				sender_free(s);
			}
	}
}

static void
random_streams(void **state)
{
	static struct stream st;
	static uint8_t data[90000];
	uint8_t bhs[PDU_BHS_LEN], ahs[16];
	struct iovec iov[4];
	struct prng prng;
	struct sender *s;
	size_t at, n, ahs_len, skip, len;
	unsigned refs, pushed;
	bool hd, dd;

	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		prng.state = seed;
		prng_fill(&prng, data, sizeof(data));
		split(data, sizeof(data), iov);
		s = sender_new();
		st.len = at = refs = pushed = 0;
		hd = dd = false;
		while (at < st.len || pushed < 1000) {
			if (prng_below(&prng, 20) == 0) {
				hd = prng_below(&prng, 2) != 0;
				dd = prng_below(&prng, 2) != 0;
				sender_set_digests(s, hd, dd);
			}
			while (sender_room(s) > 0 && pushed < 1000 &&
			       prng_below(&prng, 8) != 0 &&
			       st.len < STREAM_MAX - 100000) {
				prng_fill(&prng, bhs, sizeof(bhs));
				ahs_len = 4 * prng_below(&prng, 5);
				prng_fill(&prng, ahs, sizeof(ahs));
				len = prng_below(&prng, 4) != 0
					  ? prng_below(&prng, 300)
					  : prng_below(&prng, 90000);
				skip = prng_below(&prng, sizeof(data) - len);
				expect(&st, bhs, ahs, ahs_len, data + skip, len,
				    hd, dd);
				sender_push(s, bhs, ahs, ahs_len, iov, 4,
				    17 + skip, len, &refs);
				pushed++;
			}
			if (st.len >= STREAM_MAX - 100000)
				pushed = 1000;
			assert_int_equal(sender_bytes(s), st.len - at);
			assert_int_equal(refs, SENDER_SLOTS - sender_room(s));
			n = check_offer(
			    s, &st, at, 1 + (int)prng_below(&prng, 300));
			assert_true(n > 0 || at == st.len);
			if (prng_below(&prng, 3) == 0)
				n = prng_below(&prng, n + 1);
			sender_done(s, n);
			at += n;
		}
		assert_int_equal(refs, 0);
		sender_free(s);
	}
}

static void
full_and_freed(void **state)
{
	static struct stream st;
	uint8_t bhs[PDU_BHS_LEN] = { 0 }, data[3] = { 1, 2, 3 },
		ahs[16] = { 0 };
	struct iovec iov = { data, 3 };
	struct sender *s = sender_new();
	unsigned refs = 0;
	size_t at = 0, one;

	(void)state;
	sender_set_digests(s, true, true);
	for (unsigned i = 0; i < SENDER_SLOTS; i++) {
		assert_int_equal(sender_room(s), SENDER_SLOTS - i);
		bhs[47] = (uint8_t)i;
		expect(&st, bhs, ahs, 16, data, 3, true, true);
		sender_push(s, bhs, ahs, 16, &iov, 1, 0, 3, &refs);
	}
	one = st.len / SENDER_SLOTS;
	assert_int_equal(one * SENDER_SLOTS, st.len);
	/* Always full, at every place of the ring. */
	for (unsigned i = 0; i < 5 * SENDER_SLOTS; i++) {
		assert_int_equal(sender_room(s), 0);
		assert_int_equal(refs, SENDER_SLOTS);
		assert_int_equal(check_offer(s, &st, at, 512), st.len - at);
		sender_done(s, one - 1);
		assert_int_equal(sender_room(s), 0);
		assert_int_equal(refs, SENDER_SLOTS);
		sender_done(s, 1);
		assert_int_equal(sender_room(s), 1);
		assert_int_equal(refs, SENDER_SLOTS - 1);
		at += one;
		bhs[47] = (uint8_t)(i ^ 0x55);
		expect(&st, bhs, ahs, 16, data, 3, true, true);
		sender_push(s, bhs, ahs, 16, &iov, 1, 0, 3, &refs);
	}
	sender_free(s);
	assert_int_equal(refs, 0);
	sender_free(NULL);
}

/* PDUs without payload are one vector, those with payload two each. */
static void
vectors_are_joined(void **state)
{
	uint8_t bhs[PDU_BHS_LEN] = { 0 }, data[64] = { 0 };
	struct iovec halves[2] = { { data, 32 }, { data + 32, 32 } };
	struct sender *s = sender_new();
	struct iovec iov[64];
	unsigned refs = 0;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		sender_push(s, bhs, NULL, 0, NULL, 0, 0, 0, NULL);
	assert_int_equal(sender_iov(s, iov, 64), 1);
	assert_int_equal(iov[0].iov_len, 20 * PDU_BHS_LEN);
	sender_done(s, iov[0].iov_len);
	sender_set_digests(s, true, true);
	for (unsigned i = 0; i < 4; i++)
		sender_push(s, bhs, NULL, 0, halves, 2, 1, 62, &refs);
	assert_int_equal(sender_iov(s, iov, 64), 2 * 4 + 1);
	assert_ptr_equal(iov[1].iov_base, data + 1);
	assert_int_equal(iov[1].iov_len, 62);
	assert_int_equal(sender_iov(s, iov, 4), 4);
	sender_free(s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(partial_at_every_byte),
		cmocka_unit_test(random_streams),
		cmocka_unit_test(full_and_freed),
		cmocka_unit_test(vectors_are_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
