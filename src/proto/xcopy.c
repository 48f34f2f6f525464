/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xcopy - see the header.
 *
 * Identification descriptor CSCD (E4h)       Block to block segment (02h)
 *     0       type code                      0       type code
 *     1       LU ID TYPE, NUL, device type   1       DC 02h, CAT 01h
 *     2..3    relative initiator port        2..3    DESCRIPTOR LENGTH, 18h
 *     4       code set                       4..5    index of the source
 *     5       association, designator type   6..7    index of the destination
 *     7       designator length              10..11  NUMBER OF BLOCKS
 *     8..27   designator                     12..19  source LBA
 *     28      PAD 04h                        20..27  destination LBA
 *     29..31  DISK BLOCK LENGTH
 */
#include "proto/xcopy.h"

#include <errno.h>
#include <string.h>

#include "base/cursor.h"

#define HEADER_STR  0x20
#define CSCD_NUL    0x20
#define CSCD_PAD    0x04
#define SEGMENT_DC  0x02
#define SEGMENT_CAT 0x01
#define SNLID	    0x01
#define STATUS_HDD  0x80

int
xcopy_header_get(const uint8_t *buf, size_t len, struct xcopy_header *ret)
{
	struct xcopy_header h = { 0 };
	struct cursor c;
	uint8_t b;

	cursor_init(&c, buf, len);
	h.list_id = cursor_u8(&c);
	b = cursor_u8(&c);
	h.str = b & HEADER_STR;
	h.list_id_usage = b >> 3 & 3;
	h.priority = b & 7;
	h.cscds_len = cursor_u16(&c);
	cursor_skip(&c, 4);
	h.segments_len = cursor_u32(&c);
	h.inline_len = cursor_u32(&c);
	if (c.bad)
		return -EBADMSG;
	*ret = h;
	return 0;
}

int
xcopy_header_put(uint8_t *buf, size_t size, const struct xcopy_header *h)
{
	struct writer w;

	writer_init(&w, buf, size);
	writer_u8(&w, h->list_id);
	writer_u8(
	    &w, (uint8_t)((h->str ? HEADER_STR : 0) |
			  (h->list_id_usage & 3) << 3 | (h->priority & 7)));
	writer_u16(&w, h->cscds_len);
	writer_zero(&w, 4);
	writer_u32(&w, h->segments_len);
	writer_u32(&w, h->inline_len);
	return writer_result(&w);
}

int
xcopy_cscd_get(const uint8_t *buf, size_t len, struct xcopy_cscd *ret)
{
	struct xcopy_cscd d = { 0 };
	const uint8_t *designator;
	struct cursor c;
	uint8_t b;

	cursor_init(&c, buf, len);
	d.code = cursor_u8(&c);
	b = cursor_u8(&c);
	d.lu_id_type = b >> 6;
	d.nul = b & CSCD_NUL;
	d.type = b & 0x1f;
	cursor_skip(&c, 2);
	d.code_set = cursor_u8(&c) & 0x0f;
	b = cursor_u8(&c);
	d.association = b >> 4 & 3;
	d.designator_type = b & 0x0f;
	cursor_skip(&c, 1);
	d.designator_len = cursor_u8(&c);
	designator = cursor_bytes(&c, XCOPY_DESIGNATOR_MAX);
	d.pad = cursor_u8(&c) & CSCD_PAD;
	d.block_size = cursor_u24(&c);
	if (c.bad)
		return -EBADMSG;
	if (d.code != XCOPY_CSCD_IDENTIFICATION) {
		*ret = (struct xcopy_cscd){ .code = d.code };
		return 0;
	}
	if (d.designator_len > XCOPY_DESIGNATOR_MAX)
		return -EBADMSG;
	memcpy(d.designator, designator, d.designator_len);
	*ret = d;
	return 0;
}

int
xcopy_cscd_put(uint8_t *buf, size_t size, const struct xcopy_cscd *d)
{
	struct writer w;

	writer_init(&w, buf, size);
	writer_u8(&w, d->code);
	writer_u8(&w, (uint8_t)(d->lu_id_type << 6 | (d->nul ? CSCD_NUL : 0) |
				(d->type & 0x1f)));
	writer_u16(&w, 0);
	writer_u8(&w, d->code_set);
	writer_u8(
	    &w, (uint8_t)(d->association << 4 | (d->designator_type & 0x0f)));
	writer_u8(&w, 0);
	writer_u8(&w, d->designator_len);
	writer_bytes(&w, d->designator, XCOPY_DESIGNATOR_MAX);
	writer_u8(&w, d->pad ? CSCD_PAD : 0);
	writer_u24(&w, d->block_size);
	return writer_result(&w);
}

int
xcopy_segment_get(const uint8_t *buf, size_t len, struct xcopy_segment *ret)
{
	struct xcopy_segment s = { 0 };
	struct cursor c;
	uint8_t b;

	cursor_init(&c, buf, len);
	s.code = cursor_u8(&c);
	b = cursor_u8(&c);
	s.descriptor_len = cursor_u16(&c);
	if (c.bad)
		return -EBADMSG;
	if (s.code == XCOPY_SEGMENT_BLOCK) {
		s.dc = b & SEGMENT_DC;
		s.cat = b & SEGMENT_CAT;
		s.source = cursor_u16(&c);
		s.destination = cursor_u16(&c);
		cursor_skip(&c, 2);
		s.blocks = cursor_u16(&c);
		s.source_lba = cursor_u64(&c);
		s.destination_lba = cursor_u64(&c);
	}
	if (c.bad)
		return -EBADMSG;
	*ret = s;
	return 0;
}

int
xcopy_segment_put(uint8_t *buf, size_t size, const struct xcopy_segment *s)
{
	struct writer w;

	writer_init(&w, buf, size);
	writer_u8(&w, s->code);
	writer_u8(&w,
	    (uint8_t)((s->dc ? SEGMENT_DC : 0) | (s->cat ? SEGMENT_CAT : 0)));
	writer_u16(&w, s->descriptor_len);
	writer_u16(&w, s->source);
	writer_u16(&w, s->destination);
	writer_u16(&w, 0);
	writer_u16(&w, s->blocks);
	writer_u64(&w, s->source_lba);
	writer_u64(&w, s->destination_lba);
	return writer_result(&w);
}

/*
 * ---- RECEIVE COPY RESULTS ----
 */

int
xcopy_limits_get(const uint8_t *buf, size_t len, struct xcopy_limits *ret)
{
	struct xcopy_limits l = { 0 };
	struct cursor c;
	size_t n;

	cursor_init(&c, buf, len);
	n = cursor_u32(&c); /* AVAILABLE DATA */
	if (n < cursor_left(&c))
		cursor_init(&c, buf + 4, n);
	l.snlid = cursor_u8(&c) & SNLID;
	cursor_skip(&c, 3);
	l.max_cscds = cursor_u16(&c);
	l.max_segments = cursor_u16(&c);
	l.max_list = cursor_u32(&c);
	l.max_segment = cursor_u32(&c);
	l.max_inline = cursor_u32(&c);
	l.held_limit = cursor_u32(&c);
	l.max_stream_transfer = cursor_u32(&c);
	cursor_skip(&c, 2);
	l.total_concurrent = cursor_u16(&c);
	l.max_concurrent = cursor_u8(&c);
	l.segment_granularity = cursor_u8(&c);
	l.inline_granularity = cursor_u8(&c);
	l.held_granularity = cursor_u8(&c);
	cursor_skip(&c, 3);
	n = cursor_u8(&c);
	if (c.bad)
		return -EBADMSG;
	if (n > cursor_left(&c))
		n = cursor_left(&c);
	if (n > sizeof(l.types))
		n = sizeof(l.types);
	l.types_n = (uint8_t)n;
	memcpy(l.types, cursor_bytes(&c, n), n);
	*ret = l;
	return 0;
}

int
xcopy_limits_put(uint8_t *buf, size_t size, const struct xcopy_limits *l)
{
	struct writer w;

	writer_init(&w, buf, size);
	writer_u32(&w, XCOPY_LIMITS_LEN - 4u + l->types_n);
	writer_u8(&w, l->snlid ? SNLID : 0);
	writer_zero(&w, 3);
	writer_u16(&w, l->max_cscds);
	writer_u16(&w, l->max_segments);
	writer_u32(&w, l->max_list);
	writer_u32(&w, l->max_segment);
	writer_u32(&w, l->max_inline);
	writer_u32(&w, l->held_limit);
	writer_u32(&w, l->max_stream_transfer);
	writer_zero(&w, 2);
	writer_u16(&w, l->total_concurrent);
	writer_u8(&w, l->max_concurrent);
	writer_u8(&w, l->segment_granularity);
	writer_u8(&w, l->inline_granularity);
	writer_u8(&w, l->held_granularity);
	writer_zero(&w, 3);
	writer_u8(&w, l->types_n);
	writer_bytes(&w, l->types, l->types_n);
	return writer_result(&w);
}

bool
xcopy_limits_has(const struct xcopy_limits *l, uint8_t type)
{
	return memchr(l->types, type, l->types_n) != NULL;
}

int
xcopy_status_get(const uint8_t *buf, size_t len, struct xcopy_status *ret)
{
	struct xcopy_status s = { 0 };
	struct cursor c;
	uint8_t b;

	cursor_init(&c, buf, len);
	cursor_skip(&c, 4);
	b = cursor_u8(&c);
	s.held_discarded = b & STATUS_HDD;
	s.status = b & (STATUS_HDD - 1);
	s.segments = cursor_u16(&c);
	s.units = cursor_u8(&c);
	s.count = cursor_u32(&c);
	if (c.bad)
		return -EBADMSG;
	*ret = s;
	return 0;
}

int
xcopy_status_put(uint8_t *buf, size_t size, const struct xcopy_status *s)
{
	struct writer w;

	writer_init(&w, buf, size);
	writer_u32(&w, XCOPY_STATUS_LEN - 4);
	writer_u8(
	    &w, (uint8_t)((s->held_discarded ? STATUS_HDD : 0) | s->status));
	writer_u16(&w, s->segments);
	writer_u8(&w, s->units);
	writer_u32(&w, s->count);
	return writer_result(&w);
}
