/* SPDX-License-Identifier: BSD-2-Clause */
/* nexus - see nexus.h. */
#include "target/nexus.h"

#include <stdio.h>
#include <string.h>

static const uint16_t ua_codes[] = {
	[UA_POWER_ON] = SENSE_POWER_ON_RESET,
	[UA_LUN_RESET] = 0x2903, /* BUS DEVICE RESET FUNCTION OCCURRED */
	[UA_COMMANDS_CLEARED] = SENSE_COMMANDS_CLEARED,
	[UA_CAPACITY] = SENSE_CAPACITY_CHANGED,
	[UA_PREEMPTED] = SENSE_RESERVATIONS_PREEMPTED,
	[UA_RELEASED] = SENSE_RESERVATIONS_RELEASED,
	[UA_UNREGISTERED] = SENSE_REGISTRATIONS_PREEMPTED,
};

void
nexus_init(struct nexus *nexus, const char *initiator, const uint8_t isid[6])
{
	snprintf(nexus->initiator, sizeof(nexus->initiator), "%s", initiator);
	memcpy(nexus->isid, isid, sizeof(nexus->isid));
	for (unsigned lun = 0; lun < TARGET_LUNS_MAX; lun++)
		nexus->ua[lun] = 1u << UA_POWER_ON;
}

bool
nexus_same(
    const struct nexus *nexus, const char *initiator, const uint8_t isid[6])
{
	return memcmp(nexus->isid, isid, sizeof(nexus->isid)) == 0 &&
	       name_equal(nexus->initiator, initiator);
}

void
nexus_raise(struct nexus *nexus, unsigned lun, enum ua ua)
{
	nexus->ua[lun] |= (uint16_t)(1u << ua);
}

bool
nexus_take(struct nexus *nexus, unsigned lun, struct sense *ret)
{
	unsigned pending = nexus->ua[lun];
	unsigned ua = 0;

	if (pending == 0)
		return false;
	while ((pending & 1u << ua) == 0)
		ua++;
	nexus->ua[lun] = (uint16_t)(pending & ~(1u << ua));
	sense_set(ret, SENSE_UNIT_ATTENTION, ua_codes[ua]);
	return true;
}
