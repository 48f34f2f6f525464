/* SPDX-License-Identifier: BSD-2-Clause */
/* target_rig - see the header. */
#include "target_rig.h"

#include <errno.h>
#include <stdio.h>

#include "base/be.h"
#include "proto/login.h"

/*
 * ---- the disk ----
 */

#define HOLE 4096

static void
disk_hole(struct disk *d, uint64_t offset, uint64_t length, bool hole)
{
	for (uint64_t at = offset; at < offset + length; at += 512)
		if (!hole || (at % HOLE == 0 && at + HOLE <= offset + length))
			d->hole[at / HOLE] = hole;
}

static void
disk_do(struct disk *d, struct bdev_req *req)
{
	uint8_t *at = d->mem + req->offset;

	req->result = d->error;
	if (req->op != BDEV_FLUSH && req->offset + req->length > d->bdev.size)
		req->result = -EINVAL;
	if (req->result != 0)
		return;
	switch (req->op) {
	case BDEV_READ:
		for (int i = 0; i < req->iovcnt; at += req->iov[i++].iov_len)
			memcpy(req->iov[i].iov_base, at, req->iov[i].iov_len);
		break;
	case BDEV_WRITE:
		for (int i = 0; i < req->iovcnt; at += req->iov[i++].iov_len)
			memcpy(at, req->iov[i].iov_base, req->iov[i].iov_len);
		disk_hole(d, req->offset, req->length, false);
		break;
	case BDEV_ZERO:
		memset(at, 0, req->length);
		disk_hole(
		    d, req->offset, req->length, !(req->flags & BDEV_NO_HOLE));
		break;
	case BDEV_EXTENTS:
		req->extents_n = 0;
		for (uint64_t o = req->offset; o < req->offset + req->length;) {
			uint64_t end = (o / HOLE + 1) * HOLE;
			struct bdev_extent *e =
			    &req->extents[req->extents_n - 1];

			if (end > req->offset + req->length)
				end = req->offset + req->length;
			if (req->extents_n > 0 &&
			    e->alloc ==
				(d->hole[o / HOLE] ? BDEV_HOLE : BDEV_DATA)) {
				e->length += end - o;
			} else if (req->extents_n == req->extents_max) {
				break;
			} else {
				req->extents[req->extents_n++] =
				    (struct bdev_extent){ .length = end - o,
					    .alloc = d->hole[o / HOLE]
							 ? BDEV_HOLE
							 : BDEV_DATA };
			}
			o = end;
		}
		break;
	default:
		break;
	}
}

static void
disk_submit(struct bdev *bdev, struct bdev_req *req)
{
	struct disk *d = (struct disk *)bdev;

	if (req->op == BDEV_WRITE || req->op == BDEV_ZERO)
		d->writes++;
	TAILQ_INSERT_TAIL(&d->queue, req, link);
	d->queued++;
}

unsigned
disk_complete(struct disk *d)
{
	struct bdev_req *req;
	unsigned n = 0;

	while ((req = TAILQ_FIRST(&d->queue)) != NULL) {
		TAILQ_REMOVE(&d->queue, req, link);
		d->queued--;
		disk_do(d, req);
		req->done(req);
		n++;
	}
	return n;
}

static void *
disk_map(struct bdev *bdev, uint64_t offset, size_t length, bool write)
{
	struct disk *d = (struct disk *)bdev;

	if (write)
		disk_hole(d, offset, length, false);
	return d->mem + offset;
}

static void
disk_close(struct bdev *bdev)
{
	struct disk *d = (struct disk *)bdev;

	assert_int_equal(d->queued, 0);
	free(d->mem);
	free(d->hole);
	free(d);
}

static const struct bdev_ops disk_ops = { .submit = disk_submit,
	.close = disk_close };
static const struct bdev_ops mapped_ops = {
	.submit = disk_submit, .close = disk_close, .map = disk_map
};

static struct disk *
disk_new(uint32_t block_size, bool mapped)
{
	struct disk *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	d->bdev.ops = mapped ? &mapped_ops : &disk_ops;
	d->bdev.size = RIG_SIZE(block_size);
	d->bdev.block_size = 512;
	d->bdev.physical_block_size = 4096;
	d->bdev.thin = true;
	d->mem = calloc(1, d->bdev.size);
	d->hole = malloc(d->bdev.size / HOLE);
	assert_non_null(d->mem);
	assert_non_null(d->hole);
	memset(d->hole, 1, d->bdev.size / HOLE);
	TAILQ_INIT(&d->queue);
	return d;
}

/*
 * ---- the rig ----
 */

static void
chance(void *ctx, void *buf, size_t len)
{
	struct rig *rig = ctx;

	prng_fill(&rig->chance, buf, len);
}

void
rig_init(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	snprintf(rig->config.name, sizeof(rig->config.name), "%s", RIG_NAME);
	params_default(&rig->config.offer);
	rig->config.offer.header_digest = (struct digest_list){ .n = 2,
		.order = { DIGEST_NONE, DIGEST_CRC32C } };
	rig->config.offer.data_digest = rig->config.offer.header_digest;
	rig->config.random = chance;
	rig->config.random_ctx = rig;
	rig->now = 1000 * CLOCK_S;
}

static void
rig_add(struct rig *rig, uint32_t block_size, bool thin, bool read_only,
    bool mapped)
{
	struct lu_config config = { .block_size = block_size,
		.thin = thin,
		.read_only = read_only,
		.copy_max = rig->copy_max,
		.fault_n = rig->fault_n };
	struct disk *d = disk_new(block_size, mapped);

	memcpy(config.faults, rig->faults, sizeof(config.faults));
	rig->disks[rig->disks_n++] = d;
	assert_int_equal(target_add_lun(rig->target, &d->bdev, &config), 0);
}

void
rig_start(struct rig *rig)
{
	rig->target = target_new(&rig->config);
	assert_non_null(rig->target);
	rig_add(rig, 512, true, false, false);
	rig_add(rig, 4096, false, false, true);
	rig_add(rig, 512, false, true, true);
	if (rig->twin)
		rig_add(rig, 512, false, false, false);
}

void
rig_complete(struct rig *rig)
{
	for (unsigned i = 0; i < rig->disks_n; i++)
		if (!rig->disks[i]->manual)
			disk_complete(rig->disks[i]);
}

void
rig_fini(struct rig *rig)
{
	for (unsigned i = 0; i < rig->disks_n; i++)
		rig->disks[i]->manual = false;
	while (target_in_flight(rig->target) > 0)
		rig_complete(rig);
	target_free(rig->target);
}

/*
 * ---- the peer ----
 */

static void
wake(void *ctx)
{
	struct peer *peer = ctx;

	peer->wakes++;
}

void
peer_init(struct peer *peer, struct rig *rig)
{
	memset(peer, 0, sizeof(*peer));
	peer->rig = rig;
	params_default(&peer->offer);
	peer->tc = tconn_new(rig->target, "192.0.2.1:5000", "192.0.2.9:3260",
	    wake, peer, rig->now);
	peer->framer = framer_new(peer->offer.max_recv_data_segment);
	peer->sender = sender_new();
	assert_non_null(peer->tc);
	assert_non_null(peer->framer);
	assert_non_null(peer->sender);
	peer->cmdsn = 0x1000;
}

void
peer_fini(struct peer *peer)
{
	tconn_free(peer->tc);
	framer_free(peer->framer);
	sender_free(peer->sender);
	free(peer->data);
}

bool
peer_closed(struct peer *peer)
{
	struct error why;

	return tconn_closing(peer->tc, &why);
}

void
peer_bytes(struct peer *peer, const void *data, size_t len)
{
	const uint8_t *p = data;
	struct iovec iov[4];
	int n;

	while (len > 0 && !peer_closed(peer)) {
		size_t moved = 0, limit = len;

		n = tconn_rx_iov(peer->tc, iov, 4);
		if (n == 0)
			return;
		if (peer->chunk > 0 && limit > peer->chunk)
			limit = peer->chunk;
		for (int i = 0; i < n && moved < limit; i++) {
			size_t take = iov[i].iov_len;

			if (take > limit - moved)
				take = limit - moved;
			memcpy(iov[i].iov_base, p + moved, take);
			moved += take;
		}
		p += moved;
		len -= moved;
		tconn_rx_done(peer->tc, moved, peer->rig->now);
	}
}

void
peer_send(struct peer *peer, const uint8_t *bhs, const void *data, size_t len)
{
	struct iovec payload = { .iov_base = (void *)(uintptr_t)data,
		.iov_len = len };
	struct iovec iov[8];
	int n;

	sender_push(peer->sender, bhs, NULL, 0, &payload, 1, 0, len, NULL);
	while ((n = sender_iov(peer->sender, iov, 8)) > 0) {
		size_t total = 0;

		for (int i = 0; i < n; i++) {
			peer_bytes(peer, iov[i].iov_base, iov[i].iov_len);
			total += iov[i].iov_len;
		}
		sender_done(peer->sender, total);
	}
}

/* Moves bytes from the target to our framer; false: there were none. */
static bool
peer_pull(struct peer *peer)
{
	struct iovec from[64], to[2];
	size_t limit = peer->chunk > 0 ? peer->chunk : SIZE_MAX, moved = 0;
	int n, m, j = 0;
	size_t used = 0;

	n = tconn_tx_iov(peer->tc, from, 64, peer->rig->now);
	if (n == 0)
		return false;
	m = framer_rx_iov(peer->framer, to, 2);
	for (int i = 0; i < n && j < m && moved < limit; i++) {
		size_t at = 0;

		while (at < from[i].iov_len && j < m && moved < limit) {
			size_t take = from[i].iov_len - at;

			if (take > to[j].iov_len - used)
				take = to[j].iov_len - used;
			if (take > limit - moved)
				take = limit - moved;
			memcpy((uint8_t *)to[j].iov_base + used,
			    (uint8_t *)from[i].iov_base + at, take);
			at += take;
			used += take;
			moved += take;
			if (used == to[j].iov_len) {
				j++;
				used = 0;
			}
		}
	}
	framer_rx_done(peer->framer, moved);
	tconn_tx_done(peer->tc, moved, peer->rig->now);
	return moved > 0;
}

bool
peer_recv(struct peer *peer)
{
	struct framer_pdu pdu;
	struct error err;

	for (;;) {
		switch (framer_next(peer->framer, &pdu, &err)) {
		case FRAMER_MORE:
			rig_complete(peer->rig);
			if (!peer_pull(peer))
				return false;
			break;
		case FRAMER_HEADER:
			break;
		case FRAMER_PDU:
			assert_true(pdu.digest_ok);
			memcpy(peer->bhs, pdu.bhs, PDU_BHS_LEN);
			free(peer->data);
			peer->data = malloc(pdu.data_len + 1);
			assert_non_null(peer->data);
			if (pdu.data_len > 0)
				memcpy(peer->data, pdu.data, pdu.data_len);
			peer->len = pdu.data_len;
			if (pdu_opcode(pdu.bhs) != PDU_DATA_IN ||
			    (pdu.bhs[1] & 0x01))
				peer->statsn = be32_get(pdu.bhs + 24);
			peer->expcmdsn = be32_get(pdu.bhs + 28);
			peer->maxcmdsn = be32_get(pdu.bhs + 32);
			return true;
		case FRAMER_BROKEN:
			fail_msg("%s", err.text);
		}
	}
}

bool
peer_login(
    struct peer *peer, const char *initiator, uint8_t last_isid, bool discovery)
{
	struct login_initiator_config config = { .initiator_name = initiator,
		.target_name = discovery ? NULL : RIG_NAME,
		.portal = "192.0.2.9:3260",
		.isid = { 0x80, 0, 0, 0, 0, last_isid },
		.auth = &peer->rig->auth,
		.offer = peer->offer,
		.random = chance,
		.random_ctx = peer->rig };
	struct login_initiator *l = login_initiator_new(&config);
	uint8_t bhs[PDU_BHS_LEN];
	const uint8_t *data;
	struct error err;
	bool header, digest, ok;
	size_t len;

	assert_non_null(l);
	while (login_initiator_state(l) == LOGIN_SEND) {
		login_initiator_send(l, bhs, &data, &len);
		pdu_set_cmdsn(bhs, peer->cmdsn);
		pdu_set_itt(bhs, 77);
		peer_send(peer, bhs, data, len);
		if (!peer_recv(peer))
			break;
		login_initiator_recv(l, peer->bhs, peer->data, peer->len, &err);
	}
	ok = login_initiator_state(l) == LOGIN_DONE;
	if (ok) {
		peer->params = login_initiator_result(l)->params;
		header = peer->params.header_digest.order[0] == DIGEST_CRC32C;
		digest = peer->params.data_digest.order[0] == DIGEST_CRC32C;
		framer_set_digests(peer->framer, header, digest);
		sender_set_digests(peer->sender, header, digest);
	}
	login_initiator_free(l);
	return ok;
}

void
peer_ready(struct peer *peer)
{
	uint8_t cdb[CDB_MAX];

	assert_true(peer_login(peer, "iqn.2024-01.org.example:host", 1, false));
	cdb_test_unit_ready(cdb);
	for (unsigned i = 0; i < peer->rig->disks_n; i++) {
		assert_sense(peer_none(peer, lun_of(i), cdb),
		    SENSE_UNIT_ATTENTION, SENSE_POWER_ON_RESET);
		assert_good(peer_none(peer, lun_of(i), cdb));
	}
}

/*
 * ---- commands ----
 */

uint32_t
peer_command(struct peer *peer, uint64_t lun, const uint8_t *cdb, bool read,
    bool write, const void *out, uint32_t edtl)
{
	struct pdu_scsi_command p = { .final = true,
		.read = read,
		.write = write,
		.attr = PDU_ATTR_SIMPLE,
		.lun = lun,
		.itt = ++peer->itt,
		.edtl = edtl,
		.cmdsn = peer->cmdsn++,
		.expstatsn = peer->statsn + 1 };
	const struct params *params = &peer->params;
	uint32_t limit =
	    edtl < params->first_burst ? edtl : params->first_burst;
	uint32_t now = 0, at, n, sn = 0;
	uint8_t bhs[PDU_BHS_LEN];

	memcpy(p.cdb, cdb, sizeof(p.cdb));
	if (write && params->immediate_data)
		now = limit < params->max_send_data_segment
			  ? limit
			  : params->max_send_data_segment;
	p.final = !write || params->initial_r2t || now == limit;
	pdu_put_scsi_command(bhs, &p);
	peer_send(peer, bhs, out, now);
	for (at = now; !p.final && at < limit; at += n) {
		struct pdu_data_out d = { .lun = lun,
			.itt = p.itt,
			.ttt = PDU_TAG_NONE,
			.datasn = sn++,
			.offset = at };

		n = limit - at;
		if (n > params->max_send_data_segment)
			n = params->max_send_data_segment;
		d.final = at + n == limit;
		pdu_put_data_out(bhs, &d);
		peer_send(peer, bhs, (const uint8_t *)out + at, n);
	}
	return p.itt;
}

static void
answer_r2t(struct peer *peer, const uint8_t *out)
{
	struct pdu_data_out d = { 0 };
	struct pdu_r2t r;
	uint8_t bhs[PDU_BHS_LEN];
	uint32_t n;

	pdu_get_r2t(peer->bhs, &r);
	d.lun = r.lun;
	d.itt = r.itt;
	d.ttt = r.ttt;
	for (uint32_t at = 0; at < r.length; at += n) {
		n = r.length - at;
		if (n > peer->params.max_send_data_segment)
			n = peer->params.max_send_data_segment;
		d.offset = r.offset + at;
		d.final = at + n == r.length;
		pdu_put_data_out(bhs, &d);
		peer_send(peer, bhs, out + d.offset, n);
		d.datasn++;
	}
}

struct answer *
peer_await(struct peer *peer, uint32_t itt, const void *out)
{
	static struct answer a;
	uint32_t datasn = 0;

	memset(&a, 0, offsetof(struct answer, data));
	while (!a.got && peer_recv(peer)) {
		struct pdu_data_in d;
		struct pdu_scsi_response r;

		if (pdu_itt(peer->bhs) != itt)
			continue;
		switch (pdu_opcode(peer->bhs)) {
		case PDU_R2T:
			answer_r2t(peer, out);
			break;
		case PDU_DATA_IN:
			pdu_get_data_in(peer->bhs, &d);
			assert_int_equal(d.datasn, datasn++);
			assert_int_equal(d.offset, a.len);
			assert_true(a.len + peer->len <= sizeof(a.data));
			memcpy(a.data + a.len, peer->data, peer->len);
			a.len += (uint32_t)peer->len;
			if (!d.has_status)
				break;
			a.got = true;
			a.status = d.status;
			a.overflow = d.overflow;
			a.underflow = d.underflow;
			a.residual = d.residual;
			break;
		case PDU_SCSI_RESPONSE:
			pdu_get_scsi_response(peer->bhs, &r);
			a.got = true;
			a.status = r.status;
			a.overflow = r.overflow;
			a.underflow = r.underflow;
			a.residual = r.residual;
			if (r.status == SCSI_CHECK_CONDITION) {
				assert_true(peer->len > 2);
				assert_int_equal(
				    be16_get(peer->data), peer->len - 2);
				assert_int_equal(sense_get(peer->data + 2,
						     peer->len - 2, &a.sense),
				    0);
			}
			break;
		default:
			break;
		}
	}
	return &a;
}

struct answer *
peer_in(struct peer *peer, uint64_t lun, const uint8_t *cdb, uint32_t edtl)
{
	return peer_await(
	    peer, peer_command(peer, lun, cdb, true, false, NULL, edtl), NULL);
}

struct answer *
peer_out(struct peer *peer, uint64_t lun, const uint8_t *cdb, const void *out,
    uint32_t edtl)
{
	return peer_await(
	    peer, peer_command(peer, lun, cdb, false, true, out, edtl), out);
}

struct answer *
peer_none(struct peer *peer, uint64_t lun, const uint8_t *cdb)
{
	return peer_await(
	    peer, peer_command(peer, lun, cdb, false, false, NULL, 0), NULL);
}

uint32_t
peer_send_tmf(
    struct peer *peer, uint8_t function, uint64_t lun, uint32_t ref_itt)
{
	struct pdu_tmf_request p = { .immediate = true,
		.function = function,
		.lun = lun,
		.itt = ++peer->itt,
		.ref_itt = ref_itt,
		.cmdsn = peer->cmdsn,
		.expstatsn = peer->statsn + 1 };
	uint8_t bhs[PDU_BHS_LEN];

	pdu_put_tmf_request(bhs, &p);
	peer_send(peer, bhs, NULL, 0);
	return p.itt;
}

uint8_t
peer_tmf(struct peer *peer, uint8_t function, uint64_t lun, uint32_t ref_itt)
{
	uint32_t itt = peer_send_tmf(peer, function, lun, ref_itt);
	struct pdu_tmf_response r;

	while (peer_recv(peer)) {
		if (pdu_opcode(peer->bhs) != PDU_TMF_RESPONSE ||
		    pdu_itt(peer->bhs) != itt)
			continue;
		pdu_get_tmf_response(peer->bhs, &r);
		return r.response;
	}
	return 0xfe;
}

void
assert_good(const struct answer *a)
{
	char text[SENSE_TEXT];

	if (a->status == SCSI_CHECK_CONDITION)
		fail_msg("%s", sense_text(text, sizeof(text), &a->sense));
	assert_true(a->got);
	assert_int_equal(a->status, SCSI_GOOD);
}

void
assert_sense(const struct answer *a, uint8_t key, unsigned code)
{
	assert_true(a->got);
	assert_int_equal(a->status, SCSI_CHECK_CONDITION);
	assert_int_equal(a->sense.key, key);
	assert_int_equal(sense_code(&a->sense), code);
}
