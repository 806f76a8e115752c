/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accounts that are watched while they move: what the events said last, how
 * fast each goes and when it will be done. Pure but for memory: no connection,
 * no clock; now is always instant_monotonic's.
 */
#ifndef REHOME_TRACKER_H
#define REHOME_TRACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/account.h"
#include "lib/attr.h"

#define TRACKER_FOLDER_SIZE 128
#define TRACKER_ROUND_SIZE  16

struct tracker_item {
	struct account account;
	bool removed;	    /* from the directory */
	int64_t changed_at; /* entered its phase, or seen first */

	/* the round under way; progress_at 0: none is known */
	int64_t progress_at;
	char round[TRACKER_ROUND_SIZE]; /* its kind */
	int64_t messages_done, messages_total;
	int64_t bytes_done, bytes_total;
	char folder[TRACKER_FOLDER_SIZE];
	/* per second, smoothed; 0: not known */
	double bytes_rate, messages_rate;
};

struct tracker;

struct tracker *tracker_new(void);
void tracker_free(struct tracker **tracker);

/* An account as listed or got. What is older than is known is passed over. */
void tracker_take_account(
	struct tracker *tracker, const struct attr_list *message, int64_t now);
/* An event of a watch, whatever it is about. */
void tracker_take_event(
	struct tracker *tracker, const struct attr_list *event, int64_t now);
/* Drops those that have not been moving for so long (ms). */
void tracker_forget(struct tracker *tracker, int64_t now, int64_t age);
void tracker_clear(struct tracker *tracker);

/* By address; NULL when it is not known. Valid until the tracker changes. */
const struct tracker_item *tracker_find(
	const struct tracker *tracker, const char *address);
size_t tracker_count(const struct tracker *tracker);
/*
 * The items as they are best looked at: frozen first, then those that move
 * data, then those that wait, then those that are done; by address in each. The
 * array is malloc'd, the items are the tracker's.
 */
const struct tracker_item **tracker_sorted(const struct tracker *tracker);

/* 0 to 1; negative when it is not known. */
double tracker_fraction(const struct tracker_item *item);
/* Milliseconds to the end of the round, -1 when it cannot be told. */
int64_t tracker_left(const struct tracker_item *item);

#endif
