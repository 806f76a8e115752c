/* SPDX-License-Identifier: BSD-2-Clause */
/* Carrying out the plan, folder by folder. Additions come before removals. */
#include "config.h"

#include "copier/round_private.h"

#include <stdlib.h>
#include <string.h>

#include "copier/altered.h"
#include "copier/keywords.h"
#include "copier/lanes.h"
#include "copier/round_identity.h"
#include "copier/refused.h"
#include "copier/transfer.h"

#include "lib/xalloc.h"

struct round_store {
	const struct flagset *flags;
	uint32_t uid;
};

int round_folder_refused(struct pass *pass, const struct plan_folder *folder,
	int result, const char *what, struct error *error)
{
	if (result != 0)
		return result;
	error_prefix(error, "%s", what);
	pass_refuse(pass, folder->home_name, 0, error);
	return 0;
}

static bool round_is_unread(const struct plan_folder *folder)
{
	return (folder->home != NULL && folder->home->unread) ||
	       (folder->other != NULL && folder->other->unread);
}

/* What only the journal must learn. */
static void round_note(struct pass *pass, const struct plan_folder *folder)
{
	enum journal_side far = journal_other(pass->side);
	struct journal *journal = pass->journal;
	struct journal_folder *known = folder->journal;
	size_t i;

	for (i = 0; i < folder->gone_count; i++)
		journal_unpair(journal, known, folder->gone[i]);
	for (i = 0; i < folder->widowed_count; i++)
		journal_widow(journal, known, folder->widowed[i], pass->side);
	for (i = 0; i < folder->adoptions_count; i++) {
		const struct plan_adoption *adoption = &folder->adoptions[i];
		struct journal_pair pair = { .origin = adoption->origin,
			.size = adoption->size,
			.flags = adoption->flags,
			.risk = adoption->risk };

		pair.uid[pass->side] = adoption->home_uid;
		pair.uid[far] = adoption->other_uid;
		memcpy(pair.digest, adoption->digest, JOURNAL_DIGEST);
		journal_pair(journal, known, &pair);
	}
	pass->counts.adopted += folder->adoptions_count;
	for (i = 0; i < folder->foreign.count; i++)
		journal_foreign(
			journal, known, far, folder->foreign.uids[i], true);
	for (i = 0; i < folder->departed.count; i++)
		journal_foreign(
			journal, known, far, folder->departed.uids[i], false);
}

/* Answered intents end when they are found, when their message is gone at home
 * or turns out not to be there; of the others somebody must know. */
static void round_note_answered(
	struct pass *pass, const struct plan_folder *folder)
{
	struct journal_folder *known = folder->journal;
	bool whole = folder->home != NULL && folder->home->whole;
	uint32_t uidvalidity = known->uidvalidity[pass->side];
	size_t i;

	for (i = known->intents_count; i-- > 0;) {
		uint32_t uid = known->intents[i].uid;

		if (!known->intents[i].answered ||
			known->intents[i].from != pass->side ||
			uidset_has(&folder->unsettled, uid))
			continue;
		if (uidset_has(&folder->copy, uid) ||
			(whole && (uid != 0 || folder->unsettled.count == 0))) {
			journal_unintend(pass->journal, known, pass->side, uid);
			if (i > known->intents_count)
				i = known->intents_count;
		}
	}
	for (i = 0; i < folder->unsettled.count; i++)
		if (!refused_is_left(pass, folder->home_name, uidvalidity,
			    folder->unsettled.uids[i]))
			pass_refuse_unsettled(pass, folder->home_name,
				folder->unsettled.uids[i]);
}

static int round_copy(struct pass *pass, const struct plan_folder *folder,
	struct error *error)
{
	struct mailbox_selected selected;
	int result = mailbox_select(
		pass->home, folder->home_name, false, &selected, error);

	/* Deleted, renamed or made anew since it was looked at: the next round
	 * sees what became of it. */
	if ((result == 0 && round_is_gone(error)) ||
		(result == 1 &&
			selected.status.uidvalidity !=
				folder->journal->uidvalidity[pass->side])) {
		pass->counts.missed += folder->copy.count;
		return 1;
	}
	if (result != 1) {
		if (result < 0)
			error_prefix(error, "home");
		return round_folder_refused(
			pass, folder, result, "open", error);
	}
	round_number(pass, folder);
	return transfer_folder(pass, folder->journal, &folder->copy, error);
}

static int round_store_compare(const void *left, const void *right)
{
	const struct round_store *a = left, *b = right;

	if (a->flags != b->flags)
		return strcmp(a->flags->text, b->flags->text);
	return (a->uid > b->uid) - (a->uid < b->uid);
}

/* All stores of the folder, with the flags that it can keep. */
static struct round_store *round_stores(struct pass *pass,
	const struct plan_folder *folder,
	const struct mailbox_selected *selected, size_t *count_r)
{
	struct round_store *stores = xreallocarray(NULL,
		folder->flags_count + folder->adoptions_count + 1,
		sizeof(*stores));
	size_t i, count = 0;

	for (i = 0; i < folder->flags_count; i++)
		if (folder->flags[i].store != NULL)
			stores[count++] =
				(struct round_store){ folder->flags[i].flags,
					folder->flags[i].other_uid };
	for (i = 0; i < folder->adoptions_count; i++)
		if (folder->adoptions[i].store != NULL)
			stores[count++] = (struct round_store){
				folder->adoptions[i].flags,
				folder->adoptions[i].other_uid
			};
	for (i = 0; i < count; i++)
		stores[i].flags = keywords_storable(pass, stores[i].flags,
			selected->permanent, selected->any_keyword);
	qsort(stores, count, sizeof(*stores), round_store_compare);
	*count_r = count;
	return stores;
}

/* What a folder of the other side is to become. */
struct round_changes {
	struct mailbox_change *list;
	size_t count;
	struct uidset *uids; /* of each */
};

/* One change for all messages that get the same flags, then the removals. */
static void round_changes_make(struct pass *pass,
	const struct plan_folder *folder,
	const struct mailbox_selected *selected, struct round_changes *changes)
{
	size_t count, i;
	struct round_store *stores =
		round_stores(pass, folder, selected, &count);

	changes->list = xcalloc(count + 1, sizeof(*changes->list));
	changes->uids = xcalloc(count + 1, sizeof(*changes->uids));
	for (i = 0; i < count; i++) {
		if (i == 0 || stores[i].flags != stores[i - 1].flags)
			changes->list[changes->count++].flags = stores[i].flags;
		uidset_add(&changes->uids[changes->count - 1], stores[i].uid);
	}
	for (i = 0; i < changes->count; i++)
		changes->list[i].uids = &changes->uids[i];
	if (folder->expunge.count > 0)
		changes->list[changes->count++].uids = &folder->expunge;
	free(stores);
}

static void round_changes_free(struct round_changes *changes)
{
	size_t i;

	for (i = 0; i < changes->count; i++)
		uidset_free(&changes->uids[i]);
	free(changes->uids);
	free(changes->list);
}

static void round_removed(struct pass *pass, const struct plan_folder *folder)
{
	size_t i;

	/* Not before: a crash would leave them there as if foreign. */
	for (i = 0; i < folder->removed_count; i++)
		journal_unpair(
			pass->journal, folder->journal, folder->removed[i]);
	pass->counts.removed += folder->expunge.count;
}

/* The other side has these flags now, or had them already. */
static void round_note_flags(
	struct pass *pass, const struct plan_folder *folder)
{
	size_t i;

	for (i = 0; i < folder->flags_count; i++)
		journal_flags(pass->journal, folder->journal,
			folder->flags[i].pair, folder->flags[i].flags);
}

/* What came of the changes. 1, or 0 when one was refused. */
static int round_changed(struct pass *pass, const struct plan_folder *folder,
	const struct round_changes *changes)
{
	bool stored = true, removed = true;
	size_t i;

	for (i = 0; i < changes->count; i++) {
		const struct mailbox_change *change = &changes->list[i];
		bool store = change->flags != NULL;
		bool *all = store ? &stored : &removed;
		struct error words = change->words;

		if (store && change->done)
			pass->counts.flags += change->uids->count;
		/* The first of its kind is enough to be told. */
		if (!change->done && *all)
			round_folder_refused(pass, folder, 0,
				store ? "store flags" : "expunge", &words);
		*all = *all && change->done;
	}
	if (stored)
		round_note_flags(pass, folder);
	if (removed && folder->expunge.count > 0)
		round_removed(pass, folder);
	return stored && removed;
}

/* Flags and removals: what needs the folder selected for writing. */
static int round_change(struct pass *pass, const struct plan_folder *folder,
	struct error *error)
{
	enum journal_side far = journal_other(pass->side);
	struct round_changes changes = { .count = 0 };
	struct mailbox_selected selected;
	int result = mailbox_select(
		pass->other, folder->other_name, true, &selected, error);

	if (result != 1)
		return round_folder_refused(
			pass, folder, result, "open", error);
	if (selected.status.uidvalidity != folder->journal->uidvalidity[far]) {
		error_set(error, "folder %s was made anew at the other side",
			folder->other_name);
		return -1;
	}
	if (round_raise(pass, folder, error) < 0)
		return -1;
	round_changes_make(pass, folder, &selected, &changes);
	result = pass_goes_on(pass, error)
			 ? mailbox_change(pass->other, changes.list,
				   changes.count, error)
			 : -1;
	if (result == 1)
		result = round_changed(pass, folder, &changes);
	round_changes_free(&changes);
	return result;
}

/* Home has none, we have made it, all that we put there is gone: it goes too,
 * unless somebody else has put something in. */
static int round_remove(
	struct pass *pass, struct plan_folder *folder, struct error *error)
{
	struct mailbox_status status;
	int result =
		mailbox_status(pass->other, folder->other_name, &status, error);

	if (result == 1 && status.messages == 0) {
		result = mailbox_remove(pass->other, folder->other_name, error);
		if (result == 1) {
			pass->counts.folders_removed++;
			journal_drop(pass->journal, folder->journal);
		}
	}
	if (result == 0)
		return round_folder_refused(
			pass, folder, 0, "delete folder", error);
	return result;
}

static bool round_has_stores(const struct plan_folder *folder)
{
	size_t i;

	for (i = 0; i < folder->flags_count; i++)
		if (folder->flags[i].store != NULL)
			return true;
	for (i = 0; i < folder->adoptions_count; i++)
		if (folder->adoptions[i].store != NULL)
			return true;
	return false;
}

static int round_messages(struct pass *pass, struct plan_folder *folder,
	bool *wrote_r, struct error *error)
{
	bool stores = round_has_stores(folder);
	int result = 1;
	size_t former;

	round_note(pass, folder);
	former = folder->journal->pairs_count;
	if (!round_is_unread(folder)) {
		round_note_answered(pass, folder);
		altered_forget(pass, folder->journal, folder->home);
	}
	if (folder->copy.count > 0) {
		*wrote_r = true;
		result = round_copy(pass, folder, error);
	}
	/* Also those of a run that was broken off before. */
	if (result >= 0 && !round_is_unread(folder) &&
		altered_has(pass, folder->journal)) {
		*wrote_r = true;
		result = altered_check(pass, folder->journal, former, error);
	}
	if (result >= 0 && (stores || folder->expunge.count > 0)) {
		*wrote_r = true;
		result = round_change(pass, folder, error);
	} else if (result >= 0) {
		round_note_flags(pass, folder);
	}
	if (result >= 0 && folder->remove) {
		*wrote_r = true;
		result = round_remove(pass, folder, error);
	}
	return result;
}

/* One folder of the plan, as a job of a lane. */
struct round_job {
	struct plan_folder *folder;
	bool wrote;
	bool clean;
};

static int round_job_run(
	struct pass *lane, void *work, void *context, struct error *error)
{
	struct round_job *job = work;
	struct pass_counts before = lane->counts;
	int result;

	(void)context;
	if (!pass_goes_on(lane, error))
		return -1;
	result = round_messages(lane, job->folder, &job->wrote, error);
	job->clean = result == 1 && lane->counts.refused == before.refused &&
		     lane->counts.missed == before.missed &&
		     lane->counts.unsettled == before.unsettled;
	return result < 0 ? -1 : 1;
}

/* Tells of what was done of each folder; those that are not ready are left. */
static void round_executed(struct pass *pass, struct plan *plan,
	const struct round_job *done, const bool *ready, bool *wrote_r,
	bool *clean)
{
	size_t i;

	for (i = 0; i < plan->count; i++) {
		struct plan_folder *folder = &plan->folders[i];

		if (done[i].wrote)
			*wrote_r = true;
		if (folder->drop && folder->journal != NULL &&
			!folder->journal->gone)
			journal_drop(pass->journal, folder->journal);
		clean[i] =
			ready[i] && done[i].clean && !round_is_unread(folder);
	}
}

struct round_executing {
	struct plan *plan;
	struct round_job *done; /* of each folder of the plan */
	struct lanes_job *jobs;
	bool *ready;
	bool *wrote;
};

static int round_execute_prepare(
	struct pass *pass, void *context, struct error *error)
{
	struct round_executing *executing = context;
	struct plan *plan = executing->plan;
	size_t i;
	int result = round_prepare(
		pass, plan, executing->wrote, executing->ready, error);

	if (result == 1)
		result = round_identify(
			pass, plan, executing->ready, executing->wrote, error);
	/* The jobs may have been put in another order. */
	for (i = 0; i < plan->count; i++) {
		const struct round_job *job = executing->jobs[i].work;

		if (!executing->ready[job - executing->done] ||
			job->folder->journal == NULL)
			executing->jobs[i].work = NULL;
	}
	return result;
}

/* The jobs of the folders of which something is copied, or of the others: the
 * former come first, that each can be asked for while the one before is still
 * at work. Returns how many. */
static size_t round_jobs(struct plan *plan, struct round_job *done,
	struct lanes_job *jobs, bool copied)
{
	size_t i, count = 0;

	for (i = 0; i < plan->count; i++) {
		struct plan_folder *folder = &plan->folders[i];

		if ((folder->copy.count > 0) != copied)
			continue;
		done[i] = (struct round_job){ folder, false, true };
		jobs[count++] = (struct lanes_job){ &done[i],
			folder->copy.count, copied ? folder->home_name : NULL,
			&folder->copy };
	}
	return count;
}

int round_execute(struct pass *pass, struct plan *plan, bool *wrote_r,
	bool *clean, struct error *error)
{
	struct round_executing executing = { .plan = plan,
		.done = xcalloc(plan->count + 1, sizeof(*executing.done)),
		.jobs = xcalloc(plan->count + 1, sizeof(*executing.jobs)),
		.ready = xcalloc(plan->count + 1, sizeof(*executing.ready)),
		.wrote = wrote_r };
	size_t count = round_jobs(plan, executing.done, executing.jobs, true);
	int result;

	round_jobs(plan, executing.done, executing.jobs + count, false);
	result = lanes_run(pass, executing.jobs, plan->count,
		round_execute_prepare, round_job_run, &executing, error);
	if (result == 1)
		round_executed(pass, plan, executing.done, executing.ready,
			wrote_r, clean);
	free(executing.ready);
	free(executing.jobs);
	free(executing.done);
	return result;
}
