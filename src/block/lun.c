/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The states of a logical unit, and the way of a request in and out.  What is
 * sent for a request, and what becomes of it, is lun_io.c's.
 *
 * One table says what an event does in each state; lun_event() alone writes
 * ->state.
 *
 *             LUN_UP            LUN_PROVEN
 *     WAITING ------> PROBING ------------> OPEN   commands go out
 *        ^             |  ^ |  LUN_RECHECK   |
 *        |   NOT_READY |  | +<---------------+
 *        |             v  | DUE              |
 *        |            PAUSED                 |
 *        +------------ LUN_LOST -------------+
 *
 * While the gate is closed, requests wait; in FAILED, GONE, DEAD and STOPPED
 * they fail with -EIO.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fsm.h"
#include "block/lun_priv.h"

#define LUN_CLOSED \
	(BIT(LUN_FAILED) | BIT(LUN_GONE) | BIT(LUN_DEAD) | BIT(LUN_STOPPED))
#define LUN_ALIVE \
	(BIT(LUN_PROBING) | BIT(LUN_PAUSED) | BIT(LUN_OPEN) | BIT(LUN_FAILED))

static void lun_enter_waiting(struct lun *);
static void lun_enter_probing(struct lun *);
static void lun_enter_paused(struct lun *);
static void lun_enter_open(struct lun *);
static void lun_enter_closed(struct lun *);

static const struct lun_transition {
	unsigned from; /* mask of states */
	enum lun_event event;
	enum lun_state to;
	void (*action)(struct lun *);
} lun_transitions[] = {
	{ BIT(LUN_WAITING) | BIT(LUN_GONE), LUN_UP, LUN_PROBING,
	    lun_enter_probing },
	{ LUN_ALIVE, LUN_LOST, LUN_WAITING, lun_enter_waiting },
	{ LUN_ALIVE | BIT(LUN_WAITING), LUN_FINAL, LUN_GONE, lun_enter_closed },
	{ BIT(LUN_OPEN), LUN_RECHECK, LUN_PROBING, lun_enter_probing },
	{ BIT(LUN_PROBING), LUN_RECHECK, LUN_PROBING, lun_probe_start },
	{ BIT(LUN_PROBING), LUN_PROVEN, LUN_OPEN, lun_enter_open },
	{ BIT(LUN_PROBING), LUN_NOT_READY, LUN_PAUSED, lun_enter_paused },
	{ BIT(LUN_PROBING), LUN_REFUSED, LUN_FAILED, lun_enter_closed },
	{ BIT(LUN_PROBING), LUN_OTHER, LUN_DEAD, lun_enter_closed },
	{ BIT(LUN_PAUSED) | BIT(LUN_FAILED), LUN_DUE, LUN_PROBING,
	    lun_enter_probing },
	{ LUN_ALIVE | BIT(LUN_WAITING) | BIT(LUN_GONE) | BIT(LUN_DEAD),
	    LUN_STOP, LUN_STOPPED, lun_enter_closed },
};

static const char *
lun_state_name(enum lun_state state)
{
	static const char *const names[] = {
#define X(name) [LUN_##name] = #name,
		LUN_STATES(X)
#undef X
	};

	return names[state];
}

void
lun_event(struct lun *lun, enum lun_event event)
{
	const struct lun_transition *t =
	    FSM_FIND(lun_transitions, lun->state, event);

	if (t == NULL)
		return;
	log_debug(lun->config.log, "LUN %" PRIu64 ": %s -> %s",
	    lun->config.number, lun_state_name(lun->state),
	    lun_state_name(t->to));
	lun->state = t->to;
	t->action(lun);
}

bool
lun_closed(const struct lun *lun)
{
	return (BIT(lun->state) & LUN_CLOSED) != 0;
}

/* Asks for lun_run() when there is something that only it may do. */
static void
lun_wake(struct lun *lun)
{
	uint64_t at;

	if (lun->working)
		return;
	if (!TAILQ_EMPTY(&lun->finished) || lun->tell)
		at = lun->config.now(lun->config.now_ctx);
	else if (lun->state == LUN_PAUSED)
		at = lun->probe.at;
	else
		return;
	lun->config.wake(lun, at, lun->config.ctx);
}

static void
lun_enter_waiting(struct lun *lun)
{
	lun->unproven = true;
	log_warn(lun->config.log,
	    "LUN %" PRIu64 ": the session was lost; new requests wait for it",
	    lun->config.number);
}

static void
lun_enter_probing(struct lun *lun)
{
	lun->probe.restarts = 0;
	lun_copy_forget(lun);
	lun_probe_start(lun);
}

static void
lun_enter_paused(struct lun *lun)
{
	lun_wake(lun);
}

static void
lun_enter_open(struct lun *lun)
{
	lun->tell = !lun->told;
	lun->probe.error.class = ERROR_NONE;
	if (lun->told)
		log_info(lun->config.log, "LUN %" PRIu64 ": usable again",
		    lun->config.number);
}

void
lun_refuse(struct lun *lun, struct bdev_req *req)
{
	if (lun->state == LUN_FAILED || lun->state == LUN_DEAD)
		error_set(req->why, ERROR_FAILED, "%s", lun->probe.error.text);
	else
		error_set(req->why, ERROR_FAILED, "LUN %" PRIu64 ": %s",
		    lun->config.number,
		    lun->state == LUN_STOPPED
			? "it is being closed"
			: "the session was lost, and will not come back");
	req->result = -EIO;
	TAILQ_INSERT_TAIL(&lun->finished, req, link);
}

static void
lun_enter_closed(struct lun *lun)
{
	struct bdev_req *req;
	struct lun_io *io;

	if (lun->state == LUN_FAILED || lun->state == LUN_DEAD)
		log_error(lun->config.log, "%s", lun->probe.error.text);
	lun->tell = !lun->told && lun->state != LUN_STOPPED;
	while ((io = TAILQ_FIRST(&lun->parked)) != NULL) {
		TAILQ_REMOVE(&lun->parked, io, link);
		lun_io_resend(io);
	}
	while ((io = lun_copy_granted(lun)) != NULL)
		lun_io_resend(io);
	while ((req = TAILQ_FIRST(&lun->waiting)) != NULL) {
		TAILQ_REMOVE(&lun->waiting, req, link);
		lun_refuse(lun, req);
	}
	lun_wake(lun);
}

/* The gate is open and a lun_io is free. */
static void
lun_admit(struct lun *lun, struct bdev_req *req)
{
	int result;

	result = bdev_check(&lun->bdev, req);
	if (result > 0) {
		lun_io_start(lun, req);
	} else {
		if (result == -EOPNOTSUPP)
			error_set(req->why, ERROR_FAILED,
			    "LUN %" PRIu64 ": no copy by the target: it does "
			    "not offer that",
			    lun->config.number);
		req->result = result;
		TAILQ_INSERT_TAIL(&lun->finished, req, link);
	}
}

static void
lun_submit(struct bdev *bdev, struct bdev_req *req)
{
	struct lun *lun = lun_of_bdev(bdev);

	lun->in_flight++;
	if (lun->state == LUN_FAILED)
		lun_event(lun, LUN_DUE);
	if (lun_closed(lun)) {
		lun_refuse(lun, req);
	} else if (lun->state == LUN_OPEN && TAILQ_EMPTY(&lun->waiting) &&
		   !TAILQ_EMPTY(&lun->free)) {
		lun_admit(lun, req);
	} else {
		TAILQ_INSERT_TAIL(&lun->waiting, req, link);
	}
	if (!TAILQ_EMPTY(&lun->finished))
		lun_wake(lun);
}

/* Starts what may start now. */
static void
lun_advance(struct lun *lun)
{
	struct range *range;
	struct bdev_req *req;
	struct lun_io *io;

	while ((range = range_granted(&lun->writes)) != NULL) {
		io = lun_io_of_range(range);
		io->op->next(io);
	}
	while (lun->state == LUN_OPEN &&
	       (io = TAILQ_FIRST(&lun->parked)) != NULL) {
		TAILQ_REMOVE(&lun->parked, io, link);
		lun_io_unpark(io);
	}
	while ((io = lun_copy_granted(lun)) != NULL) {
		if (lun_closed(lun))
			lun_io_resend(io);
		else
			io->op->next(io);
	}
	while (lun->state == LUN_OPEN && !TAILQ_EMPTY(&lun->free) &&
	       (req = TAILQ_FIRST(&lun->waiting)) != NULL) {
		TAILQ_REMOVE(&lun->waiting, req, link);
		lun_admit(lun, req);
	}
}

static void
lun_tell(struct lun *lun)
{
	lun->tell = false;
	lun->told = true;
	lun->config.ready(lun,
	    lun->state == LUN_OPEN ? NULL : &lun->probe.error, lun->config.ctx);
}

void
lun_work(struct lun *lun)
{
	struct bdev_req *req;

	if (lun->working)
		return;
	lun->working = true;
	for (;;) {
		lun_advance(lun);
		if (lun->tell)
			lun_tell(lun);
		req = TAILQ_FIRST(&lun->finished);
		if (req == NULL)
			break;
		TAILQ_REMOVE(&lun->finished, req, link);
		lun->in_flight--;
		req->done(req);
	}
	lun->working = false;
}

void
lun_run(struct lun *lun)
{
	if (lun->state == LUN_PAUSED &&
	    lun->config.now(lun->config.now_ctx) >= lun->probe.at)
		lun_event(lun, LUN_DUE);
	lun_work(lun);
	lun_wake(lun);
}

/* ---- the session's side ---- */

static struct lun *
lun_of_user(struct session_user *user)
{
	return (
	    struct lun *)(void *)((char *)user - offsetof(struct lun, user));
}

static void
lun_session_up(struct session_user *user, uint64_t now)
{
	struct lun *lun = lun_of_user(user);

	(void)now;
	/* Now, and not when it was lost: what had ended before is back by now,
	 * and nothing has been sent since. */
	lun_cache_lost(lun, "the connection was lost");
	lun_event(lun, LUN_UP);
}

static void
lun_session_lost(struct session_user *user, const struct error *why, bool final)
{
	struct lun *lun = lun_of_user(user);

	if (final && !lun->told)
		lun->probe.error = *why;
	lun_event(lun, final ? LUN_FINAL : LUN_LOST);
}

static void
lun_session_async(struct session_user *user, uint64_t address,
    const uint8_t *data, size_t len)
{
	struct lun *lun = lun_of_user(user);
	char text[SENSE_TEXT];
	struct sense sense;

	if (address != lun->config.address || sense_get(data, len, &sense) < 0)
		return;
	log_info(lun->config.log, "LUN %" PRIu64 ": the target reports: %s",
	    lun->config.number, sense_text(text, sizeof(text), &sense));
	lun_attention_luns(lun, &sense);
	lun_event(lun, LUN_RECHECK);
}

/* ---- taking over what the probe found ---- */

static int
lun_alloc_bounces(struct lun *lun)
{
	size_t each;
	unsigned i;

	if (lun->bounces != NULL)
		return 0;
	each = 2 * (size_t)lun_block_size(lun);
	lun->bounces = malloc(LUN_IOS * each);
	if (lun->bounces == NULL)
		return -ENOMEM;
	for (i = 0; i < LUN_IOS; i++)
		lun->ios[i].bounce = lun->bounces + i * each;
	return 0;
}

/* A digest is computed here, not by the kernel. */
static bool
lun_may_digest(const struct lun *lun)
{
	const struct session_config *config =
	    session_get_config(lun->config.session);

	return digest_list_has(&config->offer.data_digest, DIGEST_CRC32C);
}

/* What the bdev says of itself follows from the facts and the refusals. */
void
lun_describe(struct lun *lun)
{
	const struct lun_facts *facts = &lun->facts;
	struct bdev *bdev = &lun->bdev;
	uint64_t size = lun_block_size(lun);

	bdev->size = facts->identity.blocks << lun->shift;
	bdev->block_size = (uint32_t)size;
	bdev->physical_block_size = (uint32_t)size
				    << facts->capacity.physical_exponent;
	bdev->lowest_aligned =
	    (uint32_t)size * facts->capacity.lowest_aligned_lba;
	bdev->optimal_io = size * facts->limits.optimal_transfer;
	bdev->read_only =
	    lun->config.read_only || (facts->has_mode && facts->mode.wp);
	bdev->thin = lun_shows_holes(lun);
	bdev->can_discard = lun_can_discard(lun);
	bdev->can_fast_zero = lun_can_fast_zero(lun);
	bdev->can_copy = lun_can_copy(lun);
	bdev->takes_lent = !lun_may_digest(lun);
	bdev->volatile_cache = !facts->has_mode || !facts->mode.has_caching ||
			       facts->mode.caching.wce;
}

int
lun_adopt(struct lun *lun, const struct lun_facts *facts)
{
	struct bdev *bdev = &lun->bdev;
	uint64_t size = bdev->size;
	bool read_only = bdev->read_only;
	bool was_known = lun->known;

	lun->shift = (unsigned)__builtin_ctz(facts->identity.block_size);
	if (lun_alloc_bounces(lun) < 0)
		return -ENOMEM;
	lun->facts = *facts;
	lun->max_blocks = lun_max_blocks(lun);
	lun->known = true;
	lun->unproven = false;
	lun_describe(lun);
	if (!was_known || (size == bdev->size && read_only == bdev->read_only))
		return 0;
	log_warn(lun->config.log,
	    "LUN %" PRIu64 ": now %" PRIu64 " bytes (were %" PRIu64 ")%s",
	    lun->config.number, bdev->size, size,
	    bdev->read_only ? ", read-only" : "");
	if (bdev->changed != NULL)
		bdev->changed(bdev, bdev->changed_ctx);
	return 0;
}

/* ---- new, free and the rest ---- */

static void
lun_close(struct bdev *bdev)
{
	lun_free(lun_of_bdev(bdev));
}

static const struct bdev_ops lun_ops = {
	.submit = lun_submit,
	.close = lun_close,
};

struct lun *
lun_from(struct bdev *bdev)
{
	return bdev->ops == &lun_ops ? lun_of_bdev(bdev) : NULL;
}

struct lun *
lun_new(const struct lun_config *config)
{
	struct lun *lun;
	unsigned i;

	lun = calloc(1, sizeof(*lun));
	if (lun == NULL)
		return NULL;
	lun->config = *config;
	lun->bdev.ops = &lun_ops;
	range_set_init(&lun->writes);
	TAILQ_INIT(&lun->waiting);
	TAILQ_INIT(&lun->finished);
	TAILQ_INIT(&lun->free);
	TAILQ_INIT(&lun->parked);
	lun_copy_init(lun);
	for (i = 0; i < LUN_IOS; i++)
		lun_io_init(lun, &lun->ios[i]);
	lun->user.up = lun_session_up;
	lun->user.lost = lun_session_lost;
	lun->user.async = lun_session_async;
	session_add_user(config->session, &lun->user);
	if (session_state(config->session) == SESSION_UP)
		lun_event(lun, LUN_UP);
	return lun;
}

void
lun_free(struct lun *lun)
{
	if (lun == NULL)
		return;
	session_remove_user(lun->config.session, &lun->user);
	free(lun->bounces);
	free(lun);
}

struct bdev *
lun_bdev(struct lun *lun)
{
	return &lun->bdev;
}

bool
lun_healthy(const struct lun *lun)
{
	return lun->state == LUN_OPEN;
}

uint8_t
lun_type(const struct lun *lun)
{
	return lun->facts.type;
}

const struct lun_identity *
lun_identity(const struct lun *lun)
{
	return &lun->facts.identity;
}

unsigned
lun_in_flight(const struct lun *lun)
{
	return lun->in_flight + lun->probe.busy;
}

void
lun_stop(struct lun *lun)
{
	lun_event(lun, LUN_STOP);
}
