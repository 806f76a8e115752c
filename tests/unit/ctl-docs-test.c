/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of commands against the manual page and the completion of bash(1):
 * each command and each of its options stands in both, and nothing else does.
 * REHOME_SOURCE is the top of the source tree.
 */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ctl/command.h"
#include "lib/buffer.h"
#include "lib/xalloc.h"

#define GLOBAL "(every command)"

/* "COMMAND" and "COMMAND --option[ LETTER][ ARGUMENT]" lines, sorted. */
struct names {
	char **names;
	size_t count;
};

static void names_add(struct names *names, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void names_add(struct names *names, const char *format, ...)
{
	char *text = NULL;
	va_list arguments;

	va_start(arguments, format);
	assert_true(vasprintf(&text, format, arguments) >= 0);
	va_end(arguments);
	names->names = xreallocarray(
		names->names, names->count + 1, sizeof(*names->names));
	names->names[names->count++] = text;
}

static void names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->names[i]);
	free(names->names);
}

static int names_compare(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static void names_sort(struct names *names)
{
	if (names->count > 0)
		qsort(names->names, names->count, sizeof(*names->names),
			names_compare);
}

static bool names_has(const struct names *names, const char *name)
{
	return bsearch(&name, names->names, names->count, sizeof(*names->names),
		       names_compare) != NULL;
}

/* Tells all differences, not only the first. */
static void names_match(
	const struct names *table, const struct names *other, const char *what)
{
	size_t bad = 0;

	for (size_t i = 0; i < table->count; i++)
		if (!names_has(other, table->names[i])) {
			print_error("%s lacks: %s\n", what, table->names[i]);
			bad++;
		}
	for (size_t i = 0; i < other->count; i++) {
		if (!names_has(table, other->names[i])) {
			print_error("only %s has: %s\n", what, other->names[i]);
			bad++;
		}
		if (i > 0 &&
			strcmp(other->names[i - 1], other->names[i]) == 0) {
			print_error(
				"%s has twice: %s\n", what, other->names[i]);
			bad++;
		}
	}
	assert_int_equal(bad, 0);
	assert_true(table->count > 20);
}

static FILE *open_source(const char *path)
{
	const char *top = getenv("REHOME_SOURCE");
	char *name = xasprintf("%s/%s", top != NULL ? top : ".", path);
	FILE *file = fopen(name, "r");

	if (file == NULL)
		fail_msg("cannot open %s", name);
	free(name);
	return file;
}

static void table_options(struct names *names, const char *command,
	const struct command_option *option, bool whole)
{
	for (; option != NULL && option->name != NULL; option++) {
		char letter[2] = { option->letter, '\0' };

		if (whole)
			names_add(names, "%s --%s %s %s", command, option->name,
				*letter != '\0' ? letter : "-",
				option->argument != NULL ? option->argument
							 : "-");
		else
			names_add(names, "%s --%s", command, option->name);
	}
}

static void table_names(struct names *names, bool whole)
{
	const struct command *command;

	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		names_add(names, "%s", command->name);
		table_options(names, command->name, command->options, whole);
	}
	table_options(names, GLOBAL, command_global_options(), whole);
	names_sort(names);
}

/* ---- the manual page ---- */

/* The commands that the options under way belong to. */
struct group {
	char *commands[8];
	size_t count;
	bool open; /* the line before was a name too */
};

static void group_clear(struct group *group)
{
	for (size_t i = 0; i < group->count; i++)
		free(group->commands[i]);
	group->count = 0;
}

/* ".It Ic alias add Ar ADDRESS": up to the next macro. */
static void page_command(
	struct names *names, struct group *group, const char *text)
{
	struct buffer name = BUFFER_EMPTY;

	while (*text != '\0') {
		size_t size = strcspn(text, " ");

		if (strncmp(text, "Ar", size) == 0 ||
			strncmp(text, "Op", size) == 0)
			break;
		buffer_printf(&name, "%s%.*s", name.size > 0 ? " " : "",
			(int)size, text);
		text += size;
		text += strspn(text, " ");
	}
	if (!group->open)
		group_clear(group);
	assert_true(group->count < 8);
	group->commands[group->count++] = xstrdup(name.data);
	group->open = true;
	names_add(names, "%s", name.data);
	buffer_free(&name);
}

/* ".It Fl b , -batch Ar BATCH" */
static void page_option(
	struct names *names, const struct group *group, const char *text)
{
	char letter = '-', name[64], argument[64] = "-";

	if (text[0] != '-') {
		letter = text[0];
		assert_memory_equal(text + 1, " , ", 3);
		text += 4;
	}
	assert_true(sscanf(text, "-%63s Ar %63s", name, argument) >= 1);
	for (size_t i = 0; i < group->count; i++)
		names_add(names, "%s --%s %c %s", group->commands[i], name,
			letter, argument);
}

static void page_names(struct names *names)
{
	FILE *file = open_source("ctl/rehome.1");
	struct group group = { .count = 0 };
	char line[1024];
	bool wanted = false;

	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, ".Sh COMMANDS") == 0) {
			wanted = true;
			group_clear(&group);
		} else if (strcmp(line, ".Ss Options of every command") == 0) {
			wanted = true;
			group.commands[group.count++] = xstrdup(GLOBAL);
		} else if (strncmp(line, ".Sh ", 4) == 0) {
			wanted = false;
		} else if (wanted && strncmp(line, ".It Ic ", 7) == 0) {
			page_command(names, &group, line + 7);
		} else if (wanted && strncmp(line, ".It Fl ", 7) == 0) {
			page_option(names, &group, line + 7);
		}
		/* only names that stand together share their options */
		group.open = wanted && strncmp(line, ".It Ic ", 7) == 0;
	}
	fclose(file);
	group_clear(&group);
	names_sort(names);
}

static void page_is_complete(void **state)
{
	struct names table = { NULL, 0 }, page = { NULL, 0 };

	(void)state;
	table_names(&table, true);
	page_names(&page);
	names_match(&table, &page, "ctl/rehome.1");
	names_free(&table);
	names_free(&page);
}

/* ---- the completion ---- */

/* The words between two double quotes, each an option of the command. */
static void completion_options(
	struct names *names, const char *command, const char *text)
{
	while (*text != '\0' && *text != '"') {
		size_t size = strcspn(text, " \"");

		if (size > 0)
			names_add(names, "%s %.*s", command, (int)size, text);
		text += size;
		text += strspn(text, " ");
	}
}

static void completion_names(struct names *names)
{
	static const char globals[] = "_rehome_globals=\"";
	FILE *file = open_source("ctl/rehome.bash-completion");
	char line[1024], command[64];
	int size;

	while (fgets(line, sizeof(line), file) != NULL) {
		size = 0;
		if (sscanf(line, "\t[\"%63[^\"]\"]=\"%n", command, &size) ==
				1 &&
			size > 0) {
			names_add(names, "%s", command);
			completion_options(names, command, line + size);
		} else if (strncmp(line, globals, sizeof(globals) - 1) == 0) {
			completion_options(
				names, GLOBAL, line + sizeof(globals) - 1);
		}
	}
	fclose(file);
	names_sort(names);
}

static void completion_is_complete(void **state)
{
	struct names table = { NULL, 0 }, completion = { NULL, 0 };

	(void)state;
	table_names(&table, false);
	completion_names(&completion);
	names_match(&table, &completion, "ctl/rehome.bash-completion");
	names_free(&table);
	names_free(&completion);
}

/* ---- the table itself ---- */

static void check_options(const struct command_option *option)
{
	for (; option != NULL && option->name != NULL; option++) {
		const struct command_option *other = command_global_options();

		assert_non_null(option->help);
		for (; other->name != NULL; other++) {
			if (other == option)
				continue;
			assert_string_not_equal(other->name, option->name);
			assert_true(option->letter == 0 ||
				    other->letter != option->letter);
		}
		for (other = option + 1; other->name != NULL; other++) {
			assert_string_not_equal(other->name, option->name);
			assert_true(option->letter == 0 ||
				    other->letter != option->letter);
		}
	}
}

static void table_is_sound(void **state)
{
	const struct command *command;

	(void)state;
	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		assert_non_null(command->run);
		assert_non_null(command->help);
		assert_true(strlen(command->help) <= 60);
		assert_true(command->least <= command->most);
		assert_ptr_equal(command_find(command->name), command);
		check_options(command->options);
	}
	check_options(command_global_options());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(page_is_complete),
		cmocka_unit_test(completion_is_complete),
		cmocka_unit_test(table_is_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
