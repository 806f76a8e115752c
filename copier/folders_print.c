/* SPDX-License-Identifier: BSD-2-Clause */
/* The preview as a table for people, or as one JSON object. */
#include "config.h"

#include "copier/folders_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <uniwidth.h>

#include "copier/event.h"

#include "lib/error.h"
#include "lib/xalloc.h"

/* A line of the table. */
struct folders_row {
	char *source;
	char *destination; /* NULL: left out */
	uint64_t messages;
	uint64_t octets;
	bool sized;
	bool parent; /* holds no mail, only others */
	const char *use;
	const char *rule;
	char *words;
};

struct folders_rows {
	struct folders_row *list;
	size_t count;
};

/* Safe to print, in whatever encoding a server has sent it. */
static char *folders_clean(const char *text)
{
	struct error clean;

	error_set(&clean, "%s", text);
	return xstrdup(clean.text);
}

static struct folders_row *folders_row_add(struct folders_rows *rows)
{
	struct folders_row *row;

	rows->list =
		xreallocarray(rows->list, rows->count + 1, sizeof(*rows->list));
	row = &rows->list[rows->count++];
	memset(row, 0, sizeof(*row));
	row->use = "";
	return row;
}

static void folders_row_entry(struct folders_rows *rows,
	const struct folders_preview *preview, const struct folder_entry *entry)
{
	const struct mailbox_features *other = &preview->other->features;
	struct folders_row *row = folders_row_add(rows);
	size_t octets = namehash_get(preview->sizes, entry->home->name);
	struct buffer words = BUFFER_EMPTY;
	char *shown = naming_show(entry->name, other->separator, other);

	row->source = folders_clean(entry->shown);
	row->destination = folders_clean(shown);
	row->messages = entry->home->status.messages;
	row->sized = octets > 0 || row->messages == 0;
	row->octets = octets > 0 ? octets - 1 : 0;
	row->parent = !entry->home->selectable;
	row->use = special_use_name(entry->home->use);
	row->rule = row->parent ? "parent" : folder_rule_name(entry->rule);
	folder_entry_words(entry, &words);
	if (entry->home->use != SPECIAL_USE_NONE &&
		special_use_is_view(entry->home->use))
		buffer_printf(&words, "%s%s", words.size > 0 ? "; " : "",
			"it shows messages of other folders once more");
	row->words = folders_clean(words.data);
	free(shown);
	buffer_free(&words);
}

/* The table's rows, then those that are left out. */
static void folders_rows_make(
	const struct folders_preview *preview, struct folders_rows *rows_r)
{
	size_t i;

	memset(rows_r, 0, sizeof(*rows_r));
	for (i = 0; i < preview->table->count; i++)
		folders_row_entry(rows_r, preview, &preview->table->entries[i]);
	for (i = 0; i < folder_notes_count(preview->notes); i++) {
		const struct folder_note *note =
			folder_notes_at(preview->notes, i);
		struct folders_row *row;

		if (note->kind != FOLDER_NOTE_EXCLUDED)
			continue;
		row = folders_row_add(rows_r);
		row->source = xstrdup(note->folder);
		row->messages = note->count;
		row->rule = "excluded";
		row->words = xstrdup(note->text);
	}
}

static void folders_rows_free(struct folders_rows *rows)
{
	while (rows->count > 0) {
		struct folders_row *row = &rows->list[--rows->count];

		free(row->source);
		free(row->destination);
		free(row->words);
	}
	free(rows->list);
}

static int folders_width(const char *text)
{
	return u8_strwidth((const uint8_t *)text, "UTF-8");
}

static void folders_cell(const char *text, int width)
{
	int left = width - folders_width(text);

	printf("%s%*s", text, left > 0 ? left + 2 : 2, "");
}

static void folders_print_row(
	const struct folders_row *row, int source, int destination)
{
	char size[32] = "-";

	if (row->sized)
		snprintf(size, sizeof(size), "%" PRIu64, row->octets);
	folders_cell(row->source, source);
	folders_cell(
		row->destination != NULL ? row->destination : "-", destination);
	printf("%8" PRIu64 "  %12s  %-10s  %-11s  %s\n", row->messages, size,
		row->use[0] != '\0' ? row->use : "-", row->rule, row->words);
}

void folders_print(const struct folders_preview *preview)
{
	struct folders_rows rows;
	int source = 6, destination = 11;
	size_t i;

	folders_rows_make(preview, &rows);
	for (i = 0; i < rows.count; i++) {
		const struct folders_row *row = &rows.list[i];
		int width = folders_width(row->source);

		source = width > source ? width : source;
		width = row->destination != NULL
				? folders_width(row->destination)
				: 1;
		destination = width > destination ? width : destination;
	}
	folders_cell("SOURCE", source);
	folders_cell("DESTINATION", destination);
	printf("%8s  %12s  %-10s  %-11s  %s\n", "MESSAGES", "BYTES", "USE",
		"RULE", "NOTE");
	for (i = 0; i < rows.count; i++)
		folders_print_row(&rows.list[i], source, destination);
	folders_rows_free(&rows);
	for (i = 0; i < folder_notes_count(preview->notes); i++) {
		const struct folder_note *note =
			folder_notes_at(preview->notes, i);

		if (note->kind == FOLDER_NOTE_QUOTA)
			printf("quota: %s\n", note->text);
	}
	if (preview->misfit != NULL)
		printf("quota: %s\n", preview->misfit);
	if (preview->shared[0] != '\0')
		printf("\nShared with others:\n%s", preview->shared);
}

static json_t *folders_json_row(const struct folders_row *row)
{
	json_t *object = json_pack("{s:s,s:s?,s:I,s:s,s:s,s:s}", "source",
		row->source, "destination", row->destination, "messages",
		(json_int_t)row->messages, "special_use", row->use, "rule",
		row->rule, "note", row->words);

	json_object_set_new(object, "bytes",
		row->sized ? json_integer((json_int_t)row->octets)
			   : json_null());
	return object;
}

/* The lines of a text as an array. */
static json_t *folders_json_lines(const char *text)
{
	json_t *lines = json_array();

	while (*text != '\0') {
		size_t size = strcspn(text, "\n");

		json_array_append_new(lines, json_stringn(text, size));
		text += size + (text[size] == '\n');
	}
	return lines;
}

void folders_print_json(const struct folders_preview *preview)
{
	json_t *folders = json_array(), *quota = json_array(), *report;
	struct folders_rows rows;
	size_t i;

	folders_rows_make(preview, &rows);
	for (i = 0; i < rows.count; i++)
		json_array_append_new(folders, folders_json_row(&rows.list[i]));
	folders_rows_free(&rows);
	for (i = 0; i < folder_notes_count(preview->notes); i++) {
		const struct folder_note *note =
			folder_notes_at(preview->notes, i);

		if (note->kind == FOLDER_NOTE_QUOTA)
			json_array_append_new(quota, json_string(note->text));
	}
	if (preview->misfit != NULL)
		json_array_append_new(quota, json_string(preview->misfit));
	report = json_pack("{s:o,s:o,s:o,s:b}", "folders", folders, "shared",
		folders_json_lines(preview->shared), "quota", quota, "fits",
		preview->misfit == NULL);
	event_print(report);
}
