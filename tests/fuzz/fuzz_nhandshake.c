/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_nhandshake - a client's negotiation with the NBD server.  What must
 * hold: no input crashes it, every answer is well formed and belongs to the
 * option that was sent, a connection that is not closing goes on reading once
 * its answers were taken, and it asks for TLS only where that is allowed.
 *
 *   input:  settings (1) | client flags (1) | steps ...
 *   step:   option (1), length of data (2), data; the length in the header may
 *           be another one when the option has its top bit set: (4) more
 *
 * With RAW all that follows the settings goes as it is.
 */
#include <string.h>

#include "base/cursor.h"
#include "fuzz.h"
#include "nbd/nbd.h"
#include "nbd/nwire.h"

enum { RAW = 0x01, TLS_ON = 0x02, TLS_REQUIRE = 0x04, ENDING = 0x08 };

#define SIZE (1u << 20)

struct peer {
	struct nbd *nbd;
	struct nconn *nc;
	uint32_t option; /* sent last */
	bool raw;
	bool named; /* EXPORT_NAME was sent: no frames any more */
	uint8_t in[1 << 16];
	size_t in_len;
	bool greeted;
};

static void
disk_submit(struct bdev *bdev, struct bdev_req *req)
{
	(void)bdev;
	(void)req;
	require(false);
}

static const struct bdev_ops disk_ops = { .submit = disk_submit };

static bool
closed(const struct peer *p)
{
	struct error why;

	if (!nconn_closing(p->nc, &why))
		return false;
	require(why.text[0] != '\0');
	return true;
}

static bool
printable(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] < 0x20 || p[i] > 0x7e)
			return false;
	return true;
}

/* Checks the answers that have come; what is in no frame ends it. */
static void
look(struct peer *p)
{
	struct nwire_answer a;
	size_t at = 0;

	if (!p->greeted && p->in_len >= NBD_GREETING_LEN) {
		require(memcmp(p->in, "NBDMAGICIHAVEOPT", 16) == 0);
		p->greeted = true;
		at = NBD_GREETING_LEN;
	}
	while (p->greeted && !p->named && p->in_len - at >= NBD_ANSWER_LEN) {
		require(nwire_get_answer(p->in + at, &a));
		require(p->raw || a.option == p->option);
		if (p->in_len - at < NBD_ANSWER_LEN + a.length)
			break;
		at += NBD_ANSWER_LEN;
		if (a.type & NBD_REP_ERR) {
			require(a.length > 0);
			require(printable(p->in + at, a.length));
		} else if (a.type == NBD_REP_ACK) {
			require(a.length == 0);
			if (a.option == NBD_OPT_GO)
				p->named = true;
		}
		at += a.length;
	}
	memmove(p->in, p->in + at, p->in_len - at);
	p->in_len -= at;
	if (p->named)
		p->in_len = 0;
}

static void
take_answers(struct peer *p)
{
	struct iovec iov[4];
	size_t n;

	while (nconn_tx_iov(p->nc, iov, 4, CLOCK_S) > 0) {
		n = sizeof(p->in) - p->in_len;
		n = n < iov[0].iov_len ? n : iov[0].iov_len;
		require(n > 0);
		memcpy(p->in + p->in_len, iov[0].iov_base, n);
		p->in_len += n;
		nconn_tx_done(p->nc, n, CLOCK_S);
		look(p);
	}
}

static void
give(struct peer *p, const uint8_t *data, size_t len, enum nbd_tls tls)
{
	struct iovec iov[4];
	size_t n;

	while (len > 0 && !closed(p)) {
		if (nconn_rx_iov(p->nc, iov, 4) == 0) {
			take_answers(p);
			if (nconn_wants_tls(p->nc)) {
				require(tls != NBD_TLS_OFF);
				nconn_tls_ready(p->nc);
			}
			if (closed(p))
				return;
			require(nconn_rx_iov(p->nc, iov, 4) > 0);
		}
		n = iov[0].iov_len < len ? iov[0].iov_len : len;
		memcpy(iov[0].iov_base, data, n);
		nconn_rx_done(p->nc, n, CLOCK_S);
		data += n;
		len -= n;
	}
}

static void
step(struct peer *p, struct cursor *c, enum nbd_tls tls)
{
	struct nwire_option o = { .option = cursor_u8(c) };
	size_t len = cursor_u16(c);
	uint8_t head[NBD_OPTION_LEN];

	if (len > cursor_left(c))
		len = cursor_left(c);
	o.length = (uint32_t)len;
	if (o.option & 0x80) {
		o.option &= 0x7f;
		o.length = cursor_u32(c);
		if (len > cursor_left(c))
			len = cursor_left(c);
	}
	take_answers(p);
	p->option = o.option;
	p->named |= o.option == NBD_OPT_EXPORT_NAME;
	p->raw |= o.length != len;
	nwire_put_option(head, &o);
	give(p, head, sizeof(head), tls);
	if (len > 0)
		give(p, cursor_bytes(c, len), len, tls);
	take_answers(p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct peer p;
	struct nbd_config config = { .tls = NBD_TLS_OFF };
	struct bdev first = { .ops = &disk_ops, .size = SIZE, .thin = true };
	struct bdev second = {
		.ops = &disk_ops, .size = SIZE, .read_only = true
	};
	struct nbd_stats stats;
	struct cursor c;
	uint8_t settings, flags[4] = { 0 };

	memset(&p, 0, sizeof(p));
	cursor_init(&c, data, size);
	settings = cursor_u8(&c);
	if (settings & TLS_ON)
		config.tls = NBD_TLS_ON;
	if (settings & TLS_REQUIRE)
		config.tls = NBD_TLS_REQUIRE;
	p.raw = settings & RAW;
	p.nbd = nbd_new(&config);
	require(p.nbd != NULL);
	require(nbd_add_export(p.nbd, "lun-0", "text", &first, true) == 0);
	require(nbd_add_export(p.nbd, "lun-1", NULL, &second, false) == 0);
	p.nc = nconn_new(p.nbd, "192.0.2.1:1", NULL, NULL, CLOCK_S);
	require(p.nc != NULL);
	if (settings & ENDING)
		nbd_shutdown(p.nbd);
	if (p.raw) {
		p.named = true;
		give(&p, c.p, cursor_left(&c), config.tls);
	} else {
		flags[3] = cursor_u8(&c);
		give(&p, flags, sizeof(flags), config.tls);
		while (cursor_left(&c) > 0 && !closed(&p) && !p.named)
			step(&p, &c, config.tls);
	}
	take_answers(&p);
	nconn_free(p.nc);
	nbd_stats(p.nbd, &stats);
	require(stats.connections == 0 && stats.in_flight == 0);
	nbd_free(p.nbd);
	return 0;
}
