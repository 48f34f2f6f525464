/* SPDX-License-Identifier: BSD-2-Clause */
/* The wire of test_pair: splits, delays, drops, flips bits. */
#include "world.h"

#include <string.h>

static size_t
pipe_room(const struct pipe *p)
{
	return WIRE_SIZE - p->len;
}

static void
pipe_put(struct pipe *p, const uint8_t *src, size_t n)
{
	size_t tail = (p->head + p->len) % WIRE_SIZE;
	size_t part = n < WIRE_SIZE - tail ? n : WIRE_SIZE - tail;

	memcpy(p->buf + tail, src, part);
	memcpy(p->buf, src + part, n - part);
	p->len += n;
}

static void
pipe_get(struct pipe *p, uint8_t *dst, size_t n)
{
	size_t part = n < WIRE_SIZE - p->head ? n : WIRE_SIZE - p->head;

	memcpy(dst, p->buf + p->head, part);
	memcpy(dst + part, p->buf, n - part);
	p->head = (p->head + n) % WIRE_SIZE;
	p->len -= n;
}

/* How many of these bytes move now. */
static size_t
portion(struct world *w, size_t n)
{
	if (w->whole || n == 0)
		return n;
	switch (below(w, 8)) {
	case 0:
		return 0;
	case 1:
		return 1;
	case 2:
	case 3:
		return 1 + below(w, n < 64 ? n : 64);
	case 4:
	case 5:
		return 1 + below(w, n);
	default:
		return n;
	}
}

static size_t
pipe_gather(struct world *w, struct pipe *p, const struct iovec *iov, int n)
{
	size_t room = pipe_room(p), sent = 0, want = 0, part;

	for (int i = 0; i < n; i++)
		want += iov[i].iov_len;
	want = portion(w, want < room ? want : room);
	for (int i = 0; i < n && sent < want; i++) {
		part =
		    iov[i].iov_len < want - sent ? iov[i].iov_len : want - sent;
		pipe_put(p, iov[i].iov_base, part);
		sent += part;
	}
	return sent;
}

static size_t
pipe_scatter(struct world *w, struct pipe *p, const struct iovec *iov, int n)
{
	size_t got = 0, want = 0, part;

	for (int i = 0; i < n; i++)
		want += iov[i].iov_len;
	want = portion(w, want < p->len ? want : p->len);
	for (int i = 0; i < n && got < want; i++) {
		part =
		    iov[i].iov_len < want - got ? iov[i].iov_len : want - got;
		pipe_get(p, iov[i].iov_base, part);
		got += part;
	}
	return got;
}

static void
wire_flip(struct world *w, struct pipe *p)
{
	if (w->corrupt && w->up && p->len > 0 && chance(w, 2000))
		p->buf[(p->head + below(w, p->len)) % WIRE_SIZE] ^=
		    (uint8_t)(1u << below(w, 8));
}

/* The connection breaks in one of the ways that they have. */
static void
wire_drop(struct world *w, struct wire *x)
{
	uint64_t soon = w->now + below(w, 100) * CLOCK_MS;
	uint64_t late = w->now + below(w, 120) * CLOCK_S;

	w->drops++;
	x->drop_in = 0;
	x->state = chance(w, 4) ? WIRE_SILENT : WIRE_CUT;
	switch (below(w, 5)) {
	case 0: /* both see it, and what was under way is gone */
		x->state = WIRE_SILENT;
		x->tell_c_at = x->tell_t_at = w->now;
		break;
	case 1: /* the target gets what was sent, and learns it late */
		x->state = WIRE_CUT;
		x->tell_c_at = w->now;
		x->tell_t_at = late;
		break;
	case 2: /* the target is gone, the session learns it late */
		x->tell_t_at = w->now;
		x->tell_c_at = soon;
		break;
	case 3: /* nobody learns it */
		x->state = WIRE_SILENT;
		x->tell_c_at = x->tell_t_at = CLOCK_NEVER;
		break;
	default:
		x->tell_c_at = soon;
		x->tell_t_at = soon + below(w, 100) * CLOCK_MS;
		break;
	}
}

static void
wire_count(struct world *w, struct wire *x, size_t n)
{
	/* The first login has to succeed. */
	if (x->drop_in == 0 || (w->logins == 1 && !w->up))
		return;
	if (n >= x->drop_in)
		wire_drop(w, x);
	else
		x->drop_in -= n;
}

static void
wire_wake(void *ctx)
{
	(void)ctx;
}

void
wire_connect(struct world *w, struct conn *c)
{
	struct wire *x;

	check(w->wires_n < WIRES, "too many connections");
	x = calloc(1, sizeof(*x));
	check(x != NULL, "out of memory");
	w->wires[w->wires_n++] = x;
	x->c = c;
	x->t = tconn_new(w->target, "192.0.2.9:4711", "192.0.2.1:3260",
	    wire_wake, w, w->now);
	check(x->t != NULL, "out of memory");
	x->tell_c_at = x->tell_t_at = CLOCK_NEVER;
	if (w->faults && w->left > 0 && !chance(w, 3))
		x->drop_in = 1 + below(w, chance(w, 4) ? 2000 : 1000000);
	w->logins++;
	session_connected(w->s, c, w->now);
}

struct wire *
wire_of(struct world *w, const struct conn *c)
{
	for (unsigned i = 0; i < w->wires_n; i++)
		if (w->wires[i]->c == c)
			return w->wires[i];
	return NULL;
}

/* The session's end of the wire. */
static bool
wire_move_session(struct world *w, struct wire *x)
{
	struct iovec iov[64];
	size_t n, m = 0;
	int max = w->whole ? 64 : 1 + (int)below(w, 64);

	n = pipe_gather(w, &x->out, iov, conn_tx_iov(x->c, iov, max, w->now));
	if (n > 0)
		conn_tx_done(x->c, n, w->now);
	if (x->state == WIRE_SILENT) {
		x->out.len = 0;
		return n > 0;
	}
	wire_flip(w, &x->out);
	wire_count(w, x, n);
	if (x->in.len > 0)
		m = pipe_scatter(w, &x->in, iov, conn_rx_iov(x->c, iov, max));
	if (m > 0)
		conn_rx_done(x->c, m, w->now);
	return n + m > 0;
}

static bool
wire_move_target(struct world *w, struct wire *x)
{
	struct iovec iov[64];
	size_t n, m = 0;
	int max = w->whole ? 64 : 1 + (int)below(w, 64);

	n = pipe_gather(w, &x->in, iov, tconn_tx_iov(x->t, iov, max, w->now));
	if (n > 0)
		tconn_tx_done(x->t, n, w->now);
	if (x->state == WIRE_SILENT || x->c == NULL)
		x->in.len = 0;
	wire_flip(w, &x->in);
	wire_count(w, x, n);
	/* Often much is under way. */
	if (!w->whole && x->hold_until <= w->now && chance(w, 4))
		x->hold_until = w->now + below(w, w->lag);
	if (x->state != WIRE_SILENT && x->out.len > 0 &&
	    x->hold_until <= w->now)
		m = pipe_scatter(w, &x->out, iov, tconn_rx_iov(x->t, iov, max));
	if (m > 0)
		tconn_rx_done(x->t, m, w->now);
	return n + m > 0;
}

static void
wire_free_target(struct world *w, struct wire *x)
{
	tconn_free(x->t);
	x->t = NULL;
	if (x->state != WIRE_SILENT && x->tell_c_at == CLOCK_NEVER)
		x->tell_c_at = w->now;
}

/* Who is to learn that it is over, learns it. */
static bool
wire_tell(struct world *w, struct wire *x)
{
	struct error why;
	bool any = false;

	if (x->t != NULL && tconn_closing(x->t, &why)) {
		if (verbose)
			printf("target closes: %s\n", why.text);
		wire_free_target(w, x);
		any = true;
	}
	if (x->t != NULL && x->tell_t_at <= w->now &&
	    (x->out.len == 0 || x->state == WIRE_SILENT)) {
		wire_free_target(w, x);
		any = true;
	}
	if (x->c != NULL && x->tell_c_at <= w->now &&
	    (x->in.len == 0 || x->state == WIRE_SILENT)) {
		error_set(&why, ERROR_UNREACHED, "connection reset");
		session_disconnected(w->s, x->c, &why, w->now);
		any = true;
	}
	return any;
}

bool
wires_run(struct world *w)
{
	bool any = false;

	for (unsigned i = 0; i < w->wires_n; i++) {
		struct wire *x = w->wires[i];

		if (x->c != NULL)
			any = wire_move_session(w, x) || any;
		if (x->t != NULL)
			any = wire_move_target(w, x) || any;
		any = wire_tell(w, x) || any;
		if (x->t != NULL && tconn_deadline(x->t) <= w->now)
			tconn_tick(x->t, w->now);
		if (x->c == NULL && x->t == NULL) {
			free(x);
			w->wires[i--] = w->wires[--w->wires_n];
		}
	}
	return any;
}
