/* SPDX-License-Identifier: BSD-2-Clause */
/* Buckets: exact below 2^HISTOGRAM_BITS, then so many for each power of two. */
#include "config.h"

#include "tests/bench/histogram.h"

#define HISTOGRAM_EXACT (UINT64_C(1) << HISTOGRAM_BITS)

void histogram_add(struct histogram *histogram, uint64_t nanoseconds)
{
	uint64_t index = nanoseconds;

	if (nanoseconds >= HISTOGRAM_EXACT) {
		unsigned shift = 63 - (unsigned)__builtin_clzll(nanoseconds) -
				 HISTOGRAM_BITS;

		index = (nanoseconds >> shift) + shift * HISTOGRAM_EXACT;
	}
	histogram->count++;
	histogram->buckets[index]++;
}

/* The greatest duration of a bucket. */
static uint64_t histogram_limit(uint64_t index)
{
	uint64_t shift;

	if (index < HISTOGRAM_EXACT)
		return index;
	shift = (index >> HISTOGRAM_BITS) - 1;
	return ((index - shift * HISTOGRAM_EXACT + 1) << shift) - 1;
}

uint64_t histogram_quantile(
	const struct histogram *histogram, unsigned per_mille)
{
	uint64_t wanted = (histogram->count * per_mille + 999) / 1000;
	uint64_t seen = 0;

	if (histogram->count == 0)
		return 0;
	for (uint64_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (seen >= wanted && seen > 0)
			return histogram_limit(i);
	}
	return 0;
}
