/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CSV parser: whatever the pieces in which a file arrives, records, errors
 * and their places are the same; what was read is written with quotes and read
 * again the same. The first byte of the input is the size of the pieces.
 */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/csv.h"
#include "lib/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

/* Notes a record or an error with all that is known of it. */
static void note(const struct csv_parser *parser, int result,
	const struct error *error, struct buffer *seen)
{
	size_t line, column;

	if (result < 0) {
		csv_parser_bad_place(parser, &line, &column);
		expect(line > 0 && column > 0);
		buffer_printf(seen, "!%zu:%zu %s\n", line, column, error->text);
		return;
	}
	expect(csv_parser_fields(parser) > 0 &&
		csv_parser_fields(parser) <= CSV_FIELDS_MAX);
	for (size_t i = 0; i < csv_parser_fields(parser); i++) {
		const char *field = csv_parser_field(parser, i);

		expect(strlen(field) <= CSV_FIELD_MAX);
		buffer_printf(seen, "%zu:%zu[%s]", csv_parser_line(parser, i),
			csv_parser_column(parser, i), field);
	}
	buffer_add_text(seen, "\n");
}

/* The record as it would be written with every field in quotes. */
static void quote(const struct csv_parser *parser, struct buffer *quoted)
{
	for (size_t i = 0; i < csv_parser_fields(parser); i++) {
		const char *at = csv_parser_field(parser, i);

		buffer_add_text(quoted, i > 0 ? ",\"" : "\"");
		for (; *at != '\0'; at++)
			buffer_add(quoted, *at == '"' ? "\"\"" : at,
				*at == '"' ? 2 : 1);
		buffer_add_text(quoted, "\"");
	}
	buffer_add_text(quoted, "\n");
}

/* quoted gets the good records, unless it is NULL. */
static void read_all(const char *data, size_t size, size_t piece,
	struct buffer *seen, struct buffer *quoted)
{
	struct csv_parser *parser = csv_parser_new();
	struct error error;
	size_t used;
	int result;

	while (size > 0) {
		size_t part = piece < size ? piece : size;

		result = csv_parser_feed(parser, data, part, &used, &error);
		expect(used <= part && (result != 0 || used == part));
		data += used;
		size -= used;
		if (result == 0)
			continue;
		note(parser, result, &error, seen);
		if (result > 0 && quoted != NULL)
			quote(parser, quoted);
	}
	result = csv_parser_finish(parser, &error);
	if (result != 0)
		note(parser, result, &error, seen);
	if (result > 0 && quoted != NULL)
		quote(parser, quoted);
	expect(csv_parser_finish(parser, &error) == 0);
	csv_parser_free(&parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer whole = BUFFER_EMPTY, pieces = BUFFER_EMPTY;
	struct buffer quoted = BUFFER_EMPTY, again = BUFFER_EMPTY;
	struct buffer seen = BUFFER_EMPTY;
	const char *text = (const char *)data + 1;

	if (size < 1)
		return 0;
	read_all(text, size - 1, SIZE_MAX, &whole, &quoted);
	read_all(text, size - 1, 1 + data[0], &pieces, NULL);
	expect(whole.size == pieces.size);
	expect(whole.size == 0 ||
		memcmp(whole.data, pieces.data, whole.size) == 0);
	/* doubled quotes can make a record longer than one may be */
	if (quoted.size <= CSV_RECORD_MAX) {
		read_all(quoted.data, quoted.size, SIZE_MAX, &seen, &again);
		expect(again.size == quoted.size);
		expect(again.size == 0 ||
			memcmp(again.data, quoted.data, again.size) == 0);
	}
	buffer_free(&whole);
	buffer_free(&pieces);
	buffer_free(&quoted);
	buffer_free(&again);
	buffer_free(&seen);
	return 0;
}
