/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See mount.h.  One table says what an event does in each state, and
 * mount_event() alone writes ->state.
 *
 * The way down.  First nothing is mounted any more: dirty pages have been
 * written then, and all requests were answered.  The rest is the disks' (flush,
 * logout, drain).
 *
 * A target that does not answer must not keep us for ever: a second
 * mount_stop() ends the session first.  Every request then fails, the kernel's
 * writes of dirty pages among them, and so the unmount goes through.
 */
#include "front/mount.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/fsm.h"
#include "front/disks.h"

enum mount_state { STARTING, MOUNTING, SERVING, UNMOUNTING, ENDING, ENDED };

enum mount_event {
	EV_FAILED, /* ->why says how */
	EV_UP,	   /* the disks can be used */
	EV_READY,  /* so can the files */
	EV_STOP,   /* the user wants it */
	EV_BUSY,   /* unmounting has failed */
	EV_GONE,   /* nothing is mounted any more */
	EV_ENDED   /* nor logged in */
};

struct mount {
	struct loop *loop;
	struct mount_config config;
	enum mount_state state;
	struct disks *disks;
	struct fuse_front *front;
	char *fsname;
	struct deferred next; /* events that follow from an action */
	unsigned pending;     /* mask of those */
	bool forced;
	bool refused;	  /* an unmount, since it was in use */
	bool lazy;	  /* unmounting takes it away from its users */
	struct error why; /* class 0: nothing went wrong */
};

static void mount_show(struct mount *);
static void mount_ready(struct mount *);
static void mount_unmount(struct mount *);
static void mount_hide(struct mount *);
static void mount_busy(struct mount *);
static void mount_end(struct mount *);
static void mount_force(struct mount *);
static void mount_ended(struct mount *);

static const struct mount_transition {
	unsigned from; /* mask of states */
	enum mount_event event;
	enum mount_state to;
	void (*action)(struct mount *);
} mount_transitions[] = {
	{ BIT(STARTING), EV_UP, MOUNTING, mount_show },
	{ BIT(MOUNTING), EV_READY, SERVING, mount_ready },
	{ BIT(STARTING), EV_FAILED, ENDING, mount_end },
	{ BIT(STARTING), EV_STOP, ENDING, mount_end },
	{ BIT(MOUNTING), EV_FAILED, UNMOUNTING, mount_hide },
	{ BIT(MOUNTING), EV_STOP, UNMOUNTING, mount_hide },
	{ BIT(SERVING), EV_STOP, UNMOUNTING, mount_unmount },
	{ BIT(UNMOUNTING), EV_BUSY, SERVING, mount_busy },
	{ BIT(UNMOUNTING), EV_STOP, UNMOUNTING, mount_force },
	{ BIT(MOUNTING) | BIT(SERVING) | BIT(UNMOUNTING), EV_GONE, ENDING,
	    mount_end },
	{ BIT(ENDING), EV_STOP, ENDING, mount_force },
	{ BIT(ENDING), EV_ENDED, ENDED, mount_ended },
};

/* An event that means nothing in this state is dropped. */
static void
mount_event(struct mount *m, enum mount_event event)
{
	const struct mount_transition *t =
	    FSM_FIND(mount_transitions, m->state, event);

	if (t == NULL)
		return;
	m->state = t->to;
	t->action(m);
}

static void
mount_next(struct deferred *call)
{
	struct mount *m = call->ctx;
	unsigned pending = m->pending;
	int event;

	m->pending = 0;
	for (event = EV_FAILED; event <= EV_ENDED; event++)
		if ((pending & BIT(event)) != 0)
			mount_event(m, (enum mount_event)event);
}

/* For events that come up within an action, or within a callback of what the
 * next action may free. */
static void
mount_soon(struct mount *m, enum mount_event event)
{
	m->pending |= BIT(event);
	deferred_set(m->loop, &m->next);
}

/* The first failure is the one that is told. */
static void
mount_why(struct mount *m, const struct error *why)
{
	if (m->why.class == ERROR_NONE)
		m->why = *why;
}

static void
mount_fail(struct mount *m, const struct error *why)
{
	mount_why(m, why);
	mount_soon(m, EV_FAILED);
}

/* ---- the disks ---- */

static void
disks_are_up(void *ctx)
{
	mount_event(ctx, EV_UP);
}

static void
disks_have_failed(void *ctx, const struct error *why)
{
	mount_fail(ctx, why);
}

static void
disks_note(void *ctx, const char *text)
{
	struct mount *m = ctx;

	m->config.note(m->config.ctx, text);
}

static void
disks_want_rest(void *ctx)
{
	struct mount *m = ctx;

	if (m->front != NULL)
		fuse_front_stop(m->front);
}

static bool
disks_are_busy(void *ctx)
{
	struct mount *m = ctx;

	return m->front != NULL && fuse_front_busy(m->front) > 0;
}

static void
disks_have_ended(void *ctx)
{
	mount_event(ctx, EV_ENDED);
}

/* ---- the front end ---- */

static void
front_is_ready(void *ctx, const struct error *err)
{
	struct mount *m = ctx;

	if (err != NULL)
		mount_fail(m, err);
	else
		mount_event(m, EV_READY);
}

static void
front_has_ended(void *ctx)
{
	mount_soon(ctx, EV_GONE);
}

static void
front_is_busy(void *ctx, int error, const char *text)
{
	struct mount *m = ctx;
	struct error why;

	(void)error;
	error_set(&why, ERROR_FAILED, "cannot unmount %s: %s",
	    m->config.mountpoint, text);
	log_warn(m->config.log, "%s", why.text);
	if (m->lazy) {
		mount_why(m, &why);
		mount_soon(m, EV_GONE);
	} else if (m->forced) {
		mount_hide(m);
	} else {
		m->config.busy(m->config.ctx, why.text);
		mount_event(m, EV_BUSY);
	}
}

static char *
mount_fsname(const struct mount *m)
{
	const struct session_config *session = &m->config.link.session;
	char portal[4 * ISCSI_ADDR_MAX + 1], *name;

	escape(
	    portal, sizeof(portal), session->portal, strlen(session->portal));
	if (asprintf(&name, "iscsi://%s/%s%s%s", portal, session->target_name,
		m->config.has_lun ? "/" : "",
		m->config.has_lun ? disks_next(m->disks, NULL)->text : "") < 0)
		return NULL;
	return name;
}

static void
mount_show(struct mount *m)
{
	struct disks_status st;
	struct fuse_front_file *files;
	struct fuse_front_config config = {
		.mountpoint = m->config.mountpoint,
		.options = m->config.options,
		.single = m->config.single,
		.log = m->config.log,
		.ready = front_is_ready,
		.ended = front_has_ended,
		.unmount_failed = front_is_busy,
		.ctx = m,
	};
	struct disk *disk = NULL;
	struct error why;

	disks_status(m->disks, &st);
	config.files = files = calloc(st.luns, sizeof(*files));
	while (files != NULL && (disk = disks_next(m->disks, disk)) != NULL)
		files[config.nfiles++] = (struct fuse_front_file){
			.name = disk->name,
			.bdev = lun_bdev(disk->lun),
			.healthy = disk_healthy,
			.ctx = disk,
		};
	config.fsname = m->fsname = mount_fsname(m);
	if (files == NULL || m->fsname == NULL) {
		error_set(&why, ERROR_FAILED, "out of memory");
		mount_fail(m, &why);
	} else if (fuse_front_new(m->loop, &config, &m->front, &why) < 0) {
		mount_fail(m, &why);
	}
	free(files);
}

static void
mount_ready(struct mount *m)
{
	m->config.ready(m->config.ctx);
}

/* ---- the way down ---- */

/* In use by whoever waits for a target that does not answer, perhaps even to
 * die: without the target, the second time. */
static void
mount_unmount(struct mount *m)
{
	if (m->refused && !disks_answer(m->disks))
		mount_force(m);
	fuse_front_unmount(m->front, false);
}

/* Even when it is in use. */
static void
mount_hide(struct mount *m)
{
	m->lazy = true;
	if (m->front == NULL)
		mount_soon(m, EV_GONE);
	else
		fuse_front_unmount(m->front, true);
}

static void
mount_busy(struct mount *m)
{
	m->refused = true;
	log_info(m->config.log, "%s goes on serving", m->config.mountpoint);
}

static void
mount_check_pages(struct mount *m)
{
	struct fuse_front_stats stats;
	struct error why;

	fuse_front_stats(m->front, &stats);
	if (!stats.pages_lost)
		return;
	error_set(&why, ERROR_FAILED,
	    "%s: pages that were changed through mappings could not be written",
	    m->config.mountpoint);
	mount_why(m, &why);
}

static void
mount_end(struct mount *m)
{
	if (m->front != NULL)
		mount_check_pages(m);
	disks_down(m->disks);
}

static void
mount_force(struct mount *m)
{
	m->forced = true;
	disks_force(m->disks);
}

static void
mount_ended(struct mount *m)
{
	m->config.ended(
	    m->config.ctx, m->why.class == ERROR_NONE ? NULL : &m->why);
}

/* ---- the owner's side ---- */

int
mount_new(struct loop *loop, const struct mount_config *config,
    struct mount **ret, struct error *err)
{
	struct mount *m = calloc(1, sizeof(*m));
	struct disks_config disks = {
		.link = config->link,
		.has_lun = config->has_lun,
		.lun = config->lun,
		.read_only = config->read_only,
		.name = config->mountpoint,
		.log = config->log,
		.note = disks_note,
		.up = disks_are_up,
		.failed = disks_have_failed,
		.stop = disks_want_rest,
		.busy = disks_are_busy,
		.ended = disks_have_ended,
		.ctx = m,
	};

	if (m == NULL)
		return error_set(err, ERROR_FAILED, "out of memory");
	m->loop = loop;
	m->config = *config;
	m->next = (struct deferred){ .run = mount_next, .ctx = m };
	disks.link.zerocopy = true; /* see op_put() in fuse_op.c */
	if (disks_new(loop, &disks, &m->disks, err) < 0) {
		free(m);
		return -1;
	}
	*ret = m;
	return 0;
}

void
mount_stop(struct mount *m)
{
	mount_event(m, EV_STOP);
}

void
mount_free(struct mount *m)
{
	if (m == NULL)
		return;
	fuse_front_free(m->front);
	disks_free(m->disks);
	deferred_clear(m->loop, &m->next);
	free(m->fsname);
	free(m);
}

void
mount_status(const struct mount *m, struct mount_status *ret)
{
	struct fuse_front_stats stats = { 0 };

	if (m->front != NULL)
		fuse_front_stats(m->front, &stats);
	*ret = (struct mount_status){
		.in_flight = stats.in_flight,
		.read_bytes = stats.read_bytes,
		.written_bytes = stats.written_bytes,
	};
	disks_status(m->disks, &ret->disks);
	if (m->state == MOUNTING)
		ret->disks.state = "starting";
	else if (m->state == UNMOUNTING)
		ret->disks.state = "unmounting";
}
