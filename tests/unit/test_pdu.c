/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every PDU as RFC 7143, 11 draws it: a struct with a different value in each
 * field, and the 48 bytes written by hand from the drawing.
 */
#include <stdio.h>

#include "base/crc32c.h"
#include "proto/pdu.h"
#include "unit.h"

static void
from_hex(uint8_t *out, const char *hex)
{
	size_t n = 0;
	unsigned byte;

	for (; *hex != '\0'; hex++) {
		if (*hex == ' ')
			continue;
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		assert_true(n < PDU_BHS_LEN);
		out[n++] = (uint8_t)byte;
		hex++;
	}
	assert_int_equal(n, PDU_BHS_LEN);
}

/* put gives these bytes, and get what put gives them from again, whatever the
 * lengths in them. */
#define CHECK(name, hex, ...)                                 \
	do {                                                  \
		const struct pdu_##name in = { __VA_ARGS__ }; \
		struct pdu_##name out;                        \
		uint8_t want[PDU_BHS_LEN], bhs[PDU_BHS_LEN];  \
                                                              \
		from_hex(want, hex);                          \
		memset(bhs, 0xee, sizeof(bhs));               \
		pdu_put_##name(bhs, &in);                     \
		assert_memory_equal(bhs, want, PDU_BHS_LEN);  \
		pdu_set_lengths(bhs, 1020, 0xabcdef);         \
		memset(&out, 0xee, sizeof(out));              \
		pdu_get_##name(bhs, &out);                    \
		pdu_put_##name(bhs, &out);                    \
		assert_memory_equal(bhs, want, PDU_BHS_LEN);  \
	} while (0)

#define LUN 0x0102030405060708

static void
initiator_pdus(void **state)
{
	(void)state;
	CHECK(nop_out,
	    "40800000 00000000 01020304 05060708 11121314 21222324"
	    "31323334 41424344 00000000 00000000 00000000 00000000",
	    .immediate = true, .lun = LUN, .itt = 0x11121314, .ttt = 0x21222324,
	    .cmdsn = 0x31323334, .expstatsn = 0x41424344);
	CHECK(scsi_command,
	    "01a20000 00000000 01020304 05060708 11121314 "
	    "21222324 31323334 41424344 28010203 04050607 08090a0b 0c0d0e0f",
	    .final = true, .write = true, .attr = PDU_ATTR_ORDERED, .lun = LUN,
	    .itt = 0x11121314, .edtl = 0x21222324, .cmdsn = 0x31323334,
	    .expstatsn = 0x41424344,
	    .cdb = { 0x28, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 });
	CHECK(scsi_command,
	    "41410000 00000000 00000000 00000000 00000000 "
	    "00000000 00000000 00000000 00000000 00000000 00000000 00000000",
	    .immediate = true, .read = true, .attr = PDU_ATTR_SIMPLE);
	CHECK(tmf_request,
	    "42810000 00000000 01020304 05060708 11121314 "
	    "21222324 31323334 41424344 51525354 61626364 00000000 00000000",
	    .immediate = true, .function = PDU_TMF_ABORT_TASK, .lun = LUN,
	    .itt = 0x11121314, .ref_itt = 0x21222324, .cmdsn = 0x31323334,
	    .expstatsn = 0x41424344, .refcmdsn = 0x51525354,
	    .expdatasn = 0x61626364);
	CHECK(login_request,
	    "43870001 00000000 80123456 789a0bcd 11121314 "
	    "21220000 31323334 41424344 00000000 00000000 00000000 00000000",
	    .transit = true, .csg = PDU_STAGE_OPERATIONAL,
	    .nsg = PDU_STAGE_FULL, .version_min = 1,
	    .isid = { 0x80, 0x12, 0x34, 0x56, 0x78, 0x9a }, .tsih = 0x0bcd,
	    .itt = 0x11121314, .cid = 0x2122, .cmdsn = 0x31323334,
	    .expstatsn = 0x41424344);
	CHECK(login_request,
	    "43400100 00000000 00000000 00000000 00000000 "
	    "00000000 00000000 00000000 00000000 00000000 00000000 00000000",
	    .more = true, .version_max = 1);
	CHECK(text_request,
	    "44c00000 00000000 01020304 05060708 11121314 "
	    "21222324 31323334 41424344 00000000 00000000 00000000 00000000",
	    .immediate = true, .final = true, .more = true, .lun = LUN,
	    .itt = 0x11121314, .ttt = 0x21222324, .cmdsn = 0x31323334,
	    .expstatsn = 0x41424344);
	CHECK(data_out,
	    "05800000 00000000 01020304 05060708 11121314 21222324 "
	    "00000000 41424344 00000000 51525354 61626364 00000000",
	    .final = true, .lun = LUN, .itt = 0x11121314, .ttt = 0x21222324,
	    .expstatsn = 0x41424344, .datasn = 0x51525354,
	    .offset = 0x61626364);
	CHECK(logout_request,
	    "46820000 00000000 00000000 00000000 11121314 "
	    "21220000 31323334 41424344 00000000 00000000 00000000 00000000",
	    .immediate = true, .reason = PDU_LOGOUT_RECOVERY, .itt = 0x11121314,
	    .cid = 0x2122, .cmdsn = 0x31323334, .expstatsn = 0x41424344);
	CHECK(snack,
	    "10820000 00000000 01020304 05060708 11121314 21222324 "
	    "00000000 41424344 00000000 00000000 51525354 61626364",
	    .type = PDU_SNACK_DATA_ACK, .lun = LUN, .itt = 0x11121314,
	    .ttt = 0x21222324, .expstatsn = 0x41424344, .begrun = 0x51525354,
	    .runlength = 0x61626364);
}

#define NUMBERS \
	.statsn = 0x31323334, .expcmdsn = 0x41424344, .maxcmdsn = 0x51525354

static void
target_pdus(void **state)
{
	(void)state;
	CHECK(nop_in,
	    "20800000 00000000 01020304 05060708 11121314 21222324 "
	    "31323334 41424344 51525354 00000000 00000000 00000000",
	    .lun = LUN, .itt = 0x11121314, .ttt = 0x21222324, NUMBERS);
	CHECK(scsi_response,
	    "21940102 00000000 00000000 00000000 11121314 "
	    "21222324 31323334 41424344 51525354 61626364 71727374 81828384",
	    .bidi_overflow = true, .overflow = true, .response = 1, .status = 2,
	    .itt = 0x11121314, .snack_tag = 0x21222324, NUMBERS,
	    .expdatasn = 0x61626364, .bidi_residual = 0x71727374,
	    .residual = 0x81828384);
	CHECK(scsi_response,
	    "218a0000 00000000 00000000 00000000 00000000 "
	    "00000000 00000000 00000000 00000000 00000000 00000000 00000000",
	    .bidi_underflow = true, .underflow = true);
	CHECK(tmf_response,
	    "2280ff00 00000000 00000000 00000000 11121314 "
	    "00000000 31323334 41424344 51525354 00000000 00000000 00000000",
	    .response = PDU_TMF_REJECTED, .itt = 0x11121314, NUMBERS);
	CHECK(login_response,
	    "23c70201 00000000 80123456 789a0bcd 11121314 "
	    "00000000 31323334 41424344 51525354 02010000 00000000 00000000",
	    .transit = true, .more = true, .csg = 1, .nsg = 3, .version_max = 2,
	    .version_active = 1, .isid = { 0x80, 0x12, 0x34, 0x56, 0x78, 0x9a },
	    .tsih = 0x0bcd, .itt = 0x11121314, NUMBERS, .status = 0x0201);
	CHECK(text_response,
	    "24400000 00000000 01020304 05060708 11121314 "
	    "21222324 31323334 41424344 51525354 00000000 00000000 00000000",
	    .more = true, .lun = LUN, .itt = 0x11121314, .ttt = 0x21222324,
	    NUMBERS);
	CHECK(data_in,
	    "25850002 00000000 01020304 05060708 11121314 21222324 "
	    "31323334 41424344 51525354 61626364 71727374 81828384",
	    .final = true, .overflow = true, .has_status = true, .status = 2,
	    .lun = LUN, .itt = 0x11121314, .ttt = 0x21222324, NUMBERS,
	    .datasn = 0x61626364, .offset = 0x71727374, .residual = 0x81828384);
	CHECK(data_in,
	    "25420000 00000000 00000000 00000000 00000000 00000000 "
	    "00000000 00000000 00000000 00000000 00000000 00000000",
	    .ack = true, .underflow = true);
	CHECK(logout_response,
	    "26800300 00000000 00000000 00000000 11121314 "
	    "00000000 31323334 41424344 51525354 00000000 61626364 00000000",
	    .response = PDU_LOGOUT_CLEANUP_FAIL, .itt = 0x11121314, NUMBERS,
	    .time2wait = 0x6162, .time2retain = 0x6364);
	CHECK(r2t,
	    "31800000 00000000 01020304 05060708 11121314 21222324 "
	    "31323334 41424344 51525354 61626364 71727374 81828384",
	    .lun = LUN, .itt = 0x11121314, .ttt = 0x21222324, NUMBERS,
	    .r2tsn = 0x61626364, .offset = 0x71727374, .length = 0x81828384);
	CHECK(async,
	    "32800000 00000000 01020304 05060708 ffffffff 00000000 "
	    "31323334 41424344 51525354 01ff1112 21223132 00000000",
	    .lun = LUN, NUMBERS, .event = PDU_ASYNC_LOGOUT, .vcode = 0xff,
	    .param1 = 0x1112, .param2 = 0x2122, .param3 = 0x3132);
	CHECK(reject,
	    "3f800400 00000000 00000000 00000000 ffffffff 00000000 "
	    "31323334 41424344 51525354 61626364 00000000 00000000",
	    .reason = PDU_REJECT_PROTOCOL, NUMBERS, .datasn = 0x61626364);
}

static void
common_fields(void **state)
{
	uint8_t bhs[PDU_BHS_LEN];

	(void)state;
	memset(bhs, 0, sizeof(bhs));
	pdu_set_lengths(bhs, 1020, 0x010203);
	pdu_set_itt(bhs, 0x11121314);
	pdu_set_cmdsn(bhs, 0x21222324);
	pdu_set_expstatsn(bhs, 0x31323334);
	assert_int_equal(pdu_ahs_len(bhs), 1020);
	assert_int_equal(pdu_data_len(bhs), 0x010203);
	assert_memory_equal(bhs + 4, "\xff\x01\x02\x03", 4);
	assert_int_equal(pdu_itt(bhs), 0x11121314);
	assert_memory_equal(bhs + 24, "!\"#$1234", 8);
	pdu_set_statsn(bhs, 0x41424344);
	pdu_set_window(bhs, 0x51525354, 0x61626364);
	assert_memory_equal(bhs + 24, "ABCDQRSTabcd", 12);
	bhs[0] = 0xc5; /* the high bit is reserved */
	bhs[1] = 0x80;
	assert_int_equal(pdu_opcode(bhs), PDU_DATA_OUT);
	assert_true(pdu_immediate(bhs));
	assert_true(pdu_final(bhs));
	bhs[0] = 0xa1;
	bhs[1] = 0x7f;
	assert_int_equal(pdu_opcode(bhs), PDU_SCSI_RESPONSE);
	assert_false(pdu_immediate(bhs));
	assert_false(pdu_final(bhs));
}

/* RFC 3720, B.4: "an iSCSI SCSI Read (10) Command PDU". */
static void
read10_of_the_rfc(void **state)
{
	struct pdu_scsi_command command = { .final = true,
		.read = true,
		.itt = 0x14000000,
		.edtl = 0x400,
		.cmdsn = 0x14,
		.expstatsn = 0x18,
		.cdb = { 0x28, [8] = 0x02 } };
	uint8_t bhs[PDU_BHS_LEN], digest[4];

	(void)state;
	pdu_put_scsi_command(bhs, &command);
	crc32c_put(digest, crc32c(0, bhs, sizeof(bhs)));
	assert_memory_equal(digest, "\x56\x3a\x96\xd9", 4);
}

static void
names(void **state)
{
	unsigned known = 0;

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		known += strcmp(pdu_opcode_name(i), "unknown") != 0;
	assert_int_equal(known, 18);
	assert_string_equal(pdu_opcode_name(PDU_R2T), "Ready To Transfer");
	known = 0;
	for (unsigned i = 0; i < 256; i++)
		known += strcmp(pdu_reject_reason_name(i), "unknown") != 0;
	assert_int_equal(known, 11);
	assert_string_equal(pdu_reject_reason_name(4), "protocol error");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(initiator_pdus),
		cmocka_unit_test(target_pdus),
		cmocka_unit_test(common_fields),
		cmocka_unit_test(read10_of_the_rfc),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
