/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See supervisor.h.  One table says what an event does in each state, and
 * supervisor_event() alone writes ->state.  Whatever may wait for the device
 * runs in a helper (supervisor_job.c).
 *
 * The supervisor has descriptors of the kernel's ends of the sockets.  They hang
 * up when the kernel shuts a connection down, which it does when a request has
 * timed out, and tells nobody else.  (Its multicast of dead links may be lost.)
 * They hang up as well when the server closes its ends, most of all by dying,
 * and when somebody else has told the kernel to disconnect, who is obeyed.
 */
#include "front/supervisor.h"

#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fsm.h"
#include "front/supervisor_impl.h"

/* A server that has lost its sockets by dying is seen to be dead soon, and a
 * device that was disconnected not to be connected. */
#define DYING_MS  200
#define STATUS_MS 1000
/* For telling the driver to disconnect, which waits for a server that does not
 * read. */
#define DETACH_TIME (5 * CLOCK_S)

static void supervisor_announce(struct supervisor *);
static void supervisor_busy(struct supervisor *);
static void supervisor_detach(struct supervisor *);
static void supervisor_end(struct supervisor *);
static void supervisor_insist(struct supervisor *);
static void supervisor_give_up(struct supervisor *);
static void supervisor_kill(struct supervisor *);
static void supervisor_clean(struct supervisor *);
static void supervisor_ended(struct supervisor *);

static const struct supervisor_transition {
	unsigned from; /* mask of states */
	enum supervisor_event event;
	enum supervisor_state to;
	void (*action)(struct supervisor *);
} supervisor_transitions[] = {
	{ BIT(STARTING), EV_READY, CONNECTING, supervisor_connect },
	{ BIT(STARTING), EV_STOP, ENDING, supervisor_end },
	{ BIT(STARTING), EV_FORCE, ENDING, supervisor_end },
	{ BIT(STARTING), EV_GONE, ENDED, supervisor_ended },
	{ BIT(CONNECTING), EV_CONNECTED, ATTACHED, supervisor_announce },
	{ BIT(CONNECTING), EV_FAILED, ENDING, supervisor_end },
	{ BIT(CONNECTING), EV_FORCE, KILLING, supervisor_kill },
	{ BIT(ATTACHED), EV_STOP, QUIESCING, supervisor_quiesce },
	{ BIT(ATTACHED), EV_FORCE, QUIESCING, supervisor_quiesce },
	{ BIT(ATTACHED) | BIT(QUIESCING), EV_DETACHED, ENDING, supervisor_end },
	{ BIT(QUIESCING), EV_BUSY, ATTACHED, supervisor_busy },
	{ BIT(QUIESCING), EV_QUIET, DETACHING, supervisor_detach },
	{ BIT(QUIESCING), EV_FORCE, DETACHING, supervisor_detach },
	{ BIT(DETACHING), EV_LATE, DETACHING, supervisor_kill },
	{ BIT(DETACHING), EV_FORCE, DETACHING, supervisor_kill },
	{ BIT(DETACHING), EV_DETACHED, ENDING, supervisor_end },
	{ BIT(ENDING), EV_FORCE, ENDING, supervisor_insist },
	{ BIT(ENDING), EV_GONE, ENDED, supervisor_ended },
	{ BIT(CONNECTING) | BIT(ATTACHED) | BIT(QUIESCING), EV_HUNG_UP, KILLING,
	    supervisor_give_up },
	{ BIT(CONNECTING) | BIT(ATTACHED) | BIT(QUIESCING) | BIT(KILLING),
	    EV_GONE, CLEANING, supervisor_clean },
	{ BIT(CLEANING), EV_DETACHED, ENDED, supervisor_ended },
};

/* An event that means nothing in this state is dropped. */
void
supervisor_event(struct supervisor *s, enum supervisor_event event)
{
	const struct supervisor_transition *t =
	    FSM_FIND(supervisor_transitions, s->state, event);

	if (t == NULL)
		return;
	s->state = t->to;
	t->action(s);
}

static void
supervisor_next(struct deferred *call)
{
	struct supervisor *s = call->ctx;
	unsigned pending = s->pending;

	s->pending = 0;
	for (int event = 0; event <= EV_LAST; event++)
		if ((pending & BIT(event)) != 0)
			supervisor_event(s, (enum supervisor_event)event);
}

/* For events that come up within an action. */
void
supervisor_soon(struct supervisor *s, enum supervisor_event event)
{
	s->pending |= BIT(event);
	deferred_set(s->loop, &s->next);
}

/* The first failure is the one that is told. */
void
supervisor_why(struct supervisor *s, const struct error *why)
{
	if (s->why.class == ERROR_NONE)
		s->why = *why;
}

/* ---- the server ---- */

static void
hear(struct supervisor *s, const struct attachmsg *msg)
{
	switch (msg->type) {
	case ATTACHMSG_READY:
		if (s->state != STARTING)
			break;
		s->size = msg->ready.size;
		s->block_size = msg->ready.block_size;
		s->flags = msg->ready.flags;
		supervisor_event(s, EV_READY);
		break;
	case ATTACHMSG_RESIZED:
		s->size = msg->size;
		if (s->state == ATTACHED || s->state == QUIESCING)
			supervisor_resize(s);
		break;
	case ATTACHMSG_STATUS:
		memcpy(s->status, msg->text, sizeof(s->status));
		s->status_wanted = false;
		break;
	case ATTACHMSG_STOP:
		supervisor_stop(
		    s, s->asked++ == 0 ? SUPERVISOR_ASKED : SUPERVISOR_FORCED);
		break;
	case ATTACHMSG_ENDED:
		s->explained = true;
		supervisor_why(s, &msg->why);
		break;
	default: /* not a server's */
		break;
	}
}

/* Hears all that has come; false when the server has closed its end. */
static bool
listen_to_server(struct supervisor *s)
{
	struct attachmsg msg;
	int error;

	do {
		error = attachmsg_recv(s->config.channel, &msg);
		if (error == 0)
			hear(s, &msg);
	} while (error == 0 || error == -EBADMSG);
	return error == -EAGAIN;
}

static void
channel_ready(struct watch *w, uint32_t events)
{
	struct supervisor *s = w->ctx;

	(void)events;
	if (!listen_to_server(s))
		watch_remove(s->loop, &s->channel);
}

static void
explain_end(struct supervisor *s, int status)
{
	struct error why;

	if (WIFSIGNALED(status))
		error_set(&why, ERROR_FAILED,
		    "the server was killed: %s; what was not flushed is lost",
		    strsignal(WTERMSIG(status)));
	else
		error_set(&why, ERROR_FAILED,
		    "the server ended early (exit code %d)",
		    WEXITSTATUS(status));
	supervisor_why(s, &why);
}

static void
server_gone(struct watch *w, uint32_t events)
{
	struct supervisor *s = w->ctx;
	int status;

	(void)events;
	if (waitpid(s->config.server, &status, WNOHANG) != s->config.server)
		return;
	(void)listen_to_server(s);
	watch_remove(s->loop, &s->pidfd);
	close(s->pidfd.fd);
	s->pidfd.fd = -1;
	if (!s->explained)
		explain_end(s, status);
	supervisor_event(s, EV_GONE);
}

static void
forget_sockets(struct supervisor *s)
{
	for (unsigned i = 0; i < s->config.nsockets; i++)
		watch_remove(s->loop, &s->sockets[i]);
}

/* Not by us.  A device that somebody has open stays, without connections. */
static bool
is_disconnected(struct supervisor *s)
{
	struct error err;
	int connected = nbdnl_connected(s->index, &err);

	if (connected <= 0)
		return connected == 0;
	if (nbdnl_bound(s->index, s->config.backend, &err) != 0)
		return false;
	log_warn(s->config.log,
	    "another program has detached %s, which is still in use", s->path);
	return true;
}

static void
socket_hung_up(struct watch *w, uint32_t events)
{
	struct supervisor *s = w->ctx;
	struct pollfd dying = { .fd = s->pidfd.fd, .events = POLLIN };

	(void)events;
	forget_sockets(s);
	if (poll(&dying, 1, DYING_MS) == 1)
		return; /* server_gone() follows */
	if (is_disconnected(s)) {
		s->connected = false;
		supervisor_event(s, EV_DETACHED);
	} else {
		supervisor_event(s, EV_HUNG_UP);
	}
}

/* ---- the actions ---- */

static void
supervisor_announce(struct supervisor *s)
{
	struct attachmsg msg = { .type = ATTACHMSG_ATTACHED };

	for (unsigned i = 0; i < s->config.nsockets; i++)
		if (watch_add(s->loop, &s->sockets[i], EPOLLRDHUP) < 0)
			log_warn(s->config.log,
			    "%s: a time-out will go unnoticed", s->path);
	msg.index = s->index;
	(void)attachmsg_send(s->config.channel, &msg);
	s->config.attached(s->config.ctx, s->path);
	if (s->size != s->told_size)
		supervisor_resize(s);
	if (s->stop_wanted)
		supervisor_soon(s, EV_STOP);
}

static void
supervisor_busy(struct supervisor *s)
{
	log_warn(s->config.log, "%s; it goes on serving", s->busy.text);
	s->config.busy(s->config.ctx, s->busy.text);
}

static void
supervisor_detach(struct supervisor *s)
{
	forget_sockets(s);
	timer_set(s->loop, &s->timer, loop_now(s->loop) + DETACH_TIME);
	supervisor_disconnect(s);
	s->claim = -1; /* the job's */
}

static void
detach_late(struct timer *timer, uint64_t now)
{
	(void)now;
	supervisor_event(timer->ctx, EV_LATE);
}

/* The server is to flush the disk, log out and end. */
static void
supervisor_end(struct supervisor *s)
{
	timer_clear(s->loop, &s->timer);
	s->ends = 1;
	if (s->pidfd.fd == -1)
		supervisor_soon(s, EV_GONE);
	else
		(void)attachmsg_tell(s->config.channel, ATTACHMSG_END);
}

/* First it is to end without the target, then it is ended. */
static void
supervisor_insist(struct supervisor *s)
{
	if (s->ends++ == 1)
		(void)attachmsg_tell(s->config.channel, ATTACHMSG_END);
	else
		supervisor_kill(s);
}

static void
supervisor_give_up(struct supervisor *s)
{
	struct error why;

	error_set(&why, ERROR_FAILED,
	    "the kernel has given up waiting for an answer (%u s) and fails "
	    "all requests: %s is detached, and its server ended",
	    (unsigned)s->config.timeout, s->path);
	log_error(s->config.log, "%s", why.text);
	supervisor_why(s, &why);
	supervisor_kill(s);
}

/* A stopped process, too.  Its end is seen by its pidfd. */
static void
supervisor_kill(struct supervisor *s)
{
	if (s->pidfd.fd != -1)
		(void)pidfd_send_signal(s->pidfd.fd, SIGKILL, NULL, 0);
}

static void
supervisor_clean(struct supervisor *s)
{
	forget_sockets(s);
	log_error(s->config.log, "%s: %s", s->path, s->why.text);
	supervisor_disconnect(s);
}

static void
supervisor_ended(struct supervisor *s)
{
	s->config.ended(
	    s->config.ctx, s->why.class == ERROR_NONE ? NULL : &s->why);
}

/* ---- the owner's side ---- */

static int
watch_server(struct supervisor *s)
{
	int error;

	s->pidfd.fd = pidfd_open(s->config.server, 0);
	if (s->pidfd.fd == -1)
		return -errno;
	s->pidfd.ready = server_gone;
	s->pidfd.ctx = s;
	error = watch_add(s->loop, &s->pidfd, EPOLLIN);
	if (error != 0)
		return error;
	s->channel = (struct watch){
		.fd = s->config.channel, .ready = channel_ready, .ctx = s
	};
	error = watch_add(s->loop, &s->channel, EPOLLIN);
	if (error != 0)
		watch_remove(s->loop, &s->pidfd);
	return error;
}

int
supervisor_new(struct loop *loop, const struct supervisor_config *config,
    struct supervisor **ret, struct error *err)
{
	struct supervisor *s = calloc(1, sizeof(*s));
	int error = -ENOMEM;

	if (s != NULL) {
		s->loop = loop;
		s->config = *config;
		s->index = config->index;
		s->claim = -1;
		if (config->index == NBDMSG_AUTO)
			strcpy(s->path, "the device");
		else
			nbdnl_path(config->index, s->path);
		timer_init(&s->timer, detach_late, s);
		s->next = (struct deferred){ .run = supervisor_next, .ctx = s };
		supervisor_init_jobs(s);
		for (unsigned i = 0; i < config->nsockets; i++)
			s->sockets[i] =
			    (struct watch){ .fd = config->sockets[i],
				    .ready = socket_hung_up,
				    .ctx = s };
		error = watch_server(s);
	}
	if (error != 0) {
		for (unsigned i = 0; i < config->nsockets; i++)
			close(config->sockets[i]);
		if (s != NULL && s->pidfd.fd != -1)
			close(s->pidfd.fd);
		free(s);
		return error_set(err, ERROR_FAILED,
		    "cannot watch the server: %s", strerror(-error));
	}
	*ret = s;
	return 0;
}

void
supervisor_stop(struct supervisor *s, enum supervisor_stop how)
{
	bool force = how == SUPERVISOR_FORCED ||
		     (how == SUPERVISOR_SIGNALLED && s->signals++ > 0);

	if (s->state == CONNECTING)
		s->stop_wanted = true;
	s->forced = s->forced || force;
	supervisor_event(s, force ? EV_FORCE : EV_STOP);
}

const char *
supervisor_status(struct supervisor *s)
{
	struct pollfd pfd = { .fd = s->config.channel, .events = POLLIN };

	s->status[0] = '\0';
	s->status_wanted =
	    attachmsg_tell(s->config.channel, ATTACHMSG_STATUS) == 0;
	while (s->status_wanted && poll(&pfd, 1, STATUS_MS) == 1 &&
	       listen_to_server(s)) {
	}
	return s->status;
}

void
supervisor_free(struct supervisor *s)
{
	if (s == NULL)
		return;
	loop_drain(s->loop);
	forget_sockets(s);
	for (unsigned i = 0; i < s->config.nsockets; i++)
		close(s->sockets[i].fd);
	if (s->pidfd.fd != -1) {
		watch_remove(s->loop, &s->pidfd);
		close(s->pidfd.fd);
	}
	watch_remove(s->loop, &s->channel);
	timer_clear(s->loop, &s->timer);
	deferred_clear(s->loop, &s->next);
	if (s->claim != -1)
		close(s->claim);
	free(s);
}
