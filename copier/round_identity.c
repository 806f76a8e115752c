/* SPDX-License-Identifier: BSD-2-Clause */
/* The calls that a round makes to identity.c, with what it knows of folders. */
#include "config.h"

#include "copier/round_identity.h"

#include <stdlib.h>
#include <string.h>

#include "copier/identity.h"
#include "copier/identity_judge.h"

#include "lib/xalloc.h"

/* Each gap in home's UIDs ends a batch; other ends are guessed at. */
static size_t round_appends(const struct pass *pass, const struct uidset *uids)
{
	size_t batch = mailbox_features(pass->other)->append_batch;
	size_t i, runs = 1;

	for (i = 1; i < uids->count; i++)
		runs += uids->uids[i] != uids->uids[i - 1] + 1;
	return runs + uids->count / (batch > 0 ? batch : 1);
}

/* Whether the folder is to get home's UIDVALIDITY. */
static bool round_lacks_identity(
	const struct pass *pass, const struct plan_folder *folder)
{
	enum journal_side far = journal_other(pass->side);

	return folder->journal != NULL && !folder->journal->gone &&
	       folder->home != NULL && folder->home->has_status &&
	       folder->home->selectable && !folder->remove &&
	       folder->journal->uidvalidity[far] != 0 &&
	       !identity_same_validity(folder->journal) &&
	       folder->journal->known[far] == 0 &&
	       (folder->other == NULL ||
		       (folder->other->has_status &&
			       folder->other->status.messages == 0));
}

static struct identity_folder round_identity_folder(
	const struct pass *pass, const struct plan_folder *folder)
{
	struct identity_folder wish = { .name = folder->other_name,
		.home = &folder->home->status,
		.first = folder->copy.count > 0 ? folder->copy.uids[0] : 0,
		.appends = round_appends(pass, &folder->copy) };

	/* What was made just now has given no UID away. */
	if (folder->other != NULL)
		wish.other = folder->other->status;
	return wish;
}

/* Asks for the status of those that were changed, all at once. */
static int round_identified(struct pass *pass,
	const struct identity_folder *folders, struct journal_folder **journals,
	size_t count, struct error *error)
{
	struct mailbox_wish *wishes = xcalloc(count + 1, sizeof(*wishes));
	enum journal_side far = journal_other(pass->side);
	size_t i;
	int result;

	for (i = 0; i < count; i++) {
		wishes[i].folder = folders[i].name;
		wishes[i].ask = folders[i].result == 1;
	}
	result = mailbox_prepare(pass->other, wishes, count, error);
	for (i = 0; result == 1 && i < count; i++)
		if (wishes[i].ask && !wishes[i].refused)
			journal_uidvalidity(pass->journal, journals[i], far,
				wishes[i].status.uidvalidity);
	free(wishes);
	return result;
}

int round_identify(struct pass *pass, const struct plan *plan,
	const bool *ready, bool *wrote_r, struct error *error)
{
	struct identity_folder *folders =
		xcalloc(plan->count + 1, sizeof(*folders));
	struct journal_folder **journals =
		xcalloc(plan->count + 1, sizeof(*journals));
	size_t i, count = 0;
	int result = 1;

	for (i = 0; pass->identity != NULL && i < plan->count; i++) {
		if (!ready[i] || !round_lacks_identity(pass, &plan->folders[i]))
			continue;
		folders[count] = round_identity_folder(pass, &plan->folders[i]);
		journals[count++] = plan->folders[i].journal;
	}
	if (count > 0)
		result =
			identity_folders(pass->identity, folders, count, error);
	for (i = 0; i < count; i++)
		*wrote_r |= folders[i].result == 1;
	if (result == 1 && count > 0)
		result =
			round_identified(pass, folders, journals, count, error);
	free(journals);
	free(folders);
	return result;
}

void round_number(struct pass *pass, const struct plan_folder *folder)
{
	if (pass->identity != NULL)
		identity_begin(pass->identity, folder->journal, pass->side,
			folder->home);
}

int round_raise(struct pass *pass, const struct plan_folder *folder,
	struct error *error)
{
	uint64_t modseq, present = 0;

	if (pass->identity == NULL || folder->home == NULL ||
		folder->home->status.modseq < 2)
		return 1;
	modseq = folder->home->status.modseq;
	if (folder->other != NULL)
		present = folder->other->status.modseq;
	/* The change itself adds one. */
	return identity_raise(pass->identity, folder->journal, pass->side,
		       modseq - 1, present, error) < 0
		       ? -1
		       : 1;
}

/* One folder's HIGHESTMODSEQ; now is it at the other side. */
static int round_level_folder(struct pass *pass,
	const struct plan_folder *folder, struct view_folder *now,
	struct error *error)
{
	uint64_t modseq;
	int result;

	if (folder->journal == NULL || folder->journal->gone || now == NULL ||
		!now->has_status || folder->home == NULL ||
		!folder->home->has_status ||
		now->status.modseq >= folder->home->status.modseq)
		return 1;
	modseq = folder->home->status.modseq;
	result = identity_raise(pass->identity, folder->journal, pass->side,
		modseq, now->status.modseq, error);
	if (result == 1)
		now->status.modseq = modseq;
	return result < 0 ? -1 : 1;
}

int round_level(struct pass *pass, const struct plan *plan, struct view *after,
	struct error *error)
{
	size_t i, healed = 0;
	int result = 1;

	if (pass->identity == NULL)
		return 1;
	for (i = 0; result == 1 && i < plan->count; i++)
		result = round_level_folder(pass, &plan->folders[i],
			view_find(after, plan->folders[i].other_name), error);
	if (result == 1)
		result = identity_heal(pass->identity, pass->journal,
			pass->side, pass->counts.adopted > 0, &healed, error);
	pass->counts.unsettled += healed;
	return result;
}
