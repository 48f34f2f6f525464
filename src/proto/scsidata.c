/* SPDX-License-Identifier: BSD-2-Clause */
/* scsidata - see the header. */
#include "proto/scsidata.h"

#include <errno.h>
#include <string.h>

#include "base/cursor.h"

/*
 * ---- READ CAPACITY ----
 */

/* A block has bytes, and all of them together can be counted. */
static bool
capacity_sane(const struct capacity *cap)
{
	return cap->block_size != 0 &&
	       cap->last_lba < UINT64_MAX / cap->block_size;
}

int
capacity10_get(const uint8_t *buf, size_t len, struct capacity *ret)
{
	struct capacity cap;
	struct cursor c;

	memset(&cap, 0, sizeof(cap));
	cursor_init(&c, buf, len);
	cap.last_lba = cursor_u32(&c);
	cap.block_size = cursor_u32(&c);
	if (c.bad || !capacity_sane(&cap))
		return -EBADMSG;
	*ret = cap;
	return 0;
}

int
capacity16_get(const uint8_t *buf, size_t len, struct capacity *ret)
{
	struct capacity cap;
	struct cursor c;
	uint16_t v;
	uint8_t b;

	memset(&cap, 0, sizeof(cap));
	cursor_init(&c, buf, len);
	cap.last_lba = cursor_u64(&c);
	cap.block_size = cursor_u32(&c);
	/* SBC-2 ends here or two bytes later. */
	if (c.bad || !capacity_sane(&cap))
		return -EBADMSG;
	b = cursor_u8(&c);
	cap.prot_en = b & 0x01;
	cap.p_type = b >> 1 & 7;
	cap.physical_exponent = cursor_u8(&c) & 0x0f;
	v = cursor_u16(&c);
	cap.lbpme = v & 0x8000;
	cap.lbprz = v & 0x4000;
	cap.lowest_aligned_lba = v & 0x3fff;
	*ret = cap;
	return 0;
}

int
capacity10_put(uint8_t *buf, size_t size, const struct capacity *cap)
{
	struct writer w;

	writer_init(&w, buf, size);
	writer_u32(&w,
	    cap->last_lba > UINT32_MAX ? UINT32_MAX : (uint32_t)cap->last_lba);
	writer_u32(&w, cap->block_size);
	return writer_result(&w);
}

int
capacity16_put(uint8_t *buf, size_t size, const struct capacity *cap)
{
	struct writer w;

	writer_init(&w, buf, size);
	writer_u64(&w, cap->last_lba);
	writer_u32(&w, cap->block_size);
	writer_u8(
	    &w, (uint8_t)((cap->p_type & 7) << 1 | (cap->prot_en ? 0x01 : 0)));
	writer_u8(&w, cap->physical_exponent & 0x0f);
	writer_u16(&w,
	    (uint16_t)((cap->lbpme ? 0x8000 : 0) | (cap->lbprz ? 0x4000 : 0) |
		       (cap->lowest_aligned_lba & 0x3fff)));
	writer_zero(&w, 16);
	return writer_result(&w);
}

/*
 * ---- MODE SENSE ----
 *
 *     header      (6)   length, medium type, flags, descriptor length
 *                 (10)  length(2), medium type, flags, LONGLBA, 0, length(2)
 *     descriptor  short: blocks(4), 0, block size(3)
 *                 long:  blocks(8), 0(4), block size(4)
 *     pages       PS SPF code, length, body
 *                 PS SPF code, subpage, length(2), body
 */

#define MODE_WP	     0x80
#define MODE_DPOFUA  0x10
#define MODE_LONGLBA 0x01
#define CACHING_LEN  0x12
#define CONTROL_LEN  0x0a

static void
mode_block_get(const uint8_t *p, bool long_lba, struct mode *m)
{
	m->has_block = true;
	if (long_lba) {
		m->block_count = be64_get(p);
		m->block_size = be32_get(p + 12);
	} else {
		m->block_count = be32_get(p);
		if (m->block_count == UINT32_MAX)
			m->block_count = 0;
		m->block_size = be24_get(p + 5);
	}
}

/* body: what follows the page's own header. */
static void
mode_page_get(uint8_t code, const uint8_t *body, size_t len, struct mode *m)
{
	if (code == MODE_PAGE_CACHING && len >= 1) {
		m->has_caching = true;
		m->caching.wce = body[0] & 0x04;
		m->caching.rcd = body[0] & 0x01;
	} else if (code == MODE_PAGE_CONTROL && len >= 4) {
		m->has_control = true;
		m->control.tst = body[0] >> 5;
		m->control.d_sense = body[0] & 0x04;
		m->control.queue_algorithm = body[1] >> 4;
		m->control.ua_intlck = body[2] >> 4 & 3;
		m->control.swp = body[2] & 0x08;
		m->control.tas = body[3] & 0x40;
	}
}

static void
mode_pages_get(struct cursor *c, struct mode *m)
{
	const uint8_t *body;
	uint8_t code;
	size_t len;

	while (cursor_left(c) > 0) {
		code = cursor_u8(c);
		if (code & 0x40) {
			cursor_skip(c, 1);
			len = cursor_u16(c);
		} else {
			len = cursor_u8(c);
		}
		body = cursor_bytes(c, len);
		if (body == NULL)
			return;
		if (!(code & 0x40))
			mode_page_get(code & 0x3f, body, len, m);
	}
}

int
mode_get(const uint8_t *buf, size_t len, bool ten, struct mode *ret)
{
	bool long_lba = false;
	const uint8_t *block;
	struct cursor c;
	struct mode m;
	size_t total, block_len;
	uint8_t b;

	memset(&m, 0, sizeof(m));
	cursor_init(&c, buf, len);
	m.data_len = ten ? cursor_u16(&c) : cursor_u8(&c);
	m.medium_type = cursor_u8(&c);
	b = cursor_u8(&c);
	m.wp = b & MODE_WP;
	m.dpofua = b & MODE_DPOFUA;
	if (ten) {
		long_lba = cursor_u8(&c) & MODE_LONGLBA;
		cursor_skip(&c, 1);
		block_len = cursor_u16(&c);
	} else {
		block_len = cursor_u8(&c);
	}
	if (c.bad)
		return -EBADMSG;
	total = (size_t)m.data_len + (ten ? 2 : 1);
	if (total < len) /* what is behind is not the device's */
		cursor_init(&c, c.p,
		    total < (size_t)(c.p - buf) ? 0
						: total - (size_t)(c.p - buf));
	block = cursor_bytes(&c, block_len);
	if (block != NULL && block_len >= (long_lba ? 16u : 8u))
		mode_block_get(block, long_lba, &m);
	mode_pages_get(&c, &m);
	*ret = m;
	return 0;
}

static void
mode_header_put(struct writer *w, bool ten, const struct mode *m, bool long_lba)
{
	uint8_t block_len = 0;

	if (m->has_block)
		block_len = long_lba ? 16 : 8;
	if (ten)
		writer_u16(w, 0);
	else
		writer_u8(w, 0);
	writer_u8(w, m->medium_type);
	writer_u8(w,
	    (uint8_t)((m->wp ? MODE_WP : 0) | (m->dpofua ? MODE_DPOFUA : 0)));
	if (ten) {
		writer_u8(w, long_lba ? MODE_LONGLBA : 0);
		writer_u8(w, 0);
		writer_u16(w, block_len);
	} else {
		writer_u8(w, block_len);
	}
}

static void
mode_block_put(struct writer *w, const struct mode *m, bool long_lba)
{
	if (long_lba) {
		writer_u64(w, m->block_count);
		writer_u32(w, 0);
		writer_u32(w, m->block_size);
	} else {
		writer_u32(w, m->block_count > UINT32_MAX
				  ? UINT32_MAX
				  : (uint32_t)m->block_count);
		writer_u8(w, 0);
		writer_u24(w, m->block_size);
	}
}

static void
mode_caching_put(struct writer *w, const struct mode_caching *p)
{
	writer_u8(w, MODE_PAGE_CACHING);
	writer_u8(w, CACHING_LEN);
	writer_u8(w, (uint8_t)((p->wce ? 0x04 : 0) | (p->rcd ? 0x01 : 0)));
	writer_zero(w, CACHING_LEN - 1);
}

static void
mode_control_put(struct writer *w, const struct mode_control *p)
{
	writer_u8(w, MODE_PAGE_CONTROL);
	writer_u8(w, CONTROL_LEN);
	writer_u8(w, (uint8_t)((p->tst & 7) << 5 | (p->d_sense ? 0x04 : 0)));
	writer_u8(w, (uint8_t)(p->queue_algorithm << 4));
	writer_u8(w, (uint8_t)((p->ua_intlck & 3) << 4 | (p->swp ? 0x08 : 0)));
	writer_u8(w, p->tas ? 0x40 : 0);
	writer_zero(w, CONTROL_LEN - 4);
}

int
mode_put(
    uint8_t *buf, size_t size, bool ten, bool changeable, const struct mode *m)
{
	static const struct mode_caching no_caching;
	static const struct mode_control no_control;
	bool long_lba =
	    ten && (m->block_count >= UINT32_MAX || m->block_size > 0xffffff);
	struct writer w;

	writer_init(&w, buf, size);
	mode_header_put(&w, ten, m, long_lba);
	if (m->has_block)
		mode_block_put(&w, m, long_lba);
	if (m->has_caching)
		mode_caching_put(&w, changeable ? &no_caching : &m->caching);
	if (m->has_control)
		mode_control_put(&w, changeable ? &no_control : &m->control);
	if (!w.bad && ten)
		be16_put(buf, (uint16_t)(writer_len(&w) - 2));
	else if (!w.bad)
		buf[0] = (uint8_t)(writer_len(&w) - 1);
	return writer_result(&w);
}

/*
 * ---- REPORT LUNS ----
 */

int
lunlist_len(const uint8_t *buf, size_t len, uint32_t *ret)
{
	uint32_t list;

	if (len < LUNLIST_HEADER_LEN)
		return -EBADMSG;
	list = be32_get(buf);
	if (list > UINT32_MAX - LUNLIST_HEADER_LEN)
		return -EBADMSG;
	*ret = list + LUNLIST_HEADER_LEN;
	return 0;
}

int
lunlist_get(const uint8_t *buf, size_t len, uint64_t *ret_luns, unsigned max,
    unsigned *ret_n)
{
	struct cursor c;
	uint32_t total;
	unsigned n;

	if (lunlist_len(buf, len, &total) < 0)
		return -EBADMSG;
	if (len > total)
		len = total;
	cursor_init(&c, buf, len);
	cursor_skip(&c, LUNLIST_HEADER_LEN);
	for (n = 0; n < max && cursor_left(&c) >= 8; n++)
		ret_luns[n] = cursor_u64(&c);
	*ret_n = n;
	return 0;
}

int
lunlist_put(uint8_t *buf, size_t size, const uint64_t *luns, unsigned n)
{
	struct writer w;
	unsigned i;

	writer_init(&w, buf, size);
	writer_u32(&w, n * 8);
	writer_u32(&w, 0);
	for (i = 0; i < n; i++)
		writer_u64(&w, luns[i]);
	return writer_result(&w);
}

/*
 * ---- GET LBA STATUS ----
 */

int
lba_status_get(const uint8_t *buf, size_t len, struct lba_status *ret,
    unsigned max, unsigned *ret_n)
{
	struct cursor c;
	uint64_t total;
	unsigned n;

	cursor_init(&c, buf, len);
	/* PARAMETER DATA LENGTH counts from its own end. */
	total = (uint64_t)cursor_u32(&c) + 4;
	cursor_skip(&c, 4);
	if (c.bad)
		return -EBADMSG;
	if (total < len) {
		if (total < LBA_STATUS_HEADER_LEN)
			return -EBADMSG;
		cursor_init(&c, c.p, (size_t)total - LBA_STATUS_HEADER_LEN);
	}
	for (n = 0; n < max && cursor_left(&c) >= LBA_STATUS_DESCRIPTOR_LEN;
	     n++) {
		ret[n].lba = cursor_u64(&c);
		ret[n].blocks = cursor_u32(&c);
		ret[n].provisioning = cursor_u8(&c) & 0x0f;
		cursor_skip(&c, 3);
	}
	*ret_n = n;
	return 0;
}

int
lba_status_put(
    uint8_t *buf, size_t size, const struct lba_status *s, unsigned n)
{
	struct writer w;
	unsigned i;

	writer_init(&w, buf, size);
	writer_u32(&w, 4 + n * LBA_STATUS_DESCRIPTOR_LEN);
	writer_u32(&w, 0);
	for (i = 0; i < n; i++) {
		writer_u64(&w, s[i].lba);
		writer_u32(&w, s[i].blocks);
		writer_u8(&w, s[i].provisioning & 0x0f);
		writer_zero(&w, 3);
	}
	return writer_result(&w);
}

/*
 * ---- PERSISTENT RESERVE IN ----
 */

int
reservation_get(const uint8_t *buf, size_t len, struct reservation *ret)
{
	struct reservation r;
	struct cursor c;

	cursor_init(&c, buf, len);
	cursor_skip(&c, 4); /* the generation */
	memset(&r, 0, sizeof(r));
	r.held = cursor_u32(&c) >= RESERVATION_LEN - 8;
	if (r.held) {
		r.key = cursor_u64(&c);
		cursor_skip(&c, 5);
		r.type = cursor_u8(&c) & 0x0f;
		cursor_skip(&c, 2);
	}
	if (c.bad)
		return -EBADMSG;
	*ret = r;
	return 0;
}

/*
 * ---- UNMAP ----
 */

int
unmap_get(const uint8_t *buf, size_t len, struct unmap_range *ret, unsigned max,
    unsigned *ret_n)
{
	size_t data_len, ranges_len, i, n;
	struct cursor c;

	cursor_init(&c, buf, len);
	data_len = cursor_u16(&c);
	ranges_len = cursor_u16(&c);
	cursor_skip(&c, 4);
	if (c.bad || ranges_len > cursor_left(&c) ||
	    data_len < ranges_len + UNMAP_HEADER_LEN - 2)
		return -EBADMSG;
	/* SBC-3: what is left of an incomplete descriptor is ignored. */
	n = ranges_len / UNMAP_DESCRIPTOR_LEN;
	if (n > max)
		return -E2BIG;
	for (i = 0; i < n; i++) {
		ret[i].lba = cursor_u64(&c);
		ret[i].blocks = cursor_u32(&c);
		cursor_skip(&c, 4);
	}
	*ret_n = (unsigned)n;
	return 0;
}

int
unmap_put(uint8_t *buf, size_t size, const struct unmap_range *r, unsigned n)
{
	struct writer w;
	unsigned i;

	/* The length fields have 16 bits. */
	if (n > (UINT16_MAX - UNMAP_HEADER_LEN) / UNMAP_DESCRIPTOR_LEN)
		return -EMSGSIZE;
	writer_init(&w, buf, size);
	writer_u16(
	    &w, (uint16_t)(UNMAP_HEADER_LEN - 2 + n * UNMAP_DESCRIPTOR_LEN));
	writer_u16(&w, (uint16_t)(n * UNMAP_DESCRIPTOR_LEN));
	writer_u32(&w, 0);
	for (i = 0; i < n; i++) {
		writer_u64(&w, r[i].lba);
		writer_u32(&w, r[i].blocks);
		writer_u32(&w, 0);
	}
	return writer_result(&w);
}

/*
 * ---- REPORT SUPPORTED OPERATION CODES ----
 */

int
opcode_support_get(const uint8_t *buf, size_t len, struct opcode_support *ret)
{
	struct opcode_support s;
	const uint8_t *usage;
	struct cursor c;

	memset(&s, 0, sizeof(s));
	cursor_init(&c, buf, len);
	cursor_skip(&c, 1);
	s.support = cursor_u8(&c) & 7;
	s.cdb_len = cursor_u16(&c);
	if (c.bad)
		return -EBADMSG;
	if (s.cdb_len > sizeof(s.usage))
		s.cdb_len = sizeof(s.usage);
	usage = cursor_bytes(&c, s.cdb_len);
	if (usage != NULL)
		memcpy(s.usage, usage, s.cdb_len);
	else
		s.cdb_len = 0;
	*ret = s;
	return 0;
}

int
opcode_support_put(uint8_t *buf, size_t size, const struct opcode_support *s)
{
	uint16_t n =
	    s->cdb_len <= sizeof(s->usage) ? s->cdb_len : sizeof(s->usage);
	struct writer w;

	writer_init(&w, buf, size);
	writer_u8(&w, 0);
	writer_u8(&w, s->support & 7);
	writer_u16(&w, n);
	writer_bytes(&w, s->usage, n);
	return writer_result(&w);
}
