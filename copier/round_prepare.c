/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the folders of the other side need before messages come: they are made,
 * the journal learns their UIDVALIDITY, and they are subscribed.
 */
#include "config.h"

#include "copier/round_private.h"

#include <stdlib.h>
#include <string.h>

#include "copier/folder_create.h"
#include "copier/folder_notes.h"

#include "lib/xalloc.h"

/* The journal's folder, made when it is not known yet. */
static void round_introduce(struct pass *pass, struct plan_folder *folder)
{
	const char *names[2];

	if (folder->journal != NULL)
		return;
	names[pass->side] = folder->home_name;
	names[journal_other(pass->side)] = folder->other_name;
	folder->journal = journal_add(pass->journal, names);
	if (folder->home != NULL && folder->home->has_status)
		journal_uidvalidity(pass->journal, folder->journal, pass->side,
			folder->home->status.uidvalidity);
	if (folder->other != NULL && folder->other->has_status)
		journal_uidvalidity(pass->journal, folder->journal,
			journal_other(pass->side),
			folder->other->status.uidvalidity);
}

static bool round_holds_mail(const struct plan_folder *folder)
{
	return (folder->home != NULL && folder->home->selectable) ||
	       folder->foreign.count > 0;
}

/* What became of a wish, in the journal and the counts. True when messages may
 * come. */
static bool round_prepared(struct pass *pass, struct plan_folder *folder,
	struct mailbox_wish *wish)
{
	enum journal_side far = journal_other(pass->side);

	if (wish->refused) {
		round_folder_refused(
			pass, folder, 0, "create folder", &wish->words);
		return false;
	}
	if (wish->ask)
		journal_uidvalidity(pass->journal, folder->journal, far,
			wish->status.uidvalidity);
	if (wish->made || folder->made) {
		journal_made(pass->journal, folder->journal, far);
		pass->counts.folders_made++;
	}
	/* Without a folder there is nothing that would be lost by it. */
	if (wish->not_subscribed &&
		(folder->home == NULL || !folder->home->selectable))
		folder_notes_add(pass->notes, FOLDER_NOTE_SUBSCRIBED,
			folder->home_name, folder->other_name, 0, "%s",
			wish->words.text);
	else if (wish->not_subscribed)
		round_folder_refused(
			pass, folder, 0, "subscribe", &wish->words);
	else if ((wish->subscribe || wish->unsubscribe) &&
		 folder->journal != NULL)
		journal_subscribed(
			pass->journal, folder->journal, far, wish->subscribe);
	return true;
}

/* The wishes of the plan; index tells which folder each is of. */
static size_t round_wishes(
	const struct plan *plan, struct mailbox_wish *wishes, size_t *index)
{
	size_t i, count = 0;

	for (i = 0; i < plan->count; i++) {
		const struct plan_folder *folder = &plan->folders[i];

		if (!folder->create && !folder->subscribe &&
			!folder->unsubscribe)
			continue;
		wishes[count] = (struct mailbox_wish){
			.folder = folder->other_name,
			.create = folder->create,
			.ask = folder->create,
			.subscribe = folder->subscribe,
			.unsubscribe = folder->unsubscribe,
		};
		index[count++] = i;
	}
	return count;
}

int round_prepare(struct pass *pass, struct plan *plan, bool *wrote_r,
	bool *ready, struct error *error)
{
	struct mailbox_wish *wishes = xcalloc(plan->count + 1, sizeof(*wishes));
	size_t *index = xcalloc(plan->count + 1, sizeof(*index));
	size_t i, count;
	int result = pass_goes_on(pass, error) ? 1 : -1;

	/* Before the journal learns their names: these may change. */
	if (result == 1)
		result = folder_create_odd(pass, plan, wrote_r, error);
	for (i = 0; i < plan->count; i++) {
		if (round_holds_mail(&plan->folders[i]))
			round_introduce(pass, &plan->folders[i]);
		ready[i] = true;
	}
	count = round_wishes(plan, wishes, index);
	if (result == 1 && count > 0) {
		*wrote_r = true;
		result = mailbox_prepare(pass->other, wishes, count, error);
	}
	for (i = 0; result == 1 && i < count; i++)
		ready[index[i]] = round_prepared(
			pass, &plan->folders[index[i]], &wishes[i]);
	free(wishes);
	free(index);
	return result;
}
