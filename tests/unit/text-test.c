/* SPDX-License-Identifier: BSD-2-Clause */
/* Text and tables on their way to a terminal. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ctl/columns.h"
#include "ctl/text.h"

static void cleans(void **state)
{
	static const struct {
		const char *text, *clean;
		size_t width;
	} cases[] = {
		{ "", "", 0 },
		{ "plain", "plain", 5 },
		{ "\033[2Jx", "?[2Jx", 5 },
		{ "a\nb\tc", "a b c", 5 },
		{ "a\rb\177", "a?b?", 4 },
		{ "\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac", 2 },
		/* CSI as one character */
		{ "\xc2\x9b"
		  "2J",
			"?2J", 3 },
		{ "\xff\xfe", "??", 2 },
		{ "\xc3", "?", 1 },
		/* right-to-left override */
		{ "a\xe2\x80\xae"
		  "b",
			"a?b", 3 },
		/* wide, and one that joins the character before */
		{ "\xe6\xbc\xa2", "\xe6\xbc\xa2", 2 },
		{ "e\xcc\x81", "e\xcc\x81", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buffer out = BUFFER_EMPTY;

		buffer_add_text(&out, "");
		text_add(&out, cases[i].text);
		assert_string_equal(out.data, cases[i].clean);
		assert_int_equal(text_width(cases[i].text), cases[i].width);
		buffer_free(&out);
	}
}

static void fits(void **state)
{
	static const struct {
		const char *text;
		size_t width;
		bool right;
		const char *fitted;
	} cases[] = {
		{ "abc", 5, false, "abc  " },
		{ "abc", 5, true, "  abc" },
		{ "abc", 3, false, "abc" },
		{ "abc", 2, false, "a~" },
		{ "abc", 1, true, "~" },
		{ "abc", 0, false, "" },
		{ "", 2, false, "  " },
		{ "\xc3\xa4\xc3\xb6\xc3\xbc", 2, false, "\xc3\xa4~" },
		/* half of a wide character does not fit: a blank behind */
		{ "\xe6\xbc\xa2\xe6\xbc\xa2", 3, false, "\xe6\xbc\xa2~" },
		{ "\xe6\xbc\xa2\xe6\xbc\xa2", 2, false, "~ " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buffer out = BUFFER_EMPTY;

		buffer_add_text(&out, "");
		text_add_fit(
			&out, cases[i].text, cases[i].width, cases[i].right);
		assert_string_equal(out.data, cases[i].fitted);
		buffer_free(&out);
	}
}

static const struct column specification[] = {
	{ "ADDRESS", false, 8 },
	{ "COUNT", true, 0 },
	{ "NOTE", false, 4 },
};

static const char *const rows[][3] = {
	{ "ann@example.org", "7", NULL },
	{ "b@example.org", "12,345", "held: \033[1m" },
};

static char *print_table(size_t width, bool flush_between)
{
	struct columns *columns = columns_new(specification, 3);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	columns_add(columns, rows[0]);
	if (flush_between)
		columns_flush(columns, width, out);
	columns_add(columns, rows[1]);
	columns_flush(columns, width, out);
	assert_int_equal(columns_rows(columns), 0);
	columns_flush(columns, width, out);
	fclose(out);
	columns_free(&columns);
	columns_free(&columns);
	return text;
}

static void tables(void **state)
{
	static const struct {
		size_t width;
		bool flush_between;
		const char *text;
	} cases[] = {
		{ 0, false,
			"ADDRESS           COUNT  NOTE\n"
			"ann@example.org       7\n"
			"b@example.org    12,345  held: ?[1m\n" },
		{ 0, true,
			"ADDRESS          COUNT  NOTE\n"
			"ann@example.org      7\n"
			"b@example.org    12,345  held: ?[1m\n" },
		{ 30, false,
			"ADDRESS           COUNT  NOTE\n"
			"ann@example.org       7\n"
			"b@example.org    12,345  held~\n" },
		{ 22, false,
			"ADDRESS    COUNT  NOTE\n"
			"ann@exa~       7\n"
			"b@examp~  12,345  hel~\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *text =
			print_table(cases[i].width, cases[i].flush_between);

		assert_string_equal(text, cases[i].text);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cleans),
		cmocka_unit_test(fits),
		cmocka_unit_test(tables),
	};

	/* widths of characters are the locale's */
	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
		puts("1..0 # SKIP there is no locale C.UTF-8");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
