/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the parts of the folder table: folder_table.c (the rules in turn),
 * folder_table_use.c (special use), folder_table_twin.c (names that only some
 * servers tell apart).
 */
#ifndef REHOME_COPIER_FOLDER_TABLE_PRIVATE_H
#define REHOME_COPIER_FOLDER_TABLE_PRIVATE_H

#include "copier/folder_table.h"
#include "copier/namehash.h"

struct folder_work {
	const struct folder_table_input *input;
	struct folder_table *table;
	struct naming_path *paths; /* of home's names */
	bool *kept;		   /* the map says that they stay */
	struct namehash taken;	   /* names at the other side */
};

/* Adds to what is to be said of the entry. */
void folder_table_say(struct folder_entry *entry, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The first folder for that use, or NULL. */
const struct view_folder *folder_table_by_use(
	const struct view *view, enum special_use use);
/* Names by special use, where nothing stronger has given one. */
void folder_table_special(struct folder_work *work);
/* Names that an earlier run had to change, where its journal is lost. */
void folder_table_former(struct folder_work *work);
/* Other names for those that a server may take for one. */
void folder_table_twins(struct folder_work *work);
/* And for those that are there under another spelling. */
void folder_table_spelled(struct folder_work *work);

#endif
