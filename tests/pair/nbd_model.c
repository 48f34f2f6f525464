/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model of test_nbd_pair: after a write that was acknowledged a byte has
 * one value; after one that failed or was lost, and after TRIM, the old or the
 * new, until a READ has shown which.  Nothing is written to a byte in doubt.
 */
#include "nbd_world.h"

uint8_t
job_byte(const struct job *j, size_t at)
{
	return j->kind == JOB_WRITE ? (uint8_t)(j->seed + at * 7 + at / 256)
				    : 0;
}

static bool
writes(const struct job *j)
{
	return j->kind == JOB_WRITE || j->kind == JOB_TRIM ||
	       j->kind == JOB_ZERO;
}

bool
model_free(const struct world *w, const struct job *j)
{
	for (size_t i = j->offset; i < j->offset + j->length; i++)
		if (w->bytes[i].writers > 0 ||
		    (writes(j) && (w->bytes[i].readers || w->bytes[i].doubt)))
			return false;
	return true;
}

void
model_lock(struct world *w, const struct job *j, int n)
{
	for (size_t i = j->offset; i < j->offset + j->length; i++)
		if (writes(j))
			w->bytes[i].writers =
			    (uint8_t)(w->bytes[i].writers + n);
		else
			w->bytes[i].readers =
			    (uint8_t)(w->bytes[i].readers + n);
}

void
model_done(struct world *w, const struct job *j)
{
	if (j->kind == JOB_TRIM)
		model_doubt(w, j);
	else if (writes(j))
		for (size_t i = j->offset; i < j->offset + j->length; i++)
			w->bytes[i].value = job_byte(j, i);
}

void
model_doubt(struct world *w, const struct job *j)
{
	if (!writes(j))
		return;
	for (size_t i = j->offset; i < j->offset + j->length; i++) {
		w->bytes[i].other = job_byte(j, i);
		w->bytes[i].doubt = w->bytes[i].other != w->bytes[i].value;
	}
}

static bool
lawful(const struct byte *b, uint8_t value)
{
	return value == b->value || (b->doubt && value == b->other);
}

/* The disk takes overlapping requests in their order, so a READ that was sent
 * after a loss shows what has become of it. */
void
model_seen(struct world *w, const struct job *j, const uint8_t *data)
{
	for (size_t i = 0; i < j->length; i++) {
		struct byte *b = &w->bytes[j->offset + i];

		check(lawful(b, data[i]), "byte %zu is %02x, not %02x%s",
		    j->offset + i, data[i], b->value,
		    b->doubt ? " or another" : "");
		b->value = data[i];
		b->doubt = false;
	}
}

void
model_hole(struct world *w, size_t offset, size_t length)
{
	for (size_t i = offset; i < offset + length; i++)
		check(lawful(&w->bytes[i], 0), "byte %zu is in no hole", i);
}

void
model_compare(struct world *w)
{
	for (size_t i = 0; i < DISK_SIZE; i++)
		check(lawful(&w->bytes[i], w->disk.mem[i]),
		    "in the end byte %zu is %02x, not %02x", i, w->disk.mem[i],
		    w->bytes[i].value);
}
