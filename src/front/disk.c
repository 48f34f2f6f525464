/* SPDX-License-Identifier: BSD-2-Clause */
/* disk - see the header. */
#include "front/disk.h"

#include <errno.h>
#include <stdio.h>

#include "proto/scsi.h"

static uint64_t
disk_now(void *ctx)
{
	struct disk *disk = ctx;

	return loop_now(disk->loop);
}

static void
disk_wake(struct lun *lun, uint64_t at, void *ctx)
{
	struct disk *disk = ctx;

	(void)lun;
	if (at == CLOCK_NEVER)
		timer_clear(disk->loop, &disk->timer);
	else
		timer_set(disk->loop, &disk->timer, at);
}

static void
disk_timer(struct timer *timer, uint64_t now)
{
	struct disk *disk = timer->ctx;

	(void)now;
	lun_run(disk->lun);
}

static void
disk_ready(struct lun *lun, const struct error *err, void *ctx)
{
	struct disk *disk = ctx;
	struct error why;

	if (err == NULL && lun_type(lun) != SCSI_TYPE_DISK) {
		error_set(&why, ERROR_ABSENT, "LUN %s is not a disk (%s)",
		    disk->text, scsi_type_name(lun_type(lun)));
		err = &why;
	}
	disk->usable = err == NULL;
	disk->probed(disk, err);
}

static void
disk_luns_changed(struct lun *lun, void *ctx)
{
	struct disk *disk = ctx;

	(void)lun;
	disk->luns_changed(disk);
}

int
disk_init(struct disk *disk, const struct disk_config *config)
{
	char text[LUNADDR_TEXT];
	struct lun_config lun = {
		.session = config->session,
		.address = config->address,
		.read_only = config->read_only,
		.now = disk_now,
		.now_ctx = disk,
		.log = config->log,
		.ready = disk_ready,
		.wake = disk_wake,
		.luns_changed = disk_luns_changed,
		.ctx = disk,
	};

	disk->loop = config->loop;
	disk->probed = config->probed;
	disk->luns_changed = config->luns_changed;
	disk->ctx = config->ctx;
	disk->usable = false;
	lunaddr_number(config->address, &lun.number);
	snprintf(disk->name, sizeof(disk->name), "lun-%s",
	    lunaddr_text(text, config->address));
	disk->text = disk->name + 4;
	timer_init(&disk->timer, disk_timer, disk);
	disk->lun = lun_new(&lun);
	return disk->lun == NULL ? -ENOMEM : 0;
}

void
disk_fini(struct disk *disk)
{
	timer_clear(disk->loop, &disk->timer);
	lun_free(disk->lun);
}

bool
disk_healthy(void *ctx)
{
	struct disk *disk = ctx;

	return lun_healthy(disk->lun);
}
