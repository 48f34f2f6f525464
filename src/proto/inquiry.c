/* SPDX-License-Identifier: BSD-2-Clause */
/* inquiry - see the header. */
#include "proto/inquiry.h"

#include <errno.h>
#include <string.h>

#include "base/cursor.h"

#define INQUIRY_MIN   5 /* up to ADDITIONAL LENGTH */
#define INQUIRY_SHORT 36
#define INQUIRY_LONG  96

/* Copies an ASCII field without the blanks that fill it. */
static void
text_get(char *dst, const uint8_t *src, size_t len)
{
	while (len > 0 && (src[len - 1] == ' ' || src[len - 1] == '\0'))
		len--;
	memcpy(dst, src, len);
	dst[len] = '\0';
}

/* As much as is there of a field of n bytes. */
static void
field_get(struct cursor *c, char *dst, size_t n)
{
	size_t have = cursor_left(c) < n ? cursor_left(c) : n;

	text_get(dst, cursor_bytes(c, have), have);
}

static void
field_put(struct writer *w, const char *src, size_t n)
{
	size_t len = strnlen(src, n);
	uint8_t *p = writer_room(w, n);

	if (p != NULL) {
		memset(p, ' ', n);
		memcpy(p, src, len);
	}
}

int
inquiry_get(const uint8_t *buf, size_t len, struct inquiry *ret)
{
	struct inquiry q;
	struct cursor c;
	uint8_t b;
	int i;

	if (len < INQUIRY_MIN)
		return -EBADMSG;
	/* Bytes behind the ADDITIONAL LENGTH are not the device's. */
	if (len > (size_t)buf[4] + INQUIRY_MIN)
		len = (size_t)buf[4] + INQUIRY_MIN;
	memset(&q, 0, sizeof(q));
	cursor_init(&c, buf, len);
	b = cursor_u8(&c);
	q.qualifier = b >> 5;
	q.type = b & 0x1f;
	b = cursor_u8(&c);
	q.removable = b & 0x80;
	q.lu_cong = b & 0x40;
	q.version = cursor_u8(&c);
	b = cursor_u8(&c);
	q.naca = b & 0x20;
	q.hisup = b & 0x10;
	q.response_format = b & 0x0f;
	cursor_skip(&c, 1);
	b = cursor_u8(&c);
	q.sccs = b & 0x80;
	q.tpgs = b >> 4 & 3;
	q.third_party_copy = b & 0x08;
	q.protect = b & 0x01;
	b = cursor_u8(&c);
	q.enclosure = b & 0x40;
	q.multiport = b & 0x10;
	q.cmdque = cursor_u8(&c) & 0x02;
	field_get(&c, q.vendor, 8);
	field_get(&c, q.product, 16);
	field_get(&c, q.revision, 4);
	cursor_skip(&c, 22);
	for (i = 0; i < INQUIRY_VERSIONS; i++)
		q.versions[i] = cursor_u16(&c);
	*ret = q;
	return 0;
}

int
inquiry_put(uint8_t *buf, size_t size, const struct inquiry *q)
{
	size_t total = q->versions[0] == 0 ? INQUIRY_SHORT : INQUIRY_LONG;
	struct writer w;
	int i;

	writer_init(&w, buf, size);
	writer_u8(&w, (uint8_t)(q->qualifier << 5 | (q->type & 0x1f)));
	writer_u8(
	    &w, (uint8_t)((q->removable ? 0x80 : 0) | (q->lu_cong ? 0x40 : 0)));
	writer_u8(&w, q->version);
	writer_u8(&w, (uint8_t)((q->naca ? 0x20 : 0) | (q->hisup ? 0x10 : 0) |
				(q->response_format & 0x0f)));
	writer_u8(&w, (uint8_t)(total - INQUIRY_MIN));
	writer_u8(&w, (uint8_t)((q->sccs ? 0x80 : 0) | (q->tpgs & 3) << 4 |
				(q->third_party_copy ? 0x08 : 0) |
				(q->protect ? 0x01 : 0)));
	writer_u8(&w,
	    (uint8_t)((q->enclosure ? 0x40 : 0) | (q->multiport ? 0x10 : 0)));
	writer_u8(&w, q->cmdque ? 0x02 : 0);
	field_put(&w, q->vendor, 8);
	field_put(&w, q->product, 16);
	field_put(&w, q->revision, 4);
	if (total == INQUIRY_LONG) {
		writer_zero(&w, 22);
		for (i = 0; i < INQUIRY_VERSIONS; i++)
			writer_u16(&w, q->versions[i]);
		writer_zero(&w, 22);
	}
	return writer_result(&w);
}

/* The lowest five bits of a version descriptor are the revision of the
 * standard (SPC-4, annex D). */
static const struct {
	uint16_t family;
	const char *name;
} standards[] = {
	{ 0x0020, "SAM" },
	{ 0x0040, "SAM-2" },
	{ 0x0060, "SAM-3" },
	{ 0x0080, "SAM-4" },
	{ 0x00a0, "SAM-5" },
	{ 0x00c0, "SAM-6" },
	{ 0x0120, "SPC" },
	{ 0x0140, "MMC" },
	{ 0x0160, "SCC" },
	{ 0x0180, "SBC" },
	{ 0x01a0, "SMC" },
	{ 0x01c0, "SES" },
	{ 0x01e0, "SCC-2" },
	{ 0x0200, "SSC" },
	{ 0x0220, "RBC" },
	{ 0x0240, "MMC-2" },
	{ 0x0260, "SPC-2" },
	{ 0x0280, "OCRW" },
	{ 0x02a0, "MMC-3" },
	{ 0x02e0, "SMC-2" },
	{ 0x0300, "SPC-3" },
	{ 0x0320, "SBC-2" },
	{ 0x0340, "OSD" },
	{ 0x0360, "SSC-2" },
	{ 0x03a0, "MMC-4" },
	{ 0x03e0, "SES-2" },
	{ 0x0400, "SSC-3" },
	{ 0x0420, "MMC-5" },
	{ 0x0440, "OSD-2" },
	{ 0x0460, "SPC-4" },
	{ 0x0480, "SMC-3" },
	{ 0x04a0, "ADC-2" },
	{ 0x04c0, "SBC-3" },
	{ 0x04e0, "MMC-6" },
	{ 0x0500, "ADC-3" },
	{ 0x0520, "SSC-4" },
	{ 0x0560, "OSD-3" },
	{ 0x0580, "SES-3" },
	{ 0x05a0, "SSC-5" },
	{ 0x05c0, "SPC-5" },
	{ 0x05e0, "SFSC" },
	{ 0x0600, "SBC-4" },
	{ 0x0620, "ZBC" },
	{ 0x0640, "ADC-4" },
	{ 0x0660, "ZBC-2" },
	{ 0x0680, "SES-4" },
	{ 0x08c0, "FCP" },
	{ 0x0900, "FCP-2" },
	{ 0x0940, "SRP" },
	{ 0x0960, "iSCSI" },
	{ 0x0a00, "FCP-3" },
	{ 0x0a40, "FCP-4" },
	{ 0x0be0, "SAS" },
	{ 0x0c00, "SAS-1.1" },
	{ 0x0c20, "SAS-2" },
	{ 0x0c40, "SAS-2.1" },
	{ 0x0c60, "SAS-3" },
	{ 0x0c80, "SAS-4" },
	{ 0x1740, "UAS" },
	{ 0x1ea0, "SAT" },
	{ 0x1ec0, "SAT-2" },
	{ 0x1ee0, "SAT-3" },
	{ 0x1f00, "SAT-4" },
};

const char *
inquiry_version_name(uint16_t descriptor)
{
	size_t i;

	for (i = 0; i < sizeof(standards) / sizeof(standards[0]); i++)
		if (standards[i].family == (descriptor & 0xffe0))
			return standards[i].name;
	return NULL;
}
