/* SPDX-License-Identifier: BSD-2-Clause */
/* What import.c (the file) and import_check.c (one line of it) share. */
#ifndef REHOME_IMPORT_PRIVATE_H
#define REHOME_IMPORT_PRIVATE_H

#include "lib/csv.h"
#include "ctl/import.h"

enum import_column {
	IMPORT_ADDRESS,
	IMPORT_SOURCE,
	IMPORT_DESTINATION,
	IMPORT_ALIAS,
	IMPORT_BATCH,
	IMPORT_NOT_BEFORE,
	IMPORT_COMPLETE_AFTER,
	IMPORT_STRATEGY,
	IMPORT_MAIL,
	IMPORT_FREEZE_BUDGET,
	IMPORT_COLUMNS,
};

extern const char *const import_names[IMPORT_COLUMNS];

struct import_reader {
	const struct config *config;
	int64_t now;
	struct import *import;
	struct csv_parser *parser;
	bool titled;
	bool untitled; /* the titles are bad: nothing can be understood */
	enum import_column columns[CSV_FIELDS_MAX]; /* field -> column */
	size_t columns_count;
	void *seen;
	size_t room;
	/* the line that is being checked */
	struct import_row row;
	char *fields[IMPORT_COLUMNS]; /* trimmed; NULL when not there */
	size_t places[IMPORT_COLUMNS];
	bool bad;
};

/* Notes a problem; column 0 is the whole line. */
void import_problem(struct import_reader *reader, size_t line, size_t column,
	const char *text);

/*
 * Makes the row of the fields at hand, its entry and its request. reader->bad
 * is true afterwards when there were problems, which are noted.
 */
void import_check_row(struct import_reader *reader);
void import_free_seen(void *seen);

#endif
