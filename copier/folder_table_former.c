/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that an earlier run had to change, when its journal is lost: the folder
 * that is there under such a name is the one that we made, and its messages are
 * found again by their digests. Else all would be copied once more.
 */
#include "config.h"

#include "copier/folder_table_private.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

/* Whether a folder of that name is there which nobody else claims. */
static bool folder_former_is_there(const struct folder_work *work,
	const struct namehash *there, const char *name)
{
	return namehash_get(there, name) != 0 &&
	       namehash_get(&work->taken, name) == 0;
}

/* The name that folder_create_odd would have given it, if it is there. */
static char *folder_former_name(const struct folder_work *work,
	const struct namehash *there, const struct folder_entry *entry,
	unsigned *change_r)
{
	const struct mailbox_features *to = &work->input->other->features;
	struct naming_path path;
	char *name = NULL;

	*change_r = 0;
	naming_split(entry->name, to->separator, to, &path, NULL);
	while (name == NULL &&
		(*change_r = naming_tame(&path, *change_r)) != 0) {
		name = naming_join(&path, to, NULL);
		if (folder_former_is_there(work, there, name))
			break;
		free(name);
		name = NULL;
	}
	naming_path_free(&path);
	return name;
}

/* Its second name is reserved for it, so that nobody else can claim it. */
static bool folder_former_apart(
	const struct namehash *there, struct folder_entry *entry)
{
	if (entry->apart == NULL || namehash_get(there, entry->apart) == 0)
		return false;
	free(entry->name);
	entry->name = entry->apart;
	entry->apart = NULL;
	entry->changes |= NAMING_TWIN;
	return true;
}

static void folder_former_one(struct folder_work *work,
	const struct namehash *there, struct folder_entry *entry)
{
	unsigned change;
	char *name;

	if (entry->rule == FOLDER_RULE_JOURNAL || !entry->home->selectable ||
		namehash_get(there, entry->name) != 0 ||
		folder_former_apart(there, entry))
		return;
	name = folder_former_name(work, there, entry, &change);
	if (name == NULL)
		return;
	free(entry->name);
	entry->name = name;
	entry->changes |= change;
	namehash_set(&work->taken, name, 1);
}

void folder_table_former(struct folder_work *work)
{
	const struct view *other = work->input->other;
	struct namehash there = { .count = 0 };
	size_t i;

	for (i = 0; i < other->count; i++)
		if (other->folders[i].selectable)
			namehash_set(&there, other->folders[i].name, 1);
	for (i = 0; there.count > 0 && i < work->table->count; i++)
		folder_former_one(work, &there, &work->table->entries[i]);
	namehash_free(&there);
}
