/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_target - an initiator's bytes to the embedded target, before or after a
 * login, with a disk whose requests complete when the input says so.  What must
 * hold: no input crashes it, a connection that is not closing goes on reading
 * once its answers were taken, and in the end no command is left.
 *
 *   input:  settings (1) | steps ...
 *   step:   PDU header (48) and its payload, at most 8 KiB of it; or, when the
 *           reserved top bit of the header is set, an event:
 *           0 disk completes, 1 answers are taken, 2 time passes,
 *           3 another initiator comes, 4 the connection is lost
 *
 * Unless the settings say otherwise the numbers that a fuzzer cannot guess are
 * put in: CmdSN, and the tags of the last R2T in a Data-Out.
 */
#include <errno.h>
#include <string.h>

#include "base/cursor.h"
#include "fuzz.h"
#include "proto/pdu.h"
#include "target/target.h"

#define DISK (256u << 10)
#define DATA 8192u
#define NAME "iqn.2024-01.org.example:fuzz"
#define KEYS                                                           \
	"InitiatorName=iqn.2024-01.org.example:host\0TargetName=" NAME \
	"\0SessionType=Normal\0"
#define ANSWERS 4096

enum { RAW = 0x01, DIGESTS = 0x02, SMALL = 0x04, PLAIN_NUMBERS = 0x08 };

struct disk {
	struct bdev bdev; /* first */
	struct bdev_req_queue queue;
	uint8_t mem[DISK];
};

static struct disk disks[2];

struct peer {
	struct tconn *tc;
	uint32_t cmdsn;
	uint32_t itt, ttt;	     /* of the last R2T */
	uint8_t answer[PDU_BHS_LEN]; /* what of a header has been seen */
	size_t seen;
	size_t skip; /* bytes up to the next header */
	uint64_t now;
};

/* ---- the disk ---- */

static void
disk_submit(struct bdev *bdev, struct bdev_req *req)
{
	struct disk *d = (struct disk *)bdev;

	TAILQ_INSERT_TAIL(&d->queue, req, link);
}

static void
disk_complete(struct disk *d)
{
	struct bdev_req *req;
	size_t n;

	while ((req = TAILQ_FIRST(&d->queue)) != NULL) {
		uint8_t *at = d->mem + req->offset;

		TAILQ_REMOVE(&d->queue, req, link);
		if (req->op != BDEV_FLUSH) {
			require(req->offset <= DISK);
			require(req->length <= DISK - req->offset);
		}
		for (int i = 0; i < req->iovcnt; i++, at += n) {
			n = req->iov[i].iov_len;
			if (req->op == BDEV_READ)
				memcpy(req->iov[i].iov_base, at, n);
			else
				memcpy(at, req->iov[i].iov_base, n);
		}
		req->result = 0;
		if (req->op == BDEV_EXTENTS) {
			req->extents[0] =
			    (struct bdev_extent){ .length = req->length,
				    .alloc = BDEV_HOLE };
			req->extents_n = 1;
		}
		req->done(req);
	}
}

static void *
disk_map(struct bdev *bdev, uint64_t offset, size_t length, bool write)
{
	struct disk *d = (struct disk *)bdev;

	(void)write;
	require(offset <= DISK && length <= DISK - offset);
	return d->mem + offset;
}

static void
disk_close(struct bdev *bdev)
{
	(void)bdev;
}

static struct target *
make_target(uint8_t settings)
{
	static const struct bdev_ops plain = { .submit = disk_submit,
		.close = disk_close };
	static const struct bdev_ops mapped = {
		.submit = disk_submit, .close = disk_close, .map = disk_map
	};
	struct target_config config = { .name = NAME };
	struct target *target;

	params_default(&config.offer);
	config.offer.max_recv_data_segment = DATA;
	if (settings & DIGESTS)
		config.offer.data_digest.order[0] = DIGEST_CRC32C;
	if (settings & SMALL) {
		config.offer.max_burst = 1024;
		config.offer.first_burst = 512;
		config.offer.initial_r2t = true;
	}
	target = target_new(&config);
	require(target != NULL);
	for (unsigned i = 0; i < 2; i++) {
		struct lu_config lu = { .block_size = 512, .thin = i == 0 };

		disks[i].bdev = (struct bdev){ .ops = i == 0 ? &plain : &mapped,
			.size = DISK,
			.block_size = 512,
			.physical_block_size = 512,
			.thin = true };
		TAILQ_INIT(&disks[i].queue);
		require(target_add_lun(target, &disks[i].bdev, &lu) == 0);
	}
	return target;
}

/* ---- the initiator ---- */

static bool
closed(const struct peer *p)
{
	struct error why;

	return tconn_closing(p->tc, &why);
}

/* Follows the target's headers for the tags of its R2Ts. */
static void
look(struct peer *p, const uint8_t *data, size_t len)
{
	size_t n;

	while (len > 0) {
		if (p->skip > 0) {
			n = p->skip < len ? p->skip : len;
			p->skip -= n;
		} else {
			n = PDU_BHS_LEN - p->seen;
			n = n < len ? n : len;
			memcpy(p->answer + p->seen, data, n);
			p->seen += n;
		}
		data += n;
		len -= n;
		if (p->seen < PDU_BHS_LEN)
			continue;
		p->seen = 0;
		n = pdu_data_len(p->answer);
		p->skip = (n + 3) & ~(size_t)3;
		if (pdu_opcode(p->answer) == PDU_R2T) {
			p->itt = pdu_itt(p->answer);
			p->ttt = be32_get(p->answer + 20);
		}
	}
}

static void
take_answers(struct peer *p)
{
	struct iovec iov[64];
	size_t total;
	int n;

	while ((n = tconn_tx_iov(p->tc, iov, 64, p->now)) > 0) {
		total = 0;
		for (int i = 0; i < n; i++) {
			look(p, iov[i].iov_base, iov[i].iov_len);
			total += iov[i].iov_len;
		}
		tconn_tx_done(p->tc, total, p->now);
	}
}

static void
give(struct peer *p, const uint8_t *data, size_t len)
{
	struct iovec iov[4];
	size_t n;

	while (len > 0 && !closed(p)) {
		if (tconn_rx_iov(p->tc, iov, 4) == 0) {
			disk_complete(&disks[0]);
			disk_complete(&disks[1]);
			take_answers(p);
			if (closed(p))
				return;
			require(tconn_rx_iov(p->tc, iov, 4) > 0);
		}
		n = iov[0].iov_len < len ? iov[0].iov_len : len;
		require(n > 0);
		memcpy(iov[0].iov_base, data, n);
		tconn_rx_done(p->tc, n, p->now);
		data += n;
		len -= n;
	}
}

static void
login(struct peer *p)
{
	struct pdu_login_request req = { .transit = true,
		.csg = PDU_STAGE_OPERATIONAL,
		.nsg = PDU_STAGE_FULL,
		.isid = { 0x80, 1, 2, 3, 4, 5 },
		.cmdsn = p->cmdsn };
	uint8_t bhs[PDU_BHS_LEN];

	pdu_put_login_request(bhs, &req);
	pdu_set_lengths(bhs, 0, sizeof(KEYS) - 1);
	give(p, bhs, sizeof(bhs));
	give(p, (const uint8_t *)KEYS "\0\0\0", (sizeof(KEYS) - 1 + 3) & ~3u);
	take_answers(p);
}

static void
connect_to(struct peer *p, struct target *target, uint64_t now)
{
	memset(p, 0, sizeof(*p));
	p->now = now;
	p->tc =
	    tconn_new(target, "192.0.2.1:1", "192.0.2.2:3260", NULL, NULL, now);
	require(p->tc != NULL);
}

static void
event(struct peer *p, struct target *target, uint8_t what)
{
	struct peer other;

	switch (what & 7) {
	case 0:
		disk_complete(&disks[what >> 3 & 1]);
		break;
	case 1:
		take_answers(p);
		break;
	case 2:
		p->now += (uint64_t)(what >> 3) * CLOCK_S;
		tconn_tick(p->tc, p->now);
		break;
	case 3:
		connect_to(&other, target, p->now);
		login(&other);
		tconn_free(other.tc);
		break;
	case 4:
		tconn_free(p->tc);
		connect_to(p, target, p->now);
		login(p);
		break;
	default:
		break;
	}
}

static void
step(struct peer *p, struct target *target, struct cursor *c, uint8_t settings)
{
	static const uint8_t zeros[4];
	const uint8_t *header, *data;
	uint8_t bhs[PDU_BHS_LEN];
	size_t len;

	if (*c->p & 0x80) {
		event(p, target, cursor_u8(c) & 0x7f);
		return;
	}
	header = cursor_bytes(c, sizeof(bhs));
	if (header == NULL)
		return;
	memcpy(bhs, header, sizeof(bhs));
	bhs[4] = 0;
	len = pdu_data_len(bhs) % (DATA + 1);
	if (len > cursor_left(c))
		len = cursor_left(c);
	pdu_set_lengths(bhs, 0, (uint32_t)len);
	if (!(settings & PLAIN_NUMBERS)) {
		if (pdu_opcode(bhs) == PDU_DATA_OUT && p->ttt != 0) {
			pdu_set_itt(bhs, p->itt);
			be32_put(bhs + 20, p->ttt);
		} else if (pdu_opcode(bhs) != PDU_DATA_OUT) {
			pdu_set_cmdsn(bhs, p->cmdsn);
			p->cmdsn += !pdu_immediate(bhs);
		}
	}
	data = cursor_bytes(c, len);
	give(p, bhs, sizeof(bhs));
	if (len > 0)
		give(p, data, len);
	give(p, zeros, -len & 3);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct target *target;
	struct peer peer;
	struct cursor c;
	uint8_t settings;

	cursor_init(&c, data, size);
	settings = cursor_u8(&c);
	target = make_target(settings);
	connect_to(&peer, target, CLOCK_S);
	if (settings & RAW) {
		give(&peer, c.p, cursor_left(&c));
		take_answers(&peer);
	} else {
		login(&peer);
		while (cursor_left(&c) > 0 && !closed(&peer))
			step(&peer, target, &c, settings);
	}
	tconn_free(peer.tc);
	for (unsigned i = 0; i < ANSWERS && target_in_flight(target) > 0; i++) {
		disk_complete(&disks[0]);
		disk_complete(&disks[1]);
	}
	require(target_in_flight(target) == 0);
	target_free(target);
	return 0;
}
