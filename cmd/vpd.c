/* SPDX-License-Identifier: BSD-2-Clause */
/* vpd - see the header. */
#include "cmd/vpd.h"

#include <stdio.h>
#include <string.h>

#include "cmd/report.h"
#include "proto/scsi.h"

static const char *
qualifier_name(uint8_t qualifier)
{
	switch (qualifier) {
	case INQUIRY_CONNECTED:
		return "connected";
	case INQUIRY_NOT_CONNECTED:
		return "not connected";
	case INQUIRY_NO_LU:
		return "no such logical unit";
	default:
		return "unknown";
	}
}

static const char *
version_name(uint8_t version)
{
	static const char *const names[] = { "none", "SCSI", "SCSI-2", "SPC",
		"SPC-2", "SPC-3", "SPC-4", "SPC-5", "SPC-6" };

	return version < sizeof(names) / sizeof(names[0]) ? names[version]
							  : "unknown";
}

void
inquiry_describe(struct json_object *o, const struct inquiry *q)
{
	struct json_object *versions = json_object_new_array();
	char hex[8];
	int i;

	report_text(o, "type", scsi_type_name(q->type));
	report_peer(o, "vendor", q->vendor, strlen(q->vendor));
	report_peer(o, "product", q->product, strlen(q->product));
	report_peer(o, "revision", q->revision, strlen(q->revision));
	report_int(o, "version", q->version);
	report_text(o, "version_name", version_name(q->version));
	report_text(o, "qualifier", qualifier_name(q->qualifier));
	report_bool(o, "removable", q->removable);
	report_bool(o, "command_queuing", q->cmdque);
	report_bool(o, "hierarchical_addressing", q->hisup);
	report_bool(o, "normal_aca", q->naca);
	report_bool(o, "multiport", q->multiport);
	report_bool(o, "third_party_copy", q->third_party_copy);
	report_bool(o, "protection", q->protect);
	report_bool(o, "enclosure_services", q->enclosure);
	report_int(o, "target_port_group_support", q->tpgs);
	report_int(o, "response_format", q->response_format);
	for (i = 0; i < INQUIRY_VERSIONS && q->versions[i] != 0; i++) {
		snprintf(hex, sizeof(hex), "%04x", q->versions[i]);
		json_object_array_add(versions, json_object_new_string(hex));
	}
	json_object_object_add(o, "version_descriptors", versions);
}

static int
describe_supported(struct json_object *o, const uint8_t *buf, size_t len)
{
	struct json_object *pages;
	struct vpd_supported s;
	char hex[4];
	int i;

	if (vpd_supported_get(buf, len, &s) < 0)
		return -1;
	pages = json_object_new_array();
	for (i = 0; i < s.n; i++) {
		snprintf(hex, sizeof(hex), "%02x", s.pages[i]);
		json_object_array_add(pages, json_object_new_string(hex));
	}
	json_object_object_add(o, "pages", pages);
	return 0;
}

static int
describe_serial(struct json_object *o, const uint8_t *buf, size_t len)
{
	char serial[VPD_SERIAL_MAX + 1];

	if (vpd_serial_get(buf, len, serial) < 0)
		return -1;
	report_peer(o, "serial", serial, strlen(serial));
	return 0;
}

static const char *
association_name(uint8_t association)
{
	static const char *const names[] = { "logical unit", "target port",
		"target device", "reserved" };

	return names[association & 3];
}

static const char *
code_set_name(uint8_t code_set)
{
	switch (code_set) {
	case DESIGNATOR_BINARY:
		return "binary";
	case DESIGNATOR_ASCII:
		return "ASCII";
	case DESIGNATOR_UTF8:
		return "UTF-8";
	default:
		return "reserved";
	}
}

static struct json_object *
describe_designator(const struct designator *d)
{
	struct json_object *o = json_object_new_object();
	size_t len = d->len;

	report_text(o, "association", association_name(d->association));
	report_text(o, "type", designator_type_name(d->type));
	report_text(o, "code_set", code_set_name(d->code_set));
	if (d->piv)
		report_int(o, "protocol", d->protocol);
	if (d->code_set == DESIGNATOR_ASCII || d->code_set == DESIGNATOR_UTF8) {
		while (len > 0 && d->value[len - 1] == '\0')
			len--; /* SCSI names are padded */
		report_peer(o, "value", d->value, len);
	} else {
		report_hex(o, "value", d->value, len);
	}
	return o;
}

/* A list that is cut short shows as far as it goes. */
static int
describe_designators(struct json_object *o, const uint8_t *buf, size_t len)
{
	struct json_object *array = json_object_new_array();
	struct designator d;
	size_t pos = 0;
	int more;

	while ((more = vpd_designator_get(buf, len, &pos, &d)) == 1)
		json_object_array_add(array, describe_designator(&d));
	if (more < 0 && pos == 0) {
		json_object_put(array);
		return -1;
	}
	json_object_object_add(o, "designators", array);
	return 0;
}

static int
describe_extended(struct json_object *o, const uint8_t *buf, size_t len)
{
	struct vpd_extended e;

	if (vpd_extended_get(buf, len, &e) < 0)
		return -1;
	report_int(o, "supported_protection_types", e.spt);
	report_bool(o, "guard_check", e.grd_chk);
	report_bool(o, "application_tag_check", e.app_chk);
	report_bool(o, "reference_tag_check", e.ref_chk);
	report_bool(o, "simple_tasks", e.simpsup);
	report_bool(o, "ordered_tasks", e.ordsup);
	report_bool(o, "head_of_queue_tasks", e.headsup);
	report_bool(o, "write_uncorrectable", e.wu_sup);
	report_bool(o, "volatile_cache", e.v_sup);
	report_bool(o, "nonvolatile_cache", e.nv_sup);
	report_bool(o, "logical_unit_i_t_nexus_clear", e.luiclr);
	report_int(o, "maximum_sense_length", e.max_sense_len);
	return 0;
}

static int
describe_policies(struct json_object *o, const uint8_t *buf, size_t len)
{
	static const char *const policies[] = { "shared", "per target port",
		"reserved", "per I_T nexus" };
	struct json_object *array = json_object_new_array(), *row;
	struct mode_page_policy m;
	size_t pos = 0;
	int more;

	while ((more = vpd_mode_page_policy_get(buf, len, &pos, &m)) == 1) {
		row = json_object_new_object();
		report_int(row, "page", m.page);
		report_int(row, "subpage", m.subpage);
		report_text(row, "policy", policies[m.policy & 3]);
		report_bool(row, "multiple_logical_units_share", m.mlus);
		json_object_array_add(array, row);
	}
	if (more < 0 && pos == 0) {
		json_object_put(array);
		return -1;
	}
	json_object_object_add(o, "policies", array);
	return 0;
}

static int
describe_limits(struct json_object *o, const uint8_t *buf, size_t len)
{
	struct vpd_block_limits l;

	if (vpd_block_limits_get(buf, len, &l) < 0)
		return -1;
	report_bool(o, "write_same_nonzero", l.wsnz);
	report_int(o, "maximum_compare_and_write", l.max_compare_and_write);
	report_int(o, "optimal_transfer_granularity", l.optimal_granularity);
	report_int(o, "maximum_transfer", l.max_transfer);
	report_int(o, "optimal_transfer", l.optimal_transfer);
	report_int(o, "maximum_prefetch", l.max_prefetch);
	report_int(o, "maximum_unmap_blocks", l.max_unmap_lbas);
	report_int(o, "maximum_unmap_descriptors", l.max_unmap_descriptors);
	report_int(o, "optimal_unmap_granularity", l.unmap_granularity);
	if (l.ugavalid)
		report_int(o, "unmap_alignment", l.unmap_alignment);
	report_int(o, "maximum_write_same", l.max_write_same);
	return 0;
}

static int
describe_characteristics(struct json_object *o, const uint8_t *buf, size_t len)
{
	static const char *const forms[] = { "not reported", "5.25 inch",
		"3.5 inch", "2.5 inch", "1.8 inch", "less than 1.8 inch" };
	struct vpd_block_characteristics b;

	if (vpd_block_characteristics_get(buf, len, &b) < 0)
		return -1;
	report_int(o, "rotation_rate", b.rotation_rate);
	report_int(o, "product_type", b.product_type);
	report_text(o, "form_factor",
	    b.form_factor < sizeof(forms) / sizeof(forms[0])
		? forms[b.form_factor]
		: "reserved");
	report_bool(o, "fua_covers_cache", b.fuab);
	report_bool(o, "verify_unmapped_blocks", b.vbuls);
	return 0;
}

static int
describe_provisioning(struct json_object *o, const uint8_t *buf, size_t len)
{
	static const char *const types[] = { "not reported", "resource", "thin",
		"reserved" };
	struct vpd_provisioning p;

	if (vpd_provisioning_get(buf, len, &p) < 0)
		return -1;
	report_text(o, "provisioning_type",
	    types[p.provisioning_type < 3 ? p.provisioning_type : 3]);
	report_bool(o, "unmap", p.lbpu);
	report_bool(o, "write_same_16_unmap", p.lbpws);
	report_bool(o, "write_same_10_unmap", p.lbpws10);
	report_bool(o, "unmapped_reads_zero", p.lbprz == 1);
	report_bool(o, "anchor", p.anc_sup);
	report_int(o, "threshold_exponent", p.threshold_exponent);
	return 0;
}

static const struct {
	uint8_t page;
	int (*describe)(struct json_object *, const uint8_t *, size_t);
} describers[] = {
	{ VPD_SUPPORTED_PAGES, describe_supported },
	{ VPD_UNIT_SERIAL_NUMBER, describe_serial },
	{ VPD_DEVICE_IDENTIFICATION, describe_designators },
	{ VPD_EXTENDED_INQUIRY, describe_extended },
	{ VPD_MODE_PAGE_POLICY, describe_policies },
	{ VPD_BLOCK_LIMITS, describe_limits },
	{ VPD_BLOCK_CHARACTERISTICS, describe_characteristics },
	{ VPD_LOGICAL_BLOCK_PROVISIONING, describe_provisioning },
};

void
vpd_describe(
    struct json_object *o, uint8_t page, const uint8_t *buf, size_t len)
{
	const char *name = vpd_page_name(page);
	size_t i;

	if (name != NULL)
		report_text(o, "name", name);
	for (i = 0; i < sizeof(describers) / sizeof(describers[0]); i++)
		if (describers[i].page == page &&
		    describers[i].describe(o, buf, len) == 0)
			return;
	report_hex(o, "data", buf, len);
}
