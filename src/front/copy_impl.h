/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copy_impl - what the files of the copy engine share: copy.c begins and ends
 * chunks, copy_plan.c says where the next one lies, copy_chunk.c takes one from
 * the source to the destination.
 *
 * Chunks are numbered in the order of the content and stand in a ring; one
 * leaves it when it and all before it are done.  What has left the ring is what
 * a journal may be told.
 */
#ifndef FRONT_COPY_IMPL_H
#define FRONT_COPY_IMPL_H

#include "front/copy.h"
#include "front/depth.h"

#define COPY_ALIGN   4096u /* holes begin and end there, or are not told */
#define COPY_EXTENTS 256
#define COPY_PIECES  16 /* WRITEs and ZEROs of one chunk in flight */
#define COPY_SALVAGE 40 /* more than log2 of the largest chunk */

enum chunk_state {
	CHUNK_BUSY,  /* at the source, a helper or the destination */
	CHUNK_READY, /* waits for its turn at a stream */
	CHUNK_DONE
};

struct piece {
	struct bdev_req req;
	struct iovec iov;
	struct error why;
	struct chunk *chunk;
};

struct chunk {
	struct copy *copy;
	SLIST_ENTRY(chunk) link; /* of those that are spare */
	enum chunk_state state;
	uint64_t at;	 /* in the source and the destination */
	uint64_t length; /* at most config.chunk, unless it is a hole */
	bool hole;	 /* is not read: zeros */
	bool filled;	 /* the content is known: it may be digested */
	bool digested;
	bool resumed;	  /* an earlier run has brought it */
	bool changed;	  /* is to be written */
	bool moved;	  /* by the target: only to be verified */
	bool ok;	  /* done, and at the destination */
	bool buf_lost;	  /* buf may still be referred to */
	bool lent;	  /* buf is the source's, and not to be looked into */
	uint8_t *buf;	  /* the content; NULL for a hole */
	uint8_t *back;	  /* as read back from the destination */
	uint64_t written; /* pieces up to here are submitted */
	unsigned pieces;  /* in flight */
	uint64_t skipped; /* bytes that were not put as data */
	bool loads;	  /* may have buffers: counts in copy.loaded */
	unsigned salvages;
	struct job job; /* changed() */

	/* From here on nothing is cleared for the next chunk. */
	struct piece piece[COPY_PIECES]; /* the first one reads, too */
	struct salvage {
		uint32_t at, length;
	} salvage[COPY_SALVAGE]; /* parts still to be read one by one */
};

struct copy {
	struct loop *loop;
	struct copy_config config;
	struct copy_status status;
	bool offload;	/* is tried, or known to work */
	uint32_t grain; /* zeros are looked for in such units; 0: not */
	bool borrows;	/* nobody needs to see the content */

	struct depth depth;
	struct chunk **ring;
	unsigned slots;
	SLIST_HEAD(, chunk) spare; /* the last used first */
	uint64_t head;		   /* number of the oldest chunk in the ring */
	uint64_t tail;		   /* number of the next one */
	uint64_t next;		   /* where it begins */
	uint64_t end;	 /* where the last one ends, as far as is known */
	uint64_t safe;	 /* all before it is at the destination */
	bool gap;	 /* what follows safe is not, and will not be */
	uint64_t put;	 /* number of the next chunk for a stream */
	unsigned loaded; /* chunks that may have buffers */
	struct free_buf {
		struct free_buf *next;
	} * bufs; /* of config.chunk bytes, the last used first */

	struct bdev_req extents_req;
	struct bdev_extent told[COPY_EXTENTS]; /* by the source */
	struct bdev_extent extents[2 * COPY_EXTENTS + 1];
	unsigned extents_n;
	uint64_t extents_from; /* where they begin */
	unsigned extents_i;    /* the extent in which next lies ... */
	uint64_t extents_at;   /* ... and where that begins */
	bool extents_used;     /* the source tells holes */
	bool extents_pending;  /* in flight */

	/* While a helper digests the chunks of one, the next one waits. */
	struct digest {
		struct copy *copy;
		struct job job;
		uint64_t from, to; /* numbers of its chunks; the same: free */
	} digest[2];
	struct lane digest_lane;
	uint64_t digest_next; /* number of the first chunk that is in none */

	struct bdev_req flush_req;
	struct error flush_why;
	uint64_t flushed; /* what the journal will be told */
	uint64_t saved;
	bool saving; /* flushing, or the journal notes */
	struct timer save_timer;

	uint64_t rate_at; /* when the next byte may be moved */
	struct timer rate_timer;
	struct deferred pump;
	bool stopping;
	bool flushed_last;
	bool ended;	  /* done() was called */
	struct error why; /* class ERROR_NONE: nothing went wrong */
};

/* copy.c */
uint8_t *copy_buf_get(struct copy *); /* or NULL */
void copy_buf_put(struct copy *, uint8_t *);
/* What happened first is what counts. */
void copy_fail(struct copy *, const struct error *why);
/* "WHAT at byte N: ..." of a request that failed. */
void copy_fail_at(struct copy *, const char *what, uint64_t at, int result,
    const struct error *why);
void copy_no_memory(struct copy *);
/* The state of a chunk is another: the copy looks what follows, soon. */
void copy_moved_on(struct copy *);

/* copy_plan.c */
void copy_plan_init(struct copy *);
/* The next chunk: 1 with at, length and hole, or 0: none now (the end, or
 * extents are being asked for). */
int copy_plan_next(struct copy *, struct chunk *);

/* copy_chunk.c */
void chunk_start(struct chunk *);
/* Its turn at a destination that is a stream. */
void chunk_put(struct chunk *);

#endif
