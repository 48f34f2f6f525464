/* SPDX-License-Identifier: BSD-2-Clause */
/* latency - see the header. */
#include "cmd/latency.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Below LATENCY_SUB each value has its class; above, a value of b bits shares
 * one with those that have the same highest seven bits. */
static unsigned
class_of(uint64_t ns)
{
	unsigned shift;

	if (ns < LATENCY_SUB)
		return (unsigned)ns;
	shift = 63 - (unsigned)__builtin_clzll(ns) - 6;
	return shift * LATENCY_SUB + (unsigned)(ns >> shift);
}

/* The largest value of a class. */
static uint64_t
class_end(unsigned class)
{
	unsigned shift;

	if (class < 2 * LATENCY_SUB)
		return class;
	shift = class / LATENCY_SUB - 1;
	return ((uint64_t)(class % LATENCY_SUB + LATENCY_SUB + 1) << shift) - 1;
}

void
latency_init(struct latency *l)
{
	memset(l, 0, sizeof(*l));
	l->min = UINT64_MAX;
}

void
latency_add(struct latency *l, uint64_t ns)
{
	l->n++;
	l->min = ns < l->min ? ns : l->min;
	l->max = ns > l->max ? ns : l->max;
	l->sum += (double)ns;
	l->sum_of_squares += (double)ns * (double)ns;
	l->classes[class_of(ns)]++;
}

uint64_t
latency_mean(const struct latency *l)
{
	return l->n == 0 ? 0 : (uint64_t)(l->sum / (double)l->n);
}

/* Newton's way to the root: no libm for one number. */
static double
root(double x)
{
	double r = x > 1 ? x : 1;

	for (int i = 0; i < 100; i++)
		r = (r + x / r) / 2;
	return r;
}

uint64_t
latency_deviation(const struct latency *l)
{
	double mean, variance;

	if (l->n == 0)
		return 0;
	mean = l->sum / (double)l->n;
	variance = l->sum_of_squares / (double)l->n - mean * mean;
	return variance <= 0 ? 0 : (uint64_t)root(variance);
}

uint64_t
latency_percentile(const struct latency *l, unsigned per_mille)
{
	uint64_t wanted, seen = 0, end;

	if (l->n == 0)
		return 0;
	/* Rounded up: of one sample every percentile is that one. */
	wanted =
	    l->n / 1000 * per_mille + (l->n % 1000 * per_mille + 999) / 1000;
	for (unsigned i = 0; i < LATENCY_CLASSES; i++) {
		seen += l->classes[i];
		if (seen >= wanted && seen > 0) {
			end = class_end(i);
			return end < l->max ? end : l->max;
		}
	}
	return l->max;
}

const char *
latency_text(char text[LATENCY_TEXT], uint64_t ns)
{
	snprintf(text, LATENCY_TEXT, "%" PRIu64 ".%03" PRIu64, ns / 1000000,
	    ns / 1000 % 1000);
	return text;
}
