/* SPDX-License-Identifier: BSD-2-Clause */
/* CSV: what is read, what is refused and where, whatever pieces it comes in. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/csv.h"
#include "lib/buffer.h"

/* Everything a parser gives: fields as [TEXT], a record's end as "|", an error
 * as "!LINE:COLUMN " and its text. */
static void take(struct csv_parser *parser, int result,
	const struct error *error, struct buffer *seen)
{
	size_t line, column;

	if (result == 0)
		return;
	if (result < 0) {
		csv_parser_bad_place(parser, &line, &column);
		buffer_printf(seen, "!%zu:%zu %s|", line, column, error->text);
		return;
	}
	for (size_t i = 0; i < csv_parser_fields(parser); i++)
		buffer_printf(seen, "[%s]", csv_parser_field(parser, i));
	buffer_add_text(seen, "|");
}

/* Reads text in pieces of that many bytes. */
static char *read_all(const char *text, size_t size, size_t piece)
{
	struct csv_parser *parser = csv_parser_new();
	struct buffer seen = BUFFER_EMPTY;
	struct error error;
	size_t used, idle = 0;
	int result;

	buffer_add_text(&seen, "");
	while (size > 0) {
		size_t part = piece < size ? piece : size;

		result = csv_parser_feed(parser, text, part, &used, &error);
		take(parser, result, &error, &seen);
		assert_true(used <= part);
		/* a call takes bytes or tells something */
		idle = used == 0 ? idle + 1 : 0;
		assert_true(idle < 2);
		text += used;
		size -= used;
	}
	result = csv_parser_finish(parser, &error);
	take(parser, result, &error, &seen);
	assert_int_equal(csv_parser_finish(parser, &error), 0);
	csv_parser_free(&parser);
	assert_null(parser);
	csv_parser_free(&parser);
	return seen.data;
}

static void check(const char *text, size_t size, const char *expected)
{
	static const size_t pieces[] = { 1, 2, 3, 5, 1 << 20 };

	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		char *seen = read_all(text, size, pieces[i]);

		if (strcmp(seen, expected) != 0)
			fail_msg("%s in pieces of %zu: %s, not %s", text,
				pieces[i], seen, expected);
		free(seen);
	}
}

static void reads(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "", "" },
		{ "a", "[a]|" },
		{ "a\n", "[a]|" },
		{ "a,b,c\n", "[a][b][c]|" },
		{ "a,b\nc,d", "[a][b]|[c][d]|" },
		{ "a,b\r\nc,d\r\n", "[a][b]|[c][d]|" },
		{ ",\n", "[][]|" },
		{ "a,", "[a][]|" },
		{ "a,\n", "[a][]|" },
		{ "\n", "[]|" },
		{ "\r\n", "[]|" },
		{ "a\n\nb\n", "[a]|[]|[b]|" },
		{ "\"a\"\n", "[a]|" },
		{ "\"\"\n", "[]|" },
		{ "\"\"", "[]|" },
		{ "\"a,b\",c\n", "[a,b][c]|" },
		{ "\"a\"\"b\"\n", "[a\"b]|" },
		{ "\"\"\"\"\n", "[\"]|" },
		{ "\"a\nb\",c\n", "[a\nb][c]|" },
		{ "\"a\r\nb\"\r\n", "[a\r\nb]|" },
		{ "\"a\",\"b\"", "[a][b]|" },
		{ " a , b \n", "[ a ][ b ]|" },
		{ "a\tb\n", "[a\tb]|" },
		{ "\xef\xbb\xbf"
		  "a,b\n",
			"[a][b]|" },
		{ "\xef\xbb\xbf\"a\"\n", "[a]|" },
		{ "\xef\xbb\xbf", "" },
		{ "\xef\xbb\xbf\n", "[]|" },
		/* only at the front */
		{ "a\n\xef\xbb\xbf"
		  "b\n",
			"[a]|[\xef\xbb\xbf"
			"b]|" },
		{ "\xef\xbb\xbe\n", "[\xef\xbb\xbe]|" },
		{ "\xc3\xa4,\xe2\x82\xac,\xf0\x9f\x93\xac\n",
			"[\xc3\xa4][\xe2\x82\xac][\xf0\x9f\x93\xac]|" },
		{ "\xc2\xa0\n", "[\xc2\xa0]|" },
		{ "\xf4\x8f\xbf\xbf\n", "[\xf4\x8f\xbf\xbf]|" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(cases[i].text, strlen(cases[i].text), cases[i].expected);
}

#define NOT_UTF8(byte) "not UTF-8 (byte 0x" byte "); save the file as UTF-8|"
#define INNER_QUOTE    "a quote inside a field that does not begin with one|"
#define BEHIND	       "text behind a closing quote|"
#define LONE_CR	       "CR without LF behind it|"

static void refuses(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "a\"b\nc\n", "!1:2 " INNER_QUOTE "[c]|" },
		{ "x,a\"b\",c\nd\n", "!1:4 " INNER_QUOTE "[d]|" },
		{ "\"a\"b\nc\n", "!1:4 " BEHIND "[c]|" },
		{ "\"a\" ,b\nc", "!1:4 " BEHIND "[c]|" },
		{ "x\n\"a\nb\"c\nd\n", "[x]|!3:3 " BEHIND "[d]|" },
		{ "a\rb\nc\n", "!1:3 " LONE_CR "[c]|" },
		{ "a\r", "!1:3 " LONE_CR },
		{ "\"a\"\rb\n", "!1:5 " LONE_CR },
		{ "x\ny,\"a", "[x]|!2:3 this quote is never closed|" },
		{ "\"a\n\n", "!1:1 this quote is never closed|" },
		{ "a\001b\nc\n", "!1:2 control character 0x01|[c]|" },
		{ "a\x7f\nc\n", "!1:2 control character 0x7f|[c]|" },
		{ "\"a\033b\"\nc\n", "!1:3 control character 0x1b|[c]|" },
		{ "\xc3\xa4\xc2\x9b\nc\n",
			"!1:2 control character U+009B|[c]|" },
		{ "a\xff\nc\n", "!1:2 " NOT_UTF8("ff") "[c]|" },
		{ "\xe4\nc\n", "!1:1 " NOT_UTF8("e4") "[c]|" },
		{ "\xc0\x80\nc\n", "!1:1 " NOT_UTF8("c0") "[c]|" },
		{ "\xc1\xbf\nc\n", "!1:1 " NOT_UTF8("c1") "[c]|" },
		{ "\x80\nc\n", "!1:1 " NOT_UTF8("80") "[c]|" },
		{ "\xe0\x80\x80\nc\n", "!1:1 " NOT_UTF8("e0") "[c]|" },
		{ "\xed\xa0\x80\nc\n", "!1:1 " NOT_UTF8("ed") "[c]|" },
		{ "\xf0\x80\x80\x80\nc\n", "!1:1 " NOT_UTF8("f0") "[c]|" },
		{ "\xf4\x90\x80\x80\nc\n", "!1:1 " NOT_UTF8("f4") "[c]|" },
		{ "\xf5\x80\nc\n", "!1:1 " NOT_UTF8("f5") "[c]|" },
		{ "\xc3", "!1:1 the file ends in the middle of a character|" },
		{ "x\na\"b\n\"c\nd\"\ne\"f\ng\n",
			"[x]|!2:2 " INNER_QUOTE "[c\nd]|!5:2 " INNER_QUOTE
			"[g]|" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(cases[i].text, strlen(cases[i].text), cases[i].expected);
	check("a\0b\nc\n", 6, "!1:2 control character 0x00|[c]|");
}

static void tells_places(void **state)
{
	static const char text[] = "\xc3\xa4\xc3\xb6,b\n\"x\ny\",\"z\"\nw\n";
	static const size_t places[][2] = { { 1, 1 }, { 1, 4 }, { 2, 1 },
		{ 3, 4 }, { 4, 1 } };
	struct csv_parser *parser = csv_parser_new();
	size_t at = 0, used, place = 0;
	struct error error;

	(void)state;
	while (at < sizeof(text) - 1) {
		assert_int_equal(csv_parser_feed(parser, text + at,
					 sizeof(text) - 1 - at, &used, &error),
			1);
		at += used;
		for (size_t i = 0; i < csv_parser_fields(parser); i++) {
			assert_int_equal(
				csv_parser_line(parser, i), places[place][0]);
			assert_int_equal(
				csv_parser_column(parser, i), places[place][1]);
			place++;
		}
	}
	assert_int_equal(place, 5);
	csv_parser_free(&parser);
}

/* A text of size times byte, then more. */
static char *stretch(size_t size, char byte, const char *more)
{
	char *text = malloc(size + strlen(more) + 1);

	assert_non_null(text);
	memset(text, byte, size);
	strcpy(text + size, more);
	return text;
}

static void check_limit(
	size_t size, char byte, const char *more, const char *expected)
{
	char *text = stretch(size, byte, more);
	char *seen = read_all(text, strlen(text), 1000);

	assert_string_equal(seen, expected);
	free(seen);
	free(text);
}

static void keeps_limits(void **state)
{
	struct buffer record = BUFFER_EMPTY;
	char *text = stretch(CSV_FIELD_MAX, 'a', "\n"), *seen;

	(void)state;
	seen = read_all(text, strlen(text), 1000);
	assert_int_equal(strlen(seen), CSV_FIELD_MAX + 3);
	free(seen);
	free(text);
	check_limit(CSV_FIELD_MAX + 1, 'a', "\nb\n",
		"!1:1 field of more than 65536 bytes; is a quote missing?|"
		"[b]|");
	check_limit(
		CSV_FIELDS_MAX, ',', "\nb\n", "!1:65 more than 64 fields|[b]|");

	for (int i = 0; i < 5; i++) {
		text = stretch(60000, 'a', ",");
		buffer_add_text(&record, text);
		free(text);
	}
	buffer_add_text(&record, "\nb\n");
	seen = read_all(record.data, record.size, 1000);
	assert_string_equal(seen,
		"!1:262145 record of more than 262144 bytes; is a quote "
		"missing?|[b]|");
	free(seen);
	buffer_free(&record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(refuses),
		cmocka_unit_test(tells_places),
		cmocka_unit_test(keeps_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
