/* SPDX-License-Identifier: BSD-2-Clause */
/* See attach.h; what is said is in attachmsg.h. */
#include "front/attach.h"

#include <sys/epoll.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "front/attachmsg.h"
#include "io/nbdnl.h"

struct attach {
	struct loop *loop;
	struct attach_config config;
	struct watch channel;
	bool orphan;
	struct bdev *bdev; /* NULL: not ready */
	uint64_t told_size;
};

static void
tell(struct attach *a, const struct attachmsg *msg)
{
	int error = a->orphan ? 0 : attachmsg_send(a->config.channel, msg);

	/* That it has died is heard by the watch. */
	if (error != 0 && error != -EPIPE)
		log_error(a->config.log, "the supervisor does not listen: %s",
		    strerror(-error));
}

static void
answer_status(struct attach *a)
{
	struct attachmsg msg = { .type = ATTACHMSG_STATUS };

	a->config.status(a->config.ctx, msg.text, sizeof(msg.text));
	tell(a, &msg);
}

static void
hear(struct attach *a, const struct attachmsg *msg)
{
	char path[NBDNL_PATH_MAX + 1];

	switch (msg->type) {
	case ATTACHMSG_ATTACHED:
		nbdnl_path(msg->index, path);
		a->config.attached(a->config.ctx, path);
		break;
	case ATTACHMSG_STATUS:
		answer_status(a);
		break;
	case ATTACHMSG_END:
		a->config.end(a->config.ctx);
		break;
	default: /* not a supervisor's */
		break;
	}
}

static void
channel_ready(struct watch *w, uint32_t events)
{
	struct attach *a = w->ctx;
	struct attachmsg msg;
	int error;

	(void)events;
	do {
		error = attachmsg_recv(a->config.channel, &msg);
		if (error == 0)
			hear(a, &msg);
	} while (error == 0);
	if (error == -EAGAIN)
		return;
	watch_remove(a->loop, &a->channel);
	a->orphan = true;
	a->config.orphaned(a->config.ctx);
}

int
attach_new(struct loop *loop, const struct attach_config *config,
    struct attach **ret, struct error *err)
{
	struct attach *a = calloc(1, sizeof(*a));
	int error = -ENOMEM;

	if (a != NULL) {
		a->loop = loop;
		a->config = *config;
		a->channel = (struct watch){
			.fd = config->channel, .ready = channel_ready, .ctx = a
		};
		error = watch_add(loop, &a->channel, EPOLLIN);
	}
	if (error != 0) {
		free(a);
		close(config->channel);
		return error_set(err, ERROR_FAILED, "%s", strerror(-error));
	}
	*ret = a;
	return 0;
}

static void
disk_changed(struct bdev *bdev, void *ctx)
{
	struct attach *a = ctx;
	const struct attachmsg msg = { .type = ATTACHMSG_RESIZED,
		.size = bdev->size };

	if (bdev->size == a->told_size)
		return;
	a->told_size = bdev->size;
	tell(a, &msg);
}

void
attach_ready(struct attach *a, struct bdev *bdev, uint16_t flags)
{
	const struct attachmsg msg = {
		.type = ATTACHMSG_READY,
		.ready = { .size = bdev->size,
		    .block_size = bdev->block_size,
		    .flags = flags },
	};

	a->bdev = bdev;
	a->told_size = bdev->size;
	bdev->changed = disk_changed;
	bdev->changed_ctx = a;
	tell(a, &msg);
}

bool
attach_stop(struct attach *a)
{
	const struct attachmsg msg = { .type = ATTACHMSG_STOP };

	if (a->orphan)
		return false;
	tell(a, &msg);
	return true;
}

void
attach_ended(struct attach *a, const struct error *why)
{
	struct attachmsg msg = { .type = ATTACHMSG_ENDED };

	if (why != NULL)
		msg.why = *why;
	tell(a, &msg);
}

void
attach_free(struct attach *a)
{
	if (a == NULL)
		return;
	if (a->bdev != NULL && a->bdev->changed_ctx == a)
		a->bdev->changed = NULL;
	watch_remove(a->loop, &a->channel);
	close(a->config.channel);
	free(a);
}
