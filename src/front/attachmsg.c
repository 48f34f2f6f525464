/* SPDX-License-Identifier: BSD-2-Clause */
/* The server may be another user's by now: what it says is looked at before it
 * is used as a string. */
#include "front/attachmsg.h"

#include <sys/socket.h>
#include <errno.h>
#include <unistd.h>

int
attachmsg_pair(int ret[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, ret) == -1)
		return -errno;
	return 0;
}

int
attachmsg_send(int fd, const struct attachmsg *msg)
{
	ssize_t n;

	do {
		n = send(fd, msg, sizeof(*msg), MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == ECONNRESET ? -EPIPE : -errno;
	return 0;
}

int
attachmsg_tell(int fd, enum attachmsg_type type)
{
	const struct attachmsg msg = { .type = type };

	return attachmsg_send(fd, &msg);
}

/* What is printed with the privileges of the supervisor. */
static void
tame(struct error *why)
{
	if (why->class < ERROR_NONE || why->class > ERROR_IO)
		why->class = ERROR_FAILED;
	why->text[sizeof(why->text) - 1] = '\0';
	for (char *p = why->text; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
}

int
attachmsg_recv(int fd, struct attachmsg *ret)
{
	struct attachmsg msg;
	ssize_t n;

	do {
		n = recv(fd, &msg, sizeof(msg), 0);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (n == 0)
		return -EPIPE;
	if (n != sizeof(msg))
		return -EBADMSG;
	if (msg.type == ATTACHMSG_STATUS)
		msg.text[ATTACHMSG_TEXT_MAX] = '\0';
	if (msg.type == ATTACHMSG_ENDED)
		tame(&msg.why);
	*ret = msg;
	return 0;
}
