/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * param - the operational parameters of a session and the one table by which
 * both roles negotiate them (RFC 7143, 6.2 and 13).
 *
 * Each row of the table says: key, the values allowed, the default, how two
 * offers combine (minimum, maximum, AND, OR, list, declared per side), the
 * phase and session type in which it may be sent.  A negotiation walks that
 * table for one login: the initiator offers every row with param_offer(), each
 * side feeds what it receives to param_take(), which settles the row and writes
 * the answer where one is due, and param_settle() ends it.
 */
#ifndef PROTO_PARAM_H
#define PROTO_PARAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "proto/digest.h"
#include "proto/text.h"

struct params {
	struct digest_list header_digest; /* after login: n = 1, the result */
	struct digest_list data_digest;
	uint32_t max_recv_data_segment; /* what this side declares, bytes */
	uint32_t max_send_data_segment; /* what the peer declared, bytes;
					   8192 until it does */
	uint32_t max_burst;		/* MaxBurstLength, bytes */
	uint32_t first_burst; /* FirstBurstLength, bytes, <= max_burst */
	uint16_t max_connections;
	uint16_t time2wait;   /* DefaultTime2Wait, seconds */
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

struct negotiation {
	const struct params *offer; /* our limits and preferences */
	bool initiator;		    /* our role */
	bool discovery;		    /* session type */
	struct params result;	    /* grows out of the RFC's defaults */
	uint32_t offered;	    /* rows that we have sent, by bit */
	uint32_t settled;	    /* rows that the peer has sent, by bit */
};

void negotiation_init(struct negotiation *, const struct params *offer,
    bool initiator, bool discovery);

/* The initiator's offers of all rows that fit the session type, and its
 * declarations. */
void param_offer(struct negotiation *, struct text_buffer *out);
/* The target's declarations, once. */
void param_declare(struct negotiation *, struct text_buffer *out);

/*
 * A key that the peer has sent.  operational: the stage in which it came.
 * 0: it is in the table, and settled, and its answer written to out where one
 * is due.  -ENOENT: not in the table.  -EPROTO: against the protocol; the error
 * says what, as a phrase that follows "the target " or "the initiator ".
 */
int param_take(struct negotiation *, const char *key, const char *value,
    bool operational, struct text_buffer *out, struct error *err);

/* The end of the negotiation: rows that were not negotiated keep the default,
 * and what must hold between rows is checked.  0 or -EPROTO as above. */
int param_settle(struct negotiation *, struct error *err);

#endif
