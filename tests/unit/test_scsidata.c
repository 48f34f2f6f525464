/* SPDX-License-Identifier: BSD-2-Clause */
/* scsidata.h and scsi.h: parameter data there and back, and cut short. */
#include "unit.h"

#include <errno.h>

#include "proto/scsi.h"

static void
test_capacity(void **state)
{
	static const struct capacity cap = { .last_lba = UINT64_C(1) << 33,
		.block_size = 4096,
		.prot_en = true,
		.p_type = 2,
		.physical_exponent = 3,
		.lowest_aligned_lba = 0x1fff,
		.lbpme = true,
		.lbprz = true };
	struct capacity got;
	uint8_t buf[CAPACITY16_LEN];

	(void)state;
	assert_int_equal(capacity16_put(buf, sizeof(buf), &cap), 32);
	assert_int_equal(capacity16_get(buf, 32, &got), 0);
	assert_memory_equal(&cap, &got, sizeof(cap));
	assert_int_equal(capacity16_get(buf, 12, &got), 0);
	assert_int_equal(got.physical_exponent, 0);
	assert_false(got.lbpme);
	assert_int_equal(capacity16_get(buf, 11, &got), -EBADMSG);
	assert_int_equal(capacity10_put(buf, sizeof(buf), &cap), 8);
	assert_int_equal(capacity10_get(buf, 8, &got), 0);
	assert_true(got.last_lba == UINT32_MAX && got.block_size == 4096);
	assert_int_equal(capacity10_get(buf, 7, &got), -EBADMSG);
	memset(buf, 0xff, 8);
	assert_int_equal(capacity16_get(buf, 32, &got), -EBADMSG);
	memset(buf + 4, 0, 4);
	assert_int_equal(capacity10_get(buf, 8, &got), -EBADMSG);
}

static void
test_mode_round(void **state)
{
	struct mode m = { .wp = true,
		.dpofua = true,
		.has_block = true,
		.block_count = 1000,
		.block_size = 512,
		.has_caching = true,
		.caching = { .wce = true },
		.has_control = true,
		.control = { .d_sense = true,
		    .queue_algorithm = 1,
		    .swp = true,
		    .tas = true,
		    .tst = 1,
		    .ua_intlck = 2 } };
	struct mode got;
	uint8_t buf[128];
	int ten, n;

	(void)state;
	for (ten = 0; ten < 2; ten++) {
		n = mode_put(buf, sizeof(buf), ten, false, &m);
		assert_int_equal(n, (ten ? 8 : 4) + 8 + 20 + 12);
		assert_int_equal(mode_get(buf, (size_t)n, ten, &got), 0);
		m.data_len = (uint16_t)(n - (ten ? 2 : 1));
		assert_memory_equal(&m, &got, sizeof(m));
		assert_int_equal(
		    mode_put(buf, (size_t)n - 1, ten, false, &m), -EMSGSIZE);
		/* The caching page is cut short: absent. */
		n = mode_put(buf, sizeof(buf), ten, false, &m);
		assert_int_equal(mode_get(buf, (size_t)n - 13, ten, &got), 0);
		assert_true(got.wp && got.has_block);
		assert_false(got.has_caching || got.has_control);
		assert_int_equal(mode_get(buf, 3, ten, &got), -EBADMSG);
	}
	m.block_count = UINT64_C(1) << 40;
	n = mode_put(buf, sizeof(buf), true, false, &m);
	assert_int_equal(mode_get(buf, (size_t)n, true, &got), 0);
	assert_true(got.block_count == m.block_count);
	n = mode_put(buf, sizeof(buf), false, false, &m);
	assert_int_equal(mode_get(buf, (size_t)n, false, &got), 0);
	assert_true(got.block_count == 0); /* does not fit: not known */
}

static void
test_mode_strange(void **state)
{
	/* A vendor page, a subpage, then caching; more bytes than announced. */
	static const uint8_t buf[] = { 18, 0, 0x80, 0, 0x00, 2, 1, 2, 0x48,
		0x01, 0, 1, 0xff, 0x88, 4, 0x04, 0, 0, 0, 0x0a, 2, 0xff };
	static const uint8_t tiny[] = { 1, 0, 0, 0, 0x08, 1, 0x04 };
	struct mode m;

	(void)state;
	assert_int_equal(mode_get(buf, sizeof(buf), false, &m), 0);
	assert_true(m.wp && m.has_caching && m.caching.wce);
	assert_false(m.has_block || m.has_control);
	assert_int_equal(mode_get(tiny, sizeof(tiny), false, &m), 0);
	assert_false(m.has_caching);
}

static void
test_lunlist(void **state)
{
	static const uint64_t luns[] = { 0, UINT64_C(1) << 48,
		UINT64_C(0x4100) << 48 };
	uint8_t buf[64];
	uint64_t got[4];
	uint32_t total;
	unsigned n;

	(void)state;
	assert_int_equal(lunlist_put(buf, sizeof(buf), luns, 3), 32);
	assert_int_equal(lunlist_get(buf, 32, got, 4, &n), 0);
	assert_int_equal(n, 3);
	assert_memory_equal(got, luns, sizeof(luns));
	/* Cut: what is there whole, and how much there would be. */
	assert_int_equal(lunlist_get(buf, 31, got, 4, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(lunlist_len(buf, 31, &total), 0);
	assert_int_equal(total, 32);
	assert_int_equal(lunlist_get(buf, 64, got, 4, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(lunlist_get(buf, 32, got, 1, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(lunlist_get(buf, 7, got, 1, &n), -EBADMSG);
	memset(buf, 0xff, 8);
	assert_int_equal(lunlist_get(buf, 32, got, 4, &n), -EBADMSG);
}

static void
test_lba_status(void **state)
{
	static const struct lba_status s[] = { { 5, 6, LBA_MAPPED },
		{ UINT64_C(1) << 40, UINT32_MAX, LBA_DEALLOCATED } };
	struct lba_status got[2];
	uint8_t buf[64];
	unsigned n;

	(void)state;
	assert_int_equal(lba_status_put(buf, sizeof(buf), s, 2), 40);
	assert_int_equal(buf[3], 36);
	assert_int_equal(lba_status_get(buf, 64, got, 2, &n), 0);
	assert_int_equal(n, 2);
	assert_true(got[1].lba == s[1].lba && got[1].blocks == UINT32_MAX);
	assert_int_equal(got[1].provisioning, LBA_DEALLOCATED);
	assert_int_equal(lba_status_get(buf, 39, got, 2, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(lba_status_get(buf, 7, got, 2, &n), -EBADMSG);
	buf[3] = 3;
	assert_int_equal(lba_status_get(buf, 40, got, 2, &n), -EBADMSG);
}

static void
test_unmap(void **state)
{
	static const struct unmap_range r[] = { { 1, 2 },
		{ UINT64_MAX, UINT32_MAX } };
	struct unmap_range got[2];
	uint8_t buf[64];
	unsigned n;

	(void)state;
	assert_int_equal(unmap_put(buf, sizeof(buf), r, 2), 40);
	assert_int_equal(buf[1], 38);
	assert_int_equal(buf[3], 32);
	assert_int_equal(unmap_get(buf, 40, got, 2, &n), 0);
	assert_int_equal(n, 2);
	assert_true(got[1].lba == UINT64_MAX && got[1].blocks == UINT32_MAX);
	assert_int_equal(got[0].blocks, 2);
	assert_int_equal(unmap_get(buf, 40, got, 1, &n), -E2BIG);
	assert_int_equal(unmap_get(buf, 39, got, 2, &n), -EBADMSG);
	assert_int_equal(unmap_get(buf, 7, got, 2, &n), -EBADMSG);
	buf[1] = 6; /* the two lengths contradict each other */
	assert_int_equal(unmap_get(buf, 40, got, 2, &n), -EBADMSG);
	assert_int_equal(unmap_put(buf, sizeof(buf), r, 4096), -EMSGSIZE);
}

static void
test_opcode_support(void **state)
{
	static const struct opcode_support s = { OPCODE_SUPPORTED, 16,
		{ 0x93, 0x19, 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
		    13 } };
	struct opcode_support got;
	uint8_t buf[OPCODE_SUPPORT_LEN];

	(void)state;
	assert_int_equal(opcode_support_put(buf, sizeof(buf), &s), 20);
	assert_int_equal(opcode_support_get(buf, 20, &got), 0);
	assert_memory_equal(&s, &got, sizeof(s));
	assert_int_equal(opcode_support_get(buf, 19, &got), 0);
	assert_int_equal(got.cdb_len, 0);
	assert_int_equal(got.usage[1], 0);
	assert_int_equal(opcode_support_get(buf, 3, &got), -EBADMSG);
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(scsi_type_name(SCSI_TYPE_DISK), "disk");
	assert_string_equal(scsi_type_name(SCSI_TYPE_TAPE), "tape");
	assert_string_equal(scsi_type_name(SCSI_TYPE_CHANGER), "changer");
	assert_string_equal(scsi_type_name(SCSI_TYPE_CONTROLLER), "controller");
	assert_string_equal(scsi_type_name(0x1d), "unknown");
	assert_string_equal(scsi_type_name(0xff), "unknown");
	assert_string_equal(
	    scsi_status_name(SCSI_TASK_SET_FULL), "TASK SET FULL");
	assert_string_equal(scsi_status_name(0x77), "unknown status");
}

static void
test_reservation(void **state)
{
	static const uint8_t held[RESERVATION_LEN] = { 0, 0, 0, 7, 0, 0, 0, 16,
		1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0x05 };
	static const uint8_t none[8] = { 0, 0, 0, 7 };
	struct reservation r;

	(void)state;
	assert_int_equal(reservation_get(held, sizeof(held), &r), 0);
	assert_true(r.held);
	assert_true(r.key == UINT64_C(0x0102030405060708));
	assert_int_equal(r.type, 5);
	assert_int_equal(reservation_get(none, sizeof(none), &r), 0);
	assert_false(r.held);
	for (size_t len = 0; len < sizeof(held); len++)
		assert_int_equal(reservation_get(held, len, &r), -EBADMSG);
	for (size_t len = 0; len < sizeof(none); len++)
		assert_int_equal(reservation_get(none, len, &r), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capacity),
		cmocka_unit_test(test_mode_round),
		cmocka_unit_test(test_mode_strange),
		cmocka_unit_test(test_lunlist),
		cmocka_unit_test(test_lba_status),
		cmocka_unit_test(test_unmap),
		cmocka_unit_test(test_opcode_support),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_reservation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
