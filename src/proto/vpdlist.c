/* SPDX-License-Identifier: BSD-2-Clause */
/* vpdlist - see the header. */
#include "proto/vpdlist.h"

#include <errno.h>
#include <string.h>

#include "base/cursor.h"
#include "proto/vpd.h"

/* Goes to *pos of the page's body: 1 when something is there, 0 when that is
 * its end. */
static int
list_begin(const uint8_t *buf, size_t len, uint8_t page, size_t pos,
    struct cursor *ret)
{
	if (vpd_body_get(buf, len, page, 0, ret) < 0)
		return -EBADMSG;
	cursor_skip(ret, pos);
	if (ret->bad)
		return -EBADMSG;
	return cursor_left(ret) > 0;
}

/* The entry has been read: *pos goes behind it unless it was cut short. */
static int
list_end(const struct cursor *c, const uint8_t *begin, size_t *pos)
{
	if (c->bad)
		return -EBADMSG;
	*pos += (size_t)(c->p - begin);
	return 1;
}

/*
 * ---- designators ----
 */

static int
designator_read(struct cursor *c, size_t *pos, struct designator *ret)
{
	const uint8_t *begin = c->p, *head = cursor_bytes(c, 4), *value;

	if (head == NULL)
		return -EBADMSG;
	value = cursor_bytes(c, head[3]);
	if (value == NULL)
		return -EBADMSG;
	ret->code_set = head[0] & 0x0f;
	ret->piv = head[1] & 0x80;
	ret->protocol = ret->piv ? head[0] >> 4 : 0;
	ret->association = head[1] >> 4 & 3;
	ret->type = head[1] & 0x0f;
	ret->len = head[3];
	ret->value = value;
	return list_end(c, begin, pos);
}

int
vpd_designator_get(
    const uint8_t *buf, size_t len, size_t *pos, struct designator *ret)
{
	struct cursor c;
	int more = list_begin(buf, len, VPD_DEVICE_IDENTIFICATION, *pos, &c);

	return more > 0 ? designator_read(&c, pos, ret) : more;
}

int
designator_get(
    const uint8_t *list, size_t len, size_t *pos, struct designator *ret)
{
	struct cursor c;

	cursor_init(&c, list, len);
	cursor_skip(&c, *pos);
	if (!c.bad && cursor_left(&c) == 0)
		return 0;
	return designator_read(&c, pos, ret);
}

static void
designators_write(struct writer *w, const struct designator *d, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		writer_u8(w, (uint8_t)((d[i].piv ? d[i].protocol << 4 : 0) |
				       d[i].code_set));
		writer_u8(w, (uint8_t)((d[i].piv ? 0x80 : 0) |
				       d[i].association << 4 | d[i].type));
		writer_u8(w, 0);
		writer_u8(w, d[i].len);
		writer_bytes(w, d[i].value, d[i].len);
	}
}

int
vpd_designators_put(uint8_t *buf, size_t size, uint8_t type,
    const struct designator *d, unsigned n)
{
	struct writer w;

	vpd_begin(&w, buf, size, type, VPD_DEVICE_IDENTIFICATION);
	designators_write(&w, d, n);
	return vpd_end(&w);
}

const char *
designator_type_name(uint8_t type)
{
	static const char *const names[] = { "vendor specific", "T10 vendor ID",
		"EUI-64", "NAA", "relative target port", "target port group",
		"logical unit group", "MD5", "SCSI name",
		"protocol specific port", "UUID" };

	return type < sizeof(names) / sizeof(names[0]) ? names[type]
						       : "reserved";
}

/*
 * ---- the other pages ----
 */

int
vpd_software_interface_get(
    const uint8_t *buf, size_t len, size_t *pos, const uint8_t **ret)
{
	const uint8_t *id, *begin;
	struct cursor c;
	int more = list_begin(buf, len, VPD_SOFTWARE_INTERFACES, *pos, &c);

	if (more <= 0)
		return more;
	begin = c.p;
	id = cursor_bytes(&c, SOFTWARE_INTERFACE_LEN);
	if (id != NULL)
		*ret = id;
	return list_end(&c, begin, pos);
}

int
vpd_management_address_get(
    const uint8_t *buf, size_t len, size_t *pos, struct management_address *ret)
{
	struct management_address a;
	const uint8_t *begin;
	struct cursor c;
	uint8_t b;
	int more = list_begin(buf, len, VPD_MANAGEMENT_ADDRESSES, *pos, &c);

	if (more <= 0)
		return more;
	begin = c.p;
	b = cursor_u8(&c);
	a.association = b >> 5 & 3;
	a.service = b & 0x1f;
	cursor_skip(&c, 1);
	a.len = cursor_u16(&c);
	a.url = cursor_bytes(&c, a.len);
	if (c.bad)
		return -EBADMSG;
	while (a.len > 0 && a.url[a.len - 1] == '\0')
		a.len--;
	*ret = a;
	return list_end(&c, begin, pos);
}

int
vpd_mode_page_policy_get(
    const uint8_t *buf, size_t len, size_t *pos, struct mode_page_policy *ret)
{
	const uint8_t *p, *begin;
	struct cursor c;
	int more = list_begin(buf, len, VPD_MODE_PAGE_POLICY, *pos, &c);

	if (more <= 0)
		return more;
	begin = c.p;
	p = cursor_bytes(&c, 4);
	if (p == NULL)
		return -EBADMSG;
	ret->page = p[0] & 0x3f;
	ret->subpage = p[1];
	ret->mlus = p[2] & 0x80;
	ret->policy = p[2] & 3;
	return list_end(&c, begin, pos);
}

int
vpd_mode_page_policies_put(uint8_t *buf, size_t size, uint8_t type,
    const struct mode_page_policy *m, unsigned n)
{
	struct writer w;
	unsigned i;

	vpd_begin(&w, buf, size, type, VPD_MODE_PAGE_POLICY);
	for (i = 0; i < n; i++) {
		writer_u8(&w, m[i].page & 0x3f);
		writer_u8(&w, m[i].subpage);
		writer_u8(
		    &w, (uint8_t)((m[i].mlus ? 0x80 : 0) | (m[i].policy & 3)));
		writer_u8(&w, 0);
	}
	return vpd_end(&w);
}

int
vpd_scsi_port_get(
    const uint8_t *buf, size_t len, size_t *pos, struct scsi_port *ret)
{
	const uint8_t *begin;
	struct scsi_port p;
	struct cursor c;
	int more = list_begin(buf, len, VPD_SCSI_PORTS, *pos, &c);

	if (more <= 0)
		return more;
	begin = c.p;
	cursor_skip(&c, 2);
	p.relative = cursor_u16(&c);
	cursor_skip(&c, 2);
	p.transport_id_len = cursor_u16(&c);
	p.transport_id = cursor_bytes(&c, p.transport_id_len);
	cursor_skip(&c, 2);
	p.designators_len = cursor_u16(&c);
	p.designators = cursor_bytes(&c, p.designators_len);
	if (!c.bad)
		*ret = p;
	return list_end(&c, begin, pos);
}

int
vpd_scsi_port_put(uint8_t *buf, size_t size, uint8_t type, uint16_t relative,
    const struct designator *d, unsigned n)
{
	struct writer w;
	size_t at;

	vpd_begin(&w, buf, size, type, VPD_SCSI_PORTS);
	writer_zero(&w, 2);
	writer_u16(&w, relative);
	writer_zero(&w, 6); /* no initiator port */
	at = writer_len(&w);
	writer_u16(&w, 0);
	designators_write(&w, d, n);
	if (!w.bad)
		be16_put(w.start + at, (uint16_t)(writer_len(&w) - at - 2));
	return vpd_end(&w);
}

int
vpd_third_party_copy_get(
    const uint8_t *buf, size_t len, size_t *pos, struct third_party_copy *ret)
{
	struct third_party_copy t;
	const uint8_t *begin;
	struct cursor c;
	int more = list_begin(buf, len, VPD_THIRD_PARTY_COPY, *pos, &c);

	if (more <= 0)
		return more;
	begin = c.p;
	t.type = cursor_u16(&c);
	t.len = cursor_u16(&c);
	t.body = cursor_bytes(&c, t.len);
	if (!c.bad)
		*ret = t;
	return list_end(&c, begin, pos);
}
