/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listener - a place where connections are accepted: a TCP address, a path in
 * the file system, or a socket that somebody else has made for us.
 *
 * Nothing is accepted while its owner does not look (listener_look()), nor for
 * a moment after the process ran out of descriptors or memory; connections wait
 * in the queue of the kernel then.
 */
#ifndef IO_LISTENER_H
#define IO_LISTENER_H

#include <sys/queue.h>
#include <sys/stat.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/log.h"
#include "io/loop.h"
#include "io/socket.h"

enum listen_kind {
	LISTEN_TCP,	 /* text: "addr[:port]", numeric, port 0: a free one */
	LISTEN_UNIX,	 /* text: a path; mode 0600, removed at the end */
	LISTEN_INHERITED /* fd: a stream socket that listens */
};

struct listen_at {
	enum listen_kind kind;
	const char *text;
	const char *port; /* TCP: when the text has none */
	int fd;
};

struct listener {
	struct loop *loop;
	const struct log *log;
	struct watch watch;
	struct timer pause;
	bool looking; /* the owner wants connections */
	bool paused;
	char *path; /* to be removed; NULL: none */
	struct stat st;
	char address[SOCKET_NAME_MAX + 1]; /* "addr:port" really bound, path */
	/* Takes over fd, which does not block.  peer is for the log. */
	void (*taken)(void *ctx, int fd, const char *peer);
	void *ctx;
	TAILQ_ENTRY(listener) link; /* the owner's */
};

/* Whether the text can be right, before it is used.  0, or -1 with err. */
int listener_check(const struct listen_at *, struct error *err);
/* Listens, and looks.  The structure stays in place.  0, or -1 with err. */
int listener_open(struct listener *, struct loop *, const struct listen_at *,
    const struct log *, void (*taken)(void *ctx, int fd, const char *peer),
    void *ctx, struct error *err);
/* Also from taken(). */
void listener_look(struct listener *, bool look);
void listener_close(struct listener *);

#endif
