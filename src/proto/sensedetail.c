/* SPDX-License-Identifier: BSD-2-Clause */
/* sensedetail - see the header; the layouts are drawn in sense.c. */
#include "proto/sensedetail.h"

#include <errno.h>
#include <string.h>

#include "base/be.h"
#include "base/cursor.h"
#include "proto/sense.h"

#define HEADER_LEN 8 /* up to ADDITIONAL SENSE LENGTH, in both formats */

#define SKSV 0x80
#define CD   0x40
#define SD   0x20
#define BPV  0x08

static void
fixed_get(const uint8_t *buf, size_t len, struct sensedetail *d)
{
	d->filemark = buf[2] & 0x80;
	d->eom = buf[2] & 0x40;
	d->ili = buf[2] & 0x20;
	d->sdat_ovfl = buf[2] & 0x10;
	if (len > 14)
		d->fru = buf[14];
	if (len >= SENSE_FIXED_LEN) {
		d->specific = buf + 15;
		d->rest = buf + SENSE_FIXED_LEN;
		d->rest_len = len - SENSE_FIXED_LEN;
	}
}

int
sensedetail_get(const uint8_t *buf, size_t len, struct sensedetail *ret)
{
	struct sensedetail d;
	struct sense s;
	size_t whole;

	if (sense_get(buf, len, &s) < 0)
		return -EBADMSG;
	memset(&d, 0, sizeof(d));
	whole = len < HEADER_LEN ? HEADER_LEN : (size_t)buf[7] + HEADER_LEN;
	d.cut = len < whole;
	if (len > whole)
		len = whole;
	d.descriptor_format = (buf[0] & 0x7e) == 0x72;
	if (!d.descriptor_format) {
		fixed_get(buf, len, &d);
	} else if (len > HEADER_LEN) {
		d.sdat_ovfl = buf[4] & 0x80;
		d.rest = buf + HEADER_LEN;
		d.rest_len = len - HEADER_LEN;
	}
	*ret = d;
	return 0;
}

int
sense_descriptor_get(
    const uint8_t *list, size_t len, size_t *pos, struct sense_descriptor *ret)
{
	const uint8_t *head, *body;
	struct cursor c;

	cursor_init(&c, list, len);
	cursor_skip(&c, *pos);
	if (!c.bad && cursor_left(&c) == 0)
		return 0;
	head = cursor_bytes(&c, 2);
	body = head == NULL ? NULL : cursor_bytes(&c, head[1]);
	if (body == NULL)
		return -EBADMSG;
	ret->type = head[0];
	ret->len = head[1];
	ret->body = body;
	*pos += 2u + head[1];
	return 1;
}

const char *
sense_descriptor_name(uint8_t type)
{
	static const char *const names[] = { "information",
		"command specific information", "sense key specific",
		"field replaceable unit", "stream commands", "block commands",
		"OSD object identification", "OSD response integrity",
		"OSD attribute identification", "ATA status return",
		"another progress indication", "user data segment referral",
		"forwarded sense data", "direct access block device",
		"device designation", "microcode activation" };

	if (type < sizeof(names) / sizeof(names[0]))
		return names[type];
	return type >= SENSE_DESC_VENDOR ? "vendor specific" : "reserved";
}

static enum sense_specific_kind
kind_of(uint8_t key)
{
	switch (key) {
	case SENSE_NO_SENSE:
	case SENSE_NOT_READY:
		return SPECIFIC_PROGRESS;
	case SENSE_RECOVERED_ERROR:
	case SENSE_MEDIUM_ERROR:
	case SENSE_HARDWARE_ERROR:
		return SPECIFIC_RETRIES;
	case SENSE_ILLEGAL_REQUEST:
		return SPECIFIC_FIELD;
	case SENSE_UNIT_ATTENTION:
		return SPECIFIC_OVERFLOW;
	case SENSE_COPY_ABORTED:
		return SPECIFIC_SEGMENT;
	default:
		return SPECIFIC_OTHER;
	}
}

bool
sense_specific_get(uint8_t key, const uint8_t p[SENSE_SPECIFIC_LEN],
    struct sense_specific *ret)
{
	if (!(p[0] & SKSV))
		return false;
	*ret = (struct sense_specific){ .kind = kind_of(key),
		.in_cdb = p[0] & CD,
		.in_segment = p[0] & SD,
		.bit_valid = p[0] & BPV,
		.bit = p[0] & 7,
		.overflow = p[0] & 1,
		.value = be16_get(p + 1) };
	return true;
}
