/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * target_rig - the embedded target against initiators whose every PDU the test
 * writes and reads, in virtual time, over a disk in memory that completes its
 * requests when the test says so.
 */
#ifndef TESTS_TARGET_RIG_H
#define TESTS_TARGET_RIG_H

#include "base/bdev.h"
#include "proto/framer.h"
#include "proto/pdu.h"
#include "proto/scsi.h"
#include "proto/sender.h"
#include "proto/sense.h"
#include "target/target.h"
#include "prng.h"
#include "unit.h"

#define RIG_NAME    "iqn.2024-01.org.example:rig"
#define RIG_BLOCKS  65536
#define RIG_DISKS   4
#define RIG_SIZE(b) ((uint64_t)RIG_BLOCKS * (b))

/* A disk; holes are tracked per 4 KiB. */
struct disk {
	struct bdev bdev; /* first */
	uint8_t *mem;
	uint8_t *hole;
	struct bdev_req_queue queue;
	unsigned queued;
	bool manual;	 /* requests wait for disk_complete() */
	int error;	 /* of every request while not 0 */
	unsigned writes; /* requests that change the medium */
};

struct rig {
	struct target_config config;
	struct target *target;
	struct lu_fault faults[LU_FAULTS_MAX]; /* of every disk */
	unsigned fault_n;
	bool twin;	   /* a fourth disk */
	uint32_t copy_max; /* of every disk */
	struct disk *disks[RIG_DISKS];
	unsigned disks_n;
	uint64_t now;
	struct prng chance;
	struct auth auth;
};

struct peer {
	struct rig *rig;
	struct tconn *tc;
	struct framer *framer;
	struct sender *sender;
	struct params offer, params;
	uint32_t cmdsn;		     /* of the next command */
	uint32_t expcmdsn, maxcmdsn; /* as told last */
	uint32_t statsn;	     /* last seen */
	uint32_t itt;
	size_t chunk; /* bytes that one step moves; 0: all */
	unsigned wakes;
	/* The last PDU received. */
	uint8_t bhs[PDU_BHS_LEN];
	uint8_t *data;
	size_t len;
};

/* What a command came to. */
struct answer {
	bool got; /* there was a status */
	uint8_t status;
	bool overflow, underflow;
	uint32_t residual;
	struct sense sense;
	uint32_t len; /* Data-In bytes */
	uint8_t data[1 << 20];
};

/* disks: one of thin 512, one plain 4096, one read-only 512; with twin, one
 * more plain 512. */
void rig_init(struct rig *);
void rig_start(struct rig *); /* after the test changed the config */
void rig_fini(struct rig *);
/* Completes the requests that wait; how many there were. */
unsigned disk_complete(struct disk *);
void rig_complete(struct rig *);

void peer_init(struct peer *, struct rig *);
void peer_fini(struct peer *);
/* Logs in; true when it succeeded.  last_isid: the last byte of the ISID. */
bool peer_login(
    struct peer *, const char *initiator, uint8_t last_isid, bool discovery);
/* The same as an initiator with default name, cleared of unit attentions. */
void peer_ready(struct peer *);

/* Sends one PDU (numbers are the caller's). */
void peer_send(struct peer *, const uint8_t *bhs, const void *data, size_t len);
/* Raw bytes. */
void peer_bytes(struct peer *, const void *data, size_t len);
/* The next PDU of the target, into bhs, data and len; false: none. */
bool peer_recv(struct peer *);
bool peer_closed(struct peer *);

/* Sends a command; out_len bytes of data as the parameters allow.  Returns its
 * ITT. */
uint32_t peer_command(struct peer *, uint64_t lun, const uint8_t *cdb,
    bool read, bool write, const void *out, uint32_t edtl);
/* Answers R2Ts and collects Data-In until the status of itt. */
struct answer *peer_await(struct peer *, uint32_t itt, const void *out);
/* Both; the answer is valid until the next call. */
struct answer *peer_in(
    struct peer *, uint64_t lun, const uint8_t *cdb, uint32_t edtl);
struct answer *peer_out(struct peer *, uint64_t lun, const uint8_t *cdb,
    const void *out, uint32_t edtl);
struct answer *peer_none(struct peer *, uint64_t lun, const uint8_t *cdb);
/* A TMF; its response. */
uint8_t peer_tmf(
    struct peer *, uint8_t function, uint64_t lun, uint32_t ref_itt);
uint32_t peer_send_tmf(
    struct peer *, uint8_t function, uint64_t lun, uint32_t ref_itt);

#define lun_of(n) ((uint64_t)(n) << 48)

void assert_good(const struct answer *);
void assert_sense(const struct answer *, uint8_t key, unsigned code);

#endif
