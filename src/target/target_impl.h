/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * target_impl - the target itself, as its parts see it: the logical units, the
 * connections, and who waits for aborted commands to end.
 */
#ifndef TARGET_TARGET_IMPL_H
#define TARGET_TARGET_IMPL_H

#include "target/lu.h"
#include "target/target.h"
#include "target/tconn.h"

/*
 * Bytes of buffers, over all connections: of what we ask for with R2T or send,
 * which then waits; and of what initiators may send unasked (first bursts,
 * commands that come too early, pings), which then ends with BUSY or unanswered
 * since it cannot be kept from coming.
 */
#define TARGET_HELD_MAX	   ((size_t)256 << 20)
#define TARGET_UNASKED_MAX ((size_t)256 << 20)

struct target {
	struct target_config config;
	struct lu_set lus;
	TAILQ_HEAD(, tconn) conns;   /* also those gone with tasks in RUN */
	struct ttask_queue draining; /* tasks in DRAIN */
	unsigned aborted;	     /* tasks in RUN that were aborted */
	size_t held_bytes;	     /* as in the connections */
	size_t unasked_bytes;
	uint16_t last_tsih;
};

/* The logical unit at an address, or NULL. */
struct lu *target_lu(const struct target *, uint64_t lun);

/* Ends the commands of conn (NULL: all) on lu (NULL: all), `except` apart;
 * those of other connections than by's report TASK ABORTED. */
void target_abort(struct target *, struct lu *, struct tconn *conn,
    const struct tconn *by, const struct ttask *except);
/* Holds a task's answer until what it aborted has ended. */
void target_drain(struct ttask *, struct lu *, struct tconn *);
/* An aborted command has ended: whoever waited for it goes on. */
void target_drained(struct target *);

/* Session reinstatement: ends the other sessions of this nexus. */
void target_reinstate(struct target *, struct tconn *by);
/* Whether tasks of an earlier session of this nexus have not ended. */
bool target_unfinished(const struct target *, const struct tconn *by);
/* Whether another connection is the session of this nexus with this TSIH. */
bool target_has_session(const struct target *, const char *initiator,
    const uint8_t isid[6], uint16_t tsih);
uint16_t target_next_tsih(struct target *);

#endif
