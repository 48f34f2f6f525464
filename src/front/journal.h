/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal - how far a copy has come, in a file that outlives the process, so
 * that an interrupted copy goes on from there.
 *
 * It says of which copy it is, and is refused by any other.  It never says more
 * than it was told, and it is told of what is on the destination's medium.
 * Whenever the machine stops, either the last state or the one before it is
 * read back.  A file that is no journal is never written to.
 */
#ifndef FRONT_JOURNAL_H
#define FRONT_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "io/loop.h"

struct journal;

/* Which copy it is.  The identities are one line each, of any characters but
 * controls. */
#define JOURNAL_IDENTITY_MAX 1400
struct journal_id {
	const char *source;
	const char *destination;
	uint64_t source_size; /* UINT64_MAX: not known */
	uint64_t destination_size;
	uint64_t offset; /* the range that is copied */
	uint64_t length;
};

struct journal_state {
	uint64_t done; /* bytes of the range that need not be copied again */
	bool bad;      /* for some that could not be read zeros were written */
};

/*
 * Makes the file, or reads the one that is there, which has to be of the same
 * copy.  Keeps it locked against others.  An empty file counts as none.  It
 * blocks for as long as the file system does: not for a loop with work in
 * flight.  0: it is new; 1: it was there, so that the copy has begun, even if
 * nothing is done for certain; -1 with err, which says what differs.
 */
int journal_open(struct loop *, const char *path, const struct journal_id *,
    struct journal_state *ret_state, struct journal **ret, struct error *err);

/*
 * Notes the state of what is on the destination's medium.  saved() follows from the loop's stack when that is on the journal's medium, or
 * with -errno; then the journal still says what it said before.  One save is
 * under way at a time; of those that come meanwhile the newest is kept, and the
 * saved() of one that it has overtaken is not called.
 */
void journal_save(struct journal *, const struct journal_state *,
    void (*saved)(void *ctx, int result), void *ctx);

/* The copy is complete: removes the file, since one that is there belongs to a
 * copy that is not.  No save is under way.  Blocks.  0, or -1 with err. */
int journal_finish(struct journal *, struct error *err);
/* The file stays.  No save is under way.  Takes NULL. */
void journal_free(struct journal *);

#endif
