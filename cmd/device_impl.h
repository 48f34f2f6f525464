/* SPDX-License-Identifier: BSD-2-Clause */
/* device_impl - what the files of device.h share. */
#ifndef CMD_DEVICE_IMPL_H
#define CMD_DEVICE_IMPL_H

#include "cmd/device.h"
#include "cmd/serve.h"
#include "cmd/user.h"
#include "io/nbdnl.h"

/* The server, after the fork.  Its ends of channel and sockets are its own.
 * Returns the exit code. */
struct device_server_config {
	struct options *options;
	const struct nbd_front_config *front;
	const struct user *user; /* NULL: stay who we are */
	bool foreground;
	int channel;
	const int *sockets;
	unsigned nsockets;
};
int device_server(const struct device_server_config *);

/*
 * A device that was connected by a luntap of which nothing is left is taken
 * away from whom is dead, so that it can be had again.  0, or -1 with err: it
 * is in use.
 */
int device_reclaim(uint32_t index, struct error *err);

/* What sysfs shows of a device: "luntap[PID:SPACE]: URL", PID the server's in
 * the PID namespace of that inode number. */
int device_backend(
    char *dst, size_t size, pid_t server, const struct nbd_front_config *);

#endif
