/* SPDX-License-Identifier: BSD-2-Clause */
/* session_steps - what several tests of the session do with their rig. */
#ifndef TESTS_SESSION_STEPS_H
#define TESTS_SESSION_STEPS_H

#include "../conformance/rig.h"

static inline struct rig *
begin_reconnecting(void)
{
	struct rig *r = rig_new();

	r->config.reconnect = true;
	r->config.ping_interval = 0;
	rig_login(r);
	return r;
}

static inline void
drop(struct rig *r)
{
	struct error why;

	error_set(&why, ERROR_UNREACHED, "dropped");
	session_disconnected(r->s, r->c, &why, r->now);
	rig_pump(r);
}

static inline uint32_t
next_itt(struct rig *r)
{
	return pdu_itt(rig_expect(r, PDU_SCSI_COMMAND)->bhs);
}

static inline void
answer_abort(struct rig *r, uint32_t itt, uint8_t response)
{
	struct pdu_tmf_response h = { .itt = itt, .response = response };
	uint8_t bhs[PDU_BHS_LEN];

	pdu_put_tmf_response(bhs, &h);
	rig_send(r, bhs, NULL, 0);
}

#endif
