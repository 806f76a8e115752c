/* SPDX-License-Identifier: BSD-2-Clause */
/* The plan of one folder: pairs first, then what has no pair. */
#include "config.h"

#include "copier/plan_private.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

void *plan_room(void *list, size_t count, size_t size)
{
	/* Full at each power of two. */
	if ((count & (count - 1)) != 0)
		return list;
	return xreallocarray(list, count > 0 ? 2 * count : 1, size);
}

static void plan_add(size_t **list, size_t *count, size_t pair)
{
	*list = plan_room(*list, *count, sizeof(**list));
	(*list)[(*count)++] = pair;
}

void plan_add_gone(struct plan_folder *folder, size_t pair)
{
	plan_add(&folder->gone, &folder->gone_count, pair);
}

struct plan_candidate *plan_candidate_add(struct plan_candidates *candidates,
	uint32_t uid, const struct flagset *flags)
{
	struct plan_candidate *candidate;

	if (candidates->count == candidates->room) {
		candidates->room =
			candidates->room > 0 ? candidates->room * 2 : 32;
		candidates->list = xreallocarray(candidates->list,
			candidates->room, sizeof(*candidates->list));
	}
	candidate = &candidates->list[candidates->count++];
	memset(candidate, 0, sizeof(*candidate));
	candidate->uid = uid;
	candidate->flags = flags;
	candidate->pair = PLAN_NO_PAIR;
	return candidate;
}

/* A message that only one side has, with what its view knows. */
static void plan_candidate_message(
	struct plan_candidates *candidates, const struct view_message *message)
{
	struct plan_candidate *candidate =
		plan_candidate_add(candidates, message->uid, message->flags);

	candidate->measured = candidate->dated = message->measured;
	candidate->size = message->size;
	candidate->date = message->date;
	candidate->digest = message->digest;
	candidate->skeleton = message->skeleton;
}

/* Half of a pair whose other half is void or lost. */
static void plan_candidate_half(struct plan_candidates *candidates,
	const struct journal_folder *journal, size_t pair, uint32_t uid,
	const struct view_message *message)
{
	struct plan_candidate *candidate = plan_candidate_add(candidates, uid,
		message != NULL ? message->flags : journal->pairs[pair].flags);

	candidate->measured = true;
	candidate->size = journal->pairs[pair].size;
	candidate->digest = journal->pairs[pair].digest;
	candidate->pair = pair;
}

const struct flagset *plan_storable(
	const struct plan_work *work, const struct flagset *flags)
{
	const struct view_folder *other = work->folder->other;

	if (other == NULL)
		return flags;
	return flagpool_filter(work->input->flags, flags, other->permanent,
		other->any_keyword);
}

static void plan_pair_flags(struct plan_work *work, size_t index,
	const struct view_message *home, const struct view_message *other)
{
	struct plan_folder *folder = work->folder;
	const struct journal_pair *pair = &folder->journal->pairs[index];
	const struct flagset *wanted = home != NULL ? home->flags : pair->flags;
	struct plan_flags change = { .pair = index,
		.other_uid = pair->uid[work->far],
		.flags = wanted };

	if (other != NULL) {
		const struct flagset *storable = plan_storable(work, wanted);

		if (!flagset_same(other->flags, storable))
			change.store = storable;
	} else if (!flagset_same(pair->flags, wanted)) {
		change.store = wanted;
	}
	if (change.store == NULL && wanted == pair->flags)
		return;
	folder->flags = plan_room(
		folder->flags, folder->flags_count, sizeof(*folder->flags));
	folder->flags[folder->flags_count++] = change;
}

void plan_remove(struct plan_work *work, size_t pair, uint32_t other_uid)
{
	struct plan_folder *folder = work->folder;
	enum plan_removal removal = work->input->removal;

	if (removal == PLAN_REMOVE_NOTHING ||
		(removal == PLAN_REMOVE_COPIED &&
			folder->journal->pairs[pair].origin !=
				JOURNAL_COPIED)) {
		if (folder->journal->pairs[pair].uid[work->side] != 0)
			plan_add(
				&folder->widowed, &folder->widowed_count, pair);
		return;
	}
	if (!work->input->other->features.expunge_by_uid) {
		plan_add_gone(folder, pair);
		uidset_add(&folder->foreign, other_uid);
		return;
	}
	uidset_add(&folder->expunge, other_uid);
	plan_add(&folder->removed, &folder->removed_count, pair);
}

/* Whether the UID is in the folder: 1 with its message when the view has it
 * (else NULL: as the journal says), 0 not there. */
static int plan_look_up(const struct view_folder *view, uint32_t uid,
	const struct view_message **message_r)
{
	*message_r = NULL;
	if (view == NULL || uid == 0)
		return 0;
	*message_r = view_message_find(view, uid);
	return *message_r != NULL ||
	       (!view->whole && !view_has_vanished(view, uid));
}

static void plan_pair(struct plan_work *work, size_t index)
{
	const struct journal_folder *journal = work->folder->journal;
	const struct journal_pair *pair = &journal->pairs[index];
	const struct view_message *home, *other;
	bool at_home =
		plan_look_up(work->folder->home, pair->uid[work->side], &home);
	bool at_other =
		plan_look_up(work->folder->other, pair->uid[work->far], &other);

	if (at_home && at_other) {
		plan_pair_flags(work, index, home, other);
	} else if (at_home) {
		plan_add_gone(work->folder, index);
		plan_candidate_half(&work->home, journal, index,
			pair->uid[work->side], home);
	} else if (at_other && pair->uid[work->side] == 0) {
		plan_candidate_half(&work->other, journal, index,
			pair->uid[work->far], other);
	} else if (at_other) {
		plan_remove(work, index, pair->uid[work->far]);
	} else {
		plan_add_gone(work->folder, index);
	}
}

/* Messages of a view that no pair knows, nor the foreign list. */
static void plan_unpaired(struct plan_work *work,
	const struct view_folder *view, enum journal_side side,
	struct plan_candidates *candidates)
{
	const struct journal_folder *journal = work->folder->journal;
	size_t *order = NULL;
	size_t count = 0, at = 0, i;

	if (view == NULL)
		return;
	if (journal != NULL)
		order = journal_sorted(journal, side, &count);
	for (i = 0; i < view->count; i++) {
		uint32_t uid = view->messages[i].uid;

		while (at < count && journal->pairs[order[at]].uid[side] < uid)
			at++;
		if (at < count && journal->pairs[order[at]].uid[side] == uid)
			continue;
		/* Foreign is a word for the other side only. */
		if (journal != NULL && side == work->far &&
			uidset_has(&journal->foreign[side], uid))
			continue;
		plan_candidate_message(candidates, &view->messages[i]);
	}
	free(order);
}

/* What was foreign and is not there any more. */
static void plan_departed(struct plan_work *work)
{
	struct plan_folder *folder = work->folder;
	const struct uidset *foreign;
	const struct view_message *message;
	size_t i;

	if (folder->journal == NULL)
		return;
	foreign = &folder->journal->foreign[work->far];
	for (i = 0; i < foreign->count; i++)
		if (!plan_look_up(folder->other, foreign->uids[i], &message))
			uidset_add(&folder->departed, foreign->uids[i]);
}

static void plan_folder_itself(struct plan_work *work)
{
	struct plan_folder *folder = work->folder;
	const struct journal_folder *journal = folder->journal;
	bool home = folder->home != NULL && folder->home->selectable;
	bool other = folder->other != NULL && folder->other->selectable;
	bool wanted = folder->home != NULL && folder->home->subscribed;
	bool subscribed = folder->other != NULL && folder->other->subscribed;
	size_t foreign;

	folder->create = home && !other;
	folder->subscribe = wanted && !subscribed;
	folder->unsubscribe = !wanted && subscribed && journal != NULL &&
			      journal->subscribed[work->far];
	folder->drop = journal != NULL && !home && !other;
	if (home || !other || journal == NULL || !journal->made[work->far] ||
		work->input->removal == PLAN_REMOVE_NOTHING)
		return;
	foreign = journal->foreign[work->far].count + folder->foreign.count -
		  folder->departed.count;
	folder->remove =
		foreign == 0 &&
		journal->live <= folder->gone_count + folder->removed_count;
}

/* Neither side has changed, each pair is whole and nothing is under way: then
 * no message needs a thought. */
static bool plan_is_settled(const struct plan_work *work)
{
	const struct plan_folder *folder = work->folder;
	const struct journal_folder *journal = folder->journal;
	size_t i;

	if (journal == NULL || folder->home == NULL || folder->other == NULL ||
		!folder->home->seen || !folder->other->seen ||
		journal->known[0] != journal->live ||
		journal->known[1] != journal->live)
		return false;
	for (i = 0; i < journal->intents_count; i++)
		if (journal->intents[i].from == work->side)
			return false;
	return true;
}

/* What is to be done with the messages. */
static void plan_messages(struct plan_work *work)
{
	struct plan_folder *folder = work->folder;
	const struct journal_folder *journal = folder->journal;
	size_t i;

	for (i = 0; journal != NULL && i < journal->pairs_count; i++)
		if (!journal->pairs[i].gone)
			plan_pair(work, i);
	plan_unpaired(work, folder->home, work->side, &work->home);
	plan_unpaired(work, folder->other, work->far, &work->other);
	plan_departed(work);
	plan_match(work);
}

void plan_work_folder(
	const struct plan_input *input, struct plan_folder *folder)
{
	struct plan_work work = { .input = input,
		.folder = folder,
		.side = input->side,
		.far = journal_other(input->side) };
	const struct view_folder *home = folder->home;
	const struct view_folder *other = folder->other;

	if ((home != NULL && home->unread) || (other != NULL && other->unread))
		return;
	/* A folder that cannot hold messages has none. */
	if (home != NULL && !home->selectable)
		folder->home = NULL;
	if (other != NULL && !other->selectable)
		folder->other = NULL;
	if (!plan_is_settled(&work))
		plan_messages(&work);
	folder->home = (struct view_folder *)home;
	folder->other = (struct view_folder *)other;
	plan_folder_itself(&work);
	free(work.home.list);
	free(work.other.list);
}
