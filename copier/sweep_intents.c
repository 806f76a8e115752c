/* SPDX-License-Identifier: BSD-2-Clause */
/* Intents in the order of their digests, and of what is left of them. */
#include "config.h"

#include "copier/sweep_intents.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

typedef int sweep_compare_fn(const void *left, const void *right);

/* Intents in an order, those that are over to be passed over. */
struct sweep_order {
	const struct journal_intent **list;
	size_t *next; /* of each the first from it on that may be open */
	size_t count;
};

struct sweep_intents {
	const struct journal_folder *journal;
	struct journal_intent *list; /* as they were */
	size_t count;
	struct sweep_order by_digest;
	struct sweep_order by_rest; /* of those with a risk */
};

static int sweep_compare_uidnext(
	const struct journal_intent *a, const struct journal_intent *b)
{
	return (a->uidnext > b->uidnext) - (a->uidnext < b->uidnext);
}

static int sweep_compare_digest(const void *left, const void *right)
{
	const struct journal_intent *const *a = left;
	const struct journal_intent *const *b = right;
	int order = memcmp((*a)->digest, (*b)->digest, JOURNAL_DIGEST);

	return order != 0 ? order : sweep_compare_uidnext(*a, *b);
}

static int sweep_compare_rest(const void *left, const void *right)
{
	const struct journal_intent *const *a = left;
	const struct journal_intent *const *b = right;

	if ((*a)->skeleton != (*b)->skeleton)
		return (*a)->skeleton < (*b)->skeleton ? -1 : 1;
	if ((*a)->date != (*b)->date)
		return (*a)->date < (*b)->date ? -1 : 1;
	return sweep_compare_uidnext(*a, *b);
}

static void sweep_order_begin(const struct sweep_intents *intents, bool risky,
	sweep_compare_fn *compare, struct sweep_order *order_r)
{
	size_t i;

	order_r->list =
		xreallocarray(NULL, intents->count + 1, sizeof(*order_r->list));
	order_r->next =
		xreallocarray(NULL, intents->count + 1, sizeof(*order_r->next));
	for (i = 0; i < intents->count; i++)
		if (!risky || intents->list[i].risk != JOURNAL_NO_RISK)
			order_r->list[order_r->count++] = &intents->list[i];
	if (order_r->count > 1)
		qsort(order_r->list, order_r->count, sizeof(*order_r->list),
			compare);
	for (i = 0; i <= order_r->count; i++)
		order_r->next[i] = i;
}

struct sweep_intents *sweep_intents_new(
	const struct journal_folder *journal, enum journal_side from)
{
	struct sweep_intents *intents = xcalloc(1, sizeof(*intents));
	size_t i;

	intents->journal = journal;
	intents->list = xreallocarray(
		NULL, journal->intents_count + 1, sizeof(*intents->list));
	for (i = 0; i < journal->intents_count; i++)
		if (journal->intents[i].from == from)
			intents->list[intents->count++] = journal->intents[i];
	sweep_order_begin(
		intents, false, sweep_compare_digest, &intents->by_digest);
	sweep_order_begin(intents, true, sweep_compare_rest, &intents->by_rest);
	return intents;
}

void sweep_intents_free(struct sweep_intents **intents)
{
	struct sweep_intents *old = *intents;

	*intents = NULL;
	if (old == NULL)
		return;
	free(old->list);
	free(old->by_digest.list);
	free(old->by_digest.next);
	free(old->by_rest.list);
	free(old->by_rest.next);
	free(old);
}

/* Whether the journal has it still: a pair ends one, and of several of the same
 * message it says which. */
static bool sweep_is_open(const struct sweep_intents *intents,
	const struct journal_intent *intent)
{
	const struct journal_intent *now = NULL;

	while ((now = journal_intent_next(intents->journal, intent->from,
			intent->uid, now)) != NULL)
		if (now->at == intent->at && now->uidnext == intent->uidnext &&
			memcmp(now->digest, intent->digest, JOURNAL_DIGEST) ==
				0)
			return true;
	return false;
}

/* The first that is open and not below the key by order, or NULL. */
static const struct journal_intent *sweep_order_find(
	const struct sweep_intents *intents, struct sweep_order *order,
	const struct journal_intent *key, sweep_compare_fn *compare)
{
	size_t low = 0, high = order->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&order->list[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (;;) {
		while (order->next[low] != low) {
			order->next[low] = order->next[order->next[low]];
			low = order->next[low];
		}
		if (low == order->count)
			return NULL;
		if (sweep_is_open(intents, order->list[low]))
			return order->list[low];
		order->next[low] = low + 1;
	}
}

const struct journal_intent *sweep_intents_find(struct sweep_intents *intents,
	const struct view_message *message, bool altered)
{
	struct journal_intent key = { .uidnext = 0 };
	const struct journal_intent *found;

	if (altered) {
		if (!message->measured)
			return NULL;
		key.skeleton = message->skeleton;
		key.date = message->date;
		found = sweep_order_find(
			intents, &intents->by_rest, &key, sweep_compare_rest);
		if (found != NULL && (found->skeleton != key.skeleton ||
					     found->date != key.date))
			found = NULL;
	} else {
		memcpy(key.digest, message->digest, JOURNAL_DIGEST);
		found = sweep_order_find(intents, &intents->by_digest, &key,
			sweep_compare_digest);
		if (found != NULL &&
			memcmp(found->digest, key.digest, JOURNAL_DIGEST) != 0)
			found = NULL;
	}
	/* The first has the lowest of the UIDs that it may have become. */
	return found != NULL && message->uid >= found->uidnext ? found : NULL;
}
