/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of all folders at the other side, the strongest rule first. */
#include "config.h"

#include "copier/folder_table_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/xalloc.h"

void folder_table_say(struct folder_entry *entry, const char *format, ...)
{
	va_list arguments;
	char words[400], *longer;

	va_start(arguments, format);
	vsnprintf(words, sizeof(words), format, arguments);
	va_end(arguments);
	longer = entry->note == NULL ? xstrdup(words)
				     : xasprintf("%s; %s", entry->note, words);
	free(entry->note);
	entry->note = longer;
}

/* Whether the name is taken already: by an entry, or by a folder of the journal
 * that home may not have any more. */
static bool folder_table_is_taken(
	const struct folder_work *work, const char *name)
{
	const struct folder_table_input *input = work->input;

	return namehash_get(&work->taken, name) != 0 ||
	       (input->journal != NULL &&
		       journal_find(input->journal, journal_other(input->side),
			       name) != NULL);
}

/* Gives the entry a name, or one like it that no other has. */
static void folder_table_assign(struct folder_work *work,
	struct folder_entry *entry, const struct naming_path *path)
{
	const struct mailbox_features *to = &work->input->other->features;
	struct naming_path unlike = { NULL, 0 };
	char *name = naming_join(path, to, &entry->changes);
	bool clash = false;
	size_t i;

	for (i = 0; i < path->count; i++)
		naming_path_add(
			&unlike, path->levels[i], strlen(path->levels[i]));
	while (folder_table_is_taken(work, name)) {
		char **last = &unlike.levels[unlike.count - 1];
		char *longer = xasprintf("%s_", *last);

		free(*last);
		*last = longer;
		free(name);
		name = naming_join(&unlike, to, NULL);
		clash = true;
	}
	naming_path_free(&unlike);
	entry->name = name;
	if (clash)
		folder_table_say(
			entry, "kept apart: another folder has this name");
	namehash_set(&work->taken, name, 1);
}

/* Folders that the journal knows stay what they are, whatever the map says. */
static void folder_table_known(struct folder_work *work, size_t index)
{
	const struct folder_table_input *input = work->input;
	struct folder_entry *entry = &work->table->entries[index];
	const struct journal_folder *known;

	if (input->journal == NULL)
		return;
	known = journal_find(input->journal, input->side, entry->home->name);
	if (known == NULL)
		return;
	entry->rule = FOLDER_RULE_JOURNAL;
	entry->name = xstrdup(known->name[journal_other(input->side)]);
	namehash_set(&work->taken, entry->name, 1);
}

/* The name that the folder has by the map; false when it says none. */
static bool folder_table_mapped(
	struct folder_work *work, size_t index, struct naming_path *path_r)
{
	const struct folder_table_input *input = work->input;
	struct folder_entry *entry = &work->table->entries[index];
	const struct naming_path *own = &work->paths[index];
	struct foldermap_answer answer;
	const struct view_folder *there;

	if (input->side == JOURNAL_DESTINATION)
		return foldermap_reverse(input->map, own, path_r);
	foldermap_find(input->map, own, entry->home->use, &answer);
	entry->line = answer.line;
	work->kept[index] = answer.verdict == FOLDERMAP_KEEP;
	if (answer.verdict == FOLDERMAP_NAME) {
		*path_r = answer.path;
		return true;
	}
	if (answer.verdict != FOLDERMAP_USE)
		return false;
	there = folder_table_by_use(input->other, answer.use);
	if (there == NULL) {
		entry->use = answer.use;
		folder_table_say(entry, "the destination has no folder for %s",
			special_use_name(answer.use));
		return false;
	}
	naming_split(there->name, there->separator, &input->other->features,
		path_r, NULL);
	return true;
}

static void folder_table_map(struct folder_work *work, size_t index)
{
	struct folder_entry *entry = &work->table->entries[index];
	struct naming_path path = { NULL, 0 };

	if (entry->name != NULL || !folder_table_mapped(work, index, &path))
		return;
	entry->rule = FOLDER_RULE_MAP;
	folder_table_assign(work, entry, &path);
	naming_path_free(&path);
}

static void folder_table_same(struct folder_work *work, size_t index)
{
	struct folder_entry *entry = &work->table->entries[index];

	if (entry->name != NULL)
		return;
	entry->rule = strcmp(entry->home->name, "INBOX") == 0
			      ? FOLDER_RULE_INBOX
			      : FOLDER_RULE_SAME;
	folder_table_assign(work, entry, &work->paths[index]);
}

/* Who can keep his name as it is keeps it from those whose must be changed. */
static void folder_table_unchanged(struct folder_work *work, size_t index)
{
	const struct folder_entry *entry = &work->table->entries[index];
	unsigned changes = entry->changes;

	if (entry->name != NULL)
		return;
	free(naming_join(
		&work->paths[index], &work->input->other->features, &changes));
	if (changes == 0)
		folder_table_same(work, index);
}

/* INBOX is INBOX unless a line names it. */
static void folder_table_inbox(struct folder_work *work, size_t index)
{
	if (strcmp(work->table->entries[index].home->name, "INBOX") != 0)
		return;
	folder_table_map(work, index);
	folder_table_same(work, index);
}

static void folder_table_begin(struct folder_work *work)
{
	const struct view *home = work->input->home;
	struct folder_table *table = work->table;
	size_t i;

	table->count = home->count;
	table->entries = xcalloc(home->count + 1, sizeof(*table->entries));
	work->paths = xcalloc(home->count + 1, sizeof(*work->paths));
	work->kept = xcalloc(home->count + 1, sizeof(*work->kept));
	for (i = 0; i < home->count; i++) {
		struct folder_entry *entry = &table->entries[i];

		entry->home = &home->folders[i];
		entry->use = home->folders[i].use;
		naming_split(entry->home->name, entry->home->separator,
			&home->features, &work->paths[i], &entry->changes);
		entry->shown = naming_text(&work->paths[i]);
	}
}

static void folder_table_each(struct folder_work *work,
	void (*rule)(struct folder_work *work, size_t index))
{
	size_t i;

	for (i = 0; i < work->table->count; i++)
		rule(work, i);
}

void folder_table_make(
	const struct folder_table_input *input, struct folder_table *table_r)
{
	struct folder_work work = { .input = input, .table = table_r };
	size_t i;

	folder_table_begin(&work);
	folder_table_each(&work, folder_table_known);
	folder_table_each(&work, folder_table_inbox);
	folder_table_each(&work, folder_table_map);
	folder_table_special(&work);
	folder_table_each(&work, folder_table_unchanged);
	folder_table_each(&work, folder_table_same);
	folder_table_twins(&work);
	folder_table_former(&work);
	folder_table_spelled(&work);
	for (i = 0; i < table_r->count; i++)
		naming_path_free(&work.paths[i]);
	free(work.paths);
	free(work.kept);
	namehash_free(&work.taken);
}

void folder_table_clear(struct folder_table *table)
{
	size_t i;

	for (i = 0; i < table->count; i++) {
		free(table->entries[i].shown);
		free(table->entries[i].name);
		free(table->entries[i].apart);
		free(table->entries[i].note);
	}
	free(table->entries);
	memset(table, 0, sizeof(*table));
}

const char *folder_rule_name(enum folder_rule rule)
{
	static const char *const names[] = {
		[FOLDER_RULE_JOURNAL] = "journal",
		[FOLDER_RULE_INBOX] = "inbox",
		[FOLDER_RULE_MAP] = "map",
		[FOLDER_RULE_SPECIAL_USE] = "special-use",
		[FOLDER_RULE_SAME] = "same",
	};

	return names[rule];
}

void folder_entry_words(const struct folder_entry *entry, struct buffer *text)
{
	size_t before = text->size;

	buffer_add(text, "", 0);
	/* What the journal says was said when it was made. */
	if (entry->rule == FOLDER_RULE_JOURNAL)
		return;
	if (entry->rule == FOLDER_RULE_MAP && entry->line > 0)
		buffer_printf(text, "line %u of the folder map", entry->line);
	else if (entry->rule == FOLDER_RULE_SPECIAL_USE)
		buffer_printf(text, "the destination's folder for %s",
			special_use_name(entry->home->use));
	if (entry->changes != 0 && text->size > before)
		buffer_add_text(text, "; ");
	naming_words(entry->changes, text);
	if (entry->note != NULL)
		buffer_printf(text, "%s%s", text->size > before ? "; " : "",
			entry->note);
}
