/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of accounts to be copied, and the progress bar. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "copier/copy_list.h"
#include "copier/progress.h"

static void test_lists(void **state)
{
	static const struct {
		const char *text;
		const char *says; /* NULL: it is right */
		size_t rows;
	} cases[] = {
		{ "source,destination\na,b\n", NULL, 1 },
		{ "source,destination\na,b\n\n\nc,d", NULL, 2 },
		{ "destination,source\r\nb,\"a,1\"\r\n", NULL, 1 },
		{ "source,destination,source_password_file\na,b,f\n", NULL, 1 },
		{ "", "no account is in it", 0 },
		{ "source,destination\n", "no account is in it", 0 },
		{ "source\na\n", "line 1: column destination is missing", 0 },
		{ "source,destination,x\n", "line 1: column x: there is no",
			0 },
		{ "source,source\n", "line 1: column source: given twice", 0 },
		{ "source,destination\na\n", "line 2: 1 fields where", 0 },
		{ "source,destination\n\na,\n", "line 3: source or dest", 0 },
		{ "source,destination\na,\"b\n", "line ", 0 },
		{ "source,destination\na\"b,c\n", "line 2", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error = { "" };
		struct copy_list list;
		int result = copy_list_read(
			cases[i].text, strlen(cases[i].text), &list, &error);

		if ((result == 0) != (cases[i].says == NULL) ||
			(result < 0 &&
				strstr(error.text, cases[i].says) == NULL))
			fail_msg("case %zu: %d %s", i, result, error.text);
		if (result == 0)
			assert_int_equal(list.count, cases[i].rows);
		if (i == 2) {
			assert_string_equal(
				list.rows[0].fields[COPY_LIST_SOURCE], "a,1");
			assert_string_equal(
				list.rows[0].fields[COPY_LIST_SOURCE_PASSWORD],
				"");
			assert_int_equal(list.rows[0].line, 2);
		}
		copy_list_clear(&list);
	}
}

static void test_bar(void **state)
{
	static const struct {
		const char *folder;
		uint64_t done, total, bytes;
		int64_t ms;
		size_t columns;
		const char *line;
	} cases[] = {
		{ "INBOX", 0, 0, 0, 0, 80,
			"[--------------------] 0/0, 0.0 MB, 0/s, 0.0 MB/s  "
			"INBOX" },
		{ "INBOX", 50, 100, 2000000, 10000, 120,
			"[##########----------] 50/100, 2.0 MB, 5/s, 0.2 MB/s, "
			"0:10 left  INBOX" },
		/* more than was planned, and a terminal that is too small */
		{ "INBOX", 120, 100, 0, 1000, 20,
			"[####################] 120/100, 0.0 MB, 120/s, 0.0 "
			"MB/s" },
		{ "a\x1b[2Jb", 1, 1, 0, 1000, 120,
			"[####################] 1/1, 0.0 MB, 1/s, 0.0 MB/s  "
			"a?[2Jb" },
		{ "Archive/2019/Q1", 1, 7201, 0, 1000, 74,
			"[--------------------] 1/7201, 0.0 MB, 1/s, 0.0 MB/s, "
			"2:00:00 left  ~9/Q1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer text = BUFFER_EMPTY;

		progress_print(cases[i].folder, cases[i].done, cases[i].total,
			cases[i].bytes, cases[i].ms, cases[i].columns, &text);
		if (strcmp(text.data, cases[i].line) != 0)
			fail_msg("case %zu: \"%s\"", i, text.data);
		buffer_free(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_bar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
