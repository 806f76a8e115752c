/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps what could be told thousands of times a second, by hostile clients or
 * a dead store, from filling the log. Any thread.
 */
#ifndef REHOME_PACE_H
#define REHOME_PACE_H

#include <stdatomic.h>
#include <stdbool.h>

/* All zero at first. */
struct pace {
	atomic_llong told_at; /* monotonic ms */
	atomic_long untold;
};

/* Whether it may be told now: once in every ms. count_r is how many times it
 * happened since it was last told, this time too. */
bool pace_allows(struct pace *pace, long long every, long *count_r);

#endif
