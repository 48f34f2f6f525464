/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The designators are kept one after another as
 *
 *     | code set | type | length | value ... |
 *
 * in the order of the page, and compared as bytes.  What exceeds the room is
 * left out on both sides alike.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "block/lun_identity.h"

#define DESIGNATOR_HEADER 3

int
lun_identity_designators(
    struct lun_identity *id, const uint8_t *page, size_t len)
{
	struct designator d;
	uint8_t *to;
	size_t pos, used;
	int error;

	used = 0;
	pos = 0;
	while ((error = vpd_designator_get(page, len, &pos, &d)) > 0) {
		if (d.association != DESIGNATOR_LU)
			continue;
		if (used + DESIGNATOR_HEADER + d.len > LUN_DESIGNATORS_MAX)
			break;
		to = id->designators + used;
		to[0] = d.code_set;
		to[1] = d.type;
		to[2] = d.len;
		memcpy(to + DESIGNATOR_HEADER, d.value, d.len);
		used += DESIGNATOR_HEADER + d.len;
	}
	if (error < 0)
		return error;
	id->designators_len = (uint16_t)used;
	id->has_designators = used > 0;
	return 0;
}

bool
lun_identity_next(
    const struct lun_identity *id, size_t *pos, struct designator *ret)
{
	const uint8_t *from = id->designators + *pos;

	if (*pos >= id->designators_len)
		return false;
	*ret = (struct designator){ .code_set = from[0],
		.association = DESIGNATOR_LU,
		.type = from[1],
		.len = from[2],
		.value = from + DESIGNATOR_HEADER };
	*pos += DESIGNATOR_HEADER + ret->len;
	return true;
}

const char *
lun_identity_differs(
    const struct lun_identity *was, const struct lun_identity *is, bool resized)
{
	if (was->has_designators &&
	    (!is->has_designators ||
		was->designators_len != is->designators_len ||
		memcmp(was->designators, is->designators,
		    was->designators_len) != 0))
		return "device identification (VPD page 83h)";
	if (was->has_serial &&
	    (!is->has_serial || strcmp(was->serial, is->serial) != 0))
		return "unit serial number (VPD page 80h)";
	if (was->block_size != is->block_size)
		return "block size";
	if (!resized && was->blocks != is->blocks)
		return "capacity";
	return NULL;
}

/* The designator of a type, or NULL. */
static const uint8_t *
designator_find(const struct lun_identity *id, uint8_t type)
{
	const uint8_t *d = id->designators;
	const uint8_t *end = d + id->designators_len;

	for (; d < end; d += DESIGNATOR_HEADER + d[2])
		if (d[1] == type)
			return d;
	return NULL;
}

static size_t
designator_text(const uint8_t *d, const char *prefix, char *ret, size_t size)
{
	const uint8_t *value = d + DESIGNATOR_HEADER;
	size_t i, n, len = d[2];

	n = (size_t)snprintf(ret, size, "%s.", prefix);
	if (d[0] == DESIGNATOR_BINARY) {
		for (i = 0; i < len && n + 2 < size; i++)
			n += (size_t)snprintf(
			    ret + n, size - n, "%02x", value[i]);
		return n;
	}
	while (len > 0 && (value[len - 1] == '\0' || value[len - 1] == ' '))
		len--;
	if (n < size)
		escape(ret + n, size - n, value, len);
	return strlen(ret);
}

void
lun_identity_text(const struct lun_identity *id, char *ret, size_t size)
{
	static const struct {
		uint8_t type;
		const char *prefix;
	} best[] = {
		{ DESIGNATOR_NAA, "naa" },
		{ DESIGNATOR_EUI64, "eui" },
		{ DESIGNATOR_NAME, "name" },
		{ DESIGNATOR_T10, "t10" },
	};
	const uint8_t *d = NULL;
	size_t i, n = 0;

	ret[0] = '\0';
	for (i = 0; i < sizeof(best) / sizeof(best[0]) && d == NULL; i++) {
		d = designator_find(id, best[i].type);
		if (d != NULL)
			n = designator_text(d, best[i].prefix, ret, size);
	}
	if (!id->has_serial || n + 16 > size)
		return;
	n += (size_t)snprintf(ret + n, size - n, "%sserial ", n > 0 ? " " : "");
	escape(ret + n, size - n, id->serial, strlen(id->serial));
}
