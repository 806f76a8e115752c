/* SPDX-License-Identifier: BSD-2-Clause */
/* mbox files taken apart: where messages begin and end, and their dates. */
#include "config.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "copier/mbox_parse.h"

#include "lib/buffer.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* All messages of an mbox as text: "[date flags deleted internal length|octets
 * ]", read in pieces. */
static void read_mbox(const char *input, size_t size, size_t piece,
	enum mailbox_quoting quoting, struct buffer *text)
{
	struct mbox_parser parser;
	enum mbox_event event = MBOX_MORE;
	struct buffer body = BUFFER_EMPTY;
	size_t at = 0, used = 0;
	bool finishing = false;

	buffer_clear(text);
	buffer_add(text, "", 0);
	mbox_parse_begin(&parser, quoting);
	for (;;) {
		size_t give = size - at < piece ? size - at : piece;

		if (!finishing) {
			event = mbox_parse_feed(
				&parser, input + at, give, &used);
			at += used;
			finishing = event == MBOX_MORE && at == size;
			if (finishing)
				continue;
		} else {
			event = mbox_parse_finish(&parser);
			if (event == MBOX_MORE)
				break;
		}
		if (event == MBOX_BAD) {
			buffer_add_text(text, "BAD");
			break;
		}
		if (event == MBOX_BEGIN) {
			buffer_printf(text, "[%s", parser.date);
			buffer_clear(&body);
			buffer_add(&body, "", 0);
		}
		if (event == MBOX_DATA)
			buffer_add(&body, parser.data, parser.data_size);
		if (event == MBOX_HEAD && parser.content_length >= 0)
			mbox_parse_trust(
				&parser, (uint64_t)parser.content_length);
		if (event == MBOX_END)
			buffer_printf(text, "|%s|%s%s%s]", parser.flags.data,
				parser.deleted ? "gone|" : "",
				parser.internal ? "internal|" : "", body.data);
	}
	mbox_parse_free(&parser);
	buffer_free(&body);
}

#define FROM  "From a@b Tue May  5 10:00:01 2015\n"
#define BEGIN "[ 5-May-2015 10:00:01 +0000|"

static const struct {
	const char *input;
	const char *none; /* as read without, with and with all unquoting */
	const char *mboxo;
	const char *mboxrd;
} mbox_cases[] = {
	{ "", "", NULL, NULL },
	{ "\n\r\n", "", NULL, NULL },
	{ "Subject: x\n\n", "BAD", NULL, NULL },
	{ "From", "BAD", NULL, NULL },
	{ FROM "A: b\n\nx\n\n" FROM "\ny\n",
		BEGIN "|A: b\n\nx\n]" BEGIN "|\ny\n]", NULL, NULL },
	{ FROM "A: b\n\n" FROM "C: d\n", BEGIN "|A: b\n\n]" BEGIN "|C: d\n]",
		NULL, NULL },
	{ "\n" FROM "A: b\r\n\r\nx\r\n\r\n" FROM "\n\n\n\n",
		BEGIN "|A: b\r\n\r\nx\r\n]" BEGIN "|\n\n\n]", NULL, NULL },
	/* Without an empty line before it, without a date: no From_ line. */
	{ FROM "\nx\n" FROM "y\n\nFrom me to you\n\nFrom \n",
		BEGIN "|\nx\n" FROM "y\n\nFrom me to you\n\nFrom \n]", NULL,
		NULL },
	/* Unless the first has none either. */
	{ "From x\n\na\n\nFrom y\n\nb", "[||\na\n][||\nb]", NULL, NULL },
	{ FROM "\n\n>From a\n>>From b\n>Fromage\n> From\n>\n",
		BEGIN "|\n\n>From a\n>>From b\n>Fromage\n> From\n>\n]",
		BEGIN "|\n\nFrom a\n>>From b\n>Fromage\n> From\n>\n]",
		BEGIN "|\n\nFrom a\n>From b\n>Fromage\n> From\n>\n]" },
	{ FROM "Status: RO\nX-Status: AFTD\nX-Keywords: one (two\n three "
	       "four\nSubject: s\n folded\nX-UID: 5\nX-IMAPbase: 1 2\n\nb\n",
		BEGIN "\\Seen \\Answered \\Flagged \\Draft \\Deleted one three "
		      "four |Subject: s\n folded\n\nb\n]",
		NULL, NULL },
	{ FROM "X-Mozilla-Status: 0009\nX-Mozilla-Status2: 00000000\n"
	       "X-Mozilla-Keys: $label1          \n\nb\n",
		BEGIN "\\Seen $label1 |gone|\nb\n]", NULL, NULL },
	{ FROM "X-Mozilla-Status: 1006\n\nb\n",
		BEGIN "\\Answered \\Flagged $Forwarded |\nb\n]", NULL, NULL },
	{ FROM "Subject: DON'T DELETE THIS MESSAGE -- FOLDER\n"
	       "X-IMAP: 1 2\n\nb\n",
		BEGIN "|internal|Subject: DON'T DELETE THIS MESSAGE -- "
		      "FOLDER\n\nb\n]",
		NULL, NULL },
	{ FROM "X-IMAP: 1 2\n\nb\n", BEGIN "|\nb\n]", NULL, NULL },
	{ FROM "A: b", BEGIN "|A: b]", NULL, NULL },
	{ FROM, BEGIN "|]", NULL, NULL },
	{ FROM "\na\n\n" FROM, BEGIN "|\na\n]" BEGIN "|]", NULL, NULL },
	{ FROM "Status: R", BEGIN "\\Seen |]", NULL, NULL },
	{ FROM "\nFr", BEGIN "|\nFr]", NULL, NULL },
	{ FROM "\n\n\nx", BEGIN "|\n\n\nx]", NULL, NULL },
};

static void takes_mbox_files_apart(void **state)
{
	struct buffer text = BUFFER_EMPTY;
	size_t i, piece;

	(void)state;
	for (i = 0; i < COUNT(mbox_cases); i++) {
		const char *input = mbox_cases[i].input;
		size_t size = strlen(input);

		for (piece = 1; piece <= size + 1; piece++) {
			read_mbox(input, size, piece, MAILBOX_QUOTING_NONE,
				&text);
			assert_string_equal(text.data, mbox_cases[i].none);
			read_mbox(input, size, piece, MAILBOX_QUOTING_MBOXO,
				&text);
			assert_string_equal(
				text.data, mbox_cases[i].mboxo != NULL
						   ? mbox_cases[i].mboxo
						   : mbox_cases[i].none);
			read_mbox(input, size, piece, MAILBOX_QUOTING_MBOXRD,
				&text);
			assert_string_equal(
				text.data, mbox_cases[i].mboxrd != NULL
						   ? mbox_cases[i].mboxrd
						   : mbox_cases[i].none);
		}
	}
	buffer_free(&text);
}

static void believes_a_length(void **state)
{
	static const char input[] =
		FROM "content-length: 38\n\n" FROM "\nx\n\n\n" FROM "\ny\n";
	struct buffer text = BUFFER_EMPTY;
	size_t piece;

	(void)state;
	for (piece = 1; piece < sizeof(input); piece++) {
		read_mbox(input, sizeof(input) - 1, piece,
			MAILBOX_QUOTING_MBOXRD, &text);
		assert_string_equal(
			text.data, BEGIN "|\n" FROM "\nx\n\n]" BEGIN "|\ny\n]");
	}
	buffer_free(&text);
}

static void survives_long_lines(void **state)
{
	static const char *const starts[] = { "From ", ">From ", "x",
		"Status: ", "Subject: ", " " };
	struct buffer input = BUFFER_EMPTY, text = BUFFER_EMPTY,
		      other = BUFFER_EMPTY;
	size_t i, size;
	int body;

	(void)state;
	for (i = 0; i < COUNT(starts); i++)
		for (body = 0; body < 2; body++)
			for (size = MBOX_LINE - 8; size < MBOX_LINE + 4;
				size++) {
				buffer_clear(&input);
				buffer_printf(&input, "%s%s%s%0*d\nlast\n",
					FROM, body ? "\n\n" : "", starts[i],
					(int)size, 0);
				read_mbox(input.data, input.size, SIZE_MAX,
					MAILBOX_QUOTING_NONE, &text);
				read_mbox(input.data, input.size, 1,
					MAILBOX_QUOTING_NONE, &other);
				assert_string_equal(text.data, other.data);
				assert_non_null(strstr(text.data, "last\n]"));
			}
	buffer_free(&input);
	buffer_free(&text);
	buffer_free(&other);
}

static void reads_from_lines(void **state)
{
	static const struct {
		const char *line;
		int result;
		const char *date;
	} cases[] = {
		{ "From a@b Tue May  5 10:00:01 2015", 1,
			" 5-May-2015 10:00:01 +0000" },
		{ "From - Tue May 05 10:00 2015", 1,
			" 5-May-2015 10:00:00 +0000" },
		{ "From a b c Tue May 5 10:00:01 +0200 2015", 1,
			" 5-May-2015 10:00:01 +0200" },
		{ "From a Tue May 5 10:00:01 2015 -0330 remote from x", 1,
			" 5-May-2015 10:00:01 -0330" },
		{ "From Mon Tue May 5 10:00:01 CEST 2015\r", 1,
			" 5-May-2015 10:00:01 +0000" },
		{ "From  Tue May 5 10:00:01 2015", 1,
			" 5-May-2015 10:00:01 +0000" },
		{ "From a Tue May 32 10:00:01 2015", 0, "" },
		{ "From a Tue May 5 24:00:01 2015", 0, "" },
		{ "From a Tue May 5 10:00:01", 0, "" },
		{ "From a Tue May", 0, "" },
		{ "From a", 0, "" },
		{ "From ", 0, "" },
		{ "From", -1, "" },
		{ "from a", -1, "" },
	};
	char date[MAILDATE_SIZE];
	size_t i, cut;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		size_t size = strlen(cases[i].line);

		assert_int_equal(mbox_from_date(cases[i].line, size, date),
			cases[i].result);
		assert_string_equal(date, cases[i].date);
		for (cut = 0; cut < size; cut++) {
			char *copy = malloc(cut > 0 ? cut : 1);

			memcpy(copy, cases[i].line, cut);
			mbox_from_date(copy, cut, date);
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_mbox_files_apart),
		cmocka_unit_test(believes_a_length),
		cmocka_unit_test(survives_long_lines),
		cmocka_unit_test(reads_from_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
