/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * initiator - who we say we are when nobody has said so: a name that stays the
 * same, so that access lists on a target go on to work.
 */
#ifndef CMD_INITIATOR_H
#define CMD_INITIATOR_H

#include "base/error.h"
#include "proto/name.h"

/*
 * The first that there is: given (--initiator-name, may be NULL), then
 * LUNTAP_INITIATOR_NAME, then InitiatorName of /etc/iscsi/initiatorname.iscsi
 * when that can be read, then one made from the machine's identity and the
 * user's number.  0, or -1 with err when it is not a valid name.
 */
int initiator_name(
    const char *given, char ret[ISCSI_NAME_MAX + 1], struct error *err);

#endif
