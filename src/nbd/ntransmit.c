/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ntransmit - requests as they come in: the table of commands, what makes a
 * request wrong, and the payload that follows a WRITE.
 *
 * A request that is wrong is answered when its payload has come, so that a
 * client which sends first and listens then is not surprised.
 */
#include <string.h>

#include "nbd/nconn.h"

/* The buffer that a command needs. */
enum need { NEED_NOTHING, NEED_LENGTH, NEED_EXTENTS };

struct command {
	const char *name;
	uint16_t flags;	  /* that it may carry, NBD_CMD_FLAG_FUA apart */
	uint16_t offered; /* transmission flag without which it is unknown */
	bool writes;
	enum need need;
	enum nbd_error outside; /* past the end; NBD_OK: it has no range */
	void (*run)(struct nrequest *);
};

static void
run_read(struct nrequest *req)
{
	nrequest_run(req, BDEV_READ, 0);
}

static uint32_t
fua(const struct nrequest *req)
{
	return req->wire.flags & NBD_CMD_FLAG_FUA ? BDEV_FUA : 0;
}

static void
run_write(struct nrequest *req)
{
	nrequest_run(req, BDEV_WRITE, fua(req));
}

static void
run_flush(struct nrequest *req)
{
	nrequest_run(req, BDEV_FLUSH, 0);
}

/* With NBD_CMD_FLAG_FUA a FLUSH follows (nrequest.c). */
static void
run_trim(struct nrequest *req)
{
	nrequest_run(req, BDEV_DISCARD, 0);
}

/* Reading ahead would be the client's gain only if something kept the data. */
static void
run_cache(struct nrequest *req)
{
	nrequest_end(req, NBD_OK, NULL);
}

static void
run_write_zeroes(struct nrequest *req)
{
	uint32_t flags = fua(req);

	if (req->wire.flags & NBD_CMD_FLAG_NO_HOLE)
		flags |= BDEV_NO_HOLE;
	if (req->wire.flags & NBD_CMD_FLAG_FAST_ZERO)
		flags |= BDEV_FAST;
	nrequest_run(req, BDEV_ZERO, flags);
}

static void
run_block_status(struct nrequest *req)
{
	struct bdev_req *r = &req->req;

	r->extents = (struct bdev_extent *)(void *)req->buf;
	r->extents_max =
	    req->wire.flags & NBD_CMD_FLAG_REQ_ONE ? 1 : NCONN_EXTENTS;
	if (req->conn->export->bdev->thin) {
		nrequest_run(req, BDEV_EXTENTS, 0);
		return;
	}
	r->extents[0] = (struct bdev_extent){ .length = req->wire.length,
		.alloc = BDEV_DATA };
	r->extents_n = 1;
	nrequest_end(req, NBD_OK, NULL);
}

/* NBD_CMD_DISC has no reply and is not here. */
static const struct command commands[] = {
	[NBD_CMD_READ] = { .name = "READ",
	    .flags = NBD_CMD_FLAG_DF,
	    .need = NEED_LENGTH,
	    .outside = NBD_EINVAL,
	    .run = run_read },
	[NBD_CMD_WRITE] = { .name = "WRITE",
	    .flags = NBD_CMD_FLAG_PAYLOAD_LEN,
	    .writes = true,
	    .need = NEED_LENGTH,
	    .outside = NBD_ENOSPC,
	    .run = run_write },
	[NBD_CMD_FLUSH] = { .name = "FLUSH", .run = run_flush },
	[NBD_CMD_TRIM] = { .name = "TRIM",
	    .offered = NBD_FLAG_SEND_TRIM,
	    .writes = true,
	    .outside = NBD_EINVAL,
	    .run = run_trim },
	[NBD_CMD_CACHE] = { .name = "CACHE",
	    .outside = NBD_EINVAL,
	    .run = run_cache },
	[NBD_CMD_WRITE_ZEROES] = { .name = "WRITE_ZEROES",
	    .flags = NBD_CMD_FLAG_NO_HOLE | NBD_CMD_FLAG_FAST_ZERO,
	    .writes = true,
	    .outside = NBD_ENOSPC,
	    .run = run_write_zeroes },
	[NBD_CMD_BLOCK_STATUS] = { .name = "BLOCK_STATUS",
	    .flags = NBD_CMD_FLAG_REQ_ONE,
	    .need = NEED_EXTENTS,
	    .outside = NBD_EINVAL,
	    .run = run_block_status },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command unknown = { .name = "unknown command" };

static const struct command *
command_find(unsigned type)
{
	return type < COMMANDS && commands[type].run != NULL ? &commands[type]
							     : &unknown;
}

/*
 * ---- what makes a request wrong ----
 */

struct verdict {
	enum nbd_error error;
	const char *text;
};

/* Flags that the negotiation has not allowed are as unknown as any other. */
static bool
flags_wrong(const struct nconn *conn, const struct command *command,
    const struct nwire_request *wire)
{
	unsigned allowed = command->flags | NBD_CMD_FLAG_FUA;

	if (!(conn->flags & NBD_FLAG_SEND_DF))
		allowed &= ~NBD_CMD_FLAG_DF;
	if (!(conn->flags & NBD_FLAG_SEND_FAST_ZERO))
		allowed &= ~NBD_CMD_FLAG_FAST_ZERO;
	if (conn->mode != NWIRE_EXTENDED)
		allowed &= ~NBD_CMD_FLAG_PAYLOAD_LEN;
	return (wire->flags & ~allowed) != 0;
}

static struct verdict
check_range(const struct nconn *conn, const struct command *command,
    const struct nwire_request *wire)
{
	const struct bdev *bdev = conn->export->bdev;

	if (command->outside == NBD_OK) {
		if (wire->offset != 0 || wire->length != 0)
			return (struct verdict){ NBD_EINVAL,
				"offset and length must be 0" };
		return (struct verdict){ NBD_OK, NULL };
	}
	if (wire->offset > bdev->size ||
	    wire->length > bdev->size - wire->offset)
		return (struct verdict){ command->outside,
			"outside of the device" };
	if (command->need == NEED_LENGTH && wire->length > NBD_PAYLOAD_MAX)
		return (struct verdict){ wire->flags & NBD_CMD_FLAG_DF
					     ? NBD_EOVERFLOW
					     : NBD_EINVAL,
			"longer than the maximum payload" };
	return (struct verdict){ NBD_OK, NULL };
}

static struct verdict
check(const struct nconn *conn, const struct command *command,
    const struct nwire_request *wire)
{
	if (conn->nbd->ending)
		return (struct verdict){ NBD_ESHUTDOWN,
			"the server is shutting down" };
	if (command == &unknown)
		return (struct verdict){ NBD_EINVAL, "unknown command" };
	if (flags_wrong(conn, command, wire))
		return (struct verdict){ NBD_EINVAL,
			"a flag that does not belong to the command" };
	if (wire->type == NBD_CMD_WRITE && conn->mode == NWIRE_EXTENDED &&
	    !(wire->flags & NBD_CMD_FLAG_PAYLOAD_LEN))
		return (struct verdict){ NBD_EINVAL,
			"WRITE without NBD_CMD_FLAG_PAYLOAD_LEN" };
	if (command->writes && conn->export->bdev->read_only)
		return (struct verdict){ NBD_EPERM, "the export is read-only" };
	if (command->offered & ~conn->flags)
		return (struct verdict){ NBD_EINVAL,
			"a command that was not offered" };
	if (command->need == NEED_EXTENTS &&
	    (conn->meta == NULL || wire->length == 0))
		return (struct verdict){ NBD_EINVAL,
			conn->meta == NULL ? "no metadata context is selected"
					   : "length must not be 0" };
	return check_range(conn, command, wire);
}

/*
 * ---- requests ----
 */

/* Bytes that follow the header. */
static uint64_t
payload_length(const struct nconn *conn, const struct nwire_request *wire)
{
	bool follows = conn->mode == NWIRE_EXTENDED
			   ? wire->flags & NBD_CMD_FLAG_PAYLOAD_LEN
			   : wire->type == NBD_CMD_WRITE;

	return follows ? wire->length : 0;
}

static size_t
buffer_length(const struct command *command, const struct nwire_request *wire)
{
	switch (command->need) {
	case NEED_LENGTH:
		return (size_t)wire->length;
	case NEED_EXTENTS:
		return NCONN_EXTENTS * sizeof(struct bdev_extent);
	case NEED_NOTHING:
		break;
	}
	return 0;
}

/* The request is here as a whole. */
static void
run(struct nrequest *req)
{
	if (req->error != NBD_OK)
		nrequest_end(req, req->error, req->text);
	else
		commands[req->wire.type].run(req);
}

/* The header is here, and there is room. */
static void
begin(struct nconn *conn, const struct nwire_request *wire, size_t need,
    struct verdict verdict)
{
	uint64_t payload = payload_length(conn, wire);
	struct nrequest *req = nrequest_new(conn, wire, need);

	req->error = verdict.error;
	req->text = verdict.text;
	if (wire->type != NBD_CMD_READ && !nrequest_take_buffer(req)) {
		req->error = NBD_ENOMEM;
		req->text = "no memory";
	}
	if (payload == 0) {
		run(req);
		return;
	}
	req->state = NREQUEST_PAYLOAD;
	conn->rx = req;
	nreader_place(&conn->reader, req->buf, (size_t)payload);
}

static bool
take_payload(struct nconn *conn)
{
	struct nrequest *req = conn->rx;

	if (!nreader_placed(&conn->reader))
		return false;
	conn->rx = NULL;
	run(req);
	return true;
}

static bool
take_request(struct nconn *conn)
{
	size_t len = nwire_request_len(conn->mode), need;
	const uint8_t *p = nreader_peek(&conn->reader, len);
	const struct command *command;
	struct nwire_request wire;
	struct verdict verdict;

	if (p == NULL)
		return false;
	if (!nwire_get_request(p, conn->mode, &wire)) {
		nconn_kill(conn, ERROR_FAILED,
		    "the client sent no request: magic %02x%02x%02x%02x", p[0],
		    p[1], p[2], p[3]);
		return false;
	}
	if (wire.type == NBD_CMD_DISC) {
		nconn_drain(conn, "the client has disconnected");
		return false;
	}
	if (payload_length(conn, &wire) > NBD_PAYLOAD_MAX) {
		nconn_kill(conn, ERROR_FAILED,
		    "the client announced %llu bytes of payload, but no more "
		    "than %u may be sent to us",
		    (unsigned long long)wire.length, NBD_PAYLOAD_MAX);
		return false;
	}
	command = command_find(wire.type);
	verdict = check(conn, command, &wire);
	need = verdict.error == NBD_OK ? buffer_length(command, &wire) : 0;
	if (!nrequest_fits(conn, need) ||
	    !nrequest_in_window(conn, &wire, need)) {
		conn->paused = true;
		return false;
	}
	nreader_skip(&conn->reader, len);
	if (verdict.error != NBD_OK)
		log_debug(conn->nbd->config.log,
		    "%s: %s at %llu, %llu bytes: %s", conn->peer, command->name,
		    (unsigned long long)wire.offset,
		    (unsigned long long)wire.length, verdict.text);
	begin(conn, &wire, need, verdict);
	return true;
}

bool
ntransmit_take(struct nconn *conn)
{
	return conn->rx != NULL ? take_payload(conn) : take_request(conn);
}
