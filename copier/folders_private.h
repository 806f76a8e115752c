/* SPDX-License-Identifier: BSD-2-Clause */
/* Between folders.c, which looks, and folders_print.c, which tells. */
#ifndef REHOME_COPIER_FOLDERS_PRIVATE_H
#define REHOME_COPIER_FOLDERS_PRIVATE_H

#include "copier/folder_notes.h"
#include "copier/folder_table.h"

/* All that was seen; the strings are owned by who made it. */
struct folders_preview {
	const struct folder_table *table;
	const struct view *other;
	const struct namehash *sizes; /* octets + 1 by name; empty: not told */
	const struct folder_notes *notes;
	const char *shared; /* lines, "" none */
	const char *misfit; /* why it will not fit, or NULL */
};

void folders_print(const struct folders_preview *preview);
void folders_print_json(const struct folders_preview *preview);

#endif
