/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The accounts of `rehome copy --list`: a CSV file (lib/csv.h) whose first line
 * names the columns source, destination, source_password_file and
 * destination_password_file, in any order; the last two may be left out.
 */
#ifndef REHOME_COPIER_COPY_LIST_H
#define REHOME_COPIER_COPY_LIST_H

#include <stddef.h>

#include "lib/error.h"

enum copy_list_column {
	COPY_LIST_SOURCE,
	COPY_LIST_DESTINATION,
	COPY_LIST_SOURCE_PASSWORD,
	COPY_LIST_DESTINATION_PASSWORD,
	COPY_LIST_COLUMNS,
};

struct copy_list_row {
	size_t line;
	char *fields[COPY_LIST_COLUMNS]; /* "" when not given */
};

struct copy_list {
	struct copy_list_row *rows;
	size_t count;
};

/*
 * Reads the text of the file. 0, or -1 with an error that names the line. Clear
 * it in every case.
 */
int copy_list_read(const char *text, size_t size, struct copy_list *list_r,
	struct error *error);
void copy_list_clear(struct copy_list *list);

#endif
