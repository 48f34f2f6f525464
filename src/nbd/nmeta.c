/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nmeta - the negotiation of metadata contexts (the NBD specification,
 * "Metadata querying").  There is one, base:allocation; ntransmit.c and
 * nreply.c answer from it.
 */
#include <string.h>

#include "base/cursor.h"
#include "base/escape.h"
#include "nbd/nconn.h"

#define CONTEXT "base:allocation"
#define WILD	"base:"

static bool
query_is(const uint8_t *query, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(query, text, len) == 0;
}

/* Which queries there are, as far as we know any. */
struct queries {
	uint32_t n;
	bool context;
	bool wild;
};

static bool
parse_queries(struct cursor *c, struct queries *ret)
{
	struct queries q = { .n = cursor_u32(c) };
	const uint8_t *query;
	uint32_t len;

	for (uint32_t i = 0; i < q.n && !c->bad; i++) {
		len = cursor_u32(c);
		query = cursor_bytes(c, len);
		if (c->bad || len > NBD_NAME_MAX)
			return false;
		q.context |= query_is(query, len, CONTEXT);
		q.wild |= query_is(query, len, WILD);
	}
	*ret = q;
	return !c->bad && cursor_left(c) == 0;
}

/* The export and the queries of an option's data; NULL: the error was sent. */
static struct nexport *
parse(struct nconn *conn, const uint8_t *data, size_t len, struct queries *ret)
{
	struct nexport *export;
	const uint8_t *name;
	uint32_t name_len;
	struct cursor c;
	char shown[64];

	if (conn->mode == NWIRE_SIMPLE) {
		nhandshake_error(conn, NBD_REP_ERR_INVALID,
		    "metadata contexts want structured replies");
		return NULL;
	}
	cursor_init(&c, data, len);
	name_len = cursor_u32(&c);
	name = cursor_bytes(&c, name_len);
	if (c.bad || name_len > NBD_NAME_MAX || !parse_queries(&c, ret)) {
		nhandshake_error(conn, NBD_REP_ERR_INVALID,
		    "the lengths in the option do not fit together");
		return NULL;
	}
	export = nbd_export(conn->nbd, name, name_len);
	if (export == NULL)
		nhandshake_error(conn, NBD_REP_ERR_UNKNOWN,
		    "there is no export \"%s\"",
		    escape(shown, sizeof(shown), name, name_len));
	return export;
}

static void
answer_context(struct nconn *conn, uint32_t id)
{
	uint8_t head[4];

	be32_put(head, id);
	nhandshake_answer2(conn, NBD_REP_META_CONTEXT, head, sizeof(head),
	    CONTEXT, strlen(CONTEXT));
}

void
nmeta_list(struct nconn *conn, const uint8_t *data, size_t len)
{
	struct queries q;

	if (parse(conn, data, len, &q) == NULL)
		return;
	/* The ID is reserved in a list. */
	if (q.n == 0 || q.context || q.wild)
		answer_context(conn, 0);
	nhandshake_answer(conn, NBD_REP_ACK, NULL, 0);
}

void
nmeta_set(struct nconn *conn, const uint8_t *data, size_t len)
{
	struct nexport *export;
	struct queries q;

	export = parse(conn, data, len, &q);
	if (export == NULL)
		return;
	if (q.context) {
		answer_context(conn, NCONN_META_CONTEXT);
		conn->meta = export;
	}
	nhandshake_answer(conn, NBD_REP_ACK, NULL, 0);
}
