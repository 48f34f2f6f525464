/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * latency - how long things took: least, mean, most, deviation, percentiles.
 *
 * Percentiles come from a histogram whose classes are powers of two divided by
 * 64, so they are at most 1/64 too large, whatever was measured.
 */
#ifndef CMD_LATENCY_H
#define CMD_LATENCY_H

#include <stdint.h>

#define LATENCY_SUB	64
#define LATENCY_CLASSES (59 * LATENCY_SUB)

struct latency {
	uint64_t n;
	uint64_t min, max; /* ns */
	double sum, sum_of_squares;
	uint64_t classes[LATENCY_CLASSES];
};

void latency_init(struct latency *);
void latency_add(struct latency *, uint64_t ns);
uint64_t latency_mean(const struct latency *);
/* The standard deviation, as ping(8)'s mdev. */
uint64_t latency_deviation(const struct latency *);
/* Of 1000: so many samples took no longer than this; 0 without any. */
uint64_t latency_percentile(const struct latency *, unsigned per_mille);

/* "0.123" milliseconds into text, which is returned. */
#define LATENCY_TEXT 32
const char *latency_text(char text[LATENCY_TEXT], uint64_t ns);

#endif
