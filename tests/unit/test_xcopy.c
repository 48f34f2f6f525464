/* SPDX-License-Identifier: BSD-2-Clause */
/* xcopy.h: the parameter data of third-party copies, there and back, cut short,
 * and as others write it. */
#include "unit.h"

#include <errno.h>

#include "proto/scsi.h"

/* What a copy of one segment looks like on the wire (SPC-4, 6.4). */
static const uint8_t list[XCOPY_LIST_LEN] = { 0x07, 0x35, 0x00, 0x40, 0, 0, 0,
	0, 0, 0, 0, 0x1c, 0, 0, 0, 0,
	/* NAA of 16 bytes, blocks of 512 */
	0xe4, 0, 0, 0, 0x01, 0x03, 0, 0x10, 0x60, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
	11, 12, 13, 14, 15, 0, 0, 0, 0, 0, 0, 0x02, 0,
	/* EUI-64, blocks of 4096, PAD */
	0xe4, 0x20, 0, 0, 0x01, 0x02, 0, 0x08, 0xa0, 1, 2, 3, 4, 5, 6, 7, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x04, 0, 0x10, 0,
	/* 513 blocks from 2^32 + 1 to 2 */
	0x02, 0x03, 0, 0x18, 0, 1, 0, 2, 0, 0, 0x02, 0x01, 0, 0, 0, 1, 0, 0, 0,
	1, 0, 0, 0, 0, 0, 0, 0, 2 };

static void
test_header(void **state)
{
	struct xcopy_header h;
	uint8_t buf[XCOPY_HEADER_LEN];

	(void)state;
	assert_int_equal(xcopy_header_get(list, sizeof(list), &h), 0);
	assert_int_equal(h.list_id, 7);
	assert_true(h.str);
	assert_int_equal(h.list_id_usage, XCOPY_LIST_NOT_HELD);
	assert_int_equal(h.priority, 5);
	assert_int_equal(h.cscds_len, 2 * XCOPY_CSCD_LEN);
	assert_int_equal(h.segments_len, XCOPY_SEGMENT_LEN);
	assert_int_equal(h.inline_len, 0);
	assert_int_equal(
	    xcopy_header_put(buf, sizeof(buf), &h), XCOPY_HEADER_LEN);
	assert_memory_equal(buf, list, XCOPY_HEADER_LEN);
	assert_int_equal(xcopy_header_get(list, 15, &h), -EBADMSG);
	assert_int_equal(xcopy_header_put(buf, 15, &h), -EMSGSIZE);
}

static void
test_cscd(void **state)
{
	const uint8_t *naa = list + XCOPY_HEADER_LEN;
	const uint8_t *eui = naa + XCOPY_CSCD_LEN;
	uint8_t buf[XCOPY_CSCD_LEN];
	struct xcopy_cscd d;

	(void)state;
	assert_int_equal(xcopy_cscd_get(naa, XCOPY_CSCD_LEN, &d), 0);
	assert_int_equal(d.code, XCOPY_CSCD_IDENTIFICATION);
	assert_int_equal(d.type, SCSI_TYPE_DISK);
	assert_int_equal(d.code_set, DESIGNATOR_BINARY);
	assert_int_equal(d.association, DESIGNATOR_LU);
	assert_int_equal(d.designator_type, DESIGNATOR_NAA);
	assert_int_equal(d.designator_len, 16);
	assert_memory_equal(d.designator, naa + 8, 16);
	assert_int_equal(d.block_size, 512);
	assert_false(d.pad || d.nul);
	assert_int_equal(xcopy_cscd_put(buf, sizeof(buf), &d), XCOPY_CSCD_LEN);
	assert_memory_equal(buf, naa, sizeof(buf));

	assert_int_equal(xcopy_cscd_get(eui, XCOPY_CSCD_LEN, &d), 0);
	assert_int_equal(d.designator_type, DESIGNATOR_EUI64);
	assert_int_equal(d.designator_len, 8);
	assert_int_equal(d.block_size, 4096);
	assert_true(d.pad && d.nul);
	assert_int_equal(xcopy_cscd_put(buf, sizeof(buf), &d), XCOPY_CSCD_LEN);
	assert_memory_equal(buf, eui, sizeof(buf));

	assert_int_equal(xcopy_cscd_get(naa, XCOPY_CSCD_LEN - 1, &d), -EBADMSG);
	memcpy(buf, naa, sizeof(buf));
	buf[7] = XCOPY_DESIGNATOR_MAX;
	assert_int_equal(xcopy_cscd_get(buf, sizeof(buf), &d), 0);
	buf[7] = XCOPY_DESIGNATOR_MAX + 1;
	assert_int_equal(xcopy_cscd_get(buf, sizeof(buf), &d), -EBADMSG);
	/* Of another type the code alone is known. */
	buf[0] = 0xe0;
	assert_int_equal(xcopy_cscd_get(buf, sizeof(buf), &d), 0);
	assert_int_equal(d.code, 0xe0);
	assert_int_equal(d.designator_len, 0);
}

static void
test_segment(void **state)
{
	const uint8_t *at = list + XCOPY_HEADER_LEN + 2 * XCOPY_CSCD_LEN;
	uint8_t buf[XCOPY_SEGMENT_LEN];
	struct xcopy_segment s;

	(void)state;
	assert_int_equal(xcopy_segment_get(at, XCOPY_SEGMENT_LEN, &s), 0);
	assert_int_equal(s.code, XCOPY_SEGMENT_BLOCK);
	assert_int_equal(s.descriptor_len, XCOPY_SEGMENT_LEN - 4);
	assert_true(s.dc && s.cat);
	assert_int_equal(s.source, 1);
	assert_int_equal(s.destination, 2);
	assert_int_equal(s.blocks, 513);
	assert_true(s.source_lba == UINT64_C(0x100000001));
	assert_int_equal(s.destination_lba, 2);
	assert_int_equal(
	    xcopy_segment_put(buf, sizeof(buf), &s), XCOPY_SEGMENT_LEN);
	assert_memory_equal(buf, at, sizeof(buf));
	assert_int_equal(
	    xcopy_segment_get(at, XCOPY_SEGMENT_LEN - 1, &s), -EBADMSG);
	/* Another type, which may be shorter. */
	memset(buf, 0, 4);
	buf[3] = 8;
	assert_int_equal(xcopy_segment_get(buf, 4, &s), 0);
	assert_int_equal(s.code, 0);
	assert_int_equal(s.descriptor_len, 8);
	assert_int_equal(xcopy_segment_get(buf, 3, &s), -EBADMSG);
}

static void
test_limits(void **state)
{
	/* What the target of Linux 6.1 answers. */
	static const uint8_t lio[46] = { 0, 0, 0, 0x2a, 0x01, 0, 0, 0, 0, 2, 0,
		1, 0, 0, 0x04, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 1, 1, 9, 9, 9, 0, 0, 0, 2, 0x02, 0xe4 };
	static const uint8_t many[XCOPY_LIMITS_LEN] = { 0, 0, 1,
		0x27, [43] = 0xff };
	struct xcopy_limits l;
	uint8_t buf[64];

	(void)state;
	assert_int_equal(xcopy_limits_get(lio, sizeof(lio), &l), 0);
	assert_true(l.snlid);
	assert_int_equal(l.max_cscds, 2);
	assert_int_equal(l.max_segments, 1);
	assert_int_equal(l.max_list, 1024);
	assert_int_equal(l.max_segment, 268435456);
	assert_int_equal(l.max_inline, 0);
	assert_int_equal(l.total_concurrent, 1);
	assert_int_equal(l.max_concurrent, 1);
	assert_int_equal(l.segment_granularity, 9);
	assert_int_equal(l.types_n, 2);
	assert_true(xcopy_limits_has(&l, XCOPY_SEGMENT_BLOCK));
	assert_true(xcopy_limits_has(&l, XCOPY_CSCD_IDENTIFICATION));
	assert_false(xcopy_limits_has(&l, 0xe0));
	assert_int_equal(xcopy_limits_put(buf, sizeof(buf), &l), sizeof(lio));
	assert_memory_equal(buf, lio, sizeof(lio));
	assert_int_equal(xcopy_limits_put(buf, 45, &l), -EMSGSIZE);

	assert_int_equal(xcopy_limits_get(lio, 43, &l), -EBADMSG);
	/* The list of types is cut: what there is of it. */
	assert_int_equal(xcopy_limits_get(lio, 45, &l), 0);
	assert_int_equal(l.types_n, 1);
	assert_int_equal(xcopy_limits_get(many, sizeof(many), &l), 0);
	assert_int_equal(l.types_n, 0);
	/* AVAILABLE DATA ends before the bytes do. */
	memset(buf, 0xe4, sizeof(buf));
	memcpy(buf, lio, sizeof(lio));
	buf[43] = 20;
	assert_int_equal(xcopy_limits_get(buf, sizeof(buf), &l), 0);
	assert_int_equal(l.types_n, 2);
}

static void
test_status(void **state)
{
	static const uint8_t wire[XCOPY_STATUS_LEN] = { 0, 0, 0, 8, 0x82, 1, 2,
		1, 3, 4, 5, 6 };
	struct xcopy_status s;
	uint8_t buf[XCOPY_STATUS_LEN];

	(void)state;
	assert_int_equal(xcopy_status_get(wire, sizeof(wire), &s), 0);
	assert_true(s.held_discarded);
	assert_int_equal(s.status, XCOPY_FAILED);
	assert_int_equal(s.segments, 0x0102);
	assert_int_equal(s.units, XCOPY_UNITS_KIB);
	assert_int_equal(s.count, 0x03040506);
	assert_int_equal(
	    xcopy_status_put(buf, sizeof(buf), &s), XCOPY_STATUS_LEN);
	assert_memory_equal(buf, wire, sizeof(wire));
	assert_int_equal(xcopy_status_get(wire, 11, &s), -EBADMSG);
}

static void
test_cdbs(void **state)
{
	uint8_t cdb[CDB_MAX];
	struct cdb c;

	(void)state;
	cdb_extended_copy(cdb, 0x01020304);
	assert_int_equal(cdb_parse(cdb, &c), 0);
	assert_int_equal(c.opcode, SCSI_OP_EXTENDED_COPY);
	assert_int_equal(c.alloc_len, 0x01020304);
	assert_int_equal(cdb_reserved_bit(cdb), -1);
	cdb[1] = 0x01; /* LID4 */
	assert_int_equal(cdb_parse(cdb, &c), -EINVAL);
	cdb_receive_copy_limits(cdb, 512);
	assert_int_equal(cdb_parse(cdb, &c), 0);
	assert_int_equal(c.service_action, SCSI_SA_RECEIVE_COPY_LIMITS);
	assert_int_equal(c.alloc_len, 512);
	cdb_receive_copy_status(cdb, 9, 12);
	assert_int_equal(cdb_parse(cdb, &c), 0);
	assert_int_equal(c.service_action, SCSI_SA_RECEIVE_COPY_STATUS_LID1);
	assert_int_equal(c.list_id, 9);
	assert_string_equal(cdb_name(cdb), "RECEIVE COPY STATUS(LID1)");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_cscd),
		cmocka_unit_test(test_segment),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_cdbs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
