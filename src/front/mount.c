/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See mount.h.  One table says what an event does in each state, and
 * mount_event() alone writes ->state.
 *
 * The way down.  First nothing is mounted any more: dirty pages have been
 * written then, and all requests were answered.  Then every disk that was
 * written since its last FLUSH gets one; its failure is the exit code's
 * business, for data may be lost.  Then the session logs out, which completes
 * whatever may still be in flight, and all is freed in the order front end,
 * disks, link.
 *
 * A target that does not answer must not keep us for ever: a second
 * mount_stop(), or FLUSH_TIME without an end to the flushing, ends the session
 * first.  Every request then fails, the kernel's writes of dirty pages among
 * them, and so the unmount goes through.
 */
#include "front/mount.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "front/disk.h"
#include "front/lunscan.h"

#define FLUSH_TIME (60 * CLOCK_S)
#define DRAIN_POLL (10 * CLOCK_MS)

enum mount_state {
	LOGIN,
	LISTING,
	PROBING,
	MOUNTING,
	SERVING,
	UNMOUNTING,
	FLUSHING,
	DRAINING,
	ENDED
};

enum mount_event {
	EV_FAILED,  /* ->why says how */
	EV_UP,	    /* the session, for the first time */
	EV_LISTED,  /* REPORT LUNS has answered */
	EV_PROBED,  /* every disk is known */
	EV_READY,   /* the files can be used */
	EV_STOP,    /* the user wants it */
	EV_BUSY,    /* unmounting has failed */
	EV_GONE,    /* nothing is mounted any more */
	EV_FLUSHED, /* every disk has answered to FLUSH */
	EV_DRAINED  /* the session is over and nothing in flight */
};

struct mount {
	struct loop *loop;
	struct mount_config config;
	enum mount_state state;
	struct link *link;
	bool link_over;
	struct lunscan scan;
	struct disk *disks;
	unsigned ndisks;
	unsigned waiting; /* for answers of so many disks */
	struct fuse_front *front;
	char *fsname;
	struct timer timer;   /* flushing, draining */
	struct deferred next; /* events that follow from an action */
	unsigned pending;     /* mask of those */
	bool forced;
	bool refused;	  /* an unmount, since it was in use */
	bool lazy;	  /* unmounting takes it away from its users */
	struct error why; /* class 0: nothing went wrong */
};

static void mount_list(struct mount *);
static void mount_probe(struct mount *);
static void mount_show(struct mount *);
static void mount_ready(struct mount *);
static void mount_unmount(struct mount *);
static void mount_hide(struct mount *);
static void mount_busy(struct mount *);
static void mount_flush(struct mount *);
static void mount_drain(struct mount *);
static void mount_force(struct mount *);
static void mount_ended(struct mount *);

#define BIT(state) (1u << (state))

static const struct mount_transition {
	unsigned from; /* mask of states */
	enum mount_event event;
	enum mount_state to;
	void (*action)(struct mount *);
} mount_transitions[] = {
	{ BIT(LOGIN), EV_UP, LISTING, mount_list },
	{ BIT(LISTING), EV_LISTED, PROBING, mount_probe },
	{ BIT(PROBING), EV_PROBED, MOUNTING, mount_show },
	{ BIT(MOUNTING), EV_READY, SERVING, mount_ready },
	{ BIT(LOGIN) | BIT(LISTING) | BIT(PROBING), EV_FAILED, DRAINING,
	    mount_drain },
	{ BIT(LOGIN) | BIT(LISTING) | BIT(PROBING), EV_STOP, DRAINING,
	    mount_drain },
	{ BIT(MOUNTING), EV_FAILED, UNMOUNTING, mount_hide },
	{ BIT(MOUNTING), EV_STOP, UNMOUNTING, mount_hide },
	{ BIT(SERVING), EV_STOP, UNMOUNTING, mount_unmount },
	{ BIT(UNMOUNTING), EV_BUSY, SERVING, mount_busy },
	{ BIT(UNMOUNTING), EV_STOP, UNMOUNTING, mount_force },
	{ BIT(MOUNTING) | BIT(SERVING) | BIT(UNMOUNTING), EV_GONE, FLUSHING,
	    mount_flush },
	{ BIT(FLUSHING), EV_STOP, FLUSHING, mount_force },
	{ BIT(FLUSHING), EV_FLUSHED, DRAINING, mount_drain },
	{ BIT(DRAINING), EV_STOP, DRAINING, mount_force },
	{ BIT(DRAINING), EV_DRAINED, ENDED, mount_ended },
};

#define TRANSITIONS (sizeof(mount_transitions) / sizeof(mount_transitions[0]))

/* An event that means nothing in this state is dropped. */
static void
mount_event(struct mount *m, enum mount_event event)
{
	const struct mount_transition *t = mount_transitions;
	size_t i;

	for (i = 0; i < TRANSITIONS; i++, t++)
		if (t->event == event && (t->from & BIT(m->state)) != 0) {
			m->state = t->to;
			t->action(m);
			return;
		}
}

static void
mount_next(struct deferred *call)
{
	struct mount *m = call->ctx;
	unsigned pending = m->pending;
	int event;

	m->pending = 0;
	for (event = EV_FAILED; event <= EV_DRAINED; event++)
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

/* ---- the link ---- */

static void
link_is_up(void *ctx)
{
	struct mount *m = ctx;

	if (m->state > LOGIN)
		log_info(m->config.log, "%s: logged in again",
		    m->config.link.session.portal);
	mount_event(m, EV_UP);
}

static void
link_is_lost(void *ctx, const struct error *why, bool final)
{
	struct mount *m = ctx;

	if (m->state >= SERVING)
		log_warn(m->config.log, "%s%s", why->text,
		    final ? "" : "; logging in again");
	if (!final)
		return;
	m->link_over = true;
	mount_fail(m, why);
}

static void
link_has_ended(void *ctx)
{
	struct mount *m = ctx;

	m->link_over = true;
}

/* ---- the way up ---- */

static uint64_t
scan_now(void *ctx)
{
	struct mount *m = ctx;

	return loop_now(m->loop);
}

static void
scan_done(struct lunscan *scan, const struct error *err)
{
	struct mount *m = scan->ctx;

	if (err != NULL)
		mount_fail(m, err);
	else
		mount_event(m, EV_LISTED);
}

static void
mount_list(struct mount *m)
{
	m->scan.session = link_session(m->link);
	m->scan.now = scan_now;
	m->scan.done = scan_done;
	m->scan.ctx = m;
	lunscan_start(&m->scan);
}

/* One that was asked for must be there; of a whole target those that can be
 * shown are. */
static void
disk_probed(struct disk *disk, const struct error *why)
{
	struct mount *m = disk->ctx;

	if (why != NULL && m->config.has_lun)
		mount_fail(m, why);
	else if (why != NULL)
		m->config.note(m->config.ctx, why->text);
	if (--m->waiting == 0)
		mount_soon(m, EV_PROBED);
}

static void
mount_no_disk(struct mount *m)
{
	struct error why;
	char text[LUNADDR_TEXT];

	if (m->config.has_lun)
		error_set(&why, ERROR_ABSENT,
		    "%s has no LUN %s (`luntap list` shows those it has)",
		    m->config.link.session.target_name,
		    lunaddr_text(text, m->config.lun));
	else
		error_set(&why, ERROR_ABSENT, "%s has no disk",
		    m->config.link.session.target_name);
	mount_fail(m, &why);
}

static void
mount_probe(struct mount *m)
{
	struct disk_config config = {
		.loop = m->loop,
		.session = link_session(m->link),
		.read_only = m->config.read_only,
		.log = m->config.log,
		.probed = disk_probed,
		.ctx = m,
	};
	struct error why;
	unsigned i;

	m->disks = calloc(m->scan.n + 1, sizeof(*m->disks));
	for (i = 0; m->disks != NULL && i < m->scan.n; i++) {
		if (m->config.has_lun &&
		    !lunaddr_same(m->scan.luns[i], m->config.lun))
			continue;
		config.address = m->scan.luns[i];
		if (disk_init(&m->disks[m->ndisks], &config) < 0)
			break;
		m->ndisks++;
		m->waiting++;
	}
	if (m->disks == NULL || i < m->scan.n) {
		error_set(&why, ERROR_FAILED, "out of memory");
		mount_fail(m, &why);
	} else if (m->ndisks == 0) {
		mount_no_disk(m);
	}
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
		m->config.has_lun ? m->disks[0].text : "") < 0)
		return NULL;
	return name;
}

static void
mount_show(struct mount *m)
{
	struct fuse_front_file *files = calloc(m->ndisks, sizeof(*files));
	struct fuse_front_config config = {
		.mountpoint = m->config.mountpoint,
		.options = m->config.options,
		.single = m->config.single,
		.files = files,
		.log = m->config.log,
		.ready = front_is_ready,
		.ended = front_has_ended,
		.unmount_failed = front_is_busy,
		.ctx = m,
	};
	struct error why;
	unsigned i;

	for (i = 0; files != NULL && i < m->ndisks; i++)
		if (m->disks[i].usable)
			files[config.nfiles++] = (struct fuse_front_file){
				.name = m->disks[i].name,
				.bdev = lun_bdev(m->disks[i].lun),
				.healthy = disk_healthy,
				.ctx = &m->disks[i],
			};
	config.fsname = m->fsname = mount_fsname(m);
	if (files == NULL || m->fsname == NULL) {
		error_set(&why, ERROR_FAILED, "out of memory");
		mount_fail(m, &why);
	} else if (config.nfiles == 0) {
		mount_no_disk(m);
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
	if (m->refused && session_state(link_session(m->link)) != SESSION_UP)
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
flush_done(struct bdev_req *req)
{
	struct disk *disk = req->ctx;
	struct mount *m = disk->ctx;
	struct error why;

	if (req->result < 0) {
		error_set(&why, ERROR_FAILED,
		    "LUN %s: what was written last may not be on the medium: "
		    "%s",
		    disk->text, strerror(-req->result));
		log_error(m->config.log, "%s", why.text);
		mount_why(m, &why);
	}
	if (--m->waiting == 0)
		mount_soon(m, EV_FLUSHED);
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
mount_flush(struct mount *m)
{
	unsigned i;

	if (m->front != NULL)
		mount_check_pages(m);
	m->waiting = 0;
	for (i = 0; i < m->ndisks; i++) {
		struct disk *disk = &m->disks[i];
		struct bdev *bdev = lun_bdev(disk->lun);

		if (m->front == NULL || !fuse_front_dirty(m->front, bdev))
			continue;
		disk->flush = (struct bdev_req){
			.op = BDEV_FLUSH, .done = flush_done, .ctx = disk
		};
		m->waiting++;
		bdev_submit(bdev, &disk->flush);
	}
	if (m->waiting == 0)
		mount_soon(m, EV_FLUSHED);
	else
		timer_set(m->loop, &m->timer, loop_now(m->loop) + FLUSH_TIME);
}

static bool
mount_drained(const struct mount *m)
{
	unsigned i;

	if (!m->link_over ||
	    (m->front != NULL && fuse_front_busy(m->front) > 0))
		return false;
	for (i = 0; i < m->ndisks; i++)
		if (lun_in_flight(m->disks[i].lun) > 0)
			return false;
	return true;
}

static void
mount_end_session(struct mount *m)
{
	unsigned i;

	for (i = 0; i < m->ndisks; i++)
		lun_stop(m->disks[i].lun);
	if (!m->link_over)
		link_end(m->link);
}

static void
mount_drain(struct mount *m)
{
	if (m->front != NULL)
		fuse_front_stop(m->front);
	mount_end_session(m);
	timer_set(m->loop, &m->timer, loop_now(m->loop));
}

static void
mount_force(struct mount *m)
{
	if (!m->forced)
		log_error(m->config.log,
		    "%s: ending without the target; what was not written yet "
		    "is lost",
		    m->config.mountpoint);
	m->forced = true;
	mount_end_session(m);
}

static void
mount_timer(struct timer *timer, uint64_t now)
{
	struct mount *m = timer->ctx;

	if (m->state == FLUSHING)
		mount_event(m, EV_STOP);
	else if (m->state == DRAINING && mount_drained(m))
		mount_event(m, EV_DRAINED);
	else if (m->state == DRAINING)
		timer_set(m->loop, timer, now + DRAIN_POLL);
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
	int result;

	if (m == NULL)
		return error_set(err, ERROR_FAILED, "out of memory");
	m->loop = loop;
	m->config = *config;
	m->config.link.session.reconnect = true;
	m->config.link.up = link_is_up;
	m->config.link.lost = link_is_lost;
	m->config.link.ended = link_has_ended;
	m->config.link.ctx = m;
	timer_init(&m->timer, mount_timer, m);
	m->next = (struct deferred){ .run = mount_next, .ctx = m };
	result = link_new(loop, &m->config.link, &m->link);
	if (result < 0) {
		free(m);
		return error_set(err, ERROR_FAILED, "%s", strerror(-result));
	}
	link_start(m->link);
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
	unsigned i;

	if (m == NULL)
		return;
	fuse_front_free(m->front);
	for (i = 0; i < m->ndisks; i++)
		disk_fini(&m->disks[i]);
	link_free(m->link);
	timer_clear(m->loop, &m->timer);
	deferred_clear(m->loop, &m->next);
	free(m->disks);
	free(m->fsname);
	free(m);
}

void
mount_status(const struct mount *m, struct mount_status *ret)
{
	static const char *const names[] = {
		[LOGIN] = "login",
		[LISTING] = "starting",
		[PROBING] = "starting",
		[MOUNTING] = "starting",
		[UNMOUNTING] = "unmounting",
		[FLUSHING] = "flushing",
		[DRAINING] = "ending",
		[ENDED] = "ended",
	};
	struct fuse_front_stats stats = { 0 };
	unsigned i;

	if (m->front != NULL)
		fuse_front_stats(m->front, &stats);
	*ret = (struct mount_status){
		.state = m->state == SERVING ? session_state_name(session_state(
						   link_session(m->link)))
					     : names[m->state],
		.portal = m->config.link.session.portal,
		.target = m->config.link.session.target_name,
		.in_flight = stats.in_flight,
		.read_bytes = stats.read_bytes,
		.written_bytes = stats.written_bytes,
	};
	for (i = 0; i < m->ndisks; i++)
		ret->luns += m->disks[i].usable;
}
