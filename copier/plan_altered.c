/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of home whose like at the other side has other octets, since the
 * server alters what it stores: known by the verdict that was written of them,
 * or, when the copier died before that, by the intent and what is left of the
 * message. The latter are read back like all that may be altered.
 */
#include "config.h"

#include "copier/plan_private.h"

#include <string.h>

/* What a verdict says that home and the other side have. */
static bool plan_is_judged(const struct plan_work *work,
	const struct journal_verdict *verdict,
	const struct plan_candidate *candidate, enum journal_side side)
{
	const struct journal_folder *journal = work->folder->journal;
	const unsigned char *digest =
		verdict->from == side ? verdict->digest : verdict->stored;

	if (candidate->taken)
		return false;
	if (candidate->pair != PLAN_NO_PAIR)
		return journal_pair_verdict(journal,
			       &journal->pairs[candidate->pair]) == verdict;
	if (verdict->from == side && verdict->uid != 0)
		return candidate->uid == verdict->uid;
	return candidate->digest != NULL &&
	       memcmp(candidate->digest, digest, JOURNAL_DIGEST) == 0;
}

static struct plan_candidate *plan_find_judged(const struct plan_work *work,
	const struct journal_verdict *verdict,
	const struct plan_candidates *candidates, enum journal_side side)
{
	size_t i;

	for (i = 0; i < candidates->count; i++)
		if (plan_is_judged(work, verdict, &candidates->list[i], side))
			return &candidates->list[i];
	return NULL;
}

static void plan_match_verdict(
	struct plan_work *work, const struct journal_verdict *verdict)
{
	struct plan_candidate *home =
		plan_find_judged(work, verdict, &work->home, work->side);
	struct plan_candidate *other =
		home == NULL ? NULL
			     : plan_find_judged(
				       work, verdict, &work->other, work->far);

	if (other == NULL)
		return;
	if (home->digest == NULL)
		home->digest = verdict->from == work->side ? verdict->digest
							   : verdict->stored;
	plan_adoption_add(work, home, other)->origin = JOURNAL_COPIED;
}

static void plan_match_intent(
	struct plan_work *work, const struct journal_intent *intent)
{
	struct plan_candidate *home = NULL;
	struct plan_adoption *adoption;
	size_t i;

	for (i = 0; i < work->home.count && home == NULL; i++)
		if (!work->home.list[i].taken && intent->uid != 0 &&
			work->home.list[i].uid == intent->uid)
			home = &work->home.list[i];
	for (i = 0; i < work->other.count && home != NULL; i++) {
		struct plan_candidate *other = &work->other.list[i];

		if (other->taken || other->pair != PLAN_NO_PAIR ||
			other->uid < intent->uidnext || !other->dated ||
			other->date != intent->date || other->digest == NULL ||
			other->skeleton != intent->skeleton)
			continue;
		home->digest = intent->digest;
		adoption = plan_adoption_add(work, home, other);
		adoption->origin = JOURNAL_COPIED;
		adoption->risk = intent->risk;
		return;
	}
}

void plan_match_altered(struct plan_work *work)
{
	const struct journal_folder *journal = work->folder->journal;
	size_t i;

	for (i = 0; i < journal->verdicts_count; i++)
		plan_match_verdict(work, &journal->verdicts[i]);
	for (i = 0; i < journal->intents_count; i++)
		if (journal->intents[i].from == work->side &&
			journal->intents[i].risk != JOURNAL_NO_RISK)
			plan_match_intent(work, &journal->intents[i]);
}
