/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nbdmsg - the messages of the generic netlink family "nbd" (the kernel's
 * include/uapi/linux/nbd-netlink.h), by which block devices /dev/nbdN are
 * given sockets, changed and asked about.  Only forms and reads them; nbdnl.h
 * sends them.
 */
#ifndef IO_NBDMSG_H
#define IO_NBDMSG_H

#include <stdbool.h>
#include <stdint.h>

#include <netlink/msg.h>

#define NBDMSG_AUTO UINT32_MAX /* an index: the kernel chooses */
/* Sockets of one device: as many as server.h takes connections. */
#define NBDMSG_SOCKETS_MAX 64

struct nbdmsg_device {
	uint32_t index;	     /* N of /dev/nbdN, or NBDMSG_AUTO */
	uint64_t size;	     /* bytes */
	uint32_t block_size; /* what the bdev has; see nbdmsg_block_size() */
	uint16_t flags;	     /* of transmission, NBD_FLAG_... */
	uint32_t timeout; /* s until a request without answer fails; 0: never */
	const char *backend; /* what is behind it, for sysfs */
	const int *sockets;  /* the kernel's ends */
	unsigned nsockets;
};

/*
 * The block size that the device gets.  The kernel takes powers of two from
 * 512 bytes to a page, and 4 KiB is a page everywhere; a bdev takes any
 * alignment, so larger blocks are offered as blocks of 4 KiB.
 */
uint32_t nbdmsg_block_size(uint32_t block_size);

/* NULL: no memory.  family: the number that the kernel has given to it. */
struct nl_msg *nbdmsg_connect(int family, const struct nbdmsg_device *);
struct nl_msg *nbdmsg_disconnect(int family, uint32_t index);
/* The size of a connected device, and nothing else, is another one now.  The
 * kernel wants to be told the same backend again. */
struct nl_msg *nbdmsg_resize(
    int family, uint32_t index, uint64_t size, const char *backend);
/* The same with nothing to change, which the kernel refuses with EINVAL when
 * the device has been disconnected. */
struct nl_msg *nbdmsg_confirm(int family, uint32_t index, const char *backend);
struct nl_msg *nbdmsg_status(int family, uint32_t index);

/* The index in the answer to connect.  0 or -EBADMSG. */
int nbdmsg_read_index(struct nlmsghdr *, uint32_t *ret);
/* Whether the device is connected, in the answer to status; a device that does
 * not exist is not.  0 or -EBADMSG. */
int nbdmsg_read_status(struct nlmsghdr *, uint32_t index, bool *ret);

#endif
