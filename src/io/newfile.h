/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newfile - a file that gets its name when it is complete: written beside the
 * place it is meant for, synced, renamed, and the folder synced.  Whenever the
 * machine stops, there is either what was there before, or all of the new.
 *
 * Everything blocks.
 */
#ifndef IO_NEWFILE_H
#define IO_NEWFILE_H

#include <stdbool.h>
#include <stddef.h>

struct newfile {
	int fd;
	char *path; /* where it is to be: links are followed */
	char *temp;
};

/* With the mode of the file that it will replace; only regular files can be.
 * 0 or -errno. */
int newfile_open(struct newfile *, const char *path);
/* 0 or -errno. */
int newfile_write(struct newfile *, const void *data, size_t len);
/*
 * Puts it in place and ends it; without replace only where there is nothing,
 * else -EEXIST.  ret_fd (may be NULL) takes the descriptor.  0 or -errno: then
 * it is still there for newfile_abandon().
 */
int newfile_commit(struct newfile *, bool replace, int *ret_fd);
/* Removes it. */
void newfile_abandon(struct newfile *);

/* What has happened to names in the folder of path is on the medium.  0 or
 * -errno. */
int newfile_sync_folder(const char *path);

#endif
