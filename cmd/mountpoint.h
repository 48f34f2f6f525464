/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mountpoint - paths as mount and unmount agree on them, whatever the state of
 * what is mounted there.
 */
#ifndef CMD_MOUNTPOINT_H
#define CMD_MOUNTPOINT_H

#include <stddef.h>

/*
 * The absolute path, symbolic links resolved, to be freed.  The last part need
 * not exist, and may be a mount whose server is dead.  NULL with errno.
 */
char *mountpoint_resolve(const char *path);

/* Who has something open or its working folder there, as far as /proc shows it
 * to us: "1234 (bash), 77 (fio)", or "" .  Returns dst. */
const char *mountpoint_users(char *dst, size_t size, const char *mountpoint);

#endif
