/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Durations counted in buckets that are 1.6 % wide, so that a million of them
 * cost no memory and a percentile no sorting.
 */
#ifndef REHOME_BENCH_HISTOGRAM_H
#define REHOME_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS	  6 /* of precision below the first one */
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_BITS) << HISTOGRAM_BITS)

struct histogram {
	uint64_t count;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t nanoseconds);
/* The duration in nanoseconds that so many per mille do not exceed; 0 when
 * nothing was added. */
uint64_t histogram_quantile(
	const struct histogram *histogram, unsigned per_mille);

#endif
