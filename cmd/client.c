/* SPDX-License-Identifier: BSD-2-Clause */
/* client - see the header. */
#include "cmd/client.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "front/lunscan.h"
#include "io/link.h"
#include "io/loop.h"

/* How many unit attentions one command may meet; a target queues a few. */
#define ATTENTIONS_MAX 16
#define BUSY_PAUSE     (10 * CLOCK_MS)

struct client {
	struct loop *loop;
	struct link *link;
	char portal[ISCSI_ADDR_MAX + 1];
	char target[ISCSI_NAME_MAX + 1];
	bool up;
	bool lost; /* for good; why says how */
	bool ended;
	bool answered; /* the one question that is out */
	bool interrupted;
	bool rested; /* client_pause() */
	struct timer rest;
	struct error why;
};

static void
client_up(void *ctx)
{
	struct client *c = ctx;

	c->up = true;
	loop_stop(c->loop, 0);
}

static void
client_lost(void *ctx, const struct error *why, bool final)
{
	struct client *c = ctx;

	if (!final)
		return;
	c->why = *why;
	c->lost = true;
	loop_stop(c->loop, 0);
}

static void
client_ended(void *ctx)
{
	struct client *c = ctx;

	c->ended = true;
	loop_stop(c->loop, 0);
}

/* The one question that is out has its answer, or none will come. */
static void
client_answer(struct client *c)
{
	c->answered = true;
	loop_stop(c->loop, 0);
}

/* Runs the loop until one of the two has become true. */
static int
client_wait(struct client *c, const bool *one, const bool *other)
{
	int result;

	while (!*one && !*other) {
		result = loop_run(c->loop);
		if (result < 0)
			return result;
	}
	return 0;
}

static int
client_connect(
    struct client *c, const struct link_config *config, struct error *err)
{
	int result;

	result = loop_new(&c->loop);
	if (result == 0)
		result = link_new(c->loop, config, &c->link);
	if (result == 0) {
		link_start(c->link);
		result = client_wait(c, &c->up, &c->lost);
	}
	if (result < 0)
		return error_set(err, ERROR_FAILED, "starting to log in: %s",
		    strerror(-result));
	if (c->lost) {
		*err = c->why;
		return -1;
	}
	return 0;
}

int
client_open(struct options *o, const struct url *url, struct client **ret,
    struct error *err)
{
	struct link_config config;
	struct client *c;

	if (options_link(o, url, &config, err) < 0)
		return -1;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return error_set(err, ERROR_FAILED, "out of memory");
	memcpy(c->portal, url->portal, sizeof(c->portal));
	memcpy(c->target, url->target, sizeof(c->target));
	config.session.reconnect = false;
	config.up = client_up;
	config.lost = client_lost;
	config.ended = client_ended;
	config.ctx = c;
	if (client_connect(c, &config, err) < 0) {
		client_close(c);
		return -1;
	}
	*ret = c;
	return 0;
}

void
client_close(struct client *c)
{
	if (c == NULL)
		return;
	if (c->link != NULL && c->up && !c->lost) {
		if (!c->interrupted)
			link_end(c->link);
		(void)client_wait(c, &c->ended, &c->lost);
	}
	link_free(c->link);
	loop_free(c->loop);
	free(c);
}

const struct params *
client_params(const struct client *c)
{
	return session_params(link_session(c->link));
}

/*
 * ---- time ----
 */

/* Ending the session ends the question that is out. */
static void
client_interrupt(void *ctx, int signo)
{
	struct client *c = ctx;

	(void)signo;
	if (!c->interrupted && !c->lost)
		link_end(c->link);
	c->interrupted = true;
	loop_stop(c->loop, 0);
}

int
client_catch_signals(struct client *c)
{
	int result = loop_signal(c->loop, SIGINT, client_interrupt, c);

	if (result == 0)
		result = loop_signal(c->loop, SIGTERM, client_interrupt, c);
	return result;
}

bool
client_interrupted(const struct client *c)
{
	return c->interrupted;
}

static void
rest_over(struct timer *t, uint64_t now)
{
	struct client *c = t->ctx;

	(void)now;
	c->rested = true;
	loop_stop(c->loop, 0);
}

void
client_pause(struct client *c, uint64_t ns)
{
	if (c->interrupted || c->lost)
		return;
	c->rested = false;
	timer_init(&c->rest, rest_over, c);
	timer_set(c->loop, &c->rest, loop_now(c->loop) + ns);
	while (!c->rested && !c->interrupted && !c->lost)
		if (loop_run(c->loop) < 0)
			break;
	timer_clear(c->loop, &c->rest);
}

/*
 * ---- commands ----
 */

static void
task_done(struct task *task)
{
	client_answer(task->ctx);
}

/* One task, to its end. */
static int
task_run(struct client *c, struct task *task, struct error *err)
{
	int result;

	task->done = task_done;
	task->ctx = c;
	c->answered = false;
	session_submit(link_session(c->link), task, loop_now(c->loop));
	result = client_wait(c, &c->answered, &c->answered);
	if (result < 0)
		return error_set(err, ERROR_FAILED, "%s", strerror(-result));
	return 0;
}

static int
outcome_fail(struct client *c, const struct task *task, struct error *err)
{
	char lun[LUNADDR_TEXT];
	const char *name = cdb_name(task->cdb);

	lunaddr_text(lun, task->lun);
	switch (task->outcome) {
	case TASK_TIMEDOUT:
		return error_set(err, ERROR_UNREACHED,
		    "%s to LUN %s of %s at %s: no answer in time (--timeout "
		    "gives it longer)",
		    name, lun, c->target, c->portal);
	case TASK_BAD_REPLY:
		return error_set(err, ERROR_IO,
		    "%s to LUN %s of %s at %s was rejected, or answered "
		    "against the protocol",
		    name, lun, c->target, c->portal);
	default:
		if (c->lost) {
			*err = c->why;
			return -1;
		}
		return error_set(err, ERROR_UNREACHED,
		    "%s to LUN %s of %s: the connection to %s was lost", name,
		    lun, c->target, c->portal);
	}
}

static int
lun_absent(struct client *c, uint64_t lun, struct error *err)
{
	char text[LUNADDR_TEXT];

	return error_set(err, ERROR_ABSENT,
	    "%s at %s has no LUN %s; `luntap list` shows those that it has",
	    c->target, c->portal, lunaddr_text(text, lun));
}

/* The target gave a status that is not GOOD. */
static int
status_fail(struct client *c, const struct task *task, const struct sense *s,
    struct error *err)
{
	char lun[LUNADDR_TEXT], text[SENSE_TEXT];
	const char *why = scsi_status_name(task->status);

	if (sense_code(s) == SENSE_LUN_NOT_SUPPORTED)
		return lun_absent(c, task->lun, err);
	if (task->status == SCSI_CHECK_CONDITION && task->sense_len > 0)
		why = sense_text(text, sizeof(text), s);
	return error_set(err, ERROR_IO, "%s to LUN %s of %s at %s failed: %s",
	    cdb_name(task->cdb), lunaddr_text(lun, task->lun), c->target,
	    c->portal, why);
}

int
client_read(struct client *c, uint64_t lun, const uint8_t *cdb, void *buf,
    uint32_t len, struct sense *ret_sense, struct error *err)
{
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	unsigned attentions = 0;
	struct sense sense;
	struct task task;

	do {
		memset(&task, 0, sizeof(task));
		task.lun = lun;
		memcpy(task.cdb, cdb, CDB_MAX);
		task.dir = len > 0 ? TASK_IN : TASK_NO_DATA;
		task.policy = TASK_QUERY;
		task.iov = &iov;
		task.iovcnt = len > 0 ? 1 : 0;
		task.length = len;
		sense_set(&sense, SENSE_NO_SENSE, 0);
		if (ret_sense != NULL)
			*ret_sense = sense;
		if (task_run(c, &task, err) < 0)
			return -1;
		if (task.outcome != TASK_DONE)
			return outcome_fail(c, &task, err);
		if (task.status == SCSI_GOOD)
			return (int)task.transferred;
		(void)sense_get(task.sense, task.sense_len, &sense);
	} while (task.status == SCSI_CHECK_CONDITION &&
		 sense_unit_attention(&sense) && ++attentions < ATTENTIONS_MAX);
	if (ret_sense != NULL)
		*ret_sense = sense;
	return status_fail(c, &task, &sense, err);
}

/*
 * ---- pings ----
 */

static void
ping_done(struct session_ping *ping)
{
	client_answer(ping->ctx);
}

int
client_ping(struct client *c, struct error *err)
{
	struct session_ping ping = { .done = ping_done, .ctx = c };
	int result;

	c->answered = false;
	/* The session's own, after a silence, is as good, but not timed. */
	while ((result = session_ping(link_session(c->link), &ping,
		    loop_now(c->loop))) == -EBUSY &&
	       !c->lost && !c->interrupted)
		client_pause(c, BUSY_PAUSE);
	if (result == 0)
		result = client_wait(c, &c->answered, &c->answered);
	if (c->lost) {
		*err = c->why;
		return -1;
	}
	if (result < 0 && result != -ENOTCONN)
		return error_set(err, ERROR_FAILED, "%s", strerror(-result));
	if (!ping.answered)
		return error_set(err, ERROR_UNREACHED,
		    "NOP-Out to %s: the session was ended", c->portal);
	return 0;
}

/*
 * ---- text ----
 */

static void
text_done(struct text_exchange *text)
{
	client_answer(text->ctx);
}

int
client_text(struct client *c, const char *request, size_t request_len,
    uint8_t **ret, size_t *ret_len, struct error *err)
{
	struct text_exchange text = {
		.request = request,
		.request_len = request_len,
		.done = text_done,
		.ctx = c,
	};
	uint8_t *copy;
	int result;

	c->answered = false;
	session_text(link_session(c->link), &text, loop_now(c->loop));
	result = client_wait(c, &c->answered, &c->answered);
	if (result < 0)
		return error_set(err, ERROR_FAILED, "%s", strerror(-result));
	if (text.result < 0) {
		*err = text.error;
		session_text_release(&text);
		return -1;
	}
	copy = malloc(text.response_len + 1);
	if (copy != NULL) {
		memcpy(copy, text.response, text.response_len);
		*ret = copy;
		*ret_len = text.response_len;
	}
	session_text_release(&text);
	if (copy == NULL)
		return error_set(err, ERROR_FAILED, "out of memory");
	return 0;
}

/*
 * ---- LUNs ----
 */

struct luns {
	struct client *client;
	uint64_t *list;
	unsigned n;
	struct error err; /* class 0: there is a list */
};

static uint64_t
luns_now(void *ctx)
{
	struct luns *luns = ctx;

	return loop_now(luns->client->loop);
}

static void
luns_done(struct lunscan *scan, const struct error *err)
{
	struct luns *luns = scan->ctx;

	if (err != NULL) {
		luns->err = *err;
	} else {
		luns->list = scan->luns;
		luns->n = scan->n;
		scan->luns = NULL;
	}
	client_answer(luns->client);
}

int
client_luns(
    struct client *c, uint64_t **ret, unsigned *ret_n, struct error *err)
{
	struct luns luns = { .client = c };
	struct lunscan scan = {
		.session = link_session(c->link),
		.now = luns_now,
		.done = luns_done,
		.ctx = &luns,
	};
	int result;

	c->answered = false;
	lunscan_start(&scan);
	result = client_wait(c, &c->answered, &c->answered);
	if (result < 0)
		return error_set(err, ERROR_FAILED, "%s", strerror(-result));
	if (luns.err.class != ERROR_NONE) {
		*err = c->lost ? c->why : luns.err;
		return -1;
	}
	*ret = luns.list;
	*ret_n = luns.n;
	return 0;
}

int
client_find_lun(
    struct client *c, uint64_t lun, uint64_t *ret, struct error *err)
{
	bool found = false;
	uint64_t *luns;
	unsigned i, n;

	if (client_luns(c, &luns, &n, err) < 0)
		return -1;
	for (i = 0; i < n && !found; i++)
		if (lunaddr_same(luns[i], lun)) {
			*ret = luns[i];
			found = true;
		}
	free(luns);
	return found ? 0 : lun_absent(c, lun, err);
}

int
client_open_lun(struct options *o, const char *text, struct client **ret,
    uint64_t *ret_lun, struct error *err)
{
	struct url *url = options_url(text, false, err);
	struct client *client = NULL;
	int result;

	if (url == NULL)
		return -1;
	if (!url->has_lun)
		result = error_set(err, ERROR_USAGE,
		    "the URL names no LUN: /TARGET/LUN is wanted behind the "
		    "host; `luntap list` shows what there is");
	else
		result = client_open(o, url, &client, err);
	if (result == 0)
		result = client_find_lun(client, url->lun, ret_lun, err);
	if (result == 0)
		*ret = client;
	else
		client_close(client);
	url_wipe(url);
	return result;
}

int
client_capacity(
    struct client *c, uint64_t lun, struct capacity *ret, struct error *err)
{
	uint8_t cdb[CDB_MAX], buf[CAPACITY16_LEN];
	struct sense sense;
	int n, result;

	cdb_read_capacity16(cdb, sizeof(buf));
	n = client_read(c, lun, cdb, buf, sizeof(buf), &sense, err);
	if (n >= 0) {
		result = capacity16_get(buf, (size_t)n, ret);
	} else if (sense.key == SENSE_ILLEGAL_REQUEST &&
		   err->class == ERROR_IO) {
		cdb_read_capacity10(cdb);
		n = client_read(c, lun, cdb, buf, CAPACITY10_LEN, NULL, err);
		if (n < 0)
			return -1;
		result = capacity10_get(buf, (size_t)n, ret);
	} else {
		return -1;
	}
	if (result < 0)
		return error_set(err, ERROR_IO,
		    "%s at %s: the answer to READ CAPACITY makes no sense",
		    c->target, c->portal);
	return 0;
}
