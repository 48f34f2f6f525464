/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_scsi - CDBs, sense data, INQUIRY, VPD and parameter data from a peer.
 * What must hold: nothing outside of the bytes is read, and what was understood
 * is understood again after it was written down.
 *
 *   input:  format (1) | bytes ...
 */
#include <string.h>

#include "fuzz.h"
#include "proto/scsi.h"
#include "proto/sense.h"

#define MANY 64

static uint8_t out[2][4096];

/* Both ways of writing it down gave the same bytes. */
#define require_same(n, m)                \
	require((n) >= 0 && (n) == (m) && \
		memcmp(out[0], out[1], (size_t)(n)) == 0)

static void
fuzz_cdb(const uint8_t *p, size_t len)
{
	uint8_t cdb[CDB_MAX] = { 0 };
	struct cdb c;
	int error;

	memcpy(cdb, p, len < CDB_MAX ? len : CDB_MAX);
	error = cdb_parse(cdb, &c);
	require((error == 0) == (cdb_name(cdb) != NULL));
	require(error != 0 || c.opcode == cdb[0]);
	require(cdb_reserved_bit(cdb) < CDB_MAX);
}

static void
fuzz_sense(const uint8_t *p, size_t len)
{
	char text[SENSE_TEXT];
	struct sense a, b;
	int n;

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	if (sense_get(p, len, &a) < 0)
		return;
	require(strlen(sense_text(text, sizeof(text), &a)) < SENSE_TEXT - 1);
	require(sense_errno(&a) <= 0);
	n = sense_put(out[0], sizeof(out[0]), true, &a);
	require(n > 0 && sense_get(out[0], (size_t)n, &b) == 0);
	require(sense_put(out[1], sizeof(out[1]), true, &b) == n);
	require_same(n, n);
}

static void
fuzz_inquiry(const uint8_t *p, size_t len)
{
	struct inquiry q;
	int n, m;

	if (inquiry_get(p, len, &q) < 0)
		return;
	n = inquiry_put(out[0], sizeof(out[0]), &q);
	require(n > 0 && inquiry_get(out[0], (size_t)n, &q) == 0);
	m = inquiry_put(out[1], sizeof(out[1]), &q);
	require_same(n, m);
}

static void
fuzz_vpd(const uint8_t *p, size_t len)
{
	struct vpd_block_characteristics chars;
	struct vpd_provisioning provisioning;
	char serial[VPD_SERIAL_MAX + 1];
	struct vpd_supported supported;
	struct management_address address;
	struct mode_page_policy policy;
	struct third_party_copy copy;
	struct vpd_block_limits limits;
	struct vpd_extended extended;
	struct scsi_port port;
	struct designator d;
	const uint8_t *id;
	size_t pos, before, at;
	struct vpd v;
	int n, m;

	if (vpd_get(p, len, &v) == 0)
		require(v.body + v.body_len <= p + len);
	(void)vpd_page_name(v.page);
	if (vpd_supported_get(p, len, &supported) == 0)
		(void)vpd_supported_has(&supported, 0xb0);
	if (vpd_serial_get(p, len, serial) == 0)
		require(strlen(serial) <= VPD_SERIAL_MAX);
	for (pos = before = 0; vpd_designator_get(p, len, &pos, &d) == 1;
	     before = pos) {
		require(pos > before && d.value + d.len <= p + len);
		require(designator_type_name(d.type) != NULL);
	}
	for (pos = before = 0;
	     vpd_mode_page_policy_get(p, len, &pos, &policy) == 1; before = pos)
		require(pos > before);
	for (pos = before = 0;
	     vpd_software_interface_get(p, len, &pos, &id) == 1; before = pos)
		require(pos > before && id + SOFTWARE_INTERFACE_LEN <= p + len);
	for (pos = before = 0;
	     vpd_management_address_get(p, len, &pos, &address) == 1;
	     before = pos)
		require(pos > before && address.url + address.len <= p + len);
	for (pos = before = 0; vpd_scsi_port_get(p, len, &pos, &port) == 1;
	     before = pos) {
		require(pos > before &&
			port.transport_id + port.transport_id_len <= p + len);
		at = 0;
		while (designator_get(port.designators, port.designators_len,
			   &at, &d) == 1)
			require(d.value + d.len <= p + len);
	}
	for (pos = before = 0;
	     vpd_third_party_copy_get(p, len, &pos, &copy) == 1; before = pos)
		require(pos > before && copy.body + copy.len <= p + len);
	(void)vpd_extended_get(p, len, &extended);
	(void)vpd_block_characteristics_get(p, len, &chars);
	(void)vpd_provisioning_get(p, len, &provisioning);
	if (vpd_block_limits_get(p, len, &limits) == 0) {
		n = vpd_block_limits_put(out[0], sizeof(out[0]), 0, &limits);
		require(vpd_block_limits_get(out[0], (size_t)n, &limits) == 0);
		m = vpd_block_limits_put(out[1], sizeof(out[1]), 0, &limits);
		require_same(n, m);
	}
}

static void
fuzz_capacity(const uint8_t *p, size_t len)
{
	struct capacity cap;
	int n, m;

	(void)capacity10_get(p, len, &cap);
	if (capacity16_get(p, len, &cap) < 0)
		return;
	n = capacity16_put(out[0], sizeof(out[0]), &cap);
	require(capacity16_get(out[0], (size_t)n, &cap) == 0);
	m = capacity16_put(out[1], sizeof(out[1]), &cap);
	require_same(n, m);
}

static void
fuzz_mode(const uint8_t *p, size_t len)
{
	struct mode mode;
	int ten, n, m;

	for (ten = 0; ten < 2; ten++) {
		if (mode_get(p, len, ten, &mode) < 0)
			continue;
		n = mode_put(out[0], sizeof(out[0]), true, false, &mode);
		require(mode_get(out[0], (size_t)n, true, &mode) == 0);
		m = mode_put(out[1], sizeof(out[1]), true, false, &mode);
		require_same(n, m);
	}
}

static void
fuzz_lists(const uint8_t *p, size_t len)
{
	struct unmap_range ranges[MANY];
	struct lba_status status[MANY];
	struct opcode_support support;
	char text[LUNADDR_TEXT];
	uint64_t luns[MANY], addr;
	unsigned i, n = 0;

	if (lunlist_get(p, len, luns, MANY, &n) == 0)
		for (i = 0; i < n; i++) {
			lunaddr_text(text, luns[i]);
			require(lunaddr_parse(text, strlen(text), &addr) == 0);
			require(lunaddr_same(addr, luns[i]));
		}
	if (lba_status_get(p, len, status, MANY, &n) == 0)
		require(n <= MANY && n * LBA_STATUS_DESCRIPTOR_LEN <= len);
	if (unmap_get(p, len, ranges, MANY, &n) == 0)
		require(n <= MANY && n * UNMAP_DESCRIPTOR_LEN <= len);
	if (opcode_support_get(p, len, &support) == 0)
		require(support.cdb_len <= sizeof(support.usage));
	(void)lunaddr_parse((const char *)p, len, &addr);
	(void)lunaddr_parse_rfc4173((const char *)p, len, &addr);
}

/* Each format in turn, on the same bytes. */
static void
fuzz_xcopy(const uint8_t *p, size_t len)
{
	struct xcopy_header header;
	struct xcopy_cscd cscd;
	struct xcopy_segment segment;
	struct xcopy_limits limits;
	struct xcopy_status status;
	int n, m;

	if (xcopy_header_get(p, len, &header) == 0) {
		n = xcopy_header_put(out[0], sizeof(out[0]), &header);
		require(xcopy_header_get(out[0], (size_t)n, &header) == 0);
		m = xcopy_header_put(out[1], sizeof(out[1]), &header);
		require_same(n, m);
	}
	if (xcopy_cscd_get(p, len, &cscd) == 0) {
		require(cscd.designator_len <= sizeof(cscd.designator));
		n = xcopy_cscd_put(out[0], sizeof(out[0]), &cscd);
		require(xcopy_cscd_get(out[0], (size_t)n, &cscd) == 0);
		m = xcopy_cscd_put(out[1], sizeof(out[1]), &cscd);
		require_same(n, m);
	}
	if (xcopy_segment_get(p, len, &segment) == 0) {
		n = xcopy_segment_put(out[0], sizeof(out[0]), &segment);
		require(xcopy_segment_get(out[0], (size_t)n, &segment) == 0);
		m = xcopy_segment_put(out[1], sizeof(out[1]), &segment);
		require_same(n, m);
	}
	if (xcopy_limits_get(p, len, &limits) == 0) {
		n = xcopy_limits_put(out[0], sizeof(out[0]), &limits);
		require(xcopy_limits_get(out[0], (size_t)n, &limits) == 0);
		m = xcopy_limits_put(out[1], sizeof(out[1]), &limits);
		require_same(n, m);
	}
	if (xcopy_status_get(p, len, &status) == 0) {
		n = xcopy_status_put(out[0], sizeof(out[0]), &status);
		require(xcopy_status_get(out[0], (size_t)n, &status) == 0);
		m = xcopy_status_put(out[1], sizeof(out[1]), &status);
		require_same(n, m);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const formats[])(const uint8_t *, size_t) = { fuzz_cdb,
		fuzz_sense, fuzz_inquiry, fuzz_vpd, fuzz_capacity, fuzz_mode,
		fuzz_lists, fuzz_xcopy };
	uint8_t *bytes;

	if (size == 0)
		return 0;
	/* Exactly as many as there are, so that one too far is seen. */
	bytes = malloc(size - 1);
	require(bytes != NULL || size == 1);
	if (size > 1)
		memcpy(bytes, data + 1, size - 1);
	formats[data[0] % (sizeof(formats) / sizeof(formats[0]))](
	    bytes, size - 1);
	free(bytes);
	return 0;
}
