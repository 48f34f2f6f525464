/* SPDX-License-Identifier: BSD-2-Clause */
/* sensewords - see the header. */
#include "cmd/sensewords.h"

#include "base/cursor.h"
#include "cmd/vpd.h"
#include "proto/sense.h"
#include "proto/sensecode.h"
#include "proto/sensedetail.h"

#define VENDOR_FORMAT 0x7f

/* Members whose value depends on the sense key, or on one descriptor. */
static void
describe_specific(struct json_object *parent, uint8_t key, const uint8_t *p)
{
	struct json_object *o;
	struct sense_specific s;

	if (!sense_specific_get(key, p, &s))
		return;
	o = json_object_new_object();
	switch (s.kind) {
	case SPECIFIC_FIELD:
		report_text(o, "field_in", s.in_cdb ? "CDB" : "parameter list");
		report_int(o, "byte", s.value);
		break;
	case SPECIFIC_SEGMENT:
		report_text(o, "field_in",
		    s.in_segment ? "segment descriptor" : "parameter list");
		report_int(o, "byte", s.value);
		break;
	case SPECIFIC_RETRIES:
		report_int(o, "actual_retry_count", s.value);
		break;
	case SPECIFIC_PROGRESS:
		report_int(o, "progress", s.value);
		report_int(o, "progress_percent", s.value * 100u / 65536);
		break;
	case SPECIFIC_OVERFLOW:
		report_bool(o, "unit_attention_queue_overflow", s.overflow);
		break;
	case SPECIFIC_OTHER:
		report_hex(o, "bytes", p, SENSE_SPECIFIC_LEN);
		break;
	}
	if ((s.kind == SPECIFIC_FIELD || s.kind == SPECIFIC_SEGMENT) &&
	    s.bit_valid)
		report_int(o, "bit", s.bit);
	json_object_object_add(parent, "sense_key_specific", o);
}

/*
 * ---- descriptors ----
 *
 * Each gets its body with a cursor at the byte behind the header; what it has
 * read beyond the end makes the whole descriptor show as bytes.
 */

static void
information(struct json_object *o, struct cursor *c, uint8_t key)
{
	bool valid = cursor_u8(c) & 0x80;

	(void)key;
	cursor_skip(c, 1);
	report_bool(o, "valid", valid);
	report_int(o, "information", cursor_u64(c));
}

static void
command_specific(struct json_object *o, struct cursor *c, uint8_t key)
{
	(void)key;
	cursor_skip(c, 2);
	report_int(o, "command_specific_information", cursor_u64(c));
}

static void
key_specific(struct json_object *o, struct cursor *c, uint8_t key)
{
	const uint8_t *p;

	cursor_skip(c, 2);
	p = cursor_bytes(c, SENSE_SPECIFIC_LEN);
	if (p != NULL)
		describe_specific(o, key, p);
}

static void
unit(struct json_object *o, struct cursor *c, uint8_t key)
{
	(void)key;
	cursor_skip(c, 1);
	report_int(o, "field_replaceable_unit", cursor_u8(c));
}

static void
stream(struct json_object *o, struct cursor *c, uint8_t key)
{
	uint8_t b;

	(void)key;
	cursor_skip(c, 1);
	b = cursor_u8(c);
	report_bool(o, "filemark", b & 0x80);
	report_bool(o, "end_of_medium", b & 0x40);
	report_bool(o, "incorrect_length", b & 0x20);
}

static void
block(struct json_object *o, struct cursor *c, uint8_t key)
{
	(void)key;
	cursor_skip(c, 1);
	report_bool(o, "incorrect_length", cursor_u8(c) & 0x20);
}

/* SAT: what an ATA disk behind a bridge said. */
static void
ata_status(struct json_object *o, struct cursor *c, uint8_t key)
{
	const uint8_t *p = cursor_bytes(c, 12);

	(void)key;
	if (p == NULL)
		return;
	report_bool(o, "extend", p[0] & 0x01);
	report_digits(o, "error", p, 2, 2);
	report_int(
	    o, "sector_count", p[0] & 0x01 ? (uint64_t)be16_get(p + 2) : p[3]);
	report_int(o, "lba",
	    p[0] & 0x01 ? (uint64_t)p[8] << 40 | (uint64_t)p[6] << 32 |
			      (uint64_t)p[4] << 24 | (uint64_t)p[9] << 16 |
			      (uint64_t)p[7] << 8 | p[5]
			: (uint64_t)p[9] << 16 | (uint64_t)p[7] << 8 | p[5]);
	report_digits(o, "device", p, 20, 2);
	report_digits(o, "status", p, 22, 2);
}

/* SPC-4, 4.5.2.6: its own key and codes. */
static void
progress(struct json_object *o, struct cursor *c, uint8_t key)
{
	uint8_t another = cursor_u8(c) & 0x0f, asc = cursor_u8(c), ascq;
	unsigned value;

	(void)key;
	ascq = cursor_u8(c);
	cursor_skip(c, 1);
	value = cursor_u16(c);
	report_text(o, "sense_key_name", sense_key_name(another));
	report_text(o, "additional_sense", sensecode_words(asc, ascq));
	report_int(o, "progress", value);
	report_int(o, "progress_percent", value * 100u / 65536);
}

/* SBC-3, 4.18.4: all of a disk's in one. */
static void
direct_access(struct json_object *o, struct cursor *c, uint8_t key)
{
	uint8_t b = cursor_u8(c);
	const uint8_t *p;

	cursor_skip(c, 1);
	p = cursor_bytes(c, SENSE_SPECIFIC_LEN);
	report_bool(o, "valid", b & 0x80);
	report_bool(o, "incorrect_length", b & 0x20);
	if (p != NULL)
		describe_specific(o, key, p);
	report_int(o, "field_replaceable_unit", cursor_u8(c));
	report_int(o, "information", cursor_u64(c));
	report_int(o, "command_specific_information", cursor_u64(c));
}

/* SPC-4, 4.5.2.7: sense data of another device, copied from there. */
static void
forwarded(struct json_object *o, struct cursor *c, uint8_t key)
{
	static const char *const sources[] = { "unknown", "copy source",
		"copy destination" };
	struct json_object *inner = json_object_new_object();
	uint8_t b = cursor_u8(c), status = cursor_u8(c);
	size_t len = cursor_left(c);
	const uint8_t *p = cursor_bytes(c, len);

	(void)key;
	report_text(o, "sense_data_source",
	    (b & 0x0f) < 3 ? sources[b & 0x0f] : "additional copy destination");
	report_bool(o, "truncated", b & 0x80);
	report_int(o, "status", status);
	/* One level: what a forwarded one holds is shown as bytes. */
	if (len > 0 && (p[0] & 0x7f) < 0x72 &&
	    sense_describe(inner, p, len, NULL) == 0) {
		json_object_object_add(o, "sense_data", inner);
		return;
	}
	json_object_put(inner);
	if (len > 0)
		report_dump(o, "data", p, len);
}

static void
designation(struct json_object *o, struct cursor *c, uint8_t key)
{
	size_t len;

	(void)key;
	cursor_skip(c, 2);
	len = cursor_left(c);
	vpd_describe_designator_list(o, cursor_bytes(c, len), len);
}

static void
microcode(struct json_object *o, struct cursor *c, uint8_t key)
{
	(void)key;
	cursor_skip(c, 4);
	report_int(o, "activation_seconds", cursor_u16(c));
}

static void (*const describers[])(
    struct json_object *, struct cursor *, uint8_t key) = {
	[SENSE_DESC_INFORMATION] = information,
	[SENSE_DESC_COMMAND_SPECIFIC] = command_specific,
	[SENSE_DESC_KEY_SPECIFIC] = key_specific,
	[SENSE_DESC_FRU] = unit,
	[SENSE_DESC_STREAM] = stream,
	[SENSE_DESC_BLOCK] = block,
	[SENSE_DESC_ATA_STATUS] = ata_status,
	[SENSE_DESC_PROGRESS] = progress,
	[SENSE_DESC_FORWARDED] = forwarded,
	[SENSE_DESC_DIRECT_ACCESS] = direct_access,
	[SENSE_DESC_DESIGNATION] = designation,
	[SENSE_DESC_MICROCODE] = microcode,
};

static struct json_object *
describe_descriptor(const struct sense_descriptor *d, uint8_t key)
{
	struct json_object *o = json_object_new_object();
	struct json_object *members = json_object_new_object();
	bool known = d->type < sizeof(describers) / sizeof(describers[0]) &&
		     describers[d->type] != NULL;
	struct cursor c;

	report_digits(o, "type", &d->type, 0, 2);
	report_text(o, "name", sense_descriptor_name(d->type));
	cursor_init(&c, d->body, d->len);
	if (known)
		describers[d->type](members, &c, key);
	if (known && !c.bad) {
		json_object_object_foreach(members, name, value)
		{
			json_object_object_add(o, name, json_object_get(value));
		}
	} else if (d->len > 0) {
		report_dump(o, "data", d->body, d->len);
	}
	json_object_put(members);
	return o;
}

static void
describe_descriptors(
    struct json_object *o, const struct sensedetail *d, uint8_t key)
{
	struct json_object *array = json_object_new_array();
	struct sense_descriptor x;
	size_t pos = 0;
	int more;

	while (
	    (more = sense_descriptor_get(d->rest, d->rest_len, &pos, &x)) == 1)
		json_object_array_add(array, describe_descriptor(&x, key));
	json_object_object_add(o, "descriptors", array);
	if (more < 0)
		report_dump(o, "descriptor_cut_short", d->rest + pos,
		    d->rest_len - pos);
}

/*
 * ---- the whole ----
 */

static void
describe_fixed(struct json_object *o, const struct sensedetail *d,
    const struct sense *s, const uint8_t *buf, size_t len)
{
	report_bool(o, "filemark", d->filemark);
	report_bool(o, "end_of_medium", d->eom);
	report_bool(o, "incorrect_length", d->ili);
	report_bool(o, "information_valid", s->information_valid);
	if (len >= 7)
		report_int(o, "information", be32_get(buf + 3));
	if (len >= 12)
		report_int(
		    o, "command_specific_information", be32_get(buf + 8));
	if (len > 14)
		report_int(o, "field_replaceable_unit", d->fru);
	if (d->specific != NULL)
		describe_specific(o, s->key, d->specific);
	if (d->rest_len > 0)
		report_dump(o, "additional_sense_bytes", d->rest, d->rest_len);
}

static void
describe_code(struct json_object *o, const struct sense *s)
{
	report_int(o, "sense_key", s->key);
	report_text(o, "sense_key_name", sense_key_name(s->key));
	report_digits(o, "asc", &s->asc, 0, 2);
	report_digits(o, "ascq", &s->ascq, 0, 2);
	report_text(o, "additional_sense", sensecode_words(s->asc, s->ascq));
	report_bool(
	    o, "vendor_specific", sensecode_vendor_specific(s->asc, s->ascq));
	if (s->asc == 0x40 && s->ascq >= 0x80)
		report_digits(o, "component", &s->ascq, 0, 2);
	else if (s->asc == 0x4d)
		report_int(o, "task_tag", s->ascq);
}

int
sense_describe(
    struct json_object *o, const uint8_t *buf, size_t len, struct error *err)
{
	char text[SENSE_TEXT];
	struct sensedetail d;
	struct sense s;

	if (len == 0)
		return error_set(
		    err, ERROR_USAGE, "no bytes: there are no sense data");
	if ((buf[0] & 0x7f) == VENDOR_FORMAT) {
		report_text(o, "format", "vendor specific");
		report_dump(o, "data", buf, len);
		return 0;
	}
	if ((buf[0] & 0x7f) < 0x70 || (buf[0] & 0x7f) > 0x73)
		return error_set(err, ERROR_FAILED,
		    "byte 0, %02x: not a response code of sense data, which "
		    "are 70 to 73 and 7f",
		    buf[0]);
	if (sense_get(buf, len, &s) < 0 || sensedetail_get(buf, len, &d) < 0)
		return error_set(err, ERROR_FAILED,
		    "%zu bytes: the sense data end before the additional "
		    "sense code",
		    len);
	report_text(o, "summary", sense_text(text, sizeof(text), &s));
	report_text(o, "format", d.descriptor_format ? "descriptor" : "fixed");
	report_bool(o, "deferred", s.deferred);
	describe_code(o, &s);
	report_bool(o, "sense_data_overflow", d.sdat_ovfl);
	if (d.descriptor_format)
		describe_descriptors(o, &d, s.key);
	else
		describe_fixed(o, &d, &s, buf, len);
	report_bool(o, "cut_short", d.cut);
	return 0;
}
