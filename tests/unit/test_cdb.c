/* SPDX-License-Identifier: BSD-2-Clause */
/* cdb.h: bytes as SPC-4 and SBC-3 draw them, and the way back. */
#include "unit.h"

#include <errno.h>

#include "proto/scsi.h"

#define CHECK_CDB(cdb, ...)                                            \
	do {                                                           \
		static const uint8_t want_[CDB_MAX] = { __VA_ARGS__ }; \
		assert_memory_equal(cdb, want_, CDB_MAX);              \
	} while (0)

static void
test_build_blocks(void **state)
{
	uint8_t cdb[CDB_MAX];

	(void)state;
	memset(cdb, 0xa5, sizeof(cdb));
	cdb_read16(cdb, 0x0102030405060708, 0x11121314, true);
	CHECK_CDB(
	    cdb, 0x88, 0x08, 1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14);
	cdb_write16(cdb, 0x0102030405060708, 0x11121314, false);
	CHECK_CDB(cdb, 0x8a, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14);
	cdb_read10(cdb, 0x01020304, 0x1112, false);
	CHECK_CDB(cdb, 0x28, 0, 1, 2, 3, 4, 0, 0x11, 0x12);
	cdb_write10(cdb, 0x01020304, 0x1112, true);
	CHECK_CDB(cdb, 0x2a, 0x08, 1, 2, 3, 4, 0, 0x11, 0x12);
	cdb_sync_cache10(cdb, 1, 2);
	CHECK_CDB(cdb, 0x35, 0, 0, 0, 0, 1, 0, 0, 2);
	cdb_sync_cache16(cdb, 0, 0);
	CHECK_CDB(cdb, 0x91);
	cdb_write_same10(cdb, 1, 2, true);
	CHECK_CDB(cdb, 0x41, 0x08, 0, 0, 0, 1, 0, 0, 2);
	cdb_write_same16(cdb, 1, 2, true, true);
	CHECK_CDB(cdb, 0x93, 0x09, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2);
	cdb_write_same16(cdb, 1, 2, false, false);
	CHECK_CDB(cdb, 0x93, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2);
	cdb_compare_and_write(cdb, 1, 3, true);
	CHECK_CDB(cdb, 0x89, 0x08, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3);
	cdb_unmap(cdb, 0x0118);
	CHECK_CDB(cdb, 0x42, 0, 0, 0, 0, 0, 0, 0x01, 0x18);
}

static void
test_build_parameters(void **state)
{
	uint8_t cdb[CDB_MAX];

	(void)state;
	cdb_test_unit_ready(cdb);
	CHECK_CDB(cdb, 0);
	cdb_request_sense(cdb, true, 252);
	CHECK_CDB(cdb, 0x03, 0x01, 0, 0, 252);
	cdb_inquiry(cdb, 0x1234);
	CHECK_CDB(cdb, 0x12, 0, 0, 0x12, 0x34);
	cdb_inquiry_vpd(cdb, 0xb0, 255);
	CHECK_CDB(cdb, 0x12, 0x01, 0xb0, 0, 255);
	cdb_mode_sense6(cdb, 0x3f, 0, true, 192);
	CHECK_CDB(cdb, 0x1a, 0x08, 0x3f, 0, 192);
	cdb_mode_sense10(cdb, 0x08, 0x01, false, 0x0102);
	CHECK_CDB(cdb, 0x5a, 0, 0x08, 0x01, 0, 0, 0, 0x01, 0x02);
	cdb_read_capacity10(cdb);
	CHECK_CDB(cdb, 0x25);
	cdb_read_capacity16(cdb, 32);
	CHECK_CDB(cdb, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32);
	cdb_report_luns(cdb, 0x01020304);
	CHECK_CDB(cdb, 0xa0, 0, 0, 0, 0, 0, 1, 2, 3, 4);
	cdb_report_supported_opcode(cdb, 0x93, false, 0, 20);
	CHECK_CDB(cdb, 0xa3, 0x0c, 0x01, 0x93, 0, 0, 0, 0, 0, 20);
	cdb_report_supported_opcode(cdb, 0x9e, true, 0x12, 20);
	CHECK_CDB(cdb, 0xa3, 0x0c, 0x02, 0x9e, 0, 0x12, 0, 0, 0, 20);
	cdb_get_lba_status(cdb, 5, 64);
	CHECK_CDB(cdb, 0x9e, 0x12, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 64);
}

static struct cdb
parse(const uint8_t *cdb)
{
	struct cdb c;

	memset(&c, 0x5a, sizeof(c));
	assert_int_equal(cdb_parse(cdb, &c), 0);
	return c;
}

static void
test_parse_blocks(void **state)
{
	static const uint8_t read6[CDB_MAX] = { 0x08, 0xff, 0xff, 0xff, 0 };
	static const uint8_t write12[CDB_MAX] = { 0xaa, 0xf8, 1, 2, 3, 4, 5, 6,
		7, 8, 0, 0x04 };
	static const uint8_t verify10[CDB_MAX] = { 0x2f, 0x36, 0, 0, 0, 7, 0, 0,
		9 };
	static const uint8_t sync16[CDB_MAX] = { 0x91, 0x02, 0, 0, 0, 0, 0, 0,
		0, 1, 0, 0, 0, 2 };
	uint8_t cdb[CDB_MAX];
	struct cdb c;

	(void)state;
	c = parse(read6);
	assert_int_equal(c.length, 6);
	assert_int_equal(c.lba, 0x1fffff);
	assert_int_equal(c.blocks, 256);
	c = parse(write12);
	assert_int_equal(c.length, 12);
	assert_int_equal(c.lba, 0x01020304);
	assert_int_equal(c.blocks, 0x05060708);
	assert_int_equal(c.protect, 7);
	assert_int_equal(c.control, 0x04);
	assert_true(c.dpo && c.fua);
	c = parse(verify10);
	assert_int_equal(c.bytchk, 3);
	assert_int_equal(c.protect, 1);
	assert_true(c.dpo && !c.fua);
	assert_int_equal(c.blocks, 9);
	c = parse(sync16);
	assert_true(c.immed);
	assert_int_equal(c.blocks, 2);
	cdb_read16(cdb, UINT64_MAX, UINT32_MAX, true);
	c = parse(cdb);
	assert_true(c.lba == UINT64_MAX && c.blocks == UINT32_MAX);
	assert_true(c.fua && !c.dpo);
	cdb_write_same16(cdb, 1, 2, true, true);
	c = parse(cdb);
	assert_true(c.unmap && c.ndob && !c.anchor);
	cdb_compare_and_write(cdb, 1, 255, false);
	assert_int_equal(parse(cdb).blocks, 255);
}

static void
test_parse_parameters(void **state)
{
	static const uint8_t start[CDB_MAX] = { 0x1b, 0x01, 0, 0, 0x33 };
	static const uint8_t prout[CDB_MAX] = { 0x5f, 0x01, 0x15, 0, 0, 0, 0, 0,
		24 };
	static const uint8_t select[CDB_MAX] = { 0x55, 0x11, 0, 0, 0, 0, 0, 1,
		2 };
	uint8_t cdb[CDB_MAX];
	struct cdb c;

	(void)state;
	cdb_inquiry_vpd(cdb, 0x83, 0x1234);
	c = parse(cdb);
	assert_true(c.evpd);
	assert_int_equal(c.page, 0x83);
	assert_int_equal(c.alloc_len, 0x1234);
	cdb_mode_sense10(cdb, 0x3f, 0xff, true, 300);
	cdb[2] |= 0x40;
	c = parse(cdb);
	assert_true(c.dbd);
	assert_int_equal(c.page, 0x3f);
	assert_int_equal(c.subpage, 0xff);
	assert_int_equal(c.page_control, 1);
	assert_int_equal(c.alloc_len, 300);
	c = parse(start);
	assert_true(c.immed && c.start && c.load_eject);
	assert_int_equal(c.power_condition, 3);
	c = parse(prout);
	assert_int_equal(c.service_action, SCSI_PROUT_RESERVE);
	assert_int_equal(c.pr_scope, 1);
	assert_int_equal(c.pr_type, 5);
	assert_int_equal(c.alloc_len, 24);
	c = parse(select);
	assert_true(c.page_format && c.save_pages);
	assert_int_equal(c.alloc_len, 0x0102);
	cdb_report_supported_opcode(cdb, 0x9e, true, 0x12, 20);
	c = parse(cdb);
	assert_int_equal(c.reporting, 2);
	assert_int_equal(c.asked_opcode, 0x9e);
	assert_int_equal(c.asked_service_action, 0x12);
	cdb_get_lba_status(cdb, 77, 88);
	c = parse(cdb);
	assert_int_equal(c.service_action, SCSI_SA_GET_LBA_STATUS);
	assert_int_equal(c.lba, 77);
	assert_int_equal(c.alloc_len, 88);
}

static void
test_parse_refuses(void **state)
{
	uint8_t cdb[CDB_MAX] = { 0xff };
	struct cdb c = { .opcode = 0x77 };

	(void)state;
	assert_int_equal(cdb_parse(cdb, &c), -EOPNOTSUPP);
	cdb[0] = 0x9e;
	cdb[1] = 0x1f;
	assert_int_equal(cdb_parse(cdb, &c), -EINVAL);
	assert_int_equal(c.opcode, 0x77);
	assert_null(cdb_name(cdb));
}

static void
test_table(void **state)
{
	const struct cdb_info *t;
	size_t i, n;

	(void)state;
	t = cdb_table(&n);
	for (i = 0; i < n; i++) {
		assert_int_equal(t[i].usage[0], t[i].opcode);
		assert_ptr_equal(
		    cdb_info(t[i].opcode, t[i].service_action), &t[i]);
		/* What is behind the CDB is not used. */
		for (size_t b = t[i].length; b < CDB_MAX; b++)
			assert_int_equal(t[i].usage[b], 0);
		if (i > 0)
			assert_true(
			    t[i - 1].opcode < t[i].opcode ||
			    (t[i - 1].opcode == t[i].opcode &&
				t[i - 1].service_action < t[i].service_action));
	}
	assert_null(cdb_info(0x9e, 0));
	assert_string_equal(cdb_info(0x88, 31)->name, "READ(16)");
}

static void
test_reserved_bit(void **state)
{
	uint8_t cdb[CDB_MAX];

	(void)state;
	cdb_read16(cdb, UINT64_MAX, UINT32_MAX, true);
	assert_int_equal(cdb_reserved_bit(cdb), -1);
	cdb[1] |= 0x20; /* RDPROTECT */
	assert_int_equal(cdb_reserved_bit(cdb), 1);
	cdb_read_capacity16(cdb, 32);
	assert_int_equal(cdb_reserved_bit(cdb), -1);
	cdb[15] = 0x04; /* NACA */
	assert_int_equal(cdb_reserved_bit(cdb), 15);
	cdb_test_unit_ready(cdb);
	cdb[6] = 1; /* behind the CDB */
	assert_int_equal(cdb_reserved_bit(cdb), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build_blocks),
		cmocka_unit_test(test_build_parameters),
		cmocka_unit_test(test_parse_blocks),
		cmocka_unit_test(test_parse_parameters),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_reserved_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
