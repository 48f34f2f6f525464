/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An answer comes as a message of its own before the acknowledgement, which
 * nl_wait_for_ack() would take for the end; so each call receives until it has
 * seen an acknowledgement or an error.
 */
#include "io/nbdnl.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/nbd-netlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

struct nbdnl {
	struct nl_sock *sock;
	int family;
	bool done;
	int error; /* 0 or -errno: the kernel's */
	/* What to do with the answer. */
	int (*answer)(struct nbdnl *, struct nlmsghdr *);
	uint32_t index;
	bool connected;
};

void
nbdnl_path(uint32_t index, char ret[NBDNL_PATH_MAX + 1])
{
	snprintf(ret, NBDNL_PATH_MAX + 1, "/dev/nbd%lu", (unsigned long)index);
}

int
nbdnl_parse(const char *text, uint32_t *ret)
{
	unsigned long n;
	char *end;

	if (strcmp(text, "auto") == 0) {
		*ret = NBDMSG_AUTO;
		return 0;
	}
	if (strncmp(text, "/dev/", 5) == 0)
		text += 5;
	if (strncmp(text, "nbd", 3) != 0 || !isdigit((unsigned char)text[3]))
		return -EINVAL;
	errno = 0;
	n = strtoul(text + 3, &end, 10);
	if (*end != '\0' || errno != 0 || n > INT_MAX)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

/* ---- one question ---- */

static int
got_answer(struct nl_msg *msg, void *arg)
{
	struct nbdnl *nl = arg;
	int error = 0;

	if (nl->answer != NULL)
		error = nl->answer(nl, nlmsg_hdr(msg));
	if (error != 0)
		nl->error = error;
	return NL_OK;
}

static int
got_ack(struct nl_msg *msg, void *arg)
{
	struct nbdnl *nl = arg;

	(void)msg;
	nl->done = true;
	return NL_STOP;
}

static int
got_error(struct sockaddr_nl *from, struct nlmsgerr *answer, void *arg)
{
	struct nbdnl *nl = arg;

	(void)from;
	nl->done = true;
	nl->error = answer->error;
	return NL_STOP;
}

static int
nbdnl_open(struct nbdnl *nl, struct error *err)
{
	int error;

	*nl = (struct nbdnl){ .sock = nl_socket_alloc() };
	if (nl->sock == NULL)
		return error_set(err, ERROR_FAILED, "out of memory");
	error = genl_connect(nl->sock);
	if (error < 0) {
		error_set(err, ERROR_FAILED, "netlink: %s", nl_geterror(error));
		nl_socket_free(nl->sock);
		return -1;
	}
	nl->family = genl_ctrl_resolve(nl->sock, NBD_GENL_FAMILY_NAME);
	if (nl->family < 0) {
		error_set(err, ERROR_FAILED,
		    "the kernel offers no nbd here: try `modprobe nbd`; in a "
		    "container it needs the host's network namespace");
		nl_socket_free(nl->sock);
		return -1;
	}
	nl_socket_modify_cb(
	    nl->sock, NL_CB_VALID, NL_CB_CUSTOM, got_answer, nl);
	nl_socket_modify_cb(nl->sock, NL_CB_ACK, NL_CB_CUSTOM, got_ack, nl);
	nl_socket_modify_err_cb(nl->sock, NL_CB_CUSTOM, got_error, nl);
	return 0;
}

/* Takes over msg.  0, or -errno of the kernel or of ours. */
static int
nbdnl_ask(struct nbdnl *nl, struct nl_msg *msg)
{
	int error;

	if (msg == NULL)
		return -ENOMEM;
	error = nl_send_auto(nl->sock, msg);
	nlmsg_free(msg);
	if (error < 0)
		return -EIO;
	while (!nl->done) {
		error = nl_recvmsgs_default(nl->sock);
		if (error < 0 && error != -NLE_INTR && !nl->done)
			return -EIO;
	}
	return nl->error;
}

/* ---- what the kernel says, in words ---- */

static int
refused(struct error *err, uint32_t index, const char *doing, int error)
{
	char path[NBDNL_PATH_MAX + 1] = "a device";

	if (index != NBDMSG_AUTO)
		nbdnl_path(index, path);
	switch (error) {
	case -EPERM:
		return error_set(err, ERROR_FAILED,
		    "cannot %s %s: CAP_SYS_ADMIN is wanted; try as root "
		    "(without a device, --socket needs no privilege)",
		    doing, path);
	case -EBUSY:
		return error_set(err, ERROR_FAILED,
		    "cannot %s %s: it is in use; `luntap nbd --detach %s` "
		    "ends that, `--device auto` takes a free one",
		    doing, path, path);
	case -EINVAL:
		return error_set(err, ERROR_FAILED,
		    "cannot %s %s: the kernel does not take it; `dmesg` "
		    "says why",
		    doing, path);
	default:
		return error_set(err, ERROR_FAILED, "cannot %s %s: %s", doing,
		    path, strerror(-error));
	}
}

/* ---- the calls ---- */

static int
take_index(struct nbdnl *nl, struct nlmsghdr *hdr)
{
	return nbdmsg_read_index(hdr, &nl->index);
}

int
nbdnl_connect(
    const struct nbdmsg_device *d, uint32_t *ret_index, struct error *err)
{
	struct nbdnl nl;
	int error;

	if (nbdnl_open(&nl, err) < 0)
		return -1;
	nl.answer = take_index;
	nl.index = d->index;
	error = nbdnl_ask(&nl, nbdmsg_connect(nl.family, d));
	nl_socket_free(nl.sock);
	if (error == 0 && nl.index == NBDMSG_AUTO)
		error = -EBADMSG;
	if (error != 0)
		return refused(err, d->index, "attach", error);
	*ret_index = nl.index;
	return 0;
}

int
nbdnl_resize(
    uint32_t index, uint64_t size, const char *backend, struct error *err)
{
	struct nbdnl nl;
	int error;

	if (nbdnl_open(&nl, err) < 0)
		return -1;
	error = nbdnl_ask(&nl, nbdmsg_resize(nl.family, index, size, backend));
	nl_socket_free(nl.sock);
	return error == 0 ? 0 : refused(err, index, "resize", error);
}

int
nbdnl_disconnect(uint32_t index, struct error *err)
{
	struct nbdnl nl;
	int error;

	if (nbdnl_open(&nl, err) < 0)
		return -1;
	error = nbdnl_ask(&nl, nbdmsg_disconnect(nl.family, index));
	nl_socket_free(nl.sock);
	return error == 0 ? 0 : refused(err, index, "detach", error);
}

static int
take_status(struct nbdnl *nl, struct nlmsghdr *hdr)
{
	return nbdmsg_read_status(hdr, nl->index, &nl->connected);
}

int
nbdnl_connected(uint32_t index, struct error *err)
{
	struct nbdnl nl;
	int error;

	if (nbdnl_open(&nl, err) < 0)
		return -1;
	nl.answer = take_status;
	nl.index = index;
	error = nbdnl_ask(&nl, nbdmsg_status(nl.family, index));
	nl_socket_free(nl.sock);
	if (error != 0)
		return refused(err, index, "ask about", error);
	return nl.connected ? 1 : 0;
}

int
nbdnl_bound(uint32_t index, const char *backend, struct error *err)
{
	struct nbdnl nl;
	int error;

	if (nbdnl_open(&nl, err) < 0)
		return -1;
	error = nbdnl_ask(&nl, nbdmsg_confirm(nl.family, index, backend));
	nl_socket_free(nl.sock);
	if (error == 0 || error == -EINVAL)
		return error == 0;
	return refused(err, index, "ask about", error);
}
