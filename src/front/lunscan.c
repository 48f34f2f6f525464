/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See lunscan.h.  A target may owe us unit attentions from the login on, and
 * some report them here too, one at a time: the command is sent again for each.
 */
#include "front/lunscan.h"

#include <string.h>

#include "proto/cdb.h"
#include "proto/scsi.h"
#include "proto/scsidata.h"
#include "proto/sense.h"

#define TRIES 16

static void
lunscan_fail(struct lunscan *scan, enum error_class class, const char *what)
{
	struct error err;

	error_set(&err, class, "REPORT LUNS to %s: %s",
	    session_get_config(scan->session)->portal, what);
	scan->done(scan, &err);
}

static void
lunscan_status(struct lunscan *scan, const struct task *task)
{
	char text[SENSE_TEXT];
	struct sense sense;

	if (task->status != SCSI_CHECK_CONDITION ||
	    sense_get(task->sense, task->sense_len, &sense) < 0) {
		lunscan_fail(scan, ERROR_IO, scsi_status_name(task->status));
		return;
	}
	if (sense_unit_attention(&sense) && ++scan->tries < TRIES) {
		lunscan_start(scan);
		return;
	}
	lunscan_fail(scan, ERROR_IO, sense_text(text, sizeof(text), &sense));
}

static void
lunscan_done(struct task *task)
{
	struct lunscan *scan = task->ctx;

	if (task->outcome != TASK_DONE)
		lunscan_fail(scan, ERROR_UNREACHED,
		    task->outcome == TASK_TIMEDOUT ? "no answer in time"
						   : "the connection was lost");
	else if (task->status != SCSI_GOOD)
		lunscan_status(scan, task);
	else if (lunlist_get(scan->buf, task->transferred, scan->luns,
		     LUNSCAN_MAX, &scan->n) < 0)
		lunscan_fail(scan, ERROR_IO, "the answer makes no sense");
	else
		scan->done(scan, NULL);
}

void
lunscan_start(struct lunscan *scan)
{
	struct task *task = &scan->task;

	memset(task, 0, sizeof(*task));
	cdb_report_luns(task->cdb, sizeof(scan->buf));
	task->dir = TASK_IN;
	task->policy = TASK_QUERY;
	scan->iov = (struct iovec){ .iov_base = scan->buf,
		.iov_len = sizeof(scan->buf) };
	task->iov = &scan->iov;
	task->iovcnt = 1;
	task->length = sizeof(scan->buf);
	task->done = lunscan_done;
	task->ctx = scan;
	session_submit(scan->session, task, scan->now(scan->ctx));
}
