/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that differ in case only, or in how a letter with its accent is
 * written: some servers tell them apart and some do not, and none says so
 * beforehand. Each gets a second name, for the case that it must be used.
 */
#include "config.h"

#include "copier/folder_table_private.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

/* The first depth levels of an entry's name at the other side. */
struct folder_twin {
	char *folded;
	char *exact;
	size_t entry;
	size_t depth;
	unsigned rank; /* how many unlike ones came before: 0 keeps its name */
};

struct folder_twins {
	struct folder_twin *list;
	size_t count, room;
};

static void folder_twins_add(struct folder_twins *twins, size_t entry,
	const struct naming_path *path, size_t depth)
{
	struct naming_path part = { path->levels, depth };
	struct folder_twin *twin;

	if (twins->count == twins->room) {
		twins->room = twins->room > 0 ? twins->room * 2 : 64;
		twins->list = xreallocarray(
			twins->list, twins->room, sizeof(*twins->list));
	}
	twin = &twins->list[twins->count++];
	twin->folded = naming_fold(&part);
	twin->exact = naming_text(&part);
	twin->entry = entry;
	twin->depth = depth;
	twin->rank = 0;
}

static int folder_twin_compare(const void *left, const void *right)
{
	const struct folder_twin *a = left, *b = right;
	int order = strcmp(a->folded, b->folded);

	if (order == 0)
		order = strcmp(a->exact, b->exact);
	if (order == 0)
		order = (a->entry > b->entry) - (a->entry < b->entry);
	return order;
}

/* Counts, in each group of like names, the different ones. */
static bool folder_twins_rank(struct folder_twins *twins)
{
	bool any = false;
	size_t i;

	for (i = 1; i < twins->count; i++) {
		struct folder_twin *one = &twins->list[i - 1];
		struct folder_twin *next = &twins->list[i];

		if (strcmp(one->folded, next->folded) != 0)
			continue;
		next->rank = one->rank + (strcmp(one->exact, next->exact) != 0);
		any = any || next->rank > 0;
	}
	return any;
}

/* Puts so many '_' behind that level of the entry's second name. */
static void folder_twin_part(
	struct naming_path *path, const struct folder_twin *twin)
{
	char **level = &path->levels[twin->depth - 1], *longer;
	unsigned i;

	for (i = 0; i < twin->rank; i++) {
		longer = xasprintf("%s_", *level);
		free(*level);
		*level = longer;
	}
}

static bool folder_twins_wanted(const struct folder_table *table)
{
	size_t i;

	for (i = 0; i < table->count; i++)
		if (table->entries[i].rule != FOLDER_RULE_JOURNAL &&
			table->entries[i].rule != FOLDER_RULE_INBOX)
			return true;
	return false;
}

static void folder_twins_apply(
	struct folder_work *work, const struct folder_twins *twins)
{
	const struct mailbox_features *to = &work->input->other->features;
	struct folder_table *table = work->table;
	size_t i, j;

	for (i = 0; i < twins->count; i++) {
		struct folder_entry *entry =
			&table->entries[twins->list[i].entry];
		struct naming_path path;

		if (twins->list[i].rank == 0 || entry->apart != NULL ||
			entry->rule == FOLDER_RULE_JOURNAL)
			continue;
		naming_split(entry->name, to->separator, to, &path, NULL);
		/* Its other levels may have twins, too. */
		for (j = 0; j < twins->count; j++)
			if (twins->list[j].entry == twins->list[i].entry)
				folder_twin_part(&path, &twins->list[j]);
		entry->apart = naming_join(&path, to, NULL);
		naming_path_free(&path);
		if (namehash_get(&work->taken, entry->apart) != 0) {
			free(entry->apart);
			entry->apart = NULL;
		} else {
			namehash_set(&work->taken, entry->apart, 1);
		}
	}
}

/*
 * A folder that is there already under another spelling is the one that a
 * server means which does not tell them apart.
 */
void folder_table_spelled(struct folder_work *work)
{
	const struct view *other = work->input->other;
	struct folder_table *table = work->table;
	struct namehash spelled = { .count = 0 };
	size_t i;

	if (!folder_twins_wanted(table))
		return;
	for (i = 0; i < other->count; i++) {
		struct naming_path path;
		char *folded;

		naming_split(other->folders[i].name,
			other->folders[i].separator, &other->features, &path,
			NULL);
		folded = naming_fold(&path);
		namehash_set(&spelled, folded, i + 1);
		free(folded);
		naming_path_free(&path);
	}
	for (i = 0; i < table->count; i++) {
		struct folder_entry *entry = &table->entries[i];
		struct naming_path path;
		char *folded;
		size_t place;

		if (entry->rule == FOLDER_RULE_JOURNAL || entry->apart != NULL)
			continue;
		naming_split(entry->name, other->features.separator,
			&other->features, &path, NULL);
		folded = naming_fold(&path);
		place = namehash_get(&spelled, folded);
		if (place > 0 &&
			strcmp(other->folders[place - 1].name, entry->name) !=
				0 &&
			namehash_get(&work->taken,
				other->folders[place - 1].name) == 0) {
			entry->apart = xstrdup(other->folders[place - 1].name);
			namehash_set(&work->taken, entry->apart, 1);
		}
		free(folded);
		naming_path_free(&path);
	}
	namehash_free(&spelled);
}

void folder_table_twins(struct folder_work *work)
{
	const struct mailbox_features *to = &work->input->other->features;
	struct folder_twins twins = { NULL, 0, 0 };
	size_t i, depth;

	if (!folder_twins_wanted(work->table))
		return;
	for (i = 0; i < work->table->count; i++) {
		struct naming_path path;

		naming_split(work->table->entries[i].name, to->separator, to,
			&path, NULL);
		for (depth = 1; depth <= path.count; depth++)
			folder_twins_add(&twins, i, &path, depth);
		naming_path_free(&path);
	}
	qsort(twins.list, twins.count, sizeof(*twins.list),
		folder_twin_compare);
	if (folder_twins_rank(&twins))
		folder_twins_apply(work, &twins);
	for (i = 0; i < twins.count; i++) {
		free(twins.list[i].folded);
		free(twins.list[i].exact);
	}
	free(twins.list);
}
