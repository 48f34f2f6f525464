/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * secret - where passwords are kept, and how they get there.
 *
 * They come in the URL, in the environment or in a file.  The first act of main
 * takes them out of the places that other processes can read (ps, /proc/PID):
 * arguments with a secret are copied, then overwritten in place with a form
 * that shows stars; the variables are copied, overwritten and unset, so that no
 * child inherits them.  From then on they are in one piece of memory that no
 * core dump contains (MADV_DONTDUMP), that is kept out of swap where the limits
 * allow (mlock), and that is wiped at the end.
 *
 * The process itself stays dumpable (prctl): a process that is not cannot set
 * up its own user namespace, nor be looked at when it hangs.
 */
#ifndef CMD_SECRET_H
#define CMD_SECRET_H

#include <stddef.h>

#include "base/error.h"
#include "proto/auth.h"

/* Before anything else: arguments that hold secrets are replaced by copies.  0,
 * or -1 with err. */
int secret_init(int argc, char **argv, struct error *err);
/* Wipes everything; what secret_new() gave is gone. */
void secret_fini(void);
/* Wipes it but for the memory itself: for a process that has forked the one
 * that goes on with it. */
void secret_wipe(void);
/* A lock in memory does not survive fork(): the child that goes on calls this.
 */
void secret_lock(void);

/* Clears what functions that have returned have left on the stack: vector
 * registers are saved there, by the dynamic linker for one, with what was last
 * copied by them. */
void secret_scrub_stack(void);

/* Zeroed memory of this kind, until secret_fini(); NULL: used up. */
void *secret_new(size_t size);

/* What LIBISCSI_CHAP_USERNAME, _PASSWORD, _TARGET_USERNAME and _TARGET_PASSWORD
 * said; fields that were not set are empty. */
const struct auth *secret_environment(void);

/* Reads `user password [target_user target_password]`, one line, from a file
 * that only its owner can read.  Fills the four fields.  0, or -1 with err. */
int secret_file(const char *path, struct auth *ret, struct error *err);

#endif
