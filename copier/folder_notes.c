/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of notes. */
#include "config.h"

#include "copier/folder_notes.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buffer.h"
#include "lib/error.h"
#include "lib/xalloc.h"

/* An account with more to tell of than this is told of in part. */
#define FOLDER_NOTES_MAX 5000

struct folder_notes {
	pthread_mutex_t lock;
	struct folder_note *list;
	size_t count, room;
};

struct folder_notes *folder_notes_new(void)
{
	struct folder_notes *notes = xcalloc(1, sizeof(*notes));

	pthread_mutex_init(&notes->lock, NULL);
	return notes;
}

void folder_notes_free(struct folder_notes **notes)
{
	struct folder_notes *old = *notes;
	size_t i;

	if (old == NULL)
		return;
	for (i = 0; i < old->count; i++) {
		free(old->list[i].folder);
		free(old->list[i].destination);
		free(old->list[i].text);
	}
	free(old->list);
	pthread_mutex_destroy(&old->lock);
	free(old);
	*notes = NULL;
}

/* The earlier note that says the same, or NULL. */
static struct folder_note *folder_notes_find(struct folder_notes *notes,
	enum folder_note_kind kind, const char *folder, const char *text)
{
	size_t i;

	for (i = 0; i < notes->count; i++)
		if (notes->list[i].kind == kind &&
			strcmp(notes->list[i].folder, folder) == 0 &&
			strcmp(notes->list[i].text, text) == 0)
			return &notes->list[i];
	return NULL;
}

static struct folder_note *folder_notes_grow(struct folder_notes *notes)
{
	if (notes->count == FOLDER_NOTES_MAX)
		return NULL;
	if (notes->count == notes->room) {
		notes->room = notes->room > 0 ? notes->room * 2 : 16;
		notes->list = xreallocarray(
			notes->list, notes->room, sizeof(*notes->list));
	}
	return &notes->list[notes->count++];
}

void folder_notes_add(struct folder_notes *notes, enum folder_note_kind kind,
	const char *folder, const char *destination, uint64_t count,
	const char *format, ...)
{
	struct folder_note *note;
	struct error text, name;
	char words[sizeof(text.text)];
	va_list arguments;

	if (notes == NULL)
		return;
	va_start(arguments, format);
	vsnprintf(words, sizeof(words), format, arguments);
	va_end(arguments);
	/* Both have what a server said in them. */
	error_set(&text, "%s", words);
	error_set(&name, "%s", folder);
	pthread_mutex_lock(&notes->lock);
	note = folder_notes_find(notes, kind, name.text, text.text);
	if (note != NULL && kind == FOLDER_NOTE_KEYWORD) {
		note->count += count;
	} else if (note != NULL) {
		note->count = count;
	} else if ((note = folder_notes_grow(notes)) != NULL) {
		note->kind = kind;
		note->folder = xstrdup(name.text);
		note->text = xstrdup(text.text);
		note->count = count;
		note->destination = NULL;
		if (destination != NULL) {
			error_set(&name, "%s", destination);
			note->destination = xstrdup(name.text);
		}
	}
	pthread_mutex_unlock(&notes->lock);
}

size_t folder_notes_count(const struct folder_notes *notes)
{
	return notes != NULL ? notes->count : 0;
}

const struct folder_note *folder_notes_at(
	const struct folder_notes *notes, size_t index)
{
	return &notes->list[index];
}

const char *folder_note_kind_name(enum folder_note_kind kind)
{
	static const char *const names[] = {
		[FOLDER_NOTE_NAME] = "name",
		[FOLDER_NOTE_EXCLUDED] = "excluded",
		[FOLDER_NOTE_USE] = "special-use",
		[FOLDER_NOTE_SUBSCRIBED] = "subscription",
		[FOLDER_NOTE_ACL] = "acl",
		[FOLDER_NOTE_METADATA] = "metadata",
		[FOLDER_NOTE_QUOTA] = "quota",
		[FOLDER_NOTE_KEYWORD] = "keyword",
		[FOLDER_NOTE_DATE] = "date",
		[FOLDER_NOTE_SHARED] = "shared",
	};

	return names[kind];
}

char *folder_note_line(const struct folder_note *note)
{
	struct buffer line = BUFFER_EMPTY;

	buffer_printf(&line, "%s: %s", folder_note_kind_name(note->kind),
		note->folder);
	if (note->destination != NULL)
		buffer_printf(&line, " -> %s", note->destination);
	if (note->count > 0)
		buffer_printf(&line, " (%" PRIu64 ")", note->count);
	if (note->text[0] != '\0')
		buffer_printf(&line, "%s%s",
			note->folder[0] != '\0' ? ": " : "", note->text);
	return line.data;
}
