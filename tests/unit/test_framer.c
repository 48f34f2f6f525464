/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stream of PDUs is written by hand here (the sender has its own test) and
 * fed in pieces of every kind; what comes out must not depend on the pieces.
 */
#include "base/crc32c.h"
#include "proto/framer.h"
#include "proto/pdu.h"
#include "prng.h"
#include "unit.h"

#define MAX_DATA   (256 * 1024)
#define STREAM_MAX (4 * 1024 * 1024)

enum fate { KEEP, PLACE, UNPLACE, DROP, PIPE };
#define FATES 5

/* By which call the vectors are asked for. */
enum mode { WIDE, UNIT, EITHER };

struct want {
	size_t ahs_len;
	size_t data_len;
	enum fate fate;
	bool digest_ok;
};

struct script {
	bool header_digest;
	bool data_digest;
	int n;
	unsigned pipes; /* PIPE, with data */
	struct want want[64];
	uint8_t *bytes;
	size_t len;
};

/* Byte i of the payload of PDU no. n. */
static uint8_t
byte_of(int n, size_t i)
{
	return (uint8_t)((size_t)n * 151 + i * 31 + (i >> 8));
}

static void
append(struct script *s, struct want want)
{
	uint8_t *p = s->bytes + s->len, *start = p;

	assert_true(s->n < (int)countof(s->want));
	assert_true(s->len + want.data_len + 2048 < STREAM_MAX);
	memset(p, 0x80 | s->n, PDU_BHS_LEN);
	pdu_set_lengths(p, (uint32_t)want.ahs_len, (uint32_t)want.data_len);
	p += PDU_BHS_LEN;
	memset(p, 0x55, want.ahs_len);
	p += want.ahs_len;
	if (s->header_digest) {
		crc32c_put(p, crc32c(0, start, (size_t)(p - start)));
		p += 4;
	}
	start = p;
	for (size_t i = 0; i < want.data_len; i++)
		*p++ = byte_of(s->n, i);
	for (; (p - start) % 4 != 0; p++)
		*p = 0xa7; /* padding need not be zero */
	if (s->data_digest && want.data_len > 0) {
		crc32c_put(p, crc32c(0, start, (size_t)(p - start)));
		if (!want.digest_ok)
			p[2] ^= 0x10;
		p += 4;
	} else {
		want.digest_ok = true;
	}
	s->len = (size_t)(p - s->bytes);
	s->want[s->n++] = want;
	s->pipes += want.fate == PIPE && want.data_len > 0;
}

static void
script_init(struct script *s, bool header_digest, bool data_digest)
{
	memset(s, 0, sizeof(*s));
	s->header_digest = header_digest;
	s->data_digest = data_digest;
	s->bytes = malloc(STREAM_MAX);
	assert_non_null(s->bytes);
}

/* Where payloads are placed: pieces of odd sizes in one buffer, with guards
 * between, and the first SKIP bytes of the vectors not to be touched. */
#define PIECES 9
#define SKIP   113

struct place {
	uint8_t *buf;
	size_t size;
	struct iovec iov[PIECES];
};

static void
place_init(struct place *p, size_t data_len)
{
	size_t piece = (SKIP + data_len) / (PIECES - 2) + 1, off = 8, len;
	size_t left = SKIP + data_len;

	p->size = left + PIECES * 8 + 8;
	p->buf = malloc(p->size);
	assert_non_null(p->buf);
	memset(p->buf, 0xee, p->size);
	for (int i = 0; i < PIECES; i++) {
		len = i == 3 ? 0 : piece < left ? piece : left;
		p->iov[i].iov_base = p->buf + off;
		p->iov[i].iov_len = len;
		off += len + 8;
		left -= len;
	}
	assert_int_equal(left, 0);
}

/* Nothing beside the payload is changed, and (whole) the payload is there. */
static void
place_check(const struct place *p, int pdu, bool whole)
{
	size_t at = 0; /* bytes of the vectors passed */

	for (int i = 0; i < PIECES; i++) {
		const uint8_t *v = p->iov[i].iov_base;

		for (size_t j = 0; j < p->iov[i].iov_len; j++, at++)
			if (at < SKIP)
				assert_int_equal(v[j], 0xee);
			else if (whole && v[j] != byte_of(pdu, at - SKIP))
				fail_msg("PDU %d: byte %zu is wrong", pdu,
				    at - SKIP);
		for (size_t j = 0; j < 8; j++)
			assert_int_equal(v[p->iov[i].iov_len + j], 0xee);
	}
}

struct feed {
	struct framer *f;
	const struct script *s;
	struct prng *prng;
	size_t sent;
	int pdu;
	bool in_pdu;
	bool unplaced;
	struct place place;
	enum mode mode;
	bool piped;
	unsigned pipes; /* payloads that went elsewhere, in part at least */
};

static bool
by_unit(struct feed *feed)
{
	return feed->mode == UNIT ||
	       (feed->mode == EITHER && prng_below(feed->prng, 2) == 0);
}

/* When units are asked for, all of a payload can go elsewhere, unless it has a
 * digest; else what is here already decides. */
static void
begin_pipe(struct feed *feed, size_t data_len)
{
	place_init(&feed->place, data_len);
	feed->piped = framer_pipe(feed->f);
	if (feed->s->data_digest || data_len == 0)
		assert_false(feed->piped);
	else if (feed->mode == UNIT)
		assert_true(feed->piped);
	if (feed->piped)
		assert_int_equal(framer_pipe_left(feed->f), data_len);
	else
		framer_place(feed->f, feed->place.iov, PIECES, SKIP);
}

static void
on_header(struct feed *feed, const struct framer_pdu *pdu)
{
	const struct want *w = &feed->s->want[feed->pdu];

	assert_true(feed->pdu < feed->s->n);
	assert_false(feed->in_pdu);
	feed->in_pdu = true;
	feed->unplaced = false;
	assert_int_equal(pdu->bhs[47], 0x80 | feed->pdu);
	assert_int_equal(pdu->ahs_len, w->ahs_len);
	for (size_t i = 0; i < w->ahs_len; i++)
		assert_int_equal(pdu->ahs[i], 0x55);
	assert_int_equal(pdu->data_len, w->data_len);
	assert_null(pdu->data);
	switch (w->fate) {
	case KEEP:
		break;
	case PLACE:
	case UNPLACE:
		place_init(&feed->place, w->data_len);
		framer_place(feed->f, feed->place.iov, PIECES, SKIP);
		break;
	case DROP:
		framer_unplace(feed->f);
		break;
	case PIPE:
		begin_pipe(feed, w->data_len);
		break;
	}
}

static void
on_pdu(struct feed *feed, const struct framer_pdu *pdu)
{
	const struct want *w = &feed->s->want[feed->pdu];

	assert_true(feed->in_pdu);
	feed->in_pdu = false;
	assert_int_equal(pdu->bhs[47], 0x80 | feed->pdu);
	assert_int_equal(pdu->ahs_len, w->ahs_len);
	assert_int_equal(pdu->data_len, w->data_len);
	assert_int_equal(pdu->digest_ok, w->digest_ok);
	if (w->fate == KEEP && w->data_len > 0) {
		assert_non_null(pdu->data);
		for (size_t i = 0; i < w->data_len; i++)
			if (pdu->data[i] != byte_of(feed->pdu, i))
				fail_msg(
				    "PDU %d: byte %zu is wrong", feed->pdu, i);
	} else {
		assert_null(pdu->data);
	}
	if (w->fate == PIPE) {
		assert_int_equal(framer_pipe_left(feed->f), 0);
		feed->pipes += feed->piped;
		place_check(&feed->place, feed->pdu, !feed->piped);
		free(feed->place.buf);
		feed->piped = false;
	}
	if (w->fate == PLACE || w->fate == UNPLACE) {
		if (!feed->unplaced) {
			place_check(&feed->place, feed->pdu, true);
			free(feed->place.buf);
		}
	}
	feed->pdu++;
}

static void
drain(struct feed *feed)
{
	struct framer_pdu pdu;
	struct error err;

	for (;;) {
		switch (framer_next(feed->f, &pdu, &err)) {
		case FRAMER_MORE:
			return;
		case FRAMER_HEADER:
			on_header(feed, &pdu);
			break;
		case FRAMER_PDU:
			on_pdu(feed, &pdu);
			break;
		case FRAMER_BROKEN:
			fail_msg("%s", err.text);
		}
	}
}

/* Lets at most n bytes of a payload go elsewhere; or, at times, has what is to
 * come of it placed after all: then the first part is copied here, as an owner
 * would. */
static void
arrive_elsewhere(struct feed *feed, size_t n)
{
	const struct want *w = &feed->s->want[feed->pdu];
	size_t left = framer_pipe_left(feed->f), done = w->data_len - left;
	struct iovec iov[2];

	assert_int_equal(framer_rx_iov(feed->f, iov, 2), 0);
	assert_int_equal(framer_rx_unit(feed->f, iov, 2), 0);
	if (n > left)
		n = left;
	for (size_t i = 0; i < n; i++)
		if (feed->s->bytes[feed->sent + i] !=
		    byte_of(feed->pdu, done + i))
			fail_msg("PDU %d: not at its payload", feed->pdu);
	feed->sent += n;
	framer_piped(feed->f, n);
	if (n == left || prng_below(feed->prng, 4) != 0)
		return;
	framer_place(feed->f, feed->place.iov, PIECES, SKIP);
	for (size_t i = 0, at = 0; i < PIECES; i++)
		for (size_t j = 0; j < feed->place.iov[i].iov_len; j++, at++)
			if (at >= SKIP && at < SKIP + done + n)
				((uint8_t *)feed->place.iov[i].iov_base)[j] =
				    byte_of(feed->pdu, at - SKIP);
	feed->piped = false;
	feed->pipes++;
}

/* Lets at most n bytes of the stream arrive, in at most max vectors. */
static void
arrive(struct feed *feed, size_t n, int max)
{
	struct iovec iov[16];
	size_t got = 0, len;
	int iovcnt;

	if (framer_pipe_left(feed->f) > 0) {
		arrive_elsewhere(feed, n);
		return;
	}
	iovcnt = by_unit(feed) ? framer_rx_unit(feed->f, iov, max)
			       : framer_rx_iov(feed->f, iov, max);
	assert_in_range(iovcnt, 1, max);
	for (int i = 0; i < iovcnt && n > 0; i++) {
		len = iov[i].iov_len < n ? iov[i].iov_len : n;
		assert_true(iov[i].iov_len > 0);
		memcpy(iov[i].iov_base, feed->s->bytes + feed->sent + got, len);
		got += len;
		n -= len;
	}
	feed->sent += got;
	framer_rx_done(feed->f, got);
}

/* Sometimes takes the memory of an unfinished payload away. */
static void
maybe_unplace(struct feed *feed)
{
	if (!feed->in_pdu || feed->unplaced ||
	    feed->s->want[feed->pdu].fate != UNPLACE ||
	    prng_below(feed->prng, 3) != 0)
		return;
	framer_unplace(feed->f);
	place_check(&feed->place, feed->pdu, false);
	free(feed->place.buf);
	feed->unplaced = true;
}

/* piece 0: random pieces; else pieces of that size. */
static void
run_mode(const struct script *s, size_t first, size_t piece, uint64_t seed,
    enum mode mode)
{
	struct prng prng = { seed };
	struct feed feed = { .s = s, .prng = &prng, .mode = mode };
	size_t n;

	feed.f = framer_new(MAX_DATA);
	assert_non_null(feed.f);
	framer_set_digests(feed.f, s->header_digest, s->data_digest);
	for (n = first; feed.sent < s->len;) {
		if (n == 0)
			n = piece != 0 ? piece
			    : prng_below(&prng, 8) != 0
				? 1 + prng_below(&prng, 200)
				: 1 + prng_below(&prng, 300000);
		if (n > s->len - feed.sent)
			n = s->len - feed.sent;
		arrive(&feed, n, 1 + (int)prng_below(&prng, 16));
		n = 0;
		drain(&feed);
		maybe_unplace(&feed);
	}
	drain(&feed);
	assert_int_equal(feed.pdu, s->n);
	assert_false(feed.in_pdu);
	if (mode == UNIT && !s->data_digest)
		assert_int_equal(feed.pipes, s->pipes);
	framer_free(feed.f);
}

static void
run(const struct script *s, size_t first, size_t piece, uint64_t seed)
{
	run_mode(s, first, piece, seed, WIDE);
	run_mode(s, first, piece, seed, UNIT);
	run_mode(s, first, piece, seed, EITHER);
}

static void
small_script(struct script *s, bool header_digest, bool data_digest)
{
	script_init(s, header_digest, data_digest);
	append(s, (struct want){ 0, 0, KEEP, true });
	append(s, (struct want){ 0, 1, KEEP, true });
	append(s, (struct want){ 8, 2, PLACE, true });
	append(s, (struct want){ 0, 3, KEEP, false });
	append(s, (struct want){ 0, 0, PLACE, true }); /* empty Data-In */
	append(s, (struct want){ 0, 13, PLACE, false });
	append(s, (struct want){ 1020, 4, KEEP, true });
	append(s, (struct want){ 0, 0, DROP, true });
	append(s, (struct want){ 4, 61, UNPLACE, true });
	append(s, (struct want){ 0, 62, UNPLACE, false });
	append(s, (struct want){ 0, 7, DROP, true });
	append(s, (struct want){ 0, 9, DROP, false });
	append(s, (struct want){ 0, 64, PLACE, true });
	append(s, (struct want){ 0, 65, PIPE, true });
	append(s, (struct want){ 8, 24, PIPE, false });
	append(s, (struct want){ 0, 0, PIPE, true });
	append(s, (struct want){ 0, 31, PIPE, true });
	append(s, (struct want){ 0, 0, KEEP, true });
}

static void
every_split(void **state)
{
	struct script s;

	(void)state;
	for (int d = 0; d < 4; d++) {
		small_script(&s, (d & 1) != 0, (d & 2) != 0);
		for (size_t piece = 1; piece < 70; piece++)
			run(&s, 0, piece, piece);
		for (size_t first = 1; first <= s.len; first++)
			run(&s, first, s.len, first);
		free(s.bytes);
	}
}

static void
random_streams(void **state)
{
	static const size_t sizes[] = { 0, 1, 4, 48, 512, 4095, 4096, 8192,
		32767, 32768, 65536, 200001, MAX_DATA - 1, MAX_DATA };
	struct script s;
	struct prng prng;
	struct want w;

	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		prng.state = seed;
		script_init(
		    &s, prng_below(&prng, 2) != 0, prng_below(&prng, 2) != 0);
		for (int i = 0; i < 40 && s.len < STREAM_MAX / 2; i++) {
			w.ahs_len = prng_below(&prng, 5) == 0
					? 4 * prng_below(&prng, 256)
					: 0;
			w.data_len =
			    prng_below(&prng, 2) == 0
				? prng_below(&prng, 5000)
				: sizes[prng_below(&prng, countof(sizes))];
			w.fate = (enum fate)prng_below(&prng, FATES);
			w.digest_ok = prng_below(&prng, 4) != 0;
			append(&s, w);
		}
		run(&s, 0, 0, seed);
		run(&s, 0, s.len, seed);
		free(s.bytes);
	}
}

static void
put_bytes(struct framer *f, const uint8_t *p, size_t n)
{
	struct iovec iov;

	assert_int_equal(framer_rx_iov(f, &iov, 1), 1);
	assert_true(iov.iov_len >= n);
	memcpy(iov.iov_base, p, n);
	framer_rx_done(f, n);
}

static void
bad_header_digest(void **state)
{
	struct framer_pdu pdu;
	struct error err;
	struct script s;
	struct framer *f;

	(void)state;
	script_init(&s, true, false);
	append(&s, (struct want){ 8, 0, KEEP, true });
	for (size_t i = 0; i < s.len; i++) {
		if (i == 4)
			continue; /* it would only want more AHS */
		f = framer_new(8192);
		framer_set_digests(f, true, false);
		s.bytes[i] ^= 0x04;
		put_bytes(f, s.bytes, s.len);
		s.bytes[i] ^= 0x04;
		for (int again = 0; again < 2; again++) {
			memset(&err, 0, sizeof(err));
			assert_int_equal(
			    framer_next(f, &pdu, &err), FRAMER_BROKEN);
			assert_int_equal(err.class, ERROR_FAILED);
			assert_non_null(strstr(err.text, "digest"));
		}
		framer_free(f);
	}
	free(s.bytes);
}

static void
too_long(void **state)
{
	struct framer *f = framer_new(MAX_DATA);
	uint8_t bhs[PDU_BHS_LEN] = { PDU_DATA_IN };
	struct framer_pdu pdu;
	struct error err;

	(void)state;
	framer_set_max_data(f, 8192);
	pdu_set_lengths(bhs, 0, 8192);
	put_bytes(f, bhs, sizeof(bhs));
	assert_int_equal(framer_next(f, &pdu, &err), FRAMER_HEADER);
	framer_free(f);

	f = framer_new(MAX_DATA);
	framer_set_max_data(f, 8192);
	pdu_set_lengths(bhs, 0, 8193);
	put_bytes(f, bhs, sizeof(bhs));
	assert_int_equal(framer_next(f, &pdu, &err), FRAMER_BROKEN);
	assert_string_equal(err.text,
	    "a PDU (SCSI Data-In, opcode 0x25) "
	    "announced 8193 bytes of data, but no more than 8192 may be sent "
	    "to us");
	framer_free(f);

	f = framer_new(PDU_DATA_LEN_MAX);
	pdu_set_lengths(bhs, 0, PDU_DATA_LEN_MAX);
	put_bytes(f, bhs, sizeof(bhs));
	assert_int_equal(framer_next(f, &pdu, &err), FRAMER_HEADER);
	framer_free(f);
	framer_free(NULL);
}

/* What makes it fast: a large payload is received in place, with the next
 * header in the same call; a lot of small PDUs in one piece of memory. */
static void
vectors_offered(void **state)
{
	struct framer *f = framer_new(1024 * 1024);
	uint8_t bhs[PDU_BHS_LEN] = { PDU_DATA_IN }, *mem = malloc(1024 * 1024);
	struct iovec place = { mem, 1024 * 1024 }, iov[3];
	struct framer_pdu pdu;
	struct error err;
	void *ring;

	(void)state;
	assert_int_equal(framer_rx_iov(f, iov, 3), 1);
	assert_true(iov[0].iov_len >= 32 * (4096 + PDU_BHS_LEN));
	ring = iov[0].iov_base;
	pdu_set_lengths(bhs, 0, 512 * 1024);
	put_bytes(f, bhs, sizeof(bhs));
	assert_int_equal(framer_next(f, &pdu, &err), FRAMER_HEADER);
	framer_place(f, &place, 1, 512 * 1024);
	assert_int_equal(framer_rx_iov(f, iov, 3), 2);
	assert_ptr_equal(iov[0].iov_base, mem + 512 * 1024);
	assert_int_equal(iov[0].iov_len, 512 * 1024);
	assert_ptr_equal(iov[1].iov_base, ring);
	assert_in_range(iov[1].iov_len, 1072, 8192);
	/* Without room for the whole rest, the ring is not offered. */
	assert_int_equal(framer_rx_iov(f, iov, 1), 1);
	assert_ptr_equal(iov[0].iov_base, mem + 512 * 1024);
	framer_rx_done(f, 512 * 1024);
	assert_int_equal(framer_next(f, &pdu, &err), FRAMER_PDU);
	/* Not drained and full: nothing is offered, nothing is overwritten. */
	while (framer_rx_iov(f, iov, 1) == 1) {
		memset(iov[0].iov_base, 0, iov[0].iov_len);
		framer_rx_done(f, iov[0].iov_len);
	}
	assert_int_equal(framer_next(f, &pdu, &err), FRAMER_HEADER);
	assert_int_equal(framer_next(f, &pdu, &err), FRAMER_PDU);
	assert_int_equal(framer_rx_iov(f, iov, 1), 1);
	framer_free(f);
	free(mem);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_split),
		cmocka_unit_test(random_streams),
		cmocka_unit_test(bad_header_digest),
		cmocka_unit_test(too_long),
		cmocka_unit_test(vectors_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
