/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vpdlist - in words, the vital product data pages that are lists.  A list that
 * is cut short shows as far as it goes, and the rest as bytes.
 */
#include <stdio.h>

#include "base/cursor.h"
#include "cmd/report.h"
#include "cmd/vpd.h"
#include "proto/vpd.h"
#include "proto/vpdlist.h"

#define PROTOCOL_ISCSI 5

/* SPC-4, 7.6.1. */
static const char *
protocol_name(uint8_t protocol)
{
	static const char *const names[16] = { "Fibre Channel", "parallel SCSI",
		"SSA", "IEEE 1394", "RDMA", "iSCSI", "SAS", "ADT", "ATA", "UAS",
		"SOP", "PCIe", [15] = "none" };

	return protocol < 16 && names[protocol] != NULL ? names[protocol]
							: "reserved";
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

int
vpd_add_list(struct json_object *o, const char *key, struct json_object *array,
    int end, size_t pos, const uint8_t *buf, size_t len)
{
	if (end < 0 && pos == 0) {
		json_object_put(array);
		return -1;
	}
	json_object_object_add(o, key, array);
	if (end < 0)
		report_dump(o, "cut_short", buf + VPD_HEADER_LEN + pos,
		    len - VPD_HEADER_LEN - pos);
	return 0;
}

/*
 * ---- designators ----
 */

/* SPC-4, 7.8.6.6: the first half byte tells the format. */
static void
describe_naa(struct json_object *o, const uint8_t *value, size_t len)
{
	switch (len > 0 ? value[0] >> 4 : 0) {
	case 2:
		report_text(o, "naa", "IEEE extended");
		if (len != 8)
			break;
		report_digits(o, "vendor_identifier_a", value, 1, 3);
		report_digits(o, "company_id", value, 4, 6);
		report_digits(o, "vendor_identifier_b", value, 10, 6);
		break;
	case 3:
		report_text(o, "naa", "locally assigned");
		break;
	case 5:
	case 6:
		report_text(o, "naa",
		    value[0] >> 4 == 5 ? "IEEE registered"
				       : "IEEE registered extended");
		if (len != (value[0] >> 4 == 5 ? 8u : 16u))
			break;
		report_digits(o, "company_id", value, 1, 6);
		report_digits(o, "vendor_identifier", value, 7, 9);
		if (len == 16)
			report_digits(
			    o, "vendor_identifier_extension", value, 16, 16);
		break;
	default:
		report_text(o, "naa", "reserved");
		break;
	}
}

/* SPC-4, 7.8.6.5. */
static void
describe_eui64(struct json_object *o, const uint8_t *value, size_t len)
{
	unsigned extension = len == 16 ? 16 : 0;

	if (len != 8 && len != 12 && len != 16)
		return;
	if (extension > 0)
		report_digits(o, "identifier_extension", value, 0, 16);
	report_digits(o, "company_id", value, extension, 6);
	report_digits(o, "vendor_extension", value, extension + 6, 10);
	if (len == 12)
		report_digits(o, "directory_id", value, 16, 8);
}

static void
describe_binary(struct json_object *o, const struct designator *d)
{
	switch (d->type) {
	case DESIGNATOR_EUI64:
		describe_eui64(o, d->value, d->len);
		break;
	case DESIGNATOR_NAA:
		describe_naa(o, d->value, d->len);
		break;
	case DESIGNATOR_RELATIVE_PORT:
	case DESIGNATOR_PORT_GROUP:
	case DESIGNATOR_LU_GROUP:
		if (d->len == 4)
			report_int(o, "number", be16_get(d->value + 2));
		break;
	default:
		break;
	}
}

/* SPC-4, 7.8.6.4. */
static void
describe_t10(struct json_object *o, const uint8_t *value, size_t len)
{
	size_t vendor = 8;

	if (len < vendor)
		return;
	report_peer(o, "vendor_specific", value + vendor, len - vendor);
	while (vendor > 0 && value[vendor - 1] == ' ')
		vendor--;
	report_peer(o, "vendor", value, vendor);
}

static struct json_object *
describe_designator(const struct designator *d)
{
	struct json_object *o = json_object_new_object();
	size_t len = d->len;

	report_text(o, "association", association_name(d->association));
	report_text(o, "type", designator_type_name(d->type));
	report_text(o, "code_set", code_set_name(d->code_set));
	if (d->piv) {
		report_int(o, "protocol", d->protocol);
		report_text(o, "protocol_name", protocol_name(d->protocol));
	}
	if (d->code_set == DESIGNATOR_ASCII || d->code_set == DESIGNATOR_UTF8) {
		while (len > 0 && d->value[len - 1] == '\0')
			len--; /* SCSI names are padded */
		report_peer(o, "value", d->value, len);
		if (d->type == DESIGNATOR_T10)
			describe_t10(o, d->value, len);
	} else {
		report_hex(o, "value", d->value, len);
		describe_binary(o, d);
	}
	return o;
}

int
vpd_describe_designators(struct json_object *o, const uint8_t *buf, size_t len)
{
	struct json_object *array = json_object_new_array();
	struct designator d;
	size_t pos = 0;
	int more;

	while ((more = vpd_designator_get(buf, len, &pos, &d)) == 1)
		json_object_array_add(array, describe_designator(&d));
	return vpd_add_list(o, "designators", array, more, pos, buf, len);
}

void
vpd_describe_designator_list(
    struct json_object *o, const uint8_t *list, size_t len)
{
	struct json_object *array = json_object_new_array();
	struct designator d;
	size_t pos = 0;
	int more;

	while ((more = designator_get(list, len, &pos, &d)) == 1)
		json_object_array_add(array, describe_designator(&d));
	json_object_object_add(o, "designators", array);
	if (more < 0)
		report_dump(o, "cut_short", list + pos, len - pos);
}

/*
 * ---- the other pages ----
 */

int
vpd_describe_software(struct json_object *o, const uint8_t *buf, size_t len)
{
	struct json_object *array = json_object_new_array();
	const uint8_t *id;
	size_t pos = 0;
	char hex[2 * SOFTWARE_INTERFACE_LEN + 1];
	int more, i;

	while ((more = vpd_software_interface_get(buf, len, &pos, &id)) == 1) {
		for (i = 0; i < SOFTWARE_INTERFACE_LEN; i++)
			snprintf(hex + 2 * i, 3, "%02x", id[i]);
		json_object_array_add(array, json_object_new_string(hex));
	}
	return vpd_add_list(
	    o, "software_interfaces", array, more, pos, buf, len);
}

int
vpd_describe_management(struct json_object *o, const uint8_t *buf, size_t len)
{
	static const char *const services[] = { "unspecified",
		"storage configuration", "diagnostics", "status", "logging",
		"code download", "copy", "administrative configuration" };
	struct json_object *array = json_object_new_array(), *row;
	struct management_address a;
	size_t pos = 0;
	int more;

	while ((more = vpd_management_address_get(buf, len, &pos, &a)) == 1) {
		row = json_object_new_object();
		report_text(
		    row, "association", association_name(a.association));
		report_text(row, "service",
		    a.service < sizeof(services) / sizeof(services[0])
			? services[a.service]
			: "reserved");
		report_peer(row, "address", a.url, a.len);
		json_object_array_add(array, row);
	}
	return vpd_add_list(o, "addresses", array, more, pos, buf, len);
}

int
vpd_describe_policies(struct json_object *o, const uint8_t *buf, size_t len)
{
	static const char *const policies[] = { "shared", "per target port",
		"per initiator port", "per I_T nexus" };
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
	return vpd_add_list(o, "policies", array, more, pos, buf, len);
}

/* A TransportID (SPC-4, 7.6.4). */
static void
describe_initiator(struct json_object *o, const uint8_t *id, size_t len)
{
	uint8_t protocol = id[0] & 0x0f;
	size_t name = len > 4 ? be16_get(id + 2) : 0;

	report_text(o, "initiator_protocol", protocol_name(protocol));
	if (protocol == PROTOCOL_ISCSI && len > 4 && name <= len - 4) {
		while (name > 0 && id[4 + name - 1] == '\0')
			name--;
		report_peer(o, "initiator_port", id + 4, name);
	} else {
		report_hex(o, "initiator_port", id, len);
	}
}

int
vpd_describe_ports(struct json_object *o, const uint8_t *buf, size_t len)
{
	struct json_object *array = json_object_new_array(), *row;
	struct scsi_port p;
	size_t pos = 0;
	int more;

	while ((more = vpd_scsi_port_get(buf, len, &pos, &p)) == 1) {
		row = json_object_new_object();
		report_int(row, "relative_port", p.relative);
		if (p.transport_id_len > 0)
			describe_initiator(
			    row, p.transport_id, p.transport_id_len);
		vpd_describe_designator_list(
		    row, p.designators, p.designators_len);
		json_object_array_add(array, row);
	}
	return vpd_add_list(o, "ports", array, more, pos, buf, len);
}
