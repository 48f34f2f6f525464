/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attachmsg - what the server of an attached device (attach.h) and its
 * supervisor (supervisor.h) tell each other, over a socket pair that keeps
 * messages apart.
 *
 *     server                                supervisor
 *       |  READY (size, blocks, flags)  ->  |   the disk can be used
 *       |  <-  ATTACHED (index)             |   /dev/nbdN is there
 *       |  RESIZED (size)  ->               |   the target has changed it
 *       |  <-  STATUS                       |
 *       |  STATUS (text)  ->                |
 *       |  STOP  ->                         |   a signal has come
 *       |  <-  END                          |   the device is away: flush and
 *       |                                   |   log out; again: without the
 *       |                                   |   target
 *       |  ENDED (why)  ->                  |   the last: how it went
 *
 * Both are one program, so the structure needs no encoding.
 */
#ifndef FRONT_ATTACHMSG_H
#define FRONT_ATTACHMSG_H

#include <stdint.h>

#include "base/error.h"

#define ATTACHMSG_TEXT_MAX 4095

enum attachmsg_type {
	ATTACHMSG_READY = 1,
	ATTACHMSG_ATTACHED,
	ATTACHMSG_RESIZED,
	ATTACHMSG_STATUS,
	ATTACHMSG_STOP,
	ATTACHMSG_END,
	ATTACHMSG_ENDED
};

struct attachmsg {
	enum attachmsg_type type;
	union {
		struct {
			uint64_t size;
			uint32_t block_size;
			uint16_t flags; /* NBD_FLAG_... */
		} ready;
		uint64_t size;	  /* RESIZED */
		uint32_t index;	  /* ATTACHED */
		struct error why; /* ENDED; class 0: nothing went wrong */
		char text[ATTACHMSG_TEXT_MAX + 1]; /* STATUS of the server */
	};
};

/* The two ends, non-blocking.  0 or -errno. */
int attachmsg_pair(int ret[2]);
/* 0; -EPIPE: the other has ended; -EAGAIN: it does not read; -errno. */
int attachmsg_send(int fd, const struct attachmsg *);
/* The same, of a type that says all. */
int attachmsg_tell(int fd, enum attachmsg_type);
/* 0; -EPIPE: the other has ended; -EAGAIN: nothing has come; -EBADMSG. */
int attachmsg_recv(int fd, struct attachmsg *ret);

#endif
