/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * param - the operational parameters of a session and the one table by which
 * both roles negotiate them (RFC 7143, 6.2 and 13).
 *
 * Each row of the table says: key, the values allowed, the default, how two
 * offers combine (minimum, maximum, AND, OR, list, declared per side), the
 * phase and session type in which it may be sent.
 */
#ifndef PROTO_PARAM_H
#define PROTO_PARAM_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/digest.h"

struct params {
	struct digest_list header_digest; /* after login: n = 1, the result */
	struct digest_list data_digest;
	uint32_t max_recv_data_segment; /* what this side declares, bytes */
	uint32_t max_send_data_segment; /* what the peer declared, bytes;
					   8192 until it does */
	uint32_t max_burst; /* MaxBurstLength, bytes */
	uint32_t first_burst; /* FirstBurstLength, bytes, <= max_burst */
	uint16_t max_connections;
	uint16_t time2wait; /* DefaultTime2Wait, seconds */
	uint16_t time2retain; /* DefaultTime2Retain, seconds */
	uint16_t max_outstanding_r2t;
	uint8_t error_recovery_level;
	bool initial_r2t;
	bool immediate_data;
	bool data_pdu_in_order;
	bool data_sequence_in_order;
};

/* What this program offers by default, as initiator and as target. */
void params_default(struct params *);

#endif
