/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many recipients were deferred for each frozen account, counted in memory
 * until the freeze ends and the number goes to its record. Any thread.
 */
#ifndef REHOME_DEFERRALS_H
#define REHOME_DEFERRALS_H

#include <stdbool.h>
#include <stdint.h>

struct deferrals;

struct deferrals *deferrals_new(void);
void deferrals_free(struct deferrals **deferrals);

/*
 * Counts one. total_r is how many there are now. Returns true when it should
 * be told: the first, and then one a second at most, so that a flood of mail
 * for one account does not become a flood of log lines. now in ms.
 */
bool deferrals_count(struct deferrals *deferrals, const char *address,
	int64_t now, int64_t *total_r);

/* How many were counted and not taken yet. */
int64_t deferrals_pending(struct deferrals *deferrals, const char *address);
/* That many have been stored. */
void deferrals_take(
	struct deferrals *deferrals, const char *address, int64_t count);

#endif
