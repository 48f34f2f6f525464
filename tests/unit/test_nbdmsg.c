/* SPDX-License-Identifier: BSD-2-Clause */
/* nbdmsg.h: what is told to the kernel, read back as it does; its answers.
 * nbdnl.h: the names of devices. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <linux/nbd-netlink.h>
#include <netlink/genl/genl.h>

#include "io/nbdmsg.h"
#include "io/nbdnl.h"

#define FAMILY 77

static struct nlattr *attrs[NBD_ATTR_MAX + 1];

static void
read_back(struct nl_msg *msg, int command)
{
	struct nlmsghdr *hdr;

	assert_non_null(msg);
	hdr = nlmsg_hdr(msg);
	assert_int_equal(hdr->nlmsg_type, FAMILY);
	assert_true(genlmsg_valid_hdr(hdr, 0));
	assert_int_equal(genlmsg_hdr(hdr)->cmd, command);
	assert_int_equal(genlmsg_parse(hdr, 0, attrs, NBD_ATTR_MAX, NULL), 0);
}

static void
connect_tells_everything(void **state)
{
	const int sockets[] = { 5, 9, 6 };
	const struct nbdmsg_device d = {
		.index = 3,
		.size = 5ull << 40,
		.block_size = 4096,
		.flags = 0xffff,
		.timeout = 300,
		.backend = "iscsi://portal/target/0",
		.sockets = sockets,
		.nsockets = 3,
	};
	struct nl_msg *msg = nbdmsg_connect(FAMILY, &d);
	struct nlattr *item;
	unsigned n = 0;
	int rem;

	(void)state;
	read_back(msg, NBD_CMD_CONNECT);
	assert_int_equal(nla_get_u32(attrs[NBD_ATTR_INDEX]), 3);
	assert_true(nla_get_u64(attrs[NBD_ATTR_SIZE_BYTES]) == 5ull << 40);
	assert_true(nla_get_u64(attrs[NBD_ATTR_BLOCK_SIZE_BYTES]) == 4096);
	assert_true(nla_get_u64(attrs[NBD_ATTR_TIMEOUT]) == 300);
	assert_true(nla_get_u64(attrs[NBD_ATTR_DEAD_CONN_TIMEOUT]) == 0);
	/* Those that it knows, of all sixteen. */
	assert_true(nla_get_u64(attrs[NBD_ATTR_SERVER_FLAGS]) == 0x017f);
	assert_true(nla_get_u64(attrs[NBD_ATTR_CLIENT_FLAGS]) == 0);
	assert_string_equal(
	    nla_get_string(attrs[NBD_ATTR_BACKEND_IDENTIFIER]), d.backend);
	nla_for_each_nested(item, attrs[NBD_ATTR_SOCKETS], rem)
	{
		struct nlattr *sock[NBD_SOCK_MAX + 1];

		assert_int_equal(nla_type(item), NBD_SOCK_ITEM);
		assert_int_equal(
		    nla_parse_nested(sock, NBD_SOCK_MAX, item, NULL), 0);
		assert_true(n < 3);
		assert_int_equal(nla_get_u32(sock[NBD_SOCK_FD]), sockets[n]);
		n++;
	}
	assert_int_equal(n, 3);
	nlmsg_free(msg);
}

static void
auto_leaves_the_choice(void **state)
{
	const int socket = 5;
	const struct nbdmsg_device d = {
		.index = NBDMSG_AUTO,
		.size = 512,
		.backend = "b",
		.sockets = &socket,
		.nsockets = 1,
	};
	struct nl_msg *msg = nbdmsg_connect(FAMILY, &d);

	(void)state;
	read_back(msg, NBD_CMD_CONNECT);
	assert_null(attrs[NBD_ATTR_INDEX]);
	nlmsg_free(msg);
}

static void
block_sizes_are_what_the_kernel_takes(void **state)
{
	(void)state;
	assert_int_equal(nbdmsg_block_size(1), 512);
	assert_int_equal(nbdmsg_block_size(512), 512);
	assert_int_equal(nbdmsg_block_size(1024), 1024);
	assert_int_equal(nbdmsg_block_size(4096), 4096);
	assert_int_equal(nbdmsg_block_size(65536), 4096);
}

static void
others_name_their_device(void **state)
{
	struct nl_msg *msg = nbdmsg_disconnect(FAMILY, 12);

	(void)state;
	read_back(msg, NBD_CMD_DISCONNECT);
	assert_int_equal(nla_get_u32(attrs[NBD_ATTR_INDEX]), 12);
	nlmsg_free(msg);
	msg = nbdmsg_status(FAMILY, 13);
	read_back(msg, NBD_CMD_STATUS);
	assert_int_equal(nla_get_u32(attrs[NBD_ATTR_INDEX]), 13);
	nlmsg_free(msg);
	msg = nbdmsg_resize(FAMILY, 14, 1ull << 33, "backend");
	read_back(msg, NBD_CMD_RECONFIGURE);
	assert_int_equal(nla_get_u32(attrs[NBD_ATTR_INDEX]), 14);
	assert_true(nla_get_u64(attrs[NBD_ATTR_SIZE_BYTES]) == 1ull << 33);
	assert_string_equal(
	    nla_get_string(attrs[NBD_ATTR_BACKEND_IDENTIFIER]), "backend");
	/* Without these it stays as it is. */
	assert_null(attrs[NBD_ATTR_BLOCK_SIZE_BYTES]);
	assert_null(attrs[NBD_ATTR_TIMEOUT]);
	nlmsg_free(msg);
}

/* ---- answers ---- */

static struct nl_msg *
answer(uint8_t command)
{
	struct nl_msg *msg = nlmsg_alloc();

	assert_non_null(msg);
	assert_non_null(genlmsg_put(msg, 1, 1, FAMILY, 0, 0, command, 1));
	return msg;
}

static void
index_is_read(void **state)
{
	struct nl_msg *msg = answer(NBD_CMD_CONNECT);
	uint32_t index = 99;

	(void)state;
	assert_int_equal(nbdmsg_read_index(nlmsg_hdr(msg), &index), -EBADMSG);
	assert_int_equal(index, 99);
	assert_int_equal(nla_put_u32(msg, NBD_ATTR_INDEX, 4), 0);
	assert_int_equal(nbdmsg_read_index(nlmsg_hdr(msg), &index), 0);
	assert_int_equal(index, 4);
	nlmsg_free(msg);
}

static void
put_device(struct nl_msg *msg, uint32_t index, uint8_t connected)
{
	struct nlattr *item = nla_nest_start(msg, NBD_DEVICE_ITEM);

	nla_put_u32(msg, NBD_DEVICE_INDEX, index);
	nla_put_u8(msg, NBD_DEVICE_CONNECTED, connected);
	nla_nest_end(msg, item);
}

static void
status_is_read(void **state)
{
	struct nl_msg *msg = answer(NBD_CMD_STATUS);
	struct nlattr *list;
	bool connected = true;

	(void)state;
	assert_int_equal(
	    nbdmsg_read_status(nlmsg_hdr(msg), 0, &connected), -EBADMSG);
	list = nla_nest_start(msg, NBD_ATTR_DEVICE_LIST);
	put_device(msg, 0, 0);
	put_device(msg, 1, 1);
	nla_nest_end(msg, list);
	assert_int_equal(nbdmsg_read_status(nlmsg_hdr(msg), 0, &connected), 0);
	assert_false(connected);
	assert_int_equal(nbdmsg_read_status(nlmsg_hdr(msg), 1, &connected), 0);
	assert_true(connected);
	assert_int_equal(nbdmsg_read_status(nlmsg_hdr(msg), 2, &connected), 0);
	assert_false(connected);
	nlmsg_free(msg);
}

/* ---- nbdnl ---- */

static void
names_of_devices(void **state)
{
	char path[NBDNL_PATH_MAX + 1];
	uint32_t index = 99;

	(void)state;
	assert_int_equal(nbdnl_parse("/dev/nbd0", &index), 0);
	assert_int_equal(index, 0);
	assert_int_equal(nbdnl_parse("nbd15", &index), 0);
	assert_int_equal(index, 15);
	assert_int_equal(nbdnl_parse("auto", &index), 0);
	assert_true(index == NBDMSG_AUTO);
	index = 99;
	assert_int_equal(nbdnl_parse("/dev/nbd0p1", &index), -EINVAL);
	assert_int_equal(nbdnl_parse("/dev/nbd", &index), -EINVAL);
	assert_int_equal(nbdnl_parse("/dev/nbd-1", &index), -EINVAL);
	assert_int_equal(nbdnl_parse("/dev/nbd4294967296", &index), -EINVAL);
	assert_int_equal(nbdnl_parse("/dev/sda", &index), -EINVAL);
	assert_int_equal(nbdnl_parse("", &index), -EINVAL);
	assert_int_equal(index, 99);
	nbdnl_path(7, path);
	assert_string_equal(path, "/dev/nbd7");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connect_tells_everything),
		cmocka_unit_test(auto_leaves_the_choice),
		cmocka_unit_test(block_sizes_are_what_the_kernel_takes),
		cmocka_unit_test(others_name_their_device),
		cmocka_unit_test(index_is_read),
		cmocka_unit_test(status_is_read),
		cmocka_unit_test(names_of_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
