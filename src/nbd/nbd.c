/* SPDX-License-Identifier: BSD-2-Clause */
/* nbd - the server and its exports. */
#include "nbd/nbd.h"

uint16_t
nbd_export_flags(const struct bdev *bdev)
{
	(void)bdev;
	return 0;
}
