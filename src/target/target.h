/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * target - the embedded iSCSI target: the same protocol in the other role,
 * serving bdevs.  Sans-IO like the session: io/server.c moves the bytes.
 *
 *     target --- logical units (lu.c: SCSI device server over a bdev)
 *        |                            |
 *        +--- tconn (one connection, which is its session: framer, sender,
 *                    login, tasks) -- nexus (unit attentions, reservations)
 */
#ifndef TARGET_TARGET_H
#define TARGET_TARGET_H

#include <sys/uio.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bdev.h"
#include "base/clock.h"
#include "base/engine.h"
#include "base/error.h"
#include "base/log.h"
#include "proto/auth.h"
#include "proto/login.h"
#include "proto/param.h"

#define TARGET_LUNS_MAX 256
#define TARGET_TPGT	1 /* the one portal group */
#define TARGET_ACL_MAX	64

struct target;
struct tconn;

struct target_config {
	char name[ISCSI_NAME_MAX + 1];
	char alias[256];	 /* may be empty */
	const struct auth *auth; /* NULL or empty user: CHAP is not demanded */
	const char *acl[TARGET_ACL_MAX]; /* initiator names let in; none: all */
	unsigned acl_n;
	struct params offer;
	random_fn random;
	void *random_ctx;
	const struct log *log;
};

/* What a logical unit is made to fail at, for the tests of initiators. */
enum lu_fault_kind {
	LU_FAULT_READ,	   /* blocks: UNRECOVERED READ ERROR */
	LU_FAULT_WRITE,	   /* blocks: WRITE ERROR */
	LU_FAULT_NOT_READY /* all that needs the medium */
};
struct lu_fault {
	enum lu_fault_kind kind;
	uint64_t lba; /* of blocks */
	uint64_t count;
};
#define LU_FAULTS_MAX 16

struct lu_config {
	uint32_t block_size; /* 512 .. 4096, a power of two; the bdev's own
				granularity may be finer */
	bool thin;	     /* UNMAP, WRITE SAME with UNMAP, LBPME, LBPRZ */
	bool read_only;
	uint32_t copy_max; /* bytes that one segment of EXTENDED COPY may have,
			      a multiple of block_size; 0: the target's own */
	struct lu_fault faults[LU_FAULTS_MAX];
	unsigned fault_n;
};

/* NULL when memory is short.  The config is copied, what it points to is not.
 */
struct target *target_new(const struct target_config *);
/* Every tconn is freed before and target_in_flight() is 0.  Closes the bdevs.
 * Takes NULL. */
void target_free(struct target *);
/* Commands that are still with the bdevs, those of freed connections too. */
unsigned target_in_flight(const struct target *);
/* Adds the next LUN (0, 1, ...), takes over the bdev.  -EINVAL: its size is not
 * at least one block; -ENOSPC: TARGET_LUNS_MAX. */
int target_add_lun(struct target *, struct bdev *, const struct lu_config *);

/*
 * A connection was accepted.  local is what SendTargets answers as
 * TargetAddress ("addr:port", IPv6 in brackets).  wake(wake_ctx) is called when
 * a command of this connection completed outside of the driver's calls: there
 * is something to send.  NULL: no memory.
 */
struct tconn *tconn_new(struct target *, const char *peer, const char *local,
    void (*wake)(void *ctx), void *wake_ctx, uint64_t now);
/* The transport is gone.  Requests that are still with a bdev keep their
 * buffers until they are done; the tconn itself may be forgotten by the
 * caller. */
void tconn_free(struct tconn *);

/* 0 vectors: stop reading until something has been sent. */
int tconn_rx_iov(struct tconn *, struct iovec *iov, int max);
void tconn_rx_done(struct tconn *, size_t n, uint64_t now);
int tconn_tx_iov(struct tconn *, struct iovec *iov, int max, uint64_t now);
void tconn_tx_done(struct tconn *, size_t n, uint64_t now);
uint64_t tconn_deadline(const struct tconn *);
void tconn_tick(struct tconn *, uint64_t now);
/* True once the connection is to be closed (everything queued has been sent, or
 * nothing more may be); the error says why, ERROR_NONE after a logout. */
bool tconn_closing(const struct tconn *, struct error *ret_why);

/* The same calls as a table, whose ctx is a struct target. */
extern const struct engine_ops target_engine;

#endif
