/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * param - the table of operational keys and what walks it.  See param.h.
 *
 * A peer that offers gets an answer; a peer that answers is checked against
 * what we offered.  Illegal input of the peer ends the login, except that a
 * number outside a key's range gets the answer "Reject" (RFC 7143, 6.2.2) and
 * the key keeps its default.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "proto/param.h"

enum rule {
	RULE_MIN,	/* numbers: the smaller */
	RULE_MAX,	/* numbers: the larger */
	RULE_AND,	/* Yes when both say Yes */
	RULE_OR,	/* Yes when one says Yes */
	RULE_DIGEST,	/* the acceptor's choice from the list offered */
	RULE_DECLARE,	/* a number that each side states for itself */
	RULE_LEVEL,	/* RULE_MIN with the constant max; never offered */
	RULE_REPORTING, /* TaskReporting: only its default */
	RULE_MARKER,	/* obsolete, 13.25: No to No, else Reject */
	RULE_INTERVAL	/* obsolete, 13.25: Reject */
};

#define NORMAL_ONLY 0x1 /* irrelevant when SessionType=Discovery */
#define ANY_STAGE   0x2 /* use "ALL"; the others: operational stage only */
#define FIELD(member) \
	offsetof(struct params, member), sizeof(((struct params *)NULL)->member)

#define LENGTH_MIN 512u	     /* of the keys that count bytes, 13.12-13.14 */
#define LENGTH_MAX 0xffffffu /* 2^24 - 1 */

struct row {
	char key[28];
	enum rule rule;
	unsigned flags;
	size_t offset; /* in struct params; 0 wide: nothing of ours to settle */
	size_t width;
	uint32_t initial; /* the RFC's default */
	uint32_t min;
	uint32_t max;
};

/* Section numbers of RFC 7143. */
static const struct row table[] = {
	/* 13.1 */
	{ "HeaderDigest", RULE_DIGEST, 0, FIELD(header_digest), 0, 0, 0 },
	{ "DataDigest", RULE_DIGEST, 0, FIELD(data_digest), 0, 0, 0 },
	/* 13.2 */
	{ "MaxConnections", RULE_MIN, NORMAL_ONLY, FIELD(max_connections), 1, 1,
	    65535 },
	/* 13.10 */
	{ "InitialR2T", RULE_OR, NORMAL_ONLY, FIELD(initial_r2t), 1, 0, 1 },
	/* 13.11 */
	{ "ImmediateData", RULE_AND, NORMAL_ONLY, FIELD(immediate_data), 1, 0,
	    1 },
	/* 13.12; the field of the peer's declaration, see own_value() */
	{ "MaxRecvDataSegmentLength", RULE_DECLARE, ANY_STAGE,
	    FIELD(max_send_data_segment), 8192, LENGTH_MIN, LENGTH_MAX },
	/* 13.13 */
	{ "MaxBurstLength", RULE_MIN, NORMAL_ONLY, FIELD(max_burst), 262144,
	    LENGTH_MIN, LENGTH_MAX },
	/* 13.14 */
	{ "FirstBurstLength", RULE_MIN, NORMAL_ONLY, FIELD(first_burst), 65536,
	    LENGTH_MIN, LENGTH_MAX },
	/* 13.15 */
	{ "DefaultTime2Wait", RULE_MAX, 0, FIELD(time2wait), 2, 0, 3600 },
	/* 13.16 */
	{ "DefaultTime2Retain", RULE_MIN, 0, FIELD(time2retain), 20, 0, 3600 },
	/* 13.17 */
	{ "MaxOutstandingR2T", RULE_MIN, NORMAL_ONLY,
	    FIELD(max_outstanding_r2t), 1, 1, 65535 },
	/* 13.18 */
	{ "DataPDUInOrder", RULE_OR, NORMAL_ONLY, FIELD(data_pdu_in_order), 1,
	    0, 1 },
	/* 13.19 */
	{ "DataSequenceInOrder", RULE_OR, NORMAL_ONLY,
	    FIELD(data_sequence_in_order), 1, 0, 1 },
	/* 13.20 */
	{ "ErrorRecoveryLevel", RULE_MIN, 0, FIELD(error_recovery_level), 0, 0,
	    2 },
	/* 13.23 */
	{ "TaskReporting", RULE_REPORTING, NORMAL_ONLY, 0, 0, 0, 0, 0 },
	/* 13.25 */
	{ "OFMarker", RULE_MARKER, 0, 0, 0, 0, 0, 0 },
	{ "IFMarker", RULE_MARKER, 0, 0, 0, 0, 0, 0 },
	{ "OFMarkInt", RULE_INTERVAL, 0, 0, 0, 0, 0, 0 },
	{ "IFMarkInt", RULE_INTERVAL, 0, 0, 0, 0, 0, 0 },
	/* RFC 7144, 7.1.1: we are at level 1, plain RFC 7143 */
	{ "iSCSIProtocolLevel", RULE_LEVEL, NORMAL_ONLY, 0, 0, 1, 0, 31 },
};
#define ROWS	  (sizeof(table) / sizeof(table[0]))
#define OWN_LEVEL 1u

#define BIT(row) (1u << ((row)-table))

void
params_default(struct params *p)
{
	/*
	 * Digests cost CPU and TCP has its checksum; who wants them asks.
	 * A receive segment of 256 KiB keeps headers rare without holding a
	 * large ring; bursts are as long as targets have seen offered for
	 * years, and each takes the minimum with its own.  A first burst of
	 * 1 MiB lets a whole request of FUSE go out without waiting for an R2T.
	 * struct task has room for four R2Ts.  The two times are the RFC's own
	 * defaults, which no target finds strange: after a loss there is little
	 * reason to hurry it or to make it remember tasks that ERL 0 forgets.
	 */
	*p = (struct params){
		.header_digest = { .n = 1, .order = { DIGEST_NONE } },
		.data_digest = { .n = 1, .order = { DIGEST_NONE } },
		.max_recv_data_segment = 262144,
		.max_send_data_segment = 8192,
		.max_burst = 16776192,
		.first_burst = 1048576,
		.max_connections = 1,
		.time2wait = 2,
		.time2retain = 20,
		.max_outstanding_r2t = 4,
		.error_recovery_level = 0,
		.initial_r2t = false,
		.immediate_data = true,
		.data_pdu_in_order = true,
		.data_sequence_in_order = true,
	};
}

static uint32_t
field_get(const struct params *p, const struct row *row)
{
	const char *at = (const char *)p + row->offset;
	uint32_t u32;
	uint16_t u16;

	switch (row->width) {
	case sizeof(u32):
		memcpy(&u32, at, sizeof(u32));
		return u32;
	case sizeof(u16):
		memcpy(&u16, at, sizeof(u16));
		return u16;
	default:
		return *(const uint8_t *)at;
	}
}

static void
field_set(struct params *p, const struct row *row, uint32_t value)
{
	char *at = (char *)p + row->offset;
	uint16_t u16 = (uint16_t)value;
	uint8_t u8 = (uint8_t)value;

	switch (row->width) {
	case sizeof(value):
		memcpy(at, &value, sizeof(value));
		break;
	case sizeof(u16):
		memcpy(at, &u16, sizeof(u16));
		break;
	default:
		memcpy(at, &u8, sizeof(u8));
		break;
	}
}

static struct digest_list *
digest_field(struct params *p, const struct row *row)
{
	return (struct digest_list *)(void *)((char *)p + row->offset);
}

static const struct digest_list *
digest_offer(const struct params *p, const struct row *row)
{
	return (const struct digest_list *)(const void *)((const char *)p +
							  row->offset);
}

static const char *
digest_name(unsigned digest)
{
	return digest == DIGEST_CRC32C ? "CRC32C" : "None";
}

/* A target may demand a digest.  But a discovery session belongs to no target,
 * and initiators of others offer none there. */
static bool
digest_allowed(
    const struct negotiation *n, const struct row *row, unsigned digest)
{
	return digest_list_has(digest_offer(n->offer, row), digest) ||
	       (digest == DIGEST_NONE && n->discovery && !n->initiator);
}

static void
digest_set(struct params *p, const struct row *row, unsigned digest)
{
	*digest_field(p, row) = (struct digest_list){
		.n = 1,
		.order = { (uint8_t)digest },
	};
}

void
negotiation_init(struct negotiation *n, const struct params *offer,
    bool initiator, bool discovery)
{
	const struct row *row;

	memset(n, 0, sizeof(*n));
	n->offer = offer;
	n->initiator = initiator;
	n->discovery = discovery;
	for (row = table; row < table + ROWS; row++) {
		if (row->rule == RULE_DIGEST)
			digest_set(&n->result, row, DIGEST_NONE);
		else if (row->width != 0)
			field_set(&n->result, row, row->initial);
	}
	n->result.max_recv_data_segment = offer->max_recv_data_segment;
}

static void
offer_row(struct negotiation *n, const struct row *row, struct text_buffer *out)
{
	const struct digest_list *digests;
	char list[16];

	switch (row->rule) {
	case RULE_MIN:
	case RULE_MAX:
		text_put_number(out, row->key, field_get(n->offer, row));
		break;
	case RULE_AND:
	case RULE_OR:
		text_put_bool(out, row->key, field_get(n->offer, row) != 0);
		break;
	case RULE_DIGEST:
		digests = digest_offer(n->offer, row);
		snprintf(list, sizeof(list), "%s%s%s",
		    digest_name(digests->order[0]), digests->n > 1 ? "," : "",
		    digests->n > 1 ? digest_name(digests->order[1]) : "");
		text_put(out, row->key, list);
		break;
	case RULE_DECLARE:
		text_put_number(out, row->key, n->offer->max_recv_data_segment);
		break;
	default:
		return; /* the default is what we want */
	}
	n->offered |= BIT(row);
}

void
param_offer(struct negotiation *n, struct text_buffer *out)
{
	const struct row *row;

	for (row = table; row < table + ROWS; row++)
		if (!n->discovery || !(row->flags & NORMAL_ONLY))
			offer_row(n, row, out);
}

void
param_declare(struct negotiation *n, struct text_buffer *out)
{
	const struct row *row;

	for (row = table; row < table + ROWS; row++)
		if (row->rule == RULE_DECLARE && !(n->offered & BIT(row)))
			offer_row(n, row, out);
}

static uint32_t
combine(const struct row *row, uint32_t a, uint32_t b)
{
	switch (row->rule) {
	case RULE_MAX:
		return a > b ? a : b;
	case RULE_OR:
		return a | b;
	default: /* minimum; AND of 0 and 1 is the same */
		return a < b ? a : b;
	}
}

/* -EPROTO with "sent KEY=VALUE, REASON"; the value escaped and cut. */
static int
refuse(const struct row *row, const char *value, const char *reason,
    struct error *err)
{
	char text[80];

	error_set(err, ERROR_FAILED, "sent %s=%s, %s", row->key,
	    escape(text, sizeof(text), value, strlen(value)), reason);
	return -EPROTO;
}

/* Whether the value is one of the answers that leave a key alone (6.2). */
static bool
no_answer(const char *value)
{
	return strcmp(value, "Reject") == 0 ||
	       strcmp(value, "Irrelevant") == 0 ||
	       strcmp(value, "NotUnderstood") == 0;
}

/* The peer's number: 0, -EINVAL (not one), -ERANGE. */
static int
parse(const struct row *row, const char *value, uint32_t *ret)
{
	uint64_t number;
	bool yes;
	int error;

	if (row->rule == RULE_AND || row->rule == RULE_OR) {
		error = text_bool(value, &yes);
		if (error == 0)
			*ret = yes;
		return error;
	}
	error = text_number(value, row->max, &number);
	if (error == 0 && number < row->min)
		error = -ERANGE;
	if (error == 0)
		*ret = (uint32_t)number;
	return error;
}

static int
take_declaration(struct negotiation *n, const struct row *row,
    const char *value, struct error *err)
{
	uint32_t theirs = 0;

	if (parse(row, value, &theirs) < 0)
		return refuse(row, value,
		    "which is not a length from 512 to "
		    "16777215",
		    err);
	field_set(&n->result, row, theirs);
	return 0;
}

static int
take_digest_answer(struct negotiation *n, const struct row *row,
    const char *value, struct error *err)
{
	const struct digest_list *ours = digest_offer(n->offer, row);
	unsigned i;

	for (i = 0; i < ours->n; i++) {
		if (strcmp(value, digest_name(ours->order[i])) == 0) {
			digest_set(&n->result, row, ours->order[i]);
			return 0;
		}
	}
	return refuse(row, value, "which was not offered", err);
}

/* The first of the peer's values that we have too (6.2.1). */
static void
answer_digest(struct negotiation *n, const struct row *row, const char *value,
    struct text_buffer *out)
{
	const char *item, *name;
	size_t len;
	unsigned d;

	while ((item = text_list_next(&value, &len)) != NULL) {
		for (d = DIGEST_NONE; d <= DIGEST_CRC32C; d++) {
			name = digest_name(d);
			if (digest_allowed(n, row, d) && len == strlen(name) &&
			    memcmp(item, name, len) == 0) {
				digest_set(&n->result, row, d);
				text_put(out, row->key, name);
				return;
			}
		}
	}
	text_put(out, row->key, "Reject");
}

static int
take_answer(struct negotiation *n, const struct row *row, const char *value,
    struct error *err)
{
	uint32_t ours, theirs = 0;

	if (no_answer(value))
		return 0;
	if (row->rule == RULE_DIGEST)
		return take_digest_answer(n, row, value, err);
	if (parse(row, value, &theirs) < 0)
		return refuse(row, value, "which is not a legal value", err);
	ours = field_get(n->offer, row);
	if (combine(row, ours, theirs) != theirs)
		return refuse(
		    row, value, "which our offer does not allow", err);
	field_set(&n->result, row, theirs);
	return 0;
}

static int
answer_value(struct negotiation *n, const struct row *row, const char *value,
    struct text_buffer *out, struct error *err)
{
	uint32_t ours, theirs = 0;
	int error;

	error = parse(row, value, &theirs);
	if (error == -EINVAL)
		return refuse(row, value, "which is not a legal value", err);
	if (error < 0) {
		text_put(out, row->key, "Reject");
		return 0;
	}
	ours = row->rule == RULE_LEVEL ? OWN_LEVEL : field_get(n->offer, row);
	ours = combine(row, ours, theirs);
	if (row->width != 0)
		field_set(&n->result, row, ours);
	if (row->rule == RULE_AND || row->rule == RULE_OR)
		text_put_bool(out, row->key, ours != 0);
	else
		text_put_number(out, row->key, ours);
	return 0;
}

static int
answer(struct negotiation *n, const struct row *row, const char *value,
    struct text_buffer *out, struct error *err)
{
	bool agreed;

	if (n->discovery && (row->flags & NORMAL_ONLY)) {
		text_put(out, row->key, "Irrelevant");
		return 0;
	}
	switch (row->rule) {
	case RULE_DIGEST:
		answer_digest(n, row, value, out);
		return 0;
	case RULE_REPORTING:
		agreed = text_list_has(value, "RFC3720");
		text_put(out, row->key, agreed ? "RFC3720" : "Reject");
		return 0;
	case RULE_MARKER:
		agreed = strcmp(value, "No") == 0;
		text_put(out, row->key, agreed ? "No" : "Reject");
		return 0;
	case RULE_INTERVAL:
		text_put(out, row->key, "Reject");
		return 0;
	default:
		return answer_value(n, row, value, out, err);
	}
}

static const struct row *
row_find(const char *key)
{
	const struct row *row;

	for (row = table; row < table + ROWS; row++)
		if (strcmp(row->key, key) == 0)
			return row;
	return NULL;
}

int
param_take(struct negotiation *n, const char *key, const char *value,
    bool operational, struct text_buffer *out, struct error *err)
{
	const struct row *row = row_find(key);

	if (row == NULL)
		return -ENOENT;
	if (!operational && !(row->flags & ANY_STAGE))
		return refuse(row, value,
		    "which has no place in the security "
		    "stage",
		    err);
	if (n->settled & BIT(row)) /* 6.3: a second time ends the login */
		return refuse(row, value, "a key that it had sent before", err);
	n->settled |= BIT(row);
	if (row->rule == RULE_DECLARE)
		return take_declaration(n, row, value, err);
	if (n->offered & BIT(row))
		return take_answer(n, row, value, err);
	/* An answer to what was never asked is left alone, so that two sides
	 * cannot answer each other for ever. */
	if (no_answer(value))
		return 0;
	return answer(n, row, value, out, err);
}

/* What an offer that got no answer comes to.  For the booleans no answer is
 * an answer when the offer alone decides (6.2.2); otherwise the peer is at the
 * RFC's default, and so are we. */
static void
settle_unanswered(struct negotiation *n, const struct row *row)
{
	if (row->width == 0 || row->rule == RULE_DIGEST ||
	    row->rule == RULE_DECLARE || !(n->offered & BIT(row)) ||
	    (n->settled & BIT(row)))
		return;
	if (row->rule == RULE_AND || row->rule == RULE_OR)
		field_set(&n->result, row,
		    combine(row, row->initial, field_get(n->offer, row)));
}

int
param_settle(struct negotiation *n, struct error *err)
{
	const struct params *result = &n->result;
	const struct row *first = row_find("FirstBurstLength"), *row;

	for (row = table; row < table + ROWS; row++) {
		settle_unanswered(n, row);
		if (row->rule == RULE_DIGEST &&
		    !digest_allowed(
			n, row, digest_offer(result, row)->order[0])) {
			error_set(err, ERROR_FAILED,
			    "does not agree to %s=CRC32C, which is demanded "
			    "here",
			    row->key);
			return -EPROTO;
		}
	}
	if (result->first_burst <= result->max_burst)
		return 0;
	/* 13.14: without unsolicited data the first burst means nothing, and
	 * one that nobody has named is ours to cut. */
	if (!(n->settled & BIT(first)) ||
	    (result->initial_r2t && !result->immediate_data)) {
		n->result.first_burst = result->max_burst;
		return 0;
	}
	error_set(err, ERROR_FAILED,
	    "sent FirstBurstLength=%u, more than MaxBurstLength=%u",
	    result->first_burst, result->max_burst);
	return -EPROTO;
}
