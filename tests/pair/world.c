/* SPDX-License-Identifier: BSD-2-Clause */
/* The world of test_pair: draws it, moves it, and lets time pass. */
#include "world.h"

#include <stddef.h>
#include <string.h>

static void
world_random(void *ctx, void *buf, size_t len)
{
	prng_fill(&((struct world *)ctx)->prng, buf, len);
}

static void
user_up(struct session_user *u, uint64_t now)
{
	struct world *w =
	    (struct world *)((char *)u - offsetof(struct world, user));

	(void)now;
	w->up = true;
}

static void
user_lost(struct session_user *u, const struct error *why, bool final)
{
	struct world *w =
	    (struct world *)((char *)u - offsetof(struct world, user));

	(void) final;
	w->up = false;
	if (verbose)
		printf("lost: %s\n", why->text);
}

static void
event_take(struct world *w, struct session_event *ev)
{
	struct wire *x;

	switch (ev->type) {
	case SESSION_CONNECT:
		if (w->faults && w->logins > 0 && chance(w, 3)) {
			error_set(&ev->error, ERROR_UNREACHED, "refused");
			session_connect_failed(
			    w->s, ev->conn, &ev->error, w->now);
			return;
		}
		wire_connect(w, ev->conn);
		return;
	case SESSION_CLOSE:
		x = wire_of(w, ev->conn);
		check(x != NULL, "there is no transport to close");
		x->c = NULL;
		x->in.len = 0;
		/* The target gets what is under way, perhaps after the next
		 * login, and then the end. */
		if (w->faults && chance(w, 2))
			x->hold_until = w->now + below(w, 8) * CLOCK_S;
		if (x->state == WIRE_SILENT)
			x->tell_t_at = w->now + below(w, 100) * CLOCK_S;
		else if (x->tell_t_at == CLOCK_NEVER)
			x->tell_t_at =
			    x->hold_until + below(w, 1000) * CLOCK_MS;
		return;
	case SESSION_LOGGED_IN:
		return;
	case SESSION_LOST:
		check(!ev->final, "given up: %s", ev->error.text);
		check(w->faults, "lost: %s", ev->error.text);
		return;
	case SESSION_ENDED:
		w->ended = true;
		return;
	}
}

bool
session_run(struct world *w)
{
	struct session_event ev;
	struct task *t;
	bool any = false;

	if (session_deadline(w->s) <= w->now)
		session_tick(w->s, w->now);
	while (session_event(w->s, &ev)) {
		event_take(w, &ev);
		any = true;
	}
	while ((t = session_reap(w->s)) != NULL) {
		t->done(t);
		any = true;
	}
	return any;
}

static void
sooner(uint64_t *at, uint64_t other, uint64_t after)
{
	if (other > after && other < *at)
		*at = other;
}

/* The first thing to happen after that time. */
static uint64_t
world_next(struct world *w, uint64_t after)
{
	uint64_t at = CLOCK_NEVER;

	sooner(&at, session_deadline(w->s), after);
	sooner(&at, disk_deadline(w->disk), after);
	for (unsigned i = 0; i < w->wires_n; i++) {
		struct wire *x = w->wires[i];

		if (x->t != NULL) {
			sooner(&at, tconn_deadline(x->t), after);
			sooner(&at, x->tell_t_at, after);
			if (x->out.len > 0)
				sooner(&at, x->hold_until, after);
		}
		if (x->c != NULL)
			sooner(&at, x->tell_c_at, after);
	}
	return at;
}

static void
draw_params(struct world *w, struct params *p)
{
	static const struct digest_list choices[] = { { 1, { DIGEST_NONE } },
		{ 1, { DIGEST_CRC32C } },
		{ 2, { DIGEST_CRC32C, DIGEST_NONE } } };

	params_default(p);
	p->header_digest = p->data_digest = choices[2];
	if (!w->corrupt) {
		p->header_digest = choices[2 * below(w, 2)];
		p->data_digest = choices[2 * below(w, 2)];
	}
	p->immediate_data = chance(w, 2);
	p->initial_r2t = chance(w, 2);
	p->max_recv_data_segment =
	    512 + (uint32_t)below(w, 1 << (3 + below(w, 15)));
	p->max_burst = 512 + (uint32_t)below(w, 1 << (3 + below(w, 15)));
	p->first_burst = 512 + (uint32_t)below(w, p->max_burst - 511);
	p->max_outstanding_r2t = (uint16_t)(1 + below(w, 6));
	if (chance(w, 2))
		p->time2wait = (uint16_t)below(w, 3);
}

void
world_make(struct world *w, bool whole)
{
	static const uint32_t sizes[] = { 512, 4096, 512, 1024 };
	struct target_config tc = { .name = "iqn.2001-04.com.example:pair" };
	struct session_config sc;
	struct lu_config lc = { 0 };

	w->prng.state = seed;
	w->now = CLOCK_S * 1000;
	w->whole = whole;
	w->depth = whole ? JOBS : 1 + (unsigned)below(w, JOBS);
	w->next_stamp = 1;
	w->faults = !whole && !chance(w, 3);
	w->corrupt = w->faults && chance(w, 3);
	w->slow_disk = w->faults && chance(w, 3);
	w->lag = (size_t)1 << (10 + below(w, w->faults ? 18 : 10));
	w->block_size = whole ? 4096 : sizes[below(w, 4)];

	w->disk = disk_new(w);

	if (whole)
		params_default(&tc.offer);
	else
		draw_params(w, &tc.offer);
	tc.random = world_random;
	tc.random_ctx = w;
	w->target = target_new(&tc);
	check(w->target != NULL, "out of memory");
	lc.block_size = w->block_size;
	check(target_add_lun(w->target, &w->disk->bdev, &lc) == 0, "no LUN");

	session_config_default(&sc);
	if (!whole)
		draw_params(w, &sc.offer);
	strcpy(sc.initiator_name, "iqn.2001-04.com.example:initiator");
	strcpy(sc.target_name, tc.name);
	strcpy(sc.portal, "192.0.2.1:3260");
	sc.reconnect = true;
	sc.random = world_random;
	sc.random_ctx = w;
	w->s = session_new(&sc);
	check(w->s != NULL, "out of memory");
	w->user.up = user_up;
	w->user.lost = user_lost;
	session_add_user(w->s, &w->user);
	for (unsigned i = 0; i < JOBS; i++) {
		w->jobs[i].w = w;
		w->jobs[i].buf = malloc(JOB_BYTES);
		check(w->jobs[i].buf != NULL, "out of memory");
	}
}

void
world_step(struct world *w)
{
	uint64_t at;
	bool any;

	any = session_run(w);
	any = wires_run(w) || any;
	any = disk_run(w->disk, w->now) || any;
	w->idle = any ? 0 : w->idle + 1;
	if (!w->whole)
		w->now += below(w, 20000);
	/* It may be chance that nothing moved, until that lasts. */
	if (w->idle < (w->whole ? 1 : 16))
		return;
	at = world_next(w, w->idle < 64 ? 0 : w->now);
	if (at > w->now && at != CLOCK_NEVER) {
		w->now = at;
		w->idle = 0;
	}
}

void
world_free(struct world *w)
{
	for (unsigned i = 0; i < w->wires_n; i++) {
		if (w->wires[i]->t != NULL)
			tconn_free(w->wires[i]->t);
		free(w->wires[i]);
	}
	while (disk_deadline(w->disk) != CLOCK_NEVER)
		disk_run(w->disk, CLOCK_NEVER);
	for (uint32_t i = 0; i < DISK_BLOCKS; i++)
		block_seen(w, w->disk->mem + i * w->block_size, i);
	session_remove_user(w->s, &w->user);
	session_free(w->s);
	target_free(w->target);
	for (unsigned i = 0; i < JOBS; i++)
		free(w->jobs[i].buf);
}
