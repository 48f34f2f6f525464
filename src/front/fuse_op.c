/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuse_op - requests under way: where they live, whose turn it is, and what a
 * signal does to them.
 *
 * Memory.  Ops are mapped when they are first needed, up to OPS_MAX, and used
 * again last in, first out.  What is resident is what requests have touched;
 * above WARM_MAX a large op gives its memory back when it ends.  With all ops
 * in use, or too much payload waiting, the device is not read until one ends:
 * what is not read waits in the kernel, where it can be killed.  There is one
 * exception.  Forgetting cached pages may have to write dirty ones first, and
 * those writes come through the device too; so it is always read while an
 * invalidation runs (see fuse_inval.c).
 *
 * Turns.  Each file has a share of what may be at the devices at one time, so
 * that a file whose device is stuck cannot take everything from the others.
 * What exceeds it waits here, in order, as overlapping writes must.
 *
 * Signals.  A disk does not answer to signals, and neither do we as long as
 * the device is healthy.  When it is not, a request whose waiter was
 * interrupted is answered with EINTR, so that the process can die; its memory
 * stays with the device until that is done with it.
 */
#include <sys/mman.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "front/fuse_impl.h"

#define OPS_MAX	  4096
#define WARM_MAX  ((size_t)64 << 20)  /* resident payload of ops in the pool */
#define WARM_OP	  ((size_t)64 << 10)  /* what a trimmed op keeps */
#define WAIT_MAX  ((size_t)512 << 20) /* resident payload altogether */
#define SHARE_ALL ((size_t)128 << 20) /* payload at the devices */
#define SHARE_MIN ((size_t)4 << 20)   /* of one file */

#define OP_HEAD	     4096 /* struct op, and what precedes a payload */
#define OP_TAIL	     4096 /* libfuse receives up to 1 MiB + 4 KiB */
#define OP_SIZE	     (OP_HEAD + OP_PAYLOAD_MAX + OP_TAIL)
#define WRITE_HEADER 80 /* fuse_in_header and fuse_write_in */

#define RECHECK CLOCK_S /* of interrupted requests at a healthy device */

_Static_assert(sizeof(struct op) <= OP_HEAD - WRITE_HEADER,
    "an op fits before its payload");

int
op_pool_init(struct fuse_front *front)
{
	size_t share = SHARE_ALL / front->nnodes;

	TAILQ_INIT(&front->pool.free);
	TAILQ_INIT(&front->interrupted);
	timer_init(&front->interrupt_timer, op_interrupt_fire, front);
	front->share = share < SHARE_MIN ? SHARE_MIN : share;
	front->rx = op_get(front);
	return front->rx == NULL ? -ENOMEM : 0;
}

void
op_pool_fini(struct fuse_front *front)
{
	struct op *op;

	timer_clear(front->loop, &front->interrupt_timer);
	if (front->rx != NULL)
		op_put(front->rx);
	front->rx = NULL;
	while ((op = TAILQ_FIRST(&front->pool.free)) != NULL) {
		TAILQ_REMOVE(&front->pool.free, op, link);
		munmap(op, OP_SIZE);
	}
}

static struct op *
op_map(void)
{
	struct op *op = mmap(NULL, OP_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (op == MAP_FAILED)
		return NULL;
	/* Other people's data: not for core files, nor for fusermount3. */
	madvise(op, OP_SIZE, MADV_DONTDUMP);
	madvise(op, OP_SIZE, MADV_DONTFORK);
	return op;
}

static bool
pool_used_up(const struct fuse_front *front)
{
	const struct op_pool *pool = &front->pool;

	if (front->inval.busy)
		return false;
	return pool->used >= OPS_MAX || pool->touched >= WAIT_MAX;
}

struct op *
op_get(struct fuse_front *front)
{
	struct op_pool *pool = &front->pool;
	struct op *op = TAILQ_FIRST(&pool->free);

	if (pool_used_up(front))
		return NULL;
	if (op != NULL) {
		TAILQ_REMOVE(&pool->free, op, link);
	} else {
		op = op_map();
		if (op == NULL)
			return NULL;
		op->front = front;
		pool->ops++;
	}
	pool->used++;
	return op;
}

/* Gives the pages of its payload back, but for the first bytes. */
static void
op_shed(struct op *op, size_t keep)
{
	madvise((char *)op_payload(op) + keep, OP_PAYLOAD_MAX + OP_TAIL - keep,
	    MADV_DONTNEED);
	op->front->pool.touched -= op->touched - keep;
	op->touched = keep;
}

/*
 * When the session is over for good, nobody knows what of a WRITE the target
 * has read.  Where it is on this host it may read on, from these very pages
 * (io/zerocopy.h): so the next payload comes into others.
 */
void
op_put(struct op *op)
{
	struct fuse_front *front = op->front;
	struct op_pool *pool = &front->pool;

	if (op->bdev.op == BDEV_WRITE && op->bdev.result < 0)
		op_shed(op, 0);
	else if (pool->touched > WARM_MAX && op->touched > WARM_OP)
		op_shed(op, WARM_OP);
	TAILQ_INSERT_HEAD(&pool->free, op, link);
	pool->used--;
	if (front->throttled)
		front_resume(front);
}

void *
op_payload(struct op *op)
{
	return (char *)op + OP_HEAD;
}

void *
op_rx(struct op *op)
{
	return (char *)op + OP_HEAD - WRITE_HEADER;
}

void
op_touch(struct op *op, size_t n)
{
	if (n > op->touched) {
		op->front->pool.touched += n - op->touched;
		op->touched = n;
	}
}

/* From fuse_session_process_buf(), possibly with libfuse's locks held. */
static void
op_got_interrupt(fuse_req_t req, void *data)
{
	struct op *op = data;
	struct fuse_front *front = op->front;

	(void)req;
	if (op->interrupted)
		return;
	op->interrupted = true;
	TAILQ_INSERT_TAIL(&front->interrupted, op, interrupted_link);
	timer_set(front->loop, &front->interrupt_timer, loop_now(front->loop));
}

static void
op_start(struct op *op)
{
	struct node *node = op->node;

	if (op->bdev.iovcnt > 0) {
		node->at_device += op->bdev.length;
		op_touch(op, op->bdev.length);
	}
	op->front->at_device++;
	bdev_submit(node->bdev, &op->bdev);
}

static bool
node_has_turn(const struct node *node, const struct op *op)
{
	return node->at_device == 0 ||
	       node->at_device + op->bdev.length <= node->front->share;
}

static void
node_start_waiting(struct node *node)
{
	struct op *op;

	while ((op = TAILQ_FIRST(&node->waiting)) != NULL) {
		if (op->bdev.iovcnt > 0 && !node_has_turn(node, op))
			return;
		TAILQ_REMOVE(&node->waiting, op, link);
		op->waiting = false;
		op_start(op);
	}
}

static void
op_done(struct bdev_req *bdev)
{
	struct op *op = bdev->ctx;
	struct node *node = op->node;

	op->front->at_device--;
	if (bdev->iovcnt > 0)
		node->at_device -= bdev->length;
	op->finish(op);
	node_start_waiting(node);
}

struct op *
op_take(fuse_req_t req, struct node *node, void (*finish)(struct op *))
{
	struct fuse_front *front = node->front;
	struct op *op = front->rx;

	front->rx = NULL;
	op->node = node;
	op->req = req;
	op->finish = finish;
	op->direct = op->waiting = op->interrupted = false;
	op->bdev = (struct bdev_req){ .done = op_done, .ctx = op };
	op->iov = (struct iovec){ .iov_base = op_payload(op) };
	front->stats.in_flight++;
	fuse_req_interrupt_func(req, op_got_interrupt, op);
	return op;
}

void
op_submit(struct op *op)
{
	struct node *node = op->node;
	bool data = op->bdev.iovcnt > 0;

	/* A FLUSH covers what was answered before: it overtakes nothing that
	 * matters to it. */
	if (op->bdev.op == BDEV_FLUSH ||
	    (TAILQ_EMPTY(&node->waiting) &&
		(!data || node_has_turn(node, op)))) {
		op_start(op);
		return;
	}
	TAILQ_INSERT_TAIL(&node->waiting, op, link);
	op->waiting = true;
}

void
op_answered(struct op *op)
{
	if (op->interrupted)
		TAILQ_REMOVE(&op->front->interrupted, op, interrupted_link);
	op->interrupted = false;
	op->req = NULL;
}

void
op_end(struct op *op)
{
	op_answered(op);
	op->front->stats.in_flight--;
	op_put(op);
}

void
op_fail(struct op *op, int error)
{
	if (op->req != NULL)
		fuse_reply_err(op->req, error);
	op_end(op);
}

/* The waiter is let go; the op ends when the device is done with it, or now
 * when it was not there yet. */
static void
op_give_up(struct op *op)
{
	struct node *node = op->node;

	if (node->healthy == NULL || node->healthy(node->ctx))
		return;
	if (op->waiting) {
		TAILQ_REMOVE(&node->waiting, op, link);
		op_fail(op, EINTR);
		return;
	}
	fuse_reply_err(op->req, EINTR);
	op_answered(op);
}

/*
 * Signals come once, but a device may turn bad after one: the interrupted
 * requests are looked at again as long as there are any.
 */
void
op_interrupt_fire(struct timer *timer, uint64_t now)
{
	struct fuse_front *front = timer->ctx;
	struct op *op, *next;

	for (op = TAILQ_FIRST(&front->interrupted); op != NULL; op = next) {
		next = TAILQ_NEXT(op, interrupted_link);
		op_give_up(op);
	}
	if (!TAILQ_EMPTY(&front->interrupted))
		timer_set(front->loop, timer, now + RECHECK);
}
