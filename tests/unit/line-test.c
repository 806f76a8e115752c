/* SPDX-License-Identifier: BSD-2-Clause */
/* Command lines: options wherever they stand, and what is wrong with them. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "ctl/line.h"
#include "lib/buffer.h"

static const struct command_option own[] = {
	{ "alias", 'a', "ADDRESS", "" },
	{ "dry-run", 'n', NULL, "" },
	{ "limit", 0, "NUMBER", "" },
	{ NULL, 0, NULL, NULL },
};

static const struct command_option global[] = {
	{ "config", 'c', "FILE", "" },
	{ "json", 0, NULL, "" },
	{ NULL, 0, NULL, NULL },
};

static const char *const names[] = { "alias", "dry-run", "limit", "config",
	"json" };

/* Splits text at blanks into at most 16 words, "''" an empty one. */
static int split(char *text, char *words[16])
{
	int count = 0;
	char *word;

	while ((word = strsep(&text, " ")) != NULL)
		if (*word != '\0')
			words[count++] =
				strcmp(word, "''") == 0 ? word + 2 : word;
	return count;
}

/* "taken: name=value ... | arguments", or "!error". */
static void read_line(
	const char *text, bool until_argument, struct buffer *seen)
{
	struct line *line = line_new();
	char copy[256], *words[16];
	struct error error;
	const char *value;
	int count, taken;

	strcpy(copy, text);
	count = split(copy, words);
	taken = line_read(
		line, count, words, own, global, until_argument, &error);
	buffer_clear(seen);
	if (taken < 0)
		buffer_printf(seen, "!%s", error.text);
	else
		buffer_printf(seen, "%d:", taken);
	for (size_t i = 0; taken >= 0 && i < 5; i++)
		for (size_t j = 0;
			(value = line_option_at(line, names[i], j)) != NULL;
			j++)
			buffer_printf(seen, " %s=%s", names[i], value);
	for (size_t i = 0; taken >= 0 && i < line_count(line); i++)
		buffer_printf(seen, " [%s]", line_argument(line, i));
	assert_null(line_argument(line, line_count(line)));
	line_free(&line);
	line_free(&line);
}

static void reads(void **state)
{
	static const struct {
		const char *text;
		bool until_argument;
		const char *seen;
	} cases[] = {
		{ "", false, "0:" },
		{ "x y", false, "2: [x] [y]" },
		{ "--alias a x --alias=b -ac -a d", false,
			"7: alias=a alias=b alias=c alias=d [x]" },
		{ "x --json -n", false, "3: dry-run= json= [x]" },
		{ "--alias= x", false, "2: alias= [x]" },
		{ "--alias '' x", false, "3: alias= [x]" },
		/* a value may look like an option */
		{ "-a -n x", false, "3: alias=-n [x]" },
		{ "-- -n --json", false, "3: [-n] [--json]" },
		{ "x -", false, "2: [x] [-]" },
		{ "--json -c f move -n", true, "3: config=f json=" },
		{ "move -n", true, "0:" },
		{ "--foo", false, "!no option --foo" },
		{ "--foo=bar", false, "!no option --foo" },
		{ "-x", false, "!no option -x" },
		{ "-xyz", false, "!no option -x" },
		/* no abbreviations: scripts would break with new options */
		{ "--dry", false, "!no option --dry" },
		{ "--json=yes", false, "!--json takes no value" },
		{ "-nn", false, "!-n takes no value" },
		{ "--alias", false, "!--alias needs a value: ADDRESS" },
		{ "x -c", false, "!-c needs a value: FILE" },
	};
	struct buffer seen = BUFFER_EMPTY;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		read_line(cases[i].text, cases[i].until_argument, &seen);
		assert_string_equal(seen.data, cases[i].seen);
	}
	buffer_free(&seen);
}

static void takes_the_last(void **state)
{
	struct line *line = line_new();
	char *words[] = { "--alias", "a", "--alias", "b" };
	struct error error;

	(void)state;
	assert_int_equal(
		line_read(line, 4, words, own, NULL, false, &error), 4);
	assert_string_equal(line_option(line, "alias"), "b");
	assert_true(line_has(line, "alias"));
	assert_false(line_has(line, "json"));
	line_add_argument(line, "--whatever");
	assert_string_equal(line_argument(line, 0), "--whatever");
	line_free(&line);
}

static void reads_numbers(void **state)
{
	static const struct {
		char *text;
		int result;
		size_t number;
	} cases[] = {
		{ "1", 1, 1 },
		{ "1000000", 1, 1000000 },
		{ "0", -1, 0 },
		{ "", -1, 0 },
		{ "-1", -1, 0 },
		{ "+1", -1, 0 },
		{ " 1", -1, 0 },
		{ "1x", -1, 0 },
		{ "99999999999999999999", -1, 0 },
	};
	struct error error;
	size_t number = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct line *line = line_new();
		char *words[] = { "--limit", cases[i].text };

		assert_int_equal(
			line_read_number(line, "limit", &number, &error), 0);
		assert_int_equal(
			line_read(line, 2, words, own, NULL, false, &error), 2);
		assert_int_equal(
			line_read_number(line, "limit", &number, &error),
			cases[i].result);
		if (cases[i].result == 1)
			assert_int_equal(number, cases[i].number);
		line_free(&line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(takes_the_last),
		cmocka_unit_test(reads_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
