/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * supervisor_impl - what supervisor.c (states) and supervisor_job.c (what may
 * wait for the device) share.
 */
#ifndef FRONT_SUPERVISOR_IMPL_H
#define FRONT_SUPERVISOR_IMPL_H

#include <stdbool.h>

#include "front/attachmsg.h"
#include "front/supervisor.h"
#include "io/nbdnl.h"

enum supervisor_state {
	STARTING,   /* the server logs in */
	CONNECTING, /* the kernel gets its sockets */
	ATTACHED,
	QUIESCING, /* the device is claimed and flushed */
	DETACHING, /* the kernel gives its sockets back */
	ENDING,	   /* the server flushes and logs out */
	KILLING,   /* the server has been killed */
	CLEANING,  /* it has ended before the device was detached */
	ENDED
};

enum supervisor_event {
	EV_READY,     /* the server: the disk can be used */
	EV_CONNECTED, /* the device can be used */
	EV_FAILED,    /* it cannot; ->why says why */
	EV_BUSY,      /* it is in use; ->busy says by whom */
	EV_QUIET,     /* it is claimed, and nothing is dirty */
	EV_LATE,      /* it is not detached yet */
	EV_DETACHED,
	EV_HUNG_UP, /* the kernel has shut a connection down */
	EV_GONE,    /* the server has ended */
	EV_STOP,    /* the user wants it */
	EV_FORCE    /* in any case */
};
#define EV_LAST EV_FORCE

struct supervisor_job {
	struct job job;
	struct supervisor *supervisor;
	bool busy;
	bool again; /* start it once more */
	/* Of the helper while it is busy. */
	bool forced;
	uint32_t index;
	uint64_t size;
	int fd;
	int result;
	struct error err;
};

struct supervisor {
	struct loop *loop;
	struct supervisor_config config;
	enum supervisor_state state;
	struct deferred next; /* events that follow from an action */
	unsigned pending;     /* mask of those */
	struct timer timer;   /* for detaching */
	struct error why;     /* class 0: nothing went wrong */
	struct error busy;

	struct watch pidfd; /* of the server; fd -1: it has ended */
	struct watch channel;
	bool explained; /* the server has said how it went */
	unsigned ends;	/* how often it was told to end */
	char status[ATTACHMSG_TEXT_MAX + 1];
	bool status_wanted;

	struct watch sockets[NBDMSG_SOCKETS_MAX]; /* the kernel's ends */
	char path[NBDNL_PATH_MAX + 1];
	uint32_t index; /* NBDMSG_AUTO until the kernel has chosen */
	uint32_t block_size;
	uint16_t flags;
	uint64_t size;
	uint64_t told_size; /* what the kernel knows */
	bool connected;
	int claim; /* holds the device, or -1 */

	unsigned signals; /* that came here */
	unsigned asked;	  /* for the end, by the server */
	bool stop_wanted; /* as soon as it is attached */
	bool forced;

	struct supervisor_job connecting;
	struct supervisor_job resizing;
	struct supervisor_job quiescing;
	struct supervisor_job detaching;
};

void supervisor_event(struct supervisor *, enum supervisor_event);
void supervisor_soon(struct supervisor *, enum supervisor_event);
void supervisor_why(struct supervisor *, const struct error *);

void supervisor_init_jobs(struct supervisor *);
/* EV_CONNECTED or EV_FAILED follows. */
void supervisor_connect(struct supervisor *);
void supervisor_resize(struct supervisor *);
/* EV_BUSY or EV_QUIET follows. */
void supervisor_quiesce(struct supervisor *);
/* EV_DETACHED follows. */
void supervisor_disconnect(struct supervisor *);

#endif
