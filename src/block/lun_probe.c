/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sequence is a table; a row is one command.  How a command may end:
 *
 *     good             its parser takes the data; the next row
 *     unit attention   the same command again (it was not executed); when the
 *                      attention says that something changed, the first row
 *     becoming ready   LUN_NOT_READY: all again a little later, for half a
 *                      minute at most
 *     refused          a row that is not needed is marked and passed over, now
 *                      and in every later probe; else LUN_REFUSED
 *
 * A run that follows a lost session must find the same LUN (lun_identity.h):
 * until then no command of a request is sent.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "block/lun_priv.h"

#define PROBE_RETRIES	   32 /* of commands in one run */
#define PROBE_RESTARTS	   16
#define PROBE_PATIENCE	   (30 * CLOCK_S)
#define PROBE_PAUSE	   (500 * CLOCK_MS)
#define PROBE_BLOCK_MIN	   512
#define PROBE_BLOCK_MAX	   65536
#define PROBE_PHYSICAL_MAX (UINT32_C(1) << 20)

struct probe_step {
	const char *name;
	/* Optional.  Whether to ask, by what is known so far. */
	bool (*wanted)(const struct lun_facts *, const struct probe_step *);
	void (*build)(uint8_t *cdb, const struct probe_step *);
	/* Optional.  0, or -errno: -ENODEV, -EOVERFLOW, else malformed. */
	int (*take)(struct lun_facts *, const uint8_t *, size_t);
	uint16_t length; /* of the data at the most */
	uint8_t page;
	bool needed;
};

/* ---- when ---- */

static bool
want_disk(const struct lun_facts *facts, const struct probe_step *step)
{
	(void)step;
	return facts->type == SCSI_TYPE_DISK;
}

static bool
want_page(const struct lun_facts *facts, const struct probe_step *step)
{
	return facts->type == SCSI_TYPE_DISK &&
	       (!facts->has_pages ||
		   vpd_supported_has(&facts->pages, step->page));
}

static bool
want_capacity10(const struct lun_facts *facts, const struct probe_step *step)
{
	return want_disk(facts, step) && !facts->has_capacity;
}

static bool
want_mode_header(const struct lun_facts *facts, const struct probe_step *step)
{
	return want_disk(facts, step) && !facts->has_mode;
}

/* ---- what ---- */

static void
build_test_unit_ready(uint8_t *cdb, const struct probe_step *step)
{
	(void)step;
	cdb_test_unit_ready(cdb);
}

static void
build_inquiry(uint8_t *cdb, const struct probe_step *step)
{
	cdb_inquiry(cdb, step->length);
}

static void
build_vpd(uint8_t *cdb, const struct probe_step *step)
{
	cdb_inquiry_vpd(cdb, step->page, step->length);
}

static void
build_capacity16(uint8_t *cdb, const struct probe_step *step)
{
	cdb_read_capacity16(cdb, step->length);
}

static void
build_capacity10(uint8_t *cdb, const struct probe_step *step)
{
	(void)step;
	cdb_read_capacity10(cdb);
}

static void
build_mode_sense(uint8_t *cdb, const struct probe_step *step)
{
	cdb_mode_sense6(cdb, step->page, 0, false, (uint8_t)step->length);
}

/* ---- the answers ---- */

static int
take_inquiry(struct lun_facts *facts, const uint8_t *data, size_t len)
{
	struct inquiry inquiry;

	if (inquiry_get(data, len, &inquiry) < 0)
		return -EBADMSG;
	if (inquiry.qualifier != INQUIRY_CONNECTED)
		return -ENODEV;
	facts->type = inquiry.type;
	facts->third_party_copy = inquiry.third_party_copy;
	return 0;
}

static int
take_pages(struct lun_facts *facts, const uint8_t *data, size_t len)
{
	if (vpd_supported_get(data, len, &facts->pages) < 0)
		return -EBADMSG;
	facts->has_pages = true;
	return 0;
}

static int
take_serial(struct lun_facts *facts, const uint8_t *data, size_t len)
{
	if (vpd_serial_get(data, len, facts->identity.serial) < 0)
		return -EBADMSG;
	facts->identity.has_serial = facts->identity.serial[0] != '\0';
	return 0;
}

static int
take_designators(struct lun_facts *facts, const uint8_t *data, size_t len)
{
	return lun_identity_designators(&facts->identity, data, len);
}

static int
take_capacity16(struct lun_facts *facts, const uint8_t *data, size_t len)
{
	if (capacity16_get(data, len, &facts->capacity) < 0)
		return -EBADMSG;
	facts->has_capacity = true;
	return 0;
}

static int
take_capacity10(struct lun_facts *facts, const uint8_t *data, size_t len)
{
	if (capacity10_get(data, len, &facts->capacity) < 0)
		return -EBADMSG;
	if (facts->capacity.last_lba == UINT32_MAX)
		return -EOVERFLOW;
	facts->has_capacity = true;
	return 0;
}

static int
take_limits(struct lun_facts *facts, const uint8_t *data, size_t len)
{
	return vpd_block_limits_get(data, len, &facts->limits);
}

static int
take_provisioning(struct lun_facts *facts, const uint8_t *data, size_t len)
{
	if (vpd_provisioning_get(data, len, &facts->provisioning) < 0)
		return -EBADMSG;
	facts->has_provisioning = true;
	return 0;
}

static int
take_mode(struct lun_facts *facts, const uint8_t *data, size_t len)
{
	if (mode_get(data, len, false, &facts->mode) < 0)
		return -EBADMSG;
	facts->has_mode = true;
	return 0;
}

/* The order matters: what a device is before whether it is ready (a tape may
 * never be); the list of pages before the pages; the identity first of them. */
static const struct probe_step probe_steps[] = {
	{ "INQUIRY", NULL, build_inquiry, take_inquiry, 96, 0, true },
	{ "TEST UNIT READY", want_disk, build_test_unit_ready, NULL, 0, 0,
	    true },
	{ "INQUIRY of VPD page 00h", want_disk, build_vpd, take_pages, 252,
	    VPD_SUPPORTED_PAGES, false },
	{ "INQUIRY of VPD page 83h", want_page, build_vpd, take_designators,
	    LUN_PROBE_BUFFER, VPD_DEVICE_IDENTIFICATION, false },
	{ "INQUIRY of VPD page 80h", want_page, build_vpd, take_serial, 252,
	    VPD_UNIT_SERIAL_NUMBER, false },
	{ "READ CAPACITY(16)", want_disk, build_capacity16, take_capacity16,
	    CAPACITY16_LEN, 0, false },
	{ "READ CAPACITY(10)", want_capacity10, build_capacity10,
	    take_capacity10, CAPACITY10_LEN, 0, true },
	{ "INQUIRY of VPD page b0h", want_page, build_vpd, take_limits, 252,
	    VPD_BLOCK_LIMITS, false },
	{ "INQUIRY of VPD page b2h", want_page, build_vpd, take_provisioning,
	    252, VPD_LOGICAL_BLOCK_PROVISIONING, false },
	{ "MODE SENSE(6) of the caching page", want_disk, build_mode_sense,
	    take_mode, 252, MODE_PAGE_CACHING, false },
	{ "MODE SENSE(6) of all pages", want_mode_header, build_mode_sense,
	    take_mode, 252, MODE_PAGE_ALL, false },
};
#define PROBE_STEPS (sizeof(probe_steps) / sizeof(probe_steps[0]))

/* ---- the run ---- */

/* Fills the error with the place before the reason. */
static void __attribute__((format(printf, 3, 4)))
probe_explain(struct lun *lun, enum error_class class, const char *fmt, ...)
{
	char why[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	error_set(&lun->probe.error, class, "LUN %" PRIu64 " at %s: %s",
	    lun->config.number, session_get_config(lun->config.session)->portal,
	    why);
}

static void
probe_send(struct lun *lun)
{
	const struct probe_step *step = &probe_steps[lun->probe.step];
	struct lun_probe *probe = &lun->probe;
	struct task *task = &probe->task;

	task->lun = lun->config.address;
	task->dir = step->length > 0 ? TASK_IN : TASK_NO_DATA;
	task->policy = TASK_QUERY;
	probe->iov.iov_base = probe->buffer;
	probe->iov.iov_len = step->length;
	task->iov = &probe->iov;
	task->iovcnt = step->length > 0;
	task->length = step->length;
	step->build(task->cdb, step);
	probe->busy = true;
	session_submit(
	    lun->config.session, task, lun->config.now(lun->config.now_ctx));
}

/* True when the LUN can be used as a disk; else the error is filled. */
static bool
probe_usable(struct lun *lun, struct lun_facts *facts)
{
	const struct capacity *c = &facts->capacity;

	if (c->block_size < PROBE_BLOCK_MIN ||
	    c->block_size > PROBE_BLOCK_MAX ||
	    (c->block_size & (c->block_size - 1)) != 0) {
		probe_explain(lun, ERROR_FAILED,
		    "blocks of %" PRIu32 " bytes are not supported",
		    c->block_size);
		return false;
	}
	if (c->last_lba >= INT64_MAX / c->block_size) {
		probe_explain(lun, ERROR_FAILED,
		    "its last block %" PRIu64 " of %" PRIu32
		    " bytes is beyond what a file can hold",
		    c->last_lba, c->block_size);
		return false;
	}
	if (c->prot_en && c->p_type == 1) {
		probe_explain(lun, ERROR_FAILED,
		    "formatted with type 2 protection, which needs 32-byte "
		    "commands");
		return false;
	}
	/* A hint at most; st_blksize is made of it. */
	if (c->block_size << c->physical_exponent > PROBE_PHYSICAL_MAX)
		facts->capacity.physical_exponent = 0;
	facts->identity.block_size = c->block_size;
	facts->identity.blocks = c->last_lba + 1;
	return true;
}

/* No disk: an empty device. */
static void
probe_not_a_disk(struct lun_facts *facts)
{
	facts->identity.block_size = PROBE_BLOCK_MIN;
	facts->identity.blocks = 0;
}

static void
probe_end(struct lun *lun)
{
	struct lun_facts *facts = &lun->probe.facts;
	const char *differs;

	lun->probe.patience = 0;
	if (facts->type != SCSI_TYPE_DISK) {
		probe_not_a_disk(facts);
	} else if (!probe_usable(lun, facts)) {
		lun_event(lun, LUN_REFUSED);
		return;
	}
	differs = !lun->known ? NULL
			      : lun_identity_differs(&lun->facts.identity,
				    &facts->identity, !lun->unproven);
	if (lun->known && lun->facts.type != facts->type)
		differs = "device type";
	if (differs != NULL) {
		probe_explain(lun, ERROR_IO,
		    "it is not the same any more, its %s differs; "
		    "nothing is sent to it from now on",
		    differs);
		lun_event(lun, LUN_OTHER);
		return;
	}
	if (lun_adopt(lun, facts) < 0) {
		probe_explain(lun, ERROR_FAILED, "out of memory");
		lun_event(lun, LUN_REFUSED);
		return;
	}
	if (facts->type == SCSI_TYPE_DISK && !facts->identity.has_designators &&
	    !facts->identity.has_serial)
		log_warn(lun->config.log,
		    "LUN %" PRIu64 ": it tells neither designator nor serial "
		    "number; another LUN of its size would be taken for it",
		    lun->config.number);
	lun->probe.restarts = 0;
	lun_event(lun, LUN_PROVEN);
}

/* Sends the next command that is wanted, from probe->step on. */
static void
probe_go(struct lun *lun)
{
	struct lun_probe *probe = &lun->probe;
	const struct probe_step *step;

	for (; probe->step < PROBE_STEPS; probe->step++) {
		step = &probe_steps[probe->step];
		if ((probe->refused & (1u << probe->step)) != 0)
			continue;
		if (step->wanted != NULL && !step->wanted(&probe->facts, step))
			continue;
		probe_send(lun);
		return;
	}
	probe_end(lun);
}

static void
probe_restart(struct lun *lun)
{
	struct lun_probe *probe = &lun->probe;

	probe->again = false;
	if (++probe->restarts > PROBE_RESTARTS) {
		probe_explain(lun, ERROR_IO,
		    "it does not stop to change while it is looked at");
		probe->restarts = 0;
		lun_event(lun, LUN_REFUSED);
		return;
	}
	memset(&probe->facts, 0, sizeof(probe->facts));
	probe->step = 0;
	probe->retries = 0;
	probe_go(lun);
}

static void probe_done(struct task *);

void
lun_probe_start(struct lun *lun)
{
	struct lun_probe *probe = &lun->probe;

	probe->task.ctx = lun;
	probe->task.done = probe_done;
	if (probe->busy)
		probe->again = true;
	else
		probe_restart(lun);
}

/* ---- how a command ended ---- */

/* The LUN is known by this page: without it, it cannot be proven the same. */
static bool
probe_proves(const struct lun *lun, const struct probe_step *step)
{
	const struct lun_identity *known = &lun->facts.identity;

	return lun->known &&
	       ((step->take == take_designators && known->has_designators) ||
		   (step->take == take_serial && known->has_serial));
}

/* The command is refused: go on without its answer if that is possible. */
static void
probe_without(
    struct lun *lun, bool for_ever, enum error_class class, const char *why)
{
	const struct probe_step *step = &probe_steps[lun->probe.step];
	struct lun_probe *probe = &lun->probe;

	if (step->needed || probe_proves(lun, step)) {
		probe_explain(lun, class, "%s failed: %s", step->name, why);
		probe->patience = 0;
		lun_event(lun, LUN_REFUSED);
		return;
	}
	log_info(lun->config.log, "LUN %" PRIu64 ": %s failed: %s",
	    lun->config.number, step->name, why);
	if (for_ever)
		probe->refused |= 1u << probe->step;
	probe->step++;
	probe_go(lun);
}

static void
probe_retry(struct lun *lun, const char *why)
{
	if (++lun->probe.retries > PROBE_RETRIES)
		probe_without(lun, false, ERROR_IO, why);
	else
		probe_send(lun);
}

static void
probe_not_ready(struct lun *lun, const char *why)
{
	uint64_t now = lun->config.now(lun->config.now_ctx);
	struct lun_probe *probe = &lun->probe;

	if (probe->patience == 0)
		probe->patience = now + PROBE_PATIENCE;
	if (now >= probe->patience) {
		probe->patience = 0;
		probe_explain(lun, ERROR_IO, "not ready: %s", why);
		lun_event(lun, LUN_REFUSED);
		return;
	}
	probe->at = now + PROBE_PAUSE;
	probe->restarts = 0;
	lun_event(lun, LUN_NOT_READY);
}

static void
probe_check_condition(struct lun *lun)
{
	struct task *task = &lun->probe.task;
	char why[SENSE_TEXT];
	struct sense sense;

	if (sense_get(task->sense, task->sense_len, &sense) < 0) {
		probe_without(
		    lun, true, ERROR_IO, "CHECK CONDITION without sense data");
		return;
	}
	sense_text(why, sizeof(why), &sense);
	lun_attention_luns(lun, &sense);
	/* After a login every target says so. */
	if (lun_attention_power(&sense) && !lun->unproven)
		lun_cache_lost(lun, why);
	if (sense.deferred) {
		lun_deferred_error(lun, &sense);
		probe_retry(lun, why);
	} else if (lun_attention_changed(&sense)) {
		/* At the first commands nothing is known yet. */
		if (lun->probe.step > 1)
			probe_restart(lun);
		else
			probe_retry(lun, why);
	} else if (sense_unit_attention(&sense) ||
		   sense.key == SENSE_ABORTED_COMMAND ||
		   sense.key == SENSE_NO_SENSE) {
		probe_retry(lun, why);
	} else if (lun_becoming_ready(&sense)) {
		probe_not_ready(lun, why);
	} else {
		probe_without(lun, true,
		    sense_code(&sense) == SENSE_LUN_NOT_SUPPORTED ? ERROR_ABSENT
								  : ERROR_IO,
		    why);
	}
}

static void
probe_good(struct lun *lun)
{
	struct lun_probe *probe = &lun->probe;
	const struct probe_step *step = &probe_steps[probe->step];
	int error;

	error = step->take == NULL ? 0
				   : step->take(&probe->facts, probe->buffer,
					 probe->task.transferred);
	if (error == -ENODEV) {
		probe_without(
		    lun, false, ERROR_ABSENT, "there is no such logical unit");
	} else if (error == -EOVERFLOW) {
		probe_without(lun, false, ERROR_IO,
		    "the LUN is too large for it, and READ CAPACITY(16) "
		    "is not supported");
	} else if (error < 0) {
		probe_without(lun, true, ERROR_IO, "the answer is malformed");
	} else {
		probe->step++;
		probe_go(lun);
	}
}

static void
probe_status(struct lun *lun)
{
	struct task *task = &lun->probe.task;

	switch (task->status) {
	case SCSI_GOOD:
		probe_good(lun);
		break;
	case SCSI_CHECK_CONDITION:
		probe_check_condition(lun);
		break;
	case SCSI_BUSY:
	case SCSI_TASK_SET_FULL:
		probe_not_ready(lun, scsi_status_name(task->status));
		break;
	case SCSI_TASK_ABORTED:
		probe_retry(lun, scsi_status_name(task->status));
		break;
	case SCSI_RESERVATION_CONFLICT:
		/* TEST UNIT READY may be shut out by another host's reservation
		 * (SPC-4, table 49) where INQUIRY and READ CAPACITY are not. */
		if (probe_steps[lun->probe.step].take == NULL)
			probe_good(lun);
		else
			probe_without(
			    lun, false, ERROR_IO, "reserved by another host");
		break;
	default:
		probe_without(
		    lun, false, ERROR_IO, scsi_status_name(task->status));
		break;
	}
}

static void
probe_done(struct task *task)
{
	struct lun *lun = task->ctx;

	lun->probe.busy = false;
	if (lun->state != LUN_PROBING) {
		lun->probe.again = false;
	} else if (lun->probe.again) {
		probe_restart(lun);
	} else if (task->outcome == TASK_DONE) {
		probe_status(lun);
	} else if (task->outcome == TASK_UNSENT || task->outcome == TASK_LOST) {
		/* The session's lost() is on its way, unless it is up again. */
		if (session_state(lun->config.session) == SESSION_UP)
			probe_restart(lun);
		else
			lun_event(lun, LUN_LOST);
	} else {
		probe_without(lun, true, ERROR_UNREACHED,
		    task->outcome == TASK_TIMEDOUT
			? "no answer in time"
			: "the answer breaks the protocol");
	}
	lun_work(lun);
}
