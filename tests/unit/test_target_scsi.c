/* SPDX-License-Identifier: BSD-2-Clause */
/* The target's device server: what each command answers. */
#include "target_steps.h"

#include <errno.h>

#include "base/be.h"

static void
inquiry_standard(void **state)
{
	struct fixture *f = *state;
	struct inquiry inq;
	uint8_t cdb[CDB_MAX];
	struct answer *a;

	cdb_inquiry(cdb, 255);
	a = peer_in(&f->peer, lun_of(0), cdb, 255);
	assert_good(a);
	assert_int_equal(inquiry_get(a->data, a->len, &inq), 0);
	assert_int_equal(inq.qualifier, INQUIRY_CONNECTED);
	assert_int_equal(inq.type, SCSI_TYPE_DISK);
	assert_string_equal(inq.vendor, "LUNTAP");
	assert_string_equal(inq.product, "VIRTUAL-DISK");
	assert_true(inq.cmdque);
	/* Cut at the allocation length, and the residual tells. */
	cdb_inquiry(cdb, 5);
	a = peer_in(&f->peer, lun_of(0), cdb, 255);
	assert_int_equal(a->len, 5);
	assert_true(a->underflow);
	assert_int_equal(a->residual, 250);
	/* An absent logical unit. */
	cdb_inquiry(cdb, 255);
	a = peer_in(&f->peer, lun_of(200), cdb, 255);
	assert_good(a);
	assert_int_equal(a->data[0], 0x7f);
	cdb[2] = 0x80;
	a = peer_in(&f->peer, lun_of(0), cdb, 255);
	assert_sense(a, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
	assert_true(a->sense.field_in_cdb);
	assert_int_equal(a->sense.field, 2);
}

/* A SCSI name string is filled with NULs, and has one at least. */
static void
assert_name(const struct designator *d, const char *name)
{
	assert_int_equal(d->type, DESIGNATOR_NAME);
	assert_int_equal(d->code_set, DESIGNATOR_UTF8);
	assert_true(d->piv);
	assert_int_equal(d->protocol, 5);
	assert_int_equal(d->len % 4, 0);
	assert_int_equal(d->len, strlen(name) / 4 * 4 + 4);
	for (size_t i = strlen(name); i < d->len; i++)
		assert_int_equal(d->value[i], 0);
	assert_string_equal((const char *)d->value, name);
}

static void
ports_and_names(void **state)
{
	struct fixture *f = *state;
	struct mode_page_policy policy;
	struct vpd_extended extended;
	uint8_t cdb[CDB_MAX];
	struct scsi_port port;
	struct designator d;
	struct answer *a;
	size_t pos = 0;

	cdb_inquiry_vpd(cdb, VPD_DEVICE_IDENTIFICATION, 1024);
	a = peer_in(&f->peer, lun_of(0), cdb, 1024);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
		    vpd_designator_get(a->data, a->len, &pos, &d), 1);
	assert_int_equal(d.type, DESIGNATOR_RELATIVE_PORT);
	assert_int_equal(d.association, DESIGNATOR_PORT);
	assert_memory_equal(d.value, "\0\0\0\1", 4);
	assert_int_equal(vpd_designator_get(a->data, a->len, &pos, &d), 1);
	assert_int_equal(d.association, DESIGNATOR_PORT);
	assert_name(&d, RIG_NAME ",t,0x0001");
	assert_int_equal(vpd_designator_get(a->data, a->len, &pos, &d), 1);
	assert_int_equal(d.association, DESIGNATOR_DEVICE);
	assert_name(&d, RIG_NAME);
	assert_int_equal(vpd_designator_get(a->data, a->len, &pos, &d), 0);

	cdb_inquiry_vpd(cdb, VPD_SCSI_PORTS, 1024);
	a = peer_in(&f->peer, lun_of(0), cdb, 1024);
	pos = 0;
	assert_int_equal(vpd_scsi_port_get(a->data, a->len, &pos, &port), 1);
	assert_int_equal(port.relative, 1);
	assert_int_equal(port.transport_id_len, 0);
	assert_int_equal(vpd_scsi_port_get(a->data, a->len, &pos, &port), 0);
	pos = 0;
	assert_int_equal(
	    designator_get(port.designators, port.designators_len, &pos, &d),
	    1);
	assert_name(&d, RIG_NAME ",t,0x0001");

	cdb_inquiry_vpd(cdb, VPD_EXTENDED_INQUIRY, 255);
	a = peer_in(&f->peer, lun_of(0), cdb, 255);
	assert_int_equal(vpd_extended_get(a->data, a->len, &extended), 0);
	assert_true(extended.simpsup);
	assert_false(extended.headsup || extended.ordsup || extended.v_sup);
	f->rig.disks[0]->bdev.volatile_cache = true;
	a = peer_in(&f->peer, lun_of(0), cdb, 255);
	assert_int_equal(vpd_extended_get(a->data, a->len, &extended), 0);
	assert_true(extended.v_sup);

	cdb_inquiry_vpd(cdb, VPD_MODE_PAGE_POLICY, 255);
	a = peer_in(&f->peer, lun_of(0), cdb, 255);
	pos = 0;
	assert_int_equal(
	    vpd_mode_page_policy_get(a->data, a->len, &pos, &policy), 1);
	assert_int_equal(policy.page, MODE_PAGE_ALL);
	assert_int_equal(policy.policy, 0);
}

static void
vpd_pages(void **state)
{
	struct fixture *f = *state;
	struct vpd_block_limits limits;
	struct vpd_provisioning thin;
	struct vpd_supported pages;
	struct designator d;
	char serial[VPD_SERIAL_MAX + 1];
	uint8_t cdb[CDB_MAX], naa[2][8];
	struct answer *a;

	cdb_inquiry_vpd(cdb, VPD_SUPPORTED_PAGES, 255);
	a = peer_in(&f->peer, lun_of(0), cdb, 255);
	assert_good(a);
	assert_int_equal(vpd_supported_get(a->data, a->len, &pages), 0);
	assert_int_equal(pages.n, 10);
	for (unsigned i = 0; i < pages.n; i++) {
		cdb_inquiry_vpd(cdb, pages.pages[i], 1024);
		a = peer_in(&f->peer, lun_of(0), cdb, 1024);
		assert_good(a);
		assert_int_equal(a->data[1], pages.pages[i]);
		assert_int_equal(be16_get(a->data + 2), a->len - 4);
	}
	for (unsigned lun = 0; lun < 2; lun++) {
		size_t pos = 0;

		cdb_inquiry_vpd(cdb, VPD_DEVICE_IDENTIFICATION, 255);
		a = peer_in(&f->peer, lun_of(lun), cdb, 255);
		assert_int_equal(
		    vpd_designator_get(a->data, a->len, &pos, &d), 1);
		assert_int_equal(d.type, DESIGNATOR_NAA);
		assert_int_equal(d.len, 8);
		assert_int_equal(d.value[0] >> 4, 3);
		memcpy(naa[lun], d.value, 8);
	}
	assert_memory_not_equal(naa[0], naa[1], 8);
	cdb_inquiry_vpd(cdb, VPD_UNIT_SERIAL_NUMBER, 255);
	a = peer_in(&f->peer, lun_of(0), cdb, 255);
	assert_int_equal(vpd_serial_get(a->data, a->len, serial), 0);
	assert_int_equal(strlen(serial), 16);

	cdb_inquiry_vpd(cdb, VPD_BLOCK_LIMITS, 255);
	a = peer_in(&f->peer, lun_of(0), cdb, 255);
	assert_int_equal(vpd_block_limits_get(a->data, a->len, &limits), 0);
	assert_true(limits.wsnz);
	assert_int_equal(limits.max_transfer, 16384);
	assert_int_equal(limits.max_unmap_descriptors, 256);
	a = peer_in(&f->peer, lun_of(1), cdb, 255);
	assert_int_equal(vpd_block_limits_get(a->data, a->len, &limits), 0);
	assert_int_equal(limits.max_unmap_lbas, 0);
	cdb_inquiry_vpd(cdb, VPD_LOGICAL_BLOCK_PROVISIONING, 255);
	a = peer_in(&f->peer, lun_of(0), cdb, 255);
	assert_int_equal(vpd_provisioning_get(a->data, a->len, &thin), 0);
	assert_true(thin.lbpu && thin.lbpws && thin.lbpws10);
	assert_int_equal(thin.lbprz, 1);
	assert_false(thin.anc_sup);
	cdb_inquiry_vpd(cdb, 0xc0, 255);
	assert_sense(peer_in(&f->peer, lun_of(0), cdb, 255),
	    SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
}

static void
capacity_and_modes(void **state)
{
	struct fixture *f = *state;
	struct capacity cap;
	struct mode mode;
	uint8_t cdb[CDB_MAX];
	struct answer *a;

	for (unsigned lun = 0; lun < 3; lun++) {
		cdb_read_capacity16(cdb, 32);
		a = peer_in(&f->peer, lun_of(lun), cdb, 32);
		assert_good(a);
		assert_int_equal(capacity16_get(a->data, a->len, &cap), 0);
		assert_int_equal(cap.last_lba, RIG_BLOCKS - 1);
		assert_int_equal(cap.block_size, lun == 1 ? 4096 : 512);
		assert_int_equal(cap.physical_exponent, lun == 1 ? 0 : 3);
		assert_int_equal(cap.lbpme, lun == 0);
		cdb_read_capacity10(cdb);
		a = peer_in(&f->peer, lun_of(lun), cdb, 8);
		assert_int_equal(capacity10_get(a->data, a->len, &cap), 0);
		assert_int_equal(cap.last_lba, RIG_BLOCKS - 1);
		for (unsigned ten = 0; ten < 2; ten++) {
			if (ten)
				cdb_mode_sense10(
				    cdb, MODE_PAGE_ALL, 0, false, 255);
			else
				cdb_mode_sense6(
				    cdb, MODE_PAGE_ALL, 0, false, 255);
			a = peer_in(&f->peer, lun_of(lun), cdb, 255);
			assert_good(a);
			assert_int_equal(
			    mode_get(a->data, a->len, ten, &mode), 0);
			assert_int_equal(mode.data_len, a->len - (ten ? 2 : 1));
			assert_int_equal(mode.wp, lun == 2);
			assert_true(mode.dpofua);
			assert_true(mode.has_caching && mode.has_control);
			assert_false(mode.caching.wce);
			assert_int_equal(mode.block_count, RIG_BLOCKS);
		}
	}
	f->rig.disks[0]->bdev.volatile_cache = true;
	cdb_mode_sense6(cdb, MODE_PAGE_CACHING, 0, true, 255);
	a = peer_in(&f->peer, lun_of(0), cdb, 255);
	assert_int_equal(mode_get(a->data, a->len, false, &mode), 0);
	assert_true(mode.caching.wce);
	assert_false(mode.has_control);
	cdb_mode_sense6(cdb, 0x02, 0, true, 255);
	assert_sense(peer_in(&f->peer, lun_of(0), cdb, 255),
	    SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
	cdb_mode_sense6(cdb, MODE_PAGE_CACHING, 0, true, 255);
	cdb[2] |= 0xc0;
	assert_sense(peer_in(&f->peer, lun_of(0), cdb, 255),
	    SENSE_ILLEGAL_REQUEST, SENSE_SAVING_NOT_SUPPORTED);
}

static void
reports(void **state)
{
	struct fixture *f = *state;
	struct opcode_support support;
	uint64_t luns[8];
	uint8_t cdb[CDB_MAX];
	struct answer *a;
	unsigned n;

	cdb_report_luns(cdb, 4096);
	a = peer_in(&f->peer, lun_of(0), cdb, 4096);
	assert_good(a);
	assert_int_equal(lunlist_get(a->data, a->len, luns, 8, &n), 0);
	assert_int_equal(n, 3);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(luns[i], lun_of(i));
	cdb_report_supported_opcode(cdb, SCSI_OP_UNMAP, false, 0, 64);
	a = peer_in(&f->peer, lun_of(0), cdb, 64);
	assert_int_equal(opcode_support_get(a->data, a->len, &support), 0);
	assert_int_equal(support.support, OPCODE_SUPPORTED);
	assert_int_equal(support.cdb_len, 10);
	a = peer_in(&f->peer, lun_of(1), cdb, 64);
	assert_int_equal(opcode_support_get(a->data, a->len, &support), 0);
	assert_int_equal(support.support, OPCODE_UNSUPPORTED);
	cdb_report_supported_opcode(
	    cdb, SCSI_OP_SERVICE_ACTION_IN_16, false, 0, 64);
	assert_sense(peer_in(&f->peer, lun_of(0), cdb, 64),
	    SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
	/* All of them: what is reported is what works. */
	memset(cdb, 0, sizeof(cdb));
	cdb[0] = SCSI_OP_MAINTENANCE_IN;
	cdb[1] = SCSI_SA_REPORT_SUPPORTED_OPCODES;
	be32_put(cdb + 6, 4096);
	a = peer_in(&f->peer, lun_of(0), cdb, 4096);
	assert_good(a);
	assert_int_equal(be32_get(a->data), a->len - 4);
	assert_true(a->len > 40 * 8);
	memset(cdb, 0, sizeof(cdb));
	cdb[0] = 0xee;
	assert_sense(peer_none(&f->peer, lun_of(0), cdb), SENSE_ILLEGAL_REQUEST,
	    SENSE_INVALID_OPCODE);
	cdb_request_sense(cdb, false, 252);
	a = peer_in(&f->peer, lun_of(0), cdb, 252);
	assert_good(a);
	assert_int_equal(a->data[2] & 0x0f, SENSE_NO_SENSE);
}

static void
unmap(void **state)
{
	struct fixture *f = *state;
	struct disk *d = f->rig.disks[0];
	struct unmap_range r[2] = { { 16, 8 }, { 64, 16 } };
	struct lba_status s[8];
	uint8_t cdb[CDB_MAX], list[64];
	struct answer *a;
	unsigned n;
	int len;

	cdb_write10(cdb, 0, 128, false);
	assert_good(peer_out(&f->peer, lun_of(0), cdb, pattern, 65536));
	len = unmap_put(list, sizeof(list), r, 2);
	cdb_unmap(cdb, (uint16_t)len);
	assert_good(peer_out(&f->peer, lun_of(0), cdb, list, (uint32_t)len));
	for (unsigned i = 0; i < 128; i++) {
		bool gone = (i >= 16 && i < 24) || (i >= 64 && i < 80);

		assert_int_equal(d->mem[i * 512] == 0, gone);
	}
	cdb_get_lba_status(cdb, 4, 4096);
	a = peer_in(&f->peer, lun_of(0), cdb, 4096);
	assert_good(a);
	assert_int_equal(lba_status_get(a->data, a->len, s, 8, &n), 0);
	assert_int_equal(n, 6);
	assert_int_equal(s[0].lba, 4);
	assert_int_equal(s[0].blocks, 12);
	assert_int_equal(s[0].provisioning, LBA_MAPPED);
	assert_int_equal(s[1].lba, 16);
	assert_int_equal(s[1].blocks, 8);
	assert_int_equal(s[1].provisioning, LBA_DEALLOCATED);
	assert_int_equal(s[5].lba, 128);
	assert_int_equal(s[5].blocks, RIG_BLOCKS - 128);
	assert_int_equal(s[5].provisioning, LBA_DEALLOCATED);

	/* Nothing is done when one range is wrong. */
	r[0] = (struct unmap_range){ 0, 8 };
	r[1] = (struct unmap_range){ RIG_BLOCKS - 1, 2 };
	unmap_put(list, sizeof(list), r, 2);
	cdb_unmap(cdb, (uint16_t)len);
	assert_sense(peer_out(&f->peer, lun_of(0), cdb, list, (uint32_t)len),
	    SENSE_ILLEGAL_REQUEST, SENSE_LBA_OUT_OF_RANGE);
	assert_int_equal(d->mem[0], pattern[0]);
	be16_put(list + 2, 4096);
	assert_sense(peer_out(&f->peer, lun_of(0), cdb, list, (uint32_t)len),
	    SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH);
	/* Not thin: not known. */
	assert_sense(peer_out(&f->peer, lun_of(1), cdb, list, (uint32_t)len),
	    SENSE_ILLEGAL_REQUEST, SENSE_INVALID_OPCODE);
	cdb_get_lba_status(cdb, 0, 64);
	assert_sense(peer_in(&f->peer, lun_of(1), cdb, 64),
	    SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
}

static void
write_same(void **state)
{
	struct fixture *f = *state;
	struct disk *d = f->rig.disks[0];
	static const uint8_t zeros[512];
	uint8_t cdb[CDB_MAX];

	cdb_write_same16(cdb, 10, 5000, false, false);
	assert_good(peer_out(&f->peer, lun_of(0), cdb, pattern, 512));
	for (unsigned i = 10; i < 5010; i++)
		assert_memory_equal(d->mem + i * 512, pattern, 512);
	assert_int_equal(d->mem[9 * 512], 0);
	assert_int_equal(d->mem[5010 * 512], 0);
	cdb_write_same10(cdb, 16, 16, true);
	assert_good(peer_out(&f->peer, lun_of(0), cdb, zeros, 512));
	assert_int_equal(d->mem[16 * 512], 0);
	assert_int_equal(d->hole[2], 1);
	cdb_write_same16(cdb, 32, 8, false, false);
	assert_good(peer_out(&f->peer, lun_of(0), cdb, zeros, 512));
	assert_int_equal(d->mem[32 * 512], 0);
	assert_int_equal(d->hole[4], 0);
	cdb_write_same16(cdb, 40, 8, true, true);
	assert_good(peer_none(&f->peer, lun_of(0), cdb));
	assert_int_equal(d->hole[5], 1);

	cdb_write_same16(cdb, 0, 0, false, false);
	assert_sense(peer_out(&f->peer, lun_of(0), cdb, zeros, 512),
	    SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
	cdb_write_same16(cdb, 0, 8, true, false);
	assert_sense(peer_out(&f->peer, lun_of(1), cdb, pattern, 4096),
	    SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
	assert_sense(peer_out(&f->peer, lun_of(2), cdb, zeros, 512),
	    SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED);
}

static void
verify(void **state)
{
	struct fixture *f = *state;
	uint8_t cdb[CDB_MAX] = { SCSI_OP_VERIFY_10 };
	struct answer *a;

	memcpy(f->rig.disks[0]->mem, pattern, 4096);
	cdb[8] = 8;
	assert_good(peer_none(&f->peer, lun_of(0), cdb));
	cdb[1] = 0x02;
	assert_good(peer_out(&f->peer, lun_of(0), cdb, pattern, 4096));
	f->rig.disks[0]->mem[777] ^= 1;
	a = peer_out(&f->peer, lun_of(0), cdb, pattern, 4096);
	assert_sense(a, SENSE_MISCOMPARE, SENSE_MISCOMPARE_DURING_VERIFY);
	assert_true(a->sense.information_valid);
	assert_int_equal(a->sense.information, 777);
	cdb[1] = 0x20;
	assert_sense(peer_none(&f->peer, lun_of(0), cdb), SENSE_ILLEGAL_REQUEST,
	    SENSE_INVALID_FIELD_IN_CDB);
}

/* COMPARE AND WRITE, and that no write comes between its halves. */
static void
compare_and_write(void **state)
{
	struct fixture *f = *state;

	for (unsigned lun = 0; lun < 2; lun++) {
		struct disk *d = f->rig.disks[lun];
		uint32_t bs = lun == 0 ? 512 : 4096, caw, wr;
		uint8_t cdb[CDB_MAX], both[8192];
		struct answer *a;

		memset(both, 0, bs);
		memset(both + bs, 'n', bs);
		cdb_compare_and_write(cdb, 5, 1, false);
		assert_good(peer_out(&f->peer, lun_of(lun), cdb, both, 2 * bs));
		assert_int_equal(d->mem[5 * bs], 'n');
		a = peer_out(&f->peer, lun_of(lun), cdb, both, 2 * bs);
		assert_sense(
		    a, SENSE_MISCOMPARE, SENSE_MISCOMPARE_DURING_VERIFY);
		assert_int_equal(a->sense.information, 0);
		assert_sense(peer_out(&f->peer, lun_of(lun), cdb, both, bs),
		    SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);

		/* A write that comes while it compares waits for it. */
		memset(both, 'n', bs);
		memset(both + bs, 'm', bs);
		d->manual = true;
		caw = peer_command(
		    &f->peer, lun_of(lun), cdb, false, true, both, 2 * bs);
		cdb_write10(cdb, 5, 1, false);
		wr = peer_command(
		    &f->peer, lun_of(lun), cdb, false, true, pattern, bs);
		assert_int_equal(d->queued, 1);
		assert_int_equal(d->mem[5 * bs], 'n');
		d->manual = false;
		assert_good(peer_await(&f->peer, caw, NULL));
		assert_good(peer_await(&f->peer, wr, NULL));
		assert_memory_equal(d->mem + 5 * bs, pattern, bs);
	}
}

/* One that arrives while a write into memory is half received waits too. */
static void
compare_waits_for_write(void **state)
{
	struct fixture *f = *state;
	struct disk *d = f->rig.disks[1];
	uint8_t cdb[CDB_MAX], both[8192], raw[48 + 4096];
	struct pdu_scsi_command p = { .final = true,
		.write = true,
		.lun = lun_of(1),
		.itt = 0x77,
		.edtl = 4096 };
	struct peer other;
	uint32_t caw;

	peer_init(&other, &f->rig);
	assert_true(
	    peer_login(&other, "iqn.2024-01.org.example:other", 2, false));
	cdb_test_unit_ready(cdb);
	peer_none(&other, lun_of(1), cdb);

	cdb_write10(cdb, 5, 1, false);
	memcpy(p.cdb, cdb, sizeof(p.cdb));
	p.cmdsn = f->peer.cmdsn++;
	pdu_put_scsi_command(raw, &p);
	pdu_set_lengths(raw, 0, 4096);
	memcpy(raw + 48, pattern, 4096);
	peer_bytes(&f->peer, raw, 48 + 1000);

	memset(both, 0, 4096);
	memset(both + 4096, 'x', 4096);
	cdb_compare_and_write(cdb, 5, 1, false);
	caw = peer_command(&other, lun_of(1), cdb, false, true, both, 8192);
	assert_false(peer_recv(&other));
	peer_bytes(&f->peer, raw + 48 + 1000, 3096);
	assert_good(peer_await(&f->peer, 0x77, NULL));
	assert_sense(peer_await(&other, caw, NULL), SENSE_MISCOMPARE,
	    SENSE_MISCOMPARE_DURING_VERIFY);
	assert_memory_equal(d->mem + 5 * 4096, pattern, 4096);
	peer_fini(&other);
}

static void
medium_errors(void **state)
{
	static const struct {
		int error;
		uint8_t key;
		unsigned read, write;
	} table[] = {
		{ -EIO, SENSE_MEDIUM_ERROR, SENSE_READ_ERROR,
		    SENSE_WRITE_ERROR },
		{ -ENOSPC, SENSE_DATA_PROTECT, SENSE_SPACE_ALLOCATION_FAILED,
		    SENSE_SPACE_ALLOCATION_FAILED },
		{ -EROFS, SENSE_DATA_PROTECT, SENSE_WRITE_PROTECTED,
		    SENSE_WRITE_PROTECTED },
	};
	struct fixture *f = *state;
	uint8_t cdb[CDB_MAX];
	struct answer *a;

	for (size_t i = 0; i < countof(table); i++) {
		f->rig.disks[0]->error = table[i].error;
		cdb_write10(cdb, 99, 8, false);
		a = peer_out(&f->peer, lun_of(0), cdb, pattern, 4096);
		assert_sense(a, table[i].key, table[i].write);
		cdb_read10(cdb, 99, 8, false);
		a = peer_in(&f->peer, lun_of(0), cdb, 4096);
		assert_sense(a, table[i].key, table[i].read);
		assert_int_equal(a->len, 0);
		if (table[i].error == -EIO) {
			assert_true(a->sense.information_valid);
			assert_int_equal(a->sense.information, 99);
		}
	}
	f->rig.disks[0]->error = -EIO;
	cdb_sync_cache10(cdb, 0, 0);
	assert_sense(peer_none(&f->peer, lun_of(0), cdb), SENSE_MEDIUM_ERROR,
	    SENSE_WRITE_ERROR);
	f->rig.disks[0]->error = 0;
	assert_good(peer_none(&f->peer, lun_of(0), cdb));
}

static void
capacity_change(void **state)
{
	struct fixture *f = *state;
	struct bdev *bdev = &f->rig.disks[0]->bdev;
	struct capacity cap;
	uint8_t cdb[CDB_MAX];
	struct answer *a;

	bdev->size /= 2;
	bdev->changed(bdev, bdev->changed_ctx);
	cdb_test_unit_ready(cdb);
	assert_sense(peer_none(&f->peer, lun_of(0), cdb), SENSE_UNIT_ATTENTION,
	    SENSE_CAPACITY_CHANGED);
	cdb_read_capacity16(cdb, 32);
	a = peer_in(&f->peer, lun_of(0), cdb, 32);
	assert_int_equal(capacity16_get(a->data, a->len, &cap), 0);
	assert_int_equal(cap.last_lba, RIG_BLOCKS / 2 - 1);
	bdev->size *= 2;
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup_ready, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(inquiry_standard),
		test(vpd_pages),
		test(ports_and_names),
		test(capacity_and_modes),
		test(reports),
		test(unmap),
		test(write_same),
		test(verify),
		test(compare_and_write),
		test(compare_waits_for_write),
		test(medium_errors),
		test(capacity_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
