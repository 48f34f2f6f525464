/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vpdcopy - page 8Fh in words: what a logical unit can copy without us (SPC-4,
 * 7.8.17).  Each descriptor has a row of its own; those that are not known, or
 * are shorter than they should be, show as bytes.
 */
#include <stdio.h>

#include "base/cursor.h"
#include "cmd/report.h"
#include "cmd/vpd.h"
#include "proto/vpd.h"
#include "proto/vpdlist.h"

static void
add_hex(struct json_object *array, unsigned digits, unsigned value)
{
	char hex[8];

	snprintf(hex, sizeof(hex), "%0*x", (int)digits, value);
	json_object_array_add(array, json_object_new_string(hex));
}

static void
rod_limits(struct json_object *o, struct cursor *c)
{
	cursor_skip(c, 6);
	report_int(o, "maximum_ranges", cursor_u16(c));
	report_int(o, "maximum_inactivity_timeout", cursor_u32(c));
	report_int(o, "default_inactivity_timeout", cursor_u32(c));
	report_int(o, "maximum_token_transfer", cursor_u64(c));
	report_int(o, "optimal_transfer", cursor_u64(c));
}

static void
commands(struct json_object *o, struct cursor *c)
{
	struct json_object *array = json_object_new_array(), *row, *actions;
	const uint8_t *head, *list;
	struct cursor rest;
	uint8_t n, i;

	n = cursor_u8(c);
	list = cursor_bytes(c, n);
	cursor_init(&rest, list, list == NULL ? 0 : n);
	while ((head = cursor_bytes(&rest, 2)) != NULL &&
	       (list = cursor_bytes(&rest, head[1])) != NULL) {
		row = json_object_new_object();
		actions = json_object_new_array();
		report_digits(row, "operation_code", head, 0, 2);
		for (i = 0; i < head[1]; i++)
			add_hex(actions, 2, list[i]);
		json_object_object_add(row, "service_actions", actions);
		json_object_array_add(array, row);
	}
	json_object_object_add(o, "commands", array);
}

static void
parameters(struct json_object *o, struct cursor *c)
{
	cursor_skip(c, 4);
	report_int(o, "maximum_cscd_descriptors", cursor_u16(c));
	report_int(o, "maximum_segment_descriptors", cursor_u16(c));
	report_int(o, "maximum_descriptor_list", cursor_u32(c));
	report_int(o, "maximum_inline_data", cursor_u32(c));
}

static void
descriptors(struct json_object *o, struct cursor *c)
{
	struct json_object *array = json_object_new_array();
	uint8_t n = cursor_u8(c);

	while (n-- > 0 && cursor_left(c) > 0)
		add_hex(array, 2, cursor_u8(c));
	json_object_object_add(o, "descriptor_types", array);
}

static void
cscd_ids(struct json_object *o, struct cursor *c)
{
	struct json_object *array = json_object_new_array();
	uint16_t n = cursor_u16(c) / 2;

	while (n-- > 0 && cursor_left(c) >= 2)
		add_hex(array, 4, cursor_u16(c));
	json_object_object_add(o, "cscd_descriptor_ids", array);
}

static void
rod_features(struct json_object *o, struct cursor *c)
{
	report_int(o, "remote_tokens", cursor_u8(c) & 0x0f);
	cursor_skip(c, 11);
	report_int(o, "minimum_token_lifetime", cursor_u32(c));
	report_int(o, "maximum_token_lifetime", cursor_u32(c));
	report_int(o, "maximum_token_inactivity_timeout", cursor_u32(c));
}

#define ROD_TYPE_LEN 64

static void
rod_types(struct json_object *o, struct cursor *c)
{
	struct json_object *array = json_object_new_array(), *row;
	const uint8_t *p;
	uint16_t n;
	uint8_t b;

	cursor_skip(c, 2);
	n = cursor_u16(c) / ROD_TYPE_LEN;
	while (n-- > 0 && cursor_left(c) >= ROD_TYPE_LEN) {
		p = cursor_bytes(c, ROD_TYPE_LEN);
		row = json_object_new_object();
		report_digits(row, "rod_type", p, 0, 8);
		b = p[4];
		report_bool(row, "internal", b & 0x80);
		report_bool(row, "token_in", b & 0x02);
		report_bool(row, "token_out", b & 0x01);
		report_int(row, "preference", be16_get(p + 6));
		json_object_array_add(array, row);
	}
	json_object_object_add(o, "rod_types", array);
}

static void
general(struct json_object *o, struct cursor *c)
{
	report_int(o, "concurrent_copies", cursor_u32(c));
	report_int(o, "maximum_identified_copies", cursor_u32(c));
	report_int(o, "maximum_segment", cursor_u32(c));
	report_int(o, "segment_granularity_exponent", cursor_u8(c));
	report_int(o, "inline_data_granularity_exponent", cursor_u8(c));
}

static void
stream(struct json_object *o, struct cursor *c)
{
	report_int(o, "maximum_stream_transfer", cursor_u32(c));
}

static void
held_data(struct json_object *o, struct cursor *c)
{
	report_int(o, "held_data_limit", cursor_u32(c));
	report_int(o, "held_data_granularity_exponent", cursor_u8(c));
}

static const struct {
	uint16_t type;
	const char *name;
	void (*describe)(struct json_object *, struct cursor *);
} rows[] = {
	{ THIRD_PARTY_ROD_LIMITS, "block device ROD limits", rod_limits },
	{ THIRD_PARTY_COMMANDS, "supported commands", commands },
	{ THIRD_PARTY_PARAMETERS, "parameter data", parameters },
	{ THIRD_PARTY_DESCRIPTORS, "supported descriptors", descriptors },
	{ THIRD_PARTY_CSCD_IDS, "supported CSCD descriptor IDs", cscd_ids },
	{ THIRD_PARTY_ROD_FEATURES, "ROD token features", rod_features },
	{ THIRD_PARTY_ROD_TYPES, "supported ROD types", rod_types },
	{ THIRD_PARTY_GENERAL, "general copy operations", general },
	{ THIRD_PARTY_STREAM, "stream copy operations", stream },
	{ THIRD_PARTY_HELD_DATA, "held data", held_data },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct json_object *
describe(const struct third_party_copy *t)
{
	struct json_object *o = json_object_new_object(), *members;
	struct cursor c;
	uint8_t type[2];
	size_t i = 0;

	be16_put(type, t->type);
	report_digits(o, "type", type, 0, 4);
	while (i < ROWS && rows[i].type != t->type)
		i++;
	if (i < ROWS) {
		report_text(o, "descriptor", rows[i].name);
		members = json_object_new_object();
		cursor_init(&c, t->body, t->len);
		rows[i].describe(members, &c);
		if (!c.bad) {
			json_object_object_foreach(members, key, value)
			{
				json_object_object_add(
				    o, key, json_object_get(value));
			}
			json_object_put(members);
			return o;
		}
		json_object_put(members);
	}
	report_dump(o, "data", t->body, t->len);
	return o;
}

int
vpd_describe_copy(struct json_object *o, const uint8_t *buf, size_t len)
{
	struct json_object *array = json_object_new_array();
	struct third_party_copy t;
	size_t pos = 0;
	int more;

	while ((more = vpd_third_party_copy_get(buf, len, &pos, &t)) == 1)
		json_object_array_add(array, describe(&t));
	return vpd_add_list(o, "descriptors", array, more, pos, buf, len);
}
