/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The attribute parser: whatever the pieces in which a stream arrives, the
 * messages are the same, and what was read is printed and read again the same.
 * The first byte of the input says form and size of the pieces.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/attr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void compare(const struct attr_list *a, const struct attr_list *b)
{
	size_t i;

	expect(attr_list_count(a) == attr_list_count(b));
	for (i = 0; i < attr_list_count(a); i++) {
		expect(strcmp(attr_list_name(a, i), attr_list_name(b, i)) == 0);
		expect(strcmp(attr_list_value(a, i), attr_list_value(b, i)) ==
			0);
		expect(attr_list_get(a, attr_list_name(a, i)) != NULL);
	}
}

/* Feeds in pieces up to the end of a message; returns as feed does. */
static int feed(struct attr_parser *parser, const char *data, size_t size,
	size_t piece, size_t *taken_r)
{
	int result = 0;

	*taken_r = 0;
	while (result == 0 && *taken_r < size) {
		size_t rest = size - *taken_r;
		size_t given = piece < rest ? piece : rest;
		size_t used = 0;

		result = attr_parser_feed(
			parser, data + *taken_r, given, &used, NULL);
		expect(used <= given && (result != 0 || used == given));
		*taken_r += used;
	}
	return result;
}

/* Printed in control form and read again it is the same. */
static void print_and_compare(const struct attr_list *list)
{
	struct attr_parser *parser = attr_parser_new(ATTR_CONTROL);
	struct buffer buffer = BUFFER_EMPTY;
	size_t taken;

	attr_print(list, ATTR_CONTROL, &buffer);
	/* escapes may make it longer than a message can be */
	if (buffer.size <= ATTR_MESSAGE_MAX) {
		expect(feed(parser, buffer.data, buffer.size, SIZE_MAX,
			       &taken) == 1);
		expect(taken == buffer.size);
		compare(list, attr_parser_message(parser));
	}
	buffer_free(&buffer);
	attr_parser_free(&parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	enum attr_form form;
	struct attr_parser *whole, *pieces;
	size_t at = 0, piece, taken, taken_pieces;
	int result;

	if (size < 1)
		return 0;
	form = (data[0] & 0x80) != 0 ? ATTR_CONTROL : ATTR_POLICY;
	piece = 1 + (data[0] & 0x7f);
	size--;
	whole = attr_parser_new(form);
	pieces = attr_parser_new(form);
	do {
		result = feed(whole, text + at, size - at, SIZE_MAX, &taken);
		expect(feed(pieces, text + at, size - at, piece,
			       &taken_pieces) == result);
		expect(attr_parser_midway(whole) == attr_parser_midway(pieces));
		if (result == 1) {
			expect(taken == taken_pieces);
			compare(attr_parser_message(whole),
				attr_parser_message(pieces));
			print_and_compare(attr_parser_message(whole));
		}
		at += taken;
	} while (result == 1);
	attr_parser_free(&whole);
	attr_parser_free(&pieces);
	return 0;
}
