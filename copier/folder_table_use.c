/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Special use (RFC 6154): where the destination has its own folder for the
 * same, still empty, the source's is that one. One that holds mail may be
 * anybody's: then both stay, and it is said.
 */
#include "config.h"

#include "copier/folder_table_private.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

const struct view_folder *folder_table_by_use(
	const struct view *view, enum special_use use)
{
	size_t i;

	for (i = 0; use != SPECIAL_USE_NONE && i < view->count; i++)
		if (view->folders[i].use == use)
			return &view->folders[i];
	return NULL;
}

/* Names that home's folders would have without special use. */
static void folder_table_own_names(
	const struct folder_work *work, struct namehash *names)
{
	size_t i;

	for (i = 0; i < work->table->count; i++) {
		const struct folder_entry *entry = &work->table->entries[i];
		char *name;

		if (entry->name != NULL)
			continue;
		name = naming_join(
			&work->paths[i], &work->input->other->features, NULL);
		namehash_set(names, name, 1);
		free(name);
	}
}

/* Why the folder that is there is not taken, or NULL. */
static const char *folder_table_use_reason(const struct folder_work *work,
	const struct view_folder *there, const struct namehash *names)
{
	if (namehash_get(&work->taken, there->name) != 0 ||
		namehash_get(names, there->name) != 0)
		return "another folder goes there";
	if (!there->has_status && there->selectable)
		return "it cannot be looked at";
	if (there->status.messages > 0)
		return "it is not empty";
	return NULL;
}

static void folder_table_special_one(
	struct folder_work *work, size_t index, const struct namehash *names)
{
	const struct view *other = work->input->other;
	struct folder_entry *entry = &work->table->entries[index];
	const struct view_folder *there, *same;
	const char *reason;
	char *own;

	there = folder_table_by_use(other, entry->home->use);
	own = naming_join(&work->paths[index], &other->features, NULL);
	same = view_find(other, own);
	if (there == NULL || strcmp(there->name, own) == 0)
		goto out;
	reason = folder_table_use_reason(work, there, names);
	if (reason == NULL && same != NULL && same->status.messages > 0)
		reason = "a folder of the same name holds mail";
	/* It has one, a second would only confuse. */
	entry->use = SPECIAL_USE_NONE;
	if (reason != NULL) {
		folder_table_say(entry,
			"the destination's %s is %s, but %s: they stay two",
			special_use_name(entry->home->use), there->name,
			reason);
		goto out;
	}
	entry->rule = FOLDER_RULE_SPECIAL_USE;
	entry->name = xstrdup(there->name);
	namehash_set(&work->taken, entry->name, 1);
out:
	free(own);
}

void folder_table_special(struct folder_work *work)
{
	struct namehash names = { .count = 0 };
	size_t i;

	folder_table_own_names(work, &names);
	for (i = 0; i < work->table->count; i++) {
		const struct folder_entry *entry = &work->table->entries[i];

		if (entry->name == NULL && !work->kept[i] &&
			entry->home->use != SPECIAL_USE_NONE)
			folder_table_special_one(work, i, &names);
	}
	namehash_free(&names);
}
