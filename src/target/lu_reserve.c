/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lu_reserve - persistent reservations (SPC-4, 5.13, 6.15 and 6.16).
 *
 * A registration belongs to an initiator port, that is to a name and an ISID,
 * and outlives the session.  The all-registrants types have no holder of their
 * own: every registration is one.  Nothing survives the end of the program
 * (PTPL_C = 0).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "base/cursor.h"
#include "target/lu_impl.h"

#define PR_LIST_LEN   24 /* PERSISTENT RESERVE OUT parameter list */
#define PR_SPEC_I_PT  0x08
#define PR_APTPL      0x01
#define PR_HEADER_LEN 8
#define PR_STATUS_LEN 24 /* full status descriptor without TransportID */
#define PR_SCOPE_LU   0
#define ISCSI_PORT_ID 0x45 /* TransportID: name and ISID, protocol iSCSI */

void
reserve_init(struct reserve *r)
{
	memset(r, 0, sizeof(*r));
	TAILQ_INIT(&r->list);
}

void
reserve_fini(struct reserve *r)
{
	struct registration *reg;

	while ((reg = TAILQ_FIRST(&r->list)) != NULL) {
		TAILQ_REMOVE(&r->list, reg, link);
		free(reg);
	}
}

static bool
type_all_registrants(uint8_t type)
{
	return type == SCSI_PR_WRITE_EXCLUSIVE_ALL ||
	       type == SCSI_PR_EXCLUSIVE_ACCESS_ALL;
}

static bool
type_registrants(uint8_t type)
{
	return type == SCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS ||
	       type == SCSI_PR_EXCLUSIVE_ACCESS_REGISTRANTS ||
	       type_all_registrants(type);
}

static bool
type_valid(uint8_t type)
{
	return type == SCSI_PR_WRITE_EXCLUSIVE ||
	       type == SCSI_PR_EXCLUSIVE_ACCESS || type_registrants(type);
}

static bool
type_lets_read(uint8_t type)
{
	return type == SCSI_PR_WRITE_EXCLUSIVE ||
	       type == SCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS ||
	       type == SCSI_PR_WRITE_EXCLUSIVE_ALL;
}

static struct registration *
find(const struct reserve *r, const struct nexus *nexus)
{
	struct registration *reg;

	TAILQ_FOREACH (reg, &r->list, link)
		if (nexus_same(nexus, reg->initiator, reg->isid))
			return reg;
	return NULL;
}

static bool
holds(const struct reserve *r, const struct registration *reg)
{
	if (r->type == 0)
		return false;
	return type_all_registrants(r->type) || r->holder == reg;
}

/* SPC-4, 5.13.1, table "allowed commands". */
bool
reserve_allows(
    const struct lu *lu, const struct nexus *nexus, enum lu_access access)
{
	const struct reserve *r = &lu->reserve;
	const struct registration *reg;

	if (r->type == 0 || access == LU_ANY)
		return true;
	if (access == LU_READS && type_lets_read(r->type))
		return true;
	reg = find(r, nexus);
	return reg != NULL && (type_registrants(r->type) || holds(r, reg));
}

/* The nexus of a registration, when its session is there. */
static struct nexus *
nexus_of(const struct lu *lu, const struct registration *reg)
{
	struct nexus *nexus;

	TAILQ_FOREACH (nexus, &lu->set->nexuses, link)
		if (nexus_same(nexus, reg->initiator, reg->isid))
			return nexus;
	return NULL;
}

static void
tell(const struct lu *lu, const struct registration *reg, enum ua ua)
{
	struct nexus *nexus = nexus_of(lu, reg);

	if (nexus != NULL)
		nexus_raise(nexus, lu->number, ua);
}

static void
tell_others(const struct lu *lu, const struct registration *me, enum ua ua)
{
	const struct registration *reg;

	TAILQ_FOREACH (reg, &lu->reserve.list, link)
		if (reg != me)
			tell(lu, reg, ua);
}

static void
forget(struct reserve *r, struct registration *reg)
{
	TAILQ_REMOVE(&r->list, reg, link);
	r->n--;
	free(reg);
}

/* Ends the reservation; me knows. */
static void
release(struct lu *lu, const struct registration *me)
{
	if (type_registrants(lu->reserve.type))
		tell_others(lu, me, UA_RELEASED);
	lu->reserve.type = 0;
	lu->reserve.holder = NULL;
}

static void
take(struct reserve *r, struct registration *reg, uint8_t type)
{
	r->type = type;
	r->holder = type_all_registrants(type) ? NULL : reg;
}

/*
 * ---- PERSISTENT RESERVE OUT ----
 */

static bool
conflict(struct lu_cmd *c)
{
	c->status = SCSI_RESERVATION_CONFLICT;
	return false;
}

static bool
pr_register(struct lu_cmd *c, struct registration *reg, uint64_t new_key)
{
	struct reserve *r = &c->lu->reserve;

	if (reg == NULL && new_key == 0)
		return lu_good(c);
	if (reg == NULL) {
		if (r->n == LU_REGISTRATIONS ||
		    (reg = calloc(1, sizeof(*reg))) == NULL)
			return lu_fail(c, SENSE_ILLEGAL_REQUEST,
			    SENSE_INSUFFICIENT_REGISTRATION_RESOURCES);
		snprintf(reg->initiator, sizeof(reg->initiator), "%s",
		    c->nexus->initiator);
		memcpy(reg->isid, c->nexus->isid, sizeof(reg->isid));
		TAILQ_INSERT_TAIL(&r->list, reg, link);
		r->n++;
	}
	r->generation++;
	reg->key = new_key;
	if (new_key != 0)
		return lu_good(c);
	/* Unregistering: a holder releases, the last one of all too. */
	if (r->holder == reg || (r->n == 1 && r->type != 0))
		release(c->lu, reg);
	forget(r, reg);
	return lu_good(c);
}

static bool
pr_reserve(struct lu_cmd *c, struct registration *reg)
{
	struct reserve *r = &c->lu->reserve;

	if (r->type != 0 && (!holds(r, reg) || r->type != c->f.pr_type))
		return conflict(c);
	take(r, reg, c->f.pr_type);
	return lu_good(c);
}

static bool
pr_release(struct lu_cmd *c, struct registration *reg)
{
	const struct reserve *r = &c->lu->reserve;

	if (!holds(r, reg))
		return lu_good(c);
	if (r->type != c->f.pr_type)
		return lu_fail(c, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_RELEASE);
	release(c->lu, reg);
	return lu_good(c);
}

static bool
pr_clear(struct lu_cmd *c, struct registration *me)
{
	struct reserve *r = &c->lu->reserve;

	tell_others(c->lu, me, UA_PREEMPTED);
	r->type = 0;
	r->holder = NULL;
	reserve_fini(r);
	r->n = 0;
	r->generation++;
	return lu_good(c);
}

/* Removes the registrations with this key (all of them when any), that of me
 * excepted, and ends their commands when asked.  Returns how many. */
static unsigned
remove_keys(struct lu_cmd *c, struct registration *me, uint64_t key, bool any)
{
	bool abort_too = c->f.service_action == SCSI_PROUT_PREEMPT_AND_ABORT;
	struct reserve *r = &c->lu->reserve;
	struct registration *reg, *next;
	struct nexus *victim;
	unsigned n = 0;

	for (reg = TAILQ_FIRST(&r->list); reg != NULL; reg = next) {
		next = TAILQ_NEXT(reg, link);
		if (reg == me || (!any && reg->key != key))
			continue;
		victim = nexus_of(c->lu, reg);
		tell(c->lu, reg, UA_UNREGISTERED);
		if (r->holder == reg)
			r->holder = NULL;
		forget(r, reg);
		n++;
		if (abort_too && victim != NULL) {
			c->drain = true;
			c->set->abort(c->set, c->lu, victim, c);
		}
	}
	return n;
}

static bool
pr_preempt(struct lu_cmd *c, struct registration *me, uint64_t victim_key)
{
	struct reserve *r = &c->lu->reserve;
	bool all = type_all_registrants(r->type);
	uint8_t before = r->type;

	if (victim_key == 0 && !all)
		return lu_fail(
		    c, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_LIST);
	if (r->type != 0 &&
	    (all ? victim_key == 0 : r->holder->key == victim_key)) {
		remove_keys(c, me, victim_key, all);
		take(r, me, c->f.pr_type);
		if (before != r->type && type_registrants(before))
			tell_others(c->lu, me, UA_RELEASED);
	} else if (remove_keys(c, me, victim_key, false) == 0 &&
		   me->key != victim_key) {
		return conflict(c);
	}
	r->generation++;
	return lu_good(c);
}

static bool
pr_out_start(struct lu_cmd *c)
{
	unsigned action = c->f.service_action;

	if (c->f.alloc_len != PR_LIST_LEN || c->room_out < PR_LIST_LEN)
		return lu_fail(
		    c, SENSE_ILLEGAL_REQUEST, SENSE_PARAMETER_LIST_LENGTH);
	if ((action == SCSI_PROUT_RESERVE || action == SCSI_PROUT_RELEASE ||
		action == SCSI_PROUT_PREEMPT ||
		action == SCSI_PROUT_PREEMPT_AND_ABORT) &&
	    (c->f.pr_scope != PR_SCOPE_LU || !type_valid(c->f.pr_type)))
		return lu_fail_cdb(c, 2);
	c->dir = LU_OUT;
	c->length = c->need = PR_LIST_LEN;
	return true;
}

static bool
pr_out(struct lu_cmd *c)
{
	struct registration *reg = find(&c->lu->reserve, c->nexus);
	uint64_t key = be64_get(c->data);
	uint64_t action_key = be64_get(c->data + 8);
	bool registers = c->f.service_action == SCSI_PROUT_REGISTER ||
			 c->f.service_action == SCSI_PROUT_REGISTER_AND_IGNORE;

	if ((c->data[20] & PR_SPEC_I_PT) != 0 ||
	    (registers && (c->data[20] & PR_APTPL) != 0))
		return lu_fail(
		    c, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_LIST);
	if (c->f.service_action == SCSI_PROUT_REGISTER_AND_IGNORE)
		return pr_register(c, reg, action_key);
	if (c->f.service_action == SCSI_PROUT_REGISTER && reg == NULL)
		return key == 0 ? pr_register(c, NULL, action_key)
				: conflict(c);
	if (reg == NULL || reg->key != key)
		return conflict(c);
	switch (c->f.service_action) {
	case SCSI_PROUT_REGISTER:
		return pr_register(c, reg, action_key);
	case SCSI_PROUT_RESERVE:
		return pr_reserve(c, reg);
	case SCSI_PROUT_RELEASE:
		return pr_release(c, reg);
	case SCSI_PROUT_CLEAR:
		return pr_clear(c, reg);
	default: /* PREEMPT, PREEMPT AND ABORT */
		return pr_preempt(c, reg, action_key);
	}
}

static void
pr_out_run(struct lu_cmd *c)
{
	pr_out(c);
	lu_finish(c);
}

const struct lu_op lu_op_pr_out = { LU_ANY, 0, pr_out_start, pr_out_run };

/*
 * ---- PERSISTENT RESERVE IN ----
 *
 * Lists are built as a whole and cut at the allocation length; the ADDITIONAL
 * LENGTH tells how long they really are.
 */

static void
pr_in_header(struct writer *w, const struct lu *lu)
{
	writer_u32(w, lu->reserve.generation);
	writer_u32(w, 0); /* ADDITIONAL LENGTH, see pr_in_give() */
}

static void
pr_in_give(struct lu_cmd *c, const struct writer *w)
{
	be32_put(c->data + 4, (uint32_t)writer_len(w) - PR_HEADER_LEN);
	lu_give(c, (int)writer_len(w));
}

static bool
pr_keys_start(struct lu_cmd *c)
{
	return lu_want_in(c, PR_HEADER_LEN + 8 * LU_REGISTRATIONS);
}

static void
pr_read_keys_run(struct lu_cmd *c)
{
	const struct registration *reg;
	struct writer w;

	writer_init(&w, c->data, c->need);
	pr_in_header(&w, c->lu);
	TAILQ_FOREACH (reg, &c->lu->reserve.list, link)
		writer_u64(&w, reg->key);
	pr_in_give(c, &w);
}

const struct lu_op lu_op_pr_read_keys = { LU_ANY, 0, pr_keys_start,
	pr_read_keys_run };

static void
pr_read_reservation_run(struct lu_cmd *c)
{
	const struct reserve *r = &c->lu->reserve;
	struct writer w;

	writer_init(&w, c->data, c->need);
	pr_in_header(&w, c->lu);
	if (r->type != 0) {
		writer_u64(&w, r->holder != NULL ? r->holder->key : 0);
		writer_u32(&w, 0);
		writer_u8(&w, 0);
		writer_u8(&w, PR_SCOPE_LU << 4 | r->type);
		writer_u16(&w, 0);
	}
	pr_in_give(c, &w);
}

const struct lu_op lu_op_pr_read_reservation = { LU_ANY, 0, pr_keys_start,
	pr_read_reservation_run };

static void
pr_capabilities_run(struct lu_cmd *c)
{
	struct writer w;

	writer_init(&w, c->data, c->need);
	writer_u16(&w, 8);   /* LENGTH */
	writer_u8(&w, 0x04); /* ATP_C: one port is all of them */
	writer_u8(&w, 0x80); /* TMV: the type mask is valid */
	writer_u16(&w, 1u << (SCSI_PR_WRITE_EXCLUSIVE + 8) |
			   1u << (SCSI_PR_EXCLUSIVE_ACCESS + 8) |
			   1u << (SCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS + 8) |
			   1u << (SCSI_PR_EXCLUSIVE_ACCESS_REGISTRANTS + 8) |
			   1u << (SCSI_PR_WRITE_EXCLUSIVE_ALL + 8) |
			   1u << (SCSI_PR_EXCLUSIVE_ACCESS_ALL - 8));
	writer_u16(&w, 0);
	lu_give(c, (int)writer_len(&w));
}

const struct lu_op lu_op_pr_capabilities = { LU_ANY, 0, pr_keys_start,
	pr_capabilities_run };

/* name "," "i" "," "0x" ISID and its NUL, padded to four bytes. */
#define TRANSPORT_ID_MAX (4 + ISCSI_NAME_MAX + 3 + 2 + 12 + 4)

static void
transport_id(struct writer *w, const struct registration *reg)
{
	char name[TRANSPORT_ID_MAX];
	size_t len;

	len = (size_t)snprintf(name, sizeof(name),
		  "%s,i,0x%02x%02x%02x%02x%02x%02x", reg->initiator,
		  reg->isid[0], reg->isid[1], reg->isid[2], reg->isid[3],
		  reg->isid[4], reg->isid[5]) +
	      1;
	writer_u8(w, ISCSI_PORT_ID);
	writer_u8(w, 0);
	writer_u16(w, (uint16_t)((len + 3) & ~(size_t)3));
	writer_bytes(w, name, len);
	writer_zero(w, -len & 3);
}

static bool
pr_full_status_start(struct lu_cmd *c)
{
	return lu_want_in(
	    c, PR_HEADER_LEN +
		   LU_REGISTRATIONS * (PR_STATUS_LEN + TRANSPORT_ID_MAX));
}

static void
pr_full_status_run(struct lu_cmd *c)
{
	const struct reserve *r = &c->lu->reserve;
	const struct registration *reg;
	uint8_t *length;
	size_t start;
	struct writer w;
	bool holder;

	writer_init(&w, c->data, c->need);
	pr_in_header(&w, c->lu);
	TAILQ_FOREACH (reg, &r->list, link) {
		holder = holds(r, reg);
		writer_u64(&w, reg->key);
		writer_u32(&w, 0);
		writer_u8(&w, holder ? 0x01 : 0);
		writer_u8(&w, holder ? PR_SCOPE_LU << 4 | r->type : 0);
		writer_u32(&w, 0);
		writer_u16(&w, 1); /* RELATIVE TARGET PORT IDENTIFIER */
		length = writer_room(&w, 4);
		start = writer_len(&w);
		transport_id(&w, reg);
		if (length != NULL)
			be32_put(length, (uint32_t)(writer_len(&w) - start));
	}
	pr_in_give(c, &w);
}

const struct lu_op lu_op_pr_full_status = { LU_ANY, 0, pr_full_status_start,
	pr_full_status_run };
