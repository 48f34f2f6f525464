/* SPDX-License-Identifier: BSD-2-Clause */
/* vpd - see the header. */
#include "proto/vpd.h"

#include <errno.h>
#include <string.h>

#include "base/cursor.h"

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
	case VPD_SOFTWARE_INTERFACES:
		return "Software interface identification";
	case VPD_MANAGEMENT_ADDRESSES:
		return "Management network addresses";
	case VPD_EXTENDED_INQUIRY:
		return "Extended INQUIRY data";
	case VPD_MODE_PAGE_POLICY:
		return "Mode page policy";
	case VPD_SCSI_PORTS:
		return "SCSI ports";
	case VPD_THIRD_PARTY_COPY:
		return "Third-party copy";
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

int
vpd_body_get(const uint8_t *buf, size_t len, uint8_t page, size_t min,
    struct cursor *ret)
{
	struct vpd v;

	if (vpd_get(buf, len, &v) < 0 || v.page != page || v.body_len < min)
		return -EBADMSG;
	cursor_init(ret, v.body, v.body_len);
	return 0;
}

void
vpd_begin(
    struct writer *w, uint8_t *buf, size_t size, uint8_t type, uint8_t page)
{
	writer_init(w, buf, size);
	writer_u8(w, type);
	writer_u8(w, page);
	writer_u16(w, 0);
}

int
vpd_end(struct writer *w)
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

	if (vpd_body_get(buf, len, VPD_SUPPORTED_PAGES, 0, &c) < 0)
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

	vpd_begin(&w, buf, size, type, VPD_SUPPORTED_PAGES);
	writer_bytes(&w, s->pages, s->n);
	return vpd_end(&w);
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

	if (vpd_body_get(buf, len, VPD_UNIT_SERIAL_NUMBER, 0, &c) < 0)
		return -EBADMSG;
	n = cursor_left(&c);
	if (n > VPD_SERIAL_MAX)
		n = VPD_SERIAL_MAX;
	memcpy(ret, cursor_bytes(&c, n), n);
	while (n > 0 && (ret[n - 1] == ' ' || ret[n - 1] == '\0'))
		n--;
	ret[n] = '\0';
	return 0;
}

int
vpd_serial_put(uint8_t *buf, size_t size, uint8_t type, const char *serial)
{
	struct writer w;

	vpd_begin(&w, buf, size, type, VPD_UNIT_SERIAL_NUMBER);
	writer_bytes(&w, serial, strnlen(serial, VPD_SERIAL_MAX));
	return vpd_end(&w);
}

int
vpd_extended_get(const uint8_t *buf, size_t len, struct vpd_extended *ret)
{
	struct vpd_extended e;
	struct cursor c;
	uint8_t b;

	if (vpd_body_get(buf, len, VPD_EXTENDED_INQUIRY, 3, &c) < 0)
		return -EBADMSG;
	memset(&e, 0, sizeof(e));
	b = cursor_u8(&c);
	e.activate_microcode = b >> 6;
	e.spt = b >> 3 & 7;
	e.grd_chk = b & 0x04;
	e.app_chk = b & 0x02;
	e.ref_chk = b & 0x01;
	b = cursor_u8(&c);
	e.uask_sup = b & 0x20;
	e.group_sup = b & 0x10;
	e.prior_sup = b & 0x08;
	e.headsup = b & 0x04;
	e.ordsup = b & 0x02;
	e.simpsup = b & 0x01;
	b = cursor_u8(&c);
	e.wu_sup = b & 0x08;
	e.crd_sup = b & 0x04;
	e.nv_sup = b & 0x02;
	e.v_sup = b & 0x01;
	b = cursor_u8(&c);
	e.no_pi_chk = b & 0x20;
	e.p_i_i_sup = b & 0x10;
	e.luiclr = b & 0x01;
	b = cursor_u8(&c);
	e.lu_coll_type = b >> 5;
	e.r_sup = b & 0x10;
	e.rtd_sup = b & 0x08;
	e.hssrelef = b & 0x02;
	e.cbcs = b & 0x01;
	e.multi_nexus_microcode = cursor_u8(&c) & 0x0f;
	e.self_test_minutes = cursor_u16(&c);
	b = cursor_u8(&c);
	e.poa_sup = b & 0x80;
	e.hra_sup = b & 0x40;
	e.vsa_sup = b & 0x20;
	e.dms_valid = b & 0x10;
	e.max_sense_len = cursor_u8(&c);
	b = cursor_u8(&c);
	e.ibs = b & 0x80;
	e.ias = b & 0x40;
	e.sac = b & 0x04;
	e.nrd1 = b & 0x02;
	e.nrd0 = b & 0x01;
	e.max_inquiry_logs = cursor_u16(&c);
	e.max_mode_page_logs = cursor_u16(&c);
	*ret = e;
	return 0;
}

/* A byte of flags, the highest first. */
static uint8_t
flags(bool b7, bool b6, bool b5, bool b4, bool b3, bool b2, bool b1, bool b0)
{
	return (uint8_t)(b7 << 7 | b6 << 6 | b5 << 5 | b4 << 4 | b3 << 3 |
			 b2 << 2 | b1 << 1 | b0);
}

int
vpd_extended_put(
    uint8_t *buf, size_t size, uint8_t type, const struct vpd_extended *e)
{
	struct writer w;

	vpd_begin(&w, buf, size, type, VPD_EXTENDED_INQUIRY);
	writer_u8(&w, (uint8_t)(e->activate_microcode << 6 | (e->spt & 7) << 3 |
				flags(0, 0, 0, 0, 0, e->grd_chk, e->app_chk,
				    e->ref_chk)));
	writer_u8(&w, flags(0, 0, e->uask_sup, e->group_sup, e->prior_sup,
			  e->headsup, e->ordsup, e->simpsup));
	writer_u8(
	    &w, flags(0, 0, 0, 0, e->wu_sup, e->crd_sup, e->nv_sup, e->v_sup));
	writer_u8(
	    &w, flags(0, 0, e->no_pi_chk, e->p_i_i_sup, 0, 0, 0, e->luiclr));
	writer_u8(&w, (uint8_t)(e->lu_coll_type << 5 |
				flags(0, 0, 0, e->r_sup, e->rtd_sup, 0,
				    e->hssrelef, e->cbcs)));
	writer_u8(&w, e->multi_nexus_microcode & 0x0f);
	writer_u16(&w, e->self_test_minutes);
	writer_u8(&w, flags(e->poa_sup, e->hra_sup, e->vsa_sup, e->dms_valid, 0,
			  0, 0, 0));
	writer_u8(&w, e->max_sense_len);
	writer_u8(&w, flags(e->ibs, e->ias, 0, 0, 0, e->sac, e->nrd1, e->nrd0));
	writer_u16(&w, e->max_inquiry_logs);
	writer_u16(&w, e->max_mode_page_logs);
	writer_zero(&w, 45);
	return vpd_end(&w);
}

int
vpd_block_limits_get(
    const uint8_t *buf, size_t len, struct vpd_block_limits *ret)
{
	struct vpd_block_limits l;
	struct cursor c;
	uint32_t v;

	/* SBC-2 ends after OPTIMAL TRANSFER LENGTH. */
	if (vpd_body_get(buf, len, VPD_BLOCK_LIMITS, 12, &c) < 0)
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
	l.max_atomic_transfer = cursor_u32(&c);
	l.atomic_alignment = cursor_u32(&c);
	l.atomic_granularity = cursor_u32(&c);
	l.max_atomic_transfer_with_boundary = cursor_u32(&c);
	l.max_atomic_boundary = cursor_u32(&c);
	*ret = l;
	return 0;
}

int
vpd_block_limits_put(
    uint8_t *buf, size_t size, uint8_t type, const struct vpd_block_limits *l)
{
	struct writer w;

	vpd_begin(&w, buf, size, type, VPD_BLOCK_LIMITS);
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
	writer_u32(&w, l->max_atomic_transfer);
	writer_u32(&w, l->atomic_alignment);
	writer_u32(&w, l->atomic_granularity);
	writer_u32(&w, l->max_atomic_transfer_with_boundary);
	writer_u32(&w, l->max_atomic_boundary);
	return vpd_end(&w);
}

int
vpd_block_characteristics_get(
    const uint8_t *buf, size_t len, struct vpd_block_characteristics *ret)
{
	struct vpd_block_characteristics b;
	struct cursor c;
	uint8_t v;

	if (vpd_body_get(buf, len, VPD_BLOCK_CHARACTERISTICS, 2, &c) < 0)
		return -EBADMSG;
	memset(&b, 0, sizeof(b));
	b.rotation_rate = cursor_u16(&c);
	b.product_type = cursor_u8(&c);
	v = cursor_u8(&c);
	b.wabereq = v >> 6;
	b.wacereq = v >> 4 & 3;
	b.form_factor = v & 0x0f;
	v = cursor_u8(&c);
	b.zoned = v >> 4 & 3;
	b.rbwz = v & 0x08;
	b.bocs = v & 0x04;
	b.fuab = v & 0x02;
	b.vbuls = v & 0x01;
	cursor_skip(&c, 3);
	b.depopulation_time = cursor_u32(&c);
	*ret = b;
	return 0;
}

int
vpd_block_characteristics_put(uint8_t *buf, size_t size, uint8_t type,
    const struct vpd_block_characteristics *b)
{
	struct writer w;

	vpd_begin(&w, buf, size, type, VPD_BLOCK_CHARACTERISTICS);
	writer_u16(&w, b->rotation_rate);
	writer_u8(&w, b->product_type);
	writer_u8(&w, (uint8_t)((b->wabereq & 3) << 6 | (b->wacereq & 3) << 4 |
				(b->form_factor & 0x0f)));
	writer_u8(&w,
	    (uint8_t)((b->zoned & 3) << 4 |
		      flags(0, 0, 0, 0, b->rbwz, b->bocs, b->fuab, b->vbuls)));
	writer_zero(&w, 3);
	writer_u32(&w, b->depopulation_time);
	writer_zero(&w, 48);
	return vpd_end(&w);
}

int
vpd_provisioning_get(
    const uint8_t *buf, size_t len, struct vpd_provisioning *ret)
{
	struct vpd_provisioning p;
	struct cursor c;
	uint8_t b;

	if (vpd_body_get(buf, len, VPD_LOGICAL_BLOCK_PROVISIONING, 2, &c) < 0)
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
	b = cursor_u8(&c);
	p.minimum_percentage = b >> 3;
	p.provisioning_type = b & 7;
	p.threshold_percentage = cursor_u8(&c);
	*ret = p;
	return 0;
}

int
vpd_provisioning_put(
    uint8_t *buf, size_t size, uint8_t type, const struct vpd_provisioning *p)
{
	struct writer w;

	vpd_begin(&w, buf, size, type, VPD_LOGICAL_BLOCK_PROVISIONING);
	writer_u8(&w, p->threshold_exponent);
	writer_u8(&w, (uint8_t)((p->lbpu ? 0x80 : 0) | (p->lbpws ? 0x40 : 0) |
				(p->lbpws10 ? 0x20 : 0) | (p->lbprz & 7) << 2 |
				(p->anc_sup ? 0x02 : 0) | (p->dp ? 0x01 : 0)));
	writer_u8(&w,
	    (uint8_t)(p->minimum_percentage << 3 | (p->provisioning_type & 7)));
	writer_u8(&w, p->threshold_percentage);
	return vpd_end(&w);
}
