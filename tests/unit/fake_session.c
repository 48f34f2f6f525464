/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/be.h"
#include "fake_session.h"

uint64_t
fake_random(struct session *s, uint64_t below)
{
	/* splitmix64 */
	uint64_t z = s->seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) % below;
}

void
fake_init(
    struct session *s, uint32_t block_size, uint64_t blocks, uint64_t base)
{
	struct fake_disk *d = &s->disk;
	size_t size = (size_t)(block_size * blocks);

	memset(s, 0, sizeof(*s));
	TAILQ_INIT(&s->users);
	TAILQ_INIT(&s->in_flight);
	TAILQ_INIT(&s->ready);
	s->state = SESSION_UP;
	s->now = CLOCK_S;
	s->config.task_timeout = 30 * CLOCK_S;
	strcpy(s->config.portal, "198.51.100.1:3260");
	d->block_size = block_size;
	d->blocks = blocks;
	d->base = base;
	d->data = calloc(1, size);
	d->stable = calloc(1, size);
	d->mapped = calloc(blocks, sizeof(*d->mapped));
	assert_true(d->data != NULL && d->stable != NULL && d->mapped != NULL);
	d->serial = "SERIAL 1";
	d->designator = "\x60\x01\x02\x03\x04\x05\x06\x07";
	d->mode.wp = false;
	d->mode.has_caching = true;
	d->mode.caching.wce = true;
}

void
fake_fini(struct session *s)
{
	assert_true(TAILQ_EMPTY(&s->users));
	assert_true(TAILQ_EMPTY(&s->in_flight));
	assert_true(TAILQ_EMPTY(&s->ready));
	free(s->disk.data);
	free(s->disk.stable);
	free(s->disk.mapped);
}

/* ---- session.h ---- */

enum session_state
session_state(const struct session *s)
{
	return s->state;
}

const struct session_config *
session_get_config(const struct session *s)
{
	return &s->config;
}

void
session_add_user(struct session *s, struct session_user *user)
{
	TAILQ_INSERT_TAIL(&s->users, user, link);
}

void
session_remove_user(struct session *s, struct session_user *user)
{
	TAILQ_REMOVE(&s->users, user, link);
}

/* The blocks that a command changes; false: none. */
static bool
fake_writes(const struct task *task, uint64_t *first, uint64_t *end)
{
	struct xcopy_segment segment;
	struct unmap_range range;
	struct cdb cdb;
	unsigned n;

	if (cdb_parse(task->cdb, &cdb) < 0)
		return false;
	*first = cdb.lba;
	*end = cdb.lba + cdb.blocks;
	switch (cdb.opcode) {
	case SCSI_OP_WRITE_10:
	case SCSI_OP_WRITE_16:
	case SCSI_OP_WRITE_SAME_16:
		return true;
	case SCSI_OP_EXTENDED_COPY:
		assert_int_equal(task->length, XCOPY_LIST_LEN);
		assert_int_equal(
		    xcopy_segment_get((uint8_t *)task->iov->iov_base +
					  XCOPY_LIST_LEN - XCOPY_SEGMENT_LEN,
			XCOPY_SEGMENT_LEN, &segment),
		    0);
		*first = segment.destination_lba;
		*end = segment.destination_lba + segment.blocks;
		return true;
	case SCSI_OP_UNMAP:
		assert_int_equal(
		    unmap_get(task->iov->iov_base, task->length, &range, 1, &n),
		    0);
		assert_int_equal(n, 1);
		*first = range.lba;
		*end = range.lba + range.blocks;
		return true;
	default:
		return false;
	}
}

static void
fake_check_limits(
    struct session *s, const struct cdb *cdb, uint64_t first, uint64_t end)
{
	const struct vpd_block_limits *l = &s->disk.limits;

	assert_true(end > first);
	assert_true(first >= s->disk.base);
	assert_true(end <= s->disk.base + s->disk.blocks);
	if (cdb->opcode == SCSI_OP_WRITE_SAME_16) {
		assert_false(cdb->ndob);
		if (l->max_write_same > 0)
			assert_true(end - first <= l->max_write_same);
	} else if (cdb->opcode == SCSI_OP_UNMAP) {
		assert_true(end - first <= l->max_unmap_lbas);
	} else if (l->max_transfer > 0) {
		assert_true(end - first <= l->max_transfer);
	}
}

/* The LUN may have become another one: was it asked? */
static void
fake_check_proven(const struct session *s)
{
	const struct fake_disk *d = &s->disk;

	assert_true(s->told_capacity);
	assert_true(s->told_designator || d->designator == NULL ||
		    d->refuse_page[VPD_DEVICE_IDENTIFICATION]);
	assert_true(s->told_serial || d->serial == NULL ||
		    d->refuse_page[VPD_UNIT_SERIAL_NUMBER]);
}

static void
fake_look_at(struct session *s, const struct task *task)
{
	uint64_t first, end, first2, end2;
	struct task *other;
	struct cdb cdb;
	size_t sum = 0;
	int i;

	assert_true(task->lun == FAKE_ADDRESS || s->disk.other != NULL);
	assert_int_equal(cdb_parse(task->cdb, &cdb), 0);
	for (i = 0; i < task->iovcnt; i++)
		sum += task->iov[i].iov_len;
	assert_int_equal(sum, task->length);
	assert_int_equal(task->dir == TASK_NO_DATA, task->length == 0);
	s->sent[cdb.opcode]++;
	s->sent_n++;
	s->last = cdb;
	s->last_iov = task->iov;
	if (cdb.opcode == SCSI_OP_INQUIRY && cdb.evpd)
		s->sent_page[cdb.page]++;
	if (cdb.opcode == SCSI_OP_READ_16 || cdb.opcode == SCSI_OP_READ_10) {
		fake_check_proven(s);
		fake_check_limits(s, &cdb, cdb.lba, cdb.lba + cdb.blocks);
		assert_int_equal(task->length, cdb.blocks * s->disk.block_size);
	}
	if (!fake_writes(task, &first, &end)) {
		assert_true(cdb.opcode == SCSI_OP_SYNCHRONIZE_CACHE_10 ||
			    cdb.opcode == SCSI_OP_SYNCHRONIZE_CACHE_16 ||
			    task->policy == TASK_QUERY);
		assert_false(cdb.immed);
		return;
	}
	fake_check_proven(s);
	assert_int_equal(task->policy,
	    cdb.opcode == SCSI_OP_EXTENDED_COPY ? TASK_ONCE : TASK_REPLAY);
	fake_check_limits(s, &cdb, first, end);
	TAILQ_FOREACH (other, &s->in_flight, link) {
		if (fake_writes(other, &first2, &end2))
			assert_true(end <= first2 || end2 <= first);
	}
}

void
session_submit(struct session *s, struct task *task, uint64_t now)
{
	assert_int_equal(now, s->now);
	assert_non_null(task->done);
	if (s->state != SESSION_UP) {
		task->outcome = TASK_UNSENT;
		TAILQ_INSERT_TAIL(&s->ready, task, link);
		return;
	}
	fake_look_at(s, task);
	task->transferred = 0;
	task->overflow = false;
	task->sense_len = 0;
	task->status = 0xff;
	TAILQ_INSERT_TAIL(&s->in_flight, task, link);
	s->in_flight_n++;
}

struct task *
fake_reap(struct session *s)
{
	struct task *task = TAILQ_FIRST(&s->ready);

	if (task != NULL)
		TAILQ_REMOVE(&s->ready, task, link);
	return task;
}

/* ---- the disk ---- */

void
fake_check(struct task *task, enum sense_key key, unsigned code)
{
	struct sense sense;

	sense_set(&sense, key, code);
	task->outcome = TASK_DONE;
	task->status = SCSI_CHECK_CONDITION;
	task->sense_len =
	    (uint16_t)sense_put(task->sense, TASK_SENSE_MAX, false, &sense);
}

void
fake_attention(struct session *s, unsigned code)
{
	assert_true(s->attentions_n < 16);
	s->attentions[s->attentions_n++] = code;
}

/* Copies between the task's vectors and memory, from byte `at` on. */
static void
fake_copy(struct task *task, void *memory, size_t len, bool in)
{
	size_t done = 0, some;
	int i;

	if (in && task->place != NULL)
		assert_int_equal(task->place(task), 0);

	for (i = 0; i < task->iovcnt && done < len; i++) {
		some = task->iov[i].iov_len;
		if (some > len - done)
			some = len - done;
		if (in)
			memcpy(
			    task->iov[i].iov_base, (char *)memory + done, some);
		else
			memcpy(
			    (char *)memory + done, task->iov[i].iov_base, some);
		done += some;
	}
}

static void
fake_reply(struct task *task, void *data, int len)
{
	uint32_t some =
	    (uint32_t)len < task->length ? (uint32_t)len : task->length;

	assert_true(len >= 0);
	fake_copy(task, data, some, true);
	task->transferred = some;
}

static void
fake_vpd(struct session *s, struct task *task, uint8_t page)
{
	struct vpd_supported pages = { 6,
		{ 0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2 } };
	struct fake_disk *d = &s->disk;
	struct designator ids[2];
	uint8_t buf[512];
	int len = -1;

	memset(ids, 0, sizeof(ids));
	switch (page) {
	case 0x00:
		len = vpd_supported_put(buf, sizeof(buf), 0, &pages);
		break;
	case 0x80:
		s->told_serial = true;
		if (d->serial != NULL)
			len = vpd_serial_put(buf, sizeof(buf), 0, d->serial);
		break;
	case 0x83:
		s->told_designator = true;
		if (d->designator == NULL)
			break;
		ids[0].code_set = DESIGNATOR_BINARY;
		ids[0].association = DESIGNATOR_LU;
		ids[0].type = DESIGNATOR_NAA;
		ids[0].len = 8;
		ids[0].value =
		    (const uint8_t *)(task->lun == FAKE_ADDRESS ? d->designator
								: d->other);
		/* A port's number, different in every answer. */
		ids[1].code_set = DESIGNATOR_BINARY;
		ids[1].association = DESIGNATOR_PORT;
		ids[1].type = DESIGNATOR_RELATIVE_PORT;
		ids[1].len = 4;
		ids[1].value = (const uint8_t *)&s->sent_n;
		len = vpd_designators_put(buf, sizeof(buf), 0, ids, 2);
		break;
	case 0xb0:
		len = vpd_block_limits_put(buf, sizeof(buf), 0, &d->limits);
		break;
	case 0xb2:
		len =
		    vpd_provisioning_put(buf, sizeof(buf), 0, &d->provisioning);
		break;
	}
	if (len < 0)
		fake_check(
		    task, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
	else
		fake_reply(task, buf, len);
}

static void
fake_inquiry(struct session *s, struct task *task)
{
	struct inquiry inquiry = { .version = 6 };
	uint8_t buf[96];

	inquiry.type = s->disk.type;
	inquiry.third_party_copy = s->disk.third_party_copy;
	inquiry.qualifier = s->disk.qualifier;
	strcpy(inquiry.vendor, "FAKE");
	strcpy(inquiry.product, "DISK");
	fake_reply(task, buf, inquiry_put(buf, sizeof(buf), &inquiry));
}

static void
fake_capacity(struct session *s, struct task *task, bool sixteen)
{
	struct capacity c = s->disk.capacity;
	uint8_t buf[CAPACITY16_LEN];

	s->told_capacity = true;
	c.block_size = s->disk.block_size;
	c.last_lba = s->disk.base + s->disk.blocks - 1;
	if (sixteen) {
		fake_reply(task, buf, capacity16_put(buf, sizeof(buf), &c));
		return;
	}
	if (c.last_lba > UINT32_MAX)
		c.last_lba = UINT32_MAX;
	fake_reply(task, buf, capacity10_put(buf, sizeof(buf), &c));
}

static void
fake_lba_status(struct session *s, struct task *task, const struct cdb *cdb)
{
	struct fake_disk *d = &s->disk;
	struct lba_status status[128];
	uint8_t buf[4096];
	uint64_t i;
	unsigned n = 0;
	uint8_t kind;

	for (i = cdb->lba - d->base; i < d->blocks; i++) {
		kind = d->mapped[i] ? LBA_MAPPED : LBA_DEALLOCATED;
		if (n > 0 && status[n - 1].provisioning == kind) {
			status[n - 1].blocks++;
			continue;
		}
		if (n == 128)
			break;
		status[n].lba = d->base + i;
		status[n].blocks = 1;
		status[n++].provisioning = kind;
	}
	fake_reply(task, buf, lba_status_put(buf, sizeof(buf), status, n));
}

static void
fake_unmap(struct session *s, uint64_t first, uint64_t end)
{
	struct fake_disk *d = &s->disk;
	uint64_t i;

	for (i = first - d->base; i < end - d->base; i++) {
		d->mapped[i] = false;
		memset(d->data + i * d->block_size,
		    d->unmap_leaves_junk ? 0xee : 0, d->block_size);
	}
}

static void
fake_medium(struct session *s, struct task *task, const struct cdb *cdb)
{
	struct fake_disk *d = &s->disk;
	uint64_t first = 0, end = 0, at, i;
	uint8_t *to;

	at = cdb->lba < d->base ? 0 : cdb->lba - d->base;
	to = d->data + at * d->block_size;
	fake_writes(task, &first, &end);
	switch (cdb->opcode) {
	case SCSI_OP_READ_10:
	case SCSI_OP_READ_16:
		fake_copy(task, to, task->length, true);
		break;
	case SCSI_OP_WRITE_10:
	case SCSI_OP_WRITE_16:
		fake_copy(task, to, task->length, false);
		if (cdb->fua)
			fake_copy(task, d->stable + at * d->block_size,
			    task->length, false);
		for (i = at; i < at + cdb->blocks; i++)
			d->mapped[i] = true;
		break;
	case SCSI_OP_WRITE_SAME_16:
		assert_int_equal(task->length, d->block_size);
		if (cdb->unmap) {
			fake_unmap(s, first, end);
			break;
		}
		for (i = at; i < at + cdb->blocks; i++) {
			d->mapped[i] = true;
			fake_copy(task, d->data + i * d->block_size,
			    d->block_size, false);
		}
		break;
	case SCSI_OP_UNMAP:
		fake_unmap(s, first, end);
		break;
	case SCSI_OP_SYNCHRONIZE_CACHE_10:
	case SCSI_OP_SYNCHRONIZE_CACHE_16:
		assert_true(cdb->lba == 0 && cdb->blocks == 0);
		memcpy(d->stable, d->data, d->block_size * d->blocks);
		break;
	default:
		fail_msg("command 0x%02x", cdb->opcode);
	}
	task->transferred = task->length;
}

static void
fake_execute(struct session *s, struct task *task)
{
	struct fake_disk *d = &s->disk;
	uint8_t buf[64];
	struct cdb cdb;

	task->outcome = TASK_DONE;
	task->status = SCSI_GOOD;
	if (s->hook != NULL && s->hook(s, task, s->hook_ctx))
		return;
	cdb_parse(task->cdb, &cdb);
	if (s->attentions_n > 0 && cdb.opcode != SCSI_OP_INQUIRY) {
		fake_check(task, SENSE_UNIT_ATTENTION, s->attentions[0]);
		memmove(s->attentions, s->attentions + 1,
		    --s->attentions_n * sizeof(s->attentions[0]));
	} else if (d->refuse_opcode[cdb.opcode]) {
		fake_check(task, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_OPCODE);
	} else if ((cdb.opcode == SCSI_OP_INQUIRY && cdb.evpd &&
		       d->refuse_page[cdb.page]) ||
		   (cdb.opcode == SCSI_OP_MODE_SENSE_6 &&
		       d->refuse_mode[cdb.page])) {
		fake_check(
		    task, SENSE_ILLEGAL_REQUEST, SENSE_INVALID_FIELD_IN_CDB);
	} else if (cdb.opcode == SCSI_OP_INQUIRY) {
		if (cdb.evpd)
			fake_vpd(s, task, cdb.page);
		else
			fake_inquiry(s, task);
	} else if (cdb.opcode == SCSI_OP_READ_CAPACITY_10) {
		fake_capacity(s, task, false);
	} else if (cdb.opcode == SCSI_OP_MODE_SENSE_6) {
		fake_reply(task, buf,
		    mode_put(buf, sizeof(buf), false, false, &d->mode));
	} else if (cdb.opcode == SCSI_OP_SERVICE_ACTION_IN_16) {
		if (cdb.service_action == SCSI_SA_READ_CAPACITY_16)
			fake_capacity(s, task, true);
		else
			fake_lba_status(s, task, &cdb);
	} else if (cdb.opcode != SCSI_OP_TEST_UNIT_READY) {
		fake_medium(s, task, &cdb);
	}
}

bool
fake_step(struct session *s, bool any)
{
	struct task *task = TAILQ_FIRST(&s->in_flight);
	uint64_t skip;

	if (task == NULL)
		return false;
	for (skip = any ? fake_random(s, s->in_flight_n) : 0; skip > 0; skip--)
		task = TAILQ_NEXT(task, link);
	TAILQ_REMOVE(&s->in_flight, task, link);
	s->in_flight_n--;
	fake_execute(s, task);
	TAILQ_INSERT_TAIL(&s->ready, task, link);
	return true;
}

void
fake_lose(struct session *s, bool unsent, bool final)
{
	struct session_user *user;
	struct task *task, *next;
	struct error why;

	s->state = SESSION_WAIT;
	for (task = TAILQ_FIRST(&s->in_flight); task != NULL; task = next) {
		next = TAILQ_NEXT(task, link);
		if (!unsent && task->policy != TASK_QUERY)
			continue;
		TAILQ_REMOVE(&s->in_flight, task, link);
		s->in_flight_n--;
		task->outcome = unsent ? TASK_UNSENT : TASK_LOST;
		TAILQ_INSERT_TAIL(&s->ready, task, link);
	}
	error_set(&why, ERROR_UNREACHED, "connection reset");
	TAILQ_FOREACH (user, &s->users, link)
		user->lost(user, &why, final);
}

void
fake_up(struct session *s)
{
	struct session_user *user;
	struct task *task;

	while ((task = TAILQ_FIRST(&s->in_flight)) != NULL) {
		TAILQ_REMOVE(&s->in_flight, task, link);
		s->in_flight_n--;
		if (fake_random(s, 2) == 0)
			fake_execute(s, task);
		task->outcome = TASK_LOST;
		TAILQ_INSERT_TAIL(&s->ready, task, link);
	}
	s->state = SESSION_UP;
	s->told_designator = s->told_serial = s->told_capacity = false;
	TAILQ_FOREACH (user, &s->users, link)
		user->up(user, s->now);
}
