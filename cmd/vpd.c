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

/* The vendor's part of the standard data (SPC-4, 6.6.2), where it is used. */
static void
describe_vendor(struct json_object *o, const uint8_t *buf, size_t len)
{
	static const struct {
		const char *key;
		size_t from, to;
	} parts[] = { { "vendor_specific", 36, 56 },
		{ "vendor_specific_parameters", 96, SIZE_MAX } };
	size_t i, end, at;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		end = len < parts[i].to ? len : parts[i].to;
		at = parts[i].from;
		while (at < end && buf[at] == 0)
			at++;
		if (at < end)
			report_dump(o, parts[i].key, buf + parts[i].from,
			    end - parts[i].from);
	}
}

static void
describe_versions(struct json_object *o, const struct inquiry *q)
{
	struct json_object *versions = json_object_new_array();
	struct json_object *standards = json_object_new_array();
	const char *name;
	char hex[8];
	int i;

	for (i = 0; i < INQUIRY_VERSIONS && q->versions[i] != 0; i++) {
		snprintf(hex, sizeof(hex), "%04x", q->versions[i]);
		json_object_array_add(versions, json_object_new_string(hex));
		name = inquiry_version_name(q->versions[i]);
		if (name != NULL)
			json_object_array_add(
			    standards, json_object_new_string(name));
	}
	json_object_object_add(o, "version_descriptors", versions);
	json_object_object_add(o, "standards", standards);
}

void
inquiry_describe(struct json_object *o, const struct inquiry *q,
    const uint8_t *buf, size_t len)
{

	report_text(o, "type", scsi_type_name(q->type));
	report_peer(o, "vendor", q->vendor, strlen(q->vendor));
	report_peer(o, "product", q->product, strlen(q->product));
	report_peer(o, "revision", q->revision, strlen(q->revision));
	report_int(o, "version", q->version);
	report_text(o, "version_name", version_name(q->version));
	report_text(o, "qualifier", qualifier_name(q->qualifier));
	report_bool(o, "removable", q->removable);
	report_bool(o, "logical_unit_conglomerate", q->lu_cong);
	report_bool(o, "command_queuing", q->cmdque);
	report_bool(o, "hierarchical_addressing", q->hisup);
	report_bool(o, "normal_aca", q->naca);
	report_bool(o, "multiport", q->multiport);
	report_bool(o, "third_party_copy", q->third_party_copy);
	report_bool(o, "protection", q->protect);
	report_bool(o, "enclosure_services", q->enclosure);
	report_bool(o, "embedded_storage_array_controller", q->sccs);
	report_int(o, "target_port_group_support", q->tpgs);
	report_int(o, "response_format", q->response_format);
	describe_versions(o, q);
	describe_vendor(o, buf, len);
}

static int
describe_supported(struct json_object *o, const uint8_t *buf, size_t len)
{
	struct json_object *pages, *names;
	struct vpd_supported s;
	const char *name;
	char hex[4];
	int i;

	if (vpd_supported_get(buf, len, &s) < 0)
		return -1;
	pages = json_object_new_array();
	names = json_object_new_object();
	for (i = 0; i < s.n; i++) {
		snprintf(hex, sizeof(hex), "%02x", s.pages[i]);
		json_object_array_add(pages, json_object_new_string(hex));
		name = vpd_page_name(s.pages[i]);
		if (name != NULL)
			report_text(names, hex, name);
	}
	json_object_object_add(o, "pages", pages);
	json_object_object_add(o, "names", names);
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

static int
describe_extended(struct json_object *o, const uint8_t *buf, size_t len)
{
	struct vpd_extended e;

	if (vpd_extended_get(buf, len, &e) < 0)
		return -1;
	report_int(o, "activate_microcode", e.activate_microcode);
	report_int(o, "supported_protection_types", e.spt);
	report_bool(o, "guard_check", e.grd_chk);
	report_bool(o, "application_tag_check", e.app_chk);
	report_bool(o, "reference_tag_check", e.ref_chk);
	report_bool(o, "unit_attention_sense_key_specific", e.uask_sup);
	report_bool(o, "grouping_function", e.group_sup);
	report_bool(o, "task_priority", e.prior_sup);
	report_bool(o, "head_of_queue_tasks", e.headsup);
	report_bool(o, "ordered_tasks", e.ordsup);
	report_bool(o, "simple_tasks", e.simpsup);
	report_bool(o, "write_uncorrectable", e.wu_sup);
	report_bool(o, "correction_disable", e.crd_sup);
	report_bool(o, "nonvolatile_cache", e.nv_sup);
	report_bool(o, "volatile_cache", e.v_sup);
	report_bool(o, "no_protection_information_check", e.no_pi_chk);
	report_bool(o, "protection_information_interval", e.p_i_i_sup);
	report_bool(o, "logical_unit_i_t_nexus_clear", e.luiclr);
	report_int(o, "logical_unit_collection_type", e.lu_coll_type);
	report_bool(o, "referrals", e.r_sup);
	report_bool(o, "revert_to_defaults", e.rtd_sup);
	report_bool(o, "history_snapshots_release_effects", e.hssrelef);
	report_bool(o, "capability_based_security", e.cbcs);
	report_int(
	    o, "multi_i_t_nexus_microcode_download", e.multi_nexus_microcode);
	report_int(o, "extended_self_test_minutes", e.self_test_minutes);
	report_bool(o, "power_on_activation", e.poa_sup);
	report_bool(o, "hard_reset_activation", e.hra_sup);
	report_bool(o, "vendor_specific_activation", e.vsa_sup);
	report_bool(o, "download_microcode_support_valid", e.dms_valid);
	report_int(o, "maximum_sense_length", e.max_sense_len);
	report_bool(o, "implicit_bind", e.ibs);
	report_bool(o, "implicit_affiliation", e.ias);
	report_bool(o, "set_affiliation_command", e.sac);
	report_bool(o, "no_redirect_one", e.nrd1);
	report_bool(o, "no_redirect_zero", e.nrd0);
	report_int(o, "maximum_inquiry_change_logs", e.max_inquiry_logs);
	report_int(o, "maximum_mode_page_change_logs", e.max_mode_page_logs);
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
	report_int(o, "maximum_atomic_transfer", l.max_atomic_transfer);
	report_int(o, "atomic_alignment", l.atomic_alignment);
	report_int(o, "atomic_transfer_granularity", l.atomic_granularity);
	report_int(o, "maximum_atomic_transfer_with_boundary",
	    l.max_atomic_transfer_with_boundary);
	report_int(o, "maximum_atomic_boundary", l.max_atomic_boundary);
	return 0;
}

/* The name of a value, from a list of those that have one. */
#define name_of(names, value)                                          \
	((value) < sizeof(names) / sizeof((names)[0]) ? (names)[value] \
						      : "reserved")

static void
describe_rotation(struct json_object *o, uint16_t rate)
{
	report_int(o, "rotation_rate", rate);
	report_text(o, "medium",
	    rate == 0			    ? "not reported"
	    : rate == 1			    ? "non-rotating"
	    : rate > 0x400 && rate < 0xffff ? "rotating"
					    : "reserved");
}

static int
describe_characteristics(struct json_object *o, const uint8_t *buf, size_t len)
{
	static const char *const forms[] = { "not reported", "5.25 inch",
		"3.5 inch", "2.5 inch", "1.8 inch", "less than 1.8 inch" };
	static const char *const products[] = { "not indicated", "CFast",
		"CompactFlash", "Memory Stick", "MultiMediaCard", "SD card",
		"XQD", "UFS card" };
	static const char *const zones[] = { "not reported", "host aware",
		"device managed", "reserved" };
	struct vpd_block_characteristics b;

	if (vpd_block_characteristics_get(buf, len, &b) < 0)
		return -1;
	describe_rotation(o, b.rotation_rate);
	report_int(o, "product_type", b.product_type);
	report_text(o, "product_type_name", name_of(products, b.product_type));
	report_int(o, "write_after_block_erase", b.wabereq);
	report_int(o, "write_after_crypto_erase", b.wacereq);
	report_text(o, "form_factor", name_of(forms, b.form_factor));
	report_text(o, "zoned", zones[b.zoned & 3]);
	report_bool(o, "reassign_blocks_with_zeros", b.rbwz);
	report_bool(o, "background_operations_control", b.bocs);
	report_bool(o, "fua_covers_cache", b.fuab);
	report_bool(o, "verify_unmapped_blocks", b.vbuls);
	report_int(o, "depopulation_seconds", b.depopulation_time);
	return 0;
}

static int
describe_provisioning(struct json_object *o, const uint8_t *buf, size_t len)
{
	static const char *const types[] = { "not reported", "resource",
		"thin" };
	struct vpd_provisioning p;

	if (vpd_provisioning_get(buf, len, &p) < 0)
		return -1;
	report_text(
	    o, "provisioning_type", name_of(types, p.provisioning_type));
	report_bool(o, "unmap", p.lbpu);
	report_bool(o, "write_same_16_unmap", p.lbpws);
	report_bool(o, "write_same_10_unmap", p.lbpws10);
	report_int(o, "logical_block_provisioning_read_zeros", p.lbprz);
	report_bool(o, "unmapped_reads_zero", p.lbprz == 1);
	report_bool(o, "anchor", p.anc_sup);
	report_int(o, "threshold_exponent", p.threshold_exponent);
	report_int(o, "minimum_percentage", p.minimum_percentage);
	report_int(o, "threshold_percentage", p.threshold_percentage);
	report_bool(o, "provisioning_group_descriptor", p.dp);
	if (p.dp && len > PROVISIONING_LEN)
		vpd_describe_designator_list(
		    o, buf + PROVISIONING_LEN, len - PROVISIONING_LEN);
	return 0;
}

static const struct {
	uint8_t page;
	int (*describe)(struct json_object *, const uint8_t *, size_t);
} describers[] = {
	{ VPD_SUPPORTED_PAGES, describe_supported },
	{ VPD_UNIT_SERIAL_NUMBER, describe_serial },
	{ VPD_DEVICE_IDENTIFICATION, vpd_describe_designators },
	{ VPD_SOFTWARE_INTERFACES, vpd_describe_software },
	{ VPD_MANAGEMENT_ADDRESSES, vpd_describe_management },
	{ VPD_EXTENDED_INQUIRY, describe_extended },
	{ VPD_MODE_PAGE_POLICY, vpd_describe_policies },
	{ VPD_SCSI_PORTS, vpd_describe_ports },
	{ VPD_THIRD_PARTY_COPY, vpd_describe_copy },
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
	report_dump(o, "data", buf, len);
}
