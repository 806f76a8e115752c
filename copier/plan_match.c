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

/* Each intent stands for one message at most. */
struct plan_intents {
	const struct journal_folder *journal;
	enum journal_side side;
	bool *used;
};

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

/* Whether an intent may have become this message at the other side. */
static bool plan_may_be_intended(
	const struct plan_work *work, const struct plan_candidate *candidate)
{
	const struct journal_folder *journal = work->folder->journal;
	size_t i;

	for (i = 0; journal != NULL && i < journal->intents_count; i++)
		if (journal->intents[i].from == work->side &&
			candidate->uid >= journal->intents[i].uidnext)
			return true;
	return false;
}

/* Whether the server may have made this of a message that it alters. */
static bool plan_may_be_judged(const struct plan_work *work,
	const struct plan_candidate *candidate, enum journal_side side)
{
	const struct journal_folder *journal = work->folder->journal;
	size_t i;

	for (i = 0; journal != NULL && i < journal->verdicts_count; i++)
		if ((journal->verdicts[i].from == side
				    ? journal->verdicts[i].size
				    : journal->verdicts[i].stored_size) ==
			candidate->size)
			return true;
	return false;
}

static bool plan_has_intents(const struct plan_work *work)
{
	const struct journal_folder *journal = work->folder->journal;
	size_t i;

	for (i = 0; journal != NULL && i < journal->intents_count; i++)
		if (journal->intents[i].from == work->side)
			return true;
	return false;
}

/* What was intended has the digest that it was sent with. */
static void plan_recall_digests(struct plan_work *work)
{
	const struct journal_folder *journal = work->folder->journal;
	size_t i, j;

	for (i = 0; journal != NULL && i < journal->intents_count; i++) {
		const struct journal_intent *intent = &journal->intents[i];

		for (j = 0; j < work->home.count; j++) {
			struct plan_candidate *candidate = &work->home.list[j];

			if (intent->from == work->side &&
				candidate->uid == intent->uid &&
				candidate->digest == NULL)
				candidate->digest = intent->digest;
		}
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
static bool plan_is_digested(struct plan_work *work)
{
	uint64_t *home = plan_sizes(&work->home);
	uint64_t *other = plan_sizes(&work->other);
	size_t i;

	for (i = 0; i < work->home.count; i++) {
		const struct plan_candidate *candidate = &work->home.list[i];

		if (candidate->digest == NULL &&
			(plan_may_be_judged(work, candidate, work->side) ||
				bsearch(&candidate->size, other,
					work->other.count, sizeof(*other),
					plan_compare_size) != NULL))
			uidset_add(&work->folder->digest_home, candidate->uid);
	}
	for (i = 0; i < work->other.count; i++) {
		const struct plan_candidate *candidate = &work->other.list[i];

		if (candidate->digest == NULL &&
			(plan_may_be_intended(work, candidate) ||
				plan_may_be_judged(
					work, candidate, work->far) ||
				bsearch(&candidate->size, home,
					work->home.count, sizeof(*home),
					plan_compare_size) != NULL))
			uidset_add(&work->folder->digest_other, candidate->uid);
	}
	free(home);
	free(other);
	return work->folder->digest_home.count == 0 &&
	       work->folder->digest_other.count == 0;
}

static bool plan_take_intent(
	struct plan_intents *intents, const struct plan_candidate *candidate)
{
	size_t i;

	for (i = 0;
		intents->journal != NULL && i < intents->journal->intents_count;
		i++) {
		const struct journal_intent *intent =
			&intents->journal->intents[i];

		if (!intents->used[i] && intent->from == intents->side &&
			candidate->digest != NULL &&
			candidate->uid >= intent->uidnext &&
			memcmp(intent->digest, candidate->digest,
				JOURNAL_DIGEST) == 0) {
			intents->used[i] = true;
			return true;
		}
	}
	return false;
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
	folder->adoptions = xreallocarray(folder->adoptions,
		folder->adoptions_count + 1, sizeof(*folder->adoptions));
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
	int order = memcmp((*a)->digest, (*b)->digest, JOURNAL_DIGEST);

	if (order != 0)
		return order;
	return ((*a)->uid > (*b)->uid) - ((*a)->uid < (*b)->uid);
}

/* The first of the sorted others whose digest is not below. */
static size_t plan_seek_digest(struct plan_candidate **others, size_t count,
	const unsigned char *digest)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(others[middle]->digest, digest, JOURNAL_DIGEST) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Pairs what is equal; with dated the dates must be equal too. */
static void plan_match_pass(struct plan_work *work,
	struct plan_intents *intents, struct plan_candidate **others,
	size_t count, bool dated)
{
	size_t i, at;

	for (i = 0; i < work->home.count; i++) {
		struct plan_candidate *home = &work->home.list[i];

		if (home->taken || home->digest == NULL ||
			(dated && !home->dated))
			continue;
		for (at = plan_seek_digest(others, count, home->digest);
			at < count && memcmp(others[at]->digest, home->digest,
					      JOURNAL_DIGEST) == 0;
			at++) {
			if (others[at]->taken ||
				(dated && (!others[at]->dated ||
						  others[at]->date !=
							  home->date)))
				continue;
			plan_adopt(work, intents, home, others[at]);
			break;
		}
	}
}

static void plan_match_all(struct plan_work *work, struct plan_intents *intents)
{
	struct plan_candidate **others =
		xreallocarray(NULL, work->other.count + 1, sizeof(*others));
	size_t i, count = 0;

	for (i = 0; i < work->other.count; i++)
		if (work->other.list[i].digest != NULL)
			others[count++] = &work->other.list[i];
	qsort(others, count, sizeof(*others), plan_compare_digest);
	plan_match_pass(work, intents, others, count, true);
	plan_match_pass(work, intents, others, count, false);
	free(others);
}

/* Whether a message that no pair knows may be what became of the intent at a
 * server that alters what it stores. */
static bool plan_may_have_become(
	const struct plan_work *work, const struct journal_intent *intent)
{
	const struct uidset *foreign =
		&work->folder->journal->foreign[work->far];
	size_t i;

	for (i = 0; i < work->other.count; i++)
		if (!work->other.list[i].taken &&
			work->other.list[i].pair == PLAN_NO_PAIR &&
			work->other.list[i].uid >= intent->uidnext)
			return true;
	for (i = 0; i < foreign->count; i++)
		if (foreign->uids[i] >= intent->uidnext &&
			!uidset_has(&work->folder->departed, foreign->uids[i]))
			return true;
	return false;
}

/* Whether the other side may hold the message already, by its own word. */
static bool plan_is_unsettled(
	const struct plan_work *work, const struct plan_candidate *home)
{
	const struct journal_folder *journal = work->folder->journal;
	size_t i;

	for (i = 0; journal != NULL && i < journal->intents_count; i++) {
		const struct journal_intent *intent = &journal->intents[i];

		if (!intent->answered || intent->from != work->side)
			continue;
		if (intent->uid != home->uid &&
			(intent->uid != 0 || !home->measured ||
				intent->size != home->size))
			continue;
		if (plan_may_have_become(work, intent))
			return true;
	}
	return false;
}

/* What has found nothing: copied from home; at the other side ours and too
 * much, or foreign. */
static void plan_match_rest(
	struct plan_work *work, struct plan_intents *intents)
{
	struct plan_folder *folder = work->folder;
	bool removable = work->input->other->features.expunge_by_uid;
	size_t i;

	for (i = 0; i < work->home.count; i++)
		if (!work->home.list[i].taken)
			uidset_add(plan_is_unsettled(work, &work->home.list[i])
					   ? &folder->unsettled
					   : &folder->copy,
				work->home.list[i].uid);
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
	struct plan_intents intents = { work->folder->journal, work->side,
		NULL };
	bool intended = plan_has_intents(work);

	plan_recall_digests(work);
	if (work->other.count > 0 && (work->home.count > 0 || intended) &&
		(!plan_is_measured(work) || !plan_is_digested(work)))
		return;
	if (intents.journal != NULL)
		intents.used = xcalloc(intents.journal->intents_count + 1,
			sizeof(*intents.used));
	plan_match_all(work, &intents);
	if (work->folder->journal != NULL)
		plan_match_altered(work);
	plan_match_rest(work, &intents);
	free(intents.used);
}
