/* SPDX-License-Identifier: BSD-2-Clause */
/* The plan of a round: which folder is which, and the sum of it all. */
#include "config.h"

#include "copier/plan_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "copier/folder_table.h"
#include "copier/mutf7.h"
#include "copier/naming.h"

#include "lib/xalloc.h"

static struct plan_folder *plan_add(
	struct plan *plan, const char *home_name, const char *other_name)
{
	struct plan_folder *folder;

	if (plan->count == plan->room) {
		plan->room = plan->room > 0 ? plan->room * 2 : 32;
		plan->folders = xreallocarray(
			plan->folders, plan->room, sizeof(*plan->folders));
	}
	folder = &plan->folders[plan->count++];
	memset(folder, 0, sizeof(*folder));
	folder->home_name = xstrdup(home_name);
	folder->other_name = xstrdup(other_name);
	namehash_set(&plan->others, other_name, plan->count);
	return folder;
}

static bool plan_has_other(const struct plan *plan, const char *name)
{
	return namehash_get(&plan->others, name) > 0;
}

/* What is to be known of a folder that has its name from the table. */
static void plan_explain(
	struct plan_folder *folder, const struct folder_entry *entry)
{
	struct buffer words = BUFFER_EMPTY;

	folder->use = entry->use;
	if (entry->apart != NULL)
		folder->apart = xstrdup(entry->apart);
	folder_entry_words(entry, &words);
	if (words.size > 0) {
		folder->shown = xstrdup(entry->shown);
		folder->note = words.data;
	} else {
		buffer_free(&words);
	}
}

/* Folders that home has. */
static void plan_home_folder(const struct plan_input *input, struct plan *plan,
	struct view_folder *home, const struct folder_entry *entry)
{
	struct plan_folder *folder;

	if (!home->selectable && !home->subscribed)
		return;
	folder = plan_add(plan, home->name, entry->name);
	plan_explain(folder, entry);
	folder->home = home;
	folder->journal = journal_find(input->journal, input->side, home->name);
	folder->other = view_find(input->other, folder->other_name);
	plan_work_folder(input, folder);
}

/* Folders that home had once. */
static void plan_former_folder(const struct plan_input *input,
	struct plan *plan, struct journal_folder *journal)
{
	const char *name = journal->name[input->side];
	const struct view_folder *home = view_find(input->home, name);
	struct plan_folder *folder;

	/* What the folder map leaves out now stays as it was. */
	if (journal->gone ||
		(input->home->excluded != NULL &&
			namehash_get(input->home->excluded, name) != 0) ||
		(home != NULL && (home->selectable || home->subscribed)))
		return;
	folder =
		plan_add(plan, name, journal->name[journal_other(input->side)]);
	folder->journal = journal;
	folder->other = view_find(input->other, folder->other_name);
	plan_work_folder(input, folder);
}

/* Folders that only the other side has: whatever is in them is foreign. */
static void plan_other_folder(const struct plan_input *input, struct plan *plan,
	struct view_folder *other)
{
	struct plan_folder *folder;
	char *name;

	if (!other->selectable || other->count == 0 ||
		plan_has_other(plan, other->name))
		return;
	name = naming_map(other->name, other->separator,
		&input->other->features, &input->home->features);
	folder = plan_add(plan, name, other->name);
	free(name);
	folder->other = other;
	plan_work_folder(input, folder);
}

static void plan_sum(struct plan *plan)
{
	size_t i, j;

	plan->complete = true;
	for (i = 0; i < plan->count; i++) {
		const struct plan_folder *folder = &plan->folders[i];

		if (folder->measure_home.count > 0 ||
			folder->measure_other.count > 0 ||
			folder->digest_home.count > 0 ||
			folder->digest_other.count > 0)
			plan->complete = false;
		plan->copies += folder->copy.count;
		plan->adoptions += folder->adoptions_count;
		plan->expunges += folder->expunge.count;
		plan->foreign += folder->foreign.count;
		plan->creates += folder->create;
		for (j = 0; j < folder->flags_count; j++)
			plan->stores += folder->flags[j].store != NULL;
		for (j = 0; j < folder->adoptions_count; j++)
			plan->stores += folder->adoptions[j].store != NULL;
	}
}

void plan_make(const struct plan_input *input, struct plan *plan_r)
{
	const struct folder_table_input names = { .home = input->home,
		.other = input->other,
		.journal = input->journal,
		.side = input->side,
		.map = input->map };
	struct folder_table table;
	size_t i;

	memset(plan_r, 0, sizeof(*plan_r));
	folder_table_make(&names, &table);
	for (i = 0; i < input->home->count; i++)
		plan_home_folder(input, plan_r, &input->home->folders[i],
			&table.entries[i]);
	folder_table_clear(&table);
	for (i = 0; i < journal_count(input->journal); i++)
		plan_former_folder(
			input, plan_r, journal_at(input->journal, i));
	for (i = 0; i < input->other->count; i++)
		plan_other_folder(input, plan_r, &input->other->folders[i]);
	plan_sum(plan_r);
}

void plan_clear(struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->count; i++) {
		struct plan_folder *folder = &plan->folders[i];

		free(folder->home_name);
		free(folder->other_name);
		free(folder->shown);
		free(folder->note);
		free(folder->apart);
		free(folder->adoptions);
		free(folder->flags);
		free(folder->gone);
		free(folder->removed);
		free(folder->widowed);
		uidset_free(&folder->copy);
		uidset_free(&folder->unsettled);
		uidset_free(&folder->expunge);
		uidset_free(&folder->foreign);
		uidset_free(&folder->departed);
		uidset_free(&folder->measure_home);
		uidset_free(&folder->measure_other);
		uidset_free(&folder->digest_home);
		uidset_free(&folder->digest_other);
	}
	free(plan->folders);
	namehash_free(&plan->others);
	memset(plan, 0, sizeof(*plan));
}

static void plan_print_set(const char *what, const struct uidset *set,
	const char *name, struct buffer *text)
{
	if (set->count == 0)
		return;
	buffer_printf(text, "%s ", what);
	uidset_print(set, 0, set->count, SIZE_MAX, text);
	buffer_printf(text, " %s\n", name);
}

static void plan_print_flags(
	const struct plan_folder *folder, const char *name, struct buffer *text)
{
	size_t i;

	for (i = 0; i < folder->flags_count; i++)
		if (folder->flags[i].store != NULL)
			buffer_printf(text, "flags %" PRIu32 " (%s) %s\n",
				folder->flags[i].other_uid,
				folder->flags[i].store->text, name);
}

static void plan_print_adoptions(
	const struct plan_folder *folder, const char *name, struct buffer *text)
{
	size_t i;

	for (i = 0; i < folder->adoptions_count; i++) {
		const struct plan_adoption *adoption = &folder->adoptions[i];

		buffer_printf(text, "adopt %" PRIu32 " %" PRIu32 "%s %s\n",
			adoption->home_uid, adoption->other_uid,
			adoption->origin == JOURNAL_COPIED ? " (ours)" : "",
			name);
		if (adoption->store != NULL)
			buffer_printf(text, "flags %" PRIu32 " (%s) %s\n",
				adoption->other_uid, adoption->store->text,
				name);
	}
}

void plan_print(const struct plan *plan, struct buffer *text)
{
	size_t i;

	for (i = 0; i < plan->count; i++) {
		const struct plan_folder *folder = &plan->folders[i];
		struct error home, other;

		mutf7_show(folder->home_name, &home);
		mutf7_show(folder->other_name, &other);

		if (folder->create)
			buffer_printf(text, "create %s\n", other.text);
		if (folder->subscribe)
			buffer_printf(text, "subscribe %s\n", other.text);
		if (folder->unsubscribe)
			buffer_printf(text, "unsubscribe %s\n", other.text);
		plan_print_adoptions(folder, other.text, text);
		plan_print_set("foreign", &folder->foreign, other.text, text);
		plan_print_set("copy", &folder->copy, home.text, text);
		plan_print_flags(folder, other.text, text);
		plan_print_set("expunge", &folder->expunge, other.text, text);
		if (folder->remove)
			buffer_printf(text, "delete %s\n", other.text);
	}
}
