/* SPDX-License-Identifier: BSD-2-Clause */
/* nbd_rig - see nbd_rig.h. */
#include "nbd_rig.h"

#include <stdio.h>

/* ---- disks ---- */

static void
disk_submit(struct bdev *bdev, struct bdev_req *req)
{
	struct disk *d = (struct disk *)bdev;

	assert_true(d->seen_n < countof(d->seen));
	d->seen[d->seen_n++] = (struct seen){ .op = req->op,
		.flags = req->flags,
		.offset = req->offset,
		.length = req->length,
		.extents_max = req->extents_max };
	TAILQ_INSERT_TAIL(&d->queue, req, link);
}

/* False: it took not all of it, or there is none. */
static bool
disk_pipe(struct disk *d, struct bdev_req *req)
{
	size_t length = (size_t)req->length - d->short_by;
	struct kpipe *pipe;

	if (req->op != BDEV_READ || d->fill == NULL)
		return false;
	pipe = bdev_pipe(req);
	return pipe != NULL &&
	       d->fill(pipe, d->mem + req->offset, length) == length;
}

static void
disk_move(struct disk *d, struct bdev_req *req)
{
	size_t length = (size_t)req->length;

	assert_int_equal(req->iovcnt, 1);
	assert_int_equal(req->iov->iov_len, length);
	if (length == 0 || disk_pipe(d, req))
		return;
	assert_int_equal(bdev_place(req), 0);
	assert_true(req->offset + length <= RIG_MEM);
	if (req->op == BDEV_READ)
		memcpy(req->iov->iov_base, d->mem + req->offset, length);
	else
		memcpy(d->mem + req->offset, req->iov->iov_base, length);
}

static void
disk_extents(struct disk *d, struct bdev_req *req)
{
	uint64_t left = req->length;
	unsigned n = 0;

	while (left > 0 && n < req->extents_max) {
		struct bdev_extent e = d->extents[n % d->extents_n];

		if (e.length > left)
			e.length = left;
		req->extents[n++] = e;
		left -= e.length;
	}
	req->extents_n = n;
}

static void
disk_end(struct disk *d, struct bdev_req *req)
{
	TAILQ_REMOVE(&d->queue, req, link);
	req->result = bdev_check(&d->bdev, req);
	if (req->result > 0)
		req->result = d->error;
	/* What comes before an error is moved, too. */
	if ((req->result == 0 || req->result == d->error) &&
	    (req->op == BDEV_READ || req->op == BDEV_WRITE))
		disk_move(d, req);
	if (req->result == 0 && req->op == BDEV_EXTENTS)
		disk_extents(d, req);
	req->done(req);
}

unsigned
disk_complete(struct disk *d)
{
	unsigned n = disk_waiting(d);

	for (unsigned i = 0; i < n; i++)
		disk_end(d, TAILQ_FIRST(&d->queue));
	return n;
}

unsigned
disk_waiting(const struct disk *d)
{
	const struct bdev_req *req;
	unsigned n = 0;

	TAILQ_FOREACH (req, &d->queue, link)
		n++;
	return n;
}

void
disk_complete_nth(struct disk *d, unsigned n)
{
	struct bdev_req *req = TAILQ_FIRST(&d->queue);

	while (n-- > 0)
		req = TAILQ_NEXT(req, link);
	assert_non_null(req);
	disk_end(d, req);
}

static void
disk_close(struct bdev *bdev)
{
	(void)bdev;
}

static const struct bdev_ops disk_ops = { .submit = disk_submit,
	.close = disk_close };

/* ---- the rig ---- */

static void
keep_line(void *ctx, enum log_level level, const char *line)
{
	struct rig *rig = ctx;

	if (level <= LOG_INFO_LEVEL)
		snprintf(rig->line, sizeof(rig->line), "%s", line);
}

void
rig_init(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	rig->now = CLOCK_S;
	rig->log = (struct log){
		.write = keep_line, .ctx = rig, .max = LOG_DEBUG_LEVEL
	};
	rig->config.log = &rig->log;
	for (unsigned i = 0; i < RIG_DISKS; i++) {
		struct disk *d = &rig->disks[i];

		d->bdev = (struct bdev){ .ops = &disk_ops,
			.size = RIG_SIZE,
			.block_size = 512,
			.physical_block_size = 512,
			.thin = i == 0,
			.can_discard = i == 0,
			.can_fast_zero = i == 0 };
		d->mem = calloc(1, RIG_MEM);
		assert_non_null(d->mem);
		TAILQ_INIT(&d->queue);
		d->extents[0] = (struct bdev_extent){ 4096, BDEV_HOLE };
		d->extents[1] = (struct bdev_extent){ 8192, BDEV_DATA };
		d->extents_n = 2;
	}
}

void
rig_start(struct rig *rig)
{
	rig->nbd = nbd_new(&rig->config);
	assert_non_null(rig->nbd);
	assert_int_equal(
	    nbd_add_export(rig->nbd, "first", NULL, &rig->disks[0].bdev, true),
	    0);
	assert_int_equal(nbd_add_export(rig->nbd, "second", "a plain disk",
			     &rig->disks[1].bdev, false),
	    0);
}

void
rig_fini(struct rig *rig)
{
	struct nbd_stats stats;

	nbd_stats(rig->nbd, &stats);
	assert_int_equal(stats.connections, 0);
	assert_int_equal(stats.in_flight, 0);
	nbd_free(rig->nbd);
	for (unsigned i = 0; i < RIG_DISKS; i++)
		free(rig->disks[i].mem);
}

/* ---- clients: bytes ---- */

static void
count_wake(void *ctx)
{
	struct client *c = ctx;

	c->wakes++;
}

void
client_init(struct client *c, struct rig *rig)
{
	memset(c, 0, sizeof(*c));
	c->rig = rig;
	c->nc = nconn_new(rig->nbd, "192.0.2.1:4711", count_wake, c, rig->now);
	assert_non_null(c->nc);
}

void
client_attach(struct client *c, struct rig *rig, const char *name)
{
	memset(c, 0, sizeof(*c));
	c->rig = rig;
	c->nc = nconn_new_attached(
	    rig->nbd, name, "/dev/nbd0", count_wake, c, rig->now);
	assert_non_null(c->nc);
}

void
client_fini(struct client *c)
{
	nconn_free(c->nc);
	c->nc = NULL;
	free(c->out);
	free(c->in);
	free(c->taken);
	c->out = c->in = c->taken = NULL;
}

static void
append(uint8_t **buf, size_t *len, size_t *room, const void *data, size_t n)
{
	if (*len + n > *room) {
		*room = (*len + n) * 2;
		*buf = realloc(*buf, *room);
		assert_non_null(*buf);
	}
	if (n > 0)
		memcpy(*buf + *len, data, n);
	*len += n;
}

static size_t
step_size(struct client *c, size_t n)
{
	if (c->chunk == 0 || n == 0)
		return n;
	if (n > c->chunk)
		n = c->chunk;
	return 1 + prng_below(&c->rig->chance, n);
}

/* Gives the server what fits; returns how much. */
static size_t
give(struct client *c)
{
	struct iovec iov[4];
	size_t want = step_size(c, c->out_len), done = 0, part;
	int n;

	if (want == 0)
		return 0;
	n = nconn_rx_iov(c->nc, iov, 1 + (int)prng_below(&c->rig->chance, 4));
	for (int i = 0; i < n && done < want; i++) {
		assert_true(iov[i].iov_len > 0);
		part = want - done;
		if (part > iov[i].iov_len)
			part = iov[i].iov_len;
		memcpy(iov[i].iov_base, c->out + done, part);
		done += part;
	}
	if (n > 0)
		nconn_rx_done(c->nc, done, c->rig->now);
	memmove(c->out, c->out + done, c->out_len - done);
	c->out_len -= done;
	return done;
}

static size_t
receive(struct client *c)
{
	static const uint8_t zeros[NBD_PAYLOAD_MAX];
	struct iovec iov[8];
	struct kpipe *pipe;
	size_t all = 0, want, done = 0, part;
	int n = c->deaf ? 0 : nconn_tx_iov(c->nc, iov, 8, c->rig->now);

	for (int i = 0; i < n; i++)
		all += iov[i].iov_len;
	pipe = c->deaf ? NULL : nconn_tx_pipe(c->nc);
	if (all == 0 && pipe != NULL) {
		done = step_size(c, pipe->held);
		append(&c->in, &c->in_len, &c->in_room, zeros, done);
		c->rig->drain(pipe, c->in + c->in_len - done, done);
		nconn_tx_done(c->nc, done, c->rig->now);
		return done;
	}
	want = step_size(c, all);
	for (int i = 0; i < n && done < want; i++) {
		assert_true(iov[i].iov_len > 0);
		part = want - done;
		if (part > iov[i].iov_len)
			part = iov[i].iov_len;
		append(&c->in, &c->in_len, &c->in_room, iov[i].iov_base, part);
		done += part;
	}
	if (done > 0)
		nconn_tx_done(c->nc, done, c->rig->now);
	return done;
}

void
client_pump(struct client *c)
{
	struct rig *rig = c->rig;
	size_t moved;

	do {
		moved = give(c) + receive(c);
		for (unsigned i = 0; i < RIG_DISKS; i++)
			if (!rig->disks[i].manual)
				moved += disk_complete(&rig->disks[i]);
	} while (moved > 0);
}

void
client_bytes(struct client *c, const void *data, size_t len)
{
	append(&c->out, &c->out_len, &c->out_room, data, len);
}

const uint8_t *
client_take(struct client *c, size_t n)
{
	client_pump(c);
	if (c->in_len < n)
		return NULL;
	free(c->taken);
	c->taken = malloc(n + 1);
	assert_non_null(c->taken);
	if (n > 0)
		memcpy(c->taken, c->in, n);
	c->in_len -= n;
	if (c->in_len > 0)
		memmove(c->in, c->in + n, c->in_len);
	return c->taken;
}

bool
client_closed(struct client *c, struct error *ret_why)
{
	struct error why;

	client_pump(c);
	return nconn_closing(c->nc, ret_why == NULL ? &why : ret_why);
}

/* ---- clients: handshake ---- */

void
client_greet(struct client *c, uint32_t flags)
{
	const uint8_t *p = client_take(c, NBD_GREETING_LEN);
	uint8_t answer[4];

	assert_non_null(p);
	assert_memory_equal(p, "NBDMAGICIHAVEOPT\0\3", 18);
	be32_put(answer, flags);
	client_bytes(c, answer, sizeof(answer));
}

void
client_option(struct client *c, uint32_t option, const void *data, size_t len)
{
	struct nwire_option o = { .option = option, .length = (uint32_t)len };
	uint8_t head[NBD_OPTION_LEN];

	nwire_put_option(head, &o);
	client_bytes(c, head, sizeof(head));
	client_bytes(c, data, len);
}

struct nwire_answer
client_answer(struct client *c, uint32_t option, const uint8_t **ret_data)
{
	const uint8_t *p = client_take(c, NBD_ANSWER_LEN);
	struct nwire_answer answer;

	assert_non_null(p);
	assert_true(nwire_get_answer(p, &answer));
	assert_int_equal(answer.option, option);
	p = client_take(c, answer.length);
	assert_non_null(p);
	if (ret_data != NULL)
		*ret_data = p;
	return answer;
}

void
client_ask(struct client *c, uint32_t option, const void *data, size_t len,
    uint32_t type)
{
	struct nwire_answer answer;

	client_option(c, option, data, len);
	answer = client_answer(c, option, NULL);
	assert_int_equal(answer.type, type);
	assert_int_equal(c->in_len, 0);
	/* Errors tell a human why. */
	assert_true(!(type & NBD_REP_ERR) || answer.length > 0);
}

size_t
info_data(uint8_t *p, const char *name, const uint16_t *infos, size_t n)
{
	size_t len = strlen(name);

	be32_put(p, (uint32_t)len);
	memcpy(p + 4, name, len);
	be16_put(p + 4 + len, (uint16_t)n);
	for (size_t i = 0; i < n; i++)
		be16_put(p + 6 + len + 2 * i, infos[i]);
	return 6 + len + 2 * n;
}

size_t
meta_data(uint8_t *p, const char *name, const char *const *queries, uint32_t n)
{
	size_t len = strlen(name), at = 8 + len;

	be32_put(p, (uint32_t)len);
	memcpy(p + 4, name, len);
	be32_put(p + 4 + len, n);
	for (uint32_t i = 0; i < n; i++) {
		len = strlen(queries[i]);
		be32_put(p + at, (uint32_t)len);
		memcpy(p + at + 4, queries[i], len);
		at += 4 + len;
	}
	return at;
}

uint16_t
client_go(struct client *c, enum nwire_mode mode, const char *name)
{
	static const char *const query = "base:allocation";
	uint8_t data[256];
	const uint8_t *p;
	uint16_t flags = 0;
	uint32_t type;

	client_greet(c, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
	if (mode != NWIRE_SIMPLE) {
		client_ask(c,
		    mode == NWIRE_STRUCTURED ? NBD_OPT_STRUCTURED_REPLY
					     : NBD_OPT_EXTENDED_HEADERS,
		    NULL, 0, NBD_REP_ACK);
		client_option(c, NBD_OPT_SET_META_CONTEXT, data,
		    meta_data(data, name, &query, 1));
		assert_int_equal(
		    client_answer(c, NBD_OPT_SET_META_CONTEXT, NULL).type,
		    NBD_REP_META_CONTEXT);
		assert_int_equal(
		    client_answer(c, NBD_OPT_SET_META_CONTEXT, NULL).type,
		    NBD_REP_ACK);
	}
	client_option(c, NBD_OPT_GO, data, info_data(data, name, NULL, 0));
	do {
		type = client_answer(c, NBD_OPT_GO, &p).type;
		assert_true(type == NBD_REP_ACK || type == NBD_REP_INFO);
		if (type == NBD_REP_INFO && be16_get(p) == NBD_INFO_EXPORT)
			flags = be16_get(p + 10);
	} while (type != NBD_REP_ACK);
	c->mode = mode;
	return flags;
}

void
client_meta(struct client *c, uint32_t option, const char *name,
    const char *const *queries, uint32_t n, bool found)
{
	struct nwire_answer answer;
	uint8_t data[512];
	const uint8_t *p;

	client_option(c, option, data, meta_data(data, name, queries, n));
	answer = client_answer(c, option, &p);
	if (found) {
		assert_int_equal(answer.type, NBD_REP_META_CONTEXT);
		assert_int_equal(answer.length, 4 + 15);
		assert_int_equal(
		    be32_get(p), option == NBD_OPT_SET_META_CONTEXT);
		assert_memory_equal(p + 4, "base:allocation", 15);
		answer = client_answer(c, option, &p);
	}
	assert_int_equal(answer.type, NBD_REP_ACK);
	assert_int_equal(answer.length, 0);
}

void
assert_dropped(struct client *c, const char *why)
{
	const char *line = c->rig->line;
	struct error err;

	assert_true(client_closed(c, &err));
	assert_int_not_equal(err.class, ERROR_NONE);
	assert_non_null(strstr(err.text, why));
	assert_non_null(strstr(line, why));
	assert_non_null(strstr(line, "192.0.2.1:4711"));
}

/* ---- clients: transmission ---- */

uint64_t
client_request(struct client *c, uint16_t type, uint16_t flags, uint64_t offset,
    uint64_t length, const void *payload)
{
	struct nwire_request r = { .flags = flags,
		.type = type,
		.cookie = ++c->cookie * UINT64_C(0x0123456789abcdef),
		.offset = offset,
		.length = length };
	uint8_t head[NBD_REQUEST_LEN_MAX];

	if (c->mode == NWIRE_EXTENDED && payload != NULL)
		r.flags |= NBD_CMD_FLAG_PAYLOAD_LEN;
	nwire_put_request(head, c->mode, &r);
	client_bytes(c, head, nwire_request_len(c->mode));
	if (payload != NULL)
		client_bytes(c, payload, (size_t)length);
	return r.cookie;
}

/* What follows the header of a chunk, as far as all of a type have it. */
static void
parse_chunk(struct client *c, struct reply *r)
{
	size_t skip = 0;

	assert_int_equal(r->head.flags, NBD_REPLY_FLAG_DONE);
	r->data = client_take(c, (size_t)r->head.length);
	assert_non_null(r->data);
	switch (r->head.type) {
	case NBD_REPLY_TYPE_NONE:
		assert_int_equal(r->head.length, 0);
		break;
	case NBD_REPLY_TYPE_ERROR:
		r->error = be32_get(r->data);
		assert_int_not_equal(r->error, 0);
		assert_int_equal(r->head.length, 6 + be16_get(r->data + 4));
		skip = 6;
		break;
	case NBD_REPLY_TYPE_OFFSET_DATA:
		skip = 8;
		assert_true(r->head.length > 8);
		if (c->mode == NWIRE_EXTENDED)
			assert_true(r->head.offset == be64_get(r->data));
		break;
	case NBD_REPLY_TYPE_BLOCK_STATUS:
		skip = 4;
		assert_int_equal(c->mode, NWIRE_STRUCTURED);
		assert_true(
		    r->head.length >= 12 && (r->head.length - 4) % 8 == 0);
		assert_int_equal(be32_get(r->data), 1);
		break;
	case NBD_REPLY_TYPE_BLOCK_STATUS_EXT:
		skip = 8;
		assert_int_equal(c->mode, NWIRE_EXTENDED);
		assert_int_equal(be32_get(r->data), 1);
		assert_int_equal(
		    be32_get(r->data + 4) * 16 + 8, r->head.length);
		break;
	default:
		fail_msg("chunk type %u", r->head.type);
	}
	r->data += skip;
	r->len = (size_t)r->head.length - skip;
}

bool
client_reply(struct client *c, size_t read_len, struct reply *ret)
{
	struct reply r = { .len = 0 };
	int len;

	client_pump(c);
	len = nwire_get_reply(c->in, c->in_len, c->mode, &r.head);
	assert_true(len >= 0);
	if (len == 0)
		return false;
	client_take(c, (size_t)len);
	r.error = r.head.error;
	if (r.head.chunk) {
		parse_chunk(c, &r);
	} else if (r.error == 0 && read_len > 0) {
		r.data = client_take(c, read_len);
		r.len = read_len;
		assert_non_null(r.data);
	}
	*ret = r;
	return true;
}

uint32_t
client_do(struct client *c, uint16_t type, uint16_t flags, uint64_t offset,
    uint64_t length, const void *payload, struct reply *ret)
{
	uint64_t cookie =
	    client_request(c, type, flags, offset, length, payload);
	struct reply r;

	assert_true(
	    client_reply(c, type == NBD_CMD_READ ? (size_t)length : 0, &r));
	assert_true(r.head.cookie == cookie);
	assert_int_equal(c->in_len, 0);
	/* With chunks in use no data and no error comes in a simple reply. */
	if (c->mode != NWIRE_SIMPLE && !r.head.chunk) {
		assert_int_equal(c->mode, NWIRE_STRUCTURED);
		assert_int_equal(r.error, 0);
		assert_int_not_equal(type, NBD_CMD_READ);
	}
	if (r.head.chunk && r.error != 0)
		assert_true(r.len > 0);
	if (ret != NULL)
		*ret = r;
	return r.error;
}
