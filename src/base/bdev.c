/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bdev - what every provider would otherwise write again: the checks of a
 * request against its device.
 */
#include <errno.h>

#include "base/bdev.h"

void
bdev_submit(struct bdev *bdev, struct bdev_req *req)
{
	bdev->ops->submit(bdev, req);
}

void
bdev_interrupt(struct bdev *bdev)
{
	if (bdev->ops->interrupt != NULL)
		bdev->ops->interrupt(bdev);
}

const void *
bdev_borrow(struct bdev *bdev, uint64_t offset, size_t length)
{
	if (bdev->ops->borrow == NULL || offset > bdev->size ||
	    length > bdev->size - offset)
		return NULL;
	return bdev->ops->borrow(bdev, offset, length);
}

int
bdev_give_back(struct bdev *bdev, const void *memory, uint64_t offset,
    size_t length, struct error *why)
{
	return bdev->ops->give_back(bdev, memory, offset, length, why);
}

int
bdev_check(const struct bdev *bdev, const struct bdev_req *req)
{
	switch (req->op) {
	case BDEV_FLUSH:
		return 1;
	case BDEV_COPY:
		if (!bdev->can_copy)
			return -EOPNOTSUPP;
		/* fallthrough */
	case BDEV_WRITE:
	case BDEV_DISCARD:
	case BDEV_ZERO:
		if (bdev->read_only)
			return -EROFS;
		if (bdev->stream && req->op == BDEV_DISCARD)
			return -EOPNOTSUPP;
		break;
	case BDEV_EXTENTS:
		if (bdev->stream)
			return -EOPNOTSUPP;
		if (req->length == 0 || req->extents_max == 0)
			return -EINVAL;
		break;
	case BDEV_READ:
		break;
	default:
		return -EINVAL;
	}
	if (bdev->stream)
		return req->length > 0;
	if (req->offset > bdev->size || req->length > bdev->size - req->offset)
		return -EINVAL;
	return req->length > 0;
}

int
bdev_place(struct bdev_req *req)
{
	int (*place)(struct bdev_req *) = req->place;

	req->place = NULL;
	return place == NULL ? 0 : place(req);
}

struct kpipe *
bdev_pipe(struct bdev_req *req)
{
	if (req->place == NULL || req->pipe == NULL)
		return NULL;
	return req->pipe(req);
}
