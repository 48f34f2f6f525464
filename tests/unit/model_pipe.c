/* SPDX-License-Identifier: BSD-2-Clause */
/* model_pipe - see model_pipe.h. */
#include "model_pipe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static struct kpipe *
get(void *ctx, size_t size)
{
	struct model_pipes *m = ctx;
	struct model_pipe *p = m->pipe;

	while (p < m->pipe + MODEL_PIPES && p->out)
		p++;
	if (p == m->pipe + MODEL_PIPES ||
	    (!m->kind && prng_below(&m->prng, 8) == 0)) {
		m->refused++;
		return NULL;
	}
	m->given++;
	p->out = true;
	p->size = p->room = size;
	if (m->kind && m->room < size)
		p->room = m->room;
	else if (!m->kind && prng_below(&m->prng, 3) == 0)
		p->room = prng_below(&m->prng, size + 1);
	m->full += p->room < size;
	p->pipe.held = 0;
	p->bytes = malloc(size + 1);
	must(p->bytes != NULL);
	return &p->pipe;
}

static void
put(void *ctx, struct kpipe *pipe)
{
	struct model_pipe *p = (struct model_pipe *)pipe;
	struct model_pipes *m = ctx;

	must(p->out);
	m->wasted += pipe->held > 0;
	free(p->bytes);
	p->bytes = NULL;
	p->out = false;
}

static int
spill(void *ctx, struct kpipe *pipe, void *buf, size_t n)
{
	struct model_pipes *m = ctx;

	m->spilt++;
	must(n == pipe->held);
	model_pipe_drain(pipe, buf, n);
	return 0;
}

static const struct kpipe_ops ops = { .get = get, .put = put, .spill = spill };

void
model_pipes_init(struct model_pipes *m, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	m->prng.state = seed;
	m->room = SIZE_MAX;
	m->source = (struct kpipe_source){ .ops = &ops, .ctx = m, .least = 1 };
}

bool
model_pipes_idle(const struct model_pipes *m)
{
	for (unsigned i = 0; i < MODEL_PIPES; i++)
		if (m->pipe[i].out)
			return false;
	return true;
}

size_t
model_pipe_fill(struct kpipe *pipe, const uint8_t *bytes, size_t n)
{
	struct model_pipe *p = (struct model_pipe *)pipe;

	must(p->out && pipe->held + n <= p->size);
	if (n > p->room - pipe->held)
		n = p->room - pipe->held;
	memcpy(p->bytes + pipe->held, bytes, n);
	pipe->held += n;
	return n;
}

void
model_pipe_drain(struct kpipe *pipe, uint8_t *to, size_t n)
{
	struct model_pipe *p = (struct model_pipe *)pipe;

	must(p->out && n <= pipe->held);
	if (n == 0)
		return;
	memcpy(to, p->bytes, n);
	pipe->held -= n;
	memmove(p->bytes, p->bytes + n, pipe->held);
}
