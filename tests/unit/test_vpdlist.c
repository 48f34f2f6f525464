/* SPDX-License-Identifier: BSD-2-Clause */
/* vpdlist.h: every list, whole, cut at every byte, and there and back. */
#include "unit.h"

#include <errno.h>

#include "proto/vpd.h"
#include "proto/vpdlist.h"

static void
test_designators(void **state)
{
	static const uint8_t naa[8] = { 0x60, 1, 2, 3, 4, 5, 6, 7 };
	static const struct designator put[] = {
		{ .code_set = DESIGNATOR_ASCII,
		    .type = DESIGNATOR_T10,
		    .len = 6,
		    .value = (const uint8_t *)"LUNTAP" },
		{ .code_set = DESIGNATOR_BINARY,
		    .type = DESIGNATOR_NAA,
		    .association = DESIGNATOR_PORT,
		    .piv = true,
		    .protocol = 5,
		    .len = 8,
		    .value = naa },
	};
	struct designator d;
	uint8_t buf[64];
	size_t pos = 0;
	int n;

	(void)state;
	n = vpd_designators_put(buf, sizeof(buf), 0, put, 2);
	assert_int_equal(n, 4 + 10 + 12);
	assert_int_equal(vpd_designator_get(buf, (size_t)n, &pos, &d), 1);
	assert_int_equal(d.type, DESIGNATOR_T10);
	assert_int_equal(d.len, 6);
	assert_memory_equal(d.value, "LUNTAP", 6);
	assert_false(d.piv);
	assert_int_equal(vpd_designator_get(buf, (size_t)n, &pos, &d), 1);
	assert_int_equal(d.type, DESIGNATOR_NAA);
	assert_int_equal(d.association, DESIGNATOR_PORT);
	assert_int_equal(d.protocol, 5);
	assert_memory_equal(d.value, naa, 8);
	assert_int_equal(vpd_designator_get(buf, (size_t)n, &pos, &d), 0);
	/* The second is cut. */
	pos = 10;
	assert_int_equal(
	    vpd_designator_get(buf, (size_t)n - 1, &pos, &d), -EBADMSG);
	assert_int_equal(pos, 10);
	pos = 1000;
	assert_int_equal(
	    vpd_designator_get(buf, (size_t)n, &pos, &d), -EBADMSG);
	assert_int_equal(
	    vpd_designators_put(buf, (size_t)n - 1, 0, put, 2), -EMSGSIZE);
}

/* Every prefix of a page ends its list in time, and within its bytes. */
#define assert_cut(get, entry, page, len, entries)                           \
	do {                                                                 \
		size_t ends[8] = { 4 }, whole = 0, cut_at, cut_n;            \
                                                                             \
		for (cut_at = 0; get(page, len, &cut_at, entry) == 1;)       \
			ends[++whole] = cut_at + 4;                          \
		assert_int_equal(whole, entries);                            \
		assert_int_equal(cut_at + 4, len);                           \
		for (size_t cut = 0; cut < (len); cut++) {                   \
			int more;                                            \
                                                                             \
			cut_at = cut_n = 0;                                  \
			while ((more = get(page, cut, &cut_at, entry)) == 1) \
				cut_n++;                                     \
			assert_int_equal(                                    \
			    cut_at, cut_n > 0 ? ends[cut_n] - 4 : 0);        \
			assert_int_equal(more,                               \
			    cut >= 4 && cut == ends[cut_n] ? 0 : -EBADMSG);  \
		}                                                            \
	} while (0)

static void
test_software_interfaces(void **state)
{
	static const uint8_t page[] = { 0, 0x84, 0, 12, 0, 1, 2, 3, 4, 5, 6, 7,
		8, 9, 10, 11 };
	const uint8_t *id;
	size_t pos = 0;

	(void)state;
	assert_int_equal(
	    vpd_software_interface_get(page, sizeof(page), &pos, &id), 1);
	assert_ptr_equal(id, page + 4);
	assert_int_equal(
	    vpd_software_interface_get(page, sizeof(page), &pos, &id), 1);
	assert_ptr_equal(id, page + 10);
	assert_cut(vpd_software_interface_get, &id, page, sizeof(page), 2);
}

static void
test_management_addresses(void **state)
{
	static const uint8_t page[] = { 0, 0x85, 0, 20, 0x21, 0, 0, 8, 'h', 't',
		't', 'p', ':', '/', '/', 0, 0x42, 0, 0, 4, 'x', 0, 0, 0 };
	struct management_address a;
	size_t pos = 0;

	(void)state;
	assert_int_equal(
	    vpd_management_address_get(page, sizeof(page), &pos, &a), 1);
	assert_int_equal(a.association, DESIGNATOR_PORT);
	assert_int_equal(a.service, 1);
	assert_int_equal(a.len, 7);
	assert_memory_equal(a.url, "http://", 7);
	assert_int_equal(
	    vpd_management_address_get(page, sizeof(page), &pos, &a), 1);
	assert_int_equal(a.association, DESIGNATOR_DEVICE);
	assert_int_equal(a.len, 1);
	assert_cut(vpd_management_address_get, &a, page, sizeof(page), 2);
}

static void
test_policies(void **state)
{
	static const struct mode_page_policy m[] = { { 0x3f, 0xff, true, 3 },
		{ 0x08, 0, false, 1 } };
	struct mode_page_policy m2;
	uint8_t buf[64];
	size_t pos = 0;

	(void)state;
	assert_int_equal(vpd_mode_page_policies_put(buf, 64, 0, m, 2), 12);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
		    vpd_mode_page_policy_get(buf, 12, &pos, &m2), 1);
		assert_memory_equal(&m[i], &m2, sizeof(m2));
	}
	assert_cut(vpd_mode_page_policy_get, &m2, buf, 12, 2);
}

static void
test_ports(void **state)
{
	static const struct designator d[] = {
		{ .code_set = DESIGNATOR_UTF8,
		    .association = DESIGNATOR_PORT,
		    .type = DESIGNATOR_NAME,
		    .piv = true,
		    .protocol = 5,
		    .len = 4,
		    .value = (const uint8_t *)"iqn" },
		{ .code_set = DESIGNATOR_BINARY,
		    .association = DESIGNATOR_PORT,
		    .type = DESIGNATOR_RELATIVE_PORT,
		    .len = 4,
		    .value = (const uint8_t *)"\0\0\0\2" },
	};
	/* Port 1 with a TransportID and none of the other. */
	static const uint8_t first[] = { 0, 0, 0, 1, 0, 0, 0, 4, 0x45, 0, 0, 0,
		0, 0, 0, 0 };
	struct designator got;
	struct scsi_port p;
	uint8_t buf[128];
	size_t pos = 0, at = 0;
	int n;

	(void)state;
	assert_int_equal(vpd_scsi_port_put(buf, 31, 0, 2, d, 2), -EMSGSIZE);
	n = vpd_scsi_port_put(buf, sizeof(buf), 0, 2, d, 2);
	assert_int_equal(n, 4 + 12 + 8 + 8);
	memmove(buf + 4 + sizeof(first), buf + 4, (size_t)n - 4);
	memcpy(buf + 4, first, sizeof(first));
	n += (int)sizeof(first);
	buf[3] = (uint8_t)(n - 4);
	assert_int_equal(vpd_scsi_port_get(buf, (size_t)n, &pos, &p), 1);
	assert_int_equal(p.relative, 1);
	assert_int_equal(p.transport_id_len, 4);
	assert_ptr_equal(p.transport_id, buf + 12);
	assert_int_equal(p.designators_len, 0);
	assert_int_equal(vpd_scsi_port_get(buf, (size_t)n, &pos, &p), 1);
	assert_int_equal(p.relative, 2);
	assert_int_equal(p.transport_id_len, 0);
	assert_int_equal(p.designators_len, 16);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
		    designator_get(p.designators, p.designators_len, &at, &got),
		    1);
		assert_int_equal(got.type, d[i].type);
		assert_int_equal(got.association, DESIGNATOR_PORT);
		assert_memory_equal(got.value, d[i].value, 4);
	}
	assert_int_equal(
	    designator_get(p.designators, p.designators_len, &at, &got), 0);
	at = 8;
	assert_int_equal(
	    designator_get(p.designators, 15, &at, &got), -EBADMSG);
	at = 17;
	assert_int_equal(
	    designator_get(p.designators, 16, &at, &got), -EBADMSG);
	assert_cut(vpd_scsi_port_get, &p, buf, (size_t)n, 2);
}

static void
test_third_party_copy(void **state)
{
	static const uint8_t page[] = { 0, 0x8f, 0, 12, 0x00, 0x0c, 0, 4, 0, 2,
		0xff, 0xff, 0xc0, 0x01, 0, 0 };
	struct third_party_copy t;
	size_t pos = 0;

	(void)state;
	assert_int_equal(
	    vpd_third_party_copy_get(page, sizeof(page), &pos, &t), 1);
	assert_int_equal(t.type, THIRD_PARTY_CSCD_IDS);
	assert_int_equal(t.len, 4);
	assert_ptr_equal(t.body, page + 8);
	assert_int_equal(
	    vpd_third_party_copy_get(page, sizeof(page), &pos, &t), 1);
	assert_int_equal(t.type, THIRD_PARTY_HELD_DATA);
	assert_int_equal(t.len, 0);
	assert_cut(vpd_third_party_copy_get, &t, page, sizeof(page), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_designators),
		cmocka_unit_test(test_software_interfaces),
		cmocka_unit_test(test_management_addresses),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_third_party_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
