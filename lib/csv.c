/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A state machine over bytes. UTF-8 is checked byte by byte in front of it, so
 * that a record may be cut anywhere between two feeds.
 */
#include <config.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/buffer.h"
#include "lib/csv.h"
#include "lib/xalloc.h"

enum csv_state {
	CSV_START,  /* at the first byte of a field */
	CSV_PLAIN,  /* inside an unquoted field */
	CSV_QUOTED, /* inside quotes */
	CSV_CLOSED, /* behind a quote inside quotes: an end, or a doubled one */
	CSV_CR,	    /* behind a CR that must be followed by LF */
	CSV_SKIPPED, /* the rest of a bad line */
};

struct csv_place {
	size_t line;
	size_t column;
};

struct csv_field {
	size_t offset; /* in text */
	struct csv_place place;
};

struct csv_parser {
	enum csv_state state;
	bool complete; /* the record was handed out: clear it first */
	struct csv_place place;
	struct csv_place bad;
	size_t offset; /* bytes of the file taken, up to 3 */
	size_t record_size;
	struct buffer text; /* fields, each with a NUL behind it */
	struct csv_field fields[CSV_FIELDS_MAX];
	size_t count;
	/* the character under way */
	unsigned int utf8_left;
	unsigned char utf8_first;
	unsigned char utf8_low, utf8_high; /* bounds of its next byte */
	bool utf8_c1;			   /* may turn out as U+0080..U+009F */
};

struct csv_parser *csv_parser_new(void)
{
	struct csv_parser *parser = xcalloc(1, sizeof(*parser));

	parser->state = CSV_START;
	parser->place = (struct csv_place){ 1, 1 };
	return parser;
}

void csv_parser_free(struct csv_parser **parser)
{
	if (*parser == NULL)
		return;
	buffer_free(&(*parser)->text);
	free(*parser);
	*parser = NULL;
}

static int csv_bad(struct csv_parser *parser, struct csv_place place,
	struct error *error, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int csv_bad(struct csv_parser *parser, struct csv_place place,
	struct error *error, const char *format, ...)
{
	char text[128];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	error_set(error, "%s", text);
	parser->bad = place;
	parser->state = CSV_SKIPPED;
	parser->complete = true;
	return -1;
}

/* RFC 3629 section 4: what may follow a lead byte. False: no lead byte. */
static bool csv_utf8_lead(struct csv_parser *parser, unsigned char byte)
{
	parser->utf8_first = byte;
	parser->utf8_low = 0x80;
	parser->utf8_high = 0xbf;
	parser->utf8_c1 = byte == 0xc2;
	if (byte >= 0xc2 && byte <= 0xdf) {
		parser->utf8_left = 1;
	} else if (byte >= 0xe0 && byte <= 0xef) {
		parser->utf8_left = 2;
		if (byte == 0xe0)
			parser->utf8_low = 0xa0;
		else if (byte == 0xed)
			parser->utf8_high = 0x9f;
	} else if (byte >= 0xf0 && byte <= 0xf4) {
		parser->utf8_left = 3;
		if (byte == 0xf0)
			parser->utf8_low = 0x90;
		else if (byte == 0xf4)
			parser->utf8_high = 0x8f;
	} else {
		return false;
	}
	return true;
}

/* Checks the byte as part of the text; 0 or -1. */
static int csv_check_byte(
	struct csv_parser *parser, unsigned char byte, struct error *error)
{
	if (parser->utf8_left > 0) {
		if (byte < parser->utf8_low || byte > parser->utf8_high)
			goto no_utf8;
		if (parser->utf8_c1 && byte < 0xa0)
			return csv_bad(parser, parser->place, error,
				"control character U+00%02X", byte);
		parser->utf8_low = 0x80;
		parser->utf8_high = 0xbf;
		parser->utf8_left--;
		return 0;
	}
	if (byte >= 0x80) {
		if (!csv_utf8_lead(parser, byte))
			goto no_utf8;
		return 0;
	}
	if ((byte < 0x20 && byte != '\t' && byte != '\r' && byte != '\n') ||
		byte == 0x7f)
		return csv_bad(parser, parser->place, error,
			"control character 0x%02x", byte);
	return 0;
no_utf8:
	return csv_bad(parser, parser->place, error,
		"not UTF-8 (byte 0x%02x); save the file as UTF-8",
		parser->utf8_first);
}

static void csv_advance(struct csv_parser *parser, unsigned char byte)
{
	if (byte == '\n') {
		parser->place.line++;
		parser->place.column = 1;
	} else if (parser->utf8_left == 0) {
		/* the last byte of a character, of one byte or several */
		parser->place.column++;
	}
}

static int csv_begin_field(struct csv_parser *parser, struct error *error)
{
	if (parser->count == CSV_FIELDS_MAX)
		return csv_bad(parser, parser->place, error,
			"more than %d fields", CSV_FIELDS_MAX);
	parser->fields[parser->count].offset = parser->text.size;
	parser->fields[parser->count].place = parser->place;
	parser->count++;
	return 0;
}

static int csv_add_byte(
	struct csv_parser *parser, char byte, struct error *error)
{
	struct csv_field *field = &parser->fields[parser->count - 1];

	if (parser->text.size - field->offset == CSV_FIELD_MAX)
		return csv_bad(parser, field->place, error,
			"field of more than %d bytes; is a quote missing?",
			CSV_FIELD_MAX);
	buffer_add(&parser->text, &byte, 1);
	return 0;
}

static void csv_end_field(struct csv_parser *parser)
{
	buffer_add(&parser->text, "", 1);
	parser->state = CSV_START;
}

/* A comma or a line end behind a whole field: 1 record, 0 go on, -1 neither. */
static int csv_end_by(struct csv_parser *parser, char byte)
{
	switch (byte) {
	case ',':
		csv_end_field(parser);
		return 0;
	case '\n':
		csv_end_field(parser);
		parser->complete = true;
		return 1;
	case '\r':
		parser->state = CSV_CR;
		return 0;
	default:
		return -1;
	}
}

static int csv_take_unquoted(
	struct csv_parser *parser, char byte, struct error *error)
{
	int end;

	if (parser->state == CSV_START) {
		if (csv_begin_field(parser, error) < 0)
			return -1;
		if (byte == '"') {
			parser->state = CSV_QUOTED;
			return 0;
		}
		parser->state = CSV_PLAIN;
	}
	end = csv_end_by(parser, byte);
	if (end >= 0)
		return end;
	if (byte == '"')
		return csv_bad(parser, parser->place, error,
			"a quote inside a field that does not begin with one");
	return csv_add_byte(parser, byte, error);
}

static int csv_take_quoted(
	struct csv_parser *parser, char byte, struct error *error)
{
	int end;

	if (parser->state == CSV_QUOTED) {
		if (byte == '"') {
			parser->state = CSV_CLOSED;
			return 0;
		}
		return csv_add_byte(parser, byte, error);
	}
	if (byte == '"') {
		parser->state = CSV_QUOTED;
		return csv_add_byte(parser, byte, error);
	}
	end = csv_end_by(parser, byte);
	if (end < 0)
		return csv_bad(parser, parser->place, error,
			"text behind a closing quote");
	return end;
}

static int csv_take_byte(
	struct csv_parser *parser, char byte, struct error *error)
{
	if (csv_check_byte(parser, (unsigned char)byte, error) < 0)
		return -1;
	if (++parser->record_size > CSV_RECORD_MAX)
		return csv_bad(parser, parser->place, error,
			"record of more than %d bytes; is a quote missing?",
			CSV_RECORD_MAX);
	switch (parser->state) {
	case CSV_START:
	case CSV_PLAIN:
		return csv_take_unquoted(parser, byte, error);
	case CSV_QUOTED:
	case CSV_CLOSED:
		return csv_take_quoted(parser, byte, error);
	case CSV_CR:
		if (byte == '\n')
			return csv_end_by(parser, byte);
		return csv_bad(parser, parser->place, error,
			"CR without LF behind it");
	case CSV_SKIPPED:
		break;
	}
	abort();
}

/* A byte order mark is dropped; one that turns out as none stays text. */
static bool csv_drop_mark(struct csv_parser *parser)
{
	if (parser->offset != 3 || parser->text.size != 3 ||
		parser->state != CSV_PLAIN || parser->text.data[0] != '\xef' ||
		parser->text.data[1] != '\xbb' ||
		parser->text.data[2] != '\xbf')
		return false;
	buffer_clear(&parser->text);
	parser->count = 0;
	parser->state = CSV_START;
	parser->place.column = 1;
	return true;
}

static void csv_begin_record(struct csv_parser *parser)
{
	parser->complete = false;
	parser->count = 0;
	parser->record_size = 0;
	buffer_clear(&parser->text);
}

int csv_parser_feed(struct csv_parser *parser, const char *data, size_t size,
	size_t *used_r, struct error *error)
{
	size_t used = 0;
	int result = 0;

	if (parser->complete)
		csv_begin_record(parser);
	while (used < size && result == 0) {
		char byte = data[used];

		if (parser->state == CSV_SKIPPED) {
			parser->utf8_left = 0;
			if (byte == '\n')
				parser->state = CSV_START;
			used++;
		} else {
			result = csv_take_byte(parser, byte, error);
			/* the line end itself is left to the skipping */
			if (result < 0 && byte == '\n')
				break;
			used++;
		}
		csv_advance(parser, (unsigned char)byte);
		if (parser->offset < 3 && ++parser->offset == 3)
			csv_drop_mark(parser);
	}
	*used_r = used;
	return result;
}

int csv_parser_finish(struct csv_parser *parser, struct error *error)
{
	enum csv_state state = parser->state;

	if (parser->complete)
		csv_begin_record(parser);
	if (state == CSV_SKIPPED || (state == CSV_START && parser->count == 0))
		return 0;
	if (parser->utf8_left > 0)
		return csv_bad(parser, parser->place, error,
			"the file ends in the middle of a character");
	if (state == CSV_QUOTED)
		return csv_bad(parser, parser->fields[parser->count - 1].place,
			error, "this quote is never closed");
	if (state == CSV_CR)
		return csv_bad(parser, parser->place, error,
			"CR without LF behind it");
	if (state == CSV_START && csv_begin_field(parser, error) < 0)
		return -1;
	csv_end_field(parser);
	parser->complete = true;
	return 1;
}

size_t csv_parser_fields(const struct csv_parser *parser)
{
	return parser->count;
}

const char *csv_parser_field(const struct csv_parser *parser, size_t index)
{
	return parser->text.data + parser->fields[index].offset;
}

size_t csv_parser_line(const struct csv_parser *parser, size_t index)
{
	return parser->fields[index].place.line;
}

size_t csv_parser_column(const struct csv_parser *parser, size_t index)
{
	return parser->fields[index].place.column;
}

void csv_parser_bad_place(
	const struct csv_parser *parser, size_t *line_r, size_t *column_r)
{
	*line_r = parser->bad.line;
	*column_r = parser->bad.column;
}
