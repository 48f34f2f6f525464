/* SPDX-License-Identifier: BSD-2-Clause */
/* REPORT LUNS of a target that is played here: each session_submit() is
 * answered at once by the test's script. */
#include "unit.h"

#include <stdio.h>

#include "front/lunscan.h"
#include "proto/cdb.h"
#include "proto/scsi.h"
#include "proto/scsidata.h"
#include "proto/sense.h"

struct session {
	struct session_config config;
	uint32_t there;	     /* LUNs that the target has: 0, 1, 2, ... */
	unsigned attentions; /* that come first */
	enum task_outcome outcome;
	uint8_t status;
	uint32_t cut; /* bytes that are missing at the end of an answer */
	unsigned sent;
};

static struct session session;
static struct lunscan scan;
static unsigned done;
static struct error why;
static uint64_t *kept;
static unsigned kept_n;

static uint64_t
lun_at(uint32_t i)
{
	return UINT64_C(0x4000000000000000) + ((uint64_t)i << 32);
}

const struct session_config *
session_get_config(const struct session *s)
{
	return &s->config;
}

static void
answer(struct session *s, struct task *task)
{
	uint8_t *buf = task->iov->iov_base;
	uint32_t i, len = LUNLIST_HEADER_LEN + 8 * s->there;
	uint8_t *all = calloc(1, len);
	uint64_t *luns = calloc(s->there + 1, sizeof(*luns));

	assert_non_null(all);
	assert_non_null(luns);
	assert_int_equal(task->iovcnt, 1);
	assert_int_equal(task->iov->iov_len, task->length);
	for (i = 0; i < s->there; i++)
		luns[i] = lun_at(i);
	assert_int_equal(lunlist_put(all, len, luns, s->there), len);
	len -= s->cut;
	task->overflow = len > task->length;
	task->transferred = task->overflow ? task->length : len;
	memcpy(buf, all, task->transferred);
	free(all);
	free(luns);
}

void
session_submit(struct session *s, struct task *task, uint64_t now)
{
	struct cdb cdb;

	assert_int_equal(now, 5);
	assert_int_equal(task->lun, 0);
	assert_int_equal(cdb_parse(task->cdb, &cdb), 0);
	assert_int_equal(cdb.opcode, SCSI_OP_REPORT_LUNS);
	assert_int_equal(cdb.alloc_len, task->length);
	s->sent++;
	task->outcome = s->outcome;
	task->status = s->status;
	if (s->attentions > 0) {
		s->attentions--;
		task->status = SCSI_CHECK_CONDITION;
		task->sense_len =
		    (uint16_t)sense_put(task->sense, sizeof(task->sense), false,
			&(struct sense){
			    .key = SENSE_UNIT_ATTENTION, .asc = 0x29 });
	} else if (task->outcome == TASK_DONE && task->status == SCSI_GOOD) {
		answer(s, task);
	}
	task->done(task);
}

static uint64_t
now(void *ctx)
{
	assert_ptr_equal(ctx, &done);
	return 5;
}

static void
ended(struct lunscan *scanned, const struct error *err)
{
	assert_ptr_equal(scanned, &scan);
	done++;
	if (err != NULL) {
		why = *err;
		return;
	}
	kept = scan.luns;
	kept_n = scan.n;
	scan.luns = NULL;
}

static int
setup(void **state)
{
	(void)state;
	memset(&session, 0, sizeof(session));
	strcpy(session.config.portal, "[::1]:3260");
	strcpy(session.config.target_name, "iqn.2001-04.com.example:t");
	scan = (struct lunscan){
		.session = &session, .now = now, .done = ended, .ctx = &done
	};
	done = 0;
	kept = NULL;
	kept_n = 0;
	memset(&why, 0, sizeof(why));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	free(kept);
	return 0;
}

static void
lists(uint32_t there, unsigned sent, uint32_t want)
{
	uint32_t i;

	session.there = there;
	lunscan_start(&scan);
	assert_int_equal(done, 1);
	assert_int_equal(why.class, ERROR_NONE);
	assert_int_equal(session.sent, sent);
	assert_int_equal(kept_n, want);
	for (i = 0; i < want; i++)
		assert_int_equal(kept[i], lun_at(i));
}

static void
few(void **state)
{
	(void)state;
	lists(2, 1, 2);
}

static void
none(void **state)
{
	(void)state;
	lists(0, 1, 0);
}

/* As many as the first try has room for. */
static void
just_enough(void **state)
{
	(void)state;
	lists(256, 1, 256);
}

static void
many(void **state)
{
	(void)state;
	lists(5000, 2, 5000);
}

static void
too_many(void **state)
{
	(void)state;
	lists(LUNSCAN_MAX + 1, 2, LUNSCAN_MAX);
}

static void
attentions(void **state)
{
	(void)state;
	session.attentions = 3;
	lists(2, 4, 2);
}

static void
fails(enum error_class class, const char *text)
{
	lunscan_start(&scan);
	assert_int_equal(done, 1);
	assert_int_equal(why.class, class);
	assert_string_equal(why.text, text);
	assert_null(scan.luns);
	assert_null(scan.buf);
}

#define WHERE "REPORT LUNS to iqn.2001-04.com.example:t at [::1]:3260: "

static void
endless_attentions(void **state)
{
	(void)state;
	session.attentions = UINT32_MAX;
	lunscan_start(&scan);
	assert_int_equal(session.sent, 16);
	assert_int_equal(why.class, ERROR_IO);
}

static void
no_sense(void **state)
{
	(void)state;
	session.there = 0;
	session.cut = 1;
	fails(ERROR_IO, WHERE "the answer makes no sense");
}

static void
busy(void **state)
{
	(void)state;
	session.status = SCSI_BUSY;
	fails(ERROR_IO, WHERE "BUSY");
}

static void
lost(void **state)
{
	(void)state;
	session.outcome = TASK_LOST;
	fails(ERROR_UNREACHED, WHERE "the connection was lost");
}

static void
late(void **state)
{
	(void)state;
	session.outcome = TASK_TIMEDOUT;
	fails(ERROR_UNREACHED,
	    WHERE "no answer in time (--timeout gives it longer)");
}

static void
rejected(void **state)
{
	(void)state;
	session.outcome = TASK_BAD_REPLY;
	fails(ERROR_IO, WHERE "rejected, or answered against the protocol");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(few),
		TEST(none),
		TEST(just_enough),
		TEST(many),
		TEST(too_many),
		TEST(attentions),
		TEST(endless_attentions),
		TEST(no_sense),
		TEST(busy),
		TEST(lost),
		TEST(late),
		TEST(rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
