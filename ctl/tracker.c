/* SPDX-License-Identifier: BSD-2-Clause */
/* Accounts that are watched, see tracker.h. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copier/mutf7.h"
#include "ctl/tracker.h"
#include "lib/xalloc.h"

/* How much the newest rate counts; renewals come every few seconds. */
#define TRACKER_NEWEST 0.4
/* Seconds; what would take longer cannot be told. */
#define TRACKER_LONGEST (99 * 3600)

struct tracker {
	struct tracker_item **items; /* by address */
	size_t count;
	size_t room;
};

struct tracker *tracker_new(void)
{
	return xcalloc(1, sizeof(struct tracker));
}

static void tracker_item_free(struct tracker_item *item)
{
	account_clear(&item->account);
	free(item);
}

void tracker_clear(struct tracker *tracker)
{
	for (size_t i = 0; i < tracker->count; i++)
		tracker_item_free(tracker->items[i]);
	tracker->count = 0;
}

void tracker_free(struct tracker **tracker)
{
	if (*tracker == NULL)
		return;
	tracker_clear(*tracker);
	free((*tracker)->items);
	free(*tracker);
	*tracker = NULL;
}

/* The place of the address, or where it would be put. */
static size_t tracker_place(
	const struct tracker *tracker, const char *address, bool *found_r)
{
	size_t low = 0, high = tracker->count;

	*found_r = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(
			tracker->items[middle]->account.address, address);

		if (order == 0) {
			*found_r = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct tracker_item *tracker_insert(
	struct tracker *tracker, size_t place, int64_t now)
{
	struct tracker_item *item = xcalloc(1, sizeof(*item));

	if (tracker->count == tracker->room) {
		tracker->room = tracker->room == 0 ? 64 : tracker->room * 2;
		tracker->items = xreallocarray(
			tracker->items, tracker->room, sizeof(*tracker->items));
	}
	memmove(&tracker->items[place + 1], &tracker->items[place],
		(tracker->count - place) * sizeof(*tracker->items));
	tracker->items[place] = item;
	tracker->count++;
	account_init(&item->account);
	item->changed_at = now;
	return item;
}

/* The numbers of a round end with it. */
static void tracker_end_round(struct tracker_item *item)
{
	item->progress_at = 0;
	item->bytes_rate = item->messages_rate = 0;
	item->messages_done = item->messages_total = 0;
	item->bytes_done = item->bytes_total = 0;
	item->folder[0] = item->round[0] = '\0';
}

void tracker_take_account(
	struct tracker *tracker, const struct attr_list *message, int64_t now)
{
	struct tracker_item *item;
	struct account account;
	bool found;
	size_t place;

	if (account_scan(message, &account, NULL) < 0)
		return;
	/* kept are the fields; the event's own words are not */
	attr_list_free(&account.unknown);
	place = tracker_place(tracker, account.address, &found);
	if (!found)
		item = tracker_insert(tracker, place, now);
	else
		item = tracker->items[place];
	if (found && account.revision < item->account.revision)
		return;
	if (found && account.phase != item->account.phase) {
		item->changed_at = now;
		tracker_end_round(item);
	}
	item->account = account;
	item->removed = false;
}

static void tracker_take_number(
	const struct attr_list *event, const char *name, int64_t *number)
{
	attr_list_get_number(event, name, number, NULL);
}

static void tracker_take_text(const struct attr_list *event, const char *name,
	char *text, size_t size)
{
	const char *value = attr_list_get(event, name);

	snprintf(text, size, "%s", value != NULL ? value : "");
}

static void tracker_take_rate(double *rate, int64_t amount, int64_t ms)
{
	double newest = (double)amount * 1000 / (double)ms;

	if (*rate <= 0)
		*rate = newest;
	else
		*rate += (newest - *rate) * TRACKER_NEWEST;
}

static void tracker_take_progress(
	struct tracker_item *item, const struct attr_list *event, int64_t now)
{
	const struct tracker_item before = *item;
	int64_t ms = now - before.progress_at;
	const char *folder = attr_list_get(event, "folder");
	struct error shown;

	tracker_take_text(event, "round", item->round, sizeof(item->round));
	mutf7_show(folder != NULL ? folder : "", &shown);
	snprintf(item->folder, sizeof(item->folder), "%.*s",
		(int)sizeof(item->folder) - 1, shown.text);
	tracker_take_number(event, "messages_done", &item->messages_done);
	tracker_take_number(event, "messages_total", &item->messages_total);
	tracker_take_number(event, "bytes_done", &item->bytes_done);
	tracker_take_number(event, "bytes_total", &item->bytes_total);
	item->progress_at = now;
	if (before.progress_at == 0 || strcmp(before.round, item->round) != 0 ||
		item->messages_done < before.messages_done) {
		item->bytes_rate = item->messages_rate = 0;
	} else if (ms > 0) {
		tracker_take_rate(&item->bytes_rate,
			item->bytes_done - before.bytes_done, ms);
		tracker_take_rate(&item->messages_rate,
			item->messages_done - before.messages_done, ms);
	}
}

void tracker_take_event(
	struct tracker *tracker, const struct attr_list *event, int64_t now)
{
	const char *name = attr_list_get(event, "event");
	const char *what = attr_list_get(event, "what");
	const char *address = attr_list_get(event, "address");
	struct tracker_item *item;
	bool found;
	size_t place;

	if (name == NULL || address == NULL)
		return;
	tracker_take_account(tracker, event, now);
	place = tracker_place(tracker, address, &found);
	if (!found)
		return;
	item = tracker->items[place];
	if (strcmp(name, "progress") == 0) {
		tracker_take_progress(item, event, now);
	} else if (strcmp(name, "round") == 0) {
		tracker_take_number(event, "messages", &item->account.messages);
		tracker_take_number(event, "bytes", &item->account.bytes);
		item->account.rounds++;
		tracker_end_round(item);
	} else if (what != NULL && strcmp(what, "release") == 0) {
		tracker_end_round(item);
	} else if (what != NULL && strcmp(what, "remove") == 0) {
		item->removed = true;
		item->changed_at = now;
	}
}

void tracker_forget(struct tracker *tracker, int64_t now, int64_t age)
{
	size_t kept = 0;

	for (size_t i = 0; i < tracker->count; i++) {
		struct tracker_item *item = tracker->items[i];

		if ((item->removed || !account_is_moving(&item->account)) &&
			now - item->changed_at > age)
			tracker_item_free(item);
		else
			tracker->items[kept++] = item;
	}
	tracker->count = kept;
}

const struct tracker_item *tracker_find(
	const struct tracker *tracker, const char *address)
{
	bool found;
	size_t place = tracker_place(tracker, address, &found);

	return found ? tracker->items[place] : NULL;
}

size_t tracker_count(const struct tracker *tracker)
{
	return tracker->count;
}

static int tracker_rank(const struct tracker_item *item)
{
	static const int ranks[ACCOUNT_PHASES] = {
		[ACCOUNT_FROZEN] = 0,
		[ACCOUNT_COPYING] = 1,
		[ACCOUNT_SWEEPING] = 2,
		[ACCOUNT_READY] = 3,
		[ACCOUNT_REQUESTED] = 4,
		[ACCOUNT_SETTLED] = 5,
		[ACCOUNT_RETIRED] = 5,
	};

	return item->removed ? ranks[ACCOUNT_RETIRED]
			     : ranks[item->account.phase];
}

static int tracker_compare(const void *left, const void *right)
{
	const struct tracker_item *one =
		*(const struct tracker_item *const *)left;
	const struct tracker_item *two =
		*(const struct tracker_item *const *)right;
	int order = tracker_rank(one) - tracker_rank(two);

	return order != 0 ? order
			  : strcmp(one->account.address, two->account.address);
}

const struct tracker_item **tracker_sorted(const struct tracker *tracker)
{
	const struct tracker_item **sorted =
		xcalloc(tracker->count + 1, sizeof(*sorted));

	for (size_t i = 0; i < tracker->count; i++)
		sorted[i] = tracker->items[i];
	qsort(sorted, tracker->count, sizeof(*sorted), tracker_compare);
	return sorted;
}

double tracker_fraction(const struct tracker_item *item)
{
	double fraction;

	if (item->progress_at == 0)
		return -1;
	if (item->bytes_total > 0)
		fraction = (double)item->bytes_done / (double)item->bytes_total;
	else if (item->messages_total > 0)
		fraction = (double)item->messages_done /
			   (double)item->messages_total;
	else
		return -1;
	if (fraction < 0)
		return 0;
	return fraction > 1 ? 1 : fraction;
}

int64_t tracker_left(const struct tracker_item *item)
{
	bool by_bytes = item->bytes_total > 0;
	int64_t left = by_bytes ? item->bytes_total - item->bytes_done
				: item->messages_total - item->messages_done;
	double rate = by_bytes ? item->bytes_rate : item->messages_rate;

	if (item->progress_at == 0 || (!by_bytes && item->messages_total <= 0))
		return -1;
	if (left <= 0)
		return 0;
	/* a round that stands still has no end */
	if (rate * TRACKER_LONGEST < (double)left)
		return -1;
	return (int64_t)((double)left * 1000 / rate);
}
