/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading and checking a CSV file of accounts, see import.h. */
#include <config.h>

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/import_private.h"
#include "lib/xalloc.h"

static void import_clear_row(struct import_row *row)
{
	free(row->address);
	attr_list_free(&row->entry);
	attr_list_free(&row->request);
	memset(row, 0, sizeof(*row));
}

static void import_keep_row(struct import_reader *reader)
{
	struct import *import = reader->import;

	if (import->count == reader->room) {
		reader->room = reader->room == 0 ? 256 : reader->room * 2;
		import->rows = xreallocarray(
			import->rows, reader->room, sizeof(*import->rows));
	}
	import->rows[import->count++] = reader->row;
	memset(&reader->row, 0, sizeof(reader->row));
}

/* Blanks around a value are a spreadsheet's, not meant. */
static char *import_trim(const char *text)
{
	size_t size;

	text += strspn(text, " \t\r\n");
	size = strlen(text);
	while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL)
		size--;
	return size > 0 ? xstrndup(text, size) : NULL;
}

static bool import_is_blank(const struct csv_parser *parser)
{
	for (size_t i = 0; i < csv_parser_fields(parser); i++) {
		const char *field = csv_parser_field(parser, i);

		if (field[strspn(field, " \t\r\n")] != '\0')
			return false;
	}
	return true;
}

/* The fields of the record by column; false when their number is wrong. */
static bool import_take_fields(struct import_reader *reader)
{
	const struct csv_parser *parser = reader->parser;
	size_t count = csv_parser_fields(parser);
	struct error error;

	reader->row.line = csv_parser_line(parser, 0);
	if (count != reader->columns_count) {
		error_set(&error, "%zu fields, but the first line names %zu",
			count, reader->columns_count);
		import_problem(reader, reader->row.line, 0, error.text);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		enum import_column column = reader->columns[i];

		reader->fields[column] =
			import_trim(csv_parser_field(parser, i));
		reader->places[column] = csv_parser_column(parser, i);
	}
	return true;
}

static void import_drop_fields(struct import_reader *reader)
{
	for (size_t i = 0; i < IMPORT_COLUMNS; i++) {
		free(reader->fields[i]);
		reader->fields[i] = NULL;
	}
	import_clear_row(&reader->row);
}

static void import_take_row(struct import_reader *reader)
{
	if (import_is_blank(reader->parser))
		return;
	reader->bad = false;
	if (!import_take_fields(reader))
		goto out;
	import_check_row(reader);
	if (!reader->bad)
		import_keep_row(reader);
out:
	import_drop_fields(reader);
}

static int import_find_column(const char *name)
{
	for (size_t i = 0; i < IMPORT_COLUMNS; i++)
		if (strcasecmp(import_names[i], name) == 0)
			return (int)i;
	return -1;
}

static void import_take_title(
	struct import_reader *reader, size_t index, bool given[IMPORT_COLUMNS])
{
	char *name = import_trim(csv_parser_field(reader->parser, index));
	int column = name != NULL ? import_find_column(name) : -1;
	struct error error;

	if (column >= 0 && !given[column]) {
		given[column] = true;
		reader->columns[index] = (enum import_column)column;
		free(name);
		return;
	}
	if (name == NULL)
		error_set(&error, "a column without a name");
	else if (column >= 0)
		error_set(&error, "column %s stands twice", name);
	else if (strchr(name, ';') != NULL)
		error_set(&error, "save the file with commas between the "
				  "fields, not semicolons");
	else
		error_set(&error, "no column is called \"%s\"", name);
	import_problem(reader, csv_parser_line(reader->parser, index),
		csv_parser_column(reader->parser, index), error.text);
	free(name);
}

/* The first line. Without good titles no other line can be understood. */
static void import_take_titles(struct import_reader *reader)
{
	bool given[IMPORT_COLUMNS] = { false };
	struct error error;

	if (import_is_blank(reader->parser))
		return;
	reader->titled = true;
	reader->columns_count = csv_parser_fields(reader->parser);
	for (size_t i = 0; i < reader->columns_count; i++)
		import_take_title(reader, i, given);
	/* one that is misspelt is not told again as missing */
	reader->untitled = reader->import->problems_found > 0;
	for (size_t i = IMPORT_ADDRESS; i <= IMPORT_DESTINATION; i++) {
		if (given[i] || reader->untitled)
			continue;
		error_set(&error, "the first line names no column %s",
			import_names[i]);
		import_problem(reader, csv_parser_line(reader->parser, 0), 0,
			error.text);
	}
	reader->untitled = reader->import->problems_found > 0;
}

static void import_take_error(
	struct import_reader *reader, const struct error *error)
{
	size_t line, column;

	csv_parser_bad_place(reader->parser, &line, &column);
	import_problem(reader, line, column, error->text);
}

/* What the parser gave. Returns whether it makes sense to read on. */
static bool import_take(
	struct import_reader *reader, int result, const struct error *error)
{
	if (result < 0)
		import_take_error(reader, error);
	else if (reader->titled)
		import_take_row(reader);
	else
		import_take_titles(reader);
	return reader->titled ? !reader->untitled : result >= 0;
}

static bool import_feed(
	struct import_reader *reader, const char *data, size_t size)
{
	struct error error;
	size_t used;
	int result;

	while (size > 0) {
		result = csv_parser_feed(
			reader->parser, data, size, &used, &error);
		data += used;
		size -= used;
		if (result != 0 && !import_take(reader, result, &error))
			return false;
	}
	return true;
}

static void import_finish(struct import_reader *reader)
{
	struct error error;
	int result = csv_parser_finish(reader->parser, &error);

	if (result != 0)
		import_take(reader, result, &error);
	if (!reader->titled && reader->import->problems_found == 0)
		import_problem(reader, 1, 0,
			"the file is empty; its first line names the columns");
}

int import_read(int fd, const struct config *config, int64_t now,
	struct import *import_r, struct error *error)
{
	struct import_reader reader = {
		.config = config, .now = now, .import = import_r
	};
	char data[16384];
	ssize_t size;
	bool more = true;

	memset(import_r, 0, sizeof(*import_r));
	reader.parser = csv_parser_new();
	while (more && (size = read(fd, data, sizeof(data))) != 0) {
		if (size > 0)
			more = import_feed(&reader, data, (size_t)size);
		else if (errno != EINTR)
			break;
	}
	if (size < 0)
		error_set(error, "read: %s", strerror(errno));
	else if (more)
		import_finish(&reader);
	csv_parser_free(&reader.parser);
	tdestroy(reader.seen, import_free_seen);
	return size < 0 ? -1 : 0;
}

void import_clear(struct import *import)
{
	for (size_t i = 0; i < import->count; i++)
		import_clear_row(&import->rows[i]);
	for (size_t i = 0; i < import->problems_count; i++)
		free(import->problems[i].text);
	free(import->rows);
	free(import->problems);
	memset(import, 0, sizeof(*import));
}
