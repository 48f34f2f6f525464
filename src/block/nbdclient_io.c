/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nbdclient_io - the requests of an nbdclient.
 *
 * A request is cut into commands, of the server's maximum size at the most, of
 * which a few are in flight at a time.  A command wants whole blocks of the
 * server in one piece of memory:
 *
 *      offset                                  offset + length
 *        |                                         |
 *     [ edge ][ block ][ block ][ block ][ block ][ edge ]
 *             ^ first                             ^ last
 *
 * A READ that does not begin and end with blocks, or has several pieces, goes
 * by way of a buffer (bounce).  A WRITE or ZERO reads its edges, changes them
 * and writes them with the rest; meanwhile its range, in whole blocks, is
 * locked against every other change (range.h).  A DISCARD leaves edges alone.
 *
 * Each request goes through phases: edges are read, everything is carried out,
 * and what needs FUA from a server without it is flushed.  libnbd's callbacks
 * come with its lock held, so they only take notes; nbdc_work() goes on.
 */
#include "block/nbdclient_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/iov.h"

#define EXTENTS_MOST (1u << 31)	  /* bytes of a command: it has 32 bits */
#define COMMANDS     8		  /* of one request in flight */
#define WITHOUT_DATA (128u << 20) /* bytes of a command */
#define ZEROS	     65536

enum phase { PHASE_EDGES, PHASE_ALL, PHASE_FLUSH };

struct edge {
	uint64_t at;
	uint32_t skip, length; /* what is changed of the block */
	uint8_t *block;
};

struct nbdc_io {
	struct nbdc *c;
	struct bdev_req *req;
	struct range range;
	bool locked; /* range is in the set */
	enum phase phase;
	struct edge edge[2];
	unsigned edges;
	unsigned edges_begun; /* in this phase */
	uint64_t next, last;  /* whole blocks still to be commanded */
	uint8_t *bounce;
	uint64_t bounce_at; /* what offset stands first in bounce */
	unsigned commands;  /* in flight */
	int error;	    /* errno of the first that failed */
	bool queued;	    /* in todo */
	TAILQ_ENTRY(nbdc_io) link;
	TAILQ_ENTRY(nbdc_io) todo_link;
};

static const uint8_t zeros[ZEROS];

static bool
changes_content(const struct bdev_req *req)
{
	return req->op == BDEV_WRITE || req->op == BDEV_ZERO ||
	       req->op == BDEV_DISCARD;
}

/* ---- libnbd's callbacks ---- */

static void
io_wake(struct nbdc_io *io)
{
	if (!io->queued)
		TAILQ_INSERT_TAIL(&io->c->todo, io, todo_link);
	io->queued = true;
	deferred_set(io->c->loop, &io->c->work);
}

static int
command_done(void *ctx, int *error)
{
	struct nbdc_io *io = ctx;

	io->commands--;
	if (*error != 0 && io->error == 0)
		io->error = *error;
	io_wake(io);
	return 1;
}

/* Pairs of length and flags.  The first may begin before the request (whole
 * blocks), the last end behind it. */
static int
extents_come(void *ctx, const char *context, uint64_t offset, uint32_t *entries,
    size_t n, int *error)
{
	struct nbdc_io *io = ctx;
	struct bdev_req *req = io->req;
	uint64_t at = offset, end = req->offset + req->length;

	(void)error;
	if (strcmp(context, LIBNBD_CONTEXT_BASE_ALLOCATION) != 0)
		return 0;
	req->extents_n = 0;
	for (size_t i = 0; i + 1 < n && at < end; i += 2) {
		uint32_t holes = LIBNBD_STATE_HOLE | LIBNBD_STATE_ZERO;
		uint64_t begin = at > req->offset ? at : req->offset;
		struct bdev_extent *e = &req->extents[req->extents_n];
		enum bdev_alloc alloc =
		    (entries[i + 1] & holes) == holes ? BDEV_HOLE : BDEV_DATA;

		at += entries[i];
		if (at <= begin)
			continue;
		if (req->extents_n > 0 && e[-1].alloc == alloc) {
			e[-1].length += (at < end ? at : end) - begin;
			continue;
		}
		if (req->extents_n == req->extents_max)
			break;
		e->alloc = alloc;
		e->length = (at < end ? at : end) - begin;
		req->extents_n++;
	}
	return 0;
}

/* ---- commands ---- */

static uint32_t
command_flags(const struct nbdc_io *io)
{
	const struct nbdc *c = io->c;
	uint32_t flags = 0;

	if (io->req->flags & BDEV_FUA && c->can_fua && changes_content(io->req))
		flags |= LIBNBD_CMD_FLAG_FUA;
	if (io->req->op == BDEV_ZERO && c->can_zero) {
		if (io->req->flags & BDEV_NO_HOLE)
			flags |= LIBNBD_CMD_FLAG_NO_HOLE;
		if (io->req->flags & BDEV_FAST)
			flags |= LIBNBD_CMD_FLAG_FAST_ZERO;
	}
	return flags;
}

/* A command that cannot be given has failed; without its callback. */
static void
io_begun(struct nbdc_io *io, int64_t cookie)
{
	if (cookie != -1)
		return;
	io->commands--;
	if (io->error == 0)
		io->error = nbd_get_errno() != 0 ? nbd_get_errno() : EIO;
}

/* The memory of what stands at offset. */
static uint8_t *
io_data(const struct nbdc_io *io, uint64_t offset)
{
	if (io->bounce != NULL)
		return io->bounce + (offset - io->bounce_at);
	return (uint8_t *)io->req->iov[0].iov_base + (offset - io->req->offset);
}

static void
edge_command(struct nbdc_io *io, struct edge *edge)
{
	struct nbdc *c = io->c;
	nbd_completion_callback done = { .callback = command_done,
		.user_data = io };
	uint32_t block = c->bdev.block_size;
	uint32_t flags = command_flags(io) & LIBNBD_CMD_FLAG_FUA;

	io->commands++;
	if (io->phase == PHASE_EDGES) {
		io_begun(io,
		    nbd_aio_pread(c->h, edge->block, block, edge->at, done, 0));
		return;
	}
	if (io->req->op == BDEV_WRITE)
		memcpy(edge->block + edge->skip,
		    io_data(io, edge->at + edge->skip), edge->length);
	else
		memset(edge->block + edge->skip, 0, edge->length);
	io_begun(io,
	    nbd_aio_pwrite(c->h, edge->block, block, edge->at, done, flags));
}

static uint64_t
command_length(const struct nbdc_io *io)
{
	const struct nbdc *c = io->c;
	uint64_t left = io->last - io->next, max;

	switch (io->req->op) {
	case BDEV_READ:
	case BDEV_WRITE:
		max = c->max;
		break;
	case BDEV_ZERO:
		max = WITHOUT_DATA;
		if (!c->can_zero)
			max = c->max < ZEROS ? c->max : ZEROS;
		break;
	case BDEV_EXTENTS:
		max = EXTENTS_MOST;
		break;
	default:
		max = WITHOUT_DATA;
		break;
	}
	return left < max ? left : max;
}

/* The next whole blocks. */
static void
io_command(struct nbdc_io *io)
{
	struct nbd_handle *h = io->c->h;
	nbd_completion_callback done = { .callback = command_done,
		.user_data = io };
	nbd_extent_callback extents = { .callback = extents_come,
		.user_data = io };
	uint32_t flags = command_flags(io);
	uint64_t at = io->next, length = command_length(io);
	int64_t cookie = -1;

	io->next += length;
	io->commands++;
	switch (io->req->op) {
	case BDEV_READ:
		cookie = nbd_aio_pread(h, io_data(io, at), length, at, done, 0);
		break;
	case BDEV_WRITE:
		cookie =
		    nbd_aio_pwrite(h, io_data(io, at), length, at, done, flags);
		break;
	case BDEV_ZERO:
		if (io->c->can_zero)
			cookie = nbd_aio_zero(h, length, at, done, flags);
		else
			cookie =
			    nbd_aio_pwrite(h, zeros, length, at, done, flags);
		break;
	case BDEV_DISCARD:
		cookie = nbd_aio_trim(h, length, at, done, flags);
		break;
	case BDEV_EXTENTS:
		io->next = io->last; /* the first ones are enough */
		cookie = nbd_aio_block_status(h, length, at, extents, done, 0);
		break;
	case BDEV_FLUSH:
	case BDEV_COPY:
		break;
	}
	io_begun(io, cookie);
}

/* ---- a request's way ---- */

static void
io_flush(struct nbdc_io *io)
{
	nbd_completion_callback done = { .callback = command_done,
		.user_data = io };

	io->phase = PHASE_FLUSH;
	io->commands++;
	io_begun(io, nbd_aio_flush(io->c->h, done, 0));
}

static bool
wants_flush(const struct nbdc_io *io)
{
	const struct nbdc *c = io->c;

	return c->can_flush && (io->req->op == BDEV_FLUSH ||
				   (io->req->flags & BDEV_FUA && !c->can_fua &&
				       changes_content(io->req)));
}

/* As far as it goes now; true: it has ended. */
static bool
io_advance(struct nbdc_io *io)
{
	while (io->error == 0) {
		while (io->edges_begun < io->edges)
			edge_command(io, &io->edge[io->edges_begun++]);
		if (io->phase == PHASE_EDGES) {
			if (io->commands > 0)
				return false;
			io->phase = PHASE_ALL;
			io->edges_begun = 0;
			continue;
		}
		while (io->next < io->last && io->commands < COMMANDS &&
		       io->error == 0)
			io_command(io);
		if (io->commands > 0)
			return false;
		if (io->error != 0 || io->phase == PHASE_FLUSH ||
		    !wants_flush(io))
			break;
		io_flush(io);
	}
	return io->commands == 0;
}

static void
add_edge(struct nbdc_io *io, uint64_t begin, uint64_t end)
{
	uint32_t block = io->c->bdev.block_size;
	struct edge *edge = &io->edge[io->edges++];

	edge->at = begin - begin % block;
	edge->skip = (uint32_t)(begin % block);
	edge->length = (uint32_t)(end - begin);
}

/* Which blocks are whole, and which are edges. */
static void
io_cut(struct nbdc_io *io)
{
	const struct bdev_req *req = io->req;
	uint64_t block = io->c->bdev.block_size;
	uint64_t begin = req->offset, end = req->offset + req->length;
	uint64_t down = begin - begin % block;
	uint64_t up = end % block == 0 ? end : end - end % block + block;

	io->range = (struct range){ .first = down, .end = up };
	io->next = down;
	io->last = up;
	if (!changes_content(req))
		return;
	if (begin != down)
		io->next = down + block;
	if (end != up)
		io->last = up - block;
	if (io->next > io->last) {
		io->last = io->next; /* both ends in one block */
		if (req->op != BDEV_DISCARD)
			add_edge(io, begin, end);
		return;
	}
	if (req->op == BDEV_DISCARD)
		return;
	if (begin != down)
		add_edge(io, begin, io->next);
	if (end != up)
		add_edge(io, io->last, end);
}

/* 0 or -ENOMEM. */
static int
io_memory(struct nbdc_io *io)
{
	struct bdev_req *req = io->req;
	uint32_t block = io->c->bdev.block_size;
	bool reads = req->op == BDEV_READ;
	bool whole = io->range.first == req->offset &&
		     io->range.end == req->offset + req->length;

	for (unsigned i = 0; i < io->edges; i++) {
		io->edge[i].block = malloc(block);
		if (io->edge[i].block == NULL)
			return -ENOMEM;
	}
	if (!reads && req->op != BDEV_WRITE)
		return 0;
	if (bdev_place(req) != 0)
		return -ENOMEM;
	if (req->iovcnt == 1 && (whole || !reads))
		return 0;
	io->bounce_at = reads ? io->range.first : req->offset;
	io->bounce =
	    malloc(reads ? io->range.end - io->range.first : req->length);
	if (io->bounce == NULL)
		return -ENOMEM;
	if (!reads)
		iov_gather(req->iov, req->iovcnt, 0, io->bounce, req->length);
	return 0;
}

/* It holds the lock on its range, if it needs one. */
static void
io_start(struct nbdc_io *io)
{
	if (io->req->op == BDEV_FLUSH)
		io->phase = PHASE_ALL;
	else if (io_memory(io) != 0)
		io->error = ENOMEM;
	io_wake(io);
}

/* ---- ends ---- */

static int
io_result(const struct nbdc_io *io)
{
	static const char *const verbs[] = {
		[BDEV_READ] = "reading",
		[BDEV_WRITE] = "writing",
		[BDEV_FLUSH] = "flushing",
		[BDEV_DISCARD] = "discarding",
		[BDEV_ZERO] = "zeroing",
		[BDEV_EXTENTS] = "asking for the extents",
	};
	const struct bdev_req *req = io->req;
	struct nbdc *c = io->c;
	bool moves = req->op == BDEV_READ || req->op == BDEV_WRITE;

	if (io->error == 0)
		return 0;
	if (c->state == NBDC_LOST) {
		if (req->why != NULL)
			*req->why = c->lost;
		return c->lost_result;
	}
	error_set(req->why, moves && io->error == EIO ? ERROR_IO : ERROR_FAILED,
	    "%s: %s %" PRIu64 " bytes at offset %" PRIu64 ": %s", c->name,
	    verbs[req->op], req->length, req->offset, strerror(io->error));
	switch (io->error) {
	case ENOMEM:
	case ENOSPC:
		return -io->error;
	case EPERM:
		return -EROFS;
	case EOPNOTSUPP:
		return req->op == BDEV_ZERO && !(req->flags & BDEV_FAST)
			   ? -EIO
			   : -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

static void
io_deliver(struct nbdc_io *io)
{
	struct bdev_req *req = io->req;

	if (req->op == BDEV_EXTENTS && io->error == 0 && req->extents_n == 0)
		io->error = EPROTO;
	if (req->op == BDEV_READ && io->error == 0 && io->bounce != NULL)
		iov_scatter(req->iov, req->iovcnt, 0, io_data(io, req->offset),
		    req->length);
	req->result = io_result(io);
}

static void
io_free(struct nbdc_io *io)
{
	struct nbdc *c = io->c;
	struct range *next;

	if (io->locked) {
		range_remove(&c->ranges, &io->range);
		while ((next = range_granted(&c->ranges)) != NULL)
			io_start((
			    struct nbdc_io *)((char *)next -
					      offsetof(struct nbdc_io, range)));
	}
	for (unsigned i = 0; i < io->edges; i++)
		free(io->edge[i].block);
	free(io->bounce);
	TAILQ_REMOVE(&c->under_way, io, link);
	TAILQ_INSERT_HEAD(&c->spare, io, link);
}

void
nbdc_work(struct nbdc *c)
{
	struct bdev_req_queue finished = TAILQ_HEAD_INITIALIZER(finished);
	struct bdev_req *req;
	struct nbdc_io *io;

	nbdc_look(c);
	while ((io = TAILQ_FIRST(&c->todo)) != NULL) {
		TAILQ_REMOVE(&c->todo, io, todo_link);
		io->queued = false;
		if (c->h == NULL && io->error == 0)
			io->error = ENOTCONN;
		if (!io_advance(io))
			continue;
		io_deliver(io);
		TAILQ_INSERT_TAIL(&finished, io->req, link);
		io_free(io);
	}
	TAILQ_CONCAT(&finished, &c->refused, link);
	nbdc_look(c);
	while ((req = TAILQ_FIRST(&finished)) != NULL) {
		TAILQ_REMOVE(&finished, req, link);
		req->done(req);
	}
}

void
nbdc_abandon(struct nbdc *c)
{
	struct nbdc_io *io;

	TAILQ_FOREACH (io, &c->under_way, link) {
		/* One that waits for its range starts, and ends, later. */
		if (io->commands == 0)
			continue;
		io->commands = 0;
		io->error = ENOTCONN;
		io_wake(io);
	}
}

void
nbdc_free_spare(struct nbdc *c)
{
	struct nbdc_io *io;

	while ((io = TAILQ_FIRST(&c->spare)) != NULL) {
		TAILQ_REMOVE(&c->spare, io, link);
		free(io);
	}
}

/* ---- submission ---- */

/* Of what needs no command: the result; else 1. */
static int
nbdc_check(struct nbdc *c, struct bdev_req *req)
{
	int check = bdev_check(&c->bdev, req);

	if (check <= 0)
		return check;
	if (c->state == NBDC_LOST) {
		if (req->why != NULL)
			*req->why = c->lost;
		return c->lost_result;
	}
	switch (req->op) {
	case BDEV_FLUSH:
		return c->can_flush;
	case BDEV_DISCARD:
		return c->bdev.can_discard ? 1 : -EOPNOTSUPP;
	case BDEV_ZERO:
		return req->flags & BDEV_FAST && !c->can_fast_zero ? -EOPNOTSUPP
								   : 1;
	case BDEV_EXTENTS:
		if (c->bdev.thin) {
			req->extents_n = 0;
			return 1;
		}
		req->extents[0] = (struct bdev_extent){ .length = req->length,
			.alloc = BDEV_DATA };
		req->extents_n = 1;
		return 0;
	default:
		return 1;
	}
}

static struct nbdc_io *
io_get(struct nbdc *c, struct bdev_req *req)
{
	struct nbdc_io *io = TAILQ_FIRST(&c->spare);

	if (io != NULL)
		TAILQ_REMOVE(&c->spare, io, link);
	else if ((io = malloc(sizeof(*io))) == NULL)
		return NULL;
	*io = (struct nbdc_io){ .c = c, .req = req };
	TAILQ_INSERT_TAIL(&c->under_way, io, link);
	return io;
}

void
nbdc_submit(struct bdev *bdev, struct bdev_req *req)
{
	struct nbdc *c = (struct nbdc *)bdev;
	int check = nbdc_check(c, req);
	struct nbdc_io *io = NULL;

	if (check > 0) {
		io = io_get(c, req);
		check = -ENOMEM;
	}
	if (io == NULL) {
		req->result = check;
		TAILQ_INSERT_TAIL(&c->refused, req, link);
		deferred_set(c->loop, &c->work);
		return;
	}
	if (req->op != BDEV_FLUSH)
		io_cut(io);
	io->locked = changes_content(req);
	if (!io->locked || range_add(&c->ranges, &io->range))
		io_start(io);
}
