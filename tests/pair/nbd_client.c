/* SPDX-License-Identifier: BSD-2-Clause */
/* The clients of test_nbd_pair: connection, negotiation, jobs, replies. */
#include "nbd_world.h"

#include <string.h>

/* ---- bytes ---- */

static void
put(struct client *c, const void *data, size_t len)
{
	if (c->out_len + len > c->out_room) {
		c->out_room = (c->out_len + len) * 2;
		c->out = realloc(c->out, c->out_room);
		check(c->out != NULL, "no memory");
	}
	if (len > 0)
		memcpy(c->out + c->out_len, data, len);
	c->out_len += len;
}

static size_t
portion(struct client *c, size_t n)
{
	struct world *w = c->w;

	if (!w->whole && n > 0) {
		switch (below(w, 6)) {
		case 0:
			n = 1;
			break;
		case 1:
			n = 1 + below(w, n < 64 ? n : 64);
			break;
		case 2:
		case 3:
			n = 1 + below(w, n);
			break;
		default:
			break;
		}
	}
	if (c->drop_in > 0 && n > c->drop_in)
		n = c->drop_in;
	return n;
}

static size_t
move(uint8_t *flat, const struct iovec *iov, int n, size_t len, bool out)
{
	size_t done = 0, part;

	for (int i = 0; i < n && done < len; i++) {
		check(iov[i].iov_len > 0, "an empty vector");
		part =
		    iov[i].iov_len < len - done ? iov[i].iov_len : len - done;
		if (out)
			memcpy(iov[i].iov_base, flat + done, part);
		else
			memcpy(flat + done, iov[i].iov_base, part);
		done += part;
	}
	return done;
}

static void
count_drop(struct client *c, size_t n)
{
	if (c->drop_in == 0 || n == 0)
		return;
	c->drop_in -= n;
	if (c->drop_in == 0)
		client_drop(c);
}

static bool
send_bytes(struct client *c)
{
	struct iovec iov[4];
	size_t n = portion(c, c->out_len - c->out_sent);
	int iovs;

	if (n == 0)
		return false;
	iovs =
	    nconn_rx_iov(c->nc, iov, c->w->whole ? 4 : 1 + (int)below(c->w, 4));
	if (iovs == 0) {
		c->w->stalls++;
		return false;
	}
	n = move(c->out + c->out_sent, iov, iovs, n, true);
	nconn_rx_done(c->nc, n, c->w->now);
	c->out_sent += n;
	if (c->out_sent == c->out_len)
		c->out_sent = c->out_len = 0;
	count_drop(c, n);
	return true;
}

static bool
take_bytes(struct client *c)
{
	struct iovec iov[256];
	size_t n = portion(c, IN_ROOM - c->in_len), all = 0;
	struct kpipe *pipe;
	int iovs;

	if (n == 0 || c->deaf_until > c->w->now)
		return false;
	iovs = nconn_tx_iov(
	    c->nc, iov, c->w->whole ? 256 : 2 + (int)below(c->w, 8), c->w->now);
	for (int i = 0; i < iovs; i++)
		all += iov[i].iov_len;
	pipe = nconn_tx_pipe(c->nc);
	if (all == 0 && pipe == NULL)
		return false;
	if (all > 0) {
		n = move(
		    c->in + c->in_len, iov, iovs, n < all ? n : all, false);
	} else {
		n = n < pipe->held ? n : pipe->held;
		check(n > 0, "an empty pipe");
		model_pipe_drain(pipe, c->in + c->in_len, n);
	}
	nconn_tx_done(c->nc, n, c->w->now);
	c->in_len += n;
	count_drop(c, n);
	return true;
}

/* ---- life ---- */

static void
wake(void *ctx)
{
	struct client *c = ctx;

	c->woken = true;
}

static void
client_connect(struct client *c)
{
	struct world *w = c->w;

	c->nc = nconn_new(w->nbd, "client", wake, c, w->now);
	check(c->nc != NULL, "no memory");
	c->state = GREETING;
	c->mode = NWIRE_SIMPLE;
	c->step = 0;
	c->ready = false;
	c->in_len = c->out_len = c->out_sent = 0;
	c->deaf_until = 0;
	c->drop_in = w->faults && chance(w, 2) ? 1 + below(w, 60000) : 0;
	w->handshakes++;
}

static void
job_end(struct client *c, struct job *j)
{
	model_lock(c->w, j, -1);
	j->busy = false;
}

void
client_drop(struct client *c)
{
	nconn_free(c->nc);
	c->nc = NULL;
	c->state = DOWN;
	c->woken = false;
	c->drop_in = 0;
	c->w->drops++;
	for (unsigned i = 0; i < JOBS; i++) {
		if (!c->jobs[i].busy)
			continue;
		c->w->lost++;
		model_doubt(c->w, &c->jobs[i]);
		job_end(c, &c->jobs[i]);
	}
}

bool
client_busy(const struct client *c)
{
	for (unsigned i = 0; i < JOBS; i++)
		if (c->jobs[i].busy)
			return true;
	return false;
}

/* ---- negotiation ---- */

static void
put_option(struct client *c, uint32_t option, const void *data, size_t len)
{
	struct nwire_option o = { .option = option, .length = (uint32_t)len };
	uint8_t head[NBD_OPTION_LEN];

	nwire_put_option(head, &o);
	put(c, head, sizeof(head));
	put(c, data, len);
	c->option = option;
}

static void
put_meta(struct client *c)
{
	static const char data[] =
	    "\0\0\0\4disk\0\0\0\1\0\0\0\17base:allocation";

	put_option(c, NBD_OPT_SET_META_CONTEXT, data, sizeof(data) - 1);
}

/* Enters transmission in one of the two ways. */
static void
put_go(struct client *c)
{
	if (c->mode != NWIRE_EXTENDED && (!c->fixed || chance(c->w, 4))) {
		put_option(c, NBD_OPT_EXPORT_NAME, "disk", 4);
		c->state = EXPORT;
	} else {
		put_option(c, NBD_OPT_GO, "\0\0\0\4disk\0\0", 10);
	}
}

/* The next option: some that matter, and some that do not. */
static void
next_option(struct client *c)
{
	static uint8_t junk[70000];
	struct world *w = c->w;

	if (!c->fixed) {
		put_go(c);
		return;
	}
	switch (c->step++) {
	case 0:
		c->mode =
		    w->whole ? NWIRE_SIMPLE : (enum nwire_mode)below(w, 3);
		if (chance(w, 3)) {
			put_option(c, NBD_OPT_STARTTLS, NULL, 0);
			return;
		}
		/* fallthrough */
	case 1:
		if (!w->whole && chance(w, 2)) {
			put_option(c,
			    chance(w, 2) ? NBD_OPT_LIST : (uint32_t)99, junk,
			    chance(w, 4) ? sizeof(junk) : 0);
			c->step = 1;
			return;
		}
		c->step = 2;
		if (c->mode != NWIRE_SIMPLE) {
			put_option(c,
			    c->mode == NWIRE_STRUCTURED
				? NBD_OPT_STRUCTURED_REPLY
				: NBD_OPT_EXTENDED_HEADERS,
			    NULL, 0);
			return;
		}
		/* fallthrough */
	case 2:
		c->step = 3;
		if (c->mode != NWIRE_SIMPLE) {
			put_meta(c);
			return;
		}
		/* fallthrough */
	default:
		put_go(c);
		return;
	}
}

/* Each takes one thing from the front of the bytes received, and returns how
 * long it was; 0: it is not here as a whole. */
static size_t
take_greeting(struct client *c)
{
	uint8_t flags[4];

	if (c->in_len < NBD_GREETING_LEN)
		return 0;
	c->fixed = c->w->whole || !chance(c->w, 8);
	c->no_zeroes = chance(c->w, 2);
	be32_put(flags, (uint32_t)c->fixed | (uint32_t)c->no_zeroes << 1);
	put(c, flags, sizeof(flags));
	c->state = OPTIONS;
	next_option(c);
	return NBD_GREETING_LEN;
}

static size_t
take_answer(struct client *c)
{
	struct nwire_answer a;

	if (c->in_len < NBD_ANSWER_LEN)
		return 0;
	check(nwire_get_answer(c->in, &a), "no answer to option %u", c->option);
	check(a.option == c->option, "an answer to option %u, not %u", a.option,
	    c->option);
	if (c->in_len < NBD_ANSWER_LEN + a.length)
		return 0;
	if (a.type != NBD_REP_ACK && !(a.type & NBD_REP_ERR))
		return NBD_ANSWER_LEN + a.length;
	if (c->option == NBD_OPT_GO) {
		check(a.type == NBD_REP_ACK || c->w->ending, "GO is refused");
		if (a.type == NBD_REP_ACK)
			c->state = UP;
	} else if (!c->w->ending) {
		check(a.type == NBD_REP_ACK || c->option == 99 ||
			  c->option == NBD_OPT_LIST,
		    "option %u is refused", c->option);
		next_option(c);
	}
	return NBD_ANSWER_LEN + a.length;
}

static size_t
take_export(struct client *c)
{
	size_t len = NBD_EXPORT_LEN + (c->no_zeroes ? 0 : NBD_ZEROES_LEN);

	if (c->in_len < len)
		return 0;
	check(be64_get(c->in) == DISK_SIZE, "the size is wrong");
	c->state = UP;
	return len;
}

/* ---- jobs ---- */

static const uint16_t types[JOB_KINDS] = { NBD_CMD_READ, NBD_CMD_WRITE,
	NBD_CMD_TRIM, NBD_CMD_WRITE_ZEROES, NBD_CMD_BLOCK_STATUS, NBD_CMD_CACHE,
	NBD_CMD_FLUSH };

static uint16_t
draw_flags(struct client *c, const struct job *j)
{
	const struct bdev *bdev = &c->w->disk.bdev;
	unsigned flags = chance(c->w, 3) ? NBD_CMD_FLAG_FUA : 0;

	if (j->kind == JOB_ZERO && chance(c->w, 3))
		flags |= NBD_CMD_FLAG_NO_HOLE;
	if (j->kind == JOB_ZERO && bdev->can_fast_zero && chance(c->w, 3))
		flags |= NBD_CMD_FLAG_FAST_ZERO;
	if (j->kind == JOB_STATUS && chance(c->w, 3))
		flags |= NBD_CMD_FLAG_REQ_ONE;
	if (j->kind == JOB_READ && c->mode != NWIRE_SIMPLE && chance(c->w, 3))
		flags |= NBD_CMD_FLAG_DF;
	return (uint16_t)flags;
}

static void
put_request(struct client *c, struct job *j)
{
	struct nwire_request r = { .flags = j->flags,
		.type = types[j->kind],
		.cookie = j->cookie,
		.offset = j->offset,
		.length = j->length };
	uint8_t head[NBD_REQUEST_LEN_MAX];
	static uint8_t data[JOB_BYTES];

	if (j->kind == JOB_WRITE && c->mode == NWIRE_EXTENDED)
		r.flags |= NBD_CMD_FLAG_PAYLOAD_LEN;
	nwire_put_request(head, c->mode, &r);
	put(c, head, nwire_request_len(c->mode));
	if (j->kind != JOB_WRITE)
		return;
	for (size_t i = 0; i < j->length; i++)
		data[i] = job_byte(j, j->offset + i);
	put(c, data, j->length);
}

void
job_begin(struct client *c, struct job *j, enum job_kind kind)
{
	struct world *w = c->w;

	j->kind = kind;
	j->length = w->whole ? 4096 : 1 + below(w, 6000);
	if (!w->whole && chance(w, 8))
		j->length = 1 + below(w, JOB_BYTES);
	j->offset = below(w, DISK_SIZE - j->length + 1);
	if (w->whole)
		j->offset = j->offset / 4096 * 4096;
	if (kind == JOB_FLUSH)
		j->offset = j->length = 0;
	if ((kind == JOB_TRIM && !w->disk.bdev.can_discard) ||
	    (kind == JOB_STATUS &&
		(c->mode == NWIRE_SIMPLE || c->state != UP)) ||
	    !model_free(w, j))
		return;
	j->flags = w->whole ? 0 : draw_flags(c, j);
	j->cookie = prng_next(&w->prng);
	j->seed = (uint8_t)j->cookie;
	j->busy = true;
	model_lock(w, j, 1);
	put_request(c, j);
	w->left--;
}

static void
jobs_run(struct client *c)
{
	struct world *w = c->w;

	for (unsigned i = 0; i < JOBS && w->left > 0; i++)
		if (!c->jobs[i].busy && !w->whole && chance(w, 8))
			job_begin(c, &c->jobs[i],
			    chance(w, 2) ? (enum job_kind)below(w, 2)
					 : (enum job_kind)below(w, JOB_KINDS));
	if (!w->whole && chance(w, 100))
		c->deaf_until = w->now + below(w, 2000) * 1000;
	if (!w->whole && chance(w, 400)) {
		struct nwire_request r = { .type = NBD_CMD_DISC };
		uint8_t head[NBD_REQUEST_LEN_MAX];

		nwire_put_request(head, c->mode, &r);
		put(c, head, nwire_request_len(c->mode));
		c->state = LEAVING;
	}
}

static void
check_status(
    struct client *c, const struct job *j, const uint8_t *p, size_t len)
{
	bool wide = c->mode == NWIRE_EXTENDED;
	size_t at = j->offset, one = wide ? 16 : 8, extent;

	check(len >= one && len % one == 0, "extents of %zu bytes", len);
	check(!(j->flags & NBD_CMD_FLAG_REQ_ONE) || len == one, "too many");
	for (; len > 0; len -= one, p += one, at += extent) {
		extent = wide ? be64_get(p) : be32_get(p);
		check(extent > 0 && extent <= j->offset + j->length - at,
		    "an extent of %zu bytes", extent);
		if (be32_get(p + (wide ? 12 : 4)) != 0)
			model_hole(c->w, at, extent);
	}
}

static void
job_done(struct client *c, struct job *j, uint32_t error, const uint8_t *data,
    size_t len)
{
	struct world *w = c->w;

	if (error == 0) {
		w->good++;
		if (j->kind == JOB_READ) {
			check(len == j->length, "%zu of %zu bytes", len,
			    j->length);
			model_seen(w, j, data);
		} else if (j->kind == JOB_STATUS) {
			check_status(c, j, data, len);
		}
		model_done(w, j);
	} else {
		w->failed++;
		check((error == NBD_EIO && w->errors) ||
			  (error == NBD_ESHUTDOWN && w->ending) ||
			  (error == NBD_ENOTSUP &&
			      j->flags & NBD_CMD_FLAG_FAST_ZERO),
		    "error %u", error);
		/* Nothing was done then. */
		if (error == NBD_EIO)
			model_doubt(w, j);
	}
	job_end(c, j);
}

static struct job *
find(struct client *c, uint64_t cookie)
{
	for (unsigned i = 0; i < JOBS; i++)
		if (c->jobs[i].busy && c->jobs[i].cookie == cookie)
			return &c->jobs[i];
	check(false, "a reply to no request");
	return NULL;
}

static size_t
take_reply(struct client *c)
{
	int head = 0;
	struct nwire_reply r;
	const uint8_t *data;
	struct job *j;
	size_t len;

	head = nwire_get_reply(c->in, c->in_len, c->mode, &r);
	check(head >= 0, "no reply");
	if (head == 0)
		return 0;
	j = find(c, r.cookie);
	data = c->in + head;
	len = (size_t)r.length;
	if (!r.chunk && r.error == 0 && j->kind == JOB_READ) {
		check(c->mode == NWIRE_SIMPLE, "a simple reply with data");
		len = j->length;
	}
	if (c->in_len < (size_t)head + len)
		return 0;
	check(!r.chunk || r.flags == NBD_REPLY_FLAG_DONE, "not the last chunk");
	if (r.chunk && r.type == NBD_REPLY_TYPE_OFFSET_DATA)
		check(be64_get(data) == j->offset, "data of another place");
	switch (r.chunk ? r.type : NBD_REPLY_TYPE_NONE) {
	case NBD_REPLY_TYPE_NONE:
		job_done(c, j, r.error, data, len);
		break;
	case NBD_REPLY_TYPE_ERROR:
		job_done(c, j, be32_get(data), NULL, 0);
		break;
	case NBD_REPLY_TYPE_BLOCK_STATUS:
		job_done(c, j, 0, data + 4, len - 4);
		break;
	default:
		job_done(c, j, 0, data + 8, len - 8);
		break;
	}
	return (size_t)head + len;
}

static bool
take_all(struct client *c)
{
	static size_t (*const take[])(
	    struct client *) = { [GREETING] = take_greeting,
		[OPTIONS] = take_answer,
		[EXPORT] = take_export,
		[UP] = take_reply,
		[LEAVING] = take_reply };
	bool any = false;
	size_t n;

	while (c->in_len > 0 && (n = take[c->state](c)) > 0) {
		memmove(c->in, c->in + n, c->in_len - n);
		c->in_len -= n;
		any = true;
	}
	return any;
}

/* ---- a turn ---- */

bool
client_run(struct client *c)
{
	struct error why;
	bool any = false;

	if (c->state == DOWN) {
		if (c->w->ending || c->w->left == 0)
			return false;
		client_connect(c);
		return true;
	}
	if (c->state == UP)
		jobs_run(c);
	any = send_bytes(c);
	if (c->nc == NULL)
		return true;
	any = take_bytes(c) || any;
	if (c->nc == NULL)
		return true;
	any = take_all(c) || any;
	if (nconn_wants_tls(c->nc) && c->in_len == 0) {
		nconn_tls_ready(c->nc);
		any = true;
	}
	c->woken = false;
	if (nconn_closing(c->nc, &why)) {
		check(c->state == LEAVING || c->w->ending, "closed: %s",
		    why.text);
		check(c->in_len == 0, "closed with %zu bytes", c->in_len);
		/* NBD_OPT_EXPORT_NAME has no other answer at the end. */
		check(why.class == ERROR_NONE ||
			  (c->w->ending && why.class == ERROR_REFUSED),
		    "closed: %s", why.text);
		if (c->state == LEAVING)
			check(!client_busy(c), "closed with a job");
		client_drop(c);
		any = true;
	}
	return any;
}
