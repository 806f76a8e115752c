/* SPDX-License-Identifier: BSD-2-Clause */
/* `rehome help` and `rehome version`, see help.h. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/help.h"
#include "ctl/json.h"
#include "ctl/session.h"
#include "lib/buffer.h"
#include "lib/xalloc.h"

static void help_option(const struct command_option *option, FILE *out)
{
	struct buffer text = BUFFER_EMPTY;

	if (option->letter != 0)
		buffer_printf(&text, "-%c, ", option->letter);
	else
		buffer_add_text(&text, "    ");
	buffer_printf(&text, "--%s", option->name);
	if (option->argument != NULL)
		buffer_printf(&text, " %s", option->argument);
	fprintf(out, "  %-28s  %s\n", text.data, option->help);
	buffer_free(&text);
}

static void help_options(
	const char *title, const struct command_option *options, FILE *out)
{
	if (options == NULL)
		return;
	fprintf(out, "\n%s\n", title);
	for (; options->name != NULL; options++)
		help_option(options, out);
}

void help_print(const struct command *command, FILE *out)
{
	fprintf(out, "rehome %s%s%s%s\n  %s\n", command->name,
		*command->arguments != '\0' ? " " : "", command->arguments,
		command->options != NULL ? " [OPTION...]" : "", command->help);
	if (command->raw) {
		fprintf(out,
			"\n`rehome %s --help` lists its options, "
			"rehome-copier(8) explains them.\n",
			command->name);
		return;
	}
	help_options("Options", command->options, out);
	help_options("Options of every command", command_global_options(), out);
}

void help_print_all(FILE *out)
{
	const struct command *command;

	fputs("rehome [OPTION...] COMMAND [ARGUMENT...]\n", out);
	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		if (command->theme != NULL)
			fprintf(out, "\n%s\n", command->theme);
		fprintf(out, "  %-16s  %s\n", command->name, command->help);
	}
	help_options("Options of every command", command_global_options(), out);
	fputs("\n`rehome help COMMAND` tells more, rehome(1) all.\n", out);
}

static void help_print_json(
	const struct command *command, struct json_array *array)
{
	const struct command_option *option = command->options;
	struct attr_list *message = attr_list_new();

	attr_list_add(message, "command", command->name);
	attr_list_add(message, "arguments", command->arguments);
	attr_list_add(message, "help", command->help);
	for (; option != NULL && option->name != NULL; option++)
		attr_list_printf(message, "option", "--%s%s%s", option->name,
			option->argument != NULL ? " " : "",
			option->argument != NULL ? option->argument : "");
	json_array_add(array, message);
	attr_list_free(&message);
}

static void help_all_json(const struct command *only)
{
	const struct command *command;
	struct json_array array;

	json_array_begin(&array, stdout);
	for (size_t i = 0; (command = command_at(i)) != NULL; i++)
		if (only == NULL || command == only)
			help_print_json(command, &array);
	json_array_end(&array);
}

/* The commands whose first of two words it is; their number. */
static size_t help_print_half(const char *word)
{
	const struct command *command;
	size_t size = strlen(word), count = 0;

	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		if (strncmp(command->name, word, size) != 0 ||
			command->name[size] != ' ')
			continue;
		if (count++ > 0)
			putchar('\n');
		help_print(command, stdout);
	}
	return count;
}

static int help_one(struct session *session, const char *name)
{
	const struct command *command = command_find(name);

	if (command == NULL && !session->json && help_print_half(name) > 0)
		return 0;
	if (command == NULL)
		return session_fail(session, EX_USAGE, name,
			"there is no such command", "`rehome help` lists them");
	if (session->json)
		help_all_json(command);
	else
		help_print(command, stdout);
	return 0;
}

int help_command(struct session *session, const struct line *line)
{
	const char *more = line_argument(line, 1);
	char *name;
	int code;

	if (line_count(line) == 0) {
		if (session->json)
			help_all_json(NULL);
		else
			help_print_all(stdout);
		return 0;
	}
	name = xasprintf("%s%s%s", line_argument(line, 0),
		more != NULL ? " " : "", more != NULL ? more : "");
	code = help_one(session, name);
	free(name);
	return code;
}

int help_version(struct session *session, const struct line *line)
{
	struct attr_list *message;

	(void)line;
	if (!session->json) {
		puts(PACKAGE_NAME " " PACKAGE_VERSION);
		return 0;
	}
	message = attr_list_new();
	attr_list_add(message, "name", PACKAGE_NAME);
	attr_list_add(message, "version", PACKAGE_VERSION);
	json_print(stdout, message);
	attr_list_free(&message);
	return 0;
}
