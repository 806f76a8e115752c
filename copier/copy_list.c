/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads lists of accounts to be copied. */
#include "config.h"

#include "copier/copy_list.h"

#include <stdlib.h>
#include <string.h>

#include "lib/csv.h"
#include "lib/xalloc.h"

static const char *const copy_list_names[COPY_LIST_COLUMNS] = {
	[COPY_LIST_SOURCE] = "source",
	[COPY_LIST_DESTINATION] = "destination",
	[COPY_LIST_SOURCE_PASSWORD] = "source_password_file",
	[COPY_LIST_DESTINATION_PASSWORD] = "destination_password_file",
};

struct copy_list_reading {
	struct copy_list *list;
	struct csv_parser *parser;
	/* the field of each column, from 1; 0: not in the file */
	size_t places[COPY_LIST_COLUMNS];
	size_t fields; /* of the first line; 0: not read yet */
};

void copy_list_clear(struct copy_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		for (size_t j = 0; j < COPY_LIST_COLUMNS; j++)
			free(list->rows[i].fields[j]);
	free(list->rows);
	memset(list, 0, sizeof(*list));
}

/* The first line. */
static int copy_list_head(
	struct copy_list_reading *reading, struct error *error)
{
	const struct csv_parser *parser = reading->parser;

	reading->fields = csv_parser_fields(parser);
	for (size_t i = 0; i < reading->fields; i++) {
		const char *name = csv_parser_field(parser, i);
		size_t column = 0;

		while (column < COPY_LIST_COLUMNS &&
			strcmp(copy_list_names[column], name) != 0)
			column++;
		if (column == COPY_LIST_COLUMNS ||
			reading->places[column] != 0) {
			error_set(error, "line 1: column %.60s: %s", name,
				column == COPY_LIST_COLUMNS
					? "there is no such column"
					: "given twice");
			return -1;
		}
		reading->places[column] = i + 1;
	}
	for (size_t i = COPY_LIST_SOURCE; i <= COPY_LIST_DESTINATION; i++)
		if (reading->places[i] == 0) {
			error_set(error, "line 1: column %s is missing",
				copy_list_names[i]);
			return -1;
		}
	return 0;
}

static int copy_list_record(
	struct copy_list_reading *reading, struct error *error)
{
	const struct csv_parser *parser = reading->parser;
	struct copy_list *list = reading->list;
	struct copy_list_row *row;
	size_t line = csv_parser_line(parser, 0);

	if (csv_parser_fields(parser) == 1 &&
		csv_parser_field(parser, 0)[0] == '\0')
		return 0; /* an empty line */
	if (reading->fields == 0)
		return copy_list_head(reading, error);
	if (csv_parser_fields(parser) != reading->fields) {
		error_set(error,
			"line %zu: %zu fields where the first line has "
			"%zu",
			line, csv_parser_fields(parser), reading->fields);
		return -1;
	}
	list->rows =
		xreallocarray(list->rows, list->count + 1, sizeof(*list->rows));
	row = &list->rows[list->count++];
	row->line = line;
	for (size_t i = 0; i < COPY_LIST_COLUMNS; i++)
		row->fields[i] =
			xstrdup(reading->places[i] != 0
					? csv_parser_field(parser,
						  reading->places[i] - 1)
					: "");
	if (row->fields[COPY_LIST_SOURCE][0] != '\0' &&
		row->fields[COPY_LIST_DESTINATION][0] != '\0')
		return 0;
	error_set(error, "line %zu: source or destination is empty", line);
	return -1;
}

static int copy_list_bad(
	const struct copy_list_reading *reading, struct error *error)
{
	size_t line, column;

	csv_parser_bad_place(reading->parser, &line, &column);
	error_prefix(error, "line %zu", line);
	return -1;
}

static int copy_list_all(struct copy_list_reading *reading, const char *text,
	size_t size, struct error *error)
{
	size_t used;
	int result;

	while (size > 0) {
		result = csv_parser_feed(
			reading->parser, text, size, &used, error);
		text += used;
		size -= used;
		if (result < 0)
			return copy_list_bad(reading, error);
		if (result == 1 && copy_list_record(reading, error) < 0)
			return -1;
	}
	result = csv_parser_finish(reading->parser, error);
	if (result < 0)
		return copy_list_bad(reading, error);
	if (result == 1 && copy_list_record(reading, error) < 0)
		return -1;
	if (reading->list->count > 0)
		return 0;
	error_set(error, "no account is in it");
	return -1;
}

int copy_list_read(const char *text, size_t size, struct copy_list *list_r,
	struct error *error)
{
	struct copy_list_reading reading = { .list = list_r,
		.parser = csv_parser_new() };
	int result;

	memset(list_r, 0, sizeof(*list_r));
	result = copy_list_all(&reading, text, size, error);
	csv_parser_free(&reading.parser);
	return result;
}
