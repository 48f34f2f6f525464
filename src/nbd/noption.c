/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * noption - the options of the handshake: their table, what may be asked before
 * TLS, and what each does (the NBD specification, "Option types").
 */
#include <string.h>

#include "base/cursor.h"
#include "base/escape.h"
#include "nbd/nconn.h"

#define NAME_SHOWN   64
#define BLOCK_MIN    1
#define BLOCK_WANTED 4096

/* A name that a client sent, for a message. */
struct shown {
	char text[NAME_SHOWN];
};

static const char *
show(struct shown *shown, const uint8_t *name, size_t len)
{
	return escape(shown->text, sizeof(shown->text), name, len);
}

/* Transmission begins. */
static void
enter(struct nconn *conn, struct nexport *export)
{
	conn->export = export;
	conn->flags = nbd_export_flags(export->bdev);
	if (conn->mode != NWIRE_SIMPLE)
		conn->flags |= NBD_FLAG_SEND_DF;
	/* A context belongs to the export for which it was selected. */
	if (conn->meta != export)
		conn->meta = NULL;
	log_info(conn->nbd->config.log, "%s: uses export %.*s", conn->peer,
	    (int)export->name_len, export->name);
	conn->state = NCONN_TRANSMISSION;
}

/*
 * ---- the options ----
 */

static void
run_export_name(struct nconn *conn, const uint8_t *data, size_t len)
{
	struct nexport *export;
	struct shown shown;

	if (conn->mode == NWIRE_EXTENDED) {
		nconn_kill(conn, ERROR_FAILED,
		    "the client used NBD_OPT_EXPORT_NAME with extended "
		    "headers");
		return;
	}
	export = nbd_export(conn->nbd, data, len);
	if (export == NULL) {
		nconn_kill(conn, ERROR_ABSENT,
		    "the client asked for export \"%s\", which does not exist",
		    show(&shown, data, len));
		return;
	}
	enter(conn, export);
	nhandshake_export(conn);
}

static void
run_abort(struct nconn *conn, const uint8_t *data, size_t len)
{
	(void)data;
	(void)len;
	nhandshake_answer(conn, NBD_REP_ACK, NULL, 0);
	nconn_drain(conn, "the client has ended the negotiation");
}

static void
run_list(struct nconn *conn, const uint8_t *data, size_t len)
{
	const struct nexport *export;
	uint8_t head[4];

	(void)data;
	(void)len;
	TAILQ_FOREACH (export, &conn->nbd->exports, link) {
		be32_put(head, (uint32_t) export->name_len);
		/* The description stands behind the name in memory, too. */
		nhandshake_answer2(conn, NBD_REP_SERVER, head, sizeof(head),
		    export->name, export->name_len + export->description_len);
	}
	nhandshake_answer(conn, NBD_REP_ACK, NULL, 0);
}

static void
run_starttls(struct nconn *conn, const uint8_t *data, size_t len)
{
	(void)data;
	(void)len;
	if (conn->nbd->config.tls == NBD_TLS_OFF) {
		nhandshake_error(conn, NBD_REP_ERR_POLICY,
		    "TLS is not configured at this server");
		return;
	}
	if (conn->tls) {
		nhandshake_error(
		    conn, NBD_REP_ERR_INVALID, "TLS is up already");
		return;
	}
	if (!nreader_empty(&conn->reader)) {
		nconn_kill(conn, ERROR_FAILED,
		    "the client sent bytes in the clear behind "
		    "NBD_OPT_STARTTLS");
		return;
	}
	nhandshake_answer(conn, NBD_REP_ACK, NULL, 0);
	conn->mode = NWIRE_SIMPLE;
	conn->meta = NULL;
	if (conn->state != NCONN_CLOSED)
		conn->state = NCONN_TLS;
}

/* ---- INFO, GO ---- */

static void
answer_export(struct nconn *conn, const struct nexport *export)
{
	unsigned flags = nbd_export_flags(export->bdev);
	uint8_t data[12];

	if (conn->mode != NWIRE_SIMPLE)
		flags |= NBD_FLAG_SEND_DF;
	be16_put(data, NBD_INFO_EXPORT);
	be64_put(data + 2, export->bdev->size);
	be16_put(data + 10, (uint16_t)flags);
	nhandshake_answer(conn, NBD_REP_INFO, data, sizeof(data));
}

/* What the device likes best, if that is more than usual.  The answer is to be a
 * power of two: a block is rounded up to one, another transfer length says
 * nothing. */
static uint32_t
block_wanted(const struct bdev *bdev)
{
	uint64_t best = bdev->physical_block_size, io = bdev->optimal_io;
	uint32_t wanted = BLOCK_WANTED;

	if (io > best && (io & (io - 1)) == 0 && io <= NBD_PAYLOAD_MAX)
		best = io;
	while (wanted < best && wanted < NBD_PAYLOAD_MAX)
		wanted *= 2;
	return wanted;
}

static void
answer_block_size(struct nconn *conn, const struct nexport *export)
{
	uint8_t data[14];

	be16_put(data, NBD_INFO_BLOCK_SIZE);
	be32_put(data + 2, BLOCK_MIN);
	be32_put(data + 6, block_wanted(export->bdev));
	be32_put(data + 10, NBD_PAYLOAD_MAX);
	nhandshake_answer(conn, NBD_REP_INFO, data, sizeof(data));
}

static void
answer_string(struct nconn *conn, uint16_t info, const char *s, size_t len)
{
	uint8_t head[2];

	be16_put(head, info);
	nhandshake_answer2(conn, NBD_REP_INFO, head, sizeof(head), s, len);
}

/* What of an export is told when a client asks for it; the rest is told always,
 * NBD_INFO_BLOCK_SIZE because our maximum is not the default one. */
static void
answer_requests(
    struct nconn *conn, const struct nexport *export, struct cursor *c)
{
	bool name = false, description = false;
	uint16_t info;

	while (cursor_left(c) > 0) {
		info = cursor_u16(c);
		name |= info == NBD_INFO_NAME;
		description |= info == NBD_INFO_DESCRIPTION;
	}
	if (name)
		answer_string(
		    conn, NBD_INFO_NAME, export->name, export->name_len);
	if (description && export->description_len > 0)
		answer_string(conn, NBD_INFO_DESCRIPTION, export->description,
		    export->description_len);
}

/* The export of an option's data, or NULL: the error was sent.  c is left where
 * the information requests are. */
static struct nexport *
parse_info(struct nconn *conn, struct cursor *c)
{
	uint32_t len = cursor_u32(c);
	const uint8_t *name = cursor_bytes(c, len);
	uint16_t n = cursor_u16(c);
	struct nexport *export;
	struct shown shown;

	if (c->bad || cursor_left(c) != (size_t)n * 2 || len > NBD_NAME_MAX) {
		nhandshake_error(conn, NBD_REP_ERR_INVALID,
		    "the lengths in the option do not fit together");
		return NULL;
	}
	export = nbd_export(conn->nbd, name, len);
	if (export == NULL)
		nhandshake_error(conn, NBD_REP_ERR_UNKNOWN,
		    "there is no export \"%s\"", show(&shown, name, len));
	return export;
}

static void
run_info(struct nconn *conn, const uint8_t *data, size_t len)
{
	struct nexport *export;
	struct cursor c;

	cursor_init(&c, data, len);
	export = parse_info(conn, &c);
	if (export == NULL)
		return;
	answer_export(conn, export);
	answer_block_size(conn, export);
	answer_requests(conn, export, &c);
	nhandshake_answer(conn, NBD_REP_ACK, NULL, 0);
	if (conn->option.option == NBD_OPT_GO && conn->state != NCONN_CLOSED)
		enter(conn, export);
}

/* ---- modes ---- */

static void
run_structured_reply(struct nconn *conn, const uint8_t *data, size_t len)
{
	(void)data;
	(void)len;
	if (conn->mode == NWIRE_EXTENDED) {
		nhandshake_error(conn, NBD_REP_ERR_EXT_HEADER_REQD,
		    "extended headers are in use already");
		return;
	}
	conn->mode = NWIRE_STRUCTURED;
	nhandshake_answer(conn, NBD_REP_ACK, NULL, 0);
}

static void
run_extended_headers(struct nconn *conn, const uint8_t *data, size_t len)
{
	(void)data;
	(void)len;
	conn->mode = NWIRE_EXTENDED;
	nhandshake_answer(conn, NBD_REP_ACK, NULL, 0);
}

/*
 * ---- the table ----
 */

static const struct {
	const char *name;
	bool bare;  /* it has no data */
	bool early; /* allowed where TLS is demanded and not up */
	bool late;  /* allowed while the server shuts down */
	void (*run)(struct nconn *, const uint8_t *data, size_t len);
} options[] = {
	[NBD_OPT_EXPORT_NAME] = { "NBD_OPT_EXPORT_NAME",
	    .run = run_export_name },
	[NBD_OPT_ABORT] = { "NBD_OPT_ABORT", .early = true, .late = true,
	    .run = run_abort },
	[NBD_OPT_LIST] = { "NBD_OPT_LIST", .bare = true, .run = run_list },
	[NBD_OPT_STARTTLS] = { "NBD_OPT_STARTTLS", .bare = true, .early = true,
	    .run = run_starttls },
	[NBD_OPT_INFO] = { "NBD_OPT_INFO", .run = run_info },
	[NBD_OPT_GO] = { "NBD_OPT_GO", .run = run_info },
	[NBD_OPT_STRUCTURED_REPLY] = { "NBD_OPT_STRUCTURED_REPLY", .bare = true,
	    .run = run_structured_reply },
	[NBD_OPT_LIST_META_CONTEXT] = { "NBD_OPT_LIST_META_CONTEXT",
	    .run = nmeta_list },
	[NBD_OPT_SET_META_CONTEXT] = { "NBD_OPT_SET_META_CONTEXT",
	    .run = nmeta_set },
	[NBD_OPT_EXTENDED_HEADERS] = { "NBD_OPT_EXTENDED_HEADERS", .bare = true,
	    .run = run_extended_headers },
};
#define OPTIONS (sizeof(options) / sizeof(options[0]))

/* NBD_OPT_EXPORT_NAME has no error answers: there the connection ends. */
static void
refuse(struct nconn *conn, uint32_t type, const char *text)
{
	if (conn->option.option == NBD_OPT_EXPORT_NAME)
		nconn_kill(
		    conn, ERROR_REFUSED, "NBD_OPT_EXPORT_NAME: %s", text);
	else
		nhandshake_error(conn, type, "%s", text);
}

void
noption_run(struct nconn *conn, const uint8_t *data)
{
	uint32_t option = conn->option.option, len = conn->option.length;
	bool known = option < OPTIONS && options[option].run != NULL;
	bool plain = conn->nbd->config.tls == NBD_TLS_REQUIRE && !conn->tls;

	log_debug(conn->nbd->config.log, "%s: %s (%u), %u bytes", conn->peer,
	    known ? options[option].name : "unknown option", (unsigned)option,
	    (unsigned)len);
	/* What was selected before is gone even if this fails. */
	if (option == NBD_OPT_SET_META_CONTEXT)
		conn->meta = NULL;
	if (!conn->fixed && option != NBD_OPT_EXPORT_NAME)
		nconn_kill(conn, ERROR_FAILED,
		    "the client sent option %u, but does not know fixed "
		    "newstyle",
		    (unsigned)option);
	else if (plain && !(known && options[option].early))
		refuse(conn, NBD_REP_ERR_TLS_REQD, "TLS is required");
	else if (!known)
		refuse(conn, NBD_REP_ERR_UNSUP, "unknown option");
	else if (conn->nbd->ending && !options[option].late)
		refuse(
		    conn, NBD_REP_ERR_SHUTDOWN, "the server is shutting down");
	else if (options[option].bare && len > 0)
		refuse(conn, NBD_REP_ERR_INVALID, "this option takes no data");
	else if (data == NULL && option != NBD_OPT_ABORT)
		refuse(conn, NBD_REP_ERR_TOO_BIG, "too much data");
	else
		options[option].run(conn, data, len);
}
