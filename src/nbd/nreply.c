/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nreply - the reply to a request: a simple one, or one chunk, which is the
 * last at once.  Nothing is sent in pieces: a READ that fails has no data.
 *
 *   READ           OFFSET_DATA: offset 8, data
 *   BLOCK_STATUS   BLOCK_STATUS: context 4, {length 4, status 4} ...
 *                  BLOCK_STATUS_EXT: context 4, count 4, {8, 8} ...
 *   an error       ERROR: error 4, length of text 2, text
 *   all others     simple, or NONE where that does not exist
 */
#include <string.h>

#include "base/be.h"
#include "nbd/nconn.h"

/* The header of a chunk; returns where what follows it goes. */
static uint8_t *
put_chunk(struct nrequest *req, unsigned type, size_t extra)
{
	enum nwire_mode mode = req->conn->mode;
	struct nwire_reply chunk = { .chunk = true,
		.flags = NBD_REPLY_FLAG_DONE,
		.type = (uint16_t)type,
		.cookie = req->wire.cookie,
		.offset = req->wire.offset,
		.length = extra + req->payload.iov_len };
	size_t len = nwire_chunk_len(mode);

	nwire_put_chunk(req->head, mode, &chunk);
	req->head_len = len + extra;
	return req->head + len;
}

static void
form_simple(struct nrequest *req)
{
	nwire_put_simple(req->head, req->wire.cookie, req->error);
	req->head_len = NBD_SIMPLE_LEN;
}

static void
form_error(struct nrequest *req)
{
	uint8_t *p;

	req->payload.iov_base = (void *)(uintptr_t)req->text;
	req->payload.iov_len = strlen(req->text);
	p = put_chunk(req, NBD_REPLY_TYPE_ERROR, 6);
	be32_put(p, req->error);
	be16_put(p + 4, (uint16_t)req->payload.iov_len);
}

static void
form_data(struct nrequest *req)
{
	req->payload = req->iov;
	be64_put(
	    put_chunk(req, NBD_REPLY_TYPE_OFFSET_DATA, 8), req->wire.offset);
}

/* The extents are turned into descriptors in the same memory, which are no
 * longer than they. */
static void
form_extents(struct nrequest *req)
{
	bool extended = req->conn->mode == NWIRE_EXTENDED;
	const struct bdev_extent *extents = req->req.extents;
	unsigned n = req->req.extents_n;
	uint8_t *p = req->buf;

	_Static_assert(sizeof(struct bdev_extent) >= 16, "a descriptor's size");
	for (unsigned i = 0; i < n; i++) {
		struct bdev_extent e = extents[i];
		uint32_t status =
		    e.alloc == BDEV_HOLE ? NBD_STATE_HOLE | NBD_STATE_ZERO : 0;

		if (extended) {
			be64_put(p, e.length);
			be64_put(p + 8, status);
			p += 16;
		} else {
			be32_put(p, (uint32_t)e.length);
			be32_put(p + 4, status);
			p += 8;
		}
	}
	req->payload.iov_base = req->buf;
	req->payload.iov_len = (size_t)(p - req->buf);
	if (extended) {
		p = put_chunk(req, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, 8);
		be32_put(p + 4, n);
	} else {
		p = put_chunk(req, NBD_REPLY_TYPE_BLOCK_STATUS, 4);
	}
	be32_put(p, NCONN_META_CONTEXT);
}

void
nreply_form(struct nrequest *req)
{
	enum nwire_mode mode = req->conn->mode;
	bool reads = req->wire.type == NBD_CMD_READ && req->error == NBD_OK;

	req->payload = (struct iovec){ .iov_base = NULL };
	if (mode == NWIRE_SIMPLE) {
		form_simple(req);
		if (reads)
			req->payload = req->iov;
	} else if (req->error != NBD_OK) {
		form_error(req);
	} else if (reads && req->wire.length > 0) {
		form_data(req);
	} else if (req->wire.type == NBD_CMD_BLOCK_STATUS) {
		form_extents(req);
	} else if (reads || mode == NWIRE_EXTENDED) {
		put_chunk(req, NBD_REPLY_TYPE_NONE, 0);
	} else {
		form_simple(req);
	}
}
