/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nrequest - a request's slot, its buffer, and its way through the bdev.
 */
#include <errno.h>
#include <string.h>

#include "nbd/nconn.h"

/*
 * ---- slots and memory ----
 */

bool
nrequest_fits(const struct nconn *conn, size_t bytes)
{
	size_t held = conn->held_bytes + bytes;

	if (TAILQ_EMPTY(&conn->free))
		return false;
	return bytes == 0 || held <= NCONN_HELD_SHARE ||
	       (held <= NCONN_HELD_MAX &&
		   conn->nbd->held_bytes + bytes <= NBD_HELD_MAX);
}

static bool
may_use_pipe(
    const struct nconn *conn, const struct nwire_request *wire, size_t bytes)
{
	return conn->pipes != NULL && wire->type == NBD_CMD_READ &&
	       bytes >= conn->pipes->least;
}

/* Who sends no more is not kept waiting (nconn.c, resume()). */
bool
nrequest_in_window(
    const struct nconn *conn, const struct nwire_request *wire, size_t bytes)
{
	return !may_use_pipe(conn, wire, bytes) || conn->finished ||
	       conn->windowed_bytes == 0 ||
	       conn->windowed_bytes + bytes <= conn->window;
}

/* One of it has been answered: the window opens, or closes, by as much. */
static void
move_window(struct nconn *conn, size_t bytes)
{
	if (conn->queued_bytes == 0 && conn->paused)
		conn->window += bytes;
	else if (conn->queued_bytes >= NCONN_WINDOW_LEAST / 2)
		conn->window -= bytes < conn->window ? bytes : conn->window;
	if (conn->window < NCONN_WINDOW_LEAST)
		conn->window = NCONN_WINDOW_LEAST;
	if (conn->window > NCONN_HELD_MAX)
		conn->window = NCONN_HELD_MAX;
}

struct nrequest *
nrequest_new(struct nconn *conn, const struct nwire_request *wire, size_t bytes)
{
	struct nrequest *req = TAILQ_FIRST(&conn->free);

	TAILQ_REMOVE(&conn->free, req, link);
	req->wire = *wire;
	req->error = NBD_OK;
	req->text = NULL;
	req->buf = NULL;
	req->iov = (struct iovec){ .iov_len = bytes };
	req->charge = bytes;
	req->windowed = may_use_pipe(conn, wire, bytes);
	conn->windowed_bytes += req->windowed ? bytes : 0;
	conn->held_bytes += bytes;
	conn->nbd->held_bytes += bytes;
	conn->nbd->requests++;
	return req;
}

bool
nrequest_take_buffer(struct nrequest *req)
{
	if (req->charge == 0)
		return true;
	req->buf = pool_get(&req->conn->nbd->pool, req->charge);
	req->buf_size = req->charge;
	req->iov.iov_base = req->buf;
	return req->buf != NULL;
}

static void
put_pipe(struct nrequest *req)
{
	const struct kpipe_source *pipes = req->conn->pipes;

	if (req->pipe != NULL)
		pipes->ops->put(pipes->ctx, req->pipe);
	req->pipe = NULL;
}

/* A READ has its buffer from its first byte on, or when its pipe is full. */
static int
place(struct bdev_req *bdev_req)
{
	struct nrequest *req = (struct nrequest *)bdev_req;
	const struct kpipe_source *pipes = req->conn->pipes;
	int error = 0;

	if (!nrequest_take_buffer(req))
		return -ENOMEM;
	if (req->pipe != NULL)
		error = pipes->ops->spill(
		    pipes->ctx, req->pipe, req->buf, req->pipe->held);
	put_pipe(req);
	return error;
}

/* A new one each time: what an earlier try has left is not the answer. */
static struct kpipe *
offer_pipe(struct bdev_req *bdev_req)
{
	struct nrequest *req = (struct nrequest *)bdev_req;
	const struct kpipe_source *pipes = req->conn->pipes;

	put_pipe(req);
	req->pipe = pipes->ops->get(pipes->ctx, req->charge);
	return req->pipe;
}

static void
free_buffer(struct nrequest *req)
{
	struct nconn *conn = req->conn;

	pool_put(&conn->nbd->pool, req->buf, req->buf_size);
	req->buf = NULL;
	put_pipe(req);
	conn->windowed_bytes -= req->windowed ? req->charge : 0;
	req->windowed = false;
	conn->held_bytes -= req->charge;
	conn->nbd->held_bytes -= req->charge;
	req->charge = 0;
}

void
nrequest_free(struct nrequest *req)
{
	free_buffer(req);
	req->state = NREQUEST_FREE;
	TAILQ_INSERT_HEAD(&req->conn->free, req, link);
}

/*
 * ---- the bdev ----
 */

/* What a result of the bdev's is called here; any other is NBD_EIO. */
static const struct {
	int error;
	enum nbd_error code;
	const char *text;
} results[] = {
	{ -EIO, NBD_EIO, "input/output error" },
	{ -ENOSPC, NBD_ENOSPC, "no space is left on the device" },
	{ -EROFS, NBD_EPERM, "the device is write protected" },
	{ -EINVAL, NBD_EINVAL, "outside of the device" },
	{ -EBUSY, NBD_EIO, "the device is reserved by another host" },
	{ -ENOMEM, NBD_ENOMEM, "no memory" },
	{ -EOPNOTSUPP, NBD_ENOTSUP, "it would not be fast" },
};

/* The bdev's result ends the request. */
static void
result(struct nrequest *req, int error)
{
	if (error == 0) {
		nrequest_end(req, NBD_OK, NULL);
		return;
	}
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		if (results[i].error != error)
			continue;
		/* NBD_ENOTSUP answers NBD_CMD_FLAG_FAST_ZERO alone. */
		if (error == -EOPNOTSUPP && !(req->req.flags & BDEV_FAST))
			break;
		nrequest_end(req, results[i].code, results[i].text);
		return;
	}
	nrequest_end(req, NBD_EIO, "the device has failed");
}

static void
done(struct bdev_req *bdev_req)
{
	struct nrequest *req = (struct nrequest *)bdev_req;
	struct nconn *conn = req->conn;
	int error = bdev_req->result;

	conn->running--;
	if (conn->gone) {
		nrequest_free(req);
		nconn_reap(conn);
		return;
	}
	/* A reply has as many bytes as it announces, come what may. */
	if (error == 0 && req->pipe != NULL &&
	    req->pipe->held != req->wire.length)
		error = -EIO;
	if (bdev_req->op == BDEV_DISCARD) {
		/* TRIM is a hint, which the device may leave. */
		if (error == -EOPNOTSUPP)
			error = 0;
		if (error == 0 && req->wire.flags & NBD_CMD_FLAG_FUA) {
			nrequest_run(req, BDEV_FLUSH, 0);
			return;
		}
	}
	result(req, error);
}

void
nrequest_run(struct nrequest *req, enum bdev_op op, uint32_t flags)
{
	struct nconn *conn = req->conn;
	struct bdev_req *r = &req->req;

	req->state = NREQUEST_RUN;
	conn->running++;
	r->op = op;
	r->flags = flags;
	r->offset = req->wire.offset;
	r->length = req->wire.length;
	r->iov = &req->iov;
	r->place = op == BDEV_READ ? place : NULL;
	r->pipe = NULL;
	if (op == BDEV_READ && conn->pipes != NULL &&
	    r->length >= conn->pipes->least)
		r->pipe = offer_pipe;
	r->iovcnt = 1;
	r->done = done;
	bdev_submit(conn->export->bdev, r);
}

void
nrequest_end(struct nrequest *req, enum nbd_error error, const char *text)
{
	struct nconn *conn = req->conn;
	struct nbd *nbd = conn->nbd;

	req->error = error;
	req->text = text;
	if (error != NBD_OK) {
		nbd->errors++;
		put_pipe(req); /* no data goes with it */
	} else if (req->wire.type == NBD_CMD_READ) {
		nbd->read_bytes += req->wire.length;
		if (req->windowed)
			move_window(conn, req->charge);
		if (req->pipe != NULL)
			nbd->piped_bytes += req->wire.length;
	} else if (req->wire.type == NBD_CMD_WRITE) {
		nbd->written_bytes += req->wire.length;
	}
	nreply_form(req);
	if (req->payload.iov_base != req->buf)
		free_buffer(req);
	req->state = NREQUEST_REPLY;
	TAILQ_INSERT_TAIL(&conn->tx, req, link);
	conn->queued_bytes += req->payload.iov_len;
	nconn_wake(conn);
}
