/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sense - see the header.
 *
 * Fixed format (SPC-4, 4.5.3)              Descriptor format (4.5.2)
 *     0      VALID, response code          0    response code
 *     2      key                           1    key
 *     3..6   INFORMATION                   2, 3 ASC, ASCQ
 *     7      ADDITIONAL SENSE LENGTH       7    ADDITIONAL SENSE LENGTH
 *     8..11  COMMAND-SPECIFIC INFORMATION  8..  descriptors: type, length, ...
 *     12, 13 ASC, ASCQ
 *     15..17 SENSE KEY SPECIFIC
 */
#include "proto/sense.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "proto/sensecode.h"
#include "proto/sensedetail.h"

#define FIXED_CURRENT	    0x70
#define FIXED_DEFERRED	    0x71
#define DESCRIPTOR_CURRENT  0x72
#define DESCRIPTOR_DEFERRED 0x73
#define INFORMATION_VALID   0x80

/* SENSE KEY SPECIFIC of ILLEGAL REQUEST. */
#define SKSV 0x80
#define CD   0x40
#define BPV  0x08

void
sense_set(struct sense *s, enum sense_key key, unsigned code)
{
	memset(s, 0, sizeof(*s));
	s->key = (uint8_t)key;
	s->asc = (uint8_t)(code >> 8);
	s->ascq = (uint8_t)code;
}

static void
field_get(const uint8_t *p, struct sense *s)
{
	if (s->key != SENSE_ILLEGAL_REQUEST || !(p[0] & SKSV))
		return;
	s->field_valid = true;
	s->field_in_cdb = p[0] & CD;
	s->field_bit_valid = p[0] & BPV;
	s->field_bit = p[0] & 7;
	s->field = be16_get(p + 1);
}

static int
fixed_get(const uint8_t *buf, size_t len, struct sense *s)
{
	struct cursor c;

	/* ASC may be left out by old devices; then it is 00h. */
	if (len < 3)
		return -EBADMSG;
	if (len > 8 && len > (size_t)buf[7] + 8)
		len = (size_t)buf[7] + 8;
	s->deferred = (buf[0] & 0x7f) == FIXED_DEFERRED;
	s->key = buf[2] & 0x0f;
	cursor_init(&c, buf, len);
	cursor_skip(&c, 3);
	s->information = cursor_u32(&c);
	s->information_valid = !c.bad && (buf[0] & INFORMATION_VALID);
	cursor_skip(&c, 1);
	s->command_specific = cursor_u32(&c);
	s->command_specific_valid = !c.bad && s->command_specific != 0;
	s->asc = cursor_u8(&c);
	s->ascq = cursor_u8(&c);
	cursor_skip(&c, 1);
	if (cursor_left(&c) >= 3)
		field_get(cursor_bytes(&c, 3), s);
	if (!s->information_valid)
		s->information = 0;
	return 0;
}

/* One descriptor of len bytes behind its header of two. */
static void
descriptor_get(uint8_t type, const uint8_t *p, size_t len, struct sense *s)
{
	switch (type) {
	case SENSE_DESC_INFORMATION:
		if (len >= 10 && (p[0] & INFORMATION_VALID)) {
			s->information_valid = true;
			s->information = be64_get(p + 2);
		}
		break;
	case SENSE_DESC_COMMAND_SPECIFIC:
		if (len >= 10) {
			s->command_specific_valid = true;
			s->command_specific = be64_get(p + 2);
		}
		break;
	case SENSE_DESC_KEY_SPECIFIC:
		if (len >= 5)
			field_get(p + 2, s);
		break;
	case SENSE_DESC_DIRECT_ACCESS: /* SBC-3, 4.18.4 */
		if (len < 22)
			break;
		s->information_valid = p[0] & INFORMATION_VALID;
		s->information = s->information_valid ? be64_get(p + 6) : 0;
		s->command_specific = be64_get(p + 14);
		s->command_specific_valid = s->command_specific != 0;
		field_get(p + 2, s);
		break;
	default:
		break;
	}
}

static int
descriptors_get(const uint8_t *buf, size_t len, struct sense *s)
{
	const uint8_t *head, *body;
	struct cursor c;

	if (len < 4)
		return -EBADMSG;
	s->deferred = (buf[0] & 0x7f) == DESCRIPTOR_DEFERRED;
	s->key = buf[1] & 0x0f;
	s->asc = buf[2];
	s->ascq = buf[3];
	if (len < 8)
		return 0;
	if (len > (size_t)buf[7] + 8)
		len = (size_t)buf[7] + 8;
	cursor_init(&c, buf + 8, len - 8);
	while ((head = cursor_bytes(&c, 2)) != NULL) {
		body = cursor_bytes(&c, head[1]);
		if (body == NULL)
			break;
		descriptor_get(head[0], body, head[1], s);
	}
	return 0;
}

int
sense_get(const uint8_t *buf, size_t len, struct sense *ret)
{
	struct sense s;
	int error;

	memset(&s, 0, sizeof(s));
	if (len == 0)
		return -EBADMSG;
	switch (buf[0] & 0x7f) {
	case FIXED_CURRENT:
	case FIXED_DEFERRED:
		error = fixed_get(buf, len, &s);
		break;
	case DESCRIPTOR_CURRENT:
	case DESCRIPTOR_DEFERRED:
		error = descriptors_get(buf, len, &s);
		break;
	default:
		error = -EBADMSG;
		break;
	}
	if (error == 0)
		*ret = s;
	return error;
}

static void
field_put(struct writer *w, const struct sense *s)
{
	if (!s->field_valid) {
		writer_zero(w, 3);
		return;
	}
	writer_u8(
	    w, (uint8_t)(SKSV | (s->field_in_cdb ? CD : 0) |
			 (s->field_bit_valid ? BPV | (s->field_bit & 7) : 0)));
	writer_u16(w, s->field);
}

static void
fixed_put(struct writer *w, const struct sense *s)
{
	bool information = s->information_valid && s->information <= UINT32_MAX;
	bool specific =
	    s->command_specific_valid && s->command_specific <= UINT32_MAX;

	writer_u8(w, (uint8_t)((s->deferred ? FIXED_DEFERRED : FIXED_CURRENT) |
			       (information ? INFORMATION_VALID : 0)));
	writer_u8(w, 0);
	writer_u8(w, s->key & 0x0f);
	writer_u32(w, information ? (uint32_t)s->information : 0);
	writer_u8(w, SENSE_FIXED_LEN - 8);
	writer_u32(w, specific ? (uint32_t)s->command_specific : 0);
	writer_u8(w, s->asc);
	writer_u8(w, s->ascq);
	writer_u8(w, 0);
	field_put(w, s);
}

static void
descriptors_put(struct writer *w, const struct sense *s)
{
	writer_u8(w, s->deferred ? DESCRIPTOR_DEFERRED : DESCRIPTOR_CURRENT);
	writer_u8(w, s->key & 0x0f);
	writer_u8(w, s->asc);
	writer_u8(w, s->ascq);
	writer_zero(w, 4);
	if (s->information_valid) {
		writer_u8(w, SENSE_DESC_INFORMATION);
		writer_u8(w, 10);
		writer_u8(w, INFORMATION_VALID);
		writer_u8(w, 0);
		writer_u64(w, s->information);
	}
	if (s->command_specific_valid) {
		writer_u8(w, SENSE_DESC_COMMAND_SPECIFIC);
		writer_u8(w, 10);
		writer_u16(w, 0);
		writer_u64(w, s->command_specific);
	}
	if (s->field_valid) {
		writer_u8(w, SENSE_DESC_KEY_SPECIFIC);
		writer_u8(w, 6);
		writer_u16(w, 0);
		field_put(w, s);
		writer_u8(w, 0);
	}
	if (!w->bad)
		w->start[7] = (uint8_t)(writer_len(w) - 8);
}

int
sense_put(uint8_t *buf, size_t size, bool descriptor, const struct sense *s)
{
	struct writer w;

	writer_init(&w, buf, size);
	if (descriptor)
		descriptors_put(&w, s);
	else
		fixed_put(&w, s);
	return writer_result(&w);
}

/*
 * ---- names ----
 */

const char *
sense_key_name(uint8_t key)
{
	static const char *const names[16] = { "NO SENSE", "RECOVERED ERROR",
		"NOT READY", "MEDIUM ERROR", "HARDWARE ERROR",
		"ILLEGAL REQUEST", "UNIT ATTENTION", "DATA PROTECT",
		"BLANK CHECK", "VENDOR SPECIFIC", "COPY ABORTED",
		"ABORTED COMMAND", "reserved sense key", "VOLUME OVERFLOW",
		"MISCOMPARE", "COMPLETED" };

	return names[key & 0x0f];
}

const char *
sense_text(char *dst, size_t size, const struct sense *s)
{
	char lba[40] = "", field[48] = "";

	if (s->information_valid && s->key == SENSE_COPY_ABORTED)
		snprintf(lba, sizeof(lba), ", %" PRIu64 " blocks not copied",
		    s->information);
	else if (s->information_valid)
		snprintf(lba, sizeof(lba), ", LBA %" PRIu64, s->information);
	if (s->field_valid)
		snprintf(field, sizeof(field), ", byte %u of the %s", s->field,
		    s->field_in_cdb ? "CDB" : "parameter list");
	snprintf(dst, size, "%s%s, %s (%x/%02x/%02x)%s%s",
	    s->deferred ? "deferred " : "", sense_key_name(s->key),
	    sensecode_words(s->asc, s->ascq), s->key, s->asc, s->ascq, lba,
	    field);
	return dst;
}

/*
 * ---- what it means ----
 */

int
sense_errno(const struct sense *s)
{
	switch (s->key) {
	case SENSE_NO_SENSE:
	case SENSE_RECOVERED_ERROR:
	case SENSE_COMPLETED:
		/* Deferred: an earlier command's; this one was not done. */
		return s->deferred ? -EIO : 0;
	case SENSE_DATA_PROTECT:
		break;
	default:
		return -EIO;
	}
	return sense_code(s) == SENSE_SPACE_ALLOCATION_FAILED ? -ENOSPC
							      : -EROFS;
}

bool
sense_unit_attention(const struct sense *s)
{
	return s->key == SENSE_UNIT_ATTENTION;
}

bool
sense_reset(const struct sense *s)
{
	return sense_unit_attention(s) && s->asc == 0x29;
}

bool
sense_capacity_changed(const struct sense *s)
{
	return sense_unit_attention(s) &&
	       sense_code(s) == SENSE_CAPACITY_CHANGED;
}

bool
sense_inquiry_changed(const struct sense *s)
{
	return sense_unit_attention(s) &&
	       sense_code(s) == SENSE_INQUIRY_CHANGED;
}

bool
sense_luns_changed(const struct sense *s)
{
	return sense_unit_attention(s) &&
	       sense_code(s) == SENSE_REPORTED_LUNS_CHANGED;
}
