/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lu_inquiry - who the logical unit is: INQUIRY with the vital product data
 * pages 00 80 83 86 87 88 8F B0 B1 B2 (SPC-4, 6.6 and 7.8; SBC-3, 6.6).
 *
 * The identity (NAA designator, serial number) is a hash of the target's name
 * and the LUN, so that it stays the same over restarts.
 */
#include <stdio.h>
#include <string.h>

#include "base/be.h"
#include "base/hash.h"
#include "target/lu_impl.h"

#define VENDOR	 "LUNTAP"
#define PRODUCT	 "VIRTUAL-DISK"
#define REVISION "0001"

/* More than the longest page. */
#define INQUIRY_ROOM 1024

#define RELATIVE_PORT  1 /* the one target port */
#define PROTOCOL_ISCSI 5
/* A SCSI name string, with its NULs (SPC-4, 7.8.6.11). */
#define SCSI_NAME_ROOM (ISCSI_NAME_MAX + sizeof(",t,0x0001") + 3)

enum {
	VERSION_SAM5 = 0x00a0,
	VERSION_SPC4 = 0x0460,
	VERSION_SBC3 = 0x04c0,
	VERSION_ISCSI = 0x0960
};

void
lu_identify(struct lu *lu)
{
	uint8_t digest[HASH_SIZE_MAX], number[4];
	struct hash hash;

	be32_put(number, lu->number);
	hash_init(&hash, HASH_SHA256);
	hash_update(&hash, lu->set->name, strlen(lu->set->name) + 1);
	hash_update(&hash, number, sizeof(number));
	hash_final(&hash, digest);
	memcpy(lu->naa, digest, sizeof(lu->naa));
	lu->naa[0] = 0x30 | (lu->naa[0] & 0x0f); /* NAA 3h: locally assigned */
	snprintf(lu->serial, sizeof(lu->serial), "%016llx",
	    (unsigned long long)be64_get(lu->naa));
}

static int
standard_put(const struct lu *lu, uint8_t *buf, size_t size)
{
	struct inquiry inq = { .qualifier = INQUIRY_CONNECTED,
		.type = SCSI_TYPE_DISK,
		.version = 6,
		.hisup = true,
		.response_format = 2,
		.third_party_copy = true,
		.cmdque = true,
		.vendor = VENDOR,
		.product = PRODUCT,
		.revision = REVISION,
		.versions = {
		    VERSION_SAM5, VERSION_SPC4, VERSION_SBC3, VERSION_ISCSI } };

	if (lu == NULL) {
		inq.qualifier = INQUIRY_NO_LU;
		inq.type = SCSI_TYPE_NONE;
		inq.third_party_copy = false;
	}
	return inquiry_put(buf, size, &inq);
}

static int
supported_put(const struct lu *lu, uint8_t *buf, size_t size)
{
	static const struct vpd_supported supported = { .n = 10,
		.pages = { VPD_SUPPORTED_PAGES, VPD_UNIT_SERIAL_NUMBER,
		    VPD_DEVICE_IDENTIFICATION, VPD_EXTENDED_INQUIRY,
		    VPD_MODE_PAGE_POLICY, VPD_SCSI_PORTS, VPD_THIRD_PARTY_COPY,
		    VPD_BLOCK_LIMITS, VPD_BLOCK_CHARACTERISTICS,
		    VPD_LOGICAL_BLOCK_PROVISIONING } };

	(void)lu;
	return vpd_supported_put(buf, size, SCSI_TYPE_DISK, &supported);
}

static int
serial_put(const struct lu *lu, uint8_t *buf, size_t size)
{
	return vpd_serial_put(buf, size, SCSI_TYPE_DISK, lu->serial);
}

/* Of the target device, or with the tag of its portal group of the target port
 * (RFC 7143, 4.4): filled with NULs up to a multiple of four, one at least. */
static struct designator
scsi_name(const struct lu *lu, uint8_t association, char name[SCSI_NAME_ROOM])
{
	int len;

	memset(name, 0, SCSI_NAME_ROOM);
	if (association == DESIGNATOR_PORT)
		len = snprintf(name, SCSI_NAME_ROOM, "%s,t,0x%04x",
		    lu->set->name, TARGET_TPGT);
	else
		len = snprintf(name, SCSI_NAME_ROOM, "%s", lu->set->name);
	return (struct designator){ .code_set = DESIGNATOR_UTF8,
		.association = association,
		.type = DESIGNATOR_NAME,
		.piv = true,
		.protocol = PROTOCOL_ISCSI,
		.len = (uint8_t)(len / 4 * 4 + 4),
		.value = (const uint8_t *)name };
}

static int
identification_put(const struct lu *lu, uint8_t *buf, size_t size)
{
	static const uint8_t relative[4] = { 0, 0, 0, RELATIVE_PORT };
	char port[SCSI_NAME_ROOM], device[SCSI_NAME_ROOM];
	char t10[8 + 16 + sizeof(lu->serial)];
	int len = snprintf(
	    t10, sizeof(t10), "%-8s%-16s%s", VENDOR, PRODUCT, lu->serial);
	struct designator designators[] = {
		{ .code_set = DESIGNATOR_BINARY,
		    .association = DESIGNATOR_LU,
		    .type = DESIGNATOR_NAA,
		    .len = sizeof(lu->naa),
		    .value = lu->naa },
		{ .code_set = DESIGNATOR_ASCII,
		    .association = DESIGNATOR_LU,
		    .type = DESIGNATOR_T10,
		    .len = (uint8_t)len,
		    .value = (const uint8_t *)t10 },
		{ .code_set = DESIGNATOR_BINARY,
		    .association = DESIGNATOR_PORT,
		    .type = DESIGNATOR_RELATIVE_PORT,
		    .piv = true,
		    .protocol = PROTOCOL_ISCSI,
		    .len = sizeof(relative),
		    .value = relative },
		scsi_name(lu, DESIGNATOR_PORT, port),
		scsi_name(lu, DESIGNATOR_DEVICE, device),
	};

	return vpd_designators_put(buf, size, SCSI_TYPE_DISK, designators,
	    sizeof(designators) / sizeof(designators[0]));
}

static int
extended_put(const struct lu *lu, uint8_t *buf, size_t size)
{
	struct vpd_extended extended = { .simpsup = true,
		.v_sup = lu->bdev->volatile_cache,
		.max_sense_len = SENSE_DESCRIPTOR_MAX };

	return vpd_extended_put(buf, size, SCSI_TYPE_DISK, &extended);
}

/* No mode page can be changed, so everybody sees the same. */
static int
policies_put(const struct lu *lu, uint8_t *buf, size_t size)
{
	static const struct mode_page_policy all = { .page = MODE_PAGE_ALL,
		.subpage = MODE_SUBPAGE_ALL };

	(void)lu;
	return vpd_mode_page_policies_put(buf, size, SCSI_TYPE_DISK, &all, 1);
}

static int
ports_put(const struct lu *lu, uint8_t *buf, size_t size)
{
	char name[SCSI_NAME_ROOM];
	struct designator port = scsi_name(lu, DESIGNATOR_PORT, name);

	return vpd_scsi_port_put(
	    buf, size, SCSI_TYPE_DISK, RELATIVE_PORT, &port, 1);
}

static int
limits_put(const struct lu *lu, uint8_t *buf, size_t size)
{
	uint32_t physical = lu->bdev->physical_block_size >> lu->shift;
	struct vpd_block_limits limits = { .wsnz = true,
		.max_compare_and_write = LU_CAW_BLOCKS,
		.optimal_granularity = (uint16_t)(physical > 0 ? physical : 1),
		.max_transfer = LU_TRANSFER_MAX >> lu->shift,
		.optimal_transfer = LU_TRANSFER_OPTIMAL >> lu->shift,
		.max_write_same = LU_WRITE_SAME_MAX };

	if (lu->config.thin) {
		limits.max_unmap_lbas = LU_UNMAP_BLOCKS;
		limits.max_unmap_descriptors = LU_UNMAP_RANGES;
		limits.unmap_granularity = limits.optimal_granularity;
		limits.ugavalid = true;
	}
	return vpd_block_limits_put(buf, size, SCSI_TYPE_DISK, &limits);
}

static int
characteristics_put(const struct lu *lu, uint8_t *buf, size_t size)
{
	struct vpd_block_characteristics characteristics = {
		.rotation_rate = 1, /* does not rotate */
	};

	(void)lu;
	return vpd_block_characteristics_put(
	    buf, size, SCSI_TYPE_DISK, &characteristics);
}

static int
provisioning_put(const struct lu *lu, uint8_t *buf, size_t size)
{
	struct vpd_provisioning p = { .provisioning_type = PROVISIONING_NONE };

	if (lu->config.thin) {
		p.lbpu = p.lbpws = p.lbpws10 = true;
		p.lbprz = 1;
		p.provisioning_type = PROVISIONING_THIN;
	}
	return vpd_provisioning_put(buf, size, SCSI_TYPE_DISK, &p);
}

static const struct {
	uint8_t page;
	int (*put)(const struct lu *, uint8_t *buf, size_t size);
} vpd_pages[] = {
	{ VPD_SUPPORTED_PAGES, supported_put },
	{ VPD_UNIT_SERIAL_NUMBER, serial_put },
	{ VPD_DEVICE_IDENTIFICATION, identification_put },
	{ VPD_EXTENDED_INQUIRY, extended_put },
	{ VPD_MODE_PAGE_POLICY, policies_put },
	{ VPD_SCSI_PORTS, ports_put },
	{ VPD_THIRD_PARTY_COPY, lu_third_party_put },
	{ VPD_BLOCK_LIMITS, limits_put },
	{ VPD_BLOCK_CHARACTERISTICS, characteristics_put },
	{ VPD_LOGICAL_BLOCK_PROVISIONING, provisioning_put },
};

static bool
inquiry_start(struct lu_cmd *c)
{
	unsigned i = 0;

	if (!c->f.evpd) {
		if (c->f.page != 0)
			return lu_fail_cdb(c, 2);
		return lu_want_in(c, INQUIRY_ROOM);
	}
	if (c->lu == NULL)
		return lu_fail_cdb(c, 1);
	while (i < sizeof(vpd_pages) / sizeof(vpd_pages[0]) &&
	       vpd_pages[i].page != c->f.page)
		i++;
	if (i == sizeof(vpd_pages) / sizeof(vpd_pages[0]))
		return lu_fail_cdb(c, 2);
	c->at = i;
	return lu_want_in(c, INQUIRY_ROOM);
}

static void
inquiry_run(struct lu_cmd *c)
{
	if (c->f.evpd)
		lu_give(c, vpd_pages[c->at].put(c->lu, c->data, c->need));
	else
		lu_give(c, standard_put(c->lu, c->data, c->need));
}

const struct lu_op lu_op_inquiry = { LU_ANY, LU_OP_NO_UA, inquiry_start,
	inquiry_run };
