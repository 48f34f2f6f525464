/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runtime - the folder for what lives as long as a process: the first of
 * $XDG_RUNTIME_DIR/luntap, /run/user/UID/luntap and /tmp/luntap-UID that can be
 * had.  It must be a real folder, ours and closed to others; nothing is made
 * or believed in any other, since everybody may write to /tmp.  One whose path
 * is too long for sockets in it is passed over.
 */
#ifndef IO_RUNTIME_H
#define IO_RUNTIME_H

#include <limits.h>

#include "base/error.h"

#define RUNTIME_FOLDERS	 3
#define RUNTIME_FILE_MAX 37 /* bytes of a socket's name in it, at the most */

/* The folder, made if it is not there.  0, or -1 with err. */
int runtime_folder(char ret[PATH_MAX], struct error *err);
/* Each folder that is there, i = 0 .. RUNTIME_FOLDERS - 1: a process with
 * another environment may have used another.  0 or -errno. */
int runtime_existing(int i, char ret[PATH_MAX]);

#endif
