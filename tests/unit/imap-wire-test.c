/* SPDX-License-Identifier: BSD-2-Clause */
/* Responses cut out of the bytes of an IMAP server, in whatever pieces. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "copier/imap_wire.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The events of a stream as text: "R<text>", "B<text>:<size>", "D<bytes>"
 * joined over pieces, "E"; "!" when the stream is bad. */
static void events(
	const char *stream, size_t size, size_t piece, struct buffer *text)
{
	struct imap_wire wire;
	struct error error;
	size_t at = 0, used;
	bool in_data = false;

	imap_wire_init(&wire);
	buffer_add(text, "", 0);
	for (;;) {
		size_t give = size - at < piece ? size - at : piece;
		enum imap_wire_event event =
			imap_wire_feed(&wire, stream + at, give, &used, &error);

		at += used;
		if (event != IMAP_WIRE_DATA && event != IMAP_WIRE_MORE)
			in_data = false;
		if (event == IMAP_WIRE_BAD) {
			buffer_add_text(text, "!");
			break;
		}
		if (event == IMAP_WIRE_MORE && at == size)
			break;
		if (event == IMAP_WIRE_RESPONSE) {
			buffer_add_text(text, "R<");
			buffer_add(text, wire.text.data, wire.text.size);
			buffer_add_text(text, ">");
		} else if (event == IMAP_WIRE_BODY) {
			buffer_printf(text, "B<%.*s:%llu>", (int)wire.text.size,
				wire.text.data, (unsigned long long)wire.body);
		} else if (event == IMAP_WIRE_DATA) {
			if (!in_data)
				buffer_add_text(text, "D");
			in_data = true;
			buffer_add(text, wire.data, wire.data_size);
		} else if (event == IMAP_WIRE_BODY_END) {
			buffer_add_text(text, "E");
		}
	}
	imap_wire_free(&wire);
}

static const struct {
	const char *stream;
	const char *events;
} wire_table[] = {
	{ "* OK hello\r\n", "R<* OK hello>" },
	{ "* OK bare\nA1 OK x\r\n", "R<* OK bare>R<A1 OK x>" },
	{ "* 1 EXISTS\r\n* 2 REC", "R<* 1 EXISTS>" },
	{ "\r\n", "R<>" },
	{ "+ go on\r\n", "R<+ go on>" },
	{ "+ {5}\r\n* X\r\n", "R<+ {5}>R<* X>" },
	/* free text announces nothing */
	{ "A1 NO no such folder {5}\r\nA2 OK\r\n",
		"R<A1 NO no such folder {5}>R<A2 OK>" },
	{ "* BYE {100000}\r\n", "R<* BYE {100000}>" },
	{ "* LIST () \"/\" {5}\r\nab\r\nc\r\n",
		"R<* LIST () \"/\" {5}\r\nab\r\nc>" },
	{ "* LIST () \"/\" {0}\r\n\r\n", "R<* LIST () \"/\" {0}\r\n>" },
	{ "* LIST () \"/\" \"{5}\"\r\n", "R<* LIST () \"/\" \"{5}\">" },
	{ "* STATUS {3}\r\na{1} (MESSAGES 1)\r\n",
		"R<* STATUS {3}\r\na{1} (MESSAGES 1)>" },
	{ "* 1 FETCH (UID 7 BODY[] {5}\r\nhe\r\no)\r\n",
		"B<* 1 FETCH (UID 7 BODY[] {5}:5>Dhe\r\noE"
		"R<* 1 FETCH (UID 7 BODY[] NIL)>" },
	{ "* 1 FETCH (BODY[] {0}\r\n UID 7)\r\nA1 OK\r\n",
		"B<* 1 FETCH (BODY[] {0}:0>E"
		"R<* 1 FETCH (BODY[] NIL UID 7)>R<A1 OK>" },
	{ "* 1 FETCH (BODY[] {2}\r\n{9})\r\n", "B<* 1 FETCH (BODY[] {2}:2>D{9E"
					       "R<* 1 FETCH (BODY[] NIL})>" },
	{ "* 1 FETCH (BODY[] {12}\r\nA1 OK done\r\n)\r\n",
		"B<* 1 FETCH (BODY[] {12}:12>DA1 OK done\r\nE"
		"R<* 1 FETCH (BODY[] NIL)>" },
	/* no body: only BODY[] of a FETCH is passed on */
	{ "* 1 FETCH (BODY[HEADER] {2}\r\nab)\r\n",
		"R<* 1 FETCH (BODY[HEADER] {2}\r\nab)>" },
	{ "* 1 X (BODY[] {2}\r\nab)\r\n", "R<* 1 X (BODY[] {2}\r\nab)>" },
	{ "* LIST BODY[] {2}\r\nab\r\n", "R<* LIST BODY[] {2}\r\nab>" },
	{ "* 1 FETCH (X {70000}\r\n", "!" },
	{ "* 1 FETCH (BODY[] {9999999999999999999}\r\n", "!" },
	{ "* LIST () \"/\" {99999999999}\r\n", "!" },
};

static void test_wire(void **state)
{
	size_t i, piece;

	(void)state;
	for (i = 0; i < COUNT(wire_table); i++)
		for (piece = 1; piece < 4096; piece *= 3) {
			struct buffer text = BUFFER_EMPTY;
			const char *stream = wire_table[i].stream;

			events(stream, strlen(stream), piece, &text);
			assert_string_equal(text.data, wire_table[i].events);
			buffer_free(&text);
		}
}

static void test_wire_limits(void **state)
{
	struct buffer stream = BUFFER_EMPTY, text = BUFFER_EMPTY;
	size_t i;

	(void)state;
	for (i = 0; i <= IMAP_WIRE_RESPONSE_MAX / 16; i++)
		buffer_add_text(&stream, "* OK never ending");
	events(stream.data, stream.size, 4096, &text);
	assert_string_equal(text.data, "!");
	buffer_free(&stream);
	buffer_free(&text);
	/* many small literals in one response */
	buffer_add_text(&stream, "* LIST () ");
	for (i = 0; i <= IMAP_WIRE_RESPONSE_MAX / 8; i++)
		buffer_add_text(&stream, "{2}\r\nab ");
	events(stream.data, stream.size, 4096, &text);
	assert_string_equal(text.data, "!");
	buffer_free(&stream);
	buffer_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wire),
		cmocka_unit_test(test_wire_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
