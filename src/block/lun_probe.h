/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lun_probe - finds out what a logical unit is: a fixed sequence of commands,
 * each with its parser, one after another on one task.  It runs when the
 * session comes up, and again when the target tells that something changed.
 *
 * What the target refuses is remembered and not asked again, except for what
 * the LUN cannot be used without.
 */
#ifndef BLOCK_LUN_PROBE_H
#define BLOCK_LUN_PROBE_H

#include "base/error.h"
#include "block/lun_identity.h"
#include "proto/scsi.h"
#include "session/task.h"

#define LUN_PROBE_BUFFER 2048

struct lun_facts {
	uint8_t type;	       /* SCSI_TYPE_... */
	bool third_party_copy; /* 3PC */
	bool has_pages;
	struct vpd_supported pages;
	struct lun_identity identity;
	bool has_capacity;
	struct capacity capacity;
	struct vpd_block_limits limits;
	bool has_provisioning;
	struct vpd_provisioning provisioning;
	bool has_mode;
	struct mode mode;
};

struct lun_probe {
	struct task task;
	struct iovec iov;
	bool busy;  /* the task is with the session */
	bool again; /* begin anew when it comes back */
	unsigned step;
	unsigned retries;  /* in this run */
	unsigned restarts; /* since the last success */
	uint32_t refused;  /* bit per step: never ask again */
	uint64_t patience; /* not ready is an error from then on; 0: not set */
	uint64_t at;	   /* when to begin anew, in LUN_PAUSED */
	struct lun_facts facts; /* as far as they are known */
	struct error error;	/* why the last run failed */
	uint8_t buffer[LUN_PROBE_BUFFER];
};

struct lun;

/* Begins with the first command; when the task is still under way, as soon as
 * it is back. */
void lun_probe_start(struct lun *);

#endif
