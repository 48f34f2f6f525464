/* SPDX-License-Identifier: BSD-2-Clause */
/* nwire - see nwire.h. */
#include "nbd/nwire.h"

#include <errno.h>

#include "base/be.h"

#define REQUEST_LEN  28
#define REQUEST_LEN2 32
#define CHUNK_LEN    20
#define CHUNK_LEN2   32

void
nwire_put_option(uint8_t *p, const struct nwire_option *option)
{
	be64_put(p, NBD_OPTION_MAGIC);
	be32_put(p + 8, option->option);
	be32_put(p + 12, option->length);
}

bool
nwire_get_option(const uint8_t *p, struct nwire_option *ret)
{
	if (be64_get(p) != NBD_OPTION_MAGIC)
		return false;
	ret->option = be32_get(p + 8);
	ret->length = be32_get(p + 12);
	return true;
}

void
nwire_put_answer(uint8_t *p, const struct nwire_answer *answer)
{
	be64_put(p, NBD_ANSWER_MAGIC);
	be32_put(p + 8, answer->option);
	be32_put(p + 12, answer->type);
	be32_put(p + 16, answer->length);
}

bool
nwire_get_answer(const uint8_t *p, struct nwire_answer *ret)
{
	if (be64_get(p) != NBD_ANSWER_MAGIC)
		return false;
	ret->option = be32_get(p + 8);
	ret->type = be32_get(p + 12);
	ret->length = be32_get(p + 16);
	return true;
}

size_t
nwire_request_len(enum nwire_mode mode)
{
	return mode == NWIRE_EXTENDED ? REQUEST_LEN2 : REQUEST_LEN;
}

void
nwire_put_request(
    uint8_t *p, enum nwire_mode mode, const struct nwire_request *r)
{
	bool extended = mode == NWIRE_EXTENDED;

	be32_put(p, extended ? NBD_REQUEST_MAGIC2 : NBD_REQUEST_MAGIC);
	be16_put(p + 4, r->flags);
	be16_put(p + 6, r->type);
	be64_put(p + 8, r->cookie);
	be64_put(p + 16, r->offset);
	if (extended)
		be64_put(p + 24, r->length);
	else
		be32_put(p + 24, (uint32_t)r->length);
}

bool
nwire_get_request(
    const uint8_t *p, enum nwire_mode mode, struct nwire_request *ret)
{
	bool extended = mode == NWIRE_EXTENDED;

	if (be32_get(p) != (extended ? NBD_REQUEST_MAGIC2 : NBD_REQUEST_MAGIC))
		return false;
	ret->flags = be16_get(p + 4);
	ret->type = be16_get(p + 6);
	ret->cookie = be64_get(p + 8);
	ret->offset = be64_get(p + 16);
	ret->length = extended ? be64_get(p + 24) : be32_get(p + 24);
	return true;
}

void
nwire_put_simple(uint8_t *p, uint64_t cookie, uint32_t error)
{
	be32_put(p, NBD_SIMPLE_MAGIC);
	be32_put(p + 4, error);
	be64_put(p + 8, cookie);
}

size_t
nwire_chunk_len(enum nwire_mode mode)
{
	return mode == NWIRE_EXTENDED ? CHUNK_LEN2 : CHUNK_LEN;
}

void
nwire_put_chunk(uint8_t *p, enum nwire_mode mode, const struct nwire_reply *r)
{
	bool extended = mode == NWIRE_EXTENDED;

	be32_put(p, extended ? NBD_CHUNK_MAGIC2 : NBD_CHUNK_MAGIC);
	be16_put(p + 4, r->flags);
	be16_put(p + 6, r->type);
	be64_put(p + 8, r->cookie);
	if (extended) {
		be64_put(p + 16, r->offset);
		be64_put(p + 24, r->length);
	} else {
		be32_put(p + 16, (uint32_t)r->length);
	}
}

int
nwire_get_reply(
    const uint8_t *p, size_t len, enum nwire_mode mode, struct nwire_reply *ret)
{
	struct nwire_reply r = { 0 };
	uint32_t magic;
	size_t need;

	if (len < 4)
		return 0;
	magic = be32_get(p);
	if (magic == NBD_SIMPLE_MAGIC && mode != NWIRE_EXTENDED)
		need = NBD_SIMPLE_LEN;
	else if (magic == NBD_CHUNK_MAGIC && mode == NWIRE_STRUCTURED)
		need = CHUNK_LEN;
	else if (magic == NBD_CHUNK_MAGIC2 && mode == NWIRE_EXTENDED)
		need = CHUNK_LEN2;
	else
		return -EPROTO;
	if (len < need)
		return 0;
	r.chunk = magic != NBD_SIMPLE_MAGIC;
	r.cookie = be64_get(p + 8);
	if (r.chunk) {
		r.flags = be16_get(p + 4);
		r.type = be16_get(p + 6);
	} else {
		r.error = be32_get(p + 4);
	}
	if (magic == NBD_CHUNK_MAGIC) {
		r.length = be32_get(p + 16);
	} else if (magic == NBD_CHUNK_MAGIC2) {
		r.offset = be64_get(p + 16);
		r.length = be64_get(p + 24);
	}
	*ret = r;
	return (int)need;
}
