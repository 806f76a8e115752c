/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages that are on both sides without a pair: after a crash between APPEND
 * and journal, after a lost journal or a changed UIDVALIDITY, or put there by
 * somebody else. They are known by size and digest; equal messages at home
 * stay as many as they are.
 */
#include "config.h"

#include "copier/plan_private.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

/* Intents of home by digest, of each the one first that was written when the
 * other side was the emptiest. Each stands for one message at most. */
struct plan_intents {
	const struct journal_intent **list;
	size_t *next; /* of each the first from it on that is not used yet */
	size_t count;
	uint32_t from; /* the lowest UID that any of them may have become */
};

/* What the server has answered, without a UID. */
struct plan_answers {
	/* The highest UID at the other side that may be what it stored, or 0 */
	uint32_t highest;
	/* Of those whose UID at home is void, by size. */
	const struct journal_intent **list;
	size_t count;
};

static int plan_compare_intent(const void *left, const void *right)
{
	const struct journal_intent *const *a = left;
	const struct journal_intent *const *b = right;
	int order = memcmp((*a)->digest, (*b)->digest, JOURNAL_DIGEST);

	if (order != 0)
		return order;
	return ((*a)->uidnext > (*b)->uidnext) -
	       ((*a)->uidnext < (*b)->uidnext);
}

static void plan_intents_begin(
	const struct plan_work *work, struct plan_intents *intents_r)
{
	const struct journal_folder *journal = work->folder->journal;
	size_t count = journal != NULL ? journal->intents_count : 0, i;

	*intents_r = (struct plan_intents){ .from = UINT32_MAX };
	intents_r->list =
		xreallocarray(NULL, count + 1, sizeof(*intents_r->list));
	intents_r->next =
		xreallocarray(NULL, count + 1, sizeof(*intents_r->next));
	for (i = 0; i < count; i++) {
		const struct journal_intent *intent = &journal->intents[i];

		if (intent->from != work->side)
			continue;
		intents_r->list[intents_r->count++] = intent;
		if (intent->uidnext < intents_r->from)
			intents_r->from = intent->uidnext;
	}
	if (intents_r->count > 1)
		qsort(intents_r->list, intents_r->count,
			sizeof(*intents_r->list), plan_compare_intent);
	for (i = 0; i <= intents_r->count; i++)
		intents_r->next[i] = i;
}

static void plan_intents_end(struct plan_intents *intents)
{
	free(intents->list);
	free(intents->next);
}

size_t plan_unused(size_t *next, size_t at)
{
	while (next[at] != at) {
		next[at] = next[next[at]];
		at = next[at];
	}
	return at;
}

size_t plan_seek(const void *const *list, size_t count, const void *key,
	int (*compare)(const void *, const void *))
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&list[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int plan_compare_size(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

static uint64_t *plan_sizes(const struct plan_candidates *candidates)
{
	uint64_t *sizes =
		xreallocarray(NULL, candidates->count + 1, sizeof(*sizes));
	size_t i;

	for (i = 0; i < candidates->count; i++)
		sizes[i] = candidates->list[i].size;
	qsort(sizes, candidates->count, sizeof(*sizes), plan_compare_size);
	return sizes;
}

/* The sizes on that side of what the server is known to alter. */
static uint64_t *plan_judged_sizes(
	const struct plan_work *work, enum journal_side side, size_t *count_r)
{
	const struct journal_folder *journal = work->folder->journal;
	size_t i;
	uint64_t *sizes;

	*count_r = journal != NULL ? journal->verdicts_count : 0;
	sizes = xreallocarray(NULL, *count_r + 1, sizeof(*sizes));
	for (i = 0; i < *count_r; i++)
		sizes[i] = journal->verdicts[i].from == side
				   ? journal->verdicts[i].size
				   : journal->verdicts[i].stored_size;
	qsort(sizes, *count_r, sizeof(*sizes), plan_compare_size);
	return sizes;
}

/* Adds the candidates without a digest whose size is one of the other side's
 * or of what the server is known to alter; and all from a UID on, 0: none. */
static void plan_need_digests(const struct plan_work *work,
	const struct plan_candidates *candidates, enum journal_side side,
	const struct plan_candidates *others, uint32_t from,
	struct uidset *uids)
{
	uint64_t *sizes = plan_sizes(others), *judged;
	size_t judged_count, i;

	judged = plan_judged_sizes(work, side, &judged_count);
	for (i = 0; i < candidates->count; i++) {
		const struct plan_candidate *candidate = &candidates->list[i];

		if (candidate->digest == NULL &&
			((from != 0 && candidate->uid >= from) ||
				bsearch(&candidate->size, judged, judged_count,
					sizeof(*judged),
					plan_compare_size) != NULL ||
				bsearch(&candidate->size, sizes, others->count,
					sizeof(*sizes),
					plan_compare_size) != NULL))
			uidset_add(uids, candidate->uid);
	}
	free(sizes);
	free(judged);
}

/* What was intended has the digest that it was sent with. */
static void plan_recall_digests(struct plan_work *work)
{
	const struct journal_folder *journal = work->folder->journal;
	size_t i;

	for (i = 0; journal != NULL && i < work->home.count; i++) {
		struct plan_candidate *candidate = &work->home.list[i];
		const struct journal_intent *intent = journal_intent_next(
			journal, work->side, candidate->uid, NULL);

		if (intent != NULL && candidate->digest == NULL)
			candidate->digest = intent->digest;
	}
}

/* True when sizes and dates of all candidates are known. */
static bool plan_is_measured(struct plan_work *work)
{
	size_t i;

	for (i = 0; i < work->home.count; i++)
		if (!work->home.list[i].measured)
			uidset_add(&work->folder->measure_home,
				work->home.list[i].uid);
	for (i = 0; i < work->other.count; i++)
		if (!work->other.list[i].measured)
			uidset_add(&work->folder->measure_other,
				work->other.list[i].uid);
	return work->folder->measure_home.count == 0 &&
	       work->folder->measure_other.count == 0;
}

/* True when the digests of all that may be equal are known. */
static bool plan_is_digested(
	struct plan_work *work, const struct plan_intents *intents)
{
	struct plan_folder *folder = work->folder;

	plan_need_digests(work, &work->home, work->side, &work->other, 0,
		&folder->digest_home);
	plan_need_digests(work, &work->other, work->far, &work->home,
		intents->count == 0 ? 0
		: intents->from > 0 ? intents->from
				    : 1,
		&folder->digest_other);
	return folder->digest_home.count == 0 &&
	       folder->digest_other.count == 0;
}

/* Takes an intent that may have become this message. */
static bool plan_take_intent(
	struct plan_intents *intents, const struct plan_candidate *candidate)
{
	struct journal_intent like = { .uidnext = 0 };
	size_t at;

	if (candidate->digest == NULL)
		return false;
	memcpy(like.digest, candidate->digest, JOURNAL_DIGEST);
	at = plan_seek((const void *const *)intents->list, intents->count,
		&like, plan_compare_intent);
	at = plan_unused(intents->next, at);
	if (at == intents->count ||
		candidate->uid < intents->list[at]->uidnext ||
		memcmp(intents->list[at]->digest, candidate->digest,
			JOURNAL_DIGEST) != 0)
		return false;
	intents->next[at] = at + 1;
	return true;
}

struct plan_adoption *plan_adoption_add(struct plan_work *work,
	struct plan_candidate *home, struct plan_candidate *other)
{
	struct plan_folder *folder = work->folder;
	const struct flagset *wanted = plan_storable(work, home->flags);
	struct plan_adoption adoption = { .home_uid = home->uid,
		.other_uid = other->uid,
		.size = home->size,
		.origin = JOURNAL_ADOPTED,
		.flags = home->flags };

	memcpy(adoption.digest, home->digest, JOURNAL_DIGEST);
	if (!flagset_same(wanted, other->flags))
		adoption.store = wanted;
	if (other->pair != PLAN_NO_PAIR) {
		adoption.origin = folder->journal->pairs[other->pair].origin;
		plan_add_gone(folder, other->pair);
	} else if (home->pair != PLAN_NO_PAIR) {
		adoption.origin = folder->journal->pairs[home->pair].origin;
	}
	home->taken = other->taken = true;
	folder->adoptions = plan_room(folder->adoptions,
		folder->adoptions_count, sizeof(*folder->adoptions));
	folder->adoptions[folder->adoptions_count] = adoption;
	return &folder->adoptions[folder->adoptions_count++];
}

static void plan_adopt(struct plan_work *work, struct plan_intents *intents,
	struct plan_candidate *home, struct plan_candidate *other)
{
	struct plan_adoption *adoption = plan_adoption_add(work, home, other);

	if (other->pair == PLAN_NO_PAIR && plan_take_intent(intents, other))
		adoption->origin = JOURNAL_COPIED;
}

static int plan_compare_digest(const void *left, const void *right)
{
	const struct plan_candidate *const *a = left;
	const struct plan_candidate *const *b = right;

	return memcmp((*a)->digest, (*b)->digest, JOURNAL_DIGEST);
}

static int plan_compare_dated(const void *left, const void *right)
{
	const struct plan_candidate *const *a = left;
	const struct plan_candidate *const *b = right;
	int order = plan_compare_digest(left, right);

	if (order != 0)
		return order;
	return ((*a)->date > (*b)->date) - ((*a)->date < (*b)->date);
}

static int plan_compare_digest_uid(const void *left, const void *right)
{
	const struct plan_candidate *const *a = left;
	const struct plan_candidate *const *b = right;
	int order = plan_compare_digest(left, right);

	if (order != 0)
		return order;
	return ((*a)->uid > (*b)->uid) - ((*a)->uid < (*b)->uid);
}

static int plan_compare_dated_uid(const void *left, const void *right)
{
	const struct plan_candidate *const *a = left;
	const struct plan_candidate *const *b = right;
	int order = plan_compare_dated(left, right);

	if (order != 0)
		return order;
	return ((*a)->uid > (*b)->uid) - ((*a)->uid < (*b)->uid);
}

static bool plan_may_match(const struct plan_candidate *candidate, bool dated)
{
	return !candidate->taken && candidate->digest != NULL &&
	       (!dated || candidate->dated);
}

/* Pairs what is equal; with dated the dates must be equal too. */
static void plan_match_pass(
	struct plan_work *work, struct plan_intents *intents, bool dated)
{
	int (*compare)(const void *, const void *) =
		dated ? plan_compare_dated : plan_compare_digest;
	struct plan_candidate **others =
		xreallocarray(NULL, work->other.count + 1, sizeof(*others));
	size_t *next =
		xreallocarray(NULL, work->other.count + 1, sizeof(*next));
	size_t i, at, count = 0;

	for (i = 0; i < work->other.count; i++)
		if (plan_may_match(&work->other.list[i], dated))
			others[count++] = &work->other.list[i];
	qsort(others, count, sizeof(*others),
		dated ? plan_compare_dated_uid : plan_compare_digest_uid);
	for (i = 0; i <= count; i++)
		next[i] = i;
	for (i = 0; i < work->home.count; i++) {
		struct plan_candidate *home = &work->home.list[i];

		if (!plan_may_match(home, dated))
			continue;
		at = plan_seek(
			(const void *const *)others, count, home, compare);
		at = plan_unused(next, at);
		if (at == count || compare(&others[at], &home) != 0)
			continue;
		next[at] = at + 1;
		plan_adopt(work, intents, home, others[at]);
	}
	free(others);
	free(next);
}

/* The highest UID of a message that no pair knows: it may be what became of an
 * intent at a server that alters what it stores. */
static uint32_t plan_highest_unknown(const struct plan_work *work)
{
	const struct uidset *foreign =
		&work->folder->journal->foreign[work->far];
	uint32_t highest = 0;
	size_t i;

	for (i = 0; i < work->other.count; i++)
		if (!work->other.list[i].taken &&
			work->other.list[i].pair == PLAN_NO_PAIR &&
			work->other.list[i].uid > highest)
			highest = work->other.list[i].uid;
	for (i = foreign->count; i > 0 && foreign->uids[i - 1] > highest; i--)
		if (!uidset_has(&work->folder->departed, foreign->uids[i - 1]))
			highest = foreign->uids[i - 1];
	return highest;
}

static int plan_compare_answer(const void *left, const void *right)
{
	const struct journal_intent *const *a = left;
	const struct journal_intent *const *b = right;

	return ((*a)->size > (*b)->size) - ((*a)->size < (*b)->size);
}

static void plan_answers_begin(
	const struct plan_work *work, struct plan_answers *answers_r)
{
	const struct journal_folder *journal = work->folder->journal;
	size_t count = journal != NULL ? journal->intents_count : 0, i;

	*answers_r = (struct plan_answers){ .count = 0 };
	answers_r->list =
		xreallocarray(NULL, count + 1, sizeof(*answers_r->list));
	if (count > 0)
		answers_r->highest = plan_highest_unknown(work);
	for (i = 0; i < count; i++) {
		const struct journal_intent *intent = &journal->intents[i];

		if (intent->answered && intent->from == work->side &&
			intent->uid == 0 &&
			intent->uidnext <= answers_r->highest)
			answers_r->list[answers_r->count++] = intent;
	}
	if (answers_r->count > 1)
		qsort(answers_r->list, answers_r->count,
			sizeof(*answers_r->list), plan_compare_answer);
}

/* Whether the other side may hold the message already, by its own word. */
static bool plan_is_unsettled(const struct plan_work *work,
	const struct plan_answers *answers, const struct plan_candidate *home)
{
	const struct journal_folder *journal = work->folder->journal;
	const struct journal_intent like = { .size = home->size };
	const struct journal_intent *key = &like, *intent = NULL;

	if (journal == NULL || answers->highest == 0)
		return false;
	while ((intent = journal_intent_next(
			journal, work->side, home->uid, intent)) != NULL)
		if (intent->answered && intent->uidnext <= answers->highest)
			return true;
	return home->measured && answers->count > 0 &&
	       bsearch(&key, answers->list, answers->count,
		       sizeof(*answers->list), plan_compare_answer) != NULL;
}

/* What has found nothing: copied from home; at the other side ours and too
 * much, or foreign. */
static void plan_match_rest(
	struct plan_work *work, struct plan_intents *intents)
{
	struct plan_folder *folder = work->folder;
	bool removable = work->input->other->features.expunge_by_uid;
	struct plan_answers answers;
	size_t i;

	plan_answers_begin(work, &answers);
	for (i = 0; i < work->home.count; i++)
		if (!work->home.list[i].taken)
			uidset_add(plan_is_unsettled(
					   work, &answers, &work->home.list[i])
					   ? &folder->unsettled
					   : &folder->copy,
				work->home.list[i].uid);
	free(answers.list);
	for (i = 0; i < work->other.count; i++) {
		const struct plan_candidate *other = &work->other.list[i];

		if (other->taken)
			continue;
		if (other->pair != PLAN_NO_PAIR)
			plan_remove(work, other->pair, other->uid);
		else if (plan_take_intent(intents, other) && removable)
			uidset_add(&folder->expunge, other->uid);
		else
			uidset_add(&folder->foreign, other->uid);
	}
}

void plan_match(struct plan_work *work)
{
	struct plan_intents intents;

	plan_intents_begin(work, &intents);
	plan_recall_digests(work);
	if (work->other.count == 0 ||
		(work->home.count == 0 && intents.count == 0) ||
		(plan_is_measured(work) && plan_is_digested(work, &intents))) {
		plan_match_pass(work, &intents, true);
		plan_match_pass(work, &intents, false);
		if (work->folder->journal != NULL)
			plan_match_altered(work);
		plan_match_rest(work, &intents);
	}
	plan_intents_end(&intents);
}
