/* SPDX-License-Identifier: BSD-2-Clause */
/* endpoint - see the header. */
#include "cmd/endpoint_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum endpoint_kind
endpoint_kind_of(const char *text)
{
	static const struct {
		const char *prefix;
		enum endpoint_kind kind;
	} schemes[] = {
		{ "iscsi:", ENDPOINT_LUN },
		{ "nbd:", ENDPOINT_NBD },
		{ "nbds:", ENDPOINT_NBD },
		{ "nbd+unix:", ENDPOINT_NBD },
		{ "nbds+unix:", ENDPOINT_NBD },
	};
	size_t i;

	if (strcmp(text, "-") == 0)
		return ENDPOINT_STREAM;
	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncmp(text, schemes[i].prefix,
			strlen(schemes[i].prefix)) == 0)
			return schemes[i].kind;
	return ENDPOINT_FILE;
}

/* ---- what happens is told from the loop's own stack ---- */

static void
endpoint_tell(struct deferred *deferred)
{
	struct endpoint *e = deferred->ctx;
	const struct error *why = e->why.class == ERROR_NONE ? NULL : &e->why;

	if (e->gone) {
		e->config.closed(e->config.ctx, why);
	} else if (e->closing) {
		return;
	} else if (!e->told_opened && (e->usable || why != NULL)) {
		e->told_opened = true;
		e->told_lost = why != NULL;
		e->config.opened(e->config.ctx, why);
	} else if (why != NULL && !e->told_lost) {
		e->told_lost = true;
		if (e->config.lost != NULL)
			e->config.lost(e->config.ctx, why);
	}
}

void
endpoint_usable(struct endpoint *e)
{
	e->usable = true;
	deferred_set(e->loop, &e->tell);
}

void
endpoint_failed(struct endpoint *e, const struct error *why)
{
	if (e->why.class == ERROR_NONE)
		e->why = *why;
	deferred_set(e->loop, &e->tell);
}

void
endpoint_gone(struct endpoint *e)
{
	e->gone = true;
	deferred_set(e->loop, &e->tell);
}

/* ---- for those that have no session ---- */

static void
flush_done(struct bdev_req *req)
{
	struct endpoint *e = req->ctx;
	struct error why;

	if (req->result < 0) {
		error_set(&why, ERROR_IO,
		    "%s: what was written last may not be on the medium: %s",
		    e->name, strerror(-req->result));
		endpoint_failed(e, &why);
	}
	endpoint_gone(e);
}

void
endpoint_flush(struct endpoint *e)
{
	if (e->bdev == NULL || !e->config.writable) {
		endpoint_gone(e);
		return;
	}
	e->flush =
	    (struct bdev_req){ .op = BDEV_FLUSH, .done = flush_done, .ctx = e };
	bdev_submit(e->bdev, &e->flush);
}

/* ---- the owner's side ---- */

static const struct endpoint_ops *
endpoint_ops_of(const char *text, struct error *err)
{
	static const struct endpoint_ops *const known[] = {
		&endpoint_lun,
		&endpoint_file,
		&endpoint_nbd,
		&endpoint_stream,
	};
	enum endpoint_kind kind = endpoint_kind_of(text);
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i]->kind == kind)
			return known[i];
	error_set(err, ERROR_USAGE, "%s: this kind is not supported", text);
	return NULL;
}

int
endpoint_open(struct loop *loop, const char *text,
    const struct endpoint_config *config, struct endpoint **ret,
    struct error *err)
{
	const struct endpoint_ops *ops = endpoint_ops_of(text, err);
	struct endpoint *e;

	if (ops == NULL)
		return -1;
	if (ops->kind == ENDPOINT_STREAM && !config->stream)
		return error_set(err, ERROR_USAGE,
		    "\"-\" is not possible here: it has an order instead of "
		    "offsets");
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return error_set(err, ERROR_FAILED, "out of memory");
	e->loop = loop;
	e->ops = ops;
	e->kind = ops->kind;
	e->config = *config;
	e->text = text;
	e->tell = (struct deferred){ .run = endpoint_tell, .ctx = e };
	if (ops->open(e, err) < 0) {
		endpoint_free(e);
		return -1;
	}
	*ret = e;
	return 0;
}

void
endpoint_close(struct endpoint *e)
{
	if (!e->closing) {
		e->closing = true;
		e->ops->close(e);
	} else if (!e->gone && e->ops->force != NULL) {
		e->ops->force(e);
	}
}

void
endpoint_free(struct endpoint *e)
{
	if (e == NULL)
		return;
	deferred_clear(e->loop, &e->tell);
	e->ops->free(e);
	free(e);
}

struct bdev *
endpoint_bdev(struct endpoint *e)
{
	return e->bdev;
}

enum endpoint_kind
endpoint_kind(const struct endpoint *e)
{
	return e->kind;
}

const char *
endpoint_name(const struct endpoint *e)
{
	return e->name;
}

const char *
endpoint_target(const struct endpoint *e)
{
	return e->kind == ENDPOINT_LUN ? e->target : NULL;
}

const char *
endpoint_identity(const struct endpoint *e)
{
	return e->identity;
}

bool
endpoint_created(const struct endpoint *e)
{
	return e->created;
}

bool
endpoint_same(const struct endpoint *a, const struct endpoint *b)
{
	if (a->kind == ENDPOINT_STREAM || a->kind != b->kind)
		return false;
	if (a->kind == ENDPOINT_FILE || a->kind == ENDPOINT_BLOCK)
		return a->device == b->device && a->inode == b->inode;
	return strcmp(a->identity, b->identity) == 0;
}
