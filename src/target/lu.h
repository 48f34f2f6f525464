/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lu - a logical unit: the SCSI device server of a disk (SPC-4, SBC-3) over a
 * bdev.  It knows commands, data and sense, and nothing of iSCSI.
 *
 *      transport                         device server
 *      lu_start(cmd)     ------------->  unit attention, reservation, CDB
 *        false: it has ended (status, sense)
 *        true:  data goes `dir`, `need` bytes, into or out of
 *               `data` (the medium's own memory) or a buffer to be given
 *      OUT: collects the data
 *      lu_run(cmd)       ------------->  does it, perhaps through the bdev
 *      cmd->done(cmd)    <-------------  status, sense, `length`
 *
 * The checks of lu_start() come before the medium is touched; between
 * lu_start() and lu_run() a command may be given up with lu_abort().  After
 * lu_run() done() comes once, also for an aborted command, perhaps before
 * lu_run() returns.
 *
 * Invariants:
 *  - Commands that write are in `writers` from the moment at which they may
 *    touch the medium until they end, in order of arrival.  One that is
 *    exclusive (COMPARE AND WRITE) has no overlapping neighbour there that has
 *    begun.
 *  - Data is placed into the medium's memory only by commands in `writers`.
 */
#ifndef TARGET_LU_H
#define TARGET_LU_H

#include <sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bdev.h"
#include "base/pool.h"
#include "proto/scsi.h"
#include "proto/sense.h"
#include "target/nexus.h"
#include "target/target.h"

/* INVALID FIELD IN COMMAND INFORMATION UNIT: only a target needs its name. */
#define SENSE_INVALID_FIELD_IN_UNIT 0x0e03

struct lu;
struct lu_cmd;
struct lu_op;

/* What the logical units of one target share. */
struct lu_set {
	const char *name; /* of the target */
	struct lu *lu[TARGET_LUNS_MAX];
	unsigned n;
	unsigned copies; /* under way */
	struct nexus_list nexuses;
	struct pool pool;
	size_t scratch_bytes; /* out with commands */
	/* Required.  Ends the commands of a nexus on a logical unit (PREEMPT
	 * AND ABORT), that of `by` excepted. */
	void (*abort)(struct lu_set *, struct lu *, struct nexus *victim,
	    struct lu_cmd *by);
};

enum lu_dir { LU_NONE, LU_IN, LU_OUT };

/* EXTENDED COPY, see lu_copy.c. */
struct lu_copy {
	uint8_t list_id;
	bool listed;  /* its status may be asked for */
	bool counted; /* in lu->copies */
	unsigned cscds, segments;
	unsigned segment; /* whose turn it is; of it: */
	struct lu *from;
	uint64_t from_at, to_at, length; /* bytes */
	uint64_t done;			 /* by the segments before */
	TAILQ_ENTRY(lu_cmd) link;	 /* lu->copies */
};

struct lu_cmd {
	/* Filled by the transport before lu_start(). */
	struct nexus *nexus;
	uint8_t cdb[CDB_MAX];
	uint32_t room_in;  /* bytes that the initiator takes */
	uint32_t room_out; /* bytes that it gives */
	bool direct;	   /* data may go to and from the medium's own memory */
	void (*done)(struct lu_cmd *);

	/* Filled by lu_start(). */
	enum lu_dir dir;
	uint32_t length; /* bytes the CDB asks to move; LU_IN: exact at the end,
			    what exceeds room_in is not in the buffer */
	uint32_t need;	 /* size of the buffer; LU_OUT: bytes to collect */
	uint8_t *data;	 /* the medium's memory, or the transport's to set */

	/* Filled before done(), or when lu_start() gives false. */
	uint8_t status;
	struct sense sense;
	bool drain; /* report the end only when the commands aborted by this one
		       have ended */

	/* The device server's own. */
	struct lu_set *set;
	struct lu *lu;	   /* NULL: none at this address */
	struct lu *medium; /* that it writes to: whose `writers` it is in */
	const struct lu_op *op;
	struct cdb f; /* the CDB's fields */
	struct bdev_req req;
	struct iovec iov;
	uint64_t first, last; /* LBAs, as in `writers` */
	uint64_t at;	      /* bytes or ranges done by the pieces before */
	unsigned ranges;      /* UNMAP: how many */
	uint8_t *scratch;
	size_t scratch_len;
	void (*begin)(struct lu_cmd *); /* when the range is free, or the
					   request done */
	bool mapped;			/* data is the medium's memory */
	bool writer;			/* in lu->writers */
	bool exclusive;
	bool begun; /* not waiting for its neighbours any more */
	bool aborted;
	bool halted; /* may not write to the medium any more */
	struct lu_copy copy;
	TAILQ_ENTRY(lu_cmd) link; /* medium->writers */
};

/* 0 or -errno; takes over the bdev when 0. */
int lu_new(struct lu_set *, unsigned number, struct bdev *,
    const struct lu_config *, struct lu **ret);
void lu_free(struct lu *); /* no command is with it; closes the bdev */

/* lu may be NULL: an address without a logical unit. */
bool lu_start(struct lu_set *, struct lu *, struct lu_cmd *);
void lu_run(struct lu_cmd *);
/* Between lu_start() and lu_run(): it is over, done() will not come. */
void lu_cancel(struct lu_cmd *);
/* After lu_run(): done() will come; a command that has not begun ends now. */
void lu_abort(struct lu_cmd *);
/* After lu_run(): whether it writes to this logical unit, to another one than
 * it was sent to. */
bool lu_writes_to(const struct lu_cmd *, const struct lu *);
/* Such a command fails there, as lu_abort() ends others. */
void lu_halt(struct lu_cmd *);

/* LOGICAL UNIT RESET, commands apart: a unit attention for every nexus. */
void lu_reset(struct lu *);
unsigned lu_number(const struct lu *);
/* The memory is the medium's own (struct lu_cmd, direct). */
bool lu_maps(const struct lu *, const void *memory);

#endif
