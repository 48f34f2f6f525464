/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_notes - what doctor notes of a session and of a disk once they work:
 * digests, limits, write protection, provisioning, reservations.  A question
 * that is not answered makes no note.
 */
#include <inttypes.h>
#include <string.h>

#include "base/be.h"
#include "cmd/doctor_impl.h"
#include "proto/param.h"

#define ROOM 255

static int
ask(struct doctor *d, const uint8_t *cdb, uint8_t *buf)
{
	struct error ignored;

	memset(buf, 0, ROOM);
	return client_read(d->client, d->lun, cdb, buf, ROOM, NULL, &ignored);
}

static const char *
digest_name(const struct digest_list *digest)
{
	return digest->n > 0 && digest->order[0] == DIGEST_CRC32C ? "CRC32C"
								  : "none";
}

void
doctor_note_session(struct doctor *d)
{
	const struct params *p = client_params(d->client);

	doctor_note(d, "digests", "header %s, data %s",
	    digest_name(&p->header_digest), digest_name(&p->data_digest));
	doctor_note(d, "limits",
	    "MaxBurstLength %" PRIu32 ", FirstBurstLength %" PRIu32
	    ", MaxRecvDataSegmentLength %" PRIu32
	    " (the target's), ImmediateData %s, InitialR2T %s, "
	    "MaxOutstandingR2T %u",
	    p->max_burst, p->first_burst, p->max_send_data_segment,
	    p->immediate_data ? "Yes" : "No", p->initial_r2t ? "Yes" : "No",
	    p->max_outstanding_r2t);
}

static void
note_mode(struct doctor *d)
{
	uint8_t cdb[CDB_MAX], buf[ROOM];
	struct mode mode;
	int n;

	cdb_mode_sense6(cdb, MODE_PAGE_ALL, 0, false, ROOM);
	n = ask(d, cdb, buf);
	if (n < 0 || mode_get(buf, (size_t)n, false, &mode) < 0)
		return;
	doctor_note(d, "write protection",
	    mode.wp ? "on: the target refuses writes" : "off");
	if (mode.has_caching)
		doctor_note(d, "write cache",
		    mode.caching.wce
			? "on: writes are safe after a flush (fsync) only"
			: "off");
}

static void
note_limits(struct doctor *d)
{
	uint8_t cdb[CDB_MAX], buf[ROOM];
	struct vpd_block_limits limits;
	int n;

	cdb_inquiry_vpd(cdb, VPD_BLOCK_LIMITS, ROOM);
	n = ask(d, cdb, buf);
	if (n < 0 || vpd_block_limits_get(buf, (size_t)n, &limits) < 0 ||
	    limits.max_transfer == 0)
		return;
	doctor_note(d, "transfer length",
	    "at most %" PRIu64 " bytes, best %" PRIu64,
	    (uint64_t)limits.max_transfer * d->capacity.block_size,
	    (uint64_t)limits.optimal_transfer * d->capacity.block_size);
}

static void
note_provisioning(struct doctor *d)
{
	uint8_t cdb[CDB_MAX], buf[ROOM];
	struct vpd_provisioning p;
	int n;

	if (!d->capacity.lbpme) {
		doctor_note(d, "provisioning", "full");
		return;
	}
	cdb_inquiry_vpd(cdb, VPD_LOGICAL_BLOCK_PROVISIONING, ROOM);
	n = ask(d, cdb, buf);
	if (n < 0 || vpd_provisioning_get(buf, (size_t)n, &p) < 0)
		return;
	doctor_note(d, "provisioning", "%s%s%s; unmapped blocks read as %s",
	    p.provisioning_type == PROVISIONING_THIN
		? "thin: writing fails when the pool is full"
		: "blocks can be unmapped",
	    p.lbpu ? ", UNMAP" : "", p.lbpws ? ", WRITE SAME with UNMAP" : "",
	    d->capacity.lbprz ? "zeros" : "anything");
}

/* SPC-4, 5.13.  Type 1 to 8, scope 0: the logical unit. */
static void
note_reservation(struct doctor *d)
{
	static const char *const types[] = { "0", "write exclusive", "2",
		"exclusive access", "4", "write exclusive, registrants only",
		"exclusive access, registrants only",
		"write exclusive, all registrants",
		"exclusive access, all registrants" };
	uint8_t cdb[CDB_MAX] = { SCSI_OP_PERSISTENT_RESERVE_IN,
		SCSI_PRIN_READ_RESERVATION };
	struct reservation r;
	uint8_t buf[ROOM];
	int n;

	be16_put(cdb + 7, ROOM);
	n = ask(d, cdb, buf);
	if (n < 0 || reservation_get(buf, (size_t)n, &r) < 0)
		return;
	if (r.held)
		doctor_note(d, "reservation", "%s, key %016" PRIx64,
		    r.type < sizeof(types) / sizeof(types[0]) ? types[r.type]
							      : "unknown",
		    r.key);
	else
		doctor_note(d, "reservation", "none");
}

void
doctor_note_disk(struct doctor *d)
{
	note_mode(d);
	note_provisioning(d);
	note_reservation(d);
	note_limits(d);
}
