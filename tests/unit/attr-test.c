/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/attr: lists, the printer, and the parser fed in pieces of every size. */
#include "config.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/attr.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define N16	     "0123456789abcdef"
#define N64	     N16 N16 N16 N16

/* Feeds in pieces of that size, until a message ends or the data do. */
static int feed(struct attr_parser *parser, const char *data, size_t size,
	size_t piece, size_t *taken_r, struct error *error)
{
	int result = 0;

	*taken_r = 0;
	while (result == 0 && *taken_r < size) {
		size_t rest = size - *taken_r;
		size_t given = piece < rest ? piece : rest;
		size_t used = SIZE_MAX;

		result = attr_parser_feed(
			parser, data + *taken_r, given, &used, error);
		assert_true(used <= given);
		if (result == 0)
			assert_int_equal(used, given);
		*taken_r += used;
	}
	return result;
}

/* A list as "name=value;name=value;" to compare with. */
static void flatten(const struct attr_list *list, struct buffer *buffer)
{
	size_t i;

	buffer_clear(buffer);
	buffer_add(buffer, "", 0);
	for (i = 0; i < attr_list_count(list); i++)
		buffer_printf(buffer, "%s=%s;", attr_list_name(list, i),
			attr_list_value(list, i));
}

static const struct {
	enum attr_form form;
	const char *data;
	const char *flat; /* NULL: refused */
	const char *cause;
} messages[] = {
	{ ATTR_POLICY, "a=b\n\n", "a=b;", NULL },
	{ ATTR_POLICY, "\n", "", NULL },
	{ ATTR_POLICY, "a=\n\n", "a=;", NULL },
	{ ATTR_POLICY, "a=b=c\n\n", "a=b=c;", NULL },
	{ ATTR_POLICY, "a= b \n\n", "a= b ;", NULL },
	{ ATTR_POLICY, "a=1\na=2\n\n", "a=1;a=2;", NULL },
	{ ATTR_POLICY, "a=x\\ny\\\n\n", "a=x\\ny\\;", NULL },
	{ ATTR_POLICY, "a=x\ty\n\n", "a=x\ty;", NULL },
	{ ATTR_POLICY, "a=\xc3\xa4\xff\n\n", "a=\xc3\xa4\xff;", NULL },
	{ ATTR_POLICY, "Az09_.-=v\n\n", "Az09_.-=v;", NULL },
	{ ATTR_POLICY, N64 "=v\n\n", N64 "=v;", NULL },
	{ ATTR_CONTROL, "a=x\\ny\\\\z\n\n", "a=x\ny\\z;", NULL },
	{ ATTR_CONTROL, "a=\\\\n\n\n", "a=\\n;", NULL },
	{ ATTR_CONTROL, "a=\\n\nb=2\n\n", "a=\n;b=2;", NULL },
	{ ATTR_CONTROL, "a=x\\ty\n\n", NULL, "bad escape" },
	{ ATTR_CONTROL, "a=x\\\n\n", NULL, "bad escape" },
	{ ATTR_CONTROL, "a=x\\\\\\\n\n", NULL, "bad escape" },
	{ ATTR_POLICY, "a\n\n", NULL, "not NAME=VALUE" },
	{ ATTR_POLICY, "=b\n\n", NULL, "not NAME=VALUE" },
	{ ATTR_POLICY, "a b=c\n\n", NULL, "not NAME=VALUE" },
	{ ATTR_POLICY, " a=b\n\n", NULL, "not NAME=VALUE" },
	{ ATTR_POLICY, "\xc3\xa4=b\n\n", NULL, "not NAME=VALUE" },
	{ ATTR_POLICY, N64 "a=v\n\n", NULL, "not NAME=VALUE" },
	{ ATTR_POLICY, "a=b\r\n\r\n", NULL, "control character" },
	{ ATTR_POLICY, "a=b\x1f\n\n", NULL, "control character" },
	{ ATTR_POLICY, "a=b\x7f\n\n", NULL, "control character" },
	{ ATTR_POLICY, "ok=1\n\r\n\n", NULL, "not NAME=VALUE" },
	{ ATTR_POLICY, "{\"a\": 1}\n\n", NULL, "not NAME=VALUE" },
	{ ATTR_POLICY, "GET / HTTP/1.0\n\n", NULL, "not NAME=VALUE" },
};

static void test_parse(void **state)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 4096 };
	struct buffer flat = BUFFER_EMPTY;
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(messages); i++) {
		for (k = 0; k < COUNT(pieces); k++) {
			struct attr_parser *parser =
				attr_parser_new(messages[i].form);
			size_t size = strlen(messages[i].data);
			struct error error = { "" };
			size_t taken;
			int result = feed(parser, messages[i].data, size,
				pieces[k], &taken, &error);

			assert_int_equal(
				result, messages[i].flat == NULL ? -1 : 1);
			if (result == 1) {
				assert_int_equal(taken, size);
				assert_false(attr_parser_midway(parser));
				flatten(attr_parser_message(parser), &flat);
				assert_string_equal(
					flat.data, messages[i].flat);
			} else {
				assert_non_null(
					strstr(error.text, messages[i].cause));
			}
			attr_parser_free(&parser);
			assert_null(parser);
		}
	}
	buffer_free(&flat);
}

/* NUL bytes cannot be written as text above. */
static void test_parse_nul(void **state)
{
	static const char *const data[] = { "a=b\0c\n\n", "\0=bcde\n",
		"a\0=bcd\n", "\0\n\n\n\n\n\n" };
	size_t i, taken;

	(void)state;
	for (i = 0; i < COUNT(data); i++) {
		struct attr_parser *parser = attr_parser_new(ATTR_CONTROL);

		assert_int_equal(feed(parser, data[i], 7, 1, &taken, NULL), -1);
		attr_parser_free(&parser);
	}
}

/* Messages behind each other; nothing of one is left in the next. */
static void test_parse_stream(void **state)
{
	static const char data[] = "a=1\nb=2\n\nb=3\n\n\nc=4\n\na=";
	static const char *const flats[] = { "a=1;b=2;", "b=3;", "", "c=4;" };
	struct attr_parser *parser = attr_parser_new(ATTR_POLICY);
	struct buffer flat = BUFFER_EMPTY;
	struct error error;
	size_t at = 0, i, taken;

	(void)state;
	assert_false(attr_parser_midway(parser));
	for (i = 0; i < COUNT(flats); i++) {
		assert_int_equal(feed(parser, data + at, sizeof(data) - 1 - at,
					 4096, &taken, &error),
			1);
		at += taken;
		flatten(attr_parser_message(parser), &flat);
		assert_string_equal(flat.data, flats[i]);
		assert_false(attr_parser_midway(parser));
	}
	assert_null(attr_list_get(attr_parser_message(parser), "a"));
	/* nothing given: the message stays */
	assert_int_equal(attr_parser_feed(parser, "", 0, &taken, &error), 0);
	assert_int_equal(attr_list_count(attr_parser_message(parser)), 1);
	assert_int_equal(feed(parser, data + at, sizeof(data) - 1 - at, 4096,
				 &taken, &error),
		0);
	assert_true(attr_parser_midway(parser));
	attr_parser_free(&parser);
	buffer_free(&flat);
}

/* After bad bytes nothing more is taken, not even good ones. */
static void test_parse_broken(void **state)
{
	struct attr_parser *parser = attr_parser_new(ATTR_POLICY);
	struct error error;
	size_t used;

	(void)state;
	assert_int_equal(attr_parser_feed(parser, "x\n", 2, &used, &error), -1);
	assert_int_equal(
		attr_parser_feed(parser, "a=b\n\n", 5, &used, &error), -1);
	assert_int_equal(used, 0);
	attr_parser_free(&parser);
}

/* A message of that many lines, each "NAME=" and a value of that size. */
static int feed_large(enum attr_form form, size_t lines, size_t value_size,
	char byte, size_t piece)
{
	struct attr_parser *parser = attr_parser_new(form);
	struct buffer data = BUFFER_EMPTY;
	size_t taken;
	int result;

	while (lines-- > 0) {
		char *value = malloc(value_size);

		memset(value, byte, value_size);
		buffer_add_text(&data, "a=");
		buffer_add(&data, value, value_size);
		buffer_add_text(&data, "\n");
		free(value);
	}
	buffer_add_text(&data, "\n");
	result = feed(parser, data.data, data.size, piece, &taken, NULL);
	buffer_free(&data);
	attr_parser_free(&parser);
	return result;
}

static void test_parse_limits(void **state)
{
	/* so many lines of 1024 bytes fill a message, but for the last byte */
	const size_t fill = ATTR_MESSAGE_MAX / 1024;
	const struct {
		enum attr_form form;
		size_t lines, value_size;
		char byte;
		int result;
	} table[] = {
		{ ATTR_POLICY, 1, ATTR_VALUE_MAX, 'v', 1 },
		{ ATTR_POLICY, 1, ATTR_VALUE_MAX + 1, 'v', -1 },
		/* the value counts, not its escapes */
		{ ATTR_CONTROL, 1, 2 * ATTR_VALUE_MAX, '\\', 1 },
		{ ATTR_CONTROL, 1, 2 * ATTR_VALUE_MAX + 2, '\\', -1 },
		{ ATTR_POLICY, ATTR_COUNT_MAX, 1, 'v', 1 },
		{ ATTR_POLICY, ATTR_COUNT_MAX + 1, 1, 'v', -1 },
		{ ATTR_POLICY, fill - 1, 1021, 'v', 1 },
		{ ATTR_POLICY, fill, 1021, 'v', -1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		int whole = feed_large(table[i].form, table[i].lines,
			table[i].value_size, table[i].byte, SIZE_MAX);
		int pieces = feed_large(table[i].form, table[i].lines,
			table[i].value_size, table[i].byte, 1000);

		if (whole != table[i].result || pieces != table[i].result)
			fail_msg("limit %zu: %d, %d", i, whole, pieces);
	}
}

/* A line that never ends is refused at the limit, not collected for ever. */
static void test_parse_endless(void **state)
{
	struct attr_parser *parser = attr_parser_new(ATTR_POLICY);
	char piece[4096];
	size_t taken = 0, used;
	int result = 0;

	(void)state;
	memset(piece, 'a', sizeof(piece));
	while (result == 0 && taken < 4 * ATTR_MESSAGE_MAX) {
		result = attr_parser_feed(
			parser, piece, sizeof(piece), &used, NULL);
		taken += used;
	}
	assert_int_equal(result, -1);
	assert_true(taken <= ATTR_MESSAGE_MAX + sizeof(piece));
	attr_parser_free(&parser);
}

static void test_print(void **state)
{
	static const struct {
		const char *value, *policy, *control;
	} table[] = {
		{ "", "a=\n\n", "a=\n\n" },
		{ "x y", "a=x y\n\n", "a=x y\n\n" },
		{ "x\ty", "a=x\ty\n\n", "a=x\ty\n\n" },
		{ "x\ny", "a=x y\n\n", "a=x\\ny\n\n" },
		{ "\n\n", "a=  \n\n", "a=\\n\\n\n\n" },
		{ "x\\ny", "a=x\\ny\n\n", "a=x\\\\ny\n\n" },
		{ "x\r\x01\x7f", "a=x???\n\n", "a=x???\n\n" },
		{ "\xc3\xa4", "a=\xc3\xa4\n\n", "a=\xc3\xa4\n\n" },
	};
	struct attr_list *list = attr_list_new();
	struct buffer buffer = BUFFER_EMPTY;
	size_t i;

	(void)state;
	attr_print(list, ATTR_CONTROL, &buffer);
	assert_string_equal(buffer.data, "\n");
	for (i = 0; i < COUNT(table); i++) {
		attr_list_clear(list);
		attr_list_add(list, "a", table[i].value);
		buffer_clear(&buffer);
		attr_print(list, ATTR_POLICY, &buffer);
		assert_string_equal(buffer.data, table[i].policy);
		buffer_clear(&buffer);
		attr_print(list, ATTR_CONTROL, &buffer);
		assert_string_equal(buffer.data, table[i].control);
	}
	buffer_free(&buffer);
	attr_list_free(&list);
	assert_null(list);
	attr_list_free(&list);
}

static void test_list(void **state)
{
	struct attr_list *list = attr_list_new();
	struct attr_list *copy;
	size_t i;

	(void)state;
	assert_int_equal(attr_list_count(list), 0);
	assert_null(attr_list_get(list, "a"));
	attr_list_add(list, "a", "1");
	attr_list_printf(list, "b", "%d-%s", 2, "x");
	attr_list_add_number(list, "c", INT64_MIN);
	attr_list_add(list, "a", "second");
	/* values that come from the list itself, while its memory moves */
	for (i = 0; i < 1000; i++)
		attr_list_add(list, attr_list_name(list, 1),
			attr_list_value(list, 3 + i));
	assert_int_equal(attr_list_count(list), 1004);
	assert_string_equal(attr_list_get(list, "a"), "1");
	assert_string_equal(attr_list_get(list, "b"), "2-x");
	assert_string_equal(attr_list_get(list, "c"), "-9223372036854775808");
	assert_null(attr_list_get(list, "A"));
	assert_null(attr_list_get(list, ""));
	assert_string_equal(attr_list_name(list, 1003), "b");
	assert_string_equal(attr_list_value(list, 1003), "second");
	copy = attr_list_copy(list);
	attr_list_clear(list);
	assert_int_equal(attr_list_count(list), 0);
	assert_null(attr_list_get(list, "a"));
	assert_int_equal(attr_list_count(copy), 1004);
	assert_string_equal(attr_list_value(copy, 1003), "second");
	attr_list_add(copy, "z", "last");
	assert_string_equal(attr_list_get(copy, "z"), "last");
	attr_list_free(&copy);
	copy = attr_list_copy(list);
	assert_int_equal(attr_list_count(copy), 0);
	attr_list_free(&copy);
	attr_list_free(&list);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *value;
		int result;
		int64_t number;
	} table[] = {
		{ "0", 1, 0 },
		{ "-1", 1, -1 },
		{ "007", 1, 7 },
		{ "9223372036854775807", 1, INT64_MAX },
		{ "-9223372036854775808", 1, INT64_MIN },
		{ "9223372036854775808", -1, 77 },
		{ "-9223372036854775809", -1, 77 },
		{ "", -1, 77 },
		{ "-", -1, 77 },
		{ "--1", -1, 77 },
		{ "+1", -1, 77 },
		{ " 1", -1, 77 },
		{ "1 ", -1, 77 },
		{ "0x10", -1, 77 },
		{ "1.5", -1, 77 },
		{ "1\n", -1, 77 },
	};
	struct attr_list *list = attr_list_new();
	struct error error;
	int64_t number = 77;
	size_t i;

	(void)state;
	assert_int_equal(attr_list_get_number(list, "n", &number, &error), 0);
	assert_int_equal(number, 77);
	for (i = 0; i < COUNT(table); i++) {
		number = 77;
		attr_list_clear(list);
		attr_list_add(list, "n", table[i].value);
		assert_int_equal(
			attr_list_get_number(list, "n", &number, &error),
			table[i].result);
		assert_true(number == table[i].number);
	}
	attr_list_free(&list);
}

/* All that can be printed comes back the same from the control form. */
static void test_round_trip(void **state)
{
	struct attr_parser *parser = attr_parser_new(ATTR_CONTROL);
	struct attr_list *list = attr_list_new();
	struct buffer first = BUFFER_EMPTY, second = BUFFER_EMPTY;
	size_t i, taken;
	char value[256];

	(void)state;
	for (i = 1; i < 256; i++) {
		if ((i < 32 && i != '\n' && i != '\t') || i == 127)
			continue;
		snprintf(value, sizeof(value), "x%c%c\\n%cy", (int)i, (int)i,
			(int)i);
		attr_list_printf(list, "v", "%s", value);
	}
	attr_print(list, ATTR_CONTROL, &first);
	assert_int_equal(
		feed(parser, first.data, first.size, 1, &taken, NULL), 1);
	flatten(list, &first);
	flatten(attr_parser_message(parser), &second);
	assert_string_equal(first.data, second.data);
	buffer_free(&first);
	buffer_free(&second);
	attr_list_free(&list);
	attr_parser_free(&parser);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_nul),
		cmocka_unit_test(test_parse_stream),
		cmocka_unit_test(test_parse_broken),
		cmocka_unit_test(test_parse_limits),
		cmocka_unit_test(test_parse_endless),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
