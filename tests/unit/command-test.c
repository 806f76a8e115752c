/* SPDX-License-Identifier: BSD-2-Clause */
/* Command lines: how they are split, and that they are run. */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policyd/command.h"

static void lines_are_split(void **state)
{
	static const struct {
		const char *line, *id;
		const char *joined; /* the words, each behind a '|' */
	} cases[] = {
		{ "", NULL, "" },
		{ "  \t ", NULL, "" },
		{ "/bin/true", NULL, "|/bin/true" },
		{ " /a\tb  c ", NULL, "|/a|b|c" },
		{ "/q -i %i", "ABC", "|/q|-i|ABC" },
		{ "/q --id=%i/%i", "A1", "|/q|--id=A1/A1" },
		{ "/q %i", NULL, "|/q|%i" },
		{ "/q 100%% %d % %", "A1", "|/q|100%|%d|%|%" },
		{ "/q %%i", "A1", "|/q|%i" },
		{ "/q 'a b'", NULL, "|/q|'a|b'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char **words = command_split(cases[i].line, cases[i].id);
		char joined[128] = "";

		for (size_t j = 0; words != NULL && words[j] != NULL; j++) {
			strncat(joined, "|", sizeof(joined) - 1);
			strncat(joined, words[j],
				sizeof(joined) - strlen(joined) - 1);
		}
		assert_string_equal(joined, cases[i].joined);
		assert_true((words == NULL) == (joined[0] == '\0'));
		free(words);
	}
}

static void commands_are_run(void **state)
{
	struct buffer output = BUFFER_EMPTY;
	struct error error;

	(void)state;
	assert_int_equal(command_run("/bin/echo one %i", "two", 5000, 100,
				 &output, &error),
		0);
	assert_string_equal(output.data, "one two\n");
	buffer_free(&output);
	assert_int_equal(
		command_run("/bin/echo one", NULL, 5000, 0, NULL, &error), 0);
}

static void failures_are_told(void **state)
{
	struct buffer output = BUFFER_EMPTY;
	struct error error = { "" };

	(void)state;
	assert_int_equal(
		command_run("/bin/false", NULL, 5000, 0, NULL, &error), -1);
	assert_non_null(strstr(error.text, "/bin/false"));
	assert_int_equal(command_run(" ", NULL, 5000, 0, NULL, &error), -1);
	assert_int_equal(
		command_run("/nowhere", NULL, 5000, 0, NULL, &error), -1);
	assert_int_equal(
		command_run("/bin/sleep 20", NULL, 100, 0, NULL, &error), -1);
	/* Too much is not taken for the whole. */
	assert_int_equal(command_run("/bin/echo too much", NULL, 5000, 5,
				 &output, &error),
		-1);
	buffer_free(&output);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_split),
		cmocka_unit_test(commands_are_run),
		cmocka_unit_test(failures_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
