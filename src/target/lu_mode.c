/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lu_mode - MODE SENSE(6) and (10) with the pages caching, control and
 * informational exceptions control (SPC-4, 6.13 and 7.5; SBC-3, 6.5).  None of
 * them can be changed, so there is no MODE SELECT.
 */
#include <string.h>

#include "base/be.h"
#include "target/lu_impl.h"

enum { PC_CURRENT = 0, PC_CHANGEABLE = 1, PC_DEFAULT = 2, PC_SAVED = 3 };

#define MODE_ROOM      128 /* more than all pages */
#define EXCEPTIONS_LEN 12

static bool
mode_sense_start(struct lu_cmd *c)
{
	if (c->f.page_control == PC_SAVED)
		return lu_fail(
		    c, SENSE_ILLEGAL_REQUEST, SENSE_SAVING_NOT_SUPPORTED);
	switch (c->f.page) {
	case MODE_PAGE_ALL:
		if (c->f.subpage != 0 && c->f.subpage != MODE_SUBPAGE_ALL)
			return lu_fail_cdb(c, 3);
		break;
	case MODE_PAGE_CACHING:
	case MODE_PAGE_CONTROL:
	case MODE_PAGE_EXCEPTIONS:
		if (c->f.subpage != 0)
			return lu_fail_cdb(c, 3);
		break;
	default:
		return lu_fail_cdb(c, 2);
	}
	return lu_want_in(c, MODE_ROOM);
}

/* The page that mode_put() does not know: no exceptions are reported.  The
 * header's length counts it. */
static int
exceptions_put(uint8_t *buf, int len, bool ten, bool changeable)
{
	uint8_t *page = buf + len;

	memset(page, 0, EXCEPTIONS_LEN);
	page[0] = MODE_PAGE_EXCEPTIONS;
	page[1] = EXCEPTIONS_LEN - 2;
	if (!changeable)
		page[2] = 0x08; /* DEXCPT */
	len += EXCEPTIONS_LEN;
	if (ten)
		be16_put(buf, (uint16_t)(len - 2));
	else
		buf[0] = (uint8_t)(len - 1);
	return len;
}

static void
mode_sense_run(struct lu_cmd *c)
{
	const struct lu *lu = c->lu;
	bool ten = c->f.length == 10;
	bool all = c->f.page == MODE_PAGE_ALL;
	bool changeable = c->f.page_control == PC_CHANGEABLE;
	struct mode mode = { .wp = lu->config.read_only || lu->bdev->read_only,
		.dpofua = true,
		.has_block = !c->f.dbd,
		.block_count = lu->blocks,
		.block_size = lu->config.block_size,
		.has_caching = all || c->f.page == MODE_PAGE_CACHING,
		.caching = { .wce = lu->bdev->volatile_cache },
		.has_control = all || c->f.page == MODE_PAGE_CONTROL,
		/* TAS: commands ended by others report TASK ABORTED. */
		.control = { .queue_algorithm = 1, .tas = true } };
	int len = mode_put(c->data, c->need, ten, changeable, &mode);

	if (len > 0 && (all || c->f.page == MODE_PAGE_EXCEPTIONS))
		len = exceptions_put(c->data, len, ten, changeable);
	lu_give(c, len);
}

const struct lu_op lu_op_mode_sense = { LU_READS, 0, mode_sense_start,
	mode_sense_run };
