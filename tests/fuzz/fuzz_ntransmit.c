/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_ntransmit - a client's requests to the NBD server, over a disk whose
 * requests complete when the input says so.  What must hold: no input crashes
 * it, each request gets one well-formed reply, a connection that is not closing
 * goes on reading once its replies were taken, and in the end nothing is left.
 *
 *   input:  settings (1) | steps ...
 *   step:   type (1), flags (1), offset (4), length (4); with WIDE another 4
 *           for the upper half of the length.  Payload of a pattern follows
 *           where the header announces it.  Or, when the top bit of the type is
 *           set, an event:
 *           0 all complete, 1 the last completes, 2 it fails, 3 replies are
 *           taken, 4 a part of them, 5 the connection is lost, 6 shutdown
 *
 * With RAW all that follows the settings goes as it is.
 */
#include <errno.h>
#include <string.h>

#include "base/cursor.h"
#include "fuzz.h"
#include "nbd/nbd.h"
#include "nbd/nbd_impl.h"
#include "nbd/nwire.h"

enum {
	STRUCTURED = 0x01,
	EXTENDED = 0x02,
	RAW = 0x04,
	READ_ONLY = 0x08,
	PLAIN = 0x10,
	ATTACHED = 0x20,
	WIDE = 0x40
};

#define SIZE	    (1u << 20)
#define REQUESTS    1024
#define PAYLOAD_MAX ((uint64_t)32 << 20)

struct sent {
	bool open;
	uint16_t type;
	uint64_t length;
};

static struct peer {
	struct nbd *nbd;
	struct nconn *nc;
	struct bdev bdev;
	struct bdev_req_queue queue;
	enum nwire_mode mode;
	bool attached, raw;
	struct sent sent[REQUESTS]; /* by cookie */
	unsigned sent_n;
	uint8_t in[64]; /* the beginning of a reply */
	size_t in_len;
	uint64_t skip; /* the rest of it */
} peer;

/* ---- the disk ---- */

static void
disk_submit(struct bdev *bdev, struct bdev_req *req)
{
	(void)bdev;
	TAILQ_INSERT_TAIL(&peer.queue, req, link);
}

static const struct bdev_ops disk_ops = { .submit = disk_submit };

static void
disk_end(struct bdev_req *req, int error)
{
	TAILQ_REMOVE(&peer.queue, req, link);
	req->result = bdev_check(&peer.bdev, req);
	require(req->result >= 0);
	req->result = error;
	if (error == 0 && req->op == BDEV_READ && req->length > 0) {
		require(bdev_place(req) == 0);
		memset(req->iov->iov_base, 'r', req->iov->iov_len);
	}
	if (req->op == BDEV_READ || req->op == BDEV_WRITE)
		require(req->iov->iov_len == req->length);
	if (req->op == BDEV_EXTENTS) {
		req->extents[0] = (struct bdev_extent){ 1, BDEV_HOLE };
		req->extents_n = 1;
		if (req->length > 1 && req->extents_max > 1)
			req->extents[req->extents_n++] =
			    (struct bdev_extent){ req->length - 1, BDEV_DATA };
	}
	req->done(req);
}

static void
disk_complete(void)
{
	while (!TAILQ_EMPTY(&peer.queue))
		disk_end(TAILQ_FIRST(&peer.queue), 0);
}

/* ---- replies ---- */

static void
check_reply(const struct nwire_reply *r)
{
	struct sent *sent;

	if (peer.raw) {
		peer.skip = r->length;
		return;
	}
	require(r->cookie < peer.sent_n);
	sent = &peer.sent[r->cookie];
	require(sent->open);
	sent->open = false;
	peer.skip = r->length;
	if (!r->chunk) {
		if (r->error == 0 && sent->type == NBD_CMD_READ) {
			require(peer.mode == NWIRE_SIMPLE);
			peer.skip = sent->length;
		}
		return;
	}
	require(r->flags == NBD_REPLY_FLAG_DONE);
	if (r->type == NBD_REPLY_TYPE_OFFSET_DATA) {
		require(sent->type == NBD_CMD_READ);
		require(r->length == sent->length + 8);
	} else if (r->type == NBD_REPLY_TYPE_NONE) {
		require(r->length == 0);
	} else {
		require(r->length > 6 && r->length < 5000);
	}
}

static void
look(const uint8_t *data, size_t len)
{
	struct nwire_reply r;
	size_t n;
	int head;

	for (; len > 0; data += n, len -= n) {
		if (peer.skip > 0) {
			n = peer.skip < len ? (size_t)peer.skip : len;
			peer.skip -= n;
			continue;
		}
		n = 1;
		peer.in[peer.in_len++] = *data;
		head = nwire_get_reply(peer.in, peer.in_len, peer.mode, &r);
		require(head >= 0);
		if (head == 0)
			continue;
		require((size_t)head == peer.in_len);
		peer.in_len = 0;
		check_reply(&r);
	}
}

static bool
take(size_t max)
{
	struct iovec iov[16];
	size_t total = 0, n;
	int iovs = nconn_tx_iov(peer.nc, iov, 16, CLOCK_S);

	for (int i = 0; i < iovs && total < max; i++) {
		n = iov[i].iov_len < max - total ? iov[i].iov_len : max - total;
		/* With RAW it is not known how long a simple reply is. */
		if (!peer.raw)
			look(iov[i].iov_base, n);
		total += n;
	}
	if (total > 0)
		nconn_tx_done(peer.nc, total, CLOCK_S);
	return total > 0;
}

static void
take_all(void)
{
	while (take(SIZE_MAX))
		;
}

/* ---- requests ---- */

static bool
closed(void)
{
	struct error why;

	return nconn_closing(peer.nc, &why);
}

/* data NULL: a pattern. */
static void
give(const uint8_t *data, size_t len)
{
	struct iovec iov[4];
	size_t n;

	while (len > 0 && !closed()) {
		if (nconn_rx_iov(peer.nc, iov, 4) == 0) {
			disk_complete();
			take_all();
			if (closed())
				return;
			require(nconn_rx_iov(peer.nc, iov, 4) > 0);
		}
		n = iov[0].iov_len < len ? iov[0].iov_len : len;
		require(n > 0);
		if (data != NULL) {
			memcpy(iov[0].iov_base, data, n);
			data += n;
		} else {
			memset(iov[0].iov_base, 'w', n);
		}
		nconn_rx_done(peer.nc, n, CLOCK_S);
		len -= n;
	}
}

static void
option(uint32_t number, const char *data, size_t len)
{
	struct nwire_option o = { .option = number, .length = (uint32_t)len };
	uint8_t head[NBD_OPTION_LEN];
	struct iovec iov[4];

	nwire_put_option(head, &o);
	give(head, sizeof(head));
	give((const uint8_t *)data, len);
	while (nconn_tx_iov(peer.nc, iov, 4, CLOCK_S) > 0)
		nconn_tx_done(peer.nc, iov[0].iov_len, CLOCK_S);
}

static void
connect_to(void)
{
	struct iovec iov[4];

	peer.sent_n = 0;
	peer.in_len = 0;
	peer.skip = 0;
	if (peer.attached) {
		peer.nc = nconn_new_attached(
		    peer.nbd, "lun-0", "kernel", NULL, NULL, CLOCK_S);
		require(peer.nc != NULL);
		return;
	}
	peer.nc = nconn_new(peer.nbd, "client", NULL, NULL, CLOCK_S);
	require(peer.nc != NULL);
	while (nconn_tx_iov(peer.nc, iov, 4, CLOCK_S) > 0)
		nconn_tx_done(peer.nc, iov[0].iov_len, CLOCK_S);
	give((const uint8_t *)"\0\0\0\3", 4);
	if (peer.mode != NWIRE_SIMPLE)
		option(peer.mode == NWIRE_EXTENDED ? NBD_OPT_EXTENDED_HEADERS
						   : NBD_OPT_STRUCTURED_REPLY,
		    NULL, 0);
	option(NBD_OPT_SET_META_CONTEXT,
	    "\0\0\0\0\0\0\0\1\0\0\0\17base:allocation", 27);
	option(NBD_OPT_GO, "\0\0\0\0\0\0", 6);
}

static void
event(uint8_t what)
{
	switch (what & 7) {
	case 0:
		disk_complete();
		break;
	case 1:
	case 2:
		if (!TAILQ_EMPTY(&peer.queue))
			disk_end(TAILQ_LAST(&peer.queue, bdev_req_queue),
			    (what & 7) == 1 ? 0 : -ENOSPC);
		break;
	case 3:
		take_all();
		break;
	case 4:
		take(what >> 3);
		break;
	case 5:
		nconn_free(peer.nc);
		connect_to();
		break;
	case 6:
		nbd_shutdown(peer.nbd);
		break;
	default:
		break;
	}
}

static void
step(struct cursor *c, uint8_t settings)
{
	struct nwire_request r = { .type = cursor_u8(c) };
	uint8_t head[NBD_REQUEST_LEN_MAX];
	bool payload;

	if (r.type & 0x80) {
		event(r.type & 0x7f);
		return;
	}
	r.flags = cursor_u8(c);
	r.offset = cursor_u32(c);
	r.length = cursor_u32(c);
	if (settings & WIDE)
		r.length |= (uint64_t)cursor_u32(c) << 32;
	if (peer.sent_n == REQUESTS)
		return;
	payload = peer.mode == NWIRE_EXTENDED
		      ? r.flags & NBD_CMD_FLAG_PAYLOAD_LEN
		      : r.type == NBD_CMD_WRITE;
	/* Much payload takes only time. */
	if (payload && r.length <= PAYLOAD_MAX)
		r.length %= 100000;
	else if (peer.mode != NWIRE_EXTENDED)
		r.length = (uint32_t)r.length;
	r.cookie = peer.sent_n;
	peer.sent[peer.sent_n++] =
	    (struct sent){ r.type != NBD_CMD_DISC, r.type, r.length };
	nwire_put_request(head, peer.mode, &r);
	give(head, nwire_request_len(peer.mode));
	require(!payload || r.length <= PAYLOAD_MAX || closed() ||
		r.type == NBD_CMD_DISC);
	if (payload && !closed())
		give(NULL, (size_t)r.length);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nbd_config config = { .tls = NBD_TLS_OFF };
	struct nbd_stats stats;
	struct cursor c;
	uint8_t settings;

	cursor_init(&c, data, size);
	settings = cursor_u8(&c);
	memset(&peer, 0, sizeof(peer));
	TAILQ_INIT(&peer.queue);
	peer.bdev = (struct bdev){ .ops = &disk_ops,
		.size = SIZE,
		.read_only = settings & READ_ONLY,
		.thin = !(settings & PLAIN),
		.can_discard = !(settings & PLAIN),
		.can_fast_zero = !(settings & PLAIN) };
	peer.attached = settings & ATTACHED;
	peer.raw = settings & RAW;
	if (!peer.attached)
		peer.mode = settings & EXTENDED	    ? NWIRE_EXTENDED
			    : settings & STRUCTURED ? NWIRE_STRUCTURED
						    : NWIRE_SIMPLE;
	peer.nbd = nbd_new(&config);
	require(peer.nbd != NULL);
	require(nbd_add_export(peer.nbd, "lun-0", NULL, &peer.bdev, true) == 0);
	connect_to();
	if (peer.raw) {
		give(c.p, cursor_left(&c));
	} else {
		while (cursor_left(&c) > 0 && !closed())
			step(&c, settings);
		/* All of it is answered, unless the connection has ended. */
		do {
			disk_complete();
		} while (take(SIZE_MAX));
		for (unsigned i = 0; i < peer.sent_n && !closed(); i++)
			require(!peer.sent[i].open);
	}
	nconn_free(peer.nc);
	disk_complete();
	nbd_stats(peer.nbd, &stats);
	require(stats.connections == 0 && stats.in_flight == 0);
	require(peer.nbd->held_bytes == 0);
	nbd_free(peer.nbd);
	return 0;
}
