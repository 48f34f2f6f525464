/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lu_impl - what the parts of the device server share; lu.h is its face.
 *
 * A command's handler is a pair: start() checks the fields and says what data
 * is wanted, run() does the work once the data (or the room for it) is there.
 * Every start() ends in `return lu_fail(...)`, `return lu_good(...)` or
 * `return true`, every run() sooner or later in lu_finish().
 */
#ifndef TARGET_LU_IMPL_H
#define TARGET_LU_IMPL_H

#include "target/lu.h"

#define LU_TRANSFER_MAX	    ((uint32_t)8 << 20) /* bytes, one command */
#define LU_TRANSFER_OPTIMAL ((uint32_t)1 << 20) /* bytes */
#define LU_PIECE	    ((uint32_t)1 << 20) /* bytes of a request of ours */
#define LU_SCRATCH_MAX	    ((size_t)64 << 20)	/* bytes, all commands */
#define LU_UNMAP_BLOCKS	    (UINT32_C(1) << 20)
#define LU_UNMAP_RANGES	    256
#define LU_WRITE_SAME_MAX   UINT32_C(32768) /* blocks: no long stalls */
#define LU_CAW_BLOCKS	    255
#define LU_REGISTRATIONS    128
#define LU_COPY_CSCDS	    16 /* of one EXTENDED COPY */
#define LU_COPY_SEGMENTS    16
#define LU_COPY_LIST \
	(LU_COPY_CSCDS * XCOPY_CSCD_LEN + LU_COPY_SEGMENTS * XCOPY_SEGMENT_LEN)
#define LU_COPY_ROOM	   4096			/* bytes of a parameter list */
#define LU_COPY_BYTES	   (UINT32_C(32) << 20) /* one segment */
#define LU_COPY_CONCURRENT 16			/* of the target */
#define LU_COPY_RESULTS	   16			/* kept by a logical unit */

/* What a command does to the data, for persistent reservations. */
enum lu_access { LU_ANY, LU_READS, LU_WRITES };

#define LU_OP_NO_UA 0x01u /* works while a unit attention is pending */
#define LU_OP_THIN  0x02u /* exists on thin logical units only */
#define LU_OP_READY 0x04u /* wants a medium that is ready */

struct lu_op {
	enum lu_access access;
	unsigned flags;
	bool (*start)(struct lu_cmd *);
	void (*run)(struct lu_cmd *);
};

/* Persistent reservations (SPC-4, 5.13). */
struct registration {
	TAILQ_ENTRY(registration) link;
	char initiator[ISCSI_NAME_MAX + 1];
	uint8_t isid[6];
	uint64_t key;
};
struct reserve {
	TAILQ_HEAD(, registration) list;
	unsigned n;
	uint32_t generation;
	uint8_t type;		     /* SCSI_PR_..., 0: no reservation */
	struct registration *holder; /* NULL for the all-registrants types */
};

/* How a copy ended. */
struct copy_result {
	bool used;
	uint8_t list_id;
	char initiator[ISCSI_NAME_MAX + 1];
	uint8_t isid[6];
	struct xcopy_status status;
};

struct lu {
	struct lu_set *set;
	unsigned number;
	struct bdev *bdev;
	struct lu_config config;
	unsigned shift; /* of the block size */
	uint64_t blocks;
	TAILQ_HEAD(, lu_cmd) writers;
	unsigned exclusives; /* commands in writers that are exclusive */
	struct reserve reserve;
	TAILQ_HEAD(, lu_cmd) copies; /* sent here */
	struct copy_result copy_results[LU_COPY_RESULTS];
	unsigned copy_result_next;
	uint8_t naa[8];
	char serial[17];
};

/* CHECK CONDITION; false. */
bool lu_fail(struct lu_cmd *, enum sense_key, unsigned code);
/* ILLEGAL REQUEST, INVALID FIELD IN CDB, with the byte that is wrong; false. */
bool lu_fail_cdb(struct lu_cmd *, unsigned byte);
/* GOOD; false. */
bool lu_good(struct lu_cmd *);
/* Ends a command in run(). */
void lu_finish(struct lu_cmd *);
/* lu_fail() and lu_finish(). */
void lu_finish_fail(struct lu_cmd *, enum sense_key, unsigned code);

/* start(): parameter data of at most size bytes will come from run(). */
bool lu_want_in(struct lu_cmd *, uint32_t size);
/* run(): len bytes of it (cut here at the allocation length). */
void lu_give(struct lu_cmd *, int len);

/* One request to the bdev; next() comes when it is done. */
void lu_submit(struct lu_cmd *, enum bdev_op, unsigned flags, uint64_t offset,
    uint64_t length, void *buf, void (*next)(struct lu_cmd *));
/* The same to the bdev of another logical unit. */
void lu_submit_to(struct lu_cmd *, struct lu *, enum bdev_op, unsigned flags,
    uint64_t offset, uint64_t length, void *buf, void (*next)(struct lu_cmd *));
/* Ends the command with the sense that fits req.result, which is < 0. */
void lu_finish_bdev(struct lu_cmd *, uint64_t lba);
/* Memory until the end of the command; false: the command has ended. */
bool lu_scratch(struct lu_cmd *, size_t size);

/* Whether [first, last] of c may be written now. */
bool lu_writable_now(const struct lu *, const struct lu_cmd *c);
/* Enters `writers` of c->medium; begin() comes now or when the neighbours have
 * ended. */
void lu_enter(struct lu_cmd *, bool exclusive, void (*begin)(struct lu_cmd *));
void lu_leave(struct lu_cmd *); /* before the end of the command */

/* The table of commands: NULL when this logical unit does not have it. */
const struct lu_op *lu_op_find(
    const struct lu *, uint8_t opcode, uint16_t service_action);

/* Whether an operation code is one command, or several by service action;
 * neither when it is not known. */
bool lu_op_plain(uint8_t opcode);
bool lu_op_has_actions(uint8_t opcode);

/* lu_fault.c: false when the command failed by a fault of the config. */
bool lu_check_ready(struct lu_cmd *);
bool lu_check_faults(
    struct lu_cmd *, enum lu_fault_kind, uint64_t lba, uint64_t blocks);
/* For another logical unit than the command's. */
#define LU_NO_FAULT UINT64_MAX
bool lu_ready(const struct lu *);
uint64_t lu_first_fault(
    const struct lu *, enum lu_fault_kind, uint64_t lba, uint64_t blocks);

/* lu_reserve.c */
void reserve_init(struct reserve *);
void reserve_fini(struct reserve *);
bool reserve_allows(const struct lu *, const struct nexus *, enum lu_access);
extern const struct lu_op lu_op_pr_read_keys;
extern const struct lu_op lu_op_pr_read_reservation;
extern const struct lu_op lu_op_pr_capabilities;
extern const struct lu_op lu_op_pr_full_status;
extern const struct lu_op lu_op_pr_out;

/* lu_inquiry.c */
void lu_identify(struct lu *); /* sets naa and serial */
extern const struct lu_op lu_op_inquiry;

/* lu_copy.c */
extern const struct lu_op lu_op_extended_copy;

/* lu_copy_report.c */
/* Counts a copy that is about to begin; false: the command has ended. */
bool lu_copy_begin(struct lu_cmd *, const struct xcopy_header *);
void lu_copy_end(struct lu_cmd *);	 /* any command's end */
uint32_t lu_copy_max(const struct lu *); /* bytes of a segment */
int lu_third_party_put(const struct lu *, uint8_t *buf, size_t size);
extern const struct lu_op lu_op_copy_status;
extern const struct lu_op lu_op_copy_limits;

/* lu_report.c */
extern const struct lu_op lu_op_report_luns;
extern const struct lu_op lu_op_report_opcodes;
extern const struct lu_op lu_op_report_tmf;
extern const struct lu_op lu_op_test_unit_ready;
extern const struct lu_op lu_op_request_sense;
extern const struct lu_op lu_op_start_stop;

/* lu_mode.c */
extern const struct lu_op lu_op_mode_sense;

/* lu_block.c */
extern const struct lu_op lu_op_read;
extern const struct lu_op lu_op_write;
extern const struct lu_op lu_op_verify;
extern const struct lu_op lu_op_compare_and_write;
extern const struct lu_op lu_op_sync_cache;
extern const struct lu_op lu_op_pre_fetch;
extern const struct lu_op lu_op_read_capacity10;
extern const struct lu_op lu_op_read_capacity16;

/* lu_thin.c */
extern const struct lu_op lu_op_write_same;
extern const struct lu_op lu_op_unmap;
extern const struct lu_op lu_op_get_lba_status;

/* Checks shared by lu_block.c and lu_thin.c: false when the command failed. */
bool lu_check_range(struct lu_cmd *, uint64_t lba, uint64_t blocks);
bool lu_check_medium(struct lu_cmd *); /* may be written at all */

#endif
