/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connection.  libnbd has a state machine of its own; it is driven from our
 * loop: after every call it is asked which descriptor it waits for and how
 * (nbdc_look).  Resolving the name blocks, so a helper makes the first call;
 * until it has come back nothing else touches the handle.
 *
 * While it connects libnbd may close a socket and open the next one under the
 * same number, which epoll has then forgotten; so until the handshake is over
 * the watch is set anew each time.
 */
#include "block/nbdclient.h"

#include <sys/epoll.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "block/nbdclient_impl.h"

#define PATIENCE    (30 * CLOCK_S)
#define MAX_DEFAULT (32u << 20) /* where the server sets no limit */
#define MAX_OURS    (32u << 20)

/* ---- its end ---- */

static void
nbdc_unwatch(struct nbdc *c)
{
	if (c->watched)
		watch_remove(c->loop, &c->watch);
	c->watched = false;
}

/* No call of libnbd comes after this one: no memory of a request is touched. */
static void
nbdc_give_up(struct nbdc *c, int result)
{
	nbdc_unwatch(c);
	timer_clear(c->loop, &c->patience);
	nbd_close(c->h);
	c->h = NULL;
	c->state = NBDC_LOST;
	c->lost_result = result;
	nbdc_abandon(c);
	deferred_set(c->loop, &c->work);
}

/* errno of libnbd before there was an export. */
static enum error_class
class_of(int error, bool reached)
{
	switch (error) {
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ETIMEDOUT:
		return ERROR_UNREACHED;
	case ENOENT:
		return reached ? ERROR_ABSENT : ERROR_UNREACHED;
	case EPERM:
	case EACCES:
		return ERROR_REFUSED;
	default:
		return reached ? ERROR_FAILED : ERROR_UNREACHED;
	}
}

/* In libnbd's words, which may have been the server's. */
static void
nbdc_lose(struct nbdc *c)
{
	const char *text = nbd_get_error();
	int error = nbd_get_errno();
	char words[300];

	if (text == NULL)
		text = "it has gone";
	escape(words, sizeof(words), text, strlen(text));
	if (c->state == NBDC_READY)
		error_set(&c->lost, ERROR_FAILED,
		    "%s: the NBD server was lost: %s", c->name, words);
	else
		error_set(&c->lost, class_of(error, c->state == NBDC_SHAKING),
		    "%s: %s", c->name, words);
	nbdc_give_up(c, -EIO);
}

static void
nbdc_impatient(struct timer *t, uint64_t now)
{
	struct nbdc *c = t->ctx;

	(void)now;
	error_set(&c->lost, ERROR_UNREACHED,
	    "%s: the NBD server does not answer", c->name);
	nbdc_give_up(c, -EIO);
}

/* ---- what the export is ---- */

/* Bytes, or 0 when it is not told. */
static uint64_t
block_size_of(struct nbdc *c, int which)
{
	int64_t size = nbd_get_block_size(c->h, which);

	return size > 0 ? (uint64_t)size : 0;
}

static int
nbdc_probe_size(struct nbdc *c)
{
	uint64_t block = block_size_of(c, LIBNBD_SIZE_MINIMUM);
	uint64_t preferred = block_size_of(c, LIBNBD_SIZE_PREFERRED);
	int64_t size = nbd_get_size(c->h);

	if (size == -1) {
		nbdc_lose(c);
		return -1;
	}
	if (block == 0)
		block = 1;
	if (block > 65536 || (block & (block - 1)) != 0 ||
	    (uint64_t)size % block != 0) {
		error_set(&c->lost, ERROR_FAILED,
		    "%s: the NBD server's export of %" PRId64
		    " bytes is not made of its blocks of %" PRIu64,
		    c->name, size, block);
		nbdc_give_up(c, -EIO);
		return -1;
	}
	c->max = block_size_of(c, LIBNBD_SIZE_MAXIMUM);
	if (c->max == 0)
		c->max = MAX_DEFAULT;
	if (c->max > MAX_OURS)
		c->max = MAX_OURS;
	c->max -= c->max % block;
	if (c->max == 0)
		c->max = block;
	c->bdev.size = (uint64_t)size;
	c->bdev.block_size = (uint32_t)block;
	c->bdev.physical_block_size =
	    (uint32_t)(preferred > block && preferred <= 65536 ? preferred
							       : block);
	return 0;
}

static void
nbdc_probe(struct nbdc *c)
{
	if (nbdc_probe_size(c) == -1)
		return;
	c->can_flush = nbd_can_flush(c->h) == 1;
	c->can_fua = nbd_can_fua(c->h) == 1;
	c->can_zero = nbd_can_zero(c->h) == 1;
	c->can_fast_zero = nbd_can_fast_zero(c->h) == 1;
	if (nbd_is_read_only(c->h) != 0)
		c->bdev.read_only = true;
	c->bdev.thin =
	    nbd_can_meta_context(c->h, LIBNBD_CONTEXT_BASE_ALLOCATION) == 1;
	c->bdev.can_discard = nbd_can_trim(c->h) == 1;
	c->bdev.can_fast_zero = c->can_zero;
	c->bdev.volatile_cache = c->can_flush;
	c->state = NBDC_READY;
	timer_clear(c->loop, &c->patience);
	deferred_set(c->loop, &c->work);
}

/* ---- in the loop ---- */

static void
nbdc_ready(struct watch *w, uint32_t events)
{
	struct nbdc *c = w->ctx;
	unsigned dir = nbd_aio_get_direction(c->h);
	int result = 0;

	if (dir & LIBNBD_AIO_DIRECTION_READ &&
	    events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		result = nbd_aio_notify_read(c->h);
		dir = nbd_aio_get_direction(c->h);
		events &= ~(uint32_t)(EPOLLHUP | EPOLLERR);
	}
	if (result == 0 && dir & LIBNBD_AIO_DIRECTION_WRITE &&
	    events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		result = nbd_aio_notify_write(c->h);
	if (result == -1)
		nbdc_lose(c);
	else
		nbdc_look(c);
	nbdc_work(c);
}

void
nbdc_look(struct nbdc *c)
{
	unsigned dir;
	uint32_t events = 0;

	if (c->h == NULL || c->state == NBDC_RESOLVING)
		return;
	if (nbd_aio_is_dead(c->h) == 1 || nbd_aio_is_closed(c->h) == 1) {
		nbdc_lose(c);
		return;
	}
	if (c->state == NBDC_SHAKING) {
		nbdc_unwatch(c);
		if (nbd_aio_is_ready(c->h) == 1)
			nbdc_probe(c);
		if (c->h == NULL)
			return;
	}
	dir = nbd_aio_get_direction(c->h);
	if (dir & LIBNBD_AIO_DIRECTION_READ)
		events |= EPOLLIN;
	if (dir & LIBNBD_AIO_DIRECTION_WRITE)
		events |= EPOLLOUT;
	if (!c->watched) {
		c->watch.fd = nbd_aio_get_fd(c->h);
		c->watched = watch_add(c->loop, &c->watch, events) == 0;
		if (!c->watched)
			nbdc_lose(c);
	} else {
		watch_set(c->loop, &c->watch, events);
	}
}

static void
nbdc_run(struct deferred *d)
{
	struct nbdc *c = d->ctx;

	if (c->untold && c->state >= NBDC_READY) {
		c->untold = false;
		/* Nothing is in flight: it may be closed in there. */
		c->opened(c->ctx, c->state == NBDC_LOST ? &c->lost : NULL);
		return;
	}
	nbdc_work(c);
}

/* ---- its beginning and its end ---- */

static void
nbdc_free(struct nbdc *c)
{
	deferred_clear(c->loop, &c->work);
	timer_clear(c->loop, &c->patience);
	nbdc_unwatch(c);
	nbd_close(c->h);
	nbdc_free_spare(c);
	free(c->uri);
	free(c->name);
	free(c);
}

static void
connect_work(struct job *job)
{
	struct nbdc *c = job->ctx;

	c->connected = nbd_aio_connect_uri(c->h, c->uri) == 0;
	/* Its words are the thread's own. */
	if (!c->connected) {
		char words[300];
		const char *text = nbd_get_error();

		if (text == NULL)
			text = "cannot connect";
		escape(words, sizeof(words), text, strlen(text));
		error_set(&c->lost, class_of(nbd_get_errno(), false), "%s: %s",
		    c->name, words);
	}
}

static void
connect_done(struct job *job)
{
	struct nbdc *c = job->ctx;

	if (c->closed) {
		nbdc_free(c);
		return;
	}
	c->state = NBDC_SHAKING;
	if (!c->connected) {
		nbdc_give_up(c, -EIO);
		return;
	}
	timer_set(c->loop, &c->patience, loop_now(c->loop) + PATIENCE);
	nbdc_look(c);
}

static void
nbdc_close(struct bdev *bdev)
{
	struct nbdc *c = (struct nbdc *)bdev;

	c->closed = true;
	if (c->state == NBDC_RESOLVING)
		return; /* connect_done() */
	/* Most often goes out at once; the server need not be told. */
	if (c->state == NBDC_READY)
		(void)nbd_aio_disconnect(c->h, 0);
	nbdc_free(c);
}

static void
nbdc_interrupt(struct bdev *bdev)
{
	struct nbdc *c = (struct nbdc *)bdev;

	if (c->state != NBDC_READY)
		return;
	error_set(&c->lost, ERROR_FAILED, "%s: interrupted", c->name);
	nbdc_give_up(c, -ECANCELED);
}

static const struct bdev_ops nbdc_ops = {
	.submit = nbdc_submit,
	.close = nbdc_close,
	.interrupt = nbdc_interrupt,
};

static struct nbdc *
nbdc_new(struct loop *loop, const char *uri, const char *name)
{
	struct nbdc *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->loop = loop;
	c->work = (struct deferred){ .run = nbdc_run, .ctx = c };
	timer_init(&c->patience, nbdc_impatient, c);
	range_set_init(&c->ranges);
	TAILQ_INIT(&c->under_way);
	TAILQ_INIT(&c->todo);
	TAILQ_INIT(&c->spare);
	TAILQ_INIT(&c->refused);
	c->uri = strdup(uri);
	c->name = strdup(name);
	c->h = nbd_create();
	if (c->uri == NULL || c->name == NULL || c->h == NULL ||
	    nbd_set_uri_allow_local_file(c->h, true) == -1 ||
	    nbd_add_meta_context(c->h, LIBNBD_CONTEXT_BASE_ALLOCATION) == -1) {
		nbdc_free(c);
		return NULL;
	}
	return c;
}

int
nbdclient_open(struct loop *loop, const char *uri, const char *name,
    bool read_only, void (*opened)(void *ctx, const struct error *why),
    void *ctx, struct bdev **ret, struct error *err)
{
	struct nbdc *c = nbdc_new(loop, uri, name);

	if (c == NULL)
		return error_set(
		    err, ERROR_FAILED, "%s: %s", name, strerror(ENOMEM));
	c->bdev.ops = &nbdc_ops;
	c->bdev.read_only = read_only;
	c->untold = true;
	c->opened = opened;
	c->ctx = ctx;
	c->watch = (struct watch){ .fd = -1, .ready = nbdc_ready, .ctx = c };
	c->connect = (struct job){
		.work = connect_work, .done = connect_done, .ctx = c
	};
	job_submit(loop, &c->connect);
	*ret = &c->bdev;
	return 0;
}
