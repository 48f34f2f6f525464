/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_pdu - a peer's bytes through the framer, in pieces and with payloads
 * placed, kept or dropped as the input says, and each header through every
 * decoder.  What must hold: the PDUs do not depend on the pieces (the bytes
 * that come out are those that went in), and nothing outside of the placed
 * memory is written.
 *
 *   input:  settings (1) | seed of pieces and fates (4) | the stream ...
 */
#include <string.h>

#include "base/cursor.h"
#include "fuzz.h"
#include "proto/framer.h"
#include "proto/pdu.h"

#define MAX_DATA 8192
#define GUARD	 16

struct peer {
	const uint8_t *stream;
	size_t len;
	size_t sent;
	size_t parsed; /* bytes of the stream that PDUs have taken */
	uint32_t seed;
	bool header_digest;
	bool data_digest;
};

static struct framer *framer;
static uint8_t memory[MAX_DATA + 4 * GUARD];
static struct iovec place[3];

static uint32_t
choose(struct peer *p, uint32_t n)
{
	p->seed = p->seed * 1103515245 + 12345;
	return (p->seed >> 8) % n;
}

/* What has been decoded is encoded to what decodes to the same. */
#define DECODE(name)                                              \
	do {                                                      \
		struct pdu_##name decoded;                        \
		uint8_t first[PDU_BHS_LEN], second[PDU_BHS_LEN];  \
                                                                  \
		pdu_get_##name(bhs, &decoded);                    \
		pdu_put_##name(first, &decoded);                  \
		pdu_get_##name(first, &decoded);                  \
		pdu_put_##name(second, &decoded);                 \
		require(memcmp(first, second, PDU_BHS_LEN) == 0); \
	} while (0)

static void
decode(const uint8_t *bhs)
{
	require(pdu_opcode_name(pdu_opcode(bhs)) != NULL);
	require(pdu_reject_reason_name(bhs[2]) != NULL);
	DECODE(nop_out);
	DECODE(scsi_command);
	DECODE(tmf_request);
	DECODE(login_request);
	DECODE(text_request);
	DECODE(data_out);
	DECODE(logout_request);
	DECODE(snack);
	DECODE(nop_in);
	DECODE(scsi_response);
	DECODE(tmf_response);
	DECODE(login_response);
	DECODE(text_response);
	DECODE(data_in);
	DECODE(logout_response);
	DECODE(r2t);
	DECODE(async);
	DECODE(reject);
}

/* Where the payload of the PDU at p->parsed begins. */
static const uint8_t *
payload(const struct peer *p, const struct framer_pdu *pdu)
{
	return p->stream + p->parsed + PDU_BHS_LEN + pdu->ahs_len +
	       (p->header_digest ? PDU_DIGEST_LEN : 0);
}

/* Memory of exactly the payload's length behind `skip` bytes, in three vectors
 * with guards between. */
static size_t
place_payload(struct peer *p, size_t len)
{
	size_t skip = choose(p, GUARD), a = skip + len / 3, b = len / 4;

	memset(memory, 0xee, sizeof(memory));
	place[0] = (struct iovec){ memory, a };
	place[1] = (struct iovec){ memory + a + GUARD, b };
	place[2] =
	    (struct iovec){ memory + a + b + 2 * GUARD, skip + len - a - b };
	framer_place(framer, place, 3, skip);
	return skip;
}

static void
check_place(const uint8_t *want, size_t len, size_t skip)
{
	size_t at = 0;

	for (int i = 0; i < 3; i++) {
		const uint8_t *v = place[i].iov_base;

		for (size_t j = 0; j < place[i].iov_len; j++, at++)
			require(v[j] == (at < skip ? 0xee : want[at - skip]));
		for (size_t j = 0; j < GUARD; j++)
			require(v[place[i].iov_len + j] == 0xee);
	}
	require(at == skip + len);
}

/* Lets some bytes arrive; false when there are none left. */
static bool
arrive(struct peer *p)
{
	struct iovec iov[4];
	int n = framer_rx_iov(framer, iov, 1 + (int)choose(p, 4));
	size_t left =
	    1 + (choose(p, 4) == 0 ? choose(p, 20000) : choose(p, 64));
	size_t got = 0, len;

	require(n >= 1);
	if (left > p->len - p->sent)
		left = p->len - p->sent;
	for (int i = 0; i < n && left > 0; i++) {
		len = iov[i].iov_len < left ? iov[i].iov_len : left;
		require(len > 0);
		memcpy(iov[i].iov_base, p->stream + p->sent, len);
		p->sent += len;
		left -= len;
		got += len;
	}
	framer_rx_done(framer, got);
	return got > 0;
}

static void
check_pdu(struct peer *p, const struct framer_pdu *pdu, bool placed, bool kept,
    size_t skip)
{
	const uint8_t *want = payload(p, pdu);
	size_t padded = (pdu->data_len + 3) & ~(size_t)3;

	require(memcmp(pdu->bhs, p->stream + p->parsed, PDU_BHS_LEN) == 0);
	if (placed)
		check_place(want, pdu->data_len, skip);
	if (kept && pdu->data_len > 0)
		require(memcmp(pdu->data, want, pdu->data_len) == 0);
	else
		require(pdu->data == NULL);
	if (padded > 0 && p->data_digest)
		padded += PDU_DIGEST_LEN;
	p->parsed = (size_t)(want - p->stream) + padded;
	require(p->parsed <= p->sent);
}

static void
talk(struct peer *p)
{
	struct framer_pdu pdu;
	struct error err = { 0 };
	bool in_pdu = false, placed = false, kept = true;
	size_t skip = 0;

	for (;;) {
		switch (framer_next(framer, &pdu, &err)) {
		case FRAMER_MORE:
			if (in_pdu && placed && choose(p, 16) == 0) {
				framer_unplace(framer);
				memset(memory, 0, sizeof(memory));
				placed = false;
			}
			if (!arrive(p))
				return;
			break;
		case FRAMER_HEADER:
			require(!in_pdu);
			require(pdu.data_len <= MAX_DATA);
			require(
			    memcmp(pdu.ahs, p->stream + p->parsed + PDU_BHS_LEN,
				pdu.ahs_len) == 0);
			decode(pdu.bhs);
			in_pdu = true;
			placed = choose(p, 2) == 0;
			kept = !placed && choose(p, 4) != 0;
			if (placed)
				skip = place_payload(p, pdu.data_len);
			else if (!kept)
				framer_unplace(framer);
			break;
		case FRAMER_PDU:
			require(in_pdu);
			in_pdu = false;
			check_pdu(p, &pdu, placed, kept, skip);
			break;
		case FRAMER_BROKEN:
			require(err.class != ERROR_NONE);
			return;
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c;
	struct peer p = { 0 };
	uint8_t settings;

	cursor_init(&c, data, size);
	settings = cursor_u8(&c);
	p.seed = cursor_u32(&c);
	p.len = cursor_left(&c);
	p.stream = cursor_bytes(&c, p.len);
	if (c.bad)
		return 0;
	p.header_digest = (settings & 1) != 0;
	p.data_digest = (settings & 2) != 0;
	framer = framer_new(MAX_DATA);
	require(framer != NULL);
	framer_set_digests(framer, p.header_digest, p.data_digest);
	talk(&p);
	framer_free(framer);
	return 0;
}
