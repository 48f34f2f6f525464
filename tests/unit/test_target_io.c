/* SPDX-License-Identifier: BSD-2-Clause */
/* The target's data transfer: every way in which bytes go in and out. */
#include "target_rig.h"

#include "base/be.h"

static uint8_t pattern[1 << 20];

static int
setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	assert_non_null(rig);
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 7 + i / 251);
	rig_init(rig);
	rig_start(rig);
	*state = rig;
	return 0;
}

static int
teardown(void **state)
{
	rig_fini(*state);
	free(*state);
	return 0;
}

/* Writes and reads back on both kinds of disk with what the peer negotiated. */
static void
write_and_read(struct peer *peer)
{
	static const uint32_t lengths[] = { 4096, 8192, 65536, 262144,
		1 << 20 };
	struct rig *rig = peer->rig;
	uint8_t cdb[CDB_MAX];
	struct answer *a;

	for (unsigned lun = 0; lun < 2; lun++) {
		uint32_t bs = lun == 0 ? 512 : 4096;

		for (size_t i = 0; i < countof(lengths); i++) {
			uint64_t lba = 3 + 1000 * i;

			memset(rig->disks[lun]->mem, 0, 8 << 20);
			cdb_write16(cdb, lba, lengths[i] / bs, false);
			a = peer_out(
			    peer, lun_of(lun), cdb, pattern, lengths[i]);
			assert_good(a);
			assert_int_equal(a->residual, 0);
			assert_memory_equal(rig->disks[lun]->mem + lba * bs,
			    pattern, lengths[i]);
			assert_int_equal(
			    rig->disks[lun]->mem[lba * bs + lengths[i]], 0);
			cdb_read16(cdb, lba, lengths[i] / bs, false);
			a = peer_in(peer, lun_of(lun), cdb, lengths[i]);
			assert_good(a);
			assert_int_equal(a->len, lengths[i]);
			assert_memory_equal(a->data, pattern, lengths[i]);
		}
	}
}

static void
with_params(struct rig *rig, bool initial_r2t, bool immediate, uint32_t segment,
    uint32_t burst, uint32_t first, bool digests, size_t chunk)
{
	struct peer peer;

	peer_init(&peer, rig);
	peer.offer.initial_r2t = initial_r2t;
	peer.offer.immediate_data = immediate;
	peer.offer.max_recv_data_segment = segment;
	peer.offer.max_burst = burst;
	peer.offer.first_burst = first;
	if (digests) {
		peer.offer.header_digest.order[0] = DIGEST_CRC32C;
		peer.offer.data_digest.order[0] = DIGEST_CRC32C;
	}
	peer_ready(&peer);
	assert_int_equal(peer.params.initial_r2t, initial_r2t);
	assert_int_equal(peer.params.immediate_data, immediate);
	peer.chunk = chunk;
	write_and_read(&peer);
	peer_fini(&peer);
}

static void
every_mode(void **state)
{
	struct rig *rig = *state;

	for (unsigned mode = 0; mode < 4; mode++)
		for (unsigned digests = 0; digests < 2; digests++) {
			with_params(rig, mode & 1, mode & 2, 262144, 1 << 20,
			    65536, digests, 0);
			with_params(rig, mode & 1, mode & 2, 1024, 16384, 4096,
			    digests, 0);
			with_params(rig, mode & 1, mode & 2, 8192, 65536, 65536,
			    digests, 1021);
		}
}

/* Two R2Ts at once, and the offsets and numbers of each. */
static void
r2ts(void **state)
{
	struct rig *rig = *state;
	struct peer peer;
	uint8_t cdb[CDB_MAX];
	struct pdu_r2t r[4];
	struct pdu_data_out d;
	uint8_t bhs[PDU_BHS_LEN];
	uint32_t itt;

	peer_init(&peer, rig);
	peer.offer.initial_r2t = true;
	peer.offer.immediate_data = false;
	peer.offer.max_burst = 4096;
	peer.offer.max_outstanding_r2t = 2;
	peer_ready(&peer);
	cdb_write10(cdb, 8, 20, false); /* 10 KiB: 4096, 4096, 2048 */
	itt =
	    peer_command(&peer, lun_of(0), cdb, false, true, pattern, 20 * 512);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(peer_recv(&peer));
		assert_int_equal(pdu_opcode(peer.bhs), PDU_R2T);
		pdu_get_r2t(peer.bhs, &r[i]);
		assert_int_equal(r[i].itt, itt);
		assert_int_equal(r[i].r2tsn, i);
		assert_int_equal(r[i].offset, i * 4096);
		assert_int_equal(r[i].length, 4096);
	}
	assert_false(peer_recv(&peer));
	for (unsigned i = 0; i < 2; i++) {
		d = (struct pdu_data_out){ .final = true,
			.itt = itt,
			.ttt = r[i].ttt,
			.offset = r[i].offset };
		pdu_put_data_out(bhs, &d);
		peer_send(&peer, bhs, pattern + d.offset, 4096);
		if (i == 0) {
			assert_true(peer_recv(&peer));
			pdu_get_r2t(peer.bhs, &r[2]);
			assert_int_equal(r[2].length, 2048);
			assert_int_equal(r[2].offset, 8192);
		}
	}
	assert_int_equal(rig->disks[0]->writes, 0);
	d.ttt = r[2].ttt;
	d.offset = 8192;
	pdu_put_data_out(bhs, &d);
	peer_send(&peer, bhs, pattern + d.offset, 2048);
	assert_good(peer_await(&peer, itt, pattern));
	assert_memory_equal(rig->disks[0]->mem + 8 * 512, pattern, 20 * 512);
	peer_fini(&peer);
}

/* Data-Out that breaks the rules ends its command, not the session. */
static void
bad_data_out(void **state)
{
	struct rig *rig = *state;
	struct peer peer;
	uint8_t cdb[CDB_MAX], bhs[PDU_BHS_LEN];
	struct pdu_r2t r;
	struct pdu_data_out d;
	uint32_t itt;

	peer_init(&peer, rig);
	peer.offer.initial_r2t = true;
	peer.offer.immediate_data = false;
	peer_ready(&peer);
	for (unsigned how = 0; how < 5; how++) {
		cdb_write10(cdb, 0, 8, false);
		itt = peer_command(&peer, lun_of(how % 2), cdb, false, true,
		    pattern, how % 2 == 0 ? 4096 : 32768);
		assert_true(peer_recv(&peer));
		pdu_get_r2t(peer.bhs, &r);
		d = (struct pdu_data_out){
			.final = true, .itt = itt, .ttt = r.ttt
		};
		switch (how) {
		case 0:
			d.datasn = 1;
			break;
		case 1:
			d.offset = 512;
			break;
		case 2:
			d.ttt = PDU_TAG_NONE;
			break;
		case 3:
			d.ttt = r.ttt + 1;
			break;
		default: /* too short for the R2T, yet final */
			break;
		}
		pdu_put_data_out(bhs, &d);
		peer_send(&peer, bhs, pattern, how == 4 ? 512 : 4096);
		assert_int_equal(peer_await(&peer, itt, pattern)->sense.key,
		    SENSE_ABORTED_COMMAND);
		/* What comes for it later is nobody's. */
		peer_send(&peer, bhs, pattern, 512);
		cdb_test_unit_ready(cdb);
		assert_good(peer_none(&peer, lun_of(0), cdb));
	}
	assert_int_equal(rig->disks[0]->writes, 0);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(rig->disks[1]->mem[i], 0);
	peer_fini(&peer);
}

/* A wrong data digest touches nothing, on mapped disks too. */
static void
bad_digest(void **state)
{
	struct rig *rig = *state;
	struct peer peer;
	uint8_t cdb[CDB_MAX], raw[48 + 4096 + 4] = { 0 };
	struct pdu_scsi_command p = {
		.final = true, .write = true, .lun = lun_of(1), .edtl = 4096
	};
	bool rejected = false, failed = false;

	peer_init(&peer, rig);
	peer.offer.data_digest.order[0] = DIGEST_CRC32C;
	peer_ready(&peer);
	cdb_write10(cdb, 0, 1, false);
	memcpy(p.cdb, cdb, sizeof(p.cdb));
	p.itt = 0x4711;
	p.cmdsn = peer.cmdsn++;
	pdu_put_scsi_command(raw, &p);
	pdu_set_lengths(raw, 0, 4096);
	memcpy(raw + 48, pattern, 4096);
	peer_bytes(&peer, raw, sizeof(raw));
	while (peer_recv(&peer)) {
		if (pdu_opcode(peer.bhs) == PDU_REJECT) {
			assert_int_equal(peer.bhs[2], PDU_REJECT_DATA_DIGEST);
			assert_int_equal(peer.len, 48);
			assert_memory_equal(peer.data, raw, 48);
			rejected = true;
		} else {
			assert_int_equal(
			    pdu_opcode(peer.bhs), PDU_SCSI_RESPONSE);
			assert_int_equal(peer.bhs[3], SCSI_CHECK_CONDITION);
			failed = true;
		}
	}
	assert_true(rejected);
	assert_true(failed);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(rig->disks[1]->mem[i], 0);
	peer_fini(&peer);
}

/* What the CDB asks for and what the initiator expects differ. */
static void
residuals(void **state)
{
	struct rig *rig = *state;
	struct peer peer;
	uint8_t cdb[CDB_MAX];
	struct answer *a;

	peer_init(&peer, rig);
	peer_ready(&peer);
	for (unsigned lun = 0; lun < 2; lun++) {
		uint32_t bs = lun == 0 ? 512 : 4096;
		uint8_t *mem = rig->disks[lun]->mem;

		cdb_read10(cdb, 0, 2, false);
		a = peer_in(&peer, lun_of(lun), cdb, bs);
		assert_good(a);
		assert_true(a->overflow);
		assert_int_equal(a->residual, bs);
		assert_int_equal(a->len, bs);
		a = peer_in(&peer, lun_of(lun), cdb, 200);
		assert_true(a->overflow);
		assert_int_equal(a->residual, 2 * bs - 200);
		assert_int_equal(a->len, 200);
		a = peer_in(&peer, lun_of(lun), cdb, 3 * bs);
		assert_true(a->underflow);
		assert_int_equal(a->residual, bs);
		a = peer_in(&peer, lun_of(lun), cdb, 0);
		assert_good(a);
		assert_true(a->overflow);

		memset(mem, 'a', 4 * bs);
		cdb_write10(cdb, 0, 1, false);
		a = peer_out(&peer, lun_of(lun), cdb, pattern, 2 * bs);
		assert_good(a);
		assert_true(a->underflow);
		assert_int_equal(a->residual, bs);
		assert_memory_equal(mem, pattern, bs);
		assert_int_equal(mem[bs], 'a');

		memset(mem, 'a', 4 * bs);
		cdb_write10(cdb, 0, 2, false);
		a = peer_out(&peer, lun_of(lun), cdb, pattern, bs);
		assert_good(a);
		assert_true(a->overflow);
		assert_int_equal(a->residual, bs);
		assert_memory_equal(mem, pattern, bs);
		assert_int_equal(mem[bs], 'a');

		memset(mem, 'a', 4 * bs);
		cdb_write10(cdb, 0, 1, false);
		a = peer_out(&peer, lun_of(lun), cdb, pattern, 200);
		assert_sense(a, SENSE_ILLEGAL_REQUEST, 0x0e03);
		assert_true(a->overflow);
		assert_int_equal(mem[0], 'a');
	}
	peer_fini(&peer);
}

/* Which of the vectors that are to be sent may be lent: none, or the data. */
static void
assert_lent(struct rig *rig, enum digest digest, unsigned lun, bool data)
{
	struct peer peer;
	struct iovec iov[16];
	uint8_t cdb[CDB_MAX];
	uint32_t itt;
	int n, lent = 0;

	peer_init(&peer, rig);
	peer.offer.data_digest.order[0] = digest;
	peer_ready(&peer);
	cdb_read10(cdb, RIG_BLOCKS - 2, 2, false);
	itt = peer_command(&peer, lun_of(lun), cdb, true, false, NULL, 8192);
	rig_complete(rig);
	n = tconn_tx_iov(peer.tc, iov, countof(iov), rig->now);
	assert_true(n >= 2);
	for (int i = 0; i < n; i++) {
		if (!target_engine.tx_lends(peer.tc, iov[i].iov_base))
			continue;
		lent++;
		assert_ptr_equal(iov[i].iov_base,
		    rig->disks[lun]->mem + RIG_SIZE(4096) - 8192);
		assert_int_equal(iov[i].iov_len, 8192);
	}
	assert_int_equal(lent, data);
	assert_good(peer_await(&peer, itt, NULL));
	peer_fini(&peer);
}

/* The medium's own memory, unless a digest says what is in it; buffers, which
 * others get next, never. */
static void
lends(void **state)
{
	struct rig *rig = *state;

	assert_lent(rig, DIGEST_NONE, 1, true);
	assert_lent(rig, DIGEST_CRC32C, 1, false);
	assert_lent(rig, DIGEST_NONE, 0, false);
}

/* A refused write does not touch a mapped medium, whatever comes with it. */
static void
refused_writes(void **state)
{
	struct rig *rig = *state;
	struct peer peer;
	uint8_t cdb[CDB_MAX];

	peer_init(&peer, rig);
	peer.offer.max_recv_data_segment = 1024;
	peer_ready(&peer);
	cdb_write10(cdb, 0, 8, false);
	assert_sense(peer_out(&peer, lun_of(2), cdb, pattern, 4096),
	    SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED);
	assert_int_equal(rig->disks[2]->mem[0], 0);
	cdb_write10(cdb, RIG_BLOCKS - 1, 2, false);
	assert_sense(peer_out(&peer, lun_of(1), cdb, pattern, 8192),
	    SENSE_ILLEGAL_REQUEST, SENSE_LBA_OUT_OF_RANGE);
	assert_int_equal(
	    rig->disks[1]->mem[(uint64_t)(RIG_BLOCKS - 1) * 4096], 0);
	cdb_write16(cdb, UINT64_MAX - 1, 4, false);
	assert_sense(peer_out(&peer, lun_of(1), cdb, pattern, 16384),
	    SENSE_ILLEGAL_REQUEST, SENSE_LBA_OUT_OF_RANGE);
	cdb_write10(cdb, 0, 1, false);
	assert_sense(peer_out(&peer, lun_of(7), cdb, pattern, 4096),
	    SENSE_ILLEGAL_REQUEST, SENSE_LUN_NOT_SUPPORTED);
	peer_fini(&peer);
}

/* Large reads share the connection with a small one, within the byte budget. */
static void
fairness(void **state)
{
	struct rig *rig = *state;
	struct peer peer;
	uint8_t cdb[CDB_MAX];
	struct iovec iov[256];
	uint32_t big, small;
	unsigned before = 0;
	size_t formed = 0;
	int n;

	peer_init(&peer, rig);
	peer_ready(&peer);
	cdb_read16(cdb, 0, 2048, false);
	big = peer_command(&peer, lun_of(1), cdb, true, false, NULL, 8 << 20);
	cdb_read16(cdb, 0, 1, false);
	small = peer_command(&peer, lun_of(1), cdb, true, false, NULL, 4096);
	n = tconn_tx_iov(peer.tc, iov, 256, rig->now);
	for (int i = 0; i < n; i++)
		formed += iov[i].iov_len;
	assert_true(formed <= (2 << 20));
	while (peer_recv(&peer) && pdu_itt(peer.bhs) != small) {
		assert_int_equal(pdu_itt(peer.bhs), big);
		before++;
	}
	assert_int_equal(pdu_itt(peer.bhs), small);
	assert_true(before <= 4);
	peer_fini(&peer);
}

/* A write that announces a first burst of data, and then the data's end. */
static uint32_t
announce(struct peer *peer, uint32_t itt)
{
	struct pdu_scsi_command p = { .write = true,
		.attr = PDU_ATTR_SIMPLE,
		.lun = lun_of(0),
		.itt = itt,
		.edtl = 1 << 20,
		.cmdsn = peer->cmdsn++,
		.expstatsn = peer->statsn + 1 };
	uint8_t bhs[PDU_BHS_LEN];

	cdb_write10(p.cdb, 0, 2048, false);
	pdu_put_scsi_command(bhs, &p);
	peer_send(peer, bhs, NULL, 0);
	return itt;
}

static bool
is_busy(struct peer *peer, uint32_t itt)
{
	struct pdu_data_out d = {
		.final = true, .lun = lun_of(0), .itt = itt, .ttt = PDU_TAG_NONE
	};
	struct pdu_scsi_response r;
	uint8_t bhs[PDU_BHS_LEN];

	pdu_put_data_out(bhs, &d);
	peer_send(peer, bhs, NULL, 0);
	if (!peer_recv(peer) || pdu_opcode(peer->bhs) != PDU_SCSI_RESPONSE)
		return false;
	pdu_get_scsi_response(peer->bhs, &r);
	return r.status == SCSI_BUSY;
}

/* What many initiators may send unasked is bounded, and freed again. */
static void
unasked_data(void **state)
{
	struct rig *rig = *state;
	struct peer peers[3];
	uint8_t cdb[CDB_MAX];
	unsigned busy = 0;

	for (unsigned i = 0; i < countof(peers); i++) {
		peer_init(&peers[i], rig);
		peers[i].offer.initial_r2t = false;
		assert_true(peer_login(&peers[i],
		    "iqn.2024-01.org.example:host", (uint8_t)i, false));
		cdb_test_unit_ready(cdb);
		peer_none(&peers[i], lun_of(0), cdb);
		for (unsigned n = 0; n < 127; n++)
			announce(&peers[i], 1000 + n);
	}
	for (unsigned n = 0; n < 127; n++)
		busy += is_busy(&peers[2], 1000 + n);
	assert_in_range(busy, 100, 126);
	peer_fini(&peers[0]);
	assert_false(is_busy(&peers[2], announce(&peers[2], 2000)));
	peer_fini(&peers[1]);
	peer_fini(&peers[2]);
}

/* Commands that need memory of their own share a bound, too. */
static void
scratch(void **state)
{
	struct rig *rig = *state;
	struct peer peer;
	uint8_t cdb[CDB_MAX] = { SCSI_OP_VERIFY_16, [12] = 8 }; /* 1 MiB */
	struct answer *a;
	uint32_t itts[64];

	peer_init(&peer, rig);
	peer_ready(&peer);
	rig->disks[0]->manual = true;
	for (size_t i = 0; i < countof(itts); i++)
		itts[i] =
		    peer_command(&peer, lun_of(0), cdb, false, false, NULL, 0);
	assert_int_equal(rig->disks[0]->queued, countof(itts));
	a = peer_none(&peer, lun_of(0), cdb);
	assert_int_equal(a->status, SCSI_BUSY);
	rig->disks[0]->manual = false;
	for (size_t i = 0; i < countof(itts); i++)
		assert_good(peer_await(&peer, itts[i], NULL));
	assert_good(peer_none(&peer, lun_of(0), cdb));
	peer_fini(&peer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(r2ts, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_data_out, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_digest, setup, teardown),
		cmocka_unit_test_setup_teardown(residuals, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    refused_writes, setup, teardown),
		cmocka_unit_test_setup_teardown(lends, setup, teardown),
		cmocka_unit_test_setup_teardown(fairness, setup, teardown),
		cmocka_unit_test_setup_teardown(unasked_data, setup, teardown),
		cmocka_unit_test_setup_teardown(scratch, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
