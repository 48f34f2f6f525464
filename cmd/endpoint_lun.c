/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * endpoint_lun - the LUN of an iscsi:// URL as an endpoint: front/disks.h with
 * one disk.
 */
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "cmd/endpoint_impl.h"
#include "proto/url.h"

static void
lun_note(void *ctx, const char *text)
{
	(void)ctx;
	(void)text; /* there is one LUN: it is not left out, but has failed */
}

/* A target that tells neither designators nor a serial number leaves the way to
 * the LUN as its name. */
static void
lun_up(void *ctx)
{
	struct endpoint *e = ctx;
	struct disk *disk = disks_next(e->disks, NULL);

	e->bdev = lun_bdev(disk->lun);
	lun_identity_text(
	    lun_identity(disk->lun), e->identity, sizeof(e->identity));
	if (e->identity[0] == '\0')
		snprintf(e->identity, sizeof(e->identity), "%s", e->name);
	endpoint_usable(e);
}

static void
lun_failed(void *ctx, const struct error *why)
{
	endpoint_failed(ctx, why);
}

static void
lun_stop_submitting(void *ctx)
{
	(void)ctx; /* the owner has said so: endpoint_close() */
}

static bool
lun_busy(void *ctx)
{
	(void)ctx;
	return false;
}

static void
lun_ended(void *ctx)
{
	endpoint_gone(ctx);
}

static int
lun_begin(struct endpoint *e, const struct url *url, struct error *err)
{
	char lun[LUNADDR_TEXT], target[ISCSI_NAME_MAX * 2];
	struct disks_config config = {
		.has_lun = true,
		.lun = url->lun,
		.read_only = !e->config.writable,
		.name = e->name,
		.log = &e->config.options->sink.log,
		.note = lun_note,
		.up = lun_up,
		.failed = lun_failed,
		.stop = lun_stop_submitting,
		.busy = lun_busy,
		.ended = lun_ended,
		.ctx = e,
	};

	if (url->target[0] == '\0' || !url->has_lun)
		return error_set(err, ERROR_USAGE,
		    "the URL names no LUN: /TARGET/LUN is wanted behind the "
		    "host; `luntap list` shows what there is");
	snprintf(e->name, sizeof(e->name), "iscsi://%s/%s/%s", url->portal,
	    escape(target, sizeof(target), url->target, strlen(url->target)),
	    lunaddr_text(lun, url->lun));
	snprintf(e->target, sizeof(e->target), "%s", url->target);
	if (options_link(e->config.options, url, &config.link, err) < 0)
		return -1;
	config.link.zerocopy = config.link.borrowed = e->config.zerocopy;
	return disks_new(e->loop, &config, &e->disks, err);
}

static int
lun_open(struct endpoint *e, struct error *err)
{
	struct url *url = options_url(e->text, false, err);
	int result;

	if (url == NULL)
		return -1;
	result = lun_begin(e, url, err);
	url_wipe(url);
	return result;
}

static void
lun_close(struct endpoint *e)
{
	disks_down(e->disks);
}

static void
lun_force(struct endpoint *e)
{
	disks_force(e->disks);
}

static void
lun_free_disks(struct endpoint *e)
{
	disks_free(e->disks);
}

const struct endpoint_ops endpoint_lun = {
	.kind = ENDPOINT_LUN,
	.open = lun_open,
	.close = lun_close,
	.force = lun_force,
	.free = lun_free_disks,
};
