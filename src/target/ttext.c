/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ttext - text negotiation in the full feature phase (RFC 7143, 11.10, 11.11,
 * Appendix C): SendTargets; every other key is not understood here.
 *
 * One negotiation at a time.  A request may come in several PDUs (C bit), and
 * an answer longer than the initiator's MaxRecvDataSegmentLength goes in
 * several: each but the last carries C and a Target Transfer Tag, with which an
 * empty request asks for the next.
 */
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "proto/name.h"
#include "target/target_impl.h"

static void
text_reset(struct tconn *conn)
{
	conn->text_len = conn->text_pos = 0;
	conn->text_answer = false;
	conn->text_ttt = PDU_TAG_NONE;
}

static void
text_refuse(struct ttask *task)
{
	text_reset(task->conn);
	tconn_reject(task->conn, task->bhs, PDU_REJECT_PROTOCOL);
	ttask_free(task);
}

static void
put_pair(struct writer *w, const char *key, size_t key_len, const char *value)
{
	writer_bytes(w, key, key_len);
	writer_u8(w, '=');
	writer_bytes(w, value, strlen(value) + 1);
}

/* All, this target's name, or nothing, which in a normal session is the target
 * of the session. */
static void
put_targets(struct writer *w, const struct tconn *conn, const char *asked)
{
	char address[ISCSI_ADDR_MAX + 8];

	if (strcmp(asked, "All") == 0 ? !conn->discovery : false)
		put_pair(w, "SendTargets", strlen("SendTargets"), "Reject");
	else if (strcmp(asked, "All") == 0 || asked[0] == '\0' ||
		 name_equal(asked, conn->target->config.name)) {
		snprintf(address, sizeof(address), "%s,%d", conn->local,
		    TARGET_TPGT);
		put_pair(w, "TargetName", strlen("TargetName"),
		    conn->target->config.name);
		put_pair(w, "TargetAddress", strlen("TargetAddress"), address);
	}
}

/* Replaces the request by its answer; false: it is no text. */
static bool
text_answer(struct tconn *conn)
{
	char answer[TCONN_TEXT_MAX];
	const char *pair = conn->text, *end = conn->text + conn->text_len;
	const char *value;
	struct writer w;

	if (conn->text_len > 0 && end[-1] != '\0')
		return false;
	writer_init(&w, answer, sizeof(answer));
	for (; pair < end; pair += strlen(pair) + 1) {
		if (*pair == '\0')
			continue;
		value = strchr(pair, '=');
		if (value == NULL)
			return false;
		if (strncmp(pair, "SendTargets=", strlen("SendTargets=")) == 0)
			put_targets(&w, conn, value + 1);
		else
			put_pair(
			    &w, pair, (size_t)(value - pair), "NotUnderstood");
	}
	if (w.bad)
		return false;
	conn->text_len = writer_len(&w);
	memcpy(conn->text, answer, conn->text_len);
	conn->text_pos = 0;
	conn->text_answer = true;
	return true;
}

static void
take_ttt(struct tconn *conn)
{
	conn->text_ttt = conn->next_ttt++;
	if (conn->text_ttt == PDU_TAG_NONE)
		conn->text_ttt = conn->next_ttt++;
}

/* The next part of the answer. */
static void
text_reply(struct ttask *task)
{
	struct tconn *conn = task->conn;
	size_t len = conn->text_len - conn->text_pos;
	size_t max = conn->params.max_send_data_segment;

	task->more = len > max;
	if (task->more)
		len = max;
	if (!ttask_copy(task, conn->text + conn->text_pos, len)) {
		text_refuse(task);
		return;
	}
	conn->text_pos += len;
	task->final = !task->more;
	if (task->more)
		take_ttt(conn);
	else
		text_reset(conn);
	task->ttt = conn->text_ttt;
	ttask_reply(task);
}

void
ttext_run(struct ttask *task, const uint8_t *data, size_t len)
{
	struct tconn *conn = task->conn;
	struct pdu_text_request p;

	pdu_get_text_request(task->bhs, &p);
	if (p.ttt == PDU_TAG_NONE)
		text_reset(conn); /* a new one, whatever was under way */
	if (p.ttt != conn->text_ttt || (p.more && p.final) ||
	    (conn->text_answer && len > 0) ||
	    len > TCONN_TEXT_MAX - conn->text_len) {
		text_refuse(task);
		return;
	}
	if (conn->text_answer) {
		text_reply(task);
		return;
	}
	if (len > 0)
		memcpy(conn->text + conn->text_len, data, len);
	conn->text_len += len;
	if (p.more) {
		/* An empty answer asks for the rest. */
		take_ttt(conn);
		task->ttt = conn->text_ttt;
		task->final = task->more = false;
		ttask_reply(task);
		return;
	}
	if (text_answer(conn))
		text_reply(task);
	else
		text_refuse(task);
}
