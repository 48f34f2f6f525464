/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_pair - initiator and embedded target in one process and in virtual
 * time: what every other test can only sample, seeded and repeatable.
 *
 *     jobs -> session <-> wire <-> target -> disk
 *
 * The wire splits the bytes at random, delivers them late, drops the connection
 * at any byte (telling either side, both or none), and flips bits when digests
 * are in use.  The disk answers late, sometimes later than a command's
 * time-out. Everything that can be negotiated is drawn at random.
 *
 * A model knows which contents each block may have: one after a write that was
 * acknowledged, the old or the new one after a write that failed; and once a
 * block was read after that, only what was read.  So it sees lost writes, torn
 * ones, and ones that come alive after they were said to have ended.
 *
 *     test_pair [--runs N] [--seed N] [--reads N] [--writes N] [--verbose]
 *
 * --reads and --writes move 4 KiB each, 32 at a time, with nothing going
 * wrong: for counting instructions.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/prng.h"
#include "base/bdev.h"
#include "proto/cdb.h"
#include "proto/scsi.h"
#include "session/session.h"
#include "target/target.h"

#define DISK_BLOCKS 256
#define WIRES	    64
#define WIRE_SIZE   (256u << 10)
#define JOBS	    32
#define JOB_BYTES   (256u << 10)
#define STAMPS	    8

static uint64_t seed;
static bool verbose;

#define check(condition, ...)                                              \
	do {                                                               \
		if (!(condition)) {                                        \
			fprintf(stderr, "seed %" PRIu64 ": %s:%d: ", seed, \
			    __FILE__, __LINE__);                           \
			fprintf(stderr, __VA_ARGS__);                      \
			fprintf(stderr, "\n");                             \
			abort();                                           \
		}                                                          \
	} while (0)

/*
 * ---- the disk ----
 */

struct disk {
	struct bdev bdev; /* first */
	struct world *w;
	uint8_t *mem;
	struct bdev_req_queue pending;
};

/* One direction of a connection. */
struct pipe {
	uint8_t buf[WIRE_SIZE];
	size_t head, len;
};

enum wire_state { WIRE_GOOD, WIRE_CUT, WIRE_SILENT };

struct wire {
	struct conn *c;	 /* NULL: the session has let go */
	struct tconn *t; /* NULL: the target has */
	enum wire_state state;
	uint64_t tell_c_at, tell_t_at; /* that it is over */
	uint64_t hold_until;	       /* bytes to the target are late */
	uint64_t drop_in;	       /* bytes; 0: never */
	struct pipe out, in;	       /* from the session, to the session */
};

enum job_kind { JOB_READ, JOB_WRITE, JOB_FLUSH, JOB_READY, JOB_INQUIRY };

struct job {
	struct task task; /* first */
	struct world *w;
	enum job_kind kind;
	bool busy;
	bool parked; /* to be submitted when the session is up */
	bool with_session;
	uint32_t lba, blocks, stamp;
	struct iovec iov[4];
	uint8_t *buf;
};

struct world {
	struct prng prng;
	uint64_t now;
	struct target *target;
	struct disk *disk;
	struct session *s;
	struct session_user user;
	struct wire *wires[WIRES];
	unsigned wires_n;
	struct job jobs[JOBS];
	unsigned depth;
	unsigned left; /* jobs to begin */
	bool ending;   /* session_end() was called */
	bool ended;
	bool up;
	unsigned idle; /* steps in which nothing moved */

	/* What goes wrong, in runs where something does. */
	bool faults;
	bool corrupt;
	bool slow_disk;
	size_t lag; /* ns that bytes may be late */
	bool whole; /* no splits */
	uint32_t block_size;
	uint32_t next_stamp;

	/* The model. */
	struct {
		uint32_t stamps[STAMPS];
		uint8_t n;
		uint8_t readers, writers;
	} block[DISK_BLOCKS];

	/* What happened. */
	unsigned good, failed, lost, timedout, unsent, logins, drops;
};

static size_t
below(struct world *w, size_t n)
{
	return prng_below(&w->prng, n);
}

static bool
chance(struct world *w, size_t one_in)
{
	return below(w, one_in) == 0;
}

static bool
overlap(const struct bdev_req *a, const struct bdev_req *b)
{
	return a->offset < b->offset + b->length &&
	       b->offset < a->offset + a->length;
}

static uint64_t *
due(struct bdev_req *req)
{
	return (uint64_t *)(void *)&req->priv;
}

static void
disk_submit(struct bdev *bdev, struct bdev_req *req)
{
	struct disk *d = (struct disk *)bdev;
	struct world *w = d->w;
	struct bdev_req *other;
	uint64_t at = w->now;

	if (!w->whole)
		at += below(w, 200) * 1000;
	if (w->slow_disk && chance(w, 40))
		at += below(w, 80) * CLOCK_S;
	TAILQ_FOREACH (other, &d->pending, link)
		if (overlap(req, other) && *due(other) > at)
			at = *due(other);
	*due(req) = at;
	TAILQ_INSERT_TAIL(&d->pending, req, link);
}

static void
disk_do(struct disk *d, struct bdev_req *req)
{
	uint64_t at = req->offset, left = req->length, len;

	req->result = 0;
	if (req->op != BDEV_READ && req->op != BDEV_WRITE) {
		req->result = req->op == BDEV_FLUSH ? 0 : -EOPNOTSUPP;
		return;
	}
	for (int i = 0; i < req->iovcnt && left > 0; i++) {
		len = req->iov[i].iov_len < left ? req->iov[i].iov_len : left;
		if (req->op == BDEV_READ)
			memcpy(req->iov[i].iov_base, d->mem + at, len);
		else
			memcpy(d->mem + at, req->iov[i].iov_base, len);
		at += len;
		left -= len;
	}
	check(left == 0, "a request's vectors are too short");
}

static uint64_t
disk_deadline(const struct disk *d)
{
	struct bdev_req *req;
	uint64_t at = CLOCK_NEVER;

	TAILQ_FOREACH (req, &d->pending, link)
		if (*due(req) < at)
			at = *due(req);
	return at;
}

/* In the order of their submission, so that overlapping ones keep it. */
static bool
disk_run(struct disk *d, uint64_t now)
{
	struct bdev_req *req;
	bool any = false;

again:
	TAILQ_FOREACH (req, &d->pending, link) {
		if (*due(req) > now)
			continue;
		TAILQ_REMOVE(&d->pending, req, link);
		disk_do(d, req);
		req->done(req);
		any = true;
		goto again;
	}
	return any;
}

static void
disk_close(struct bdev *bdev)
{
	struct disk *d = (struct disk *)bdev;

	check(TAILQ_EMPTY(&d->pending), "closed with requests pending");
	free(d->mem);
	free(d);
}

static const struct bdev_ops disk_ops = { disk_submit, disk_close, NULL };

/*
 * ---- the model ----
 */

static uint64_t
word(uint32_t lba, uint32_t stamp, size_t i)
{
	return ((uint64_t)lba << 32 | stamp) * UINT64_C(0x9e3779b97f4a7c15) + i;
}

static void
block_fill(struct world *w, uint8_t *p, uint32_t lba, uint32_t stamp)
{
	uint64_t v;

	for (size_t i = 0; i < w->block_size / 8; i++) {
		v = word(lba, stamp, i);
		memcpy(p + i * 8, &v, 8);
	}
}

static bool
block_is(struct world *w, const uint8_t *p, uint32_t lba, uint32_t stamp)
{
	uint64_t v;

	for (size_t i = 0; i < w->block_size / 8; i++) {
		v = word(lba, stamp, i);
		if (memcmp(p + i * 8, &v, 8) != 0)
			return false;
	}
	return true;
}

/* From here on the block has this content and no other. */
static void
block_settle(struct world *w, uint32_t lba, uint32_t stamp)
{
	w->block[lba].stamps[0] = stamp;
	w->block[lba].n = 1;
}

static void
block_seen(struct world *w, const uint8_t *p, uint32_t lba)
{
	for (unsigned i = 0; i < w->block[lba].n; i++)
		if (block_is(w, p, lba, w->block[lba].stamps[i])) {
			block_settle(w, lba, w->block[lba].stamps[i]);
			return;
		}
	check(false, "block %u has none of its %u lawful contents", lba,
	    w->block[lba].n);
}

/*
 * ---- the jobs ----
 */

static void
job_lock(struct job *j, int n)
{
	struct world *w = j->w;

	for (uint32_t i = j->lba; i < j->lba + j->blocks; i++)
		if (j->kind == JOB_WRITE)
			w->block[i].writers =
			    (uint8_t)(w->block[i].writers + n);
		else
			w->block[i].readers =
			    (uint8_t)(w->block[i].readers + n);
}

static void
job_submit(struct job *j)
{
	check(!j->with_session, "a task was submitted twice");
	j->with_session = true;
	j->parked = false;
	session_submit(j->w->s, &j->task, j->w->now);
}

static void
job_good(struct job *j)
{
	struct world *w = j->w;

	w->good++;
	if (j->kind == JOB_READ || j->kind == JOB_WRITE)
		check(j->task.transferred == j->task.length,
		    "GOOD with %u of %u bytes", j->task.transferred,
		    j->task.length);
	for (uint32_t i = 0; i < j->blocks; i++)
		if (j->kind == JOB_READ)
			block_seen(w, j->buf + i * w->block_size, j->lba + i);
		else
			block_settle(w, j->lba + i, j->stamp);
	if (j->kind == JOB_INQUIRY)
		check(j->task.transferred >= 36 &&
			  j->task.transferred <= j->task.length,
		    "INQUIRY gave %u bytes", j->task.transferred);
}

static void
job_done(struct task *t)
{
	struct job *j = (struct job *)t;
	struct world *w = j->w;
	uint8_t key = t->sense_len > 2 ? t->sense[2] & 0x0f : 0;

	check(j->with_session, "a task completed twice");
	j->with_session = false;
	switch (t->outcome) {
	case TASK_UNSENT:
		w->unsent++;
		check(w->faults || w->ending, "unsent without a fault");
		if (!w->ending) {
			j->parked = true;
			return;
		}
		break;
	case TASK_LOST:
		w->lost++;
		check(w->faults || w->ending, "lost without a fault");
		break;
	case TASK_TIMEDOUT:
		w->timedout++;
		check(w->faults, "timed out without a fault");
		break;
	case TASK_BAD_REPLY:
		check(w->corrupt, "rejected without a fault");
		break;
	case TASK_DONE:
		if (t->status == SCSI_GOOD) {
			job_good(j);
		} else if (t->status == SCSI_CHECK_CONDITION && key == 6) {
			/* A unit attention: nothing was done. */
			j->parked = !w->ending;
			if (w->ending)
				break;
			if (w->up)
				job_submit(j);
			return;
		} else {
			w->failed++;
			check(w->faults, "status 0x%02x, sense key %u",
			    t->status, key);
		}
		break;
	}
	job_lock(j, -1);
	j->busy = false;
}

static bool
job_may_lock(struct world *w, enum job_kind kind, uint32_t lba, uint32_t blocks)
{
	for (uint32_t i = lba; i < lba + blocks; i++)
		if (w->block[i].writers > 0 ||
		    (kind == JOB_WRITE &&
			(w->block[i].readers > 0 || w->block[i].n == STAMPS)))
			return false;
	return true;
}

static void
job_cut(struct job *j, uint32_t len)
{
	struct world *w = j->w;
	uint32_t at = 0, part;
	int n = 0;

	while (n < 3 && !w->whole) {
		part = (uint32_t)below(w, len - at + 1);
		j->iov[n].iov_base = j->buf + at;
		j->iov[n++].iov_len = part;
		at += part;
	}
	j->iov[n].iov_base = j->buf + at;
	j->iov[n++].iov_len = len - at;
	j->task.iov = j->iov;
	j->task.iovcnt = n;
	j->task.length = len;
}

static void
job_fill(struct job *j, uint32_t max_blocks)
{
	struct world *w = j->w;
	struct task *t = &j->task;

	j->lba = (uint32_t)below(w, DISK_BLOCKS);
	j->blocks = 1 + (uint32_t)below(w, max_blocks);
	if (j->lba + j->blocks > DISK_BLOCKS)
		j->blocks = DISK_BLOCKS - j->lba;
	memset(t->cdb, 0, sizeof(t->cdb));
	t->dir = TASK_NO_DATA;
	t->policy = TASK_QUERY;
	switch (j->kind) {
	case JOB_READ:
		t->dir = TASK_IN;
		cdb_read16(t->cdb, j->lba, j->blocks, false);
		job_cut(j, j->blocks * w->block_size);
		memset(j->buf, 0xee, t->length);
		return;
	case JOB_WRITE:
		t->dir = TASK_OUT;
		t->policy = TASK_REPLAY;
		cdb_write16(t->cdb, j->lba, j->blocks, chance(w, 2));
		job_cut(j, j->blocks * w->block_size);
		j->stamp = w->next_stamp++;
		for (uint32_t i = 0; i < j->blocks; i++)
			block_fill(w, j->buf + i * w->block_size, j->lba + i,
			    j->stamp);
		return;
	case JOB_INQUIRY:
		t->dir = TASK_IN;
		t->cdb[0] = 0x12;
		t->cdb[4] = (uint8_t)(36 + below(w, 220));
		job_cut(j, t->cdb[4]);
		break;
	case JOB_FLUSH:
		t->cdb[0] = 0x35;
		t->policy = TASK_REPLAY;
		break;
	case JOB_READY:
		break;
	}
	if (t->dir == TASK_NO_DATA)
		t->length = 0;
	j->blocks = 0;
}

static void
job_begin(
    struct world *w, struct job *j, enum job_kind kind, uint32_t max_blocks)
{
	j->kind = kind;
	job_fill(j, max_blocks);
	if (!job_may_lock(w, kind, j->lba, j->blocks))
		return;
	job_lock(j, 1);
	if (kind == JOB_WRITE)
		for (uint32_t i = j->lba; i < j->lba + j->blocks; i++)
			w->block[i].stamps[w->block[i].n++] = j->stamp;
	w->left--;
	j->busy = true;
	j->task.lun = 0;
	j->task.done = job_done;
	job_submit(j);
}

static enum job_kind
job_draw(struct world *w)
{
	static const enum job_kind rare[] = { JOB_FLUSH, JOB_READY,
		JOB_INQUIRY };

	if (chance(w, 12))
		return rare[below(w, 3)];
	return chance(w, 2) ? JOB_READ : JOB_WRITE;
}

static void
jobs_run(struct world *w)
{
	uint32_t max = JOB_BYTES / w->block_size;

	if (!w->up)
		return;
	for (unsigned i = 0; i < w->depth; i++) {
		struct job *j = &w->jobs[i];

		if (j->parked)
			job_submit(j);
		else if (!j->busy && w->left > 0 && !chance(w, 4))
			job_begin(
			    w, j, job_draw(w), chance(w, 8) ? max / 2 : 16);
	}
}

/*
 * ---- the wire ----
 */

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

static void
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

static struct wire *
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

static bool
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

/*
 * ---- the world ----
 */

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

static bool
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

static void
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

	w->disk = calloc(1, sizeof(*w->disk));
	check(w->disk != NULL, "out of memory");
	w->disk->w = w;
	w->disk->bdev.ops = &disk_ops;
	w->disk->bdev.size = (uint64_t)DISK_BLOCKS * w->block_size;
	w->disk->bdev.block_size = chance(w, 2) ? w->block_size : 1;
	w->disk->bdev.physical_block_size = w->block_size;
	w->disk->mem = malloc(w->disk->bdev.size);
	TAILQ_INIT(&w->disk->pending);
	for (uint32_t i = 0; i < DISK_BLOCKS; i++) {
		block_fill(w, w->disk->mem + i * w->block_size, i, 0);
		w->block[i].n = 1;
	}

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

static bool
jobs_busy(const struct world *w)
{
	for (unsigned i = 0; i < JOBS; i++)
		if (w->jobs[i].busy)
			return true;
	return false;
}

/* Everything moves once; time passes when nothing does. */
static void
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

static void
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

static void
run(uint64_t run_seed)
{
	static struct world world;
	struct world *w = &world;
	unsigned steps = 0;

	seed = run_seed;
	memset(w, 0, sizeof(*w));
	world_make(w, false);
	w->left = 20 + (unsigned)below(w, 80);
	session_start(w->s, w->now);
	while (w->left > 0 || jobs_busy(w)) {
		jobs_run(w);
		world_step(w);
		check(++steps < 2000000, "it does not end: %u jobs left, %s",
		    w->left, session_state_name(session_state(w->s)));
	}
	if (chance(w, 4)) {
		/* Also from amidst of it. */
		w->left = 8;
		jobs_run(w);
		w->left = 0;
	}
	w->ending = true;
	session_end(w->s, w->now);
	while (!w->ended) {
		world_step(w);
		check(++steps < 2000000, "the session does not end");
	}
	session_run(w);
	check(!jobs_busy(w), "a task did not complete");
	check(session_in_flight(w->s) == 0, "the session keeps a task");
	if (verbose)
		printf("seed %" PRIu64 ": %u good, %u failed, %u lost, %u "
		       "timed out, %u unsent, %u logins, %u drops, %u steps\n",
		    seed, w->good, w->failed, w->lost, w->timedout, w->unsent,
		    w->logins, w->drops, steps);
	world_free(w);
}

/* Nothing goes wrong, and everything is 4 KiB. */
static void
count(enum job_kind kind, unsigned n)
{
	static struct world world;
	struct world *w = &world;

	seed = 1;
	memset(w, 0, sizeof(*w));
	world_make(w, true);
	w->left = n;
	session_start(w->s, w->now);
	while (w->left > 0 || jobs_busy(w)) {
		for (unsigned i = 0; w->up && i < JOBS; i++)
			if (!w->jobs[i].busy && w->left > 0)
				job_begin(w, &w->jobs[i], kind, 1);
		world_step(w);
	}
	w->ending = true;
	session_end(w->s, w->now);
	while (!w->ended)
		world_step(w);
	printf("%u good\n", w->good);
	world_free(w);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = { { "runs", required_argument,
						     NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ "reads", required_argument, NULL, 'r' },
		{ "writes", required_argument, NULL, 'w' },
		{ "verbose", no_argument, NULL, 'v' }, { NULL, 0, NULL, 0 } };
	uint64_t first = 1, runs = 1000;
	int c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'n':
			runs = strtoull(optarg, NULL, 0);
			break;
		case 's':
			first = strtoull(optarg, NULL, 0);
			break;
		case 'v':
			verbose = true;
			break;
		case 'r':
		case 'w':
			count(c == 'r' ? JOB_READ : JOB_WRITE,
			    (unsigned)strtoul(optarg, NULL, 0));
			return 0;
		default:
			return 2;
		}
	}
	for (uint64_t i = 0; i < runs; i++)
		run(first + i);
	printf("%" PRIu64 " runs from seed %" PRIu64 "\n", runs, first);
	return 0;
}
