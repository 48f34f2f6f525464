/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See disks.h.  One table says what an event does in each state, and
 * disks_event() alone writes ->state.
 *
 * A target that has other LUNs later says so in a unit attention, once for each
 * LUN.  Those that are served stay, and nothing is added to them, but the log
 * tells what is different.
 *
 * The way down.  Every disk that was written since its last FLUSH gets one; its
 * failure is told, for data may be lost.  Then the session logs out, which
 * completes whatever may still be in flight.  A second wish to end, or
 * FLUSH_TIME without an end to the flushing, ends the session first.
 */
#include "front/disks.h"

#include <stdlib.h>
#include <string.h>

#include "base/fsm.h"
#include "front/lunscan.h"

#define DISKS_MAX  1024 /* each takes a quarter of a megabyte */
#define FLUSH_TIME (60 * CLOCK_S)
#define DRAIN_POLL (10 * CLOCK_MS)

enum disks_state { LOGIN, LISTING, PROBING, UP, FLUSHING, DRAINING, ENDED };

enum disks_event {
	EV_SESSION, /* is up, for the first time */
	EV_LISTED,  /* REPORT LUNS has answered */
	EV_PROBED,  /* every disk is known */
	EV_DOWN,    /* the owner wants it */
	EV_FLUSHED, /* every disk has answered to FLUSH */
	EV_DRAINED  /* the session is over and nothing in flight */
};

struct disks {
	struct loop *loop;
	struct disks_config config;
	enum disks_state state;
	struct link *link;
	bool link_over;
	struct lunscan scan;
	/* When the target tells that it has other LUNs. */
	struct lunscan rescan;
	struct deferred rescan_soon;
	bool rescanning;
	bool rescan_again;
	uint64_t *luns; /* that it had last, in order; NULL: not looked at */
	unsigned luns_n;
	struct disk *disk;
	unsigned n;
	unsigned waiting;     /* for answers of so many disks */
	struct timer timer;   /* flushing, draining */
	struct deferred next; /* ->then, which follows from an answer */
	enum disks_event then;
	bool failed; /* on the way up */
	bool forced;
};

static void disks_list(struct disks *);
static void disks_probe(struct disks *);
static void disks_up(struct disks *);
static void disks_flush(struct disks *);
static void disks_drain(struct disks *);
static void disks_ended(struct disks *);

static const struct disks_transition {
	unsigned from; /* mask of states */
	enum disks_event event;
	enum disks_state to;
	void (*action)(struct disks *);
} disks_transitions[] = {
	{ BIT(LOGIN), EV_SESSION, LISTING, disks_list },
	{ BIT(LISTING), EV_LISTED, PROBING, disks_probe },
	{ BIT(PROBING), EV_PROBED, UP, disks_up },
	{ BIT(LOGIN) | BIT(LISTING) | BIT(PROBING), EV_DOWN, DRAINING,
	    disks_drain },
	{ BIT(UP), EV_DOWN, FLUSHING, disks_flush },
	{ BIT(FLUSHING), EV_FLUSHED, DRAINING, disks_drain },
	{ BIT(DRAINING), EV_DRAINED, ENDED, disks_ended },
};

/* An event that means nothing in this state is dropped. */
static void
disks_event(struct disks *d, enum disks_event event)
{
	const struct disks_transition *t =
	    FSM_FIND(disks_transitions, d->state, event);

	if (t == NULL)
		return;
	d->state = t->to;
	t->action(d);
}

static void
disks_then(struct deferred *call)
{
	struct disks *d = call->ctx;

	disks_event(d, d->then);
}

/* For an event that comes up within an action, or in the stack of a lun: there
 * is one that may follow in each state. */
static void
disks_soon(struct disks *d, enum disks_event event)
{
	d->then = event;
	deferred_set(d->loop, &d->next);
}

static void
disks_fail(struct disks *d, const struct error *why)
{
	d->failed = d->failed || d->state < UP;
	d->config.failed(d->config.ctx, why);
}

/* ---- the link ---- */

static void
link_is_up(void *ctx)
{
	struct disks *d = ctx;

	if (d->state > LOGIN)
		log_info(d->config.log, "%s: logged in again",
		    d->config.link.session.portal);
	disks_event(d, EV_SESSION);
}

static void
link_is_lost(void *ctx, const struct error *why, bool final)
{
	struct disks *d = ctx;

	if (d->state >= UP)
		log_warn(d->config.log, "%s%s", why->text,
		    final ? "" : "; logging in again");
	if (!final)
		return;
	d->link_over = true;
	disks_fail(d, why);
}

static void
link_has_ended(void *ctx)
{
	struct disks *d = ctx;

	d->link_over = true;
	if (d->state == DRAINING)
		timer_set(d->loop, &d->timer, loop_now(d->loop));
}

/* ---- the way up ---- */

static uint64_t
scan_now(void *ctx)
{
	struct disks *d = ctx;

	return loop_now(d->loop);
}

static void
scan_done(struct lunscan *scan, const struct error *err)
{
	struct disks *d = scan->ctx;

	if (err != NULL)
		disks_fail(d, err);
	else
		disks_event(d, EV_LISTED);
}

static void
disks_list(struct disks *d)
{
	d->scan.session = link_session(d->link);
	d->scan.now = scan_now;
	d->scan.done = scan_done;
	d->scan.ctx = d;
	lunscan_start(&d->scan);
}

/* ---- other LUNs than at the start ---- */

static int
lun_order(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* How many of a are not in b, and the first of them. */
static unsigned
luns_missing(const uint64_t *a, unsigned a_n, const uint64_t *b, unsigned b_n,
    uint64_t *ret_first)
{
	unsigned i, missing = 0;

	for (i = 0; i < a_n; i++) {
		if (b_n > 0 && bsearch(&a[i], b, b_n, sizeof(*b), lun_order))
			continue;
		if (missing++ == 0)
			*ret_first = a[i];
	}
	return missing;
}

/* Takes over the list of the scan. */
static void
luns_keep(struct disks *d, struct lunscan *scan)
{
	free(d->luns);
	d->luns = scan->luns;
	d->luns_n = scan->n;
	scan->luns = NULL;
}

static void
luns_compare(struct disks *d, struct lunscan *scan)
{
	char text[LUNADDR_TEXT];
	uint64_t first = 0;
	unsigned n;

	qsort(scan->luns, scan->n, sizeof(*scan->luns), lun_order);
	n = luns_missing(scan->luns, scan->n, d->luns, d->luns_n, &first);
	if (n > 0)
		log_warn(d->config.log,
		    "%s has %u new LUN%s, LUN %s first: not served before "
		    "the next start",
		    d->config.link.session.target_name, n, n == 1 ? "" : "s",
		    lunaddr_text(text, first));
	n = luns_missing(d->luns, d->luns_n, scan->luns, scan->n, &first);
	if (n > 0)
		log_warn(d->config.log, "%s has lost %u LUN%s, LUN %s first",
		    d->config.link.session.target_name, n, n == 1 ? "" : "s",
		    lunaddr_text(text, first));
	luns_keep(d, scan);
}

static void
rescan_done(struct lunscan *scan, const struct error *err)
{
	struct disks *d = scan->ctx;

	d->rescanning = false;
	if (err != NULL)
		log_warn(d->config.log, "%s", err->text);
	else
		luns_compare(d, scan);
	if (d->rescan_again)
		deferred_set(d->loop, &d->rescan_soon);
}

static void
rescan_start(struct deferred *call)
{
	struct disks *d = call->ctx;

	if (d->state != UP)
		return;
	d->rescan_again = d->rescanning;
	if (d->rescanning)
		return;
	d->rescanning = true;
	d->rescan = (struct lunscan){
		.session = link_session(d->link),
		.now = scan_now,
		.done = rescan_done,
		.ctx = d,
	};
	lunscan_start(&d->rescan);
}

/* Who has asked for one LUN does not want to hear of others. */
static void
disk_luns_changed(struct disk *disk)
{
	struct disks *d = disk->ctx;

	if (!d->config.has_lun)
		deferred_set(d->loop, &d->rescan_soon);
}

/* ---- the disks ---- */

/* One that was asked for must be there; of a whole target those that can be
 * shown are. */
static void
disk_probed(struct disk *disk, const struct error *why)
{
	struct disks *d = disk->ctx;

	if (why != NULL && d->config.has_lun)
		disks_fail(d, why);
	else if (why != NULL)
		d->config.note(d->config.ctx, why->text);
	if (--d->waiting == 0 && !d->failed)
		disks_soon(d, EV_PROBED);
}

static void
disks_none(struct disks *d)
{
	struct error why;
	char text[LUNADDR_TEXT];

	if (d->config.has_lun)
		error_set(&why, ERROR_ABSENT,
		    "%s has no LUN %s (`luntap list` shows those it has)",
		    d->config.link.session.target_name,
		    lunaddr_text(text, d->config.lun));
	else
		error_set(&why, ERROR_ABSENT, "%s has no disk",
		    d->config.link.session.target_name);
	disks_fail(d, &why);
}

static void
disks_probe(struct disks *d)
{
	struct disk_config config = {
		.loop = d->loop,
		.session = link_session(d->link),
		.read_only = d->config.read_only,
		.log = d->config.log,
		.probed = disk_probed,
		.luns_changed = disk_luns_changed,
		.ctx = d,
	};
	struct error why;
	unsigned i;
	bool ok;

	d->disk = calloc(DISKS_MAX, sizeof(*d->disk));
	ok = d->disk != NULL;
	for (i = 0; ok && i < d->scan.n && d->n < DISKS_MAX; i++) {
		if (d->config.has_lun &&
		    !lunaddr_same(d->scan.luns[i], d->config.lun))
			continue;
		config.address = d->scan.luns[i];
		ok = disk_init(&d->disk[d->n], &config) == 0;
		d->n += ok;
		d->waiting += ok;
	}
	if (!ok) {
		error_set(&why, ERROR_FAILED, "out of memory");
		disks_fail(d, &why);
	} else if (d->n == 0) {
		disks_none(d);
	} else if (i < d->scan.n) {
		error_set(&why, ERROR_NONE, "%u LUNs behind the first %u",
		    d->scan.n - i, DISKS_MAX);
		d->config.note(d->config.ctx, why.text);
	}
	qsort(d->scan.luns, d->scan.n, sizeof(*d->scan.luns), lun_order);
	luns_keep(d, &d->scan);
}

static void
disks_up(struct disks *d)
{
	if (disks_next(d, NULL) == NULL)
		disks_none(d);
	else
		d->config.up(d->config.ctx);
}

/* ---- the way down ---- */

static void
flush_done(struct bdev_req *req)
{
	struct disk *disk = req->ctx;
	struct disks *d = disk->ctx;
	struct error why;

	if (req->result < 0) {
		error_set(&why, ERROR_FAILED,
		    "LUN %s: what was written last may not be on the medium: "
		    "%s",
		    disk->text, strerror(-req->result));
		log_error(d->config.log, "%s", why.text);
		disks_fail(d, &why);
	}
	if (--d->waiting == 0)
		disks_soon(d, EV_FLUSHED);
}

static void
disks_flush(struct disks *d)
{
	unsigned i;

	d->waiting = 0;
	for (i = 0; i < d->n; i++) {
		struct disk *disk = &d->disk[i];

		if (!lun_dirty(disk->lun))
			continue;
		disk->flush = (struct bdev_req){
			.op = BDEV_FLUSH, .done = flush_done, .ctx = disk
		};
		d->waiting++;
		bdev_submit(lun_bdev(disk->lun), &disk->flush);
	}
	if (d->waiting == 0)
		disks_soon(d, EV_FLUSHED);
	else
		timer_set(d->loop, &d->timer, loop_now(d->loop) + FLUSH_TIME);
}

static void
disks_end_session(struct disks *d)
{
	unsigned i;

	for (i = 0; i < d->n; i++)
		lun_stop(d->disk[i].lun);
	if (!d->link_over)
		link_end(d->link);
}

static void
disks_drain(struct disks *d)
{
	d->config.stop(d->config.ctx);
	disks_end_session(d);
	timer_set(d->loop, &d->timer, loop_now(d->loop));
}

static bool
disks_drained(const struct disks *d)
{
	unsigned i;

	if (!d->link_over || d->rescanning || d->config.busy(d->config.ctx))
		return false;
	for (i = 0; i < d->n; i++)
		if (lun_in_flight(d->disk[i].lun) > 0)
			return false;
	return true;
}

static void
disks_timer(struct timer *timer, uint64_t now)
{
	struct disks *d = timer->ctx;

	if (d->state == FLUSHING)
		disks_force(d);
	else if (disks_drained(d))
		disks_event(d, EV_DRAINED);
	else
		timer_set(d->loop, timer, now + DRAIN_POLL);
}

static void
disks_ended(struct disks *d)
{
	d->config.ended(d->config.ctx);
}

/* ---- the owner's side ---- */

int
disks_new(struct loop *loop, const struct disks_config *config,
    struct disks **ret, struct error *err)
{
	struct disks *d = calloc(1, sizeof(*d));
	int result;

	if (d == NULL)
		return error_set(err, ERROR_FAILED, "out of memory");
	d->loop = loop;
	d->config = *config;
	d->config.link.session.reconnect = true;
	d->config.link.up = link_is_up;
	d->config.link.lost = link_is_lost;
	d->config.link.ended = link_has_ended;
	d->config.link.ctx = d;
	timer_init(&d->timer, disks_timer, d);
	d->next = (struct deferred){ .run = disks_then, .ctx = d };
	d->rescan_soon = (struct deferred){ .run = rescan_start, .ctx = d };
	result = link_new(loop, &d->config.link, &d->link);
	if (result < 0) {
		free(d);
		return error_set(err, ERROR_FAILED, "%s", strerror(-result));
	}
	link_start(d->link);
	*ret = d;
	return 0;
}

void
disks_down(struct disks *d)
{
	disks_event(d, EV_DOWN);
}

void
disks_force(struct disks *d)
{
	if (!d->forced)
		log_error(d->config.log,
		    "%s: ending without the target; what was not written yet "
		    "is lost",
		    d->config.name);
	d->forced = true;
	disks_end_session(d);
}

void
disks_free(struct disks *d)
{
	unsigned i;

	if (d == NULL)
		return;
	for (i = 0; i < d->n; i++)
		disk_fini(&d->disk[i]);
	link_free(d->link);
	timer_clear(d->loop, &d->timer);
	deferred_clear(d->loop, &d->next);
	deferred_clear(d->loop, &d->rescan_soon);
	free(d->luns);
	free(d->disk);
	free(d);
}

struct disk *
disks_next(const struct disks *d, const struct disk *disk)
{
	unsigned i = disk == NULL ? 0 : (unsigned)(disk - d->disk) + 1;

	for (; i < d->n; i++)
		if (d->disk[i].usable)
			return &d->disk[i];
	return NULL;
}

bool
disks_answer(const struct disks *d)
{
	return session_state(link_session(d->link)) == SESSION_UP;
}

void
disks_status(const struct disks *d, struct disks_status *ret)
{
	static const char *const names[] = {
		[LOGIN] = "login",
		[LISTING] = "starting",
		[PROBING] = "starting",
		[FLUSHING] = "flushing",
		[DRAINING] = "ending",
		[ENDED] = "ended",
	};
	const struct disk *disk = NULL;

	*ret = (struct disks_status){
		.state = d->state == UP ? session_state_name(session_state(
					      link_session(d->link)))
					: names[d->state],
		.portal = d->config.link.session.portal,
		.target = d->config.link.session.target_name,
	};
	while ((disk = disks_next(d, disk)) != NULL)
		ret->luns++;
}
