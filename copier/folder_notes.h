/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What became of folders other than one would expect: another name, left out,
 * rights or keywords that did not arrive. Collected while a pass works, each
 * once, and told in the report, the log and `rehome folders`. Any thread may
 * add.
 */
#ifndef REHOME_COPIER_FOLDER_NOTES_H
#define REHOME_COPIER_FOLDER_NOTES_H

#include <stddef.h>
#include <stdint.h>

enum folder_note_kind {
	FOLDER_NOTE_NAME,	/* it has another name there, and why */
	FOLDER_NOTE_EXCLUDED,	/* by the folder map; count: messages */
	FOLDER_NOTE_USE,	/* its special use */
	FOLDER_NOTE_SUBSCRIBED, /* to a folder that is none, and refused */
	FOLDER_NOTE_ACL,	/* rights of others */
	FOLDER_NOTE_METADATA,	/* annotations */
	FOLDER_NOTE_QUOTA,	/* limits; of no folder */
	FOLDER_NOTE_KEYWORD,	/* a flag that is not kept; count: messages */
	FOLDER_NOTE_DATE,   /* a message has another INTERNALDATE there */
	FOLDER_NOTE_SHARED, /* a folder of somebody else that is seen here */
};

struct folder_note {
	enum folder_note_kind kind;
	char *folder;	   /* at home, for people; "" none */
	char *destination; /* at the other side, or NULL */
	char *text;
	uint64_t count;
};

struct folder_notes;

struct folder_notes *folder_notes_new(void);
void folder_notes_free(struct folder_notes **notes);

/*
 * Adds a note with the text; counts are summed up where kind, folder and text
 * are those of an earlier one. notes may be NULL: nothing is kept.
 */
void folder_notes_add(struct folder_notes *notes, enum folder_note_kind kind,
	const char *folder, const char *destination, uint64_t count,
	const char *format, ...) __attribute__((format(printf, 6, 7)));

/* In the order in which they came; not while others may add. NULL has none. */
size_t folder_notes_count(const struct folder_notes *notes);
const struct folder_note *folder_notes_at(
	const struct folder_notes *notes, size_t index);
/* "name", "excluded", "special-use", ... */
const char *folder_note_kind_name(enum folder_note_kind kind);
/* One line for people, malloc'd: "excluded: Trash (7): line 3 of the map". */
char *folder_note_line(const struct folder_note *note);

#endif
