/* SPDX-License-Identifier: BSD-2-Clause */
/* inquiry - see the header. */
#include "proto/inquiry.h"

#include <errno.h>
#include <string.h>

#include "base/cursor.h"

#define INQUIRY_MIN	 5 /* up to ADDITIONAL LENGTH */
#define INQUIRY_SHORT	 36
#define INQUIRY_LONG	 96
#define BLOCK_LIMITS_LEN 0x3c

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
	q.removable = cursor_u8(&c) & 0x80;
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
	writer_u8(&w, q->removable ? 0x80 : 0);
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

/*
 * ---- VPD pages ----
 */

int
vpd_get(const uint8_t *buf, size_t len, struct vpd *ret)
{
	if (len < VPD_HEADER_LEN)
		return -EBADMSG;
	ret->qualifier = buf[0] >> 5;
	ret->type = buf[0] & 0x1f;
	ret->page = buf[1];
	ret->page_len = be16_get(buf + 2);
	ret->body = buf + VPD_HEADER_LEN;
	ret->body_len = len - VPD_HEADER_LEN;
	if (ret->body_len > ret->page_len)
		ret->body_len = ret->page_len;
	return 0;
}

const char *
vpd_page_name(uint8_t page)
{
	switch (page) {
	case VPD_SUPPORTED_PAGES:
		return "Supported VPD pages";
	case VPD_UNIT_SERIAL_NUMBER:
		return "Unit serial number";
	case VPD_DEVICE_IDENTIFICATION:
		return "Device identification";
	case VPD_EXTENDED_INQUIRY:
		return "Extended INQUIRY data";
	case VPD_MODE_PAGE_POLICY:
		return "Mode page policy";
	case VPD_BLOCK_LIMITS:
		return "Block limits";
	case VPD_BLOCK_CHARACTERISTICS:
		return "Block device characteristics";
	case VPD_LOGICAL_BLOCK_PROVISIONING:
		return "Logical block provisioning";
	default:
		return NULL;
	}
}

/* Opens the body of the page that is wanted, of at least min bytes. */
static int
body_get(const uint8_t *buf, size_t len, uint8_t page, size_t min,
    struct cursor *ret)
{
	struct vpd v;

	if (vpd_get(buf, len, &v) < 0 || v.page != page || v.body_len < min)
		return -EBADMSG;
	cursor_init(ret, v.body, v.body_len);
	return 0;
}

static void
page_begin(
    struct writer *w, uint8_t *buf, size_t size, uint8_t type, uint8_t page)
{
	writer_init(w, buf, size);
	writer_u8(w, type);
	writer_u8(w, page);
	writer_u16(w, 0);
}

/* Sets the PAGE LENGTH. */
static int
page_end(struct writer *w)
{
	if (!w->bad)
		be16_put(
		    w->start + 2, (uint16_t)(writer_len(w) - VPD_HEADER_LEN));
	return writer_result(w);
}

int
vpd_supported_get(const uint8_t *buf, size_t len, struct vpd_supported *ret)
{
	struct cursor c;
	size_t n;

	if (body_get(buf, len, VPD_SUPPORTED_PAGES, 0, &c) < 0)
		return -EBADMSG;
	n = cursor_left(&c);
	if (n > sizeof(ret->pages))
		n = sizeof(ret->pages);
	ret->n = (uint8_t)n;
	memcpy(ret->pages, cursor_bytes(&c, n), n);
	return 0;
}

int
vpd_supported_put(
    uint8_t *buf, size_t size, uint8_t type, const struct vpd_supported *s)
{
	struct writer w;

	page_begin(&w, buf, size, type, VPD_SUPPORTED_PAGES);
	writer_bytes(&w, s->pages, s->n);
	return page_end(&w);
}

bool
vpd_supported_has(const struct vpd_supported *s, uint8_t page)
{
	return memchr(s->pages, page, s->n) != NULL;
}

int
vpd_serial_get(const uint8_t *buf, size_t len, char ret[VPD_SERIAL_MAX + 1])
{
	struct cursor c;
	size_t n;

	if (body_get(buf, len, VPD_UNIT_SERIAL_NUMBER, 0, &c) < 0)
		return -EBADMSG;
	n = cursor_left(&c);
	if (n > VPD_SERIAL_MAX)
		n = VPD_SERIAL_MAX;
	text_get(ret, cursor_bytes(&c, n), n);
	return 0;
}

int
vpd_serial_put(uint8_t *buf, size_t size, uint8_t type, const char *serial)
{
	struct writer w;

	page_begin(&w, buf, size, type, VPD_UNIT_SERIAL_NUMBER);
	writer_bytes(&w, serial, strnlen(serial, VPD_SERIAL_MAX));
	return page_end(&w);
}

int
vpd_designator_get(
    const uint8_t *buf, size_t len, size_t *pos, struct designator *ret)
{
	const uint8_t *head;
	struct cursor c;

	if (body_get(buf, len, VPD_DEVICE_IDENTIFICATION, 0, &c) < 0)
		return -EBADMSG;
	cursor_skip(&c, *pos);
	if (!c.bad && cursor_left(&c) == 0)
		return 0;
	head = cursor_bytes(&c, 4);
	if (head == NULL || cursor_left(&c) < head[3])
		return -EBADMSG;
	ret->code_set = head[0] & 0x0f;
	ret->piv = head[1] & 0x80;
	ret->protocol = ret->piv ? head[0] >> 4 : 0;
	ret->association = head[1] >> 4 & 3;
	ret->type = head[1] & 0x0f;
	ret->len = head[3];
	ret->value = cursor_bytes(&c, head[3]);
	*pos += 4u + head[3];
	return 1;
}

int
vpd_designators_put(uint8_t *buf, size_t size, uint8_t type,
    const struct designator *d, unsigned n)
{
	struct writer w;
	unsigned i;

	page_begin(&w, buf, size, type, VPD_DEVICE_IDENTIFICATION);
	for (i = 0; i < n; i++) {
		writer_u8(&w, (uint8_t)((d[i].piv ? d[i].protocol << 4 : 0) |
					d[i].code_set));
		writer_u8(&w, (uint8_t)((d[i].piv ? 0x80 : 0) |
					d[i].association << 4 | d[i].type));
		writer_u8(&w, 0);
		writer_u8(&w, d[i].len);
		writer_bytes(&w, d[i].value, d[i].len);
	}
	return page_end(&w);
}

const char *
designator_type_name(uint8_t type)
{
	static const char *const names[] = { "vendor specific", "T10 vendor ID",
		"EUI-64", "NAA", "relative target port", "target port group",
		"logical unit group", "MD5", "SCSI name" };

	return type < sizeof(names) / sizeof(names[0]) ? names[type]
						       : "reserved";
}

int
vpd_extended_get(const uint8_t *buf, size_t len, struct vpd_extended *ret)
{
	struct vpd_extended e;
	struct cursor c;
	uint8_t b;

	if (body_get(buf, len, VPD_EXTENDED_INQUIRY, 3, &c) < 0)
		return -EBADMSG;
	memset(&e, 0, sizeof(e));
	b = cursor_u8(&c);
	e.spt = b >> 3 & 7;
	e.grd_chk = b & 0x04;
	e.app_chk = b & 0x02;
	e.ref_chk = b & 0x01;
	b = cursor_u8(&c);
	e.headsup = b & 0x04;
	e.ordsup = b & 0x02;
	e.simpsup = b & 0x01;
	b = cursor_u8(&c);
	e.wu_sup = b & 0x08;
	e.nv_sup = b & 0x02;
	e.v_sup = b & 0x01;
	e.luiclr = cursor_u8(&c) & 0x01;
	cursor_skip(&c, 5);
	e.max_sense_len = cursor_u8(&c);
	*ret = e;
	return 0;
}

int
vpd_extended_put(
    uint8_t *buf, size_t size, uint8_t type, const struct vpd_extended *e)
{
	struct writer w;

	page_begin(&w, buf, size, type, VPD_EXTENDED_INQUIRY);
	writer_u8(
	    &w, (uint8_t)((e->spt & 7) << 3 | (e->grd_chk ? 0x04 : 0) |
			  (e->app_chk ? 0x02 : 0) | (e->ref_chk ? 0x01 : 0)));
	writer_u8(
	    &w, (uint8_t)((e->headsup ? 0x04 : 0) | (e->ordsup ? 0x02 : 0) |
			  (e->simpsup ? 0x01 : 0)));
	writer_u8(
	    &w, (uint8_t)((e->wu_sup ? 0x08 : 0) | (e->nv_sup ? 0x02 : 0) |
			  (e->v_sup ? 0x01 : 0)));
	writer_u8(&w, e->luiclr ? 0x01 : 0);
	writer_zero(&w, 5);
	writer_u8(&w, e->max_sense_len);
	writer_zero(&w, 50);
	return page_end(&w);
}

int
vpd_mode_page_policy_get(
    const uint8_t *buf, size_t len, size_t *pos, struct mode_page_policy *ret)
{
	const uint8_t *p;
	struct cursor c;

	if (body_get(buf, len, VPD_MODE_PAGE_POLICY, 0, &c) < 0)
		return -EBADMSG;
	cursor_skip(&c, *pos);
	if (!c.bad && cursor_left(&c) == 0)
		return 0;
	p = cursor_bytes(&c, 4);
	if (p == NULL)
		return -EBADMSG;
	ret->page = p[0] & 0x3f;
	ret->subpage = p[1];
	ret->mlus = p[2] & 0x80;
	ret->policy = p[2] & 3;
	*pos += 4;
	return 1;
}

int
vpd_mode_page_policies_put(uint8_t *buf, size_t size, uint8_t type,
    const struct mode_page_policy *m, unsigned n)
{
	struct writer w;
	unsigned i;

	page_begin(&w, buf, size, type, VPD_MODE_PAGE_POLICY);
	for (i = 0; i < n; i++) {
		writer_u8(&w, m[i].page & 0x3f);
		writer_u8(&w, m[i].subpage);
		writer_u8(
		    &w, (uint8_t)((m[i].mlus ? 0x80 : 0) | (m[i].policy & 3)));
		writer_u8(&w, 0);
	}
	return page_end(&w);
}

int
vpd_block_limits_get(
    const uint8_t *buf, size_t len, struct vpd_block_limits *ret)
{
	struct vpd_block_limits l;
	struct cursor c;
	uint32_t v;

	/* SBC-2 ends after OPTIMAL TRANSFER LENGTH. */
	if (body_get(buf, len, VPD_BLOCK_LIMITS, 12, &c) < 0)
		return -EBADMSG;
	memset(&l, 0, sizeof(l));
	l.wsnz = cursor_u8(&c) & 0x01;
	l.max_compare_and_write = cursor_u8(&c);
	l.optimal_granularity = cursor_u16(&c);
	l.max_transfer = cursor_u32(&c);
	l.optimal_transfer = cursor_u32(&c);
	l.max_prefetch = cursor_u32(&c);
	l.max_unmap_lbas = cursor_u32(&c);
	l.max_unmap_descriptors = cursor_u32(&c);
	l.unmap_granularity = cursor_u32(&c);
	v = cursor_u32(&c);
	l.ugavalid = v >> 31;
	if (l.ugavalid)
		l.unmap_alignment = v & 0x7fffffff;
	l.max_write_same = cursor_u64(&c);
	*ret = l;
	return 0;
}

int
vpd_block_limits_put(
    uint8_t *buf, size_t size, uint8_t type, const struct vpd_block_limits *l)
{
	struct writer w;

	page_begin(&w, buf, size, type, VPD_BLOCK_LIMITS);
	writer_u8(&w, l->wsnz ? 0x01 : 0);
	writer_u8(&w, l->max_compare_and_write);
	writer_u16(&w, l->optimal_granularity);
	writer_u32(&w, l->max_transfer);
	writer_u32(&w, l->optimal_transfer);
	writer_u32(&w, l->max_prefetch);
	writer_u32(&w, l->max_unmap_lbas);
	writer_u32(&w, l->max_unmap_descriptors);
	writer_u32(&w, l->unmap_granularity);
	writer_u32(&w, l->ugavalid ? 1u << 31 | l->unmap_alignment : 0);
	writer_u64(&w, l->max_write_same);
	writer_zero(&w, BLOCK_LIMITS_LEN + VPD_HEADER_LEN - writer_len(&w));
	return page_end(&w);
}

int
vpd_block_characteristics_get(
    const uint8_t *buf, size_t len, struct vpd_block_characteristics *ret)
{
	struct vpd_block_characteristics b;
	struct cursor c;
	uint8_t v;

	if (body_get(buf, len, VPD_BLOCK_CHARACTERISTICS, 2, &c) < 0)
		return -EBADMSG;
	memset(&b, 0, sizeof(b));
	b.rotation_rate = cursor_u16(&c);
	b.product_type = cursor_u8(&c);
	v = cursor_u8(&c);
	b.wabereq = v >> 6;
	b.wacereq = v >> 4 & 3;
	b.form_factor = v & 0x0f;
	v = cursor_u8(&c);
	b.fuab = v & 0x02;
	b.vbuls = v & 0x01;
	*ret = b;
	return 0;
}

int
vpd_block_characteristics_put(uint8_t *buf, size_t size, uint8_t type,
    const struct vpd_block_characteristics *b)
{
	struct writer w;

	page_begin(&w, buf, size, type, VPD_BLOCK_CHARACTERISTICS);
	writer_u16(&w, b->rotation_rate);
	writer_u8(&w, b->product_type);
	writer_u8(&w, (uint8_t)((b->wabereq & 3) << 6 | (b->wacereq & 3) << 4 |
				(b->form_factor & 0x0f)));
	writer_u8(&w, (uint8_t)((b->fuab ? 0x02 : 0) | (b->vbuls ? 1 : 0)));
	writer_zero(&w, 55);
	return page_end(&w);
}

int
vpd_provisioning_get(
    const uint8_t *buf, size_t len, struct vpd_provisioning *ret)
{
	struct vpd_provisioning p;
	struct cursor c;
	uint8_t b;

	if (body_get(buf, len, VPD_LOGICAL_BLOCK_PROVISIONING, 2, &c) < 0)
		return -EBADMSG;
	memset(&p, 0, sizeof(p));
	p.threshold_exponent = cursor_u8(&c);
	b = cursor_u8(&c);
	p.lbpu = b & 0x80;
	p.lbpws = b & 0x40;
	p.lbpws10 = b & 0x20;
	p.lbprz = b >> 2 & 7;
	p.anc_sup = b & 0x02;
	p.dp = b & 0x01;
	p.provisioning_type = cursor_u8(&c) & 7;
	*ret = p;
	return 0;
}

int
vpd_provisioning_put(
    uint8_t *buf, size_t size, uint8_t type, const struct vpd_provisioning *p)
{
	struct writer w;

	page_begin(&w, buf, size, type, VPD_LOGICAL_BLOCK_PROVISIONING);
	writer_u8(&w, p->threshold_exponent);
	writer_u8(&w, (uint8_t)((p->lbpu ? 0x80 : 0) | (p->lbpws ? 0x40 : 0) |
				(p->lbpws10 ? 0x20 : 0) | (p->lbprz & 7) << 2 |
				(p->anc_sup ? 0x02 : 0) | (p->dp ? 0x01 : 0)));
	writer_u8(&w, p->provisioning_type & 7);
	writer_u8(&w, 0);
	return page_end(&w);
}
