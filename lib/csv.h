/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Comma-separated values, RFC 4180: fields in double quotes, doubled quotes
 * inside them, line ends CRLF or LF, a byte order mark at the front. Resumable,
 * with hard limits; reads no file itself and knows nothing of accounts.
 */
#ifndef REHOME_CSV_H
#define REHOME_CSV_H

#include <stddef.h>

#include "lib/error.h"

/* Bytes and counts; a record beyond them is refused, never cut. */
#define CSV_FIELD_MAX  65536
#define CSV_RECORD_MAX 262144
#define CSV_FIELDS_MAX 64

struct csv_parser;

struct csv_parser *csv_parser_new(void);
void csv_parser_free(struct csv_parser **parser);

/*
 * Takes as much of data as it needs. Returns 1 when a record is complete (see
 * below; valid until the next feed), 0 when all was taken and more is needed,
 * -1 when the record is bad: the error says why, csv_parser_bad_place where,
 * and the next feed goes on behind the end of that line. *used_r is how many
 * bytes were taken. Bad: a quote inside an unquoted field, text behind a
 * closing quote, a lone CR, NUL and control characters other than TAB (and line
 * ends inside quotes), bytes that are not UTF-8 (RFC 3629), a limit passed.
 */
int csv_parser_feed(struct csv_parser *parser, const char *data, size_t size,
	size_t *used_r, struct error *error);

/*
 * The file has ended. Returns 1 when that completes a last record without a
 * line end, 0 when there is none, -1 when the file ends inside quotes or in the
 * middle of a character.
 */
int csv_parser_finish(struct csv_parser *parser, struct error *error);

/* The record: lines and columns count from 1, columns in characters. A blank
 * line is a record of one empty field. */
size_t csv_parser_fields(const struct csv_parser *parser);
const char *csv_parser_field(const struct csv_parser *parser, size_t index);
/* Where the field begins. */
size_t csv_parser_line(const struct csv_parser *parser, size_t index);
size_t csv_parser_column(const struct csv_parser *parser, size_t index);
/* Where the last bad record is bad. */
void csv_parser_bad_place(
	const struct csv_parser *parser, size_t *line_r, size_t *column_r);

#endif
