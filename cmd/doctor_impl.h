/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor_impl - what the parts of doctor share: the walk and what it notes. */
#ifndef CMD_DOCTOR_IMPL_H
#define CMD_DOCTOR_IMPL_H

#include "cmd/client.h"
#include "cmd/report.h"
#include "proto/scsi.h"

struct doctor {
	struct options *options;
	struct url *url;
	bool chap; /* a user name is configured */
	bool mutual;
	char initiator_name[ISCSI_NAME_MAX + 1];
	uint64_t connect_timeout;

	struct client *client; /* from the login on */
	uint64_t lun;	       /* from the LUN map on */
	bool has_lun;
	struct capacity capacity;

	bool json;
	struct json_object *stages; /* of objects: stage, ok, detail */
	struct json_object *notes;  /* of objects: note, detail */
	struct json_object *advice; /* of strings, after a failure */
	const char *stage;	    /* the one that is walked through */
};

/* The stage went well: prints so, with what is worth knowing. */
void doctor_ok(struct doctor *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Something that is no fault, but good to know. */
void doctor_note(struct doctor *, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What to try. */
void doctor_try(struct doctor *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* doctor_notes.c: of a session, and of a disk that answers. */
void doctor_note_session(struct doctor *);
void doctor_note_disk(struct doctor *);

#endif
