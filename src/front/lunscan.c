/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See lunscan.h.  A target may owe us unit attentions from the login on, and
 * some report them here too, one at a time: the command is sent again for each.
 * It is also sent again, once, with room for all LUNs when the first answer
 * tells that there are more than were asked for.
 */
#include "front/lunscan.h"

#include <stdlib.h>
#include <string.h>

#include "proto/cdb.h"
#include "proto/scsi.h"
#include "proto/scsidata.h"
#include "proto/sense.h"

#define TRIES 16
#define FIRST 256 /* LUNs, of the first try */

static void lunscan_send(struct lunscan *);

static void
lunscan_end(struct lunscan *scan, const struct error *err)
{
	scan->done(scan, err);
	free(scan->luns);
	free(scan->buf);
	scan->luns = NULL;
	scan->buf = NULL;
}

static void
lunscan_fail(struct lunscan *scan, enum error_class class, const char *what)
{
	const struct session_config *s = session_get_config(scan->session);
	struct error err;

	error_set(&err, class, "REPORT LUNS to %s at %s: %s", s->target_name,
	    s->portal, what);
	lunscan_end(scan, &err);
}

static void
lunscan_try(struct lunscan *scan, uint32_t room)
{
	free(scan->luns);
	free(scan->buf);
	scan->room = room;
	scan->luns = calloc(room, sizeof(*scan->luns));
	scan->buf = malloc(LUNLIST_HEADER_LEN + 8 * (size_t)room);
	if (scan->luns == NULL || scan->buf == NULL)
		lunscan_fail(scan, ERROR_FAILED, "out of memory");
	else
		lunscan_send(scan);
}

static void
lunscan_good(struct lunscan *scan, size_t len)
{
	uint32_t total, there;

	if (lunlist_len(scan->buf, len, &total) < 0 ||
	    lunlist_get(scan->buf, len, scan->luns, scan->room, &scan->n) < 0) {
		lunscan_fail(scan, ERROR_IO, "the answer makes no sense");
		return;
	}
	there = (total - LUNLIST_HEADER_LEN) / 8;
	if (there > scan->room && scan->room == FIRST)
		lunscan_try(scan, there < LUNSCAN_MAX ? there : LUNSCAN_MAX);
	else
		lunscan_end(scan, NULL);
}

static void
lunscan_status(struct lunscan *scan, const struct task *task)
{
	char text[SENSE_TEXT];
	struct sense sense;

	if (task->status != SCSI_CHECK_CONDITION ||
	    sense_get(task->sense, task->sense_len, &sense) < 0)
		lunscan_fail(scan, ERROR_IO, scsi_status_name(task->status));
	else if (sense_unit_attention(&sense) && ++scan->tries < TRIES)
		lunscan_send(scan);
	else
		lunscan_fail(
		    scan, ERROR_IO, sense_text(text, sizeof(text), &sense));
}

static void
lunscan_done(struct task *task)
{
	struct lunscan *scan = task->ctx;

	switch (task->outcome) {
	case TASK_DONE:
		if (task->status == SCSI_GOOD)
			lunscan_good(scan, task->transferred);
		else
			lunscan_status(scan, task);
		break;
	case TASK_TIMEDOUT:
		lunscan_fail(scan, ERROR_UNREACHED,
		    "no answer in time (--timeout gives it longer)");
		break;
	case TASK_BAD_REPLY:
		lunscan_fail(scan, ERROR_IO,
		    "rejected, or answered against the protocol");
		break;
	case TASK_UNSENT:
	case TASK_LOST:
		lunscan_fail(scan, ERROR_UNREACHED, "the connection was lost");
		break;
	}
}

static void
lunscan_send(struct lunscan *scan)
{
	struct task *task = &scan->task;
	uint32_t size = LUNLIST_HEADER_LEN + 8 * scan->room;

	memset(task, 0, sizeof(*task));
	cdb_report_luns(task->cdb, size);
	task->dir = TASK_IN;
	task->policy = TASK_QUERY;
	scan->iov = (struct iovec){ .iov_base = scan->buf, .iov_len = size };
	task->iov = &scan->iov;
	task->iovcnt = 1;
	task->length = size;
	task->done = lunscan_done;
	task->ctx = scan;
	session_submit(scan->session, task, scan->now(scan->ctx));
}

void
lunscan_start(struct lunscan *scan)
{
	scan->tries = 0;
	scan->luns = NULL;
	scan->buf = NULL;
	lunscan_try(scan, FIRST);
}
