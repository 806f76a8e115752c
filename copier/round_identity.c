/* SPDX-License-Identifier: BSD-2-Clause */
/* The calls that a round makes to identity.c, with what it knows of folders. */
#include "config.h"

#include "copier/round_identity.h"

#include <stdlib.h>
#include <string.h>

#include "copier/identity.h"
#include "copier/identity_judge.h"

#include "lib/xalloc.h"

/* The folders that get home's UIDVALIDITY in this round. */
struct round_identity {
	struct identity_folder *folders;
	struct journal_folder **journals;
	struct mailbox_look *looks; /* at home */
	size_t count;
};

/* Each gap in home's UIDs ends a batch; other ends are guessed at. */
static uint64_t round_appends(
	const struct pass *pass, const struct uidset *uids)
{
	size_t batch = mailbox_features(pass->other)->append_batch;
	size_t i, runs = 1;

	for (i = 1; i < uids->count; i++)
		runs += uids->uids[i] != uids->uids[i - 1] + 1;
	return runs + uids->count / (batch > 0 ? batch : 1);
}

/* Where the log of changes begins so that our own APPENDs end where home
 * stands: who is up to date there has nothing to learn. */
static uint64_t round_log(
	const struct pass *pass, const struct plan_folder *folder)
{
	uint64_t modseq = folder->home->status.modseq;
	uint64_t appends = round_appends(pass, &folder->copy);

	/* one more is spent when the log begins */
	return modseq > appends + 2 ? modseq - appends - 2 : 0;
}

/* Whether the folder is to get home's UIDVALIDITY; both may have come by the
 * same one by chance. */
static bool round_lacks_identity(
	const struct pass *pass, const struct plan_folder *folder)
{
	enum journal_side far = journal_other(pass->side);
	const struct view_folder *other = folder->other;

	if (folder->journal == NULL || folder->journal->gone ||
		folder->home == NULL || !folder->home->has_status ||
		!folder->home->selectable || folder->remove ||
		folder->journal->uidvalidity[far] == 0 ||
		folder->journal->known[far] > 0)
		return false;
	if (other == NULL)
		return true;
	return other->has_status && other->status.messages == 0 &&
	       other->count == 0 &&
	       (!identity_same_validity(folder->journal) ||
		       other->status.modseq < round_log(pass, folder));
}

static void round_identity_add(struct round_identity *identity,
	const struct pass *pass, const struct plan_folder *folder)
{
	struct identity_folder *wish = &identity->folders[identity->count];
	struct mailbox_look *look = &identity->looks[identity->count];

	wish->name = folder->other_name;
	wish->home = &folder->home->status;
	/* What was made just now has given no UID away. */
	if (folder->other != NULL)
		wish->other = folder->other->status;
	if (folder->copy.count > 0)
		wish->first = folder->copy.uids[0];
	wish->modseq = round_log(pass, folder);
	look->folder = folder->home_name;
	look->context = wish;
	look->since = folder->home->status;
	look->since.modseq = wish->modseq > 0 ? wish->modseq : 1;
	identity->journals[identity->count++] = folder->journal;
}

/* The log would not tell who was away at that time. */
static void round_identity_vanished(
	void *context, uint32_t first, uint32_t last)
{
	struct identity_folder *wish = context;

	(void)first;
	(void)last;
	wish->modseq = wish->home->modseq;
}

static int round_identity_changed(
	void *context, const struct mailbox_message *message)
{
	(void)context;
	(void)message;
	return 0;
}

/*
 * What home has expunged in the time that our APPENDs stand for would be in no
 * log: then this one begins where home stands, and clients that were up to date
 * are told of flags that they know.
 */
static int round_identity_look(
	struct pass *pass, struct round_identity *identity, struct error *error)
{
	bool vanished = mailbox_features(pass->home)->vanished;
	size_t i;
	int result = 1;

	if (vanished)
		result = mailbox_look(pass->home, identity->looks,
			identity->count, round_identity_changed,
			round_identity_vanished, error);
	for (i = 0; result == 1 && i < identity->count; i++)
		if (!vanished || identity->looks[i].whole)
			round_identity_vanished(&identity->folders[i], 0, 0);
	return result;
}

/* Asks for the status of those that were changed, all at once. */
static int round_identified(struct pass *pass,
	const struct round_identity *identity, bool *wrote_r,
	struct error *error)
{
	struct mailbox_wish *wishes =
		xcalloc(identity->count + 1, sizeof(*wishes));
	enum journal_side far = journal_other(pass->side);
	size_t i;
	int result;

	for (i = 0; i < identity->count; i++) {
		wishes[i].folder = identity->folders[i].name;
		wishes[i].ask = identity->folders[i].result == 1;
		*wrote_r |= wishes[i].ask;
	}
	result = mailbox_prepare(pass->other, wishes, identity->count, error);
	for (i = 0; result == 1 && i < identity->count; i++)
		if (wishes[i].ask && !wishes[i].refused)
			journal_uidvalidity(pass->journal,
				identity->journals[i], far,
				wishes[i].status.uidvalidity);
	free(wishes);
	return result;
}

int round_identify(struct pass *pass, const struct plan *plan,
	const bool *ready, bool *wrote_r, struct error *error)
{
	struct round_identity identity = { .count = 0 };
	size_t i;
	int result = 1;

	if (pass->identity == NULL)
		return 1;
	identity.folders = xcalloc(plan->count + 1, sizeof(*identity.folders));
	identity.journals =
		xcalloc(plan->count + 1, sizeof(*identity.journals));
	identity.looks = xcalloc(plan->count + 1, sizeof(*identity.looks));
	for (i = 0; i < plan->count; i++)
		if (ready[i] && round_lacks_identity(pass, &plan->folders[i]))
			round_identity_add(&identity, pass, &plan->folders[i]);
	if (identity.count > 0)
		result = round_identity_look(pass, &identity, error);
	if (result == 1 && identity.count > 0)
		result = identity_folders(pass->identity, identity.folders,
			identity.count, error);
	if (result == 1 && identity.count > 0)
		result = round_identified(pass, &identity, wrote_r, error);
	free(identity.looks);
	free(identity.journals);
	free(identity.folders);
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
