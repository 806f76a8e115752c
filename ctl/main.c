/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rehome: the command line of the operators. Finds the command in the table,
 * reads the options and runs it; everything else is the commands' own.
 */
#include <config.h>

#include <locale.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/help.h"
#include "ctl/line.h"
#include "ctl/session.h"
#include "lib/endpoint.h"

static int main_take_globals(struct session *session, const struct line *line)
{
	struct error error;

	if (line_has(line, "config"))
		session->config_path = line_option(line, "config");
	if (line_has(line, "socket"))
		session->endpoint = line_option(line, "socket");
	session->json = line_has(line, "json");
	session->quiet = line_has(line, "quiet");
	if (session->endpoint != NULL &&
		endpoint_check(session->endpoint, &error) < 0)
		return session_misused(session, error.text);
	return 0;
}

/* The words behind the command. */
static int main_read_rest(struct session *session, struct line *line, int count,
	char *const words[])
{
	const struct command *command = session->command;
	struct error error;

	if (command->raw) {
		for (int i = 0; i < count; i++)
			line_add_argument(line, words[i]);
		return 0;
	}
	if (line_read(line, count, words, command->options,
		    command_global_options(), false, &error) < 0)
		return session_misused(session, error.text);
	if (line_has(line, "help"))
		return 0;
	if (line_count(line) < command->least)
		error_set(&error, "too few arguments, it takes %s",
			command->arguments);
	else if (line_count(line) > command->most)
		error_set(&error, "too many arguments, it takes %s",
			*command->arguments != '\0' ? command->arguments
						    : "none");
	else
		return 0;
	return session_misused(session, error.text);
}

/* second: the word behind, or NULL. */
static int main_unknown(struct session *session, const char *word,
	const char *second, bool is_first_of_two)
{
	struct buffer names = BUFFER_EMPTY;
	struct error both;

	if (!is_first_of_two)
		return session_fail(session, EX_USAGE, word,
			"there is no such command", "`rehome help` lists them");
	for (size_t i = 0; command_at(i) != NULL; i++) {
		const char *name = command_at(i)->name;
		size_t size = strlen(word);

		if (strncmp(name, word, size) == 0 && name[size] == ' ')
			buffer_printf(&names, "%s`rehome %s`",
				names.size > 0 ? " or " : "", name);
	}
	error_set(&both, "%s%s%s", word, second != NULL ? " " : "",
		second != NULL ? second : "");
	session_fail(session, EX_USAGE, both.text,
		second != NULL ? "there is no such command"
			       : "is only half of a command",
		names.data);
	buffer_free(&names);
	return EX_USAGE;
}

static int main_run(struct session *session, struct line *line, int count,
	char *const words[])
{
	struct error error;
	int words_taken, taken;
	int code;

	taken = line_read(line, count, words, NULL, command_global_options(),
		true, &error);
	if (taken < 0)
		return session_misused(session, error.text);
	count -= taken;
	words += taken;
	if (count == 0) {
		help_print_all(line_has(line, "help") ? stdout : stderr);
		return line_has(line, "help") ? 0 : EX_USAGE;
	}
	session->command = command_match(count, words, &words_taken);
	if (session->command == NULL)
		return main_unknown(session, words[0],
			count > 1 ? words[1] : NULL, words_taken > 0);
	code = main_read_rest(
		session, line, count - words_taken, words + words_taken);
	if (code != 0)
		return code;
	code = main_take_globals(session, line);
	if (code != 0)
		return code;
	if (line_has(line, "help")) {
		help_print(session->command, stdout);
		return 0;
	}
	return session->command->run(session, line);
}

int main(int argc, char *argv[])
{
	struct line *line = line_new();
	struct session session;
	int code;

	setlocale(LC_CTYPE, "");
	session_init(&session);
	code = main_run(&session, line, argc - 1, argv + 1);
	code = session_finish_output(&session, code);
	session_clear(&session);
	line_free(&line);
	return code;
}
