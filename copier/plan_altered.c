/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of home whose like at the other side has other octets, since the
 * server alters what it stores: known by the verdict that was written of them,
 * or, when the copier died before that, by the intent and what is left of the
 * message. The latter are read back like all that may be altered.
 */
#include "config.h"

#include "copier/plan_private.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

typedef int plan_compare_fn(const void *left, const void *right);

/* Candidates in an order, those that are taken to be passed over. */
struct plan_order {
	struct plan_candidate **list;
	size_t *next; /* of each the first from it on that may not be taken */
	size_t count;
};

/* What a verdict is looked for in, of one side. */
struct plan_judged {
	struct plan_candidate **halves; /* of each verdict, or NULL */
	struct plan_order by_uid;
	struct plan_order by_digest;
};

/* Of those that are equal the first of the list comes first. */
static int plan_compare_place(
	const struct plan_candidate *a, const struct plan_candidate *b)
{
	return (a > b) - (a < b);
}

static int plan_compare_uid(const void *left, const void *right)
{
	const struct plan_candidate *const *a = left;
	const struct plan_candidate *const *b = right;

	return ((*a)->uid > (*b)->uid) - ((*a)->uid < (*b)->uid);
}

static int plan_compare_uid_place(const void *left, const void *right)
{
	const struct plan_candidate *const *a = left;
	const struct plan_candidate *const *b = right;
	int order = plan_compare_uid(left, right);

	return order != 0 ? order : plan_compare_place(*a, *b);
}

static int plan_compare_octets(const void *left, const void *right)
{
	const struct plan_candidate *const *a = left;
	const struct plan_candidate *const *b = right;

	return memcmp((*a)->digest, (*b)->digest, JOURNAL_DIGEST);
}

static int plan_compare_octets_place(const void *left, const void *right)
{
	const struct plan_candidate *const *a = left;
	const struct plan_candidate *const *b = right;
	int order = plan_compare_octets(left, right);

	return order != 0 ? order : plan_compare_place(*a, *b);
}

/* What is left of a message when it is altered, and its date. */
static int plan_compare_rest(const void *left, const void *right)
{
	const struct plan_candidate *const *a = left;
	const struct plan_candidate *const *b = right;

	if ((*a)->skeleton != (*b)->skeleton)
		return (*a)->skeleton < (*b)->skeleton ? -1 : 1;
	return ((*a)->date > (*b)->date) - ((*a)->date < (*b)->date);
}

/* A key's UID is the lowest that will do. */
static int plan_compare_rest_uid(const void *left, const void *right)
{
	int order = plan_compare_rest(left, right);

	return order != 0 ? order : plan_compare_uid(left, right);
}

typedef bool plan_wanted_fn(const struct plan_candidate *candidate);

static bool plan_is_any(const struct plan_candidate *candidate)
{
	return !candidate->taken;
}

static bool plan_is_unpaired(const struct plan_candidate *candidate)
{
	return !candidate->taken && candidate->pair == PLAN_NO_PAIR;
}

static bool plan_is_read(const struct plan_candidate *candidate)
{
	return plan_is_unpaired(candidate) && candidate->digest != NULL;
}

static bool plan_is_dated(const struct plan_candidate *candidate)
{
	return plan_is_read(candidate) && candidate->dated;
}

static void plan_order_begin(const struct plan_candidates *candidates,
	plan_wanted_fn *wanted, plan_compare_fn *compare,
	struct plan_order *order_r)
{
	size_t i;

	order_r->count = 0;
	order_r->list = xreallocarray(
		NULL, candidates->count + 1, sizeof(*order_r->list));
	order_r->next = xreallocarray(
		NULL, candidates->count + 1, sizeof(*order_r->next));
	for (i = 0; i < candidates->count; i++)
		if (wanted(&candidates->list[i]))
			order_r->list[order_r->count++] = &candidates->list[i];
	if (order_r->count > 1)
		qsort(order_r->list, order_r->count, sizeof(*order_r->list),
			compare);
	for (i = 0; i <= order_r->count; i++)
		order_r->next[i] = i;
}

static void plan_order_end(struct plan_order *order)
{
	free(order->list);
	free(order->next);
}

/* The first that is not taken, not below the key by order and equal to it, or
 * NULL. */
static struct plan_candidate *plan_order_find(struct plan_order *order,
	const struct plan_candidate *key, plan_compare_fn *compare,
	plan_compare_fn *equal)
{
	size_t at = plan_seek(
		(const void *const *)order->list, order->count, key, compare);

	for (at = plan_unused(order->next, at);
		at < order->count && order->list[at]->taken;
		at = plan_unused(order->next, at))
		order->next[at] = at + 1;
	return at < order->count && equal(&order->list[at], &key) == 0
		       ? order->list[at]
		       : NULL;
}

static void plan_judged_begin(const struct plan_work *work,
	const struct plan_candidates *candidates, struct plan_judged *judged_r)
{
	const struct journal_folder *journal = work->folder->journal;
	size_t i;

	judged_r->halves =
		xcalloc(journal->verdicts_count + 1, sizeof(*judged_r->halves));
	for (i = candidates->count; i-- > 0;) {
		struct plan_candidate *candidate = &candidates->list[i];
		const struct journal_verdict *verdict;

		if (candidate->taken || candidate->pair == PLAN_NO_PAIR)
			continue;
		verdict = journal_pair_verdict(
			journal, &journal->pairs[candidate->pair]);
		if (verdict != NULL)
			judged_r->halves[verdict - journal->verdicts] =
				candidate;
	}
	plan_order_begin(candidates, plan_is_unpaired, plan_compare_uid_place,
		&judged_r->by_uid);
	plan_order_begin(candidates, plan_is_read, plan_compare_octets_place,
		&judged_r->by_digest);
}

static void plan_judged_end(struct plan_judged *judged)
{
	free(judged->halves);
	plan_order_end(&judged->by_uid);
	plan_order_end(&judged->by_digest);
}

/* What a verdict says that home, or the other side, has. */
static struct plan_candidate *plan_find_judged(const struct plan_work *work,
	size_t index, struct plan_judged *judged, enum journal_side side)
{
	const struct journal_verdict *verdict =
		&work->folder->journal->verdicts[index];
	const struct plan_candidate key = { .uid = verdict->uid,
		.digest = verdict->from == side ? verdict->digest
						: verdict->stored };
	struct plan_candidate *half = judged->halves[index];

	if (half != NULL && !half->taken)
		return half;
	if (verdict->from == side && verdict->uid != 0)
		return plan_order_find(&judged->by_uid, &key, plan_compare_uid,
			plan_compare_uid);
	return plan_order_find(&judged->by_digest, &key, plan_compare_octets,
		plan_compare_octets);
}

static void plan_match_verdict(struct plan_work *work, size_t index,
	struct plan_judged *at_home, struct plan_judged *at_other)
{
	const struct journal_verdict *verdict =
		&work->folder->journal->verdicts[index];
	struct plan_candidate *home =
		plan_find_judged(work, index, at_home, work->side);
	struct plan_candidate *other =
		home == NULL
			? NULL
			: plan_find_judged(work, index, at_other, work->far);

	if (other == NULL)
		return;
	if (home->digest == NULL)
		home->digest = verdict->from == work->side ? verdict->digest
							   : verdict->stored;
	plan_adoption_add(work, home, other)->origin = JOURNAL_COPIED;
}

static void plan_match_verdicts(struct plan_work *work)
{
	struct plan_judged home, other;
	size_t i;

	if (work->folder->journal->verdicts_count == 0)
		return;
	plan_judged_begin(work, &work->home, &home);
	plan_judged_begin(work, &work->other, &other);
	for (i = 0; i < work->folder->journal->verdicts_count; i++)
		plan_match_verdict(work, i, &home, &other);
	plan_judged_end(&home);
	plan_judged_end(&other);
}

static void plan_match_intent(struct plan_work *work,
	const struct journal_intent *intent, struct plan_order *by_uid,
	struct plan_order *by_rest)
{
	const struct plan_candidate key = { .uid = intent->uid },
				    rest = { .uid = intent->uidnext,
					    .skeleton = intent->skeleton,
					    .date = intent->date };
	struct plan_candidate *home = NULL, *other = NULL;
	struct plan_adoption *adoption;

	if (intent->uid != 0)
		home = plan_order_find(
			by_uid, &key, plan_compare_uid, plan_compare_uid);
	if (home != NULL)
		other = plan_order_find(by_rest, &rest, plan_compare_rest_uid,
			plan_compare_rest);
	if (other == NULL)
		return;
	home->digest = intent->digest;
	adoption = plan_adoption_add(work, home, other);
	adoption->origin = JOURNAL_COPIED;
	adoption->risk = intent->risk;
}

static bool plan_is_risky(
	const struct plan_work *work, const struct journal_intent *intent)
{
	return intent->from == work->side && intent->risk != JOURNAL_NO_RISK;
}

static void plan_match_risks(struct plan_work *work)
{
	const struct journal_folder *journal = work->folder->journal;
	struct plan_order by_uid, by_rest;
	size_t i = 0;

	while (i < journal->intents_count &&
		!plan_is_risky(work, &journal->intents[i]))
		i++;
	if (i == journal->intents_count)
		return;
	plan_order_begin(
		&work->home, plan_is_any, plan_compare_uid_place, &by_uid);
	plan_order_begin(
		&work->other, plan_is_dated, plan_compare_rest_uid, &by_rest);
	for (; i < journal->intents_count; i++)
		if (plan_is_risky(work, &journal->intents[i]))
			plan_match_intent(
				work, &journal->intents[i], &by_uid, &by_rest);
	plan_order_end(&by_uid);
	plan_order_end(&by_rest);
}

void plan_match_altered(struct plan_work *work)
{
	plan_match_verdicts(work);
	plan_match_risks(work);
}
