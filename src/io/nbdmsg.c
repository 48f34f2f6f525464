/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel does with each attribute was read in drivers/block/nbd.c of
 * 6.1 and 6.12.
 *
 *     CONNECT      INDEX (none: a free device, or a new one), SIZE_BYTES,
 *                  BLOCK_SIZE_BYTES, TIMEOUT, DEAD_CONN_TIMEOUT, SERVER_FLAGS,
 *                  CLIENT_FLAGS, SOCKETS { SOCK_ITEM { SOCK_FD } ... },
 *                  BACKEND_IDENTIFIER     -> INDEX
 *     RECONFIGURE  INDEX, BACKEND_IDENTIFIER, SIZE_BYTES
 *     DISCONNECT   INDEX
 *     STATUS       INDEX  -> DEVICE_LIST { DEVICE_ITEM { DEVICE_INDEX,
 *                                          DEVICE_CONNECTED } ... }
 *
 * DEAD_CONN_TIMEOUT is how long requests wait for new sockets when all are
 * dead.  Ours are dead when their server is, and nobody will bring new ones, so
 * it is 0: the error comes at once.
 *
 * CLIENT_FLAGS are 0.  DISCONNECT_ON_CLOSE would take the device away when mkfs
 * closes it; DESTROY_ON_DISCONNECT would remove the device nodes that the
 * module has made when it was loaded.  The attribute is there since the kernel
 * remembers the latter from the last user of the device.
 */
#include "io/nbdmsg.h"

#include <errno.h>

#include <linux/nbd.h>
#include <linux/nbd-netlink.h>
#include <netlink/genl/genl.h>

#define DEVICE_BLOCK_MIN 512u
#define DEVICE_BLOCK_MAX 4096u

/*
 * SERVER_FLAGS: those that the driver knows.  Kernels before 6.12 overlook the
 * two that their header does not have.  The others promise what the driver
 * does not speak, such as structured replies.
 */
#define FLAG_ROTATIONAL	  (1u << 4)
#define FLAG_WRITE_ZEROES (1u << 6)
#define DEVICE_FLAGS                                                     \
	(NBD_FLAG_HAS_FLAGS | NBD_FLAG_READ_ONLY | NBD_FLAG_SEND_FLUSH | \
	    NBD_FLAG_SEND_FUA | FLAG_ROTATIONAL | NBD_FLAG_SEND_TRIM |   \
	    FLAG_WRITE_ZEROES | NBD_FLAG_CAN_MULTI_CONN)

uint32_t
nbdmsg_block_size(uint32_t block_size)
{
	if (block_size < DEVICE_BLOCK_MIN)
		return DEVICE_BLOCK_MIN;
	return block_size < DEVICE_BLOCK_MAX ? block_size : DEVICE_BLOCK_MAX;
}

static struct nl_msg *
message(int family, uint8_t command)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (msg != NULL && genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family,
			       0, 0, command, NBD_GENL_VERSION) == NULL) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* With the only attribute that all have. */
static struct nl_msg *
message_to(int family, uint8_t command, uint32_t index)
{
	struct nl_msg *msg = message(family, command);

	if (msg != NULL && index != NBDMSG_AUTO &&
	    nla_put_u32(msg, NBD_ATTR_INDEX, index) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static int
put_sockets(struct nl_msg *msg, const struct nbdmsg_device *d)
{
	struct nlattr *list = nla_nest_start(msg, NBD_ATTR_SOCKETS);

	if (list == NULL)
		return -1;
	for (unsigned i = 0; i < d->nsockets; i++) {
		struct nlattr *item = nla_nest_start(msg, NBD_SOCK_ITEM);

		if (item == NULL ||
		    nla_put_u32(msg, NBD_SOCK_FD, (uint32_t)d->sockets[i]) < 0)
			return -1;
		nla_nest_end(msg, item);
	}
	nla_nest_end(msg, list);
	return 0;
}

struct nl_msg *
nbdmsg_connect(int family, const struct nbdmsg_device *d)
{
	struct nl_msg *msg = message_to(family, NBD_CMD_CONNECT, d->index);

	if (msg == NULL)
		return NULL;
	if (nla_put_u64(msg, NBD_ATTR_SIZE_BYTES, d->size) < 0 ||
	    nla_put_u64(msg, NBD_ATTR_BLOCK_SIZE_BYTES,
		nbdmsg_block_size(d->block_size)) < 0 ||
	    nla_put_u64(msg, NBD_ATTR_TIMEOUT, d->timeout) < 0 ||
	    nla_put_u64(msg, NBD_ATTR_DEAD_CONN_TIMEOUT, 0) < 0 ||
	    nla_put_u64(msg, NBD_ATTR_SERVER_FLAGS, d->flags & DEVICE_FLAGS) <
		0 ||
	    nla_put_u64(msg, NBD_ATTR_CLIENT_FLAGS, 0) < 0 ||
	    nla_put_string(msg, NBD_ATTR_BACKEND_IDENTIFIER, d->backend) < 0 ||
	    put_sockets(msg, d) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

struct nl_msg *
nbdmsg_disconnect(int family, uint32_t index)
{
	return message_to(family, NBD_CMD_DISCONNECT, index);
}

struct nl_msg *
nbdmsg_confirm(int family, uint32_t index, const char *backend)
{
	struct nl_msg *msg = message_to(family, NBD_CMD_RECONFIGURE, index);

	if (msg != NULL &&
	    nla_put_string(msg, NBD_ATTR_BACKEND_IDENTIFIER, backend) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

struct nl_msg *
nbdmsg_resize(int family, uint32_t index, uint64_t size, const char *backend)
{
	struct nl_msg *msg = nbdmsg_confirm(family, index, backend);

	if (msg != NULL && nla_put_u64(msg, NBD_ATTR_SIZE_BYTES, size) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

struct nl_msg *
nbdmsg_status(int family, uint32_t index)
{
	return message_to(family, NBD_CMD_STATUS, index);
}

/* ---- answers ---- */

static int
parse(struct nlmsghdr *hdr, struct nlattr *attrs[NBD_ATTR_MAX + 1])
{
	static struct nla_policy policy[NBD_ATTR_MAX + 1] = {
		[NBD_ATTR_INDEX] = { .type = NLA_U32 },
		[NBD_ATTR_DEVICE_LIST] = { .type = NLA_NESTED },
	};

	if (!genlmsg_valid_hdr(hdr, 0) ||
	    genlmsg_parse(hdr, 0, attrs, NBD_ATTR_MAX, policy) < 0)
		return -EBADMSG;
	return 0;
}

int
nbdmsg_read_index(struct nlmsghdr *hdr, uint32_t *ret)
{
	struct nlattr *attrs[NBD_ATTR_MAX + 1];

	if (parse(hdr, attrs) < 0 || attrs[NBD_ATTR_INDEX] == NULL)
		return -EBADMSG;
	*ret = nla_get_u32(attrs[NBD_ATTR_INDEX]);
	return 0;
}

int
nbdmsg_read_status(struct nlmsghdr *hdr, uint32_t index, bool *ret)
{
	static struct nla_policy policy[NBD_DEVICE_ATTR_MAX + 1] = {
		[NBD_DEVICE_INDEX] = { .type = NLA_U32 },
		[NBD_DEVICE_CONNECTED] = { .type = NLA_U8 },
	};
	struct nlattr *attrs[NBD_ATTR_MAX + 1], *item;
	bool connected = false;
	int rem;

	if (parse(hdr, attrs) < 0 || attrs[NBD_ATTR_DEVICE_LIST] == NULL)
		return -EBADMSG;
	nla_for_each_nested(item, attrs[NBD_ATTR_DEVICE_LIST], rem)
	{
		struct nlattr *device[NBD_DEVICE_ATTR_MAX + 1];

		if (nla_parse_nested(
			device, NBD_DEVICE_ATTR_MAX, item, policy) < 0 ||
		    device[NBD_DEVICE_INDEX] == NULL ||
		    device[NBD_DEVICE_CONNECTED] == NULL)
			return -EBADMSG;
		if (nla_get_u32(device[NBD_DEVICE_INDEX]) == index)
			connected = nla_get_u8(device[NBD_DEVICE_CONNECTED]);
	}
	*ret = connected;
	return 0;
}
