/* SPDX-License-Identifier: BSD-2-Clause */
/* The target as a copy manager: EXTENDED COPY between its logical units, what it
 * refuses, how it is ended, and what it tells of itself. */
#include "target_rig.h"

#include <errno.h>

#include "base/be.h"

/* Blocks of 512: 0, 2 (read-only) and 3; of 4096: 1. */
#define A    0
#define BIG  1
#define RO   2
#define B    3
#define SIZE RIG_SIZE(512)

struct fixture {
	struct rig rig;
	struct peer peer;
	uint8_t naa[4][8];
	struct disk *a, *b, *big;
	uint8_t *want; /* what b should have */
};

static struct fixture *fx;

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	rig_init(&f->rig);
	f->rig.twin = true;
	*state = fx = f;
	return 0;
}

static void
fill(uint8_t *mem, size_t len)
{
	for (size_t i = 0; i < len; i += 8)
		be64_put(mem + i, prng_next(&fx->rig.chance));
}

/* After the test changed the config. */
static void
start(void)
{
	struct designator d;
	uint8_t cdb[CDB_MAX];
	struct answer *a;
	size_t pos;

	rig_start(&fx->rig);
	peer_init(&fx->peer, &fx->rig);
	peer_ready(&fx->peer);
	fx->a = fx->rig.disks[A];
	fx->b = fx->rig.disks[B];
	fx->big = fx->rig.disks[BIG];
	fx->want = calloc(1, SIZE);
	assert_non_null(fx->want);
	fill(fx->a->mem, SIZE);
	fill(fx->b->mem, SIZE);
	fill(fx->big->mem, 16 * 4096);
	memcpy(fx->want, fx->b->mem, SIZE);
	cdb_inquiry_vpd(cdb, VPD_DEVICE_IDENTIFICATION, 1024);
	for (unsigned i = 0; i < 4; i++) {
		a = peer_in(&fx->peer, lun_of(i), cdb, 1024);
		assert_good(a);
		pos = 0;
		while (vpd_designator_get(a->data, a->len, &pos, &d) > 0)
			if (d.type == DESIGNATOR_NAA) {
				assert_int_equal(d.association, DESIGNATOR_LU);
				assert_int_equal(d.len, 8);
				memcpy(fx->naa[i], d.value, 8);
			}
	}
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	peer_fini(&f->peer);
	rig_fini(&f->rig);
	free(f->want);
	free(f);
	return 0;
}

/* ---- lists ---- */

#define LIST_MAX 4096

static struct list {
	struct xcopy_header header;
	unsigned cscds, segments;
	struct xcopy_cscd cscd[20];
	struct xcopy_segment segment[20];
	size_t cut; /* bytes that are left out at the end */
} list;

static unsigned
cscd(unsigned lun)
{
	struct xcopy_cscd *d = &list.cscd[list.cscds];

	*d = (struct xcopy_cscd){ .code = XCOPY_CSCD_IDENTIFICATION,
		.code_set = DESIGNATOR_BINARY,
		.designator_type = DESIGNATOR_NAA,
		.designator_len = 8,
		.block_size = lun == BIG ? 4096 : 512 };
	memcpy(d->designator, fx->naa[lun], 8);
	return list.cscds++;
}

static struct xcopy_segment *
segment(unsigned source, uint64_t from, unsigned destination, uint64_t to,
    unsigned blocks)
{
	struct xcopy_segment *s = &list.segment[list.segments++];

	*s = (struct xcopy_segment){ .code = XCOPY_SEGMENT_BLOCK,
		.descriptor_len = XCOPY_SEGMENT_LEN - 4,
		.source = (uint16_t)source,
		.destination = (uint16_t)destination,
		.blocks = (uint16_t)blocks,
		.source_lba = from,
		.destination_lba = to };
	return s;
}

/* One segment between two logical units. */
static struct xcopy_segment *
plan(unsigned source, uint64_t from, unsigned destination, uint64_t to,
    unsigned blocks)
{
	memset(&list, 0, sizeof(list));
	list.header.list_id_usage = XCOPY_LIST_NONE;
	cscd(source);
	cscd(destination);
	return segment(0, from, 1, to, blocks);
}

static uint32_t
put(uint8_t *buf)
{
	size_t at = XCOPY_HEADER_LEN;

	for (unsigned i = 0; i < list.cscds; i++, at += XCOPY_CSCD_LEN)
		xcopy_cscd_put(buf + at, LIST_MAX - at, &list.cscd[i]);
	for (unsigned i = 0; i < list.segments; i++, at += XCOPY_SEGMENT_LEN)
		xcopy_segment_put(buf + at, LIST_MAX - at, &list.segment[i]);
	if (list.header.cscds_len == 0)
		list.header.cscds_len = (uint16_t)(list.cscds * XCOPY_CSCD_LEN);
	if (list.header.segments_len == 0)
		list.header.segments_len = list.segments * XCOPY_SEGMENT_LEN;
	xcopy_header_put(buf, LIST_MAX, &list.header);
	return (uint32_t)(at - list.cut);
}

static uint32_t
begin(struct peer *peer, unsigned lun)
{
	static uint8_t buf[LIST_MAX];
	uint8_t cdb[CDB_MAX];
	uint32_t len = put(buf);

	cdb_extended_copy(cdb, len);
	return peer_command(peer, lun_of(lun), cdb, false, true, buf, len);
}

/* Whatever the disks are to do by themselves. */
static void
settle(void)
{
	for (unsigned i = 0; i < 100; i++)
		rig_complete(&fx->rig);
}

static struct answer *
end(struct peer *peer, uint32_t itt)
{
	settle();
	return peer_await(peer, itt, NULL);
}

static struct answer *
copy(unsigned lun)
{
	return end(&fx->peer, begin(&fx->peer, lun));
}

static void
assert_b(void)
{
	assert_memory_equal(fx->b->mem, fx->want, SIZE);
}

/* ---- what is copied ---- */

/* Wherever the command is sent to. */
static void
copies(void **state)
{
	static const unsigned luns[] = { A, B, BIG };

	(void)state;
	start();
	for (unsigned i = 0; i < countof(luns); i++) {
		uint64_t from = prng_below(&fx->rig.chance, 20000);
		uint64_t to = prng_below(&fx->rig.chance, 20000);

		plan(A, from, B, to, 40000);
		memcpy(
		    fx->want + to * 512, fx->a->mem + from * 512, 40000 * 512);
		assert_good(copy(luns[i]));
		assert_b();
	}
	assert_int_equal(target_in_flight(fx->rig.target), 0);
}

/* In the order of the list, each with its own two; a later one may read what an
 * earlier one wrote. */
static void
several(void **state)
{
	(void)state;
	start();
	plan(A, 7, B, 100, 3);
	segment(1, 100, 1, 200, 3);
	segment(0, 0, 1, 0, 0); /* nothing */
	segment(1, 0, 0, 50, 1);
	list.header.str = true;
	list.header.priority = 7;
	memcpy(fx->want + 100 * 512, fx->a->mem + 7 * 512, 3 * 512);
	memcpy(fx->want + 200 * 512, fx->a->mem + 7 * 512, 3 * 512);
	assert_good(copy(B));
	assert_b();
	assert_memory_equal(fx->a->mem + 50 * 512, fx->want, 512);
}

static void
within_one(void **state)
{
	(void)state;
	start();
	/* Apart, then shifted up and down by less than their length. */
	plan(B, 0, B, 30000, 10000);
	memmove(fx->want + 30000 * 512, fx->want, 10000 * 512);
	assert_good(copy(B));
	assert_b();
	plan(B, 1000, B, 1001, 9999);
	memmove(fx->want + 1001 * 512, fx->want + 1000 * 512, 9999 * 512);
	assert_good(copy(B));
	assert_b();
	plan(B, 5000, B, 2000, 9999);
	memmove(fx->want + 2000 * 512, fx->want + 5000 * 512, 9999 * 512);
	assert_good(copy(A));
	assert_b();
	/* Onto itself. */
	plan(B, 5, B, 5, 10);
	list.segment[0].destination = 0;
	assert_good(copy(B));
	assert_b();
}

static void
other_block_sizes(void **state)
{
	(void)state;
	start();
	plan(BIG, 3, B, 9, 2); /* of the source: DC 0 */
	memcpy(fx->want + 9 * 512, fx->big->mem + 3 * 4096, 8192);
	assert_good(copy(B));
	assert_b();
	plan(BIG, 3, B, 90, 16)->dc = true;
	memcpy(fx->want + 90 * 512, fx->big->mem + 3 * 4096, 8192);
	assert_good(copy(BIG));
	assert_b();
	plan(A, 1, BIG, 3, 8);
	assert_good(copy(BIG));
	assert_memory_equal(fx->big->mem + 3 * 4096, fx->a->mem + 512, 4096);
	/* Half a block of the other. */
	plan(A, 1, BIG, 3, 4);
	assert_sense(copy(BIG), SENSE_COPY_ABORTED, SENSE_INEXACT_SEGMENT);
	plan(BIG, 1, B, 3, 4)->dc = true;
	assert_sense(copy(B), SENSE_COPY_ABORTED, SENSE_INEXACT_SEGMENT);
	assert_b();
}

/* ---- what is refused ---- */

static void
refused(uint8_t key, unsigned code)
{
	unsigned writes = fx->b->writes;

	assert_sense(copy(B), key, code);
	assert_int_equal(fx->b->writes, writes);
	assert_b();
}

static void
bad_lists(void **state)
{
	uint8_t cdb[CDB_MAX];

	(void)state;
	start();
	cdb_extended_copy(cdb, 0);
	assert_good(peer_none(&fx->peer, lun_of(B), cdb));
	plan(A, 0, B, 0, 1);
	list.cut = 1;
	refused(SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH);
	list.cut = XCOPY_LIST_LEN - 15;
	refused(SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH);
	plan(A, 0, B, 0, 1);
	list.header.segments_len = UINT32_MAX;
	refused(SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH);
	plan(A, 0, B, 0, 1);
	list.header.segments_len = XCOPY_SEGMENT_LEN - 1;
	refused(SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH);
	plan(A, 0, B, 0, 1);
	list.header.cscds_len = 33;
	refused(SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_LIST);
	plan(A, 0, B, 0, 1);
	list.header.inline_len = 4;
	refused(SENSE_ILLEGAL_REQUEST, SENSE_INLINE_DATA_EXCEEDED);
	plan(A, 0, B, 0, 1);
	list.header.list_id_usage = XCOPY_LIST_RESERVED;
	refused(SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_LIST);
	plan(A, 0, B, 0, 1);
	list.header.list_id = 1;
	refused(SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_LIST);
	plan(A, 0, B, 0, 1);
	while (list.cscds <= 16)
		cscd(A);
	refused(SENSE_ILLEGAL_REQUEST, SENSE_TOO_MANY_TARGETS);
	plan(A, 0, B, 0, 1);
	while (list.segments <= 16)
		segment(0, 0, 1, 0, 1);
	refused(SENSE_ILLEGAL_REQUEST, SENSE_TOO_MANY_SEGMENTS);
	/* As many as there may be. */
	plan(A, 0, B, 0, 1);
	while (list.cscds < 16)
		cscd(A);
	while (list.segments < 16)
		segment(15, list.segments, 1, list.segments, 1);
	memcpy(fx->want, fx->a->mem, 16 * 512);
	assert_good(copy(B));
	assert_b();
}

static void
bad_descriptors(void **state)
{
	(void)state;
	start();
	plan(A, 0, B, 0, 1);
	list.cscd[0].code = 0xe0;
	refused(SENSE_ILLEGAL_REQUEST, SENSE_UNSUPPORTED_TARGET);
	plan(A, 0, B, 0, 1);
	list.cscd[1].designator_len = 21;
	refused(SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_LIST);
	plan(A, 0, B, 0, 1);
	list.cscd[0].lu_id_type = 1;
	refused(SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_LIST);
	plan(A, 0, B, 0, 1);
	list.cscd[1].block_size = 4096;
	refused(SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_LIST);
	/* Nobody's name, a name of another kind, no name. */
	plan(A, 0, B, 0, 1);
	list.cscd[0].designator[7] ^= 1;
	refused(SENSE_COPY_ABORTED, SENSE_COPY_NOT_REACHABLE);
	plan(A, 0, B, 0, 1);
	list.cscd[1].designator_type = DESIGNATOR_EUI64;
	refused(SENSE_COPY_ABORTED, SENSE_COPY_NOT_REACHABLE);
	plan(A, 0, B, 0, 1);
	list.cscd[1].association = DESIGNATOR_PORT;
	refused(SENSE_COPY_ABORTED, SENSE_COPY_NOT_REACHABLE);
	plan(A, 0, B, 0, 1);
	list.cscd[1].designator_len = 7;
	refused(SENSE_COPY_ABORTED, SENSE_COPY_NOT_REACHABLE);
	plan(A, 0, B, 0, 1);
	list.cscd[0].nul = true;
	refused(SENSE_COPY_ABORTED, SENSE_COPY_NOT_REACHABLE);
	plan(A, 0, B, 0, 1);
	list.cscd[0].type = SCSI_TYPE_TAPE;
	refused(SENSE_COPY_ABORTED, SENSE_COPY_WRONG_TYPE);
	/* One that no segment uses may be anything. */
	plan(A, 0, B, 0, 1);
	list.cscd[cscd(A)].designator[3] ^= 1;
	memcpy(fx->want, fx->a->mem, 512);
	assert_good(copy(B));
	assert_b();
}

static void
bad_segments(void **state)
{
	struct answer *a;

	(void)state;
	fx->rig.copy_max = 64 * 512;
	start();
	plan(A, 0, B, 0, 1)->code = 0x03;
	refused(SENSE_ILLEGAL_REQUEST, SENSE_UNSUPPORTED_SEGMENT);
	plan(A, 0, B, 0, 1)->descriptor_len = 20;
	refused(SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_LIST);
	plan(A, 0, B, 0, 1)->source = 2;
	refused(SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_LIST);
	plan(A, 0, B, 0, 1)->destination = UINT16_MAX;
	refused(SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_LIST);
	plan(A, RIG_BLOCKS - 1, B, 0, 2);
	refused(SENSE_ILLEGAL_REQUEST, SENSE_LBA_OUT_OF_RANGE);
	plan(A, 0, B, RIG_BLOCKS - 1, 2);
	refused(SENSE_ILLEGAL_REQUEST, SENSE_LBA_OUT_OF_RANGE);
	plan(A, UINT64_MAX, B, 0, 1);
	refused(SENSE_ILLEGAL_REQUEST, SENSE_LBA_OUT_OF_RANGE);
	plan(A, 0, B, UINT64_C(1) << 55, 1);
	refused(SENSE_ILLEGAL_REQUEST, SENSE_LBA_OUT_OF_RANGE);
	plan(A, 0, RO, 0, 1);
	refused(SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED);
	plan(A, 0, B, 0, 65);
	refused(SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_LIST);
	/* The first one is good, but nothing is copied for it; the number tells
	 * which one is not. */
	plan(A, 0, B, 0, 1);
	segment(0, 0, 1, 0, 1);
	segment(0, 0, 1, RIG_BLOCKS, 1);
	a = copy(B);
	assert_sense(a, SENSE_ILLEGAL_REQUEST, SENSE_LBA_OUT_OF_RANGE);
	assert_int_equal(a->sense.command_specific, 2);
	assert_b();
	plan(RO, 0, B, 0, 64);
	memset(fx->want, 0, 64 * 512);
	assert_good(copy(B));
	assert_b();
}

static void
faults(void **state)
{
	(void)state;
	fx->rig.faults[0] = (struct lu_fault){ LU_FAULT_READ, 100, 2 };
	fx->rig.faults[1] = (struct lu_fault){ LU_FAULT_WRITE, 200, 1 };
	fx->rig.fault_n = 2;
	start();
	plan(A, 98, B, 0, 3);
	refused(SENSE_COPY_ABORTED, SENSE_THIRD_PARTY_FAILURE);
	plan(A, 0, B, 199, 3);
	refused(SENSE_COPY_ABORTED, SENSE_THIRD_PARTY_FAILURE);
	plan(A, 200, B, 100, 100);
	memcpy(fx->want + 100 * 512, fx->a->mem + 200 * 512, 100 * 512);
	assert_good(copy(B));
	assert_b();
}

/* What the medium says half-way. */
static void
medium_errors(void **state)
{
	struct answer *a;
	uint32_t itt;

	(void)state;
	start();
	plan(A, 0, B, 0, 1);
	segment(0, 0, 1, 0, 5000);
	fx->b->manual = true;
	itt = begin(&fx->peer, B);
	settle();
	disk_complete(fx->b); /* the first segment, then a piece */
	settle();
	disk_complete(fx->b);
	settle();
	fx->b->error = -EIO;
	disk_complete(fx->b);
	a = end(&fx->peer, itt);
	assert_sense(a, SENSE_COPY_ABORTED, SENSE_THIRD_PARTY_FAILURE);
	assert_int_equal(a->sense.command_specific, 1);
	assert_true(a->sense.information_valid);
	assert_int_equal(a->sense.information, 5000 - 2048);
	fx->b->manual = false;
	plan(A, 0, B, 0, 1);
	fx->b->error = -ENOSPC;
	assert_sense(
	    copy(B), SENSE_DATA_PROTECT, SENSE_SPACE_ALLOCATION_FAILED);
	fx->b->error = 0;
	fx->a->error = -EIO;
	a = copy(B);
	assert_sense(a, SENSE_COPY_ABORTED, SENSE_THIRD_PARTY_FAILURE);
	assert_false(a->sense.information_valid);
	fx->a->error = 0;
	assert_good(copy(B));
}

/* ---- reservations ---- */

static void
reserve(struct peer *peer, unsigned lun, uint8_t action, uint8_t type,
    uint64_t key, uint64_t new_key)
{
	uint8_t cdb[CDB_MAX] = { SCSI_OP_PERSISTENT_RESERVE_OUT, action, type };
	uint8_t data[24] = { 0 };

	be32_put(cdb + 5, sizeof(data));
	be64_put(data, key);
	be64_put(data + 8, new_key);
	assert_good(peer_out(peer, lun_of(lun), cdb, data, sizeof(data)));
}

static void
other_init(struct peer *other)
{
	uint8_t cdb[CDB_MAX];

	peer_init(other, &fx->rig);
	assert_true(
	    peer_login(other, "iqn.2024-01.org.example:other", 2, false));
	cdb_test_unit_ready(cdb);
	for (unsigned i = 0; i < 4; i++)
		peer_none(other, lun_of(i), cdb);
}

/* Who may not read or write there may not have it copied either. */
static void
reservations(void **state)
{
	struct peer other;

	(void)state;
	start();
	other_init(&other);
	reserve(&other, A, SCSI_PROUT_REGISTER, 0, 0, 1);
	reserve(&other, A, SCSI_PROUT_RESERVE, SCSI_PR_WRITE_EXCLUSIVE, 1, 0);
	plan(A, 0, B, 0, 1);
	assert_int_equal(copy(A)->status, SCSI_RESERVATION_CONFLICT);
	memcpy(fx->want, fx->a->mem, 512);
	assert_good(copy(B)); /* which only reads it */
	assert_b();
	plan(B, 0, A, 0, 1);
	refused(SENSE_COPY_ABORTED, SENSE_THIRD_PARTY_FAILURE);
	reserve(&other, A, SCSI_PROUT_RELEASE, SCSI_PR_WRITE_EXCLUSIVE, 1, 0);
	reserve(&other, A, SCSI_PROUT_RESERVE, SCSI_PR_EXCLUSIVE_ACCESS, 1, 0);
	plan(A, 0, B, 0, 1);
	refused(SENSE_COPY_ABORTED, SENSE_THIRD_PARTY_FAILURE);
	peer_fini(&other);
}

/* ---- neighbours ---- */

/* A write to what is being copied to waits for it, and so does the copy for a
 * write that came before, whichever logical unit it was sent to. */
static void
neighbours(void **state)
{
	static uint8_t block[512];
	uint8_t cdb[CDB_MAX];
	uint32_t itt, write, apart;

	(void)state;
	start();
	memset(block, 'w', sizeof(block));
	plan(A, 0, B, 0, 8);
	fx->b->manual = fx->a->manual = true;
	itt = begin(&fx->peer, A);
	cdb_write10(cdb, 4, 1, false);
	write =
	    peer_command(&fx->peer, lun_of(B), cdb, false, true, block, 512);
	cdb_write10(cdb, 8, 1, false);
	apart =
	    peer_command(&fx->peer, lun_of(B), cdb, false, true, block, 512);
	assert_int_equal(fx->a->queued, 1);
	assert_int_equal(fx->b->queued, 1);
	disk_complete(fx->b);
	assert_good(peer_await(&fx->peer, apart, NULL));
	disk_complete(fx->a);
	assert_int_equal(fx->b->queued, 1);
	fx->b->manual = fx->a->manual = false;
	assert_good(end(&fx->peer, itt));
	assert_good(end(&fx->peer, write));
	memcpy(fx->want, fx->a->mem, 8 * 512);
	memcpy(fx->want + 4 * 512, block, 512);
	memcpy(fx->want + 8 * 512, block, 512);
	assert_b();

	fx->b->manual = true;
	write =
	    peer_command(&fx->peer, lun_of(B), cdb, false, true, block, 512);
	plan(A, 0, B, 0, 16);
	itt = begin(&fx->peer, A);
	assert_int_equal(fx->a->queued, 0);
	fx->b->manual = false;
	assert_good(end(&fx->peer, write));
	assert_good(end(&fx->peer, itt));
	memcpy(fx->want, fx->a->mem, 16 * 512);
	assert_b();
}

/* ---- how it is ended ---- */

#define PIECE ((size_t)1 << 20)

/* The first pieces of A are in B, the rest of B is as it was. */
static void
assert_pieces(size_t n)
{
	assert_memory_equal(fx->b->mem, fx->a->mem, n * PIECE);
	assert_memory_equal(
	    fx->b->mem + n * PIECE, fx->want + n * PIECE, SIZE - n * PIECE);
	memcpy(fx->b->mem, fx->want, SIZE);
}

/* A copy of three pieces, of which so many steps (READ, WRITE, READ ...) have
 * been done, and one is with a disk. */
static uint32_t
begin_steps(struct peer *peer, unsigned lun, unsigned steps)
{
	uint32_t itt;

	plan(A, 0, B, 0, 3 * 2048);
	fx->a->manual = fx->b->manual = true;
	itt = begin(peer, lun);
	for (unsigned i = 0; i < steps; i++)
		disk_complete(i % 2 == 0 ? fx->a : fx->b);
	assert_int_equal(fx->a->queued, steps % 2 == 0);
	assert_int_equal(fx->b->queued, steps % 2 != 0);
	return itt;
}

/* The step that is with the disk ends, and no other follows. */
static void
last_step(void)
{
	fx->a->manual = fx->b->manual = false;
	disk_complete(fx->a);
	disk_complete(fx->b);
	settle();
	assert_int_equal(target_in_flight(fx->rig.target), 0);
}

/* After the response to ABORT TASK nothing more is written, however far the copy
 * had come. */
static void
aborted(void **state)
{
	struct peer *p = &fx->peer;
	uint32_t itt, tmf;

	(void)state;
	start();
	for (unsigned steps = 0; steps < 6; steps++) {
		itt = begin_steps(p, B, steps);
		tmf = peer_send_tmf(p, PDU_TMF_ABORT_TASK, lun_of(B), itt);
		assert_false(peer_recv(p));
		last_step();
		assert_true(peer_recv(p));
		assert_int_equal(pdu_itt(p->bhs), tmf);
		assert_false(peer_recv(p));
		assert_pieces((steps + 1) / 2);
	}
	/* Waiting for a neighbour. */
	fx->b->manual = true;
	plan(A, 0, B, 0, 1);
	begin(p, B);
	settle();
	itt = begin(p, A);
	tmf = peer_send_tmf(p, PDU_TMF_ABORT_TASK, lun_of(A), itt);
	assert_true(peer_recv(p));
	assert_int_equal(pdu_itt(p->bhs), tmf);
	assert_int_equal(target_in_flight(fx->rig.target), 1);
}

/* The connection is gone; the next session of the same port begins only when
 * the copy has ended. */
static void
lost(void **state)
{
	struct peer new;

	(void)state;
	start();
	for (unsigned steps = 0; steps < 3; steps++) {
		begin_steps(&fx->peer, A, steps);
		peer_fini(&fx->peer);
		peer_init(&new, &fx->rig);
		assert_false(
		    peer_login(&new, "iqn.2024-01.org.example:host", 1, false));
		assert_false(peer_closed(&new));
		last_step();
		assert_true(peer_recv(&new));
		assert_int_equal(pdu_opcode(new.bhs), PDU_LOGIN_RESPONSE);
		assert_pieces((steps + 1) / 2);
		peer_fini(&new);
		peer_init(&fx->peer, &fx->rig);
		peer_ready(&fx->peer);
	}
}

/* A reset of the destination ends what others' commands write there, too. */
static void
destination_reset(void **state)
{
	struct peer *p = &fx->peer;
	uint8_t cdb[CDB_MAX];
	struct answer *a;
	uint32_t itt, tmf;

	(void)state;
	start();
	for (unsigned steps = 0; steps < 4; steps++) {
		itt = begin_steps(p, A, steps);
		tmf = peer_send_tmf(
		    p, PDU_TMF_LOGICAL_UNIT_RESET, lun_of(B), PDU_TAG_NONE);
		assert_false(peer_recv(p));
		last_step();
		a = peer_await(p, itt, NULL);
		assert_sense(a, SENSE_COPY_ABORTED, SENSE_THIRD_PARTY_FAILURE);
		assert_true(peer_recv(p));
		assert_int_equal(pdu_itt(p->bhs), tmf);
		assert_pieces((steps + 1) / 2);
	}
	/* One that waits for a neighbour, and has nothing to be waited for. */
	cdb_test_unit_ready(cdb);
	peer_none(p, lun_of(B), cdb);
	fx->a->manual = false;
	fx->b->manual = true;
	plan(A, 0, B, 0, 1);
	begin(p, B);
	settle();
	itt = begin(p, A);
	peer_send_tmf(p, PDU_TMF_LOGICAL_UNIT_RESET, lun_of(B), PDU_TAG_NONE);
	a = peer_await(p, itt, NULL);
	assert_sense(a, SENSE_COPY_ABORTED, SENSE_THIRD_PARTY_FAILURE);
	assert_int_equal(target_in_flight(fx->rig.target), 1);
}

/* PREEMPT AND ABORT shuts another host out: when it has ended, no copy of that
 * host writes there any more. */
static void
preempted(void **state)
{
	uint8_t cdb[CDB_MAX] = { SCSI_OP_PERSISTENT_RESERVE_OUT,
		SCSI_PROUT_PREEMPT_AND_ABORT, SCSI_PR_WRITE_EXCLUSIVE };
	struct peer *p = &fx->peer, other;
	uint8_t data[24] = { 0 };
	uint32_t itt, out;

	(void)state;
	start();
	other_init(&other);
	reserve(&other, B, SCSI_PROUT_REGISTER, 0, 0, 1);
	reserve(&other, B, SCSI_PROUT_RESERVE, SCSI_PR_WRITE_EXCLUSIVE, 1, 0);
	reserve(p, B, SCSI_PROUT_REGISTER, 0, 0, 2);
	itt = begin_steps(&other, A, 3);
	be32_put(cdb + 5, sizeof(data));
	be64_put(data, 2);
	be64_put(data + 8, 1);
	out = peer_command(p, lun_of(B), cdb, false, true, data, sizeof(data));
	assert_false(peer_recv(p));
	last_step();
	assert_good(peer_await(p, out, NULL));
	assert_sense(peer_await(&other, itt, NULL), SENSE_COPY_ABORTED,
	    SENSE_THIRD_PARTY_FAILURE);
	assert_pieces(2);
	peer_fini(&other);
}

/* ---- what it tells of itself ---- */

static struct answer *
status(uint8_t list_id)
{
	uint8_t cdb[CDB_MAX];

	cdb_receive_copy_status(cdb, list_id, 64);
	return peer_in(&fx->peer, lun_of(B), cdb, 64);
}

static void
status_is(uint8_t list_id, uint8_t what, unsigned segments, unsigned kib)
{
	struct answer *a = status(list_id);
	struct xcopy_status s;

	assert_good(a);
	assert_int_equal(xcopy_status_get(a->data, a->len, &s), 0);
	assert_int_equal(s.status, what);
	assert_int_equal(s.segments, segments);
	assert_int_equal(s.units, XCOPY_UNITS_KIB);
	assert_int_equal(s.count, kib);
}

static void
copy_status(void **state)
{
	uint32_t itt;

	(void)state;
	start();
	plan(A, 0, B, 0, 2);
	segment(0, 0, 1, 0, 2);
	list.header.list_id = 5;
	list.header.list_id_usage = XCOPY_LIST_NOT_HELD;
	fx->b->manual = true;
	itt = begin(&fx->peer, B);
	settle();
	disk_complete(fx->b);
	status_is(5, XCOPY_RUNNING, 1, 1);
	status_is(5, XCOPY_RUNNING, 1, 1);
	/* The identifier is taken. */
	assert_sense(
	    copy(B), SENSE_ILLEGAL_REQUEST, SENSE_OPERATION_IN_PROGRESS);
	fx->b->manual = false;
	assert_good(end(&fx->peer, itt));
	status_is(5, XCOPY_GOOD, 2, 2);
	assert_sense(
	    status(5), SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
	fx->b->error = -EIO;
	assert_sense(copy(B), SENSE_COPY_ABORTED, SENSE_THIRD_PARTY_FAILURE);
	fx->b->error = 0;
	assert_good(copy(B));
	status_is(5, XCOPY_GOOD, 2, 2);
	list.header.list_id = 0;
	list.header.list_id_usage = XCOPY_LIST_NONE;
	assert_good(copy(B));
	assert_sense(
	    status(0), SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
}

/* No more at once than is said, and then again. */
static void
concurrent(void **state)
{
	struct answer *a;
	uint32_t itt[17];

	(void)state;
	start();
	fx->a->manual = true;
	for (unsigned i = 0; i < 17; i++) {
		plan(A, i, B, i, 1);
		itt[i] = begin(&fx->peer, B);
	}
	assert_int_equal(fx->a->queued, 16);
	a = peer_await(&fx->peer, itt[16], NULL);
	assert_true(a->got);
	assert_int_equal(a->status, SCSI_BUSY);
	fx->a->manual = false;
	for (unsigned i = 0; i < 16; i++)
		assert_good(end(&fx->peer, itt[i]));
	assert_good(copy(B));
}

static void
limits(void **state)
{
	struct xcopy_limits l;
	uint8_t cdb[CDB_MAX];
	struct answer *a;

	(void)state;
	fx->rig.copy_max = 1 << 20;
	start();
	cdb_receive_copy_limits(cdb, 512);
	a = peer_in(&fx->peer, lun_of(BIG), cdb, 512);
	assert_good(a);
	assert_int_equal(xcopy_limits_get(a->data, a->len, &l), 0);
	assert_true(l.snlid);
	assert_int_equal(l.max_cscds, 16);
	assert_int_equal(l.max_segments, 16);
	assert_int_equal(l.max_list, 16 * 32 + 16 * 28);
	assert_int_equal(l.max_segment, 1 << 20);
	assert_int_equal(l.max_inline, 0);
	assert_int_equal(l.max_concurrent, 16);
	assert_int_equal(l.segment_granularity, 12);
	assert_true(xcopy_limits_has(&l, XCOPY_SEGMENT_BLOCK));
	assert_true(xcopy_limits_has(&l, XCOPY_CSCD_IDENTIFICATION));
}

static void
announced(void **state)
{
	struct opcode_support support;
	struct third_party_copy t;
	struct inquiry inquiry;
	uint8_t cdb[CDB_MAX];
	unsigned seen = 0;
	struct answer *a;
	size_t pos = 0;

	(void)state;
	start();
	cdb_inquiry(cdb, 96);
	a = peer_in(&fx->peer, lun_of(B), cdb, 96);
	assert_int_equal(inquiry_get(a->data, a->len, &inquiry), 0);
	assert_true(inquiry.third_party_copy);
	a = peer_in(&fx->peer, lun_of(9), cdb, 96);
	assert_int_equal(inquiry_get(a->data, a->len, &inquiry), 0);
	assert_false(inquiry.third_party_copy);
	cdb_report_supported_opcode(
	    cdb, SCSI_OP_EXTENDED_COPY, true, SCSI_SA_EXTENDED_COPY_LID1, 64);
	a = peer_in(&fx->peer, lun_of(B), cdb, 64);
	assert_good(a);
	assert_int_equal(opcode_support_get(a->data, a->len, &support), 0);
	assert_int_equal(support.support, OPCODE_SUPPORTED);
	cdb_inquiry_vpd(cdb, VPD_THIRD_PARTY_COPY, 1024);
	a = peer_in(&fx->peer, lun_of(B), cdb, 1024);
	assert_good(a);
	while (vpd_third_party_copy_get(a->data, a->len, &pos, &t) > 0) {
		assert_int_equal(t.len % 4, 0);
		seen |= t.type == THIRD_PARTY_COMMANDS ? 1 : 0;
		seen |= t.type == THIRD_PARTY_PARAMETERS ? 2 : 0;
		seen |= t.type == THIRD_PARTY_DESCRIPTORS ? 4 : 0;
		seen |= t.type == THIRD_PARTY_GENERAL ? 8 : 0;
	}
	assert_int_equal(pos, a->len - VPD_HEADER_LEN);
	assert_int_equal(seen, 15);
	cdb_inquiry_vpd(cdb, VPD_SUPPORTED_PAGES, 64);
	a = peer_in(&fx->peer, lun_of(B), cdb, 64);
	assert_non_null(memchr(a->data, VPD_THIRD_PARTY_COPY, a->len));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(copies),
		TEST(several),
		TEST(within_one),
		TEST(other_block_sizes),
		TEST(bad_lists),
		TEST(bad_descriptors),
		TEST(bad_segments),
		TEST(faults),
		TEST(medium_errors),
		TEST(reservations),
		TEST(neighbours),
		TEST(aborted),
		TEST(lost),
		TEST(destination_reset),
		TEST(preempted),
		TEST(copy_status),
		TEST(concurrent),
		TEST(limits),
		TEST(announced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
