/* SPDX-License-Identifier: BSD-2-Clause */
/* unixsock - stream sockets in the file system. */
#ifndef IO_UNIXSOCK_H
#define IO_UNIXSOCK_H

#include <sys/stat.h>
#include <sys/un.h>

/* 0, or -ENAMETOOLONG: the path of a socket has 107 bytes at the most. */
int unixsock_addr(const char *path, struct sockaddr_un *ret);

/* A blocking descriptor, or -errno (-ECONNREFUSED: nobody listens there). */
int unixsock_connect(const char *path);

/*
 * A non-blocking socket that listens at path, with mode 0600 from the start,
 * and what identifies the file.  A socket that nobody listens on any more is
 * replaced; whoever must be sure against another process that does the same at
 * the same time holds a lock.  -EADDRINUSE: somebody listens there, or it is no
 * socket.  -errno.
 */
int unixsock_listen(const char *path, int backlog, struct stat *ret_st);

/* Unless it is another's by now. */
void unixsock_remove(const char *path, const struct stat *);

#endif
