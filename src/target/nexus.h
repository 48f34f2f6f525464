/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nexus - an I_T nexus (SAM-5, 4.7.1): one initiator port as the logical units
 * see it.  In iSCSI the initiator port is the initiator's name with the ISID
 * (RFC 7143, 4.4.2), so a nexus lasts as long as its session; what must outlive
 * it (persistent registrations) is kept by name.
 *
 * A nexus carries the unit attention conditions (SAM-5, 5.14) that are pending
 * for it, a set of bits per logical unit.  They are reported one at a time, in
 * the order of the enum, which is SAM's order of precedence.
 */
#ifndef TARGET_NEXUS_H
#define TARGET_NEXUS_H

#include <sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/login.h"
#include "proto/sense.h"
#include "target/target.h"

enum ua {
	UA_POWER_ON,
	UA_LUN_RESET,
	UA_COMMANDS_CLEARED,
	UA_CAPACITY,
	UA_PREEMPTED,	/* reservations preempted */
	UA_RELEASED,	/* reservations released */
	UA_UNREGISTERED /* registrations preempted */
};

struct nexus {
	char initiator[ISCSI_NAME_MAX + 1];
	uint8_t isid[6];
	uint16_t ua[TARGET_LUNS_MAX]; /* 1 << enum ua */
	TAILQ_ENTRY(nexus) link;      /* of the target */
};
TAILQ_HEAD(nexus_list, nexus);

/* A nexus that begins: power on is pending on every logical unit. */
void nexus_init(struct nexus *, const char *initiator, const uint8_t isid[6]);
bool nexus_same(
    const struct nexus *, const char *initiator, const uint8_t isid[6]);
void nexus_raise(struct nexus *, unsigned lun, enum ua);
/* Takes the next condition of the logical unit; false: none is pending. */
bool nexus_take(struct nexus *, unsigned lun, struct sense *ret);

#endif
