/* SPDX-License-Identifier: BSD-2-Clause */
/* Which folders are to be seen to, and when. */
#include "config.h"

#include "copier/folder_care.h"

#include <stdlib.h>
#include <string.h>

#include "copier/extension.h"
#include "copier/folder_acl.h"
#include "copier/folder_notes.h"
#include "copier/folder_quota.h"
#include "copier/naming.h"

#include "lib/xalloc.h"

static void folder_care_names(struct pass *pass, const struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->count; i++)
		if (plan->folders[i].note != NULL)
			folder_notes_add(pass->notes, FOLDER_NOTE_NAME,
				plan->folders[i].shown,
				plan->folders[i].other_name, 0, "%s",
				plan->folders[i].note);
}

/* Learns which flags new messages may have: what INBOX can keep for good stands
 * for all folders, as far as it cannot keep everything. */
static int folder_care_flags(struct pass *pass, struct error *error)
{
	struct mailbox_selected selected;
	struct mailbox_status status;
	int result =
		mailbox_select(pass->other, "INBOX", true, &selected, error);

	if (result == 1 && !selected.any_keyword)
		pass->permanent = selected.permanent;
	/* It may be given another UIDVALIDITY: nobody has it open then. */
	if (result == 1)
		result = mailbox_status(pass->other, "INBOX", &status, error);
	return result < 0 ? -1 : 1;
}

int folder_care_before(struct pass *pass, const struct view *home,
	const struct view *other, const struct plan *plan, bool look,
	struct error *error)
{
	folder_care_names(pass, plan);
	if (pass->prepared)
		return 1;
	if (!look && plan->copies > 0 && folder_care_flags(pass, error) < 0)
		return -1;
	return folder_quota_check(pass, home, other, look, error);
}

/* Folders that are on both sides and have not been seen to yet. */
static struct folder_pair *folder_care_pairs(
	const struct pass *pass, const struct plan *plan, size_t *count_r)
{
	struct folder_pair *pairs =
		xreallocarray(NULL, plan->count + 1, sizeof(*pairs));
	size_t i;

	*count_r = 0;
	for (i = 0; i < plan->count; i++) {
		const struct plan_folder *folder = &plan->folders[i];
		struct folder_pair *pair = &pairs[*count_r];

		if (folder->home == NULL || !folder->home->selectable ||
			folder->journal == NULL || folder->journal->gone ||
			(pass->prepared && !folder->create))
			continue;
		pair->home = folder->home_name;
		pair->other = folder->other_name;
		pair->made = folder->journal->made[journal_other(pass->side)];
		pair->shown = naming_show(folder->home_name,
			folder->home->separator, mailbox_features(pass->home));
		(*count_r)++;
	}
	return pairs;
}

/* A folder that is for something at home and for nothing at the other side:
 * some servers take the annotation (RFC 6154 section 4). */
static int folder_care_use(struct pass *pass, const struct plan_folder *folder,
	struct error *error)
{
	const char *use = special_use_name(folder->use);
	char *shown;
	int result = 0;

	if (!folder->create || folder->use == SPECIAL_USE_NONE ||
		folder->home == NULL ||
		(extension_can(pass->other) & EXTENSION_CREATE_USE) != 0)
		return 1;
	error_set(error, "the server lets nobody say so");
	if ((extension_can(pass->other) & EXTENSION_METADATA) != 0)
		result = extension_metadata_write(pass->other,
			folder->other_name, "/private/specialuse", use,
			strlen(use), error);
	if (result != 0)
		return result;
	shown = naming_show(folder->home_name, folder->home->separator,
		mailbox_features(pass->home));
	folder_notes_add(pass->notes, FOLDER_NOTE_USE, shown,
		folder->other_name, 0, "%s is not set at the other side: %s",
		use, error->text);
	free(shown);
	return 1;
}

int folder_care_after(
	struct pass *pass, const struct plan *plan, struct error *error)
{
	unsigned both = extension_can(pass->home) & extension_can(pass->other);
	struct folder_pair *pairs;
	size_t count, i;
	int result = 1;

	pairs = folder_care_pairs(pass, plan, &count);
	for (i = 0; result == 1 && i < plan->count; i++)
		result = folder_care_use(pass, &plan->folders[i], error);
	if (result == 1 && count > 0 && (both & EXTENSION_ACL) != 0)
		result = folder_acl_carry(pass, pairs, count, error);
	if (result == 1 && count > 0 && (both & EXTENSION_METADATA) != 0)
		result = folder_metadata_carry(pass, pairs, count, error);
	for (i = 0; i < count; i++)
		free(pairs[i].shown);
	free(pairs);
	pass->prepared = result == 1;
	return result;
}
