/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See nbd.h.  One table says what an event does in each state, and
 * front_event() alone writes ->state.
 *
 * The way down.  Nobody can connect any more; requests in flight are done and
 * answered, later ones refused with ESHUTDOWN, and each connection is closed
 * when it has nothing left.  A client that does not take its answers is waited
 * for no longer than STOP_TIME, nor after a second nbd_front_stop().  The rest
 * is the disks' (flush, logout, drain).
 */
#include "front/nbd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fsm.h"
#include "io/kpipes.h"

#define STOP_TIME (20 * CLOCK_S)
#define STOP_POLL (10 * CLOCK_MS)

enum front_state { STARTING, SERVING, STOPPING, ENDING, ENDED };

enum front_event {
	EV_FAILED, /* ->why says how */
	EV_UP,	   /* the disks can be used */
	EV_STOP,   /* the user wants it */
	EV_IDLE,   /* no client is connected, or can be */
	EV_ENDED   /* nor are we logged in */
};

struct nbd_front {
	struct loop *loop;
	struct nbd_front_config config;
	enum front_state state;
	struct disks *disks;
	struct kpipes *pipes;
	struct nbd *nbd;
	struct server *server;
	struct timer timer; /* stopping */
	uint64_t stop_until;
	struct deferred fail; /* EV_FAILED, from within what it may free */
	struct error why;     /* class 0: nothing went wrong */
};

static void front_serve(struct nbd_front *);
static void front_rest(struct nbd_front *);
static void front_insist(struct nbd_front *);
static void front_end(struct nbd_front *);
static void front_force(struct nbd_front *);
static void front_ended(struct nbd_front *);

static const struct front_transition {
	unsigned from; /* mask of states */
	enum front_event event;
	enum front_state to;
	void (*action)(struct nbd_front *);
} front_transitions[] = {
	{ BIT(STARTING), EV_UP, SERVING, front_serve },
	{ BIT(STARTING), EV_FAILED, ENDING, front_end },
	{ BIT(STARTING), EV_STOP, ENDING, front_end },
	{ BIT(SERVING), EV_STOP, STOPPING, front_rest },
	{ BIT(STOPPING), EV_STOP, STOPPING, front_insist },
	{ BIT(SERVING) | BIT(STOPPING), EV_IDLE, ENDING, front_end },
	{ BIT(ENDING), EV_STOP, ENDING, front_force },
	{ BIT(ENDING), EV_ENDED, ENDED, front_ended },
};

/* An event that means nothing in this state is dropped. */
static void
front_event(struct nbd_front *f, enum front_event event)
{
	const struct front_transition *t =
	    FSM_FIND(front_transitions, f->state, event);

	if (t == NULL)
		return;
	f->state = t->to;
	t->action(f);
}

static void
front_failed(struct deferred *call)
{
	front_event(call->ctx, EV_FAILED);
}

/* The first failure is the one that is told. */
static void
front_fail(struct nbd_front *f, const struct error *why)
{
	if (f->why.class == ERROR_NONE)
		f->why = *why;
	deferred_set(f->loop, &f->fail);
}

/* ---- the disks ---- */

static void
disks_are_up(void *ctx)
{
	front_event(ctx, EV_UP);
}

static void
disks_have_failed(void *ctx, const struct error *why)
{
	front_fail(ctx, why);
}

static void
disks_note(void *ctx, const char *text)
{
	struct nbd_front *f = ctx;

	f->config.note(f->config.ctx, text);
}

static void
disks_want_rest(void *ctx)
{
	struct nbd_front *f = ctx;

	server_free(f->server);
	f->server = NULL;
}

static bool
disks_are_busy(void *ctx)
{
	struct nbd_front *f = ctx;
	struct nbd_stats stats;

	nbd_stats(f->nbd, &stats);
	return stats.in_flight > 0;
}

static void
disks_have_ended(void *ctx)
{
	front_event(ctx, EV_ENDED);
}

/* ---- serving ---- */

static int
add_exports(struct nbd_front *f)
{
	const struct session_config *session = &f->config.link.session;
	struct disk *disk = NULL;

	while ((disk = disks_next(f->disks, disk)) != NULL) {
		char text[NBD_NAME_MAX];
		int error;

		snprintf(text, sizeof(text), "LUN %s of %s at %s", disk->text,
		    session->target_name, session->portal);
		error = nbd_add_export(f->nbd, disk->name, text,
		    lun_bdev(disk->lun), f->config.has_lun);
		if (error != 0)
			return error;
	}
	return 0;
}

static int
begin_to_listen(struct nbd_front *f, struct error *err)
{
	const struct server_config config = {
		.engine = &nbd_engine,
		.engine_ctx = f->nbd,
		.tls = f->config.credentials,
		.log = f->config.log,
	};
	unsigned i;

	f->server = server_new(f->loop, &config);
	if (f->server == NULL)
		return error_set(err, ERROR_FAILED, "out of memory");
	for (i = 0; i < f->config.at_n; i++)
		if (server_listen(f->server, &f->config.at[i], err) < 0)
			return -1;
	return 0;
}

static void
front_serve(struct nbd_front *f)
{
	int error = add_exports(f);
	struct error why;

	if (error != 0) {
		error_set(&why, ERROR_FAILED, "exports: %s", strerror(-error));
	} else if (begin_to_listen(f, &why) == 0) {
		f->config.ready(f->config.ctx);
		return;
	}
	f->why = why;
	front_event(f, EV_IDLE);
}

/* ---- the way down ---- */

static void
front_rest(struct nbd_front *f)
{
	server_stop(f->server);
	nbd_shutdown(f->nbd);
	f->stop_until = loop_now(f->loop) + STOP_TIME;
	timer_set(f->loop, &f->timer, loop_now(f->loop));
}

static void
front_timer(struct timer *timer, uint64_t now)
{
	struct nbd_front *f = timer->ctx;
	unsigned n = server_connections(f->server);

	if (n > 0 && now < f->stop_until) {
		timer_set(f->loop, timer, now + STOP_POLL);
		return;
	}
	if (n > 0)
		log_warn(f->config.log,
		    "%s: %u clients are left: they have not taken all "
		    "answers, or the target has not given them",
		    f->config.name, n);
	front_event(f, EV_IDLE);
}

static void
front_insist(struct nbd_front *f)
{
	if (!disks_answer(f->disks))
		disks_force(f->disks);
	f->stop_until = 0;
}

static void
front_end(struct nbd_front *f)
{
	disks_down(f->disks);
}

static void
front_force(struct nbd_front *f)
{
	disks_force(f->disks);
}

static void
front_ended(struct nbd_front *f)
{
	f->config.ended(
	    f->config.ctx, f->why.class == ERROR_NONE ? NULL : &f->why);
}

/* ---- the owner's side ---- */

int
nbd_front_new(struct loop *loop, const struct nbd_front_config *config,
    struct nbd_front **ret, struct error *err)
{
	struct nbd_front *f = calloc(1, sizeof(*f));
	struct nbd_config nbd = { .tls = config->tls, .log = config->log };
	const struct disks_config disks = {
		.link = config->link,
		.has_lun = config->has_lun,
		.lun = config->lun,
		.read_only = config->read_only,
		.name = config->name,
		.log = config->log,
		.note = disks_note,
		.up = disks_are_up,
		.failed = disks_have_failed,
		.stop = disks_want_rest,
		.busy = disks_are_busy,
		.ended = disks_have_ended,
		.ctx = f,
	};

	if (f == NULL)
		return error_set(err, ERROR_FAILED, "out of memory");
	f->loop = loop;
	f->config = *config;
	timer_init(&f->timer, front_timer, f);
	f->fail = (struct deferred){ .run = front_failed, .ctx = f };
	f->pipes = kpipes_new();
	if (f->pipes != NULL) {
		nbd.pipes = kpipes_source(f->pipes);
		f->nbd = nbd_new(&nbd);
	}
	if (f->nbd == NULL)
		error_set(err, ERROR_FAILED, "out of memory");
	if (f->nbd == NULL || disks_new(loop, &disks, &f->disks, err) < 0) {
		nbd_front_free(f);
		return -1;
	}
	*ret = f;
	return 0;
}

void
nbd_front_stop(struct nbd_front *f)
{
	front_event(f, EV_STOP);
}

void
nbd_front_free(struct nbd_front *f)
{
	if (f == NULL)
		return;
	server_free(f->server);
	disks_free(f->disks);
	nbd_free(f->nbd);
	kpipes_free(f->pipes);
	timer_clear(f->loop, &f->timer);
	deferred_clear(f->loop, &f->fail);
	free(f);
}

void
nbd_front_status(const struct nbd_front *f, struct nbd_front_status *ret)
{
	nbd_stats(f->nbd, &ret->nbd);
	disks_status(f->disks, &ret->disks);
	if (f->state == STOPPING)
		ret->disks.state = "ending";
}

struct server *
nbd_front_server(struct nbd_front *f)
{
	return f->server;
}

struct nbd *
nbd_front_exports(struct nbd_front *f)
{
	return f->nbd;
}

struct disk *
nbd_front_disk(const struct nbd_front *f, const struct disk *disk)
{
	return disks_next(f->disks, disk);
}

const char *
nbd_front_address(const struct nbd_front *f, unsigned i)
{
	return f->server == NULL ? NULL : server_address(f->server, i);
}
