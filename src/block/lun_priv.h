/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a lun, shared by the files lun*.c.
 *
 *     lun.c            states, the way of a request in and out
 *     lun_probe.c      what is it?
 *     lun_identity.c   is it still the same?
 *     lun_io.c         a command of a request: sending, judging how it ended
 *     lun_rw.c         READ, WRITE, partial blocks
 *     lun_zero.c       ZERO, DISCARD
 *     lun_flush.c      FLUSH
 *     lun_extents.c    EXTENTS
 *     lun_copy.c       COPY
 *
 * A request (struct bdev_req) waits until it gets a lun_io of the fixed pool,
 * then, when it writes, for the lock on its blocks, and is carried out as one
 * command after another, each on the lun_io's task:
 *
 *     submit -> waiting -> [io] -> [range] -> next() <-> command
 *                                               |           |
 *                          done() <- finished <-+           v
 *                                                        parked, while the
 *                                                        gate is closed
 *
 * Invariants:
 *  - Commands go out only in LUN_OPEN.
 *  - A lun_io holds its range until its task is back from the session.
 *  - done() is called from lun_work() alone, after everything else is in order.
 */
#ifndef BLOCK_LUN_PRIV_H
#define BLOCK_LUN_PRIV_H

#include <stddef.h>

#include "block/lun.h"
#include "block/lun_probe.h"
#include "block/range.h"
#include "proto/sense.h"
#include "proto/xcopy.h"

#define LUN_IOS	 128 /* requests under way at a time */
#define LUN_IOVS 20  /* vectors of a command before memory is asked for */

struct lun_op;

/* A request under way. */
struct lun_io {
	struct task task; /* of the command */
	struct lun *lun;
	struct bdev_req *req;
	const struct lun_op *op;
	struct range range; /* blocks; a writer's lock */
	uint64_t at;	    /* bytes of the device: everything before is done */
	uint64_t end;
	uint64_t span_end; /* the write under way, see lun_span_next() */
	bool span_zeros;   /* its bytes are zeros, not the request's */
	uint8_t edges;	   /* its partial blocks that are still to be read */
	bool synced;	   /* behind its last command */
	bool placed;	   /* COPY: counted in lun->copy.running */
	bool cached;	   /* some of it went without FUA */
	unsigned losses;   /* that were told, or had been, when it began */
	uint64_t covers;   /* its SYNCHRONIZE CACHE: so many cached writes */
	/* What the command will have done when it ends well. */
	uint64_t cmd_end;
	uint8_t cmd_edges;
	bool cmd_sync;
	bool may_be_short;	/* less may be transferred than asked for */
	uint8_t retries;	/* of this command */
	uint8_t *bounce;	/* two blocks */
	struct iovec *iov_heap; /* when LUN_IOVS are not enough */
	struct iovec iovs[LUN_IOVS];
	TAILQ_ENTRY(lun_io) link; /* free, parked, copy.waiting */
};
TAILQ_HEAD(lun_io_queue, lun_io);

struct lun_op {
	/* Sends the next command, or ends the request. */
	void (*next)(struct lun_io *);
	bool writes; /* takes the lock of its blocks */
};

/* WAITING: for the session.  PAUSED: it becomes ready, and is asked again
 * later.  FAILED: requests fail; the next one tries anew.  GONE: the session
 * will not come back.  DEAD: it is another LUN now. */
#define LUN_STATES(X) \
	X(WAITING)    \
	X(PROBING)    \
	X(PAUSED)     \
	X(OPEN)       \
	X(FAILED)     \
	X(GONE)       \
	X(DEAD)       \
	X(STOPPED)
enum lun_state {
#define X(name) LUN_##name,
	LUN_STATES(X)
#undef X
};

enum lun_event {
	LUN_UP,	       /* the session is */
	LUN_LOST,      /* the session is, for now */
	LUN_FINAL,     /* and for good */
	LUN_RECHECK,   /* the target tells that something changed */
	LUN_PROVEN,    /* the probe succeeded */
	LUN_NOT_READY, /* the probe found it becoming ready */
	LUN_REFUSED,   /* the probe failed */
	LUN_OTHER,     /* the probe found another LUN */
	LUN_DUE,       /* time, or a request, to try again */
	LUN_STOP
};

/* See lun_copy.c. */
struct lun_copy {
	bool refused;	   /* the target was asked in vain */
	bool limits_known; /* the next four */
	bool no_list_id;
	uint64_t most;	     /* blocks of a command */
	uint64_t granule;    /* blocks */
	unsigned concurrent; /* commands */
	unsigned running;
	bool proven; /* the source's name means what is at its address */
	uint64_t proven_address;
	struct xcopy_cscd proven_name;
	struct lun_io_queue waiting; /* for the proof, or a place */
	/* The proof under way. */
	struct lun_io *prover; /* NULL: none */
	unsigned step;
	bool again; /* the LUN was probed meanwhile */
	uint64_t *luns;
	unsigned luns_n;
	unsigned lun_at; /* whose page is asked for */
	unsigned seen;	 /* LUNs that are the source */
	uint8_t *buf;
};

struct lun {
	struct bdev bdev;
	struct session_user user;
	struct lun_config config;
	enum lun_state state;
	struct lun_probe probe;

	/* What the last successful probe found. */
	bool known;
	bool unproven; /* the session was lost since */
	struct lun_facts facts;
	unsigned shift;	     /* log2 of the block size */
	uint64_t max_blocks; /* of one READ or WRITE */

	/* What the target was asked for in vain. */
	bool no_rw16;
	bool no_fua;
	bool no_sync16;
	bool no_sync;
	bool no_same;	    /* WRITE SAME(16) with UNMAP=0 */
	bool no_same_unmap; /* with UNMAP=1 */
	bool no_unmap;
	bool no_lba_status;

	struct lun_copy copy;

	/* See lun_flush.c. */
	uint64_t cached;  /* WRITEs without FUA, WRITE SAMEs that ended well */
	uint64_t flushed; /* so many of them were covered, or told as lost */
	unsigned losses;  /* times that acknowledged writes may have gone */
	unsigned losses_told; /* so many of them a FLUSH has reported */

	bool working; /* in lun_work() */
	bool told;    /* ready() was called */
	bool tell;    /* ready() is to be called */
	unsigned in_flight;
	struct range_set writes;
	struct bdev_req_queue waiting;
	struct bdev_req_queue finished;
	struct lun_io_queue free;
	struct lun_io_queue parked;
	uint8_t *bounces;
	struct lun_io ios[LUN_IOS];
};

static inline uint64_t
lun_block_size(const struct lun *lun)
{
	return UINT64_C(1) << lun->shift;
}

/* The block that holds the byte; the one behind it. */
static inline uint64_t
lun_floor(const struct lun *lun, uint64_t byte)
{
	return byte >> lun->shift;
}

static inline uint64_t
lun_ceil(const struct lun *lun, uint64_t byte)
{
	return (byte + lun_block_size(lun) - 1) >> lun->shift;
}

static inline struct lun *
lun_of_bdev(struct bdev *bdev)
{
	return (
	    struct lun *)(void *)((char *)bdev - offsetof(struct lun, bdev));
}

static inline struct lun_io *
lun_io_of_range(struct range *range)
{
	return (struct lun_io *)(void *)((char *)range -
					 offsetof(struct lun_io, range));
}

/* lun.c */
/* The lun whose bdev it is, or NULL: it is another provider's. */
struct lun *lun_from(struct bdev *);
void lun_event(struct lun *, enum lun_event);
/* Requests fail. */
bool lun_closed(const struct lun *);
/* Ends a request with -EIO because they do. */
void lun_refuse(struct lun *, struct bdev_req *);
/* Goes on with whatever can go on, then calls what is to be called.  From a
 * shallow stack only. */
void lun_work(struct lun *);
/* Takes over what a successful probe found: 0 or -ENOMEM. */
int lun_adopt(struct lun *, const struct lun_facts *);
/* Fills the bdev's fields, again after a refusal. */
void lun_describe(struct lun *);

/* lun_io.c */
void lun_io_init(struct lun *, struct lun_io *);
/* A free lun_io must exist.  May end the request at once. */
void lun_io_start(struct lun *, struct bdev_req *);
/* Sends the command that was prepared in io->task; the cmd_ fields say what it
 * will have done. */
void lun_io_send(struct lun_io *, enum task_dir, enum task_policy,
    const struct iovec *, int iovcnt, uint32_t length);
/* The same command again. */
void lun_io_resend(struct lun_io *);
/* The gate has been opened. */
void lun_io_unpark(struct lun_io *);
void lun_io_finish(struct lun_io *, int result);
/* The same with -EIO, and why. */
void lun_io_fail(struct lun_io *, enum error_class, const char *why);
/* Room for n vectors, or NULL. */
struct iovec *lun_io_iovs(struct lun_io *, int n);
/* The target tells that something about the LUN changed: look again. */
bool lun_attention_changed(const struct sense *);
/* It tells that it has other LUNs: passes that on. */
void lun_attention_luns(struct lun *, const struct sense *);
/* Not ready, and will be by itself. */
bool lun_becoming_ready(const struct sense *);
/* What the target held in its cache alone is gone: its power was. */
bool lun_attention_power(const struct sense *);
/* Where a command that starts at block `first` ends: at `end` when no more than
 * max blocks are left, else on a multiple of granule (plus align). */
uint64_t lun_cut(uint64_t first, uint64_t end, uint64_t max, uint64_t granule,
    uint64_t align);

/* lun_rw.c */
/* What one READ or WRITE may carry. */
uint64_t lun_max_blocks(const struct lun *);
void lun_read_next(struct lun_io *);
void lun_write_next(struct lun_io *);
/* The command is a WRITE that puts its data on the medium. */
bool lun_write_has_fua(const struct lun_io *);
/* Begins to write [io->at, end): zeros, or the request's bytes. */
void lun_span_begin(struct lun_io *, uint64_t end, bool zeros);
/* Sends its next command; false when it is complete, or none has begun. */
bool lun_span_next(struct lun_io *);
bool lun_rw_refused(struct lun_io *, const struct sense *);

/* lun_zero.c */
#define LUN_ZEROS_LEN 65536 /* at least a block */
void lun_zero_next(struct lun_io *);
void lun_discard_next(struct lun_io *);
bool lun_same_refused(struct lun_io *, const struct sense *);
bool lun_unmap_refused(struct lun_io *, const struct sense *);
bool lun_can_discard(const struct lun *);
bool lun_can_fast_zero(const struct lun *);
/* Unmapped blocks read as zeros. */
bool lun_unmapped_is_zero(const struct lun *);
/* LUN_ZEROS_LEN zeros, for TASK_OUT vectors. */
void *lun_zeros(void);

/* lun_flush.c */
void lun_flush_next(struct lun_io *);
/* Sends SYNCHRONIZE CACHE.  False when that is done, or cannot be; *ret is 0 or
 * -errno then. */
bool lun_sync_next(struct lun_io *, int *ret);
bool lun_sync_refused(struct lun_io *, const struct sense *);
/* A command ended well: counts it when it is a write that a cache may hold. */
void lun_cache_wrote(struct lun_io *);
/* 0, or -EIO: acknowledged writes of a request that is about to end well, or
 * those that a FLUSH stands for, may have been lost meanwhile. */
int lun_cache_verdict(struct lun_io *);
/* What is in the target's volatile cache may not have survived; why says what
 * happened. */
void lun_cache_lost(struct lun *, const char *why);
/* An earlier write, acknowledged before, has failed after all. */
void lun_deferred_error(struct lun *, const struct sense *);

/* lun_copy.c */
void lun_copy_init(struct lun *);
void lun_copy_next(struct lun_io *);
void lun_copy_unpark(struct lun_io *);
/* The target will not do it: the request has ended, or goes on. */
bool lun_copy_refused(struct lun_io *, const struct sense *, const char *why);
/* Any request's lun_io is given back. */
void lun_copy_release(struct lun_io *);
/* The next COPY that has waited and may go on, or NULL. */
struct lun_io *lun_copy_granted(struct lun *);
/* Something about the LUNs may have changed: prove it anew. */
void lun_copy_forget(struct lun *);
bool lun_can_copy(const struct lun *);

/* lun_extents.c */
void lun_extents_next(struct lun_io *);
bool lun_shows_holes(const struct lun *);

#endif
