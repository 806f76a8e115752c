/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a command line. Not getopt_long(3): it accepts any abbreviation, so
 * that a new option breaks old scripts, and its messages name no command.
 */
#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/line.h"
#include "lib/xalloc.h"

struct line_value {
	const struct command_option *option;
	const char *value;
};

struct line {
	struct line_value *values;
	size_t values_count;
	const char **arguments;
	size_t count;
};

struct line *line_new(void)
{
	return xcalloc(1, sizeof(struct line));
}

void line_free(struct line **line)
{
	if (*line == NULL)
		return;
	free((*line)->values);
	free((*line)->arguments);
	free(*line);
	*line = NULL;
}

void line_add_argument(struct line *line, const char *word)
{
	line->arguments = xreallocarray(
		line->arguments, line->count + 1, sizeof(*line->arguments));
	line->arguments[line->count++] = word;
}

static void line_add_value(struct line *line,
	const struct command_option *option, const char *value)
{
	line->values = xreallocarray(
		line->values, line->values_count + 1, sizeof(*line->values));
	line->values[line->values_count].option = option;
	line->values[line->values_count++].value = value;
}

static const struct command_option *line_find_long(
	const struct command_option *options, const char *name, size_t size)
{
	for (; options != NULL && options->name != NULL; options++)
		if (strlen(options->name) == size &&
			strncmp(options->name, name, size) == 0)
			return options;
	return NULL;
}

static const struct command_option *line_find_letter(
	const struct command_option *options, char letter)
{
	for (; options != NULL && options->name != NULL; options++)
		if (options->letter == letter)
			return options;
	return NULL;
}

/* One word that begins with a dash. Returns the words taken or -1. */
static int line_read_option(struct line *line, int count, char *const words[],
	const struct command_option *own, const struct command_option *global,
	struct error *error)
{
	const char *word = words[0], *value = NULL;
	const struct command_option *option;
	size_t size;

	if (word[1] == '-') {
		size = strcspn(word + 2, "=");
		option = line_find_long(own, word + 2, size);
		if (option == NULL)
			option = line_find_long(global, word + 2, size);
		if (word[2 + size] == '=')
			value = word + 2 + size + 1;
		size += 2;
	} else {
		size = 2;
		option = line_find_letter(own, word[1]);
		if (option == NULL)
			option = line_find_letter(global, word[1]);
		if (word[2] != '\0')
			value = word + 2;
	}
	if (option == NULL) {
		error_set(error, "no option %.*s", (int)size, word);
		return -1;
	}
	if (option->argument == NULL) {
		if (value != NULL) {
			error_set(
				error, "%.*s takes no value", (int)size, word);
			return -1;
		}
		line_add_value(line, option, "");
		return 1;
	}
	if (value == NULL && count < 2) {
		error_set(
			error, "%s needs a value: %s", word, option->argument);
		return -1;
	}
	line_add_value(line, option, value != NULL ? value : words[1]);
	return value != NULL ? 1 : 2;
}

int line_read(struct line *line, int count, char *const words[],
	const struct command_option *own, const struct command_option *global,
	bool until_argument, struct error *error)
{
	bool options = true;
	int at = 0, taken;

	while (at < count) {
		const char *word = words[at];

		if (options && strcmp(word, "--") == 0) {
			options = false;
			at++;
			continue;
		}
		/* a lone dash is an argument: standard input */
		if (options && word[0] == '-' && word[1] != '\0') {
			taken = line_read_option(line, count - at, words + at,
				own, global, error);
			if (taken < 0)
				return -1;
			at += taken;
			continue;
		}
		if (until_argument)
			break;
		line_add_argument(line, word);
		at++;
	}
	return at;
}

const char *line_option_at(
	const struct line *line, const char *name, size_t index)
{
	for (size_t i = 0; i < line->values_count; i++)
		if (strcmp(line->values[i].option->name, name) == 0 &&
			index-- == 0)
			return line->values[i].value;
	return NULL;
}

const char *line_option(const struct line *line, const char *name)
{
	for (size_t i = line->values_count; i-- > 0;)
		if (strcmp(line->values[i].option->name, name) == 0)
			return line->values[i].value;
	return NULL;
}

bool line_has(const struct line *line, const char *name)
{
	return line_option(line, name) != NULL;
}

int line_read_number(const struct line *line, const char *name,
	size_t *number_r, struct error *error)
{
	const char *text = line_option(line, name);
	unsigned long long number;
	char *end;

	if (text == NULL)
		return 0;
	errno = 0;
	number = strtoull(text, &end, 10);
	/* strtoull takes a sign and blanks */
	if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' ||
		number == 0 || number > INT64_MAX) {
		error_set(error, "--%s takes a number of 1 or more", name);
		return -1;
	}
	*number_r = (size_t)number;
	return 1;
}

size_t line_count(const struct line *line)
{
	return line->count;
}

const char *line_argument(const struct line *line, size_t index)
{
	return index < line->count ? line->arguments[index] : NULL;
}
