/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which folder of home is called what at the other side: all at once, so that
 * two never become one. Pure: it looks at the two listings, the journal and the
 * folder map, and does nothing. The plan and `rehome folders` both ask it.
 */
#ifndef REHOME_COPIER_FOLDER_TABLE_H
#define REHOME_COPIER_FOLDER_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "copier/foldermap.h"
#include "copier/journal.h"
#include "copier/view.h"

/* What made the name, from the strongest. */
enum folder_rule {
	FOLDER_RULE_JOURNAL, /* it was called so in an earlier run */
	FOLDER_RULE_INBOX,
	FOLDER_RULE_MAP,	 /* a line of the folder map */
	FOLDER_RULE_SPECIAL_USE, /* the folder there that is for the same */
	FOLDER_RULE_SAME, /* its own name, as the other server writes it */
};

struct folder_entry {
	const struct view_folder *home;
	char *shown; /* home's name for people */
	char *name;  /* at the other side */
	/* The name to take when the server there does not tell this folder
	 * from another one, for their case or their way of writing letters;
	 * NULL: no other is like it. */
	char *apart;
	enum folder_rule rule;
	unsigned line;	      /* MAP: of the file */
	unsigned changes;     /* bits of naming_change */
	enum special_use use; /* that a folder made there shall have */
	char *note;	      /* what else is to be said of it, or NULL */
};

struct folder_table {
	struct folder_entry *entries; /* in the order of home's folders */
	size_t count;
};

struct folder_table_input {
	const struct view *home;
	const struct view *other;
	const struct journal *journal; /* NULL: none */
	enum journal_side side;	       /* which side home is */
	const struct foldermap *map;   /* or NULL */
};

void folder_table_make(
	const struct folder_table_input *input, struct folder_table *table_r);
void folder_table_clear(struct folder_table *table);
/* "same", "map", ... */
const char *folder_rule_name(enum folder_rule rule);
/* Appends all that is to be said of the entry, "" when there is nothing. */
void folder_entry_words(const struct folder_entry *entry, struct buffer *text);

#endif
