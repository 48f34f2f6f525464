/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nhandshake - the greeting, the frame of options and of their answers (the NBD
 * specification, "Fixed newstyle negotiation").
 *
 * The data of an option is collected in the ring.  What is too long for that is
 * thrown away and answered with an error, and what would be a denial of service
 * ends the connection.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "nbd/nconn.h"

#define OUT_MIN ((size_t)512)

/*
 * ---- what is sent ----
 */

/* Room for len bytes more, or NULL: then the connection has ended. */
static uint8_t *
out_room(struct nconn *conn, size_t len)
{
	size_t room = conn->out_room;
	uint8_t *p;

	if (conn->state == NCONN_CLOSED)
		return NULL;
	if (len > room - conn->out_len) {
		room = (room + len) * 2 + OUT_MIN;
		p = realloc(conn->out, room);
		if (p == NULL) {
			nconn_kill(conn, ERROR_FAILED, "no memory");
			return NULL;
		}
		conn->out = p;
		conn->out_room = room;
	}
	p = conn->out + conn->out_len;
	conn->out_len += len;
	return p;
}

void
nhandshake_answer2(struct nconn *conn, uint32_t type, const void *head,
    size_t head_len, const void *data, size_t len)
{
	struct nwire_answer answer = { .option = conn->option.option,
		.type = type,
		.length = (uint32_t)(head_len + len) };
	uint8_t *p = out_room(conn, NBD_ANSWER_LEN + head_len + len);

	if (p == NULL)
		return;
	nwire_put_answer(p, &answer);
	if (head_len > 0)
		memcpy(p + NBD_ANSWER_LEN, head, head_len);
	if (len > 0)
		memcpy(p + NBD_ANSWER_LEN + head_len, data, len);
}

void
nhandshake_answer(
    struct nconn *conn, uint32_t type, const void *data, size_t len)
{
	nhandshake_answer2(conn, type, NULL, 0, data, len);
}

void
nhandshake_error(struct nconn *conn, uint32_t type, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_debug(conn->nbd->config.log, "%s: option %u is refused: %s",
	    conn->peer, (unsigned)conn->option.option, text);
	nhandshake_answer(conn, type, text, strlen(text));
}

void
nhandshake_export(struct nconn *conn)
{
	size_t len = NBD_EXPORT_LEN + (conn->no_zeroes ? 0 : NBD_ZEROES_LEN);
	uint8_t *p = out_room(conn, len);

	if (p == NULL)
		return;
	memset(p, 0, len);
	be64_put(p, conn->export->bdev->size);
	be16_put(p + 8, conn->flags);
}

void
nhandshake_greet(struct nconn *conn)
{
	uint8_t *p = out_room(conn, NBD_GREETING_LEN);

	if (p == NULL)
		return;
	be64_put(p, NBD_MAGIC);
	be64_put(p + 8, NBD_OPTION_MAGIC);
	be16_put(p + 16, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
}

/*
 * ---- what comes ----
 */

bool
nhandshake_take_flags(struct nconn *conn)
{
	const uint8_t *p = nreader_peek(&conn->reader, NBD_CLIENT_LEN);
	uint32_t flags;

	if (p == NULL)
		return false;
	flags = be32_get(p);
	if (flags & ~(NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES)) {
		nconn_kill(conn, ERROR_FAILED,
		    "the client sent unknown flags, 0x%08x", (unsigned)flags);
		return false;
	}
	conn->fixed = flags & NBD_FLAG_FIXED_NEWSTYLE;
	conn->no_zeroes = flags & NBD_FLAG_NO_ZEROES;
	conn->state = NCONN_OPTIONS;
	nreader_skip(&conn->reader, NBD_CLIENT_LEN);
	return true;
}

static bool
take_header(struct nconn *conn)
{
	const uint8_t *p = nreader_peek(&conn->reader, NBD_OPTION_LEN);

	if (p == NULL)
		return false;
	if (!nwire_get_option(p, &conn->option)) {
		nconn_kill(conn, ERROR_FAILED,
		    "the client sent no option: magic 0x%016llx",
		    (unsigned long long)be64_get(p));
		return false;
	}
	if (conn->option.length > NBD_PAYLOAD_MAX) {
		nconn_kill(conn, ERROR_FAILED,
		    "the client announced %u bytes of data for option %u",
		    (unsigned)conn->option.length,
		    (unsigned)conn->option.option);
		return false;
	}
	nreader_skip(&conn->reader, NBD_OPTION_LEN);
	conn->in_option = true;
	conn->oversized = conn->option.length > NREADER_PEEK_MAX;
	if (conn->oversized)
		nreader_place(&conn->reader, NULL, conn->option.length);
	return true;
}

static bool
take_data(struct nconn *conn)
{
	const uint8_t *p;

	if (conn->oversized) {
		if (!nreader_placed(&conn->reader))
			return false;
		conn->in_option = false;
		/* Not a payload as those of the transmission are. */
		conn->reader.large = false;
		noption_run(conn, NULL);
		return true;
	}
	p = nreader_peek(&conn->reader, conn->option.length);
	if (p == NULL)
		return false;
	conn->in_option = false;
	nreader_skip(&conn->reader, conn->option.length);
	noption_run(conn, p);
	return true;
}

bool
nhandshake_take_option(struct nconn *conn)
{
	if (conn->out_sent < conn->out_len) {
		conn->paused = true;
		return false;
	}
	return conn->in_option ? take_data(conn) : take_header(conn);
}
